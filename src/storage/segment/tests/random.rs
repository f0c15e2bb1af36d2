//! Random rows of every type that can be stored.

use std::sync::Arc;

use arrow::array::{Array, ArrayData, ArrayRef, NullArray, RecordBatch, RecordBatchOptions, make_array};
use arrow::buffer::{Buffer, NullBuffer};
use arrow::datatypes::{DataType, Field, Fields, IntervalUnit, Schema, SchemaRef, TimeUnit};
use rand::rngs::StdRng;
use rand::{Rng, RngExt};

/// One to six columns.
pub fn schema(random: &mut StdRng) -> SchemaRef {
    let columns = random.random_range(1..=6);
    Arc::new(Schema::new(fields(random, columns, 2)))
}

fn fields(random: &mut StdRng, count: usize, depth: usize) -> Vec<Field> {
    let mut field = |index: usize| {
        let data_type = data_type(random, depth);
        let nullable = data_type == DataType::Null || random.random_bool(0.7);
        Field::new(format!("c{index}"), data_type, nullable)
    };
    (0..count).map(&mut field).collect()
}

fn data_type(random: &mut StdRng, depth: usize) -> DataType {
    use DataType::*;
    let flat = [
        Null,
        Boolean,
        Int8,
        Int16,
        Int32,
        Int64,
        UInt8,
        UInt16,
        UInt32,
        UInt64,
        Float16,
        Float32,
        Float64,
        Utf8,
        LargeUtf8,
        Binary,
        LargeBinary,
        FixedSizeBinary(3),
        Date32,
        Date64,
        Timestamp(TimeUnit::Second, None),
        Timestamp(TimeUnit::Nanosecond, Some("+02:00".into())),
        Time32(TimeUnit::Second),
        Time64(TimeUnit::Nanosecond),
        Duration(TimeUnit::Microsecond),
        Interval(IntervalUnit::MonthDayNano),
        Decimal32(5, 1),
        Decimal64(10, 2),
        Decimal128(38, 10),
        Decimal256(76, 0),
        Dictionary(Box::new(Int8), Box::new(Utf8)),
        Dictionary(Box::new(UInt32), Box::new(Int64)),
    ];
    let nested = if depth == 0 { 0 } else { 5 };
    let choice = random.random_range(0..flat.len() + nested);
    if let Some(flat) = flat.get(choice) {
        return flat.clone();
    }
    let mut item = || {
        let data_type = data_type(random, depth - 1);
        let nullable = data_type == Null || random.random_bool(0.5);
        Arc::new(Field::new("item", data_type, nullable))
    };
    match choice - flat.len() {
        0 => List(item()),
        1 => LargeList(item()),
        2 => FixedSizeList(item(), 3),
        3 => {
            let entries =
                Fields::from(vec![Field::new("keys", Utf8, false), Field::new("values", Int16, true)]);
            Map(Arc::new(Field::new("entries", Struct(entries), false)), false)
        }
        _ => {
            let children = random.random_range(1..=3);
            Struct(fields(random, children, depth - 1).into())
        }
    }
}

/// Random values for a schema.
pub fn batch(random: &mut StdRng, schema: &SchemaRef, rows: usize) -> RecordBatch {
    let columns = schema.fields().iter().map(|field| array(random, field, rows)).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(schema.clone(), columns, &options).unwrap()
}

fn array(random: &mut StdRng, field: &Field, rows: usize) -> ArrayRef {
    use DataType::*;
    let data_type = field.data_type();
    if data_type == &Null {
        return Arc::new(NullArray::new(rows));
    }
    let nulls = (field.is_nullable() && random.random_bool(0.7))
        .then(|| NullBuffer::from_iter((0..rows).map(|_| random.random_bool(0.8))));
    let builder = ArrayData::builder(data_type.clone()).len(rows).nulls(nulls);
    let builder = match data_type {
        Boolean => builder.add_buffer(bytes(random, rows.div_ceil(8))),
        FixedSizeBinary(size) => builder.add_buffer(bytes(random, rows * *size as usize)),
        Utf8 | LargeUtf8 => {
            let words: Vec<&str> = (0..rows).map(|_| word(random)).collect();
            let lengths: Vec<usize> = words.iter().map(|word| word.len()).collect();
            builder
                .add_buffer(offsets(&lengths, data_type == &LargeUtf8))
                .add_buffer(Buffer::from(words.concat().into_bytes()))
        }
        Binary | LargeBinary => {
            let lengths = lengths(random, rows);
            let total = lengths.iter().sum();
            builder.add_buffer(offsets(&lengths, data_type == &LargeBinary)).add_buffer(bytes(random, total))
        }
        List(item) | LargeList(item) | Map(item, _) => {
            let lengths = lengths(random, rows);
            let child = array(random, item, lengths.iter().sum());
            let large = matches!(data_type, LargeList(_));
            builder.add_buffer(offsets(&lengths, large)).add_child_data(child.to_data())
        }
        FixedSizeList(item, size) => {
            builder.add_child_data(array(random, item, rows * *size as usize).to_data())
        }
        Struct(children) => {
            let children = children.iter().map(|child| array(random, child, rows).to_data());
            builder.child_data(children.collect())
        }
        Dictionary(keys, values) => {
            let values = array(random, &Field::new("values", values.as_ref().clone(), false), 5);
            let picks: Vec<u8> = (0..rows).map(|_| random.random_range(0..5)).collect();
            let keys = match keys.as_ref() {
                Int8 => Buffer::from_vec(picks),
                _ => Buffer::from_vec(picks.into_iter().map(u32::from).collect::<Vec<_>>()),
            };
            builder.add_buffer(keys).add_child_data(values.to_data())
        }
        plain => builder.add_buffer(bytes(random, rows * plain.primitive_width().unwrap())),
    };
    make_array(builder.build().unwrap())
}

fn bytes(random: &mut StdRng, length: usize) -> Buffer {
    let mut bytes = vec![0; length];
    random.fill_bytes(&mut bytes);
    // From u128s, so that the values are aligned whatever their type.
    let mut wide = vec![0_u128; length.div_ceil(16)];
    bytemuck::cast_slice_mut(&mut wide)[..length].copy_from_slice(&bytes);
    Buffer::from_vec(wide.iter().map(|value| *value as i128).collect::<Vec<_>>()).slice_with_length(0, length)
}

fn word(random: &mut StdRng) -> &'static str {
    ["", "a", "quiver", "päöü", "多字节", "a somewhat longer text"][random.random_range(0..6)]
}

fn lengths(random: &mut StdRng, rows: usize) -> Vec<usize> {
    (0..rows).map(|_| random.random_range(0..4)).collect()
}

fn offsets(lengths: &[usize], large: bool) -> Buffer {
    let ends = lengths.iter().scan(0, |end, length| {
        *end += length;
        Some(*end)
    });
    let offsets = std::iter::once(0).chain(ends);
    if large {
        Buffer::from_vec(offsets.map(|offset| offset as i64).collect::<Vec<_>>())
    } else {
        Buffer::from_vec(offsets.map(|offset| offset as i32).collect::<Vec<_>>())
    }
}
