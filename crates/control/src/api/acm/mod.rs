//! Certificate Manager: the certificates that listeners show.
//!
//! `import` and `request` bring certificates in, `describe` and `list` tell of them, `tag` labels
//! them.
//!
//! Invariant: a private key enters and never leaves.
// spec: control-plane §3.2 The rest, minimal action sets

mod describe;
mod import;
mod list;
mod request;
mod tag;

pub use import::draft;

use weir_core::catalog::{CertificateRefusal, Decision, Resource};
use weir_core::resource::Certificate;
use weir_wire::error::ApiError;
use weir_wire::generated::acm::{self as api, Operation};
use weir_wire::time::Time;
use weir_wire::value::{ToValue, Value};

use super::call::Call;

/// Answers one call.
///
/// # Errors
/// What the caller is told instead of an answer.
pub async fn dispatch(call: &Call, operation: Operation) -> Result<Value, ApiError> {
    use Operation as Op;
    match operation {
        Op::AddTagsToCertificate => nothing(tag::add(call, call.input()?).await),
        Op::DeleteCertificate => nothing(import::delete(call, call.input()?).await),
        Op::DescribeCertificate => out(describe::describe(call, call.input()?)),
        Op::GetCertificate => out(describe::text(call, call.input()?)),
        Op::ImportCertificate => out(import::import(call, call.input()?).await),
        Op::ListCertificates => out(list::list(call, call.input()?)),
        Op::ListTagsForCertificate => out(tag::list(call, call.input()?)),
        Op::RemoveTagsFromCertificate => nothing(tag::remove(call, call.input()?).await),
        Op::RequestCertificate => out(request::request(call, call.input()?).await),
        Op::UpdateCertificateOptions => nothing(request::options(call, call.input()?).await),
    }
}

fn out<T: ToValue>(answer: Result<T, ApiError>) -> Result<Value, ApiError> {
    answer.map(|output| output.to_value())
}

/// These operations have no output in the model.
fn nothing(answer: Result<(), ApiError>) -> Result<Value, ApiError> {
    answer.map(|()| Value::Struct(Default::default()))
}

// === shared ===

/// The ARN of a request, if it can be one of a certificate.
fn arn(call: &Call, text: Option<String>) -> Result<String, ApiError> {
    let arn = text.unwrap_or_default();
    let mut parts = arn.splitn(6, ':');
    let sound = parts.next() == Some("arn")
        && parts.next().is_some_and(|partition| partition.starts_with("aws"))
        && parts.next() == Some("acm")
        && parts.nth(2).is_some_and(|tail| tail.starts_with("certificate/"));
    match sound {
        true => Ok(arn),
        false => Err(call.refuse(&CertificateRefusal::AcmArnInvalid { arn }.into())),
    }
}

/// A fresh ARN. It is drawn here because the key is sealed for it before it is decided on.
fn fresh_arn(call: &Call) -> String {
    let (region, account) = (&call.facts.region, &call.facts.account);
    let id = super::front::request_id();
    format!("arn:aws:acm:{region}:{account}:certificate/{id}")
}

fn certificate(call: &Call, decision: &Decision) -> Result<Certificate, ApiError> {
    let found = decision.records.iter().find_map(|record| match record {
        Resource::Certificate(certificate) => Some(certificate.clone()),
        _ => None,
    });
    found.ok_or_else(|| call.bug(&"a decision lacks its certificate"))
}

fn time(ms: i64) -> Option<Time> {
    Some(Time { epoch_us: ms.saturating_mul(1_000) })
}

/// Requested certificates are ACM's own, as far as clients are concerned.
fn kind(certificate: &Certificate) -> &'static str {
    if certificate.request.is_some() { "AMAZON_ISSUED" } else { "IMPORTED" }
}

fn status(certificate: &Certificate, now_ms: i64) -> &'static str {
    if certificate.is_expired(now_ms) { "EXPIRED" } else { "ISSUED" }
}

fn tags(tags: Option<Vec<api::Tag>>) -> Vec<(String, String)> {
    let tags = tags.unwrap_or_default().into_iter();
    tags.map(|tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default())).collect()
}

/// ACM's word for an extended key usage.
fn extended_key_usage(oid: &str) -> &'static str {
    match oid {
        "1.3.6.1.5.5.7.3.1" => "TLS_WEB_SERVER_AUTHENTICATION",
        "1.3.6.1.5.5.7.3.2" => "TLS_WEB_CLIENT_AUTHENTICATION",
        "1.3.6.1.5.5.7.3.3" => "CODE_SIGNING",
        "1.3.6.1.5.5.7.3.4" => "EMAIL_PROTECTION",
        "1.3.6.1.5.5.7.3.5" => "IPSEC_END_SYSTEM",
        "1.3.6.1.5.5.7.3.6" => "IPSEC_TUNNEL",
        "1.3.6.1.5.5.7.3.7" => "IPSEC_USER",
        "1.3.6.1.5.5.7.3.8" => "TIME_STAMPING",
        "1.3.6.1.5.5.7.3.9" => "OCSP_SIGNING",
        "2.5.29.37.0" => "ANY",
        _ => "CUSTOM",
    }
}
