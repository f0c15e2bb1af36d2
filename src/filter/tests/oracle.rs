//! Compares the filter with an interpreter that walks the rows one by one, for random predicates over
//! random rows. It shares nothing with the filter but the meaning of SQL.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::*;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use proptest::prelude::*;
use proptest::sample::select;

use super::super::Predicate;

/// A column's name and the value of each row; none is null.
const INTEGERS: &[i64] = &[-3, -1, 0, 1, 2, 3];
const EXTREMES: &[i64] = &[i64::MIN, -1, 0, 1, 9_007_199_254_740_993, i64::MAX];
const UNSIGNED: &[u64] = &[0, 1, 2, 1 << 63, u64::MAX];
const FLOATS: &[f64] = &[-1.5, -0.0, 0.0, 0.5, 1.0, 3.0, f64::INFINITY, f64::NAN, 9_007_199_254_740_992.0];
const SINGLES: &[f32] = &[-0.0, 0.0, 0.1, 0.5, 2.0, f32::NEG_INFINITY, f32::NAN];
const TEXTS: &[&str] = &["", "a", "A", "ab", "b", "é", "%", "a_b", "a\nb"];

#[derive(Debug, Clone, Default)]
struct Row {
    i: Option<i64>,
    x: Option<i64>,
    u: Option<u64>,
    f: Option<f64>,
    g: Option<f32>,
    s: Option<&'static str>,
    k: Option<&'static str>,
    b: Option<bool>,
}

/// A number as written, and digits / 10^scale.
type Literal = (&'static str, i128, u32);

const LITERALS: &[Literal] = &[
    ("0", 0, 0),
    ("1", 1, 0),
    ("-1", -1, 0),
    ("2", 2, 0),
    ("2.0", 20, 1),
    ("0.5", 5, 1),
    ("1.5", 15, 1),
    ("-1.5", -15, 1),
];

/// Those that only comparisons can tell from their neighbours.
const FINE_LITERALS: &[Literal] = &[
    ("0.1", 1, 1),
    ("9007199254740993", 9_007_199_254_740_993, 0),
    ("9223372036854775807", i64::MAX as i128, 0),
    ("9223372036854775808", i64::MAX as i128 + 1, 0),
    ("-9223372036854775809", i64::MIN as i128 - 1, 0),
    ("18446744073709551615.0", u64::MAX as i128 * 10, 1),
    ("100000000000000000000000", 10i128.pow(23), 0),
];

#[derive(Debug, Clone)]
enum Number {
    Column(&'static str),
    Literal(Literal),
    Arithmetic(Box<Number>, &'static str, Box<Number>),
    Negate(Box<Number>),
    Length(Text),
    Coalesce(Box<Number>, Box<Number>),
    Case(Box<Condition>, Box<Number>, Box<Number>),
}

#[derive(Debug, Clone)]
enum Text {
    Column(&'static str),
    Literal(&'static str),
    Lower(Box<Text>),
    Join(Box<Text>, Box<Text>),
}

#[derive(Debug, Clone)]
enum Condition {
    Column,
    Literal(Option<bool>),
    Numbers(Number, &'static str, Number),
    Extreme(&'static str, &'static str, Literal),
    Columns(&'static str, &'static str, &'static str),
    Texts(Text, &'static str, Text),
    Between(Number, Number, Number),
    In(&'static str, Vec<Option<Literal>>, bool),
    InTexts(Text, Vec<Option<&'static str>>),
    Like(Text, &'static str),
    IsNull(Box<Number>),
    Is(Box<Condition>, Option<bool>, bool),
    Not(Box<Condition>),
    And(Vec<Condition>),
    Or(Vec<Condition>),
}

/// A number in a row.
#[derive(Debug, Clone, Copy)]
enum Value {
    Integer(i128),
    Float(f64),
    Single(f32),
    Literal(Literal),
}

impl Number {
    fn sql(&self) -> String {
        match self {
            Self::Column(name) => name.to_string(),
            Self::Literal((text, ..)) => text.to_string(),
            Self::Arithmetic(a, operator, b) => format!("({} {operator} {})", a.sql(), b.sql()),
            Self::Negate(a) => format!("(- {})", a.sql()),
            Self::Length(text) => format!("length({})", text.sql()),
            Self::Coalesce(a, b) => format!("coalesce({}, {})", a.sql(), b.sql()),
            Self::Case(c, a, b) => format!("CASE WHEN {} THEN {} ELSE {} END", c.sql(), a.sql(), b.sql()),
        }
    }

    fn is_float(&self) -> bool {
        match self {
            Self::Column(name) => *name == "f",
            Self::Literal((text, ..)) => text.contains('.'),
            Self::Arithmetic(a, _, b) | Self::Coalesce(a, b) | Self::Case(_, a, b) => {
                a.is_float() || b.is_float()
            }
            Self::Negate(a) => a.is_float(),
            Self::Length(_) => false,
        }
    }

    /// The value as a float or an integer, as the whole expression's type says.
    fn value(&self, row: &Row) -> Option<Value> {
        let same_kind = |value: Value| match value {
            Value::Integer(value) if self.is_float() => Value::Float(value as f64),
            Value::Literal((_, digits, scale)) if self.is_float() => {
                Value::Float(digits as f64 / 10f64.powi(scale as i32))
            }
            Value::Literal((_, digits, _)) => Value::Integer(digits),
            other => other,
        };
        Some(match self {
            Self::Column("f") => Value::Float(row.f?),
            Self::Column(_) => Value::Integer(row.i?.into()),
            Self::Literal(literal) => Value::Literal(*literal),
            Self::Negate(a) => match a.value(row)? {
                Value::Integer(value) => Value::Integer(-value),
                Value::Float(value) => Value::Float(-value),
                Value::Literal((text, digits, scale)) => Value::Literal((text, -digits, scale)),
                Value::Single(_) => unreachable!("singles are only compared"),
            },
            Self::Length(text) => Value::Integer(text.value(row)?.chars().count() as i128),
            Self::Coalesce(a, b) => same_kind(a.value(row).or_else(|| b.value(row))?),
            Self::Case(c, a, b) => same_kind(if c.value(row) == Some(true) { a } else { b }.value(row)?),
            Self::Arithmetic(a, operator, b) => match (same_kind(a.value(row)?), same_kind(b.value(row)?)) {
                (Value::Integer(a), Value::Integer(b)) => Value::Integer(match *operator {
                    "+" => a + b,
                    "-" => a - b,
                    "*" => a * b,
                    _ if b == 0 => return None,
                    "/" => a / b,
                    _ => a % b,
                }),
                (Value::Float(a), Value::Float(b)) => Value::Float(match *operator {
                    "+" => a + b,
                    "-" => a - b,
                    "*" => a * b,
                    _ if b == 0.0 => return None,
                    "/" => a / b,
                    _ => a % b,
                }),
                _ => unreachable!("both sides were brought to one kind"),
            },
        })
    }
}

impl Text {
    fn sql(&self) -> String {
        match self {
            Self::Column(name) => name.to_string(),
            Self::Literal(text) => format!("'{text}'"),
            Self::Lower(text) => format!("lower({})", text.sql()),
            Self::Join(a, b) => format!("({} || {})", a.sql(), b.sql()),
        }
    }

    fn value(&self, row: &Row) -> Option<String> {
        Some(match self {
            Self::Column("s") => row.s?.to_owned(),
            Self::Column(_) => row.k?.to_owned(),
            Self::Literal(text) => text.to_string(),
            Self::Lower(text) => text.value(row)?.to_lowercase(),
            Self::Join(a, b) => a.value(row)? + &b.value(row)?,
        })
    }
}

impl Condition {
    fn sql(&self) -> String {
        let join = |nodes: &[Self], word: &str| {
            format!("({})", nodes.iter().map(Self::sql).collect::<Vec<_>>().join(word))
        };
        match self {
            Self::Column => "b".to_owned(),
            Self::Literal(value) => value.map_or("NULL".to_owned(), |value| value.to_string()),
            Self::Numbers(a, operator, b) => format!("{} {operator} {}", a.sql(), b.sql()),
            Self::Extreme(column, operator, literal) => format!("{column} {operator} {}", literal.0),
            Self::Columns(a, operator, b) => format!("{a} {operator} {b}"),
            Self::Texts(a, operator, b) => format!("{} {operator} {}", a.sql(), b.sql()),
            Self::Between(x, low, high) => format!("{} BETWEEN {} AND {}", x.sql(), low.sql(), high.sql()),
            Self::In(column, list, negated) => {
                let list: Vec<&str> = list.iter().map(|item| item.map_or("NULL", |item| item.0)).collect();
                format!("{column} {}IN ({})", if *negated { "NOT " } else { "" }, list.join(", "))
            }
            Self::InTexts(text, list) => {
                let item = |item: &Option<&str>| item.map_or("NULL".to_owned(), |item| format!("'{item}'"));
                format!("{} IN ({})", text.sql(), list.iter().map(item).collect::<Vec<_>>().join(", "))
            }
            Self::Like(text, pattern) => format!("{} LIKE '{pattern}'", text.sql()),
            Self::IsNull(number) => format!("{} IS NULL", number.sql()),
            Self::Is(condition, value, negated) => {
                let value = value.map_or("UNKNOWN", |value| if value { "TRUE" } else { "FALSE" });
                format!("(({}) IS {}{value})", condition.sql(), if *negated { "NOT " } else { "" })
            }
            Self::Not(condition) => format!("(NOT ({}))", condition.sql()),
            Self::And(nodes) => join(nodes, " AND "),
            Self::Or(nodes) => join(nodes, " OR "),
        }
    }

    fn value(&self, row: &Row) -> Option<bool> {
        let number = |name: &str| column(row, name);
        match self {
            Self::Column => row.b,
            Self::Literal(value) => *value,
            Self::Numbers(a, operator, b) => compare(operator, a.value(row), b.value(row), order),
            Self::Extreme(name, operator, literal) => {
                compare(operator, number(name), Some(Value::Literal(*literal)), order)
            }
            Self::Columns(a, operator, b) => compare(operator, number(a), number(b), order),
            Self::Texts(a, operator, b) => compare(operator, a.value(row), b.value(row), |a, b| a.cmp(&b)),
            Self::Between(x, low, high) => {
                let (low, high) = (low.value(row), high.value(row));
                and([compare(">=", x.value(row), low, order), compare("<=", x.value(row), high, order)])
            }
            Self::In(name, list, negated) => {
                let equal =
                    |item: &Option<Literal>| compare("=", number(name), item.map(Value::Literal), order);
                or(list.iter().map(equal)).map(|found| found != *negated)
            }
            Self::InTexts(text, list) => or(list
                .iter()
                .map(|item| compare("=", text.value(row), item.map(str::to_owned), |a, b| a.cmp(&b)))),
            Self::Like(text, pattern) => {
                let text: Vec<char> = text.value(row)?.chars().collect();
                Some(like(&text, &pattern.chars().collect::<Vec<_>>()))
            }
            Self::IsNull(number) => Some(number.value(row).is_none()),
            Self::Is(condition, value, negated) => Some((condition.value(row) == *value) != *negated),
            Self::Not(condition) => condition.value(row).map(|value| !value),
            Self::And(nodes) => and(nodes.iter().map(|node| node.value(row))),
            Self::Or(nodes) => or(nodes.iter().map(|node| node.value(row))),
        }
    }
}

fn column(row: &Row, name: &str) -> Option<Value> {
    Some(match name {
        "i" => Value::Integer(row.i?.into()),
        "x" => Value::Integer(row.x?.into()),
        "u" => Value::Integer(row.u?.into()),
        "f" => Value::Float(row.f?),
        _ => Value::Single(row.g?),
    })
}

fn and(values: impl IntoIterator<Item = Option<bool>>) -> Option<bool> {
    let values: Vec<_> = values.into_iter().collect();
    if values.contains(&Some(false)) { Some(false) } else { (!values.contains(&None)).then_some(true) }
}

fn or(values: impl IntoIterator<Item = Option<bool>>) -> Option<bool> {
    and(values.into_iter().map(|value| value.map(|value| !value))).map(|value| !value)
}

fn compare<T>(operator: &str, a: Option<T>, b: Option<T>, order: fn(T, T) -> Ordering) -> Option<bool> {
    let distinct = operator.ends_with("DISTINCT FROM");
    let (a, b) = match (a, b) {
        (Some(a), Some(b)) => (a, b),
        (a, b) if distinct => return Some((a.is_none() == b.is_none()) == operator.contains("NOT")),
        _ => return None,
    };
    let order = order(a, b);
    Some(match operator {
        "=" | "IS NOT DISTINCT FROM" => order.is_eq(),
        "<>" | "IS DISTINCT FROM" => order.is_ne(),
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        _ => order.is_ge(),
    })
}

fn order(a: Value, b: Value) -> Ordering {
    use Value::*;
    let float = |(_, digits, scale): self::Literal| digits as f64 / 10f64.powi(scale as i32);
    match (a, b) {
        (Integer(a), Integer(b)) => a.cmp(&b),
        (Integer(a), Literal((_, digits, scale))) => (a * 10i128.pow(scale)).cmp(&digits),
        (Literal((_, a, scale)), Literal((_, b, other))) => {
            (a * 10i128.pow(other)).cmp(&(b * 10i128.pow(scale)))
        }
        (Integer(a), Float(b)) if b.is_finite() => a.cmp(&(b.floor() as i128)).then(b.floor().total_cmp(&b)),
        (Integer(_), Float(b)) => 0.0.partial_cmp(&b).unwrap_or(Ordering::Less),
        (Integer(a), Single(b)) => order(Integer(a), Float(b.into())),
        (Float(a), Float(b)) => match (a.is_nan(), b.is_nan()) {
            (false, false) => a.partial_cmp(&b).unwrap(),
            (a, b) => a.cmp(&b),
        },
        (Single(a), Literal(b)) => order(Float(a.into()), Float((float(b) as f32).into())),
        (Float(a), Literal(b)) => order(Float(a), Float(float(b))),
        (Float(a), Single(b)) => order(Float(a), Float(b.into())),
        (Single(a), Single(b)) => order(Float(a.into()), Float(b.into())),
        (a, b) => order(b, a).reverse(),
    }
}

fn like(text: &[char], pattern: &[char]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, _) => text.is_empty(),
        (Some(('%', rest)), _) => (0..=text.len()).any(|skipped| like(&text[skipped..], rest)),
        (Some(('_', rest)), Some((_, text))) => like(text, rest),
        (Some((expected, rest)), Some((ch, text))) => expected == ch && like(text, rest),
        (Some(_), None) => false,
    }
}

const COMPARISONS: &[&str] = &["=", "<>", "<", "<=", ">", ">=", "IS DISTINCT FROM", "IS NOT DISTINCT FROM"];

fn any_row() -> impl Strategy<Value = Row> {
    fn maybe<T: Clone + std::fmt::Debug + 'static>(values: &'static [T]) -> impl Strategy<Value = Option<T>> {
        proptest::option::weighted(0.8, select(values))
    }
    let numbers = (maybe(INTEGERS), maybe(EXTREMES), maybe(UNSIGNED), maybe(FLOATS), maybe(SINGLES));
    (numbers, maybe(TEXTS), maybe(TEXTS), maybe(&[true, false])).prop_map(|((i, x, u, f, g), s, k, b)| Row {
        i,
        x,
        u,
        f,
        g,
        s,
        k,
        b,
    })
}

fn any_text() -> impl Strategy<Value = Text> {
    let leaf = prop_oneof![3 => select(&["s", "k"]).prop_map(Text::Column), 1 => select(TEXTS).prop_map(Text::Literal)];
    leaf.prop_recursive(2, 4, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|text| Text::Lower(text.into())),
            (inner.clone(), inner).prop_map(|(a, b)| Text::Join(a.into(), b.into())),
        ]
    })
}

fn any_number() -> impl Strategy<Value = Number> {
    let leaf = prop_oneof![
        3 => select(&["i", "f"]).prop_map(Number::Column),
        2 => select(LITERALS).prop_map(Number::Literal),
        1 => any_text().prop_map(Number::Length),
    ];
    leaf.prop_recursive(3, 8, 2, |inner| {
        let pair = (inner.clone(), inner.clone());
        prop_oneof![
            3 => (inner.clone(), select(&["+", "-", "*", "/", "%"]), inner.clone())
                .prop_map(|(a, operator, b)| Number::Arithmetic(a.into(), operator, b.into())),
            1 => inner.clone().prop_map(|a| Number::Negate(a.into())),
            1 => pair.clone().prop_map(|(a, b)| Number::Coalesce(a.into(), b.into())),
            1 => (inner.clone(), select(COMPARISONS), inner, pair).prop_map(|(x, operator, y, (a, b))| {
                Number::Case(Condition::Numbers(x, operator, y).into(), a.into(), b.into())
            }),
        ]
    })
}

fn any_condition() -> impl Strategy<Value = Condition> {
    let literals: &'static [Literal] = Vec::leak([LITERALS, FINE_LITERALS].concat());
    let columns = || select(&["i", "x", "u", "f", "g"]);
    let leaf = prop_oneof![
        2 => Just(Condition::Column),
        1 => select(&[Some(true), Some(false), None]).prop_map(Condition::Literal),
        4 => (any_number(), select(COMPARISONS), any_number()).prop_map(|(a, op, b)| Condition::Numbers(a, op, b)),
        4 => (columns(), select(COMPARISONS), select(literals)).prop_map(|(a, op, b)| Condition::Extreme(a, op, b)),
        4 => (columns(), select(COMPARISONS), columns()).prop_map(|(a, op, b)| Condition::Columns(a, op, b)),
        3 => (any_text(), select(COMPARISONS), any_text()).prop_map(|(a, op, b)| Condition::Texts(a, op, b)),
        1 => (any_number(), any_number(), any_number()).prop_map(|(x, a, b)| Condition::Between(x, a, b)),
        2 => (columns(), proptest::collection::vec(proptest::option::weighted(0.9, select(literals)), 1..5), any::<bool>())
            .prop_map(|(x, list, negated)| Condition::In(x, list, negated)),
        1 => (any_text(), proptest::collection::vec(proptest::option::weighted(0.9, select(TEXTS)), 1..5))
            .prop_map(|(x, list)| Condition::InTexts(x, list)),
        2 => (any_text(), select(&["%", "a%", "%b", "_", "a_b", "%_b%", "", "é", "A"]))
            .prop_map(|(text, pattern)| Condition::Like(text, pattern)),
        1 => any_number().prop_map(|number| Condition::IsNull(number.into())),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        let list = proptest::collection::vec(inner.clone(), 2..5);
        prop_oneof![
            2 => inner.clone().prop_map(|node| Condition::Not(node.into())),
            1 => (inner, select(&[Some(true), Some(false), None]), any::<bool>())
                .prop_map(|(node, value, negated)| Condition::Is(node.into(), value, negated)),
            3 => list.clone().prop_map(Condition::And),
            3 => list.prop_map(Condition::Or),
        ]
    })
}

fn batch(rows: &[Row]) -> RecordBatch {
    let dictionary = DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8));
    let k: ArrayRef = Arc::new(rows.iter().map(|row| row.k).collect::<StringArray>());
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("i", Arc::new(rows.iter().map(|row| row.i.map(|i| i as i32)).collect::<Int32Array>())),
        ("x", Arc::new(rows.iter().map(|row| row.x).collect::<Int64Array>())),
        ("u", Arc::new(rows.iter().map(|row| row.u).collect::<UInt64Array>())),
        ("f", Arc::new(rows.iter().map(|row| row.f).collect::<Float64Array>())),
        ("g", Arc::new(rows.iter().map(|row| row.g).collect::<Float32Array>())),
        ("s", Arc::new(rows.iter().map(|row| row.s).collect::<StringArray>())),
        ("k", cast(&k, &dictionary).unwrap()),
        ("b", Arc::new(rows.iter().map(|row| row.b).collect::<BooleanArray>())),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true)))
        .unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        cases: ProptestConfig::default().cases.max(1000),
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_filter_answers_as_the_row_by_row_interpreter(
        condition in any_condition(),
        rows in proptest::collection::vec(any_row(), 0..20),
    ) {
        let (sql, batch) = (condition.sql(), batch(&rows));
        let predicate = Predicate::parse(&sql, batch.schema_ref()).map_err(|e| TestCaseError::fail(format!("{sql}: {e}")))?;
        let answer = predicate.evaluate(&batch).map_err(|e| TestCaseError::fail(format!("{sql}: {e}")))?;
        let expected: BooleanArray = rows.iter().map(|row| condition.value(row)).collect();

        prop_assert_eq!(answer, expected, "{}", sql);
    }
}
