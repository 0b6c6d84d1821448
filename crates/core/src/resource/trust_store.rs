//! A trust store: authorities whose client certificates a listener believes, and what they revoked.
//!
//! The bundle and the revocation lists themselves are large; records name them by digest and the
//! store keeps them beside the catalog.
//!
//! Invariant: revocation ids are unique within the store and never given twice.
// spec: alb §8.3 Trust store

use serde::{Deserialize, Serialize};

use super::{Region, Tags, TrustStoreArn};

/// What the store keeps of a trust store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustStore {
    /// Identity.
    pub arn: TrustStoreArn,
    /// Unique per region.
    pub name: String,
    /// The region it belongs to.
    pub region: Region,
    /// SHA-256 of the PEM bundle, lower-case hexadecimal: the name of its blob.
    pub bundle: String,
    /// Certificates in the bundle.
    pub certificates: u32,
    /// In order of their ids.
    pub revocations: Vec<Revocation>,
    /// The id that the next revocation gets; ids are never used again.
    pub next_revocation: u64,
    /// Milliseconds since the epoch.
    pub created_ms: i64,
    /// Tags.
    pub tags: Tags,
}

/// One revocation list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    /// From 1.
    pub id: u64,
    /// SHA-256 of the list as given, lower-case hexadecimal: the name of its blob.
    pub blob: String,
    /// Entries in the list.
    pub entries: u64,
}
