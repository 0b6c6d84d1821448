//! Large contents beside the catalog, named by what they are: bundles and revocation lists.
//!
//! Records name blobs by digest. A blob is put before the commit that names it; the sweep takes
//! away what no record names and what nobody has put for a while, so that neither a crash between
//! the two nor a slow commit loses or leaks one.
//!
//! Invariant: a blob has the digest that it is named by, and one that was put after the sweep's
//! deadline survives the sweep, whoever put it first.

use std::collections::BTreeSet;
use std::fmt;
use std::future::Future;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::contract::AnyStore;
use crate::error::Outage;

/// Hexadecimal digits of a name.
const NAME_LEN: usize = 64;

/// SHA-256 in lower-case hexadecimal.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobName(Arc<str>);

/// What keeps blobs. Part of every store; apart from [`crate::Store`] because nothing here moves
/// the revision.
pub trait Blobs: Send + Sync + 'static {
    /// Keeps these bytes durably and says since when (`now_ms`, milliseconds since the epoch). One
    /// that is there already is only said to be put again.
    fn put_blob(
        &self,
        bytes: Arc<[u8]>,
        now_ms: i64,
    ) -> impl Future<Output = Result<BlobName, Outage>> + Send;

    /// The bytes of this name, if they are kept.
    fn blob(&self, name: BlobName) -> impl Future<Output = Result<Option<Vec<u8>>, Outage>> + Send;

    /// Removes what `keep` does not name and nobody put at `before_ms` or later; how many.
    fn sweep_blobs(
        &self,
        keep: BTreeSet<BlobName>,
        before_ms: i64,
    ) -> impl Future<Output = Result<usize, Outage>> + Send;
}

// === impl BlobName ===

impl BlobName {
    /// The name of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let digest = Sha256::digest(bytes);
        Self(digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into())
    }

    /// Reads a name; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        let sound = text.len() == NAME_LEN && text.bytes().all(digit);
        sound.then(|| Self(text.into()))
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BlobName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for BlobName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

// === impl AnyStore ===

impl Blobs for AnyStore {
    async fn put_blob(&self, bytes: Arc<[u8]>, now_ms: i64) -> Result<BlobName, Outage> {
        match self {
            Self::Memory(store) => store.put_blob(bytes, now_ms).await,
            Self::Sqlite(store) => store.put_blob(bytes, now_ms).await,
        }
    }

    async fn blob(&self, name: BlobName) -> Result<Option<Vec<u8>>, Outage> {
        match self {
            Self::Memory(store) => store.blob(name).await,
            Self::Sqlite(store) => store.blob(name).await,
        }
    }

    async fn sweep_blobs(&self, keep: BTreeSet<BlobName>, before_ms: i64) -> Result<usize, Outage> {
        match self {
            Self::Memory(store) => store.sweep_blobs(keep, before_ms).await,
            Self::Sqlite(store) => store.sweep_blobs(keep, before_ms).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_digests() {
        let name = BlobName::of(b"abc");
        let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(name.as_str(), known);
        assert_eq!(BlobName::parse(known), Some(name));
        for bad in ["", "ba78", &known.to_uppercase(), &format!("{known}0"), "../../etc/passwd"] {
            assert_eq!(BlobName::parse(bad), None, "{bad}");
        }
    }
}
