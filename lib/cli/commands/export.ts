/**
 * `quiverdb export`: rows of a table into a file.
 *
 * @module
 */
import { toRecordBatch } from '../../arrow/foreign.js';
import { toSchema } from '../../arrow/schema.js';
import type { Table } from '../../table.js';
import { type Command, openTable } from '../command.js';
import { ENDINGS, type Found, formatOf, type Report, type Row } from '../files.js';
import { textOf } from '../usage.js';

export const exportRows: Command = {
  name: 'export',
  usage: 'export <db> <table> <file>',
  does: `Writes rows of a table to a file (${ENDINGS}).`,
  options: { where: { type: 'string', does: 'only rows that meet this SQL condition' } },
  examples: [
    'export data fruit fruit.jsonl',
    'export data fruit cheap.parquet --where "price < 1"',
  ],
  async run(given, output) {
    const path = given.words[2]!;
    const format = await formatOf(path);
    const table = await openTable(given);
    // What others write meanwhile is not half in the file.
    await table.checkout(await table.version());
    const where = textOf(given, 'where');
    const rows = await table.countRows(where);
    await format.write(path, await find(table, where, rows, output.progress));
    output.result({ file: path, rows }, [`${path}: ${rows} rows`]);
    return undefined;
  },
};

async function find(
  table: Table,
  where: string | undefined,
  total: number,
  report: Report,
): Promise<Found> {
  const query = () => (where === undefined ? table.query() : table.query().where(where));
  let done = 0;
  const count = (rows: number) => {
    done += rows;
    report({ stage: 'rows', done, total });
  };
  return {
    schema: toSchema(await table.schema()),
    async *batches() {
      for await (const batch of query()) {
        yield toRecordBatch(batch);
        count(batch.numRows);
      }
    },
    async *rows() {
      // Which rows there are is a stream; what is in them is asked for by their ids, so that the last rows take no
      // longer to find than the first.
      for await (const batch of query().withRowId().select('_rowid')) {
        const ids: bigint[] = [...batch.getChild('_rowid')!];
        yield (await table.takeRowIds(ids).toArray()) as Row[];
        count(ids.length);
      }
    },
  };
}
