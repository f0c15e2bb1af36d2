/** Extents of IVF_PQ: for each row its codes, and the two numbers that make a distance of them. */
import { check, type Reader, upTo } from './bytes.js';
import { BLOCK_ROWS, type IvfHeader } from './ivf_header.js';
import { checkAscending } from './roaring.js';

export interface PqRow {
  id: number;
  /** A code for each sub-vector. */
  codes: number[];
  scale: number;
  add: number;
}

/** The codewords of each sub-vector. */
export type Codebook = Float32Array[][];

/** Codes are kept in halves of 4 bits. */
const HALF_BITS = 4;

export function readCodebook(from: Reader, { sub_vectors, bits, dim }: IvfHeader): Codebook {
  const codewords = sub_vectors === 0 ? 0 : 2 ** bits;
  return from.many(sub_vectors, () => from.many(codewords, () => from.f32s(dim / sub_vectors)));
}

/** The vector that codes stand for: of each sub-vector the codeword. */
export function decode(codebook: Codebook, codes: number[]): number[] {
  return codes.flatMap((code, i) => [...codebook[i][code]]);
}

/** How many bytes have the halves of a row's codes, two in each. */
const pairsOf = ({ sub_vectors }: IvfHeader) => Math.ceil(sub_vectors / 2);

export function pqExtentBytes(header: IvfHeader, rows: number): number {
  const blockBytes = BLOCK_ROWS * (pairsOf(header) + 4 + 2);
  const lowerBytes = header.bits > HALF_BITS ? upTo(8, rows * pairsOf(header)) : 0;
  return Math.ceil(rows / BLOCK_ROWS) * blockBytes + lowerBytes + 8 * rows;
}

export function readPqExtent(from: Reader, header: IvfHeader, rows: number): PqRow[] {
  const pairs = pairsOf(header);
  const blocks = from.many(Math.ceil(rows / BLOCK_ROWS), () => readBlock(from, pairs)).flat();
  for (const { halves, add, scale } of blocks.slice(rows)) {
    const empty = halves.every((half) => half === 0) && add === Number.POSITIVE_INFINITY;
    check(empty && scale === 0, `${from.name}: the last block has rows that are not there`);
  }

  const wide = header.bits > HALF_BITS;
  const lower = from.many(wide ? rows : 0, () => halvesOf(from.take(pairs)));
  from.align(8);
  const ids = from.many(rows, from.u64);
  checkAscending(ids, from.name);
  return blocks.slice(0, rows).map(({ halves, add, scale }, row) => {
    const codes = wide ? halves.map((upper, i) => upper * 2 ** HALF_BITS + lower[row][i]) : halves;
    // Where the number of sub-vectors is odd, the last half belongs to none.
    for (const none of codes.splice(header.sub_vectors))
      check(none === 0, `${from.name}: a half without a sub-vector is ${none}`);
    check(scale >= 0, `${from.name}: a scale is ${scale}`);
    return { id: ids[row], codes, add, scale };
  });
}

/** 64 rows, each with a half of every code: all of it for codes of 4 bits, else the upper half. */
function readBlock(from: Reader, pairs: number) {
  const codes = from.many(pairs, () => from.take(BLOCK_ROWS));
  const adds = from.f32s(BLOCK_ROWS);
  const scales = from.many(BLOCK_ROWS, from.f16);
  return scales.map((scale, row) => ({
    halves: halvesOf(Uint8Array.from(codes, (pair) => pair[row])),
    add: adds[row],
    scale,
  }));
}

/** The lower half of each byte, and then its upper half. */
function halvesOf(bytes: Uint8Array): number[] {
  return Array.from(bytes, (byte) => [byte & 15, byte >> HALF_BITS]).flat();
}
