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

mod group;
mod listener;
mod member;

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Built, Snapshot};
use crate::catalog::{Catalog, ResourceKey, Revision};
use crate::resource::{
    AccountId, ListenerArn, LoadBalancerArn, RuleArn, SecurityGroupId, TargetGroupArn, ZoneName,
};

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
    /// `None`: all rules of those listeners.
    rules: Option<BTreeSet<RuleArn>>,
    /// Holders of addresses.
    members: BTreeSet<ResourceKey>,
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
    let next = Snapshot { revision, built: Built::default(), ..previous.clone() };
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
        compiler.names(arn);
        compiler.listener(arn, dirty.rules.as_ref());
    }
    for holder in &dirty.members {
        compiler.member(holder);
    }
    compiler.next
}

// === impl Compiler: what to rebuild ===

impl Compiler<'_> {
    fn everything(&self) -> Dirty {
        let (catalog, previous) = (self.catalog, self.previous);
        let groups = catalog.all_target_groups().map(|group| &group.arn);
        let load_balancers = catalog.all_load_balancers().map(|lb| &lb.arn);
        let listeners = catalog.all_listeners().map(|listener| &listener.arn);
        let balancers = catalog.all_load_balancers().map(|lb| lb.arn.clone());
        let instances = catalog.all_instances().map(|instance| instance.id.clone());
        let interfaces = catalog.all_network_interfaces().map(|interface| interface.id.clone());
        Dirty {
            groups: groups.chain(previous.by_group.keys()).cloned().collect(),
            load_balancers: load_balancers.chain(previous.load_balancers.keys()).cloned().collect(),
            // Of those that are gone, some are not carried and some name no group.
            listeners: (listeners.chain(previous.named.keys()))
                .chain(previous.by_listener.keys())
                .cloned()
                .collect(),
            rules: None,
            members: (balancers.map(ResourceKey::LoadBalancer))
                .chain(instances.map(ResourceKey::Instance))
                .chain(interfaces.map(ResourceKey::NetworkInterface))
                .chain(previous.held_by.keys().cloned())
                .collect(),
        }
    }

    fn dirty(&self, keys: &BTreeSet<ResourceKey>) -> Dirty {
        let mut dirty = Dirty::default();
        let mut rules = BTreeSet::new();
        for key in keys {
            match key {
                ResourceKey::TargetGroup(arn) | ResourceKey::Registrations(arn) => {
                    dirty.groups.insert(arn.clone());
                }
                ResourceKey::LoadBalancer(arn) => {
                    dirty.members.insert(key.clone());
                    self.dirty_load_balancer(arn, &mut dirty);
                }
                ResourceKey::Listener(arn) => self.dirty_listener(arn, &mut dirty),
                ResourceKey::Rule(arn) => {
                    rules.insert(arn.clone());
                    self.dirty_listener(&arn.listener(), &mut dirty);
                }
                ResourceKey::SecurityGroup(id) => self.dirty_security_group(id, &mut dirty),
                ResourceKey::PrefixList(id) => {
                    for group in self.catalog.groups_naming_list(id) {
                        self.dirty_security_group(group, &mut dirty);
                    }
                }
                ResourceKey::NetworkInterface(_) => drop(dirty.members.insert(key.clone())),
                ResourceKey::Instance(id) => {
                    dirty.members.insert(key.clone());
                    dirty.groups.extend(self.catalog.groups_with_target(id.as_str()).cloned());
                }
                // No plan is made of these.
                _ => {}
            }
        }
        dirty.rules = Some(rules);
        dirty
    }

    fn dirty_security_group(&self, id: &SecurityGroupId, dirty: &mut Dirty) {
        for user in self.catalog.users_of(id) {
            if let ResourceKey::LoadBalancer(arn) = user {
                self.dirty_load_balancer(arn, dirty);
            }
        }
    }

    /// A load balancer and its listeners, whose plans hold its plan. Those that went with it are
    /// named by their own keys.
    fn dirty_load_balancer(&self, arn: &LoadBalancerArn, dirty: &mut Dirty) {
        dirty.load_balancers.insert(arn.clone());
        for listener in self.catalog.listeners_of(arn) {
            self.dirty_listener(&listener.arn, dirty);
        }
        // Its groups know which zones are enabled.
        let zones =
            |arn| self.catalog.load_balancer(arn).map(|lb| lb.zones.iter().map(|z| &z.zone));
        let now: BTreeSet<&ZoneName> = zones(arn).into_iter().flatten().collect();
        let before = self.previous.load_balancer(arn).into_iter().flat_map(|plan| &plan.zones);
        // What holds its addresses as a target cannot be used, or again can.
        let own = self.catalog.load_balancer(arn).into_iter().flat_map(|lb| &lb.zones);
        let own = own.map(|zone| zone.address);
        let old = self.previous.load_balancer(arn).into_iter().flat_map(|plan| &plan.zones);
        for address in own.chain(old.map(|(_, address)| *address)) {
            let address = address.to_string();
            let groups = self.catalog.groups_with_target(&address);
            dirty.groups.extend(groups.cloned());
        }
        if now != before.map(|(zone, _)| zone).collect() {
            dirty.groups.extend(self.catalog.groups_of(arn).map(|group| group.arn.clone()));
        }
    }

    /// A listener, and the groups that its rules began or ceased to name: their plans say who
    /// uses them. Not by the old plan's rules, which do not show groups of weight zero.
    fn dirty_listener(&self, arn: &ListenerArn, dirty: &mut Dirty) {
        if !dirty.listeners.insert(arn.clone()) {
            return;
        }
        let now = self.groups_named(arn);
        let before = self.previous.named.get(arn).into_iter().flat_map(|named| named.iter());
        let before: BTreeSet<&TargetGroupArn> = before.collect();
        dirty.groups.extend(now.symmetric_difference(&before).map(|arn| (*arn).clone()));
    }

    fn groups_named(&self, listener: &ListenerArn) -> BTreeSet<&TargetGroupArn> {
        let rules = self.catalog.rules_of(listener);
        rules.flat_map(|rule| &rule.actions).flat_map(|action| action.groups()).collect()
    }

    /// Remembers which groups the rules of a listener name.
    fn names(&mut self, listener: &ListenerArn) {
        let now: Arc<[TargetGroupArn]> = self.groups_named(listener).into_iter().cloned().collect();
        if now.is_empty() {
            self.next.named.remove(listener);
        } else if self.next.named.get(listener) != Some(&now) {
            self.next.named.insert(listener.clone(), now);
        }
    }

    fn uid(&mut self) -> u64 {
        self.next.next_uid += 1;
        self.next.next_uid
    }
}
