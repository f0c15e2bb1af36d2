/**
 * Arrow tables and record batches of another copy of apache-arrow, seen as ours. No values are copied.
 *
 * `instanceof` fails between two copies of a package, or misleads, so everything here goes by structure.
 *
 * @module
 */
import {
  BufferType,
  Data,
  type DataType,
  RecordBatch,
  type Schema,
  Table,
  Type,
  Vector,
} from './library.js';
import { isOwn, toSchema, toType } from './schema.js';

/** An Arrow table of any apache-arrow from 15 to 21. */
export interface TableLike {
  readonly schema: { readonly fields: readonly any[]; readonly metadata?: any };
  readonly batches: readonly RecordBatchLike[];
}

/** A record batch of any apache-arrow from 15 to 21. */
export interface RecordBatchLike {
  readonly schema: { readonly fields: readonly any[]; readonly metadata?: any };
  readonly data: any;
  readonly numRows: number;
}

/** Whether `value` is an Arrow table, of whatever copy of apache-arrow. */
export function isTableLike(value: any): value is TableLike {
  return Array.isArray(value?.batches) && Array.isArray(value.schema?.fields);
}

/** Whether `value` is a record batch, of whatever copy of apache-arrow. */
export function isRecordBatchLike(value: any): value is RecordBatchLike {
  return Array.isArray(value?.schema?.fields) && Array.isArray(value.data?.children);
}

/** A table of this apache-arrow. */
export function toTable(table: TableLike): Table {
  if (isOwn(table, Table)) return table as Table;
  const schema = toSchema(table.schema);
  return new Table(
    schema,
    table.batches.map((batch) => toBatch(batch, schema)),
  );
}

/** A record batch of this apache-arrow. */
export function toRecordBatch(batch: RecordBatchLike): RecordBatch {
  if (isOwn(batch, RecordBatch)) return batch as RecordBatch;
  return toBatch(batch, toSchema(batch.schema));
}

function toBatch(batch: RecordBatchLike, schema: Schema): RecordBatch {
  return new RecordBatch(schema, toData(batch.data) as any);
}

function toData(foreign: any): Data {
  const type: DataType = toType(foreign.type, foreign.type?.toString() ?? 'a column');
  return new Data(
    type,
    foreign.offset,
    foreign.length,
    foreign.nullCount,
    {
      [BufferType.OFFSET]: foreign.valueOffsets,
      [BufferType.DATA]: toValues(foreign.values, type),
      [BufferType.VALIDITY]: foreign.nullBitmap,
      [BufferType.TYPE]: foreign.typeIds,
    } as any,
    // Lists without rows may lack their child.
    foreign.children.map((child: any) => child && toData(child)),
    foreign.dictionary && new Vector(foreign.dictionary.data.map(toData)),
  );
}

/** apache-arrow 15 has dates and times of 64 bits as two halves; later versions have them as one number. */
function toValues(values: any, type: DataType): any {
  if (!values || (type.typeId !== Type.Date && type.typeId !== Type.Timestamp)) return values;
  const Values = type.ArrayType;
  if (values instanceof Values) return values;
  // Numbers of eight bytes cannot be viewed at every address.
  const { buffer, byteOffset, byteLength } = values.byteOffset % 8 === 0 ? values : values.slice();
  return new Values(buffer, byteOffset, byteLength / Values.BYTES_PER_ELEMENT);
}
