/**
 * What the command can do.
 *
 * @module
 */
import { existsSync } from 'node:fs';
import { type Connection, connect } from '../connection.js';
import { Index } from '../indices.js';
import type { Table } from '../table.js';
import { readRows, writeRows } from './files.js';
import { bytes, columns, type Output, plain } from './output.js';
import { type Given, textOf, type Usage, UsageError, wholeNumberOf } from './usage.js';

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

async function openTable({ words }: Given): Promise<Table> {
  return (await open(words[0]!)).openTable(words[1]!);
}

/** The tables that a command is about: the one that `--table` names, or every one of the database. */
async function* tablesOf(given: Given): AsyncGenerator<Table> {
  const db = await open(given.words[0]!);
  const only = textOf(given, 'table');
  for (const name of only === undefined ? await db.tableNames() : [only]) {
    yield await db.openTable(name);
  }
}

async function textColumns(table: Table): Promise<string[]> {
  const { fields } = await table.schema();
  return fields.filter(({ type }: any) => String(type) === 'Utf8').map(({ name }: any) => name);
}

async function describe(table: Table) {
  const [rows, version, schema, indexes, disk] = await Promise.all([
    table.countRows(),
    table.version(),
    table.schema(),
    table.listIndices(),
    table.diskUsage(),
  ]);
  return {
    table: table.name,
    rows,
    version,
    columns: schema.fields.map((field: any) => ({ name: field.name, type: String(field.type) })),
    indexes: indexes.map(({ name, indexType, columns, numUnindexedRows }) => ({
      name,
      type: indexType,
      column: columns[0]!,
      unindexedRows: numUnindexedRows,
    })),
    disk,
  };
}

const inspect: Command = {
  name: 'inspect',
  usage: 'inspect <db>',
  does: 'Shows the tables: rows, columns, indexes, and what they take on the disk.',
  options: { table: { type: 'string', does: 'shows only this table' } },
  examples: ['inspect data', 'inspect data --table fruit --json'],
  async run(given, output) {
    for await (const table of tablesOf(given)) {
      const found = await describe(table);
      output.result(found, [
        `${table.name}: ${found.rows} rows, version ${found.version}, ${bytes(found.disk.totalBytes)} in ${found.disk.files} files`,
        ...columns(found.columns.map((column: any) => ['  column', column.name, column.type])),
        ...columns(
          found.indexes.map(({ name, type, column, unindexedRows }) => [
            '  index ',
            name,
            `${type} on ${column}`,
            unindexedRows === 0 ? 'up to date' : `${unindexedRows} rows not in it`,
          ]),
        ),
      ]);
    }
    return undefined;
  },
};

const importRows: Command = {
  name: 'import',
  usage: 'import <db> <table> <file>',
  does: 'Adds the rows of a file (.jsonl, .csv, .arrow) to a table, which is made if it is not there.',
  options: { overwrite: { type: 'boolean', does: 'replaces the rows that are there' } },
  examples: ['import data fruit fruit.jsonl', 'import data fruit fruit.csv --overwrite'],
  async run({ words, options }, output) {
    const [folder, name, file] = words as [string, string, string];
    if (!existsSync(file)) throw new Error(`there is no file '${file}'`);
    const db = await connect(folder);
    const there = !options.overwrite && (await db.tableNames()).includes(name);
    let table = there ? await db.openTable(name) : undefined;
    const rows = await readRows(file, new Set(table && (await textColumns(table))));
    if (table !== undefined) {
      await table.add(rows, {
        progress: ({ outputRows, totalRows }) =>
          output.progress({ stage: 'rows', done: outputRows, total: totalRows }),
      });
    } else {
      table = await db.createTable(name, rows, {
        mode: options.overwrite ? 'overwrite' : 'create',
      });
    }
    const count = await table.countRows();
    output.result({ table: name, rows: count }, [`${name}: ${count} rows`]);
    return undefined;
  },
};

const exportRows: Command = {
  name: 'export',
  usage: 'export <db> <table> <file>',
  does: 'Writes rows of a table to a file (.jsonl, .arrow).',
  options: { where: { type: 'string', does: 'only rows that meet this SQL condition' } },
  examples: ['export data fruit fruit.jsonl', 'export data fruit cheap.arrow --where "price < 1"'],
  async run(given, output) {
    const table = await openTable(given);
    // What others write meanwhile is not half in the file.
    await table.checkout(await table.version());
    const query = table.query();
    const where = textOf(given, 'where');
    const file = given.words[2]!;
    const rows = await writeRows(file, where === undefined ? query : query.where(where));
    output.result({ file, rows }, [`${file}: ${rows} rows`]);
    return undefined;
  },
};

const index: Command = {
  name: 'index',
  usage: 'index <db> <table> <column>',
  does: 'Builds an index: for searches on a column of vectors, for filters on any other.',
  options: {
    distance: { type: 'string', does: 'l2, cosine or dot, for vectors' },
    partitions: { type: 'string', does: 'how many partitions, for vectors' },
    accelerator: { type: 'string', does: 'cpu, gpu or auto, for vectors' },
  },
  examples: ['index data fruit vector --distance cosine', 'index data fruit price'],
  async run(given, output) {
    const table = await openTable(given);
    const column = given.words[2]!;
    const distanceType = textOf(given, 'distance') as any;
    const numPartitions = wholeNumberOf(given, 'partitions');
    const accelerator = textOf(given, 'accelerator');
    const ofVectors = distanceType ?? numPartitions ?? accelerator;
    await table.createIndex(column, {
      config:
        ofVectors === undefined
          ? undefined
          : Index.ivfPq({ distanceType, numPartitions, accelerator }),
      onProgress: output.progress,
    });
    const built = (await table.listIndices()).find(({ columns }) => columns[0] === column)!;
    output.result({ name: built.name, type: built.indexType, rows: built.numIndexedRows }, [
      `${built.name}: ${built.indexType} of ${built.numIndexedRows} rows`,
    ]);
    return undefined;
  },
};

const search: Command = {
  name: 'search',
  usage: 'search <db> <table>',
  does: 'Prints rows as JSON lines: those nearest to a vector, or those that meet a condition.',
  options: {
    vector: { type: 'string', does: 'the numbers, as JSON: "[0.1, 0.9]"' },
    where: { type: 'string', does: 'only rows that meet this SQL condition' },
    select: { type: 'string', does: 'names of columns, with commas between them' },
    limit: { type: 'string', does: 'how many rows at most; 10 if nothing is said' },
  },
  examples: [
    'search data fruit --vector "[0.9, 0.1, 0.2]" --limit 3',
    'search data fruit --where "price < 1" --select name,price',
  ],
  async run(given, output) {
    const scan = (await openTable(given)).query();
    const [vector, where, select] = ['vector', 'where', 'select'].map((name) =>
      textOf(given, name),
    );
    if (where !== undefined) scan.where(where);
    if (select !== undefined) scan.select(select.split(',').map((name) => name.trim()));
    scan.limit(wholeNumberOf(given, 'limit') ?? 10);
    const query = vector === undefined ? scan : scan.nearestTo(numbersOf(vector));
    for (const row of await query.toArray()) output.result(row, [JSON.stringify(row, plain)]);
    return undefined;
  },
};

function numbersOf(text: string): number[] {
  try {
    const numbers = JSON.parse(text);
    if (Array.isArray(numbers)) return numbers;
  } catch {
    // It is said below what was expected.
  }
  throw new UsageError(
    `--vector is '${text}', but it must be numbers as JSON, such as "[0.1, 0.9]"`,
  );
}

const verify: Command = {
  name: 'verify',
  usage: 'verify <db>',
  does: 'Reads every file of every table and compares it with its checksum. Exit code 1 if one is damaged.',
  options: { table: { type: 'string', does: 'reads only this table' } },
  examples: ['verify data', 'verify data --table fruit'],
  async run(given, output) {
    let damaged = false;
    for await (const table of tablesOf(given)) {
      const { name } = table;
      const { files, bytes: size, problems } = await table.verify();
      damaged ||= problems.length > 0;
      const verdict = problems.length > 0 ? `${problems.length} problems` : 'all is well';
      output.result({ table: name, files, bytes: size, problems }, [
        `${name}: ${files} files, ${bytes(size)}: ${verdict}`,
        ...problems.map((problem) => `  ${problem}`),
      ]);
    }
    return damaged ? 1 : 0;
  },
};

const optimize: Command = {
  name: 'optimize',
  usage: 'optimize <db>',
  does: 'Joins small files, adds new rows to indexes, and removes old versions, while others read and write.',
  options: {
    table: { type: 'string', does: 'only this table' },
    'keep-versions': { type: 'string', does: 'how many of the newest versions stay' },
  },
  examples: ['optimize data', 'optimize data --table fruit --keep-versions 1'],
  async run(given, output) {
    const keepVersions = wholeNumberOf(given, 'keep-versions');
    for await (const table of tablesOf(given)) {
      const { name } = table;
      const { compaction, index, prune } = await table.optimize({
        keepVersions,
        onProgress: output.progress,
      });
      output.result({ table: name, compaction, index, prune }, [
        `${name}: ${compaction.filesRemoved} files became ${compaction.filesAdded}, ${index.rowsIndexed} rows went into ` +
          `indexes, ${prune.oldVersionsRemoved} old versions and ${bytes(prune.bytesRemoved)} went`,
      ]);
    }
    return undefined;
  },
};

/** Every command, in the order in which `--help` lists them. */
export const COMMANDS: readonly Command[] = [
  inspect,
  importRows,
  exportRows,
  index,
  search,
  verify,
  optimize,
];
