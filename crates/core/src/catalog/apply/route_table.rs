//! Route tables, their routes and associations (EC2).
//!
//! Invariant: a table has one route per destination and none for the VPC's own blocks, unless
//! ReplaceRoute sent them elsewhere; a subnet is associated with one table at most.
// spec: control-plane §3.1 EC2 subset (114 of 830 actions, 966 shapes, 256 KB of model)

use super::Apply;
use super::tag::ec2_tags_merge;
use super::vpc::{ipv4_block, ipv6_block};
use crate::catalog::command::{
    DestinationInput, Ec2Id, RouteDelete, RouteInput, RouteTableAssociate, RouteTableCreate,
    RouteTableReplace, TargetIdsInput,
};
use crate::catalog::{NetworkRefusal, Refusal, Resource, ResourceKey};
use crate::limits;
use crate::resource::{
    Associated, Region, Route, RouteDestination, RouteTable, RouteTableAssociation, RouteTableId,
    RouteTarget, RouteTargetKind, Tags, Vpc,
};

/// The `GatewayId` of local routes.
const LOCAL: &str = "local";

// === impl Apply: tables ===

impl<'a> Apply<'a> {
    pub(super) fn route_table_create(&mut self, input: &RouteTableCreate) -> Result<(), Refusal> {
        let vpc = self.catalog.vpc_named_by(&input.region, &input.vpc)?;
        let tags = ec2_tags_merge(&Tags::new(), &input.tags)?;
        let mut tables = self.catalog.route_tables_of(&vpc.id);
        let token = input.client_token.as_ref().filter(|token| !token.is_empty());
        if let Some(token) = token {
            let made = tables.find(|table| table.client_token.as_ref() == Some(token));
            if let Some(table) = made {
                self.subject(ResourceKey::RouteTable(table.id.clone()));
                return Ok(());
            }
        }
        if self.catalog.route_tables_of(&vpc.id).count() >= limits::ROUTE_TABLES_PER_VPC_MAX {
            return Err(NetworkRefusal::RouteTableLimit {}.into());
        }
        let table = self.main_table(&input.region, &vpc.id);
        let client_token = token.cloned();
        self.put_subject(Resource::RouteTable(RouteTable {
            main: None,
            client_token,
            tags,
            ..table
        }));
        Ok(())
    }

    pub(super) fn route_table_delete(&mut self, input: &Ec2Id) -> Result<(), Refusal> {
        let table = self.catalog.route_table_named_by(&input.region, &input.id)?;
        if table.is_associated() {
            let (kind, id) = ("routeTable".to_owned(), table.id.to_string());
            return Err(NetworkRefusal::Dependents { kind, id }.into());
        }
        self.decision.changes.delete(ResourceKey::RouteTable(table.id.clone()));
        Ok(())
    }

    pub(super) fn route_table_id(&mut self) -> RouteTableId {
        let catalog = self.catalog;
        RouteTableId::new(self.ec2_id("rtb-", |id| catalog.route_table(id).is_some()))
    }
}

// === impl Apply: associations ===

impl<'a> Apply<'a> {
    pub(super) fn route_table_associate(
        &mut self,
        input: &RouteTableAssociate,
    ) -> Result<(), Refusal> {
        let table = self.catalog.route_table_named_by(&input.region, &input.table)?;
        let with = match (&input.subnet, &input.gateway) {
            (Some(subnet), None) => {
                let subnet = self.catalog.subnet_named_by(&input.region, subnet)?;
                same_network(table, "subnet", subnet.id.as_str(), subnet.vpc == table.vpc)?;
                Associated::Subnet(subnet.id.clone())
            }
            (None, Some(gateway)) => {
                let gateway = self.catalog.internet_gateway_named_by(&input.region, gateway)?;
                let ours = gateway.vpc.as_ref() == Some(&table.vpc);
                same_network(table, "network gateway", gateway.id.as_str(), ours)?;
                Associated::Gateway(gateway.id.clone())
            }
            (None, None) => return Err(Refusal::Ec2Missing { name: "subnetId".to_owned() }),
            (Some(_), Some(_)) => {
                let reason = "Only one of subnetId and gatewayId can be specified".to_owned();
                return Err(Refusal::Ec2Combination { reason });
            }
        };
        let mut tables = self.catalog.route_tables_of(&table.vpc);
        let present = tables.find_map(|other| {
            let found = other.associations.iter().find(|association| association.with == with);
            found.map(|association| (other, association))
        });
        if let Some((other, association)) = present {
            if other.id != table.id {
                let table = table.id.to_string();
                return Err(NetworkRefusal::RouteTableAssociationExists { table }.into());
            }
            self.decision.associations.push(association.id.clone());
            self.subject(ResourceKey::RouteTable(table.id.clone()));
            return Ok(());
        }
        let mut table = table.clone();
        self.associate(&mut table, with);
        self.put_subject(Resource::RouteTable(table));
        Ok(())
    }

    pub(super) fn route_table_disassociate(&mut self, input: &Ec2Id) -> Result<(), Refusal> {
        let mut table = self.table_of_association(&input.region, &input.id)?.clone();
        if table.main.as_ref() == Some(&input.id) {
            let reason =
                format!("cannot disassociate the main route table association {}", input.id);
            return Err(Refusal::Ec2Parameter { reason });
        }
        table.associations.retain(|association| association.id != input.id);
        self.put_subject(Resource::RouteTable(table));
        Ok(())
    }

    pub(super) fn route_table_replace(&mut self, input: &RouteTableReplace) -> Result<(), Refusal> {
        let mut old = self.table_of_association(&input.region, &input.association)?.clone();
        let mut new = self.catalog.route_table_named_by(&input.region, &input.table)?.clone();
        same_network(&new, "association", &input.association, old.vpc == new.vpc)?;
        if old.id == new.id {
            self.decision.associations.push(input.association.clone());
            self.subject(ResourceKey::RouteTable(new.id));
            return Ok(());
        }
        if old.main.as_ref() == Some(&input.association) {
            old.main = None;
            let id = self.association_id("rtbassoc-");
            self.decision.associations.push(id.clone());
            new.main = Some(id);
        } else {
            let place = old.associations.iter().position(|a| a.id == input.association);
            let place = place.ok_or_else(|| association_missing(&input.association))?;
            let association = old.associations.remove(place);
            self.associate(&mut new, association.with);
        }
        self.put(Resource::RouteTable(old));
        self.put_subject(Resource::RouteTable(new));
        Ok(())
    }

    fn associate(&mut self, table: &mut RouteTable, with: Associated) {
        let id = self.association_id("rtbassoc-");
        self.decision.associations.push(id.clone());
        table.associations.push(RouteTableAssociation { id, with });
    }

    fn table_of_association(&self, region: &Region, id: &str) -> Result<&'a RouteTable, Refusal> {
        let table = self.catalog.index.routing.associations.get(id);
        let table = table.and_then(|table| self.catalog.route_table(table));
        table.filter(|table| table.region == *region).ok_or_else(|| association_missing(id))
    }
}

// === impl Apply: routes ===

impl Apply<'_> {
    pub(super) fn route_create(&mut self, input: &RouteInput) -> Result<(), Refusal> {
        let mut table = self.catalog.route_table_named_by(&input.region, &input.table)?.clone();
        let destination = self.destination(&input.destination)?;
        let target = self.target(&table, &input.target)?;
        if self.is_local(&table, &destination) || table.route_position(&destination).is_some() {
            let destination = destination.to_string();
            return Err(NetworkRefusal::RouteExists { destination }.into());
        }
        if table.routes.len() >= limits::ROUTES_PER_TABLE_MAX {
            return Err(NetworkRefusal::RouteLimit { table: table.id.to_string() }.into());
        }
        table.routes.push(Route { destination, target });
        self.put_subject(Resource::RouteTable(table));
        Ok(())
    }

    pub(super) fn route_replace(&mut self, input: &RouteInput) -> Result<(), Refusal> {
        let mut table = self.catalog.route_table_named_by(&input.region, &input.table)?.clone();
        let destination = self.destination(&input.destination)?;
        let local = self.is_local(&table, &destination);
        let place = table.route_position(&destination);
        if input.target.local || input.target.gateway.as_deref() == Some(LOCAL) {
            if !local {
                let reason =
                    format!("{destination} is no block of the network: it has no local route");
                return Err(Refusal::Ec2Parameter { reason });
            }
            place.map(|place| table.routes.remove(place));
            self.put_if_changed(Resource::RouteTable(table));
            return Ok(());
        }
        let target = self.target(&table, &input.target)?;
        match place {
            Some(place) => table.routes[place].target = target,
            None if local => table.routes.push(Route { destination, target }),
            None => {
                let reason = format!(
                    "There is no route defined for '{destination}' in the route table. Use \
                     CreateRoute instead."
                );
                return Err(Refusal::Ec2Parameter { reason });
            }
        }
        self.put_if_changed(Resource::RouteTable(table));
        Ok(())
    }

    pub(super) fn route_delete(&mut self, input: &RouteDelete) -> Result<(), Refusal> {
        let mut table = self.catalog.route_table_named_by(&input.region, &input.table)?.clone();
        let destination = self.destination(&input.destination)?;
        if self.is_local(&table, &destination) {
            let reason =
                format!("cannot remove local route {destination} in route table {}", table.id);
            return Err(Refusal::Ec2Parameter { reason });
        }
        let Some(place) = table.route_position(&destination) else {
            let (destination, table) = (destination.to_string(), table.id.to_string());
            return Err(NetworkRefusal::RouteNotFound { destination, table }.into());
        };
        table.routes.remove(place);
        self.put_subject(Resource::RouteTable(table));
        Ok(())
    }

    /// Whether a destination is a block of the table's VPC.
    fn is_local(&self, table: &RouteTable, destination: &RouteDestination) -> bool {
        let RouteDestination::Block(block) = destination else { return false };
        let own = |vpc: &Vpc| vpc.cidrs().chain(&vpc.ipv6_cidr).any(|cidr| cidr == block);
        self.catalog.vpc(&table.vpc).is_some_and(own)
    }

    fn destination(&self, input: &DestinationInput) -> Result<RouteDestination, Refusal> {
        let DestinationInput { ipv4, ipv6, prefix_list } = input;
        match (ipv4, ipv6, prefix_list) {
            (Some(text), None, None) => {
                Ok(RouteDestination::Block(ipv4_block("destinationCidrBlock", text)?))
            }
            (None, Some(text), None) => {
                Ok(RouteDestination::Block(ipv6_block("destinationIpv6CidrBlock", text)?))
            }
            (None, None, Some(id)) if id.starts_with("pl-") => {
                Ok(RouteDestination::PrefixList(id.clone()))
            }
            (None, None, Some(id)) => Err(malformed("destinationPrefixListId", id)),
            (None, None, None) => {
                Err(Refusal::Ec2Missing { name: "destinationCidrBlock".to_owned() })
            }
            _ => {
                let reason = "Only one destination of a route can be specified".to_owned();
                Err(Refusal::Ec2Combination { reason })
            }
        }
    }

    fn target(&self, table: &RouteTable, input: &TargetIdsInput) -> Result<RouteTarget, Refusal> {
        let TargetIdsInput { gateway, instance, others, local: _ } = input;
        let given = usize::from(gateway.is_some()) + usize::from(instance.is_some()) + others.len();
        if given > 1 {
            let reason = "Only one target of a route can be specified".to_owned();
            return Err(Refusal::Ec2Combination { reason });
        }
        if let Some(id) = gateway {
            return self.gateway_target(table, id);
        }
        if let Some(id) = instance {
            let found = self.instance(&table.region, id)?;
            same_network(table, "instance", id, found.vpc == table.vpc)?;
            return Ok(RouteTarget::Instance(found.id.clone()));
        }
        let Some((kind, id)) = others.first() else {
            let name = "gatewayId, natGatewayId, networkInterfaceId, vpcPeeringConnectionId, \
                        egressOnlyInternetGatewayId, transitGatewayId or vpcEndpointId";
            return Err(Refusal::Ec2Missing { name: name.to_owned() });
        };
        if !id.starts_with(kind.prefix()) {
            return Err(malformed(kind.member(), id));
        }
        if *kind == RouteTargetKind::NetworkInterface {
            let mut interfaces = self.catalog.interfaces_in(&table.region);
            if !interfaces.any(|one| one.id.as_str() == id && *one.vpc == table.vpc) {
                return Err(NetworkRefusal::RouteInterfaceNotFound { id: id.clone() }.into());
            }
        }
        Ok(RouteTarget::Other { kind: *kind, id: id.clone() })
    }

    /// `GatewayId` names three kinds of things.
    fn gateway_target(&self, table: &RouteTable, id: &str) -> Result<RouteTarget, Refusal> {
        let kept = [RouteTargetKind::VirtualPrivateGateway, RouteTargetKind::VpcEndpoint];
        if let Some(kind) = kept.into_iter().find(|kind| id.starts_with(kind.prefix())) {
            return Ok(RouteTarget::Other { kind, id: id.to_owned() });
        }
        if !id.starts_with("igw-") {
            return Err(malformed("gatewayId", id));
        }
        let found = self.catalog.internet_gateway(id).filter(|one| one.region == table.region);
        let found = found.ok_or(NetworkRefusal::RouteGatewayNotFound { id: id.to_owned() })?;
        same_network(table, "network gateway", id, found.vpc.as_ref() == Some(&table.vpc))?;
        Ok(RouteTarget::InternetGateway(found.id.clone()))
    }
}

// === helpers ===

fn association_missing(id: &str) -> Refusal {
    NetworkRefusal::RouteTableAssociationNotFound { id: id.to_owned() }.into()
}

fn same_network(table: &RouteTable, kind: &str, id: &str, same: bool) -> Result<(), Refusal> {
    if same {
        return Ok(());
    }
    let reason = format!("route table {} and {kind} {id} belong to different networks", table.id);
    Err(Refusal::Ec2Parameter { reason })
}

fn malformed(member: &str, id: &str) -> Refusal {
    let reason = format!("Value ({id}) for parameter {member} is invalid.");
    Refusal::Ec2Parameter { reason }
}
