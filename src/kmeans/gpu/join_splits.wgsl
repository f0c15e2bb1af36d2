// Finds the nearest of what workgroups found that shared the centroids of a row among them.

// Kept in step with `JoinShape` in singles.rs.
struct Shape {
    first_row: u32,
    rows: u32,
    splits: u32,
    is_listed: u32,
}

const FARTHEST = 0x1.fffffep+127f;
const INVOCATIONS = 64u;

@group(0) @binding(0) var<uniform> shape: Shape;
// Splits x rows.
@group(0) @binding(1) var<storage, read> scores: array<f32>;
@group(0) @binding(2) var<storage, read> found: array<u32>;
@group(0) @binding(3) var<storage, read_write> labels: array<u32>;
// How many rows are listed, then which ones.
@group(0) @binding(4) var<storage, read> list: array<u32>;

@compute @workgroup_size(INVOCATIONS)
fn join_splits(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) all: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = (id.x + id.y * all.x) * INVOCATIONS + local;
    var rows = shape.rows;
    var row = shape.first_row + i;
    if shape.is_listed != 0u {
        rows = list[0];
        if i < rows { row = list[1u + i]; }
    }
    if i >= rows { return; }
    var score = FARTHEST;
    var label = 0u;
    // Splits are in the order of their labels, so that of equal scores the lowest label stays.
    for (var split = 0u; split < shape.splits; split++) {
        let at = split * shape.rows + i;
        if scores[at] < score {
            score = scores[at];
            label = found[at];
        }
    }
    labels[row] = label;
}
