// Arrow in and out: a file that pyarrow, Polars or another Arrow tool wrote becomes a table, and what a query
// finds becomes a file for them.
//
//     npm run example examples/arrow_in_out.ts [IN.arrow]
//
// In Python, `pyarrow.ipc.new_file(...)` and `polars.DataFrame.write_ipc` write such files, and
// `pyarrow.ipc.open_file('.data/found.arrow').read_all()` reads the result.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { connect, makeArrowTable } from 'quiverdb';

// The build of apache-arrow that quiverdb hands out tables of: the other one does not recognise them.
const { tableFromIPC, tableToIPC } = createRequire(import.meta.url)(
  'apache-arrow',
) as typeof import('apache-arrow');

await mkdir('.data', { recursive: true });
const source = process.argv[2] ?? '.data/words.arrow';
if (process.argv[2] === undefined) {
  const words = ['one', 'two', 'three', 'four'].map((word, i) => ({ word, vector: [i, i * i, 1] }));
  await writeFile(source, tableToIPC(makeArrowTable(words), 'file'));
}

const db = await connect('.data/arrow');
const table = await db.createTable('words', tableFromIPC(await readFile(source)), {
  mode: 'overwrite',
});
console.log(`${source}: ${await table.countRows()} rows of`, (await table.schema()).toString());

const { vector } = (await table.takeOffsets([1]).toArray())[0]!;
const found = await table.search(vector).limit(2).toArrow();
await writeFile('.data/found.arrow', tableToIPC(found, 'file'));
console.log(`.data/found.arrow: ${found.numRows} rows, ${[...found.getChild('_distance')!]}`);
