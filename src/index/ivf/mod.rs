//! Inverted files: what IVF_FLAT and IVF_PQ share.
//!
//! Rows are filed by their nearest centroid, and a query looks only into the partitions whose centroids are
//! near it. `space` turns stored vectors into points, `sample` draws some of them, `train` finds the centroids,
//! `assign` streams the column past them, `runs` sorts what comes of it by partition, `file` is the file it
//! ends up in, `files` are all that an index has. `walk` is the way back: `ranking` puts the partitions in order, with
//! `coarse` as its first step, and `reach` says when to stop; `calibrate` learns from the column's own rows how far that
//! is, and `calibration` is what it has learned.

mod assign;
mod calibrate;
mod calibration;
mod coarse;
mod file;
mod files;
mod ranking;
mod reach;
mod report;
mod runs;
mod sample;
mod space;
mod train;
mod walk;

pub(crate) use assign::{Batch, for_each_batch, for_each_points, label};
pub(crate) use calibrate::{Calibrated, ScanPartition, calibrate};
pub use calibration::{Calibration, Effort};
pub(crate) use file::{FileWriter, Header, IndexFile, Sections, UnsealedFile};
pub(crate) use files::IndexFiles;
pub(crate) use ranking::{Ranked, Ranking};
pub(crate) use report::{Stopwatch, report};
pub(crate) use runs::{Runs, SortedRuns};
pub(crate) use space::Space;
pub(crate) use train::{PartitionOptions, Partitioning, subtract, train};
pub(crate) use walk::{Walk, walk};
