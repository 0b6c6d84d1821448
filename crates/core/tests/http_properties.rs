//! The readers of client-chosen values against generated input.
//!
//! Every property is a function of `weir_core::traffic::http::checks`, which the fuzz targets
//! call too.
//!
//! Invariant: no input panics.

use proptest::prelude::*;
use weir_core::traffic::http::checks;

fn pieces(words: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let word = proptest::sample::select(words).prop_map(|text| text.as_bytes().to_vec());
    let noise = proptest::collection::vec(any::<u8>(), 0..3);
    proptest::collection::vec(prop_oneof![6 => word, 1 => noise], 0..12)
        .prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    #[test]
    fn cookies(data in pieces(&["AWSALB", "=", ";", "; ", " ", "\t", "a", "\"", ","])) {
        checks::cookies(&data);
    }

    #[test]
    fn targets(data in pieces(&[
        "/", ".", "..", "%2e", "%2F", "%", "a", "?", "#", "http://", "@", ":", "80", "[::1]", "*",
    ])) {
        checks::target(&data);
        checks::target(&[b"/".as_slice(), &data].concat());
    }

    #[test]
    fn values(data in pieces(&["Root=", "Self=", ";", " ", "1-2-3", ",", "close", "a=b"])) {
        checks::values(&data);
    }
}
