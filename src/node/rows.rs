//! Results in the form that crosses to JavaScript: what the columns are, as JSON, and all their values in one buffer.
//!
//! A property of an object that crosses costs a microsecond or so, and a typed array two: a result of ten rows would
//! take longer to hand over than to find. `lib/rows.ts` makes rows of it.

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, RecordBatch, new_empty_array};
use arrow::compute::{cast, concat};
use arrow::datatypes::{
    DataType, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, SchemaRef,
    TimeUnit, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use serde::Serialize;

use crate::error::{Error, Result};

/// A result.
pub struct Rows {
    /// [`Columns`] as JSON.
    pub(crate) columns: String,
    pub(crate) bytes: Vec<u8>,
}

/// What a result holds: `NativeColumns` in `lib/native-types.ts`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Columns {
    row_count: usize,
    columns: Vec<Column>,
}

/// A column. What each kind holds is documented at `NativeColumn` in `lib/native-types.ts`.
#[derive(Serialize)]
struct Column {
    name: String,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    values: Option<Numbers>,
    /// 1 where the value is null; absent when none is.
    #[serde(skip_serializing_if = "Option::is_none")]
    nulls: Option<Numbers>,
    /// Where each value begins, for strings, binary, lists and maps.
    #[serde(skip_serializing_if = "Option::is_none")]
    offsets: Option<Numbers>,
    /// Values per row, for vectors and fixed-size lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    children: Vec<Column>,
}

/// Numbers of one kind in the buffer.
#[derive(Serialize)]
struct Numbers {
    r#type: &'static str,
    /// Where they begin, in bytes.
    at: usize,
    length: usize,
}

impl Rows {
    /// Copies the values out of `batches`, for as long as `go_on` agrees, which is asked after every column.
    pub fn new(schema: &SchemaRef, batches: &[RecordBatch], go_on: impl Fn() -> Result<()>) -> Result<Self> {
        let row_count = batches.iter().map(RecordBatch::num_rows).sum();
        let mut buffer = Buffer::default();
        let columns = schema.fields().iter().enumerate().map(|(i, field)| {
            let column = buffer.column(field.name(), &whole_column(field.data_type(), i, batches)?)?;
            go_on()?;
            Ok(column)
        });
        let columns = Columns { row_count, columns: columns.collect::<Result<_>>()? };
        let columns = serde_json::to_string(&columns).map_err(Error::internal)?;
        Ok(Self { columns, bytes: buffer.bytes })
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

fn of(kind: &'static str) -> Column {
    Column {
        name: String::new(),
        kind,
        values: None,
        nulls: None,
        offsets: None,
        size: None,
        children: Vec::new(),
    }
}

/// The values of all columns, one after the other.
#[derive(Default)]
struct Buffer {
    bytes: Vec<u8>,
}

/// What every kind of number is aligned to: typed arrays must be.
const ALIGNMENT: usize = 8;

impl Buffer {
    /// Appends numbers, which are of the type that JavaScript's typed array of the name `type` holds.
    fn push<T: bytemuck::NoUninit>(&mut self, r#type: &'static str, numbers: &[T]) -> Numbers {
        self.bytes.resize(self.bytes.len().next_multiple_of(ALIGNMENT), 0);
        let at = self.bytes.len();
        self.bytes.extend_from_slice(bytemuck::cast_slice(numbers));
        Numbers { r#type, at, length: numbers.len() }
    }

    /// Appends the values of an array of numbers.
    fn push_array<T: ArrowPrimitiveType<Native: bytemuck::NoUninit>>(
        &mut self,
        r#type: &'static str,
        array: &ArrayRef,
    ) -> Numbers {
        self.push(r#type, array.as_primitive::<T>().values())
    }

    fn column(&mut self, name: &str, array: &ArrayRef) -> Result<Column> {
        let mut column = self.values(array)?;
        column.name = name.to_owned();
        if let Some(nulls) = array.logical_nulls().filter(|nulls| nulls.null_count() > 0) {
            let nulls: Vec<u8> = nulls.iter().map(|valid| u8::from(!valid)).collect();
            column.nulls = Some(self.push("u8", &nulls));
        }
        Ok(column)
    }

    fn values(&mut self, array: &ArrayRef) -> Result<Column> {
        Ok(match array.data_type() {
            DataType::Null => of("null"),
            DataType::Boolean => {
                let values: Vec<u8> = array.as_boolean().values().iter().map(u8::from).collect();
                Column { values: Some(self.push("u8", &values)), ..of("boolean") }
            }
            DataType::Int64 => {
                Column { values: Some(self.push_array::<Int64Type>("i64", array)), ..of("bigint") }
            }
            DataType::UInt64 => {
                Column { values: Some(self.push_array::<UInt64Type>("u64", array)), ..of("bigint") }
            }
            DataType::Utf8 => {
                let strings = array.as_string::<i32>();
                self.cut("string", strings.value_data(), strings.offsets())
            }
            DataType::Binary => {
                let binary = array.as_binary::<i32>();
                self.cut("binary", binary.value_data(), binary.offsets())
            }
            DataType::Date32 => self.times(array, "date", |days| days as f64 * 86_400_000.0)?,
            DataType::Date64 => self.times(array, "date", |milliseconds| milliseconds as f64)?,
            DataType::Timestamp(unit, _) => self.times(array, "number", milliseconds(*unit))?,
            DataType::FixedSizeList(_, size) => self.fixed_size_list(array, *size as usize)?,
            DataType::List(_) => {
                let list = array.as_list::<i32>();
                let (items, offsets) = own_items(list.values(), list.offsets());
                let offsets = Some(self.push("i32", &offsets));
                Column { offsets, children: vec![self.column("item", &items)?], ..of("list") }
            }
            DataType::Map(..) => {
                let map = array.as_map();
                let (keys, offsets) = own_items(map.keys(), map.offsets());
                let (values, _) = own_items(map.values(), map.offsets());
                let offsets = Some(self.push("i32", &offsets));
                let children = vec![self.column("key", &keys)?, self.column("value", &values)?];
                Column { offsets, children, ..of("map") }
            }
            DataType::Struct(fields) => {
                let children = fields.iter().zip(array.as_struct().columns());
                let children = children.map(|(field, child)| self.column(field.name(), child));
                Column { children: children.collect::<Result<_>>()?, ..of("struct") }
            }
            other => match self.numbers(array) {
                Some(numbers) => Column { values: Some(numbers), ..of("number") },
                None => self.values(&cast(array, &plain_type(other)).map_err(Error::internal)?)?,
            },
        })
    }

    /// Numbers that a typed array holds as they are.
    fn numbers(&mut self, array: &ArrayRef) -> Option<Numbers> {
        Some(match array.data_type() {
            DataType::Int8 => self.push_array::<Int8Type>("i8", array),
            DataType::Int16 => self.push_array::<Int16Type>("i16", array),
            DataType::Int32 => self.push_array::<Int32Type>("i32", array),
            DataType::UInt8 => self.push_array::<UInt8Type>("u8", array),
            DataType::UInt16 => self.push_array::<UInt16Type>("u16", array),
            DataType::UInt32 => self.push_array::<UInt32Type>("u32", array),
            DataType::Float32 => self.push_array::<Float32Type>("f32", array),
            DataType::Float64 => self.push_array::<Float64Type>("f64", array),
            DataType::Float16 => {
                let halves = array.as_primitive::<Float16Type>().values();
                let values: Vec<f32> = halves.iter().map(|value| value.to_f32()).collect();
                self.push("f32", &values)
            }
            _ => return None,
        })
    }

    /// Values of any length: those of a slice of a column, which keeps the bytes of all of it.
    fn cut(&mut self, kind: &'static str, bytes: &[u8], offsets: &[i32]) -> Column {
        let (first, last) = (offsets[0], offsets[offsets.len() - 1]);
        let values = Some(self.push("u8", &bytes[first as usize..last as usize]));
        let offsets: Vec<i32> = offsets.iter().map(|offset| offset - first).collect();
        Column { values, offsets: Some(self.push("i32", &offsets)), ..of(kind) }
    }

    /// Times as milliseconds since 1970.
    fn times(
        &mut self,
        array: &ArrayRef,
        kind: &'static str,
        milliseconds: fn(i64) -> f64,
    ) -> Result<Column> {
        let ticks = match array.data_type() {
            DataType::Date32 => cast(array, &DataType::Int32).and_then(|days| cast(&days, &DataType::Int64)),
            _ => cast(array, &DataType::Int64),
        };
        let ticks = ticks.map_err(Error::internal)?;
        let ticks = ticks.as_primitive::<Int64Type>().values();
        let times: Vec<f64> = ticks.iter().map(|&tick| milliseconds(tick)).collect();
        Ok(Column { values: Some(self.push("f64", &times)), ..of(kind) })
    }

    fn fixed_size_list(&mut self, array: &ArrayRef, size: usize) -> Result<Column> {
        let list = array.as_fixed_size_list();
        // A slice of a list keeps all of its values: take those of the rows that are here.
        let items = list.values().slice(list.value_offset(0) as usize, list.len() * size);
        let is_vector = matches!(
            items.data_type(),
            DataType::Float16 | DataType::Float32 | DataType::Float64 | DataType::UInt8 | DataType::Int8
        );
        let size = Some(size);
        if is_vector && items.null_count() == 0 {
            return Ok(Column { values: self.numbers(&items), size, ..of("vector") });
        }
        Ok(Column { size, children: vec![self.column("item", &items)?], ..of("fixedList") })
    }
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

/// The items of the lists that are here, and where each list begins among them: a slice of a column
/// keeps the items of all of it.
fn own_items(items: &ArrayRef, offsets: &[i32]) -> (ArrayRef, Vec<i32>) {
    let (first, last) = (offsets[0], offsets[offsets.len() - 1]);
    let own = items.slice(first as usize, (last - first) as usize);
    (own, offsets.iter().map(|offset| offset - first).collect())
}

/// What turns ticks of a unit into milliseconds.
fn milliseconds(unit: TimeUnit) -> fn(i64) -> f64 {
    match unit {
        TimeUnit::Second => |seconds| seconds as f64 * 1e3,
        TimeUnit::Millisecond => |milliseconds| milliseconds as f64,
        TimeUnit::Microsecond => |tick| divided(tick, 1_000),
        TimeUnit::Nanosecond => |tick| divided(tick, 1_000_000),
    }
}

/// A quotient that is whole where it should be: a float does not hold every nanosecond since 1970.
fn divided(tick: i64, by: i64) -> f64 {
    tick.div_euclid(by) as f64 + tick.rem_euclid(by) as f64 / by as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_milliseconds_stay_whole_whatever_the_unit() {
        for milliseconds_since_1970 in [1_700_653_315_873, 1_700_000_000_001, -1, 0] {
            let units = [(TimeUnit::Nanosecond, 1_000_000), (TimeUnit::Microsecond, 1_000)];
            for (unit, per) in units {
                assert_eq!(milliseconds(unit)(milliseconds_since_1970 * per), milliseconds_since_1970 as f64);
            }
        }
        assert_eq!(milliseconds(TimeUnit::Microsecond)(1_500), 1.5);
    }
}
