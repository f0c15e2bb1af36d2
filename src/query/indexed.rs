//! Answering a filter with scalar indexes, and evaluating what they cannot answer on the rows that are left.

use std::sync::Arc;

use roaring::RoaringTreemap;

use crate::error::{Error, Result};
use crate::filter::{Lookup, Part, Predicate, Search, Test};
use crate::index::scalar::ScalarKind;
use crate::progress::Progress;
use crate::query::ask::{Candidate, candidates};
use crate::query::matching::{Matcher, matching_among};
use crate::query::snapshot::Snapshot;

/// Evaluating a condition on a single row costs about as much as so many rows of an index.
const ROWS_PER_EVALUATION: u64 = 16;

/// So many values are looked up in no time; each further one takes as long as an evaluation.
const FREE_LOOK_UPS: u64 = 8;

/// If an index would give more than one in so many rows, evaluating them all in order is not slower.
const SHARE_MAX: u64 = 2;

/// A set of a bitmap is read so many times faster than as many row ids.
const SET_SPEED: u64 = 64;

/// A filter, and the indexes that answer some of it.
#[derive(Debug)]
pub(crate) struct IndexedFilter<'a> {
    snapshot: &'a Snapshot,
    predicate: &'a Arc<Predicate>,
    indexes: Vec<Candidate>,
    /// What indexes are asked, those first that let the fewest rows through.
    pub steps: Vec<Step>,
    /// What is to be evaluated on the rows they find.
    pub rest: Option<Predicate>,
    /// Rows from this id on are newer than one of the indexes: all of the filter is evaluated on them.
    pub covered_end: u64,
}

/// A part of the filter that indexes answer.
#[derive(Debug)]
pub(crate) struct Step {
    pub search: Search,
    /// About how many rows it finds.
    pub rows: u64,
    /// The names of the indexes that are asked.
    pub indexes: Vec<String>,
}

/// What a search comes to.
#[derive(Debug, Clone, Copy)]
struct Estimate {
    /// About how many rows it finds.
    rows: u64,
    /// How many row ids are read for that, or what takes as long.
    cost: u64,
}

impl<'a> IndexedFilter<'a> {
    /// Splits `predicate` into what the snapshot's indexes answer and the rest; `None` if nothing is gained.
    pub fn new(snapshot: &'a Snapshot, predicate: &'a Arc<Predicate>) -> Result<Option<Self>> {
        let indexes = candidates(snapshot);
        if indexes.is_empty() {
            return Ok(None);
        }
        let parts = predicate.parts(&|lookup| indexes.iter().any(|index| index.answers(lookup)));
        let mut filter =
            Self { snapshot, predicate, indexes, steps: Vec::new(), rest: None, covered_end: u64::MAX };
        filter.choose(parts)?;
        Ok((!filter.steps.is_empty()).then_some(filter))
    }

    /// Decides which parts are answered by indexes.
    fn choose(&mut self, parts: Vec<Part>) -> Result<()> {
        let all = self.snapshot.version().row_count();
        let mut rest = Vec::new();
        let mut answered = Vec::new();
        for part in parts {
            match &part.search {
                Some(search) => answered.push((self.estimate(search)?, part)),
                None => rest.push(part.predicate),
            }
        }
        answered.sort_by_key(|(estimate, _)| estimate.rows);
        let mut left = all;
        for (Estimate { rows, cost }, Part { predicate, search, exact }) in answered {
            let evaluated = if self.steps.is_empty() { all / SHARE_MAX } else { left * ROWS_PER_EVALUATION };
            let Some(search) = search.filter(|_| cost <= evaluated) else {
                rest.push(predicate);
                continue;
            };
            left = left.min(rows);
            let mut indexes = Vec::new();
            self.name_indexes(&search, &mut indexes);
            self.steps.push(Step { search, rows, indexes });
            if !exact {
                rest.push(predicate);
            }
        }
        if !rest.is_empty() {
            self.rest = Some(self.predicate.all_of(rest));
        }
        Ok(())
    }

    /// The rows of the filter.
    pub fn run(&self, progress: &Progress) -> Result<RoaringTreemap> {
        let mut found = Rows::AllBut(RoaringTreemap::new());
        for step in &self.steps {
            progress.check()?;
            found = found.and(self.search(&step.search)?);
        }
        let mut rows = match found {
            Rows::These(rows) => self.without_deleted(rows)?,
            Rows::AllBut(others) => &**self.snapshot.live_row_ids()? - others,
        };
        rows.remove_range(self.covered_end..);
        let version = self.snapshot.version();
        if let Some(rest) = &self.rest {
            rows = matching_among(version, &rows, rest, progress)?;
        }
        if self.covered_end < version.manifest().next_row_id {
            let mut newer = (**self.snapshot.live_row_ids()?).clone();
            newer.remove_range(..self.covered_end);
            rows |= Matcher::new(version, self.predicate)?.among(&newer, progress)?;
        }
        Ok(rows)
    }

    /// Takes away what an index still knows although it is gone.
    fn without_deleted(&self, rows: RoaringTreemap) -> Result<RoaringTreemap> {
        for Candidate { index, .. } in &self.indexes {
            if let Some(live) = self.snapshot.rows_left(index)? {
                return Ok(rows & &**live);
            }
        }
        Ok(rows)
    }

    /// The index to ask, among those that can answer the one that costs least.
    fn index_for(&self, lookup: &Lookup) -> Result<&Candidate> {
        let able = self.indexes.iter().filter(|index| index.answers(lookup));
        able.min_by_key(|index| index.kind == ScalarKind::BTree)
            .ok_or_else(|| Error::internal("a question that no index answers"))
    }

    fn name_indexes(&mut self, search: &Search, names: &mut Vec<String>) {
        match search {
            Search::Lookup(lookup) => {
                let Ok(found) = self.index_for(lookup) else { return };
                let entry = found.index.entry();
                let (name, end) = (format!("{} ({})", entry.name, entry.kind), entry.row_id_end);
                self.covered_end = self.covered_end.min(end);
                if !names.contains(&name) {
                    names.push(name);
                }
            }
            Search::All(searches) | Search::Any(searches) => {
                searches.iter().for_each(|search| self.name_indexes(search, names));
            }
            Search::Not(search) => self.name_indexes(search, names),
        }
    }

    fn estimate(&self, search: &Search) -> Result<Estimate> {
        let all = self.snapshot.version().row_count();
        let each = |searches: &[Search]| {
            searches.iter().map(|search| self.estimate(search)).collect::<Result<Vec<Estimate>>>()
        };
        let cost = |estimates: &[Estimate]| estimates.iter().map(|estimate| estimate.cost).sum();
        Ok(match search {
            Search::Lookup(lookup) => {
                let index = self.index_for(lookup)?;
                let values = match &lookup.test {
                    Test::OneOf(values) | Test::HasAny(values) | Test::HasAll(values) => values.len() as u64,
                    _ => 0,
                };
                let look_ups = values.saturating_sub(FREE_LOOK_UPS) * ROWS_PER_EVALUATION;
                if look_ups > all {
                    // Even to count would take longer than to evaluate.
                    return Ok(Estimate { rows: all, cost: look_ups });
                }
                let rows = index.count(lookup)?;
                let is_set = index.kind != ScalarKind::BTree || matches!(lookup.test, Test::IsNull);
                let read = rows / if is_set { SET_SPEED } else { 1 };
                Estimate { rows: rows.min(all), cost: look_ups + read }
            }
            Search::All(searches) => {
                let each = each(searches)?;
                let rows = each.iter().map(|estimate| estimate.rows).min().unwrap_or(all);
                Estimate { rows, cost: cost(&each) }
            }
            Search::Any(searches) => {
                let each = each(searches)?;
                let rows = each.iter().map(|estimate| estimate.rows).sum::<u64>().min(all);
                Estimate { rows, cost: cost(&each) }
            }
            Search::Not(search) => {
                let Estimate { rows, cost } = self.estimate(search)?;
                Estimate { rows: all - rows, cost }
            }
        })
    }

    fn search(&self, search: &Search) -> Result<Rows> {
        Ok(match search {
            Search::Lookup(lookup) => Rows::These(self.index_for(lookup)?.rows(lookup)?),
            Search::All(searches) => {
                let all = Rows::AllBut(RoaringTreemap::new());
                searches.iter().try_fold(all, |rows, other| Ok::<_, Error>(rows.and(self.search(other)?)))?
            }
            // That one has a row means that not all lack it.
            Search::Any(searches) => {
                let all = Rows::AllBut(RoaringTreemap::new());
                let none_of = searches
                    .iter()
                    .try_fold(all, |rows, other| Ok::<_, Error>(rows.and(self.search(other)?.not())))?;
                none_of.not()
            }
            Search::Not(search) => self.search(search)?.not(),
        })
    }
}

/// A set of rows, or what is missing from it.
enum Rows {
    These(RoaringTreemap),
    AllBut(RoaringTreemap),
}

impl Rows {
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::These(a), Self::These(b)) => Self::These(a & b),
            (Self::These(a), Self::AllBut(b)) | (Self::AllBut(b), Self::These(a)) => Self::These(a - b),
            (Self::AllBut(a), Self::AllBut(b)) => Self::AllBut(a | b),
        }
    }

    fn not(self) -> Self {
        match self {
            Self::These(rows) => Self::AllBut(rows),
            Self::AllBut(rows) => Self::These(rows),
        }
    }
}
