/** What the footer of a file of rows says of the values of its columns. */
import { type DataType, Vector } from 'apache-arrow';
import { ByteBuffer } from 'flatbuffers';
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

/** Where fields of the flatbuffers `Footer` and `KeyValue` are in their tables. */
const CUSTOM_METADATA = 12;
const PAIR_KEY = 4;
const PAIR_VALUE = 6;

/** The statistics of each column, by the custom metadata of a footer. */
export function readStatistics(footer: Uint8Array, name: string): Array<ColumnStatistics | null> {
  const bytes = new ByteBuffer(footer);
  const table = bytes.readInt32(0);
  const field = bytes.__offset(table, CUSTOM_METADATA);
  check(field !== 0, `${name}: has no custom metadata`);
  check(bytes.__vector_len(table + field) === 1, `${name}: has other custom metadata too`);
  const pair = bytes.__indirect(bytes.__vector(table + field));
  const text = (at: number) => String(bytes.__string(pair + bytes.__offset(pair, at)));
  check(text(PAIR_KEY) === KEY, `${name}: has ${text(PAIR_KEY)}, and no statistics`);
  return array(nullOr(COLUMN_STATISTICS))(JSON.parse(text(PAIR_VALUE)), `${name}: statistics`);
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
