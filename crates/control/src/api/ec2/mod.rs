//! The part of EC2 that load balancing needs: networks, security groups, interfaces, instances.
//!
//! Weir has no machines and no wires: networks are given, instances are declared, interfaces are
//! derived from what has an address. Descriptions tell what is so and leave out the rest.
//!
//! Invariant: every operation of the generated model has an arm below.
// spec: control-plane §3.1 EC2 subset (114 of 830 actions, 966 shapes, 256 KB of model)

mod filter;
mod image;
mod instance;
mod interface;
mod network;
mod page;
mod permission;
mod place;
mod security_group;
mod tag;

use weir_core::catalog::ResourceKey;
use weir_core::catalog::command::Pairs;
use weir_core::resource::Tags;
use weir_wire::error::ApiError;
use weir_wire::generated::ec2::{self as api, Operation};
use weir_wire::schema::ErrorFacts;
use weir_wire::value::{ToValue, Value};

use super::call::Call;

/// Answers one call.
///
/// # Errors
/// What the caller is told instead of an answer.
pub async fn dispatch(call: &Call, operation: Operation) -> Result<Value, ApiError> {
    use Operation as Op;
    match operation {
        Op::AuthorizeSecurityGroupEgress => {
            out(permission::authorize_egress(call, call.input()?).await)
        }
        Op::AuthorizeSecurityGroupIngress => {
            out(permission::authorize_ingress(call, call.input()?).await)
        }
        Op::CreateSecurityGroup => out(security_group::create(call, call.input()?).await),
        Op::CreateTags => tag::create(call, call.input()?).await,
        Op::DeleteSecurityGroup => out(security_group::delete(call, call.input()?).await),
        Op::DeleteTags => tag::delete(call, call.input()?).await,
        Op::DescribeAccountAttributes => out(place::account_attributes(call, call.input()?)),
        Op::DescribeAddresses => out(network::addresses(call, call.input()?)),
        Op::DescribeAvailabilityZones => out(place::zones(call, call.input()?)),
        Op::DescribeImages => out(image::images(call, call.input()?)),
        Op::DescribeInstanceStatus => out(instance::status(call, call.input()?)),
        Op::DescribeInstanceTypes => out(image::instance_types(call, call.input()?)),
        Op::DescribeInstances => out(instance::describe(call, call.input()?)),
        Op::DescribeInternetGateways => out(network::internet_gateways(call, call.input()?)),
        Op::DescribeNetworkInterfaces => out(interface::describe(call, call.input()?)),
        Op::DescribeRegions => out(place::regions(call, call.input()?)),
        Op::DescribeRouteTables => out(network::route_tables(call, call.input()?)),
        Op::DescribeSecurityGroupRules => out(security_group::rules(call, call.input()?)),
        Op::DescribeSecurityGroups => out(security_group::describe(call, call.input()?)),
        Op::DescribeSubnets => out(network::subnets(call, call.input()?)),
        Op::DescribeTags => out(tag::describe(call, call.input()?)),
        Op::DescribeVpcAttribute => out(network::vpc_attribute(call, call.input()?)),
        Op::DescribeVpcs => out(network::vpcs(call, call.input()?)),
        Op::RevokeSecurityGroupEgress => out(permission::revoke_egress(call, call.input()?).await),
        Op::RevokeSecurityGroupIngress => {
            out(permission::revoke_ingress(call, call.input()?).await)
        }
        Op::RunInstances => out(instance::run(call, call.input()?).await),
        Op::StartInstances => out(instance::start(call, call.input()?).await),
        Op::StopInstances => out(instance::stop(call, call.input()?).await),
        Op::TerminateInstances => out(instance::terminate(call, call.input()?).await),
    }
}

fn out<T: ToValue>(answer: Result<T, ApiError>) -> Result<Value, ApiError> {
    answer.map(|output| output.to_value())
}

// === shared by the resources ===

/// `InvalidParameterValue` with this text.
fn invalid(message: impl Into<String>) -> ApiError {
    weir_wire::error::common::INVALID_PARAMETER_VALUE.because(message)
}

/// `Invalid….NotFound`; EC2 names the kinds of its ids in several ways.
fn not_found(code: &'static str, kind: &str, id: &str) -> ApiError {
    ErrorFacts::sender(code, 400).because(format!("The {kind} ID '{id}' does not exist"))
}

/// The tags of a record.
fn tags(tags: &Tags) -> Vec<api::Tag> {
    let tag = |(key, value): (&String, &String)| api::Tag {
        key: Some(key.clone()),
        value: Some(value.clone()),
    };
    tags.iter().map(tag).collect()
}

/// Tags as given.
fn pairs(tags: Option<Vec<api::Tag>>) -> Pairs {
    let tags = tags.unwrap_or_default().into_iter();
    tags.map(|tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default())).collect()
}

/// The tags that a creating call gives to resources of this type; others are refused, because
/// nothing of another type is created.
fn tags_for(
    specifications: Option<Vec<api::TagSpecification>>,
    kind: &str,
    tolerated: &[&str],
) -> Result<Pairs, ApiError> {
    let mut found = Pairs::new();
    for specification in specifications.unwrap_or_default() {
        match specification.resource_type.as_deref() {
            Some(own) if own == kind => found.extend(pairs(specification.tags)),
            Some(other) if tolerated.contains(&other) => {}
            other => {
                let shown = other.unwrap_or("null");
                return Err(invalid(format!(
                    "'{shown}' is not a valid taggable resource type for this operation."
                )));
            }
        }
    }
    Ok(found)
}

/// `arn:aws:ec2:<region>:<account>:<kind>/<id>`.
fn arn(call: &Call, kind: &str, id: &str) -> String {
    format!("arn:aws:ec2:{}:{}:{kind}/{id}", call.facts.region, call.facts.account)
}

/// The hexadecimal end of an id, for ids that are derived from it.
fn digits(id: &str) -> &str {
    id.rsplit('-').next().unwrap_or(id)
}

/// The first subject of a decision that `pick` knows.
fn subject<T>(
    call: &Call,
    subjects: &[ResourceKey],
    pick: impl Fn(&ResourceKey) -> Option<T>,
) -> Result<T, ApiError> {
    subjects.iter().find_map(pick).ok_or_else(|| call.bug(&"a decision lacks its subject"))
}
