/**
 * Changing the columns of a table: {@link Table.addColumns} and {@link Table.alterColumns}.
 *
 * @module
 */
import { Field, Schema } from './arrow/library.js';
import { schemaToIpc } from './arrow/make-table.js';
import {
  type FieldLike,
  isNamedType,
  type SchemaLike,
  type TypeLike,
  toField,
  toSchema,
  toType,
} from './arrow/schema.js';
import { QuiverError } from './errors.js';
import type { NativeAlteration, NativeNewColumn } from './native-types.js';
import { checkOptions, flag, invalid, list, text } from './options.js';

/** A column with values that an SQL expression makes of the other columns. */
export interface AddColumnsSql {
  name: string;
  /** The expression, over the columns as they were. */
  valueSql: string;
}

/** What becomes of a column. At least one of the changes must be there. */
export interface ColumnAlteration {
  /** The column. */
  path: string;
  /** Another name. */
  rename?: string;
  /** Whether it may be null. */
  nullable?: boolean;
  /** Another type: of Arrow, or its name, or a name as in `CAST(x AS …)`. Every value must fit. */
  dataType?: TypeLike;
}

/** What a change of columns did. */
export interface ColumnsResult {
  /** The version with the columns as they are now. */
  version: number;
}

/** New columns as the engine takes them. */
export function toNewColumns(
  columns: readonly AddColumnsSql[] | FieldLike | readonly FieldLike[] | SchemaLike,
): { computed: NativeNewColumn[]; schemaIpc?: Uint8Array } {
  if (typeof columns !== 'object' || columns === null) {
    throw invalid('columns', columns, 'an array of { name, valueSql }, a field, or a schema');
  }
  if ('fields' in columns) {
    return { computed: [], schemaIpc: schemaToIpc(toSchema(columns as SchemaLike)) };
  }
  const items = (Array.isArray(columns) ? columns : [columns]) as Array<AddColumnsSql | FieldLike>;
  if (items.length === 0) throw invalid('columns', columns, 'at least one column');
  const computed = items.filter((item) => item !== null && 'valueSql' in Object(item));
  if (computed.length === items.length) {
    return {
      computed: (computed as AddColumnsSql[]).map((column) => {
        checkOptions<AddColumnsSql>('a new column', column, ['name', 'valueSql']);
        const name = text('the name of a new column', column.name);
        return { name, sql: text(`the valueSql of '${name}'`, column.valueSql) };
      }),
    };
  }
  if (computed.length > 0) {
    throw new QuiverError(
      'INVALID_ARGUMENT',
      'columns has both fields and { name, valueSql }; add them with two calls of addColumns',
    );
  }
  const schema = new Schema((items as FieldLike[]).map(toField));
  return { computed: [], schemaIpc: schemaToIpc(schema) };
}

/** Alterations as the engine takes them. */
export function toAlterations(alterations: readonly ColumnAlteration[]): NativeAlteration[] {
  return list('alterations', alterations).map((alteration) => {
    checkOptions<ColumnAlteration>('an alteration', alteration, [
      'path',
      'rename',
      'nullable',
      'dataType',
    ]);
    const { path, rename, nullable, dataType } = alteration;
    return {
      column: text('the path of an alteration', path),
      rename: rename === undefined ? undefined : text(`the new name of '${path}'`, rename),
      nullable: flag(`nullable of '${path}'`, nullable),
      ...(dataType === undefined ? {} : toNativeType(path, dataType)),
    };
  });
}

function toNativeType(path: string, type: TypeLike): { typeName?: string; typeIpc?: Uint8Array } {
  if (typeof type === 'string' && !isNamedType(type)) {
    return { typeName: text(`the dataType of '${path}'`, type) };
  }
  return { typeIpc: schemaToIpc(new Schema([new Field(path, toType(type, path), true)])) };
}
