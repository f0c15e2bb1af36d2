// Reads a buffer from one end to the other, as fast as memory goes. The sums are there so that the reads are not
// left out.

struct Shape {
    vectors: u32,
    rounds: u32,
}

const INVOCATIONS = 256u;

@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> values: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> sums: array<f32>;

@compute @workgroup_size(INVOCATIONS)
fn read_all(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) all: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let number = (id.x + id.y * all.x) * INVOCATIONS + local;
    let step = all.x * all.y * INVOCATIONS;
    var sum = vec4<f32>();
    for (var round = 0u; round < shape.rounds; round++) {
        for (var i = number; i < shape.vectors; i += step) { sum += values[i]; }
    }
    sums[number] = sum.x + sum.y + sum.z + sum.w;
}
