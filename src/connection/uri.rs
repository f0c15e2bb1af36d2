//! Where a URI leads.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::error::{Error, IoContext, Result};

/// What a URI stands for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Location {
    /// An absolute path.
    Folder(PathBuf),
    /// A private folder that goes with its last handle.
    Memory,
}

/// Reads a path, in which a leading `~` is the home folder, a `file://` URL or `memory://`.
pub(super) fn parse(uri: &str) -> Result<Location> {
    if uri.is_empty() || uri.contains('\0') {
        return Err(invalid(uri, "it must be a folder's path, a file:// URL or memory://"));
    }
    let path = match scheme(uri) {
        None => home_expanded(uri)?,
        Some(("memory", "" | "/")) => return Ok(Location::Memory),
        Some(("memory", _)) => {
            return Err(invalid(uri, "tables in memory have no name or place; write memory://"));
        }
        Some(("file", rest)) => file_path(uri, rest)?,
        Some(_) => {
            return Err(invalid(uri, "tables are kept in folders: pass a path, a file:// URL or memory://"));
        }
    };
    std::path::absolute(&path).at("find", &path).map(Location::Folder)
}

/// A path with `~` or `~/` at its start replaced by the home folder, as a shell does. Other users' homes
/// (`~name`) are not looked up: such a name is a folder.
fn home_expanded(path: &str) -> Result<PathBuf> {
    let Some(rest) = path.strip_prefix('~') else { return Ok(PathBuf::from(path)) };
    if !rest.is_empty() && !rest.starts_with(std::path::is_separator) {
        return Ok(PathBuf::from(path));
    }
    let home = std::env::home_dir()
        .filter(|home| home.is_absolute())
        .ok_or_else(|| invalid(path, "a path without ~: this user has no home folder"))?;
    Ok(home.join(rest.trim_start_matches(std::path::is_separator)))
}

/// The scheme of a URL in lower case, and what follows `://`.
fn scheme(uri: &str) -> Option<(&'static str, &str)> {
    let (scheme, rest) = uri.split_once("://")?;
    let known = match scheme.to_ascii_lowercase().as_str() {
        "memory" => "memory",
        "file" => "file",
        word if word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte)) => "other",
        _ => return None,
    };
    (!scheme.is_empty()).then_some((known, rest))
}

/// The path of a `file://` URL, given what follows the scheme.
fn file_path(uri: &str, rest: &str) -> Result<PathBuf> {
    let local = rest.strip_prefix("localhost").unwrap_or(rest);
    if !local.starts_with('/') {
        return Err(invalid(uri, "a file:// URL has three slashes before an absolute path: file:///data"));
    }
    // file:///C:/data on Windows.
    let local = if cfg!(windows) { &local[1..] } else { local };
    let bytes =
        decoded(local).ok_or_else(|| invalid(uri, "each % must be followed by two hexadecimal digits"))?;
    if bytes.contains(&0) {
        return Err(invalid(uri, "a path has no zero byte"));
    }
    path(bytes).ok_or_else(|| invalid(uri, "its path must be UTF-8 once decoded"))
}

#[cfg(unix)]
fn path(bytes: Vec<u8>) -> Option<PathBuf> {
    let name: OsString = std::os::unix::ffi::OsStringExt::from_vec(bytes);
    Some(name.into())
}

#[cfg(not(unix))]
fn path(bytes: Vec<u8>) -> Option<PathBuf> {
    let name: OsString = String::from_utf8(bytes).ok()?.into();
    Some(name.into())
}

/// Undoes percent-encoding.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(if byte == b'%' { hex(rest.next()?)? * 16 + hex(rest.next()?)? } else { byte });
    }
    Some(bytes)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

fn invalid(uri: &str, expected: &str) -> Error {
    Error::invalid("uri", format!("\"{}\"", uri.escape_debug()), expected)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn folder(uri: &str) -> PathBuf {
        match parse(uri).unwrap() {
            Location::Folder(path) => path,
            Location::Memory => panic!("{uri} is in memory"),
        }
    }

    #[test]
    fn a_relative_path_is_made_absolute() {
        assert_eq!(folder("data/cities"), std::env::current_dir().unwrap().join("data/cities"));
    }

    #[test]
    fn a_leading_tilde_is_the_home_folder() {
        let home = std::env::home_dir().unwrap();
        assert_eq!(folder("~"), home);
        assert_eq!(folder("~/"), home);
        assert_eq!(folder("~/data//cities"), home.join("data/cities"));
        assert_eq!(folder("~//etc"), home.join("etc"));
    }

    #[test]
    fn a_tilde_elsewhere_is_part_of_a_name() {
        let here = std::env::current_dir().unwrap();
        assert_eq!(folder("./~"), here.join("~"));
        assert_eq!(folder("~name/data"), here.join("~name/data"));
        assert_eq!(folder("file:///~/data"), PathBuf::from("/~/data"));
    }

    #[test]
    fn a_file_url_is_percent_decoded() {
        assert_eq!(folder("file:///a%20b/%C3%A4"), PathBuf::from("/a b/ä"));
        assert_eq!(folder("FILE://localhost/a"), PathBuf::from("/a"));
        assert_eq!(folder("/a%20b"), PathBuf::from("/a%20b"));
    }

    #[test]
    fn memory_has_no_path() {
        assert_eq!(parse("memory://").unwrap(), Location::Memory);
    }

    #[test]
    fn other_uris_are_errors_that_name_what_works() {
        for uri in
            ["", "s3://bucket", "db://x", "file://host/a", "file:///%zz", "memory://x", "a\0", "file:///%00"]
        {
            let error = parse(uri).unwrap_err();
            assert_eq!(error.code(), "INVALID_ARGUMENT", "{uri}");
        }
    }
}
