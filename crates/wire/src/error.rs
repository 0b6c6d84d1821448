//! An error on its way to an AWS client: code, status, whose fault, message.
//!
//! Services make one from the generated `error` constants or from [`common`]; the codecs write it
//! in their protocol's form.
//!
//! Invariant: code, status and fault come from a constant, so none of them is mistyped at a call
//! site.

use std::fmt;

use crate::schema::{ErrorFacts, Fault};

/// What the caller is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// Code, status and fault.
    pub facts: ErrorFacts,
    /// Message in AWS's words.
    pub message: String,
}

// === impl ApiError ===

impl ApiError {
    /// An error with its message.
    pub fn new(facts: ErrorFacts, message: impl Into<String>) -> Self {
        Self { facts, message: message.into() }
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} ({}): {}", self.facts.code, self.facts.status, self.message)
    }
}

impl std::error::Error for ApiError {}

// === impl ErrorFacts ===

impl ErrorFacts {
    /// The caller's fault.
    pub const fn sender(code: &'static str, status: u16) -> Self {
        Self { code, status, fault: Fault::Sender }
    }

    /// Our fault.
    pub const fn receiver(code: &'static str, status: u16) -> Self {
        Self { code, status, fault: Fault::Receiver }
    }

    /// This error with a message.
    pub fn because(self, message: impl Into<String>) -> ApiError {
        ApiError::new(self, message)
    }
}

/// Errors that no model lists and every query service has.
// spec: control-plane §1.7 Common (unmodelled) query errors
pub mod common {
    use crate::schema::ErrorFacts;

    /// The policy denies it.
    pub const ACCESS_DENIED: ErrorFacts = ErrorFacts::sender("AccessDenied", 403);
    /// A bug of ours.
    pub const INTERNAL_FAILURE: ErrorFacts = ErrorFacts::receiver("InternalFailure", 500);
    /// No such action, or none that is built.
    pub const INVALID_ACTION: ErrorFacts = ErrorFacts::sender("InvalidAction", 400);
    /// Parameters that do not go together.
    pub const INVALID_PARAMETER_COMBINATION: ErrorFacts =
        ErrorFacts::sender("InvalidParameterCombination", 400);
    /// A value out of bounds, in EC2's manner.
    pub const INVALID_PARAMETER_VALUE: ErrorFacts =
        ErrorFacts::sender("InvalidParameterValue", 400);
    /// A value of the wrong type.
    pub const MALFORMED_INPUT: ErrorFacts = ErrorFacts::sender("MalformedInput", 400);
    /// A form that cannot be read; 404 is AWS's own oddity.
    pub const MALFORMED_QUERY_STRING: ErrorFacts = ErrorFacts::sender("MalformedQueryString", 404);
    /// The same in EC2.
    pub const MALFORMED_QUERY_STRING_EC2: ErrorFacts =
        ErrorFacts::sender("MalformedQueryString", 400);
    /// No `Action`.
    pub const MISSING_ACTION: ErrorFacts = ErrorFacts::sender("MissingAction", 400);
    /// A required parameter is missing, in EC2's manner.
    pub const MISSING_PARAMETER: ErrorFacts = ErrorFacts::sender("MissingParameter", 400);
    /// The body is larger than we read.
    pub const REQUEST_TOO_LARGE: ErrorFacts = ErrorFacts::sender("RequestEntityTooLarge", 413);
    /// A JSON or CBOR message that cannot be read.
    pub const SERIALIZATION: ErrorFacts = ErrorFacts::sender("SerializationException", 400);
    /// The world's fault; clients retry.
    pub const SERVICE_UNAVAILABLE: ErrorFacts = ErrorFacts::receiver("ServiceUnavailable", 503);
    /// Too many calls; clients back off and retry.
    pub const THROTTLING: ErrorFacts = ErrorFacts::sender("Throttling", 400);
    /// No such operation, or none that is built, in a JSON service.
    pub const UNKNOWN_OPERATION: ErrorFacts = ErrorFacts::sender("UnknownOperationException", 400);
    /// EC2 does not know the parameter.
    pub const UNKNOWN_PARAMETER: ErrorFacts = ErrorFacts::sender("UnknownParameter", 400);
    /// Almost every parameter problem of ELB.
    pub const VALIDATION_ERROR: ErrorFacts = ErrorFacts::sender("ValidationError", 400);
    /// What the model forbids, in a JSON service.
    pub const VALIDATION_EXCEPTION: ErrorFacts = ErrorFacts::sender("ValidationException", 400);
}
