//! Uploads that are repeated, through memory of the host that a GPU reads and that stays.
//!
//! [`Gpu::write`] takes new memory each time, which a driver first has to pin, and fills it on one thread. Where batch
//! after batch goes to the GPU, that takes longer than the batch is on its way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rayon::prelude::*;

use super::device::lock;
use super::{Buffer, Gpu, Work};
use crate::error::Result;

/// What one thread copies at a time.
const PIECE_BYTES: usize = 1 << 20;

/// How long to sleep before asking again whether memory is there, and how often to ask.
const NAP: Duration = Duration::from_millis(1);
const NAPS_MAX: usize = 10_000;

/// Memory of the host that a GPU reads.
pub(crate) struct Staging {
    raw: wgpu::Buffer,
    bytes: u64,
    is_ready: Arc<AtomicBool>,
}

impl Gpu {
    /// Memory for uploads of up to so many bytes.
    ///
    /// # Errors
    /// As [`Gpu::buffer`].
    pub(crate) fn staging(&self, bytes: u64) -> Result<Staging> {
        let bytes = bytes.max(4).next_multiple_of(4);
        let usage = wgpu::BufferUsages::MAP_WRITE | wgpu::BufferUsages::COPY_SRC;
        let staging =
            Staging { raw: self.raw_buffer("staging", bytes, usage)?, bytes, is_ready: Arc::default() };
        staging.reuse();
        Ok(staging)
    }
}

impl Staging {
    /// To be called when the commands that used it have ended.
    pub(crate) fn reuse(&self) {
        let is_ready = self.is_ready.clone();
        self.raw.map_async(wgpu::MapMode::Write, .., move |mapped| {
            is_ready.store(mapped.is_ok(), Ordering::Release);
        });
    }

    /// Waits until it can be written.
    fn wait(&self, gpu: &Gpu) -> Result<()> {
        for _ in 0..NAPS_MAX {
            if self.is_ready.swap(false, Ordering::Acquire) {
                return Ok(());
            }
            let turn = lock(&gpu.turn);
            let polled = gpu.device.poll(wgpu::PollType::Poll);
            drop(turn);
            gpu.check()?;
            if let Err(error) = polled {
                return Err(gpu.give_up(format!("it does not answer: {error}")));
            }
            if !self.is_ready.load(Ordering::Acquire) {
                std::thread::sleep(NAP);
            }
        }
        Err(gpu.give_up("memory for uploads does not come back"))
    }
}

impl Work<'_> {
    /// Writes `data` to the beginning of `buffer`. `staging` is in use until the commands have ended.
    ///
    /// # Panics
    /// If `data` is larger than `staging` or `buffer`.
    pub(crate) fn upload<T: bytemuck::Pod>(
        &mut self,
        staging: &Staging,
        data: &[T],
        buffer: &Buffer,
    ) -> Result<()> {
        let bytes: &[u8] = bytemuck::cast_slice(data);
        let padded = bytes.len().next_multiple_of(4) as u64;
        assert!(padded <= staging.bytes && padded <= buffer.bytes(), "there is no room for the upload");
        if bytes.is_empty() {
            return Ok(());
        }
        let gpu = self.gpu();
        staging.wait(gpu)?;
        let pieces = bytes.chunks(PIECE_BYTES).enumerate().map(|(i, piece)| {
            let first = (i * PIECE_BYTES) as u64;
            let end = (first + piece.len() as u64).next_multiple_of(4);
            staging.raw.get_mapped_range_mut(first..end).map(|mapped| (mapped, piece))
        });
        let pieces: Vec<_> = pieces
            .collect::<Result<_, _>>()
            .map_err(|error| gpu.give_up(format!("nothing can be uploaded: {error}")))?;
        pieces.into_par_iter().for_each(|(mut mapped, piece)| {
            mapped.slice(..piece.len()).copy_from_slice(piece);
        });
        staging.raw.unmap();
        gpu.count_upload(padded);
        self.copy(&staging.raw, &buffer.raw, padded);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::gpu::{Limits, test_gpu};

    #[test]
    fn what_is_uploaded_through_staging_arrives_each_time() {
        let Some(gpu) = test_gpu(Limits::default()) else { return };
        let len = (2 << 20) + 3;
        let (staging, buffer) = (gpu.staging(2 * len).unwrap(), gpu.buffer("halves", 2 * len).unwrap());
        for (round, len) in [len as usize, 5, 0, len as usize].into_iter().enumerate() {
            let data: Vec<u16> = (0..len).map(|i| (i * (round + 7)) as u16).collect();
            let mut work = gpu.work();

            work.upload(&staging, &data, &buffer).unwrap();

            work.read(&buffer, len.div_ceil(2)).unwrap();
            let read = work.submit().unwrap().wait(&gpu, &mut || Ok(())).unwrap().next::<u32>();
            assert!(bytemuck::cast_slice::<u32, u16>(&read)[..len] == data, "round {round}");
            if len > 0 {
                staging.reuse();
            }
        }
    }
}
