/**
 * `quiverdb verify`: whether files are damaged.
 *
 * @module
 */
import { type Command, tablesOf } from '../command.js';
import { bytes } from '../output.js';

export const verify: Command = {
  name: 'verify',
  usage: 'verify <db>',
  does: 'Reads every file of every table and compares it with its checksum. Exit code 1 if one is damaged.',
  options: { table: { type: 'string', does: 'reads only this table' } },
  examples: ['verify data', 'verify data --table fruit'],
  async run(given, output) {
    let damaged = false;
    for await (const table of tablesOf(given)) {
      const { name } = table;
      const { files, bytes: size, problems } = await table.verify();
      damaged ||= problems.length > 0;
      const verdict = problems.length > 0 ? `${problems.length} problems` : 'all is well';
      output.result({ table: name, files, bytes: size, problems }, [
        `${name}: ${files} files, ${bytes(size)}: ${verdict}`,
        ...problems.map((problem) => `  ${problem}`),
      ]);
    }
    return damaged ? 1 : 0;
  },
};
