//! A disk that loses what was not synced, for tests.
//!
//! A [`Recording`] writes down what is done below a folder, in order. From that it builds the folder that a power cut
//! at any moment could have left: what was synced is there, and of the rest nothing, or any part. Nothing is assumed
//! of the order in which unsynced changes reach the disk, and of the bytes of an unsynced file any may be missing.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::disk::Change;

/// The folders that are watched.
static WATCHED: Mutex<Vec<Weak<Inner>>> = Mutex::new(Vec::new());

/// All that is done below a folder.
pub(crate) struct Recording {
    inner: Arc<Inner>,
}

struct Inner {
    root: PathBuf,
    /// Keeps the bytes of files that were removed.
    shadow: PathBuf,
    log: Mutex<Log>,
}

/// A file or a folder, by its place in `Log::nodes`. The first is the root.
type Node = usize;

#[derive(Default)]
struct Log {
    nodes: Vec<Kind>,
    events: Vec<Event>,
    /// Syncs of the folder of this name fail.
    refused: Option<&'static str>,
}

enum Kind {
    File,
    /// What is in it as all processes see it.
    Folder(BTreeMap<String, Node>),
}

enum Event {
    /// Names in a folder get another meaning in one step.
    Names(Node, Vec<(String, Option<Node>)>),
    Synced(Node),
    /// What a test wants to remember at this place.
    Mark(usize),
}

/// What of the changes that were not synced a power cut leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    Nothing,
    /// Any part, drawn with this seed.
    Some(u64),
    /// All names, and nothing of the bytes.
    Names,
}

impl Recording {
    /// Watches `root`, which is empty; `shadow` is a folder on the same disk.
    pub(crate) fn start(root: &Path, shadow: &Path) -> Self {
        let log = Log { nodes: vec![Kind::Folder(BTreeMap::new())], ..Log::default() };
        let inner = Inner { root: root.to_owned(), shadow: shadow.to_owned(), log: Mutex::new(log) };
        let inner = Arc::new(inner);
        watched().push(Arc::downgrade(&inner));
        Self { inner }
    }

    /// Remembers that something was acknowledged.
    pub(crate) fn mark(&self, number: usize) {
        self.inner.log().events.push(Event::Mark(number));
    }

    /// From now on, syncing folders of this name fails.
    pub(crate) fn refuse_syncs_of(&self, name: Option<&'static str>) {
        self.inner.log().refused = name;
    }

    /// The moments at which a power cut says most: before each sync, and at the end.
    pub(crate) fn moments(&self) -> Vec<usize> {
        let log = self.inner.log();
        let syncs = log.events.iter().enumerate().filter(|(_, event)| matches!(event, Event::Synced(_)));
        syncs.map(|(at, _)| at).chain([log.events.len()]).collect()
    }

    /// The moments at which something was acknowledged.
    pub(crate) fn marks(&self) -> Vec<usize> {
        let log = self.inner.log();
        let marks = log.events.iter().enumerate().filter(|(_, event)| matches!(event, Event::Mark(_)));
        marks.map(|(at, _)| at + 1).collect()
    }

    /// The last mark before a moment.
    pub(crate) fn marked(&self, moment: usize) -> Option<usize> {
        self.inner.log().events[..moment].iter().rev().find_map(|event| match event {
            Event::Mark(number) => Some(*number),
            _ => None,
        })
    }

    /// Builds what a power cut at a moment leaves in the empty folder `target`; says in words what was kept.
    pub(crate) fn cut(&self, moment: usize, kept: Kept, target: &Path) -> Vec<String> {
        let log = self.inner.log();
        let mut cut = Cut::new(&log, &self.inner.shadow, moment, kept);
        cut.replay();
        cut.write(0, target);
        cut.told
    }
}

impl Inner {
    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn watched() -> MutexGuard<'static, Vec<Weak<Inner>>> {
    WATCHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes a change down, if somebody wants to know.
pub(super) fn note(change: Change<'_>) -> io::Result<()> {
    let (Change::File(path)
    | Change::Folder(path)
    | Change::Named(path, _)
    | Change::Removed(path)
    | Change::RemovedTree(path)
    | Change::SyncedFile(path)
    | Change::SyncedFolder(path)) = change;
    let recordings: Vec<Arc<Inner>> = {
        let mut watched = watched();
        watched.retain(|inner| inner.strong_count() > 0);
        watched.iter().filter_map(Weak::upgrade).filter(|inner| path.starts_with(&inner.root)).collect()
    };
    recordings.iter().try_for_each(|inner| inner.note(change))
}

impl Inner {
    fn note(&self, change: Change<'_>) -> io::Result<()> {
        let mut log = self.log();
        let log = &mut *log;
        match change {
            Change::File(path) => {
                fs::hard_link(path, self.shadow.join(log.nodes.len().to_string()))?;
                self.create(log, path, Kind::File);
            }
            Change::Folder(path) => self.create(log, path, Kind::Folder(BTreeMap::new())),
            Change::Named(from, to) => {
                let node = self.find(log, from);
                let (folder, old) = self.place(log, from);
                let (other, new) = self.place(log, to);
                assert_eq!(folder, other, "{from:?} went to another folder");
                log.set(folder, vec![(old, None), (new, Some(node))]);
            }
            Change::Removed(path) => {
                let (folder, name) = self.place(log, path);
                log.set(folder, vec![(name, None)]);
            }
            Change::RemovedTree(path) => {
                let node = self.find(log, path);
                log.empty(node);
                let (folder, name) = self.place(log, path);
                log.set(folder, vec![(name, None)]);
            }
            Change::SyncedFile(path) => {
                let node = self.find(log, path);
                log.events.push(Event::Synced(node));
            }
            Change::SyncedFolder(path) => {
                if log.refused.is_some_and(|name| path.ends_with(name)) {
                    return Err(io::Error::other("the test refuses it"));
                }
                let node = self.find(log, path);
                log.events.push(Event::Synced(node));
            }
        }
        Ok(())
    }

    fn create(&self, log: &mut Log, path: &Path, kind: Kind) {
        let (folder, name) = self.place(log, path);
        log.nodes.push(kind);
        log.set(folder, vec![(name, Some(log.nodes.len() - 1))]);
    }

    fn find(&self, log: &Log, path: &Path) -> Node {
        let parts = path.strip_prefix(&self.root).unwrap().iter();
        parts.fold(0, |node, part| match &log.nodes[node] {
            Kind::Folder(names) => *names
                .get(part.to_str().unwrap())
                .unwrap_or_else(|| panic!("{path:?} was not made by way of this room")),
            Kind::File => panic!("{path:?} is in a file"),
        })
    }

    /// The folder that `path` is in, and its name there.
    fn place(&self, log: &Log, path: &Path) -> (Node, String) {
        (self.find(log, path.parent().unwrap()), path.file_name().unwrap().to_str().unwrap().to_owned())
    }
}

impl Log {
    fn set(&mut self, folder: Node, names: Vec<(String, Option<Node>)>) {
        let Kind::Folder(entries) = &mut self.nodes[folder] else { panic!("not a folder") };
        for (name, node) in &names {
            match node {
                Some(node) => entries.insert(name.clone(), *node),
                None => entries.remove(name),
            };
        }
        self.events.push(Event::Names(folder, names));
    }

    /// Takes everything out of a folder, one by one.
    fn empty(&mut self, folder: Node) {
        let Kind::Folder(entries) = &self.nodes[folder] else { return };
        for (name, node) in entries.clone() {
            self.empty(node);
            self.set(folder, vec![(name, None)]);
        }
    }
}

/// The making of what is left.
struct Cut<'a> {
    log: &'a Log,
    shadow: &'a Path,
    moment: usize,
    kept: Kept,
    random: StdRng,
    /// Of a hundred unsynced changes, so many are kept.
    share: u32,
    /// When each file and folder was synced last.
    synced: HashMap<Node, usize>,
    folders: HashMap<Node, BTreeMap<String, Node>>,
    told: Vec<String>,
}

impl<'a> Cut<'a> {
    fn new(log: &'a Log, shadow: &'a Path, moment: usize, kept: Kept) -> Self {
        let mut synced = HashMap::new();
        for (at, event) in log.events[..moment].iter().enumerate() {
            if let Event::Synced(node) = event {
                synced.insert(*node, at);
            }
        }
        let seed = if let Kept::Some(seed) = kept { seed } else { 0 };
        let mut random = StdRng::seed_from_u64(seed ^ (moment as u64) << 20);
        let share = [20, 50, 80][random.random_range(0..3)];
        Self { log, shadow, moment, kept, random, share, synced, folders: HashMap::new(), told: Vec::new() }
    }

    /// Finds out which names there are.
    fn replay(&mut self) {
        for (at, event) in self.log.events[..self.moment].iter().enumerate() {
            let Event::Names(folder, names) = event else { continue };
            let is_durable = self.synced.get(folder).is_some_and(|synced| *synced > at);
            if !is_durable {
                let keep = match self.kept {
                    Kept::Nothing => false,
                    Kept::Names => true,
                    Kept::Some(_) => self.random.random_range(0..100) < self.share,
                };
                let what = if keep { "kept" } else { "lost" };
                self.told.push(format!("{what}: {names:?} in {folder}"));
                if !keep {
                    continue;
                }
            }
            let entries = self.folders.entry(*folder).or_default();
            for (name, node) in names {
                match node {
                    Some(node) => entries.insert(name.clone(), *node),
                    None => entries.remove(name),
                };
            }
        }
    }

    fn write(&mut self, folder: Node, target: &Path) {
        for (name, node) in self.folders.get(&folder).cloned().unwrap_or_default() {
            let path = target.join(name);
            match &self.log.nodes[node] {
                Kind::Folder(_) => {
                    fs::create_dir(&path).unwrap();
                    self.write(node, &path);
                }
                // Files do not change once they are synced.
                Kind::File if self.synced.contains_key(&node) => self.link(node, &path),
                Kind::File => self.write_unsynced(node, &path),
            }
        }
    }

    fn write_unsynced(&mut self, node: Node, path: &Path) {
        let mut bytes = fs::read(self.shadow.join(node.to_string())).unwrap();
        let choice = if let Kept::Some(_) = self.kept { self.random.random_range(0..4) } else { 0 };
        match choice {
            0 => bytes.clear(),
            1 => bytes.truncate(self.random.random_range(0..=bytes.len())),
            2 => bytes.fill(0),
            _ => return self.link(node, path),
        }
        self.told.push(format!("{}: {} bytes, unsynced", path.display(), bytes.len()));
        fs::write(path, bytes).unwrap();
    }

    fn link(&self, node: Node, path: &Path) {
        fs::hard_link(self.shadow.join(node.to_string()), path).unwrap();
    }
}
