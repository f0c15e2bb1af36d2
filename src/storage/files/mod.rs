//! Files that appear whole or not at all, and the order of syncing that makes it so.
//!
//! Nothing outside this folder creates, names, removes or syncs a file.

mod create;
mod disk;
mod durability;
mod entry;
mod folders;
mod memory;
mod new_files;
#[cfg(test)]
pub(crate) mod power_cut;
mod writer;

pub use create::{TemporaryPath, temporary_in, unnamed_in};
pub use create::{create, create_empty, create_new, create_new_if, replace, sync, touch};
pub use durability::Durability;
pub use entry::{FileEntry, check_length, length, open_named};
pub use folders::{
    create_folder, create_new_folder, create_table_folders, is_absent, names_in, remove, remove_empty_folder,
    remove_folder, rename_folder, sync_folder,
};
pub use memory::TemporaryFolder;
pub use new_files::NewFiles;
pub use writer::ChecksumWriter;

#[cfg(test)]
mod tests;
