//! What exact search finds.

use super::*;

#[test]
fn flat_search_skips_rows_and_distances_out_of_range() {
    let values: Vec<f64> = (0..1000).map(f64::from).collect();
    let column = column(ElementKind::F32, &values, 1);
    let query = Query::new(Metric::L2, &[500.0]);
    let search = |range, first_row_id, rows: Option<&RoaringTreemap>| {
        let found =
            flat::search(&column, &query, 3, range, first_row_id..900, rows, &Progress::none()).unwrap();
        found.into_iter().map(|candidate| candidate.row_id).collect::<Vec<_>>()
    };
    let everything = Range::default();

    assert_eq!(search(everything, 0, None), [600, 599, 601]);
    assert_eq!(search(everything, 700, None), [700, 701, 702]);
    assert_eq!(search(Range { lower: Some(4.0), upper: Some(9.0) }, 0, None), [598, 602]);
    assert_eq!(search(Range { lower: Some(9e4), upper: None }, 0, None), [300, 299, 298]);
    for step in [2, 50] {
        let rows: RoaringTreemap = (100..1100).step_by(step).collect();
        let step = step as u64;
        assert_eq!(search(everything, 0, Some(&rows)), [600, 600 - step, 600 + step]);
    }
}

#[test]
fn flat_search_is_the_same_on_any_number_of_threads() {
    let dim = 64;
    let values = clustered(40_000, dim, 11);
    let column = column(ElementKind::F32, &values, dim);
    let query = Query::new(Metric::L2, &values[..dim]);
    let answers = [1, 3].map(|threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            flat::search(&column, &query, 100, Range::default(), 0..u64::MAX, None, &Progress::none())
        })
        .unwrap()
    });

    assert_eq!(answers[0], answers[1]);
    let expired = Progress::none().within(0);
    let error = flat::search(&column, &query, 1, Range::default(), 0..u64::MAX, None, &expired).unwrap_err();
    assert_eq!(error.code(), "TIMEOUT");
}

#[test]
fn a_batch_finds_what_each_of_its_queries_finds_alone() {
    let dim = 24;
    let values = clustered(5000, dim, 12);
    let column = column(ElementKind::F32, &values, dim);
    let [all, none] = [(0..9000).collect(), RoaringTreemap::new()];
    let sets: [Option<RoaringTreemap>; 5] = [
        None,
        Some(all),
        Some(none),
        Some((0..9000).step_by(2).collect()),
        Some((0..9000).step_by(70).collect()),
    ];
    let queries: Vec<Query> = (0..70).map(|i| Query::new(Metric::L2, &values[i * 97..][..dim])).collect();
    for rows in sets.iter().map(Option::as_ref) {
        let range = Range { lower: Some(1.0), upper: None };
        let alone: Vec<_> = queries
            .iter()
            .map(|query| flat::search(&column, query, 7, range, 0..4000, rows, &Progress::none()).unwrap())
            .collect();
        let together =
            flat::search_all(&column, &queries, 7, range, 0..4000, rows, &Progress::none()).unwrap();

        assert_eq!(together, alone);
    }
    let nobody = flat::search_all(&column, &[], 7, Range::default(), 0..9, None, &Progress::none());
    assert_eq!(nobody.unwrap(), Vec::<Vec<Candidate>>::new());
}
