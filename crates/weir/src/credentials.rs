//! The access key and account of one data directory.
//!
//! The first start makes a key; a chosen one (environment or settings file) replaces it. Either
//! way the file holds what is in force, so that `weir env` can print it.
//!
//! Invariant: the account of a data directory never changes, because every ARN in its store
//! carries it.

use std::path::Path;

use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};
use weir_wire::sigv4::SecretKey;

use crate::config::Config;
use crate::secret_file;

const FILE: &str = "credentials.json";
/// What AWS draws access key ids from.
const ID_ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// Letters and digits only, so that no shell needs to quote a secret.
const SECRET_ALPHABET: &[u8; 64] =
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789ab";

/// What the file holds.
#[derive(Serialize, Deserialize)]
pub struct Credentials {
    /// Twelve digits.
    pub account_id: String,
    /// `AKIA…`.
    pub access_key_id: String,
    /// Never printed except by `weir env`.
    pub secret_access_key: String,
}

// === impl Credentials ===

impl Credentials {
    /// Reads the file of a data directory that was started before.
    pub fn read(data_dir: &Path) -> anyhow::Result<Self> {
        let path = data_dir.join(FILE);
        let text = std::fs::read_to_string(&path).with_context(|| {
            format!("cannot read {} (was `weir up` started with this directory?)", path.display())
        })?;
        // serde_json's message quotes no content.
        serde_json::from_str(&text).with_context(|| format!("{} is damaged", path.display()))
    }

    /// What is in force for this configuration; writes the file when that changed.
    pub fn establish(config: &Config) -> anyhow::Result<Self> {
        let path = config.data_dir.join(FILE);
        let kept = if path.exists() { Some(Self::read(&config.data_dir)?) } else { None };
        let account = config.catalog.account.as_str();
        if let Some(kept) = &kept {
            ensure!(
                !config.account_was_chosen || kept.account_id == account,
                "{} belongs to account {}, not {account}; use another data directory",
                config.data_dir.display(),
                kept.account_id
            );
        }
        let account_id = kept.as_ref().map_or(account, |kept| &kept.account_id).to_owned();
        let (access_key_id, secret_access_key) = match (&config.key, &kept) {
            (Some(key), _) => (key.id.clone(), key.secret.clone()),
            (None, Some(kept)) => (kept.access_key_id.clone(), kept.secret_access_key.clone()),
            (None, None) => {
                (format!("AKIA{}", draw(16, ID_ALPHABET)?), draw(40, &SECRET_ALPHABET[..62])?)
            }
        };
        let now = Self { account_id, access_key_id, secret_access_key };
        if kept.is_none_or(|kept| !kept.same(&now)) {
            secret_file::write(&path, &serde_json::to_string_pretty(&now)?)?;
        }
        Ok(now)
    }

    /// For the control side.
    pub fn control(&self) -> weir_control::Credentials {
        weir_control::Credentials {
            access_key_id: self.access_key_id.clone(),
            secret_access_key: SecretKey::new(self.secret_access_key.clone()),
        }
    }

    fn same(&self, other: &Self) -> bool {
        self.account_id == other.account_id
            && self.access_key_id == other.access_key_id
            && self.secret_access_key == other.secret_access_key
    }
}

/// `len` characters of `alphabet` from the operating system's generator, without bias.
fn draw(len: usize, alphabet: &[u8]) -> anyhow::Result<String> {
    let fair = 256 - 256 % alphabet.len();
    let mut out = String::with_capacity(len);
    while out.len() < len {
        let mut bytes = [0u8; 64];
        getrandom::fill(&mut bytes)
            .map_err(|error| anyhow::anyhow!("no randomness for a new key: {error}"))?;
        let usable = bytes.iter().map(|b| usize::from(*b)).filter(|b| *b < fair);
        out.extend(usable.take(len - out.len()).map(|b| char::from(alphabet[b % alphabet.len()])));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::cli::{DirArgs, UpArgs};

    fn config(dir: &Path) -> Config {
        let args = UpArgs { dir: DirArgs { data_dir: Some(dir.into()) }, ..UpArgs::default() };
        Config::load(&args).unwrap()
    }

    #[test]
    fn a_key_is_made_once_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        let first = Credentials::establish(&config(dir.path())).unwrap();
        let second = Credentials::establish(&config(dir.path())).unwrap();
        assert!(first.same(&second));
        assert_eq!((first.access_key_id.len(), first.secret_access_key.len()), (20, 40));
    }

    #[test]
    fn the_account_of_a_directory_is_fixed() {
        let dir = tempfile::tempdir().unwrap();
        Credentials::establish(&config(dir.path())).unwrap();
        let mut other = config(dir.path());
        other.catalog.account = weir_core::resource::AccountId::new("999999999999");
        other.account_was_chosen = true;
        assert!(Credentials::establish(&other).is_err());
    }

    #[test]
    fn drawn_keys_differ_and_use_the_alphabet() {
        let keys: BTreeSet<String> = (0..50).map(|_| draw(16, ID_ALPHABET).unwrap()).collect();
        assert_eq!(keys.len(), 50);
        assert!(keys.iter().all(|k| k.bytes().all(|b| ID_ALPHABET.contains(&b))));
    }
}
