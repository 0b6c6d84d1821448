//! Tags of EC2's resources.
//!
//! Invariant: both mutations have no output but `return`.

use weir_core::catalog::command::{Ec2TagsCreate, Ec2TagsDelete};
use weir_core::catalog::{Catalog, Command};
use weir_core::resource::{Region, Tags};
use weir_wire::error::ApiError;
use weir_wire::generated::ec2 as api;
use weir_wire::value::Value;

use super::super::call::Call;
use super::filter::{Filters, text};
use super::page::page;
use super::pairs;

const FILTERS: &[&str] = &["key", "resource-id", "resource-type", "value"];

/// `CreateTags`.
pub async fn create(call: &Call, input: api::CreateTagsRequest) -> Result<Value, ApiError> {
    let command = Ec2TagsCreate {
        region: call.facts.region.clone(),
        ids: input.resources.unwrap_or_default(),
        tags: pairs(input.tags),
    };
    call.submit(Command::Ec2TagsCreate(command)).await?;
    Ok(Value::Null)
}

/// `DeleteTags`.
pub async fn delete(call: &Call, input: api::DeleteTagsRequest) -> Result<Value, ApiError> {
    let given = input.tags.unwrap_or_default().into_iter();
    let command = Ec2TagsDelete {
        region: call.facts.region.clone(),
        ids: input.resources.unwrap_or_default(),
        tags: given.map(|tag| (tag.key.unwrap_or_default(), tag.value)).collect(),
    };
    call.submit(Command::Ec2TagsDelete(command)).await?;
    Ok(Value::Null)
}

/// `DescribeTags`.
pub fn describe(
    call: &Call,
    input: api::DescribeTagsRequest,
) -> Result<api::DescribeTagsResult, ApiError> {
    let filters = Filters::new(input.filters, FILTERS)?;
    let region = &call.facts.region;
    let mut found = call.read(|catalog| {
        let mut found = Vec::new();
        networks(catalog, region, &mut found);
        inventory(catalog, region, &mut found);
        Ok(found)
    })?;
    found.retain(|one| {
        let own = [api::Tag { key: one.key.clone(), value: one.value.clone() }];
        filters.admit(&own, |name| match name {
            "key" => text(&one.key),
            "resource-id" => text(&one.resource_id),
            "resource-type" => text(&one.resource_type),
            "value" => text(&one.value),
            _ => Vec::new(),
        })
    });
    let key = |one: &api::TagDescription| {
        let (id, key) = (one.resource_id.as_deref(), one.key.as_deref());
        format!("{} {}", id.unwrap_or_default(), key.unwrap_or_default())
    };
    found.sort_by_cached_key(key);
    let (tags, next_token) = page(found, input.max_results, input.next_token, key)?;
    Ok(api::DescribeTagsResult { next_token, tags: Some(tags) })
}

fn networks(catalog: &Catalog, region: &Region, found: &mut Vec<api::TagDescription>) {
    for vpc in catalog.vpcs_in(region) {
        add(found, "vpc", vpc.id.as_str(), &vpc.tags);
        for subnet in catalog.subnets_of(&vpc.id) {
            add(found, "subnet", subnet.id.as_str(), &subnet.tags);
        }
    }
    for gateway in catalog.internet_gateways_in(region) {
        add(found, "internet-gateway", gateway.id.as_str(), &gateway.tags);
    }
    for table in catalog.route_tables_in(region) {
        add(found, "route-table", table.id.as_str(), &table.tags);
    }
}

fn inventory(catalog: &Catalog, region: &Region, found: &mut Vec<api::TagDescription>) {
    for group in catalog.security_groups_in(region) {
        add(found, "security-group", group.id.as_str(), &group.tags);
        for rule in group.ingress.iter().chain(&group.egress) {
            add(found, "security-group-rule", &rule.id, &rule.tags);
        }
    }
    for list in catalog.prefix_lists_in(region) {
        add(found, "prefix-list", list.id.as_str(), &list.tags);
    }
    for instance in catalog.instances_in(region) {
        add(found, "instance", instance.id.as_str(), &instance.tags);
    }
    for interface in catalog.interfaces_in(region) {
        add(found, "network-interface", interface.id.as_str(), interface.tags);
    }
    for address in catalog.elastic_addresses_in(region) {
        add(found, "elastic-ip", address.id.as_str(), &address.tags);
    }
}

fn add(found: &mut Vec<api::TagDescription>, kind: &str, id: &str, tags: &Tags) {
    found.extend(tags.iter().map(|(key, value)| api::TagDescription {
        key: Some(key.clone()),
        resource_id: Some(id.to_owned()),
        resource_type: Some(kind.to_owned()),
        value: Some(value.clone()),
    }));
}
