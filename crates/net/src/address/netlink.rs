//! The kernel's addresses and links, over one netlink socket: four requests and one notification.
//!
//! Own code rather than a crate: the messages have a fixed shape, every wait here has a deadline,
//! and the crates of this field bring an async runtime or a thousand message types with them.
//!
//! Invariant: a request returns within [`limits::NETLINK_WAIT`], with the kernel's answer to this
//! request or an error; an answer that comes late is recognised by its number and thrown away.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, SockAddr, SockAddrStorage, Socket, Type};

use super::frame::Mac;
use crate::limits;

/// What `ip -details address` shows as the maker of our addresses. The kernel keeps the number for
/// us; those from 4 up are free for programs.
pub const MAKER: u8 = 0x57;

const HEADER: usize = 16;
const IFADDRMSG: usize = 8;
const IFINFOMSG: usize = 16;
/// `IFA_PROTO`: who made an address, since Linux 5.18.
const IFA_PROTO: u16 = 11;
/// An infinite lifetime.
const FOREVER: u32 = u32::MAX;
/// Ethernet, in `ifi_type`.
const ARPHRD_ETHER: u16 = 1;
/// Kernel answers are at most this long; it fills the buffer that it is offered.
const BUFFER_BYTES: usize = 64 * 1024;

/// A socket for requests, or for notifications about links.
pub struct Netlink {
    socket: Socket,
    sequence: u32,
    buffer: Vec<u8>,
}

/// A network device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The kernel's number; another one when a device of the same name is made again.
    pub index: u32,
    /// An operator has switched it on.
    pub up: bool,
    /// It has a carrier.
    pub running: bool,
    /// Its link address, if neighbours are found by ARP or neighbour discovery.
    pub mac: Option<Mac>,
}

/// An address that some device has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assigned {
    /// The address.
    pub address: IpAddr,
    /// The number of its device.
    pub index: u32,
    /// It is a single address with a life as short as we give, and no other program is named as its
    /// maker.
    pub may_be_ours: bool,
}

/// How an address is put on a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// It must not be there.
    New,
    /// Its lifetime starts anew; if it has gone it comes back.
    Renewed,
}

/// One part of an answer: its type and what follows the header.
struct Part {
    kind: u16,
    payload: Vec<u8>,
}

/// A request under construction.
struct Message(Vec<u8>);

// === impl Netlink ===

impl Netlink {
    /// A socket for requests.
    ///
    /// # Errors
    /// Those of `socket`.
    pub fn open() -> io::Result<Self> {
        let protocol = Protocol::from(libc::NETLINK_ROUTE);
        let socket = Socket::new(Domain::from(libc::AF_NETLINK), Type::RAW, Some(protocol))?;
        socket.set_read_timeout(Some(limits::NETLINK_WAIT))?;
        Ok(Self { socket, sequence: 0, buffer: vec![0; BUFFER_BYTES] })
    }

    /// A socket that is told when a link changes; reading from it never waits.
    ///
    /// # Errors
    /// Those of `socket` and `bind`.
    pub fn watching_links() -> io::Result<Self> {
        let watch = Self::open()?;
        watch.socket.bind(&group_address(libc::RTMGRP_LINK as u32))?;
        watch.socket.set_nonblocking(true)?;
        Ok(watch)
    }

    /// Reads all waiting notifications; true if there was one, or if some were lost.
    pub fn drain(&mut self) -> bool {
        let mut heard = false;
        loop {
            match (&self.socket).read(&mut self.buffer) {
                Ok(_) => heard = true,
                // ENOBUFS says that notifications were lost, so something has changed.
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => heard = true,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return heard,
            }
        }
    }

    /// The device of this name.
    ///
    /// # Errors
    /// ENODEV when there is none.
    pub fn link(&mut self, name: &str) -> io::Result<Link> {
        let mut message = Message::new(libc::RTM_GETLINK, 0, &[0; IFINFOMSG]);
        let mut text = name.as_bytes().to_vec();
        text.push(0);
        message.attribute(libc::IFLA_IFNAME, &text);
        let parts = self.call(message)?;
        let link = parts.iter().find(|part| part.kind == libc::RTM_NEWLINK).and_then(Part::link);
        link.ok_or_else(|| io::Error::from_raw_os_error(libc::ENODEV))
    }

    /// Every address of every device of this network namespace.
    ///
    /// # Errors
    /// Those of the socket.
    pub fn addresses(&mut self) -> io::Result<Vec<Assigned>> {
        let message = Message::new(libc::RTM_GETADDR, libc::NLM_F_DUMP as u16, &[0; IFADDRMSG]);
        let parts = self.call(message)?;
        let addresses = parts.iter().filter(|part| part.kind == libc::RTM_NEWADDR);
        Ok(addresses.filter_map(Part::assigned).collect())
    }

    /// Puts `address` on a device, for `valid` from now on.
    ///
    /// # Errors
    /// EEXIST for [`Put::New`] when the device has it; EPERM, ENODEV, ….
    pub fn put(
        &mut self,
        index: u32,
        address: IpAddr,
        valid: Duration,
        how: Put,
    ) -> io::Result<()> {
        let flags = match how {
            Put::New => libc::NLM_F_CREATE | libc::NLM_F_EXCL,
            Put::Renewed => libc::NLM_F_CREATE | libc::NLM_F_REPLACE,
        };
        let mut message = address_message(libc::RTM_NEWADDR, flags as u16, index, address);
        // Whether the address is somebody's is asked by a probe of our own, which is faster than
        // the kernel's and also covers IPv4.
        let kept = libc::IFA_F_NODAD | libc::IFA_F_NOPREFIXROUTE;
        message.attribute(libc::IFA_FLAGS, &kept.to_ne_bytes());
        message.attribute(IFA_PROTO, &[MAKER]);
        let valid_s = valid.as_secs() as u32;
        // An IPv6 address that is not preferred is never chosen as the source of this machine's
        // own connections; IPv4 has no such rule.
        let preferred_s = if address.is_ipv6() { 0 } else { valid_s };
        let mut times = Vec::with_capacity(16);
        for value in [preferred_s, valid_s, 0, 0] {
            times.extend(value.to_ne_bytes());
        }
        message.attribute(libc::IFA_CACHEINFO, &times);
        self.call(message).map(drop)
    }

    /// Takes `address` from a device.
    ///
    /// # Errors
    /// EADDRNOTAVAIL when the device does not have it.
    pub fn remove(&mut self, index: u32, address: IpAddr) -> io::Result<()> {
        self.call(address_message(libc::RTM_DELADDR, 0, index, address)).map(drop)
    }

    /// Sends a request and reads its answer to the end.
    fn call(&mut self, message: Message) -> io::Result<Vec<Part>> {
        self.sequence = self.sequence.wrapping_add(1);
        let deadline = Instant::now() + limits::NETLINK_WAIT;
        (&self.socket).write_all(&message.finished(self.sequence))?;
        let mut parts = Vec::new();
        while Instant::now() < deadline {
            let len = match (&self.socket).read(&mut self.buffer) {
                Ok(len) => len,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if read_parts(&self.buffer[..len], self.sequence, &mut parts)? {
                return Ok(parts);
            }
            if parts.len() > limits::NETLINK_PARTS_MAX {
                return Err(io::Error::from(ErrorKind::OutOfMemory));
            }
        }
        Err(io::Error::from(ErrorKind::TimedOut))
    }
}

impl AsRawFd for Netlink {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.socket.as_raw_fd()
    }
}

// === impl Message ===

impl Message {
    /// `body` is the fixed part that follows the header.
    fn new(kind: u16, flags: u16, body: &[u8]) -> Self {
        let flags = flags | (libc::NLM_F_REQUEST | libc::NLM_F_ACK) as u16;
        let mut bytes = Vec::with_capacity(128);
        bytes.extend([0; 4]);
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(flags.to_ne_bytes());
        bytes.extend([0; 8]);
        bytes.extend(body);
        Self(bytes)
    }

    fn attribute(&mut self, kind: u16, value: &[u8]) {
        self.0.extend(((value.len() + 4) as u16).to_ne_bytes());
        self.0.extend(kind.to_ne_bytes());
        self.0.extend(value);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
    }

    fn finished(mut self, sequence: u32) -> Vec<u8> {
        let len = (self.0.len() as u32).to_ne_bytes();
        self.0[..4].copy_from_slice(&len);
        self.0[8..12].copy_from_slice(&sequence.to_ne_bytes());
        self.0
    }
}

// === impl Part ===

impl Part {
    fn link(&self) -> Option<Link> {
        let kind = u16::from_ne_bytes(self.payload.get(2..4)?.try_into().ok()?);
        let index = u32::from_ne_bytes(self.payload.get(4..8)?.try_into().ok()?);
        let flags = u32::from_ne_bytes(self.payload.get(8..12)?.try_into().ok()?).cast_signed();
        let hardware = attribute(self.payload.get(IFINFOMSG..)?, libc::IFLA_ADDRESS);
        let speaks_arp = kind == ARPHRD_ETHER && flags & libc::IFF_NOARP == 0;
        let mac = hardware.and_then(|bytes| bytes.try_into().ok()).map(Mac);
        Some(Link {
            index,
            up: flags & libc::IFF_UP != 0,
            running: flags & libc::IFF_RUNNING != 0,
            mac: mac.filter(|_| speaks_arp),
        })
    }

    fn assigned(&self) -> Option<Assigned> {
        let index = u32::from_ne_bytes(self.payload.get(4..8)?.try_into().ok()?);
        let attributes = self.payload.get(IFADDRMSG..)?;
        // On point-to-point links IFA_ADDRESS is the other end.
        let bytes =
            attribute(attributes, libc::IFA_LOCAL).or(attribute(attributes, libc::IFA_ADDRESS))?;
        let address = match bytes.len() {
            4 => IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?)),
            16 => IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?)),
            _ => return None,
        };
        let valid = attribute(attributes, libc::IFA_CACHEINFO)
            .and_then(|times| times.get(4..8)?.try_into().ok())
            .map_or(FOREVER, u32::from_ne_bytes);
        let maker = attribute(attributes, IFA_PROTO).and_then(|proto| proto.first());
        // Kernels before 5.18 keep no maker; there the short life has to do.
        let may_be_ours = usize::from(*self.payload.get(1)?) == bytes.len() * 8
            && u64::from(valid) <= limits::ADDRESS_VALID.as_secs()
            && maker.is_none_or(|maker| *maker == MAKER);
        Some(Assigned { address, index, may_be_ours })
    }
}

fn address_message(kind: u16, flags: u16, index: u32, address: IpAddr) -> Message {
    let (family, prefix, bytes) = match address {
        IpAddr::V4(ip) => (libc::AF_INET as u8, 32, ip.octets().to_vec()),
        IpAddr::V6(ip) => (libc::AF_INET6 as u8, 128, ip.octets().to_vec()),
    };
    let mut body = vec![family, prefix, 0, libc::RT_SCOPE_UNIVERSE];
    body.extend(index.to_ne_bytes());
    let mut message = Message::new(kind, flags, &body);
    message.attribute(libc::IFA_LOCAL, &bytes);
    message.attribute(libc::IFA_ADDRESS, &bytes);
    message
}

/// Adds the parts of one datagram that answer request `sequence`; true when they are complete.
fn read_parts(mut bytes: &[u8], sequence: u32, parts: &mut Vec<Part>) -> io::Result<bool> {
    while bytes.len() >= HEADER {
        let word = |at: usize| {
            u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        let len = word(0) as usize;
        let kind = u16::from_ne_bytes([bytes[4], bytes[5]]);
        let mine = word(8) == sequence;
        let Some(payload) = bytes.get(HEADER..len) else {
            return Err(io::Error::from(ErrorKind::InvalidData));
        };
        match i32::from(kind) {
            _ if !mine => {}
            libc::NLMSG_DONE => return Ok(true),
            libc::NLMSG_ERROR => {
                let code = payload.get(..4).and_then(|code| code.try_into().ok());
                return match code.map_or(-libc::EBADMSG, i32::from_ne_bytes) {
                    0 => Ok(true),
                    code => Err(io::Error::from_raw_os_error(code.wrapping_neg())),
                };
            }
            _ => parts.push(Part { kind, payload: payload.to_vec() }),
        }
        bytes = bytes.get(len.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(false)
}

/// The value of the first attribute of this kind.
fn attribute(mut bytes: &[u8], wanted: u16) -> Option<&[u8]> {
    while bytes.len() >= 4 {
        let len = usize::from(u16::from_ne_bytes([bytes[0], bytes[1]]));
        // The two highest bits are flags.
        let kind = u16::from_ne_bytes([bytes[2], bytes[3]]) & 0x3fff;
        let value = bytes.get(4..len)?;
        if kind == wanted {
            return Some(value);
        }
        bytes = bytes.get(len.next_multiple_of(4)..).unwrap_or_default();
    }
    None
}

#[allow(unsafe_code)]
fn group_address(groups: u32) -> SockAddr {
    let mut storage = SockAddrStorage::zeroed();
    // SAFETY: sockaddr_nl is the address type of this family and fits into the storage; the length
    // is that of the type whose fields were set.
    unsafe {
        let netlink: &mut libc::sockaddr_nl = storage.view_as();
        netlink.nl_family = libc::AF_NETLINK as libc::sa_family_t;
        netlink.nl_groups = groups;
        SockAddr::new(storage, size_of::<libc::sockaddr_nl>() as libc::socklen_t)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_device_and_its_addresses_are_found() {
        let mut netlink = Netlink::open().unwrap();
        let lo = netlink.link("lo").unwrap();
        assert_eq!((lo.index, lo.mac), (1, None));
        let addresses = netlink.addresses().unwrap();
        let mine = addresses.iter().find(|a| a.address == IpAddr::from([127, 0, 0, 1])).unwrap();
        assert_eq!((mine.index, mine.may_be_ours), (1, false));
    }

    #[test]
    fn a_missing_device_has_its_error() {
        let error = Netlink::open().unwrap().link("weir-none").unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ENODEV));
    }

    #[test]
    fn a_watching_socket_does_not_wait() {
        // `bind` takes the address that was made with unsafe code.
        assert!(!Netlink::watching_links().unwrap().drain());
    }

    #[test]
    fn answers_to_other_requests_and_damage_are_told_apart() {
        let message = |sequence: u32, code: i32| {
            let mut message = Message::new(libc::NLMSG_ERROR as u16, 0, &code.to_ne_bytes());
            message.0.resize(HEADER + 20, 0);
            message.finished(sequence)
        };
        let mut parts = Vec::new();
        assert!(!read_parts(&message(6, -1), 7, &mut parts).unwrap(), "a late answer");
        let error = read_parts(&message(7, -libc::EPERM), 7, &mut parts).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EPERM));
        assert!(read_parts(&message(7, 0), 7, &mut parts).unwrap());
        for len in 0..36 {
            let _ = read_parts(&message(7, 0)[..len], 7, &mut parts);
        }
        let mut endless = message(7, 0);
        endless[..4].copy_from_slice(&u32::MAX.to_ne_bytes());
        assert!(read_parts(&endless, 7, &mut parts).is_err());
        assert_eq!(
            attribute(&[0, 0, 1, 0], 1),
            None,
            "an attribute of length zero ends the search"
        );
    }
}
