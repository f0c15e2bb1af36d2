import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as arrow from 'apache-arrow';
import { describe, expect, test } from 'vitest';
import { Connection, connect, Index, makeArrowTable, Table } from '../lib/index.js';
import { filesIn, ladder, rejection, temporaryConnection, temporaryFolder } from './support.js';

const SCHEMA = { fields: [{ name: 'id', type: 'utf8' }] };

describe('connect', () => {
  test('makes the folder, with those above it', async () => {
    const folder = join(temporaryFolder(), 'a/b');

    const db = await connect(folder);

    expect(db).toBeInstanceOf(Connection);
    expect(existsSync(folder)).toBe(true);
    expect(await db.tableNames()).toEqual([]);
    expect(db.display()).toContain(folder);
  });

  test('takes a path, a file address, or an object', async () => {
    const folder = temporaryFolder();
    await (await connect(folder)).createTable('t', ladder(1));

    for (const target of [{ uri: folder }, { uri: folder, readConsistencyInterval: 5 }]) {
      expect(await (await connect(target)).tableNames()).toEqual(['t']);
    }
    expect(await (await connect(pathToFileURL(folder).href)).tableNames()).toEqual(['t']);
  });

  test('writes without waiting for the disk, and readers see it all the same', async () => {
    const folder = temporaryFolder();
    const db = await connect(folder, { durability: 'relaxed' });
    const table = await db.createTable('t', ladder(3));
    await table.add(ladder(2));

    const other = await (await connect({ uri: folder, durability: 'full' })).openTable('t');

    expect(await other.countRows()).toBe(5);
    await other.add(ladder(1));
    expect(await table.countRows()).toBe(6);
    expect((await table.verify()).problems).toEqual([]);
  });

  test('keeps tables in memory for as long as one of its handles lives', async () => {
    const db = await connect('memory://');
    const other = await connect('memory://');
    const table = await db.createTable('t', ladder(3));

    expect(await db.tableNames()).toEqual(['t']);
    expect(await other.tableNames()).toEqual([]);
    db.close();
    expect(await table.countRows()).toBe(3);
  });

  test.each([
    [undefined, undefined, 'uri is undefined'],
    ['', undefined, 'uri is ""'],
    [5, undefined, 'uri is 5'],
    [{}, undefined, 'uri is undefined'],
    ['x', { readConsistencyInterval: -1 }, 'readConsistencyInterval is -1'],
    ['x', { readConsistencyInterval: Number.NaN }, 'readConsistencyInterval is NaN'],
    ['x', { durability: 'fast' }, 'durability is "fast"'],
    ['x', { durability: true }, 'durability is true'],
    ['x', { readConsistencyIntervall: 1 }, "did you mean 'readConsistencyInterval'?"],
    ['x', { keepVersions: 0 }, 'keepVersions is 0'],
    ['x', 5, 'the options of connect is 5'],
  ])('refuses %j with %j', async (uri, options, message) => {
    const error = await rejection(connect(uri as any, options as any));

    expect(error.code).toBe('INVALID_ARGUMENT');
    expect(error.message).toContain(message);
  });

  test('refuses addresses of stores that it does not know', async () => {
    expect((await rejection(connect('s3://bucket/folder'))).code).toBe('INVALID_ARGUMENT');
  });
});

describe('Connection.close', () => {
  test('closes the connection and leaves its tables open', async () => {
    const db = await temporaryConnection();
    const table = await db.createTable('t', ladder(2));

    expect(db.isOpen()).toBe(true);
    db.close();
    db.close();

    expect(db.isOpen()).toBe(false);
    expect((await rejection(db.tableNames())).code).toBe('CLOSED');
    expect((await rejection(db.openTable('t'))).code).toBe('CLOSED');
    expect((await rejection(db.createTable('u', ladder(1)))).code).toBe('CLOSED');
    expect((await rejection(db.dropTable('t'))).code).toBe('CLOSED');
    expect(await table.countRows()).toBe(2);
  });
});

describe('Connection.tableNames', () => {
  test('is sorted, and can be read page by page', async () => {
    const db = await temporaryConnection();
    for (const name of ['b', 'd', 'a', 'c']) await db.createEmptyTable(name, SCHEMA);

    expect(await db.tableNames()).toEqual(['a', 'b', 'c', 'd']);
    expect(await db.tableNames({ limit: 2 })).toEqual(['a', 'b']);
    expect(await db.tableNames({ startAfter: 'b' })).toEqual(['c', 'd']);
    expect(await db.tableNames([], { startAfter: 'a', limit: 1 })).toEqual(['b']);
    expect((await rejection(db.tableNames({ limit: -1 }))).message).toContain('limit is -1');
    expect((await rejection(db.tableNames(['space']))).code).toBe('INVALID_ARGUMENT');
  });
});

describe('Connection.createTable', () => {
  test('makes a table with its rows, as version 1', async () => {
    const db = await temporaryConnection();

    const table = await db.createTable('t', ladder(3));

    expect(table).toBeInstanceOf(Table);
    expect(table.name).toBe('t');
    expect(await table.countRows()).toBe(3);
    expect(await table.version()).toBe(1);
    expect((await table.schema()).fields.map((field) => `${field.name}: ${field.type}`)).toEqual([
      'id: Utf8',
      'vector: FixedSizeList[4]<Float32>',
    ]);
  });

  test('may be called in every way that the peer has', async () => {
    const db = await temporaryConnection();
    const data = ladder(1);

    await db.createTable('a', data, { mode: 'create' });
    await db.createTable('b', data, [], { mode: 'create' });
    await db.createTable('c', data, []);
    await db.createTable({ name: 'd', data });
    await db.createTable({ name: 'e', data, mode: 'overwrite' }, []);

    expect(await db.tableNames()).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  test('refuses a name that is taken', async () => {
    const db = await temporaryConnection();
    await db.createTable('t', ladder(1));

    const error = await rejection(db.createTable('t', ladder(5)));

    expect(error.code).toBe('TABLE_EXISTS');
    expect(error.message).toContain("'t' already exists");
    expect(await (await db.openTable('t')).countRows()).toBe(1);
  });

  test('overwrites rows and columns with a new version', async () => {
    const db = await temporaryConnection();
    const before = await db.createTable('t', ladder(3));

    const after = await db.createTable('t', [{ name: 'x' }], { mode: 'overwrite' });

    expect(await after.version()).toBe(2);
    expect((await after.schema()).names).toEqual(['name']);
    expect(await after.query().toArray()).toEqual([{ name: 'x' }]);
    expect(await before.countRows()).toBe(1);
  });

  test('returns the table that exists, and ignores the data, with existOk', async () => {
    const db = await temporaryConnection();
    await db.createTable('t', ladder(3));

    const pulled: number[] = [];
    const stream = (async function* () {
      pulled.push(1);
      yield ladder(1);
    })();
    const table = await db.createTable('t', stream, { existOk: true });

    expect(await table.countRows()).toBe(3);
    expect(pulled).toEqual([]);
    expect(await (await db.createTable('new', ladder(2), { existOk: true })).countRows()).toBe(2);
  });

  test('checks a schema against the table that exists', async () => {
    const db = await temporaryConnection();
    const table = await db.createEmptyTable('t', SCHEMA);

    await db.createTable('t', [], { existOk: true, schema: await table.schema() });
    const other = { fields: [{ name: 'id', type: 'int32' }] };
    const error = await rejection(db.createTable('t', [], { existOk: true, schema: other }));

    expect(error.code).toBe('SCHEMA_MISMATCH');
    expect(error.message).toContain("column 'id' is given as Int32, the table has Utf8");
  });

  test('gives everyone the same table when several make it at once', async () => {
    const db = await temporaryConnection();

    const tables = await Promise.all(
      [1, 2, 3, 4].map((rows) => db.createTable('t', ladder(rows), { existOk: true })),
    );

    const counts = await Promise.all(tables.map((table) => table.countRows()));
    expect(new Set(counts).size).toBe(1);
  });

  test('converts objects to the schema that it is given', async () => {
    const db = await temporaryConnection();
    const schema = new arrow.Schema([
      new arrow.Field('n', new arrow.Int32(), false),
      new arrow.Field(
        'v',
        new arrow.FixedSizeList(2, new arrow.Field('item', new arrow.Float16())),
        true,
      ),
    ]);

    const table = await db.createTable('t', [{ n: 1, v: [0.5, 1] }, { n: 2 }], { schema });

    expect((await table.schema()).fields.map((field) => String(field.type))).toEqual([
      'Int32',
      'FixedSizeList[2]<Float16>',
    ]);
    expect(await table.query().toArray()).toEqual([
      { n: 1, v: Float32Array.of(0.5, 1) },
      { n: 2, v: null },
    ]);
  });

  test('leaves nothing behind when a row does not fit', async () => {
    const folder = temporaryFolder();
    const db = await connect(folder);
    const rows = [...ladder(20_000), { id: 7, vector: [1, 2, 3, 4] }];

    const error = await rejection(db.createTable('t', rows));

    expect(error.code).toBe('INVALID_DATA');
    expect(error.message).toContain("row 20000, column 'id'");
    expect(await db.tableNames()).toEqual([]);
    expect(filesIn(folder)).toEqual([]);
  });

  test.each<[string, any[], string, string]>([
    ['no data', ['t', undefined], 'INVALID_ARGUMENT', 'data is undefined'],
    ['a string for data', ['t', 'rows'], 'INVALID_ARGUMENT', 'data is "rows"'],
    ['a number for data', ['t', 5], 'INVALID_ARGUMENT', 'data is 5'],
    ['one object for data', ['t', { id: 1 }], 'INVALID_ARGUMENT', 'data is an object'],
    ['no rows and no schema', ['t', []], 'INVALID_ARGUMENT', 'at least one record or a schema'],
    ['a row that is a number', ['t', [5]], 'INVALID_DATA', 'row 0 is'],
    ['no name', [undefined, []], 'INVALID_ARGUMENT', 'name is undefined'],
    ['a bad name', ['a/b', [{ id: 1 }]], 'INVALID_TABLE_NAME', "'a/b'"],
    ['a name of dots', ['..', [{ id: 1 }]], 'INVALID_TABLE_NAME', "'..'"],
    ['a bad mode', ['t', [{ id: 1 }], { mode: 'foo' }], 'INVALID_ARGUMENT', 'mode is "foo"'],
    ['a bad existOk', ['t', [{ id: 1 }], { existOk: 1 }], 'INVALID_ARGUMENT', 'existOk is 1'],
    [
      'an unknown option',
      ['t', [], { existOK: true }],
      'INVALID_ARGUMENT',
      "did you mean 'existOk'?",
    ],
    [
      'a column named as a result names its own',
      ['t', [{ _rowid: 1 }]],
      'SCHEMA_MISMATCH',
      '_rowid',
    ],
    [
      'an infinite vector',
      ['t', [{ vector: [1, 2] }, { vector: [1, -Infinity] }]],
      'INVALID_DATA',
      "row 1, column 'vector': value 1 of the vector is -inf",
    ],
    ['a namespace', ['t', [{ id: 1 }], ['space']], 'INVALID_ARGUMENT', 'namespace'],
  ])('refuses %s', async (_, args, code, message) => {
    const db = await temporaryConnection();
    const error = await rejection((db.createTable as any)(...args));

    expect(error.code).toBe(code);
    expect(error.message).toContain(message);
    expect(await db.tableNames()).toEqual([]);
  });
});

describe('Connection.createEmptyTable', () => {
  test('makes a table with columns and no rows', async () => {
    const db = await temporaryConnection();

    const table = await db.createEmptyTable('t', makeArrowTable(ladder(1)).schema);

    expect(await table.countRows()).toBe(0);
    expect(await table.query().toArray()).toEqual([]);
    expect(await table.search([1, 2, 3, 4]).toArray()).toEqual([]);
    expect((await table.toArrow()).schema.names).toEqual(['id', 'vector']);
    await table.add(ladder(2));
    expect(await table.countRows()).toBe(2);
  });

  test('follows mode and existOk', async () => {
    const db = await temporaryConnection();
    await db.createEmptyTable('t', SCHEMA);

    expect((await rejection(db.createEmptyTable('t', SCHEMA))).code).toBe('TABLE_EXISTS');
    await db.createEmptyTable('t', SCHEMA, { existOk: true });
    await db.createEmptyTable('t', SCHEMA, [], { mode: 'overwrite' });
    expect((await rejection(db.createEmptyTable('t', null as any))).code).toBe('INVALID_ARGUMENT');
  });
});

describe('Connection.openTable', () => {
  test('names the nearest table if there is none of that name', async () => {
    const db = await temporaryConnection();
    await db.createTable('cities', ladder(1));

    const error = await rejection(db.openTable('citys'));

    expect(error.code).toBe('TABLE_NOT_FOUND');
    expect(error.message).toBe("table 'citys' was not found (did you mean 'cities'?)");
    expect((await rejection(db.openTable('words'))).message).toBe(
      "table 'words' was not found; the tables are 'cities'",
    );
    expect((await rejection(db.openTable(''))).code).toBe('INVALID_ARGUMENT');
    expect((await rejection(db.openTable('t', { version: 1 } as any))).message).toContain(
      'version',
    );
  });
});

describe('Connection.dropTable', () => {
  test('removes a table, and its name can be used again', async () => {
    const folder = temporaryFolder();
    const db = await connect(folder);
    await db.createTable('t', ladder(3));

    await db.dropTable('t');

    expect(await db.tableNames()).toEqual([]);
    expect(readdirSync(folder)).toEqual([]);
    expect((await rejection(db.openTable('t'))).code).toBe('TABLE_NOT_FOUND');
    expect((await rejection(db.dropTable('t'))).code).toBe('TABLE_NOT_FOUND');
    expect(await (await db.createTable('t', ladder(1))).version()).toBe(1);
  });

  test('ends what others are doing with the table, and says why', async () => {
    const folder = temporaryFolder();
    const db = await connect(folder);
    const table = await db.createTable('t', ladder(20_000, 16));
    const reader = table.query()[Symbol.asyncIterator]();
    await reader.next();
    let dropped: Promise<void> | undefined;

    const config = Index.ivfPq({ numPartitions: 100, numSubVectors: 8 });
    const onProgress = () => {
      dropped ??= db.dropTable('t');
    };
    const error = await rejection(table.createIndex('vector', { config, onProgress }));
    await dropped;

    expect(error.message).toBe("table 't' was not found");
    expect((await rejection(table.countRows())).code).toBe('TABLE_NOT_FOUND');
    expect((await rejection(table.add(ladder(1, 16)))).code).toBe('TABLE_NOT_FOUND');
    expect(readdirSync(folder)).toEqual([]);
    // What is being read was there when it was asked for.
    let rows = 1024;
    for await (const batch of reader) rows += batch.numRows;
    expect(rows).toBe(20_000);
  });

  test('ends an addition that is under way', async () => {
    const folder = temporaryFolder();
    const db = await connect(folder);
    const table = await db.createTable('t', ladder(3));
    async function* rows() {
      yield ladder(1);
      await db.dropTable('t');
      yield ladder(1);
    }

    const error = await rejection(table.add(rows()));

    expect(error.message).toBe("table 't' was not found");
    expect(readdirSync(folder)).toEqual([]);
  });

  test('closes the handles of a table whose name is used again', async () => {
    const db = await temporaryConnection();
    const table = await db.createTable('t', ladder(3));
    await db.dropTable('t');
    await db.createTable('t', [{ other: 1 }]);

    expect((await rejection(table.query().toArray())).code).toBe('CLOSED');
    expect((await rejection(table.add(ladder(1)))).code).toBe('CLOSED');
  });

  test('can remove all tables', async () => {
    const db = await temporaryConnection();
    await db.createTable('a', ladder(1));
    await db.createTable('b', ladder(1));

    await db.dropAllTables();

    expect(await db.tableNames()).toEqual([]);
    expect((await rejection(db.openTable('a'))).message).toContain('this connection has no tables');
    await db.dropAllTables([]);
  });
});
