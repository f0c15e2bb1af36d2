//! The rows of each centroid.

/// Row numbers sorted by label, in row order within a label.
pub(super) struct Clusters {
    rows: Vec<u32>,
    /// Where each label's rows start, and after the last label the number of rows.
    starts: Vec<usize>,
}

impl Clusters {
    /// Counting sort of `labels`, each below `len`.
    pub(super) fn new(labels: &[u32], len: usize) -> Self {
        assert!(u32::try_from(labels.len()).is_ok(), "row numbers are 32 bits wide");
        let mut starts = vec![0; len + 1];
        for label in labels {
            starts[*label as usize + 1] += 1;
        }
        for label in 0..len {
            starts[label + 1] += starts[label];
        }
        let mut next = starts.clone();
        let mut rows = vec![0; labels.len()];
        for (row, label) in labels.iter().enumerate() {
            let next = &mut next[*label as usize];
            rows[*next] = row as u32;
            *next += 1;
        }
        Self { rows, starts }
    }

    /// Rows that are sorted already: those of a label are `rows[starts[label]..starts[label + 1]]`.
    #[cfg(feature = "gpu")]
    pub(super) fn sorted(rows: Vec<u32>, starts: &[u32]) -> Self {
        Self { rows, starts: starts.iter().map(|start| *start as usize).collect() }
    }

    /// The clusters of consecutive stretches of rows, each with the number of its first row.
    #[cfg(feature = "gpu")]
    pub(super) fn joined(parts: &[(usize, &Self)]) -> Self {
        let mut joined = Self { rows: Vec::new(), starts: vec![0] };
        for label in 0..parts.first().map_or(0, |(_, part)| part.len()) {
            for (first_row, part) in parts {
                joined.rows.extend(part.rows(label).iter().map(|row| *first_row as u32 + row));
            }
            joined.starts.push(joined.rows.len());
        }
        joined
    }

    /// How many labels there are, used or not.
    pub(super) fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// The rows with this label, ascending.
    pub(super) fn rows(&self, label: usize) -> &[u32] {
        &self.rows[self.starts[label]..self.starts[label + 1]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_sorted_by_label_and_then_by_number() {
        let clusters = Clusters::new(&[2, 0, 2, 0, 2], 4);

        let rows: Vec<&[u32]> = (0..clusters.len()).map(|label| clusters.rows(label)).collect();

        assert_eq!(rows, [&[1, 3][..], &[], &[0, 2, 4], &[]]);
    }
}
