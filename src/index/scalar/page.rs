//! A page of a scalar index: some keys in order, and the rows of each.
//!
//! ```text
//!     0  keys         u32
//!     4  encoding     u32       0: row ids of 4 bytes; 1: row ids of 8 bytes; 2: sets
//!     8  rows         u64       of all keys together
//!    16  base         u64       for encoding 0: what is added to each id; else 0
//!    24  ids          rows x 4 or 8 bytes, by key, ascending for each; none for encoding 2
//!        starts       (keys + 1) x u32: where the ids (or the bytes of the set) of each key begin, and end;
//!                     none if every key has just one id
//!        key starts   (keys + 1) x u32: the same for the bytes of keys; none if all are of one length
//!        keys         bytes
//!        sets         for encoding 2: a set in Roaring's portable 64-bit format for each key
//!        zeros        up to a multiple of 8
//! ```

use std::ops::Range;

use roaring::RoaringTreemap;

use crate::error::{Error, Result};

/// What comes before the ids.
const HEAD_BYTES: usize = 24;

const IDS_4: u32 = 0;
const IDS_8: u32 = 1;
const SETS: u32 = 2;

/// Why a page cannot be read.
type Fault = &'static str;

/// Collects a page.
#[derive(Default)]
pub(super) struct PageBuilder {
    keys: Vec<u8>,
    key_ends: Vec<u32>,
    ids: Vec<u64>,
    sets: Vec<u8>,
    /// Where the ids of each key end, or its set.
    ends: Vec<u32>,
    rows: u64,
}

impl PageBuilder {
    /// Whether there is no key yet.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// About how long the page is.
    pub fn bytes(&self) -> usize {
        HEAD_BYTES + self.keys.len() + self.sets.len() + 4 * self.ids.len() + 8 * self.ends.len()
    }

    /// Adds a key and the ids of its rows. A page has either ids or sets.
    ///
    /// # Errors
    /// If the page would have more than four billion bytes of keys.
    pub fn push_ids(&mut self, key: &[u8], ids: &[u64]) -> Result<()> {
        self.ids.extend_from_slice(ids);
        self.rows += ids.len() as u64;
        self.push_key(key, self.ids.len())
    }

    /// Adds a key and the set of its rows.
    ///
    /// # Errors
    /// As [`PageBuilder::push_ids`].
    pub fn push_set(&mut self, key: &[u8], rows: &RoaringTreemap) -> Result<()> {
        rows.serialize_into(&mut self.sets).map_err(Error::internal)?;
        self.rows += rows.len();
        self.push_key(key, self.sets.len())
    }

    fn push_key(&mut self, key: &[u8], end: usize) -> Result<()> {
        self.keys.extend_from_slice(key);
        let ends = u32::try_from(end).ok().zip(u32::try_from(self.keys.len()).ok());
        let (end, key_end) = ends.ok_or_else(|| {
            let bytes = format!("{} bytes long", key.len());
            Error::invalid("a value of the indexed column", bytes, "values of less than 4 GiB can be indexed")
        })?;
        self.ends.push(end);
        self.key_ends.push(key_end);
        Ok(())
    }

    /// The page's bytes, whose keys all have `width` bytes, if they are of one length.
    pub fn finish(self, width: Option<usize>) -> Vec<u8> {
        let base = self.ids.iter().copied().min().unwrap_or(0);
        let last = self.ids.iter().copied().max().unwrap_or(0);
        let encoding = match u32::try_from(last - base) {
            _ if self.ids.is_empty() => SETS,
            Ok(_) => IDS_4,
            Err(_) => IDS_8,
        };
        let mut page = Vec::with_capacity(self.bytes() + 16);
        page.extend_from_slice(&(self.ends.len() as u32).to_le_bytes());
        page.extend_from_slice(&encoding.to_le_bytes());
        page.extend_from_slice(&self.rows.to_le_bytes());
        page.extend_from_slice(&(if encoding == IDS_4 { base } else { 0 }).to_le_bytes());
        match encoding {
            IDS_4 => self.ids.iter().for_each(|id| page.extend(((id - base) as u32).to_le_bytes())),
            _ => self.ids.iter().for_each(|id| page.extend(id.to_le_bytes())),
        }
        let mut push_starts = |ends: &[u32]| {
            page.extend_from_slice(&0u32.to_le_bytes());
            ends.iter().for_each(|end| page.extend_from_slice(&end.to_le_bytes()));
        };
        if !(encoding != SETS && self.ids.len() == self.ends.len()) {
            push_starts(&self.ends);
        }
        if width.is_none() {
            push_starts(&self.key_ends);
        }
        page.extend_from_slice(&self.keys);
        page.extend_from_slice(&self.sets);
        page.resize(page.len().next_multiple_of(8), 0);
        page
    }
}

/// A page, in place.
#[derive(Clone, Copy)]
pub(super) struct Page<'a> {
    keys: usize,
    width: Option<usize>,
    rows: Rows<'a>,
    starts: Option<&'a [u32]>,
    key_starts: Option<&'a [u32]>,
    key_bytes: &'a [u8],
}

#[derive(Clone, Copy)]
enum Rows<'a> {
    Short { base: u64, ids: &'a [u32] },
    Long(&'a [u64]),
    Sets(&'a [u8]),
}

/// The rows of some keys, which follow each other.
pub(super) enum RowsOf<'a> {
    /// Ids of 4 bytes, to which something is added.
    Short(u64, &'a [u32]),
    Long(&'a [u64]),
    /// The union of sets.
    Set(RoaringTreemap),
}

impl<'a> Page<'a> {
    /// Reads where everything is. Whether starts ascend, [`Page::check`] says.
    pub fn read(bytes: &'a [u8], width: Option<usize>) -> Result<Self, Fault> {
        const SHORT: Fault = "a page is shorter than what it should hold";
        let number = |at: usize| {
            let field = bytes.get(at..at + 8).and_then(|field| field.try_into().ok());
            field.map(u64::from_le_bytes).ok_or(SHORT)
        };
        let first = number(0)?;
        let (keys, encoding) = (first as u32 as usize, (first >> 32) as u32);
        let (row_count, base) = (number(8)?, number(16)?);
        let mut rest = &bytes[HEAD_BYTES..];
        let mut take = |bytes: Option<u64>| {
            let bytes = bytes.and_then(|bytes| usize::try_from(bytes).ok()).ok_or(SHORT)?;
            let (taken, left) = rest.split_at_checked(bytes).ok_or(SHORT)?;
            rest = left;
            Ok::<_, Fault>(taken)
        };
        fn numbers<T: bytemuck::Pod>(bytes: &[u8]) -> Result<&[T], Fault> {
            bytemuck::try_cast_slice(bytes).map_err(|_| "a page is not aligned")
        }
        let mut rows = match encoding {
            IDS_4 => Rows::Short { base, ids: numbers(take(row_count.checked_mul(4))?)? },
            IDS_8 => Rows::Long(numbers(take(row_count.checked_mul(8))?)?),
            SETS => Rows::Sets(&[]),
            _ => return Err("a page has an unknown encoding"),
        };
        let starts_bytes = Some((keys as u64 + 1) * 4);
        let has_starts = encoding == SETS || row_count != keys as u64;
        let starts = if has_starts { Some(numbers(take(starts_bytes)?)?) } else { None };
        let key_starts: Option<&[u32]> =
            if width.is_none() { Some(numbers(take(starts_bytes)?)?) } else { None };
        let key_bytes = match (width, key_starts) {
            (None, Some(starts)) => starts.last().map(|&end| u64::from(end)),
            (width, _) => (keys as u64).checked_mul(width.unwrap_or(0) as u64),
        };
        let key_bytes = take(key_bytes)?;
        if let (Rows::Sets(sets), Some(starts)) = (&mut rows, starts) {
            *sets = take(starts.last().map(|&end: &u32| u64::from(end)))?;
        }
        Ok(Self { keys, width, rows, starts, key_starts, key_bytes })
    }

    /// Checks what the other methods rely on.
    pub fn check(&self) -> Result<(), Fault> {
        let rows = match self.rows {
            Rows::Short { ids, .. } => ids.len(),
            Rows::Long(ids) => ids.len(),
            Rows::Sets(sets) => sets.len(),
        };
        for (starts, end) in [(self.starts, rows), (self.key_starts, self.key_bytes.len())] {
            let Some(starts) = starts else { continue };
            let ends_there = starts.first() == Some(&0) && starts.last() == Some(&(end as u32));
            if !(ends_there && starts.is_sorted()) {
                return Err("the starts in a page do not ascend to its end");
            }
        }
        let ascend = (1..self.keys).all(|key| self.key(key - 1) < self.key(key));
        if ascend { Ok(()) } else { Err("the keys of a page do not ascend") }
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.keys
    }

    /// A key.
    pub fn key(&self, index: usize) -> &'a [u8] {
        match (self.width, self.key_starts) {
            (None, Some(starts)) => &self.key_bytes[starts[index] as usize..starts[index + 1] as usize],
            (width, _) => {
                let width = width.unwrap_or(0);
                &self.key_bytes[index * width..(index + 1) * width]
            }
        }
    }

    /// How many keys come before the first for which `is_before` is false.
    pub fn partition_point(&self, is_before: impl Fn(&[u8]) -> bool) -> usize {
        let (mut low, mut high) = (0, self.keys);
        while low < high {
            let middle = (low + high) / 2;
            if is_before(self.key(middle)) { low = middle + 1 } else { high = middle }
        }
        low
    }

    /// How many rows some keys have together. A row of several keys counts several times.
    pub fn count(&self, keys: Range<usize>) -> Result<u64, Fault> {
        match self.rows {
            Rows::Sets(_) => keys.map(|key| Ok(self.set(key)?.len())).sum(),
            _ => Ok(self.starts_of(keys).len() as u64),
        }
    }

    /// The rows of some keys.
    pub fn rows_of(&self, keys: Range<usize>) -> Result<RowsOf<'a>, Fault> {
        let range = self.starts_of(keys.clone());
        Ok(match self.rows {
            Rows::Short { base, ids } => RowsOf::Short(base, &ids[range]),
            Rows::Long(ids) => RowsOf::Long(&ids[range]),
            Rows::Sets(_) => {
                let mut all = RoaringTreemap::new();
                for key in keys {
                    all |= self.set(key)?;
                }
                RowsOf::Set(all)
            }
        })
    }

    fn set(&self, key: usize) -> Result<RoaringTreemap, Fault> {
        let Rows::Sets(sets) = self.rows else { return Err("a page has no sets") };
        RoaringTreemap::deserialize_from(&sets[self.starts_of(key..key + 1)])
            .map_err(|_| "a set of rows is malformed")
    }

    fn starts_of(&self, keys: Range<usize>) -> Range<usize> {
        match self.starts {
            Some(starts) => starts[keys.start] as usize..starts[keys.end] as usize,
            None => keys,
        }
    }
}
