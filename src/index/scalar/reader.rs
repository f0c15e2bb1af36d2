//! Reading a file of a scalar index in place, after checking all that this relies on.

use std::ops::{Bound, Range};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use roaring::RoaringTreemap;

use super::ScalarKind;
use super::collect::Collector;
use super::file::{DirectoryEntry, HEADER_BYTES, HEADER_CRC_AT, Header, MAGIC, VERSION};
use super::page::Page;
use crate::error::{Error, Result};
use crate::storage::{FileEntry, KeyType, MappedFile};

/// Between which values rows are looked for.
pub type KeyRange<'a> = (Bound<&'a [u8]>, Bound<&'a [u8]>);

/// A file of a scalar index, mapped: header and directory are checked when it is opened, each page when it is first
/// read.
pub(super) struct ScalarFile {
    map: MappedFile,
    path: PathBuf,
    kind: ScalarKind,
    key_type: KeyType,
    header: Header,
    /// Which pages have been found to be whole.
    whole: Box<[AtomicBool]>,
}

impl ScalarFile {
    /// Opens a file in the table's folder.
    ///
    /// # Errors
    /// [`Error::Corrupted`] if the file is missing or damaged, [`Error::UnsupportedFormat`] if a newer release
    /// wrote it.
    pub fn open(table: &Path, file: &FileEntry) -> Result<Self> {
        let path = file.locate(table);
        let map = MappedFile::open(&path, file.bytes)?;
        map.expect_scattered_reads();
        let (header, kind, key_type) = check(map.bytes(), &path)?;
        let whole = (0..header.pages).map(|_| AtomicBool::new(false)).collect();
        Ok(Self { map, path, kind, key_type, header, whole })
    }

    pub fn kind(&self) -> ScalarKind {
        self.kind
    }

    pub fn key_type(&self) -> KeyType {
        self.key_type
    }

    /// Rows in the file, those without a value included.
    pub fn rows(&self) -> u64 {
        self.header.rows
    }

    /// How many pairs of a key and a row there are.
    pub fn pairs(&self) -> u64 {
        self.header.pairs
    }

    /// How many pages there are.
    pub fn pages(&self) -> usize {
        self.whole.len()
    }

    /// Reads the rows that have no value.
    pub fn nulls(&self) -> Result<RoaringTreemap> {
        RoaringTreemap::deserialize_from(&self.map.bytes()[self.header.nulls as usize..])
            .map_err(|error| self.damaged(&error.to_string()))
    }

    /// About how many pairs have a key within a range: those of all pages that may have some.
    pub fn pairs_near(&self, range: KeyRange) -> u64 {
        let pages = self.pages_of(range);
        self.pairs_before(pages.end) - self.pairs_before(pages.start)
    }

    /// Adds the rows that have a value within a range.
    pub fn add_between(&self, range: KeyRange, rows: &mut Collector) -> Result<()> {
        self.pages_of(range).try_for_each(|page| {
            let page = self.page(page)?;
            self.add(rows, &page, keys_within(&page, range))
        })
    }

    /// How many pairs have a key within a range.
    pub fn count_between(&self, range: KeyRange) -> Result<u64> {
        let pages = self.pages_of(range);
        // Of the pages between the first and the last all keys are within.
        let (first, last) = (pages.start, pages.end.saturating_sub(1));
        let mut rows = match pages.len() {
            0 => return Ok(0),
            1 | 2 => 0,
            _ => self.pairs_before(last) - self.pairs_before(first + 1),
        };
        for page in [first, last].into_iter().take(pages.len()) {
            let page = self.page(page)?;
            rows += page.count(keys_within(&page, range)).map_err(|reason| self.damaged(reason))?;
        }
        Ok(rows)
    }

    /// Adds the rows that have one value.
    pub fn add_of(&self, key: &[u8], rows: &mut Collector) -> Result<()> {
        self.find(key, |page, place| self.add(rows, page, place..place + 1))
    }

    /// How many rows have one value.
    pub fn count_of(&self, key: &[u8]) -> Result<u64> {
        let mut rows = 0;
        self.find(key, |page, place| {
            rows = page.count(place..place + 1).map_err(|reason| self.damaged(reason))?;
            Ok(())
        })?;
        Ok(rows)
    }

    /// Hands the page that has `key`, and its place there, to `found`, if there is one.
    fn find(&self, key: &[u8], found: impl FnOnce(&Page, usize) -> Result<()>) -> Result<()> {
        let Some(page) = self.page_starting_before(|first| first <= key).checked_sub(1) else {
            return Ok(());
        };
        let page = self.page(page)?;
        let place = page.partition_point(|other| other < key);
        if place < page.len() && page.key(place) == key { found(&page, place) } else { Ok(()) }
    }

    fn add(&self, rows: &mut Collector, page: &Page, keys: Range<usize>) -> Result<()> {
        let found = page.rows_of(keys).map_err(|reason| self.damaged(reason))?;
        if rows.add(found) { Ok(()) } else { Err(self.damaged("it names rows that it does not cover")) }
    }

    /// The pages that may have keys within a range.
    fn pages_of(&self, (low, high): KeyRange) -> Range<usize> {
        let start = match low {
            Bound::Unbounded => 0,
            Bound::Included(low) | Bound::Excluded(low) => {
                self.page_starting_before(|first| first <= low).saturating_sub(1)
            }
        };
        let end = match high {
            Bound::Unbounded => self.whole.len(),
            Bound::Included(high) => self.page_starting_before(|first| first <= high),
            Bound::Excluded(high) => self.page_starting_before(|first| first < high),
        };
        start..end.max(start)
    }

    /// How many pages have a first key for which `is_before` is true.
    fn page_starting_before(&self, is_before: impl Fn(&[u8]) -> bool) -> usize {
        let (directory, bytes) = (self.directory(), self.map.bytes());
        let first_key = |page: usize| {
            let end =
                directory.get(page + 1).map_or(self.header.nulls - self.header.first_keys, |next| next.key);
            let at = |place: u64| (self.header.first_keys + place) as usize;
            &bytes[at(directory[page].key)..at(end)]
        };
        let (mut low, mut high) = (0, directory.len());
        while low < high {
            let middle = (low + high) / 2;
            if is_before(first_key(middle)) { low = middle + 1 } else { high = middle }
        }
        low
    }

    fn pairs_before(&self, page: usize) -> u64 {
        self.directory().get(page).map_or(self.header.pairs, |entry| entry.pairs)
    }

    fn directory(&self) -> &[DirectoryEntry] {
        let bytes = &self.map.bytes()[self.header.tail as usize..self.header.first_keys as usize];
        // `check` has seen that this is aligned.
        bytemuck::cast_slice(bytes)
    }

    /// A page, by its place.
    pub fn page(&self, page: usize) -> Result<Page<'_>> {
        let directory = self.directory();
        let start = directory[page].offset as usize;
        let end = directory.get(page + 1).map_or(self.header.tail, |next| next.offset) as usize;
        let bytes = &self.map.bytes()[start..end];
        // No other memory depends on the flag: two threads at once check twice, and that is all.
        let is_whole = self.whole[page].load(Ordering::Relaxed);
        if !is_whole {
            self.map.fetch(start..end);
            if crc32c::crc32c(bytes) != directory[page].crc {
                return Err(self.damaged(&format!("page {page} does not match its checksum")));
            }
        }
        let found = Page::read(bytes, self.key_type.width());
        let checked = found.and_then(|found| {
            if !is_whole {
                found.check()?;
            }
            Ok(found)
        });
        let found = checked.map_err(|reason| self.damaged(reason))?;
        self.whole[page].store(true, Ordering::Relaxed);
        Ok(found)
    }

    pub fn damaged(&self, reason: &str) -> Error {
        Error::corrupted(&self.path, reason)
    }
}

/// The keys of a page that are within a range.
fn keys_within(page: &Page, (low, high): KeyRange) -> Range<usize> {
    let start = match low {
        Bound::Unbounded => 0,
        Bound::Included(low) => page.partition_point(|key| key < low),
        Bound::Excluded(low) => page.partition_point(|key| key <= low),
    };
    let end = match high {
        Bound::Unbounded => page.len(),
        Bound::Included(high) => page.partition_point(|key| key <= high),
        Bound::Excluded(high) => page.partition_point(|key| key < high),
    };
    start..end.max(start)
}

/// Checks the header, and all of the file but its pages.
fn check(bytes: &[u8], path: &Path) -> Result<(Header, ScalarKind, KeyType)> {
    let damaged = |reason: &str| Error::corrupted(path, reason);
    let page = bytes.get(..HEADER_BYTES).ok_or_else(|| damaged("the file is shorter than its header"))?;
    if page[..8] != MAGIC {
        return Err(damaged("it does not start like a scalar index"));
    }
    if crc32c::crc32c(&page[..HEADER_CRC_AT]).to_le_bytes() != page[HEADER_CRC_AT..] {
        return Err(damaged("the header does not match its checksum"));
    }
    let header: Header = bytemuck::pod_read_unaligned(&page[..size_of::<Header>()]);
    if header.version != VERSION {
        let (found, supported) = (header.version, VERSION);
        return Err(Error::UnsupportedFormat { path: path.to_owned(), found, supported });
    }
    let kind = ScalarKind::ALL.get(header.kind as usize);
    let key_type = KeyType::ALL.get(header.key_type as usize);
    let (Some(&kind), Some(&key_type)) = (kind, key_type) else {
        return Err(damaged("its header names no kind or type that there is"));
    };
    let entry_bytes = size_of::<DirectoryEntry>() as u64;
    let places = [HEADER_BYTES as u64, header.tail, header.first_keys, header.nulls, header.file_bytes];
    let in_order = places.is_sorted() && header.file_bytes == bytes.len() as u64;
    let directory_bytes =
        header.pages.checked_mul(entry_bytes).and_then(|bytes| header.tail.checked_add(bytes));
    if !in_order || directory_bytes != Some(header.first_keys) || !header.tail.is_multiple_of(8) {
        return Err(damaged("its parts do not have the places that its header gives"));
    }
    if crc32c::crc32c(&bytes[header.tail as usize..]) != header.tail_crc {
        return Err(damaged("its directory does not match its checksum"));
    }
    let directory: &[DirectoryEntry] =
        bytemuck::try_cast_slice(&bytes[header.tail as usize..header.first_keys as usize])
            .map_err(|_| damaged("its directory is not aligned"))?;
    check_directory(directory, &header).map_err(damaged)?;
    Ok((header, kind, key_type))
}

fn check_directory(directory: &[DirectoryEntry], header: &Header) -> std::result::Result<(), &'static str> {
    let key_bytes = header.nulls - header.first_keys;
    let end =
        DirectoryEntry { offset: header.tail, pairs: header.pairs, key: key_bytes, crc: 0, reserved: 0 };
    let starts_there = directory
        .first()
        .is_none_or(|first| (first.offset, first.pairs, first.key) == (HEADER_BYTES as u64, 0, 0));
    let ascend = directory.iter().zip(directory.iter().skip(1).chain([&end])).all(|(entry, next)| {
        entry.offset.is_multiple_of(8)
            && entry.offset < next.offset
            && entry.pairs < next.pairs
            && entry.key <= next.key
    });
    if starts_there && ascend { Ok(()) } else { Err("its directory does not describe its pages") }
}
