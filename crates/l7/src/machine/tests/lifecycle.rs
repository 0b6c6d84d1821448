//! Time, snapshots, security groups and memory.

use weir_core::snapshot::Ingress;

use super::*;

const MINUTE_MS: u64 = 60_000;

// spec: alb §1.4 Timers
#[test]
fn idle_between_requests_is_closed_silently() {
    let mut world = World::new(1);
    let client = world.client();
    world.sleep(MINUTE_MS - 1);
    assert_eq!(world.ended(client), None);
    world.send(client, GET);
    let target = world.target();
    world.send(target, OK);
    world.sent(client);
    world.sleep(MINUTE_MS - 1);
    assert_eq!((world.ended(client), world.ended(target)), (None, None), "activity counts");
    world.sleep(2);
    assert_eq!((world.ended(client), world.ended(target)), (Some(End::Close), Some(End::Close)));
    assert_eq!(world.sent(client), "");
    assert_eq!(world.engine.connections(), (0, 0));
}

#[test]
fn a_client_that_stops_in_the_middle_gets_a_408() {
    for part in [
        "GET / HT",
        "GET / HTTP/1.1\r\nHo",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nab",
    ] {
        let mut world = World::new(1);
        let client = world.client();
        world.send(client, part);
        world.sleep(MINUTE_MS + 1);
        assert_eq!(status_of(&world.sent(client)), 408, "{part}");
        assert_eq!(world.logged(25), "RequestTimeout");
        assert_eq!(world.logged(11), part.len().to_string());
        world.sleep(crate::limits::LINGER_MS);
        assert_eq!(world.ended(client), Some(End::Close));
        world.assert_quiet();
    }
}

#[test]
fn a_silent_target_gets_a_504_and_a_stuck_one_a_broken_body() {
    let mut world = World::new(1);
    let client = world.client();
    world.send(client, GET);
    let target = world.target();
    world.sleep(MINUTE_MS + 1);
    assert_eq!(status_of(&world.sent(client)), 504);
    assert_eq!((world.logged(25), world.ended(target)), ("TargetTimeout".into(), Some(End::Reset)));
    assert_eq!(world.listener_totals().elb_504, 1);
    world.send(client, GET);
    let target = world.target();
    world.send(target, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc");
    world.sleep(MINUTE_MS + 1);
    assert_eq!(world.ended(client), Some(End::Close));
    assert_eq!(world.listener_totals().broken, 1);
    world.assert_quiet();
}

#[test]
fn a_stream_that_keeps_moving_never_times_out() {
    let mut world = World::new(1);
    let client = world.client();
    world.send(client, GET);
    let target = world.target();
    world.send(target, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    for _ in 0..10 {
        world.sleep(MINUTE_MS - 1);
        world.send(target, "1\r\nx\r\n");
    }
    assert_eq!((world.ended(client), world.ended(target)), (None, None));
}

#[test]
fn a_client_that_does_not_read_is_given_up() {
    let mut world = World::new(1);
    let client = world.client();
    world.send(client, GET);
    let target = world.target();
    world.net.line(client).room = Some(5);
    world.send(target, "HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\nabc");
    world.sleep(MINUTE_MS + 1);
    assert_eq!((world.ended(client), world.ended(target)), (Some(End::Reset), Some(End::Reset)));
    assert_eq!(world.logged(25), "ClientStalled");
    world.assert_quiet();
}

/// A socket has room again only when much of its buffer is empty: slow is not stalled.
#[test]
fn who_reads_slowly_is_not_given_up_on_either_side() {
    let mut world = World::new(1);
    let client = world.client();
    world.send(client, GET);
    let target = world.target();
    world.net.line(client).room = Some(5);
    world.send(target, "HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\nabc");
    for unsent in [9_000, 8_000, 7_000] {
        world.net.line(client).unsent = Some(unsent);
        world.sleep(MINUTE_MS + 1);
        assert_eq!((world.ended(client), world.ended(target)), (None, None));
    }
    world.sleep(MINUTE_MS + 1);
    assert_eq!(world.ended(client), Some(End::Reset), "nothing moved any more");
    assert_eq!(world.logged(25), "ClientStalled");

    let mut world = World::new(1);
    let client = world.client();
    world.send(client, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 900\r\n\r\n");
    let target = world.target();
    world.net.line(target).room = Some(5);
    world.send(client, "b".repeat(800));
    for unsent in [9_000, 8_000] {
        world.net.line(target).unsent = Some(unsent);
        world.sleep(MINUTE_MS + 1);
        assert_eq!((world.ended(client), world.ended(target)), (None, None));
    }
    world.sleep(MINUTE_MS + 1);
    assert_eq!(status_of(&world.sent(client)), 504);
    world.assert_quiet();
}

#[test]
fn a_connection_that_takes_too_long_is_a_504_or_somebody_elses() {
    let mut world = World::new(1);
    world.net.silent.push(target_address(1));
    let client = world.client();
    world.send(client, GET);
    world.sleep(9_999);
    assert_eq!(world.sent(client), "");
    world.sleep(2);
    assert_eq!(status_of(&world.sent(client)), 504);
    assert_eq!(world.logged(25), "TargetConnectTimeout");
    let mut world = World::new(2);
    world.net.silent.push(target_address(1));
    for _ in 0..2 {
        let client = world.client();
        world.send(client, GET);
        world.sleep(10_001);
        let target = world.target();
        world.send(target, OK);
        assert_eq!(status_of(&world.sent(client)), 200);
    }
    world.assert_quiet();
}

// spec: alb §1.4 Timers
#[test]
fn client_keep_alive_ends_with_one_more_response() {
    let mut world = World::tuned(1, |_, lb| lb.client_keep_alive_ms = 5_000);
    let client = world.client();
    world.send(client, GET);
    let target = world.target();
    world.send(target, OK);
    assert!(world.sent(client).contains("Connection: keep-alive"));
    world.sleep(5_001);
    assert_eq!(world.ended(client), None, "still accepts one");
    world.send(client, GET);
    world.send(target, OK);
    assert!(world.sent(client).contains("Connection: close"));
    assert_eq!(world.ended(client), Some(End::Close));
}

#[test]
fn a_shorter_idle_timeout_holds_from_the_next_request() {
    let mut world = World::new(1);
    let client = world.client();
    let mut builder = SnapshotBuilder::new(1);
    let group = builder.group(&[target_address(1)], |_| {});
    let action = RoutingPlan::Forward(Weighted::new([(group, 1)]));
    let cell = world.snapshot.listener(world.listener).unwrap().cell.clone();
    builder.listener(
        LISTEN.parse().unwrap(),
        vec![RulePlan::new(Priority::Default, &[], action)],
        |plan, lb| {
            plan.cell = cell;
            lb.idle_timeout_ms = 1_000;
        },
    );
    world.publish(builder.build());
    world.send(client, GET);
    world.sleep(1_001);
    assert_eq!(status_of(&world.sent(client)), 504);
}

/// A kept connection was opened under the old timeout; using it again takes the new one over.
#[test]
fn a_lowered_idle_timeout_reaches_kept_connections_of_targets() {
    let mut world = World::new(1);
    let client = world.client();
    world.send(client, GET);
    let target = world.target();
    world.send(target, OK);
    let mut builder = SnapshotBuilder::after(&world.snapshot, 1);
    builder.remove_listener(world.listener);
    let action = RoutingPlan::Forward(Weighted::new([(world.group, 1)]));
    let rules = vec![RulePlan::new(Priority::Default, &[], action)];
    builder.listener(LISTEN.parse().unwrap(), rules, |_, lb| lb.idle_timeout_ms = 1_000);
    world.publish(builder.build());
    let client = world.client();
    world.send(client, GET);
    world.send(target, OK);
    assert_eq!(world.targets().len(), 1, "the kept connection was used again");
    world.sleep(1_001);
    assert!(world.ended(target).is_some(), "closed at the new timeout, not at the old one");
}

/// The timer of the connection attempt must not stand in for a shorter one.
#[test]
fn an_idle_connection_of_a_target_is_closed_at_a_short_timeout_too() {
    let mut world = World::tuned(1, |_, lb| lb.idle_timeout_ms = 2_000);
    let client = world.client();
    world.send(client, GET);
    let target = world.target();
    world.sleep(500);
    world.send(target, OK);
    world.sleep(1_999);
    assert_eq!(world.ended(target), None);
    world.sleep(2);
    assert_eq!(world.ended(target), Some(End::Close));
}

#[test]
fn a_deleted_listener_ends_idle_connections_and_lets_the_others_finish() {
    let mut world = World::new(1);
    let (idle, busy) = (world.client(), world.client());
    world.send(busy, GET);
    let target = world.target();
    let mut builder = SnapshotBuilder::after(&world.snapshot, 1);
    builder.remove_listener(world.listener);
    let after = builder.build();
    world.engine.handle_snapshot(&mut world.net, Arc::new(after), world.now);
    assert_eq!((world.ended(idle), world.ended(busy)), (Some(End::Close), None));
    world.send(target, OK);
    assert!(world.sent(busy).contains("Connection: close\r\n"));
    assert_eq!(world.ended(busy), Some(End::Close));
    let late = world.client();
    assert_eq!(world.ended(late), Some(End::Reset));
    world.assert_quiet();
}

// spec: alb §4.7 Deregistration delay
#[test]
fn draining_lets_requests_finish_and_the_end_of_the_delay_cuts_them() {
    for responding in [false, true] {
        let mut world = World::new(2);
        let client = world.client();
        world.send(client, GET);
        let target = world.target();
        let to = world.net.line(target).to.unwrap();
        if responding {
            world.send(target, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc");
        }
        let mut builder = SnapshotBuilder::after(&world.snapshot, 1);
        builder.drain_target(world.group, to);
        world.publish(builder.build());
        assert_eq!(world.ended(target), None, "in flight: goes on");
        let other = world.client();
        world.send(other, GET);
        let newest = *world.targets().last().unwrap();
        assert_ne!(world.net.line(newest).to, Some(to), "no new requests");
        let old = world.snapshot.clone();
        let mut builder = SnapshotBuilder::after(&old, 1);
        builder.remove_target(world.group, to);
        world.publish(builder.build());
        assert_eq!(world.ended(target), Some(End::Reset));
        if responding {
            assert_eq!(world.ended(client), Some(End::Close), "visibly broken");
        } else {
            assert_eq!(status_of(&world.sent(client)), 502);
        }
        assert_eq!(world.logged(25), "TargetDeregistered");
    }
}

#[test]
fn pools_of_leaving_targets_are_closed_and_no_others() {
    let mut world = World::new(2);
    for _ in 0..2 {
        let client = world.client();
        world.send(client, GET);
        let target = *world.targets().last().unwrap();
        world.send(target, OK);
    }
    let [first, second] = world.targets()[..] else { panic!("two targets") };
    let to = world.net.line(first).to.unwrap();
    let mut builder = SnapshotBuilder::after(&world.snapshot, 1);
    builder.drain_target(world.group, to);
    world.publish(builder.build());
    assert_eq!((world.ended(first), world.ended(second)), (Some(End::Close), None));
}

#[test]
fn an_exchange_keeps_its_world_and_lets_it_go() {
    let mut world = World::new(1);
    let client = world.client();
    world.send(client, GET);
    let target = world.target();
    let old = Arc::downgrade(&world.snapshot);
    let after = SnapshotBuilder::after(&world.snapshot, 1).build();
    world.publish(after);
    assert!(old.upgrade().is_some(), "pinned");
    world.send(target, OK);
    assert!(old.upgrade().is_none(), "nothing holds it any more");
}

#[test]
fn security_groups_are_asked_and_denials_are_counted() {
    let mut world = World::tuned(1, |_, lb| lb.ingress = Ingress::default());
    let (local, peer) = (LISTEN.parse().unwrap(), "192.0.2.9:1".parse().unwrap());
    assert!(!world.engine.admits(local, peer));
    assert_eq!(world.listener_totals().denied, 1);
    world = World::new(1);
    assert!(world.engine.admits(local, peer));
    assert!(!world.engine.admits("127.0.0.2:80".parse().unwrap(), peer), "nothing listens there");
}

#[test]
fn draining_the_thread_closes_what_is_idle() {
    let mut world = World::new(1);
    let (idle, busy) = (world.client(), world.client());
    world.send(busy, GET);
    let target = world.target();
    world.engine.handle_drain(&mut world.net, world.now);
    assert_eq!((world.ended(idle), world.ended(busy)), (Some(End::Close), None));
    world.send(target, OK);
    assert!(world.sent(busy).contains("Connection: close\r\n"));
    assert_eq!(world.engine.connections(), (0, 0));
}

#[test]
fn idle_connections_hold_no_buffer() {
    let mut world = World::new(1);
    let clients: Vec<_> = (0..100).map(|_| world.client()).collect();
    for &client in &clients {
        world.step = 7;
        world.send(client, GET);
        let target = *world.targets().last().unwrap();
        world.send(target, OK);
    }
    assert_eq!(world.engine.held_bytes(), 0);
    assert_eq!(world.engine.in_flight(), 0);
}
