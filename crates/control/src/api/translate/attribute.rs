//! Attributes of load balancers, target groups and listeners.
//!
//! Keys, bounds and defaults are declared in core; here they become lists in the order of the
//! declarations.
//!
//! Invariant: a description lists every key that applies, defaults filled in.
// spec: alb §13 Attribute tables

use weir_core::catalog::command::{AttributesModify, Pairs};
use weir_core::catalog::{AttributeRefusal, Command, Decision, Refusal, Resource};
use weir_core::resource::attribute::Carrier;
use weir_core::resource::{Listener, ListenerProtocol, LoadBalancer};
use weir_wire::error::ApiError;
use weir_wire::generated::elbv2 as api;

use super::super::call::Call;
use super::{listener, load_balancer, required, subject, target_group};

type Described = Vec<(&'static str, String)>;

/// `DescribeLoadBalancerAttributes`.
pub fn of_load_balancer(
    call: &Call,
    input: api::DescribeLoadBalancerAttributesInput,
) -> Result<api::DescribeLoadBalancerAttributesOutput, ApiError> {
    let arn = required(input.load_balancer_arn);
    let found = call.read(|catalog| {
        let lb = load_balancer::by_arn(call, catalog, &arn)?;
        Ok(load_balancer_list(lb.ok_or(Refusal::LoadBalancersNotFound {})?))
    })?;
    Ok(api::DescribeLoadBalancerAttributesOutput { attributes: Some(load_balancer_shapes(found)) })
}

/// `ModifyLoadBalancerAttributes`; tells the whole list.
pub async fn modify_load_balancer(
    call: &Call,
    input: api::ModifyLoadBalancerAttributesInput,
) -> Result<api::ModifyLoadBalancerAttributesOutput, ApiError> {
    let given = input.attributes.unwrap_or_default().into_iter();
    let given = given.map(|a| (required(a.key), a.value.unwrap_or_default())).collect();
    let command = command(call, input.load_balancer_arn, given);
    let decision = call.submit(Command::LoadBalancerAttributesModify(command)).await?;
    let found = load_balancer_list(load_balancer::after(call, &decision)?);
    Ok(api::ModifyLoadBalancerAttributesOutput { attributes: Some(load_balancer_shapes(found)) })
}

/// `DescribeTargetGroupAttributes`.
pub fn of_target_group(
    call: &Call,
    input: api::DescribeTargetGroupAttributesInput,
) -> Result<api::DescribeTargetGroupAttributesOutput, ApiError> {
    let arn = required(input.target_group_arn);
    let found = call.read(|catalog| {
        let group = target_group::by_arn(call, catalog, &arn)?;
        Ok(Carrier::target_group(group).describe(&group.attributes))
    })?;
    Ok(api::DescribeTargetGroupAttributesOutput { attributes: Some(target_group_shapes(found)) })
}

/// `ModifyTargetGroupAttributes`; tells the keys that were sent.
// spec: control-plane §1.3 ELBv2 errors, pagination, waiters, limits, attributes
pub async fn modify_target_group(
    call: &Call,
    input: api::ModifyTargetGroupAttributesInput,
) -> Result<api::ModifyTargetGroupAttributesOutput, ApiError> {
    let given = input.attributes.unwrap_or_default().into_iter();
    let given: Pairs = given.map(|a| (required(a.key), a.value.unwrap_or_default())).collect();
    let sent: Vec<String> = given.iter().map(|(key, _)| key.clone()).collect();
    let command = command(call, input.target_group_arn, given);
    let decision = call.submit(Command::TargetGroupAttributesModify(command)).await?;
    let group = subject(call, &decision, |resource| match resource {
        Resource::TargetGroup(group) => Some(group),
        _ => None,
    })?;
    let carrier = Carrier::target_group(group);
    let mut found = carrier.describe(&group.attributes);
    found.retain(|(key, _)| sent.iter().any(|one| one == key));
    Ok(api::ModifyTargetGroupAttributesOutput { attributes: Some(target_group_shapes(found)) })
}

/// `DescribeListenerAttributes`.
pub fn of_listener(
    call: &Call,
    input: api::DescribeListenerAttributesInput,
) -> Result<api::DescribeListenerAttributesOutput, ApiError> {
    let arn = required(input.listener_arn);
    let found = call.read(|catalog| {
        let listener = listener::by_arn(call, catalog, &arn)?;
        listener_list(listener.ok_or(Refusal::ListenersNotFound {})?)
    })?;
    Ok(api::DescribeListenerAttributesOutput { attributes: Some(listener_shapes(found)) })
}

/// `ModifyListenerAttributes`; tells the whole list.
pub async fn modify_listener(
    call: &Call,
    input: api::ModifyListenerAttributesInput,
) -> Result<api::ModifyListenerAttributesOutput, ApiError> {
    let given = input.attributes.unwrap_or_default().into_iter();
    let given = given.map(|a| (required(a.key), a.value.unwrap_or_default())).collect();
    let command = command(call, input.listener_arn, given);
    let decision = call.submit(Command::ListenerAttributesModify(command)).await?;
    let found = listener_after(call, &decision)?;
    Ok(api::ModifyListenerAttributesOutput { attributes: Some(listener_shapes(found)) })
}

// === helpers ===

fn command(call: &Call, arn: Option<String>, attributes: Pairs) -> AttributesModify {
    AttributesModify { region: call.facts.region.clone(), arn: required(arn), attributes }
}

fn listener_after(call: &Call, decision: &Decision) -> Result<Described, ApiError> {
    let listener = subject(call, decision, |resource| match resource {
        Resource::Listener(listener) => Some(listener),
        _ => None,
    })?;
    Ok(Carrier::listener(listener).describe(&listener.attributes))
}

/// AWS refuses to describe TLS listeners, which have no attribute; UDP ones have an empty list.
// spec: control-plane §1.3 ELBv2 errors, pagination, waiters, limits, attributes
fn listener_list(listener: &Listener) -> Result<Described, Refusal> {
    if listener.protocol == ListenerProtocol::Tls {
        let protocol = listener.protocol.as_str().to_owned();
        return Err(AttributeRefusal::ListenerWithoutAttributes { protocol }.into());
    }
    Ok(Carrier::listener(listener).describe(&listener.attributes))
}

fn load_balancer_list(lb: &LoadBalancer) -> Described {
    Carrier::load_balancer(lb).describe(&lb.attributes)
}

fn load_balancer_shapes(list: Described) -> Vec<api::LoadBalancerAttribute> {
    let shape = |(key, value): (&str, String)| api::LoadBalancerAttribute {
        key: Some(key.to_owned()),
        value: Some(value),
    };
    list.into_iter().map(shape).collect()
}

fn target_group_shapes(list: Described) -> Vec<api::TargetGroupAttribute> {
    let shape = |(key, value): (&str, String)| api::TargetGroupAttribute {
        key: Some(key.to_owned()),
        value: Some(value),
    };
    list.into_iter().map(shape).collect()
}

fn listener_shapes(list: Described) -> Vec<api::ListenerAttribute> {
    let shape = |(key, value): (&str, String)| api::ListenerAttribute {
        key: Some(key.to_owned()),
        value: Some(value),
    };
    list.into_iter().map(shape).collect()
}
