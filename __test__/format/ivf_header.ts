/** The header of an index of vectors, and what its numbers mean. */
import { check, type Reader } from './bytes.js';
import type { RecordOf } from './record.js';

export const HEADER = {
  magic: '8 bytes',
  version: 'u32',
  metric: 'u32',
  element: 'u32',
  dim: 'u32',
  partitions: 'u32',
  sub_vectors: 'u32',
  bits: 'u32',
  block_rows: 'u32',
  rows: 'u64',
  file_bytes: 'u64',
  mean: 'offset u64, bytes u64',
  centroids: 'offset u64, bytes u64',
  codebook: 'offset u64, bytes u64',
  directory: 'offset u64, bytes u64',
  calibration: 'offset u64, bytes u64',
  extents: 'offset u64, bytes u64',
  sections_crc: 'u32',
  reserved: 'u32',
} as const;

export const DIRECTORY_ENTRY = { offset: 'u64', rows: 'u64', crc: 'u32', reserved: 'u32' } as const;

export const CALIBRATION_ENTRY = {
  k: 'u32',
  candidates: 'u32',
  target: 'f32',
  recall: 'f32',
  reach: 'f32',
  probes: 'f32',
} as const;

export type IvfHeader = RecordOf<typeof HEADER>;

export type CalibrationEntry = RecordOf<typeof CALIBRATION_ENTRY>;

/** Rows of a block of IVF_PQ. */
export const BLOCK_ROWS = 64;

const METRICS = ['l2', 'cosine', 'dot', 'hamming'] as const;

export type Metric = (typeof METRICS)[number];

/** What the numbers of a vector are: how many bytes one has, and how it is read. */
const ELEMENTS = [
  { type: 'Float16', bytes: 2, read: (from: Reader) => from.f16() },
  { type: 'Float32', bytes: 4, read: (from: Reader) => from.f32() },
  { type: 'Float64', bytes: 8, read: (from: Reader) => from.f64() },
  { type: 'Uint8', bytes: 1, read: (from: Reader) => from.u8() },
  { type: 'Int8', bytes: 1, read: (from: Reader) => from.i8() },
] as const;

export const metricOf = ({ metric }: IvfHeader): Metric => METRICS[metric];

export const elementOf = ({ element }: IvfHeader) => ELEMENTS[element];

/** How many numbers a point has: those of a vector, or for hamming its bits. */
export function dimensionsOf(header: IvfHeader): number {
  return metricOf(header) === 'hamming' ? header.dim * 8 : header.dim;
}

/** The kinds of index by their magics: `\x89IVFPQ\r\n` and `\x89IVFFL\r\n`. */
const KINDS = { '8949564650510d0a': 'IVF_PQ', '89495646464c0d0a': 'IVF_FLAT' } as const;

/** The kind of index that a header belongs to. Its numbers are such as that kind can have. */
export function kindOf(header: IvfHeader, name: string): 'IVF_PQ' | 'IVF_FLAT' {
  const kind = KINDS[header.magic as keyof typeof KINDS];
  check(kind !== undefined, `${name}: begins with ${header.magic}`);
  check(header.version === 1, `${name}: has version ${header.version}`);
  check(metricOf(header) !== undefined, `${name}: has metric ${header.metric}`);
  check(elementOf(header) !== undefined, `${name}: has element ${header.element}`);
  const { dim, sub_vectors, bits, block_rows } = header;
  if (kind === 'IVF_FLAT') {
    check(sub_vectors + bits + block_rows === 0, `${name}: has members of IVF_PQ`);
  } else {
    check(metricOf(header) !== 'hamming', `${name}: IVF_PQ knows no hamming`);
    check(dim % sub_vectors === 0, `${name}: ${sub_vectors} does not divide ${dim}`);
    check(bits === 4 || bits === 8, `${name}: has codes of ${bits} bits`);
    check(block_rows === BLOCK_ROWS, `${name}: has blocks of ${block_rows} rows`);
  }
  return kind;
}
