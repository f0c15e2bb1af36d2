/** @zvec/zvec: HNSW with int8 vectors, or IVF with RaBitQ codes, as `kind` in the configuration says. */

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { folderBytes } from '../../../examples/quickstart/measure.js';
import { baseFile, readParts } from '../sets/vectors.js';
import { type Engine, type Ids, NEIGHBOURS, type Settings } from './engine.js';
import { peer } from './peer.js';

const { module: zvec, version } = peer('@zvec/zvec');
zvec.ZVecInitialize({ logLevel: zvec.ZVecLogLevel.ERROR });

/** How many rows it takes in one call. */
const ROWS_AT_ONCE = 1000;

export const engine: Engine = {
  version,

  async ingest(set, folder) {
    rmSync(path(folder), { recursive: true, force: true });
    const vectors = {
      name: 'vector',
      dataType: zvec.ZVecDataType.VECTOR_FP32,
      dimension: set.dimensions,
      indexParams: { indexType: zvec.ZVecIndexType.FLAT, metricType: zvec.ZVecMetricType.L2 },
    };
    const schema = new zvec.ZVecCollectionSchema({ name: 'vectors', vectors });
    const collection = zvec.ZVecCreateAndOpen(path(folder), schema);
    let id = 0;
    for (const part of readParts(baseFile(set), set.dimensions, ROWS_AT_ONCE)) {
      const rows = Array.from({ length: part.length / set.dimensions }, (_, row) => ({
        id: `${id++}`,
        vectors: { vector: part.subarray(row * set.dimensions, (row + 1) * set.dimensions) },
      }));
      for (const status of collection.insertSync(rows)) {
        if (!status.ok) throw new Error(status.message);
      }
    }
    collection.closeSync();
  },

  async build(_set, folder, { kind, quantizer, ...options }) {
    const collection = zvec.ZVecOpen(path(folder));
    const indexParams = {
      indexType: zvec.ZVecIndexType[kind],
      metricType: zvec.ZVecMetricType.L2,
      ...(quantizer ? { quantizeType: zvec.ZVecQuantizeType[quantizer] } : {}),
      ...options,
    };
    collection.createIndexSync({ fieldName: 'vector', indexParams });
    await collection.optimize();
    collection.closeSync();
  },

  async open(_set, folder, { kind }) {
    const collection = zvec.ZVecOpen(path(folder), { readOnly: true });
    const indexType = zvec.ZVecIndexType[kind];
    const request = (vector: Float32Array, { refiner, ...settings }: Settings) => ({
      fieldName: 'vector',
      topk: NEIGHBOURS,
      vector,
      outputFields: [],
      params: { indexType, isUsingRefiner: refiner === 1, ...settings },
    });
    return {
      indexBytes: folderBytes(path(folder)),
      exact: () => async (query) =>
        ids(await collection.query(request(query, { isLinear: true } as any))),
      one: (settings) => async (query) => ids(await collection.query(request(query, settings))),
      sync: (settings) => (query) => ids(collection.querySync(request(query, settings))),
    };
  },
};

const path = (folder: string) => join(folder, 'collection');

const ids = (rows: Array<{ id: string }>): Ids => rows.map(({ id }) => Number(id));
