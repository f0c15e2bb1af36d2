//! From a request to ranked rows.
//!
//! A [`Request`] says what is wanted, a [`Plan`] binds it to a [`Snapshot`] and runs it. Which rows are
//! near is the business of the rooms below; this one decides whom to ask, and reads the rows that are
//! returned, and only those.

mod access;
mod ask;
mod exclusion;
mod explain;
mod gather;
mod indexed;
mod matching;
mod nearest;
mod order;
mod plan;
mod projection;
mod request;
mod row_set;
mod row_sets;
mod scan;
mod snapshot;
mod strategy;
mod target;
mod trace;

pub use matching::Matcher;
pub(crate) use matching::{places_of, true_rows};
pub use plan::{Plan, Stream};
pub use projection::{DISTANCE, QUERY_INDEX, ROW_ID};
pub use request::{
    DEFAULT_LIMIT, DEFAULT_PROBES, DEFAULT_TARGET_RECALL, Nearest, OrderBy, Request, Rows, Select,
};
pub use row_set::RowSet;
pub use snapshot::{OpenIndex, Snapshot};
pub(crate) use target::column_name;

use std::sync::Arc;

use crate::error::Result;
use crate::filter::{Filter, Predicate};
use crate::progress::Progress;
use indexed::IndexedFilter;

/// How many rows of `snapshot` satisfy `filter`; without one, how many there are.
pub fn count_rows(snapshot: &Snapshot, filter: Option<&Filter>, progress: &Progress) -> Result<u64> {
    let version = snapshot.version();
    let Some(filter) = filter else { return Ok(version.row_count()) };
    let predicate = Arc::new(Predicate::of(filter, version.schema())?);
    match known_rows(snapshot, filter, &predicate, progress)? {
        Some(rows) => Ok(rows.len()),
        None => Matcher::new(version, &predicate)?.count(progress),
    }
}

/// The rows of `snapshot` that satisfy `filter`, of which `predicate` was made, if they are known already or if
/// indexes find them with less work than reading the columns takes.
///
/// # Errors
/// Those of reading an index, and of evaluating what it does not answer.
pub fn known_rows(
    snapshot: &Snapshot,
    filter: &Filter,
    predicate: &Arc<Predicate>,
    progress: &Progress,
) -> Result<Option<Arc<RowSet>>> {
    if let Some(rows) = snapshot.row_sets().get(filter) {
        return Ok(Some(rows));
    }
    let indexed = IndexedFilter::new(snapshot, predicate)?;
    indexed.map(|indexed| Ok(Arc::new(indexed.run(progress)?.into()))).transpose()
}
