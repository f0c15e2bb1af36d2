import { Field, Float64, Schema, TimestampMillisecond } from 'apache-arrow';
import { describe, expect, test } from 'vitest';
import { connect, type Filter, type Table } from '../lib/index.js';
import { refusal, rejection } from './support.js';

interface Word {
  id: number;
  word: string | null;
  price: number | null;
  big: bigint;
  fresh: boolean;
  tags: string[];
  'two words': string;
  address: { city: string };
  data: Uint8Array;
}

const WORDS: Word[] = ['one', "o'two", '', null, 'été'].map((word, i) => ({
  id: i + 1,
  word,
  price: i === 3 ? null : i / 10,
  big: 2n ** 60n + BigInt(i),
  fresh: i % 2 === 0,
  tags: ['a', 'b', 'c'].slice(0, i % 4),
  'two words': `w${i}`,
  address: { city: i < 2 ? 'Rome' : 'Oslo' },
  data: Buffer.from([0, i]),
}));

async function table(): Promise<Table<Word>> {
  const db = await connect('memory://');
  return (await db.createTable('words', WORDS as any)) as unknown as Table<Word>;
}

async function ids(query: { toArray(): Promise<{ id: number }[]> }): Promise<number[]> {
  return (await query.toArray()).map((row) => row.id);
}

describe('parameters', () => {
  test('are values, and never SQL', async () => {
    const words = await table();
    const ask = (sql: string, values: any[]) => ids(words.query().where(sql, values));

    expect(await ask('word = ?', ["o'two"])).toEqual([2]);
    expect(await ask('word = ?', ["' OR true --"])).toEqual([]);
    expect(await ask('word = ?', ['?'])).toEqual([]);
    expect(await ask("word = '?' OR id = ?", [3])).toEqual([3]);
    expect(await ask('price < ? AND id > ?', [0.2, 1])).toEqual([2]);
    expect(await ask('price = ?', [0.1])).toEqual([2]);
    expect(await ask('id > $2 AND id < $1', [4, 2])).toEqual([3]);
    expect(await ask('big = ?', [2n ** 60n + 1n])).toEqual([2]);
    expect(await ask('fresh = ?', [false])).toEqual([2, 4]);
    expect(await ask('word IS NOT DISTINCT FROM ?', [null])).toEqual([4]);
    expect(await ask('data = ?', [Uint8Array.of(0, 2)])).toEqual([3]);
  });

  test('are lists too', async () => {
    const words = await table();
    const ask = (sql: string, values: any[]) => ids(words.query().where(sql, values));

    expect(await ask('word IN (?)', [['one', 'été', 'x']])).toEqual([1, 5]);
    expect(await ask('word IN (?)', [[]])).toEqual([]);
    expect(await ask('id NOT IN (?, 2)', [[1, 3]])).toEqual([4, 5]);
    expect(await ask('id IN (?)', [Float64Array.of(2, 3)])).toEqual([2, 3]);
    expect(await ask('id IN (?)', [[2n, 3]])).toEqual([2, 3]);
    expect(await ask('array_has_any(tags, ?)', [['b', 'z']])).toEqual([3, 4]);
    const many = Array.from({ length: 100_000 }, (_, i) => i + 3);
    expect(await ask('id IN (?)', [many])).toEqual([3, 4, 5]);
  });

  test('are counted', async () => {
    const words = await table();
    for (const [sql, values, message] of [
      ['id = ?', [], 'no value'],
      ['id = ? OR id = ?', [1], 'number 2'],
      ['id = 1', [1], 'no placeholder'],
      ['id = $1', [1, 2], 'value 2 of 2'],
      ['id = ? OR id = $1', [1], 'two kinds'],
    ] as const) {
      const error = await rejection(words.query().where(sql, values).toArray());
      expect(error.code).toBe('INVALID_SQL');
      expect(error.message).toContain(message);
    }
    expect((await rejection(words.query().where('id = ?').toArray())).message).toContain(
      'no value',
    );
    expect(refusal(() => words.query().where('id = ?', 5 as any)).code).toBe('INVALID_ARGUMENT');
    for (const value of [undefined, Number.NaN, {}, new Date('x'), ['a', 1], () => 1]) {
      const error = refusal(() => words.query().where('id = ?', [value as any]));
      expect(error.code).toBe('INVALID_ARGUMENT');
      expect(error.message).toContain('value 1 of where');
    }
  });

  test('belong each to their own condition', async () => {
    const words = await table();
    expect(
      await ids(
        words
          .query()
          .where('id > ?', [1])
          .where({ id: { lt: 4 } }),
      ),
    ).toEqual([2, 3]);
    expect(
      (await rejection(words.query().where('id > ?', [1, 2]).where('id < ?').toArray())).code,
    ).toBe('INVALID_SQL');
  });

  test('compare dates', async () => {
    const db = await connect('memory://');
    const at = [new Date('2024-01-01'), new Date('2024-06-01')];
    const schema = new Schema([
      new Field('id', new Float64()),
      new Field('at', new TimestampMillisecond()),
    ]);
    const events = await db.createTable(
      'events',
      at.map((at, id) => ({ id, at })),
      { schema },
    );

    expect(await ids(events.query().where('at > ?', [new Date('2024-03-01')]) as any)).toEqual([1]);
    expect(await events.countRows({ at: at[0] })).toBe(1);
  });
});

describe('an object', () => {
  const cases: [string, Filter<Word>, number[]][] = [
    ['nothing', {}, [1, 2, 3, 4, 5]],
    ['a value', { word: 'one' }, [1]],
    ['values', { word: ['one', '', 'x'] }, [1, 3]],
    ['no values', { word: [] }, []],
    ['null', { word: null }, [4]],
    ['null among values', { word: ['one', null] }, [1, 4]],
    ['several columns', { fresh: true, price: { lt: 0.3 } }, [1, 3]],
    ['several conditions', { price: { gte: 0.1, lt: 0.3 } }, [2, 3]],
    ['between', { id: { between: [2, 3] } }, [2, 3]],
    ['not equal', { word: { ne: 'one' } }, [2, 3, 5]],
    ['not null', { word: { ne: null } }, [1, 2, 3, 5]],
    ['none of', { word: { notIn: ['one', null] } }, [2, 3, 5]],
    ['is null', { price: { isNull: true } }, [4]],
    ['patterns', { word: { like: '%o' } }, [2]],
    ['patterns without case', { word: { ilike: 'ON%' } }, [1]],
    ['the start', { word: { startsWith: "o'" } }, [2]],
    ['a part', { word: { contains: 't' } }, [2, 5]],
    ['elements', { tags: { has: 'b' } }, [3, 4]],
    ['some elements', { tags: { hasAny: ['c', 'z'] } }, [4]],
    ['all elements', { tags: { hasAll: ['a', 'b'] } }, [3, 4]],
    ['a name with a space', { 'two words': 'w1' }, [2]],
    ['a field', { address: { city: 'Rome' } }, [1, 2]],
    ['one or the other', { OR: [{ id: 1 }, { word: '' }] }, [1, 3]],
    ['none of none', { OR: [] }, []],
    ['both', { AND: [{ fresh: true }, { id: { gt: 1 } }] }, [3, 5]],
    ['not', { NOT: { id: [1, 2] } }, [3, 4, 5]],
    ['a bigint', { big: 2n ** 60n }, [1]],
    ['bytes', { data: Uint8Array.of(0, 4) } as any, [5]],
    ['a path', { 'address.city': 'Oslo' } as any, [3, 4, 5]],
  ];

  test.each(cases)('asks for %s', async (_, filter, expected) => {
    const words = await table();
    expect(await ids(words.query().where(filter))).toEqual(expected);
    expect(await words.countRows(filter)).toBe(expected.length);
  });

  test('quotes the names it is given', async () => {
    const words = await table();
    const error = await rejection(
      words
        .query()
        .where({ '` OR true --': 1 } as any)
        .toArray(),
    );
    expect(error.code).toBe('COLUMN_NOT_FOUND');
  });

  test.each<[string, any, string]>([
    ['undefined', { word: undefined }, 'word in where is undefined'],
    ['an unknown condition', { price: { lt: 1, below: 2 } }, "'below'"],
    ['no condition', { price: {} }, 'no condition'],
    ['null where it means nothing', { price: { lt: null } }, 'lt of price'],
    ['a list of two kinds', { word: ['a', 1] }, 'word in where'],
    ['OR without a list', { OR: { id: 1 } }, 'OR in where'],
    ['one bound', { id: { between: [1] } }, 'two values'],
    ['a function', { word: () => 1 }, 'word in where'],
  ])('that has %s is refused', async (_, filter, message) => {
    const words = await table();
    const error = refusal(() => words.query().where(filter));
    expect(error.code).toBe('INVALID_ARGUMENT');
    expect(error.message).toContain(message);
  });

  test('takes no values beside it', async () => {
    const words = await table();
    expect(refusal(() => words.query().where({ id: 1 } as any, [1])).message).toContain('object');
  });
});
