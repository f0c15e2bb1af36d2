//! From text to sqlparser's syntax tree: one expression, nothing after it, in bounded time and stack.

use std::any::Any;
use std::cell::Cell;

use sqlparser::ast::Expr;
use sqlparser::dialect::{Dialect, Precedence};
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

use crate::error::{Error, Result};

/// How deep parentheses, calls and operators may nest. Chains of AND and OR are not nesting.
pub(super) const DEPTH_MAX: usize = 128;

/// How much of a long text an error message repeats.
const SHOWN_CHARS: usize = 200;

/// Below this many operators a chain of them fits any thread's stack.
const OPERATORS_ON_THIS_STACK: usize = 500;

/// The stack that parsing, binding and dropping one link of an operator chain may take.
const STACK_BYTES_PER_OPERATOR: usize = 2048;

/// Parses `sql` and hands its syntax tree to `bind`. Its placeholders are numbered: each is `$1` to `$n`, where
/// n is the number of `parameters`.
///
/// A chain of n operators is a tree n levels deep on its left side, and merely dropping it recurses
/// that deep. Long chains are therefore handled on a thread whose stack is as large as they need.
///
/// # Errors
/// [`Error::InvalidSql`] if the text is not exactly one expression, and whatever `bind` returns.
pub(super) fn with_syntax_tree<T: Send>(
    sql: &str,
    parameters: usize,
    bind: impl Fn(&Expr) -> Result<T> + Sync,
) -> Result<T> {
    let mut tokens = tokenize(sql)?;
    number_placeholders(sql, &mut tokens, parameters)?;
    let operators = tokens.iter().filter(|token| is_operator(&token.token)).count();
    if operators <= OPERATORS_ON_THIS_STACK {
        return bind(&parse_tokens(sql, tokens)?);
    }
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .name("quiverdb-filter".to_owned())
            .stack_size((4 << 20) + operators * STACK_BYTES_PER_OPERATOR)
            .spawn_scoped(scope, || bind(&parse_tokens(sql, tokens)?))
            .map_err(|source| Error::internal(format!("cannot start a thread for a long filter: {source}")))?
            .join()
            .unwrap_or_else(|_| Err(Error::internal("binding a long filter panicked")))
    })
}

/// An [`Error::InvalidSql`] about (the start of) `sql`.
pub(super) fn invalid(sql: &str, reason: impl Into<String>) -> Error {
    Error::InvalidSql { sql: shorten(sql), reason: reason.into() }
}

/// At most [`SHOWN_CHARS`] characters of `text`.
pub(super) fn shorten(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn tokenize(sql: &str) -> Result<Vec<TokenWithSpan>> {
    let mut tokens = Tokenizer::new(&FilterDialect::default(), sql)
        .tokenize_with_location()
        .map_err(|error| invalid(sql, error.to_string()))?;
    tokens.retain(|token| !matches!(token.token, Token::Whitespace(_)));
    if tokens.iter().all(|token| token.token == Token::EOF) {
        return Err(invalid(sql, "it is empty; write a condition such as price < 10"));
    }
    Ok(tokens)
}

/// Makes the n-th `?` a `$n`.
///
/// # Errors
/// [`Error::InvalidSql`] unless there is a placeholder for every parameter, and a parameter for every
/// placeholder.
fn number_placeholders(sql: &str, tokens: &mut [TokenWithSpan], parameters: usize) -> Result<()> {
    let mut used = vec![false; parameters];
    let (mut marks, mut numbers) = (0, 0);
    for token in tokens {
        let Token::Placeholder(name) = &mut token.token else { continue };
        let number = match name.as_str() {
            "?" => {
                marks += 1;
                marks
            }
            numbered => {
                numbers += 1;
                let number = numbered[1..].parse().ok().filter(|&number: &usize| number > 0);
                number.ok_or_else(|| invalid(sql, format!("{name} is no placeholder; write ? or $1")))?
            }
        };
        if let Some(used) = used.get_mut(number - 1) {
            *used = true;
        } else if parameters == 0 {
            let reason =
                format!("the placeholder {name} has no value; pass the values: where(\"x < ?\", [10])");
            return Err(invalid(sql, reason));
        } else {
            let reason =
                format!("the placeholder {name} is number {number}, but the values are {parameters}");
            return Err(invalid(sql, reason));
        }
        *name = format!("${number}");
    }
    if marks > 0 && numbers > 0 {
        return Err(invalid(sql, "it has placeholders of two kinds; write ? or $1, not both"));
    }
    match used.iter().position(|used| !used) {
        Some(unused) => Err(invalid(
            sql,
            format!("value {} of {parameters} has no placeholder; write ? for it", unused + 1),
        )),
        None => Ok(()),
    }
}

/// Anything that can make the syntax tree deeper, generously.
fn is_operator(token: &Token) -> bool {
    match token {
        Token::Word(word) => word.quote_style.is_none(),
        Token::Comma | Token::Number(..) | Token::SingleQuotedString(_) => false,
        _ => true,
    }
}

fn parse_tokens(sql: &str, tokens: Vec<TokenWithSpan>) -> Result<Expr> {
    let dialect = FilterDialect { prefixes_left: Cell::new(1000 + 16 * tokens.len()) };
    let mut parser =
        Parser::new(&dialect).with_recursion_limit(2 * DEPTH_MAX).with_tokens_with_locations(tokens);
    let explain = |error| match error {
        ParserError::RecursionLimitExceeded => invalid(sql, too_deep()),
        ParserError::TokenizerError(reason) | ParserError::ParserError(reason) => invalid(sql, reason),
    };
    let tree = parser.parse_expr().map_err(explain)?;
    let rest = parser.peek_token_ref();
    if rest.token != Token::EOF {
        // A location's text starts with "at".
        let (token, place) = (&rest.token, rest.span.start.to_string());
        let reason = format!(
            "unexpected `{token}` after the expression {}; a filter is one expression",
            place.trim_start()
        );
        return Err(invalid(sql, reason));
    }
    Ok(tree)
}

/// What is wrong with text that nests too deep.
pub(super) fn too_deep() -> String {
    format!("it is nested more than {DEPTH_MAX} levels deep; use fewer parentheses, or an IN list")
}

/// SQL as filters speak it: backquotes and double quotes name columns; no lambdas, maps or hints.
#[derive(Debug, Default)]
struct FilterDialect {
    /// sqlparser tries some words in two ways, so that damaged text nested n deep may be parsed 2^n
    /// times. This many operands are allowed in all, then parsing ends.
    prefixes_left: Cell<usize>,
}

impl Dialect for FilterDialect {
    fn is_identifier_start(&self, ch: char) -> bool {
        ch.is_alphabetic() || ch == '_'
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        ch.is_alphanumeric() || ch == '_' || ch == '$'
    }

    fn supports_in_empty_list(&self) -> bool {
        true
    }

    fn supports_try_convert(&self) -> bool {
        false
    }

    fn supports_filter_during_aggregation(&self) -> bool {
        // Parsed, so that the error can name it.
        true
    }

    fn allow_extract_custom(&self) -> bool {
        true
    }

    fn allow_extract_single_quotes(&self) -> bool {
        true
    }

    fn parse_prefix(&self, _: &mut Parser) -> Option<Result<Expr, ParserError>> {
        match self.prefixes_left.get() {
            0 => Some(Err(ParserError::RecursionLimitExceeded)),
            left => {
                self.prefixes_left.set(left - 1);
                None
            }
        }
    }

    /// sqlparser takes all that follows IS DISTINCT FROM for its right side, an AND too.
    fn parse_infix(&self, parser: &mut Parser, left: &Expr, _: u8) -> Option<Result<Expr, ParserError>> {
        use Keyword::{DISTINCT, FROM, IS, NOT};
        // The left side is copied below. A chain of these, which nobody writes, would be copied again and
        // again.
        if matches!(left, Expr::IsDistinctFrom(..) | Expr::IsNotDistinctFrom(..)) {
            return None;
        }
        let make = match () {
            () if parser.parse_keywords(&[IS, DISTINCT, FROM]) => Expr::IsDistinctFrom,
            () if parser.parse_keywords(&[IS, NOT, DISTINCT, FROM]) => Expr::IsNotDistinctFrom,
            () => return None,
        };
        let right = parser.parse_subexpr(self.prec_value(Precedence::Is));
        Some(right.map(|right| make(Box::new(left.clone()), Box::new(right))))
    }

    fn dialect(&self) -> std::any::TypeId {
        self.type_id()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(sql: &str) -> Result<String> {
        with_syntax_tree(sql, 0, |tree| Ok(tree.to_string()))
    }

    #[test]
    fn text_after_the_expression_is_an_error() {
        let error = parse("id = 1; drop table t").unwrap_err();

        assert_eq!(error.code(), "INVALID_SQL");
        assert!(error.to_string().contains("unexpected `;` after the expression"), "{error}");
        assert!(parse("id = 1 id = 2").is_err());
        assert!(parse("a = 1, b = 2").is_err());
    }

    #[test]
    fn empty_text_and_comments_are_errors() {
        for sql in ["", "  \n", "-- nothing"] {
            assert_eq!(parse(sql).unwrap_err().code(), "INVALID_SQL", "{sql:?}");
        }
    }

    #[test]
    fn deep_nesting_is_a_clear_error() {
        for sql in [
            format!("{}1{}", "(".repeat(10_000), ")".repeat(10_000)),
            "(".repeat(10_000),
            format!("{}1", "- ".repeat(10_000)),
            format!("{}1{}", "abs(".repeat(10_000), ")".repeat(10_000)),
        ] {
            let error = parse(&sql).unwrap_err();
            assert!(error.to_string().contains("levels deep"), "{error}");
        }
        // Here sqlparser says something else: it takes the words for names when they nest too deep.
        for sql in [format!("{}true", "NOT ".repeat(10_000)), "CASE WHEN ".repeat(10_000)] {
            assert_eq!(parse(&sql).unwrap_err().code(), "INVALID_SQL");
        }
    }

    #[test]
    fn damaged_text_ends_soon_whatever_the_parser_tries() {
        for word in ["cast(", "case ", "interval ", "not (", "position(", "floor(", "substring(", "(", "["] {
            let start = std::time::Instant::now();
            assert!(parse(&word.repeat(100)).is_err());
            assert!(start.elapsed().as_secs() < 2, "{word} took {:?}", start.elapsed());
        }
    }

    #[test]
    fn long_chains_parse_and_fail_without_a_stack_overflow() {
        let chain = vec!["a = 1"; 20_000].join(" AND ");
        assert!(parse_on_small_stack(chain.clone()));
        assert!(!parse_on_small_stack(chain + " AND"));
    }

    fn parse_on_small_stack(sql: String) -> bool {
        let parse = move || with_syntax_tree(&sql, 0, |_| Ok(())).is_ok();
        std::thread::Builder::new().stack_size(512 << 10).spawn(parse).unwrap().join().unwrap()
    }
}
