//! Plans of load balancers, listeners and rules.
//!
//! A rule that did not change keeps what was compiled of it: patterns and regular expressions are
//! built when their rule changes, not when its listener does.
//!
//! Invariant: an address is in the snapshot exactly when a carried listener stands there.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use super::{Compiler, NodeFacts};
use crate::resource::attribute::{self, Family};
use crate::resource::{
    ActionKind, Listener, ListenerArn, LoadBalancer, LoadBalancerArn, Rule, RuleArn,
};
use crate::snapshot::plan::{AccessLogPlan, DesyncMode, ResponseHeader, XffMode};
use crate::snapshot::{
    AddressEntry, Ingress, ListenerCell, ListenerPlan, ListenerSlot, LoadBalancerCell,
    LoadBalancerPlan,
};
use crate::traffic::redirect::RedirectPlan;
use crate::traffic::route::{FixedPlan, RoutingPlan, RulePlan, RuleTable};
use crate::traffic::weighted::Weighted;

// === impl Compiler ===

impl Compiler<'_> {
    pub(super) fn load_balancer(&mut self, arn: &LoadBalancerArn) {
        let Some(lb) = self.catalog.load_balancer(arn) else {
            self.next.load_balancers.remove(arn);
            return;
        };
        let cell = match self.previous.load_balancers.get(arn) {
            Some(plan) => Arc::clone(&plan.cell),
            None => Arc::new(LoadBalancerCell { uid: self.uid() }),
        };
        let groups = lb.security_groups.iter().filter_map(|id| self.catalog.security_group(id));
        let ingress = Ingress::compile(groups, |id| self.catalog.prefix_list_entries(id));
        let plan = load_balancer_plan(lb, self.node, ingress, cell);
        self.next.load_balancers.insert(arn.clone(), Arc::new(plan));
        self.next.built.load_balancers += 1;
    }

    /// Builds a listener with its rules; those that are not in `rules` are as before.
    pub(super) fn listener(&mut self, arn: &ListenerArn, rules: Option<&BTreeSet<RuleArn>>) {
        self.forget_addresses(arn);
        let found = self.catalog.listener(arn).filter(|listener| listener.is_carried());
        let Some((listener, load_balancer)) = found.and_then(|listener| {
            Some((listener, Arc::clone(self.next.load_balancers.get(&listener.load_balancer)?)))
        }) else {
            if let Some(slot) = self.next.by_listener.remove(arn) {
                self.next.listeners.free(slot.0);
            }
            return;
        };
        let slot = match self.next.by_listener.get(arn) {
            Some(slot) => *slot,
            None => {
                let slot = ListenerSlot(self.next.listeners.take());
                self.next.by_listener.insert(arn.clone(), slot);
                slot
            }
        };
        for (zone, (_, address)) in (0u8..).zip(&load_balancer.zones) {
            let entry = AddressEntry { listener: slot, zone };
            self.next.by_address.insert(SocketAddr::new(*address, listener.port), entry);
        }
        let plan = self.listener_plan(listener, slot, load_balancer, rules);
        self.next.listeners.set(slot.0, Arc::new(plan));
        self.next.built.listeners += 1;
    }

    fn forget_addresses(&mut self, arn: &ListenerArn) {
        let Some(old) = self.previous.listener_by_arn(arn) else { return };
        for (_, address) in &old.load_balancer.zones {
            let socket = SocketAddr::new(*address, old.port);
            // Another listener may have taken the address over in the same change.
            if self.next.by_address.get(&socket).is_some_and(|e| e.listener == old.slot) {
                self.next.by_address.remove(&socket);
            }
        }
    }

    fn listener_plan(
        &mut self,
        listener: &Listener,
        slot: ListenerSlot,
        load_balancer: Arc<LoadBalancerPlan>,
        changed: Option<&BTreeSet<RuleArn>>,
    ) -> ListenerPlan {
        let before = self.previous.listener_by_arn(&listener.arn);
        let rules = self.catalog.rules_of(&listener.arn);
        let rules = rules.map(|rule| {
            let as_before = || before?.rules.at(rule.priority).cloned();
            let same = changed.is_some_and(|changed| !changed.contains(&rule.arn));
            same.then(as_before).flatten().ok_or(rule)
        });
        let rules: Vec<Result<RulePlan, &Rule>> = rules.collect();
        self.next.built.rules += rules.iter().filter(|rule| rule.is_err()).count();
        let built = |rule: Result<_, &Rule>| rule.unwrap_or_else(|rule| self.rule_plan(rule));
        let rules = rules.into_iter().map(built).collect();
        let cell = match before {
            Some(plan) => Arc::clone(&plan.cell),
            None => Arc::new(ListenerCell::new(self.uid(), self.node.threads)),
        };
        let server = "routing.http.response.server.enabled";
        ListenerPlan {
            arn: listener.arn.clone(),
            slot,
            load_balancer,
            port: listener.port,
            protocol: listener.protocol,
            rules: RuleTable::new(rules),
            response_headers: response_headers(listener),
            server_header: attribute::effective(Family::Listener, server, &listener.attributes)
                != "false",
            cell,
        }
    }

    fn rule_plan(&self, rule: &Rule) -> RulePlan {
        let last = rule.actions.last().expect("invariant: a rule has a routing action, last");
        let action = match &last.kind {
            ActionKind::Forward(forward) => {
                let slot = |group| self.next.by_group.get(group).copied();
                let weights =
                    forward.groups.iter().filter_map(|w| Some((slot(&w.group)?, w.weight)));
                RoutingPlan::Forward(Weighted::new(weights))
            }
            ActionKind::Redirect(redirect) => RoutingPlan::Redirect(RedirectPlan::new(redirect)),
            ActionKind::FixedResponse(fixed) => RoutingPlan::Fixed(FixedPlan {
                status: fixed.status,
                // spec: alb §2.8 `fixed-response`
                content_type: fixed.content_type.as_ref().map(|t| format!("{t}; charset=utf-8")),
                body: fixed.body.clone().unwrap_or_default().into_bytes(),
            }),
            ActionKind::AuthenticateOidc(_)
            | ActionKind::AuthenticateCognito(_)
            | ActionKind::JwtValidation(_) => {
                unreachable!("bug: the last action of {} does not route", rule.arn)
            }
        };
        RulePlan::new(rule.priority, &rule.conditions, action).transformed(&rule.transforms)
    }
}

fn load_balancer_plan(
    lb: &LoadBalancer,
    node: &NodeFacts,
    ingress: Ingress,
    cell: Arc<LoadBalancerCell>,
) -> LoadBalancerPlan {
    let text = |key: &str| attribute::effective(Family::LoadBalancer, key, &lb.attributes);
    let on = |key: &str| text(key) == "true";
    let seconds = |key: &str, default: u64| text(key).parse().unwrap_or(default) * 1_000;
    LoadBalancerPlan {
        arn: lb.arn.clone(),
        log_name: lb.arn.log_name().to_owned(),
        account: node.account.clone(),
        region: lb.region.clone(),
        dns_name: lb.dns_name.clone(),
        zones: lb.zones.iter().flat_map(|z| z.listens().map(|ip| (z.zone.clone(), ip))).collect(),
        ingress,
        idle_timeout_ms: seconds("idle_timeout.timeout_seconds", 60),
        client_keep_alive_ms: seconds("client_keep_alive.seconds", 3_600),
        desync_mode: match text("routing.http.desync_mitigation_mode") {
            "monitor" => DesyncMode::Monitor,
            "strictest" => DesyncMode::Strictest,
            _ => DesyncMode::Defensive,
        },
        drop_invalid_headers: on("routing.http.drop_invalid_header_fields.enabled"),
        preserve_host: on("routing.http.preserve_host_header.enabled"),
        xff_mode: match text("routing.http.xff_header_processing.mode") {
            "preserve" => XffMode::Preserve,
            "remove" => XffMode::Remove,
            _ => XffMode::Append,
        },
        xff_client_port: on("routing.http.xff_client_port.enabled"),
        access_log: on("access_logs.s3.enabled").then(|| AccessLogPlan {
            bucket: text("access_logs.s3.bucket").to_owned(),
            prefix: text("access_logs.s3.prefix").to_owned(),
        }),
        cell,
    }
}

/// The headers of alb §3.7 that a listener sets, in a fixed order.
// spec: alb §3.7 Listener attributes - response headers
fn response_headers(listener: &Listener) -> Vec<ResponseHeader> {
    const HEADERS: [(&str, &str, &str); 10] = [
        ("strict_transport_security", "Strict-Transport-Security", "strict-transport-security"),
        (
            "access_control_allow_origin",
            "Access-Control-Allow-Origin",
            "access-control-allow-origin",
        ),
        (
            "access_control_allow_methods",
            "Access-Control-Allow-Methods",
            "access-control-allow-methods",
        ),
        (
            "access_control_allow_headers",
            "Access-Control-Allow-Headers",
            "access-control-allow-headers",
        ),
        (
            "access_control_allow_credentials",
            "Access-Control-Allow-Credentials",
            "access-control-allow-credentials",
        ),
        (
            "access_control_expose_headers",
            "Access-Control-Expose-Headers",
            "access-control-expose-headers",
        ),
        ("access_control_max_age", "Access-Control-Max-Age", "access-control-max-age"),
        ("content_security_policy", "Content-Security-Policy", "content-security-policy"),
        ("x_content_type_options", "X-Content-Type-Options", "x-content-type-options"),
        ("x_frame_options", "X-Frame-Options", "x-frame-options"),
    ];
    let value = |stem: &str| {
        let key = format!("routing.http.response.{stem}.header_value");
        attribute::effective(Family::Listener, &key, &listener.attributes).to_owned()
    };
    HEADERS
        .iter()
        .map(|(stem, name, name_lower)| ResponseHeader { name_lower, name, value: value(stem) })
        .filter(|header| !header.value.is_empty())
        .collect()
}
