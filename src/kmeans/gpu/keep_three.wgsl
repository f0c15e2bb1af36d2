// Keeps the three nearest centroids of each row: a part of nearest_centroid.wgsl, after three_nearest.wgsl.

// Of a row: what undoes its scale, and the doubt that rounding leaves.
@group(0) @binding(4) var<storage, read> terms: array<vec2<f32>>;
// Splits x rows.
@group(0) @binding(5) var<storage, read_write> found_before: array<ThreeNearest>;

alias Nearest = ThreeNearest;

var<workgroup> found_here: array<ThreeNearest, INVOCATIONS>;

fn row_count() -> u32 { return shape.rows; }

fn row_at(i: u32) -> u32 { return i; }

fn score(row: u32, bias: vec4<f32>, product: vec4<f32>) -> vec4<f32> {
    return bias - product * terms[min(row, shape.rows - 1u)].x;
}

fn nearer(near: ThreeNearest, four: vec4<f32>, column: u32) -> ThreeNearest {
    let label = shape.base_column + column;
    let half = beside(beside(near, four.x, label), four.y, label + 1u);
    return beside(beside(half, four.z, label + 2u), four.w, label + 3u);
}

fn settle(tile_row: u32, line: u32, split: u32, local: u32, found: array<ThreeNearest, 8>) {
    settle_row(tile_row, split, 0u, local, found[0]);
    settle_row(tile_row, split, 1u, local, found[1]);
    settle_row(tile_row, split, 2u, local, found[2]);
    settle_row(tile_row, split, 3u, local, found[3]);
    settle_row(tile_row, split, 64u, local, found[4]);
    settle_row(tile_row, split, 65u, local, found[5]);
    settle_row(tile_row, split, 66u, local, found[6]);
    settle_row(tile_row, split, 67u, local, found[7]);
}

// Joins what 16 invocations found of each of 16 rows.
fn settle_row(tile_row: u32, split: u32, row_in_four: u32, local: u32, found: ThreeNearest) {
    let x = local / 32u % 2u * 8u + local % 8u;
    let y = local / 64u * 4u + local / 8u % 4u;
    workgroupBarrier();
    found_here[16u * y + x] = found;
    workgroupBarrier();
    let row = tile_row + row_in_four + 4u * local;
    if local < 16u && row < shape.rows {
        let at = split * shape.rows + row;
        var near = none();
        if shape.is_first == 0u { near = found_before[at]; }
        for (var i = 0u; i < 16u; i++) { near = joined(near, found_here[16u * local + i]); }
        found_before[at] = near;
    }
}
