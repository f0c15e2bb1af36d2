//! What filters answer, as a user sees it: a batch of five rows, and short ways to ask about it.

mod fuzz;
mod limits;
mod logic;
mod oracle;
mod values;

use std::sync::Arc;

use arrow::array::*;
use arrow::buffer::NullBuffer;
use arrow::compute::cast;
use arrow::datatypes::*;
use half::f16;

use super::{Expression, Predicate};
use crate::error::Result;

/// Five rows: every column has a null in row 4, unless its name says otherwise.
pub(super) fn rows() -> RecordBatch {
    let text = StringArray::from(vec![Some("apple"), Some("Banana"), Some("fig_1"), Some(""), None]);
    let address = StructArray::new(
        Fields::from(vec![
            Field::new("city", DataType::Utf8, true),
            Field::new("Zip", DataType::Int32, true),
        ]),
        vec![
            Arc::new(StringArray::from(vec![Some("Rome"), Some("Oslo"), None, Some("Bonn"), Some("Lima")])),
            Arc::new(Int32Array::from(vec![1, 2, 3, 4, 5])),
        ],
        Some(NullBuffer::from(vec![true, true, true, true, false])),
    );
    let mut tags = ListBuilder::new(StringBuilder::new());
    for row in [Some(vec!["a", "b"]), Some(vec!["b"]), Some(vec![]), Some(vec!["c", "a"]), None] {
        match row {
            Some(row) => tags.append_value(row.into_iter().map(Some)),
            None => tags.append_null(),
        }
    }
    let vectors = FixedSizeListArray::from_iter_primitive::<Float32Type, _, _>(
        (0..5).map(|row| Some(vec![Some(row as f32), Some(-1.0)])),
        2,
    );
    let columns: Vec<(&str, ArrayRef)> = vec![
        (
            "id",
            Arc::new(Int64Array::from(vec![Some(1), Some(2), Some(9_007_199_254_740_993), Some(-4), None])),
        ),
        ("big", Arc::new(UInt64Array::from(vec![Some(1), Some(2), Some(u64::MAX), Some(0), None]))),
        ("small", Arc::new(Int8Array::from(vec![Some(1), Some(2), Some(127), Some(-128), None]))),
        (
            "price",
            Arc::new(Float64Array::from(vec![Some(0.5), Some(-0.0), Some(f64::NAN), Some(10.0), None])),
        ),
        (
            "score",
            Arc::new(Float32Array::from(vec![Some(0.1), Some(0.0), Some(f32::INFINITY), Some(2.5), None])),
        ),
        (
            "half",
            Arc::new(Float16Array::from(vec![
                Some(f16::from_f32(0.1)),
                Some(f16::ONE),
                Some(f16::NEG_ZERO),
                Some(f16::MAX),
                None,
            ])),
        ),
        ("name", Arc::new(text.clone())),
        ("large", cast(&text, &DataType::LargeUtf8).unwrap()),
        (
            "kind",
            cast(&text, &DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8))).unwrap(),
        ),
        ("flag", Arc::new(BooleanArray::from(vec![Some(true), Some(false), Some(true), Some(false), None]))),
        ("day", Arc::new(Date32Array::from(vec![Some(0), Some(19_723), Some(19_724), Some(-1), None]))),
        (
            "at",
            Arc::new(
                TimestampMillisecondArray::from(vec![
                    Some(0),
                    Some(1_704_067_200_000),
                    Some(1_704_067_200_001),
                    Some(-1),
                    None,
                ])
                .with_timezone("UTC"),
            ),
        ),
        (
            "cost",
            Arc::new(
                Decimal128Array::from(vec![Some(150), Some(200), Some(-1), Some(999), None])
                    .with_precision_and_scale(10, 2)
                    .unwrap(),
            ),
        ),
        (
            "bytes",
            Arc::new(BinaryArray::from(vec![Some(&[0, 255][..]), Some(b"a"), Some(b""), Some(b"zz"), None])),
        ),
        ("address", Arc::new(address)),
        ("tags", Arc::new(tags.finish())),
        ("vector", Arc::new(vectors)),
        ("camelCase", Arc::new(Int32Array::from(vec![10, 20, 30, 40, 50]))),
        ("A.b", Arc::new(Int32Array::from(vec![1, 2, 3, 4, 5]))),
        ("dup", Arc::new(Int32Array::from(vec![1, 2, 3, 4, 5]))),
        ("DUP", Arc::new(Int32Array::from(vec![6, 7, 8, 9, 0]))),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true)))
        .unwrap()
}

/// The rows that match: `t`, `f` or `n` for each.
fn logic(sql: &str) -> String {
    let batch = rows();
    let answer = Predicate::parse(sql, batch.schema_ref()).and_then(|predicate| predicate.evaluate(&batch));
    let answer = answer.unwrap_or_else(|error| panic!("{sql}: {error}"));
    answer.iter().map(|row| row.map_or('n', |holds| if holds { 't' } else { 'f' })).collect()
}

fn value(sql: &str) -> Result<ArrayRef> {
    let batch = rows();
    let expression = Expression::parse(sql, batch.schema_ref())?;
    let array = expression.evaluate(&batch)?;
    assert_eq!(array.data_type(), expression.data_type(), "{sql}");
    assert_eq!(array.len(), batch.num_rows(), "{sql}");
    assert!(expression.nullable() || array.logical_null_count() == 0, "{sql} is not nullable");
    Ok(array)
}

/// The value of row `row` as text.
fn shown(sql: &str, row: usize) -> String {
    let array = value(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    if array.logical_nulls().is_some_and(|nulls| nulls.is_null(row)) {
        return "null".to_owned();
    }
    arrow::util::display::array_value_to_string(&array, row).unwrap()
}

fn error(sql: &str) -> String {
    match value(sql) {
        Err(error) => format!("{}: {error}", error.code()),
        Ok(array) => panic!("{sql} gave {array:?}"),
    }
}

fn assert_logic(cases: &[(&str, &str)]) {
    for (sql, expected) in cases {
        assert_eq!(logic(sql), *expected, "{sql}");
    }
}

fn assert_first_row(cases: &[(&str, &str)]) {
    for (sql, expected) in cases {
        assert_eq!(shown(sql, 0), *expected, "{sql}");
    }
}
