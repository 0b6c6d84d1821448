//! VPCs and their address blocks (EC2).
//!
//! A VPC is born with a main route table, a default security group and a default network ACL
//! (which is derived, because nothing can change it), and takes them along when it goes.
//!
//! Invariant: blocks of one VPC never overlap, and every subnet lies in one of them.
// spec: control-plane §3.1 EC2 subset (114 of 830 actions, 966 shapes, 256 KB of model)

use std::net::Ipv6Addr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::load_balancer::DEFAULT_GROUP;
use super::tag::ec2_tags_merge;
use super::{Apply, EC2_ID_LEN};
use crate::catalog::command::{BlockInput, Ec2Id, VpcAttributeModify, VpcCidrAssociate, VpcCreate};
use crate::catalog::{NetworkRefusal, Refusal, Resource, ResourceKey};
use crate::limits;
use crate::resource::network::overlap;
use crate::resource::{
    CidrAssociation, Region, RouteTable, SecurityGroup, SecurityGroupId, SecurityGroupRule, Tags,
    TrafficPeer, Vpc, VpcAttributes, VpcId,
};

/// Prefix lengths of a VPC's IPv4 blocks and of its subnets.
pub(super) const IPV4_PREFIXES: std::ops::RangeInclusive<u8> = 16..=28;
/// Prefix lengths of a VPC's IPv6 blocks, in steps of [`IPV6_PREFIX_STEP`].
const IPV6_PREFIXES: std::ops::RangeInclusive<u8> = 44..=60;
/// Prefix lengths of IPv6 blocks are multiples of this.
pub(super) const IPV6_PREFIX_STEP: u8 = 4;
/// Prefix length of the IPv6 blocks that Weir chooses.
const IPV6_PROVIDED_PREFIX: u8 = 56;
/// First octet of locally assigned unique addresses (fd00::/8), where those blocks lie: nobody
/// gave Weir public ones.
const IPV6_PROVIDED_OCTET: u128 = 0xfd;
/// Blocks in which no VPC may lie: this host, loopback, link-local, multicast and what is above.
const RESTRICTED: [(&str, u8); 4] =
    [("0.0.0.0", 8), ("127.0.0.0", 8), ("169.254.0.0", 16), ("224.0.0.0", 3)];

// === impl Apply: VPCs ===

impl<'a> Apply<'a> {
    pub(super) fn vpc_create(&mut self, input: &VpcCreate) -> Result<(), Refusal> {
        let dedicated = match input.tenancy.as_deref() {
            None | Some("default") => false,
            Some("dedicated") => true,
            Some(other) => {
                return Err(NetworkRefusal::TenancyUnsupported { tenancy: other.to_owned() }.into());
            }
        };
        let text = input.block.ipv4.as_deref();
        let text = text.ok_or_else(|| Refusal::Ec2Missing { name: "cidrBlock".to_owned() })?;
        let cidr = vpc_block(text)?;
        let ipv6_cidr = self.ipv6_block(&input.block)?;
        let tags = ec2_tags_merge(&Tags::new(), &input.tags)?;
        self.vpcs_admit(&input.region)?;
        let vpc = Vpc {
            id: self.vpc_id(),
            region: input.region.clone(),
            cidr,
            more_cidrs: Vec::new(),
            ipv6_cidr,
            ipv6_association: ipv6_cidr.map(|_| self.association_id("vpc-cidr-assoc-")),
            is_default: false,
            attributes: VpcAttributes { dedicated, ..VpcAttributes::default() },
            tags,
        };
        let table = self.main_table(&vpc.region, &vpc.id);
        self.vpc_put(vpc, table, Vec::new());
        Ok(())
    }

    pub(super) fn vpc_delete(&mut self, input: &Ec2Id) -> Result<(), Refusal> {
        let catalog = self.catalog;
        let vpc = self.catalog.vpc_named_by(&input.region, &input.id)?;
        let routing = &catalog.index.routing;
        let main = routing.main_tables.get(&vpc.id);
        let default = catalog.security_group_named(&vpc.id, DEFAULT_GROUP);
        let groups = catalog.security_groups_of(&vpc.id);
        let mut tables = routing.tables.get(&vpc.id).into_iter().flatten();
        let held = catalog.subnets_of(&vpc.id).next().is_some()
            || routing.gateways.contains_key(&vpc.id)
            || tables.any(|table| Some(table) != main)
            || groups.into_iter().any(|group| group.name != DEFAULT_GROUP)
            || default.is_some_and(|group| catalog.users_of(&group.id).next().is_some());
        if held {
            let (kind, id) = ("vpc".to_owned(), vpc.id.to_string());
            return Err(NetworkRefusal::Dependents { kind, id }.into());
        }
        if let Some(table) = main {
            self.decision.changes.delete(ResourceKey::RouteTable(table.clone()));
        }
        if let Some(group) = default {
            self.decision.changes.delete(ResourceKey::SecurityGroup(group.id.clone()));
        }
        self.decision.changes.delete(ResourceKey::Vpc(vpc.id.clone()));
        Ok(())
    }

    pub(super) fn vpc_attribute_modify(
        &mut self,
        input: &VpcAttributeModify,
    ) -> Result<(), Refusal> {
        let mut vpc = self.catalog.vpc_named_by(&input.region, &input.vpc)?.clone();
        let given = [input.dns_support, input.dns_hostnames, input.usage_metrics];
        if given.into_iter().flatten().count() != 1 {
            let reason = "Exactly one VPC attribute can be modified at a time".to_owned();
            return Err(Refusal::Ec2Combination { reason });
        }
        let attributes = &mut vpc.attributes;
        if input.dns_hostnames == Some(true) && !attributes.dns_support {
            let reason = "enableDnsHostnames requires enableDnsSupport".to_owned();
            return Err(Refusal::Ec2Combination { reason });
        }
        attributes.dns_support = input.dns_support.unwrap_or(attributes.dns_support);
        attributes.dns_hostnames = input.dns_hostnames.unwrap_or(attributes.dns_hostnames);
        attributes.usage_metrics = input.usage_metrics.unwrap_or(attributes.usage_metrics);
        self.put_if_changed(Resource::Vpc(vpc));
        Ok(())
    }

    /// Writes a VPC with what it is born with. `ingress`: what its default group lets in besides
    /// its own members.
    pub(super) fn vpc_put(&mut self, vpc: Vpc, main: RouteTable, ingress: Vec<SecurityGroupRule>) {
        let (id, region) = (vpc.id.clone(), vpc.region.clone());
        self.put_subject(Resource::Vpc(vpc));
        self.put(Resource::RouteTable(main));
        let catalog = self.catalog;
        let group = self.ec2_id("sg-", |id| catalog.security_group(id).is_some());
        let group = SecurityGroupId::new(group);
        let members = self.everything(TrafficPeer::Group(group.clone()), None);
        let egress = self.everything(TrafficPeer::Cidr(IpNet::V4(Ipv4Net::default())), None);
        self.put(Resource::SecurityGroup(SecurityGroup {
            id: group,
            region,
            vpc: id,
            name: DEFAULT_GROUP.to_owned(),
            description: "default VPC security group".to_owned(),
            ingress: std::iter::once(members).chain(ingress).collect(),
            egress: vec![egress],
            tags: Tags::new(),
        }));
    }

    /// A main route table without routes but the local ones.
    pub(super) fn main_table(&mut self, region: &Region, vpc: &VpcId) -> RouteTable {
        let main = Some(self.association_id("rtbassoc-"));
        RouteTable {
            id: self.route_table_id(),
            region: region.clone(),
            vpc: vpc.clone(),
            main,
            associations: Vec::new(),
            routes: Vec::new(),
            client_token: None,
            tags: Tags::new(),
        }
    }

    pub(super) fn vpcs_admit(&self, region: &Region) -> Result<(), Refusal> {
        if self.catalog.vpcs_in(region).count() >= self.catalog.settings.quotas.vpcs {
            return Err(NetworkRefusal::VpcLimit {}.into());
        }
        Ok(())
    }

    pub(super) fn vpc_id(&mut self) -> VpcId {
        let catalog = self.catalog;
        VpcId::new(self.ec2_id("vpc-", |id| catalog.vpc(id).is_some()))
    }

    /// A fresh id of an association; 17 random digits are not given out twice.
    pub(super) fn association_id(&mut self, prefix: &str) -> String {
        format!("{prefix}{}", self.rng.hex(EC2_ID_LEN))
    }

    /// Writes a record that the response is about, unless it is as it was.
    pub(super) fn put_if_changed(&mut self, resource: Resource) {
        match self.catalog.record(&resource.key()) {
            Some(current) if current == resource => self.subject(resource.key()),
            _ => self.put_subject(resource),
        }
    }
}

// === impl Apply: blocks ===

impl Apply<'_> {
    pub(super) fn vpc_cidr_associate(&mut self, input: &VpcCidrAssociate) -> Result<(), Refusal> {
        let mut vpc = self.catalog.vpc_named_by(&input.region, &input.vpc)?.clone();
        let BlockInput { ipv4, ipv6, ipv6_provided } = &input.block;
        let given = [ipv4.is_some(), ipv6.is_some(), *ipv6_provided];
        match given.into_iter().filter(|given| *given).count() {
            0 => return Err(Refusal::Ec2Missing { name: "cidrBlock".to_owned() }),
            1 => {}
            _ => {
                let reason = "Only one block can be associated at a time".to_owned();
                return Err(Refusal::Ec2Combination { reason });
            }
        }
        let full = |limit: usize| NetworkRefusal::CidrLimit {
            vpc: input.vpc.clone(),
            limit: limit.to_string(),
        };
        let id = self.association_id("vpc-cidr-assoc-");
        if let Some(text) = ipv4 {
            let cidr = vpc_block(text)?;
            if vpc.cidrs().any(|own| overlap(own, &cidr)) {
                return Err(NetworkRefusal::CidrConflict { cidr: cidr.to_string() }.into());
            }
            if vpc.cidrs().count() >= limits::CIDRS_PER_VPC_MAX {
                return Err(full(limits::CIDRS_PER_VPC_MAX).into());
            }
            vpc.more_cidrs.push(CidrAssociation { id: id.clone(), cidr });
        } else {
            let block = self.ipv6_block(&input.block)?;
            if vpc.ipv6_cidr.is_some() {
                return Err(full(1).into());
            }
            (vpc.ipv6_cidr, vpc.ipv6_association) = (block, Some(id.clone()));
        }
        self.decision.associations.push(id);
        self.put_subject(Resource::Vpc(vpc));
        Ok(())
    }

    pub(super) fn vpc_cidr_disassociate(&mut self, input: &Ec2Id) -> Result<(), Refusal> {
        let id = &input.id;
        let mut vpcs = self.catalog.vpcs_in(&input.region);
        let found = vpcs.find_map(|vpc| Some((vpc, vpc_association(vpc, id)?)));
        let Some((vpc, cidr)) = found else {
            return Err(NetworkRefusal::VpcCidrAssociationNotFound { id: id.clone() }.into());
        };
        if vpc.primary_association() == *id {
            return Err(NetworkRefusal::CidrPrimary { association: id.clone() }.into());
        }
        let inside = |block: &IpNet| cidr.contains(block);
        let mut subnets = self.catalog.subnets_of(&vpc.id);
        if subnets.any(|s| inside(&s.cidr) || s.ipv6_cidr.as_ref().is_some_and(inside)) {
            return Err(NetworkRefusal::CidrInUse { cidr: cidr.to_string() }.into());
        }
        let mut vpc = vpc.clone();
        vpc.more_cidrs.retain(|more| more.id != *id);
        if vpc.ipv6_association.as_ref() == Some(id) {
            (vpc.ipv6_cidr, vpc.ipv6_association) = (None, None);
        }
        self.put_subject(Resource::Vpc(vpc));
        Ok(())
    }

    /// The IPv6 block that a request names or wants to be given, if any.
    fn ipv6_block(&mut self, input: &BlockInput) -> Result<Option<IpNet>, Refusal> {
        let taken = |block: &IpNet| {
            let mut blocks = self.catalog.vpcs.values().filter_map(|vpc| vpc.ipv6_cidr.as_ref());
            blocks.any(|other| overlap(other, block))
        };
        match (&input.ipv6, input.ipv6_provided) {
            (None, false) => Ok(None),
            (Some(_), true) => {
                let reason = "The parameters amazonProvidedIpv6CidrBlock and ipv6CidrBlock cannot \
                              be used together"
                    .to_owned();
                Err(Refusal::Ec2Combination { reason })
            }
            (Some(text), false) => {
                let block = ipv6_block("ipv6CidrBlock", text)?;
                let length = block.prefix_len();
                if !IPV6_PREFIXES.contains(&length) || !length.is_multiple_of(IPV6_PREFIX_STEP) {
                    return Err(NetworkRefusal::VpcRange { cidr: text.clone() }.into());
                }
                if taken(&block) {
                    return Err(NetworkRefusal::CidrConflict { cidr: block.to_string() }.into());
                }
                Ok(Some(block))
            }
            (None, true) => loop {
                let block = provided_block(&self.rng.hex(12));
                if !taken(&block) {
                    return Ok(Some(block));
                }
            },
        }
    }
}

// === helpers ===

/// The block of an association of a VPC.
fn vpc_association(vpc: &Vpc, id: &str) -> Option<IpNet> {
    if vpc.primary_association() == id {
        return Some(vpc.cidr);
    }
    if vpc.ipv6_association.as_deref() == Some(id) {
        return vpc.ipv6_cidr;
    }
    vpc.more_cidrs.iter().find(|more| more.id == id).map(|more| more.cidr)
}

/// An IPv4 block of a VPC, in its canonical form as AWS keeps it.
fn vpc_block(text: &str) -> Result<IpNet, Refusal> {
    let cidr = ipv4_block("cidrBlock", text)?;
    let restricted = RESTRICTED.iter().any(|(base, length)| {
        let net = Ipv4Net::new(base.parse().expect("invariant: an address"), *length);
        overlap(&IpNet::V4(net.expect("invariant: a length")), &cidr)
    });
    if restricted || !IPV4_PREFIXES.contains(&cidr.prefix_len()) {
        return Err(NetworkRefusal::VpcRange { cidr: text.to_owned() }.into());
    }
    Ok(cidr)
}

/// An IPv4 block without host bits.
pub(super) fn ipv4_block(member: &str, text: &str) -> Result<IpNet, Refusal> {
    let block: Option<Ipv4Net> = text.parse().ok();
    block.map(|block| IpNet::V4(block.trunc())).ok_or_else(|| not_a_block(member, text))
}

/// An IPv6 block without host bits.
pub(super) fn ipv6_block(member: &str, text: &str) -> Result<IpNet, Refusal> {
    let block: Option<Ipv6Net> = text.parse().ok();
    block.map(|block| IpNet::V6(block.trunc())).ok_or_else(|| not_a_block(member, text))
}

fn not_a_block(member: &str, text: &str) -> Refusal {
    let reason = format!(
        "Value ({text}) for parameter {member} is invalid. This is not a valid CIDR block."
    );
    Refusal::Ec2Parameter { reason }
}

/// fd00::/8, then 48 random bits, given as twelve hexadecimal digits.
fn provided_block(digits: &str) -> IpNet {
    let random = u128::from_str_radix(digits, 16).expect("invariant: hexadecimal digits");
    let address = Ipv6Addr::from((IPV6_PROVIDED_OCTET << 120) | (random << 72));
    let net = Ipv6Net::new(address, IPV6_PROVIDED_PREFIX).expect("invariant: 56 <= 128");
    IpNet::V6(net.trunc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn provided_blocks_are_private() {
        let block = provided_block("0123456789ab");
        assert_eq!(block.to_string(), "fd01:2345:6789:ab00::/56");
    }

    #[test]
    fn blocks_of_vpcs() {
        assert_eq!(vpc_block("100.68.0.18/18").unwrap().to_string(), "100.68.0.0/18");
        for bad in ["10.0.0.0/15", "10.0.0.0/29", "127.1.0.0/16", "224.0.0.0/16", "240.0.0.0/20"] {
            assert_eq!(vpc_block(bad).unwrap_err().code(), "InvalidVpc.Range", "{bad}");
        }
        for bad in ["10.0.0.0", "10.0.0.0/33", "fd00::/56", "", "x/16"] {
            assert_eq!(vpc_block(bad).unwrap_err().code(), "InvalidParameterValue", "{bad}");
        }
    }
}
