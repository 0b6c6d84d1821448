//! Listeners and their default rules.
//!
//! Invariant: a listener exists together with its default rule, which holds its default actions.
// spec: alb §1.1 Listener rules of existence
// spec: nlb-gwlb-clb §1.1 Listeners and protocol compatibility [D][M]
// spec: nlb-gwlb-clb §2.1 Model [D][M]

use super::Apply;
use super::action::Place;
use super::listener_tls::Tls;
use super::tag::tags_new;
use crate::catalog::command::{ArnInput, ListenerCreate, ListenerModify};
use crate::catalog::unserved::Feature;
use crate::catalog::{Refusal, Resource, ResourceKey, RoutingRefusal};
use crate::resource::attribute::Carrier;
use crate::resource::{
    Action, AttributeValues, IpAddressType, Listener, ListenerArn, ListenerProtocol, LoadBalancer,
    LoadBalancerKind, Priority, Rule, RuleArn, Tags,
};

/// The port under which a gateway's one listener is kept.
const GATEWAY_PORT: u16 = 6_081;

/// A listener that was judged.
struct Draft {
    protocol: ListenerProtocol,
    port: u16,
    tls: Tls,
    actions: Vec<Action>,
    tags: Tags,
}

// === impl Apply ===

impl<'a> Apply<'a> {
    pub(super) fn listener_create(&mut self, input: &ListenerCreate) -> Result<(), Refusal> {
        let lb = self.load_balancer(&input.region, &input.load_balancer)?;
        let (protocol, port) = place_of(lb, input)?;
        let tls = self.tls(&input.region, protocol, &input.tls, None)?;
        let place = Place { region: &input.region, lb, protocol, port, existing: &[] };
        let actions = self.actions(place, &input.default_actions)?;
        let tags = tags_new(&input.tags)?;
        let draft = Draft { protocol, port, tls, actions, tags };
        if let Some(found) = self.listener_on(lb, port) {
            if !self.same_settings(found, &draft) {
                return Err(taken(lb));
            }
            self.subject(ResourceKey::Listener(found.arn.clone()));
            return Ok(());
        }
        self.listener_room(lb)?;
        self.protocols_combine(lb, protocol, None)?;
        self.verify_admit(lb, &draft.tls, None)?;
        self.groups_admit(lb, &draft.actions, None)?;
        self.listener_served(protocol)?;
        self.actions_served(&draft.actions)?;
        self.listener_add(lb, draft);
        Ok(())
    }

    /// Whether a repeated create call asks for what exists.
    // spec: alb §0.1 Wire protocol [A]
    fn same_settings(&self, found: &Listener, draft: &Draft) -> bool {
        let mut tls = Tls::of(found);
        tls.certificates.truncate(1);
        found.protocol == draft.protocol
            && tls == draft.tls
            && found.tags == draft.tags
            && self.default_actions(found) == draft.actions
    }

    fn listener_room(&self, lb: &LoadBalancer) -> Result<(), Refusal> {
        let quotas = &self.catalog.settings.quotas;
        let limit = match lb.kind {
            LoadBalancerKind::Application => quotas.listeners_per_load_balancer,
            LoadBalancerKind::Network => quotas.listeners_per_network_load_balancer,
            LoadBalancerKind::Gateway => 1,
        };
        if self.catalog.listeners_of(&lb.arn).count() < limit {
            return Ok(());
        }
        let (kind, limit) = (lb.kind.as_str().to_owned(), limit.to_string());
        Err(Refusal::ListenersTooMany { kind, limit })
    }

    /// Whether a protocol can stand beside what the load balancer has.
    // spec: nlb-gwlb-clb §1.14 QUIC [D][S]
    fn protocols_combine(
        &self,
        lb: &LoadBalancer,
        protocol: ListenerProtocol,
        own: Option<&Listener>,
    ) -> Result<(), Refusal> {
        let others = self.catalog.listeners_of(&lb.arn);
        let others = others.filter(|other| own.is_none_or(|own| own.arn != other.arn));
        let others: Vec<ListenerProtocol> = others.map(|other| other.protocol).collect();
        let conflict = |reason: &str| {
            Err(RoutingRefusal::ListenerQuicConflict { reason: reason.to_owned() }.into())
        };
        if is_udp(protocol) {
            if others.iter().copied().any(is_quic) {
                return conflict("together with UDP or TCP_UDP listeners");
            }
            if lb.ip_address_type != IpAddressType::Ipv4 && !lb.source_nat {
                return Err(RoutingRefusal::ListenerUdpDualstack {}.into());
            }
        }
        if is_quic(protocol) {
            if lb.ip_address_type != IpAddressType::Ipv4 {
                return conflict("on dualstack load balancers");
            }
            if !lb.security_groups.is_empty() {
                return conflict("on load balancers with security groups");
            }
            if others.iter().copied().any(is_udp) {
                return conflict("together with UDP or TCP_UDP listeners");
            }
            if others.iter().copied().any(is_quic) {
                return conflict("more than once on a load balancer");
            }
        }
        Ok(())
    }

    fn listener_served(&self, protocol: ListenerProtocol) -> Result<(), Refusal> {
        match protocol {
            ListenerProtocol::Http => Ok(()),
            ListenerProtocol::Https => self.unserved(Feature::HttpsListener, ""),
            other => self.unserved(Feature::ListenerProtocol, other.as_str()),
        }
    }

    fn listener_add(&mut self, lb: &LoadBalancer, draft: Draft) {
        let catalog = self.catalog;
        let arn =
            self.fresh(|id| ListenerArn::build(&lb.arn, id), |arn| catalog.listener(arn).is_some());
        let default_rule = self.rule_arn(&arn);
        let rule = Rule {
            arn: default_rule.clone(),
            listener: arn.clone(),
            priority: Priority::Default,
            conditions: Vec::new(),
            actions: draft.actions,
            transforms: Vec::new(),
            tags: Tags::new(),
        };
        let created_ms = self.now.epoch_ms();
        self.put_subject(Resource::Listener(Listener {
            arn,
            load_balancer: lb.arn.clone(),
            port: draft.port,
            protocol: draft.protocol,
            certificates: draft.tls.certificates,
            ssl_policy: draft.tls.ssl_policy,
            alpn_policy: draft.tls.alpn_policy,
            mutual_authentication: draft.tls.mutual,
            default_rule,
            created_ms,
            attributes: AttributeValues::new(),
            tags: draft.tags,
        }));
        self.put(Resource::Rule(rule));
    }

    pub(super) fn listener_modify(&mut self, input: &ListenerModify) -> Result<(), Refusal> {
        let listener = self.listener(&input.region, &input.arn)?;
        let lb = self.owner(listener);
        let (protocol, port) = self.place_changed(lb, listener, input)?;
        let tls = self.tls(&input.region, protocol, &input.tls, Some(listener))?;
        if self.listener_on(lb, port).is_some_and(|other| other.arn != listener.arn) {
            return Err(Refusal::ListenerPortInUse { port: port.to_string() });
        }
        let existing = self.default_actions(listener);
        let place = Place { region: &input.region, lb, protocol, port, existing };
        let actions = match &input.default_actions {
            Some(inputs) => {
                let actions = self.actions(place, inputs)?;
                self.groups_admit(lb, &actions, Some(&listener.default_rule))?;
                Some(actions)
            }
            None => None,
        };
        if (protocol, port) != (listener.protocol, listener.port) {
            self.protocols_combine(lb, protocol, Some(listener))?;
            let replaced = actions.is_some().then_some(&listener.default_rule);
            for rule in self.catalog.rules_of(&listener.arn) {
                if Some(&rule.arn) != replaced {
                    self.actions_stay(place, &rule.actions)?;
                }
            }
        }
        self.verify_admit(lb, &tls, Some(listener))?;
        if protocol != listener.protocol {
            self.listener_served(protocol)?;
        }
        if let Some(actions) = actions.as_ref().filter(|actions| actions.as_slice() != existing) {
            self.actions_served(actions)?;
        }
        self.listener_replace(listener, changed(listener, (protocol, port), tls));
        let default_rule = self.catalog.rule(&listener.default_rule);
        if let (Some(actions), Some(rule)) = (actions, default_rule)
            && rule.actions != actions
        {
            self.put(Resource::Rule(Rule { actions, ..rule.clone() }));
        }
        Ok(())
    }

    fn place_changed(
        &self,
        lb: &LoadBalancer,
        listener: &Listener,
        input: &ListenerModify,
    ) -> Result<(ListenerProtocol, u16), Refusal> {
        if lb.kind == LoadBalancerKind::Gateway {
            gateway_members(input.protocol.is_some(), input.port.is_some())?;
            return Ok((listener.protocol, listener.port));
        }
        let protocol = match input.protocol.as_deref() {
            Some(protocol) => protocol_of(lb, protocol)?,
            None => listener.protocol,
        };
        let port = input.port.unwrap_or(listener.port);
        if port != listener.port {
            if is_quic(listener.protocol) {
                return Err(RoutingRefusal::ListenerQuicPort {}.into());
            }
            self.listener_untargeted(listener)?;
        }
        Ok((protocol, port))
    }

    pub(super) fn listener_delete(&mut self, input: &ArnInput) -> Result<(), Refusal> {
        let listener = self.listener(&input.region, &input.arn)?;
        self.listener_untargeted(listener)?;
        self.listener_remove(listener);
        Ok(())
    }

    /// Whether no network load balancer sends to this port of an application load balancer.
    // spec: nlb-gwlb-clb §1.11 Target types and registration [D][M]
    fn listener_untargeted(&self, listener: &Listener) -> Result<(), Refusal> {
        let lb = listener.load_balancer.as_str();
        for group in self.catalog.groups_with_target(lb) {
            let mut targets = self.catalog.targets(group).iter();
            if targets.any(|t| t.id == lb && t.port == listener.port && !t.is_draining()) {
                let arn = listener.arn.to_string();
                return Err(RoutingRefusal::ListenerTargeted { arn }.into());
            }
        }
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

/// A listener with another place and other TLS members; attributes that mean nothing there go.
fn changed(old: &Listener, (protocol, port): (ListenerProtocol, u16), tls: Tls) -> Listener {
    let mut new = Listener {
        port,
        protocol,
        certificates: tls.certificates,
        ssl_policy: tls.ssl_policy,
        alpn_policy: tls.alpn_policy,
        mutual_authentication: tls.mutual,
        ..old.clone()
    };
    if protocol != old.protocol {
        let mut attributes = std::mem::take(&mut new.attributes);
        attributes.retain(|key, _| Carrier::listener(&new).find(key).is_some());
        new.attributes = attributes;
    }
    new
}

fn place_of(lb: &LoadBalancer, input: &ListenerCreate) -> Result<(ListenerProtocol, u16), Refusal> {
    if lb.kind == LoadBalancerKind::Gateway {
        gateway_members(input.protocol.is_some(), input.port.is_some())?;
        return Ok((ListenerProtocol::Geneve, GATEWAY_PORT));
    }
    let port = input.port.filter(|port| *port > 0).ok_or(Refusal::ListenerPortMissing {})?;
    let protocol = input.protocol.as_deref().ok_or(Refusal::ListenerProtocolMissing {})?;
    Ok((protocol_of(lb, protocol)?, port))
}

fn gateway_members(protocol: bool, port: bool) -> Result<(), Refusal> {
    match (port, protocol) {
        (true, _) => Err(RoutingRefusal::ListenerPortOnGateway {}.into()),
        (_, true) => Err(RoutingRefusal::ListenerProtocolOnGateway {}.into()),
        _ => Ok(()),
    }
}

fn protocol_of(lb: &LoadBalancer, text: &str) -> Result<ListenerProtocol, Refusal> {
    use ListenerProtocol as P;
    let web = lb.kind == LoadBalancerKind::Application;
    let fits = |protocol: &P| match protocol {
        P::Http | P::Https => web,
        P::Geneve => false,
        _ => !web,
    };
    ListenerProtocol::parse(text).filter(fits).ok_or_else(|| {
        // AWS's text for network load balancers is older than QUIC.
        let allowed = if web { "HTTP, HTTPS" } else { "UDP, TCP, TLS, TCP_UDP" };
        Refusal::ListenerProtocolInvalid { protocol: text.to_owned(), allowed: allowed.to_owned() }
    })
}

fn taken(lb: &LoadBalancer) -> Refusal {
    match lb.kind {
        LoadBalancerKind::Gateway => {
            let (kind, limit) = (lb.kind.as_str().to_owned(), "1".to_owned());
            Refusal::ListenersTooMany { kind, limit }
        }
        _ => Refusal::ListenerPortTaken { arn: lb.arn.to_string() },
    }
}

fn is_udp(protocol: ListenerProtocol) -> bool {
    matches!(protocol, ListenerProtocol::Udp | ListenerProtocol::TcpUdp)
}

fn is_quic(protocol: ListenerProtocol) -> bool {
    matches!(protocol, ListenerProtocol::Quic | ListenerProtocol::TcpQuic)
}
