/**
 * Columns of Parquet as columns of Arrow, and back.
 *
 * @module
 */
import type { TimeUnit as ParquetUnit, SchemaElement, SchemaTree } from 'hyparquet';
import * as arrow from '../arrow/library.js';
import { type DataType, Field, Precision, Type } from '../arrow/library.js';

/** A column of a file, as a column of a table. */
export function toField({ element, children }: SchemaTree): Field {
  const type = children.length > 0 ? groupType(element, children) : leafType(element);
  const repeated = element.repetition_type === 'REPEATED';
  return new Field(element.name, repeated ? listOf(type) : type, true);
}

function groupType(element: SchemaElement, children: SchemaTree[]): DataType {
  const kind = element.converted_type ?? element.logical_type?.type;
  const [only] = children as [SchemaTree];
  if (kind === 'LIST') {
    // list.element, or what older programs wrote: the repeated thing is the item.
    const wrapped = only.children.length === 1;
    return listOf(wrapped ? toField(only.children[0]!).type : itemType(only));
  }
  if (kind === 'MAP' || kind === 'MAP_KEY_VALUE') {
    const entry = new arrow.Struct(only.children.map(toField));
    return new arrow.Map_(new Field('entries', entry, false) as any);
  }
  return new arrow.Struct(children.map(toField));
}

function itemType({ element, children }: SchemaTree): DataType {
  return children.length > 0 ? new arrow.Struct(children.map(toField)) : leafType(element);
}

function listOf(item: DataType): DataType {
  return new arrow.List(new Field('item', item, true));
}

function leafType(element: SchemaElement): DataType {
  const { type, type_length, converted_type: converted, logical_type: logical } = element;
  // A decimal is read as a number.
  if (converted === 'DECIMAL' || logical?.type === 'DECIMAL') return new arrow.Float64();
  if (logical?.type === 'TIMESTAMP' || converted?.startsWith('TIMESTAMP')) {
    const unit = logical?.type === 'TIMESTAMP' ? logical.unit : converted!.slice(10);
    const utc = logical?.type !== 'TIMESTAMP' || logical.isAdjustedToUTC;
    return new arrow.Timestamp(UNITS.indexOf(unit as ParquetUnit) + 1, utc ? 'UTC' : null);
  }
  switch (type) {
    case 'BOOLEAN':
      return new arrow.Bool();
    case 'INT32':
      if (converted === 'DATE' || logical?.type === 'DATE') return new arrow.DateDay();
      return integer(element, 32);
    case 'INT64':
      return integer(element, 64);
    case 'INT96':
      return new arrow.TimestampNanosecond();
    case 'FLOAT':
      return new arrow.Float32();
    case 'DOUBLE':
      return new arrow.Float64();
    case 'FIXED_LEN_BYTE_ARRAY':
      if (logical?.type === 'FLOAT16') return new arrow.Float16();
      if (logical?.type === 'UUID') return new arrow.Utf8();
      return new arrow.FixedSizeBinary(type_length!);
    default:
      return isText(element) ? new arrow.Utf8() : new arrow.Binary();
  }
}

const UNITS: ParquetUnit[] = ['MILLIS', 'MICROS', 'NANOS'];

function integer({ converted_type, logical_type }: SchemaElement, width: 32 | 64): DataType {
  const [, unsigned, bits] = /^(U?)INT_(\d+)$/.exec(converted_type ?? '') ?? [];
  const said = logical_type?.type === 'INTEGER' ? logical_type : undefined;
  const signed = said?.isSigned ?? !unsigned;
  return new arrow.Int(signed, (said?.bitWidth ?? Number(bits ?? width)) as any);
}

function isText({ converted_type, logical_type }: SchemaElement): boolean {
  return /^(UTF8|ENUM|JSON|STRING)$/.test(converted_type ?? logical_type?.type ?? '');
}

/** A column of a table, as the elements of a file's schema. */
export function toElements({ name, type }: Field): SchemaElement[] {
  const column = { name, repetition_type: 'OPTIONAL' } as const;
  const group = (children: SchemaElement[][]) => ({ ...column, num_children: children.length });
  switch (type.typeId) {
    case Type.List:
    case Type.FixedSizeList: {
      const item = toElements(new Field('element', type.children[0]!.type, true));
      const list = { name: 'list', repetition_type: 'REPEATED', num_children: 1 } as const;
      return [{ ...group([item]), converted_type: 'LIST' }, list, ...item];
    }
    case Type.Struct: {
      const fields = type.children.map(toElements);
      return [group(fields), ...fields.flat()];
    }
    case Type.Dictionary:
      return toElements(new Field(name, (type as arrow.Dictionary).dictionary, true));
    default:
      return [{ ...column, ...leafElement(name, type) }];
  }
}

function leafElement(name: string, type: DataType): Partial<SchemaElement> {
  switch (type.typeId) {
    case Type.Bool:
      return { type: 'BOOLEAN' };
    case Type.Int: {
      const { bitWidth, isSigned } = type as arrow.Int;
      const converted_type = `${isSigned ? 'INT' : 'UINT'}_${bitWidth}` as any;
      return { type: bitWidth === 64 ? 'INT64' : 'INT32', converted_type };
    }
    case Type.Float:
      return { type: (type as arrow.Float).precision === Precision.DOUBLE ? 'DOUBLE' : 'FLOAT' };
    case Type.Utf8:
    case Type.LargeUtf8:
      return { type: 'BYTE_ARRAY', converted_type: 'UTF8' };
    case Type.Binary:
    case Type.LargeBinary:
      return { type: 'BYTE_ARRAY' };
    case Type.FixedSizeBinary:
      return { type: 'FIXED_LEN_BYTE_ARRAY', type_length: (type as any).byteWidth };
    case Type.Date:
      return { type: 'INT32', converted_type: 'DATE' };
    case Type.Timestamp: {
      const { unit, timezone } = type as arrow.Timestamp;
      const isAdjustedToUTC = !!timezone;
      const logical = { type: 'TIMESTAMP', isAdjustedToUTC, unit: UNITS[Math.max(0, unit - 1)]! };
      return { type: 'INT64', logical_type: logical as any };
    }
    default:
      throw new Error(
        `column '${name}' is ${type}, which is not written to Parquet; .arrow takes every type`,
      );
  }
}

/** A value of a row as the writer of Parquet takes it. */
export function toParquet(type: DataType): (value: any) => unknown {
  const present = (convert: (value: any) => unknown) => (value: any) =>
    value === null || value === undefined ? value : convert(value);
  switch (type.typeId) {
    case Type.Timestamp: {
      // Rows have milliseconds since 1970, with a fraction if the unit is finer.
      const perMs = [1, 1, 1000, 1_000_000][(type as arrow.Timestamp).unit]!;
      return present((ms) => {
        const whole = Math.floor(Number(ms));
        return BigInt(whole) * BigInt(perMs) + BigInt(Math.round((Number(ms) - whole) * perMs));
      });
    }
    case Type.List:
    case Type.FixedSizeList: {
      const item = toParquet(type.children[0]!.type);
      return present((list) => Array.from(list, item));
    }
    case Type.Struct: {
      const fields = type.children.map(({ name, type }) => [name, toParquet(type)] as const);
      return present((value) =>
        Object.fromEntries(fields.map(([name, convert]) => [name, convert(value[name])])),
      );
    }
    default:
      return (value) => value;
  }
}
