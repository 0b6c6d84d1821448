//! The thread that keeps addresses on their devices: it renews their lifetimes, repeats
//! announcements, and watches links.
//!
//! Invariant: between two renewals pass at most [`limits::ADDRESS_RENEWAL`], a third of a
//! lifetime; the table is locked for a chunk of addresses at a time, so that a call waits for a
//! few requests to the kernel and not for all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::IpAddr;
use std::os::fd::AsRawFd;
use std::sync::Weak;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};

use super::netlink::{Link, Netlink, Put};
use super::table::{Round, Table};
use super::{Carrier, Stats};
use crate::limits;

const LINKS: Token = Token(0);
const BELL: Token = Token(1);

/// Wakes the keeper.
pub struct Alarm(Waker);

/// The keeper's own end: what it waits for.
pub struct Watch {
    poll: Poll,
    links: Netlink,
}

/// When the keeper acts next.
struct Schedule {
    renewal: Instant,
    round: Option<Instant>,
}

// === impl Alarm ===

impl Alarm {
    pub(super) fn new() -> io::Result<(Self, Watch)> {
        let links = Netlink::watching_links()?;
        let poll = Poll::new()?;
        poll.registry().register(&mut SourceFd(&links.as_raw_fd()), LINKS, Interest::READABLE)?;
        let alarm = Self(Waker::new(poll.registry(), BELL)?);
        Ok((alarm, Watch { poll, links }))
    }

    pub(super) fn ring(&self) {
        if let Err(error) = self.0.wake() {
            tracing::error!(%error, "the thread that keeps addresses cannot be woken");
        }
    }
}

/// Starts the thread. It ends when the carrier stops or is gone.
pub(super) fn spawn(carrier: Weak<Carrier>, watch: Watch) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new()
        .name("weir-addresses".to_owned())
        .spawn(move || run(&carrier, watch))
}

fn run(carrier: &Weak<Carrier>, mut watch: Watch) {
    let mut events = Events::with_capacity(8);
    let mut schedule = Schedule { renewal: Instant::now(), round: None };
    loop {
        let due = schedule.round.map_or(schedule.renewal, |round| round.min(schedule.renewal));
        let wait = due.saturating_duration_since(Instant::now());
        match watch.poll.poll(&mut events, Some(wait)) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => {
                // Renewals must go on; the links are then looked at with each of them.
                tracing::error!(%error, "the links cannot be watched");
                std::thread::sleep(wait.max(Duration::from_millis(100)));
            }
        }
        let Some(carrier) = carrier.upgrade() else { return };
        let moved = events.iter().any(|event| event.token() == LINKS) && watch.links.drain();
        if !turn(&carrier, &mut schedule, moved) {
            return;
        }
    }
}

/// One turn; false when the carrier has stopped.
fn turn(carrier: &Carrier, schedule: &mut Schedule, moved: bool) -> bool {
    let now = Instant::now();
    let renew = moved || now >= schedule.renewal;
    if renew {
        let troubled = keep(carrier);
        let pause = if troubled { limits::ADDRESS_RETRY } else { limits::ADDRESS_RENEWAL };
        schedule.renewal = now + pause;
    }
    let mut table = carrier.lock();
    if table.stopped {
        return false;
    }
    table.announce_due(&carrier.stats);
    schedule.round = table.rounds.values().map(|round| round.due).min();
    true
}

/// Looks at the devices and renews every address; true if one of them is in trouble.
fn keep(carrier: &Carrier) -> bool {
    let (held, mut foreign) = {
        let mut table = carrier.lock();
        if table.stopped || table.held.is_empty() {
            return false;
        }
        table.look_again();
        let held: Vec<IpAddr> = table.held.keys().copied().collect();
        (held, table.foreign())
    };
    for chunk in held.chunks(limits::ADDRESSES_PER_TURN) {
        let mut table = carrier.lock();
        if table.stopped {
            return false;
        }
        for address in chunk {
            table.renew(*address, &mut foreign, &carrier.stats);
        }
    }
    let table = carrier.lock();
    carrier.count_trouble(&table);
    table.held.values().any(|held| held.trouble.is_some())
}

// === impl Table: keeping ===

impl Table {
    /// Looks at every device that carries something. What has come back is announced anew.
    fn look_again(&mut self) {
        let devices: BTreeSet<String> =
            self.held.values().map(|held| held.device.clone()).collect();
        for device in devices {
            let before: Option<Link> = self.devices.get(&device).cloned().flatten();
            let now = self.look(&device);
            let is_same = now.as_ref().ok() == before.as_ref();
            if let Err(why) = &now {
                self.trouble_on(&device, why);
            }
            if !is_same && now.is_ok() {
                let back = self.held.iter().filter(|(_, held)| held.device == device);
                let back: Vec<IpAddr> = back.map(|(address, _)| *address).collect();
                self.rounds.extend(back.into_iter().map(|ip| (ip, Round::first())));
            }
            self.devices.insert(device, now.ok());
        }
    }

    fn trouble_on(&mut self, device: &str, why: &str) {
        for (address, held) in self.held.iter_mut().filter(|(_, held)| held.device == device) {
            if held.trouble.is_none() {
                tracing::error!(%address, device, why, "an address is no longer carried; retrying");
            }
            held.trouble = Some(why.to_owned());
        }
    }

    /// Addresses that are on a device without being ours.
    fn foreign(&mut self) -> BTreeMap<IpAddr, bool> {
        match self.present() {
            Ok(present) => present
                .into_iter()
                .map(|(address, here)| {
                    let device = self.held.get(&address).map(|held| &held.device);
                    let mine = device.and_then(|device| self.index(device)) == Some(here.index);
                    (address, !(here.may_be_ours && mine))
                })
                .collect(),
            Err(error) => {
                tracing::warn!(%error, "the kernel's addresses cannot be read");
                BTreeMap::new()
            }
        }
    }

    fn renew(&mut self, address: IpAddr, seen: &mut BTreeMap<IpAddr, bool>, stats: &Stats) {
        let Some(held) = self.held.get(&address) else { return };
        let device = held.device.clone();
        let Some(Some(link)) = self.devices.get(&device) else { return };
        let is_up = link.up && link.running;
        let seen = seen.remove(&address);
        let result = match seen {
            Some(true) => Err("a device of this machine has it already".to_owned()),
            _ if !is_up => return,
            _ => self.put(address, &device, Put::Renewed).map_err(|error| error.to_string()),
        };
        let Some(held) = self.held.get_mut(&address) else { return };
        match result {
            Ok(()) => {
                // It was taken from the device behind our back, or comes back after trouble.
                if held.trouble.take().is_some() || seen.is_none() {
                    tracing::info!(%address, device, "carrying an address again");
                    self.rounds.insert(address, Round::first());
                }
            }
            Err(why) => {
                if held.trouble.as_ref() != Some(&why) {
                    stats.failed();
                    tracing::error!(%address, device, why, "an address is not carried; retrying");
                }
                held.trouble = Some(why);
            }
        }
    }
}
