/** Bytes that are read in order, and files that are read to their last byte. All integers are little-endian. */

/** Says what is wrong with the files if `holds` is not true. */
export function check(holds: boolean, wrong: string): asserts holds {
  if (!holds) throw new Error(wrong);
}

/** `at`, or the next multiple of `alignment`. */
export const upTo = (alignment: number, at: number) => Math.ceil(at / alignment) * alignment;

/** A part of a file, read from its beginning to its end. */
export class Reader {
  /** Where the next value is, from the beginning of the part. */
  at = 0;
  readonly #view: DataView;

  constructor(
    readonly bytes: Uint8Array,
    readonly name: string,
  ) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get left(): number {
    return this.bytes.length - this.at;
  }

  u8 = () => this.#view.getUint8(this.#next(1));
  i8 = () => this.#view.getInt8(this.#next(1));
  u16 = () => this.#view.getUint16(this.#next(2), true);
  u32 = () => this.#view.getUint32(this.#next(4), true);
  f16 = () => halfToNumber(this.u16());
  f32 = () => this.#view.getFloat32(this.#next(4), true);
  f64 = () => this.#view.getFloat64(this.#next(8), true);

  /** A `u64`. Those of tables that fit on a disk are exact as numbers. */
  u64 = () => {
    const value = Number(this.#view.getBigUint64(this.#next(8), true));
    check(Number.isSafeInteger(value), `${this.name}: ${value} is no number of bytes or rows`);
    return value;
  };

  /** The next bytes, which begin at a place of their own in memory. */
  take(length: number): Uint8Array {
    const at = this.#next(length);
    return this.bytes.slice(at, at + length);
  }

  /** As many values as `read` is to read. */
  many<T>(count: number, read: () => T): T[] {
    return Array.from({ length: count }, read);
  }

  /** So many of single precision. */
  f32s = (count: number) => new Float32Array(this.take(4 * count).buffer);

  /** Bytes that mean nothing, and are zero. */
  zeros(length: number): void {
    const at = this.at;
    const zero = this.take(length).every((byte) => byte === 0);
    check(zero, `${this.name}: bytes ${at} to ${at + length} are not zero`);
  }

  /** Zeros up to a multiple of `alignment` from the part's beginning. */
  align(alignment: number): void {
    this.zeros(upTo(alignment, this.at) - this.at);
  }

  /** Says that all was read. */
  end(): void {
    check(this.left === 0, `${this.name}: ${this.left} bytes are left over at ${this.at}`);
  }

  #next(length: number): number {
    const at = this.at;
    check(length <= this.left, `${this.name}: ends at ${this.bytes.length}, not ${at + length}`);
    this.at += length;
    return at;
  }
}

interface Part {
  from: number;
  to: number;
  reader: Reader;
}

/** A file that is read in parts. They must be all of it, and each byte belongs to one. */
export class Parts {
  readonly #parts: Part[] = [];

  constructor(
    readonly bytes: Uint8Array,
    readonly name: string,
  ) {}

  /** A part of the file, which is to be read to its end. */
  part(from: number, length: number, name: string): Reader {
    const whole = `${this.name}, ${name}`;
    check(from + length <= this.bytes.length, `${whole}: ends at ${from + length}, after the file`);
    const reader = new Reader(this.bytes.subarray(from, from + length), whole);
    this.#parts.push({ from, to: from + length, reader });
    return reader;
  }

  /** Bytes between parts, which are zero. */
  zeros(from: number, to: number): void {
    this.part(from, to - from, `zeros from ${from}`).zeros(to - from);
  }

  /** Says that every byte was read, and none in two parts. */
  end(): void {
    let end = 0;
    const byPlace = (a: Part, b: Part) => a.from - b.from || a.to - b.to;
    for (const { from, to, reader } of this.#parts.toSorted(byPlace)) {
      check(from === end, `${reader.name}: begins at ${from}, but what is before ends at ${end}`);
      reader.end();
      end = to;
    }
    check(end === this.bytes.length, `${this.name}: nothing is known of the bytes from ${end} on`);
  }
}

/** What 16 bits mean as an IEEE 754 number of half precision. */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}
