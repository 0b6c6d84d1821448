//! A small account to test in: one region with three zones, and builders for inputs.
//!
//! Invariant: `World::run` verifies the catalog after every accepted command.

use std::collections::BTreeSet;

use crate::catalog::command::*;
use crate::catalog::unserved::Feature;
use crate::catalog::{Catalog, ChangeSet, Command, Decision, Refusal, Resource, Settings};
use crate::resource::*;
use crate::rng::Rng;
use crate::time::Now;

pub(super) const REGION: &str = "us-east-1";
pub(super) const START_MS: i64 = 1_767_225_600_000;

/// A catalog with a clock and a source of ids.
pub(super) struct World {
    pub catalog: Catalog,
    pub rng: Rng,
    pub now: Now,
    /// Kinds of refusals that `refuse` has seen.
    pub seen: BTreeSet<&'static str>,
    /// Features that `refuse` has seen.
    pub features: Vec<Feature>,
}

pub(super) fn region() -> Region {
    Region::new(REGION)
}

pub(super) fn settings() -> Settings {
    Settings::new(AccountId::new("123456789012"), [region()])
}

pub(super) fn zones(block: u8) -> Vec<ZoneInit> {
    let zone = |(i, letter): (u8, &str)| ZoneInit {
        name: ZoneName::new(format!("{REGION}{letter}")),
        id: format!("use1-az{}", i + 1),
        cidr: format!("127.{block}.{}.0/20", i * 16).parse().unwrap(),
    };
    (0..).zip(["a", "b", "c"]).map(zone).collect()
}

pub(super) fn region_init(name: &str, block: u8) -> Command {
    let vpc_cidr = "127.0.0.0/8".parse().unwrap();
    Command::RegionInit(RegionInit { region: Region::new(name), vpc_cidr, zones: zones(block) })
}

// === impl World ===

impl World {
    pub fn new() -> Self {
        Self::with(settings())
    }

    pub fn with(settings: Settings) -> Self {
        let mut world = Self::empty(settings);
        world.run(&region_init(REGION, 64));
        world
    }

    pub fn empty(settings: Settings) -> Self {
        Self {
            catalog: Catalog::new(settings),
            rng: Rng::new(7),
            now: Now { mono_ms: 0, wall_us: START_MS * 1_000 },
            seen: BTreeSet::new(),
            features: Vec::new(),
        }
    }

    pub fn later(&mut self, ms: i64) {
        self.now.wall_us += ms * 1_000;
    }

    pub fn try_run(&mut self, command: &Command) -> Result<Decision, Refusal> {
        let decision = self.catalog.apply(command, self.now, &mut self.rng)?;
        self.catalog.absorb(&decision.changes);
        self.catalog.check().unwrap();
        Ok(decision)
    }

    pub fn run(&mut self, command: &Command) -> Decision {
        match self.try_run(command) {
            Ok(decision) => decision,
            Err(refusal) => panic!("{command:?} was refused: {refusal}"),
        }
    }

    /// Runs a command and gives the id of its first subject.
    pub fn subject(&mut self, command: &Command) -> String {
        self.run(command).subjects[0].id().to_owned()
    }

    /// Expects a refusal of this kind with this text.
    pub fn refuse(&mut self, kind: &str, command: &Command, text: &str) {
        let refusal = match self.catalog.apply(command, self.now, &mut self.rng) {
            Err(refusal) => refusal,
            Ok(_) => panic!("{command:?} was not refused as {kind}"),
        };
        self.note(kind, &refusal, text);
    }

    /// Records a refusal after comparing it.
    pub fn note(&mut self, kind: &str, refusal: &Refusal, text: &str) {
        assert_eq!(refusal.kind(), kind, "{refusal}");
        assert_eq!(refusal.message(), text, "{kind}");
        self.seen.insert(refusal.kind());
        if let Refusal::Unserved(unserved) = refusal {
            self.features.push(unserved.feature);
        }
    }

    /// Expects a refusal because of a feature that is not served, with this code.
    pub fn unserved(&mut self, feature: Feature, code: &str, command: &Command) {
        let refusal = self.catalog.apply(command, self.now, &mut self.rng).unwrap_err();
        assert!(
            matches!(&refusal, Refusal::Unserved(unserved) if unserved.feature == feature),
            "{refusal}"
        );
        assert_eq!(refusal.code(), code);
        assert!(refusal.message().contains("version of Weir"), "{refusal}");
        assert!(!refusal.message().contains("{}"), "{refusal}");
        let text = refusal.message();
        self.note("Unserved", &refusal, &text);
    }

    /// Puts records into the catalog without asking anybody.
    pub fn craft(&mut self, resources: impl IntoIterator<Item = Resource>) {
        let mut changes = ChangeSet::default();
        resources.into_iter().for_each(|resource| changes.put(resource));
        self.catalog.absorb(&changes);
    }

    pub fn vpc(&self) -> String {
        self.catalog.default_vpc(&region()).unwrap().id.to_string()
    }

    /// Ids of the default subnets, by zone.
    pub fn subnets(&self) -> Vec<String> {
        let vpc = self.catalog.default_vpc(&region()).unwrap();
        self.catalog.subnets_of(&vpc.id).map(|subnet| subnet.id.to_string()).collect()
    }

    pub fn default_group(&self) -> String {
        let vpc = self.catalog.default_vpc(&region()).unwrap();
        self.catalog.security_group_named(&vpc.id, "default").unwrap().id.to_string()
    }

    // --- inputs

    pub fn lb_input(&self, name: &str) -> LoadBalancerCreate {
        LoadBalancerCreate {
            region: region(),
            name: name.to_owned(),
            kind: LoadBalancerKind::Application,
            scheme: Some(Scheme::InternetFacing),
            ip_address_type: IpAddressType::Ipv4,
            subnets: self.subnets()[..2].to_vec(),
            subnet_mappings: Vec::new(),
            security_groups: Vec::new(),
            customer_owned_pool: None,
            ipam_pool: None,
            source_nat_prefix: None,
            tags: Vec::new(),
        }
    }

    pub fn group_input(&self, name: &str, target_type: TargetType) -> TargetGroupCreate {
        TargetGroupCreate {
            region: region(),
            name: name.to_owned(),
            protocol: Some("HTTP".to_owned()),
            protocol_version: None,
            port: Some(80),
            vpc: Some(self.vpc()),
            target_type,
            ip_address_type: None,
            target_control_port: None,
            health_check: HealthCheckInput::default(),
            tags: Vec::new(),
        }
    }

    pub fn run_input(&self) -> InstancesRun {
        InstancesRun {
            region: region(),
            image: Some("ami-12c6146b".to_owned()),
            instance_type: None,
            min_count: 1,
            max_count: 1,
            subnet: None,
            zone: None,
            private_address: None,
            security_group_ids: Vec::new(),
            security_group_names: Vec::new(),
            secondary: Vec::new(),
            secondary_count: 0,
            ipv6: Vec::new(),
            ipv6_count: 0,
            interface_description: None,
            other_interface: None,
            options: InstanceOptions::default(),
            client_token: None,
            tags: Vec::new(),
            interface_tags: Vec::new(),
        }
    }

    // --- shortcuts

    pub fn lb(&mut self, name: &str) -> String {
        let input = self.lb_input(name);
        self.subject(&Command::LoadBalancerCreate(input))
    }

    pub fn group(&mut self, name: &str) -> String {
        let input = self.group_input(name, TargetType::Ip);
        self.subject(&Command::TargetGroupCreate(input))
    }

    pub fn instance_group(&mut self, name: &str) -> String {
        let input = self.group_input(name, TargetType::Instance);
        self.subject(&Command::TargetGroupCreate(input))
    }

    pub fn listen(&mut self, lb: &str, port: u16, group: &str) -> String {
        self.subject(&Command::ListenerCreate(listener_input(lb, port, vec![forward(group)])))
    }

    pub fn instance(&mut self) -> String {
        let input = self.run_input();
        self.subject(&Command::InstancesRun(input))
    }

    pub fn targets(&self, group: &str) -> &[Target] {
        self.catalog.targets(&TargetGroupArn::parse(group).unwrap())
    }
}

pub(super) fn arn(arn: &str) -> ArnInput {
    ArnInput { region: region(), arn: arn.to_owned() }
}

pub(super) fn attributes(arn: &str, pairs: &[(&str, &str)]) -> AttributesModify {
    let attributes = pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
    AttributesModify { region: region(), arn: arn.to_owned(), attributes }
}

pub(super) fn targets(group: &str, ids: &[&str]) -> TargetsInput {
    let target = |id: &&str| TargetInput { id: id.to_string(), ..TargetInput::default() };
    TargetsInput {
        region: region(),
        arn: group.to_owned(),
        targets: ids.iter().map(target).collect(),
    }
}

pub(super) fn forward(group: &str) -> ActionInput {
    ActionInput {
        kind: "forward".to_owned(),
        target_group: Some(group.to_owned()),
        ..ActionInput::default()
    }
}

pub(super) fn fixed(status: &str) -> ActionInput {
    let config = FixedResponseInput {
        status_code: status.to_owned(),
        content_type: None,
        message_body: None,
    };
    ActionInput {
        kind: "fixed-response".to_owned(),
        fixed_response: Some(config),
        ..ActionInput::default()
    }
}

pub(super) fn redirect(config: RedirectInput) -> ActionInput {
    ActionInput { kind: "redirect".to_owned(), redirect: Some(config), ..ActionInput::default() }
}

pub(super) fn listener_input(lb: &str, port: u16, actions: Vec<ActionInput>) -> ListenerCreate {
    ListenerCreate {
        region: region(),
        load_balancer: lb.to_owned(),
        protocol: Some("HTTP".to_owned()),
        port: Some(port),
        tls: TlsInput::default(),
        default_actions: actions,
        tags: Vec::new(),
    }
}

pub(super) fn listener_modify(arn: &str) -> ListenerModify {
    ListenerModify {
        region: region(),
        arn: arn.to_owned(),
        protocol: None,
        port: None,
        tls: TlsInput::default(),
        default_actions: None,
    }
}

pub(super) fn path(value: &str) -> ConditionInput {
    ConditionInput {
        field: Some("path-pattern".to_owned()),
        values: vec![value.to_owned()],
        ..ConditionInput::default()
    }
}

pub(super) fn rule_input(listener: &str, priority: i64, action: ActionInput) -> RuleCreate {
    RuleCreate {
        region: region(),
        listener: listener.to_owned(),
        priority,
        conditions: vec![path(&format!("/p{priority}/*"))],
        actions: vec![action],
        transforms: Vec::new(),
        tags: Vec::new(),
    }
}

pub(super) fn rule_modify(arn: &str) -> RuleModify {
    RuleModify {
        region: region(),
        arn: arn.to_owned(),
        conditions: None,
        actions: None,
        transforms: None,
        reset_transforms: None,
    }
}

pub(super) fn priorities(pairs: &[(&str, i64)]) -> Command {
    let priorities = pairs.iter().map(|(arn, n)| (arn.to_string(), *n)).collect();
    Command::RulePrioritiesSet(RulePrioritiesSet { region: region(), priorities })
}

pub(super) fn pairs(pairs: &[(&str, &str)]) -> Pairs {
    pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect()
}

pub(super) fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| text.to_string()).collect()
}
