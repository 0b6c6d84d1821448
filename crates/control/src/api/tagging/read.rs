//! `GetResources`, `GetTagKeys`, `GetTagValues`.
//!
//! Invariant: a page ends with its token, which is empty on the last page, never absent: clients
//! compare it with the empty text.

use std::collections::{BTreeMap, BTreeSet};

use weir_core::catalog::Catalog;
use weir_core::resource::Tags;
use weir_wire::base64;
use weir_wire::error::ApiError;
use weir_wire::generated::resourcegroupstaggingapi as api;

use super::super::call::Call;
use super::invalid;
use super::inventory::{Tagged, TypeFilter, tagged};

/// Resources of a page when the caller does not say.
const RESOURCES_DEFAULT: i32 = 50;
/// Resources of a page at most.
const RESOURCES_MAX: i32 = 100;
/// Bounds of `TagsPerPage`.
const TAGS_PER_PAGE: std::ops::RangeInclusive<i32> = 100..=500;
/// Keys, or values, of a page.
const NAMES_PER_PAGE: usize = 500;
/// Filters on types.
const TYPES_MAX: usize = 100;
/// Values of one filter on tags.
const VALUES_MAX: usize = 20;

/// `GetResources`, understood.
struct Wanted {
    types: Vec<TypeFilter>,
    /// Values by key; no values mean any.
    tags: Vec<(String, BTreeSet<String>)>,
    arns: Option<BTreeSet<String>>,
    resources_max: usize,
    tags_max: usize,
    with_compliance: bool,
    /// Tag policies are a matter of organizations: everything complies.
    nothing: bool,
    after: Option<String>,
}

/// `GetResources`.
///
/// # Errors
/// `InvalidParameterException` for filters that do not go together or are out of bounds.
pub fn resources(
    call: &Call,
    input: api::GetResourcesInput,
) -> Result<api::GetResourcesOutput, ApiError> {
    let wanted = Wanted::new(input)?;
    let (list, token) = call.read(|catalog| Ok(wanted.page(call, catalog)))?;
    Ok(api::GetResourcesOutput {
        pagination_token: Some(token),
        resource_tag_mapping_list: Some(list),
    })
}

/// `GetTagKeys`.
///
/// # Errors
/// A token that is none.
pub fn keys(call: &Call, input: api::GetTagKeysInput) -> Result<api::GetTagKeysOutput, ApiError> {
    let after = after(input.pagination_token)?;
    let names = call.read(|catalog| {
        let all = tagged(call, catalog, &[]);
        let keys = all.iter().flat_map(|one| one.tags.keys());
        Ok(keys.cloned().collect::<BTreeSet<_>>())
    })?;
    let (keys, token) = names_page(names, after);
    Ok(api::GetTagKeysOutput { pagination_token: Some(token), tag_keys: Some(keys) })
}

/// `GetTagValues`.
///
/// # Errors
/// A token that is none.
pub fn values(
    call: &Call,
    input: api::GetTagValuesInput,
) -> Result<api::GetTagValuesOutput, ApiError> {
    let after = after(input.pagination_token)?;
    let key = input.key.unwrap_or_default();
    let names = call.read(|catalog| {
        let all = tagged(call, catalog, &[]);
        let values = all.iter().filter_map(|one| one.tags.get(&key));
        Ok(values.cloned().collect::<BTreeSet<_>>())
    })?;
    let (values, token) = names_page(names, after);
    Ok(api::GetTagValuesOutput { pagination_token: Some(token), tag_values: Some(values) })
}

// === impl Wanted ===

impl Wanted {
    fn new(input: api::GetResourcesInput) -> Result<Self, ApiError> {
        let types = input.resource_type_filters.unwrap_or_default();
        let tags = input.tag_filters.unwrap_or_default();
        if input.resource_arn_list.is_some() && !(types.is_empty() && tags.is_empty()) {
            return Err(invalid(
                "ResourceARNList cannot be combined with TagFilters or ResourceTypeFilters.",
            ));
        }
        if types.len() > TYPES_MAX {
            return Err(invalid(format!("At most {TYPES_MAX} ResourceTypeFilters are allowed.")));
        }
        let types = types.iter().map(|text| {
            TypeFilter::parse(text)
                .ok_or_else(|| invalid(format!("'{text}' is not a valid resource type filter.")))
        });
        let with_compliance = input.include_compliance_details == Some(true);
        let nothing = input.exclude_compliant_resources == Some(true);
        if nothing && !with_compliance {
            return Err(invalid(
                "ExcludeCompliantResources can be true only when IncludeComplianceDetails is.",
            ));
        }
        let per_page = input.resources_per_page;
        let resources_max = per_page.unwrap_or(RESOURCES_DEFAULT);
        if !(1..=RESOURCES_MAX).contains(&resources_max) {
            return Err(invalid(format!("ResourcesPerPage must be from 1 to {RESOURCES_MAX}.")));
        }
        if input.tags_per_page.is_some_and(|tags| !TAGS_PER_PAGE.contains(&tags)) {
            let (low, high) = (TAGS_PER_PAGE.start(), TAGS_PER_PAGE.end());
            return Err(invalid(format!("TagsPerPage must be from {low} to {high}.")));
        }
        Ok(Self {
            types: types.collect::<Result<_, _>>()?,
            tags: tag_filters(tags)?,
            arns: input.resource_arn_list.map(|arns| arns.into_iter().collect()),
            resources_max: usize::try_from(resources_max).unwrap_or(1),
            tags_max: input
                .tags_per_page
                .and_then(|tags| usize::try_from(tags).ok())
                .unwrap_or(usize::MAX),
            with_compliance,
            nothing,
            after: after(input.pagination_token)?,
        })
    }

    fn page(&self, call: &Call, catalog: &Catalog) -> (Vec<api::ResourceTagMapping>, String) {
        let mut list: Vec<api::ResourceTagMapping> = Vec::new();
        let mut tags = 0;
        let all = tagged(call, catalog, &self.types);
        let first = match &self.after {
            Some(after) => all.partition_point(|one| one.arn <= *after),
            None => 0,
        };
        for one in all[first..].iter().filter(|one| self.takes(one)) {
            tags += one.tags.len();
            // A resource is never told in part, so the first one of a page always fits.
            let full = list.len() >= self.resources_max || tags > self.tags_max;
            if full && let Some(last) = list.last() {
                return (list.clone(), token(last.resource_arn.as_deref().unwrap_or_default()));
            }
            list.push(self.shape(one));
        }
        (list, String::new())
    }

    fn takes(&self, one: &Tagged<'_>) -> bool {
        let fits = |(key, values): &(String, BTreeSet<String>)| {
            one.tags.get(key).is_some_and(|value| values.is_empty() || values.contains(value))
        };
        !self.nothing
            && self.arns.as_ref().is_none_or(|arns| arns.contains(&one.arn))
            && self.tags.iter().all(fits)
    }

    fn shape(&self, one: &Tagged<'_>) -> api::ResourceTagMapping {
        let compliant = || api::ComplianceDetails {
            missing_tag_keys: None,
            noncompliant_keys: Some(Vec::new()),
            keys_with_noncompliant_values: Some(Vec::new()),
            compliance_status: Some(true),
        };
        api::ResourceTagMapping {
            resource_arn: Some(one.arn.clone()),
            tags: Some(tag_list(one.tags)),
            compliance_details: self.with_compliance.then(compliant),
        }
    }
}

// === helpers ===

/// All filters must fit, each by one of its values. A key that is named twice is refused.
fn tag_filters(filters: Vec<api::TagFilter>) -> Result<Vec<(String, BTreeSet<String>)>, ApiError> {
    let mut by_key = BTreeMap::new();
    for filter in filters {
        let values = filter.values.unwrap_or_default();
        let Some(key) = filter.key else {
            return Err(invalid("A TagFilter must have a Key."));
        };
        if values.len() > VALUES_MAX {
            return Err(invalid(format!("A TagFilter has at most {VALUES_MAX} Values.")));
        }
        if by_key.insert(key.clone(), values.into_iter().collect()).is_some() {
            return Err(invalid(format!("The key '{key}' appears in more than one TagFilter.")));
        }
    }
    Ok(by_key.into_iter().collect())
}

fn tag_list(tags: &Tags) -> Vec<api::Tag> {
    let tag = |(key, value): (&String, &String)| api::Tag {
        key: Some(key.clone()),
        value: Some(value.clone()),
    };
    tags.iter().map(tag).collect()
}

fn names_page(names: BTreeSet<String>, after: Option<String>) -> (Vec<String>, String) {
    let mut rest = names.into_iter().filter(|name| after.as_ref().is_none_or(|a| name > a));
    let page: Vec<String> = rest.by_ref().take(NAMES_PER_PAGE).collect();
    let next = rest.next().and(page.last()).map(|last| token(last)).unwrap_or_default();
    (page, next)
}

/// A token is the last name of its page, so that it stays good when that one is gone.
fn token(last: &str) -> String {
    base64::encode(last.as_bytes())
}

fn after(token: Option<String>) -> Result<Option<String>, ApiError> {
    let Some(token) = token.filter(|token| !token.is_empty()) else { return Ok(None) };
    let text = base64::decode(&token).and_then(|bytes| String::from_utf8(bytes).ok());
    text.map(Some).ok_or_else(|| invalid("The PaginationToken is not valid."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_in_pages() {
        let names: BTreeSet<String> = (0..1_201).map(|i| format!("k{i:05}")).collect();
        let (mut seen, mut next, mut pages) = (Vec::new(), None, 0);
        loop {
            let (page, token) = names_page(names.clone(), next);
            seen.extend(page);
            pages += 1;
            next = after(Some(token)).unwrap();
            if next.is_none() {
                break;
            }
        }
        assert_eq!((seen, pages), (names.into_iter().collect::<Vec<_>>(), 3));
        assert!(after(Some("!".into())).is_err());
    }

    #[test]
    fn what_is_refused() {
        let refused = |input: api::GetResourcesInput| Wanted::new(input).err().map(|e| e.message);
        let base = api::GetResourcesInput::default;
        assert_eq!(refused(base()), None);
        let filter =
            |key: Option<&str>| api::TagFilter { key: key.map(str::to_owned), values: None };
        let types = |text: &str| Some(vec![text.to_owned()]);
        let arns = Some(vec!["arn:aws:ec2:us-east-1:1:vpc/vpc-1".to_owned()]);
        for input in [
            api::GetResourcesInput { resources_per_page: Some(0), ..base() },
            api::GetResourcesInput { resources_per_page: Some(101), ..base() },
            api::GetResourcesInput { tags_per_page: Some(99), ..base() },
            api::GetResourcesInput { tags_per_page: Some(501), ..base() },
            api::GetResourcesInput { resource_type_filters: types("a b"), ..base() },
            api::GetResourcesInput { tag_filters: Some(vec![filter(None)]), ..base() },
            api::GetResourcesInput { tag_filters: Some(vec![filter(Some("a")); 2]), ..base() },
            api::GetResourcesInput { exclude_compliant_resources: Some(true), ..base() },
            api::GetResourcesInput {
                resource_arn_list: arns,
                resource_type_filters: types("ec2"),
                ..base()
            },
        ] {
            assert!(refused(input.clone()).is_some(), "{input:?}");
        }
    }
}
