//! Adding permissions to security groups and taking them away.
//!
//! Invariant: the flat parameters (`IpProtocol`, `CidrIp`, …) mean the same as one entry of
//! `IpPermissions`, and are judged as one.

use std::collections::BTreeMap;

use weir_core::catalog::command::{
    Pairs, PeerInput, PeerName, PermissionInput, PermissionsInput, RuleDescriptionsUpdate,
    RuleUpdate, SecurityGroupName, SecurityGroupRulesModify,
};
use weir_core::catalog::{Catalog, Command, Decision, ResourceKey};
use weir_core::resource::{SecurityGroup, SecurityGroupId};
use weir_wire::error::ApiError;
use weir_wire::generated::ec2 as api;

use super::super::call::Call;
use super::security_group::rules_of;
use super::{subject, tags_for};

/// Parameters that the four operations share.
#[derive(Default)]
struct Flat {
    group_id: Option<String>,
    group_name: Option<String>,
    ip_protocol: Option<String>,
    from_port: Option<i32>,
    to_port: Option<i32>,
    cidr_ip: Option<String>,
    source_group: Option<String>,
}

type Rules = BTreeMap<String, api::SecurityGroupRule>;

/// `AuthorizeSecurityGroupIngress`.
pub async fn authorize_ingress(
    call: &Call,
    input: api::AuthorizeSecurityGroupIngressRequest,
) -> Result<api::AuthorizeSecurityGroupIngressResult, ApiError> {
    let tags = tags_for(input.tag_specifications, "security-group-rule", &[])?;
    let flat = Flat {
        group_id: input.group_id,
        group_name: input.group_name,
        ip_protocol: input.ip_protocol,
        from_port: input.from_port,
        to_port: input.to_port,
        cidr_ip: input.cidr_ip,
        source_group: input.source_security_group_name,
    };
    let command = permissions(call, flat, input.ip_permissions, None, tags);
    let decision = call.submit(Command::IngressAuthorize(command)).await?;
    let rules = told(&rules_after(call, &decision)?, &decision.rule_ids);
    Ok(api::AuthorizeSecurityGroupIngressResult {
        r#return: Some(true),
        security_group_rules: Some(rules),
    })
}

/// `AuthorizeSecurityGroupEgress`.
pub async fn authorize_egress(
    call: &Call,
    input: api::AuthorizeSecurityGroupEgressRequest,
) -> Result<api::AuthorizeSecurityGroupEgressResult, ApiError> {
    let tags = tags_for(input.tag_specifications, "security-group-rule", &[])?;
    let flat = Flat {
        group_id: input.group_id,
        group_name: None,
        ip_protocol: input.ip_protocol,
        from_port: input.from_port,
        to_port: input.to_port,
        cidr_ip: input.cidr_ip,
        source_group: input.source_security_group_name,
    };
    let command = permissions(call, flat, input.ip_permissions, None, tags);
    let decision = call.submit(Command::EgressAuthorize(command)).await?;
    let rules = told(&rules_after(call, &decision)?, &decision.rule_ids);
    Ok(api::AuthorizeSecurityGroupEgressResult {
        r#return: Some(true),
        security_group_rules: Some(rules),
    })
}

/// `RevokeSecurityGroupIngress`.
pub async fn revoke_ingress(
    call: &Call,
    input: api::RevokeSecurityGroupIngressRequest,
) -> Result<api::RevokeSecurityGroupIngressResult, ApiError> {
    let flat = Flat {
        group_id: input.group_id,
        group_name: input.group_name,
        ip_protocol: input.ip_protocol,
        from_port: input.from_port,
        to_port: input.to_port,
        cidr_ip: input.cidr_ip,
        source_group: input.source_security_group_name,
    };
    let ids = input.security_group_rule_ids;
    let command = permissions(call, flat, input.ip_permissions, ids, Pairs::new());
    // What is gone cannot be read afterwards.
    let before = rules_before(call, &command)?;
    let decision = call.submit(Command::IngressRevoke(command)).await?;
    Ok(api::RevokeSecurityGroupIngressResult {
        r#return: Some(true),
        unknown_ip_permissions: None,
        revoked_security_group_rules: Some(revoked(told(&before, &decision.rule_ids))),
    })
}

/// `RevokeSecurityGroupEgress`.
pub async fn revoke_egress(
    call: &Call,
    input: api::RevokeSecurityGroupEgressRequest,
) -> Result<api::RevokeSecurityGroupEgressResult, ApiError> {
    let flat = Flat {
        group_id: input.group_id,
        group_name: None,
        ip_protocol: input.ip_protocol,
        from_port: input.from_port,
        to_port: input.to_port,
        cidr_ip: input.cidr_ip,
        source_group: input.source_security_group_name,
    };
    let ids = input.security_group_rule_ids;
    let command = permissions(call, flat, input.ip_permissions, ids, Pairs::new());
    let before = rules_before(call, &command)?;
    let decision = call.submit(Command::EgressRevoke(command)).await?;
    Ok(api::RevokeSecurityGroupEgressResult {
        r#return: Some(true),
        unknown_ip_permissions: None,
        revoked_security_group_rules: Some(revoked(told(&before, &decision.rule_ids))),
    })
}

/// `ModifySecurityGroupRules`.
pub async fn modify(
    call: &Call,
    input: api::ModifySecurityGroupRulesRequest,
) -> Result<api::ModifySecurityGroupRulesResult, ApiError> {
    let updates = input.security_group_rules.unwrap_or_default().into_iter();
    let command = SecurityGroupRulesModify {
        region: call.facts.region.clone(),
        group: input.group_id.unwrap_or_default(),
        updates: updates.map(update).collect(),
    };
    call.submit(Command::SecurityGroupRulesModify(command)).await?;
    Ok(api::ModifySecurityGroupRulesResult { r#return: Some(true) })
}

/// `UpdateSecurityGroupRuleDescriptionsIngress`.
pub async fn describe_ingress(
    call: &Call,
    input: api::UpdateSecurityGroupRuleDescriptionsIngressRequest,
) -> Result<api::UpdateSecurityGroupRuleDescriptionsIngressResult, ApiError> {
    let (permissions, by_id) = (input.ip_permissions, input.security_group_rule_descriptions);
    let command = descriptions(call, input.group_id, input.group_name, permissions, by_id);
    call.submit(Command::IngressDescriptionsUpdate(command)).await?;
    Ok(api::UpdateSecurityGroupRuleDescriptionsIngressResult { r#return: Some(true) })
}

/// `UpdateSecurityGroupRuleDescriptionsEgress`.
pub async fn describe_egress(
    call: &Call,
    input: api::UpdateSecurityGroupRuleDescriptionsEgressRequest,
) -> Result<api::UpdateSecurityGroupRuleDescriptionsEgressResult, ApiError> {
    let (permissions, by_id) = (input.ip_permissions, input.security_group_rule_descriptions);
    let command = descriptions(call, input.group_id, input.group_name, permissions, by_id);
    call.submit(Command::EgressDescriptionsUpdate(command)).await?;
    Ok(api::UpdateSecurityGroupRuleDescriptionsEgressResult { r#return: Some(true) })
}

// === helpers ===

fn update(given: api::SecurityGroupRuleUpdate) -> RuleUpdate {
    let rule = given.security_group_rule.unwrap_or_default();
    let peers = [
        rule.cidr_ipv4.map(PeerName::Cidr),
        rule.cidr_ipv6.map(PeerName::Ipv6Cidr),
        rule.prefix_list_id.map(PeerName::PrefixList),
        rule.referenced_group_id.map(PeerName::GroupId),
    ];
    let description = rule.description;
    let peer = |peer| PeerInput { peer, description: description.clone() };
    RuleUpdate {
        id: given.security_group_rule_id.unwrap_or_default(),
        protocol: rule.ip_protocol,
        from_port: rule.from_port,
        to_port: rule.to_port,
        peers: peers.into_iter().flatten().map(peer).collect(),
    }
}

fn descriptions(
    call: &Call,
    id: Option<String>,
    name: Option<String>,
    permissions: Option<Vec<api::IpPermission>>,
    by_id: Option<Vec<api::SecurityGroupRuleDescription>>,
) -> RuleDescriptionsUpdate {
    let by_id = by_id.unwrap_or_default().into_iter();
    RuleDescriptionsUpdate {
        group: SecurityGroupName { region: call.facts.region.clone(), id, name },
        permissions: permissions.unwrap_or_default().into_iter().map(permission).collect(),
        by_id: by_id
            .map(|one| (one.security_group_rule_id.unwrap_or_default(), one.description))
            .collect(),
    }
}

fn permissions(
    call: &Call,
    flat: Flat,
    structured: Option<Vec<api::IpPermission>>,
    rule_ids: Option<Vec<String>>,
    tags: Pairs,
) -> PermissionsInput {
    let group = SecurityGroupName {
        region: call.facts.region.clone(),
        id: flat.group_id.clone(),
        name: flat.group_name.clone(),
    };
    let structured = structured.unwrap_or_default().into_iter().map(permission);
    PermissionsInput {
        group,
        permissions: structured.chain(flat_permission(flat)).collect(),
        rule_ids: rule_ids.unwrap_or_default(),
        tags,
    }
}

fn flat_permission(flat: Flat) -> Option<PermissionInput> {
    let is_given = flat.ip_protocol.is_some()
        || flat.from_port.is_some()
        || flat.to_port.is_some()
        || flat.cidr_ip.is_some()
        || flat.source_group.is_some();
    let plain = |peer| PeerInput { peer, description: None };
    let peers = flat.cidr_ip.map(PeerName::Cidr).map(plain).into_iter();
    let groups = flat.source_group.map(PeerName::GroupName).map(plain);
    is_given.then(|| PermissionInput {
        protocol: flat.ip_protocol,
        from_port: flat.from_port,
        to_port: flat.to_port,
        peers: peers.chain(groups).collect(),
    })
}

fn permission(given: api::IpPermission) -> PermissionInput {
    let mut peers = Vec::new();
    let mut add = |peer, description| peers.push(PeerInput { peer, description });
    for range in given.ip_ranges.unwrap_or_default() {
        add(PeerName::Cidr(range.cidr_ip.unwrap_or_default()), range.description);
    }
    for range in given.ipv6_ranges.unwrap_or_default() {
        add(PeerName::Ipv6Cidr(range.cidr_ipv6.unwrap_or_default()), range.description);
    }
    for pair in given.user_id_group_pairs.unwrap_or_default() {
        let peer = match (pair.group_id, pair.group_name) {
            (None, Some(name)) => PeerName::GroupName(name),
            (id, _) => PeerName::GroupId(id.unwrap_or_default()),
        };
        add(peer, pair.description);
    }
    for list in given.prefix_list_ids.unwrap_or_default() {
        add(PeerName::PrefixList(list.prefix_list_id.unwrap_or_default()), list.description);
    }
    PermissionInput {
        protocol: given.ip_protocol,
        from_port: given.from_port,
        to_port: given.to_port,
        peers,
    }
}

/// The rules of the group that a decision changed.
fn rules_after(call: &Call, decision: &Decision) -> Result<Rules, ApiError> {
    let id: SecurityGroupId = subject(call, &decision.subjects, |key| match key {
        ResourceKey::SecurityGroup(id) => Some(id.clone()),
        _ => None,
    })?;
    call.read(|catalog| Ok(by_id(call, catalog, catalog.security_group(&id).into_iter())))
}

/// The rules of the group that a command names; of all groups when it names it otherwise than by
/// its id.
fn rules_before(call: &Call, command: &PermissionsInput) -> Result<Rules, ApiError> {
    call.read(|catalog| {
        Ok(match &command.group.id {
            Some(id) => by_id(call, catalog, catalog.security_group(id.as_str()).into_iter()),
            None => by_id(call, catalog, catalog.security_groups_in(&call.facts.region)),
        })
    })
}

fn by_id<'a>(
    call: &Call,
    catalog: &'a Catalog,
    groups: impl Iterator<Item = &'a SecurityGroup>,
) -> Rules {
    let rules = groups.flat_map(|group| rules_of(call, catalog, group));
    rules.filter_map(|rule| Some((rule.security_group_rule_id.clone()?, rule))).collect()
}

fn told(rules: &Rules, ids: &[String]) -> Vec<api::SecurityGroupRule> {
    ids.iter().filter_map(|id| rules.get(id).cloned()).collect()
}

fn revoked(rules: Vec<api::SecurityGroupRule>) -> Vec<api::RevokedSecurityGroupRule> {
    let shape = |rule: api::SecurityGroupRule| api::RevokedSecurityGroupRule {
        security_group_rule_id: rule.security_group_rule_id,
        group_id: rule.group_id,
        is_egress: rule.is_egress,
        ip_protocol: rule.ip_protocol,
        from_port: rule.from_port,
        to_port: rule.to_port,
        cidr_ipv4: rule.cidr_ipv4,
        cidr_ipv6: rule.cidr_ipv6,
        prefix_list_id: rule.prefix_list_id,
        referenced_group_id: rule.referenced_group_info.and_then(|group| group.group_id),
        description: rule.description,
    };
    rules.into_iter().map(shape).collect()
}
