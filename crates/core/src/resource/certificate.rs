//! A certificate that listeners may present: imported into ACM or uploaded to IAM.
//!
//! The private key is here only sealed; who opens it lives outside of core.
//!
//! Invariant: the first certificate of the chain is the leaf, and its public key belongs to the
//! sealed private key.

use serde::{Deserialize, Serialize};

use super::{CertificateArn, Region, Tags};

/// Which API made it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CertificateOrigin {
    /// ACM ImportCertificate.
    Imported,
    /// ACM RequestCertificate: made here, for there is nobody who could validate a domain.
    Requested,
    /// IAM UploadServerCertificate.
    ServerCertificate {
        /// `Path`, `/` unless given.
        path: String,
        /// `ServerCertificateName`.
        name: String,
        /// `ASCA…`.
        id: String,
    },
}

/// A private key that only the holder of the data directory's key can open.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedKey {
    /// Authenticated encryption of the PKCS #8 bytes, base64.
    pub sealed: String,
}

/// What the leaf itself says, kept beside it so that core needs no parser.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateFacts {
    /// Common name, else the first alternative name.
    pub domain: String,
    /// Subject alternative names (DNS names and addresses), the domain first.
    pub names: Vec<String>,
    /// Lower-case hexadecimal pairs joined by colons.
    pub serial: String,
    /// Subject in text.
    pub subject: String,
    /// Issuer in text.
    pub issuer: String,
    /// The issuer's organisation, else its common name.
    pub issuer_name: String,
    /// In ACM's words: `RSA_2048`, `EC_prime256v1`, …
    pub key_algorithm: String,
    /// For example `SHA256WITHRSA`.
    pub signature_algorithm: String,
    /// Milliseconds since the epoch.
    pub not_before_ms: i64,
    /// Milliseconds since the epoch.
    pub not_after_ms: i64,
    /// In ACM's words: `DIGITAL_SIGNATURE`, …
    pub key_usages: Vec<String>,
    /// Object identifiers in dotted form.
    pub extended_key_usages: Vec<String>,
}

/// What RequestCertificate was told, for those who ask again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateRequest {
    /// `IdempotencyToken`.
    pub token: Option<String>,
    /// `DNS` or `EMAIL`.
    pub validation_method: String,
    /// `ValidationDomain` by domain name, where one was given.
    pub validation_domains: Vec<(String, String)>,
}

/// What the store keeps of a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// Identity.
    pub arn: CertificateArn,
    /// The region it belongs to; certificates of IAM serve all regions, as `us-east-1`.
    pub region: Region,
    /// Which API made it.
    pub origin: CertificateOrigin,
    /// The leaf, PEM.
    pub body: String,
    /// The rest of the chain, PEM, when given.
    pub chain: Option<String>,
    /// Sealed.
    pub key: SealedKey,
    /// What the leaf says.
    pub facts: CertificateFacts,
    /// Whether its issuance was logged in public (it never is; the option is remembered).
    pub transparency_logging: bool,
    /// Whether ACM may give out its key.
    pub export: bool,
    /// There when it was requested here.
    pub request: Option<CertificateRequest>,
    /// Milliseconds since the epoch.
    pub created_ms: i64,
    /// Milliseconds since the epoch; moves when the certificate is imported again.
    pub imported_ms: i64,
    /// Tags.
    pub tags: Tags,
}

// === impl CertificateOrigin ===

impl CertificateOrigin {
    /// Whether it is a certificate of IAM.
    pub fn is_server_certificate(&self) -> bool {
        matches!(self, Self::ServerCertificate { .. })
    }
}

// === impl Certificate ===

impl Certificate {
    /// What binds the sealed key to this record: the ARN, or for certificates of IAM the id, since
    /// their ARN changes with their name.
    pub fn seal_context(&self) -> &str {
        match &self.origin {
            CertificateOrigin::ServerCertificate { id, .. } => id,
            CertificateOrigin::Imported | CertificateOrigin::Requested => self.arn.as_str(),
        }
    }

    /// Whether listeners of this region may use it.
    pub fn serves(&self, region: &Region) -> bool {
        self.origin.is_server_certificate() || self.region == *region
    }

    /// Whether its time is over.
    pub fn is_expired(&self, now_ms: i64) -> bool {
        self.facts.not_after_ms <= now_ms
    }
}

impl std::fmt::Debug for SealedKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealedKey(***)")
    }
}
