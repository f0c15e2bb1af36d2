/**
 * What a command is, and the tables that it is about.
 *
 * @module
 */
import { existsSync } from 'node:fs';
import { type Connection, connect } from '../connection.js';
import type { Table } from '../table.js';
import type { Output } from './output.js';
import { type Given, textOf, type Usage } from './usage.js';

export interface Command extends Usage {
  name: string;
  /** A sentence for `--help`. */
  does: string;
  examples: string[];
  /** Returns the exit code, if it is not 0. */
  run(given: Given, output: Output): Promise<number | undefined>;
}

/** Opens a database that is there: looking at one must not make it. */
async function open(folder: string): Promise<Connection> {
  if (!existsSync(folder)) throw new Error(`there is no folder '${folder}'`);
  return connect(folder);
}

/** The table that the first two words name. */
export async function openTable({ words }: Given): Promise<Table> {
  return (await open(words[0]!)).openTable(words[1]!);
}

/** The one table that `--table` names, or every one of the database. */
export async function* tablesOf(given: Given): AsyncGenerator<Table> {
  const db = await open(given.words[0]!);
  const only = textOf(given, 'table');
  for (const name of only === undefined ? await db.tableNames() : [only]) {
    yield await db.openTable(name);
  }
}
