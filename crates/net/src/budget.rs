//! The descriptor budget of the process: how many listening sockets and connections fit.
//!
//! The soft limit is raised to the hard one at start. What listeners claim (addresses × ports ×
//! threads) is taken from what connections may use, and may not exceed half of it, so that a
//! thousand load balancers leave room for their clients.
//!
//! Invariant: claimed listeners + reserve + allowed connections never exceed the limit.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::limits;

/// What the descriptors of this process may be used for.
#[derive(Debug)]
pub struct Budget {
    descriptors: u64,
    threads: u64,
    claimed: AtomicU64,
}

/// Listening sockets counted against the budget; given back on drop.
#[derive(Debug)]
pub struct Claim {
    budget: Arc<Budget>,
    sockets: u64,
}

/// No room for more listening sockets: an outage that the caller is told about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no room for {wanted} more listening sockets: {claimed} of {allowed} are in use \
     (half of the descriptor limit; raise `ulimit -Hn`)"
)]
pub struct Exhausted {
    /// Sockets asked for.
    pub wanted: u64,
    /// Sockets in use.
    pub claimed: u64,
    /// Sockets allowed.
    pub allowed: u64,
}

// === impl Budget ===

impl Budget {
    /// A budget of `descriptors` for `threads` data threads.
    pub fn new(descriptors: u64, threads: usize) -> Arc<Self> {
        let threads = threads.max(1) as u64;
        Arc::new(Self { descriptors, threads, claimed: AtomicU64::new(0) })
    }

    /// Raises the soft limit to the hard one and budgets with it.
    ///
    /// # Errors
    /// Those of `getrlimit` and `setrlimit`.
    pub fn of_process(threads: usize) -> io::Result<Arc<Self>> {
        Ok(Self::new(nofile_raise()?, threads))
    }

    /// Counts `sockets` listening sockets.
    ///
    /// # Errors
    /// [`Exhausted`] when they do not fit; nothing is claimed then.
    pub fn claim(self: &Arc<Self>, sockets: u64) -> Result<Claim, Exhausted> {
        let allowed = self.listeners_max();
        let fits = |claimed: u64| {
            let total = claimed.checked_add(sockets)?;
            (total <= allowed).then_some(total)
        };
        match self.claimed.fetch_update(Ordering::AcqRel, Ordering::Acquire, fits) {
            Ok(_before) => Ok(Claim { budget: self.clone(), sockets }),
            Err(claimed) => Err(Exhausted { wanted: sockets, claimed, allowed }),
        }
    }

    /// Listening sockets that may exist.
    pub fn listeners_max(&self) -> u64 {
        self.descriptors.saturating_sub(limits::DESCRIPTORS_RESERVED) / 2
    }

    /// Listening sockets that do exist.
    pub fn listeners(&self) -> u64 {
        self.claimed.load(Ordering::Acquire)
    }

    /// Streams (clients and targets) that one data thread may hold now.
    pub fn connections_per_thread(&self) -> u64 {
        let taken = limits::DESCRIPTORS_RESERVED + self.claimed.load(Ordering::Relaxed);
        self.descriptors.saturating_sub(taken) / self.threads
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} descriptors: {} of {} listening sockets (addresses × ports × {} threads), \
             {} connections per thread, {} reserved",
            self.descriptors,
            self.listeners(),
            self.listeners_max(),
            self.threads,
            self.connections_per_thread(),
            limits::DESCRIPTORS_RESERVED,
        )
    }
}

// === impl Claim ===

impl Drop for Claim {
    fn drop(&mut self) {
        self.budget.claimed.fetch_sub(self.sockets, Ordering::AcqRel);
    }
}

/// Raises the soft limit of descriptors to the hard one; returns it.
///
/// # Errors
/// Those of `getrlimit` and `setrlimit`.
#[allow(unsafe_code)]
pub fn nofile_raise() -> io::Result<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a valid rlimit that outlives the call.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    if limit.rlim_cur < limit.rlim_max {
        limit.rlim_cur = limit.rlim_max;
        // SAFETY: as above; the kernel only reads it.
        if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) } != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(limit.rlim_cur)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_take_from_connections_and_give_back() {
        let budget = Budget::new(limits::DESCRIPTORS_RESERVED + 100, 2);
        assert_eq!((budget.listeners_max(), budget.connections_per_thread()), (50, 50));
        let claim = budget.claim(40).unwrap();
        assert_eq!(budget.connections_per_thread(), 30);
        let refused = budget.claim(11).unwrap_err();
        assert_eq!(refused, Exhausted { wanted: 11, claimed: 40, allowed: 50 });
        assert!(refused.to_string().contains("40 of 50"));
        drop(claim);
        assert_eq!((budget.listeners(), budget.connections_per_thread()), (0, 50));
        assert!(budget.claim(u64::MAX).is_err());
    }

    #[test]
    fn the_soft_limit_becomes_the_hard_one() {
        let raised = nofile_raise().unwrap();
        assert_eq!(raised, nofile_raise().unwrap());
        assert!(raised >= 1_024);
    }
}
