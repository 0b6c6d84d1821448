//! Trust stores: bundles and revocation lists from objects, and links back to them.
//!
//! An object is read, verified and put into the store as a blob before the catalog hears of it;
//! a trust store is therefore `ACTIVE` from its first moment and `CREATING` is never seen, nor is
//! `TrustStoreNotReady`.
//!
//! Invariant: what a trust store names is in the store before the call is answered.
// spec: alb §8.3 Trust store

use std::sync::Arc;

use weir_core::catalog::command::{
    ArnInput, BundleDraft, RevocationDraft, RevocationsAdd, RevocationsRemove,
    TrustStoreAssociationDelete, TrustStoreCreate, TrustStoreModify,
};
use weir_core::catalog::{Command, Decision, Resource, TrustStoreRefusal};
use weir_core::resource::{Revocation, TrustStore};
use weir_store::Blobs as _;
use weir_wire::error::ApiError;
use weir_wire::generated::elbv2 as api;

use super::super::call::Call;
use super::super::limits::PAGE_SIZE_MAX;
use super::page::Wanted;
use super::{pairs, required, subject};
use crate::vault::limits;
use crate::vault::object::ObjectTrouble;
use crate::vault::trust;

/// An object of S3, as a request names it.
#[derive(Clone, Default)]
struct Place {
    bucket: String,
    key: String,
    version: Option<String>,
}

/// What one object turned out to be.
struct Read<T> {
    blob: String,
    facts: T,
}

/// `CreateTrustStore`.
pub async fn create(
    call: &Call,
    input: api::CreateTrustStoreInput,
) -> Result<api::CreateTrustStoreOutput, ApiError> {
    let place = Place {
        bucket: required(input.ca_certificates_bundle_s3_bucket),
        key: required(input.ca_certificates_bundle_s3_key),
        version: input.ca_certificates_bundle_s3_object_version,
    };
    let bundle = bundle(call, place).await?;
    let create = TrustStoreCreate {
        region: call.facts.region.clone(),
        name: required(input.name),
        bundle,
        tags: pairs(input.tags),
    };
    let decision = call.submit(Command::TrustStoreCreate(create)).await?;
    let store = shape(&record(call, &decision)?);
    Ok(api::CreateTrustStoreOutput { trust_stores: Some(vec![store]) })
}

/// `ModifyTrustStore`.
pub async fn modify(
    call: &Call,
    input: api::ModifyTrustStoreInput,
) -> Result<api::ModifyTrustStoreOutput, ApiError> {
    let arn = required(input.trust_store_arn);
    exists(call, &arn)?;
    let place = Place {
        bucket: required(input.ca_certificates_bundle_s3_bucket),
        key: required(input.ca_certificates_bundle_s3_key),
        version: input.ca_certificates_bundle_s3_object_version,
    };
    let bundle = bundle(call, place).await?;
    let modify = TrustStoreModify { region: call.facts.region.clone(), arn, bundle };
    let decision = call.submit(Command::TrustStoreModify(modify)).await?;
    let store = shape(&record(call, &decision)?);
    Ok(api::ModifyTrustStoreOutput { trust_stores: Some(vec![store]) })
}

/// `DeleteTrustStore`.
pub async fn delete(
    call: &Call,
    input: api::DeleteTrustStoreInput,
) -> Result<api::DeleteTrustStoreOutput, ApiError> {
    let (region, arn) = (call.facts.region.clone(), required(input.trust_store_arn));
    call.submit(Command::TrustStoreDelete(ArnInput { region, arn })).await?;
    Ok(api::DeleteTrustStoreOutput {})
}

/// `DescribeTrustStores`.
pub fn describe(
    call: &Call,
    input: api::DescribeTrustStoresInput,
) -> Result<api::DescribeTrustStoresOutput, ApiError> {
    let arns = input.trust_store_arns.unwrap_or_default();
    let names = input.names.unwrap_or_default();
    let wanted = Wanted::new(input.marker, input.page_size, PAGE_SIZE_MAX);
    call.read(|catalog| {
        let region = &call.facts.region;
        let page = wanted.request(|name| catalog.trust_store_named(region, name).is_some())?;
        let page = catalog.trust_stores_describe(region, &arns, &names, page)?;
        let page = wanted.told(page)?;
        Ok(api::DescribeTrustStoresOutput {
            trust_stores: Some(page.items.into_iter().map(shape).collect()),
            next_marker: page.next,
        })
    })
}

/// `AddTrustStoreRevocations`.
pub async fn revoke(
    call: &Call,
    input: api::AddTrustStoreRevocationsInput,
) -> Result<api::AddTrustStoreRevocationsOutput, ApiError> {
    let arn = required(input.trust_store_arn);
    exists(call, &arn)?;
    let contents = input.revocation_contents.unwrap_or_default();
    let limit = call.authority().settings().catalog.quotas.revocation_lists_per_trust_store;
    if contents.len() > limit {
        let limit = limit.to_string();
        return Err(call.refuse(&TrustStoreRefusal::TooManyLists { limit }.into()));
    }
    let mut lists = Vec::with_capacity(contents.len());
    for content in contents {
        lists.push(revocations(call, content).await?);
    }
    let (region, added) = (call.facts.region.clone(), lists.len());
    let add = RevocationsAdd { region, arn, lists };
    let decision = call.submit(Command::RevocationsAdd(add)).await?;
    let store = record(call, &decision)?;
    let first = store.revocations.len().saturating_sub(added);
    let shape = |list: &Revocation| api::TrustStoreRevocation {
        trust_store_arn: Some(store.arn.to_string()),
        revocation_id: i64::try_from(list.id).ok(),
        revocation_type: Some("CRL".to_owned()),
        number_of_revoked_entries: i64::try_from(list.entries).ok(),
    };
    let added = store.revocations[first..].iter().map(shape).collect();
    Ok(api::AddTrustStoreRevocationsOutput { trust_store_revocations: Some(added) })
}

/// `RemoveTrustStoreRevocations`.
pub async fn unrevoke(
    call: &Call,
    input: api::RemoveTrustStoreRevocationsInput,
) -> Result<api::RemoveTrustStoreRevocationsOutput, ApiError> {
    let remove = RevocationsRemove {
        region: call.facts.region.clone(),
        arn: required(input.trust_store_arn),
        ids: input.revocation_ids.unwrap_or_default(),
    };
    call.submit(Command::RevocationsRemove(remove)).await?;
    Ok(api::RemoveTrustStoreRevocationsOutput {})
}

/// `DescribeTrustStoreRevocations`.
pub fn describe_revocations(
    call: &Call,
    input: api::DescribeTrustStoreRevocationsInput,
) -> Result<api::DescribeTrustStoreRevocationsOutput, ApiError> {
    let arn = required(input.trust_store_arn);
    let ids = input.revocation_ids.unwrap_or_default();
    let wanted = Wanted::new(input.marker, input.page_size, PAGE_SIZE_MAX);
    call.read(|catalog| {
        let store = catalog.trust_store_named_by(&call.facts.region, &arn)?;
        let named = |id: &str| id.parse().is_ok_and(|id| store.revocation(id).is_ok());
        let page = wanted.request(named)?;
        let page = catalog.revocations_describe(&call.facts.region, &arn, &ids, page)?;
        let page = wanted.told(page)?;
        let shape = |list: &Revocation| api::DescribeTrustStoreRevocation {
            trust_store_arn: Some(arn.clone()),
            revocation_id: i64::try_from(list.id).ok(),
            revocation_type: Some("CRL".to_owned()),
            number_of_revoked_entries: i64::try_from(list.entries).ok(),
        };
        Ok(api::DescribeTrustStoreRevocationsOutput {
            trust_store_revocations: Some(page.items.into_iter().map(shape).collect()),
            next_marker: page.next,
        })
    })
}

/// `DescribeTrustStoreAssociations`.
pub fn associations(
    call: &Call,
    input: api::DescribeTrustStoreAssociationsInput,
) -> Result<api::DescribeTrustStoreAssociationsOutput, ApiError> {
    let arn = required(input.trust_store_arn);
    let wanted = Wanted::new(input.marker, input.page_size, PAGE_SIZE_MAX);
    let (page, next_marker) = call.read(|catalog| {
        let store = catalog.trust_store_named_by(&call.facts.region, &arn)?;
        let users = catalog.load_balancers_with_trust_store(&store.arn);
        wanted.page(users.into_iter().map(ToString::to_string).collect(), String::clone)
    })?;
    let shape = |arn| api::TrustStoreAssociation { resource_arn: Some(arn) };
    Ok(api::DescribeTrustStoreAssociationsOutput {
        trust_store_associations: Some(page.into_iter().map(shape).collect()),
        next_marker,
    })
}

/// `DeleteSharedTrustStoreAssociation`.
pub async fn delete_association(
    call: &Call,
    input: api::DeleteSharedTrustStoreAssociationInput,
) -> Result<api::DeleteSharedTrustStoreAssociationOutput, ApiError> {
    let delete = TrustStoreAssociationDelete {
        region: call.facts.region.clone(),
        arn: required(input.trust_store_arn),
        resource: required(input.resource_arn),
    };
    call.submit(Command::TrustStoreAssociationDelete(delete)).await?;
    Ok(api::DeleteSharedTrustStoreAssociationOutput {})
}

/// `GetTrustStoreCaCertificatesBundle`.
pub fn bundle_location(
    call: &Call,
    input: api::GetTrustStoreCaCertificatesBundleInput,
) -> Result<api::GetTrustStoreCaCertificatesBundleOutput, ApiError> {
    let arn = required(input.trust_store_arn);
    let blob = call.read(|catalog| {
        Ok(catalog.trust_store_named_by(&call.facts.region, &arn)?.bundle.clone())
    })?;
    let location = Some(location(call, &blob)?);
    Ok(api::GetTrustStoreCaCertificatesBundleOutput { location })
}

/// `GetTrustStoreRevocationContent`.
pub fn revocation_location(
    call: &Call,
    input: api::GetTrustStoreRevocationContentInput,
) -> Result<api::GetTrustStoreRevocationContentOutput, ApiError> {
    let arn = required(input.trust_store_arn);
    let id = input.revocation_id.unwrap_or(0);
    let blob = call.read(|catalog| {
        let store = catalog.trust_store_named_by(&call.facts.region, &arn)?;
        Ok(store.revocation(id)?.blob.clone())
    })?;
    let location = Some(location(call, &blob)?);
    Ok(api::GetTrustStoreRevocationContentOutput { location })
}

/// `GetResourcePolicy`: nothing is shared with other accounts, so that nothing has a policy.
pub fn policy(
    call: &Call,
    input: api::GetResourcePolicyInput,
) -> Result<api::GetResourcePolicyOutput, ApiError> {
    let arn = required(input.resource_arn);
    Err(call.refuse(&TrustStoreRefusal::PolicyNotFound { arn }.into()))
}

// === objects ===

async fn bundle(call: &Call, place: Place) -> Result<BundleDraft, ApiError> {
    let (bucket, key) = (place.bucket.clone(), place.key.clone());
    let version = place.version.clone().filter(|version| !version.is_empty());
    let max = limits::BUNDLE_BYTES_MAX;
    let refuse = |refusal: TrustStoreRefusal| call.refuse(&refusal.into());
    if let Some(version) = version {
        return Err(refuse(TrustStoreRefusal::BundleVersion { version }));
    }
    let read = object(call, place, max, trust::bundle).await?;
    let read = read.map_err(|trouble| match trouble {
        Trouble::Object(ObjectTrouble::NotFound) => {
            refuse(TrustStoreRefusal::BundleNotFound { bucket, key })
        }
        Trouble::Object(ObjectTrouble::TooLarge) => {
            let reason = format!("it is larger than {max} bytes");
            refuse(TrustStoreRefusal::BundleInvalid { reason })
        }
        Trouble::Content(reason) => refuse(TrustStoreRefusal::BundleInvalid { reason }),
    })?;
    let Read { blob, facts } = read;
    let (certificates, subject_bytes) = (facts.certificates, facts.subject_bytes);
    Ok(BundleDraft { blob, certificates, subject_bytes })
}

async fn revocations(
    call: &Call,
    content: api::RevocationContent,
) -> Result<RevocationDraft, ApiError> {
    let refuse = |refusal: TrustStoreRefusal| call.refuse(&refusal.into());
    let place = match (content.s3_bucket, content.s3_key) {
        (Some(bucket), Some(key)) => Place { bucket, key, version: content.s3_object_version },
        _ => return Err(refuse(TrustStoreRefusal::ContentPlace {})),
    };
    if let Some(version) = place.version.clone().filter(|version| !version.is_empty()) {
        return Err(refuse(TrustStoreRefusal::ContentVersion { version }));
    }
    let (bucket, key) = (place.bucket.clone(), place.key.clone());
    let max = limits::REVOCATIONS_BYTES_MAX;
    let read = object(call, place, max, trust::revocations).await?;
    let read = read.map_err(|trouble| match trouble {
        Trouble::Object(ObjectTrouble::NotFound) => {
            refuse(TrustStoreRefusal::ContentNotFound { bucket, key })
        }
        Trouble::Object(ObjectTrouble::TooLarge) => {
            let reason = format!("it is larger than {max} bytes");
            refuse(TrustStoreRefusal::ContentInvalid { reason })
        }
        Trouble::Content(reason) => refuse(TrustStoreRefusal::ContentInvalid { reason }),
    })?;
    Ok(RevocationDraft { blob: read.blob, entries: read.facts })
}

/// What is wrong with an object.
enum Trouble {
    Object(ObjectTrouble),
    Content(String),
}

/// Reads an object, understands it, and puts it into the store. One at a time: the largest are
/// fifty megabytes.
async fn object<T: Send + 'static>(
    call: &Call,
    place: Place,
    max: usize,
    understand: fn(&[u8]) -> Result<T, String>,
) -> Result<Result<Read<T>, Trouble>, ApiError> {
    let vault = call.vault()?;
    let busy = || call.unavailable("Too many objects are being read. Try again.");
    let _turn = vault.turn().await.ok_or_else(busy)?;
    let objects = vault.objects().clone();
    let read = tokio::task::spawn_blocking(move || {
        let bytes = objects.read(&place.bucket, &place.key, max).map_err(Trouble::Object)?;
        let facts = understand(&bytes).map_err(Trouble::Content)?;
        Ok((Arc::<[u8]>::from(bytes), facts))
    });
    let (bytes, facts) = match read.await.map_err(|error| call.bug(&error))? {
        Ok(read) => read,
        Err(trouble) => return Ok(Err(trouble)),
    };
    let name = vault.store().put_blob(bytes, call.facts.now.epoch_ms()).await;
    let name = name.map_err(|outage| {
        tracing::error!(kind = outage.kind(), %outage, "a blob cannot be stored");
        call.unavailable("The content could not be stored.")
    })?;
    Ok(Ok(Read { blob: name.to_string(), facts }))
}

// === helpers ===

fn exists(call: &Call, arn: &str) -> Result<(), ApiError> {
    call.read(|catalog| Ok(catalog.trust_store_named_by(&call.facts.region, arn).map(drop)?))
}

fn location(call: &Call, blob: &str) -> Result<String, ApiError> {
    let link = call.vault()?.link(blob, call.facts.now.epoch_ms());
    Ok(format!("{}{link}", call.facts.origin))
}

fn record(call: &Call, decision: &Decision) -> Result<TrustStore, ApiError> {
    subject(call, decision, |record| match record {
        Resource::TrustStore(store) => Some(store.clone()),
        _ => None,
    })
}

fn shape(store: &TrustStore) -> api::TrustStore {
    api::TrustStore {
        name: Some(store.name.clone()),
        trust_store_arn: Some(store.arn.to_string()),
        status: Some("ACTIVE".to_owned()),
        number_of_ca_certificates: i32::try_from(store.certificates).ok(),
        total_revoked_entries: i64::try_from(store.revoked_entries()).ok(),
    }
}
