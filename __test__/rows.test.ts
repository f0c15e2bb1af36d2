import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import type { NativeColumn, NativeNumbers, NativeRows } from '../lib/native-types.js';
import { toRows } from '../lib/rows.js';
import { refusal } from './support.js';

/** A column whose numbers are still in arrays of their own, and whose strings are strings. */
interface Column {
  name: string;
  kind: NativeColumn['kind'];
  values?: ArrayBufferView | string[];
  nulls?: Uint8Array;
  offsets?: Int32Array;
  size?: number;
  children?: Column[];
}

/** A result as the addon gives it. */
function packed(rowCount: number, columns: Column[]): NativeRows {
  let bytes = Buffer.alloc(0);
  const put = (array: ArrayBufferView | undefined): NativeNumbers | undefined => {
    if (array === undefined) return undefined;
    const view = Buffer.from(array.buffer, array.byteOffset, array.byteLength);
    const at = Math.ceil(bytes.length / 8) * 8;
    bytes = Buffer.concat([bytes, Buffer.alloc(at - bytes.length), view]);
    const [, letter, bits] = /^(?:Big)?(\w)[a-z]+(\d+)/.exec(array.constructor.name)!;
    const type = `${letter!.toLowerCase()}${bits}` as NativeNumbers['type'];
    return { type, at, length: (array as Uint8Array).length };
  };
  const pack = ({ values, nulls, offsets, children, ...rest }: Column): NativeColumn => {
    if (Array.isArray(values)) {
      const texts = values.map((text) => Buffer.from(text));
      offsets = Int32Array.of(
        0,
        ...texts.map((_, i) => Buffer.concat(texts.slice(0, i + 1)).length),
      );
      values = new Uint8Array(Buffer.concat(texts));
    }
    return {
      ...rest,
      values: put(values),
      nulls: put(nulls),
      offsets: put(offsets),
      children: children?.map(pack),
    };
  };
  const json = JSON.stringify({ rowCount, columns: columns.map(pack) });
  return [json, new Uint8Array(bytes).buffer];
}

/** The values of one column of a result. */
function read(rowCount: number, column: Omit<Column, 'name'>): unknown[] {
  return toRows<any>(packed(rowCount, [{ name: 'x', ...column }])).map((row) => row.x);
}

const nulls = Uint8Array.of(0, 1);

describe('toRows', () => {
  test('makes plain objects with the columns in order', () => {
    const rows = toRows(
      packed(2, [
        { name: 'id', kind: 'number', values: Int32Array.of(7, 8) },
        { name: 'text', kind: 'string', values: ['a', 'b'] },
      ]),
    );

    expect(rows).toStrictEqual([
      { id: 7, text: 'a' },
      { id: 8, text: 'b' },
    ]);
    expect(Object.keys(rows[0] as object)).toEqual(['id', 'text']);
    expect(JSON.stringify(rows[1])).toBe('{"id":8,"text":"b"}');
  });

  test('reads every kind of column', () => {
    expect(read(2, { kind: 'number', values: Float64Array.of(1.5, 0), nulls })).toEqual([
      1.5,
      null,
    ]);
    expect(read(2, { kind: 'bigint', values: BigInt64Array.of(1n, -2n) })).toEqual([1n, -2n]);
    expect(read(2, { kind: 'boolean', values: Uint8Array.of(1, 0) })).toEqual([true, false]);
    expect(read(2, { kind: 'date', values: Float64Array.of(0, 0), nulls })).toEqual([
      new Date(0),
      null,
    ]);
    expect(read(2, { kind: 'string', values: ['ä', ''] })).toEqual(['ä', '']);
    expect(read(2, { kind: 'null' })).toEqual([null, null]);
    const bytes = { values: Uint8Array.of(1, 2, 3), offsets: Int32Array.of(0, 2, 3) };
    expect(read(2, { kind: 'binary', ...bytes })).toEqual([Buffer.from([1, 2]), Buffer.from([3])]);
  });

  test('reads lists and structs inside each other', () => {
    const items: Column = { name: 'item', kind: 'number', values: Int8Array.of(1, 2, 3, 4) };
    const struct: Column = {
      name: 'item',
      kind: 'struct',
      children: [{ ...items, name: 'n' }],
    };

    expect(
      read(3, { kind: 'list', offsets: Int32Array.of(0, 2, 2, 4), children: [items] }),
    ).toEqual([[1, 2], [], [3, 4]]);
    expect(read(2, { kind: 'fixedList', size: 2, children: [struct], nulls })).toEqual([
      [{ n: 1 }, { n: 2 }],
      null,
    ]);
    expect(read(2, { kind: 'struct', children: [{ ...items, name: 'n', nulls }] })).toEqual([
      { n: 1 },
      { n: null },
    ]);
  });

  test('reads maps as objects if their keys are strings', () => {
    const offsets = Int32Array.of(0, 2, 2);
    const value: Column = { name: 'value', kind: 'number', values: Int8Array.of(1, 2) };
    const words: Column = { name: 'key', kind: 'string', values: ['a', '__proto__'] };
    const numbers: Column = { name: 'key', kind: 'number', values: Int8Array.of(7, 8) };

    const [object, empty] = read(2, { kind: 'map', offsets, children: [words, value] });
    expect(Object.entries(object as object)).toEqual([
      ['a', 1],
      ['__proto__', 2],
    ]);
    expect(empty).toEqual({});
    expect(read(2, { kind: 'map', offsets, children: [numbers, value] })).toEqual([
      new Map([
        [7, 1],
        [8, 2],
      ]),
      new Map(),
    ]);
  });

  test('reads a column named __proto__ as any other', () => {
    const column: Column = { name: '__proto__', kind: 'number', values: Int8Array.of(5) };
    const [row] = toRows<object>(packed(1, [column]));

    expect(Object.entries(row!)).toEqual([['__proto__', 5]]);
    expect(Object.getPrototypeOf(row)).toBe(Object.prototype);
  });

  test('refuses columns that it does not know', () => {
    expect(refusal(() => read(1, { kind: 'number' })).code).toBe('INTERNAL');
    expect(refusal(() => read(1, { kind: 'matrix' as any })).message).toContain("'matrix'");
  });
});

describe('vectors in rows', () => {
  test.each([Float32Array, Float64Array, Uint8Array, Int8Array])(
    'of a %s pass for one, and have toArray()',
    (Values) => {
      const values = Values.of(1, 2, 3, 4);
      const [first, second] = read(2, { kind: 'vector', size: 2, values }) as any[];

      expect(first).toStrictEqual(Values.of(1, 2));
      expect(second).toBeInstanceOf(Values);
      expect(second.length).toBe(2);
      expect(second.toArray()).toStrictEqual(Values.of(3, 4));
      expect(second.toArray().toArray).toBeUndefined();
      expect(second.slice(1).toArray).toBeUndefined();
      expect(JSON.stringify({ second })).toBe('{"second":[3,4]}');
      expect(inspect(second)).toBe(inspect(Values.of(3, 4)));
    },
  );

  test('are null where the row has none', () => {
    const vectors = read(2, { kind: 'vector', size: 1, values: Float32Array.of(1, 0), nulls });

    expect(vectors[1]).toBeNull();
  });
});

test('ten rows with vectors take microseconds', () => {
  const rows = packed(10, [
    { name: 'id', kind: 'number', values: new Float64Array(10) },
    { name: 'vector', kind: 'vector', size: 784, values: new Float32Array(7840) },
    { name: '_distance', kind: 'number', values: new Float32Array(10) },
  ]);
  const repeats = 5000;

  const start = performance.now();
  for (let i = 0; i < repeats; i++) toRows(rows);
  const microseconds = ((performance.now() - start) * 1000) / repeats;

  expect(microseconds).toBeLessThan(100);
});
