//! Inputs of commands about listeners, rules, actions and conditions.
//!
//! Invariant: what is here was given by the caller and is judged by `apply`, except where a type
//! says more.

use super::Pairs;
use crate::resource::Region;

/// TLS members of `CreateListener` and `ModifyListener`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsInput {
    /// `SslPolicy`.
    pub ssl_policy: Option<String>,
    /// `Certificates`: their ARNs; `None` when the member was absent.
    pub certificates: Option<Vec<String>>,
    /// `AlpnPolicy`.
    pub alpn_policy: Vec<String>,
    /// `MutualAuthentication.Mode`; `Some("")` when the structure came without a mode.
    pub mutual_authentication: Option<String>,
}

/// See [`super::Command::ListenerCreate`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerCreate {
    /// Credential scope.
    pub region: Region,
    /// `LoadBalancerArn`.
    pub load_balancer: String,
    /// `Protocol`.
    pub protocol: Option<String>,
    /// `Port`.
    pub port: Option<u16>,
    /// TLS members.
    pub tls: TlsInput,
    /// `DefaultActions`.
    pub default_actions: Vec<ActionInput>,
    /// `Tags`.
    pub tags: Pairs,
}

/// See [`super::Command::ListenerModify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerModify {
    /// Credential scope.
    pub region: Region,
    /// The listener.
    pub arn: String,
    /// `Protocol`.
    pub protocol: Option<String>,
    /// `Port`.
    pub port: Option<u16>,
    /// TLS members.
    pub tls: TlsInput,
    /// `DefaultActions`; `None` keeps them.
    pub default_actions: Option<Vec<ActionInput>>,
}

/// `Action`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActionInput {
    /// `Type`.
    pub kind: String,
    /// `Order`.
    pub order: Option<u32>,
    /// `TargetGroupArn`.
    pub target_group: Option<String>,
    /// `ForwardConfig`.
    pub forward: Option<ForwardInput>,
    /// `RedirectConfig`.
    pub redirect: Option<RedirectInput>,
    /// `FixedResponseConfig`.
    pub fixed_response: Option<FixedResponseInput>,
}

/// `ForwardActionConfig`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ForwardInput {
    /// `TargetGroups`: ARN and weight.
    pub groups: Vec<(String, Option<i64>)>,
    /// `TargetGroupStickinessConfig.Enabled`.
    pub stickiness_enabled: Option<bool>,
    /// `TargetGroupStickinessConfig.DurationSeconds`.
    pub stickiness_seconds: Option<i64>,
}

/// `RedirectActionConfig`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RedirectInput {
    /// `Protocol`.
    pub protocol: Option<String>,
    /// `Host`.
    pub host: Option<String>,
    /// `Port`.
    pub port: Option<String>,
    /// `Path`.
    pub path: Option<String>,
    /// `Query`.
    pub query: Option<String>,
    /// `StatusCode`, `HTTP_301` or `HTTP_302`.
    pub status_code: String,
}

/// `FixedResponseActionConfig`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FixedResponseInput {
    /// `StatusCode`.
    pub status_code: String,
    /// `ContentType`.
    pub content_type: Option<String>,
    /// `MessageBody`.
    pub message_body: Option<String>,
}

/// `RuleCondition`. Members that were absent are `None` (structures) or empty (lists).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConditionInput {
    /// `Field`; may be absent when exactly one configuration structure tells it.
    pub field: Option<String>,
    /// `Values`.
    pub values: Vec<String>,
    /// `RegexValues`.
    pub regexes: Vec<String>,
    /// `HostHeaderConfig`.
    pub host_header: Option<PatternsInput>,
    /// `PathPatternConfig`.
    pub path_pattern: Option<PatternsInput>,
    /// `HttpHeaderConfig`: name and patterns.
    pub http_header: Option<(Option<String>, PatternsInput)>,
    /// `QueryStringConfig.Values`: key and value.
    pub query_string: Option<Vec<(Option<String>, Option<String>)>>,
    /// `HttpRequestMethodConfig.Values`.
    pub http_request_method: Option<Vec<String>>,
    /// `SourceIpConfig.Values`.
    pub source_ip: Option<Vec<String>>,
}

/// `Values` and `RegexValues` of a configuration structure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PatternsInput {
    /// `Values`.
    pub values: Vec<String>,
    /// `RegexValues`.
    pub regexes: Vec<String>,
}

/// See [`super::Command::RuleCreate`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleCreate {
    /// Credential scope.
    pub region: Region,
    /// `ListenerArn`.
    pub listener: String,
    /// `Priority`.
    pub priority: i64,
    /// `Conditions`.
    pub conditions: Vec<ConditionInput>,
    /// `Actions`.
    pub actions: Vec<ActionInput>,
    /// `Transforms`: their types.
    pub transforms: Vec<String>,
    /// `Tags`.
    pub tags: Pairs,
}

/// See [`super::Command::RuleModify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleModify {
    /// Credential scope.
    pub region: Region,
    /// The rule.
    pub arn: String,
    /// `Conditions`; `None` keeps them.
    pub conditions: Option<Vec<ConditionInput>>,
    /// `Actions`; `None` keeps them.
    pub actions: Option<Vec<ActionInput>>,
    /// `Transforms`: their types.
    pub transforms: Vec<String>,
    /// `ResetTransforms`.
    pub reset_transforms: Option<bool>,
}

/// See [`super::Command::RulePrioritiesSet`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RulePrioritiesSet {
    /// Credential scope.
    pub region: Region,
    /// Rule ARN and new priority.
    pub priorities: Vec<(String, i64)>,
}
