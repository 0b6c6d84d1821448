//! What listeners with TLS have: certificates, policy, ALPN, client certificates.
//!
//! Invariant: a listener has TLS members exactly when its protocol is secure.
// spec: alb §1.7 Certificates and selection ("smart SNI")
// spec: alb §8.1 Configuration
// spec: nlb-gwlb-clb §1.12 TLS listeners [D]

use super::Apply;
use crate::catalog::command::{ListenerCertificatesInput, MutualInput, TlsInput};
use crate::catalog::{Refusal, Resource, ResourceKey, RoutingRefusal, Waiver};
use crate::limits;
use crate::resource::ssl_policy::{self, SslPolicy};
use crate::resource::{
    CertificateArn, Listener, ListenerProtocol, LoadBalancer, LoadBalancerKind,
    MutualAuthentication, MutualAuthenticationMode, Region,
};

/// Names of ALPN policies.
const ALPN_POLICIES: [&str; 5] =
    ["HTTP1Only", "HTTP2Only", "HTTP2Optional", "HTTP2Preferred", "None"];

/// The TLS members of a listener.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tls {
    pub certificates: Vec<CertificateArn>,
    pub ssl_policy: Option<String>,
    pub alpn_policy: Option<String>,
    pub mutual: Option<MutualAuthentication>,
}

// === impl Tls ===

impl Tls {
    /// What a listener has.
    pub fn of(listener: &Listener) -> Self {
        Self {
            certificates: listener.certificates.clone(),
            ssl_policy: listener.ssl_policy.clone(),
            alpn_policy: listener.alpn_policy.clone(),
            mutual: listener.mutual_authentication.clone(),
        }
    }
}

// === impl Apply ===

impl Apply<'_> {
    /// The members that a listener of this protocol gets: those given, else those it has.
    pub(super) fn tls(
        &self,
        region: &Region,
        protocol: ListenerProtocol,
        input: &TlsInput,
        current: Option<&Listener>,
    ) -> Result<Tls, Refusal> {
        if !protocol.is_secure() {
            tls_absent(protocol, input)?;
            return Ok(Tls::default());
        }
        let word = || protocol.as_str().to_owned();
        let mut tls = match current.filter(|listener| listener.protocol.is_secure()) {
            Some(listener) => Tls::of(listener),
            None => Tls::default(),
        };
        self.default_certificate(region, protocol, input, current, &mut tls)?;
        match &input.ssl_policy {
            Some(name) if SslPolicy::find(name).is_none() => {
                return Err(Refusal::SslPolicyNotFound { name: name.clone() });
            }
            Some(name) => tls.ssl_policy = Some(name.clone()),
            None => {
                tls.ssl_policy.get_or_insert_with(|| ssl_policy::DEFAULT.to_owned());
            }
        }
        if protocol == ListenerProtocol::Tls {
            if input.mutual_authentication.as_ref().is_some_and(is_asked) {
                return Err(Refusal::MutualAuthenticationOnHttp { protocol: word() });
            }
            tls.mutual = None;
            if let Some(names) = &input.alpn_policy {
                tls.alpn_policy = alpn(names)?;
            }
            return Ok(tls);
        }
        if input.alpn_policy.as_ref().is_some_and(|names| !names.is_empty()) {
            return Err(Refusal::AlpnOnHttp { protocol: word() });
        }
        tls.alpn_policy = None;
        if let Some(mutual) = &input.mutual_authentication {
            tls.mutual = self.mutual(region, mutual)?;
        }
        Ok(tls)
    }

    fn default_certificate(
        &self,
        region: &Region,
        protocol: ListenerProtocol,
        input: &TlsInput,
        current: Option<&Listener>,
        tls: &mut Tls,
    ) -> Result<(), Refusal> {
        let word = || protocol.as_str().to_owned();
        let waived = self.catalog.settings.waives(Waiver::NoCertificate);
        match input.certificates.as_deref() {
            Some([only]) => {
                let found = self.catalog.certificate_named_by(region, only)?.arn.clone();
                match tls.certificates.first_mut() {
                    Some(default) => *default = found,
                    None => tls.certificates.push(found),
                }
                Ok(())
            }
            // What it had before it was secure does not count.
            None if !tls.certificates.is_empty() => Ok(()),
            None | Some([]) if waived => Ok(()),
            None | Some([]) if current.is_none() => {
                Err(Refusal::CertificateMissing { protocol: word() })
            }
            _ => Err(Refusal::CertificateListWrong { protocol: word() }),
        }
    }

    fn mutual(
        &self,
        region: &Region,
        input: &MutualInput,
    ) -> Result<Option<MutualAuthentication>, Refusal> {
        use MutualAuthenticationMode as Mode;
        let text = input.mode.as_deref().unwrap_or_default();
        let all = [Mode::Off, Mode::Passthrough, Mode::Verify];
        let invalid = || RoutingRefusal::MutualModeInvalid { mode: text.to_owned() };
        let mode = all.into_iter().find(|mode| mode.as_str() == text).ok_or_else(invalid)?;
        let trust_store = input.trust_store.as_deref().filter(|arn| !arn.is_empty());
        let advertise_names = input.advertise_names.as_deref().map(|word| word == "on");
        if mode != Mode::Verify {
            // Tools send the members of other modes with the values that mean nothing.
            let members = [
                ("TrustStoreArn", trust_store.is_some()),
                ("IgnoreClientCertificateExpiry", input.ignore_expiry == Some(true)),
                ("AdvertiseTrustStoreCaNames", advertise_names == Some(true)),
            ];
            if let Some((member, _)) = members.into_iter().find(|(_, given)| *given) {
                let member = member.to_owned();
                return Err(RoutingRefusal::MutualMemberForeign { member }.into());
            }
            let (trust_store, ignore_expiry, advertise_names) = (None, None, None);
            let mutual = MutualAuthentication { mode, trust_store, ignore_expiry, advertise_names };
            return Ok((mode != Mode::Off).then_some(mutual));
        }
        let arn = trust_store.ok_or(RoutingRefusal::MutualTrustStoreMissing {})?;
        let store = self.catalog.trust_store_named_by(region, arn)?;
        Ok(Some(MutualAuthentication {
            mode,
            trust_store: Some(store.arn.clone()),
            ignore_expiry: Some(input.ignore_expiry.unwrap_or(false)),
            advertise_names: Some(advertise_names.unwrap_or(false)),
        }))
    }

    /// Whether a load balancer may have one more listener that verifies client certificates.
    pub(super) fn verify_admit(
        &self,
        lb: &LoadBalancer,
        tls: &Tls,
        current: Option<&Listener>,
    ) -> Result<(), Refusal> {
        let verifies = |mutual: Option<&MutualAuthentication>| {
            mutual.is_some_and(|mutual| mutual.mode == MutualAuthenticationMode::Verify)
        };
        if !verifies(tls.mutual.as_ref()) {
            return Ok(());
        }
        let others = self.catalog.listeners_of(&lb.arn);
        let others = others.filter(|other| current.is_none_or(|own| own.arn != other.arn));
        let limit = limits::VERIFY_LISTENERS_MAX;
        let present = others.filter(|l| verifies(l.mutual_authentication.as_ref())).count();
        if present < limit {
            return Ok(());
        }
        Err(RoutingRefusal::MutualListenersTooMany { limit: limit.to_string() }.into())
    }
}

// === impl Apply: certificates for server names ===

impl<'a> Apply<'a> {
    pub(super) fn listener_certificates_add(
        &mut self,
        input: &ListenerCertificatesInput,
    ) -> Result<(), Refusal> {
        let listener = self.certificates_target(input)?;
        let mut changed = listener.clone();
        for arn in &input.certificates {
            let found = self.catalog.certificate_named_by(&input.region, arn)?;
            if changed.certificates.iter().skip(1).any(|known| *known == found.arn) {
                continue;
            }
            // Where no certificate is needed, the first one becomes the default.
            changed.certificates.push(found.arn.clone());
        }
        let lb = self.owner(listener);
        let quotas = &self.catalog.settings.quotas;
        let limit = match lb.kind {
            LoadBalancerKind::Application => quotas.certificates_per_load_balancer,
            _ => quotas.certificates_per_network_load_balancer,
        };
        let extra = |listener: &Listener| listener.certificates.len().saturating_sub(1);
        let others = self.catalog.listeners_of(&lb.arn).filter(|other| other.arn != listener.arn);
        let total = others.map(extra).sum::<usize>() + extra(&changed);
        if extra(&changed) > extra(listener) && total > limit {
            let (kind, limit) = (lb.kind.as_str().to_owned(), limit.to_string());
            return Err(RoutingRefusal::CertificatesTooMany { kind, limit }.into());
        }
        self.listener_replace(listener, changed);
        Ok(())
    }

    pub(super) fn listener_certificates_remove(
        &mut self,
        input: &ListenerCertificatesInput,
    ) -> Result<(), Refusal> {
        let listener = self.certificates_target(input)?;
        let mut changed = listener.clone();
        for arn in &input.certificates {
            let default = changed.certificates.first().is_some_and(|first| first.as_str() == *arn);
            let place = changed.certificates.iter().skip(1).position(|c| c.as_str() == *arn);
            match place {
                Some(at) => drop(changed.certificates.remove(at + 1)),
                None if default => return Err(RoutingRefusal::CertificateDefault {}.into()),
                None => {}
            }
        }
        self.listener_replace(listener, changed);
        Ok(())
    }

    fn certificates_target(
        &self,
        input: &ListenerCertificatesInput,
    ) -> Result<&'a Listener, Refusal> {
        let listener = self.listener(&input.region, &input.listener)?;
        if input.certificates.is_empty() {
            return Err(RoutingRefusal::CertificatesEmpty {}.into());
        }
        if !listener.protocol.is_secure() {
            let protocol = listener.protocol.as_str().to_owned();
            return Err(Refusal::CertificateOnHttp { protocol });
        }
        Ok(listener)
    }

    /// Writes a listener, or only names it when nothing changed.
    pub(super) fn listener_replace(&mut self, old: &Listener, new: Listener) {
        if new == *old {
            self.subject(ResourceKey::Listener(new.arn));
        } else {
            self.put_subject(Resource::Listener(new));
        }
    }
}

fn is_asked(mutual: &MutualInput) -> bool {
    !matches!(mutual.mode.as_deref(), None | Some("off" | ""))
}

/// What a listener without TLS must not have.
fn tls_absent(protocol: ListenerProtocol, tls: &TlsInput) -> Result<(), Refusal> {
    let protocol = || protocol.as_str().to_owned();
    if tls.ssl_policy.as_ref().is_some_and(|name| !name.is_empty()) {
        return Err(Refusal::SslPolicyOnHttp { protocol: protocol() });
    }
    if tls.certificates.as_ref().is_some_and(|list| !list.is_empty()) {
        return Err(Refusal::CertificateOnHttp { protocol: protocol() });
    }
    if tls.alpn_policy.as_ref().is_some_and(|names| !names.is_empty()) {
        return Err(Refusal::AlpnOnHttp { protocol: protocol() });
    }
    match tls.mutual_authentication.as_ref().is_some_and(is_asked) {
        true => Err(Refusal::MutualAuthenticationOnHttp { protocol: protocol() }),
        false => Ok(()),
    }
}

fn alpn(names: &[String]) -> Result<Option<String>, Refusal> {
    match names {
        [] => Ok(None),
        [name] if ALPN_POLICIES.contains(&name.as_str()) => Ok(Some(name.clone())),
        [name] => Err(RoutingRefusal::AlpnPolicyNotFound { name: name.clone() }.into()),
        _ => Err(RoutingRefusal::AlpnPolicyCount {}.into()),
    }
}
