//! Exact distances within the probed partitions.

use std::path::PathBuf;

use super::file;
use crate::distance::{Metric, Query, Vectors};
use crate::error::{Error, Result};
use crate::index::ivf::{
    Calibrated, IndexFile, IndexFiles, Ranked, Ranking, ScanPartition, Space, Walk, walk,
};
use crate::index::{Candidate, ElementKind, Found, Probe, TopK, Wanted};
use crate::progress::Progress;

/// Rows whose distances are computed before they are looked at: those that share a word of a mask.
const BATCH_ROWS: usize = 64;

/// An open IVF_FLAT index.
pub(crate) struct IvfFlat {
    files: IndexFiles,
    space: Space,
    element: ElementKind,
}

impl IvfFlat {
    /// Maps and checks the files, each given with its length.
    pub(crate) fn open(files: &[(PathBuf, u64)]) -> Result<Self> {
        let opened = IndexFiles::open(files, file::MAGIC, file::extent_bytes)?;
        let unknown = || Error::corrupted(&files[0].0, "its shapes are none that an IVF_FLAT index has");
        let header = opened.first().header();
        let metric = header.metric().ok_or_else(unknown)?;
        let element = header.element().ok_or_else(unknown)?;
        let space = Space { metric, vector_dim: header.dim as usize };
        Ok(Self { files: opened, space, element })
    }

    pub(crate) fn metric(&self) -> Metric {
        self.space.metric
    }

    pub(crate) fn files(&self) -> &IndexFiles {
        &self.files
    }

    pub(super) fn space(&self) -> &Space {
        &self.space
    }

    /// See [`crate::index::VectorIndex::search_all`].
    pub(crate) fn search(
        &self,
        queries: &[Query],
        settings: &Probe<'_>,
        progress: &Progress,
    ) -> Result<Vec<Found>> {
        let walks = queries.iter().map(|query| Some((Walk::new(self.ranking(query)?, settings), query)));
        let counts = |partition: usize| self.counts(partition, settings.rows);
        walk(walks.collect(), true, progress, &counts, |query, ranked, _, top| {
            self.scan(ranked, query, settings.rows, top)
        })
    }

    /// The order of the partitions; `None` if nothing can be near the query.
    fn ranking(&self, query: &Query) -> Option<Ranking<'_>> {
        let point = self.space.query_point(query)?;
        Some(self.files.ranking(self.metric(), &point))
    }

    /// Whether a row of a partition counts.
    fn counts(&self, partition: usize, rows: Option<Wanted<'_>>) -> bool {
        rows.is_none_or(|rows| {
            rows.counts(
                partition,
                self.files.iter().map(|file| self.extent(file, partition).map(|(_, ids)| ids)),
            )
        })
    }

    /// Offers the rows of a partition that count to `top`; returns how many it looked at.
    fn scan(&self, ranked: Ranked, query: &Query, rows: Option<Wanted<'_>>, top: &mut TopK) -> Result<u64> {
        let mut scanned = 0;
        for (at, file) in self.files.iter().enumerate() {
            let (vectors, row_ids) = self.extent(file, ranked.partition)?;
            let words = rows.map(|rows| rows.mask(at, ranked.partition, row_ids));
            scanned += self.scan_rows(vectors, row_ids, words, query, top);
        }
        Ok(scanned)
    }

    /// `words`: a bit for each row that counts; without any, all do.
    fn scan_rows(
        &self,
        vectors: Vectors<'_>,
        row_ids: &[u64],
        words: Option<&[u64]>,
        query: &Query,
        top: &mut TopK,
    ) -> u64 {
        let mut scanned = 0;
        let mut distances = [0.0; BATCH_ROWS];
        for (batch, row_ids) in row_ids.chunks(BATCH_ROWS).enumerate() {
            let wanted = words.map_or(u64::MAX, |words| words.get(batch).copied().unwrap_or(0));
            if wanted == 0 {
                continue;
            }
            let start = batch * BATCH_ROWS;
            let distances = &mut distances[..row_ids.len()];
            query.distances(vectors.slice(start..start + row_ids.len(), self.space.vector_dim), distances);
            for (row, (&distance, &row_id)) in distances.iter().zip(row_ids).enumerate() {
                if distance <= top.threshold() && wanted >> row & 1 == 1 {
                    top.push(Candidate { distance, row_id });
                }
            }
            scanned += row_ids.len() as u64;
        }
        scanned
    }

    /// The vectors and the row ids of a partition of one of the files.
    pub(super) fn extent<'a>(
        &self,
        file: &'a IndexFile,
        partition: usize,
    ) -> Result<(Vectors<'a>, &'a [u64])> {
        let rows = file.directory()[partition].rows as usize;
        let bytes = rows * self.space.vector_dim * self.element.bytes();
        let extent = file.extent(partition)?;
        let ids_at = bytes.next_multiple_of(size_of::<u64>());
        let vectors = &extent[..bytes];
        let vectors = match self.element {
            ElementKind::F16 => Vectors::F16(bytemuck::cast_slice(vectors)),
            ElementKind::F32 => Vectors::F32(bytemuck::cast_slice(vectors)),
            ElementKind::F64 => Vectors::F64(bytemuck::cast_slice(vectors)),
            ElementKind::U8 => Vectors::U8(vectors),
            ElementKind::I8 => Vectors::I8(bytemuck::cast_slice(vectors)),
        };
        Ok((vectors, bytemuck::cast_slice(&extent[ids_at..ids_at + rows * size_of::<u64>()])))
    }
}

impl Calibrated for IvfFlat {
    fn file(&self) -> &IndexFile {
        self.files.first()
    }

    fn row_ids(&self, partition: usize) -> Result<&[u64]> {
        Ok(self.extent(self.files.first(), partition)?.1)
    }

    fn code_bytes(&self) -> Option<usize> {
        None
    }

    fn visit(
        &self,
        query: &Query,
        each: &mut dyn FnMut(&mut Ranking<'_>, &mut ScanPartition<'_>) -> Result<()>,
    ) -> Result<()> {
        let Some(mut ranking) = self.ranking(query) else { return Ok(()) };
        each(&mut ranking, &mut |ranked, _, top| self.scan(ranked, query, None, top))
    }
}
