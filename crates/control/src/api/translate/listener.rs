//! Listeners in the API's words.
//!
//! Invariant: a listener's default actions are those of its default rule.

use std::collections::BTreeMap;

use weir_core::catalog::command::{
    ArnInput, ListenerCertificatesInput, ListenerCreate, ListenerModify, MutualInput, TlsInput,
};
use weir_core::catalog::{Catalog, Command, Decision, Refusal, Resource};
use weir_core::resource::{
    CertificateArn, Listener, ListenerArn, ListenerProtocol, MutualAuthenticationMode, Rule,
};
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
        default_actions: action::inputs(call, input.default_actions.unwrap_or_default())?,
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
    let actions = input.default_actions;
    let command = ListenerModify {
        region: call.facts.region.clone(),
        arn: required(input.listener_arn),
        protocol: input.protocol,
        port: port(input.port),
        tls,
        default_actions: actions.map(|actions| action::inputs(call, actions)).transpose()?,
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
        let (page, next) = wanted.page(found, key)?;
        Ok((
            page.into_iter()
                .map(|listener| shape(listener, catalog.rule(&listener.default_rule)))
                .collect(),
            next,
        ))
    })?;
    Ok(api::DescribeListenersOutput { listeners: Some(listeners), next_marker })
}

/// `DescribeListenerCertificates`: the default one first, and again where it is also in the list.
// spec: alb §1.7 Certificates and selection ("smart SNI")
pub fn certificates(
    call: &Call,
    input: api::DescribeListenerCertificatesInput,
) -> Result<api::DescribeListenerCertificatesOutput, ApiError> {
    let wanted = Wanted::new(input.marker, input.page_size, limits::PAGE_SIZE_DEFAULT);
    let arn = required(input.listener_arn);
    let (certificates, next_marker) = call.read(|catalog| {
        let listener = by_arn(call, catalog, &arn)?.ok_or(Refusal::ListenersNotFound {})?;
        let mut found: Vec<(bool, &CertificateArn)> = Vec::new();
        found.extend(listener.certificates.first().map(|arn| (true, arn)));
        let mut extra: Vec<&CertificateArn> = listener.certificates.iter().skip(1).collect();
        extra.sort();
        found.extend(extra.into_iter().map(|arn| (false, arn)));
        // The default sorts before all others.
        let key = |(is_default, arn): &(bool, &CertificateArn)| {
            format!("{}{arn}", if *is_default { 0 } else { 1 })
        };
        let (page, next) = wanted.page(found, key)?;
        Ok((page.into_iter().map(|(is_default, arn)| told(arn, Some(is_default))).collect(), next))
    })?;
    Ok(api::DescribeListenerCertificatesOutput { certificates: Some(certificates), next_marker })
}

/// `AddListenerCertificates`.
pub async fn certificates_add(
    call: &Call,
    input: api::AddListenerCertificatesInput,
) -> Result<api::AddListenerCertificatesOutput, ApiError> {
    let command = certificates_input(call, input.listener_arn, input.certificates);
    let added = command.certificates.clone();
    call.submit(Command::ListenerCertificatesAdd(command)).await?;
    // Only now they are known to be names of certificates.
    let added = added.iter().map(|arn| CertificateArn::new(arn.as_str()));
    let certificates = added.map(|arn| told(&arn, Some(false))).collect();
    Ok(api::AddListenerCertificatesOutput { certificates: Some(certificates) })
}

/// `RemoveListenerCertificates`.
pub async fn certificates_remove(
    call: &Call,
    input: api::RemoveListenerCertificatesInput,
) -> Result<api::RemoveListenerCertificatesOutput, ApiError> {
    let command = certificates_input(call, input.listener_arn, input.certificates);
    call.submit(Command::ListenerCertificatesRemove(command)).await?;
    Ok(api::RemoveListenerCertificatesOutput {})
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
    let default_actions = default.map(|rule| action::shapes(&rule.actions));
    let (port, protocol) = match listener.protocol {
        // A gateway takes every packet on every port.
        ListenerProtocol::Geneve => (None, None),
        protocol => (Some(i32::from(listener.port)), Some(protocol.as_str().to_owned())),
    };
    api::Listener {
        listener_arn: Some(listener.arn.to_string()),
        load_balancer_arn: Some(listener.load_balancer.to_string()),
        port,
        protocol,
        certificates: listener.certificates.first().map(|arn| vec![told(arn, None)]),
        ssl_policy: listener.ssl_policy.clone(),
        default_actions,
        alpn_policy: listener.alpn_policy.clone().map(|name| vec![name]),
        mutual_authentication: mutual_shape(listener),
    }
}

/// HTTPS listeners always tell a mode.
fn mutual_shape(listener: &Listener) -> Option<api::MutualAuthenticationAttributes> {
    let off = || api::MutualAuthenticationAttributes {
        mode: Some(MutualAuthenticationMode::Off.as_str().to_owned()),
        ..Default::default()
    };
    let Some(mutual) = &listener.mutual_authentication else {
        return (listener.protocol == ListenerProtocol::Https).then(off);
    };
    let on = |on: bool| if on { "on" } else { "off" }.to_owned();
    Some(api::MutualAuthenticationAttributes {
        mode: Some(mutual.mode.as_str().to_owned()),
        trust_store_arn: mutual.trust_store.as_ref().map(ToString::to_string),
        ignore_client_certificate_expiry: mutual.ignore_expiry,
        trust_store_association_status: mutual.trust_store.as_ref().map(|_| "active".to_owned()),
        advertise_trust_store_ca_names: mutual.advertise_names.map(on),
    })
}

fn told(arn: &CertificateArn, is_default: Option<bool>) -> api::Certificate {
    api::Certificate { certificate_arn: Some(arn.to_string()), is_default }
}

fn certificates_input(
    call: &Call,
    listener: Option<String>,
    certificates: Option<Vec<api::Certificate>>,
) -> ListenerCertificatesInput {
    let given = certificates.unwrap_or_default().into_iter();
    ListenerCertificatesInput {
        region: call.facts.region.clone(),
        listener: required(listener),
        certificates: given.map(|certificate| required(certificate.certificate_arn)).collect(),
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
    let input = |mutual: api::MutualAuthenticationAttributes| MutualInput {
        mode: mutual.mode,
        trust_store: mutual.trust_store_arn,
        ignore_expiry: mutual.ignore_client_certificate_expiry,
        advertise_names: mutual.advertise_trust_store_ca_names,
    };
    TlsInput {
        ssl_policy,
        certificates: certificates.map(arns),
        alpn_policy,
        mutual_authentication: mutual.map(input),
    }
}
