//! The pairs of a file again, in their order, and those of several files and of new rows as one.

use roaring::RoaringTreemap;

use super::page::RowsOf;
use super::reader::ScalarFile;
use super::sort::Sorted;
use crate::error::Result;

/// The keys of a file, each with its rows.
struct FileKeys<'a> {
    file: &'a ScalarFile,
    page: usize,
    place: usize,
}

impl FileKeys<'_> {
    /// Puts the next key into `key` and its rows into `rows`; false after the last.
    fn next(&mut self, key: &mut Vec<u8>, rows: &mut Vec<u64>) -> Result<bool> {
        while self.page < self.file.pages() {
            let page = self.file.page(self.page)?;
            if self.place == page.len() {
                (self.page, self.place) = (self.page + 1, 0);
                continue;
            }
            key.clear();
            key.extend_from_slice(page.key(self.place));
            let found = page.rows_of(self.place..self.place + 1);
            rows.clear();
            match found.map_err(|reason| self.file.damaged(reason))? {
                RowsOf::Short(base, ids) => {
                    rows.extend(ids.iter().map(|&id| base.wrapping_add(u64::from(id))));
                }
                RowsOf::Long(ids) => rows.extend_from_slice(ids),
                RowsOf::Set(set) => rows.extend(set),
            }
            self.place += 1;
            return Ok(true);
        }
        Ok(false)
    }
}

/// Where pairs come from.
enum Source<'a> {
    File(FileKeys<'a>),
    New(Sorted),
}

/// A source, and what it gave last.
struct Head<'a> {
    source: Source<'a>,
    key: Vec<u8>,
    rows: Vec<u64>,
    is_done: bool,
}

impl Head<'_> {
    fn advance(&mut self) -> Result<()> {
        let found = match &mut self.source {
            Source::File(keys) => keys.next(&mut self.key, &mut self.rows)?,
            Source::New(sorted) => match sorted.next()? {
                Some((key, row)) => {
                    self.key.clear();
                    self.key.extend_from_slice(key);
                    self.rows.clear();
                    self.rows.push(row);
                    true
                }
                None => false,
            },
        };
        self.is_done = !found;
        Ok(())
    }
}

/// Pairs of several files, whose row ids ascend from one to the next, and then of new rows.
pub(super) struct Merged<'a> {
    heads: Vec<Head<'a>>,
    live: Option<&'a RoaringTreemap>,
}

impl<'a> Merged<'a> {
    /// Of the rows of files only those that are `live`, if it is given.
    pub fn new(files: &'a [ScalarFile], new: Sorted, live: Option<&'a RoaringTreemap>) -> Result<Self> {
        let files = files.iter().map(|file| Source::File(FileKeys { file, page: 0, place: 0 }));
        let heads = files.chain([Source::New(new)]).map(|source| {
            let mut head = Head { source, key: Vec::new(), rows: Vec::new(), is_done: false };
            head.advance()?;
            Ok(head)
        });
        Ok(Self { heads: heads.collect::<Result<_>>()?, live })
    }

    /// Hands each pair to `take`, in the order of keys, then of rows.
    pub fn for_each(mut self, mut take: impl FnMut(&[u8], u64) -> Result<()>) -> Result<()> {
        // Of equal keys the first source's come first, and that has the lower row ids.
        while let Some(head) =
            self.heads.iter_mut().filter(|head| !head.is_done).min_by(|a, b| a.key.cmp(&b.key))
        {
            let is_live = |row: &u64| self.live.is_none_or(|live| live.contains(*row));
            head.rows.iter().filter(|row| is_live(row)).try_for_each(|&row| take(&head.key, row))?;
            head.advance()?;
        }
        Ok(())
    }
}
