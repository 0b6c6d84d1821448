//! Reading the catalog.
//!
//! Invariant: every reader costs O(log n) or O(result).

use std::borrow::Borrow;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use super::{Catalog, ResourceKey, Settings};
use crate::resource::{
    AllocationId, ElasticAddress, Instance, InstanceId, InterfaceId, InternetGateway,
    InternetGatewayId, Listener, ListenerArn, LoadBalancer, LoadBalancerArn, NetworkInterface,
    PrefixEntry, PrefixList, PrefixListId, Region, Registrations, RouteTable, RouteTableId, Rule,
    RuleArn, SecurityGroup, SecurityGroupId, Subnet, SubnetId, Target, TargetGroup, TargetGroupArn,
    Vpc, VpcId, ZoneName,
};

// === impl Catalog ===

impl Catalog {
    /// The operator's settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    // --- by identity

    /// A load balancer.
    pub fn load_balancer(&self, arn: &LoadBalancerArn) -> Option<&LoadBalancer> {
        self.load_balancers.get(arn).map(Arc::as_ref)
    }

    /// A listener.
    pub fn listener(&self, arn: &ListenerArn) -> Option<&Listener> {
        self.listeners.get(arn).map(Arc::as_ref)
    }

    /// A rule, default rules included.
    pub fn rule(&self, arn: &RuleArn) -> Option<&Rule> {
        self.rules.get(arn).map(Arc::as_ref)
    }

    /// A target group.
    pub fn target_group(&self, arn: &TargetGroupArn) -> Option<&TargetGroup> {
        self.target_groups.get(arn).map(Arc::as_ref)
    }

    /// The registrations of a target group; every group has a record, possibly an empty one.
    pub fn registrations(&self, group: &TargetGroupArn) -> Option<&Registrations> {
        self.registrations.get(group).map(Arc::as_ref)
    }

    /// The targets of a group, draining ones included.
    pub fn targets(&self, group: &TargetGroupArn) -> &[Target] {
        self.registrations.get(group).map_or(&[], |record| &record.targets)
    }

    /// An instance, terminated ones included while they are shown.
    pub fn instance(&self, id: &str) -> Option<&Instance> {
        self.instances.get(id).map(Arc::as_ref)
    }

    /// A security group.
    pub fn security_group<Q>(&self, id: &Q) -> Option<&SecurityGroup>
    where
        SecurityGroupId: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.security_groups.get(id).map(Arc::as_ref)
    }

    /// A subnet.
    pub fn subnet<Q>(&self, id: &Q) -> Option<&Subnet>
    where
        SubnetId: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.subnets.get(id).map(Arc::as_ref)
    }

    /// A VPC.
    pub fn vpc<Q>(&self, id: &Q) -> Option<&Vpc>
    where
        VpcId: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.vpcs.get(id).map(Arc::as_ref)
    }

    /// An internet gateway.
    pub fn internet_gateway<Q>(&self, id: &Q) -> Option<&InternetGateway>
    where
        InternetGatewayId: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.internet_gateways.get(id).map(Arc::as_ref)
    }

    /// A route table.
    pub fn route_table<Q>(&self, id: &Q) -> Option<&RouteTable>
    where
        RouteTableId: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.route_tables.get(id).map(Arc::as_ref)
    }

    // --- by region

    /// All load balancers, by ARN.
    pub fn all_load_balancers(&self) -> impl Iterator<Item = &LoadBalancer> {
        self.load_balancers.values().map(Arc::as_ref)
    }

    /// All listeners, by ARN.
    pub fn all_listeners(&self) -> impl Iterator<Item = &Listener> {
        self.listeners.values().map(Arc::as_ref)
    }

    /// All target groups, by ARN.
    pub fn all_target_groups(&self) -> impl Iterator<Item = &TargetGroup> {
        self.target_groups.values().map(Arc::as_ref)
    }

    /// All instances, by id.
    pub fn all_instances(&self) -> impl Iterator<Item = &Instance> {
        self.instances.values().map(Arc::as_ref)
    }

    /// All subnets, by id.
    pub fn all_subnets(&self) -> impl Iterator<Item = &Subnet> {
        self.subnets.values().map(Arc::as_ref)
    }

    /// All security groups, by id.
    pub fn all_security_groups(&self) -> impl Iterator<Item = &SecurityGroup> {
        self.security_groups.values().map(Arc::as_ref)
    }

    /// Load balancers of a region, by name.
    pub fn load_balancers_in(&self, region: &Region) -> impl Iterator<Item = &LoadBalancer> {
        let arns = self.index.load_balancers.get(region).into_iter().flatten();
        arns.filter_map(|(_, arn)| self.load_balancers.get(arn)).map(Arc::as_ref)
    }

    /// Target groups of a region, by name.
    pub fn target_groups_in(&self, region: &Region) -> impl Iterator<Item = &TargetGroup> {
        let arns = self.index.target_groups.get(region).into_iter().flatten();
        arns.filter_map(|(_, arn)| self.target_groups.get(arn)).map(Arc::as_ref)
    }

    /// Instances of a region, by id.
    pub fn instances_in(&self, region: &Region) -> impl Iterator<Item = &Instance> {
        let ids = self.index.instances.get(region).into_iter().flatten();
        ids.filter_map(|id| self.instances.get(id)).map(Arc::as_ref)
    }

    /// Security groups of a region, by id.
    pub fn security_groups_in(&self, region: &Region) -> impl Iterator<Item = &SecurityGroup> {
        let ids = self.index.security_groups.get(region).into_iter().flatten();
        ids.filter_map(|id| self.security_groups.get(id)).map(Arc::as_ref)
    }

    /// VPCs of a region, by id.
    pub fn vpcs_in(&self, region: &Region) -> impl Iterator<Item = &Vpc> {
        self.vpcs.values().map(Arc::as_ref).filter(move |vpc| vpc.region == *region)
    }

    /// Subnets of a VPC, by zone.
    pub fn subnets_of(&self, vpc: &VpcId) -> impl Iterator<Item = &Subnet> {
        let start = (vpc.clone(), ZoneName::new(" "), SubnetId::new(" "));
        let vpc = vpc.clone();
        let entries = self.index.subnets.range(start..).take_while(move |entry| entry.0 == vpc);
        entries.filter_map(|(_, _, id)| self.subnets.get(id)).map(Arc::as_ref)
    }

    /// Internet gateways of a region, by id.
    pub fn internet_gateways_in(&self, region: &Region) -> impl Iterator<Item = &InternetGateway> {
        let gateways = self.internet_gateways.values().map(Arc::as_ref);
        gateways.filter(move |gateway| gateway.region == *region)
    }

    /// The internet gateway that is attached to a VPC.
    pub fn internet_gateway_of(&self, vpc: &VpcId) -> Option<&InternetGateway> {
        self.internet_gateway(self.index.routing.gateways.get(vpc)?)
    }

    /// Route tables of a region, by id.
    pub fn route_tables_in(&self, region: &Region) -> impl Iterator<Item = &RouteTable> {
        let tables = self.route_tables.values().map(Arc::as_ref);
        tables.filter(move |table| table.region == *region)
    }

    /// Route tables of a VPC, by id.
    pub fn route_tables_of(&self, vpc: &VpcId) -> impl Iterator<Item = &RouteTable> {
        let ids = self.index.routing.tables.get(vpc).into_iter().flatten();
        ids.filter_map(|id| self.route_table(id))
    }

    /// Security groups of a VPC, by name.
    pub fn security_groups_of(&self, vpc: &VpcId) -> Vec<&SecurityGroup> {
        let names = self.index.security_group_names.range((vpc.clone(), String::new())..);
        let own = names.take_while(|((owner, _), _)| owner == vpc);
        own.filter_map(|(_, id)| self.security_group(id)).collect()
    }

    /// The default VPC of a region.
    pub fn default_vpc(&self, region: &Region) -> Option<&Vpc> {
        self.vpcs.get(self.index.default_vpcs.get(region)?).map(Arc::as_ref)
    }

    // --- by name or owner

    /// The load balancer of this name.
    pub fn load_balancer_named(&self, region: &Region, name: &str) -> Option<&LoadBalancer> {
        self.load_balancers.get(self.index.load_balancers.get(region)?.get(name)?).map(Arc::as_ref)
    }

    /// The target group of this name.
    pub fn target_group_named(&self, region: &Region, name: &str) -> Option<&TargetGroup> {
        self.target_groups.get(self.index.target_groups.get(region)?.get(name)?).map(Arc::as_ref)
    }

    /// The security group of this name in a VPC.
    pub fn security_group_named(&self, vpc: &VpcId, name: &str) -> Option<&SecurityGroup> {
        let key = (vpc.clone(), name.to_owned());
        self.security_groups.get(self.index.security_group_names.get(&key)?).map(Arc::as_ref)
    }

    /// Listeners of a load balancer, by port.
    pub fn listeners_of(&self, lb: &LoadBalancerArn) -> impl Iterator<Item = &Listener> {
        let arns = self.index.listeners.get(lb).into_iter().flatten();
        arns.filter_map(|(_, arn)| self.listeners.get(arn)).map(Arc::as_ref)
    }

    /// Rules of a listener in the order of evaluation; the default rule is last.
    pub fn rules_of(&self, listener: &ListenerArn) -> impl Iterator<Item = &Rule> {
        let arns = self.index.rules.get(listener).into_iter().flatten();
        arns.filter_map(|(_, arn)| self.rules.get(arn)).map(Arc::as_ref)
    }

    /// Rules whose actions name a group.
    pub fn rules_naming(&self, group: &TargetGroupArn) -> impl Iterator<Item = &Rule> {
        let arns = self.index.group_rules.get(group).into_iter().flatten();
        arns.filter_map(|arn| self.rules.get(arn)).map(Arc::as_ref)
    }

    /// The load balancer that a group serves, if any rule names the group.
    // spec: alb §4.1 Registration
    pub fn load_balancer_of(&self, group: &TargetGroupArn) -> Option<&LoadBalancer> {
        let rule = self.rules_naming(group).next()?;
        self.load_balancers.get(&self.listeners.get(&rule.listener)?.load_balancer).map(Arc::as_ref)
    }

    /// The target groups that rules of a load balancer name, by ARN.
    pub fn groups_of(&self, lb: &LoadBalancerArn) -> impl Iterator<Item = &TargetGroup> {
        let arns = self.index.groups_of.get(lb).into_iter().flatten();
        arns.filter_map(|(arn, _)| self.target_group(arn))
    }

    /// Targets of a group that are not leaving it.
    pub fn serving(&self, group: &TargetGroupArn) -> usize {
        self.index.serving.get(group).copied().unwrap_or(0)
    }

    /// The groups in which a target id (instance id or address) is registered.
    pub fn groups_with_target(&self, id: &str) -> impl Iterator<Item = &TargetGroupArn> {
        self.index.target_groups_of.get(id).into_iter().flatten().map(|(arn, _)| arn)
    }

    /// Load balancers, instances and security groups that use a security group.
    pub fn users_of(&self, group: &SecurityGroupId) -> impl Iterator<Item = &ResourceKey> {
        self.index.security_group_users.get(group).into_iter().flatten()
    }

    // --- the EC2 inventory

    /// A prefix list.
    pub fn prefix_list(&self, id: &str) -> Option<&PrefixList> {
        self.prefix_lists.get(id).map(Arc::as_ref)
    }

    /// Prefix lists of a region, by id.
    pub fn prefix_lists_in(&self, region: &Region) -> impl Iterator<Item = &PrefixList> {
        let ids = self.index.inventory.prefix_lists.get(region).into_iter().flatten();
        ids.filter_map(|id| self.prefix_lists.get(id)).map(Arc::as_ref)
    }

    /// The current entries of a prefix list.
    pub fn prefix_list_entries(&self, id: &PrefixListId) -> &[PrefixEntry] {
        self.prefix_lists.get(id).map_or(&[], |list| &list.entries)
    }

    /// The security groups whose rules name a prefix list.
    pub fn groups_naming_list(&self, id: &PrefixListId) -> impl Iterator<Item = &SecurityGroupId> {
        self.index.inventory.prefix_list_users.get(id).into_iter().flatten()
    }

    /// The security group that has a rule (`sgr-…`).
    pub fn group_of_rule(&self, rule: &str) -> Option<&SecurityGroup> {
        self.security_group(self.index.inventory.group_rules.get(rule)?)
    }

    /// An interface that somebody made.
    pub fn network_interface(&self, id: &str) -> Option<&NetworkInterface> {
        self.network_interfaces.get(id).map(Arc::as_ref)
    }

    /// All interfaces that somebody made, by id.
    pub fn all_network_interfaces(&self) -> impl Iterator<Item = &NetworkInterface> {
        self.network_interfaces.values().map(Arc::as_ref)
    }

    /// Interfaces that somebody made in a region, by id.
    pub fn network_interfaces_in(
        &self,
        region: &Region,
    ) -> impl Iterator<Item = &NetworkInterface> {
        let ids = self.index.inventory.made.get(region).into_iter().flatten();
        ids.filter_map(|id| self.network_interfaces.get(id)).map(Arc::as_ref)
    }

    /// The interfaces that somebody attached to an instance, by id.
    pub fn attached_to(&self, instance: &InstanceId) -> impl Iterator<Item = &NetworkInterface> {
        let ids = self.index.inventory.attached.get(instance).into_iter().flatten();
        ids.filter_map(|id| self.network_interfaces.get(id)).map(Arc::as_ref)
    }

    /// An elastic address.
    pub fn elastic_address(&self, id: &str) -> Option<&ElasticAddress> {
        self.elastic_addresses.get(id).map(Arc::as_ref)
    }

    /// Elastic addresses of a region, by id.
    pub fn elastic_addresses_in(&self, region: &Region) -> impl Iterator<Item = &ElasticAddress> {
        let ids = self.index.inventory.elastic.get(region).into_iter().flatten();
        ids.filter_map(|id| self.elastic_addresses.get(id)).map(Arc::as_ref)
    }

    /// The elastic address at a public address.
    pub fn elastic_address_at(&self, address: Ipv4Addr) -> Option<&ElasticAddress> {
        match self.index.addresses.get(&IpAddr::V4(address))? {
            ResourceKey::ElasticAddress(id) => self.elastic_address(id.as_str()),
            _ => None,
        }
    }

    /// The elastic address that somebody associated with an interface.
    pub fn elastic_address_of(&self, interface: &InterfaceId) -> Option<&ElasticAddress> {
        self.elastic_address(self.index.inventory.elastic_of.get(interface)?.as_str())
    }

    /// The elastic address of an association (`eipassoc-…`).
    pub fn elastic_address_associated(&self, association: &str) -> Option<&ElasticAddress> {
        self.elastic_address(self.index.inventory.associations.get(association)?.as_str())
    }

    /// The load balancer that uses an elastic address.
    pub fn elastic_address_balancer(&self, id: &AllocationId) -> Option<&LoadBalancer> {
        self.load_balancer(self.index.allocations.get(id)?)
    }

    /// Who holds an address of a VPC's subnets.
    pub fn holder_of(&self, vpc: &VpcId, address: IpAddr) -> Option<&ResourceKey> {
        self.index.private.get(&(vpc.clone(), address))
    }

    /// The load balancer that binds an address, or the elastic address that it is.
    pub fn owner_of(&self, address: IpAddr) -> Option<&ResourceKey> {
        self.index.addresses.get(&address)
    }

    /// The load balancer that uses an elastic address.
    pub fn load_balancer_of_allocation(&self, id: &AllocationId) -> Option<&LoadBalancer> {
        self.load_balancer(self.index.allocations.get(id)?)
    }

    /// `AvailableIpAddressCount` of a subnet.
    pub fn free_addresses(&self, subnet: &SubnetId) -> u32 {
        self.index.pools.get(subnet).map_or(0, |pool| pool.free())
    }

    /// When `Command::TargetsReap` next has something to do, in milliseconds since the epoch.
    pub fn next_deadline_ms(&self) -> Option<i64> {
        self.index.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// The load balancers that a group serves: one at most, see [`Self::load_balancer_of`].
    pub fn load_balancers_using(&self, group: &TargetGroupArn) -> Vec<LoadBalancerArn> {
        self.load_balancer_of(group).map(|lb| lb.arn.clone()).into_iter().collect()
    }

    /// The zone of the subnet that an address of a VPC lies in.
    pub fn zone_of_address(&self, vpc: &VpcId, address: IpAddr) -> Option<ZoneName> {
        let mut subnets = self.subnets_of(vpc);
        subnets.find(|subnet| subnet.cidr.contains(&address)).map(|subnet| subnet.zone.clone())
    }
}
