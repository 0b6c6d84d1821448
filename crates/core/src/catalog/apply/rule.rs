//! Rules and their priorities.
//!
//! Invariant: a priority is held by one rule of a listener; the default rule keeps its place.
// spec: alb §2.1 Evaluation

use std::collections::{BTreeMap, BTreeSet};

use super::Apply;
use super::action::Place;
use super::condition::conditions;
use super::tag::tags_new;
use crate::catalog::command::{ArnInput, RuleCreate, RuleModify, RulePrioritiesSet};
use crate::catalog::unserved::Feature;
use crate::catalog::{Refusal, Resource, ResourceKey};
use crate::resource::{ListenerArn, LoadBalancer, Priority, Rule, RuleArn};

// === impl Apply ===

impl<'a> Apply<'a> {
    pub(super) fn rule_create(&mut self, input: &RuleCreate) -> Result<(), Refusal> {
        let listener = self.listener(&input.region, &input.listener)?;
        let lb = self.owner(listener);
        let priority = priority(input.priority)?;
        let conditions = conditions(&input.conditions)?;
        let (protocol, port) = (listener.protocol, listener.port);
        let place = Place { region: &input.region, protocol, port };
        let actions = self.actions(place, &input.actions)?;
        transforms_absent(&input.transforms)?;
        let tags = tags_new(&input.tags)?;
        if self.rule_at(&listener.arn, priority).is_some() {
            return Err(Refusal::PriorityTaken { priority: priority.to_string() });
        }
        let limit = self.catalog.settings.quotas.rules_per_load_balancer;
        if self.rule_count(lb) >= limit {
            return Err(Refusal::RulesTooMany { limit: limit.to_string() });
        }
        self.groups_admit(lb, &actions, None)?;
        let (arn, listener) = (self.rule_arn(&listener.arn), listener.arn.clone());
        let rule = Rule { arn, listener, priority, conditions, actions, tags };
        self.put_subject(Resource::Rule(rule));
        Ok(())
    }

    pub(super) fn rule_modify(&mut self, input: &RuleModify) -> Result<(), Refusal> {
        let rule = self.rule(&input.region, &input.arn)?;
        let reset = input.reset_transforms.unwrap_or(false);
        if reset && !input.transforms.is_empty() {
            return Err(Refusal::TransformsAndReset {});
        }
        let nothing = input.conditions.is_none() && input.actions.is_none();
        if nothing && !reset && input.transforms.is_empty() {
            return Err(Refusal::RuleModifyNothing {});
        }
        if rule.priority == Priority::Default {
            return Err(Refusal::DefaultRuleModify { arn: input.arn.clone() });
        }
        transforms_absent(&input.transforms)?;
        let mut changed = rule.clone();
        if let Some(inputs) = &input.conditions {
            changed.conditions = conditions(inputs)?;
        }
        if let Some(inputs) = &input.actions {
            let listener = self.catalog.listener(&rule.listener);
            let listener = listener.expect("invariant: a rule is deleted with its listener");
            let (protocol, port) = (listener.protocol, listener.port);
            let place = Place { region: &input.region, protocol, port };
            changed.actions = self.actions(place, inputs)?;
            self.groups_admit(self.owner(listener), &changed.actions, Some(&rule.arn))?;
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

fn transforms_absent(transforms: &[String]) -> Result<(), Refusal> {
    match transforms.first() {
        Some(kind) => Err(Refusal::unserved(Feature::Transforms, kind)),
        None => Ok(()),
    }
}
