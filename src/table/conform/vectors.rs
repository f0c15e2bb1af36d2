//! What a vector column demands of its values: every number is there, and is finite.

use std::fmt::Display;

use arrow::array::{Array, ArrayRef, AsArray, FixedSizeListArray};
use arrow::datatypes::{DataType, Float16Type, Float32Type, Float64Type};

use crate::table::conform::Misfit;

/// An error if `array` holds vectors and one of them has a null, a NaN or an infinity, from which
/// nothing has a distance. Null vectors are fine.
pub(super) fn check(array: &ArrayRef) -> Result<(), Misfit> {
    use DataType::{Float16, Float32, Float64, Int8, UInt8};
    let DataType::FixedSizeList(item, _) = array.data_type() else { return Ok(()) };
    let vectors = array.as_fixed_size_list();
    if matches!(item.data_type(), Float16 | Float32 | Float64 | Int8 | UInt8) {
        check_nulls(vectors)?;
    }
    let values = vectors.values();
    match item.data_type() {
        Float16 => check_finite(vectors, values.as_primitive::<Float16Type>().values(), half::f16::is_finite),
        Float32 => check_finite(vectors, values.as_primitive::<Float32Type>().values(), f32::is_finite),
        Float64 => check_finite(vectors, values.as_primitive::<Float64Type>().values(), f64::is_finite),
        _ => Ok(()),
    }
}

fn check_nulls(vectors: &FixedSizeListArray) -> Result<(), Misfit> {
    let Some(nulls) = vectors.values().nulls().filter(|nulls| nulls.null_count() > 0) else { return Ok(()) };
    let positions = (0..nulls.len()).filter(|&position| nulls.is_null(position));
    refuse(vectors, positions, |_| "null".to_owned())
}

fn check_finite<T: Copy + Display>(
    vectors: &FixedSizeListArray,
    values: &[T],
    is_finite: fn(T) -> bool,
) -> Result<(), Misfit> {
    // Whole chunks first, without branches, because nearly always all are.
    const CHUNK: usize = 1024;
    let chunks = values.chunks(CHUNK).enumerate();
    let suspects = chunks.filter(|(_, chunk)| !chunk.iter().fold(true, |all, &value| all & is_finite(value)));
    let positions = suspects.flat_map(|(index, chunk)| {
        (0..chunk.len()).filter(|&offset| !is_finite(chunk[offset])).map(move |offset| index * CHUNK + offset)
    });
    refuse(vectors, positions, |position| values[position].to_string())
}

/// An error for the first of `positions` that is in a vector which is not null.
fn refuse(
    vectors: &FixedSizeListArray,
    mut positions: impl Iterator<Item = usize>,
    value: impl Fn(usize) -> String,
) -> Result<(), Misfit> {
    let size = vectors.value_length() as usize;
    match positions.find(|position| vectors.is_valid(position / size)) {
        Some(position) => {
            let (index, value) = (position % size, value(position));
            let reason = format!(
                "value {index} of the vector is {value}; every value of a vector must be a finite number"
            );
            Err(Misfit::value(position / size, reason))
        }
        None => Ok(()),
    }
}
