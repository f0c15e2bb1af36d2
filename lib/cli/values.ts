/**
 * Text as values: of the type that a column has, or of the kind that its first values look like.
 *
 * What cannot be read is left as it is, for the table to refuse with its row and column.
 *
 * @module
 */
import { type DataType, Type } from '../arrow/library.js';
import { fromJson } from './json.js';

/** The types of columns that are there already, by name. */
export type Columns = ReadonlyMap<string, DataType>;

/** A field of CSV: what is in quotes is text, whatever it looks like. */
export interface Field {
  text: string;
  quoted: boolean;
}

/** A number with leading zeros is the number of something, not an amount. */
const NUMBER = /^(-?(0|[1-9]\d*)(\.\d+)?(e[+-]?\d+)?|NaN|-?Infinity)$/i;
const INTEGER = /^-?(0|[1-9]\d*)$/;
const BOOLEAN = /^(true|false)$/;

/** How the fields of a column are read whose type is known. */
export function fieldOf(type: DataType): (text: string) => unknown {
  switch (type.typeId) {
    case Type.Bool:
      return toBoolean;
    case Type.Int:
    case Type.Time:
    case Type.Duration:
      return toInteger;
    case Type.Float:
      return toNumber;
    case Type.List:
    case Type.FixedSizeList:
    case Type.Struct:
    case Type.Map: {
      const value = jsonOf(type);
      return (text) => value(toNested(text));
    }
    default:
      return jsonOf(type);
  }
}

/**
 * How the fields of a column are read whose type is not known: as numbers, booleans, lists or objects if all of
 * these fields are, and else as text.
 */
export function guessField(fields: readonly Field[]): (text: string) => unknown {
  const given = fields.filter(({ text, quoted }) => quoted || text !== '');
  const all = (fits: (text: string) => boolean) =>
    given.length > 0 && given.every(({ text, quoted }) => !quoted && fits(text));
  if (all((text) => INTEGER.test(text)) && given.some(({ text }) => isLong(text))) {
    return (text) => (INTEGER.test(text) ? BigInt(text) : text);
  }
  if (all((text) => NUMBER.test(text))) return toNumber;
  if (all((text) => BOOLEAN.test(text))) return toBoolean;
  // Lists have commas, and so quotes around them.
  if (given.length > 0 && given.every(({ text }) => typeof toNested(text) === 'object')) {
    return toNested;
  }
  return (text) => text;
}

/** How values of JSON are read in a column whose type is known: JSON has no dates and no bytes. */
export function jsonOf(type: DataType): (value: any) => unknown {
  const of = (read: (text: string) => unknown) => (value: any) =>
    typeof value === 'string' ? read(value) : value;
  switch (type.typeId) {
    case Type.Date:
    case Type.Timestamp:
      return of(toDate);
    case Type.Binary:
    case Type.LargeBinary:
    case Type.FixedSizeBinary:
      return of((text) => Buffer.from(text, 'base64'));
    case Type.List:
    case Type.FixedSizeList: {
      const item = jsonOf(type.children[0]!.type);
      return (value) => (Array.isArray(value) ? value.map(item) : value);
    }
    case Type.Struct: {
      const fields = type.children.map(({ name, type }) => [name, jsonOf(type)] as const);
      return (value) => {
        if (typeof value !== 'object' || value === null) return value;
        const known = fields.filter(([name]) => Object.hasOwn(value, name));
        return {
          ...value,
          ...Object.fromEntries(known.map(([name, of]) => [name, of(value[name])])),
        };
      };
    }
    case Type.Map:
      return (value) => (Array.isArray(value) ? new Map(value) : value);
    default:
      return (value) => value;
  }
}

function toBoolean(text: string): unknown {
  return BOOLEAN.test(text) ? text === 'true' : text;
}

/** A whole number that a number cannot hold exactly is left as text. */
function toNumber(text: string): unknown {
  return NUMBER.test(text) && !isLong(text) ? Number(text) : text;
}

function toInteger(text: string): unknown {
  if (!INTEGER.test(text)) return text;
  return isLong(text) ? BigInt(text) : Number(text);
}

function isLong(text: string): boolean {
  return INTEGER.test(text) && !Number.isSafeInteger(Number(text));
}

function toNested(text: string): unknown {
  if (!/^[[{]/.test(text)) return text;
  try {
    return fromJson(text);
  } catch {
    return text;
  }
}

/** A time as ISO 8601 has it, or as milliseconds since 1970. */
function toDate(text: string): unknown {
  if (NUMBER.test(text)) return Number(text);
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? text : date;
}
