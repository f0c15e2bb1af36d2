/**
 * What kind of index to build, and with which settings.
 *
 * @module
 */
import type { NativeIndexOptions } from './native-types.js';
import { checkOptions, invalid, oneOf, optionalWholeNumber, text } from './options.js';

/** How far apart two vectors are. */
export type DistanceType = 'l2' | 'cosine' | 'dot' | 'hamming';

/** Every {@link DistanceType}. */
export const DISTANCE_TYPES: readonly DistanceType[] = ['l2', 'cosine', 'dot', 'hamming'];

/** Settings that every IVF index has. */
export interface IvfFlatOptions {
  /**
   * The distance that the index is built for.
   *
   * - `"l2"`: the squared Euclidean distance.
   * - `"cosine"`: 1 - cos, from 0 to 2. Rows that are zero never match.
   * - `"dot"`: 1 - q·v.
   * - `"hamming"`: bits that differ. Only of Uint8 vectors, and not with {@link Index.ivfPq}.
   *
   * Default: `"l2"`.
   */
  distanceType?: DistanceType;

  /** How many partitions k-means divides the rows into. Default: the square root of their number. */
  numPartitions?: number;

  /** How often k-means goes over its sample at most; it stops earlier once that gains little. Default: 50. */
  maxIterations?: number;

  /** How many rows k-means looks at for each partition. Default: 256. */
  sampleRate?: number;

  /** Seeds the choice of the sample: the same rows and the same seed give the same index. */
  seed?: number;

  /**
   * What trains the index and compresses its rows.
   *
   * - `"cpu"`: all cores.
   * - `"gpu"`: the best GPU. `"cuda"`, `"mps"` or any part of a name in {@link accelerators}: that one.
   *   `GPU_UNAVAILABLE`, with what was found, if it is not there; `GPU_FAILED` if it stops working, and
   *   then there is no index.
   * - `"auto"`: a GPU if there is one, else the CPU, which also takes over from a GPU that stops working.
   *
   * {@link Table.indexStats} says what was used. Default: `"cpu"`.
   */
  accelerator?: string;
}

/** Settings of {@link Index.ivfPq}. */
export interface IvfPqOptions extends IvfFlatOptions {
  /**
   * How many sub-vectors product quantization cuts a vector into; it must divide the dimension. Each
   * takes one code of `numBits` bits. Default: dimension / 16, else / 8, else the nearest divisor.
   */
  numSubVectors?: number;

  /** Bits of a code: 8, or 4 for half the size and less precise estimates. Default: 8. */
  numBits?: 4 | 8;
}

const IVF_FLAT = [
  'distanceType',
  'numPartitions',
  'maxIterations',
  'sampleRate',
  'seed',
  'accelerator',
] as const;

/**
 * A kind of index and its settings, for {@link Table.createIndex}. May be used any number of times.
 *
 * @example
 * ```ts
 * await table.createIndex('vector', { config: Index.ivfPq({ distanceType: 'cosine' }) });
 * ```
 */
export class Index {
  readonly #settings: NativeIndexOptions;

  private constructor(settings: NativeIndexOptions) {
    this.#settings = settings;
  }

  /** What goes to the engine. @internal */
  get settings(): Readonly<NativeIndexOptions> {
    return this.#settings;
  }

  /**
   * IVF_PQ: rows are divided into partitions and compressed by product quantization. A query scans
   * the codes of the nearest partitions and computes the best rows' distances from their vectors.
   *
   * @throws {QuiverError} `INVALID_ARGUMENT` if an option is unknown or has a value that cannot be.
   */
  static ivfPq(options?: IvfPqOptions): Index {
    const of = 'Index.ivfPq';
    checkOptions<IvfPqOptions>(of, options, [...IVF_FLAT, 'numSubVectors', 'numBits']);
    return new Index({
      kind: 'IVF_PQ',
      ...ivfSettings(of, options, ['l2', 'cosine', 'dot']),
      numSubVectors: optionalWholeNumber(`numSubVectors of ${of}`, options?.numSubVectors),
      numBits: bits(`numBits of ${of}`, options?.numBits),
    });
  }

  /**
   * IVF_FLAT: rows are divided into partitions and kept as they are. Larger than IVF_PQ, and exact
   * within the partitions that a query scans.
   *
   * @throws {QuiverError} `INVALID_ARGUMENT` if an option is unknown or has a value that cannot be.
   */
  static ivfFlat(options?: IvfFlatOptions): Index {
    const of = 'Index.ivfFlat';
    checkOptions<IvfFlatOptions>(of, options, IVF_FLAT);
    return new Index({ kind: 'IVF_FLAT', ...ivfSettings(of, options, DISTANCE_TYPES) });
  }

  /**
   * BTREE: the values of a column in order, each with its rows, for filters. For numbers, strings, booleans, dates,
   * times and bytes. It finds values that are equal, less or greater, one of some, missing, or begin with a text.
   */
  static btree(): Index {
    return new Index({ kind: 'BTREE' });
  }

  /**
   * BITMAP: a set of rows for each value. It finds what {@link Index.btree} finds, and is the smaller and faster
   * of the two for columns of few different values.
   */
  static bitmap(): Index {
    return new Index({ kind: 'BITMAP' });
  }

  /**
   * LABEL_LIST: a set of rows for each element of a column of lists. It answers `array_has`, `array_has_any` and
   * `array_has_all`.
   */
  static labelList(): Index {
    return new Index({ kind: 'LABEL_LIST' });
  }
}

function ivfSettings(
  of: string,
  options: IvfFlatOptions | null | undefined,
  distanceTypes: readonly DistanceType[],
): NativeIndexOptions {
  options ??= {};
  const { accelerator } = options;
  return {
    distanceType: oneOf(`distanceType of ${of}`, options.distanceType, distanceTypes),
    numPartitions: optionalWholeNumber(`numPartitions of ${of}`, options.numPartitions),
    maxIterations: optionalWholeNumber(`maxIterations of ${of}`, options.maxIterations),
    sampleRate: optionalWholeNumber(`sampleRate of ${of}`, options.sampleRate),
    seed: optionalWholeNumber(`seed of ${of}`, options.seed, 0),
    accelerator: accelerator === undefined ? undefined : text(`accelerator of ${of}`, accelerator),
  };
}

function bits(argument: string, value: number | undefined): number | undefined {
  if (value === undefined || value === 4 || value === 8) return value;
  throw invalid(argument, value, '8 or 4');
}
