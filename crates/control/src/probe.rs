//! Health checks: one loop that knows when each target is due, and short-lived tasks that ask.
//!
//! ```text
//!  snapshot ──▶ Schedule (what is due when) ──▶ ask (bounded tasks) ──▶ Judge ──▶ target's cell
//!     ▲ changed                                                                    │ touch group
//! ```
//!
//! Targets of groups that no listener forwards to are not probed. The first probe leaves at
//! registration, the second at a moment of the target's own, so that targets which came together
//! are not asked together for ever. One process probes each (group, target) once, whatever zones it
//! serves. A publication costs the targets of the groups that it changes.
//!
//! Invariant: a verdict is one atomic store on the target's cell followed by a touch of its group;
//! no compile happens, and every data thread sees it at its next pick.
// spec: alb §6.2 Procedure

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;
use weir_core::resource::HealthCheck;
use weir_core::resource::target_group::HealthCheckProtocol;
use weir_core::snapshot::{GroupCell, GroupPlan, Snapshot, TargetCell, TargetPlan};
use weir_core::traffic::health::{Failure, Judge, Probe, Verdict, matcher_accepts};
use weir_wire::http1::response::{self, ResponseHead};
use weir_wire::http1::{Scan, Status};

use crate::authority::Authority;

/// Probes in flight at once.
const PROBES_MAX: usize = 256;
/// Bytes of an answer that are read before giving up on its head.
const ANSWER_MAX: usize = 64 * 1024;
/// The loop looks at the snapshot at least this often.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);

/// Between the first probes of two targets: two thousand a second leave room for everything else.
const FIRST_PROBE_GAP: Duration = Duration::from_micros(500);

/// When each target is due.
struct Schedule {
    /// The snapshot that the schedule fits.
    seen: Arc<Snapshot>,
    /// When the next first probe may leave.
    next_first: Instant,
    targets: BTreeMap<u64, Entry>,
    due: BTreeMap<(Instant, u64), ()>,
}

/// One probed target.
struct Entry {
    cell: Arc<TargetCell>,
    group: Arc<GroupCell>,
    check: Arc<HealthCheck>,
    address: SocketAddr,
    judge: Judge,
    due: Instant,
    /// Whether the first probe has left.
    asked: bool,
    /// One probe per target at a time.
    asking: bool,
}

/// The answer of one probe.
struct Answer {
    uid: u64,
    probe: Probe,
}

/// Runs the health checks until the runtime stops.
pub async fn run(authority: Authority) {
    let mut changes = authority.changes();
    let permits = Arc::new(Semaphore::new(PROBES_MAX));
    let (answers, mut answered) = mpsc::channel::<Answer>(PROBES_MAX);
    let mut schedule = Schedule::new(Instant::now());
    loop {
        schedule.look(&authority.snapshot(), Instant::now());
        schedule.ask_due(Instant::now(), &permits, &answers);
        let next = schedule.next(&permits).min(Instant::now() + LOOK_INTERVAL);
        tokio::select! {
            changed = changes.changed() => if changed.is_err() { return },
            Some(answer) = answered.recv() => {
                schedule.judge(&answer);
                while let Ok(answer) = answered.try_recv() {
                    schedule.judge(&answer);
                }
            }
            () = tokio::time::sleep_until(next) => {}
        }
    }
}

// === impl Schedule ===

impl Schedule {
    fn new(now: Instant) -> Self {
        Self {
            seen: Arc::default(),
            next_first: now,
            targets: BTreeMap::new(),
            due: BTreeMap::new(),
        }
    }

    /// Adds what is new, drops what is gone, and takes over changed settings. Groups that did not
    /// change are not looked at; returns how many targets were.
    fn look(&mut self, snapshot: &Arc<Snapshot>, now: Instant) -> usize {
        let before = std::mem::replace(&mut self.seen, Arc::clone(snapshot));
        let mut looked = 0;
        snapshot.groups_since(&before, |old, new| {
            looked += self.group(old.map(Arc::as_ref), new.map(Arc::as_ref), now);
        });
        looked
    }

    /// Follows the change of one place in the snapshot.
    fn group(&mut self, old: Option<&GroupPlan>, new: Option<&GroupPlan>, now: Instant) -> usize {
        let mut kept = BTreeSet::new();
        for (group, target, address) in new.into_iter().flat_map(probed) {
            kept.insert(target.cell.uid);
            self.target(group, target, address, now);
        }
        let gone = old.map_or(&[][..], |old| &old.targets).iter().map(|target| target.cell.uid);
        for uid in gone.filter(|uid| !kept.contains(uid)) {
            if let Some(entry) = self.targets.remove(&uid) {
                self.due.remove(&(entry.due, uid));
            }
        }
        new.or(old).map_or(0, |group| group.targets.len())
    }

    fn target(
        &mut self,
        group: &GroupPlan,
        target: &TargetPlan,
        address: SocketAddr,
        now: Instant,
    ) {
        let uid = target.cell.uid;
        if let Some(entry) = self.targets.get_mut(&uid) {
            (entry.check, entry.address) = (Arc::clone(&group.health_check), address);
            return;
        }
        // Whatever it was judged before it left, it starts anew.
        if target.cell.judge(Verdict::Registering) {
            group.cell.touch();
        }
        // At once, unless very many come together (a start): then one after the other.
        let due = self.next_first.max(now);
        self.next_first = due + FIRST_PROBE_GAP;
        let entry = Entry {
            cell: Arc::clone(&target.cell),
            group: Arc::clone(&group.cell),
            check: Arc::clone(&group.health_check),
            address,
            judge: Judge::resume(Verdict::Registering),
            due,
            asked: false,
            asking: false,
        };
        self.due.insert((due, uid), ());
        self.targets.insert(uid, entry);
    }

    /// Starts the probes that are due, as far as permits go.
    fn ask_due(&mut self, now: Instant, permits: &Arc<Semaphore>, answers: &mpsc::Sender<Answer>) {
        while let Some((&(due, uid), ())) = self.due.first_key_value() {
            if due > now {
                return;
            }
            let Some(entry) = self.targets.get_mut(&uid) else {
                self.due.remove(&(due, uid));
                continue;
            };
            // Intervals run from the start of a probe, whatever its latency.
            let next = now + entry.pause(uid);
            if !entry.asking {
                let Ok(permit) = Arc::clone(permits).try_acquire_owned() else { return };
                (entry.asked, entry.asking) = (true, true);
                let (check, address) = (Arc::clone(&entry.check), entry.address);
                let answers = answers.clone();
                tokio::spawn(async move {
                    let probe = ask(address, &check).await;
                    drop(permit);
                    let _ = answers.send(Answer { uid, probe }).await;
                });
            }
            self.due.remove(&(due, uid));
            self.due.insert((next, uid), ());
            entry.due = next;
        }
    }

    /// When there is something to do again. Without permits, an answer wakes the loop.
    fn next(&self, permits: &Semaphore) -> Instant {
        let idle = Instant::now() + LOOK_INTERVAL;
        match self.due.first_key_value() {
            Some((&(due, _), ())) if permits.available_permits() > 0 => due,
            _ => idle,
        }
    }

    fn judge(&mut self, answer: &Answer) {
        let Some(entry) = self.targets.get_mut(&answer.uid) else { return };
        entry.asking = false;
        let before = entry.judge.verdict();
        let (up, down) = (entry.check.healthy_threshold, entry.check.unhealthy_threshold);
        let verdict = entry.judge.handle_probe(answer.probe, up, down);
        // Also ends a passive ejection, which lasts until the next active check.
        if entry.cell.judge(verdict) {
            entry.group.touch();
        }
        if before.is_healthy() != verdict.is_healthy() {
            tracing::info!(address = %entry.address, ?before, ?verdict, "target health changed");
        }
    }
}

// === impl Entry ===

impl Entry {
    /// From one probe to the next: the interval, but once a part of it that differs from target to
    /// target.
    fn pause(&self, uid: u64) -> Duration {
        let interval = Duration::from_secs(u64::from(self.check.interval_s));
        if self.asked {
            return interval;
        }
        // The golden section spreads consecutive numbers evenly.
        let share = uid.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
        interval / 2 + (interval / 2).mul_f64(share as f64 / f64::from(1u32 << 31))
    }
}

/// The targets of a group that are probed, and where.
fn probed(group: &GroupPlan) -> impl Iterator<Item = (&GroupPlan, &TargetPlan, SocketAddr)> {
    let targets = group.targets.iter().filter(|_| !group.used_by.is_empty());
    let usable = targets.filter(|target| {
        target.invalid.is_none() && !target.draining && group.zone_is_enabled(target)
    });
    usable.filter_map(move |target| Some((group, target.as_ref(), target.health_address?)))
}

/// One probe, within its timeout.
async fn ask(address: SocketAddr, check: &HealthCheck) -> Probe {
    let timeout = Duration::from_secs(u64::from(check.timeout_s));
    match tokio::time::timeout(timeout, ask_untimed(address, check)).await {
        Ok(result) => result,
        Err(_) => Err(Failure::Timeout),
    }
}

async fn ask_untimed(address: SocketAddr, check: &HealthCheck) -> Probe {
    let mut stream = TcpStream::connect(address).await.map_err(|e| failure(&e))?;
    if check.protocol == HealthCheckProtocol::Tcp {
        return Ok(());
    }
    stream.write_all(&request(address, &check.path)).await.map_err(|e| failure(&e))?;
    let status = read_status(&mut stream).await?;
    if matcher_accepts(&check.matcher, status) {
        Ok(())
    } else {
        Err(Failure::ResponseCodeMismatch(status))
    }
}

async fn read_status(stream: &mut TcpStream) -> Result<u16, Failure> {
    let (mut scan, mut head) = (Scan::default(), ResponseHead::default());
    let mut bytes = Vec::with_capacity(1_024);
    loop {
        let read = stream.read_buf(&mut bytes).await.map_err(|e| failure(&e))?;
        match response::parse(&bytes, &mut scan, &mut head) {
            Ok(Status::Complete { head_len }) if (100..200).contains(&head.status) => {
                bytes.drain(..head_len);
                scan = Scan::default();
            }
            Ok(Status::Complete { .. }) => return Ok(head.status),
            Ok(Status::Partial) => {}
            Err(_) => return Err(Failure::FailedHealthChecks),
        }
        if read == 0 || bytes.len() > ANSWER_MAX {
            return Err(Failure::FailedHealthChecks);
        }
    }
}

/// What AWS's health checker sends, byte for byte.
fn request(address: SocketAddr, path: &str) -> Vec<u8> {
    let host = match (address, address.port()) {
        (SocketAddr::V4(v4), 80) => v4.ip().to_string(),
        (SocketAddr::V6(v6), 80) => format!("[{}]", v6.ip()),
        (any, _) => any.to_string(),
    };
    format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\
         User-Agent: ELB-HealthChecker/2.0\r\nAccept-Encoding: gzip, compressed\r\n\r\n"
    )
    .into_bytes()
}

/// Our own lack of means is not the target's fault.
fn failure(error: &io::Error) -> Failure {
    let ours = [libc_errno::EMFILE, libc_errno::ENFILE, libc_errno::ENOBUFS];
    match error.raw_os_error() {
        Some(errno) if ours.contains(&errno) => Failure::InternalError,
        _ if error.kind() == io::ErrorKind::AddrNotAvailable => Failure::InternalError,
        _ => Failure::FailedHealthChecks,
    }
}

/// The three numbers that say "no room"; the same on every Linux.
mod libc_errno {
    pub const ENFILE: i32 = 23;
    pub const EMFILE: i32 = 24;
    pub const ENOBUFS: i32 = 105;
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;
    use weir_core::resource::HealthCheckPort;
    use weir_core::snapshot::testing::SnapshotBuilder;

    fn check(matcher: &str) -> HealthCheck {
        HealthCheck {
            enabled: true,
            protocol: HealthCheckProtocol::Http,
            port: HealthCheckPort::TrafficPort,
            path: "/health?x=1".into(),
            interval_s: 5,
            timeout_s: 2,
            healthy_threshold: 2,
            unhealthy_threshold: 2,
            matcher: matcher.into(),
        }
    }

    /// A target that answers one request with these bytes and returns what it was asked.
    async fn answering(bytes: &'static [u8]) -> (SocketAddr, tokio::task::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = vec![0u8; 4_096];
            let n = stream.read(&mut asked).await.unwrap();
            stream.write_all(bytes).await.unwrap();
            String::from_utf8_lossy(&asked[..n]).into_owned()
        });
        (address, task)
    }

    #[tokio::test]
    async fn the_probe_is_what_aws_sends() {
        let (address, task) = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
        assert_eq!(ask(address, &check("200")).await, Ok(()));
        assert_eq!(
            task.await.unwrap(),
            format!(
                "GET /health?x=1 HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
                 User-Agent: ELB-HealthChecker/2.0\r\nAccept-Encoding: gzip, compressed\r\n\r\n"
            )
        );
    }

    #[tokio::test]
    async fn a_publication_costs_what_it_changes_and_first_probes_are_spread() {
        let now = Instant::now();
        let mut schedule = Schedule::new(now);
        let used = |group: &mut GroupPlan| {
            let lb = "arn:aws:elasticloadbalancing:us-east-1:1:loadbalancer/app/a/1";
            group.used_by = vec![weir_core::resource::LoadBalancerArn::new(lb)];
        };
        let address = |n: u16| SocketAddr::from(([127, 0, 0, 1], n));
        let mut builder = SnapshotBuilder::new(1);
        for first in (1_000..3_000).step_by(100) {
            let targets: Vec<SocketAddr> = (first..first + 100).map(address).collect();
            builder.group(&targets, used);
        }
        let unused = builder.group(&[address(9_000)], |_| {});
        let one = builder.build();
        assert_eq!(schedule.look(&Arc::new(one.clone()), now), 2_001);
        assert_eq!(schedule.targets.len(), 2_000, "a group that is not in use is not probed");
        let last = schedule.due.last_key_value().unwrap().0.0;
        assert_eq!(last - now, FIRST_PROBE_GAP * 1_999);

        let mut builder = SnapshotBuilder::after(&one, 1);
        builder.change_group(unused, used);
        let two = Arc::new(builder.build());
        assert_eq!(schedule.look(&two, now), 1, "the other groups are not looked at");
        assert_eq!((schedule.look(&two, now), schedule.targets.len()), (0, 2_001));
        let mut builder = SnapshotBuilder::after(&two, 1);
        builder.remove_target(unused, address(9_000));
        schedule.look(&Arc::new(builder.build()), now);
        assert_eq!((schedule.targets.len(), schedule.due.len()), (2_000, 2_000));

        let pauses: BTreeSet<_> = schedule.targets.iter().map(|(uid, e)| e.pause(*uid)).collect();
        assert!(pauses.len() > 1_900, "second probes leave at moments of their own");
        let interval = Duration::from_secs(30);
        assert!(pauses.iter().all(|pause| (interval / 2..=interval).contains(pause)));
    }

    #[tokio::test]
    async fn statuses_are_matched() {
        let (address, _task) = answering(b"HTTP/1.1 404 Not Found\r\n\r\n").await;
        assert_eq!(ask(address, &check("200-299")).await, Err(Failure::ResponseCodeMismatch(404)));
        let (address, _task) =
            answering(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 201 Made\r\n\r\n").await;
        assert_eq!(ask(address, &check("200-299")).await, Ok(()));
    }

    #[tokio::test]
    async fn refusal_garbage_and_silence_have_names() {
        let (address, _task) = answering(b"SSH-2.0-x\r\n").await;
        assert_eq!(ask(address, &check("200")).await, Err(Failure::FailedHealthChecks));
        let closed = {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            listener.local_addr().unwrap()
        };
        assert_eq!(ask(closed, &check("200")).await, Err(Failure::FailedHealthChecks));
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let quick = HealthCheck { timeout_s: 0, ..check("200") };
        let address = silent.local_addr().unwrap();
        assert_eq!(ask(address, &quick).await, Err(Failure::Timeout));
    }
}
