//! What a certificate says.
//!
//! Invariant: a value exists only for bytes that are exactly one certificate of version 3 or
//! below, with times that are within what milliseconds can count.

use std::net::{Ipv4Addr, Ipv6Addr};

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, KeyUsage, ParsedExtension};
use x509_parser::prelude::FromDer;
use x509_parser::x509::{SubjectPublicKeyInfo, X509Name};

use super::{Algorithm, Error, Signature, der};

/// Names of one certificate that are read.
const NAMES_MAX: usize = 1_000;

/// What kind of key it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// RSA with this many bits.
    Rsa(u32),
    /// ECDSA on NIST P-256.
    P256,
    /// ECDSA on NIST P-384.
    P384,
    /// ECDSA on NIST P-521.
    P521,
    /// Ed25519.
    Ed25519,
    /// Any other.
    Unknown,
}

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    /// What kind.
    pub kind: KeyKind,
    /// The content of the bit string: `RSAPublicKey`, or a point.
    pub bytes: Vec<u8>,
}

/// What a certificate says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// As encoded.
    pub der: Vec<u8>,
    /// `tbsCertificate` within `der`.
    signed: std::ops::Range<usize>,
    /// Of the issuer.
    pub algorithm: Algorithm,
    /// Of the issuer.
    pub signature: Vec<u8>,
    /// The subject's name as encoded.
    pub subject_der: Vec<u8>,
    /// The issuer's name as encoded.
    pub issuer_der: Vec<u8>,
    /// The subject's name in text.
    pub subject: String,
    /// The issuer's name in text.
    pub issuer: String,
    /// The issuer's organisation, else its common name.
    pub issuer_name: String,
    /// The subject's common name.
    pub common_name: Option<String>,
    /// Alternative names: DNS names and addresses, in order.
    pub alternative_names: Vec<String>,
    /// Lower-case hexadecimal pairs joined by colons.
    pub serial: String,
    /// Milliseconds since the epoch.
    pub not_before_ms: i64,
    /// Milliseconds since the epoch.
    pub not_after_ms: i64,
    /// The subject's key.
    pub key: PublicKey,
    /// Whether it may sign certificates: `cA` of the basic constraints.
    pub is_authority: bool,
    /// Key usages in ACM's words.
    pub key_usages: Vec<String>,
    /// Extended key usages as object identifiers.
    pub extended_key_usages: Vec<String>,
    /// 1, 2 or 3.
    pub version: u32,
}

// === impl KeyKind ===

impl KeyKind {
    /// In ACM's words; `None` for what ACM does not take.
    // spec: alb §1.7 Certificates and selection ("smart SNI")
    pub fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::Rsa(1024) => "RSA_1024",
            Self::Rsa(2048) => "RSA_2048",
            Self::Rsa(3072) => "RSA_3072",
            Self::Rsa(4096) => "RSA_4096",
            Self::P256 => "EC_prime256v1",
            Self::P384 => "EC_secp384r1",
            Self::P521 => "EC_secp521r1",
            Self::Rsa(_) | Self::Ed25519 | Self::Unknown => return None,
        })
    }

    /// For messages.
    pub fn text(self) -> String {
        match self {
            Self::Rsa(bits) => format!("RSA_{bits}"),
            Self::Ed25519 => "ED25519".to_owned(),
            known => known.name().unwrap_or("unknown").to_owned(),
        }
    }
}

// === impl Certificate ===

impl Certificate {
    /// Reads one certificate in DER.
    ///
    /// # Errors
    /// What is not exactly one certificate.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let broken = |_| Error::Encoding("it is no certificate");
        let (rest, parsed) = X509Certificate::from_der(bytes).map_err(broken)?;
        if !rest.is_empty() {
            return Err(Error::Encoding("something follows it"));
        }
        let (signed, algorithm) = outline(bytes).ok_or(Error::Encoding("it is not DER"))?;
        let tbs = &parsed.tbs_certificate;
        let ms = |time: &x509_parser::time::ASN1Time| time.timestamp().saturating_mul(1_000);
        let extensions = Extensions::read(&parsed)?;
        let common_name = first(tbs.subject.iter_common_name());
        let issuer_name = first(tbs.issuer.iter_organization())
            .or_else(|| first(tbs.issuer.iter_common_name()))
            .unwrap_or_else(|| text(&tbs.issuer));
        Ok(Self {
            der: bytes.to_vec(),
            signed,
            algorithm: Algorithm::read(algorithm),
            signature: parsed.signature_value.data.to_vec(),
            subject_der: tbs.subject.as_raw().to_vec(),
            issuer_der: tbs.issuer.as_raw().to_vec(),
            subject: text(&tbs.subject),
            issuer: text(&tbs.issuer),
            issuer_name,
            common_name,
            alternative_names: extensions.names,
            serial: pairs(tbs.raw_serial()),
            not_before_ms: ms(&tbs.validity.not_before),
            not_after_ms: ms(&tbs.validity.not_after),
            key: public_key(&tbs.subject_pki),
            is_authority: extensions.is_authority,
            key_usages: extensions.key_usages,
            extended_key_usages: extensions.extended_key_usages,
            version: tbs.version.0.saturating_add(1),
        })
    }

    /// The issuer's signature.
    pub fn signature(&self) -> Signature<'_> {
        let message = &self.der[self.signed.clone()];
        Signature { message, algorithm: self.algorithm, bytes: &self.signature }
    }

    /// Whether subject and issuer have the same name.
    pub fn is_self_issued(&self) -> bool {
        self.subject_der == self.issuer_der
    }

    /// The common name, else the first alternative name.
    pub fn domain(&self) -> Option<&str> {
        let names = || self.alternative_names.first();
        self.common_name.as_ref().or_else(names).map(String::as_str)
    }
}

/// What the extensions say.
#[derive(Default)]
struct Extensions {
    names: Vec<String>,
    is_authority: bool,
    key_usages: Vec<String>,
    extended_key_usages: Vec<String>,
}

// === impl Extensions ===

impl Extensions {
    fn read(certificate: &X509Certificate<'_>) -> Result<Self, Error> {
        let mut out = Self::default();
        for extension in certificate.extensions() {
            match extension.parsed_extension() {
                ParsedExtension::SubjectAlternativeName(names) => {
                    if names.general_names.len() > NAMES_MAX {
                        return Err(Error::TooMany { max: NAMES_MAX });
                    }
                    out.names.extend(names.general_names.iter().filter_map(name));
                }
                ParsedExtension::BasicConstraints(constraints) => {
                    out.is_authority = constraints.ca;
                }
                ParsedExtension::KeyUsage(usage) => out.key_usages = key_usages(usage),
                ParsedExtension::ExtendedKeyUsage(_) => {
                    out.extended_key_usages = identifiers(extension.value);
                }
                ParsedExtension::ParseError { .. } => {
                    return Err(Error::Encoding("an extension is broken"));
                }
                _ => {}
            }
        }
        Ok(out)
    }
}

// === helpers ===

/// Where the signed part lies, and the body of the outer algorithm.
fn outline(bytes: &[u8]) -> Option<(std::ops::Range<usize>, &[u8])> {
    let whole = der::Reader::new(bytes).expect(der::SEQUENCE)?;
    let start = bytes.len() - whole.len();
    let mut reader = der::Reader::new(whole);
    let signed = reader.expect_whole(der::SEQUENCE)?.whole.len();
    Some((start..start + signed, reader.expect(der::SEQUENCE)?))
}

fn first<'a>(
    mut attributes: impl Iterator<Item = &'a x509_parser::x509::AttributeTypeAndValue<'a>>,
) -> Option<String> {
    let value = attributes.next()?.as_str().ok()?;
    (!value.is_empty()).then(|| value.to_owned())
}

/// `C=US,O=Example,CN=web`, in the order of the encoding.
fn text(name: &X509Name<'_>) -> String {
    let parts = name.iter_attributes().map(|attribute| {
        let key = match attribute.attr_type().to_id_string().as_str() {
            "2.5.4.3" => "CN".to_owned(),
            "2.5.4.5" => "SERIALNUMBER".to_owned(),
            "2.5.4.6" => "C".to_owned(),
            "2.5.4.7" => "L".to_owned(),
            "2.5.4.8" => "ST".to_owned(),
            "2.5.4.9" => "STREET".to_owned(),
            "2.5.4.10" => "O".to_owned(),
            "2.5.4.11" => "OU".to_owned(),
            "0.9.2342.19200300.100.1.25" => "DC".to_owned(),
            "1.2.840.113549.1.9.1" => "EMAILADDRESS".to_owned(),
            other => other.to_owned(),
        };
        let value = attribute.as_str().map_or_else(|_| "?".to_owned(), escape);
        format!("{key}={value}")
    });
    parts.collect::<Vec<_>>().join(",")
}

/// RFC 2253: what would be read as structure is escaped.
fn escape(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        if matches!(c, ',' | '+' | '"' | '\\' | '<' | '>' | ';' | '=') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn pairs(bytes: &[u8]) -> String {
    // The encoding has a zero in front where the first bit would mean a sign.
    let digits = match bytes {
        [0, rest @ ..] if !rest.is_empty() => rest,
        all => all,
    };
    let pairs: Vec<String> = digits.iter().map(|byte| format!("{byte:02x}")).collect();
    pairs.join(":")
}

fn public_key(info: &SubjectPublicKeyInfo<'_>) -> PublicKey {
    let bytes = info.subject_public_key.data.to_vec();
    let curve = || info.algorithm.parameters.as_ref()?.as_oid().ok().map(|oid| oid.to_id_string());
    let kind = match info.algorithm.algorithm.to_id_string().as_str() {
        "1.2.840.113549.1.1.1" => rsa_bits(&bytes).map_or(KeyKind::Unknown, KeyKind::Rsa),
        "1.2.840.10045.2.1" => match curve().as_deref() {
            Some("1.2.840.10045.3.1.7") => KeyKind::P256,
            Some("1.3.132.0.34") => KeyKind::P384,
            Some("1.3.132.0.35") => KeyKind::P521,
            _ => KeyKind::Unknown,
        },
        "1.3.101.112" => KeyKind::Ed25519,
        _ => KeyKind::Unknown,
    };
    PublicKey { kind, bytes }
}

/// Bits of the modulus of an `RSAPublicKey`.
fn rsa_bits(key: &[u8]) -> Option<u32> {
    let mut fields = der::Reader::new(der::Reader::new(key).expect(der::SEQUENCE)?);
    let modulus = fields.expect(der::INTEGER)?;
    let modulus = &modulus[modulus.iter().take_while(|byte| **byte == 0).count()..];
    let first = modulus.first()?;
    u32::try_from(modulus.len() * 8).ok()?.checked_sub(first.leading_zeros())
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => Some(Ipv4Addr::from(<[u8; 4]>::try_from(*bytes).ok()?).to_string()),
            16 => Some(Ipv6Addr::from(<[u8; 16]>::try_from(*bytes).ok()?).to_string()),
            _ => None,
        },
        _ => None,
    }
}

fn key_usages(usage: &KeyUsage) -> Vec<String> {
    const WORDS: [&str; 9] = [
        "DIGITAL_SIGNATURE",
        "NON_REPUDIATION",
        "KEY_ENCIPHERMENT",
        "DATA_ENCIPHERMENT",
        "KEY_AGREEMENT",
        "CERTIFICATE_SIGNING",
        "CRL_SIGNING",
        "ENCIPHER_ONLY",
        "DECIPHER_ONLY",
    ];
    let set = WORDS.iter().enumerate().filter(|(bit, _)| usage.flags >> bit & 1 == 1);
    set.map(|(_, word)| (*word).to_owned()).collect()
}

/// The identifiers of a sequence of them.
fn identifiers(value: &[u8]) -> Vec<String> {
    let body = der::Reader::new(value).expect(der::SEQUENCE).unwrap_or_default();
    let mut reader = der::Reader::new(body);
    std::iter::from_fn(|| reader.expect(der::OID)).filter_map(der::dotted).collect()
}
