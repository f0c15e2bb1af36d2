//! What must hold for any text given as a filter: an answer of the promised shape, or an error that is the
//! caller's own. Shared by the fuzz target and by the test that runs its corpus.

use std::sync::{Arc, LazyLock};

use arrow::array::*;
use arrow::datatypes::{DataType, Field, Fields, Float32Type, Int8Type};
use quiverdb::filter::{Expression, Predicate};

/// Reads and runs `sql` as an expression and as a filter.
///
/// # Panics
/// If the answer has another type or length than promised, is no valid array, or if the error blames quiverdb.
pub fn check(sql: &str) {
    static ROWS: LazyLock<RecordBatch> = LazyLock::new(rows);
    let schema = ROWS.schema();
    let expression = match Expression::parse(sql, &schema) {
        Ok(expression) => expression,
        Err(error) => return assert_ne!(error.code(), "INTERNAL", "{sql}: {error}"),
    };
    for batch in [ROWS.clone(), ROWS.slice(1, 2), ROWS.slice(0, 0)] {
        match expression.evaluate(&batch) {
            Ok(array) => {
                assert_eq!(array.data_type(), expression.data_type(), "{sql}");
                assert_eq!(array.len(), batch.num_rows(), "{sql}");
                assert!(expression.nullable() || array.logical_null_count() == 0, "{sql} is not nullable");
                array.to_data().validate_full().unwrap_or_else(|error| panic!("{sql}: {error}"));
            }
            Err(error) => assert_ne!(error.code(), "INTERNAL", "{sql}: {error}"),
        }
    }
    if let Ok(predicate) = Predicate::parse(sql, &schema)
        && let Ok(mask) = predicate.evaluate(&ROWS)
    {
        assert_eq!(mask.len(), ROWS.num_rows(), "{sql}");
    }
}

/// Four rows with columns of every kind, each with extremes and a null.
fn rows() -> RecordBatch {
    let words = StringArray::from(vec![Some("apple"), Some("Ünder_%"), Some(""), None]);
    let kinds: DictionaryArray<Int8Type> = vec![Some("a"), Some("b"), Some("a"), None].into_iter().collect();
    let mut tags = ListBuilder::new(StringBuilder::new());
    for row in [Some(vec![Some("a"), None]), Some(vec![Some("b")]), Some(vec![]), None] {
        match row {
            Some(row) => tags.append_value(row),
            None => tags.append_null(),
        }
    }
    let fields = Fields::from(vec![Field::new("city", DataType::Utf8, true)]);
    let address =
        StructArray::new(fields, vec![Arc::new(words.clone())], Some(vec![true, true, false, true].into()));
    let vector = FixedSizeListArray::from_iter_primitive::<Float32Type, _, _>(
        (0..4).map(|row| Some(vec![Some(row as f32), Some(-1.0)])),
        2,
    );
    let cost = Decimal128Array::from(vec![Some(150), Some(-1), Some(99_999), None]);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(Int64Array::from(vec![Some(1), Some(i64::MAX), Some(i64::MIN), None]))),
        ("u", Arc::new(UInt64Array::from(vec![Some(1), Some(u64::MAX), Some(0), None]))),
        ("i", Arc::new(Int8Array::from(vec![Some(1), Some(127), Some(-128), None]))),
        ("x", Arc::new(Float64Array::from(vec![Some(-0.0), Some(f64::NAN), Some(f64::INFINITY), None]))),
        ("f", Arc::new(Float32Array::from(vec![Some(0.1), Some(f32::MAX), Some(f32::MIN_POSITIVE), None]))),
        ("s", Arc::new(words)),
        ("k", Arc::new(kinds)),
        ("b", Arc::new(BooleanArray::from(vec![Some(true), Some(false), Some(true), None]))),
        ("day", Arc::new(Date32Array::from(vec![Some(0), Some(19_723), Some(i32::MIN), None]))),
        ("at", Arc::new(TimestampMillisecondArray::from(vec![Some(0), Some(i64::MAX), Some(-1), None]))),
        ("cost", Arc::new(cost.with_precision_and_scale(10, 2).expect("a decimal type"))),
        ("bytes", Arc::new(BinaryArray::from(vec![Some(&[0, 255][..]), Some(b"a"), Some(b""), None]))),
        ("address", Arc::new(address)),
        ("tags", Arc::new(tags.finish())),
        ("vector", Arc::new(vector)),
        ("A.b", Arc::new(Int32Array::from(vec![1, 2, 3, 4]))),
    ];
    let columns = columns.into_iter().map(|(name, array)| (name, array, true));
    RecordBatch::try_from_iter_with_nullable(columns).expect("columns of one length")
}
