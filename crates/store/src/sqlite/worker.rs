//! A thread that owns one connection and takes jobs from a bounded queue.
//!
//! Invariant: dropping a worker lets it finish what was handed over, and waits for that, but not
//! for ever.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use weir_core::limits;

use crate::error::{OpenError, Outage};

use super::dir::DataDir;

/// How long a drop waits for jobs that were already handed over.
const DROP_WAIT: Duration = Duration::from_secs(5);

/// The handle of the thread.
#[derive(Debug)]
pub(super) struct Worker<Job> {
    queue: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

// === impl Worker ===

impl<Job: Send + 'static> Worker<Job> {
    /// Starts a thread that `run`s until its queue is empty and closed.
    pub(super) fn start(
        name: &str,
        dir: &DataDir,
        run: impl FnOnce(&Receiver<Job>) + Send + 'static,
    ) -> Result<Self, OpenError> {
        let (queue, jobs) = sync_channel(limits::STORE_QUEUE_MAX);
        let thread = Builder::new().name(name.to_owned()).spawn(move || run(&jobs));
        let thread = thread.map_err(|error| OpenError::Outage {
            dir: dir.path().to_owned(),
            outage: Outage::Io(format!("no thread for {name}: {error}")),
        })?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    /// Queues a job; a full queue is an outage, not a wait.
    pub(super) fn hand_over(&self, job: Job) -> Result<(), Outage> {
        match self.queue.as_ref().map(|queue| queue.try_send(job)) {
            Some(Ok(())) => Ok(()),
            Some(Err(TrySendError::Full(_))) => {
                Err(Outage::Busy(format!("{} requests wait already", limits::STORE_QUEUE_MAX)))
            }
            Some(Err(TrySendError::Disconnected(_))) | None => Err(Outage::Closed),
        }
    }
}

impl<Job> Drop for Worker<Job> {
    fn drop(&mut self) {
        self.queue = None;
        let Some(thread) = self.thread.take() else { return };
        let name = thread.thread().name().unwrap_or_default().to_owned();
        let deadline = Instant::now() + DROP_WAIT;
        while !thread.is_finished() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
        }
        if !thread.is_finished() {
            tracing::error!(name, "a thread of the store does not end");
        } else if thread.join().is_err() {
            tracing::error!(name, "a thread of the store panicked");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drop_finishes_what_was_handed_over_and_a_panic_closes() {
        let home = tempfile::tempdir().unwrap();
        let dir = DataDir::take(home.path()).unwrap();
        let (done, results) = std::sync::mpsc::channel();
        let run = move |jobs: &Receiver<u32>| {
            for job in jobs {
                assert!(job != 13, "a bug");
                std::thread::sleep(Duration::from_millis(5));
                done.send(job).unwrap();
            }
        };
        let worker = Worker::start("test-worker", &dir, run.clone()).unwrap();
        (0..10).for_each(|job| worker.hand_over(job).unwrap());
        drop(worker);
        assert_eq!(results.try_iter().collect::<Vec<_>>(), (0..10).collect::<Vec<_>>());

        let worker = Worker::start("test-panicking", &dir, run).unwrap();
        worker.hand_over(13).unwrap();
        let deadline = Instant::now() + Duration::from_secs(5);
        while worker.hand_over(1) != Err(Outage::Closed) {
            assert!(Instant::now() < deadline);
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}
