//! What a write waits for.

use crate::error::{Error, Result};

/// What an acknowledged write survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// A power cut: its files and their names are on the disk before it is acknowledged.
    #[default]
    Full,
    /// The end of the process, however that comes about. A power cut, or a crash of the system, may lose the last
    /// writes, or leave some of their files in halves. Then repairing the table brings back its last whole version.
    Relaxed,
}

impl Durability {
    /// The one of this name: `full` or `relaxed`.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for another name.
    pub fn parse(name: &str) -> Result<Self> {
        match name {
            "full" => Ok(Self::Full),
            "relaxed" => Ok(Self::Relaxed),
            _ => Err(Error::invalid("durability", format!("'{name}'"), "it must be \"full\" or \"relaxed\"")),
        }
    }

    /// Whether a write waits for the disk.
    pub(crate) fn is_full(self) -> bool {
        self == Self::Full
    }
}
