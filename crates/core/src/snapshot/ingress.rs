//! Security-group ingress, compiled for one load balancer and asked once per accepted connection.
//!
//! Blocks are tested first; rules that name a security group look the peer's address up among
//! the addresses of instances and load balancers.
//!
//! Invariant: no rules means nobody may connect.

use std::net::IpAddr;
use std::ops::RangeInclusive;

use ipnet::IpNet;

use super::Members;
use crate::resource::{
    PrefixEntry, PrefixListId, SecurityGroup, SecurityGroupId, SecurityGroupRule, TrafficPeer,
};

/// Who may connect to a load balancer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ingress {
    blocks: Vec<(IpNet, RangeInclusive<u16>)>,
    groups: Vec<(SecurityGroupId, RangeInclusive<u16>)>,
}

// === impl Ingress ===

impl Ingress {
    /// Unites the TCP ingress of all security groups of a load balancer.
    /// `entries` tells what a prefix list holds.
    pub fn compile<'a>(
        security_groups: impl IntoIterator<Item = &'a SecurityGroup>,
        entries: impl Fn(&PrefixListId) -> &'a [PrefixEntry],
    ) -> Self {
        let mut ingress = Self::default();
        for rule in security_groups.into_iter().flat_map(|group| &group.ingress) {
            let Some(ports) = tcp_ports(rule) else { continue };
            match &rule.peer {
                TrafficPeer::Cidr(block) => ingress.blocks.push((*block, ports)),
                TrafficPeer::Group(group) => ingress.groups.push((group.clone(), ports)),
                TrafficPeer::PrefixList(list) => {
                    let open = |entry: &PrefixEntry| (entry.cidr, ports.clone());
                    ingress.blocks.extend(entries(list).iter().map(open));
                }
            }
        }
        ingress
    }

    /// Whether `peer` may connect to `port`.
    pub fn admits(&self, peer: IpAddr, port: u16, members: &Members) -> bool {
        let peer = peer.to_canonical();
        if self.blocks.iter().any(|(block, ports)| ports.contains(&port) && block.contains(&peer)) {
            return true;
        }
        if self.groups.is_empty() {
            return false;
        }
        let Some(carried) = members.get(&peer) else { return false };
        self.groups.iter().any(|(group, ports)| ports.contains(&port) && carried.contains(group))
    }
}

/// The TCP ports that a rule opens; `None` when it does not speak of TCP.
fn tcp_ports(rule: &SecurityGroupRule) -> Option<RangeInclusive<u16>> {
    match rule.protocol.as_str() {
        "-1" => Some(0..=u16::MAX),
        "tcp" | "6" => {
            let from = u16::try_from(rule.from_port.unwrap_or(0)).ok()?;
            let to = u16::try_from(rule.to_port.unwrap_or(i32::from(u16::MAX))).ok()?;
            Some(from..=to)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::{Region, Tags, VpcId};

    fn group(rules: Vec<(&str, Option<i32>, Option<i32>, TrafficPeer)>) -> SecurityGroup {
        let rule = |(protocol, from_port, to_port, peer): (&str, _, _, _)| SecurityGroupRule {
            id: "sgr-1".into(),
            protocol: protocol.into(),
            from_port,
            to_port,
            peer,
            description: None,
            tags: Tags::new(),
        };
        SecurityGroup {
            id: SecurityGroupId::new("sg-1"),
            region: Region::new("us-east-1"),
            vpc: VpcId::new("vpc-1"),
            name: "g".into(),
            description: String::new(),
            ingress: rules.into_iter().map(rule).collect(),
            egress: vec![],
            tags: Tags::new(),
        }
    }

    fn cidr(text: &str) -> TrafficPeer {
        TrafficPeer::Cidr(text.parse().unwrap())
    }

    fn compiled(rules: Vec<(&str, Option<i32>, Option<i32>, TrafficPeer)>) -> Ingress {
        Ingress::compile(&[group(rules)], |_| &[])
    }

    #[test]
    fn nothing_is_open_without_a_rule() {
        let closed = compiled(vec![]);
        assert!(!closed.admits("127.0.0.1".parse().unwrap(), 80, &Members::new()));
    }

    #[test]
    fn ports_and_blocks_must_both_match() {
        let ingress = compiled(vec![
            ("tcp", Some(80), Some(81), cidr("127.0.0.0/8")),
            ("udp", Some(90), Some(90), cidr("0.0.0.0/0")),
        ]);
        let local = "127.0.0.1".parse().unwrap();
        assert!(ingress.admits(local, 80, &Members::new()));
        assert!(ingress.admits("::ffff:127.0.0.1".parse().unwrap(), 81, &Members::new()));
        assert!(!ingress.admits(local, 82, &Members::new()));
        assert!(!ingress.admits(local, 90, &Members::new()), "udp opens no tcp port");
        assert!(!ingress.admits("10.0.0.1".parse().unwrap(), 80, &Members::new()));
    }

    #[test]
    fn a_group_opens_to_the_addresses_that_carry_it() {
        let friend = SecurityGroupId::new("sg-friend");
        let ingress = compiled(vec![("-1", None, None, TrafficPeer::Group(friend.clone()))]);
        let address: IpAddr = "127.64.0.9".parse().unwrap();
        let members = Members::from([(address, [friend].into())]);
        assert!(ingress.admits(address, 80, &members));
        assert!(!ingress.admits("127.64.0.10".parse().unwrap(), 80, &members));
    }

    #[test]
    fn a_prefix_list_opens_to_its_entries() {
        let list = PrefixListId::new("pl-1");
        let entry = |text: &str| PrefixEntry { cidr: text.parse().unwrap(), description: None };
        let entries = [entry("127.1.0.0/16"), entry("127.2.0.0/16")];
        let rule = ("tcp", Some(80), Some(80), TrafficPeer::PrefixList(list.clone()));
        let held = |id: &PrefixListId| if *id == list { &entries[..] } else { &[] };
        let groups = [group(vec![rule])];
        let ingress = Ingress::compile(&groups, held);
        for (peer, port, admitted) in
            [("127.2.3.4", 80, true), ("127.1.0.1", 81, false), ("127.3.0.1", 80, false)]
        {
            let peer = peer.parse().unwrap();
            assert_eq!(ingress.admits(peer, port, &Members::new()), admitted, "{peer} {port}");
        }
    }
}
