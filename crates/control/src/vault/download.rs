//! Links to blobs: what `GetTrustStore…` answers, good for ten minutes and for whoever has it.
//!
//! Invariant: only blobs that a record named when the link was made can be fetched, and only
//! until the link's end; nothing about the link can be changed.
// spec: alb §8.3 Trust store

use weir_store::{BlobName, Blobs as _};

use super::{Vault, limits};

/// Where links live on the API's server.
pub const PATH: &str = "/trust-store-content/";

/// What a link is answered with.
#[derive(Debug)]
pub enum Download {
    /// The bytes.
    Content(Vec<u8>),
    /// Not ours, changed, or too old: 403.
    Denied,
    /// No longer there: 404.
    Gone,
    /// The store does not answer: 503.
    Unavailable,
}

// === impl Vault ===

impl Vault {
    /// Path and query of a link to a blob.
    pub fn link(&self, blob: &str, now_ms: i64) -> String {
        let until_ms = now_ms.saturating_add(limits::DOWNLOAD_MS);
        let plain = plain(blob, until_ms);
        let signature = self.key().sign_link(&plain);
        format!("{plain}&Signature={signature}")
    }

    /// Answers a link.
    pub async fn download(&self, path: &str, query: &str, now_ms: i64) -> Download {
        let Some(name) = self.admit(path, query, now_ms) else { return Download::Denied };
        // Only a few at a time hold their content in memory while it is read.
        let Some(_turn) = self.turn().await else { return Download::Unavailable };
        match self.store().blob(name).await {
            Ok(Some(bytes)) => Download::Content(bytes),
            Ok(None) => Download::Gone,
            Err(outage) => {
                tracing::error!(kind = outage.kind(), %outage, "a blob cannot be read");
                Download::Unavailable
            }
        }
    }

    fn admit(&self, path: &str, query: &str, now_ms: i64) -> Option<BlobName> {
        let name = BlobName::parse(path.strip_prefix(PATH)?)?;
        let mut parts = query.split('&');
        let until = parts.next()?.strip_prefix("Expires=")?;
        let signature = parts.next()?.strip_prefix("Signature=")?;
        let until_ms: i64 = until.parse().ok()?;
        let intact = parts.next().is_none()
            && self.key().verify_link(&plain(name.as_str(), until_ms), signature);
        (intact && now_ms < until_ms).then_some(name)
    }
}

fn plain(blob: &str, until_ms: i64) -> String {
    format!("{PATH}{blob}?Expires={until_ms}")
}
