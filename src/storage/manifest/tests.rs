use std::fs;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use serde_json::json;

use super::*;

fn manifest(version: u64) -> Manifest {
    let vector = DataType::new_fixed_size_list(DataType::Float32, 4, true);
    let schema = Schema::new(vec![Field::new("id", DataType::Int64, false), Field::new("v", vector, true)]);
    let file = FileEntry { path: "data/a.arrow".to_owned(), bytes: 10, crc32c: 7 };
    let segment = SegmentEntry {
        file: file.clone(),
        rows: 3,
        first_row_id: 0,
        row_ids: None,
        batches: vec![2, 1],
        footer_crc32c: 9,
        deletions: None,
        parts: Vec::new(),
        columns: None,
        unused_columns: 0,
    };
    let index = IndexEntry {
        name: "v_idx".to_owned(),
        column: "v".to_owned(),
        kind: "IVF_PQ".to_owned(),
        uuid: "u".to_owned(),
        metric: "l2".to_owned(),
        row_id_end: 3,
        rows: 3,
        covered_rows: 3,
        created_ms: 5,
        files: vec![file],
        details: json!({"partitions": 2}),
    };
    let table_id = "the table's".to_owned();
    let mut manifest =
        Manifest { version, table_id, indexes: vec![index], ..Manifest::first(Arc::new(schema)) };
    manifest.append(&[segment]);
    manifest
}

fn table_with_versions(versions: &[u64]) -> tempfile::TempDir {
    let table = tempfile::tempdir().unwrap();
    fs::create_dir(table.path().join("versions")).unwrap();
    for &version in versions {
        fs::write(Manifest::path(table.path(), version), manifest(version).encode().unwrap()).unwrap();
    }
    table
}

#[test]
fn reading_undoes_publishing() {
    let table = table_with_versions(&[]);
    let written = manifest(1);
    written.publish(table.path()).unwrap();

    assert_eq!(Manifest::latest(table.path()).unwrap().unwrap(), written);
}

#[test]
fn a_manifest_is_json_that_people_can_read() {
    let table = table_with_versions(&[1]);

    let bytes = fs::read(Manifest::path(table.path(), 1)).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&bytes).unwrap();

    assert_eq!(json["format"], 1);
    assert_eq!(json["columns"][0], "id: Int64 not null");
}

#[test]
fn latest_is_the_highest_version() {
    let table = table_with_versions(&[2, 10, 9]);

    assert_eq!(Manifest::latest(table.path()).unwrap().unwrap().version, 10);
}

#[test]
fn half_written_commit_is_invisible() {
    let table = table_with_versions(&[1]);

    fs::write(table.path().join("versions/.tmp-8f3a"), b"{\"version\": 2, ").unwrap();
    fs::write(table.path().join("versions/2.json"), b"{").unwrap();

    assert_eq!(Manifest::latest(table.path()).unwrap().unwrap().version, 1);
}

#[test]
fn a_folder_without_versions_is_no_table() {
    let table = table_with_versions(&[]);

    assert_eq!(Manifest::latest(table.path()).unwrap(), None);
    assert_eq!(Manifest::latest(&table.path().join("nowhere")).unwrap(), None);
}

#[test]
fn a_number_that_was_taken_once_is_not_taken_again() {
    let table = table_with_versions(&[3]);

    assert!(!manifest(2).publish(table.path()).unwrap(), "its base is gone");
    assert!(!manifest(1).publish(table.path()).unwrap(), "there is a newer version");
    assert!(manifest(4).publish(table.path()).unwrap());
    assert_eq!(Manifest::versions(table.path()).unwrap(), [3, 4]);
}

#[test]
fn a_version_of_a_table_that_was_dropped_does_not_follow_one_of_its_successor() {
    let table = table_with_versions(&[1]);
    let late = Manifest { table_id: "of a table before".to_owned(), ..manifest(2) };

    assert!(!late.publish(table.path()).unwrap());
    assert_eq!(Manifest::versions(table.path()).unwrap(), [1]);
}

#[test]
fn second_writer_of_a_version_loses() {
    let table = table_with_versions(&[1]);
    let late = Manifest { next_row_id: 99, ..manifest(1) };

    assert!(!late.publish(table.path()).unwrap());

    assert_eq!(Manifest::latest(table.path()).unwrap().unwrap().next_row_id, 3);
}

#[test]
fn flipping_any_byte_is_noticed() {
    let table = table_with_versions(&[1]);
    let path = Manifest::path(table.path(), 1);
    let whole = fs::read(&path).unwrap();

    for position in 0..whole.len() {
        for bit in 0..8 {
            let mut damaged = whole.clone();
            damaged[position] ^= 1 << bit;
            let error = Manifest::decode(&path, &damaged).unwrap_err();
            assert_eq!(error.code(), "CORRUPTED", "byte {position}, bit {bit}");
        }
    }
}

#[test]
fn a_manifest_of_another_length_is_damaged() {
    let path = Path::new("1.json");
    let whole = manifest(1).encode().unwrap();

    for length in 0..whole.len() {
        assert!(Manifest::decode(path, &whole[..length]).is_err());
    }
    assert!(Manifest::decode(path, &[&whole[..], b"\n"].concat()).is_err());
}

#[test]
fn a_newer_format_asks_for_an_upgrade() {
    let rest = br#""format": 2, "rows": "elsewhere"}"#;
    let bytes = [checked_json::first_line(rest).as_bytes(), rest].concat();

    let error = Manifest::decode(Path::new("1.json"), &bytes).unwrap_err();

    assert_eq!(error.code(), "UNSUPPORTED_FORMAT");
}

#[test]
fn row_ids_continue_where_they_stopped() {
    let mut manifest = manifest(1);
    let again = manifest.segments.clone();

    manifest.append(&again);

    assert_eq!(manifest.segments[1].first_row_id, 3);
    assert_eq!(manifest.next_row_id, 6);
    assert_eq!(manifest.row_count(), 6);
}

#[test]
fn row_ids_out_of_order_are_damage() {
    let mut disordered = manifest(1);
    disordered.segments.push(disordered.segments[0].clone());

    let bytes = disordered.encode().unwrap();

    assert_eq!(Manifest::decode(Path::new("1.json"), &bytes).unwrap_err().code(), "CORRUPTED");
}
