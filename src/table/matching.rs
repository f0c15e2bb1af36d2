//! Which rows of each segment a condition is true for: as indexes say, or as the columns do, which is remembered
//! while a write is tried again.

use std::collections::HashMap;
use std::sync::Arc;

use roaring::{RoaringBitmap, RoaringTreemap};

use crate::error::{Error, Result};
use crate::filter::{Filter, Predicate};
use crate::progress::Progress;
use crate::query::{Matcher, Snapshot, known_rows};
use crate::storage::Segment;

/// The rows that a condition is true for. A file of rows never changes, so of another version only those
/// segments are read that are new.
pub(super) struct Matching<'a> {
    filter: &'a Filter,
    bound: Option<Bound>,
}

struct Bound {
    generation: u64,
    predicate: Arc<Predicate>,
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
                let predicate = Arc::new(Predicate::of(self.filter, version.schema())?);
                Bound { generation, predicate, places: HashMap::new() }
            }
        };
        let bound = self.bound.insert(bound);
        let segments = version.segments().iter();
        let places: Vec<RoaringBitmap> = match known_rows(snapshot, self.filter, &bound.predicate, progress)?
        {
            Some(rows) => segments.map(|segment| places_in(segment, &rows)).collect::<Result<_>>()?,
            None => {
                let matcher = Matcher::new(version, &bound.predicate)?;
                let each = segments.enumerate();
                each.map(|(at, segment)| bound.places_in(at, segment, &matcher, progress))
                    .collect::<Result<_>>()?
            }
        };
        Ok(places.into_iter().enumerate().filter(|(_, places)| !places.is_empty()).collect())
    }
}

impl Bound {
    /// The places of a segment's rows that match, by what is remembered of its file.
    fn places_in(
        &mut self,
        index: usize,
        segment: &Segment,
        matcher: &Matcher,
        progress: &Progress,
    ) -> Result<RoaringBitmap> {
        let name = &segment.entry().file.path;
        if !self.places.contains_key(name) {
            self.places.insert(name.clone(), matcher.places(index, progress)?);
        }
        let mut places = self.places[name].clone();
        if let Some(deleted) = segment.deleted()? {
            places -= deleted;
        }
        Ok(places)
    }
}

/// The places of those rows of a segment that are in `rows`.
fn places_in(segment: &Segment, rows: &RoaringTreemap) -> Result<RoaringBitmap> {
    let ids = segment.row_ids()?;
    let mut found = rows.iter();
    found.advance_to(segment.first_row_id());
    let found = found.take_while(|&id| id < segment.entry().row_id_end());
    let places = found.filter_map(|id| ids.place(id)).map(|place| place as u32);
    RoaringBitmap::from_sorted_iter(places).map_err(Error::internal)
}
