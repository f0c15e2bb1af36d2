//! Many processes that change one table at the same time leave what they would have one after the other.

use std::process::Stdio;

use quiverdb::table::{CreateMode, NewValue, OptimizeOptions, Retention};

use crate::{child, connect, content_of, create_index, neighbours, none, rows, schema, task, upsert};

const PROCESSES: i64 = 6;
const ROUNDS: i64 = 8;
/// Keys that all processes upsert.
const SHARED: std::ops::Range<i64> = 0..10;
/// The row whose text counts updates.
const COUNTER: i64 = 500;

/// The ids of the rows that a process adds in a round; it deletes the first of them again.
fn own(process: i64, round: i64) -> [i64; 3] {
    [0, 1, 2].map(|i| 1000 + (process * ROUNDS + round) * 3 + i)
}

#[test]
#[ignore = "a child of processes_that_change_a_table_at_once_lose_nothing_and_double_nothing"]
fn change_and_stop() {
    let Some((folder, process)) = task() else { return };
    let table = connect(&folder).open_table("t").unwrap();
    for round in 0..ROUNDS {
        table.add(&rows(&own(process, round))).unwrap();
        upsert(&table, &SHARED.collect::<Vec<_>>());
        let longer = NewValue::Sql("concat(text, '+')".to_owned());
        let counter = format!("id = {COUNTER}");
        table.update(Some(counter.into()), &[("text".to_owned(), longer)], &none()).unwrap();
        table.delete(format!("id = {}", own(process, round)[0]), &none()).unwrap();
        if round % PROCESSES == process {
            let options = OptimizeOptions { keep: Some(Retention::last(20)), ..OptimizeOptions::default() };
            table.optimize(&options, &none()).unwrap();
        }
    }
}

#[test]
fn processes_that_change_a_table_at_once_lose_nothing_and_double_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let connection = connect(folder.path());
    let table = connection.create_empty_table("t", &schema(), CreateMode::Create).unwrap();
    table.add(&rows(&[COUNTER, 501, 502, 503])).unwrap();
    create_index(&table);

    let start = |process| {
        let command = &mut child("concurrent::change_and_stop", folder.path(), process);
        command.stdout(Stdio::null()).spawn().unwrap()
    };
    let children: Vec<_> = (0..PROCESSES).map(start).collect();
    // Readers see one version or another, and each shared key at most once in it.
    let mut children = children.into_iter();
    let ended: Vec<bool> = std::iter::from_fn(|| {
        let mut child = children.next()?;
        while child.try_wait().unwrap().is_none() {
            let ids: Vec<i64> = content_of(&table).into_iter().map(|row| row.0).collect();
            assert!(ids.windows(2).all(|pair| pair[0] != pair[1]), "{ids:?}");
        }
        Some(child.wait().unwrap().success())
    })
    .collect();
    assert_eq!(ended, vec![true; PROCESSES as usize]);

    let text = |id: i64| format!("text {id}");
    let mut expected: Vec<(i64, String)> = SHARED.chain(501..504).map(|id| (id, text(id))).collect();
    expected.push((COUNTER, text(COUNTER) + &"+".repeat((PROCESSES * ROUNDS) as usize)));
    for process in 0..PROCESSES {
        for round in 0..ROUNDS {
            expected.extend(own(process, round)[1..].iter().map(|&id| (id, text(id))));
        }
    }
    expected.sort();
    assert_eq!(content_of(&table), expected);
    assert_eq!(neighbours(&table, false), neighbours(&table, true));
    assert_eq!(table.verify(&none()).unwrap().problems, [""; 0]);
}
