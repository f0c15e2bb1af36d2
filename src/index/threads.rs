//! Threads for building indexes that give way to those that answer queries.

use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};

/// Threads for [`super::build`]: `pool.install(|| table.create_index(..))`. As many as there are cores if
/// `threads` is 0.
///
/// Where the operating system can say it of a thread (Linux and Windows), they have a lower priority than
/// others: a build takes what queries leave of the cores, and a query does not wait for one.
///
/// # Errors
/// If the operating system starts no more threads.
pub fn build_threads(threads: usize) -> Result<ThreadPool, ThreadPoolBuildError> {
    ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|thread| format!("quiver-build-{thread}"))
        .start_handler(|_| give_way())
        .build()
}

/// Lowers the priority of this thread: on Linux to a nice value of 9, at which another thread gets about eight
/// times its share.
fn give_way() {
    #[cfg(any(target_os = "linux", target_os = "android", windows))]
    if let Ok(quarter) = 25u8.try_into() {
        // A build at full priority is better than none.
        let _ = thread_priority::set_current_thread_priority(thread_priority::ThreadPriority::Crossplatform(
            quarter,
        ));
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    /// The nice value of this thread, which is above zero where it gives way.
    fn nice() -> i32 {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
        stat.rsplit(')').next().unwrap().split_whitespace().nth(16).unwrap().parse().unwrap()
    }

    #[test]
    fn threads_that_build_give_way_and_the_one_that_waits_for_them_does_not() {
        let before = nice();

        let threads = build_threads(2).unwrap();

        assert!(threads.broadcast(|_| nice()).into_iter().all(|nice| nice >= 9));
        assert_eq!(nice(), before);
    }
}
