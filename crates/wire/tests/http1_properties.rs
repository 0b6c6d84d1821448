//! The HTTP/1 readers against generated input: pieces of real messages in any order, and noise.
//!
//! Every property is a function of `weir_wire::http1::checks`, which the fuzz targets call too.
//!
//! Invariant: no input panics, and no slicing of an input changes what it means.

use proptest::prelude::*;
use weir_wire::http1::checks;

/// Bytes that look like a request head often enough to get past its first line.
fn head_like() -> impl Strategy<Value = Vec<u8>> {
    let token = prop_oneof![
        Just("GET"),
        Just("POST"),
        Just(" "),
        Just("  "),
        Just("/"),
        Just("/a?b=c"),
        Just("HTTP/1.1"),
        Just("HTTP/1.0"),
        Just("HTTP/1.9"),
        Just("HTTP/0.9"),
        Just("HTTP/2.0"),
        Just("\r\n"),
        Just("\n"),
        Just("\r"),
        Just("\r\n\r\n"),
        Just(":"),
        Just(": "),
        Just("Host"),
        Just("Content-Length"),
        Just("Transfer-Encoding"),
        Just("chunked"),
        Just("Transfer_Encoding"),
        Just("0"),
        Just("5"),
        Just(","),
        Just("\t"),
        Just("\0"),
        Just("\u{17f}"),
        Just("GET / HTTP/1.1\r\n"),
        Just("Host: a\r\n"),
        Just("X-Y_Z: 1\r\n"),
        Just(" folded\r\n"),
        Just("HTTP/1.1 200 OK\r\n"),
        Just("HTTP/1.1 204 \r\n"),
    ];
    proptest::collection::vec(token, 0..24).prop_map(|parts| parts.concat().into_bytes())
}

fn chunk_like() -> impl Strategy<Value = Vec<u8>> {
    let token = prop_oneof![
        Just("5\r\nhello\r\n"),
        Just("0\r\n\r\n"),
        Just("0\r\n"),
        Just("\r\n"),
        Just("\n"),
        Just("a"),
        Just(";x=y"),
        Just(" "),
        Just("A: b\r\n"),
        Just("ffffffffffffffff"),
        Just("1"),
    ];
    proptest::collection::vec(token, 0..16).prop_map(|parts| parts.concat().into_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn request_heads(data in head_like()) {
        checks::request_head(&data);
    }

    #[test]
    fn request_heads_after_a_good_line(data in head_like()) {
        checks::request_head(&[b"GET / HTTP/1.1\r\n".as_slice(), &data, b"\r\n\r\n"].concat());
    }

    #[test]
    fn response_heads(data in head_like()) {
        checks::response_head(&[b"HTTP/1.1 200 OK\r\n".as_slice(), &data, b"\r\n\r\n"].concat());
        checks::response_head(&data);
    }

    #[test]
    fn chunked_bodies(data in chunk_like()) {
        checks::chunk(&data);
    }

    #[test]
    fn noise(data in proptest::collection::vec(any::<u8>(), 0..200)) {
        checks::request_head(&data);
        checks::response_head(&data);
        checks::chunk(&data);
    }
}
