//! The default network of a region.
//!
//! Invariant: a region gets its default network once; later calls change nothing.

use ipnet::IpNet;

use super::load_balancer::DEFAULT_GROUP;
use super::{Apply, EC2_ID_LEN};
use crate::catalog::command::RegionInit;
use crate::catalog::{Refusal, Resource, ResourceKey};
use crate::resource::{
    SecurityGroup, SecurityGroupId, SecurityGroupRule, Subnet, SubnetId, Tags, TrafficPeer, Vpc,
    VpcId,
};

// === impl Apply ===

impl Apply<'_> {
    pub(super) fn region_init(&mut self, input: &RegionInit) -> Result<(), Refusal> {
        if let Some(vpc) = self.catalog.default_vpc(&input.region) {
            self.subject(ResourceKey::Vpc(vpc.id.clone()));
            return Ok(());
        }
        self.blocks_admit(input)?;
        let catalog = self.catalog;
        let vpc = VpcId::new(self.ec2_id("vpc-", |id| catalog.vpc(id).is_some()));
        let gateway = format!("igw-{}", self.rng.hex(EC2_ID_LEN));
        let route_table = format!("rtb-{}", self.rng.hex(EC2_ID_LEN));
        self.put_subject(Resource::Vpc(Vpc {
            id: vpc.clone(),
            region: input.region.clone(),
            cidr: input.vpc_cidr,
            ipv6_cidr: None,
            is_default: true,
            internet_gateway: Some(gateway),
            route_table,
            tags: Tags::new(),
        }));
        for zone in &input.zones {
            let id = SubnetId::new(self.ec2_id("subnet-", |id| catalog.subnet(id).is_some()));
            self.put(Resource::Subnet(Subnet {
                id,
                region: input.region.clone(),
                vpc: vpc.clone(),
                zone: zone.name.clone(),
                zone_id: zone.id.clone(),
                cidr: zone.cidr,
                ipv6_cidr: None,
                is_default: true,
                tags: Tags::new(),
            }));
        }
        self.default_group(input, vpc);
        Ok(())
    }

    fn default_group(&mut self, input: &RegionInit, vpc: VpcId) {
        let catalog = self.catalog;
        let id = self.ec2_id("sg-", |id| catalog.security_group(id).is_some());
        let id = SecurityGroupId::new(id);
        let members = self.everything(TrafficPeer::Group(id.clone()), None);
        // A difference from AWS, visible and removable, so that a first request gets through.
        let note = "Weir: lets the first request through; remove it to close the group";
        let anybody = self.everything(TrafficPeer::Cidr(IpNet::V4(anywhere())), Some(note));
        let egress = self.everything(TrafficPeer::Cidr(IpNet::V4(anywhere())), None);
        self.put(Resource::SecurityGroup(SecurityGroup {
            id,
            region: input.region.clone(),
            vpc,
            name: DEFAULT_GROUP.to_owned(),
            description: "default VPC security group".to_owned(),
            ingress: vec![members, anybody],
            egress: vec![egress],
            tags: Tags::new(),
        }));
    }

    /// A rule for every protocol and port.
    pub(super) fn everything(
        &mut self,
        peer: TrafficPeer,
        note: Option<&str>,
    ) -> SecurityGroupRule {
        SecurityGroupRule {
            id: format!("sgr-{}", self.rng.hex(EC2_ID_LEN)),
            protocol: "-1".to_owned(),
            from_port: None,
            to_port: None,
            peer,
            description: note.map(str::to_owned),
        }
    }

    /// Blocks lie in the VPC and overlap no subnet of any region: addresses are those of one
    /// machine.
    fn blocks_admit(&self, input: &RegionInit) -> Result<(), Refusal> {
        let mut blocks: Vec<IpNet> = self.catalog.subnets.values().map(|s| s.cidr).collect();
        for zone in &input.zones {
            let cidr = zone.cidr;
            if !input.vpc_cidr.contains(&cidr) || cidr.trunc() != cidr {
                return Err(Refusal::SubnetRange { cidr: cidr.to_string() });
            }
            if blocks.iter().any(|block| block.contains(&cidr) || cidr.contains(block)) {
                return Err(Refusal::SubnetConflict { cidr: cidr.to_string() });
            }
            blocks.push(cidr);
        }
        Ok(())
    }
}

/// 0.0.0.0/0.
pub(super) fn anywhere() -> ipnet::Ipv4Net {
    ipnet::Ipv4Net::default()
}
