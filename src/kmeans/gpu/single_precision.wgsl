// Values as they are, four at a time: a part of nearest_centroid.wgsl.

alias Four = vec4<f32>;

fn whole(four: Four) -> vec4<f32> { return four; }
