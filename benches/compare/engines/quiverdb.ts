/** quiverdb, through its TypeScript API. */

import { createRequire } from 'node:module';
import * as arrow from 'apache-arrow';
import { connect, Index, type Table } from 'quiverdb';
import { baseFile, readParts, type VectorSet } from '../sets/vectors.js';
import { arrowTable } from './arrow.js';
import { type Engine, type Ids, NEIGHBOURS, type Settings } from './engine.js';

export const engine: Engine = {
  version: createRequire(import.meta.url)('../../../package.json').version,

  async ingest(set, folder) {
    const db = await connect(folder);
    await db.createTable('vectors', rows(set), { mode: 'overwrite' });
    db.close();
  },

  async build(_set, folder, config) {
    const db = await connect(folder);
    const table = await db.openTable('vectors');
    await table.createIndex('vector', { config: Index.ivfPq({ distanceType: 'l2', ...config }) });
    db.close();
  },

  async open(_set, folder) {
    const db = await connect(folder);
    const table = await db.openTable('vectors');
    const [index] = await table.listIndices();
    const search = (settings: Settings) => (query: Float32Array) => ask(table, query, settings);
    const exact = (query: Float32Array) => table.search(query).bypassVectorIndex();
    return {
      indexBytes: index?.sizeBytes ?? 0,
      exact: () => async (query) => ids(await finish(exact(query)).toArray()),
      one: (settings) => async (query) => ids(await finish(search(settings)(query)).toArray()),
      sync: (settings) => (query) => ids(finish(search(settings)(query)).toArraySync()),
      batch: (settings) => async (queries) => {
        const [first, ...rest] = queries;
        const query = search(settings)(first);
        for (const vector of rest) query.addQueryVector(vector);
        const answers: Ids[] = queries.map(() => []);
        const rows: Array<Record<string, any>> = await finish(query).toArray();
        for (const { query_index, id } of rows) answers[query_index].push(id);
        return answers;
      },
    };
  },
};

async function* rows(set: VectorSet) {
  let first = 0;
  for (const part of readParts(baseFile(set), set.dimensions)) {
    yield arrowTable(arrow, part, set.dimensions, first);
    first += part.length / set.dimensions;
  }
}

function ask(table: Table, query: Float32Array, { nprobes, refineFactor }: Settings) {
  return table.search(query).nprobes(Number(nprobes)).refineFactor(Number(refineFactor));
}

function finish(query: ReturnType<typeof ask>) {
  return query.select(['id']).limit(NEIGHBOURS);
}

const ids = (rows: Array<Record<string, any>>): Ids => rows.map((row) => row.id);
