//! The rows that recent filters let through, so that a filter that is asked again costs nothing.
//!
//! A snapshot never changes, and so neither do the sets of its filters. They go with it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::filter::{Filter, Parameter};
use crate::query::row_set::RowSet;
use crate::query::snapshot::OpenIndex;

/// The most bytes that the sets of a snapshot take, with the filters that name them ...
const BYTES_MAX: usize = 32 << 20;

/// ... or as many as one row in so many, in a large table: a set and what searches learn of it may take three bits a row.
const ROWS_PER_BYTE: u64 = 2;

/// Row sets by the filter that they belong to. The one that was used longest ago goes first.
#[derive(Debug)]
pub(crate) struct RowSets {
    bytes_max: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    sets: HashMap<Filter, Entry>,
    bytes: usize,
    /// Counts the looks, to tell which set was used longest ago.
    clock: u64,
}

#[derive(Debug)]
struct Entry {
    rows: Arc<RowSet>,
    bytes: usize,
    used: u64,
}

impl RowSets {
    /// Room for sets of the rows of a version with ids below `row_id_end`.
    pub fn of_rows(row_id_end: u64) -> Self {
        Self::new(BYTES_MAX.max((row_id_end / ROWS_PER_BYTE) as usize))
    }

    fn new(bytes_max: usize) -> Self {
        Self { bytes_max, kept: Mutex::default() }
    }

    /// The rows of `filter`, if they are known.
    pub fn get(&self, filter: &Filter) -> Option<Arc<RowSet>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.clock += 1;
        let now = kept.clock;
        let entry = kept.sets.get_mut(filter)?;
        entry.used = now;
        Some(entry.rows.clone())
    }

    /// Remembers the rows of `filter`, unless they alone take more than there is room for, with what searches of
    /// `indexes` will learn of them.
    pub fn put(&self, filter: &Filter, rows: &Arc<RowSet>, indexes: &[Arc<OpenIndex>]) {
        let bytes = rows.bytes(indexes) + filter_bytes(filter);
        if bytes > self.bytes_max {
            return;
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.remove(filter);
        while kept.bytes + bytes > self.bytes_max {
            let oldest = kept.sets.iter().min_by_key(|(_, entry)| entry.used);
            let Some(oldest) = oldest.map(|(filter, _)| filter.clone()) else { break };
            kept.remove(&oldest);
        }
        kept.clock += 1;
        kept.bytes += bytes;
        let entry = Entry { rows: rows.clone(), bytes, used: kept.clock };
        kept.sets.insert(filter.clone(), entry);
    }
}

impl Kept {
    fn remove(&mut self, filter: &Filter) {
        self.bytes -= self.sets.remove(filter).map_or(0, |entry| entry.bytes);
    }
}

/// About how much memory a filter takes.
fn filter_bytes(filter: &Filter) -> usize {
    fn parameter_bytes(parameter: &Parameter) -> usize {
        let inside = match parameter {
            Parameter::Text(text) => text.len(),
            Parameter::Bytes(bytes) => bytes.len(),
            Parameter::List(values) => values.iter().map(parameter_bytes).sum(),
            _ => 0,
        };
        size_of::<Parameter>() + inside
    }
    let conditions = filter.conditions.iter();
    conditions
        .map(|condition| {
            condition.sql.len() + condition.parameters.iter().map(parameter_bytes).sum::<usize>()
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use roaring::RoaringTreemap;

    use super::*;

    fn rows(count: u64) -> Arc<RowSet> {
        Arc::new((0..count).map(|row| row * 2).collect::<RoaringTreemap>().into())
    }

    #[test]
    fn a_set_is_found_by_its_text_and_its_values() {
        let sets = RowSets::of_rows(1);
        let with = |parameter| {
            let mut filter = Filter::from("a = ?");
            filter.conditions[0].parameters.push(parameter);
            filter
        };
        sets.put(&with(Parameter::Float(1.0)), &rows(3), &[]);

        assert_eq!(sets.get(&with(Parameter::Float(1.0))).unwrap().len(), 3);
        assert!(sets.get(&with(Parameter::Float(-1.0))).is_none());
        assert!(sets.get(&with(Parameter::Text("1".to_owned()))).is_none());
        assert!(sets.get(&"a = ?".into()).is_none());
    }

    #[test]
    fn the_set_that_was_used_longest_ago_makes_room() {
        let room = 2 * (rows(100).bytes(&[]) + 1);
        let sets = RowSets::new(room);
        sets.put(&"a".into(), &rows(100), &[]);
        sets.put(&"b".into(), &rows(100), &[]);
        assert!(sets.get(&"a".into()).is_some());

        sets.put(&"c".into(), &rows(100), &[]);

        assert!(sets.get(&"a".into()).is_some());
        assert!(sets.get(&"b".into()).is_none());
        assert!(sets.get(&"c".into()).is_some());
        sets.put(&"d".into(), &rows(100_000), &[]);
        assert!(sets.get(&"d".into()).is_none());
        assert!(sets.get(&"c".into()).is_some());
    }
}
