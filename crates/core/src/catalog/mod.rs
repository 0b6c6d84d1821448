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
mod index;
mod interface;
mod kinds;
mod page;
mod read;
pub mod refusal;
mod settings;
mod state;
#[cfg(test)]
mod tests;
pub mod unserved;

pub use audit::AuditRecord;
pub use change::{Change, ChangeSet, Resource, ResourceKey, Revision};
pub use command::{Command, Pairs};
pub use decision::{Decision, Transition};
pub use interface::{Holder, Interface};
pub use page::{Page, PageRequest};
pub use refusal::{CertificateRefusal, Confidence, NetworkRefusal, Refusal, TrustStoreRefusal};
pub use settings::{AddressPlan, Quotas, Settings, Waiver};
pub use state::{Catalog, Inconsistent};
