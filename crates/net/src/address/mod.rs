//! Addresses of load balancers on the devices of this machine.
//!
//! An address is claimed before the sockets are bound and removed after they are closed, when its
//! last [`Claim`] is dropped. It is put on its device with a lifetime that a thread of its own
//! renews, so that the kernel removes it by itself when this process is killed, and announced to
//! the neighbours, so that they find it here at once.
//!
//! ```text
//!            claim                           renewed, announced
//! absent ───────────▶ on the device, 15 s lifetime ◀──┐
//!    ▲  taken: error        │   │        │                         │
//!    │                      │   └────────┴─ link lost: trouble ────┘ (again each second)
//!    └── last claim dropped ┴── process killed: the kernel removes it
//! ```
//!
//! Invariant: an address that somebody else has put on a device of this machine, or that another
//! host answers for, is never taken over and never removed.

mod frame;
mod keeper;
mod ledger;
mod netlink;
mod packet;
mod table;

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use ipnet::IpNet;

use self::keeper::Alarm;
use self::ledger::Ledger;
use self::netlink::Netlink;
use self::table::Table;

/// Which device carries the addresses of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// The block.
    pub cidr: IpNet,
    /// The name of the device, such as `eth0`.
    pub device: String,
}

/// Puts addresses on devices and keeps them there.
pub struct Carrier {
    interfaces: Vec<Interface>,
    table: Mutex<Table>,
    alarm: Option<Alarm>,
    keeper: Mutex<Option<JoinHandle<()>>>,
    stats: Stats,
    troubled: AtomicUsize,
}

/// An address that stays on its device until this is dropped.
pub struct Claim {
    carrier: Arc<Carrier>,
    address: IpAddr,
}

/// Why an address is not carried: the world's fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot carry {address} on {device}: {why}")]
pub struct CarryError {
    /// The address.
    pub address: IpAddr,
    /// The device that the settings name for it.
    pub device: String,
    /// The reason, for people.
    pub why: String,
}

/// Why a carrier cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The process may not change addresses or send ARP.
    #[error(
        "interfaces are configured, but this process lacks {missing}: run it as root, or give the \
         program the capabilities (setcap cap_net_admin,cap_net_raw,cap_net_bind_service=+ep)"
    )]
    Rights {
        /// The capabilities' names.
        missing: String,
    },
    /// The kernel or the ledger failed.
    #[error("{what}: {source}")]
    Io {
        /// What was attempted.
        what: &'static str,
        /// The answer.
        source: io::Error,
    },
}

/// Counters, for the metrics page.
#[derive(Debug, Default)]
pub struct Stats {
    announcements: AtomicU64,
    failures: AtomicU64,
}

// === impl Carrier ===

impl Carrier {
    /// Carries nothing: no interfaces are configured and nothing was left behind.
    pub fn none() -> Arc<Self> {
        Arc::new(Self::over(Vec::new(), Table::new(None, None, BTreeMap::new()), None))
    }

    /// Starts the keeper thread for these interfaces. `ledger` is the file that outlives a crash.
    ///
    /// # Errors
    /// [`StartError`]; nothing runs then.
    pub fn start(interfaces: Vec<Interface>, ledger: &Path) -> Result<Arc<Self>, StartError> {
        let io = |what| move |source| StartError::Io { what, source };
        let ledger = Ledger::new(ledger);
        let leftovers = ledger.read().map_err(io("reading the ledger of addresses"))?;
        if interfaces.is_empty() && leftovers.is_empty() {
            return Ok(Self::none());
        }
        if !interfaces.is_empty() {
            rights()?;
        }
        let netlink = Netlink::open().map_err(io("opening a netlink socket"))?;
        let table = Table::new(Some(netlink), Some(ledger), leftovers);
        let (alarm, watch) = Alarm::new().map_err(io("watching the links"))?;
        let carrier = Arc::new(Self::over(interfaces, table, Some(alarm)));
        let thread = keeper::spawn(Arc::downgrade(&carrier), watch)
            .map_err(io("starting the thread that keeps addresses"))?;
        *carrier.keeper.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        Ok(carrier)
    }

    fn over(interfaces: Vec<Interface>, table: Table, alarm: Option<Alarm>) -> Self {
        Self {
            interfaces,
            table: Mutex::new(table),
            alarm,
            keeper: Mutex::new(None),
            stats: Stats::default(),
            troubled: AtomicUsize::new(0),
        }
    }

    /// Whether any interface is configured.
    pub fn is_active(&self) -> bool {
        !self.interfaces.is_empty()
    }

    /// The device for `address`: that of the smallest block around it, else that of the block
    /// around `beside`, the address of the same load balancer in its subnet.
    pub fn device(&self, address: IpAddr, beside: IpAddr) -> Option<&str> {
        let around = |ip: IpAddr| {
            let blocks = self.interfaces.iter().filter(|entry| entry.cidr.contains(&ip));
            blocks.max_by_key(|entry| entry.cidr.prefix_len())
        };
        // A loopback address is on its device already.
        let place = around(address).or_else(|| around(beside).filter(|_| !address.is_loopback()));
        place.map(|entry| entry.device.as_str())
    }

    /// Claims addresses, each with the device it belongs on. All answers stand beside each other:
    /// after a restart, one that fails does not keep the others from serving.
    pub fn claim(self: &Arc<Self>, wanted: &[(IpAddr, String)]) -> Vec<Result<Claim, CarryError>> {
        if wanted.is_empty() {
            return Vec::new();
        }
        let mut table = self.lock();
        let answers = table.take(wanted, &self.stats);
        self.count_trouble(&table);
        drop(table);
        if let Some(alarm) = &self.alarm {
            alarm.ring();
        }
        let claim = |address| Claim { carrier: Arc::clone(self), address };
        let pairs = wanted.iter().zip(answers);
        pairs.map(|((address, _), answer)| answer.map(|()| claim(*address))).collect()
    }

    /// Removes what an earlier run has left and nobody has claimed.
    pub fn sweep(&self) {
        let mut table = self.lock();
        if let Err(error) = table.sweep() {
            tracing::warn!(%error, "addresses of an earlier run could not be removed");
        }
    }

    /// Why a claimed address does not reach its device now, if so.
    pub fn trouble(&self, address: IpAddr) -> Option<String> {
        if self.troubled.load(Ordering::Acquire) == 0 {
            return None;
        }
        let table = self.lock();
        let held = table.held.get(&address)?;
        let why = held.trouble.as_ref()?;
        Some(format!("{address} is not carried on {}: {why}", held.device))
    }

    /// Addresses that are claimed, and those of them that are in trouble.
    pub fn carried(&self) -> (usize, usize) {
        (self.lock().held.len(), self.troubled.load(Ordering::Acquire))
    }

    /// Announcements made.
    pub fn announcements(&self) -> u64 {
        self.stats.announcements.load(Ordering::Relaxed)
    }

    /// Addresses that could not be added, renewed, announced or removed.
    pub fn failures(&self) -> u64 {
        self.stats.failures.load(Ordering::Relaxed)
    }

    /// Removes every address at once and ends the thread. Claims that still exist do nothing more.
    pub fn stop(&self) {
        {
            let mut table = self.lock();
            table.stopped = true;
            let held: Vec<IpAddr> = table.held.keys().copied().collect();
            held.iter().for_each(|address| table.put_down(*address, &self.stats));
            table.forget_ledger();
        }
        let Some(alarm) = &self.alarm else { return };
        alarm.ring();
        let thread = self.keeper.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that keeps addresses has panicked");
        }
    }

    fn count_trouble(&self, table: &Table) {
        let troubled = table.held.values().filter(|held| held.trouble.is_some()).count();
        self.troubled.store(troubled, Ordering::Release);
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Claim ===

impl Claim {
    /// The address.
    pub fn address(&self) -> IpAddr {
        self.address
    }
}

impl std::fmt::Debug for Claim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Claim({})", self.address)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut table = self.carrier.lock();
        let Some(held) = table.held.get_mut(&self.address) else { return };
        held.claims -= 1;
        if held.claims == 0 {
            table.put_down(self.address, &self.carrier.stats);
            self.carrier.count_trouble(&table);
        }
    }
}

// === impl Stats ===

impl Stats {
    fn failed(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }
}

/// Every address that a device of this machine has now.
///
/// # Errors
/// Those of a netlink socket.
pub fn local() -> io::Result<Vec<IpAddr>> {
    let addresses = Netlink::open()?.addresses()?;
    Ok(addresses.into_iter().map(|assigned| assigned.address).collect())
}

/// Whether the process may change addresses and send frames.
fn rights() -> Result<(), StartError> {
    let status = std::fs::read_to_string("/proc/self/status")
        .map_err(|source| StartError::Io { what: "reading /proc/self/status", source })?;
    let missing = missing_rights(&status);
    if missing.is_empty() {
        Ok(())
    } else {
        Err(StartError::Rights { missing: missing.join(" and ") })
    }
}

fn missing_rights(status: &str) -> Vec<&'static str> {
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let effective = line.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok()).unwrap_or(0);
    // Numbers of capabilities(7).
    let needed = [(12, "CAP_NET_ADMIN"), (13, "CAP_NET_RAW")];
    needed.into_iter().filter(|(bit, _)| effective >> bit & 1 == 0).map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn carrier(entries: &[(&str, &str)]) -> Carrier {
        let interfaces = entries
            .iter()
            .map(|(cidr, device)| Interface {
                cidr: cidr.parse().unwrap(),
                device: (*device).into(),
            })
            .collect();
        Carrier::over(interfaces, Table::new(None, None, BTreeMap::new()), None)
    }

    #[test]
    fn the_smallest_block_names_the_device() {
        let carrier = carrier(&[("10.0.0.0/8", "eth0"), ("10.1.0.0/16", "eth1")]);
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        assert_eq!(carrier.device(ip("10.1.2.3"), ip("10.1.2.3")), Some("eth1"));
        assert_eq!(carrier.device(ip("10.2.2.3"), ip("10.2.2.3")), Some("eth0"));
        assert_eq!(carrier.device(ip("203.0.113.9"), ip("10.1.2.3")), Some("eth1"), "beside");
        assert_eq!(carrier.device(ip("203.0.113.9"), ip("192.0.2.1")), None);
        assert_eq!(carrier.device(ip("127.64.0.4"), ip("10.1.2.3")), None, "loopback is there");
    }

    #[test]
    fn without_a_kernel_an_address_is_refused_and_counted() {
        let carrier = Arc::new(carrier(&[("10.0.0.0/8", "eth0")]));
        let wanted = [(IpAddr::from([10, 0, 0, 1]), "eth0".to_owned())];
        let error = carrier.claim(&wanted).remove(0).unwrap_err();
        assert!(error.to_string().contains("10.0.0.1 on eth0"), "{error}");
        assert_eq!((carrier.carried(), carrier.failures()), ((0, 0), 1));
    }

    #[test]
    fn missing_capabilities_are_named() {
        assert!(missing_rights("Name:\tweir\nCapEff:\t000001ffffffffff\n").is_empty());
        assert_eq!(missing_rights("CapEff:\t0000000000001000\n"), ["CAP_NET_RAW"]);
        assert_eq!(missing_rights("").len(), 2);
    }
}
