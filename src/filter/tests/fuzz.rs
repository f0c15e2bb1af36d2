//! Throws arbitrary text and arbitrary expressions at the filter: whatever the input, no panic, and no
//! error that blames quiverdb.

use arrow::array::Array;
use proptest::prelude::*;
use proptest::sample::select;

use super::super::Expression;
use super::rows;

const COLUMNS: &[&str] = &[
    "id",
    "big",
    "small",
    "price",
    "score",
    "half",
    "name",
    "large",
    "kind",
    "flag",
    "day",
    "at",
    "cost",
    "bytes",
    "address",
    "tags",
    "vector",
    "camelCase",
    "address.city",
    "tags[1]",
    "`A.b`",
    "dup",
];

const LITERALS: &[&str] = &[
    "0",
    "1",
    "-1",
    "2.5",
    "1e300",
    "1e-300",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551615",
    "170141183460469231731687303715884105727",
    "99999999999999999999999999999999999999999",
    "''",
    "'a'",
    "'5'",
    "'2024-01-31'",
    "'2024-01-31T25:00:00'",
    "'9999-12-31'",
    "NULL",
    "true",
    "false",
    "X'00FF'",
    "DATE '2024-02-29'",
    "TIMESTAMP '1969-12-31 23:59:59.999'",
    "INTERVAL '1 month'",
    "INTERVAL '100000000 years'",
    "[1, 2]",
    "['a', NULL]",
    "[]",
    "now()",
    "current_date",
    "'year'",
    "'(['",
    "'é%_\\'",
    "\"quoted\"",
    "'1.5e3'",
    "'NaN'",
];

const OPERATORS: &[&str] = &[
    "=",
    "<>",
    "<",
    "<=",
    ">",
    ">=",
    "+",
    "-",
    "*",
    "/",
    "%",
    "||",
    "AND",
    "OR",
    "XOR",
    "LIKE",
    "NOT LIKE",
    "ILIKE",
    "IS DISTINCT FROM",
    "IS NOT DISTINCT FROM",
    "~",
    "!~*",
    "SIMILAR TO",
    "RLIKE",
    "<=>",
    "^",
    "->",
    "&",
    "= ANY(",
];

const WORDS: &[&str] = &[
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ".",
    ";",
    ":",
    "::",
    "?",
    "$1",
    "--",
    "/*",
    "*/",
    "'",
    "\"",
    "`",
    "CASE",
    "WHEN",
    "THEN",
    "ELSE",
    "END",
    "CAST",
    "TRY_CAST",
    "AS",
    "INT",
    "TEXT",
    "DECIMAL(10, 2)",
    "INTERVAL",
    "DATE",
    "TIMESTAMP",
    "EXTRACT",
    "FROM",
    "YEAR",
    "SUBSTRING",
    "TRIM",
    "BOTH",
    "POSITION",
    "IN",
    "NOT",
    "BETWEEN",
    "IS",
    "NULL",
    "TRUE",
    "UNKNOWN",
    "ESCAPE",
    "EXISTS",
    "SELECT",
    "ARRAY",
    "STRUCT",
    "MAP",
    "LAMBDA",
    "OVER",
    "FILTER",
    "DISTINCT",
    "ALL",
    "AT",
    "TIME",
    "ZONE",
    "COLLATE",
    "MATCH",
    "AGAINST",
    "CONVERT",
    "USING",
    "FLOOR",
    "CEIL",
    "TO",
    "OVERLAY",
    "PLACING",
    "count(*)",
    "drop table t",
    "\u{0}",
    "\u{1F600}",
    "é",
    "\\",
];

const TYPES: &[&str] = &[
    "BOOLEAN",
    "TINYINT",
    "INT",
    "BIGINT",
    "BIGINT UNSIGNED",
    "REAL",
    "DOUBLE",
    "FLOAT16",
    "DECIMAL(10, 2)",
    "DECIMAL(50, 5)",
    "TEXT",
    "BYTEA",
    "DATE",
    "TIME",
    "TIMESTAMP",
    "TIMESTAMP(9)",
    "TIMESTAMP(0)",
    "INT[]",
    "UUID",
];

fn function_names() -> Vec<&'static str> {
    super::super::functions::all().flat_map(|function| function.names.iter().copied()).collect()
}

/// Text of tokens in no order.
fn soup() -> impl Strategy<Value = String> {
    let token = prop_oneof![
        select(COLUMNS).prop_map(str::to_owned),
        select(LITERALS).prop_map(str::to_owned),
        select(OPERATORS).prop_map(str::to_owned),
        select(WORDS).prop_map(str::to_owned),
        select(function_names()).prop_map(|name| format!("{name}(")),
        "\\PC{0,8}",
    ];
    proptest::collection::vec(token, 0..30).prop_map(|tokens| tokens.join(" "))
}

/// Expressions of the right form; their types are whatever comes.
fn expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        2 => select(COLUMNS).prop_map(str::to_owned),
        1 => select(LITERALS).prop_map(str::to_owned),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let arguments = proptest::collection::vec(inner.clone(), 0..4);
        prop_oneof![
            4 => (inner.clone(), select(&OPERATORS[..28]), inner.clone()).prop_map(|(a, op, b)| format!("({a} {op} {b})")),
            4 => (select(function_names()), arguments.clone()).prop_map(|(f, a)| format!("{f}({})", a.join(", "))),
            1 => (inner.clone(), arguments.clone()).prop_map(|(x, list)| format!("({x} IN ({}))", list.join(", "))),
            1 => (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(x, a, b)| format!("({x} NOT BETWEEN {a} AND {b})")),
            1 => (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(x, a, b)| format!("CASE WHEN {x} THEN {a} ELSE {b} END")),
            1 => (inner.clone(), inner.clone(), inner.clone()).prop_map(|(x, a, b)| format!("CASE {x} WHEN {a} THEN {b} END")),
            2 => (inner.clone(), select(TYPES)).prop_map(|(x, t)| format!("CAST({x} AS {t})")),
            2 => (inner.clone(), select(TYPES)).prop_map(|(x, t)| format!("TRY_CAST({x} AS {t})")),
            1 => inner.clone().prop_map(|x| format!("({x} IS NULL)")),
            1 => inner.clone().prop_map(|x| format!("(NOT {x})")),
            1 => inner.clone().prop_map(|x| format!("(- {x})")),
            1 => (inner.clone(), inner.clone()).prop_map(|(x, n)| format!("({x})[{n}]")),
            1 => (inner.clone(), inner).prop_map(|(x, p)| format!("({x} LIKE {p} ESCAPE '!')")),
        ]
    })
}

/// Reads and runs `sql`; an answer has the promised shape, an error is the caller's.
fn check(sql: &str) -> Result<(), TestCaseError> {
    let batch = rows();
    let expression = match Expression::parse(sql, batch.schema_ref()) {
        Ok(expression) => expression,
        Err(error) => {
            prop_assert_ne!(error.code(), "INTERNAL", "{}: {}", sql, error);
            return Ok(());
        }
    };
    for batch in [batch.clone(), batch.slice(1, 3), batch.slice(0, 0)] {
        match expression.evaluate(&batch) {
            Ok(array) => {
                prop_assert_eq!(array.data_type(), expression.data_type(), "{}", sql);
                prop_assert_eq!(array.len(), batch.num_rows(), "{}", sql);
                prop_assert!(
                    expression.nullable() || array.logical_null_count() == 0,
                    "{} is not nullable",
                    sql
                );
                array
                    .to_data()
                    .validate_full()
                    .map_err(|error| TestCaseError::fail(format!("{sql}: {error}")))?;
            }
            Err(error) => prop_assert_ne!(error.code(), "INTERNAL", "{}: {}", sql, error),
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: ProptestConfig::default().cases.max(1000), ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_an_answer_or_a_clear_error(sql in soup()) {
        check(&sql)?;
    }

    #[test]
    fn any_expression_is_an_answer_or_a_clear_error(sql in expression()) {
        check(&sql)?;
    }
}
