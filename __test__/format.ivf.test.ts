// Indexes of vectors, read by what docs/format.md says, and compared with the rows' vectors.
import { Field, FixedSizeList, Float16, Float32, Float64, Int8, Schema, Uint8 } from 'apache-arrow';
import { expect, test } from 'vitest';
import { type DistanceType, Index, type IvfPqOptions } from '../lib/index.js';
import type { IvfFile, IvfFlatFile, IvfPqFile } from './format/ivf.js';
import { decode } from './format/ivf_pq.js';
import { VECTOR_DETAILS } from './format/manifest.js';
import { dot, estimateOf, minus, plus, pointOf, scaled, squared } from './format/points.js';
import { temporaryTables } from './format/tables.js';
import { randomNumbers } from './support.js';

const DIM = 15;

/** Enough that an index is calibrated. */
const ROWS = 1100;

/** So few that they go into a file of their own. */
const LATER_ROWS = 60;

/** Rows that have no vector, one of zeros, and one whose length is no number in single precision. */
const [NULL, ZERO, LONG] = [5, 6, 7];

const PARTITIONS = 6;

const ELEMENTS = { Float16, Float32, Float64, Uint8, Int8 };

interface Settings extends IvfPqOptions {
  kind: 'ivfPq' | 'ivfFlat';
  element: keyof typeof ELEMENTS;
  distanceType: DistanceType;
}

const FLAT: Settings[] = [
  { kind: 'ivfFlat', element: 'Float32', distanceType: 'l2' },
  { kind: 'ivfFlat', element: 'Float16', distanceType: 'cosine' },
  { kind: 'ivfFlat', element: 'Float64', distanceType: 'dot' },
  { kind: 'ivfFlat', element: 'Int8', distanceType: 'l2' },
  { kind: 'ivfFlat', element: 'Uint8', distanceType: 'hamming' },
];

const PQ: Settings[] = [
  { kind: 'ivfPq', element: 'Float32', distanceType: 'l2', numSubVectors: 5, numBits: 8 },
  { kind: 'ivfPq', element: 'Uint8', distanceType: 'cosine', numSubVectors: 3, numBits: 8 },
  { kind: 'ivfPq', element: 'Int8', distanceType: 'dot', numSubVectors: 1, numBits: 8 },
  { kind: 'ivfPq', element: 'Float64', distanceType: 'l2', numSubVectors: 15, numBits: 4 },
  { kind: 'ivfPq', element: 'Float16', distanceType: 'cosine', numSubVectors: 5, numBits: 4 },
  { kind: 'ivfPq', element: 'Float32', distanceType: 'dot', numSubVectors: 3, numBits: 4 },
];

/** Vectors around a few places, as an element can have them. */
function vectors(element: keyof typeof ELEMENTS, count: number, seed: number): number[][] {
  const random = randomNumbers(seed);
  return Array.from({ length: count }, () => {
    const place = Math.floor(random() * 5);
    const vector = Array.from({ length: DIM }, (_, i) => Math.sin(place * 7 + i) + random() - 0.5);
    if (!element.endsWith('8')) return vector;
    return vector.map((value) => Math.round(value * 50) + (element === 'Uint8' ? 120 : 0));
  });
}

/** A table with an index that got more rows when some of the first were gone. */
async function indexed({ kind, element, ...options }: Settings) {
  const { db, read } = await temporaryTables();
  const item = new Field('item', new ELEMENTS[element]() as Float32, true);
  const schema = new Schema([new Field('vector', new FixedSizeList(DIM, item), true)]);
  const first: Array<number[] | null> = vectors(element, ROWS, 1);
  first[NULL] = null;
  first[ZERO] = Array(DIM).fill(0);
  if (element === 'Float32' || element === 'Float64') first[LONG] = Array(DIM).fill(1e19);
  const rows = (vectors: Array<number[] | null>) => vectors.map((vector) => ({ vector }));
  const table = await db.createTable('t', rows(first), { schema });
  const config = Index[kind]({ ...options, numPartitions: PARTITIONS });
  await table.createIndex('vector', { config });
  await table.add(rows(vectors(element, LATER_ROWS, 2)));
  await table.optimize();

  const { versions, newest } = read(table);
  const { entry, files } = newest.indexes[0]!;
  const stored = new Map(
    newest.segments.flatMap(({ ids, columns: [column] }) =>
      ids.map((id, row) => [id, column!.get(row) && Array.from(column!.get(row), Number)] as const),
    ),
  );
  return { table, entry, built: versions[1]!.indexes[0]!, files: files as IvfFile[], stored };
}

const idsOf = ({ partitions }: IvfFile) =>
  partitions.flatMap(({ rows }) => (rows as Array<{ id: number }>).map(({ id }) => id));

/** Says that a number is another one, but for rounding in sums of numbers as large as `scale`. */
function expectNear(actual: number, expected: number, scale: number): void {
  expect(Math.abs(actual - expected) / (scale + 1e-9)).toBeLessThan(1e-5);
}

test.each([...FLAT, ...PQ])(
  '$kind of $element by $distanceType has each row once, in the partition of the nearest centroid',
  async (settings) => {
    const { entry, files, stored } = await indexed(settings);
    const { distanceType: metric, element } = settings;
    const isLong = metric !== 'cosine' && /Float(32|64)/.test(element);
    const lost = [NULL, ...(metric === 'cosine' ? [ZERO] : []), ...(isLong ? [LONG] : [])];

    const ids = files.flatMap((file) => idsOf(file).sort((a, b) => a - b));
    expect(ids).toEqual([...stored.keys()].filter((id) => !lost.includes(id)));
    expect(files.map((file) => file.header.rows)).toEqual([ROWS - lost.length, LATER_ROWS]);
    const all = ROWS + LATER_ROWS;
    expect(entry).toMatchObject({ row_id_end: all, rows: all - lost.length, covered_rows: all });

    const ofFirst = idsOf(files[0]!).map((id) => pointOf(metric, stored.get(id)!)!);
    files[0]!.mean.forEach((value, i) => {
      const sum = ofFirst.reduce((sum, point) => sum + point[i]!, 0);
      expectNear(value, sum / ofFirst.length, Math.sqrt(squared(ofFirst[0]!)));
    });
    for (const { mean, partitions } of files) {
      for (const [home, { rows }] of partitions.entries()) {
        for (const { id } of rows) {
          const x = minus(pointOf(metric, stored.get(id)!)!, mean);
          const distances = partitions.map(({ centroid }) => squared(minus(x, centroid)));
          expectNear(distances[home]!, Math.min(...distances), Math.max(...distances));
        }
      }
    }
  },
);

test.each([FLAT[0]!, PQ[0]!])(
  '$kind keeps what it was built with when rows come later',
  async (settings) => {
    const { entry, built, files } = await indexed(settings);
    const [first, later] = files as [IvfFile, IvfFile];

    expect(entry.files[0]).toEqual(built.entry.files[0]);
    expect(entry).toMatchObject({
      uuid: built.entry.uuid,
      created_ms: built.entry.created_ms,
      details: built.entry.details,
    });
    expect(later.mean).toEqual(first.mean);
    expect(later.partitions.map(({ centroid }) => centroid)).toEqual(
      first.partitions.map(({ centroid }) => centroid),
    );
    if (first.kind === 'IVF_PQ') expect(later).toHaveProperty('codebook', first.codebook);
    expect(first.calibration.length).toBeGreaterThan(0);
    expect(later.calibration).toEqual([]);
    expect(Math.max(...idsOf(first))).toBeLessThan(Math.min(...idsOf(later)));
  },
);

test.each(FLAT)('IVF_FLAT of $element has the vectors of its rows', async (settings) => {
  const { files, stored } = await indexed(settings);

  for (const { partitions } of files as IvfFlatFile[])
    for (const { id, vector } of partitions.flatMap(({ rows }) => rows))
      expect(vector).toEqual(stored.get(id));
});

test.each(PQ)(
  'IVF_PQ of $element by $distanceType with $numBits bits has scales and adds of what its codes stand for',
  async (settings) => {
    const { files, stored } = await indexed(settings);
    const metric = settings.distanceType;
    let [residuals, errors] = [0, 0];

    for (const { mean, codebook, partitions } of files as IvfPqFile[]) {
      for (const { centroid: c, rows } of partitions) {
        for (const { id, codes, scale: s, add } of rows) {
          const r = minus(minus(pointOf(metric, stored.get(id)!)!, mean), c);
          const d = decode(codebook, codes);
          const exact = squared(d) === 0 ? 0 : Math.max(0, dot(r, d) / squared(d));
          // Half precision has eleven bits.
          expect(Math.abs(s - exact)).toBeLessThanOrEqual(exact * 2 ** -11 + 1e-6);
          const lost = squared(minus(r, scaled(d, s)));
          const l2 = squared(r) + 2 * s * dot(c, d) - 0.8 * lost;
          const product = s * dot(c, d) - dot(plus(c, mean), r) - 0.4 * lost;
          const lengths = squared(r) + squared(plus(c, mean));
          expectNear(add, metric === 'l2' ? l2 : product, lengths);
          residuals += squared(r);
          errors += lost;
        }
      }
    }
    expect(errors / residuals).toBeLessThan(0.6);
  },
);

test.each(PQ)(
  'IVF_PQ of $element by $distanceType with $numBits bits tells distances as a search without refining does',
  async (settings) => {
    const { table, files } = await indexed(settings);
    const metric = settings.distanceType;
    const query = vectors(settings.element, 1, 3)[0]!;
    const search = table
      .vectorSearch(query)
      .distanceType(metric)
      .limit(2 * ROWS);
    const found = await search.nprobes(PARTITIONS).refineFactor(0).withRowId().toArray();
    const distances = new Map(found.map((row) => [Number(row._rowid), row._distance]));

    const point = pointOf(metric, query)!;
    // A scan rounds the products with codewords, so its sums are near these.
    const scale = Math.max(...found.map((row) => Math.abs(row._distance)));
    for (const file of files as IvfPqFile[]) {
      const estimate = estimateOf(metric, file, point);
      for (const { centroid, rows } of file.partitions)
        for (const row of rows)
          expect(Math.abs(distances.get(row.id)! - estimate(centroid, row)) / scale).toBeLessThan(
            4e-3,
          );
    }
    expect(distances.size).toBe(files.flatMap(idsOf).length);
  },
);

test('the sixteen codewords that share an upper half lie near one another', async () => {
  const { files } = await indexed(PQ[0]!);

  const spread = (codewords: Float32Array[]) =>
    codewords.flatMap((a) => codewords.map((b) => squared(minus(a, b)))).reduce((a, b) => a + b) /
    codewords.length ** 2;
  for (const codewords of (files[0] as IvfPqFile).codebook) {
    const sixteens = Array.from({ length: 16 }, (_, upper) =>
      spread(codewords.slice(16 * upper, 16 * upper + 16)),
    );
    const mean = sixteens.reduce((a, b) => a + b) / 16;
    expect(mean / spread(codewords)).toBeLessThan(0.6);
  }
});

test('an index says how far to look for its neighbours, and its details say the same', async () => {
  const { entry, files } = await indexed(PQ[0]!);
  const { calibration } = files[0]!;
  const { efforts } = VECTOR_DETAILS(entry.details, 'details').calibration!;

  expect([...new Set(calibration.map(({ k }) => k))]).toEqual([1, 10, 100]);
  for (const { recall, target, probes } of calibration) {
    expect(recall).toBeGreaterThan(target - 0.02);
    expect(probes).toBeLessThanOrEqual(PARTITIONS);
  }
  for (const { k, targetRecall, ...effort } of efforts) {
    const target = Math.fround(targetRecall);
    const found = calibration.find((entry) => entry.k === k && entry.target === target)!;
    expect(effort).toEqual({
      candidates: found.candidates,
      measuredRecall: Math.round(found.recall * 1e4) / 1e4,
      nprobes: Math.round(found.probes * 10) / 10,
    });
  }
});

test('an index that is written again as a whole is in another folder, and keeps its calibration', async () => {
  const { db, read } = await temporaryTables();
  const rows = vectors('Float32', ROWS, 1).map((vector, id) => ({ id, vector }));
  const table = await db.createTable('t', rows);
  await table.createIndex('vector', { config: Index.ivfPq({ numPartitions: PARTITIONS }) });
  await table.delete('id < 300');
  await table.optimize();

  const { versions, newest } = read(table);
  const [before, after] = [versions[1]!.indexes[0]!, newest.indexes[0]!];
  const left = ROWS - 300;
  expect(after.entry).toMatchObject({ rows: left, covered_rows: left, row_id_end: ROWS });
  expect(after.entry.uuid).toBe(before.entry.uuid);
  expect(after.entry.files[0]!.path).not.toContain(after.entry.uuid);
  const [old, file] = [before, after].map(({ files }) => files[0] as IvfFile);
  expect(file!.calibration).toEqual(old!.calibration);
  expect(idsOf(file!).sort((a, b) => a - b)).toEqual(rows.slice(300).map(({ id }) => id));
});

test('an index of few rows is not calibrated, and its partitions may be empty', async () => {
  const { db, read } = await temporaryTables();
  const table = await db.createTable('t', Array(20).fill({ vector: [1, 2] }));
  await table.createIndex('vector', { config: Index.ivfFlat({ numPartitions: 3 }) });

  const { entry, files } = read(table).newest.indexes[0]!;
  const file = files[0] as IvfFlatFile;
  expect(file.calibration).toEqual([]);
  expect(file.partitions.map(({ rows }) => rows.length).sort()).toEqual([0, 0, 20]);
  const { calibration, partitions, warning } = VECTOR_DETAILS(entry.details, 'details');
  expect(calibration).toBeNull();
  expect(partitions).toEqual({ empty: 2, smallest: 0, largest: 20 });
  expect(warning).toContain('2 of 3 partitions are empty');
});
