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

/// What the store keeps of a certificate. Facts that the chain itself tells are kept beside it, so
/// that core needs no parser.
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
    /// Common name, else the first alternative name.
    pub domain: String,
    /// Subject alternative names, the domain first.
    pub names: Vec<String>,
    /// Hexadecimal pairs joined by colons.
    pub serial: String,
    /// Subject in text.
    pub subject: String,
    /// Issuer in text.
    pub issuer: String,
    /// In ACM's words: `RSA_2048`, `EC_prime256v1`, …
    pub key_algorithm: String,
    /// For example `SHA256WITHRSA`.
    pub signature_algorithm: String,
    /// Milliseconds since the epoch.
    pub not_before_ms: i64,
    /// Milliseconds since the epoch.
    pub not_after_ms: i64,
    /// Milliseconds since the epoch.
    pub created_ms: i64,
    /// Milliseconds since the epoch; moves when the certificate is imported again.
    pub imported_ms: i64,
    /// Tags.
    pub tags: Tags,
}

impl std::fmt::Debug for SealedKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealedKey(***)")
    }
}
