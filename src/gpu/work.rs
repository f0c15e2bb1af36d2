//! Commands for a GPU, and what comes back.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::device::lock;
use super::{Buffer, Gpu, Kernel};
use crate::error::Result;

/// How often a wait looks whether to go on.
const LOOK: Duration = Duration::from_millis(5);

/// A submission that is waited for longer than this will never end: most drivers have reset the device by then. It is
/// counted in looks, because a process may be stopped, and a machine may sleep.
const HUNG: Duration = Duration::from_secs(60);

/// A batch of rows that are streamed past: in bytes, and in rows.
const BATCH_BYTES: usize = 128 << 20;
const BATCH_ROWS_MIN: usize = 128;
const BATCH_ROWS_MAX: usize = 1 << 16;

/// Commands that are being collected.
pub(crate) struct Work<'a> {
    gpu: &'a Gpu,
    encoder: wgpu::CommandEncoder,
    reads: Vec<wgpu::Buffer>,
    operations: f64,
}

impl Gpu {
    /// No commands yet.
    pub(crate) fn work(&self) -> Work<'_> {
        let encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        Work { gpu: self, encoder, reads: Vec::new(), operations: 0.0 }
    }

    /// How many operations to hand over at once: some 20 milliseconds of work.
    pub(crate) fn budget(&self) -> f64 {
        self.pace.budget()
    }
}

impl<'a> Work<'a> {
    /// Runs `kernel` in `lines` x `groups` workgroups, which see `shape` and the buffers.
    ///
    /// A workgroup's number is `id.x + id.y * num_workgroups.x`, because one dimension may be too short for
    /// `groups`; a kernel ignores numbers that are too high. Its line is `id.z`. `operations` are counted
    /// as multiplications and additions.
    pub(crate) fn dispatch<S: bytemuck::Pod>(
        &mut self,
        kernel: &Kernel,
        shape: &S,
        buffers: &[&Buffer],
        [groups, lines]: [usize; 2],
        operations: f64,
    ) -> Result<()> {
        if groups == 0 || lines == 0 {
            return Ok(());
        }
        let usage = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
        let uniform = self.gpu.raw_buffer("shape", size_of::<S>().next_multiple_of(16) as u64, usage)?;
        self.gpu.queue.write_buffer(&uniform, 0, bytemuck::bytes_of(shape));
        let buffers = std::iter::once(&uniform).chain(buffers.iter().map(|buffer| &buffer.raw));
        let entries: Vec<_> = buffers
            .enumerate()
            .map(|(binding, buffer)| wgpu::BindGroupEntry {
                binding: binding as u32,
                resource: buffer.as_entire_binding(),
            })
            .collect();
        let group = self.gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &kernel.layout,
            entries: &entries,
        });
        let [x, y] = self.gpu.grid(groups);
        let mut pass = self.encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        pass.set_pipeline(&kernel.pipeline);
        pass.set_bind_group(0, &group, &[]);
        pass.dispatch_workgroups(x, y, lines as u32);
        self.operations += operations;
        Ok(())
    }

    pub(super) fn gpu(&self) -> &'a Gpu {
        self.gpu
    }

    pub(super) fn copy(&mut self, source: &wgpu::Buffer, target: &wgpu::Buffer, bytes: u64) {
        self.encoder.copy_buffer_to_buffer(source, 0, target, 0, bytes);
    }

    /// Sets the first word of `buffer` to zero.
    pub(crate) fn reset(&mut self, buffer: &Buffer) {
        self.encoder.clear_buffer(&buffer.raw, 0, Some(4));
    }

    /// Brings the first `words` 32-bit words of `buffer` back, as they are when everything before is done.
    pub(crate) fn read(&mut self, buffer: &Buffer, words: usize) -> Result<()> {
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let bytes = (words.max(1) * 4) as u64;
        let target = self.gpu.raw_buffer("read back", bytes, usage)?;
        self.encoder.copy_buffer_to_buffer(&buffer.raw, 0, &target, 0, bytes);
        self.reads.push(target);
        Ok(())
    }

    /// Starts the commands.
    pub(crate) fn submit(self) -> Result<Pending> {
        self.gpu.check()?;
        let submitted = Instant::now();
        let commands = self.encoder.finish();
        let turn = lock(&self.gpu.turn);
        let index = self.gpu.queue.submit([commands]);
        for target in &self.reads {
            // Whether it worked shows when the bytes are looked at.
            target.map_async(wgpu::MapMode::Read, .., |_| {});
        }
        drop(turn);
        self.gpu.check()?;
        Ok(Pending { index, reads: self.reads.into(), submitted, operations: self.operations })
    }
}

/// Commands that are under way.
pub(crate) struct Pending {
    index: wgpu::SubmissionIndex,
    reads: VecDeque<wgpu::Buffer>,
    submitted: Instant,
    operations: f64,
}

impl Pending {
    /// Waits for the commands, and returns what was read, in order. Every few milliseconds it asks `check`
    /// whether to go on.
    ///
    /// # Errors
    /// The first of `check`; [`crate::error::Error::GpuFailed`] if the device was lost or does not answer.
    pub(crate) fn wait(mut self, gpu: &Gpu, check: &mut dyn FnMut() -> Result<()>) -> Result<Reads> {
        let mut waited = Duration::ZERO;
        loop {
            let poll =
                wgpu::PollType::Wait { submission_index: Some(self.index.clone()), timeout: Some(LOOK) };
            let turn = lock(&gpu.turn);
            let polled = gpu.device.poll(poll);
            drop(turn);
            gpu.check()?;
            check()?;
            match polled {
                Ok(_) => break,
                Err(wgpu::PollError::Timeout) if waited < HUNG => waited += LOOK,
                Err(error) => return Err(gpu.give_up(format!("it does not answer: {error}"))),
            }
        }
        gpu.pace.observe(self.operations, self.submitted, Instant::now());
        let read = |buffer: wgpu::Buffer| {
            let words = buffer.get_mapped_range(..).map(|view| bytemuck::pod_collect_to_vec(&view));
            words.map_err(|error| gpu.give_up(format!("nothing can be read back: {error}")))
        };
        Ok(Reads(self.reads.drain(..).map(read).collect::<Result<_>>()?))
    }
}

/// What was read back, in the order of [`Work::read`].
pub(crate) struct Reads(VecDeque<Vec<u32>>);

impl Reads {
    /// The next one, as numbers of 32 bits.
    pub(crate) fn next<T: bytemuck::Pod>(&mut self) -> Vec<T> {
        bytemuck::allocation::cast_vec(self.0.pop_front().unwrap_or_default())
    }
}

impl Gpu {
    /// So many workgroups or a few more, in two dimensions.
    fn grid(&self, groups: usize) -> [u32; 2] {
        let side = self.limits().groups as usize;
        let lines = groups.div_ceil(side);
        debug_assert!(lines <= side, "{groups} workgroups are more than a dispatch can have");
        [groups.div_ceil(lines) as u32, lines as u32]
    }

    /// How many rows of `dim` values, each worth so many operations, to stream through at once.
    pub(crate) fn batch_rows(&self, dim: usize, operations_per_row: usize) -> usize {
        let bytes_per_row = dim * size_of::<f32>();
        let by_time = (self.budget() / operations_per_row as f64) as usize;
        let by_memory =
            (BATCH_BYTES / bytes_per_row).min(self.limits().binding_bytes as usize / bytes_per_row);
        by_time.max(BATCH_ROWS_MIN).min(by_memory).min(BATCH_ROWS_MAX).min(self.groups_max()).max(1)
    }

    /// The most workgroups of a dispatch.
    pub(crate) fn groups_max(&self) -> usize {
        (self.limits().groups as usize).saturating_mul(self.limits().groups as usize)
    }
}
