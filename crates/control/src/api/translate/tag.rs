//! Tags of load balancers, target groups, listeners, rules and trust stores.
//!
//! Invariant: `DescribeTags` tells one description per ARN, in the order of the request, with an
//! empty list where there are no tags; Terraform takes the first one unseen.
// spec: control-plane §2.4 Validation / error messages (collect as data, one table in the server)

use weir_core::catalog::Command;
use weir_core::catalog::command::{TagsAdd, TagsRemove};
use weir_core::resource::Tags;
use weir_wire::error::ApiError;
use weir_wire::generated::elbv2 as api;

use super::super::call::Call;
use super::pairs;

/// `AddTags`.
pub async fn add(call: &Call, input: api::AddTagsInput) -> Result<api::AddTagsOutput, ApiError> {
    let arns = input.resource_arns.unwrap_or_default();
    let (region, tags) = (call.facts.region.clone(), pairs(input.tags));
    call.submit(Command::TagsAdd(TagsAdd { region, arns, tags })).await?;
    Ok(api::AddTagsOutput {})
}

/// `RemoveTags`.
pub async fn remove(
    call: &Call,
    input: api::RemoveTagsInput,
) -> Result<api::RemoveTagsOutput, ApiError> {
    let arns = input.resource_arns.unwrap_or_default();
    let (region, keys) = (call.facts.region.clone(), input.tag_keys.unwrap_or_default());
    call.submit(Command::TagsRemove(TagsRemove { region, arns, keys })).await?;
    Ok(api::RemoveTagsOutput {})
}

/// `DescribeTags`.
pub fn describe(
    call: &Call,
    input: api::DescribeTagsInput,
) -> Result<api::DescribeTagsOutput, ApiError> {
    let arns = input.resource_arns.unwrap_or_default();
    let descriptions = call.read(|catalog| {
        let described = catalog.tags_describe(&call.facts.region, &arns)?.into_iter();
        let shape = |(arn, tags): (&str, &Tags)| api::TagDescription {
            resource_arn: Some(arn.to_owned()),
            tags: Some(shape(tags)),
        };
        Ok(described.map(shape).collect())
    })?;
    Ok(api::DescribeTagsOutput { tag_descriptions: Some(descriptions) })
}

// === helpers ===

fn shape(tags: &Tags) -> Vec<api::Tag> {
    let tag = |(key, value): (&String, &String)| api::Tag {
        key: Some(key.clone()),
        value: Some(value.clone()),
    };
    tags.iter().map(tag).collect()
}
