//! Names, errors, and filters that are long or deep.

use super::super::Predicate;
use super::{assert_logic, error, logic, rows};

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
        ("id = ?", "the placeholder ? has no value"),
        ("id = :name", ":name is no placeholder"),
        ("@name = 1", "@name is no placeholder"),
        ("levenshtein(name, 'a') < 2", "the function levenshtein()"),
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
fn long_filters_answer_on_a_small_stack() {
    let chain = |word: &str| (0..5_000).map(|n| format!("id = {n}")).collect::<Vec<_>>().join(word);
    let list = (0..10_000).map(|n| n.to_string()).collect::<Vec<_>>().join(", ");
    let words = (0..10_000).map(|n| format!("'w{n}'")).collect::<Vec<_>>().join(", ");
    let answers = std::thread::Builder::new().stack_size(1 << 20).spawn(move || {
        [
            logic(&chain(" OR ")),
            logic(&chain(" AND ")),
            logic(&chain(" AND ").replace('=', "<>")),
            logic(&chain(" OR ").replace("id", "price")),
            logic(&chain(" OR ").replace("id", "half")),
            logic(&words.split(", ").map(|word| format!("kind = {word}")).collect::<Vec<_>>().join(" OR ")),
            logic(&format!("({})", chain(" OR "))),
            logic(&format!("id IN ({list})")),
            logic(&format!("name NOT IN ({words})")),
            logic(&format!("{}id = 1{}", "(".repeat(100), ")".repeat(100))),
            logic(&format!("id = {}", vec!["1"; 100].join(" * "))),
        ]
    });

    assert_eq!(
        answers.unwrap().join().unwrap(),
        ["ttffn", "ffffn", "ffttn", "ftftn", "fttfn", "ffffn", "ttffn", "ttffn", "ttttn", "tfffn", "tfffn"]
    );
}
