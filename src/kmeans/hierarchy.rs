//! Many centroids in two levels: √k coarse ones, and under each its share of the k.
//!
//! A row then meets about 2√k centroids a pass instead of k. Two passes over everything at the end
//! move rows across the coarse borders.

use super::clusters::Clusters;
use super::lloyd::Lloyd;
use super::{Centroids, Options};
use crate::error::Result;

/// Passes with all rows and all centroids, at the end.
const GLOBAL_ITERATIONS: usize = 2;

/// As [`super::train`], for more centroids than one level does well.
pub(super) fn train(mut lloyd: Lloyd<'_>, options: &Options) -> Result<Centroids> {
    let coarse_len = (options.centroids as f64).sqrt().round() as usize;
    let global_iterations = options.iterations_max.min(GLOBAL_ITERATIONS);
    let coarse_work = lloyd.train_work(coarse_len, options.iterations_max);
    // Quotas follow the rows, so a row meets k/√k centroids of its part on average.
    let fine_work = lloyd.train_work(options.centroids.div_ceil(coarse_len), options.iterations_max);
    let global_work = lloyd.work(options.centroids, global_iterations);
    lloyd.meter.expect(coarse_work + lloyd.work(coarse_len, 1) + fine_work + global_work);

    let coarse = lloyd.train(coarse_len, options.iterations_max)?;
    let labels = lloyd.labels(&coarse)?;
    let clusters = Clusters::new(&labels, coarse.len());

    let fine_done = lloyd.meter.done() + fine_work;
    let mut values = Vec::with_capacity(options.centroids * lloyd.dim);
    for (part, quota) in quotas(&clusters, options.centroids).into_iter().enumerate() {
        values.extend(train_part(&mut lloyd, clusters.rows(part), quota, options.iterations_max)?);
    }
    lloyd.meter.advance_to(fine_done)?;
    lloyd.refine(values, global_iterations)
}

/// The centroids of some of the rows, in one level: if all rows are in one part, another split
/// would not help.
fn train_part(
    lloyd: &mut Lloyd<'_>,
    rows: &[u32],
    centroids: usize,
    iterations_max: usize,
) -> Result<Vec<f32>> {
    if centroids == 0 {
        return Ok(Vec::new());
    }
    let rows = rows.iter().map(|row| *row as usize);
    lloyd.with_rows(rows, |part| {
        part.meter.expect(part.train_work(centroids, iterations_max));
        Ok(part.train(centroids, iterations_max)?.into_values())
    })
}

/// Shares `total` centroids out in proportion to the rows, at most one for each row.
///
/// Needs `total` to be at most the number of rows. Remainders go to the largest fractions, and of
/// equal ones to the lower label.
fn quotas(clusters: &Clusters, total: usize) -> Vec<usize> {
    let sizes: Vec<usize> = (0..clusters.len()).map(|label| clusters.rows(label).len()).collect();
    let rows = sizes.iter().sum::<usize>() as u128;
    let share = |label: usize| sizes[label] as u128 * total as u128;
    let mut quotas: Vec<usize> = (0..sizes.len()).map(|label| (share(label) / rows) as usize).collect();
    let mut by_fraction: Vec<usize> = (0..sizes.len()).collect();
    by_fraction.sort_by_key(|label| std::cmp::Reverse(share(*label) % rows));
    let missing = total - quotas.iter().sum::<usize>();
    by_fraction.iter().take(missing).for_each(|label| quotas[*label] += 1);
    quotas
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn quotas_add_up_and_fit_their_parts(labels in prop::collection::vec(0..20u32, 1..500), share in 0.0..=1.0f64) {
            let clusters = Clusters::new(&labels, 20);
            let total = (labels.len() as f64 * share) as usize;

            let quotas = quotas(&clusters, total);

            prop_assert_eq!(quotas.iter().sum::<usize>(), total);
            for (label, quota) in quotas.into_iter().enumerate() {
                let exact = clusters.rows(label).len() as f64 * total as f64 / labels.len() as f64;
                prop_assert!((quota as f64 - exact).abs() < 1.0 && quota <= clusters.rows(label).len());
            }
        }
    }
}
