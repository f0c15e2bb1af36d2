//! Building an index into a folder of its own, all or nothing.

use std::path::Path;
use std::sync::Arc;

use super::scalar::{self, ScalarKind};
use super::{IndexConfig, VectorColumn, ivf_flat, ivf_pq};
use crate::distance::Metric;
use crate::error::{Error, Result};
use crate::gpu::{Accelerator, Session};
use crate::progress::Progress;
use crate::storage::{FileEntry, NewFiles, Version, files};

/// A finished index, waiting to be made durable and named by a manifest.
#[derive(Debug, Clone)]
pub struct Built {
    /// `IVF_PQ`, `IVF_FLAT`, `BTREE`, `BITMAP` or `LABEL_LIST`.
    pub kind: &'static str,
    /// What near means; `None` for a scalar index.
    pub metric: Option<Metric>,
    /// Rows in the index; those without a usable vector are not.
    pub rows: u64,
    /// Its files, with paths relative to the table's folder.
    pub files: Vec<FileEntry>,
    /// Settings, seconds a stage, sample and partition sizes, and at most one warning.
    pub details: serde_json::Value,
}

/// Builds an index of `column` into `folder`, which is `indexes/<uuid>` in the table's folder and must not
/// exist yet.
///
/// Work is spread over the current rayon pool; its number of threads does not change a byte of the result.
/// Memory is bounded by the training sample, whatever the number of rows.
///
/// # Errors
/// If a setting does not fit the column, if there are too few rows, if the disk refuses, if the accelerator is
/// not there or fails, or if `progress` says to stop. Then the folder is gone again.
pub fn build(
    config: &IndexConfig,
    column: &VectorColumn,
    folder: &Path,
    progress: &Progress,
) -> Result<Built> {
    let accelerator = config.accelerator().unwrap_or(&Accelerator::Cpu);
    build_with(&Session::open(accelerator)?, config, column, folder, progress)
}

/// Builds a scalar index of the column `column` of `version` into `folder`, under the same terms as [`build`].
///
/// Memory is bounded by a buffer of 64 MiB for sorting, whatever the number of rows, and by the longest value.
///
/// # Errors
/// Those of [`build`], [`Error::ColumnNotFound`], and [`Error::InvalidArgument`] if the kind does not fit the
/// column's type.
pub fn build_scalar(
    kind: ScalarKind,
    version: &Arc<Version>,
    column: &str,
    folder: &Path,
    progress: &Progress,
) -> Result<Built> {
    fill_folder(folder, progress, || scalar::build(kind, version, column, folder, progress))
}

/// [`build`], with what `session` has to compute with.
pub(super) fn build_with(
    session: &Session,
    config: &IndexConfig,
    column: &VectorColumn,
    folder: &Path,
    progress: &Progress,
) -> Result<Built> {
    check_metric(config.metric().unwrap_or(Metric::L2), column)?;
    fill_folder(folder, progress, || match config {
        IndexConfig::IvfPq(config) => ivf_pq::build(config, column, folder, session, progress),
        IndexConfig::IvfFlat(config) => ivf_flat::build(config, column, folder, session, progress),
        IndexConfig::Auto | IndexConfig::Scalar(_) => {
            Err(Error::internal("a scalar index was to be built of vectors"))
        }
    })
}

/// Makes `folder` for what `build` writes; if that fails, it is gone again.
fn fill_folder(folder: &Path, progress: &Progress, build: impl FnOnce() -> Result<Built>) -> Result<Built> {
    if let Some(parent) = folder.parent() {
        files::create_folder(parent)?;
    }
    files::create_new_folder(folder)?;
    let new_files = NewFiles::one(folder);
    let built = build()?;
    progress.check()?;
    new_files.keep();
    Ok(built)
}

fn check_metric(metric: Metric, column: &VectorColumn) -> Result<()> {
    if metric == Metric::Hamming && column.element() != super::ElementKind::U8 {
        let expected =
            format!("column '{}' does not hold vectors of Uint8, which hamming compares", column.name());
        return Err(Error::invalid("distanceType", metric, expected));
    }
    Ok(())
}

/// The path of a file of an index, relative to the table's folder: `indexes/<uuid>/<name>`.
pub(super) fn relative_path(folder: &Path, name: &str) -> String {
    let part = |path: Option<&Path>| {
        path.and_then(Path::file_name).map(|part| part.to_string_lossy().into_owned()).unwrap_or_default()
    };
    format!("{}/{}/{name}", part(folder.parent()), part(Some(folder)))
}
