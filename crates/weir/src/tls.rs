//! The certificate of the API: the operator's files, or one that is made once and kept in the data
//! directory.
//!
//! Invariant: a private key that is made here lies in a file of mode 0600 and nowhere else.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use weir_control::api::tls::{Certificates, Identity, names};

use crate::config::Config;
use crate::secret_file;

/// What clients trust when the certificate was made here; `weir env` names it.
pub const AUTHORITY_FILE: &str = "api-ca.pem";
const CHAIN_FILE: &str = "api-certificate.pem";
const KEY_FILE: &str = "api-key.pem";
/// When the certificate was made and for which names, one per line.
const NAMES_FILE: &str = "api-names";
/// A made certificate, valid for ten years, is replaced at a start after this.
const RENEWED_AFTER: Duration = Duration::from_secs(9 * 365 * 86_400);

/// What the listeners show, and where it comes from.
#[derive(Clone)]
pub struct ApiCertificates {
    /// For the listeners.
    pub certificates: Arc<Certificates>,
    chain: PathBuf,
    private_key: PathBuf,
    /// Whether the files are the operator's and may change while the process runs.
    pub is_given: bool,
}

// === impl ApiCertificates ===

impl ApiCertificates {
    /// What the settings say, if an address of the API needs it.
    pub fn establish(config: &Config) -> anyhow::Result<Option<Self>> {
        if !config.api.iter().any(|address| address.tls) {
            return Ok(None);
        }
        let (chain, private_key) = match &config.api_tls {
            Some(given) => (given.certificate.clone(), given.private_key.clone()),
            None => made(config)?,
        };
        let certificates = Certificates::new(&read(&chain)?, &read(&private_key)?)
            .with_context(|| format!("the API's certificate {} and its key", chain.display()))?;
        let certificates = Arc::new(certificates);
        Ok(Some(Self { certificates, chain, private_key, is_given: config.api_tls.is_some() }))
    }

    /// Reads the files again; on an error the old certificate stays.
    pub fn reload(&self) -> anyhow::Result<()> {
        let (chain, key) = (read(&self.chain)?, read(&self.private_key)?);
        self.certificates.replace(&chain, &key).context("the API's certificate")
    }
}

/// The files of the identity of this data directory; makes one when there is none for all names.
fn made(config: &Config) -> anyhow::Result<(PathBuf, PathBuf)> {
    let dir = &config.data_dir;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let names = wanted_names(config)?;
    let files = (dir.join(CHAIN_FILE), dir.join(KEY_FILE));
    if files.0.exists() && files.1.exists() && serves(&dir.join(NAMES_FILE), &names, now) {
        return Ok(files);
    }
    let identity = Identity::generate(&names, now.as_secs() as i64)?;
    // The names come last: without them a later start makes everything anew.
    secret_file::write(&files.1, &identity.private_key)?;
    secret_file::write(&files.0, &identity.chain)?;
    secret_file::write(&dir.join(AUTHORITY_FILE), &identity.authority)?;
    let text = format!("{}\n{}\n", now.as_secs(), names.join("\n"));
    secret_file::write(&dir.join(NAMES_FILE), &text)?;
    let authority = dir.join(AUTHORITY_FILE);
    tracing::info!(names = names.join(" "), authority = %authority.display(), "made a certificate");
    Ok(files)
}

fn wanted_names(config: &Config) -> anyhow::Result<Vec<String>> {
    let listening: Vec<IpAddr> =
        config.api.iter().filter(|a| a.tls).map(|address| address.addr.ip()).collect();
    let local = weir_net::address::local().context("the addresses of this machine")?;
    let hostname = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    Ok(names(&listening, &local, hostname.trim()))
}

/// Whether the kept identity is young enough and has these names.
fn serves(file: &Path, names: &[String], now: Duration) -> bool {
    let Ok(text) = fs::read_to_string(file) else { return false };
    let mut lines = text.lines();
    let made = lines.next().and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs);
    let kept: Vec<&str> = lines.collect();
    made.is_some_and(|made| now < made + RENEWED_AFTER)
        && names.iter().all(|name| kept.contains(&name.as_str()))
}

fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::cli::{DirArgs, UpArgs};

    fn config(dir: &Path, api: &str) -> Config {
        let dir = DirArgs { data_dir: Some(dir.into()) };
        Config::load(&UpArgs { dir, api: vec![api.to_owned()], config: None }).unwrap()
    }

    #[test]
    fn a_certificate_is_made_once_and_for_the_names_in_use() {
        let dir = tempfile::tempdir().unwrap();
        let key = || fs::read(dir.path().join(KEY_FILE)).unwrap();
        assert!(ApiCertificates::establish(&config(dir.path(), "127.0.0.1:0")).unwrap().is_none());
        assert!(!dir.path().join(KEY_FILE).exists());
        let made = ApiCertificates::establish(&config(dir.path(), "10.0.0.5:8443")).unwrap();
        let made = made.unwrap();
        let first = key();
        let mode = fs::metadata(dir.path().join(KEY_FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        ApiCertificates::establish(&config(dir.path(), "10.0.0.5:8444")).unwrap();
        assert_eq!(key(), first, "the same names");
        ApiCertificates::establish(&config(dir.path(), "10.0.0.6:8443")).unwrap();
        assert_ne!(key(), first, "another name");
        made.reload().unwrap();
        fs::write(dir.path().join(CHAIN_FILE), "damaged").unwrap();
        assert!(made.reload().is_err());
    }
}
