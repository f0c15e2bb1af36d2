/** @lancedb/lancedb: IVF_PQ, IVF_RQ or HNSW_SQ, as `kind` in the configuration says. */
import { join } from 'node:path';
import { folderBytes } from '../../../examples/quickstart/measure.js';
import { baseFile, readParts } from '../sets/vectors.js';
import { arrowTable } from './arrow.js';
import { type Engine, type Ids, NEIGHBOURS, type Settings } from './engine.js';
import { peer } from './peer.js';

const { module: lancedb, version } = peer('@lancedb/lancedb');
const arrow = peer('apache-arrow').module;

export const engine: Engine = {
  version,

  async ingest(set, folder) {
    const db = await lancedb.connect(folder);
    // In one piece: every call makes a fragment, and fragments make queries slower.
    const [vectors] = readParts(baseFile(set), set.dimensions, set.rows);
    await db.createTable('vectors', arrowTable(arrow, vectors, set.dimensions, 0));
  },

  async build(_set, folder, { kind, ...options }) {
    const table = await open(folder);
    const config = lancedb.Index[kind]({ distanceType: 'l2', ...options });
    await table.createIndex('vector', { config });
  },

  async open(_set, folder) {
    const table = await open(folder);
    await table.prewarmIndex('vector_idx');
    return {
      indexBytes: folderBytes(join(folder, 'vectors.lance', '_indices')),
      exact: () => (query) => run(search(table, query).bypassVectorIndex()),
      one: (settings) => (query) => run(tuned(search(table, query), settings)),
    };
  },
};

async function open(folder: string): Promise<any> {
  return (await lancedb.connect(folder)).openTable('vectors');
}

function search(table: any, query: Float32Array): any {
  return table.query().nearestTo(query).select(['id', '_distance']).limit(NEIGHBOURS);
}

/** With `fastSearch`, which spares it the look for rows that are newer than the index. */
function tuned(query: any, { nprobes, refineFactor, ef }: Settings): any {
  query.fastSearch().nprobes(nprobes);
  if (refineFactor) query.refineFactor(refineFactor);
  if (ef) query.ef(ef);
  return query;
}

/** Its quickest way to an answer: an Arrow table, of which one column is read. */
async function run(query: any): Promise<Ids> {
  return Array.from((await query.toArrow()).getChild('id').toArray() as Int32Array);
}
