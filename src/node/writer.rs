//! `NativeWriter`: rows on their way into a table.

use std::sync::{Arc, Mutex, PoisonError};

use napi::Env;
use napi::bindgen_prelude::{Object, Uint8Array};
use napi_derive::napi;

use crate::error::{Error, Result};
use crate::node::ipc;
use crate::node::job::{Pool, promise};
use crate::table::Writer;

/// Writes rows that become visible all at once, with `commit`. Dropped without it, it leaves nothing.
#[napi]
pub struct NativeWriter {
    writer: Arc<Mutex<Option<Writer>>>,
}

impl NativeWriter {
    pub(crate) fn new(writer: Writer) -> Self {
        Self { writer: Arc::new(Mutex::new(Some(writer))) }
    }
}

#[napi]
impl NativeWriter {
    /// Writes the batches of an Arrow IPC stream.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn write<'env>(&self, env: &'env Env, ipc_stream: Uint8Array) -> napi::Result<Object<'env>> {
        let writer = self.writer.clone();
        promise(env, Pool::Writes, move || {
            let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
            let writer = writer.as_mut().ok_or_else(finished)?;
            let (_, batches) = ipc::read(&ipc_stream)?;
            batches.iter().try_for_each(|batch| writer.write(batch))
        })
    }

    /// Publishes the rows, and returns the version that shows them.
    #[napi(ts_return_type = "Promise<number>")]
    pub fn commit<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let writer = self.writer.clone();
        promise(env, Pool::Writes, move || {
            take(&writer).ok_or_else(finished)?.commit().map(|version| version as f64)
        })
    }

    /// Gives up: what was written is removed.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn abort<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let writer = self.writer.clone();
        promise(env, Pool::Writes, move || -> Result<()> {
            drop(take(&writer));
            Ok(())
        })
    }
}

fn take(writer: &Mutex<Option<Writer>>) -> Option<Writer> {
    writer.lock().unwrap_or_else(PoisonError::into_inner).take()
}

fn finished() -> Error {
    Error::Closed { what: "the writer".to_owned() }
}
