//! One authenticated call: who asks, of which region, with what; and its three ways to answer.
//!
//! Invariant: a call reads and changes records of its own region only.

use std::sync::OnceLock;

use weir_core::catalog::{AuditRecord, Catalog, Command, Decision, Refusal};
use weir_core::resource::{AccountId, Region};
use weir_core::time::Now;
use weir_wire::error::{ApiError, common};
use weir_wire::protocol;
use weir_wire::schema::{ErrorFacts, OperationFacts, Schema, Shape};
use weir_wire::validate::validate;
use weir_wire::value::{Shaped, Value};

use super::audit;
use crate::authority::{Authority, CallError};

/// The verified facts of a call.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Region of the credential scope.
    pub region: Region,
    /// Owner of everything.
    pub account: AccountId,
    /// Access key id.
    pub principal: String,
    /// The caller's address.
    pub peer: String,
    /// `x-amzn-RequestId`.
    pub request_id: String,
    /// When the request was received.
    pub now: Now,
}

/// A call being answered.
pub struct Call {
    /// Who and when.
    pub facts: Facts,
    /// The model of the service.
    pub schema: &'static Schema,
    /// The model of the operation.
    pub operation: &'static OperationFacts,
    authority: Authority,
    envelope: protocol::Call,
    /// Parameters as the audit keeps them, once they are decoded.
    parameters: OnceLock<String>,
}

// === impl Call ===

impl Call {
    /// A call whose signature was verified and whose action is in the model.
    pub fn new(
        authority: Authority,
        facts: Facts,
        schema: &'static Schema,
        operation: &'static OperationFacts,
        envelope: protocol::Call,
    ) -> Self {
        let parameters = OnceLock::new();
        Self { facts, schema, operation, authority, envelope, parameters }
    }

    /// The parameters, typed and within the constraints of the model.
    ///
    /// # Errors
    /// In AWS's words for the first stage that fails: decoding, then constraints.
    // spec: control-plane §1.7 Common (unmodelled) query errors
    pub fn input<I: Shaped>(&self) -> Result<I, ApiError> {
        let protocol = self.schema.protocol;
        let value = self.envelope.decode(self.schema, self.operation);
        let value = value.map_err(|error| protocol.refuse_input(&error))?;
        let violations = validate(self.schema, I::SHAPE, &value);
        if let Some(error) = protocol.refuse_violations(&violations) {
            return Err(error);
        }
        if is_dry_run(self.schema.shape(I::SHAPE), &value) {
            return Err(ErrorFacts::sender("DryRunOperation", 412)
                .because("Request would have succeeded, but DryRun flag is set."));
        }
        if is_mutation(self.operation.name) {
            self.parameters.get_or_init(|| audit::parameters(self.schema, I::SHAPE, &value));
        }
        I::from_value(value).map_err(|mismatch| self.bug(&mismatch))
    }

    /// Decides, commits and publishes a command; returns once every data thread runs it.
    ///
    /// # Errors
    /// The refusal with its status, or `ServiceUnavailable`.
    pub async fn submit(&self, command: Command) -> Result<Decision, ApiError> {
        match self.authority.submit(command, self.audit()).await {
            Ok(decision) => Ok(decision),
            Err(CallError::Refused(refusal)) => Err(self.refuse(&refusal)),
            Err(CallError::Unavailable { message }) => {
                Err(common::SERVICE_UNAVAILABLE.because(message))
            }
        }
    }

    /// Reads the committed catalog.
    ///
    /// # Errors
    /// The refusal with its status.
    pub fn read<R>(
        &self,
        query: impl FnOnce(&Catalog) -> Result<R, Refusal>,
    ) -> Result<R, ApiError> {
        self.authority.read(query).map_err(|refusal| self.refuse(&refusal))
    }

    /// The authority, for what is measured.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The action was `InvalidAction`: the model has it, this version does not.
    pub fn not_built(&self) -> ApiError {
        self.envelope.invalid_action()
    }

    /// A refusal with the status that the model gives its code.
    pub fn refuse(&self, refusal: &Refusal) -> ApiError {
        refusal_facts(self.schema, refusal).because(refusal.message())
    }

    /// Something that cannot happen did: logged in full, told in brief.
    pub fn bug(&self, what: &dyn std::fmt::Display) -> ApiError {
        tracing::error!(
            request_id = %self.facts.request_id,
            action = self.operation.name,
            %what,
            "bug in the API",
        );
        common::INTERNAL_FAILURE.because(INTERNAL_FAILURE_TEXT)
    }

    fn audit(&self) -> AuditRecord {
        AuditRecord {
            request_id: self.facts.request_id.clone(),
            time_ms: self.facts.now.epoch_ms(),
            source: format!("{}.amazonaws.com", self.schema.signing_name),
            action: self.operation.name.to_owned(),
            region: self.facts.region.as_str().to_owned(),
            principal: self.facts.principal.clone(),
            peer: self.facts.peer.clone(),
            error_code: None,
            error_message: None,
            parameters: self.parameters.get().cloned().unwrap_or_default(),
        }
    }
}

/// Status and fault of a refusal's code: the model's, or a sender's 400 where it lists none.
// spec: control-plane §1.3 ELBv2 errors, pagination, waiters, limits, attributes
fn refusal_facts(schema: &Schema, refusal: &Refusal) -> ErrorFacts {
    let code = refusal.code();
    schema.error(code).copied().unwrap_or(ErrorFacts::sender(code, 400))
}

/// Whether the caller only asks what would happen; every EC2 operation takes `DryRun`.
fn is_dry_run(shape: &Shape, value: &Value) -> bool {
    let Value::Struct(fields) = value else { return false };
    let mut members = (0u16..).zip(shape.members());
    let index = members.find(|(_, member)| member.name == "DryRun").map(|(index, _)| index);
    index.and_then(|index| fields.value(index)) == Some(&Value::Bool(true))
}

/// What a caller is told about a bug.
pub const INTERNAL_FAILURE_TEXT: &str =
    "The request processing has failed because of an unknown error, exception or failure.";

/// Whether an action changes something: its calls are audited and logged at info.
pub fn is_mutation(action: &str) -> bool {
    !(action.starts_with("Describe") || action.starts_with("Get"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_core::catalog::unserved::Feature;
    use weir_wire::generated::{ec2, elbv2};
    use weir_wire::schema::Fault;

    #[test]
    fn refusals_take_their_status_from_the_model() {
        let unlisted = Refusal::LoadBalancerNameEmpty {};
        let listed = Refusal::PriorityTaken { priority: "1".into() };
        for (refusal, code) in [(unlisted, "ValidationError"), (listed, "PriorityInUse")] {
            let facts = refusal_facts(&elbv2::SCHEMA, &refusal);
            assert_eq!((facts.code, facts.status, facts.fault), (code, 400, Fault::Sender));
        }
        let gone = Refusal::VpcIdNotFound { id: "vpc-0".into() };
        assert_eq!(refusal_facts(&ec2::SCHEMA, &gone).code, "InvalidVpcID.NotFound");
        for feature in Feature::ALL {
            let facts = refusal_facts(&elbv2::SCHEMA, &Refusal::unserved(*feature, "x"));
            assert_eq!(facts.status, 400, "{feature:?}");
        }
    }

    #[test]
    fn reads_leave_no_audit() {
        let reads = ["DescribeRules", "GetCallerIdentity"];
        assert!(!reads.into_iter().any(is_mutation));
        assert!(["CreateRule", "SetSubnets", "RunInstances"].into_iter().all(is_mutation));
    }
}
