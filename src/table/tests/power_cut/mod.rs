//! A power cut at any moment of any sequence of writes loses nothing that was acknowledged, and leaves a whole table.

mod steps;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::changes::{batch, everything_old, nearest};
use crate::error::Error;
use crate::progress::Progress;
use crate::storage::TemporaryFolder;
use crate::storage::files::power_cut::{Kept, Recording};
use crate::table::*;

use steps::{Content, Step, take};

/// How many sequences of writes are tried, for a run that takes minutes.
const RUNS_WANTED: &str = "QUIVERDB_TEST_POWER_CUTS";
/// Writes of a sequence.
const STEPS: usize = 40;

/// The folder of a connection, all that was done below it, and what the table held after each write.
struct Run {
    home: TemporaryFolder,
    recording: Recording,
    contents: Vec<Content>,
    steps: Vec<Step>,
}

impl Run {
    fn new() -> Self {
        let home = TemporaryFolder::create().unwrap();
        for name in ["connection", "shadow"] {
            fs::create_dir(home.path().join(name)).unwrap();
        }
        let recording = Recording::start(&home.path().join("connection"), &home.path().join("shadow"));
        Self { home, recording, contents: vec![Content::default()], steps: Vec::new() }
    }

    fn connection(&self) -> PathBuf {
        self.home.path().join("connection")
    }

    fn take(&mut self, step: Step, options: &TableOptions) {
        let content = take(&self.connection(), &step, self.contents.last().unwrap(), options);
        self.contents.push(content);
        self.steps.push(step);
        self.recording.mark(self.steps.len());
    }

    /// The folder that a power cut at a moment leaves, and what it should hold: one of these.
    fn cut(&self, moment: usize, kept: Kept) -> (Cut<'_>, Vec<&Content>) {
        let acknowledged = self.recording.marked(moment).unwrap_or(0);
        let folder = self.home.path().join(format!("cut-{moment}-{kept:?}").replace(['(', ')'], "-"));
        fs::create_dir(&folder).unwrap();
        let told = self.recording.cut(moment, kept, &folder);
        let step = self.steps.get(acknowledged);
        let expected = self.contents.iter().skip(acknowledged).take(2).collect();
        (Cut { folder, step, kept, told }, expected)
    }
}

struct Cut<'a> {
    folder: PathBuf,
    /// The write that was under way.
    step: Option<&'a Step>,
    kept: Kept,
    told: Vec<String>,
}

impl Cut<'_> {
    /// Looks at what is there, writes on, and looks again.
    fn check(&self, expected: &[&Content]) {
        let found = self.found();
        let is_expected = expected.iter().any(|content| **content == found);
        assert!(is_expected, "{self}: {found:?} is none of {expected:?}");
        match self.open() {
            None => drop(create(&self.folder, &[(1, 1)])),
            Some(table) => drop(table.add(&batch(&[(9999, 1)])).unwrap()),
        }
        let table = self.open().unwrap();
        table.clean_up(&everything_old(), &Progress::none()).unwrap();
        let after = self.found();
        let mut rows = found.rows.clone().unwrap_or_default();
        rows.insert(if found.rows.is_some() { 9999 } else { 1 }, 1);
        assert_eq!(after.rows, Some(rows), "{self}");
        fs::remove_dir_all(&self.folder).unwrap();
    }

    fn open(&self) -> Option<Table> {
        remove_dropped(&self.folder);
        match Table::open(&self.folder, "t", TableOptions::default()) {
            Err(Error::TableNotFound { .. }) => None,
            opened => Some(opened.unwrap_or_else(|error| panic!("{self}: {error}"))),
        }
    }

    fn found(&self) -> Content {
        let Some(table) = self.open() else { return Content::default() };
        let verified = table.verify(&Progress::none()).unwrap();
        assert_eq!(verified.problems, [""; 0], "{self}");
        for id in [0, 25, 60] {
            let (indexed, exact) = (nearest(&table, id, 5, false), nearest(&table, id, 5, true));
            assert_eq!(indexed, exact, "{self}");
        }
        Content::of(&table)
    }
}

impl fmt::Display for Cut<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} of {:?} at {}: {:#?}", self.kept, self.step, self.folder.display(), self.told)
    }
}

fn create(connection: &Path, rows: &[(i32, i32)]) -> Table {
    let first = batch(rows);
    let options = TableOptions::default();
    let mut writer = Table::create(connection, "t", &first.schema(), CreateMode::Create, options).unwrap();
    writer.write(&first).unwrap();
    writer.finish().unwrap()
}

fn runs() -> u64 {
    std::env::var(RUNS_WANTED).map_or(1, |runs| runs.parse().unwrap())
}

#[test]
fn a_power_cut_at_any_moment_leaves_what_was_acknowledged() {
    let mut cuts = 0;
    for seed in 0..runs() {
        let mut run = Run::new();
        for step in Step::sequence(seed, STEPS) {
            run.take(step, &TableOptions::default());
        }
        for moment in run.recording.moments() {
            for kept in [Kept::Nothing, Kept::Names, Kept::Some(seed), Kept::Some(seed + 1000)] {
                let (cut, expected) = run.cut(moment, kept);
                cut.check(&expected);
                cuts += 1;
            }
        }
    }
    println!("{cuts} power cuts");
}

/// As after a full write, but the table may have to be repaired, and then be what it was some writes before.
fn check_relaxed(cut: &Cut<'_>, expected: &[&Content], earlier: &[Content]) {
    remove_dropped(&cut.folder);
    match Table::repair(&cut.folder, "t", TableOptions::default(), &Progress::none()) {
        Err(Error::TableNotFound { .. }) => {
            assert!(expected.contains(&&Content::default()), "{cut}: no table");
            return fs::remove_dir_all(&cut.folder).unwrap();
        }
        repaired => drop(repaired.unwrap_or_else(|error| panic!("{cut}: {error}"))),
    }
    let table = cut.open().unwrap();
    let found = Content::of(&table);
    let is_known = earlier.iter().chain(expected.iter().copied()).any(|content| content.rows == found.rows);
    assert!(is_known, "{cut}: {found:?}");
    // Tags are durable at once, and what they name.
    assert!(expected.iter().any(|content| content.tagged == found.tagged), "{cut}: {found:?} {expected:?}");
    table.add(&batch(&[(9999, 1)])).unwrap();
    table.clean_up(&everything_old(), &Progress::none()).unwrap();
    let rows = cut.found().rows.unwrap();
    let added: BTreeMap<i32, i32> = found.rows.unwrap().into_iter().chain([(9999, 1)]).collect();
    assert_eq!(rows, added, "{cut}");
    fs::remove_dir_all(&cut.folder).unwrap();
}

#[test]
fn after_relaxed_writes_repair_brings_back_a_whole_version() {
    let options = TableOptions { durability: Durability::Relaxed, ..TableOptions::default() };
    let mut cuts = 0;
    for seed in 0..runs() {
        let mut run = Run::new();
        for step in Step::sequence(seed, STEPS) {
            run.take(step, &options);
        }
        let moments: BTreeSet<usize> =
            run.recording.moments().into_iter().chain(run.recording.marks()).collect();
        for moment in moments {
            for kept in [Kept::Nothing, Kept::Names, Kept::Some(seed), Kept::Some(seed + 1000)] {
                let (cut, expected) = run.cut(moment, kept);
                let acknowledged = run.recording.marked(moment).unwrap_or(0);
                check_relaxed(&cut, &expected, &run.contents[..acknowledged]);
                cuts += 1;
            }
        }
    }
    println!("{cuts} power cuts");
}

#[test]
fn a_full_write_after_relaxed_ones_makes_them_durable_too() {
    let relaxed = TableOptions { durability: Durability::Relaxed, ..TableOptions::default() };
    for seed in 0..runs() {
        let mut run = Run::new();
        for step in Step::sequence(seed, STEPS) {
            run.take(step, &relaxed);
        }
        run.take(Step::Add(1), &TableOptions::default());
        let end = *run.recording.moments().last().unwrap();
        for kept in [Kept::Nothing, Kept::Names, Kept::Some(seed), Kept::Some(seed + 1000)] {
            let (cut, expected) = run.cut(end, kept);
            cut.check(&expected[..1]);
        }
    }
}

#[test]
fn a_write_that_readers_see_but_the_disk_does_not_keep_is_no_failed_write() {
    let mut run = Run::new();
    run.take(Step::Create, &TableOptions::default());
    let table = Table::open(&run.connection(), "t", TableOptions::default()).unwrap();
    run.recording.refuse_syncs_of(Some("versions"));

    let error = table.add(&batch(&[(100, 1)])).unwrap_err();

    assert_eq!(error.code(), "NOT_DURABLE", "{error}");
    assert!(error.to_string().contains("do not repeat the write"), "{error}");
    assert_eq!(table.count_rows(None).unwrap(), 41);
    run.recording.refuse_syncs_of(Some("tags"));
    assert_eq!(table.create_tag("a", 2).unwrap_err().code(), "NOT_DURABLE");
    assert_eq!(table.tagged_version("a").unwrap(), 2);
    run.recording.refuse_syncs_of(Some("data"));
    assert_eq!(table.add(&batch(&[(101, 1)])).unwrap_err().code(), "IO");
    assert_eq!(table.count_rows(None).unwrap(), 41);
    run.recording.refuse_syncs_of(None);
    assert_eq!(table.add(&batch(&[(101, 1)])).unwrap(), 3);
}

#[test]
fn a_version_that_nobody_synced_is_not_lost_with_those_before_it() {
    let mut run = Run::new();
    for step in [Step::Create, Step::Add(1), Step::Delete(1)] {
        run.take(step, &TableOptions::default());
    }
    let table = Table::open(&run.connection(), "t", TableOptions::default()).unwrap();
    // As if its writer was killed before it had synced it.
    run.recording.refuse_syncs_of(Some("versions"));
    table.add(&batch(&[(100, 1)])).unwrap_err();
    run.recording.refuse_syncs_of(None);
    run.contents.push(Content::of(&table));
    let published = run.recording.moments().len() - 1;

    table.clean_up(&everything_old(), &Progress::none()).unwrap();

    for moment in run.recording.moments().split_off(published) {
        for kept in std::iter::once(Kept::Nothing).chain((0..20).map(Kept::Some)) {
            let (cut, expected) = run.cut(moment, kept);
            assert_eq!(expected.len(), 2);
            cut.check(&expected);
        }
    }
}

#[test]
fn half_a_dropped_table_does_not_get_its_name_back() {
    let mut run = Run::new();
    run.take(Step::Create, &TableOptions::default());
    run.contents.push(Content::default());
    // As if its process was killed before it had synced the new name.
    run.recording.refuse_syncs_of(Some("connection"));
    assert_eq!(Table::drop_table(&run.connection(), "t").unwrap_err().code(), "NOT_DURABLE");
    run.recording.refuse_syncs_of(None);
    let dropped = run.recording.moments().len() - 1;

    remove_dropped(&run.connection());

    assert_eq!(fs::read_dir(run.connection()).unwrap().count(), 0);
    for moment in run.recording.moments().split_off(dropped) {
        for kept in std::iter::once(Kept::Nothing).chain((0..20).map(Kept::Some)) {
            let (cut, expected) = run.cut(moment, kept);
            cut.check(&expected);
        }
    }
}

#[test]
fn an_append_waits_for_the_disk_four_times_and_a_relaxed_one_never() {
    for (durability, expected) in [(Durability::Full, 4), (Durability::Relaxed, 0)] {
        let mut run = Run::new();
        run.take(Step::Create, &TableOptions::default());
        let before = run.recording.moments().len();

        run.take(Step::Add(1), &TableOptions { durability, ..TableOptions::default() });

        assert_eq!(run.recording.moments().len() - before, expected);
    }
}
