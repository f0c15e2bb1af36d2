/** What the tests of the reader need: tables in a folder, and quiverdb's own answers to compare with. */
import { join } from 'node:path';
import { expect } from 'vitest';
import { connect, type Table } from '../../lib/index.js';
import { temporaryFolder } from '../support.js';
import { plain, rowsOf } from './segment.js';
import { readTable, type Table as TableFiles } from './table.js';
import type { Version } from './version.js';

/** A connection to a folder of the test's own, and a way to read its tables without it. */
export async function temporaryTables() {
  const folder = temporaryFolder();
  const db = await connect(folder);
  const pathOf = (table: Table) => join(folder, `${table.name}.quiver`);
  return { folder, db, pathOf, read: (table: Table) => readTable(pathOf(table)) };
}

/** The rows that a program without quiverdb finds in a version. */
export function rowsIn({ segments, schema }: Version) {
  return segments.flatMap((segment) => rowsOf(segment, schema));
}

/** The rows that quiverdb finds in the version that `table` shows. */
async function rowsFound(table: Table) {
  const rows = await table.query().withRowId().toArrow();
  return rows.toArray().map((row) => ({ ...(plain(row) as object), _rowid: Number(row._rowid) }));
}

/** Says that each version has the rows that quiverdb finds in it, and that no file is in none. */
export async function expectSameRows(table: Table, { versions, unnamed }: TableFiles) {
  for (const version of versions) {
    await table.checkout(version.manifest.version);
    expect(rowsIn(version)).toEqual(await rowsFound(table));
  }
  await table.checkoutLatest();
  expect(unnamed).toEqual([]);
}
