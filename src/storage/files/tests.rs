use std::fs;
use std::io::Write;

use super::*;

#[test]
fn of_two_creators_of_a_file_the_second_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("1.json");

    assert!(create_new(&path, b"first").unwrap());
    assert!(!create_new(&path, b"second").unwrap());

    assert_eq!(fs::read(&path).unwrap(), b"first");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn new_files_are_removed_unless_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (kept, dropped) = (folder.path().join("kept"), folder.path().join("dropped"));
    fs::write(&kept, "").unwrap();
    fs::create_dir_all(dropped.join("inside")).unwrap();

    NewFiles::one(&kept).keep();
    drop(NewFiles::one(&dropped));

    assert!(kept.exists());
    assert!(!dropped.exists());
}

#[test]
fn an_entry_notices_another_byte_another_length_and_absence() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let mut writer = ChecksumWriter::create(&path).unwrap();
    writer.write_all(b"some bytes").unwrap();
    let entry = writer.finish("file".to_owned()).unwrap();

    entry.verify(folder.path()).unwrap();
    for damage in [&b"some bytEs"[..], b"some byte", b"some bytes "] {
        fs::write(&path, damage).unwrap();
        assert_eq!(entry.verify(folder.path()).unwrap_err().code(), "CORRUPTED");
    }
    fs::remove_file(&path).unwrap();
    assert_eq!(entry.verify(folder.path()).unwrap_err().code(), "CORRUPTED");
}
