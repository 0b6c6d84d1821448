//! Security groups and their rules, told in EC2's words.
//!
//! Invariant: rules are kept one by one; permissions are rules grouped by protocol and ports.

use weir_core::catalog::command::{SecurityGroupCreate, SecurityGroupName};
use weir_core::catalog::{Catalog, Command, InventoryRefusal, Refusal, ResourceKey};
use weir_core::resource::{SecurityGroup, SecurityGroupId, SecurityGroupRule, TrafficPeer};
use weir_wire::error::ApiError;
use weir_wire::generated::ec2 as api;

use super::super::call::Call;
use super::filter::{Filters, number, text};
use super::network::wanted;
use super::page::page;
use super::{arn, subject, tags, tags_for};

const FILTERS: &[&str] = &[
    "description",
    "egress.ip-permission.cidr",
    "egress.ip-permission.from-port",
    "egress.ip-permission.group-id",
    "egress.ip-permission.ipv6-cidr",
    "egress.ip-permission.prefix-list-id",
    "egress.ip-permission.protocol",
    "egress.ip-permission.to-port",
    "egress.ip-permission.user-id",
    "group-id",
    "group-name",
    "ip-permission.cidr",
    "ip-permission.from-port",
    "ip-permission.group-id",
    "ip-permission.ipv6-cidr",
    "ip-permission.prefix-list-id",
    "ip-permission.protocol",
    "ip-permission.to-port",
    "ip-permission.user-id",
    "owner-id",
    "vpc-id",
];
const VPC_FILTERS: &[&str] =
    &["description", "group-id", "group-name", "owner-id", "primary-vpc-id"];
const RULE_FILTERS: &[&str] = &["group-id", "security-group-rule-id"];

/// `CreateSecurityGroup`.
pub async fn create(
    call: &Call,
    input: api::CreateSecurityGroupRequest,
) -> Result<api::CreateSecurityGroupResult, ApiError> {
    let command = SecurityGroupCreate {
        region: call.facts.region.clone(),
        name: input.group_name.unwrap_or_default(),
        description: input.description.unwrap_or_default(),
        vpc: input.vpc_id,
        tags: tags_for(input.tag_specifications, "security-group", &[])?,
    };
    let decision = call.submit(Command::SecurityGroupCreate(command)).await?;
    let id: SecurityGroupId = subject(call, &decision.subjects, |key| match key {
        ResourceKey::SecurityGroup(id) => Some(id.clone()),
        _ => None,
    })?;
    let own = call.read(|catalog| {
        Ok(catalog.security_group(&id).map(|group| tags(&group.tags)).unwrap_or_default())
    })?;
    Ok(api::CreateSecurityGroupResult {
        security_group_arn: Some(arn(call, "security-group", id.as_str())),
        group_id: Some(id.to_string()),
        tags: Some(own),
    })
}

/// `DeleteSecurityGroup`.
pub async fn delete(
    call: &Call,
    input: api::DeleteSecurityGroupRequest,
) -> Result<api::DeleteSecurityGroupResult, ApiError> {
    let command = SecurityGroupName {
        region: call.facts.region.clone(),
        id: input.group_id.clone(),
        name: input.group_name,
    };
    call.submit(Command::SecurityGroupDelete(command)).await?;
    Ok(api::DeleteSecurityGroupResult { r#return: Some(true), group_id: input.group_id })
}

/// `DescribeSecurityGroups`.
pub fn describe(
    call: &Call,
    input: api::DescribeSecurityGroupsRequest,
) -> Result<api::DescribeSecurityGroupsResult, ApiError> {
    let filters = Filters::new(input.filters, FILTERS)?;
    let (ids, names) = (wanted(input.group_ids), wanted(input.group_names));
    let mut found: Vec<api::SecurityGroup> = call.read(|catalog| {
        let selected = select(call, catalog, ids, names)?;
        Ok(selected.into_iter().map(|group| shape(call, catalog, group)).collect())
    })?;
    found.sort_by(|a, b| a.group_id.cmp(&b.group_id));
    found.dedup_by(|a, b| a.group_id == b.group_id);
    found.retain(|group| {
        filters.admit(group.tags.as_deref().unwrap_or_default(), |name| values(group, name))
    });
    let key = |group: &api::SecurityGroup| group.group_id.clone().unwrap_or_default();
    let (groups, next_token) = page(found, input.max_results, input.next_token, key)?;
    Ok(api::DescribeSecurityGroupsResult { next_token, security_groups: Some(groups) })
}

/// `GetSecurityGroupsForVpc`: no VPC is shared, so these are its own.
pub fn for_vpc(
    call: &Call,
    input: api::GetSecurityGroupsForVpcRequest,
) -> Result<api::GetSecurityGroupsForVpcResult, ApiError> {
    let filters = Filters::new(input.filters, VPC_FILTERS)?;
    let id = input.vpc_id.unwrap_or_default();
    let mut found: Vec<api::SecurityGroupForVpc> = call.read(|catalog| {
        let vpc = catalog.vpc(id.as_str()).filter(|vpc| vpc.region == call.facts.region);
        let vpc = vpc.ok_or_else(|| Refusal::VpcIdNotFound { id: id.clone() })?;
        let groups = catalog.security_groups_in(&call.facts.region);
        Ok(groups.filter(|group| group.vpc == vpc.id).map(|one| vpc_shape(call, one)).collect())
    })?;
    found.retain(|one| {
        filters.admit(one.tags.as_deref().unwrap_or_default(), |name| match name {
            "description" => text(&one.description),
            "group-id" => text(&one.group_id),
            "group-name" => text(&one.group_name),
            "owner-id" => text(&one.owner_id),
            "primary-vpc-id" => text(&one.primary_vpc_id),
            _ => Vec::new(),
        })
    });
    let key = |one: &api::SecurityGroupForVpc| one.group_id.clone().unwrap_or_default();
    let (groups, next_token) = page(found, input.max_results, input.next_token, key)?;
    Ok(api::GetSecurityGroupsForVpcResult { next_token, security_group_for_vpcs: Some(groups) })
}

fn vpc_shape(call: &Call, group: &SecurityGroup) -> api::SecurityGroupForVpc {
    api::SecurityGroupForVpc {
        description: Some(group.description.clone()),
        group_name: Some(group.name.clone()),
        owner_id: Some(call.facts.account.to_string()),
        group_id: Some(group.id.to_string()),
        tags: Some(tags(&group.tags)),
        primary_vpc_id: Some(group.vpc.to_string()),
    }
}

/// `DescribeSecurityGroupRules`.
pub fn rules(
    call: &Call,
    input: api::DescribeSecurityGroupRulesRequest,
) -> Result<api::DescribeSecurityGroupRulesResult, ApiError> {
    let filters = Filters::new(input.filters, RULE_FILTERS)?;
    let ids = wanted(input.security_group_rule_ids);
    let mut found: Vec<api::SecurityGroupRule> = call.read(|catalog| match &ids {
        Some(ids) => rules_named(call, catalog, ids),
        None => Ok(rules_that_may_pass(call, catalog, &filters)),
    })?;
    found.retain(|rule| {
        filters.admit(rule.tags.as_deref().unwrap_or_default(), |name| match name {
            "group-id" => text(&rule.group_id),
            "security-group-rule-id" => text(&rule.security_group_rule_id),
            _ => Vec::new(),
        })
    });
    let key =
        |rule: &api::SecurityGroupRule| rule.security_group_rule_id.clone().unwrap_or_default();
    found.sort_by_key(key);
    found.dedup_by(|a, b| a.security_group_rule_id == b.security_group_rule_id);
    let (rules, next_token) = page(found, input.max_results, input.next_token, key)?;
    Ok(api::DescribeSecurityGroupRulesResult { security_group_rules: Some(rules), next_token })
}

fn rules_named(
    call: &Call,
    catalog: &Catalog,
    ids: &[String],
) -> Result<Vec<api::SecurityGroupRule>, Refusal> {
    let mut found = Vec::new();
    for id in ids {
        if !id.starts_with("sgr-") {
            return Err(InventoryRefusal::RuleIdMalformed { id: id.clone() }.into());
        }
        let group = catalog.group_of_rule(id).filter(|group| group.region == call.facts.region);
        let group = group.ok_or_else(|| Refusal::Ec2RuleIdNotFound { id: id.clone() })?;
        let own = |rule: &api::SecurityGroupRule| rule.security_group_rule_id.as_ref() == Some(id);
        found.extend(rules_of(call, catalog, group).into_iter().find(own));
    }
    Ok(found)
}

/// Terraform and the load balancer controller ask for the rules of one group.
fn rules_that_may_pass(
    call: &Call,
    catalog: &Catalog,
    filters: &Filters,
) -> Vec<api::SecurityGroupRule> {
    let region = &call.facts.region;
    let asked = filters.exact("group-id");
    let named = asked.into_iter().flatten().filter_map(|id| catalog.security_group(id.as_str()));
    let named = named.filter(|group| group.region == *region);
    let all = catalog.security_groups_in(region).filter(|_| asked.is_none());
    named.chain(all).flat_map(|group| rules_of(call, catalog, group)).collect()
}

// === shapes ===

/// A group of the call's region.
fn by_id<'a>(call: &Call, catalog: &'a Catalog, id: &str) -> Result<&'a SecurityGroup, Refusal> {
    if !id.starts_with("sg-") {
        return Err(Refusal::Ec2GroupIdMalformed { id: id.to_owned() });
    }
    let found = catalog.security_group(id).filter(|group| group.region == call.facts.region);
    found.ok_or_else(|| Refusal::Ec2GroupNotFound { id: id.to_owned() })
}

/// What the caller selected; names are looked up in the default VPC, as EC2 does.
fn select<'a>(
    call: &Call,
    catalog: &'a Catalog,
    ids: Option<Vec<String>>,
    names: Option<Vec<String>>,
) -> Result<Vec<&'a SecurityGroup>, Refusal> {
    let region = &call.facts.region;
    if ids.is_none() && names.is_none() {
        return Ok(catalog.security_groups_in(region).collect());
    }
    let by_ids = ids.into_iter().flatten().map(|id| by_id(call, catalog, &id));
    let default = catalog.default_vpc(region);
    let by_names = names.into_iter().flatten().map(|name| {
        let found = default.and_then(|vpc| catalog.security_group_named(&vpc.id, &name));
        found.ok_or(Refusal::Ec2GroupNotFound { id: name })
    });
    by_ids.chain(by_names).collect()
}

fn shape(call: &Call, catalog: &Catalog, group: &SecurityGroup) -> api::SecurityGroup {
    api::SecurityGroup {
        group_id: Some(group.id.to_string()),
        ip_permissions_egress: Some(permissions(call, catalog, &group.egress)),
        tags: Some(tags(&group.tags)),
        vpc_id: Some(group.vpc.to_string()),
        security_group_arn: Some(arn(call, "security-group", group.id.as_str())),
        owner_id: Some(call.facts.account.to_string()),
        group_name: Some(group.name.clone()),
        description: Some(group.description.clone()),
        ip_permissions: Some(permissions(call, catalog, &group.ingress)),
    }
}

/// Rules of the same protocol and ports are one permission.
fn permissions(
    call: &Call,
    catalog: &Catalog,
    rules: &[SecurityGroupRule],
) -> Vec<api::IpPermission> {
    let mut grouped: Vec<api::IpPermission> = Vec::new();
    for rule in rules {
        let same = |one: &&mut api::IpPermission| {
            one.ip_protocol.as_deref() == Some(&rule.protocol)
                && one.from_port == rule.from_port
                && one.to_port == rule.to_port
        };
        match grouped.iter_mut().find(same) {
            Some(permission) => add_peer(call, catalog, permission, rule),
            None => {
                let mut permission = api::IpPermission {
                    ip_protocol: Some(rule.protocol.clone()),
                    from_port: rule.from_port,
                    to_port: rule.to_port,
                    user_id_group_pairs: Some(Vec::new()),
                    ip_ranges: Some(Vec::new()),
                    ipv6_ranges: Some(Vec::new()),
                    prefix_list_ids: Some(Vec::new()),
                };
                add_peer(call, catalog, &mut permission, rule);
                grouped.push(permission);
            }
        }
    }
    grouped
}

fn add_peer(
    call: &Call,
    catalog: &Catalog,
    permission: &mut api::IpPermission,
    rule: &SecurityGroupRule,
) {
    let description = rule.description.clone();
    match &rule.peer {
        TrafficPeer::Cidr(block) if block.addr().is_ipv4() => {
            let range = api::IpRange { description, cidr_ip: Some(block.to_string()) };
            permission.ip_ranges.get_or_insert_default().push(range);
        }
        TrafficPeer::Cidr(block) => {
            let range = api::Ipv6Range { description, cidr_ipv6: Some(block.to_string()) };
            permission.ipv6_ranges.get_or_insert_default().push(range);
        }
        TrafficPeer::PrefixList(id) => {
            let list = api::PrefixListId { description, prefix_list_id: Some(id.to_string()) };
            permission.prefix_list_ids.get_or_insert_default().push(list);
        }
        TrafficPeer::Group(id) => {
            let pair = api::UserIdGroupPair {
                description,
                user_id: Some(call.facts.account.to_string()),
                group_id: Some(id.to_string()),
                vpc_id: catalog.security_group(id).map(|group| group.vpc.to_string()),
                ..Default::default()
            };
            permission.user_id_group_pairs.get_or_insert_default().push(pair);
        }
    }
}

/// The rules of a group, both directions, each with its own id.
pub fn rules_of(
    call: &Call,
    catalog: &Catalog,
    group: &SecurityGroup,
) -> Vec<api::SecurityGroupRule> {
    let ingress = group.ingress.iter().map(|rule| (rule, false));
    let egress = group.egress.iter().map(|rule| (rule, true));
    let both = ingress.chain(egress);
    both.map(|(rule, is_egress)| rule_shape(call, catalog, group, rule, is_egress)).collect()
}

fn rule_shape(
    call: &Call,
    catalog: &Catalog,
    group: &SecurityGroup,
    rule: &SecurityGroupRule,
    is_egress: bool,
) -> api::SecurityGroupRule {
    let account = call.facts.account.to_string();
    let mut shape = api::SecurityGroupRule {
        security_group_rule_id: Some(rule.id.clone()),
        group_id: Some(group.id.to_string()),
        group_owner_id: Some(account.clone()),
        is_egress: Some(is_egress),
        ip_protocol: Some(rule.protocol.clone()),
        // Here, unlike in permissions, "all" is -1.
        from_port: Some(rule.from_port.unwrap_or(-1)),
        to_port: Some(rule.to_port.unwrap_or(-1)),
        description: rule.description.clone(),
        tags: Some(tags(&rule.tags)),
        security_group_rule_arn: Some(arn(call, "security-group-rule", &rule.id)),
        ..Default::default()
    };
    match &rule.peer {
        TrafficPeer::Cidr(block) if block.addr().is_ipv4() => {
            shape.cidr_ipv4 = Some(block.to_string());
        }
        TrafficPeer::Cidr(block) => shape.cidr_ipv6 = Some(block.to_string()),
        TrafficPeer::PrefixList(id) => shape.prefix_list_id = Some(id.to_string()),
        TrafficPeer::Group(id) => {
            shape.referenced_group_info = Some(api::ReferencedSecurityGroup {
                group_id: Some(id.to_string()),
                user_id: Some(account),
                vpc_id: catalog.security_group(id).map(|group| group.vpc.to_string()),
                ..Default::default()
            });
        }
    }
    shape
}

fn values(group: &api::SecurityGroup, name: &str) -> Vec<String> {
    if let Some(name) = name.strip_prefix("ip-permission.") {
        return permission_values(group.ip_permissions.as_deref().unwrap_or_default(), name);
    }
    if let Some(name) = name.strip_prefix("egress.ip-permission.") {
        return permission_values(group.ip_permissions_egress.as_deref().unwrap_or_default(), name);
    }
    match name {
        "description" => text(&group.description),
        "group-id" => text(&group.group_id),
        "group-name" => text(&group.group_name),
        "owner-id" => text(&group.owner_id),
        "vpc-id" => text(&group.vpc_id),
        _ => Vec::new(),
    }
}

fn permission_values(permissions: &[api::IpPermission], name: &str) -> Vec<String> {
    let value = |one: &api::IpPermission| -> Vec<String> {
        let ranges = one.ip_ranges.iter().flatten();
        let ranges6 = one.ipv6_ranges.iter().flatten();
        let pairs = one.user_id_group_pairs.iter().flatten();
        match name {
            "cidr" => ranges.flat_map(|range| text(&range.cidr_ip)).collect(),
            "from-port" => number(one.from_port),
            "group-id" => pairs.flat_map(|pair| text(&pair.group_id)).collect(),
            "prefix-list-id" => {
                one.prefix_list_ids.iter().flatten().flat_map(|l| text(&l.prefix_list_id)).collect()
            }
            "ipv6-cidr" => ranges6.flat_map(|range| text(&range.cidr_ipv6)).collect(),
            "protocol" => text(&one.ip_protocol),
            "to-port" => number(one.to_port),
            "user-id" => pairs.flat_map(|pair| text(&pair.user_id)).collect(),
            _ => Vec::new(),
        }
    };
    permissions.iter().flat_map(value).collect()
}
