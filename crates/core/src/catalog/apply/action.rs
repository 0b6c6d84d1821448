//! Actions of rules and listeners.
//!
//! Invariant: what comes out ends with exactly one routing action, has defaults filled in, and
//! names groups that exist.
// spec: alb §2.5 Actions - composition rules

use super::Apply;
use crate::catalog::Refusal;
use crate::catalog::command::{ActionInput, FixedResponseInput, ForwardInput, RedirectInput};
use crate::catalog::unserved::Feature;
use crate::limits;
use crate::resource::{
    Action, ActionKind, FixedResponse, Forward, ListenerProtocol, Redirect, Region, WeightedGroup,
};

/// One authentication action and one routing action.
const ACTIONS_MAX: usize = 2;
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
    pub protocol: ListenerProtocol,
    pub port: u16,
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
            kind_served(index, input)?;
        }
        if inputs.len() > ACTIONS_MAX {
            return Err(Refusal::ActionsTooMany { limit: ACTIONS_MAX.to_string() });
        }
        if inputs.len() > 1 && inputs.iter().any(|input| input.order.is_none()) {
            return Err(Refusal::ActionOrderMissing {});
        }
        // Authentication actions were refused above, so every action left is a routing action.
        let [input] = inputs else { return Err(Refusal::ActionRoutingCount {}) };
        let kind = match input.kind.as_str() {
            "forward" => ActionKind::Forward(self.forward(place, input)?),
            "redirect" => ActionKind::Redirect(redirect(place, input)?),
            _ => ActionKind::FixedResponse(fixed_response(input)?),
        };
        Ok(vec![Action { order: input.order, kind }])
    }

    fn forward(&self, place: Place<'_>, input: &ActionInput) -> Result<Forward, Refusal> {
        let config = input.forward.clone().unwrap_or_default();
        let pairs = forward_groups(input, &config)?;
        let mut groups: Vec<WeightedGroup> = Vec::with_capacity(pairs.len());
        for (arn, weight) in pairs {
            let group = self.action_group(place.region, place.protocol, &arn)?;
            if groups.iter().any(|known| known.group == group) {
                return Err(Refusal::ForwardGroupRepeated { arn });
            }
            groups.push(WeightedGroup { group, weight });
        }
        let enabled = config.stickiness_enabled.unwrap_or(false);
        let seconds = stickiness_seconds(enabled, config.stickiness_seconds)?;
        if enabled {
            return Err(Refusal::unserved(Feature::GroupStickiness, ""));
        }
        Ok(Forward { groups, stickiness_enabled: enabled, stickiness_seconds: seconds })
    }
}

fn kind_served(index: usize, input: &ActionInput) -> Result<(), Refusal> {
    let configs = [
        ("ForwardConfig", "forward", input.forward.is_some()),
        ("RedirectConfig", "redirect", input.redirect.is_some()),
        ("FixedResponseConfig", "fixed-response", input.fixed_response.is_some()),
    ];
    let kind = input.kind.clone();
    match kind.as_str() {
        "forward" | "redirect" | "fixed-response" => {}
        // Only HTTP listeners exist, so AWS's own refusal fits.
        // spec: alb §2.5 Actions - composition rules
        "authenticate-oidc" | "authenticate-cognito" | "jwt-validation" => {
            return Err(Refusal::ActionNeedsHttps { kind });
        }
        _ => return Err(Refusal::ActionTypeUnknown { index: index.to_string(), value: kind }),
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
    Ok(FixedResponse { status, content_type, body: config.message_body })
}
