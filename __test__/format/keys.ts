/** Keys of scalar indexes: values as bytes, whose order is the order of the values. */
import { DataType, Vector } from 'apache-arrow';

/** How the values of a column become keys. */
export interface KeyType {
  /** The length of every key; absent if they differ. */
  keyBytes?: number;
  /** Whether a column of this type has such keys. */
  has(type: DataType): boolean;
  /** The key of a value, in a vector of one piece. */
  keyAt(values: Vector, place: number): Uint8Array;
}

/** All types of keys, at the places of their numbers. */
export const KEY_TYPES: readonly KeyType[] = [
  {
    keyBytes: 1,
    has: DataType.isBool,
    keyAt: (values, place) => Uint8Array.of(values.get(place) ? 1 : 0),
  },
  {
    keyBytes: 8,
    has: (type) => isSigned(type) && !isUint64(type),
    keyAt: (values, place) => bigEndian(BigInt(storedAt(values, place)) ^ (1n << 63n), 8),
  },
  {
    keyBytes: 8,
    has: (type) => isUint64(type),
    keyAt: (values, place) => bigEndian(storedAt(values, place) as bigint, 8),
  },
  {
    keyBytes: 8,
    has: DataType.isFloat,
    keyAt: (values, place) => floatKey(values.get(place)),
  },
  {
    keyBytes: 16,
    has: DataType.isDecimal,
    keyAt: (values, place) => bigEndian(decimalOf(values.get(place)) ^ (1n << 127n), 16),
  },
  {
    has: (type) => DataType.isUtf8(type) || DataType.isLargeUtf8(type),
    keyAt: (values, place) => new TextEncoder().encode(values.get(place)),
  },
  {
    has: (type) => /Binary/.test(String(type)),
    keyAt: (values, place) => values.get(place),
  },
];

/** The type of the keys of a column; undefined if it has none. */
export function keyTypeOf(type: DataType): KeyType | undefined {
  if (DataType.isDictionary(type)) return keyTypeOf(type.dictionary);
  return KEY_TYPES.find(({ has }) => has(type));
}

/** The keys of a column's rows in hexadecimal; of a row without a value, null. */
export function keysOf(column: Vector, keyType: KeyType): Array<string | null> {
  return column.data.flatMap((data) => {
    const values = new Vector([data]);
    const words = data.dictionary && keysOf(data.dictionary, keyType);
    return Array.from({ length: data.length }, (_, place) => {
      if (values.get(place) === null) return null;
      if (words) return words[Number(storedAt(values, place))];
      return Buffer.from(keyType.keyAt(values, place)).toString('hex');
    });
  });
}

const isUint64 = (type: DataType) => DataType.isInt(type) && !type.isSigned && type.bitWidth === 64;

const isSigned = (type: DataType) =>
  [
    DataType.isInt,
    DataType.isDate,
    DataType.isTime,
    DataType.isTimestamp,
    DataType.isDuration,
  ].some((is) => is(type));

/** The number that is stored: `get` makes milliseconds of all dates and times. */
function storedAt(values: Vector, place: number): number | bigint {
  return values.data[0].values[place];
}

/** A number as so many bytes, the highest first. */
function bigEndian(value: bigint, bytes: number): Uint8Array {
  const digits = BigInt.asUintN(8 * bytes, value).toString(16);
  return Buffer.from(digits.padStart(2 * bytes, '0'), 'hex');
}

/** Numbers below zero, whose bits descend, have all of them turned over; the others come after them. */
function floatKey(value: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(8));
  // Adding 0 makes 0 of -0.
  view.setFloat64(0, Number.isNaN(value) ? Number.NaN : value + 0);
  const bits = view.getBigUint64(0);
  return bigEndian(bits >> 63n ? ~bits : bits ^ (1n << 63n), 8);
}

/** The digits of a decimal, which has them as four words, the lowest first. */
function decimalOf(words: Uint32Array): bigint {
  const unsigned = words.reduceRight((digits, word) => (digits << 32n) | BigInt(word), 0n);
  return BigInt.asIntN(128, unsigned);
}
