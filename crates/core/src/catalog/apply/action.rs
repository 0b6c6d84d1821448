//! Actions of rules and listeners.
//!
//! Invariant: what comes out is sorted by `Order`, ends with exactly one routing action, has
//! defaults filled in, and names groups that exist.
// spec: alb §2.5 Actions - composition rules

use std::collections::BTreeSet;

use super::Apply;
use super::action_auth::{self, Existing};
use super::association::protocols_fit;
use crate::catalog::command::{ActionInput, FixedResponseInput, ForwardInput, RedirectInput};
use crate::catalog::unserved::Feature;
use crate::catalog::{Refusal, RoutingRefusal};
use crate::limits;
use crate::resource::attribute::Carrier;
use crate::resource::{
    Action, ActionKind, FixedResponse, Forward, ListenerProtocol, LoadBalancer, LoadBalancerKind,
    Redirect, Region, TargetGroup, WeightedGroup,
};

/// One authentication action and one routing action.
const ACTIONS_MAX: usize = 2;
/// Highest `Order`.
const ORDER_MAX: u32 = 50_000;
/// Seconds that a client may stick to a target group.
const STICKINESS_SECONDS: std::ops::RangeInclusive<i64> = 1..=604_800;
/// Characters of a redirect's host, path and query.
const REDIRECT_PART_MAX: usize = 128;
/// Characters of a fixed response's body.
const BODY_MAX: usize = 1_024;
/// What a fixed response may be.
const CONTENT_TYPES: [&str; 5] =
    ["text/html", "application/json", "application/javascript", "text/css", "text/plain"];

/// Where actions are to stand.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub region: &'a Region,
    pub lb: &'a LoadBalancer,
    pub protocol: ListenerProtocol,
    pub port: u16,
    /// The actions that stand there now.
    pub existing: &'a [Action],
}

// === impl Apply ===

impl Apply<'_> {
    /// Judges the actions of a rule or listener.
    pub(super) fn actions(
        &self,
        place: Place<'_>,
        inputs: &[ActionInput],
    ) -> Result<Vec<Action>, Refusal> {
        if inputs.is_empty() {
            return Err(Refusal::ActionsEmpty {});
        }
        for (index, input) in (1..).zip(inputs) {
            kind_fits(index, place, input)?;
        }
        if inputs.len() > ACTIONS_MAX {
            return Err(Refusal::ActionsTooMany { limit: ACTIONS_MAX.to_string() });
        }
        let sorted = composition(inputs)?;
        let judge = |input: &&ActionInput| {
            Ok(Action { order: input.order, kind: self.action_kind(place, input)? })
        };
        sorted.iter().map(judge).collect()
    }

    fn action_kind(&self, place: Place<'_>, input: &ActionInput) -> Result<ActionKind, Refusal> {
        Ok(match input.kind.as_str() {
            "forward" => ActionKind::Forward(self.forward(place, input)?),
            "redirect" => ActionKind::Redirect(redirect(place, input)?),
            "fixed-response" => ActionKind::FixedResponse(fixed_response(input)?),
            "authenticate-oidc" => {
                let existing = Existing::of(place.existing);
                ActionKind::AuthenticateOidc(action_auth::oidc(input.oidc.as_ref(), existing)?)
            }
            "authenticate-cognito" => {
                ActionKind::AuthenticateCognito(action_auth::cognito(input.cognito.as_ref())?)
            }
            _ => ActionKind::JwtValidation(action_auth::jwt(input.jwt.as_ref())?),
        })
    }

    /// Refuses what no plane carries.
    pub(super) fn actions_served(&self, actions: &[Action]) -> Result<(), Refusal> {
        for action in actions.iter().filter(|action| !action.kind.is_carried()) {
            match &action.kind {
                ActionKind::Forward(_) => self.unserved(Feature::GroupStickiness, "")?,
                other => self.unserved(Feature::ActionType, other.as_str())?,
            }
        }
        Ok(())
    }

    /// Whether actions that stand may stay when their listener's protocol or port changes.
    pub(super) fn actions_stay(&self, place: Place<'_>, actions: &[Action]) -> Result<(), Refusal> {
        for action in actions {
            if let ActionKind::Redirect(redirect) = &action.kind
                && redirect_unchanged(place, redirect)
            {
                return Err(Refusal::RedirectLoop {});
            }
            let kind = action.kind.as_str();
            if is_authentication(kind) && place.protocol != ListenerProtocol::Https {
                return Err(Refusal::ActionNeedsHttps { kind: kind.to_owned() });
            }
            for arn in action.groups() {
                let group = self.catalog.target_group(arn);
                if group.is_some_and(|group| !protocols_fit(place.protocol, group)) {
                    return Err(Refusal::GroupProtocolIncompatible { arn: arn.to_string() });
                }
            }
        }
        Ok(())
    }

    fn forward(&self, place: Place<'_>, input: &ActionInput) -> Result<Forward, Refusal> {
        let config = input.forward.clone().unwrap_or_default();
        let pairs = forward_groups(input, &config)?;
        if place.lb.kind == LoadBalancerKind::Gateway && pairs.len() > 1 {
            return Err(RoutingRefusal::ForwardOnGateway {}.into());
        }
        let mut groups: Vec<WeightedGroup> = Vec::with_capacity(pairs.len());
        let mut records: Vec<&TargetGroup> = Vec::with_capacity(pairs.len());
        for (arn, weight) in pairs {
            let record = self.action_group(place.region, place.protocol, &arn)?;
            if groups.iter().any(|known| known.group == record.arn) {
                return Err(Refusal::ForwardGroupRepeated { arn });
            }
            groups.push(WeightedGroup { group: record.arn.clone(), weight });
            records.push(record);
        }
        let enabled = config.stickiness_enabled.unwrap_or(false);
        let seconds = stickiness_seconds(enabled, config.stickiness_seconds)?;
        if enabled && place.lb.kind != LoadBalancerKind::Application {
            let (action, kind) =
                ("forward with stickiness".to_owned(), place.lb.kind.as_str().to_owned());
            return Err(RoutingRefusal::ActionForeign { action, kind }.into());
        }
        sticky_groups(&records, enabled)?;
        Ok(Forward { groups, stickiness_enabled: enabled, stickiness_seconds: seconds })
    }
}

/// What target stickiness asks of a forward to several groups.
// spec: alb §2.6 `forward`
// spec: alb §4.5 Stickiness
fn sticky_groups(groups: &[&TargetGroup], group_stickiness: bool) -> Result<(), Refusal> {
    if groups.len() < 2 {
        return Ok(());
    }
    let value = |group: &TargetGroup, key: &str| {
        Carrier::target_group(group).value(key, &group.attributes).unwrap_or_default().to_owned()
    };
    for group in groups.iter().filter(|group| value(group, "stickiness.enabled") == "true") {
        match value(group, "stickiness.type").as_str() {
            "app_cookie" => return Err(RoutingRefusal::ForwardAppCookie {}.into()),
            "lb_cookie" if !group_stickiness => {
                return Err(RoutingRefusal::ForwardGroupStickiness {}.into());
            }
            _ => {}
        }
    }
    Ok(())
}

fn is_authentication(kind: &str) -> bool {
    matches!(kind, "authenticate-oidc" | "authenticate-cognito" | "jwt-validation")
}

/// The actions in the order of their `Order`: at most one that authenticates, one that routes.
fn composition(inputs: &[ActionInput]) -> Result<Vec<&ActionInput>, Refusal> {
    if inputs.len() > 1 && inputs.iter().any(|input| input.order.is_none()) {
        return Err(Refusal::ActionOrderMissing {});
    }
    let mut orders = BTreeSet::new();
    for order in inputs.iter().filter_map(|input| input.order) {
        if !(1..=ORDER_MAX).contains(&order) {
            return Err(RoutingRefusal::ActionOrderRange { order: order.to_string() }.into());
        }
        if !orders.insert(order) {
            return Err(RoutingRefusal::ActionOrderRepeated { order: order.to_string() }.into());
        }
    }
    let mut sorted: Vec<&ActionInput> = inputs.iter().collect();
    sorted.sort_by_key(|input| input.order);
    let (last, before) = sorted.split_last().ok_or(Refusal::ActionsEmpty {})?;
    if before.is_empty() && !is_authentication(&last.kind) {
        return Ok(sorted);
    }
    if inputs.iter().all(|input| is_authentication(&input.kind)) && inputs.len() > 1 {
        return Err(RoutingRefusal::ActionAuthenticationCount {}.into());
    }
    let routes = inputs.iter().filter(|input| !is_authentication(&input.kind)).count();
    if routes != 1 || is_authentication(&last.kind) {
        return Err(Refusal::ActionRoutingCount {});
    }
    Ok(sorted)
}

fn kind_fits(index: usize, place: Place<'_>, input: &ActionInput) -> Result<(), Refusal> {
    let configs = [
        ("ForwardConfig", "forward", input.forward.is_some()),
        ("RedirectConfig", "redirect", input.redirect.is_some()),
        ("FixedResponseConfig", "fixed-response", input.fixed_response.is_some()),
        ("AuthenticateOidcConfig", "authenticate-oidc", input.oidc.is_some()),
        ("AuthenticateCognitoConfig", "authenticate-cognito", input.cognito.is_some()),
        ("JwtValidationConfig", "jwt-validation", input.jwt.is_some()),
    ];
    let kind = input.kind.clone();
    if !configs.iter().any(|(_, of, _)| *of == kind) {
        return Err(Refusal::ActionTypeUnknown { index: index.to_string(), value: kind });
    }
    if place.lb.kind != LoadBalancerKind::Application && kind != "forward" {
        let (action, kind) = (kind, place.lb.kind.as_str().to_owned());
        return Err(RoutingRefusal::ActionForeign { action, kind }.into());
    }
    if is_authentication(&kind) && place.protocol != ListenerProtocol::Https {
        return Err(Refusal::ActionNeedsHttps { kind });
    }
    for (config, of, given) in configs {
        if given && of != kind {
            return Err(Refusal::ActionConfigForeign { config: config.to_owned(), kind });
        }
        if !given && of == kind && kind != "forward" {
            return Err(Refusal::ActionConfigMissing { config: config.to_owned(), kind });
        }
    }
    if kind != "forward" && input.target_group.is_some() {
        return Err(Refusal::ActionConfigForeign { config: "TargetGroupArn".to_owned(), kind });
    }
    if kind == "fixed-response" {
        fixed_response_status(index, input.fixed_response.as_ref())?;
    }
    if kind == "redirect" {
        redirect_status(index, input.redirect.as_ref())?;
    }
    Ok(())
}

/// The groups of a forward action with their weights, from both forms.
// spec: alb §2.6 `forward`
fn forward_groups(
    input: &ActionInput,
    config: &ForwardInput,
) -> Result<Vec<(String, u32)>, Refusal> {
    let listed = &config.groups;
    let pairs: Vec<(String, Option<i64>)> = match (&input.target_group, listed.as_slice()) {
        (None, []) => return Err(Refusal::ForwardWithoutGroup {}),
        (Some(arn), []) => vec![(arn.clone(), None)],
        (Some(arn), [(only, _)]) if arn == only => listed.clone(),
        (Some(_), _) => return Err(Refusal::ForwardGroupsDiffer {}),
        (None, _) => listed.clone(),
    };
    let limit = limits::GROUPS_PER_FORWARD_MAX;
    if pairs.len() > limit {
        return Err(Refusal::ForwardGroupsTooMany { limit: limit.to_string() });
    }
    let several = pairs.len() > 1;
    let weighted = pairs.into_iter().map(|(arn, weight)| match weight {
        None if several => Err(Refusal::ForwardWeightMissing {}),
        None => Ok((arn, 1)),
        Some(weight) => match u32::try_from(weight) {
            Ok(weight) if weight <= limits::FORWARD_WEIGHT_MAX => Ok((arn, weight)),
            _ => Err(Refusal::ForwardWeightRange { weight: weight.to_string() }),
        },
    });
    weighted.collect()
}

fn stickiness_seconds(enabled: bool, seconds: Option<i64>) -> Result<Option<u32>, Refusal> {
    match seconds {
        None if enabled => Err(Refusal::ForwardStickinessDurationMissing {}),
        None => Ok(None),
        // Tools send 0 together with a disabled stickiness; it means nothing then.
        Some(0) if !enabled => Ok(None),
        Some(seconds) => match u32::try_from(seconds) {
            Ok(value) if STICKINESS_SECONDS.contains(&seconds) => Ok(Some(value)),
            _ => Err(Refusal::ForwardStickinessDurationRange { seconds: seconds.to_string() }),
        },
    }
}

fn redirect_status(index: usize, input: Option<&RedirectInput>) -> Result<u16, Refusal> {
    let value = input.map_or("", |input| &input.status_code);
    match value {
        "HTTP_301" => Ok(301),
        "HTTP_302" => Ok(302),
        _ => Err(Refusal::RedirectStatus { index: index.to_string(), value: value.to_owned() }),
    }
}

// spec: alb §2.7 `redirect`
fn redirect(place: Place<'_>, input: &ActionInput) -> Result<Redirect, Refusal> {
    let status = redirect_status(1, input.redirect.as_ref())?;
    let config = input.redirect.clone().unwrap_or_default();
    let redirect = Redirect {
        protocol: config.protocol.unwrap_or_else(|| "#{protocol}".to_owned()),
        host: config.host.unwrap_or_else(|| "#{host}".to_owned()),
        port: config.port.unwrap_or_else(|| "#{port}".to_owned()),
        path: config.path.unwrap_or_else(|| "/#{path}".to_owned()),
        query: config.query.unwrap_or_else(|| "#{query}".to_owned()),
        status,
    };
    redirect_parts(&redirect)?;
    // spec: alb §2.7 `redirect`
    if place.protocol == ListenerProtocol::Https && redirect.protocol == "HTTP" {
        let (member, value) = ("Protocol".to_owned(), redirect.protocol);
        return Err(Refusal::RedirectMember { member, value });
    }
    if redirect_unchanged(place, &redirect) {
        return Err(Refusal::RedirectLoop {});
    }
    Ok(redirect)
}

fn redirect_parts(redirect: &Redirect) -> Result<(), Refusal> {
    let (protocol, port) = (redirect.protocol.as_str(), redirect.port.as_str());
    let digits = port.bytes().all(|b| b.is_ascii_digit());
    let port_sound = port == "#{port}" || (digits && port.parse::<u16>().is_ok_and(|p| p > 0));
    let path_names = ["host", "path", "port"];
    let query_names = ["protocol", "host", "port", "path", "query"];
    let parts = [
        ("Protocol", protocol, matches!(protocol, "HTTP" | "HTTPS" | "#{protocol}")),
        (
            "Host",
            &redirect.host,
            !redirect.host.is_empty() && text_sound(&redirect.host, &["host"]),
        ),
        ("Port", port, port_sound),
        (
            "Path",
            &redirect.path,
            redirect.path.starts_with('/') && text_sound(&redirect.path, &path_names),
        ),
        (
            "Query",
            &redirect.query,
            !redirect.query.starts_with('?') && text_sound(&redirect.query, &query_names),
        ),
    ];
    match parts.into_iter().find(|(_, _, sound)| !sound) {
        Some((member, value, _)) => {
            Err(Refusal::RedirectMember { member: member.to_owned(), value: value.to_owned() })
        }
        None => Ok(()),
    }
}

/// Bytes that may stand in a `Location` header, with placeholders of these names only.
fn text_sound(text: &str, names: &[&str]) -> bool {
    let mut rest = text;
    while let Some(start) = rest.find("#{") {
        let Some(length) = rest[start..].find('}') else { return false };
        if !names.contains(&&rest[start + 2..start + length]) {
            return false;
        }
        rest = &rest[start + length + 1..];
    }
    text.len() <= REDIRECT_PART_MAX && text.bytes().all(|b| b.is_ascii_graphic())
}

/// Whether following the redirect would ask for the same thing again.
fn redirect_unchanged(place: Place<'_>, redirect: &Redirect) -> bool {
    let protocol = &redirect.protocol;
    let port = &redirect.port;
    (protocol == "#{protocol}" || protocol == place.protocol.as_str())
        && (port == "#{port}" || *port == place.port.to_string())
        && redirect.host == "#{host}"
        && redirect.path == "/#{path}"
}

fn fixed_response_status(index: usize, input: Option<&FixedResponseInput>) -> Result<u16, Refusal> {
    let value = input.map_or("", |input| &input.status_code);
    let shaped = value.len() == 3
        && matches!(value.as_bytes()[0], b'2' | b'4' | b'5')
        && value.bytes().all(|b| b.is_ascii_digit());
    match value.parse() {
        Ok(status) if shaped => Ok(status),
        _ => {
            let (index, value) = (index.to_string(), value.to_owned());
            Err(Refusal::FixedResponseStatus { index, value })
        }
    }
}

// spec: alb §2.8 `fixed-response`
fn fixed_response(input: &ActionInput) -> Result<FixedResponse, Refusal> {
    let status = fixed_response_status(1, input.fixed_response.as_ref())?;
    let config = input.fixed_response.clone().unwrap_or_default();
    // An empty type is what tools send for «none».
    let content_type = config.content_type.filter(|kind| !kind.is_empty());
    if content_type.as_deref().is_some_and(|kind| !CONTENT_TYPES.contains(&kind)) {
        return Err(Refusal::FixedResponseContentType {});
    }
    if config.message_body.as_ref().is_some_and(|body| body.chars().count() > BODY_MAX) {
        return Err(Refusal::FixedResponseBody {});
    }
    // Other control characters cannot stand in the XML that tells of them.
    let odd = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r');
    if config.message_body.as_ref().is_some_and(|body| body.chars().any(odd)) {
        return Err(RoutingRefusal::FixedResponseBodyCharacters {}.into());
    }
    Ok(FixedResponse { status, content_type, body: config.message_body })
}
