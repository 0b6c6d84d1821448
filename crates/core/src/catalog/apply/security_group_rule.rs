//! Permissions of security groups (EC2), one rule per peer.
//!
//! Invariant: no direction of a group holds the same permission twice, and everything that a
//! permission names exists, groups in the same VPC.
// spec: control-plane §3.1 EC2 subset (114 of 830 actions, 966 shapes, 256 KB of model)

use ipnet::IpNet;

use super::security_group::text_sound;
use super::tag::ec2_tags_merge;
use super::{Apply, Direction, EC2_ID_LEN};
use crate::catalog::command::{
    PeerInput, PeerName, PermissionInput, PermissionsInput, RuleDescriptionsUpdate, RuleUpdate,
    SecurityGroupName, SecurityGroupRulesModify,
};
use crate::catalog::{InventoryRefusal, Refusal, Resource};
use crate::resource::{AddressFamily, SecurityGroup, SecurityGroupRule, Tags, TrafficPeer};

type Ports = (Option<i32>, Option<i32>);

// === impl Apply ===

impl Apply<'_> {
    pub(super) fn authorize(
        &mut self,
        input: &PermissionsInput,
        direction: Direction,
    ) -> Result<(), Refusal> {
        let group = self.security_group(&input.group)?;
        let tags = ec2_tags_merge(&Tags::new(), &input.tags)?;
        let wanted = self.permissions(group, &input.permissions)?;
        if wanted.is_empty() {
            return Err(Refusal::Ec2Missing { name: "ipPermissions".to_owned() });
        }
        for (place, rule) in wanted.iter().enumerate() {
            if wanted[..place].iter().any(|other| same_permission(other, rule)) {
                return Err(InventoryRefusal::PermissionTwice {}.into());
            }
        }
        let mut changed = group.clone();
        let rules = side(&mut changed, direction);
        for mut rule in wanted {
            if rules.iter().any(|known| same_permission(known, &rule)) {
                return Err(duplicate(&rule));
            }
            rule.tags = tags.clone();
            self.decision.rule_ids.push(rule.id.clone());
            rules.push(rule);
        }
        self.rules_within_quota(rules)?;
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
            let place = place_of(rules, id)?;
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

    pub(super) fn security_group_rules_modify(
        &mut self,
        input: &SecurityGroupRulesModify,
    ) -> Result<(), Refusal> {
        let (region, id) = (input.region.clone(), Some(input.group.clone()));
        let group = self.security_group(&SecurityGroupName { region, id, name: None })?;
        if input.updates.is_empty() {
            return Err(Refusal::Ec2Missing { name: "securityGroupRules".to_owned() });
        }
        let mut changed = group.clone();
        for update in &input.updates {
            let is_egress = changed.egress.iter().any(|rule| rule.id == update.id);
            let direction = if is_egress { Direction::Egress } else { Direction::Ingress };
            let wanted = self.rule_wanted(group, update)?;
            let rules = side(&mut changed, direction);
            let place = place_of(rules, &update.id)?;
            let old = rules.remove(place);
            if rules.iter().any(|known| same_permission(known, &wanted)) {
                return Err(duplicate(&wanted));
            }
            rules.insert(place, SecurityGroupRule { id: old.id, tags: old.tags, ..wanted });
        }
        self.rules_within_quota(&changed.ingress)?;
        self.rules_within_quota(&changed.egress)?;
        self.put_subject(Resource::SecurityGroup(changed));
        Ok(())
    }

    fn rule_wanted(
        &mut self,
        group: &SecurityGroup,
        update: &RuleUpdate,
    ) -> Result<SecurityGroupRule, Refusal> {
        if update.peers.len() != 1 {
            return Err(InventoryRefusal::RulePeers {}.into());
        }
        let permission = PermissionInput {
            protocol: update.protocol.clone(),
            from_port: update.from_port,
            to_port: update.to_port,
            peers: update.peers.clone(),
        };
        let mut rules = self.permissions(group, &[permission])?;
        rules.pop().ok_or_else(|| InventoryRefusal::RulePeers {}.into())
    }

    pub(super) fn rule_descriptions_update(
        &mut self,
        input: &RuleDescriptionsUpdate,
        direction: Direction,
    ) -> Result<(), Refusal> {
        let group = self.security_group(&input.group)?;
        let wanted = self.permissions(group, &input.permissions)?;
        if wanted.is_empty() && input.by_id.is_empty() {
            return Err(Refusal::Ec2Missing { name: "ipPermissions".to_owned() });
        }
        let mut changed = group.clone();
        let rules = side(&mut changed, direction);
        for (id, description) in &input.by_id {
            description_sound(description.as_ref())?;
            let place = place_of(rules, id)?;
            rules[place].description.clone_from(description);
        }
        for rule in wanted {
            let found = rules.iter_mut().find(|known| same_permission(known, &rule));
            found.ok_or(Refusal::Ec2RuleNotFound {})?.description = rule.description;
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
                description_sound(description.as_ref())?;
                rules.push(SecurityGroupRule {
                    id: format!("sgr-{}", self.rng.hex(EC2_ID_LEN)),
                    protocol: protocol.clone(),
                    from_port,
                    to_port,
                    peer: self.peer(group, peer)?,
                    description: description.clone(),
                    tags: Tags::new(),
                });
            }
        }
        Ok(rules)
    }

    fn peer(&self, group: &SecurityGroup, peer: &PeerName) -> Result<TrafficPeer, Refusal> {
        match peer {
            PeerName::Cidr(text) => block(text, AddressFamily::IPv4),
            PeerName::Ipv6Cidr(text) => block(text, AddressFamily::IPv6),
            PeerName::PrefixList(id) => {
                Ok(TrafficPeer::PrefixList(self.prefix_list(&group.region, id)?.id.clone()))
            }
            PeerName::GroupId(id) => {
                Ok(TrafficPeer::Group(self.group_in(&group.vpc, id)?.id.clone()))
            }
            PeerName::GroupName(name) => {
                let found = self.catalog.security_group_named(&group.vpc, name);
                let found = found.ok_or_else(|| Refusal::Ec2GroupNotFound { id: name.clone() })?;
                Ok(TrafficPeer::Group(found.id.clone()))
            }
        }
    }

    /// The quota holds for each address family; groups count in both, a prefix list with all the
    /// entries that it may have.
    // spec: alb §14.1 Quotas
    fn rules_within_quota(&self, rules: &[SecurityGroupRule]) -> Result<(), Refusal> {
        let limit = self.catalog.settings.quotas.rules_per_security_group;
        let full = |family| self.rules_of_family(rules, family) > limit;
        if full(AddressFamily::IPv4) || full(AddressFamily::IPv6) {
            return Err(Refusal::Ec2RuleLimit {});
        }
        Ok(())
    }

    /// What rules count for in one family.
    pub(super) fn rules_of_family(
        &self,
        rules: &[SecurityGroupRule],
        family: AddressFamily,
    ) -> usize {
        let count = |rule: &SecurityGroupRule| match &rule.peer {
            TrafficPeer::Cidr(block) => usize::from(family.holds(block)),
            TrafficPeer::Group(_) => 1,
            TrafficPeer::PrefixList(id) => {
                let list = self.catalog.prefix_list(id.as_str());
                let list = list.filter(|list| list.family == family);
                list.map_or(0, |list| list.max_entries as usize)
            }
        };
        rules.iter().map(count).sum()
    }
}

fn side(group: &mut SecurityGroup, direction: Direction) -> &mut Vec<SecurityGroupRule> {
    match direction {
        Direction::Ingress => &mut group.ingress,
        Direction::Egress => &mut group.egress,
    }
}

fn place_of(rules: &[SecurityGroupRule], id: &str) -> Result<usize, Refusal> {
    if !id.starts_with("sgr-") {
        return Err(InventoryRefusal::RuleIdMalformed { id: id.to_owned() }.into());
    }
    let place = rules.iter().position(|rule| rule.id == id);
    place.ok_or_else(|| Refusal::Ec2RuleIdNotFound { id: id.to_owned() })
}

fn same_permission(a: &SecurityGroupRule, b: &SecurityGroupRule) -> bool {
    let key = |rule: &SecurityGroupRule| (rule.from_port, rule.to_port);
    a.protocol == b.protocol && key(a) == key(b) && a.peer == b.peer
}

fn duplicate(rule: &SecurityGroupRule) -> Refusal {
    let peer = match &rule.peer {
        TrafficPeer::Cidr(block) => block.to_string(),
        TrafficPeer::Group(id) => id.to_string(),
        TrafficPeer::PrefixList(id) => id.to_string(),
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

/// An address block as given, in canonical form.
fn block(text: &str, family: AddressFamily) -> Result<TrafficPeer, Refusal> {
    let block: Option<IpNet> = text.parse().ok();
    match block.filter(|block| family.holds(block)) {
        Some(block) => Ok(TrafficPeer::Cidr(block.trunc())),
        None => {
            let reason = format!("CIDR block {text} is malformed");
            Err(Refusal::Ec2Parameter { reason })
        }
    }
}

fn description_sound(text: Option<&String>) -> Result<(), Refusal> {
    text.map_or(Ok(()), |text| text_sound("rule description", text))
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
