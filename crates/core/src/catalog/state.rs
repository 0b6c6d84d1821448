//! The catalog itself: records by identity, indexes beside them.
//!
//! Invariant: after `absorb` of a decided change set the records satisfy the relations that
//! `check` names, and the index equals a rebuild.

use std::sync::Arc;

use super::index::Index;
use super::kinds::for_each_kind;
use super::{
    Change, ChangeSet, Command, Decision, Refusal, Resource, ResourceKey, Settings, apply,
};
use crate::persistent::Map;
use crate::resource::{
    AllocationId, Certificate, CertificateArn, ElasticAddress, Instance, InstanceId, InterfaceId,
    InternetGateway, InternetGatewayId, Listener, ListenerArn, LoadBalancer, LoadBalancerArn,
    NetworkInterface, PrefixList, PrefixListId, Registrations, RoleArn, RouteTable, RouteTableId,
    Rule, RuleArn, SecurityGroup, SecurityGroupId, ServiceRole, Subnet, SubnetId, TargetGroup,
    TargetGroupArn, TrustStore, TrustStoreArn, Vpc, VpcId,
};
use crate::rng::Rng;
use crate::time::Now;

macro_rules! catalog_of_kinds {
    ($($(#[$doc:meta])* $kind:ident($id:ident, $field:ident) $map:ident $word:literal;)*) => {
        /// All desired state. Cloning costs a few pointers; clones share what they have in common.
        #[derive(Clone, Debug)]
        pub struct Catalog {
            pub(super) settings: Settings,
            $(pub(super) $map: Map<$id, Arc<$kind>>,)*
            pub(super) index: Index,
        }

        impl Catalog {
            /// An empty catalog.
            pub fn new(settings: Settings) -> Self {
                Self { settings, $($map: Map::new(),)* index: Index::default() }
            }

            /// All records, parents of references first.
            pub fn resources(&self) -> impl Iterator<Item = Resource> {
                std::iter::empty()
                    $(.chain(self.$map.values().map(|r| Resource::$kind(r.as_ref().clone()))))*
            }

            /// The record of an identity, if it exists.
            pub fn record(&self, key: &ResourceKey) -> Option<Resource> {
                match key {
                    $(ResourceKey::$kind(id) => {
                        self.$map.get(id).map(|record| Resource::$kind(record.as_ref().clone()))
                    })*
                }
            }

            fn put(&mut self, resource: Resource) {
                let resource = match resource {
                    // Not out and in again: that costs all targets, not those that changed.
                    Resource::Registrations(record) => return self.registrations_put(record),
                    other => other,
                };
                self.delete(&resource.key());
                self.index.insert(&resource);
                match resource {
                    $(Resource::$kind(r) => drop(self.$map.insert(r.$field.clone(), Arc::new(r))),)*
                }
            }

            fn delete(&mut self, key: &ResourceKey) {
                let old = match key {
                    $(ResourceKey::$kind(id) => {
                        let old = self.$map.remove(id);
                        old.map(|record| Resource::$kind(Arc::unwrap_or_clone(record)))
                    })*
                };
                if let Some(old) = old {
                    self.index.remove(&old);
                }
            }
        }
    };
}

for_each_kind!(catalog_of_kinds);

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

    fn registrations_put(&mut self, record: Registrations) {
        let old = self.registrations.get(&record.group);
        self.index.registrations_change(old.map(Arc::as_ref), Some(&record));
        self.registrations.insert(record.group.clone(), Arc::new(record));
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
}
