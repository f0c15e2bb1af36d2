/** Extents of IVF_FLAT: vectors as the column stores them, and then the ids of their rows. */
import { type Reader, upTo } from './bytes.js';
import { elementOf, type IvfHeader } from './ivf_header.js';
import { checkAscending } from './roaring.js';

export interface FlatRow {
  id: number;
  vector: number[];
}

const ID_BYTES = 8;

export function flatExtentBytes(header: IvfHeader, rows: number): number {
  return upTo(8, rows * header.dim * elementOf(header).bytes) + ID_BYTES * rows;
}

export function readFlatExtent(from: Reader, header: IvfHeader, rows: number): FlatRow[] {
  const { read } = elementOf(header);
  const vectors = from.many(rows, () => from.many(header.dim, () => read(from)));
  from.align(8);
  const ids = from.many(rows, from.u64);
  checkAscending(ids, from.name);
  return vectors.map((vector, i) => ({ id: ids[i], vector }));
}
