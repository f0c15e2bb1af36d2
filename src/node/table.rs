//! `NativeTable`: a table, as JavaScript sees it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use napi::Env;
use napi::bindgen_prelude::{Function, Object};
use napi_derive::napi;

use crate::error::{Error, Result};
use crate::node::changes::{NativeDeleted, NativeMerge, NativeMergeOptions, NativeUpdate, NativeUpdated};
use crate::node::condition::{self, NativeCondition};
use crate::node::index::{self, NativeCancel, NativeIndexOptions, OnProgress};
use crate::node::ipc;
use crate::node::job::{Pool, promise, wait};
use crate::node::request::NativeRequest;
use crate::node::rows::Rows;
use crate::node::stats::{
    NativeIndexInfo, NativeIndexStats, NativeRecall, NativeRecallOptions, NativeTableStats,
};
use crate::node::stream::NativeStream;
use crate::node::to_js::Bytes;
use crate::node::writer::NativeWriter;
use crate::progress::Progress;
use crate::query::{Plan, Request};
use crate::table::{Table, WriteMode};

/// A table. `lib/table.ts` documents it.
#[napi]
pub struct NativeTable {
    name: String,
    /// `None` once it was closed. Calls that are under way have the table too, and end as if it were open.
    table: Mutex<Option<Table>>,
}

impl NativeTable {
    pub(crate) fn new(table: Table) -> Self {
        Self { name: table.name().to_owned(), table: Mutex::new(Some(table)) }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Table>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The table for one call.
    pub(crate) fn table(&self) -> Result<Table> {
        self.lock().clone().ok_or_else(|| Error::Closed { what: format!("table '{}'", self.name) })
    }

    /// What `work` finds out from this table's query `request`, at once.
    fn plan_sync<T>(
        &self,
        env: &Env,
        request: NativeRequest,
        work: impl FnOnce(Plan, Progress) -> Result<T>,
    ) -> napi::Result<T> {
        wait(env, || {
            let (request, progress) = begin(request)?;
            work(self.table()?.plan(&request)?, progress)
        })
    }

    /// A promise for what `work` finds out from this table's query `request`.
    fn plan<'env, T, W>(&self, env: &'env Env, request: NativeRequest, work: W) -> napi::Result<Object<'env>>
    where
        T: napi::bindgen_prelude::ToNapiValue + Send + 'static,
        W: FnOnce(Plan, Progress) -> Result<T> + Send + 'static,
    {
        let table = self.table();
        // JavaScript may write to its arrays once this call is over, so they are copied before.
        let begun = begin(request);
        promise(env, Pool::Reads, move || {
            let (request, progress) = begun?;
            work(table?.plan(&request)?, progress)
        })
    }
}

#[napi]
impl NativeTable {
    /// The table's name.
    #[napi(getter)]
    pub fn name(&self) -> String {
        self.name.clone()
    }

    /// Whether `close` has not been called.
    #[napi]
    pub fn is_open(&self) -> bool {
        self.lock().is_some()
    }

    /// Ends upkeep, and lets go of the table's files, once the calls that are under way are done.
    #[napi]
    pub fn close(&self) {
        if let Some(table) = self.lock().take() {
            table.end_upkeep();
        }
    }

    /// A line about the table.
    #[napi]
    pub fn display(&self) -> String {
        self.lock().as_ref().map_or_else(|| format!("ClosedTable({})", self.name), Table::to_string)
    }

    /// The schema, as an Arrow IPC stream without batches.
    #[napi(ts_return_type = "Promise<Uint8Array>")]
    pub fn schema<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let table = self.table();
        promise(env, Pool::Reads, move || Ok(Bytes(ipc::write(table?.current()?.schema(), &[])?)))
    }

    /// The current version.
    #[napi(ts_return_type = "Promise<number>")]
    pub fn version<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let table = self.table();
        promise(env, Pool::Reads, move || Ok(table?.current()?.manifest().version as f64))
    }

    /// How many rows satisfy `filter`.
    #[napi(ts_return_type = "Promise<number>")]
    pub fn count_rows<'env>(
        &self,
        env: &'env Env,
        filter: Option<Vec<NativeCondition>>,
    ) -> napi::Result<Object<'env>> {
        let table = self.table();
        let filter = condition::filter(filter);
        promise(env, Pool::Reads, move || Ok(table?.count_rows(filter?.as_ref())? as f64))
    }

    /// Starts writing rows. `mode`: append or overwrite.
    #[napi(ts_return_type = "Promise<NativeWriter>")]
    pub fn writer<'env>(&self, env: &'env Env, mode: String) -> napi::Result<Object<'env>> {
        let table = self.table();
        promise(env, Pool::Writes, move || Ok(NativeWriter::new(table?.writer(write_mode(&mode)?)?)))
    }

    /// Deletes the rows that satisfy `filter`.
    #[napi(ts_return_type = "Promise<NativeDeleted>")]
    pub fn delete<'env>(&self, env: &'env Env, filter: NativeCondition) -> napi::Result<Object<'env>> {
        let table = self.table();
        let filter = filter.into_filter();
        promise(env, Pool::Writes, move || table?.delete(filter?, &Progress::none()).map(NativeDeleted::from))
    }

    /// Changes columns of rows.
    #[napi(ts_return_type = "Promise<NativeUpdated>")]
    pub fn update<'env>(&self, env: &'env Env, update: NativeUpdate) -> napi::Result<Object<'env>> {
        let table = self.table();
        let parts = update.into_parts();
        promise(env, Pool::Writes, move || {
            let (filter, values) = parts?;
            table?.update(filter, &values, &Progress::none()).map(NativeUpdated::from)
        })
    }

    /// Starts a merge of rows by key.
    #[napi(ts_return_type = "Promise<NativeMerge>")]
    pub fn merge<'env>(&self, env: &'env Env, options: NativeMergeOptions) -> napi::Result<Object<'env>> {
        let table = self.table();
        let merge = table.and_then(|table| NativeMerge::new(table, options));
        promise(env, Pool::Writes, move || merge)
    }

    /// The rows of a query, in columns.
    #[napi(ts_return_type = "Promise<NativeRows>")]
    pub fn query<'env>(&self, env: &'env Env, request: NativeRequest) -> napi::Result<Object<'env>> {
        self.plan(env, request, read_rows)
    }

    /// The rows of a query, as an Arrow IPC stream.
    #[napi(ts_return_type = "Promise<Uint8Array>")]
    pub fn query_arrow<'env>(&self, env: &'env Env, request: NativeRequest) -> napi::Result<Object<'env>> {
        self.plan(env, request, read_arrow)
    }

    /// As `query`, at once: JavaScript stands still meanwhile.
    #[napi(ts_return_type = "NativeRows")]
    pub fn query_sync(&self, env: &Env, request: NativeRequest) -> napi::Result<Rows> {
        self.plan_sync(env, request, read_rows)
    }

    /// As `queryArrow`, at once: JavaScript stands still meanwhile.
    #[napi(ts_return_type = "Uint8Array")]
    pub fn query_arrow_sync(&self, env: &Env, request: NativeRequest) -> napi::Result<Bytes> {
        self.plan_sync(env, request, read_arrow)
    }

    /// The rows of a query, one batch of at most `max_batch_rows` at a time.
    #[napi(ts_return_type = "Promise<NativeStream>")]
    pub fn query_stream<'env>(
        &self,
        env: &'env Env,
        request: NativeRequest,
        max_batch_rows: u32,
    ) -> napi::Result<Object<'env>> {
        self.plan(env, request, move |plan, progress| {
            Ok(NativeStream::new(plan.into_stream(), progress, max_batch_rows as usize))
        })
    }

    /// What a query will do.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn explain<'env>(
        &self,
        env: &'env Env,
        request: NativeRequest,
        verbose: bool,
    ) -> napi::Result<Object<'env>> {
        self.plan(env, request, move |plan, _| Ok(plan.explain(verbose)))
    }

    /// What a query did, and how long each step took.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn analyze<'env>(&self, env: &'env Env, request: NativeRequest) -> napi::Result<Object<'env>> {
        self.plan(env, request, |plan, progress| plan.analyze(&progress))
    }

    /// The schema of a query's result, as an Arrow IPC stream without batches.
    #[napi(ts_return_type = "Promise<Uint8Array>")]
    pub fn output_schema<'env>(&self, env: &'env Env, request: NativeRequest) -> napi::Result<Object<'env>> {
        self.plan(env, request, |plan, _| Ok(Bytes(ipc::write(plan.schema(), &[])?)))
    }

    /// Builds an index.
    #[napi(
        ts_args_type = "column: string, options: NativeIndexOptions, cancel: NativeCancel, onProgress?: (stage: string, done: number, total: number) => void",
        ts_return_type = "Promise<void>"
    )]
    pub fn create_index<'env>(
        &self,
        env: &'env Env,
        column: String,
        options: NativeIndexOptions,
        cancel: &NativeCancel,
        on_progress: Option<Function<'env, OnProgress, ()>>,
    ) -> napi::Result<Object<'env>> {
        let table = self.table();
        let progress = index::progress("building the index", cancel, on_progress)?;
        promise(env, Pool::Builds, move || table?.create_index(&column, &options.into_options()?, &progress))
    }

    /// Removes an index.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn drop_index<'env>(&self, env: &'env Env, name: String) -> napi::Result<Object<'env>> {
        let table = self.table();
        promise(env, Pool::Writes, move || table?.drop_index(&name))
    }

    /// All indexes.
    #[napi(ts_return_type = "Promise<NativeIndexInfo[]>")]
    pub fn list_indices<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let table = self.table();
        promise(env, Pool::Reads, move || {
            Ok(table?.list_indices()?.into_iter().map(NativeIndexInfo::from).collect::<Vec<_>>())
        })
    }

    /// What is known of an index; null if there is none of that name.
    #[napi(ts_return_type = "Promise<NativeIndexStats | null>")]
    pub fn index_stats<'env>(&self, env: &'env Env, name: String) -> napi::Result<Object<'env>> {
        let table = self.table();
        promise(env, Pool::Reads, move || {
            let found = table?.list_indices()?.into_iter().find(|index| index.entry.name == name);
            Ok(found.map(NativeIndexStats::from))
        })
    }

    /// Compares the answers of an index with the exact ones.
    #[napi(ts_return_type = "Promise<NativeRecall>")]
    pub fn measure_recall<'env>(
        &self,
        env: &'env Env,
        column: String,
        options: NativeRecallOptions,
    ) -> napi::Result<Object<'env>> {
        let table = self.table();
        promise(env, Pool::Reads, move || {
            Ok(NativeRecall::from(table?.measure_recall(&column, &options.into(), &Progress::none())?))
        })
    }

    /// Rows, bytes and segments.
    #[napi(ts_return_type = "Promise<NativeTableStats>")]
    pub fn stats<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let table = self.table();
        promise(env, Pool::Reads, move || Ok(NativeTableStats::from(table?.stats()?)))
    }
}

/// A query's request, and what follows it for as long as it may take.
fn begin(request: NativeRequest) -> Result<(Request, Progress)> {
    let (request, timeout_ms) = request.into_request()?;
    let progress = Progress::new("the query");
    let progress = match timeout_ms {
        Some(timeout_ms) => progress.within(timeout_ms),
        None => progress,
    };
    Ok((request, progress))
}

fn read_rows(plan: Plan, progress: Progress) -> Result<Rows> {
    Rows::new(plan.schema(), &plan.run(&progress)?, || progress.check())
}

fn read_arrow(plan: Plan, progress: Progress) -> Result<Bytes> {
    let batches = plan.run(&progress)?;
    ipc::write_while(plan.schema(), &batches, || progress.check()).map(Bytes)
}

fn write_mode(mode: &str) -> Result<WriteMode> {
    match mode {
        "append" => Ok(WriteMode::Append),
        "overwrite" => Ok(WriteMode::Overwrite),
        other => Err(Error::invalid("mode", format!("'{other}'"), "it must be append or overwrite")),
    }
}
