//! Indexes of vectors whose rows are not any more what they were trained for.
//!
//! New rows join an index with the centroids and the codebook that it has. If they are unlike those that these were
//! found among, the index finds less of what it should, or looks at more rows than it needs to. So when a good share
//! of the rows is new, the index is measured on a sample of them, and what is found is kept in its entry; an index
//! that has become worse can be trained again.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::distance::Metric;
use crate::error::Result;
use crate::index::IndexConfig;
use crate::index::scalar::ScalarKind;
use crate::progress::Progress;
use crate::query::{OpenIndex, Snapshot};
use crate::storage::{IndexEntry, Manifest, NewFiles};
use crate::table::measure_recall::{RecallOptions, compare, sample};
use crate::table::{MeasuredRecall, Table};

/// The neighbours and the share of them that an index is measured by: those of a query that does not say.
const K: usize = 10;
const TARGET: f64 = 0.95;

/// So much less than it was calibrated for is worse. Samples differ by less.
const LOST: f64 = 0.05;

/// Rows that are asked with: as many as take this many multiplications and additions to compare with all, within
/// bounds. So the work grows with the rows as one pass over them does.
const FLOPS: u64 = 50_000_000_000;
const SAMPLE_MIN: u64 = 100;
const SAMPLE_MAX: u64 = 200;

/// An index is measured again when there are so many new rows, and one for so many that it covers.
const NEW_ROWS: u64 = 2048;
const NEW_SHARE: u64 = 4;

/// An index of so many times the rows that it was trained with has too few partitions.
const GROWTH: u64 = 8;

/// Where the last measurement is in an index's details, and which rows there were when it was trained.
const CHECK: &str = "lastCheck";
const TRAINED_END: &str = "rowIdEnd";

/// When indexes of vectors are trained again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Retrain {
    /// They are not, but measured if many rows are new.
    #[default]
    Never,
    /// They are measured if any row is new, and trained again if they have become worse.
    IfWorse,
    /// All are.
    Always,
}

/// An index, measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Check {
    /// The share of neighbours that it found.
    recall: f64,
    /// The share that it was calibrated for, or found when it was trained again.
    expected: f64,
    /// How many rows it was asked with.
    queries: usize,
    /// It covered the rows with smaller ids.
    row_id_end: u64,
}

impl Table {
    /// Measures indexes of vectors, and trains those again that `when` says; how many. Each is a version of its own.
    ///
    /// Where an index was replaced or dropped meanwhile, or its rows were, it is left as it is.
    ///
    /// # Errors
    /// Those of [`Table::create_index`] and [`Table::measure_recall`].
    pub fn retrain(&self, when: Retrain, progress: &Progress) -> Result<usize> {
        self.check_writable()?;
        let names: Vec<String> =
            self.current()?.manifest().indexes.iter().map(|index| index.name.clone()).collect();
        let mut trained = 0;
        for name in names {
            let find = |snapshot: &Arc<Snapshot>| {
                snapshot.indexes().iter().position(|index| index.entry().name == name)
            };
            let snapshot = self.snapshot()?;
            let Some(index) = find(&snapshot) else { continue };
            let new_rows = new_rows(snapshot.indexes()[index].entry(), snapshot.version().manifest());
            let is_due = is_check_due(snapshot.version().manifest(), index);
            if is_due || when == Retrain::IfWorse && new_rows > 0 {
                self.check_index(&snapshot, index, progress)?;
            }
            let snapshot = self.snapshot()?;
            let Some(index) = find(&snapshot) else { continue };
            let wanted = match when {
                Retrain::Never => false,
                Retrain::IfWorse => reason_to_retrain(snapshot.indexes()[index].entry()).is_some(),
                Retrain::Always => true,
            };
            if wanted && self.retrain_index(&snapshot, index, progress)? {
                trained += 1;
            }
        }
        Ok(trained)
    }

    /// Measures the index with this place, and notes in its entry what was found; whether that could be noted.
    pub(super) fn check_index(
        &self,
        snapshot: &Arc<Snapshot>,
        index: usize,
        progress: &Progress,
    ) -> Result<bool> {
        let index = &snapshot.indexes()[index];
        self.note_check(snapshot, index, measure(snapshot, index, progress)?)
    }

    fn note_check(&self, snapshot: &Snapshot, index: &OpenIndex, check: Check) -> Result<bool> {
        let check = serde_json::json!(check);
        self.change_index(index.entry(), snapshot, NewFiles::default(), |entry| {
            if let Some(details) = entry.details.as_object_mut() {
                details.insert(CHECK.to_owned(), check.clone());
            }
        })
    }

    /// Builds the index with this place again, as it was built before; whether it was still there in the end. What it
    /// finds then is all that is expected of it from now on: training once more would not make it better.
    pub(super) fn retrain_index(
        &self,
        snapshot: &Arc<Snapshot>,
        index: usize,
        progress: &Progress,
    ) -> Result<bool> {
        let old = snapshot.indexes()[index].entry();
        let Some(config) = IndexConfig::of_built(&old.kind, &old.details) else { return Ok(false) };
        let (name, column) = (old.name.clone(), old.column.clone());
        let (new, new_files) = self.build_index(snapshot, name, column, &config, progress)?;
        if !self.change_index(old, snapshot, new_files, |entry| *entry = new.clone())? {
            return Ok(false);
        }
        let snapshot = self.snapshot()?;
        if let Some(index) = snapshot.indexes().iter().find(|index| index.entry().uuid == new.uuid) {
            let check = measure(&snapshot, index, progress)?;
            self.note_check(&snapshot, index, Check { expected: check.expected.min(check.recall), ..check })?;
        }
        Ok(true)
    }

    /// Publishes a change of an index's entry, unless the index or the rows were replaced since `snapshot`.
    fn change_index(
        &self,
        old: &IndexEntry,
        snapshot: &Snapshot,
        new_files: NewFiles,
        change: impl Fn(&mut IndexEntry),
    ) -> Result<bool> {
        let read = snapshot.version().manifest().generation;
        let mut applied = false;
        self.commit_change(new_files, |base, _| {
            let mut next = base.version().manifest().clone();
            let same = next.indexes.iter_mut().find(|index| index.uuid == old.uuid);
            applied = same.is_some() && base.version().manifest().generation == read;
            let Some(same) = same.filter(|_| applied) else { return Ok(None) };
            change(same);
            Ok(Some(next))
        })?;
        Ok(applied)
    }
}

/// How much of the true neighbours an index finds. Where there is nothing to ask with, nothing is missed.
fn measure(snapshot: &Arc<Snapshot>, index: &Arc<OpenIndex>, progress: &Progress) -> Result<Check> {
    let entry = index.entry();
    let column = snapshot.vector_column(&entry.column)?;
    let flops = 2 * column.row_count().max(1) * column.dim() as u64;
    let queries = sample(&column, (FLOPS / flops).clamp(SAMPLE_MIN, SAMPLE_MAX) as usize);
    let options = RecallOptions { k: K, target_recall: Some(TARGET), ..RecallOptions::default() };
    let metric = Metric::parse(&entry.metric);
    let MeasuredRecall { recall, queries, .. } =
        compare(snapshot, &entry.column, metric, &queries, &options, progress)?;
    let calibrated = index.open()?.calibration().map_or(TARGET, |it| f64::from(it.effort(K, TARGET).recall));
    let before = last_check(entry).map_or(TARGET, |check| check.expected);
    // What it does not cover is compared exactly, and says nothing of it.
    let row_id_end = entry.row_id_end;
    Ok(Check { recall, expected: calibrated.min(before).min(TARGET), queries, row_id_end })
}

/// Why an index should be trained again, if it should.
pub(super) fn reason_to_retrain(index: &IndexEntry) -> Option<String> {
    if let Some(Check { recall, expected, .. }) = last_check(index)
        && recall < expected - LOST
    {
        return Some(format!(
            "it finds {recall:.2} of the {K} nearest rows, where it was trained to find {expected:.2}: the rows \
             have changed"
        ));
    }
    let trained = index.details["indexedRows"].as_u64().filter(|&rows| rows > 0)?;
    let config = IndexConfig::of_built(&index.kind, &index.details)?;
    (config.partitions().is_none() && index.rows / GROWTH >= trained).then(|| {
        format!("it has {} rows and was trained on {trained}: its partitions are too large", index.rows)
    })
}

fn last_check(index: &IndexEntry) -> Option<Check> {
    index.details.get(CHECK).and_then(|check| Check::deserialize(check).ok())
}

/// Notes in an index's details which rows there are when it is trained.
pub(super) fn trained_with(manifest: &Manifest, details: &mut serde_json::Value) {
    if let Some(details) = details.as_object_mut() {
        details.insert(TRAINED_END.to_owned(), manifest.next_row_id.into());
        details.insert(CHECK.to_owned(), serde_json::Value::Null);
    }
}

/// About how many rows an index covers that came since it was trained or measured.
fn new_rows(index: &IndexEntry, manifest: &Manifest) -> u64 {
    let known = match last_check(index) {
        Some(check) => check.row_id_end,
        None => index.details[TRAINED_END].as_u64().unwrap_or(0),
    };
    rows_from(manifest, known).saturating_sub(rows_from(manifest, index.row_id_end))
}

/// How many rows have this id or a later one; of a segment that has earlier ones too, about so many.
pub(super) fn rows_from(manifest: &Manifest, row_id: u64) -> u64 {
    let after = manifest.segments.iter().rev().take_while(|segment| segment.row_id_end() > row_id);
    after
        .map(|segment| {
            let first = segment.first_row_id.max(row_id);
            segment.live_rows().min(segment.row_id_end() - first)
        })
        .sum()
}

/// Whether so many rows are new that the index of vectors with this place should be measured.
pub(super) fn is_check_due(manifest: &Manifest, index: usize) -> bool {
    let entry = &manifest.indexes[index];
    // Of several indexes of one column, searches use the last.
    let is_used = manifest.indexes[index + 1..]
        .iter()
        .all(|other| (&other.column, &other.metric) != (&entry.column, &entry.metric));
    let is_vectors = ScalarKind::parse(&entry.kind).is_none();
    is_vectors && is_used && new_rows(entry, manifest) >= NEW_ROWS.max(entry.covered_rows / NEW_SHARE)
}
