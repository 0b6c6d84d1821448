//! Snapshots made by hand, for tests, benches and the simulator, which have no catalog.
//!
//! Not part of the product's interface: `compile` is the only source of snapshots there.
//!
//! Invariant: what is built keeps the promises of compiled snapshots (stable slots, unique uids,
//! a new version for every changed group, a new target epoch for every removal).

use std::net::SocketAddr;
use std::sync::Arc;

use super::{
    AddressEntry, Algorithm, DesyncMode, GroupCell, GroupPlan, GroupSlot, Ingress, ListenerCell,
    ListenerPlan, ListenerSlot, LoadBalancerCell, LoadBalancerPlan, Snapshot, TargetCell,
    TargetKey, TargetPlan, XffMode,
};
use crate::resource::{
    AccountId, HealthCheck, HealthCheckPort, HealthCheckProtocol, ListenerArn, ListenerProtocol,
    LoadBalancerArn, Region, SecurityGroup, SecurityGroupId, SecurityGroupRule, Tags,
    TargetGroupArn, TrafficPeer, VpcId, ZoneName,
};
use crate::traffic::health::Verdict;
use crate::traffic::route::{RulePlan, RuleTable};

/// Builds or changes a snapshot.
#[derive(Debug)]
pub struct SnapshotBuilder {
    snapshot: Snapshot,
    threads: usize,
}

// === impl SnapshotBuilder ===

impl SnapshotBuilder {
    /// An empty world for so many data threads.
    pub fn new(threads: usize) -> Self {
        Self { snapshot: Snapshot { next_uid: 1, ..Snapshot::default() }, threads }
    }

    /// Goes on from an earlier snapshot; its cells are carried over.
    pub fn after(snapshot: &Snapshot, threads: usize) -> Self {
        Self { snapshot: snapshot.clone(), threads }
    }

    /// Adds a group with these targets, all healthy.
    pub fn group(
        &mut self,
        targets: &[SocketAddr],
        tune: impl FnOnce(&mut GroupPlan),
    ) -> GroupSlot {
        let slot = GroupSlot(self.snapshot.groups.take());
        let arn = TargetGroupArn::new(format!("{ARN}:targetgroup/g{}/1", slot.0));
        let targets = targets.iter().map(|&address| Arc::new(self.target(address))).collect();
        let mut plan = GroupPlan {
            arn: arn.clone(),
            slot,
            version: self.uid(),
            algorithm: Algorithm::RoundRobin,
            zonal: false,
            min_healthy_count: 1,
            min_healthy_percent: None,
            health_check: Arc::new(health_check()),
            used_by: vec![],
            enabled_zones: vec![ZoneName::new(ZONE)],
            targets,
            cell: Arc::new(GroupCell::new()),
        };
        tune(&mut plan);
        self.snapshot.by_group.insert(arn, slot);
        self.snapshot.groups.set(slot.0, Arc::new(plan));
        slot
    }

    /// Adds a load balancer with one listener at `address`, open to everybody.
    pub fn listener(
        &mut self,
        address: SocketAddr,
        rules: Vec<RulePlan>,
        tune: impl FnOnce(&mut ListenerPlan, &mut LoadBalancerPlan),
    ) -> ListenerSlot {
        let slot = ListenerSlot(self.snapshot.listeners.take());
        let mut load_balancer = self.load_balancer(address, slot);
        let placeholder = Arc::new(self.load_balancer(address, slot));
        let arn = ListenerArn::new(format!("{ARN}:listener/app/lb{}/1/1", slot.0));
        let mut plan = ListenerPlan {
            arn: arn.clone(),
            slot,
            load_balancer: placeholder,
            port: address.port(),
            protocol: ListenerProtocol::Http,
            rules: RuleTable::new(rules),
            response_headers: vec![],
            server_header: true,
            cell: Arc::new(ListenerCell::new(self.uid(), self.threads)),
        };
        tune(&mut plan, &mut load_balancer);
        let load_balancer = Arc::new(load_balancer);
        plan.load_balancer = Arc::clone(&load_balancer);
        self.snapshot.load_balancers.insert(load_balancer.arn.clone(), load_balancer);
        self.snapshot.by_listener.insert(arn, slot);
        self.snapshot.by_address.insert(address, AddressEntry { listener: slot, zone: 0 });
        self.snapshot.listeners.set(slot.0, Arc::new(plan));
        slot
    }

    /// Takes a listener away.
    pub fn remove_listener(&mut self, slot: ListenerSlot) {
        self.snapshot.listeners.free(slot.0);
        self.snapshot.by_address.retain(|_, entry| entry.listener != slot);
        self.snapshot.by_listener.retain(|_, listener| *listener != slot);
    }

    /// Changes a group's plan; its targets and cells stay unless `change` replaces them.
    pub fn change_group(&mut self, slot: GroupSlot, change: impl FnOnce(&mut GroupPlan)) {
        let version = self.uid();
        let Some(old) = self.snapshot.groups.get(slot.0).cloned() else { return };
        let mut plan = GroupPlan {
            arn: old.arn.clone(),
            slot,
            version,
            algorithm: old.algorithm,
            zonal: old.zonal,
            min_healthy_count: old.min_healthy_count,
            min_healthy_percent: old.min_healthy_percent,
            health_check: Arc::clone(&old.health_check),
            used_by: old.used_by.clone(),
            enabled_zones: old.enabled_zones.clone(),
            targets: old.targets.clone(),
            cell: Arc::clone(&old.cell),
        };
        change(&mut plan);
        self.snapshot.groups.set(slot.0, Arc::new(plan));
    }

    /// Marks the target at `address` as leaving: no new requests.
    pub fn drain_target(&mut self, slot: GroupSlot, address: SocketAddr) {
        self.snapshot.target_epoch += 1;
        self.change_group(slot, |group| {
            for target in &mut group.targets {
                if target.address == Some(address) {
                    *target = Arc::new(TargetPlan {
                        key: target.key.clone(),
                        address: target.address,
                        health_address: target.health_address,
                        zone: target.zone.clone(),
                        draining: true,
                        invalid: target.invalid.clone(),
                        cell: Arc::clone(&target.cell),
                    });
                }
            }
        });
    }

    /// Takes the target at `address` away and cuts what it still serves.
    pub fn remove_target(&mut self, slot: GroupSlot, address: SocketAddr) {
        self.change_group(slot, |group| {
            for gone in group.targets.iter().filter(|target| target.address == Some(address)) {
                gone.cell.cut();
            }
            group.targets.retain(|target| target.address != Some(address));
        });
        self.snapshot.target_epoch += 1;
    }

    /// Registers one more target, healthy.
    pub fn add_target(&mut self, slot: GroupSlot, address: SocketAddr) {
        let target = Arc::new(self.target(address));
        self.change_group(slot, |group| group.targets.push(target));
    }

    /// The snapshot.
    pub fn build(self) -> Snapshot {
        self.snapshot
    }

    fn target(&mut self, address: SocketAddr) -> TargetPlan {
        let cell = Arc::new(TargetCell::new(self.uid(), self.threads));
        cell.judge(Verdict::Healthy);
        TargetPlan {
            key: TargetKey { id: address.ip().to_string(), port: address.port() },
            address: Some(address),
            health_address: Some(address),
            zone: None,
            draining: false,
            invalid: None,
            cell,
        }
    }

    fn load_balancer(&mut self, address: SocketAddr, slot: ListenerSlot) -> LoadBalancerPlan {
        LoadBalancerPlan {
            arn: LoadBalancerArn::new(format!("{ARN}:loadbalancer/app/lb{}/1", slot.0)),
            log_name: format!("app/lb{}/1", slot.0),
            account: AccountId::new("123456789012"),
            region: Region::new("us-east-1"),
            dns_name: format!("lb{}.us-east-1.elb.example", slot.0),
            zones: vec![(ZoneName::new(ZONE), address.ip())],
            ingress: Ingress::compile(&[open_to_everybody()], |_| &[]),
            idle_timeout_ms: 60_000,
            client_keep_alive_ms: 3_600_000,
            desync_mode: DesyncMode::Defensive,
            drop_invalid_headers: false,
            preserve_host: false,
            xff_mode: XffMode::Append,
            xff_client_port: false,
            access_log: None,
            cell: Arc::new(LoadBalancerCell { uid: self.uid() }),
        }
    }

    fn uid(&mut self) -> u64 {
        self.snapshot.next_uid += 1;
        self.snapshot.next_uid
    }
}

const ARN: &str = "arn:aws:elasticloadbalancing:us-east-1:123456789012";
const ZONE: &str = "us-east-1a";

fn health_check() -> HealthCheck {
    HealthCheck {
        enabled: true,
        protocol: HealthCheckProtocol::Http,
        port: HealthCheckPort::TrafficPort,
        path: "/".into(),
        interval_s: 30,
        timeout_s: 5,
        healthy_threshold: 5,
        unhealthy_threshold: 2,
        matcher: "200".into(),
    }
}

fn open_to_everybody() -> SecurityGroup {
    let rule = |block: &str| SecurityGroupRule {
        id: "sgr-1".into(),
        protocol: "-1".into(),
        from_port: None,
        to_port: None,
        peer: TrafficPeer::Cidr(block.parse().expect("invariant: a literal block")),
        description: None,
        tags: Default::default(),
    };
    SecurityGroup {
        id: SecurityGroupId::new("sg-1"),
        region: Region::new("us-east-1"),
        vpc: VpcId::new("vpc-1"),
        name: "open".into(),
        description: String::new(),
        ingress: vec![rule("0.0.0.0/0"), rule("::/0")],
        egress: vec![],
        tags: Tags::new(),
    }
}
