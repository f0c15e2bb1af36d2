//! Whether a filtered search compares every row that matches, or asks the index for matching rows.
//!
//! Comparing costs as much as there are matches. Asking costs the rows of the partitions that hold enough of
//! them, which are the more the rarer a match is. The cheaper way is taken; few matches are always compared,
//! because that is also the exact answer.

/// What a row costs that is fetched because it matches, before its vector is read: finding its place.
const MATCH_NS: f64 = 20.0;

/// Vector bytes read in a nanosecond, at places that memory cannot foresee.
const MATCH_BYTES_PER_NS: f64 = 12.0;

/// What a row of a partition costs before its code is read. Without a filter it is a nanosecond or two. With one,
/// partitions hold few rows that count: the worst candidate stays far away, so that most rows' codes pass and are
/// looked up in the set. Measured on GloVe, where a fifth to a half of the rows match: 16 to 23 in all.
const SCAN_NS: f64 = 16.0;

/// Bytes of an index read in a nanosecond, from front to back.
const SCAN_BYTES_PER_NS: f64 = 12.0;

/// The fixed price of a search in an index: centroids are ranked, candidates compared.
const PROBE_NS: f64 = 100_000.0;

/// What a filtered search has to choose from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Choice {
    /// Rows that the filter lets through.
    pub matches: u64,
    /// Rows of the table.
    pub rows: u64,
    /// Bytes of a stored vector.
    pub vector_bytes: usize,
    /// Bytes of a row in the index.
    pub index_row_bytes: usize,
    /// Partitions that an unfiltered query searches.
    pub probes: usize,
    /// Partitions of the index.
    pub partitions: usize,
    /// Candidates that the index must find.
    pub candidates: usize,
}

impl Choice {
    /// The cost of comparing every match, in nanoseconds.
    pub fn exact_ns(&self) -> f64 {
        self.matches as f64 * (MATCH_NS + self.vector_bytes as f64 / MATCH_BYTES_PER_NS)
    }

    /// The cost of asking the index, in nanoseconds.
    pub fn index_ns(&self) -> f64 {
        let row_ns = SCAN_NS + self.index_row_bytes as f64 / SCAN_BYTES_PER_NS;
        PROBE_NS + self.searched_rows() * row_ns
    }

    /// Whether every match is compared.
    pub fn is_exact(&self) -> bool {
        // Fewer than the candidates: the index would hand all of them over to be compared anyway.
        self.matches <= self.candidates as u64 || self.exact_ns() <= self.index_ns()
    }

    /// As many rows as hold what the partitions of an unfiltered query hold, if matches are spread evenly.
    fn searched_rows(&self) -> f64 {
        let share = self.matches as f64 / self.rows.max(1) as f64;
        let usual = self.rows as f64 * self.probes as f64 / self.partitions.max(1) as f64;
        (usual / share.max(f64::MIN_POSITIVE)).min(self.rows as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(matches: u64) -> Choice {
        Choice {
            matches,
            rows: 1_000_000,
            vector_bytes: 512,
            index_row_bytes: 24,
            probes: 20,
            partitions: 1000,
            candidates: 100,
        }
    }

    #[test]
    fn few_matches_are_compared_and_many_are_looked_up() {
        for (matches, exact) in
            [(1, true), (1_000, true), (10_000, true), (100_000, false), (1_000_000, false)]
        {
            assert_eq!(choice(matches).is_exact(), exact, "{matches}");
        }
    }

    #[test]
    fn what_the_index_would_hand_over_anyway_is_compared() {
        assert!(Choice { vector_bytes: 1 << 20, ..choice(100) }.is_exact());
        assert!(!Choice { vector_bytes: 1 << 20, ..choice(10_000) }.is_exact());
    }

    #[test]
    fn the_index_never_costs_more_than_all_of_its_rows() {
        assert_eq!(choice(1).index_ns(), choice(2).index_ns());
        assert!(choice(500_000).index_ns() < choice(100_000).index_ns());
    }
}
