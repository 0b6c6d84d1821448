//! A running Weir and an unmodified SDK client pointed at it.
//!
//! Invariant: the client knows nothing of Weir but its address; region, key and everything else go
//! through the SDK's own configuration.

#[path = "../../../crates/weir/tests/support/mod.rs"]
pub mod support;

use std::path::PathBuf;

/// The binary under test: `WEIR_BIN`, or the debug build of this tree.
pub fn binary() -> PathBuf {
    let built = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/debug/weir");
    std::env::var_os("WEIR_BIN").map_or_else(|| PathBuf::from(built), PathBuf::from)
}
