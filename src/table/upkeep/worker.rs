//! The thread that looks after all tables of the process.

use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Instant;

use rayon::ThreadPool;

use super::charge::Charge;
use crate::index::build_threads;

/// When to look at which table.
struct Agenda {
    /// In no order: they are few.
    visits: Mutex<Vec<Visit>>,
    changed: Condvar,
}

struct Visit {
    at: Instant,
    charge: Weak<Charge>,
}

static AGENDA: Agenda = Agenda { visits: Mutex::new(Vec::new()), changed: Condvar::new() };

/// Has the thread look at a table then, or as soon as it has time. Starts the thread, the first time.
pub(super) fn visit(at: Instant, charge: Weak<Charge>) {
    static THREAD: OnceLock<Option<ThreadPool>> = OnceLock::new();
    let mut visits = AGENDA.visits();
    visits.retain(|visit| visit.charge.strong_count() > 0);
    visits.push(Visit { at, charge });
    drop(visits);
    AGENDA.changed.notify_one();
    THREAD.get_or_init(|| {
        // A pool of one, so that what runs on it computes on this thread alone. Without a thread there is no upkeep.
        let pool = build_threads(1).ok()?;
        pool.spawn(work);
        Some(pool)
    });
}

fn work() {
    loop {
        let charge = AGENDA.next();
        if let Some(charge) = charge.upgrade() {
            charge.look_after();
        }
    }
}

impl Agenda {
    /// Waits for the next table.
    fn next(&self) -> Weak<Charge> {
        let mut visits = self.visits();
        loop {
            let first = visits.iter().enumerate().min_by_key(|(_, visit)| visit.at);
            let first =
                first.map(|(place, visit)| (place, visit.at.saturating_duration_since(Instant::now())));
            visits = match first {
                Some((place, wait)) if wait.is_zero() => return visits.swap_remove(place).charge,
                Some((_, wait)) => {
                    self.changed.wait_timeout(visits, wait).unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.changed.wait(visits).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    fn visits(&self) -> MutexGuard<'_, Vec<Visit>> {
        self.visits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
