// Finds the nearest centroid of each row: the smallest `bias - row . centroid`, and of equal ones the lowest.
// `Centroids::nearest` is the same function in Rust.
//
// A tiled matrix product whose result never leaves the registers. A workgroup takes 128 rows past all
// centroids, 128 at a time; an invocation computes 8 x 8 of the products and keeps the nearest centroid of
// each of its 8 rows. Loops are written out where the compiler must keep an array in registers.

// Kept in step with `Shape` in assign.rs.
struct Shape {
    // Rows of this dispatch: the first and how many.
    first_row: u32,
    rows: u32,
    // Values from one row to the next, and how many of them a centroid has.
    stride: u32,
    width: u32,
    // Centroids of this dispatch, among those in the buffer, and the number of the buffer's first one.
    first_column: u32,
    end_column: u32,
    columns: u32,
    base_column: u32,
    // A line of workgroups does one sub-vector: the first one, and how many labels each has.
    first_line: u32,
    line_rows: u32,
    // Whether `nearest` holds nothing yet.
    is_first: u32,
}

// Values of a row that are in workgroup memory at a time.
override DEPTH: u32 = 16u;
const TILE = 128u;
// 32 vectors of four rows, and one so that neighbours lie in different banks.
const PITCH = 33u;
const TILE_VECTORS = 528u; // of the larger DEPTH, 16
const INVOCATIONS = 256u;
const FARTHEST = 0x1.fffffep+127f;

@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> points: array<f32>;
@group(0) @binding(2) var<storage, read> centroids: array<f32>;
@group(0) @binding(3) var<storage, read> biases: array<f32>;
// The smallest score so far, and the label that has it.
@group(0) @binding(4) var<storage, read_write> scores: array<f32>;
@group(0) @binding(5) var<storage, read_write> labels: array<u32>;

var<workgroup> row_tile: array<vec4<f32>, TILE_VECTORS>;
var<workgroup> column_tile: array<vec4<f32>, TILE_VECTORS>;

struct Nearest {
    score: f32,
    label: u32,
}

@compute @workgroup_size(INVOCATIONS)
fn nearest_centroid(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) all: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let tile_row = (id.x + id.y * all.x) * TILE;
    if tile_row >= shape.rows { return; }
    // This invocation's rows and columns within the tile, in steps of four.
    let x = local % 16u;
    let y = local / 16u;

    var near_a = Nearest(FARTHEST, 0u);
    var near_b = Nearest(FARTHEST, 0u);
    var near_c = Nearest(FARTHEST, 0u);
    var near_d = Nearest(FARTHEST, 0u);
    var near_e = Nearest(FARTHEST, 0u);
    var near_f = Nearest(FARTHEST, 0u);
    var near_g = Nearest(FARTHEST, 0u);
    var near_h = Nearest(FARTHEST, 0u);

    for (var tile = shape.first_column; tile < shape.end_column; tile += TILE) {
        var a0 = vec4<f32>();
        var a1 = vec4<f32>();
        var b0 = vec4<f32>();
        var b1 = vec4<f32>();
        var c0 = vec4<f32>();
        var c1 = vec4<f32>();
        var d0 = vec4<f32>();
        var d1 = vec4<f32>();
        var e0 = vec4<f32>();
        var e1 = vec4<f32>();
        var f0 = vec4<f32>();
        var f1 = vec4<f32>();
        var g0 = vec4<f32>();
        var g1 = vec4<f32>();
        var h0 = vec4<f32>();
        var h1 = vec4<f32>();
        for (var depth = 0u; depth < shape.width; depth += DEPTH) {
            workgroupBarrier();
            load(tile_row, tile, depth, id.z, local);
            workgroupBarrier();
            for (var k = 0u; k < DEPTH; k++) {
                let at = k * PITCH;
                let upper = row_tile[at + 2u * y];
                let lower = row_tile[at + 2u * y + 1u];
                let left = column_tile[at + 2u * x];
                let right = column_tile[at + 2u * x + 1u];
                a0 = fma(vec4(upper.x), left, a0);
                a1 = fma(vec4(upper.x), right, a1);
                b0 = fma(vec4(upper.y), left, b0);
                b1 = fma(vec4(upper.y), right, b1);
                c0 = fma(vec4(upper.z), left, c0);
                c1 = fma(vec4(upper.z), right, c1);
                d0 = fma(vec4(upper.w), left, d0);
                d1 = fma(vec4(upper.w), right, d1);
                e0 = fma(vec4(lower.x), left, e0);
                e1 = fma(vec4(lower.x), right, e1);
                f0 = fma(vec4(lower.y), left, f0);
                f1 = fma(vec4(lower.y), right, f1);
                g0 = fma(vec4(lower.z), left, g0);
                g1 = fma(vec4(lower.z), right, g1);
                h0 = fma(vec4(lower.w), left, h0);
                h1 = fma(vec4(lower.w), right, h1);
            }
        }
        let column = tile + 8u * x;
        let bias0 = bias(id.z, column);
        let bias1 = bias(id.z, column + 4u);
        near_a = nearer(nearer(near_a, bias0 - a0, column), bias1 - a1, column + 4u);
        near_b = nearer(nearer(near_b, bias0 - b0, column), bias1 - b1, column + 4u);
        near_c = nearer(nearer(near_c, bias0 - c0, column), bias1 - c1, column + 4u);
        near_d = nearer(nearer(near_d, bias0 - d0, column), bias1 - d1, column + 4u);
        near_e = nearer(nearer(near_e, bias0 - e0, column), bias1 - e1, column + 4u);
        near_f = nearer(nearer(near_f, bias0 - f0, column), bias1 - f1, column + 4u);
        near_g = nearer(nearer(near_g, bias0 - g0, column), bias1 - g1, column + 4u);
        near_h = nearer(nearer(near_h, bias0 - h0, column), bias1 - h1, column + 4u);
    }
    // What was found goes where the tiles were, a label where its score would be in the other tile; labels are
    // below 2^24, so a float holds them.
    workgroupBarrier();
    row_tile[2u * local] = vec4(near_a.score, near_b.score, near_c.score, near_d.score);
    row_tile[2u * local + 1u] = vec4(near_e.score, near_f.score, near_g.score, near_h.score);
    column_tile[2u * local] = vec4<f32>(vec4(near_a.label, near_b.label, near_c.label, near_d.label));
    column_tile[2u * local + 1u] = vec4<f32>(vec4(near_e.label, near_f.label, near_g.label, near_h.label));
    workgroupBarrier();
    write(tile_row, id.z, local);
}

// Copies the values of 128 rows and 128 centroids from `depth` on, transposed; zeros where there are none.
fn load(tile_row: u32, tile_column: u32, depth: u32, line: u32, local: u32) {
    let k = local % DEPTH;
    for (var group = local / DEPTH; group < TILE / 4u; group += INVOCATIONS / DEPTH) {
        let row = tile_row + 4u * group;
        let column = tile_column + 4u * group;
        row_tile[k * PITCH + group] = vec4(
            row_value(row, line, depth + k),
            row_value(row + 1u, line, depth + k),
            row_value(row + 2u, line, depth + k),
            row_value(row + 3u, line, depth + k),
        );
        column_tile[k * PITCH + group] = vec4(
            column_value(column, line, depth + k),
            column_value(column + 1u, line, depth + k),
            column_value(column + 2u, line, depth + k),
            column_value(column + 3u, line, depth + k),
        );
    }
}

fn row_value(row: u32, line: u32, value: u32) -> f32 {
    if row >= shape.rows || value >= shape.width { return 0.0; }
    return points[(shape.first_row + row) * shape.stride + (shape.first_line + line) * shape.width + value];
}

fn column_value(column: u32, line: u32, value: u32) -> f32 {
    if column >= shape.end_column || value >= shape.width { return 0.0; }
    return centroids[(line * shape.columns + column) * shape.width + value];
}

// The biases of four columns; columns that are not there are never nearest.
fn bias(line: u32, column: u32) -> vec4<f32> {
    return vec4(
        bias_value(line, column),
        bias_value(line, column + 1u),
        bias_value(line, column + 2u),
        bias_value(line, column + 3u),
    );
}

fn bias_value(line: u32, column: u32) -> f32 {
    if column >= shape.end_column { return FARTHEST; }
    return biases[line * shape.columns + column];
}

fn nearer(best: Nearest, four: vec4<f32>, column: u32) -> Nearest {
    var nearest = best;
    if four.x < nearest.score { nearest = Nearest(four.x, shape.base_column + column); }
    if four.y < nearest.score { nearest = Nearest(four.y, shape.base_column + column + 1u); }
    if four.z < nearest.score { nearest = Nearest(four.z, shape.base_column + column + 2u); }
    if four.w < nearest.score { nearest = Nearest(four.w, shape.base_column + column + 3u); }
    return nearest;
}

// Of what 16 invocations found for a row, and earlier dispatches, the nearest.
fn write(tile_row: u32, line: u32, local: u32) {
    let row = tile_row + local;
    if local >= TILE || row >= shape.rows { return; }
    let at = (shape.first_line + line) * shape.line_rows + shape.first_row + row;
    var nearest = Nearest(FARTHEST, 0u);
    if shape.is_first == 0u { nearest = Nearest(scores[at], labels[at]); }
    for (var i = 0u; i < 16u; i++) {
        let place = 2u * (local / 8u * 16u + i) + local % 8u / 4u;
        let score = row_tile[place][local % 4u];
        let label = u32(column_tile[place][local % 4u]);
        if score < nearest.score || (score == nearest.score && label < nearest.label) {
            nearest = Nearest(score, label);
        }
    }
    scores[at] = nearest.score;
    labels[at] = nearest.label;
}
