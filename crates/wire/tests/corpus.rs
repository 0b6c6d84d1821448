//! Replays the fuzz corpora of this crate on the stable toolchain, so that what fuzzing has found
//! stays found.
//!
//! Invariant: a corpus that is missing or empty fails; a replay of nothing proves nothing.
#![allow(clippy::unwrap_used)]

mod checks;

use std::path::Path;

use weir_wire::{http1, x509};

fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut inputs = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let data = std::fs::read(&path).unwrap();
        let result = std::panic::catch_unwind(|| check(&data));
        assert!(result.is_ok(), "{} breaks {target}", path.display());
        inputs += 1;
    }
    assert!(inputs >= 5, "{} has only {inputs} inputs", folder.display());
}

#[test]
fn request_heads() {
    replay("request_head", http1::checks::request_head);
}

#[test]
fn response_heads() {
    replay("response_head", http1::checks::response_head);
}

#[test]
fn chunked_bodies() {
    replay("chunk", http1::checks::chunk);
}

#[test]
fn forms() {
    replay("query", checks::query);
}

#[test]
fn documents() {
    replay("document", checks::document);
}

#[test]
fn signed_requests() {
    replay("sigv4", checks::sigv4);
}

#[test]
fn bundles() {
    replay("bundle", x509::checks::bundle);
}

#[test]
fn revocation_lists() {
    replay("revocations", x509::checks::revocations);
}
