/**
 * The caller's own apache-arrow, if there is one: an optional peer dependency, any version from 15 to 21.
 *
 * Its types are `any` where it is not installed; `.ci/build-ts.mjs` keeps that from being an error in
 * programs that check the declarations of their libraries.
 *
 * @module
 */
import { QuiverError } from '../errors.js';
import * as own from './library.js';

/** A table of apache-arrow. */
export type ArrowTable = import('apache-arrow').Table;

/** A schema of apache-arrow. */
export type ArrowSchema = import('apache-arrow').Schema;

/** A record batch of apache-arrow. */
export type ArrowBatch = import('apache-arrow').RecordBatch;

/** What is used of a caller's apache-arrow. */
interface Peer {
  tableFromIPC(ipc: Uint8Array): ArrowTable;
}

let found: Peer | Error | undefined;

function find(): Peer | Error {
  if (found === undefined) {
    try {
      found = require('apache-arrow') as Peer;
    } catch (error) {
      found = error as Error;
    }
  }
  return found;
}

/**
 * The caller's apache-arrow.
 *
 * @param method what needs it, for the message
 *
 * @throws {QuiverError} `ARROW_NOT_INSTALLED`
 */
export function peer(method: string): Peer {
  const arrow = find();
  if (!(arrow instanceof Error)) return arrow;
  throw new QuiverError(
    'ARROW_NOT_INSTALLED',
    `${method} makes Arrow tables with the package apache-arrow, which could not be loaded; install any ` +
      `version from 15 to 21 beside quiverdb: npm install apache-arrow. What was said: ${firstLine(arrow)}`,
    { cause: arrow },
  );
}

/** An Arrow IPC stream as a table of the caller's apache-arrow; of the copy in this package if there is none. */
export function anyTable(ipc: Uint8Array): ArrowTable {
  const arrow = find();
  return arrow instanceof Error ? own.tableFromIPC(ipc) : arrow.tableFromIPC(ipc);
}

function firstLine(error: Error): string {
  return error.message.split('\n')[0]!;
}
