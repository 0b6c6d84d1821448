//! Bundles of authorities and their revocation lists, as a trust store takes them.
//!
//! Invariant: what passes here is a list of authorities that may sign client certificates, or
//! revocation lists that can be walked; nothing is kept of either but numbers.
// spec: alb §8.3 Trust store

use weir_wire::x509::pem::{self, Around};
use weir_wire::x509::{Algorithm, Certificate, KeyKind, RevocationList};

use super::limits;

/// What a bundle holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// Certificates.
    pub certificates: u32,
    /// Bytes of their subjects as encoded.
    pub subject_bytes: u64,
}

/// Reads a bundle. The error goes to the caller.
///
/// # Errors
/// What is not PEM of authorities only.
pub fn bundle(bytes: &[u8]) -> Result<Bundle, String> {
    let blocks = pem::blocks(bytes, Around::Comments, limits::AUTHORITIES_MAX);
    let blocks = blocks.map_err(|error| error.to_string())?;
    if blocks.is_empty() {
        return Err("it holds no certificate".to_owned());
    }
    let mut subject_bytes = 0;
    for (at, block) in blocks.iter().enumerate() {
        let number = at + 1;
        if block.label != "CERTIFICATE" {
            return Err(format!("block {number} is no certificate but '{}'", block.label));
        }
        if block.der.len() > limits::AUTHORITY_BYTES_MAX {
            return Err(format!("certificate {number} is larger than 16 KB"));
        }
        let read = Certificate::parse(&block.der);
        let read = read.map_err(|error| format!("certificate {number}: {error}"))?;
        judge(&read).map_err(|why| format!("certificate {number} {why}"))?;
        subject_bytes += read.subject_der.len() as u64;
    }
    Ok(Bundle { certificates: blocks.len() as u32, subject_bytes })
}

/// Whether it may stand in a bundle.
// spec: alb §8.2 Client certificates accepted (verify)
fn judge(certificate: &Certificate) -> Result<(), &'static str> {
    if !certificate.is_authority {
        return Err("is not a certificate of an authority");
    }
    match certificate.key.kind {
        KeyKind::Rsa(2_048..=8_192) | KeyKind::P256 | KeyKind::P384 | KeyKind::P521 => {}
        _ => return Err("has an unsupported key algorithm or key length"),
    }
    // Nobody checks the signature of a root; an intermediate is believed by its.
    let weak = matches!(certificate.algorithm, Algorithm::RsaSha1 | Algorithm::Unknown);
    if weak && !certificate.is_self_issued() {
        return Err("has an unsupported signature algorithm");
    }
    Ok(())
}

/// Counts the entries of revocation lists, in PEM or DER. The error goes to the caller.
///
/// # Errors
/// What is no revocation list.
pub fn revocations(bytes: &[u8]) -> Result<u64, String> {
    let count = |der: &[u8]| RevocationList::parse(der).map(|list| list.entries);
    // A list in DER begins with a sequence, text in PEM never with that byte.
    if bytes.first() == Some(&weir_wire::x509::der::SEQUENCE) {
        return count(bytes).map_err(|error| error.to_string());
    }
    let blocks = pem::blocks(bytes, Around::Anything, limits::LISTS_PER_OBJECT_MAX);
    let blocks = blocks.map_err(|error| error.to_string())?;
    if blocks.is_empty() {
        return Err("it holds no revocation list".to_owned());
    }
    let mut entries = 0;
    for block in &blocks {
        if block.label != "X509 CRL" {
            return Err(format!("it holds a '{}'", block.label));
        }
        entries += count(&block.der).map_err(|error| error.to_string())?;
    }
    Ok(entries)
}
