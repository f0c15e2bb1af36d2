/**
 * `quiverdb index`: builds an index.
 *
 * @module
 */
import { Index } from '../../indices.js';
import { type Command, openTable } from '../command.js';
import { textOf, wholeNumberOf } from '../usage.js';

export const buildIndex: Command = {
  name: 'index',
  usage: 'index <db> <table> <column>',
  does: 'Builds an index: for searches on a column of vectors, for filters on any other.',
  options: {
    distance: { type: 'string', does: 'l2, cosine or dot, for vectors' },
    partitions: { type: 'string', does: 'how many partitions, for vectors' },
    accelerator: { type: 'string', does: 'cpu, gpu or auto, for vectors' },
  },
  examples: ['index data fruit vector --distance cosine', 'index data fruit price'],
  async run(given, output) {
    const table = await openTable(given);
    const column = given.words[2]!;
    const distanceType = textOf(given, 'distance') as any;
    const numPartitions = wholeNumberOf(given, 'partitions');
    const accelerator = textOf(given, 'accelerator');
    const ofVectors = distanceType ?? numPartitions ?? accelerator;
    await table.createIndex(column, {
      config:
        ofVectors === undefined
          ? undefined
          : Index.ivfPq({ distanceType, numPartitions, accelerator }),
      onProgress: output.progress,
    });
    const built = (await table.listIndices()).find(({ columns }) => columns[0] === column)!;
    output.result({ name: built.name, type: built.indexType, rows: built.numIndexedRows }, [
      `${built.name}: ${built.indexType} of ${built.numIndexedRows} rows`,
    ]);
    return undefined;
  },
};
