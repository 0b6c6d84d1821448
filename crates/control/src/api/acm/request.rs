//! `RequestCertificate`, `UpdateCertificateOptions`.
//!
//! No public authority can validate a domain for us: the certificate is issued at once by this
//! installation's own authority, so that it is `ISSUED` when the call returns and every waiter
//! ends. Who wants public trust imports a certificate.
//!
//! Invariant: what is issued has exactly the names that were asked for.

use std::sync::Arc;

use weir_core::catalog::command::{CertificateIssue, CertificateOptionsUpdate};
use weir_core::catalog::{CertificateRefusal, Command};
use weir_core::resource::CertificateRequest;
use weir_wire::error::ApiError;
use weir_wire::generated::acm as api;

use super::super::call::Call;
use super::import;
use crate::vault::issue::RequestedKey;
use crate::vault::limits;
use crate::vault::pair::Pair;

/// `RequestCertificate`.
pub async fn request(
    call: &Call,
    input: api::RequestCertificateRequest,
) -> Result<api::RequestCertificateResponse, ApiError> {
    let refuse = |refusal: CertificateRefusal| call.refuse(&refusal.into());
    if input.certificate_authority_arn.is_some() {
        return Err(refuse(CertificateRefusal::AcmPrivateAuthority {}));
    }
    let names = names(&input).map_err(refuse)?;
    let validation_domains = validation_domains(&input, &names).map_err(refuse)?;
    let algorithm = input.key_algorithm.as_deref().unwrap_or("RSA_2048");
    let algorithm = RequestedKey::parse(algorithm).ok_or_else(|| {
        refuse(CertificateRefusal::AcmRequestKeyAlgorithm { algorithm: algorithm.to_owned() })
    })?;
    let region = call.facts.region.clone();
    let now_ms = call.facts.now.epoch_ms();
    let token = input.idempotency_token;
    if let Some(arn) = repeated(call, token.as_deref(), &names) {
        return Ok(api::RequestCertificateResponse { certificate_arn: Some(arn) });
    }
    let arn = super::fresh_arn(call);
    let pair = issue(call, names, algorithm, now_ms).await?;
    let options = input.options.unwrap_or_default();
    let transparency = options.certificate_transparency_logging_preference;
    let validation_method = input.validation_method.unwrap_or_else(|| "DNS".to_owned());
    let issue = CertificateIssue {
        region,
        draft: import::draft(call, &pair, &arn)?,
        arn,
        request: CertificateRequest { token, validation_method, validation_domains },
        transparency_logging: transparency.as_deref() != Some("DISABLED"),
        export: options.export.as_deref() == Some("ENABLED"),
        tags: super::tags(input.tags),
    };
    let decision = call.submit(Command::CertificateIssue(issue)).await?;
    let arn = super::certificate(call, &decision)?.arn.to_string();
    Ok(api::RequestCertificateResponse { certificate_arn: Some(arn) })
}

/// `UpdateCertificateOptions`.
pub async fn options(
    call: &Call,
    input: api::UpdateCertificateOptionsRequest,
) -> Result<(), ApiError> {
    let arn = super::arn(call, input.certificate_arn)?;
    let preference = input.options.and_then(|o| o.certificate_transparency_logging_preference);
    let transparency_logging = preference.map(|preference| preference == "ENABLED");
    let region = call.facts.region.clone();
    let update = CertificateOptionsUpdate { region, arn, transparency_logging };
    call.submit(Command::CertificateOptionsUpdate(update)).await.map(drop)
}

// === helpers ===

/// What an earlier call with the same token got, before a key is made for nothing; the catalog
/// asks again when it decides.
fn repeated(call: &Call, token: Option<&str>, names: &[String]) -> Option<String> {
    let (region, now_ms) = (&call.facts.region, call.facts.now.epoch_ms());
    call.authority().read(|catalog| {
        let found = catalog.certificate_requested(region, token?, names, now_ms);
        found.map(|certificate| certificate.arn.to_string())
    })
}

async fn issue(
    call: &Call,
    names: Vec<String>,
    algorithm: RequestedKey,
    now_ms: i64,
) -> Result<Pair, ApiError> {
    let vault = call.vault()?;
    let busy = || call.unavailable("Too many certificates are being made. Try again.");
    let _turn = vault.turn().await.ok_or_else(busy)?;
    let issuing = Arc::clone(&vault);
    let issued = tokio::task::spawn_blocking(move || {
        issuing.issuer().issue(issuing.key(), &names, algorithm, now_ms)
    });
    issued.await.map_err(|error| call.bug(&error))?.map_err(|error| {
        tracing::error!(%error, "a certificate was not issued");
        call.unavailable("The certificate could not be issued.")
    })
}

/// The domain and its alternatives, each once, the domain first.
fn names(input: &api::RequestCertificateRequest) -> Result<Vec<String>, CertificateRefusal> {
    let mut names: Vec<String> = Vec::new();
    let others = input.subject_alternative_names.iter().flatten();
    for name in input.domain_name.iter().chain(others) {
        let name = name.to_ascii_lowercase();
        if !is_domain(&name) {
            return Err(CertificateRefusal::AcmDomainInvalid { name });
        }
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let limit = limits::NAMES_PER_REQUEST_MAX;
    if names.len() > limit {
        return Err(CertificateRefusal::AcmTooManyNames { limit: limit.to_string() });
    }
    Ok(names)
}

/// Labels of letters, digits and hyphens, the first of which may be a star.
fn is_domain(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let rest = name.strip_prefix("*.").unwrap_or(name);
    name.len() <= 253 && rest.contains('.') && rest.split('.').all(label)
}

fn validation_domains(
    input: &api::RequestCertificateRequest,
    names: &[String],
) -> Result<Vec<(String, String)>, CertificateRefusal> {
    let options = input.domain_validation_options.iter().flatten();
    let pair = |option: &api::DomainValidationOption| {
        let name = option.domain_name.clone().unwrap_or_default().to_ascii_lowercase();
        let domain = option.validation_domain.clone().unwrap_or_default().to_ascii_lowercase();
        let bare = name.strip_prefix("*.").unwrap_or(&name);
        let above = bare == domain || bare.ends_with(&format!(".{domain}"));
        match names.contains(&name) && above {
            true => Ok((name, domain)),
            false => Err(CertificateRefusal::AcmDomainOption { name }),
        }
    };
    options.map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_are_judged() {
        for good in ["example.com", "*.example.com", "a-b.c1.example", "xn--bcher-kva.example"] {
            assert!(is_domain(good), "{good}");
        }
        let long = "a".repeat(64);
        for bad in ["", "localhost", "*", "*.", "a..b", "-a.b", "a.*.b", "a b.c", &long] {
            assert!(!is_domain(bad), "{bad}");
        }
    }

    #[test]
    fn names_are_told_once_and_options_must_fit() {
        let option = |name: &str, domain: &str| api::DomainValidationOption {
            domain_name: Some(name.into()),
            validation_domain: Some(domain.into()),
        };
        let input = api::RequestCertificateRequest {
            domain_name: Some("WWW.example.com".into()),
            subject_alternative_names: Some(vec!["www.example.com".into(), "b.example".into()]),
            domain_validation_options: Some(vec![option("www.example.com", "example.com")]),
            ..Default::default()
        };
        let names = names(&input).unwrap();
        assert_eq!(names, ["www.example.com", "b.example"]);
        assert_eq!(validation_domains(&input, &names).unwrap().len(), 1);
        for (name, domain) in [("c.example", "example"), ("b.example", "example.com")] {
            let options = Some(vec![option(name, domain)]);
            let input = api::RequestCertificateRequest {
                domain_validation_options: options,
                ..input.clone()
            };
            assert!(validation_domains(&input, &names).is_err(), "{name} {domain}");
        }
    }
}
