//! The plane over real sockets: two data threads, loopback addresses, ephemeral ports.
//!
//! What the machine's tests prove for every split, these prove for the wiring: readiness, edges,
//! back-pressure and cancellation as the kernel delivers them.
#![allow(clippy::unwrap_used)]

mod stage;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use weir_core::snapshot::testing::SnapshotBuilder;

use stage::{Head, Stage, body_of, connect, echo, read_head, serve};

const GET: &str = "GET /x HTTP/1.1\r\nHost: h\r\n\r\n";
const LONG: Duration = Duration::from_secs(10);

fn fixed(body: &'static str) -> impl Fn(TcpStream) + Send + Sync + 'static {
    move |mut stream| {
        while let Some(_head) = read_head(&mut stream) {
            let length = body.len();
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}");
            stream.write_all(answer.as_bytes()).unwrap();
        }
    }
}

#[test]
fn keep_alive_and_pipelining_over_two_threads() {
    let stage = Stage::new(vec![serve(fixed("hello"))], |_, _| {});
    for _ in 0..8 {
        let mut client = connect(stage.address);
        for _ in 0..5 {
            client.write_all(GET.as_bytes()).unwrap();
            let head = read_head(&mut client).unwrap();
            assert_eq!((head.status(), body_of(&mut client, &head)), (200, b"hello".to_vec()));
        }
        client.write_all(GET.repeat(50).as_bytes()).unwrap();
        for _ in 0..50 {
            let head = read_head(&mut client).unwrap();
            assert_eq!(body_of(&mut client, &head), b"hello");
        }
    }
    let totals = stage.target_totals(0);
    assert_eq!(totals.requests, 8 * 55);
    assert!(totals.connections <= 16, "{} connections", totals.connections);
    stage.wait_quiet();
}

#[test]
fn big_bodies_pass_both_ways_unharmed() {
    let stage = Stage::new(vec![serve(echo)], |_, _| {});
    let body: Vec<u8> =
        (0..8_000_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let mut client = connect(stage.address);
    let mut writer = client.try_clone().unwrap();
    let sent = body.clone();
    let sender = std::thread::spawn(move || {
        let head = format!("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n", sent.len());
        writer.write_all(head.as_bytes()).unwrap();
        writer.write_all(&sent).unwrap();
    });
    let head = read_head(&mut client).unwrap();
    assert!(body_of(&mut client, &head) == body);
    sender.join().unwrap();
    stage.wait_quiet();
}

/// More than what all socket buffers on the way can hold.
const HUGE: usize = 1_000_000_000;

#[test]
fn a_slow_reader_holds_the_target_back() {
    let (progress, written) = channel();
    let target = serve(move |mut stream: TcpStream| {
        read_head(&mut stream).unwrap();
        let chunk = vec![b'x'; 100_000];
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {HUGE}\r\n\r\n").unwrap();
        while stream.write_all(&chunk).is_ok() {
            let _unheard = progress.send(chunk.len());
        }
    });
    let stage = Stage::new(vec![target], |_, _| {});
    let mut client = connect(stage.address);
    client.write_all(GET.as_bytes()).unwrap();
    assert_eq!(read_head(&mut client).unwrap().length(), HUGE);
    let mut taken = 0;
    while let Ok(count) = written.recv_timeout(Duration::from_millis(200)) {
        taken += count;
        assert!(taken < HUGE / 2, "{taken} bytes were taken for a client that does not read");
    }
    let mut rest = vec![0; taken];
    client.read_exact(&mut rest).unwrap();
    assert!(rest.iter().all(|byte| *byte == b'x'));
    assert!(written.recv_timeout(LONG).is_ok(), "and goes on when the client does");
    drop(client);
    stage.wait_quiet();
}

#[test]
fn events_arrive_before_the_next_one_is_sent() {
    let (go, gate) = channel::<()>();
    let gate = std::sync::Mutex::new(gate);
    let target = serve(move |mut stream: TcpStream| {
        read_head(&mut stream).unwrap();
        write!(stream, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap();
        let gate = gate.lock().unwrap();
        while gate.recv().is_ok() {
            stream.write_all(b"5\r\nevent\r\n").unwrap();
        }
        stream.write_all(b"0\r\n\r\n").unwrap();
    });
    let stage = Stage::new(vec![target], |_, _| {});
    let mut client = connect(stage.address);
    client.write_all(GET.as_bytes()).unwrap();
    assert_eq!(read_head(&mut client).unwrap().status(), 200);
    for _ in 0..20 {
        go.send(()).unwrap();
        let mut event = [0; 10];
        client.read_exact(&mut event).unwrap();
        assert_eq!(&event, b"5\r\nevent\r\n");
    }
    drop(go);
    let mut end = [0; 5];
    client.read_exact(&mut end).unwrap();
    assert_eq!(&end, b"0\r\n\r\n");
    stage.wait_quiet();
}

/// Milliseconds from a client's abort to the target's notice.
fn abort_after(client_act: impl FnOnce(TcpStream), target_is_stuck: bool) -> u128 {
    let (ready, started) = channel();
    let (notice, noticed) = channel();
    let target = serve(move |mut stream: TcpStream| {
        read_head(&mut stream).unwrap();
        ready.send(()).unwrap();
        if target_is_stuck {
            let chunk = vec![0; 1_000_000];
            let _full = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 999000000\r\n\r\n");
            while stream.write_all(&chunk).is_ok() {}
        } else {
            let mut byte = [0];
            assert!(!matches!(stream.read(&mut byte), Ok(1..)));
        }
        notice.send(Instant::now()).unwrap();
    });
    let stage = Stage::new(vec![target], |_, _| {});
    let mut client = connect(stage.address);
    client.write_all(GET.as_bytes()).unwrap();
    started.recv_timeout(LONG).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    let left = Instant::now();
    client_act(client);
    let took = noticed.recv_timeout(LONG).unwrap().saturating_duration_since(left).as_millis();
    stage.wait_quiet();
    assert_eq!(stage.listener_totals().cancelled, 1);
    took
}

fn half_close(client: TcpStream) {
    client.shutdown(Shutdown::Write).unwrap();
    std::thread::sleep(Duration::from_millis(200));
}

#[test]
fn an_abort_is_noticed_by_the_target_within_50_ms() {
    type Abort = fn() -> u128;
    let cases: [(&str, Abort); 4] = [
        ("close", || abort_after(drop, false)),
        ("half-close", || abort_after(half_close, false)),
        // With bytes unread, a close is a reset.
        ("reset under back-pressure", || abort_after(drop, true)),
        ("half-close under back-pressure", || abort_after(half_close, true)),
    ];
    for (name, took) in cases {
        // The machine may be busy with something else; five times in a row it is not.
        let best = (0..5).map(|_| took()).find(|ms| *ms <= 50);
        assert!(best.is_some(), "{name}: never within 50 ms");
    }
}

#[test]
fn a_target_that_dies_in_the_middle_is_visible() {
    for chunked in [false, true] {
        let target = serve(move |mut stream: TcpStream| {
            read_head(&mut stream).unwrap();
            let (header, body) = match chunked {
                true => ("Transfer-Encoding: chunked", "3\r\nabc\r\n"),
                false => ("Content-Length: 10", "abc"),
            };
            write!(stream, "HTTP/1.1 200 OK\r\n{header}\r\n\r\n{body}").unwrap();
        });
        let stage = Stage::new(vec![target], |_, _| {});
        let mut client = connect(stage.address);
        client.write_all(GET.as_bytes()).unwrap();
        assert_eq!(read_head(&mut client).unwrap().status(), 200);
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).unwrap();
        assert_eq!(rest, if chunked { &b"3\r\nabc\r\n"[..] } else { b"abc" });
        stage.wait_quiet();
        assert_eq!(stage.listener_totals().broken, 1);
    }
}

#[test]
fn a_refused_target_costs_nobody_a_request() {
    let dead = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let stage = Stage::new(vec![dead, serve(fixed("ok"))], |_, _| {});
    for _ in 0..40 {
        let mut client = connect(stage.address);
        client.write_all(GET.as_bytes()).unwrap();
        assert_eq!(read_head(&mut client).unwrap().status(), 200);
    }
    assert!(stage.target_totals(0).connection_errors <= 2, "ejected for both threads");
    stage.wait_quiet();
}

#[test]
fn targets_that_close_idle_connections_cost_nobody_a_request() {
    let target = serve(|mut stream: TcpStream| {
        if read_head(&mut stream).is_some() {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
        }
    });
    let stage = Stage::new(vec![target], |_, _| {});
    let mut client = connect(stage.address);
    for _ in 0..200 {
        client.write_all(GET.as_bytes()).unwrap();
        assert_eq!(read_head(&mut client).unwrap().status(), 200);
    }
    stage.wait_quiet();
}

#[test]
fn expect_continue_and_head() {
    let stage = Stage::new(vec![serve(echo)], |_, _| {});
    let mut client = connect(stage.address);
    let put = "PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n";
    client.write_all(put.as_bytes()).unwrap();
    assert_eq!(read_head(&mut client).unwrap().status(), 100);
    client.write_all(b"abc").unwrap();
    let head = read_head(&mut client).unwrap();
    assert_eq!(body_of(&mut client, &head), b"abc");
    client.write_all(b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    let head = read_head(&mut client).unwrap();
    assert_eq!((head.status(), head.value("content-length")), (200, Some("0".into())));
    client.write_all(GET.as_bytes()).unwrap();
    assert_eq!(read_head(&mut client).unwrap().status(), 200);
}

#[test]
fn idle_timeouts_of_both_sides() {
    let target = serve(|mut stream: TcpStream| {
        read_head(&mut stream);
        std::thread::sleep(Duration::from_secs(5));
    });
    let stage = Stage::new(vec![target], |_, lb| lb.idle_timeout_ms = 300);
    let started = Instant::now();
    let mut silent = connect(stage.address);
    let mut partial = connect(stage.address);
    let mut waiting = connect(stage.address);
    partial.write_all(b"GET / HT").unwrap();
    waiting.write_all(GET.as_bytes()).unwrap();
    assert_eq!(read_head(&mut partial).unwrap().status(), 408);
    assert_eq!(read_head(&mut waiting).unwrap().status(), 504);
    assert_eq!(silent.read(&mut [0]).unwrap(), 0, "closed without a word");
    let took = started.elapsed();
    assert!((250..2_000).contains(&took.as_millis()), "{took:?}");
}

#[test]
fn half_sent_heads_cost_little_and_disturb_nobody() {
    let stage = Stage::new(vec![serve(fixed("ok"))], |_, _| {});
    let mut halves = Vec::new();
    for _ in 0..400 {
        let mut client = connect(stage.address);
        client.write_all(b"GET / HTTP/1.1\r\nHost: h\r\nX-Half: ").unwrap();
        halves.push(client);
    }
    let mut client = connect(stage.address);
    for _ in 0..20 {
        client.write_all(GET.as_bytes()).unwrap();
        let head = read_head(&mut client).unwrap();
        assert_eq!((head.status(), body_of(&mut client, &head)), (200, b"ok".to_vec()));
    }
    for half in &mut halves {
        half.write_all(b"1\r\n\r\n").unwrap();
    }
    for half in &mut halves {
        assert_eq!(read_head(half).unwrap().status(), 200);
    }
}

#[test]
fn a_denied_client_is_reset_and_counted() {
    let stage = Stage::new(vec![serve(fixed("ok"))], |_, lb| lb.ingress = Default::default());
    let mut client = TcpStream::connect(stage.address).unwrap();
    let _reset = client.write_all(GET.as_bytes());
    assert!(client.read(&mut [0]).is_err() || client.read(&mut [0]).is_ok_and(|n| n == 0));
    stage.wait(|| stage.listener_totals().denied == 1);
}

#[test]
fn a_change_of_targets_disturbs_no_other_request() {
    let stage = Stage::new(vec![serve(fixed("one")), serve(fixed("two"))], |_, _| {});
    let mut client = connect(stage.address);
    let ask = |client: &mut TcpStream| -> Vec<u8> {
        client.write_all(GET.as_bytes()).unwrap();
        let head: Head = read_head(client).unwrap();
        assert_eq!(head.status(), 200);
        body_of(client, &head)
    };
    for _ in 0..4 {
        ask(&mut client);
    }
    stage.publish(|builder: &mut SnapshotBuilder| {
        builder.remove_target(stage.group, stage.targets[0]);
    });
    for _ in 0..10 {
        assert_eq!(ask(&mut client), b"two", "the next request sees the change");
    }
    stage.publish(|builder| builder.remove_listener(stage.listener));
    assert_eq!(client.read(&mut [0]).unwrap(), 0, "idle: closed with its listener");
    stage.wait_quiet();
}

#[test]
fn a_client_that_half_closes_while_it_waits_is_cancelled() {
    let target = serve(|mut stream: TcpStream| {
        read_head(&mut stream);
        let _gone = stream.read(&mut [0]);
    });
    let stage = Stage::new(vec![target], |_, _| {});
    let mut client = connect(stage.address);
    client.write_all(GET.as_bytes()).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert!(!matches!(client.read(&mut [0]), Ok(1..)));
    stage.wait(|| stage.listener_totals().cancelled == 1);
    stage.wait_quiet();
}
