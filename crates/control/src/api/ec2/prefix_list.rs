//! Managed prefix lists, told in EC2's words.
//!
//! Invariant: a change is there at once; the response of the changing call names the state that
//! EC2 would pass through, every later one the state reached.
// spec: control-plane §3.1 EC2 subset (114 of 830 actions, 966 shapes, 256 KB of model)

use weir_core::catalog::command::{IdInput, PrefixListCreate, PrefixListModify};
use weir_core::catalog::{Catalog, Command, Decision, InventoryRefusal, Refusal, Resource};
use weir_core::resource::{PrefixEntry, PrefixList};
use weir_wire::error::ApiError;
use weir_wire::generated::ec2 as api;

use super::super::call::Call;
use super::filter::{Filters, text};
use super::network::{subject_record, wanted};
use super::page::page_from;
use super::{arn, tags, tags_for};

const FILTERS: &[&str] = &["owner-id", "prefix-list-id", "prefix-list-name"];

/// `CreateManagedPrefixList`.
pub async fn create(
    call: &Call,
    input: api::CreateManagedPrefixListRequest,
) -> Result<api::CreateManagedPrefixListResult, ApiError> {
    let command = PrefixListCreate {
        region: call.facts.region.clone(),
        name: input.prefix_list_name.unwrap_or_default(),
        family: input.address_family.unwrap_or_default(),
        max_entries: i64::from(input.max_entries.unwrap_or_default()),
        entries: added(input.entries),
        client_token: input.client_token.filter(|token| !token.is_empty()),
        tags: tags_for(input.tag_specifications, "prefix-list", &[])?,
    };
    let decision = call.submit(Command::PrefixListCreate(command)).await?;
    let mut prefix_list = told(call, &decision)?;
    if !decision.changes.is_empty() {
        prefix_list.state = Some("create-in-progress".to_owned());
    }
    Ok(api::CreateManagedPrefixListResult { prefix_list: Some(prefix_list) })
}

/// `ModifyManagedPrefixList`.
pub async fn modify(
    call: &Call,
    input: api::ModifyManagedPrefixListRequest,
) -> Result<api::ModifyManagedPrefixListResult, ApiError> {
    let remove = input.remove_entries.unwrap_or_default().into_iter();
    let command = PrefixListModify {
        region: call.facts.region.clone(),
        id: input.prefix_list_id.unwrap_or_default(),
        current_version: input.current_version,
        name: input.prefix_list_name,
        max_entries: input.max_entries.map(i64::from),
        add: added(input.add_entries),
        remove: remove.map(|entry| entry.cidr.unwrap_or_default()).collect(),
    };
    let decision = call.submit(Command::PrefixListModify(command)).await?;
    let mut prefix_list = told(call, &decision)?;
    if !decision.changes.is_empty() {
        prefix_list.state = Some("modify-in-progress".to_owned());
    }
    Ok(api::ModifyManagedPrefixListResult { prefix_list: Some(prefix_list) })
}

/// `DeleteManagedPrefixList`.
pub async fn delete(
    call: &Call,
    input: api::DeleteManagedPrefixListRequest,
) -> Result<api::DeleteManagedPrefixListResult, ApiError> {
    let id = input.prefix_list_id.unwrap_or_default();
    // What is gone cannot be read afterwards.
    let before = call.read(|catalog| {
        Ok(catalog.prefix_list(&id).map(|list| api::ManagedPrefixList {
            state: Some("delete-in-progress".to_owned()),
            ..shape(call, list)
        }))
    })?;
    let command = IdInput { region: call.facts.region.clone(), id };
    call.submit(Command::PrefixListDelete(command)).await?;
    Ok(api::DeleteManagedPrefixListResult { prefix_list: before })
}

/// `DescribeManagedPrefixLists`.
pub fn describe(
    call: &Call,
    input: api::DescribeManagedPrefixListsRequest,
) -> Result<api::DescribeManagedPrefixListsResult, ApiError> {
    let filters = Filters::new(input.filters, FILTERS)?;
    let ids = wanted(input.prefix_list_ids);
    let mut found: Vec<api::ManagedPrefixList> = call.read(|catalog| {
        Ok(select(call, catalog, ids)?.into_iter().map(|list| shape(call, list)).collect())
    })?;
    found.retain(|list| {
        filters.admit(list.tags.as_deref().unwrap_or_default(), |name| match name {
            "owner-id" => text(&list.owner_id),
            "prefix-list-id" => text(&list.prefix_list_id),
            "prefix-list-name" => text(&list.prefix_list_name),
            _ => Vec::new(),
        })
    });
    let key = |list: &api::ManagedPrefixList| list.prefix_list_id.clone().unwrap_or_default();
    let (lists, next_token) = page_from(1, found, input.max_results, input.next_token, key)?;
    Ok(api::DescribeManagedPrefixListsResult { next_token, prefix_lists: Some(lists) })
}

/// `GetManagedPrefixListEntries`.
pub fn entries(
    call: &Call,
    input: api::GetManagedPrefixListEntriesRequest,
) -> Result<api::GetManagedPrefixListEntriesResult, ApiError> {
    let id = input.prefix_list_id.unwrap_or_default();
    let found: Vec<PrefixEntry> = call.read(|catalog| {
        let list = by_id(call, catalog, &id)?;
        let version = input.target_version.unwrap_or(list.version);
        let entries = list.entries_of(version).ok_or_else(|| {
            InventoryRefusal::PrefixListVersionUnknown { version: version.to_string() }
        })?;
        Ok(entries.to_vec())
    })?;
    // Entries are told in the order of their blocks; a token is the place of its page's last.
    let places: Vec<(usize, PrefixEntry)> = found.into_iter().enumerate().collect();
    let key = |(place, _): &(usize, PrefixEntry)| format!("{place:06}");
    let (entries, next_token) = page_from(1, places, input.max_results, input.next_token, key)?;
    let shape = |(_, entry): (usize, PrefixEntry)| api::PrefixListEntry {
        cidr: Some(entry.cidr.to_string()),
        description: entry.description,
    };
    Ok(api::GetManagedPrefixListEntriesResult {
        entries: Some(entries.into_iter().map(shape).collect()),
        next_token,
    })
}

// === helpers ===

fn added(entries: Option<Vec<api::AddPrefixListEntry>>) -> Vec<(String, Option<String>)> {
    let entries = entries.unwrap_or_default().into_iter();
    entries.map(|entry| (entry.cidr.unwrap_or_default(), entry.description)).collect()
}

fn told(call: &Call, decision: &Decision) -> Result<api::ManagedPrefixList, ApiError> {
    match subject_record(call, decision)? {
        Resource::PrefixList(list) => Ok(shape(call, &list)),
        other => Err(call.bug(&format!("{:?} is no prefix list", other.key()))),
    }
}

fn by_id<'a>(call: &Call, catalog: &'a Catalog, id: &str) -> Result<&'a PrefixList, Refusal> {
    if !id.starts_with("pl-") {
        return Err(InventoryRefusal::PrefixListMalformed { id: id.to_owned() }.into());
    }
    let found = catalog.prefix_list(id).filter(|list| list.region == call.facts.region);
    found.ok_or_else(|| InventoryRefusal::PrefixListNotFound { id: id.to_owned() }.into())
}

fn select<'a>(
    call: &Call,
    catalog: &'a Catalog,
    ids: Option<Vec<String>>,
) -> Result<Vec<&'a PrefixList>, Refusal> {
    let Some(mut ids) = ids else {
        return Ok(catalog.prefix_lists_in(&call.facts.region).collect());
    };
    ids.sort();
    ids.dedup();
    ids.iter().map(|id| by_id(call, catalog, id)).collect()
}

fn shape(call: &Call, list: &PrefixList) -> api::ManagedPrefixList {
    // Records of before `modified` existed tell by their version.
    let modified = list.modified || list.version > 1;
    let state = if modified { "modify-complete" } else { "create-complete" };
    api::ManagedPrefixList {
        prefix_list_id: Some(list.id.to_string()),
        address_family: Some(list.family.as_str().to_owned()),
        state: Some(state.to_owned()),
        prefix_list_arn: Some(arn(call, "prefix-list", list.id.as_str())),
        prefix_list_name: Some(list.name.clone()),
        max_entries: i32::try_from(list.max_entries).ok(),
        version: Some(list.version),
        tags: Some(tags(&list.tags)),
        owner_id: Some(call.facts.account.to_string()),
        ..Default::default()
    }
}
