//! `Cookie` headers and the other values that clients choose.
//!
//! Invariant: the checks are those that the ordinary tests call.
#![no_main]

use libfuzzer_sys::fuzz_target;
use weir_core::traffic::http::checks;

fuzz_target!(|data: &[u8]| {
    checks::cookies(data);
    checks::values(data);
    checks::target(data);
});
