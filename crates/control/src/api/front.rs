//! From a whole HTTP request to a whole HTTP reply, as one pipeline.
//!
//! ```text
//! route ─▶ signature ─▶ envelope ─▶ version, action ─▶ decode, constraints ─▶ handler ─▶ encode
//!    └──────────┴───────────┴────────────┴──────────────────┴───────────────────┴─▶ error XML
//! ```
//!
//! Invariant: nothing of a request is acted on before its signature holds, and every way out is
//! in the manner of its protocol with the status that the model gives the code.
// spec: control-plane §1.5 awsQuery wire format

use std::net::IpAddr;
use std::time::Instant;

use bytes::Bytes;
use weir_core::resource::Region;
use weir_core::time::Now;
use weir_wire::error::{ApiError, common};
use weir_wire::generated::{
    acm as acm_model, cloudtrail as cloudtrail_model, ec2 as ec2_model, elbv2 as elbv2_model,
    iam as iam_model, resourcegroupstaggingapi as tagging_model, shield as shield_model,
    sts as sts_model,
};
use weir_wire::protocol::{self, CBOR_PATH, ERROR_TYPE_HEADER, Protocol, REQUEST_ID_HEADER, Reply};
use weir_wire::request::Request;
use weir_wire::schema::{ErrorFacts, OperationFacts};
use weir_wire::sigv4::{Claim, Expectation, Key, Verified};
use weir_wire::time::Time;
use weir_wire::value::Value;

use super::call::{Call, Facts, INTERNAL_FAILURE_TEXT, is_mutation};
use super::route::{Route, Service};
use super::{acm, audit, cloudtrail, ec2, iam, shield, sts, tagging, translate};
use crate::authority::Authority;
use crate::clock;
use crate::vault::download::Download;

/// A request, whole.
#[derive(Clone, Debug)]
pub struct Inbound {
    /// `x-amzn-RequestId` of its reply.
    pub request_id: String,
    /// Where it came from.
    pub peer: IpAddr,
    /// `POST` or `GET`.
    pub method: String,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// As received.
    pub path: String,
    /// As received, without the question mark.
    pub query: String,
    /// Names in lower case.
    pub headers: Vec<(String, Box<[u8]>)>,
    /// Form, or empty.
    pub body: Bytes,
}

/// What went wrong around a call rather than in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The body is longer than we read.
    TooLarge,
    /// The body did not come in time.
    BodySlow,
    /// The body ended early or is badly framed.
    BodyBroken,
    /// The call did not end in time.
    Slow,
    /// The call panicked.
    Bug,
}

/// The pipeline. Cheap to clone.
#[derive(Clone)]
pub struct Front {
    authority: Authority,
    now: fn() -> Now,
}

/// What the log says of a call; no parameter is among it.
#[derive(Default)]
struct Trace {
    service: &'static str,
    action: String,
    principal: String,
    region: String,
}

/// An operation of one of the services.
#[derive(Clone, Copy)]
enum Operation {
    LoadBalancing(elbv2_model::Operation),
    Ec2(ec2_model::Operation),
    Sts(sts_model::Operation),
    Acm(acm_model::Operation),
    Iam(iam_model::Operation),
    Tagging(tagging_model::Operation),
    Shield(shield_model::Operation),
    CloudTrail(cloudtrail_model::Operation),
}

// === impl Front ===

impl Front {
    /// A front to this authority.
    pub fn new(authority: Authority) -> Self {
        Self { authority, now: clock::now }
    }

    /// With another clock, for tests of what depends on the time.
    pub fn with_clock(self, now: fn() -> Now) -> Self {
        Self { now, ..self }
    }

    /// Answers a request.
    pub async fn handle(&self, inbound: Inbound) -> Reply {
        let started = Instant::now();
        let mut trace = Trace::default();
        let headers: Vec<(&str, &[u8])> = headers(&inbound);
        let request = request(&inbound, &headers);
        let service = match Route::of(&request) {
            Route::Served(service) => service,
            Route::Foreign(name) => return foreign(&name, &request, &inbound.request_id),
        };
        trace.service = service.schema().service;
        let outcome = self.call(service, &request, &inbound, &mut trace).await;
        let (reply, code) = match outcome {
            Ok(reply) => (reply, "-"),
            Err(error) => {
                let schema = service.schema();
                let protocol = Protocol::of(schema, &request);
                let reply = protocol.encode_error(schema, &error, &inbound.request_id);
                (reply, error.facts.code)
            }
        };
        trace.log(&inbound, reply.status, code, started);
        reply
    }

    /// The reply to a request that never became a call, or whose call did not return.
    pub fn trouble(&self, inbound: &Inbound, trouble: Trouble) -> Reply {
        let error = match trouble {
            Trouble::TooLarge => common::REQUEST_TOO_LARGE.because(format!(
                "The request is larger than {} bytes",
                super::limits::BODY_BYTES_MAX
            )),
            Trouble::BodySlow => ErrorFacts::sender("RequestTimeout", 408)
                .because("The request body did not arrive in time"),
            Trouble::BodyBroken => ErrorFacts::sender("IncompleteBody", 400)
                .because("The request body ended before it was complete"),
            Trouble::Slow => common::SERVICE_UNAVAILABLE
                .because("The request was not completed in time. It may still take effect."),
            Trouble::Bug => common::INTERNAL_FAILURE.because(INTERNAL_FAILURE_TEXT),
        };
        let headers = headers(inbound);
        let request = request(inbound, &headers);
        let service = match Route::of(&request) {
            Route::Served(service) => service,
            Route::Foreign(_) => Service::LoadBalancing,
        };
        let schema = service.schema();
        let protocol = Protocol::of(schema, &request);
        let reply = protocol.encode_error(schema, &error, &inbound.request_id);
        let (request_id, status) = (&inbound.request_id, reply.status);
        tracing::warn!(%request_id, peer = %inbound.peer, status, ?trouble, "API request failed");
        reply
    }

    async fn call(
        &self,
        service: Service,
        request: &Request<'_>,
        inbound: &Inbound,
        trace: &mut Trace,
    ) -> Result<Reply, ApiError> {
        let schema = service.schema();
        let protocol = Protocol::of(schema, request);
        check_target(protocol, request)?;
        let now = (self.now)();
        let verified = self.verify(service, request, now)?;
        trace.principal.clone_from(&verified.access_key_id);
        trace.region.clone_from(&verified.scope.region);
        let envelope = protocol::Call::open(schema, protocol, request)
            .map_err(|error| protocol.refuse_input(&error))?;
        let operation = Operation::find(service, &envelope);
        let operation = operation.ok_or_else(|| envelope.invalid_action())?;
        let model = operation.model();
        trace.action = model.name.to_owned();
        let facts = Facts {
            region: self.region(service, &verified),
            account: self.authority.settings().catalog.account.clone(),
            principal: verified.access_key_id,
            peer: inbound.peer.to_string(),
            user_agent: user_agent(request),
            origin: origin(inbound, request),
            request_id: inbound.request_id.clone(),
            event_id: request_id(),
            now,
        };
        let call = Call::new(self.authority.clone(), facts, schema, model, envelope);
        let output = operation.run(&call).await;
        call.conclude(output.as_ref());
        let reply = protocol.encode(schema, model, &output?, &inbound.request_id);
        reply.map_err(|error| call.bug(&error))
    }

    /// Answers a link to a blob; whoever has the link may follow it.
    pub async fn download(&self, path: &str, query: &str) -> Download {
        match self.authority.vault() {
            Some(vault) => vault.download(path, query, (self.now)().epoch_ms()).await,
            None => Download::Denied,
        }
    }

    fn verify(
        &self,
        service: Service,
        request: &Request<'_>,
        now: Now,
    ) -> Result<Verified, ApiError> {
        let settings = self.authority.settings();
        let serves_region = |region: &str| {
            settings.catalog.regions.contains(region) || service.is_global_in(region)
        };
        let expectation = Expectation {
            service: service.schema().signing_name,
            serves_region: &serves_region,
            now: Time { epoch_us: now.wall_us },
        };
        let credentials = &settings.credentials;
        let keys = |id: &str| {
            let known = id == credentials.access_key_id;
            known.then(|| Key::long_term(credentials.secret_access_key.clone()))
        };
        let claim = Claim::parse(request);
        let verified = claim.and_then(|claim| claim.verify(request, &expectation, &keys));
        verified.map_err(|error| error.refusal(service.schema().protocol.family()))
    }

    /// The region of the scope; a scope that only a global service accepts means the first one.
    fn region(&self, service: Service, verified: &Verified) -> Region {
        let regions = &self.authority.settings().catalog.regions;
        let served = regions.get(verified.scope.region.as_str()).cloned();
        let first = || match service.is_global_in(&verified.scope.region) {
            true => regions.first().cloned(),
            false => None,
        };
        served.or_else(first).unwrap_or_else(|| Region::new(verified.scope.region.as_str()))
    }
}

// === impl Operation ===

impl Operation {
    /// The operation that the envelope names, if the service has its shapes.
    fn find(service: Service, envelope: &protocol::Call) -> Option<Self> {
        let action = envelope.action();
        if !service.speaks(envelope) {
            return None;
        }
        match service {
            Service::LoadBalancing => {
                elbv2_model::Operation::from_name(action).map(Self::LoadBalancing)
            }
            Service::Ec2 => ec2_model::Operation::from_name(action).map(Self::Ec2),
            Service::Sts => sts_model::Operation::from_name(action).map(Self::Sts),
            Service::Acm => acm_model::Operation::from_name(action).map(Self::Acm),
            Service::Iam => iam_model::Operation::from_name(action).map(Self::Iam),
            Service::Tagging => tagging_model::Operation::from_name(action).map(Self::Tagging),
            Service::Shield => shield_model::Operation::from_name(action).map(Self::Shield),
            Service::CloudTrail => {
                cloudtrail_model::Operation::from_name(action).map(Self::CloudTrail)
            }
        }
    }

    fn model(self) -> &'static OperationFacts {
        match self {
            Self::LoadBalancing(operation) => operation.facts(),
            Self::Ec2(operation) => operation.facts(),
            Self::Sts(operation) => operation.facts(),
            Self::Acm(operation) => operation.facts(),
            Self::Iam(operation) => operation.facts(),
            Self::Tagging(operation) => operation.facts(),
            Self::Shield(operation) => operation.facts(),
            Self::CloudTrail(operation) => operation.facts(),
        }
    }

    async fn run(self, call: &Call) -> Result<Value, ApiError> {
        match self {
            Self::LoadBalancing(operation) => translate::dispatch(call, operation).await,
            Self::Ec2(operation) => ec2::dispatch(call, operation).await,
            Self::Sts(operation) => sts::dispatch(call, operation),
            Self::Acm(operation) => acm::dispatch(call, operation).await,
            Self::Iam(operation) => iam::dispatch(call, operation).await,
            Self::Tagging(operation) => tagging::dispatch(call, operation).await,
            Self::Shield(operation) => shield::dispatch(call, operation),
            Self::CloudTrail(operation) => cloudtrail::dispatch(call, operation).await,
        }
    }
}

// === impl Trace ===

impl Trace {
    /// One line per call: info when it may change something or fails on our side, debug else.
    fn log(&self, inbound: &Inbound, status: u16, code: &str, started: Instant) {
        let Self { service, action, principal, region } = self;
        let (request_id, peer) = (&inbound.request_id, inbound.peer);
        let duration_us = started.elapsed().as_micros() as u64;
        let loud = status >= 500 || (!action.is_empty() && is_mutation(action));
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    %request_id, region, service, action, status, code, duration_us, principal,
                    %peer, "API call"
                )
            };
        }
        if loud {
            line!(info);
        } else {
            line!(debug);
        }
    }
}

// === helpers ===

/// A version 4 UUID.
pub fn request_id() -> String {
    let mut bytes = [0u8; 16];
    if getrandom::fill(&mut bytes).is_err() {
        // Ids need not be secret; the clock keeps them apart well enough to find a log line.
        bytes = (clock::now().wall_us as u128).to_be_bytes();
    }
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

fn headers(inbound: &Inbound) -> Vec<(&str, &[u8])> {
    inbound.headers.iter().map(|(name, value)| (name.as_str(), value.as_ref())).collect()
}

fn request<'a>(inbound: &'a Inbound, headers: &'a [(&'a str, &'a [u8])]) -> Request<'a> {
    Request {
        method: &inbound.method,
        path: &inbound.path,
        query: &inbound.query,
        headers,
        body: &inbound.body,
    }
}

fn user_agent(request: &Request<'_>) -> String {
    let value = request.header("user-agent").unwrap_or_default();
    audit::cut(value, super::limits::AUDIT_TEXT_MAX).to_owned()
}

/// Where the caller found us, as it says itself: what links in answers begin with. A signed
/// request vouches for its host, and a link is only good for its receiver.
fn origin(inbound: &Inbound, request: &Request<'_>) -> String {
    let text = |name| request.header(name);
    let proxied = text("x-forwarded-proto").filter(|proto| matches!(*proto, "http" | "https"));
    let fits = |host: &&str| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b".-:[]_".contains(&b);
        host.len() <= 255 && host.bytes().all(plain)
    };
    let host = text("host").filter(fits).unwrap_or("localhost");
    format!("{}://{host}", proxied.unwrap_or(inbound.scheme))
}

/// Forms and JSON live at `/`; a form may come in the query of a `GET`.
fn check_target(protocol: Protocol, request: &Request<'_>) -> Result<(), ApiError> {
    let (is_path, methods): (bool, &[&str]) = match protocol {
        Protocol::AwsQuery | Protocol::Ec2Query => (request.path == "/", &["GET", "POST"]),
        Protocol::AwsJson10 | Protocol::AwsJson11 => (request.path == "/", &["POST"]),
        Protocol::RpcV2Cbor => (request.path.starts_with(CBOR_PATH), &["POST"]),
    };
    if !is_path {
        return Err(ErrorFacts::sender("UnknownOperationException", 404)
            .because("There is no such resource on this server."));
    }
    if methods.contains(&request.method) {
        return Ok(());
    }
    Err(ErrorFacts::sender("UnsupportedHttpVerb", 405).because(format!(
        "The requested HTTP verb is not supported: {} is expected.",
        methods.join(" or ")
    )))
}

/// A service of AWS that is not served here, said in the manner that its client reads.
fn foreign(service: &str, request: &Request<'_>, request_id: &str) -> Reply {
    let message = format!("The service '{service}' is not available in this version of Weir");
    tracing::debug!(request_id, service, "API call for a service that is not served");
    if request.path.starts_with(CBOR_PATH) {
        let error = common::UNKNOWN_OPERATION.because(message);
        return Protocol::RpcV2Cbor.encode_error(Service::Shield.schema(), &error, request_id);
    }
    if request.header("x-amz-target").is_some() {
        let body = serde_json::json!({"__type": "UnknownOperationException", "message": message});
        return Reply {
            status: 400,
            headers: vec![
                ("Content-Type", "application/x-amz-json-1.1".to_owned()),
                (REQUEST_ID_HEADER, request_id.to_owned()),
                (ERROR_TYPE_HEADER, "UnknownOperationException".to_owned()),
            ],
            body: body.to_string().into_bytes(),
        };
    }
    let schema = Service::LoadBalancing.schema();
    schema.protocol.encode_error(schema, &common::INVALID_ACTION.because(message), request_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_ids_are_uuids_and_differ() {
        let (a, b) = (request_id(), request_id());
        assert_ne!(a, b);
        let parts: Vec<usize> = a.split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12]);
        assert_eq!(a.as_bytes()[14], b'4');
        assert!(b"89ab".contains(&a.as_bytes()[19]));
    }
}
