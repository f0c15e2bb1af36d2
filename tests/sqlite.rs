//! Filters beside SQLite: the same generated tables, the same generated conditions, the same rows.
//!
//! What both mean differently is not generated: NaN (SQLite has none), letters beyond ASCII in other cases,
//! results beyond 64 bits, and numbers compared with strings.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, BooleanArray, Date32Array, Float64Array, Int32Array, Int64Array, RecordBatch,
    StringArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Int64Type, Schema, TimeUnit};
use quiverdb::filter::{Parameter, Predicate};
use quiverdb::index::IndexConfig;
use quiverdb::index::scalar::ScalarKind;
use quiverdb::progress::Progress;
use quiverdb::query::Request;
use quiverdb::table::{Alteration, CreateMode, IndexOptions, NewColumn, NewType, NewValue, Table, WriteMode};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rusqlite::Connection;
use rusqlite::types::Value;

const TABLES: u64 = 250;
const CONDITIONS: usize = 20;
const INDEXED_TABLES: u64 = 150;
const SEGMENTED_TABLES: u64 = 40;

const INTEGERS: &[i64] = &[-1000, -7, -1, 0, 1, 2, 3, 10, 1 << 20];
const FLOATS: &[f64] = &[-1e6, -2.5, -1.0, -0.0, 0.0, 0.1, 0.5, 1.0, 2.0, 2.5, 1e6];
const TEXTS: &[&str] = &["", " ", "a", "A", "ab", "a%b", "a_b", "b", "é", "aé", "10", "it's", "?", "日本"];
const DAYS: &[(i32, &str)] =
    &[(-1, "1969-12-31"), (0, "1970-01-01"), (19_723, "2024-01-01"), (19_782, "2024-02-29")];
const PATTERNS: &[&str] = &["%", "_", "a%", "%b", "a_b", "%é", "", "%_%", "A", "a!%b", "!_%"];

#[test]
fn every_condition_finds_the_rows_that_sqlite_finds() {
    for seed in 0..TABLES {
        let mut rng = StdRng::seed_from_u64(seed);
        let table = Rows::any(&mut rng, 40);
        let (sqlite, batch) = (table.in_sqlite(), table.batch());
        for _ in 0..CONDITIONS {
            let mut texts = Texts { rng: &mut rng, parameters: Vec::new() };
            let condition = texts.condition(3);
            let parameters = texts.parameters;
            let expected = rows_of(&sqlite, &condition.literal);
            for (sql, parameters) in
                [(&condition.literal, [].as_slice()), (&condition.marked, parameters.as_slice())]
            {
                let found = Predicate::with_parameters(sql, parameters, &batch.schema())
                    .and_then(|predicate| predicate.evaluate(&batch));
                let found = found.unwrap_or_else(|error| panic!("seed {seed}: {sql}: {error}"));
                let found: Vec<i64> = (0..)
                    .zip(found.iter())
                    .filter(|(_, holds)| *holds == Some(true))
                    .map(|(row, _)| row)
                    .collect();
                assert_eq!(found, expected, "seed {seed}: {sql} with {parameters:?}\n{batch:?}");
            }
        }
    }
}

/// Tables of which most columns have an index, with rows that came after the indexes and rows that went.
#[test]
fn every_condition_finds_the_same_rows_with_indexes() {
    let mut answered = 0;
    for seed in 0..INDEXED_TABLES {
        let mut rng = StdRng::seed_from_u64(1_000_000 + seed);
        let rows = Rows::any(&mut rng, 300);
        let sqlite = rows.in_sqlite();
        let table = indexed_table(&mut rng, &rows, &sqlite);
        for _ in 0..CONDITIONS {
            let condition = Texts { rng: &mut rng, parameters: Vec::new() }.condition(3).literal;
            let request = Request { filter: Some(condition.as_str().into()), ..Request::default() };
            let plan =
                table.plan(&request).unwrap_or_else(|error| panic!("seed {seed}: {condition}: {error}"));
            answered += usize::from(plan.explain(false).contains("ScalarIndex: "));
            let batches = plan.run(&Progress::none());
            let batches = batches.unwrap_or_else(|error| panic!("seed {seed}: {condition}: {error}"));
            let found = ids(&batches);
            let explained = || format!("seed {seed}: {}", plan.explain(false));
            let expected = rows_of(&sqlite, &condition);
            assert_eq!(found, expected, "{}", explained());
            let count = table.count_rows(request.filter.as_ref()).unwrap();
            assert_eq!(count, expected.len() as u64, "{}", explained());
        }
    }
    assert!(answered > 1000, "indexes answered only {answered} of {} conditions", INDEXED_TABLES * 20);
}

/// Tables of many segments, whose values lie in ranges that mostly do not meet, so that statistics decide; with columns
/// that were renamed, or came later. The conditions of deletions and updates are the same ones.
#[test]
fn every_condition_finds_the_same_rows_in_many_segments() {
    let mut excluded = 0;
    for seed in 0..SEGMENTED_TABLES {
        let mut rng = StdRng::seed_from_u64(2_000_000 + seed);
        let mut rows = Rows::any(&mut rng, 120);
        rows.sort();
        let early = rng.random_range(0..=rows.i.len());
        rows.j[..early].copy_from_slice(&rows.i[..early]);
        let sqlite = rows.in_sqlite();
        let table = segmented_table(&mut rng, &rows, early);
        for _ in 0..CONDITIONS {
            let condition = Texts { rng: &mut rng, parameters: Vec::new() }.condition(3).literal;
            let request = Request { filter: Some(condition.as_str().into()), ..Request::default() };
            let plan = table.plan(&request).unwrap();
            excluded += usize::from(!plan.explain(false).contains("excluded=0"));
            let mut found = ids(&plan.run(&Progress::none()).unwrap());
            found.sort_unstable();
            assert_eq!(found, rows_of(&sqlite, &condition), "seed {seed}: {}", plan.explain(false));
            let count = table.count_rows(request.filter.as_ref()).unwrap();
            assert_eq!(count, found.len() as u64, "seed {seed}: {condition}");
            if rng.random_ratio(1, 4) {
                let some = format!("({condition}) AND id % 3 = {}", rng.random_range(0..3));
                change(&mut rng, &table, &sqlite, &some);
            }
        }
    }
    assert!(excluded > 100, "statistics excluded segments for only {excluded} conditions");
}

/// Deletes rows, or gives them other values.
fn change(rng: &mut StdRng, table: &Table, sqlite: &Connection, condition: &str) {
    if rng.random() {
        table.delete(condition, &Progress::none()).unwrap();
        sqlite.execute(&format!("DELETE FROM t WHERE {condition}"), []).unwrap();
        return;
    }
    let value = *INTEGERS.choose(rng).unwrap();
    let new = [("i".to_owned(), NewValue::Sql(value.to_string()))];
    let updated = table.update(Some(condition.into()), &new, &Progress::none()).unwrap();
    let in_sqlite = sqlite.execute(&format!("UPDATE t SET i = {value} WHERE {condition}"), []).unwrap();
    assert_eq!(updated.rows, in_sqlite as u64, "{condition}");
}

/// The first `early` rows come when the table has not yet the columns that it has in the end.
fn segmented_table(rng: &mut StdRng, rows: &Rows, early: usize) -> Table {
    let options = quiverdb::connection::ConnectOptions::default();
    let connection = quiverdb::connection::Connection::connect("memory://", options).unwrap();
    // The column `j` comes later, and is what `i` was; `f` has another name at first, and `d` another type.
    let batch = rows.batch();
    let at = |name: &str| batch.schema().index_of(name).unwrap();
    let first = batch.project(&["id", "i", "f", "s", "t", "b", "d"].map(at)).unwrap();
    let mut columns = first.columns().to_vec();
    columns[6] = cast(&columns[6], &DataType::Timestamp(TimeUnit::Second, None)).unwrap();
    let fields = first
        .schema()
        .fields()
        .iter()
        .zip(&columns)
        .map(|(field, column)| {
            let name = if field.name() == "f" { "g" } else { field.name() };
            Field::new(name, column.data_type().clone(), true)
        })
        .collect::<Vec<_>>();
    let first = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap();
    let writer = connection.create_table("t", &first.schema(), CreateMode::Create).unwrap();
    let table = writer.finish().unwrap();
    let append = |rows: &RecordBatch, from: usize, to: usize| {
        for start in (from..to).step_by(5) {
            let mut writer = table.writer(WriteMode::Append).unwrap();
            writer.write(&rows.slice(start, (to - start).min(5))).unwrap();
            writer.commit().unwrap();
        }
    };
    append(&first, 0, early);
    let rename = Alteration { column: "g".into(), rename: Some("f".into()), nullable: None, data_type: None };
    let days = Some(NewType::Arrow(DataType::Date32));
    let cast_days = Alteration { column: "d".into(), rename: None, nullable: None, data_type: days };
    table.alter_columns(&[rename, cast_days], &Progress::none()).unwrap();
    let later = NewColumn::Sql { name: "j".into(), sql: "CAST(i AS INT)".into() };
    table.add_columns(&[later], &Progress::none()).unwrap();
    append(&batch, early, batch.num_rows());
    if rng.random_ratio(1, 4) {
        table.compact(&Progress::none()).unwrap();
    }
    table
}

fn indexed_table(rng: &mut StdRng, rows: &Rows, sqlite: &Connection) -> Table {
    let options = quiverdb::connection::ConnectOptions::default();
    let connection = quiverdb::connection::Connection::connect("memory://", options).unwrap();
    let batch = rows.batch();
    let mut writer = connection.create_table("t", &batch.schema(), CreateMode::Create).unwrap();
    let [first, second] = {
        let mut cuts = [0, 0].map(|_| rng.random_range(0..=batch.num_rows()));
        cuts.sort_unstable();
        cuts
    };
    writer.write(&batch.slice(0, first)).unwrap();
    let table = writer.finish().unwrap();
    let append = |from: usize, to: usize| {
        let mut writer = table.writer(WriteMode::Append).unwrap();
        writer.write(&batch.slice(from, to - from)).unwrap();
        writer.commit().unwrap();
    };
    let delete = |condition: &str| {
        table.delete(condition, &Progress::none()).unwrap();
        sqlite.execute(&format!("DELETE FROM t WHERE {condition}"), []).unwrap();
    };
    let mut index = |columns: &[&str]| {
        for column in columns {
            let kind = [ScalarKind::BTree, ScalarKind::Bitmap].choose(rng).copied().unwrap();
            let options = IndexOptions { config: IndexConfig::Scalar(kind), ..IndexOptions::default() };
            table.create_index(column, &options, &Progress::none()).unwrap();
        }
    };
    index(&["i", "f", "s"]);
    append(first, second);
    delete(&format!("id % 7 = 3 AND id < {second}"));
    index(&["d", "b", "j"]);
    delete(&format!("id % 11 = 5 AND id < {second}"));
    append(second, batch.num_rows());
    if first % 2 == 0 {
        table.compact(&Progress::none()).unwrap();
    }
    table
}

fn ids(batches: &[RecordBatch]) -> Vec<i64> {
    let of = |batch: &RecordBatch| {
        batch.column_by_name("id").unwrap().as_primitive::<Int64Type>().values().to_vec()
    };
    batches.iter().flat_map(of).collect()
}

fn rows_of(sqlite: &Connection, condition: &str) -> Vec<i64> {
    let sql = format!("SELECT id FROM t WHERE {condition} ORDER BY id");
    let mut statement = sqlite.prepare(&sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.collect::<Result<_, _>>().unwrap_or_else(|error| panic!("{sql}: {error}"))
}

/// The columns `id`, `i`, `j` (whole numbers), `f` (floats), `s`, `t` (texts), `d` (dates) and `b` (booleans).
struct Rows {
    i: Vec<Option<i64>>,
    j: Vec<Option<i64>>,
    f: Vec<Option<f64>>,
    s: Vec<Option<&'static str>>,
    t: Vec<Option<&'static str>>,
    d: Vec<Option<(i32, &'static str)>>,
    b: Vec<Option<bool>>,
}

impl Rows {
    /// Less than `rows_end` rows.
    fn any(rng: &mut StdRng, rows_end: usize) -> Self {
        fn column<T: Copy>(rng: &mut StdRng, rows: usize, values: &[T]) -> Vec<Option<T>> {
            (0..rows)
                .map(|_| if rng.random_ratio(1, 5) { None } else { values.choose(rng).copied() })
                .collect()
        }
        let rows = rng.random_range(0..rows_end);
        Self {
            i: column(rng, rows, INTEGERS),
            j: column(rng, rows, INTEGERS),
            f: column(rng, rows, FLOATS),
            s: column(rng, rows, TEXTS),
            t: column(rng, rows, TEXTS),
            d: column(rng, rows, DAYS),
            b: column(rng, rows, &[true, false]),
        }
    }

    /// Sorts each column for itself, so that what stands together is alike.
    fn sort(&mut self) {
        self.i.sort_unstable();
        self.j.sort_unstable();
        self.f.sort_by(|a, b| a.partial_cmp(b).unwrap_or(Ordering::Equal));
        self.s.sort_unstable();
        self.t.sort_unstable();
        self.d.sort_unstable();
        self.b.sort_unstable();
    }

    fn batch(&self) -> RecordBatch {
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("id", Arc::new(Int64Array::from_iter_values(0..self.i.len() as i64))),
            ("i", Arc::new(Int64Array::from(self.i.clone()))),
            ("j", Arc::new(self.j.iter().map(|j| j.map(|j| j as i32)).collect::<Int32Array>())),
            ("f", Arc::new(Float64Array::from(self.f.clone()))),
            ("s", Arc::new(StringArray::from(self.s.clone()))),
            ("t", Arc::new(StringArray::from(self.t.clone()))),
            ("d", Arc::new(self.d.iter().map(|d| d.map(|(days, _)| days)).collect::<Date32Array>())),
            ("b", Arc::new(BooleanArray::from(self.b.clone()))),
        ];
        let columns = columns.into_iter().map(|(name, array)| (name, array, true));
        RecordBatch::try_from_iter_with_nullable(columns).unwrap()
    }

    fn in_sqlite(&self) -> Connection {
        let sqlite = Connection::open_in_memory().unwrap();
        let setup =
            "CREATE TABLE t (id INTEGER, i INTEGER, j INTEGER, f REAL, s TEXT, t TEXT, d TEXT, b INTEGER);
                     PRAGMA case_sensitive_like = ON;";
        sqlite.execute_batch(setup).unwrap();
        let mut insert = sqlite.prepare("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?, ?, ?)").unwrap();
        let text = |text: Option<&str>| text.map_or(Value::Null, |text| Value::Text(text.to_owned()));
        for row in 0..self.i.len() {
            let values = [
                Value::Integer(row as i64),
                self.i[row].map_or(Value::Null, Value::Integer),
                self.j[row].map_or(Value::Null, Value::Integer),
                self.f[row].map_or(Value::Null, Value::Real),
                text(self.s[row]),
                text(self.t[row]),
                text(self.d[row].map(|(_, day)| day)),
                self.b[row].map_or(Value::Null, |b| Value::Integer(b.into())),
            ];
            insert.execute(values).unwrap();
        }
        drop(insert);
        sqlite
    }
}

/// One text, once with its literals and once with a placeholder for each.
#[derive(Clone)]
struct Sql {
    literal: String,
    marked: String,
}

impl Sql {
    fn plain(text: &str) -> Self {
        Self { literal: text.to_owned(), marked: text.to_owned() }
    }

    /// `template` with each `{}` replaced by one of `parts`.
    fn of(template: &str, parts: &[&Self]) -> Self {
        let fill = |part: fn(&Self) -> &str| {
            let mut parts = parts.iter();
            let mut pieces = template.split("{}");
            let first = pieces.next().unwrap_or_default().to_owned();
            pieces.fold(first, |text, piece| text + part(parts.next().unwrap()) + piece)
        };
        Self { literal: fill(|sql| &sql.literal), marked: fill(|sql| &sql.marked) }
    }
}

/// Makes conditions. Operands are made in the order in which they are written, as placeholders count.
struct Texts<'a> {
    rng: &'a mut StdRng,
    parameters: Vec<Parameter>,
}

impl Texts<'_> {
    fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        *choices.choose(self.rng).unwrap()
    }

    fn value(&mut self, literal: String, parameter: Parameter) -> Sql {
        self.parameters.push(parameter);
        Sql { literal, marked: "?".to_owned() }
    }

    fn integer(&mut self) -> Sql {
        let value = self.pick(INTEGERS);
        self.value(value.to_string(), Parameter::Integer(value.into()))
    }

    fn text_literal(&mut self, texts: &[&str]) -> Sql {
        let text = self.pick(texts);
        self.value(format!("'{}'", text.replace('\'', "''")), Parameter::Text(text.to_owned()))
    }

    fn number(&mut self, depth: u32) -> Sql {
        match self.rng.random_range(0..if depth > 0 { 10 } else { 6 }) {
            0..4 => Sql::plain(self.pick(&["i", "j", "f"])),
            4 => self.integer(),
            5 => {
                let value = self.pick(FLOATS);
                // A whole float must say that it is one: 7 / 2 is not 7 / 2.0. No parameter says so.
                Sql::plain(&format!("{value:?}"))
            }
            6 => {
                let operator = self.pick(&["+", "-", "*", "/"]);
                let (a, b) = (self.number(0), self.number(0));
                Sql::of(&format!("({{}} {operator} {{}})"), &[&a, &b])
            }
            7 => {
                let text = self.text(depth - 1);
                Sql::of("length({})", &[&text])
            }
            8 => {
                let (a, b) = (self.number(depth - 1), self.number(depth - 1));
                Sql::of("coalesce({}, {})", &[&a, &b])
            }
            _ => {
                let condition = self.condition(depth - 1);
                let (a, b) = (self.number(depth - 1), self.number(depth - 1));
                Sql::of("(CASE WHEN {} THEN {} ELSE {} END)", &[&condition, &a, &b])
            }
        }
    }

    fn text(&mut self, depth: u32) -> Sql {
        match self.rng.random_range(0..if depth > 0 { 8 } else { 5 }) {
            0..4 => Sql::plain(self.pick(&["s", "t"])),
            4 => self.text_literal(TEXTS),
            5 => {
                let (a, b) = (self.text(depth - 1), self.text(depth - 1));
                Sql::of("({} || {})", &[&a, &b])
            }
            6 => {
                let text = self.text(depth - 1);
                Sql::of("trim({})", &[&text])
            }
            _ => {
                let text = self.text(depth - 1);
                let (start, length) = (self.pick(&["1", "2", "3"]), self.pick(&["0", "1", "2"]));
                Sql::of(&format!("substr({{}}, {start}, {length})"), &[&text])
            }
        }
    }

    fn day(&mut self) -> Sql {
        let (_, day) = self.pick(DAYS);
        self.value(format!("'{day}'"), Parameter::Text(day.to_owned()))
    }

    fn condition(&mut self, depth: u32) -> Sql {
        if depth > 0 && self.rng.random_ratio(1, 2) {
            return self.combination(depth - 1);
        }
        let operator =
            self.pick(&["=", "<>", "<", "<=", ">", ">=", "IS DISTINCT FROM", "IS NOT DISTINCT FROM"]);
        let compared = format!("({{}} {operator} {{}})");
        match self.rng.random_range(0..12) {
            0..3 => {
                let (a, b) = (self.number(depth), self.number(depth));
                Sql::of(&compared, &[&a, &b])
            }
            3..5 => {
                let (a, b) = (self.text(depth), self.text(depth));
                Sql::of(&compared, &[&a, &b])
            }
            5 => {
                let day = self.day();
                Sql::of(&compared, &[&Sql::plain("d"), &day])
            }
            6 => self.like(depth),
            7 => self.in_list(),
            8 => {
                let (x, low, high) = (self.number(depth), self.number(0), self.number(0));
                let not = self.pick(&["", "NOT "]);
                Sql::of(&format!("({{}} {not}BETWEEN {{}} AND {{}})"), &[&x, &low, &high])
            }
            9 => {
                let number = self.number(depth);
                let not = self.pick(&["", "NOT "]);
                Sql::of(&format!("({{}} IS {not}NULL)"), &[&number])
            }
            10 => {
                Sql::plain(self.pick(&["b", "(b = true)", "(b IS NOT TRUE)", "(b IS FALSE)", "(b <> false)"]))
            }
            _ => Sql::plain(self.pick(&["true", "false", "(NULL IS NULL)"])),
        }
    }

    fn like(&mut self, depth: u32) -> Sql {
        let text = self.text(depth);
        let not = self.pick(&["", "NOT "]);
        let pattern = self.text_literal(PATTERNS);
        Sql::of(&format!("({{}} {not}LIKE {{}} ESCAPE '!')"), &[&text, &pattern])
    }

    /// A list of literals, and of the same values as one parameter.
    fn in_list(&mut self) -> Sql {
        let not = self.pick(&["", "NOT "]);
        let count = self.rng.random_range(0..6);
        let before = self.parameters.len();
        let column = self.pick(&["i", "j", "f", "s", "d"]);
        let items: Vec<String> = (0..count)
            .map(|_| match column {
                _ if self.rng.random_ratio(1, 8) => self.value("NULL".to_owned(), Parameter::Null).literal,
                "s" => self.text_literal(TEXTS).literal,
                "d" => self.day().literal,
                _ => self.integer().literal,
            })
            .collect();
        let list = self.parameters.split_off(before);
        self.parameters.push(Parameter::List(list));
        let of = |list: &str| format!("({column} {not}IN ({list}))");
        Sql { literal: of(&items.join(", ")), marked: of("?") }
    }

    fn combination(&mut self, depth: u32) -> Sql {
        let a = self.condition(depth);
        if self.rng.random_ratio(1, 4) {
            return Sql::of("(NOT {})", &[&a]);
        }
        let b = self.condition(depth);
        Sql::of(self.pick(&["({} AND {})", "({} OR {})"]), &[&a, &b])
    }
}
