//! Resource Groups Tagging: the tags of all services through one door.
//!
//! Tags stay where they are; reading collects them from the catalog, writing goes through the
//! commands of the service that owns the resource.
//!
//! Invariant: a call sees and changes resources of its own region only.
// spec: control-plane §3.2 The rest, minimal action sets

mod inventory;
mod read;
mod write;

use weir_wire::error::ApiError;
use weir_wire::generated::resourcegroupstaggingapi::{Operation, error};
use weir_wire::value::{ToValue, Value};

use super::call::Call;

/// Answers one call.
///
/// # Errors
/// What the caller is told instead of an answer.
pub async fn dispatch(call: &Call, operation: Operation) -> Result<Value, ApiError> {
    match operation {
        Operation::GetResources => {
            read::resources(call, call.input()?).map(|output| output.to_value())
        }
        Operation::GetTagKeys => read::keys(call, call.input()?).map(|output| output.to_value()),
        Operation::GetTagValues => {
            read::values(call, call.input()?).map(|output| output.to_value())
        }
        Operation::TagResources => {
            write::tag(call, call.input()?).await.map(|output| output.to_value())
        }
        Operation::UntagResources => {
            write::untag(call, call.input()?).await.map(|output| output.to_value())
        }
    }
}

/// `InvalidParameterException` with this text.
fn invalid(message: impl Into<String>) -> ApiError {
    error::INVALID_PARAMETER_EXCEPTION.because(message)
}
