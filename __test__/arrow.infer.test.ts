import * as arrow from 'apache-arrow';
import { describe, expect, test } from 'vitest';
import { makeArrowTable } from '../lib/index.js';
import { refusal } from './support.js';

/** The type that the values of one column are inferred to have. */
function inferred(...values: unknown[]): string {
  const table = makeArrowTable(values.map((value) => ({ id: 1, x: value })));
  return String(table.schema.fields[1]!.type);
}

/** One column of a given type, made from values and read back. */
function stored(type: arrow.DataType, ...values: unknown[]): unknown[] {
  const schema = new arrow.Schema([new arrow.Field('x', type, true)]);
  const table = makeArrowTable(
    values.map((x) => ({ x })),
    { schema },
  );
  const reread = arrow.tableFromIPC(arrow.tableToIPC(table));
  return [...reread.getChildAt(0)!].map((value) => value?.toJSON?.() ?? value);
}

function refused(type: arrow.DataType, ...values: unknown[]) {
  return refusal(() => stored(type, ...values));
}

describe('inference', () => {
  test('gives every kind of value its type', () => {
    expect(inferred(1)).toBe('Float64');
    expect(inferred(1n)).toBe('Int64');
    expect(inferred('a')).toBe('Utf8');
    expect(inferred(true)).toBe('Bool');
    expect(inferred(Buffer.from('a'))).toBe('Binary');
    expect(inferred({ a: 1, b: { c: 'x' } })).toBe('Struct<{a:Float64, b:Struct<{c:Utf8}>}>');
    expect(inferred([1, 2])).toBe('List<Float64>');
    expect(inferred([['a']])).toBe('List<List<Utf8>>');
    expect(inferred(new Float32Array(3))).toBe('FixedSizeList[3]<Float32>');
    expect(inferred(new Float64Array(3))).toBe('FixedSizeList[3]<Float64>');
    expect(inferred(new Uint8Array(3))).toBe('FixedSizeList[3]<Uint8>');
    expect(inferred(new Int8Array(3))).toBe('FixedSizeList[3]<Int8>');
  });

  test('takes the first value that is not null', () => {
    expect(inferred(null, undefined, 'a', null)).toBe('Utf8');
    expect(inferred({ a: null }, { a: 1 })).toBe('Struct<{a:Float64}>');
    expect(inferred([], [null], [1])).toBe('List<Float64>');
  });

  test('makes vectors of arrays in columns that are named like one', () => {
    const { schema } = makeArrowTable([
      {
        vector: [1, 2],
        text_embedding: [1, 2, 3],
        VectorOfTitle: [1],
        scores: [1],
        vectorTags: ['a'],
      },
    ]);

    expect(schema.fields.map((field) => String(field.type))).toEqual([
      'FixedSizeList[2]<Float32>',
      'FixedSizeList[3]<Float32>',
      'FixedSizeList[1]<Float32>',
      'List<Float64>',
      'List<Utf8>',
    ]);
  });

  test('makes vectors of the declared type in declared columns', () => {
    const { schema } = makeArrowTable([{ a: [1, 2], b: [3, 4] }], {
      vectorColumns: { a: { type: new arrow.Float16() }, b: {} },
    });

    expect(schema.fields.map((field) => String(field.type))).toEqual([
      'FixedSizeList[2]<Float16>',
      'FixedSizeList[2]<Float32>',
    ]);
  });

  test('makes dictionaries of strings if asked to', () => {
    const table = makeArrowTable([{ s: 'a' }, { s: 'b' }, { s: null }, { s: 'a' }], {
      dictionaryEncodeStrings: true,
    });

    expect(arrow.DataType.isDictionary(table.schema.fields[0]!.type)).toBe(true);
    expect([...table.getChild('s')!]).toEqual(['a', 'b', null, 'a']);
  });

  test('takes the columns of all rows, in the order in which they appear, nullable', () => {
    const table = makeArrowTable([{ b: 1 }, { a: 'x', b: 2 }, { c: true }]);

    expect(table.schema.names).toEqual(['b', 'a', 'c']);
    expect(table.schema.fields.every((field) => field.nullable)).toBe(true);
    expect(table.get(0)!.toJSON()).toEqual({ b: 1, a: null, c: null });
  });

  test('keeps the metadata that it is given', () => {
    const schema = makeArrowTable([{ a: 1 }]).schema;

    expect(makeArrowTable([{ a: 1 }], {}, new Map([['k', 'v']])).schema.metadata.get('k')).toBe(
      'v',
    );
    makeArrowTable([{ a: 1 }], { schema }, new Map([['k', 'v']]));
    expect(schema.metadata.size).toBe(0);
  });

  test.each([
    ['nothing but nulls', [null, undefined]],
    ['nothing but empty arrays', [[], []]],
    ['a date', [new Date()]],
    ['a map', [new Map()]],
    ['a symbol', [Symbol('x')]],
    ['a function', [() => 1]],
  ])('does not guess the type of %s', (_, values) => {
    const error = refusal(() => inferred(...values));

    expect(error.code).toBe('INVALID_DATA');
    expect(error.message).toMatch(
      /^row 0, column 'x': failed to infer its data type .* pass a schema/,
    );
  });

  test('does not take an empty array for a list where vectors follow', () => {
    const error = refusal(() => makeArrowTable([{ vector: [] }, { vector: [1, 2] }]));

    expect(error.message).toBe(
      "row 0, column 'vector': the vector has 0 dimensions, but the column stores 2",
    );
    expect(inferred([], [1])).toBe('List<Float64>');
  });

  test('needs a record or a schema', () => {
    expect(refusal(() => makeArrowTable([])).code).toBe('INVALID_ARGUMENT');
    const schema = { fields: [{ name: 'a', type: 'utf8' }] };
    expect(makeArrowTable([], { schema }).numRows).toBe(0);
  });

  test('needs objects', () => {
    const rows = [{ a: 1 }, 5] as any;

    expect(refusal(() => makeArrowTable(rows)).message).toBe('row 1 is 5, but rows are objects');
  });
});

describe('a value that does not fit is an error with its row and column', () => {
  test.each([
    [
      'another type',
      [1, 'a'],
      `row 1, column 'x': the value is the string "a", but it must be a number`,
    ],
    ['a number among strings', ['a', 1], `row 1, column 'x': the value is the number 1`],
    ['a number among objects', [{ a: 1 }, 2], `row 1, column 'x': the value is the number 2`],
    [
      'a string in an object',
      [{ a: 1 }, { a: 'b' }],
      `row 1, column 'x.a': the value is the string "b"`,
    ],
    ['a number in a list', [['a'], null, ['b', 2]], `row 2, column 'x': the value is the number 2`],
    ['a boolean among numbers', [1, true], `row 1, column 'x': the value is true`],
  ])('%s', (_, values, message) => {
    const error = refusal(() => inferred(...values));

    expect(error.code).toBe('INVALID_DATA');
    expect(error.message).toContain(message);
  });

  test('vectors of different lengths', () => {
    const error = refusal(() => makeArrowTable([{ vector: [1, 2, 3] }, { vector: [1, 2] }]));

    expect(error.code).toBe('INVALID_DATA');
    expect(error.message).toBe(
      "row 1, column 'vector': the vector has 2 dimensions, but the column stores 3",
    );
    expect(refusal(() => makeArrowTable([{ vector: [1, 2, 3] }, { vector: [1] }])).message).toBe(
      "row 1, column 'vector': the vector has 1 dimension, but the column stores 3",
    );
  });

  test('something else than numbers in a vector', () => {
    const vectors = (bad: unknown) => () =>
      makeArrowTable([{ vector: [1, 2] }, { vector: [1, bad] }]);

    for (const bad of ['x', null, undefined, true, {}]) {
      expect(refusal(vectors(bad)).message).toMatch(
        /^row 1, column 'vector': .*item 1 of the vector/,
      );
    }
    expect(refusal(() => makeArrowTable([{ vector: [1] }, { vector: 'x' }])).message).toBe(
      `row 1, column 'vector': the value is the string "x", but the column stores vectors of 1 numbers`,
    );
  });

  test('a field that the schema does not have', () => {
    const schema = makeArrowTable([{ price: 1 }]).schema;
    const error = refusal(() => makeArrowTable([{ price: 1 }, { prise: 2 }], { schema }));

    expect(error.code).toBe('SCHEMA_MISMATCH');
    expect(error.message).toContain("row 1 has the field 'prise'");
    expect(error.message).toContain("did you mean 'price'?");
  });

  test('a missing value in a column that is not nullable', () => {
    const schema = { fields: [{ name: 'a', type: 'utf8', nullable: false }] };
    const error = refusal(() => makeArrowTable([{ a: 'x' }, {}], { schema }));

    expect(error.message).toBe(
      "row 1, column 'a': a value is missing, and the column is not nullable",
    );
  });
});

describe('a schema', () => {
  test('decides the types and the order of the columns', () => {
    const schema = new arrow.Schema([
      new arrow.Field('c', new arrow.Int16(), true),
      new arrow.Field('a', new arrow.Float32(), true),
    ]);
    const table = makeArrowTable([{ a: 0.5, c: 7 }, { a: 1 }], { schema });

    expect(table.schema.names).toEqual(['c', 'a']);
    expect([...table.getChild('c')!]).toEqual([7, null]);
  });

  test('may be a plain object with names of types', () => {
    const { schema } = makeArrowTable([{ a: 1, d: 2 }], {
      schema: {
        fields: [
          { name: 'a', type: 'int32' },
          { name: 'd', type: 'DateMillisecond' },
        ],
      },
    });

    expect(schema.fields.map((field) => field.type)).toEqual([
      new arrow.Int32(),
      new arrow.DateMillisecond(),
    ]);
    expect(schema.fields[0]!.nullable).toBe(true);
    const misspelt = { fields: [{ name: 'a', type: 'flaot32' }] };
    expect(refusal(() => makeArrowTable([], { schema: misspelt })).message).toContain("'float32'");
  });

  test('stores numbers of every width, and refuses those that do not fit', () => {
    expect(stored(new arrow.Int8(), -128, 127, null)).toEqual([-128, 127, null]);
    expect(stored(new arrow.Uint8(), 0, 255)).toEqual([0, 255]);
    expect(stored(new arrow.Int16(), -32768, 32767)).toEqual([-32768, 32767]);
    expect(stored(new arrow.Uint32(), 0, 2 ** 32 - 1)).toEqual([0, 2 ** 32 - 1]);
    expect(stored(new arrow.Int64(), 5, -(2n ** 63n))).toEqual([5n, -(2n ** 63n)]);
    expect(stored(new arrow.Uint64(), 2n ** 64n - 1n)).toEqual([2n ** 64n - 1n]);
    expect(stored(new arrow.Float64(), Number.NaN, Infinity)).toEqual([Number.NaN, Infinity]);
    expect(stored(new arrow.Float32(), 1.5, 3n)).toEqual([1.5, 3]);

    expect(refused(new arrow.Int8(), 128).message).toContain('a whole number from -128 to 127');
    expect(refused(new arrow.Uint8(), -1).code).toBe('INVALID_DATA');
    expect(refused(new arrow.Int32(), 1.5).code).toBe('INVALID_DATA');
    expect(refused(new arrow.Int32(), Number.NaN).code).toBe('INVALID_DATA');
    expect(refused(new arrow.Int64(), 2 ** 60).code).toBe('INVALID_DATA');
    expect(refused(new arrow.Uint64(), -1n).code).toBe('INVALID_DATA');
    expect(refused(new arrow.Float32(), 1e300).code).toBe('INVALID_DATA');
    expect(refused(new arrow.Float64(), '1').code).toBe('INVALID_DATA');
  });

  test('stores 16-bit floats as the nearest', () => {
    const values = [0, 1, -2, 0.1, 65504, 6e-8, 6.1e-5, 1e-9, Infinity, Number.NaN];
    const nearest = [0, 1, -2, 0.0999755859375, 65504, 2 ** -24, 1023 * 2 ** -24, 0];

    expect(stored(new arrow.Float16(), ...values)).toEqual([...nearest, Infinity, Number.NaN]);
    expect(refused(new arrow.Float16(), 70000).code).toBe('INVALID_DATA');
  });

  test('stores text and bytes', () => {
    const texts = ['', 'ä€😀', null, 'x'.repeat(100)];
    const bytes = (...values: number[]) => new Uint8Array(values);

    expect(stored(new arrow.Utf8(), ...texts)).toEqual(texts);
    expect(stored(new arrow.LargeUtf8(), ...texts)).toEqual(texts);
    expect(stored(new arrow.Binary(), Buffer.from([1, 2]), bytes(), null)).toEqual([
      bytes(1, 2),
      bytes(),
      null,
    ]);
    expect(stored(new arrow.FixedSizeBinary(2), bytes(1, 2))).toEqual([bytes(1, 2)]);
    expect(refused(new arrow.FixedSizeBinary(2), bytes(1)).message).toContain('has 1 bytes');
    expect(refused(new arrow.Binary(), 'a').code).toBe('INVALID_DATA');
  });

  test('stores dates and timestamps', () => {
    const date = new Date('2024-02-29T12:00:00.250Z');
    const ms = date.getTime();

    expect(stored(new arrow.DateDay(), date, new Date(-1)).map(Number)).toEqual([
      Date.parse('2024-02-29'),
      -86_400_000,
    ]);
    expect(stored(new arrow.DateMillisecond(), date, null).map(Number)).toEqual([ms, 0]);
    expect(stored(new arrow.TimestampMillisecond(), date, ms)).toEqual([ms, ms]);
    expect(stored(new arrow.TimestampMicrosecond(), date, BigInt(ms) * 1000n)).toEqual([ms, ms]);
    expect(stored(new arrow.TimestampSecond(), new Date(1500), new Date(-1))).toEqual([
      1000, -1000,
    ]);
    expect(refused(new arrow.TimestampMillisecond(), '2024-02-29').code).toBe('INVALID_DATA');
    expect(refused(new arrow.DateDay(), new Date(Number.NaN)).code).toBe('INVALID_DATA');
  });

  test('stores decimals digit by digit', () => {
    const unscaled = (value: unknown) =>
      Number(JSON.parse(String(stored(new arrow.Decimal(2, 10), value)[0])));

    expect(unscaled('12.50')).toBe(1250);
    expect(unscaled(12.5)).toBe(1250);
    expect(unscaled(3n)).toBe(300);
    expect(unscaled('1e1')).toBe(1000);
    expect(unscaled('-0.01')).toBe(-1);
    expect(refused(new arrow.Decimal(2, 10), '0.001').message).toContain(
      '2 of them after the point',
    );
    expect(refused(new arrow.Decimal(2, 4), 100).code).toBe('INVALID_DATA');
    expect(refused(new arrow.Decimal(2, 4), 'x').code).toBe('INVALID_DATA');
  });

  test('stores lists, structs and maps inside each other', () => {
    const item = (type: arrow.DataType) => new arrow.Field('item', type, true);
    const struct = new arrow.Struct([new arrow.Field('n', new arrow.Int32(), true)]);
    const pair = new arrow.Struct([
      new arrow.Field('key', new arrow.Utf8(), false),
      new arrow.Field('value', new arrow.Int32(), true),
    ]);

    const lists = stored(new arrow.List(item(struct)), [{ n: 1 }, null], null, []) as any[];
    expect(JSON.stringify(lists)).toBe('[[{"n":1},null],null,[]]');
    expect(
      JSON.stringify(stored(new arrow.FixedSizeList(2, item(new arrow.Utf8())), ['a', null], null)),
    ).toBe('[["a",null],null]');
    const map = new arrow.Map_(new arrow.Field('entries', pair, false) as any);
    expect(stored(map, new Map([['a', 1]]), { b: 2 })).toEqual([{ a: 1 }, { b: 2 }]);
  });

  test('refuses more different words than a dictionary has keys', () => {
    const type = new arrow.Dictionary(new arrow.Utf8(), new arrow.Int8());
    const words = Array.from({ length: 129 }, (_, i) => `word ${i}`);

    expect(stored(type, ...words.slice(1))).toEqual(words.slice(1));
    expect(refused(type, ...words).message).toBe(
      "row 128, column 'x': it is the 129th different value, but the column's dictionary has Int8 " +
        'keys; give it wider ones',
    );
  });

  test('stores vectors of every type', () => {
    const vector = (type: arrow.DataType) =>
      new arrow.FixedSizeList(2, new arrow.Field('item', type, true));
    const values = (type: arrow.DataType, ...rows: unknown[]) =>
      stored(vector(type), ...rows).map((row: any) => row && Array.from(row));

    for (const type of [new arrow.Float16(), new arrow.Float32(), new arrow.Float64()]) {
      expect(values(type, [0.5, 2], null, new Float64Array([1, 2]))).toEqual([
        [0.5, 2],
        null,
        [1, 2],
      ]);
    }
    expect(values(new arrow.Uint8(), [0, 255], new Uint8Array([1, 2]))).toEqual([
      [0, 255],
      [1, 2],
    ]);
    expect(values(new arrow.Int8(), [-128, 127])).toEqual([[-128, 127]]);
    expect(refused(vector(new arrow.Uint8()), [1, 256]).message).toContain('from 0 to 255');
    expect(refused(vector(new arrow.Float16()), new Float32Array([1, 1e6])).code).toBe(
      'INVALID_DATA',
    );
  });
});

test('340,000 vectors of 100 dimensions are converted in seconds', () => {
  const vector = Array.from({ length: 100 }, (_, i) => Math.sin(i));
  const rows = Array.from({ length: 340_000 }, (_, i) => ({ word: `word ${i}`, vector }));

  const start = performance.now();
  const table = makeArrowTable(rows);
  const seconds = (performance.now() - start) / 1000;

  expect(table.numRows).toBe(340_000);
  expect(seconds).toBeLessThan(5);
});
