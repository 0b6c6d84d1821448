//! Reading certificates and trust stores, and who uses them.
//!
//! Invariant: a certificate of ACM and a trust store are found only from their own region;
//! certificates of IAM from every region.
// spec: alb §1.7 Certificates and selection ("smart SNI")

use std::borrow::Borrow;
use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;

use super::{Catalog, CertificateRefusal, Page, PageRequest, Refusal, TrustStoreRefusal};
use crate::resource::{
    Certificate, CertificateArn, Listener, LoadBalancerArn, Region, Revocation, TrustStore,
    TrustStoreArn,
};

// === impl Catalog: certificates ===

impl Catalog {
    /// A certificate of ACM or IAM, whatever its region.
    pub fn certificate<Q>(&self, arn: &Q) -> Option<&Certificate>
    where
        CertificateArn: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.certificates.get(arn).map(Arc::as_ref)
    }

    /// The certificate that a listener of this region is to use.
    ///
    /// # Errors
    /// `CertificateNotFound`, also for one of another region.
    pub fn certificate_named_by(
        &self,
        region: &Region,
        arn: &str,
    ) -> Result<&Certificate, CertificateRefusal> {
        let found = self.certificate(arn).filter(|certificate| certificate.serves(region));
        found.ok_or_else(|| CertificateRefusal::NotFound { arn: arn.to_owned() })
    }

    /// All certificates of ACM and IAM, by ARN.
    pub fn all_certificates(&self) -> impl Iterator<Item = &Certificate> {
        self.certificates.values().map(Arc::as_ref)
    }

    /// Certificates of ACM in a region, by ARN.
    pub fn certificates_in(&self, region: &Region) -> impl Iterator<Item = &Certificate> {
        let arns = self.index.certificates.get(region).into_iter().flatten();
        arns.filter_map(|arn| self.certificate(arn))
    }

    /// The certificate of ACM of this ARN.
    ///
    /// # Errors
    /// `ResourceNotFoundException`.
    pub fn acm_certificate(
        &self,
        region: &Region,
        arn: &str,
    ) -> Result<&Certificate, CertificateRefusal> {
        let ours = |c: &&Certificate| !c.origin.is_server_certificate() && c.region == *region;
        let account = self.settings.account.to_string();
        let arn = || arn.to_owned();
        let missing = || CertificateRefusal::AcmNotFound { arn: arn(), account };
        self.certificate(arn().as_str()).filter(ours).ok_or_else(missing)
    }

    /// Certificates of IAM, by name.
    pub fn server_certificates(&self) -> impl Iterator<Item = &Certificate> {
        let arns = self.index.server_certificates.values();
        arns.filter_map(|arn| self.certificate(arn))
    }

    /// The certificate of IAM of this name; names differ in more than case.
    pub fn server_certificate_named(&self, name: &str) -> Option<&Certificate> {
        let arn = self.index.server_certificates.get(&name.to_ascii_lowercase())?;
        self.certificate(arn)
    }

    /// Listeners that use a certificate, by ARN.
    pub fn listeners_with_certificate<Q>(&self, arn: &Q) -> impl Iterator<Item = &Listener>
    where
        CertificateArn: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        let arns = self.index.certificate_listeners.get(arn).into_iter().flatten();
        arns.filter_map(|arn| self.listener(arn))
    }

    /// Load balancers with such a listener, each once: `InUseBy`.
    pub fn load_balancers_with_certificate<Q>(&self, arn: &Q) -> BTreeSet<&LoadBalancerArn>
    where
        CertificateArn: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.listeners_with_certificate(arn).map(|listener| &listener.load_balancer).collect()
    }
}

// === impl Catalog: trust stores ===

impl Catalog {
    /// A trust store, whatever its region.
    pub fn trust_store(&self, arn: &TrustStoreArn) -> Option<&TrustStore> {
        self.trust_stores.get(arn).map(Arc::as_ref)
    }

    /// The trust store that a request names.
    ///
    /// # Errors
    /// What is no ARN of a trust store, or `TrustStoreNotFound`, also for one of another region.
    pub fn trust_store_named_by(
        &self,
        region: &Region,
        arn: &str,
    ) -> Result<&TrustStore, TrustStoreRefusal> {
        let parsed = TrustStoreArn::parse(arn)
            .ok_or_else(|| TrustStoreRefusal::ArnInvalid { arn: arn.to_owned() })?;
        let found = self.trust_store(&parsed).filter(|store| store.region == *region);
        found.ok_or_else(|| TrustStoreRefusal::NotFound { arn: arn.to_owned() })
    }

    /// The trust store of this name.
    pub fn trust_store_named(&self, region: &Region, name: &str) -> Option<&TrustStore> {
        self.trust_store(self.index.trust_stores.get(region)?.get(name)?)
    }

    /// Trust stores of a region, by name.
    pub fn trust_stores_in(&self, region: &Region) -> impl Iterator<Item = &TrustStore> {
        let arns = self.index.trust_stores.get(region).into_iter().flatten();
        arns.filter_map(|(_, arn)| self.trust_store(arn))
    }

    /// All trust stores, by ARN.
    pub fn all_trust_stores(&self) -> impl Iterator<Item = &TrustStore> {
        self.trust_stores.values().map(Arc::as_ref)
    }

    /// Names of the blobs that trust stores refer to.
    pub fn blobs(&self) -> BTreeSet<&str> {
        let lists = |store| TrustStore::revocations(store).iter().map(|list| list.blob.as_str());
        let blobs = |store| lists(store).chain([store.bundle.as_str()]);
        self.all_trust_stores().flat_map(blobs).collect()
    }

    /// Listeners that use a trust store, by ARN.
    pub fn listeners_with_trust_store(
        &self,
        arn: &TrustStoreArn,
    ) -> impl Iterator<Item = &Listener> {
        let arns = self.index.trust_store_listeners.get(arn).into_iter().flatten();
        arns.filter_map(|arn| self.listener(arn))
    }

    /// Load balancers with such a listener, each once: what `DescribeTrustStoreAssociations` tells.
    pub fn load_balancers_with_trust_store(
        &self,
        arn: &TrustStoreArn,
    ) -> BTreeSet<&LoadBalancerArn> {
        self.listeners_with_trust_store(arn).map(|listener| &listener.load_balancer).collect()
    }

    /// `DescribeTrustStores`: by name, or exactly what was asked for, in its order.
    ///
    /// # Errors
    /// Both selections at once, or one that does not exist.
    // spec: control-plane §1.2 ELBv2 actions (51) – input, result members, modelled errors
    pub fn trust_stores_describe(
        &self,
        region: &Region,
        arns: &[String],
        names: &[String],
        page: PageRequest<'_>,
    ) -> Result<Page<&TrustStore>, Refusal> {
        if !arns.is_empty() && !names.is_empty() {
            return Err(TrustStoreRefusal::DescribeBoth {}.into());
        }
        if !arns.is_empty() {
            let find = |arn: &String| match self.trust_store_named_by(region, arn) {
                Err(TrustStoreRefusal::NotFound { .. }) => Err(TrustStoreRefusal::NoneFound {}),
                found => found,
            };
            return Ok(Page::whole(arns.iter().map(find).collect::<Result<_, _>>()?));
        }
        if !names.is_empty() {
            let find = |name: &String| {
                let found = self.trust_store_named(region, name);
                found.ok_or(TrustStoreRefusal::NoneFound {})
            };
            return Ok(Page::whole(names.iter().map(find).collect::<Result<_, _>>()?));
        }
        let all = self.index.trust_stores.get(region);
        let after = page.marker.map_or(Bound::Unbounded, Bound::Excluded);
        let range = (after, Bound::Unbounded);
        let rest = all.into_iter().flat_map(|all| all.range::<str, _>(range));
        let items = rest.filter_map(|(_, arn)| self.trust_store(arn));
        Ok(Page::take(items, page.size, |store| store.name.clone()))
    }

    /// `DescribeTrustStoreRevocations`: by id, or exactly what was asked for.
    ///
    /// # Errors
    /// A store or an id that does not exist.
    pub fn revocations_describe(
        &self,
        region: &Region,
        arn: &str,
        ids: &[i64],
        page: PageRequest<'_>,
    ) -> Result<Page<&Revocation>, Refusal> {
        let store = self.trust_store_named_by(region, arn)?;
        if !ids.is_empty() {
            let find = |id: &i64| store.revocation(*id);
            return Ok(Page::whole(ids.iter().map(find).collect::<Result<_, _>>()?));
        }
        let last: u64 = page.marker.and_then(|marker| marker.parse().ok()).unwrap_or(0);
        let rest = store.revocations.iter().filter(|revocation| revocation.id > last);
        Ok(Page::take(rest, page.size, |revocation| revocation.id.to_string()))
    }
}

// === impl TrustStore ===

impl TrustStore {
    /// In order of their ids.
    pub fn revocations(&self) -> &[Revocation] {
        &self.revocations
    }

    /// The revocation list of this id.
    ///
    /// # Errors
    /// `RevocationIdNotFound`.
    pub fn revocation(&self, id: i64) -> Result<&Revocation, TrustStoreRefusal> {
        let mut lists = self.revocations.iter();
        let found = lists.find(|list| i64::try_from(list.id) == Ok(id));
        found.ok_or_else(|| TrustStoreRefusal::RevocationNotFound { id: id.to_string() })
    }

    /// Entries of all its lists: `TotalRevokedEntries`.
    pub fn revoked_entries(&self) -> u64 {
        self.revocations.iter().map(|list| list.entries).sum()
    }
}
