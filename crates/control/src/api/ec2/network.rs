//! What the descriptions of networks share: one page of a list, and the record that a decision
//! wrote.
//!
//! Invariant: a list is sorted by id and names nothing twice, whatever was asked for.

use weir_core::catalog::{Change, Decision, Resource};
use weir_core::resource::{InternetGateway, RouteTable, Subnet, Vpc};
use weir_wire::error::ApiError;
use weir_wire::generated::ec2 as api;

use super::super::call::Call;
use super::filter::Filters;
use super::page::page;

/// How items of one kind are told apart and filtered.
pub struct Listing<T> {
    /// The id.
    pub key: fn(&T) -> &Option<String>,
    /// The tags.
    pub tags: fn(&T) -> &Option<Vec<api::Tag>>,
    /// What the item has for the name of a filter.
    pub values: fn(&T, &str) -> Vec<String>,
}

/// The page of what passes the filters, and the token of the next one.
pub fn listed<T>(
    mut found: Vec<T>,
    filters: &Filters,
    listing: &Listing<T>,
    max_results: Option<i32>,
    next_token: Option<String>,
) -> Result<(Vec<T>, Option<String>), ApiError> {
    found.sort_by(|a, b| (listing.key)(a).cmp((listing.key)(b)));
    found.dedup_by(|a, b| (listing.key)(a) == (listing.key)(b));
    found.retain(|item| {
        let own = (listing.tags)(item).as_deref().unwrap_or_default();
        filters.admit(own, |name| (listing.values)(item, name))
    });
    page(found, max_results, next_token, |item| (listing.key)(item).clone().unwrap_or_default())
}

/// An empty list selects nothing in particular.
pub fn wanted(ids: Option<Vec<String>>) -> Option<Vec<String>> {
    ids.filter(|ids| !ids.is_empty())
}

// === what a decision wrote ===

/// The VPC that a call is about.
pub fn vpc_of(call: &Call, decision: &Decision) -> Result<Vpc, ApiError> {
    match subject_record(call, decision)? {
        Resource::Vpc(vpc) => Ok(vpc),
        other => Err(call.bug(&format!("{:?} is no VPC", other.key()))),
    }
}

/// The subnet that a call is about.
pub fn subnet_of(call: &Call, decision: &Decision) -> Result<Subnet, ApiError> {
    match subject_record(call, decision)? {
        Resource::Subnet(subnet) => Ok(subnet),
        other => Err(call.bug(&format!("{:?} is no subnet", other.key()))),
    }
}

/// The internet gateway that a call is about.
pub fn internet_gateway_of(call: &Call, decision: &Decision) -> Result<InternetGateway, ApiError> {
    match subject_record(call, decision)? {
        Resource::InternetGateway(gateway) => Ok(gateway),
        other => Err(call.bug(&format!("{:?} is no internet gateway", other.key()))),
    }
}

/// The route table that a call is about.
pub fn route_table_of(call: &Call, decision: &Decision) -> Result<RouteTable, ApiError> {
    match subject_record(call, decision)? {
        Resource::RouteTable(table) => Ok(table),
        other => Err(call.bug(&format!("{:?} is no route table", other.key()))),
    }
}

/// The first subject as the decision wrote it, or as it stands when nothing had to be written.
pub fn subject_record(call: &Call, decision: &Decision) -> Result<Resource, ApiError> {
    let lacking = || call.bug(&"a decision lacks its subject");
    let key = decision.subjects.first().ok_or_else(lacking)?;
    let written = decision.changes.changes.iter().rev().find_map(|change| match change {
        Change::Put(resource) if resource.key() == *key => Some(resource.as_ref().clone()),
        Change::Put(_) | Change::Delete(_) => None,
    });
    match written {
        Some(resource) => Ok(resource),
        None => call.read(|catalog| Ok(catalog.record(key)))?.ok_or_else(lacking),
    }
}
