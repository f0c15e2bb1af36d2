//! Upkeep of a table, as JavaScript asks for it and sees its results.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use napi::Env;
use napi::bindgen_prelude::{Function, Object};
use napi_derive::napi;

use crate::node::index::{self, NativeCancel, OnProgress};
use crate::node::job::{Pool, promise};
use crate::node::table::NativeTable;
use crate::progress::Progress;
use crate::table::{
    DiskUsage, OptimizeOptions, Optimized, Repaired, Retention, Retrain, UpkeepState, UpkeepStatus, Verified,
    shut_down_upkeep,
};

/// Which versions stay.
#[napi(object)]
pub struct NativeRetention {
    /// How many of the newest; may be infinite.
    pub versions: f64,
    /// How many milliseconds each stays in any case.
    pub age_ms: f64,
}

impl From<NativeRetention> for Retention {
    fn from(keep: NativeRetention) -> Self {
        // Numbers that are too large become the largest.
        Self { versions: keep.versions as usize, age: Duration::from_millis(keep.age_ms as u64) }
    }
}

/// What stays when a table is put in order.
#[napi(object)]
pub struct NativeOptimizeOptions {
    /// Milliseconds since 1970: versions made before may go.
    pub cleanup_before_ms: Option<f64>,
    /// Which versions stay.
    pub keep: Option<NativeRetention>,
    /// Which indexes are trained again: never (default), if-worse or always.
    #[napi(ts_type = "'never' | 'if-worse' | 'always'")]
    pub retrain: Option<String>,
    /// Whether files that no version names go even if they are new.
    pub delete_unverified: Option<bool>,
}

impl From<NativeOptimizeOptions> for OptimizeOptions {
    fn from(options: NativeOptimizeOptions) -> Self {
        Self {
            cleanup_before_ms: options.cleanup_before_ms.map(|before| before as i64),
            keep: options.keep.map(Retention::from),
            retrain: match options.retrain.as_deref() {
                Some("always") => Retrain::Always,
                Some("if-worse") => Retrain::IfWorse,
                _ => Retrain::Never,
            },
            delete_unverified: options.delete_unverified.unwrap_or(false),
        }
    }
}

/// What putting a table in order did.
#[napi(object)]
pub struct NativeOptimized {
    /// Segments replaced.
    pub fragments_removed: f64,
    /// Segments that took their place.
    pub fragments_added: f64,
    /// Files that the version no longer names.
    pub files_removed: f64,
    /// Files that it names instead.
    pub files_added: f64,
    /// Rows that joined indexes.
    pub rows_indexed: f64,
    /// Indexes that were trained again.
    pub retrained: f64,
    /// Bytes of all files that went.
    pub bytes_removed: f64,
    /// Versions that went.
    pub old_versions_removed: f64,
}

impl From<Optimized> for NativeOptimized {
    fn from(optimized: Optimized) -> Self {
        let Optimized { compacted, indexes, retrained, cleaned } = optimized;
        Self {
            fragments_removed: compacted.segments_removed as f64,
            fragments_added: compacted.segments_added as f64,
            files_removed: compacted.files_removed as f64,
            files_added: compacted.files_added as f64,
            rows_indexed: indexes.rows_added as f64,
            retrained: retrained as f64,
            bytes_removed: cleaned.bytes_removed as f64,
            old_versions_removed: cleaned.versions_removed as f64,
        }
    }
}

/// What is wrong with a table.
#[napi(object)]
pub struct NativeVerified {
    /// Files read.
    pub files: f64,
    /// Their bytes.
    pub bytes: f64,
    /// Files that are missing or damaged, each with the reason.
    pub problems: Vec<String>,
}

impl From<Verified> for NativeVerified {
    fn from(verified: Verified) -> Self {
        let Verified { files, bytes, problems } = verified;
        Self { files: files as f64, bytes: bytes as f64, problems }
    }
}

/// Where a table's bytes are.
#[napi(object)]
pub struct NativeDiskUsage {
    /// Bytes of all files.
    pub total_bytes: f64,
    /// How many there are.
    pub files: f64,
    /// Rows of the newest version.
    pub row_bytes: f64,
    /// Which of them are deleted, and which ids they have.
    pub row_set_bytes: f64,
    /// Indexes of the newest version.
    pub index_bytes: f64,
    /// What only earlier versions name.
    pub old_bytes: f64,
    /// What no version names.
    pub unnamed_bytes: f64,
    /// Descriptions of versions, and tags.
    pub manifest_bytes: f64,
}

impl From<DiskUsage> for NativeDiskUsage {
    fn from(usage: DiskUsage) -> Self {
        Self {
            total_bytes: usage.total_bytes as f64,
            files: usage.files as f64,
            row_bytes: usage.row_bytes as f64,
            row_set_bytes: usage.row_set_bytes as f64,
            index_bytes: usage.index_bytes as f64,
            old_bytes: usage.old_bytes as f64,
            unnamed_bytes: usage.unnamed_bytes as f64,
            manifest_bytes: usage.manifest_bytes as f64,
        }
    }
}

/// What repairing found and did.
#[napi(object)]
pub struct NativeRepaired {
    /// The newest version now.
    pub version: f64,
    /// The version whose rows it has.
    pub restored_version: f64,
    /// Indexes that were damaged.
    pub dropped_indices: Vec<String>,
    /// Files that are missing or damaged, each with the reason.
    pub problems: Vec<String>,
}

impl From<Repaired> for NativeRepaired {
    fn from(repaired: Repaired) -> Self {
        let Repaired { version, restored, indexes_dropped, problems } = repaired;
        Self {
            version: version as f64,
            restored_version: restored as f64,
            dropped_indices: indexes_dropped,
            problems,
        }
    }
}

/// How upkeep is doing.
#[napi(object)]
pub struct NativeUpkeepStatus {
    /// What it is at.
    #[napi(ts_type = "'off' | 'idle' | 'waiting' | 'running'")]
    pub state: String,
    /// How many things it has done.
    pub done: f64,
    /// What went wrong last.
    pub last_error: Option<String>,
}

impl From<UpkeepStatus> for NativeUpkeepStatus {
    fn from(status: UpkeepStatus) -> Self {
        let state = match status.state {
            UpkeepState::Off => "off",
            UpkeepState::Idle => "idle",
            UpkeepState::Waiting => "waiting",
            UpkeepState::Running => "running",
        };
        Self { state: state.to_owned(), done: status.done as f64, last_error: status.last_error }
    }
}

/// How long the end of the process may wait for upkeep to stop: it does in a few milliseconds.
const SHUT_DOWN_PATIENCE: Duration = Duration::from_secs(2);

/// Has upkeep stop before the process ends, so that it leaves no files behind that nothing names. To be called on each
/// thread of Node that uses tables.
pub(super) fn stop_at_exit(env: &Env) -> napi::Result<()> {
    /// Threads of Node that use the addon.
    static ENVIRONMENTS: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static IS_KNOWN: Cell<bool> = const { Cell::new(false) });
    if IS_KNOWN.replace(true) {
        return Ok(());
    }
    ENVIRONMENTS.fetch_add(1, Ordering::Relaxed);
    env.add_env_cleanup_hook((), |()| {
        if ENVIRONMENTS.fetch_sub(1, Ordering::Relaxed) == 1 {
            shut_down_upkeep(SHUT_DOWN_PATIENCE);
        }
    })?;
    Ok(())
}

#[napi]
impl NativeTable {
    /// How upkeep of the table is doing.
    #[napi]
    pub fn upkeep_status(&self) -> NativeUpkeepStatus {
        let off = UpkeepStatus { state: UpkeepState::Off, done: 0, last_error: None };
        self.table().map_or(off, |table| table.upkeep_status()).into()
    }

    /// Where the table's bytes are.
    #[napi(ts_return_type = "Promise<NativeDiskUsage>")]
    pub fn disk_usage<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let table = self.table();
        promise(env, Pool::Reads, move || table?.disk_usage().map(NativeDiskUsage::from))
    }

    /// Puts the table in order.
    #[napi(
        ts_args_type = "options: NativeOptimizeOptions, cancel: NativeCancel, onProgress?: (stage: string, done: number, total: number) => void",
        ts_return_type = "Promise<NativeOptimized>"
    )]
    pub fn optimize<'env>(
        &self,
        env: &'env Env,
        options: NativeOptimizeOptions,
        cancel: &NativeCancel,
        on_progress: Option<Function<'env, OnProgress, ()>>,
    ) -> napi::Result<Object<'env>> {
        let table = self.table();
        let progress = index::progress("optimizing the table", cancel, on_progress)?;
        promise(env, Pool::Builds, move || {
            table?.optimize(&options.into(), &progress).map(NativeOptimized::from)
        })
    }

    /// Reads every file and compares it with its checksum.
    #[napi(ts_return_type = "Promise<NativeVerified>")]
    pub fn verify<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let table = self.table();
        promise(env, Pool::Builds, move || table?.verify(&Progress::none()).map(NativeVerified::from))
    }
}
