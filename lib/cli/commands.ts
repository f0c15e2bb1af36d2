/**
 * Every command, in the order in which `--help` lists them.
 *
 * @module
 */
import type { Command } from './command.js';
import { buildIndex } from './commands/build-index.js';
import { exportRows } from './commands/export.js';
import { importRows } from './commands/import.js';
import { inspect } from './commands/inspect.js';
import { optimize } from './commands/optimize.js';
import { search } from './commands/search.js';
import { verify } from './commands/verify.js';

export const COMMANDS: readonly Command[] = [
  inspect,
  importRows,
  exportRows,
  buildIndex,
  search,
  verify,
  optimize,
];
