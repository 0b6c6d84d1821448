//! Upkeep: blobs that no record names any more.
//!
//! A blob is put before the commit that names it, and a crash may come between; therefore only
//! blobs that nobody wanted for an hour are taken away.
//!
//! Invariant: what a committed record names is never swept.

use std::collections::BTreeSet;
use std::time::Duration;

use weir_store::{BlobName, Blobs as _};

use super::limits;
use crate::authority::Authority;
use crate::clock;

/// The pause between two sweeps.
const PAUSE: Duration = Duration::from_secs(600);

/// Sweeps at start and then from time to time, for ever.
pub async fn run(authority: Authority) {
    loop {
        sweep(&authority, clock::now().epoch_ms()).await;
        tokio::time::sleep(PAUSE).await;
    }
}

/// One sweep at this time, in milliseconds since the epoch; how many went.
pub async fn sweep(authority: &Authority, now_ms: i64) -> usize {
    let Some(vault) = authority.vault() else { return 0 };
    let named = authority.read(|catalog| {
        let names = catalog.blobs().into_iter().filter_map(BlobName::parse);
        names.collect::<BTreeSet<BlobName>>()
    });
    let before_ms = now_ms.saturating_sub(limits::BLOB_GRACE_MS);
    match vault.store().sweep_blobs(named, before_ms).await {
        Ok(removed) => {
            if removed > 0 {
                tracing::info!(removed, "blobs that nothing names were removed");
            }
            removed
        }
        Err(outage) => {
            tracing::warn!(kind = outage.kind(), %outage, "blobs were not swept");
            0
        }
    }
}
