// Finds the three nearest centroids of each row as nearest_centroid.wgsl does, with the matrix units of a GPU:
// products of halves, summed in single precision.
//
// A workgroup is eight subgroups of 32 invocations, 4 x 2 over a tile of rows and centroids; a subgroup multiplies
// 2 x 4 matrices. Matrix units do not say which invocation holds which value of a result, so that each one passes
// through workgroup memory on its way to the comparison.
//
// A part of matrix_*.wgsl comes before this one, product_shape.wgsl and three_nearest.wgsl. Rows and centroids have the
// same number of values, a multiple of DEPTH.

const INVOCATIONS = 256u;
const LANES = 32u;
const TILE = 8u * SIZE;
// Values of a row in workgroup memory at a time, and from one row to the next: 80 bytes, so that the rows of a
// matrix lie in different banks.
const DEPTH = 32u;
const PITCH = 40u;
// What a row gets from the invocations and subgroups that share it.
const ENTRIES = 2u * LANES / SIZE;

@group(0) @binding(1) var<storage, read> points: array<vec4<f16>>;
@group(0) @binding(2) var<storage, read> centroids: array<vec4<f16>>;
// Of a row: what undoes its scale, and the doubt that rounding leaves.
@group(0) @binding(4) var<storage, read> terms: array<vec2<f32>>;
// Splits x rows.
@group(0) @binding(5) var<storage, read_write> found_before: array<ThreeNearest>;

// A matrix of each subgroup; in the end what was found.
var<workgroup> results: array<f32, 2560>;
var<workgroup> tile_biases: array<f32, TILE>;

// What an invocation copies of the next tiles; the last two rows and columns only where matrices are large.
struct Fetched {
    row_a: vec4<f16>,
    row_b: vec4<f16>,
    row_c: vec4<f16>,
    row_d: vec4<f16>,
    column_a: vec4<f16>,
    column_b: vec4<f16>,
    column_c: vec4<f16>,
    column_d: vec4<f16>,
}

@compute @workgroup_size(INVOCATIONS)
fn nearest_centroid(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) all: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
    @builtin(subgroup_id) subgroup: u32,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let tile_row = (id.x + id.y * all.x) * TILE;
    if tile_row >= shape.rows { return; }
    let own_row = subgroup % 4u * 2u * SIZE;
    let own_column = subgroup / 4u * 4u * SIZE;
    let own_result = subgroup * SIZE * SIZE;
    let row_a = own_row + lane % SIZE;
    let unscale_a = terms[min(tile_row + row_a, shape.rows - 1u)].x;
    let unscale_b = terms[min(tile_row + row_a + SIZE, shape.rows - 1u)].x;
    var near_a = none();
    var near_b = none();

    let first = shape.first_column + id.z * shape.split_columns;
    let end = min(first + shape.split_columns, shape.end_column);
    var fetched = fetch(tile_row, first, 0u, local);
    for (var tile = first; tile < end; tile += TILE) {
        var a0 = Sums();
        var a1 = Sums();
        var a2 = Sums();
        var a3 = Sums();
        var b0 = Sums();
        var b1 = Sums();
        var b2 = Sums();
        var b3 = Sums();
        for (var depth = 0u; depth < shape.width; depth += DEPTH) {
            workgroupBarrier();
            place(fetched, local);
            if depth == 0u && local < TILE { tile_biases[local] = bias(tile + local); }
            workgroupBarrier();
            if depth + DEPTH < shape.width {
                fetched = fetch(tile_row, tile, depth + DEPTH, local);
            } else {
                fetched = fetch(tile_row, tile + TILE, 0u, local);
            }
            for (var k = 0u; k < DEPTH; k += SIZE) {
                let row = (own_row * PITCH + k) / GRAIN;
                let column = (own_column * PITCH + k) / GRAIN;
                let upper = coopLoadT<RowMatrix>(&row_tile[row], PITCH / GRAIN);
                let lower = coopLoadT<RowMatrix>(&row_tile[row + SIZE * PITCH / GRAIN], PITCH / GRAIN);
                let one = coopLoad<ColumnMatrix>(&column_tile[column], PITCH / GRAIN);
                a0 = coopMultiplyAdd(upper, one, a0);
                b0 = coopMultiplyAdd(lower, one, b0);
                let two = coopLoad<ColumnMatrix>(&column_tile[column + SIZE * PITCH / GRAIN], PITCH / GRAIN);
                a1 = coopMultiplyAdd(upper, two, a1);
                b1 = coopMultiplyAdd(lower, two, b1);
                let three = coopLoad<ColumnMatrix>(&column_tile[column + 2u * SIZE * PITCH / GRAIN], PITCH / GRAIN);
                a2 = coopMultiplyAdd(upper, three, a2);
                b2 = coopMultiplyAdd(lower, three, b2);
                let four = coopLoad<ColumnMatrix>(&column_tile[column + 3u * SIZE * PITCH / GRAIN], PITCH / GRAIN);
                a3 = coopMultiplyAdd(upper, four, a3);
                b3 = coopMultiplyAdd(lower, four, b3);
            }
        }
        coopStore(a0, &results[own_result], SIZE);
        workgroupBarrier();
        near_a = nearer(near_a, own_result, tile, own_column, unscale_a, lane);
        workgroupBarrier();
        coopStore(a1, &results[own_result], SIZE);
        workgroupBarrier();
        near_a = nearer(near_a, own_result, tile, own_column + SIZE, unscale_a, lane);
        workgroupBarrier();
        coopStore(a2, &results[own_result], SIZE);
        workgroupBarrier();
        near_a = nearer(near_a, own_result, tile, own_column + 2u * SIZE, unscale_a, lane);
        workgroupBarrier();
        coopStore(a3, &results[own_result], SIZE);
        workgroupBarrier();
        near_a = nearer(near_a, own_result, tile, own_column + 3u * SIZE, unscale_a, lane);
        workgroupBarrier();
        coopStore(b0, &results[own_result], SIZE);
        workgroupBarrier();
        near_b = nearer(near_b, own_result, tile, own_column, unscale_b, lane);
        workgroupBarrier();
        coopStore(b1, &results[own_result], SIZE);
        workgroupBarrier();
        near_b = nearer(near_b, own_result, tile, own_column + SIZE, unscale_b, lane);
        workgroupBarrier();
        coopStore(b2, &results[own_result], SIZE);
        workgroupBarrier();
        near_b = nearer(near_b, own_result, tile, own_column + 2u * SIZE, unscale_b, lane);
        workgroupBarrier();
        coopStore(b3, &results[own_result], SIZE);
        workgroupBarrier();
        near_b = nearer(near_b, own_result, tile, own_column + 3u * SIZE, unscale_b, lane);
    }
    workgroupBarrier();
    let entry = subgroup / 4u * (LANES / SIZE) + lane / SIZE;
    leave(row_a * ENTRIES + entry, near_a);
    leave((row_a + SIZE) * ENTRIES + entry, near_b);
    workgroupBarrier();
    let row = tile_row + local;
    if local < TILE && row < shape.rows {
        let at = id.z * shape.rows + row;
        var near = none();
        if shape.is_first == 0u { near = found_before[at]; }
        for (var i = 0u; i < ENTRIES; i++) { near = joined(near, left(local * ENTRIES + i)); }
        found_before[at] = near;
    }
}

// Compares what a result holds of a row: it lies there column after column, and an invocation reads what its
// neighbours do not.
fn nearer(near: ThreeNearest, result: u32, tile: u32, first_column: u32, unscale: f32, lane: u32) -> ThreeNearest {
    var nearest = near;
    for (var i = 0u; i < SIZE * SIZE / LANES; i++) {
        let column = first_column + i * (LANES / SIZE) + lane / SIZE;
        let label = tile + column;
        let score = tile_biases[column] - results[result + i * LANES + lane] * unscale;
        if label < shape.end_column { nearest = beside(nearest, score, shape.base_column + label); }
    }
    return nearest;
}

// Labels are below 2^24, so a float holds them.
fn leave(entry: u32, near: ThreeNearest) {
    results[5u * entry] = near.score;
    results[5u * entry + 1u] = near.second;
    results[5u * entry + 2u] = near.third;
    results[5u * entry + 3u] = f32(near.label);
    results[5u * entry + 4u] = f32(near.second_label);
}

fn left(entry: u32) -> ThreeNearest {
    return ThreeNearest(
        results[5u * entry],
        results[5u * entry + 1u],
        results[5u * entry + 2u],
        u32(results[5u * entry + 3u]),
        u32(results[5u * entry + 4u]),
    );
}

fn bias(column: u32) -> f32 {
    if column >= shape.end_column { return FARTHEST; }
    return biases[column];
}

// Rows and columns that are not there are copies of the last one, and are not compared.
fn fetch(tile_row: u32, tile: u32, depth: u32, local: u32) -> Fetched {
    let four = depth / 4u + local % 8u;
    let row = tile_row + local / 8u;
    let column = tile + local / 8u;
    var fetched = Fetched();
    fetched.row_a = row_four(row, four);
    fetched.row_b = row_four(row + 32u, four);
    fetched.column_a = column_four(column, four);
    fetched.column_b = column_four(column + 32u, four);
    if TILE > 64u {
        fetched.row_c = row_four(row + 64u, four);
        fetched.row_d = row_four(row + 96u, four);
        fetched.column_c = column_four(column + 64u, four);
        fetched.column_d = column_four(column + 96u, four);
    }
    return fetched;
}

fn row_four(row: u32, four: u32) -> vec4<f16> {
    return points[min(row, shape.rows - 1u) * (shape.width / 4u) + four];
}

fn column_four(column: u32, four: u32) -> vec4<f16> {
    return centroids[min(column, shape.end_column - 1u) * (shape.width / 4u) + four];
}

fn place(fetched: Fetched, local: u32) {
    let at = local / 8u * PITCH + local % 8u * 4u;
    place_row(at, fetched.row_a);
    place_row(at + 32u * PITCH, fetched.row_b);
    place_column(at, fetched.column_a);
    place_column(at + 32u * PITCH, fetched.column_b);
    if TILE > 64u {
        place_row(at + 64u * PITCH, fetched.row_c);
        place_row(at + 96u * PITCH, fetched.row_d);
        place_column(at + 64u * PITCH, fetched.column_c);
        place_column(at + 96u * PITCH, fetched.column_d);
    }
}
