//! Selection against hand-built groups.

use std::sync::Arc;

use super::*;
use crate::resource::target_group::HealthCheckProtocol;
use crate::resource::{HealthCheck, HealthCheckPort, LoadBalancerArn, TargetGroupArn};
use crate::snapshot::{GroupCell, GroupSlot, TargetCell, TargetKey};
use crate::traffic::health::{Failure, Verdict};

fn target(uid: u64, zone: Option<&str>) -> TargetPlan {
    let address = format!("127.0.0.{uid}:80").parse().ok();
    TargetPlan {
        key: TargetKey { id: format!("127.0.0.{uid}"), port: 80 },
        address,
        health_address: address,
        zone: zone.map(ZoneName::new),
        draining: false,
        invalid: None,
        cell: Arc::new(TargetCell::new(uid, 1)),
    }
}

fn group(targets: Vec<TargetPlan>) -> GroupPlan {
    GroupPlan {
        arn: TargetGroupArn::new("tg"),
        slot: GroupSlot(0),
        version: 1,
        algorithm: Algorithm::RoundRobin,
        zonal: false,
        min_healthy_count: 1,
        min_healthy_percent: None,
        health_check: Arc::new(HealthCheck {
            enabled: true,
            protocol: HealthCheckProtocol::Http,
            port: HealthCheckPort::TrafficPort,
            path: "/".into(),
            interval_s: 30,
            timeout_s: 5,
            healthy_threshold: 5,
            unhealthy_threshold: 2,
            matcher: "200".into(),
        }),
        used_by: vec![LoadBalancerArn::new("lb")],
        enabled_zones: vec![ZoneName::new("a"), ZoneName::new("b")],
        targets: targets.into_iter().map(Arc::new).collect(),
        cell: Arc::new(GroupCell::new()),
    }
}

fn uids(group: &GroupPlan, zone: Option<&str>, rounds: usize) -> Vec<u64> {
    let mut eligible = Eligible::default();
    let (zone, mut rng) = (zone.map(ZoneName::new), Rng::new(1));
    eligible.refresh(group, zone.as_ref());
    let mut out: Vec<u64> = (0..rounds)
        .filter_map(|_| eligible.pick(group, &mut rng, &[]).map(|p| p.target.cell.uid))
        .collect();
    out.sort_unstable();
    out
}

#[test]
fn nobody_registered_is_nobody() {
    assert_eq!(uids(&group(vec![]), None, 3), Vec::<u64>::new());
}

#[test]
fn unhealthy_targets_are_skipped_until_all_are() {
    let group = group(vec![target(1, None), target(2, None)]);
    group.targets[0].cell.judge(Verdict::Healthy);
    group.targets[1].cell.judge(Verdict::Unhealthy(Failure::Timeout));
    assert_eq!(uids(&group, None, 4), [1, 1, 1, 1]);
    group.targets[0].cell.judge(Verdict::Unhealthy(Failure::Timeout));
    group.cell.touch();
    assert_eq!(uids(&group, None, 4), [1, 1, 2, 2], "fails open to all");
}

#[test]
fn initial_targets_get_traffic_only_while_nobody_is_healthy() {
    let group = group(vec![target(1, None), target(2, None)]);
    assert_eq!(uids(&group, None, 2), [1, 2]);
    group.targets[1].cell.judge(Verdict::Healthy);
    group.cell.touch();
    assert_eq!(uids(&group, None, 2), [2, 2]);
}

#[test]
fn an_ejected_target_is_avoided_but_never_below_one() {
    let group = group(vec![target(1, None), target(2, None)]);
    for target in &group.targets {
        target.cell.judge(Verdict::Healthy);
    }
    group.targets[0].cell.eject();
    group.cell.touch();
    assert_eq!(uids(&group, None, 3), [2, 2, 2]);
    group.targets[1].cell.eject();
    group.cell.touch();
    assert_eq!(uids(&group, None, 2), [1, 2]);
}

#[test]
fn thresholds_by_count_and_by_share() {
    let mut group = group((1..=4).map(|uid| target(uid, None)).collect());
    group.targets[0].cell.judge(Verdict::Healthy);
    group.min_healthy_count = 2;
    assert_eq!(uids(&group, None, 4), [1, 2, 3, 4]);
    (group.min_healthy_count, group.min_healthy_percent) = (1, Some(50));
    assert_eq!(uids(&group, None, 4), [1, 2, 3, 4]);
    group.min_healthy_percent = Some(25);
    assert_eq!(uids(&group, None, 2), [1, 1]);
}

#[test]
fn zonal_groups_stay_in_their_zone() {
    let mut group = group(vec![target(1, Some("a")), target(2, Some("b")), target(3, Some("c"))]);
    assert_eq!(uids(&group, Some("a"), 4), [1, 1, 2, 2], "zone c is not enabled");
    group.zonal = true;
    assert_eq!(uids(&group, Some("b"), 2), [2, 2]);
    assert_eq!(uids(&group, Some("d"), 2), Vec::<u64>::new());
}

#[test]
fn least_outstanding_prefers_the_idle() {
    let mut group = group(vec![target(1, None), target(2, None)]);
    group.algorithm = Algorithm::LeastOutstandingRequests;
    let _busy = group.targets[0].cell.enter();
    assert_eq!(uids(&group, None, 3), [2, 2, 2]);
}

#[test]
fn a_retry_avoids_who_failed() {
    let group = group(vec![target(1, None), target(2, None)]);
    let (mut eligible, mut rng) = (Eligible::default(), Rng::new(1));
    eligible.refresh(&group, None);
    for _ in 0..4 {
        assert_eq!(eligible.pick(&group, &mut rng, &[1]).unwrap().target.cell.uid, 2);
    }
    assert!(eligible.pick(&group, &mut rng, &[1, 2]).is_none());
}

#[test]
fn a_stale_cache_is_worked_out_again() {
    let group = group(vec![target(1, None)]);
    let mut eligible = Eligible::default();
    eligible.refresh(&group, None);
    assert_eq!(eligible.mode, Mode::FailOpen);
    group.targets[0].cell.judge(Verdict::Healthy);
    eligible.refresh(&group, None);
    assert_eq!(eligible.mode, Mode::FailOpen, "not touched yet");
    group.cell.touch();
    eligible.refresh(&group, None);
    assert_eq!(eligible.mode, Mode::Healthy);
}
