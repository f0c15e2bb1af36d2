//! Rows of a snapshot, and what searches among them have learnt.

use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use roaring::RoaringTreemap;

use crate::index::{Masks, VectorIndex};
use crate::query::snapshot::OpenIndex;

/// The ids of some rows of a snapshot. Used as a set by its name, it never changes.
#[derive(Debug, Default)]
pub struct RowSet {
    rows: RoaringTreemap,
    /// By the name of an index.
    masks: Mutex<Vec<(String, Arc<Masks>)>>,
}

impl RowSet {
    /// What `index`, which is `opened`, knows of these rows.
    pub(crate) fn masks(&self, index: &OpenIndex, opened: &VectorIndex) -> Arc<Masks> {
        let name = &index.entry().name;
        let mut known = self.masks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, masks)) = known.iter().find(|(other, _)| other == name) {
            return masks.clone();
        }
        let masks = Arc::new(opened.masks());
        known.push((name.clone(), masks.clone()));
        masks
    }

    /// About how many bytes it takes once it was searched for in all of some indexes.
    pub(crate) fn bytes(&self, indexes: &[Arc<OpenIndex>]) -> usize {
        let masks = indexes.iter().filter_map(|index| index.partitions().zip(Some(index.entry())));
        let masks = masks.map(|(partitions, entry)| {
            Masks::bytes(entry.files.len(), partitions, entry.rows, entry.row_id_end)
        });
        self.rows.serialized_size() + masks.sum::<usize>()
    }
}

impl From<RoaringTreemap> for RowSet {
    fn from(rows: RoaringTreemap) -> Self {
        Self { rows, masks: Mutex::default() }
    }
}

impl Deref for RowSet {
    type Target = RoaringTreemap;

    fn deref(&self) -> &RoaringTreemap {
        &self.rows
    }
}
