// Columns of all types, read by what docs/format.md says of segments.
import {
  Table as ArrowTable,
  Binary,
  BinaryView,
  Bool,
  type DataType,
  DateDay,
  DateMillisecond,
  Decimal,
  Dictionary,
  DurationMicrosecond,
  Field,
  FixedSizeBinary,
  FixedSizeList,
  Float16,
  Float32,
  Float64,
  Int8,
  Int16,
  Int32,
  Int64,
  IntervalDayTime,
  LargeBinary,
  LargeList,
  LargeUtf8,
  List,
  Map_,
  Null,
  Schema,
  Struct,
  TimeMicrosecond,
  TimeMillisecond,
  TimeNanosecond,
  TimeSecond,
  TimestampMillisecond,
  TimestampNanosecond,
  Uint8,
  Uint16,
  Uint32,
  Uint64,
  Utf8,
  Utf8View,
  vectorFromArray,
} from 'apache-arrow';
import { expect, test } from 'vitest';
import { expectSameRows, rowsIn, temporaryTables } from './format/tables.js';

const item = (type: DataType) => new Field('item', type, true);

const vectorOf = (type: DataType) => new FixedSizeList(2, item(type));

const POINT = new Struct([new Field('x', new Int32(), true), new Field('name', new Utf8(), true)]);

const ENTRIES = new Field(
  'entries',
  new Struct<{ key: Utf8; value: Int32 }>([
    new Field('key', new Utf8(), false),
    new Field('value', new Int32(), true),
  ]),
  false,
);

/** Types, and a value of each; all have nulls too. */
const COLUMNS: Array<[DataType, unknown]> = [
  [new Null(), null],
  [new Bool(), true],
  [new Int8(), -1],
  [new Int16(), -1],
  [new Int32(), -1],
  [new Int64(), 2n ** 60n],
  [new Uint8(), 1],
  [new Uint16(), 1],
  [new Uint32(), 1],
  [new Uint64(), 2n ** 63n],
  [new Float16(), 1.5],
  [new Float32(), Number.NaN],
  [new Float64(), Number.NEGATIVE_INFINITY],
  [new Decimal(2, 20), -1.25],
  [new Utf8(), 'čeština'],
  [new LargeUtf8(), 'čeština'],
  [new Binary(), Uint8Array.of(1, 2)],
  [new LargeBinary(), Uint8Array.of(1, 2)],
  [new FixedSizeBinary(2), Uint8Array.of(1, 2)],
  [new DateDay(), new Date(86_400_000)],
  [new DateMillisecond(), new Date(1)],
  [new TimeSecond(), 1],
  [new TimeMillisecond(), 1],
  [new TimeMicrosecond(), 1n],
  [new TimeNanosecond(), 1n],
  [new TimestampMillisecond(), 1],
  [new TimestampNanosecond(), 1],
  [new DurationMicrosecond(), 1n],
  [new List(item(new Utf8())), ['a', null]],
  [new Map_(ENTRIES), new Map([['a', 1]])],
  [POINT, { x: 1, name: null }],
  [new Dictionary(new Utf8(), new Int32()), 'a'],
  [vectorOf(new Int32()), [1, 2]],
  [vectorOf(new Float16()), [1, 2]],
  [vectorOf(new Float32()), [1, 2]],
  [vectorOf(new Float64()), [1, 2]],
  [vectorOf(new Uint8()), [1, 2]],
  [vectorOf(new Int8()), [1, 2]],
];

test('columns of all types are read from their segments', async () => {
  const { db, read } = await temporaryTables();
  const schema = new Schema(COLUMNS.map(([type], i) => new Field(`c${i}`, type, true)));
  const row = Object.fromEntries(COLUMNS.map(([, value], i) => [`c${i}`, value]));
  const table = await db.createTable('types', [row, {}, row], { schema });

  const files = read(table);

  await expectSameRows(table, files);
  const types = files.newest.schema.fields.map(({ type }) => String(type));
  expect(types).toEqual(COLUMNS.map(([type]) => String(type)));
  const nulls = Object.keys(row).map((name) => [name, null]);
  expect(rowsIn(files.newest)[1]).toEqual({ ...Object.fromEntries(nulls), _rowid: 1 });
});

test.each<[DataType, DataType, unknown]>([
  [new Utf8View(), new Utf8(), 'a string that is too long for a view to have it inline'],
  [new BinaryView(), new Binary(), Uint8Array.of(1, 2)],
  [new LargeList(item(new Utf8())), new LargeList(item(new Utf8())), ['a']],
  [new IntervalDayTime(), new IntervalDayTime(), Int32Array.of(1, 2)],
])('a column of %s is stored as one of %s', async (type, stored, value) => {
  const { db, read } = await temporaryTables();
  const column = vectorFromArray([value, null], type as any);
  const table = await db.createTable('t', new ArrowTable({ column }));

  const files = read(table);

  await expectSameRows(table, files);
  expect(String(files.newest.schema.fields[0]!.type)).toBe(String(stored));
  expect(rowsIn(files.newest).map(({ column }) => column)).toEqual([value, null]);
});
