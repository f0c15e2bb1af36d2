/**
 * What the command uses to read and write CSV. The published package carries it inside, and loads it for files of
 * CSV only: see `.ci/build-ts.mjs`.
 *
 * @module
 */
export { parse } from 'csv-parse';
export { stringify } from 'csv-stringify';
