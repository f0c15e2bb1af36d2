//! Changes of rows, as JavaScript asks for them and sees their results.

use std::sync::{Arc, Mutex, PoisonError};

use napi::Env;
use napi::bindgen_prelude::{Object, Uint8Array};
use napi_derive::napi;

use arrow::array::RecordBatch;

use crate::error::{Error, Result};
use crate::filter::Filter;
use crate::node::condition::NativeCondition;
use crate::node::ipc;
use crate::node::job::{Pool, promise};
use crate::progress::Progress;
use crate::table::{Deleted, MergeOptions, Merged, NewValue, Table, Updated};

/// What a deletion did.
#[napi(object)]
pub struct NativeDeleted {
    /// Rows that went.
    pub num_deleted_rows: f64,
    /// The version without them.
    pub version: f64,
}

impl From<Deleted> for NativeDeleted {
    fn from(deleted: Deleted) -> Self {
        Self { num_deleted_rows: deleted.rows as f64, version: deleted.version as f64 }
    }
}

/// A column and its new value in SQL.
#[napi(object)]
pub struct NativeAssignment {
    /// The column.
    pub column: String,
    /// An expression over the row as it was.
    pub sql: String,
}

/// A column and what it becomes.
type Assignment = (String, NewValue);

/// What an update does.
#[napi(object, object_to_js = false)]
pub struct NativeUpdate {
    /// Which rows it is about; absent: all.
    pub filter: Option<NativeCondition>,
    /// New values in SQL.
    pub expressions: Option<Vec<NativeAssignment>>,
    /// New values as they are: an IPC stream with one row, of just the columns that change.
    pub values: Option<Uint8Array>,
}

impl NativeUpdate {
    /// Filter and values. Copies what JavaScript may write to later.
    pub(crate) fn into_parts(self) -> Result<(Option<Filter>, Vec<Assignment>)> {
        let expressions = self.expressions.unwrap_or_default().into_iter();
        let mut values: Vec<Assignment> =
            expressions.map(|assignment| (assignment.column, NewValue::Sql(assignment.sql))).collect();
        if let Some(stream) = self.values {
            let (schema, batches) = ipc::read(&stream)?;
            let row = batches.first().filter(|batch| batch.num_rows() == 1);
            let row =
                row.ok_or_else(|| Error::invalid("values", "not one row", "it is one value a column"))?;
            for (field, column) in schema.fields().iter().zip(row.columns()) {
                values.push((field.name().clone(), NewValue::Value(column.clone())));
            }
        }
        Ok((self.filter.map(NativeCondition::into_filter).transpose()?, values))
    }
}

/// What an update did.
#[napi(object)]
pub struct NativeUpdated {
    /// Rows that changed.
    pub rows_updated: f64,
    /// The version with the changes.
    pub version: f64,
}

impl From<Updated> for NativeUpdated {
    fn from(updated: Updated) -> Self {
        Self { rows_updated: updated.rows as f64, version: updated.version as f64 }
    }
}

/// What a merge does with rows that match and rows that do not.
#[napi(object, object_to_js = false)]
pub struct NativeMergeOptions {
    /// The columns that make a key.
    pub on: Vec<String>,
    /// Whether matched rows are replaced.
    pub update_matched: bool,
    /// Only those for which this is true.
    pub update_where: Option<NativeCondition>,
    /// Whether new keys are inserted.
    pub insert_unmatched: bool,
    /// Whether rows of the table go whose key is not among the new ones.
    pub delete_unmatched: bool,
    /// Only those for which this is true.
    pub delete_where: Option<NativeCondition>,
    /// After how many milliseconds to give up.
    pub timeout_ms: Option<f64>,
}

/// What a merge did.
#[napi(object)]
pub struct NativeMerged {
    /// The version with the changes.
    pub version: f64,
    /// Rows inserted.
    pub num_inserted_rows: f64,
    /// Rows replaced.
    pub num_updated_rows: f64,
    /// Rows deleted.
    pub num_deleted_rows: f64,
    /// How many times the change was made until it could be published.
    pub num_attempts: u32,
    /// Rows written.
    pub num_rows: f64,
}

impl From<Merged> for NativeMerged {
    fn from(merged: Merged) -> Self {
        Self {
            version: merged.version as f64,
            num_inserted_rows: merged.inserted as f64,
            num_updated_rows: merged.updated as f64,
            num_deleted_rows: merged.deleted as f64,
            num_attempts: merged.attempts,
            num_rows: (merged.inserted + merged.updated) as f64,
        }
    }
}

/// Collects the rows of a merge.
#[napi]
pub struct NativeMerge {
    table: Table,
    options: MergeOptions,
    timeout_ms: Option<u64>,
    rows: Arc<Mutex<Vec<RecordBatch>>>,
}

impl NativeMerge {
    pub(crate) fn new(table: Table, options: NativeMergeOptions) -> Result<Self> {
        let when = |wanted: bool, condition: Option<NativeCondition>| -> Result<_> {
            let filter = condition.map(NativeCondition::into_filter).transpose()?;
            Ok(wanted.then_some(filter))
        };
        Ok(Self {
            table,
            timeout_ms: options.timeout_ms.map(|timeout_ms| timeout_ms as u64),
            options: MergeOptions {
                on: options.on,
                update_matched: when(options.update_matched, options.update_where)?,
                insert_unmatched: options.insert_unmatched,
                delete_unmatched: when(options.delete_unmatched, options.delete_where)?,
            },
            rows: Arc::default(),
        })
    }
}

#[napi]
impl NativeMerge {
    /// Takes the batches of an Arrow IPC stream.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn write<'env>(&self, env: &'env Env, ipc_stream: Uint8Array) -> napi::Result<Object<'env>> {
        let rows = self.rows.clone();
        promise(env, Pool::Writes, move || {
            let (_, batches) = ipc::read(&ipc_stream)?;
            rows.lock().unwrap_or_else(PoisonError::into_inner).extend(batches);
            Ok(())
        })
    }

    /// Merges what was written.
    #[napi(ts_return_type = "Promise<NativeMerged>")]
    pub fn execute<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let (table, options, timeout_ms) = (self.table.clone(), self.options.clone(), self.timeout_ms);
        let rows = std::mem::take(&mut *self.rows.lock().unwrap_or_else(PoisonError::into_inner));
        promise(env, Pool::Writes, move || {
            let progress = Progress::new("the merge");
            let progress = match timeout_ms {
                Some(timeout_ms) => progress.within(timeout_ms),
                None => progress,
            };
            table.merge(&options, &rows, &progress).map(NativeMerged::from)
        })
    }
}
