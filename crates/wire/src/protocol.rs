//! The protocols of AWS's services, behind one door.
//!
//! A service sees values; what a message looks like is decided by the [`Protocol`] in its schema.
//! A further protocol (JSON, CBOR, REST) is a further variant here and a codec beside `query_in`
//! and `xml_out`; exhaustive matches name every place that has to learn of it.
//!
//! ```
//! use weir_wire::generated::elbv2;
//! use weir_wire::protocol::Call;
//! use weir_wire::request::Request;
//! use weir_wire::value::{FromValue, ToValue};
//!
//! let request = Request {
//!     method: "POST",
//!     path: "/",
//!     query: "",
//!     headers: &[],
//!     body: b"Action=DeleteLoadBalancer&Version=2015-12-01&LoadBalancerArn=arn",
//! };
//! let call = Call::open(elbv2::SCHEMA.protocol, &request)?;
//! let operation = elbv2::Operation::from_name(call.action()).expect("it is in the model");
//! let input = elbv2::DeleteLoadBalancerInput::from_value(
//!     call.decode(&elbv2::SCHEMA, operation.facts())?,
//! )?;
//! assert_eq!(input.load_balancer_arn.as_deref(), Some("arn"));
//!
//! let output = elbv2::DeleteLoadBalancerOutput::default().to_value();
//! let reply =
//!     elbv2::SCHEMA.protocol.encode(&elbv2::SCHEMA, operation.facts(), &output, "request-1")?;
//! assert_eq!(reply.status, 200);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Invariant: a codec asks the schema, never the service.

use crate::error::{ApiError, common};
use crate::form::{Form, FormError};
use crate::query_in::{self, Dialect};
use crate::request::Request;
use crate::schema::{Fault, Namespace, OperationFacts, Schema, ShapeId};
use crate::validate::{self, Violation};
use crate::value::Value;
use crate::xml::Writer;
use crate::xml_out;

pub use crate::query_in::DecodeError;
pub use crate::xml_out::EncodeError;

/// The header in which aws-sdk-rust looks for the request's id.
// spec: control-plane §1.5 awsQuery wire format
pub const REQUEST_ID_HEADER: &str = "x-amzn-RequestId";

/// How a service's messages are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Form in, XML with a result wrapper out.
    AwsQuery,
    /// Form in, XML as EC2 writes it out.
    Ec2Query,
}

/// Which table of authentication and envelope errors a service answers with.
// spec: control-plane §1.6 SigV4 verification
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// ELB, STS, IAM and the other query services.
    Query,
    /// EC2.
    Ec2,
    /// JSON services.
    Json,
}

/// A request whose envelope has been read.
#[derive(Clone, Debug)]
pub struct Call {
    protocol: Protocol,
    action: String,
    version: Option<String>,
    form: Form,
}

/// A response, ready but for `Date` and `Content-Length`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Header fields: content type, request id.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

// === impl Call ===

impl Call {
    /// Reads the envelope: the parameters, the action, the version.
    ///
    /// # Errors
    /// When the bytes are not a form within the limits, or name no action.
    pub fn open(protocol: Protocol, request: &Request<'_>) -> Result<Self, DecodeError> {
        let form = Form::parse(request.query.as_bytes(), request.body)?;
        let action = form.value("Action").filter(|action| !action.is_empty());
        let action = action.ok_or(DecodeError::MissingAction)?.to_owned();
        let version = form.value("Version").map(str::to_owned);
        Ok(Self { protocol, action, version, form })
    }

    /// The `Action`.
    pub fn action(&self) -> &str {
        &self.action
    }

    /// The `Version`, which tells ELB's two APIs apart.
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// The input of an operation.
    ///
    /// # Errors
    /// When a parameter does not have the type of its shape. Constraints are not checked here, see
    /// [`validate::validate`].
    pub fn decode(
        &self,
        schema: &Schema,
        operation: &OperationFacts,
    ) -> Result<Value, DecodeError> {
        let dialect = match self.protocol {
            Protocol::AwsQuery => Dialect::Aws,
            Protocol::Ec2Query => Dialect::Ec2,
        };
        query_in::decode(schema, operation.input, &self.form, dialect)
    }

    /// What an action that is unknown or not built is answered with.
    // spec: control-plane §1.7 Common (unmodelled) query errors
    pub fn invalid_action(&self) -> ApiError {
        let action: String = self.action.chars().take(128).collect();
        let version: String = self.version().unwrap_or("null").chars().take(32).collect();
        common::INVALID_ACTION.because(match self.protocol {
            Protocol::AwsQuery => {
                format!("Could not find operation {action} for version {version}")
            }
            Protocol::Ec2Query => {
                format!("The action {action} is not valid for this web service.")
            }
        })
    }
}

// === impl Protocol ===

impl Protocol {
    /// The family of errors.
    pub fn family(self) -> Family {
        match self {
            Self::AwsQuery => Family::Query,
            Self::Ec2Query => Family::Ec2,
        }
    }

    /// Writes the answer of an operation.
    ///
    /// # Errors
    /// When the value is not of the operation's output shape, which is a bug of ours.
    pub fn encode(
        self,
        schema: &Schema,
        operation: &OperationFacts,
        output: &Value,
        request_id: &str,
    ) -> Result<Reply, EncodeError> {
        let mut xml = match self {
            Self::AwsQuery => Writer::default(),
            Self::Ec2Query => Writer::declared(),
        };
        let namespace = Namespace { prefix: None, uri: schema.xml_namespace };
        xml.open(&format!("{}Response", operation.name), Some(namespace));
        match self {
            Self::AwsQuery => {
                query_result(schema, operation, output, &mut xml)?;
                xml.open("ResponseMetadata", None);
                xml.element("RequestId", request_id);
                xml.close();
            }
            Self::Ec2Query => {
                xml.element("requestId", request_id);
                match operation.output {
                    Some(shape) => xml_out::members(schema, shape, output, &mut xml)?,
                    None => xml.element("return", "true"),
                }
            }
        }
        xml.close();
        Ok(self.reply(200, xml, request_id))
    }

    /// Writes an error.
    pub fn encode_error(self, schema: &Schema, error: &ApiError, request_id: &str) -> Reply {
        let plain = self.error_document(schema, error, None, request_id);
        // Without details there is no value that could fail to fit its shape.
        plain.expect("invariant: an error without details always encodes")
    }

    /// Writes an error that has members beside its code and message.
    ///
    /// # Errors
    /// When the details are not of their shape, which is a bug of ours.
    pub fn encode_error_with(
        self,
        schema: &Schema,
        error: &ApiError,
        details: (ShapeId, &Value),
        request_id: &str,
    ) -> Result<Reply, EncodeError> {
        self.error_document(schema, error, Some(details), request_id)
    }

    /// The error that a message which cannot be decoded is answered with.
    // spec: control-plane §1.7 Common (unmodelled) query errors
    pub fn refuse_input(self, error: &DecodeError) -> ApiError {
        let unreadable = match self {
            Self::AwsQuery => common::MALFORMED_QUERY_STRING,
            Self::Ec2Query => common::MALFORMED_QUERY_STRING_EC2,
        };
        match (self, error) {
            (_, DecodeError::Form(FormError::TooLarge)) => {
                common::REQUEST_TOO_LARGE.because(error.to_string())
            }
            (_, DecodeError::Form(_)) => {
                unreadable.because(format!("The query string contains a syntax error: {error}"))
            }
            (_, DecodeError::MissingAction) => {
                common::MISSING_ACTION.because("No action was supplied with this request.")
            }
            (_, DecodeError::Unknown(key)) => {
                common::UNKNOWN_PARAMETER.because(format!("The parameter {key} is not recognized"))
            }
            (Self::AwsQuery, _) => common::MALFORMED_INPUT.because(error.to_string()),
            (Self::Ec2Query, DecodeError::Type { key, value, expected }) => {
                common::INVALID_PARAMETER_VALUE.because(format!(
                    "Value ({value}) for parameter {key} is invalid. Expecting {expected}."
                ))
            }
            (Self::Ec2Query, DecodeError::Structure { .. }) => {
                common::INVALID_PARAMETER_VALUE.because(error.to_string())
            }
        }
    }

    /// The error that violated constraints are answered with; `None` when there are none.
    pub fn refuse_violations(self, violations: &[Violation]) -> Option<ApiError> {
        let first = violations.first()?;
        Some(match self {
            Self::AwsQuery => common::VALIDATION_ERROR.because(validate::message(violations)),
            Self::Ec2Query if first.is_missing() => common::MISSING_PARAMETER
                .because(format!("The request must contain the parameter {}", first.path)),
            Self::Ec2Query => common::INVALID_PARAMETER_VALUE.because(format!(
                "Value ({}) for parameter {} is invalid. {}",
                first.shown(),
                first.path,
                first.constraint
            )),
        })
    }

    fn error_document(
        self,
        schema: &Schema,
        error: &ApiError,
        details: Option<(ShapeId, &Value)>,
        request_id: &str,
    ) -> Result<Reply, EncodeError> {
        let namespace = Namespace { prefix: None, uri: schema.xml_namespace };
        let mut xml = match self {
            Self::AwsQuery => Writer::default(),
            Self::Ec2Query => Writer::declared(),
        };
        match self {
            Self::AwsQuery => {
                xml.open("ErrorResponse", Some(namespace));
                xml.open("Error", None);
                xml.element("Type", fault(error.facts.fault));
            }
            Self::Ec2Query => {
                xml.open("Response", None);
                xml.open("Errors", None);
                xml.open("Error", None);
            }
        }
        xml.element("Code", error.facts.code);
        xml.element("Message", &error.message);
        if let Some((shape, value)) = details {
            xml_out::members(schema, shape, value, &mut xml)?;
        }
        xml.close();
        match self {
            Self::AwsQuery => xml.element("RequestId", request_id),
            Self::Ec2Query => {
                xml.close();
                xml.element("RequestID", request_id);
            }
        }
        xml.close();
        Ok(self.reply(error.facts.status, xml, request_id))
    }

    fn reply(self, status: u16, xml: Writer, request_id: &str) -> Reply {
        let content_type = match self {
            Self::AwsQuery => "text/xml",
            Self::Ec2Query => "text/xml;charset=UTF-8",
        };
        let headers = vec![
            ("Content-Type", content_type.to_owned()),
            (REQUEST_ID_HEADER, request_id.to_owned()),
        ];
        Reply { status, headers, body: xml.finish().into_bytes() }
    }
}

// === helpers ===

/// The wrapper is written even when it is empty, and before the metadata: botocore and
/// aws-sdk-rust both insist.
fn query_result(
    schema: &Schema,
    operation: &OperationFacts,
    output: &Value,
    xml: &mut Writer,
) -> Result<(), EncodeError> {
    match operation.result_wrapper {
        Some(wrapper) => xml.open(wrapper, None),
        None => xml.open(&format!("{}Result", operation.name), None),
    }
    if let Some(shape) = operation.output {
        xml_out::members(schema, shape, output, xml)?;
    }
    xml.close();
    Ok(())
}

fn fault(fault: Fault) -> &'static str {
    match fault {
        Fault::Sender => "Sender",
        Fault::Receiver => "Receiver",
    }
}

#[cfg(test)]
mod tests;
