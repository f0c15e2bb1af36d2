/** Vectors as Arrow tables, made without a copy, by whichever apache-arrow an engine has. */

/** A table of the columns `id` and `vector`, of rows that lie one after the other. */
export function arrowTable(
  arrow: any,
  vectors: Float32Array,
  dimensions: number,
  firstId: number,
): any {
  const rows = vectors.length / dimensions;
  const { Field, FixedSizeList, Float32, Int32, Schema, Struct, RecordBatch, makeData } = arrow;
  const item = new Field('item', new Float32(), true);
  const schema = new Schema([
    new Field('id', new Int32(), true),
    new Field('vector', new FixedSizeList(dimensions, item), true),
  ]);
  const ids = Int32Array.from({ length: rows }, (_, row) => firstId + row);
  const children = [
    makeData({ type: new Int32(), length: rows, nullCount: 0, data: ids }),
    makeData({
      type: new FixedSizeList(dimensions, item),
      length: rows,
      nullCount: 0,
      child: makeData({ type: new Float32(), length: vectors.length, nullCount: 0, data: vectors }),
    }),
  ];
  const data = makeData({ type: new Struct(schema.fields), length: rows, nullCount: 0, children });
  return new arrow.Table(schema, new RecordBatch(schema, data));
}
