//! PEM bundles, their blocks, and the certificates in them.
//!
//! Invariant: the checks are those that the ordinary tests call.
#![no_main]

use libfuzzer_sys::fuzz_target;
use weir_wire::x509::checks;

fuzz_target!(|data: &[u8]| checks::bundle(data));
