//! What a load balancer stands on: subnets, security groups, an internet gateway.
//!
//! The checks of AWS that test environments like to be without have names; see
//! [`Waiver`](crate::catalog::Waiver).
//!
//! Invariant: the subnets of a load balancer are of one VPC, one per zone.
// spec: alb §14.3 Zones, subnets, security
// spec: nlb-gwlb-clb §1.4 Addresses, subnets, zones [D][M]

use std::collections::BTreeSet;

use super::Apply;
use crate::catalog::command::SubnetMapping;
use crate::catalog::settings::Waiver;
use crate::catalog::{LoadBalancerRefusal, Refusal};
use crate::resource::{
    IpAddressType, LoadBalancerKind, Region, Scheme, SecurityGroupId, Subnet, VpcId,
};

/// Name of the group that every VPC has.
pub(super) const DEFAULT_GROUP: &str = "default";

// === impl Apply ===

impl<'a> Apply<'a> {
    /// The subnets of a request: known, of one VPC, one per zone, in enough zones.
    pub(super) fn subnets_find(
        &self,
        region: &Region,
        kind: LoadBalancerKind,
        ids: &[String],
        vpc: Option<&VpcId>,
    ) -> Result<Vec<&'a Subnet>, Refusal> {
        let single = self.catalog.settings.waives(Waiver::SingleZone);
        let two_zones = kind == LoadBalancerKind::Application && !single;
        if two_zones && ids.len() < 2 {
            return Err(Refusal::ZonesTooFew {});
        }
        if ids.is_empty() {
            return Err(LoadBalancerRefusal::SubnetsMissing {}.into());
        }
        let mut subnets: Vec<&'a Subnet> = Vec::new();
        let mut zones = BTreeSet::new();
        for id in ids {
            let found = self.catalog.subnet(id.as_str()).filter(|s| s.region == *region);
            let subnet = found.ok_or_else(|| Refusal::SubnetNotFound { subnet: id.clone() })?;
            if let Some(vpc) = vpc.filter(|vpc| **vpc != subnet.vpc) {
                let (subnet, vpc) = (id.clone(), vpc.to_string());
                return Err(Refusal::SubnetsWrongVpc { subnet, vpc });
            }
            if subnets.first().is_some_and(|first| first.vpc != subnet.vpc) {
                return Err(Refusal::SubnetsDifferentVpcs {});
            }
            if !zones.insert(&subnet.zone) {
                return Err(Refusal::SubnetsSameZone {});
            }
            subnets.push(subnet);
        }
        Ok(subnets)
    }

    /// The named groups, or the VPC's default group when none is named.
    pub(super) fn groups_or_default(
        &self,
        vpc: &VpcId,
        ids: &[String],
    ) -> Result<Vec<SecurityGroupId>, Refusal> {
        let mut groups = self.groups_find(vpc, ids)?;
        if groups.is_empty() {
            let group = self.catalog.security_group_named(vpc, DEFAULT_GROUP);
            groups.push(group.ok_or(Refusal::SecurityGroupsInvalid {})?.id.clone());
        }
        Ok(groups)
    }

    /// The named groups, each once.
    pub(super) fn groups_find(
        &self,
        vpc: &VpcId,
        ids: &[String],
    ) -> Result<Vec<SecurityGroupId>, Refusal> {
        let settings = &self.catalog.settings;
        let (limit, anywhere) = (
            settings.quotas.security_groups_per_interface,
            settings.waives(Waiver::ForeignSecurityGroup),
        );
        let region = self.catalog.vpc(vpc).map(|vpc| &vpc.region);
        let mut groups: Vec<SecurityGroupId> = Vec::new();
        for id in ids {
            let found = self.catalog.security_group(id.as_str());
            let fits = found
                .filter(|group| group.vpc == *vpc || anywhere && Some(&group.region) == region);
            let group = fits.ok_or(Refusal::SecurityGroupsInvalid {})?;
            if !groups.contains(&group.id) {
                groups.push(group.id.clone());
            }
        }
        if groups.len() > limit {
            return Err(Refusal::SecurityGroupsTooMany { limit: limit.to_string() });
        }
        Ok(groups)
    }

    pub(super) fn internet_gateway_present(
        &self,
        kind: LoadBalancerKind,
        scheme: Scheme,
        vpc: &VpcId,
    ) -> Result<(), Refusal> {
        let waived = self.catalog.settings.waives(Waiver::NoInternetGateway);
        let needed = kind != LoadBalancerKind::Gateway && scheme == Scheme::InternetFacing;
        if needed && !waived && !self.catalog.index.routing.gateways.contains_key(vpc) {
            return Err(Refusal::NoInternetGateway { vpc: vpc.to_string() });
        }
        Ok(())
    }
}

/// Whether a type of load balancer can have these address families.
// spec: alb §0.5 Structure enums and ranges that gate the data plane [A]
pub(super) fn address_type_fits(
    kind: LoadBalancerKind,
    scheme: Scheme,
    address_type: IpAddressType,
) -> Result<(), Refusal> {
    if address_type != IpAddressType::DualstackWithoutPublicIpv4 {
        return Ok(());
    }
    if kind != LoadBalancerKind::Application {
        let (address_type, kind) = (address_type.as_str().to_owned(), kind.as_str().to_owned());
        return Err(LoadBalancerRefusal::AddressTypeForeign { address_type, kind }.into());
    }
    match scheme {
        Scheme::Internal => Err(Refusal::InternalWithoutPublicIpv4 {}),
        Scheme::InternetFacing => Ok(()),
    }
}

/// `on`, of a member that knows `on` and `off`.
pub(super) fn is_on(value: Option<&String>) -> bool {
    value.is_some_and(|value| value == "on")
}

/// Each subnet with its entry of `SubnetMappings`, if the caller used those.
pub(super) fn places<'a>(
    subnets: &[&'a Subnet],
    mappings: &'a [SubnetMapping],
) -> Vec<(&'a Subnet, Option<&'a SubnetMapping>)> {
    let of = |subnet: &Subnet| mappings.iter().find(|m| m.subnet == subnet.id.as_str());
    subnets.iter().map(|subnet| (*subnet, of(subnet))).collect()
}

/// The ids in `Subnets` or `SubnetMappings`; only one of them may be given.
pub(super) fn subnet_ids(
    subnets: &[String],
    mappings: &[SubnetMapping],
) -> Result<Vec<String>, Refusal> {
    if !subnets.is_empty() && !mappings.is_empty() {
        return Err(Refusal::SubnetsAndMappings {});
    }
    Ok(subnets.iter().chain(mappings.iter().map(|mapping| &mapping.subnet)).cloned().collect())
}
