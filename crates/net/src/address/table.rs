//! What the carrier knows about addresses and devices, and every change that it makes to them.
//!
//! Addresses that are claimed together are looked up, probed, added and announced together: a
//! start with a thousand of them waits once.
//!
//! Invariant: an address is in `held` exactly while somebody claims it; what is neither held nor in
//! `leftovers` is never touched.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::ledger::Ledger;
use super::netlink::{Assigned, Link, Netlink, Put};
use super::{CarryError, Stats, packet};
use crate::limits;

/// What the carrier knows; everything that changes an address happens under its lock.
pub(super) struct Table {
    pub(super) netlink: Option<Netlink>,
    pub(super) ledger: Option<Ledger>,
    pub(super) held: BTreeMap<IpAddr, Held>,
    /// Of an earlier run, by the ledger; not claimed yet.
    pub(super) leftovers: BTreeMap<IpAddr, String>,
    /// Devices that carry something, as they were last seen.
    pub(super) devices: BTreeMap<String, Option<Link>>,
    /// Announcements still to be made, by address.
    pub(super) rounds: BTreeMap<IpAddr, Round>,
    /// What could not be taken, as it was last logged: who asks again every second is not logged
    /// again for the same reason.
    told: Failures,
    pub(super) stopped: bool,
}

/// Addresses with the reason why they are not carried.
type Failures = BTreeMap<IpAddr, String>;

/// How often an address is still announced, and when next.
#[derive(Clone, Copy)]
pub(super) struct Round {
    pub(super) left: u32,
    pub(super) due: Instant,
}

/// An address that is, or should be, on a device.
pub(super) struct Held {
    pub(super) device: String,
    pub(super) claims: usize,
    pub(super) trouble: Option<String>,
}

// === impl Table ===

impl Table {
    pub(super) fn new(
        netlink: Option<Netlink>,
        ledger: Option<Ledger>,
        leftovers: BTreeMap<IpAddr, String>,
    ) -> Self {
        Self {
            netlink,
            ledger,
            held: BTreeMap::new(),
            leftovers,
            devices: BTreeMap::new(),
            rounds: BTreeMap::new(),
            told: BTreeMap::new(),
            stopped: false,
        }
    }

    /// Claims each address; what is not held yet is looked up, probed, added and announced, for
    /// all of them together.
    pub(super) fn take(
        &mut self,
        wanted: &[(IpAddr, String)],
        stats: &Stats,
    ) -> Vec<Result<(), CarryError>> {
        let is_new = |(address, _): &&(IpAddr, String)| !self.held.contains_key(address);
        let fresh: BTreeMap<IpAddr, String> = wanted.iter().filter(is_new).cloned().collect();
        let mut failed = self.add(&fresh);
        for (address, why) in &failed {
            stats.failed();
            if self.told.get(address) != Some(why) {
                tracing::warn!(%address, device = fresh[address], why, "an address is not carried");
            }
            if self.told.len() >= limits::ADDRESS_FAILURES_TOLD_MAX {
                self.told.clear();
            }
            self.told.insert(*address, why.clone());
        }
        for (address, device) in fresh {
            if !failed.contains_key(&address) {
                tracing::info!(%address, device, "carrying an address");
                self.leftovers.remove(&address);
                self.told.remove(&address);
                self.rounds.insert(address, Round::first());
                self.held.insert(address, Held { device, claims: 0, trouble: None });
            }
        }
        self.announce_due(stats);
        let mut answer = |(address, device): &(IpAddr, String)| match self.held.get_mut(address) {
            Some(held) => {
                held.claims += 1;
                Ok(())
            }
            None => Err(CarryError {
                address: *address,
                device: device.clone(),
                why: failed.remove(address).unwrap_or_default(),
            }),
        };
        wanted.iter().map(&mut answer).collect()
    }

    /// Puts addresses on their devices; returns those that could not be, with the reason.
    fn add(&mut self, fresh: &BTreeMap<IpAddr, String>) -> Failures {
        let all = |why: String| fresh.keys().map(|address| (*address, why.clone())).collect();
        if fresh.is_empty() {
            return Failures::new();
        }
        if self.stopped {
            return all("the server is stopping".to_owned());
        }
        let mut failed = self.look_at_devices(fresh);
        let present = match self.present() {
            Ok(present) => present,
            Err(error) => return all(format!("the kernel's addresses: {error}")),
        };
        let mut adopted = BTreeSet::new();
        for (address, here) in fresh.keys().filter_map(|ip| Some((ip, present.get(ip)?))) {
            if self.is_left_over(*address, here, &fresh[address]) {
                adopted.insert(*address);
            } else {
                let why = || "a device of this machine has it already".to_owned();
                failed.entry(*address).or_insert_with(why);
            }
        }
        let unknown = fresh.iter().filter(|(address, _)| !adopted.contains(address));
        let unknown: Vec<_> = unknown.filter(|(ip, _)| !failed.contains_key(ip)).collect();
        failed.extend(self.taken_elsewhere(&unknown));
        let good = fresh.iter().filter(|(address, _)| !failed.contains_key(address));
        let good: BTreeMap<IpAddr, String> = good.map(|(ip, on)| (*ip, on.clone())).collect();
        if let Err(error) = self.write_ledger(&good) {
            return all(format!("the ledger of addresses cannot be written: {error}"));
        }
        for (address, device) in good {
            let how = if adopted.contains(&address) { Put::Renewed } else { Put::New };
            if let Err(error) = self.put(address, &device, how) {
                failed.insert(address, error.to_string());
            }
        }
        failed
    }

    /// Looks at every device that is wanted; what is wanted of one that cannot carry it fails.
    fn look_at_devices(&mut self, fresh: &BTreeMap<IpAddr, String>) -> Failures {
        let mut failed = Failures::new();
        let devices: BTreeSet<&String> = fresh.values().collect();
        for device in devices {
            let link = self.look(device);
            self.devices.insert(device.clone(), link.as_ref().ok().cloned());
            if let Err(why) = link {
                let lost = fresh.iter().filter(|(_, on)| *on == device);
                failed.extend(lost.map(|(address, _)| (*address, why.clone())));
            }
        }
        failed
    }

    /// Whether an earlier run has put this address where it is.
    fn is_left_over(&self, address: IpAddr, here: &Assigned, device: &str) -> bool {
        here.may_be_ours
            && self.leftovers.contains_key(&address)
            && self.index(device) == Some(here.index)
    }

    /// The device, if it can carry traffic.
    pub(super) fn look(&mut self, device: &str) -> Result<Link, String> {
        let netlink = self.netlink.as_mut().ok_or("no interface is configured")?;
        match netlink.link(device) {
            Ok(link) if !link.up => Err("the device is down".to_owned()),
            Ok(link) if !link.running => Err("the device has no link".to_owned()),
            Ok(link) => Ok(link),
            Err(error) if error.raw_os_error() == Some(libc::ENODEV) => {
                Err("there is no such device".to_owned())
            }
            Err(error) => Err(error.to_string()),
        }
    }

    /// Who has which address now, by address.
    pub(super) fn present(&mut self) -> io::Result<BTreeMap<IpAddr, Assigned>> {
        let Some(netlink) = &mut self.netlink else { return Ok(BTreeMap::new()) };
        let mut present: BTreeMap<IpAddr, Assigned> = BTreeMap::new();
        for assigned in netlink.addresses()? {
            // Two devices may have one address: one that is foreign decides.
            let known = present.entry(assigned.address).or_insert(assigned);
            if known.index != assigned.index {
                known.may_be_ours = false;
            }
        }
        Ok(present)
    }

    /// Asks the network of each device for these addresses.
    fn taken_elsewhere(&self, unknown: &[(&IpAddr, &String)]) -> Failures {
        let mut taken = BTreeMap::new();
        for (device, link) in &self.devices {
            let Some(Link { index, mac: Some(mac), .. }) = link else { continue };
            let here = unknown.iter().filter(|(_, on)| *on == device);
            let here: Vec<IpAddr> = here.map(|(address, _)| **address).collect();
            if here.is_empty() {
                continue;
            }
            match packet::ask(*index, *mac, &here) {
                Ok(found) => taken.extend(found.into_iter().map(|(address, holder)| {
                    (address, format!("another host has it, at {holder}"))
                })),
                Err(error) => {
                    let why = format!("asking the network for it: {error}");
                    taken.extend(here.into_iter().map(|address| (address, why.clone())));
                }
            }
        }
        taken
    }

    pub(super) fn write_ledger(&self, fresh: &BTreeMap<IpAddr, String>) -> io::Result<()> {
        let Some(ledger) = &self.ledger else { return Ok(()) };
        let held = self.held.iter().map(|(address, held)| (address, held.device.as_str()));
        let plain = |(address, device): (_, &'_ String)| (address, device.clone());
        let rest: Vec<(&IpAddr, String)> = self.leftovers.iter().chain(fresh).map(plain).collect();
        ledger.write(held.chain(rest.iter().map(|(address, device)| (*address, device.as_str()))))
    }

    /// After a clean stop nothing is left to be found.
    pub(super) fn forget_ledger(&self) {
        let nothing: BTreeMap<IpAddr, String> = BTreeMap::new();
        if let Err(error) = self.write_ledger(&nothing) {
            tracing::warn!(%error, "the ledger of addresses cannot be written");
        }
    }

    pub(super) fn put(&mut self, address: IpAddr, device: &str, how: Put) -> io::Result<()> {
        let index = self.index(device).ok_or(io::Error::from_raw_os_error(libc::ENODEV))?;
        let netlink = self.netlink.as_mut().ok_or(io::ErrorKind::Unsupported)?;
        netlink.put(index, address, limits::ADDRESS_VALID, how)
    }

    pub(super) fn index(&self, device: &str) -> Option<u32> {
        Some(self.devices.get(device)?.as_ref()?.index)
    }

    /// Takes an address that nobody claims from its device. What cannot be removed ends with its
    /// lifetime.
    pub(super) fn put_down(&mut self, address: IpAddr, stats: &Stats) {
        self.rounds.remove(&address);
        let Some(held) = self.held.remove(&address) else { return };
        let device = held.device;
        let (Some(index), Some(netlink)) = (self.index(&device), &mut self.netlink) else { return };
        match netlink.remove(index, address) {
            Ok(()) => tracing::info!(%address, device, "an address is no longer carried"),
            Err(error) if held.trouble.is_some() => {
                tracing::debug!(%address, device, %error, "an address was gone already");
            }
            Err(error) => {
                stats.failed();
                tracing::warn!(%address, device, %error, "an address could not be removed");
            }
        }
    }

    pub(super) fn sweep(&mut self) -> io::Result<()> {
        let leftovers = std::mem::take(&mut self.leftovers);
        if leftovers.is_empty() {
            return Ok(());
        }
        let present = self.present()?;
        for (address, device) in leftovers {
            let Some(here) = present.get(&address).filter(|here| here.may_be_ours) else {
                continue;
            };
            let Some(netlink) = &mut self.netlink else { continue };
            if netlink.link(&device).is_ok_and(|link| link.index == here.index) {
                netlink.remove(here.index, address)?;
                tracing::info!(%address, device, "removed an address of an earlier run");
            } else {
                // Its device has another name now: it may come back before the address has ended.
                self.leftovers.insert(address, device);
            }
        }
        self.write_ledger(&BTreeMap::new())
    }

    /// Makes the announcements that are due.
    pub(super) fn announce_due(&mut self, stats: &Stats) {
        let now = Instant::now();
        for (device, link) in &self.devices {
            let Some(Link { index, mac: Some(mac), .. }) = link else { continue };
            let is_here = |address: &IpAddr| {
                let held = self.held.get(address);
                held.is_some_and(|held| held.device == *device && held.trouble.is_none())
            };
            let due = self.rounds.iter().filter(|(ip, round)| round.due <= now && is_here(ip));
            let due: Vec<IpAddr> = due.map(|(address, _)| *address).collect();
            if due.is_empty() {
                continue;
            }
            match packet::announce(*index, *mac, &due) {
                Ok(()) => {
                    stats.announcements.fetch_add(due.len() as u64, Ordering::Relaxed);
                }
                Err(error) => {
                    stats.failed();
                    tracing::warn!(device, %error, "addresses could not be announced");
                }
            }
        }
        self.rounds.retain(|_, round| round.is_not_last(now));
    }
}

// === impl Round ===

impl Round {
    pub(super) fn first() -> Self {
        Self { left: limits::ANNOUNCEMENTS, due: Instant::now() }
    }

    /// Counts a round that was due; false after the last.
    pub(super) fn is_not_last(&mut self, now: Instant) -> bool {
        if self.due <= now {
            self.left -= 1;
            self.due = now + limits::ANNOUNCEMENT_PAUSE;
        }
        self.left > 0
    }
}
