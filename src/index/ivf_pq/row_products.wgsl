// Everything about a row that its terms are made of. `RowTerms::new` in estimate.rs is the same in Rust.
//
// Four kernels that follow each other: halves become points, points become residuals, and (once the residuals
// have codes) inner products and packed codes.

// Kept in step with `Shape` in gpu.rs.
struct Shape {
    rows: u32,
    dim: u32,
    sub_vectors: u32,
    codewords: u32,
    // Labels of the centroids in the buffer.
    first_label: u32,
    end_label: u32,
}

const INVOCATIONS = 64u;

@group(0) @binding(0) var<uniform> shape: Shape;
// Rows x dim, two halves in a word.
@group(0) @binding(1) var<storage, read> halves: array<u32>;
// The mean of all points, the centroids, or the codewords.
@group(0) @binding(2) var<storage, read> values: array<f32>;
@group(0) @binding(3) var<storage, read> mean: array<f32>;
@group(0) @binding(4) var<storage, read_write> points: array<f32>;
@group(0) @binding(5) var<storage, read_write> residuals: array<f32>;
// Of a row its centroid, or sub-vectors x rows its codewords.
@group(0) @binding(6) var<storage, read> labels: array<u32>;
// Rows x 6: r.r, r.d, d.d, x.d, x.r and m.r, of the residual r, what its code stands for d, the point x and the
// mean m.
@group(0) @binding(7) var<storage, read_write> products: array<f32>;
// Rows x words, four codes in a word.
@group(0) @binding(8) var<storage, read_write> codes: array<u32>;

var<workgroup> with_row: array<vec3<f32>, INVOCATIONS>;
var<workgroup> with_others: array<vec3<f32>, INVOCATIONS>;

// A workgroup for each row, here and below.
@compute @workgroup_size(INVOCATIONS)
fn unpack(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) all: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let row = id.x + id.y * all.x;
    if row >= shape.rows { return; }
    for (var value = local; value < shape.dim; value += INVOCATIONS) {
        let at = row * shape.dim + value;
        points[at] = unpack2x16float(halves[at / 2u])[at % 2u] - mean[value];
    }
}

@compute @workgroup_size(INVOCATIONS)
fn subtract(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) all: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let row = id.x + id.y * all.x;
    if row >= shape.rows { return; }
    let label = labels[row];
    if label < shape.first_label || label >= shape.end_label { return; }
    for (var value = local; value < shape.dim; value += INVOCATIONS) {
        let at = row * shape.dim + value;
        residuals[at] = points[at] - values[(label - shape.first_label) * shape.dim + value];
    }
}

@compute @workgroup_size(INVOCATIONS)
fn multiply(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) all: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let row = id.x + id.y * all.x;
    if row >= shape.rows { return; }
    let width = shape.dim / shape.sub_vectors;
    var of_row = vec3<f32>();
    var of_others = vec3<f32>();
    for (var value = local; value < shape.dim; value += INVOCATIONS) {
        let sub_vector = value / width;
        let code = labels[sub_vector * shape.rows + row];
        let residual = residuals[row * shape.dim + value];
        let point = points[row * shape.dim + value];
        let decoded = values[(sub_vector * shape.codewords + code) * width + value % width];
        of_row += residual * vec3(residual, decoded, point);
        of_others += vec3(decoded * decoded, point * decoded, mean[value] * residual);
    }
    with_row[local] = of_row;
    with_others[local] = of_others;
    workgroupBarrier();
    for (var step = INVOCATIONS / 2u; step > 0u; step /= 2u) {
        if local < step {
            with_row[local] += with_row[local + step];
            with_others[local] += with_others[local + step];
        }
        workgroupBarrier();
    }
    if local == 0u {
        products[row * 6u] = with_row[0].x;
        products[row * 6u + 1u] = with_row[0].y;
        products[row * 6u + 2u] = with_others[0].x;
        products[row * 6u + 3u] = with_others[0].y;
        products[row * 6u + 4u] = with_row[0].z;
        products[row * 6u + 5u] = with_others[0].z;
    }
    let words = (shape.sub_vectors + 3u) / 4u;
    for (var word = local; word < words; word += INVOCATIONS) {
        var packed = 0u;
        for (var i = 0u; i < 4u; i++) {
            let sub_vector = 4u * word + i;
            if sub_vector < shape.sub_vectors { packed |= labels[sub_vector * shape.rows + row] << (8u * i); }
        }
        codes[row * words + word] = packed;
    }
}
