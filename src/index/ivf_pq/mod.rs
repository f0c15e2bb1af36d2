//! IVF_PQ: partitions of rows, each row compressed to a short code.
//!
//! In the order of the algorithm: `train` finds partitions and codebook, `encode` compresses every row,
//! `file` lays the codes out, `search` estimates distances from them. `estimate` is the algebra that the
//! last three share; `codebook` and `scan` do the arithmetic.

pub mod codebook;
mod encode;
mod estimate;
mod extend;
mod file;
#[cfg(feature = "gpu")]
mod gpu;
pub mod scan;
mod search;
mod train;

use std::path::Path;

use super::VectorColumn;
use super::build::{Built, relative_path};
use super::config::IvfPqConfig;
use super::ivf::{Space, Stopwatch, calibrate, report};
use crate::error::Result;
use crate::gpu::Session;
use crate::progress::Progress;

pub(crate) use search::IvfPq;

/// The name of the one file.
const FILE_NAME: &str = "ivf_pq.idx";

/// Builds the index in `folder`, which exists and is empty.
pub(crate) fn build(
    config: &IvfPqConfig,
    column: &VectorColumn,
    folder: &Path,
    session: &Session,
    progress: &Progress,
) -> Result<Built> {
    let space = Space { metric: config.metric, vector_dim: column.dim() };
    let mut stopwatch = Stopwatch::start();

    let trained = train::train(config, column, &space, folder, session, &mut stopwatch, progress)?;
    let runs = encode::runs(&trained, folder);
    let mut encoded = encode::encode(&trained, column, &space, runs, session, progress)?;
    stopwatch.lap("encode");
    let path = folder.join(FILE_NAME);
    let file = file::write(&path, &trained, column, config.metric, &mut encoded, progress)?;
    stopwatch.lap("write");
    let index = IvfPq::open(&[(path, file.bytes())])?;
    let (calibration, measured) = calibrate(&index, column, &space, config.seed, progress)?;
    drop(index);
    stopwatch.lap("calibrate");
    let entry = file.seal(calibration.as_ref(), relative_path(folder, FILE_NAME))?;
    stopwatch.lap("sync");

    let rows = encoded.rows();
    let settings = config.settings(rows.len(), trained.layout.sub_vectors);
    Ok(Built {
        kind: "IVF_PQ",
        metric: Some(config.metric),
        rows: rows.iter().sum(),
        files: vec![entry],
        details: report(
            settings,
            stopwatch,
            session,
            column.row_count(),
            trained.sample_rows,
            rows,
            measured,
        ),
    })
}
