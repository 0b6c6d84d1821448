//! Internet gateways (EC2).
//!
//! Weir reaches the Internet through whatever its node does; a gateway is what AWS's rules about
//! internet-facing load balancers look at.
//!
//! Invariant: a gateway is attached to one VPC at most, and a VPC has one gateway at most.
// spec: control-plane §3.1 EC2 subset (114 of 830 actions, 966 shapes, 256 KB of model)

use super::Apply;
use super::tag::ec2_tags_merge;
use crate::catalog::command::{Ec2Id, InternetGatewayCreate, InternetGatewayPlace};
use crate::catalog::{NetworkRefusal, Refusal, Resource, ResourceKey, Waiver};
use crate::resource::{
    Associated, InternetGateway, InternetGatewayId, Region, RouteTable, Scheme, Tags, VpcId,
};

// === impl Apply ===

impl<'a> Apply<'a> {
    pub(super) fn internet_gateway_create(
        &mut self,
        input: &InternetGatewayCreate,
    ) -> Result<(), Refusal> {
        let tags = ec2_tags_merge(&Tags::new(), &input.tags)?;
        let present = self.catalog.internet_gateways_in(&input.region).count();
        if present >= self.catalog.settings.quotas.vpcs {
            return Err(NetworkRefusal::InternetGatewayLimit {}.into());
        }
        let id = self.internet_gateway_id();
        let region = input.region.clone();
        self.put_subject(Resource::InternetGateway(InternetGateway {
            id,
            region,
            vpc: None,
            tags,
        }));
        Ok(())
    }

    pub(super) fn internet_gateway_delete(&mut self, input: &Ec2Id) -> Result<(), Refusal> {
        let gateway = self.catalog.internet_gateway_named_by(&input.region, &input.id)?;
        if gateway.vpc.is_some() {
            let (kind, id) = ("internetGateway".to_owned(), gateway.id.to_string());
            return Err(NetworkRefusal::Dependents { kind, id }.into());
        }
        self.decision.changes.delete(ResourceKey::InternetGateway(gateway.id.clone()));
        Ok(())
    }

    pub(super) fn internet_gateway_attach(
        &mut self,
        input: &InternetGatewayPlace,
    ) -> Result<(), Refusal> {
        let gateway = self.catalog.internet_gateway_named_by(&input.region, &input.gateway)?;
        let vpc = self.catalog.vpc_named_by(&input.region, &input.vpc)?;
        if let Some(other) = &gateway.vpc {
            let (gateway, vpc) = (gateway.id.to_string(), other.to_string());
            return Err(NetworkRefusal::GatewayAttached { gateway, vpc }.into());
        }
        if self.catalog.index.routing.gateways.contains_key(&vpc.id) {
            let reason = format!("Network {} already has an internet gateway attached", vpc.id);
            return Err(Refusal::Ec2Parameter { reason });
        }
        let vpc = Some(vpc.id.clone());
        self.put_subject(Resource::InternetGateway(InternetGateway { vpc, ..gateway.clone() }));
        Ok(())
    }

    pub(super) fn internet_gateway_detach(
        &mut self,
        input: &InternetGatewayPlace,
    ) -> Result<(), Refusal> {
        let gateway = self.catalog.internet_gateway_named_by(&input.region, &input.gateway)?;
        let vpc = self.catalog.vpc_named_by(&input.region, &input.vpc)?;
        if gateway.vpc.as_ref() != Some(&vpc.id) {
            let (gateway, vpc) = (gateway.id.to_string(), vpc.id.to_string());
            return Err(NetworkRefusal::GatewayNotAttached { gateway, vpc }.into());
        }
        if self.has_public_addresses(&input.region, &vpc.id) {
            return Err(NetworkRefusal::PublicAddressesMapped { vpc: vpc.id.to_string() }.into());
        }
        // What entered through the gateway follows no table any more.
        let through = Associated::Gateway(gateway.id.clone());
        let guided = self
            .catalog
            .route_tables_of(&vpc.id)
            .find(|table| table.associations.iter().any(|association| association.with == through));
        if let Some(table) = guided {
            let mut table: RouteTable = table.clone();
            table.associations.retain(|association| association.with != through);
            self.put(Resource::RouteTable(table));
        }
        self.put_subject(Resource::InternetGateway(InternetGateway {
            vpc: None,
            ..gateway.clone()
        }));
        Ok(())
    }

    /// Whether something in a VPC is reached from the Internet: an internet-facing load balancer,
    /// or an interface with an elastic address.
    fn has_public_addresses(&self, region: &Region, vpc: &VpcId) -> bool {
        let catalog = self.catalog;
        let waived = catalog.settings.waives(Waiver::NoInternetGateway);
        let mut balancers = catalog.load_balancers_in(region).filter(|lb| lb.vpc == *vpc);
        if !waived && balancers.any(|lb| lb.scheme == Scheme::InternetFacing) {
            return true;
        }
        let elastic: Vec<_> =
            catalog.elastic_addresses.values().filter_map(|one| one.interface.as_ref()).collect();
        !elastic.is_empty()
            && catalog
                .interfaces_in(region)
                .any(|interface| interface.vpc == vpc && elastic.contains(&interface.id))
    }

    pub(super) fn internet_gateway_id(&mut self) -> InternetGatewayId {
        let catalog = self.catalog;
        InternetGatewayId::new(self.ec2_id("igw-", |id| catalog.internet_gateway(id).is_some()))
    }
}
