// Takes the tables of a folder of @lancedb/lancedb along: rows batch by batch, then the indexes of vectors.
//
//     npm install --no-save @lancedb/lancedb
//     npm run example examples/from_lancedb.ts OLD_FOLDER [NEW_FOLDER]
import { connect, type DistanceType, Index, type RecordBatchLike } from 'quiverdb';

/** What is used of @lancedb/lancedb here. */
interface LanceTable {
  query(): AsyncIterable<RecordBatchLike>;
  countRows(): Promise<number>;
  listIndices(): Promise<Array<{ name: string; columns: string[] }>>;
  indexStats(name: string): Promise<{ distanceType?: string } | undefined>;
}
interface LanceConnection {
  tableNames(): Promise<string[]>;
  openTable(name: string): Promise<LanceTable>;
}

const [source, target = '.data/from_lancedb'] = process.argv.slice(2);
if (source === undefined) throw new Error('say which folder of @lancedb/lancedb to take along');

// Not in this project: its name is a variable, so that this compiles without it.
const name = '@lancedb/lancedb';
const lancedb: { connect(folder: string): Promise<LanceConnection> } = await import(name);
const [old, db] = await Promise.all([lancedb.connect(source), connect(target)]);

for (const tableName of await old.tableNames()) {
  const from = await old.openTable(tableName);
  const table = await db.createTable(tableName, from.query(), { mode: 'overwrite' });

  for (const index of await from.listIndices()) {
    const { distanceType } = (await from.indexStats(index.name)) ?? {};
    // Indexes for filters have no distance; `createIndex` picks one by the type of the column.
    const config = distanceType && Index.ivfPq({ distanceType: distanceType as DistanceType });
    await table.createIndex(index.columns[0]!, config ? { config } : undefined);
  }

  const [rows, expected] = await Promise.all([table.countRows(), from.countRows()]);
  if (rows !== expected) throw new Error(`${tableName} has ${rows} rows of ${expected}`);
  const indexes = (await table.listIndices()).map(({ name }) => name);
  console.log(`${tableName}: ${rows} rows, indexes: ${indexes.join(', ') || 'none'}`);
}
