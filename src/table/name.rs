//! Names of tables, and the folders that they stand for.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

const SUFFIX: &str = ".quiver";
const LENGTH_MAX: usize = 200;

/// An error unless `name` can be a table's name: 1 to 200 letters (a to z), digits, `_`, `-` and
/// `.`, not beginning with `.`. Such a name is a file name on every system.
pub fn check_name(name: &str) -> Result<()> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    if (1..=LENGTH_MAX).contains(&name.len()) && name.bytes().all(fits) && !name.starts_with('.') {
        return Ok(());
    }
    Err(Error::InvalidTableName { name: name.to_owned() })
}

/// The folder of the table `name` in the folder `connection`.
pub fn folder_of(connection: &Path, name: &str) -> PathBuf {
    connection.join(format!("{name}{SUFFIX}"))
}

/// The name of the table in a folder called `folder`, if that can be a table's folder.
pub fn name_of(folder: &OsStr) -> Option<&str> {
    let name = folder.to_str()?.strip_suffix(SUFFIX)?;
    check_name(name).ok().map(|()| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_no_file_names_are_errors() {
        for name in ["", "a/b", "a\\b", "..", ".hidden", "a b", "a\0", "ä", "a:b", &"x".repeat(201)] {
            assert_eq!(check_name(name).unwrap_err().code(), "INVALID_TABLE_NAME", "{name}");
        }
        for name in ["a", "A-1_b.c", "0", "_", "-", "a.quiver", &"x".repeat(200)] {
            check_name(name).unwrap();
        }
    }

    #[test]
    fn a_folder_has_the_name_of_its_table() {
        let folder = folder_of(Path::new("here"), "a.b");

        assert_eq!(name_of(folder.file_name().unwrap()), Some("a.b"));
        assert_eq!(name_of(OsStr::new("a.b")), None);
        assert_eq!(name_of(OsStr::new(".quiver")), None);
    }
}
