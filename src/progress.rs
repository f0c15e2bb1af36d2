//! What long work reports to, and where it learns that it should stop.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};

/// A flag that stops the work it was given to. Clones share the flag.
#[derive(Debug, Clone, Default)]
pub struct CancelFlag(Arc<AtomicBool>);

impl CancelFlag {
    /// Asks the work to stop. It does so at its next check, within tens of milliseconds.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether [`CancelFlag::cancel`] was called.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

type Report = Box<dyn Fn(&'static str, u64, u64) + Send + Sync>;

/// Work may step thousands of times a second; nobody reads that many reports.
const REPORT_INTERVAL: Duration = Duration::from_millis(50);

/// The latest report.
struct Reported {
    stage: &'static str,
    done: u64,
    at: Instant,
}

/// Follows one piece of long work: receives how far it is, and stops it.
///
/// Work calls [`Progress::step`] at least every 50 ms or so, and passes errors up with `?`; whoever
/// started files removes them on the way out.
#[derive(Default)]
pub struct Progress {
    what: &'static str,
    report: Option<Report>,
    reported: Mutex<Option<Reported>>,
    cancel: CancelFlag,
    deadline: Option<(Instant, u64)>,
}

impl Progress {
    /// Nobody listens and nobody cancels.
    pub fn none() -> Self {
        Self::default()
    }

    /// Follows `what` (a noun phrase for the error message: `building index 'vector_idx'`).
    pub fn new(what: &'static str) -> Self {
        Self { what, ..Self::default() }
    }

    /// Calls `report(stage, done, total)` when a stage begins and ends, and in between some twenty times
    /// a second. Within a stage `done` only grows.
    pub fn on_report(mut self, report: impl Fn(&'static str, u64, u64) + Send + Sync + 'static) -> Self {
        self.report = Some(Box::new(report));
        self
    }

    /// Stops when `cancel` is set.
    pub fn cancelled_by(mut self, cancel: CancelFlag) -> Self {
        self.cancel = cancel;
        self
    }

    /// Stops with [`Error::Timeout`] once `timeout_ms` milliseconds have passed from now.
    pub fn within(mut self, timeout_ms: u64) -> Self {
        // A time too far away to be told is no limit.
        let deadline = Instant::now().checked_add(Duration::from_millis(timeout_ms));
        self.deadline = deadline.map(|deadline| (deadline, timeout_ms));
        self
    }

    /// Reports that `done` of `total` units of `stage` are finished, and checks whether to go on.
    pub fn step(&self, stage: &'static str, done: u64, total: u64) -> Result<()> {
        if let Some(report) = &self.report
            && self.is_worth_reporting(stage, done, total)
        {
            report(stage, done, total);
        }
        self.check()
    }

    fn is_worth_reporting(&self, stage: &'static str, done: u64, total: u64) -> bool {
        // Whoever finds it taken is one of several threads at the same step: the other one reports.
        let Ok(mut reported) = self.reported.try_lock() else { return false };
        let now = Instant::now();
        let news = match &*reported {
            Some(last) if last.stage == stage => {
                done > last.done && (done == total || now - last.at >= REPORT_INTERVAL)
            }
            _ => true,
        };
        if news {
            *reported = Some(Reported { stage, done, at: now });
        }
        news
    }

    /// An error if the work should stop.
    pub fn check(&self) -> Result<()> {
        if self.cancel.is_cancelled() {
            return Err(Error::Cancelled { what: self.what.to_owned() });
        }
        match self.deadline {
            Some((deadline, timeout_ms)) if Instant::now() >= deadline => Err(Error::Timeout { timeout_ms }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cancelled_step_is_an_error() {
        let cancel = CancelFlag::default();
        let progress = Progress::new("a test").cancelled_by(cancel.clone());
        assert!(progress.step("stage", 1, 2).is_ok());

        cancel.cancel();

        assert_eq!(progress.step("stage", 2, 2).unwrap_err().code(), "CANCELLED");
    }

    #[test]
    fn each_stage_is_reported_at_its_beginning_and_end_and_not_at_every_step() {
        let reports = Arc::new(Mutex::new(Vec::new()));
        let seen = reports.clone();
        let progress = Progress::new("a test").on_report(move |stage, done, _| {
            seen.lock().unwrap().push((stage, done));
        });

        for stage in ["first", "second"] {
            (0..=100).for_each(|done| progress.step(stage, done, 100).unwrap());
        }

        let reports = reports.lock().unwrap();
        assert_eq!(reports.first(), Some(&("first", 0)));
        assert!(reports.contains(&("first", 100)) && reports.contains(&("second", 0)));
        assert_eq!(reports.last(), Some(&("second", 100)));
        assert!(reports.len() < 100);
    }

    #[test]
    fn a_passed_deadline_is_a_timeout() {
        assert_eq!(Progress::none().within(0).check().unwrap_err().code(), "TIMEOUT");
    }
}
