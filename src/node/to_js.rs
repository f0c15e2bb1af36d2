//! Handing columns over to JavaScript.

use napi::bindgen_prelude::{
    Array, BigInt64ArraySlice, BigUint64ArraySlice, Float32ArraySlice, Float64ArraySlice, Int8ArraySlice,
    Int16ArraySlice, Int32ArraySlice, Object, ToNapiValue, TypeName, Uint8ArraySlice, Uint16ArraySlice,
    Uint32ArraySlice, ValueType,
};
use napi::{Env, Result, sys};

use crate::node::rows::{Column, Rows, Values};

/// Bytes of an Arrow IPC stream, given to JavaScript as a Uint8Array.
pub struct Bytes(pub(crate) Vec<u8>);

impl ToNapiValue for Bytes {
    unsafe fn to_napi_value(env: sys::napi_env, bytes: Self) -> Result<sys::napi_value> {
        let slice = Uint8ArraySlice::from_data(&Env::from_raw(env), bytes.0)?;
        // SAFETY: `env` is the environment this function was called with.
        unsafe { ToNapiValue::to_napi_value(env, slice) }
    }
}

impl TypeName for Rows {
    fn type_name() -> &'static str {
        "NativeRows"
    }

    fn value_type() -> ValueType {
        ValueType::Object
    }
}

impl ToNapiValue for Rows {
    unsafe fn to_napi_value(raw: sys::napi_env, rows: Self) -> Result<sys::napi_value> {
        let env = Env::from_raw(raw);
        let mut object = Object::new(&env)?;
        object.set("rowCount", rows.row_count as f64)?;
        object.set("columns", columns(&env, rows.columns)?)?;
        // SAFETY: `raw` is the environment this function was called with.
        unsafe { ToNapiValue::to_napi_value(raw, object) }
    }
}

fn columns<'env>(env: &'env Env, columns: Vec<Column>) -> Result<Array<'env>> {
    let mut array = env.create_array(columns.len() as u32)?;
    for (i, column) in columns.into_iter().enumerate() {
        array.set(i as u32, object(env, column)?)?;
    }
    Ok(array)
}

fn object<'env>(env: &'env Env, column: Column) -> Result<Object<'env>> {
    let mut object = Object::new(env)?;
    object.set("name", column.name)?;
    object.set("kind", column.kind)?;
    set_values(env, &mut object, column.values)?;
    if !column.nulls.is_empty() {
        object.set("nulls", Uint8ArraySlice::copy_from(env, column.nulls)?)?;
    }
    if !column.offsets.is_empty() {
        object.set("offsets", Int32ArraySlice::copy_from(env, column.offsets)?)?;
    }
    if column.size > 0 {
        object.set("size", column.size as u32)?;
    }
    if !column.children.is_empty() {
        object.set("children", columns(env, column.children)?)?;
    }
    Ok(object)
}

fn set_values(env: &Env, object: &mut Object, values: Values) -> Result<()> {
    const KEY: &str = "values";
    match values {
        Values::None => Ok(()),
        Values::I8(data) => object.set(KEY, Int8ArraySlice::copy_from(env, data)?),
        Values::I16(data) => object.set(KEY, Int16ArraySlice::copy_from(env, data)?),
        Values::I32(data) => object.set(KEY, Int32ArraySlice::copy_from(env, data)?),
        Values::I64(data) => object.set(KEY, BigInt64ArraySlice::copy_from(env, data)?),
        Values::U8(data) => object.set(KEY, Uint8ArraySlice::copy_from(env, data)?),
        Values::U16(data) => object.set(KEY, Uint16ArraySlice::copy_from(env, data)?),
        Values::U32(data) => object.set(KEY, Uint32ArraySlice::copy_from(env, data)?),
        Values::U64(data) => object.set(KEY, BigUint64ArraySlice::copy_from(env, data)?),
        Values::F32(data) => object.set(KEY, Float32ArraySlice::copy_from(env, data)?),
        Values::F64(data) => object.set(KEY, Float64ArraySlice::copy_from(env, data)?),
        Values::Strings(data) => object.set(KEY, data),
    }
}
