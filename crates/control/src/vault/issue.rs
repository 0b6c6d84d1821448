//! The certificate authority of this installation.
//!
//! Nobody outside can validate a domain for us, so that `RequestCertificate` is answered by an
//! authority of our own: made when it is first needed, its key sealed, its certificate at the end
//! of every chain and in `certificate-authority.pem` for those who want to believe it.
//!
//! Invariant: the authority is made once; its key never leaves the file unsealed.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, RsaKeySize, SanType, SerialNumber, date_time_ymd,
};
use serde::{Deserialize, Serialize};
use weir_core::resource::SealedKey;
use weir_core::time::Civil;
use weir_wire::x509::pem;
use zeroize::Zeroizing;

use super::pair::{Pair, PairTrouble};
use super::seal::{SealError, SealingKey};
use super::{key_file, limits};

const FILE: &str = "certificate-authority.json";
const CERTIFICATE_FILE: &str = "certificate-authority.pem";
/// What its key is sealed for.
const CONTEXT: &str = "weir: local certificate authority";
const DAY_MS: i64 = 86_400_000;

/// The key algorithms of ACM's requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestedKey {
    /// `RSA_2048`.
    Rsa2048,
    /// `RSA_3072`.
    Rsa3072,
    /// `RSA_4096`.
    Rsa4096,
    /// `EC_prime256v1`.
    P256,
    /// `EC_secp384r1`.
    P384,
    /// `EC_secp521r1`.
    P521,
}

/// The local authority.
#[derive(Debug)]
pub struct Issuer {
    dir: PathBuf,
    /// Held while the authority is made or read.
    kept: Mutex<Option<Kept>>,
}

/// What the file holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Kept {
    name: String,
    certificate: String,
    key: SealedKey,
}

/// Why nothing was issued. For the operator.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// The file.
    #[error("{}: {error}", file.display())]
    Io {
        /// Which.
        file: PathBuf,
        /// What went wrong.
        error: std::io::Error,
    },
    /// Not what we wrote.
    #[error("{} is damaged", .0.display())]
    Damaged(PathBuf),
    /// Its key.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The library.
    #[error("a certificate cannot be made: {0}")]
    Making(#[from] rcgen::Error),
    /// What was made is not what was wanted.
    #[error("the issued certificate is not sound: {0:?}")]
    Unsound(PairTrouble),
}

// === impl RequestedKey ===

impl RequestedKey {
    /// What ACM calls it.
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "RSA_2048" => Self::Rsa2048,
            "RSA_3072" => Self::Rsa3072,
            "RSA_4096" => Self::Rsa4096,
            "EC_prime256v1" => Self::P256,
            "EC_secp384r1" => Self::P384,
            "EC_secp521r1" => Self::P521,
            _ => return None,
        })
    }

    fn generate(self) -> Result<KeyPair, rcgen::Error> {
        match self {
            Self::Rsa2048 => KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_2048),
            Self::Rsa3072 => KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_3072),
            Self::Rsa4096 => KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_4096),
            Self::P256 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256),
            Self::P384 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384),
            Self::P521 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P521_SHA512),
        }
    }
}

// === impl Issuer ===

impl Issuer {
    /// Whether a data directory has an authority already.
    pub fn exists(dir: &Path) -> bool {
        dir.join(FILE).exists()
    }

    /// The authority of a data directory; made when it is first needed.
    pub fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), kept: Mutex::new(None) }
    }

    /// Whether the file can be read and its key opened. Blocks for the disk.
    ///
    /// # Errors
    /// See [`IssueError`].
    pub fn verify(&self, key: &SealingKey) -> Result<(), IssueError> {
        let kept = self.read()?.ok_or_else(|| IssueError::Damaged(self.file()))?;
        key.open(&kept.key, CONTEXT)?;
        Ok(())
    }

    /// Issues a certificate for these names, the first of which is its subject. Blocks for the
    /// disk and for as long as it takes to find an RSA key.
    ///
    /// # Errors
    /// See [`IssueError`].
    pub fn issue(
        &self,
        sealing: &SealingKey,
        names: &[String],
        algorithm: RequestedKey,
        now_ms: i64,
    ) -> Result<Pair, IssueError> {
        let kept = self.establish(sealing, now_ms)?;
        let authority = sealing.open(&kept.key, CONTEXT)?;
        let authority = key_pair(&authority.0)?;
        let params = authority_params(&kept.name, now_ms);
        let issuer = rcgen::Issuer::from_params(&params, &authority);
        let key = algorithm.generate()?;
        let signed = leaf_params(names, now_ms)?.signed_by(&key, &issuer)?;
        let body = pem::encode("CERTIFICATE", signed.der());
        let key = Zeroizing::new(key.serialize_der());
        let key = Zeroizing::new(pem::encode("PRIVATE KEY", &key));
        // What is issued passes the gate that imported certificates pass.
        let chain = Some(kept.certificate.as_bytes());
        let need = super::pair::ChainNeed::Required;
        Pair::read(body.as_bytes(), chain, key.as_bytes(), now_ms, need)
            .map_err(IssueError::Unsound)
    }

    fn file(&self) -> PathBuf {
        self.dir.join(FILE)
    }

    fn establish(&self, sealing: &SealingKey, now_ms: i64) -> Result<Kept, IssueError> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = kept.as_ref() {
            return Ok(kept.clone());
        }
        let found = match self.read()? {
            Some(found) => found,
            None => self.make(sealing, now_ms)?,
        };
        *kept = Some(found.clone());
        Ok(found)
    }

    fn read(&self) -> Result<Option<Kept>, IssueError> {
        let file = self.file();
        let text = match std::fs::read(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(IssueError::Io { file, error }),
        };
        let kept: Kept = serde_json::from_slice(&text).map_err(|_| IssueError::Damaged(file))?;
        Ok(Some(kept))
    }

    fn make(&self, sealing: &SealingKey, now_ms: i64) -> Result<Kept, IssueError> {
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
        let mut bytes = [0u8; 4];
        // The name only tells installations apart.
        let _ = getrandom::fill(&mut bytes);
        let name = format!("Weir local authority {:08x}", u32::from_be_bytes(bytes));
        let signed = authority_params(&name, now_ms).self_signed(&key)?;
        let certificate = pem::encode("CERTIFICATE", signed.der());
        let key = sealing.seal(&Zeroizing::new(key.serialize_der()), CONTEXT)?;
        let kept = Kept { name, certificate, key };
        let text =
            serde_json::to_vec_pretty(&kept).map_err(|_| IssueError::Damaged(self.file()))?;
        let failed = |file: PathBuf| move |error| IssueError::Io { file, error };
        key_file::write_new(&self.dir, &self.file(), &text).map_err(failed(self.file()))?;
        let file = self.dir.join(CERTIFICATE_FILE);
        std::fs::write(&file, &kept.certificate).map_err(failed(file.clone()))?;
        tracing::info!(name = kept.name, file = %file.display(), "a local authority was made");
        Ok(kept)
    }
}

// === what is signed ===

fn key_pair(pkcs8: &[u8]) -> Result<KeyPair, rcgen::Error> {
    KeyPair::try_from(pkcs8)
}

fn authority_params(name: &str, now_ms: i64) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "Weir");
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    times(&mut params, now_ms, limits::ISSUER_DAYS);
    params
}

fn leaf_params(names: &[String], now_ms: i64) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    // A common name has at most 64 characters; longer ones are alternative names only.
    if let Some(subject) = names.first().filter(|name| name.len() <= 64) {
        params.distinguished_name.push(DnType::CommonName, subject.as_str());
    }
    for name in names {
        params.subject_alt_names.push(match name.parse::<IpAddr>() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => SanType::DnsName(name.as_str().try_into()?),
        });
    }
    let mut serial = [0u8; 16];
    getrandom::fill(&mut serial).map_err(|_| rcgen::Error::RingUnspecified)?;
    // Positive, and never with a zero in front.
    serial[0] = serial[0] & 0x7f | 0x40;
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params.use_authority_key_identifier_extension = true;
    times(&mut params, now_ms, limits::ISSUED_DAYS);
    Ok(params)
}

/// From the midnight before to so many days after it.
fn times(params: &mut CertificateParams, now_ms: i64, days: i64) {
    let at = |ms: i64| {
        let civil = Civil::from_epoch(ms.div_euclid(1_000));
        date_time_ymd(civil.year, civil.month, civil.day)
    };
    params.not_before = at(now_ms);
    params.not_after = at(now_ms.saturating_add(days.saturating_mul(DAY_MS)));
}
