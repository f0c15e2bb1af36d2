// Each of the 16 invocations that share rows says what it found: a part of keep_nearest.wgsl.

const ENTRIES = 16u;

fn together(found: Nearest) -> Nearest { return found; }

fn speaks(x: u32) -> bool { return true; }

fn entry(x: u32) -> u32 { return x; }
