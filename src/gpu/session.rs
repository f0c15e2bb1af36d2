//! The device that one build computes with, and what becomes of it.

use std::sync::{Arc, Mutex, PoisonError};

use super::{Accelerator, Gpu, Variant};
use crate::error::{Error, Result};

/// What one build computes with: the CPU, and perhaps a GPU for the heavy passes, as long as it works.
pub struct Session {
    asked: Accelerator,
    gpu: Option<Arc<Gpu>>,
    /// Why there is no GPU any more, or never was one.
    failure: Mutex<Option<String>>,
}

impl Session {
    /// The CPU.
    pub fn cpu() -> Self {
        Self { asked: Accelerator::Cpu, gpu: None, failure: Mutex::new(None) }
    }

    /// What was asked for.
    ///
    /// # Errors
    /// [`Error::GpuUnavailable`] if a GPU was asked for that is not there.
    pub fn open(asked: &Accelerator) -> Result<Self> {
        if *asked == Accelerator::Cpu {
            return Ok(Self::cpu());
        }
        let (gpu, failure) = match open(asked) {
            Ok(gpu) => (Some(gpu), None),
            Err(error @ Error::GpuUnavailable { .. }) if *asked == Accelerator::Auto => {
                (None, Some(format!("no GPU was used: {}", reason(&error))))
            }
            Err(error) => return Err(error),
        };
        Ok(Self { asked: asked.clone(), gpu, failure: Mutex::new(failure) })
    }

    /// A GPU that is open already.
    #[cfg(feature = "gpu")]
    pub fn with(gpu: Arc<Gpu>, asked: Accelerator) -> Self {
        Self { asked, gpu: Some(gpu), failure: Mutex::new(None) }
    }

    /// The GPU, unless it has failed.
    pub fn gpu(&self) -> Option<&Arc<Gpu>> {
        self.gpu.as_ref().filter(|_| self.failure().is_none())
    }

    /// Goes on with the CPU after the GPU's `error`, if that is what was asked for.
    ///
    /// # Errors
    /// `error` itself if it is not the GPU's, or if the caller insists on a GPU.
    pub fn fall_back(&self, error: Error) -> Result<()> {
        if self.asked != Accelerator::Auto || !matches!(error, Error::GpuFailed { .. }) {
            return Err(error);
        }
        let text = format!("the CPU took over: {}", reason(&error));
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(text);
        Ok(())
    }

    /// Why the CPU works though a GPU was welcome.
    pub fn failure(&self) -> Option<String> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What a build calls `stage` in its progress: since the GPU failed, with a word about that.
    pub fn stage(&self, stage: &'static str) -> &'static str {
        if self.gpu.is_none() || self.failure().is_none() {
            return stage;
        }
        match stage {
            "train partitions" => "train partitions (on the CPU: the GPU failed)",
            "train codebooks" => "train codebooks (on the CPU: the GPU failed)",
            "encode" => "encode (on the CPU: the GPU failed)",
            other => other,
        }
    }

    /// Which variant of its kernels the GPU used, if there is a GPU and it came to that.
    pub fn variant(&self) -> Option<Variant> {
        self.gpu.as_deref().and_then(variant)
    }

    /// The device's name, for the details of an index: `cpu`, or the adapter's name and backend.
    pub fn device(&self) -> String {
        match &self.gpu {
            Some(gpu) => describe(gpu),
            None => "cpu".to_owned(),
        }
    }
}

#[cfg(feature = "gpu")]
fn variant(gpu: &Gpu) -> Option<Variant> {
    gpu.variants().map(|variants| variants.best)
}

#[cfg(not(feature = "gpu"))]
fn variant(gpu: &Gpu) -> Option<Variant> {
    match *gpu {}
}

fn reason(error: &Error) -> String {
    match error {
        Error::GpuUnavailable { reason } => reason.clone(),
        other => other.to_string(),
    }
}

#[cfg(feature = "gpu")]
fn open(asked: &Accelerator) -> Result<Arc<Gpu>> {
    super::open::open(asked)
}

#[cfg(feature = "gpu")]
fn describe(gpu: &Gpu) -> String {
    format!("{} ({})", gpu.adapter().name, gpu.adapter().backend)
}

#[cfg(not(feature = "gpu"))]
fn open(asked: &Accelerator) -> Result<Arc<Gpu>> {
    Err(super::adapter::unavailable(asked, &[]))
}

#[cfg(not(feature = "gpu"))]
fn describe(gpu: &Gpu) -> String {
    match *gpu {}
}

#[cfg(all(test, not(feature = "gpu")))]
mod tests {
    use super::*;

    #[test]
    fn an_addon_without_gpu_support_builds_on_the_cpu_where_it_may_and_says_so() {
        let auto = Session::open(&Accelerator::Auto).unwrap();

        assert_eq!((auto.device().as_str(), auto.variant()), ("cpu", None));
        assert!(auto.gpu().is_none() && auto.failure().unwrap().contains("compiled without GPU support"));
        for asked in [Accelerator::Gpu, Accelerator::Cuda, Accelerator::Named("H200".to_owned())] {
            assert_eq!(Session::open(&asked).map(|_| ()).unwrap_err().code(), "GPU_UNAVAILABLE");
        }
    }
}
