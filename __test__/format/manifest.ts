/** What a version has: its columns, its rows and its indexes, and the files that they are in. */
import {
  absentOr,
  anything,
  array,
  count,
  flag,
  map,
  nullOr,
  number,
  object,
  oneOf,
  text,
} from './json.js';

export const FILE = object({ path: text, bytes: count, crc32c: count });

export const ROW_IDS = object({ file: FILE, end: count });

export const DELETIONS = object({ file: FILE, rows: count });

export const PART = object({ file: FILE, footer_crc32c: count, unused_columns: absentOr(count) });

export const COLUMN = object({ part: count, column: count });

export const SEGMENT = object({
  file: FILE,
  rows: count,
  first_row_id: count,
  row_ids: absentOr(ROW_IDS),
  batches: array(count),
  footer_crc32c: count,
  deletions: absentOr(DELETIONS),
  parts: absentOr(array(PART)),
  columns: absentOr(array(nullOr(COLUMN))),
  unused_columns: absentOr(count),
});

export const VECTOR_SETTINGS = object({
  distanceType: text,
  numPartitions: count,
  numSubVectors: absentOr(count),
  numBits: absentOr(count),
  maxIterations: count,
  sampleRate: count,
  seed: count,
  accelerator: text,
});

export const EFFORT = object({
  k: count,
  targetRecall: number,
  measuredRecall: number,
  nprobes: number,
  candidates: count,
});

/** The details of an index of vectors. */
export const VECTOR_DETAILS = object({
  settings: VECTOR_SETTINGS,
  device: text,
  deviceVariant: nullOr(text),
  deviceFailure: nullOr(text),
  threads: count,
  seconds: map(number),
  sampleRows: count,
  indexedRows: count,
  skippedRows: count,
  partitions: object({ empty: count, smallest: count, largest: count }),
  calibration: nullOr(object({ queries: count, efforts: array(EFFORT) })),
  warning: nullOr(text),
  rowIdEnd: count,
  lastCheck: nullOr(object({ recall: number, expected: number, queries: count, rowIdEnd: count })),
});

/** The details of a scalar index. */
export const SCALAR_DETAILS = object({
  settings: object({}),
  distinctValues: count,
  rowsWithoutValue: count,
  seconds: object({ sort: number, write: number }),
});

export const INDEX = object({
  name: text,
  column: text,
  kind: oneOf('IVF_PQ', 'IVF_FLAT', 'BTREE', 'BITMAP', 'LABEL_LIST'),
  uuid: text,
  metric: oneOf('l2', 'cosine', 'dot', 'hamming', ''),
  row_id_end: count,
  rows: count,
  covered_rows: count,
  created_ms: count,
  files: array(FILE),
  details: anything,
});

export const MANIFEST = object({
  crc32c: text,
  format: count,
  version: count,
  table_id: text,
  created_ms: count,
  columns: array(text),
  schema: text,
  generation: count,
  next_row_id: count,
  segments: array(SEGMENT),
  indexes: array(INDEX),
  relaxed: absentOr(flag),
});

export const TAGS = object({ crc32c: text, format: count, revision: count, tags: map(count) });

export type FileEntry = ReturnType<typeof FILE>;
export type SegmentEntry = ReturnType<typeof SEGMENT>;
export type IndexEntry = ReturnType<typeof INDEX>;
export type Manifest = ReturnType<typeof MANIFEST>;
