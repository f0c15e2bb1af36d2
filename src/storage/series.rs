//! Numbered documents in a folder, of which the newest counts: the versions of a table, and its tags.
//!
//! Each is created once, by whoever is first, and never changed. The oldest may be removed while others write and
//! remove; a number that was taken once is never taken again. That holds because
//!
//! - a writer of the number `n` makes a temporary file that claims it, then looks that there is no `n`, and then that
//!   `n - 1` is there, and gives the file its name after that;
//! - who removes goes from the oldest on, the newest never, one only when the one before it is gone, and passes over
//!   claims: it lists the documents, and the claims after that.
//!
//! Say that `n` was taken and removed, and a writer gives its file that name again. It found `n - 1` when it looked,
//! so `n` had not been removed before that, as the one before goes first. It had looked for `n` before that again and
//! found none, so `n` was made after its claim. Whoever removed `n` listed it, and listed the claims after it: there
//! it must have seen the claim.

use std::collections::HashSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::error::Result;
use crate::storage::checked_json;
use crate::storage::files::{self, Durability};

/// What the name of a temporary file begins with.
const TEMPORARY: &str = ".tmp-";

/// A temporary file is locked by its writer a moment after it was made.
const TEMPORARY_AGE_MIN: Duration = Duration::from_secs(60);

/// The document with this number in `folder`.
pub(super) fn path(folder: &Path, number: u64) -> PathBuf {
    checked_json::numbered(folder, number)
}

/// The numbers of all documents, ascending; none if there is no such folder.
pub(super) fn numbers(folder: &Path) -> Result<Vec<u64>> {
    checked_json::numbers_in(folder)
}

/// Publishes the document `number`. `base_is_there` looks whether the one before it is; for the first, that there is
/// none.
///
/// Returns `false`, and changes nothing, if the number is taken or its base is gone: another writer won. The name is
/// not durable yet.
pub(super) fn publish(
    folder: &Path,
    number: u64,
    bytes: &[u8],
    durability: Durability,
    base_is_there: impl FnOnce() -> Result<bool>,
) -> Result<bool> {
    let path = path(folder, number);
    let is_free = || Ok(!path.exists() && base_is_there()?);
    files::create_new_if(&path, bytes, &claim_prefix(number), durability, is_free)
}

/// The first documents that may be removed, in this order: those in a row for which `is_old` says so. What was listed
/// may be removed by others meanwhile.
pub(super) fn removable(folder: &Path, is_old: impl FnMut(&u64) -> bool) -> Result<Vec<u64>> {
    let mut numbers = numbers(folder)?;
    numbers.pop();
    let claimed = if numbers.is_empty() { HashSet::new() } else { claims(folder)? };
    let free = numbers.into_iter().take_while(|number| !claimed.contains(number));
    Ok(free.take_while(is_old).collect())
}

/// The numbers that living writers are about to publish.
fn claims(folder: &Path) -> Result<HashSet<u64>> {
    let claims = files::names_in(folder, claimed_number)?.into_iter();
    Ok(claims.filter(|(_, path)| !is_abandoned(path)).map(|(number, _)| number).collect())
}

fn claim_prefix(number: u64) -> String {
    format!("{TEMPORARY}{number:020}-")
}

fn claimed_number(name: &str) -> Option<u64> {
    name.strip_prefix(TEMPORARY)?.split('-').next()?.parse().ok()
}

/// Whether a file is temporary, and its writer is gone: so is its lock then.
pub(crate) fn is_abandoned_temporary(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    name.to_str().is_some_and(|name| name.starts_with(TEMPORARY)) && is_abandoned(path)
}

fn is_abandoned(path: &Path) -> bool {
    is_older(path, TEMPORARY_AGE_MIN) && File::open(path).is_ok_and(|file| file.try_lock().is_ok())
}

/// Whether a file was written so long ago.
pub(crate) fn is_older(path: &Path, age: Duration) -> bool {
    let modified = fs::metadata(path).and_then(|metadata| metadata.modified());
    let since = modified.ok().and_then(|modified| SystemTime::now().duration_since(modified).ok());
    since.is_some_and(|since| since >= age)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(folder: &Path, number: u64) -> bool {
        let base_is_there = || Ok(number == 1 || path(folder, number - 1).exists());
        publish(folder, number, b"a document", Durability::Full, base_is_there).unwrap()
    }

    #[test]
    fn a_number_that_was_taken_is_never_taken_again() {
        let folder = tempfile::tempdir().unwrap();
        assert!([1, 2, 3].iter().all(|&number| add(folder.path(), number)));
        assert!(!add(folder.path(), 3));

        for number in removable(folder.path(), |_| true).unwrap() {
            fs::remove_file(path(folder.path(), number)).unwrap();
        }

        assert_eq!(numbers(folder.path()).unwrap(), [3]);
        assert!(!add(folder.path(), 2));
        assert!(add(folder.path(), 4));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing temporary is left");
    }

    #[test]
    fn what_a_writer_is_about_to_publish_stays_and_so_does_what_follows() {
        let folder = tempfile::tempdir().unwrap();
        assert!([1, 2, 3, 4].iter().all(|&number| add(folder.path(), number)));
        assert_eq!(removable(folder.path(), |_| true).unwrap(), [1, 2, 3]);
        assert_eq!(removable(folder.path(), |number| *number < 2).unwrap(), [1]);

        fs::write(folder.path().join(format!("{}x", claim_prefix(2))), "half of a docu").unwrap();

        assert_eq!(removable(folder.path(), |_| true).unwrap(), [1]);
    }
}
