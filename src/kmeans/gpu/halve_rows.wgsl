// Rounds rows to half precision, and says how far what is computed with them may be off. `Doubt` in halves.rs has the
// reasons.
//
// A workgroup for each row. A row is first scaled by a power of two that makes its largest value about 1.

// Kept in step with `HalveShape` in halves.rs.
struct Shape {
    first_row: u32,
    rows: u32,
    // Values from one row to the next, how many there are, and how many there are with the zeros that follow.
    stride: u32,
    width: u32,
    padded: u32,
    // What the doubt about a score is made of: for each unit of what rounding took away, for each unit of what is
    // left, and always.
    of_lost: f32,
    of_kept: f32,
    always: f32,
}

const INVOCATIONS = 64u;

@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> points: array<f32>;
// Rows x padded, two halves in a word.
@group(0) @binding(2) var<storage, read_write> halves: array<u32>;
// Of a row: what undoes its scale, and the doubt about the difference of two scores.
@group(0) @binding(3) var<storage, read_write> terms: array<vec2<f32>>;

var<workgroup> largest: array<f32, INVOCATIONS>;
var<workgroup> squares: array<vec2<f32>, INVOCATIONS>;

@compute @workgroup_size(INVOCATIONS)
fn halve_rows(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) all: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let row = id.x + id.y * all.x;
    if row >= shape.rows { return; }
    let first = (shape.first_row + row) * shape.stride;
    var magnitude = 0.0;
    for (var i = local; i < shape.width; i += INVOCATIONS) { magnitude = max(magnitude, abs(points[first + i])); }
    largest[local] = magnitude;
    workgroupBarrier();
    for (var step = INVOCATIONS / 2u; step > 0u; step /= 2u) {
        if local < step { largest[local] = max(largest[local], largest[local + step]); }
        workgroupBarrier();
    }
    // Both bounds keep the scale and its inverse normal numbers.
    let exponent = clamp(i32(bitcast<u32>(largest[0]) >> 23u) - 127, -126, 126);
    let scale = bitcast<f32>(u32(127 - exponent) << 23u);

    // Of what is lost, and of what is kept.
    var sums = vec2<f32>();
    for (var i = 2u * local; i < shape.padded; i += 2u * INVOCATIONS) {
        var pair = vec2<f32>();
        if i < shape.width { pair.x = points[first + i] * scale; }
        if i + 1u < shape.width { pair.y = points[first + i + 1u] * scale; }
        let word = pack2x16float(pair);
        let kept = unpack2x16float(word);
        let lost = pair - kept;
        sums += vec2(dot(lost, lost), dot(kept, kept));
        halves[(row * shape.padded + i) / 2u] = word;
    }
    squares[local] = sums;
    workgroupBarrier();
    for (var step = INVOCATIONS / 2u; step > 0u; step /= 2u) {
        if local < step { squares[local] += squares[local + step]; }
        workgroupBarrier();
    }
    if local == 0u {
        let unscale = bitcast<f32>(u32(127 + exponent) << 23u);
        let norms = sqrt(squares[0]);
        let doubt = (norms.x * shape.of_lost + norms.y * shape.of_kept) * unscale + shape.always;
        terms[row] = vec2(unscale, 2.0 * doubt);
    }
}
