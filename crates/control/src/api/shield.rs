//! Shield: a self-hosted region has no subscription to AWS's protection, and says so.
//!
//! Terraform and the load balancer controller ask before they ask for more.
//!
//! Invariant: nothing is stored; every answer follows from the absence of a subscription.
// spec: control-plane §3.2 The rest, minimal action sets

use weir_wire::error::ApiError;
use weir_wire::generated::shield::{self as api, Operation, error};
use weir_wire::value::{ToValue, Value};

use super::call::Call;

/// Answers one call.
///
/// # Errors
/// What the caller is told instead of an answer.
pub fn dispatch(call: &Call, operation: Operation) -> Result<Value, ApiError> {
    match operation {
        Operation::GetSubscriptionState => {
            let _: api::GetSubscriptionStateRequest = call.input()?;
            let state = Some("INACTIVE".to_owned());
            Ok(api::GetSubscriptionStateResponse { subscription_state: state }.to_value())
        }
        Operation::DescribeSubscription => {
            let _: api::DescribeSubscriptionRequest = call.input()?;
            Err(no_subscription())
        }
        Operation::CreateProtection => {
            let _: api::CreateProtectionRequest = call.input()?;
            Err(no_subscription())
        }
        Operation::DescribeProtection => {
            let input: api::DescribeProtectionRequest = call.input()?;
            // AWS wants exactly one of the two.
            if input.protection_id.is_some() == input.resource_arn.is_some() {
                return Err(error::INVALID_PARAMETER_EXCEPTION
                    .because("Specify either ProtectionId or ResourceArn, and not both."));
            }
            Err(no_protection())
        }
        Operation::DeleteProtection => {
            let _: api::DeleteProtectionRequest = call.input()?;
            Err(no_protection())
        }
    }
}

fn no_subscription() -> ApiError {
    error::RESOURCE_NOT_FOUND_EXCEPTION.because("The subscription does not exist.")
}

fn no_protection() -> ApiError {
    error::RESOURCE_NOT_FOUND_EXCEPTION.because("The referenced protection does not exist.")
}
