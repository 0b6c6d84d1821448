//! What a caller brings: a certificate, its chain and its private key, as text.
//!
//! Invariant: a `Pair` exists only when the private key is the certificate's, the certificate is
//! within its time, and each certificate of the chain signed the one before it.
// spec: alb §1.7 Certificates and selection ("smart SNI")

use aws_lc_rs::signature as algorithms;
use aws_lc_rs::signature::{EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair, UnparsedPublicKey};
use aws_lc_rs::signature::{RsaKeyPair, VerificationAlgorithm};
use weir_core::resource::CertificateFacts;
use weir_wire::x509::pem::{self, Around, Block};
use weir_wire::x509::{Algorithm, Certificate, KeyKind, PublicKey, Signature, der};
use zeroize::Zeroizing;

use super::limits;

const OID_RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const OID_EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const OID_P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const OID_P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
const OID_P521: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x23];

/// A certificate with its chain and its private key.
pub struct Pair {
    /// The leaf.
    pub leaf: Certificate,
    /// The rest, each the issuer of the one before it.
    pub chain: Vec<Certificate>,
    /// PKCS #8.
    pub key: Zeroizing<Vec<u8>>,
}

/// A private key that was understood.
pub struct PrivateKey {
    /// PKCS #8.
    pub pkcs8: Zeroizing<Vec<u8>>,
    /// Its other half.
    pub public: PublicKey,
}

/// Whether a chain must be there for what did not sign itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChainNeed {
    /// ACM.
    Required,
    /// IAM.
    Optional,
}

/// Why it is no pair. Each API says it in its own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PairTrouble {
    /// The certificate is not one PEM block that holds a certificate.
    CertificateUnreadable,
    /// There are several.
    CertificateSeveral,
    /// The chain is not PEM, or something in it is no certificate.
    ChainUnreadable,
    /// This certificate of the chain did not sign the one before it.
    ChainBroken {
        /// From 0.
        index: usize,
    },
    /// The first certificate of the chain did not sign the leaf.
    ChainMismatch,
    /// No chain, although it did not sign itself.
    NotSelfSigned,
    /// The key is not PEM or holds no key.
    KeyUnreadable,
    /// The key has a passphrase.
    KeyEncrypted,
    /// A kind of key that is not taken.
    KeyUnsupported,
    /// The key is another certificate's.
    KeyMismatch,
    /// A kind or size of key in the certificate that is not taken.
    Algorithm(String),
    /// Its time is over.
    Expired,
    /// Its time has not begun.
    NotYetValid,
    /// Too long.
    TooLarge {
        /// `certificate`, `private key` or `certificate chain`.
        field: &'static str,
    },
}

// === impl Pair ===

impl Pair {
    /// Reads and verifies what a caller brings.
    ///
    /// # Errors
    /// The first thing that is wrong, the certificate first, then the key, then the chain.
    pub fn read(
        certificate: &[u8],
        chain: Option<&[u8]>,
        key: &[u8],
        now_ms: i64,
        need: ChainNeed,
    ) -> Result<Self, PairTrouble> {
        let too_large = |field, bytes: &[u8], max| match bytes.len() > max {
            true => Err(PairTrouble::TooLarge { field }),
            false => Ok(()),
        };
        let chain_bytes = chain.unwrap_or_default();
        too_large("certificate", certificate, limits::CERTIFICATE_BYTES_MAX)?;
        too_large("private key", key, limits::KEY_BYTES_MAX)?;
        too_large("certificate chain", chain_bytes, limits::CHAIN_BYTES_MAX)?;
        let leaf = one_certificate(certificate)?;
        if leaf.key.kind.name().is_none() {
            return Err(PairTrouble::Algorithm(leaf.key.kind.text()));
        }
        let key = PrivateKey::read(key)?;
        if key.public != leaf.key {
            return Err(PairTrouble::KeyMismatch);
        }
        if leaf.not_after_ms <= now_ms {
            return Err(PairTrouble::Expired);
        }
        if leaf.not_before_ms > now_ms {
            return Err(PairTrouble::NotYetValid);
        }
        let chain = certificates(chain_bytes)?;
        verify_chain(&leaf, &chain, need)?;
        Ok(Self { leaf, chain, key: key.pkcs8 })
    }

    /// The leaf as text.
    pub fn body(&self) -> String {
        pem::encode("CERTIFICATE", &self.leaf.der)
    }

    /// The chain as text; `None` when there is none.
    pub fn chain_text(&self) -> Option<String> {
        let blocks = self.chain.iter().map(|one| pem::encode("CERTIFICATE", &one.der));
        let text: String = blocks.collect();
        (!text.is_empty()).then_some(text)
    }
}

impl std::fmt::Debug for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pair({})", self.leaf.subject)
    }
}

/// What a leaf says, as the catalog keeps it.
pub fn facts(leaf: &Certificate) -> CertificateFacts {
    let domain = leaf.domain().unwrap_or_default().to_owned();
    let mut names = vec![domain.clone()];
    for name in &leaf.alternative_names {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    names.retain(|name| !name.is_empty());
    CertificateFacts {
        domain,
        names,
        serial: leaf.serial.clone(),
        subject: leaf.subject.clone(),
        issuer: leaf.issuer.clone(),
        issuer_name: leaf.issuer_name.clone(),
        key_algorithm: leaf.key.kind.text(),
        signature_algorithm: leaf.algorithm.name().to_owned(),
        not_before_ms: leaf.not_before_ms,
        not_after_ms: leaf.not_after_ms,
        key_usages: leaf.key_usages.clone(),
        extended_key_usages: leaf.extended_key_usages.clone(),
    }
}

// === certificates ===

fn one_certificate(text: &[u8]) -> Result<Certificate, PairTrouble> {
    let unreadable = || PairTrouble::CertificateUnreadable;
    let blocks = pem::blocks(text, Around::Anything, limits::CHAIN_LEN_MAX);
    let blocks = blocks.map_err(|_| unreadable())?;
    let [block] = blocks.as_slice() else {
        return Err(match blocks.len() {
            0 => unreadable(),
            _ => PairTrouble::CertificateSeveral,
        });
    };
    read_block(block).ok_or_else(unreadable)
}

fn certificates(text: &[u8]) -> Result<Vec<Certificate>, PairTrouble> {
    let unreadable = || PairTrouble::ChainUnreadable;
    let blocks = pem::blocks(text, Around::Anything, limits::CHAIN_LEN_MAX);
    let blocks = blocks.map_err(|_| unreadable())?;
    if blocks.is_empty() && !text.trim_ascii().is_empty() {
        return Err(unreadable());
    }
    blocks.iter().map(|block| read_block(block).ok_or_else(unreadable)).collect()
}

fn read_block(block: &Block) -> Option<Certificate> {
    let labelled = matches!(block.label.as_str(), "CERTIFICATE" | "X509 CERTIFICATE");
    labelled.then(|| Certificate::parse(&block.der).ok()).flatten()
}

fn verify_chain(
    leaf: &Certificate,
    chain: &[Certificate],
    need: ChainNeed,
) -> Result<(), PairTrouble> {
    let signed = |below: &Certificate, above: &Certificate| {
        below.issuer_der == above.subject_der && verify(&below.signature(), &above.key)
    };
    let Some(first) = chain.first() else {
        return match need {
            ChainNeed::Required if !signed(leaf, leaf) => Err(PairTrouble::NotSelfSigned),
            ChainNeed::Required | ChainNeed::Optional => Ok(()),
        };
    };
    if !signed(leaf, first) {
        return Err(PairTrouble::ChainMismatch);
    }
    let broken = chain.windows(2).position(|pair| !signed(&pair[0], &pair[1]));
    match broken {
        Some(at) => Err(PairTrouble::ChainBroken { index: at + 1 }),
        None => Ok(()),
    }
}

/// Whether this key made the signature.
pub fn verify(signature: &Signature<'_>, key: &PublicKey) -> bool {
    let Some(algorithm) = verification(signature.algorithm, key.kind) else { return false };
    let key = UnparsedPublicKey::new(algorithm, key.bytes.as_slice());
    key.verify(signature.message, signature.bytes).is_ok()
}

fn verification(algorithm: Algorithm, key: KeyKind) -> Option<&'static dyn VerificationAlgorithm> {
    Some(match (algorithm, key) {
        (Algorithm::RsaSha1, KeyKind::Rsa(_)) => {
            &algorithms::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY
        }
        (Algorithm::RsaSha256, KeyKind::Rsa(_)) => {
            &algorithms::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY
        }
        (Algorithm::RsaSha384, KeyKind::Rsa(_)) => &algorithms::RSA_PKCS1_2048_8192_SHA384,
        (Algorithm::RsaSha512, KeyKind::Rsa(_)) => {
            &algorithms::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY
        }
        (Algorithm::PssSha256, KeyKind::Rsa(_)) => &algorithms::RSA_PSS_2048_8192_SHA256,
        (Algorithm::PssSha384, KeyKind::Rsa(_)) => &algorithms::RSA_PSS_2048_8192_SHA384,
        (Algorithm::PssSha512, KeyKind::Rsa(_)) => &algorithms::RSA_PSS_2048_8192_SHA512,
        (Algorithm::EcdsaSha256, KeyKind::P256) => &algorithms::ECDSA_P256_SHA256_ASN1,
        (Algorithm::EcdsaSha384, KeyKind::P256) => &algorithms::ECDSA_P256_SHA384_ASN1,
        (Algorithm::EcdsaSha512, KeyKind::P256) => &algorithms::ECDSA_P256_SHA512_ASN1,
        (Algorithm::EcdsaSha256, KeyKind::P384) => &algorithms::ECDSA_P384_SHA256_ASN1,
        (Algorithm::EcdsaSha384, KeyKind::P384) => &algorithms::ECDSA_P384_SHA384_ASN1,
        (Algorithm::EcdsaSha512, KeyKind::P384) => &algorithms::ECDSA_P384_SHA512_ASN1,
        (Algorithm::EcdsaSha256, KeyKind::P521) => &algorithms::ECDSA_P521_SHA256_ASN1,
        (Algorithm::EcdsaSha384, KeyKind::P521) => &algorithms::ECDSA_P521_SHA384_ASN1,
        (Algorithm::EcdsaSha512, KeyKind::P521) => &algorithms::ECDSA_P521_SHA512_ASN1,
        (Algorithm::Ed25519, KeyKind::Ed25519) => &algorithms::ED25519,
        _ => return None,
    })
}

// === keys ===

impl PrivateKey {
    /// Reads a key in PEM: PKCS #8, PKCS #1 or SEC 1, not encrypted.
    ///
    /// # Errors
    /// See [`PairTrouble`].
    pub fn read(text: &[u8]) -> Result<Self, PairTrouble> {
        let blocks = pem::blocks(text, Around::Anything, limits::KEY_BLOCKS_MAX);
        let blocks = blocks.map_err(|_| PairTrouble::KeyUnreadable)?;
        // OpenSSL writes the curve in a block of its own, in front.
        let mut keys = blocks.into_iter().filter(|block| block.label != "EC PARAMETERS");
        let (Some(block), None) = (keys.next(), keys.next()) else {
            return Err(PairTrouble::KeyUnreadable);
        };
        let bytes = Zeroizing::new(block.der);
        if block.has_headers || block.label == "ENCRYPTED PRIVATE KEY" {
            return Err(PairTrouble::KeyEncrypted);
        }
        match block.label.as_str() {
            "PRIVATE KEY" => Self::from_pkcs8(&bytes),
            "RSA PRIVATE KEY" => Self::from_rsa(&bytes),
            "EC PRIVATE KEY" => {
                let curve = sec1_curve(&bytes).ok_or(PairTrouble::KeyUnsupported)?;
                Self::from_ec(&bytes, curve)
            }
            _ => Err(PairTrouble::KeyUnreadable),
        }
    }

    fn from_pkcs8(bytes: &[u8]) -> Result<Self, PairTrouble> {
        let (algorithm, parameters, key) = pkcs8(bytes).ok_or(PairTrouble::KeyUnreadable)?;
        match algorithm {
            OID_RSA => Self::from_rsa(key),
            OID_EC => {
                let curve = der::Reader::new(parameters).expect(der::OID);
                Self::from_ec(key, curve.ok_or(PairTrouble::KeyUnsupported)?)
            }
            _ => Err(PairTrouble::KeyUnsupported),
        }
    }

    fn from_rsa(key: &[u8]) -> Result<Self, PairTrouble> {
        let bytes = rsa_public(key).ok_or(PairTrouble::KeyUnreadable)?;
        let bits = rsa_bits(&bytes).ok_or(PairTrouble::KeyUnreadable)?;
        let kind = KeyKind::Rsa(bits);
        if kind.name().is_none() {
            return Err(PairTrouble::KeyUnsupported);
        }
        // The library takes no RSA key below 2048 bits; ACM takes 1024, which is then believed to
        // be whole.
        if bits >= 2_048 {
            RsaKeyPair::from_der(key).map_err(|_| PairTrouble::KeyUnreadable)?;
        }
        let null = der::wrap(der::NULL, &[]);
        let pkcs8 = wrap_pkcs8(&[&der::wrap(der::OID, &[OID_RSA]), &null], key);
        Ok(Self { pkcs8, public: PublicKey { kind, bytes } })
    }

    fn from_ec(key: &[u8], curve: &[u8]) -> Result<Self, PairTrouble> {
        let (kind, signing): (_, &'static EcdsaSigningAlgorithm) = match curve {
            OID_P256 => (KeyKind::P256, &algorithms::ECDSA_P256_SHA256_ASN1_SIGNING),
            OID_P384 => (KeyKind::P384, &algorithms::ECDSA_P384_SHA384_ASN1_SIGNING),
            OID_P521 => (KeyKind::P521, &algorithms::ECDSA_P521_SHA512_ASN1_SIGNING),
            _ => return Err(PairTrouble::KeyUnsupported),
        };
        let parts = [der::wrap(der::OID, &[OID_EC]), der::wrap(der::OID, &[curve])];
        let pkcs8 = wrap_pkcs8(&[&parts[0], &parts[1]], key);
        let pair = EcdsaKeyPair::from_private_key_der(signing, &pkcs8);
        let pair = pair.map_err(|_| PairTrouble::KeyUnreadable)?;
        let bytes = pair.public_key().as_ref().to_vec();
        Ok(Self { pkcs8, public: PublicKey { kind, bytes } })
    }
}

impl std::fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PrivateKey({}, ***)", self.public.kind.text())
    }
}

/// Algorithm, its parameters, and the key of a `PrivateKeyInfo`.
fn pkcs8(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let mut fields = der::Reader::new(der::Reader::new(bytes).expect(der::SEQUENCE)?);
    fields.expect(der::INTEGER)?;
    let mut algorithm = der::Reader::new(fields.expect(der::SEQUENCE)?);
    let identifier = algorithm.expect(der::OID)?;
    Some((identifier, algorithm.rest(), fields.expect(der::OCTET_STRING)?))
}

fn wrap_pkcs8(algorithm: &[&[u8]], key: &[u8]) -> Zeroizing<Vec<u8>> {
    let version = der::wrap(der::INTEGER, &[&[0]]);
    let algorithm = der::wrap(der::SEQUENCE, algorithm);
    let key = Zeroizing::new(der::wrap(der::OCTET_STRING, &[key]));
    Zeroizing::new(der::wrap(der::SEQUENCE, &[&version, &algorithm, &key]))
}

/// `RSAPublicKey` of an `RSAPrivateKey`.
fn rsa_public(key: &[u8]) -> Option<Vec<u8>> {
    let mut fields = der::Reader::new(der::Reader::new(key).expect(der::SEQUENCE)?);
    fields.expect(der::INTEGER)?;
    let modulus = fields.expect_whole(der::INTEGER)?.whole;
    let exponent = fields.expect_whole(der::INTEGER)?.whole;
    Some(der::wrap(der::SEQUENCE, &[modulus, exponent]))
}

fn rsa_bits(public: &[u8]) -> Option<u32> {
    let mut fields = der::Reader::new(der::Reader::new(public).expect(der::SEQUENCE)?);
    let modulus = fields.expect(der::INTEGER)?;
    let digits = &modulus[modulus.iter().take_while(|byte| **byte == 0).count()..];
    u32::try_from(digits.len() * 8).ok()?.checked_sub(digits.first()?.leading_zeros())
}

/// The curve that an `ECPrivateKey` names itself.
fn sec1_curve(key: &[u8]) -> Option<&[u8]> {
    let mut fields = der::Reader::new(der::Reader::new(key).expect(der::SEQUENCE)?);
    fields.expect(der::INTEGER)?;
    fields.expect(der::OCTET_STRING)?;
    der::Reader::new(fields.expect(der::context(0))?).expect(der::OID)
}

#[cfg(test)]
mod tests;
