//! Load balancing: from the API's structures to commands and queries, and back.
//!
//! One file per resource, named as in core. Inputs arrive here within the constraints of the
//! model; what needs the catalog to be judged goes on as text.
//!
//! Invariant: every action of the model has an arm below; one that is not built answers
//! `InvalidAction` by name.
// spec: control-plane §1.2 ELBv2 actions (51) – input, result members, modelled errors

pub mod account;
pub mod action;
pub mod action_auth;
pub mod attribute;
pub mod capacity;
pub mod condition;
pub mod listener;
pub mod load_balancer;
pub mod page;
pub mod rule;
pub mod ssl_policy;
pub mod tag;
pub mod target_group;
pub mod target_health;
pub mod trust_store;

use weir_core::catalog::command::Pairs;
use weir_core::catalog::{Decision, Resource};
use weir_wire::error::ApiError;
use weir_wire::generated::elbv2::{self as api, Operation};
use weir_wire::value::{ToValue, Value};

use super::call::Call;

/// Answers one call.
///
/// # Errors
/// What the caller is told instead of an answer.
pub async fn dispatch(call: &Call, operation: Operation) -> Result<Value, ApiError> {
    use Operation as Op;
    match operation {
        Op::AddTags => out(tag::add(call, call.input()?).await),
        Op::CreateListener => out(listener::create(call, call.input()?).await),
        Op::CreateLoadBalancer => out(load_balancer::create(call, call.input()?).await),
        Op::CreateRule => out(rule::create(call, call.input()?).await),
        Op::CreateTargetGroup => out(target_group::create(call, call.input()?).await),
        Op::DeleteListener => out(listener::delete(call, call.input()?).await),
        Op::DeleteLoadBalancer => out(load_balancer::delete(call, call.input()?).await),
        Op::DeleteRule => out(rule::delete(call, call.input()?).await),
        Op::DeleteTargetGroup => out(target_group::delete(call, call.input()?).await),
        Op::DeregisterTargets => out(target_group::deregister(call, call.input()?).await),
        Op::DescribeAccountLimits => out(account::limits(call, call.input()?)),
        Op::DescribeCapacityReservation => out(capacity::describe(call, call.input()?)),
        Op::DescribeListenerAttributes => out(attribute::of_listener(call, call.input()?)),
        Op::DescribeListenerCertificates => out(listener::certificates(call, call.input()?)),
        Op::DescribeListeners => out(listener::describe(call, call.input()?)),
        Op::DescribeLoadBalancerAttributes => out(attribute::of_load_balancer(call, call.input()?)),
        Op::DescribeLoadBalancers => out(load_balancer::describe(call, call.input()?)),
        Op::DescribeRules => out(rule::describe(call, call.input()?)),
        Op::DescribeSSLPolicies => out(ssl_policy::describe(call, call.input()?)),
        Op::DescribeTags => out(tag::describe(call, call.input()?)),
        Op::DescribeTargetGroupAttributes => out(attribute::of_target_group(call, call.input()?)),
        Op::DescribeTargetGroups => out(target_group::describe(call, call.input()?)),
        Op::DescribeTargetHealth => out(target_health::describe(call, call.input()?)),
        Op::ModifyCapacityReservation => out(capacity::modify(call, call.input()?).await),
        Op::ModifyIpPools => out(load_balancer::modify_ip_pools(call, call.input()?).await),
        Op::ModifyListener => out(listener::modify(call, call.input()?).await),
        Op::ModifyListenerAttributes => out(attribute::modify_listener(call, call.input()?).await),
        Op::ModifyLoadBalancerAttributes => {
            out(attribute::modify_load_balancer(call, call.input()?).await)
        }
        Op::ModifyRule => out(rule::modify(call, call.input()?).await),
        Op::ModifyTargetGroup => out(target_group::modify(call, call.input()?).await),
        Op::ModifyTargetGroupAttributes => {
            out(attribute::modify_target_group(call, call.input()?).await)
        }
        Op::RegisterTargets => out(target_group::register(call, call.input()?).await),
        Op::RemoveTags => out(tag::remove(call, call.input()?).await),
        Op::AddTrustStoreRevocations => out(trust_store::revoke(call, call.input()?).await),
        Op::CreateTrustStore => out(trust_store::create(call, call.input()?).await),
        Op::DeleteSharedTrustStoreAssociation => {
            out(trust_store::delete_association(call, call.input()?).await)
        }
        Op::DeleteTrustStore => out(trust_store::delete(call, call.input()?).await),
        Op::DescribeTrustStoreAssociations => out(trust_store::associations(call, call.input()?)),
        Op::DescribeTrustStoreRevocations => {
            out(trust_store::describe_revocations(call, call.input()?))
        }
        Op::DescribeTrustStores => out(trust_store::describe(call, call.input()?)),
        Op::GetResourcePolicy => out(trust_store::policy(call, call.input()?)),
        Op::GetTrustStoreCaCertificatesBundle => {
            out(trust_store::bundle_location(call, call.input()?))
        }
        Op::GetTrustStoreRevocationContent => {
            out(trust_store::revocation_location(call, call.input()?))
        }
        Op::ModifyTrustStore => out(trust_store::modify(call, call.input()?).await),
        Op::RemoveTrustStoreRevocations => out(trust_store::unrevoke(call, call.input()?).await),
        Op::SetIpAddressType => out(load_balancer::set_ip_address_type(call, call.input()?).await),
        Op::SetRulePriorities => out(rule::set_priorities(call, call.input()?).await),
        Op::SetSecurityGroups => out(load_balancer::set_security_groups(call, call.input()?).await),
        Op::SetSubnets => out(load_balancer::set_subnets(call, call.input()?).await),
        Op::AddListenerCertificates => out(listener::certificates_add(call, call.input()?).await),
        Op::RemoveListenerCertificates => {
            out(listener::certificates_remove(call, call.input()?).await)
        }
    }
}

fn out<T: ToValue>(answer: Result<T, ApiError>) -> Result<Value, ApiError> {
    answer.map(|output| output.to_value())
}

// === shared by the resources ===

/// The first subject of a decision that `pick` knows: as it was when the call was decided,
/// whatever other calls have done to it since.
fn subject<'d, T>(
    call: &Call,
    decision: &'d Decision,
    pick: impl Fn(&'d Resource) -> Option<T>,
) -> Result<T, ApiError> {
    let found = decision.records.iter().find_map(pick);
    found.ok_or_else(|| call.bug(&"a decision lacks its subject"))
}

/// Text that the model requires; the constraints were checked, so an absent one is only empty.
fn required(text: Option<String>) -> String {
    text.unwrap_or_default()
}

/// Keys and values as given.
fn pairs(tags: Option<Vec<api::Tag>>) -> Pairs {
    let tags = tags.unwrap_or_default().into_iter();
    tags.map(|tag| (required(tag.key), tag.value.unwrap_or_default())).collect()
}

/// A number that the model bounds to a port.
fn port(number: Option<i32>) -> Option<u16> {
    number.and_then(|number| u16::try_from(number).ok())
}

/// A number that the model bounds above zero.
fn count(number: Option<i32>) -> Option<u32> {
    number.map(|number| u32::try_from(number).unwrap_or(0))
}

/// An empty list means the same as none where a list selects what is described.
fn selected<T>(list: Option<Vec<T>>) -> Option<Vec<T>> {
    list.filter(|items| !items.is_empty())
}
