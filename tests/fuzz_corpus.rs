//! Runs what the fuzzer has found worth keeping, with every change. `fuzz/filter.rs` says how to find more.

#[path = "../fuzz/check.rs"]
mod check;

#[test]
fn every_text_of_the_corpus_is_an_answer_or_a_clear_error() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/filter");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        // libFuzzer too passes over what is no text.
        let Ok(sql) = std::fs::read_to_string(entry.unwrap().path()) else { continue };
        check::check(&sql);
        count += 1;
    }
    assert!(count > 100, "only {count} texts are in {folder}");
}
