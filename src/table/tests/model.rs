//! Any sequence of operations, against a plain list of rows.

use arrow::array::{Array, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int32Type};
use proptest::prelude::*;

use super::changes::{batch, create_index, everything_old, nearest, table_with, upsert};
use super::upkeep::wait_for_upkeep;
use crate::progress::Progress;
use crate::query::Request;
use crate::table::*;

/// Id, number, and what a column has that comes and goes.
type Row = (i32, i32, Option<i32>);

/// What a table should be.
#[derive(Debug, Clone, Default, PartialEq)]
struct Model {
    rows: Vec<Row>,
    has_extra: bool,
}

/// One step of a random run.
#[derive(Debug, Clone)]
enum Step {
    Add(Vec<(i32, i32)>),
    /// So many rows, each added alone.
    Trickle(i32),
    Delete(i32),
    Update(i32),
    Upsert(Vec<(i32, i32)>),
    Index,
    Overwrite(Vec<(i32, i32)>),
    Compact,
    ExtendIndexes,
    CleanUp,
    Optimize,
    /// Adds the column, or alters it and then drops it.
    Extra,
    /// Goes back to one of the versions there were.
    Restore(usize),
    /// Waits until upkeep, if there is any, has nothing to do.
    Rest,
}

fn step() -> impl Strategy<Value = Step> {
    let rows = || prop::collection::btree_map(0..40, 0..6, 1..12).prop_map(|rows| rows.into_iter().collect());
    prop_oneof![
        4 => rows().prop_map(Step::Add),
        3 => (0..6).prop_map(Step::Delete),
        3 => (0..6).prop_map(Step::Update),
        3 => rows().prop_map(Step::Upsert),
        2 => Just(Step::Index),
        2 => Just(Step::Compact),
        2 => Just(Step::ExtendIndexes),
        1 => Just(Step::CleanUp),
        1 => Just(Step::Optimize),
        2 => Just(Step::Extra),
        1 => (0..20usize).prop_map(Step::Restore),
        1 => rows().prop_map(Step::Overwrite),
        1 => (30..45).prop_map(Step::Trickle),
        1 => Just(Step::Rest),
    ]
}

/// The versions that were seen, and what they should be.
type History = Vec<(u64, Model)>;

/// Does the step to the table and to the model.
fn take(step: &Step, table: &Table, model: &mut Model, history: &mut History) {
    let none = Progress::none();
    let has_upkeep = table.upkeep_status().state != UpkeepState::Off;
    let new = |rows: &[(i32, i32)]| rows.iter().map(|row| (row.0, row.1, None)).collect::<Vec<Row>>();
    let rows_of = &mut model.rows;
    match step {
        Step::Add(rows) => {
            table.add(&batch(rows)).unwrap();
            rows_of.extend(new(rows));
        }
        Step::Trickle(count) => {
            for id in 0..*count {
                table.add(&batch(&[(id, id % 6)])).unwrap();
                rows_of.push((id, id % 6, None));
            }
        }
        Step::Delete(n) => {
            let deleted = table.delete(format!("n = {n}"), &none).unwrap();
            let before = rows_of.len();
            rows_of.retain(|row| row.1 != *n);
            assert_eq!(deleted.rows as usize, before - rows_of.len());
        }
        Step::Update(n) => {
            let values = [("n".to_owned(), NewValue::Sql("id % 6".to_owned()))];
            table.update(Some(format!("n = {n}").into()), &values, &none).unwrap();
            let (changed, kept): (Vec<Row>, Vec<Row>) = rows_of.iter().partition(|row| row.1 == *n);
            *rows_of = kept;
            rows_of.extend(changed.iter().map(|row| (row.0, row.0 % 6, row.2)));
        }
        Step::Upsert(rows) => {
            upsert(table, rows);
            let count = |id: i32| rows_of.iter().filter(|row| row.0 == id).count().max(1);
            let written: Vec<Row> =
                new(rows).into_iter().flat_map(|row| std::iter::repeat_n(row, count(row.0))).collect();
            rows_of.retain(|row| rows.iter().all(|new| new.0 != row.0));
            rows_of.extend(written);
        }
        Step::Index if rows_of.len() >= 4 => create_index(table),
        Step::Index => {}
        Step::Overwrite(rows) => {
            let mut writer = table.writer(WriteMode::Overwrite).unwrap();
            writer.write(&batch(rows)).unwrap();
            writer.commit().unwrap();
            *rows_of = new(rows);
        }
        Step::Compact => drop(table.compact(&none).unwrap()),
        Step::ExtendIndexes => {
            table.extend_indexes(&none).unwrap();
            // Of two who do the same, one does it.
            assert!(
                has_upkeep || table.list_indices().unwrap().iter().all(|index| index.unindexed_rows == 0)
            );
        }
        // It would take what upkeep is writing.
        Step::CleanUp if has_upkeep => {}
        Step::CleanUp => {
            table.clean_up(&everything_old(), &none).unwrap();
            history.clear();
            assert_eq!(table.list_versions().unwrap().len(), 1);
        }
        Step::Optimize => {
            let options = OptimizeOptions { keep: Some(Retention::last(2)), ..OptimizeOptions::default() };
            table.optimize(&options, &none).unwrap();
            history.clear();
        }
        Step::Extra if model.has_extra => {
            let bigger = Alteration {
                column: "extra".to_owned(),
                rename: Some("old".to_owned()),
                ..Alteration::default()
            };
            let bigger = Alteration { data_type: Some(NewType::Name("BIGINT".to_owned())), ..bigger };
            table.alter_columns(&[bigger], &none).unwrap();
            table.drop_columns(&["old".to_owned()]).unwrap();
            rows_of.iter_mut().for_each(|row| row.2 = None);
            model.has_extra = false;
        }
        Step::Extra => {
            let column = NewColumn::Sql { name: "extra".to_owned(), sql: "CAST(n * 2 AS INT)".to_owned() };
            table.add_columns(&[column], &none).unwrap();
            rows_of.iter_mut().for_each(|row| row.2 = Some(row.1 * 2));
            model.has_extra = true;
        }
        Step::Restore(seen) if !history.is_empty() => {
            let (version, then) = &history[seen % history.len()];
            match table.checkout(&VersionRef::Number(*version)) {
                Err(Error::VersionNotFound { .. }) if has_upkeep => return,
                checked_out => checked_out.unwrap(),
            }
            assert_eq!(&content(table), then);
            match table.restore() {
                Err(Error::VersionNotFound { .. }) if has_upkeep => return table.checkout_latest().unwrap(),
                restored => drop(restored.unwrap()),
            }
            *model = then.clone();
        }
        Step::Restore(_) => {}
        Step::Rest if has_upkeep => assert_eq!(wait_for_upkeep(table).last_error, None),
        Step::Rest => {}
    }
    history.push((table.version().unwrap(), model.clone()));
}

/// What a scan of the table finds.
fn content(table: &Table) -> Model {
    let batches = table.plan(&Request::default()).unwrap().run(&Progress::none()).unwrap();
    let mut rows = Vec::new();
    for batch in &batches {
        let column = |name: &str| batch.column_by_name(name).unwrap().as_primitive::<Int32Type>().clone();
        let extra = batch.column_by_name("extra").map(|extra| cast(extra, &DataType::Int32).unwrap());
        let extra = |row: usize| {
            let extra = extra.as_ref()?.as_primitive::<Int32Type>();
            extra.is_valid(row).then(|| extra.value(row))
        };
        let (ids, ns) = (column("id"), column("n"));
        rows.extend((0..batch.num_rows()).map(|row| (ids.value(row), ns.value(row), extra(row))));
    }
    Model { rows, has_extra: table.schema().unwrap().field_with_name("extra").is_ok() }
}

/// The distances to the five rows nearest to `id` that satisfy a filter.
fn distances(ids: impl Iterator<Item = i32>, id: i32) -> Vec<i32> {
    let mut distances: Vec<i32> = ids.map(|other| (other - id).pow(2)).collect();
    distances.sort_unstable();
    distances.truncate(5);
    distances
}

/// Takes the steps, and compares the table with the model after each.
fn check(steps: &[Step], options: TableOptions) -> Result<(), TestCaseError> {
    let (folder, table) = table_with(options);
    let (mut model, mut history) = (Model::default(), Vec::new());
    for step in steps {
        take(step, &table, &mut model, &mut history);
        prop_assert_eq!(&content(&table), &model);
        for id in [0, 39] {
            let expected = distances(model.rows.iter().map(|row| row.0), id);
            for exact in [true, false] {
                let found = nearest(&table, id, 5, exact);
                prop_assert_eq!(&distances(found.iter().map(|row| row.0), id), &expected, "exact: {}", exact);
            }
        }
    }
    table.close();
    let reopened = Table::open(folder.path(), "t", TableOptions::default()).unwrap();
    prop_assert_eq!(&content(&reopened), &model);
    let matching = model.rows.iter().filter(|row| row.1 > 2).count() as u64;
    prop_assert_eq!(reopened.count_rows(Some(&"n > 2".into())).unwrap(), matching);
    reopened.current().unwrap().verify().unwrap();
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_operations_leaves_what_a_list_would(steps in prop::collection::vec(step(), 1..16)) {
        check(&steps, TableOptions::default())?;
    }

    #[test]
    fn any_sequence_of_operations_leaves_what_a_list_would_beside_upkeep(
        steps in prop::collection::vec(step(), 1..16),
        kept in 1..40usize,
    ) {
        check(&steps, TableOptions { upkeep: true, retention: Retention::last(kept), ..TableOptions::default() })?;
    }
}
