//! Compiled kernels.

use super::{Gpu, trusted};
use crate::error::Result;

/// What a kernel does with a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
}

/// A kernel as it is written. Its name and entry tell it from others. Binding 0 is its shape, a uniform; the buffers follow.
pub(crate) struct Source {
    /// Names it in errors and in the tools of drivers.
    pub(crate) name: &'static str,
    /// WGSL, in the order in which it is to be read.
    pub(crate) wgsl: &'static [&'static str],
    /// The function that runs.
    pub(crate) entry: &'static str,
    pub(crate) buffers: &'static [Access],
}

/// What tells one compiled kernel from another.
#[derive(PartialEq, Eq, Hash)]
pub(super) struct KernelKey {
    name: &'static str,
    entry: &'static str,
    constants: Vec<(&'static str, u64)>,
}

impl KernelKey {
    pub(super) fn new(source: &Source, constants: &[(&'static str, f64)]) -> Self {
        let constants = constants.iter().map(|(name, value)| (*name, value.to_bits())).collect();
        Self { name: source.name, entry: source.entry, constants }
    }
}

/// A kernel that can run.
pub(crate) struct Kernel {
    pub(super) pipeline: wgpu::ComputePipeline,
    pub(super) layout: wgpu::BindGroupLayout,
}

impl Kernel {
    pub(super) fn compile(gpu: &Gpu, source: &'static Source, constants: &[(&str, f64)]) -> Result<Self> {
        gpu.check()?;
        let device = &gpu.device;
        let scopes = [wgpu::ErrorFilter::Internal, wgpu::ErrorFilter::Validation]
            .map(|filter| device.push_error_scope(filter));
        let wgsl = source.wgsl.concat();
        #[cfg(test)]
        let wgsl = (gpu.rewrite)(source, &wgsl).into_owned();
        let module = match gpu.limits().checked {
            true => device.create_shader_module(wgpu::ShaderModuleDescriptor {
                label: Some(source.name),
                source: wgpu::ShaderSource::Wgsl(wgsl.into()),
            }),
            false => trusted::shader_module(device, source.name, &wgsl),
        };
        let layout = layout(device, source);
        let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some(source.name),
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        });
        let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(source.name),
            layout: Some(&pipeline_layout),
            module: &module,
            entry_point: Some(source.entry),
            compilation_options: wgpu::PipelineCompilationOptions {
                constants,
                // Every kernel writes what it reads.
                zero_initialize_workgroup_memory: false,
            },
            cache: None,
        });
        // The scope that was opened last is closed first.
        let errors: Vec<_> =
            scopes.into_iter().rev().filter_map(|scope| pollster::block_on(scope.pop())).collect();
        match errors.first() {
            Some(error) => Err(gpu.failed(format!("the kernel {} was refused: {error}", source.name))),
            None => Ok(Self { pipeline, layout }),
        }
    }
}

fn layout(device: &wgpu::Device, source: &Source) -> wgpu::BindGroupLayout {
    let entry = |binding: usize, ty| wgpu::BindGroupLayoutEntry {
        binding: binding as u32,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None },
        count: None,
    };
    let mut entries = vec![entry(0, wgpu::BufferBindingType::Uniform)];
    entries.extend(source.buffers.iter().enumerate().map(|(i, access)| {
        entry(i + 1, wgpu::BufferBindingType::Storage { read_only: *access == Access::Read })
    }));
    device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
        label: Some(source.name),
        entries: &entries,
    })
}
