//! Any one file that is changed, cut short or gone is told of by name, by opening the table or by verifying it.

use std::fs;
use std::path::{Path, PathBuf};

use quiverdb::table::{
    Alteration, CreateMode, NewColumn, NewType, OptimizeOptions, Retention, Table, TableOptions, VersionRef,
};

use crate::{connect, create_index, ids, none, rows, schema, upsert};

/// A table with files of every kind. Two versions are left, and an earlier one that has a tag.
fn table_with_everything(folder: &Path) -> Table {
    let table = connect(folder).create_empty_table("t", &schema(), CreateMode::Create).unwrap();
    table.add(&rows(&(0..1000).collect::<Vec<_>>())).unwrap();
    create_index(&table);
    table.delete("id % 10 = 3", &none()).unwrap();
    upsert(&table, &(900..950).collect::<Vec<_>>());
    table.create_tag("before", table.version().unwrap()).unwrap();
    table.compact(&none()).unwrap();
    table.add(&rows(&(2000..2010).collect::<Vec<_>>())).unwrap();
    table.extend_indexes(&none()).unwrap();
    let column = NewColumn::Sql { name: "double".to_owned(), sql: "id * 2".to_owned() };
    table.add_columns(&[column], &none()).unwrap();
    let data_type = Some(NewType::Name("DOUBLE".to_owned()));
    let alteration = Alteration { column: "double".to_owned(), data_type, ..Alteration::default() };
    table.alter_columns(&[alteration], &none()).unwrap();
    table.delete("id = 2005", &none()).unwrap();
    let options = OptimizeOptions { keep: Some(Retention::last(3)), ..OptimizeOptions::default() };
    table.optimize(&options, &none()).unwrap();
    table
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files.sort();
    files
}

/// Opens the table anew and verifies it; what is said of damage.
fn told(folder: &Path) -> Vec<String> {
    match Table::open(folder, "t", TableOptions::default()) {
        Err(error) => vec![error.to_string()],
        Ok(table) => match table.verify(&none()) {
            Err(error) => vec![error.to_string()],
            Ok(verified) => verified.problems,
        },
    }
}

#[test]
fn any_damaged_file_is_told_of_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let table = table_with_everything(folder.path());
    let expected = ids(&table);
    assert_eq!(told(folder.path()), [""; 0]);
    let table_folder = table.path().to_owned();
    table.close();
    let files = files_below(&table_folder);
    for kind in ["versions", "data", "deletions", "row_ids", "indexes", "tags", "pinned"] {
        assert!(files.iter().any(|file| file.starts_with(table_folder.join(kind))), "no {kind}");
    }

    for path in &files {
        let whole = fs::read(path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        let middle = whole.len() / 2;
        if whole.is_empty() {
            // That it is there is all that it says.
            assert!(name.ends_with(".oldest"), "{name}");
            continue;
        }
        let flipped = |at: usize| {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x10;
            Some(bytes)
        };
        let damages = [
            ("flipped at the start", flipped(0)),
            ("flipped in the middle", flipped(middle)),
            ("flipped at the end", flipped(whole.len() - 1)),
            ("cut short", Some(whole[..middle].to_vec())),
            ("emptied", Some(Vec::new())),
            ("gone", None),
        ];
        for (what, bytes) in damages {
            // Never in place: somebody may have mapped the file.
            fs::remove_file(path).unwrap();
            if let Some(bytes) = &bytes {
                fs::write(path, bytes).unwrap();
            }
            let told = told(folder.path());
            let is_named = told.iter().any(|problem| problem.contains(name));
            assert!(
                is_named || (bytes.is_none() && may_be_gone(&table_folder, path)),
                "{name} {what}: {told:?}"
            );
            let _ = fs::remove_file(path);
            fs::write(path, &whole).unwrap();
        }
    }

    assert_eq!(told(folder.path()), [""; 0]);
    let table = connect(folder.path()).open_table("t").unwrap();
    assert_eq!(ids(&table), expected);
    table.checkout(&VersionRef::Tag("before".to_owned())).unwrap();
    assert!(ids(&table).contains(&901));
}

/// Without the list of tags, a table is one that never had a tag; without the newest manifest, it is what it was before.
fn may_be_gone(table: &Path, path: &Path) -> bool {
    let in_folder = |name: &str| path.starts_with(table.join(name));
    let is_newest = files_below(&table.join("versions")).last().is_none_or(|last| last.as_path() < path);
    in_folder("tags") || (in_folder("versions") && is_newest)
}

#[test]
fn a_repaired_table_has_the_rows_of_its_last_whole_version() {
    let folder = tempfile::tempdir().unwrap();
    let table = connect(folder.path()).create_empty_table("t", &schema(), CreateMode::Create).unwrap();
    table.add(&rows(&[1, 2, 3])).unwrap();
    create_index(&table);
    table.add(&rows(&[4])).unwrap();
    table.add(&rows(&[5])).unwrap();
    let last = table.current().unwrap().manifest().segments.last().unwrap().file.clone();
    table.close();
    fs::remove_file(last.locate(table.path())).unwrap();

    let connection = connect(folder.path());
    let repaired = connection.repair_table("t", &none()).unwrap();

    assert_eq!((repaired.version, repaired.restored), (6, 4));
    assert!(repaired.problems[0].contains(&last.path), "{repaired:?}");
    let table = connection.open_table("t").unwrap();
    assert_eq!(ids(&table), [1, 2, 3, 4]);
    assert_eq!(table.list_indices().unwrap().len(), 1);
    table.add(&rows(&[6])).unwrap();
    assert_eq!(ids(&table), [1, 2, 3, 4, 6]);
    let again = connection.repair_table("t", &none()).unwrap();
    assert_eq!((again.version, again.restored, again.problems.len()), (7, 7, 0));
}
