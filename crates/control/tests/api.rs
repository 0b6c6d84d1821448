//! The API over real HTTP: envelopes, signatures, errors, limits, and the load-balancing actions.
//!
//! Invariant: each test starts its own world.
#![allow(clippy::unwrap_used)]

mod fixture;

use std::time::Duration;

use fixture::{ACCOUNT, Client, World, exchange};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use weir_core::time::Now;
use weir_wire::time::Time;

const ELB_NAMESPACE: &str = "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/";

// --- envelopes and signatures ------------------------------------------------------------------

// spec: control-plane §1.5 awsQuery wire format
#[tokio::test]
async fn a_response_is_wrapped_as_clients_insist() {
    let world = World::start().await;
    let answer = world.client().elb("DescribeLoadBalancers", &[]).await;
    answer.ok();
    let request_id = answer.header("x-amzn-requestid").unwrap();
    assert_eq!(
        answer.body,
        format!(
            "<DescribeLoadBalancersResponse xmlns=\"{ELB_NAMESPACE}\">\
             <DescribeLoadBalancersResult><LoadBalancers/></DescribeLoadBalancersResult>\
             <ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>\
             </DescribeLoadBalancersResponse>"
        )
    );
    assert_eq!(answer.header("content-type"), Some("text/xml"));
    let date = Time::parse_rfc822(answer.header("date").unwrap()).unwrap();
    let now = weir_control::clock::now().epoch_seconds();
    assert!((date.epoch_s() - now).abs() <= 2, "the Date is right");
}

#[tokio::test]
async fn void_actions_answer_an_empty_result() {
    let world = World::start().await;
    let client = world.client();
    let arn = client.target_group(&world, "web").await;
    let answer = client.elb("DeleteTargetGroup", &[("TargetGroupArn", &arn)]).await;
    answer.ok().holds("<DeleteTargetGroupResult/><ResponseMetadata><RequestId>");
}

// spec: control-plane §1.6 SigV4 verification
#[tokio::test]
async fn signatures_are_verified_before_anything_else() {
    let world = World::start().await;
    let good = world.client();
    let bad_action = "NoSuchAction";

    let wrong_secret = Client { secret: "wrong".into(), ..good.clone() };
    let answer = wrong_secret.elb(bad_action, &[]).await;
    answer.refused(403, "SignatureDoesNotMatch").holds("<Type>Sender</Type>");
    wrong_secret.ec2(bad_action, &[]).await.refused(401, "AuthFailure");

    let unknown_key = Client { key: "AKIDUNKNOWN000000000".into(), ..good.clone() };
    unknown_key.elb(bad_action, &[]).await.refused(403, "InvalidClientTokenId");

    let wrong_region = Client { region: "mars-north-1".into(), ..good.clone() };
    let answer = wrong_region.elb("DescribeLoadBalancers", &[]).await;
    answer
        .refused(403, "SignatureDoesNotMatch")
        .holds("Credential should be scoped to a valid region.");

    let served_region = Client { region: "eu-west-1".into(), ..good.clone() };
    served_region.elb("DescribeLoadBalancers", &[]).await.ok();

    let unsigned = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 43\r\n\r\n\
                     Action=DescribeVpcs&Version=2016-11-15&a=bc";
    let answer = exchange(world.address, unsigned).await;
    assert_eq!(answer.status, 401, "{}", answer.body);
    answer.holds("<Response><Errors><Error><Code>AuthFailure</Code>");
    let nothing = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    exchange(world.address, nothing).await.refused(403, "MissingAuthenticationToken");
}

#[tokio::test]
async fn a_clock_that_is_off_is_told_by_how_much() {
    let world = World::start().await;
    let good = world.client();
    let at = |minutes: i64| Client {
        now: Time::from_epoch_s(good.now.epoch_s() + minutes * 60),
        ..good.clone()
    };
    at(-10).elb("DescribeLoadBalancers", &[]).await.ok();
    at(10).elb("DescribeLoadBalancers", &[]).await.ok();
    let old = at(-20).elb("DescribeLoadBalancers", &[]).await;
    old.refused(403, "SignatureDoesNotMatch").holds("Signature expired: ");
    let early = at(20).elb("DescribeLoadBalancers", &[]).await;
    early.refused(403, "SignatureDoesNotMatch").holds("Signature not yet current: ");
    at(-20).ec2("DescribeVpcs", &[]).await.refused(400, "RequestExpired");
}

#[tokio::test]
async fn a_presigned_get_is_a_call() {
    let world = World::start().await;
    let client = world.client();
    let query = "Action=GetCallerIdentity&Version=2011-06-15";
    let answer = client.presigned("sts", query).await;
    answer.ok().holds(&format!("<Account>{ACCOUNT}</Account>"));
    answer.holds(&format!("<Arn>arn:aws:iam::{ACCOUNT}:root</Arn>"));
    let query = "Action=DescribeVpcs&Version=2016-11-15";
    client.presigned("ec2", query).await.ok().holds("<isDefault>true</isDefault>");
    let late = Client { now: Time::from_epoch_s(client.now.epoch_s() - 120), ..client };
    late.presigned("sts", query).await.refused(403, "SignatureDoesNotMatch");
}

#[tokio::test]
async fn other_services_are_told_that_they_are_not_here() {
    let world = World::start().await;
    let client = world.client();
    let answer = client.call("autoscaling", "2011-01-01", "DescribeTags", &[]).await;
    answer.refused(400, "InvalidAction").holds("'autoscaling' is not available");
    let classic =
        client.call("elasticloadbalancing", "2012-06-01", "DescribeLoadBalancers", &[]).await;
    classic.refused(400, "InvalidAction");
    let get = b"PUT / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    exchange(world.address, get).await.refused(405, "UnsupportedHttpVerb");
    let elsewhere = b"GET /elsewhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    exchange(world.address, elsewhere).await.refused(404, "UnknownOperationException");
}

// spec: control-plane §1.7 Common (unmodelled) query errors
#[tokio::test]
async fn actions_that_are_unknown_missing_or_not_built() {
    let world = World::start().await;
    let client = world.client();
    let answer = client.elb("MakeCoffee", &[]).await;
    answer
        .refused(400, "InvalidAction")
        .holds("Could not find operation MakeCoffee for version 2015-12-01");
    let answer = client.ec2("CreateFleet", &[]).await;
    answer
        .refused(400, "InvalidAction")
        .holds("The action CreateFleet is not valid for this web service.");
    client.post("elasticloadbalancing", b"Version=2015-12-01").await.refused(400, "MissingAction");
    client
        .post("elasticloadbalancing", b"Action=%zz&Version=2015-12-01")
        .await
        .refused(404, "MalformedQueryString");
}

#[tokio::test]
async fn constraints_are_told_in_awss_words() {
    let world = World::start().await;
    let client = world.client();
    let answer = client
        .elb("CreateTargetGroup", &[("Name", "x"), ("Port", "70000"), ("Protocol", "SMTP")])
        .await;
    answer
        .refused(400, "ValidationError")
        .holds("2 validation errors detected: ")
        .holds("Value 'SMTP' at 'protocol' failed to satisfy constraint: Member must satisfy enum")
        .holds("Value '70000' at 'port' failed to satisfy constraint: Member must have value less");
    let answer = client.elb("DeleteListener", &[]).await;
    answer.refused(400, "ValidationError").holds(
        "1 validation error detected: Value null at 'listenerArn' failed to satisfy constraint: \
         Member must not be null",
    );
    client.ec2("CreateSecurityGroup", &[]).await.refused(400, "MissingParameter");
    let answer = client.ec2("DescribeVpcs", &[("Colour", "red")]).await;
    answer.refused(400, "UnknownParameter");
}

// --- the server --------------------------------------------------------------------------------

#[tokio::test]
async fn a_form_of_ten_mebibytes_is_refused_and_the_server_goes_on() {
    let world = World::start().await;
    let client = world.client();
    let body = [b"Action=DescribeLoadBalancers&x=".to_vec(), vec![b'a'; 10 << 20]].concat();
    let answer = client.post("elasticloadbalancing", &body).await;
    answer.refused(413, "RequestEntityTooLarge");
    // The same without saying so beforehand.
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    let head = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let chunk = [b"10000\r\n".to_vec(), vec![b'a'; 0x10000], b"\r\n".to_vec()].concat();
    for _ in 0..20 {
        stream.write_all(&chunk).await.unwrap();
    }
    stream.write_all(b"0\r\n\r\n").await.unwrap();
    let mut received = Vec::new();
    stream.read_to_end(&mut received).await.unwrap();
    fixture::parse(&received).refused(413, "RequestEntityTooLarge");
    client.elb("DescribeLoadBalancers", &[]).await.ok();
}

#[tokio::test]
async fn who_asks_before_sending_too_much_is_not_invited() {
    let world = World::start().await;
    let head = "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\
                Content-Length: 10485760\r\n\r\n";
    let answer = exchange(world.address, head.as_bytes()).await;
    answer.refused(413, "RequestEntityTooLarge");
    assert_eq!(answer.header("connection"), Some("close"));
}

#[tokio::test]
async fn connections_that_stop_in_their_head_do_not_keep_others_out() {
    let world = World::start().await;
    let mut stuck = Vec::new();
    for _ in 0..700 {
        let mut stream = TcpStream::connect(world.address).await.unwrap();
        stream.write_all(b"POST / HTTP/1.1\r\nHos").await.unwrap();
        stuck.push(stream);
    }
    world.client().elb("DescribeLoadBalancers", &[]).await.ok();
    // The oldest gave way.
    let mut byte = [0u8; 1];
    let closed = tokio::time::timeout(Duration::from_secs(5), stuck[0].read(&mut byte)).await;
    assert!(matches!(closed.unwrap(), Ok(0) | Err(_)), "an idle connection was evicted");
}

#[tokio::test]
async fn bad_heads_are_answered_and_bounded() {
    let world = World::start().await;
    let mut many = "GET / HTTP/1.1\r\nHost: x\r\n".to_owned();
    for n in 0..200 {
        many.push_str(&format!("X-{n}: y\r\n"));
    }
    many.push_str("\r\n");
    assert_eq!(exchange(world.address, many.as_bytes()).await.status, 431);
    let long = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(100 * 1024));
    let status = exchange(world.address, long.as_bytes()).await.status;
    assert!(status == 431 || status == 414, "{status}");
    assert_eq!(exchange(world.address, b"NONSENSE\r\n\r\n").await.status, 400);
}

#[tokio::test]
async fn pages_beside_the_api() {
    let world = World::start().await;
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let health = exchange(world.address, get("/healthz").as_bytes()).await;
    assert_eq!((health.status, health.body.as_str()), (200, "ok\n"));
    let metrics = exchange(world.address, get("/metrics").as_bytes()).await;
    assert_eq!((metrics.status, metrics.body.as_str()), (200, "weir_up 1\n"));
    let head = "HEAD /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let health = exchange(world.address, head.as_bytes()).await;
    assert_eq!((health.status, health.body.as_str()), (200, ""));
}

#[tokio::test]
async fn ordinary_calls_pass_big_bodies_that_do_not_come() {
    let world = World::start().await;
    let mut slow = Vec::new();
    for _ in 0..80 {
        let mut stream = TcpStream::connect(world.address).await.unwrap();
        let head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nA";
        stream.write_all(head.as_bytes()).await.unwrap();
        slow.push(stream);
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    let client = world.client();
    let call = client.elb("DescribeLoadBalancers", &[]);
    tokio::time::timeout(Duration::from_secs(10), call).await.expect("room for it").ok();
}

#[tokio::test]
async fn a_panic_is_an_internal_failure_and_the_connection_survives() {
    fn broken_clock() -> Now {
        panic!("the clock fell off the wall")
    }
    let world = World::with_clock(broken_clock).await;
    let client = world.client();
    let body = b"Action=DescribeLoadBalancers&Version=2015-12-01";
    let head = client.signed_head("elasticloadbalancing", body).replace("close", "keep-alive");
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    for _ in 0..2 {
        stream.write_all(&[head.as_bytes(), body].concat()).await.unwrap();
        let mut received = Vec::new();
        while !received.ends_with(b"</ErrorResponse>") {
            let read = stream.read_buf(&mut received).await.unwrap();
            assert_ne!(read, 0, "the connection survives");
        }
        let answer = fixture::parse(&received);
        answer.refused(500, "InternalFailure").holds("<Type>Receiver</Type>").lacks("clock");
    }
}

#[tokio::test]
async fn a_shutdown_ends_idle_connections() {
    let world = World::start().await;
    let mut idle = TcpStream::connect(world.address).await.unwrap();
    world.client().elb("DescribeLoadBalancers", &[]).await.ok();
    world.stop().await;
    assert!(matches!(idle.read(&mut [0u8; 1]).await, Ok(0) | Err(_)));
}

#[tokio::test]
async fn a_store_that_is_down_is_service_unavailable_and_leaves_nothing() {
    let world = World::start().await;
    let client = world.client();
    let weir_store::AnyStore::Memory(memory) = world.store.as_ref() else { unreachable!() };
    memory.set_outage(Some(fixture_outage()));
    let parameters = [("Name", "web"), ("Protocol", "HTTP"), ("Port", "80")];
    let vpc = world.vpc();
    let parameters = [&parameters[..], &[("VpcId", vpc.as_str())]].concat();
    let answer = client.elb("CreateTargetGroup", &parameters).await;
    answer.refused(503, "ServiceUnavailable").holds("<Type>Receiver</Type>");
    client.elb("DescribeTargetGroups", &[]).await.ok().holds("<TargetGroups/>");
    memory.set_outage(None);
    client.elb("CreateTargetGroup", &parameters).await.ok();
}

fn fixture_outage() -> weir_store::Outage {
    weir_store::Outage::Closed
}
