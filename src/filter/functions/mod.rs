//! The functions of filters and expressions, in one table: a line here is all that a function needs.
//!
//! A signature is text for people and for the binder alike: `name(parameter: type, ...) -> type`.
//! `name?` may be left out, a last `...` repeats the parameter before it, and a result type ending in
//! `?` may be null although no argument is.

mod arguments;
mod bind;
mod conditional;
mod date;
mod list;
mod math;
mod missing;
mod regexp;
mod signature;
mod string;

pub(super) use arguments::call;
pub(super) use bind::bind;

use std::sync::LazyLock;

use arrow::array::ArrayRef;

use crate::error::Result;
use arguments::Arguments;
use signature::Signature;

/// A function that filters and expressions can call.
pub(super) struct Function {
    /// The name, then other names for the same function.
    pub names: &'static [&'static str],
    pub signature: &'static str,
    pub doc: &'static str,
    run: Run,
}

/// How a function gets from its arguments to its values. Null arguments give null except in `Rows`.
enum Run {
    /// A string for each string.
    Text(fn(&str) -> String),
    /// A whole number for each string.
    TextLength(fn(&str) -> usize),
    /// Whether it holds for a string and another.
    TextTest(fn(&str, &str) -> bool),
    /// A float for each float.
    Float(fn(f64) -> f64),
    /// All rows at once.
    Rows(fn(&Arguments) -> Result<ArrayRef>),
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.signature)
    }
}

macro_rules! functions {
    ($($title:literal: $([$($name:literal),+] $arguments:literal, $doc:literal, $run:expr;)*)*) => {
        /// Every function, under the title its table has in the documentation.
        pub(super) static FUNCTIONS: &[(&str, &[Function])] = &[$(($title, &[$(
            Function { names: &[$($name),+], signature: $arguments, doc: $doc, run: $run },
        )*]),)*];
    };
}

use Run::{Float, Rows, Text, TextLength, TextTest};

functions! {
    "Strings":
    ["lower"] "lower(text: string) -> string", "In lower case.", Text(str::to_lowercase);
    ["upper"] "upper(text: string) -> string", "In upper case.", Text(str::to_uppercase);
    ["initcap"] "initcap(text: string) -> string", "Each word with a capital first letter.", Text(string::initcap);
    ["reverse"] "reverse(text: string) -> string", "The characters from last to first.", Text(|text| text.chars().rev().collect());
    ["length", "char_length", "character_length", "len"] "length(text: string) -> integer", "How many characters.", TextLength(|text| text.chars().count());
    ["octet_length"] "octet_length(text: string) -> integer", "How many bytes in UTF-8.", TextLength(str::len);
    ["starts_with", "startswith"] "starts_with(text: string, start: string) -> boolean", "Whether the text starts so.", TextTest(|text, start| text.starts_with(start));
    ["ends_with", "endswith"] "ends_with(text: string, end: string) -> boolean", "Whether the text ends so.", TextTest(|text, end| text.ends_with(end));
    ["contains"] "contains(text: string, part: string) -> boolean", "Whether the part is in the text.", TextTest(|text, part| text.contains(part));
    ["strpos", "instr", "position"] "strpos(text: string, part: string) -> integer", "Where the part starts, from 1; 0 if it is not there.", Rows(string::strpos);
    ["trim", "btrim"] "trim(text: string, characters?: string) -> string", "Without spaces, or the given characters, at both ends.", Rows(string::trim);
    ["ltrim"] "ltrim(text: string, characters?: string) -> string", "Without them at the start.", Rows(string::ltrim);
    ["rtrim"] "rtrim(text: string, characters?: string) -> string", "Without them at the end.", Rows(string::rtrim);
    ["substr", "substring"] "substr(text: string, start: integer, length?: integer) -> string", "The part from character `start`, counted from 1.", Rows(string::substr);
    ["left"] "left(text: string, n: integer) -> string", "The first n characters; all but the last -n if n is negative.", Rows(string::left);
    ["right"] "right(text: string, n: integer) -> string", "The last n characters; all but the first -n if n is negative.", Rows(string::right);
    ["replace"] "replace(text: string, part: string, by: string) -> string", "With every occurrence of the part replaced.", Rows(string::replace);
    ["split_part"] "split_part(text: string, separator: string, n: integer) -> string", "The n-th piece, from 1, or from the end if n is negative; empty if there is none.", Rows(string::split_part);
    ["repeat"] "repeat(text: string, n: integer) -> string", "The text n times.", Rows(string::repeat);
    ["lpad"] "lpad(text: string, length: integer, fill?: string) -> string", "Filled at the start, or cut, to this many characters.", Rows(string::lpad);
    ["rpad"] "rpad(text: string, length: integer, fill?: string) -> string", "Filled at the end, or cut, to this many characters.", Rows(string::rpad);
    ["concat"] "concat(value: printable, ...) -> string", "Joined into one string; nulls are left out. `a || b` is null if one is.", Rows(string::concat);
    ["concat_ws"] "concat_ws(separator: string, value: printable, ...) -> string", "Joined with a separator; nulls are left out.", Rows(string::concat_ws);

    "Regular expressions":
    ["regexp_like", "regexp_match", "regexp_matches"] "regexp_like(text: string, pattern: regex, flags?: string) -> boolean", "Whether the pattern is found. Flags: i ignores case, s lets `.` match line ends, m lets `^` and `$` match at lines, x ignores spaces.", Rows(regexp::like);
    ["regexp_replace"] "regexp_replace(text: string, pattern: regex, by: string, flags?: string) -> string", "With the first match replaced, or with the flag g all of them; `$1` is the first group.", Rows(regexp::replace);
    ["regexp_extract", "regexp_substr"] "regexp_extract(text: string, pattern: regex, group?: integer) -> string?", "The first match, or one group of it; null if there is none.", Rows(regexp::extract);
    ["regexp_count"] "regexp_count(text: string, pattern: regex) -> integer", "How many matches.", Rows(regexp::count);

    "Numbers":
    ["abs"] "abs(x: number) -> number", "Without its sign.", Rows(math::abs);
    ["sign", "signum"] "sign(x: float) -> float", "-1, 0 or 1.", Float(math::sign);
    ["ceil", "ceiling"] "ceil(x: number) -> number", "The next whole number up.", Rows(math::ceil);
    ["floor"] "floor(x: number) -> number", "The next whole number down.", Rows(math::floor);
    ["round"] "round(x: number, digits?: integer) -> number", "The nearest number with this many digits after the point (0); halves go away from zero.", Rows(math::round);
    ["trunc", "truncate"] "trunc(x: number, digits?: integer) -> number", "Cut to this many digits after the point (0).", Rows(math::trunc);
    ["mod"] "mod(x: number, y: number) -> number?", "The remainder of x / y, as `x % y`.", Rows(math::modulo);
    ["sqrt"] "sqrt(x: float) -> float", "The square root; NaN below 0.", Float(f64::sqrt);
    ["cbrt"] "cbrt(x: float) -> float", "The cube root.", Float(f64::cbrt);
    ["power", "pow"] "power(x: float, y: float) -> float", "x to the power of y.", Rows(math::power);
    ["exp"] "exp(x: float) -> float", "e to the power of x.", Float(f64::exp);
    ["ln"] "ln(x: float) -> float", "The natural logarithm.", Float(f64::ln);
    ["log10", "log"] "log10(x: float) -> float", "The logarithm to base 10.", Float(f64::log10);
    ["log2"] "log2(x: float) -> float", "The logarithm to base 2.", Float(f64::log2);
    ["sin"] "sin(x: float) -> float", "The sine of radians.", Float(f64::sin);
    ["cos"] "cos(x: float) -> float", "The cosine of radians.", Float(f64::cos);
    ["tan"] "tan(x: float) -> float", "The tangent of radians.", Float(f64::tan);
    ["asin"] "asin(x: float) -> float", "The inverse sine in radians.", Float(f64::asin);
    ["acos"] "acos(x: float) -> float", "The inverse cosine in radians.", Float(f64::acos);
    ["atan"] "atan(x: float) -> float", "The inverse tangent in radians.", Float(f64::atan);
    ["atan2"] "atan2(y: float, x: float) -> float", "The angle of the point (x, y) in radians.", Rows(math::atan2);
    ["degrees"] "degrees(x: float) -> float", "Radians in degrees.", Float(f64::to_degrees);
    ["radians"] "radians(x: float) -> float", "Degrees in radians.", Float(f64::to_radians);
    ["pi"] "pi() -> float", "3.14159...", Rows(math::pi);
    ["isnan", "is_nan"] "isnan(x: float) -> boolean", "Whether x is NaN.", Rows(math::is_nan);

    "Choices":
    ["coalesce", "ifnull", "nvl"] "coalesce(value: T, ...) -> T", "The first value that is not null.", Rows(conditional::coalesce);
    ["nullif"] "nullif(a: V, b: V) -> V?", "Null if both are equal, else a.", Rows(conditional::nullif);
    ["greatest"] "greatest(value: V, ...) -> V", "The greatest of the values that are not null.", Rows(conditional::greatest);
    ["least"] "least(value: V, ...) -> V", "The least of the values that are not null.", Rows(conditional::least);

    "Dates and times":
    ["now", "current_timestamp", "localtimestamp"] "now() -> timestamp", "The time at which the filter was read, in UTC.", Rows(date::now);
    ["current_date", "today"] "current_date() -> date", "The day at which the filter was read, in UTC.", Rows(date::today);
    ["date_part", "datepart"] "date_part(unit: part, time: time) -> integer", "One part of a date: year, quarter, month, week, day, dow (0 is Sunday), isodow (1 is Monday), doy, hour, minute, second, millisecond, microsecond, nanosecond (each with the seconds), epoch (seconds since 1970). Also `extract(unit FROM time)`.", Rows(date::date_part);
    ["date_trunc", "datetrunc"] "date_trunc(unit: part, time: time) -> time", "The start of the year, quarter, month, week (Monday), day, hour, minute, second, millisecond or microsecond.", Rows(date::date_trunc);
    ["to_timestamp"] "to_timestamp(value: instant) -> timestamp", "The time written in a string, or this many seconds after 1970.", Rows(date::to_timestamp);
    ["to_timestamp_seconds"] "to_timestamp_seconds(n: integer) -> timestamp", "n seconds after 1970.", Rows(date::seconds);
    ["to_timestamp_millis"] "to_timestamp_millis(n: integer) -> timestamp", "n milliseconds after 1970, as JavaScript's Date counts.", Rows(date::millis);
    ["to_timestamp_micros"] "to_timestamp_micros(n: integer) -> timestamp", "n microseconds after 1970.", Rows(date::micros);
    ["to_date", "date"] "to_date(value: instant) -> date", "The day of a time, or the one written in a string.", Rows(date::to_date);
    ["make_date"] "make_date(year: integer, month: integer, day: integer) -> date?", "The date; null if there is none.", Rows(date::make_date);
    ["to_unixtime"] "to_unixtime(time: time) -> integer", "Seconds since 1970, rounded down.", Rows(date::to_unixtime);

    "Lists and structs":
    ["array_has", "list_contains", "list_has", "array_contains"] "array_has(list: [V], element: V) -> boolean", "Whether the element is in the list. Also `element = ANY(list)`.", Rows(list::has);
    ["array_has_any", "list_has_any"] "array_has_any(list: [V], elements: [V]) -> boolean", "Whether one of the elements is in the list.", Rows(list::has_any);
    ["array_has_all", "list_has_all"] "array_has_all(list: [V], elements: [V]) -> boolean", "Whether all of the elements are in the list.", Rows(list::has_all);
    ["array_length", "list_length", "cardinality"] "array_length(list: [T]) -> integer", "How many elements.", Rows(list::length);
    ["array_position", "list_position"] "array_position(list: [V], element: V) -> integer?", "Where the element is first, from 1; null if it is not there.", Rows(list::position);
    ["array_element", "list_element"] "array_element(list: [T], n: integer) -> T?", "The n-th element, from 1, or from the end if n is negative. Also `list[n]`.", Rows(list::element);
    ["make_array", "make_list"] "make_array(element: T, ...) -> [T]", "A list. Also `[a, b]`.", Rows(list::make);
}

/// The function of this name and its parsed signature, whatever the name's case.
fn find(name: &str) -> Option<(&'static Function, &'static Signature)> {
    let lower = name.to_lowercase();
    SIGNATURES.iter().find(|(function, _)| function.names.contains(&lower.as_str())).map(|(f, s)| (*f, s))
}

static SIGNATURES: LazyLock<Vec<(&'static Function, Signature)>> = LazyLock::new(|| {
    all().filter_map(|function| Some((function, Signature::parse(function.signature)?))).collect()
});

/// Whether the function of this name gives something else each time.
pub(super) fn reads_the_clock(name: &str) -> bool {
    find(name).is_some_and(|(function, _)| ["now", "current_date"].contains(&function.names[0]))
}

/// Every function, in the order of the documentation.
pub(super) fn all() -> impl Iterator<Item = &'static Function> {
    FUNCTIONS.iter().flat_map(|(_, functions)| functions.iter())
}

/// The documentation's tables of functions.
#[cfg(test)]
pub(super) fn markdown() -> String {
    let mut text = String::new();
    for (title, functions) in FUNCTIONS {
        text += &format!("\n### {title}\n\n| function | value | other names |\n| --- | --- | --- |\n");
        for function in *functions {
            let others: Vec<String> = function.names[1..].iter().map(|name| format!("`{name}`")).collect();
            text += &format!("| `{}` | {} | {} |\n", function.signature, function.doc, others.join(" "));
        }
    }
    text += "\n### Not there\n\nThese functions of other engines are errors (`UNSUPPORTED_SQL`):\n\n";
    text += "| function | instead |\n| --- | --- |\n";
    for (name, instead) in missing::MISSING {
        text += &format!("| `{name}` | {instead} |\n");
    }
    text.replace("`a || b`", "`a \\|\\| b`").replace(" |  |\n", " | |\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_signature_is_read_by_the_binder() {
        assert_eq!(SIGNATURES.len(), all().count());
        for function in all() {
            assert!(function.signature.starts_with(&format!("{}(", function.names[0])), "{function:?}");
        }
    }

    #[test]
    fn names_are_unique() {
        let mut names: Vec<_> = all().flat_map(|function| function.names).collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn a_missing_function_is_not_also_there() {
        for (name, instead) in missing::MISSING {
            assert!(find(name).is_none(), "{name}");
            let Err(error) = bind(name, vec![], "") else { panic!("{name} is there") };
            assert_eq!(error.code(), "UNSUPPORTED_SQL");
            assert!(error.to_string().contains(instead), "{error}");
        }
        assert!(missing::MISSING.is_sorted());
    }

    #[test]
    fn the_documentation_lists_every_function() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/filters.md");
        let document = std::fs::read_to_string(path).unwrap();

        assert!(document.contains(&markdown()), "docs/filters.md should hold these tables:\n{}", markdown());
    }
}
