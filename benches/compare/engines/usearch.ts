/** usearch: a graph in memory, asked synchronously, one query at a time or many. */
import { statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { baseFile, readParts, type VectorSet } from '../sets/vectors.js';
import { type Engine, type Ids, NEIGHBOURS, type Settings } from './engine.js';
import { peer } from './peer.js';

const { module: usearch, version } = peer('usearch');
const THREADS = availableParallelism();

export const engine: Engine = {
  version,

  async build(set, folder, config) {
    const index = make(set, config);
    let first = 0;
    for (const part of readParts(baseFile(set), set.dimensions)) {
      const rows = part.length / set.dimensions;
      index.add(
        BigUint64Array.from({ length: rows }, (_, row) => BigInt(first + row)),
        part,
        THREADS,
      );
      first += rows;
    }
    index.save(file(folder));
  },

  async open(set, folder, config) {
    // How widely it searches is a setting of the index, so each has one of its own, one at a time.
    let [width, index]: [number, any] = [0, undefined];
    const searched = ({ ef }: Settings) => {
      if (ef !== width) {
        [width, index] = [Number(ef), make(set, { ...config, ef })];
        index.load(file(folder));
      }
      return index;
    };
    return {
      indexBytes: statSync(file(folder)).size,
      sync: (settings) => {
        const index = searched(settings);
        return (query) =>
          Array.from(index.search(query, NEIGHBOURS, 1).keys as BigUint64Array, Number);
      },
      batch: (settings) => {
        const index = searched(settings);
        return (queries) => {
          const joined = new Float32Array(queries.length * set.dimensions);
          for (const [i, query] of queries.entries()) joined.set(query, i * set.dimensions);
          const matches = index.search(joined, NEIGHBOURS, THREADS);
          return queries.map(
            (_, i): Ids => Array.from(matches.get(i).keys as BigUint64Array, Number),
          );
        };
      },
    };
  },
};

function make({ dimensions }: VectorSet, { m, efConstruction, ef, scalar }: Settings): any {
  return new usearch.Index({
    metric: 'l2sq',
    quantization: scalar,
    dimensions,
    connectivity: m,
    expansion_add: efConstruction,
    expansion_search: ef ?? efConstruction,
    multi: false,
  });
}

const file = (folder: string) => join(folder, 'index.usearch');
