//! What long work reports to, and where it learns that it should stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
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

/// Follows one piece of long work: receives how far it is, and stops it.
///
/// Work calls [`Progress::step`] at least every 50 ms or so, and passes errors up with `?`; whoever
/// started files removes them on the way out.
#[derive(Default)]
pub struct Progress {
    what: &'static str,
    report: Option<Report>,
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

    /// Calls `report(stage, done, total)` at every step.
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
        self.deadline = Some((Instant::now() + Duration::from_millis(timeout_ms), timeout_ms));
        self
    }

    /// Reports that `done` of `total` units of `stage` are finished, and checks whether to go on.
    pub fn step(&self, stage: &'static str, done: u64, total: u64) -> Result<()> {
        if let Some(report) = &self.report {
            report(stage, done, total);
        }
        self.check()
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
    fn a_passed_deadline_is_a_timeout() {
        assert_eq!(Progress::none().within(0).check().unwrap_err().code(), "TIMEOUT");
    }
}
