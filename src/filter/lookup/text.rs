//! Searches in words, for plans.

use std::fmt;
use std::ops::Bound;

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::DataType;
use arrow::util::display::array_value_to_string;

use super::{Lookup, Search, Test};

impl fmt::Display for Search {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let several = |f: &mut fmt::Formatter<'_>, searches: &[Search], word: &str| {
            for (i, search) in searches.iter().enumerate() {
                if i > 0 {
                    write!(f, " {word} ")?;
                }
                match search {
                    Self::All(_) | Self::Any(_) => write!(f, "({search})")?,
                    _ => write!(f, "{search}")?,
                }
            }
            Ok(())
        };
        match self {
            Self::Lookup(lookup) => write!(f, "{lookup}"),
            Self::All(searches) if searches.is_empty() => f.write_str("true"),
            Self::Any(searches) if searches.is_empty() => f.write_str("false"),
            Self::All(searches) => several(f, searches, "AND"),
            Self::Any(searches) => several(f, searches, "OR"),
            Self::Not(search) => write!(f, "NOT ({search})"),
        }
    }
}

impl fmt::Display for Lookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let column = self.column.join(".");
        match &self.test {
            Test::Between(low, high) => {
                match low {
                    Bound::Included(low) => write!(f, "{} <= ", Values(low))?,
                    Bound::Excluded(low) => write!(f, "{} < ", Values(low))?,
                    Bound::Unbounded => {}
                }
                f.write_str(&column)?;
                match high {
                    Bound::Included(high) => write!(f, " <= {}", Values(high)),
                    Bound::Excluded(high) => write!(f, " < {}", Values(high)),
                    Bound::Unbounded => Ok(()),
                }
            }
            Test::OneOf(values) if values.len() == 1 => write!(f, "{column} = {}", Values(values)),
            Test::OneOf(values) => write!(f, "{column} IN ({})", Values(values)),
            Test::IsNull => write!(f, "{column} IS NULL"),
            Test::StartsWith(start) => write!(f, "{column} starts with '{start}'"),
            Test::HasAny(values) => write!(f, "{column} has any of ({})", Values(values)),
            Test::HasAll(values) => write!(f, "{column} has all of ({})", Values(values)),
        }
    }
}

/// A few values, and how many more there are.
struct Values<'a>(&'a ArrayRef);

impl fmt::Display for Values<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 3;
        for row in 0..self.0.len().min(SHOWN) {
            let value = array_value_to_string(self.0, row).unwrap_or_default();
            let comma = if row > 0 { ", " } else { "" };
            match self.0.data_type() {
                DataType::Utf8 | DataType::LargeUtf8 => write!(f, "{comma}'{value}'")?,
                _ => write!(f, "{comma}{value}")?,
            }
        }
        match self.0.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, ", … and {more} more"),
        }
    }
}
