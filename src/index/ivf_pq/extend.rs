//! Compressing rows that came after the index was built, and copying rows into a new file.

use std::path::Path;

use roaring::RoaringTreemap;

use super::encode::{self, Record};
use super::estimate::RowTerms;
use super::file::{self, Extent};
use super::scan::BLOCK_ROWS;
use super::train::Trained;
use super::{FILE_NAME, IvfPq};
use crate::error::Result;
use crate::gpu::Session;
use crate::index::VectorColumn;
use crate::index::build::relative_path;
use crate::index::ivf::{IndexFile, Runs};
use crate::progress::Progress;
use crate::storage::FileEntry;

impl IvfPq {
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
        let trained = self.trained();
        let mut runs = encode::runs(&trained, folder);
        for file in self.files().iter().skip(first) {
            self.copy(file, live, &mut runs, progress)?;
        }
        let mut encoded = encode::encode(&trained, column, self.space(), runs, &Session::cpu(), progress)?;
        let path = folder.join(FILE_NAME);
        let file = file::write(&path, &trained, column, self.metric(), &mut encoded, progress)?;
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
        let layout = self.layout();
        let partitions = file.directory().len();
        for partition in 0..partitions {
            progress.step("merge", partition as u64, partitions as u64)?;
            let rows = file.directory()[partition].rows as usize;
            let Extent { blocks, lower, row_ids } = Extent::of(layout, file.extent(partition)?, rows);
            let blocks = blocks.chunks_exact(layout.bytes()).zip(row_ids.chunks(BLOCK_ROWS)).enumerate();
            for (at, (block, row_ids)) in blocks {
                let lower = &lower[at * BLOCK_ROWS * layout.lower_bytes()..];
                for (row, &row_id) in row_ids.iter().enumerate() {
                    if live.is_some_and(|live| !live.contains(row_id)) {
                        continue;
                    }
                    let (codes, add, scale) = layout.unpack(block, lower, row);
                    let terms = RowTerms { add, scale };
                    runs.push(partition as u32, |record| Record::write(record, row_id, terms, &codes))?;
                }
            }
        }
        progress.step("merge", partitions as u64, partitions as u64)
    }

    fn trained(&self) -> Trained {
        Trained {
            partitioning: self.files().first().partitioning(),
            codebook: self.codebook().clone(),
            layout: self.layout(),
            sample_rows: 0,
        }
    }
}
