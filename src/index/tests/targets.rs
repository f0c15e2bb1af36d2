//! What an index says of its own recall, and whether it is true.

use super::*;

/// Rows with so little structure that neighbours are spread over many partitions.
fn spread(rows: usize, dim: usize, seed: u64) -> Vec<f64> {
    let mut random = StdRng::seed_from_u64(seed);
    (0..rows * dim)
        .map(|_| (0..4).map(|_| random.random_range(-1.0..1.0f64)).sum::<f64>() * 8.0)
        .map(f64::round)
        .collect()
}

/// Mean recall of the k nearest, and the partitions searched on average.
fn recall(table: &Table, index: &VectorIndex, queries: &[Query], k: usize, target: f64) -> (f64, f64) {
    let effort = index.calibration().unwrap().effort(k, target);
    let early_stop = Some(EarlyStop { k, reach: effort.reach, expected: effort.probes.ceil() as usize });
    let probe = Probe { candidates: effort.candidates, early_stop, ..Probe::default() };
    let (mut found, mut probes) = (0, 0);
    for query in queries {
        let truth = table.exact(query, k);
        let answer = reranked(table, index, query, &probe, k);
        found += truth.iter().filter(|candidate| answer.contains(candidate)).count();
        probes += index.search(query, &probe, &Progress::none()).unwrap().partitions_searched;
    }
    (found as f64 / (queries.len() * k) as f64, probes as f64 / queries.len() as f64)
}

#[test]
fn targets_are_reached_by_queries_that_are_no_rows() {
    let dim = 12;
    let values = spread(8000, dim, 1);
    let table = Table::new(column(ElementKind::F32, &values, dim));
    let asked = spread(300, dim, 2);
    for (i, config) in [
        pq(Metric::L2, 64, 6, 8),
        pq(Metric::Cosine, 64, 6, 8),
        pq(Metric::Dot, 64, 6, 8),
        pq(Metric::L2, 64, 6, 4),
        ivf_flat(Metric::L2, 64),
        ivf_flat(Metric::Dot, 64),
    ]
    .iter()
    .enumerate()
    {
        let index = table.build(config, &i.to_string(), &Progress::none()).unwrap().index;
        let queries: Vec<Query> =
            asked.chunks_exact(dim).map(|vector| Query::new(config.metric().unwrap(), vector)).collect();
        for target in [0.8, 0.9, 0.95, 0.99] {
            let (recall, probes) = recall(&table, &index, &queries, 10, target);
            // The sample of the calibration and that of the queries both leave some to chance.
            assert!(recall >= target - 0.02, "{config:?}: {recall} of {target}");
            assert!((1.0..60.0).contains(&probes), "{config:?}: {probes} probes for {target}");
        }
        let (recall, probes) = recall(&table, &index, &queries[..50], 10, 1.0);
        assert!(probes == 64.0 && recall >= 0.99, "{config:?}: {recall} of all");
    }
}

#[test]
fn hamming_indexes_are_calibrated_too() {
    let mut random = StdRng::seed_from_u64(3);
    let values: Vec<f64> = (0..3000 * 8).map(|_| f64::from(random.random::<u8>())).collect();
    let table = Table::new(column(ElementKind::U8, &values, 8));
    let index = table.build(&ivf_flat(Metric::Hamming, 30), "a", &Progress::none()).unwrap().index;

    let effort = index.calibration().unwrap().effort(10, 0.9);
    assert!(effort.candidates == 10 && effort.probes > 1.0 && effort.probes < 30.0, "{effort:?}");
}

#[test]
fn few_rows_are_not_calibrated() {
    let table = Table::new(column(ElementKind::F32, &clustered(1000, 4, 1), 4));
    for config in [pq(Metric::L2, 10, 2, 8), ivf_flat(Metric::L2, 10)] {
        let Indexed { built, index, .. } = table.build(&config, config.kind(), &Progress::none()).unwrap();

        assert!(index.calibration().is_none());
        assert!(built.details["calibration"].is_null());
    }
}

#[test]
fn rows_that_are_all_alike_and_a_single_partition_are_no_trouble() {
    let alike = vec![3.0; 2000 * 4];
    let table = Table::new(column(ElementKind::F32, &alike, 4));
    for (i, config) in
        [pq(Metric::L2, 8, 2, 8), ivf_flat(Metric::Cosine, 8), pq(Metric::Dot, 1, 2, 4)].iter().enumerate()
    {
        let index = table.build(config, &i.to_string(), &Progress::none()).unwrap().index;
        let query = Query::new(config.metric().unwrap(), &alike[..4]);
        let effort = index.calibration().unwrap().effort(2500, 0.9);
        let early_stop = Some(EarlyStop { k: 2500, reach: effort.reach, expected: 1 });
        let probe = Probe { candidates: effort.candidates, early_stop, ..Probe::default() };

        let found = index.search(&query, &probe, &Progress::none()).unwrap();
        assert_eq!(found.candidates.len(), 2000, "{config:?}");
    }
}

#[test]
fn rows_without_a_place_are_not_asked_with() {
    let mut values = clustered(3000, 4, 5);
    values[..1500 * 4].fill(0.0);
    let valid = (0..3000).map(|row| row % 3 > 0).collect();
    let table = Table::new(VectorColumn::of_lists(lists(ElementKind::F64, &values, 4, Some(valid)), 0));
    let index = table.build(&pq(Metric::Cosine, 10, 2, 8), "a", &Progress::none());

    // 1000 rows are left: too few. Of l2's 2000, half are alike.
    assert!(index.unwrap().index.calibration().is_none());
    let index = table.build(&pq(Metric::L2, 10, 2, 8), "b", &Progress::none()).unwrap().index;
    assert!(index.calibration().is_some());
}
