/**
 * `quiverdb search`: rows by a vector or a condition.
 *
 * @module
 */
import { type Command, openTable } from '../command.js';
import { toJson } from '../json.js';
import { textOf, UsageError, wholeNumberOf } from '../usage.js';

export const search: Command = {
  name: 'search',
  usage: 'search <db> <table>',
  does: 'Prints rows as JSON lines: those nearest to a vector, or those that meet a condition.',
  options: {
    vector: { type: 'string', does: 'the numbers, as JSON: "[0.1, 0.9]"' },
    where: { type: 'string', does: 'only rows that meet this SQL condition' },
    select: { type: 'string', does: 'names of columns, with commas between them' },
    limit: { type: 'string', does: 'how many rows at most; 10 if nothing is said' },
  },
  examples: [
    'search data fruit --vector "[0.9, 0.1, 0.2]" --limit 3',
    'search data fruit --where "price < 1" --select name,price',
  ],
  async run(given, output) {
    const scan = (await openTable(given)).query();
    const [vector, where, select] = ['vector', 'where', 'select'].map((name) =>
      textOf(given, name),
    );
    if (where !== undefined) scan.where(where);
    if (select !== undefined) scan.select(select.split(',').map((name) => name.trim()));
    scan.limit(wholeNumberOf(given, 'limit') ?? 10);
    const query = vector === undefined ? scan : scan.nearestTo(numbersOf(vector));
    for (const row of await query.toArray()) output.result(row, [toJson(row)]);
    return undefined;
  },
};

function numbersOf(text: string): number[] {
  try {
    const numbers = JSON.parse(text);
    if (Array.isArray(numbers)) return numbers;
  } catch {
    // It is said below what was expected.
  }
  throw new UsageError(
    `--vector is '${text}', but it must be numbers as JSON, such as "[0.1, 0.9]"`,
  );
}
