//! What filters answer, as a user sees it.

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

#[test]
fn literals_bend_to_whole_number_columns() {
    assert_logic(&[
        ("id = 1", "tfffn"),
        ("id = 1.0", "tfffn"),
        ("id = 1.5", "ffffn"),
        ("id <> 1.5", "ttttn"),
        ("id < 1.5", "tfftn"),
        ("1.5 > id", "tfftn"),
        ("id >= 1.5", "fttfn"),
        ("id > -4.5", "ttttn"),
        ("small = 300", "ffffn"),
        ("small < 300", "ttttn"),
        ("small > -1e30", "ttttn"),
        ("small >= 127", "fftfn"),
        ("small IS DISTINCT FROM 300", "ttttt"),
        ("small IS NOT DISTINCT FROM 1.5", "fffff"),
        ("big > -1", "ttttn"),
        ("big = -1", "ffffn"),
    ]);
}

#[test]
fn big_integers_never_pass_through_a_float() {
    assert_logic(&[
        ("id = 9007199254740993", "fftfn"),
        ("id = 9007199254740992", "ffffn"),
        ("big = 18446744073709551615", "fftfn"),
        ("big < 18446744073709551615", "ttftn"),
        ("big > 18446744073709551616", "ffffn"),
        ("id < big", "ffttn"),
        ("id IN (9007199254740992, 1)", "tfffn"),
        ("id = CAST(9007199254740992 AS DOUBLE)", "ffffn"),
    ]);
}

#[test]
fn floats_compare_as_numbers() {
    assert_logic(&[
        ("price = 0", "ftffn"),
        ("price < 0", "ffffn"),
        ("price >= 0.0", "ttttn"),
        ("price > 1e300", "fftfn"),
        ("price = price", "ttttn"),
        ("price = -price", "fttfn"),
        ("price IN (0, 10)", "ftftn"),
        ("score = 0.1", "tfffn"),
        ("score < 1e39", "ttftn"),
        ("score <= 1e39", "ttftn"),
        ("half = 0.1", "tfffn"),
        ("half IN (0.1, 0)", "tftfn"),
        ("half = 0", "fftfn"),
        ("half < 1e6", "ttttn"),
        ("small < price", "ffttn"),
    ]);
}

#[test]
fn logic_has_three_values() {
    assert_logic(&[
        ("flag", "tftfn"),
        ("NOT flag", "ftftn"),
        ("flag AND NULL", "nfnfn"),
        ("flag OR NULL", "tntnn"),
        ("flag IS TRUE", "tftff"),
        ("flag IS NOT TRUE", "ftftt"),
        ("flag IS FALSE", "ftftf"),
        ("flag IS UNKNOWN", "fffft"),
        ("flag IS NOT UNKNOWN", "ttttf"),
        ("NOT (id = 1 AND flag)", "ftttn"),
        ("NULL", "nnnnn"),
        ("id = NULL", "nnnnn"),
        ("id IS NOT DISTINCT FROM NULL", "fffft"),
        ("name IS NULL OR flag", "tftft"),
        ("flag = true", "tftfn"),
        ("true", "ttttt"),
        ("id IS DISTINCT FROM small", "ffttf"),
    ]);
}

#[test]
fn in_lists_know_about_null() {
    assert_logic(&[
        ("id IN (1, 2)", "ttffn"),
        ("id NOT IN (1, 2)", "ffttn"),
        ("id IN (1, NULL)", "tnnnn"),
        ("id NOT IN (1, NULL)", "fnnnn"),
        ("id IN (1.5)", "ffffn"),
        ("id IN (small, 7)", "ttffn"),
        ("id IN ()", "fffff"),
        ("name IN ('apple', '')", "tfftn"),
        ("kind IN ('apple', 'x')", "tfffn"),
        ("flag IN (true)", "tftfn"),
        ("cost IN (1.5, 2.001)", "tfffn"),
        ("day IN ('2024-01-01')", "ftffn"),
        ("NULL IN (1)", "nnnnn"),
    ]);
}

#[test]
fn between_includes_both_ends() {
    assert_logic(&[
        ("id BETWEEN 1 AND 2", "ttffn"),
        ("id NOT BETWEEN 1 AND 2", "ffttn"),
        ("id BETWEEN NULL AND 0", "fffnn"),
    ]);
}

#[test]
fn strings_match_patterns() {
    assert_logic(&[
        ("name = 'apple'", "tfffn"),
        ("name <> ''", "tttfn"),
        ("name < 'b'", "ttftn"),
        ("name LIKE '%a%'", "ttffn"),
        ("name LIKE 'a____'", "tfffn"),
        ("name LIKE 'fig!_1' ESCAPE '!'", "fftfn"),
        ("name LIKE 'fig\\_%'", "fftfn"),
        ("name NOT LIKE 'a%'", "ftttn"),
        ("name ILIKE 'BAN%'", "ftffn"),
        ("large LIKE '%g%'", "fftfn"),
        ("kind LIKE 'B%'", "ftffn"),
        ("kind = 'Banana'", "ftffn"),
        ("large = 'Banana'", "ftffn"),
        ("kind = large", "ttttn"),
        ("kind IS NULL", "fffft"),
        ("name SIMILAR TO '(apple|f%1)'", "tftfn"),
        ("name ~ '^a'", "tfffn"),
        ("name !~* '^A'", "ftttn"),
        ("name RLIKE 'n+'", "ftffn"),
        ("regexp_like(name, '^B', 'i')", "ftffn"),
        ("regexp_match(name, 'a.*e')", "tfffn"),
        ("bytes = X'00ff'", "tfffn"),
        ("bytes IN (X'', X'7A7a')", "ffttn"),
    ]);
}

#[test]
fn dates_and_timestamps_compare_with_strings() {
    assert_logic(&[
        ("day = '2024-01-01'", "ftffn"),
        ("day >= DATE '2024-01-01'", "fttfn"),
        ("day < '1970-01-01 12:00:00'", "tfftn"),
        ("at = '2024-01-01'", "ftffn"),
        ("at > '2024-01-01T00:00:00Z'", "fftfn"),
        ("at = TIMESTAMP '2024-01-01 00:00:00.0005'", "ffffn"),
        ("at >= '2024-01-01 02:00:00+02:00'", "fttfn"),
        ("at = day", "ttffn"),
        ("at < now()", "ttttn"),
        ("at > now() - INTERVAL '7 days'", "ffffn"),
        ("day + 1 = DATE '2024-01-02'", "ftffn"),
        ("day - DATE '2023-12-31' = 1", "ftffn"),
        ("at - to_timestamp_millis(1704067200000) > INTERVAL '0.0005 seconds'", "fftfn"),
        ("extract(year FROM at) = 2024", "fttfn"),
        ("date_trunc('month', day) = '2024-01-01'", "fttfn"),
        ("date_part('hour', at) = 23", "ffftn"),
    ]);
}

#[test]
fn nested_values_are_reached() {
    assert_logic(&[
        ("address.city = 'Rome'", "tfnfn"),
        ("address['city'] = 'Rome'", "tfnfn"),
        ("address.zip < 3", "ttffn"),
        ("get_field(address, 'Zip') = 4", "ffftn"),
        ("`A.b` = 2", "ftfff"),
        ("A.b = 2", "ftfff"),
        ("array_has(tags, 'a')", "tfftn"),
        ("'a' = ANY(tags)", "tfftn"),
        ("array_has_any(tags, ['a', 'z'])", "tfftn"),
        ("array_has_all(tags, make_array('a', 'c'))", "ffftn"),
        ("array_length(tags) = 0", "fftfn"),
        ("tags[1] = 'b'", "ftnfn"),
        ("tags[-1] = 'a'", "ffntn"),
        ("vector[1] >= 2", "ffttt"),
        ("array_has(['apple', 'x'], name)", "tfffn"),
    ]);
}

#[test]
fn arithmetic_is_exact_and_division_by_zero_is_null() {
    assert_first_row(&[
        ("id + 1", "2"),
        ("small * 200", "200"),
        ("id / 2", "0"),
        ("id % 0", "null"),
        ("price / 0", "null"),
        ("price * 3", "1.5"),
        ("score * 2", "0.2"),
        ("-id", "-1"),
        ("- -5", "5"),
        ("big - 2", "-1"),
        ("cost + 1", "2.50"),
        ("cost * 2", "3.00"),
        ("id * 1.5", "1.5"),
        ("1 + 2 * 3", "7"),
        ("name || '-' || id", "apple-1"),
        ("name || NULL", "null"),
        ("abs(-9007199254740993)", "9007199254740993"),
        ("round(2.5)", "3.0"),
        ("round(1234, -2)", "1200"),
        ("round(cost)", "2.00"),
        ("floor(price)", "0.0"),
        ("greatest(1, id, 0.5)", "1.0"),
        ("least(id, NULL)", "1"),
    ]);
    assert!(error("id + 9223372036854775807").contains("does not fit"));
}

#[test]
fn case_and_casts_take_only_the_rows_they_need() {
    assert_logic(&[
        ("CASE WHEN name = 'fig_1' THEN CAST(right(name, 1) AS INT) ELSE 0 END = 1", "fftff"),
        ("name = 'fig_1' AND CAST(right(name, 1) AS INT) = 1", "fftfn"),
        ("CASE id WHEN 1 THEN true END", "tnnnn"),
        ("TRY_CAST(name AS INT) IS NULL", "ttttt"),
        ("id::text = '1'", "tfffn"),
    ]);
    assert!(error("CAST(name AS INT)").contains("TRY_CAST gives null"));
    assert_first_row(&[
        ("CAST(1.9 AS INT)", "1"),
        ("CAST('2024-01-01' AS DATE)", "2024-01-01"),
        ("coalesce(NULL, id, 7)", "1"),
    ]);
}

#[test]
fn names_are_exact_first_then_without_case() {
    assert_logic(&[
        ("camelCase = 10", "tffff"),
        ("camelcase = 10", "tffff"),
        ("\"camelCase\" = 10", "tffff"),
        ("`camelCase` = 10", "tffff"),
        ("dup = 1", "tffff"),
        ("DUP = 6", "tffff"),
        ("name = \"apple\"", "tfffn"),
    ]);
    assert!(error("Dup = 1").starts_with("COLUMN_NOT_FOUND"));
    assert!(error("prise < 1").contains("did you mean 'price'?"));
    assert!(error("address.town = ''").contains("'address.town' was not found"));
    assert!(error("`apple` = name").starts_with("COLUMN_NOT_FOUND"));
}

#[test]
fn errors_say_what_to_do() {
    for (sql, expected) in [
        (
            "id = '5'",
            "TYPE_MISMATCH: in \"id = '5'\": a number (Int64) cannot be compared with a string (Utf8)",
        ),
        ("name > 5", "write the number without quotes, the string with them"),
        ("flag = 1", "compare a boolean with true or false"),
        ("day = '2024-13-01'", "INVALID_SQL"),
        ("at > 5", "to_timestamp_millis"),
        ("bytes = 'a'", "X'0AFF'"),
        ("id + name", "`+` does not apply to a number (Int64) and a string (Utf8)"),
        ("id IN (SELECT 1)", "a subquery"),
        ("EXISTS (SELECT 1)", "a subquery"),
        ("count(*) > 1", "the function count()"),
        ("sum(id) OVER () > 1", "the window function sum()"),
        ("lowr(name)", "did you mean lower()?"),
        ("substr(name)", "substr(text: string, start: integer, length?: integer) -> string"),
        ("lower(id)", "a number (Int64) was given where a string for 'text'"),
        ("regexp_like(name, '(')", "INVALID_SQL"),
        ("date_trunc('fortnight', at)", "is no part of a date"),
        ("id = ?", "the placeholder ?"),
        ("CAST(id AS UUID)", "the type UUID"),
        ("address = address", "comparing lists or structs"),
        ("id = 1; drop table t", "unexpected `;`"),
        ("repeat(name, 1000000000) = ''", "longer than 16 MiB"),
    ] {
        let message = error(sql);
        assert!(message.contains(expected), "{sql}: {message}");
    }
    let batch = rows();
    let message = Predicate::parse("id + 1", batch.schema_ref()).unwrap_err().to_string();
    assert!(
        message.contains("a filter must be true or false for each row, but this is a number"),
        "{message}"
    );
}

#[test]
fn string_functions_count_characters() {
    assert_first_row(&[
        ("upper(name)", "APPLE"),
        ("initcap('hello wORLD')", "Hello World"),
        ("length('é😀')", "2"),
        ("octet_length('é')", "2"),
        ("substr('héllo', 2, 3)", "éll"),
        ("substr('hello', 0, 3)", "he"),
        ("substring('hello' FROM 2 FOR 2)", "el"),
        ("trim('  x ')", "x"),
        ("trim(BOTH 'x' FROM 'xaxx')", "a"),
        ("ltrim('xxa', 'x')", "a"),
        ("left('hello', -2)", "hel"),
        ("right('hello', -2)", "llo"),
        ("replace('aXbX', 'X', '-')", "a-b-"),
        ("split_part('a,b,c', ',', 2)", "b"),
        ("split_part('a,b,c', ',', -1)", "c"),
        ("split_part('a', ',', 5)", ""),
        ("strpos('héllo', 'l')", "3"),
        ("position('z' IN 'a')", "0"),
        ("reverse('abc')", "cba"),
        ("repeat('ab', 2)", "abab"),
        ("lpad('7', 3, '0')", "007"),
        ("rpad('abc', 2)", "ab"),
        ("concat(name, NULL, 1)", "apple1"),
        ("concat_ws('-', 'a', NULL, 'b')", "a-b"),
        ("starts_with(name, 'app') AND ends_with(name, 'le') AND contains(name, 'pp')", "true"),
        ("regexp_replace('aaa', 'a', 'b', 'g')", "bbb"),
        ("regexp_extract('id-42', '-(\\d+)', 1)", "42"),
        ("regexp_count('banana', 'an')", "2"),
    ]);
}

#[test]
fn number_and_date_functions_give_plain_answers() {
    assert_first_row(&[
        ("ceil(1.2)", "2.0"),
        ("ceil(9007199254740993)", "9007199254740993"),
        ("round(2.345, 2)", "2.35"),
        ("round(-2.5)", "-3.0"),
        ("trunc(-2.789, 1)", "-2.7"),
        ("power(2, 10)", "1024.0"),
        ("sign(-3)", "-1.0"),
        ("mod(7, 3)", "1"),
        ("7 / 2", "3"),
        ("7 / 2.0", "3.5"),
        ("nullif(1, 1)", "null"),
        ("greatest('a', 'c', 'b')", "c"),
        ("date_part('dow', DATE '2024-01-07')", "0"),
        ("extract(week FROM DATE '2024-01-01')", "1"),
        ("extract(epoch FROM TIMESTAMP '1969-12-31 23:59:59.5')", "-1"),
        ("date_trunc('quarter', TIMESTAMP '2024-05-06 07:08:09')", "2024-04-01T00:00:00"),
        ("date_trunc('week', DATE '2024-01-07')", "2024-01-01"),
        ("to_timestamp('2024-01-31 13:30:00')", "2024-01-31T13:30:00"),
        ("to_timestamp(1.5)", "1970-01-01T00:00:01.500"),
        ("to_date(at)", "1970-01-01"),
        ("make_date(2024, 2, 30)", "null"),
        ("DATE '2024-01-31' + INTERVAL '1 month'", "2024-02-29T00:00:00"),
        ("make_array(1, 2.5)", "[1.0, 2.5]"),
    ]);
}

#[test]
fn only_the_columns_that_are_read_are_needed() {
    let batch = rows();
    let predicate = Predicate::parse("price > 0 AND camelcase > 10", batch.schema_ref()).unwrap();
    let columns: Vec<usize> = predicate.columns().iter().copied().collect();
    assert_eq!(columns, [3, 17]);

    let answer = predicate.evaluate(&batch.project(&[17, 3]).unwrap()).unwrap();

    assert_eq!(answer, predicate.evaluate(&batch).unwrap());
    assert_eq!(predicate.evaluate(&batch.project(&[3]).unwrap()).unwrap_err().code(), "COLUMN_NOT_FOUND");
}

#[test]
fn constants_fill_every_row_of_any_batch() {
    let batch = rows();
    for (sql, data_type) in
        [("1 + 1", DataType::Int64), ("'a' || 'b'", DataType::Utf8), ("NULL", DataType::Null)]
    {
        let expression = Expression::parse(sql, batch.schema_ref()).unwrap();
        assert!(expression.columns().is_empty());
        for rows in [0, 1, 5] {
            let array = expression.evaluate(&batch.slice(0, rows)).unwrap();
            assert_eq!((array.len(), array.data_type()), (rows, &data_type), "{sql}");
        }
    }
}

#[test]
fn long_filters_answer_on_a_small_stack() {
    let chain = |word: &str| (0..5_000).map(|n| format!("id = {n}")).collect::<Vec<_>>().join(word);
    let list = (0..10_000).map(|n| n.to_string()).collect::<Vec<_>>().join(", ");
    let words = (0..10_000).map(|n| format!("'w{n}'")).collect::<Vec<_>>().join(", ");
    let answers = std::thread::Builder::new().stack_size(1 << 20).spawn(move || {
        [
            logic(&chain(" OR ")),
            logic(&chain(" AND ")),
            logic(&format!("({})", chain(" OR "))),
            logic(&format!("id IN ({list})")),
            logic(&format!("name NOT IN ({words})")),
            logic(&format!("{}id = 1{}", "(".repeat(100), ")".repeat(100))),
            logic(&format!("id = {}", vec!["1"; 100].join(" * "))),
        ]
    });

    assert_eq!(
        answers.unwrap().join().unwrap(),
        ["ttffn", "ffffn", "ttffn", "ttffn", "ttttn", "tfffn", "tfffn"]
    );
}
