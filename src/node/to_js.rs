//! Handing results over to JavaScript.

use napi::bindgen_prelude::{ArrayBuffer, ToNapiValue, TypeName, Uint8ArraySlice, ValueType};
use napi::{Env, Result, sys};

use crate::node::rows::Rows;

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
        let mut array = env.create_array(2)?;
        array.set(0, rows.columns)?;
        array.set(1, ArrayBuffer::copy_from(&env, rows.bytes)?)?;
        // SAFETY: `raw` is the environment this function was called with.
        unsafe { ToNapiValue::to_napi_value(raw, array) }
    }
}
