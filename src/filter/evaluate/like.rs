//! LIKE and ILIKE, and what SIMILAR TO means as a regular expression.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute::{ilike, like};

use super::super::node::Node;
use super::{Value, evaluate as evaluate_node, per_distinct_value};
use crate::error::{Error, Result};

/// Whether `operand` matches `pattern`, for every row of `batch`.
pub(super) fn evaluate(
    operand: &Node,
    pattern: &Node,
    ignore_case: bool,
    batch: &RecordBatch,
) -> Result<Value> {
    let pattern = evaluate_node(pattern, batch)?;
    let kernel = if ignore_case { ilike } else { like };
    let matches = |operand: Value| {
        let result = kernel(&operand, &pattern).map_err(Error::internal)?;
        Ok(Value::like(&[&operand, &pattern], Arc::new(result) as ArrayRef))
    };
    if pattern.is_scalar() {
        return per_distinct_value(operand, batch, matches);
    }
    matches(evaluate_node(operand, batch)?)
}

/// `pattern`, in which `escape` takes the meaning of the next character away, in the form that arrow's
/// kernels read, where a backslash does. `None` as the escape leaves nothing special but `%` and `_`.
pub(in super::super) fn with_backslash(pattern: &str, escape: Option<char>) -> String {
    let mut result = String::with_capacity(pattern.len());
    let mut chars = pattern.chars();
    while let Some(ch) = chars.next() {
        if Some(ch) == escape {
            // An escape at the end stands for itself.
            let escaped = chars.next().unwrap_or(ch);
            if matches!(escaped, '%' | '_' | '\\') {
                result.push('\\');
            }
            result.push(escaped);
        } else {
            if ch == '\\' {
                result.push('\\');
            }
            result.push(ch);
        }
    }
    result
}

/// The regular expression of a SIMILAR TO pattern: `%` and `_` as in LIKE, the rest as in a regular
/// expression, over the whole text.
pub(in super::super) fn similar_to(pattern: &str, escape: char) -> String {
    let mut result = String::from("(?s)^(?:");
    let mut chars = pattern.chars();
    let mut in_class = false;
    while let Some(ch) = chars.next() {
        match ch {
            _ if ch == escape => {
                if let Some(escaped) = chars.next() {
                    result.push_str(&regex::escape(&escaped.to_string()));
                }
            }
            '[' => {
                in_class = true;
                result.push(ch);
            }
            ']' => {
                in_class = false;
                result.push(ch);
            }
            _ if in_class => result.push(ch),
            '%' => result.push_str(".*"),
            '_' => result.push('.'),
            '.' | '^' | '$' | '\\' => {
                result.push('\\');
                result.push(ch);
            }
            _ => result.push(ch),
        }
    }
    result + ")$"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_escape_character_becomes_a_backslash() {
        assert_eq!(with_backslash("10!%", Some('!')), r"10\%");
        assert_eq!(with_backslash(r"a\b!!", Some('!')), r"a\\b!");
        assert_eq!(with_backslash(r"a\%", Some('\\')), r"a\%");
    }

    #[test]
    fn similar_to_covers_the_whole_text() {
        let regex = regex::Regex::new(&similar_to("(a|b)%.c", '\\')).unwrap();

        assert!(regex.is_match("a-\n-.c"));
        assert!(!regex.is_match("xa.c"));
        assert!(!regex.is_match("a-c"));
    }
}
