//! What a change costs, counted in work and not in time: plans built, tree nodes copied.
//!
//! The same changes are made in a small world and in a large one; whatever they cost must not
//! depend on what else exists.
//!
//! Invariant: a compile builds what its change concerns, and the next version of the catalog
//! shares all other nodes with the version before.

use std::collections::BTreeSet;

use super::world::*;
use crate::catalog::{Catalog, ChangeSet, Command, Decision, ResourceKey, Revision, Settings};
use crate::resource::AccountId;
use crate::snapshot::compile::NodeFacts;
use crate::snapshot::{Built, Snapshot, compile};

/// Targets of the group that is changed.
const TARGETS: usize = 40;

/// A world, and what its planes execute.
struct Node {
    w: World,
    snapshot: Snapshot,
    facts: NodeFacts,
}

// === impl Node ===

impl Node {
    /// So many load balancers, each with a listener, two groups and ten rules; the first group of
    /// the first one has many targets.
    fn with(load_balancers: usize) -> Self {
        let mut quiet = settings();
        quiet.quotas.load_balancers = load_balancers + 1;
        let mut w = World::with(quiet);
        for index in 0..load_balancers {
            let lb = unchecked(&mut w, |w| Command::LoadBalancerCreate(w.lb_input(&name(index))));
            let groups = ["a", "b"].map(|which| {
                let name = format!("{}-{which}", name(index));
                unchecked(&mut w, |w| {
                    Command::TargetGroupCreate(
                        w.group_input(&name, crate::resource::TargetType::Ip),
                    )
                })
            });
            let listener = unchecked(&mut w, |_| {
                Command::ListenerCreate(listener_input(&lb, 80, vec![forward(&groups[0])]))
            });
            for priority in 1..=10 {
                let rule = rule_input(&listener, priority, forward(&groups[1]));
                unchecked(&mut w, |_| Command::RuleCreate(rule.clone()));
            }
        }
        let facts = NodeFacts { threads: 1, account: AccountId::new("123456789012") };
        let snapshot = compile(&w.catalog, Revision(1), &Snapshot::default(), None, &facts);
        let mut node = Self { w, snapshot, facts };
        let many: Vec<String> = (1..=TARGETS).map(|n| format!("127.9.0.{n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let group = node.group("a");
        node.costs(&Command::TargetsRegister(targets(&group, &many)));
        node
    }

    fn group(&self, which: &str) -> String {
        let named = self.w.catalog.target_group_named(&region(), &format!("{}-{which}", name(0)));
        named.unwrap().arn.to_string()
    }

    fn lb(&self) -> String {
        self.w.catalog.load_balancer_named(&region(), &name(0)).unwrap().arn.to_string()
    }

    fn listener(&self) -> String {
        let lb = crate::resource::LoadBalancerArn::parse(&self.lb()).unwrap();
        self.w.catalog.listeners_of(&lb).next().unwrap().arn.to_string()
    }

    /// Makes a change; what its compile built, and how many tree nodes the catalog copied.
    fn costs(&mut self, command: &Command) -> (Built, usize) {
        let before = self.w.catalog.clone();
        let decision = decide(&mut self.w, command);
        let touched: BTreeSet<ResourceKey> =
            decision.changes.changes.iter().map(|change| change.key()).collect();
        let revision = Revision(self.snapshot.revision.0 + 1);
        let next = compile(&self.w.catalog, revision, &self.snapshot, Some(&touched), &self.facts);
        self.snapshot = next;
        (self.snapshot.built(), copied(&self.w.catalog, &before))
    }
}

fn name(index: usize) -> String {
    format!("lb-{index:04}")
}

/// Without the check of everything after each command, which costs what exists.
fn decide(w: &mut World, command: &Command) -> Decision {
    let decision = w.catalog.apply(command, w.now, &mut w.rng).unwrap();
    let changes: &ChangeSet = &decision.changes;
    w.catalog.absorb(changes);
    decision
}

fn unchecked(w: &mut World, command: impl Fn(&World) -> Command) -> String {
    let command = command(w);
    decide(w, &command).subjects[0].id().to_owned()
}

/// Nodes of the larger trees that two versions do not share.
fn copied(now: &Catalog, before: &Catalog) -> usize {
    let (index, old) = (&now.index, &before.index);
    now.rules.nodes_of_its_own(&before.rules)
        + now.listeners.nodes_of_its_own(&before.listeners)
        + now.target_groups.nodes_of_its_own(&before.target_groups)
        + now.registrations.nodes_of_its_own(&before.registrations)
        + now.load_balancers.nodes_of_its_own(&before.load_balancers)
        + index.rules.nodes_of_its_own(&old.rules)
        + index.groups_of.nodes_of_its_own(&old.groups_of)
        + index.target_groups_of.nodes_of_its_own(&old.target_groups_of)
}

/// The cost of each kind of change, in order.
fn all_costs(load_balancers: usize) -> Vec<(&'static str, Built, usize)> {
    let mut node = Node::with(load_balancers);
    let (lb, listener) = (node.lb(), node.listener());
    let (a, b) = (node.group("a"), node.group("b"));
    let timeout = [("idle_timeout.timeout_seconds", "61")];
    let delay = [("deregistration_delay.timeout_seconds", "7")];
    let mut out = Vec::new();
    let mut add = |node: &mut Node, what, command: Command| {
        let (built, copied) = node.costs(&command);
        out.push((what, built, copied));
    };
    add(&mut node, "rule", Command::RuleCreate(rule_input(&listener, 50, forward(&b))));
    add(&mut node, "register", Command::TargetsRegister(targets(&a, &["127.9.1.1"])));
    add(&mut node, "deregister", Command::TargetsDeregister(targets(&a, &["127.9.0.9"])));
    add(&mut node, "attributes", Command::LoadBalancerAttributesModify(attributes(&lb, &timeout)));
    add(&mut node, "group", Command::TargetGroupAttributesModify(attributes(&b, &delay)));
    add(&mut node, "listener", Command::ListenerCreate(listener_input(&lb, 81, vec![forward(&b)])));
    let input = node.w.lb_input("one-more");
    add(&mut node, "create", Command::LoadBalancerCreate(input));
    add(&mut node, "delete", Command::LoadBalancerDelete(arn(&lb)));
    out
}

#[test]
fn a_change_builds_what_it_concerns_whatever_else_exists() {
    let (small, large) = (all_costs(2), all_costs(120));
    for ((what, in_small, _), (_, in_large, _)) in small.iter().zip(&large) {
        assert_eq!(in_small, in_large, "{what}");
    }
    let of = |wanted: &str| large.iter().find(|(what, ..)| *what == wanted).unwrap().1;
    let nothing = Built::default();
    assert_eq!(of("rule"), Built { listeners: 1, rules: 1, ..nothing });
    assert_eq!(of("register"), Built { groups: 1, targets: 1, ..nothing });
    assert_eq!(of("deregister"), Built { groups: 1, targets: 1, ..nothing });
    let attributes = Built { load_balancers: 1, listeners: 1, members: 1, ..nothing };
    assert_eq!(of("attributes"), attributes, "rules and groups stay");
    assert_eq!(of("group"), Built { groups: 1, ..nothing });
    assert_eq!(of("listener"), Built { listeners: 1, rules: 1, groups: 1, ..nothing });
    assert_eq!(of("create"), Built { load_balancers: 1, members: 1, ..nothing });
    assert_eq!(of("delete").listeners, 0);
}

#[test]
fn a_new_version_of_the_catalog_copies_paths_and_not_maps() {
    for (what, _, copied) in all_costs(120) {
        // Eight trees, three levels of which a change may touch twice; a deletion of a whole load
        // balancer touches its thirteen rules.
        let most = if what == "delete" { 120 } else { 40 };
        assert!(copied <= most, "{what} copied {copied} nodes");
    }
}

#[test]
fn whoever_follows_a_snapshot_is_told_of_changes_only() {
    let mut node = Node::with(60);
    let before = node.snapshot.clone();
    let (listener, group) = (node.listener(), node.group("b"));
    node.costs(&Command::RuleCreate(rule_input(&listener, 50, forward(&group))));
    let (mut listeners, mut others) = (0, 0);
    node.snapshot.listeners_since(&before, |_, _| listeners += 1);
    node.snapshot.groups_since(&before, |_, _| others += 1);
    node.snapshot.load_balancers_since(&before, |_, _| others += 1);
    node.snapshot.addresses_since(&before, |_, _, _| others += 1);
    assert_eq!((listeners, others), (1, 0));
}

#[test]
fn one_target_id_with_two_ports_is_counted_twice_and_leaves_twice() {
    let mut w = World::with(Settings { ..settings() });
    let (lb, group) = (w.lb("one"), w.group("g"));
    w.listen(&lb, 80, &group);
    let mut both = targets(&group, &["127.9.0.1", "127.9.0.1"]);
    both.targets[1].port = Some(9_999);
    w.run(&Command::TargetsRegister(both.clone()));
    let arn = crate::resource::TargetGroupArn::parse(&group).unwrap();
    assert_eq!(w.catalog.serving(&arn), 2);
    both.targets.truncate(1);
    w.run(&Command::TargetsDeregister(both));
    assert_eq!((w.catalog.serving(&arn), w.targets(&group).len()), (1, 2));
    assert_eq!(w.catalog.groups_with_target("127.9.0.1").count(), 1);
    w.later(3_600_000);
    w.run(&Command::TargetsReap);
    assert_eq!((w.catalog.serving(&arn), w.targets(&group).len()), (1, 1));
    assert_eq!(w.catalog.groups_with_target("127.9.0.1").count(), 1, "the other port stays");
}
