// The tables of docs/format.md are those that the reader reads by, and that files have.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Field, Utf8 } from 'apache-arrow';
import { expect, test } from 'vitest';
import { connect, Index } from '../lib/index.js';
import { type DocRow, tableAfter } from './format/doc.js';
import * as ivf from './format/ivf_header.js';
import * as manifest from './format/manifest.js';
import { type Layout, sizeOf, TYPES } from './format/record.js';
import * as scalar from './format/scalar.js';
import { PAGE_HEAD } from './format/scalar_page.js';
import { temporaryTables } from './format/tables.js';
import { randomNumbers } from './support.js';

test.each<[string, Layout]>([
  ['### The header page', ivf.HEADER],
  ['A directory entry has 24 bytes.', ivf.DIRECTORY_ENTRY],
  ['An entry has 24 bytes; entries', ivf.CALIBRATION_ENTRY],
  ['The header page:', scalar.HEADER],
  ['A directory entry has 32 bytes.', scalar.DIRECTORY_ENTRY],
])(
  '"%s" is followed by a record in which each member begins where the one before ends',
  (words, layout) => {
    const rows = tableAfter(words).filter((row) => row.what !== '' && row.what !== 'header_crc');

    let at = 0;
    const expected = Object.entries(layout).map(([name, type]) => {
      const row = { at: String(at), what: name.replace(/_2$/, ''), type };
      at += TYPES[type].bytes;
      return row;
    });
    expect(rows.map(({ at, what, type }) => ({ at, what, type }))).toEqual(expected);
    expect(at).toBe(sizeOf(layout));
  },
);

test('a page of keys begins as the document says', () => {
  const rows = tableAfter('A page, whose keys ascend').slice(0, 4);

  expect(rows.map(({ what, type }) => [what, type])).toEqual(Object.entries(PAGE_HEAD));
});

/** Whether a value has a type, in the words of the document. */
const IS: Record<string, (value: any) => boolean> = {
  string: (value) => typeof value === 'string',
  number: (value) => typeof value === 'number',
  boolean: (value) => typeof value === 'boolean',
  array: (value) => Array.isArray(value),
  object: (value) => value instanceof Object && !Array.isArray(value),
  null: (value) => value === null,
  strings: (value) => value.every(IS.string),
  numbers: (value) => value.every(IS.number),
  'file entry': (value) => Object.keys(value).join() === 'path,bytes,crc32c',
  'file entries': (value) => value.length > 0 && value.every(IS['file entry']),
};

/** Says that some objects have the members of a table, and that each is in one of them. */
function expectMembers(table: DocRow[], objects: Array<Record<string, unknown>>) {
  for (const { member, type, means } of table) {
    const found = objects.filter((object) => member! in object);
    expect(found.length, member).toBeGreaterThan(0);
    if (!means!.includes('absent')) expect(found, member).toEqual(objects);
    for (const object of found) {
      const types = type!.split(' or ');
      expect(
        types.some((type) => IS[type]!(object[member!])),
        `${member} is a ${type}`,
      ).toBe(true);
    }
  }
  const known = table.map(({ member }) => member);
  expect(objects.flatMap(Object.keys).filter((name) => !known.includes(name))).toEqual([]);
}

/** The documents of a table in which everything is that a manifest can have. */
async function documents() {
  const { db, folder, pathOf } = await temporaryTables();
  const random = randomNumbers(7);
  const rows = Array.from({ length: 1200 }, (_, id) => ({
    id,
    name: 'a',
    vector: [random(), random()],
  }));
  const table = await db.createTable('t', rows);
  await table.delete('id % 2 = 1');
  await table.optimize();
  await table.delete('id = 0');
  await table.addColumns([
    { name: 'twice', valueSql: 'id * 2' },
    { name: 'half', valueSql: 'id / 2' },
  ]);
  await table.addColumns(new Field('note', new Utf8(), true));
  await table.dropColumns(['name', 'half']);
  await table.createIndex('vector', { config: Index.ivfPq({ numPartitions: 2 }) });
  await table.createIndex('vector', { name: 'flat', config: Index.ivfFlat({ numPartitions: 2 }) });
  await table.createIndex('id', { config: Index.btree() });
  await (await table.tags()).create('tag', 1);
  const relaxed = await connect(folder, { durability: 'relaxed' });
  await (await relaxed.openTable('t')).delete('id = 2');
  const read = (kind: string) =>
    readdirSync(join(pathOf(table), kind)).map((name) =>
      JSON.parse(readFileSync(join(pathOf(table), kind, name), 'utf8')),
    );
  return { manifests: [...read('versions'), ...read('pinned')], tags: read('tags') };
}

test('manifests and tags have the members that the document lists, of those types, and no others', async () => {
  const { manifests, tags } = await documents();

  const segments = manifests.flatMap((manifest) => manifest.segments);
  const indexes = manifests.flatMap((manifest) => manifest.indexes);
  const [ofVectors, ofValues] = [true, false].map((has) =>
    indexes.filter(({ kind }) => kind.startsWith('IVF') === has).map(({ details }) => details),
  );
  for (const [words, { members }, objects] of [
    ['## A manifest', manifest.MANIFEST, manifests],
    ['A file entry says', manifest.FILE, segments.map(({ file }) => file)],
    ['A segment has\n', manifest.SEGMENT, segments],
    ['An index has\n', manifest.INDEX, indexes],
    ['Details of an index of vectors', manifest.VECTOR_DETAILS, ofVectors],
    ['Details of a scalar index', manifest.SCALAR_DETAILS, ofValues],
    ['## Tags', manifest.TAGS, tags],
  ] as const) {
    const table = tableAfter(words);
    expect(table.map(({ member }) => member).sort()).toEqual([...members].sort());
    expectMembers(table, objects!);
  }
});
