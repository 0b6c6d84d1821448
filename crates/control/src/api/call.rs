//! One authenticated call: who asks, of which region, with what; and its three ways to answer.
//!
//! Invariant: a call reads and changes records of its own region only.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use serde_json::Value as Json;
use weir_core::catalog::{Catalog, Command, Decision, Refusal};
use weir_core::resource::{AccountId, Region};
use weir_core::time::Now;
use weir_wire::error::{ApiError, common};
use weir_wire::protocol;
use weir_wire::schema::{ErrorFacts, OperationFacts, Schema, Shape};
use weir_wire::validate::validate;
use weir_wire::value::{Shaped, Value};

use super::audit;
use crate::authority::{Authority, CallError};
use crate::vault::Vault;

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
    /// What the caller says of its program; empty when it says nothing.
    pub user_agent: String,
    /// Scheme and host by which the caller reached us.
    pub origin: String,
    /// `x-amzn-RequestId`.
    pub request_id: String,
    /// `eventID` of its audit record.
    pub event_id: String,
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
    parameters: OnceLock<Json>,
    /// A record went to the store with a change of this call.
    is_recorded: AtomicBool,
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
        let (parameters, is_recorded) = (OnceLock::new(), AtomicBool::new(false));
        Self { facts, schema, operation, authority, envelope, parameters, is_recorded }
    }

    /// The parameters, typed and within the constraints of the model.
    ///
    /// # Errors
    /// In AWS's words for the first stage that fails: decoding, then constraints.
    // spec: control-plane §1.7 Common (unmodelled) query errors
    pub fn input<I: Shaped>(&self) -> Result<I, ApiError> {
        self.input_judged(|_: &I| Ok(()))
    }

    /// The same, for an operation that has errors of its own for what the model forbids: `judge`
    /// sees the parameters before the constraints do.
    ///
    /// # Errors
    /// As [`Call::input`], and what `judge` says.
    pub fn input_judged<I: Shaped>(
        &self,
        judge: impl FnOnce(&I) -> Result<(), ApiError>,
    ) -> Result<I, ApiError> {
        let protocol = self.envelope.protocol();
        let value = self.envelope.decode(self.schema, self.operation);
        let value = value.map_err(|error| protocol.refuse_input(&error))?;
        self.parameters.get_or_init(|| audit::parameters(self.schema, I::SHAPE, &value));
        let typed = I::from_value(value.clone()).map_err(|mismatch| self.bug(&mismatch))?;
        judge(&typed)?;
        let violations = validate(self.schema, I::SHAPE, &value);
        if let Some(error) = protocol.refuse_violations(&violations) {
            return Err(error);
        }
        if is_dry_run(self.schema.shape(I::SHAPE), &value) {
            return Err(ErrorFacts::sender("DryRunOperation", 412)
                .because("Request would have succeeded, but DryRun flag is set."));
        }
        Ok(typed)
    }

    /// Decides, commits and publishes a command; returns once every data thread runs it.
    ///
    /// # Errors
    /// The refusal with its status, or `ServiceUnavailable`.
    pub async fn submit(&self, command: Command) -> Result<Decision, ApiError> {
        let parameters = self.parameters.get();
        let ending = audit::Ending::Open;
        let record = audit::record(&self.facts, self.schema, self.operation, parameters, ending);
        match self.authority.submit(command, record).await {
            Ok(decision) => {
                self.is_recorded.store(true, Ordering::Relaxed);
                Ok(decision)
            }
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

    /// Keys and objects.
    ///
    /// # Errors
    /// `ServiceUnavailable` where this process has no vault.
    pub fn vault(&self) -> Result<Arc<Vault>, ApiError> {
        let vault = self.authority.vault();
        let missing = || self.unavailable("Certificates are not available on this server.");
        vault.ok_or_else(missing)
    }

    /// The world's fault; the caller may try again.
    pub fn unavailable(&self, message: impl Into<String>) -> ApiError {
        common::SERVICE_UNAVAILABLE.because(message)
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

    /// Leaves the trace of the call's end. The record that went to the store with a change says
    /// already who asked for what; it is completed by what was answered, if there is anything.
    pub fn conclude(&self, outcome: Result<&Value, &ApiError>) {
        let ending = match outcome {
            Err(error) => audit::Ending::Refused(error),
            Ok(output) => {
                let shape = self.operation.output.filter(|_| is_mutation(self.operation.name));
                let elements = shape.and_then(|id| audit::elements(self.schema, id, output));
                if elements.is_none() && self.is_recorded.load(Ordering::Relaxed) {
                    return;
                }
                audit::Ending::Answered(elements)
            }
        };
        let parameters = self.parameters.get();
        let record = audit::record(&self.facts, self.schema, self.operation, parameters, ending);
        self.authority.record(record);
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

/// Whether an action changes something: its calls are audited with their change and logged at info.
pub fn is_mutation(action: &str) -> bool {
    !["Describe", "Get", "List", "Lookup"].iter().any(|verb| action.starts_with(verb))
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
    fn what_changes_something() {
        let reads = ["DescribeRules", "GetCallerIdentity", "ListCertificates", "LookupEvents"];
        assert!(!reads.into_iter().any(is_mutation));
        assert!(["CreateRule", "SetSubnets", "RunInstances"].into_iter().all(is_mutation));
    }
}
