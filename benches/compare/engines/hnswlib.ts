/** hnswlib-node: a graph in memory, asked synchronously. */

import { statSync } from 'node:fs';
import { join } from 'node:path';
import { baseFile, readParts, type VectorSet } from '../sets/vectors.js';
import { type Engine, NEIGHBOURS } from './engine.js';
import { peer } from './peer.js';

const { module: hnswlib, version } = peer('hnswlib-node');

export const engine: Engine = {
  version,

  async build(set, folder, { m, efConstruction }) {
    const index = new hnswlib.HierarchicalNSW('l2', set.dimensions);
    index.initIndex(set.rows, m, efConstruction);
    let id = 0;
    for (const part of readParts(baseFile(set), set.dimensions)) {
      for (let start = 0; start < part.length; start += set.dimensions) {
        index.addPoint(Array.from(part.subarray(start, start + set.dimensions)), id++);
      }
    }
    index.writeIndexSync(file(folder));
  },

  async open(set: VectorSet, folder) {
    const index = new hnswlib.HierarchicalNSW('l2', set.dimensions);
    index.readIndexSync(file(folder));
    return {
      indexBytes: statSync(file(folder)).size,
      // It takes plain arrays only.
      query: (vector) => Array.from(vector),
      sync: ({ ef }) => {
        index.setEf(ef);
        return (query) => index.searchKnn(query, NEIGHBOURS).neighbors;
      },
    };
  },
};

const file = (folder: string) => join(folder, 'index.hnsw');
