//! A query's way through the index, and where its true neighbours turn up.

use std::collections::HashMap;

use super::{Calibrated, NEIGHBOURS};
use crate::distance::Query;
use crate::error::Result;
use crate::index::TopK;
use crate::index::ivf::reach::Reach;
use crate::progress::Progress;

/// The most candidates that can be called for. Who needs more needs a longer code.
pub(super) const CANDIDATES_MAX: usize = 2048;

/// Places whose reach is remembered.
const PLACES_MAX: usize = 4096;

/// Where one query's true neighbours were found.
#[derive(Debug, Default)]
pub(super) struct Trace {
    /// Nearest first.
    pub(super) neighbours: Vec<Seen>,
    /// For each of [`NEIGHBOURS`], the largest reach up to each place: how far a search must reach to get there.
    pub(super) reaches: [Vec<f32>; NEIGHBOURS.len()],
}

/// A true neighbour.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    /// The place of its partition in the query's order.
    pub(super) place: usize,
    /// How many rows look nearer by what the index knows of them; `usize::MAX` if too many do.
    pub(super) rank: usize,
}

/// The partition of each row that is a neighbour of somebody.
pub(super) fn homes(
    index: &impl Calibrated,
    neighbours: &[Vec<u64>],
    progress: &Progress,
) -> Result<HashMap<u64, u32>> {
    let mut homes: HashMap<u64, u32> =
        neighbours.iter().flatten().map(|&row_id| (row_id, u32::MAX)).collect();
    for partition in 0..index.file().directory().len() {
        progress.check()?;
        for row_id in index.row_ids(partition)? {
            if let Some(home) = homes.get_mut(row_id) {
                *home = partition as u32;
            }
        }
    }
    Ok(homes)
}

/// Follows the query of the row `own_id` until it has found `truth`, the row's true neighbours.
pub(super) fn follow(
    index: &impl Calibrated,
    query: &Query,
    own_id: u64,
    truth: &[u64],
    homes: &HashMap<u64, u32>,
    progress: &Progress,
) -> Result<Trace> {
    let mut trace = Trace::default();
    index.visit(query, &mut |ranking, scan| {
        let count = ranking.len();
        let Some(first) = ranking.get(0, count) else { return Ok(()) };
        let mut place_of = HashMap::new();
        for place in 0..count {
            if let Some(ranked) = ranking.get(place, count) {
                place_of.insert(ranked.partition as u32, place);
            }
        }
        let places = truth.iter().map(|row_id| homes.get(row_id).and_then(|home| place_of.get(home)));
        // A row that the index does not hold is in no partition, and cannot be found.
        let places: Vec<usize> = places.map(|place| place.copied().unwrap_or(usize::MAX)).collect();
        let last = places.iter().copied().filter(|&place| place != usize::MAX).max().unwrap_or(0);

        let mut top = TopK::new(CANDIDATES_MAX);
        let mut reaches = NEIGHBOURS.map(|k| Reach::new(ranking.scale(), first.score, k, Some(own_id)));
        for place in 0..count.min(PLACES_MAX.max(last + 1)) {
            let Some(ranked) = ranking.get(place, count) else { break };
            for (reach, reaches) in reaches.iter_mut().zip(&mut trace.reaches) {
                let before = reaches.last().copied().unwrap_or(f32::NEG_INFINITY);
                let next = if place == 0 { before } else { reach.of(place, ranked.score, &top).max(before) };
                if place < PLACES_MAX {
                    reaches.push(next);
                }
            }
            if place <= last {
                progress.check()?;
                let following = ranking.get(place + 1, count).map(|next| next.partition);
                scan(ranked, following, &mut top)?;
            }
        }
        trace.neighbours = ranks(top, own_id, truth)
            .into_iter()
            .zip(places)
            .map(|(rank, place)| Seen { place, rank })
            .collect();
        Ok(())
    })?;
    Ok(trace)
}

/// How many candidates are before each row of `truth`.
fn ranks(top: TopK, own_id: u64, truth: &[u64]) -> Vec<usize> {
    let candidates = top.into_sorted().into_iter().filter(|candidate| candidate.row_id != own_id);
    let rank_of: HashMap<u64, usize> = candidates.map(|candidate| candidate.row_id).zip(0..).collect();
    truth.iter().map(|row_id| rank_of.get(row_id).copied().unwrap_or(usize::MAX)).collect()
}
