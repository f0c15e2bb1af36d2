//! A thread that has just done a job stands by for the next one.
//!
//! Who waits for the answer of a search often asks again as soon as it is there. Waking a sleeping thread takes
//! longer (40 µs on a virtual machine) than many a search, so the thread that answered last looks out for the next
//! job for a moment before it sleeps. One thread at most does so, and only while no other job is under way.

use std::hint::spin_loop;
use std::mem::replace;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rayon::ThreadPool;

/// How long a thread stands by: about the time in which JavaScript hears of an answer and asks again.
const PATIENCE: Duration = Duration::from_micros(100);

type Job = Box<dyn FnOnce() + Send>;

/// Threads that do jobs, one of them standing by between jobs.
pub(super) struct Standby {
    threads: ThreadPool,
    /// Jobs that were handed in and are not done.
    unfinished: AtomicUsize,
    place: Mutex<Place>,
    /// Whether a job was put into the place: cheaper to look at than the place itself.
    arrived: AtomicBool,
}

/// Where a thread that stands by is given a job.
enum Place {
    Nobody,
    Waiting,
    Taken(Job),
}

impl Standby {
    pub fn new(threads: ThreadPool) -> Self {
        let place = Mutex::new(Place::Nobody);
        Self { threads, unfinished: AtomicUsize::new(0), place, arrived: AtomicBool::new(false) }
    }

    /// Does `job`, which must not panic, on one of the threads.
    pub fn spawn(&'static self, job: impl FnOnce() + Send + 'static) {
        self.unfinished.fetch_add(1, Ordering::Relaxed);
        let mut place = self.place();
        if matches!(*place, Place::Waiting) {
            *place = Place::Taken(Box::new(job));
            self.arrived.store(true, Ordering::Release);
            return;
        }
        drop(place);
        self.threads.spawn(move || self.work(Box::new(job)));
    }

    fn work(&self, mut job: Job) {
        // On a single core, waiting would keep JavaScript from running.
        let may_wait = self.threads.current_num_threads() > 1;
        loop {
            job();
            let others = self.unfinished.fetch_sub(1, Ordering::Relaxed) - 1;
            match (others == 0 && may_wait).then(|| self.wait()).flatten() {
                Some(next) => job = next,
                None => return,
            }
        }
    }

    fn wait(&self) -> Option<Job> {
        match &mut *self.place() {
            place @ Place::Nobody => *place = Place::Waiting,
            _ => return None,
        }
        let asleep_at = Instant::now() + PATIENCE;
        while !self.arrived.load(Ordering::Acquire) && Instant::now() < asleep_at {
            spin_loop();
        }
        let mut place = self.place();
        self.arrived.store(false, Ordering::Relaxed);
        match replace(&mut *place, Place::Nobody) {
            Place::Taken(job) => Some(job),
            _ => None,
        }
    }

    fn place(&self) -> MutexGuard<'_, Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, channel};
    use std::thread::{ThreadId, current, sleep};

    use rayon::ThreadPoolBuilder;

    use super::*;

    fn standby(threads: usize) -> &'static Standby {
        let threads = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        Box::leak(Box::new(Standby::new(threads)))
    }

    /// Spawns a job that says which thread does it.
    fn ask(standby: &'static Standby) -> Receiver<ThreadId> {
        let (sender, receiver) = channel();
        standby.spawn(move || sender.send(current().id()).unwrap());
        receiver
    }

    #[test]
    fn every_job_is_done_however_they_come() {
        for threads in [1, 2, 4] {
            let standby = standby(threads);
            for pause in [0, 0, 20, 90, 100, 110, 300] {
                let answers: Vec<_> = (0..50).map(|_| ask(standby)).collect();
                for answer in answers {
                    answer.recv().unwrap();
                }
                sleep(Duration::from_micros(pause));
                ask(standby).recv().unwrap();
            }
        }
    }

    #[test]
    fn jobs_run_side_by_side() {
        let standby = standby(2);
        let (first, second) = (channel(), channel());
        // Each waits for the other, which a single thread could not do.
        standby.spawn(move || {
            first.0.send(()).unwrap();
            second.1.recv().unwrap();
        });
        first.1.recv().unwrap();
        let done = ask(standby);
        done.recv().unwrap();
        second.0.send(()).unwrap();
    }
}
