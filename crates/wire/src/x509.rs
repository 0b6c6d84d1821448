//! Certificates, revocation lists and the text that wraps them.
//!
//! Only reading: what a certificate says, never whether it is to be believed. Signatures are left
//! as bytes with their algorithm, for whoever has the cryptography.
//!
//! Invariant: whatever the bytes, nothing here panics, and memory is at most a small multiple of
//! the input; a revocation list of any length is walked without being held.

mod certificate;
#[doc(hidden)]
pub mod checks;
pub mod der;
pub mod pem;
mod revocation;

pub use certificate::{Certificate, KeyKind, PublicKey};
pub use revocation::RevocationList;

/// Why bytes are not what they should be. The text goes to the caller.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Longer than is read.
    #[error("it is larger than {max} bytes")]
    TooLarge {
        /// The bound.
        max: usize,
    },
    /// More of something than is read.
    #[error("it has more than {max} entries")]
    TooMany {
        /// The bound.
        max: usize,
    },
    /// Not text in PEM.
    #[error("it is not PEM: {0}")]
    Pem(&'static str),
    /// Not the structure that was expected.
    #[error("its encoding is not valid: {0}")]
    Encoding(&'static str),
}

/// A signature and what it is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature<'a> {
    /// What was signed.
    pub message: &'a [u8],
    /// The algorithm, in dotted form of its object identifier.
    pub algorithm: Algorithm,
    /// The signature itself.
    pub bytes: &'a [u8],
}

/// Signature algorithms that are known by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// RSA PKCS #1 1.5 with SHA-1.
    RsaSha1,
    /// RSA PKCS #1 1.5 with SHA-256.
    RsaSha256,
    /// RSA PKCS #1 1.5 with SHA-384.
    RsaSha384,
    /// RSA PKCS #1 1.5 with SHA-512.
    RsaSha512,
    /// RSA PSS with SHA-256.
    PssSha256,
    /// RSA PSS with SHA-384.
    PssSha384,
    /// RSA PSS with SHA-512.
    PssSha512,
    /// ECDSA with SHA-256.
    EcdsaSha256,
    /// ECDSA with SHA-384.
    EcdsaSha384,
    /// ECDSA with SHA-512.
    EcdsaSha512,
    /// Ed25519.
    Ed25519,
    /// Any other.
    Unknown,
}

// === impl Algorithm ===

impl Algorithm {
    /// From the body of an `AlgorithmIdentifier`.
    pub fn read(body: &[u8]) -> Self {
        let mut reader = der::Reader::new(body);
        let Some(oid) = reader.expect(der::OID) else { return Self::Unknown };
        let parameters = reader.rest();
        match oid {
            [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, last] => match last {
                5 => Self::RsaSha1,
                10 => pss(parameters),
                11 => Self::RsaSha256,
                12 => Self::RsaSha384,
                13 => Self::RsaSha512,
                _ => Self::Unknown,
            },
            [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, last] => match last {
                2 => Self::EcdsaSha256,
                3 => Self::EcdsaSha384,
                4 => Self::EcdsaSha512,
                _ => Self::Unknown,
            },
            [0x2b, 0x65, 0x70] => Self::Ed25519,
            _ => Self::Unknown,
        }
    }

    /// As ACM writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::RsaSha1 => "SHA1WITHRSA",
            Self::RsaSha256 => "SHA256WITHRSA",
            Self::RsaSha384 => "SHA384WITHRSA",
            Self::RsaSha512 => "SHA512WITHRSA",
            Self::PssSha256 => "SHA256WITHRSAANDMGF1",
            Self::PssSha384 => "SHA384WITHRSAANDMGF1",
            Self::PssSha512 => "SHA512WITHRSAANDMGF1",
            Self::EcdsaSha256 => "SHA256WITHECDSA",
            Self::EcdsaSha384 => "SHA384WITHECDSA",
            Self::EcdsaSha512 => "SHA512WITHECDSA",
            Self::Ed25519 => "ED25519",
            Self::Unknown => "UNKNOWN",
        }
    }
}

/// The hash of `RSASSA-PSS-params`; SHA-1, the default of the standard, is not known here.
fn pss(parameters: &[u8]) -> Algorithm {
    let hash = || {
        let mut body = der::Reader::new(der::Reader::new(parameters).expect(der::SEQUENCE)?);
        let mut algorithm = der::Reader::new(body.expect(der::context(0))?);
        der::Reader::new(algorithm.expect(der::SEQUENCE)?).expect(der::OID)
    };
    match hash() {
        Some([0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 1]) => Algorithm::PssSha256,
        Some([0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 2]) => Algorithm::PssSha384,
        Some([0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 3]) => Algorithm::PssSha512,
        _ => Algorithm::Unknown,
    }
}
