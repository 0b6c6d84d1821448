//! Target groups: creation, modification, deletion.
//!
//! Invariant: a group exists together with its record of registrations.
// spec: control-plane §1.3 ELBv2 errors, pagination, waiters, limits, attributes
// spec: nlb-gwlb-clb §0.4 Target group object, target states [M][D]

use super::Apply;
use super::name::target_group_name;
use super::tag::tags_new;
use super::target_health_check::{health_check, health_check_default};
use crate::catalog::command::{ArnInput, TargetGroupCreate, TargetGroupModify};
use crate::catalog::unserved::Feature;
use crate::catalog::{Refusal, Resource, ResourceKey, RoutingRefusal};
use crate::resource::target_group::HealthCheckProtocol;
use crate::resource::{
    AttributeValues, LoadBalancerKind, Region, Registrations, TargetGroup, TargetGroupArn,
    TargetGroupProtocol, TargetType, VpcId,
};

/// The one port of GENEVE.
const GENEVE_PORT: u16 = 6_081;

// === impl Apply ===

impl Apply<'_> {
    pub(super) fn target_group_create(&mut self, input: &TargetGroupCreate) -> Result<(), Refusal> {
        target_group_name(&input.name)?;
        let record = self.target_group_record(input)?;
        if let Some(found) = self.catalog.target_group_named(&input.region, &input.name) {
            if !same_settings(found, &record) {
                return Err(Refusal::TargetGroupNameTaken { name: input.name.clone() });
            }
            self.subject(ResourceKey::TargetGroup(found.arn.clone()));
            return Ok(());
        }
        self.target_group_quotas(&record)?;
        self.target_group_served(&record)?;
        let registrations = Registrations { group: record.arn.clone(), targets: Vec::new() };
        self.put_subject(Resource::TargetGroup(record));
        self.put(Resource::Registrations(registrations));
        Ok(())
    }

    fn target_group_record(&mut self, input: &TargetGroupCreate) -> Result<TargetGroup, Refusal> {
        let protocol = protocol_of(input)?;
        let port = port_of(input, protocol)?;
        let vpc = self.vpc_of(input)?;
        let protocol_version = version_of(input, protocol)?;
        members_fit(input, protocol)?;
        let target_type = input.target_type;
        let default = health_check_default(
            target_type,
            protocol,
            protocol_version.as_deref(),
            &input.health_check,
        );
        let tags = tags_new(&input.tags)?;
        let (catalog, account) = (self.catalog, &self.catalog.settings.account);
        let arn = self.fresh(
            |id| TargetGroupArn::build(&input.region, account, &input.name, id),
            |arn| catalog.target_group(arn).is_some(),
        );
        let mut group = TargetGroup {
            arn,
            name: input.name.clone(),
            region: input.region.clone(),
            protocol,
            protocol_version,
            port,
            vpc,
            target_type,
            ipv6: input.ip_address_type.as_deref() == Some("ipv6"),
            control_port: input.target_control_port,
            health_check: default,
            created_ms: self.now.epoch_ms(),
            attributes: AttributeValues::new(),
            tags,
        };
        group.health_check = health_check(&group, &input.health_check)?;
        Ok(group)
    }

    fn vpc_of(&self, input: &TargetGroupCreate) -> Result<Option<VpcId>, Refusal> {
        if input.target_type == TargetType::Lambda {
            return Ok(None);
        }
        let vpc = input.vpc.as_deref().ok_or(Refusal::VpcMissing {})?;
        let found = self.catalog.vpc(vpc).filter(|found| found.region == input.region);
        let missing = || Refusal::VpcNotFound { vpc: vpc.to_owned() };
        Ok(Some(found.ok_or_else(missing)?.id.clone()))
    }

    fn target_group_quotas(&self, group: &TargetGroup) -> Result<(), Refusal> {
        let quotas = &self.catalog.settings.quotas;
        let limit = quotas.target_groups;
        let present = self.catalog.index.target_groups.get(&group.region);
        if present.map_or(0, |names| names.len()) >= limit {
            return Err(Refusal::TargetGroupsTooMany { limit: limit.to_string() });
        }
        let geneve = Some(TargetGroupProtocol::Geneve);
        let limit = quotas.geneve_target_groups;
        if group.protocol == geneve && self.geneve_groups(&group.region) >= limit {
            return Err(RoutingRefusal::GroupsGeneveTooMany { limit: limit.to_string() }.into());
        }
        Ok(())
    }

    fn geneve_groups(&self, region: &Region) -> usize {
        let groups = self.catalog.target_groups_in(region);
        groups.filter(|group| group.kind() == LoadBalancerKind::Gateway).count()
    }

    /// Refuses what no plane carries.
    fn target_group_served(&self, group: &TargetGroup) -> Result<(), Refusal> {
        match group.target_type {
            TargetType::Lambda | TargetType::Alb => {
                self.unserved(Feature::TargetType, group.target_type.as_str())?;
            }
            TargetType::Instance if group.ipv6 => {
                self.unserved(Feature::Ipv6TargetGroup, "ipv6")?;
            }
            TargetType::Instance | TargetType::Ip => {}
        }
        match group.protocol {
            None | Some(TargetGroupProtocol::Http) => {}
            Some(TargetGroupProtocol::Https) => self.unserved(Feature::HttpsTargetGroup, "")?,
            Some(other) => self.unserved(Feature::TargetGroupProtocol, other.as_str())?,
        }
        if let Some(version) = group.protocol_version.as_deref().filter(|v| *v != "HTTP1") {
            self.unserved(Feature::ProtocolVersion, version)?;
        }
        if let Some(port) = group.control_port {
            self.unserved(Feature::TargetControlPort, port.to_string())?;
        }
        self.health_check_served(group)
    }

    fn health_check_served(&self, group: &TargetGroup) -> Result<(), Refusal> {
        match group.health_check.protocol {
            HealthCheckProtocol::Https => self.unserved(Feature::HttpsHealthCheck, ""),
            HealthCheckProtocol::Http | HealthCheckProtocol::Tcp => Ok(()),
        }
    }

    pub(super) fn target_group_modify(&mut self, input: &TargetGroupModify) -> Result<(), Refusal> {
        let group = self.target_group(&input.region, &input.arn)?;
        let health_check = health_check(group, &input.health_check)?;
        if health_check == group.health_check {
            self.subject(ResourceKey::TargetGroup(group.arn.clone()));
        } else {
            let group = TargetGroup { health_check, ..group.clone() };
            self.health_check_served(&group)?;
            self.put_subject(Resource::TargetGroup(group));
        }
        Ok(())
    }

    pub(super) fn target_group_delete(&mut self, input: &ArnInput) -> Result<(), Refusal> {
        let Some(group) = self.catalog.target_group_find(&input.region, &input.arn)? else {
            return Ok(());
        };
        if self.catalog.rules_naming(&group.arn).next().is_some() {
            return Err(Refusal::TargetGroupInUse { arn: input.arn.clone() });
        }
        self.decision.changes.delete(ResourceKey::Registrations(group.arn.clone()));
        self.decision.changes.delete(ResourceKey::TargetGroup(group.arn.clone()));
        Ok(())
    }
}

fn protocol_of(input: &TargetGroupCreate) -> Result<Option<TargetGroupProtocol>, Refusal> {
    if input.target_type == TargetType::Lambda {
        let members = [
            ("Port", input.port.is_some()),
            ("Protocol", input.protocol.is_some()),
            ("VPC ID", input.vpc.is_some()),
        ];
        return match members.into_iter().find(|(_, given)| *given) {
            Some((member, _)) => Err(Refusal::LambdaWithMember { member: member.to_owned() }),
            None => Ok(None),
        };
    }
    let text = input.protocol.as_deref().ok_or(Refusal::ProtocolMissing {})?;
    let unknown = || RoutingRefusal::GroupProtocolUnknown { protocol: text.to_owned() };
    let protocol = TargetGroupProtocol::parse(text).ok_or_else(unknown)?;
    // spec: nlb-gwlb-clb §1.11 Target types and registration [D][M]
    if input.target_type == TargetType::Alb && protocol != TargetGroupProtocol::Tcp {
        let (kind, protocol) = ("alb".to_owned(), text.to_owned());
        return Err(RoutingRefusal::GroupTypeProtocol { kind, protocol }.into());
    }
    Ok(Some(protocol))
}

fn port_of(
    input: &TargetGroupCreate,
    protocol: Option<TargetGroupProtocol>,
) -> Result<Option<u16>, Refusal> {
    if protocol.is_none() {
        return Ok(None);
    }
    let port = input.port.ok_or(Refusal::PortMissing {})?;
    if protocol == Some(TargetGroupProtocol::Geneve) && port != GENEVE_PORT {
        return Err(RoutingRefusal::GroupPortGeneve {}.into());
    }
    Ok(Some(port))
}

fn version_of(
    input: &TargetGroupCreate,
    protocol: Option<TargetGroupProtocol>,
) -> Result<Option<String>, Refusal> {
    let given = input.protocol_version.as_deref().filter(|version| !version.is_empty());
    let web = matches!(protocol, Some(TargetGroupProtocol::Http | TargetGroupProtocol::Https));
    let version = given.unwrap_or("HTTP1").to_ascii_uppercase();
    if !web {
        return match given {
            Some(_) => Err(foreign("A protocol version", input, protocol)),
            None => Ok(None),
        };
    }
    match version.as_str() {
        "HTTP1" | "HTTP2" | "GRPC" => Ok(Some(version)),
        _ => Err(Refusal::ProtocolVersionInvalid { version }),
    }
}

/// Whether `IpAddressType` and `TargetControlPort` can be had here.
// spec: nlb-gwlb-clb §1.14 QUIC [D][S]
// spec: nlb-gwlb-clb §2.1 Model [D][M]
// spec: alb §5.1 Control plane
fn members_fit(
    input: &TargetGroupCreate,
    protocol: Option<TargetGroupProtocol>,
) -> Result<(), Refusal> {
    let placed = matches!(input.target_type, TargetType::Instance | TargetType::Ip);
    if input.ip_address_type.as_deref() == Some("ipv6") {
        let fits = protocol
            .is_some_and(|protocol| !protocol.is_quic() && protocol != TargetGroupProtocol::Geneve);
        if !fits || !placed {
            return Err(foreign("IP address type 'ipv6'", input, protocol));
        }
    }
    if input.target_control_port.is_some() {
        let web = matches!(protocol, Some(TargetGroupProtocol::Http | TargetGroupProtocol::Https));
        if !web || !placed {
            return Err(foreign("A target control port", input, protocol));
        }
    }
    Ok(())
}

fn foreign(
    member: &str,
    input: &TargetGroupCreate,
    protocol: Option<TargetGroupProtocol>,
) -> Refusal {
    let (member, kind) = (member.to_owned(), input.target_type.as_str().to_owned());
    match protocol {
        Some(protocol) if input.target_type != TargetType::Alb => {
            let protocol = protocol.as_str().to_owned();
            RoutingRefusal::GroupMemberProtocol { member, protocol }.into()
        }
        _ => RoutingRefusal::GroupMemberType { member, kind }.into(),
    }
}

/// Whether a repeated create call asks for what exists.
// spec: alb §0.1 Wire protocol [A]
fn same_settings(found: &TargetGroup, wanted: &TargetGroup) -> bool {
    found.protocol == wanted.protocol
        && found.protocol_version == wanted.protocol_version
        && found.port == wanted.port
        && found.vpc == wanted.vpc
        && found.target_type == wanted.target_type
        && found.ipv6 == wanted.ipv6
        && found.control_port == wanted.control_port
        && found.health_check == wanted.health_check
        && found.tags == wanted.tags
}
