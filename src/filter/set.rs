//! IN lists of constants: a hash set, so that ten thousand values cost what ten do.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, OffsetSizeTrait};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Decimal128Type, Float64Type, Int64Type, UInt64Type};

use crate::error::{Error, Result};

/// The constants of an IN list.
#[derive(Debug, Clone)]
pub(super) struct Set {
    array: ArrayRef,
    values: Arc<Values>,
    /// `x IN (1, NULL)` is null, not false, when x is not 1.
    has_null: bool,
}

#[derive(Debug)]
enum Values {
    /// Integers, dates and times, by their stored bits; floats by the bits of their f64.
    Bits(HashSet<u64, BuildHasherDefault<BitsHasher>>),
    Decimals(HashSet<i128>),
    Bytes(HashSet<Box<[u8]>>),
}

impl Set {
    /// The values of `constants`, arrays of one row each and all of one type. None if that type has no
    /// set (decimals beyond 38 digits, intervals).
    pub fn new(data_type: &DataType, constants: &[ArrayRef], has_null: bool) -> Result<Option<Self>> {
        let arrays: Vec<&dyn Array> = constants.iter().map(AsRef::as_ref).collect();
        let all = match arrays.is_empty() {
            true => arrow::array::new_empty_array(data_type),
            false => arrow::compute::concat(&arrays).map_err(Error::internal)?,
        };
        let values = match Keys::new(&all)? {
            Some(Keys::Bits(bits)) => Values::Bits(bits.collect()),
            Some(Keys::Decimals(decimals)) => Values::Decimals(decimals.collect()),
            Some(Keys::Bytes(bytes)) => Values::Bytes(bytes.map(Box::from).collect()),
            None => return Ok(None),
        };
        Ok(Some(Self { array: all, values: Arc::new(values), has_null }))
    }

    /// The constants but null.
    pub fn array(&self) -> &ArrayRef {
        &self.array
    }

    /// Whether null is one of the constants.
    pub fn has_null(&self) -> bool {
        self.has_null
    }

    /// Whether there are sets of this type.
    pub fn holds(data_type: &DataType) -> bool {
        matches!(Self::new(data_type, &[], false), Ok(Some(_)))
    }

    /// For each row a number that equal rows share; every null row has its own. None if the type has no
    /// such numbers.
    pub fn ranks(array: &ArrayRef) -> Result<Option<Vec<u32>>> {
        let ranks = match Keys::new(array)? {
            Some(Keys::Bits(bits)) => ranked(array, bits),
            Some(Keys::Decimals(decimals)) => ranked(array, decimals),
            Some(Keys::Bytes(bytes)) => ranked(array, bytes),
            None => return Ok(None),
        };
        Ok(Some(ranks))
    }

    /// For each row of `operand` whether it is in the list: null for null rows, and for rows that are
    /// not found when the list holds a null.
    pub fn contains(&self, operand: &ArrayRef) -> Result<BooleanArray> {
        let found = match (&*self.values, Keys::new(operand)?) {
            (Values::Bits(set), Some(Keys::Bits(bits))) => {
                lookup(operand.len(), bits, |bits| set.contains(&bits))
            }
            (Values::Decimals(set), Some(Keys::Decimals(decimals))) => {
                lookup(operand.len(), decimals, |decimal| set.contains(&decimal))
            }
            (Values::Bytes(set), Some(Keys::Bytes(bytes))) => {
                lookup(operand.len(), bytes, |bytes| set.contains(bytes))
            }
            _ => return Err(Error::internal("an IN list met a column of another type")),
        };
        let nulls = operand.logical_nulls();
        if !self.has_null {
            return Ok(BooleanArray::new(found, nulls));
        }
        let certain = NullBuffer::new(found.clone());
        Ok(BooleanArray::new(found, NullBuffer::union(nulls.as_ref(), Some(&certain))))
    }
}

fn lookup<T>(rows: usize, mut keys: impl Iterator<Item = T>, contains: impl Fn(T) -> bool) -> BooleanBuffer {
    BooleanBuffer::collect_bool(rows, |_| keys.next().is_some_and(&contains))
}

fn ranked<T: Hash + Eq>(array: &ArrayRef, keys: impl Iterator<Item = T>) -> Vec<u32> {
    let mut ranks = HashMap::new();
    let mut next = 0;
    let mut fresh = || {
        next += 1;
        next
    };
    keys.enumerate()
        .map(
            |(row, key)| {
                if array.is_null(row) { fresh() } else { *ranks.entry(key).or_insert_with(&mut fresh) }
            },
        )
        .collect()
}

/// A column's values in the form a set holds; null rows give an arbitrary key.
enum Keys<'a> {
    Bits(Box<dyn Iterator<Item = u64> + 'a>),
    Decimals(Box<dyn Iterator<Item = i128> + 'a>),
    Bytes(Box<dyn Iterator<Item = &'a [u8]> + 'a>),
}

impl<'a> Keys<'a> {
    fn new(array: &'a ArrayRef) -> Result<Option<Self>> {
        Ok(Some(match array.data_type() {
            DataType::Utf8 => Self::Bytes(byte_keys::<arrow::datatypes::Utf8Type>(array)),
            DataType::LargeUtf8 => Self::Bytes(byte_keys::<arrow::datatypes::LargeUtf8Type>(array)),
            DataType::Binary => Self::Bytes(byte_keys::<arrow::datatypes::BinaryType>(array)),
            DataType::LargeBinary => Self::Bytes(byte_keys::<arrow::datatypes::LargeBinaryType>(array)),
            DataType::Decimal128(..) => {
                Self::Decimals(Box::new(array.as_primitive::<Decimal128Type>().values().iter().copied()))
            }
            DataType::UInt64 => {
                Self::Bits(Box::new(array.as_primitive::<UInt64Type>().values().iter().copied()))
            }
            DataType::Float16 | DataType::Float32 | DataType::Float64 => {
                let floats = cast(array, &DataType::Float64).map_err(Error::internal)?;
                let floats = floats.as_primitive::<Float64Type>().values().clone();
                Self::Bits(Box::new((0..array.len()).map(move |row| float_bits(floats[row]))))
            }
            other => {
                let Some(stored) = stored_integer(other) else { return Ok(None) };
                let integers = cast(array, &stored)
                    .and_then(|integers| cast(&integers, &DataType::Int64))
                    .map_err(Error::internal)?;
                let integers = integers.as_primitive::<Int64Type>().values().clone();
                Self::Bits(Box::new((0..array.len()).map(move |row| integers[row] as u64)))
            }
        }))
    }
}

fn byte_keys<'a, T: arrow::datatypes::ByteArrayType>(
    array: &'a ArrayRef,
) -> Box<dyn Iterator<Item = &'a [u8]> + 'a>
where
    T::Offset: OffsetSizeTrait,
{
    let array = array.as_bytes::<T>();
    // Null rows may have bytes; they are masked later.
    Box::new((0..array.len()).map(move |row| array.value(row).as_ref()))
}

/// The integer type that can be read from a column of small integers, dates, times or booleans.
fn stored_integer(data_type: &DataType) -> Option<DataType> {
    Some(match data_type {
        DataType::Date32 | DataType::Time32(_) => DataType::Int32,
        DataType::Date64 | DataType::Time64(_) | DataType::Timestamp(..) | DataType::Duration(_) => {
            DataType::Int64
        }
        integer if integer.is_integer() => DataType::Int64,
        _ => return None,
    })
}

/// One bit pattern for each value: both zeros are one, and so are all NaNs.
fn float_bits(value: f64) -> u64 {
    if value.is_nan() { f64::NAN.to_bits() } else { (value + 0.0).to_bits() }
}

/// Multiplies and folds: the keys come from the caller's own list, so that nobody can aim at collisions
/// but themselves.
#[derive(Default)]
struct BitsHasher(u64);

impl Hasher for BitsHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, bits: u64) {
        let product = u128::from(self.0 ^ bits) * u128::from(0x9E37_79B9_7F4A_7C15_u64);
        self.0 = (product >> 64) as u64 ^ product as u64;
    }
}
