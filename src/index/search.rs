//! One index, opened: what every kind of index answers.

use std::path::Path;
use std::slice;

use roaring::RoaringTreemap;

use super::VectorColumn;
use super::ivf::{Calibration, IndexFile, IndexFiles};
use super::ivf_flat::IvfFlat;
use super::ivf_pq::IvfPq;
use super::masks::{Masks, Wanted};
use super::top_k::Candidate;
use crate::distance::{Metric, Query};
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::storage::{FileEntry, IndexEntry};

/// The most queries that go through the index together: the more, the more they share, and the more memory their tables
/// and rankings take.
const GROUP_MAX: usize = 128;

/// How many queries must look into a partition, on average, for it to pay that they take turns: each time, another
/// query's table comes into the cache. At two, a million rows are searched a tenth faster, at eight a quarter.
const VISITS_MIN: usize = 2;

/// Distances that count: `[lower, upper)`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Range {
    /// The least distance that counts.
    pub lower: Option<f32>,
    /// The least distance that no longer counts.
    pub upper: Option<f32>,
}

impl Range {
    /// Whether a distance counts. NaN never does if there is a bound.
    pub fn contains(&self, distance: f32) -> bool {
        self.lower.is_none_or(|lower| distance >= lower) && self.upper.is_none_or(|upper| distance < upper)
    }
}

/// How far to look for candidates.
#[derive(Debug, Clone, Copy, Default)]
pub struct Probe<'a> {
    /// How many candidates are wanted.
    pub candidates: usize,
    /// Partitions to search in any case.
    pub probes_min: usize,
    /// Partitions to search at most while there are fewer candidates than wanted, or while more are within
    /// reach; `None` for all.
    pub probes_max: Option<usize>,
    /// When to stop before `probes_max`; `None`: as soon as there are enough candidates.
    pub early_stop: Option<EarlyStop>,
    /// Rows that count; `None` for all.
    pub rows: Option<Wanted<'a>>,
}

impl Probe<'_> {
    /// How many partitions are worth putting in order at once.
    pub(super) fn ahead(&self) -> usize {
        self.early_stop.map_or(0, |stop| stop.expected).max(self.probes_min)
    }
}

/// Ends a search at the first partition that is too unlikely to hold one of the k nearest rows: see
/// [`Calibration`](super::Calibration).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EarlyStop {
    /// How many rows are wanted. The search goes on until it has found so many.
    pub k: usize,
    /// Partitions whose reach is above this are not searched.
    pub reach: f32,
    /// How many partitions are probably searched.
    pub expected: usize,
}

/// The candidates of one query, and what finding them took.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Nearest first, with distances on the metric's scale.
    pub candidates: Vec<Candidate>,
    /// Whether the distances are exact; if not, they are estimates to be recomputed from the vectors.
    pub exact: bool,
    /// Partitions searched; empty ones are passed over and do not count.
    pub partitions_searched: usize,
    /// Whether there were partitions left that could have been searched.
    pub stopped_early: bool,
    /// Rows whose distances were computed or estimated.
    pub rows_scanned: u64,
}

/// An index of one column, mapped from its files and ready for any number of queries at once.
pub struct VectorIndex {
    column: String,
    kind: Kind,
}

enum Kind {
    IvfPq(IvfPq),
    IvfFlat(IvfFlat),
}

impl VectorIndex {
    /// Opens the index that `entry` describes; `folder` is the table's folder.
    ///
    /// # Errors
    /// If a file is missing or does not match its checksums. Partitions are read, and checked, when they
    /// are first searched; [`VectorIndex::verify`] checks them all.
    pub fn open(folder: &Path, entry: &IndexEntry) -> Result<Self> {
        let files: Vec<_> = entry.files.iter().map(|file| (file.locate(folder), file.bytes)).collect();
        let damaged = |reason| Error::corrupted(folder, format!("index '{}' {reason}", entry.name));
        if files.is_empty() {
            return Err(damaged("has no file".to_owned()));
        }
        let kind = match entry.kind.as_str() {
            "IVF_PQ" => Kind::IvfPq(IvfPq::open(&files)?),
            "IVF_FLAT" => Kind::IvfFlat(IvfFlat::open(&files)?),
            other => return Err(damaged(format!("is of the unknown kind {other}"))),
        };
        Ok(Self { column: entry.column.clone(), kind })
    }

    /// `IVF_PQ` or `IVF_FLAT`.
    pub fn kind(&self) -> &'static str {
        match &self.kind {
            Kind::IvfPq(_) => "IVF_PQ",
            Kind::IvfFlat(_) => "IVF_FLAT",
        }
    }

    /// What near means to this index.
    pub fn metric(&self) -> Metric {
        match &self.kind {
            Kind::IvfPq(index) => index.metric(),
            Kind::IvfFlat(index) => index.metric(),
        }
    }

    /// Dimensions of the vectors.
    pub fn dim(&self) -> usize {
        self.file().header().dim as usize
    }

    /// How many partitions there are, empty ones included.
    pub fn partitions(&self) -> usize {
        self.file().header().partitions as usize
    }

    /// Rows in the index.
    pub fn rows(&self) -> u64 {
        self.file_rows().iter().sum()
    }

    /// Rows in each of its files.
    pub(super) fn file_rows(&self) -> Vec<u64> {
        self.files().iter().map(|file| file.header().rows).collect()
    }

    /// Room for what searches learn of a set of rows.
    pub fn masks(&self) -> Masks {
        Masks::new(self.file_rows().len(), self.partitions())
    }

    /// Writes one file of the rows in all files from `first` on, as far as they are `live`, and of those of
    /// `column`. Returns how many there are.
    pub(super) fn write_extension(
        &self,
        first: usize,
        column: &VectorColumn,
        live: Option<&RoaringTreemap>,
        folder: &Path,
        progress: &Progress,
    ) -> Result<(u64, FileEntry)> {
        match &self.kind {
            Kind::IvfPq(index) => index.extend(first, column, live, folder, progress),
            Kind::IvfFlat(index) => index.extend(first, column, live, folder, progress),
        }
    }

    /// What was measured when the index was built; `None` if it had too few rows for that.
    pub fn calibration(&self) -> Option<&Calibration> {
        self.file().calibration()
    }

    /// Finds candidates for the rows nearest to `query`, on this thread.
    ///
    /// # Errors
    /// If the query has other dimensions or another metric than the index, if a partition is damaged, or if
    /// `progress` says to stop.
    pub fn search(&self, query: &Query, probe: &Probe<'_>, progress: &Progress) -> Result<Found> {
        let found = self.search_all(slice::from_ref(query), probe, progress)?;
        found.into_iter().next().ok_or_else(|| Error::internal("a query without an answer"))
    }

    /// What [`VectorIndex::search`] finds for each of several queries, on this thread. They share what they read: a
    /// partition is searched for all that look into it while it is in a cache.
    ///
    /// # Errors
    /// Those of [`VectorIndex::search`].
    pub fn search_all(
        &self,
        queries: &[Query],
        probe: &Probe<'_>,
        progress: &Progress,
    ) -> Result<Vec<Found>> {
        for query in queries {
            self.check(query)?;
        }
        match &self.kind {
            Kind::IvfPq(index) => index.search(queries, probe, progress),
            Kind::IvfFlat(index) => index.search(queries, probe, progress),
        }
    }

    /// How many of `queries` queries should go through the index together if `threads` threads search it: one, unless
    /// several would look into a partition on average.
    pub fn group(&self, queries: usize, probe: &Probe<'_>, threads: usize) -> usize {
        let group = queries.div_ceil(threads).clamp(1, GROUP_MAX);
        let visits = group.saturating_mul(probe.ahead().min(self.partitions()));
        if visits < VISITS_MIN * self.partitions() { 1 } else { group }
    }

    fn check(&self, query: &Query) -> Result<()> {
        if query.dim() != self.dim() {
            let (expected, actual) = (self.dim(), query.dim());
            return Err(Error::DimensionMismatch { column: self.column.clone(), expected, actual });
        }
        if query.metric() != self.metric() {
            let expected = format!("the index was built for {}", self.metric());
            return Err(Error::invalid("distanceType", query.metric(), expected));
        }
        Ok(())
    }

    /// Reads the whole index and compares it with its checksums.
    ///
    /// # Errors
    /// If a byte of it is not what was written.
    pub fn verify(&self) -> Result<()> {
        self.files().iter().try_for_each(|file| file.verify())
    }

    fn file(&self) -> &IndexFile {
        self.files().first()
    }

    fn files(&self) -> &IndexFiles {
        match &self.kind {
            Kind::IvfPq(index) => index.files(),
            Kind::IvfFlat(index) => index.files(),
        }
    }
}

impl Found {
    /// What a search finds that has nowhere to look.
    pub(crate) fn nothing(exact: bool) -> Self {
        Self { candidates: Vec::new(), exact, partitions_searched: 0, stopped_early: false, rows_scanned: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_includes_its_lower_bound_only() {
        let range = Range { lower: Some(1.0), upper: Some(2.0) };

        assert_eq!([0.5, 1.0, 1.5, 2.0].map(|d| range.contains(d)), [false, true, true, false]);
        assert!(Range::default().contains(f32::INFINITY));
    }
}
