//! Certificates of IAM.
//!
//! Invariant: they belong to no region: every region's listeners may name them, and every call
//! sees all of them.

use weir_core::catalog::command::{
    ServerCertificateName, ServerCertificateTag, ServerCertificateUntag, ServerCertificateUpdate,
    ServerCertificateUpload,
};
use weir_core::catalog::{CertificateRefusal, Command, Decision, Resource};
use weir_core::resource::{Certificate, CertificateOrigin, Region};
use weir_wire::error::ApiError;
use weir_wire::generated::iam as api;
use weir_wire::time::Time;

use super::super::acm;
use super::super::call::Call;
use crate::vault::pair::{ChainNeed, Pair, PairTrouble};

/// Where the records of IAM are filed.
pub const REGION: &str = "us-east-1";
/// Items of one page when the caller names no `MaxItems`.
const ITEMS_DEFAULT: usize = 100;
const ITEMS_MAX: usize = 1_000;
/// What ids are drawn from.
const ID_ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

fn region() -> Region {
    Region::new(REGION)
}

/// `UploadServerCertificate`.
pub async fn upload(
    call: &Call,
    input: api::UploadServerCertificateRequest,
) -> Result<api::UploadServerCertificateResponse, ApiError> {
    let now_ms = call.facts.now.epoch_ms();
    let body = input.certificate_body.unwrap_or_default();
    let (chain, key) = (input.certificate_chain, input.private_key.unwrap_or_default());
    let read = tokio::task::spawn_blocking(move || {
        let chain = chain.as_ref().map(|chain| chain.as_bytes()).filter(|text| !text.is_empty());
        let key = key.expose().as_bytes();
        Pair::read(body.as_bytes(), chain, key, now_ms, ChainNeed::Optional)
    });
    let pair = read.await.map_err(|error| call.bug(&error))?;
    let pair = pair.map_err(|trouble| call.refuse(&words(trouble).into()))?;
    let id = fresh_id(call)?;
    let upload = ServerCertificateUpload {
        region: region(),
        name: input.server_certificate_name.unwrap_or_default(),
        path: input.path.unwrap_or_else(|| "/".to_owned()),
        draft: acm::draft(call, &pair, &id)?,
        id,
        tags: pairs(input.tags),
    };
    let decision = call.submit(Command::ServerCertificateUpload(upload)).await?;
    let certificate = certificate(call, &decision)?;
    let tags = Some(shape_tags(&certificate)).filter(|tags| !tags.is_empty());
    let server_certificate_metadata = Some(metadata(&certificate));
    Ok(api::UploadServerCertificateResponse { server_certificate_metadata, tags })
}

/// `GetServerCertificate`.
pub fn show(
    call: &Call,
    input: api::GetServerCertificateRequest,
) -> Result<api::GetServerCertificateResponse, ApiError> {
    let name = input.server_certificate_name.unwrap_or_default();
    let found = find(call, &name)?;
    let server_certificate = api::ServerCertificate {
        server_certificate_metadata: Some(metadata(&found)),
        // Without the last line's end: Terraform keeps it so and compares.
        certificate_body: Some(found.body.trim_end().to_owned()),
        certificate_chain: found.chain.as_deref().map(|chain| chain.trim_end().to_owned()),
        tags: Some(shape_tags(&found)).filter(|tags| !tags.is_empty()),
    };
    Ok(api::GetServerCertificateResponse { server_certificate: Some(server_certificate) })
}

/// `ListServerCertificates`.
pub fn list(
    call: &Call,
    input: api::ListServerCertificatesRequest,
) -> Result<api::ListServerCertificatesResponse, ApiError> {
    let prefix = input.path_prefix.as_deref().unwrap_or("/");
    let all = call.read(|catalog| {
        let all = catalog.server_certificates();
        let under = all.filter(|one| path_and_name(one).0.starts_with(prefix));
        Ok(under.map(metadata).collect::<Vec<_>>())
    })?;
    let key = |one: &api::ServerCertificateMetadata| {
        one.server_certificate_name.clone().unwrap_or_default().to_ascii_lowercase()
    };
    let (page, marker) = page(all, input.marker, input.max_items, key);
    Ok(api::ListServerCertificatesResponse {
        server_certificate_metadata_list: Some(page),
        is_truncated: Some(marker.is_some()),
        marker,
    })
}

/// `DeleteServerCertificate`.
pub async fn delete(
    call: &Call,
    input: api::DeleteServerCertificateRequest,
) -> Result<(), ApiError> {
    let name = input.server_certificate_name.unwrap_or_default();
    let delete = ServerCertificateName { region: region(), name };
    call.submit(Command::ServerCertificateDelete(delete)).await.map(drop)
}

/// `UpdateServerCertificate`.
pub async fn update(
    call: &Call,
    input: api::UpdateServerCertificateRequest,
) -> Result<(), ApiError> {
    let update = ServerCertificateUpdate {
        region: region(),
        name: input.server_certificate_name.unwrap_or_default(),
        new_path: input.new_path,
        new_name: input.new_server_certificate_name,
    };
    call.submit(Command::ServerCertificateUpdate(update)).await.map(drop)
}

/// `TagServerCertificate`.
pub async fn tag(call: &Call, input: api::TagServerCertificateRequest) -> Result<(), ApiError> {
    let name = input.server_certificate_name.unwrap_or_default();
    let tag = ServerCertificateTag { region: region(), name, tags: pairs(input.tags) };
    call.submit(Command::ServerCertificateTag(tag)).await.map(drop)
}

/// `UntagServerCertificate`.
pub async fn untag(call: &Call, input: api::UntagServerCertificateRequest) -> Result<(), ApiError> {
    let name = input.server_certificate_name.unwrap_or_default();
    let keys = input.tag_keys.unwrap_or_default();
    let untag = ServerCertificateUntag { region: region(), name, keys };
    call.submit(Command::ServerCertificateUntag(untag)).await.map(drop)
}

/// `ListServerCertificateTags`.
pub fn tags(
    call: &Call,
    input: api::ListServerCertificateTagsRequest,
) -> Result<api::ListServerCertificateTagsResponse, ApiError> {
    let name = input.server_certificate_name.unwrap_or_default();
    let all = shape_tags(&find(call, &name)?);
    let key = |tag: &api::Tag| tag.key.clone().unwrap_or_default();
    let (page, marker) = page(all, input.marker, input.max_items, key);
    let is_truncated = Some(marker.is_some());
    Ok(api::ListServerCertificateTagsResponse { tags: Some(page), is_truncated, marker })
}

// === helpers ===

fn find(call: &Call, name: &str) -> Result<Certificate, ApiError> {
    call.read(|catalog| {
        let found = catalog.server_certificate_named(name).cloned();
        Ok(found.ok_or_else(|| CertificateRefusal::IamNotFound { name: name.to_owned() })?)
    })
}

fn certificate(call: &Call, decision: &Decision) -> Result<Certificate, ApiError> {
    let found = decision.records.iter().find_map(|record| match record {
        Resource::Certificate(certificate) => Some(certificate.clone()),
        _ => None,
    });
    found.ok_or_else(|| call.bug(&"a decision lacks its certificate"))
}

/// A page of items that are sorted by `key`; the marker is the last key of the page.
fn page<T>(
    items: Vec<T>,
    marker: Option<String>,
    max_items: Option<i32>,
    key: impl Fn(&T) -> String,
) -> (Vec<T>, Option<String>) {
    let size = max_items.and_then(|items| usize::try_from(items).ok());
    let size = size.unwrap_or(ITEMS_DEFAULT).clamp(1, ITEMS_MAX);
    let after = marker.unwrap_or_default();
    let start = match after.is_empty() {
        true => 0,
        false => items.partition_point(|item| key(item) <= after),
    };
    let more = items.len() - start > size;
    let page: Vec<T> = items.into_iter().skip(start).take(size).collect();
    let next = page.last().filter(|_| more).map(key);
    (page, next)
}

fn path_and_name(certificate: &Certificate) -> (&str, &str, &str) {
    match &certificate.origin {
        CertificateOrigin::ServerCertificate { path, name, id } => (path, name, id),
        // The index of names holds no others.
        CertificateOrigin::Imported | CertificateOrigin::Requested => ("", "", ""),
    }
}

fn metadata(certificate: &Certificate) -> api::ServerCertificateMetadata {
    let (path, name, id) = path_and_name(certificate);
    let time = |ms: i64| Some(Time { epoch_us: ms.saturating_mul(1_000) });
    api::ServerCertificateMetadata {
        path: Some(path.to_owned()),
        server_certificate_name: Some(name.to_owned()),
        server_certificate_id: Some(id.to_owned()),
        arn: Some(certificate.arn.to_string()),
        upload_date: time(certificate.created_ms),
        expiration: time(certificate.facts.not_after_ms),
    }
}

fn pairs(tags: Option<Vec<api::Tag>>) -> Vec<(String, String)> {
    let tags = tags.unwrap_or_default().into_iter();
    tags.map(|tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default())).collect()
}

fn shape_tags(certificate: &Certificate) -> Vec<api::Tag> {
    let shape = |(key, value): (&String, &String)| api::Tag {
        key: Some(key.clone()),
        value: Some(value.clone()),
    };
    certificate.tags.iter().map(shape).collect()
}

/// `ASCA` and 17 characters.
fn fresh_id(call: &Call) -> Result<String, ApiError> {
    let mut bytes = [0u8; 17];
    getrandom::fill(&mut bytes).map_err(|error| call.bug(&error))?;
    let digits = bytes.iter().map(|byte| char::from(ID_ALPHABET[usize::from(byte & 31)]));
    Ok("ASCA".chars().chain(digits).collect())
}

/// IAM's words.
fn words(trouble: PairTrouble) -> CertificateRefusal {
    use CertificateRefusal as No;
    let malformed = |field: &str| No::IamMalformed { field: field.to_owned() };
    match trouble {
        PairTrouble::CertificateUnreadable | PairTrouble::CertificateSeveral => {
            malformed("certificate")
        }
        PairTrouble::ChainUnreadable => malformed("certificate chain"),
        PairTrouble::ChainBroken { .. }
        | PairTrouble::ChainMismatch
        | PairTrouble::NotSelfSigned => No::IamChainMalformed {},
        PairTrouble::KeyUnreadable | PairTrouble::KeyEncrypted | PairTrouble::KeyUnsupported => {
            No::IamKeyMalformed {}
        }
        PairTrouble::KeyMismatch => No::IamKeyMismatch {},
        PairTrouble::Algorithm(algorithm) => No::IamKeyAlgorithm { algorithm },
        PairTrouble::Expired | PairTrouble::NotYetValid => No::IamExpired {},
        PairTrouble::TooLarge { field } => malformed(field),
    }
}
