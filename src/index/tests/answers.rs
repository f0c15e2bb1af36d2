//! What indexes find.

use super::*;

#[test]
fn when_everything_is_probed_and_reranked_answers_are_exact() {
    let dim = 12;
    for metric in [Metric::L2, Metric::Cosine, Metric::Dot] {
        for element in ElementKind::ALL {
            let offset = if element == ElementKind::U8 { 60.0 } else { 0.0 };
            let values: Vec<f64> = clustered(700, dim, 1).iter().map(|value| value + offset).collect();
            let table = Table::new(column(element, &values, dim));
            for config in [pq(metric, 9, 4, 8), pq(metric, 9, 3, 4), ivf_flat(metric, 9)] {
                let Indexed { index, built, .. } = table.build(&config, "a", &Progress::none()).unwrap();
                for query in queries(metric, &values, dim) {
                    let expected = table.exact(&query, 20);
                    let found = reranked(&table, &index, &query, &everything(700), 20);
                    assert_eq!(found, expected, "{metric} {element:?} {config:?}");
                }
                assert_eq!((built.rows, index.rows(), index.dim()), (700, 700, dim));
                fs::remove_dir_all(table.folder.path().join("indexes")).unwrap();
            }
        }
    }
}

#[test]
fn a_hamming_index_finds_the_rows_with_the_fewest_differing_bits() {
    let mut random = StdRng::seed_from_u64(3);
    let values: Vec<f64> = (0..600 * 16).map(|_| f64::from(random.random_range(0..=255u8))).collect();
    let table = Table::new(column(ElementKind::U8, &values, 16));
    let Indexed { index, .. } = table.build(&ivf_flat(Metric::Hamming, 8), "a", &Progress::none()).unwrap();

    for query in queries(Metric::Hamming, &values, 16) {
        let found = index.search(&query, &everything(10), &Progress::none()).unwrap();
        assert!(found.exact);
        assert_eq!(found.candidates, table.exact(&query, 10));
    }
    let floats = Table::new(column(ElementKind::F32, &values, 16));
    let error = floats.build(&ivf_flat(Metric::Hamming, 8), "a", &Progress::none()).err().unwrap();
    assert!(error.to_string().starts_with("distanceType is hamming, but column 'vector'"), "{error}");
}

#[test]
fn few_probes_find_nearly_all_neighbours_of_clustered_rows() {
    let dim = 16;
    let values = clustered(4000, dim, 5);
    let table = Table::new(column(ElementKind::F32, &values, dim));
    for metric in [Metric::L2, Metric::Cosine, Metric::Dot] {
        for (bits, sub_vectors) in [(8, 4), (4, 8)] {
            let config = pq(metric, 40, sub_vectors, bits);
            let Indexed { index, .. } =
                table.build(&config, &format!("{metric}{bits}"), &Progress::none()).unwrap();
            let probe = Probe { candidates: 100, probes_min: 8, probes_max: Some(8), ..Probe::default() };
            let (mut found, mut wanted) = (0, 0);
            for query in queries(metric, &values, dim) {
                let near = reranked(&table, &index, &query, &probe, 10);
                let expected = table.exact(&query, 10);
                found += expected.iter().filter(|row| near.contains(row)).count();
                wanted += expected.len();
            }
            assert!(found * 100 >= wanted * 95, "{metric}, {bits} bits: {found} of {wanted}");
        }
    }
}

#[test]
fn estimates_are_on_the_scale_of_the_metric() {
    let dim = 16;
    let values: Vec<f64> = clustered(3000, dim, 9).iter().map(|value| value / 20.0 + 1.0).collect();
    let table = Table::new(column(ElementKind::F32, &values, dim));
    for metric in [Metric::L2, Metric::Cosine, Metric::Dot] {
        let Indexed { index, .. } =
            table.build(&pq(metric, 20, 8, 8), metric.name(), &Progress::none()).unwrap();
        for query in queries(metric, &values, dim).iter().take(10) {
            let found = index.search(query, &everything(1000), &Progress::none()).unwrap();
            let row_ids: Vec<u64> = found.candidates.iter().map(|candidate| candidate.row_id).collect();
            let mut exact = Vec::new();
            table.column.distances_of(query, &row_ids, &mut exact);
            let spread = exact.iter().fold(0.0f32, |spread, distance| spread.max(distance.abs()));
            let errors =
                found.candidates.iter().zip(&exact).map(|(found, exact)| (found.distance - exact).abs());
            let mean_error = errors.sum::<f32>() / exact.len() as f32;
            assert!(mean_error < 0.03 * spread, "{metric}: {mean_error} of {spread}");
            assert!(!found.exact && found.candidates.is_sorted());
        }
    }
}

#[test]
fn rows_without_a_usable_vector_are_not_indexed_and_never_found() {
    let dim = 4;
    let mut values = clustered(300, dim, 2);
    values[0] = f64::NAN;
    values[4..8].fill(0.0);
    values[8] = f64::INFINITY;
    let valid = (0..300).map(|row| row != 3).collect();
    let table = Table::new(VectorColumn::of_lists(lists(ElementKind::F32, &values, dim, Some(valid)), 0));
    let query = Query::new(Metric::Cosine, &values[16..20]);

    for config in [pq(Metric::Cosine, 5, 2, 8), ivf_flat(Metric::Cosine, 5)] {
        let Indexed { built, index, .. } = table.build(&config, config.kind(), &Progress::none()).unwrap();
        let found = index.search(&query, &everything(300), &Progress::none()).unwrap();

        let mut row_ids: Vec<u64> = found.candidates.iter().map(|candidate| candidate.row_id).collect();
        row_ids.sort_unstable();
        assert_eq!(row_ids, (4..300).collect::<Vec<_>>());
        assert_eq!((built.rows, found.rows_scanned), (296, 296));
        assert_eq!(built.details["skippedRows"], 4);
    }
    let nothing = Query::new(Metric::Cosine, &[0.0; 4]);
    let Indexed { index, .. } = table.build(&pq(Metric::Cosine, 5, 2, 4), "c", &Progress::none()).unwrap();
    assert_eq!(index.search(&nothing, &everything(9), &Progress::none()).unwrap().candidates, []);
}

#[test]
fn identical_rows_few_rows_and_rows_on_a_line_are_indexed() {
    let ones = vec![1.0; 1000 * 128];
    let line: Vec<f64> = (0..1000).flat_map(|i| vec![f64::from(i); 128]).collect();
    let cases = [
        (ones.clone(), 128, IndexConfig::IvfPq(IvfPqConfig::default()), "[1; 128], default"),
        (ones, 128, pq(Metric::Cosine, 50, 16, 8), "[1; 128], cosine"),
        (line.clone(), 128, pq(Metric::L2, 30, 8, 8), "a line"),
        (line, 128, pq(Metric::Dot, 30, 8, 4), "a line, 4 bits"),
        (vec![1.0, 2.0, 3.0], 3, IndexConfig::IvfPq(IvfPqConfig::default()), "one row"),
        (vec![1.0, 2.0, 3.0, 4.0], 1, pq(Metric::L2, 4, 1, 8), "four rows, four partitions"),
        (vec![0.0; 64], 8, IndexConfig::IvfPq(IvfPqConfig::default()), "zeros"),
        (vec![5.0; 70], 7, IndexConfig::IvfFlat(IvfFlatConfig::default()), "sevens"),
    ];
    for (values, dim, config, what) in cases {
        let table = Table::new(column(ElementKind::F32, &values, dim));
        let Indexed { index, .. } = table.build(&config, "a", &Progress::none()).unwrap();
        let rows = values.len() / dim;
        let query = Query::new(config.metric().unwrap(), &values[..dim]);

        let probe = Probe { candidates: 10, probes_min: 30, probes_max: None, ..Probe::default() };
        assert_eq!(reranked(&table, &index, &query, &probe, 10).len(), rows.min(10), "{what}");
        let all = reranked(&table, &index, &query, &everything(rows), 10);
        assert_eq!(all, table.exact(&query, 10), "{what}");
    }
}

#[test]
fn only_rows_of_the_set_are_found_and_probing_goes_on_until_there_are_enough() {
    let values = clustered(2000, 8, 8);
    let table = Table::new(column(ElementKind::F32, &values, 8));
    let rows: RoaringTreemap = (100..2100).step_by(97).collect();
    let query = Query::new(Metric::L2, &values[..8]);
    let expected = flat::search(
        &table.column,
        &query,
        15,
        Range::default(),
        0..u64::MAX,
        Some(&rows),
        &Progress::none(),
    );
    for config in [pq(Metric::L2, 30, 4, 8), ivf_flat(Metric::L2, 30)] {
        let Indexed { index, .. } = table.build(&config, config.kind(), &Progress::none()).unwrap();
        let masks = index.masks();
        let wanted = Some(Wanted { rows: &rows, masks: &masks });
        let probe = Probe { candidates: 21, probes_min: 2, rows: wanted, ..Probe::default() };

        assert_eq!(&reranked(&table, &index, &query, &probe, 15), expected.as_ref().unwrap());
        let limited = Probe { probes_max: Some(2), ..probe };
        let found = index.search(&query, &limited, &Progress::none()).unwrap();
        assert!(found.candidates.iter().all(|candidate| rows.contains(candidate.row_id)));
        assert_eq!(found.partitions_searched, 2);
    }
}

#[test]
fn a_batch_finds_what_each_of_its_queries_finds_alone() {
    let values = clustered(3000, 8, 21);
    let table = Table::new(column(ElementKind::F32, &values, 8));
    let rows: RoaringTreemap = (100..3100).step_by(5).collect();
    let few = Probe { candidates: 30, probes_min: 3, probes_max: Some(3), ..Probe::default() };
    let early = EarlyStop { k: 10, reach: 1.0, expected: 4 };
    let until = Probe { probes_min: 0, probes_max: None, early_stop: Some(early), ..few };
    for metric in [Metric::L2, Metric::Cosine, Metric::Dot] {
        for config in [pq(metric, 40, 8, 4), ivf_flat(metric, 40)] {
            let name = format!("{metric}{}", config.kind());
            let Indexed { index, .. } = table.build(&config, &name, &Progress::none()).unwrap();
            let masks = index.masks();
            let wanted = Some(Wanted { rows: &rows, masks: &masks });
            let mut queries = queries(metric, &values, 8);
            // For cosine nothing is near it.
            queries.insert(2, Query::new(metric, &[0.0; 8]));
            for probe in [few, until, Probe { rows: wanted, ..until }, Probe { rows: wanted, ..few }] {
                let alone = queries.iter().map(|query| index.search(query, &probe, &Progress::none()));
                let alone: Vec<Found> = alone.map(Result::unwrap).collect();
                let together = index.search_all(&queries, &probe, &Progress::none()).unwrap();

                assert_eq!(together, alone, "{name} {probe:?}");
            }
        }
    }
}

#[test]
fn queries_go_together_where_several_of_them_look_into_a_partition() {
    let table = Table::new(column(ElementKind::F32, &clustered(900, 4, 1), 4));
    let Indexed { index, .. } = table.build(&ivf_flat(Metric::L2, 20), "a", &Progress::none()).unwrap();
    let probes = |probes_min| Probe { candidates: 10, probes_min, ..Probe::default() };

    assert_eq!([1, 2, 9].map(|queries| index.group(queries, &probes(5), 1)), [1, 1, 9]);
    assert_eq!(index.group(40, &probes(1), 1), 40);
    assert_eq!(index.group(40, &probes(1), 2), 1);
    assert_eq!(index.group(0, &everything(10), 2), 1);
    assert!(index.group(10_000, &everything(10), 4) < 1000);
}

#[test]
fn a_query_of_another_shape_or_metric_is_an_error() {
    let table = Table::new(column(ElementKind::F32, &clustered(50, 4, 1), 4));
    let Indexed { index, .. } = table.build(&pq(Metric::L2, 2, 2, 8), "a", &Progress::none()).unwrap();

    let search = |metric, vector: &[f64]| {
        index.search(&Query::new(metric, vector), &everything(1), &Progress::none()).unwrap_err().to_string()
    };
    assert_eq!(search(Metric::L2, &[1.0; 3]), "the vector has 3 dimensions, but column 'vector' stores 4");
    assert_eq!(search(Metric::Dot, &[1.0; 4]), "distanceType is dot, but the index was built for l2");
}
