//! The files of one index: the one that was built, and those with rows that came later.
//!
//! All of them have the same mean, centroids and codebook, so a query is prepared once and looks into the same
//! partition of each. Row ids ascend from file to file, as they do within a partition of one.

use std::path::PathBuf;

use super::Ranking;
use super::file::{Header, IndexFile};
use crate::distance::{Metric, prefetch};
use crate::error::{Error, Result};

/// The files of an open index, at least one. The first is what was built; only it is calibrated.
pub(crate) struct IndexFiles(Vec<IndexFile>);

impl IndexFiles {
    /// Opens files, given with their lengths: see [`IndexFile::open`].
    ///
    /// # Errors
    /// Those of opening each; if there is no file; if they are not of one index.
    pub(crate) fn open(
        files: &[(PathBuf, u64)],
        magic: [u8; 8],
        extent_bytes: impl Fn(&Header, u64) -> Option<u64>,
    ) -> Result<Self> {
        let opened = files.iter().map(|(path, bytes)| IndexFile::open(path, *bytes, magic, &extent_bytes));
        let opened = opened.collect::<Result<Vec<_>>>()?;
        let first = opened.first().ok_or_else(|| Error::internal("an index has no file"))?;
        for (other, (path, _)) in opened.iter().zip(files).skip(1) {
            if !belong_together(first, other) {
                let reason = "its centroids or codebook are not those of the index that it belongs to";
                return Err(Error::corrupted(path, reason));
            }
        }
        Ok(Self(opened))
    }

    /// What was built.
    pub(crate) fn first(&self) -> &IndexFile {
        &self.0[0]
    }

    /// All files, in the order of their row ids.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &IndexFile> {
        self.0.iter()
    }

    /// Whether any file has rows in a partition.
    fn has_rows(&self, partition: usize) -> bool {
        self.iter().any(|file| file.directory()[partition].rows > 0)
    }

    /// The order in which a query that is this point looks into the partitions that have rows.
    pub(crate) fn ranking(&self, metric: Metric, query_point: &[f32]) -> Ranking<'_> {
        let file = self.first();
        let (mean, centroids, coarse) = (file.mean(), file.centroids(), file.coarse());
        Ranking::new(metric, query_point, mean, centroids, coarse, |partition| self.has_rows(partition))
    }

    /// Starts to bring a partition near.
    pub(crate) fn prefetch(&self, partition: usize) {
        self.iter().for_each(|file| prefetch::start(file.unchecked_extent(partition)));
    }
}

fn belong_together(first: &IndexFile, other: &IndexFile) -> bool {
    let shapes = |file: &IndexFile| {
        let Header { metric, element, dim, partitions, sub_vectors, bits, .. } = *file.header();
        [metric, element, dim, partitions, sub_vectors, bits]
    };
    shapes(first) == shapes(other)
        && first.mean() == other.mean()
        && first.centroids() == other.centroids()
        && first.codebook() == other.codebook()
}
