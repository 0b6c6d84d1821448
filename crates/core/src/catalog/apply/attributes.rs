//! `Modify…Attributes`: all or nothing, against the declarations of `resource::attribute`.
//!
//! Each pair is judged alone, then the values that would be in force are judged together
//! (`attribute_rules`), then what no plane carries is refused.
//!
//! Invariant: a record keeps only values that differ from their default.
// spec: alb §13 Attribute tables
// spec: nlb-gwlb-clb §8 Attribute tables (keys are case-sensitive strings, values strings)

use std::collections::BTreeSet;

use super::Apply;
use super::attribute_rules as rules;
use crate::catalog::command::{AttributesModify, Pairs};
use crate::catalog::unserved::Feature;
use crate::catalog::{AttributeRefusal, Refusal, Resource, ResourceKey};
use crate::resource::attribute::{self, Carrier, Declaration, Family, Fault, Serving, Shape};
use crate::resource::{AttributeValues, LoadBalancerKind};

/// Attributes of one call.
// spec: control-plane §1.3 ELBv2 errors, pagination, waiters, limits, attributes
const ATTRIBUTES_MAX: usize = 20;
/// Sticky session types of any load balancer.
const STICKINESS_TYPES: [&str; 5] =
    ["lb_cookie", "app_cookie", "source_ip", "source_ip_dest_ip", "source_ip_dest_ip_proto"];

// === impl Apply ===

impl Apply<'_> {
    pub(super) fn load_balancer_attributes_modify(
        &mut self,
        input: &AttributesModify,
    ) -> Result<(), Refusal> {
        let lb = self.load_balancer(&input.region, &input.arn)?;
        if input.attributes.len() > ATTRIBUTES_MAX {
            return Err(Refusal::AttributesTooMany { limit: ATTRIBUTES_MAX.to_string() });
        }
        let carrier = Carrier::load_balancer(lb);
        let attributes = changed(&carrier, &lb.attributes, &input.attributes)?;
        self.attributes_served(&carrier, &lb.attributes, &attributes)?;
        if attributes == lb.attributes {
            self.subject(ResourceKey::LoadBalancer(lb.arn.clone()));
        } else {
            let mut lb = lb.clone();
            lb.attributes = attributes;
            self.put_subject(Resource::LoadBalancer(lb));
        }
        Ok(())
    }

    pub(super) fn target_group_attributes_modify(
        &mut self,
        input: &AttributesModify,
    ) -> Result<(), Refusal> {
        let group = self.target_group(&input.region, &input.arn)?;
        let carrier = Carrier::target_group(group);
        let attributes = changed(&carrier, &group.attributes, &input.attributes)?;
        let key = "load_balancing.cross_zone.enabled";
        let zonal = attributes.get(key).is_some_and(|value| value == "false");
        let mut zones = self.catalog.targets(&group.arn).iter().map(|target| &target.zone);
        // spec: alb §4.8 Cross-zone
        if zonal && zones.any(|zone| zone.as_ref().is_some_and(|zone| zone.as_str() == "all")) {
            return Err(Refusal::TargetZoneAllCrossZoneOff {});
        }
        self.attributes_served(&carrier, &group.attributes, &attributes)?;
        if attributes == group.attributes {
            self.subject(ResourceKey::TargetGroup(group.arn.clone()));
        } else {
            let mut group = group.clone();
            group.attributes = attributes;
            self.put_subject(Resource::TargetGroup(group));
        }
        Ok(())
    }

    pub(super) fn listener_attributes_modify(
        &mut self,
        input: &AttributesModify,
    ) -> Result<(), Refusal> {
        let listener = self.listener(&input.region, &input.arn)?;
        let carrier = Carrier::listener(listener);
        let attributes = changed(&carrier, &listener.attributes, &input.attributes)?;
        self.attributes_served(&carrier, &listener.attributes, &attributes)?;
        if attributes == listener.attributes {
            self.subject(ResourceKey::Listener(listener.arn.clone()));
        } else {
            let mut listener = listener.clone();
            listener.attributes = attributes;
            self.put_subject(Resource::Listener(listener));
        }
        Ok(())
    }

    /// Refuses new values that would change nothing.
    fn attributes_served(
        &self,
        carrier: &Carrier<'_>,
        before: &AttributeValues,
        after: &AttributeValues,
    ) -> Result<(), Refusal> {
        for key in carrier.recorded_only(after) {
            if before.get(key) != after.get(key) {
                self.unserved(Feature::AttributeValue, key)?;
            }
        }
        Ok(())
    }
}

/// The values that somebody set, after this call.
///
/// # Errors
/// What AWS would refuse; whether a plane carries the values is not judged here.
pub(in crate::catalog) fn changed(
    carrier: &Carrier<'_>,
    current: &AttributeValues,
    pairs: &Pairs,
) -> Result<AttributeValues, Refusal> {
    let merged = merge(carrier, current, pairs)?;
    match carrier.family {
        Family::LoadBalancer => rules::load_balancer(carrier, current, &merged)?,
        Family::TargetGroup => rules::target_group(carrier, &merged, pairs)?,
        Family::Listener => rules::listener(carrier, &merged)?,
    }
    Ok(merged)
}

/// The values that somebody set, after this call; only those that differ from their default.
fn merge(
    carrier: &Carrier<'_>,
    current: &AttributeValues,
    pairs: &Pairs,
) -> Result<AttributeValues, Refusal> {
    if pairs.is_empty() {
        return Err(Refusal::AttributesEmpty {});
    }
    let mut merged = current.clone();
    let mut seen = BTreeSet::new();
    for (key, value) in pairs {
        if !seen.insert(key) {
            return Err(Refusal::AttributeRepeated { key: key.clone() });
        }
        let row = carrier.find(key).ok_or_else(|| absent(carrier, key))?;
        judge(carrier, row, value)?;
        let resets = row.shape == Shape::HeaderName && value.is_empty();
        if resets || value == row.default_for(carrier.scheme) {
            merged.remove(key);
        } else {
            merged.insert(key.clone(), value.clone());
        }
    }
    Ok(merged)
}

fn judge(carrier: &Carrier<'_>, row: &Declaration, value: &str) -> Result<(), Refusal> {
    if row.key == "stickiness.type" {
        stickiness_type(carrier, value)?;
    }
    row.judge(value).map_err(|fault| misfit(row.key, value, fault))?;
    if value == row.default_for(carrier.scheme) {
        return Ok(());
    }
    let key = row.key.to_owned();
    // What serves an application load balancer as a target has its settings.
    if carrier.target_type == "alb" {
        let kind = carrier.target_type.to_owned();
        return Err(Refusal::AttributeForeignTargetType { key, kind });
    }
    if row.serving != Serving::Immutable {
        return Ok(());
    }
    let (value, protocol) = (row.default.to_owned(), carrier.protocol.to_owned());
    Err(match carrier.family {
        Family::TargetGroup if key == "stickiness.enabled" => {
            AttributeRefusal::StickinessByProtocol { protocol }.into()
        }
        Family::TargetGroup => AttributeRefusal::FixedByProtocol { key, value, protocol }.into(),
        Family::LoadBalancer | Family::Listener => Refusal::AttributeImmutable { key, value },
    })
}

/// Why a key does not exist here.
fn absent(carrier: &Carrier<'_>, key: &str) -> Refusal {
    let mut rows = carrier.family.rows().iter().filter(|row| row.key == key).peekable();
    let key = key.to_owned();
    if rows.peek().is_none() {
        if key.starts_with(attribute::OWN_PREFIX) {
            return AttributeRefusal::OwnKeyUnknown { key }.into();
        }
        return Refusal::AttributeUnknown { family: carrier.family.title().to_owned(), key };
    }
    let other_type = rows.any(|row| row.scope.speaks_to(carrier));
    let protocol = carrier.protocol.to_owned();
    match carrier.family {
        Family::LoadBalancer => {
            Refusal::AttributeForeignLoadBalancer { key, kind: carrier.kind.as_str().to_owned() }
        }
        Family::TargetGroup if other_type || carrier.target_type == "lambda" => {
            Refusal::AttributeForeignTargetType { key, kind: carrier.target_type.to_owned() }
        }
        Family::TargetGroup => Refusal::AttributeForeignTargetGroup { key, protocol },
        Family::Listener => Refusal::AttributeForeignListener { key, protocol },
    }
}

fn stickiness_type(carrier: &Carrier<'_>, value: &str) -> Result<(), Refusal> {
    let (value, protocol) = (value.to_owned(), carrier.protocol.to_owned());
    let cookie = value.ends_with("cookie");
    let fits = match carrier.kind {
        LoadBalancerKind::Gateway if !value.starts_with("source_ip_dest_ip") => {
            return Err(AttributeRefusal::StickinessTypeGeneve { value }.into());
        }
        _ if !STICKINESS_TYPES.contains(&value.as_str()) => {
            return Err(Refusal::StickinessTypeInvalid {});
        }
        LoadBalancerKind::Application => cookie,
        LoadBalancerKind::Network => value == "source_ip",
        LoadBalancerKind::Gateway => true,
    };
    if fits { Ok(()) } else { Err(Refusal::StickinessTypeForeign { kind: value, protocol }) }
}

fn misfit(key: &str, value: &str, fault: Fault) -> Refusal {
    let (key, value) = (key.to_owned(), value.to_owned());
    match fault {
        Fault::Choice(words) => Refusal::AttributeChoice { key, value, choices: words.join(", ") },
        Fault::Range(range) => Refusal::AttributeRange { key, value, range },
        Fault::Bucket => Refusal::LogBucketInvalid { bucket: value },
        Fault::Prefix => Refusal::LogPrefixInvalid { prefix: value },
        Fault::Text(limit) => Refusal::AttributeText { key, limit: limit.to_string() },
        Fault::CookieReserved => AttributeRefusal::CookieReserved { name: value }.into(),
    }
}
