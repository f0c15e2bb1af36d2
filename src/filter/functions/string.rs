//! Functions of strings. Characters are Unicode scalar values, counted from 1 as in SQL.

use arrow::array::ArrayRef;

use super::arguments::Arguments;
use crate::error::Result;

/// No row's string may be made longer than this by one call.
const CHARS_MAX: i64 = 1 << 24;

pub(super) fn initcap(text: &str) -> String {
    let mut in_word = false;
    text.chars()
        .flat_map(|ch| {
            let starts = !in_word;
            in_word = ch.is_alphanumeric();
            let changed: Vec<char> =
                if starts { ch.to_uppercase().collect() } else { ch.to_lowercase().collect() };
            changed
        })
        .collect()
}

pub(super) fn strpos(arguments: &Arguments) -> Result<ArrayRef> {
    let (text, part) = (arguments.text(0), arguments.text(1));
    arguments.build_integers(|row| {
        let (text, part) = (text.get(row)?, part.get(row)?);
        let place = text.find(part).map_or(0, |byte| text[..byte].chars().count() + 1);
        i64::try_from(place).ok()
    })
}

pub(super) fn trim(arguments: &Arguments) -> Result<ArrayRef> {
    trimmed(arguments, |text, set| text.trim_matches(set))
}

pub(super) fn ltrim(arguments: &Arguments) -> Result<ArrayRef> {
    trimmed(arguments, |text, set| text.trim_start_matches(set))
}

pub(super) fn rtrim(arguments: &Arguments) -> Result<ArrayRef> {
    trimmed(arguments, |text, set| text.trim_end_matches(set))
}

fn trimmed(arguments: &Arguments, trim: for<'a> fn(&'a str, &[char]) -> &'a str) -> Result<ArrayRef> {
    let (text, characters) = (arguments.text(0), arguments.text(1));
    arguments.build_text(|row, out| {
        let set: Vec<char> =
            if characters.is_given() { characters.get(row)?.chars().collect() } else { vec![' '] };
        out.push_str(trim(text.get(row)?, &set));
        Some(())
    })
}

pub(super) fn substr(arguments: &Arguments) -> Result<ArrayRef> {
    let (text, start, length) = (arguments.text(0), arguments.integer(1), arguments.integer(2));
    arguments.build_text(|row, out| {
        let (text, start) = (text.get(row)?, start.get(row)?);
        // A start before the first character uses up some of the length, as the standard says.
        let end = if length.is_given() { start.saturating_add(length.get(row)?.max(0)) } else { i64::MAX };
        let skipped = start.max(1) - 1;
        out.push_str(slice(text, skipped, end.saturating_sub(1).saturating_sub(skipped)));
        Some(())
    })
}

pub(super) fn left(arguments: &Arguments) -> Result<ArrayRef> {
    let (text, n) = (arguments.text(0), arguments.integer(1));
    arguments.build_text(|row, out| {
        let (text, n) = (text.get(row)?, n.get(row)?);
        out.push_str(slice(text, 0, if n < 0 { count(text).saturating_add(n) } else { n }));
        Some(())
    })
}

pub(super) fn right(arguments: &Arguments) -> Result<ArrayRef> {
    let (text, n) = (arguments.text(0), arguments.integer(1));
    arguments.build_text(|row, out| {
        let (text, n) = (text.get(row)?, n.get(row)?);
        let skipped = if n < 0 { n.saturating_neg() } else { count(text).saturating_sub(n).max(0) };
        out.push_str(slice(text, skipped, i64::MAX));
        Some(())
    })
}

/// `length` characters after the first `skipped`.
fn slice(text: &str, skipped: i64, length: i64) -> &str {
    let byte_of = |text: &str, chars: i64| {
        let chars = usize::try_from(chars.max(0)).unwrap_or(usize::MAX);
        // Every character has a byte, so that a count beyond the bytes needs no walk.
        if chars >= text.len() {
            text.len()
        } else {
            text.char_indices().nth(chars).map_or(text.len(), |(byte, _)| byte)
        }
    };
    let rest = &text[byte_of(text, skipped)..];
    &rest[..byte_of(rest, length)]
}

fn count(text: &str) -> i64 {
    i64::try_from(text.chars().count()).unwrap_or(i64::MAX)
}

pub(super) fn replace(arguments: &Arguments) -> Result<ArrayRef> {
    let (text, part, by) = (arguments.text(0), arguments.text(1), arguments.text(2));
    arguments.build_text(|row, out| {
        let (text, part, by) = (text.get(row)?, part.get(row)?, by.get(row)?);
        if part.is_empty() {
            out.push_str(text)
        } else {
            out.push_str(&text.replace(part, by))
        }
        Some(())
    })
}

pub(super) fn split_part(arguments: &Arguments) -> Result<ArrayRef> {
    let (text, separator, n) = (arguments.text(0), arguments.text(1), arguments.integer(2));
    arguments.build_text(|row, out| {
        let (text, separator, n) = (text.get(row)?, separator.get(row)?, n.get(row)?);
        let place = usize::try_from(n.unsigned_abs()).ok()?.wrapping_sub(1);
        let piece = match separator {
            "" => (place == 0).then_some(text),
            _ if n < 0 => text.rsplit(separator).nth(place),
            _ => text.split(separator).nth(place),
        };
        out.push_str(piece.unwrap_or_default());
        Some(())
    })
}

pub(super) fn repeat(arguments: &Arguments) -> Result<ArrayRef> {
    let (text, n) = (arguments.text(0), arguments.integer(1));
    let mut too_long = false;
    let result = arguments.build_text(|row, out| {
        let (text, n) = (text.get(row)?, n.get(row)?.max(0));
        let bytes = i64::try_from(text.len()).ok()?.saturating_mul(n);
        too_long |= bytes > CHARS_MAX;
        if bytes <= CHARS_MAX {
            out.push_str(&text.repeat(usize::try_from(if text.is_empty() { 0 } else { n }).ok()?));
        }
        Some(())
    });
    if too_long { Err(arguments.fail(TOO_LONG)) } else { result }
}

const TOO_LONG: &str = "a row's result is longer than 16 MiB; ask for fewer characters";

pub(super) fn lpad(arguments: &Arguments) -> Result<ArrayRef> {
    padded(arguments, |text, padding, out| {
        out.push_str(padding);
        out.push_str(text);
    })
}

pub(super) fn rpad(arguments: &Arguments) -> Result<ArrayRef> {
    padded(arguments, |text, padding, out| {
        out.push_str(text);
        out.push_str(padding);
    })
}

fn padded(arguments: &Arguments, join: fn(&str, &str, &mut String)) -> Result<ArrayRef> {
    let (text, length, fill) = (arguments.text(0), arguments.integer(1), arguments.text(2));
    let mut too_long = false;
    let result = arguments.build_text(|row, out| {
        let (text, length) = (text.get(row)?, length.get(row)?);
        let fill = if fill.is_given() { fill.get(row)? } else { " " };
        if length > CHARS_MAX {
            too_long = true;
            return None;
        }
        let missing = usize::try_from(length.saturating_sub(count(text)).max(0)).ok()?;
        let padding: String = fill.chars().cycle().take(if fill.is_empty() { 0 } else { missing }).collect();
        join(slice(text, 0, length), &padding, out);
        Some(())
    });
    if too_long { Err(arguments.fail(TOO_LONG)) } else { result }
}

pub(super) fn concat(arguments: &Arguments) -> Result<ArrayRef> {
    arguments.build_text(|row, out| {
        (0..arguments.len())
            .filter_map(|position| arguments.text(position).get(row))
            .for_each(|text| out.push_str(text));
        Some(())
    })
}

pub(super) fn concat_ws(arguments: &Arguments) -> Result<ArrayRef> {
    let separator = arguments.text(0);
    arguments.build_text(|row, out| {
        let separator = separator.get(row)?;
        let mut first = true;
        for text in (1..arguments.len()).filter_map(|position| arguments.text(position).get(row)) {
            if !first {
                out.push_str(separator);
            }
            first = false;
            out.push_str(text);
        }
        Some(())
    })
}
