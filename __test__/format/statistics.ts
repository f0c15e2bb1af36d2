/** What the footer of a file of rows says of the values of its columns. */
import { type DataType, Vector } from 'apache-arrow';
import type { Footer } from 'apache-arrow/fb/footer';
import type { ArrowFile } from './arrow_file.js';
import { check } from './bytes.js';
import { absentOr, array, count, nullOr, object, text } from './json.js';
import { keysOf, keyTypeOf } from './keys.js';

export const COLUMN_STATISTICS = object({
  nulls: count,
  min: absentOr(text),
  max: absentOr(text),
});

export type ColumnStatistics = ReturnType<typeof COLUMN_STATISTICS>;

/** The one key of custom metadata that a footer has. */
const KEY = 'quiverdb:statistics';

/** Bounds have at most so many digits. */
const DIGITS = 64;

/** The statistics of each column, by the custom metadata of a footer. */
export function readStatistics(footer: Footer, name: string): Array<ColumnStatistics | null> {
  const pair = footer.customMetadata(0);
  check(footer.customMetadataLength() === 1 && pair?.key() === KEY, `${name}: has no statistics`);
  return array(nullOr(COLUMN_STATISTICS))(JSON.parse(pair?.value() ?? ''), `${name}: statistics`);
}

/** Says that the statistics of a file are those of its values. */
export function checkStatistics({ schema, batches, statistics }: ArrowFile, name: string): void {
  check(statistics.length === schema.fields.length, `${name}: statistics of other columns`);
  schema.fields.forEach((field, i) => {
    const column = new Vector(batches.map((batch) => batch.getChildAt(i)!.data[0]));
    const expected = JSON.stringify(statisticsOf(field.type, column));
    const found = JSON.stringify(statistics[i]);
    check(found === expected, `${name}: statistics of ${field.name} are ${found}, not ${expected}`);
  });
}

function statisticsOf(type: DataType, column: Vector): ColumnStatistics | null {
  const keyType = keyTypeOf(type);
  if (keyType === undefined) return null;
  const all = keysOf(column, keyType);
  const keys = all.filter((key) => key !== null).sort();
  const [min, max] = [keys[0]?.slice(0, DIGITS), keys.length > 0 ? cutUp(keys.at(-1)!) : undefined];
  return { nulls: all.length - keys.length, min, max };
}

/** The least short key that no key which begins like a long one is greater than; undefined if there is none. */
function cutUp(key: string): string | undefined {
  if (key.length <= DIGITS) return key;
  const bytes = [...Buffer.from(key.slice(0, DIGITS), 'hex')];
  while (bytes.at(-1) === 255) bytes.pop();
  const last = bytes.pop();
  return last === undefined ? undefined : Buffer.from([...bytes, last + 1]).toString('hex');
}
