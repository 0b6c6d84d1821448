//! The stage of the real-socket tests: a plane on two threads, targets made of closures, and the
//! little HTTP that a client needs.
//!
//! Invariant: everything binds to port 0 of a loopback address; dropping the stage stops it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use weir_core::resource::Priority;
use weir_core::snapshot::lane::{ListenerTotals, TargetTotals};
use weir_core::snapshot::testing::SnapshotBuilder;
use weir_core::snapshot::{GroupSlot, ListenerPlan, ListenerSlot, LoadBalancerPlan, Snapshot};
use weir_core::traffic::route::{RoutingPlan, RulePlan};
use weir_core::traffic::weighted::Weighted;
use weir_l7::io::Plane;
use weir_net::budget::Budget;
use weir_net::publication::Publisher;
use weir_net::published::Published;
use weir_net::sockets::{SocketTable, bind_listener};
use weir_net::telemetry::Telemetry;
use weir_net::threads::{Config, DataThreads};

const THREADS: usize = 2;
const PATIENCE: Duration = Duration::from_secs(10);

/// A running plane with one listener.
pub struct Stage {
    pub address: SocketAddr,
    pub targets: Vec<SocketAddr>,
    pub group: GroupSlot,
    pub listener: ListenerSlot,
    first: Arc<Snapshot>,
    current: Mutex<Arc<Snapshot>>,
    sockets: Arc<SocketTable>,
    publisher: Publisher<Published>,
    _threads: DataThreads<()>,
}

/// A head, as text.
pub struct Head {
    pub text: String,
}

// === impl Stage ===

impl Stage {
    pub fn new(
        targets: Vec<SocketAddr>,
        tune: impl FnOnce(&mut ListenerPlan, &mut LoadBalancerPlan),
    ) -> Self {
        let budget = Budget::new(10_000, THREADS);
        let any = "127.0.0.1:0".parse().unwrap();
        let bound = Arc::new(bind_listener(&budget, any, THREADS).unwrap());
        let address = bound.addr();
        let mut builder = SnapshotBuilder::new(THREADS);
        let group = builder.group(&targets, |_| {});
        let action = RoutingPlan::Forward(Weighted::new([(group, 1)]));
        let rules = vec![RulePlan::new(Priority::Default, &[], action)];
        let listener = builder.listener(address, rules, tune);
        let first = Arc::new(builder.build());
        let sockets = Arc::new(SocketTable::new([bound]));
        let published = Published { snapshot: first.clone(), sockets: sockets.clone() };
        let publisher = Publisher::new(Arc::new(published));
        let telemetry = Telemetry::new(THREADS);
        let config = Config { threads: THREADS, pinned: false };
        let threads = DataThreads::spawn(config, &budget, &telemetry, &publisher, |place| {
            Plane::new(place.index, 1 + place.index as u64, None)
        });
        let stage = Self {
            address,
            targets,
            group,
            listener,
            current: Mutex::new(first.clone()),
            first,
            sockets,
            publisher,
            _threads: threads.unwrap(),
        };
        let (epoch, _) = stage.publisher.current();
        stage.wait(|| stage.publisher.behind(epoch).is_empty());
        stage
    }

    /// Publishes a change and waits until both threads run it.
    pub fn publish(&self, change: impl FnOnce(&mut SnapshotBuilder)) {
        let mut current = self.current.lock().unwrap();
        let mut builder = SnapshotBuilder::after(&current, THREADS);
        change(&mut builder);
        *current = Arc::new(builder.build());
        let published = Published { snapshot: current.clone(), sockets: self.sockets.clone() };
        let epoch = self.publisher.publish(Arc::new(published));
        self.wait(|| self.publisher.behind(epoch).is_empty());
    }

    pub fn listener_totals(&self) -> ListenerTotals {
        ListenerTotals::sum(&self.first.listener(self.listener).unwrap().cell.lanes)
    }

    pub fn target_totals(&self, index: usize) -> TargetTotals {
        TargetTotals::sum(&self.first.group(self.group).unwrap().targets[index].cell.lanes)
    }

    /// Waits for something that happens soon.
    pub fn wait(&self, test: impl Fn() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !test() {
            assert!(Instant::now() < deadline, "it did not happen");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Waits until no request is in flight at any target.
    pub fn wait_quiet(&self) {
        let group = self.first.group(self.group).unwrap();
        self.wait(|| group.targets.iter().all(|target| target.cell.in_flight() == 0));
    }
}

// === impl Head ===

impl Head {
    pub fn status(&self) -> u16 {
        self.text[9..12].parse().unwrap_or_else(|_| panic!("{:?}", self.text))
    }

    pub fn value(&self, name: &str) -> Option<String> {
        let lines = self.text.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.to_owned())
    }

    pub fn length(&self) -> usize {
        self.value("content-length").map_or(0, |value| value.parse().unwrap())
    }
}

/// Starts a target whose every connection is handled by `handle`, on a thread of its own.
pub fn serve(handle: impl Fn(TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let handle = Arc::new(handle);
    std::thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            stream.set_nodelay(true).unwrap();
            let handle = handle.clone();
            std::thread::spawn(move || handle(stream));
        }
    });
    address
}

/// A target that answers with the body that it got.
pub fn echo(mut stream: TcpStream) {
    while let Some(head) = read_head(&mut stream) {
        let mut left = head.length();
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {left}\r\n\r\n").unwrap();
        let mut buffer = vec![0; 64 * 1024];
        while left > 0 {
            let most = left.min(buffer.len());
            let count = stream.read(&mut buffer[..most]).unwrap();
            assert!(count > 0, "the body ended early");
            stream.write_all(&buffer[..count]).unwrap();
            left -= count;
        }
    }
}

pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Reads one head, byte by byte so that nothing behind it is taken. `None`: the connection ended.
pub fn read_head(stream: &mut TcpStream) -> Option<Head> {
    let mut text = Vec::new();
    let mut byte = [0];
    while !text.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => text.push(byte[0]),
            _ => return None,
        }
    }
    Some(Head { text: String::from_utf8(text).unwrap() })
}

/// Reads the body that a head announces.
pub fn body_of(stream: &mut TcpStream, head: &Head) -> Vec<u8> {
    let mut body = vec![0; head.length()];
    stream.read_exact(&mut body).unwrap();
    body
}
