//! What is told about a build: how long its stages took, how its rows spread, and at most one advice.

use std::time::Instant;

use serde_json::{Map, Value, json};

use crate::gpu::{Session, Variant};

/// Takes the time of stages that follow each other.
pub(crate) struct Stopwatch {
    last: Instant,
    seconds: Map<String, Value>,
}

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self { last: Instant::now(), seconds: Map::new() }
    }

    /// Ends a stage; the next begins.
    pub(crate) fn lap(&mut self, stage: &str) {
        let now = Instant::now();
        let seconds = (now - self.last).as_secs_f64();
        self.seconds.insert(stage.to_owned(), json!((seconds * 1e3).round() / 1e3));
        self.last = now;
    }
}

/// The details of a finished build: settings, seconds a stage, rows used and left out, sizes of partitions, and
/// what was measured when it was done.
pub(crate) fn report(
    settings: Value,
    stopwatch: Stopwatch,
    session: &Session,
    rows_total: u64,
    sample_rows: usize,
    partition_rows: &[u64],
    calibration: Value,
) -> Value {
    let rows: u64 = partition_rows.iter().sum();
    let empty = partition_rows.iter().filter(|&&rows| rows == 0).count();
    json!({
        "settings": settings,
        "device": session.device(),
        "deviceVariant": session.variant().map(Variant::name),
        "deviceFailure": session.failure(),
        "threads": rayon::current_num_threads(),
        "seconds": stopwatch.seconds,
        "sampleRows": sample_rows,
        "indexedRows": rows,
        "skippedRows": rows_total - rows,
        "partitions": {
            "empty": empty,
            "smallest": partition_rows.iter().min(),
            "largest": partition_rows.iter().max(),
        },
        "calibration": calibration,
        "warning": advice(partition_rows.len(), empty),
    })
}

/// The one thing that someone who built this index may want to change.
fn advice(partitions: usize, empty: usize) -> Option<String> {
    (empty * 10 > partitions).then(|| {
        let used = partitions - empty;
        format!(
            "{empty} of {partitions} partitions are empty because many rows are alike; \
             numPartitions: {used} would do"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_empty_partitions_are_worth_a_word() {
        let warning = |rows: &[u64]| {
            report(Value::Null, Stopwatch::start(), &Session::cpu(), 10, 1, rows, Value::Null)["warning"]
                .as_str()
                .map(str::to_owned)
        };

        assert_eq!(
            warning(&[10, 0, 0]).unwrap(),
            "2 of 3 partitions are empty because many rows are alike; numPartitions: 1 would do"
        );
        assert_eq!(warning(&[1; 10]), None);
    }
}
