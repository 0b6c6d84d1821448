//! Tags of load balancers, target groups, listeners and rules.
//!
//! Invariant: `DescribeTags` tells one description per ARN, in the order of the request, with an
//! empty list where there are no tags; Terraform takes the first one unseen.
// spec: control-plane §2.4 Validation / error messages (collect as data, one table in the server)

use weir_core::catalog::command::{TagsAdd, TagsRemove};
use weir_core::catalog::{Catalog, Command, Refusal};
use weir_core::resource::{ListenerArn, LoadBalancerArn, RuleArn, Tags, TargetGroupArn};
use weir_wire::error::{ApiError, common};
use weir_wire::generated::elbv2 as api;

use super::super::call::Call;
use super::super::limits;
use super::{listener, load_balancer, pairs, rule, target_group};

/// `AddTags`.
pub async fn add(call: &Call, input: api::AddTagsInput) -> Result<api::AddTagsOutput, ApiError> {
    let arns = bounded(input.resource_arns)?;
    let (region, tags) = (call.facts.region.clone(), pairs(input.tags));
    call.submit(Command::TagsAdd(TagsAdd { region, arns, tags })).await?;
    Ok(api::AddTagsOutput {})
}

/// `RemoveTags`.
pub async fn remove(
    call: &Call,
    input: api::RemoveTagsInput,
) -> Result<api::RemoveTagsOutput, ApiError> {
    let arns = bounded(input.resource_arns)?;
    let (region, keys) = (call.facts.region.clone(), input.tag_keys.unwrap_or_default());
    call.submit(Command::TagsRemove(TagsRemove { region, arns, keys })).await?;
    Ok(api::RemoveTagsOutput {})
}

/// `DescribeTags`.
pub fn describe(
    call: &Call,
    input: api::DescribeTagsInput,
) -> Result<api::DescribeTagsOutput, ApiError> {
    let arns = bounded(input.resource_arns)?;
    let descriptions = call.read(|catalog| {
        let described = arns.into_iter().map(|arn| {
            let tags = shape(tags_of(call, catalog, &arn)?);
            Ok(api::TagDescription { resource_arn: Some(arn), tags: Some(tags) })
        });
        described.collect::<Result<Vec<_>, Refusal>>()
    })?;
    Ok(api::DescribeTagsOutput { tag_descriptions: Some(descriptions) })
}

// === helpers ===

fn bounded(arns: Option<Vec<String>>) -> Result<Vec<String>, ApiError> {
    let arns = arns.unwrap_or_default();
    if arns.len() > limits::TAGGED_ARNS_MAX {
        let limit = limits::TAGGED_ARNS_MAX;
        let message = format!("The number of resource ARNs cannot exceed '{limit}'");
        return Err(common::VALIDATION_ERROR.because(message));
    }
    Ok(arns)
}

fn tags_of<'a>(call: &Call, catalog: &'a Catalog, arn: &str) -> Result<&'a Tags, Refusal> {
    if LoadBalancerArn::parse(arn).is_some() {
        let lb = load_balancer::by_arn(call, catalog, arn)?;
        lb.map(|lb| &lb.tags).ok_or(Refusal::LoadBalancersNotFound {})
    } else if TargetGroupArn::parse(arn).is_some() {
        target_group::by_arn(call, catalog, arn).map(|group| &group.tags)
    } else if ListenerArn::parse(arn).is_some() {
        let listener = listener::by_arn(call, catalog, arn)?;
        listener.map(|listener| &listener.tags).ok_or(Refusal::ListenersNotFound {})
    } else if RuleArn::parse(arn).is_some() {
        let rule = rule::by_arn(call, catalog, arn)?;
        rule.map(|rule| &rule.tags).ok_or(Refusal::RulesNotFound {})
    } else {
        Err(Refusal::ResourceArnInvalid { arn: arn.to_owned() })
    }
}

fn shape(tags: &Tags) -> Vec<api::Tag> {
    let tag = |(key, value): (&String, &String)| api::Tag {
        key: Some(key.clone()),
        value: Some(value.clone()),
    };
    tags.iter().map(tag).collect()
}
