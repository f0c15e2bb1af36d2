//! What a GPU can do at best, as measured: a kernel is bounded by the ceiling that it comes nearest to.

use std::time::{Duration, Instant};

use bytemuck::{Pod, Zeroable};

use super::{Access, Buffer, Gpu, Source, Work};
use crate::error::Result;

/// Workgroups, of 256 invocations each: several times what a large GPU runs at once.
const GROUPS: usize = 4096;
const INVOCATIONS: usize = 256;

/// Bytes that are read, and uploaded, at a time: more than caches hold.
const READ_BYTES: u64 = 1 << 30;
const UPLOAD_BYTES: u64 = 256 << 20;

/// A measurement takes at least so long.
const LEAST: Duration = Duration::from_millis(50);

/// Operations of a round of multiply_add.wgsl.
const ROUND_OPERATIONS: usize = 64;

static READ_ALL: Source = Source {
    name: "read_all",
    wgsl: &[include_str!("read_all.wgsl")],
    entry: "read_all",
    buffers: &[Access::Read, Access::Write],
};

static MULTIPLY_ADD: Source = Source {
    name: "multiply_add",
    wgsl: &[include_str!("multiply_add.wgsl")],
    entry: "multiply_add",
    buffers: &[Access::Write],
};

/// What a GPU does in a second at most, as far as a simple program shows.
#[derive(Debug, Clone, Copy)]
pub struct Ceilings {
    /// Multiplications and additions in single precision.
    pub operations: f64,
    /// Bytes read from its own memory.
    pub read_bytes: f64,
    /// Bytes uploaded to it.
    pub upload_bytes: f64,
}

/// Kept in step with `Shape` in read_all.wgsl.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct ReadShape {
    vectors: u32,
    rounds: u32,
}

/// Kept in step with `Shape` in multiply_add.wgsl.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct MultiplyShape {
    rounds: u32,
    factor: f32,
}

impl Gpu {
    /// Measures the ceilings, in some tenths of a second on a large GPU.
    ///
    /// # Errors
    /// [`crate::error::Error::GpuFailed`].
    pub fn ceilings(&self) -> Result<Ceilings> {
        let groups = GROUPS.min(self.groups_max());
        let sums = self.buffer("sums", (groups * INVOCATIONS * size_of::<f32>()) as u64)?;
        let bytes = READ_BYTES.min(self.limits().binding_bytes) / 16 * 16;
        let values = self.buffer("values", bytes)?;
        let (read, multiply) = (self.kernel(&READ_ALL, &[])?, self.kernel(&MULTIPLY_ADD, &[])?);
        let read_rounds = self.rounds_per_second(|work, rounds| {
            let shape = ReadShape { vectors: (bytes / 16) as u32, rounds };
            work.dispatch(&read, &shape, &[&values, &sums], [groups, 1], 0.0)
        })?;
        let multiply_rounds = self.rounds_per_second(|work, rounds| {
            let shape = MultiplyShape { rounds, factor: 0.5 };
            work.dispatch(&multiply, &shape, &[&sums], [groups, 1], 0.0)
        })?;
        Ok(Ceilings {
            operations: multiply_rounds * (groups * INVOCATIONS * ROUND_OPERATIONS) as f64,
            read_bytes: read_rounds * bytes as f64,
            upload_bytes: self.upload_bytes_per_second(&values)?,
        })
    }

    /// How many rounds of `kernel` run in a second, in dispatches that are doubled until they take long enough.
    fn rounds_per_second(&self, kernel: impl Fn(&mut Work<'_>, u32) -> Result<()>) -> Result<f64> {
        let mut rounds = 1;
        loop {
            let mut work = self.work();
            kernel(&mut work, rounds)?;
            let start = Instant::now();
            work.submit()?.wait(self, &mut || Ok(()))?;
            let took = start.elapsed();
            // The first one is warm only for itself.
            if took >= LEAST && rounds > 1 || rounds >= 1 << 24 {
                return Ok(f64::from(rounds) / took.as_secs_f64());
            }
            rounds *= 2;
        }
    }

    fn upload_bytes_per_second(&self, target: &Buffer) -> Result<f64> {
        let bytes = vec![1u8; UPLOAD_BYTES.min(target.bytes()) as usize];
        let mut fastest = Duration::MAX;
        for _ in 0..3 {
            let start = Instant::now();
            self.write(target, &bytes);
            self.work().submit()?.wait(self, &mut || Ok(()))?;
            fastest = fastest.min(start.elapsed());
        }
        Ok(bytes.len() as f64 / fastest.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::{Limits, check_wgsl, test_gpu};

    #[test]
    fn the_kernels_are_valid_wgsl() {
        [&READ_ALL, &MULTIPLY_ADD].into_iter().for_each(check_wgsl);
    }

    #[test]
    fn a_gpu_has_ceilings() {
        let limits = Limits { binding_bytes: 4 << 20, groups: 20, checked: true };
        let Some(gpu) = test_gpu(limits) else { return };

        let ceilings = gpu.ceilings().unwrap();

        assert!(ceilings.operations > 1e6 && ceilings.operations < 1e16, "{ceilings:?}");
        assert!(ceilings.read_bytes > 1e6 && ceilings.read_bytes < 1e15, "{ceilings:?}");
        assert!(ceilings.upload_bytes > 1e6 && ceilings.upload_bytes < 1e14, "{ceilings:?}");
    }
}
