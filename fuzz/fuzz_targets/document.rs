//! JSON and CBOR bodies of the document protocols.
//!
//! Invariant: the check is the one that the ordinary tests call.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[allow(dead_code, reason = "each target calls one of the checks")]
#[path = "../../crates/wire/tests/checks/mod.rs"]
mod checks;

fuzz_target!(|data: &[u8]| checks::document(data));
