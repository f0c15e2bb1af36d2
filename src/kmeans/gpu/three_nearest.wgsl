// The two nearest centroids of a row, and how near the third one is: what half precision has to know to tell which
// of them may be the nearest. Kept in step with `ThreeNearest` in halves.rs.

struct ThreeNearest {
    score: f32,
    second: f32,
    third: f32,
    label: u32,
    second_label: u32,
}

fn none() -> ThreeNearest { return ThreeNearest(FARTHEST, FARTHEST, FARTHEST, 0u, 0u); }

fn beside(near: ThreeNearest, score: f32, label: u32) -> ThreeNearest {
    if score < near.score { return ThreeNearest(score, near.score, near.second, label, near.label); }
    if score < near.second { return ThreeNearest(near.score, score, near.second, near.label, label); }
    return ThreeNearest(near.score, near.second, min(near.third, score), near.label, near.second_label);
}

fn joined(a: ThreeNearest, b: ThreeNearest) -> ThreeNearest {
    var near = beside(beside(a, b.score, b.label), b.second, b.second_label);
    near.third = min(near.third, b.third);
    return near;
}
