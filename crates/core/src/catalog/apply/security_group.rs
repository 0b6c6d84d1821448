//! Security groups and their permissions (EC2).
//!
//! Invariant: no direction of a group holds the same permission twice, and every group that a
//! permission names exists in the same VPC.

use ipnet::{IpNet, Ipv4Net};

use super::load_balancer::DEFAULT_GROUP;
use super::tag::ec2_tags_merge;
use super::{Apply, Direction, EC2_ID_LEN};
use crate::catalog::command::{
    PeerInput, PeerName, PermissionInput, PermissionsInput, SecurityGroupCreate, SecurityGroupName,
};
use crate::catalog::unserved::Feature;
use crate::catalog::{Refusal, Resource, ResourceKey};
use crate::resource::{
    Region, SecurityGroup, SecurityGroupId, SecurityGroupRule, Tags, TrafficPeer, Vpc,
};

/// Characters of a group's name and description.
const TEXT_MAX: usize = 255;

// === impl Apply ===

impl<'a> Apply<'a> {
    pub(super) fn security_group_create(
        &mut self,
        input: &SecurityGroupCreate,
    ) -> Result<(), Refusal> {
        let name = input.name.clone();
        text_sound("groupName", &input.name)?;
        text_sound("groupDescription", &input.description)?;
        if name.starts_with("sg-") {
            let reason = "Value for parameter groupName cannot start with 'sg-'.".to_owned();
            return Err(Refusal::Ec2Parameter { reason });
        }
        if name == DEFAULT_GROUP {
            return Err(Refusal::Ec2GroupReserved { name });
        }
        let vpc = self.vpc_or_default(&input.region, input.vpc.as_deref())?;
        let tags = ec2_tags_merge(&Tags::new(), &input.tags)?;
        if self.catalog.security_group_named(&vpc.id, &name).is_some() {
            return Err(Refusal::Ec2GroupDuplicate { name, vpc: vpc.id.to_string() });
        }
        let present = self.catalog.index.security_groups.get(&input.region);
        let limit = self.catalog.settings.quotas.security_groups;
        if present.map_or(0, |groups| groups.len()) >= limit {
            return Err(Refusal::Ec2GroupLimit {});
        }
        let catalog = self.catalog;
        let id = self.ec2_id("sg-", |id| catalog.security_group(id).is_some());
        let egress = self.everything(TrafficPeer::Cidr(IpNet::V4(Ipv4Net::default())), None);
        self.put_subject(Resource::SecurityGroup(SecurityGroup {
            id: SecurityGroupId::new(id),
            region: input.region.clone(),
            vpc: vpc.id.clone(),
            name,
            description: input.description.clone(),
            ingress: Vec::new(),
            egress: vec![egress],
            tags,
        }));
        Ok(())
    }

    pub(super) fn security_group_delete(
        &mut self,
        input: &SecurityGroupName,
    ) -> Result<(), Refusal> {
        let group = self.security_group(input)?;
        if group.name == DEFAULT_GROUP {
            let (id, name) = (group.id.to_string(), group.name.clone());
            return Err(Refusal::Ec2GroupDefault { id, name });
        }
        if self.catalog.users_of(&group.id).next().is_some() {
            return Err(Refusal::Ec2Dependency { id: group.id.to_string() });
        }
        self.decision.changes.delete(ResourceKey::SecurityGroup(group.id.clone()));
        Ok(())
    }

    pub(super) fn authorize(
        &mut self,
        input: &PermissionsInput,
        direction: Direction,
    ) -> Result<(), Refusal> {
        let group = self.security_group(&input.group)?;
        let wanted = self.permissions(group, &input.permissions)?;
        if wanted.is_empty() {
            return Err(Refusal::Ec2Missing { name: "ipPermissions".to_owned() });
        }
        let mut changed = group.clone();
        let rules = side(&mut changed, direction);
        for rule in wanted {
            if rules.iter().any(|known| same_permission(known, &rule)) {
                return Err(duplicate(&rule));
            }
            self.decision.rule_ids.push(rule.id.clone());
            rules.push(rule);
        }
        if rules.len() > self.catalog.settings.quotas.rules_per_security_group {
            return Err(Refusal::Ec2RuleLimit {});
        }
        self.put_subject(Resource::SecurityGroup(changed));
        Ok(())
    }

    pub(super) fn revoke(
        &mut self,
        input: &PermissionsInput,
        direction: Direction,
    ) -> Result<(), Refusal> {
        let group = self.security_group(&input.group)?;
        let unwanted = self.permissions(group, &input.permissions)?;
        if unwanted.is_empty() && input.rule_ids.is_empty() {
            return Err(Refusal::Ec2Missing { name: "ipPermissions".to_owned() });
        }
        let mut changed = group.clone();
        let rules = side(&mut changed, direction);
        for id in &input.rule_ids {
            let place = rules.iter().position(|rule| rule.id == *id);
            let place = place.ok_or_else(|| Refusal::Ec2RuleIdNotFound { id: id.clone() })?;
            self.decision.rule_ids.push(rules.remove(place).id);
        }
        for rule in unwanted {
            let place = rules.iter().position(|known| same_permission(known, &rule));
            let place = place.ok_or(Refusal::Ec2RuleNotFound {})?;
            self.decision.rule_ids.push(rules.remove(place).id);
        }
        self.put_subject(Resource::SecurityGroup(changed));
        Ok(())
    }

    fn permissions(
        &mut self,
        group: &SecurityGroup,
        inputs: &[PermissionInput],
    ) -> Result<Vec<SecurityGroupRule>, Refusal> {
        let mut rules = Vec::new();
        for input in inputs {
            let protocol = protocol(input.protocol.as_deref())?;
            let (from_port, to_port) = ports(&protocol, input.from_port, input.to_port)?;
            if input.peers.is_empty() {
                let reason = "A permission must name an address block or a group".to_owned();
                return Err(Refusal::Ec2RuleMalformed { reason });
            }
            for PeerInput { peer, description } in &input.peers {
                if let Some(text) = description.as_ref().filter(|text| !text.is_empty()) {
                    text_sound("description", text)?;
                }
                let id = format!("sgr-{}", self.rng.hex(EC2_ID_LEN));
                let (protocol, description) = (protocol.clone(), description.clone());
                let peer = self.peer(group, peer)?;
                let rule =
                    SecurityGroupRule { id, protocol, from_port, to_port, peer, description };
                rules.push(rule);
            }
        }
        Ok(rules)
    }

    fn peer(&self, group: &SecurityGroup, peer: &PeerName) -> Result<TrafficPeer, Refusal> {
        let found = match peer {
            PeerName::Cidr(text) => {
                let block: IpNet = text.parse().map_err(|_| {
                    let reason = format!("CIDR block {text} is malformed");
                    Refusal::Ec2Parameter { reason }
                })?;
                return Ok(TrafficPeer::Cidr(block.trunc()));
            }
            PeerName::PrefixList(id) => return Err(Refusal::unserved(Feature::PrefixList, id)),
            PeerName::GroupId(id) => {
                let found = self.catalog.security_group(id.as_str());
                found.filter(|found| found.vpc == group.vpc).ok_or(id)
            }
            PeerName::GroupName(name) => {
                self.catalog.security_group_named(&group.vpc, name).ok_or(name)
            }
        };
        match found {
            Ok(found) => Ok(TrafficPeer::Group(found.id.clone())),
            Err(id) => Err(Refusal::Ec2GroupNotFound { id: id.clone() }),
        }
    }

    /// The group that a request names by id, or by name in the default VPC.
    fn security_group(&self, input: &SecurityGroupName) -> Result<&'a SecurityGroup, Refusal> {
        let catalog = self.catalog;
        let (found, id) = match (&input.id, &input.name) {
            (Some(id), _) if !id.starts_with("sg-") => {
                return Err(Refusal::Ec2GroupIdMalformed { id: id.clone() });
            }
            (Some(id), _) => {
                (catalog.security_group(id.as_str()).filter(|g| g.region == input.region), id)
            }
            (None, Some(name)) => {
                let vpc = catalog.default_vpc(&input.region);
                (vpc.and_then(|vpc| catalog.security_group_named(&vpc.id, name)), name)
            }
            (None, None) => return Err(Refusal::Ec2Missing { name: "groupId".to_owned() }),
        };
        found.ok_or_else(|| Refusal::Ec2GroupNotFound { id: id.clone() })
    }

    /// The named VPC, or the region's default one.
    pub(super) fn vpc_or_default(
        &self,
        region: &Region,
        id: Option<&str>,
    ) -> Result<&'a Vpc, Refusal> {
        match id {
            Some(id) => {
                let found = self.catalog.vpc(id).filter(|vpc| vpc.region == *region);
                found.ok_or_else(|| Refusal::VpcIdNotFound { id: id.to_owned() })
            }
            None => self.catalog.default_vpc(region).ok_or(Refusal::DefaultVpcMissing {}),
        }
    }
}

fn side(group: &mut SecurityGroup, direction: Direction) -> &mut Vec<SecurityGroupRule> {
    match direction {
        Direction::Ingress => &mut group.ingress,
        Direction::Egress => &mut group.egress,
    }
}

fn same_permission(a: &SecurityGroupRule, b: &SecurityGroupRule) -> bool {
    let key = |rule: &SecurityGroupRule| (rule.from_port, rule.to_port);
    a.protocol == b.protocol && key(a) == key(b) && a.peer == b.peer
}

fn duplicate(rule: &SecurityGroupRule) -> Refusal {
    let peer = match &rule.peer {
        TrafficPeer::Cidr(block) => block.to_string(),
        TrafficPeer::Group(id) => id.to_string(),
    };
    let protocol = match rule.protocol.as_str() {
        "-1" => "ALL".to_owned(),
        other => other.to_ascii_uppercase(),
    };
    let ports = match (rule.from_port, rule.to_port) {
        (Some(from), Some(to)) => format!("from port: {from}, to port: {to}"),
        _ => "all ports".to_owned(),
    };
    Refusal::Ec2RuleDuplicate { peer, protocol, ports }
}

/// Protocols by their usual name, `-1` for all, else the number.
fn protocol(text: Option<&str>) -> Result<String, Refusal> {
    let text = text.ok_or_else(|| Refusal::Ec2Missing { name: "ipProtocol".to_owned() })?;
    let lower = text.to_ascii_lowercase();
    let name = match lower.as_str() {
        "-1" | "all" => "-1",
        "tcp" | "6" => "tcp",
        "udp" | "17" => "udp",
        "icmp" | "1" => "icmp",
        "icmpv6" | "58" => "icmpv6",
        number if number.parse::<u8>().is_ok() && !number.starts_with('+') => number,
        _ => {
            let reason = format!("Invalid value '{text}' for IP protocol. Unknown protocol.");
            return Err(Refusal::Ec2Parameter { reason });
        }
    };
    Ok(name.to_owned())
}

type Ports = (Option<i32>, Option<i32>);

fn ports(protocol: &str, from: Option<i32>, to: Option<i32>) -> Result<Ports, Refusal> {
    let invalid = |reason: String| Err(Refusal::Ec2Parameter { reason });
    match protocol {
        "tcp" | "udp" => match (from, to) {
            (Some(from), Some(to)) => {
                let range = 0..=65_535;
                if !range.contains(&from) || !range.contains(&to) || from > to {
                    let name = protocol.to_ascii_uppercase();
                    return invalid(format!("Invalid {name} port range ({from}, {to})"));
                }
                Ok((Some(from), Some(to)))
            }
            _ => invalid(
                "Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange."
                    .to_owned(),
            ),
        },
        "icmp" | "icmpv6" => {
            let range = -1..=255;
            let (kind, code) = (from.unwrap_or(-1), to.unwrap_or(-1));
            if !range.contains(&kind) || !range.contains(&code) {
                return invalid(format!("ICMP code ({code}) or type ({kind}) out of range"));
            }
            Ok((Some(kind), Some(code)))
        }
        _ => Ok((None, None)),
    }
}

fn text_sound(member: &str, text: &str) -> Result<(), Refusal> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(c);
    if text.is_empty() {
        return Err(Refusal::Ec2Missing { name: member.to_owned() });
    }
    if text.len() > TEXT_MAX || !text.chars().all(allowed) {
        let reason = format!("Value ({text}) for parameter {member} is invalid.");
        return Err(Refusal::Ec2Parameter { reason });
    }
    Ok(())
}
