//! How much work to hand to a GPU at once.
//!
//! Too little leaves it idle between two submissions; too much cannot be cancelled in time, and some drivers
//! reset a GPU that is busy for seconds. How fast it is shows only in use.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long one submission should take.
const TARGET: Duration = Duration::from_millis(20);

/// Operations of the first submission: short on the slowest GPU.
const FIRST: f64 = 2e8;

/// How much a single observation may change the next submission.
const STEP: f64 = 4.0;

/// The smallest submission.
const LEAST: f64 = 1e6;

/// The number of operations that take about [`TARGET`], as far as is known.
pub(super) struct Pace(Mutex<State>);

struct State {
    budget: f64,
    /// All operations so far, and how long they took.
    operations: f64,
    busy: Duration,
    /// Whether tests want the budget to stay as it is.
    is_fixed: bool,
    /// When the last submission ended: one that was submitted before that has waited for it.
    ended: Option<Instant>,
}

impl Default for Pace {
    fn default() -> Self {
        Self(Mutex::new(State {
            budget: FIRST,
            operations: 0.0,
            busy: Duration::ZERO,
            is_fixed: false,
            ended: None,
        }))
    }
}

impl Pace {
    pub(super) fn budget(&self) -> f64 {
        self.state().budget
    }

    /// Learns from a submission of so many operations that has just ended.
    pub(super) fn observe(&self, operations: f64, submitted: Instant, ended: Instant) {
        let mut state = self.state();
        let began = state.ended.replace(ended).map_or(submitted, |before| before.max(submitted));
        let took = ended.saturating_duration_since(began);
        state.operations += operations;
        state.busy += took;
        if state.is_fixed {
            return;
        }
        // Small submissions take their fixed costs, which say nothing about larger ones.
        if operations * STEP < state.budget && took < TARGET {
            return;
        }
        let wanted = operations * TARGET.as_secs_f64() / took.as_secs_f64().max(1e-6);
        state.budget = wanted.clamp(state.budget / STEP, state.budget * STEP).max(LEAST);
    }

    /// All operations so far, and how long they took.
    pub(super) fn total(&self) -> (f64, Duration) {
        let state = self.state();
        (state.operations, state.busy)
    }

    /// Keeps the budget at so many operations.
    #[cfg(test)]
    pub(super) fn fix(&self, budget: f64) {
        let mut state = self.state();
        (state.budget, state.is_fixed) = (budget, true);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Observes submissions of a device of that speed, and says how long the next would take.
    fn settle(pace: &Pace, speed: f64, now: &mut Instant) -> f64 {
        for _ in 0..20 {
            let (submitted, operations) = (*now, pace.budget());
            *now += Duration::from_secs_f64(operations / speed);
            pace.observe(operations, submitted, *now);
        }
        pace.budget() / speed
    }

    #[test]
    fn submissions_grow_until_they_take_their_time_and_shrink_when_they_take_longer() {
        let (pace, mut now) = (Pace::default(), Instant::now());

        for speed in [40e12, 10e9] {
            assert!((settle(&pace, speed, &mut now) - TARGET.as_secs_f64()).abs() < 1e-3);
        }
    }

    #[test]
    fn a_small_submission_does_not_change_the_next() {
        let (pace, mut now) = (Pace::default(), Instant::now());
        settle(&pace, 40e12, &mut now);
        let before = pace.budget();

        pace.observe(before / 1e6, now, now + Duration::from_micros(100));

        assert_eq!(pace.budget(), before);
    }
}
