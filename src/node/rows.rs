//! Results in columns, as plain JavaScript values: a few typed arrays that `lib/rows.ts` makes rows of.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, new_empty_array};
use arrow::compute::{cast, concat};
use arrow::datatypes::{
    DataType, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, SchemaRef,
    TimeUnit, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};

use crate::error::{Error, Result};

/// A result: so many rows, in columns.
pub struct Rows {
    pub(crate) row_count: usize,
    pub(crate) columns: Vec<Column>,
}

/// The values of a column. What each kind holds is documented at `NativeColumn` in `lib/native.ts`.
pub(crate) struct Column {
    pub name: String,
    pub kind: &'static str,
    pub values: Values,
    /// 1 where the value is null; empty when none is.
    pub nulls: Vec<u8>,
    /// Where each value begins, for lists and binary.
    pub offsets: Vec<i32>,
    /// Values per row, for vectors and fixed-size lists.
    pub size: usize,
    pub children: Vec<Column>,
}

/// Values of one JavaScript typed array, or strings.
pub(crate) enum Values {
    None,
    I8(Vec<i8>),
    I16(Vec<i16>),
    I32(Vec<i32>),
    I64(Vec<i64>),
    U8(Vec<u8>),
    U16(Vec<u16>),
    U32(Vec<u32>),
    U64(Vec<u64>),
    F32(Vec<f32>),
    F64(Vec<f64>),
    Strings(Vec<String>),
}

impl Rows {
    /// Copies the values out of `batches`, for as long as `go_on` agrees, which is asked after every column.
    pub fn new(schema: &SchemaRef, batches: &[RecordBatch], go_on: impl Fn() -> Result<()>) -> Result<Self> {
        let row_count = batches.iter().map(RecordBatch::num_rows).sum();
        let columns = schema.fields().iter().enumerate().map(|(i, field)| {
            let column = column(field.name(), &whole_column(field.data_type(), i, batches)?)?;
            go_on()?;
            Ok(column)
        });
        Ok(Self { row_count, columns: columns.collect::<Result<_>>()? })
    }
}

/// A column of all batches, one after the other.
fn whole_column(data_type: &DataType, index: usize, batches: &[RecordBatch]) -> Result<ArrayRef> {
    let parts: Vec<&dyn Array> = batches.iter().map(|batch| batch.column(index).as_ref()).collect();
    match batches {
        [] => Ok(new_empty_array(data_type)),
        [one] => Ok(one.column(index).clone()),
        _ => concat(&parts).map_err(Error::internal),
    }
}

fn column(name: &str, array: &ArrayRef) -> Result<Column> {
    let mut column = values(array)?;
    column.name = name.to_owned();
    if let Some(nulls) = array.logical_nulls().filter(|nulls| nulls.null_count() > 0) {
        column.nulls = nulls.iter().map(|valid| u8::from(!valid)).collect();
    }
    Ok(column)
}

fn of(kind: &'static str, values: Values) -> Column {
    Column {
        name: String::new(),
        kind,
        values,
        nulls: Vec::new(),
        offsets: Vec::new(),
        size: 0,
        children: Vec::new(),
    }
}

fn values(array: &ArrayRef) -> Result<Column> {
    Ok(match array.data_type() {
        DataType::Null => of("null", Values::None),
        DataType::Boolean => {
            of("boolean", Values::U8(array.as_boolean().values().iter().map(u8::from).collect()))
        }
        DataType::Int64 => of("bigint", Values::I64(array.as_primitive::<Int64Type>().values().to_vec())),
        DataType::UInt64 => of("bigint", Values::U64(array.as_primitive::<UInt64Type>().values().to_vec())),
        DataType::Utf8 => strings(array)?,
        DataType::Binary => binary(array),
        DataType::Date32 => scaled(array, "date", 86_400_000.0)?,
        DataType::Date64 => scaled(array, "date", 1.0)?,
        DataType::Timestamp(unit, _) => scaled(array, "number", milliseconds(*unit))?,
        DataType::FixedSizeList(_, size) => fixed_size_list(array, *size as usize)?,
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            let (items, offsets) = own_items(list.values(), list.offsets());
            Column { offsets, children: vec![column("item", &items)?], ..of("list", Values::None) }
        }
        DataType::Map(..) => {
            let map = array.as_map();
            let (keys, offsets) = own_items(map.keys(), map.offsets());
            let (values, _) = own_items(map.values(), map.offsets());
            let children = vec![column("key", &keys)?, column("value", &values)?];
            Column { offsets, children, ..of("map", Values::None) }
        }
        DataType::Struct(fields) => {
            let children = fields.iter().zip(array.as_struct().columns());
            let children =
                children.map(|(field, child)| column(field.name(), child)).collect::<Result<_>>()?;
            Column { children, ..of("struct", Values::None) }
        }
        other => match number(array) {
            Some(numbers) => of("number", numbers),
            None => values(&cast(array, &plain_type(other)).map_err(Error::internal)?)?,
        },
    })
}

/// The type of plain values that a value of `data_type` is shown as.
fn plain_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => DataType::Binary,
        DataType::LargeList(item) | DataType::ListView(item) => DataType::List(item.clone()),
        DataType::Dictionary(_, value) => value.as_ref().clone(),
        DataType::Time32(_) => DataType::Int32,
        DataType::Time64(_) | DataType::Duration(_) => DataType::Int64,
        _ => DataType::Utf8,
    }
}

/// Numbers that a typed array holds as they are.
fn number(array: &ArrayRef) -> Option<Values> {
    Some(match array.data_type() {
        DataType::Int8 => Values::I8(array.as_primitive::<Int8Type>().values().to_vec()),
        DataType::Int16 => Values::I16(array.as_primitive::<Int16Type>().values().to_vec()),
        DataType::Int32 => Values::I32(array.as_primitive::<Int32Type>().values().to_vec()),
        DataType::UInt8 => Values::U8(array.as_primitive::<UInt8Type>().values().to_vec()),
        DataType::UInt16 => Values::U16(array.as_primitive::<UInt16Type>().values().to_vec()),
        DataType::UInt32 => Values::U32(array.as_primitive::<UInt32Type>().values().to_vec()),
        DataType::Float32 => Values::F32(array.as_primitive::<Float32Type>().values().to_vec()),
        DataType::Float64 => Values::F64(array.as_primitive::<Float64Type>().values().to_vec()),
        DataType::Float16 => Values::F32(
            array.as_primitive::<Float16Type>().values().iter().map(|value| value.to_f32()).collect(),
        ),
        _ => return None,
    })
}

fn strings(array: &ArrayRef) -> Result<Column> {
    let strings = array.as_string::<i32>();
    Ok(of(
        "string",
        Values::Strings(strings.iter().map(|value| value.unwrap_or_default().to_owned()).collect()),
    ))
}

/// The items of the lists that are here, and where each list begins among them: a slice of a column
/// keeps the items of all of it.
fn own_items(items: &ArrayRef, offsets: &[i32]) -> (ArrayRef, Vec<i32>) {
    let (first, last) = (offsets[0], offsets[offsets.len() - 1]);
    let own = items.slice(first as usize, (last - first) as usize);
    (own, offsets.iter().map(|offset| offset - first).collect())
}

fn binary(array: &ArrayRef) -> Column {
    let binary = array.as_binary::<i32>();
    let offsets = binary.offsets();
    let (first, last) = (offsets[0] as usize, offsets[offsets.len() - 1] as usize);
    Column {
        offsets: offsets.iter().map(|offset| offset - offsets[0]).collect(),
        ..of("binary", Values::U8(binary.values()[first..last].to_vec()))
    }
}

/// Times as milliseconds since 1970, in a Float64Array.
fn scaled(array: &ArrayRef, kind: &'static str, milliseconds: f64) -> Result<Column> {
    let ticks = match array.data_type() {
        DataType::Date32 => cast(array, &DataType::Int32).and_then(|days| cast(&days, &DataType::Int64)),
        _ => cast(array, &DataType::Int64),
    };
    let ticks = ticks.map_err(Error::internal)?;
    let ticks = ticks.as_primitive::<Int64Type>().values();
    Ok(of(kind, Values::F64(ticks.iter().map(|&tick| tick as f64 * milliseconds).collect())))
}

fn milliseconds(unit: TimeUnit) -> f64 {
    match unit {
        TimeUnit::Second => 1e3,
        TimeUnit::Millisecond => 1.0,
        TimeUnit::Microsecond => 1e-3,
        TimeUnit::Nanosecond => 1e-6,
    }
}

fn fixed_size_list(array: &ArrayRef, size: usize) -> Result<Column> {
    let list = array.as_fixed_size_list();
    // A slice of a list keeps all of its values: take those of the rows that are here.
    let items = list.values().slice(list.value_offset(0) as usize, list.len() * size);
    let is_vector = matches!(
        items.data_type(),
        DataType::Float16 | DataType::Float32 | DataType::Float64 | DataType::UInt8 | DataType::Int8
    );
    match number(&items) {
        Some(numbers) if is_vector && items.null_count() == 0 => Ok(Column { size, ..of("vector", numbers) }),
        _ => Ok(Column { size, children: vec![column("item", &items)?], ..of("fixedList", Values::None) }),
    }
}
