// Takes over the labels that half precision found, where the second centroid is far enough to be sure. Of two
// that are too near, single precision decides here; rows with more of them are listed.

// Kept in step with `SettleShape` in halves.rs.
struct Shape {
    first_row: u32,
    rows: u32,
    splits: u32,
    stride: u32,
    width: u32,
    // Whether all centroids are here.
    are_all_here: u32,
}

const FARTHEST = 0x1.fffffep+127f;
const INVOCATIONS = 64u;

@group(0) @binding(0) var<uniform> shape: Shape;
// Splits x rows.
@group(0) @binding(1) var<storage, read> found: array<ThreeNearest>;
// Of a row: what undoes its scale, and the doubt.
@group(0) @binding(2) var<storage, read> terms: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read> points: array<f32>;
@group(0) @binding(4) var<storage, read> centroids: array<f32>;
@group(0) @binding(5) var<storage, read> biases: array<f32>;
@group(0) @binding(6) var<storage, read_write> labels: array<u32>;
// How many rows are listed, then which ones, in any order.
@group(0) @binding(7) var<storage, read_write> list: List;

struct List {
    count: atomic<u32>,
    rows: array<u32>,
}

@compute @workgroup_size(INVOCATIONS)
fn settle_doubts(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) all: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = (id.x + id.y * all.x) * INVOCATIONS + local;
    if i >= shape.rows { return; }
    let row = shape.first_row + i;
    var near = none();
    for (var split = 0u; split < shape.splits; split++) { near = joined(near, found[split * shape.rows + i]); }
    // Not `<=`: what is not a number is in doubt.
    if near.second - near.score > terms[i].y {
        labels[row] = near.label;
    } else if shape.are_all_here == 1u && near.third - near.score > terms[i].y {
        labels[row] = nearer_of(row, near.label, near.second_label);
    } else {
        labels[row] = near.label;
        list.rows[atomicAdd(&list.count, 1u)] = row;
    }
}

fn nearer_of(row: u32, a: u32, b: u32) -> u32 {
    let scores = vec2(score(row, a), score(row, b));
    if scores.x == scores.y { return min(a, b); }
    return select(b, a, scores.x < scores.y);
}

// In the order in which nearest_centroid.wgsl adds, so that both round alike.
fn score(row: u32, label: u32) -> f32 {
    var product = 0.0;
    for (var value = 0u; value < shape.width; value++) {
        product = fma(points[row * shape.stride + value], centroids[label * shape.width + value], product);
    }
    return biases[label] - product;
}
