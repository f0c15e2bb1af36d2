/**
 * `quiverdb optimize`: puts tables in order.
 *
 * @module
 */
import { type Command, tablesOf } from '../command.js';
import { bytes } from '../output.js';
import { wholeNumberOf } from '../usage.js';

export const optimize: Command = {
  name: 'optimize',
  usage: 'optimize <db>',
  does: 'Joins small files, adds new rows to indexes, and removes old versions, while others read and write.',
  options: {
    table: { type: 'string', does: 'only this table' },
    'keep-versions': { type: 'string', does: 'how many of the newest versions stay' },
  },
  examples: ['optimize data', 'optimize data --table fruit --keep-versions 1'],
  async run(given, output) {
    const keepVersions = wholeNumberOf(given, 'keep-versions');
    for await (const table of tablesOf(given)) {
      const { name } = table;
      const { compaction, index, prune } = await table.optimize({
        keepVersions,
        onProgress: output.progress,
      });
      output.result({ table: name, compaction, index, prune }, [
        `${name}: ${compaction.filesRemoved} files became ${compaction.filesAdded}, ${index.rowsIndexed} rows went into ` +
          `indexes, ${prune.oldVersionsRemoved} old versions and ${bytes(prune.bytesRemoved)} went`,
      ]);
    }
    return undefined;
  },
};
