//! Random sequences of commands keep the catalog's relations.
//!
//! Every step is a command that is made from small numbers, so that sequences collide often:
//! names repeat, targets return, groups are shared. Refused commands are part of the game.
//!
//! Invariant: after every accepted command the relations hold, the index equals a rebuild, and
//! loading the records gives the same index.

use proptest::prelude::*;

use super::world::*;
use crate::catalog::command::*;
use crate::catalog::{Catalog, Command, Settings};
use crate::resource::*;

/// One step: what to do, and with which of the existing things.
#[derive(Clone, Copy, Debug)]
struct Step {
    verb: u8,
    a: u8,
    b: u8,
    c: u8,
}

fn step() -> impl Strategy<Value = Step> {
    (any::<u8>(), 0u8..6, 0u8..6, 0u8..6).prop_map(|(verb, a, b, c)| Step { verb, a, b, c })
}

fn pick(ids: &[String], n: u8) -> String {
    ids.get(usize::from(n) % ids.len().max(1)).cloned().unwrap_or_else(|| "none".to_owned())
}

struct Ids {
    lbs: Vec<String>,
    groups: Vec<String>,
    listeners: Vec<String>,
    rules: Vec<String>,
    instances: Vec<String>,
    security_groups: Vec<String>,
}

fn ids(w: &World) -> Ids {
    let c = &w.catalog;
    Ids {
        lbs: c.all_load_balancers().map(|r| r.arn.to_string()).collect(),
        groups: c.all_target_groups().map(|r| r.arn.to_string()).collect(),
        listeners: c.all_listeners().map(|r| r.arn.to_string()).collect(),
        rules: c
            .all_listeners()
            .flat_map(|l| c.rules_of(&l.arn))
            .filter(|r| r.priority != Priority::Default)
            .map(|r| r.arn.to_string())
            .collect(),
        instances: c.all_instances().map(|r| r.id.to_string()).collect(),
        security_groups: c.all_security_groups().map(|r| r.id.to_string()).collect(),
    }
}

/// A world with something of everything.
fn warm() -> World {
    let mut w = World::with(Settings { allow_unserved_types: true, ..settings() });
    let (lb, ip, group) = (w.lb("lb0"), w.group("g0"), w.instance_group("g1"));
    let listener = w.listen(&lb, 80, &ip);
    for priority in 1..=4 {
        w.run(&Command::RuleCreate(rule_input(&listener, priority, forward(&group))));
    }
    let id = w.instance();
    w.run(&Command::TargetsRegister(targets(&group, &[&id])));
    w
}

fn elb_command(w: &World, ids: &Ids, s: Step) -> Command {
    let (lb, group) = (pick(&ids.lbs, s.a), pick(&ids.groups, s.b));
    let (listener, rule) = (pick(&ids.listeners, s.a), pick(&ids.rules, s.a));
    let port = 80 + u16::from(s.c);
    match s.verb % 16 {
        0 | 1 => {
            let base = w.lb_input(&format!("lb{}", s.a));
            let groups = vec![pick(&ids.security_groups, s.b)];
            let (kind, scheme, security_groups) = match s.verb / 16 % 4 {
                0 | 1 => (LoadBalancerKind::Application, base.scheme, groups),
                2 => (LoadBalancerKind::Network, base.scheme, groups),
                _ => (LoadBalancerKind::Gateway, None, Vec::new()),
            };
            let input = LoadBalancerCreate { kind, scheme, security_groups, ..base };
            Command::LoadBalancerCreate(input)
        }
        2 if s.c == 0 => Command::LoadBalancerDelete(arn(&lb)),
        3 => {
            let mut subnets = w.subnets();
            subnets.remove(usize::from(s.b) % 3);
            Command::SubnetsSet(SubnetsSet {
                region: region(),
                arn: lb,
                subnets,
                subnet_mappings: Vec::new(),
                ip_address_type: None,
                source_nat_prefix: None,
            })
        }
        4 => Command::SecurityGroupsSet(SecurityGroupsSet {
            region: region(),
            arn: lb,
            security_groups: vec![pick(&ids.security_groups, s.c)],
            enforce_private_link: None,
        }),
        5 | 6 => {
            let kind = if s.b.is_multiple_of(2) { TargetType::Ip } else { TargetType::Instance };
            Command::TargetGroupCreate(w.group_input(&format!("g{}", s.a), kind))
        }
        7 => Command::TargetGroupDelete(arn(&group)),
        8 | 9 => Command::ListenerCreate(listener_input(&lb, port, vec![forward(&group)])),
        10 => Command::ListenerModify(ListenerModify {
            port: Some(port),
            default_actions: (s.b > 2).then(|| vec![forward(&group)]),
            ..listener_modify(&listener)
        }),
        11 if s.c == 0 => Command::ListenerDelete(arn(&listener)),
        2 | 11 | 12 => {
            Command::RuleCreate(rule_input(&listener, i64::from(s.c) + 1, forward(&group)))
        }
        13 => Command::RuleModify(RuleModify {
            actions: Some(vec![if s.c > 2 { forward(&group) } else { fixed("200") }]),
            ..rule_modify(&rule)
        }),
        14 => Command::RuleDelete(arn(&rule)),
        _ => {
            let other = pick(&ids.rules, s.b);
            priorities(&[(&rule, i64::from(s.c) + 1), (&other, i64::from(s.b) + 1)])
        }
    }
}

fn other_command(w: &World, ids: &Ids, s: Step) -> Command {
    let (group, instance) = (pick(&ids.groups, s.a), pick(&ids.instances, s.b));
    let security_group = pick(&ids.security_groups, s.a);
    let target = match w.catalog.target_group_find(&region(), &group) {
        Ok(Some(record)) if record.target_type == TargetType::Instance => instance.clone(),
        _ => format!("127.0.0.{}", s.b),
    };
    let named = || InstancesInput { region: region(), ids: vec![instance.clone()] };
    let group_name =
        SecurityGroupName { region: region(), id: Some(security_group.clone()), name: None };
    match s.verb % 12 {
        0..=2 => Command::TargetsRegister(targets(&group, &[&target])),
        3 | 4 => Command::TargetsDeregister(targets(&group, &[&target])),
        5 => Command::TargetsReap,
        6 => Command::InstancesRun(InstancesRun {
            max_count: i64::from(s.c % 3) + 1,
            security_group_ids: vec![security_group],
            client_token: (s.b == 0).then(|| format!("t{}", s.a)),
            ..w.run_input()
        }),
        7 => Command::InstancesTerminate(named()),
        8 => Command::InstancesStop(named()),
        9 => Command::SecurityGroupCreate(SecurityGroupCreate {
            region: region(),
            name: format!("sg{}", s.b),
            description: "x".to_owned(),
            vpc: None,
            tags: Vec::new(),
        }),
        10 => Command::SecurityGroupDelete(group_name),
        _ => {
            let peer = PeerName::GroupId(pick(&ids.security_groups, s.b));
            let input =
                super::refusals_ec2::permission(&security_group, i32::from(s.c), vec![peer]);
            if s.c.is_multiple_of(2) {
                Command::IngressAuthorize(input)
            } else {
                Command::IngressRevoke(input)
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]
    #[test]
    fn random_commands_keep_the_relations(steps in prop::collection::vec(step(), 1..120)) {
        let mut w = warm();
        for s in steps {
            let ids = ids(&w);
            let command = match s.verb < 128 {
                true => elb_command(&w, &ids, s),
                false => other_command(&w, &ids, s),
            };
            w.later(i64::from(s.c) * 40_000);
            // `try_run` checks every relation; a refusal must leave no trace, which a second
            // identical refusal shows.
            let before = w.catalog.index.clone();
            if let Err(refusal) = w.try_run(&command) {
                prop_assert_eq!(&w.catalog.index, &before);
                prop_assert_eq!(w.try_run(&command).unwrap_err(), refusal);
            }
        }
        let loaded = Catalog::from_resources(settings(), w.catalog.resources()).unwrap();
        prop_assert_eq!(&loaded.index, &w.catalog.index);
    }

    #[test]
    fn accepted_commands_can_be_repeated(
        steps in prop::collection::vec(step(), 1..60)
    ) {
        // A client that retries after a lost answer never breaks anything.
        let mut w = warm();
        for s in steps {
            let ids = ids(&w);
            let command = elb_command(&w, &ids, s);
            if w.try_run(&command).is_ok() && is_idempotent(&command) {
                let again = w.try_run(&command);
                let unchanged = again.is_ok_and(|decision| decision.changes.is_empty());
                prop_assert!(unchanged, "{command:?}");
            }
        }
    }
}

fn is_idempotent(command: &Command) -> bool {
    matches!(
        command,
        Command::LoadBalancerCreate(_)
            | Command::LoadBalancerDelete(_)
            | Command::SubnetsSet(_)
            | Command::SecurityGroupsSet(_)
            | Command::TargetGroupCreate(_)
            | Command::TargetGroupDelete(_)
            | Command::ListenerCreate(_)
            | Command::ListenerModify(_)
            | Command::RuleModify(_)
            | Command::RulePrioritiesSet(_)
    )
}
