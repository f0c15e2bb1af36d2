//! Which rows of each segment a condition is true for, remembered while a write is tried again.

use std::collections::HashMap;

use roaring::RoaringBitmap;

use crate::error::Result;
use crate::filter::{Filter, Predicate};
use crate::progress::Progress;
use crate::query::{Snapshot, matching_places};

/// The rows that a condition is true for. A file of rows never changes, so of another version only those
/// segments are read that are new.
pub(super) struct Matching<'a> {
    filter: &'a Filter,
    bound: Option<Bound>,
}

struct Bound {
    generation: u64,
    predicate: Predicate,
    /// By the path of the segment's file. Rows that were deleted later are still in it.
    places: HashMap<String, RoaringBitmap>,
}

impl<'a> Matching<'a> {
    pub fn new(filter: &'a Filter) -> Self {
        Self { filter, bound: None }
    }

    /// The places of the matching rows of each segment that has any, by the segment's position.
    ///
    /// # Errors
    /// Whatever is wrong with the condition, or with the files it reads.
    pub fn places(
        &mut self,
        snapshot: &Snapshot,
        progress: &Progress,
    ) -> Result<Vec<(usize, RoaringBitmap)>> {
        let version = snapshot.version();
        let generation = version.manifest().generation;
        let bound = match self.bound.take() {
            Some(bound) if bound.generation == generation => bound,
            _ => {
                let predicate = Predicate::of(self.filter, version.schema())?;
                Bound { generation, predicate, places: HashMap::new() }
            }
        };
        let bound = self.bound.insert(bound);
        let mut found = Vec::new();
        for (index, segment) in version.segments().iter().enumerate() {
            let name = &segment.entry().file.path;
            if !bound.places.contains_key(name) {
                let places = matching_places(version, index, &bound.predicate, progress)?;
                bound.places.insert(name.clone(), places);
            }
            let mut places = bound.places[name].clone();
            if let Some(deleted) = segment.deleted()? {
                places -= deleted;
            }
            if !places.is_empty() {
                found.push((index, places));
            }
        }
        Ok(found)
    }
}
