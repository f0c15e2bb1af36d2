//! Functions of regular expressions, in the syntax of the `regex` crate: linear time whatever the text.

use arrow::array::ArrayRef;
use regex::{Regex, RegexBuilder};

use super::arguments::{Arguments, Texts};
use crate::error::Result;

/// A compiled pattern, or what is wrong with it. `g` among the flags is left to the caller.
pub(super) fn compile(pattern: &str, flags: &str) -> Result<Regex, String> {
    let mut builder = RegexBuilder::new(pattern);
    for flag in flags.chars() {
        match flag {
            'i' => builder.case_insensitive(true),
            's' => builder.dot_matches_new_line(true),
            'm' => builder.multi_line(true),
            'x' => builder.ignore_whitespace(true),
            'g' => &mut builder,
            _ => return Err(format!("'{flag}' is no flag of a regular expression; use i, s, m, x or g")),
        };
    }
    builder.build().map_err(|error| {
        let reason = error.to_string();
        // The crate draws the pattern over several lines and says what is wrong in the last one.
        let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        format!("'{}' is not a regular expression: {reason}", super::super::parse::shorten(pattern))
    })
}

/// Compiles a pattern once for all the rows in a row that have it.
struct Patterns<'a> {
    patterns: Texts<'a>,
    flags: Texts<'a>,
    last: Option<(&'a str, &'a str, Regex)>,
    error: Option<String>,
}

impl<'a> Patterns<'a> {
    fn new(arguments: &'a Arguments, pattern: usize, flags: usize) -> Self {
        Self { patterns: arguments.text(pattern), flags: arguments.text(flags), last: None, error: None }
    }

    fn get(&mut self, row: usize) -> Option<&Regex> {
        let pattern = self.patterns.get(row)?;
        let flags = if self.flags.is_given() { self.flags.get(row)? } else { "" };
        if self.last.as_ref().is_none_or(|last| (last.0, last.1) != (pattern, flags)) {
            match compile(pattern, flags) {
                Ok(regex) => self.last = Some((pattern, flags, regex)),
                Err(reason) => {
                    self.error.get_or_insert(reason);
                    return None;
                }
            }
        }
        self.last.as_ref().map(|last| &last.2)
    }

    fn finish(self, arguments: &Arguments, result: Result<ArrayRef>) -> Result<ArrayRef> {
        match self.error {
            Some(reason) => Err(arguments.invalid(reason)),
            None => result,
        }
    }
}

pub(super) fn like(arguments: &Arguments) -> Result<ArrayRef> {
    let text = arguments.text(0);
    let mut patterns = Patterns::new(arguments, 1, 2);
    let result = arguments.build_booleans(|row| Some(patterns.get(row)?.is_match(text.get(row)?)));
    patterns.finish(arguments, result)
}

pub(super) fn replace(arguments: &Arguments) -> Result<ArrayRef> {
    let (text, by, flags) = (arguments.text(0), arguments.text(2), arguments.text(3));
    let mut patterns = Patterns::new(arguments, 1, 3);
    let result = arguments.build_text(|row, out| {
        let limit = if flags.get(row).is_some_and(|flags| flags.contains('g')) { 0 } else { 1 };
        out.push_str(&patterns.get(row)?.replacen(text.get(row)?, limit, by.get(row)?));
        Some(())
    });
    patterns.finish(arguments, result)
}

pub(super) fn extract(arguments: &Arguments) -> Result<ArrayRef> {
    let (text, group) = (arguments.text(0), arguments.integer(2));
    let mut patterns = Patterns::new(arguments, 1, usize::MAX);
    let result = arguments.build_text(|row, out| {
        let group = if group.is_given() { usize::try_from(group.get(row)?).ok()? } else { 0 };
        out.push_str(patterns.get(row)?.captures(text.get(row)?)?.get(group)?.as_str());
        Some(())
    });
    patterns.finish(arguments, result)
}

pub(super) fn count(arguments: &Arguments) -> Result<ArrayRef> {
    let text = arguments.text(0);
    let mut patterns = Patterns::new(arguments, 1, usize::MAX);
    let result = arguments
        .build_integers(|row| i64::try_from(patterns.get(row)?.find_iter(text.get(row)?).count()).ok());
    patterns.finish(arguments, result)
}
