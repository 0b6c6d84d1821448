//! Settings of instances, and what tools ask for around instances: volumes, key pairs, credits.
//!
//! Weir starts no machines: there are no volumes, and key pairs and instance profiles are names
//! that `RunInstances` was given.
//!
//! Invariant: what is told is what was recorded, or the default that EC2 would have.
// spec: control-plane §3.1 EC2 subset (114 of 830 actions, 966 shapes, 256 KB of model)

use std::collections::BTreeMap;

use weir_core::catalog::command::{InstanceChange, InstanceModify, InstancesInput};
use weir_core::catalog::{Catalog, Command, InventoryRefusal, Refusal};
use weir_core::resource::{Instance, InstanceState, UserData};
use weir_wire::error::ApiError;
use weir_wire::generated::ec2 as api;
use weir_wire::schema::ErrorFacts;
use weir_wire::value::Value;

use super::super::call::Call;
use super::filter::{Filters, text};
use super::instance::select;
use super::interface::{at, groups};
use super::network::wanted;
use super::page::page;
use super::{digits, invalid};

const VOLUME_FILTERS: &[&str] = &[
    "attachment.attach-time",
    "attachment.delete-on-termination",
    "attachment.device",
    "attachment.instance-id",
    "attachment.status",
    "availability-zone",
    "availability-zone-id",
    "create-time",
    "encrypted",
    "fast-restored",
    "multi-attach-enabled",
    "size",
    "snapshot-id",
    "status",
    "volume-id",
    "volume-type",
];
const PROFILE_FILTERS: &[&str] = &["instance-id", "state"];
const CREDIT_FILTERS: &[&str] = &["instance-id"];
const KEY_FILTERS: &[&str] = &["fingerprint", "key-name", "key-pair-id"];
/// Families of types whose CPU credits matter, with their default.
const BURSTABLE: &[(&str, &str)] =
    &[("t2.", "standard"), ("t3.", "unlimited"), ("t3a.", "unlimited"), ("t4g.", "unlimited")];

/// `RebootInstances`.
pub async fn reboot(call: &Call, input: api::RebootInstancesRequest) -> Result<Value, ApiError> {
    let ids = input.instance_ids.unwrap_or_default();
    let command = InstancesInput { region: call.facts.region.clone(), ids };
    call.submit(Command::InstancesReboot(command)).await?;
    Ok(Value::Null)
}

/// `ModifyInstanceAttribute`.
pub async fn modify(
    call: &Call,
    input: api::ModifyInstanceAttributeRequest,
) -> Result<Value, ApiError> {
    let flag = |own: Option<api::AttributeBooleanValue>| own.and_then(|own| own.value);
    let text = |own: Option<api::AttributeValue>| own.map(|own| own.value.unwrap_or_default());
    let data = input.user_data.map(|own| {
        let bytes = own.value.map(|value| weir_wire::base64::encode(value.expose()));
        UserData(bytes.unwrap_or_default())
    });
    let members = [
        flag(input.disable_api_termination).map(InstanceChange::TerminationProtected),
        flag(input.disable_api_stop).map(InstanceChange::StopProtected),
        flag(input.source_dest_check).map(InstanceChange::SourceDestCheck),
        flag(input.ebs_optimized).map(InstanceChange::EbsOptimized),
        flag(input.ena_support).map(InstanceChange::EnaSupport),
        text(input.instance_initiated_shutdown_behavior).map(InstanceChange::ShutdownBehavior),
        text(input.instance_type).map(InstanceChange::Type),
        data.map(InstanceChange::UserData),
        input.groups.filter(|ids| !ids.is_empty()).map(InstanceChange::SecurityGroups),
    ];
    let mut changes: Vec<InstanceChange> = members.into_iter().flatten().collect();
    if let Some(name) = input.attribute {
        let value = input.value.map(|value| value.expose().to_owned()).unwrap_or_default();
        changes.push(by_name(&name, value)?);
    }
    if input.kernel.is_some() || input.ramdisk.is_some() || input.sriov_net_support.is_some() {
        return Err(invalid("The instance has no kernel, ramdisk or SR-IOV attribute"));
    }
    let id = input.instance_id.unwrap_or_default();
    let command = InstanceModify { region: call.facts.region.clone(), id, changes };
    call.submit(Command::InstanceModify(command)).await?;
    Ok(Value::Null)
}

/// The form `Attribute=…&Value=…`.
fn by_name(name: &str, value: String) -> Result<InstanceChange, ApiError> {
    let flag = |make: fn(bool) -> InstanceChange| match value.to_ascii_lowercase().as_str() {
        "true" => Ok(make(true)),
        "false" => Ok(make(false)),
        _ => Err(invalid(format!("Invalid value '{value}' for the attribute '{name}'"))),
    };
    match name {
        "disableApiTermination" => flag(InstanceChange::TerminationProtected),
        "disableApiStop" => flag(InstanceChange::StopProtected),
        "sourceDestCheck" => flag(InstanceChange::SourceDestCheck),
        "ebsOptimized" => flag(InstanceChange::EbsOptimized),
        "enaSupport" => flag(InstanceChange::EnaSupport),
        "instanceInitiatedShutdownBehavior" => Ok(InstanceChange::ShutdownBehavior(value)),
        "instanceType" => Ok(InstanceChange::Type(value)),
        "userData" => Ok(InstanceChange::UserData(UserData(value))),
        "groupSet" => Ok(InstanceChange::SecurityGroups(vec![value])),
        _ => Err(invalid(format!("The attribute '{name}' cannot be modified"))),
    }
}

/// `DescribeInstanceAttribute`.
pub fn describe(
    call: &Call,
    input: api::DescribeInstanceAttributeRequest,
) -> Result<api::InstanceAttribute, ApiError> {
    let id = input.instance_id.unwrap_or_default();
    let name = input.attribute.unwrap_or_default();
    call.read(|catalog| {
        let found = select(call, catalog, Some(vec![id.clone()]))?;
        let missing = || Refusal::Ec2InstanceNotFound { ids: id.clone() };
        let instance = found.first().ok_or_else(missing)?;
        Ok(attribute(catalog, instance, &name))
    })
}

fn attribute(catalog: &Catalog, instance: &Instance, name: &str) -> api::InstanceAttribute {
    let options = &instance.options;
    let flag = |value: bool| Some(api::AttributeBooleanValue { value: Some(value) });
    let text = |value: String| Some(api::AttributeValue { value: Some(value) });
    let mut told =
        api::InstanceAttribute { instance_id: Some(instance.id.to_string()), ..Default::default() };
    match name {
        "blockDeviceMapping" => told.block_device_mappings = Some(Vec::new()),
        "disableApiStop" => told.disable_api_stop = flag(options.stop_protected),
        "disableApiTermination" => {
            told.disable_api_termination = flag(options.termination_protected);
        }
        "ebsOptimized" => told.ebs_optimized = flag(options.ebs_optimized),
        "enaSupport" => told.ena_support = flag(options.ena_support),
        "enclaveOptions" => {
            told.enclave_options = Some(api::EnclaveOptions { enabled: Some(false) });
        }
        "groupSet" => told.groups = Some(groups(catalog, &instance.security_groups)),
        "instanceInitiatedShutdownBehavior" => {
            let behavior = if options.shutdown_terminates { "terminate" } else { "stop" };
            told.instance_initiated_shutdown_behavior = text(behavior.to_owned());
        }
        "instanceType" => told.instance_type = text(instance.instance_type.clone()),
        "productCodes" => told.product_codes = Some(Vec::new()),
        "sourceDestCheck" => told.source_dest_check = flag(options.source_dest_check),
        // Without user data the element is there and empty, as EC2 has it.
        "userData" => {
            let value = options.user_data.as_ref().map(|data| data.0.clone());
            told.user_data = Some(api::AttributeValue { value });
        }
        _ => {}
    }
    told
}

/// `DescribeInstanceCreditSpecifications`.
pub fn credits(
    call: &Call,
    input: api::DescribeInstanceCreditSpecificationsRequest,
) -> Result<api::DescribeInstanceCreditSpecificationsResult, ApiError> {
    let filters = Filters::new(input.filters, CREDIT_FILTERS)?;
    let ids = wanted(input.instance_ids);
    let mut found: Vec<api::InstanceCreditSpecification> = call.read(|catalog| {
        let selected = select(call, catalog, ids)?.into_iter();
        Ok(selected.filter_map(credit_shape).collect())
    })?;
    found.retain(|one| filters.admit(&[], |_| text(&one.instance_id)));
    let key = |one: &api::InstanceCreditSpecification| one.instance_id.clone().unwrap_or_default();
    let (page, next_token) = page(found, input.max_results, input.next_token, key)?;
    Ok(api::DescribeInstanceCreditSpecificationsResult {
        instance_credit_specifications: Some(page),
        next_token,
    })
}

fn credit_shape(instance: &Instance) -> Option<api::InstanceCreditSpecification> {
    let credits = burstable(&instance.instance_type)?;
    let chosen = instance.options.unlimited_credits;
    let chosen = chosen.map(|unlimited| if unlimited { "unlimited" } else { "standard" });
    Some(api::InstanceCreditSpecification {
        instance_id: Some(instance.id.to_string()),
        cpu_credits: Some(chosen.unwrap_or(credits).to_owned()),
    })
}

/// The default credits of an instance type, if it has any.
pub fn burstable(instance_type: &str) -> Option<&'static str> {
    let family = BURSTABLE.iter().find(|(family, _)| instance_type.starts_with(family));
    family.map(|(_, credits)| *credits)
}

/// `DescribeVolumes`: there are none.
pub fn volumes(
    call: &Call,
    input: api::DescribeVolumesRequest,
) -> Result<api::DescribeVolumesResult, ApiError> {
    Filters::new(input.filters, VOLUME_FILTERS)?;
    if let Some(id) = wanted(input.volume_ids).and_then(|ids| ids.into_iter().next()) {
        return Err(call.refuse(&InventoryRefusal::VolumeNotFound { id }.into()));
    }
    let none: Vec<api::Volume> = Vec::new();
    let key = |one: &api::Volume| one.volume_id.clone().unwrap_or_default();
    let (volumes, next_token) = page(none, input.max_results, input.next_token, key)?;
    Ok(api::DescribeVolumesResult { next_token, volumes: Some(volumes) })
}

/// `DescribeIamInstanceProfileAssociations`.
pub fn profiles(
    call: &Call,
    input: api::DescribeIamInstanceProfileAssociationsRequest,
) -> Result<api::DescribeIamInstanceProfileAssociationsResult, ApiError> {
    let filters = Filters::new(input.filters, PROFILE_FILTERS)?;
    let mut found: Vec<api::IamInstanceProfileAssociation> = call.read(|catalog| {
        let live = |one: &&Instance| one.state != InstanceState::Terminated;
        let instances = catalog.instances_in(&call.facts.region).filter(live);
        Ok(instances.filter_map(|one| profile_association(call, one)).collect())
    })?;
    if let Some(ids) = wanted(input.association_ids) {
        let known = |id: &String| found.iter().any(|one| one.association_id.as_ref() == Some(id));
        if let Some(id) = ids.iter().find(|id| !known(id)) {
            let facts = ErrorFacts::sender("NoSuchAssociation", 400);
            return Err(facts.because(format!("The association '{id}' does not exist")));
        }
        found.retain(|one| one.association_id.as_ref().is_some_and(|id| ids.contains(id)));
    }
    found.retain(|one| {
        filters.admit(&[], |name| match name {
            "instance-id" => text(&one.instance_id),
            _ => text(&one.state),
        })
    });
    let key =
        |one: &api::IamInstanceProfileAssociation| one.association_id.clone().unwrap_or_default();
    found.sort_by_cached_key(key);
    let (page, next_token) = page(found, input.max_results, input.next_token, key)?;
    Ok(api::DescribeIamInstanceProfileAssociationsResult {
        iam_instance_profile_associations: Some(page),
        next_token,
    })
}

fn profile_association(
    call: &Call,
    instance: &Instance,
) -> Option<api::IamInstanceProfileAssociation> {
    let profile = profile(call, instance)?;
    Some(api::IamInstanceProfileAssociation {
        association_id: Some(format!("iip-assoc-{}", digits(instance.id.as_str()))),
        instance_id: Some(instance.id.to_string()),
        iam_instance_profile: Some(profile),
        state: Some("associated".to_owned()),
        timestamp: Some(at(instance.launched_ms)),
    })
}

/// The instance profile that an instance was launched with: a name, there are no roles here.
pub fn profile(call: &Call, instance: &Instance) -> Option<api::IamInstanceProfile> {
    let given = instance.options.instance_profile.as_ref()?;
    let arn = match given.starts_with("arn:") {
        true => given.clone(),
        false => format!("arn:aws:iam::{}:instance-profile/{given}", call.facts.account),
    };
    let id = format!("AIPA{}", hash(&arn).to_ascii_uppercase());
    Some(api::IamInstanceProfile { arn: Some(arn), id: Some(id) })
}

/// `DescribeKeyPairs`: the names that instances were launched with.
pub fn key_pairs(
    call: &Call,
    input: api::DescribeKeyPairsRequest,
) -> Result<api::DescribeKeyPairsResult, ApiError> {
    let filters = Filters::new(input.filters, KEY_FILTERS)?;
    let names: BTreeMap<String, i64> = call.read(|catalog| {
        let mut names: BTreeMap<String, i64> = BTreeMap::new();
        for instance in catalog.instances_in(&call.facts.region) {
            let Some(name) = &instance.options.key_name else { continue };
            let first = names.entry(name.clone()).or_insert(instance.launched_ms);
            *first = instance.launched_ms.min(*first);
        }
        Ok(names)
    })?;
    let shape = |(name, first): (String, i64)| api::KeyPairInfo {
        key_pair_id: Some(format!("key-0{}", hash(&name))),
        key_type: Some("rsa".to_owned()),
        tags: Some(Vec::new()),
        create_time: Some(at(first)),
        key_name: Some(name),
        ..Default::default()
    };
    let mut found: Vec<api::KeyPairInfo> = names.into_iter().map(shape).collect();
    for (asked, own) in [
        (wanted(input.key_names), name_of as fn(&api::KeyPairInfo) -> &Option<String>),
        (wanted(input.key_pair_ids), id_of),
    ] {
        let Some(asked) = asked else { continue };
        let known = |wanted: &String| found.iter().any(|one| own(one).as_ref() == Some(wanted));
        if let Some(name) = asked.iter().find(|wanted| !known(wanted)) {
            let facts = ErrorFacts::sender("InvalidKeyPair.NotFound", 400);
            return Err(facts.because(format!("The key pair '{name}' does not exist")));
        }
        found.retain(|one| own(one).as_ref().is_some_and(|own| asked.contains(own)));
    }
    found.retain(|one| {
        filters.admit(&[], |name| match name {
            "key-name" => text(&one.key_name),
            "key-pair-id" => text(&one.key_pair_id),
            _ => Vec::new(),
        })
    });
    Ok(api::DescribeKeyPairsResult { key_pairs: Some(found) })
}

fn name_of(one: &api::KeyPairInfo) -> &Option<String> {
    &one.key_name
}

fn id_of(one: &api::KeyPairInfo) -> &Option<String> {
    &one.key_pair_id
}

/// Sixteen hexadecimal digits made of a text (FNV-1a), for ids of what has no record.
fn hash(text: &str) -> String {
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325, mix);
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_by_name() {
        let change = by_name("disableApiTermination", "True".into()).unwrap();
        assert_eq!(change, InstanceChange::TerminationProtected(true));
        assert!(by_name("disableApiTermination", "maybe".into()).is_err());
        assert!(by_name("kernel", "x".into()).is_err());
    }

    #[test]
    fn families_with_credits() {
        assert_eq!(burstable("t2.micro"), Some("standard"));
        assert_eq!(burstable("t3a.large"), Some("unlimited"));
        assert_eq!(burstable("c7g.large"), None);
    }
}
