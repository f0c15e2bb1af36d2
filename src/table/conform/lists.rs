//! Lists into lists: lengths are checked row by row, and values one by one.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeListArray, GenericListArray, MapArray, OffsetSizeTrait, make_array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field};
use arrow::error::ArrowError;

use crate::table::conform::{Misfit, column, plain};

/// Lists of any kind as vectors of `size` values.
pub(super) fn to_fixed_size(array: &ArrayRef, child: &Arc<Field>, size: i32) -> Result<ArrayRef, Misfit> {
    let vectors = match array.data_type() {
        DataType::FixedSizeList(_, given) if *given == size => array.clone(),
        DataType::FixedSizeList(_, given) => {
            let (given, rows) = (*given as usize, array.len());
            if let Some(row) = (0..rows).find(|&row| array.is_valid(row)) {
                return Err(wrong_length(row, given, size));
            }
            let target = DataType::FixedSizeList(child.clone(), size);
            return Ok(arrow::array::new_null_array(&target, rows));
        }
        DataType::List(item) => from_lists::<i32>(array, item, size)?,
        DataType::LargeList(item) => from_lists::<i64>(array, item, size)?,
        DataType::ListView(item) => {
            return to_fixed_size(&plain(array, &DataType::List(item.clone()))?, child, size);
        }
        DataType::LargeListView(item) => {
            return to_fixed_size(&plain(array, &DataType::LargeList(item.clone()))?, child, size);
        }
        other => return Err(Misfit::types(other, &DataType::FixedSizeList(child.clone(), size))),
    };
    let vectors = vectors.as_fixed_size_list();
    let existing = vectors.nulls().map(|nulls| nulls.expand(size as usize));
    let values = masked(vectors.values(), existing.as_ref())?;
    let values = column(&values, child, existing.as_ref());
    let values = values.map_err(|misfit| misfit.of_parent(|index| index / size as usize))?;
    let nulls = vectors.nulls().cloned();
    let rows = vectors.len();
    built(FixedSizeListArray::try_new_with_length(child.clone(), size, values, nulls, rows))
}

fn from_lists<O: OffsetSizeTrait>(
    array: &ArrayRef,
    item: &Arc<Field>,
    size: i32,
) -> Result<ArrayRef, Misfit> {
    let lists = array.as_list::<O>();
    let length = |row: usize| lists.value_length(row).as_usize();
    let wrong = |&row: &usize| lists.is_valid(row) && length(row) != size as usize;
    if let Some(row) = (0..lists.len()).find(wrong) {
        return Err(wrong_length(row, length(row), size));
    }
    plain(array, &DataType::FixedSizeList(item.clone(), size))
}

fn wrong_length(row: usize, given: usize, size: i32) -> Misfit {
    let values = if given == 1 { "value" } else { "values" };
    Misfit::value(row, format!("the vector has {given} {values}, but the column stores {size}"))
}

/// Lists of any kind as lists with offsets of type `O`.
pub(super) fn to_list<O: OffsetSizeTrait>(array: &ArrayRef, child: &Arc<Field>) -> Result<ArrayRef, Misfit> {
    use DataType::{FixedSizeList, LargeList, LargeListView, List, ListView};
    let list = |item: &Arc<Field>| if O::IS_LARGE { LargeList(item.clone()) } else { List(item.clone()) };
    let lists = match array.data_type() {
        List(item) | LargeList(item) | ListView(item) | LargeListView(item) | FixedSizeList(item, _) => {
            plain(array, &list(item))?
        }
        other => return Err(Misfit::types(other, &list(child))),
    };
    let lists = lists.as_list::<O>();
    let (offsets, values) = rebased(lists.offsets(), lists.values());
    let values = column(&values, child, None);
    let values = values.map_err(|misfit| misfit.of_parent(|index| row_of(&offsets, index)))?;
    built(GenericListArray::try_new(child.clone(), offsets, values, lists.nulls().cloned()))
}

/// Maps with other names or types of keys and values.
pub(super) fn maps(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, Misfit> {
    let (DataType::Map(_, given_sorted), DataType::Map(entries, sorted)) = (array.data_type(), to) else {
        return Err(Misfit::types(array.data_type(), to));
    };
    let DataType::Struct(fields) = entries.data_type() else {
        return Err(Misfit::types(array.data_type(), to));
    };
    if *sorted && !given_sorted {
        return Err(Misfit::types(array.data_type(), to));
    }
    let maps = array.as_map();
    let given: ArrayRef = Arc::new(maps.entries().clone());
    let (offsets, given) = rebased(maps.offsets(), &given);
    // Keys and values are known by their place; their names are free.
    let arrays = given.as_struct().columns().iter().zip(fields);
    let arrays = arrays.map(|(values, field)| {
        column(values, field, None)
            .map_err(|misfit| misfit.of_parent(|index| row_of(&offsets, index)).within(field.name()))
    });
    let arrays = arrays.collect::<Result<Vec<_>, _>>()?;
    let structs = arrow::array::StructArray::try_new(fields.clone(), arrays, None);
    let structs = structs.map_err(|error| Misfit::shape(error.to_string()))?;
    built(MapArray::try_new(entries.clone(), offsets, structs, maps.nulls().cloned(), *sorted))
}

/// Only the values that the offsets reach, so that no other value can be a misfit.
fn rebased<O: OffsetSizeTrait>(offsets: &OffsetBuffer<O>, values: &ArrayRef) -> (OffsetBuffer<O>, ArrayRef) {
    let (first, last) = (offsets[0], offsets[offsets.len() - 1]);
    let values = values.slice(first.as_usize(), (last - first).as_usize());
    let lengths = offsets.windows(2).map(|ends| (ends[1] - ends[0]).as_usize());
    (OffsetBuffer::from_lengths(lengths), values)
}

fn row_of<O: OffsetSizeTrait>(offsets: &OffsetBuffer<O>, index: usize) -> usize {
    offsets.partition_point(|offset| offset.as_usize() <= index).saturating_sub(1)
}

/// The values with those in rows that do not exist made null, so that what they hold is no misfit.
fn masked(values: &ArrayRef, existing: Option<&NullBuffer>) -> Result<ArrayRef, Misfit> {
    if existing.is_none() || values.data_type() == &DataType::Null {
        return Ok(values.clone());
    }
    let nulls = NullBuffer::union(values.nulls(), existing);
    let data = values.to_data().into_builder().nulls(nulls).build();
    data.map(make_array).map_err(|error| Misfit::shape(error.to_string()))
}

fn built<A: Array + 'static>(array: Result<A, ArrowError>) -> Result<ArrayRef, Misfit> {
    array.map(|array| Arc::new(array) as ArrayRef).map_err(|error| Misfit::shape(error.to_string()))
}
