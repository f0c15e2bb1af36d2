// Takes over the labels that half precision found, and lists the rows whose second centroid is too near to be sure.

// Kept in step with `ListShape` in halves.rs.
struct Shape {
    first_row: u32,
    rows: u32,
}

const FARTHEST = 0x1.fffffep+127f;
const INVOCATIONS = 64u;

@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> found: array<TwoNearest>;
// Of a row: what undoes its scale, and the doubt.
@group(0) @binding(2) var<storage, read> terms: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read_write> labels: array<u32>;
// How many rows are listed, then which ones, in any order.
@group(0) @binding(4) var<storage, read_write> list: List;

struct List {
    count: atomic<u32>,
    rows: array<u32>,
}

@compute @workgroup_size(INVOCATIONS)
fn list_doubtful(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) all: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let row = (id.x + id.y * all.x) * INVOCATIONS + local;
    if row >= shape.rows { return; }
    let near = found[row];
    labels[shape.first_row + row] = near.label;
    // Not `<=`: what is not a number is in doubt.
    if !(near.second - near.score > terms[row].y) {
        list.rows[atomicAdd(&list.count, 1u)] = shape.first_row + row;
    }
}
