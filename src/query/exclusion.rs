//! Which segments a filter excludes by what their files say of their columns, without a look at the rows.

use std::ops::Bound;
use std::sync::Arc;

use crate::error::Result;
use crate::filter::{Lookup, Part, Predicate, Search, Test};
use crate::query::ask::{fits, with_range};
use crate::storage::{ColumnStatistics, KeyType, Keys, Segment, Version};

/// How many of a segment's rows a filter lets through, as far as is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// None, so that the rows are not read.
    None,
    /// Perhaps some.
    Some,
    /// All that are not deleted.
    All,
}

/// What is known of each segment of `version`, in their order.
///
/// # Errors
/// If a segment's files are missing or damaged.
pub(crate) fn verdicts(version: &Version, predicate: &Predicate) -> Result<Vec<Verdict>> {
    let judge = Judge { version };
    let mut all = vec![Verdict::All; version.segments().len()];
    for Part { search, exact, .. } in predicate.parts(&|lookup| judge.column(lookup).is_some()) {
        let mut found = match &search {
            Some(search) => judge.search(search)?,
            None => vec![Verdict::Some; all.len()],
        };
        if !exact {
            // Not all that a search finds satisfies a condition of which it answers just a part.
            found.iter_mut().for_each(|verdict| *verdict = verdict.and(Verdict::Some));
        }
        all = combined(all, found, Verdict::and);
    }
    Ok(all)
}

struct Judge<'a> {
    version: &'a Version,
}

impl Judge<'_> {
    /// The position of the column that a question is about, if statistics can say something of the answer.
    fn column(&self, lookup: &Lookup) -> Option<usize> {
        let [name] = lookup.column.as_slice() else { return None };
        let position = self.version.schema().index_of(name).ok()?;
        let key_type = KeyType::of(self.version.schema().field(position).data_type())?;
        fits(&lookup.test, key_type).then_some(position)
    }

    fn segments(&self) -> &[Arc<Segment>] {
        self.version.segments()
    }

    fn search(&self, search: &Search) -> Result<Vec<Verdict>> {
        let start = |verdict| Ok(vec![verdict; self.segments().len()]);
        match search {
            Search::Lookup(lookup) => self.lookup(lookup),
            Search::All(searches) => searches.iter().try_fold(start(Verdict::All)?, |all, search| {
                Ok(combined(all, self.search(search)?, Verdict::and))
            }),
            Search::Any(searches) => searches.iter().try_fold(start(Verdict::None)?, |any, search| {
                Ok(combined(any, self.search(search)?, Verdict::or))
            }),
            Search::Not(search) => Ok(self.search(search)?.into_iter().map(Verdict::not).collect()),
        }
    }

    fn lookup(&self, lookup: &Lookup) -> Result<Vec<Verdict>> {
        let Some(column) = self.column(lookup) else { return Ok(vec![Verdict::Some; self.segments().len()]) };
        let each = |judge: &dyn Fn(&ColumnStatistics) -> Verdict| {
            let of = |segment: &Arc<Segment>| {
                Ok(segment.statistics(column)?.map_or(Verdict::Some, |known| judge(&known)))
            };
            self.segments().iter().map(of).collect()
        };
        match &lookup.test {
            Test::IsNull => each(&|known| match (known.nulls, &known.min) {
                (0, _) => Verdict::None,
                (_, None) => Verdict::All,
                _ => Verdict::Some,
            }),
            Test::OneOf(values) => {
                let keys = Keys::new(values)?.sorted();
                each(&|known| one_of(&keys, known))
            }
            test => with_range(test, |low, high| each(&|known| between(low, high, known))),
        }
    }
}

fn combined(
    left: Vec<Verdict>,
    right: Vec<Verdict>,
    combine: impl Fn(Verdict, Verdict) -> Verdict,
) -> Vec<Verdict> {
    left.into_iter().zip(right).map(|(left, right)| combine(left, right)).collect()
}

/// How many of some rows have one of some values, given as keys in their order.
fn one_of(keys: &[Vec<u8>], known: &ColumnStatistics) -> Verdict {
    let Some(min) = &known.min else { return Verdict::None };
    let first = keys.partition_point(|key| key < min);
    match (keys.get(first), &known.max) {
        (None, _) => Verdict::None,
        (Some(key), Some(max)) if key > max => Verdict::None,
        (Some(_), Some(max)) if min == max && known.nulls == 0 => Verdict::All,
        _ => Verdict::Some,
    }
}

/// How many of some rows have a value within a range of keys.
fn between(low: Bound<&[u8]>, high: Bound<&[u8]>, known: &ColumnStatistics) -> Verdict {
    let Some(min) = known.min.as_deref() else { return Verdict::None };
    let max = known.max.as_deref();
    let is_above = |key: &[u8]| match low {
        Bound::Included(low) => key >= low,
        Bound::Excluded(low) => key > low,
        Bound::Unbounded => true,
    };
    let is_below = |key: &[u8]| match high {
        Bound::Included(high) => key <= high,
        Bound::Excluded(high) => key < high,
        Bound::Unbounded => true,
    };
    // Without a greatest value there is none that all are below, and none that none is above.
    let all_below = max.map_or(high == Bound::Unbounded, is_below);
    if !max.is_none_or(is_above) || !is_below(min) {
        Verdict::None
    } else if known.nulls == 0 && is_above(min) && all_below {
        Verdict::All
    } else {
        Verdict::Some
    }
}

impl Verdict {
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::None, _) | (_, Self::None) => Self::None,
            (Self::All, Self::All) => Self::All,
            _ => Self::Some,
        }
    }

    fn or(self, other: Self) -> Self {
        self.not().and(other.not()).not()
    }

    fn not(self) -> Self {
        match self {
            Self::None => Self::All,
            Self::Some => Self::Some,
            Self::All => Self::None,
        }
    }
}
