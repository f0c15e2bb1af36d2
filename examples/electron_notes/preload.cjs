// What the page may ask for, and nothing else.
const { contextBridge, ipcRenderer } = require('electron');

contextBridge.exposeInMainWorld('notes', {
  add: (text) => ipcRenderer.invoke('add', text),
  search: (text) => ipcRenderer.invoke('search', text),
});
