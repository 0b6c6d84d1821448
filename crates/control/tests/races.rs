//! Calls that race with each other: what one of them is told is what it did, and an address that
//! is given up and taken again is really served.
//!
//! Invariant: each test starts its own world.
#![allow(clippy::unwrap_used)]

mod fixture;

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use fixture::{Client, World};
use weir_net::publication::{Subscriber, Wake};
use weir_net::published::Published;

/// The thread below looks by itself.
struct Nobody;

impl Wake for Nobody {
    fn wake(&self) {}
}

/// A data thread in small: takes over and gives up listening sockets as publications say.
fn data_thread(
    mut subscriber: Subscriber<Published>,
    stop: Arc<AtomicBool>,
) -> thread::JoinHandle<Vec<SocketAddr>> {
    thread::spawn(move || {
        let mut open: BTreeMap<SocketAddr, TcpListener> = BTreeMap::new();
        let mut pinned = Vec::new();
        let mut refused = Vec::new();
        while !stop.load(Ordering::Acquire) {
            let Some((epoch, published)) = subscriber.poll() else {
                thread::sleep(Duration::from_millis(1));
                continue;
            };
            open.retain(|addr, _| published.sockets.socket(*addr).is_some());
            for bound in published.sockets.iter() {
                let addr = bound.addr();
                if open.contains_key(&addr) {
                    continue;
                }
                match bound.take(0) {
                    Some(socket) => drop(open.insert(addr, socket)),
                    None => refused.push(addr),
                }
            }
            // A request that takes long: it holds the world that it began in.
            pinned.push(published);
            subscriber.ran(epoch);
        }
        refused
    })
}

fn fixed_response(lb: &str) -> [(&str, &str); 5] {
    [
        ("LoadBalancerArn", lb),
        ("Protocol", "HTTP"),
        ("Port", "8080"),
        ("DefaultActions.member.1.Type", "fixed-response"),
        ("DefaultActions.member.1.FixedResponseConfig.StatusCode", "200"),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_that_is_given_up_and_taken_again_is_served() {
    let world = World::start().await;
    let client = world.client();
    let stop = Arc::new(AtomicBool::new(false));
    let subscriber = world.authority.plane().publisher().subscribe("data-0", Arc::new(Nobody));
    let data = data_thread(subscriber, Arc::clone(&stop));
    let lb = client.load_balancer(&world, "front").await;
    for _ in 0..5 {
        let made = client.elb("CreateListener", &fixed_response(&lb)).await;
        let arn = made.ok().text("ListenerArn");
        client.elb("DeleteListener", &[("ListenerArn", &arn)]).await.ok();
    }
    // The same from several callers at once: nobody is told that the address is in use.
    let flips = (0..4).map(|_| {
        let (client, lb) = (world.client(), lb.clone());
        tokio::spawn(async move { flip(&client, &lb, 20).await })
    });
    for flip in flips.collect::<Vec<_>>() {
        flip.await.unwrap();
    }
    stop.store(true, Ordering::Release);
    assert_eq!(data.join().unwrap(), [], "published sockets that no thread could take");
    world.stop().await;
}

/// Creates and deletes the listener; the others may be quicker with either.
async fn flip(client: &Client, lb: &str, times: usize) {
    for _ in 0..times {
        let made = client.elb("CreateListener", &fixed_response(lb)).await;
        let arn = made.ok().text("ListenerArn");
        let deleted = client.elb("DeleteListener", &[("ListenerArn", &arn)]).await;
        assert!(deleted.status == 200 || deleted.body.contains("ListenerNotFound"), "{deleted:?}");
    }
}

#[tokio::test]
async fn a_call_is_told_what_it_did_although_another_undid_it() {
    let world = World::start().await;
    let client = world.client();
    let lb = client.load_balancer(&world, "front").await;
    let group = client.target_group(&world, "group").await;
    let listener = client.listener(&lb, "80", &group).await;
    let rule = [
        ("ListenerArn", listener.as_str()),
        ("Priority", "1"),
        ("Conditions.member.1.Field", "path-pattern"),
        ("Conditions.member.1.Values.member.1", "/x"),
        ("Actions.member.1.Type", "forward"),
        ("Actions.member.1.TargetGroupArn", group.as_str()),
    ];
    let vpc = world.vpc();
    let other = [("Name", "other"), ("Protocol", "HTTP"), ("Port", "1"), ("VpcId", vpc.as_str())];
    for _ in 0..20 {
        let made = client.elb("CreateRule", &rule).await;
        let arn = made.ok().text("RuleArn");
        let path = "Conditions.member.1.Values.member.1";
        let modify = [
            ("RuleArn", arn.as_str()),
            ("Conditions.member.1.Field", "path-pattern"),
            (path, "/y"),
        ];
        let delete = [("RuleArn", arn.as_str())];
        let (modified, deleted) =
            tokio::join!(client.elb("ModifyRule", &modify), client.elb("DeleteRule", &delete));
        deleted.ok();
        // Whoever came first: the rule with its new path, or no rule.
        let told = modified.status == 200 && modified.body.contains("<member>/y</member>");
        assert!(told || modified.body.contains("RuleNotFound"), "{modified:?}");

        let made = client.elb("CreateTargetGroup", &other).await;
        let arn = made.ok().text("TargetGroupArn");
        let delete = [("TargetGroupArn", arn.as_str())];
        let (again, deleted) = tokio::join!(
            client.elb("CreateTargetGroup", &other),
            client.elb("DeleteTargetGroup", &delete)
        );
        again.ok();
        deleted.ok();
        let arn = again.text("TargetGroupArn");
        client.elb("DeleteTargetGroup", &[("TargetGroupArn", &arn)]).await.ok();
    }
    world.stop().await;
}
