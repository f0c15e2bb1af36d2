//! An open GPU.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Source;
use super::adapter::Adapter;
use super::kernel::{Kernel, KernelKey};
use super::pace::Pace;
use crate::error::{Error, Result};

/// How far commands may go. The adapter's own limits, unless lower ones are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The largest buffer and the largest binding, in bytes; a multiple of 4.
    pub binding_bytes: u64,
    /// Workgroups in one dimension of a dispatch.
    pub groups: u32,
    /// Whether shaders check their indexes. Ours do not need it; tests show that.
    pub checked: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self { binding_bytes: u64::MAX, groups: u32::MAX, checked: false }
    }
}

/// An open GPU with its compiled kernels. May be used from several threads at once.
pub struct Gpu {
    adapter: Adapter,
    limits: Limits,
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    pub(super) pace: Pace,
    /// Held by who submits or polls: wgpu's own bookkeeping goes wrong when two threads do so at once.
    pub(super) turn: Mutex<()>,
    fault: Arc<Mutex<Option<String>>>,
    kernels: Mutex<HashMap<KernelKey, Arc<Kernel>>>,
}

impl Gpu {
    pub(super) fn open(adapter: &wgpu::Adapter, described: Adapter, limits: Limits) -> Result<Self> {
        let own = adapter.limits();
        let limits = Limits {
            binding_bytes: limits
                .binding_bytes
                .min(own.max_storage_buffer_binding_size)
                .min(own.max_buffer_size)
                / 4
                * 4,
            groups: limits.groups.min(own.max_compute_workgroups_per_dimension),
            ..limits
        };
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("quiverdb"),
            required_features: wgpu::Features::empty(),
            required_limits: own,
            experimental_features: wgpu::ExperimentalFeatures::disabled(),
            memory_hints: wgpu::MemoryHints::MemoryUsage,
            trace: wgpu::Trace::Off,
        };
        let (device, queue) = pollster::block_on(adapter.request_device(&descriptor)).map_err(|error| {
            Error::GpuUnavailable { reason: format!("{} cannot be opened: {error}", described.name) }
        })?;
        let fault = Arc::new(Mutex::new(None));
        record_faults(&device, &fault);
        Ok(Self {
            adapter: described,
            limits,
            device,
            queue,
            pace: Pace::default(),
            turn: Mutex::new(()),
            fault,
            kernels: Mutex::default(),
        })
    }

    /// What the driver says of it.
    pub fn adapter(&self) -> &Adapter {
        &self.adapter
    }

    /// How far commands may go.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// The kernel of `source` with these constants, compiled at the first call.
    pub(crate) fn kernel(
        &self,
        source: &'static Source,
        constants: &[(&'static str, f64)],
    ) -> Result<Arc<Kernel>> {
        let key = KernelKey::new(source, constants);
        if let Some(kernel) = lock(&self.kernels).get(&key) {
            return Ok(kernel.clone());
        }
        let kernel = Arc::new(Kernel::compile(self, source, constants)?);
        lock(&self.kernels).insert(key, kernel.clone());
        Ok(kernel)
    }

    /// What has gone wrong with the device, if anything has.
    pub fn fault(&self) -> Option<String> {
        lock(&self.fault).clone()
    }

    /// An error if anything has gone wrong with the device.
    pub(super) fn check(&self) -> Result<()> {
        match self.fault() {
            Some(reason) => Err(self.failed(reason)),
            None => Ok(()),
        }
    }

    /// The error of a device that failed for `reason`.
    pub(super) fn failed(&self, reason: impl Into<String>) -> Error {
        Error::GpuFailed { adapter: self.adapter.name.clone(), reason: reason.into() }
    }

    /// Says that the device cannot be used any more.
    pub(super) fn give_up(&self, reason: impl Into<String>) -> Error {
        let reason = reason.into();
        lock(&self.fault).get_or_insert_with(|| reason.clone());
        self.failed(reason)
    }

    /// Loses the device, as a driver does that was reset.
    #[cfg(test)]
    pub(crate) fn lose(&self) {
        self.device.destroy();
    }
}

/// Keeps the first thing that goes wrong outside of any call, where wgpu would panic.
fn record_faults(device: &wgpu::Device, fault: &Arc<Mutex<Option<String>>>) {
    let lost = fault.clone();
    device.set_device_lost_callback(move |_, message| {
        lock(&lost).get_or_insert_with(|| format!("the device was lost: {message}"));
    });
    let failed = fault.clone();
    device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
        lock(&failed).get_or_insert_with(|| error.to_string());
    }));
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
