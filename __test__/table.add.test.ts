import * as arrow from 'apache-arrow';
import * as arrow15 from 'apache-arrow-15';
import { describe, expect, test } from 'vitest';
import { makeArrowTable, type WriteProgress } from '../lib/index.js';
import { ladder, rejection, temporaryConnection } from './support.js';

async function emptyLadder() {
  const db = await temporaryConnection();
  return db.createEmptyTable('t', makeArrowTable(ladder(1)).schema);
}

async function ids(table: { query(): any }): Promise<string[]> {
  return (await table.query().toArray()).map((row: any) => row.id);
}

describe('Table.add', () => {
  test('appends rows, in one version', async () => {
    const table = await emptyLadder();

    expect(await table.add(ladder(2))).toEqual({ version: 2 });
    expect(await table.add(ladder(1))).toEqual({ version: 3 });

    expect(await ids(table)).toEqual(['0', '1', '0']);
  });

  test('replaces the rows with mode overwrite', async () => {
    const table = await emptyLadder();
    await table.add(ladder(3));

    await table.add(ladder(1), { mode: 'overwrite' });

    expect(await ids(table)).toEqual(['0']);
  });

  test('takes Arrow tables and record batches, also of other versions', async () => {
    const table = await emptyLadder();
    const arrowTable = makeArrowTable(ladder(2));
    const foreign = arrow15.tableFromIPC(arrow.tableToIPC(arrowTable));

    await table.add(arrowTable);
    await table.add(arrowTable.batches[0]!);
    await table.add(foreign as any);
    await table.add(foreign.batches as any);

    expect(await table.countRows()).toBe(8);
  });

  test('takes iterables of rows, tables and batches', async () => {
    const table = await emptyLadder();
    const batch = makeArrowTable(ladder(2)).batches[0]!;

    await table.add([batch, batch]);
    await table.add(new Set([ladder(1)]));
    await table.add(
      (function* () {
        yield ladder(1);
        yield makeArrowTable(ladder(1));
      })(),
    );
    await table.add(
      arrow.RecordBatchReader.from(arrow.tableToIPC(makeArrowTable(ladder(3)))) as any,
    );

    expect(await table.countRows()).toBe(10);
  });

  test('writes each item of an async iterable before it asks for the next', async () => {
    const table = await emptyLadder();
    const log: string[] = [];
    async function* stream() {
      for (let i = 0; i < 3; i++) {
        log.push(`pulled ${i}`);
        yield ladder(2);
      }
    }

    await table.add(stream(), {
      progress: ({ outputRows, done }) => log.push(done ? 'done' : `wrote ${outputRows}`),
    });

    expect(log).toEqual([
      'pulled 0',
      'wrote 2',
      'pulled 1',
      'wrote 4',
      'pulled 2',
      'wrote 6',
      'done',
    ]);
    expect(await table.countRows()).toBe(6);
    expect(await table.version()).toBe(2);
  });

  test('adds nothing at all if a stream fails', async () => {
    const table = await emptyLadder();
    async function* broken() {
      yield ladder(2);
      throw new Error('the line was cut');
    }

    await expect(table.add(broken())).rejects.toThrow('the line was cut');

    expect(await table.countRows()).toBe(0);
    expect(await table.version()).toBe(1);
  });

  test('closes a stream whose rows do not fit', async () => {
    const table = await emptyLadder();
    let closed = false;
    async function* stream(): AsyncGenerator<any> {
      try {
        yield ladder(3);
        yield [{ id: 5 }];
      } finally {
        closed = true;
      }
    }

    const error = await rejection(table.add(stream()));

    expect(error.message).toContain("row 3, column 'id'");
    expect(closed).toBe(true);
    expect(await table.countRows()).toBe(0);
  });

  test('reports progress', async () => {
    const table = await emptyLadder();
    const reports: WriteProgress[] = [];

    await table.add(ladder(3), { progress: (report) => reports.push(report) });

    expect(reports.at(-1)).toMatchObject({
      outputRows: 3,
      totalRows: 3,
      activeTasks: 0,
      done: true,
    });
    expect(reports.at(-1)!.outputBytes).toBeGreaterThan(3 * 16);
    expect(reports.at(-1)!.elapsedSeconds).toBeGreaterThan(0);
  });

  test('ends with the error that progress throws', async () => {
    const table = await emptyLadder();
    const progress = () => {
      throw new Error('enough');
    };

    await expect(table.add(ladder(3), { progress })).rejects.toThrow('enough');

    expect(await table.countRows()).toBe(0);
  });

  test('leaves the table alone if there are no rows', async () => {
    const table = await emptyLadder();

    expect(await table.add([])).toEqual({ version: 1 });
    await table.add(ladder(1));
    await table.add([], { mode: 'overwrite' });
    expect(await table.countRows()).toBe(0);
  });

  test('fills columns that rows lack with nulls', async () => {
    const table = await emptyLadder();

    await table.add([{ id: 'a' }, { vector: [1, 2, 3, 4] }]);

    expect(await table.query().toArray()).toEqual([
      { id: 'a', vector: null },
      { id: null, vector: Float32Array.of(1, 2, 3, 4) },
    ]);
  });

  test('casts the columns of Arrow tables to those of the table', async () => {
    const table = await emptyLadder();
    const vector = new arrow.FixedSizeList(4, new arrow.Field('item', new arrow.Float64(), true));
    const schema = new arrow.Schema([
      new arrow.Field('vector', vector, true),
      new arrow.Field('id', new arrow.LargeUtf8(), true),
    ]);

    await table.add(makeArrowTable(ladder(2), { schema }));

    expect(await table.query().toArray()).toEqual([
      { id: '0', vector: Float32Array.of(0, 0, 0, 0) },
      { id: '1', vector: Float32Array.of(1, 1, 1, 1) },
    ]);
  });

  test.each<[string, any, string, string]>([
    ['an unknown column', [{ id: 'a', idd: 1 }], 'SCHEMA_MISMATCH', "row 0 has the field 'idd'"],
    ['a wrong type', [{ id: 5 }], 'INVALID_DATA', "row 0, column 'id': the value is the number 5"],
    [
      'a short vector',
      [{ vector: [1] }],
      'INVALID_DATA',
      "row 0, column 'vector': the vector has 1",
    ],
    ['a word in a vector', [{ vector: [1, 2, 3, 'x'] }], 'INVALID_DATA', "row 0, column 'vector'"],
    [
      'NaN in a vector',
      [{ vector: [1, 2, Number.NaN, 4] }],
      'INVALID_DATA',
      "row 0, column 'vector'",
    ],
    ['a word for a vector', [{ vector: 'x' }], 'INVALID_DATA', "row 0, column 'vector'"],
    ['no data', undefined, 'INVALID_ARGUMENT', 'data is undefined'],
    ['an iterable of numbers', new Set([5]), 'INVALID_ARGUMENT', 'an item of the data is 5'],
    [
      'an Arrow table with vectors of another length',
      makeArrowTable([{ id: 'a', vector: [1, 2] }]),
      'INVALID_DATA',
      'vector',
    ],
    [
      'an Arrow table with other columns',
      makeArrowTable([{ name: 'a' }]),
      'SCHEMA_MISMATCH',
      'name',
    ],
  ])('refuses %s', async (_, data, code, message) => {
    const table = await emptyLadder();
    const error = await rejection(table.add(data));

    expect(error.message).toContain(message);
    expect(error.code).toBe(code);
    expect(await table.version()).toBe(1);
  });

  test('refuses bad options', async () => {
    const table = await emptyLadder();
    const add = (options: any) => rejection(table.add(ladder(1), options));

    expect((await add({ mode: 'replace' })).message).toContain('mode is "replace"');
    expect((await add({ progress: 5 })).message).toContain('progress is 5');
    expect((await add({ onProgress: 5 })).message).toContain("did you mean 'progress'?");
  });

  test('keeps rows that are added at the same time', async () => {
    const table = await emptyLadder();

    await Promise.all(Array.from({ length: 8 }, () => table.add(ladder(5))));

    expect(await table.countRows()).toBe(40);
    expect(await table.version()).toBe(9);
  });
});

describe('what goes in comes out', () => {
  const day = new Date('2024-02-29');
  const field = (name: string, type: arrow.DataType) => new arrow.Field(name, type, true);
  const item = (type: arrow.DataType) => new arrow.Field('item', type, true);
  const map = (keys: arrow.DataType) => {
    const entry = [new arrow.Field('key', keys, false), field('value', new arrow.Int32())];
    return new arrow.Map_(new arrow.Field('entries', new arrow.Struct(entry), false) as any);
  };

  test.each<[string, arrow.DataType, unknown[]]>([
    ['Bool', new arrow.Bool(), [true, false]],
    ['Int8', new arrow.Int8(), [-128, 127]],
    ['Int16', new arrow.Int16(), [-32768, 32767]],
    ['Int32', new arrow.Int32(), [-(2 ** 31), 2 ** 31 - 1]],
    ['Int64', new arrow.Int64(), [-(2n ** 63n), 2n ** 63n - 1n]],
    ['Uint8', new arrow.Uint8(), [0, 255]],
    ['Uint16', new arrow.Uint16(), [0, 65535]],
    ['Uint32', new arrow.Uint32(), [0, 2 ** 32 - 1]],
    ['Uint64', new arrow.Uint64(), [0n, 2n ** 64n - 1n]],
    ['Float16', new arrow.Float16(), [0.5, -2]],
    ['Float32', new arrow.Float32(), [0.5, Number.NaN]],
    ['Float64', new arrow.Float64(), [0.1, -Infinity]],
    ['Utf8', new arrow.Utf8(), ['', 'ä😀']],
    ['LargeUtf8', new arrow.LargeUtf8(), ['', 'ä😀']],
    ['Binary', new arrow.Binary(), [Buffer.from([1, 2]), Buffer.from([])]],
    ['LargeBinary', new arrow.LargeBinary(), [Buffer.from([1, 2]), Buffer.from([])]],
    ['DateDay', new arrow.DateDay(), [day, new Date(0)]],
    ['DateMillisecond', new arrow.DateMillisecond(), [new Date(1_700_000_000_123), day]],
    ['TimestampSecond', new arrow.TimestampSecond(), [-1000, day.getTime()]],
    ['TimestampMillisecond', new arrow.TimestampMillisecond(), [-1, day.getTime()]],
    ['TimestampMicrosecond', new arrow.TimestampMicrosecond(), [-1, 1709208000678.901]],
    ['TimestampNanosecond', new arrow.TimestampNanosecond(), [-1, day.getTime()]],
    ['Decimal', new arrow.Decimal(2, 20, 128), ['12345678901234567.89', '-0.01']],
    ['List', new arrow.List(item(new arrow.Utf8())), [['a', null], []]],
    [
      'List of List',
      new arrow.List(item(new arrow.List(item(new arrow.Float64())))),
      [[[1], null], []],
    ],
    [
      'FixedSizeList of strings',
      new arrow.FixedSizeList(2, item(new arrow.Utf8())),
      [
        ['a', 'b'],
        ['c', null],
      ],
    ],
    [
      'Struct',
      new arrow.Struct([field('a', new arrow.Int32()), field('b', new arrow.Utf8())]),
      [
        { a: 1, b: null },
        { a: null, b: 'x' },
      ],
    ],
    [
      'Struct with a vector',
      new arrow.Struct([field('v', new arrow.FixedSizeList(2, item(new arrow.Float32())))]),
      [{ v: Float32Array.of(1, 2) }, { v: null }],
    ],
    [
      'List of Struct',
      new arrow.List(item(new arrow.Struct([field('a', new arrow.Int32())]))),
      [[{ a: 1 }, null], [{ a: null }]],
    ],
    ['Map of strings', map(new arrow.Utf8()), [{ a: 1, __b: null }, {}]],
    ['Map of numbers', map(new arrow.Int16()), [new Map([[7, 1]]), new Map()]],
    [
      'Timestamp with a zone',
      new arrow.Timestamp(arrow.TimeUnit.MICROSECOND, 'Europe/Berlin'),
      [-1, 0.5],
    ],
    ['TimeSecond', new arrow.TimeSecond(), [0, 86399]],
    ['TimeNanosecond', new arrow.TimeNanosecond(), [0n, 5n]],
    ['DurationMillisecond', new arrow.DurationMillisecond(), [-5n, 5n]],
    ['FixedSizeBinary', new arrow.FixedSizeBinary(2), [Buffer.from([1, 2]), Buffer.from([0, 0])]],
    ['Null', new arrow.Null(), [null, null]],
    ['Dictionary', new arrow.Dictionary(new arrow.Utf8(), new arrow.Int32()), ['a', 'b']],
    [
      'vectors of Float16',
      new arrow.FixedSizeList(2, item(new arrow.Float16())),
      [Float32Array.of(0.5, 2), Float32Array.of(1, 0)],
    ],
    [
      'vectors of Float32',
      new arrow.FixedSizeList(2, item(new arrow.Float32())),
      [Float32Array.of(0.5, 2), Float32Array.of(1, 0)],
    ],
    [
      'vectors of Float64',
      new arrow.FixedSizeList(2, item(new arrow.Float64())),
      [Float64Array.of(0.1, 2), Float64Array.of(1, 0)],
    ],
    [
      'vectors of Uint8',
      new arrow.FixedSizeList(2, item(new arrow.Uint8())),
      [Uint8Array.of(1, 255), Uint8Array.of(0, 1)],
    ],
    [
      'vectors of Int8',
      new arrow.FixedSizeList(2, item(new arrow.Int8())),
      [Int8Array.of(-128, 127), Int8Array.of(0, 1)],
    ],
  ])('%s', async (_, type, values) => {
    const db = await temporaryConnection();
    const schema = new arrow.Schema([field('id', new arrow.Int32()), field('x', type)]);
    const rows = [...values, null].map((x, id) => ({ id, x }));

    const table = await db.createTable('t', rows, { schema });

    const read = await table.query().toArray();
    expect(read).toEqual(rows);
    expect(String((await table.schema()).fields[1]!.type)).toBe(String(type));
    // What was read can be written.
    await table.add(read);
    expect(await table.query().offset(rows.length).toArray()).toEqual(rows);
    expect((await table.toArrow()).numRows).toBe(2 * rows.length);
  });
});
