//! Which GPUs there are, and which of them is meant.

use super::Accelerator;
use crate::error::{Error, Result};

/// Set to `1`, this variable of the environment admits adapters that compute on the CPU. They are far slower
/// than the engine's own code; tests run on them.
pub(super) const ALLOW_SOFTWARE: &str = "QUIVERDB_ALLOW_SOFTWARE_GPU";

const VENDOR_NVIDIA: u32 = 0x10DE;
const VENDOR_APPLE: u32 = 0x106B;

/// What an adapter computes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AdapterKind {
    /// A card with memory of its own.
    Discrete,
    /// A GPU that shares the CPU's memory.
    Integrated,
    /// A part of a GPU, in a virtual machine.
    Virtual,
    /// Something that the driver does not name.
    Other,
    /// The CPU: a software renderer.
    Cpu,
}

impl AdapterKind {
    /// `discrete`, `integrated`, `virtual`, `other` or `cpu`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Discrete => "discrete",
            Self::Integrated => "integrated",
            Self::Virtual => "virtual",
            Self::Other => "other",
            Self::Cpu => "cpu",
        }
    }
}

/// A GPU as its driver describes it. One with drivers for two backends is listed twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adapter {
    /// As the driver spells it.
    pub name: String,
    /// The maker, or its PCI number in hexadecimal.
    pub vendor: String,
    /// The maker's PCI number.
    pub vendor_id: u32,
    /// `vulkan`, `metal` or `dx12`.
    pub backend: &'static str,
    /// What it computes on.
    pub kind: AdapterKind,
    /// The driver's name and version.
    pub driver: String,
    /// The largest buffer, in bytes.
    pub buffer_bytes_max: u64,
    /// The largest part of a buffer that a kernel sees, in bytes.
    pub binding_bytes_max: u64,
    /// Memory that the threads of a workgroup share, in bytes.
    pub workgroup_bytes_max: u32,
    /// What it offers of `subgroups`, `f16` and `cooperative-matrix`.
    pub features: Vec<&'static str>,
    /// Invocations in a subgroup, at least and at most.
    pub subgroup_sizes: [u32; 2],
    /// Rows and columns of the largest matrices of halves that it multiplies and sums in single precision.
    pub matrix_size: Option<u32>,
    /// Why it cannot run this release's kernels, if it cannot.
    pub unfit: Option<String>,
}

impl Adapter {
    /// Whether `accelerator` can mean this adapter.
    fn is(&self, accelerator: &Accelerator) -> bool {
        match accelerator {
            Accelerator::Cpu => false,
            Accelerator::Auto | Accelerator::Gpu => true,
            Accelerator::Cuda => self.vendor_id == VENDOR_NVIDIA,
            Accelerator::Mps => self.vendor_id == VENDOR_APPLE || self.backend == "metal",
            Accelerator::Named(part) => self.name.to_lowercase().contains(&part.to_lowercase()),
        }
    }

    /// Whether it may be chosen.
    fn may_be_used(&self, allow_software: bool) -> bool {
        self.unfit.is_none() && (allow_software || self.kind != AdapterKind::Cpu)
    }

    fn describe(&self) -> String {
        let software = if self.kind == AdapterKind::Cpu {
            format!(", software: used only with {ALLOW_SOFTWARE}=1")
        } else {
            String::new()
        };
        let unfit = self.unfit.as_ref().map(|reason| format!(", {reason}")).unwrap_or_default();
        format!("{} ({}, {}{software}{unfit})", self.name, self.backend, self.kind.name())
    }
}

/// All adapters of this machine, the best first. The first call loads the GPU libraries.
///
/// Empty where there is no GPU, no driver or no Vulkan loader, and without the feature `gpu`.
pub fn adapters() -> Vec<Adapter> {
    #[cfg(feature = "gpu")]
    let mut found = super::open::adapters();
    #[cfg(not(feature = "gpu"))]
    let mut found: Vec<Adapter> = Vec::new();
    // Of one GPU's backends the first is the one with the faster kernels.
    let backend = |adapter: &Adapter| ["metal", "vulkan", "dx12"].iter().position(|b| *b == adapter.backend);
    found.sort_by_key(|adapter| (adapter.unfit.is_some(), adapter.kind, backend(adapter)));
    found
}

/// The best adapter that `accelerator` can mean.
///
/// # Errors
/// [`Error::GpuUnavailable`], which lists what was found.
#[cfg_attr(
    all(not(feature = "gpu"), not(test)),
    expect(dead_code, reason = "there are no adapters to choose from")
)]
pub(super) fn choose(
    accelerator: &Accelerator,
    found: Vec<Adapter>,
    allow_software: bool,
) -> Result<Adapter> {
    let fits = |adapter: &&Adapter| adapter.is(accelerator) && adapter.may_be_used(allow_software);
    match found.iter().find(fits) {
        Some(adapter) => Ok(adapter.clone()),
        None => Err(unavailable(accelerator, &found)),
    }
}

/// The error of an accelerator that is not there.
pub(super) fn unavailable(accelerator: &Accelerator, found: &[Adapter]) -> Error {
    let list = match found {
        [] if cfg!(not(feature = "gpu")) => "this addon was compiled without GPU support".to_owned(),
        [] => "no adapter was found (is a driver installed, and on Linux a Vulkan loader, libvulkan.so.1?)"
            .to_owned(),
        found => format!("found: {}", found.iter().map(Adapter::describe).collect::<Vec<_>>().join("; ")),
    };
    Error::GpuUnavailable { reason: format!("\"{accelerator}\" was asked for; {list}") }
}

/// Whether the environment admits software adapters.
#[cfg(feature = "gpu")]
pub(super) fn software_is_allowed() -> bool {
    std::env::var_os(ALLOW_SOFTWARE).is_some_and(|value| value == "1")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adapter(name: &str, vendor_id: u32, kind: AdapterKind) -> Adapter {
        Adapter {
            name: name.to_owned(),
            vendor: String::new(),
            vendor_id,
            backend: "vulkan",
            kind,
            driver: String::new(),
            buffer_bytes_max: 1 << 30,
            binding_bytes_max: 1 << 27,
            workgroup_bytes_max: 32 << 10,
            features: Vec::new(),
            subgroup_sizes: [32; 2],
            matrix_size: None,
            unfit: None,
        }
    }

    fn machine() -> Vec<Adapter> {
        vec![
            adapter("NVIDIA H200", VENDOR_NVIDIA, AdapterKind::Discrete),
            adapter("AMD Radeon 780M", 0x1002, AdapterKind::Integrated),
            adapter("llvmpipe", 0x10005, AdapterKind::Cpu),
        ]
    }

    fn chosen(text: &str, allow_software: bool) -> Result<String> {
        choose(&Accelerator::parse(text), machine(), allow_software).map(|adapter| adapter.name)
    }

    #[test]
    fn words_choose_a_maker_and_other_texts_a_name() {
        assert_eq!(chosen("gpu", false).unwrap(), "NVIDIA H200");
        assert_eq!(chosen("cuda", false).unwrap(), "NVIDIA H200");
        assert_eq!(chosen("radeon", false).unwrap(), "AMD Radeon 780M");
        assert_eq!(chosen("auto", false).unwrap(), "NVIDIA H200");
    }

    #[test]
    fn software_is_chosen_only_when_it_is_allowed() {
        assert_eq!(chosen("llvm", true).unwrap(), "llvmpipe");
        assert_eq!(chosen("llvm", false).unwrap_err().code(), "GPU_UNAVAILABLE");
    }

    #[test]
    fn what_is_not_there_comes_with_a_list_of_what_is() {
        let error = chosen("mps", false).unwrap_err().to_string();

        assert!(error.contains("\"mps\" was asked for; found: NVIDIA H200 (vulkan, discrete)"), "{error}");
        assert!(error.contains("llvmpipe (vulkan, cpu, software: used only with"), "{error}");
        assert!(error.ends_with("pass accelerator: \"cpu\" to build on the CPU"), "{error}");
    }

    #[test]
    fn without_any_adapter_the_error_says_what_may_be_missing() {
        let error = unavailable(&Accelerator::Gpu, &[]).to_string();

        let expected = if cfg!(feature = "gpu") { "libvulkan.so.1" } else { "without GPU support" };
        assert!(error.contains(expected), "{error}");
    }
}
