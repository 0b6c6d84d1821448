//! Commands: what is set up first, and what is changed while traffic flows.
//!
//! The load balancer `still` and its group are set up once and never named again.
//!
//! Invariant: no command after the first ones names `still`, its group or its security group.

use weir_core::catalog::Command;
use weir_core::catalog::command::*;
use weir_core::resource::{
    IpAddressType, Listener, LoadBalancer, LoadBalancerKind, Priority, Region, Rule, Scheme,
    TargetGroup, TargetType, ZoneName,
};
use weir_core::rng::Rng;

use crate::control::{Control, target_address};
use crate::limits;

/// Hosts that clients ask for.
pub const HOSTS: [&str; 3] = ["a.example", "b.example", "c.example"];
/// First path segments that they ask for.
pub const PATHS: [&str; 3] = ["/a", "/b", "/c"];
/// The load balancer that is left alone.
pub const STILL: &str = "still";
/// Load balancers that commands name.
const BUSY: [&str; 2] = ["busy0", "busy1"];
/// Security groups: of `still`, and of the others.
const WALLS: [&str; 2] = ["wall-still", "wall-busy"];
/// Clients of the lower half of 127.9.0.0/16 may always connect.
const ALWAYS: &str = "127.9.0.0/17";
/// Those of the upper half only sometimes.
const SOMETIMES: &str = "127.9.128.0/17";

fn region() -> Region {
    Region::new("us-east-1")
}

fn arn_input(arn: impl ToString) -> ArnInput {
    ArnInput { region: region(), arn: arn.to_string() }
}

fn pairs(list: &[(&str, String)]) -> Pairs {
    list.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect()
}

// === the first commands ===

/// The network of the region.
pub fn region_init() -> Command {
    let zone = |index: u8| ZoneInit {
        name: ZoneName::new(format!("us-east-1{}", char::from(b'a' + index))),
        id: format!("use1-az{}", index + 1),
        cidr: format!("127.64.{}.0/20", index * 16).parse().expect("invariant: a block"),
    };
    Command::RegionInit(RegionInit {
        region: region(),
        vpc_cidr: "127.0.0.0/8".parse().expect("invariant: a block"),
        zones: (0..3).map(zone).collect(),
    })
}

/// Step number `step` of what follows; `None` when all is set up.
pub fn set_up(control: &Control, step: usize) -> Option<Command> {
    let groups = limits::GROUPS_BUSY + 1;
    Some(match step {
        0 | 1 => Command::SecurityGroupCreate(SecurityGroupCreate {
            region: region(),
            name: WALLS[step].to_owned(),
            description: "who may connect".to_owned(),
            vpc: None,
            tags: Vec::new(),
        }),
        2 | 3 => Command::IngressAuthorize(wall_rule(WALLS[step - 2], ALWAYS)),
        4..=6 => load_balancer(control, [STILL, BUSY[0], BUSY[1]][step - 4]),
        7..=9 => {
            let name = [STILL, BUSY[0], BUSY[1]][step - 7];
            let idle_s = if step == 7 { limits::IDLE_STILL_S as u32 } else { 3 };
            load_balancer_attributes(control, name, idle_s)?
        }
        step if step < 10 + groups => target_group(control, step - 10),
        step if step < 10 + 2 * groups => register(control, step - 10 - groups, 0..3)?,
        step if step < 10 + 2 * groups + 3 => {
            let index = step - 10 - 2 * groups;
            let lb = lb(control, [STILL, BUSY[0], BUSY[1]][index])?;
            let group = [limits::GROUPS_BUSY, 0, 2][index];
            listener_create(lb, 80, vec![forward(control, &[(group, 1)])?])
        }
        _ => return None,
    })
}

fn wall_rule(name: &str, block: &str) -> PermissionsInput {
    PermissionsInput {
        group: SecurityGroupName { region: region(), id: None, name: Some(name.to_owned()) },
        permissions: vec![PermissionInput {
            protocol: Some("tcp".to_owned()),
            from_port: Some(0),
            to_port: Some(65_535),
            peers: vec![PeerInput { peer: PeerName::Cidr(block.to_owned()), description: None }],
        }],
        rule_ids: Vec::new(),
        tags: Vec::new(),
    }
}

fn load_balancer(control: &Control, name: &str) -> Command {
    let wall = WALLS[usize::from(name != STILL)];
    let walls = control.catalog.all_security_groups().filter(|group| group.name == wall);
    Command::LoadBalancerCreate(LoadBalancerCreate {
        region: region(),
        name: name.to_owned(),
        kind: LoadBalancerKind::Application,
        scheme: Some(Scheme::InternetFacing),
        ip_address_type: IpAddressType::Ipv4,
        subnets: control.catalog.all_subnets().map(|subnet| subnet.id.to_string()).collect(),
        subnet_mappings: Vec::new(),
        security_groups: walls.map(|group| group.id.to_string()).collect(),
        customer_owned_pool: None,
        ipam_pool: None,
        source_nat_prefix: None,
        tags: Vec::new(),
    })
}

fn load_balancer_attributes(control: &Control, name: &str, idle_s: u32) -> Option<Command> {
    Some(Command::LoadBalancerAttributesModify(AttributesModify {
        region: region(),
        arn: lb(control, name)?.arn.to_string(),
        attributes: pairs(&[
            ("idle_timeout.timeout_seconds", idle_s.to_string()),
            ("access_logs.s3.enabled", "true".to_owned()),
            ("access_logs.s3.bucket", "logs".to_owned()),
        ]),
    }))
}

fn target_group(control: &Control, index: usize) -> Command {
    let vpc = control.catalog.default_vpc(&region()).map(|vpc| vpc.id.to_string());
    Command::TargetGroupCreate(TargetGroupCreate {
        region: region(),
        name: format!("g{index}"),
        protocol: Some("HTTP".to_owned()),
        protocol_version: None,
        port: Some(8_080),
        vpc,
        target_type: TargetType::Ip,
        ip_address_type: None,
        target_control_port: None,
        health_check: HealthCheckInput {
            interval_s: Some(5),
            timeout_s: Some(2),
            healthy_threshold: Some(2),
            unhealthy_threshold: Some(2),
            ..HealthCheckInput::default()
        },
        tags: Vec::new(),
    })
}

// === what commands name ===

fn lb<'c>(control: &'c Control, name: &str) -> Option<&'c LoadBalancer> {
    control.catalog.load_balancer_named(&region(), name)
}

fn group(control: &Control, index: usize) -> Option<&TargetGroup> {
    control.catalog.target_group_named(&region(), &format!("g{index}"))
}

fn listener<'c>(control: &'c Control, rng: &mut Rng) -> Option<&'c Listener> {
    let lb = lb(control, BUSY[rng.below(2) as usize])?;
    let all: Vec<&Listener> = control.catalog.listeners_of(&lb.arn).collect();
    (!all.is_empty()).then(|| all[rng.below(all.len() as u32) as usize])
}

fn rule<'c>(control: &'c Control, rng: &mut Rng) -> Option<&'c Rule> {
    let listener = listener(control, rng)?;
    let all = control.catalog.rules_of(&listener.arn);
    let all: Vec<&Rule> = all.filter(|rule| rule.priority != Priority::Default).collect();
    (!all.is_empty()).then(|| all[rng.below(all.len() as u32) as usize])
}

fn forward(control: &Control, weights: &[(usize, i64)]) -> Option<ActionInput> {
    let arn = |index: usize| Some(group(control, index)?.arn.to_string());
    let groups: Option<Vec<_>> =
        weights.iter().map(|(index, weight)| Some((arn(*index)?, Some(*weight)))).collect();
    let forward = ForwardInput { groups: groups?, ..ForwardInput::default() };
    Some(ActionInput { kind: "forward".to_owned(), forward: Some(forward), ..Default::default() })
}

/// Any action that makes sense at a listener of this load balancer.
fn action(control: &Control, owner: &str, rng: &mut Rng) -> Option<ActionInput> {
    let mark = rng.below(100_000);
    match rng.below(8) {
        0 => Some(ActionInput {
            kind: "fixed-response".to_owned(),
            fixed_response: Some(FixedResponseInput {
                status_code: "222".to_owned(),
                content_type: Some("text/plain".to_owned()),
                message_body: Some(format!("fixed-{mark}")),
            }),
            ..ActionInput::default()
        }),
        1 => Some(ActionInput {
            kind: "redirect".to_owned(),
            redirect: Some(RedirectInput {
                host: Some(format!("r{mark}.example")),
                status_code: "HTTP_302".to_owned(),
                ..RedirectInput::default()
            }),
            ..ActionInput::default()
        }),
        2 | 3 if owner == BUSY[0] => {
            let weight = |rng: &mut Rng| i64::from(rng.below(3));
            forward(control, &[(0, weight(rng)), (1, weight(rng))])
        }
        _ if owner == BUSY[0] => forward(control, &[(rng.below(2) as usize, 1)]),
        _ => forward(control, &[(2, 1)]),
    }
}

fn conditions(rng: &mut Rng) -> Vec<ConditionInput> {
    let condition = |field: &str, value: String| ConditionInput {
        field: Some(field.to_owned()),
        values: vec![value],
        ..ConditionInput::default()
    };
    let path = condition("path-pattern", format!("{}*", PATHS[rng.below(3) as usize]));
    let host = condition("host-header", HOSTS[rng.below(3) as usize].to_owned());
    match rng.below(3) {
        0 => vec![path],
        1 => vec![host],
        _ => vec![path, host],
    }
}

fn owner_of(control: &Control, listener: &Listener) -> Option<String> {
    Some(control.catalog.load_balancer(&listener.load_balancer)?.name.clone())
}

// === commands under traffic ===

fn listener_create(lb: &LoadBalancer, port: u16, default_actions: Vec<ActionInput>) -> Command {
    Command::ListenerCreate(ListenerCreate {
        region: region(),
        load_balancer: lb.arn.to_string(),
        protocol: Some("HTTP".to_owned()),
        port: Some(port),
        tls: TlsInput::default(),
        default_actions,
        tags: Vec::new(),
    })
}

fn targets(
    control: &Control,
    index: usize,
    which: impl IntoIterator<Item = usize>,
) -> Option<TargetsInput> {
    let target = |at: usize| TargetInput {
        id: target_address(index, at).ip().to_string(),
        port: Some(target_address(index, at).port()),
        ..TargetInput::default()
    };
    Some(TargetsInput {
        region: region(),
        arn: group(control, index)?.arn.to_string(),
        targets: which.into_iter().map(target).collect(),
    })
}

fn register(
    control: &Control,
    index: usize,
    which: impl IntoIterator<Item = usize>,
) -> Option<Command> {
    Some(Command::TargetsRegister(targets(control, index, which)?))
}

/// Some command about what is not left alone; `None` when it finds nothing to name.
pub fn random(control: &Control, rng: &mut Rng) -> Option<Command> {
    let any_group = rng.below(limits::GROUPS_BUSY as u32) as usize;
    let any_target = rng.below(limits::TARGETS_PER_GROUP as u32) as usize;
    match rng.below(28) {
        0..=4 | 24.. => register(control, any_group, [any_target]),
        5..=7 => Some(Command::TargetsDeregister(targets(control, any_group, [any_target])?)),
        8 => group_attributes(control, any_group, rng),
        9 => {
            // Mostly short, so that it is met often; sometimes longer than a connect timeout.
            let most = if rng.below(3) == 0 { limits::IDLE_BUSY_MAX_S } else { 4 };
            let idle_s = 1 + rng.below(most);
            load_balancer_attributes(control, BUSY[rng.below(2) as usize], idle_s)
        }
        10 => Some(Command::IngressAuthorize(wall_rule(WALLS[1], SOMETIMES))),
        11 => Some(Command::IngressRevoke(wall_rule(WALLS[1], SOMETIMES))),
        12 => Some(Command::TargetGroupDelete(arn_input(&group(control, any_group)?.arn))),
        13 => passing_load_balancer(control, rng),
        14..=18 => about_listeners(control, rng),
        _ => about_rules(control, rng),
    }
}

/// A group without users can really be deleted; then it is created again.
pub fn repair(control: &Control) -> Option<Command> {
    (0..limits::GROUPS_BUSY)
        .find(|index| group(control, *index).is_none())
        .map(|index| target_group(control, index))
}

fn group_attributes(control: &Control, index: usize, rng: &mut Rng) -> Option<Command> {
    let algorithms = ["round_robin", "least_outstanding_requests", "weighted_random"];
    Some(Command::TargetGroupAttributesModify(AttributesModify {
        region: region(),
        arn: group(control, index)?.arn.to_string(),
        attributes: pairs(&[
            ("deregistration_delay.timeout_seconds", rng.below(4).to_string()),
            ("load_balancing.algorithm.type", algorithms[rng.below(3) as usize].to_owned()),
        ]),
    }))
}

/// A load balancer that comes and goes, and its addresses with it.
fn passing_load_balancer(control: &Control, rng: &mut Rng) -> Option<Command> {
    let name = format!("passing{}", rng.below(2));
    Some(match lb(control, &name) {
        None => load_balancer(control, &name),
        Some(lb) if lb.attributes.is_empty() => load_balancer_attributes(control, &name, 2)?,
        Some(lb) if control.catalog.listeners_of(&lb.arn).next().is_none() => {
            listener_create(lb, 80, vec![action(control, &name, rng)?])
        }
        Some(lb) => Command::LoadBalancerDelete(arn_input(&lb.arn)),
    })
}

fn about_listeners(control: &Control, rng: &mut Rng) -> Option<Command> {
    let name = BUSY[rng.below(2) as usize];
    let port = 80 + rng.below(3) as u16;
    match rng.below(5) {
        0 | 1 => Some(listener_create(lb(control, name)?, port, vec![action(control, name, rng)?])),
        2 => {
            let listener = listener(control, rng).filter(|listener| listener.port != 80)?;
            Some(Command::ListenerDelete(arn_input(&listener.arn)))
        }
        _ => {
            let listener = listener(control, rng)?;
            let owner = owner_of(control, listener)?;
            Some(Command::ListenerModify(ListenerModify {
                region: region(),
                arn: listener.arn.to_string(),
                protocol: None,
                port: None,
                tls: TlsInput::default(),
                default_actions: Some(vec![action(control, &owner, rng)?]),
            }))
        }
    }
}

fn about_rules(control: &Control, rng: &mut Rng) -> Option<Command> {
    match rng.below(6) {
        0..=2 => {
            let listener = listener(control, rng)?;
            let owner = owner_of(control, listener)?;
            Some(Command::RuleCreate(RuleCreate {
                region: region(),
                listener: listener.arn.to_string(),
                priority: i64::from(1 + rng.below(50)),
                conditions: conditions(rng),
                actions: vec![action(control, &owner, rng)?],
                transforms: Vec::new(),
                tags: Vec::new(),
            }))
        }
        3 => Some(Command::RuleDelete(arn_input(&rule(control, rng)?.arn))),
        4 => Some(Command::RulePrioritiesSet(RulePrioritiesSet {
            region: region(),
            priorities: vec![(rule(control, rng)?.arn.to_string(), i64::from(1 + rng.below(50)))],
        })),
        _ => {
            let rule = rule(control, rng)?;
            let listener = control.catalog.listener(&rule.listener)?;
            let owner = owner_of(control, listener)?;
            Some(Command::RuleModify(RuleModify {
                region: region(),
                arn: rule.arn.to_string(),
                conditions: (rng.below(2) == 0).then(|| conditions(rng)),
                actions: Some(vec![action(control, &owner, rng)?]),
                transforms: None,
                reset_transforms: None,
            }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_core::time::Now;

    /// Found by seed 10: the incremental compile looked for the groups that a listener no longer
    /// names in its old plan, which does not show groups of weight zero.
    #[test]
    fn a_group_of_weight_zero_that_leaves_a_rule_is_unused_again() {
        let mut control = Control::new(Rng::new(1));
        let now = Now { mono_ms: 1, wall_us: 1_800_000_000_000_000 };
        assert_eq!(control.submit(&region_init(), now), Ok(true));
        for step in 0.. {
            let Some(command) = set_up(&control, step) else { break };
            assert_eq!(control.submit(&command, now), Ok(true), "{command:?}");
        }
        let modify = |control: &Control, weights: &[(usize, i64)]| {
            let lb = lb(control, BUSY[0]).unwrap();
            let listener = control.catalog.listeners_of(&lb.arn).next().unwrap();
            Command::ListenerModify(ListenerModify {
                region: region(),
                arn: listener.arn.to_string(),
                protocol: None,
                port: None,
                tls: TlsInput::default(),
                default_actions: Some(vec![forward(control, weights).unwrap()]),
            })
        };
        let users = |control: &Control| {
            let group = group(control, 1).unwrap();
            control.newest().group_by_arn(&group.arn).unwrap().used_by.len()
        };
        for (weights, wanted) in [(&[(0, 1), (1, 0)][..], 1), (&[(0, 1)][..], 0)] {
            let command = modify(&control, weights);
            assert_eq!(control.submit(&command, now), Ok(true));
            control.publish().unwrap();
            assert_eq!(users(&control), wanted, "{weights:?}");
        }
    }
}
