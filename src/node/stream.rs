//! `NativeStream`: a result, batch by batch.

use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::RecordBatch;
use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;

use crate::error::Result;
use crate::node::ipc;
use crate::node::job::{Pool, promise};
use crate::node::to_js::Bytes;
use crate::progress::Progress;
use crate::query::Stream;

/// A result that is read as it is consumed.
#[napi]
pub struct NativeStream {
    state: Arc<Mutex<Option<State>>>,
}

struct State {
    stream: Stream,
    progress: Progress,
    max_batch_rows: usize,
    /// What is left of a batch that was larger than `max_batch_rows`.
    rest: Option<RecordBatch>,
}

impl NativeStream {
    pub(crate) fn new(stream: Stream, progress: Progress, max_batch_rows: usize) -> Self {
        let state = State { stream, progress, max_batch_rows: max_batch_rows.max(1), rest: None };
        Self { state: Arc::new(Mutex::new(Some(state))) }
    }
}

#[napi]
impl NativeStream {
    /// The next batch as an Arrow IPC stream; null after the last.
    #[napi(ts_return_type = "Promise<Uint8Array | null>")]
    pub fn next<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let state = self.state.clone();
        promise(env, Pool::Reads, move || {
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            match state.as_mut() {
                None => Ok(None),
                Some(state) => state.next(),
            }
        })
    }

    /// Lets go of the table's files.
    #[napi]
    pub fn close(&self) {
        // A batch that is just being read keeps the lock; it ends by itself.
        if let Ok(mut state) = self.state.try_lock() {
            *state = None;
        }
    }
}

impl State {
    fn next(&mut self) -> Result<Option<Bytes>> {
        let batch = match self.rest.take() {
            Some(rest) => Some(rest),
            None => self.stream.next(&self.progress)?,
        };
        let Some(batch) = batch else { return Ok(None) };
        let rows = batch.num_rows().min(self.max_batch_rows);
        if rows < batch.num_rows() {
            self.rest = Some(batch.slice(rows, batch.num_rows() - rows));
        }
        ipc::write(self.stream.schema(), &[batch.slice(0, rows)]).map(Bytes).map(Some)
    }
}
