//! Building a scalar index: every live row's value, sorted outside memory, into pages.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::DataType;
use roaring::RoaringTreemap;
use serde_json::json;

use super::ScalarKind;
use super::merge::Merged;
use super::reader::ScalarFile;
use super::sort::Sorter;
use super::writer::IndexWriter;
use crate::error::{Error, Result};
use crate::index::Built;
use crate::index::build::relative_path;
use crate::index::column::{follow, resolve};
use crate::progress::Progress;
use crate::storage::{FileEntry, KeyType, Keys, Version};

/// Rows between two looks at whether to stop.
const ROWS_PER_STEP: usize = 1 << 14;

/// Builds an index of `column` into `folder`, which exists.
///
/// # Errors
/// As [`crate::index::build_scalar`].
pub(crate) fn build(
    kind: ScalarKind,
    version: &Arc<Version>,
    column: &str,
    folder: &Path,
    progress: &Progress,
) -> Result<Built> {
    let started = Instant::now();
    let new = NewRows::read(kind, version, column, 0, folder, progress)?;
    let sort_seconds = started.elapsed().as_secs_f64();
    let (rows, rows_without_value) = (new.rows, new.nulls.len());
    let (file, distinct_values) = new.write(kind, &[], None, rows, folder, progress)?;
    let details = json!({
        "settings": {},
        "distinctValues": distinct_values,
        "rowsWithoutValue": rows_without_value,
        "seconds": { "sort": sort_seconds, "write": started.elapsed().as_secs_f64() - sort_seconds },
    });
    Ok(Built { kind: kind.name(), metric: None, rows, files: vec![file], details })
}

/// Rows of a table that no index has yet, sorted by their values.
pub(super) struct NewRows {
    key_type: KeyType,
    sorter: Sorter,
    /// Those without a value.
    nulls: RoaringTreemap,
    /// How many there are.
    pub rows: u64,
}

impl NewRows {
    /// The live rows with ids from `first` on. `folder` is where to sort what does not go into memory.
    pub fn read(
        kind: ScalarKind,
        version: &Arc<Version>,
        column: &str,
        first: u64,
        folder: &Path,
        progress: &Progress,
    ) -> Result<Self> {
        let (root, path) = resolve(version.schema(), column)?;
        let field = path.last().unwrap_or(&root).clone();
        let key_type = kind.check(column, field.data_type())?;
        let index = version.schema().index_of(root.name()).map_err(Error::internal)?;

        let total = version.row_count() - version.rows_below(first)?;
        let mut new = Self { key_type, sorter: Sorter::new(folder), nulls: RoaringTreemap::new(), rows: 0 };
        for batch in version.batches() {
            let row_ids = version.row_ids(&batch)?;
            let start = row_ids.rank(first) as usize;
            if start == batch.rows {
                continue;
            }
            let columns = version.column_batch(&batch, &[index])?;
            let (array, nulls_above) = follow(columns.column(0), &path)?;
            let values = Values::new(kind, &array, nulls_above)?;
            let live = version.live(&batch)?;
            for row in start..batch.rows {
                if row % ROWS_PER_STEP == 0 {
                    progress.step("sort", new.rows, total)?;
                }
                if live.as_ref().is_some_and(|live| !live.value(row)) {
                    continue;
                }
                let row_id = row_ids.id(row as u64);
                new.rows += 1;
                if !values.push(row, row_id, &mut new.sorter)? {
                    new.nulls.insert(row_id);
                }
            }
        }
        progress.step("sort", total, total)?;
        Ok(new)
    }

    /// Writes them into a file in `folder`, and with them the rows of `files`, or those that are `live`: `rows` in all.
    /// Returns how many keys there are.
    pub fn write(
        mut self,
        kind: ScalarKind,
        files: &[ScalarFile],
        live: Option<&RoaringTreemap>,
        rows: u64,
        folder: &Path,
        progress: &Progress,
    ) -> Result<(FileEntry, u64)> {
        let name = format!("{}.idx", kind.name().to_lowercase());
        let mut writer = IndexWriter::create(&folder.join(&name), kind, self.key_type)?;
        let pairs = self.sorter.pairs() + files.iter().map(ScalarFile::pairs).sum::<u64>();
        for file in files {
            let nulls = file.nulls()?;
            self.nulls |= match live {
                Some(live) => nulls & live,
                None => nulls,
            };
        }
        let sorted = self.sorter.finish(progress)?;
        let mut written = 0u64;
        Merged::new(files, sorted, live)?.for_each(|key, row| {
            if written.is_multiple_of(ROWS_PER_STEP as u64) {
                progress.step("write", written.min(pairs), pairs)?;
            }
            written += 1;
            writer.push(key, row)
        })?;
        progress.step("write", pairs, pairs)?;
        writer.finish(&self.nulls, rows, relative_path(folder, &name))
    }
}

/// The values of one batch.
enum Values {
    Single(Keys, Option<NullBuffer>),
    /// Elements, and where those of each row begin and end.
    Lists {
        elements: Keys,
        ends: Box<dyn Fn(usize) -> std::ops::Range<usize>>,
        nulls: Option<NullBuffer>,
    },
}

impl Values {
    fn new(kind: ScalarKind, array: &ArrayRef, nulls_above: Option<NullBuffer>) -> Result<Self> {
        if kind != ScalarKind::LabelList {
            return Ok(Self::Single(Keys::new(array)?, nulls_above));
        }
        let nulls = NullBuffer::union(nulls_above.as_ref(), array.nulls());
        let (elements, ends): (_, Box<dyn Fn(usize) -> std::ops::Range<usize>>) = match array.data_type() {
            DataType::LargeList(_) => {
                let list = array.as_list::<i64>().clone();
                (list.values().clone(), Box::new(move |row| range(list.value_offsets(), row)))
            }
            DataType::FixedSizeList(_, length) => {
                let (list, length) = (array.as_fixed_size_list(), *length as usize);
                (list.values().clone(), Box::new(move |row| row * length..(row + 1) * length))
            }
            _ => {
                let list = array.as_list::<i32>().clone();
                (list.values().clone(), Box::new(move |row| range(list.value_offsets(), row)))
            }
        };
        Ok(Self::Lists { elements: Keys::new(&elements)?, ends, nulls })
    }

    /// Adds the values of a row to `sorter`; false if it has none because it is null.
    fn push(&self, row: usize, row_id: u64, sorter: &mut Sorter) -> Result<bool> {
        let is_null = |nulls: &Option<NullBuffer>| nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
        match self {
            Self::Single(keys, nulls) if keys.is_null(row) || is_null(nulls) => Ok(false),
            Self::Single(keys, _) => keys.with(row, |key| sorter.push(key, row_id)).map(|()| true),
            Self::Lists { nulls, .. } if is_null(nulls) => Ok(false),
            Self::Lists { elements, ends, .. } => {
                let mut elements_of_row = ends(row).filter(|&element| !elements.is_null(element));
                elements_of_row
                    .try_for_each(|element| elements.with(element, |key| sorter.push(key, row_id)))
                    .map(|()| true)
            }
        }
    }
}

fn range<T: Copy + TryInto<usize>>(offsets: &[T], row: usize) -> std::ops::Range<usize> {
    let at = |row: usize| offsets[row].try_into().unwrap_or_default();
    at(row)..at(row + 1)
}
