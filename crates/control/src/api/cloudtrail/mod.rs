//! CloudTrail: who did what, from the audit records.
//!
//! Invariant: a search sees the calls to its own region only, newest first, and a page never
//! holds more than it was asked for.
// spec: nlb-gwlb-clb §5.5 LookupEvents [M][D]

mod lookup;
mod token;

use weir_wire::error::ApiError;
use weir_wire::generated::cloudtrail::Operation;
use weir_wire::value::{ToValue, Value};

use super::call::Call;

/// Answers one call.
///
/// # Errors
/// What the caller is told instead of an answer.
pub async fn dispatch(call: &Call, operation: Operation) -> Result<Value, ApiError> {
    match operation {
        Operation::LookupEvents => {
            let input = call.input_judged(lookup::judge)?;
            lookup::events(call, input).await.map(|output| output.to_value())
        }
    }
}
