//! Adding, altering and dropping columns.

use arrow::array::{Array, AsArray, Int32Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Float16Type, Float64Type, Int32Type, Schema};
use std::sync::Arc;

use super::changes::{batch, create_index, nearest, run, scanned, table_of};
use crate::index::IndexConfig;
use crate::index::scalar::ScalarKind;
use crate::progress::Progress;
use crate::query::Request;
use crate::table::*;

fn sql(name: &str, sql: &str) -> NewColumn {
    NewColumn::Sql { name: name.to_owned(), sql: sql.to_owned() }
}

fn add(table: &Table, columns: &[NewColumn]) -> u64 {
    table.add_columns(columns, &Progress::none()).unwrap()
}

fn alter(table: &Table, alteration: Alteration) -> Result<u64> {
    table.alter_columns(&[alteration], &Progress::none())
}

/// All rows as one batch.
fn rows(table: &Table) -> RecordBatch {
    let plan = table.plan(&Request::default()).unwrap();
    arrow::compute::concat_batches(plan.schema(), &plan.run(&Progress::none()).unwrap()).unwrap()
}

fn ints(table: &Table, column: &str) -> Vec<Option<i32>> {
    let column = rows(table).column_by_name(column).unwrap().clone();
    let column = arrow::compute::cast(&column, &DataType::Int32).unwrap();
    column.as_primitive::<Int32Type>().iter().collect()
}

#[test]
fn new_columns_are_computed_from_those_there_are() {
    let (folder, table) = table_of(&[(1, 10), (2, 20), (3, 30)]);
    table.delete("id = 2", &Progress::none()).unwrap();
    table.add(&batch(&[(4, 40)])).unwrap();

    let field = Arc::new(Field::new("empty", DataType::Utf8, true));
    let version = add(&table, &[sql("sum", "id + n"), NewColumn::Empty(field), sql("half", "n / 2.0")]);

    assert_eq!((version, table.version().unwrap()), (5, 5));
    for table in [&table, &Table::open(folder.path(), "t", TableOptions::default()).unwrap()] {
        let names: Vec<String> = table.schema().unwrap().fields().iter().map(|f| f.name().clone()).collect();
        assert_eq!(names, ["id", "n", "vector", "sum", "empty", "half"]);
        assert_eq!(ints(table, "sum"), [Some(11), Some(33), Some(44)]);
        assert_eq!(rows(table).column_by_name("empty").unwrap().null_count(), 3);
        let half = rows(table);
        let half = half.column_by_name("half").unwrap().as_primitive::<Float64Type>().values().to_vec();
        assert_eq!(half, [5.0, 15.0, 20.0]);
        assert_eq!(table.count_rows(Some(&"sum > 20 AND empty IS NULL".into())).unwrap(), 2);
        table.current().unwrap().verify().unwrap();
    }
    // Rows that come later have what they bring.
    table.add(&batch(&[(5, 50)])).unwrap();
    assert_eq!(ints(&table, "sum").last().unwrap(), &None);
    table
        .update(
            Some("id = 5".into()),
            &[("sum".to_owned(), NewValue::Sql("id".to_owned()))],
            &Progress::none(),
        )
        .unwrap();
    assert_eq!(ints(&table, "sum").last().unwrap(), &Some(5));
}

#[test]
fn a_row_that_is_gone_cannot_break_an_expression() {
    let (_folder, table) = table_of(&[(0, 1), (1, 1)]);
    table.delete("id = 0", &Progress::none()).unwrap();

    add(&table, &[sql("inverse", "CAST(n / id AS INT)")]);

    assert_eq!(ints(&table, "inverse"), [Some(1)]);
}

#[test]
fn columns_that_cannot_be_added_say_why() {
    let (_folder, table) = table_of(&[(1, 10)]);
    let code = |column| table.add_columns(&[column], &Progress::none()).unwrap_err().code();

    assert_eq!(code(sql("id", "1")), "COLUMN_EXISTS");
    assert_eq!(code(sql("x", "nope + 1")), "COLUMN_NOT_FOUND");
    assert_eq!(code(sql("x", "NULL")), "INVALID_ARGUMENT");
    assert_eq!(code(sql("_distance", "1")), "SCHEMA_MISMATCH");
    assert_eq!(code(NewColumn::Empty(Arc::new(Field::new("x", DataType::Int8, false)))), "INVALID_ARGUMENT");
    assert_eq!(table.version().unwrap(), 2);
}

#[test]
fn dropped_columns_take_their_indexes_along_and_leave_the_disk_with_compaction() {
    let (folder, table) = table_of(&(0..300).map(|id| (id, id)).collect::<Vec<_>>());
    create_index(&table);
    add(&table, &[sql("twice", "n * 2")]);
    let with_vectors = table.stats().unwrap().bytes;

    table.drop_columns(&["vector".to_owned(), "n".to_owned()]).unwrap();

    assert!(table.list_indices().unwrap().is_empty());
    assert_eq!(ints(&table, "twice")[..3], [Some(0), Some(2), Some(4)]);
    let compacted = table.compact(&Progress::none()).unwrap();
    assert_eq!((compacted.files_removed, compacted.files_added), (2, 1));
    assert!(table.stats().unwrap().bytes < with_vectors);
    for table in [&table, &Table::open(folder.path(), "t", TableOptions::default()).unwrap()] {
        assert_eq!(ints(table, "twice")[299], Some(598));
        table.current().unwrap().verify().unwrap();
    }
    assert_eq!(table.compact(&Progress::none()).unwrap(), Compacted::default());
    let error = table.drop_columns(&["id".to_owned(), "twice".to_owned()]).unwrap_err();
    assert_eq!(error.code(), "INVALID_ARGUMENT");
    table.checkout(&VersionRef::Number(3)).unwrap();
    assert_eq!(nearest(&table, 7, 1, false), [(7, 7)]);
}

#[test]
fn a_file_of_columns_that_all_went_goes_at_once() {
    let (_folder, table) = table_of(&[(1, 1)]);
    add(&table, &[sql("a", "1"), sql("b", "2")]);
    add(&table, &[sql("c", "a + b")]);

    table.drop_columns(&["a".to_owned(), "b".to_owned()]).unwrap();

    assert_eq!(table.current().unwrap().manifest().files().count(), 2);
    assert!(!table.current().unwrap().manifest().segments[0].has_unused_columns());
    assert_eq!(rows(&table).column_by_name("c").unwrap().len(), 1);
    table.current().unwrap().verify().unwrap();
}

#[test]
fn a_renamed_column_keeps_its_rows_and_its_index() {
    let (_folder, table) = table_of(&(0..300).map(|id| (id, id)).collect::<Vec<_>>());
    create_index(&table);

    let rename = Some("embedding".to_owned());
    alter(&table, Alteration { column: "vector".to_owned(), rename, ..Alteration::default() }).unwrap();

    assert_eq!(table.list_indices().unwrap()[0].entry.column, "embedding");
    let request = Request {
        rows: crate::query::Rows::Nearest(crate::query::Nearest {
            vectors: vec![vec![7.0, 0.0, 0.0, 0.0]],
            ..Default::default()
        }),
        limit: Some(1),
        ..Request::default()
    };
    assert_eq!(run(&table, request.clone()), [(7, 7)]);
    assert!(table.plan(&request).unwrap().explain(false).contains("vector_idx"));
}

#[test]
fn the_index_of_a_column_with_a_dot_in_its_name_is_not_that_of_the_column_before_the_dot() {
    let schema: SchemaRef = Arc::new(Schema::new(vec![
        Field::new("a", DataType::Int32, true),
        Field::new("a.b", DataType::Int32, true),
    ]));
    let folder = tempfile::tempdir().unwrap();
    let create = Table::create(folder.path(), "t", &schema, CreateMode::Create, TableOptions::default());
    let table = create.unwrap().finish().unwrap();
    let values = Arc::new(Int32Array::from_iter_values(0..100));
    table.add(&RecordBatch::try_new(schema, vec![values.clone(), values]).unwrap()).unwrap();
    let options = IndexOptions { config: IndexConfig::Scalar(ScalarKind::BTree), ..IndexOptions::default() };
    table.create_index("a.b", &options, &Progress::none()).unwrap();
    let indexed = || table.list_indices().unwrap()[0].entry.column.clone();

    let rename = |from: &str, to: &str| {
        let (column, rename) = (from.to_owned(), Some(to.to_owned()));
        alter(&table, Alteration { column, rename, ..Alteration::default() }).unwrap()
    };
    rename("a", "z");
    assert_eq!(indexed(), "a.b");
    assert_eq!(table.count_rows(Some(&"`a.b` < 3".into())).unwrap(), 3);
    rename("z", "a");
    table.drop_columns(&["a".to_owned()]).unwrap();
    assert_eq!(indexed(), "a.b");
    rename("a.b", "c");
    assert_eq!(indexed(), "c");
    assert_eq!(table.count_rows(Some(&"c < 3".into())).unwrap(), 3);
}

#[test]
fn a_column_gets_another_type_if_every_value_fits() {
    let (_folder, table) = table_of(&[(1, 10), (2, 300), (3, 30)]);
    create_index(&table);
    let cast = |column: &str, data_type| Alteration {
        column: column.to_owned(),
        data_type: Some(data_type),
        ..Alteration::default()
    };

    let error = alter(&table, cast("n", NewType::Name("TINYINT".to_owned()))).unwrap_err();
    assert_eq!(error.code(), "INVALID_DATA");
    assert!(error.to_string().contains("row 1"), "{error}");
    table.delete("n = 300", &Progress::none()).unwrap();
    alter(&table, cast("n", NewType::Name("TINYINT".to_owned()))).unwrap();
    let half = DataType::new_fixed_size_list(DataType::Float16, 4, true);
    alter(&table, cast("vector", NewType::Arrow(half.clone()))).unwrap();

    let schema = table.schema().unwrap();
    assert_eq!(schema.field_with_name("n").unwrap().data_type(), &DataType::Int8);
    assert_eq!(schema.field_with_name("vector").unwrap().data_type(), &half);
    assert!(table.list_indices().unwrap().is_empty());
    let rows = rows(&table);
    let vectors = rows.column_by_name("vector").unwrap().as_fixed_size_list().values().clone();
    assert_eq!(f32::from(vectors.as_primitive::<Float16Type>().value(4)), 3.0);
    table.current().unwrap().verify().unwrap();
}

#[test]
fn a_column_allows_no_nulls_once_no_row_has_one() {
    let schema: SchemaRef = Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int32, true),
        Field::new("name", DataType::Utf8, true),
    ]));
    let folder = tempfile::tempdir().unwrap();
    let options = TableOptions::default();
    let mut writer = Table::create(folder.path(), "t", &schema, CreateMode::Create, options).unwrap();
    let ids = Int32Array::from(vec![1, 2, 3]);
    let names = StringArray::from(vec![Some("a"), None, Some("c")]);
    let rows = RecordBatch::try_new(schema, vec![Arc::new(ids), Arc::new(names)]).unwrap();
    writer.write(&rows).unwrap();
    let table = writer.finish().unwrap();
    let required =
        || Alteration { column: "name".to_owned(), nullable: Some(false), ..Alteration::default() };

    assert_eq!(alter(&table, required()).unwrap_err().code(), "INVALID_DATA");
    table.delete("name IS NULL", &Progress::none()).unwrap();
    alter(&table, required()).unwrap();

    assert_eq!(table.count_rows(Some(&"name IN ('a', 'c')".into())).unwrap(), 2);
    assert_eq!(ints(&table, "id"), [Some(1), Some(3)]);
    assert_eq!(table.add(&rows).unwrap_err().code(), "INVALID_DATA");
    table.current().unwrap().verify().unwrap();
    table.compact(&Progress::none()).unwrap();
    assert_eq!(ints(&table, "id"), [Some(1), Some(3)]);
    table.current().unwrap().verify().unwrap();
}

#[test]
fn rows_that_were_added_while_columns_were_are_a_conflict_and_those_before_have_them() {
    let (folder, table) = table_of(&[(1, 1)]);
    let other = Table::open(folder.path(), "t", TableOptions::default()).unwrap();
    let mut late = other.writer(WriteMode::Append).unwrap();
    late.write(&batch(&[(2, 2)])).unwrap();
    other.add(&batch(&[(3, 3)])).unwrap();

    add(&table, &[sql("m", "n")]);

    assert_eq!(late.commit().unwrap_err().code(), "CONFLICT");
    assert_eq!(scanned(&other), [(1, 1), (3, 3)]);
    assert_eq!(ints(&other, "m"), [Some(1), Some(3)]);
}
