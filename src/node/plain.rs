//! Threads that are nobody's workers.
//!
//! A thread of rayon that waits for part of its work takes another job meanwhile, on the same stack. Writers of a table
//! queue for it, and a job that queues for what the job below it on the stack holds would wait for ever. On these
//! threads a job that waits just waits.

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

type Job = Box<dyn FnOnce() + Send>;

/// Threads that do jobs, each from beginning to end.
pub(super) struct PlainThreads(Sender<Job>);

impl PlainThreads {
    /// Starts `count` threads, which live as long as the process.
    pub fn start(name: &str, count: usize) -> io::Result<Self> {
        let (sender, jobs) = channel();
        let jobs = Arc::new(Mutex::new(jobs));
        for i in 0..count {
            let jobs = jobs.clone();
            thread::Builder::new().name(format!("{name}-{i}")).spawn(move || work(&jobs))?;
        }
        Ok(Self(sender))
    }

    /// Does `job`, which must not panic, on one of the threads.
    pub fn spawn(&self, job: impl FnOnce() + Send + 'static) {
        // It fails only if all threads are gone, and none ever goes.
        let _ = self.0.send(Box::new(job));
    }
}

fn work(jobs: &Mutex<Receiver<Job>>) {
    // One thread waits for the next job, the others for their turn to wait.
    let next = || jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
    while let Ok(job) = next() {
        job();
    }
}

#[cfg(test)]
mod tests {
    use rayon::prelude::*;

    use super::*;

    #[test]
    fn jobs_that_queue_for_a_lock_and_work_in_parallel_all_come_to_their_end() {
        let threads = PlainThreads::start("plain", 4).unwrap();
        let queue = Arc::new(Mutex::new(0u64));
        let (sender, receiver) = channel();
        for _ in 0..100 {
            let (queue, sender) = (queue.clone(), sender.clone());
            threads.spawn(move || {
                let mut sum = queue.lock().unwrap();
                *sum +=
                    (0..10_000u32).into_par_iter().with_max_len(10).map(|i| u64::from(i % 7)).sum::<u64>();
                sender.send(()).unwrap();
            });
        }
        for _ in 0..100 {
            receiver.recv().unwrap();
        }

        assert_eq!(*queue.lock().unwrap(), 100 * (0..10_000u64).map(|i| i % 7).sum::<u64>());
    }
}
