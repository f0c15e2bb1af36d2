//! Functions of lists. Their elements have one type, which equality is asked of with the same kernels as
//! `=`, so that a list of floats holds 0.0 if it holds -0.0.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, UInt64Array, new_empty_array};
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::compute::{concat, interleave, take};
use arrow::datatypes::{DataType, Field};

use super::super::evaluate::{Value, compare};
use super::super::node::Comparison;
use super::super::set::Set;
use super::arguments::Arguments;
use crate::error::{Error, Result};

/// A list argument: for each row the range of its elements in `elements`.
struct Lists {
    list: ListArray,
    step: usize,
}

impl Lists {
    fn new(arguments: &Arguments, position: usize) -> Self {
        let value = arguments.value(position);
        Self { list: value.array().as_list::<i32>().clone(), step: usize::from(!value.is_scalar()) }
    }

    fn elements(&self) -> &ArrayRef {
        self.list.values()
    }

    /// Where the row's elements are; none for a null list.
    fn range(&self, row: usize) -> Option<std::ops::Range<usize>> {
        let row = row * self.step;
        let offsets = self.list.value_offsets();
        self.list.is_valid(row).then(|| offsets[row] as usize..offsets[row + 1] as usize)
    }
}

pub(super) fn length(arguments: &Arguments) -> Result<ArrayRef> {
    let lists = Lists::new(arguments, 0);
    arguments.build_integers(|row| i64::try_from(lists.range(row)?.len()).ok())
}

pub(super) fn has(arguments: &Arguments) -> Result<ArrayRef> {
    let place = positions(arguments)?;
    arguments.build_booleans(|row| place(row).map(|place| place.is_some()))
}

pub(super) fn position(arguments: &Arguments) -> Result<ArrayRef> {
    let place = positions(arguments)?;
    arguments.build_integers(|row| i64::try_from(place(row)?? + 1).ok())
}

/// For each row where its list first holds the second argument; the outer option is none for nulls.
fn positions(arguments: &Arguments) -> Result<impl Fn(usize) -> Option<Option<usize>> + use<>> {
    let lists = Lists::new(arguments, 0);
    let wanted = arguments.value(1).clone();
    let elements = Value::Array(lists.elements().clone());
    // A constant is compared with all elements at once; a column's value with those of its row, so that
    // its values are repeated once for each element.
    let repeated = match &wanted {
        Value::Scalar(_) => wanted.clone(),
        Value::Array(array) => {
            let mut row_of_element = vec![None; elements.array().len()];
            for row in 0..arguments.rows() {
                lists
                    .range(row)
                    .into_iter()
                    .flatten()
                    .for_each(|element| row_of_element[element] = Some(row as u64));
            }
            Value::Array(take(array, &UInt64Array::from(row_of_element), None).map_err(Error::internal)?)
        }
    };
    let equal = compare(Comparison::Equal, &elements, &repeated)?.array().as_boolean().clone();
    // A constant list beside a column of elements has one range for all rows: each row asks anew.
    let shared =
        (lists.step == 0 && !wanted.is_scalar()).then(|| shared_list(&lists, &wanted)).transpose()?;
    Ok(move |row: usize| {
        let range = lists.range(row)?;
        if let Some(shared) = &shared {
            return shared.get(row).copied().flatten().map(|place| place.checked_sub(1));
        }
        let wanted_row = if wanted.is_scalar() { 0 } else { row };
        wanted
            .array()
            .is_valid(wanted_row)
            .then(|| range.clone().position(|element| equal.is_valid(element) && equal.value(element)))
    })
}

/// For each wanted value its place in the one list from 1, 0 if it is not there, none if it is null.
fn shared_list(lists: &Lists, wanted: &Value) -> Result<Vec<Option<usize>>> {
    let mut places: Vec<Option<usize>> =
        (0..wanted.array().len()).map(|row| wanted.array().is_valid(row).then_some(0)).collect();
    for (place, element) in lists.range(0).into_iter().flatten().enumerate() {
        let element = Value::Scalar(lists.elements().slice(element, 1));
        let equal = compare(Comparison::Equal, wanted, &element)?;
        let equal = equal.array().as_boolean();
        for (row, found) in places.iter_mut().enumerate() {
            if *found == Some(0) && equal.is_valid(row) && equal.value(row) {
                *found = Some(place + 1);
            }
        }
    }
    Ok(places)
}

pub(super) fn has_any(arguments: &Arguments) -> Result<ArrayRef> {
    compare_lists(arguments, |list, wanted| wanted.iter().any(|element| list.contains(element)))
}

pub(super) fn has_all(arguments: &Arguments) -> Result<ArrayRef> {
    compare_lists(arguments, |list, wanted| wanted.iter().all(|element| list.contains(element)))
}

/// Applies `test` to the elements of both lists, as numbers that are equal where the elements are.
fn compare_lists(arguments: &Arguments, test: impl Fn(&[u32], &[u32]) -> bool) -> Result<ArrayRef> {
    let (lists, wanted) = (Lists::new(arguments, 0), Lists::new(arguments, 1));
    let both = concat(&[lists.elements(), wanted.elements()]).map_err(Error::internal)?;
    let Some(ranks) = Set::ranks(&both)? else {
        return Err(arguments.fail(format!("lists of {} cannot be compared", both.data_type())));
    };
    let (list_ranks, wanted_ranks) = ranks.split_at(lists.elements().len());
    arguments
        .build_booleans(|row| Some(test(&list_ranks[lists.range(row)?], &wanted_ranks[wanted.range(row)?])))
}

pub(super) fn element(arguments: &Arguments) -> Result<ArrayRef> {
    let (lists, n) = (Lists::new(arguments, 0), arguments.integer(1));
    let places: UInt64Array = (0..arguments.rows())
        .map(|row| {
            let (range, n) = (lists.range(row)?, n.get(row)?);
            let from_end = if n < 0 { i64::try_from(range.len()).ok()?.checked_add(n)? } else { n - 1 };
            let place = usize::try_from(from_end).ok().filter(|place| *place < range.len())?;
            Some((range.start + place) as u64)
        })
        .collect();
    take(lists.elements(), &places, None).map_err(Error::internal)
}

pub(super) fn make(arguments: &Arguments) -> Result<ArrayRef> {
    let (rows, width) = (arguments.rows(), arguments.len());
    let arrays = (0..width).map(|position| arguments.array(position)).collect::<Result<Vec<_>>>()?;
    let DataType::List(item) = arguments.data_type else {
        return Err(Error::internal("a list was expected"));
    };
    let elements = match rows * width {
        0 => new_empty_array(item.data_type()),
        _ => {
            let places: Vec<(usize, usize)> =
                (0..rows).flat_map(|row| (0..width).map(move |array| (array, row))).collect();
            let arrays: Vec<&dyn Array> = arrays.iter().map(AsRef::as_ref).collect();
            interleave(&arrays, &places).map_err(Error::internal)?
        }
    };
    let ends = (0..=rows).map(|row| i32::try_from(row * width)).collect::<Result<Vec<i32>, _>>();
    let ends = ends.map_err(|_| arguments.fail("the lists have more than 2^31 elements in all"))?;
    let offsets = OffsetBuffer::new(ScalarBuffer::from(ends));
    let item = Arc::new(Field::new_list_field(item.data_type().clone(), true));
    Ok(Arc::new(ListArray::try_new(item, offsets, elements, None).map_err(Error::internal)?))
}
