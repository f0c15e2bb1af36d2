//! Exact search: the distance of every row, or of every row of a set.
//!
//! The answer that indexes are measured against, and the one for rows that no index covers. Vectors are read once
//! for all queries of a batch: a few rows are compared with each of them while they are in a cache.

use std::ops::Range as Interval;
use std::slice;

use rayon::prelude::*;
use roaring::RoaringTreemap;

use super::{Candidate, Range, TopK, VectorChunk, VectorColumn};
use crate::distance::{Query, prefetch};
use crate::error::Result;
use crate::progress::Progress;

/// Rows whose distances are computed before they are looked at: few enough to stay in the first cache.
const BATCH_ROWS: usize = 256;

/// Rows that several queries are compared with, one after the other, have at most so many bytes: they stay in the
/// second cache, and leave room for the queries.
const SHARED_BYTES: usize = 128 << 10;

/// Bytes of vectors that a task of a search on several threads compares, times queries.
const TASK_BYTES: usize = 4 << 20;

/// A row set smaller than one row in so many is visited row by row.
const SPARSE: u64 = 4;

/// What every task of a search looks for.
#[derive(Clone, Copy)]
struct Search<'a> {
    queries: &'a [Query],
    /// Rows whose distances are computed before they are looked at.
    batch_rows: usize,
    range: Range,
    rows: Option<&'a RoaringTreemap>,
    progress: &'a Progress,
}

/// The `k` rows nearest to `query`: see [`search_all`].
pub fn search(
    column: &VectorColumn,
    query: &Query,
    k: usize,
    range: Range,
    row_ids: Interval<u64>,
    rows: Option<&RoaringTreemap>,
    progress: &Progress,
) -> Result<Vec<Candidate>> {
    let found = search_all(column, slice::from_ref(query), k, range, row_ids, rows, progress)?;
    Ok(found.into_iter().next().unwrap_or_default())
}

/// The `k` rows nearest to each query, nearest first, with their exact distances.
///
/// Only rows with ids in `row_ids`, in `rows` (if given), and with a distance in `range` count.
/// Large columns are searched on several threads of the current rayon pool.
///
/// # Errors
/// If `progress` says to stop.
pub fn search_all(
    column: &VectorColumn,
    queries: &[Query],
    k: usize,
    range: Range,
    row_ids: Interval<u64>,
    rows: Option<&RoaringTreemap>,
    progress: &Progress,
) -> Result<Vec<Vec<Candidate>>> {
    progress.check()?;
    if k == 0 || queries.iter().any(|query| query.dim() != column.dim()) {
        return Ok(vec![Vec::new(); queries.len()]);
    }
    let row_bytes = column.dim() * column.element().bytes();
    let batch_rows = match queries {
        [_] => BATCH_ROWS,
        _ => (SHARED_BYTES / row_bytes).clamp(1, BATCH_ROWS),
    };
    let search = Search { queries, batch_rows, range, rows, progress };
    let task_rows = TASK_BYTES / row_bytes / queries.len().max(1);
    let tasks = tasks(column, row_ids, task_rows.max(BATCH_ROWS));
    let tops = || vec![TopK::new(k); queries.len()];
    let found = if tasks.len() < 2 {
        let mut found = tops();
        for (chunk, rows) in tasks {
            search.task(chunk, rows, &mut found)?;
        }
        found
    } else {
        let merge = |left: Vec<TopK>, right| left.into_iter().zip(right).map(|(a, b)| a.merge(b)).collect();
        tasks
            .into_par_iter()
            .try_fold(tops, |mut tops, (chunk, rows)| search.task(chunk, rows, &mut tops).map(|()| tops))
            .try_reduce(tops, |left, right: Vec<TopK>| Ok(merge(left, right)))?
    };
    Ok(found.into_iter().map(TopK::into_sorted).collect())
}

/// The rows with ids in `row_ids`, in pieces of at most `task_rows` rows.
fn tasks(
    column: &VectorColumn,
    row_ids: Interval<u64>,
    task_rows: usize,
) -> Vec<(&VectorChunk, Interval<usize>)> {
    let mut tasks = Vec::new();
    for chunk in column.chunks() {
        let rows = chunk.rows_in(&row_ids);
        let starts = rows.clone().step_by(task_rows);
        tasks.extend(starts.map(|start| (chunk, start..(start + task_rows).min(rows.end))));
    }
    tasks
}

impl Search<'_> {
    /// Searches some rows of a chunk: all of them, or those of a sparse row set.
    fn task(&self, chunk: &VectorChunk, rows: Interval<usize>, tops: &mut [TopK]) -> Result<()> {
        let Some(set) = self.rows else { return self.stretch(chunk, rows, tops) };
        let Some(last) = rows.end.checked_sub(1).filter(|&last| last >= rows.start) else { return Ok(()) };
        let ids = chunk.row_id(rows.start)..chunk.row_id(last) + 1;
        let members = set.range_cardinality(ids.clone());
        if members == 0 {
            return Ok(());
        }
        if members > rows.len() as u64 / SPARSE {
            return self.stretch(chunk, rows, tops);
        }
        let mut members = set.iter();
        members.advance_to(ids.start);
        let members = members.take_while(|id| ids.contains(id));
        let mut places = members.filter_map(|id| Some(chunk.row_ids().place(id)? as usize));
        let mut some = Vec::with_capacity(BATCH_ROWS);
        loop {
            some.clear();
            some.extend(places.by_ref().take(BATCH_ROWS));
            if some.is_empty() {
                return Ok(());
            }
            self.progress.check()?;
            self.scattered(chunk, &some, tops);
        }
    }

    /// Computes the distances of rows of the set that lie apart, and keeps those that match.
    fn scattered(&self, chunk: &VectorChunk, rows: &[usize], tops: &mut [TopK]) {
        let (vectors, dim) = (chunk.vectors(), self.queries[0].dim());
        let bytes = |row: usize| vectors.slice(row..row + 1, dim).bytes();
        let start = |row: usize| prefetch::start(bytes(row));
        let ahead = rows.first().map_or(1, |&row| prefetch::rows_ahead(bytes(row).len()));
        rows.iter().take(ahead).for_each(|&row| start(row));
        for (i, &row) in rows.iter().enumerate() {
            if let Some(&later) = rows.get(i + ahead) {
                start(later);
            }
            if chunk.is_null(row) {
                continue;
            }
            let vector = vectors.slice(row..row + 1, dim);
            for (query, top) in self.queries.iter().zip(&mut *tops) {
                let mut distance = [0.0];
                query.distances(vector, &mut distance);
                let [distance] = distance;
                if distance <= top.threshold() && self.range.contains(distance) {
                    top.push(Candidate { distance, row_id: chunk.row_id(row) });
                }
            }
        }
    }

    /// Computes the distances of neighbouring rows and keeps those that match.
    fn stretch(&self, chunk: &VectorChunk, rows: Interval<usize>, tops: &mut [TopK]) -> Result<()> {
        let mut distances = [0.0f32; BATCH_ROWS];
        for start in rows.clone().step_by(self.batch_rows) {
            self.progress.check()?;
            let end = (start + self.batch_rows).min(rows.end);
            let distances = &mut distances[..end - start];
            for (query, top) in self.queries.iter().zip(&mut *tops) {
                query.distances(chunk.vectors().slice(start..end, query.dim()), distances);
                for (row, &distance) in (start..end).zip(&*distances) {
                    if distance <= top.threshold() && self.matches(chunk, row, distance) {
                        top.push(Candidate { distance, row_id: chunk.row_id(row) });
                    }
                }
            }
        }
        Ok(())
    }

    fn matches(&self, chunk: &VectorChunk, row: usize, distance: f32) -> bool {
        self.range.contains(distance)
            && !chunk.is_null(row)
            && self.rows.is_none_or(|rows| rows.contains(chunk.row_id(row)))
    }
}
