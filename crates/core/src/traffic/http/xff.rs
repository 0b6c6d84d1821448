//! `X-Forwarded-For`: counting its addresses and writing the next value.
//!
//! Invariant: what is appended is the peer's address as the socket has it, never something that
//! a client wrote.

use std::io::Write as _;
use std::net::IpAddr;

use super::bytes;
use crate::limits;
use crate::traffic::text;

/// The load balancer attribute `routing.http.xff_header_processing.mode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Add the peer.
    #[default]
    Append,
    /// Leave the header as it is.
    Preserve,
    /// Take the header out.
    Remove,
}

/// Whether the lines of one request name more addresses than may be forwarded (463). This holds
/// in every mode.
// spec: alb §1.3 Hard HTTP limits (not adjustable)
pub fn has_too_many<'a>(lines: impl Iterator<Item = &'a [u8]>) -> bool {
    let addresses = lines.flat_map(bytes::list).filter(|item| !item.is_empty());
    addresses.take(limits::XFF_ADDRESSES_MAX + 1).count() > limits::XFF_ADDRESSES_MAX
}

/// Appends the value for the target to `out`; returns whether there is a header to send.
///
/// Several lines are joined with a comma, in order. `client_port` is the peer's port when the
/// attribute `routing.http.xff_client_port.enabled` is on; only [`Mode::Append`] uses it.
// spec: alb §3.2 `X-Forwarded-For`
pub fn write_value<'a>(
    mode: Mode,
    lines: impl Iterator<Item = &'a [u8]>,
    peer: IpAddr,
    client_port: Option<u16>,
    out: &mut Vec<u8>,
) -> bool {
    if mode == Mode::Remove {
        return false;
    }
    let start = out.len();
    for line in lines.filter(|line| !line.is_empty()) {
        if out.len() > start {
            out.extend_from_slice(b", ");
        }
        out.extend_from_slice(line);
    }
    if mode == Mode::Append {
        if out.len() > start {
            out.extend_from_slice(b", ");
        }
        write_peer(peer, client_port, out);
    }
    out.len() > start
}

/// Appends an address: `1.2.3.4`, `2001:db8::1`, or with a port `1.2.3.4:5`, `[2001:db8::1]:5`.
/// An IPv4 address that a dual-stack socket shows as IPv6 is written as IPv4.
pub fn write_peer(peer: IpAddr, port: Option<u16>, out: &mut Vec<u8>) {
    match (peer.to_canonical(), port) {
        (IpAddr::V4(address), _) => text::ipv4(out, address, port),
        (IpAddr::V6(address), Some(port)) => {
            write!(out, "[{address}]:{port}").expect("invariant: writing to a vector cannot fail");
        }
        (IpAddr::V6(address), None) => {
            write!(out, "{address}").expect("invariant: writing to a vector cannot fail");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(mode: Mode, lines: &[&str], peer: &str, port: Option<u16>) -> Option<String> {
        let mut out = b"!".to_vec();
        let lines = lines.iter().map(|line| line.as_bytes());
        let some = write_value(mode, lines, peer.parse().unwrap(), port, &mut out);
        let text = String::from_utf8(out[1..].to_vec()).unwrap();
        assert_eq!(some, !text.is_empty());
        some.then_some(text)
    }

    // spec: alb §3.2 `X-Forwarded-For`
    #[test]
    fn values_by_the_table() {
        let peer = "192.0.2.7";
        for (lines, append, preserve) in [
            (&[][..], Some("192.0.2.7"), None),
            (&["a"], Some("a, 192.0.2.7"), Some("a")),
            (&["a, b"], Some("a, b, 192.0.2.7"), Some("a, b")),
            (&["a", "", "b"], Some("a, b, 192.0.2.7"), Some("a, b")),
        ] {
            assert_eq!(value(Mode::Append, lines, peer, None).as_deref(), append);
            assert_eq!(value(Mode::Preserve, lines, peer, Some(1)).as_deref(), preserve);
            assert_eq!(value(Mode::Remove, lines, peer, Some(1)), None);
        }
    }

    // spec: alb §3.2 `X-Forwarded-For`
    #[test]
    fn peers_with_and_without_ports() {
        for (peer, port, text) in [
            ("192.0.2.7", Some(65535), "192.0.2.7:65535"),
            ("2001:db8::1", None, "2001:db8::1"),
            ("2001:db8::1", Some(80), "[2001:db8::1]:80"),
            ("::ffff:192.0.2.7", None, "192.0.2.7"),
        ] {
            assert_eq!(value(Mode::Append, &[], peer, port).as_deref(), Some(text));
        }
    }

    // spec: alb §10.1 Status codes and causes
    #[test]
    fn more_than_thirty_addresses_are_too_many() {
        let thirty = vec!["192.0.2.1"; 30].join(", ");
        let lines = |text: &[&str]| has_too_many(text.iter().map(|line| line.as_bytes()));
        assert!(!lines(&[]));
        assert!(!lines(&[&thirty]));
        assert!(!lines(&[&thirty, " , ,"]));
        assert!(lines(&[&thirty, "192.0.2.2"]));
    }
}
