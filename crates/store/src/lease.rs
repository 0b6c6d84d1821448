//! Named leases: who does what only one node may do.
//!
//! A local store belongs to one process, so its leases are a table in memory that dies with it:
//! after a restart nobody else can hold one.
//!
//! Invariant: at any `now`, a name has at most one holder whose lease has not expired.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use weir_core::limits;
use weir_core::time::Now;

use crate::error::{LeaseError, Outage};

macro_rules! name {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Wraps a name.
            pub fn new(text: impl Into<Arc<str>>) -> Self {
                Self(text.into())
            }

            /// The name.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

name! {
    /// What is leased, for example `probes/<group>`.
    LeaseName,
    /// A process of Weir; another one after every start.
    NodeId,
}

/// A lease that was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// What.
    pub name: LeaseName,
    /// To whom.
    pub holder: NodeId,
    /// When it ends unless it is renewed, on the clock of the `now` that was passed.
    pub until_mono_ms: u64,
}

/// The leases of a store that belongs to one process.
#[derive(Debug, Default)]
pub(crate) struct LocalLeases {
    held: Mutex<BTreeMap<LeaseName, (NodeId, u64)>>,
}

// === impl LocalLeases ===

impl LocalLeases {
    /// Takes, renews or (with a `ttl_ms` of zero) gives back.
    pub(crate) fn lease(
        &self,
        name: LeaseName,
        holder: NodeId,
        ttl_ms: u64,
        now: Now,
    ) -> Result<Lease, LeaseError> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|_, (_, until)| *until > now.mono_ms);
        if let Some((by, until)) = held.get(&name) {
            if *by != holder {
                return Err(LeaseError::Held { by: by.clone(), until_mono_ms: *until });
            }
        } else if held.len() >= limits::LEASES_MAX {
            return Err(Outage::Busy(format!("{} leases are held", held.len())).into());
        }
        let until_mono_ms = now.mono_ms.saturating_add(ttl_ms);
        if ttl_ms == 0 {
            held.remove(&name);
        } else {
            held.insert(name.clone(), (holder.clone(), until_mono_ms));
        }
        Ok(Lease { name, holder, until_mono_ms })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_bounded_and_expired_leases_make_room() {
        let leases = LocalLeases::default();
        let take = |i: usize, now: u64| {
            let now = Now { mono_ms: now, wall_us: 0 };
            leases.lease(LeaseName::new(format!("n{i}")), NodeId::new("a"), 10, now)
        };
        for i in 0..limits::LEASES_MAX {
            take(i, 0).unwrap();
        }
        let full = take(limits::LEASES_MAX, 9).unwrap_err();
        assert!(matches!(full, LeaseError::Outage(Outage::Busy(_))));
        take(limits::LEASES_MAX, 10).unwrap();
    }
}
