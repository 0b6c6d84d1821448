//! Listeners in the API's words.
//!
//! Invariant: a listener's default actions are those of its default rule.

use std::collections::BTreeMap;

use weir_core::catalog::command::{ArnInput, ListenerCreate, ListenerModify, TlsInput};
use weir_core::catalog::{Catalog, Command, Decision, Refusal, Resource};
use weir_core::resource::{Listener, ListenerArn, Rule};
use weir_wire::error::ApiError;
use weir_wire::generated::elbv2 as api;

use super::super::call::Call;
use super::super::limits;
use super::page::Wanted;
use super::{action, load_balancer, pairs, port, required, selected, subject};

/// `CreateListener`.
pub async fn create(
    call: &Call,
    input: api::CreateListenerInput,
) -> Result<api::CreateListenerOutput, ApiError> {
    let tls =
        tls(input.ssl_policy, input.certificates, input.alpn_policy, input.mutual_authentication);
    let command = ListenerCreate {
        region: call.facts.region.clone(),
        load_balancer: required(input.load_balancer_arn),
        protocol: input.protocol,
        port: port(input.port),
        tls,
        default_actions: action::inputs(input.default_actions.unwrap_or_default()),
        tags: pairs(input.tags),
    };
    let decision = call.submit(Command::ListenerCreate(command)).await?;
    Ok(api::CreateListenerOutput { listeners: Some(vec![subject_shape(call, &decision)?]) })
}

/// `ModifyListener`.
pub async fn modify(
    call: &Call,
    input: api::ModifyListenerInput,
) -> Result<api::ModifyListenerOutput, ApiError> {
    let tls =
        tls(input.ssl_policy, input.certificates, input.alpn_policy, input.mutual_authentication);
    let command = ListenerModify {
        region: call.facts.region.clone(),
        arn: required(input.listener_arn),
        protocol: input.protocol,
        port: port(input.port),
        tls,
        default_actions: input.default_actions.map(action::inputs),
    };
    let decision = call.submit(Command::ListenerModify(command)).await?;
    Ok(api::ModifyListenerOutput { listeners: Some(vec![subject_shape(call, &decision)?]) })
}

/// `DeleteListener`.
pub async fn delete(
    call: &Call,
    input: api::DeleteListenerInput,
) -> Result<api::DeleteListenerOutput, ApiError> {
    let (region, arn) = (call.facts.region.clone(), required(input.listener_arn));
    call.submit(Command::ListenerDelete(ArnInput { region, arn })).await?;
    Ok(api::DeleteListenerOutput {})
}

/// `DescribeListeners`.
pub fn describe(
    call: &Call,
    input: api::DescribeListenersInput,
) -> Result<api::DescribeListenersOutput, ApiError> {
    let wanted = Wanted::new(input.marker, input.page_size, limits::PAGE_SIZE_DEFAULT);
    let arns = selected(input.listener_arns);
    let (listeners, next_marker) = call.read(|catalog| {
        let found = match (input.load_balancer_arn, arns) {
            (Some(_), Some(_)) => return Err(Refusal::DescribeListenersBoth {}),
            (None, None) => return Err(Refusal::DescribeListenersNothing {}),
            (Some(arn), None) => {
                let lb = load_balancer::by_arn(call, catalog, &arn)?;
                let lb = lb.ok_or(Refusal::LoadBalancerNotFound { arn })?;
                catalog.listeners_of(&lb.arn).collect()
            }
            (None, Some(arns)) => by_arns(call, catalog, arns)?,
        };
        let (page, next) = wanted.of(found, key);
        Ok((
            page.into_iter()
                .map(|listener| shape(listener, catalog.rule(&listener.default_rule)))
                .collect(),
            next,
        ))
    })?;
    Ok(api::DescribeListenersOutput { listeners: Some(listeners), next_marker })
}

/// `DescribeListenerCertificates`: HTTP listeners have none.
pub fn certificates(
    call: &Call,
    input: api::DescribeListenerCertificatesInput,
) -> Result<api::DescribeListenerCertificatesOutput, ApiError> {
    let arn = required(input.listener_arn);
    call.read(|catalog| {
        by_arn(call, catalog, &arn)?.ok_or(Refusal::ListenersNotFound {}).map(drop)
    })?;
    Ok(api::DescribeListenerCertificatesOutput {
        certificates: Some(Vec::new()),
        next_marker: None,
    })
}

// === helpers ===

/// A listener of the call's region.
pub fn by_arn<'a>(
    call: &Call,
    catalog: &'a Catalog,
    arn: &str,
) -> Result<Option<&'a Listener>, Refusal> {
    let malformed = || Refusal::ListenerArnInvalid { arn: arn.to_owned() };
    let parsed = ListenerArn::parse(arn).ok_or_else(malformed)?;
    let ours = parsed.region() == call.facts.region.as_str();
    Ok(if ours { catalog.listener(&parsed) } else { None })
}

fn by_arns<'a>(
    call: &Call,
    catalog: &'a Catalog,
    arns: Vec<String>,
) -> Result<Vec<&'a Listener>, Refusal> {
    let mut found = BTreeMap::new();
    for arn in arns {
        let listener = by_arn(call, catalog, &arn)?.ok_or(Refusal::ListenersNotFound {})?;
        found.insert(key(&listener), listener);
    }
    Ok(found.into_values().collect())
}

/// Sorts by load balancer, then port; also the marker.
fn key(listener: &&Listener) -> String {
    format!("{}:{:05}", listener.load_balancer.log_name(), listener.port)
}

fn subject_shape(call: &Call, decision: &Decision) -> Result<api::Listener, ApiError> {
    let listener = subject(call, decision, |resource| match resource {
        Resource::Listener(listener) => Some(listener),
        _ => None,
    })?;
    let default = subject(call, decision, |resource| match resource {
        Resource::Rule(rule) if rule.arn == listener.default_rule => Some(rule),
        _ => None,
    })?;
    Ok(shape(listener, Some(default)))
}

fn shape(listener: &Listener, default: Option<&Rule>) -> api::Listener {
    api::Listener {
        listener_arn: Some(listener.arn.to_string()),
        load_balancer_arn: Some(listener.load_balancer.to_string()),
        port: Some(i32::from(listener.port)),
        protocol: Some(listener.protocol.as_str().to_owned()),
        default_actions: default.map(|rule| action::shapes(&rule.actions)),
        ..Default::default()
    }
}

fn tls(
    ssl_policy: Option<String>,
    certificates: Option<Vec<api::Certificate>>,
    alpn_policy: Option<Vec<String>>,
    mutual: Option<api::MutualAuthenticationAttributes>,
) -> TlsInput {
    let arns = |list: Vec<api::Certificate>| {
        list.into_iter().map(|certificate| required(certificate.certificate_arn)).collect()
    };
    TlsInput {
        ssl_policy,
        certificates: certificates.map(arns),
        alpn_policy: alpn_policy.unwrap_or_default(),
        mutual_authentication: mutual.map(|mutual| mutual.mode.unwrap_or_default()),
    }
}
