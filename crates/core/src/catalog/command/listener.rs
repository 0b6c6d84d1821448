//! Inputs of commands about listeners, rules, actions and conditions.
//!
//! Invariant: what is here was given by the caller and is judged by `apply`, except where a type
//! says more.

use std::collections::BTreeMap;

use super::Pairs;
use crate::resource::{ClientSecret, IpFamily, JwtClaim, OnUnauthenticated, Region};

/// TLS members of `CreateListener` and `ModifyListener`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsInput {
    /// `SslPolicy`.
    pub ssl_policy: Option<String>,
    /// `Certificates`: their ARNs; `None` when the member was absent.
    pub certificates: Option<Vec<String>>,
    /// `AlpnPolicy`; `None` when the member was absent.
    pub alpn_policy: Option<Vec<String>>,
    /// `MutualAuthentication`.
    pub mutual_authentication: Option<MutualInput>,
}

/// `MutualAuthenticationAttributes`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MutualInput {
    /// `Mode`.
    pub mode: Option<String>,
    /// `TrustStoreArn`.
    pub trust_store: Option<String>,
    /// `IgnoreClientCertificateExpiry`.
    pub ignore_expiry: Option<bool>,
    /// `AdvertiseTrustStoreCaNames`.
    pub advertise_names: Option<String>,
}

/// `AddListenerCertificates`, `RemoveListenerCertificates`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerCertificatesInput {
    /// Credential scope.
    pub region: Region,
    /// The listener.
    pub listener: String,
    /// Their ARNs.
    pub certificates: Vec<String>,
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
    /// `AuthenticateOidcConfig`.
    pub oidc: Option<OidcInput>,
    /// `AuthenticateCognitoConfig`.
    pub cognito: Option<CognitoInput>,
    /// `JwtValidationConfig`.
    pub jwt: Option<JwtInput>,
}

/// Members that both kinds of signing in have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionInput {
    /// `SessionCookieName`.
    pub cookie: Option<String>,
    /// `Scope`.
    pub scope: Option<String>,
    /// `SessionTimeout`.
    pub timeout_s: Option<i64>,
    /// `AuthenticationRequestExtraParams`.
    pub extra: BTreeMap<String, String>,
    /// `OnUnauthenticatedRequest`.
    pub unauthenticated: Option<OnUnauthenticated>,
}

/// `AuthenticateOidcActionConfig`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OidcInput {
    /// `Issuer`.
    pub issuer: String,
    /// `AuthorizationEndpoint`.
    pub authorization_endpoint: String,
    /// `TokenEndpoint`.
    pub token_endpoint: String,
    /// `UserInfoEndpoint`.
    pub user_info_endpoint: String,
    /// `ClientId`.
    pub client_id: String,
    /// `ClientSecret`, sealed.
    pub client_secret: Option<ClientSecret>,
    /// `UseExistingClientSecret`.
    pub use_existing_secret: Option<bool>,
    /// The session.
    pub session: SessionInput,
}

/// `AuthenticateCognitoActionConfig`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CognitoInput {
    /// `UserPoolArn`.
    pub user_pool_arn: String,
    /// `UserPoolClientId`.
    pub client_id: String,
    /// `UserPoolDomain`.
    pub domain: String,
    /// The session.
    pub session: SessionInput,
}

/// `JwtValidationActionConfig`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JwtInput {
    /// `JwksEndpoint`.
    pub jwks_endpoint: String,
    /// `Issuer`.
    pub issuer: String,
    /// `AdditionalClaims`.
    pub claims: Vec<JwtClaim>,
}

/// `RuleTransform`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TransformInput {
    /// `Type`.
    pub kind: String,
    /// `HostHeaderRewriteConfig.Rewrites`: pattern and replacement.
    pub host_header: Option<Vec<(String, String)>>,
    /// `UrlRewriteConfig.Rewrites`: pattern and replacement.
    pub url: Option<Vec<(String, String)>>,
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
    /// `SourceIpConfig.IpAddressType`.
    pub source_family: Option<IpFamily>,
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
    /// `Transforms`.
    pub transforms: Vec<TransformInput>,
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
    /// `Transforms`; `None` keeps them.
    pub transforms: Option<Vec<TransformInput>>,
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
