//! Chunked bodies.
//!
//! Invariant: the check is the one that the ordinary tests call.
#![no_main]

use libfuzzer_sys::fuzz_target;
use weir_wire::http1;

fuzz_target!(|data: &[u8]| http1::checks::chunk(data));
