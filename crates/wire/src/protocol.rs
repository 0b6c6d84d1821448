//! The protocols of AWS's services, behind one door.
//!
//! A service sees values; what a message looks like is decided by the [`Protocol`] in its schema.
//! A further protocol is a further variant here and a codec beside `query_in`, `xml_out` and
//! `document`; exhaustive matches name every place that has to learn of it.
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
//! let call = Call::open(&elbv2::SCHEMA, elbv2::SCHEMA.protocol, &request)?;
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

use std::fmt;

use crate::document::{self, Document, Encoding};
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

/// The header in which clients of JSON services look for an error's code first.
pub const ERROR_TYPE_HEADER: &str = "x-amzn-ErrorType";

/// Where the paths of RPC v2 begin: `/service/<service>/operation/<operation>`.
pub const CBOR_PATH: &str = "/service/";

/// How a service's messages are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Form in, XML with a result wrapper out.
    AwsQuery,
    /// Form in, XML as EC2 writes it out.
    Ec2Query,
    /// JSON in and out, the operation in `X-Amz-Target`.
    AwsJson10,
    /// The same with another content type.
    AwsJson11,
    /// CBOR in and out, the operation in the path. SDKs prefer it to JSON where a model has both.
    RpcV2Cbor,
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
    payload: Payload,
}

/// What the operation's input is read from.
#[derive(Clone, Debug)]
enum Payload {
    Form(Form),
    Body(Body),
}

/// Bytes that may hold secrets.
#[derive(Clone)]
struct Body(Vec<u8>);

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
    pub fn open(
        schema: &Schema,
        protocol: Protocol,
        request: &Request<'_>,
    ) -> Result<Self, DecodeError> {
        if protocol.encoding().is_some() {
            let action = document_action(schema, protocol, request);
            let action = action.ok_or(DecodeError::MissingAction)?;
            let payload = Payload::Body(Body(request.body.to_vec()));
            return Ok(Self { protocol, action, version: None, payload });
        }
        let form = Form::parse(request.query.as_bytes(), request.body)?;
        let action = form.value("Action").filter(|action| !action.is_empty());
        let action = action.ok_or(DecodeError::MissingAction)?.to_owned();
        let version = form.value("Version").map(str::to_owned);
        Ok(Self { protocol, action, version, payload: Payload::Form(form) })
    }

    /// How the request was written, and the reply is to be.
    pub fn protocol(&self) -> Protocol {
        self.protocol
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
        match &self.payload {
            Payload::Form(form) => {
                let ec2 = self.protocol == Protocol::Ec2Query;
                let dialect = if ec2 { Dialect::Ec2 } else { Dialect::Aws };
                query_in::decode(schema, operation.input, form, dialect)
            }
            Payload::Body(Body(bytes)) => {
                let encoding = self.protocol.encoding().unwrap_or(Encoding::Json);
                let parsed = match encoding {
                    // A call without parameters may have no body at all.
                    _ if bytes.is_empty() => Ok(Document::Null),
                    Encoding::Json => document::json::parse(bytes),
                    Encoding::Cbor => document::cbor::parse(bytes),
                };
                let parsed =
                    parsed.map_err(|error| DecodeError::Document { message: error.to_string() })?;
                document::decode(schema, operation.input, parsed, encoding)
            }
        }
    }

    /// What an action that is unknown or not built is answered with.
    // spec: control-plane §1.7 Common (unmodelled) query errors
    pub fn invalid_action(&self) -> ApiError {
        let action: String = self.action.chars().take(128).collect();
        let version: String = self.version().unwrap_or("null").chars().take(32).collect();
        match self.protocol {
            Protocol::AwsQuery => common::INVALID_ACTION
                .because(format!("Could not find operation {action} for version {version}")),
            Protocol::Ec2Query => common::INVALID_ACTION
                .because(format!("The action {action} is not valid for this web service.")),
            Protocol::AwsJson10 | Protocol::AwsJson11 | Protocol::RpcV2Cbor => {
                common::UNKNOWN_OPERATION.because(format!("Unknown operation: {action}"))
            }
        }
    }
}

// === impl Body ===

impl fmt::Debug for Body {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} bytes", self.0.len())
    }
}

// === impl Protocol ===

impl Protocol {
    /// The family of errors.
    pub fn family(self) -> Family {
        match self {
            Self::AwsQuery => Family::Query,
            Self::Ec2Query => Family::Ec2,
            Self::AwsJson10 | Self::AwsJson11 | Self::RpcV2Cbor => Family::Json,
        }
    }

    /// The protocol of a request to a service: the model's own, or CBOR where the request says so.
    pub fn of(schema: &Schema, request: &Request<'_>) -> Self {
        let asks_for_cbor = request.header("smithy-protocol") == Some("rpc-v2-cbor")
            || request.path.starts_with(CBOR_PATH);
        match schema.protocol {
            Self::AwsJson10 | Self::AwsJson11 if asks_for_cbor => Self::RpcV2Cbor,
            own => own,
        }
    }

    /// How documents are written; `None` for the protocols of forms and XML.
    fn encoding(self) -> Option<Encoding> {
        match self {
            Self::AwsQuery | Self::Ec2Query => None,
            Self::AwsJson10 | Self::AwsJson11 => Some(Encoding::Json),
            Self::RpcV2Cbor => Some(Encoding::Cbor),
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
        if let Some(encoding) = self.encoding() {
            let entries = match operation.output {
                Some(shape) => document::members(schema, shape, output, encoding)?,
                None if encoding == Encoding::Cbor => {
                    return Ok(self.reply(200, Vec::new(), request_id));
                }
                None => Vec::new(),
            };
            let body = document::encode(&Document::Map(entries), encoding);
            return Ok(self.reply(200, body, request_id));
        }
        let mut xml = self.writer();
        let namespace = Namespace { prefix: None, uri: schema.xml_namespace };
        xml.open(&format!("{}Response", operation.name), Some(namespace));
        match self {
            Self::Ec2Query => {
                xml.element("requestId", request_id);
                match operation.output {
                    Some(shape) => xml_out::members(schema, shape, output, &mut xml)?,
                    None => xml.element("return", "true"),
                }
            }
            _ => {
                query_result(schema, operation, output, &mut xml)?;
                xml.open("ResponseMetadata", None);
                xml.element("RequestId", request_id);
                xml.close();
            }
        }
        xml.close();
        Ok(self.reply(200, xml.finish().into_bytes(), request_id))
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
            Self::Ec2Query => common::MALFORMED_QUERY_STRING_EC2,
            _ => common::MALFORMED_QUERY_STRING,
        };
        match (self, error) {
            (Self::AwsJson10 | Self::AwsJson11 | Self::RpcV2Cbor, DecodeError::MissingAction) => {
                common::UNKNOWN_OPERATION.because("The request names no operation of this service")
            }
            (Self::AwsJson10 | Self::AwsJson11 | Self::RpcV2Cbor, _)
            | (_, DecodeError::Document { .. }) => common::SERIALIZATION.because(error.to_string()),
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
            Self::AwsJson10 | Self::AwsJson11 | Self::RpcV2Cbor => {
                common::VALIDATION_EXCEPTION.because(validate::message(violations))
            }
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
        if let Some(encoding) = self.encoding() {
            let text = |text: &str| Document::Text(text.to_owned());
            let mut entries = vec![
                ("__type".to_owned(), text(error.facts.code)),
                (schema.message_member.to_owned(), text(&error.message)),
            ];
            if let Some((shape, value)) = details {
                entries.extend(document::members(schema, shape, value, encoding)?);
            }
            let body = document::encode(&Document::Map(entries), encoding);
            let mut reply = self.reply(error.facts.status, body, request_id);
            reply.headers.push((ERROR_TYPE_HEADER, error.facts.code.to_owned()));
            return Ok(reply);
        }
        let namespace = Namespace { prefix: None, uri: schema.xml_namespace };
        let mut xml = self.writer();
        match self {
            Self::Ec2Query => {
                xml.open("Response", None);
                xml.open("Errors", None);
                xml.open("Error", None);
            }
            _ => {
                xml.open("ErrorResponse", Some(namespace));
                xml.open("Error", None);
                xml.element("Type", fault(error.facts.fault));
            }
        }
        xml.element("Code", error.facts.code);
        xml.element("Message", &error.message);
        if let Some((shape, value)) = details {
            xml_out::members(schema, shape, value, &mut xml)?;
        }
        xml.close();
        match self {
            Self::Ec2Query => {
                xml.close();
                xml.element("RequestID", request_id);
            }
            _ => xml.element("RequestId", request_id),
        }
        xml.close();
        Ok(self.reply(error.facts.status, xml.finish().into_bytes(), request_id))
    }

    fn writer(self) -> Writer {
        if self == Self::Ec2Query { Writer::declared() } else { Writer::default() }
    }

    fn reply(self, status: u16, body: Vec<u8>, request_id: &str) -> Reply {
        let content_type = match self {
            Self::AwsQuery => "text/xml",
            Self::Ec2Query => "text/xml;charset=UTF-8",
            Self::AwsJson10 => "application/x-amz-json-1.0",
            Self::AwsJson11 => "application/x-amz-json-1.1",
            Self::RpcV2Cbor => "application/cbor",
        };
        let mut headers = Vec::with_capacity(4);
        if self != Self::RpcV2Cbor || !body.is_empty() {
            headers.push(("Content-Type", content_type.to_owned()));
        }
        headers.push((REQUEST_ID_HEADER, request_id.to_owned()));
        if self == Self::RpcV2Cbor {
            // Without it a client takes the reply for one of a proxy.
            headers.push(("smithy-protocol", "rpc-v2-cbor".to_owned()));
        }
        Reply { status, headers, body }
    }
}

// === helpers ===

/// The operation that a JSON or CBOR request names, if it is for this service.
fn document_action(schema: &Schema, protocol: Protocol, request: &Request<'_>) -> Option<String> {
    let (service, action) = match protocol {
        Protocol::RpcV2Cbor => request.path.strip_prefix(CBOR_PATH)?.split_once("/operation/")?,
        _ => request.header("x-amz-target")?.rsplit_once('.')?,
    };
    (service == schema.target_prefix && !action.is_empty()).then(|| action.to_owned())
}

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
