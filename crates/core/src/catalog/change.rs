//! What a command changes, as data that a store can write and a compiler can follow.
//!
//! A change set is decided first, made durable second, absorbed third: `Catalog::apply` only
//! reads, `Catalog::absorb` only writes.
//!
//! Invariant: a change set is complete: absorbing it into the catalog it was decided on gives
//! exactly the state the caller was promised.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::kinds::for_each_kind;
use crate::resource::{
    AllocationId, Certificate, CertificateArn, ElasticAddress, Instance, InstanceId, InterfaceId,
    InternetGateway, InternetGatewayId, Listener, ListenerArn, LoadBalancer, LoadBalancerArn,
    NetworkInterface, PrefixList, PrefixListId, Registrations, RoleArn, RouteTable, RouteTableId,
    Rule, RuleArn, SecurityGroup, SecurityGroupId, ServiceRole, Subnet, SubnetId, TargetGroup,
    TargetGroupArn, TrustStore, TrustStoreArn, Vpc, VpcId,
};

/// Counts committed change sets; 0 is the empty catalog.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Revision(pub u64);

macro_rules! records_and_keys {
    ($($(#[$doc:meta])* $kind:ident($id:ident, $field:ident) $map:ident $word:literal;)*) => {
        /// Any record of the catalog.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub enum Resource {
            $($(#[$doc])* $kind($kind),)*
        }

        /// The identity of any record. Orders by kind, then id: parents of references first.
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ResourceKey {
            $(#[doc = concat!("See [`Resource::", stringify!($kind), "`].")] $kind($id),)*
        }

        impl Resource {
            /// The identity of this record.
            pub fn key(&self) -> ResourceKey {
                match self {
                    $(Self::$kind(record) => ResourceKey::$kind(record.$field.clone()),)*
                }
            }
        }

        impl ResourceKey {
            /// A short name of the kind, the table key in stores.
            pub fn kind(&self) -> &'static str {
                match self {
                    $(Self::$kind(_) => $word,)*
                }
            }

            /// The inverse of [`kind`](Self::kind) and [`id`](Self::id), for what a store kept;
            /// `None` for a kind that does not exist or an empty id.
            pub fn from_parts(kind: &str, id: &str) -> Option<Self> {
                if id.is_empty() {
                    return None;
                }
                Some(match kind {
                    $($word => Self::$kind($id::new(id)),)*
                    _ => return None,
                })
            }

            /// The id within the kind.
            pub fn id(&self) -> &str {
                match self {
                    $(Self::$kind(id) => id.as_str(),)*
                }
            }
        }

        #[cfg(test)]
        const EXAMPLES: &[fn() -> ResourceKey] =
            &[$(|| ResourceKey::$kind($id::new(concat!("an id of ", $word))),)*];
    };
}

for_each_kind!(records_and_keys);

/// One record written or removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The record is now this. Shared, because the store, the catalog and the answer all read it.
    Put(Arc<Resource>),
    /// The record is gone.
    Delete(ResourceKey),
}

/// Changes that become durable and visible together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangeSet {
    /// In the order in which they are absorbed.
    pub changes: Vec<Change>,
}

// === impl Change ===

impl Change {
    /// The identity of what changes.
    pub fn key(&self) -> ResourceKey {
        match self {
            Self::Put(resource) => resource.key(),
            Self::Delete(key) => key.clone(),
        }
    }
}

// === impl ChangeSet ===

impl ChangeSet {
    /// Adds a written record.
    pub fn put(&mut self, resource: Resource) {
        self.changes.push(Change::Put(Arc::new(resource)));
    }

    /// Adds a removed record.
    pub fn delete(&mut self, key: ResourceKey) {
        self.changes.push(Change::Delete(key));
    }

    /// Whether nothing changes (an idempotent repeat).
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_its_parts() {
        for key in EXAMPLES.iter().map(|example| example()) {
            assert_eq!(ResourceKey::from_parts(key.kind(), key.id()), Some(key));
        }
        assert_eq!(ResourceKey::from_parts("vpc", ""), None);
        assert_eq!(ResourceKey::from_parts("planet", "mars"), None);
    }

    #[test]
    fn parents_come_first() {
        let keys: Vec<ResourceKey> = EXAMPLES.iter().map(|example| example()).collect();
        assert!(keys.is_sorted(), "identities order as the table does");
    }
}
