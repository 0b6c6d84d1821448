//! Model-checked promises of publication; run with `RUSTFLAGS="--cfg loom"`.
//!
//! Each test explores every interleaving of a publisher and a data thread. Invariant under test:
//! nothing is lost, nothing is torn, an acknowledgement is never early.

use loom::cell::UnsafeCell;
use loom::sync::Notify;
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::thread;

use super::{Arc, Publisher};
use crate::doorbell::{Doorbell, Sound};

/// Loom's sticky notification; a thread that waits for one that never comes fails the model.
struct Eventfd(Notify);

impl Sound for Eventfd {
    fn sound(&self) {
        self.0.notify();
    }
}

/// Two words that are written apart; loom itself reports a read that races with the writes.
struct Pair(UnsafeCell<(u64, u64)>);

// SAFETY: written before it is shared, read afterwards; loom's cell checks exactly that claim.
#[allow(unsafe_code)]
unsafe impl Sync for Pair {}
// SAFETY: as above; the content is two integers.
#[allow(unsafe_code)]
unsafe impl Send for Pair {}

impl Pair {
    fn new(value: u64) -> Arc<Self> {
        let pair = Self(UnsafeCell::new((0, 0)));
        pair.0.with_mut(|cell| {
            // SAFETY: not shared yet.
            #[allow(unsafe_code)]
            unsafe {
                (*cell).0 = value;
                (*cell).1 = value;
            }
        });
        Arc::new(pair)
    }

    fn read(&self) -> u64 {
        self.0.with(|cell| {
            // SAFETY: nobody writes after publication; loom verifies it.
            #[allow(unsafe_code)]
            let (left, right) = unsafe { *cell };
            assert_eq!(left, right, "torn");
            left
        })
    }
}

fn bell() -> Arc<Doorbell<Eventfd>> {
    Arc::new(Doorbell::new(Eventfd(Notify::new())))
}

/// Sleeps like the reactor: until the eventfd is signalled. A lost wake-up is a deadlock here.
fn sleep(bell: &Doorbell<Eventfd>) {
    bell.sound().0.wait();
    bell.answer();
}

/// A thread runs until it has adopted `last`, while the control side publishes up to it.
fn follow(last: u64) {
    let publisher = Arc::new(Publisher::new(Pair::new(1)));
    let bell = bell();
    let mut subscriber = publisher.subscribe("data-0", Arc::new(bell.clone()));
    let control = thread::spawn({
        let publisher = publisher.clone();
        move || {
            for value in 2..=last {
                publisher.publish(Pair::new(value));
            }
        }
    });
    let mut running = 0;
    loop {
        if let Some((epoch, value)) = subscriber.poll() {
            assert_eq!(value.read(), epoch.0);
            assert!(epoch.0 > running, "epochs only grow");
            running = epoch.0;
            subscriber.ran(epoch);
        }
        if running == last {
            break;
        }
        sleep(&bell);
    }
    control.join().unwrap();
}

#[test]
fn no_wake_up_is_lost_and_no_read_is_torn() {
    loom::model(|| follow(2));
}

#[test]
fn publications_that_overtake_the_thread_are_safe() {
    // Two publications have too many interleavings to visit all: up to two preemptions each.
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(2);
    model.check(|| follow(3));
}

#[test]
fn an_acknowledged_epoch_is_running() {
    loom::model(|| {
        let publisher = Arc::new(Publisher::new(Pair::new(1)));
        let bell = bell();
        let mut subscriber = publisher.subscribe("data-0", Arc::new(bell.clone()));
        let adopted = Arc::new(AtomicU64::new(0));
        let data = thread::spawn({
            let (adopted, bell) = (adopted.clone(), bell.clone());
            move || {
                let mut running = 0;
                while running < 2 {
                    if let Some((epoch, value)) = subscriber.poll() {
                        // Relaxed on purpose: the ack alone must order it.
                        adopted.store(value.read(), Ordering::Relaxed);
                        running = epoch.0;
                        subscriber.ran(epoch);
                    } else {
                        sleep(&bell);
                    }
                }
                subscriber
            }
        });
        let epoch = publisher.publish(Pair::new(2));
        if publisher.behind(epoch).is_empty() {
            assert_eq!(adopted.load(Ordering::Relaxed), 2, "ack before adoption");
        }
        let _still_subscribed = data.join().unwrap();
        assert!(publisher.behind(epoch).is_empty());
    });
}

#[test]
fn a_thread_that_leaves_is_not_waited_for() {
    loom::model(|| {
        let publisher = Arc::new(Publisher::new(Pair::new(1)));
        let subscriber = publisher.subscribe("data-0", Arc::new(bell()));
        let data = thread::spawn(move || drop(subscriber));
        let epoch = publisher.publish(Pair::new(2));
        data.join().unwrap();
        assert!(publisher.behind(epoch).is_empty());
    });
}
