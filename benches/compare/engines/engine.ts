/** What an engine must be able to do to take part. Every engine runs in a process of its own: see serve.ts. */
import type { VectorSet } from '../sets/vectors.js';

/** How many neighbours are asked for, always. */
export const NEIGHBOURS = 10;

/** Settings of a build, or of a query; each engine has its own names for them. */
export type Settings = Record<string, number | string>;

/** The ids of the rows nearest to a vector, nearest first. */
export type Ids = number[];

/** One kind of index of one engine. Whoever has no separate storage of rows has no `ingest`. */
export interface Engine {
  version: string;
  /** Stores the rows in `folder`. */
  ingest?(set: VectorSet, folder: string): Promise<void>;
  /** Builds the index over the rows that were stored, or over the files of the set, and makes it durable. */
  build(set: VectorSet, folder: string, config: Settings): Promise<void>;
  /** Opens what was built, to be asked. */
  open(set: VectorSet, folder: string, config: Settings): Promise<Opened>;
}

/** An index that can be asked. Engines have only those of the ways to ask that their users have. */
export interface Opened {
  /** Bytes of the index, without the stored vectors where these are kept apart. */
  indexBytes: number;
  /** Rows by comparing every vector. */
  exact?: () => (query: any) => Promise<Ids> | Ids;
  /** One query at a time, as a promise. */
  one?: (settings: Settings) => (query: any) => Promise<Ids>;
  /** One query at a time, while nothing else runs. */
  sync?: (settings: Settings) => (query: any) => Ids;
  /** Several query vectors in one call. */
  batch?: (settings: Settings) => (queries: any[]) => Promise<Ids[]> | Ids[];
  /** A query vector as the engine takes it; made before the clock starts. */
  query?: (vector: Float32Array) => unknown;
}

/** Ways to ask; `flight` is `one` with 16 queries under way at any time. */
export const MODES = ['exact', 'one', 'sync', 'flight', 'batch'] as const;
export type Mode = (typeof MODES)[number];
