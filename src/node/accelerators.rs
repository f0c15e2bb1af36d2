//! The GPUs of this machine, as JavaScript sees them.

use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;

use crate::gpu::{Adapter, adapters};
use crate::node::job::{Pool, promise};

/// A GPU. `lib/accelerators.ts` documents it.
#[cfg_attr(test, allow(dead_code, reason = "napi registers nothing in tests"))]
#[napi(object)]
pub struct NativeAccelerator {
    /// As the driver spells it.
    pub name: String,
    /// The maker.
    pub vendor: String,
    /// vulkan, metal or dx12.
    pub backend: String,
    /// discrete, integrated, virtual, other or cpu.
    pub kind: String,
    /// The driver's name and version.
    pub driver: String,
    /// The largest buffer, in bytes.
    pub max_buffer_bytes: f64,
    /// The largest part of a buffer that a kernel sees, in bytes.
    pub max_binding_bytes: f64,
    /// Memory that a workgroup shares, in bytes.
    pub max_workgroup_bytes: u32,
    /// What it offers that kernels could use.
    pub features: Vec<String>,
    /// The variants of kernels that are tried on it.
    pub variants: Vec<String>,
    /// Why it cannot be used, if it cannot.
    pub unfit: Option<String>,
}

impl From<Adapter> for NativeAccelerator {
    fn from(adapter: Adapter) -> Self {
        Self {
            variants: adapter.variants().map(|variant| variant.name().to_owned()).collect(),
            name: adapter.name,
            vendor: adapter.vendor,
            backend: adapter.backend.to_owned(),
            kind: adapter.kind.name().to_owned(),
            driver: adapter.driver,
            max_buffer_bytes: adapter.buffer_bytes_max as f64,
            max_binding_bytes: adapter.binding_bytes_max as f64,
            max_workgroup_bytes: adapter.workgroup_bytes_max,
            features: adapter.features.into_iter().map(str::to_owned).collect(),
            unfit: adapter.unfit,
        }
    }
}

/// Every adapter, the best first.
#[cfg_attr(test, allow(dead_code, reason = "napi registers nothing in tests"))]
#[napi(ts_return_type = "Promise<NativeAccelerator[]>")]
pub fn accelerators(env: &Env) -> napi::Result<Object<'_>> {
    promise(env, Pool::Builds, || Ok(adapters().into_iter().map(NativeAccelerator::from).collect::<Vec<_>>()))
}
