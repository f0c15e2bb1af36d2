//! Sorting a table's encoded rows by partition in bounded memory.
//!
//! Records of one size are collected in a buffer. A full buffer is sorted by partition and appended to a
//! temporary file as a *run*; at the end, a partition is what each run holds of it, in the order in which
//! the records came.

use std::fs::File;
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::error::{IoContext, Result};
use crate::storage::files;

/// Bytes of records held in memory before a run is written.
const BUFFER_BYTES: usize = 64 << 20;

/// Bytes handed to a reader at a time.
const READ_BYTES: usize = 1 << 20;

/// Collects records by partition.
pub(crate) struct Runs {
    folder: PathBuf,
    record_bytes: usize,
    buffer_bytes: usize,
    partitions: usize,
    /// The records of the run in progress, in the order they came.
    buffer: Vec<u8>,
    labels: Vec<u32>,
    /// Has no name in the folder: it is gone when this process is, however it ends.
    file: Option<File>,
    runs: Vec<Run>,
}

/// A sorted run: where in the file it starts and how many records come before each partition's.
struct Run {
    offset: u64,
    starts: Vec<u64>,
}

impl Runs {
    /// Collects records of `record_bytes` bytes for partitions `0..partitions`; runs go to `folder`.
    pub(crate) fn new(folder: &Path, partitions: usize, record_bytes: usize) -> Self {
        Self::with_buffer(folder, partitions, record_bytes, BUFFER_BYTES)
    }

    fn with_buffer(folder: &Path, partitions: usize, record_bytes: usize, buffer_bytes: usize) -> Self {
        Self {
            folder: folder.to_owned(),
            record_bytes,
            buffer_bytes,
            partitions,
            buffer: Vec::new(),
            labels: Vec::new(),
            file: None,
            runs: Vec::new(),
        }
    }

    /// Adds a record, which `fill` writes into zeroed bytes.
    pub(crate) fn push(&mut self, partition: u32, fill: impl FnOnce(&mut [u8])) -> Result<()> {
        if !self.labels.is_empty() && self.buffer.len() + self.record_bytes > self.buffer_bytes {
            self.spill()?;
        }
        let start = self.buffer.len();
        self.buffer.resize(start + self.record_bytes, 0);
        fill(&mut self.buffer[start..]);
        self.labels.push(partition);
        Ok(())
    }

    /// Ends collecting. The last run stays in memory.
    pub(crate) fn finish(mut self) -> Result<SortedRuns> {
        let (rest, starts) = self.sort();
        let mut rows = starts.windows(2).map(|w| w[1] - w[0]).collect::<Vec<_>>();
        for run in &self.runs {
            rows.iter_mut().zip(run.starts.windows(2)).for_each(|(rows, w)| *rows += w[1] - w[0]);
        }
        Ok(SortedRuns {
            folder: self.folder,
            record_bytes: self.record_bytes,
            file: self.file,
            runs: self.runs,
            rest,
            rest_starts: starts,
            rows,
        })
    }

    /// Empties the buffer into a new run at the end of the file.
    fn spill(&mut self) -> Result<()> {
        let (sorted, starts) = self.sort();
        let file = match self.file.take() {
            Some(file) => file,
            None => files::unnamed_in(&self.folder)?,
        };
        let mut file = BufWriter::new(file);
        let offset = file.seek(SeekFrom::End(0)).at("seek in a temporary file in", &self.folder)?;
        file.write_all(&sorted).at("write a temporary file in", &self.folder)?;
        let file = file.into_inner().map_err(|e| e.into_error());
        self.file = Some(file.at("write a temporary file in", &self.folder)?);
        self.runs.push(Run { offset, starts });
        Ok(())
    }

    /// The buffer's records by partition, and how many come before each partition's; empties the buffer.
    fn sort(&mut self) -> (Vec<u8>, Vec<u64>) {
        let mut starts = vec![0u64; self.partitions + 1];
        for &label in &self.labels {
            starts[label as usize + 1] += 1;
        }
        for p in 0..self.partitions {
            starts[p + 1] += starts[p];
        }
        let mut next = starts.clone();
        let mut sorted = vec![0u8; self.buffer.len()];
        for (&label, record) in self.labels.iter().zip(self.buffer.chunks_exact(self.record_bytes)) {
            let at = next[label as usize] as usize * self.record_bytes;
            sorted[at..at + self.record_bytes].copy_from_slice(record);
            next[label as usize] += 1;
        }
        self.buffer.clear();
        self.labels.clear();
        (sorted, starts)
    }
}

/// Records sorted by partition.
pub(crate) struct SortedRuns {
    folder: PathBuf,
    record_bytes: usize,
    file: Option<File>,
    runs: Vec<Run>,
    rest: Vec<u8>,
    rest_starts: Vec<u64>,
    rows: Vec<u64>,
}

impl SortedRuns {
    /// Records of each partition.
    pub(crate) fn rows(&self) -> &[u64] {
        &self.rows
    }

    /// Hands the records of `partition` to `each`, in the order they were pushed, some at a time.
    pub(crate) fn read(&mut self, partition: usize, mut each: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        if let Some(file) = &mut self.file {
            let piece_bytes = (READ_BYTES / self.record_bytes).max(1) * self.record_bytes;
            let mut piece = Vec::new();
            for run in &self.runs {
                let bounds = [run.starts[partition], run.starts[partition + 1]];
                let [start, end] = bounds.map(|records| records * self.record_bytes as u64);
                file.seek(SeekFrom::Start(run.offset + start))
                    .at("seek in a temporary file in", &self.folder)?;
                let mut left = (end - start) as usize;
                while left > 0 {
                    piece.resize(left.min(piece_bytes), 0);
                    file.read_exact(&mut piece).at("read a temporary file in", &self.folder)?;
                    each(&piece)?;
                    left -= piece.len();
                }
            }
        }
        let bounds = [self.rest_starts[partition], self.rest_starts[partition + 1]];
        let [start, end] = bounds.map(|records| records as usize * self.record_bytes);
        if end > start { each(&self.rest[start..end]) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pushes the numbers 0..100 as records, number i to partition i % 3 of 4, and reads them back.
    fn sorted(buffer_bytes: usize) -> (Vec<Vec<u64>>, Vec<u64>) {
        let folder = tempfile::tempdir().unwrap();
        let mut runs = Runs::with_buffer(folder.path(), 4, 8, buffer_bytes);
        for i in 0..100u64 {
            runs.push((i % 3) as u32, |record| record.copy_from_slice(&i.to_le_bytes())).unwrap();
        }
        let mut sorted = runs.finish().unwrap();
        let read = (0..4)
            .map(|partition| {
                let mut numbers = Vec::new();
                sorted
                    .read(partition, |records| {
                        numbers.extend(
                            records.chunks_exact(8).map(|r| u64::from_le_bytes(r.try_into().unwrap())),
                        );
                        Ok(())
                    })
                    .unwrap();
                numbers
            })
            .collect();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "runs have no name in the folder");
        (read, sorted.rows().to_vec())
    }

    #[test]
    fn a_partition_holds_its_records_in_the_order_they_came() {
        let (read, rows) = sorted(1 << 20);

        assert_eq!(read[1], (0..100).filter(|i| i % 3 == 1).collect::<Vec<_>>());
        assert_eq!(rows, [34, 33, 33, 0]);
    }

    #[test]
    fn spilling_changes_nothing() {
        for buffer_bytes in [8, 24, 160, 400] {
            assert_eq!(sorted(buffer_bytes), sorted(1 << 20), "{buffer_bytes} bytes");
        }
    }
}
