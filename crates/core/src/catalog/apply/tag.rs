//! Tags of load-balancing and EC2 resources.
//!
//! Invariant: no record has more than `limits::TAGS_PER_RESOURCE_MAX` tags.
// spec: alb §0.5 Structure enums and ranges that gate the data plane [A]

use std::sync::Arc;

use super::Apply;
use crate::catalog::command::{Ec2TagsCreate, Ec2TagsDelete, Pairs, TagsAdd, TagsRemove};
use crate::catalog::{
    Change, Holder, InventoryRefusal, LoadBalancerRefusal, NetworkRefusal, Refusal, Resource,
};
use crate::limits;
use crate::resource::{Region, Tags, arn};

/// The tag that says where an instance really is.
pub(super) const ADDRESS_TAG: &str = "weir:address";

/// Keys that begin so are AWS's own, in any case.
const RESERVED: &str = "aws:";
/// Characters of a key.
const KEY_MAX: usize = 128;
/// Characters of a value.
const VALUE_MAX: usize = 256;

/// Judges the tags of a create call of the load-balancing API.
pub(super) fn tags_new(pairs: &Pairs) -> Result<Tags, Refusal> {
    tags_merge(&Tags::new(), pairs)
}

/// Adds tags, replacing values of keys that exist.
pub(super) fn tags_merge(current: &Tags, pairs: &Pairs) -> Result<Tags, Refusal> {
    let mut given = Tags::new();
    for (key, value) in pairs {
        if key.get(..RESERVED.len()).is_some_and(|start| start.eq_ignore_ascii_case(RESERVED)) {
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
        Resource::InternetGateway(r) => Some(&mut r.tags),
        Resource::Subnet(r) => Some(&mut r.tags),
        Resource::RouteTable(r) => Some(&mut r.tags),
        Resource::SecurityGroup(r) => Some(&mut r.tags),
        Resource::Instance(r) => Some(&mut r.tags),
        Resource::LoadBalancer(r) => Some(&mut r.tags),
        Resource::Listener(r) => Some(&mut r.tags),
        Resource::Rule(r) => Some(&mut r.tags),
        Resource::TargetGroup(r) => Some(&mut r.tags),
        Resource::PrefixList(r) => Some(&mut r.tags),
        Resource::NetworkInterface(r) => Some(&mut r.tags),
        Resource::ElasticAddress(r) => Some(&mut r.tags),
        Resource::Certificate(r) => Some(&mut r.tags),
        Resource::TrustStore(r) => Some(&mut r.tags),
        Resource::Registrations(_) | Resource::ServiceRole(_) => None,
    }
}

// === impl Apply ===

impl Apply<'_> {
    pub(super) fn tags_add(&mut self, input: &TagsAdd) -> Result<(), Refusal> {
        arns_given(&input.arns)?;
        if input.tags.is_empty() {
            return Err(LoadBalancerRefusal::TagsMissing {}.into());
        }
        for arn in &input.arns {
            let resource = self.elb_resource(&input.region, arn)?;
            self.retag(resource, |tags| tags_merge(tags, &input.tags))?;
        }
        Ok(())
    }

    pub(super) fn tags_remove(&mut self, input: &TagsRemove) -> Result<(), Refusal> {
        arns_given(&input.arns)?;
        if input.keys.is_empty() {
            return Err(LoadBalancerRefusal::TagKeysMissing {}.into());
        }
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
            address_tag_untouched(id, input.tags.iter().map(|(key, _)| key))?;
            self.retag_part(resource, id, |tags| ec2_tags_merge(tags, &input.tags))?;
        }
        Ok(())
    }

    pub(super) fn ec2_tags_delete(&mut self, input: &Ec2TagsDelete) -> Result<(), Refusal> {
        for id in &input.ids {
            let resource = self.ec2_resource(&input.region, id)?;
            address_tag_untouched(id, input.tags.iter().map(|(key, _)| key))?;
            self.retag_part(resource, id, |tags| {
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

    /// Changes the tags of a record or of a part of it. One call may name several parts of a
    /// record, so the record is taken as the call has left it so far.
    fn retag_part(
        &mut self,
        resource: Resource,
        id: &str,
        change: impl Fn(&Tags) -> Result<Tags, Refusal>,
    ) -> Result<(), Refusal> {
        let key = resource.key();
        let pending = self.decision.changes.changes.iter().position(|one| one.key() == key);
        let mut resource = match pending.map(|at| &self.decision.changes.changes[at]) {
            Some(Change::Put(changed)) => changed.as_ref().clone(),
            _ => resource,
        };
        let Some(tags) = tags_in(&mut resource, id) else { return Ok(()) };
        let changed = change(tags)?;
        if *tags == changed {
            return Ok(());
        }
        *tags = changed;
        match pending {
            Some(at) => self.decision.changes.changes[at] = Change::Put(Arc::new(resource)),
            None => self.put_subject(resource),
        }
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
            Some("truststore") => {
                let store = self.catalog.trust_store_named_by(region, text)?;
                Ok(Resource::TrustStore(store.clone()))
            }
            Some("listener") => Ok(Resource::Listener(self.listener(region, text)?.clone())),
            Some("listener-rule") => Ok(Resource::Rule(self.rule(region, text)?.clone())),
            _ => Err(Refusal::ResourceArnInvalid { arn: text.to_owned() }),
        }
    }

    /// The record that holds the tags of an EC2 resource; see [`tags_in`].
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
            Some("igw") => {
                let found = catalog.internet_gateway(id).filter(|one| one.region == *region);
                let missing = || NetworkRefusal::InternetGatewayNotFound { id: text() };
                Ok(Resource::InternetGateway(found.ok_or_else(missing)?.clone()))
            }
            Some("rtb") => {
                let found = catalog.route_table(id).filter(|one| one.region == *region);
                let missing = || NetworkRefusal::RouteTableNotFound { id: text() };
                Ok(Resource::RouteTable(found.ok_or_else(missing)?.clone()))
            }
            _ => self.inventory_resource(region, id),
        }
    }

    fn inventory_resource(&self, region: &Region, id: &str) -> Result<Resource, Refusal> {
        let catalog = self.catalog;
        let text = || id.to_owned();
        match id.split_once('-').map(|(prefix, _)| prefix) {
            Some("sgr") => {
                let group = catalog.group_of_rule(id).filter(|group| group.region == *region);
                let group = group.ok_or_else(|| Refusal::Ec2RuleIdNotFound { id: text() })?;
                Ok(Resource::SecurityGroup(group.clone()))
            }
            Some("eni") => Ok(match self.interface(region, id)?.holder {
                Holder::LoadBalancer(lb) => Resource::LoadBalancer(lb.clone()),
                Holder::Instance(instance) => Resource::Instance(instance.clone()),
                Holder::Caller(made) => Resource::NetworkInterface(made.clone()),
            }),
            Some("pl") => Ok(Resource::PrefixList(self.prefix_list(region, id)?.clone())),
            Some("eipalloc") => {
                let found = catalog.elastic_address(id).filter(|one| one.region == *region);
                let missing = || InventoryRefusal::AllocationNotFound { id: text() };
                Ok(Resource::ElasticAddress(found.ok_or_else(missing)?.clone()))
            }
            // There are no volumes, and images are names that nobody owns.
            Some("vol") => Err(InventoryRefusal::VolumeNotFound { id: text() }.into()),
            Some("ami") => Err(InventoryRefusal::ImageNotFound { id: text() }.into()),
            _ => Err(Refusal::Ec2IdInvalid { id: text() }),
        }
    }
}

/// The tags of `id`, which is the record or a part of it: a rule of a group, an interface.
fn tags_in<'r>(resource: &'r mut Resource, id: &str) -> Option<&'r mut Tags> {
    match (id.split_once('-').map(|(prefix, _)| prefix), resource) {
        (Some("sgr"), Resource::SecurityGroup(group)) => {
            let mut rules = group.ingress.iter_mut().chain(&mut group.egress);
            rules.find(|rule| rule.id == id).map(|rule| &mut rule.tags)
        }
        (Some("eni"), Resource::Instance(instance)) => Some(&mut instance.primary.tags),
        (Some("eni"), Resource::LoadBalancer(lb)) => {
            let mut zones = lb.zones.iter_mut();
            zones.find(|zone| zone.interface.as_str() == id).map(|zone| &mut zone.interface_tags)
        }
        (_, resource) => tags_of(resource),
    }
}

/// The resources of a call of the load-balancing API: some, and not too many.
fn arns_given(arns: &[String]) -> Result<(), Refusal> {
    let limit = limits::DESCRIBE_TAGS_ARNS_MAX;
    if arns.is_empty() {
        return Err(LoadBalancerRefusal::ResourceArnsMissing {}.into());
    }
    if arns.len() > limit {
        return Err(Refusal::DescribeTagsTooMany { limit: limit.to_string() });
    }
    Ok(())
}

/// Where an instance is reached is decided at launch.
fn address_tag_untouched<'k>(
    id: &str,
    keys: impl Iterator<Item = &'k String>,
) -> Result<(), Refusal> {
    let mut keys = keys;
    if id.starts_with("i-") && keys.any(|key| key == ADDRESS_TAG) {
        let reason =
            format!("The tag '{ADDRESS_TAG}' can be set only when an instance is launched");
        return Err(Refusal::Ec2Parameter { reason });
    }
    Ok(())
}
