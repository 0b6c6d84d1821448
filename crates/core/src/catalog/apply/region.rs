//! The default network of a region.
//!
//! Invariant: a region gets its default network once; later calls change nothing, but for what a
//! network of an earlier version lacks.

use ipnet::IpNet;

use super::{Apply, EC2_ID_LEN};
use crate::catalog::command::RegionInit;
use crate::catalog::{NetworkRefusal, Refusal, Resource, ResourceKey};
use crate::resource::network::overlap;
use crate::resource::{
    InternetGateway, InternetGatewayId, Region, Route, RouteDestination, RouteTable, RouteTarget,
    SecurityGroupRule, Tags, TrafficPeer, Vpc, VpcAttributes, VpcId, Zone,
};

// === impl Apply ===

impl Apply<'_> {
    pub(super) fn region_init(&mut self, input: &RegionInit) -> Result<(), Refusal> {
        if let Some(vpc) = self.catalog.default_vpc(&input.region) {
            let id = vpc.id.clone();
            self.subject(ResourceKey::Vpc(id.clone()));
            if !self.catalog.index.routing.main_tables.contains_key(&id) {
                let table = self.way_out(&input.region, &id);
                self.put(Resource::RouteTable(table));
            }
            return Ok(());
        }
        self.default_network(input)
    }

    pub(super) fn default_vpc_create(&mut self, input: &RegionInit) -> Result<(), Refusal> {
        if self.catalog.default_vpc(&input.region).is_some() {
            return Err(NetworkRefusal::DefaultVpcExists {}.into());
        }
        self.vpcs_admit(&input.region)?;
        self.default_network(input)
    }

    fn default_network(&mut self, input: &RegionInit) -> Result<(), Refusal> {
        self.blocks_admit(input)?;
        let vpc = Vpc {
            id: self.vpc_id(),
            region: input.region.clone(),
            cidr: input.vpc_cidr,
            more_cidrs: Vec::new(),
            ipv6_cidr: None,
            ipv6_association: None,
            is_default: true,
            attributes: VpcAttributes { dns_hostnames: true, ..VpcAttributes::default() },
            tags: Tags::new(),
        };
        // A difference from AWS, visible and removable, so that a first request gets through.
        let note = "Weir: lets the first request through; remove it to close the group";
        let anybody = self.everything(TrafficPeer::Cidr(IpNet::V4(anywhere())), Some(note));
        let table = self.way_out(&input.region, &vpc.id);
        self.vpc_put(vpc.clone(), table, vec![anybody]);
        for init in &input.zones {
            let zone = Zone { name: init.name.clone(), id: init.id.clone() };
            let subnet = self.default_subnet(&vpc, zone, init.cidr);
            self.put(Resource::Subnet(subnet));
        }
        Ok(())
    }

    /// A gateway and a main table that leads to it.
    fn way_out(&mut self, region: &Region, vpc: &VpcId) -> RouteTable {
        let gateway = self.internet_gateway_id();
        self.put(Resource::InternetGateway(InternetGateway {
            id: gateway.clone(),
            region: region.clone(),
            vpc: Some(vpc.clone()),
            tags: Tags::new(),
        }));
        let routes = vec![default_route(gateway)];
        RouteTable { routes, ..self.main_table(region, vpc) }
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
            tags: Tags::new(),
        }
    }

    /// Blocks lie in the VPC and overlap no subnet of any region: loopback addresses are those of
    /// one machine.
    fn blocks_admit(&self, input: &RegionInit) -> Result<(), Refusal> {
        let others = self.catalog.subnets.values().map(|subnet| subnet.cidr);
        let mut blocks: Vec<IpNet> = others.filter(|cidr| cidr.network().is_loopback()).collect();
        for zone in &input.zones {
            let cidr = zone.cidr;
            if !input.vpc_cidr.contains(&cidr) || cidr.trunc() != cidr {
                return Err(Refusal::SubnetRange { cidr: cidr.to_string() });
            }
            if blocks.iter().any(|block| overlap(block, &cidr)) {
                return Err(Refusal::SubnetConflict { cidr: cidr.to_string() });
            }
            blocks.push(cidr);
        }
        Ok(())
    }
}

fn default_route(gateway: InternetGatewayId) -> Route {
    Route {
        destination: RouteDestination::Block(IpNet::V4(anywhere())),
        target: RouteTarget::InternetGateway(gateway),
    }
}

/// 0.0.0.0/0.
pub(super) fn anywhere() -> ipnet::Ipv4Net {
    ipnet::Ipv4Net::default()
}
