//! Everything that can go wrong, in words a caller can act on.
//!
//! JavaScript sees one kind of error, so the crate has one enum. A message says what happened,
//! with the values, and what to do; [`Error::code`] never changes.

use std::path::{Path, PathBuf};

/// What every fallible function of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can go wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No table of this name is in the connection's folder.
    #[error("table '{name}' was not found{}", tables(.available, name))]
    TableNotFound {
        /// The name that was asked for.
        name: String,
        /// The names of all tables of the connection, where they were looked up.
        available: Option<Vec<String>>,
    },

    /// A table of this name exists already.
    #[error(
        "table '{name}' already exists; pass mode: \"overwrite\" or existOk: true, or choose another name"
    )]
    TableExists {
        /// The name that was asked for.
        name: String,
    },

    /// The name cannot be used for a table.
    #[error(
        "invalid table name '{name}': names have 1 to 200 letters, digits, '_', '-' and '.', \
         and do not start with '.'"
    )]
    InvalidTableName {
        /// The name that was asked for.
        name: String,
    },

    /// No column of this name is in the table.
    #[error("column '{name}' was not found{}; the columns are {}", hint(.similar), list(.available))]
    ColumnNotFound {
        /// The name that was asked for.
        name: String,
        /// The nearest existing name, if one is near.
        similar: Option<String>,
        /// Every name that would have worked.
        available: Vec<String>,
    },

    /// An argument has a value that cannot be used.
    #[error("{argument} is {value}, but {expected}")]
    InvalidArgument {
        /// The argument's name as the caller knows it, for instance `limit`.
        argument: String,
        /// The value that was given.
        value: String,
        /// What would have worked, as a clause: `it must be a positive whole number`.
        expected: String,
    },

    /// A vector's length is not the column's.
    #[error("the vector has {}, but column '{column}' stores {expected}", dimensions(*.actual))]
    DimensionMismatch {
        /// The vector column.
        column: String,
        /// Dimensions of the column.
        expected: usize,
        /// Dimensions of the vector that was given.
        actual: usize,
    },

    /// A value in the rows to be written does not fit its column.
    #[error("row {row}, column '{column}': {reason}")]
    InvalidData {
        /// The row, counted from 0 in the data that was given.
        row: u64,
        /// The column.
        column: String,
        /// What is wrong with the value and what would fit.
        reason: String,
    },

    /// A column of this name is in the table already.
    #[error("column '{name}' already exists; give the new one another name, or drop the old one first")]
    ColumnExists {
        /// The name.
        name: String,
    },

    /// The columns of the data are not the columns of the table.
    #[error("the data does not fit the table's schema: {reason}")]
    SchemaMismatch {
        /// Which column differs and how.
        reason: String,
    },

    /// A filter or expression is not SQL.
    #[error("cannot parse \"{sql}\": {reason}")]
    InvalidSql {
        /// The text that was given.
        sql: String,
        /// Where it stops making sense.
        reason: String,
    },

    /// A filter or expression is SQL, but something in it is not supported.
    #[error("{feature} is not supported in filters and expressions: {instead}")]
    UnsupportedSql {
        /// What was used, for instance `the function foo()`.
        feature: String,
        /// What to write instead, or what is supported.
        instead: String,
    },

    /// A filter or expression combines types that do not go together.
    #[error("in \"{sql}\": {reason}")]
    TypeMismatch {
        /// The (part of the) expression.
        sql: String,
        /// Which types met and what would fit.
        reason: String,
    },

    /// No index of this name is on the table.
    #[error("index '{name}' was not found{}; the table has {}", hint(.similar), list(.available))]
    IndexNotFound {
        /// The name that was asked for.
        name: String,
        /// The nearest existing name, if one is near.
        similar: Option<String>,
        /// The names of the indexes that exist.
        available: Vec<String>,
    },

    /// An index of this name exists already.
    #[error(
        "index '{name}' already exists; leave out replace: false to build it anew, or choose another name"
    )]
    IndexExists {
        /// The name that was asked for.
        name: String,
    },

    /// The rows are too few to train what was asked for.
    #[error("{reason}")]
    NotEnoughRows {
        /// How many there are, how many are needed, and what to change.
        reason: String,
    },

    /// A file is damaged or missing.
    #[error("{} is damaged: {reason}", .path.display())]
    Corrupted {
        /// The file.
        path: PathBuf,
        /// What does not add up.
        reason: String,
    },

    /// A file was written by a newer release.
    #[error("{} has format version {found}, but this release reads up to {supported}; upgrade quiverdb", .path.display())]
    UnsupportedFormat {
        /// The file.
        path: PathBuf,
        /// The version it declares.
        found: u32,
        /// The newest version this release reads.
        supported: u32,
    },

    /// The operating system refused.
    #[error("cannot {action} {}: {source}", .path.display())]
    Io {
        /// What was tried, for instance `write`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },

    /// A change was made, and all readers see it, but the disk refused to make it durable.
    #[error(
        "{what} is there for all readers, but a power cut may undo it: cannot {action} {}: {source}; do not repeat \
         the write, and look after the disk", .path.display()
    )]
    NotDurable {
        /// What was published, for instance `the new version of the table`.
        what: &'static str,
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },

    /// Another writer changed the table in a way this write cannot follow.
    #[error("{action} conflicts with another writer: {reason}; read the table again and repeat it")]
    Conflict {
        /// What was being written.
        action: &'static str,
        /// What the other writer did.
        reason: String,
    },

    /// There is no version of this number.
    #[error("version {version} of table '{table}' was not found; the versions are {available}")]
    VersionNotFound {
        /// The table.
        table: String,
        /// The number that was asked for.
        version: u64,
        /// The numbers that there are.
        available: String,
    },

    /// There is no tag of this name.
    #[error("tag '{name}' was not found{}; the tags are {}", hint(.similar), list(.available))]
    TagNotFound {
        /// The name that was asked for.
        name: String,
        /// The nearest tag, if one is near.
        similar: Option<String>,
        /// All tags.
        available: Vec<String>,
    },

    /// There is a tag of this name already.
    #[error("tag '{name}' already exists; call update to give it to another version")]
    TagExists {
        /// The name that was asked for.
        name: String,
    },

    /// An earlier version is checked out, and those cannot be changed.
    #[error(
        "table '{table}' cannot be changed while its version {version} is checked out; call checkoutLatest() to \
         change the newest version, or restore() to go on from this one"
    )]
    ReadOnly {
        /// The table.
        table: String,
        /// The version that is checked out.
        version: u64,
    },

    /// The connection or table was closed.
    #[error("{what} is closed; open it again to go on")]
    Closed {
        /// `connection` or `table 'name'`.
        what: String,
    },

    /// The caller asked for the work to stop.
    #[error("{what} was cancelled; nothing was changed")]
    Cancelled {
        /// What was under way.
        what: String,
    },

    /// The time the caller allowed is over.
    #[error("the query took longer than {timeout_ms} ms; raise timeoutMs, or ask for less")]
    Timeout {
        /// The time that was allowed, in milliseconds.
        timeout_ms: u64,
    },

    /// No GPU can do what was asked.
    #[error("no GPU adapter can run this build: {reason}; pass accelerator: \"cpu\" to build on the CPU")]
    GpuUnavailable {
        /// What was looked for and found.
        reason: String,
    },

    /// A GPU stopped working in the middle of a build.
    #[error(
        "the GPU '{adapter}' failed: {reason}; nothing was changed; pass accelerator: \"auto\" to go on with \
         the CPU in such a case, or \"cpu\""
    )]
    GpuFailed {
        /// The adapter's name.
        adapter: String,
        /// What happened.
        reason: String,
    },

    /// A fault in quiverdb itself.
    #[error("internal error: {reason}; please report this with the steps that led here")]
    Internal {
        /// What was found to be impossible.
        reason: String,
    },
}

impl Error {
    /// A stable name that programs may match on. Messages may be reworded, codes may not.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TableNotFound { .. } => "TABLE_NOT_FOUND",
            Self::TableExists { .. } => "TABLE_EXISTS",
            Self::InvalidTableName { .. } => "INVALID_TABLE_NAME",
            Self::ColumnNotFound { .. } => "COLUMN_NOT_FOUND",
            Self::ColumnExists { .. } => "COLUMN_EXISTS",
            Self::InvalidArgument { .. } => "INVALID_ARGUMENT",
            Self::DimensionMismatch { .. } => "DIMENSION_MISMATCH",
            Self::InvalidData { .. } => "INVALID_DATA",
            Self::SchemaMismatch { .. } => "SCHEMA_MISMATCH",
            Self::InvalidSql { .. } => "INVALID_SQL",
            Self::UnsupportedSql { .. } => "UNSUPPORTED_SQL",
            Self::TypeMismatch { .. } => "TYPE_MISMATCH",
            Self::IndexNotFound { .. } => "INDEX_NOT_FOUND",
            Self::IndexExists { .. } => "INDEX_EXISTS",
            Self::NotEnoughRows { .. } => "NOT_ENOUGH_ROWS",
            Self::Corrupted { .. } => "CORRUPTED",
            Self::UnsupportedFormat { .. } => "UNSUPPORTED_FORMAT",
            Self::Io { .. } => "IO",
            Self::NotDurable { .. } => "NOT_DURABLE",
            Self::Conflict { .. } => "CONFLICT",
            Self::VersionNotFound { .. } => "VERSION_NOT_FOUND",
            Self::TagNotFound { .. } => "TAG_NOT_FOUND",
            Self::TagExists { .. } => "TAG_EXISTS",
            Self::ReadOnly { .. } => "READ_ONLY",
            Self::Closed { .. } => "CLOSED",
            Self::Cancelled { .. } => "CANCELLED",
            Self::Timeout { .. } => "TIMEOUT",
            Self::GpuUnavailable { .. } => "GPU_UNAVAILABLE",
            Self::GpuFailed { .. } => "GPU_FAILED",
            Self::Internal { .. } => "INTERNAL",
        }
    }

    /// An [`Error::InvalidArgument`]: `limit is -1, but it must be a positive whole number`.
    pub fn invalid(
        argument: impl Into<String>,
        value: impl std::fmt::Display,
        expected: impl Into<String>,
    ) -> Self {
        Self::InvalidArgument {
            argument: argument.into(),
            value: value.to_string(),
            expected: expected.into(),
        }
    }

    /// An [`Error::TableNotFound`] that knows of no other tables.
    pub(crate) fn table_not_found(name: &str) -> Self {
        Self::TableNotFound { name: name.to_owned(), available: None }
    }

    /// An [`Error::ColumnNotFound`] that names the nearest of the available columns.
    pub fn column_not_found<'a>(name: &str, available: impl IntoIterator<Item = &'a str>) -> Self {
        let available: Vec<String> = available.into_iter().map(str::to_owned).collect();
        Self::ColumnNotFound {
            name: name.to_owned(),
            similar: nearest(name, available.iter().map(String::as_str)),
            available,
        }
    }

    /// An [`Error::NotDurable`] for what was published before syncing it failed.
    pub(crate) fn not_durable(what: &'static str, error: Self) -> Self {
        match error {
            Self::Io { action, path, source } => Self::NotDurable { what, action, path, source },
            other => other,
        }
    }

    /// An [`Error::Corrupted`].
    pub fn corrupted(path: &Path, reason: impl Into<String>) -> Self {
        Self::Corrupted { path: path.to_owned(), reason: reason.into() }
    }

    /// An [`Error::Internal`].
    pub fn internal(reason: impl std::fmt::Display) -> Self {
        Self::Internal { reason: reason.to_string() }
    }
}

/// The candidate most like `name`, if any is near enough to be what was meant.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let lower = name.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(similarity, _)| *similarity > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate.to_owned())
}

/// Names the file and the action when an I/O call fails: `file.sync_all().at("sync", path)?`.
pub(crate) trait IoContext<T> {
    fn at(self, action: &'static str, path: &Path) -> Result<T>;
}

impl<T> IoContext<T> for std::io::Result<T> {
    fn at(self, action: &'static str, path: &Path) -> Result<T> {
        self.map_err(|source| Error::Io { action, path: path.to_owned(), source })
    }
}

fn hint(similar: &Option<String>) -> String {
    similar.as_ref().map(|name| format!(" (did you mean '{name}'?)")).unwrap_or_default()
}

/// What to open instead of the table `name`: the nearest, or any.
fn tables(available: &Option<Vec<String>>, name: &str) -> String {
    let Some(available) = available else { return String::new() };
    let similar = nearest(name, available.iter().map(String::as_str));
    match available.as_slice() {
        [] => "; this connection has no tables: create it, or connect to another folder".to_owned(),
        _ if similar.is_some() => hint(&similar),
        names => format!("; the tables are {}", list(names)),
    }
}

/// `1 dimension`, `3 dimensions`.
pub(crate) fn dimensions(count: usize) -> String {
    format!("{count} dimension{}", if count == 1 { "" } else { "s" })
}

fn list(names: &[String]) -> String {
    const SHOWN: usize = 30;
    if names.is_empty() {
        return "none".to_owned();
    }
    let mut text = names.iter().take(SHOWN).map(|n| format!("'{n}'")).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        text.push_str(&format!(" and {} more", names.len() - SHOWN));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_column_comes_with_the_nearest_name() {
        let error = Error::column_not_found("prise", ["id", "price"]);

        assert_eq!(error.code(), "COLUMN_NOT_FOUND");
        assert_eq!(
            error.to_string(),
            "column 'prise' was not found (did you mean 'price'?); the columns are 'id', 'price'"
        );
    }

    #[test]
    fn a_missing_table_comes_with_what_there_is_instead() {
        let message = |available: Option<&[&str]>| {
            let available = available.map(|names| names.iter().map(|&name| name.to_owned()).collect());
            Error::TableNotFound { name: "citys".to_owned(), available }.to_string()
        };

        assert_eq!(message(None), "table 'citys' was not found");
        assert_eq!(
            message(Some(&[])),
            "table 'citys' was not found; this connection has no tables: create it, or connect to another folder"
        );
        assert_eq!(
            message(Some(&["cities", "words"])),
            "table 'citys' was not found (did you mean 'cities'?)"
        );
        assert_eq!(
            message(Some(&["t", "words"])),
            "table 'citys' was not found; the tables are 't', 'words'"
        );
    }

    #[test]
    fn one_dimension_is_not_many() {
        let mismatch = |actual| Error::DimensionMismatch { column: "v".to_owned(), expected: 2, actual };

        assert_eq!(mismatch(1).to_string(), "the vector has 1 dimension, but column 'v' stores 2");
        assert_eq!(mismatch(3).to_string(), "the vector has 3 dimensions, but column 'v' stores 2");
    }

    #[test]
    fn a_name_unlike_all_others_has_no_nearest() {
        assert_eq!(nearest("zzz", ["id", "price"]), None);
    }
}
