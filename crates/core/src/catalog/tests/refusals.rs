//! Every refusal has a case with its exact text; a test counts them.
//!
//! Invariant: a variant of `Refusal` or `Feature` without a case fails `every_refusal_is_tested`.
// spec: control-plane §2.4 Validation / error messages (collect as data, one table in the server)

use super::world::*;
use super::{
    refusals_attributes, refusals_ec2, refusals_inventory, refusals_load_balancers,
    refusals_network, refusals_routing, refusals_rules, refusals_trust,
};
use crate::catalog::command::*;
use crate::catalog::refusal::Confidence;
use crate::catalog::unserved::Feature;
use crate::catalog::{Command, PageRequest, Refusal, Resource};
use crate::resource::*;

#[test]
fn every_refusal_is_tested() {
    let own: &[fn(&mut World)] = &[
        names,
        arns,
        lookups,
        group_members,
        group_health,
        target_instances,
        target_addresses,
        target_quotas,
        refusals_rules::listeners,
        refusals_rules::actions,
        refusals_rules::rules,
        refusals_rules::conditions,
        refusals_ec2::groups,
        refusals_ec2::permissions,
        refusals_ec2::instances,
        super::addresses::refusals,
    ];
    let areas = [
        own,
        refusals_load_balancers::AREAS,
        refusals_attributes::AREAS,
        refusals_network::AREAS,
        refusals_inventory::AREAS,
        refusals_routing::AREAS,
        refusals_trust::AREAS,
    ]
    .concat();
    let mut seen = std::collections::BTreeSet::new();
    let mut features = Vec::new();
    for area in areas {
        let mut world = World::new();
        area(&mut world);
        seen.extend(world.seen);
        features.extend(world.features);
    }
    let missing: Vec<_> = Refusal::rows().filter(|row| !seen.contains(row.kind)).collect();
    assert!(missing.is_empty(), "no test refuses with {missing:?}");
    let missing: Vec<_> = Feature::ALL.iter().filter(|f| !features.contains(f)).collect();
    assert!(missing.is_empty(), "no test asks for {missing:?}");
}

#[test]
fn codes_and_confidence_come_from_the_table() {
    let refusal = Refusal::PriorityTaken { priority: "5".to_owned() };
    assert_eq!(refusal.code(), "PriorityInUse");
    assert_eq!(refusal.confidence(), Confidence::Verified);
    assert_eq!(refusal.to_string(), "PriorityInUse: Priority '5' is currently in use");
    let unserved = Refusal::unserved(Feature::NetworkLoadBalancer, "");
    assert_eq!(
        (unserved.code(), unserved.confidence()),
        ("OperationNotPermitted", Confidence::Own)
    );
}

fn names(w: &mut World) {
    let create = |w: &World, name: &str| Command::LoadBalancerCreate(w.lb_input(name));
    let long = "a".repeat(33);
    let cases = [
        ("LoadBalancerNameEmpty", "", "A load balancer name must be specified".to_owned()),
        (
            "LoadBalancerNameTooLong",
            &long,
            format!("The load balancer name '{long}' cannot be longer than '32' characters"),
        ),
        (
            "LoadBalancerNameCharacters",
            "a_b",
            "The load balancer name 'a_b' can only contain characters that are alphanumeric \
             characters and hyphens(-)"
                .to_owned(),
        ),
        (
            "LoadBalancerNameEdge",
            "-a",
            "The load balancer name '-a' cannot begin or end with '-'".to_owned(),
        ),
        (
            "LoadBalancerNameInternal",
            "internal-a",
            "The load balancer name 'internal-a' cannot begin with 'internal-'".to_owned(),
        ),
    ];
    for (kind, name, text) in cases {
        w.refuse(kind, &create(w, name), &text);
    }
    let create =
        |w: &World, name: &str| Command::TargetGroupCreate(w.group_input(name, TargetType::Ip));
    let cases = [
        ("TargetGroupNameEmpty", "", "A target group name must be specified".to_owned()),
        (
            "TargetGroupNameTooLong",
            &long,
            format!("Target group name '{long}' cannot be longer than '32' characters"),
        ),
        (
            "TargetGroupNameCharacters",
            "a.b",
            "Target group name 'a.b' can only contain characters that are alphanumeric characters \
             or hyphens(-)"
                .to_owned(),
        ),
        (
            "TargetGroupNameHyphens",
            "a--b",
            "1 validation error detected: Value 'a--b' at \
             'targetGroup.targetGroupArn.targetGroupName' failed to satisfy constraint: Member \
             must satisfy regular expression pattern: (?!.*--)(?!^-)(?!.*-$)^[A-Za-z0-9-]+$"
                .to_owned(),
        ),
    ];
    for (kind, name, text) in cases {
        w.refuse(kind, &create(w, name), &text);
    }
}

fn arns(w: &mut World) {
    let bad = arn("x");
    w.refuse(
        "LoadBalancerArnInvalid",
        &Command::LoadBalancerDelete(bad.clone()),
        "'x' is not a valid load balancer ARN",
    );
    w.refuse(
        "TargetGroupArnInvalid",
        &Command::TargetGroupDelete(bad.clone()),
        "'x' is not a valid target group ARN",
    );
    w.refuse(
        "ListenerArnInvalid",
        &Command::ListenerDelete(bad.clone()),
        "'x' is not a valid listener ARN",
    );
    w.refuse("RuleArnInvalid", &Command::RuleDelete(bad), "'x' is not a valid listener rule ARN");
    let tags = TagsAdd { region: region(), arns: strings(&["x"]), tags: pairs(&[("k", "v")]) };
    w.refuse("ResourceArnInvalid", &Command::TagsAdd(tags), "'x' is not a valid resource ARN");
}

fn lookups(w: &mut World) {
    let (lb, group) = (w.lb("lb"), w.group("group"));
    let listener = w.listen(&lb, 80, &group);
    let rule = w.subject(&Command::RuleCreate(rule_input(&listener, 1, fixed("200"))));
    let other = |arn: &str| {
        let cut = arn.len() - 16;
        format!("{}{}", &arn[..cut], "0123456789abcdef")
    };
    let attributes = attributes(&other(&lb), &[("idle_timeout.timeout_seconds", "5")]);
    let text = format!("Load balancer '{}' not found", other(&lb));
    w.refuse("LoadBalancerNotFound", &Command::LoadBalancerAttributesModify(attributes), &text);
    w.refuse(
        "TargetGroupsNotFound",
        &Command::TargetsDeregister(targets(&other(&group), &["127.0.0.1"])),
        "One or more target groups not found",
    );
    w.refuse(
        "ListenersNotFound",
        &Command::ListenerDelete(arn(&other(&listener))),
        "One or more listeners not found",
    );
    w.refuse(
        "RulesNotFound",
        &Command::RuleDelete(arn(&other(&rule))),
        "One or more rules not found",
    );
    // A record of another region is not found.
    let elsewhere = ArnInput { region: Region::new("eu-west-1"), arn: listener.clone() };
    let text = "One or more listeners not found";
    w.refuse("ListenersNotFound", &Command::ListenerDelete(elsewhere), text);
    describe_lookups(w, &lb);
}

fn describe_lookups(w: &mut World, lb: &str) {
    let (r, page, some) = (region(), PageRequest::first(), strings(&["x"]));
    let c = w.catalog.clone();
    let none = strings(&[]);
    let lb_arns = strings(&[lb]);
    let many = vec![lb.to_owned(); 21];
    let cases = [
        (
            "LoadBalancersNotFound",
            c.load_balancers_describe(&r, &none, &some, page).unwrap_err(),
            "One or more load balancers not found",
        ),
        (
            "DescribeLoadBalancersBoth",
            c.load_balancers_describe(&r, &lb_arns, &some, page).unwrap_err(),
            "Load balancer names and load balancer ARNs cannot be specified at the same time",
        ),
        (
            "DescribeTargetGroupsSeveral",
            c.target_groups_describe(&r, Some(lb), &none, &some, page).unwrap_err(),
            "Target group names, target group ARNs, and a load balancer ARN cannot be specified \
             at the same time",
        ),
        (
            "DescribeListenersNothing",
            c.listeners_describe(&r, None, &none, page).unwrap_err(),
            "You must specify either listener ARNs or a load balancer ARN",
        ),
        (
            "DescribeListenersBoth",
            c.listeners_describe(&r, Some(lb), &some, page).unwrap_err(),
            "Listener ARNs and a load balancer ARN cannot be specified at the same time",
        ),
        (
            "DescribeRulesNothing",
            c.rules_describe(&r, None, &none, page).unwrap_err(),
            "You must specify either listener rule ARNs or a listener ARN",
        ),
        (
            "DescribeRulesBoth",
            c.rules_describe(&r, Some(lb), &some, page).unwrap_err(),
            "Listener rule ARNs and a listener ARN cannot be specified at the same time",
        ),
        (
            "DescribeTagsTooMany",
            c.tags_describe(&r, &many).unwrap_err(),
            "The number of resource ARNs cannot exceed '20'",
        ),
    ];
    for (kind, refusal, text) in cases {
        w.note(kind, &refusal, text);
    }
}

/// A second VPC without internet gateway, with one subnet in zone c.
pub(super) fn second_vpc(w: &mut World) -> (Vpc, Subnet) {
    let first = w.catalog.default_vpc(&region()).unwrap().clone();
    let id = VpcId::new("vpc-0123456789abcdef0");
    let cidr = "10.1.0.0/16".parse().unwrap();
    let vpc = Vpc { id: id.clone(), cidr, is_default: false, ..first.clone() };
    let subnet = w.catalog.subnet(w.subnets()[2].as_str()).unwrap().clone();
    let subnet = Subnet {
        id: SubnetId::new("subnet-0123456789abcdef0"),
        vpc: id,
        cidr: "10.1.0.0/28".parse().unwrap(),
        is_default: false,
        ..subnet
    };
    w.craft([Resource::Vpc(vpc.clone()), Resource::Subnet(subnet.clone())]);
    (vpc, subnet)
}

fn group_members(w: &mut World) {
    let base = w.group_input("new", TargetType::Ip);
    let create = Command::TargetGroupCreate;
    let none = TargetGroupCreate { protocol: None, ..base.clone() };
    w.refuse("ProtocolMissing", &create(none), "A protocol must be specified");
    let none = TargetGroupCreate { port: None, ..base.clone() };
    w.refuse("PortMissing", &create(none), "A port must be specified");
    let none = TargetGroupCreate { vpc: None, ..base.clone() };
    w.refuse("VpcMissing", &create(none), "A VPC ID must be specified");
    let other = TargetGroupCreate { vpc: Some("vpc-1".to_owned()), ..base.clone() };
    w.refuse("VpcNotFound", &create(other), "The VPC ID 'vpc-1' is not found");
    let lambda = TargetGroupCreate { target_type: TargetType::Lambda, ..base.clone() };
    let text = "Port cannot be specified for target groups with target type 'lambda'";
    w.refuse("LambdaWithMember", &create(lambda.clone()), text);
    let version = |version: &str| {
        let protocol_version = Some(version.to_owned());
        create(TargetGroupCreate { protocol_version, ..base.clone() })
    };
    let text = "Protocol version 'HTTP9' must be one of 'HTTP1, HTTP2, GRPC'";
    w.refuse("ProtocolVersionInvalid", &version("HTTP9"), text);
    let code = "OperationNotPermitted";
    w.unserved(Feature::ProtocolVersion, code, &version("GRPC"));
    let bare = TargetGroupCreate { port: None, protocol: None, vpc: None, ..lambda };
    w.unserved(Feature::TargetType, code, &create(bare));
    let protocol = |protocol: &str| {
        create(TargetGroupCreate { protocol: Some(protocol.to_owned()), ..base.clone() })
    };
    w.unserved(Feature::HttpsTargetGroup, code, &protocol("HTTPS"));
    w.unserved(Feature::TargetGroupProtocol, code, &protocol("TCP"));
    let target_type = TargetType::Instance;
    let ip_address_type = Some("ipv6".to_owned());
    let ipv6 = TargetGroupCreate { ip_address_type, target_type, ..base.clone() };
    w.unserved(Feature::Ipv6TargetGroup, code, &create(ipv6));
    let control = TargetGroupCreate { target_control_port: Some(1), ..base.clone() };
    w.unserved(Feature::TargetControlPort, code, &create(control));

    let (lb, group) = (w.lb("lb"), w.group("taken"));
    w.listen(&lb, 80, &group);
    let text = format!("Target group '{group}' is currently in use by a listener or a rule");
    w.refuse("TargetGroupInUse", &Command::TargetGroupDelete(arn(&group)), &text);
    let taken = TargetGroupCreate { name: "taken".to_owned(), port: Some(81), ..base.clone() };
    let text = "A target group with the same name 'taken' exists, but with different settings";
    w.refuse("TargetGroupNameTaken", &create(taken), text);
    w.catalog.settings.quotas.target_groups = 1;
    let text = "You have reached the maximum number of target groups: [1]";
    w.refuse("TargetGroupsTooMany", &create(base), text);
}

fn group_health(w: &mut World) {
    let create = |w: &World, health_check: HealthCheckInput| {
        let base = w.group_input("new", TargetType::Ip);
        Command::TargetGroupCreate(TargetGroupCreate { health_check, ..base })
    };
    let none = HealthCheckInput::default;
    let text = |text: &str| Some(text.to_owned());
    let cases = [
        (
            "HealthTimeoutNotBelowInterval",
            HealthCheckInput { timeout_s: Some(6), interval_s: Some(5), ..none() },
            "Health check timeout '6' must be smaller than the interval '5'",
        ),
        (
            "HealthNumberRange",
            HealthCheckInput { healthy_threshold: Some(11), ..none() },
            "Healthy threshold count '11' must be in the range '2-10'",
        ),
        (
            "HealthProtocolInvalid",
            HealthCheckInput { protocol: text("TCP"), ..none() },
            "Health check protocol 'TCP' must be one of 'HTTP, HTTPS'",
        ),
        (
            "HealthPortInvalid",
            HealthCheckInput { port: text("0"), ..none() },
            "Health check port '0' must be in the range of 1-65535 or be 'traffic-port'",
        ),
        (
            "HealthPathInvalid",
            HealthCheckInput { path: text("/a b"), ..none() },
            "Health check path '/a b' must begin with a '/' character, and can only contain \
             printable ASCII characters, without spaces",
        ),
        (
            "HealthMatcherInvalid",
            HealthCheckInput { http_code: text("200-500"), ..none() },
            "Health check matcher HTTP code '200-500' must be within '200-499' inclusive",
        ),
        (
            "HealthMatcherGrpc",
            HealthCheckInput { grpc_code: text("12"), ..none() },
            "A gRPC health check matcher can be specified only for target groups with protocol \
             version GRPC",
        ),
        (
            "HealthCheckNotDisabled",
            HealthCheckInput { enabled: Some(false), ..none() },
            "Health checks cannot be disabled for target groups with target type 'ip'",
        ),
    ];
    for (kind, input, text) in cases {
        w.refuse(kind, &create(w, input), text);
    }
    let https = HealthCheckInput { protocol: text("HTTPS"), ..none() };
    let code = "OperationNotPermitted";
    w.unserved(Feature::HttpsHealthCheck, code, &create(w, https));
}

fn target_instances(w: &mut World) {
    let group = w.instance_group("group");
    let (running, stopped) = (w.instance(), w.instance());
    let stop = InstancesInput { region: region(), ids: vec![stopped.clone()] };
    w.run(&Command::InstancesStop(stop));
    let register = |ids: &[&str]| Command::TargetsRegister(targets(&group, ids));
    w.refuse("TargetsEmpty", &register(&[]), "At least one target must be specified");
    let text = "Instance ID '10.19.173.98' is not valid";
    w.refuse("TargetInstanceIdInvalid", &register(&["10.19.173.98"]), text);
    let text = "The following targets do not exist: 'i-12345678'";
    w.refuse("TargetsNotFound", &register(&["i-12345678", &running]), text);
    let text = format!(
        "The following targets are not in a running state and cannot be registered: '{stopped}'"
    );
    w.refuse("TargetsNotRunning", &register(&[&running, &stopped]), &text);
    let mut zoned = targets(&group, &[&running]);
    zoned.targets[0].zone = Some("us-east-1a".to_owned());
    let text = "You cannot specify an Availability Zone for targets of type 'instance'";
    w.refuse("TargetZoneOnInstance", &Command::TargetsRegister(zoned), text);
    let (vpc, _) = second_vpc(w);
    let foreign = TargetGroupCreate {
        vpc: Some(vpc.id.to_string()),
        ..w.group_input("foreign", TargetType::Instance)
    };
    let foreign = w.subject(&Command::TargetGroupCreate(foreign));
    let text =
        format!("The following targets are not in the target group VPC '{}': '{running}'", vpc.id);
    let register = Command::TargetsRegister(targets(&foreign, &[&running]));
    w.refuse("TargetsNotInVpc", &register, &text);
}

fn target_addresses(w: &mut World) {
    let (lb, group) = (w.lb("lb"), w.group("group"));
    let register = |ids: &[&str]| Command::TargetsRegister(targets(&group, ids));
    let zoned = |id: &str, zone: &str| {
        let mut input = targets(&group, &[id]);
        input.targets[0].zone = Some(zone.to_owned());
        Command::TargetsRegister(input)
    };
    let text = "The IP address 'localhost' is not a valid IPv4 address";
    w.refuse("TargetIpInvalid", &register(&["localhost"]), text);
    let text = "The IP address '8.8.8.8' is not within the VPC or the permitted private address \
                ranges";
    w.refuse("TargetIpNotAllowed", &zoned("8.8.8.8", "all"), text);
    let text = "The Availability Zone is required for IP address '10.4.40.87' because it is not \
                in the VPC";
    w.refuse("TargetIpZoneRequired", &register(&["10.4.40.87"]), text);
    let text = "The Availability Zone 'us-east-1z' is not valid";
    w.refuse("TargetZoneInvalid", &zoned("10.4.40.87", "us-east-1z"), text);
    w.run(&zoned("10.4.40.87", "all"));
    let off = attributes(&group, &[("load_balancing.cross_zone.enabled", "false")]);
    let off = Command::TargetGroupAttributesModify(off);
    let text = "The Availability Zone 'all' is not supported when cross-zone load balancing is off";
    w.refuse("TargetZoneAllCrossZoneOff", &off, text);
    w.run(&Command::TargetsDeregister(targets(&group, &["10.4.40.87"])));
    w.run(&off);
    w.refuse("TargetZoneAllCrossZoneOff", &zoned("10.4.40.88", "all"), text);

    w.listen(&lb, 80, &group);
    w.run(&register(&["127.0.0.1"]));
    w.run(&Command::TargetsDeregister(targets(&group, &["127.0.0.1"])));
    let text = "The following targets cannot be registered until their deregistration delay is \
                over: '127.0.0.1'";
    w.refuse("TargetsDraining", &register(&["127.0.0.1"]), text);
    w.later(300_000);
    w.run(&register(&["127.0.0.1"]));
}

fn target_quotas(w: &mut World) {
    let (lb, one, two) = (w.lb("lb"), w.group("one"), w.group("two"));
    let listener = w.listen(&lb, 80, &one);
    w.run(&Command::RuleCreate(rule_input(&listener, 1, forward(&two))));
    w.run(&Command::TargetsRegister(targets(&one, &["127.0.0.1"])));
    let quotas = w.catalog.settings.quotas;
    let register = Command::TargetsRegister(targets(&two, &["127.0.0.1", "127.0.0.2"]));
    w.catalog.settings.quotas.targets_per_target_group = 1;
    let text = "You have reached the maximum number of targets per target group: [1]";
    w.refuse("TargetsPerGroupTooMany", &register, text);
    w.catalog.settings.quotas = quotas;
    w.catalog.settings.quotas.targets_per_load_balancer = 2;
    let text = "You have reached the maximum number of targets for a load balancer of type \
                'application': [2]";
    w.refuse("TargetsPerLoadBalancerTooMany", &register, text);
    w.catalog.settings.quotas = quotas;
    w.catalog.settings.quotas.registrations_per_target = 1;
    let text = "Target '127.0.0.1' has reached the maximum number of registrations with a load \
                balancer: [1]";
    w.refuse("RegistrationsPerTargetTooMany", &register, text);
    w.catalog.settings.quotas = quotas;
    // An instance that comes back while it drains counts like a new one.
    let (three, instance) = (w.instance_group("three"), w.instance());
    w.run(&Command::RuleCreate(rule_input(&listener, 2, forward(&three))));
    let back = Command::TargetsRegister(targets(&three, &[&instance]));
    w.run(&back);
    w.run(&Command::TargetsDeregister(targets(&three, &[&instance])));
    w.catalog.settings.quotas.targets_per_load_balancer = 1;
    let text = "You have reached the maximum number of targets for a load balancer of type \
                'application': [1]";
    w.refuse("TargetsPerLoadBalancerTooMany", &back, text);
    w.catalog.settings.quotas = quotas;
    w.run(&register);
}
