//! What expressions and functions give.

use arrow::array::Array;
use arrow::datatypes::DataType;

use super::super::Expression;
use super::{assert_first_row, assert_logic, error, rows};

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
