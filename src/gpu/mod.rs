//! A GPU, and what every kernel needs from one.
//!
//! Through wgpu: Vulkan on Linux and Windows, Metal on macOS, Direct3D 12 on Windows. No GPU library is
//! loaded before someone asks for [`adapters`] or for an [`Accelerator`] other than the CPU, and where there
//! is none, or the crate was compiled without the feature `gpu`, there are simply no adapters.
//!
//! A kernel is a WGSL file beside the Rust function of the same meaning. It is compiled once ([`Gpu::kernel`]),
//! its commands are collected in a [`Work`], which is submitted and waited for.

mod accelerator;
mod adapter;
#[cfg(feature = "gpu")]
mod buffer;
#[cfg(feature = "gpu")]
mod ceilings;
#[cfg(feature = "gpu")]
mod device;
#[cfg(feature = "gpu")]
mod kernel;
#[cfg(feature = "gpu")]
mod open;
#[cfg(feature = "gpu")]
mod pace;
mod session;
#[cfg(feature = "gpu")]
mod staging;
#[cfg(all(test, feature = "gpu"))]
mod tests;
#[cfg(feature = "gpu")]
mod trusted;
mod variant;
#[cfg(feature = "gpu")]
mod work;

pub use accelerator::Accelerator;
pub use adapter::{Adapter, AdapterKind, adapters};
pub use session::Session;
pub use variant::{Variant, Variants};

#[cfg(feature = "gpu")]
pub(crate) use buffer::Buffer;
#[cfg(feature = "gpu")]
pub use ceilings::Ceilings;
#[cfg(feature = "gpu")]
pub use device::{Done, Gpu, Limits};
#[cfg(feature = "gpu")]
pub(crate) use kernel::{Access, Kernel, Source};
#[cfg(feature = "gpu")]
pub(crate) use staging::Staging;
#[cfg(all(test, feature = "gpu"))]
pub(crate) use tests::{check_wgsl, gpu as test_gpu, untried_gpu};
#[cfg(feature = "gpu")]
pub(crate) use work::{Pending, Work};

/// The GPU of a crate that was compiled without the feature `gpu`: there is none.
#[cfg(not(feature = "gpu"))]
pub enum Gpu {}
