//! Trust stores and what they revoke.
//!
//! Invariant: revocation ids grow and are never given twice; a store that a listener verifies with
//! is not deleted.
// spec: alb §8.3 Trust store

use super::Apply;
use super::tag::tags_new;
use crate::catalog::command::*;
use crate::catalog::{Refusal, Resource, ResourceKey, TrustStoreRefusal};
use crate::resource::{LoadBalancerArn, Revocation, TrustStore, TrustStoreArn};

/// Characters of a name.
const NAME_MAX: usize = 32;

// === impl Apply ===

impl Apply<'_> {
    pub(super) fn trust_store_create(&mut self, input: &TrustStoreCreate) -> Result<(), Refusal> {
        trust_store_name(&input.name)?;
        let tags = tags_new(&input.tags)?;
        self.bundle_fits(&input.bundle)?;
        let (region, name) = (&input.region, &input.name);
        if let Some(same) = self.catalog.trust_store_named(region, name) {
            if same.bundle == input.bundle.blob && same.tags == tags {
                self.subject(ResourceKey::TrustStore(same.arn.clone()));
                return Ok(());
            }
            return Err(TrustStoreRefusal::NameTaken { name: name.clone() }.into());
        }
        let limit = self.catalog.settings.quotas.trust_stores;
        if self.catalog.trust_stores_in(region).count() >= limit {
            return Err(TrustStoreRefusal::TooMany { limit: limit.to_string() }.into());
        }
        let catalog = self.catalog;
        let account = &catalog.settings.account;
        let arn = self.fresh(
            |id| TrustStoreArn::build(region, account, name, id),
            |arn| catalog.trust_store(arn).is_some(),
        );
        self.put_subject(Resource::TrustStore(TrustStore {
            arn,
            name: name.clone(),
            region: region.clone(),
            bundle: input.bundle.blob.clone(),
            certificates: input.bundle.certificates,
            revocations: Vec::new(),
            next_revocation: 1,
            created_ms: self.now.epoch_ms(),
            tags,
        }));
        Ok(())
    }

    /// Replaces the whole bundle; revocations stay.
    pub(super) fn trust_store_modify(&mut self, input: &TrustStoreModify) -> Result<(), Refusal> {
        let old = self.catalog.trust_store_named_by(&input.region, &input.arn)?;
        self.bundle_fits(&input.bundle)?;
        let (bundle, certificates) = (input.bundle.blob.clone(), input.bundle.certificates);
        self.trust_store_change(old, TrustStore { bundle, certificates, ..old.clone() });
        Ok(())
    }

    fn bundle_fits(&self, bundle: &BundleDraft) -> Result<(), Refusal> {
        let quotas = &self.catalog.settings.quotas;
        let invalid = |reason| Err(TrustStoreRefusal::BundleInvalid { reason }.into());
        let limit = quotas.certificates_per_trust_store;
        if bundle.certificates as usize > limit {
            return invalid(format!("it has more than '{limit}' certificates"));
        }
        let limit = quotas.subject_bytes_per_trust_store;
        if bundle.subject_bytes > limit as u64 {
            return invalid(format!("the subjects of its certificates exceed '{limit}' bytes"));
        }
        Ok(())
    }

    fn trust_store_change(&mut self, old: &TrustStore, new: TrustStore) {
        if *old == new {
            self.subject(ResourceKey::TrustStore(new.arn));
        } else {
            self.put_subject(Resource::TrustStore(new));
        }
    }

    pub(super) fn trust_store_delete(&mut self, input: &ArnInput) -> Result<(), Refusal> {
        let old = self.catalog.trust_store_named_by(&input.region, &input.arn)?;
        if self.catalog.listeners_with_trust_store(&old.arn).next().is_some() {
            return Err(TrustStoreRefusal::InUse { arn: input.arn.clone() }.into());
        }
        self.decision.changes.delete(ResourceKey::TrustStore(old.arn.clone()));
        Ok(())
    }

    pub(super) fn revocations_add(&mut self, input: &RevocationsAdd) -> Result<(), Refusal> {
        let old = self.catalog.trust_store_named_by(&input.region, &input.arn)?;
        if input.lists.is_empty() {
            return Err(TrustStoreRefusal::ContentMissing {}.into());
        }
        let quotas = &self.catalog.settings.quotas;
        let limit = quotas.revocation_lists_per_trust_store;
        if old.revocations.len() + input.lists.len() > limit {
            return Err(TrustStoreRefusal::TooManyLists { limit: limit.to_string() }.into());
        }
        let mut new = old.clone();
        for list in &input.lists {
            let (blob, entries) = (list.blob.clone(), list.entries);
            new.revocations.push(Revocation { id: new.next_revocation, blob, entries });
            new.next_revocation += 1;
        }
        let limit = quotas.revoked_entries_per_trust_store;
        if new.revoked_entries() > limit as u64 {
            return Err(TrustStoreRefusal::TooManyEntries { limit: limit.to_string() }.into());
        }
        self.put_subject(Resource::TrustStore(new));
        Ok(())
    }

    /// All or nothing: an id that does not exist leaves the others where they are.
    pub(super) fn revocations_remove(&mut self, input: &RevocationsRemove) -> Result<(), Refusal> {
        let old = self.catalog.trust_store_named_by(&input.region, &input.arn)?;
        if input.ids.is_empty() {
            return Err(TrustStoreRefusal::RevocationIdsMissing {}.into());
        }
        for id in &input.ids {
            old.revocation(*id)?;
        }
        let mut new = old.clone();
        new.revocations
            .retain(|list| i64::try_from(list.id).is_ok_and(|id| !input.ids.contains(&id)));
        self.put_subject(Resource::TrustStore(new));
        Ok(())
    }

    /// There is one account, so that every association belongs to it and none can be deleted.
    pub(super) fn trust_store_association_delete(
        &mut self,
        input: &TrustStoreAssociationDelete,
    ) -> Result<(), Refusal> {
        let store = self.catalog.trust_store_named_by(&input.region, &input.arn)?;
        let arn = input.resource.clone();
        let using = self.catalog.load_balancers_with_trust_store(&store.arn);
        let parsed = LoadBalancerArn::parse(&arn);
        let same = parsed.is_some_and(|parsed| using.contains(&parsed));
        Err(match same {
            true => TrustStoreRefusal::AssociationSameAccount { arn }.into(),
            false => TrustStoreRefusal::AssociationNotFound { arn }.into(),
        })
    }
}

/// Judges a trust store's name.
fn trust_store_name(text: &str) -> Result<(), TrustStoreRefusal> {
    let name = text.to_owned();
    if name.chars().count() > NAME_MAX {
        return Err(TrustStoreRefusal::NameTooLong { name });
    }
    let word = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric());
    if !name.split('-').all(word) {
        return Err(TrustStoreRefusal::NameCharacters { name });
    }
    Ok(())
}
