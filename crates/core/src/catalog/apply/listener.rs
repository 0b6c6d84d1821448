//! Listeners and their default rules.
//!
//! Invariant: a listener exists together with its default rule, which holds its default actions.
// spec: alb §1.1 Listener rules of existence

use super::Apply;
use super::action::Place;
use super::tag::tags_new;
use crate::catalog::command::{ArnInput, ListenerCreate, ListenerModify, TlsInput};
use crate::catalog::unserved::Feature;
use crate::catalog::{Refusal, Resource, ResourceKey};
use crate::resource::ssl_policy::SslPolicy;
use crate::resource::{
    Action, AttributeValues, Listener, ListenerArn, ListenerProtocol, LoadBalancer, Priority, Rule,
    RuleArn, Tags,
};

// === impl Apply ===

impl<'a> Apply<'a> {
    pub(super) fn listener_create(&mut self, input: &ListenerCreate) -> Result<(), Refusal> {
        let port = input.port.filter(|port| *port > 0);
        let protocol = input.protocol.as_deref();
        let lb = self.load_balancer(&input.region, &input.load_balancer)?;
        let port = port.ok_or(Refusal::ListenerPortMissing {})?;
        let protocol = protocol.ok_or(Refusal::ListenerProtocolMissing {})?;
        let protocol = protocol_of(protocol)?;
        match protocol {
            ListenerProtocol::Http => tls_absent(&input.tls)?,
            ListenerProtocol::Https => {
                let certificates = input.tls.certificates.as_deref().unwrap_or_default();
                if certificates.is_empty() {
                    return Err(Refusal::CertificateMissing {});
                }
                return Err(https_refusal(&input.tls));
            }
            other => {
                return Err(Refusal::ListenerProtocolInvalid {
                    protocol: other.as_str().to_owned(),
                });
            }
        }
        let place = Place { region: &input.region, protocol, port };
        let actions = self.actions(place, &input.default_actions)?;
        let tags = tags_new(&input.tags)?;
        if let Some(found) = self.listener_on(lb, port) {
            let settings = (found.protocol, self.default_actions(found), &found.tags);
            if settings != (protocol, actions.as_slice(), &tags) {
                return Err(Refusal::ListenerPortTaken { arn: lb.arn.to_string() });
            }
            self.subject(ResourceKey::Listener(found.arn.clone()));
            return Ok(());
        }
        let limit = self.catalog.settings.quotas.listeners_per_load_balancer;
        if self.catalog.listeners_of(&lb.arn).count() >= limit {
            return Err(Refusal::ListenersTooMany { limit: limit.to_string() });
        }
        self.groups_admit(lb, &actions, None)?;
        self.listener_add(lb, protocol, port, actions, tags);
        Ok(())
    }

    fn listener_add(
        &mut self,
        lb: &LoadBalancer,
        protocol: ListenerProtocol,
        port: u16,
        actions: Vec<Action>,
        tags: Tags,
    ) {
        let catalog = self.catalog;
        let arn =
            self.fresh(|id| ListenerArn::build(&lb.arn, id), |arn| catalog.listener(arn).is_some());
        let default_rule = self.rule_arn(&arn);
        let rule = Rule {
            arn: default_rule.clone(),
            listener: arn.clone(),
            priority: Priority::Default,
            conditions: Vec::new(),
            actions,
            tags: Tags::new(),
        };
        let created_ms = self.now.epoch_ms();
        self.put_subject(Resource::Listener(Listener {
            arn,
            load_balancer: lb.arn.clone(),
            port,
            protocol,
            certificates: Vec::new(),
            ssl_policy: None,
            alpn_policy: None,
            mutual_authentication: None,
            default_rule,
            created_ms,
            attributes: AttributeValues::new(),
            tags,
        }));
        self.put(Resource::Rule(rule));
    }

    pub(super) fn listener_modify(&mut self, input: &ListenerModify) -> Result<(), Refusal> {
        let listener = self.listener(&input.region, &input.arn)?;
        let lb = self.owner(listener);
        let protocol = match input.protocol.as_deref() {
            Some(protocol) => protocol_of(protocol)?,
            None => listener.protocol,
        };
        match protocol {
            ListenerProtocol::Http => tls_absent(&input.tls)?,
            ListenerProtocol::Https => {
                if input.tls.certificates.as_ref().map_or(0, Vec::len) != 1 {
                    return Err(Refusal::CertificateListWrong {});
                }
                return Err(https_refusal(&input.tls));
            }
            other => {
                return Err(Refusal::ListenerProtocolInvalid {
                    protocol: other.as_str().to_owned(),
                });
            }
        }
        let port = input.port.unwrap_or(listener.port);
        if self.listener_on(lb, port).is_some_and(|other| other.arn != listener.arn) {
            return Err(Refusal::ListenerPortInUse { port: port.to_string() });
        }
        let actions = match &input.default_actions {
            Some(inputs) => {
                let place = Place { region: &input.region, protocol, port };
                let actions = self.actions(place, inputs)?;
                self.groups_admit(lb, &actions, Some(&listener.default_rule))?;
                Some(actions)
            }
            None => None,
        };
        let changed = Listener { port, protocol, ..listener.clone() };
        if changed == *listener {
            self.subject(ResourceKey::Listener(listener.arn.clone()));
        } else {
            self.put_subject(Resource::Listener(changed));
        }
        let default_rule = self.catalog.rule(&listener.default_rule);
        if let (Some(actions), Some(rule)) = (actions, default_rule)
            && rule.actions != actions
        {
            self.put(Resource::Rule(Rule { actions, ..rule.clone() }));
        }
        Ok(())
    }

    pub(super) fn listener_delete(&mut self, input: &ArnInput) -> Result<(), Refusal> {
        let listener = self.listener(&input.region, &input.arn)?;
        self.listener_remove(listener);
        Ok(())
    }

    /// Removes a listener with all its rules.
    pub(super) fn listener_remove(&mut self, listener: &Listener) {
        for rule in self.catalog.rules_of(&listener.arn) {
            self.decision.changes.delete(ResourceKey::Rule(rule.arn.clone()));
        }
        self.decision.changes.delete(ResourceKey::Listener(listener.arn.clone()));
    }

    fn listener_on(&self, lb: &LoadBalancer, port: u16) -> Option<&'a Listener> {
        let arn = self.catalog.index.listeners.get(&lb.arn)?.get(&port)?;
        self.catalog.listener(arn)
    }

    fn default_actions(&self, listener: &Listener) -> &'a [Action] {
        self.catalog.rule(&listener.default_rule).map_or(&[], |rule| &rule.actions)
    }

    /// A fresh rule ARN.
    pub(super) fn rule_arn(&mut self, listener: &ListenerArn) -> RuleArn {
        let catalog = self.catalog;
        self.fresh(|id| RuleArn::build(listener, id), |arn| catalog.rule(arn).is_some())
    }
}

fn protocol_of(text: &str) -> Result<ListenerProtocol, Refusal> {
    match text {
        "HTTP" => Ok(ListenerProtocol::Http),
        "HTTPS" => Ok(ListenerProtocol::Https),
        _ => Err(Refusal::ListenerProtocolInvalid { protocol: text.to_owned() }),
    }
}

/// What an HTTP listener must not have.
fn tls_absent(tls: &TlsInput) -> Result<(), Refusal> {
    if tls.ssl_policy.is_some() {
        return Err(Refusal::SslPolicyOnHttp {});
    }
    if tls.certificates.as_ref().is_some_and(|list| !list.is_empty()) {
        return Err(Refusal::CertificateOnHttp {});
    }
    if !tls.alpn_policy.is_empty() {
        return Err(Refusal::AlpnOnHttp {});
    }
    match tls.mutual_authentication.as_deref() {
        None | Some("off" | "") => Ok(()),
        Some(_) => Err(Refusal::MutualAuthenticationOnHttp {}),
    }
}

/// Why an HTTPS listener with certificates cannot exist.
fn https_refusal(tls: &TlsInput) -> Refusal {
    match &tls.ssl_policy {
        Some(name) if SslPolicy::find(name).is_none() => {
            Refusal::SslPolicyNotFound { name: name.clone() }
        }
        _ => Refusal::unserved(Feature::HttpsListener, ""),
    }
}
