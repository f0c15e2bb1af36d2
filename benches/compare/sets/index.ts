/** The sets of vectors, written when they are first needed. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeClustered } from './clustered.js';
import { writeFashion } from './fashion.js';
import { writeGlove } from './glove.js';
import { VectorFile, type VectorSet } from './vectors.js';

interface Source {
  title: string;
  dimensions: number;
  write: (base: VectorFile, queries: VectorFile) => Promise<void>;
}

const SOURCES = {
  fashion: { title: 'Fashion-MNIST, 60k x 784', dimensions: 784, write: writeFashion },
  glove: { title: 'GloVe, 341k x 100', dimensions: 100, write: writeGlove },
  clustered: { title: 'clustered, 1M x 128', dimensions: 128, write: writeClustered },
} satisfies Record<string, Source>;

export type SetName = keyof typeof SOURCES;
export const SET_NAMES = Object.keys(SOURCES) as SetName[];

/** The set as files in `parent`, written now if an earlier run did not. */
export async function openSet(name: SetName, parent: string): Promise<VectorSet> {
  const { title, dimensions, write } = SOURCES[name];
  const folder = join(parent, name);
  const description = join(folder, 'set.json');
  if (existsSync(description)) {
    const { rows, queries } = JSON.parse(readFileSync(description, 'utf8'));
    return { name, title, folder, rows, dimensions, queries };
  }
  console.log(`writing ${title} into ${folder}`);
  const making = `${folder}.making`;
  rmSync(making, { recursive: true, force: true });
  mkdirSync(making, { recursive: true });
  const base = new VectorFile(join(making, 'base.f32'));
  const queries = new VectorFile(join(making, 'queries.f32'));
  await write(base, queries);
  await Promise.all([base.close(), queries.close()]);
  const counts = { rows: base.rows, queries: queries.rows };
  writeFileSync(join(making, 'set.json'), JSON.stringify(counts));
  rmSync(folder, { recursive: true, force: true });
  renameSync(making, folder);
  return { name, title, folder, dimensions, ...counts };
}
