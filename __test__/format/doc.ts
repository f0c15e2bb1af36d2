/** The tables of docs/format.md. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { check } from './bytes.js';

/** A row of a table, by the names of its columns. */
export type DocRow = Record<string, string>;

const DOC = join(__dirname, '../../docs/format.md');

/** The table that follows the paragraph which begins with, or has, these words. */
export function tableAfter(words: string): DocRow[] {
  const doc = readFileSync(DOC, 'utf8');
  const at = doc.indexOf(words);
  check(at >= 0 && doc.indexOf(words, at + 1) < 0, `docs/format.md has not "${words}" once`);
  const lines = doc.slice(at).split('\n');
  const first = lines.findIndex((line) => line.startsWith('|'));
  const rest = lines.slice(first);
  const table = rest.slice(
    0,
    rest.findIndex((line) => !line.startsWith('|')),
  );
  const [head, , ...rows] = table.map(cellsOf);
  return rows.map((cells) => Object.fromEntries(head.map((name, i) => [name, cells[i]])));
}

/** The cells of a line of a table, without the marks of code. */
function cellsOf(line: string): string[] {
  const cells = line.split('|').slice(1, -1);
  return cells.map((cell) => cell.trim().replaceAll('`', ''));
}
