//! Sorting keys with the rows that have them, in bounded memory.
//!
//! Pairs are collected in a buffer. A full buffer is sorted and appended to a temporary file as a *run*; at the
//! end all runs are merged. So many runs that their buffers would take too much memory are merged to fewer
//! first.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::fs::File;
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::mem::take;
use std::path::{Path, PathBuf};

use rayon::slice::ParallelSliceMut;

use crate::error::{IoContext, Result};
use crate::progress::Progress;
use crate::storage::files;

/// Bytes of pairs held in memory before a run is written.
const BUFFER_BYTES: usize = 64 << 20;

/// Runs merged at a time.
const RUNS_MAX: usize = 64;

/// Bytes of a run in memory while it is merged.
const READ_BYTES: usize = 1 << 20;

/// What precedes a key in a run: its length and the row, u64 each.
const PREFIX_BYTES: usize = 16;

/// Pairs between two looks at whether to stop.
const PAIRS_PER_CHECK: u64 = 1 << 16;

/// Collects pairs of a key and a row.
pub(super) struct Sorter {
    folder: PathBuf,
    buffer_bytes: usize,
    bytes: Vec<u8>,
    pairs: Vec<Pair>,
    runs: Runs,
    pushed: u64,
}

/// A key in the buffer, and its row.
#[derive(Clone, Copy)]
pub(super) struct Pair {
    /// The first 8 bytes of the key, filled up with zeros: mostly they decide.
    head: u64,
    start: usize,
    length: usize,
    row: u64,
}

impl Pair {
    fn key(self, bytes: &[u8]) -> &[u8] {
        &bytes[self.start..self.start + self.length]
    }
}

impl Sorter {
    /// Runs go to `folder`, in files without a name.
    pub fn new(folder: &Path) -> Self {
        Self::with_buffer(folder, BUFFER_BYTES)
    }

    pub(super) fn with_buffer(folder: &Path, buffer_bytes: usize) -> Self {
        let runs = Runs { file: None, runs: Vec::new() };
        Self {
            folder: folder.to_owned(),
            buffer_bytes,
            bytes: Vec::new(),
            pairs: Vec::new(),
            runs,
            pushed: 0,
        }
    }

    /// How many pairs were added.
    pub fn pairs(&self) -> u64 {
        self.pushed
    }

    /// Adds a pair.
    pub fn push(&mut self, key: &[u8], row: u64) -> Result<()> {
        let held = self.bytes.len() + (self.pairs.len() + 1) * size_of::<Pair>();
        if !self.pairs.is_empty() && held + key.len() > self.buffer_bytes {
            self.spill()?;
        }
        self.pairs.push(Pair { head: head(key), start: self.bytes.len(), length: key.len(), row });
        self.bytes.extend_from_slice(key);
        self.pushed += 1;
        Ok(())
    }

    /// The pairs in the order of their keys, and of rows for each key.
    pub fn finish(mut self, progress: &Progress) -> Result<Sorted> {
        if self.runs.runs.is_empty() {
            self.sort();
            return Ok(Sorted::InMemory { bytes: self.bytes, pairs: self.pairs.into_iter() });
        }
        self.spill()?;
        // The buffer makes room for those of the runs.
        self.bytes = Vec::new();
        self.pairs = Vec::new();
        while self.runs.runs.len() > RUNS_MAX {
            let mut fewer = Runs { file: None, runs: Vec::new() };
            for group in self.runs.runs.chunks(RUNS_MAX) {
                let mut merge = Merge::new(self.runs.file.take(), group.to_vec(), &self.folder)?;
                let mut read = 0u64;
                fewer.append(&self.folder, |run| {
                    while let Some((key, row)) = merge.next()? {
                        run.write(key, row)?;
                        read += 1;
                        if read.is_multiple_of(PAIRS_PER_CHECK) {
                            progress.check()?;
                        }
                    }
                    Ok(())
                })?;
                self.runs.file = merge.file;
            }
            self.runs = fewer;
        }
        Ok(Sorted::Merge(Merge::new(self.runs.file, self.runs.runs, &self.folder)?))
    }

    fn sort(&mut self) {
        let bytes = &self.bytes;
        self.pairs.par_sort_unstable_by(|a, b| {
            a.head.cmp(&b.head).then_with(|| a.key(bytes).cmp(b.key(bytes))).then(a.row.cmp(&b.row))
        });
    }

    /// Empties the buffer into a new run.
    fn spill(&mut self) -> Result<()> {
        self.sort();
        let (bytes, pairs) = (&self.bytes, &self.pairs);
        self.runs.append(&self.folder, |run| {
            pairs.iter().try_for_each(|pair| run.write(pair.key(bytes), pair.row))
        })?;
        self.bytes.clear();
        self.pairs.clear();
        Ok(())
    }
}

fn head(key: &[u8]) -> u64 {
    let mut head = [0; 8];
    let known = key.len().min(8);
    head[..known].copy_from_slice(&key[..known]);
    u64::from_be_bytes(head)
}

/// Runs in one file, which has no name in its folder: it is gone when this process is.
struct Runs {
    file: Option<File>,
    runs: Vec<Run>,
}

/// Where a run is in the file.
#[derive(Clone, Copy)]
struct Run {
    start: u64,
    end: u64,
}

struct RunWriter<'a> {
    file: BufWriter<File>,
    bytes: u64,
    folder: &'a Path,
}

impl RunWriter<'_> {
    fn write(&mut self, key: &[u8], row: u64) -> Result<()> {
        let mut prefix = [0; PREFIX_BYTES];
        prefix[..8].copy_from_slice(&(key.len() as u64).to_le_bytes());
        prefix[8..].copy_from_slice(&row.to_le_bytes());
        self.file.write_all(&prefix).at("write a temporary file in", self.folder)?;
        self.file.write_all(key).at("write a temporary file in", self.folder)?;
        self.bytes += (PREFIX_BYTES + key.len()) as u64;
        Ok(())
    }
}

impl Runs {
    /// Adds what `fill` writes as a run.
    fn append(&mut self, folder: &Path, fill: impl FnOnce(&mut RunWriter) -> Result<()>) -> Result<()> {
        let mut file = match self.file.take() {
            Some(file) => file,
            None => files::unnamed_in(folder)?,
        };
        let start = file.seek(SeekFrom::End(0)).at("seek in a temporary file in", folder)?;
        let mut run = RunWriter { file: BufWriter::with_capacity(READ_BYTES, file), bytes: 0, folder };
        fill(&mut run)?;
        self.runs.push(Run { start, end: start + run.bytes });
        let file = run.file.into_inner().map_err(|error| error.into_error());
        self.file = Some(file.at("write a temporary file in", folder)?);
        Ok(())
    }
}

/// Pairs in order.
pub(super) enum Sorted {
    InMemory { bytes: Vec<u8>, pairs: std::vec::IntoIter<Pair> },
    Merge(Merge),
}

impl Sorted {
    /// The next pair; `None` after the last.
    pub fn next(&mut self) -> Result<Option<(&[u8], u64)>> {
        match self {
            Self::InMemory { bytes, pairs } => Ok(pairs.next().map(|pair| (pair.key(bytes), pair.row))),
            Self::Merge(merge) => merge.next(),
        }
    }
}

/// Merges runs.
pub(super) struct Merge {
    file: Option<File>,
    folder: PathBuf,
    readers: Vec<RunReader>,
    heads: BinaryHeap<Reverse<Head>>,
    current: Vec<u8>,
}

/// The first pair of a run that was not given out yet.
struct Head {
    key: Vec<u8>,
    row: u64,
    run: usize,
}

impl Ord for Head {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key.cmp(&other.key).then(self.row.cmp(&other.row))
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Head {}

impl Merge {
    fn new(mut file: Option<File>, runs: Vec<Run>, folder: &Path) -> Result<Self> {
        let mut readers: Vec<RunReader> = runs.into_iter().map(RunReader::new).collect();
        let mut heads = BinaryHeap::with_capacity(readers.len());
        for (run, reader) in readers.iter_mut().enumerate() {
            let mut key = Vec::new();
            if let Some(row) = reader.read(file.as_mut(), folder, &mut key)? {
                heads.push(Reverse(Head { key, row, run }));
            }
        }
        Ok(Self { file, folder: folder.to_owned(), readers, heads, current: Vec::new() })
    }

    fn next(&mut self) -> Result<Option<(&[u8], u64)>> {
        let Some(mut first) = self.heads.peek_mut() else { return Ok(None) };
        let Reverse(Head { key, row, run }) = &mut *first;
        let given = *row;
        std::mem::swap(&mut self.current, key);
        match self.readers[*run].read(self.file.as_mut(), &self.folder, key)? {
            Some(next) => *row = next,
            None => drop(PeekMut::pop(first)),
        }
        Ok(Some((&self.current, given)))
    }
}

/// A run, some bytes of it in memory.
struct RunReader {
    run: Run,
    buffer: Vec<u8>,
    at: usize,
}

impl RunReader {
    fn new(run: Run) -> Self {
        Self { run, buffer: Vec::new(), at: 0 }
    }

    /// Puts the next key into `key` and returns its row; `None` at the end.
    fn read(&mut self, file: Option<&mut File>, folder: &Path, key: &mut Vec<u8>) -> Result<Option<u64>> {
        let Some(file) = file else { return Ok(None) };
        if !self.has(PREFIX_BYTES, file, folder)? {
            return Ok(None);
        }
        let number = |at: usize| u64::from_le_bytes(self.buffer[at..at + 8].try_into().unwrap_or_default());
        let (length, row) = (number(self.at) as usize, number(self.at + 8));
        self.has(PREFIX_BYTES + length, file, folder)?;
        let start = self.at + PREFIX_BYTES;
        key.clear();
        key.extend_from_slice(&self.buffer[start..start + length]);
        self.at = start + length;
        Ok(Some(row))
    }

    /// Reads on until `bytes` more are in memory; whether there are so many.
    fn has(&mut self, bytes: usize, file: &mut File, folder: &Path) -> Result<bool> {
        if self.buffer.len() - self.at >= bytes {
            return Ok(true);
        }
        self.buffer.drain(..take(&mut self.at));
        let known = self.buffer.len();
        let wanted = bytes.max(READ_BYTES) as u64;
        let more = (self.run.end - self.run.start).min(wanted - known as u64);
        self.buffer.resize(known + more as usize, 0);
        file.seek(SeekFrom::Start(self.run.start)).at("seek in a temporary file in", folder)?;
        file.read_exact(&mut self.buffer[known..]).at("read a temporary file in", folder)?;
        self.run.start += more;
        Ok(self.buffer.len() >= bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pairs of some texts, each the key of two rows, as they come out.
    fn sorted(buffer_bytes: usize) -> Vec<(Vec<u8>, u64)> {
        let folder = tempfile::tempdir().unwrap();
        let mut sorter = Sorter::with_buffer(folder.path(), buffer_bytes);
        for row in 0..1000u64 {
            let number = row * 7919 % 500;
            let text = format!("{}{number}", if number % 3 == 0 { "a longer text " } else { "" });
            sorter.push(text.as_bytes(), row).unwrap();
        }
        let mut sorted = sorter.finish(&Progress::none()).unwrap();
        let mut pairs = Vec::new();
        while let Some((key, row)) = sorted.next().unwrap() {
            pairs.push((key.to_vec(), row));
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "runs have no name in the folder");
        pairs
    }

    #[test]
    fn pairs_come_by_key_and_then_by_row() {
        let pairs = sorted(1 << 20);

        assert_eq!(pairs.len(), 1000);
        assert!(pairs.is_sorted());
    }

    #[test]
    fn runs_change_nothing_however_many_there_are() {
        // From thirteen runs to one for each pair, which are merged in two steps.
        for buffer_bytes in [4000, 700, 1] {
            assert_eq!(sorted(buffer_bytes), sorted(1 << 20), "{buffer_bytes} bytes");
        }
    }
}
