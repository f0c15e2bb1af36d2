//! Small JSON documents of which no byte can change unnoticed, numbered one after the other.
//!
//! The first line of such a file holds the checksum of all that follows it:
//!
//! ```text
//! {"crc32c":"xxxxxxxx",
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::error::{Error, IoContext, Result};
use crate::storage::files;

/// All that every format, also a later one, promises to have.
#[derive(Deserialize)]
struct AnyFormat {
    format: u32,
}

/// The bytes of a document, which must be a struct.
pub(super) fn encode(document: &impl Serialize) -> Result<Vec<u8>> {
    let json = serde_json::to_vec_pretty(document).map_err(Error::internal)?;
    // The document's own opening brace gives way to the one of the first line.
    let rest = json.get(1..).unwrap_or_default();
    Ok([first_line(rest).as_bytes(), rest].concat())
}

/// The document that `bytes`, read from `path`, are.
///
/// # Errors
/// [`Error::Corrupted`] if a byte is not as it was written, [`Error::UnsupportedFormat`] if its member
/// `format` is more than `format_max`.
pub(super) fn decode<T: DeserializeOwned>(path: &Path, bytes: &[u8], format_max: u32) -> Result<T> {
    let damaged = |reason: String| Error::corrupted(path, reason);
    let rest = bytes.get(FIRST_LINE_BYTES..).unwrap_or_default();
    if !bytes.starts_with(first_line(rest).as_bytes()) {
        return Err(damaged("its checksum does not match its content".to_owned()));
    }
    let AnyFormat { format } = serde_json::from_slice(bytes).map_err(|e| damaged(e.to_string()))?;
    if format > format_max {
        return Err(Error::UnsupportedFormat { path: path.to_owned(), found: format, supported: format_max });
    }
    serde_json::from_slice(bytes).map_err(|e| damaged(e.to_string()))
}

/// The bytes of a file that should be there.
pub(super) fn read(path: &Path) -> Result<Vec<u8>> {
    match fs::read(path) {
        Err(error) if files::is_absent(&error) => Err(Error::corrupted(path, "the file is missing")),
        bytes => bytes.at("read", path),
    }
}

/// The file with this number in `folder`.
pub(super) fn numbered(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:020}.json"))
}

/// The numbers of the files in `folder`, ascending; none if there is no such folder.
pub(super) fn numbers_in(folder: &Path) -> Result<Vec<u64>> {
    let found = files::names_in(folder, number_of)?;
    let mut numbers: Vec<u64> = found.into_iter().map(|(number, _)| number).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// How long the line with the checksum is.
pub(super) const FIRST_LINE_BYTES: usize = r#"{"crc32c":"00000000","#.len();

/// The line that begins a document. It is itself compared byte by byte.
pub(super) fn first_line(rest: &[u8]) -> String {
    format!(r#"{{"crc32c":"{:08x}","#, crc32c::crc32c(rest))
}

fn number_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".json")?;
    let plain = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}
