//! STS: who the caller is.
//!
//! Invariant: there is one account and its access key acts for the account's root user.
// spec: control-plane §3.2 The rest, minimal action sets

use weir_wire::error::ApiError;
use weir_wire::generated::sts::{self as api, Operation};
use weir_wire::value::{ToValue, Value};

use super::call::Call;

/// Answers one call.
///
/// # Errors
/// What the caller is told instead of an answer.
pub fn dispatch(call: &Call, operation: Operation) -> Result<Value, ApiError> {
    match operation {
        Operation::GetCallerIdentity => {
            caller_identity(call, call.input()?).map(|output| output.to_value())
        }
    }
}

/// `GetCallerIdentity`.
fn caller_identity(
    call: &Call,
    _: api::GetCallerIdentityRequest,
) -> Result<api::GetCallerIdentityResponse, ApiError> {
    let account = call.facts.account.to_string();
    Ok(api::GetCallerIdentityResponse {
        arn: Some(format!("arn:aws:iam::{account}:root")),
        user_id: Some(account.clone()),
        account: Some(account),
    })
}
