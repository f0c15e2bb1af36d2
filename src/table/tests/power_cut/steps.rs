//! Writes of all kinds, and what a table holds after them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

use super::create;
use crate::progress::Progress;
use crate::table::tests::changes::{batch, create_index, everything_old, scanned, upsert};
use crate::table::*;

/// Numbers by their ids; `None` without a table.
type Rows = Option<BTreeMap<i32, i32>>;

/// What a table holds. Equal ones are the same for who reads them.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Content {
    pub rows: Rows,
    columns: BTreeSet<String>,
    /// The rows of each version that has a tag.
    pub tagged: BTreeMap<String, Rows>,
}

/// A write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Create,
    Add(i32),
    Overwrite(i32),
    Update(i32),
    Delete(i32),
    Upsert(i32),
    VectorIndex,
    ScalarIndex,
    DropIndex,
    Extend,
    AddColumn,
    AlterColumn,
    DropColumn,
    Tag,
    Untag,
    Restore,
    Compact,
    Optimize,
    CleanUp,
    Drop,
}

impl Step {
    /// Steps of all kinds in any order, each at least once, and those more often that change rows.
    pub(super) fn sequence(seed: u64, length: usize) -> Vec<Self> {
        let mut random = StdRng::seed_from_u64(seed);
        let mut steps = vec![
            Self::Overwrite(1),
            Self::VectorIndex,
            Self::ScalarIndex,
            Self::DropIndex,
            Self::AddColumn,
            Self::AlterColumn,
            Self::DropColumn,
            Self::Untag,
            Self::Restore,
            Self::Drop,
        ];
        let often = [
            Self::Add(2),
            Self::Update(3),
            Self::Delete(4),
            Self::Upsert(5),
            Self::Extend,
            Self::Tag,
            Self::Compact,
            Self::Optimize,
            Self::CleanUp,
        ];
        while steps.len() < length {
            let mut step = often[steps.len() % often.len()];
            if let Self::Add(place) | Self::Update(place) | Self::Delete(place) | Self::Upsert(place) =
                &mut step
            {
                *place = random.random_range(0..70);
            }
            steps.push(step);
        }
        steps.shuffle(&mut random);
        steps.insert(0, Self::Create);
        steps
    }
}

impl Content {
    /// What a table holds.
    pub(super) fn of(table: &Table) -> Self {
        let mut content = Self { rows: rows_of(table), ..Self::default() };
        let schema = table.schema().unwrap();
        content.columns = schema.fields().iter().map(|field| field.to_string()).collect();
        for tag in table.list_tags().unwrap() {
            table.checkout(&VersionRef::Tag(tag.name.clone())).unwrap();
            content.tagged.insert(tag.name, rows_of(table));
            table.checkout_latest().unwrap();
        }
        content
    }
}

fn rows_of(table: &Table) -> Rows {
    let rows = scanned(table);
    let map: BTreeMap<i32, i32> = rows.iter().copied().collect();
    assert_eq!(map.len(), rows.len(), "a row is there twice: {rows:?}");
    Some(map)
}

/// Takes a step where `before` is what there is; what there is then. A table that was dropped is created first.
pub(super) fn take(connection: &Path, step: &Step, before: &Content, options: &TableOptions) -> Content {
    if *step == Step::Drop && before.rows.is_some() {
        Table::drop_table(connection, "t").unwrap();
        return Content::default();
    }
    if before.rows.is_none() {
        create(connection, &(0..40).map(|id| (id, id)).collect::<Vec<_>>());
    } else {
        let table = Table::open(connection, "t", options.clone()).unwrap();
        change(&table, step);
    }
    let content = Content::of(&Table::open(connection, "t", options.clone()).unwrap());
    check_rows(step, before, &content);
    content
}

/// Changes the table.
fn change(table: &Table, step: &Step) {
    let progress = &Progress::none();
    let has = |name: &str| table.schema().unwrap().field_with_name(name).is_ok();
    let is_tagged = || !table.list_tags().unwrap().is_empty();
    let ids = |from: i32, count: i32| (from..from + count).map(|id| (id, -id)).collect::<Vec<_>>();
    match *step {
        // No row may be there twice.
        Step::Add(place) => {
            let next = scanned(table).iter().map(|row| row.0).max().unwrap_or(0) + 1;
            table.add(&batch(&ids(next, place % 7 + 1))).unwrap();
        }
        Step::Overwrite(place) => {
            let mut writer = table.writer(WriteMode::Overwrite).unwrap();
            writer.write(&batch(&ids(place, 30))).unwrap();
            writer.commit().unwrap();
        }
        Step::Update(place) => {
            let value = NewValue::Sql("n + 1".to_owned());
            let filter = format!("id % 7 = {}", place % 7);
            table.update(Some(filter.into()), &[("n".to_owned(), value)], progress).unwrap();
        }
        Step::Delete(place) => {
            table.delete(format!("id % 11 = {}", place % 11), progress).unwrap();
        }
        Step::Upsert(place) => drop(upsert(table, &ids(place, 12))),
        Step::VectorIndex => create_index(table),
        Step::ScalarIndex => table.create_index("id", &IndexOptions::default(), progress).unwrap(),
        Step::DropIndex => {
            if let Some(index) = table.list_indices().unwrap().first() {
                table.drop_index(&index.entry.name).unwrap();
            }
        }
        Step::Extend => drop(table.extend_indexes(progress).unwrap()),
        Step::AddColumn if !has("extra") => {
            let column = NewColumn::Sql { name: "extra".to_owned(), sql: "id * 2".to_owned() };
            table.add_columns(&[column], progress).unwrap();
        }
        Step::AlterColumn if has("extra") => {
            let data_type = Some(NewType::Name("DOUBLE".to_owned()));
            let column = "extra".to_owned();
            table
                .alter_columns(&[Alteration { column, data_type, ..Alteration::default() }], progress)
                .unwrap();
        }
        Step::DropColumn if has("extra") => drop(table.drop_columns(&["extra".to_owned()]).unwrap()),
        Step::Tag => {
            let version = table.version().unwrap();
            match is_tagged() {
                true => table.update_tag("saved", version).unwrap(),
                false => table.create_tag("saved", version).unwrap(),
            }
        }
        Step::Untag if is_tagged() => table.delete_tag("saved").unwrap(),
        Step::Restore if is_tagged() => {
            table.checkout(&VersionRef::Tag("saved".to_owned())).unwrap();
            table.restore().unwrap();
        }
        Step::Compact => drop(table.compact(progress).unwrap()),
        Step::Optimize => {
            let options = OptimizeOptions { keep: Some(Retention::last(2)), ..OptimizeOptions::default() };
            table.optimize(&options, progress).unwrap();
        }
        Step::CleanUp => drop(table.clean_up(&everything_old(), progress).unwrap()),
        _ => {}
    }
}

/// What is recorded is right in the first place: a step changed the rows that it should.
fn check_rows(step: &Step, before: &Content, after: &Content) {
    let (Some(before), Some(after)) = (&before.rows, &after.rows) else { return };
    match step {
        Step::Add(place) => assert_eq!(after.len(), before.len() + (place % 7 + 1) as usize),
        Step::Overwrite(_) => assert_eq!(after.len(), 30),
        Step::Delete(place) => assert!(after.keys().all(|id| id % 11 != place % 11)),
        Step::Update(_) => assert_eq!(after.len(), before.len()),
        Step::Upsert(place) => assert!((*place..place + 12).all(|id| after[&id] == -id)),
        Step::Restore => {}
        _ => assert_eq!(after, before),
    }
}
