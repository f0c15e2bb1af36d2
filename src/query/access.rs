//! Where the nearest rows are looked for: in which index and how far, or among all rows.

use std::sync::Arc;

use crate::distance::Metric;
use crate::query::request::{DEFAULT_PROBES, Nearest};
use crate::query::snapshot::{OpenIndex, Snapshot};

/// Candidates whose distance is recomputed, per result, when the caller does not say.
const DEFAULT_REFINE: usize = 10;
/// ... but at least and at most so many beyond the results themselves.
const REFINE_MIN: usize = 100;
const REFINE_MAX: usize = 10_000;

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
    pub probes_min: usize,
    /// `None`: as many as it takes.
    pub probes_max: Option<usize>,
    /// Whether the caller chose how many partitions to search.
    pub probes_fixed: bool,
    pub candidates: usize,
    /// Whether the candidates' distances are recomputed from the stored vectors.
    pub rerank: bool,
}

impl IndexAccess {
    /// Partitions of the index.
    pub fn partitions(&self) -> usize {
        self.setting("numPartitions").unwrap_or(1).max(1) as usize
    }

    /// Bytes of a row in the index, its id included.
    pub fn row_bytes(&self) -> usize {
        let entry = self.index.entry();
        let bytes: u64 = entry.files.iter().map(|file| file.bytes).sum();
        (bytes / entry.rows.max(1)) as usize
    }

    fn setting(&self, name: &str) -> Option<u64> {
        self.index.entry().details.get("settings")?.get(name)?.as_u64()
    }
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
    let probes_min = nearest.probes_min.unwrap_or_else(|| match nearest.probes_max {
        Some(most) => most.min(DEFAULT_PROBES),
        None => DEFAULT_PROBES,
    });
    let probes_max = match nearest.probes_max {
        Some(most) => Some(most.max(probes_min)),
        None if filtered => None,
        None => Some(probes_min),
    };
    let candidates = match nearest.refine_factor {
        Some(factor) => k.saturating_mul(factor.max(1) as usize),
        None => (k * DEFAULT_REFINE).clamp(REFINE_MIN, k + REFINE_MAX),
    };
    IndexAccess {
        index,
        probes_min,
        probes_max,
        probes_fixed: nearest.probes_min.is_some(),
        candidates,
        rerank: nearest.refine_factor != Some(0),
    }
}
