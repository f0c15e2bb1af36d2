//! What the values of vectors are.

use arrow::datatypes::DataType;

/// The type of a vector's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ElementKind {
    /// Half precision floats.
    F16,
    /// Single precision floats.
    F32,
    /// Double precision floats.
    F64,
    /// Unsigned bytes.
    U8,
    /// Signed bytes.
    I8,
}

impl ElementKind {
    /// Every kind, in the order of their numbers in index files.
    pub const ALL: [ElementKind; 5] = [Self::F16, Self::F32, Self::F64, Self::U8, Self::I8];

    /// Bytes of one value.
    pub fn bytes(self) -> usize {
        match self {
            Self::F16 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
            Self::U8 | Self::I8 => 1,
        }
    }

    /// The kind of an Arrow type, if vectors can be made of it.
    pub(super) fn of(data_type: &DataType) -> Option<Self> {
        match data_type {
            DataType::Float16 => Some(Self::F16),
            DataType::Float32 => Some(Self::F32),
            DataType::Float64 => Some(Self::F64),
            DataType::UInt8 => Some(Self::U8),
            DataType::Int8 => Some(Self::I8),
            _ => None,
        }
    }
}
