/**
 * Loads the addon. Nothing else in `lib/` knows where it is.
 *
 * @module
 */
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
  const reasons = new Set<string>();
  for (let at: any = cause; at !== undefined && at !== null; at = at.cause) {
    if (at.message) reasons.add(String(at.message).split('\n')[0]!);
  }
  return new QuiverError(
    'ADDON_NOT_LOADED',
    `cannot load quiverdb's native addon for ${platform} (Node ${process.versions.node}). ` +
      `Looked for ${__dirname}/quiverdb.${platform}.node and for the package quiverdb-${platform}. ` +
      'If you installed quiverdb on another platform or with --omit=optional, remove node_modules and ' +
      'install it here again; bundlers and Electron must leave quiverdb unbundled and its *.node file ' +
      'unpacked; in a clone of the repository, run `npm run build`. ' +
      `What was said: ${[...reasons].join(' / ')}`,
    { cause },
  );
}

/** The platform as in the names of the platform packages: `linux-x64-musl`. */
function platformName(): string {
  const { platform, arch } = process;
  if (platform === 'win32') return `${platform}-${arch}-msvc`;
  if (platform !== 'linux') return `${platform}-${arch}`;
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } };
  return `${platform}-${arch}-${report?.header?.glibcVersionRuntime ? 'gnu' : 'musl'}`;
}
