// A first search: a folder, a table, the two nearest rows.
import { connect } from 'quiverdb';

const db = await connect('.data/basic');

const table = await db.createTable(
  'fruit',
  [
    { name: 'apple', price: 0.5, vector: [0.9, 0.1, 0.2] },
    { name: 'cherry', price: 4.2, vector: [0.8, 0.2, 0.1] },
    { name: 'lemon', price: 0.7, vector: [0.2, 0.9, 0.1] },
  ],
  { mode: 'overwrite' },
);

const rows = await table.search([0.85, 0.1, 0.2]).limit(2).toArray();
for (const { name, _distance } of rows) console.log(name, _distance.toFixed(4));
