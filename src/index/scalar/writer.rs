//! Writing the file of a scalar index from pairs that are sorted.

use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use roaring::RoaringTreemap;

use super::ScalarKind;
use super::file::{DirectoryEntry, HEADER_BYTES, HEADER_CRC_AT, Header, MAGIC, VERSION};
use super::page::PageBuilder;
use crate::error::{Error, IoContext, Result};
use crate::storage::{FileEntry, KeyType, files};

/// A page is full when it has so many bytes.
const PAGE_BYTES: usize = 32 << 10;

/// A key with more rows than this has a page of its own, and there a set of them.
const IDS_MAX: usize = 8192;

/// Writes pages as their keys come, then what finds them.
pub(super) struct IndexWriter {
    path: PathBuf,
    file: BufWriter<File>,
    kind: ScalarKind,
    key_type: KeyType,
    page: PageBuilder,
    first_key: Vec<u8>,
    /// The key that is being collected, and its rows: the last ones as ids.
    key: Option<Vec<u8>>,
    ids: Vec<u64>,
    set: RoaringTreemap,
    offset: u64,
    pages_crc: u32,
    pairs: u64,
    /// The pairs of the pages that are written.
    pairs_written: u64,
    keys: u64,
    directory: Vec<DirectoryEntry>,
    first_keys: Vec<u8>,
}

impl IndexWriter {
    /// Creates the file, which must not exist.
    pub fn create(path: &Path, kind: ScalarKind, key_type: KeyType) -> Result<Self> {
        let mut file = BufWriter::with_capacity(1 << 18, files::create(path)?);
        file.seek(SeekFrom::Start(HEADER_BYTES as u64)).at("seek in", path)?;
        Ok(Self {
            path: path.to_owned(),
            file,
            kind,
            key_type,
            page: PageBuilder::default(),
            first_key: Vec::new(),
            key: None,
            ids: Vec::new(),
            set: RoaringTreemap::new(),
            offset: HEADER_BYTES as u64,
            pages_crc: 0,
            pairs: 0,
            pairs_written: 0,
            keys: 0,
            directory: Vec::new(),
            first_keys: Vec::new(),
        })
    }

    /// Adds a pair. Pairs come in the order of their keys, then of rows; one that comes again is one.
    pub fn push(&mut self, key: &[u8], row: u64) -> Result<()> {
        if self.key.as_deref() != Some(key) {
            self.end_key()?;
            self.key = Some(key.to_vec());
        } else if self.ids.last() == Some(&row) {
            return Ok(());
        }
        if self.ids.len() == IDS_MAX {
            self.gather()?;
        }
        self.ids.push(row);
        Ok(())
    }

    /// Moves the ids to the set, all but the last, which tells whether a row comes again.
    fn gather(&mut self) -> Result<()> {
        let Some(last) = self.ids.pop() else { return Ok(()) };
        self.set.append(self.ids.drain(..)).map_err(Error::internal)?;
        self.ids.push(last);
        Ok(())
    }

    fn end_key(&mut self) -> Result<()> {
        let Some(key) = self.key.take() else { return Ok(()) };
        let is_large = !self.set.is_empty();
        if is_large {
            self.end_page()?;
        }
        if self.page.is_empty() {
            self.first_key.clone_from(&key);
        }
        self.keys += 1;
        if is_large || self.kind != ScalarKind::BTree {
            self.set.append(self.ids.drain(..)).map_err(Error::internal)?;
            self.pairs += self.set.len();
            self.page.push_set(&key, &self.set)?;
            self.set.clear();
        } else {
            self.pairs += self.ids.len() as u64;
            self.page.push_ids(&key, &self.ids)?;
            self.ids.clear();
        }
        if is_large || self.page.bytes() >= PAGE_BYTES { self.end_page() } else { Ok(()) }
    }

    fn end_page(&mut self) -> Result<()> {
        if self.page.is_empty() {
            return Ok(());
        }
        let page = std::mem::take(&mut self.page).finish(self.key_type.width());
        self.directory.push(DirectoryEntry {
            offset: self.offset,
            pairs: self.pairs_written,
            key: self.first_keys.len() as u64,
            crc: crc32c::crc32c(&page),
            reserved: 0,
        });
        self.pairs_written = self.pairs;
        self.first_keys.extend_from_slice(&self.first_key);
        self.write(&page)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).at("write", &self.path)?;
        self.offset += bytes.len() as u64;
        self.pages_crc = crc32c::crc32c_append(self.pages_crc, bytes);
        Ok(())
    }

    /// Completes the file. `nulls`: the rows that have no value; `rows`: how many rows
    /// the index knows, these included; `name`: the file's path as the manifest names it. Returns the file, and
    /// how many different keys there are.
    pub fn finish(mut self, nulls: &RoaringTreemap, rows: u64, name: String) -> Result<(FileEntry, u64)> {
        self.end_key()?;
        self.end_page()?;
        let tail = self.offset;
        let mut end = Vec::new();
        end.extend_from_slice(bytemuck::cast_slice(&self.directory));
        let first_keys = tail + end.len() as u64;
        end.append(&mut self.first_keys);
        let nulls_start = tail + end.len() as u64;
        nulls.serialize_into(&mut end).map_err(Error::internal)?;
        let header = Header {
            magic: MAGIC,
            version: VERSION,
            kind: self.kind as u32,
            key_type: self.key_type.number(),
            reserved: 0,
            pages: self.directory.len() as u64,
            keys: self.keys,
            pairs: self.pairs,
            rows,
            file_bytes: tail + end.len() as u64,
            tail,
            first_keys,
            nulls: nulls_start,
            tail_crc: crc32c::crc32c(&end),
            reserved_too: 0,
        };
        let (pages_crc, page_bytes) = (self.pages_crc, tail as usize - HEADER_BYTES);
        self.write(&end)?;
        let front = front_page(&header);
        self.file.seek(SeekFrom::Start(0)).at("seek in", &self.path)?;
        self.file.write_all(&front).at("write", &self.path)?;
        self.file.flush().at("write", &self.path)?;

        let crc = crc32c::crc32c_combine(crc32c::crc32c(&front), pages_crc, page_bytes);
        let crc = crc32c::crc32c_combine(crc, header.tail_crc, end.len());
        let file = FileEntry { path: name, bytes: header.file_bytes, crc32c: crc };
        Ok((file, self.keys))
    }
}

fn front_page(header: &Header) -> Vec<u8> {
    let mut page = vec![0; HEADER_BYTES];
    page[..size_of::<Header>()].copy_from_slice(bytemuck::bytes_of(header));
    let crc = crc32c::crc32c(&page[..HEADER_CRC_AT]);
    page[HEADER_CRC_AT..].copy_from_slice(&crc.to_le_bytes());
    page
}
