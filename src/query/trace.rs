//! What a query did, step by step, for `analyzePlan`.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A step of a query that has been run.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub name: &'static str,
    pub detail: String,
    /// Rows that came out of the step.
    pub rows: usize,
    pub took: Duration,
}

/// The steps of one run, in the order they ended.
#[derive(Debug, Default)]
pub(crate) struct Trace(Mutex<Vec<Step>>);

impl Trace {
    /// Records that a step which began at `started` has ended.
    pub fn step(&self, name: &'static str, detail: String, rows: usize, started: Instant) {
        let step = Step { name, detail, rows, took: started.elapsed() };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(step);
    }

    /// One line a step: `probe: rows=100 partitions_searched=20 rows_scanned=4711, 85 µs`.
    pub fn lines(&self) -> Vec<String> {
        let steps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        steps
            .iter()
            .map(|step| {
                let detail = if step.detail.is_empty() { String::new() } else { format!(" {}", step.detail) };
                format!("{}: output_rows={}{detail}, {} µs", step.name, step.rows, step.took.as_micros())
            })
            .collect()
    }
}
