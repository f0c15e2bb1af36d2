//! Runs a call: gives a function its arguments row by row, and builds the array of its values.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, PrimitiveArray, StringArray,
    StringBuilder,
};
use arrow::datatypes::{ArrowPrimitiveType, DataType, Float64Type, Int64Type};

use super::super::evaluate::Value;
use super::super::parse::invalid;
use super::{Function, Run};
use crate::error::{Error, Result};

/// The most bytes that one call may write for one batch.
const BYTES_MAX: usize = 1 << 30;

/// Runs a bound call for `rows` rows.
pub(in super::super) fn call(
    function: &Function,
    values: Vec<Value>,
    rows: usize,
    data_type: &DataType,
    sql: &str,
) -> Result<Value> {
    let constant = values.iter().all(Value::is_scalar);
    let arguments = Arguments { rows: if constant { 1 } else { rows }, values, data_type, sql };
    let result = match function.run {
        Run::Text(run) => {
            let text = arguments.text(0);
            arguments.build_text(|row, out| {
                out.push_str(&run(text.get(row)?));
                Some(())
            })
        }
        Run::TextLength(run) => {
            let text = arguments.text(0);
            arguments.build_integers(|row| i64::try_from(run(text.get(row)?)).ok())
        }
        Run::TextTest(run) => {
            let (text, other) = (arguments.text(0), arguments.text(1));
            arguments.build_booleans(|row| Some(run(text.get(row)?, other.get(row)?)))
        }
        Run::Float(run) => {
            let x = arguments.float(0);
            arguments.build_floats(|row| Some(run(x.get(row)?)))
        }
        Run::Rows(run) => run(&arguments),
    }?;
    Ok(if constant { Value::Scalar(result) } else { Value::Array(result) })
}

/// The arguments of one call over one batch.
pub(super) struct Arguments<'a> {
    values: Vec<Value>,
    rows: usize,
    /// The type of the result.
    pub data_type: &'a DataType,
    sql: &'a str,
}

impl Arguments<'_> {
    pub fn rows(&self) -> usize {
        self.rows
    }

    pub fn len(&self) -> usize {
        self.values.len()
    }

    pub fn value(&self, position: usize) -> &Value {
        &self.values[position]
    }

    /// The argument as an array of all rows.
    pub fn array(&self, position: usize) -> Result<ArrayRef> {
        self.values[position].clone().into_array(self.rows)
    }

    /// A string argument; without values if it was left out.
    pub fn text(&self, position: usize) -> Texts<'_> {
        let value = self.values.get(position);
        Texts { array: value.map(|value| value.array().as_string()), step: step(value) }
    }

    pub fn integer(&self, position: usize) -> Numbers<'_, Int64Type> {
        self.numbers(position)
    }

    pub fn float(&self, position: usize) -> Numbers<'_, Float64Type> {
        self.numbers(position)
    }

    fn numbers<T: ArrowPrimitiveType>(&self, position: usize) -> Numbers<'_, T> {
        let value = self.values.get(position);
        Numbers { array: value.map(|value| value.array().as_primitive()), step: step(value) }
    }

    /// A string for each row: what `write` appends, or null.
    pub fn build_text(&self, mut write: impl FnMut(usize, &mut String) -> Option<()>) -> Result<ArrayRef> {
        let mut builder = StringBuilder::with_capacity(self.rows, 8 * self.rows);
        let mut text = String::new();
        let mut bytes = 0;
        for row in 0..self.rows {
            text.clear();
            let written = write(row, &mut text);
            bytes += text.len();
            if bytes > BYTES_MAX {
                return Err(self.fail("the results are longer than 1 GiB in all"));
            }
            builder.append_option(written.map(|()| text.as_str()));
        }
        Ok(Arc::new(builder.finish()))
    }

    pub fn build_integers(&self, value: impl FnMut(usize) -> Option<i64>) -> Result<ArrayRef> {
        Ok(Arc::new((0..self.rows).map(value).collect::<Int64Array>()))
    }

    pub fn build_floats(&self, value: impl FnMut(usize) -> Option<f64>) -> Result<ArrayRef> {
        Ok(Arc::new((0..self.rows).map(value).collect::<Float64Array>()))
    }

    pub fn build_booleans(&self, value: impl FnMut(usize) -> Option<bool>) -> Result<ArrayRef> {
        Ok(Arc::new((0..self.rows).map(value).collect::<BooleanArray>()))
    }

    /// What went wrong with this call.
    pub fn fail(&self, reason: impl Into<String>) -> Error {
        Error::TypeMismatch { sql: self.sql.to_owned(), reason: reason.into() }
    }

    /// A constant that could only now be read and is wrong.
    pub fn invalid(&self, reason: impl Into<String>) -> Error {
        invalid(self.sql, reason)
    }
}

/// How far to go from row to row: a constant's one row serves all.
fn step(value: Option<&Value>) -> usize {
    usize::from(value.is_some_and(|value| !value.is_scalar()))
}

/// A string for each row.
pub(super) struct Texts<'a> {
    array: Option<&'a StringArray>,
    step: usize,
}

impl<'a> Texts<'a> {
    pub fn is_given(&self) -> bool {
        self.array.is_some()
    }

    pub fn get(&self, row: usize) -> Option<&'a str> {
        let (array, row) = (self.array?, row * self.step);
        array.is_valid(row).then(|| array.value(row))
    }
}

/// A number for each row.
pub(super) struct Numbers<'a, T: ArrowPrimitiveType> {
    array: Option<&'a PrimitiveArray<T>>,
    step: usize,
}

impl<T: ArrowPrimitiveType> Numbers<'_, T> {
    pub fn is_given(&self) -> bool {
        self.array.is_some()
    }

    pub fn get(&self, row: usize) -> Option<T::Native> {
        let (array, row) = (self.array?, row * self.step);
        array.is_valid(row).then(|| array.value(row))
    }
}
