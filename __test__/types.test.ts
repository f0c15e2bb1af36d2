// What the compiler must know. `npm run lint` checks these; running them proves nothing more.
import type { Table as ArrowTable, RecordBatch } from 'apache-arrow';
import { describe, expectTypeOf, test } from 'vitest';
import type {
  Connection,
  Float32Vector,
  Query,
  Table,
  TakeQuery,
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
      const [computed] = await words.query().select({ twice: 'count * 2' }).toArray();
      expectTypeOf(computed!.twice).toEqualTypeOf<any>();
      const [several] = await words
        .search([[1], [2]])
        .addQueryVector([3])
        .toArray();
      expectTypeOf(several!.query_index).toEqualTypeOf<number>();
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

  test('results come as Arrow too', () => {
    compiled(async () => {
      expectTypeOf(await words.query().toArrow()).toEqualTypeOf<ArrowTable>();
      for await (const batch of words.query()) expectTypeOf(batch).toEqualTypeOf<RecordBatch>();
    });
  });
});
