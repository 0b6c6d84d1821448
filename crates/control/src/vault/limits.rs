//! Bounds of what is read into the vault.
//!
//! Invariant: what one call holds is at most a few times the largest object.

/// A certificate of a bundle, in bytes.
// spec: alb §14.1 Quotas
pub const AUTHORITY_BYTES_MAX: usize = 16 * 1024;
/// Certificates of a bundle that are looked at before its quota is applied.
pub const AUTHORITIES_MAX: usize = 1_000;
/// A bundle with its comments, in bytes.
pub const BUNDLE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// A revocation list, in bytes.
// spec: alb §14.1 Quotas
pub const REVOCATIONS_BYTES_MAX: usize = 50 * 1024 * 1024;
/// Lists in one object.
pub const LISTS_PER_OBJECT_MAX: usize = 100;
/// A certificate that is imported, in bytes.
pub const CERTIFICATE_BYTES_MAX: usize = 32 * 1024;
/// A private key that is imported, in bytes.
pub const KEY_BYTES_MAX: usize = 16 * 1024;
/// A chain that is imported, in bytes.
pub const CHAIN_BYTES_MAX: usize = 1024 * 1024;
/// Certificates of a chain.
pub const CHAIN_LEN_MAX: usize = 20;
/// Blocks of a private key's text: parameters, the key, and what tools put around.
pub const KEY_BLOCKS_MAX: usize = 4;
/// Names of a requested certificate.
pub const NAMES_PER_REQUEST_MAX: usize = 100;
/// Days for which a certificate that is issued here is valid.
pub const ISSUED_DAYS: i64 = 825;
/// Days for which the local authority is valid: ten years.
pub const ISSUER_DAYS: i64 = 3_653;
/// How long a link to a blob is good, in milliseconds.
// spec: alb §8.3 Trust store
pub const DOWNLOAD_MS: i64 = 10 * 60 * 1_000;
/// How long a blob that nothing names is kept, in milliseconds: longer than any call, and than any
/// link to it.
pub const BLOB_GRACE_MS: i64 = 60 * 60 * 1_000;

const _: () = assert!(BLOB_GRACE_MS > DOWNLOAD_MS);
