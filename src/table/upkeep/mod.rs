//! Upkeep by itself: what a table that is written to needs, done in the background without being asked.
//!
//! - `charge` is a table in the care of this process, for as long as a handle to it is open. Handles tell it of their
//!   writes, which costs them a look at the new version's list of segments.
//! - `due` says what there is to do: much at once while a table is written to, the rest when it is left alone.
//!   `versions` remembers what that is of old versions.
//! - `worker` is one thread for all tables of the process, which gives way to all others.
//! - `lock` keeps several processes from doing the same work.
//!
//! It does nothing that [`Table::optimize`] does not do too, as writers among others: nobody waits for it, and what it
//! does to rows that somebody replaced meanwhile is dropped. What goes wrong is told by [`Table::upkeep_status`], to
//! nobody else, and tried again later.

mod charge;
mod due;
mod lock;
mod versions;
mod worker;

use std::time::Duration;

use crate::storage::Manifest;
use crate::table::Table;

pub(super) use charge::{Keeper, Paused};

/// How upkeep is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpkeepStatus {
    /// What it is at.
    pub state: UpkeepState,
    /// How many things it has done, such as joining some files or adding rows to an index.
    pub done: u64,
    /// What went wrong last, if nothing went well since. It is tried again later.
    pub last_error: Option<String>,
}

/// What upkeep of a table is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpkeepState {
    /// The table was opened without upkeep, or is closed.
    Off,
    /// This process did not write since everything was done.
    Idle,
    /// It has not looked since the last write, or waits for another process that does the same.
    Waiting,
    /// It is at work.
    Running,
}

impl Table {
    /// How upkeep of this table is doing in this process.
    pub fn upkeep_status(&self) -> UpkeepStatus {
        let off = UpkeepStatus { state: UpkeepState::Off, done: 0, last_error: None };
        self.handle.keeper.as_ref().and_then(Keeper::status).unwrap_or(off)
    }

    /// Ends this handle's part in the upkeep of the table. If it was the last open handle, what is being done is
    /// stopped, within tens of milliseconds, and this waits for it: afterwards this process does not touch the table's
    /// files. Closing the handle, or dropping it, ends upkeep too, but does not wait.
    pub fn end_upkeep(&self) {
        if let Some(keeper) = &self.handle.keeper {
            keeper.leave();
            keeper.wait(None);
        }
    }

    /// Tells upkeep what this handle wrote.
    pub(super) fn wrote(&self, manifest: &Manifest) {
        if let Some(keeper) = &self.handle.keeper {
            keeper.wrote(manifest);
        }
    }

    /// Keeps upkeep of this process away from the table for a while.
    pub(super) fn pause_upkeep(&self) -> Option<Paused<'_>> {
        self.handle.keeper.as_ref().map(Keeper::pause)
    }
}

/// Stops the upkeep of all tables for good, because the process is about to end, and waits for it up to `patience`.
pub fn shut_down(patience: Duration) {
    charge::shut_down(patience);
}
