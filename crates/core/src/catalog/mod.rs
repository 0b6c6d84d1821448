//! What should exist: all desired state as one value, and every mutation as one enum.
//!
//! Invariant: `apply` decides and never changes; `absorb` changes and never decides.

mod apply;
pub mod audit;
pub mod change;
mod check;
pub mod command;
mod decision;
mod describe;
mod describe_network;
mod index;
mod interface;
mod inventory;
mod kinds;
mod page;
mod read;
pub mod refusal;
mod settings;
mod standing;
mod state;
#[cfg(test)]
mod tests;
mod trust;
pub mod unserved;

pub use audit::{AuditRecord, AuditedResource};
pub use change::{Change, ChangeSet, Resource, ResourceKey, Revision};
pub use command::{Command, Pairs};
pub use decision::{Decision, Transition};
pub use interface::{Holder, Interface, PublicAssociation, association_of_balancer};
pub use page::{Page, PageRequest};
pub use refusal::{
    AttributeRefusal, CertificateRefusal, Confidence, InventoryRefusal, LoadBalancerRefusal,
    NetworkRefusal, Refusal, RoutingRefusal, TrustStoreRefusal,
};
pub use settings::{AddressPlan, Quotas, Settings, Waiver};
pub use standing::Standing;
pub use state::{Catalog, Inconsistent};
