//! Filters as JavaScript passes them: SQL, and the values of its placeholders.

use napi::bindgen_prelude::{BigInt, Float64Array, Uint8Array};
use napi_derive::napi;

use crate::error::{Error, Result};
use crate::filter::{Condition, Filter, Parameter};

/// A condition. `lib/filter.ts` makes them.
#[napi(object, object_to_js = false)]
pub struct NativeCondition {
    /// The text.
    pub sql: String,
    /// The values of its placeholders.
    pub parameters: Option<Vec<NativeParameter>>,
}

/// A value, or a list of values of one kind. The member that is there says which kind.
#[napi(object, object_to_js = false)]
pub struct NativeParameter {
    /// Whether it is a list; otherwise it is its one value, or null if it has none.
    pub list: bool,
    /// Whether the list has a null too.
    pub has_null: Option<bool>,
    /// Numbers.
    pub numbers: Option<Float64Array>,
    /// Whole numbers beyond what a number holds.
    pub bigints: Option<Vec<BigInt>>,
    /// Strings.
    pub strings: Option<Vec<String>>,
    /// Booleans.
    pub booleans: Option<Vec<bool>>,
    /// Times, in milliseconds since 1970.
    pub times: Option<Float64Array>,
    /// Bytes.
    pub bytes: Option<Vec<Uint8Array>>,
}

/// The filter that some conditions make; none makes none.
pub(crate) fn filter(conditions: Option<Vec<NativeCondition>>) -> Result<Option<Filter>> {
    let conditions = conditions.unwrap_or_default();
    if conditions.is_empty() {
        return Ok(None);
    }
    let conditions = conditions.into_iter().map(NativeCondition::into_condition).collect::<Result<_>>()?;
    Ok(Some(Filter { conditions }))
}

impl NativeCondition {
    /// The filter of just this condition.
    pub(crate) fn into_filter(self) -> Result<Filter> {
        Ok(Filter { conditions: vec![self.into_condition()?] })
    }

    fn into_condition(self) -> Result<Condition> {
        let parameters = self.parameters.unwrap_or_default().into_iter();
        let parameters = parameters.map(NativeParameter::into_parameter).collect::<Result<_>>()?;
        Ok(Condition { sql: self.sql, parameters })
    }
}

impl NativeParameter {
    fn into_parameter(self) -> Result<Parameter> {
        let is_list = self.list;
        let mut values = self.into_values()?;
        Ok(match is_list {
            true => Parameter::List(values),
            false => values.pop().unwrap_or(Parameter::Null),
        })
    }

    fn into_values(self) -> Result<Vec<Parameter>> {
        let mut values: Vec<Parameter> = Vec::new();
        values.extend(self.numbers.iter().flat_map(|numbers| numbers.iter().copied().map(Parameter::Float)));
        for bigint in self.bigints.iter().flatten() {
            values.push(Parameter::Integer(integer(bigint)?));
        }
        values.extend(self.strings.into_iter().flatten().map(Parameter::Text));
        values.extend(self.booleans.into_iter().flatten().map(Parameter::Boolean));
        values.extend(
            self.times.iter().flat_map(|times| times.iter().map(|&ms| Parameter::Instant(ms as i64))),
        );
        values.extend(self.bytes.into_iter().flatten().map(|bytes| Parameter::Bytes(bytes.to_vec())));
        values.extend(self.has_null.filter(|&has_null| has_null).map(|_| Parameter::Null));
        Ok(values)
    }
}

fn integer(bigint: &BigInt) -> Result<i128> {
    let (value, lossless) = bigint.get_i128();
    if lossless {
        return Ok(value);
    }
    Err(Error::invalid("a parameter of the filter", "a bigint of more than 127 bits", "no column holds it"))
}
