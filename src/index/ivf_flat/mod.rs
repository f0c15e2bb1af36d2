//! IVF_FLAT: partitions of whole vectors.
//!
//! The partitions of IVF_PQ with the vectors themselves inside: nothing is estimated, a query is exact
//! within the partitions it probes, and the index is as large as the column.

mod encode;
mod extend;
mod file;
mod search;

use std::path::Path;

use super::VectorColumn;
use super::build::{Built, relative_path};
use super::config::IvfFlatConfig;
use super::ivf::{PartitionOptions, Space, Stopwatch, calibrate, report, train};
use crate::error::Result;
use crate::gpu::Session;
use crate::progress::Progress;

pub(crate) use search::IvfFlat;

/// The name of the one file.
const FILE_NAME: &str = "ivf_flat.idx";

/// Builds the index in `folder`, which exists and is empty.
pub(crate) fn build(
    config: &IvfFlatConfig,
    column: &VectorColumn,
    folder: &Path,
    session: &Session,
    progress: &Progress,
) -> Result<Built> {
    config.check()?;
    let space = Space { metric: config.metric, vector_dim: column.dim() };
    let mut stopwatch = Stopwatch::start();

    let options = PartitionOptions {
        partitions: config.partitions,
        iterations_max: config.iterations_max,
        sample_rate: config.sample_rate,
        sample_rows_min: 0,
        seed: config.seed,
    };
    let (partitioning, sample) = train(column, &space, &options, folder, session, &mut stopwatch, progress)?;
    let sample_rows = sample.rows();
    drop(sample);
    let runs = encode::runs(&partitioning, column, folder);
    let mut encoded = encode::encode(&partitioning, column, &space, runs, session, progress)?;
    stopwatch.lap("encode");
    let path = folder.join(FILE_NAME);
    let file = file::write(&path, &partitioning, column, config.metric, &mut encoded, progress)?;
    stopwatch.lap("write");
    let index = IvfFlat::open(&[(path, file.bytes())])?;
    let (calibration, measured) = calibrate(&index, column, &space, config.seed, progress)?;
    drop(index);
    stopwatch.lap("calibrate");
    let entry = file.seal(calibration.as_ref(), relative_path(folder, FILE_NAME))?;
    stopwatch.lap("sync");

    let rows = encoded.rows();
    Ok(Built {
        kind: "IVF_FLAT",
        metric: Some(config.metric),
        rows: rows.iter().sum(),
        files: vec![entry],
        details: report(
            config.settings(rows.len()),
            stopwatch,
            session,
            column.row_count(),
            sample_rows,
            rows,
            measured,
        ),
    })
}
