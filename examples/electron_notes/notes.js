// The utility process: the notes, in a folder of quiverdb. Builds and searches do not hold up the window.
import { connect } from 'quiverdb';

const db = await connect(process.argv[2]);
const notes = await db.createTable('notes', [noteOf('Welcome: keep a note, or find one.')], {
  existOk: true,
});

const methods = {
  async add(text) {
    await notes.add([noteOf(text)]);
    return notes.countRows();
  },
  async search(text) {
    const { vector } = noteOf(text);
    const found = notes.search(vector).distanceType('cosine').select(['text', 'written']);
    return found.limit(5).toArray();
  },
};

process.parentPort.on('message', async ({ data: { id, method, argument } }) => {
  try {
    process.parentPort.postMessage({ id, result: await methods[method](argument) });
  } catch (error) {
    process.parentPort.postMessage({ id, error: error.message });
  }
});

/** A text with its vector: put your model here. This one counts pieces of words. */
function noteOf(text) {
  const vector = new Float32Array(512);
  for (const word of text.toLowerCase().match(/\p{L}{3,}/gu) ?? []) {
    for (let at = 0; at + 3 <= word.length; at++) {
      let hash = 0;
      for (const unit of word.slice(at, at + 3)) hash = (hash * 31 + unit.codePointAt(0)) % 65_521;
      vector[hash % vector.length] += 1;
    }
  }
  return { text, written: new Date().toISOString(), vector: vector.map(Math.sqrt) };
}
