//! What a manifest says of files: segments of rows, and indexes.

use serde::{Deserialize, Serialize};

use crate::storage::files::FileEntry;

/// One immutable file of rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentEntry {
    /// The file.
    pub file: FileEntry,
    /// How many rows the file has, deleted ones included.
    pub rows: u64,
    /// The row id of its first row.
    pub first_row_id: u64,
    /// The ids of the others, unless they follow without gaps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row_ids: Option<RowIdsEntry>,
    /// How many rows each of its record batches has.
    pub batches: Vec<u32>,
    /// CRC-32C of the footer, which is all that a reader needs to find the batches.
    pub footer_crc32c: u32,
    /// Which of its rows are gone, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletions: Option<DeletionsEntry>,
    /// Files with columns that were added or changed later, in the same batches.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<PartEntry>,
    /// Where each of the table's columns is, unless the file has just these, in this order. A column that is
    /// nowhere is null in every row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<Option<ColumnPlace>>>,
    /// Columns in the first file that the table does not have any more.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unused_columns: u32,
}

/// A file with some of a segment's columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartEntry {
    /// The file.
    pub file: FileEntry,
    /// CRC-32C of its footer.
    pub footer_crc32c: u32,
    /// Columns in it that the table does not have any more.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unused_columns: u32,
}

/// Where a column of a segment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnPlace {
    /// 0 for the segment's first file, else one more than the position among `parts`.
    pub part: u32,
    /// The position in that file.
    pub column: u32,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// The ids of a segment's rows, where they have gaps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowIdsEntry {
    /// The file: a set in Roaring's portable 64-bit format.
    pub file: FileEntry,
    /// The id after that of the last row.
    pub end: u64,
}

/// The rows of a segment that are gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeletionsEntry {
    /// The file: a set of places, counted from 0, in Roaring's portable format.
    pub file: FileEntry,
    /// How many there are.
    pub rows: u64,
}

impl SegmentEntry {
    /// How many rows it has that are not deleted.
    pub fn live_rows(&self) -> u64 {
        self.rows - self.deletions.as_ref().map_or(0, |deletions| deletions.rows)
    }

    /// The id after that of its last row.
    pub fn row_id_end(&self) -> u64 {
        self.row_ids.as_ref().map_or(self.first_row_id + self.rows, |ids| ids.end)
    }

    /// The segment's files.
    pub fn files(&self) -> impl Iterator<Item = &FileEntry> {
        let row_ids = self.row_ids.as_ref().map(|ids| &ids.file);
        let deletions = self.deletions.as_ref().map(|deletions| &deletions.file);
        self.column_files().chain(row_ids).chain(deletions)
    }

    /// Whether its files have columns that the table does not have any more.
    pub fn has_unused_columns(&self) -> bool {
        self.unused_columns > 0 || self.parts.iter().any(|part| part.unused_columns > 0)
    }

    /// How many bytes the files have that have its columns.
    pub fn column_bytes(&self) -> u64 {
        self.column_files().map(|file| file.bytes).sum()
    }

    /// The files that have its columns.
    pub fn column_files(&self) -> impl Iterator<Item = &FileEntry> {
        [&self.file].into_iter().chain(self.parts.iter().map(|part| &part.file))
    }

    /// The files that have its columns, in the order in which [`ColumnPlace::part`] counts them.
    pub fn all_parts(&self) -> impl Iterator<Item = PartEntry> + '_ {
        let Self { file, footer_crc32c, unused_columns, .. } = self.clone();
        let first = PartEntry { file, footer_crc32c, unused_columns };
        [first].into_iter().chain(self.parts.iter().cloned())
    }

    /// Where a column of the table is, by its position; `None` if it is null in every row.
    pub fn place(&self, column: usize) -> Option<ColumnPlace> {
        match &self.columns {
            None => Some(ColumnPlace { part: 0, column: column as u32 }),
            Some(places) => places[column],
        }
    }

    /// Notes that what is at some places is no column of the table any more. A file that has no other goes, except
    /// the first.
    pub fn forget(&mut self, gone: impl IntoIterator<Item = ColumnPlace>) {
        for place in gone {
            match (place.part as usize).checked_sub(1) {
                None => self.unused_columns += 1,
                Some(part) => self.parts[part].unused_columns += 1,
            }
        }
        let Some(places) = &mut self.columns else { return };
        for part in (1..=self.parts.len() as u32).rev() {
            if places.iter().flatten().all(|place| place.part != part) {
                self.parts.remove(part as usize - 1);
                places
                    .iter_mut()
                    .flatten()
                    .filter(|place| place.part > part)
                    .for_each(|place| place.part -= 1);
            }
        }
    }

    /// Where each of `count` columns is.
    pub fn places(&self, count: usize) -> Vec<Option<ColumnPlace>> {
        (0..count).map(|column| self.place(column)).collect()
    }
}

/// One index of a column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IndexEntry {
    /// Unique within the table.
    pub name: String,
    /// The indexed column, with dots between the parts of a nested one.
    pub column: String,
    /// `IVF_PQ`, `IVF_FLAT`, `BTREE`, `BITMAP` or `LABEL_LIST`.
    pub kind: String,
    /// Names it as long as it is there: the folder in `indexes/` that it was built in.
    pub uuid: String,
    /// `l2`, `cosine`, `dot` or `hamming`; empty for an index of values.
    pub metric: String,
    /// Rows with a smaller id are covered.
    pub row_id_end: u64,
    /// How many rows are in the index.
    pub rows: u64,
    /// How many rows the table had with smaller ids, those without a vector included. If there are
    /// fewer now, the index still knows some that are gone.
    pub covered_rows: u64,
    /// When it was built, in milliseconds since 1970 (UTC).
    pub created_ms: i64,
    /// Its files.
    pub files: Vec<FileEntry>,
    /// Its settings, and what building it took.
    pub details: serde_json::Value,
}
