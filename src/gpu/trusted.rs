//! The promises that wgpu asks for.

/// Compiles WGSL without the checks that keep foreign shaders within their buffers.
pub(super) fn shader_module(device: &wgpu::Device, name: &str, wgsl: &str) -> wgpu::ShaderModule {
    let descriptor =
        wgpu::ShaderModuleDescriptor { label: Some(name), source: wgpu::ShaderSource::Wgsl(wgsl.into()) };
    // SAFETY: the WGSL is this crate's own. Its loops end, and its indexes are within the buffers that the
    // Rust function beside it binds; the tests run every kernel with the checks on as well.
    unsafe { device.create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked()) }
}

/// Admits what wgpu offers as an experiment: the matrix units.
pub(super) fn experiments() -> wgpu::ExperimentalFeatures {
    // SAFETY: what may go wrong with them is that a kernel is refused, computes something else, or loses the device.
    // Each of these is looked for on the first use of a device, and leads to a plainer kernel.
    unsafe { wgpu::ExperimentalFeatures::enabled() }
}
