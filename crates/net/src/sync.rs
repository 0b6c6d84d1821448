//! The atomics, locks and notifications of the primitives: std's, or loom's under `--cfg loom`.
//!
//! It exists so that the model checker runs the very code that ships.
//! Invariant: the primitives import these names and never `std::sync` directly.

#[cfg(not(loom))]
pub(crate) use self::native::{Mutex, Notify};
#[cfg(not(loom))]
pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

#[cfg(loom)]
pub(crate) use self::model::{Mutex, Notify};
#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU64, Ordering};

#[cfg(not(loom))]
mod native {
    use std::sync::{MutexGuard, PoisonError, TryLockError};

    pub(crate) use tokio::sync::Notify;

    /// std's mutex without poisoning: no code that can panic runs under these locks.
    pub(crate) struct Mutex<T>(std::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(std::sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner)
        }

        pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
            match self.0.try_lock() {
                Ok(guard) => Some(guard),
                Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
                Err(TryLockError::WouldBlock) => None,
            }
        }
    }
}

#[cfg(loom)]
mod model {
    use std::mem::ManuallyDrop;
    use std::ops::{Deref, DerefMut};

    use loom::sync::MutexGuard;
    use loom::sync::atomic::{AtomicBool, Ordering};

    /// Loom's mutex, with the time it is held made visible: loom itself never schedules a
    /// `try_lock` into the middle of somebody else's critical section.
    pub(crate) struct Mutex<T> {
        held: AtomicBool,
        inner: loom::sync::Mutex<T>,
    }

    pub(crate) struct Guard<'a, T> {
        held: &'a AtomicBool,
        inner: ManuallyDrop<MutexGuard<'a, T>>,
    }

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self { held: AtomicBool::new(false), inner: loom::sync::Mutex::new(value) }
        }

        pub(crate) fn lock(&self) -> Guard<'_, T> {
            let inner = self.inner.lock().expect("invariant: a model that panicked has failed");
            self.guard(inner)
        }

        pub(crate) fn try_lock(&self) -> Option<Guard<'_, T>> {
            if self.held.load(Ordering::Acquire) {
                return None;
            }
            self.inner.try_lock().ok().map(|inner| self.guard(inner))
        }

        fn guard<'a>(&'a self, inner: MutexGuard<'a, T>) -> Guard<'a, T> {
            self.held.store(true, Ordering::Release);
            Guard { held: &self.held, inner: ManuallyDrop::new(inner) }
        }
    }

    impl<T> Deref for Guard<'_, T> {
        type Target = T;

        fn deref(&self) -> &T {
            &self.inner
        }
    }

    impl<T> DerefMut for Guard<'_, T> {
        fn deref_mut(&mut self) -> &mut T {
            &mut self.inner
        }
    }

    impl<T> Drop for Guard<'_, T> {
        fn drop(&mut self) {
            self.held.store(false, Ordering::Release);
            // SAFETY: dropped once, here, and not used afterwards.
            #[allow(unsafe_code)]
            unsafe {
                ManuallyDrop::drop(&mut self.inner);
            }
        }
    }

    /// Stands for tokio's `Notify`, whose own loom tests are not repeated here.
    pub(crate) struct Notify;

    impl Notify {
        pub(crate) fn new() -> Self {
            Self
        }

        pub(crate) fn notify_waiters(&self) {}
    }
}
