// Keeps the nearest centroid of each row, and writes its label: a part of nearest_centroid.wgsl.

// The smallest score so far, and the label that has it: lines x rows, or splits x rows where workgroups share the
// centroids of a row.
@group(0) @binding(4) var<storage, read_write> scores: array<f32>;
@group(0) @binding(5) var<storage, read_write> labels: array<u32>;
// How many rows are listed, then which ones.
@group(0) @binding(6) var<storage, read> list: array<u32>;

struct Nearest {
    score: f32,
    label: u32,
}

fn none() -> Nearest { return Nearest(FARTHEST, 0u); }

fn row_count() -> u32 {
    if shape.is_listed != 0u { return list[0]; }
    return shape.rows;
}

fn row_at(i: u32) -> u32 {
    if shape.is_listed != 0u { return list[1u + i]; }
    return shape.first_row + i;
}

fn score(row: u32, bias: vec4<f32>, product: vec4<f32>) -> vec4<f32> { return bias - product; }

fn nearer(best: Nearest, four: vec4<f32>, column: u32) -> Nearest {
    var nearest = best;
    if four.x < nearest.score { nearest = Nearest(four.x, shape.base_column + column); }
    if four.y < nearest.score { nearest = Nearest(four.y, shape.base_column + column + 1u); }
    if four.z < nearest.score { nearest = Nearest(four.z, shape.base_column + column + 2u); }
    if four.w < nearest.score { nearest = Nearest(four.w, shape.base_column + column + 3u); }
    return nearest;
}

fn nearest_of(a: Nearest, b: Nearest) -> Nearest {
    if b.score < a.score || (b.score == a.score && b.label < a.label) { return b; }
    return a;
}

// What was found goes where the tiles were, a label where its score would be in the other tile; labels are below
// 2^24, so a float holds them. Then 128 invocations write a row each.
fn settle(tile_row: u32, line: u32, split: u32, local: u32, found: array<Nearest, 8>) {
    let x = local / 32u % 2u * 8u + local % 8u;
    let y = local / 64u * 4u + local / 8u % 4u;
    let a = together(found[0]);
    let b = together(found[1]);
    let c = together(found[2]);
    let d = together(found[3]);
    let e = together(found[4]);
    let f = together(found[5]);
    let g = together(found[6]);
    let h = together(found[7]);
    if speaks(x) {
        let at = y * ENTRIES + entry(x);
        row_tile[at] = Four(a.score, b.score, c.score, d.score);
        row_tile[at + 16u * ENTRIES] = Four(e.score, f.score, g.score, h.score);
        column_tile[at] = Four(vec4(a.label, b.label, c.label, d.label));
        column_tile[at + 16u * ENTRIES] = Four(vec4(e.label, f.label, g.label, h.label));
    }
    workgroupBarrier();
    if local >= TILE || tile_row + local >= row_count() { return; }
    var at = (shape.first_line + line) * shape.line_rows + row_at(tile_row + local);
    if shape.splits > 1u { at = split * shape.rows + tile_row + local; }
    var nearest = none();
    if shape.is_first == 0u { nearest = Nearest(scores[at], labels[at]); }
    for (var i = 0u; i < ENTRIES; i++) {
        let place = local / 4u * ENTRIES + i;
        nearest = nearest_of(nearest, Nearest(row_tile[place][local % 4u], u32(column_tile[place][local % 4u])));
    }
    scores[at] = nearest.score;
    labels[at] = nearest.label;
}
