//! An open GPU.

use std::collections::HashMap;
#[cfg(test)]
use std::sync::atomic::AtomicBool;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::adapter::Adapter;
use super::kernel::{Kernel, KernelKey};
use super::pace::Pace;
use super::{Source, Variant, Variants, trusted};
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
    variants: Mutex<Option<Variants>>,
    pub(super) uploaded_bytes: AtomicU64,
    kernels: Mutex<HashMap<KernelKey, Arc<Kernel>>>,
    /// What tests make of kernels before they are compiled.
    #[cfg(test)]
    pub(super) rewrite: Rewrite,
    /// Whether tests want no buffer to be had any more.
    #[cfg(test)]
    pub(super) memory_is_short: AtomicBool,
}

/// What a GPU has done so far.
#[derive(Debug, Clone, Copy, Default)]
pub struct Done {
    /// Multiplications and additions.
    pub operations: f64,
    /// For how long it had something to do.
    pub busy: Duration,
    /// What was uploaded.
    pub uploaded_bytes: u64,
}

#[cfg(test)]
type Rewrite = for<'a> fn(&Source, &'a str) -> std::borrow::Cow<'a, str>;

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
        let (device, queue) = request(adapter, &described, own)?;
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
            variants: Mutex::default(),
            uploaded_bytes: AtomicU64::new(0),
            kernels: Mutex::default(),
            #[cfg(test)]
            rewrite: |_, wgsl| wgsl.into(),
            #[cfg(test)]
            memory_is_short: AtomicBool::new(false),
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

    /// The variants of kernels in use, once that has been decided.
    pub fn variants(&self) -> Option<Variants> {
        *lock(&self.variants)
    }

    /// Decides about the variants of kernels, which the adapter must offer.
    pub fn use_variants(&self, variants: Variants) {
        *lock(&self.variants) = Some(variants);
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

    /// What it has done so far.
    pub fn done(&self) -> Done {
        let (operations, busy) = self.pace.total();
        Done { operations, busy, uploaded_bytes: self.uploaded_bytes.load(Ordering::Relaxed) }
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

    /// The same device, described otherwise, with the WGSL of its kernels rewritten.
    #[cfg(test)]
    pub(crate) fn with_kernels(&self, described: Adapter, rewrite: Rewrite) -> Self {
        Self {
            adapter: described,
            limits: self.limits,
            device: self.device.clone(),
            queue: self.queue.clone(),
            pace: Pace::default(),
            turn: Mutex::new(()),
            fault: self.fault.clone(),
            variants: Mutex::default(),
            uploaded_bytes: AtomicU64::new(0),
            kernels: Mutex::default(),
            rewrite,
            memory_is_short: AtomicBool::new(false),
        }
    }

    /// From now on, there is no memory for another buffer.
    #[cfg(test)]
    pub(crate) fn starve(&self) {
        self.memory_is_short.store(true, Ordering::Relaxed);
    }

    /// Keeps the size of submissions at so many operations.
    #[cfg(test)]
    pub(crate) fn fix_budget(&self, operations: f64) {
        self.pace.fix(operations);
    }

    /// Loses the device, as a driver does that was reset.
    #[cfg(test)]
    pub(crate) fn lose(&self) {
        self.device.destroy();
    }
}

/// Opens the adapter with what kernels can use of it: without the experiments if it refuses them.
fn request(
    adapter: &wgpu::Adapter,
    described: &Adapter,
    limits: wgpu::Limits,
) -> Result<(wgpu::Device, wgpu::Queue)> {
    let plain = adapter.features() & (wgpu::Features::SUBGROUP | wgpu::Features::SHADER_F16);
    let mut descriptor = wgpu::DeviceDescriptor {
        label: Some("quiverdb"),
        required_features: plain,
        required_limits: limits,
        experimental_features: wgpu::ExperimentalFeatures::disabled(),
        memory_hints: wgpu::MemoryHints::MemoryUsage,
        trace: wgpu::Trace::Off,
    };
    if described.offers(Variant::Matrix) {
        descriptor.required_features |= wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX;
        descriptor.experimental_features = trusted::experiments();
        if let Ok(opened) = pollster::block_on(adapter.request_device(&descriptor)) {
            return Ok(opened);
        }
        descriptor.required_features = plain;
        descriptor.experimental_features = wgpu::ExperimentalFeatures::disabled();
    }
    pollster::block_on(adapter.request_device(&descriptor)).map_err(|error| Error::GpuUnavailable {
        reason: format!("{} cannot be opened: {error}", described.name),
    })
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
