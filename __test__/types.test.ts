// What the compiler must know. `npm run lint` checks these; running them proves nothing more.
import type { Table as ArrowTable, RecordBatch } from 'apache-arrow';
import { describe, expectTypeOf, test } from 'vitest';
import type {
  Connection,
  Data,
  Float32Vector,
  Query,
  Table,
  TakeQuery,
  Uint8Vector,
  VectorQuery,
} from '../lib/index.js';

interface Word {
  word: string;
  count: number;
  vector: Float32Vector;
}

declare const db: Connection;
declare const words: Table<Word>;
declare const anything: Table;

/** Types are looked at, nothing is run. */
function compiled(_: () => unknown): void {}

describe('types', () => {
  test('rows are what the table says', () => {
    compiled(async () => {
      expectTypeOf(await words.query().toArray()).toEqualTypeOf<Word[]>();
      expectTypeOf(await words.takeOffsets([]).toArray()).toEqualTypeOf<Word[]>();
      const [hit] = await words.search([1]).where('count > 1').limit(1).toArray();
      expectTypeOf(hit!.word).toEqualTypeOf<string>();
      expectTypeOf(hit!._distance).toEqualTypeOf<number>();
      // @ts-expect-error: no such column
      hit!.wort;
    });
  });

  test('rows of a table without a row type are anything', () => {
    compiled(async () => {
      const [hit] = await anything.search([1]).toArray();
      expectTypeOf(hit!.whatever).toEqualTypeOf<any>();
      expectTypeOf(hit!._distance).toEqualTypeOf<number>();
    });
  });

  test('select narrows them', () => {
    compiled(async () => {
      const [row] = await words.query().select(['word', 'count']).toArray();
      expectTypeOf(row!).toEqualTypeOf<Pick<Word, 'word' | 'count'>>();
      const [hit] = await words.search([1]).select('word').withRowId().toArray();
      expectTypeOf(hit!.word).toEqualTypeOf<string>();
      expectTypeOf(hit!._rowid).toEqualTypeOf<bigint>();
      // @ts-expect-error: no such column
      words.query().select(['word', 'cuont']);
      // @ts-expect-error: no such column
      words.search([1]).select('wrod');
      const chosen: string[] = ['word'];
      const [any] = await words.search([1]).select(chosen).toArray();
      expectTypeOf(any!.word).toEqualTypeOf<any>();
    });
  });

  test('select gives expressions the names they stand under, and columns their type', () => {
    compiled(async () => {
      const [row] = await words.query().select({ twice: 'count * 2', name: 'word' }).toArray();
      expectTypeOf(row!).toEqualTypeOf<{ twice: any; name: string }>();
      const [hit] = await words.search([1]).select({ name: 'word' }).toArray();
      expectTypeOf(hit!.name).toEqualTypeOf<string>();
      expectTypeOf(hit!._distance).toEqualTypeOf<number>();
      // @ts-expect-error: it is called name
      hit!.word;
      const [taken] = await words.takeOffsets([0]).select({ n: 'count' }).toArray();
      expectTypeOf(taken!).toEqualTypeOf<{ n: number }>();
      const [mapped] = await words
        .query()
        .select(new Map([['n', 'count']]))
        .toArray();
      expectTypeOf(mapped!.n).toEqualTypeOf<any>();
      const [untyped] = await anything.query().select(['a', 'b']).toArray();
      expectTypeOf(untyped!.a).toEqualTypeOf<any>();
    });
  });

  test('several query vectors add their number', () => {
    compiled(async () => {
      const [several] = await words
        .search([[1], [2]])
        .addQueryVector([3])
        .toArray();
      expectTypeOf(several!.query_index).toEqualTypeOf<number>();
    });
  });

  test('filters are of the columns and their types', () => {
    compiled(() => {
      words.query().where({ word: 'a', count: { gte: 2, lt: 10 } });
      words.search([1]).where({ OR: [{ word: ['a', 'b'] }, { NOT: { count: null } }] });
      words.countRows({ word: { startsWith: 'a' } });
      words.delete({ count: { between: [1, 2] } });
      words.update({ where: { word: { ne: null } }, values: { count: 1 } });
      anything.query().where({ whatever: { gt: 5 } });
      // @ts-expect-error: no such column
      words.query().where({ wrod: 'a' });
      // @ts-expect-error: a word is no number
      words.query().where({ word: 5 });
      // @ts-expect-error: no such condition
      words.search([1]).where({ count: { more: 5 } });
      // @ts-expect-error: no such column
      words.delete({ OR: [{ cuont: 5 }] });
    });
  });

  test('search returns the builder that fits', () => {
    compiled(() => {
      expectTypeOf(words.search([1])).toExtend<VectorQuery<any>>();
      expectTypeOf(words.search(Promise.resolve(new Float32Array(1)))).toExtend<VectorQuery<any>>();
      expectTypeOf(words.search('text')).toEqualTypeOf<Query<Word>>();
      expectTypeOf(words.query()).toEqualTypeOf<Query<Word>>();
      expectTypeOf(words.takeRowIds([1n])).toEqualTypeOf<TakeQuery<Word>>();
      words.search([1]).nprobes(20).refineFactor(10).limit(2).where('a').column('b');
    });
  });

  test('tables are given their row type where they are opened', () => {
    compiled(async () => {
      expectTypeOf(await db.openTable<Word>('t')).toEqualTypeOf<Table<Word>>();
      expectTypeOf(await db.openTable('t')).toEqualTypeOf<Table<Record<string, any>>>();
      const rows: Word[] = [];
      expectTypeOf(await db.createTable<Word>('t', rows)).toEqualTypeOf<Table<Word>>();
      await words.add(rows);
      await words.add([{ word: 'a', vector: [1, 2] }]);
      // @ts-expect-error: rows are objects
      await words.add([1, 2]);
    });
  });

  test('a new table is typed by the rows that it is made of', () => {
    compiled(async () => {
      const made = await db.createTable('t', [
        { id: 1, big: 1n, word: 'a', tags: ['x'], vector: [0.1, 0.2], nested: { ok: true } },
      ]);
      expectTypeOf(made).toEqualTypeOf<
        Table<{
          id: number;
          big: bigint;
          word: string;
          tags: string[];
          vector: Float32Vector;
          nested: { ok: boolean };
        }>
      >();
      const [hit] = await made
        .search([1, 2])
        .where({ id: { gt: 1 } })
        .select('word')
        .toArray();
      expectTypeOf(hit!.word).toEqualTypeOf<string>();
      // @ts-expect-error: no such column
      made.query().where({ wrod: 'a' });

      const stream = async function* () {
        yield [{ textEmbedding: [1], bytes: Buffer.from(''), codes: new Uint8Array(4) }];
      };
      const [row] = await (await db.createTable('t', stream())).query().toArray();
      expectTypeOf(row!.textEmbedding).toEqualTypeOf<Float32Vector>();
      expectTypeOf(row!.bytes).toExtend<Buffer>();
      expectTypeOf(row!.codes).toEqualTypeOf<Uint8Vector>();

      const object = await db.createTable({ name: 't', data: [{ id: 1 }], mode: 'overwrite' });
      expectTypeOf(object).toEqualTypeOf<Table<{ id: number }>>();
    });
  });

  test('what may be missing in a row may be null when it is read', () => {
    compiled(async () => {
      const rows: Array<{ id: number; note?: string; lang: 'en' | null }> = [];
      const [row] = await (await db.createTable('t', rows)).query().toArray();
      expectTypeOf(row!).toEqualTypeOf<{ id: number; note: string | null; lang: 'en' | null }>();
      const [either] = await (await db.createTable('t', [{ a: 1 }, { b: 'x' }])).query().toArray();
      expectTypeOf(either!.a).toEqualTypeOf<number | null>();
    });
  });

  test('rows of which nothing is known make a table of which nothing is known', () => {
    compiled(async () => {
      const records: Record<string, any>[] = [];
      expectTypeOf(await db.createTable('t', records)).toEqualTypeOf<Table>();
      expectTypeOf(await db.createTable('t', JSON.parse('[]'))).toEqualTypeOf<Table>();
      expectTypeOf(await db.createTable('t', records, [])).toEqualTypeOf<Table>();
      expectTypeOf(await db.createTable('t', {} as ArrowTable)).toEqualTypeOf<Table>();
      const data: Data = [{ id: 1 }];
      expectTypeOf(await db.createTable('t', data)).toEqualTypeOf<Table>();
      // What a schema says, the data does not.
      const schema = { fields: [{ name: 'id', type: 'int64' }] };
      expectTypeOf(await db.createTable('t', [{ id: 1 }], { schema })).toEqualTypeOf<Table>();
      // A table of known rows goes where any table does.
      let table: Table = await db.createTable('t', [{ id: 1 }]);
      table = await db.createTable<Word>('t', [{ word: 'a', vector: [1, 2] }]);
      expectTypeOf(table).toEqualTypeOf<Table>();
    });
  });

  test('results come as Arrow too', () => {
    compiled(async () => {
      expectTypeOf(await words.query().toArrow()).toEqualTypeOf<ArrowTable>();
      for await (const batch of words.query()) expectTypeOf(batch).toEqualTypeOf<RecordBatch>();
    });
  });
});
