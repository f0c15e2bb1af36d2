//! Throws text at the filter's parser and evaluator, guided by the code that it reaches.
//!
//! ```text
//! cargo +nightly fuzz run filter fuzz/corpus/filter -- -dict=fuzz/filter.dict -max_total_time=3600
//! ```
//!
//! The corpus is kept small (`cargo fuzz cmin filter`), and `tests/fuzz_corpus.rs` runs it with every change.
#![no_main]

mod check;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|sql: &str| check::check(sql));
