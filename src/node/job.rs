//! Running work off the JavaScript thread.
//!
//! Searches, writes and index builds each have threads of their own, so that none waits for another and
//! none occupies the four threads that Node uses for files and names. A promise is a deferred that our
//! thread settles: a few microseconds, where an `async fn` costs fifty (docs/architecture.md).

use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

use napi::bindgen_prelude::{JsObjectValue, Object, ToNapiValue};
use napi::{Env, JsValue};
use rayon::ThreadPoolBuilder;

use crate::error::{Error, Result};
use crate::index::build_threads;
use crate::node::plain::PlainThreads;
use crate::node::standby::Standby;

/// Which threads do a job.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pool {
    /// Searches and everything else that only reads.
    Reads,
    /// Writing rows and versions: waits for the disk.
    Writes,
    /// Training indexes: long, and uses what the others leave of every core.
    Builds,
}

/// A promise for the result of `work`, which runs on a thread of `pool`.
///
/// It rejects with an `Error` that has [`Error::code`] as its `code`. A panic rejects too: left alone, it
/// would take the whole Node process down.
pub(crate) fn promise<'env, T, W>(env: &'env Env, pool: Pool, work: W) -> napi::Result<Object<'env>>
where
    T: ToNapiValue + Send + 'static,
    W: FnOnce() -> Result<T> + Send + 'static,
{
    let threads = threads(pool).map_err(|error| js_error(env, &error))?;
    let (deferred, promise) = env.create_deferred()?;
    let job = move || {
        let outcome = guard(work);
        deferred.resolve(move |env: Env| outcome.map_err(|error| js_error(&env, &error)));
    };
    threads.spawn(job);
    Ok(promise)
}

/// The result of `work`, which runs here and now: JavaScript stands still meanwhile.
pub(crate) fn wait<T>(env: &Env, work: impl FnOnce() -> Result<T>) -> napi::Result<T> {
    // Starts the threads, and silences panics, as for a promise.
    let outcome = threads(Pool::Reads).and_then(|_| guard(work));
    outcome.map_err(|error| js_error(env, &error))
}

/// Runs `work`, and makes an error of its panic.
fn guard<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(panicked(&*panic)))
}

/// An error that JavaScript sees with its `code`. Must be called on the JavaScript thread.
pub(crate) fn js_error(env: &Env, error: &Error) -> napi::Error {
    let with_code = || -> napi::Result<napi::Error> {
        let mut object = env.create_error(napi::Error::from_reason(error.to_string()))?;
        object.set_named_property("code", error.code())?;
        Ok(napi::Error::from(object.to_unknown()))
    };
    with_code().unwrap_or_else(|failed| failed)
}

/// The threads of a pool.
enum Threads {
    Standby(Standby),
    Plain(PlainThreads),
}

impl Threads {
    fn start(pool: Pool) -> Result<Self> {
        Ok(match pool {
            Pool::Reads => {
                let count = std::thread::available_parallelism().map_or(1, usize::from);
                let threads = ThreadPoolBuilder::new().num_threads(count);
                let threads = threads.thread_name(|i| format!("quiver-read-{i}")).build();
                Self::Standby(Standby::new(threads.map_err(not_started)?))
            }
            // More than one, so that a write that waits for the disk holds up no other table.
            Pool::Writes => Self::Plain(PlainThreads::start("quiver-write", 4).map_err(not_started)?),
            Pool::Builds => Self::Standby(Standby::new(build_threads(0).map_err(not_started)?)),
        })
    }

    fn spawn(&'static self, job: impl FnOnce() + Send + 'static) {
        match self {
            Self::Standby(threads) => threads.spawn(job),
            Self::Plain(threads) => threads.spawn(job),
        }
    }
}

fn not_started(reason: impl Display) -> Error {
    Error::internal(format!("cannot start threads: {reason}"))
}

fn threads(pool: Pool) -> Result<&'static Threads> {
    static READS: OnceLock<Result<Threads>> = OnceLock::new();
    static WRITES: OnceLock<Result<Threads>> = OnceLock::new();
    static BUILDS: OnceLock<Result<Threads>> = OnceLock::new();
    let cell = match pool {
        Pool::Reads => &READS,
        Pool::Writes => &WRITES,
        Pool::Builds => &BUILDS,
    };
    let started = cell.get_or_init(|| {
        silence_panics();
        Threads::start(pool)
    });
    started.as_ref().map_err(Error::internal)
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> Error {
    let message = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned());
    Error::internal(message)
}

/// Keeps panics off stderr: they reach the caller as errors, and a library prints nothing.
fn silence_panics() {
    std::panic::set_hook(Box::new(|_| {}));
}
