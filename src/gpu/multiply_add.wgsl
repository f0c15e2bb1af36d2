// Multiplies and adds in registers, as fast as single precision goes: 64 operations a round.

struct Shape {
    rounds: u32,
    factor: f32,
}

const INVOCATIONS = 256u;

@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read_write> sums: array<f32>;

@compute @workgroup_size(INVOCATIONS)
fn multiply_add(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) all: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let number = (id.x + id.y * all.x) * INVOCATIONS + local;
    let factor = vec4(shape.factor);
    var a = vec4(f32(number));
    var b = a + 1.0;
    var c = a + 2.0;
    var d = a + 3.0;
    var e = a + 4.0;
    var f = a + 5.0;
    var g = a + 6.0;
    var h = a + 7.0;
    for (var round = 0u; round < shape.rounds; round++) {
        a = fma(a, factor, factor);
        b = fma(b, factor, factor);
        c = fma(c, factor, factor);
        d = fma(d, factor, factor);
        e = fma(e, factor, factor);
        f = fma(f, factor, factor);
        g = fma(g, factor, factor);
        h = fma(h, factor, factor);
    }
    let sum = a + b + c + d + e + f + g + h;
    sums[number] = sum.x + sum.y + sum.z + sum.w;
}
