//! Images and instance types: names that callers gave to `RunInstances`, and nothing more.
//!
//! Invariant: an image or a type is told only if an instance was launched with it.

use std::collections::BTreeSet;

use weir_core::catalog::Catalog;
use weir_core::resource::Instance;
use weir_wire::error::ApiError;
use weir_wire::generated::ec2 as api;
use weir_wire::schema::ErrorFacts;

use super::super::call::Call;
use super::filter::{Filters, flag, text};
use super::instance_attribute::burstable;
use super::network::wanted;
use super::page::page;

const IMAGE_FILTERS: &[&str] = &[
    "architecture",
    "description",
    "image-id",
    "image-type",
    "is-public",
    "name",
    "owner-alias",
    "owner-id",
    "platform",
    "root-device-type",
    "state",
    "virtualization-type",
];
const TYPE_FILTERS: &[&str] = &[
    "bare-metal",
    "current-generation",
    "hypervisor",
    "instance-type",
    "processor-info.supported-architecture",
    "supported-usage-class",
    "supported-virtualization-type",
];

/// `DescribeImages`.
pub fn images(
    call: &Call,
    input: api::DescribeImagesRequest,
) -> Result<api::DescribeImagesResult, ApiError> {
    let filters = Filters::new(input.filters, IMAGE_FILTERS)?;
    let mut names = used(call, |instance| &instance.image)?;
    if let Some(ids) = wanted(input.image_ids) {
        if let Some(id) = ids.iter().find(|id| !names.contains(*id)) {
            return Err(ErrorFacts::sender("InvalidAMIID.NotFound", 400)
                .because(format!("The image id '[{id}]' does not exist")));
        }
        names.retain(|name| ids.contains(name));
    }
    let account = call.facts.account.to_string();
    if let Some(owners) = wanted(input.owners) {
        let ours = |owner: &String| *owner == account || owner == "self";
        if !owners.iter().any(ours) {
            names.clear();
        }
    }
    let shape = |id: String| api::Image {
        name: Some(id.clone()),
        image_id: Some(id),
        state: Some("available".to_owned()),
        owner_id: Some(account.clone()),
        public: Some(false),
        image_type: Some("machine".to_owned()),
        tags: Some(Vec::new()),
        ..Default::default()
    };
    let mut found: Vec<api::Image> = names.into_iter().map(shape).collect();
    found.retain(|image| {
        filters.admit(&[], |name| match name {
            "image-id" => text(&image.image_id),
            "image-type" => text(&image.image_type),
            "is-public" => flag(image.public),
            "name" => text(&image.name),
            "owner-id" => text(&image.owner_id),
            "state" => text(&image.state),
            _ => Vec::new(),
        })
    });
    let key = |image: &api::Image| image.image_id.clone().unwrap_or_default();
    let (images, next_token) = page(found, input.max_results, input.next_token, key)?;
    Ok(api::DescribeImagesResult { next_token, images: Some(images) })
}

/// `DescribeInstanceTypes`.
pub fn instance_types(
    call: &Call,
    input: api::DescribeInstanceTypesRequest,
) -> Result<api::DescribeInstanceTypesResult, ApiError> {
    let filters = Filters::new(input.filters, TYPE_FILTERS)?;
    let mut names = used(call, |instance| &instance.instance_type)?;
    if let Some(asked) = wanted(input.instance_types) {
        let unknown: Vec<&str> =
            asked.iter().filter(|one| !names.contains(*one)).map(String::as_str).collect();
        if !unknown.is_empty() {
            return Err(ErrorFacts::sender("InvalidInstanceType", 400).because(format!(
                "The following supplied instance types do not exist: [{}]",
                unknown.join(", ")
            )));
        }
        names.retain(|name| asked.contains(name));
    }
    let shape = |name: String| api::InstanceTypeInfo {
        burstable_performance_supported: Some(burstable(&name).is_some()),
        instance_type: Some(name),
        current_generation: Some(true),
        ..Default::default()
    };
    let mut found: Vec<api::InstanceTypeInfo> = names.into_iter().map(shape).collect();
    found.retain(|one| {
        filters.admit(&[], |name| match name {
            "current-generation" => flag(one.current_generation),
            "instance-type" => text(&one.instance_type),
            _ => Vec::new(),
        })
    });
    let key = |one: &api::InstanceTypeInfo| one.instance_type.clone().unwrap_or_default();
    let (types, next_token) = page(found, input.max_results, input.next_token, key)?;
    Ok(api::DescribeInstanceTypesResult { instance_types: Some(types), next_token })
}

/// The names that the region's instances carry.
fn used(call: &Call, name: fn(&Instance) -> &String) -> Result<BTreeSet<String>, ApiError> {
    call.read(|catalog: &Catalog| {
        let instances = catalog.instances_in(&call.facts.region);
        Ok(instances.map(name).filter(|name| !name.is_empty()).cloned().collect())
    })
}
