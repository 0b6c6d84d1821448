//! Certificates of ACM and IAM, and the service-linked role that IAM remembers.
//!
//! Invariant: a certificate that a listener names is neither deleted nor left without its key.
// spec: control-plane §3.2 The rest, minimal action sets

use super::Apply;
use super::tag::{tags_merge, tags_new};
use crate::catalog::command::*;
use crate::catalog::{CertificateRefusal, Refusal, Resource, ResourceKey};
use crate::limits;
use crate::resource::{
    Certificate, CertificateArn, CertificateFacts, CertificateOrigin, Listener, Region, RoleArn,
    ServiceRole, Tags,
};

/// How long an `IdempotencyToken` means the same request, in milliseconds: one hour.
const TOKEN_MS: i64 = 3_600_000;
/// The services that have a service-linked role here, with its name and description.
const SERVICE_ROLES: &[(&str, &str)] =
    &[("elasticloadbalancing.amazonaws.com", "AWSServiceRoleForElasticLoadBalancing")];

// === impl Apply: ACM ===

impl Apply<'_> {
    pub(super) fn certificate_import(&mut self, input: &CertificateImport) -> Result<(), Refusal> {
        if input.again {
            return self.certificate_import_again(input);
        }
        let tags = acm_tags(&input.arn, &Tags::new(), &input.tags)?;
        self.certificate_room(&input.region)?;
        let arn = CertificateArn::new(input.arn.as_str());
        let origin = CertificateOrigin::Imported;
        self.put_subject(Resource::Certificate(Certificate {
            tags,
            ..self.certificate_new(arn, origin, &input.region, &input.draft)
        }));
        Ok(())
    }

    /// The listeners name the ARN, so that they follow by themselves.
    fn certificate_import_again(&mut self, input: &CertificateImport) -> Result<(), Refusal> {
        let old = self.catalog.acm_certificate(&input.region, &input.arn)?;
        let arn = || input.arn.clone();
        if old.origin != CertificateOrigin::Imported {
            return Err(CertificateRefusal::AcmReimportRequested { arn: arn() }.into());
        }
        if !input.tags.is_empty() {
            return Err(CertificateRefusal::AcmTagsOnReimport {}.into());
        }
        reimport_fits(&old.facts, &input.draft.facts)?;
        self.put_subject(Resource::Certificate(Certificate {
            body: input.draft.body.clone(),
            chain: input.draft.chain.clone(),
            key: input.draft.key.clone(),
            facts: input.draft.facts.clone(),
            imported_ms: self.now.epoch_ms(),
            ..old.clone()
        }));
        Ok(())
    }

    pub(super) fn certificate_issue(&mut self, input: &CertificateIssue) -> Result<(), Refusal> {
        let now_ms = self.now.epoch_ms();
        if let Some(token) = &input.request.token {
            let names = &input.draft.facts.names;
            let region = &input.region;
            if let Some(same) = self.catalog.certificate_requested(region, token, names, now_ms) {
                self.subject(ResourceKey::Certificate(same.arn.clone()));
                return Ok(());
            }
        }
        let tags = acm_tags(&input.arn, &Tags::new(), &input.tags)?;
        self.certificate_room(&input.region)?;
        let arn = CertificateArn::new(input.arn.as_str());
        let origin = CertificateOrigin::Requested;
        self.put_subject(Resource::Certificate(Certificate {
            transparency_logging: input.transparency_logging,
            export: input.export,
            request: Some(input.request.clone()),
            tags,
            ..self.certificate_new(arn, origin, &input.region, &input.draft)
        }));
        Ok(())
    }

    /// A record of what was verified, made now, without tags.
    fn certificate_new(
        &self,
        arn: CertificateArn,
        origin: CertificateOrigin,
        region: &Region,
        draft: &CertificateDraft,
    ) -> Certificate {
        let now_ms = self.now.epoch_ms();
        let CertificateDraft { body, chain, key, facts } = draft.clone();
        Certificate {
            arn,
            region: region.clone(),
            origin,
            body,
            chain,
            key,
            facts,
            transparency_logging: false,
            export: false,
            request: None,
            created_ms: now_ms,
            imported_ms: now_ms,
            tags: Tags::new(),
        }
    }

    fn certificate_room(&self, region: &Region) -> Result<(), Refusal> {
        let limit = self.catalog.settings.quotas.certificates;
        if self.catalog.certificates_in(region).count() < limit {
            return Ok(());
        }
        Err(CertificateRefusal::AcmTooMany { limit: limit.to_string() }.into())
    }

    pub(super) fn certificate_delete(&mut self, input: &ArnInput) -> Result<(), Refusal> {
        let old = self.catalog.acm_certificate(&input.region, &input.arn)?;
        if self.catalog.listeners_with_certificate(&old.arn).next().is_some() {
            let account = self.catalog.settings.account.to_string();
            return Err(CertificateRefusal::AcmInUse { arn: input.arn.clone(), account }.into());
        }
        self.decision.changes.delete(ResourceKey::Certificate(old.arn.clone()));
        Ok(())
    }

    pub(super) fn certificate_options_update(
        &mut self,
        input: &CertificateOptionsUpdate,
    ) -> Result<(), Refusal> {
        let old = self.catalog.acm_certificate(&input.region, &input.arn)?;
        if old.origin != CertificateOrigin::Requested {
            return Err(CertificateRefusal::AcmNoOptions { arn: input.arn.clone() }.into());
        }
        let transparency_logging = input.transparency_logging.unwrap_or(old.transparency_logging);
        self.certificate_change(old, Certificate { transparency_logging, ..old.clone() });
        Ok(())
    }

    pub(super) fn certificate_tag(&mut self, input: &CertificateTag) -> Result<(), Refusal> {
        let old = self.catalog.acm_certificate(&input.region, &input.arn)?;
        let tags = acm_tags(&input.arn, &old.tags, &input.tags)?;
        self.certificate_change(old, Certificate { tags, ..old.clone() });
        Ok(())
    }

    pub(super) fn certificate_untag(&mut self, input: &CertificateUntag) -> Result<(), Refusal> {
        let old = self.catalog.acm_certificate(&input.region, &input.arn)?;
        let mut tags = old.tags.clone();
        tags.retain(|key, value| {
            let named = |(k, v): &(String, Option<String>)| {
                k == key && v.as_ref().is_none_or(|v| v == value)
            };
            !input.tags.iter().any(named)
        });
        self.certificate_change(old, Certificate { tags, ..old.clone() });
        Ok(())
    }

    fn certificate_change(&mut self, old: &Certificate, new: Certificate) {
        if *old == new {
            self.subject(ResourceKey::Certificate(new.arn));
        } else {
            self.put_subject(Resource::Certificate(new));
        }
    }
}

// === impl Apply: IAM ===

impl Apply<'_> {
    pub(super) fn server_certificate_upload(
        &mut self,
        input: &ServerCertificateUpload,
    ) -> Result<(), Refusal> {
        let tags = iam_tags(&Tags::new(), &input.tags)?;
        if self.catalog.server_certificate_named(&input.name).is_some() {
            return Err(CertificateRefusal::IamNameTaken { name: input.name.clone() }.into());
        }
        let limit = self.catalog.settings.quotas.server_certificates;
        if self.catalog.server_certificates().count() >= limit {
            return Err(CertificateRefusal::IamTooMany { limit: limit.to_string() }.into());
        }
        let (name, path, id) = (input.name.clone(), input.path.clone(), input.id.clone());
        let arn = self.server_certificate_arn(&path, &name);
        let origin = CertificateOrigin::ServerCertificate { path, name, id };
        self.put_subject(Resource::Certificate(Certificate {
            tags,
            ..self.certificate_new(arn, origin, &input.region, &input.draft)
        }));
        Ok(())
    }

    fn server_certificate_arn(&self, path: &str, name: &str) -> CertificateArn {
        let account = &self.catalog.settings.account;
        CertificateArn::new(format!("arn:aws:iam::{account}:server-certificate{path}{name}"))
    }

    fn server_certificate(&self, name: &str) -> Result<&Certificate, CertificateRefusal> {
        let found = self.catalog.server_certificate_named(name);
        found.ok_or_else(|| CertificateRefusal::IamNotFound { name: name.to_owned() })
    }

    pub(super) fn server_certificate_delete(
        &mut self,
        input: &ServerCertificateName,
    ) -> Result<(), Refusal> {
        let arn = self.server_certificate(&input.name)?.arn.clone();
        if let Some(lb) = self.catalog.load_balancers_with_certificate(&arn).first() {
            let (name, arn) = (input.name.clone(), lb.to_string());
            return Err(CertificateRefusal::IamInUse { name, arn }.into());
        }
        self.decision.changes.delete(ResourceKey::Certificate(arn));
        Ok(())
    }

    /// Name and path are part of the ARN, so listeners are told the new one.
    pub(super) fn server_certificate_update(
        &mut self,
        input: &ServerCertificateUpdate,
    ) -> Result<(), Refusal> {
        let old = self.server_certificate(&input.name)?.clone();
        let CertificateOrigin::ServerCertificate { path, name, id } = &old.origin else {
            return Err(CertificateRefusal::IamNotFound { name: input.name.clone() }.into());
        };
        let (path, id) = (input.new_path.as_ref().unwrap_or(path).clone(), id.clone());
        let name = input.new_name.as_ref().unwrap_or(name).clone();
        let taken = self.catalog.server_certificate_named(&name);
        if taken.is_some_and(|taken| taken.arn != old.arn) {
            return Err(CertificateRefusal::IamNameTaken { name }.into());
        }
        let arn = self.server_certificate_arn(&path, &name);
        if arn == old.arn {
            self.subject(ResourceKey::Certificate(arn));
            return Ok(());
        }
        let users = self.catalog.listeners_with_certificate(&old.arn);
        let renamed = |listener: &Listener| {
            let mut listener = listener.clone();
            for held in listener.certificates.iter_mut().filter(|held| **held == old.arn) {
                *held = arn.clone();
            }
            listener
        };
        let listeners: Vec<Listener> = users.map(renamed).collect();
        self.decision.changes.delete(ResourceKey::Certificate(old.arn.clone()));
        let origin = CertificateOrigin::ServerCertificate { path, name, id };
        self.put_subject(Resource::Certificate(Certificate { arn, origin, ..old }));
        for listener in listeners {
            self.put(Resource::Listener(listener));
        }
        Ok(())
    }

    pub(super) fn server_certificate_tag(
        &mut self,
        input: &ServerCertificateTag,
    ) -> Result<(), Refusal> {
        let old = self.server_certificate(&input.name)?.clone();
        let tags = iam_tags(&old.tags, &input.tags)?;
        self.certificate_change(&old, Certificate { tags, ..old.clone() });
        Ok(())
    }

    pub(super) fn server_certificate_untag(
        &mut self,
        input: &ServerCertificateUntag,
    ) -> Result<(), Refusal> {
        let old = self.server_certificate(&input.name)?.clone();
        let mut tags = old.tags.clone();
        tags.retain(|key, _| !input.keys.contains(key));
        self.certificate_change(&old, Certificate { tags, ..old.clone() });
        Ok(())
    }

    pub(super) fn service_role_create(&mut self, input: &ServiceRoleCreate) -> Result<(), Refusal> {
        let service = input.service.clone();
        let known = SERVICE_ROLES.iter().find(|(name, _)| *name == service);
        let Some((_, name)) = known else {
            return Err(CertificateRefusal::IamServiceUnknown { service }.into());
        };
        if input.suffix.as_ref().is_some_and(|suffix| !suffix.is_empty()) {
            return Err(CertificateRefusal::IamServiceSuffix { service }.into());
        }
        let account = &self.catalog.settings.account;
        let arn = format!("arn:aws:iam::{account}:role/aws-service-role/{service}/{name}");
        let arn = RoleArn::new(arn);
        if self.catalog.service_role(&arn).is_some() {
            return Err(CertificateRefusal::IamRoleExists { name: (*name).to_owned() }.into());
        }
        let id = format!("AROA{}", self.rng.hex(17).to_uppercase());
        self.put_subject(Resource::ServiceRole(ServiceRole {
            arn,
            region: input.region.clone(),
            id,
            name: (*name).to_owned(),
            service,
            description: input.description.clone(),
            created_ms: self.now.epoch_ms(),
        }));
        Ok(())
    }
}

// === helpers ===

/// What may change when a certificate is imported again: names and time, not what clients were
/// promised about its key.
fn reimport_fits(old: &CertificateFacts, new: &CertificateFacts) -> Result<(), CertificateRefusal> {
    if old.key_algorithm != new.key_algorithm {
        let (old, new) = (old.key_algorithm.clone(), new.key_algorithm.clone());
        return Err(CertificateRefusal::AcmReimportKey { old, new });
    }
    let kept = |old: &[String], new: &[String]| old.iter().all(|usage| new.contains(usage));
    if !kept(&old.key_usages, &new.key_usages)
        || !kept(&old.extended_key_usages, &new.extended_key_usages)
    {
        return Err(CertificateRefusal::AcmReimportUsage {});
    }
    Ok(())
}

/// The tags of a load-balancing record, in ACM's words when refused.
fn acm_tags(arn: &str, current: &Tags, pairs: &Pairs) -> Result<Tags, Refusal> {
    tags_merge(current, pairs).map_err(|refusal| {
        let arn = arn.to_owned();
        match refusal {
            Refusal::TagsTooMany { limit } => CertificateRefusal::AcmTooManyTags { arn, limit },
            other => CertificateRefusal::AcmTagInvalid { reason: other.message() },
        }
        .into()
    })
}

/// The same in IAM's words.
fn iam_tags(current: &Tags, pairs: &Pairs) -> Result<Tags, Refusal> {
    let merged = match current.is_empty() {
        true => tags_new(pairs),
        false => tags_merge(current, pairs),
    };
    merged.map_err(|refusal| {
        match refusal {
            Refusal::TagsTooMany { limit } => CertificateRefusal::IamTooManyTags { limit },
            other => CertificateRefusal::IamTagInvalid { reason: other.message() },
        }
        .into()
    })
}

// === impl Catalog ===

impl crate::catalog::Catalog {
    /// The certificate that an earlier request with this token got, if it was for the same names
    /// and not long ago.
    pub fn certificate_requested(
        &self,
        region: &Region,
        token: &str,
        names: &[String],
        now_ms: i64,
    ) -> Option<&Certificate> {
        let mut certificates = self.certificates_in(region);
        certificates.find(|certificate| {
            let asked = certificate.request.as_ref().and_then(|request| request.token.as_deref());
            asked == Some(token)
                && certificate.facts.names == names
                && now_ms.saturating_sub(certificate.created_ms) < TOKEN_MS
        })
    }

    /// A service-linked role.
    pub fn service_role(&self, arn: &RoleArn) -> Option<&ServiceRole> {
        self.service_roles.get(arn).map(AsRef::as_ref)
    }
}

const _: () = assert!(limits::TAGS_PER_RESOURCE_MAX == 50, "ACM and IAM have the same bound");
