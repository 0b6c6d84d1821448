//! Tags of load-balancing and EC2 resources.
//!
//! Invariant: no record has more than `limits::TAGS_PER_RESOURCE_MAX` tags.
// spec: alb §0.5 Structure enums and ranges that gate the data plane [A]

use super::Apply;
use crate::catalog::command::{Ec2TagsCreate, Ec2TagsDelete, Pairs, TagsAdd, TagsRemove};
use crate::catalog::unserved::Feature;
use crate::catalog::{Refusal, Resource};
use crate::limits;
use crate::resource::{Region, Tags, arn};

/// The tag that says where an instance really is.
pub(super) const ADDRESS_TAG: &str = "weir:address";

/// Characters of a key.
const KEY_MAX: usize = 128;
/// Characters of a value.
const VALUE_MAX: usize = 256;

/// Judges the tags of a create call of the load-balancing API.
pub(super) fn tags_new(pairs: &Pairs) -> Result<Tags, Refusal> {
    tags_merge(&Tags::new(), pairs)
}

/// Adds tags, replacing values of keys that exist.
fn tags_merge(current: &Tags, pairs: &Pairs) -> Result<Tags, Refusal> {
    let mut given = Tags::new();
    for (key, value) in pairs {
        if key.starts_with("aws:") {
            return Err(Refusal::TagKeyReserved { key: key.clone() });
        }
        let key_fits = (1..=KEY_MAX).contains(&key.chars().count());
        if !key_fits || value.chars().count() > VALUE_MAX {
            let key = key.chars().take(KEY_MAX).collect();
            return Err(Refusal::TagLength { key });
        }
        if given.insert(key.clone(), value.clone()).is_some() {
            return Err(Refusal::TagKeyRepeated { key: key.clone() });
        }
    }
    let mut merged = current.clone();
    merged.extend(given);
    let limit = limits::TAGS_PER_RESOURCE_MAX;
    if merged.len() > limit {
        return Err(Refusal::TagsTooMany { limit: limit.to_string() });
    }
    Ok(merged)
}

/// [`tags_merge`] with EC2's codes.
pub(super) fn ec2_tags_merge(current: &Tags, pairs: &Pairs) -> Result<Tags, Refusal> {
    tags_merge(current, pairs).map_err(|refusal| match refusal {
        Refusal::TagsTooMany { limit } => Refusal::Ec2TagLimit { limit },
        Refusal::TagKeyRepeated { key } => {
            Refusal::Ec2Parameter { reason: format!("Duplicate tag key '{key}' specified.") }
        }
        Refusal::TagKeyReserved { .. } => Refusal::Ec2Parameter {
            reason: "Tag keys starting with 'aws:' are reserved for internal use".to_owned(),
        },
        Refusal::TagLength { key } => {
            let reason = format!("Tag key or value exceeds the maximum length: '{key}'");
            Refusal::Ec2Parameter { reason }
        }
        other => other,
    })
}

/// The tags of a record.
fn tags_of(resource: &mut Resource) -> Option<&mut Tags> {
    match resource {
        Resource::Vpc(r) => Some(&mut r.tags),
        Resource::Subnet(r) => Some(&mut r.tags),
        Resource::SecurityGroup(r) => Some(&mut r.tags),
        Resource::Instance(r) => Some(&mut r.tags),
        Resource::LoadBalancer(r) => Some(&mut r.tags),
        Resource::Listener(r) => Some(&mut r.tags),
        Resource::Rule(r) => Some(&mut r.tags),
        Resource::TargetGroup(r) => Some(&mut r.tags),
        Resource::ElasticAddress(r) => Some(&mut r.tags),
        Resource::Certificate(r) => Some(&mut r.tags),
        Resource::TrustStore(r) => Some(&mut r.tags),
        Resource::Registrations(_) => None,
    }
}

// === impl Apply ===

impl Apply<'_> {
    pub(super) fn tags_add(&mut self, input: &TagsAdd) -> Result<(), Refusal> {
        for arn in &input.arns {
            let resource = self.elb_resource(&input.region, arn)?;
            self.retag(resource, |tags| tags_merge(tags, &input.tags))?;
        }
        Ok(())
    }

    pub(super) fn tags_remove(&mut self, input: &TagsRemove) -> Result<(), Refusal> {
        for arn in &input.arns {
            let resource = self.elb_resource(&input.region, arn)?;
            self.retag(resource, |tags| {
                let mut left = tags.clone();
                left.retain(|key, _| !input.keys.contains(key));
                Ok(left)
            })?;
        }
        Ok(())
    }

    pub(super) fn ec2_tags_create(&mut self, input: &Ec2TagsCreate) -> Result<(), Refusal> {
        for id in &input.ids {
            let resource = self.ec2_resource(&input.region, id)?;
            address_tag_untouched(&resource, input.tags.iter().map(|(key, _)| key))?;
            self.retag(resource, |tags| ec2_tags_merge(tags, &input.tags))?;
        }
        Ok(())
    }

    pub(super) fn ec2_tags_delete(&mut self, input: &Ec2TagsDelete) -> Result<(), Refusal> {
        for id in &input.ids {
            let resource = self.ec2_resource(&input.region, id)?;
            address_tag_untouched(&resource, input.tags.iter().map(|(key, _)| key))?;
            self.retag(resource, |tags| {
                let named = |key: &str, value: &str| {
                    let mut pairs = input.tags.iter();
                    pairs.any(|(k, v)| k == key && v.as_ref().is_none_or(|v| v == value))
                };
                let mut left = tags.clone();
                // Without a list, all tags go; the address tag is no label and stays.
                left.retain(|key, value| match input.tags.is_empty() {
                    true => key == ADDRESS_TAG,
                    false => !named(key, value),
                });
                Ok(left)
            })?;
        }
        Ok(())
    }

    fn retag(
        &mut self,
        mut resource: Resource,
        change: impl Fn(&Tags) -> Result<Tags, Refusal>,
    ) -> Result<(), Refusal> {
        let key = resource.key();
        let Some(tags) = tags_of(&mut resource) else { return Ok(()) };
        let changed = change(tags)?;
        if *tags == changed || self.decision.subjects.contains(&key) {
            return Ok(());
        }
        *tags = changed;
        self.put_subject(resource);
        Ok(())
    }

    fn elb_resource(&self, region: &Region, text: &str) -> Result<Resource, Refusal> {
        let tail = arn::split(text).map(|parts| parts.tail).unwrap_or_default();
        match tail.split('/').next() {
            Some("loadbalancer") => {
                let lb = self.catalog.load_balancer_find(region, text)?;
                let lb = lb.ok_or(Refusal::LoadBalancersNotFound {})?;
                Ok(Resource::LoadBalancer(lb.clone()))
            }
            Some("targetgroup") => {
                Ok(Resource::TargetGroup(self.target_group(region, text)?.clone()))
            }
            Some("listener") => Ok(Resource::Listener(self.listener(region, text)?.clone())),
            Some("listener-rule") => Ok(Resource::Rule(self.rule(region, text)?.clone())),
            _ => Err(Refusal::ResourceArnInvalid { arn: text.to_owned() }),
        }
    }

    fn ec2_resource(&self, region: &Region, id: &str) -> Result<Resource, Refusal> {
        let catalog = self.catalog;
        let text = || id.to_owned();
        match id.split_once('-').map(|(prefix, _)| prefix) {
            Some("i") => Ok(Resource::Instance(self.instance(region, id)?.clone())),
            Some("sg") => {
                let found = catalog.security_group(id).filter(|g| g.region == *region);
                let found = found.ok_or_else(|| Refusal::Ec2GroupNotFound { id: text() })?;
                Ok(Resource::SecurityGroup(found.clone()))
            }
            Some("vpc") => {
                let found = catalog.vpc(id).filter(|vpc| vpc.region == *region);
                let found = found.ok_or_else(|| Refusal::VpcIdNotFound { id: text() })?;
                Ok(Resource::Vpc(found.clone()))
            }
            Some("subnet") => {
                let found = catalog.subnet(id).filter(|subnet| subnet.region == *region);
                let found = found.ok_or_else(|| Refusal::SubnetIdNotFound { id: text() })?;
                Ok(Resource::Subnet(found.clone()))
            }
            Some("eni" | "igw" | "rtb" | "sgr" | "vol" | "ami" | "r" | "eipalloc") => {
                Err(Refusal::unserved(Feature::Ec2TagResource, id))
            }
            _ => Err(Refusal::Ec2IdInvalid { id: text() }),
        }
    }
}

/// Where an instance is reached is decided at launch.
fn address_tag_untouched<'k>(
    resource: &Resource,
    keys: impl Iterator<Item = &'k String>,
) -> Result<(), Refusal> {
    let mut keys = keys;
    if matches!(resource, Resource::Instance(_)) && keys.any(|key| key == ADDRESS_TAG) {
        let reason =
            format!("The tag '{ADDRESS_TAG}' can be set only when an instance is launched");
        return Err(Refusal::Ec2Parameter { reason });
    }
    Ok(())
}
