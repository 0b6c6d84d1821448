//! The reactor's promises, one play each, with a handler that does what the first byte says.
//!
//! Invariant: every wait has a deadline and is ended by an event, never by a sleep.
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use weir_net::budget::Budget;
use weir_net::listeners::Listeners;
use weir_net::publication::Publisher;
use weir_net::sockets::{SocketTable, bind_listener};
use weir_net::telemetry::Telemetry;
use weir_net::threads::{Config, DataThreads, Place};
use weir_net::{Cx, Handler, Ready, Recv, Token};

const DEADLINE: Duration = Duration::from_secs(20);
const IDLE_MS: u64 = 80;

/// What the handler tells the test.
#[derive(Debug, PartialEq)]
enum Said {
    ReadClosed,
    Connected(Result<SocketAddr, ErrorKind>),
    Letter(u32),
    Woken,
    Idle,
    Reset,
    Draining,
    Dropped,
}

enum Letter {
    Number(u32),
    Connect { from: Option<SocketAddr>, to: SocketAddr },
}

/// What is published: the sockets, and whether clients are let in.
struct World {
    sockets: Arc<SocketTable>,
    open: bool,
}

struct Script {
    said: Sender<Said>,
    listeners: Listeners,
    open: bool,
    /// Streams that are read one byte per call, with what they have sent so far.
    slow: HashMap<Token, Vec<u8>>,
    deaf: Vec<Token>,
}

impl Script {
    fn say(&self, said: Said) {
        // The test may have heard enough.
        let _ended = self.said.send(said);
    }

    fn command(&mut self, cx: &mut Cx<'_>, stream: Token, count: usize) {
        match cx.scratch[0] {
            b'E' => {
                let sent = cx.io.write(stream, &cx.scratch[..count]).unwrap();
                assert_eq!(sent, count);
            }
            b'P' => panic!("as told"),
            b'X' => {
                // Out of the reactor and in again, as a hand-over would do it.
                let mut taken = cx.io.detach(stream).unwrap();
                taken.write_all(b"x").unwrap();
                let again = cx.io.register(taken).unwrap();
                assert!(again != stream && !cx.io.contains(stream));
            }
            b'T' => cx.io.arm(stream, cx.now.mono_ms() + IDLE_MS),
            b'S' => {
                self.slow.insert(stream, Vec::new());
                cx.io.write(stream, b"s").unwrap();
            }
            b'D' => {
                self.deaf.push(stream);
                cx.io.write(stream, b"d").unwrap();
            }
            other => panic!("unknown command {other}"),
        }
    }

    fn slowly(&mut self, cx: &mut Cx<'_>, stream: Token) {
        match cx.io.recv(stream, &mut cx.scratch[..1]).unwrap() {
            Recv::Data(count) => {
                let got = self.slow.get_mut(&stream).unwrap();
                got.extend_from_slice(&cx.scratch[..count]);
                cx.io.run_again(stream);
            }
            Recv::Blocked => {}
            Recv::Closed => {
                let got = self.slow.remove(&stream).unwrap();
                cx.io.write(stream, &got).unwrap();
                cx.io.close(stream);
            }
        }
    }
}

impl Handler for Script {
    type Published = World;
    type Letter = Letter;

    fn published(&mut self, cx: &mut Cx<'_>, world: Arc<World>) {
        self.open = world.open;
        self.listeners.apply(cx.io, &world.sockets);
    }

    fn admit(&mut self, _cx: &mut Cx<'_>, _listener: Token, _peer: SocketAddr) -> bool {
        self.open
    }

    fn accepted(&mut self, cx: &mut Cx<'_>, listener: Token, stream: Token, peer: SocketAddr) {
        assert_eq!(cx.io.local_addr(stream).unwrap(), cx.io.listener_addr(listener).unwrap());
        assert!(peer.ip().is_loopback());
    }

    fn connected(&mut self, cx: &mut Cx<'_>, stream: Token, result: std::io::Result<()>) {
        let result = result.map_err(|error| error.kind());
        self.say(Said::Connected(result.map(|()| cx.io.local_addr(stream).unwrap())));
        cx.io.close(stream);
    }

    fn ready(&mut self, cx: &mut Cx<'_>, stream: Token, ready: Ready) {
        if self.deaf.contains(&stream) {
            if ready.read_closed {
                self.say(Said::ReadClosed);
            }
            return;
        }
        if self.slow.contains_key(&stream) {
            return self.slowly(cx, stream);
        }
        match cx.io.recv(stream, cx.scratch) {
            Ok(Recv::Data(count)) => self.command(cx, stream, count),
            Ok(Recv::Blocked) => {}
            Ok(Recv::Closed) | Err(_) => cx.io.close(stream),
        }
    }

    fn timer(&mut self, cx: &mut Cx<'_>, token: Token) {
        self.say(Said::Idle);
        cx.io.close(token);
    }

    fn letter(&mut self, cx: &mut Cx<'_>, letter: Letter) {
        match letter {
            Letter::Number(number) => self.say(Said::Letter(number)),
            Letter::Connect { from: None, to } => drop(cx.io.connect(to).unwrap()),
            Letter::Connect { from: Some(from), to } => drop(cx.io.connect_from(from, to).unwrap()),
        }
    }

    fn woken(&mut self, _cx: &mut Cx<'_>) {
        self.say(Said::Woken);
    }

    fn reset(&mut self, _cx: &mut Cx<'_>, _token: Token) {
        self.say(Said::Reset);
    }

    fn draining(&mut self, _cx: &mut Cx<'_>) {
        self.say(Said::Draining);
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        self.say(Said::Dropped);
    }
}

struct Stage {
    addr: SocketAddr,
    publisher: Publisher<World>,
    telemetry: Telemetry,
    threads: DataThreads<Letter>,
    said: Receiver<Said>,
}

fn stage(open: bool) -> Stage {
    let budget = Budget::of_process(1).unwrap();
    let bound = Arc::new(bind_listener(&budget, "127.0.0.1:0".parse().unwrap(), 1).unwrap());
    let addr = bound.addr();
    let sockets = Arc::new(SocketTable::new([bound]));
    let publisher = Publisher::new(Arc::new(World { sockets, open }));
    let telemetry = Telemetry::new(1);
    let (said, hear) = channel();
    let config = Config { threads: 1, pinned: true };
    let make = move |place: Place| Script {
        said: said.clone(),
        listeners: Listeners::new(place.index),
        open: false,
        slow: HashMap::new(),
        deaf: Vec::new(),
    };
    let threads = DataThreads::spawn(config, &budget, &telemetry, &publisher, make).unwrap();
    Stage { addr, publisher, telemetry, threads, said: hear }
}

impl Stage {
    fn metric(&self, name: &str) -> u64 {
        self.telemetry.metrics().into_iter().find(|metric| metric.name == name).unwrap().value
    }

    fn connect(&self) -> TcpStream {
        let client = TcpStream::connect_timeout(&self.addr, DEADLINE).unwrap();
        client.set_read_timeout(Some(DEADLINE)).unwrap();
        client
    }

    /// Waits until the handler says something other than that it was woken.
    fn hear(&self) -> Said {
        loop {
            match self.said.recv_timeout(DEADLINE).unwrap() {
                Said::Woken => {}
                said => return said,
            }
        }
    }

    fn letter(&self, letter: Letter) {
        assert!(self.threads.mailbox(0).unwrap().send(letter).is_ok());
    }

    /// The reset may overtake the client's own notice that it is connected.
    fn is_denied(&self) {
        let client = TcpStream::connect_timeout(&self.addr, DEADLINE);
        let read = client.and_then(|mut client| client.read(&mut [0; 1]));
        assert_eq!(read.unwrap_err().kind(), ErrorKind::ConnectionReset);
    }

    fn echoes(&self, client: &mut TcpStream) {
        client.write_all(b"E?").unwrap();
        let mut reply = [0; 2];
        client.read_exact(&mut reply).unwrap();
        assert_eq!(&reply, b"E?");
    }
}

#[test]
fn a_panic_costs_one_connection() {
    let stage = stage(true);
    let (mut neighbour, mut victim) = (stage.connect(), stage.connect());
    stage.echoes(&mut neighbour);
    victim.write_all(b"P").unwrap();
    let error = victim.read(&mut [0; 1]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(stage.hear(), Said::Reset);
    stage.echoes(&mut neighbour);
    assert_eq!((stage.metric("bug_total"), stage.metric("weir_connections_open")), (1, 1));
}

#[test]
fn a_stream_can_leave_the_reactor_and_come_back() {
    let stage = stage(true);
    let mut client = stage.connect();
    client.write_all(b"X").unwrap();
    client.read_exact(&mut [0; 1]).unwrap();
    stage.echoes(&mut client);
    assert_eq!(stage.metric("weir_connections_open"), 1);
}

#[test]
fn a_deadline_fires_once_and_not_early() {
    let stage = stage(true);
    let mut client = stage.connect();
    let begin = Instant::now();
    client.write_all(b"T").unwrap();
    assert_eq!(client.read(&mut [0; 1]).unwrap(), 0, "closed by its timer");
    assert!(begin.elapsed() >= Duration::from_millis(IDLE_MS - 1));
    assert_eq!(stage.hear(), Said::Idle);
    stage.echoes(&mut stage.connect());
    assert!(stage.said.try_iter().all(|said| said == Said::Woken));
}

#[test]
fn work_that_stops_at_a_budget_continues_without_an_event() {
    let stage = stage(true);
    let mut client = stage.connect();
    client.write_all(b"S").unwrap();
    client.read_exact(&mut [0; 1]).unwrap();
    // One edge at most for all of it; the handler reads one byte per turn.
    let sent: Vec<u8> = (0..2_000u32).map(|byte| byte as u8).collect();
    client.write_all(&sent).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut got = Vec::new();
    client.read_to_end(&mut got).unwrap();
    assert!(sent == got, "all of it, in order");
}

#[test]
fn a_client_that_leaves_is_seen_by_a_handler_that_does_not_read() {
    let stage = stage(true);
    let mut client = stage.connect();
    client.write_all(b"D").unwrap();
    client.read_exact(&mut [0; 1]).unwrap();
    client.write_all(b"unread bytes").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(stage.hear(), Said::ReadClosed);
}

#[test]
fn a_denied_client_is_reset_and_counted() {
    let stage = stage(false);
    stage.is_denied();
    assert_eq!((stage.metric("weir_denied_total"), stage.metric("weir_accepts_total")), (1, 0));
}

#[tokio::test]
async fn an_acknowledged_publication_holds_for_the_next_client() {
    let stage = stage(false);
    let sockets = stage.publisher.current().1.sockets.clone();
    for round in 0..200 {
        let open = round % 2 == 0;
        let world = World { sockets: sockets.clone(), open };
        let epoch = stage.publisher.publish(Arc::new(world));
        stage.publisher.wait_ran(epoch, DEADLINE).await.unwrap();
        if open {
            stage.echoes(&mut stage.connect());
        } else {
            stage.is_denied();
        }
    }
}

#[test]
fn connections_stand_or_fail_with_the_kernels_reason() {
    let stage = stage(true);
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = server.local_addr().unwrap();
    stage.letter(Letter::Connect { from: None, to });
    assert!(matches!(stage.hear(), Said::Connected(Ok(_))));
    let from: SocketAddr = "127.0.0.77:0".parse().unwrap();
    stage.letter(Letter::Connect { from: Some(from), to });
    let Said::Connected(Ok(local)) = stage.hear() else { panic!("not connected") };
    assert_eq!(local.ip(), from.ip());
    drop(server);
    stage.letter(Letter::Connect { from: None, to });
    assert_eq!(stage.hear(), Said::Connected(Err(ErrorKind::ConnectionRefused)));
    stage.letter(Letter::Number(1));
    assert_eq!(stage.hear(), Said::Letter(1));
    assert_eq!(stage.metric("weir_connections_open"), 0);
}

#[test]
fn letters_arrive_in_order_and_a_bare_ring_wakes() {
    let stage = stage(true);
    for number in 0..2_000 {
        stage.letter(Letter::Number(number));
    }
    for number in 0..2_000 {
        assert_eq!(stage.hear(), Said::Letter(number));
    }
    // Later wake-ups of the letters may still be in the channel; one more must follow them.
    stage.letter(Letter::Number(7));
    assert_eq!(stage.hear(), Said::Letter(7));
    stage.threads.bell(0).unwrap().ring();
    assert_eq!(stage.said.recv_timeout(DEADLINE).unwrap(), Said::Woken);
}

#[test]
fn stopping_lets_connections_finish_within_a_bound() {
    let stage = stage(true);
    let mut client = stage.connect();
    stage.echoes(&mut client);
    let (addr, said) = (stage.addr, stage.said);
    let stopping = std::thread::spawn(move || stage.threads.stop(DEADLINE));
    while said.recv_timeout(DEADLINE).unwrap() != Said::Draining {}
    let refused = TcpStream::connect_timeout(&addr, DEADLINE).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    client.write_all(b"E!").unwrap();
    client.read_exact(&mut [0; 2]).unwrap();
    drop(client);
    assert!(stopping.join().unwrap().is_empty());
    assert_eq!(said.try_iter().last(), Some(Said::Dropped));
}

#[test]
fn stopping_does_not_wait_for_ever() {
    let stage = stage(true);
    let mut client = stage.connect();
    stage.echoes(&mut client);
    assert!(stage.threads.stop(Duration::from_millis(50)).is_empty());
    let left = client.read(&mut [0; 1]);
    assert!(left.is_err() || left.is_ok_and(|count| count == 0));
}
