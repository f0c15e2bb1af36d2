// The nearest centroid of a row, and how near the second one is: what half precision has to know to tell whether
// it can be trusted. Kept in step with `TwoNearest` in halves.rs.

struct TwoNearest {
    score: f32,
    second: f32,
    label: u32,
    pad: u32,
}

fn none() -> TwoNearest { return TwoNearest(FARTHEST, FARTHEST, 0u, 0u); }

fn beside(near: TwoNearest, score: f32, label: u32) -> TwoNearest {
    return TwoNearest(
        min(near.score, score),
        min(near.second, max(near.score, score)),
        select(near.label, label, score < near.score),
        0u,
    );
}

fn joined(a: TwoNearest, b: TwoNearest) -> TwoNearest {
    return TwoNearest(
        min(a.score, b.score),
        min(max(a.score, b.score), min(a.second, b.second)),
        select(a.label, b.label, b.score < a.score),
        0u,
    );
}
