// The main process: a window, and the process that keeps the notes. Nothing here waits for a search.
//
//     npm run build && npm run pack:local -- packages             in the repository
//     npm install ../../packages/quiverdb-*.tgz && npm start      here; `npm run package` makes an app of it
import { join } from 'node:path';
import { app, BrowserWindow, ipcMain, utilityProcess } from 'electron';

await app.whenReady();

// Data belongs where the user's data is: the app's own folder is replaced by updates.
const notes = utilityProcess.fork(join(import.meta.dirname, 'notes.js'), [
  join(app.getPath('userData'), 'notes'),
]);
const waiting = new Map();
notes.on('message', ({ id, result, error }) => {
  const { resolve, reject } = waiting.get(id);
  waiting.delete(id);
  if (error === undefined) resolve(result);
  else reject(new Error(error));
});
notes.on('exit', () => app.quit());

/** Asks the process of the notes, and waits for its answer. */
let asked = 0;
function ask(method, argument) {
  const id = ++asked;
  notes.postMessage({ id, method, argument });
  return new Promise((resolve, reject) => waiting.set(id, { resolve, reject }));
}

for (const method of ['add', 'search']) {
  ipcMain.handle(method, (_, argument) => ask(method, argument));
}

app.on('window-all-closed', () => app.quit());
const window = new BrowserWindow({
  width: 640,
  height: 480,
  webPreferences: { preload: join(import.meta.dirname, 'preload.cjs') },
});
await window.loadFile('index.html');
