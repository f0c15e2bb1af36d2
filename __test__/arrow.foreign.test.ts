import { createRequire } from 'node:module';
import * as arrow from 'apache-arrow';
import * as arrow15 from 'apache-arrow-15';
import * as arrow17 from 'apache-arrow-17';
import * as arrow18 from 'apache-arrow-18';
import { describe, expect, test } from 'vitest';
import { toRecordBatch, toTable } from '../lib/arrow/foreign.js';
import { schemaDifference, toSchema } from '../lib/arrow/schema.js';
import { connect } from '../lib/index.js';
import { refusal } from './support.js';

const VERSIONS: Array<[string, typeof arrow15]> = [
  ['15', arrow15],
  ['17', arrow17 as any],
  ['18', arrow18 as any],
  ['21', arrow as any],
  // Programs that import apache-arrow have another copy than those that require it.
  ['21, required', createRequire(__filename)('apache-arrow')],
];

/** A field of every type that has no parameters of note, and of the nested ones. */
function everyType(foreign: typeof arrow15): arrow15.Schema {
  const types = [
    new foreign.Null(),
    new foreign.Bool(),
    new foreign.Int8(),
    new foreign.Uint16(),
    new foreign.Int32(),
    new foreign.Uint64(),
    new foreign.Float16(),
    new foreign.Float32(),
    new foreign.Float64(),
    new foreign.Utf8(),
    new foreign.LargeUtf8(),
    new foreign.Binary(),
    new foreign.LargeBinary(),
    new foreign.FixedSizeBinary(7),
    new foreign.Decimal(3, 12, 128),
    new foreign.DateDay(),
    new foreign.DateMillisecond(),
    new foreign.TimeSecond(),
    new foreign.TimeNanosecond(),
    new foreign.Timestamp(foreign.TimeUnit.MICROSECOND, 'Europe/Berlin'),
    new foreign.DurationMillisecond(),
    new foreign.IntervalYearMonth(),
    new foreign.List(new foreign.Field('item', new foreign.Int16(), false)),
    new foreign.FixedSizeList(3, new foreign.Field('item', new foreign.Float32(), true)),
    new foreign.Struct([new foreign.Field('a', new foreign.Utf8(), true)]),
    new foreign.Dictionary(new foreign.Utf8(), new foreign.Int16()),
  ];
  const fields = types.map(
    (type, i) => new foreign.Field(`c${i}`, type, i % 2 === 0, new Map([['k', `${i}`]])),
  );
  return new foreign.Schema(fields, new Map([['made', 'elsewhere']]));
}

/** Values of many types, in two batches, the second of which is a slice. */
function someRows(foreign: typeof arrow15): arrow15.Table {
  const columns = {
    number: foreign.vectorFromArray([1, null, 3, 4], new foreign.Int32()),
    text: foreign.vectorFromArray(['a', 'bä', null, 'd'], new foreign.Utf8()),
    flag: foreign.vectorFromArray([true, false, null, true], new foreign.Bool()),
    word: foreign.vectorFromArray(
      ['x', 'y', 'x', null],
      new foreign.Dictionary(new foreign.Utf8(), new foreign.Int32()),
    ),
    list: foreign.vectorFromArray(
      [[1], [], null, [2, 3]],
      new foreign.List(new foreign.Field('item', new foreign.Float64(), true)),
    ),
    vector: foreign.vectorFromArray(
      [
        [1, 2],
        [3, 4],
        [5, 6],
        [7, 8],
      ],
      new foreign.FixedSizeList(2, new foreign.Field('item', new foreign.Float32(), true)),
    ),
  };
  const table = new foreign.Table(columns as any);
  return table.concat(table.slice(1, 3)) as any;
}

/** A value for every type of column that can be stored. */
function someValues(foreign: typeof arrow15): Record<string, [arrow15.DataType, unknown]> {
  const item = (type: arrow15.DataType) => new foreign.Field('item', type, true);
  const vectors = (type: arrow15.DataType) => new foreign.FixedSizeList(2, item(type));
  return {
    bool: [new foreign.Bool(), true],
    int8: [new foreign.Int8(), -3],
    uint16: [new foreign.Uint16(), 3],
    int32: [new foreign.Int32(), -70_000],
    int64: [new foreign.Int64(), -(2n ** 60n)],
    uint64: [new foreign.Uint64(), 2n ** 60n],
    float16: [new foreign.Float16(), 0.5],
    float32: [new foreign.Float32(), 0.25],
    float64: [new foreign.Float64(), 0.1],
    utf8: [new foreign.Utf8(), 'bä'],
    largeUtf8: [new foreign.LargeUtf8(), 'bä'],
    binary: [new foreign.Binary(), Uint8Array.of(1, 2)],
    decimal: [new foreign.Decimal(2, 12, 128), Uint32Array.of(7, 0, 0, 0)],
    day: [new foreign.DateDay(), new Date(864e5)],
    millisecond: [new foreign.DateMillisecond(), new Date(1_700_000_000_123)],
    timestamp: [new foreign.TimestampMillisecond(), 1_700_000_000_123],
    list: [new foreign.List(item(new foreign.Float64())), [1, 2]],
    struct: [
      new foreign.Struct([
        item(new foreign.Utf8()),
        new foreign.Field('n', vectors(new foreign.Int8())),
      ]),
      { item: 'a', n: [1, 2] },
    ],
    word: [new foreign.Dictionary(new foreign.Utf8(), new foreign.Int32()), 'x'],
    float16s: [vectors(new foreign.Float16()), [0.5, 1]],
    float32s: [vectors(new foreign.Float32()), [1, 2]],
    float64s: [vectors(new foreign.Float64()), [1, 2]],
    uint8s: [vectors(new foreign.Uint8()), [1, 2]],
    int8s: [vectors(new foreign.Int8()), [-1, 2]],
    bools: [vectors(new foreign.Bool()), [true, false]],
    texts: [vectors(new foreign.Utf8()), ['a', 'b']],
    lists: [vectors(new foreign.List(item(new foreign.Int32()))), [[1], [2, 3]]],
  };
}

/** Rows to compare: apache-arrow 15 reads dates as Date, later versions read them as numbers. */
function plain(table: { toArray(): any[] }): unknown[] {
  function shown(this: any, key: string, value: unknown): unknown {
    if (this[key] instanceof Date) return this[key].getTime();
    return typeof value === 'bigint' ? `${value}n` : value;
  }
  return JSON.parse(JSON.stringify(table.toArray(), shown));
}

describe.each(VERSIONS)('apache-arrow %s', (_, foreign) => {
  test('schemas keep their types, nullability and metadata', () => {
    const theirs = everyType(foreign);

    const ours = toSchema(theirs as any);

    expect(ours).toBeInstanceOf(arrow.Schema);
    expect(ours.fields.map((field) => [field.name, String(field.type), field.nullable])).toEqual(
      theirs.fields.map((field) => [field.name, String(field.type), field.nullable]),
    );
    expect(ours.fields.every((field) => field.type instanceof arrow.DataType)).toBe(true);
    expect(ours.metadata.get('made')).toBe('elsewhere');
    expect(ours.fields[3]!.metadata.get('k')).toBe('3');
  });

  test('tables keep their rows, across batches and slices', () => {
    const theirs = someRows(foreign);

    const ours = toTable(theirs as any);

    expect(ours).toBeInstanceOf(arrow.Table);
    expect(plain(ours)).toEqual(plain(theirs));
    const reread = arrow.tableFromIPC(arrow.tableToIPC(ours));
    expect(plain(reread)).toEqual(plain(theirs));
  });

  test.each([
    ['at the end', [1, 1, 0]],
    ['at the start', [0, 1, 1]],
    ['among many', Array.from({ length: 37 }, (_, i) => (i % 3 === 1 ? 1 : 0))],
    ['only', [0, 0]],
  ])('columns of every type are stored with nulls %s', async (_, present) => {
    const db = await connect('memory://');
    for (const [name, [type, value]] of Object.entries(someValues(foreign))) {
      const values = present.map((is) => (is ? value : null));
      const theirs = new foreign.Table({ [name]: foreign.vectorFromArray(values as any, type) });

      const table = await db.createTable(name, theirs as any);
      await table.add(theirs.slice(1) as any);

      const expected = plain(theirs.concat(theirs.slice(1) as any));
      expect(plain(await table.toArrow()), name).toEqual(expected);
    }
    db.close();
  });

  test('columns that end early are stored with nulls', async () => {
    const db = await connect('memory://');
    const longest = foreign.vectorFromArray([1, 2, 3, 4, 5], new foreign.Int32());
    for (const [name, [type, value]] of Object.entries(someValues(foreign))) {
      const short = foreign.vectorFromArray([value, null, value] as any, type);
      const theirs = new foreign.Table({ longest, [name]: short } as any);

      const table = await db.createTable(name, theirs as any);

      const stored = await table.toArrow();
      expect(stored.getChild(name)!.nullCount, name).toBe(3);
      expect(plain(stored.slice(0, 3)), name).toEqual(plain(theirs.slice(0, 3)));
    }
    db.close();
  });

  test('dates are the same dates', async () => {
    const date = new Date('2024-02-29T12:34:56.789Z');
    const dates = foreign.vectorFromArray([date, null, date], new foreign.DateMillisecond());
    const db = await connect('memory://');

    const table = await db.createTable('t', new foreign.Table({ date: dates }).slice(1) as any);

    expect(await table.query().toArray()).toEqual([{ date: null }, { date }]);
    db.close();
  });

  test('record batches keep their rows', () => {
    const batch = someRows(foreign).batches[1]!;

    const ours = toRecordBatch(batch as any);

    expect(ours).toBeInstanceOf(arrow.RecordBatch);
    expect(plain(ours)).toEqual(plain(batch));
  });
});

describe('schemaDifference', () => {
  const schema = (...types: string[]) =>
    toSchema({ fields: types.map((type, i) => ({ name: `c${i}`, type })) });

  test('is nothing for schemas from different versions', () => {
    const difference = schemaDifference(
      toSchema(everyType(arrow15) as any),
      toSchema(everyType(arrow as any) as any),
    );

    expect(difference).toBeUndefined();
  });

  test('names the columns, or the first type, that differ', () => {
    expect(schemaDifference(schema('utf8'), schema('utf8', 'bool'))).toBe(
      "the given columns are 'c0', the table's are 'c0', 'c1'",
    );
    expect(schemaDifference(schema('utf8', 'int8'), schema('utf8', 'bool'))).toBe(
      "column 'c1' is given as Int8, the table has Bool",
    );
  });
});

test('what is no schema or type is refused', () => {
  expect(refusal(() => toSchema({} as any)).code).toBe('INVALID_ARGUMENT');
  expect(refusal(() => toSchema({ fields: [{}] } as any)).code).toBe('INVALID_ARGUMENT');
  expect(refusal(() => toSchema({ fields: [{ name: 'a', type: 7 }] } as any)).message).toContain(
    "'a' is 7",
  );
});
