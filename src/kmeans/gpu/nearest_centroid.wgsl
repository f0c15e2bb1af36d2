// Finds the nearest centroid of each row: the smallest `bias - row . centroid`, and of equal ones the lowest.
// `Centroids::nearest` is the same function in Rust.
//
// A tiled matrix product whose result never leaves the registers. A workgroup takes 128 rows past its share of the
// centroids, 128 at a time; an invocation computes 8 x 8 of the products and keeps the nearest centroid of
// each of its 8 rows. While one tile is multiplied, the values of the next are already on their way to
// registers. Loops are written out where the compiler must keep an array in registers.
//
// Besides product_shape.wgsl, two parts come before this one: one of load_*.wgsl, which says where values come from
// and in which precision (`Four`, `whole`, `Sources`, `sources`, `fetch`, `place`), and one of keep_*.wgsl, which says
// what is kept of a row and where it goes (`Nearest`, `none`, `nearer`, `settle`).

// Values of a row that are in workgroup memory at a time: 8 or 16.
override DEPTH: u32 = 16u;
const TILE = 128u;
// 32 vectors of four rows, and one so that neighbours lie in different banks.
const PITCH = 33u;
const TILE_VECTORS = 528u; // of the larger DEPTH, 16
const INVOCATIONS = 256u;

var<workgroup> row_tile: array<Four, TILE_VECTORS>;
var<workgroup> column_tile: array<Four, TILE_VECTORS>;

// What an invocation copies of the next tiles: four values each, the second ones only of a deep tile.
struct Fetched {
    row: Four,
    lower_row: Four,
    column: Four,
    lower_column: Four,
}

@compute @workgroup_size(INVOCATIONS)
fn nearest_centroid(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) all: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let tile_row = (id.x + id.y * all.x) * TILE;
    if tile_row >= row_count() { return; }
    // Which rows and columns of the tile are this invocation's: four at 4x and 4y, four 64 further on. 32
    // invocations that run together stand in 4 lines of 8, so that they read few different vectors, of
    // neighbouring banks.
    let x = local / 32u % 2u * 8u + local % 8u;
    let y = local / 64u * 4u + local / 8u % 4u;
    let line = id.z / shape.splits;
    let split = id.z % shape.splits;
    let own = sources(tile_row, line, local);
    let first = shape.first_column + split * shape.split_columns;
    let end = min(first + shape.split_columns, shape.end_column);

    var near_a = none();
    var near_b = none();
    var near_c = none();
    var near_d = none();
    var near_e = none();
    var near_f = none();
    var near_g = none();
    var near_h = none();

    var fetched = fetch(own, first, 0u);
    for (var tile = first; tile < end; tile += TILE) {
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
            place(fetched, local);
            workgroupBarrier();
            if depth + DEPTH < shape.width {
                fetched = fetch(own, tile, depth + DEPTH);
            } else {
                fetched = fetch(own, tile + TILE, 0u);
            }
            for (var k = 0u; k < DEPTH; k++) {
                let at = k * PITCH;
                let upper = whole(row_tile[at + y]);
                let lower = whole(row_tile[at + 16u + y]);
                let left = whole(column_tile[at + x]);
                let right = whole(column_tile[at + 16u + x]);
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
        let column = tile + 4u * x;
        let bias0 = bias(line, column);
        let bias1 = bias(line, column + 64u);
        let row = tile_row + 4u * y;
        near_a = compared(near_a, row, column, bias0, a0, bias1, a1);
        near_b = compared(near_b, row + 1u, column, bias0, b0, bias1, b1);
        near_c = compared(near_c, row + 2u, column, bias0, c0, bias1, c1);
        near_d = compared(near_d, row + 3u, column, bias0, d0, bias1, d1);
        near_e = compared(near_e, row + 64u, column, bias0, e0, bias1, e1);
        near_f = compared(near_f, row + 65u, column, bias0, f0, bias1, f1);
        near_g = compared(near_g, row + 66u, column, bias0, g0, bias1, g1);
        near_h = compared(near_h, row + 67u, column, bias0, h0, bias1, h1);
    }
    workgroupBarrier();
    settle(tile_row, line, split, local, array(near_a, near_b, near_c, near_d, near_e, near_f, near_g, near_h));
}

// Compares what was found of a row with four columns, and with four 64 further on.
fn compared(
    near: Nearest,
    row: u32,
    column: u32,
    left_bias: vec4<f32>,
    left: vec4<f32>,
    right_bias: vec4<f32>,
    right: vec4<f32>,
) -> Nearest {
    let nearest = nearer(near, score(row, left_bias, left), column);
    return nearer(nearest, score(row, right_bias, right), column + 64u);
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
