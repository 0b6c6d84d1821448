//! One wake-up per quiet period: the coalescing bell in front of a thread's waker.
//!
//! Ringing a sleeping thread costs a syscall; ringing one that has not yet answered costs one
//! atomic swap. Invariant: whatever was written before `ring` is visible after the next `answer`
//! of the owner, and that answer will come: either this ring or an earlier, unanswered one has
//! sounded.

use std::sync::Arc;

use crate::publication::Wake;
use crate::sync::{AtomicBool, Ordering};

/// What makes the noise: an eventfd in production, a flag under the model checker.
pub trait Sound: Send + Sync {
    /// Makes the owner's poll return, now or at its next call.
    fn sound(&self);
}

/// A waker that sounds once until it is answered.
pub struct Doorbell<S> {
    rung: AtomicBool,
    sound: S,
}

// === impl Doorbell ===

impl<S: Sound> Doorbell<S> {
    /// A silent bell.
    pub fn new(sound: S) -> Self {
        Self { rung: AtomicBool::new(false), sound }
    }

    /// Wakes the owner, unless an earlier ring is still unanswered. Callable from any thread.
    pub fn ring(&self) {
        if !self.rung.swap(true, Ordering::AcqRel) {
            self.sound.sound();
        }
    }

    /// Called by the owner when it was woken, *before* it looks at what it was woken for.
    pub fn answer(&self) {
        self.rung.swap(false, Ordering::AcqRel);
    }

    /// What makes the noise.
    pub fn sound(&self) -> &S {
        &self.sound
    }
}

impl<S: Sound> Wake for Doorbell<S> {
    fn wake(&self) {
        self.ring();
    }
}

impl<S: Sound> Wake for Arc<Doorbell<S>> {
    fn wake(&self) {
        self.ring();
    }
}

#[cfg(all(test, loom))]
mod tests {
    use loom::sync::Notify;
    use loom::sync::atomic::{AtomicU64, Ordering};
    use loom::thread;

    use super::{Arc, Doorbell, Sound};

    struct Eventfd(Notify);

    impl Sound for Eventfd {
        fn sound(&self) {
            self.0.notify();
        }
    }

    /// Every letter is read although two writers ring at once, because each is followed by a
    /// sound that no answer has consumed.
    #[test]
    fn letters_are_never_left_behind() {
        loom::model(|| {
            let bell = Arc::new(Doorbell::new(Eventfd(Notify::new())));
            let letters = Arc::new(AtomicU64::new(0));
            let writers: Vec<_> = (0..2)
                .map(|_| {
                    let (bell, letters) = (bell.clone(), letters.clone());
                    thread::spawn(move || {
                        letters.fetch_add(1, Ordering::Relaxed);
                        bell.ring();
                    })
                })
                .collect();
            let mut seen = 0;
            while seen < 2 {
                // The owner sleeps until a sound; a lost ring is a deadlock, which loom reports.
                bell.sound().0.wait();
                bell.answer();
                seen = letters.load(Ordering::Relaxed);
            }
            for writer in writers {
                writer.join().unwrap();
            }
        });
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    struct Count(AtomicUsize);

    impl Sound for Count {
        fn sound(&self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn sounds_once_until_answered() {
        let bell = Doorbell::new(Count(AtomicUsize::new(0)));
        bell.ring();
        bell.ring();
        assert_eq!(bell.sound().0.load(Ordering::Relaxed), 1);
        bell.answer();
        bell.ring();
        assert_eq!(bell.sound().0.load(Ordering::Relaxed), 2);
    }
}
