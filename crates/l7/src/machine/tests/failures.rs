//! Targets and clients that fail, at every point of an exchange.

use super::*;

const PUT: &str = "PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc";
const POST: &str = "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc";

/// A world whose only target has answered once, so that its connection is pooled.
fn warmed(targets: u8) -> (World, Conn, Conn) {
    let mut world = World::new(targets);
    let client = world.client();
    world.send(client, GET);
    let target = world.target();
    world.send(target, OK);
    world.sent(client);
    world.sent(target);
    (world, client, target)
}

#[test]
fn a_refused_connection_is_tried_elsewhere_for_every_method() {
    for request in [GET, PUT, POST] {
        let mut world = World::new(2);
        world.net.refused.push(target_address(1));
        for _ in 0..4 {
            let client = world.client();
            world.send(client, request);
            let target = world.target();
            let sent = world.sent(target);
            assert_eq!(sent.matches("HTTP/1.1\r\n").count(), 1, "once and whole: {sent}");
            assert_eq!(sent.ends_with("abc"), request != GET);
            world.send(target, OK);
            assert_eq!(status_of(&world.sent(client)), 200);
        }
        assert_eq!(world.target_totals(1).connection_errors, 1, "ejected after the first");
        assert_eq!(world.target_totals(2).retries, 1);
        assert!(world.cell(1).verdict().is_healthy(), "the reported state is untouched");
        assert!(world.cell(1).is_ejected());
        world.assert_quiet();
    }
}

#[test]
fn nobody_accepts() {
    let mut world = World::new(5);
    world.net.refused.extend((1..=5).map(target_address));
    let client = world.client();
    world.send(client, GET);
    assert_eq!(status_of(&world.sent(client)), 502);
    assert_eq!(world.targets().len(), crate::limits::ATTEMPTS_MAX, "bounded");
    assert_eq!(world.logged(25), "TargetConnectFailed");
    assert_eq!(world.ended(client), None, "the client may ask again");
    assert_eq!(world.listener_totals().elb_502, 1);
    world.assert_quiet();
}

#[test]
fn want_of_descriptors_is_not_the_targets_fault() {
    let mut world = World::new(2);
    world.net.exhausted = true;
    let client = world.client();
    world.send(client, GET);
    assert_eq!(status_of(&world.sent(client)), 502);
    for number in 1..=2 {
        assert!(!world.cell(number).is_ejected());
        assert_eq!(world.target_totals(number).connection_errors, 0);
    }
    world.net.exhausted = false;
    world.send(client, GET);
    let target = world.target();
    world.send(target, OK);
    assert_eq!(status_of(&world.sent(client)), 200);
    world.assert_quiet();
}

#[test]
fn nobody_is_registered() {
    let mut world = World::new(0);
    let client = world.client();
    world.send(client, GET);
    assert_eq!(status_of(&world.sent(client)), 503);
    assert_eq!(world.logged(25), "TargetsMissing");
    assert_eq!(world.listener_totals().elb_503, 1);
}

#[test]
fn a_pooled_connection_that_dies_is_replaced_when_that_is_harmless() {
    for (request, replayed) in [(GET, true), (PUT, true), (POST, false)] {
        for failed in [false, true] {
            let (mut world, client, old) = warmed(1);
            world.send(client, request);
            assert!(!world.sent(old).is_empty(), "sent on the pooled connection");
            if failed {
                world.reset(old)
            } else {
                world.finish(old)
            }
            if replayed {
                let new = world.target();
                assert_ne!(new, old);
                let sent = world.sent(new);
                assert!(sent.starts_with(&request[..4]), "{sent}");
                assert_eq!(sent.ends_with("abc"), request == PUT);
                world.send(new, OK);
                assert_eq!(status_of(&world.sent(client)), 200);
            } else {
                assert_eq!(status_of(&world.sent(client)), 502);
            }
            assert!(!world.cell(1).is_ejected(), "an old connection is no sign of ill health");
            world.assert_quiet();
        }
    }
}

#[test]
fn a_pooled_connection_that_takes_nothing_is_replaced_for_every_method() {
    let (mut world, client, old) = warmed(1);
    world.net.line(old).gone = true;
    world.send(client, POST);
    let new = world.target();
    assert_ne!(new, old);
    assert!(world.sent(new).ends_with("\r\n\r\nabc"));
    world.send(new, OK);
    assert_eq!(status_of(&world.sent(client)), 200);
    assert_eq!(world.ended(old), Some(End::Reset));
    world.assert_quiet();
}

#[test]
fn a_large_body_is_not_held_for_a_replay() {
    let (mut world, client, old) = warmed(1);
    let body = "x".repeat(70_000);
    world.step = 10_000;
    world.send(client, format!("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 70000\r\n\r\n{body}"));
    assert!(world.sent(old).ends_with(&body));
    world.finish(old);
    assert_eq!(status_of(&world.sent(client)), 502);
    world.assert_quiet();
}

#[test]
fn a_new_connection_that_dies_after_the_request_is_a_502() {
    for (failed, reason) in [(false, "TargetClosed"), (true, "TargetReset")] {
        let mut world = World::new(2);
        let client = world.client();
        world.send(client, GET);
        let target = world.target();
        if failed {
            world.reset(target)
        } else {
            world.finish(target)
        }
        assert_eq!(status_of(&world.sent(client)), 502);
        assert_eq!(world.logged(25), reason);
        assert_eq!(world.targets().len(), 1, "the request may have had its effect");
        assert_eq!(world.ended(client), None);
        world.assert_quiet();
    }
}

#[test]
fn a_body_cut_short_is_visible() {
    let length = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc";
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc";
    let until_close = "HTTP/1.1 200 OK\r\n\r\nabc";
    let old = "GET / HTTP/1.0\r\n\r\n";
    for (request, response, failed, how) in [
        (GET, length, false, End::Close),
        (GET, length, true, End::Close),
        (GET, chunked, false, End::Close),
        (GET, chunked, true, End::Close),
        (GET, until_close, true, End::Close),
        (old, length, false, End::Close),
        (old, chunked, false, End::Reset),
        (old, until_close, true, End::Reset),
    ] {
        let mut world = World::new(1);
        let client = world.client();
        world.send(client, request);
        let target = world.target();
        world.send(target, response);
        if failed {
            world.reset(target)
        } else {
            world.finish(target)
        }
        let got = world.sent(client);
        assert!(!got.ends_with("0\r\n\r\n"), "no last chunk: {got}");
        assert_eq!(world.ended(client), Some(how), "{request} {response} {failed}");
        assert_eq!(world.listener_totals().broken, 1);
        assert_ne!(world.logged(25), "-");
        assert_eq!(world.logged(9), "200", "what the client saw");
        world.assert_quiet();
    }
}

#[test]
fn malformed_responses_are_502() {
    let huge = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(33_000));
    for (response, reason) in [
        ("SSH-2.0-OpenSSH\r\n", "ResponseMalformed"),
        ("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "ResponseMalformed"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "ResponseMalformed"),
        ("HTTP/1.1 200 OK\r\nBad Name: 1\r\n\r\n", "ResponseMalformed"),
        ("HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n", "ResponseMalformed"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "ResponseMalformed"),
        (huge.as_str(), "ResponseHeadTooLarge"),
    ] {
        for step in [1, 13, usize::MAX] {
            let mut world = World::new(1);
            let client = world.client();
            world.send(client, GET);
            let target = world.target();
            world.step = step;
            world.send(target, response);
            assert_eq!(world.logged(25), reason);
            let got = world.sent(client);
            if status_of(&got) == 200 {
                // The head had gone out before the body turned out to be broken.
                assert!(response.contains("zz") && !got.contains("zz"), "{got}");
                assert_eq!(world.ended(client), Some(End::Close));
            } else {
                assert_eq!(status_of(&got), 502, "{}", &response[..17]);
            }
            assert_eq!(world.ended(target), Some(End::Reset));
            world.assert_quiet();
        }
    }
}

#[test]
fn bytes_that_nobody_asked_for_cost_the_pooled_connection() {
    let (mut world, client, old) = warmed(1);
    world.send(old, "HTTP/1.1 200 OK\r\n");
    assert_eq!(world.ended(old), Some(End::Reset));
    world.send(client, GET);
    let target = world.target();
    world.send(target, format!("{OK}extra"));
    assert_eq!(status_of(&world.sent(client)), 200);
    assert_eq!(world.ended(target), Some(End::Close), "out of step");
    world.assert_quiet();
}

#[test]
fn a_pooled_connection_that_ends_leaves_the_pool_at_once() {
    let (mut world, client, old) = warmed(1);
    world.finish(old);
    assert_eq!(world.engine.connections(), (1, 0));
    world.send(client, GET);
    assert_ne!(world.target(), old);
}

// spec: alb §10.1 Status codes and causes
#[test]
fn a_client_that_goes_away_cancels_at_the_target() {
    for failed in [false, true] {
        let mut world = World::new(1);
        let client = world.client();
        world.send(client, GET);
        let target = world.target();
        assert_eq!(world.cell(1).in_flight(), 1);
        if failed {
            world.reset(client)
        } else {
            world.finish(client)
        }
        assert_eq!(world.ended(target), Some(End::Reset));
        assert_eq!((world.logged(9), world.logged(25)), ("460".into(), "ClientGone".into()));
        assert_eq!(world.listener_totals().cancelled, 1);
        world.assert_quiet();
    }
}

#[test]
fn a_client_that_goes_away_under_back_pressure_cancels_too() {
    let mut world = World::new(1);
    let client = world.client();
    world.send(client, GET);
    let target = world.target();
    world.net.line(client).room = Some(10);
    world.send(target, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nabc");
    world.finish(client);
    assert_eq!(world.ended(target), Some(End::Reset));
    assert_eq!(world.logged(9), "460");
    world.assert_quiet();
}

#[test]
fn a_client_that_goes_away_while_connecting_cancels_the_attempt() {
    let mut world = World::new(1);
    world.net.silent.push(target_address(1));
    let client = world.client();
    world.send(client, GET);
    let target = world.target();
    world.finish(client);
    assert_eq!(world.ended(target), Some(End::Reset));
    world.assert_quiet();
}

#[test]
fn a_request_body_that_ends_early_is_logged_as_400() {
    let mut world = World::new(1);
    let client = world.client();
    world.send(client, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc");
    let target = world.target();
    world.finish(client);
    assert_eq!(world.ended(target), Some(End::Reset), "the target sees that it is incomplete");
    assert_eq!((world.logged(9), world.logged(25)), ("400".into(), "RequestBodyTruncated".into()));
    world.assert_quiet();
}

#[test]
fn a_broken_request_body_is_a_400() {
    let request = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabcd";
    for step in [1, 5, usize::MAX] {
        let mut world = World::new(1);
        world.step = step;
        let client = world.client();
        world.send(client, request);
        assert_eq!(status_of(&world.sent(client)), 400);
        assert!(world.targets().iter().all(|t| world.ended(*t) == Some(End::Reset)));
        world.assert_quiet();
    }
}

#[test]
fn a_target_that_answers_and_hangs_up_while_the_body_is_sent_is_still_heard() {
    let mut world = World::new(1);
    let client = world.client();
    world.send(client, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 900\r\n\r\nabc");
    let target = world.target();
    world.net.line(target).gone = true;
    world.send(client, "more");
    world
        .send(target, "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
    let got = world.sent(client);
    assert_eq!(status_of(&got), 413, "{got}");
    assert!(got.contains("Connection: close\r\n"));
    world.assert_quiet();
}

#[test]
fn a_panic_costs_one_exchange() {
    let mut world = World::new(1);
    let (client, other) = (world.client(), world.client());
    world.send(client, GET);
    world.send(other, GET);
    let [first, second] = world.targets()[..] else { panic!("two targets") };
    world.net.line(client).ended = Some(End::Reset);
    world.engine.handle_panic(&mut world.net, client);
    assert_eq!(world.ended(first), Some(End::Reset));
    world.send(second, OK);
    assert_eq!(status_of(&world.sent(other)), 200);
    world.assert_quiet();
}
