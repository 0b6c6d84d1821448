//! Frames that say who has an address: gratuitous ARP, unsolicited neighbour advertisements, and
//! the probes that ask before an address is taken.
//!
//! Pure: bytes in, bytes out, so that every frame is checked without a network.
//!
//! Invariant: a probe names no sender address, so it spoils nobody's neighbour cache (RFC 5227
//! §2.1.1, RFC 4862 §5.4.2).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An Ethernet address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mac(pub [u8; 6]);

const BROADCAST: Mac = Mac([0xff; 6]);
const TYPE_ARP: u16 = 0x0806;
const TYPE_IPV6: u16 = 0x86dd;
const ARP_REQUEST: u16 = 1;
const ARP_REPLY: u16 = 2;
const ICMPV6: u8 = 58;
const NEIGHBOUR_SOLICITATION: u8 = 135;
const NEIGHBOUR_ADVERTISEMENT: u8 = 136;
/// The override flag of an advertisement: caches that hold another link address must give way.
const OVERRIDE: u8 = 0x20;
/// Neighbour discovery is only believed with the largest hop limit.
const HOP_LIMIT: u8 = 255;
/// Bytes of the Ethernet and IPv6 headers.
const ETHERNET: usize = 14;
const IPV6: usize = 40;

// === impl Mac ===

impl std::fmt::Debug for Mac {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

impl std::fmt::Display for Mac {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// Frames that make neighbours send to `mac` what is for `address`. IPv4 has two: some hosts
/// believe a request, some a reply.
pub fn announcement(address: IpAddr, mac: Mac) -> Vec<Vec<u8>> {
    match address {
        IpAddr::V4(ip) => vec![
            arp(ARP_REQUEST, (mac, ip), (Mac([0; 6]), ip)),
            arp(ARP_REPLY, (mac, ip), (mac, ip)),
        ],
        IpAddr::V6(ip) => {
            let all_nodes = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
            let mut message = vec![NEIGHBOUR_ADVERTISEMENT, 0, 0, 0, OVERRIDE, 0, 0, 0];
            message.extend(ip.octets());
            // Option 2, one unit of eight bytes: the link address of the target.
            message.extend([2, 1]);
            message.extend(mac.0);
            vec![icmpv6(mac, ip, all_nodes, message)]
        }
    }
}

/// A frame to which whoever has `address` answers.
pub fn probe(address: IpAddr, mac: Mac) -> Vec<u8> {
    match address {
        IpAddr::V4(ip) => arp(ARP_REQUEST, (mac, Ipv4Addr::UNSPECIFIED), (Mac([0; 6]), ip)),
        IpAddr::V6(ip) => {
            let [.., a, b, c] = ip.octets();
            let low = u16::from_be_bytes([b, c]);
            let group = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | u16::from(a), low);
            let mut message = vec![NEIGHBOUR_SOLICITATION, 0, 0, 0, 0, 0, 0, 0];
            message.extend(ip.octets());
            icmpv6(mac, Ipv6Addr::UNSPECIFIED, group, message)
        }
    }
}

/// The address that a received frame claims for a link address other than `mine`, and that link
/// address.
pub fn claimed(frame: &[u8], mine: Mac) -> Option<(IpAddr, Mac)> {
    let kind = u16::from_be_bytes(frame.get(12..14)?.try_into().ok()?);
    let (address, holder) = match kind {
        TYPE_ARP => claimed_by_arp(frame.get(ETHERNET..)?)?,
        TYPE_IPV6 => {
            let source = Mac(frame.get(6..12)?.try_into().ok()?);
            (claimed_by_advertisement(frame.get(ETHERNET..)?)?, source)
        }
        _ => return None,
    };
    (holder != mine).then_some((address, holder))
}

fn claimed_by_arp(packet: &[u8]) -> Option<(IpAddr, Mac)> {
    if packet.get(..6)? != [0, 1, 8, 0, 6, 4] {
        return None;
    }
    let holder = Mac(packet.get(8..14)?.try_into().ok()?);
    let sender: [u8; 4] = packet.get(14..18)?.try_into().ok()?;
    let target: [u8; 4] = packet.get(24..28)?.try_into().ok()?;
    // Another host that probes for the address at the same moment claims it as well.
    let address = if sender == [0; 4] { target } else { sender };
    Some((IpAddr::V4(address.into()), holder))
}

fn claimed_by_advertisement(packet: &[u8]) -> Option<IpAddr> {
    let advertises = packet.get(6) == Some(&ICMPV6)
        && packet.get(7) == Some(&HOP_LIMIT)
        && packet.get(IPV6) == Some(&NEIGHBOUR_ADVERTISEMENT);
    let target: [u8; 16] = packet.get(IPV6 + 8..IPV6 + 24)?.try_into().ok()?;
    advertises.then(|| IpAddr::V6(target.into()))
}

fn ethernet(to: Mac, from: Mac, kind: u16) -> Vec<u8> {
    let mut frame = Vec::with_capacity(96);
    frame.extend(to.0);
    frame.extend(from.0);
    frame.extend(kind.to_be_bytes());
    frame
}

fn arp(operation: u16, sender: (Mac, Ipv4Addr), target: (Mac, Ipv4Addr)) -> Vec<u8> {
    let mut frame = ethernet(BROADCAST, sender.0, TYPE_ARP);
    // Ethernet, IPv4, and the lengths of their addresses.
    frame.extend([0, 1, 8, 0, 6, 4]);
    frame.extend(operation.to_be_bytes());
    for (mac, ip) in [sender, target] {
        frame.extend(mac.0);
        frame.extend(ip.octets());
    }
    frame
}

/// `message` starts with type and code and leaves its checksum zero.
fn icmpv6(mac: Mac, from: Ipv6Addr, group: Ipv6Addr, mut message: Vec<u8>) -> Vec<u8> {
    let sum = checksum(from, group, &message);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    let [.., a, b, c, d] = group.octets();
    let mut frame = ethernet(Mac([0x33, 0x33, a, b, c, d]), mac, TYPE_IPV6);
    frame.extend([0x60, 0, 0, 0]);
    frame.extend((message.len() as u16).to_be_bytes());
    frame.extend([ICMPV6, HOP_LIMIT]);
    frame.extend(from.octets());
    frame.extend(group.octets());
    frame.extend(message);
    frame
}

/// The Internet checksum over the IPv6 pseudo-header and the message (RFC 4443 §2.3).
fn checksum(from: Ipv6Addr, to: Ipv6Addr, message: &[u8]) -> u16 {
    let length = (message.len() as u32).to_be_bytes();
    let mut sum: u32 = u32::from(ICMPV6);
    for part in [&from.octets()[..], &to.octets()[..], &length[..], message] {
        for pair in part.chunks(2) {
            sum += u32::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]));
        }
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINE: Mac = Mac([2, 0, 0, 0, 0, 1]);
    const OTHER: Mac = Mac([2, 0, 0, 0, 0, 2]);

    #[test]
    fn gratuitous_arp_has_both_forms() {
        let ip = IpAddr::from([10, 1, 2, 3]);
        let frames = announcement(ip, MINE);
        assert_eq!(frames.iter().map(|f| f[21]).collect::<Vec<_>>(), [1, 2]);
        for frame in frames {
            assert_eq!(&frame[..6], &[0xff; 6]);
            assert_eq!(&frame[28..32], &[10, 1, 2, 3], "the sender");
            assert_eq!(&frame[38..42], &[10, 1, 2, 3], "the target");
            assert_eq!(claimed(&frame, OTHER), Some((ip, MINE)));
            assert_eq!(claimed(&frame, MINE), None, "our own frame is no conflict");
        }
    }

    #[test]
    fn an_advertisement_overrides_and_carries_a_right_checksum() {
        let ip: Ipv6Addr = "fd00:1::7".parse().unwrap();
        let frame = announcement(ip.into(), MINE).remove(0);
        assert_eq!(&frame[..6], &[0x33, 0x33, 0, 0, 0, 1]);
        assert_eq!(frame[ETHERNET + IPV6 + 4], OVERRIDE);
        assert_eq!(claimed(&frame, OTHER), Some((ip.into(), MINE)));
        // Summed with its checksum, a sound message gives zero.
        let all_nodes = "ff02::1".parse().unwrap();
        assert_eq!(checksum(ip, all_nodes, &frame[ETHERNET + IPV6..]), 0);
    }

    #[test]
    fn a_known_checksum() {
        // Neighbour solicitation for fe80::1 from ::, computed by hand.
        let frame = probe("fe80::1".parse().unwrap(), MINE);
        let sum = u16::from_be_bytes([frame[ETHERNET + IPV6 + 2], frame[ETHERNET + IPV6 + 3]]);
        let parts: u32 = 0xff02 + 1 + 0xff00 + 1 + 24 + 58 + 0x8700 + 0xfe80 + 1;
        let folded = (parts & 0xffff) + (parts >> 16);
        assert_eq!(u32::from(sum), !folded & 0xffff);
    }

    #[test]
    fn probes_name_no_sender() {
        let frame = probe(IpAddr::from([10, 1, 2, 3]), MINE);
        assert_eq!(&frame[28..32], &[0; 4]);
        assert_eq!(claimed(&frame, OTHER), Some((IpAddr::from([10, 1, 2, 3]), MINE)));
        let frame = probe("fd00::ab:cdef".parse().unwrap(), MINE);
        assert_eq!(&frame[..6], &[0x33, 0x33, 0xff, 0xab, 0xcd, 0xef]);
        assert_eq!(&frame[22..38], &[0; 16]);
        assert_eq!(claimed(&frame, OTHER), None, "a solicitation claims nothing");
    }

    #[test]
    fn foreign_and_short_frames_claim_nothing() {
        for len in 0..70 {
            let _ = claimed(&vec![0x86; len], MINE);
        }
        let whole = announcement(IpAddr::from([10, 0, 0, 1]), MINE).remove(0);
        for len in 0..whole.len() {
            assert_eq!(claimed(&whole[..len], OTHER), None);
        }
    }
}
