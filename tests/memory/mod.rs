//! How much memory of this process, beyond its mapped files, a piece of work takes. Linux only.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// Does some work, and says by how many bytes anonymous memory grew at most meanwhile, beyond what the process had
/// before. Only right if no other test runs in the process.
pub fn grown_by<T>(work: impl FnOnce() -> T) -> (T, u64) {
    let before = anonymous_bytes();
    let done = AtomicBool::new(false);
    let (answer, peak) = thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut peak = 0;
            while !done.load(Ordering::Relaxed) {
                peak = peak.max(anonymous_bytes());
                thread::sleep(Duration::from_millis(2));
            }
            peak
        });
        let answer = work();
        done.store(true, Ordering::Relaxed);
        (answer, watch.join().unwrap())
    });
    (answer, peak.saturating_sub(before))
}

fn anonymous_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}
