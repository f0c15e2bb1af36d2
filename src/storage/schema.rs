//! Which column types are stored, and how a manifest keeps a schema without losing anything.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use arrow::ipc::convert::try_schema_from_flatbuffer_bytes;
use arrow::ipc::writer::{DictionaryTracker, IpcDataGenerator, IpcWriteOptions};

use crate::error::{Error, Result};

/// Names of columns that searches add to their results.
const RESERVED: [&str; 3] = ["_distance", "_rowid", "query_index"];

/// The schema in which rows of `schema` are stored.
///
/// Views become plain strings, binaries and lists, and run-end-encoded columns their values; all
/// other supported types stay as they are.
///
/// # Errors
/// [`Error::SchemaMismatch`] if there are no columns, if two have one name, if one has a name that
/// searches use, or if a type is one that no column can have.
pub fn stored_schema(schema: &Schema) -> Result<SchemaRef> {
    if schema.fields().is_empty() {
        return Err(mismatch("a table needs at least one column, but the schema has none"));
    }
    let mut names = HashSet::new();
    for field in schema.fields() {
        if field.name().is_empty() {
            return Err(mismatch("a column has an empty name; give every column a name"));
        }
        if RESERVED.contains(&field.name().as_str()) {
            return Err(mismatch(format!(
                "a column is named '{}', as results name a column of their own; give it another name",
                field.name()
            )));
        }
        if !names.insert(field.name()) {
            return Err(mismatch(format!("two columns are named '{}'; rename one", field.name())));
        }
    }
    let fields = schema.fields().iter().map(|field| stored_field(field, field.name()));
    let fields = fields.collect::<Result<Vec<_>>>()?;
    Ok(Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone())))
}

fn stored_field(field: &FieldRef, column: &str) -> Result<FieldRef> {
    let stored = stored_type(field.data_type(), column)?;
    if &stored == field.data_type() {
        return Ok(field.clone());
    }
    Ok(Arc::new(field.as_ref().clone().with_data_type(stored)))
}

fn stored_type(data_type: &DataType, column: &str) -> Result<DataType> {
    use DataType::*;
    Ok(match data_type {
        Utf8View => Utf8,
        BinaryView => Binary,
        List(child) | ListView(child) => List(stored_field(child, column)?),
        LargeList(child) | LargeListView(child) => LargeList(stored_field(child, column)?),
        FixedSizeList(_, size) | FixedSizeBinary(size) if *size < 1 => {
            return Err(mismatch(format!(
                "column '{column}' has the type {data_type}, but its length must be at least 1"
            )));
        }
        FixedSizeList(child, size) => FixedSizeList(stored_field(child, column)?, *size),
        Struct(children) => {
            Struct(children.iter().map(|child| stored_field(child, column)).collect::<Result<_>>()?)
        }
        Map(entries, sorted) => Map(stored_field(entries, column)?, *sorted),
        RunEndEncoded(_, values) => stored_type(values.data_type(), column)?,
        Dictionary(keys, values) => {
            let values = stored_type(values, column)?;
            if values.is_nested() || matches!(values, Dictionary(..)) {
                return Err(unsupported(data_type, column, "use a dictionary of strings or numbers"));
            }
            Dictionary(keys.clone(), Box::new(values))
        }
        Union(..) => return Err(unsupported(data_type, column, "use a struct with nullable fields")),
        plain => plain.clone(),
    })
}

fn unsupported(data_type: &DataType, column: &str, instead: &str) -> Error {
    mismatch(format!("column '{column}' has the type {data_type}, which cannot be stored; {instead}"))
}

fn mismatch(reason: impl Into<String>) -> Error {
    Error::SchemaMismatch { reason: reason.into() }
}

/// The schema as an Arrow IPC schema message.
pub(super) fn encode(schema: &Schema) -> Vec<u8> {
    let mut tracker = DictionaryTracker::new(true);
    let options = IpcWriteOptions::default();
    let generator = IpcDataGenerator::default();
    generator.schema_to_bytes_with_dictionary_tracker(schema, &mut tracker, &options).ipc_message
}

/// Undoes [`encode`]. The bytes are covered by the manifest's checksum.
pub(super) fn decode(message: &[u8]) -> Result<SchemaRef, String> {
    try_schema_from_flatbuffer_bytes(message).map(Arc::new).map_err(|error| error.to_string())
}

/// `id: Int64 not null`, for people who read manifests.
pub(super) fn describe(field: &Field) -> String {
    let nullability = if field.is_nullable() { "" } else { " not null" };
    format!("{}: {}{nullability}", field.name(), field.data_type())
}

/// Bytes as lower-case hexadecimal digits, for serde.
pub(super) mod hex {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        serializer.serialize_str(&digits)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let digits = String::deserialize(deserializer)?;
        let pairs = digits.as_bytes().chunks(2);
        pairs.map(byte).collect::<Option<_>>().ok_or_else(|| D::Error::custom("not hexadecimal"))
    }

    fn byte(pair: &[u8]) -> Option<u8> {
        let digit = |index: usize| char::from(*pair.get(index)?).to_digit(16);
        u8::try_from(digit(0)? * 16 + digit(1)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_are_stored_as_plain_values_at_any_depth() {
        let inner = Arc::new(Field::new("item", DataType::Utf8View, true));
        let schema = Schema::new(vec![
            Field::new("text", DataType::Utf8View, false),
            Field::new("texts", DataType::ListView(inner), true),
        ]);

        let stored = stored_schema(&schema).unwrap();

        assert_eq!(stored.field(0), &Field::new("text", DataType::Utf8, false));
        assert_eq!(stored.field(1).data_type(), &DataType::new_list(DataType::Utf8, true));
    }

    #[test]
    fn a_schema_without_columns_or_with_names_that_cannot_be_is_an_error() {
        let id = Field::new("id", DataType::Int32, false);
        let reserved = id.clone().with_name("_distance");
        for fields in [vec![], vec![id.clone(), id.clone()], vec![id.with_name("")], vec![reserved]] {
            assert_eq!(stored_schema(&Schema::new(fields)).unwrap_err().code(), "SCHEMA_MISMATCH");
        }
    }

    #[test]
    fn decoding_undoes_encoding_with_all_metadata() {
        let vector = DataType::new_fixed_size_list(DataType::Float32, 4, true);
        let field = Field::new("vector", vector, true).with_metadata([("a".into(), "b".into())].into());
        let dictionary = Field::new_dictionary("tag", DataType::Int8, DataType::Utf8, true);
        let schema =
            Schema::new_with_metadata(vec![field, dictionary], [("key".into(), "value".into())].into());

        assert_eq!(*decode(&encode(&schema)).unwrap(), schema);
    }
}
