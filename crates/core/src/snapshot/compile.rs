//! From desired state to a snapshot, touching only what changed.
//!
//! The previous snapshot is copied (vectors and maps of `Arc`s), the touched objects are rebuilt,
//! and cells are carried over by identity: a target is the same target while its group, id and
//! port stay the same.
//!
//! ```text
//!   touched keys ─▶ dirty groups ─▶ dirty load balancers ─▶ dirty listeners ─▶ addresses
//!                   (slots first)   (attributes, ingress)   (rules by slot)
//! ```
//!
//! Invariant: `compile(all keys)` and `compile(touched keys)` from the same previous snapshot give
//! plans with the same contents.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::plan::{AccessLogPlan, Algorithm, DesyncMode, ResponseHeader, XffMode};
use super::{
    AddressEntry, GroupCell, GroupPlan, GroupSlot, Ingress, ListenerCell, ListenerPlan,
    ListenerSlot, LoadBalancerCell, LoadBalancerPlan, Snapshot, TargetCell, TargetKey, TargetPlan,
};
use crate::catalog::{Catalog, ResourceKey, Revision};
use crate::resource::attribute::{self, Family};
use crate::resource::{
    AccountId, ActionKind, Instance, InstanceState, Listener, ListenerArn, LoadBalancer,
    LoadBalancerArn, Rule, Target, TargetGroup, TargetGroupArn, TargetType, ZoneName,
};
use crate::traffic::redirect::RedirectPlan;
use crate::traffic::route::{FixedPlan, RoutingPlan, RulePlan, RuleTable};
use crate::traffic::weighted::Weighted;

/// What compile has to know about the process.
#[derive(Clone, Debug)]
pub struct NodeFacts {
    /// Data threads; cells get one lane for each.
    pub threads: usize,
    /// The account, for log folders.
    pub account: AccountId,
}

/// What has to be rebuilt.
#[derive(Debug, Default)]
struct Dirty {
    groups: BTreeSet<TargetGroupArn>,
    load_balancers: BTreeSet<LoadBalancerArn>,
    listeners: BTreeSet<ListenerArn>,
    members: bool,
}

struct Compiler<'a> {
    catalog: &'a Catalog,
    node: &'a NodeFacts,
    previous: &'a Snapshot,
    next: Snapshot,
}

/// Compiles `catalog`, which stands at `revision`, reusing what `touched` does not name. `None`
/// rebuilds everything, still carrying cells over.
pub fn compile(
    catalog: &Catalog,
    revision: Revision,
    previous: &Snapshot,
    touched: Option<&BTreeSet<ResourceKey>>,
    node: &NodeFacts,
) -> Snapshot {
    let next = Snapshot { revision, ..previous.clone() };
    let mut compiler = Compiler { catalog, node, previous, next };
    let dirty = match touched {
        Some(keys) => compiler.dirty(keys),
        None => compiler.everything(),
    };
    for arn in &dirty.groups {
        compiler.group(arn);
    }
    for arn in &dirty.load_balancers {
        compiler.load_balancer(arn);
    }
    for arn in &dirty.listeners {
        compiler.listener(arn);
    }
    if dirty.members {
        compiler.members();
    }
    compiler.next
}

// === impl Compiler: what to rebuild ===

impl Compiler<'_> {
    fn everything(&self) -> Dirty {
        let (catalog, previous) = (self.catalog, self.previous);
        Dirty {
            groups: catalog
                .all_target_groups()
                .map(|g| g.arn.clone())
                .chain(previous.by_group.keys().cloned())
                .collect(),
            load_balancers: catalog
                .all_load_balancers()
                .map(|l| l.arn.clone())
                .chain(previous.load_balancers.keys().cloned())
                .collect(),
            listeners: catalog
                .all_listeners()
                .map(|l| l.arn.clone())
                .chain(previous.by_listener.keys().cloned())
                .collect(),
            members: true,
        }
    }

    fn dirty(&self, keys: &BTreeSet<ResourceKey>) -> Dirty {
        let mut dirty = Dirty::default();
        for key in keys {
            match key {
                ResourceKey::TargetGroup(arn) | ResourceKey::Registrations(arn) => {
                    dirty.groups.insert(arn.clone());
                }
                ResourceKey::LoadBalancer(arn) => self.dirty_load_balancer(arn, &mut dirty),
                ResourceKey::Listener(arn) => self.dirty_listener(arn, &mut dirty),
                ResourceKey::Rule(arn) => self.dirty_listener(&arn.listener(), &mut dirty),
                ResourceKey::SecurityGroup(id) => {
                    let users = self.catalog.all_load_balancers();
                    for lb in users.filter(|lb| lb.security_groups.contains(id)) {
                        self.dirty_load_balancer(&lb.arn, &mut dirty);
                    }
                }
                ResourceKey::Instance(id) => {
                    dirty.members = true;
                    dirty.groups.extend(self.catalog.groups_with_target(id.as_str()).cloned());
                }
                ResourceKey::Vpc(_)
                | ResourceKey::Subnet(_)
                | ResourceKey::ElasticAddress(_)
                | ResourceKey::Certificate(_)
                | ResourceKey::TrustStore(_) => {}
            }
        }
        dirty
    }

    fn dirty_load_balancer(&self, arn: &LoadBalancerArn, dirty: &mut Dirty) {
        dirty.members = true;
        dirty.load_balancers.insert(arn.clone());
        for listener in self.catalog.listeners_of(arn) {
            self.dirty_listener(&listener.arn, dirty);
        }
        let mine = |l: &&Arc<ListenerPlan>| l.load_balancer.arn == *arn;
        for plan in self.previous.listeners().filter(mine) {
            self.dirty_listener(&plan.arn, dirty);
        }
    }

    /// A listener, and the groups whose users change with it.
    fn dirty_listener(&self, arn: &ListenerArn, dirty: &mut Dirty) {
        if !dirty.listeners.insert(arn.clone()) {
            return;
        }
        // By who uses them, not by the old rules: a plan does not show groups of weight zero.
        if let Some(plan) = self.previous.listener_by_arn(arn) {
            let mine = |g: &&Arc<GroupPlan>| g.used_by.contains(&plan.load_balancer.arn);
            dirty.groups.extend(self.previous.groups().filter(mine).map(|g| g.arn.clone()));
        }
        for rule in self.catalog.rules_of(arn) {
            dirty.groups.extend(rule.actions.iter().flat_map(|a| a.groups()).cloned());
        }
    }
}

// === impl Compiler: groups and targets ===

impl Compiler<'_> {
    fn uid(&mut self) -> u64 {
        self.next.next_uid += 1;
        self.next.next_uid
    }

    fn group(&mut self, arn: &TargetGroupArn) {
        let Some(group) = self.catalog.target_group(arn) else {
            if let Some(slot) = self.next.by_group.remove(arn) {
                self.next.groups[slot.0 as usize] = None;
                self.next.target_epoch += 1;
            }
            return;
        };
        let slot = match self.next.by_group.get(arn) {
            Some(slot) => *slot,
            None => {
                let slot = GroupSlot(free_slot(&mut self.next.groups));
                self.next.by_group.insert(arn.clone(), slot);
                slot
            }
        };
        let plan = self.group_plan(group, slot);
        self.next.groups[slot.0 as usize] = Some(Arc::new(plan));
    }

    fn group_plan(&mut self, group: &TargetGroup, slot: GroupSlot) -> GroupPlan {
        let before = self.previous.group_by_arn(&group.arn).cloned();
        let version = self.uid();
        let targets = self.targets(group, before.as_deref());
        let text = |key: &str| attribute::effective(Family::TargetGroup, key, &group.attributes);
        let used_by: Vec<LoadBalancerArn> = self.catalog.load_balancers_using(&group.arn);
        let enabled_zones: BTreeSet<ZoneName> = used_by
            .iter()
            .filter_map(|arn| self.catalog.load_balancer(arn))
            .flat_map(|lb| lb.zones.iter().map(|z| z.zone.clone()))
            .collect();
        let routing = "target_group_health.unhealthy_state_routing.minimum_healthy_targets";
        GroupPlan {
            arn: group.arn.clone(),
            slot,
            version,
            algorithm: match text("load_balancing.algorithm.type") {
                "least_outstanding_requests" => Algorithm::LeastOutstandingRequests,
                "weighted_random" => Algorithm::WeightedRandom,
                _ => Algorithm::RoundRobin,
            },
            zonal: text("load_balancing.cross_zone.enabled") == "false",
            min_healthy_count: text(&format!("{routing}.count")).parse().unwrap_or(1),
            min_healthy_percent: text(&format!("{routing}.percentage")).parse().ok(),
            health_check: Arc::new(group.health_check.clone()),
            used_by,
            enabled_zones: enabled_zones.into_iter().collect(),
            targets,
            cell: before.map_or_else(|| Arc::new(GroupCell::new()), |b| Arc::clone(&b.cell)),
        }
    }

    fn targets(&mut self, group: &TargetGroup, before: Option<&GroupPlan>) -> Vec<Arc<TargetPlan>> {
        let old = before.map_or(&[][..], |b| &b.targets);
        let mut old: BTreeMap<&TargetKey, &Arc<TargetPlan>> =
            old.iter().map(|t| (&t.key, t)).collect();
        let mut plans = Vec::new();
        for target in self.catalog.targets(&group.arn) {
            let key = TargetKey { id: target.id.clone(), port: target.port };
            let kept = old.remove(&key);
            let plan = self.target(group, target, key, kept);
            if kept.is_some_and(|k| k.address != plan.address || plan.draining != k.draining) {
                self.next.target_epoch += 1;
            }
            plans.push(Arc::new(plan));
        }
        // The rest left the group: what they still carry ends now.
        // spec: alb §4.7 Deregistration delay
        for gone in old.values() {
            gone.cell.cut();
            self.next.target_epoch += 1;
        }
        plans
    }

    fn target(
        &mut self,
        group: &TargetGroup,
        target: &Target,
        key: TargetKey,
        kept: Option<&Arc<TargetPlan>>,
    ) -> TargetPlan {
        let (address, own_zone, invalid) = self.locate(group, target);
        let zone = match &target.zone {
            Some(zone) if zone.as_str() == "all" => None,
            Some(zone) => Some(zone.clone()),
            None => own_zone,
        };
        let health_port = group.health_check.port.resolve(target.port);
        let cell = match kept {
            Some(plan) => Arc::clone(&plan.cell),
            None => Arc::new(TargetCell::new(self.uid(), self.node.threads)),
        };
        TargetPlan {
            key,
            address: address.map(|ip| SocketAddr::new(ip, target.port)),
            health_address: address.map(|ip| SocketAddr::new(ip, health_port)),
            zone,
            draining: target.is_draining(),
            invalid,
            cell,
        }
    }

    /// Address, zone, and why the target cannot be used, if so.
    fn locate(
        &self,
        group: &TargetGroup,
        target: &Target,
    ) -> (Option<IpAddr>, Option<ZoneName>, Option<String>) {
        match group.target_type {
            TargetType::Ip => {
                let address: Option<IpAddr> = target.id.parse().ok();
                let zone = address.and_then(|ip| self.catalog.zone_of_address(&group.vpc, ip));
                (address, zone, None)
            }
            TargetType::Instance => match self.catalog.instance(&target.id) {
                Some(instance) => {
                    let invalid = (instance.state != InstanceState::Running)
                        .then(|| format!("Target is in the {} state", instance.state.as_str()));
                    (Some(instance.address), Some(instance.zone.clone()), invalid)
                }
                None => (None, None, Some("Target is in the terminated state".to_owned())),
            },
        }
    }
}

// === impl Compiler: load balancers, listeners, members ===

impl Compiler<'_> {
    fn load_balancer(&mut self, arn: &LoadBalancerArn) {
        let Some(lb) = self.catalog.load_balancer(arn) else {
            self.next.load_balancers.remove(arn);
            return;
        };
        let cell = match self.previous.load_balancers.get(arn) {
            Some(plan) => Arc::clone(&plan.cell),
            None => Arc::new(LoadBalancerCell { uid: self.uid() }),
        };
        let groups = lb.security_groups.iter().filter_map(|id| self.catalog.security_group(id));
        let ingress = Ingress::compile(groups);
        let plan = load_balancer_plan(lb, self.node, ingress, cell);
        self.next.load_balancers.insert(arn.clone(), Arc::new(plan));
    }

    fn listener(&mut self, arn: &ListenerArn) {
        self.forget_addresses(arn);
        let found = self.catalog.listener(arn).filter(|listener| listener.is_carried());
        let Some((listener, load_balancer)) = found.and_then(|listener| {
            Some((listener, Arc::clone(self.next.load_balancers.get(&listener.load_balancer)?)))
        }) else {
            if let Some(slot) = self.next.by_listener.remove(arn) {
                self.next.listeners[slot.0 as usize] = None;
            }
            return;
        };
        let slot = match self.next.by_listener.get(arn) {
            Some(slot) => *slot,
            None => {
                let slot = ListenerSlot(free_slot(&mut self.next.listeners));
                self.next.by_listener.insert(arn.clone(), slot);
                slot
            }
        };
        for (zone, (_, address)) in (0u8..).zip(&load_balancer.zones) {
            let entry = AddressEntry { listener: slot, zone };
            self.next.by_address.insert(SocketAddr::new(*address, listener.port), entry);
        }
        let plan = self.listener_plan(listener, slot, load_balancer);
        self.next.listeners[slot.0 as usize] = Some(Arc::new(plan));
    }

    fn forget_addresses(&mut self, arn: &ListenerArn) {
        let Some(old) = self.previous.listener_by_arn(arn) else { return };
        for (_, address) in &old.load_balancer.zones {
            let socket = SocketAddr::new(*address, old.port);
            // Another listener may have taken the address over in the same change.
            if self.next.by_address.get(&socket).is_some_and(|e| e.listener == old.slot) {
                self.next.by_address.remove(&socket);
            }
        }
    }

    fn listener_plan(
        &mut self,
        listener: &Listener,
        slot: ListenerSlot,
        load_balancer: Arc<LoadBalancerPlan>,
    ) -> ListenerPlan {
        let cell = match self.previous.listener_by_arn(&listener.arn) {
            Some(plan) => Arc::clone(&plan.cell),
            None => Arc::new(ListenerCell::new(self.uid(), self.node.threads)),
        };
        let rules = self.catalog.rules_of(&listener.arn).map(|rule| self.rule_plan(rule)).collect();
        let server = "routing.http.response.server.enabled";
        ListenerPlan {
            arn: listener.arn.clone(),
            slot,
            load_balancer,
            port: listener.port,
            protocol: listener.protocol,
            rules: RuleTable::new(rules),
            response_headers: response_headers(listener),
            server_header: attribute::effective(Family::Listener, server, &listener.attributes)
                != "false",
            cell,
        }
    }

    fn rule_plan(&self, rule: &Rule) -> RulePlan {
        let last = rule.actions.last().expect("invariant: a rule has a routing action, last");
        let action = match &last.kind {
            ActionKind::Forward(forward) => {
                let slot = |group| self.next.by_group.get(group).copied();
                let weights =
                    forward.groups.iter().filter_map(|w| Some((slot(&w.group)?, w.weight)));
                RoutingPlan::Forward(Weighted::new(weights))
            }
            ActionKind::Redirect(redirect) => RoutingPlan::Redirect(RedirectPlan::new(redirect)),
            ActionKind::FixedResponse(fixed) => RoutingPlan::Fixed(FixedPlan {
                status: fixed.status,
                // spec: alb §2.8 `fixed-response`
                content_type: fixed.content_type.as_ref().map(|t| format!("{t}; charset=utf-8")),
                body: fixed.body.clone().unwrap_or_default().into_bytes(),
            }),
        };
        RulePlan::new(rule.priority, &rule.conditions, action)
    }

    fn members(&mut self) {
        let of_lb = |lb: &LoadBalancer| {
            let carried: Arc<[_]> = lb.security_groups.clone().into();
            lb.zones.iter().map(|z| (z.address, Arc::clone(&carried))).collect::<Vec<_>>()
        };
        let of_instance = |instance: &Instance| {
            let carried: Arc<[_]> = instance.security_groups.clone().into();
            [(instance.address, Arc::clone(&carried)), (instance.private_address, carried)]
        };
        let load_balancers = self.catalog.all_load_balancers().flat_map(of_lb);
        let running = |i: &&Instance| i.state != InstanceState::Terminated;
        let instances = self.catalog.all_instances().filter(running).flat_map(of_instance);
        self.next.members = Arc::new(load_balancers.chain(instances).collect());
    }
}

fn load_balancer_plan(
    lb: &LoadBalancer,
    node: &NodeFacts,
    ingress: Ingress,
    cell: Arc<LoadBalancerCell>,
) -> LoadBalancerPlan {
    let text = |key: &str| attribute::effective(Family::LoadBalancer, key, &lb.attributes);
    let on = |key: &str| text(key) == "true";
    let seconds = |key: &str, default: u64| text(key).parse().unwrap_or(default) * 1_000;
    LoadBalancerPlan {
        arn: lb.arn.clone(),
        log_name: lb.arn.log_name().to_owned(),
        account: node.account.clone(),
        region: lb.region.clone(),
        dns_name: lb.dns_name.clone(),
        zones: lb.zones.iter().flat_map(|z| z.listens().map(|ip| (z.zone.clone(), ip))).collect(),
        ingress,
        idle_timeout_ms: seconds("idle_timeout.timeout_seconds", 60),
        client_keep_alive_ms: seconds("client_keep_alive.seconds", 3_600),
        desync_mode: match text("routing.http.desync_mitigation_mode") {
            "monitor" => DesyncMode::Monitor,
            "strictest" => DesyncMode::Strictest,
            _ => DesyncMode::Defensive,
        },
        drop_invalid_headers: on("routing.http.drop_invalid_header_fields.enabled"),
        preserve_host: on("routing.http.preserve_host_header.enabled"),
        xff_mode: match text("routing.http.xff_header_processing.mode") {
            "preserve" => XffMode::Preserve,
            "remove" => XffMode::Remove,
            _ => XffMode::Append,
        },
        xff_client_port: on("routing.http.xff_client_port.enabled"),
        access_log: on("access_logs.s3.enabled").then(|| AccessLogPlan {
            bucket: text("access_logs.s3.bucket").to_owned(),
            prefix: text("access_logs.s3.prefix").to_owned(),
        }),
        cell,
    }
}

/// The headers of alb §3.7 that a listener sets, in a fixed order.
// spec: alb §3.7 Listener attributes - response headers
fn response_headers(listener: &Listener) -> Vec<ResponseHeader> {
    const HEADERS: [(&str, &str, &str); 10] = [
        ("strict_transport_security", "Strict-Transport-Security", "strict-transport-security"),
        (
            "access_control_allow_origin",
            "Access-Control-Allow-Origin",
            "access-control-allow-origin",
        ),
        (
            "access_control_allow_methods",
            "Access-Control-Allow-Methods",
            "access-control-allow-methods",
        ),
        (
            "access_control_allow_headers",
            "Access-Control-Allow-Headers",
            "access-control-allow-headers",
        ),
        (
            "access_control_allow_credentials",
            "Access-Control-Allow-Credentials",
            "access-control-allow-credentials",
        ),
        (
            "access_control_expose_headers",
            "Access-Control-Expose-Headers",
            "access-control-expose-headers",
        ),
        ("access_control_max_age", "Access-Control-Max-Age", "access-control-max-age"),
        ("content_security_policy", "Content-Security-Policy", "content-security-policy"),
        ("x_content_type_options", "X-Content-Type-Options", "x-content-type-options"),
        ("x_frame_options", "X-Frame-Options", "x-frame-options"),
    ];
    let value = |stem: &str| {
        let key = format!("routing.http.response.{stem}.header_value");
        attribute::effective(Family::Listener, &key, &listener.attributes).to_owned()
    };
    HEADERS
        .iter()
        .map(|(stem, name, name_lower)| ResponseHeader { name_lower, name, value: value(stem) })
        .filter(|header| !header.value.is_empty())
        .collect()
}

/// The first empty slot, growing the vector when there is none.
fn free_slot<T>(slots: &mut Vec<Option<T>>) -> u32 {
    let index = slots.iter().position(Option::is_none).unwrap_or_else(|| {
        slots.push(None);
        slots.len() - 1
    });
    index as u32
}
