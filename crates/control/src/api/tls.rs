//! TLS of the API: what a listener shows to clients, given by the operator or made here.
//!
//! A generated identity is a certificate for the API's names, signed by an authority whose key is
//! thrown away at once: clients may trust the authority, because nobody can sign with it again.
//!
//! Invariant: handshakes that begin see one whole identity, the old one or the new one; an
//! identity that does not fit together never replaces one that does.

use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, date_time_ymd,
};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::NoServerSessionStorage;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{self, ServerConfig};

/// How long a generated certificate is valid (years).
const YEARS: i32 = 10;
const DAY_S: i64 = 86_400;
/// Days of four hundred years of the Gregorian calendar, and the years that they are.
const CYCLE_DAYS: i64 = 146_097;
const CYCLE_YEARS: i64 = 400;

/// What the listeners of the API show to clients; can be replaced while they run.
pub struct Certificates {
    config: RwLock<Arc<ServerConfig>>,
}

/// A certificate with its key, as PEM.
pub struct Identity {
    /// The API's certificate and the authority's.
    pub chain: String,
    /// The API's private key.
    pub private_key: String,
    /// The authority's certificate: what clients trust.
    pub authority: String,
}

/// Why an identity is not used. Nothing of a key is in the text.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// No certificate, or not PEM.
    #[error("the certificate is not readable: {0}")]
    Certificate(String),
    /// No private key, or not PEM.
    #[error("the private key is not readable: it must be PEM (PKCS#8, PKCS#1 or SEC1)")]
    PrivateKey,
    /// They do not belong together, or TLS cannot use them.
    #[error("certificate and private key cannot be used: {0}")]
    Unusable(String),
    /// A new identity could not be made.
    #[error("a certificate could not be made: {0}")]
    Making(String),
}

// === impl Certificates ===

impl Certificates {
    /// Takes a certificate chain and its private key, both PEM.
    ///
    /// # Errors
    /// What does not parse or does not belong together.
    pub fn new(chain: &str, private_key: &str) -> Result<Self, TlsError> {
        Ok(Self { config: RwLock::new(Arc::new(config(chain, private_key)?)) })
    }

    /// Shows another identity from the next handshake on.
    ///
    /// # Errors
    /// As [`Certificates::new`]; the old identity stays then.
    pub fn replace(&self, chain: &str, private_key: &str) -> Result<(), TlsError> {
        let config = Arc::new(config(chain, private_key)?);
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        let config = self.config.read().unwrap_or_else(PoisonError::into_inner);
        TlsAcceptor::from(Arc::clone(&config))
    }
}

// === impl Identity ===

impl Identity {
    /// Makes an identity for these names (DNS names or addresses), valid from yesterday on for ten
    /// years. `now_s` is seconds since the epoch.
    ///
    /// # Errors
    /// Names that no certificate can carry, or no randomness.
    pub fn generate(names: &[String], now_s: i64) -> Result<Self, TlsError> {
        let making = |error: rcgen::Error| TlsError::Making(error.to_string());
        let key = || KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(making);
        let (year, month, day) = date(now_s.div_euclid(DAY_S) - 1);
        let valid = |params: &mut CertificateParams| {
            params.not_before = date_time_ymd(year, month, day);
            // The 28th, since not every year has a 29th of February.
            params.not_after = date_time_ymd(year + YEARS, month, day.min(28));
        };
        let mut authority = CertificateParams::default();
        valid(&mut authority);
        authority.distinguished_name = named("Weir API authority");
        authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let authority_key = key()?;
        let authority_pem = authority.self_signed(&authority_key).map_err(making)?.pem();
        let issuer = Issuer::new(authority, authority_key);

        let mut params = CertificateParams::new(names.to_vec()).map_err(making)?;
        valid(&mut params);
        params.distinguished_name = named("Weir API");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let own_key = key()?;
        let certificate = params.signed_by(&own_key, &issuer).map_err(making)?.pem();
        Ok(Self {
            chain: format!("{certificate}{authority_pem}"),
            private_key: own_key.serialize_pem(),
            authority: authority_pem,
        })
    }
}

/// The names of an API that listens on these addresses: themselves, or what the machine is called
/// and has where one stands for all of them.
pub fn names(listening: &[IpAddr], local: &[IpAddr], hostname: &str) -> Vec<String> {
    let mut names = vec!["localhost".to_owned()];
    let is_name = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
    if !hostname.is_empty() && hostname.bytes().all(is_name) {
        names.push(hostname.to_owned());
    }
    let any = listening.iter().any(IpAddr::is_unspecified);
    let machine = if any { local } else { &[] };
    let named = listening.iter().chain(machine).filter(|address| !address.is_unspecified());
    names.extend(named.map(ToString::to_string));
    names.sort();
    names.dedup();
    names
}

fn config(chain: &str, private_key: &str) -> Result<ServerConfig, TlsError> {
    let certificates: Result<Vec<CertificateDer<'static>>, _> =
        CertificateDer::pem_slice_iter(chain.as_bytes()).collect();
    let certificates = certificates.map_err(|error| TlsError::Certificate(error.to_string()))?;
    if certificates.is_empty() {
        return Err(TlsError::Certificate("it holds no certificate".to_owned()));
    }
    let key = PrivateKeyDer::from_pem_slice(private_key.as_bytes());
    let key = key.map_err(|_| TlsError::PrivateKey)?;
    let unusable = |error: rustls::Error| TlsError::Unusable(error.to_string());
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(unusable)?
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .map_err(unusable)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // The API has few connections, and they live long: nothing is kept of those that ended.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(config)
}

fn named(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}

/// Year, month and day of a number of days since the epoch.
fn date(days: i64) -> (i32, u8, u8) {
    // Years begin in March here, so that a leap day is the last of its year.
    let shifted = days + 719_468;
    let cycle = shifted.div_euclid(CYCLE_DAYS);
    let day = shifted.rem_euclid(CYCLE_DAYS);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    ((cycle * CYCLE_YEARS + year + carry) as i32, month as u8, day_of_month as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_right() {
        for (days, expected) in [
            (0, (1970, 1, 1)),
            (11_016, (2000, 2, 29)),
            (20_779, (2026, 11, 22)),
            (-1, (1969, 12, 31)),
        ] {
            assert_eq!(date(days), expected);
        }
    }

    #[test]
    fn a_generated_identity_is_usable_and_its_halves_belong_together() {
        let names = ["localhost".to_owned(), "10.0.0.5".to_owned(), "fd00::1".to_owned()];
        let one = Identity::generate(&names, 1_767_225_600).unwrap();
        let two = Identity::generate(&names, 1_767_225_600).unwrap();
        let certificates = Certificates::new(&one.chain, &one.private_key).unwrap();
        let mixed = certificates.replace(&one.chain, &two.private_key).unwrap_err();
        assert!(matches!(mixed, TlsError::Unusable(_)), "{mixed}");
        certificates.replace(&two.chain, &two.private_key).unwrap();
        assert!(one.chain.ends_with(&one.authority));
        for (chain, key) in [("", ""), ("nonsense", &*one.private_key), (&*one.chain, "")] {
            let error = Certificates::new(chain, key).err().unwrap().to_string();
            assert!(!error.contains("BEGIN"), "{error}");
        }
    }

    #[test]
    fn an_api_on_all_addresses_is_named_after_the_machine() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let local = [ip("127.0.0.1"), ip("10.0.0.5")];
        assert_eq!(names(&[ip("10.0.0.5")], &local, "box"), ["10.0.0.5", "box", "localhost"]);
        let all = names(&[ip("0.0.0.0")], &local, "not a name");
        assert_eq!(all, ["10.0.0.5", "127.0.0.1", "localhost"]);
    }
}
