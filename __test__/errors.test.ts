import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { rethrow } from '../lib/errors.js';
import { connect, QuiverError } from '../lib/index.js';
import { didYouMean } from '../lib/options.js';
import { ladder, rejection, temporaryConnection, temporaryFolder } from './support.js';

/** What a native call rejects with: a code, a message, and no stack. */
function nativeError(code: string, message: string): Error {
  return Object.assign(new Error(message), { code, stack: undefined });
}

describe('QuiverError', () => {
  test('has every code of the engine', () => {
    const read = (path: string, code: RegExp) =>
      [...readFileSync(join(__dirname, '..', path), 'utf8').matchAll(code)].map(
        (match) => match[1],
      );

    const engine = read('src/error.rs', /Self::\w+ \{ \.\. \} => "([A-Z_]+)"/g);
    const types = read('lib/errors.ts', /^ {2}\| '([A-Z_]+)'/gm);

    expect(engine.length).toBeGreaterThan(20);
    expect(types.sort()).toEqual([...engine, 'ADDON_NOT_LOADED', 'ARROW_NOT_INSTALLED'].sort());
  });

  test('is an Error that says who it is', async () => {
    const error = await rejection(rethrow(Promise.reject(nativeError('IO', 'the disk is full'))));

    expect(error).toBeInstanceOf(Error);
    expect(String(error)).toBe('QuiverError: the disk is full');
    expect(error.code).toBe('IO');
    expect((error.cause as Error).message).toBe('the disk is full');
  });

  test('has the stack of the caller', async () => {
    async function theCaller() {
      return await rethrow(Promise.reject(nativeError('IO', 'x')));
    }

    const error = await rejection(theCaller());

    expect(error.stack).toContain('theCaller');
  });

  test('is INTERNAL where the addon says nothing better', async () => {
    const error = await rejection(rethrow(Promise.reject(nativeError('GenericFailure', 'x'))));

    expect(error.code).toBe('INTERNAL');
  });
});

describe('didYouMean', () => {
  test.each([
    ['numPartition', " (did you mean 'numPartitions'?)"],
    ['NUMPARTITIONS', " (did you mean 'numPartitions'?)"],
    ['limti', " (did you mean 'limit'?)"],
    ['color', ''],
  ])('%s', (name, hint) => {
    expect(didYouMean(name, ['limit', 'numPartitions', 'metric'])).toBe(hint);
  });
});

describe('what a user meets', () => {
  test('is never a path of the source, and never silence', async () => {
    const db = await temporaryConnection();
    const table = await db.createTable('t', ladder(10));

    const errors = await Promise.all([
      rejection(table.query().where('nope(1)').toArray()),
      rejection(table.query().where("id = 'a' = 'b' ~~~ 3").toArray()),
      rejection(table.query().where('id = 1; DROP TABLE t').toArray()),
      rejection(table.countRows('id +')),
      rejection(table.query().select({ x: 'sum(id)' }).toArray()),
      rejection(table.dropIndex('x')),
    ]);

    for (const error of errors) {
      expect(error.message.length).toBeGreaterThan(20);
      expect(error.message).not.toMatch(/\.rs\b|panicked|src\//);
      expect(error.code).not.toBe('INTERNAL');
      expect(error.code).toMatch(/^[A-Z_]+$/);
    }
  });

  test('is an error when a file stands where the folder should', async () => {
    const file = join(__dirname, 'errors.test.ts');
    const error = await rejection(connect(file));

    expect(error).toBeInstanceOf(QuiverError);
    expect(error.code).toBe('IO');
    expect(error.message).toContain('errors.test.ts');
  });

  test('is CORRUPTED, with the file, when a file of the table is damaged', async () => {
    const { readdirSync, truncateSync } = await import('node:fs');
    const folder = temporaryFolder();
    const db = await connect(folder);
    await db.createTable('t', ladder(100));
    const data = join(folder, 't.quiver/data');
    const [segment] = readdirSync(data).filter((name) => name.endsWith('.arrow'));
    truncateSync(join(data, segment!), 500);

    const reading = (await connect(folder)).openTable('t').then((table) => table.query().toArray());

    const error = await rejection(reading);
    expect(error.code).toBe('CORRUPTED');
    expect(error.message).toContain(segment);
  });
});
