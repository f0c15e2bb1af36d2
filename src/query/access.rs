//! Where the nearest rows are looked for: in which index and how far, or among all rows.

use std::sync::Arc;

use crate::distance::Metric;
use crate::error::{Error, Result};
use crate::index::{Calibration, EarlyStop, Effort, Probe};
use crate::query::request::{DEFAULT_PROBES, DEFAULT_TARGET_RECALL, Nearest};
use crate::query::snapshot::{OpenIndex, Snapshot};

/// Candidates whose distance is recomputed, per result, by an index that does not know how many it needs.
const DEFAULT_REFINE: usize = 10;
/// ... but at least and at most so many beyond the results themselves.
const REFINE_MIN: usize = 100;
const REFINE_MAX: usize = 10_000;

/// Without a target, candidates are those that this share of the neighbours needs: whoever chose the partitions
/// by hand does not want to lose there what was found.
const REFINE_RECALL: f64 = 0.99;

/// How many times as far a search reaches where few rows match as where all do.
const FILTERED_REACH: f32 = 3.0;

/// Where the candidates come from.
#[derive(Debug)]
pub(crate) enum Access {
    /// Every row, or every row that the filter lets through, is compared.
    Exact {
        why: String,
    },
    Index(IndexAccess),
    /// Only indexed rows were asked for, and none is.
    Nothing,
}

/// How an index is searched.
#[derive(Debug)]
pub(crate) struct IndexAccess {
    pub index: Arc<OpenIndex>,
    pub depth: Depth,
    /// Candidates per result, if the caller chose how many.
    refine_factor: Option<usize>,
    /// Whether the candidates' distances are recomputed from the stored vectors.
    pub rerank: bool,
}

/// Which partitions are searched.
#[derive(Debug)]
pub(crate) enum Depth {
    /// So many, and more only while there are too few candidates.
    Probes {
        min: usize,
        /// `None`: as many as it takes.
        max: Option<usize>,
        /// Whether the caller chose how many partitions to search.
        fixed: bool,
    },
    /// As many as it takes to find a share of the neighbours.
    Target {
        recall: f64,
        min: usize,
        max: Option<usize>,
        /// What that takes on average; `None` if the index does not know, so that all are searched.
        effort: Option<Effort>,
    },
}

impl IndexAccess {
    /// How many candidates the index has to find for `k` rows among `matching`, a share of all rows.
    ///
    /// Rows that match lie farther from each other than rows do, and the error of an estimate reaches past fewer of them;
    /// but they may be the near ones. Measured: more than for k of all rows, far fewer than for the k / share nearest.
    fn candidates(&self, k: usize, matching: Option<f64>, calibration: Option<&Calibration>) -> usize {
        if self.index.entry().kind == "IVF_FLAT" {
            // Its distances are exact, so that the best candidates are the answer.
            return k;
        }
        if let Some(factor) = self.refine_factor {
            return k.saturating_mul(factor.max(1));
        }
        let recall = match &self.depth {
            Depth::Target { recall, .. } => *recall,
            Depth::Probes { .. } => REFINE_RECALL,
        };
        match calibration {
            Some(known) => {
                let found = known.effort(spread(k, matching.map(f64::sqrt)), recall).candidates;
                found.min(k.saturating_add(REFINE_MAX))
            }
            None => (k * DEFAULT_REFINE).clamp(REFINE_MIN, k + REFINE_MAX),
        }
    }

    /// As [`IndexAccess::candidates`], by what the index knows of itself, if it can be opened.
    pub fn expected_candidates(&self, k: usize, matching: Option<f64>) -> usize {
        let opened = self.index.open().ok();
        self.candidates(k, matching, opened.as_ref().and_then(|index| index.calibration()))
    }

    /// How far to look for `k` rows among `matching`, a share of all rows.
    pub fn probe(
        &self,
        k: usize,
        matching: Option<f64>,
        calibration: Option<&Calibration>,
    ) -> Probe<'static> {
        let candidates = self.candidates(k, matching, calibration);
        let all = Probe { candidates, ..Probe::default() };
        match &self.depth {
            Depth::Probes { min, max, fixed } => {
                // With a filter, more partitions hold the same number of rows worth comparing.
                let more = matching.filter(|_| !fixed).map_or(1.0, |share| share.clamp(1e-6, 1.0).recip());
                Probe { probes_min: (*min as f64 * more).ceil() as usize, probes_max: *max, ..all }
            }
            Depth::Target { recall, min, max, .. } => {
                let Some(calibration) = calibration else {
                    return Probe { probes_min: max.unwrap_or(usize::MAX).max(*min), ..all };
                };
                let effort = calibration.effort(spread(k, matching), *recall);
                let expected = effort.probes.ceil() as usize;
                let reach = reach_among(effort.reach, matching.unwrap_or(1.0));
                let early_stop = Some(EarlyStop { k, reach, expected });
                let least = matching.map_or(0, |_| DEFAULT_PROBES).min(max.unwrap_or(usize::MAX));
                Probe { probes_min: least.max(*min), probes_max: *max, early_stop, ..all }
            }
        }
    }

    /// Searches more partitions than usual while there are too few candidates, unless `nearest` says how many at
    /// most.
    pub fn probe_on(&mut self, nearest: &Nearest) {
        if let Depth::Probes { min, max, .. } = &mut self.depth {
            *max = nearest.probes_max.map(|most| most.max(*min));
        }
    }

    /// Partitions that a query without a filter searches on average.
    pub fn expected_probes(&self) -> usize {
        match &self.depth {
            Depth::Probes { min, .. } => *min,
            Depth::Target { min, max, effort, .. } => {
                let probes = effort.map_or(usize::MAX, |effort| effort.probes.ceil() as usize);
                probes.min(max.unwrap_or(usize::MAX)).max(*min).min(self.partitions())
            }
        }
    }

    /// Partitions of the index.
    pub fn partitions(&self) -> usize {
        self.index.partitions().unwrap_or(1)
    }

    /// Bytes of a row in the index, its id included.
    pub fn row_bytes(&self) -> usize {
        let entry = self.index.entry();
        let bytes: u64 = entry.files.iter().map(|file| file.bytes).sum();
        (bytes / entry.rows.max(1)) as usize
    }
}

/// The k nearest of the rows that match, `matching` of all, are spread as so many nearest of all are.
fn spread(k: usize, matching: Option<f64>) -> usize {
    (k as f64 / matching.unwrap_or(1.0).clamp(1e-9, 1.0)) as usize
}

/// How far to reach among rows of which a share matches, if this is how far to reach among all.
///
/// Rows that match may lie to one side of their partitions, so the centroids say less of where they are: of the clustered
/// set's tenth with the least first values, the reach that was learnt without a filter finds 0.89 of the neighbours where
/// it promises 0.95, and three times as much finds 0.96.
fn reach_among(reach: f32, matching: f64) -> f32 {
    let farther = 1.0 + (FILTERED_REACH - 1.0) * (1.0 - matching.clamp(0.0, 1.0)) as f32;
    if reach < 0.0 { reach / farther } else { reach * farther }
}

/// Decides how `k` rows are found, and says which rows count: those with ids below the returned one.
///
/// `filtered`: whether a filter is applied before the search.
pub(crate) fn choose_access(
    snapshot: &Snapshot,
    nearest: &Nearest,
    column: &str,
    metric: Metric,
    k: usize,
    filtered: bool,
) -> (Access, u64) {
    let all_rows = snapshot.version().manifest().next_row_id;
    let exact = |why: String| Access::Exact { why };
    if nearest.bypass_index {
        return (exact("bypassVectorIndex was asked for".to_owned()), all_rows);
    }
    let mut on_column = snapshot.indexes().iter().rev().filter(|index| index.entry().column == column);
    let Some(index) = on_column.clone().find(|index| index.entry().metric == metric.name()) else {
        let access = match on_column.next() {
            _ if nearest.fast_search => Access::Nothing,
            None => exact("the column has no index".to_owned()),
            Some(other) => {
                let entry = other.entry();
                exact(format!("index '{}' measures {}, not {metric}", entry.name, entry.metric))
            }
        };
        return (access, all_rows);
    };
    let rows_end = if nearest.fast_search { index.entry().row_id_end } else { all_rows };
    // An index finds the nearest rows, which are just those that a lower bound excludes.
    if nearest.lower.is_some_and(|lower| metric == Metric::Dot || lower > 0.0) {
        return (exact("distanceRange has a lower bound".to_owned()), rows_end);
    }
    (Access::Index(index_access(index.clone(), nearest, k, filtered)), rows_end)
}

fn index_access(index: Arc<OpenIndex>, nearest: &Nearest, k: usize, filtered: bool) -> IndexAccess {
    // An index that cannot be opened is for the search to report: it may not need it.
    let opened = index.open().ok();
    let calibration = opened.as_ref().and_then(|index| index.calibration());
    let depth = depth(nearest, calibration, k, filtered);
    let refine_factor = nearest.refine_factor.map(|factor| factor as usize);
    IndexAccess { index, depth, refine_factor, rerank: nearest.refine_factor != Some(0) }
}

fn depth(nearest: &Nearest, calibration: Option<&Calibration>, k: usize, filtered: bool) -> Depth {
    let bounded = nearest.probes_min.is_some() || nearest.probes_max.is_some();
    if nearest.target_recall.is_some() || !bounded {
        let recall = nearest.target_recall.unwrap_or(DEFAULT_TARGET_RECALL);
        let effort = calibration.map(|calibration| calibration.effort(k, recall));
        return Depth::Target {
            recall,
            min: nearest.probes_min.unwrap_or(0),
            max: nearest.probes_max,
            effort,
        };
    }
    let min = nearest.probes_min.unwrap_or_else(|| match nearest.probes_max {
        Some(most) => most.min(DEFAULT_PROBES),
        None => DEFAULT_PROBES,
    });
    let max = match nearest.probes_max {
        Some(most) => Some(most.max(min)),
        None if filtered => None,
        None => Some(min),
    };
    Depth::Probes { min, max, fixed: nearest.probes_min.is_some() }
}

/// Refuses what is no share of the neighbours.
pub(crate) fn check_target(target_recall: Option<f64>) -> Result<()> {
    match target_recall {
        Some(recall) if !(recall > 0.0 && recall <= 1.0) => {
            let expected =
                "it must be a number above 0 and at most 1: the share of the true nearest rows to find";
            Err(Error::invalid("targetRecall", recall, expected))
        }
        _ => Ok(()),
    }
}
