//! `X-Amzn-Trace-Id`: the value for the target.
//!
//! Invariant: the value that is written has exactly one `Root` unless the client sent several.

use super::bytes::{push_hex, trim};
use crate::limits;

/// What a new identifier is made of.
#[derive(Clone, Copy, Debug)]
pub struct TraceSeed {
    /// Seconds since 1970.
    pub epoch_s: u32,
    /// 96 random bits.
    pub random: [u8; 12],
}

/// Appends the value of the header for the target.
///
/// `header_bytes` is the size of all header lines of the request: beyond 7 KB the incoming value
/// is replaced. A `Self` without a `Root` is dropped: there is no trace that it belongs to.
// spec: alb §3.4 `X-Amzn-Trace-Id`
pub fn write_value(
    incoming: Option<&[u8]>,
    header_bytes: usize,
    seed: &TraceSeed,
    out: &mut Vec<u8>,
) {
    let incoming = incoming.filter(|_| header_bytes <= limits::TRACED_HEADERS_MAX);
    let fields = incoming.unwrap_or_default().split(|&byte| byte == b';').map(trim);
    let kept = fields.filter(|field| !field.is_empty() && !is_named(field, b"self"));
    let has_root = kept.clone().any(|field| is_named(field, b"root"));
    out.extend_from_slice(if has_root { b"Self=" } else { b"Root=" });
    write_identifier(seed, out);
    for field in kept {
        out.push(b';');
        out.extend_from_slice(field);
    }
}

fn is_named(field: &[u8], name: &[u8]) -> bool {
    let end = field.iter().position(|&byte| byte == b'=');
    end.is_some_and(|end| trim(&field[..end]).eq_ignore_ascii_case(name))
}

/// `1-<8 hexadecimal digits of time>-<24 random ones>`
fn write_identifier(seed: &TraceSeed, out: &mut Vec<u8>) {
    out.extend_from_slice(b"1-");
    push_hex(out, &seed.epoch_s.to_be_bytes());
    out.push(b'-');
    push_hex(out, &seed.random);
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW: &str = "1-67891233-abcdef012345678912345678";

    fn value(incoming: Option<&str>, header_bytes: usize) -> String {
        let random = [0xab, 0xcd, 0xef, 0x01, 0x23, 0x45, 0x67, 0x89, 0x12, 0x34, 0x56, 0x78];
        let seed = TraceSeed { epoch_s: 0x6789_1233, random };
        let mut out = Vec::new();
        write_value(incoming.map(str::as_bytes), header_bytes, &seed, &mut out);
        String::from_utf8(out).unwrap()
    }

    // spec: alb §3.4 `X-Amzn-Trace-Id`
    #[test]
    fn values_by_the_table() {
        for (incoming, wanted) in [
            (None, format!("Root={NEW}")),
            (Some(""), format!("Root={NEW}")),
            (Some("Root=1-x-y"), format!("Self={NEW};Root=1-x-y")),
            (Some("Root=1-x-y;App=z"), format!("Self={NEW};Root=1-x-y;App=z")),
            (Some("Self=1-a-b; Root=1-x-y;App=z"), format!("Self={NEW};Root=1-x-y;App=z")),
            (Some("App=z;Other=1"), format!("Root={NEW};App=z;Other=1")),
            (Some("Self=1-a-b"), format!("Root={NEW}")),
            (Some("garbage"), format!("Root={NEW};garbage")),
        ] {
            assert_eq!(value(incoming, 500), wanted, "{incoming:?}");
        }
    }

    // spec: alb §3.4 `X-Amzn-Trace-Id`
    #[test]
    fn large_headers_get_a_new_root() {
        assert_eq!(value(Some("Root=1-x-y"), 7 * 1024), format!("Self={NEW};Root=1-x-y"));
        assert_eq!(value(Some("Root=1-x-y"), 7 * 1024 + 1), format!("Root={NEW}"));
    }
}
