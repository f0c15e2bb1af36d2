//! What many processes did at once is what they could have done one after the other: the numbers of the versions that
//! their writes became say in which order.
//!
//! Each process draws from all writes and reads, and writes down what was acknowledged. In the end all of it is done
//! again, in that order, on a plain map, which must have held what each reader found, and must hold what is there.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};

use quiverdb::error::Error;
use quiverdb::table::{CreateMode, NewValue, OptimizeOptions, Retention, Table, VersionRef, WriteMode};

use crate::{child, connect, content_of, create_index, merge, neighbours, none, rows, schema, task};

/// How long the processes write, for a run that takes minutes.
const SECONDS_WANTED: &str = "QUIVERDB_TEST_SECONDS";
const SECONDS: u64 = 3;
const PROCESSES: i64 = 8;
/// Keys that all processes change.
const SHARED: i64 = 40;

type Content = BTreeMap<i64, String>;

/// What was acknowledged: the version that it made or saw, and how many rows it changed.
#[derive(Debug, Serialize, Deserialize)]
struct Done {
    version: u64,
    what: What,
    rows: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
enum What {
    Append(Vec<i64>),
    Overwrite(Vec<i64>),
    Upsert(Vec<i64>),
    /// Appends to the text of the rows whose id leaves this rest when divided by 7.
    Update(i64),
    /// As for an update.
    Delete(i64),
    Read(Content),
}

/// No row may be there twice.
fn unique(rows: Vec<(i64, String)>) -> Content {
    assert!(rows.windows(2).all(|pair| pair[0].0 < pair[1].0), "{rows:?}");
    rows.into_iter().collect()
}

fn text(id: i64) -> String {
    format!("text {id}")
}

impl What {
    /// Does it to `content`; how many rows change.
    fn replay(&self, content: &mut Content) -> u64 {
        let before = content.len() as u64;
        match self {
            Self::Append(ids) => content.extend(ids.iter().map(|&id| (id, text(id)))),
            Self::Overwrite(ids) => *content = ids.iter().map(|&id| (id, text(id))).collect(),
            Self::Upsert(ids) => {
                content.extend(ids.iter().map(|&id| (id, text(id))));
                return ids.len() as u64;
            }
            Self::Update(rest) => {
                let changed = content.iter_mut().filter(|(id, _)| *id % 7 == *rest);
                return changed.map(|(_, text)| text.push('+')).count() as u64;
            }
            Self::Delete(rest) => content.retain(|id, _| id % 7 != *rest),
            Self::Read(found) => assert_eq!(content, found),
        }
        before.abs_diff(content.len() as u64)
    }

    /// Does it to the table; the version, and how many rows changed.
    fn apply(&self, table: &Table) -> (u64, u64) {
        let filter = |rest: &i64| format!("id % 7 = {rest}");
        match self {
            Self::Append(ids) => (table.add(&rows(ids)).unwrap(), ids.len() as u64),
            Self::Overwrite(ids) => {
                let mut writer = table.writer(WriteMode::Overwrite).unwrap();
                writer.write(&rows(ids)).unwrap();
                (writer.commit().unwrap(), 0)
            }
            Self::Upsert(ids) => {
                let merged = merge(table, ids);
                (merged.version, merged.inserted + merged.updated)
            }
            Self::Update(rest) => {
                let longer = NewValue::Sql("concat(text, '+')".to_owned());
                let updated =
                    table.update(Some(filter(rest).into()), &[("text".to_owned(), longer)], &none());
                updated.map(|updated| (updated.version, updated.rows)).unwrap()
            }
            Self::Delete(rest) => {
                let deleted = table.delete(filter(rest), &none()).unwrap();
                (deleted.version, deleted.rows)
            }
            Self::Read(_) => unreachable!("reads are not planned"),
        }
    }
}

/// Draws what to do next; `next` is a number that no other process uses.
fn draw(random: &mut StdRng, next: &mut i64) -> Option<What> {
    let mut own = |count: i64| {
        *next += count;
        (*next - count..*next).collect()
    };
    let mut shared: Vec<i64> = (0..SHARED).filter(|_| random.random_range(0..5) == 0).collect();
    shared.push(SHARED);
    match random.random_range(0..100) {
        0..35 => Some(What::Append(own(3))),
        35..55 => Some(What::Upsert(shared)),
        55..65 => Some(What::Update(random.random_range(0..7))),
        65..73 => Some(What::Delete(random.random_range(0..7))),
        73 => Some(What::Overwrite(own(20))),
        _ => None,
    }
}

/// Writes that change no row, and reads.
fn look_after(table: &Table, random: &mut StdRng) -> Option<Done> {
    match random.random_range(0..10) {
        0 => match table.create_index("vector", &crate::index_options(), &none()) {
            // Another process put other rows in the place of those that were indexed.
            Ok(()) | Err(Error::Conflict { .. }) => {}
            Err(error) => panic!("{error}"),
        },
        1 => drop(table.extend_indexes(&none()).unwrap()),
        2 => drop(table.compact(&none()).unwrap()),
        3 => {
            let options = OptimizeOptions { keep: Some(Retention::last(10)), ..OptimizeOptions::default() };
            table.optimize(&options, &none()).unwrap();
        }
        4 => {
            // The version may be cleaned up, and the tag be created, by another process meanwhile.
            let version = table.version().unwrap();
            let tagged = table.update_tag("some", version).or_else(|_| table.create_tag("some", version));
            let codes = ["VERSION_NOT_FOUND", "TAG_EXISTS"];
            assert!(tagged.as_ref().err().is_none_or(|error| codes.contains(&error.code())), "{tagged:?}");
        }
        5 => {
            assert!(!table.list_versions().unwrap().is_empty());
            table.disk_usage().unwrap();
        }
        6 => {
            // Looks at the nearest rows twice, at one version.
            let version = table.version().unwrap();
            match table.checkout(&VersionRef::Number(version)) {
                Ok(()) => assert_eq!(neighbours(table, false), neighbours(table, true)),
                Err(error) => assert_eq!(error.code(), "VERSION_NOT_FOUND"),
            }
            table.checkout_latest().unwrap();
        }
        _ => {
            let version = table.version().unwrap();
            if table.checkout(&VersionRef::Number(version)).is_ok() {
                let content = unique(content_of(table));
                let version = table.version().unwrap();
                table.checkout_latest().unwrap();
                return Some(Done { version, what: What::Read(content), rows: 0 });
            }
            table.checkout_latest().unwrap();
        }
    }
    None
}

#[test]
#[ignore = "a child of what_processes_do_at_once_has_a_serial_order"]
fn write_for_a_while() {
    let Some((folder, process)) = task() else { return };
    let mut log = File::create(log_of(&folder, process)).unwrap();
    let mut random = StdRng::seed_from_u64(process as u64);
    let mut next = 1000 + process * 1_000_000;
    let table = connect(&folder.join("db")).open_table("t").unwrap();
    let start = Instant::now();
    while start.elapsed() < duration() {
        let done = match draw(&mut random, &mut next) {
            Some(what) => {
                let (version, rows) = what.apply(&table);
                Some(Done { version, what, rows })
            }
            None => look_after(&table, &mut random),
        };
        if let Some(done) = done {
            writeln!(log, "{}", serde_json::to_string(&done).unwrap()).unwrap();
        }
    }
}

fn duration() -> Duration {
    let wanted = std::env::var(SECONDS_WANTED).map_or(SECONDS, |seconds| seconds.parse().unwrap());
    Duration::from_secs(wanted)
}

fn log_of(folder: &Path, process: i64) -> std::path::PathBuf {
    folder.join(format!("log-{process}"))
}

#[test]
fn what_processes_do_at_once_has_a_serial_order() {
    let folder = tempfile::tempdir().unwrap();
    let connection = connect(&folder.path().join("db"));
    let table = connection.create_empty_table("t", &schema(), CreateMode::Create).unwrap();

    let start = |process| {
        let command = &mut child("serial::write_for_a_while", folder.path(), process);
        command.stdout(Stdio::null()).stderr(Stdio::inherit()).spawn().unwrap()
    };
    let children: Vec<_> = (0..PROCESSES).map(start).collect();
    let ended: Vec<bool> = children.into_iter().map(|mut child| child.wait().unwrap().success()).collect();
    assert_eq!(ended, vec![true; PROCESSES as usize]);

    let mut all: Vec<Done> = Vec::new();
    for process in 0..PROCESSES {
        let log = fs::read_to_string(log_of(folder.path(), process)).unwrap();
        all.extend(log.lines().map(|line| serde_json::from_str::<Done>(line).unwrap()));
    }
    // What changed nothing has the version that it saw: it comes after the write that made it.
    let changes = |done: &Done| done.rows > 0 || matches!(done.what, What::Overwrite(_));
    all.sort_by_key(|done| (done.version, !changes(done)));
    let writes: Vec<u64> = all.iter().filter(|done| changes(done)).map(|done| done.version).collect();
    assert!(writes.windows(2).all(|pair| pair[0] < pair[1]), "two writes made the same version");
    let mut content = Content::new();
    for done in &all {
        let changed = done.what.replay(&mut content);
        if !matches!(done.what, What::Overwrite(_) | What::Read(_)) {
            assert_eq!(changed, done.rows, "{done:?}");
        }
    }
    assert_eq!(unique(content_of(&table)), content);
    assert_eq!(table.verify(&none()).unwrap().problems, [""; 0]);
    create_index(&table);
    assert_eq!(neighbours(&table, false), neighbours(&table, true));
    println!("{} writes and {} reads in {:?}", writes.len(), all.len() - writes.len(), duration());
}
