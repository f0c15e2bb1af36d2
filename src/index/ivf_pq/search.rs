//! Estimating distances from codes: one table for the query, then one scan for each probed partition.

use std::path::PathBuf;

use super::codebook::Codebook;
use super::estimate::QueryTerms;
use super::file::{self, Extent};
use super::scan::{BLOCK_ROWS, BlockLayout, ScanTable};
use crate::distance::{Metric, Query};
use crate::error::{Error, Result};
use crate::index::ivf::{
    Calibrated, IndexFile, IndexFiles, Ranked, Ranking, ScanPartition, Space, Walk, walk,
};
use crate::index::{Candidate, Found, Probe, TopK, Wanted};
use crate::progress::Progress;

/// An open IVF_PQ index.
pub(crate) struct IvfPq {
    files: IndexFiles,
    space: Space,
    layout: BlockLayout,
    codebook: Codebook,
}

impl IvfPq {
    /// Maps and checks the files, each given with its length.
    pub(crate) fn open(files: &[(PathBuf, u64)]) -> Result<Self> {
        let opened = IndexFiles::open(files, file::MAGIC, |header, rows| {
            file::extent_bytes(file::layout(header)?, rows)
        })?;
        let file = opened.first();
        let unknown = || Error::corrupted(&files[0].0, "its shapes are none that an IVF_PQ index has");
        let layout = file::layout(file.header()).ok_or_else(unknown)?;
        let metric = file.header().metric().ok_or_else(unknown)?;
        let space = Space { metric, vector_dim: file.header().dim as usize };
        let codebook =
            Codebook::from_parts(file.codebook().to_vec(), space.dim(), layout.sub_vectors, layout.bits);
        Ok(Self { files: opened, space, layout, codebook })
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

    pub(super) fn layout(&self) -> BlockLayout {
        self.layout
    }

    pub(super) fn codebook(&self) -> &Codebook {
        &self.codebook
    }

    /// See [`crate::index::VectorIndex::search_all`].
    pub(crate) fn search(
        &self,
        queries: &[Query],
        settings: &Probe<'_>,
        progress: &Progress,
    ) -> Result<Vec<Found>> {
        let walks = queries.iter().map(|query| {
            let (ranking, scan) = self.prepare(query, settings.ahead(), settings.rows)?;
            Some((Walk::new(ranking, settings), scan))
        });
        let counts = |partition: usize| self.counts(partition, settings.rows);
        let mut found = walk(walks.collect(), false, progress, &counts, |scan, ranked, next, top| {
            self.scan(scan, ranked, next, top)
        })?;
        if self.metric() != Metric::Dot {
            // An estimate may fall below what a distance can be.
            let candidates = found.iter_mut().flat_map(|found| &mut found.candidates);
            candidates.for_each(|candidate| candidate.distance = candidate.distance.max(0.0));
        }
        Ok(found)
    }

    /// Ranks the partitions for a query, `ahead` of them at once, and makes its table. `None` if nothing can be near
    /// the query.
    fn prepare<'a>(
        &'a self,
        query: &Query,
        ahead: usize,
        rows: Option<Wanted<'a>>,
    ) -> Option<(Ranking<'a>, Scan<'a>)> {
        let point = self.space.query_point(query)?;
        let mut ranking = self.files.ranking(self.metric(), &point);
        let first = ranking.get(0, ahead)?;

        let mean = self.files.first().mean();
        let terms = QueryTerms::new(self.metric(), point, mean, self.centroid(first.partition));
        let mut products = vec![0.0; self.layout.sub_vectors * self.layout.codewords()];
        self.codebook.inner_products(&terms.table_point, &mut products);
        Some((ranking, Scan { index: self, table: ScanTable::new(self.layout, &products), terms, rows }))
    }

    /// Whether a row of a partition counts.
    fn counts(&self, partition: usize, rows: Option<Wanted<'_>>) -> bool {
        rows.is_none_or(|rows| {
            rows.counts(partition, self.files.iter().map(|file| self.row_ids_in(file, partition)))
        })
    }

    fn row_ids_in<'a>(&self, file: &'a IndexFile, partition: usize) -> Result<&'a [u64]> {
        let rows = file.directory()[partition].rows as usize;
        Ok(Extent::of(self.layout, file.extent(partition)?, rows).row_ids)
    }

    /// Scans a partition while the next one comes near.
    fn scan(&self, scan: &mut Scan<'_>, ranked: Ranked, next: Option<usize>, top: &mut TopK) -> Result<u64> {
        if let Some(next) = next.filter(|&next| next != ranked.partition) {
            self.files.prefetch(next);
        }
        scan.partition(ranked, top)
    }

    fn centroid(&self, partition: usize) -> &[f32] {
        let dim = self.space.dim();
        &self.files.first().centroids()[partition * dim..(partition + 1) * dim]
    }
}

impl Calibrated for IvfPq {
    fn file(&self) -> &IndexFile {
        self.files.first()
    }

    fn row_ids(&self, partition: usize) -> Result<&[u64]> {
        self.row_ids_in(self.files.first(), partition)
    }

    fn code_bytes(&self) -> Option<usize> {
        Some(self.layout.bytes() / BLOCK_ROWS + self.layout.lower_bytes())
    }

    fn visit(
        &self,
        query: &Query,
        each: &mut dyn FnMut(&mut Ranking<'_>, &mut ScanPartition<'_>) -> Result<()>,
    ) -> Result<()> {
        let Some((mut ranking, mut scan)) = self.prepare(query, usize::MAX, None) else { return Ok(()) };
        each(&mut ranking, &mut |ranked, next, top| self.scan(&mut scan, ranked, next, top))
    }
}

/// One query's way through the partitions.
struct Scan<'a> {
    index: &'a IvfPq,
    table: ScanTable,
    terms: QueryTerms,
    rows: Option<Wanted<'a>>,
}

impl Scan<'_> {
    /// Offers the rows of a partition that count to `top`; returns how many it looked at.
    fn partition(&mut self, ranked: Ranked, top: &mut TopK) -> Result<u64> {
        let index = self.index;
        let layout = index.layout;
        let base = self.terms.base(ranked.score, index.centroid(ranked.partition));
        let mut scanned = 0;
        for (at, file) in index.files.iter().enumerate() {
            let rows = file.directory()[ranked.partition].rows;
            let extent = file.extent(ranked.partition)?;
            let Extent { blocks, lower, row_ids } = Extent::of(layout, extent, rows as usize);
            let words = self.rows.map(|rows| rows.mask(at, ranked.partition, row_ids));
            let blocks = blocks.chunks_exact(layout.bytes()).zip(row_ids.chunks(BLOCK_ROWS)).enumerate();
            for (at, (block, row_ids)) in blocks {
                let wanted = words.map_or(u64::MAX, |words| words.get(at).copied().unwrap_or(0));
                if wanted == 0 {
                    continue;
                }
                let lower = &lower[at * BLOCK_ROWS * layout.lower_bytes()..];
                self.block(block, lower, row_ids, wanted, base, top);
                scanned += row_ids.len() as u64;
            }
        }
        Ok(scanned)
    }

    /// `wanted`: a bit for each row that counts.
    #[inline]
    fn block(&mut self, block: &[u8], lower: &[u8], row_ids: &[u64], wanted: u64, base: f32, top: &mut TopK) {
        // The next number up, so that a row as far as the worst one kept passes and can win by its id.
        let threshold = (top.threshold() / self.terms.unit).next_up();
        let mut estimates = [0.0; BLOCK_ROWS];
        let factor = self.terms.factor;
        let mut passed = self.table.scan_some(block, lower, wanted, base, factor, threshold, &mut estimates);
        while passed != 0 {
            let row = passed.trailing_zeros() as usize;
            passed &= passed - 1;
            let Some(&row_id) = row_ids.get(row) else { break };
            top.push(Candidate { distance: self.terms.unit * estimates[row], row_id });
        }
    }
}
