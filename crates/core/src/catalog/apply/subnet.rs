//! Subnets (EC2).
//!
//! Invariant: a subnet lies in a block of its VPC, overlaps no other subnet of the VPC, and goes
//! only when nothing holds an address of it.
// spec: control-plane §3.1 EC2 subset (114 of 830 actions, 966 shapes, 256 KB of model)

use ipnet::IpNet;

use super::Apply;
use super::tag::ec2_tags_merge;
use super::vpc::{IPV4_PREFIXES, IPV6_PREFIX_STEP, ipv4_block, ipv6_block};
use crate::catalog::command::{
    DefaultSubnetCreate, Ec2Id, SubnetAttributeModify, SubnetChange, SubnetCidrAssociate,
    SubnetCreate, ZoneInput,
};
use crate::catalog::{NetworkRefusal, Refusal, Resource, ResourceKey};
use crate::limits;
use crate::resource::network::overlap;
use crate::resource::{
    Associated, RouteTable, Subnet, SubnetAttributes, SubnetId, Tags, Vpc, Zone, zones_of,
};

/// Prefix lengths of a subnet's IPv6 block, in steps of [`IPV6_PREFIX_STEP`].
const IPV6_PREFIXES: std::ops::RangeInclusive<u8> = 44..=64;

// === impl Apply ===

impl<'a> Apply<'a> {
    pub(super) fn subnet_create(&mut self, input: &SubnetCreate) -> Result<(), Refusal> {
        let vpc = self.catalog.vpc_named_by(&input.region, &input.vpc)?;
        let zone = self.zone(vpc, &input.zone)?;
        let text = input.cidr.as_deref();
        let text = text.ok_or_else(|| Refusal::Ec2Missing { name: "cidrBlock".to_owned() })?;
        let cidr = ipv4_block("cidrBlock", text)?;
        let fits = IPV4_PREFIXES.contains(&cidr.prefix_len()) && vpc.holds_block(&cidr);
        if !fits {
            return Err(Refusal::SubnetRange { cidr: text.to_owned() });
        }
        self.block_is_free(vpc, &cidr)?;
        let ipv6_cidr = match &input.ipv6_cidr {
            Some(text) => Some(self.subnet_ipv6(vpc, text)?),
            None => None,
        };
        let tags = ec2_tags_merge(&Tags::new(), &input.tags)?;
        self.subnets_admit(vpc)?;
        let subnet = Subnet {
            id: self.subnet_id(),
            region: input.region.clone(),
            vpc: vpc.id.clone(),
            zone: zone.name,
            zone_id: zone.id,
            cidr,
            ipv6_cidr,
            ipv6_association: ipv6_cidr.map(|_| self.association_id("subnet-cidr-assoc-")),
            is_default: false,
            attributes: SubnetAttributes::default(),
            tags,
        };
        self.put_subject(Resource::Subnet(subnet));
        Ok(())
    }

    pub(super) fn default_subnet_create(
        &mut self,
        input: &DefaultSubnetCreate,
    ) -> Result<(), Refusal> {
        let network = &input.network;
        let vpc = self.catalog.default_vpc(&network.region);
        let vpc = vpc.ok_or(NetworkRefusal::DefaultVpcAbsent {})?;
        if input.zone == ZoneInput::default() {
            return Err(Refusal::Ec2Missing { name: "availabilityZone".to_owned() });
        }
        let zone = self.zone(vpc, &input.zone)?;
        let mut present = self.catalog.subnets_of(&vpc.id);
        if let Some(subnet) = present.find(|s| s.is_default && s.zone == zone.name) {
            let (subnet, zone) = (subnet.id.to_string(), zone.name.to_string());
            return Err(NetworkRefusal::DefaultSubnetExists { subnet, zone }.into());
        }
        let block = network.zones.iter().find(|init| init.name == zone.name).map(|init| init.cidr);
        let Some(cidr) = block.filter(|cidr| vpc.holds_block(cidr)) else {
            return Err(Refusal::SubnetRange { cidr: vpc.cidr.to_string() });
        };
        self.block_is_free(vpc, &cidr)?;
        self.subnets_admit(vpc)?;
        let subnet = self.default_subnet(vpc, zone, cidr);
        self.put_subject(Resource::Subnet(subnet));
        Ok(())
    }

    /// A default subnet, which gives public addresses to what is launched in it.
    pub(super) fn default_subnet(&mut self, vpc: &Vpc, zone: Zone, cidr: IpNet) -> Subnet {
        Subnet {
            id: self.subnet_id(),
            region: vpc.region.clone(),
            vpc: vpc.id.clone(),
            zone: zone.name,
            zone_id: zone.id,
            cidr,
            ipv6_cidr: None,
            ipv6_association: None,
            is_default: true,
            attributes: SubnetAttributes { map_public_ip: true, ..SubnetAttributes::default() },
            tags: Tags::new(),
        }
    }

    pub(super) fn subnet_delete(&mut self, input: &Ec2Id) -> Result<(), Refusal> {
        let subnet = self.catalog.subnet_named_by(&input.region, &input.id)?;
        let index = &self.catalog.index;
        let used = index.pools.get(&subnet.id).is_some_and(|pool| pool.used > 0);
        if used || subnet.ipv6_cidr.is_some_and(|block| self.block_is_used(subnet, &block)) {
            let (kind, id) = ("subnet".to_owned(), subnet.id.to_string());
            return Err(NetworkRefusal::Dependents { kind, id }.into());
        }
        let table = index.routing.subnet_tables.get(&subnet.id);
        if let Some(table) = table.and_then(|id| self.catalog.route_table(id)) {
            let mut table: RouteTable = table.clone();
            table.associations.retain(|a| a.with != Associated::Subnet(subnet.id.clone()));
            self.put(Resource::RouteTable(table));
        }
        self.decision.changes.delete(ResourceKey::Subnet(subnet.id.clone()));
        Ok(())
    }

    pub(super) fn subnet_attribute_modify(
        &mut self,
        input: &SubnetAttributeModify,
    ) -> Result<(), Refusal> {
        let mut subnet = self.catalog.subnet_named_by(&input.region, &input.subnet)?.clone();
        let [change] = input.changes.as_slice() else {
            let reason = "Exactly one subnet attribute can be modified at a time".to_owned();
            return Err(Refusal::Ec2Combination { reason });
        };
        let needs_ipv6 =
            matches!(change, SubnetChange::AssignIpv6(true) | SubnetChange::ResourceNameAaaa(true));
        if needs_ipv6 && subnet.ipv6_cidr.is_none() {
            let reason = format!("The subnet '{}' has no IPv6 CIDR block", subnet.id);
            return Err(Refusal::Ec2Parameter { reason });
        }
        let attributes = &mut subnet.attributes;
        match *change {
            SubnetChange::MapPublicIp(on) => attributes.map_public_ip = on,
            SubnetChange::AssignIpv6(on) => attributes.assign_ipv6 = on,
            SubnetChange::Dns64(on) => attributes.dns64 = on,
            SubnetChange::ResourceNames(on) => attributes.resource_names = on,
            SubnetChange::ResourceNameA(on) => attributes.resource_name_a = on,
            SubnetChange::ResourceNameAaaa(on) => attributes.resource_name_aaaa = on,
        }
        self.put_if_changed(Resource::Subnet(subnet));
        Ok(())
    }

    pub(super) fn subnet_cidr_associate(
        &mut self,
        input: &SubnetCidrAssociate,
    ) -> Result<(), Refusal> {
        let subnet = self.catalog.subnet_named_by(&input.region, &input.subnet)?;
        let text = input.ipv6_cidr.as_deref();
        let text = text.ok_or_else(|| Refusal::Ec2Missing { name: "ipv6CidrBlock".to_owned() })?;
        let vpc = self.catalog.vpc(&subnet.vpc);
        let vpc = vpc.ok_or_else(|| Refusal::VpcIdNotFound { id: subnet.vpc.to_string() })?;
        if subnet.ipv6_cidr.is_some() {
            let (vpc, limit) = (subnet.id.to_string(), "1".to_owned());
            return Err(NetworkRefusal::CidrLimit { vpc, limit }.into());
        }
        let block = self.subnet_ipv6(vpc, text)?;
        let id = self.association_id("subnet-cidr-assoc-");
        self.decision.associations.push(id.clone());
        let (ipv6_cidr, ipv6_association) = (Some(block), Some(id));
        self.put_subject(Resource::Subnet(Subnet {
            ipv6_cidr,
            ipv6_association,
            ..subnet.clone()
        }));
        Ok(())
    }

    pub(super) fn subnet_cidr_disassociate(&mut self, input: &Ec2Id) -> Result<(), Refusal> {
        let mut subnets = self.catalog.all_subnets().filter(|s| s.region == input.region);
        let named = subnets.find(|subnet| subnet.ipv6_association.as_ref() == Some(&input.id));
        let Some((subnet, block)) = named.and_then(|subnet| Some((subnet, subnet.ipv6_cidr?)))
        else {
            let id = input.id.clone();
            return Err(NetworkRefusal::SubnetCidrAssociationNotFound { id }.into());
        };
        if self.block_is_used(subnet, &block) {
            return Err(NetworkRefusal::CidrInUse { cidr: block.to_string() }.into());
        }
        let mut subnet = subnet.clone();
        (subnet.ipv6_cidr, subnet.ipv6_association) = (None, None);
        subnet.attributes.assign_ipv6 = false;
        self.put_subject(Resource::Subnet(subnet));
        Ok(())
    }

    /// The zone that a request names; the one with the fewest subnets of the VPC when none is.
    fn zone(&self, vpc: &Vpc, input: &ZoneInput) -> Result<Zone, Refusal> {
        let zones = zones_of(&vpc.region);
        let (member, text) = match (&input.name, &input.id) {
            (Some(name), None) => ("availabilityZone", name),
            (None, Some(id)) => ("availabilityZoneId", id),
            (None, None) => {
                let crowd = |zone: &Zone| {
                    self.catalog.subnets_of(&vpc.id).filter(|s| s.zone == zone.name).count()
                };
                let quietest = zones.into_iter().min_by_key(crowd);
                return Ok(quietest.expect("invariant: a region has zones"));
            }
            (Some(_), Some(_)) => {
                let reason = "Only one of availabilityZone and availabilityZoneId can be specified"
                    .to_owned();
                return Err(Refusal::Ec2Combination { reason });
            }
        };
        let names: Vec<String> = match member {
            "availabilityZone" => zones.iter().map(|zone| zone.name.to_string()).collect(),
            _ => zones.iter().map(|zone| zone.id.clone()).collect(),
        };
        let place = names.iter().position(|name| name == text).ok_or_else(|| {
            let reason = format!(
                "Value ({text}) for parameter {member} is invalid. Subnets can currently only be \
                 created in the following availability zones: {}.",
                names.join(", ")
            );
            Refusal::Ec2Parameter { reason }
        })?;
        Ok(zones[place].clone())
    }

    /// An IPv6 block for a subnet: in the VPC's and free.
    fn subnet_ipv6(&self, vpc: &Vpc, text: &str) -> Result<IpNet, Refusal> {
        let block = ipv6_block("ipv6CidrBlock", text)?;
        let length = block.prefix_len();
        let sized = IPV6_PREFIXES.contains(&length) && length.is_multiple_of(IPV6_PREFIX_STEP);
        if !sized || !vpc.holds_block(&block) {
            return Err(Refusal::SubnetRange { cidr: text.to_owned() });
        }
        self.block_is_free(vpc, &block)?;
        Ok(block)
    }

    /// Refuses a block that overlaps another subnet of the VPC. Loopback blocks are those of one
    /// machine, whatever VPC they are in, and some of them stand in for others.
    fn block_is_free(&self, vpc: &Vpc, block: &IpNet) -> Result<(), Refusal> {
        let of_subnet =
            |s: &Subnet| overlap(&s.cidr, block) || s.ipv6_cidr.is_some_and(|c| overlap(&c, block));
        let taken = if block.network().is_loopback() {
            let plan = &self.catalog.settings.addresses;
            let mut given = plan.stand_in.iter().chain(&plan.elastic).chain(&plan.public);
            self.catalog.all_subnets().any(of_subnet) || given.any(|own| overlap(own, block))
        } else {
            self.catalog.subnets_of(&vpc.id).any(of_subnet)
        };
        if taken {
            return Err(Refusal::SubnetConflict { cidr: block.to_string() });
        }
        Ok(())
    }

    /// Whether anything holds an address of a block of a subnet.
    fn block_is_used(&self, subnet: &Subnet, block: &IpNet) -> bool {
        let first = (subnet.vpc.clone(), block.network());
        let last = (subnet.vpc.clone(), block.broadcast());
        self.catalog.index.private.range(first..=last).next().is_some()
    }

    fn subnets_admit(&self, vpc: &Vpc) -> Result<(), Refusal> {
        if self.catalog.subnets_of(&vpc.id).count() >= limits::SUBNETS_PER_VPC_MAX {
            return Err(NetworkRefusal::SubnetLimit {}.into());
        }
        Ok(())
    }

    fn subnet_id(&mut self) -> SubnetId {
        let catalog = self.catalog;
        SubnetId::new(self.ec2_id("subnet-", |id| catalog.subnet(id).is_some()))
    }
}
