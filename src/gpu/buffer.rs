//! Memory of the GPU.

use std::sync::atomic::Ordering;

use super::Gpu;
use crate::error::Result;

/// Memory of the GPU that kernels read and write. It is freed when dropped and no longer in use.
pub(crate) struct Buffer {
    pub(super) raw: wgpu::Buffer,
    bytes: u64,
}

impl Buffer {
    /// Its size.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Gpu {
    /// A buffer of zeros.
    ///
    /// # Errors
    /// [`crate::error::Error::GpuFailed`] if memory is short. The GPU may still be used then.
    pub(crate) fn buffer(&self, label: &'static str, bytes: u64) -> Result<Buffer> {
        // Nothing can be bound that is empty, and copies want whole words.
        let bytes = bytes.max(4).next_multiple_of(4);
        debug_assert!(bytes <= self.limits().binding_bytes, "{label} is larger than a binding");
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
        Ok(Buffer { raw: self.raw_buffer(label, bytes, usage)?, bytes })
    }

    /// A buffer that holds `data`.
    ///
    /// # Errors
    /// As [`Gpu::buffer`].
    pub(crate) fn upload<T: bytemuck::Pod>(&self, label: &'static str, data: &[T]) -> Result<Buffer> {
        let buffer = self.buffer(label, size_of_val(data) as u64)?;
        self.write(&buffer, data);
        Ok(buffer)
    }

    /// Writes `data` to the beginning of `buffer`, before whatever is submitted next.
    pub(crate) fn write<T: bytemuck::Pod>(&self, buffer: &Buffer, data: &[T]) {
        let bytes: &[u8] = bytemuck::cast_slice(data);
        self.count_upload(bytes.len() as u64);
        let (words, rest) = bytes.split_at(bytes.len() / 4 * 4);
        if !words.is_empty() {
            self.queue.write_buffer(&buffer.raw, 0, words);
        }
        if !rest.is_empty() {
            let mut word = [0; 4];
            word[..rest.len()].copy_from_slice(rest);
            self.queue.write_buffer(&buffer.raw, words.len() as u64, &word);
        }
    }

    pub(super) fn count_upload(&self, bytes: u64) {
        self.uploaded_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn raw_buffer(
        &self,
        label: &'static str,
        bytes: u64,
        usage: wgpu::BufferUsages,
    ) -> Result<wgpu::Buffer> {
        self.check()?;
        let out_of_memory = || self.failed(format!("out of memory: no {bytes} bytes for {label}"));
        #[cfg(test)]
        if self.memory_is_short.load(Ordering::Relaxed) {
            return Err(out_of_memory());
        }
        let scope = self.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let raw = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(label),
            size: bytes,
            usage,
            mapped_at_creation: false,
        });
        match pollster::block_on(scope.pop()) {
            Some(_) => Err(out_of_memory()),
            None => Ok(raw),
        }
    }
}
