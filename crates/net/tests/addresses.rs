//! Addresses on real devices, each test in network namespaces of its own.
//!
//! Needs the right to make a namespace (root); without it each test says so and ends. A thread
//! that leaves the namespace of its process takes the carrier's thread and its child processes
//! along, so tests do not see each other and nothing stays behind.
#![allow(clippy::unwrap_used, unsafe_code)]

use std::net::{IpAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use weir_net::address::{Carrier, CarryError, Claim, Interface};
use weir_net::limits;

/// A second namespace at the other end of `near`; it ends with the process in it.
struct Far {
    process: Child,
}

// === impl Far ===

impl Far {
    /// `near` (10.9.0.1/24, fd09::1/64) here, `far` (.2) there.
    fn new() -> Self {
        let process = Command::new("unshare").args(["-n", "sleep", "60"]).spawn().unwrap();
        let far = Self { process };
        ip("link add near type veth peer name far");
        let pid = far.process.id();
        // `unshare` needs a moment to enter its namespace: until then `far` would stay here.
        until("the second namespace", || {
            let link = |pid: &str| std::fs::read_link(format!("/proc/{pid}/ns/net")).unwrap();
            link(&pid.to_string()) != link("thread-self")
        });
        ip(&format!("link set far netns {pid}"));
        for command in [
            "address add 10.9.0.1/24 dev near",
            "-6 address add fd09::1/64 dev near nodad",
            "link set near up",
        ] {
            ip(command);
        }
        for command in [
            "address add 10.9.0.2/24 dev far",
            "-6 address add fd09::2/64 dev far nodad",
            "link set far up",
        ] {
            far.ip(command);
        }
        far
    }

    fn ip(&self, command: &str) -> String {
        let pid = self.process.id().to_string();
        let mut words = vec!["-t", &pid, "-n", "ip"];
        words.extend(command.split(' '));
        output("nsenter", &words)
    }

    /// Whether a connection to a socket on this address here comes about from there.
    fn reaches(&self, address: &str) -> bool {
        let Ok(listener) = TcpListener::bind((address, 0)) else { return false };
        let port = listener.local_addr().unwrap().port();
        let pid = self.process.id().to_string();
        let connect = format!("exec 3<>/dev/tcp/{address}/{port}");
        let mut command = Command::new("timeout");
        command.args(["2", "nsenter", "-t", &pid, "-n", "bash", "-c", &connect]);
        command.stderr(Stdio::null()).status().unwrap().success()
    }
}

impl Drop for Far {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn output(program: &str, words: &[&str]) -> String {
    let done = Command::new(program).args(words).output().unwrap();
    assert!(done.status.success(), "{words:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

fn ip(command: &str) -> String {
    output("ip", &command.split(' ').collect::<Vec<_>>())
}

fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "timed out: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Runs `test` in a namespace of its own, with a directory for the ledger.
fn apart(test: impl FnOnce(&Path) + Send + 'static) {
    let thread = std::thread::spawn(move || {
        // SAFETY: changes only which network this thread sees; no other thread is affected.
        if unsafe { libc::unshare(libc::CLONE_NEWNET) } != 0 {
            eprintln!("skipped: no right to make a network namespace");
            return;
        }
        ip("link set lo up");
        let dir = tempfile::tempdir().unwrap();
        test(&dir.path().join("addresses"));
    });
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

fn start(ledger: &Path, device: &str) -> Arc<Carrier> {
    let entry = |cidr: &str| Interface { cidr: cidr.parse().unwrap(), device: device.to_owned() };
    Carrier::start(vec![entry("10.9.0.0/16"), entry("fd09::/32")], ledger).unwrap()
}

fn claim(carrier: &Arc<Carrier>, address: &str) -> Result<Claim, CarryError> {
    let address: IpAddr = address.parse().unwrap();
    let device = carrier.device(address, address).unwrap().to_owned();
    carrier.claim(&[(address, device)]).remove(0)
}

fn shown(address: &str) -> bool {
    ip("address show").contains(&format!(" {address}/"))
}

#[test]
fn an_address_is_there_while_it_is_claimed() {
    apart(|ledger| {
        let far = Far::new();
        let carrier = start(ledger, "near");
        let (four, six) =
            (claim(&carrier, "10.9.0.10").unwrap(), claim(&carrier, "fd09::10").unwrap());
        let again = claim(&carrier, "10.9.0.10").unwrap();
        assert!(far.reaches("10.9.0.10") && far.reaches("fd09::10"));
        drop(four);
        assert!(far.reaches("10.9.0.10"), "the second claim holds it");
        drop(again);
        drop(six);
        assert!(!shown("10.9.0.10") && !shown("fd09::10"));
        assert_eq!((carrier.carried(), carrier.failures()), ((0, 0), 0));
        carrier.stop();
    });
}

#[test]
fn an_address_has_an_end_and_is_renewed() {
    apart(|ledger| {
        let _far = Far::new();
        let carrier = start(ledger, "near");
        let _claim = claim(&carrier, "10.9.0.10").unwrap();
        let left = || {
            let shown = ip("-o address show to 10.9.0.10");
            let text = shown.split("valid_lft ").nth(1).unwrap();
            text.split("sec").next().unwrap().parse::<u64>().unwrap()
        };
        assert!(left() <= limits::ADDRESS_VALID.as_secs());
        until("the lifetime goes down", || left() < limits::ADDRESS_VALID.as_secs() - 2);
        until("it is renewed", || left() >= limits::ADDRESS_VALID.as_secs() - 1);
        // What an operator removes by mistake comes back.
        ip("address del 10.9.0.10/32 dev near");
        until("it comes back", || shown("10.9.0.10"));
        carrier.stop();
        assert!(!shown("10.9.0.10"), "a clean stop removes it at once");
    });
}

#[test]
fn foreign_addresses_are_left_alone() {
    apart(|ledger| {
        let far = Far::new();
        let carrier = start(ledger, "near");
        ip("address add 10.9.0.20/24 dev near");
        let error = claim(&carrier, "10.9.0.20").unwrap_err();
        assert!(error.why.contains("a device of this machine"), "{error}");
        assert!(shown("10.9.0.20"));
        far.ip("address add 10.9.0.21/24 dev far");
        far.ip("-6 address add fd09::21/64 dev far nodad");
        for address in ["10.9.0.21", "fd09::21"] {
            let error = claim(&carrier, address).unwrap_err();
            assert!(error.why.contains("another host has it, at "), "{error}");
        }
        assert_eq!(carrier.failures(), 3);
        carrier.stop();
        assert!(shown("10.9.0.20"), "also after the stop");
    });
}

#[test]
fn a_killed_run_is_taken_up_or_swept() {
    apart(|ledger| {
        let _far = Far::new();
        let killed = start(ledger, "near");
        let claims = [claim(&killed, "10.9.0.30").unwrap(), claim(&killed, "10.9.0.31").unwrap()];
        // What a killed process leaves: the addresses and the ledger, and nobody who renews.
        std::mem::forget(claims);
        let next = start(ledger, "near");
        let kept = claim(&next, "10.9.0.30").unwrap();
        assert!(shown("10.9.0.31"));
        next.sweep();
        assert!(shown("10.9.0.30") && !shown("10.9.0.31"));
        // Without the ledger an address of the same maker is somebody else's: another instance's.
        let other = start(&ledger.with_extension("other"), "near");
        assert!(claim(&other, "10.9.0.30").is_err());
        drop(kept);
        assert!(!shown("10.9.0.30"));
        [next, other].iter().for_each(|carrier| carrier.stop());
    });
}

#[test]
fn a_lost_link_is_told_and_mended() {
    apart(|ledger| {
        let far = Far::new();
        let carrier = start(ledger, "near");
        assert!(
            claim(&start(&ledger.with_extension("no"), "none"), "10.9.0.40")
                .unwrap_err()
                .why
                .contains("no such device")
        );
        let held = claim(&carrier, "10.9.0.40").unwrap();
        ip("link set near down");
        until("the loss is told", || carrier.trouble(held.address()).is_some());
        assert!(carrier.trouble(held.address()).unwrap().contains("the device is down"));
        assert!(claim(&carrier, "10.9.0.41").unwrap_err().why.contains("down"));
        let announced = carrier.announcements();
        ip("link set near up");
        until("it serves again", || carrier.trouble(held.address()).is_none());
        until("it is announced again", || carrier.announcements() > announced);
        assert!(far.reaches("10.9.0.40"));
        ip("link del near");
        until("the loss is told", || carrier.trouble(held.address()).is_some());
        carrier.stop();
    });
}

#[test]
fn neighbours_are_told_where_an_address_is_now() {
    apart(|ledger| {
        let far = Far::new();
        // The far host has learned, for both addresses, a link address that is gone.
        for address in ["10.9.0.50", "fd09::50"] {
            far.ip(&format!("neigh replace {address} lladdr 02:00:00:00:00:99 dev far nud stale"));
        }
        let carrier = start(ledger, "near");
        let _claims = (claim(&carrier, "10.9.0.50").unwrap(), claim(&carrier, "fd09::50").unwrap());
        let near = std::fs::read_to_string("/proc/thread-self/net/if_inet6").unwrap();
        assert!(near.contains("near"));
        let mac = ip("-o link show near");
        let mac = mac.split("link/ether ").nth(1).unwrap().split(' ').next().unwrap();
        for address in ["10.9.0.50", "fd09::50"] {
            until("the cache has the new place", || {
                far.ip(&format!("neigh show {address}")).contains(mac)
            });
        }
        until("three rounds each", || carrier.announcements() == 6);
        carrier.stop();
    });
}
