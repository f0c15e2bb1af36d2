//! From what the queries met to how far to look: for each share of the neighbours, the cheapest reach and number
//! of candidates that find it.

use super::NEIGHBOURS;
use super::trace::{CANDIDATES_MAX, Trace};
use crate::index::ivf::Header;
use crate::index::ivf::calibration::CalibrationEntry;

/// The shares of the true neighbours that are fitted.
const TARGETS: [f64; 12] = [0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.925, 0.95, 0.97, 0.98, 0.99, 0.998];

/// A sample shows the recall of all queries only so exactly: the aim is half a standard error above the target,
/// so that more than two indexes of three reach it, and hardly any misses it by a hundredth.
const STANDARD_ERRORS: f64 = 0.5;

/// Numbers of candidates that are tried, for each neighbour.
const CANDIDATES: [f64; 17] =
    [1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0, 48.0, 64.0, 96.0, 128.0, 192.0, 256.0];

/// What a search costs, in nanoseconds of an ordinary machine; only the proportion matters.
pub(super) struct Cost {
    partition: f64,
    /// `None`: candidates cost nothing, because their distances are exact already.
    candidate: Option<f64>,
}

impl Cost {
    /// `code_bytes`: see [`super::Calibrated::code_bytes`].
    pub(super) fn new(code_bytes: Option<usize>, vector_bytes: usize, header: &Header) -> Self {
        // A row is scanned at the speed of memory, and a candidate is fetched from somewhere first.
        const BYTES: f64 = 12.0;
        const FETCH: f64 = 60.0;
        let rows = header.rows as f64 / f64::from(header.partitions.max(1));
        let row = code_bytes.unwrap_or(vector_bytes) as f64 / BYTES;
        Self { partition: rows * row, candidate: code_bytes.map(|_| FETCH + vector_bytes as f64 / BYTES) }
    }
}

/// A neighbour that can be found.
#[derive(Clone, Copy)]
struct Hit {
    /// How far the search must reach.
    reach: f32,
    query: usize,
}

/// The entries of one of [`NEIGHBOURS`].
pub(super) fn fit(traces: &[Trace], of: usize, cost: &Cost) -> Vec<CalibrationEntry> {
    let k = NEIGHBOURS[of];
    let below = of.checked_sub(1).map_or(0, |below| NEIGHBOURS[below]);
    // A query that was followed for fewer neighbours says nothing here; one that has no more does.
    let traces: Vec<&Trace> = traces.iter().filter(|trace| trace.neighbours.len() > below).collect();
    let total: usize = traces.iter().map(|trace| trace.neighbours.len().min(k)).sum();
    if total == 0 {
        return Vec::new();
    }
    let tried: Vec<(usize, Vec<Hit>)> = candidates(k, cost)
        .into_iter()
        .map(|candidates| (candidates, hits(&traces, of, candidates)))
        .collect();
    let mut entries = Vec::new();
    let mut candidates_min = 0;
    for target in TARGETS {
        let Some((candidates, at)) = cheapest(&traces, of, target, total, candidates_min, &tried, cost)
        else {
            continue;
        };
        candidates_min = candidates;
        entries.push(CalibrationEntry {
            k: k as u32,
            candidates: candidates as u32,
            target: target as f32,
            recall: at.recall as f32,
            reach: at.reach,
            probes: at.probes as f32,
        });
    }
    entries
}

/// Numbers of candidates worth trying, ascending.
fn candidates(k: usize, cost: &Cost) -> Vec<usize> {
    if cost.candidate.is_none() {
        return vec![k];
    }
    let tried = CANDIDATES.map(|factor| (factor * k as f64).ceil() as usize);
    let mut tried: Vec<usize> = tried.into_iter().filter(|&tried| tried <= CANDIDATES_MAX).collect();
    tried.dedup();
    tried
}

/// The neighbours that are among so many candidates, the first to be reached first.
fn hits(traces: &[&Trace], of: usize, candidates: usize) -> Vec<Hit> {
    let mut hits = Vec::new();
    for (query, trace) in traces.iter().enumerate() {
        for seen in trace.neighbours.iter().take(NEIGHBOURS[of]).filter(|seen| seen.rank < candidates) {
            let reaches = &trace.reaches[of];
            let reach = reaches[seen.place.min(reaches.len() - 1)];
            hits.push(Hit { reach, query });
        }
    }
    hits.sort_unstable_by(|a, b| a.reach.total_cmp(&b.reach));
    hits
}

/// What a reach finds, and what it takes.
#[derive(Clone, Copy)]
struct At {
    reach: f32,
    recall: f64,
    probes: f64,
}

/// The number of candidates, not below `candidates_min`, that finds the target at the least cost. Where none
/// finds it, the one that finds most, at its own best.
fn cheapest(
    traces: &[&Trace],
    of: usize,
    target: f64,
    total: usize,
    candidates_min: usize,
    tried: &[(usize, Vec<Hit>)],
    cost: &Cost,
) -> Option<(usize, At)> {
    let most = tried.iter().map(|(_, hits)| hits.len()).max()?;
    let target = target.min(most as f64 / total as f64);
    let tried = tried.iter().filter(|(candidates, _)| *candidates >= candidates_min);
    let reaching = tried.filter_map(|(candidates, hits)| {
        let at = reach(traces, of, target, total, hits)?;
        Some((
            *candidates,
            at,
            at.probes * cost.partition + *candidates as f64 * cost.candidate.unwrap_or(0.0),
        ))
    });
    let cheapest = reaching.min_by(|a, b| a.2.total_cmp(&b.2));
    cheapest.map(|(candidates, at, _)| (candidates, at))
}

/// How far to reach for a share of all neighbours, if so many are among `hits`.
fn reach(traces: &[&Trace], of: usize, target: f64, total: usize, hits: &[Hit]) -> Option<At> {
    // A share that was made of a whole number of neighbours is that number again.
    let count = |share: f64| (share * total as f64 - 1e-6).ceil().max(1.0) as usize;
    let found = count(target);
    if found > hits.len() {
        return None;
    }
    let aim = target + STANDARD_ERRORS * standard_error(traces, of, &hits[..found]);
    let found = count(aim).min(hits.len());
    let reach = hits[found - 1].reach.clamp(f32::MIN, f32::MAX);
    // All that are no farther are found with it.
    let found = hits.partition_point(|hit| hit.reach <= reach);
    let probes: usize =
        traces.iter().map(|trace| trace.reaches[of].partition_point(|&reached| reached <= reach)).sum();
    let probes = probes as f64 / traces.len() as f64;
    Some(At { reach, recall: found as f64 / total as f64, probes })
}

/// Of the mean of the queries' recalls, when they have found these neighbours.
fn standard_error(traces: &[&Trace], of: usize, found: &[Hit]) -> f64 {
    let mut counts = vec![0usize; traces.len()];
    found.iter().for_each(|hit| counts[hit.query] += 1);
    let recalls = counts
        .iter()
        .zip(traces)
        .map(|(&count, trace)| count as f64 / trace.neighbours.len().min(NEIGHBOURS[of]) as f64);
    let recalls: Vec<f64> = recalls.collect();
    let n = recalls.len() as f64;
    let mean = recalls.iter().sum::<f64>() / n;
    let variance = recalls.iter().map(|recall| (recall - mean).powi(2)).sum::<f64>() / n;
    (variance / n).sqrt()
}
