//! Authentication actions in the API's words.
//!
//! Invariant: a client secret is sealed before anything else sees it, and is never told.
// spec: alb §9.1 Configuration (`authenticate-oidc`, `authenticate-cognito`) [A]
// spec: alb §9.4 `jwt-validation` (released 2025-11-21)

use std::collections::BTreeMap;

use weir_core::catalog::command::{CognitoInput, JwtInput, OidcInput, SessionInput};
use weir_core::resource::{
    AuthenticateCognito, AuthenticateOidc, ClientSecret, JwtClaim, JwtClaimFormat, JwtValidation,
    OnUnauthenticated, Session,
};
use weir_wire::error::ApiError;
use weir_wire::generated::elbv2 as api;

use super::super::call::Call;
use super::required;

/// What secrets are sealed for: they move with their action from one rule to another.
const SECRET_CONTEXT: &str = "authenticate-oidc client secret";

/// An OpenID Connect action as the catalog judges it.
///
/// # Errors
/// A secret, where this process has no key to seal it with.
pub fn oidc_input(
    call: &Call,
    config: api::AuthenticateOidcActionConfig,
) -> Result<OidcInput, ApiError> {
    let secret = config.client_secret.filter(|secret| !secret.expose().is_empty());
    let client_secret = match secret {
        Some(secret) => {
            let vault = call.vault()?;
            let (key, secret) = (vault.key(), secret.expose().as_bytes());
            let sealed = key.seal(secret, SECRET_CONTEXT).map_err(|error| call.bug(&error))?;
            Some(ClientSecret::new(sealed.sealed, key.mark(secret, SECRET_CONTEXT)))
        }
        None => None,
    };
    Ok(OidcInput {
        issuer: required(config.issuer),
        authorization_endpoint: required(config.authorization_endpoint),
        token_endpoint: required(config.token_endpoint),
        user_info_endpoint: required(config.user_info_endpoint),
        client_id: required(config.client_id),
        client_secret,
        use_existing_secret: config.use_existing_client_secret,
        session: SessionInput {
            cookie: config.session_cookie_name,
            scope: config.scope,
            timeout_s: config.session_timeout,
            extra: params(config.authentication_request_extra_params),
            unauthenticated: config.on_unauthenticated_request.as_deref().map(unauthenticated),
        },
    })
}

/// A user pool action as the catalog judges it.
pub fn cognito_input(config: api::AuthenticateCognitoActionConfig) -> CognitoInput {
    CognitoInput {
        user_pool_arn: required(config.user_pool_arn),
        client_id: required(config.user_pool_client_id),
        domain: required(config.user_pool_domain),
        session: SessionInput {
            cookie: config.session_cookie_name,
            scope: config.scope,
            timeout_s: config.session_timeout,
            extra: params(config.authentication_request_extra_params),
            unauthenticated: config.on_unauthenticated_request.as_deref().map(unauthenticated),
        },
    }
}

/// A bearer token action as the catalog judges it.
pub fn jwt_input(config: api::JwtValidationActionConfig) -> JwtInput {
    let claim = |claim: api::JwtValidationActionAdditionalClaim| JwtClaim {
        // The model's constraints have checked the word.
        format: JwtClaimFormat::parse(&required(claim.format))
            .unwrap_or(JwtClaimFormat::SingleString),
        name: required(claim.name),
        values: claim.values.unwrap_or_default(),
    };
    JwtInput {
        jwks_endpoint: required(config.jwks_endpoint),
        issuer: required(config.issuer),
        claims: config.additional_claims.unwrap_or_default().into_iter().map(claim).collect(),
    }
}

/// An OpenID Connect action as it is told.
pub fn oidc_shape(oidc: &AuthenticateOidc) -> api::AuthenticateOidcActionConfig {
    let session = &oidc.session;
    api::AuthenticateOidcActionConfig {
        issuer: Some(oidc.issuer.clone()),
        authorization_endpoint: Some(oidc.authorization_endpoint.clone()),
        token_endpoint: Some(oidc.token_endpoint.clone()),
        user_info_endpoint: Some(oidc.user_info_endpoint.clone()),
        client_id: Some(oidc.client_id.clone()),
        client_secret: None,
        session_cookie_name: Some(session.cookie.clone()),
        scope: Some(session.scope.clone()),
        session_timeout: Some(i64::from(session.timeout_s)),
        authentication_request_extra_params: told_params(session),
        on_unauthenticated_request: Some(session.unauthenticated.as_str().to_owned()),
        use_existing_client_secret: None,
    }
}

/// A user pool action as it is told.
pub fn cognito_shape(cognito: &AuthenticateCognito) -> api::AuthenticateCognitoActionConfig {
    let session = &cognito.session;
    api::AuthenticateCognitoActionConfig {
        user_pool_arn: Some(cognito.user_pool_arn.clone()),
        user_pool_client_id: Some(cognito.client_id.clone()),
        user_pool_domain: Some(cognito.domain.clone()),
        session_cookie_name: Some(session.cookie.clone()),
        scope: Some(session.scope.clone()),
        session_timeout: Some(i64::from(session.timeout_s)),
        authentication_request_extra_params: told_params(session),
        on_unauthenticated_request: Some(session.unauthenticated.as_str().to_owned()),
    }
}

/// A bearer token action as it is told.
pub fn jwt_shape(jwt: &JwtValidation) -> api::JwtValidationActionConfig {
    let claims = jwt.claims.iter().map(|claim| api::JwtValidationActionAdditionalClaim {
        format: Some(claim.format.as_str().to_owned()),
        name: Some(claim.name.clone()),
        values: Some(claim.values.clone()),
    });
    api::JwtValidationActionConfig {
        jwks_endpoint: Some(jwt.jwks_endpoint.clone()),
        issuer: Some(jwt.issuer.clone()),
        additional_claims: (!jwt.claims.is_empty()).then(|| claims.collect()),
    }
}

fn params<M>(given: Option<M>) -> BTreeMap<String, String>
where
    M: IntoIterator<Item = (String, String)>,
{
    given.into_iter().flatten().collect()
}

fn told_params<M: FromIterator<(String, String)>>(session: &Session) -> Option<M> {
    let pairs = session.extra.iter().map(|(name, value)| (name.clone(), value.clone()));
    (!session.extra.is_empty()).then(|| pairs.collect())
}

/// Reads a closed set of the model, which the constraints have checked.
fn unauthenticated(word: &str) -> OnUnauthenticated {
    match word {
        "deny" => OnUnauthenticated::Deny,
        "allow" => OnUnauthenticated::Allow,
        _ => OnUnauthenticated::Authenticate,
    }
}
