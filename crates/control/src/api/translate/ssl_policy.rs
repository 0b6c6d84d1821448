//! `DescribeSSLPolicies`: the predefined policies, from core's table.
//!
//! Invariant: cipher priorities count from 1 in the order of preference.
// spec: alb §1.8 Security policies

use weir_core::catalog::Refusal;
use weir_core::resource::ssl_policy::{POLICIES, SslPolicy};
use weir_wire::error::ApiError;
use weir_wire::generated::elbv2 as api;

use super::super::call::Call;
use super::super::limits;
use super::page::Wanted;
use super::selected;

/// `DescribeSSLPolicies`.
pub fn describe(
    call: &Call,
    input: api::DescribeSSLPoliciesInput,
) -> Result<api::DescribeSSLPoliciesOutput, ApiError> {
    let wanted = Wanted::new(input.marker, input.page_size, limits::PAGE_SIZE_MAX);
    let mut found: Vec<&SslPolicy> = match selected(input.names) {
        None => POLICIES.iter().collect(),
        Some(names) => {
            let known = names.into_iter().map(|name| match SslPolicy::find(&name) {
                Some(policy) => Ok(policy),
                None => Err(call.refuse(&Refusal::SslPolicyNotFound { name })),
            });
            known.collect::<Result<_, _>>()?
        }
    };
    if let Some(kind) = input.load_balancer_type {
        found.retain(|policy| policy.load_balancer_types().contains(&kind.as_str()));
    }
    found.sort_by_key(|policy| policy.name);
    found.dedup_by_key(|policy| policy.name);
    let page = wanted.page(found, |policy| policy.name.to_owned());
    let (page, next_marker) = page.map_err(|refusal| call.refuse(&refusal))?;
    let ssl_policies = Some(page.into_iter().map(shape).collect());
    Ok(api::DescribeSSLPoliciesOutput { ssl_policies, next_marker })
}

fn shape(policy: &SslPolicy) -> api::SslPolicy {
    let ciphers = (1..).zip(policy.ciphers()).map(|(priority, name)| api::Cipher {
        name: Some(name.to_owned()),
        priority: Some(priority),
    });
    api::SslPolicy {
        ssl_protocols: Some(policy.protocols().map(str::to_owned).collect()),
        ciphers: Some(ciphers.collect()),
        name: Some(policy.name.to_owned()),
        supported_load_balancer_types: Some(policy.load_balancer_types().map(str::to_owned).into()),
    }
}
