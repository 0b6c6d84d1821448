//! Actions of rules in the API's words.
//!
//! Invariant: a forward to one group is told both ways, as `TargetGroupArn` and as
//! `ForwardConfig`, whichever was sent; Terraform reads either.
// spec: control-plane §2.4 Validation / error messages (collect as data, one table in the server)

use weir_core::catalog::command::{ActionInput, FixedResponseInput, ForwardInput, RedirectInput};
use weir_core::resource::{Action, ActionKind, FixedResponse, Forward, Redirect};
use weir_wire::error::ApiError;
use weir_wire::generated::elbv2 as api;

use super::super::call::Call;
use super::{action_auth, count, required};

/// Actions as the catalog judges them; secrets are sealed on the way.
///
/// # Errors
/// A secret, where this process has no key to seal it with.
pub fn inputs(call: &Call, actions: Vec<api::Action>) -> Result<Vec<ActionInput>, ApiError> {
    actions.into_iter().map(|action| input(call, action)).collect()
}

/// Actions as they are told.
pub fn shapes(actions: &[Action]) -> Vec<api::Action> {
    actions.iter().map(shape).collect()
}

fn input(call: &Call, action: api::Action) -> Result<ActionInput, ApiError> {
    let oidc = action.authenticate_oidc_config;
    Ok(ActionInput {
        kind: required(action.r#type),
        order: count(action.order),
        target_group: action.target_group_arn,
        forward: action.forward_config.map(forward_input),
        redirect: action.redirect_config.map(redirect_input),
        fixed_response: action.fixed_response_config.map(fixed_response_input),
        oidc: oidc.map(|config| action_auth::oidc_input(call, config)).transpose()?,
        cognito: action.authenticate_cognito_config.map(action_auth::cognito_input),
        jwt: action.jwt_validation_config.map(action_auth::jwt_input),
    })
}

fn forward_input(config: api::ForwardActionConfig) -> ForwardInput {
    let groups = config.target_groups.unwrap_or_default().into_iter();
    let stickiness = config.target_group_stickiness_config.unwrap_or_default();
    ForwardInput {
        groups: groups
            .map(|group| (required(group.target_group_arn), group.weight.map(i64::from)))
            .collect(),
        stickiness_enabled: stickiness.enabled,
        stickiness_seconds: stickiness.duration_seconds.map(i64::from),
    }
}

fn redirect_input(config: api::RedirectActionConfig) -> RedirectInput {
    RedirectInput {
        protocol: config.protocol,
        host: config.host,
        port: config.port,
        path: config.path,
        query: config.query,
        status_code: required(config.status_code),
    }
}

fn fixed_response_input(config: api::FixedResponseActionConfig) -> FixedResponseInput {
    FixedResponseInput {
        status_code: required(config.status_code),
        content_type: config.content_type,
        message_body: config.message_body,
    }
}

fn shape(action: &Action) -> api::Action {
    let mut shape = api::Action {
        r#type: Some(action.kind.as_str().to_owned()),
        order: action.order.and_then(|order| i32::try_from(order).ok()),
        ..Default::default()
    };
    match &action.kind {
        ActionKind::Forward(forward) => {
            if let [only] = forward.groups.as_slice() {
                shape.target_group_arn = Some(only.group.to_string());
            }
            shape.forward_config = Some(forward_shape(forward));
        }
        ActionKind::Redirect(redirect) => shape.redirect_config = Some(redirect_shape(redirect)),
        ActionKind::FixedResponse(fixed) => {
            shape.fixed_response_config = Some(fixed_response_shape(fixed));
        }
        ActionKind::AuthenticateOidc(oidc) => {
            shape.authenticate_oidc_config = Some(action_auth::oidc_shape(oidc));
        }
        ActionKind::AuthenticateCognito(cognito) => {
            shape.authenticate_cognito_config = Some(action_auth::cognito_shape(cognito));
        }
        ActionKind::JwtValidation(jwt) => {
            shape.jwt_validation_config = Some(action_auth::jwt_shape(jwt));
        }
    }
    shape
}

fn forward_shape(forward: &Forward) -> api::ForwardActionConfig {
    let groups = forward.groups.iter().map(|weighted| api::TargetGroupTuple {
        target_group_arn: Some(weighted.group.to_string()),
        weight: i32::try_from(weighted.weight).ok(),
    });
    let stickiness = api::TargetGroupStickinessConfig {
        enabled: Some(forward.stickiness_enabled),
        duration_seconds: forward.stickiness_seconds.and_then(|s| i32::try_from(s).ok()),
    };
    api::ForwardActionConfig {
        target_groups: Some(groups.collect()),
        target_group_stickiness_config: Some(stickiness),
    }
}

fn redirect_shape(redirect: &Redirect) -> api::RedirectActionConfig {
    api::RedirectActionConfig {
        protocol: Some(redirect.protocol.clone()),
        port: Some(redirect.port.clone()),
        host: Some(redirect.host.clone()),
        path: Some(redirect.path.clone()),
        query: Some(redirect.query.clone()),
        status_code: Some(format!("HTTP_{}", redirect.status)),
    }
}

fn fixed_response_shape(fixed: &FixedResponse) -> api::FixedResponseActionConfig {
    api::FixedResponseActionConfig {
        message_body: fixed.body.clone(),
        status_code: Some(fixed.status.to_string()),
        content_type: fixed.content_type.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_core::resource::{TargetGroupArn, WeightedGroup};

    fn forward(weights: &[u32]) -> Action {
        let arn = TargetGroupArn::new("arn:tg");
        let groups = weights.iter().map(|&weight| WeightedGroup { group: arn.clone(), weight });
        let groups = groups.collect();
        let kind = ActionKind::Forward(Forward {
            groups,
            stickiness_enabled: false,
            stickiness_seconds: None,
        });
        Action { order: Some(1), kind }
    }

    #[test]
    fn one_group_is_told_both_ways_and_several_only_one() {
        let one = shape(&forward(&[1]));
        assert_eq!(one.target_group_arn.as_deref(), Some("arn:tg"));
        let config = one.forward_config.unwrap();
        assert_eq!(config.target_groups.unwrap()[0].weight, Some(1));
        assert_eq!(config.target_group_stickiness_config.unwrap().enabled, Some(false));
        let two = shape(&forward(&[1, 2]));
        assert_eq!(two.target_group_arn, None);
        assert_eq!(two.forward_config.unwrap().target_groups.unwrap().len(), 2);
    }
}
