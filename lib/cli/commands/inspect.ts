/**
 * `quiverdb inspect`: what is in a database.
 *
 * @module
 */
import type { Table } from '../../table.js';
import { type Command, tablesOf } from '../command.js';
import { bytes, columns } from '../output.js';

async function describe(table: Table) {
  const [rows, version, schema, indexes, disk] = await Promise.all([
    table.countRows(),
    table.version(),
    table.schema(),
    table.listIndices(),
    table.diskUsage(),
  ]);
  return {
    table: table.name,
    rows,
    version,
    columns: schema.fields.map((field: any) => ({ name: field.name, type: String(field.type) })),
    indexes: indexes.map(({ name, indexType, columns, numUnindexedRows }) => ({
      name,
      type: indexType,
      column: columns[0]!,
      unindexedRows: numUnindexedRows,
    })),
    disk,
  };
}

export const inspect: Command = {
  name: 'inspect',
  usage: 'inspect <db>',
  does: 'Shows the tables: rows, columns, indexes, and what they take on the disk.',
  options: { table: { type: 'string', does: 'shows only this table' } },
  examples: ['inspect data', 'inspect data --table fruit --json'],
  async run(given, output) {
    for await (const table of tablesOf(given)) {
      const found = await describe(table);
      output.result(found, [
        `${table.name}: ${found.rows} rows, version ${found.version}, ${bytes(found.disk.totalBytes)} in ${found.disk.files} files`,
        ...columns(found.columns.map((column: any) => ['  column', column.name, column.type])),
        ...columns(
          found.indexes.map(({ name, type, column, unindexedRows }) => [
            '  index ',
            name,
            `${type} on ${column}`,
            unindexedRows === 0 ? 'up to date' : `${unindexedRows} rows not in it`,
          ]),
        ),
      ]);
    }
    return undefined;
  },
};
