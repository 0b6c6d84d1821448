//! `ListCertificates`.
//!
//! Invariant: a certificate whose key is neither RSA 1024 nor RSA 2048 is shown only to who asks
//! for its kind of key, as in ACM.

use weir_core::catalog::{Catalog, CertificateRefusal, Refusal};
use weir_core::resource::Certificate;
use weir_wire::error::ApiError;
use weir_wire::generated::acm as api;

use super::super::call::Call;
use super::describe;

/// What is shown when nobody says which keys.
const KEY_TYPES_DEFAULT: [&str; 2] = ["RSA_1024", "RSA_2048"];
/// Items of one page; ACM's largest.
const ITEMS_MAX: usize = 1_000;
/// Names that a summary tells.
const SUMMARY_NAMES_MAX: usize = 100;

/// `ListCertificates`.
pub fn list(
    call: &Call,
    input: api::ListCertificatesRequest,
) -> Result<api::ListCertificatesResponse, ApiError> {
    let now_ms = call.facts.now.epoch_ms();
    call.read(|catalog| {
        let sorted = sorted(&input)?;
        let all = catalog.certificates_in(&call.facts.region);
        let mut found: Vec<&Certificate> =
            all.filter(|certificate| wanted(certificate, &input, now_ms)).collect();
        // ACM sorts only when it is told to; ours then come newest first, like its console's.
        found.sort_by(|a, b| b.created_ms.cmp(&a.created_ms).then_with(|| a.arn.cmp(&b.arn)));
        if sorted == Some(Order::Ascending) {
            found.reverse();
        }
        let (page, next_token) = page(found, &input)?;
        let summaries = page.into_iter().map(|one| summary(catalog, one, now_ms)).collect();
        Ok(api::ListCertificatesResponse { next_token, certificate_summary_list: Some(summaries) })
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Ascending,
    Descending,
}

fn sorted(input: &api::ListCertificatesRequest) -> Result<Option<Order>, Refusal> {
    match (&input.sort_by, input.sort_order.as_deref()) {
        (None, None) => Ok(None),
        (Some(_), Some("ASCENDING")) => Ok(Some(Order::Ascending)),
        (Some(_), Some(_)) => Ok(Some(Order::Descending)),
        _ => Err(CertificateRefusal::AcmSortByWithoutOrder {}.into()),
    }
}

fn wanted(certificate: &Certificate, input: &api::ListCertificatesRequest, now_ms: i64) -> bool {
    let any = |list: &Option<Vec<String>>, fits: &dyn Fn(&str) -> bool| {
        let list = list.as_ref().filter(|list| !list.is_empty());
        list.is_none_or(|list| list.iter().any(|word| fits(word)))
    };
    let facts = &certificate.facts;
    let status = super::status(certificate, now_ms);
    if !any(&input.certificate_statuses, &|word| word == status) {
        return false;
    }
    let includes = input.includes.clone().unwrap_or_default();
    let key = facts.key_algorithm.as_str();
    let key_fits = match includes.key_types.as_ref().filter(|types| !types.is_empty()) {
        Some(types) => types.iter().any(|kind| kind == key),
        None => KEY_TYPES_DEFAULT.contains(&key),
    };
    let usage = |word: &str| facts.key_usages.iter().any(|usage| usage == word);
    let extended = |word: &str| {
        let mut usages = facts.extended_key_usages.iter();
        usages.any(|oid| super::extended_key_usage(oid) == word)
            || (word == "NONE" && facts.extended_key_usages.is_empty())
    };
    let export = |word: &String| word == describe::export(certificate);
    key_fits
        && any(&includes.key_usage, &usage)
        && any(&includes.extended_key_usage, &extended)
        && includes.export_option.as_ref().is_none_or(export)
        && includes.managed_by.is_none()
}

/// A page; the token is the ARN of its last item, so that it outlives other items.
fn page<'c>(
    found: Vec<&'c Certificate>,
    input: &api::ListCertificatesRequest,
) -> Result<(Vec<&'c Certificate>, Option<String>), Refusal> {
    let size = input.max_items.and_then(|items| usize::try_from(items).ok());
    let size = size.unwrap_or(ITEMS_MAX).clamp(1, ITEMS_MAX);
    let start = match &input.next_token {
        None => 0,
        Some(token) => {
            let last = found.iter().position(|one| one.arn.as_str() == token);
            last.ok_or(CertificateRefusal::AcmTokenInvalid {})? + 1
        }
    };
    let more = found.len().saturating_sub(start) > size;
    let page: Vec<&Certificate> = found.into_iter().skip(start).take(size).collect();
    let next = page.last().filter(|_| more).map(|last| last.arn.to_string());
    Ok((page, next))
}

fn summary(catalog: &Catalog, certificate: &Certificate, now_ms: i64) -> api::CertificateSummary {
    let facts = &certificate.facts;
    let names = facts.names.iter().take(SUMMARY_NAMES_MAX).cloned().collect();
    let mut users = catalog.listeners_with_certificate(&certificate.arn);
    let requested = certificate.request.is_some();
    let extended = facts.extended_key_usages.iter();
    api::CertificateSummary {
        certificate_arn: Some(certificate.arn.to_string()),
        domain_name: Some(facts.domain.clone()),
        subject_alternative_name_summaries: Some(names),
        has_additional_subject_alternative_names: Some(facts.names.len() > SUMMARY_NAMES_MAX),
        status: Some(super::status(certificate, now_ms).to_owned()),
        r#type: Some(super::kind(certificate).to_owned()),
        key_algorithm: Some(facts.key_algorithm.clone()),
        key_usages: Some(facts.key_usages.clone()),
        extended_key_usages: Some(
            extended.map(|oid| super::extended_key_usage(oid).to_owned()).collect(),
        ),
        export_option: requested.then(|| describe::export(certificate).to_owned()),
        in_use: Some(users.next().is_some()),
        exported: Some(false),
        renewal_eligibility: Some("INELIGIBLE".to_owned()),
        not_before: super::time(facts.not_before_ms),
        not_after: super::time(facts.not_after_ms),
        created_at: super::time(certificate.created_ms),
        issued_at: requested.then(|| super::time(certificate.created_ms)).flatten(),
        imported_at: (!requested).then(|| super::time(certificate.imported_ms)).flatten(),
        ..Default::default()
    }
}
