//! Making a version: change the newest one, publish, and begin again if another writer was faster.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use crate::error::Result;
use crate::query::Snapshot;
use crate::storage::{Manifest, NewFiles};
use crate::table::Table;

/// Writers of one process wait for each other instead of losing races to each other.
pub(super) type Queue = Arc<Mutex<()>>;

/// The queue of all handles to the table in `folder`.
pub(super) fn queue_of(folder: &Path) -> Queue {
    static QUEUES: LazyLock<Mutex<HashMap<PathBuf, Weak<Mutex<()>>>>> = LazyLock::new(Mutex::default);
    let mut queues = QUEUES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(queue) = queues.get(folder).and_then(Weak::upgrade) {
        return queue;
    }
    queues.retain(|_, queue| queue.strong_count() > 0);
    let queue = Queue::default();
    queues.insert(folder.to_owned(), Arc::downgrade(&queue));
    queue
}

/// A version that a writer made, or found to need no change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Committed {
    pub version: u64,
    /// How many times the change was made until it could be published.
    pub attempts: u32,
}

impl Table {
    /// Publishes the version that `change` makes of the newest one, and returns its number. Files
    /// that it names must be durable already.
    ///
    /// `change` runs again, on a newer manifest, whenever another writer was faster; it returns an
    /// error if what it wants no longer applies.
    ///
    /// # Errors
    /// Those of `change` and of [`Table::current`], and I/O errors.
    pub fn commit(&self, change: impl Fn(&Manifest) -> Result<Manifest>) -> Result<u64> {
        self.commit_files(NewFiles::default(), change)
    }

    /// As [`Table::commit`], for a version that names `new_files`: they stay if it is published,
    /// and are removed if not.
    pub fn commit_files(
        &self,
        new_files: NewFiles,
        change: impl Fn(&Manifest) -> Result<Manifest>,
    ) -> Result<u64> {
        let change = |base: &Arc<Snapshot>, _: &mut NewFiles| change(base.version().manifest()).map(Some);
        Ok(self.commit_change(new_files, change)?.version)
    }

    /// As [`Table::commit_files`], for changes that read rows and write files themselves. Files that
    /// the published version does not name, because they were made for an attempt that lost, are removed.
    /// `None` means that nothing needs to change; then no version is made.
    ///
    /// The first attempt is made without keeping other writers of this process waiting.
    pub(super) fn commit_change(
        &self,
        new_files: NewFiles,
        change: impl FnMut(&Arc<Snapshot>, &mut NewFiles) -> Result<Option<Manifest>>,
    ) -> Result<Committed> {
        self.check_writable()?;
        self.publish_change(new_files, change)
    }

    /// As [`Table::commit_change`], also while an earlier version is checked out.
    pub(super) fn publish_change(
        &self,
        mut new_files: NewFiles,
        mut change: impl FnMut(&Arc<Snapshot>, &mut NewFiles) -> Result<Option<Manifest>>,
    ) -> Result<Committed> {
        let mut base = self.refresh(Duration::ZERO)?;
        let mut next = change(&base, &mut new_files)?;
        // Most of what there is to sync, without keeping other writers of this process waiting.
        if next.is_some() {
            self.sync_new(&mut new_files)?;
        }
        let is_full = self.handle.options.durability.is_full();
        let _queue = self.queue();
        for attempts in 1.. {
            let Some(changed) = next else {
                return Ok(Committed { version: base.version().manifest().version, attempts });
            };
            let folder = &self.handle.folder;
            let following = numbered(base.version().manifest(), changed);
            new_files.check()?;
            if is_full {
                new_files.sync()?;
                make_named_durable(folder, base.version().manifest(), &following)?;
            }
            let published = Manifest { relaxed: !is_full, ..following };
            if published.publish(folder)? {
                // From here on readers see the files, whatever else may fail.
                new_files.keep_if(|path| published.names(folder, path));
                // A handle sees its own writes at once. What goes wrong here, the next read reports.
                let synced = if is_full { Manifest::confirm(folder) } else { Ok(()) };
                let _ = self.refresh(Duration::ZERO);
                self.wrote(&published);
                synced?;
                return Ok(Committed { version: published.version, attempts });
            }
            back_off(attempts);
            base = self.refresh(Duration::ZERO)?;
            next = change(&base, &mut new_files)?;
        }
        unreachable!("there is always another attempt")
    }

    /// Waits until new files are durable, if writes of this table wait for the disk. Publishing them does so too.
    pub(super) fn sync_new(&self, new_files: &mut NewFiles) -> Result<()> {
        if self.handle.options.durability.is_full() {
            new_files.check()?;
            new_files.sync()?;
        }
        Ok(())
    }

    /// The place at the head of the queue. None on one of several threads of rayon, which might do another job of the
    /// same queue while it waits for part of this one: there, writers race as those of other processes do.
    fn queue(&self) -> Option<MutexGuard<'_, ()>> {
        let may_wait = rayon::current_thread_index().is_none() || rayon::current_num_threads() == 1;
        may_wait.then(|| self.handle.commits.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Makes durable what `next` names besides its new files, where earlier writers did not wait for that.
fn make_named_durable(folder: &Path, base: &Manifest, next: &Manifest) -> Result<()> {
    // What is restored may be of another version than the last one.
    if base.relaxed || next.relaxed {
        next.sync_files(folder)?;
    }
    if base.relaxed { base.make_earlier_durable(folder) } else { Ok(()) }
}

/// `changed` as the version after `base`.
fn numbered(base: &Manifest, changed: Manifest) -> Manifest {
    let next = base.successor();
    Manifest { version: next.version, table_id: next.table_id, created_ms: next.created_ms, ..changed }
}

/// Waits a random time that grows with the number of races lost, so that the writers of many processes
/// do not meet again and again.
fn back_off(attempts: u32) {
    const MICROSECONDS_MAX: u64 = 50_000;
    let most = (200u64 << attempts.min(8)).min(MICROSECONDS_MAX);
    let random = uuid::Uuid::new_v4().as_u128() as u64;
    std::thread::sleep(Duration::from_micros(random % most));
}
