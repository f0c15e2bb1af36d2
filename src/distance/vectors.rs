//! Stored vectors as plain slices, whatever the type of their values.

use std::ops::Range;

use half::f16;
use half::slice::HalfFloatSliceExt;

/// Rows of vectors: row-major, rows x dimensions, values of one type.
///
/// The number of dimensions is not part of it; who holds the rows knows it.
#[derive(Debug, Clone, Copy)]
pub enum Vectors<'a> {
    /// Half precision floats.
    F16(&'a [f16]),
    /// Single precision floats.
    F32(&'a [f32]),
    /// Double precision floats.
    F64(&'a [f64]),
    /// Unsigned bytes; for hamming distances, eight bits each.
    U8(&'a [u8]),
    /// Signed bytes.
    I8(&'a [i8]),
}

/// Runs one expression for whichever type the values have.
macro_rules! for_each_type {
    ($vectors:expr, $values:ident => $result:expr) => {
        match $vectors {
            Vectors::F16($values) => $result,
            Vectors::F32($values) => $result,
            Vectors::F64($values) => $result,
            Vectors::U8($values) => $result,
            Vectors::I8($values) => $result,
        }
    };
}

impl<'a> Vectors<'a> {
    /// The number of values: rows times dimensions.
    pub fn len_values(&self) -> usize {
        for_each_type!(self, values => values.len())
    }

    /// The values as they lie in memory.
    pub fn bytes(&self) -> &'a [u8] {
        for_each_type!(*self, values => bytemuck::cast_slice(values))
    }

    /// The rows of a range, in vectors of `dim` dimensions.
    ///
    /// # Panics
    /// If the range reaches past the last row.
    pub fn slice(&self, rows: Range<usize>, dim: usize) -> Vectors<'a> {
        let values = rows.start * dim..rows.end * dim;
        match self {
            Vectors::F16(all) => Vectors::F16(&all[values]),
            Vectors::F32(all) => Vectors::F32(&all[values]),
            Vectors::F64(all) => Vectors::F64(&all[values]),
            Vectors::U8(all) => Vectors::U8(&all[values]),
            Vectors::I8(all) => Vectors::I8(&all[values]),
        }
    }

    /// Writes every value as a single precision float.
    ///
    /// # Panics
    /// If `out` is not [`Vectors::len_values`] long.
    pub fn to_f32(&self, out: &mut [f32]) {
        assert_eq!(self.len_values(), out.len(), "one float for each value");
        match self {
            Vectors::F16(values) => values.convert_to_f32_slice(out),
            Vectors::F32(values) => out.copy_from_slice(values),
            Vectors::F64(values) => widen(values, out, |value| value as f32),
            Vectors::U8(values) => widen(values, out, f32::from),
            Vectors::I8(values) => widen(values, out, f32::from),
        }
    }

    /// Writes every value as a double precision float.
    ///
    /// # Panics
    /// If `out` is not [`Vectors::len_values`] long.
    pub fn to_f64(&self, out: &mut [f64]) {
        assert_eq!(self.len_values(), out.len(), "one float for each value");
        match self {
            Vectors::F16(values) => widen(values, out, f64::from),
            Vectors::F32(values) => widen(values, out, f64::from),
            Vectors::F64(values) => out.copy_from_slice(values),
            Vectors::U8(values) => widen(values, out, f64::from),
            Vectors::I8(values) => widen(values, out, f64::from),
        }
    }
}

fn widen<T: Copy, F>(values: &[T], out: &mut [F], convert: impl Fn(T) -> F) {
    for (out, &value) in out.iter_mut().zip(values) {
        *out = convert(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_holds_whole_rows() {
        let values = [0u8, 1, 2, 3, 4, 5];
        let rows = Vectors::U8(&values).slice(1..3, 2);

        let mut floats = [0.0f32; 4];
        rows.to_f32(&mut floats);

        assert_eq!(rows.len_values(), 4);
        assert_eq!(floats, [2.0, 3.0, 4.0, 5.0]);
    }

    #[test]
    fn every_type_widens_to_the_same_floats() {
        let expected: Vec<f32> = (-50..50).map(|i| i as f32).collect();
        let halves: Vec<f16> = expected.iter().map(|&v| f16::from_f32(v)).collect();
        let doubles: Vec<f64> = expected.iter().map(|&v| f64::from(v)).collect();
        let bytes: Vec<i8> = (-50..50).collect();

        for vectors in [Vectors::F16(&halves), Vectors::F64(&doubles), Vectors::I8(&bytes)] {
            let mut floats = vec![0.0; expected.len()];
            vectors.to_f32(&mut floats);
            assert_eq!(floats, expected);

            let mut wide = vec![0.0; expected.len()];
            vectors.to_f64(&mut wide);
            assert_eq!(wide, doubles);
        }
    }
}
