//! Asking one scalar index a filter's question about a column.

use std::ops::Bound;
use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray};
use roaring::RoaringTreemap;

use crate::error::{Error, Result};
use crate::filter::{Lookup, Test};
use crate::index::scalar::{ScalarIndex, ScalarKind, column_path};
use crate::query::snapshot::{OpenIndex, Snapshot};
use crate::storage::{KeyType, Keys, after_all_with};

/// An index that could be asked, and the column it is on.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub index: Arc<OpenIndex>,
    path: Vec<String>,
    pub kind: ScalarKind,
    key_type: KeyType,
}

/// The snapshot's scalar indexes, the newest first.
pub(crate) fn candidates(snapshot: &Snapshot) -> Vec<Candidate> {
    let schema = snapshot.version().schema();
    let mut found = Vec::new();
    for index in snapshot.indexes().iter().rev() {
        let Some(kind) = ScalarKind::parse(&index.entry().kind) else { continue };
        // Without an index a filter takes longer, but it has the same rows.
        let Ok((path, field)) = column_path(schema, &index.entry().column) else { continue };
        if let Some(key_type) = kind.key_type(field.data_type()) {
            found.push(Candidate { index: index.clone(), path, kind, key_type });
        }
    }
    found
}

impl Candidate {
    /// Whether this index can answer a question.
    pub fn answers(&self, lookup: &Lookup) -> bool {
        let of_lists = self.kind == ScalarKind::LabelList;
        lookup.column == self.path
            && match &lookup.test {
                Test::IsNull => true,
                Test::HasAny(values) | Test::HasAll(values) => {
                    of_lists && KeyType::of(values.data_type()) == Some(self.key_type)
                }
                test => !of_lists && fits(test, self.key_type),
            }
    }

    /// The rows of a question that [`Candidate::answers`] knows.
    pub fn rows(&self, lookup: &Lookup) -> Result<RoaringTreemap> {
        let index = self.index.open_scalar()?;
        match &lookup.test {
            Test::IsNull => index.nulls().cloned(),
            Test::OneOf(values) | Test::HasAny(values) => index.rows_of(&Keys::new(values)?),
            Test::HasAll(values) => index.rows_of_all(&Keys::new(values)?),
            Test::Between(..) | Test::StartsWith(_) => {
                with_range(&lookup.test, |low, high| index.rows_between((low, high)))
            }
        }
    }

    /// About how many rows that are, those that went since included.
    pub fn count(&self, lookup: &Lookup) -> Result<u64> {
        let index: Arc<ScalarIndex> = self.index.open_scalar()?;
        match &lookup.test {
            Test::IsNull => Ok(index.nulls()?.len()),
            Test::OneOf(values) | Test::HasAny(values) => index.count_of(&Keys::new(values)?),
            // At most as many as have the first of them.
            Test::HasAll(values) => index.count_of(&Keys::new(&values.slice(0, 1))?),
            Test::Between(..) | Test::StartsWith(_) => {
                with_range(&lookup.test, |low, high| index.count_between((low, high)))
            }
        }
    }
}

/// Whether a test is about single values that have keys of this type.
pub(crate) fn fits(test: &Test, key_type: KeyType) -> bool {
    let has_keys = |values: &ArrayRef| KeyType::of(values.data_type()) == Some(key_type);
    let bound_fits = |bound: &Bound<ArrayRef>| match bound {
        Bound::Included(value) | Bound::Excluded(value) => has_keys(value),
        Bound::Unbounded => true,
    };
    match test {
        Test::IsNull => true,
        Test::Between(low, high) => bound_fits(low) && bound_fits(high),
        Test::OneOf(values) => has_keys(values),
        Test::StartsWith(_) => key_type == KeyType::Text,
        Test::HasAny(_) | Test::HasAll(_) => false,
    }
}

/// Hands the keys between which a test looks to `receive`.
pub(crate) fn with_range<T>(
    test: &Test,
    receive: impl FnOnce(Bound<&[u8]>, Bound<&[u8]>) -> Result<T>,
) -> Result<T> {
    let key = |value: &ArrayRef| Ok::<_, Error>(Keys::new(value)?.with(0, <[u8]>::to_vec));
    let bound = |bound: &Bound<ArrayRef>| {
        Ok::<_, Error>(match bound {
            Bound::Included(value) => Bound::Included(key(value)?),
            Bound::Excluded(value) => Bound::Excluded(key(value)?),
            Bound::Unbounded => Bound::Unbounded,
        })
    };
    let (low, high) = match test {
        Test::Between(low, high) => (bound(low)?, bound(high)?),
        Test::StartsWith(start) => {
            let value: ArrayRef = Arc::new(StringArray::from(vec![start.as_str()]));
            let low = key(&value)?;
            (Bound::Included(low.clone()), after_all_with(low).map_or(Bound::Unbounded, Bound::Excluded))
        }
        _ => return Err(Error::internal("a test without a range")),
    };
    receive(low.as_ref().map(Vec::as_slice), high.as_ref().map(Vec::as_slice))
}
