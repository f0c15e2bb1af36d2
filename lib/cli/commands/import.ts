/**
 * `quiverdb import`: rows of a file into a table.
 *
 * @module
 */
import { existsSync } from 'node:fs';
import { connect } from '../../connection.js';
import type { Table } from '../../table.js';
import type { Command } from '../command.js';
import { ENDINGS, formatOf, rowsOf } from '../files.js';
import type { Columns } from '../values.js';

export const importRows: Command = {
  name: 'import',
  usage: 'import <db> <table> <file>',
  does: `Adds the rows of a file (${ENDINGS}) to a table, which is made if it is not there.`,
  options: { overwrite: { type: 'boolean', does: 'replaces the rows and columns that are there' } },
  examples: ['import data fruit fruit.jsonl', 'import data fruit fruit.csv --overwrite'],
  async run({ words, options }, output) {
    const [folder, name, path] = words as [string, string, string];
    if (!existsSync(path)) throw new Error(`there is no file '${path}'`);
    await formatOf(path);
    const db = await connect(folder);
    const there = !options.overwrite && (await db.tableNames()).includes(name);
    let table = there ? await db.openTable(name) : undefined;
    const columns = await columnsOf(table);
    const rows = rowsOf({ path, columns, report: output.progress });
    if (table === undefined) {
      const mode = options.overwrite ? 'overwrite' : 'create';
      table = await db.createTable(name, rows, { mode });
    } else {
      await table.add(rows);
    }
    const count = await table.countRows();
    output.result({ table: name, rows: count }, [`${name}: ${count} rows`]);
    return undefined;
  },
};

async function columnsOf(table: Table | undefined): Promise<Columns> {
  if (table === undefined) return new Map();
  const { fields } = await table.schema();
  return new Map(fields.map(({ name, type }: any) => [name, type]));
}
