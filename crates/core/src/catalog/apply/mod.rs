//! Deciding commands.
//!
//! One file per resource; every function reads the catalog, judges one input and adds to the
//! decision. Checks run in AWS's order: the request alone, then what it names, then what else
//! exists, then quotas.
//!
//! Invariant: nothing here writes to the catalog, and a refused command leaves no trace.

mod action;
mod action_auth;
mod address;
mod association;
mod attribute_rules;
pub(super) mod attributes;
mod capacity;
mod certificate;
mod condition;
mod elastic;
mod instance;
mod instance_attribute;
mod interface;
mod internet_gateway;
mod listener;
mod listener_tls;
mod load_balancer;
mod load_balancer_set;
mod name;
mod placement;
mod prefix_list;
mod region;
mod route_table;
mod rule;
mod security_group;
mod security_group_rule;
mod subnet;
mod tag;
mod target;
mod target_group;
mod target_health_check;
mod target_quota;
mod transform;
mod trust_store;
mod vpc;

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::unserved::Feature;
use super::{Catalog, Command, Decision, Refusal, Resource, ResourceKey};
use crate::rng::Rng;
use crate::time::Now;

/// Lower-case hexadecimal digits in ids of load-balancing resources.
const ELB_ID_LEN: usize = 16;
/// Lower-case hexadecimal digits in ids of EC2 resources.
const EC2_ID_LEN: usize = 17;

/// One command being decided.
struct Apply<'a> {
    catalog: &'a Catalog,
    now: Now,
    rng: &'a mut Rng,
    decision: Decision,
    /// Addresses that this decision gives out already.
    taken: BTreeSet<IpAddr>,
}

/// Decides `command` on `catalog`.
pub(super) fn decide(
    catalog: &Catalog,
    command: &Command,
    now: Now,
    rng: &mut Rng,
) -> Result<Decision, Refusal> {
    let decision = Decision::default();
    let mut apply = Apply { catalog, now, rng, decision, taken: BTreeSet::new() };
    apply.command(command)?;
    Ok(apply.decision)
}

// === impl Apply ===

impl<'a> Apply<'a> {
    fn command(&mut self, command: &Command) -> Result<(), Refusal> {
        match command {
            Command::LoadBalancerCreate(input) => self.load_balancer_create(input),
            Command::LoadBalancerDelete(input) => self.load_balancer_delete(input),
            Command::LoadBalancerAttributesModify(i) => self.load_balancer_attributes_modify(i),
            Command::SecurityGroupsSet(input) => self.security_groups_set(input),
            Command::SubnetsSet(input) => self.subnets_set(input),
            Command::IpAddressTypeSet(input) => self.ip_address_type_set(input),
            Command::IpPoolsModify(input) => self.ip_pools_modify(input),
            Command::CapacityReservationModify(i) => self.capacity_reservation_modify(i),
            Command::TargetGroupCreate(input) => self.target_group_create(input),
            Command::TargetGroupModify(input) => self.target_group_modify(input),
            Command::TargetGroupDelete(input) => self.target_group_delete(input),
            Command::TargetGroupAttributesModify(i) => self.target_group_attributes_modify(i),
            Command::TargetsRegister(input) => self.targets_register(input),
            Command::TargetsDeregister(input) => self.targets_deregister(input),
            Command::TargetsReap => self.targets_reap(),
            Command::ListenerCreate(input) => self.listener_create(input),
            Command::ListenerModify(input) => self.listener_modify(input),
            Command::ListenerDelete(input) => self.listener_delete(input),
            Command::ListenerCertificatesAdd(input) => self.listener_certificates_add(input),
            Command::ListenerCertificatesRemove(input) => self.listener_certificates_remove(input),
            Command::ListenerAttributesModify(input) => self.listener_attributes_modify(input),
            Command::RuleCreate(input) => self.rule_create(input),
            Command::RuleModify(input) => self.rule_modify(input),
            Command::RuleDelete(input) => self.rule_delete(input),
            Command::RulePrioritiesSet(input) => self.rule_priorities_set(input),
            Command::TagsAdd(input) => self.tags_add(input),
            Command::TagsRemove(input) => self.tags_remove(input),
            other => self.trust_command(other),
        }
    }

    fn trust_command(&mut self, command: &Command) -> Result<(), Refusal> {
        match command {
            Command::CertificateImport(input) => self.certificate_import(input),
            Command::CertificateIssue(input) => self.certificate_issue(input),
            Command::CertificateDelete(input) => self.certificate_delete(input),
            Command::CertificateOptionsUpdate(input) => self.certificate_options_update(input),
            Command::CertificateTag(input) => self.certificate_tag(input),
            Command::CertificateUntag(input) => self.certificate_untag(input),
            Command::ServerCertificateUpload(input) => self.server_certificate_upload(input),
            Command::ServerCertificateUpdate(input) => self.server_certificate_update(input),
            Command::ServerCertificateDelete(input) => self.server_certificate_delete(input),
            Command::ServerCertificateTag(input) => self.server_certificate_tag(input),
            Command::ServerCertificateUntag(input) => self.server_certificate_untag(input),
            Command::ServiceRoleCreate(input) => self.service_role_create(input),
            Command::TrustStoreCreate(input) => self.trust_store_create(input),
            Command::TrustStoreModify(input) => self.trust_store_modify(input),
            Command::TrustStoreDelete(input) => self.trust_store_delete(input),
            Command::RevocationsAdd(input) => self.revocations_add(input),
            Command::RevocationsRemove(input) => self.revocations_remove(input),
            Command::TrustStoreAssociationDelete(input) => {
                self.trust_store_association_delete(input)
            }
            other => self.ec2_command(other),
        }
    }

    fn ec2_command(&mut self, command: &Command) -> Result<(), Refusal> {
        match command {
            Command::SecurityGroupCreate(input) => self.security_group_create(input),
            Command::SecurityGroupDelete(input) => self.security_group_delete(input),
            Command::IngressAuthorize(input) => self.authorize(input, Direction::Ingress),
            Command::IngressRevoke(input) => self.revoke(input, Direction::Ingress),
            Command::EgressAuthorize(input) => self.authorize(input, Direction::Egress),
            Command::EgressRevoke(input) => self.revoke(input, Direction::Egress),
            Command::InstancesRun(input) => self.instances_run(input),
            Command::InstancesStart(input) => self.instances_start(input),
            Command::InstancesStop(input) => self.instances_stop(input),
            Command::InstancesTerminate(input) => self.instances_terminate(input),
            Command::Ec2TagsCreate(input) => self.ec2_tags_create(input),
            Command::Ec2TagsDelete(input) => self.ec2_tags_delete(input),
            Command::RegionInit(input) => self.region_init(input),
            other => self.network_command(other),
        }
    }

    fn network_command(&mut self, command: &Command) -> Result<(), Refusal> {
        match command {
            Command::VpcCreate(input) => self.vpc_create(input),
            Command::VpcDelete(input) => self.vpc_delete(input),
            Command::VpcAttributeModify(input) => self.vpc_attribute_modify(input),
            Command::VpcCidrAssociate(input) => self.vpc_cidr_associate(input),
            Command::VpcCidrDisassociate(input) => self.vpc_cidr_disassociate(input),
            Command::DefaultVpcCreate(input) => self.default_vpc_create(input),
            Command::SubnetCreate(input) => self.subnet_create(input),
            Command::SubnetDelete(input) => self.subnet_delete(input),
            Command::SubnetAttributeModify(input) => self.subnet_attribute_modify(input),
            Command::SubnetCidrAssociate(input) => self.subnet_cidr_associate(input),
            Command::SubnetCidrDisassociate(input) => self.subnet_cidr_disassociate(input),
            Command::DefaultSubnetCreate(input) => self.default_subnet_create(input),
            Command::InternetGatewayCreate(input) => self.internet_gateway_create(input),
            Command::InternetGatewayDelete(input) => self.internet_gateway_delete(input),
            Command::InternetGatewayAttach(input) => self.internet_gateway_attach(input),
            Command::InternetGatewayDetach(input) => self.internet_gateway_detach(input),
            Command::RouteTableCreate(input) => self.route_table_create(input),
            Command::RouteTableDelete(input) => self.route_table_delete(input),
            Command::RouteCreate(input) => self.route_create(input),
            Command::RouteReplace(input) => self.route_replace(input),
            Command::RouteDelete(input) => self.route_delete(input),
            Command::RouteTableAssociate(input) => self.route_table_associate(input),
            Command::RouteTableDisassociate(input) => self.route_table_disassociate(input),
            Command::RouteTableReplace(input) => self.route_table_replace(input),
            other => self.inventory_command(other),
        }
    }

    fn inventory_command(&mut self, command: &Command) -> Result<(), Refusal> {
        match command {
            Command::SecurityGroupRulesModify(input) => self.security_group_rules_modify(input),
            Command::IngressDescriptionsUpdate(input) => {
                self.rule_descriptions_update(input, Direction::Ingress)
            }
            Command::EgressDescriptionsUpdate(input) => {
                self.rule_descriptions_update(input, Direction::Egress)
            }
            Command::PrefixListCreate(input) => self.prefix_list_create(input),
            Command::PrefixListModify(input) => self.prefix_list_modify(input),
            Command::PrefixListDelete(input) => self.prefix_list_delete(input),
            Command::AddressAllocate(input) => self.elastic_allocate(input),
            Command::AddressRelease(input) => self.elastic_release(input),
            Command::AddressAssociate(input) => self.elastic_associate(input),
            Command::AddressDisassociate(input) => self.elastic_disassociate(input),
            Command::InterfaceCreate(input) => self.interface_create(input),
            Command::InterfaceDelete(input) => self.interface_delete(input),
            Command::InterfaceModify(input) => self.interface_modify(input),
            Command::InterfaceAttach(input) => self.interface_attach(input),
            Command::InterfaceDetach(input) => self.interface_detach(input),
            Command::PrivateAddressesAssign(input) => self.private_addresses_assign(input),
            Command::PrivateAddressesUnassign(input) => self.private_addresses_unassign(input),
            Command::InstanceModify(input) => self.instance_modify(input),
            Command::InstancesReboot(input) => self.instances_reboot(input),
            // The callers matched every other variant.
            other => unreachable!("bug: {other:?} is no EC2 command"),
        }
    }

    /// Refuses what no plane carries yet, unless the operator wants it recorded. Judge the input
    /// first: a bad request gets AWS's error either way.
    fn unserved(&self, feature: Feature, value: impl Into<String>) -> Result<(), Refusal> {
        if self.catalog.settings.allow_unserved_types {
            return Ok(());
        }
        Err(Refusal::unserved(feature, value))
    }

    /// Adds a written record.
    fn put(&mut self, resource: Resource) {
        self.decision.changes.put(resource);
    }

    /// Adds a written record that the response is about.
    fn put_subject(&mut self, resource: Resource) {
        self.decision.subjects.push(resource.key());
        self.decision.changes.put(resource);
    }

    /// Names an unchanged record that the response is about.
    fn subject(&mut self, key: ResourceKey) {
        self.decision.subjects.push(key);
    }

    /// A fresh EC2 id that `exists` does not know.
    fn ec2_id(&mut self, prefix: &str, exists: impl Fn(&str) -> bool) -> String {
        loop {
            let id = format!("{prefix}{}", self.rng.hex(EC2_ID_LEN));
            if !exists(&id) {
                return id;
            }
        }
    }

    /// A fresh ARN that `exists` does not know, built around a random id.
    fn fresh<T>(&mut self, build: impl Fn(&str) -> T, exists: impl Fn(&T) -> bool) -> T {
        loop {
            let arn = build(&self.rng.hex(ELB_ID_LEN));
            if !exists(&arn) {
                return arn;
            }
        }
    }
}

/// Which rules of a security group are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Ingress,
    Egress,
}

/// `'a', 'b'`: how AWS lists ids in messages.
fn quoted<T: AsRef<str>>(ids: &[T]) -> String {
    let quoted: Vec<String> = ids.iter().map(|id| format!("'{}'", id.as_ref())).collect();
    quoted.join(", ")
}
