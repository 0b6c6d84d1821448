//! Publication with epochs: how a new snapshot reaches every data thread, and how the control
//! side knows that it did.
//!
//! ```text
//! publish ── offer(value, epoch) ──> slot of each thread ── wake ──> turn boundary: poll()
//!    wait_ran <── notify ── ran(epoch) <──────────────────────────── handler has adopted it
//! ```
//!
//! Each subscriber has a slot of its own, so data threads share no cache line and no lock with
//! each other. A thread reads one relaxed generation per turn; only when it changed does it *try*
//! the slot's lock. Failing to get it means that the publisher is still inside and will wake the
//! thread afterwards, so the data thread never waits.
//!
//! Invariant: `generation` is written under the slot's lock together with the offer, and the wake
//! follows the unlock; hence a woken thread finds the offer, and `ran(N)` is only ever stored by
//! a thread that has adopted an epoch of at least N.

use std::sync::Arc;
#[cfg(not(loom))]
use std::time::Duration;

use crate::sync::{AtomicBool, AtomicU64, Mutex, Notify, Ordering};

/// Number of a publication; grows by one with each, starts at 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u64);

/// Wakes the thread behind a subscriber. Must be cheap and must not block.
pub trait Wake: Send + Sync {
    /// Makes the thread begin a new turn, now or after the one it is in.
    fn wake(&self);
}

/// The control side: holds the current value and knows every subscriber.
pub struct Publisher<T> {
    state: Mutex<State<T>>,
    acks: Arc<Notify>,
    missed: AtomicU64,
}

/// The data thread's side. Dropping it (also by a panic) takes the thread out of publication.
pub struct Subscriber<T> {
    slot: Arc<Slot<T>>,
    seen: u64,
    acks: Arc<Notify>,
}

/// Threads that did not run an epoch in time: an outage, to be logged and counted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("epoch {} is not yet run by {}", epoch.0, threads.join(", "))]
pub struct Missed {
    /// The epoch that was waited for.
    pub epoch: Epoch,
    /// Names of the threads that run an older one.
    pub threads: Vec<String>,
}

struct State<T> {
    epoch: u64,
    current: Arc<T>,
    slots: Vec<Arc<Slot<T>>>,
    /// Values replaced but still pinned by an exchange. They are dropped here, on the control
    /// side: taking a large snapshot apart on a data thread would stall its connections.
    retired: Vec<Arc<T>>,
}

struct Slot<T> {
    name: String,
    waker: Arc<dyn Wake>,
    generation: AtomicU64,
    offer: Mutex<Option<Offer<T>>>,
    ran: AtomicU64,
    gone: AtomicBool,
}

struct Offer<T> {
    epoch: u64,
    value: Arc<T>,
}

// === impl Publisher ===

impl<T> Publisher<T> {
    /// Starts at epoch 1 with `value`.
    pub fn new(value: Arc<T>) -> Self {
        let state = State { epoch: 1, current: value, slots: Vec::new(), retired: Vec::new() };
        let acks = Arc::new(Notify::new());
        Self { state: Mutex::new(state), acks, missed: AtomicU64::new(0) }
    }

    /// Adds a thread and wakes it; its first [`Subscriber::poll`] yields the current value.
    pub fn subscribe(&self, name: impl Into<String>, waker: Arc<dyn Wake>) -> Subscriber<T> {
        let mut state = self.state.lock();
        let offer = Offer { epoch: state.epoch, value: state.current.clone() };
        let slot = Arc::new(Slot {
            name: name.into(),
            waker,
            generation: AtomicU64::new(state.epoch),
            offer: Mutex::new(Some(offer)),
            ran: AtomicU64::new(0),
            gone: AtomicBool::new(false),
        });
        state.slots.push(slot.clone());
        // The thread may sleep before it has looked for the first time.
        slot.waker.wake();
        Subscriber { slot, seen: 0, acks: self.acks.clone() }
    }

    /// Swaps the value and wakes every thread. Publications are totally ordered by their epoch.
    pub fn publish(&self, value: Arc<T>) -> Epoch {
        let mut state = self.state.lock();
        state.epoch += 1;
        let replaced = std::mem::replace(&mut state.current, value.clone());
        state.retired.push(replaced);
        let epoch = state.epoch;
        state.slots.retain(|slot| !slot.gone.load(Ordering::Acquire));
        for slot in &state.slots {
            slot.offer(Offer { epoch, value: value.clone() });
        }
        state.retired.retain(|value| Arc::strong_count(value) > 1);
        Epoch(epoch)
    }

    /// The value that new exchanges of an up-to-date thread use, and its epoch.
    pub fn current(&self) -> (Epoch, Arc<T>) {
        let state = self.state.lock();
        (Epoch(state.epoch), state.current.clone())
    }

    /// Drops replaced values that no exchange pins any more; `publish` does it as well.
    pub fn sweep(&self) {
        self.state.lock().retired.retain(|value| Arc::strong_count(value) > 1);
    }

    /// How often a thread missed the deadline of [`Publisher::wait_ran`]; for the scrape
    /// (`weir_publications_missed_total`).
    pub fn missed_total(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }

    /// Names of the living threads that do not run `epoch` yet.
    pub fn behind(&self, epoch: Epoch) -> Vec<String> {
        let state = self.state.lock();
        let late = state.slots.iter().filter(|slot| slot.is_behind(epoch));
        late.map(|slot| slot.name.clone()).collect()
    }

    /// Waits until every living thread runs `epoch` or a newer one. Woken by the threads'
    /// acknowledgements; a thread that dies meanwhile no longer counts.
    ///
    /// # Errors
    /// [`Missed`] names the threads that are behind when `deadline` has passed.
    #[cfg(not(loom))]
    pub async fn wait_ran(&self, epoch: Epoch, deadline: Duration) -> Result<(), Missed> {
        let all = async {
            loop {
                let notified = self.acks.notified();
                tokio::pin!(notified);
                // Listening before looking: an ack between the two is not lost.
                notified.as_mut().enable();
                if self.behind(epoch).is_empty() {
                    return;
                }
                notified.await;
            }
        };
        if tokio::time::timeout(deadline, all).await.is_ok() {
            return Ok(());
        }
        match self.behind(epoch) {
            threads if threads.is_empty() => Ok(()),
            threads => {
                self.missed.fetch_add(threads.len() as u64, Ordering::Relaxed);
                Err(Missed { epoch, threads })
            }
        }
    }
}

// === impl Subscriber ===

impl<T> Subscriber<T> {
    /// One relaxed load when nothing is new; otherwise the newest value, once. Call it at a turn
    /// boundary, adopt the value, then call [`Subscriber::ran`].
    pub fn poll(&mut self) -> Option<(Epoch, Arc<T>)> {
        if self.slot.generation.load(Ordering::Relaxed) == self.seen {
            return None;
        }
        let offer = self.slot.offer.try_lock()?.take()?;
        self.seen = offer.epoch;
        Some((Epoch(offer.epoch), offer.value))
    }

    /// Acknowledges that everything this thread starts from now on uses `epoch`.
    pub fn ran(&self, epoch: Epoch) {
        debug_assert!(epoch.0 <= self.seen, "a thread cannot run what it has not loaded");
        self.slot.ran.store(epoch.0, Ordering::Release);
        self.acks.notify_waiters();
    }
}

impl<T> Drop for Subscriber<T> {
    fn drop(&mut self) {
        self.slot.gone.store(true, Ordering::Release);
        self.acks.notify_waiters();
    }
}

// === impl Slot ===

impl<T> Slot<T> {
    fn offer(&self, offer: Offer<T>) {
        let mut place = self.offer.lock();
        self.generation.store(offer.epoch, Ordering::Release);
        let unread = place.replace(offer);
        drop(place);
        self.waker.wake();
        drop(unread);
    }

    fn is_behind(&self, epoch: Epoch) -> bool {
        !self.gone.load(Ordering::Acquire) && self.ran.load(Ordering::Acquire) < epoch.0
    }
}

#[cfg(all(test, loom))]
#[path = "publication_loom.rs"]
mod model;

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(&self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn bell() -> Arc<Count> {
        Arc::new(Count(AtomicUsize::new(0)))
    }

    #[test]
    fn a_subscriber_gets_the_current_value_and_only_the_newest_after() {
        let publisher = Publisher::new(Arc::new("a"));
        let woken = bell();
        let mut thread = publisher.subscribe("data-0", woken.clone());
        assert_eq!(thread.poll().map(|(e, v)| (e, *v)), Some((Epoch(1), "a")));
        assert!(thread.poll().is_none());
        publisher.publish(Arc::new("b"));
        let epoch = publisher.publish(Arc::new("c"));
        assert_eq!(woken.0.load(Ordering::Relaxed), 3);
        assert_eq!(thread.poll().map(|(e, v)| (e, *v)), Some((epoch, "c")));
        assert!(thread.poll().is_none());
        assert_eq!(publisher.behind(epoch), ["data-0"]);
        thread.ran(epoch);
        assert!(publisher.behind(epoch).is_empty());
    }

    #[test]
    fn replaced_values_are_dropped_on_the_control_side() {
        let first = Arc::new(1);
        let publisher = Publisher::new(first.clone());
        publisher.publish(Arc::new(2));
        assert_eq!(Arc::strong_count(&first), 2, "pinned by an exchange: kept");
        let weak = Arc::downgrade(&first);
        drop(first);
        assert!(weak.upgrade().is_some(), "the exchange's drop must not be the last");
        publisher.sweep();
        assert!(weak.upgrade().is_none());
    }

    #[tokio::test]
    async fn waiting_ends_with_the_last_acknowledgement() {
        let publisher = Arc::new(Publisher::new(Arc::new(0)));
        let mut one = publisher.subscribe("one", bell());
        let mut two = publisher.subscribe("two", bell());
        let epoch = publisher.publish(Arc::new(1));
        let (go, gate) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            one.poll();
            one.ran(epoch);
            gate.recv().unwrap();
            two.poll();
            two.ran(epoch);
            (one, two)
        });
        let early = publisher.wait_ran(epoch, Duration::from_millis(20)).await;
        assert!(early.unwrap_err().threads.contains(&"two".to_owned()));
        assert!(publisher.missed_total() >= 1);
        go.send(()).unwrap();
        publisher.wait_ran(epoch, Duration::from_secs(10)).await.unwrap();
        drop(thread.join());
    }

    #[tokio::test]
    async fn a_dead_thread_does_not_hang_publication() {
        let publisher = Publisher::new(Arc::new(0));
        let dying = publisher.subscribe("dying", bell());
        let epoch = publisher.publish(Arc::new(1));
        let thread = std::thread::spawn(move || {
            let _held = dying;
            std::panic::resume_unwind(Box::new("dies without an ack"));
        });
        publisher.wait_ran(epoch, Duration::from_secs(10)).await.unwrap();
        assert!(thread.join().is_err());
        publisher.publish(Arc::new(2));
    }
}
