/**
 * Schemas as callers give them: of this apache-arrow or of another copy of it, or plain objects with
 * types by name.
 *
 * @module
 */

import { QuiverError } from '../errors.js';
import { didYouMean, invalid } from '../options.js';
import * as arrow from './library.js';
import { DataType, Field, Schema, Type } from './library.js';

/** A data type: of any apache-arrow from 15 to 21, or its name, such as `"float32"`. */
export type TypeLike = string | { readonly typeId: number };

/** A field: of any apache-arrow from 15 to 21, or a plain object. */
export interface FieldLike {
  name: string;
  type: TypeLike;
  /** Whether the column may hold nulls. Default: true. */
  nullable?: boolean;
  metadata?: Map<string, string> | Record<string, string> | null;
}

/** A schema: of any apache-arrow from 15 to 21, or a plain object with fields. */
export interface SchemaLike {
  fields: readonly FieldLike[];
  metadata?: Map<string, string> | Record<string, string> | null;
}

/** Types without parameters, by name in lower case. */
const NAMED_TYPES: Record<string, () => DataType> = {
  null: () => new arrow.Null(),
  bool: () => new arrow.Bool(),
  boolean: () => new arrow.Bool(),
  int8: () => new arrow.Int8(),
  int16: () => new arrow.Int16(),
  int32: () => new arrow.Int32(),
  int64: () => new arrow.Int64(),
  uint8: () => new arrow.Uint8(),
  uint16: () => new arrow.Uint16(),
  uint32: () => new arrow.Uint32(),
  uint64: () => new arrow.Uint64(),
  float16: () => new arrow.Float16(),
  float32: () => new arrow.Float32(),
  float64: () => new arrow.Float64(),
  utf8: () => new arrow.Utf8(),
  string: () => new arrow.Utf8(),
  largeutf8: () => new arrow.LargeUtf8(),
  binary: () => new arrow.Binary(),
  largebinary: () => new arrow.LargeBinary(),
  dateday: () => new arrow.DateDay(),
  datemillisecond: () => new arrow.DateMillisecond(),
  timesecond: () => new arrow.TimeSecond(),
  timemillisecond: () => new arrow.TimeMillisecond(),
  timemicrosecond: () => new arrow.TimeMicrosecond(),
  timenanosecond: () => new arrow.TimeNanosecond(),
  timestampsecond: () => new arrow.TimestampSecond(),
  timestampmillisecond: () => new arrow.TimestampMillisecond(),
  timestampmicrosecond: () => new arrow.TimestampMicrosecond(),
  timestampnanosecond: () => new arrow.TimestampNanosecond(),
  durationsecond: () => new arrow.DurationSecond(),
  durationmillisecond: () => new arrow.DurationMillisecond(),
  durationmicrosecond: () => new arrow.DurationMicrosecond(),
  durationnanosecond: () => new arrow.DurationNanosecond(),
  intervaldaytime: () => new arrow.IntervalDayTime(),
  intervalyearmonth: () => new arrow.IntervalYearMonth(),
};

/**
 * Whether `value` was made by this very copy of apache-arrow.
 *
 * `instanceof` will not do: from version 21 on it says yes to other copies too, and a program that
 * imports apache-arrow as an ES module has another copy than this package, which requires it. The
 * two know nothing of each other's classes, so that types that mix them are written wrongly.
 */
export function isOwn<T extends object>(
  value: unknown,
  Class: abstract new (...args: any) => T,
): value is T {
  return Function.prototype[Symbol.hasInstance].call(Class, value);
}

/** A schema of this apache-arrow, with every field's metadata, from anything like one. */
export function toSchema(schema: SchemaLike, argument = 'schema'): Schema {
  if (isOwn(schema, Schema)) return schema;
  if (!Array.isArray(schema?.fields)) {
    throw invalid(argument, schema, 'an Arrow schema, or an object with an array of fields');
  }
  return new Schema(schema.fields.map(toField), toMetadata(schema.metadata));
}

/** A field of this apache-arrow. */
export function toField(field: FieldLike): Field {
  if (isOwn(field, Field)) return field;
  if (typeof field?.name !== 'string') {
    throw invalid(
      'a field of the schema',
      field,
      'an Arrow field, or an object with a name and a type',
    );
  }
  const type = toType(field.type, field.name);
  return new Field(field.name, type, field.nullable ?? true, toMetadata(field.metadata));
}

/** A data type of this apache-arrow. */
export function toType(type: TypeLike, column: string): DataType {
  if (isOwn(type, DataType)) return type;
  if (typeof type === 'string') return namedType(type, column);
  if (typeof type !== 'object' || type === null || typeof type.typeId !== 'number') {
    throw invalid(`the type of '${column}'`, type, 'an Arrow data type or the name of one');
  }
  return foreignType(type, column);
}

/** Whether `name` is that of a type without parameters. */
export function isNamedType(name: string): boolean {
  return typeByName(name) !== undefined;
}

function typeByName(name: string): (() => DataType) | undefined {
  return NAMED_TYPES[name.toLowerCase().replaceAll(/[_\s]/g, '')];
}

function namedType(name: string, column: string): DataType {
  const make = typeByName(name);
  if (make !== undefined) return make();
  const hint = didYouMean(name, Object.keys(NAMED_TYPES));
  throw new QuiverError(
    'INVALID_ARGUMENT',
    `the type of '${column}' is "${name}", which is not the name of a type${hint}; ` +
      `types with parameters need an object, such as new FixedSizeList(…); the names are ` +
      Object.keys(NAMED_TYPES).join(', '),
  );
}

/** Type ids and the parameters beside them have kept their meaning since apache-arrow 15. */
function foreignType(foreign: any, column: string): DataType {
  const child = (i: number) => toField(foreign.children[i]);
  switch (foreign.typeId) {
    case Type.Null:
      return new arrow.Null();
    case Type.Bool:
      return new arrow.Bool();
    case Type.Int:
      return namedType(`${foreign.isSigned ? 'int' : 'uint'}${foreign.bitWidth}`, column);
    case Type.Float:
      return namedType(`float${16 << foreign.precision}`, column);
    case Type.Utf8:
      return new arrow.Utf8();
    case Type.LargeUtf8:
      return new arrow.LargeUtf8();
    case Type.Binary:
      return new arrow.Binary();
    case Type.LargeBinary:
      return new arrow.LargeBinary();
    case Type.FixedSizeBinary:
      return new arrow.FixedSizeBinary(foreign.byteWidth);
    case Type.Decimal:
      return new arrow.Decimal(foreign.scale, foreign.precision, foreign.bitWidth);
    case Type.Date:
      return new arrow.Date_(foreign.unit);
    case Type.Time:
      return new arrow.Time(foreign.unit, foreign.bitWidth);
    case Type.Timestamp:
      return new arrow.Timestamp(foreign.unit, foreign.timezone);
    case Type.Duration:
      return new arrow.Duration(foreign.unit);
    case Type.Interval:
      return new arrow.Interval(foreign.unit);
    case Type.List:
      return new arrow.List(child(0));
    case Type.FixedSizeList:
      return new arrow.FixedSizeList(foreign.listSize, child(0));
    case Type.Struct:
      return new arrow.Struct(foreign.children.map(toField));
    case Type.Map:
      return new arrow.Map_(child(0) as any, foreign.keysSorted);
    case Type.Dictionary:
      return new arrow.Dictionary(
        toType(foreign.dictionary, column),
        toType(foreign.indices, column) as any,
        foreign.id,
        foreign.isOrdered,
      );
    default:
      throw new QuiverError(
        'INVALID_ARGUMENT',
        `the type of '${column}' is ${String(foreign)}, which quiverdb cannot store`,
      );
  }
}

function toMetadata(metadata: SchemaLike['metadata']): Map<string, string> | null {
  if (metadata === undefined || metadata === null) return null;
  // A Map of another realm or a plain object: both have entries.
  const entries =
    typeof (metadata as any).entries === 'function'
      ? (metadata as Map<string, string>).entries()
      : Object.entries(metadata);
  return new Map(entries);
}

/** How the columns of `given` differ from those of `stored`, or `undefined` if they do not. */
export function schemaDifference(given: Schema, stored: Schema): string | undefined {
  const names = (schema: Schema) => schema.fields.map((field) => `'${field.name}'`).join(', ');
  if (names(given) !== names(stored)) {
    return `the given columns are ${names(given)}, the table's are ${names(stored)}`;
  }
  for (const [i, field] of given.fields.entries()) {
    const other = stored.fields[i]!;
    const [mine, theirs] = [typeName(field), typeName(other)];
    if (mine !== theirs)
      return `column '${field.name}' is given as ${mine}, the table has ${theirs}`;
  }
  return undefined;
}

/** A field's type as messages show it. */
export function typeName(field: Field): string {
  return `${field.type}${field.nullable ? '' : ', not nullable'}`;
}

/** Whether something looks like a schema, of whatever copy of apache-arrow. */
export function isSchemaLike(value: unknown): value is SchemaLike {
  return typeof value === 'object' && value !== null && Array.isArray((value as SchemaLike).fields);
}
