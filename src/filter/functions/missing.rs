//! Functions that other engines have and this one has not, and what says the same here.

/// `(name, what to write instead)`, by name. Asking for one is [`Error::UnsupportedSql`], as for any function
/// that there is not.
///
/// [`Error::UnsupportedSql`]: crate::error::Error::UnsupportedSql
pub(super) const MISSING: &[(&str, &str)] = &[
    ("acosh", "write ln(x + sqrt(x * x - 1))"),
    ("array_append", "compare the list and the element by themselves"),
    ("array_concat", "compare the lists by themselves"),
    ("array_distance", "search with nearestTo() and compare _distance"),
    ("array_distinct", "use array_has_any or array_has_all, which ignore repetition"),
    ("array_empty", "write array_length(list) = 0"),
    ("array_intersect", "write array_has_any(list, [..])"),
    ("array_max", "compare single elements, list[1]"),
    ("array_min", "compare single elements, list[1]"),
    ("array_sort", "compare the list as it is"),
    ("array_to_string", "use array_has, or concat_ws of single elements"),
    ("arrow_cast", "write CAST(x AS BIGINT)"),
    ("arrow_typeof", "ask the table for its schema()"),
    ("ascii", "compare the character: left(text, 1) = 'a'"),
    ("asinh", "write ln(x + sqrt(x * x + 1))"),
    ("atanh", "write ln((1 + x) / (1 - x)) / 2"),
    ("bit_length", "write octet_length(text) * 8"),
    ("chr", "write the character itself"),
    ("contains_tokens", "write regexp_like(text, '\\bword\\b', 'i')"),
    ("cosh", "write (exp(x) + exp(-x)) / 2"),
    ("cot", "write 1 / tan(x)"),
    ("date_bin", "use date_trunc, or to_unixtime(time) / seconds"),
    ("date_format", "use date_part, or CAST(time AS TEXT)"),
    ("digest", "store the digest in a column"),
    ("empty", "write array_length(list) = 0"),
    ("factorial", "write the number itself"),
    ("find_in_set", "use array_has with a list"),
    ("flatten", "use a column without nested lists"),
    ("from_unixtime", "write to_timestamp_seconds(n)"),
    ("gcd", "compute it before the query"),
    ("iszero", "write x = 0"),
    ("json_extract", "store the value in a struct or a column of its own"),
    ("json_get", "store the value in a struct or a column of its own"),
    ("lcm", "compute it before the query"),
    ("levenshtein", "use LIKE, ILIKE or regexp_like"),
    ("map_extract", "use a struct: record.field"),
    ("md5", "store the digest in a column"),
    ("named_struct", "select the fields by themselves"),
    ("nanvl", "write CASE WHEN isnan(x) THEN y ELSE x END"),
    ("nvl2", "write CASE WHEN x IS NULL THEN a ELSE b END"),
    ("random", "shuffle the rows after the query"),
    ("regexp_instr", "use regexp_like or regexp_extract"),
    ("sha256", "store the digest in a column"),
    ("sinh", "write (exp(x) - exp(-x)) / 2"),
    ("string_to_array", "use split_part(text, separator, n)"),
    ("struct", "select the fields by themselves"),
    ("substr_index", "use split_part(text, separator, n)"),
    ("tanh", "write 1 - 2 / (exp(2 * x) + 1)"),
    ("to_char", "use date_part, or CAST(time AS TEXT)"),
    ("to_hex", "compare the number itself"),
    ("to_local_time", "times are in UTC: add an INTERVAL"),
    ("translate", "use replace, once for each character"),
    ("uuid", "make the id before the query"),
];

/// What to write instead of a function that is known to be missing.
pub(super) fn instead_of(name: &str) -> Option<&'static str> {
    MISSING.iter().find(|(missing, _)| missing.eq_ignore_ascii_case(name)).map(|(_, instead)| *instead)
}
