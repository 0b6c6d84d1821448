//! The process runs out of descriptors while clients connect. Alone in its binary, because the
//! limit is the process's.
//!
//! Invariant: one client is reset and counted per pause; when descriptors return, the clients that
//! waited in the queue are served without a new event.
#![allow(clippy::unwrap_used)]

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Socket, Type};
use weir_net::budget::Budget;
use weir_net::publication::Publisher;
use weir_net::relay::{Relay, Route};
use weir_net::sockets::{SocketTable, bind_listener};
use weir_net::telemetry::Telemetry;
use weir_net::threads::{Config, DataThreads, Place};

const DEADLINE: Duration = Duration::from_secs(20);

/// A client whose descriptor exists before its connection does.
fn client() -> Socket {
    let client = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    client.set_read_timeout(Some(DEADLINE)).unwrap();
    client
}

/// One byte from the target, through the relay.
fn serve(client: Socket, addr: SocketAddr) -> std::io::Result<()> {
    client.connect(&addr.into())?;
    TcpStream::from(client).read_exact(&mut [0; 1])
}

/// Takes every descriptor that is left.
fn exhaust() -> Vec<File> {
    let mut taken = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        taken.push(file);
    }
    taken
}

/// A target that greets every connection.
fn target() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            // Out of descriptors like everybody else, for a while.
            let _answered = stream.and_then(|mut stream| stream.write_all(b"1"));
        }
    });
    addr
}

#[test]
fn running_out_of_descriptors_sheds_and_recovers() {
    let target = target();
    let budget = Budget::of_process(1).unwrap();
    let bound = Arc::new(bind_listener(&budget, "127.0.0.1:0".parse().unwrap(), 1).unwrap());
    let addr = bound.addr();
    let sockets = Arc::new(SocketTable::new([bound]));
    let publisher = Publisher::new(Arc::new(Route { sockets, target }));
    let telemetry = Telemetry::new(1);
    let config = Config { threads: 1, pinned: false };
    let make = |place: Place| Relay::new(place.index);
    let threads = DataThreads::spawn(config, &budget, &telemetry, &publisher, make).unwrap();
    // A first exchange, so that everything that is opened once is open.
    serve(client(), addr).unwrap();

    let (shed, waiting, after) = (client(), client(), client());
    let taken = exhaust();
    let error = serve(shed, addr).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    let sheds = telemetry.thread(0).sheds.value();
    assert!(sheds >= 1);
    let waiting = std::thread::spawn(move || serve(waiting, addr));
    drop(taken);
    // Served when the pause ends, by its timer; or shed, if the pause ended too early for it.
    // It is never forgotten.
    if let Err(error) = waiting.join().unwrap() {
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        assert!(telemetry.thread(0).sheds.value() > sheds);
    }
    serve(after, addr).unwrap();
    assert_eq!(telemetry.thread(0).bugs.value(), 0);
    threads.stop(Duration::from_millis(200));
}
