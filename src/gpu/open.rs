//! Finding adapters and opening them. Everything here is lazy: nothing happens before the first question.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::adapter::{Adapter, AdapterKind, adapters as sorted, choose, software_is_allowed};
use super::{Accelerator, Gpu, Limits, Variant, Variants};
use crate::error::{Error, Result};

/// Names the only variant of kernels to use, for whoever compares them; an adapter that does not offer it is an error.
const VARIANT: &str = "QUIVERDB_GPU_VARIANT";

/// What the kernels need of a workgroup: invocations, and bytes of shared memory.
const WORKGROUP_INVOCATIONS: u32 = 256;
const WORKGROUP_BYTES: u32 = 17_408;

/// Buffers that a kernel reads or writes at most.
const BUFFERS_MAX: u32 = 8;

/// Every adapter of this machine, in the driver's order.
pub(super) fn adapters() -> Vec<Adapter> {
    found().iter().map(describe).collect()
}

/// Opens the adapter that `asked` means, or returns it if it is open already.
///
/// # Errors
/// [`crate::error::Error::GpuUnavailable`].
pub(super) fn open(asked: &Accelerator) -> Result<Arc<Gpu>> {
    /// Opening takes up to a second and compiling kernels as long, so what is open stays open.
    static OPEN: Mutex<Vec<Arc<Gpu>>> = Mutex::new(Vec::new());

    let chosen = choose(asked, sorted(), software_is_allowed())?;
    let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    // One that has failed may work when it is opened anew, for instance after its driver was reset.
    open.retain(|gpu| gpu.fault().is_none());
    if let Some(gpu) = open.iter().find(|gpu| *gpu.adapter() == chosen) {
        return Ok(gpu.clone());
    }
    let gpu = Arc::new(open_adapter(&chosen, Limits::default())?);
    if let Some(variant) = asked_variant(&chosen)? {
        gpu.use_variants(Variants::only(variant));
    }
    open.push(gpu.clone());
    Ok(gpu)
}

/// The variant that the environment insists on.
fn asked_variant(adapter: &Adapter) -> Result<Option<Variant>> {
    let Some(name) = std::env::var_os(VARIANT).filter(|name| !name.is_empty()) else { return Ok(None) };
    let name = name.to_string_lossy();
    match Variant::parse(&name).filter(|variant| adapter.offers(*variant)) {
        Some(variant) => Ok(Some(variant)),
        None => {
            let offered: Vec<_> = adapter.variants().map(Variant::name).collect();
            let (card, offered) = (&adapter.name, offered.join(", "));
            let reason = format!("{VARIANT} is \"{name}\", but {card} offers {offered}; unset it");
            Err(Error::GpuUnavailable { reason })
        }
    }
}

/// Opens `chosen`, with limits that may be lower than its own.
pub(super) fn open_adapter(chosen: &Adapter, limits: Limits) -> Result<Gpu> {
    match found().into_iter().find(|adapter| describe(adapter) == *chosen) {
        Some(adapter) => Gpu::open(&adapter, chosen.clone(), limits),
        None => Err(super::adapter::unavailable(&Accelerator::Named(chosen.name.clone()), &adapters())),
    }
}

fn found() -> Vec<wgpu::Adapter> {
    static INSTANCE: OnceLock<wgpu::Instance> = OnceLock::new();
    let backends = wgpu::Backends::VULKAN | wgpu::Backends::METAL | wgpu::Backends::DX12;
    let instance = INSTANCE.get_or_init(|| {
        wgpu::Instance::new(wgpu::InstanceDescriptor {
            backends,
            // No validation layers, whatever the build: they are not there, or slow.
            flags: wgpu::InstanceFlags::empty(),
            ..wgpu::InstanceDescriptor::new_without_display_handle()
        })
    });
    pollster::block_on(instance.enumerate_adapters(backends))
}

fn describe(adapter: &wgpu::Adapter) -> Adapter {
    let info = adapter.get_info();
    let limits = adapter.limits();
    Adapter {
        vendor: vendor(info.vendor),
        vendor_id: info.vendor,
        backend: match info.backend {
            wgpu::Backend::Metal => "metal",
            wgpu::Backend::Dx12 => "dx12",
            _ => "vulkan",
        },
        kind: match info.device_type {
            wgpu::DeviceType::DiscreteGpu => AdapterKind::Discrete,
            wgpu::DeviceType::IntegratedGpu => AdapterKind::Integrated,
            wgpu::DeviceType::VirtualGpu => AdapterKind::Virtual,
            wgpu::DeviceType::Other => AdapterKind::Other,
            wgpu::DeviceType::Cpu => AdapterKind::Cpu,
        },
        driver: format!("{} {}", info.driver, info.driver_info).trim().to_owned(),
        buffer_bytes_max: limits.max_buffer_size,
        binding_bytes_max: limits.max_storage_buffer_binding_size,
        workgroup_bytes_max: limits.max_compute_workgroup_storage_size,
        features: features(adapter),
        subgroup_sizes: [info.subgroup_min_size, info.subgroup_max_size],
        matrix_size: matrix_size(adapter),
        unfit: unfit(&limits),
        name: info.name,
    }
}

fn features(adapter: &wgpu::Adapter) -> Vec<&'static str> {
    let offered = adapter.features();
    let all = [
        ("subgroups", wgpu::Features::SUBGROUP),
        ("f16", wgpu::Features::SHADER_F16),
        ("cooperative-matrix", wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX),
    ];
    all.into_iter().filter(|(_, feature)| offered.contains(*feature)).map(|(name, _)| name).collect()
}

/// The largest square matrices of halves whose products it sums in single precision, of those there are kernels for.
fn matrix_size(adapter: &wgpu::Adapter) -> Option<u32> {
    use wgpu::CooperativeScalarType::{F16, F32};
    let offered = adapter.cooperative_matrix_properties();
    [16, 8].into_iter().find(|size| {
        offered.iter().any(|matrix| {
            [matrix.m_size, matrix.n_size, matrix.k_size] == [*size; 3]
                && (matrix.ab_type, matrix.cr_type) == (F16, F32)
                && !matrix.saturating_accumulation
        })
    })
}

/// Why kernels cannot run within these limits, if they cannot.
fn unfit(limits: &wgpu::Limits) -> Option<String> {
    let offers = |what: &str, least: u32, offered: u32| {
        (offered < least).then(|| format!("offers {offered} {what}, but {least} are needed"))
    };
    offers("bytes of workgroup memory", WORKGROUP_BYTES, limits.max_compute_workgroup_storage_size)
        .or_else(|| {
            let invocations =
                limits.max_compute_invocations_per_workgroup.min(limits.max_compute_workgroup_size_x);
            offers("invocations in a workgroup", WORKGROUP_INVOCATIONS, invocations)
        })
        .or_else(|| {
            offers("storage buffers in a kernel", BUFFERS_MAX, limits.max_storage_buffers_per_shader_stage)
        })
}

/// The maker's name.
fn vendor(pci_number: u32) -> String {
    let name = match pci_number {
        0x10DE => "NVIDIA",
        0x1002 | 0x1022 => "AMD",
        0x8086 => "Intel",
        0x106B => "Apple",
        0x13B5 => "ARM",
        0x5143 => "Qualcomm",
        0x1414 => "Microsoft",
        0x10005 => "Mesa",
        other => return format!("{other:#06x}"),
    };
    name.to_owned()
}
