//! The catalog itself: records by identity, indexes beside them.
//!
//! Invariant: after `absorb` of a decided change set the records satisfy the relations that
//! `check` names, and the index equals a rebuild.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::index::Index;
use super::{
    Change, ChangeSet, Command, Decision, Refusal, Resource, ResourceKey, Settings, apply,
};
use crate::resource::{
    Instance, InstanceId, Listener, ListenerArn, LoadBalancer, LoadBalancerArn, Registrations,
    Rule, RuleArn, SecurityGroup, SecurityGroupId, Subnet, SubnetId, TargetGroup, TargetGroupArn,
    Vpc, VpcId,
};
use crate::rng::Rng;
use crate::time::Now;

/// All desired state. Cloning copies the maps and shares the records.
#[derive(Clone, Debug)]
pub struct Catalog {
    pub(super) settings: Settings,
    pub(super) vpcs: BTreeMap<VpcId, Arc<Vpc>>,
    pub(super) subnets: BTreeMap<SubnetId, Arc<Subnet>>,
    pub(super) security_groups: BTreeMap<SecurityGroupId, Arc<SecurityGroup>>,
    pub(super) instances: BTreeMap<InstanceId, Arc<Instance>>,
    pub(super) load_balancers: BTreeMap<LoadBalancerArn, Arc<LoadBalancer>>,
    pub(super) listeners: BTreeMap<ListenerArn, Arc<Listener>>,
    pub(super) rules: BTreeMap<RuleArn, Arc<Rule>>,
    pub(super) target_groups: BTreeMap<TargetGroupArn, Arc<TargetGroup>>,
    pub(super) registrations: BTreeMap<TargetGroupArn, Arc<Registrations>>,
    pub(super) index: Index,
}

/// Stored records that do not fit together: the store was changed by something else.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} {id}: {reason}")]
pub struct Inconsistent {
    /// Kind of the record at fault.
    pub kind: &'static str,
    /// Its id.
    pub id: String,
    /// What does not hold.
    pub reason: String,
}

// === impl Catalog ===

impl Catalog {
    /// An empty catalog.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            vpcs: BTreeMap::new(),
            subnets: BTreeMap::new(),
            security_groups: BTreeMap::new(),
            instances: BTreeMap::new(),
            load_balancers: BTreeMap::new(),
            listeners: BTreeMap::new(),
            rules: BTreeMap::new(),
            target_groups: BTreeMap::new(),
            registrations: BTreeMap::new(),
            index: Index::default(),
        }
    }

    /// Loads stored records, in any order.
    pub fn from_resources(
        settings: Settings,
        resources: impl IntoIterator<Item = Resource>,
    ) -> Result<Self, Inconsistent> {
        let mut resources: Vec<Resource> = resources.into_iter().collect();
        resources.sort_by_cached_key(Resource::key);
        let mut catalog = Self::new(settings);
        for resource in resources {
            catalog.put(resource);
        }
        catalog.relations()?;
        Ok(catalog)
    }

    /// Decides a command. Changes nothing; `rng` gives ids.
    pub fn apply(&self, command: &Command, now: Now, rng: &mut Rng) -> Result<Decision, Refusal> {
        apply::decide(self, command, now, rng)
    }

    /// Makes a decided change set visible. Decides nothing.
    pub fn absorb(&mut self, changes: &ChangeSet) {
        for change in &changes.changes {
            match change {
                Change::Put(resource) => self.put(resource.as_ref().clone()),
                Change::Delete(key) => self.delete(key),
            }
        }
    }

    /// All records, parents of references first.
    pub fn resources(&self) -> impl Iterator<Item = Resource> {
        fn all<'a, K, T: Clone + 'a>(
            map: &'a BTreeMap<K, Arc<T>>,
            wrap: fn(T) -> Resource,
        ) -> impl Iterator<Item = Resource> + 'a {
            map.values().map(move |record| wrap(record.as_ref().clone()))
        }
        all(&self.vpcs, Resource::Vpc)
            .chain(all(&self.subnets, Resource::Subnet))
            .chain(all(&self.security_groups, Resource::SecurityGroup))
            .chain(all(&self.instances, Resource::Instance))
            .chain(all(&self.target_groups, Resource::TargetGroup))
            .chain(all(&self.registrations, Resource::Registrations))
            .chain(all(&self.load_balancers, Resource::LoadBalancer))
            .chain(all(&self.listeners, Resource::Listener))
            .chain(all(&self.rules, Resource::Rule))
    }

    fn put(&mut self, resource: Resource) {
        self.delete(&resource.key());
        self.index.insert(&resource);
        match resource {
            Resource::Vpc(r) => drop(self.vpcs.insert(r.id.clone(), Arc::new(r))),
            Resource::Subnet(r) => drop(self.subnets.insert(r.id.clone(), Arc::new(r))),
            Resource::SecurityGroup(r) => {
                self.security_groups.insert(r.id.clone(), Arc::new(r));
            }
            Resource::Instance(r) => drop(self.instances.insert(r.id.clone(), Arc::new(r))),
            Resource::LoadBalancer(r) => {
                self.load_balancers.insert(r.arn.clone(), Arc::new(r));
            }
            Resource::Listener(r) => drop(self.listeners.insert(r.arn.clone(), Arc::new(r))),
            Resource::Rule(r) => drop(self.rules.insert(r.arn.clone(), Arc::new(r))),
            Resource::TargetGroup(r) => {
                self.target_groups.insert(r.arn.clone(), Arc::new(r));
            }
            Resource::Registrations(r) => {
                self.registrations.insert(r.group.clone(), Arc::new(r));
            }
        }
    }

    fn delete(&mut self, key: &ResourceKey) {
        let old = match key {
            ResourceKey::Vpc(id) => take(&mut self.vpcs, id, Resource::Vpc),
            ResourceKey::Subnet(id) => take(&mut self.subnets, id, Resource::Subnet),
            ResourceKey::SecurityGroup(id) => {
                take(&mut self.security_groups, id, Resource::SecurityGroup)
            }
            ResourceKey::Instance(id) => take(&mut self.instances, id, Resource::Instance),
            ResourceKey::TargetGroup(arn) => {
                take(&mut self.target_groups, arn, Resource::TargetGroup)
            }
            ResourceKey::Registrations(arn) => {
                take(&mut self.registrations, arn, Resource::Registrations)
            }
            ResourceKey::LoadBalancer(arn) => {
                take(&mut self.load_balancers, arn, Resource::LoadBalancer)
            }
            ResourceKey::Listener(arn) => take(&mut self.listeners, arn, Resource::Listener),
            ResourceKey::Rule(arn) => take(&mut self.rules, arn, Resource::Rule),
        };
        if let Some(old) = old {
            self.index.remove(&old);
        }
    }
}

fn take<K, Q, T>(
    map: &mut BTreeMap<K, Arc<T>>,
    key: &Q,
    wrap: fn(T) -> Resource,
) -> Option<Resource>
where
    K: Ord + Borrow<Q>,
    Q: Ord + ?Sized,
    T: Clone,
{
    map.remove(key).map(|record| wrap(Arc::unwrap_or_clone(record)))
}
