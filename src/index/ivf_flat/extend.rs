//! Filing rows that came after the index was built, and copying rows into a new file.

use std::path::Path;

use roaring::RoaringTreemap;

use super::encode::{self, Record, bytes};
use super::{FILE_NAME, IvfFlat, file};
use crate::error::Result;
use crate::gpu::Session;
use crate::index::VectorColumn;
use crate::index::build::relative_path;
use crate::index::ivf::{IndexFile, Runs};
use crate::progress::Progress;
use crate::storage::FileEntry;

impl IvfFlat {
    /// Writes a file of the rows in all files from `first` on, as far as they are `live`, and of those of `column`.
    /// Returns how many there are.
    pub(crate) fn extend(
        &self,
        first: usize,
        column: &VectorColumn,
        live: Option<&RoaringTreemap>,
        folder: &Path,
        progress: &Progress,
    ) -> Result<(u64, FileEntry)> {
        let partitioning = self.files().first().partitioning();
        let mut runs = encode::runs(&partitioning, column, folder);
        for file in self.files().iter().skip(first) {
            self.copy(file, live, &mut runs, progress)?;
        }
        let mut encoded =
            encode::encode(&partitioning, column, self.space(), runs, &Session::cpu(), progress)?;
        let path = folder.join(FILE_NAME);
        let file = file::write(&path, &partitioning, column, self.metric(), &mut encoded, progress)?;
        let calibration = self.files().first().calibration().filter(|_| first == 0);
        Ok((encoded.rows().iter().sum(), file.seal(calibration, relative_path(folder, FILE_NAME))?))
    }

    fn copy(
        &self,
        file: &IndexFile,
        live: Option<&RoaringTreemap>,
        runs: &mut Runs,
        progress: &Progress,
    ) -> Result<()> {
        let partitions = file.directory().len();
        for partition in 0..partitions {
            progress.step("merge", partition as u64, partitions as u64)?;
            let (vectors, row_ids) = self.extent(file, partition)?;
            let vectors = bytes(vectors);
            let vector_bytes = vectors.len() / row_ids.len().max(1);
            for (&row_id, vector) in row_ids.iter().zip(vectors.chunks_exact(vector_bytes.max(1))) {
                if live.is_none_or(|live| live.contains(row_id)) {
                    runs.push(partition as u32, |record| Record::write(record, row_id, vector))?;
                }
            }
        }
        progress.step("merge", partitions as u64, partitions as u64)
    }
}
