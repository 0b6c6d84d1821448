//! `DescribeCertificate`, `GetCertificate`.
//!
//! Invariant: nothing here has the private key, sealed or not.

use weir_core::catalog::Catalog;
use weir_core::resource::{Certificate, CertificateRequest};
use weir_store::BlobName;
use weir_wire::error::ApiError;
use weir_wire::generated::acm as api;

use super::super::call::Call;

/// `DescribeCertificate`.
pub fn describe(
    call: &Call,
    input: api::DescribeCertificateRequest,
) -> Result<api::DescribeCertificateResponse, ApiError> {
    let arn = super::arn(call, input.certificate_arn)?;
    let now_ms = call.facts.now.epoch_ms();
    let detail = call.read(|catalog| {
        let certificate = catalog.acm_certificate(&call.facts.region, &arn)?;
        Ok(detail(catalog, certificate, now_ms))
    })?;
    Ok(api::DescribeCertificateResponse { certificate: Some(detail) })
}

/// `GetCertificate`.
pub fn text(
    call: &Call,
    input: api::GetCertificateRequest,
) -> Result<api::GetCertificateResponse, ApiError> {
    let arn = super::arn(call, input.certificate_arn)?;
    call.read(|catalog| {
        let found = catalog.acm_certificate(&call.facts.region, &arn)?;
        Ok(api::GetCertificateResponse {
            certificate: Some(found.body.clone()),
            certificate_chain: found.chain.clone(),
        })
    })
}

fn detail(catalog: &Catalog, certificate: &Certificate, now_ms: i64) -> api::CertificateDetail {
    let facts = &certificate.facts;
    let in_use_by = catalog.load_balancers_with_certificate(&certificate.arn);
    let requested = certificate.request.as_ref();
    let validations = requested.map(|request| validations(certificate, request));
    let usage = |name: &String| api::KeyUsage { name: Some(name.clone()) };
    let extended = |oid: &String| api::ExtendedKeyUsage {
        name: Some(super::extended_key_usage(oid).to_owned()),
        oid: Some(oid.clone()),
    };
    let preference = if certificate.transparency_logging { "ENABLED" } else { "DISABLED" };
    api::CertificateDetail {
        certificate_arn: Some(certificate.arn.to_string()),
        domain_name: Some(facts.domain.clone()),
        subject_alternative_names: Some(facts.names.clone()),
        domain_validation_options: validations,
        serial: Some(facts.serial.clone()),
        subject: Some(facts.subject.clone()),
        issuer: Some(facts.issuer_name.clone()),
        created_at: super::time(certificate.created_ms),
        issued_at: requested.and_then(|_| super::time(certificate.created_ms)),
        imported_at: match requested {
            Some(_) => None,
            None => super::time(certificate.imported_ms),
        },
        status: Some(super::status(certificate, now_ms).to_owned()),
        not_before: super::time(facts.not_before_ms),
        not_after: super::time(facts.not_after_ms),
        key_algorithm: Some(facts.key_algorithm.clone()),
        signature_algorithm: Some(facts.signature_algorithm.clone()),
        in_use_by: Some(in_use_by.into_iter().map(ToString::to_string).collect()),
        r#type: Some(super::kind(certificate).to_owned()),
        key_usages: Some(facts.key_usages.iter().map(usage).collect()),
        extended_key_usages: Some(facts.extended_key_usages.iter().map(extended).collect()),
        // Nothing here is renewed by itself.
        renewal_eligibility: Some("INELIGIBLE".to_owned()),
        options: Some(api::CertificateOptions {
            certificate_transparency_logging_preference: Some(preference.to_owned()),
            export: requested.map(|_| export(certificate).to_owned()),
            ..Default::default()
        }),
        ..Default::default()
    }
}

pub(super) fn export(certificate: &Certificate) -> &'static str {
    if certificate.export { "ENABLED" } else { "DISABLED" }
}

/// One per name, validated already. The record is one that a client may create without harm:
/// names and values that depend on nothing but the name itself, as ACM's do.
fn validations(
    certificate: &Certificate,
    request: &CertificateRequest,
) -> Vec<api::DomainValidation> {
    let validation = |name: &String| {
        let chosen = request.validation_domains.iter().find(|(domain, _)| domain == name);
        let bare = name.strip_prefix("*.").unwrap_or(name);
        let domain = chosen.map_or(bare, |(_, domain)| domain);
        let by_dns = request.validation_method == "DNS";
        let people = ["admin", "administrator", "hostmaster", "postmaster", "webmaster"];
        let emails = people.map(|who| format!("{who}@{domain}")).to_vec();
        api::DomainValidation {
            domain_name: Some(name.clone()),
            validation_domain: Some(chosen.map_or(name.as_str(), |(_, d)| d).to_owned()),
            validation_status: Some("SUCCESS".to_owned()),
            validation_method: Some(request.validation_method.clone()),
            resource_record: by_dns.then(|| record(bare)),
            validation_emails: (!by_dns).then_some(emails),
            http_redirect: None,
        }
    };
    certificate.facts.names.iter().map(validation).collect()
}

fn record(domain: &str) -> api::ResourceRecord {
    let digest = BlobName::of(domain.as_bytes());
    let (name, value) = digest.as_str().split_at(32);
    api::ResourceRecord {
        name: Some(format!("_{name}.{domain}.")),
        r#type: Some("CNAME".to_owned()),
        value: Some(format!("_{value}.acm-validations.aws.")),
    }
}
