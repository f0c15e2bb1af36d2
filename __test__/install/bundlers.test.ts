// Bundlers that `npm run test:install` installs: servers with the settings that docs/bundlers.md gives for them.
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { root, run } from '../project.js';
import { Place } from './place.js';

const bundlers = join(root, '.ci/bundlers');
const require = createRequire(join(bundlers, 'package.json'));
let project: Place;

beforeAll(async () => {
  // Below the bundlers, where Next.js finds itself and React.
  project = await Place.installed(bundlers);
});

afterAll(() => project.remove());

/** A function that searches, and meets an error whose class it knows. */
const SEARCH = `
import { connect, QuiverError } from 'quiverdb';
async function nearest(vector) {
  const db = await connect('memory://');
  const table = await db.createTable('t', [{ id: 'a', vector: [0, 1] }, { id: 'b', vector: [1, 0] }]);
  const [{ id }] = await table.search(vector).limit(1).toArray();
  const code = await db.openTable('u').catch((error) => error instanceof QuiverError && error.code);
  return { id, code };
}`;
const FOUND = { id: 'b', code: 'TABLE_NOT_FOUND' };

test('webpack bundles a server, with quiverdb outside', async () => {
  project.write(
    'main.mjs',
    `${SEARCH}\nnearest([1, 0]).then((found) => console.log(JSON.stringify(found)));`,
  );

  const stats = await promisify(require('webpack'))({
    context: project.folder,
    mode: 'production',
    entry: './main.mjs',
    output: { path: project.path('webpack'), filename: 'main.cjs' },
    target: 'node',
    externals: { quiverdb: 'commonjs quiverdb' },
  });

  expect(stats.toString({ all: false, errors: true, warnings: true })).toBe('');
  expect(JSON.parse(await project.run('webpack/main.cjs'))).toEqual(FOUND);
});

test('Next.js builds and serves a route and a page that search', async () => {
  project.write('next.config.mjs', "export default { serverExternalPackages: ['quiverdb'] };");
  // It would find the repository's own otherwise, which says where quiverdb's source is.
  project.write('jsconfig.json', '{}');
  project.write(
    'app/layout.jsx',
    'export default ({ children }) => <html lang="en"><body>{children}</body></html>;',
  );
  project.write(
    'app/page.jsx',
    `${SEARCH}\nexport const dynamic = 'force-dynamic';
    export default async () => <p>{\`nearest: \${(await nearest([1, 0])).id}\`}</p>;`,
  );
  project.write(
    'app/search/route.js',
    `${SEARCH}\nexport const POST = async (request) => Response.json(await nearest(await request.json()));`,
  );
  const next = require.resolve('next/dist/bin/next');
  const options = { cwd: project.folder, env: { ...process.env, NEXT_TELEMETRY_DISABLED: '1' } };

  await run(process.execPath, [next, 'build'], options);
  const server = spawn(process.execPath, [next, 'start', '--port', '0'], options);
  try {
    const address = await addressOf(server.stdout);
    const answer = await fetch(`${address}/search`, { method: 'POST', body: '[1, 0]' });
    const page = await fetch(address);

    expect(await answer.json()).toEqual(FOUND);
    expect(await page.text()).toContain('<p>nearest: b</p>');
  } finally {
    server.kill();
  }
}, 240_000);

/** Where a server that has been started says it listens. What it says later is read as well, or it would end. */
function addressOf(output: NodeJS.ReadableStream): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = '';
    output.on('data', (part) => {
      said += part;
      const [address] = /http:\/\/localhost:\d+/.exec(said) ?? [];
      if (address !== undefined) resolve(address);
    });
    output.on('end', () => reject(new Error(`the server ended: ${said}`)));
  });
}
