//! Inputs of commands about certificates.
//!
//! Keys arrive sealed and certificates arrive parsed: core judges neither bytes nor signatures.
//!
//! Invariant: a draft's key belongs to its certificate; whoever made the draft has checked it.

use super::Pairs;
use crate::resource::{CertificateFacts, CertificateRequest, Region, SealedKey};

/// A certificate whose chain and key were verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateDraft {
    /// The leaf, PEM.
    pub body: String,
    /// The rest of the chain, PEM.
    pub chain: Option<String>,
    /// Sealed for the identity under which it is filed.
    pub key: SealedKey,
    /// What the leaf says.
    pub facts: CertificateFacts,
}

/// See [`super::Command::CertificateImport`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateImport {
    /// Credential scope.
    pub region: Region,
    /// A fresh ARN, or the one that is imported again.
    pub arn: String,
    /// Whether the caller named the ARN.
    pub again: bool,
    /// What is imported.
    pub draft: CertificateDraft,
    /// `Tags`.
    pub tags: Pairs,
}

/// See [`super::Command::CertificateIssue`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateIssue {
    /// Credential scope.
    pub region: Region,
    /// A fresh ARN.
    pub arn: String,
    /// What was issued.
    pub draft: CertificateDraft,
    /// What was asked for.
    pub request: CertificateRequest,
    /// `CertificateTransparencyLoggingPreference`.
    pub transparency_logging: bool,
    /// `Export`.
    pub export: bool,
    /// `Tags`.
    pub tags: Pairs,
}

/// See [`super::Command::CertificateOptionsUpdate`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateOptionsUpdate {
    /// Credential scope.
    pub region: Region,
    /// `CertificateArn`.
    pub arn: String,
    /// `CertificateTransparencyLoggingPreference`, when given.
    pub transparency_logging: Option<bool>,
}

/// See [`super::Command::CertificateTag`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateTag {
    /// Credential scope.
    pub region: Region,
    /// `CertificateArn`.
    pub arn: String,
    /// `Tags`.
    pub tags: Pairs,
}

/// See [`super::Command::CertificateUntag`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateUntag {
    /// Credential scope.
    pub region: Region,
    /// `CertificateArn`.
    pub arn: String,
    /// Key, and the value that it must have to be removed.
    pub tags: Vec<(String, Option<String>)>,
}

/// See [`super::Command::ServerCertificateUpload`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerCertificateUpload {
    /// Where certificates of IAM live.
    pub region: Region,
    /// `ServerCertificateName`.
    pub name: String,
    /// `Path`.
    pub path: String,
    /// A fresh `ASCA…`; the key is sealed for it.
    pub id: String,
    /// What is uploaded.
    pub draft: CertificateDraft,
    /// `Tags`.
    pub tags: Pairs,
}

/// See [`super::Command::ServerCertificateUpdate`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerCertificateUpdate {
    /// Where certificates of IAM live.
    pub region: Region,
    /// `ServerCertificateName`.
    pub name: String,
    /// `NewPath`.
    pub new_path: Option<String>,
    /// `NewServerCertificateName`.
    pub new_name: Option<String>,
}

/// A request that names a certificate of IAM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerCertificateName {
    /// Where certificates of IAM live.
    pub region: Region,
    /// `ServerCertificateName`.
    pub name: String,
}

/// See [`super::Command::ServerCertificateTag`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerCertificateTag {
    /// Where certificates of IAM live.
    pub region: Region,
    /// `ServerCertificateName`.
    pub name: String,
    /// `Tags`.
    pub tags: Pairs,
}

/// See [`super::Command::ServerCertificateUntag`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerCertificateUntag {
    /// Where certificates of IAM live.
    pub region: Region,
    /// `ServerCertificateName`.
    pub name: String,
    /// `TagKeys`.
    pub keys: Vec<String>,
}

/// See [`super::Command::ServiceRoleCreate`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceRoleCreate {
    /// Where roles live.
    pub region: Region,
    /// `AWSServiceName`.
    pub service: String,
    /// `Description`.
    pub description: Option<String>,
    /// `CustomSuffix`.
    pub suffix: Option<String>,
}
