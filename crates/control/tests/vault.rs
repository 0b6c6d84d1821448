//! Trust stores against a store in memory: what is kept, what is swept, what a crash leaves.
//!
//! Invariant: each test has its own store, data directory and objects.
#![allow(clippy::unwrap_used, missing_docs)]

mod fixture;

use std::path::Path;
use std::sync::Arc;

use fixture::World;
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use tempfile::TempDir;
use weir_control::clock;
use weir_control::vault::{Vault, sweep};
use weir_store::{BlobName, Blobs as _};

const VERSION: &str = "2015-12-01";
const HOUR_MS: i64 = 3_600_000;

fn attach(world: &World, home: &Path) {
    let (store, objects) = (Arc::clone(&world.store), home.join("s3"));
    let vault = world.authority.read(|catalog| Vault::open(home, objects, store, catalog));
    world.authority.attach(vault.unwrap());
}

fn object(home: &Path, key: &str) -> Vec<u8> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key_pair = KeyPair::generate().unwrap();
    let der = params.self_signed(&key_pair).unwrap();
    let text = weir_wire::x509::pem::encode("CERTIFICATE", der.der()).into_bytes();
    std::fs::create_dir_all(home.join("s3/bucket")).unwrap();
    std::fs::write(home.join("s3/bucket").join(key), &text).unwrap();
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_nobody_names_is_swept_and_only_later() {
    let (world, home) = (World::start().await, TempDir::new().unwrap());
    attach(&world, home.path());
    let client = world.client();
    let text = object(home.path(), "ca.pem");
    let place = [
        ("CaCertificatesBundleS3Bucket", "bucket"),
        ("CaCertificatesBundleS3Key", "ca.pem"),
        ("Name", "roots"),
    ];
    let made = client.call("elasticloadbalancing", VERSION, "CreateTrustStore", &place).await;
    made.holds("<NumberOfCaCertificates>1</NumberOfCaCertificates>");
    let named = BlobName::of(&text);
    // What a crash between put and commit leaves.
    let now_ms = clock::now().epoch_ms();
    let orphan = world.store.put_blob(Arc::from(b"orphan".as_slice()), now_ms).await.unwrap();
    assert_eq!(sweep::sweep(&world.authority, now_ms).await, 0, "too young");
    assert_eq!(sweep::sweep(&world.authority, now_ms + 2 * HOUR_MS).await, 1);
    assert_eq!(world.store.blob(orphan).await.unwrap(), None);
    assert_eq!(world.store.blob(named.clone()).await.unwrap(), Some(text));
    let arn = world.authority.read(|catalog| {
        let arns = catalog.all_trust_stores().map(|store| store.arn.to_string());
        arns.collect::<Vec<_>>()
    });
    let delete = [("TrustStoreArn", arn[0].as_str())];
    client.call("elasticloadbalancing", VERSION, "DeleteTrustStore", &delete).await.ok();
    assert_eq!(sweep::sweep(&world.authority, now_ms + 2 * HOUR_MS).await, 1);
    assert_eq!(world.store.blob(named).await.unwrap(), None);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_vault_nothing_is_promised() {
    let world = World::start().await;
    let place = [
        ("CaCertificatesBundleS3Bucket", "bucket"),
        ("CaCertificatesBundleS3Key", "ca.pem"),
        ("Name", "roots"),
    ];
    let client = world.client();
    let refused = client.call("elasticloadbalancing", VERSION, "CreateTrustStore", &place).await;
    refused.refused(503, "ServiceUnavailable");
    world.stop().await;
}
