//! What a process has too little of is an error that names the file; the table stays at its last version, nothing is
//! left behind, and everything works again once there is enough.
#![cfg(unix)]

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, RecordBatch};

use quiverdb::connection::{ConnectOptions, Connection};
use quiverdb::error::Error;
use quiverdb::index::IndexConfig;
use quiverdb::index::scalar::ScalarKind;
use quiverdb::progress::Progress;
use quiverdb::table::{CreateMode, IndexOptions, OptimizeOptions, Table};

/// The folder a child works in; set for children only.
const FOLDER: &str = "QUIVERDB_TEST_RESOURCES_FOLDER";
/// A user who owns nothing. Who may do everything cannot be refused anything.
const NOBODY: u32 = 65534;

fn rows(ids: std::ops::Range<i32>) -> RecordBatch {
    RecordBatch::try_from_iter([("id", Arc::new(Int32Array::from_iter_values(ids)) as ArrayRef)]).unwrap()
}

fn connect(folder: &Path) -> Connection {
    Connection::connect(folder.to_str().unwrap(), ConnectOptions::default()).unwrap()
}

fn create(folder: &Path) -> Table {
    let mut writer = connect(folder).create_table("t", &rows(0..1).schema(), CreateMode::Create).unwrap();
    writer.write(&rows(0..1000)).unwrap();
    writer.finish().unwrap()
}

/// All files and folders below a folder, sorted.
fn everything_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(everything_below(&path));
        }
        found.push(path);
    }
    found.sort();
    found
}

/// Tries every kind of write, each of which must fail with an error that names a file of the table.
fn assert_all_refused(table: &Table) {
    let none = &Progress::none();
    let scalar = IndexConfig::Scalar(ScalarKind::BTree);
    let index = IndexOptions { config: scalar, ..IndexOptions::default() };
    let refused = [
        table.add(&rows(5000..5100)).map(|_| ()),
        table.delete("id < 10", none).map(|_| ()),
        table
            .update(None, &[("id".to_owned(), quiverdb::table::NewValue::Sql("id + 1".to_owned()))], none)
            .map(|_| ()),
        table.create_index("id", &index, none),
        table.create_tag("a", 1),
    ];
    for (which, result) in refused.into_iter().enumerate() {
        let Err(Error::Io { path, .. }) = &result else { panic!("write {which}: {result:?}") };
        assert!(path.starts_with(table.path()), "write {which}: {result:?}");
    }
}

/// Runs the test `name` of this binary again in `folder`; `prepare` makes its process poor.
fn run_again(name: &str, folder: &Path, prepare: impl FnOnce(&mut Command)) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([name, "--exact", "--nocapture"]).env(FOLDER, folder);
    prepare(&mut command);
    let child = command.output().unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
    assert!(String::from_utf8_lossy(&child.stdout).contains("1 passed"));
}

fn child_folder() -> Option<PathBuf> {
    std::env::var_os(FOLDER).map(Into::into)
}

#[test]
fn in_a_folder_that_may_only_be_read_writes_fail_and_reads_do_not() {
    if let Some(folder) = child_folder() {
        let table = connect(&folder).open_table("t").unwrap();
        assert_all_refused(&table);
        assert_eq!(table.count_rows(Some(&"id > 10".into())).unwrap(), 989);
        assert_eq!(table.verify(&Progress::none()).unwrap().problems, [""; 0]);
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("db");
    create(&folder);
    let all = everything_below(home.path());
    let allow = |mode| {
        for path in all.iter().filter(|path| path.is_dir()) {
            fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        }
    };
    fs::set_permissions(home.path(), Permissions::from_mode(0o755)).unwrap();
    allow(0o555);

    let is_root = File::create(folder.join("may-be-made")).is_ok();
    let _ = fs::remove_file(folder.join("may-be-made"));
    // Children of a user without rights may not be able to read this binary either.
    let exe = std::env::current_exe().unwrap();
    let may_run = || Command::new("test").arg("-x").arg(&exe).uid(NOBODY).status().is_ok_and(|s| s.success());
    if !is_root || may_run() {
        let name = "in_a_folder_that_may_only_be_read_writes_fail_and_reads_do_not";
        run_again(name, &folder, |command| {
            if is_root {
                command.uid(NOBODY);
            }
        });
    }

    allow(0o755);
    assert_eq!(everything_below(home.path()), all);
    assert_eq!(connect(&folder).open_table("t").unwrap().add(&rows(0..1)).unwrap(), 2);
}

#[test]
fn with_too_many_files_open_writes_fail_and_go_on_when_there_are_fewer() {
    if let Some(folder) = child_folder() {
        return run_out_of_files(&folder);
    }
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("db");
    create(&folder);
    run_again("with_too_many_files_open_writes_fail_and_go_on_when_there_are_fewer", &folder, |command| {
        let exe = command.get_program().to_owned();
        let args: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
        let mut limited = Command::new("sh");
        limited.args(["-c", r#"ulimit -n 64; exec "$0" "$@""#]).arg(exe).args(args).env(FOLDER, &folder);
        *command = limited;
    });
}

fn run_out_of_files(folder: &Path) {
    let table = connect(folder).open_table("t").unwrap();
    let before = everything_below(folder);
    let all_there_are: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();

    assert_all_refused(&table);
    let unopened = connect(folder).open_table("t").unwrap_err();
    assert!(matches!(&unopened, Error::Io { path, .. } if path.starts_with(table.path())), "{unopened}");

    drop(all_there_are);
    assert_eq!(everything_below(folder), before);
    assert_eq!(table.version().unwrap(), 1);
    assert_eq!(table.add(&rows(1000..1001)).unwrap(), 2);
    assert_eq!(connect(folder).open_table("t").unwrap().count_rows(None).unwrap(), 1001);
}

#[cfg(target_os = "linux")]
mod growth {
    use super::*;

    fn descriptors() -> usize {
        fs::read_dir("/proc/self/fd").unwrap().count()
    }

    /// Memory that is not of files, in KiB: files of a table are mapped, and the system keeps them as long as it likes.
    fn own_memory() -> u64 {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    fn maps() -> usize {
        fs::read_to_string("/proc/self/maps")
            .unwrap()
            .lines()
            .filter(|line| line.contains(".quiver/"))
            .count()
    }

    #[test]
    fn ten_thousand_opens_and_closes_keep_nothing() {
        if let Some(folder) = child_folder() {
            return open_and_close(&folder);
        }
        let folder = tempfile::tempdir().unwrap();
        let table = create(folder.path());
        let scalar = IndexConfig::Scalar(ScalarKind::BTree);
        let index = IndexOptions { config: scalar, ..IndexOptions::default() };
        table.create_index("id", &index, &Progress::none()).unwrap();
        table.delete("id < 10", &Progress::none()).unwrap();
        // Other tests of this process would be counted, too.
        run_again("growth::ten_thousand_opens_and_closes_keep_nothing", folder.path(), |_| {});
    }

    fn open_and_close(folder: &Path) {
        let round = || {
            let table = connect(folder).open_table("t").unwrap();
            assert_eq!(table.count_rows(Some(&"id = 500".into())).unwrap(), 1);
            table.close();
        };
        (0..500).for_each(|_| round());
        let (files, memory) = (descriptors(), own_memory());

        (0..10_000).for_each(|_| round());

        assert_eq!(descriptors(), files);
        assert_eq!(maps(), 0);
        let grown = own_memory().saturating_sub(memory);
        assert!(grown < 2048, "memory grew by {grown} KiB");
    }
}

/// A file system in memory that holds little. Only who may mount one can have it.
#[cfg(target_os = "linux")]
struct SmallDisk {
    folder: tempfile::TempDir,
}

#[cfg(target_os = "linux")]
impl SmallDisk {
    fn mount(size: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let options = format!("size={size}");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(folder.path());
        mount.output().is_ok_and(|output| output.status.success()).then_some(Self { folder })
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("db")
    }

    /// Leaves no room, not even for one small file.
    fn fill(&self) -> PathBuf {
        let path = self.folder.path().join("filler");
        let mut file = File::create(&path).unwrap();
        while std::io::Write::write_all(&mut file, &[1; 4096]).is_ok() {}
        path
    }
}

#[cfg(target_os = "linux")]
impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.folder.path()).status();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_disk_without_any_room_refuses_writes_and_takes_them_again() {
    let Some(disk) = SmallDisk::mount("2m") else {
        return println!("no file system may be mounted here");
    };
    let table = create(&disk.path());
    let before = everything_below(&disk.path());
    let filler = disk.fill();

    assert_all_refused(&table);
    // Tidying up needs no room where there is nothing to write.
    table.optimize(&OptimizeOptions::default(), &Progress::none()).unwrap();

    assert_eq!(everything_below(&disk.path()), before);
    assert_eq!((table.version().unwrap(), table.count_rows(None).unwrap()), (1, 1000));
    assert_eq!(table.verify(&Progress::none()).unwrap().problems, [""; 0]);
    fs::remove_file(filler).unwrap();
    assert_eq!(table.add(&rows(1000..1001)).unwrap(), 2);
}
