/**
 * Trains an index on a GPU, whoever made it, and says what was used. Needs a driver and nothing else.
 *
 * Run: npm run example examples/gpu_index.ts [rows] [dimensions]
 */
import { accelerators, connect, Index } from 'quiverdb';

const [rowCount = 20_000, dim = 64] = process.argv.slice(2).map(Number).filter(Number.isFinite);

// What there is. No GPU is touched before this call, or before an index asks for one.
const gpus = await accelerators();
for (const { name, vendor, backend, type } of gpus) {
  console.log(`found: ${name} by ${vendor}, through ${backend}, ${type}`);
}
if (gpus.length === 0) console.log('found: no GPU');

const db = await connect('.data/gpu');
const rows = Array.from({ length: rowCount }, (_, id) => ({
  id,
  vector: Float32Array.from({ length: dim }, (_, d) => Math.sin(id * 0.37 + d * d)),
}));
const table = await db.createTable('waves', rows, { mode: 'overwrite' });

// "auto" takes a GPU if there is one, and the CPU if not. "gpu", "cuda", "mps" or a part of a name insist.
await table.createIndex('vector', {
  config: Index.ivfPq({ numPartitions: 64, accelerator: 'auto' }),
});

const { details } = (await table.indexStats('vector_idx'))!;
console.log(`trained by: ${details.device}`);
if (details.deviceFailure) console.log(details.deviceFailure);
for (const [stage, seconds] of Object.entries(details.seconds))
  console.log(`${stage}: ${seconds} s`);

// The index is a file like any other: it opens, and answers, where there is no GPU.
const [nearest] = await table.search(rows[17]!.vector).limit(1).toArray();
console.log(`nearest to row 17: row ${nearest!.id}`);

db.close();
