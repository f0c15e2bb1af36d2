//! Merging rows by key: those that the table has are updated, the others inserted.
//!
//! The keys of the new rows are hashed, and the table's key columns are read once past them. What was
//! found in a file of rows stays true as long as the file exists, so trying again after a faster writer
//! reads only what that one wrote; that is also why two writers of one new key never both insert it.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StructArray, UInt32Array};
use arrow::buffer::BooleanBuffer;
use arrow::compute::{concat_batches, filter_record_batch, take_record_batch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use rayon::prelude::*;
use roaring::RoaringBitmap;

use crate::error::{Error, Result};
use crate::filter::{Filter, Predicate};
use crate::progress::Progress;
use crate::query::{RowSet, Snapshot, known_rows, places_of, true_rows};
use crate::storage::{BatchRef, Manifest, NewFiles, Version};
use crate::table::Table;
use crate::table::conform::conform;
use crate::table::delete::without;
use crate::table::keys::Keys;
use crate::table::rewrite::Rewritten;

/// What a merge does with rows that match and rows that do not.
#[derive(Debug, Clone, Default)]
pub struct MergeOptions {
    /// The columns that make a key.
    pub on: Vec<String>,
    /// Whether new rows take the place of the table's rows with the same key; if so, perhaps only where
    /// a condition on `target` and `source` is true.
    pub update_matched: Option<Option<Filter>>,
    /// Whether new rows are inserted whose key the table does not have.
    pub insert_unmatched: bool,
    /// Whether the table's rows are deleted whose key is not among the new ones; if so, perhaps only
    /// where a condition is true.
    pub delete_unmatched: Option<Option<Filter>>,
}

/// What a merge did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Merged {
    /// The version with the changes; the one before if there were none.
    pub version: u64,
    /// Rows inserted.
    pub inserted: u64,
    /// Rows of the table that were replaced.
    pub updated: u64,
    /// Rows deleted because their key was not among the new ones.
    pub deleted: u64,
    /// How many times the change was made until it could be published.
    pub attempts: u32,
}

impl Table {
    /// Merges `rows` into the table by key, as one version. A key that has a null matches nothing.
    ///
    /// An updated row is a new row: it has a new id. Of concurrent merges of the same new key, one inserts it
    /// and the others update it.
    ///
    /// # Errors
    /// [`Error::ColumnNotFound`] for a key, [`Error::InvalidArgument`] if nothing would change whatever the
    /// rows, or if a key is there twice in `rows`; what is wrong with conditions; [`Error::SchemaMismatch`]
    /// and [`Error::InvalidData`] for rows that do not fit.
    pub fn merge(&self, options: &MergeOptions, rows: &[RecordBatch], progress: &Progress) -> Result<Merged> {
        if options.update_matched.is_none() && !options.insert_unmatched && options.delete_unmatched.is_none()
        {
            return Err(Error::invalid(
                "mergeInsert",
                "not told what to do",
                "whenMatchedUpdateAll, whenNotMatchedInsertAll or whenNotMatchedBySourceDelete is called before",
            ));
        }
        let mut merge: Option<Merge> = None;
        let mut rewritten = Rewritten::new();
        let mut merged = Merged::default();
        let committed = self.commit_change(NewFiles::default(), |base, new_files| {
            let generation = base.version().manifest().generation;
            let merge = match merge.take() {
                Some(known) if known.generation == generation => merge.insert(known),
                _ => merge.insert(Merge::new(options, rows, base.version())?),
            };
            let effect = merge.effect(base, progress)?;
            merged = effect.summary;
            if effect.is_nothing() {
                return Ok(None);
            }
            apply(merge, effect, base.version(), &mut rewritten, new_files).map(Some)
        })?;
        // The changes are there, whatever becomes of this.
        let _ = self.join_small();
        Ok(Merged { version: committed.version, attempts: committed.attempts, ..merged })
    }
}

fn apply(
    merge: &Merge,
    effect: Effect,
    version: &Version,
    rewritten: &mut Rewritten<(u64, Vec<u32>)>,
    new_files: &mut NewFiles,
) -> Result<Manifest> {
    let mut next = without(version, &effect.gone, new_files)?;
    if !effect.written.is_empty() {
        let key = (merge.generation, effect.written);
        let chosen = UInt32Array::from(key.1.clone());
        rewritten.append(&mut next, version.folder(), key, new_files, |write| {
            write(&take_record_batch(&merge.source, &chosen).map_err(Error::internal)?)
        })?;
    }
    Ok(next)
}

/// A merge bound to the columns of a table.
struct Merge {
    generation: u64,
    source: RecordBatch,
    keys: Keys,
    update: Option<Option<Predicate>>,
    insert: bool,
    delete: Option<Option<Condition>>,
    /// By the path of a segment's file.
    found: HashMap<String, Found>,
}

/// What is asked of the table's rows alone.
struct Condition {
    filter: Filter,
    predicate: Arc<Predicate>,
}

/// What a merge means for the rows of one file.
struct Found {
    /// Places of the table's rows, and the new rows with the same key.
    matched: Vec<(u32, u32)>,
    /// Those of `matched` that are to be updated, as positions in it.
    updated: RoaringBitmap,
    /// Places of rows to delete.
    deleted: RoaringBitmap,
}

/// What a merge means for a version.
struct Effect {
    gone: Vec<(usize, RoaringBitmap)>,
    /// New rows that are written, updates and inserts, in their own order.
    written: Vec<u32>,
    summary: Merged,
}

impl Effect {
    fn is_nothing(&self) -> bool {
        self.gone.is_empty() && self.written.is_empty()
    }
}

impl Merge {
    fn new(options: &MergeOptions, rows: &[RecordBatch], version: &Version) -> Result<Self> {
        let schema = version.schema();
        let mut first = 0;
        let conformed = rows.iter().map(|batch| {
            let rows = conform(batch, schema, first);
            first += batch.num_rows() as u64;
            rows
        });
        let conformed = conformed.collect::<Result<Vec<_>>>()?;
        let source = concat_batches(schema, &conformed).map_err(Error::internal)?;
        let keys = Keys::new(&options.on, &source)?;
        let both = both_sides(schema);
        let bind = |filter: &Option<Filter>, schema: &Schema| {
            filter.as_ref().map(|filter| Predicate::of(filter, schema)).transpose()
        };
        let of_table = |filter: &Filter| -> Result<Condition> {
            let predicate = Arc::new(Predicate::of(filter, schema)?);
            Ok(Condition { filter: filter.clone(), predicate })
        };
        let delete = options.delete_unmatched.as_ref();
        let delete = delete.map(|filter| filter.as_ref().map(of_table).transpose()).transpose()?;
        Ok(Self {
            generation: version.manifest().generation,
            source,
            keys,
            update: options.update_matched.as_ref().map(|filter| bind(filter, &both)).transpose()?,
            insert: options.insert_unmatched,
            delete,
            found: HashMap::new(),
        })
    }

    /// What the merge changes in a version.
    fn effect(&mut self, snapshot: &Snapshot, progress: &Progress) -> Result<Effect> {
        let version = snapshot.version();
        let deletable = match &self.delete {
            Some(Some(Condition { filter, predicate })) => known_rows(snapshot, filter, predicate, progress)?,
            _ => None,
        };
        for (index, segment) in version.segments().iter().enumerate() {
            let name = &segment.entry().file.path;
            if !self.found.contains_key(name) {
                let found = self.find(version, index, deletable.as_deref(), progress)?;
                self.found.insert(name.clone(), found);
            }
        }
        let mut known = vec![false; self.source.num_rows()];
        let mut written = Vec::new();
        let mut gone = Vec::new();
        let mut summary = Merged::default();
        for (index, segment) in version.segments().iter().enumerate() {
            let found = &self.found[&segment.entry().file.path];
            let deleted = segment.deleted()?;
            let is_there = |place: u32| deleted.is_none_or(|deleted| !deleted.contains(place));
            let mut places = RoaringBitmap::new();
            for (position, &(place, row)) in (0u32..).zip(&found.matched) {
                if !is_there(place) {
                    continue;
                }
                known[row as usize] = true;
                if found.updated.contains(position) {
                    places.insert(place);
                    written.push(row);
                }
            }
            summary.updated += places.len();
            let unmatched: RoaringBitmap = found.deleted.iter().filter(|&place| is_there(place)).collect();
            summary.deleted += unmatched.len();
            places |= unmatched;
            if !places.is_empty() {
                gone.push((index, places));
            }
        }
        if self.insert {
            let inserted = (0u32..).zip(&known).filter(|(_, known)| !**known).map(|(row, _)| row);
            written.extend(inserted);
            summary.inserted = known.iter().filter(|known| !**known).count() as u64;
        }
        written.sort_unstable();
        Ok(Effect { gone, written, summary })
    }

    /// Reads the key columns of a segment. `deletable`: the rows that may be deleted, if indexes know them.
    fn find(
        &self,
        version: &Version,
        segment: usize,
        deletable: Option<&RowSet>,
        progress: &Progress,
    ) -> Result<Found> {
        let batches: Vec<BatchRef> = version.batches().filter(|batch| batch.segment == segment).collect();
        let parts = batches.par_iter().map(|batch| self.find_in(version, batch, deletable, progress));
        let parts = parts.collect::<Result<Vec<_>>>()?;
        let mut all =
            Found { matched: Vec::new(), updated: RoaringBitmap::new(), deleted: RoaringBitmap::new() };
        for part in parts {
            let before = all.matched.len() as u32;
            all.updated.extend(part.updated.iter().map(|position| before + position));
            all.matched.extend(part.matched);
            all.deleted |= part.deleted;
        }
        Ok(all)
    }

    fn find_in(
        &self,
        version: &Version,
        batch: &BatchRef,
        deletable: Option<&RowSet>,
        progress: &Progress,
    ) -> Result<Found> {
        progress.check()?;
        let live = version.live(batch)?;
        let is_live = |row: usize| live.as_ref().is_none_or(|live| live.value(row));
        let start = batch.start as u32;
        let keys = version.column_batch(batch, self.keys.columns())?;
        let rows = self.keys.lookup(&keys)?;
        let pairs: Vec<(usize, u32)> =
            rows.iter().enumerate().filter_map(|(row, found)| Some((row, (*found)?))).collect();
        let pairs: Vec<(usize, u32)> = pairs.into_iter().filter(|(row, _)| is_live(*row)).collect();
        let updated = match &self.update {
            None => RoaringBitmap::new(),
            Some(None) => (0..pairs.len() as u32).collect(),
            Some(Some(condition)) => self.pairs_where(version, batch, &pairs, condition)?,
        };
        let deleted = match &self.delete {
            None => RoaringBitmap::new(),
            Some(condition) => {
                let unmatched =
                    BooleanBuffer::collect_bool(batch.rows, |row| rows[row].is_none() && is_live(row));
                let kept = match (condition, deletable) {
                    (None, _) => unmatched,
                    (Some(_), Some(rows)) => match places_of(rows, &version.row_ids(batch)?) {
                        Some(deletable) => &unmatched & &deletable,
                        None => BooleanBuffer::new_unset(batch.rows),
                    },
                    (Some(condition), None) => rows_where(version, batch, &unmatched, &condition.predicate)?,
                };
                kept.set_indices().map(|row| start + row as u32).collect()
            }
        };
        let matched = pairs.iter().map(|&(row, source)| (start + row as u32, source)).collect();
        Ok(Found { matched, updated, deleted })
    }

    /// Which of some pairs of rows satisfy a condition on `target` and `source`.
    fn pairs_where(
        &self,
        version: &Version,
        batch: &BatchRef,
        pairs: &[(usize, u32)],
        condition: &Predicate,
    ) -> Result<RoaringBitmap> {
        let target = UInt32Array::from_iter_values(pairs.iter().map(|&(row, _)| row as u32));
        let source = UInt32Array::from_iter_values(pairs.iter().map(|&(_, row)| row));
        let target = take_record_batch(&version.batch(batch)?, &target).map_err(Error::internal)?;
        let source = take_record_batch(&self.source, &source).map_err(Error::internal)?;
        let sides: Vec<ArrayRef> =
            vec![Arc::new(StructArray::from(target)), Arc::new(StructArray::from(source))];
        let schema = Arc::new(both_sides(version.schema()));
        let both = RecordBatch::try_new(schema, sides).map_err(Error::internal)?;
        let kept = true_rows(&condition.evaluate(&both)?);
        Ok(kept.set_indices().map(|position| position as u32).collect())
    }
}

/// Which of the rows of a batch in `mask` satisfy a condition.
fn rows_where(
    version: &Version,
    batch: &BatchRef,
    mask: &BooleanBuffer,
    condition: &Predicate,
) -> Result<BooleanBuffer> {
    let rows = filter_record_batch(&version.batch(batch)?, &mask.clone().into()).map_err(Error::internal)?;
    let kept = true_rows(&condition.evaluate(&rows)?);
    let rows: RoaringBitmap =
        mask.set_indices().zip(&kept).filter(|(_, kept)| *kept).map(|(row, _)| row as u32).collect();
    Ok(BooleanBuffer::collect_bool(mask.len(), |row| rows.contains(row as u32)))
}

/// The columns that a condition on matched rows may name: `target.price < source.price`.
fn both_sides(schema: &SchemaRef) -> Schema {
    let side = |name: &str| Field::new(name, DataType::Struct(schema.fields().clone()), false);
    Schema::new(vec![side("target"), side("source")])
}
