//! The trace that calls leave: a mutating one in the same transaction as its change.
//!
//! What is looked up by stands beside the document, so that a search does not read documents.
//!
//! Invariant: no secret ever enters a record: whoever makes one replaces what the model marks
//! sensitive before it gets here.
// spec: nlb-gwlb-clb §5.1 Record fields

use serde::{Deserialize, Serialize};

/// One audited call. The store gives it its place in the order of all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// `eventID`, a GUID. A record with the id of one that the store already holds replaces it:
    /// that is how the answer of a call joins the record that went with its change.
    pub event_id: String,
    /// `x-amzn-RequestId` of the call.
    pub request_id: String,
    /// Milliseconds since the epoch.
    pub time_ms: i64,
    /// `elasticloadbalancing.amazonaws.com`, `ec2.amazonaws.com`, or `weir` for its own upkeep.
    pub source: String,
    /// The action, for example `CreateListener`.
    pub action: String,
    /// The region of the credential scope.
    pub region: String,
    /// The caller's access key id; never its secret.
    pub principal: String,
    /// The caller's name, as `LookupEvents` shows it.
    pub username: String,
    /// The call changes nothing.
    pub read_only: bool,
    /// What the call was about.
    pub resources: Vec<AuditedResource>,
    /// The whole record as CloudTrail writes it: one JSON object.
    pub document: String,
}

/// A resource that a call names or makes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditedResource {
    /// `AWS::ElasticLoadBalancingV2::LoadBalancer`.
    pub kind: String,
    /// ARN or id.
    pub name: String,
}

// === impl AuditedResource ===

impl AuditedResource {
    /// Whether a search for this name means the resource: its ARN or id, or the name that the
    /// ARN of a load balancer or target group holds.
    pub fn is_called(&self, name: &str) -> bool {
        if self.name == name {
            return true;
        }
        let Some(tail) = self.name.strip_prefix("arn:").and_then(|arn| arn.rsplit(':').next())
        else {
            return false;
        };
        let mut parts = tail.split('/');
        match parts.next() {
            Some("loadbalancer") => parts.nth(1) == Some(name),
            Some("targetgroup" | "truststore" | "server-certificate") => parts.next() == Some(name),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_answer_to_their_arn_and_name() {
        let prefix = "arn:aws:elasticloadbalancing:us-east-1:123456789012:";
        for (tail, name, is) in [
            ("loadbalancer/app/web/0123456789abcdef", "web", true),
            ("loadbalancer/app/web/0123456789abcdef", "app", false),
            ("targetgroup/api/0123456789abcdef", "api", true),
            ("listener/app/web/0123456789abcdef/0123456789abcdef", "web", false),
        ] {
            let full = format!("{prefix}{tail}");
            let resource = AuditedResource { kind: "AWS::X::Y".into(), name: full.clone() };
            assert_eq!(resource.is_called(name), is, "{tail}");
            assert!(resource.is_called(&full) && !resource.is_called(""));
        }
        let vpc = AuditedResource { kind: "AWS::EC2::VPC".into(), name: "vpc-1".into() };
        assert!(vpc.is_called("vpc-1") && !vpc.is_called("vpc-2"));
    }
}
