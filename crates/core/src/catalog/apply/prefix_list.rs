//! Managed prefix lists (EC2).
//!
//! Invariant: entries are of the list's family, in canonical form, sorted, each once; a change of
//! entries makes a new version and keeps a bounded number of old ones.
// spec: control-plane §3.1 EC2 subset (114 of 830 actions, 966 shapes, 256 KB of model)

use std::collections::BTreeSet;

use ipnet::IpNet;

use super::Apply;
use super::tag::ec2_tags_merge;
use crate::catalog::command::{IdInput, PrefixListCreate, PrefixListModify};
use crate::catalog::{InventoryRefusal, Refusal, Resource, ResourceKey};
use crate::limits;
use crate::resource::{
    AddressFamily, PrefixEntry, PrefixList, PrefixListId, PrefixListVersion, Region, Tags,
    TrafficPeer,
};

/// Characters of a list's name and of an entry's description.
const TEXT_MAX: usize = 255;
/// Names that lists of AWS itself have.
const RESERVED: &str = "com.amazonaws";

// === impl Apply ===

impl<'a> Apply<'a> {
    pub(super) fn prefix_list_create(&mut self, input: &PrefixListCreate) -> Result<(), Refusal> {
        name_sound(&input.name)?;
        let family = AddressFamily::parse(&input.family).ok_or_else(|| {
            let text = &input.family;
            invalid(format!("Value ({text}) for parameter addressFamily is invalid."))
        })?;
        let max_entries = size(input.max_entries)?;
        let entries = added(&[], family, &input.entries)?;
        fits(&entries, max_entries)?;
        let tags = ec2_tags_merge(&Tags::new(), &input.tags)?;
        let mut record = PrefixList {
            id: PrefixListId::new("pl-"),
            region: input.region.clone(),
            name: input.name.clone(),
            family,
            max_entries,
            version: 1,
            modified: false,
            entries,
            history: Vec::new(),
            client_token: input.client_token.clone(),
            tags,
        };
        if let Some(found) = self.prefix_list_of_token(&record)? {
            self.subject(ResourceKey::PrefixList(found));
            return Ok(());
        }
        let present = self.catalog.index.inventory.prefix_lists.get(&input.region);
        let limit = self.catalog.settings.quotas.prefix_lists;
        if present.map_or(0, |lists| lists.len()) >= limit {
            return Err(InventoryRefusal::PrefixListLimit {}.into());
        }
        let catalog = self.catalog;
        record.id = PrefixListId::new(self.ec2_id("pl-", |id| catalog.prefix_list(id).is_some()));
        self.put_subject(Resource::PrefixList(record));
        Ok(())
    }

    /// The list that an earlier call with the same client token made.
    fn prefix_list_of_token(&self, wanted: &PrefixList) -> Result<Option<PrefixListId>, Refusal> {
        if wanted.client_token.is_none() {
            return Ok(None);
        }
        let mut lists = self.catalog.prefix_lists_in(&wanted.region);
        let Some(found) = lists.find(|list| list.client_token == wanted.client_token) else {
            return Ok(None);
        };
        // It may have grown since; what cannot have changed must be the same.
        if found.family != wanted.family {
            return Err(Refusal::Ec2TokenMismatch {});
        }
        Ok(Some(found.id.clone()))
    }

    pub(super) fn prefix_list_modify(&mut self, input: &PrefixListModify) -> Result<(), Refusal> {
        let list = self.prefix_list(&input.region, &input.id)?;
        let has_entries = !input.add.is_empty() || !input.remove.is_empty();
        if has_entries && input.max_entries.is_some() {
            return Err(InventoryRefusal::PrefixListSizeAndEntries {}.into());
        }
        if has_entries && input.current_version.is_none() {
            return Err(InventoryRefusal::PrefixListVersionMissing {}.into());
        }
        if input.current_version.is_some_and(|version| version != list.version) {
            return Err(InventoryRefusal::PrefixListVersion {}.into());
        }
        let mut changed = list.clone();
        changed.modified = true;
        if let Some(name) = &input.name {
            name_sound(name)?;
            changed.name.clone_from(name);
        }
        if let Some(max_entries) = input.max_entries {
            changed.max_entries = size(max_entries)?;
            fits(&changed.entries, changed.max_entries)?;
        }
        if has_entries {
            let kept = removed(&list.entries, input)?;
            let entries = added(&kept, list.family, &input.add)?;
            fits(&entries, list.max_entries)?;
            new_version(&mut changed, entries);
        }
        if changed == *list {
            self.subject(ResourceKey::PrefixList(changed.id));
            return Ok(());
        }
        self.users_keep_quota(list, changed.max_entries)?;
        self.put_subject(Resource::PrefixList(changed));
        Ok(())
    }

    /// A list that grows may not push a group that names it over its quota.
    fn users_keep_quota(&self, list: &PrefixList, max_entries: u32) -> Result<(), Refusal> {
        let growth = max_entries.saturating_sub(list.max_entries) as usize;
        if growth == 0 {
            return Ok(());
        }
        let limit = self.catalog.settings.quotas.rules_per_security_group;
        for id in self.catalog.groups_naming_list(&list.id) {
            let Some(group) = self.catalog.security_group(id) else { continue };
            for rules in [&group.ingress, &group.egress] {
                let used = self.rules_of_family(rules, list.family);
                let naming = rules
                    .iter()
                    .filter(|rule| rule.peer == TrafficPeer::PrefixList(list.id.clone()));
                if used + naming.count() * growth > limit {
                    return Err(Refusal::Ec2RuleLimit {});
                }
            }
        }
        Ok(())
    }

    pub(super) fn prefix_list_delete(&mut self, input: &IdInput) -> Result<(), Refusal> {
        let list = self.prefix_list(&input.region, &input.id)?;
        if self.catalog.groups_naming_list(&list.id).next().is_some() {
            return Err(InventoryRefusal::PrefixListUsed { id: list.id.to_string() }.into());
        }
        self.decision.changes.delete(ResourceKey::PrefixList(list.id.clone()));
        Ok(())
    }

    /// The list that a request names.
    pub(super) fn prefix_list(&self, region: &Region, id: &str) -> Result<&'a PrefixList, Refusal> {
        if !id.starts_with("pl-") {
            return Err(InventoryRefusal::PrefixListMalformed { id: id.to_owned() }.into());
        }
        let found = self.catalog.prefix_list(id).filter(|list| list.region == *region);
        found.ok_or_else(|| InventoryRefusal::PrefixListNotFound { id: id.to_owned() }.into())
    }
}

/// What is left after `RemoveEntries`.
fn removed(entries: &[PrefixEntry], input: &PrefixListModify) -> Result<Vec<PrefixEntry>, Refusal> {
    call_fits(input.remove.len())?;
    let mut kept = entries.to_vec();
    for text in &input.remove {
        let cidr = cidr(text)?;
        // Terraform relies on it: a changed description takes two calls.
        if input.add.iter().any(|(other, _)| other == text) {
            return Err(invalid(format!(
                "Request cannot contain Cidr {text} in both AddPrefixListEntries and \
                 RemovePrefixListEntries"
            )));
        }
        let place = kept.iter().position(|entry| entry.cidr == cidr);
        let missing = || invalid(format!("The entry {text} does not exist in the prefix list."));
        kept.remove(place.ok_or_else(missing)?);
    }
    Ok(kept)
}

/// The entries with those that are added; one that exists already must be removed first.
fn added(
    entries: &[PrefixEntry],
    family: AddressFamily,
    add: &[(String, Option<String>)],
) -> Result<Vec<PrefixEntry>, Refusal> {
    call_fits(add.len())?;
    let mut all = entries.to_vec();
    let mut seen = BTreeSet::new();
    for (text, description) in add {
        let cidr = cidr(text)?;
        if !family.holds(&cidr) {
            let family = family.as_str();
            return Err(invalid(format!(
                "The CIDR {text} is not of the address family {family} of the prefix list."
            )));
        }
        if description.as_ref().is_some_and(|text| text.chars().count() > TEXT_MAX) {
            return Err(invalid("The description of an entry is too long.".to_owned()));
        }
        if !seen.insert(cidr) {
            return Err(invalid(format!("Duplicate entry {text} in the request.")));
        }
        let description = description.clone().filter(|text| !text.is_empty());
        if entries.iter().any(|entry| entry.cidr == cidr) {
            return Err(InventoryRefusal::PrefixListEntryExists {}.into());
        }
        all.push(PrefixEntry { cidr, description });
    }
    all.sort_by_key(|entry| entry.cidr);
    Ok(all)
}

fn new_version(list: &mut PrefixList, entries: Vec<PrefixEntry>) {
    let old = std::mem::replace(&mut list.entries, entries);
    list.history.push(PrefixListVersion { version: list.version, entries: old });
    list.version += 1;
    let held = |list: &PrefixList| list.history.iter().map(|old| old.entries.len()).sum::<usize>();
    while list.history.len() > limits::PREFIX_LIST_VERSIONS_MAX
        || held(list) > limits::PREFIX_LIST_HISTORY_ENTRIES_MAX
    {
        list.history.remove(0);
    }
}

fn cidr(text: &str) -> Result<IpNet, Refusal> {
    let block: IpNet =
        text.parse().map_err(|_| invalid(format!("The CIDR {text} is not valid.")))?;
    Ok(block.trunc())
}

fn call_fits(entries: usize) -> Result<(), Refusal> {
    let limit = limits::PREFIX_LIST_ENTRIES_PER_CALL_MAX;
    if entries > limit {
        return Err(invalid(format!("A request can name at most {limit} entries.")));
    }
    Ok(())
}

fn fits(entries: &[PrefixEntry], max_entries: u32) -> Result<(), Refusal> {
    if entries.len() > max_entries as usize {
        return Err(InventoryRefusal::PrefixListFull {}.into());
    }
    Ok(())
}

fn size(max_entries: i64) -> Result<u32, Refusal> {
    let limit = limits::PREFIX_LIST_ENTRIES_MAX;
    match u32::try_from(max_entries) {
        Ok(size) if (1..=limit).contains(&max_entries) => Ok(size),
        _ => Err(invalid(format!("Must specify a max size between 1 and {limit}"))),
    }
}

fn name_sound(name: &str) -> Result<(), Refusal> {
    if name.is_empty() {
        return Err(Refusal::Ec2Missing { name: "PrefixListName".to_owned() });
    }
    if name.chars().count() > TEXT_MAX || name.starts_with(RESERVED) {
        return Err(invalid(format!("Value ({name}) for parameter prefixListName is invalid.")));
    }
    Ok(())
}

fn invalid(reason: String) -> Refusal {
    Refusal::Ec2Parameter { reason }
}
