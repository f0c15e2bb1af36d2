// Eight invocations of a subgroup agree on what they found, and one says it: a part of keep_nearest.wgsl.

const ENTRIES = 2u;

fn together(found: Nearest) -> Nearest {
    var nearest = found;
    nearest = nearest_of(nearest, across(nearest, 1u));
    nearest = nearest_of(nearest, across(nearest, 2u));
    return nearest_of(nearest, across(nearest, 4u));
}

// What the invocation found whose number differs in this bit.
fn across(found: Nearest, bit: u32) -> Nearest {
    return Nearest(subgroupShuffleXor(found.score, bit), subgroupShuffleXor(found.label, bit));
}

fn speaks(x: u32) -> bool { return x % 8u == 0u; }

fn entry(x: u32) -> u32 { return x / 8u; }
