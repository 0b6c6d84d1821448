//! Where a load balancer stands: whether its traffic is carried, and what of it is recorded only.
//!
//! With the setting `allow_unserved_types` features that no plane carries are stored complete
//! (see [`super::unserved`]); this is where their load balancer says so, in `State.Reason`.
//!
//! Invariant: a load balancer whose every feature is carried has no reason.
// spec: control-plane §2.3 State machines

use super::Catalog;
use crate::resource::attribute::Carrier;
use crate::resource::{Listener, LoadBalancer, LoadBalancerKind, TargetGroup};

/// Parts that a reason names before it counts the rest.
const NAMED_MAX: usize = 8;

/// What the catalog alone knows of `State`; whether sockets could be bound is measured elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// `active`; otherwise `provisioning`, for ever.
    pub is_active: bool,
    /// For people: what is recorded and not carried.
    pub reason: Option<String>,
}

// === impl Catalog ===

impl Catalog {
    /// Where a load balancer stands.
    pub fn standing(&self, lb: &LoadBalancer) -> Standing {
        let kind = lb.kind.as_str();
        if lb.kind != LoadBalancerKind::Application {
            let reason = format!(
                "Load balancers of type '{kind}' are recorded only: this version of Weir does not \
                 carry their traffic"
            );
            return Standing { is_active: false, reason: Some(reason) };
        }
        Standing { is_active: true, reason: summary(self.recorded_only(lb)) }
    }

    /// What an application load balancer has that no plane carries.
    fn recorded_only(&self, lb: &LoadBalancer) -> Vec<String> {
        let mut parts = attributes(&Carrier::load_balancer(lb), &lb.attributes, "");
        parts.extend(lb.customer_owned_pool.as_ref().map(|pool| format!("address pool {pool}")));
        for listener in self.listeners_of(&lb.arn) {
            listener_parts(listener, &mut parts);
            let rules = self.rules_of(&listener.arn).filter(|_| listener.is_carried());
            for rule in rules {
                let kinds = rule.actions.iter().map(|action| &action.kind);
                parts.extend(kinds.filter(|kind| !kind.is_carried()).map(|kind| {
                    // The one routing action of which a part is not carried.
                    let sticky = kind.as_str() == "forward";
                    let what = if sticky { "target group stickiness" } else { kind.as_str() };
                    format!("{what} of rule {} of listener {}", rule.priority, listener.port)
                }));
            }
        }
        for group in self.groups_of(&lb.arn) {
            group_parts(group, &mut parts);
        }
        parts
    }
}

fn listener_parts(listener: &Listener, parts: &mut Vec<String>) {
    let name = format!("listener {} {}", listener.protocol.as_str(), listener.port);
    if !listener.is_carried() {
        // What hangs below it cannot matter before the listener itself is carried.
        parts.push(name);
        return;
    }
    let of = format!(" of {name}");
    parts.extend(attributes(&Carrier::listener(listener), &listener.attributes, &of));
}

fn group_parts(group: &TargetGroup, parts: &mut Vec<String>) {
    if !group.is_carried() {
        parts.push(format!("target group {}", group.name));
        return;
    }
    let of = format!(" of target group {}", group.name);
    parts.extend(attributes(&Carrier::target_group(group), &group.attributes, &of));
}

fn attributes(
    carrier: &Carrier<'_>,
    values: &crate::resource::AttributeValues,
    of: &str,
) -> Vec<String> {
    let keys = carrier.recorded_only(values).into_iter();
    keys.map(|key| format!("attribute {key}{of}")).collect()
}

fn summary(parts: Vec<String>) -> Option<String> {
    if parts.is_empty() {
        return None;
    }
    let named = parts.len().min(NAMED_MAX);
    let mut text = parts[..named].join(", ");
    if parts.len() > named {
        text.push_str(&format!(" and {} more", parts.len() - named));
    }
    Some(format!("Recorded, but not carried by this version of Weir: {text}"))
}
