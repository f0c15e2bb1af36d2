// Values in half precision, four at a time: a part of nearest_centroid.wgsl. Their products are summed in single
// precision.

enable f16;

alias Four = vec4<f16>;

fn whole(four: Four) -> vec4<f32> { return vec4<f32>(four); }
