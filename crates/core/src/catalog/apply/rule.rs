//! Rules and their priorities.
//!
//! Invariant: a priority is held by one rule of a listener; the default rule keeps its place.
// spec: alb §2.1 Evaluation

use std::collections::{BTreeMap, BTreeSet};

use super::Apply;
use super::action::Place;
use super::condition::{conditions, conditions_network};
use super::tag::tags_new;
use super::transform::transforms;
use crate::catalog::command::{
    ArnInput, ConditionInput, RuleCreate, RuleModify, RulePrioritiesSet, TransformInput,
};
use crate::catalog::{Refusal, Resource, ResourceKey, RoutingRefusal};
use crate::resource::{
    Condition, IpAddressType, Listener, ListenerArn, ListenerProtocol, LoadBalancer,
    LoadBalancerKind, Priority, Rule, RuleArn, Transform,
};

// === impl Apply ===

impl<'a> Apply<'a> {
    pub(super) fn rule_create(&mut self, input: &RuleCreate) -> Result<(), Refusal> {
        let listener = self.listener(&input.region, &input.listener)?;
        let lb = self.owner(listener);
        rules_fit(lb, listener)?;
        let priority = priority(input.priority)?;
        let conditions = conditions_of(lb, &input.conditions)?;
        let (protocol, port) = (listener.protocol, listener.port);
        let place = Place { region: &input.region, lb, protocol, port, existing: &[] };
        let actions = self.actions(place, &input.actions)?;
        let transforms = transforms_of(lb, &input.transforms)?;
        let tags = tags_new(&input.tags)?;
        if self.rule_at(&listener.arn, priority).is_some() {
            return Err(Refusal::PriorityTaken { priority: priority.to_string() });
        }
        let quotas = &self.catalog.settings.quotas;
        let limit = match lb.kind {
            LoadBalancerKind::Application => quotas.rules_per_load_balancer,
            _ => quotas.rules_per_network_load_balancer,
        };
        if self.rule_count(lb) >= limit {
            let (kind, limit) = (lb.kind.as_str().to_owned(), limit.to_string());
            return Err(Refusal::RulesTooMany { kind, limit });
        }
        self.groups_admit(lb, &actions, None)?;
        self.actions_served(&actions)?;
        let (arn, listener) = (self.rule_arn(&listener.arn), listener.arn.clone());
        let rule = Rule { arn, listener, priority, conditions, actions, transforms, tags };
        self.put_subject(Resource::Rule(rule));
        Ok(())
    }

    pub(super) fn rule_modify(&mut self, input: &RuleModify) -> Result<(), Refusal> {
        let rule = self.rule(&input.region, &input.arn)?;
        let reset = input.reset_transforms.unwrap_or(false);
        let given = input.transforms.as_ref().is_some_and(|transforms| !transforms.is_empty());
        if reset && given {
            return Err(Refusal::TransformsAndReset {});
        }
        let nothing = input.conditions.is_none() && input.actions.is_none();
        if nothing && !reset && !given {
            return Err(Refusal::RuleModifyNothing {});
        }
        if rule.priority == Priority::Default {
            return Err(Refusal::DefaultRuleModify { arn: input.arn.clone() });
        }
        let listener = self.catalog.listener(&rule.listener);
        let listener = listener.expect("invariant: a rule is deleted with its listener");
        let lb = self.owner(listener);
        let mut changed = rule.clone();
        if reset {
            changed.transforms = Vec::new();
        }
        if let Some(inputs) = input.transforms.as_ref().filter(|_| given) {
            changed.transforms = transforms_of(lb, inputs)?;
        }
        if let Some(inputs) = &input.conditions {
            changed.conditions = conditions_of(lb, inputs)?;
        }
        if let Some(inputs) = &input.actions {
            let (protocol, port) = (listener.protocol, listener.port);
            let existing = &rule.actions;
            let place = Place { region: &input.region, lb, protocol, port, existing };
            changed.actions = self.actions(place, inputs)?;
            self.groups_admit(lb, &changed.actions, Some(&rule.arn))?;
            if changed.actions != rule.actions {
                self.actions_served(&changed.actions)?;
            }
        }
        if changed == *rule {
            self.subject(ResourceKey::Rule(changed.arn));
        } else {
            self.put_subject(Resource::Rule(changed));
        }
        Ok(())
    }

    pub(super) fn rule_delete(&mut self, input: &ArnInput) -> Result<(), Refusal> {
        let rule = self.rule(&input.region, &input.arn)?;
        if rule.priority == Priority::Default {
            return Err(Refusal::DefaultRuleDelete { arn: input.arn.clone() });
        }
        self.decision.changes.delete(ResourceKey::Rule(rule.arn.clone()));
        Ok(())
    }

    /// Moves rules as one unit: rules may trade places.
    // spec: alb §0.6 Modify semantics [A]
    pub(super) fn rule_priorities_set(&mut self, input: &RulePrioritiesSet) -> Result<(), Refusal> {
        if input.priorities.is_empty() {
            return Err(RoutingRefusal::PrioritiesEmpty {}.into());
        }
        let mut moves: Vec<(&Rule, Priority)> = Vec::with_capacity(input.priorities.len());
        let mut wanted: BTreeMap<(&ListenerArn, Priority), &RuleArn> = BTreeMap::new();
        let mut moving: BTreeSet<&RuleArn> = BTreeSet::new();
        for (arn, number) in &input.priorities {
            let rule = self.rule(&input.region, arn)?;
            let priority = priority(*number)?;
            if rule.priority == Priority::Default {
                return Err(Refusal::DefaultRuleModify { arn: arn.clone() });
            }
            if !moving.insert(&rule.arn) {
                return Err(Refusal::PriorityRuleRepeated { arn: arn.clone() });
            }
            if wanted.insert((&rule.listener, priority), &rule.arn).is_some() {
                return Err(Refusal::PriorityRepeated { priority: priority.to_string() });
            }
            moves.push((rule, priority));
        }
        for (rule, priority) in &moves {
            let holder = self.rule_at(&rule.listener, *priority);
            if holder.is_some_and(|holder| !moving.contains(holder)) {
                return Err(Refusal::PriorityTaken { priority: priority.to_string() });
            }
        }
        for (rule, priority) in moves {
            if rule.priority == priority {
                self.subject(ResourceKey::Rule(rule.arn.clone()));
            } else {
                self.put_subject(Resource::Rule(Rule { priority, ..rule.clone() }));
            }
        }
        Ok(())
    }

    fn rule_at(&self, listener: &ListenerArn, priority: Priority) -> Option<&'a RuleArn> {
        self.catalog.index.rules.get(listener)?.get(&priority)
    }

    /// Rules of a load balancer, default rules excluded.
    fn rule_count(&self, lb: &LoadBalancer) -> usize {
        let index = &self.catalog.index;
        let listeners = index.listeners.get(&lb.arn).into_iter().flatten();
        let counts = listeners.filter_map(|(_, listener)| index.rules.get(listener));
        counts.map(|rules| rules.len().saturating_sub(1)).sum()
    }
}

fn priority(number: i64) -> Result<Priority, Refusal> {
    Priority::new(number).ok_or_else(|| Refusal::PriorityRange { priority: number.to_string() })
}

/// Whether a listener may have other rules than its default one.
// spec: nlb-gwlb-clb §1.2 Listener rules (added 2026) [D][M]
// spec: nlb-gwlb-clb §2.1 Model [D][M]
fn rules_fit(lb: &LoadBalancer, listener: &Listener) -> Result<(), Refusal> {
    use ListenerProtocol as P;
    let foreign = |kind: String| Err(RoutingRefusal::RulesForeign { kind }.into());
    match (lb.kind, listener.protocol) {
        (LoadBalancerKind::Application, _) => Ok(()),
        (LoadBalancerKind::Gateway, _) => foreign("gateway listeners".to_owned()),
        (_, P::Quic | P::TcpQuic) => foreign(format!("{} listeners", listener.protocol.as_str())),
        _ if lb.ip_address_type == IpAddressType::Ipv4 => {
            Err(RoutingRefusal::RulesNeedDualstack {}.into())
        }
        _ => Ok(()),
    }
}

fn conditions_of(lb: &LoadBalancer, inputs: &[ConditionInput]) -> Result<Vec<Condition>, Refusal> {
    match lb.kind {
        LoadBalancerKind::Application => conditions(inputs),
        LoadBalancerKind::Network | LoadBalancerKind::Gateway => conditions_network(inputs),
    }
}

fn transforms_of(lb: &LoadBalancer, inputs: &[TransformInput]) -> Result<Vec<Transform>, Refusal> {
    if lb.kind != LoadBalancerKind::Application && !inputs.is_empty() {
        let kind = lb.kind.as_str().to_owned();
        return Err(RoutingRefusal::TransformsForeign { kind }.into());
    }
    transforms(inputs)
}
