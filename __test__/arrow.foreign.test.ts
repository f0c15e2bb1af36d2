import { createRequire } from 'node:module';
import * as arrow from 'apache-arrow';
import * as arrow15 from 'apache-arrow-15';
import * as arrow17 from 'apache-arrow-17';
import * as arrow18 from 'apache-arrow-18';
import { describe, expect, test } from 'vitest';
import { toRecordBatch, toTable } from '../lib/arrow/foreign.js';
import { schemaDifference, toSchema } from '../lib/arrow/schema.js';
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

function plain(table: { toArray(): any[] }): unknown[] {
  return JSON.parse(JSON.stringify(table.toArray()));
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
