//! The Rust examples, run.

#[path = "../examples/ivf_pq.rs"]
#[expect(dead_code, reason = "its main() prints what run() returns")]
mod ivf_pq;

#[test]
fn ivf_pq_finds_fifteen_of_the_identical_rows() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let uri = folder.path().to_str().expect("a path in UTF-8");

    let answer = ivf_pq::run(uri).expect("the example ends well");

    let ids: Vec<i32> = answer.iter().map(|(id, _)| *id).collect();
    assert_eq!(ids, (0..15).collect::<Vec<_>>(), "ties go to the lower row id");
    assert!(answer.iter().all(|(_, distance)| distance.abs() < 1e-6), "{answer:?}");
}
