//! A table in the care of this process.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::due::{self, Task};
use super::lock::Lock;
use super::versions::Memory;
use super::worker;
use super::{UpkeepState, UpkeepStatus};
use crate::error::{Error, Result};
use crate::progress::{CancelFlag, Progress};
use crate::storage::Manifest;
use crate::table::{Retention, Table, TableOptions};

/// A table that nobody has written to for so long is at rest.
const REST: Duration = if cfg!(test) { Duration::from_millis(50) } else { Duration::from_secs(2) };

/// How long to leave a table alone after a failure; twice as long after each further one.
const RETRY: Duration = Duration::from_secs(30);
const RETRY_DOUBLINGS: u32 = 7;

/// A handle's part in the upkeep of its table.
pub(in crate::table) struct Keeper {
    charge: Arc<Charge>,
    has_left: AtomicBool,
}

/// A table that some handles of this process care for.
pub(super) struct Charge {
    connection: PathBuf,
    name: String,
    options: TableOptions,
    state: Mutex<State>,
    turn_ended: Condvar,
}

struct State {
    /// Open handles. None is left: nothing begins any more.
    handles: usize,
    /// How many want to be left alone.
    pauses: usize,
    /// While the thread is at work here: what stops it.
    turn: Option<CancelFlag>,
    /// When it comes next.
    visit: Option<Instant>,
    /// Until then it does not come, because something went wrong.
    not_before: Option<Instant>,
    last_write: Instant,
    /// How many writes there were.
    writes: u64,
    /// Whether all was done since the last of them.
    settled: bool,
    failures: u32,
    last_error: Option<String>,
    done: u64,
    memory: Memory,
}

/// How a turn ended.
enum Turn {
    /// All is done. After so long there may be something again, although nobody writes.
    Settled(Option<Duration>),
    /// The rest is for when the table is at rest.
    Busy,
    /// Somebody else is at the same.
    Elsewhere,
}

/// A table of one folder is looked after once for each way in which its versions are kept.
type Charges = HashMap<(PathBuf, Retention), Weak<Charge>>;

fn charges() -> MutexGuard<'static, Charges> {
    static CHARGES: LazyLock<Mutex<Charges>> = LazyLock::new(Mutex::default);
    CHARGES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// See [`super::shut_down`].
pub(super) fn shut_down(patience: Duration) {
    let all: Vec<Arc<Charge>> = charges().values().filter_map(Weak::upgrade).collect();
    let until = Instant::now() + patience;
    all.iter().for_each(|charge| charge.lock().close());
    all.iter().for_each(|charge| drop(charge.wait(Some(until))));
}

impl Keeper {
    /// Takes part in the upkeep of the table `name` in `connection`, whose folder is `folder`. Nothing happens before
    /// it is written to.
    pub fn enter(connection: &Path, name: &str, folder: &Path, options: &TableOptions) -> Self {
        let mut charges = charges();
        charges.retain(|_, charge| charge.strong_count() > 0);
        let key = (folder.to_owned(), options.retention);
        let known = charges.get(&key).and_then(Weak::upgrade).filter(|charge| charge.lock().join());
        let charge = known.unwrap_or_else(|| {
            let charge = Arc::new(Charge::new(connection, name, options));
            charges.insert(key, Arc::downgrade(&charge));
            charge
        });
        Self { charge, has_left: AtomicBool::new(false) }
    }

    /// Notes that the handle wrote a version.
    pub fn wrote(&self, manifest: &Manifest) {
        let now = Instant::now();
        let mut state = self.charge.lock();
        (state.last_write, state.settled, state.writes) = (now, false, state.writes + 1);
        let at = if due::is_urgent(manifest, &state.memory) { now } else { now + REST };
        self.charge.schedule(&mut state, at);
    }

    /// Ends the handle's part. The last one that goes stops what is being done.
    pub fn leave(&self) {
        if !self.has_left.swap(true, Ordering::Relaxed) {
            let mut state = self.charge.lock();
            state.handles = state.handles.saturating_sub(1);
            if state.handles == 0 {
                state.close();
            }
        }
    }

    /// Waits until nothing is being done any more, unless other handles want it.
    pub fn wait(&self, until: Option<Instant>) {
        if self.charge.lock().handles == 0 {
            drop(self.charge.wait(until));
        }
    }

    /// Stops what is being done, and keeps it from beginning again until the guard is dropped.
    pub fn pause(&self) -> Paused<'_> {
        let mut state = self.charge.lock();
        state.pauses += 1;
        state.cancel();
        drop(state);
        drop(self.charge.wait(None));
        Paused(&self.charge)
    }

    /// `None` once the handle has left.
    pub fn status(&self) -> Option<UpkeepStatus> {
        let state = self.charge.lock();
        let at = match &state.turn {
            _ if self.has_left.load(Ordering::Relaxed) => return None,
            Some(_) => UpkeepState::Running,
            None if state.settled => UpkeepState::Idle,
            None => UpkeepState::Waiting,
        };
        Some(UpkeepStatus { state: at, done: state.done, last_error: state.last_error.clone() })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.leave();
    }
}

/// While it is there, upkeep leaves a table alone.
pub(in crate::table) struct Paused<'a>(&'a Arc<Charge>);

impl Drop for Paused<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.pauses -= 1;
        if !state.settled {
            self.0.schedule(&mut state, Instant::now() + REST);
        }
    }
}

impl Charge {
    fn new(connection: &Path, name: &str, options: &TableOptions) -> Self {
        // It reads what is newest, and looks after nothing itself.
        let options =
            TableOptions { read_consistency_interval: Duration::ZERO, upkeep: false, ..options.clone() };
        let state = State {
            handles: 1,
            pauses: 0,
            turn: None,
            visit: None,
            not_before: None,
            last_write: Instant::now(),
            writes: 0,
            settled: true,
            failures: 0,
            last_error: None,
            done: 0,
            memory: Memory::new(options.retention),
        };
        Self {
            connection: connection.to_owned(),
            name: name.to_owned(),
            options,
            state: Mutex::new(state),
            turn_ended: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the end of the turn that is going on.
    fn wait(&self, until: Option<Instant>) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        while state.turn.is_some() {
            let rest = until.map(|until| until.saturating_duration_since(Instant::now()));
            state = match rest {
                Some(Duration::ZERO) => return state,
                Some(rest) => {
                    self.turn_ended.wait_timeout(state, rest).unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.turn_ended.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
        state
    }

    /// Has the thread come at that time, if it would not come before.
    fn schedule(self: &Arc<Self>, state: &mut State, at: Instant) {
        let at = state.not_before.map_or(at, |not_before| not_before.max(at));
        if state.handles > 0 && state.visit.is_none_or(|visit| visit > at) {
            state.visit = Some(at);
            worker::visit(at, Arc::downgrade(self));
        }
    }

    /// What the thread does when it comes.
    pub fn look_after(self: &Arc<Self>) {
        let Some((cancel, resting, writes)) = self.begin() else { return };
        let turn = || self.turn(&Progress::new("upkeep").cancelled_by(cancel), resting);
        let outcome = catch_unwind(AssertUnwindSafe(turn))
            .unwrap_or_else(|_| Err(Error::internal("upkeep of the table panicked")));
        let mut state = self.lock();
        state.turn = None;
        let again = match outcome {
            Ok(turn) => {
                (state.failures, state.last_error, state.not_before) = (0, None, None);
                match turn {
                    Turn::Settled(again) => {
                        state.settled = state.writes == writes;
                        again
                    }
                    Turn::Busy => Some(REST.saturating_sub(state.last_write.elapsed())),
                    Turn::Elsewhere => {
                        state.not_before = Some(Instant::now() + REST);
                        Some(REST)
                    }
                }
            }
            // Closed, or paused: who goes on later says so.
            Err(Error::Cancelled { .. }) => None,
            Err(Error::TableNotFound { .. } | Error::Closed { .. }) => {
                state.settled = true;
                None
            }
            Err(error) => Some(state.failed(&error)),
        };
        if let Some(again) = again {
            self.schedule(&mut state, Instant::now() + again);
        }
        drop(state);
        self.turn_ended.notify_all();
    }

    /// Begins a turn: what stops it, whether the table is at rest, and how many writes there were before.
    fn begin(&self) -> Option<(CancelFlag, bool, u64)> {
        let mut state = self.lock();
        let now = Instant::now();
        // Other visits than the next one were planned before it.
        if state.handles == 0 || state.visit.is_none_or(|visit| visit > now) {
            return None;
        }
        state.visit = None;
        if state.pauses > 0 {
            return None;
        }
        let cancel = CancelFlag::default();
        state.turn = Some(cancel.clone());
        Some((cancel, now - state.last_write >= REST, state.writes))
    }

    /// Does what is due.
    fn turn(&self, progress: &Progress, resting: bool) -> Result<Turn> {
        let table = Table::open(&self.connection, &self.name, self.options.clone())?;
        let mut memory = self.lock().memory.clone();
        if !memory.is_known {
            memory.look(&table)?;
            self.lock().memory = memory.clone();
        }
        let mut lock = None;
        loop {
            progress.check()?;
            let snapshot = table.snapshot()?;
            let Some(task) = due::next(snapshot.version(), &memory, resting)? else { break };
            if lock.is_none() {
                lock = Lock::take(table.path())?;
                match lock {
                    // It may have been done while somebody else had the lock.
                    Some(_) => continue,
                    None => return Ok(Turn::Elsewhere),
                }
            }
            let is_done = table.look_after(&snapshot, &task, &mut memory, progress)?;
            let mut state = self.lock();
            state.done += u64::from(is_done);
            state.memory = memory.clone();
            drop(state);
            if !is_done && !matches!(task, Task::CleanUp) {
                return Ok(Turn::Elsewhere);
            }
        }
        Ok(if resting { Turn::Settled(memory.next_cleanup(table.version()?)) } else { Turn::Busy })
    }
}

impl State {
    /// Counts another handle, unless the last one is gone.
    fn join(&mut self) -> bool {
        let is_open = self.handles > 0;
        self.handles += usize::from(is_open);
        is_open
    }

    fn close(&mut self) {
        self.handles = 0;
        self.cancel();
    }

    fn cancel(&self) {
        if let Some(turn) = &self.turn {
            turn.cancel();
        }
    }

    /// Notes a failure; how long to leave the table alone for it.
    fn failed(&mut self, error: &Error) -> Duration {
        let again = RETRY * (1 << self.failures.min(RETRY_DOUBLINGS));
        self.failures += 1;
        self.last_error = Some(error.to_string());
        self.not_before = Some(Instant::now() + again);
        again
    }
}
