import { describe, expect, test } from 'vitest';
import { connect } from '../lib/index.js';

async function numbers() {
  const db = await connect('memory://');
  return db.createTable(
    'numbers',
    Array.from({ length: 100 }, (_, id) => ({ id, vector: [id, -id] })),
  );
}

describe('toArraySync and toArrowSync', () => {
  test('give what their promising twins give', async () => {
    const table = await numbers();
    const search = () => table.search([3.2, -3.1]).where('id > 1').limit(4);
    const scan = () => table.query().select({ twice: 'id * 2' }).limit(3);

    expect(search().toArraySync()).toEqual(await search().toArray());
    expect(scan().toArraySync()).toEqual(await scan().toArray());
    expect(search().toArrowSync().toArray().map(String)).toEqual(
      (await search().toArrow()).toArray().map(String),
    );
  });

  test('throw what their twins reject with', async () => {
    const table = await numbers();

    expect(() => table.search([1, 2, 3]).toArraySync()).toThrow(
      expect.objectContaining({ name: 'QuiverError', code: 'DIMENSION_MISMATCH' }),
    );
    expect(() => table.query().where('nope = 1').toArrowSync()).toThrow(
      expect.objectContaining({ code: 'COLUMN_NOT_FOUND' }),
    );
  });

  test('cannot wait for a promised query vector', async () => {
    const table = await numbers();
    const search = table.search(Promise.resolve([1, 2]));

    expect(() => search.toArraySync()).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    );
    expect(await search.limit(1).toArray()).toHaveLength(1);
    expect(search.toArraySync()).toHaveLength(1);
  });
});
