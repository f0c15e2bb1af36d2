/**
 * What the command uses to read and write Parquet. The published package carries it inside, and loads it for files of
 * Parquet only: see `.ci/build-ts.mjs`.
 *
 * @module
 */
export {
  asyncBufferFromFile,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
} from 'hyparquet';
export { compressors } from 'hyparquet-compressors';
export { fileWriter, ParquetWriter } from 'hyparquet-writer';
