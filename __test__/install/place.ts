/** A project with the packages that `npm run pack:local` makes, installed by npm from these alone. */
import { existsSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { Project, root, run } from '../project.js';

export class Place extends Project {
  /** The packages' files. */
  packages: string[] = [];

  static async installed(parent?: string): Promise<Place> {
    const place = new Place(parent);
    const folder = place.path('packages');
    await run(process.execPath, [join(root, '.ci/pack.mjs'), folder]);
    place.packages = readdirSync(folder).map((name) => join(folder, name));
    place.write('package.json', '{ "private": true }');
    await place.npm('install', '--no-audit', '--no-fund', ...place.packages);
    return place;
  }

  /** npm, with an empty cache and no network: what is not in the packages is not to be had. */
  async npm(...args: string[]): Promise<void> {
    await run('npm', [...args, '--offline', '--no-update-notifier'], {
      cwd: this.folder,
      env: {
        PATH: this.toolsOnly('node', 'npm', 'sh'),
        HOME: this.folder,
        npm_config_cache: this.path('cache'),
      },
    });
  }

  /** A folder with just these commands: no Rust among them, wherever it is installed. */
  toolsOnly(...tools: string[]): string {
    const folder = this.path('bin');
    this.write('bin/.keep', '');
    for (const tool of tools) {
      const found = process.env.PATH!.split(':').map((place) => join(place, tool));
      const target = found.find((path) => existsSync(path))!;
      if (!existsSync(join(folder, tool))) symlinkSync(target, join(folder, tool));
    }
    return folder;
  }
}

/** The program with a database of its own, where several run in one folder. */
export function apart(program: string): string {
  return program.replace("connect('data')", "connect('memory://')");
}
