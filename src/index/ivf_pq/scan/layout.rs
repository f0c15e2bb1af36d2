//! How 64 rows lie in a block, and what of their codes lies elsewhere.

use half::f16;

/// How many rows a block holds.
pub const BLOCK_ROWS: usize = 64;

/// The shape of a block: what its rows' codes look like.
///
/// ```text
/// codes    ceil(sub_vectors / 2) x 64 bytes; the lower half of a byte belongs to the even sub-vector, the
///          upper half to the odd one; without an odd one it is zero. A half holds a code of 4 bits, or the
///          upper half of a code of 8 bits
/// adds     64 x f32
/// scales   64 x f16
/// ```
///
/// The lower halves of 8-bit codes lie outside of blocks, row after row, because few rows of a block are
/// looked at so closely: ceil(sub_vectors / 2) bytes a row, again two to a byte.
///
/// All numbers are little-endian. Every part is a multiple of 64 bytes, so that blocks that follow one another
/// from an aligned start are all aligned. Unused rows at the end have zero codes, an add of +infinity and a
/// scale of zero: no threshold lets them pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockLayout {
    /// How many codes a row has.
    pub sub_vectors: usize,
    /// The size of a code: 4 or 8 bits.
    pub bits: u8,
}

/// The parts of one block.
#[derive(Clone, Copy)]
pub(super) struct Block<'a> {
    pub codes: &'a [u8],
    pub adds: &'a [u8; ADDS_BYTES],
    pub scales: &'a [u8; SCALES_BYTES],
}

pub(super) const ADDS_BYTES: usize = BLOCK_ROWS * size_of::<f32>();
pub(super) const SCALES_BYTES: usize = BLOCK_ROWS * size_of::<f16>();

impl BlockLayout {
    /// The layout for `sub_vectors` codes a row of `bits` bits; `None` unless there are codes and `bits` is 4
    /// or 8.
    pub fn new(sub_vectors: usize, bits: u8) -> Option<BlockLayout> {
        (sub_vectors > 0 && matches!(bits, 4 | 8)).then_some(BlockLayout { sub_vectors, bits })
    }

    /// How many values a code can have: 16 or 256.
    pub fn codewords(&self) -> usize {
        1 << self.bits
    }

    /// The size of a block's codes in bytes, or of the upper halves of them.
    pub fn code_bytes(&self) -> usize {
        self.pairs() * BLOCK_ROWS
    }

    /// The size of the lower halves of a row's codes in bytes: 0 for 4 bits.
    pub fn lower_bytes(&self) -> usize {
        if self.bits == 8 { self.pairs() } else { 0 }
    }

    fn pairs(&self) -> usize {
        self.sub_vectors.div_ceil(2)
    }

    /// The size of a block in bytes, a multiple of 64.
    pub fn bytes(&self) -> usize {
        self.code_bytes() + ADDS_BYTES + SCALES_BYTES
    }

    /// How many blocks `rows` rows take.
    pub fn blocks(&self, rows: usize) -> usize {
        rows.div_ceil(BLOCK_ROWS)
    }

    /// Fills a block with up to 64 rows, and adds the lower halves of their codes, if there are any, to
    /// `lower`.
    ///
    /// `codes` is rows x sub-vectors, one byte for each code, for 4 bits too; `adds` and `scales` are one
    /// number a row. Scales are rounded to half precision.
    ///
    /// # Panics
    /// If the lengths do not fit one another, or `block` is not [`BlockLayout::bytes`] long.
    pub fn pack(&self, codes: &[u8], adds: &[f32], scales: &[f32], block: &mut [u8], lower: &mut Vec<u8>) {
        let rows = adds.len();
        assert!(rows <= BLOCK_ROWS, "a block holds {BLOCK_ROWS} rows");
        assert_eq!(scales.len(), rows, "one scale a row");
        assert_eq!(codes.len(), rows * self.sub_vectors, "rows x sub-vectors");
        assert_eq!(block.len(), self.bytes(), "one block");

        let (packed, numbers) = block.split_at_mut(self.code_bytes());
        packed.fill(0);
        for (row, row_codes) in codes.chunks_exact(self.sub_vectors).enumerate() {
            for (pair, codes) in row_codes.chunks(2).enumerate() {
                let [even, odd] = [codes[0], codes.get(1).copied().unwrap_or(0)];
                packed[pair * BLOCK_ROWS + row] = match self.bits {
                    4 => even | odd << 4,
                    _ => even >> 4 | odd & 0xF0,
                };
                if self.bits == 8 {
                    lower.push(even & 0x0F | odd << 4);
                }
            }
        }

        let (packed_adds, packed_scales) = numbers.split_at_mut(ADDS_BYTES);
        for (row, bytes) in packed_adds.as_chunks_mut().0.iter_mut().enumerate() {
            *bytes = adds.get(row).copied().unwrap_or(f32::INFINITY).to_le_bytes();
        }
        for (row, bytes) in packed_scales.as_chunks_mut().0.iter_mut().enumerate() {
            *bytes = f16::from_f32(scales.get(row).copied().unwrap_or(0.0)).to_le_bytes();
        }
    }

    /// The codes (one byte each), the add and the scale of one row of a block, given the lower halves of the
    /// codes of its rows.
    ///
    /// # Panics
    /// If `block` is not [`BlockLayout::bytes`] long, or `lower` does not reach to the row.
    pub fn unpack(&self, block: &[u8], lower: &[u8], row: usize) -> (Vec<u8>, f32, f32) {
        assert!(row < BLOCK_ROWS, "a block holds {BLOCK_ROWS} rows");
        let Block { codes, adds, scales } = self.parts(block);
        let half = |bytes: u8, sub_vector: usize| (bytes >> (sub_vector % 2 * 4)) & 0x0F;
        let row_codes = (0..self.sub_vectors).map(|sub_vector| {
            let code = half(codes[sub_vector / 2 * BLOCK_ROWS + row], sub_vector);
            match self.bits {
                4 => code,
                _ => code << 4 | half(lower[row * self.pairs() + sub_vector / 2], sub_vector),
            }
        });
        (row_codes.collect(), add(adds, row), scale(scales, row))
    }

    /// # Panics
    /// If `block` is not [`BlockLayout::bytes`] long.
    #[inline]
    pub(super) fn parts<'a>(&self, block: &'a [u8]) -> Block<'a> {
        assert_eq!(block.len(), self.bytes(), "one block");
        let (codes, numbers) = block.split_at(self.code_bytes());
        let (adds, rest) = numbers.split_first_chunk().expect("the length was checked");
        let scales = rest.first_chunk().expect("the length was checked");
        Block { codes, adds, scales }
    }
}

/// The add of one row.
pub(super) fn add(adds: &[u8; ADDS_BYTES], row: usize) -> f32 {
    f32::from_le_bytes(adds.as_chunks().0[row])
}

/// The scale of one row.
pub(super) fn scale(scales: &[u8; SCALES_BYTES], row: usize) -> f32 {
    f16::from_le_bytes(scales.as_chunks().0[row]).to_f32()
}
