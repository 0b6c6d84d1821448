//! What one published epoch should mean, worked out from the catalog's records alone.
//!
//! It shares no code with `compile`, the rule table or the balancer; patterns are limited to what
//! the workload uses, so that the judgement stays obvious.
//!
//! Invariant: a view never changes; the history of views is what requests are judged by.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use weir_core::catalog::Catalog;
use weir_core::resource::{
    ActionKind, Condition, Listener, LoadBalancer, Priority, Rule, TargetGroupArn, TrafficPeer,
};

/// One epoch.
#[derive(Debug, Default)]
pub struct View {
    /// What listens where.
    pub doors: BTreeMap<SocketAddr, Door>,
    /// Targets that take new requests, by group.
    pub groups: BTreeMap<TargetGroupArn, BTreeSet<SocketAddr>>,
}

/// A listener at one address.
#[derive(Clone, Debug)]
pub struct Door {
    /// Name of the load balancer.
    pub owner: String,
    /// Its idle timeout.
    pub idle_ms: u64,
    /// Blocks that may connect.
    pub admits: Vec<ipnet::IpNet>,
    rules: Vec<(Priority, Vec<Test>, Act)>,
}

#[derive(Clone, Debug)]
enum Test {
    Host(String),
    Path(String),
}

/// What a rule does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Groups that can be chosen.
    Forward(Vec<TargetGroupArn>),
    /// The body of a fixed response.
    Fixed(String),
    /// The host of a redirect.
    Redirect(String),
}

// === impl View ===

impl View {
    /// Reads the catalog.
    pub fn new(catalog: &Catalog) -> Self {
        let mut view = Self::default();
        for listener in catalog.all_listeners() {
            let Some(lb) = catalog.load_balancer(&listener.load_balancer) else { continue };
            let door = door(catalog, lb, listener);
            for zone in &lb.zones {
                view.doors.insert(SocketAddr::new(zone.address, listener.port), door.clone());
            }
        }
        for group in catalog.all_target_groups() {
            let live = catalog.targets(&group.arn).iter().filter(|t| !t.is_draining());
            let address = |id: &str| id.parse::<IpAddr>().ok();
            let live = live.filter_map(|t| Some(SocketAddr::new(address(&t.id)?, t.port)));
            view.groups.insert(group.arn.clone(), live.collect());
        }
        view
    }

    /// What becomes of a request at a door; `None`: nothing listens there.
    pub fn act(&self, door: SocketAddr, host: &str, path: &str) -> Option<&Act> {
        self.doors.get(&door).map(|door| door.act(host, path))
    }

    /// Whether a request at a door may go to a target.
    pub fn may_reach(&self, door: SocketAddr, host: &str, path: &str, to: SocketAddr) -> bool {
        let Some(Act::Forward(groups)) = self.act(door, host, path) else { return false };
        groups.iter().any(|group| self.groups.get(group).is_some_and(|all| all.contains(&to)))
    }

    /// Whether a request at a door may find nobody.
    pub fn may_be_empty(&self, door: SocketAddr, host: &str, path: &str) -> bool {
        let Some(Act::Forward(groups)) = self.act(door, host, path) else { return false };
        groups.is_empty()
            || groups.iter().any(|group| self.groups.get(group).is_none_or(BTreeSet::is_empty))
    }
}

// === impl Door ===

impl Door {
    fn act(&self, host: &str, path: &str) -> &Act {
        let holds = |test: &Test| match test {
            Test::Host(wanted) => wanted.eq_ignore_ascii_case(host),
            Test::Path(wanted) => match wanted.strip_suffix('*') {
                Some(prefix) => path.starts_with(prefix),
                None => path == wanted,
            },
        };
        let (_, _, act) = self
            .rules
            .iter()
            .find(|(_, tests, _)| tests.iter().all(holds))
            .expect("invariant: the default rule has no tests");
        act
    }
}

fn door(catalog: &Catalog, lb: &LoadBalancer, listener: &Listener) -> Door {
    let idle = lb.attributes.get("idle_timeout.timeout_seconds");
    let idle_s: u64 = idle.and_then(|text| text.parse().ok()).unwrap_or(60);
    let mut rules: Vec<_> = catalog.rules_of(&listener.arn).map(rule).collect();
    rules.sort_by_key(|(priority, _, _)| *priority);
    let groups = lb.security_groups.iter().filter_map(|id| catalog.security_group(id));
    let admits = groups.flat_map(|group| &group.ingress).filter_map(|rule| match &rule.peer {
        TrafficPeer::Cidr(block) => Some(*block),
        TrafficPeer::Group(_) | TrafficPeer::PrefixList(_) => None,
    });
    Door { owner: lb.name.clone(), idle_ms: idle_s * 1_000, admits: admits.collect(), rules }
}

fn rule(rule: &Rule) -> (Priority, Vec<Test>, Act) {
    let test = |condition: &Condition| match condition {
        Condition::HostHeader { values, .. } => Some(Test::Host(values[0].clone())),
        Condition::PathPattern { values, .. } => Some(Test::Path(values[0].clone())),
        _ => None,
    };
    let act = match rule.actions.last().map(|action| &action.kind) {
        Some(ActionKind::Forward(forward)) => {
            let chosen = forward.groups.iter().filter(|g| g.weight > 0);
            Act::Forward(chosen.map(|g| g.group.clone()).collect())
        }
        Some(ActionKind::Redirect(redirect)) => Act::Redirect(redirect.host.clone()),
        Some(ActionKind::FixedResponse(fixed)) => {
            Act::Fixed(fixed.body.clone().unwrap_or_default())
        }
        _ => Act::Forward(Vec::new()),
    };
    (rule.priority, rule.conditions.iter().filter_map(test).collect(), act)
}
