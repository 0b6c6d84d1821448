//! Deciding commands.
//!
//! One file per resource; every function reads the catalog, judges one input and adds to the
//! decision. Checks run in AWS's order: the request alone, then what it names, then what else
//! exists, then quotas.
//!
//! Invariant: nothing here writes to the catalog, and a refused command leaves no trace.

mod action;
mod address;
mod association;
mod attributes;
mod condition;
mod instance;
mod listener;
mod load_balancer;
mod name;
mod region;
mod rule;
mod security_group;
mod tag;
mod target;
mod target_group;

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::unserved::Feature;
use super::{Catalog, Command, Decision, Refusal, Resource, ResourceKey};
use crate::rng::Rng;
use crate::time::Now;

/// Lower-case hexadecimal digits in ids of load-balancing resources.
const ELB_ID_LEN: usize = 16;
/// Lower-case hexadecimal digits in ids of EC2 resources.
const EC2_ID_LEN: usize = 17;

/// One command being decided.
struct Apply<'a> {
    catalog: &'a Catalog,
    now: Now,
    rng: &'a mut Rng,
    decision: Decision,
    /// Addresses that this decision gives out already.
    taken: BTreeSet<IpAddr>,
}

/// Decides `command` on `catalog`.
pub(super) fn decide(
    catalog: &Catalog,
    command: &Command,
    now: Now,
    rng: &mut Rng,
) -> Result<Decision, Refusal> {
    let decision = Decision::default();
    let mut apply = Apply { catalog, now, rng, decision, taken: BTreeSet::new() };
    apply.command(command)?;
    Ok(apply.decision)
}

// === impl Apply ===

impl<'a> Apply<'a> {
    fn command(&mut self, command: &Command) -> Result<(), Refusal> {
        match command {
            Command::LoadBalancerCreate(input) => self.load_balancer_create(input),
            Command::LoadBalancerDelete(input) => self.load_balancer_delete(input),
            Command::LoadBalancerAttributesModify(i) => self.load_balancer_attributes_modify(i),
            Command::SecurityGroupsSet(input) => self.security_groups_set(input),
            Command::SubnetsSet(input) => self.subnets_set(input),
            Command::IpAddressTypeSet(input) => self.ip_address_type_set(input),
            Command::TargetGroupCreate(input) => self.target_group_create(input),
            Command::TargetGroupModify(input) => self.target_group_modify(input),
            Command::TargetGroupDelete(input) => self.target_group_delete(input),
            Command::TargetGroupAttributesModify(i) => self.target_group_attributes_modify(i),
            Command::TargetsRegister(input) => self.targets_register(input),
            Command::TargetsDeregister(input) => self.targets_deregister(input),
            Command::TargetsReap => self.targets_reap(),
            Command::ListenerCreate(input) => self.listener_create(input),
            Command::ListenerModify(input) => self.listener_modify(input),
            Command::ListenerDelete(input) => self.listener_delete(input),
            Command::ListenerAttributesModify(input) => self.listener_attributes_modify(input),
            Command::RuleCreate(input) => self.rule_create(input),
            Command::RuleModify(input) => self.rule_modify(input),
            Command::RuleDelete(input) => self.rule_delete(input),
            Command::RulePrioritiesSet(input) => self.rule_priorities_set(input),
            Command::TagsAdd(input) => self.tags_add(input),
            Command::TagsRemove(input) => self.tags_remove(input),
            other => self.ec2_command(other),
        }
    }

    fn ec2_command(&mut self, command: &Command) -> Result<(), Refusal> {
        match command {
            Command::SecurityGroupCreate(input) => self.security_group_create(input),
            Command::SecurityGroupDelete(input) => self.security_group_delete(input),
            Command::IngressAuthorize(input) => self.authorize(input, Direction::Ingress),
            Command::IngressRevoke(input) => self.revoke(input, Direction::Ingress),
            Command::EgressAuthorize(input) => self.authorize(input, Direction::Egress),
            Command::EgressRevoke(input) => self.revoke(input, Direction::Egress),
            Command::InstancesRun(input) => self.instances_run(input),
            Command::InstancesStart(input) => self.instances_start(input),
            Command::InstancesStop(input) => self.instances_stop(input),
            Command::InstancesTerminate(input) => self.instances_terminate(input),
            Command::Ec2TagsCreate(input) => self.ec2_tags_create(input),
            Command::Ec2TagsDelete(input) => self.ec2_tags_delete(input),
            Command::RegionInit(input) => self.region_init(input),
            // The caller matched every other variant.
            other => unreachable!("bug: {other:?} is no EC2 command"),
        }
    }

    /// Refuses what no plane carries yet, unless the operator wants it recorded. Judge the input
    /// first: a bad request gets AWS's error either way.
    fn unserved(&self, feature: Feature, value: impl Into<String>) -> Result<(), Refusal> {
        if self.catalog.settings.allow_unserved_types {
            return Ok(());
        }
        Err(Refusal::unserved(feature, value))
    }

    /// Adds a written record.
    fn put(&mut self, resource: Resource) {
        self.decision.changes.put(resource);
    }

    /// Adds a written record that the response is about.
    fn put_subject(&mut self, resource: Resource) {
        self.decision.subjects.push(resource.key());
        self.decision.changes.put(resource);
    }

    /// Names an unchanged record that the response is about.
    fn subject(&mut self, key: ResourceKey) {
        self.decision.subjects.push(key);
    }

    /// A fresh EC2 id that `exists` does not know.
    fn ec2_id(&mut self, prefix: &str, exists: impl Fn(&str) -> bool) -> String {
        loop {
            let id = format!("{prefix}{}", self.rng.hex(EC2_ID_LEN));
            if !exists(&id) {
                return id;
            }
        }
    }

    /// A fresh ARN that `exists` does not know, built around a random id.
    fn fresh<T>(&mut self, build: impl Fn(&str) -> T, exists: impl Fn(&T) -> bool) -> T {
        loop {
            let arn = build(&self.rng.hex(ELB_ID_LEN));
            if !exists(&arn) {
                return arn;
            }
        }
    }
}

/// Which rules of a security group are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Ingress,
    Egress,
}

/// `'a', 'b'`: how AWS lists ids in messages.
fn quoted<T: AsRef<str>>(ids: &[T]) -> String {
    let quoted: Vec<String> = ids.iter().map(|id| format!("'{}'", id.as_ref())).collect();
    quoted.join(", ")
}
