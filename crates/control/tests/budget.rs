//! More listeners than descriptors: what is over the budget is recorded, says why it is not
//! carried, and is carried once there is room.
//!
//! Invariant: a full budget fails no call.
#![allow(clippy::unwrap_used, missing_docs)]

mod fixture;

use fixture::{Client, World};

/// Four sockets: two load balancers with two zones each, on one data thread.
const DESCRIPTORS: u64 = weir_net::limits::DESCRIPTORS_RESERVED + 8;

#[tokio::test]
async fn over_the_budget_a_load_balancer_is_impaired_and_carried_when_there_is_room() {
    let world = World::with_budget(DESCRIPTORS).await;
    let client = world.client();
    let mut arns = Vec::new();
    for name in ["first", "second", "third", "fourth"] {
        let arn = client.load_balancer(&world, name).await;
        listen(&client, &arn).await;
        arns.push(arn);
    }
    for (arn, code) in arns.iter().zip(["active", "active", "active_impaired", "active_impaired"]) {
        let answer = describe(&client, arn).await;
        assert!(answer.contains(&format!("<Code>{code}</Code>")), "{answer}");
        assert_eq!(answer.contains("no room for 1 more listening sockets"), code != "active");
    }
    assert_eq!(world.authority.plane().impaired().len(), 4);
    assert!(!world.authority.plane().retry(), "there is no room yet");

    client.elb("DeleteLoadBalancer", &[("LoadBalancerArn", &arns[0])]).await.ok();
    assert!(world.authority.plane().retry());
    let answer = describe(&client, &arns[2]).await;
    let other = describe(&client, &arns[3]).await;
    let active = [&answer, &other].map(|text| text.contains("<Code>active</Code>"));
    assert_eq!(active.iter().filter(|active| **active).count(), 1, "{answer} {other}");
    world.stop().await;
}

async fn listen(client: &Client, arn: &str) {
    let words = [
        ("LoadBalancerArn", arn),
        ("Protocol", "HTTP"),
        ("Port", "80"),
        ("DefaultActions.member.1.Type", "fixed-response"),
        ("DefaultActions.member.1.FixedResponseConfig.StatusCode", "200"),
    ];
    client.elb("CreateListener", &words).await.ok();
}

async fn describe(client: &Client, arn: &str) -> String {
    let words = [("LoadBalancerArns.member.1", arn)];
    client.elb("DescribeLoadBalancers", &words).await.ok().body.clone()
}
