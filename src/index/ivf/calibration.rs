//! What an index knows of itself: how far to look for a share of the true neighbours.
//!
//! `calibrate` measures it when the index is built. The table is a section of the index file: for each of a few
//! k, and for each of a few shares, an entry.

use bytemuck::{Pod, Zeroable};

/// A share of the true neighbours, and what finds it. 24 bytes, as in the file.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct CalibrationEntry {
    /// How many neighbours are wanted.
    pub(crate) k: u32,
    /// Candidates whose distances are computed from the stored vectors.
    pub(crate) candidates: u32,
    /// The share of the true neighbours that was to be found: above 0, below 1.
    pub(crate) target: f32,
    /// The share that was found when this was measured.
    pub(crate) recall: f32,
    /// Partitions beyond this reach are not searched.
    pub(crate) reach: f32,
    /// How many partitions were searched on average.
    pub(crate) probes: f32,
}

const _: () = assert!(size_of::<CalibrationEntry>() == 24);

/// How far a query of some k looks for some share of its neighbours.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effort {
    /// Partitions beyond this reach are not searched.
    pub reach: f32,
    /// Candidates whose distances are to be computed from the stored vectors; at least k.
    pub candidates: usize,
    /// How many partitions are searched on average.
    pub probes: f32,
    /// The share of the neighbours that this found when it was measured.
    pub recall: f32,
}

/// What it takes to find a share of the true neighbours, measured on the index's own rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    /// Of ascending k, and for each k of ascending target. Not empty.
    entries: Vec<CalibrationEntry>,
}

impl Calibration {
    /// From entries that were measured or read; `None` if they are not in order, or make no sense.
    pub(crate) fn new(entries: Vec<CalibrationEntry>) -> Option<Self> {
        let in_order = |pair: &[CalibrationEntry]| {
            pair[0].k < pair[1].k || (pair[0].k == pair[1].k && pair[0].target < pair[1].target)
        };
        let sound = |entry: &CalibrationEntry| {
            entry.k > 0
                && entry.candidates >= entry.k
                && entry.target > 0.0
                && entry.target < 1.0
                && (0.0..=1.0).contains(&entry.recall)
                && entry.reach.is_finite()
                && entry.probes.is_finite()
                && entry.probes >= 0.0
        };
        let valid = !entries.is_empty() && entries.iter().all(sound) && entries.windows(2).all(in_order);
        valid.then_some(Self { entries })
    }

    /// The entries, as they are stored.
    pub(crate) fn entries(&self) -> &[CalibrationEntry] {
        &self.entries
    }

    /// How far to look for the share `target` of the `k` nearest rows.
    ///
    /// Between the k and the targets that were measured it interpolates; beyond them it takes the outermost,
    /// with candidates in proportion to k. A target of 1 reaches every partition.
    pub fn effort(&self, k: usize, target: f64) -> Effort {
        let k = k.max(1);
        let of_k = |group: &[CalibrationEntry]| at_target(group, target).for_k(group[0].k as usize, k);
        let mut groups = self.entries.chunk_by(|a, b| a.k == b.k);
        let mut below = groups.next().unwrap_or_default();
        for above in groups {
            let (from, to) = (below[0].k as usize, above[0].k as usize);
            if k <= to {
                let weight = ratio(k as f64, from as f64, to as f64, f64::ln).max(0.0);
                return of_k(below).mix(of_k(above), weight as f32, k);
            }
            below = above;
        }
        of_k(below)
    }
}

/// Where `at` is between `from` (0) and `to` (1), on the scale of `of`.
fn ratio(at: f64, from: f64, to: f64, of: impl Fn(f64) -> f64) -> f64 {
    (of(at) - of(from)) / (of(to) - of(from))
}

/// The effort of one k for a target.
fn at_target(group: &[CalibrationEntry], target: f64) -> Effort {
    // As it is stored, so that what was measured comes back.
    let stored = target as f32;
    let after = group.partition_point(|entry| entry.target < stored);
    let above = Effort::from(&group[after.min(group.len() - 1)]);
    if target >= 1.0 {
        return Effort { reach: f32::INFINITY, probes: f32::INFINITY, ..above };
    }
    if after == 0 || after == group.len() {
        return above;
    }
    // Each next nine takes about as much more.
    let [from, to] = [after - 1, after].map(|i| f64::from(group[i].target));
    let weight = ratio(f64::from(stored), from, to, |share| (1.0 - share).ln());
    Effort::from(&group[after - 1]).mix(above, weight as f32, group[0].k as usize)
}

impl Effort {
    /// Between this (0) and `other` (1), for `k` neighbours.
    fn mix(self, other: Self, weight: f32, k: usize) -> Self {
        let between = |a: f32, b: f32| if a == b { a } else { a * (1.0 - weight) + b * weight };
        let candidates = between(self.candidates as f32, other.candidates as f32).ceil() as usize;
        // The lowest number of all, which ends a search once there are k rows, has nothing between it and a reach.
        let is_between = weight > 0.0 && weight < 1.0;
        let reach = match self.reach.min(other.reach) {
            f32::MIN if is_between => self.reach.max(other.reach),
            _ => between(self.reach, other.reach),
        };
        Self {
            reach,
            candidates: candidates.max(k),
            probes: between(self.probes, other.probes),
            recall: between(self.recall, other.recall),
        }
    }

    /// What was measured for `from` neighbours, with candidates in proportion for `k`.
    fn for_k(self, from: usize, k: usize) -> Self {
        let candidates = (self.candidates as f64 / from as f64 * k as f64).ceil() as usize;
        Self { candidates: candidates.max(k), ..self }
    }
}

impl From<&CalibrationEntry> for Effort {
    fn from(entry: &CalibrationEntry) -> Self {
        Self {
            reach: entry.reach,
            candidates: entry.candidates as usize,
            probes: entry.probes,
            recall: entry.recall,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(k: u32, target: f32, candidates: u32, reach: f32) -> CalibrationEntry {
        CalibrationEntry { k, candidates, target, recall: target, reach, probes: 10.0 * reach }
    }

    fn calibration() -> Calibration {
        let entries = [(1, 0.9, 4, 1.0), (1, 0.99, 8, 2.0), (10, 0.9, 20, 3.0), (10, 0.99, 40, 6.0)];
        Calibration::new(entries.map(|(k, target, c, reach)| entry(k, target, c, reach)).to_vec()).unwrap()
    }

    #[test]
    fn what_was_measured_comes_back() {
        let effort = calibration().effort(10, 0.99);

        assert_eq!((effort.candidates, effort.reach), (40, 6.0));
        assert_eq!(calibration().effort(1, 0.5).reach, 1.0);
        assert_eq!(calibration().effort(1, 0.999).reach, 2.0);
    }

    #[test]
    fn between_two_targets_and_two_k_it_is_between() {
        let calibration = calibration();

        let target = 1.0 - (0.1f64 * 0.01).sqrt();
        assert!((calibration.effort(10, target).reach - 4.5).abs() < 1e-3);
        assert!((calibration.effort(1, target).reach - 1.5).abs() < 1e-3);
        let between = calibration.effort(3, 0.9);
        assert!(between.reach > 1.0 && between.reach < 3.0);
        assert!(between.candidates > 4 && between.candidates < 20, "{between:?}");
    }

    #[test]
    fn where_the_first_partition_is_enough_for_many_rows_few_rows_still_reach_as_far_as_they_need() {
        let enough = CalibrationEntry { reach: f32::MIN, ..entry(100, 0.9, 100, 1.0) };
        let entries = [entry(10, 0.9, 20, 3.0), enough];
        let calibration = Calibration::new(entries.to_vec()).unwrap();

        assert_eq!(calibration.effort(11, 0.9).reach, 3.0);
        assert_eq!(calibration.effort(100, 0.9).reach, f32::MIN);
    }

    #[test]
    fn beyond_the_largest_k_candidates_grow_with_it() {
        let effort = calibration().effort(50, 0.9);

        assert_eq!((effort.candidates, effort.reach), (100, 3.0));
    }

    #[test]
    fn a_target_of_one_reaches_every_partition() {
        assert_eq!(calibration().effort(10, 1.0).reach, f32::INFINITY);
        assert_eq!(calibration().effort(5, 1.0).reach, f32::INFINITY);
    }

    #[test]
    fn entries_that_make_no_sense_are_refused() {
        let good = entry(10, 0.9, 20, 3.0);
        let wrong = [
            CalibrationEntry { k: 0, ..good },
            CalibrationEntry { candidates: 9, ..good },
            CalibrationEntry { target: 1.0, ..good },
            CalibrationEntry { target: f32::NAN, ..good },
            CalibrationEntry { recall: 1.5, ..good },
            CalibrationEntry { reach: f32::NAN, ..good },
            CalibrationEntry { probes: -1.0, ..good },
        ];

        assert!(wrong.into_iter().all(|entry| Calibration::new(vec![entry]).is_none()));
        assert!(Calibration::new(vec![good, good]).is_none());
        assert!(Calibration::new(Vec::new()).is_none());
        assert!(Calibration::new(vec![good]).is_some());
    }
}
