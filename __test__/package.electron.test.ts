// The example for Electron, as far as it goes without Electron itself, whose binary is in no package: all of the app's
// own code, against a stand-in; and packed into an archive.
import { cpSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createPackageWithOptions, listPackage, statFile } from '@electron/asar';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Project, root } from './project.js';

let project: Project;

beforeAll(async () => {
  project = await Project.withPackage();
  const example = join(root, 'examples/electron_notes');
  for (const file of readdirSync(example, { withFileTypes: true })) {
    if (file.isFile()) cpSync(join(example, file.name), project.path(file.name));
  }
}, 120_000);

afterAll(() => project.remove());

/** What the app uses of Electron. Its window does what a user does who keeps two notes and looks for one. */
const STAND_IN = `
import { fork } from 'node:child_process';
import { EventEmitter } from 'node:events';

const handlers = {};
export const app = Object.assign(new EventEmitter(), {
  whenReady: async () => {},
  getPath: (name) => { if (name !== 'userData') throw new Error(name); return 'user-data'; },
  quit: () => process.exit(0),
});
export const ipcMain = { handle: (name, handler) => { handlers[name] = handler; } };
export const utilityProcess = {
  fork(file, args) {
    const child = fork(file, args, { execArgv: ['--import', './parent-port.mjs'], serialization: 'advanced' });
    return Object.assign(child, { postMessage: (message) => child.send(message) });
  },
};
export class BrowserWindow {
  constructor({ webPreferences }) { this.preload = webPreferences.preload; }
  async loadFile(file) {
    const invoke = (name, argument) => handlers[name]({}, argument);
    console.log(file, await invoke('add', 'Buy lemons'), await invoke('add', 'Water the plants'));
    const found = await invoke('search', 'watering plants');
    console.log(found.map(({ text }) => text).join(' | '));
    console.log(await invoke('search', '').catch((error) => error.message));
    app.emit('window-all-closed');
  }
}`;

// Messages wait until somebody listens, as they do in Electron.
const PARENT_PORT = `
import { EventEmitter } from 'node:events';
const port = new EventEmitter();
process.parentPort = Object.assign(port, { postMessage: (message) => process.send(message) });
port.once('newListener', () =>
  setImmediate(() => process.on('message', (data) => port.emit('message', { data }))),
);
process.on('disconnect', () => process.exit());`;

test('the app keeps notes and finds them', async () => {
  project.write('node_modules/electron/index.js', STAND_IN);
  project.write('node_modules/electron/package.json', '{ "type": "module", "main": "index.js" }');
  project.write('parent-port.mjs', PARENT_PORT);

  const [kept, found, empty] = (await project.run('main.js')).split('\n');

  expect(kept).toBe('index.html 2 3');
  expect(found).toMatch(/^Water the plants \| /);
  expect(empty).toMatch(/./);
  expect(existsSync(project.path('user-data/notes/notes.quiver'))).toBe(true);
});

test('packed, its addon lies outside the archive, as it is told to, whole and loadable', async () => {
  const { build } = JSON.parse(readFileSync(project.path('package.json'), 'utf8'));
  const app = project.path('app');
  for (const name of ['main.js', 'notes.js', 'package.json', 'node_modules/quiverdb']) {
    cpSync(project.path(name), join(app, name), { recursive: true });
  }
  const archive = project.path('resources/app.asar');

  await createPackageWithOptions(app, archive, { unpack: build.asarUnpack[0] });

  const files = listPackage(archive, { isPack: false }).map((path) => path.replaceAll('\\', '/'));
  const binary = files.find((path) => path.endsWith('.node'))!;
  expect(files).toContain('/node_modules/quiverdb/dist/index.js');
  expect(statFile(archive, binary.slice(1))).toMatchObject({ unpacked: true });
  // Electron looks for unpacked files here; what it finds is a whole addon.
  const unpacked = `${archive}.unpacked${binary}`;
  expect(readFileSync(unpacked).equals(readFileSync(`${app}${binary}`))).toBe(true);
  const program = `console.log(Object.keys(require(${JSON.stringify(unpacked)})).includes('NativeTable'));`;
  expect(await project.output('unpacked.cjs', program)).toBe('true');
});
