//! The relay as a little play: real sockets, two data threads, an echo server behind it.
//!
//! It is the reactor's end-to-end test: accept, connect, both directions, back-pressure,
//! half-close, failure. Invariant: every wait has a deadline, so a hang is a failure and not a
//! stuck build.
#![allow(clippy::unwrap_used)]

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use weir_net::budget::Budget;
use weir_net::publication::Publisher;
use weir_net::relay::{Relay, Route};
use weir_net::sockets::{SocketTable, bind_listener};
use weir_net::telemetry::Telemetry;
use weir_net::threads::{Config, DataThreads};

const DEADLINE: Duration = Duration::from_secs(20);

struct Stage {
    addr: SocketAddr,
    telemetry: Telemetry,
    threads: DataThreads<()>,
    publisher: Publisher<Route>,
    budget: Arc<Budget>,
}

fn stage(target: SocketAddr) -> Stage {
    let budget = Budget::of_process(2).unwrap();
    let bound = Arc::new(bind_listener(&budget, "127.0.0.1:0".parse().unwrap(), 2).unwrap());
    let addr = bound.addr();
    let sockets = Arc::new(SocketTable::new([bound]));
    let publisher = Publisher::new(Arc::new(Route { sockets, target }));
    let telemetry = Telemetry::new(2);
    let config = Config { threads: 2, pinned: false };
    let make = |place: weir_net::threads::Place| Relay::new(place.index);
    let threads = DataThreads::spawn(config, &budget, &telemetry, &publisher, make).unwrap();
    Stage { addr, telemetry, threads, publisher, budget }
}

impl Stage {
    fn metric(&self, name: &str) -> u64 {
        self.telemetry.metrics().into_iter().find(|metric| metric.name == name).unwrap().value
    }

    fn connect(&self) -> TcpStream {
        let client = TcpStream::connect_timeout(&self.addr, DEADLINE).unwrap();
        client.set_read_timeout(Some(DEADLINE)).unwrap();
        client.set_write_timeout(Some(DEADLINE)).unwrap();
        client
    }

    fn end(self) {
        assert_eq!(self.metric("bug_total"), 0);
        assert!(self.threads.stop(Duration::from_secs(5)).is_empty());
    }
}

/// Answers every connection on a thread of its own.
fn server(play: fn(TcpStream)) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            thread::spawn(move || play(stream));
        }
    });
    addr
}

fn echo(mut stream: TcpStream) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        if stream.write_all(&buffer[..count]).is_err() {
            return;
        }
    }
}

fn refused() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

#[test]
fn two_hundred_connections_over_two_threads() {
    let stage = stage(server(echo));
    let mut clients: Vec<_> = (0..200).map(|_| stage.connect()).collect();
    for round in 0..5u8 {
        for (number, client) in clients.iter_mut().enumerate() {
            client.write_all(&[round, number as u8, 7]).unwrap();
        }
        for (number, client) in clients.iter_mut().enumerate() {
            let mut reply = [0; 3];
            client.read_exact(&mut reply).unwrap();
            assert_eq!(reply, [round, number as u8, 7]);
        }
    }
    assert_eq!(stage.metric("weir_accepts_total"), 200);
    assert_eq!(stage.metric("weir_connections_open"), 400);
    let accepts = [0, 1].map(|index| stage.telemetry.thread(index).accepts.value());
    assert!(accepts.iter().all(|&count| count > 20), "both threads work: {accepts:?}");
    drop(clients);
    stage.end();
}

#[test]
fn a_large_transfer_survives_back_pressure_and_half_close() {
    const BYTES: usize = 24 << 20;
    let stage = stage(server(echo));
    let mut client = stage.connect();
    let mut writer = client.try_clone().unwrap();
    let sending = thread::spawn(move || {
        let block: Vec<u8> = (0..=250).cycle().take(1 << 16).collect();
        for _ in 0..BYTES / block.len() {
            writer.write_all(&block).unwrap();
        }
        writer.shutdown(Shutdown::Write).unwrap();
    });
    // Nothing is read until the sender must be blocked: 24 MiB fit into no chain of buffers here.
    thread::yield_now();
    let mut received = Vec::new();
    client.read_to_end(&mut received).unwrap();
    sending.join().unwrap();
    assert_eq!(received.len(), BYTES);
    let expected = (0..=250).cycle().take(1 << 16).collect::<Vec<u8>>();
    assert!(received.chunks(1 << 16).all(|block| block == expected));
    stage.end();
}

#[test]
fn half_close_reaches_the_target_and_the_answer_comes_back() {
    let stage = stage(server(|mut stream| {
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        write!(stream, "{} bytes", all.len()).unwrap();
    }));
    let mut client = stage.connect();
    client.write_all(b"hello").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "5 bytes");
    stage.end();
}

#[test]
fn a_target_that_refuses_resets_the_client() {
    let stage = stage(refused());
    // The reset may overtake the client's own notice that it is connected.
    let client = TcpStream::connect_timeout(&stage.addr, DEADLINE);
    let error = client.and_then(|mut client| client.read(&mut [0; 1])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    stage.end();
}

#[test]
fn a_reset_of_the_target_is_a_reset_of_the_client() {
    let stage = stage(server(|mut stream| {
        stream.read_exact(&mut [0; 1]).unwrap();
        stream.write_all(b"part").unwrap();
        let linger = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
        linger.unwrap();
    }));
    let mut client = stage.connect();
    client.write_all(b"x").unwrap();
    let mut got = Vec::new();
    let error = client.read_to_end(&mut got).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    stage.end();
}

#[tokio::test]
async fn a_published_route_is_used_by_the_next_connection_on_every_thread() {
    let stage = stage(server(|mut stream| stream.write_all(b"a").unwrap()));
    let ask = |stage: &Stage| {
        let mut byte = [0];
        stage.connect().read_exact(&mut byte).unwrap();
        byte[0]
    };
    assert_eq!(ask(&stage), b'a');
    let sockets = stage.publisher.current().1.sockets.clone();
    let target = server(|mut stream| stream.write_all(b"b").unwrap());
    let epoch = stage.publisher.publish(Arc::new(Route { sockets, target }));
    stage.publisher.wait_ran(epoch, DEADLINE).await.unwrap();
    for _ in 0..32 {
        assert_eq!(ask(&stage), b'b');
    }
    // Taking the address away closes the port on every thread before the epoch is acknowledged.
    let gone = Route { sockets: Arc::default(), target };
    let epoch = stage.publisher.publish(Arc::new(gone));
    stage.publisher.wait_ran(epoch, DEADLINE).await.unwrap();
    let error = TcpStream::connect_timeout(&stage.addr, DEADLINE).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    stage.publisher.sweep();
    assert_eq!(stage.budget.listeners(), 0, "the claim is given back");
    stage.end();
}
