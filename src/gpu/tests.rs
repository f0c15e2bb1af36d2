//! What the tests of all kernels share, and the tests of this room, which need an adapter.
//!
//! Any adapter will do, a software one too. `QUIVERDB_REQUIRE_GPU=1` makes it an error that there is none;
//! otherwise such a test says that it did not run.

use std::sync::Arc;

use super::*;
use crate::error::Error;

/// The adapter that tests run on, opened with these limits, with the plainest kernels.
///
/// # Panics
/// If there is none and `QUIVERDB_REQUIRE_GPU` is 1.
pub(crate) fn gpu(limits: Limits) -> Option<Arc<Gpu>> {
    let gpu = untried_gpu(limits)?;
    gpu.use_variants(Variants::only(Variant::F32));
    Some(gpu)
}

/// [`gpu`], whose kernels are still to be chosen.
pub(crate) fn untried_gpu(limits: Limits) -> Option<Arc<Gpu>> {
    let Some(adapter) = adapters().into_iter().find(|adapter| adapter.unfit.is_none()) else {
        assert!(
            std::env::var_os("QUIVERDB_REQUIRE_GPU").is_none_or(|value| value != "1"),
            "QUIVERDB_REQUIRE_GPU is 1, but there is no adapter: install mesa-vulkan-drivers and set XDG_RUNTIME_DIR"
        );
        eprintln!("not run: there is no GPU adapter (on Debian, mesa-vulkan-drivers has one for tests)");
        return None;
    };
    Some(Arc::new(open::open_adapter(&adapter, limits).expect("an adapter that opens")))
}

/// Panics unless naga accepts the kernel: what is wrong in WGSL shows without any adapter.
pub(crate) fn check_wgsl(source: &Source) {
    let wgsl = source.wgsl.concat();
    let module = wgpu::naga::front::wgsl::parse_str(&wgsl)
        .unwrap_or_else(|error| panic!("{}: {}", source.name, error.emit_to_string(&wgsl)));
    let mut validator = wgpu::naga::valid::Validator::new(
        wgpu::naga::valid::ValidationFlags::all(),
        wgpu::naga::valid::Capabilities::all(),
    );
    let validated = validator.validate(&module);
    let info = validated.unwrap_or_else(|error| panic!("{}: {}", source.name, error.emit_to_string(&wgsl)));
    check_spirv(source, &module, &info);
    assert!(module.entry_points.iter().any(|entry| entry.name == source.entry), "{}", source.entry);
}

/// Panics unless naga can write it as SPIR-V, too: not all that is valid is implemented there.
fn check_spirv(source: &Source, module: &wgpu::naga::Module, info: &wgpu::naga::valid::ModuleInfo) {
    use wgpu::naga::back::{pipeline_constants, spv};
    let entry = Some((wgpu::naga::ShaderStage::Compute, source.entry));
    let (module, info) = pipeline_constants::process_overrides(module, info, entry, &Default::default())
        .unwrap_or_else(|error| panic!("{}: {error}", source.name));
    let options = spv::Options { lang_version: (1, 6), ..spv::Options::default() };
    let words = spv::write_vec(&module, &info, &options, None);
    let words = words.unwrap_or_else(|error| panic!("{}: {error}", source.name));
    if let Some(folder) = std::env::var_os("QUIVERDB_SPIRV_FOLDER") {
        let path = std::path::Path::new(&folder).join(format!("{}.{}.spv", source.name, source.entry));
        std::fs::write(path, bytemuck::cast_slice::<u32, u8>(&words)).unwrap();
    }
}

static DOUBLE: Source = Source {
    name: "double",
    wgsl: &["
        @group(0) @binding(0) var<uniform> count: vec4<u32>;
        @group(0) @binding(1) var<storage, read> numbers: array<u32>;
        @group(0) @binding(2) var<storage, read_write> doubled: array<u32>;

        @compute @workgroup_size(1)
        fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) all: vec3<u32>) {
            let i = id.x + id.y * all.x;
            if i < count.x { doubled[i] = 2u * numbers[i]; }
        }
    "],
    entry: "main",
    buffers: &[Access::Read, Access::Write],
};

fn double(gpu: &Gpu, numbers: &[u32]) -> Result<Vec<u32>, Error> {
    let kernel = gpu.kernel(&DOUBLE, &[])?;
    let (from, to) = (gpu.upload("numbers", numbers)?, gpu.buffer("doubled", 4 * numbers.len() as u64)?);
    let mut work = gpu.work();
    let shape = [numbers.len() as u32, 0, 0, 0];
    work.dispatch(&kernel, &shape, &[&from, &to], [numbers.len(), 1], numbers.len() as f64)?;
    work.read(&to, numbers.len())?;
    Ok(work.submit()?.wait(gpu, &mut || Ok(()))?.next())
}

#[test]
fn more_workgroups_than_one_dimension_has_are_spread_over_two() {
    for limits in [Limits::default(), Limits { groups: 40, ..Limits::default() }] {
        let Some(gpu) = gpu(limits) else { return };
        let numbers: Vec<u32> = (0..(gpu.groups_max().min(70_000) as u32 - 13)).collect();

        let doubled = double(&gpu, &numbers).unwrap();

        assert!(doubled.iter().copied().eq(numbers.iter().map(|n| 2 * n)));
    }
}

#[test]
fn a_lost_device_is_an_error_that_names_it() {
    let Some(gpu) = gpu(Limits::default()) else { return };
    assert!(double(&gpu, &[1, 2, 3]).is_ok());

    gpu.lose();

    let error = double(&gpu, &[1, 2, 3]).unwrap_err();
    assert_eq!(error.code(), "GPU_FAILED");
    assert!(error.to_string().contains(&gpu.adapter().name), "{error}");
}

#[test]
fn what_is_not_wgsl_is_an_error_after_which_the_gpu_goes_on() {
    static WRONG: Source = Source { name: "wrong", wgsl: &["fn main( {"], entry: "main", buffers: &[] };
    let Some(gpu) = gpu(Limits::default()) else { return };

    let error = gpu.kernel(&WRONG, &[]).map(|_| ()).unwrap_err();

    assert!(error.to_string().contains("the kernel wrong was refused"), "{error}");
    assert_eq!(double(&gpu, &[21]).unwrap(), [42]);
}

#[test]
fn an_unknown_accelerator_lists_the_adapters_there_are() {
    let error = Session::open(&Accelerator::parse("no such card")).map(|_| ()).unwrap_err();

    assert_eq!(error.code(), "GPU_UNAVAILABLE");
    for adapter in adapters() {
        assert!(error.to_string().contains(&adapter.name), "{error}");
    }
}

#[test]
fn only_auto_goes_on_without_the_gpu_and_only_after_its_failures() {
    let Some(gpu) = gpu(Limits::default()) else { return };
    let failed = || Error::GpuFailed { adapter: "card".to_owned(), reason: "gone".to_owned() };
    let auto = Session::with(gpu.clone(), Accelerator::Auto);
    let strict = Session::with(gpu, Accelerator::Gpu);

    assert_eq!(auto.fall_back(Error::internal("else")).unwrap_err().code(), "INTERNAL");
    assert!(auto.gpu().is_some() && auto.stage("encode") == "encode");
    auto.fall_back(failed()).unwrap();
    assert!(auto.gpu().is_none() && auto.failure().unwrap().contains("gone"));
    assert!(auto.stage("encode").contains("the GPU failed"));

    assert_eq!(strict.fall_back(failed()).unwrap_err().code(), "GPU_FAILED");
    assert!(strict.gpu().is_some());
}
