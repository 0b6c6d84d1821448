//! Letters from the control side to one data thread: answers to errands.
//!
//! A bounded channel and the thread's doorbell. Invariant: a letter that was accepted is read by
//! the thread without any further event, because the bell is rung after it is in the box.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use crate::doorbell::{Doorbell, Sound};
use crate::limits;

/// The writing end; clones write to the same thread.
pub struct Mailbox<L, S> {
    sender: SyncSender<L>,
    bell: Arc<Doorbell<S>>,
}

/// The reading end, owned by the data thread.
pub struct Letters<L> {
    receiver: Receiver<L>,
    /// A letter taken out to learn whether there is one.
    peeked: Option<L>,
}

/// Why a letter was not taken; it comes back to the sender.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undelivered<L> {
    /// The thread is behind with its letters.
    #[error("the mailbox of the data thread is full")]
    Full(L),
    /// The thread has ended.
    #[error("the data thread has ended")]
    Gone(L),
}

/// A mailbox for the owner of `bell`, with room for [`limits::MAILBOX_LETTERS`].
pub fn mailbox<L, S: Sound>(bell: Arc<Doorbell<S>>) -> (Mailbox<L, S>, Letters<L>) {
    let (sender, receiver) = sync_channel(limits::MAILBOX_LETTERS);
    (Mailbox { sender, bell }, Letters { receiver, peeked: None })
}

// === impl Mailbox ===

impl<L, S: Sound> Mailbox<L, S> {
    /// Sends a letter and wakes the thread. Never blocks.
    ///
    /// # Errors
    /// [`Undelivered`] holds the letter.
    pub fn send(&self, letter: L) -> Result<(), Undelivered<L>> {
        self.sender.try_send(letter).map_err(|error| match error {
            TrySendError::Full(letter) => Undelivered::Full(letter),
            TrySendError::Disconnected(letter) => Undelivered::Gone(letter),
        })?;
        self.bell.ring();
        Ok(())
    }
}

impl<L, S> Clone for Mailbox<L, S> {
    fn clone(&self) -> Self {
        Self { sender: self.sender.clone(), bell: self.bell.clone() }
    }
}

// === impl Letters ===

impl<L> Letters<L> {
    /// Whether nothing is left to read of what the last turn has begun to read.
    pub(crate) fn is_empty(&self) -> bool {
        self.peeked.is_none()
    }

    pub(crate) fn next(&mut self) -> Option<L> {
        self.peeked.take().or_else(|| self.receiver.try_recv().ok())
    }

    /// Keeps the turn loop awake if a budget ended before the letters did.
    pub(crate) fn peek(&mut self) {
        if self.peeked.is_none() {
            self.peeked = self.receiver.try_recv().ok();
        }
    }
}

#[cfg(test)]
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
    fn a_full_box_gives_the_letter_back_and_a_dead_reader_too() {
        let bell = Arc::new(Doorbell::new(Count(AtomicUsize::new(0))));
        let (mailbox, mut letters) = mailbox(bell.clone());
        for letter in 0..limits::MAILBOX_LETTERS {
            mailbox.send(letter).unwrap();
        }
        assert_eq!(mailbox.send(9), Err(Undelivered::Full(9)));
        assert_eq!(bell.sound().0.load(Ordering::Relaxed), 1, "one wake-up for all");
        letters.peek();
        assert!(!letters.is_empty());
        assert_eq!((letters.next(), letters.next()), (Some(0), Some(1)));
        drop(letters);
        assert_eq!(mailbox.send(9), Err(Undelivered::Gone(9)));
    }
}
