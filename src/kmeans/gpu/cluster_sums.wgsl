// Sums the scaled differences of rows from their centroid, and the squares of these. `Piece::sum` in
// ../update.rs is the same function in Rust.
//
// A workgroup takes a piece, which is some rows of one cluster, and a slice of their dimensions. Its
// invocations stand in LANES columns: one dimension each, every so many rows. Each sum has one order.

// Kept in step with `SumShape` in update.rs.
struct Shape {
    pieces: u32,
    // Workgroups of a piece: slices of its dimensions.
    slices: u32,
    stride: u32,
    width: u32,
    // Centroids of one sub-vector.
    columns: u32,
    scale: f32,
}

// Kept in step with `GpuPiece` in update.rs.
struct Piece {
    // Where in `order` its rows are.
    first: u32,
    rows: u32,
    // The sub-vector, and the centroid of that.
    line: u32,
    column: u32,
}

override LANES: u32 = 256u;

const INVOCATIONS = 256u;

@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> points: array<f32>;
@group(0) @binding(2) var<storage, read> centroids: array<f32>;
@group(0) @binding(3) var<storage, read> order: array<u32>;
@group(0) @binding(4) var<storage, read> pieces: array<Piece>;
// Pieces x width.
@group(0) @binding(5) var<storage, read_write> differences: array<f32>;
// Pieces x slices.
@group(0) @binding(6) var<storage, read_write> losses: array<f32>;

var<workgroup> partial_sums: array<f32, INVOCATIONS>;
var<workgroup> partial_losses: array<f32, INVOCATIONS>;

@compute @workgroup_size(INVOCATIONS)
fn cluster_sums(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) all: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let group = id.x + id.y * all.x;
    if group >= shape.pieces * shape.slices { return; }
    let number = group / shape.slices;
    let piece = pieces[number];
    let value = group % shape.slices * LANES + local % LANES;
    var sum = 0.0;
    var loss = 0.0;
    if value < shape.width {
        let centroid = centroids[(piece.line * shape.columns + piece.column) * shape.width + value];
        for (var i = local / LANES; i < piece.rows; i += INVOCATIONS / LANES) {
            let at = order[piece.first + i] * shape.stride + piece.line * shape.width + value;
            let difference = (points[at] - centroid) * shape.scale;
            sum += difference;
            loss += difference * difference;
        }
    }
    partial_sums[local] = sum;
    partial_losses[local] = loss;
    workgroupBarrier();
    // The others of this column of invocations lie LANES apart.
    for (var step = INVOCATIONS / 2u; step > 0u; step /= 2u) {
        if local < step {
            if step >= LANES { partial_sums[local] += partial_sums[local + step]; }
            partial_losses[local] += partial_losses[local + step];
        }
        workgroupBarrier();
    }
    if local < LANES && value < shape.width { differences[number * shape.width + value] = partial_sums[local]; }
    if local == 0u { losses[group] = partial_losses[0]; }
}
