//! How far training is, in row-centroid pairs, told to whoever may want to stop it.

use crate::error::Result;

/// Counts work and passes it on.
pub(super) struct Meter<'a> {
    report: &'a mut dyn FnMut(u64, u64) -> Result<()>,
    done: u64,
    total: u64,
}

impl<'a> Meter<'a> {
    pub(super) fn new(report: &'a mut dyn FnMut(u64, u64) -> Result<()>) -> Self {
        Self { report, done: 0, total: 0 }
    }

    /// Adds `work` to what has to be done.
    pub(super) fn expect(&mut self, work: u64) {
        self.total += work;
    }

    /// Reports that `work` more is done, or (at 0) only asks whether to go on.
    pub(super) fn advance(&mut self, work: u64) -> Result<()> {
        self.done = (self.done + work).min(self.total);
        (self.report)(self.done, self.total)
    }

    /// Work done so far.
    pub(super) fn done(&self) -> u64 {
        self.done
    }

    /// Reports that everything up to `done` is finished or will not be needed.
    pub(super) fn advance_to(&mut self, done: u64) -> Result<()> {
        self.advance(done.saturating_sub(self.done))
    }
}
