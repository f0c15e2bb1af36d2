/**
 * Loads the addon. Nothing else in `lib/` knows where it is.
 *
 * @module
 */
import { dirname } from 'node:path';
import { QuiverError } from './errors.js';
import type { Addon } from './native-types.js';

let loaded: Addon | undefined;

/**
 * The addon, loaded on first use, so that importing the package costs nothing and never fails.
 *
 * @throws {QuiverError} `ADDON_NOT_LOADED`, with the platform, what was looked for and what to do.
 */
export function addon(): Addon {
  if (loaded === undefined) {
    try {
      // Written beside this file by `napi build`: it picks the binary of this platform.
      loaded = require('./native.cjs') as Addon;
    } catch (cause) {
      throw notLoaded(cause);
    }
  }
  return loaded;
}

function notLoaded(cause: unknown): QuiverError {
  const platform = platformName();
  const reasons = reasonsOf(cause);
  return new QuiverError(
    'ADDON_NOT_LOADED',
    `cannot load quiverdb's native addon for ${platform} (Node ${process.versions.node}). ` +
      `Looked for ${__dirname}/quiverdb.${platform}.node and for the package quiverdb-${platform}. ` +
      `${whatToDo(reasons)} What was said: ${reasons.join(' / ')}`,
    { cause },
  );
}

function whatToDo(reasons: string[]): string {
  if (reasons.some((reason) => /addons? is disabled/.test(reason))) {
    return 'This process does not allow addons: start Node with --allow-addons if it restricts permissions, and without --no-addons.';
  }
  if (reasons.some((reason) => /Access to this API has been restricted/.test(reason))) {
    return (
      'This process may not read the package: start Node with --allow-addons and with --allow-fs-read for ' +
      `${dirname(__dirname)} and the packages beside it.`
    );
  }
  return (
    'If you installed quiverdb on another platform or with --omit=optional, remove node_modules and ' +
    'install it here again; bundlers and Electron must leave quiverdb unbundled and its *.node file ' +
    'unpacked; in a clone of the repository, run `npm run build`.'
  );
}

/** First lines of what was said. The loader tries several files, and chains their errors as causes. */
function reasonsOf(cause: unknown): string[] {
  const reasons = new Set<string>();
  for (let at = cause as any; at; at = at.cause) {
    if (at.message) reasons.add(String(at.message).split('\n')[0]!);
  }
  // It also looks for a WebAssembly build, of which there is none.
  const apt = [...reasons].filter((reason) => !/wasi|native binding/.test(reason));
  return apt.length > 0 ? apt : [...reasons];
}

/** The platform as in the names of the platform packages: `linux-x64-musl`. */
export function platformName(): string {
  const { platform, arch } = process;
  if (platform === 'win32') return `${platform}-${arch}-msvc`;
  if (platform !== 'linux') return `${platform}-${arch}`;
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } };
  return `${platform}-${arch}-${report?.header?.glibcVersionRuntime ? 'gnu' : 'musl'}`;
}
