/**
 * From an empty folder to the nearest neighbours of real words. Run it with `npm run quickstart`.
 *
 * The first run installs the words, loads them into a table and builds an index. Later runs open what
 * is there; remove `.data/quickstart` to start again.
 */
import { join } from 'node:path';
import { type Connection, connect, Index, type Table } from 'quiverdb';
import { folderBytes, measured, median, megabytes, milliseconds, recall } from './measure.js';
import { ProgressBar } from './progress.js';
import { installWords, readWords, WORD_COUNT, type Word } from './words.js';

const FOLDER = '.data/quickstart';

/** 512 groups of about 670 words; 50 bytes stand for the 400 bytes of a vector. */
const INDEX = { distanceType: 'cosine', numPartitions: 512, numSubVectors: 50 } as const;

/** A query reads 64 of the 512 groups, and recomputes the distances of the best 100 exactly. */
const QUERY = { nprobes: 64, refineFactor: 10, limit: 10 } as const;

/** Words that are kept out of the table, so that the index has never seen what it is asked for. */
const HELD_OUT_EVERY = 1707;
const isHeldOut = (rank: number) => rank % HELD_OUT_EVERY === 853;

const count = (value: number) => value.toLocaleString('en-US');

const db = await connect(FOLDER);
const { words, heldOut } = await loadWords(db);
await indexWords(words);
await showNeighbours(words);
await compareWithExact(words, heldOut);

/** The tables `words` and `held_out`, from the earlier run or made now. */
async function loadWords(db: Connection): Promise<{ words: Table<Word>; heldOut: Word[] }> {
  console.log(`\nWords, in ${FOLDER}`);
  const names = await db.tableNames();
  // The small table is written last, so it says that the large one is whole.
  if (!names.includes('held_out')) {
    const bytes = installWords();
    console.log(`  installed ${megabytes(bytes)} of GloVe vectors`);
    const kept: Word[] = [];
    const bar = new ProgressBar('load');
    await db.createTable('words', batches(kept, bar), { mode: 'overwrite' });
    await db.createTable('held_out', kept, { mode: 'overwrite' });
    bar.finish(`${count(WORD_COUNT - kept.length)} words, and ${kept.length} held out to ask with`);
  }
  const words = await db.openTable<Word>('words');
  const heldOut = await (await db.openTable<Word>('held_out')).query().toArray();
  console.log(
    `  the table has ${count(await words.countRows())} rows, ${await onDisk('words')} on disk`,
  );
  return { words, heldOut };
}

/** The words in batches of a few thousand, less the ones that are held out. */
async function* batches(heldOut: Word[], bar: ProgressBar): AsyncGenerator<Word[]> {
  let batch: Word[] = [];
  for await (const word of readWords()) {
    (isHeldOut(word.rank) ? heldOut : batch).push(word);
    if (batch.length === 8192) {
      yield batch;
      batch = [];
    }
    bar.update(word.rank, WORD_COUNT);
  }
  if (batch.length > 0) yield batch;
}

/** Builds the index, unless an earlier run did. */
async function indexWords(table: Table<Word>): Promise<void> {
  const { distanceType, numPartitions, numSubVectors } = INDEX;
  console.log(
    `\nIndex: IVF_PQ, ${distanceType}, ${numPartitions} partitions, ${numSubVectors} sub-vectors`,
  );
  if ((await table.listIndices()).length === 0) {
    let bar: ProgressBar | undefined;
    let stage = '';
    const { seconds, peakBytes } = await measured(() =>
      table.createIndex('vector', {
        config: Index.ivfPq(INDEX),
        onProgress: (progress) => {
          if (progress.stage !== stage) {
            bar?.finish();
            bar = new ProgressBar(progress.stage);
            stage = progress.stage;
          }
          bar?.update(progress.done, progress.total);
        },
      }),
    );
    bar?.finish();
    console.log(
      `  built in ${seconds.toFixed(1)} s, peak memory ${megabytes(peakBytes)} of the whole process`,
    );
  }
  const [index] = await table.listIndices();
  console.log(`  ${index.name} covers ${count(index.numIndexedRows ?? 0)} rows`);
  console.log(`  table and index take ${await onDisk('words')} on disk`);
}

/** The neighbours of a few words, and of one word among the common words only. */
async function showNeighbours(table: Table<Word>): Promise<void> {
  console.log('\nNeighbours');
  for (const word of ['king', 'paris', 'guitar', 'mathematics', 'happy']) {
    const rows = await search(table, await vectorOf(table, word))
      .where(`word != '${word}'`)
      .select(['word'])
      .limit(8)
      .toArray();
    console.log(`  ${word.padEnd(12)} ${rows.map((row) => row.word).join(', ')}`);
  }

  const filter = "rank < 3000 AND word != 'guitar'";
  const common = await search(table, await vectorOf(table, 'guitar'))
    .where(filter)
    .select(['word', 'rank'])
    .limit(5)
    .toArray();
  console.log(`\nNeighbours of guitar where ${filter}`);
  for (const { word, rank, _distance } of common) {
    console.log(
      `  ${word.padEnd(12)} rank ${`${rank}`.padStart(4)}  distance ${_distance.toFixed(4)}`,
    );
  }
}

/** Asks for the neighbours of every held-out word, with the index and without. */
async function compareWithExact(table: Table<Word>, heldOut: Word[]): Promise<void> {
  console.log(
    `\n${heldOut.length} held-out words, ${QUERY.limit} neighbours each: ` +
      `nprobes ${QUERY.nprobes}, refineFactor ${QUERY.refineFactor}`,
  );
  const exact = await answers(heldOut, (vector) => search(table, vector).bypassVectorIndex());
  const indexed = await answers(heldOut, (vector) => search(table, vector));
  const ratio = exact.medianMs / indexed.medianMs;
  console.log(`  recall@${QUERY.limit}       ${recall(indexed.words, exact.words).toFixed(4)}`);
  console.log(`  exact query     ${milliseconds(exact.medianMs)} median`);
  console.log(
    `  indexed query   ${milliseconds(indexed.medianMs)} median, ${ratio.toFixed(1)} times faster`,
  );
}

type Search = ReturnType<typeof search>;

/** The answers to one query after the other, and the median time of one. */
async function answers(queries: Word[], ask: (vector: Float32Array) => Search) {
  // The first queries read the files into memory; they are asked again below.
  for (const { vector } of queries.slice(0, 10)) await ask(vector).toArray();
  const words: string[][] = [];
  const times: number[] = [];
  for (const { vector } of queries) {
    const query = ask(vector).select(['word']);
    const started = performance.now();
    const rows = await query.toArray();
    times.push(performance.now() - started);
    words.push(rows.map((row) => row.word));
  }
  return { words, medianMs: median(times) };
}

/** A search with the settings above. */
function search(table: Table<Word>, vector: Float32Array) {
  return table
    .search(vector)
    .distanceType(INDEX.distanceType)
    .nprobes(QUERY.nprobes)
    .refineFactor(QUERY.refineFactor)
    .limit(QUERY.limit);
}

/** The stored vector of a word. */
async function vectorOf(table: Table<Word>, word: string): Promise<Float32Array> {
  const [row] = await table.query().where(`word = '${word}'`).select(['vector']).limit(1).toArray();
  if (!row) throw new Error(`the table has no word '${word}'`);
  return row.vector;
}

async function onDisk(table: string): Promise<string> {
  return megabytes(folderBytes(join(FOLDER, `${table}.quiver`)));
}
