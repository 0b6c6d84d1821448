//! The data threads: started together, woken and written to one by one, stopped within a bound.
//!
//! Reactors are made on the caller's thread, so that a lack of descriptors fails the start and not
//! a thread. Invariant: dropping [`DataThreads`] leaves no thread running that still obeys.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::budget::Budget;
use crate::bugs::{BugMeter, DATA_THREAD, panic_hook_install};
use crate::limits;
use crate::mailbox::{Mailbox, mailbox};
use crate::publication::Publisher;
use crate::reactor::{Bell, Eventfd, Handler, Reactor, StopSign};
use crate::telemetry::{Telemetry, ThreadCounters};

/// How many threads, and where.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Number of data threads; [`cores`] by default.
    pub threads: usize,
    /// Pins thread i to the i-th core that the process may use.
    pub pinned: bool,
}

/// What a handler is told about the thread it is made on.
pub struct Place {
    /// Number of the thread, from 0.
    pub index: usize,
    /// Number of data threads.
    pub count: usize,
    /// Wakes this thread.
    pub bell: Arc<Bell>,
    /// Its counters.
    pub counters: Arc<ThreadCounters>,
}

/// The running data threads, with `L` as their letters.
pub struct DataThreads<L> {
    threads: Vec<Running<L>>,
    ended: Receiver<usize>,
}

struct Running<L> {
    name: String,
    mailbox: Mailbox<L, Eventfd>,
    bell: Arc<Bell>,
    stop: Arc<StopSign>,
    /// Taken when the thread was joined.
    handle: Option<JoinHandle<()>>,
}

/// Says that a thread has ended, however it ended.
struct Obituary {
    index: usize,
    sender: Sender<usize>,
}

// === impl Config ===

impl Default for Config {
    fn default() -> Self {
        Self { threads: cores(), pinned: false }
    }
}

/// Cores that this process may use.
pub fn cores() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    cores.min(limits::THREADS_MAX)
}

// === impl DataThreads ===

impl<L: Send + 'static> DataThreads<L> {
    /// Starts the threads, each subscribed to `publisher`, each with a handler that `make` builds
    /// on the thread itself. `telemetry` must have as many blocks.
    ///
    /// # Errors
    /// Lack of descriptors or of threads; those already started are stopped.
    pub fn spawn<H, F>(
        config: Config,
        budget: &Arc<Budget>,
        telemetry: &Telemetry,
        publisher: &Publisher<H::Published>,
        make: F,
    ) -> io::Result<Self>
    where
        H: Handler<Letter = L>,
        F: Fn(Place) -> H + Send + Sync + 'static,
    {
        panic_hook_install();
        let bugs = Arc::new(BugMeter::default());
        let make = Arc::new(make);
        let (sender, ended) = channel();
        let mut all = Self { threads: Vec::new(), ended };
        for index in 0..config.threads {
            let counters = telemetry.thread(index);
            let reactor = Reactor::new(budget.clone(), bugs.clone(), counters.clone())?;
            let (bell, stop) = (reactor.bell(), reactor.stop_sign());
            let (mailbox, letters) = mailbox(bell.clone());
            let name = format!("{DATA_THREAD}{index}");
            let subscriber = publisher.subscribe(name.clone(), bell.clone());
            let place = Place { index, count: config.threads, bell: bell.clone(), counters };
            let (make, sender) = (make.clone(), sender.clone());
            let body = move || {
                let _obituary = Obituary { index, sender };
                if config.pinned {
                    pin(index);
                }
                if let Err(error) = reactor.run(make(place), subscriber, letters) {
                    tracing::error!(thread = index, %error, "bug: a data thread's poll failed");
                }
            };
            let handle = std::thread::Builder::new().name(name.clone()).spawn(body)?;
            all.threads.push(Running { name, mailbox, bell, stop, handle: Some(handle) });
        }
        Ok(all)
    }

    /// Writes letters to one thread.
    pub fn mailbox(&self, thread: usize) -> Option<Mailbox<L, Eventfd>> {
        self.threads.get(thread).map(|running| running.mailbox.clone())
    }

    /// Wakes one thread.
    pub fn bell(&self, thread: usize) -> Option<Arc<Bell>> {
        self.threads.get(thread).map(|running| running.bell.clone())
    }

    /// Number of threads that were started.
    pub fn count(&self) -> usize {
        self.threads.len()
    }

    /// Closes the listeners, gives connections `drain` to finish, then ends them and the threads.
    /// Returns the names of threads that did not even obey that (a bug); they are left behind.
    pub fn stop(mut self, drain: Duration) -> Vec<String> {
        self.stop_within(drain)
    }

    fn stop_within(&mut self, drain: Duration) -> Vec<String> {
        for running in &self.threads {
            running.stop.drain();
            running.bell.ring();
        }
        self.join_until(Instant::now() + drain);
        for running in self.threads.iter().filter(|running| running.handle.is_some()) {
            running.stop.stop();
            running.bell.ring();
        }
        self.join_until(Instant::now() + Duration::from_millis(limits::STOP_MS));
        let stuck = self.threads.iter().filter(|running| running.handle.is_some());
        stuck.map(|running| running.name.clone()).collect()
    }

    fn join_until(&mut self, deadline: Instant) {
        while self.threads.iter().any(|running| running.handle.is_some()) {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.ended.recv_timeout(left) {
                Ok(index) => self.join(index),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn join(&mut self, index: usize) {
        let handle = self.threads.get_mut(index).and_then(|running| running.handle.take());
        if handle.is_some_and(|handle| handle.join().is_err()) {
            tracing::error!(thread = index, "bug: a data thread ended with a panic");
        }
    }
}

impl<L> Drop for DataThreads<L> {
    fn drop(&mut self) {
        for running in &self.threads {
            running.stop.stop();
            running.bell.ring();
        }
    }
}

impl Drop for Obituary {
    fn drop(&mut self) {
        // Nobody may be waiting; then nobody needs to know.
        let _unheard = self.sender.send(self.index);
    }
}

/// Pins the calling thread to the `index`-th core that it may use.
#[allow(unsafe_code)]
fn pin(index: usize) {
    // SAFETY: an all-zero cpu_set_t is the empty set; both calls get its true size and act on the
    // calling thread (pid 0); the CPU_* functions stay inside CPU_SETSIZE.
    let pinned = unsafe {
        let size = size_of::<libc::cpu_set_t>();
        let mut allowed: libc::cpu_set_t = std::mem::zeroed();
        let mut chosen: libc::cpu_set_t = std::mem::zeroed();
        libc::sched_getaffinity(0, size, &raw mut allowed) == 0 && {
            let cores: Vec<usize> = (0..libc::CPU_SETSIZE as usize)
                .filter(|&core| libc::CPU_ISSET(core, &allowed))
                .collect();
            !cores.is_empty() && {
                libc::CPU_SET(cores[index % cores.len()], &mut chosen);
                libc::sched_setaffinity(0, size, &raw const chosen) == 0
            }
        }
    };
    if !pinned {
        tracing::warn!(thread = index, error = %io::Error::last_os_error(), "not pinned");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pinning_leaves_one_core() {
        let seen = std::thread::spawn(|| {
            pin(0);
            cores()
        });
        assert_eq!(seen.join().unwrap(), 1);
    }
}
