//! `AddTagsToCertificate`, `RemoveTagsFromCertificate`, `ListTagsForCertificate`.
//!
//! Invariant: a tag is removed only with the value that the caller names, if one is named.

use weir_core::catalog::Command;
use weir_core::catalog::command::{CertificateTag, CertificateUntag};
use weir_wire::error::ApiError;
use weir_wire::generated::acm as api;

use super::super::call::Call;

/// `AddTagsToCertificate`.
pub async fn add(call: &Call, input: api::AddTagsToCertificateRequest) -> Result<(), ApiError> {
    let arn = super::arn(call, input.certificate_arn)?;
    let (region, tags) = (call.facts.region.clone(), super::tags(input.tags));
    call.submit(Command::CertificateTag(CertificateTag { region, arn, tags })).await.map(drop)
}

/// `RemoveTagsFromCertificate`.
pub async fn remove(
    call: &Call,
    input: api::RemoveTagsFromCertificateRequest,
) -> Result<(), ApiError> {
    let arn = super::arn(call, input.certificate_arn)?;
    let region = call.facts.region.clone();
    let tags = input.tags.unwrap_or_default().into_iter();
    let tags = tags.map(|tag| (tag.key.unwrap_or_default(), tag.value)).collect();
    call.submit(Command::CertificateUntag(CertificateUntag { region, arn, tags })).await.map(drop)
}

/// `ListTagsForCertificate`.
pub fn list(
    call: &Call,
    input: api::ListTagsForCertificateRequest,
) -> Result<api::ListTagsForCertificateResponse, ApiError> {
    let arn = super::arn(call, input.certificate_arn)?;
    call.read(|catalog| {
        let found = catalog.acm_certificate(&call.facts.region, &arn)?;
        let shape = |(key, value): (&String, &String)| api::Tag {
            key: Some(key.clone()),
            value: Some(value.clone()),
        };
        Ok(api::ListTagsForCertificateResponse {
            tags: Some(found.tags.iter().map(shape).collect()),
        })
    })
}
