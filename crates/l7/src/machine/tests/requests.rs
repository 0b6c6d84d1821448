//! What a target receives, however the request comes in.

use weir_core::resource::{Condition, Priority, Redirect, Transform, TransformKind};
use weir_core::snapshot::{DesyncMode, XffMode};
use weir_core::traffic::redirect::RedirectPlan;
use weir_core::traffic::route::{FixedPlan, RoutingPlan, RulePlan};

use super::*;

#[test]
fn a_get_arrives_with_the_forwarded_headers_and_its_answer_returns() {
    for step in 1..=GET.len() {
        let mut world = World::new(1);
        world.step = step;
        let client = world.client();
        world.send(client, GET);
        let target = world.target();
        let head = world.sent(target);
        let (before, trace) = head.split_once("X-Amzn-Trace-Id: Root=1-67748580-").unwrap();
        assert_eq!(
            before,
            "GET /a?b=1 HTTP/1.1\r\nX-Forwarded-For: 192.0.2.9\r\nX-Forwarded-Proto: http\r\n\
             X-Forwarded-Port: 80\r\nHost: example.com\r\n",
            "in steps of {step}"
        );
        assert_eq!(&trace[24..], "\r\nUser-Agent: t\r\n\r\n");
        world.send(target, OK);
        assert_eq!(
            world.sent(client),
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nServer: t\r\nConnection: keep-alive\r\n\r\n\
             hello"
        );
        world.assert_quiet();
        assert_eq!(world.engine.connections(), (2, 1), "kept alive on both sides");
    }
}

#[test]
fn connections_are_used_again_in_both_directions() {
    let mut world = World::new(1);
    for _ in 0..3 {
        let client = world.client();
        for _ in 0..3 {
            world.send(client, GET);
            let target = world.target();
            assert!(world.sent(target).starts_with("GET /a?b=1"));
            world.send(target, OK);
            assert_eq!(status_of(&world.sent(client)), 200);
        }
    }
    assert_eq!(world.targets().len(), 1);
    let totals = world.target_totals(1);
    assert_eq!((totals.requests, totals.connections, totals.code_2xx), (9, 1, 9));
    let listener = world.listener_totals();
    assert_eq!((listener.requests, listener.connections), (9, 3));
    world.assert_quiet();
}

#[test]
fn pipelined_requests_are_answered_strictly_in_order() {
    let three = "GET /1 HTTP/1.1\r\nHost: h\r\n\r\nPOST /2 HTTP/1.1\r\nHost: h\r\n\
                 Content-Length: 3\r\n\r\nabcGET /3 HTTP/1.1\r\nHost: h\r\n\r\n";
    for step in 1..=three.len() {
        let mut world = World::new(1);
        world.step = step;
        let client = world.client();
        world.send(client, three);
        for (number, body) in [(1, ""), (2, "abc"), (3, "")] {
            let target = world.target();
            let sent = world.sent(target);
            assert!(sent.contains(&format!(" /{number} HTTP/1.1\r\n")), "{step}: {sent}");
            assert!(sent.ends_with(&format!("\r\n\r\n{body}")), "{step}: {sent}");
            assert_eq!(sent.matches("HTTP/1.1").count(), 1, "one at a time");
            world.send(target, OK);
            assert_eq!(world.sent(client).matches("200 OK").count(), 1);
        }
        world.assert_quiet();
    }
}

#[test]
fn bodies_pass_with_their_own_framing_at_every_split() {
    let cases = [
        ("Content-Length: 11\r\n", "hello world"),
        ("Transfer-Encoding: chunked\r\n", "6;x=y\r\nhello \r\n5\r\nworld\r\n0\r\nT: 1\r\n\r\n"),
        ("Transfer-Encoding: chunked\r\n", "0\r\n\r\n"),
        ("Content-Length: 0\r\n", ""),
    ];
    for (header, body) in cases {
        let request = format!("POST /p HTTP/1.1\r\nHost: h\r\n{header}\r\n{body}");
        for step in 1..=request.len() {
            let mut world = World::new(1);
            world.step = step;
            let client = world.client();
            world.send(client, &request);
            let target = world.target();
            let sent = world.sent(target);
            let (head, received) = sent.split_once("\r\n\r\n").unwrap();
            assert!(format!("{head}\r\n").contains(header), "{head}");
            assert_eq!(received, body);
            world.send(target, OK);
            assert_eq!(status_of(&world.sent(client)), 200);
            world.assert_quiet();
        }
    }
}

#[test]
fn a_client_that_expects_is_told_to_continue_at_once() {
    let mut world = World::new(1);
    world.net.silent.push(target_address(1));
    let client = world.client();
    world.send(
        client,
        "PUT /x HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n",
    );
    assert_eq!(world.sent(client), "HTTP/1.1 100 Continue\r\n\r\n", "no target was asked");
    world.net.silent.clear();
    world.run();
    world.send(client, "ok");
    let target = world.target();
    let sent = world.sent(target);
    assert!(!sent.contains("Expect") && sent.ends_with("\r\n\r\nok"), "{sent}");
    world.send(target, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n");
    assert_eq!(world.sent(client), "HTTP/1.1 204 No Content\r\nConnection: keep-alive\r\n\r\n");
}

#[test]
fn hop_by_hop_and_named_headers_stay_here() {
    let mut world = World::new(1);
    let client = world.client();
    world.send(
        client,
        "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, X-Mine, keep-alive\r\n\
         Upgrade: websocket\r\nX-Mine: 1\r\nKeep-Alive: 5\r\nTE: trailers\r\nX-Other: 2\r\n\
         X-Forwarded-Proto: https\r\nX-Forwarded-Port: 1\r\nX-Forwarded-For: 1.1.1.1\r\n\r\n",
    );
    let target = world.target();
    let sent = world.sent(target);
    for gone in ["Upgrade", "X-Mine", "Keep-Alive", "TE:", "Connection", "https"] {
        assert!(!sent.contains(gone), "{gone} in {sent}");
    }
    assert!(sent.contains("X-Other: 2\r\n"));
    assert!(sent.contains("X-Forwarded-For: 1.1.1.1, 192.0.2.9\r\n"));
}

// spec: alb §3.2 `X-Forwarded-For`
#[test]
fn load_balancer_attributes_shape_the_head() {
    let mut world = World::tuned(1, |_, load_balancer| {
        load_balancer.preserve_host = true;
        load_balancer.xff_mode = XffMode::Remove;
        load_balancer.drop_invalid_headers = true;
    });
    let client = world.client();
    world.send(client, "GET http://Other/x HTTP/1.1\r\nHost: Mine:1\r\nX_Bad: 1\r\n\r\n");
    let target = world.target();
    let sent = world.sent(target);
    assert!(sent.starts_with("GET /x HTTP/1.1\r\n"), "{sent}");
    assert!(sent.contains("\r\nHost: Mine:1\r\n"));
    assert!(!sent.contains("X_Bad") && !sent.contains("X-Forwarded-For"));
    assert_eq!(world.listener_totals().dropped_headers, 1);
}

// spec: alb §3.9 Desync mitigation
#[test]
fn ambiguous_requests_are_written_anew_and_isolated() {
    let mut world = World::new(1);
    let client = world.client();
    world.send(
        client,
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99\r\nTransfer-Encoding: chunked\r\n\r\n\
         1\r\nx\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n",
    );
    let target = world.target();
    let sent = world.sent(target);
    assert!(!sent.contains("Content-Length"), "{sent}");
    assert!(
        sent.contains("Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n1\r\nx\r\n0\r\n")
    );
    world.send(target, OK);
    let answer = world.sent(client);
    assert!(answer.contains("Connection: close\r\n"), "{answer}");
    assert_eq!(world.ended(target), Some(End::Close));
    assert_eq!(world.ended(client), Some(End::Close));
    assert_eq!(world.targets().len(), 1, "the smuggled request went nowhere");
    assert_eq!(
        (world.logged(28), world.logged(29)),
        ("Ambiguous".into(), "BothTeClPresent".into())
    );
    assert_eq!(world.listener_totals().noncompliant, 1);
}

// spec: alb §10.1 Status codes and causes
#[test]
fn refused_requests_get_their_status() {
    let many = vec!["1.1.1.1"; 31].join(",");
    let long = "x".repeat(17_000);
    let cases = [
        (405, "TRACE / HTTP/1.1\r\nHost: h\r\n\r\n".to_owned()),
        (405, "CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n".to_owned()),
        (400, "GET / HTTP/1.1\r\n\r\n".to_owned()),
        (400, "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n".to_owned()),
        (400, "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n".into()),
        (501, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n".to_owned()),
        (463, format!("GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: {many}\r\n\r\n")),
        (505, "PRI * HTTP/2.0\r\n\r\n".to_owned()),
        (414, format!("GET /{long} HTTP/1.1\r\n")),
        (400, format!("GET / HTTP/1.1\r\nHost: h\r\nX: {long}\r\n\r\n")),
        (400, "\x16\x03\x01\x02\x00".to_owned()),
    ];
    for (status, request) in cases {
        let mut world = World::new(1);
        let client = world.client();
        world.send(client, &request);
        let answer = world.sent(client);
        assert_eq!(status_of(&answer), status, "{:?}", &request[..20.min(request.len())]);
        assert!(answer.contains("Server: awselb/2.0\r\n"));
        assert_eq!(world.logged(9), status.to_string());
        assert_eq!(world.logged(11), request.len().to_string());
        assert_ne!(world.logged(25), "-", "every error has a named cause");
        assert!(world.targets().is_empty());
        world.assert_quiet();
    }
    let mut world = World::new(1);
    let client = world.client();
    world.send(client, "\x16\x03\x01");
    assert!(world.logged(13).starts_with("- http://"), "{}", world.logged(13));
    assert!(world.logged(13).ends_with(":80- -"), "{}", world.logged(13));
}

#[test]
fn a_refused_method_keeps_the_connection_in_step() {
    let mut world = World::new(1);
    let client = world.client();
    world.send(
        client,
        "TRACE / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabcTRACE / HTTP/1.1\r\nHost: h\r\n\
         Content-Length: 3\r\n\r\n",
    );
    assert_eq!(world.sent(client).matches("HTTP/1.1 405 ").count(), 2);
    world.send(client, format!("ab{}{GET}", "c"));
    assert!(world.sent(world.target()).starts_with("GET /a"), "behind the skipped body");
    assert_eq!(world.ended(client), None);
}

/// Where the next request begins is not known, so nothing behind it may be read as one.
#[test]
fn a_refused_method_with_an_undecidable_length_costs_the_connection() {
    let many = format!("X-Forwarded-For: {}1.1.1.1\r\n", "1.1.1.1,".repeat(31));
    for mode in [DesyncMode::Monitor, DesyncMode::Defensive, DesyncMode::Strictest] {
        for (line, extra) in [("TRACE / HTTP/1.1", ""), ("POST / HTTP/1.1", many.as_str())] {
            for lengths in [
                "Content-Length: 5\r\nContent-Length: 6\r\n",
                "Content-Length: 5x\r\n",
                "Transfer-Encoding: xx\r\n",
            ] {
                let mut world = World::tuned(1, |_, lb| lb.desync_mode = mode);
                let client = world.client();
                world.send(client, format!("{line}\r\nHost: h\r\n{extra}{lengths}\r\n{GET}"));
                let sent = world.sent(client);
                assert!(matches!(status_of(&sent), 400 | 501), "{lengths}: {sent}");
                assert!(sent.contains("Connection: close"), "{sent}");
                assert_eq!((sent.matches("HTTP/1.1 ").count(), world.targets().len()), (1, 0));
            }
        }
    }
    let mut world = World::new(1);
    let client = world.client();
    let both = "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    world.send(client, format!("TRACE / HTTP/1.1\r\nHost: h\r\n{both}{GET}"));
    let sent = world.sent(client);
    assert!(sent.starts_with("HTTP/1.1 405 ") && sent.contains("Connection: close"), "{sent}");
    assert_eq!((world.targets().len(), world.logged(29).as_str()), (0, "BothTeClPresent"));
}

#[test]
fn monitor_mode_lets_pass_what_can_be_written_safely() {
    let mut world = World::tuned(1, |_, lb| lb.desync_mode = DesyncMode::Monitor);
    let client = world.client();
    world.send(client, "GET /a b\x01 HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n");
    let sent = world.sent(world.target());
    assert!(sent.starts_with("GET /a%20b%01 HTTP/1.1\r\n"), "{sent}");
    let mut world = World::tuned(1, |_, lb| lb.desync_mode = DesyncMode::Strictest);
    let client = world.client();
    world.send(client, "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(status_of(&world.sent(client)), 400);
}

fn fixed(body: &str) -> RoutingPlan {
    let content_type = Some("text/plain; charset=utf-8".to_owned());
    RoutingPlan::Fixed(FixedPlan { status: 404, content_type, body: body.into() })
}

#[test]
fn fixed_responses_and_redirects_answer_without_a_target() {
    let path = |p: &str| Condition::PathPattern { values: vec![p.into()], regexes: vec![] };
    let redirect = RedirectPlan::new(&Redirect {
        protocol: "HTTPS".into(),
        host: "#{host}".into(),
        port: "443".into(),
        path: "/#{path}".into(),
        query: "#{query}".into(),
        status: 301,
    });
    let rules = vec![
        RulePlan::new(Priority::Number(5), &[path("/old/*")], RoutingPlan::Redirect(redirect)),
        RulePlan::new(Priority::Default, &[], fixed("gone")),
    ];
    let mut world = World::with_rules(0, rules, |_, _| {});
    let client = world.client();
    world.send(
        client,
        "GET /old/x?y HTTP/1.1\r\nHost: Ex.com\r\n\r\nHEAD / HTTP/1.1\r\nHost: h\r\n\r\n",
    );
    assert_eq!(
        world.sent(client),
        "HTTP/1.1 301 Moved Permanently\r\nServer: awselb/2.0\r\n\
         Date: Wed, 01 Jan 2025 00:00:00 GMT\r\nContent-Type: text/html\r\nContent-Length: 134\r\n\
         Connection: keep-alive\r\nLocation: https://ex.com:443/old/x?y\r\n\r\n\
         <html>\r\n<head><title>301 Moved Permanently</title></head>\r\n<body>\r\n\
         <center><h1>301 Moved Permanently</h1></center>\r\n</body>\r\n</html>\r\n\
         HTTP/1.1 404 Not Found\r\nServer: awselb/2.0\r\nDate: Wed, 01 Jan 2025 00:00:00 GMT\r\n\
         Content-Type: text/plain; charset=utf-8\r\nContent-Length: 4\r\n\
         Connection: keep-alive\r\n\r\n"
    );
    let totals = world.listener_totals();
    assert_eq!((totals.redirects, totals.fixed_responses), (1, 1));
    let redirected = fields(&world.net.records[0].1);
    assert_eq!(redirected[23], "https://ex.com:443/old/x?y");
    assert_eq!((redirected[20].as_str(), redirected[22].as_str()), ("5", "redirect"));
    assert_eq!(world.logged(21), "0");
}

#[test]
fn what_is_logged_about_a_forwarded_request() {
    let mut world = World::new(1);
    let client = world.client();
    world.send(client, GET);
    let target = world.target();
    let head = world.sent(target);
    world.sleep(20);
    world.send(target, OK);
    let sent = world.sent(client).len();
    assert_eq!(world.net.records.len(), 1);
    let line = fields(&world.net.records[0].1);
    assert_eq!(line.len(), 33);
    assert_eq!(&line[2..5], ["app/lb0/1", "192.0.2.9:5000", "10.0.0.1:8080"]);
    assert_eq!(&line[5..10], ["0.000", "0.020", "0.000", "200", "200"]);
    assert_eq!(line[10], GET.len().to_string());
    assert_eq!(line[11], sent.to_string());
    assert_eq!(line[12], "GET http://Example.com:80/a?b=1 HTTP/1.1");
    assert_eq!(line[13], "t");
    assert!(head.contains(&format!("X-Amzn-Trace-Id: {}\r\n", line[17])));
    assert_eq!((line[22].as_str(), line[24].as_str()), ("forward", "-"));
}

#[test]
fn a_request_without_a_version_is_answered_and_closed() {
    let mut world = World::new(1);
    let client = world.client();
    world.send(client, "GET /\r\n");
    let target = world.target();
    let sent = world.sent(target);
    assert!(sent.starts_with("GET / HTTP/1.1\r\n"), "{sent}");
    assert!(sent.contains("\r\nHost: lb0.us-east-1.elb.example\r\n"), "{sent}");
    world.send(target, OK);
    assert!(world.sent(client).ends_with("Connection: close\r\n\r\nhello"));
    assert_eq!(world.ended(client), Some(End::Close));
    assert_eq!(world.logged(28), "Acceptable");
}

#[test]
fn a_body_that_was_not_invited_is_not_waited_for() {
    let mut world = World::new(1);
    let client = world.client();
    world.send(
        client,
        "TRACE / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 60\r\n\r\n",
    );
    let answer = world.sent(client);
    assert_eq!(status_of(&answer), 405);
    assert!(answer.contains("Connection: close\r\n"), "body or next request? {answer}");
    world.send(client, GET);
    assert!(world.targets().is_empty());
}

fn transforming(kind: TransformKind, regex: &str, replace: &str) -> World {
    let transform = Transform { kind, regex: regex.into(), replace: replace.into() };
    let forward = RoutingPlan::Forward(Weighted::new([(GroupSlot(0), 1)]));
    let other = RoutingPlan::Forward(Weighted::new([(GroupSlot(0), 1)]));
    let products = Condition::PathPattern { values: vec!["/dp/*".into()], regexes: vec![] };
    let rule = RulePlan::new(Priority::Number(1), &[products], forward);
    let rules = vec![rule.transformed(&[transform]), RulePlan::new(Priority::Default, &[], other)];
    World::with_rules(1, rules, |_, lb| lb.preserve_host = true)
}

#[test]
fn transforms_rewrite_what_the_target_is_asked_for() {
    let mut world =
        transforming(TransformKind::UrlRewrite, "^/dp/([0-9]+)(.*)$", "/product/$1$2&x=1");
    let client = world.client();
    world.send(client, "GET /dp/12?a=b HTTP/1.1\r\nHost: Shop.example.com\r\n\r\n");
    let target = world.target();
    let head = world.sent(target);
    assert!(head.starts_with("GET /product/12?a=b&x=1 HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("Host: Shop.example.com\r\n"), "{head}");
    world.send(target, OK);
    assert_eq!(status_of(&world.sent(client)), 200);
    let logged = fields(&world.net.records[0].1);
    assert_eq!(logged[30..33], ["-", "/product/12?a=b&x=1", "TransformSuccess"]);
    assert!(logged[12].contains("/dp/12?a=b"), "the log keeps what was asked: {}", logged[12]);
    // A pattern that does not match, and a rule without transforms, change nothing.
    for line in ["GET /dp/x HTTP/1.1", "GET /other HTTP/1.1"] {
        world.send(client, format!("{line}\r\nHost: h\r\n\r\n"));
        let target = world.target();
        assert!(world.sent(target).starts_with(line));
        world.send(target, OK);
        world.sent(client);
    }
    world.assert_quiet();
}

#[test]
fn a_rewritten_host_wins_over_a_preserved_one() {
    let mut world =
        transforming(TransformKind::HostHeaderRewrite, r"^(.+)\.example\.com$", "$1.internal.test");
    let client = world.client();
    world.send(client, "GET /dp/1 HTTP/1.1\r\nHost: Shop.Example.com:80\r\n\r\n");
    let target = world.target();
    let head = world.sent(target);
    assert!(head.contains("\r\nHost: shop.internal.test\r\n"), "{head}");
    assert_eq!(head.matches("Host: ").count(), 1, "{head}");
    world.send(target, OK);
    assert_eq!(fields(&world.net.records[0].1)[30], "shop.internal.test");
}

#[test]
fn what_a_transform_makes_unsendable_is_500() {
    let mut world = transforming(TransformKind::UrlRewrite, "^/dp/", "x");
    let client = world.client();
    world.send(client, "GET /dp/1 HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(status_of(&world.sent(client)), 500);
    assert!(world.targets().is_empty());
    let logged = fields(&world.net.records[0].1);
    assert_eq!(
        (logged[24].as_str(), logged[32].as_str()),
        ("TransformFailed", "TransformInvalidPath")
    );
}
