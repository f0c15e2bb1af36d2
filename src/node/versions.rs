//! Versions and tags, as JavaScript sees them.

use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;

use crate::error::{Error, Result};
use crate::node::job::{Pool, promise};
use crate::node::table::NativeTable;
use crate::table::{TagInfo, VersionInfo, VersionRef};

/// What is known of a version.
#[napi(object)]
pub struct NativeVersion {
    /// Its number.
    pub version: f64,
    /// Milliseconds since 1970.
    pub created_at: f64,
    /// Rows, without the deleted ones.
    pub rows: f64,
    /// Files with rows.
    pub segments: f64,
    /// Rows that are deleted, but still in those files.
    pub deleted_rows: f64,
    /// Files that say which rows are deleted.
    pub deletion_files: f64,
    /// Bytes of all its files.
    pub bytes: f64,
}

impl From<VersionInfo> for NativeVersion {
    fn from(info: VersionInfo) -> Self {
        Self {
            version: info.version as f64,
            created_at: info.created_ms as f64,
            rows: info.rows as f64,
            segments: info.segments as f64,
            deleted_rows: info.deleted_rows as f64,
            deletion_files: info.deletion_files as f64,
            bytes: info.bytes as f64,
        }
    }
}

/// A name for a version.
#[napi(object)]
pub struct NativeTag {
    /// The name.
    pub name: String,
    /// The version.
    pub version: f64,
    /// Bytes of the version's manifest.
    pub manifest_size: f64,
}

impl From<TagInfo> for NativeTag {
    fn from(tag: TagInfo) -> Self {
        Self { name: tag.name, version: tag.version as f64, manifest_size: tag.manifest_bytes as f64 }
    }
}

#[napi]
impl NativeTable {
    /// All versions.
    #[napi(ts_return_type = "Promise<NativeVersion[]>")]
    pub fn list_versions<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let table = self.table();
        promise(env, Pool::Reads, move || {
            Ok(table?.list_versions()?.into_iter().map(NativeVersion::from).collect::<Vec<_>>())
        })
    }

    /// Shows an earlier version, by its number or its tag; with neither, the newest one again.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn checkout<'env>(
        &self,
        env: &'env Env,
        version: Option<f64>,
        tag: Option<String>,
    ) -> napi::Result<Object<'env>> {
        let table = self.table();
        promise(env, Pool::Reads, move || match (version, tag) {
            (Some(version), _) => table?.checkout(&VersionRef::Number(number(version)?)),
            (None, Some(tag)) => table?.checkout(&VersionRef::Tag(tag)),
            (None, None) => table?.checkout_latest(),
        })
    }

    /// Makes the version that is checked out the newest.
    #[napi(ts_return_type = "Promise<number>")]
    pub fn restore<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let table = self.table();
        promise(env, Pool::Writes, move || Ok(table?.restore()? as f64))
    }

    /// All tags.
    #[napi(ts_return_type = "Promise<NativeTag[]>")]
    pub fn list_tags<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let table = self.table();
        promise(env, Pool::Reads, move || {
            Ok(table?.list_tags()?.into_iter().map(NativeTag::from).collect::<Vec<_>>())
        })
    }

    /// The version of a tag.
    #[napi(ts_return_type = "Promise<number>")]
    pub fn tagged_version<'env>(&self, env: &'env Env, tag: String) -> napi::Result<Object<'env>> {
        let table = self.table();
        promise(env, Pool::Reads, move || Ok(table?.tagged_version(&tag)? as f64))
    }

    /// Creates a tag, or gives it to another version.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn set_tag<'env>(
        &self,
        env: &'env Env,
        tag: String,
        version: f64,
        is_new: bool,
    ) -> napi::Result<Object<'env>> {
        let table = self.table();
        promise(env, Pool::Writes, move || match is_new {
            true => table?.create_tag(&tag, number(version)?),
            false => table?.update_tag(&tag, number(version)?),
        })
    }

    /// Removes a tag.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn delete_tag<'env>(&self, env: &'env Env, tag: String) -> napi::Result<Object<'env>> {
        let table = self.table();
        promise(env, Pool::Writes, move || table?.delete_tag(&tag))
    }
}

/// JavaScript's numbers are floats.
fn number(version: f64) -> Result<u64> {
    if version >= 0.0 && version.fract() == 0.0 && version <= (1u64 << 53) as f64 {
        return Ok(version as u64);
    }
    Err(Error::invalid("version", version, "it must be a whole number of at least 0"))
}
