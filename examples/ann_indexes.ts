/**
 * Building an IVF_PQ index and asking it: how many partitions to probe, how many candidates to rerank,
 * filters and columns. Run it with `npm run example examples/ann_indexes.ts`.
 */
import { connect, Index } from 'quiverdb';

const db = await connect('.data/ann_indexes');

// 10 000 rows of 1 536 dimensions, as many embedding models make them.
const random = generator(1);
const items = await db.createTable(
  'items',
  Array.from({ length: 10_000 }, (_, i) => ({
    item: `item ${i}`,
    vector: Float32Array.from({ length: 1536 }, random),
  })),
  { mode: 'overwrite' },
);

// 256 partitions, and 96 bytes for each vector of 6 144.
await items.createIndex('vector', {
  config: Index.ivfPq({ numPartitions: 256, numSubVectors: 96 }),
});

// Two neighbours, from the 20 nearest partitions; the best 20 candidates are compared exactly.
const query = Float32Array.from({ length: 1536 }, random);
const nearest = await items.search(query).limit(2).nprobes(20).refineFactor(10).toArray();
console.log('nearest:', nearest.map((row) => `${row.item} ${row._distance.toFixed(2)}`).join(', '));

// A filter is applied before the search, so there are still as many rows as were asked for.
const filtered = await items.search(query).where("item != 'item 1141'").limit(2).toArray();
console.log('filtered:', filtered.map((row) => row.item).join(', '));

// Only some columns. The distance comes along, last.
const selected = await items.search(query).select(['vector']).limit(2).toArray();
console.log('selected:', selected.map((row) => Object.keys(row).join(' + ')).join(', '));

// Where the answer can be worked out by hand: row i is i everywhere, the query is 1.2 everywhere.
const numbers = await db.createTable(
  'numbers',
  Array.from({ length: 1000 }, (_, i) => ({ vector: Array<number>(128).fill(i), id: `${i}` })),
  { mode: 'overwrite' },
);
await numbers.createIndex('vector', {
  config: Index.ivfPq({ numPartitions: 30, numSubVectors: 8 }),
});
for (const row of await numbers.search(Array<number>(128).fill(1.2)).limit(2).toArray()) {
  // 128 · 0.2² = 5.12 and 128 · 0.8² = 81.92
  console.log(`id ${row.id}: distance ${row._distance.toFixed(2)}`);
}

db.close();

/** Numbers in [0, 1) that are the same in every run. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
