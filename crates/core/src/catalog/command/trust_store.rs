//! Inputs of commands about trust stores.
//!
//! Bundles and lists were read, parsed and stored as blobs by whoever made the command.
//!
//! Invariant: a blob that a command names is in the store, and stays for as long as the command is
//! being decided.

use super::Pairs;
use crate::resource::Region;

/// A bundle that was read and verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleDraft {
    /// The name of its blob.
    pub blob: String,
    /// Certificates in it.
    pub certificates: u32,
    /// Bytes of their subjects.
    pub subject_bytes: u64,
}

/// A revocation list that was read and verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationDraft {
    /// The name of its blob.
    pub blob: String,
    /// Entries in it.
    pub entries: u64,
}

/// See [`super::Command::TrustStoreCreate`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustStoreCreate {
    /// Credential scope.
    pub region: Region,
    /// `Name`.
    pub name: String,
    /// What the named object holds.
    pub bundle: BundleDraft,
    /// `Tags`.
    pub tags: Pairs,
}

/// See [`super::Command::TrustStoreModify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustStoreModify {
    /// Credential scope.
    pub region: Region,
    /// `TrustStoreArn`.
    pub arn: String,
    /// What the named object holds.
    pub bundle: BundleDraft,
}

/// See [`super::Command::RevocationsAdd`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationsAdd {
    /// Credential scope.
    pub region: Region,
    /// `TrustStoreArn`.
    pub arn: String,
    /// What the named objects hold, in the order of the request.
    pub lists: Vec<RevocationDraft>,
}

/// See [`super::Command::RevocationsRemove`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationsRemove {
    /// Credential scope.
    pub region: Region,
    /// `TrustStoreArn`.
    pub arn: String,
    /// `RevocationIds`.
    pub ids: Vec<i64>,
}

/// See [`super::Command::TrustStoreAssociationDelete`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustStoreAssociationDelete {
    /// Credential scope.
    pub region: Region,
    /// `TrustStoreArn`.
    pub arn: String,
    /// `ResourceArn`.
    pub resource: String,
}
