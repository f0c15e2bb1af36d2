// Sorts row numbers by label, and by number within a label. `Clusters::new` is the same function in Rust.
//
// The rows are cut into blocks. One invocation walks a block from its first row to its last, twice: to count
// its labels, and to put its rows in their places. Nothing depends on which invocation comes first.

// Kept in step with `SortShape` in update.rs.
struct Shape {
    rows: u32,
    labels: u32,
    blocks: u32,
    block_rows: u32,
}

@group(0) @binding(0) var<uniform> shape: Shape;
// One label for each row; a line of workgroups sorts one sub-vector's.
@group(0) @binding(1) var<storage, read> row_labels: array<u32>;
// Lines x blocks x labels: first counts, then how many rows of the label are in blocks before. Zeros at first.
@group(0) @binding(2) var<storage, read_write> table: array<u32>;
// Lines x (labels + 1): where each label's rows start, and after the last one the number of rows.
@group(0) @binding(3) var<storage, read_write> starts: array<u32>;
// Lines x rows.
@group(0) @binding(4) var<storage, read_write> order: array<u32>;

const INVOCATIONS = 64u;

var<workgroup> sums: array<u32, INVOCATIONS>;

@compute @workgroup_size(INVOCATIONS)
fn count(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) all: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let block = (id.x + id.y * all.x) * INVOCATIONS + local;
    if block >= shape.blocks { return; }
    let at = (id.z * shape.blocks + block) * shape.labels;
    let end = min((block + 1u) * shape.block_rows, shape.rows);
    for (var row = block * shape.block_rows; row < end; row++) {
        table[at + row_labels[id.z * shape.rows + row]] += 1u;
    }
}

// One invocation for each label.
@compute @workgroup_size(INVOCATIONS)
fn add_blocks(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) all: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let label = (id.x + id.y * all.x) * INVOCATIONS + local;
    if label >= shape.labels { return; }
    var before = 0u;
    for (var block = 0u; block < shape.blocks; block++) {
        let at = (id.z * shape.blocks + block) * shape.labels + label;
        let rows = table[at];
        table[at] = before;
        before += rows;
    }
    starts[id.z * (shape.labels + 1u) + label] = before;
}

// One workgroup for each line: an invocation adds up its share of the labels, then what is before them.
@compute @workgroup_size(INVOCATIONS)
fn add_labels(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = id.z * (shape.labels + 1u);
    let share = (shape.labels + INVOCATIONS - 1u) / INVOCATIONS;
    let first = min(local * share, shape.labels);
    let end = min(first + share, shape.labels);
    var sum = 0u;
    for (var label = first; label < end; label++) { sum += starts[at + label]; }
    sums[local] = sum;
    workgroupBarrier();
    var before = 0u;
    for (var i = 0u; i < local; i++) { before += sums[i]; }
    for (var label = first; label < end; label++) {
        let rows = starts[at + label];
        starts[at + label] = before;
        before += rows;
    }
    if local == INVOCATIONS - 1u { starts[at + shape.labels] = before; }
}

@compute @workgroup_size(INVOCATIONS)
fn place(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) all: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let block = (id.x + id.y * all.x) * INVOCATIONS + local;
    if block >= shape.blocks { return; }
    let at = (id.z * shape.blocks + block) * shape.labels;
    let end = min((block + 1u) * shape.block_rows, shape.rows);
    for (var row = block * shape.block_rows; row < end; row++) {
        let label = row_labels[id.z * shape.rows + row];
        let place = starts[id.z * (shape.labels + 1u) + label] + table[at + label];
        table[at + label] += 1u;
        order[id.z * shape.rows + place] = row;
    }
}
