//! The ways in which a kernel can be written for what an adapter offers.

use std::fmt;

use super::Adapter;

/// Bytes that the workgroups of [`Variant::Matrix`] share, and invocations in their subgroups.
const MATRIX_WORKGROUP_BYTES: u32 = 31_232;
const MATRIX_SUBGROUP: u32 = 32;

/// The least number of invocations that must be able to exchange values.
const SUBGROUP_MIN: u32 = 8;

/// How a kernel multiplies, the plainest way first. All ways have the same outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Variant {
    /// Single precision, with nothing that an adapter may lack.
    F32,
    /// Single precision; what invocations found is joined without a detour through memory.
    Subgroups,
    /// Half precision, with products summed in single precision; what rounding leaves in doubt is done again.
    F16,
    /// As [`Variant::F16`], on the matrix units.
    Matrix,
}

impl Variant {
    /// All of them, the plainest first.
    pub const ALL: [Self; 4] = [Self::F32, Self::Subgroups, Self::F16, Self::Matrix];

    /// `f32`, `subgroups`, `f16` or `matrix`.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Subgroups => "subgroups",
            Self::F16 => "f16",
            Self::Matrix => "matrix",
        }
    }

    /// Whether it computes in half precision first.
    pub fn is_half(self) -> bool {
        self >= Self::F16
    }

    /// The variant of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|variant| variant.name() == name)
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a GPU uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variants {
    /// Of the largest products.
    pub best: Variant,
    /// Of those that need single precision.
    pub single: Variant,
}

impl Variants {
    /// `variant`, and the plainest of what it leaves undone.
    pub fn only(variant: Variant) -> Self {
        Self { best: variant, single: if variant.is_half() { Variant::F32 } else { variant } }
    }
}

impl Adapter {
    /// Whether it has what `variant` needs. Whether it computes the right thing shows only in use.
    pub fn offers(&self, variant: Variant) -> bool {
        let has = |feature: &str| self.features.contains(&feature);
        match variant {
            Variant::F32 => true,
            Variant::Subgroups => has("subgroups") && self.subgroup_sizes[0] >= SUBGROUP_MIN,
            Variant::F16 => has("f16"),
            Variant::Matrix => {
                self.matrix_size.is_some()
                    && has("f16")
                    && has("subgroups")
                    && self.subgroup_sizes == [MATRIX_SUBGROUP; 2]
                    && self.workgroup_bytes_max >= MATRIX_WORKGROUP_BYTES
            }
        }
    }

    /// Those of [`Variant::ALL`] that it offers.
    pub fn variants(&self) -> impl Iterator<Item = Variant> {
        Variant::ALL.into_iter().filter(|variant| self.offers(*variant))
    }
}
