//! `src/` is built in layers: a room imports only the rooms listed beside it.
//!
//! The tables below are the architecture. A new arrow, a new home for `unsafe` or a longer file is a
//! visible change to one of them. `docs/architecture.md` says what the rooms are for.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// Every room, and the rooms it may import.
const ROOMS: &[(&str, &[&str])] = &[
    ("node", &["connection", "table", "query", "index", "gpu", "filter", "distance", "progress", "error"]),
    ("connection", &["table", "storage", "progress", "error"]),
    ("table", &["query", "index", "filter", "storage", "distance", "progress", "error"]),
    ("query", &["index", "filter", "storage", "distance", "progress", "error"]),
    ("index", &["kmeans", "gpu", "distance", "storage", "progress", "error"]),
    ("filter", &["error"]),
    ("storage", &["progress", "error"]),
    ("kmeans", &["gpu", "distance", "progress", "error"]),
    ("gpu", &["error"]),
    ("distance", &[]),
    ("progress", &["error"]),
    ("error", &[]),
];

/// The only room that knows JavaScript.
const BINDINGS: &str = "node";

/// Where `unsafe` may be written. A name without a slash is allowed in every room.
const UNSAFE_FILES: &[&str] = &[
    // The kernels of one instruction set.
    "avx2.rs",
    "avx512.rs",
    "neon.rs",
    // The loops that these share, generic over a register, and their twin in plain Rust.
    "lanes.rs",
    "distance/sums.rs",
    "kmeans/kernel/plain.rs",
    // Hints to fetch memory.
    "distance/prefetch.rs",
    // The memory map, and the decoding of Arrow data in it without a second pass over the bytes.
    "storage/map.rs",
    "storage/segment/file.rs",
    // What wgpu asks to be promised.
    "gpu/trusted.rs",
    // The trait by which napi asks for values that it has no name for.
    "node/to_js.rs",
];

/// The only folder that creates, names, removes and syncs files ...
const DISK: &str = "src/storage/files/";

/// ... and the words by which that is done.
const DISK_WORDS: &[&str] = &[
    "tempfile",
    "OpenOptions",
    "create_dir",
    "create_dir_all",
    "remove_file",
    "remove_dir",
    "remove_dir_all",
    "hard_link",
    "set_permissions",
    "set_modified",
    "set_times",
    "sync_all",
    "sync_data",
];

/// As those, where the word alone is not enough.
const DISK_CALLS: &[&str] =
    &["fs::rename", "fs::write", "fs::copy", "File::create", "File::create_new", "File::options"];

/// The longest a file may be in lines, its unit tests not counted.
const LINES_MAX: usize = 450;

#[test]
fn rooms_import_only_rooms_below_them() {
    let mut faults = String::new();
    for file in sources() {
        let Some(room) = file.room() else { continue };
        let Some((_, allowed)) = ROOMS.iter().find(|(name, _)| *name == room) else {
            let _ = writeln!(faults, "{}: the room `{room}` is not in ROOMS", file.name);
            continue;
        };
        for import in imports(&file) {
            match import {
                Import::Room(line, target) if target != room && !allowed.contains(&target.as_str()) => {
                    let _ = writeln!(faults, "{}:{line}: new arrow {room} -> {target}", file.name);
                }
                Import::Unreadable(line, reason) => {
                    let _ = writeln!(faults, "{}:{line}: {reason}", file.name);
                }
                Import::Room(..) => {}
            }
        }
    }
    assert!(faults.is_empty(), "\n{faults}");
}

#[test]
fn the_arrows_have_no_cycle() {
    // Every room is listed above the rooms it imports, so following arrows only ever leads down.
    for (position, (room, allowed)) in ROOMS.iter().enumerate() {
        for target in *allowed {
            let below = ROOMS.iter().skip(position + 1).any(|(name, _)| name == target);
            assert!(below, "{room} -> {target} leads up, or to a room that does not exist");
        }
    }
}

#[test]
fn only_the_bindings_mention_napi() {
    let faults = lines_with("napi", |file| file.room() != Some(BINDINGS));
    assert!(faults.is_empty(), "napi outside src/{BINDINGS}:\n{faults}");
}

#[test]
fn only_the_gpu_room_mentions_wgpu() {
    let faults = lines_with("wgpu", |file| file.room() != Some("gpu"));
    assert!(faults.is_empty(), "wgpu outside src/gpu:\n{faults}");
}

#[test]
fn unsafe_lives_in_kernels_and_the_memory_map() {
    let allowed = |file: &Source| {
        let name = file.name.trim_start_matches("src/");
        UNSAFE_FILES.iter().any(|allowed| match allowed.contains('/') {
            true => name == *allowed,
            false => name.rsplit('/').next() == Some(allowed),
        })
    };
    let faults = lines_with("unsafe", |file| !allowed(file));
    assert!(faults.is_empty(), "unsafe outside {UNSAFE_FILES:?}:\n{faults}");
}

#[test]
fn one_folder_changes_the_disk() {
    let mut faults = String::new();
    for file in sources().iter().filter(|file| !file.is_tests() && !file.name.starts_with(DISK)) {
        // What stands in a module of the file are its tests.
        for (line, _, code) in code_lines(file).into_iter().filter(|(_, depth, _)| *depth == file.depth()) {
            let mut words = code.split(|c: char| !c.is_alphanumeric() && c != '_');
            if words.any(|word| DISK_WORDS.contains(&word))
                || DISK_CALLS.iter().any(|call| code.contains(call))
            {
                let _ = writeln!(faults, "{}:{line}: {}", file.name, code.trim());
            }
        }
    }
    assert!(faults.is_empty(), "files are changed outside {DISK}:\n{faults}");
}

#[test]
fn every_file_says_what_it_is_for() {
    let silent = |file: &Source| !file.is_tests() && !file.text.starts_with("//!");
    let silent: Vec<_> = sources().into_iter().filter(silent).collect();
    assert!(silent.is_empty(), "these files do not open with `//!`: {:?}", names(&silent));
}

#[test]
fn files_stay_short_enough_to_read() {
    let lines = |file: &Source| file.text.lines().take_while(|line| *line != "mod tests {").count();
    let long = |file: &Source| !file.is_tests() && lines(file) > LINES_MAX;
    let long: Vec<_> = sources().into_iter().filter(long).collect();
    assert!(long.is_empty(), "these files are longer than {LINES_MAX} lines: {:?}", names(&long));
}

/// A file of `src/`.
struct Source {
    /// From the crate's folder: `src/index/flat.rs`.
    name: String,
    text: String,
}

impl Source {
    /// The room the file belongs to; none for `lib.rs`.
    fn room(&self) -> Option<&str> {
        let name = self.name.strip_prefix("src/")?.strip_suffix(".rs")?;
        let room = name.split('/').next()?;
        (room != "lib").then_some(room)
    }

    /// Whether the file is unit tests and nothing else, as its name says.
    fn is_tests(&self) -> bool {
        self.name.ends_with("/tests.rs") || self.name.contains("/tests/")
    }

    /// How many modules deep the file's own code sits: 1 for `src/query.rs` and `src/query/mod.rs`.
    fn depth(&self) -> usize {
        let path = self.name.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
        path.split('/').count()
    }
}

/// What a line leans on.
enum Import {
    /// A line, and the room it names.
    Room(usize, String),
    /// A line this test cannot follow, and what to write instead.
    Unreadable(usize, &'static str),
}

/// Every mention of another room in the file's code, in order.
fn imports(file: &Source) -> Vec<Import> {
    let mut found = Vec::new();
    for (line, depth, code) in code_lines(file) {
        for rest in code.split("crate::").skip(1) {
            let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            found.push(match name.is_empty() {
                true => Import::Unreadable(line, "write one `use crate::room::…` line for each room"),
                false => Import::Room(line, name),
            });
        }
        if supers(code) >= depth {
            found.push(Import::Unreadable(line, "`super::` leaves the room; write `use crate::room::…`"));
        }
    }
    found
}

/// The lines of a file that hold code, as `(line number, depth of the enclosing module, code)`.
///
/// Relies on rustfmt: an inline module closes with a brace at the indent it was opened with.
fn code_lines(file: &Source) -> Vec<(usize, usize, &str)> {
    let mut inline_modules: Vec<usize> = Vec::new();
    let mut lines = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        let code = line.split("//").next().unwrap_or(line);
        let indent = code.len() - code.trim_start().len();
        let words = code.trim().trim_start_matches("pub(crate) ").trim_start_matches("pub ");
        if inline_modules.last() == Some(&indent) && words.starts_with('}') {
            inline_modules.pop();
        }
        lines.push((index + 1, file.depth() + inline_modules.len(), code));
        if words.starts_with("mod ") && words.ends_with('{') {
            inline_modules.push(indent);
        }
    }
    lines
}

/// The longest chain of `super::` in a line.
fn supers(code: &str) -> usize {
    let starts = code.match_indices("super::").map(|(at, _)| &code[at..]);
    starts
        .map(|rest| rest.split("super::").skip(1).take_while(|s| s.is_empty()).count() + 1)
        .max()
        .unwrap_or(0)
}

/// The lines of code that hold `word` as a whole word, in the files that `select` lets through.
fn lines_with(word: &str, select: impl Fn(&Source) -> bool) -> String {
    let mut found = String::new();
    for file in sources().iter().filter(|file| select(file)) {
        for (line, _, code) in code_lines(file) {
            let mut words = code.split(|c: char| !c.is_alphanumeric() && c != '_');
            if words.any(|w| w == word) {
                let _ = writeln!(found, "{}:{line}: {}", file.name, code.trim());
            }
        }
    }
    found
}

fn names(files: &[Source]) -> Vec<&str> {
    files.iter().map(|file| file.name.as_str()).collect()
}

/// Every Rust file of `src/`.
fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    collect(&root.join("src"), &mut files);
    files.sort();
    assert!(!files.is_empty(), "src/ holds no Rust file");
    let name = |path: &Path| path.strip_prefix(root).unwrap_or(path).to_string_lossy().replace('\\', "/");
    files.iter().map(|path| Source { name: name(path), text: read(path) }).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap_or_else(|e| panic!("cannot list {}: {e}", folder.display())) {
        let path = entry.expect("a readable folder entry").path();
        match path.is_dir() {
            true => collect(&path, files),
            false if path.extension().is_some_and(|extension| extension == "rs") => files.push(path),
            false => {}
        }
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("cannot read {}: {e}", path.display()))
}

/// The readers above, on code that is known.
mod reading {
    use super::*;

    fn found(name: &str, text: &str) -> Vec<String> {
        let file = Source { name: name.to_owned(), text: text.to_owned() };
        let describe = |import| match import {
            Import::Room(line, room) => format!("{line} {room}"),
            Import::Unreadable(line, _) => format!("{line} ?"),
        };
        imports(&file).into_iter().map(describe).collect()
    }

    #[test]
    fn use_lines_and_full_paths_are_both_seen() {
        let text = "use crate::error::Result;\nfn f() -> crate::storage::Manifest {}\n";
        assert_eq!(found("src/query/plan.rs", text), ["1 error", "2 storage"]);
    }

    #[test]
    fn comments_are_not_imports() {
        assert_eq!(
            found("src/kmeans/mod.rs", "//! [`crate::table`]\n// crate::node\n"),
            Vec::<String>::new()
        );
    }

    #[test]
    fn groups_that_span_rooms_are_refused() {
        assert_eq!(found("src/query/plan.rs", "use crate::{error, table};\n"), ["1 ?"]);
    }

    #[test]
    fn super_may_not_leave_the_room() {
        assert_eq!(found("src/query/mod.rs", "use super::table;\n"), ["1 ?"]);
        assert_eq!(found("src/query/plan.rs", "use super::super::table;\n"), ["1 ?"]);
        assert_eq!(found("src/query/plan.rs", "use super::scan;\n"), Vec::<String>::new());
    }

    #[test]
    fn the_tests_of_a_file_may_use_the_file() {
        let text = "mod tests {\n    use super::*;\n    use super::super::table;\n}\nuse super::table;\n";
        assert_eq!(found("src/query/mod.rs", text), ["3 ?", "5 ?"]);
    }
}
