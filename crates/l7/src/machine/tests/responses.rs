//! What a client receives, however the response comes in.

use weir_core::snapshot::ResponseHeader;

use super::*;

fn answer_to(request: &str, response: &str, eof: bool, step: usize) -> (World, Conn, Conn) {
    let mut world = World::new(1);
    let client = world.client();
    world.send(client, request);
    let target = world.target();
    world.sent(target);
    world.step = step;
    world.send(target, response);
    if eof {
        world.finish(target);
    }
    (world, client, target)
}

#[test]
fn every_framing_at_every_split() {
    let chunked = "5\r\nhello\r\n1;e\r\n!\r\n0\r\nX: y\r\n\r\n";
    let cases = [
        ("Content-Length: 6\r\n", "hello!", false),
        ("Content-Length: 0\r\n", "", false),
        ("Transfer-Encoding: chunked\r\n", chunked, false),
    ];
    for (header, body, eof) in cases {
        let response = format!("HTTP/1.1 200 OK\r\n{header}\r\n{body}");
        for step in 1..=response.len() {
            let (mut world, client, target) = answer_to(GET, &response, eof, step);
            let got = world.sent(client);
            assert_eq!(
                got,
                format!("HTTP/1.1 200 OK\r\n{header}Connection: keep-alive\r\n\r\n{body}")
            );
            assert_eq!((world.ended(client), world.ended(target)), (None, None));
            world.assert_quiet();
        }
    }
}

#[test]
fn until_close_becomes_chunked_for_new_clients_and_stays_for_old_ones() {
    let response = "HTTP/1.0 200 OK\r\nX: y\r\n\r\nhello";
    for step in 1..=response.len() {
        let (mut world, client, _) = answer_to(GET, response, true, step);
        let got = world.sent(client);
        let (head, body) = got.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("Transfer-Encoding: chunked"), "{head}");
        let mut payload = weir_wire::http1::body::Body::chunked();
        let passed = payload.pass(body.as_bytes()).unwrap();
        assert!(passed.done && passed.payload == 5, "{body:?}");
        assert_eq!(world.ended(client), None);
        world.assert_quiet();
    }
    let old = "GET / HTTP/1.0\r\n\r\n";
    let (mut world, client, _) = answer_to(old, response, true, 3);
    assert_eq!(world.sent(client), "HTTP/1.1 200 OK\r\nX: y\r\nConnection: close\r\n\r\nhello");
    assert_eq!(world.ended(client), Some(End::Close));
}

#[test]
fn chunks_are_unwrapped_for_old_clients() {
    let response =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n";
    for step in 1..=response.len() {
        let old = "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
        let (mut world, client, target) = answer_to(old, response, false, step);
        assert_eq!(world.sent(client), "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello");
        assert_eq!(world.ended(client), Some(End::Close));
        assert_eq!(world.ended(target), None, "the target's connection is kept");
    }
    let (mut world, client, _) =
        answer_to("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", OK, false, 7);
    assert!(world.sent(client).contains("Connection: keep-alive\r\n"));
    assert_eq!(world.ended(client), None, "HTTP/1.0 may keep alive when it asks");
}

#[test]
fn head_204_and_304_have_no_body() {
    for (request, status) in
        [("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n", "200 OK"), (GET, "204 No Content"), (GET, "304 X")]
    {
        let response = format!("HTTP/1.1 {status}\r\nContent-Length: 99\r\n\r\n");
        let (mut world, client, target) = answer_to(request, &response, false, usize::MAX);
        let length = if status.starts_with("204") { "" } else { "Content-Length: 99\r\n" };
        assert_eq!(
            world.sent(client),
            format!("HTTP/1.1 {status}\r\n{length}Connection: keep-alive\r\n\r\n")
        );
        world.assert_quiet();
        world.send(client, GET);
        assert!(world.sent(target).starts_with("GET"), "in step");
    }
}

#[test]
fn informational_heads_reach_new_clients_only() {
    let response = format!("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 C\r\n\r\n{OK}");
    for step in 1..=response.len() {
        let (mut world, client, _) = answer_to(GET, &response, false, step);
        let got = world.sent(client);
        assert!(got.starts_with("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n"));
        let (mut world, client, _) = answer_to("GET / HTTP/1.0\r\n\r\n", &response, false, step);
        assert!(world.sent(client).starts_with("HTTP/1.1 200 OK\r\n"));
    }
}

#[test]
fn sse_events_leave_in_the_call_in_which_they_came() {
    let (mut world, client, target) =
        answer_to(GET, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false, usize::MAX);
    assert!(world.sent(client).ends_with("\r\n\r\n"));
    for number in 0..5 {
        let event = format!("9\r\ndata: {number}\n\n\r\n");
        world.send(target, &event);
        assert_eq!(world.sent(client), event);
    }
}

#[test]
fn connection_close_is_honoured_on_either_side() {
    let close =
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\n\r\n";
    let (mut world, client, target) = answer_to(GET, close, false, 5);
    let got = world.sent(client);
    assert!(got.contains("Connection: keep-alive\r\n") && !got.contains("X-Hop"), "{got}");
    assert_eq!((world.ended(client), world.ended(target)), (None, Some(End::Close)));
    let request = "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    let (mut world, client, target) = answer_to(request, OK, false, usize::MAX);
    assert!(world.sent(client).contains("Connection: close\r\n"));
    assert_eq!((world.ended(client), world.ended(target)), (Some(End::Close), None));
}

// spec: alb §3.7 Listener attributes - response headers
#[test]
fn listener_attributes_override_the_targets_headers() {
    let mut world = World::tuned(1, |plan, _| {
        plan.server_header = false;
        plan.response_headers = vec![ResponseHeader {
            name_lower: "x-frame-options",
            name: "X-Frame-Options",
            value: "DENY".into(),
        }];
    });
    let client = world.client();
    world.send(client, GET);
    let target = world.target();
    world.send(target, "HTTP/1.1 200 OK\r\nx-frame-options: ALLOW\r\nContent-Length: 0\r\n\r\n");
    let got = world.sent(client);
    assert!(got.contains("X-Frame-Options: DENY\r\n") && !got.contains("ALLOW"), "{got}");
    world.send(client, "TRACE / HTTP/1.1\r\nHost: h\r\n\r\n");
    let got = world.sent(client);
    assert!(got.contains("X-Frame-Options: DENY\r\n") && !got.contains("awselb"), "{got}");
}

#[test]
fn an_early_response_is_passed_on_and_the_connections_are_not_reused() {
    let mut world = World::new(1);
    let client = world.client();
    world.send(client, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc");
    let target = world.target();
    world.send(target, OK);
    let got = world.sent(client);
    assert!(got.contains("Connection: close\r\n") && got.ends_with("hello"), "{got}");
    assert_eq!(world.ended(target), Some(End::Close));
    assert_eq!(world.ended(client), None, "lingers, so that the answer survives");
    world.send(client, "defghij");
    world.finish(client);
    assert_eq!(world.ended(client), Some(End::Close));
    world.assert_quiet();
}

#[test]
fn a_slow_reader_stops_the_target_and_loses_nothing() {
    let mut world = World::new(1);
    let client = world.client();
    world.send(client, GET);
    let target = world.target();
    world.net.line(client).room = Some(100);
    world.step = 1_000;
    let body = "0123456789".repeat(5_000);
    world.send(target, format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
    assert!(!world.net.line(target).wanted, "the target is not read");
    assert!(world.net.line(target).inbox.len() >= body.len() - 2_000, "one read is held");
    let mut got = String::new();
    while !got.ends_with(&body) {
        got += &world.sent(client);
        world.net.line(client).room = Some(700);
        world.run();
    }
    world.assert_quiet();
    assert!(world.net.line(target).wanted, "the pooled connection is watched again");
}

#[test]
fn a_slow_target_stops_the_client_and_loses_nothing() {
    let mut world = World::new(1);
    let client = world.client();
    let body = "0123456789".repeat(20_000);
    world.step = 4_000;
    world.net.silent.push(target_address(1));
    world.send(
        client,
        format!("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n{body}", body.len()),
    );
    assert!(!world.net.line(client).wanted, "not read while connecting");
    let target = world.target();
    world.net.line(target).room = Some(10);
    world.net.silent.clear();
    world.run();
    assert!(world.net.line(client).inbox.len() > body.len() - 10_000);
    let mut got = String::new();
    while !got.ends_with(&body) {
        got += &world.sent(target);
        world.net.line(target).room = Some(3_000);
        world.run();
    }
    world.send(target, OK);
    assert_eq!(status_of(&world.sent(client)), 200);
    world.assert_quiet();
}

/// Found by the simulator: whatever a target wrote about a length went out to HEAD.
#[test]
fn lengths_that_make_no_sense_do_not_reach_a_client_that_gets_no_body() {
    let head = "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n";
    for odd in [
        "Content-Length: 3\r\nContent-Length: 5\r\n",
        "Content-Length: -3\r\n",
        "Transfer-Encoding: chunked, gzip\r\n",
    ] {
        let response = format!("HTTP/1.1 200 OK\r\n{odd}X: y\r\n\r\n");
        let (mut world, client, _) = answer_to(head, &response, false, 9);
        let got = world.sent(client);
        assert_eq!(got, "HTTP/1.1 200 OK\r\nX: y\r\nConnection: keep-alive\r\n\r\n");
    }
    let plain = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n";
    let (mut world, client, _) = answer_to(head, plain, false, 9);
    assert!(world.sent(client).contains("Content-Length: 3\r\n"));
}
