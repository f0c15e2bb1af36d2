use arrow::array::*;
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::*;

use super::*;

fn table(fields: Vec<Field>) -> SchemaRef {
    Arc::new(Schema::new(fields))
}

fn one(to: DataType) -> SchemaRef {
    table(vec![Field::new("x", to, true)])
}

fn batch(array: impl Array + 'static) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable([("x", Arc::new(array) as ArrayRef, true)]).unwrap()
}

fn converted(array: impl Array + 'static, to: DataType) -> ArrayRef {
    conform(&batch(array), &one(to), 0).unwrap().column(0).clone()
}

fn message(array: impl Array + 'static, to: DataType) -> String {
    conform(&batch(array), &one(to), 100).unwrap_err().to_string()
}

fn vector(item: DataType, size: i32) -> DataType {
    DataType::new_fixed_size_list(item, size, true)
}

fn floats(rows: Vec<Option<Vec<Option<f64>>>>) -> ListArray {
    ListArray::from_iter_primitive::<Float64Type, _, _>(rows)
}

fn plain(values: &[f64]) -> Option<Vec<Option<f64>>> {
    Some(values.iter().copied().map(Some).collect())
}

#[test]
fn columns_are_found_by_name_in_any_order() {
    let schema = table(vec![Field::new("a", DataType::Int32, false), Field::new("b", DataType::Utf8, true)]);
    let (a, b) = (Arc::new(Int32Array::from(vec![1])), Arc::new(StringArray::from(vec!["x"])));
    let given = RecordBatch::try_from_iter([("b", b as ArrayRef), ("a", a.clone() as ArrayRef)]).unwrap();

    let conformed = conform(&given, &schema, 0).unwrap();

    assert_eq!(conformed.schema(), schema);
    assert_eq!(conformed.column(0).as_ref(), a.as_ref() as &dyn Array);
}

#[test]
fn a_missing_column_is_null_if_it_may_be() {
    let fields = |nullable| {
        table(vec![Field::new("x", DataType::Int32, true), Field::new("y", DataType::Utf8, nullable)])
    };
    let given = batch(Int32Array::from(vec![1, 2]));

    assert_eq!(conform(&given, &fields(true), 0).unwrap().column(1).null_count(), 2);
    let error = conform(&given, &fields(false), 0).unwrap_err();
    assert_eq!(error.code(), "SCHEMA_MISMATCH");
    assert!(error.to_string().contains("column 'y': it is missing"), "{error}");
}

#[test]
fn an_unknown_column_is_an_error_with_the_nearest_name() {
    let given = batch(Int32Array::from(vec![1]));

    let error = conform(&given, &table(vec![Field::new("xx", DataType::Int32, true)]), 0).unwrap_err();

    assert_eq!(error.code(), "SCHEMA_MISMATCH");
    assert!(error.to_string().contains("did you mean 'xx'?"), "{error}");
}

#[test]
fn a_null_where_none_may_be_is_an_error_with_its_row() {
    let schema = table(vec![Field::new("x", DataType::Int32, false)]);

    let error = conform(&batch(Int32Array::from(vec![Some(1), None])), &schema, 100).unwrap_err();

    assert_eq!(error.to_string(), "row 101, column 'x': it is null, but the column does not allow nulls");
}

#[test]
fn a_column_of_the_right_type_is_not_copied() {
    let given = batch(Float32Array::from(vec![1.0, f32::NAN]));

    let conformed = conform(&given, &one(DataType::Float32), 0).unwrap();

    assert!(conformed.column(0).to_data().ptr_eq(&given.column(0).to_data()));
}

#[test]
fn numbers_that_keep_their_value_are_cast() {
    let whole = Float64Array::from(vec![Some(-0.0), None, Some(127.0)]);
    assert_eq!(
        converted(whole.clone(), DataType::Int8).as_ref(),
        &Int8Array::from(vec![Some(0), None, Some(127)]) as &dyn Array
    );
    assert_eq!(converted(whole, DataType::UInt64).null_count(), 1);
    assert_eq!(
        converted(Int64Array::from(vec![1, -2]), DataType::Float64).as_ref(),
        &Float64Array::from(vec![1.0, -2.0]) as &dyn Array
    );
    // The nearest float is what a float column stores.
    assert_eq!(
        converted(Float64Array::from(vec![0.1, f64::INFINITY]), DataType::Float32).as_ref(),
        &Float32Array::from(vec![0.1, f32::INFINITY]) as &dyn Array
    );
    let decimals = converted(Float64Array::from(vec![0.1, 12.34]), DataType::Decimal128(10, 2));
    assert_eq!(decimals.as_primitive::<Decimal128Type>().values().to_vec(), [10, 1234]);
}

#[test]
fn numbers_that_would_change_are_errors_with_row_and_value() {
    assert_eq!(
        message(Float64Array::from(vec![1.0, 2.5]), DataType::Int32),
        "row 101, column 'x': 2.5 does not fit Int32, which stores whole numbers from -2147483648 to 2147483647"
    );
    for (array, to) in [
        (Arc::new(Float64Array::from(vec![f64::NAN])) as ArrayRef, DataType::Int32),
        (Arc::new(Float64Array::from(vec![9_007_199_254_740_993e3])), DataType::Int32),
        (Arc::new(Float64Array::from(vec![1.8446744073709552e19])), DataType::UInt64),
        (Arc::new(Float64Array::from(vec![9.223372036854776e18])), DataType::Int64),
        (Arc::new(Float64Array::from(vec![1e300])), DataType::Float32),
        (Arc::new(Float64Array::from(vec![1e6])), DataType::Float16),
        (Arc::new(Float64Array::from(vec![0.125])), DataType::Decimal128(10, 2)),
        (Arc::new(Int64Array::from(vec![300])), DataType::Int8),
        (Arc::new(Int64Array::from(vec![-1])), DataType::UInt64),
        (Arc::new(Int64Array::from(vec![(1 << 53) + 1])), DataType::Float64),
        (Arc::new(Int64Array::from(vec![i64::MAX])), DataType::Float64),
        (Arc::new(Int32Array::from(vec![(1 << 24) + 1])), DataType::Float32),
    ] {
        let error = conform(&batch(array.slice(0, 1)), &one(to.clone()), 0);
        assert_eq!(error.unwrap_err().code(), "INVALID_DATA", "{array:?} as {to}");
    }
}

#[test]
fn text_is_no_number_and_numbers_are_no_text() {
    assert_eq!(
        message(StringArray::from(vec!["12"]), DataType::Int32),
        "the data does not fit the table's schema: column 'x': the column stores Int32, but the data has Utf8"
    );
    assert!(message(Int32Array::from(vec![12]), DataType::Utf8).contains("stores Utf8"));
    assert!(message(BooleanArray::from(vec![true]), DataType::Int32).contains("stores Int32"));
    let times = DataType::Timestamp(TimeUnit::Millisecond, None);
    assert!(message(Int64Array::from(vec![12]), times).contains("the data has Int64"));
}

#[test]
fn text_becomes_dates_times_and_decimals_if_it_is_one() {
    let days = converted(StringArray::from(vec![Some("1970-01-03"), None]), DataType::Date32);
    assert_eq!(days.as_primitive::<Date32Type>().value(0), 2);
    let utc = DataType::Timestamp(TimeUnit::Millisecond, Some("+00:00".into()));
    let times = converted(StringArray::from(vec!["1970-01-01T00:00:01.5Z"]), utc.clone());
    assert_eq!(times.as_primitive::<TimestampMillisecondType>().value(0), 1500);
    let money = converted(StringArray::from(vec!["-12.50", "3", ".5"]), DataType::Decimal128(10, 1));
    assert_eq!(money.as_primitive::<Decimal128Type>().values().to_vec(), [-125, 30, 5]);

    for (text, to) in [
        ("yesterday", DataType::Date32),
        ("2024-01-01T12:00:00", DataType::Date32),
        ("2024-01-01T00:00:00.0001Z", utc),
        ("12.34", DataType::Decimal128(10, 1)),
        ("1e400", DataType::Decimal128(10, 1)),
        ("123456", DataType::Decimal128(4, 0)),
        ("", DataType::Decimal128(4, 0)),
    ] {
        let error = conform(&batch(StringArray::from(vec![text])), &one(to.clone()), 0);
        assert_eq!(error.unwrap_err().code(), "INVALID_DATA", "{text} as {to}");
    }
}

#[test]
fn instants_stay_the_same_whatever_their_unit_and_timezone() {
    let times = TimestampMillisecondArray::from(vec![1500, -1000]);
    let to = DataType::Timestamp(TimeUnit::Microsecond, Some("+05:00".into()));
    let micros = converted(times.clone(), to);
    assert_eq!(micros.as_primitive::<TimestampMicrosecondType>().values().to_vec(), [1_500_000, -1_000_000]);
    assert!(message(times, DataType::Timestamp(TimeUnit::Second, None)).starts_with("row 100"));
    assert!(
        message(TimestampSecondArray::from(vec![i64::MAX]), DataType::Timestamp(TimeUnit::Nanosecond, None))
            .starts_with("row 100")
    );
    let days = converted(Date64Array::from(vec![86_400_000]), DataType::Date32);
    assert_eq!(days.as_primitive::<Date32Type>().value(0), 1);
}

#[test]
fn lists_of_numbers_become_vectors() {
    let lists = floats(vec![plain(&[1.0, 2.0]), None, plain(&[3.0, 4.5])]);

    let vectors = converted(lists.slice(1, 2), vector(DataType::Float32, 2));

    let vectors = vectors.as_fixed_size_list();
    assert!(vectors.is_null(0));
    assert_eq!(vectors.value(1).as_primitive::<Float32Type>().values().to_vec(), [3.0, 4.5]);
    let bytes = converted(floats(vec![plain(&[0.0, 255.0])]), vector(DataType::UInt8, 2));
    assert_eq!(bytes.as_fixed_size_list().values().as_primitive::<UInt8Type>().values().to_vec(), [0, 255]);
}

#[test]
fn a_vector_of_another_length_is_an_error_with_its_row() {
    let lists = floats(vec![plain(&[1.0; 4]), plain(&[1.0; 3])]);
    let expected = "row 101, column 'x': the vector has 3 values, but the column stores 4";
    assert_eq!(message(lists, vector(DataType::Float32, 4)), expected);

    let triples =
        FixedSizeListArray::from_iter_primitive::<Float32Type, _, _>([None, Some(vec![Some(1.0); 3])], 3);
    assert_eq!(message(triples.clone(), vector(DataType::Float32, 4)), expected);
    let nulls = converted(triples.slice(0, 1), vector(DataType::Float32, 4));
    assert_eq!(nulls.null_count(), 1);
}

#[test]
fn nan_null_and_overflow_in_a_vector_are_errors_with_their_row() {
    let row = |values: [Option<f64>; 2]| floats(vec![None, Some(values.to_vec())]);
    let to = vector(DataType::Float32, 2);
    let nan =
        "row 101, column 'x': value 1 of the vector is NaN; every value of a vector must be a finite number";
    assert_eq!(message(row([Some(1.0), Some(f64::NAN)]), to.clone()), nan);
    let null =
        "row 101, column 'x': value 0 of the vector is null; every value of a vector must be a finite number";
    assert_eq!(message(row([None, Some(1.0)]), to.clone()), null);
    assert!(
        message(row([Some(1e300), Some(1.0)]), to).starts_with("row 101, column 'x': 1e300 does not fit")
    );
    let halves = vector(DataType::Float16, 2);
    assert_eq!(message(row([Some(1.0), Some(f64::NAN)]), halves), nan);
    let infinite = message(row([Some(f64::NEG_INFINITY), Some(1.0)]), vector(DataType::Float64, 2));
    assert!(infinite.contains("value 0 of the vector is -inf; every value"));
    let bytes = vector(DataType::UInt8, 2);
    assert!(message(row([Some(1.0), Some(256.0)]), bytes).contains("256.0 does not fit UInt8"));
}

#[test]
fn what_a_null_vector_hides_is_not_looked_at() {
    let values = Arc::new(Float64Array::from(vec![f64::NAN, 1e300, 1.0, 2.0]));
    let item = Arc::new(Field::new_list_field(DataType::Float64, true));
    let nulls = NullBuffer::from(vec![false, true]);
    let vectors = FixedSizeListArray::new(item, 2, values, Some(nulls));

    assert_eq!(converted(vectors.clone(), vectors.data_type().clone()).null_count(), 1);
    assert_eq!(converted(vectors, vector(DataType::Float32, 2)).null_count(), 1);
}

#[test]
fn a_long_vector_column_is_searched_for_nan_to_its_end() {
    let mut values = vec![1.0_f32; 5000 * 3];
    values[4999 * 3 + 2] = f32::NAN;
    let item = Arc::new(Field::new_list_field(DataType::Float32, false));
    let vectors = FixedSizeListArray::new(item.clone(), 3, Arc::new(Float32Array::from(values)), None);

    assert!(message(vectors, DataType::FixedSizeList(item, 3)).starts_with("row 5099, column 'x': value 2"));
}

#[test]
fn lists_are_converted_value_by_value() {
    let lists = floats(vec![plain(&[0.5]), plain(&[1.0, 2.0]), Some(vec![]), None, Some(vec![None])]);
    let to = DataType::new_large_list(DataType::Int32, true);

    let whole = converted(lists.slice(1, 4), to.clone());

    let expected = LargeListArray::from_iter_primitive::<Int32Type, _, _>([
        Some(vec![Some(1), Some(2)]),
        Some(vec![]),
        None,
        Some(vec![None]),
    ]);
    assert_eq!(whole.as_ref(), &expected as &dyn Array);
    assert!(message(floats(vec![Some(vec![]), plain(&[1.0, 0.5])]), to).starts_with("row 101"));
}

#[test]
fn structs_are_converted_field_by_field() {
    let inner = |a: DataType| {
        DataType::Struct(Fields::from(vec![Field::new("a", a, false), Field::new("b", DataType::Utf8, true)]))
    };
    let given = |values: Vec<Option<f64>>, nulls| {
        let fields = Fields::from(vec![Field::new("a", DataType::Float64, true)]);
        StructArray::new(fields, vec![Arc::new(Float64Array::from(values))], nulls)
    };

    let nulls = NullBuffer::from(vec![false, true]);
    let structs = converted(given(vec![None, Some(2.0)], Some(nulls)), inner(DataType::Int32));

    assert_eq!(structs.as_struct().column(0).as_primitive::<Int32Type>().value(1), 2);
    assert_eq!(structs.as_struct().column(1).null_count(), 2);
    let error = message(given(vec![Some(1.0), None], None), inner(DataType::Int32));
    assert_eq!(error, "row 101, column 'x.a': it is null, but the column does not allow nulls");
    let error = message(given(vec![Some(1.5)], None), inner(DataType::Int32));
    assert!(error.starts_with("row 100, column 'x.a': 1.5"), "{error}");
}

#[test]
fn dictionaries_and_plain_values_become_each_other() {
    let dictionary = DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8));
    let words = StringArray::from(vec![Some("a"), None, Some("a")]);

    let encoded = converted(words.clone(), dictionary.clone());

    assert_eq!(encoded.data_type(), &dictionary);
    assert_eq!(converted(encoded, DataType::Utf8).as_ref(), &words as &dyn Array);
    let many = StringArray::from_iter_values((0..200).map(|n| n.to_string()));
    assert!(message(many, dictionary).contains("more different values than"));
}

#[test]
fn a_null_in_a_dictionary_counts_as_null() {
    let dictionary = DictionaryArray::<Int8Type>::new(
        vec![0, 1].into(),
        Arc::new(StringArray::from(vec![Some("a"), None])),
    );
    let schema = table(vec![Field::new("x", dictionary.data_type().clone(), false)]);

    assert_eq!(conform(&batch(dictionary), &schema, 0).unwrap_err().code(), "INVALID_DATA");
}

#[test]
fn binaries_keep_their_bytes() {
    let bytes = BinaryArray::from_vec(vec![b"ab", b"cd"]);
    let pairs = converted(bytes.clone(), DataType::FixedSizeBinary(2));
    assert_eq!(pairs.as_fixed_size_binary().value(1), b"cd");
    assert_eq!(converted(pairs, DataType::Binary).as_ref(), &bytes as &dyn Array);
    let expected = "row 100, column 'x': the value has 2 bytes, but the column stores 3";
    assert_eq!(message(bytes, DataType::FixedSizeBinary(3)), expected);
}

#[test]
fn a_column_of_nothing_but_nulls_fits_every_type() {
    for to in [DataType::Int32, vector(DataType::Float32, 3), DataType::new_list(DataType::Utf8, true)] {
        assert_eq!(converted(NullArray::new(2), to).null_count(), 2);
    }
    let none = ListArray::new(
        Arc::new(Field::new_list_field(DataType::Null, true)),
        OffsetBuffer::from_lengths([0]),
        Arc::new(NullArray::new(0)),
        None,
    );
    assert_eq!(converted(none, DataType::new_list(DataType::Utf8, true)).len(), 1);
}
