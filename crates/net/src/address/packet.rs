//! Frames to and from a device, over packet sockets.
//!
//! A socket lives for one batch: announcements are rare, and a socket that stays would only
//! collect frames that nobody reads.
//!
//! Invariant: [`ask`] returns within [`limits::ADDRESS_PROBE_WAIT`] of its last frame.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::IpAddr;
use std::time::Instant;

use socket2::{Domain, Protocol, SockAddr, SockAddrStorage, Socket, Type};

use super::frame::{self, Mac};
use crate::limits;

/// The longest frame that is looked at.
const FRAME_BYTES: usize = 256;

/// Tells the neighbours on a device that these addresses are at `mac`.
///
/// # Errors
/// EPERM without CAP_NET_RAW; ENETDOWN, ENXIO when the device is down or gone.
pub fn announce(index: u32, mac: Mac, addresses: &[IpAddr]) -> io::Result<()> {
    let mut socket = open(index, 0)?;
    for address in addresses {
        for frame in frame::announcement(*address, mac) {
            socket.write_all(&frame)?;
        }
    }
    Ok(())
}

/// Asks the network who has these addresses. What comes back is taken by another host.
///
/// # Errors
/// As [`announce`].
pub fn ask(index: u32, mac: Mac, addresses: &[IpAddr]) -> io::Result<BTreeMap<IpAddr, Mac>> {
    let mut sockets = Vec::new();
    for (kind, is_ipv6) in [(libc::ETH_P_ARP, false), (libc::ETH_P_IPV6, true)] {
        let family = addresses.iter().filter(|address| address.is_ipv6() == is_ipv6);
        let frames: Vec<Vec<u8>> = family.map(|address| frame::probe(*address, mac)).collect();
        if !frames.is_empty() {
            let mut socket = open(index, kind as u16)?;
            for frame in frames {
                socket.write_all(&frame)?;
            }
            sockets.push(socket);
        }
    }
    let mut taken = BTreeMap::new();
    let deadline = Instant::now() + limits::ADDRESS_PROBE_WAIT;
    for socket in &mut sockets {
        listen(socket, deadline, mac, &mut taken)?;
    }
    taken.retain(|address, _| addresses.contains(address));
    Ok(taken)
}

/// Reads until the deadline; what is waiting when it passes is still read.
fn listen(
    socket: &mut Socket,
    deadline: Instant,
    mac: Mac,
    taken: &mut BTreeMap<IpAddr, Mac>,
) -> io::Result<()> {
    let mut buffer = [0; FRAME_BYTES];
    for _ in 0..limits::ADDRESS_PROBE_FRAMES_MAX {
        let left = deadline.saturating_duration_since(Instant::now());
        match left.is_zero() {
            true => socket.set_nonblocking(true)?,
            false => socket.set_read_timeout(Some(left))?,
        }
        match socket.read(&mut buffer) {
            Ok(len) => taken.extend(frame::claimed(&buffer[..len], mac)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A socket on one device. With `kind` 0 it only sends.
#[allow(unsafe_code)]
fn open(index: u32, kind: u16) -> io::Result<Socket> {
    // The protocol belongs to `bind`: a socket that has it from the start would first hear every
    // device.
    let socket = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(0)))?;
    let mut storage = SockAddrStorage::zeroed();
    // SAFETY: sockaddr_ll is the address type of this family and fits into the storage; the length
    // is that of the type whose fields were set.
    let address = unsafe {
        let link: &mut libc::sockaddr_ll = storage.view_as();
        link.sll_family = libc::AF_PACKET as libc::sa_family_t;
        link.sll_protocol = kind.to_be();
        link.sll_ifindex = index.cast_signed();
        SockAddr::new(storage, size_of::<libc::sockaddr_ll>() as libc::socklen_t)
    };
    socket.bind(&address)?;
    socket.set_write_timeout(Some(limits::NETLINK_WAIT))?;
    Ok(socket)
}
