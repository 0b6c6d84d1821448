//! `TagResources`, `UntagResources`.
//!
//! Each resource succeeds or fails for itself, and the failures are told by ARN. Resources of one
//! service go together first, in one commit; only when that is refused, one by one.
//!
//! Invariant: the call itself fails only for what is wrong with all of it.

use std::collections::BTreeMap;

use weir_core::catalog::Command;
use weir_core::catalog::command::{
    CertificateTag, CertificateUntag, Ec2TagsCreate, Ec2TagsDelete, Pairs, TagsAdd, TagsRemove,
};
use weir_wire::error::ApiError;
use weir_wire::generated::resourcegroupstaggingapi::{self as api, error};

use super::super::call::Call;
use super::invalid;

/// What is to be done with the tags.
#[derive(Clone, Debug)]
enum Change {
    Add(Pairs),
    Remove(Vec<String>),
}

/// Who owns a resource, and by what it is named there.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Owner {
    LoadBalancing,
    Ec2 { id: String },
    Certificates,
}

type Failures = BTreeMap<String, api::FailureInfo>;

/// `TagResources`.
///
/// # Errors
/// What is wrong with the whole call.
pub async fn tag(
    call: &Call,
    input: api::TagResourcesInput,
) -> Result<api::TagResourcesOutput, ApiError> {
    let tags: Pairs = input.tags.unwrap_or_default().into_iter().collect();
    if tags.iter().any(|(key, _)| is_reserved(key)) {
        return Err(invalid("Tag keys that begin with 'aws:' are reserved for AWS."));
    }
    let failed = change(call, input.resource_arn_list, &Change::Add(tags)).await?;
    Ok(api::TagResourcesOutput { failed_resources_map: Some(failed) })
}

/// `UntagResources`.
///
/// # Errors
/// What is wrong with the whole call.
pub async fn untag(
    call: &Call,
    input: api::UntagResourcesInput,
) -> Result<api::UntagResourcesOutput, ApiError> {
    let keys = input.tag_keys.unwrap_or_default();
    if keys.iter().any(|key| is_reserved(key)) {
        return Err(invalid("Tag keys that begin with 'aws:' are reserved for AWS."));
    }
    let failed = change(call, input.resource_arn_list, &Change::Remove(keys)).await?;
    Ok(api::UntagResourcesOutput { failed_resources_map: Some(failed) })
}

async fn change(
    call: &Call,
    arns: Option<Vec<String>>,
    change: &Change,
) -> Result<Failures, ApiError> {
    let mut arns = arns.unwrap_or_default();
    arns.sort();
    arns.dedup();
    if let Some(bad) = arns.iter().find(|arn| !arn.starts_with("arn:")) {
        return Err(invalid(format!("'{bad}' is not a valid ARN.")));
    }
    let mut failed = Failures::new();
    let mut owned = Vec::new();
    for arn in arns {
        match owner(call, &arn) {
            Ok(owner) => owned.push((arn, owner)),
            Err(message) => {
                failed.insert(arn, failure(&invalid(message)));
            }
        }
    }
    for command in together(call, &owned, change) {
        let (arns, command) = command;
        if call.submit(command).await.is_ok() {
            continue;
        }
        for (arn, owner) in owned.iter().filter(|(arn, _)| arns.contains(arn)) {
            if let Err(error) = call.submit(single(call, arn, owner, change)).await {
                failed.insert(arn.clone(), failure(&error));
            }
        }
    }
    Ok(failed)
}

/// One command per service, with the ARNs that it is for; certificates have none that takes many.
fn together(
    call: &Call,
    owned: &[(String, Owner)],
    change: &Change,
) -> Vec<(Vec<String>, Command)> {
    let mut commands = Vec::new();
    let own = |wanted: fn(&Owner) -> bool| {
        let fitting = owned.iter().filter(move |(_, owner)| wanted(owner));
        fitting.map(|(arn, _)| arn.clone()).collect::<Vec<_>>()
    };
    let arns = own(|owner| *owner == Owner::LoadBalancing);
    if !arns.is_empty() {
        commands.push((arns.clone(), load_balancing(call, arns, change)));
    }
    let ids: Vec<String> = owned
        .iter()
        .filter_map(|(_, owner)| match owner {
            Owner::Ec2 { id } => Some(id.clone()),
            _ => None,
        })
        .collect();
    if !ids.is_empty() {
        commands.push((own(|owner| matches!(owner, Owner::Ec2 { .. })), ec2(call, ids, change)));
    }
    for (arn, owner) in owned.iter().filter(|(_, owner)| *owner == Owner::Certificates) {
        commands.push((vec![arn.clone()], single(call, arn, owner, change)));
    }
    commands
}

fn single(call: &Call, arn: &str, owner: &Owner, change: &Change) -> Command {
    let region = call.facts.region.clone();
    match (owner, change) {
        (Owner::LoadBalancing, _) => load_balancing(call, vec![arn.to_owned()], change),
        (Owner::Ec2 { id }, _) => ec2(call, vec![id.clone()], change),
        (Owner::Certificates, Change::Add(tags)) => {
            let (arn, tags) = (arn.to_owned(), tags.clone());
            Command::CertificateTag(CertificateTag { region, arn, tags })
        }
        (Owner::Certificates, Change::Remove(keys)) => {
            let tags = keys.iter().map(|key| (key.clone(), None)).collect();
            Command::CertificateUntag(CertificateUntag { region, arn: arn.to_owned(), tags })
        }
    }
}

fn load_balancing(call: &Call, arns: Vec<String>, change: &Change) -> Command {
    let region = call.facts.region.clone();
    match change {
        Change::Add(tags) => Command::TagsAdd(TagsAdd { region, arns, tags: tags.clone() }),
        Change::Remove(keys) => {
            Command::TagsRemove(TagsRemove { region, arns, keys: keys.clone() })
        }
    }
}

fn ec2(call: &Call, ids: Vec<String>, change: &Change) -> Command {
    let region = call.facts.region.clone();
    match change {
        Change::Add(tags) => {
            Command::Ec2TagsCreate(Ec2TagsCreate { region, ids, tags: tags.clone() })
        }
        Change::Remove(keys) => {
            let tags = keys.iter().map(|key| (key.clone(), None)).collect();
            Command::Ec2TagsDelete(Ec2TagsDelete { region, ids, tags })
        }
    }
}

/// Who owns the resource of an ARN, or why it cannot be tagged from here.
fn owner(call: &Call, arn: &str) -> Result<Owner, String> {
    let mut parts = arn.splitn(6, ':').skip(2);
    let mut part = || parts.next().unwrap_or_default();
    let (service, region, account, tail) = (part(), part(), part(), part());
    if region != call.facts.region.as_str() {
        return Err(format!("The resource '{arn}' is not in this Region."));
    }
    if account != call.facts.account.as_str() {
        return Err(format!("The resource '{arn}' belongs to another account."));
    }
    match (service, tail.split_once('/')) {
        ("elasticloadbalancing", Some(_)) => Ok(Owner::LoadBalancing),
        ("ec2", Some((_, id))) if !id.is_empty() => Ok(Owner::Ec2 { id: id.to_owned() }),
        ("acm", Some(("certificate", _))) => Ok(Owner::Certificates),
        _ => Err(format!("Resources of '{service}' cannot be tagged by this service.")),
    }
}

/// The model knows two codes: the caller's fault, and ours.
fn failure(refused: &ApiError) -> api::FailureInfo {
    let facts = match refused.facts.status {
        500.. => error::INTERNAL_SERVICE_EXCEPTION,
        _ => error::INVALID_PARAMETER_EXCEPTION,
    };
    api::FailureInfo {
        status_code: Some(facts.status.into()),
        error_code: Some(facts.code.to_owned()),
        error_message: Some(refused.message.clone()),
    }
}

fn is_reserved(key: &str) -> bool {
    key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:"))
}
