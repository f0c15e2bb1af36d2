/** Loading a package that `npm run bench:peers` installed. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PEERS = fileURLToPath(new URL('../../peers/', import.meta.url));
const require = createRequire(join(PEERS, 'package.json'));

/** The package `name` and its version. */
export function peer(name: string): { module: any; version: string } {
  const { version } = require(join(PEERS, 'node_modules', name, 'package.json'));
  return { module: require(name), version };
}
