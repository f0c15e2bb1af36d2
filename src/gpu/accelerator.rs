//! What trains an index, as it is asked for.

use std::fmt;

/// What trains an index.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Accelerator {
    /// All cores and no GPU.
    #[default]
    Cpu,
    /// The best GPU if there is one, else the CPU; also the CPU if the GPU fails on the way.
    Auto,
    /// The best GPU, or an error.
    Gpu,
    /// The best GPU of NVIDIA, or an error.
    Cuda,
    /// The best GPU of Apple, or an error.
    Mps,
    /// A GPU whose name holds this text, whatever the case of its letters, or an error.
    Named(String),
}

impl Accelerator {
    /// What a word means: `cpu`, `auto`, `gpu`, `cuda`, `mps`, or a part of an adapter's name.
    pub fn parse(text: &str) -> Self {
        match text.to_lowercase().as_str() {
            "cpu" => Self::Cpu,
            "auto" => Self::Auto,
            "gpu" => Self::Gpu,
            "cuda" => Self::Cuda,
            "mps" => Self::Mps,
            _ => Self::Named(text.to_owned()),
        }
    }
}

impl fmt::Display for Accelerator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cpu => "cpu",
            Self::Auto => "auto",
            Self::Gpu => "gpu",
            Self::Cuda => "cuda",
            Self::Mps => "mps",
            Self::Named(name) => name,
        })
    }
}
