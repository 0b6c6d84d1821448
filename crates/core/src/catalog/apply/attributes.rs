//! `Modify…Attributes`: all or nothing, against the declarations of `resource::attribute`.
//!
//! Invariant: a record keeps only values that differ from their default.
// spec: alb §13 Attribute tables

use std::collections::BTreeSet;

use super::Apply;
use crate::catalog::command::{AttributesModify, Pairs};
use crate::catalog::unserved::Feature;
use crate::catalog::{Refusal, Resource, ResourceKey};
use crate::resource::attribute::{self, Declaration, Family, Fault, Scope, Serving};
use crate::resource::{AttributeValues, Scheme};

/// Attributes of one call.
// spec: control-plane §1.3 ELBv2 errors, pagination, waiters, limits, attributes
const ATTRIBUTES_MAX: usize = 20;
/// Sticky session types of any load balancer.
const STICKINESS_TYPES: [&str; 5] =
    ["lb_cookie", "app_cookie", "source_ip", "source_ip_dest_ip", "source_ip_dest_ip_proto"];

/// What carries the attributes, as far as judging them needs it.
#[derive(Clone, Copy)]
struct Carrier<'a> {
    family: Family,
    /// Of a load balancer.
    scheme: Option<Scheme>,
    /// Of a target group or listener, or the type of a load balancer.
    protocol: &'a str,
    /// Of a target group.
    target_type: &'a str,
}

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
        let (family, scheme) = (Family::LoadBalancer, Some(lb.scheme));
        let carrier = Carrier { family, scheme, protocol: lb.kind.as_str(), target_type: "" };
        let attributes = merge(carrier, &lb.attributes, &input.attributes)?;
        let value = |key| attribute::effective(family, key, &attributes);
        if value("access_logs.s3.enabled") == "true" && value("access_logs.s3.bucket").is_empty() {
            return Err(Refusal::LogBucketMissing {});
        }
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
        let carrier = Carrier {
            family: Family::TargetGroup,
            scheme: None,
            protocol: group.protocol.as_str(),
            target_type: group.target_type.as_str(),
        };
        let attributes = merge(carrier, &group.attributes, &input.attributes)?;
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
        let (family, protocol) = (Family::Listener, listener.protocol.as_str());
        let carrier = Carrier { family, scheme: None, protocol, target_type: "" };
        let attributes = merge(carrier, &listener.attributes, &input.attributes)?;
        if attributes == listener.attributes {
            self.subject(ResourceKey::Listener(listener.arn.clone()));
        } else {
            let mut listener = listener.clone();
            listener.attributes = attributes;
            self.put_subject(Resource::Listener(listener));
        }
        Ok(())
    }
}

fn merge(
    carrier: Carrier<'_>,
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
        let family = carrier.family;
        let declaration = attribute::find(family, key).ok_or_else(|| {
            let family = family.title().to_owned();
            Refusal::AttributeUnknown { family, key: key.clone() }
        })?;
        judge(carrier, declaration, value)?;
        if value == declaration.default_for(carrier.scheme) {
            merged.remove(key);
        } else {
            merged.insert(key.clone(), value.clone());
        }
    }
    Ok(merged)
}

fn judge(carrier: Carrier<'_>, row: &Declaration, value: &str) -> Result<(), Refusal> {
    if row.scope != Scope::Application {
        return Err(out_of_scope(carrier, row));
    }
    if row.key == "stickiness.type" {
        stickiness_type(carrier, value)?;
    }
    row.judge(value).map_err(|fault| misfit(row.key, value, fault))?;
    if value == row.default_for(carrier.scheme) {
        return Ok(());
    }
    let key = row.key.to_owned();
    match row.serving {
        Serving::Full => Ok(()),
        Serving::DefaultOnly => Err(Refusal::unserved(Feature::AttributeValue, key)),
        Serving::Immutable => {
            Err(Refusal::AttributeImmutable { key, value: row.default.to_owned() })
        }
    }
}

fn out_of_scope(carrier: Carrier<'_>, row: &Declaration) -> Refusal {
    let key = row.key.to_owned();
    let protocol = carrier.protocol.to_owned();
    match (carrier.family, row.scope) {
        (Family::LoadBalancer, _) => Refusal::AttributeForeignLoadBalancer { key, kind: protocol },
        (Family::TargetGroup, Scope::Lambda) => {
            let kind = carrier.target_type.to_owned();
            Refusal::AttributeForeignTargetType { key, kind }
        }
        (Family::TargetGroup, _) => Refusal::AttributeForeignTargetGroup { key, protocol },
        (Family::Listener, _) => Refusal::AttributeForeignListener { key, protocol },
    }
}

fn stickiness_type(carrier: Carrier<'_>, value: &str) -> Result<(), Refusal> {
    if !STICKINESS_TYPES.contains(&value) {
        return Err(Refusal::StickinessTypeInvalid {});
    }
    if value.starts_with("source_ip") {
        let (kind, protocol) = (value.to_owned(), carrier.protocol.to_owned());
        return Err(Refusal::StickinessTypeForeign { kind, protocol });
    }
    Ok(())
}

fn misfit(key: &str, value: &str, fault: Fault) -> Refusal {
    let (key, value) = (key.to_owned(), value.to_owned());
    match fault {
        Fault::Choice(words) => Refusal::AttributeChoice { key, value, choices: words.join(", ") },
        Fault::Range(range) => Refusal::AttributeRange { key, value, range },
        Fault::Bucket => Refusal::LogBucketInvalid { bucket: value },
        Fault::Prefix => Refusal::LogPrefixInvalid { prefix: value },
        Fault::Text(limit) => Refusal::AttributeText { key, limit: limit.to_string() },
    }
}
