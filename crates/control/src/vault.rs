//! Keys, certificates that are made here, and the objects that stand for S3.
//!
//! Everything about certificates and trust stores that is neither the API's words nor a decision:
//! sealing private keys, reading what callers bring, issuing, fetching bundles and lists.
//!
//! Invariant: an unsealed private key lives only inside of calls to this module, and no type here
//! shows one in `Debug`.

pub mod download;
pub mod issue;
pub mod key_file;
pub mod limits;
pub mod object;
pub mod pair;
pub mod seal;
pub mod sweep;
pub mod trust;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use weir_core::catalog::Catalog;
use weir_store::AnyStore;

pub use issue::Issuer;
pub use key_file::KeyFileError;
pub use object::ObjectRoot;
pub use seal::{Opened, SealError, SealingKey};

/// How long a call waits for its turn to hold a large object or to make a key.
const TURN_WAIT: Duration = Duration::from_secs(20);

/// The vault of one data directory.
pub struct Vault {
    key: SealingKey,
    issuer: Issuer,
    objects: ObjectRoot,
    store: Arc<AnyStore>,
    /// One large object, one new key at a time: memory and processors are bounded.
    turn: Semaphore,
}

/// Why a vault cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The key file.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    /// A stored key that this key does not open.
    #[error(
        "{} does not open the private key of {arn}: it is another data directory's key, or the \
         store was changed; put the right key file back", file.display()
    )]
    Foreign {
        /// The key file.
        file: PathBuf,
        /// A certificate, or the local authority.
        arn: String,
    },
    /// The local authority's file.
    #[error("the local certificate authority cannot be read")]
    Issuer(#[from] issue::IssueError),
}

// === impl Vault ===

impl Vault {
    /// Opens the vault of a data directory whose catalog was loaded. Blocks for the disk.
    ///
    /// # Errors
    /// A key file that is missing although something was sealed with it, that others may read, or
    /// that does not open what is stored.
    pub fn open(
        dir: &Path,
        objects: PathBuf,
        store: Arc<AnyStore>,
        catalog: &Catalog,
    ) -> Result<Self, VaultError> {
        let issuer_exists = Issuer::exists(dir);
        let sealed = issuer_exists || catalog.all_certificates().next().is_some();
        let (key, file) = key_file::open(dir, sealed)?;
        let foreign = |arn: &str| VaultError::Foreign { file: file.clone(), arn: arn.to_owned() };
        for certificate in catalog.all_certificates() {
            let opened = key.open(&certificate.key, certificate.seal_context());
            opened.map_err(|_| foreign(certificate.arn.as_str()))?;
        }
        let issuer = Issuer::new(dir);
        if issuer_exists {
            issuer.verify(&key).map_err(|error| match error {
                issue::IssueError::Seal(_) => foreign("the local certificate authority"),
                other => other.into(),
            })?;
        }
        let objects = ObjectRoot::new(objects);
        Ok(Self { key, issuer, objects, store, turn: Semaphore::new(1) })
    }

    /// What seals.
    pub fn key(&self) -> &SealingKey {
        &self.key
    }

    /// The authority of this installation.
    pub fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// What stands for S3.
    pub fn objects(&self) -> &ObjectRoot {
        &self.objects
    }

    /// Where blobs are.
    pub fn store(&self) -> &Arc<AnyStore> {
        &self.store
    }

    /// Waits for the right to hold a large object or to make a key; `None` when it takes too long.
    pub async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        tokio::time::timeout(TURN_WAIT, self.turn.acquire()).await.ok()?.ok()
    }
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vault")
    }
}
