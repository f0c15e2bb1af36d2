//! Rows to train with: drawn evenly from the column, in memory or, when they are many, in a file.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rayon::prelude::*;

use super::Space;
use crate::error::{IoContext, Result};
use crate::index::VectorColumn;
use crate::progress::Progress;
use crate::storage::MappedFile;
use crate::storage::files::{self, TemporaryPath};

/// The largest sample that is held in memory. A larger one, which only a great many partitions need, is read
/// from a file, whose pages the system takes back when it wants the memory.
pub(crate) const MEMORY_BYTES_MAX: usize = 256 << 20;

/// Bytes of the points that a thread reads at a time.
const TASK_BYTES: usize = 1 << 20;

/// Tasks between two looks at the cancel flag.
const TASKS_PER_STEP: usize = 16;

/// Points of some of the column's rows.
pub(crate) struct Sample {
    points: Points,
    dim: usize,
    /// Their mean; they still hold it.
    mean: Vec<f32>,
}

enum Points {
    Memory(Vec<f32>),
    /// The file goes when the map has gone.
    File(MappedFile, #[expect(dead_code, reason = "dropped last, it removes the file")] TemporaryPath),
}

/// What one task has read: the usable points and their sum.
struct Part {
    points: Vec<f32>,
    sum: Vec<f64>,
}

impl Sample {
    /// Points of up to `wanted` rows, spread evenly over the column; rows that cannot be indexed are left
    /// out. A file for them, if it takes one, is in `folder`.
    pub(super) fn draw(
        column: &VectorColumn,
        space: &Space,
        wanted: usize,
        seed: u64,
        folder: &Path,
        progress: &Progress,
    ) -> Result<Self> {
        let dim = space.dim();
        let offsets = offsets(column.row_count(), wanted, seed);
        let mut writer = Writer::new(offsets.len() * dim, folder)?;
        // Sums of fixed groups of rows, added in order: the same mean for any number of threads.
        let mut sum = vec![0.0f64; dim];
        let task_rows = (TASK_BYTES / (dim * size_of::<f32>())).clamp(1, 1024);
        for (step, offsets_of_step) in offsets.chunks(task_rows * TASKS_PER_STEP).enumerate() {
            let done = step * task_rows * TASKS_PER_STEP;
            progress.step("sample", done as u64, offsets.len() as u64)?;
            let parts =
                offsets_of_step.par_chunks(task_rows).map(|offsets| Part::read(column, space, offsets));
            for part in parts.collect::<Vec<_>>() {
                sum.iter_mut().zip(&part.sum).for_each(|(sum, part)| *sum += part);
                writer.write(&part.points)?;
            }
        }
        progress.step("sample", offsets.len() as u64, offsets.len() as u64)?;
        let points = writer.finish()?;
        let rows = (points.as_slice().len() / dim).max(1) as f64;
        Ok(Self { points, dim, mean: sum.into_iter().map(|sum| (sum / rows) as f32).collect() })
    }

    /// Rows x dimensions.
    pub(super) fn points(&self) -> &[f32] {
        self.points.as_slice()
    }

    /// How many there are.
    pub(crate) fn rows(&self) -> usize {
        self.points().len() / self.dim
    }

    /// The mean of all points.
    pub(super) fn mean(&self) -> &[f32] {
        &self.mean
    }

    /// At most `wanted` of the points and no more than memory may hold, evenly spread.
    pub(crate) fn into_few(self, wanted: usize) -> Vec<f32> {
        let affordable = (MEMORY_BYTES_MAX / (self.dim * size_of::<f32>())).max(1);
        let (rows, dim) = (self.rows(), self.dim);
        let kept = wanted.min(affordable).min(rows);
        let start = |i: usize| (i as u128 * rows as u128 / kept as u128) as usize * dim;
        match self.points {
            Points::Memory(points) if kept == rows => points,
            Points::Memory(mut points) => {
                (0..kept).for_each(|i| points.copy_within(start(i)..start(i) + dim, i * dim));
                points.truncate(kept * dim);
                points
            }
            Points::File(map, _) => {
                let points: &[f32] = bytemuck::cast_slice(map.bytes());
                (0..kept).flat_map(|i| &points[start(i)..][..dim]).copied().collect()
            }
        }
    }
}

impl Points {
    fn as_slice(&self) -> &[f32] {
        match self {
            Self::Memory(points) => points,
            Self::File(map, _) => bytemuck::cast_slice(map.bytes()),
        }
    }
}

impl Part {
    fn read(column: &VectorColumn, space: &Space, offsets: &[u64]) -> Self {
        let dim = space.dim();
        let mut part = Self { points: vec![0.0; offsets.len() * dim], sum: vec![0.0; dim] };
        let mut kept = 0;
        for &offset in offsets {
            let Some((chunk, row)) = column.locate_offset(offset).filter(|(chunk, row)| !chunk.is_null(*row))
            else {
                continue;
            };
            // A point that is not usable is overwritten by the next one.
            let (point, mut usable) = (&mut part.points[kept * dim..][..dim], [false]);
            space.points_of_task(chunk.vectors().slice(row..row + 1, space.vector_dim), point, &mut usable);
            if usable[0] {
                part.sum.iter_mut().zip(point).for_each(|(sum, value)| *sum += f64::from(*value));
                kept += 1;
            }
        }
        part.points.truncate(kept * dim);
        part
    }
}

/// Where points go as they are read.
enum Writer {
    Memory(Vec<f32>),
    File(BufWriter<File>, TemporaryPath, u64),
}

impl Writer {
    /// For up to that many values.
    fn new(values_max: usize, folder: &Path) -> Result<Self> {
        if values_max * size_of::<f32>() <= MEMORY_BYTES_MAX {
            return Ok(Self::Memory(Vec::with_capacity(values_max)));
        }
        let (file, path) = files::temporary_in(folder)?;
        Ok(Self::File(BufWriter::with_capacity(TASK_BYTES, file), path, 0))
    }

    fn write(&mut self, points: &[f32]) -> Result<()> {
        match self {
            Self::Memory(all) => all.extend_from_slice(points),
            Self::File(file, path, bytes) => {
                file.write_all(bytemuck::cast_slice(points)).at("write", path)?;
                *bytes += size_of_val(points) as u64;
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<Points> {
        match self {
            Self::Memory(points) => Ok(Points::Memory(points)),
            Self::File(mut file, path, bytes) => {
                file.flush().at("write", &path)?;
                Ok(Points::File(MappedFile::open(&*path, bytes)?, path))
            }
        }
    }
}

/// `wanted` of the numbers `0..rows`, ascending, one from each of as many equal stretches.
pub(super) fn offsets(rows: u64, wanted: usize, seed: u64) -> Vec<u64> {
    let wanted = (wanted as u64).min(rows);
    let mut random = StdRng::seed_from_u64(seed);
    let start = |i: u64| (u128::from(i) * u128::from(rows) / u128::from(wanted)) as u64;
    (0..wanted).map(|i| random.random_range(start(i)..start(i + 1))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_has_no_row_twice_and_all_rows_when_they_are_few() {
        assert_eq!(offsets(5, 100, 1), [0, 1, 2, 3, 4]);

        let drawn = offsets(1_000_003, 1000, 7);
        assert_eq!(drawn.len(), 1000);
        assert!(drawn.windows(2).all(|pair| pair[0] < pair[1]));
        assert_ne!(drawn, offsets(1_000_003, 1000, 8));
    }

    fn sample(points: Points) -> Sample {
        Sample { points, dim: 2, mean: vec![0.0; 2] }
    }

    #[test]
    fn a_few_rows_are_whole_and_spread() {
        let points: Vec<f32> = (0..20).map(|i| i as f32).collect();
        let few = [0.0, 1.0, 4.0, 5.0, 10.0, 11.0, 14.0, 15.0];

        assert_eq!(sample(Points::Memory(points.clone())).into_few(4), few);
        assert_eq!(sample(Points::Memory(vec![1.0, 2.0])).into_few(4), [1.0, 2.0]);

        let folder = tempfile::tempdir().unwrap();
        let mut writer = Writer::new(MEMORY_BYTES_MAX, folder.path()).unwrap();
        writer.write(&points).unwrap();
        let on_disk = sample(writer.finish().unwrap());
        assert_eq!(on_disk.points(), points);
        assert_eq!(on_disk.into_few(4), few);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "the file is gone");
    }
}
