//! What a rule does with a request.
//!
//! Secrets of identity providers reach a record sealed; who opens them lives outside of core.
//!
//! Invariant: weights are 0..=999, a forward names 1..=5 groups, each once, and a fixed response
//! has a status 2xx, 4xx or 5xx.
// spec: alb §2.5 Actions - composition rules

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::TargetGroupArn;

/// One action with its position.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// 1..=50000 when the caller gave one; echoed.
    pub order: Option<u32>,
    /// What happens.
    pub kind: ActionKind,
}

/// What one action does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ActionKind {
    /// To a target of one of the groups.
    Forward(Forward),
    /// 301 or 302.
    Redirect(Redirect),
    /// An answer of our own.
    FixedResponse(FixedResponse),
    /// Users sign in at an OpenID Connect provider first.
    AuthenticateOidc(AuthenticateOidc),
    /// Users sign in at a user pool first.
    AuthenticateCognito(AuthenticateCognito),
    /// The bearer token has to hold first.
    JwtValidation(JwtValidation),
}

/// `OnUnauthenticatedRequest`.
// spec: alb §9.1 Configuration (`authenticate-oidc`, `authenticate-cognito`) [A]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnUnauthenticated {
    /// 401.
    Deny,
    /// On to the target without claims.
    Allow,
    /// To the provider; the default.
    Authenticate,
}

/// What both kinds of signing in have, defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// `SessionCookieName`.
    pub cookie: String,
    /// `Scope`, separated by spaces.
    pub scope: String,
    /// `SessionTimeout` in seconds, 1..=604800.
    pub timeout_s: u32,
    /// `AuthenticationRequestExtraParams`, at most ten.
    pub extra: BTreeMap<String, String>,
    /// Who is not signed in.
    pub unauthenticated: OnUnauthenticated,
}

/// `AuthenticateOidcConfig`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthenticateOidc {
    /// `Issuer`, an https URL.
    pub issuer: String,
    /// `AuthorizationEndpoint`, an https URL.
    pub authorization_endpoint: String,
    /// `TokenEndpoint`, an https URL.
    pub token_endpoint: String,
    /// `UserInfoEndpoint`, an https URL.
    pub user_info_endpoint: String,
    /// `ClientId`.
    pub client_id: String,
    /// `ClientSecret`, never told.
    pub client_secret: ClientSecret,
    /// The session.
    pub session: Session,
}

/// A client's secret as whoever holds the data directory's key sealed it. Nothing shows it.
///
/// Each sealing gives another text, so equality is that of the marks: equal secrets have equal
/// marks, and without the key a mark tells nothing else.
#[derive(Clone, Serialize, Deserialize)]
pub struct ClientSecret {
    sealed: String,
    mark: String,
}

/// `AuthenticateCognitoConfig`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthenticateCognito {
    /// `UserPoolArn`.
    pub user_pool_arn: String,
    /// `UserPoolClientId`.
    pub client_id: String,
    /// `UserPoolDomain`: a prefix or a full name.
    pub domain: String,
    /// The session.
    pub session: Session,
}

/// `JwtValidationConfig`.
// spec: alb §9.4 `jwt-validation` (released 2025-11-21)
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JwtValidation {
    /// `JwksEndpoint`, an https URL.
    pub jwks_endpoint: String,
    /// `Issuer`.
    pub issuer: String,
    /// `AdditionalClaims`, at most ten.
    pub claims: Vec<JwtClaim>,
}

/// One of the `AdditionalClaims`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JwtClaim {
    /// What shape it has.
    pub format: JwtClaimFormat,
    /// Its name.
    pub name: String,
    /// 1..=10 values.
    pub values: Vec<String>,
}

/// `Format` of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JwtClaimFormat {
    /// One string.
    SingleString,
    /// An array of strings.
    StringArray,
    /// Words in a string.
    SpaceSeparatedValues,
}

/// A weighted choice among target groups.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forward {
    /// 1..=5 groups.
    pub groups: Vec<WeightedGroup>,
    /// `TargetGroupStickinessConfig.Enabled`.
    pub stickiness_enabled: bool,
    /// `DurationSeconds`, 1..=604800, when the caller gave one.
    pub stickiness_seconds: Option<u32>,
}

/// One group of a forward action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeightedGroup {
    /// The group.
    pub group: TargetGroupArn,
    /// 0..=999; 0 receives nothing.
    pub weight: u32,
}

/// `RedirectConfig` with defaults filled in; `#{…}` placeholders stand for parts of the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redirect {
    /// `HTTP`, `HTTPS` or `#{protocol}`.
    pub protocol: String,
    /// Default `#{host}`.
    pub host: String,
    /// Default `#{port}`.
    pub port: String,
    /// Default `/#{path}`; starts with `/`.
    pub path: String,
    /// Default `#{query}`; without `?`.
    pub query: String,
    /// 301 or 302.
    pub status: u16,
}

/// `FixedResponseConfig`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FixedResponse {
    /// 200..=299, 400..=599.
    pub status: u16,
    /// One of the five types of the API.
    pub content_type: Option<String>,
    /// At most 1,024 characters.
    pub body: Option<String>,
}

// === impl ActionKind ===

impl ActionKind {
    /// The API's word.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Forward(_) => "forward",
            Self::Redirect(_) => "redirect",
            Self::FixedResponse(_) => "fixed-response",
            Self::AuthenticateOidc(_) => "authenticate-oidc",
            Self::AuthenticateCognito(_) => "authenticate-cognito",
            Self::JwtValidation(_) => "jwt-validation",
        }
    }

    /// Whether a plane of this version does it.
    pub fn is_carried(&self) -> bool {
        match self {
            Self::Forward(forward) => !forward.stickiness_enabled,
            Self::Redirect(_) | Self::FixedResponse(_) => true,
            Self::AuthenticateOidc(_) | Self::AuthenticateCognito(_) | Self::JwtValidation(_) => {
                false
            }
        }
    }
}

// === impl Action ===

impl Action {
    /// The target groups that this action needs.
    pub fn groups(&self) -> impl Iterator<Item = &TargetGroupArn> {
        let groups = match &self.kind {
            ActionKind::Forward(forward) => forward.groups.as_slice(),
            _ => &[],
        };
        groups.iter().map(|weighted| &weighted.group)
    }
}

// === impl OnUnauthenticated ===

impl OnUnauthenticated {
    /// The API's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deny => "deny",
            Self::Allow => "allow",
            Self::Authenticate => "authenticate",
        }
    }
}

// === impl JwtClaimFormat ===

impl JwtClaimFormat {
    /// The API's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SingleString => "single-string",
            Self::StringArray => "string-array",
            Self::SpaceSeparatedValues => "space-separated-values",
        }
    }

    /// The format that the API calls so.
    pub fn parse(word: &str) -> Option<Self> {
        let all = [Self::SingleString, Self::StringArray, Self::SpaceSeparatedValues];
        all.into_iter().find(|format| format.as_str() == word)
    }
}

// === impl ClientSecret ===

impl ClientSecret {
    /// A sealed secret and its mark.
    pub fn new(sealed: impl Into<String>, mark: impl Into<String>) -> Self {
        Self { sealed: sealed.into(), mark: mark.into() }
    }

    /// For whoever can open it.
    pub fn sealed(&self) -> &str {
        &self.sealed
    }
}

impl PartialEq for ClientSecret {
    fn eq(&self, other: &Self) -> bool {
        self.mark == other.mark
    }
}

impl Eq for ClientSecret {}

impl std::fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ClientSecret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown() {
        let secret = ClientSecret::new("sealed", "mark");
        let shown = format!("{secret:?}");
        assert!(!shown.contains("sealed") && !shown.contains("mark"));
        assert_eq!(secret.sealed(), "sealed");
    }

    #[test]
    fn equal_secrets_have_equal_marks() {
        let secret = ClientSecret::new("sealed", "one");
        assert_eq!(secret, ClientSecret::new("sealed again", "one"));
        assert_ne!(secret, ClientSecret::new("sealed", "other"));
    }
}
