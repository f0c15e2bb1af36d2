//! Values as keys: bytes whose order is that of the values, so that what is said of values in files is said of every
//! type in the same way: by indexes, and by the statistics of segments.
//!
//! The order is that of filters: -0.0 and 0.0 are one value, so are all NaNs, and a NaN is greater than every
//! number. Text is ordered by its bytes.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::buffer::{BooleanBuffer, NullBuffer, ScalarBuffer};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Decimal128Type, Float64Type, Int64Type, UInt64Type};

use crate::error::{Error, Result};

/// Turns the order of signed integers into that of unsigned ones.
const SIGN: u64 = 1 << 63;

/// What keys are made of. Keys of one type can be compared with each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyType {
    /// One byte, 0 or 1.
    Boolean,
    /// Integers but UInt64, dates, times and spans of time: 8 bytes.
    Signed,
    /// UInt64: 8 bytes.
    Unsigned,
    /// Floats, as doubles: 8 bytes.
    Float,
    /// The digits of a decimal number: 16 bytes. Two columns agree only if their scales do.
    Decimal,
    /// Strings, as they are.
    Text,
    /// Bytes, as they are.
    Bytes,
}

impl KeyType {
    /// Every type, in the order of their numbers in files.
    pub const ALL: [Self; 7] =
        [Self::Boolean, Self::Signed, Self::Unsigned, Self::Float, Self::Decimal, Self::Text, Self::Bytes];

    /// What the values of a type are as keys; `None` if they have no order here.
    pub fn of(data_type: &DataType) -> Option<Self> {
        Some(match data_type {
            DataType::Dictionary(_, values) => return Self::of(values),
            DataType::Boolean => Self::Boolean,
            DataType::UInt64 => Self::Unsigned,
            DataType::Float16 | DataType::Float32 | DataType::Float64 => Self::Float,
            DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal128(..) => Self::Decimal,
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Self::Text,
            DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView
            | DataType::FixedSizeBinary(_) => Self::Bytes,
            DataType::Date32
            | DataType::Date64
            | DataType::Time32(_)
            | DataType::Time64(_)
            | DataType::Timestamp(..)
            | DataType::Duration(_) => Self::Signed,
            integer if integer.is_integer() => Self::Signed,
            _ => return None,
        })
    }

    /// Its number in files.
    pub fn number(self) -> u32 {
        self as u32
    }

    /// Bytes of every key; `None` if they differ in length.
    pub fn width(self) -> Option<usize> {
        match self {
            Self::Boolean => Some(1),
            Self::Signed | Self::Unsigned | Self::Float => Some(8),
            Self::Decimal => Some(16),
            Self::Text | Self::Bytes => None,
        }
    }
}

/// The values of an array as keys.
pub struct Keys {
    key_type: KeyType,
    values: Values,
    nulls: Option<NullBuffer>,
    rows: usize,
}

enum Values {
    Boolean(BooleanBuffer),
    /// The bits of a number, in an order that big-endian bytes keep.
    Eight(Box<dyn Fn(usize) -> u64 + Send + Sync>),
    Sixteen(ScalarBuffer<i128>),
    Short(ScalarBuffer<i32>, arrow::buffer::Buffer),
    Long(ScalarBuffer<i64>, arrow::buffer::Buffer),
}

impl Keys {
    /// The keys of `array`.
    ///
    /// # Errors
    /// [`Error::Internal`] if [`KeyType::of`] knows no keys of its type.
    pub fn new(array: &ArrayRef) -> Result<Self> {
        let array = decoded(array)?;
        let data_type = array.data_type();
        let key_type = KeyType::of(data_type)
            .ok_or_else(|| Error::internal(format!("values of {data_type} have no keys")))?;
        let values = match key_type {
            KeyType::Boolean => Values::Boolean(array.as_boolean().values().clone()),
            KeyType::Unsigned => {
                let values = array.as_primitive::<UInt64Type>().values().clone();
                Values::Eight(Box::new(move |row| values[row]))
            }
            KeyType::Signed => {
                let values = integers(&array)?.as_primitive::<Int64Type>().values().clone();
                Values::Eight(Box::new(move |row| values[row] as u64 ^ SIGN))
            }
            KeyType::Float => {
                let floats = cast(&array, &DataType::Float64).map_err(Error::internal)?;
                let values = floats.as_primitive::<Float64Type>().values().clone();
                Values::Eight(Box::new(move |row| ordered_bits(values[row])))
            }
            KeyType::Decimal => Values::Sixteen(array.as_primitive::<Decimal128Type>().values().clone()),
            KeyType::Text | KeyType::Bytes => match data_type {
                DataType::Utf8 => {
                    let (offsets, bytes, _) = array.as_string::<i32>().clone().into_parts();
                    Values::Short(offsets.into_inner(), bytes)
                }
                DataType::LargeUtf8 => {
                    let (offsets, bytes, _) = array.as_string::<i64>().clone().into_parts();
                    Values::Long(offsets.into_inner(), bytes)
                }
                DataType::Binary => {
                    let (offsets, bytes, _) = array.as_binary::<i32>().clone().into_parts();
                    Values::Short(offsets.into_inner(), bytes)
                }
                _ => {
                    let (offsets, bytes, _) = array.as_binary::<i64>().clone().into_parts();
                    Values::Long(offsets.into_inner(), bytes)
                }
            },
        };
        Ok(Self { key_type, values, nulls: array.logical_nulls(), rows: array.len() })
    }

    /// What the keys are made of.
    pub fn key_type(&self) -> KeyType {
        self.key_type
    }

    /// How many there are, those of nulls included.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Whether there is no value, and so no key.
    pub fn is_null(&self, row: usize) -> bool {
        self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row))
    }

    /// Hands the key of a row to `receive`. What a null row gives means nothing.
    #[inline]
    pub fn with<T>(&self, row: usize, receive: impl FnOnce(&[u8]) -> T) -> T {
        match &self.values {
            Values::Boolean(values) => receive(&[u8::from(values.value(row))]),
            Values::Eight(bits) => receive(&bits(row).to_be_bytes()),
            Values::Sixteen(values) => receive(&((values[row] as u128) ^ (1 << 127)).to_be_bytes()),
            Values::Short(offsets, bytes) => {
                receive(&bytes[offsets[row] as usize..offsets[row + 1] as usize])
            }
            Values::Long(offsets, bytes) => receive(&bytes[offsets[row] as usize..offsets[row + 1] as usize]),
        }
    }

    /// The least and the greatest key; `None` if there is none.
    pub fn extremes(&self) -> Option<(Vec<u8>, Vec<u8>)> {
        let rows = (0..self.rows).filter(|&row| !self.is_null(row));
        match &self.values {
            Values::Eight(bits) => ends(rows.map(bits))
                .map(|(least, most)| (least.to_be_bytes().to_vec(), most.to_be_bytes().to_vec())),
            Values::Short(offsets, bytes) => {
                let key = |row: usize| &bytes[offsets[row] as usize..offsets[row + 1] as usize];
                ends(rows.map(key)).map(|(least, most)| (least.to_vec(), most.to_vec()))
            }
            Values::Long(offsets, bytes) => {
                let key = |row: usize| &bytes[offsets[row] as usize..offsets[row + 1] as usize];
                ends(rows.map(key)).map(|(least, most)| (least.to_vec(), most.to_vec()))
            }
            Values::Boolean(_) | Values::Sixteen(_) => ends(rows.map(|row| self.with(row, <[u8]>::to_vec))),
        }
    }

    /// The keys that are not null, ascending, each once.
    pub fn sorted(&self) -> Vec<Vec<u8>> {
        let rows = (0..self.rows).filter(|&row| !self.is_null(row));
        let mut keys: Vec<Vec<u8>> = rows.map(|row| self.with(row, <[u8]>::to_vec)).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }
}

/// The least and the greatest of some keys.
fn ends<K: Ord + Clone>(mut keys: impl Iterator<Item = K>) -> Option<(K, K)> {
    let first = keys.next()?;
    Some(keys.fold((first.clone(), first), |(least, most), key| {
        if key < least {
            (key, most)
        } else if key > most {
            (least, key)
        } else {
            (least, most)
        }
    }))
}

/// `array` without its encoding, in a type that [`Keys::new`] reads.
fn decoded(array: &ArrayRef) -> Result<ArrayRef> {
    let target = match array.data_type() {
        DataType::Dictionary(_, values) => values.as_ref().clone(),
        DataType::Decimal32(precision, scale) | DataType::Decimal64(precision, scale) => {
            DataType::Decimal128(*precision, *scale)
        }
        DataType::Utf8View => DataType::Utf8,
        DataType::BinaryView | DataType::FixedSizeBinary(_) => DataType::Binary,
        _ => return Ok(array.clone()),
    };
    decoded(&cast(array, &target).map_err(Error::internal)?)
}

/// The stored numbers of integers, dates and times.
fn integers(array: &ArrayRef) -> Result<ArrayRef> {
    let stored = match array.data_type() {
        DataType::Date32 | DataType::Time32(_) => cast(array, &DataType::Int32),
        _ => Ok(array.clone()),
    };
    stored.and_then(|stored| cast(&stored, &DataType::Int64)).map_err(Error::internal)
}

/// The bits of a float in the order of filters.
fn ordered_bits(value: f64) -> u64 {
    let bits = match value.is_nan() {
        true => f64::NAN.to_bits() & !SIGN,
        // Adding zero takes the sign of -0.0 away.
        false => (value + 0.0).to_bits(),
    };
    if bits & SIGN == 0 { bits ^ SIGN } else { !bits }
}

/// The least key that is greater than all that begin with `start`; `None` if there is none.
pub fn after_all_with(mut start: Vec<u8>) -> Option<Vec<u8>> {
    while let Some(last) = start.pop() {
        if let Some(next) = last.checked_add(1) {
            start.push(next);
            return Some(start);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{
        BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float32Array, Float64Array, Int8Array,
        StringArray, UInt64Array,
    };
    use arrow::datatypes::Int32Type;

    use super::*;

    fn keys(array: impl Array + 'static) -> Vec<Vec<u8>> {
        let keys = Keys::new(&(Arc::new(array) as ArrayRef)).unwrap();
        (0..keys.len()).map(|row| keys.with(row, <[u8]>::to_vec)).collect()
    }

    #[test]
    fn keys_are_in_the_order_of_their_values() {
        let infinity = f64::INFINITY;
        for ascending in [
            keys(Int8Array::from(vec![-128, -1, 0, 1, 127])),
            keys(UInt64Array::from(vec![0, 1, 1 << 63, u64::MAX])),
            keys(Float64Array::from(vec![-infinity, -1.5, -1e-300, 0.0, 1e-300, 2.0, infinity, f64::NAN])),
            keys(Decimal128Array::from(vec![i128::MIN, -1, 0, 7, i128::MAX])),
            keys(StringArray::from(vec!["", "A", "a", "ab", "é", "日本"])),
            keys(BooleanArray::from(vec![false, true])),
            keys(Date32Array::from(vec![-1, 0, 20_000])),
        ] {
            assert!(ascending.is_sorted() && ascending.windows(2).all(|pair| pair[0] != pair[1]));
        }
    }

    #[test]
    fn values_that_are_equal_in_filters_have_one_key() {
        let zeros = keys(Float64Array::from(vec![0.0, -0.0]));
        let not_numbers = keys(Float64Array::from(vec![f64::NAN, -f64::NAN, f64::from_bits(u64::MAX)]));

        assert_eq!(zeros[0], zeros[1]);
        assert!(not_numbers.windows(2).all(|pair| pair[0] == pair[1]));
        assert_eq!(keys(Float32Array::from(vec![0.1])), keys(Float64Array::from(vec![f64::from(0.1f32)])));
    }

    #[test]
    fn a_dictionary_has_the_keys_of_its_values_and_its_nulls() {
        let words: DictionaryArray<Int32Type> =
            vec![Some("b"), None, Some("a"), Some("b")].into_iter().collect();
        let keys = Keys::new(&(Arc::new(words) as ArrayRef)).unwrap();

        assert!(keys.is_null(1) && !keys.is_null(0));
        assert_eq!(keys.sorted(), [b"a".to_vec(), b"b".to_vec()]);
    }
}
