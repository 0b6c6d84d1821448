//! Actions that ask who is there: OpenID Connect, user pools, bearer tokens.
//!
//! Invariant: what comes out has defaults filled in, and an OpenID Connect action has a secret.
// spec: alb §9.1 Configuration (`authenticate-oidc`, `authenticate-cognito`) [A]
// spec: alb §9.4 `jwt-validation` (released 2025-11-21)

use crate::catalog::command::{CognitoInput, JwtInput, OidcInput, SessionInput};
use crate::catalog::{Refusal, RoutingRefusal};
use crate::limits;
use crate::resource::{
    Action, ActionKind, AuthenticateCognito, AuthenticateOidc, ClientSecret, JwtClaim,
    JwtValidation, OnUnauthenticated, Session,
};

/// Longest `SessionTimeout`, also the default, in seconds.
const SESSION_SECONDS_MAX: u32 = 604_800;
/// `SessionCookieName` unless given.
const COOKIE: &str = "AWSELBAuthSessionCookie";
/// `Scope` unless given.
const SCOPE: &str = "openid";
/// Parameters of the request to the provider that are not the caller's to choose.
const RESERVED_PARAMS: [&str; 5] = ["client_id", "redirect_uri", "response_type", "scope", "state"];
/// Claims that are always looked at.
const RESERVED_CLAIMS: [&str; 4] = ["exp", "iss", "nbf", "iat"];

/// The secret that stands in the actions to be replaced.
#[derive(Clone, Copy)]
pub(super) struct Existing<'a>(Option<&'a ClientSecret>);

// === impl Existing ===

impl<'a> Existing<'a> {
    pub fn of(actions: &'a [Action]) -> Self {
        Self(actions.iter().find_map(|action| match &action.kind {
            ActionKind::AuthenticateOidc(oidc) => Some(&oidc.client_secret),
            _ => None,
        }))
    }
}

pub(super) fn oidc(
    input: Option<&OidcInput>,
    existing: Existing<'_>,
) -> Result<AuthenticateOidc, Refusal> {
    let input = input.cloned().unwrap_or_default();
    let client_secret = match (input.client_secret, existing.0) {
        (Some(given), _) => given,
        (None, Some(kept)) if input.use_existing_secret == Some(true) => kept.clone(),
        _ => return Err(RoutingRefusal::AuthSecretMissing {}.into()),
    };
    if input.client_id.is_empty() {
        return Err(member("ClientId"));
    }
    Ok(AuthenticateOidc {
        issuer: url("Issuer", input.issuer)?,
        authorization_endpoint: url("AuthorizationEndpoint", input.authorization_endpoint)?,
        token_endpoint: url("TokenEndpoint", input.token_endpoint)?,
        user_info_endpoint: url("UserInfoEndpoint", input.user_info_endpoint)?,
        client_id: input.client_id,
        client_secret,
        session: session(input.session)?,
    })
}

pub(super) fn cognito(input: Option<&CognitoInput>) -> Result<AuthenticateCognito, Refusal> {
    let input = input.cloned().unwrap_or_default();
    let pool: Vec<&str> = input.user_pool_arn.split(':').collect();
    let is_pool = match pool.as_slice() {
        ["arn", partition, "cognito-idp", region, _, tail] => {
            let named = tail.strip_prefix("userpool/").is_some_and(|id| !id.is_empty());
            partition.starts_with("aws") && !region.is_empty() && named
        }
        _ => false,
    };
    if !is_pool {
        return Err(member("UserPoolArn"));
    }
    if input.client_id.is_empty() {
        return Err(member("UserPoolClientId"));
    }
    let label = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
    if input.domain.is_empty() || !input.domain.bytes().all(label) {
        return Err(member("UserPoolDomain"));
    }
    Ok(AuthenticateCognito {
        user_pool_arn: input.user_pool_arn,
        client_id: input.client_id,
        domain: input.domain,
        session: session(input.session)?,
    })
}

fn session(input: SessionInput) -> Result<Session, Refusal> {
    let timeout_s = match input.timeout_s {
        None => SESSION_SECONDS_MAX,
        Some(given) => match u32::try_from(given) {
            Ok(seconds) if (1..=SESSION_SECONDS_MAX).contains(&seconds) => seconds,
            _ => {
                let value = given.to_string();
                return Err(RoutingRefusal::AuthSessionTimeout { value }.into());
            }
        },
    };
    let limit = limits::AUTH_EXTRA_PARAMS_MAX;
    if input.extra.len() > limit {
        return Err(RoutingRefusal::AuthExtraTooMany { limit: limit.to_string() }.into());
    }
    if let Some(name) = input.extra.keys().find(|name| RESERVED_PARAMS.contains(&name.as_str())) {
        return Err(RoutingRefusal::AuthExtraReserved { name: name.clone() }.into());
    }
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let cookie = given(input.cookie).unwrap_or_else(|| COOKIE.to_owned());
    // It becomes part of a header: a token of RFC 9110.
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if !cookie.bytes().all(token) {
        return Err(member("SessionCookieName"));
    }
    let scope = given(input.scope).unwrap_or_else(|| SCOPE.to_owned());
    if !scope.bytes().all(|b| b.is_ascii_graphic() || b == b' ') {
        return Err(member("Scope"));
    }
    let unauthenticated = input.unauthenticated.unwrap_or(OnUnauthenticated::Authenticate);
    Ok(Session { cookie, scope, timeout_s, extra: input.extra, unauthenticated })
}

pub(super) fn jwt(input: Option<&JwtInput>) -> Result<JwtValidation, Refusal> {
    let input = input.cloned().unwrap_or_default();
    let jwks_endpoint = url("JwksEndpoint", input.jwks_endpoint)?;
    text("JwksEndpoint", &jwks_endpoint)?;
    text("Issuer", &input.issuer)?;
    let limit = limits::JWT_CLAIMS_MAX;
    if input.claims.len() > limit {
        return Err(RoutingRefusal::JwtClaimsTooMany { limit: limit.to_string() }.into());
    }
    for (at, claim) in input.claims.iter().enumerate() {
        claim_fits(claim, &input.claims[..at])?;
    }
    Ok(JwtValidation { jwks_endpoint, issuer: input.issuer, claims: input.claims })
}

fn claim_fits(claim: &JwtClaim, earlier: &[JwtClaim]) -> Result<(), Refusal> {
    let name = || claim.name.clone();
    text("claim name", &claim.name)?;
    let repeated = earlier.iter().any(|other| other.name == claim.name);
    if repeated || RESERVED_CLAIMS.contains(&claim.name.as_str()) {
        return Err(RoutingRefusal::JwtClaimReserved { name: name() }.into());
    }
    let limit = limits::JWT_CLAIMS_MAX;
    if claim.values.is_empty() || claim.values.len() > limit {
        let limit = limit.to_string();
        return Err(RoutingRefusal::JwtClaimValues { name: name(), limit }.into());
    }
    claim.values.iter().try_for_each(|value| text("claim value", value))
}

fn text(member: &str, value: &str) -> Result<(), Refusal> {
    let limit = limits::JWT_TEXT_MAX;
    if (1..=limit).contains(&value.chars().count()) {
        return Ok(());
    }
    let (member, limit) = (member.to_owned(), limit.to_string());
    Err(RoutingRefusal::JwtMember { member, limit }.into())
}

fn url(member: &str, value: String) -> Result<String, Refusal> {
    let rest = value.strip_prefix("https://").unwrap_or_default();
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if !host.is_empty() && value.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(value);
    }
    Err(RoutingRefusal::AuthUrl { member: member.to_owned(), value }.into())
}

fn member(member: &str) -> Refusal {
    RoutingRefusal::AuthMember { member: member.to_owned() }.into()
}
