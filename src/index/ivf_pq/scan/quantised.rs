//! Table values as bytes.

/// Values of several sub-vectors as bytes: `value ~ minimum of its sub-vector + step * byte`, with one step for
/// all sub-vectors, so that the bytes of a row can be summed before anything is multiplied.
#[derive(Debug, Clone)]
pub(super) struct Quantised {
    /// Sub-vectors x entries, in cache lines, and zeros.
    lines: Vec<Line>,
    /// The sum of the sub-vectors' minimums.
    pub bias: f32,
    pub step: f32,
}

/// A cache line: table loads that straddle two of them cost twice.
#[derive(Debug, Clone, Copy, bytemuck::Zeroable, bytemuck::Pod)]
#[repr(C, align(64))]
struct Line([u8; 64]);

/// Added to a value from 0 to 255, it leaves the nearest whole number in the lowest bits.
const ROUND: f32 = (1 << 23) as f32;

impl Quantised {
    /// Quantises `values`: sub-vectors x `entries`. The bytes are of an even number of sub-vectors: an odd one
    /// is followed by one of zeros.
    ///
    /// If any value is infinite or NaN, the bias is NaN.
    pub(super) fn new(values: &[f32], entries: usize) -> Self {
        let ranges: Vec<(f32, f32)> = values.chunks_exact(entries).map(range).collect();
        let finite = ranges.iter().all(|(min, max)| (max - min).is_finite());
        let widest = ranges.iter().fold(0.0, |widest: f32, (min, max)| widest.max(max - min));
        let bias = if finite { ranges.iter().map(|(min, _)| min).sum() } else { f32::NAN };
        let step = widest / f32::from(u8::MAX);
        // Where all values of each sub-vector are equal, all bytes are zero.
        let inverse_step = if step > 0.0 { 1.0 / step } else { 0.0 };

        let bytes = ranges.len().next_multiple_of(2) * entries;
        let mut lines = vec![Line([0; 64]); bytes.div_ceil(size_of::<Line>())];
        let sub_vectors = bytemuck::cast_slice_mut::<_, u8>(&mut lines).chunks_exact_mut(entries);
        for ((bytes, values), (min, _)) in sub_vectors.zip(values.chunks_exact(entries)).zip(ranges) {
            for (byte, value) in bytes.iter_mut().zip(values) {
                *byte = ((value - min) * inverse_step + ROUND).to_bits() as u8;
            }
        }
        Self { lines, bias, step }
    }

    /// An even number of sub-vectors x entries, and zeros to the end of the last cache line.
    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        bytemuck::cast_slice(&self.lines)
    }
}

/// The smallest and the largest value; NaN for both if any value is.
fn range(values: &[f32]) -> (f32, f32) {
    // Eight lanes side by side, which the compiler keeps in vectors. Comparisons pass over NaN, which a sum keeps.
    let (mut min, mut max, mut sum) = ([f32::INFINITY; 8], [f32::NEG_INFINITY; 8], [0.0; 8]);
    let (chunks, rest) = values.as_chunks::<8>();
    for chunk in chunks {
        for lane in 0..8 {
            min[lane] = if chunk[lane] < min[lane] { chunk[lane] } else { min[lane] };
            max[lane] = if chunk[lane] > max[lane] { chunk[lane] } else { max[lane] };
            sum[lane] += 0.0 * chunk[lane];
        }
    }
    let min = min.iter().chain(rest).fold(f32::INFINITY, |min, &value| min.min(value));
    let max = max.iter().chain(rest).fold(f32::NEG_INFINITY, |max, &value| max.max(value));
    // Zero, unless something is infinite or NaN.
    let sum = sum.iter().sum::<f32>() + rest.iter().map(|value| 0.0 * value).sum::<f32>();
    (min + sum, max + sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_the_nearest_steps_from_the_minimum() {
        let values: Vec<f32> = (0..16).map(|i| i as f32 * 17.0 - 100.0).chain([5.0; 16]).collect();

        let quantised = Quantised::new(&values, 16);

        assert_eq!((quantised.bias, quantised.step), (-95.0, 1.0));
        let expected: Vec<u8> = (0..16).map(|i| i * 17).chain([0; 16]).collect();
        assert_eq!(quantised.bytes(), [expected, vec![0; 32]].concat());
    }

    #[test]
    fn what_is_not_finite_spoils_the_bias_wherever_it_stands() {
        for place in [0, 7, 8, 16, 18] {
            for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                let mut values = [1.0; 19];
                values[place] = value;

                assert!(Quantised::new(&values, 19).bias.is_nan(), "{value} at {place}");
            }
        }
    }

    #[test]
    fn equal_values_have_no_step() {
        let quantised = Quantised::new(&[3.0; 16], 16);

        assert_eq!((quantised.bias, quantised.step), (3.0, 0.0));
        assert_eq!(quantised.bytes(), [0; 64]);
    }
}
