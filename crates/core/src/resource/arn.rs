//! Amazon Resource Names of load-balancing resources.
//!
//! `arn:aws:elasticloadbalancing:<region>:<account>:<tail>`, where the tail names the resource.
//! Only the five kinds that exist are parsed; each is its own type.
//!
//! Invariant: a value of one of these types has the tail that its type promises, so the accessors
//! below cannot fail.
// spec: control-plane §2.1 ARNs and ids (`<P>`=aws, aws-cn, aws-us-gov; ids are 16 lower-case hex)

use super::id::{AccountId, Region, string_id};

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

string_id! {
    /// `…:loadbalancer/app/<name>/<16 hex>`.
    LoadBalancerArn,
    /// `…:listener/app/<name>/<lb id>/<16 hex>`.
    ListenerArn,
    /// `…:listener-rule/app/<name>/<lb id>/<listener id>/<16 hex>`.
    RuleArn,
    /// `…:targetgroup/<name>/<16 hex>`.
    TargetGroupArn,
    /// `…:truststore/<name>/<16 hex>`.
    TrustStoreArn,
}

/// The parts of any elasticloadbalancing ARN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArnParts<'a> {
    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: &'a str,
    /// The region.
    pub region: &'a str,
    /// Twelve digits.
    pub account: &'a str,
    /// Everything after the account, for example `targetgroup/web/73e2d6bc24d8a067`.
    pub tail: &'a str,
}

/// Splits an ARN of this service; `None` when it is not one.
pub fn split(arn: &str) -> Option<ArnParts<'_>> {
    let mut parts = arn.splitn(6, ':');
    let (scheme, partition, service) = (parts.next()?, parts.next()?, parts.next()?);
    let (region, account, tail) = (parts.next()?, parts.next()?, parts.next()?);
    let sound = scheme == "arn"
        && partition.starts_with("aws")
        && service == "elasticloadbalancing"
        && !region.is_empty()
        && account.len() == 12
        && account.bytes().all(|b| b.is_ascii_digit());
    sound.then_some(ArnParts { partition, region, account, tail })
}

fn is_id(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

fn tail_has_shape(tail: &str, kind: &str, families: bool, ids: usize) -> bool {
    let Some(rest) = tail.strip_prefix(kind).and_then(|r| r.strip_prefix('/')) else {
        return false;
    };
    let mut parts = rest.split('/');
    let family_ok = !families || matches!(parts.next(), Some("app" | "net" | "gwy"));
    let name_ok = parts.next().is_some_and(|name| !name.is_empty() && name.len() <= 32);
    let found: Vec<&str> = parts.collect();
    family_ok && name_ok && found.len() == ids && found.iter().all(|id| is_id(id))
}

macro_rules! arn_kind {
    ($name:ident, $kind:literal, families: $families:literal, ids: $ids:literal) => {
        impl $name {
            /// Reads an ARN of exactly this kind; `None` for anything else.
            pub fn parse(text: &str) -> Option<Self> {
                let parts = split(text)?;
                tail_has_shape(parts.tail, $kind, $families, $ids).then(|| Self::new(text))
            }

            /// The part after the account id, for example `targetgroup/web/73e2d6bc24d8a067`.
            pub fn tail(&self) -> &str {
                split(self.as_str()).expect("invariant: parsed or built by this module").tail
            }

            /// The region in the ARN.
            pub fn region(&self) -> &str {
                split(self.as_str()).expect("invariant: parsed or built by this module").region
            }
        }
    };
}

arn_kind!(LoadBalancerArn, "loadbalancer", families: true, ids: 1);
arn_kind!(ListenerArn, "listener", families: true, ids: 2);
arn_kind!(RuleArn, "listener-rule", families: true, ids: 3);
arn_kind!(TargetGroupArn, "targetgroup", families: false, ids: 1);
arn_kind!(TrustStoreArn, "truststore", families: false, ids: 1);

fn prefix(region: &Region, account: &AccountId) -> String {
    format!("arn:aws:elasticloadbalancing:{region}:{account}:")
}

impl LoadBalancerArn {
    /// Builds the ARN of an Application Load Balancer (`family` is `app`, `net` or `gwy`).
    pub fn build(r: &Region, a: &AccountId, family: &str, name: &str, id: &str) -> Self {
        Self::new(format!("{}loadbalancer/{family}/{name}/{id}", prefix(r, a)))
    }

    /// `app/<name>/<id>`: the name in metrics, logs and interface descriptions.
    pub fn log_name(&self) -> &str {
        self.tail().strip_prefix("loadbalancer/").expect("invariant: kind was checked")
    }
}

impl ListenerArn {
    /// Builds the ARN of a listener of `lb`.
    pub fn build(lb: &LoadBalancerArn, id: &str) -> Self {
        Self::new(format!("{}/{id}", lb.as_str().replacen(":loadbalancer/", ":listener/", 1)))
    }

    /// The load balancer that the listener belongs to.
    pub fn load_balancer(&self) -> LoadBalancerArn {
        let (base, _) = self.as_str().rsplit_once('/').expect("invariant: kind was checked");
        LoadBalancerArn::new(base.replacen(":listener/", ":loadbalancer/", 1))
    }
}

impl RuleArn {
    /// Builds the ARN of a rule of `listener`.
    pub fn build(listener: &ListenerArn, id: &str) -> Self {
        let base = listener.as_str().replacen(":listener/", ":listener-rule/", 1);
        Self::new(format!("{base}/{id}"))
    }

    /// The listener that the rule belongs to.
    pub fn listener(&self) -> ListenerArn {
        let (base, _) = self.as_str().rsplit_once('/').expect("invariant: kind was checked");
        ListenerArn::new(base.replacen(":listener-rule/", ":listener/", 1))
    }
}

impl TargetGroupArn {
    /// Builds the ARN of a target group.
    pub fn build(region: &Region, account: &AccountId, name: &str, id: &str) -> Self {
        Self::new(format!("{}targetgroup/{name}/{id}", prefix(region, account)))
    }
}

impl TrustStoreArn {
    /// Builds the ARN of a trust store.
    pub fn build(region: &Region, account: &AccountId, name: &str, id: &str) -> Self {
        Self::new(format!("{}truststore/{name}/{id}", prefix(region, account)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lb() -> LoadBalancerArn {
        let (r, a) = (Region::new("us-east-1"), AccountId::new("123456789012"));
        LoadBalancerArn::build(&r, &a, "app", "web", "50dc6c495c0c9188")
    }

    #[test]
    fn build_then_parse_every_kind() {
        let lb = lb();
        let listener = ListenerArn::build(&lb, "f2f7dc8efc522ab2");
        let rule = RuleArn::build(&listener, "9683b2d02a6cabee");
        assert_eq!(LoadBalancerArn::parse(lb.as_str()).as_ref(), Some(&lb));
        assert_eq!(ListenerArn::parse(listener.as_str()).as_ref(), Some(&listener));
        assert_eq!(RuleArn::parse(rule.as_str()).as_ref(), Some(&rule));
        assert_eq!(lb.log_name(), "app/web/50dc6c495c0c9188");
        assert_eq!(rule.listener(), listener);
        assert_eq!(
            rule.tail(),
            "listener-rule/app/web/50dc6c495c0c9188/f2f7dc8efc522ab2/9683b2d02a6cabee"
        );
    }

    #[test]
    fn kinds_are_not_interchangeable() {
        assert_eq!(ListenerArn::parse(lb().as_str()), None);
        assert_eq!(TargetGroupArn::parse(lb().as_str()), None);
        for bad in
            ["", "arn", "arn:aws:s3:::x", "arn:aws:elasticloadbalancing:r:12:targetgroup/a/b"]
        {
            assert_eq!(TargetGroupArn::parse(bad), None, "{bad}");
        }
    }
}
