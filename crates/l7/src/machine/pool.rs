//! Idle connections to targets, per target, last in first out.
//!
//! The one that was used last is the one whose target is least likely to have given it up, and
//! the rest may time out: load that falls lets connections go. Idle connections stay registered,
//! so a FIN takes them out at once.
//!
//! Invariant: every connection in a pool is idle and stands.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use weir_core::snapshot::{GroupSlot, Snapshot};

use super::seam::Conn;
use crate::limits;

/// The idle connections of one thread.
#[derive(Debug, Default)]
pub(super) struct Pools {
    by_uid: HashMap<u64, Pool, BuildHasherDefault<UidHasher>>,
}

#[derive(Debug)]
struct Pool {
    group: GroupSlot,
    /// Version of the group's plan in which the target was last seen to be in service.
    version: u64,
    idle: Vec<Conn>,
}

/// Uids are consecutive numbers of our own: one multiplication spreads them, nobody attacks them.
#[derive(Debug, Default)]
pub(super) struct UidHasher(u64);

// === impl Pools ===

impl Pools {
    /// The connection that was used last, if any.
    pub fn take(&mut self, uid: u64) -> Option<Conn> {
        self.by_uid.get_mut(&uid)?.idle.pop()
    }

    /// Puts an idle connection in; `false` when the pool is full and the caller closes it.
    pub fn put(&mut self, uid: u64, group: GroupSlot, conn: Conn) -> bool {
        let fresh = || Pool { group, version: 0, idle: Vec::new() };
        let pool = self.by_uid.entry(uid).or_insert_with(fresh);
        if pool.idle.len() >= limits::POOL_IDLE_MAX {
            return false;
        }
        pool.idle.push(conn);
        true
    }

    /// Takes one connection out because it has ended.
    pub fn remove(&mut self, uid: u64, conn: Conn) {
        if let Some(pool) = self.by_uid.get_mut(&uid) {
            pool.idle.retain(|idle| *idle != conn);
        }
    }

    /// Gives up the pools of targets that take no new requests in `snapshot`. Returns their
    /// connections for closing.
    pub fn sweep(&mut self, snapshot: &Snapshot) -> Vec<Conn> {
        let mut closed = Vec::new();
        self.by_uid.retain(|uid, pool| {
            let Some(group) = snapshot.group(pool.group) else {
                closed.append(&mut pool.idle);
                return false;
            };
            if pool.version == group.version {
                return true;
            }
            pool.version = group.version;
            let stays = group.targets.iter().any(|t| t.cell.uid == *uid && !t.draining);
            if !stays {
                closed.append(&mut pool.idle);
            }
            stays
        });
        closed
    }

    /// Number of idle connections.
    pub fn len(&self) -> usize {
        self.by_uid.values().map(|pool| pool.idle.len()).sum()
    }

    /// Every idle connection; the pools are empty afterwards.
    pub fn drain(&mut self) -> Vec<Conn> {
        self.by_uid.drain().flat_map(|(_, pool)| pool.idle).collect()
    }
}

// === impl UidHasher ===

impl Hasher for UidHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0.rotate_left(8) ^ u64::from(*byte)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_in_first_out_and_bounded() {
        let mut pools = Pools::default();
        for index in 0..limits::POOL_IDLE_MAX as u32 {
            assert!(pools.put(7, GroupSlot(0), Conn(index)));
        }
        assert!(!pools.put(7, GroupSlot(0), Conn(9_999)));
        assert_eq!(pools.take(7), Some(Conn(limits::POOL_IDLE_MAX as u32 - 1)));
        pools.remove(7, Conn(0));
        assert_eq!(pools.len(), limits::POOL_IDLE_MAX - 2);
        assert_eq!(pools.take(8), None);
    }

    #[test]
    fn a_sweep_drops_what_the_snapshot_does_not_know() {
        let mut pools = Pools::default();
        pools.put(1, GroupSlot(0), Conn(1));
        assert_eq!(pools.sweep(&Snapshot::default()), [Conn(1)]);
        assert_eq!(pools.len(), 0);
    }
}
