//! `NativeConnection`: a folder of tables, as JavaScript sees it.

use std::time::Duration;

use napi::Env;
use napi::bindgen_prelude::{Object, Uint8Array};
use napi_derive::napi;

use crate::connection::{ConnectOptions, Connection, Durability};
use crate::error::{Error, Result};
use crate::node::ipc;
use crate::node::job::{Pool, promise};
use crate::node::table::NativeTable;
use crate::node::upkeep::{NativeRepaired, NativeRetention, stop_at_exit};
use crate::node::writer::NativeWriter;
use crate::progress::Progress;
use crate::table::{CreateMode, Retention};

/// How a connection behaves. `lib/connection.ts` documents it.
#[napi(object)]
pub struct NativeConnectOptions {
    /// How old a snapshot may be, in milliseconds, before a read looks for a newer version. Default: 0.
    pub read_consistency_interval_ms: Option<f64>,
    /// What a write waits for: `full` or `relaxed`. Default: `full`.
    pub durability: Option<String>,
    /// Which versions stay when a table is put in order. Default: the last 100, and all of the last hour.
    pub keep: Option<NativeRetention>,
    /// Whether tables are kept in order in the background. Default: yes.
    pub upkeep: Option<bool>,
}

/// A folder of tables. `lib/connection.ts` documents it.
#[napi]
pub struct NativeConnection {
    connection: Connection,
}

#[napi]
impl NativeConnection {
    /// Opens, and if need be makes, the folder at `uri`.
    #[napi(ts_return_type = "Promise<NativeConnection>")]
    pub fn connect(env: &Env, uri: String, options: NativeConnectOptions) -> napi::Result<Object<'_>> {
        stop_at_exit(env)?;
        let milliseconds = options.read_consistency_interval_ms.unwrap_or(0.0).max(0.0);
        let read_consistency_interval = Duration::from_millis(milliseconds as u64);
        let retention = options.keep.map(Retention::from).unwrap_or_default();
        let upkeep = options.upkeep.unwrap_or(true);
        promise(env, Pool::Reads, move || {
            let durability = options.durability.as_deref().map(Durability::parse).transpose()?;
            let durability = durability.unwrap_or_default();
            let options = ConnectOptions { read_consistency_interval, durability, retention, upkeep };
            Ok(Self { connection: Connection::connect(&uri, options)? })
        })
    }

    /// Whether `close` has not been called.
    #[napi]
    pub fn is_open(&self) -> bool {
        self.connection.is_open()
    }

    /// Closes this handle. Open tables stay open.
    #[napi]
    pub fn close(&self) {
        self.connection.close();
    }

    /// A line about the connection.
    #[napi]
    pub fn display(&self) -> String {
        self.connection.to_string()
    }

    /// Names of the tables, sorted.
    #[napi(ts_return_type = "Promise<string[]>")]
    pub fn table_names<'env>(
        &self,
        env: &'env Env,
        start_after: Option<String>,
        limit: Option<u32>,
    ) -> napi::Result<Object<'env>> {
        let connection = self.connection.clone();
        promise(env, Pool::Reads, move || {
            connection.table_names(start_after.as_deref(), limit.map(|limit| limit as usize))
        })
    }

    /// Opens a table.
    #[napi(ts_return_type = "Promise<NativeTable>")]
    pub fn open_table<'env>(&self, env: &'env Env, name: String) -> napi::Result<Object<'env>> {
        let connection = self.connection.clone();
        promise(env, Pool::Reads, move || Ok(NativeTable::new(connection.open_table(&name)?)))
    }

    /// Starts a table, or its next version: the rows follow through the writer, whose commit publishes.
    #[napi(ts_return_type = "Promise<NativeWriter>")]
    pub fn create_table<'env>(
        &self,
        env: &'env Env,
        name: String,
        schema_ipc: Uint8Array,
        mode: String,
    ) -> napi::Result<Object<'env>> {
        let connection = self.connection.clone();
        promise(env, Pool::Writes, move || {
            let (schema, _) = ipc::read(&schema_ipc)?;
            Ok(NativeWriter::new(connection.create_table(&name, &schema, create_mode(&mode)?)?))
        })
    }

    /// Brings a table back to its last whole version.
    #[napi(ts_return_type = "Promise<NativeRepaired>")]
    pub fn repair_table<'env>(&self, env: &'env Env, name: String) -> napi::Result<Object<'env>> {
        let connection = self.connection.clone();
        promise(env, Pool::Builds, move || {
            connection.repair_table(&name, &Progress::none()).map(NativeRepaired::from)
        })
    }

    /// Removes a table and its files.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn drop_table<'env>(&self, env: &'env Env, name: String) -> napi::Result<Object<'env>> {
        let connection = self.connection.clone();
        promise(env, Pool::Writes, move || connection.drop_table(&name))
    }

    /// Removes all tables and their files.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn drop_all_tables<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let connection = self.connection.clone();
        promise(env, Pool::Writes, move || connection.drop_all_tables())
    }
}

fn create_mode(mode: &str) -> Result<CreateMode> {
    match mode {
        "create" => Ok(CreateMode::Create),
        "overwrite" => Ok(CreateMode::Overwrite),
        other => Err(Error::invalid("mode", format!("'{other}'"), "it must be create or overwrite")),
    }
}
