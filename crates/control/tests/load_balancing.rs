//! The load-balancing actions over real HTTP: shapes, normalisation, paging, errors.
//!
//! Invariant: each test starts its own world.
#![allow(clippy::unwrap_used)]

mod fixture;

use fixture::{Client, World};
use weir_core::resource::TargetGroupArn;
use weir_core::traffic::health::{Failure, Verdict};

// spec: control-plane §2.3 State machines
#[tokio::test]
async fn a_load_balancer_from_its_creation_to_its_end() {
    let world = World::start().await;
    let client = world.client();
    let subnets = world.subnets();
    let parameters = [
        ("Name", "web"),
        ("Subnets.member.1", subnets[0].as_str()),
        ("Subnets.member.2", subnets[1].as_str()),
        ("Tags.member.1.Key", "team"),
        ("Tags.member.1.Value", "a b"),
    ];
    let created = client.elb("CreateLoadBalancer", &parameters).await;
    created.ok().holds("<State><Code>provisioning</Code></State>");
    let arn = created.text("LoadBalancerArn");
    assert_eq!(created.texts("ZoneName"), ["us-east-1a", "us-east-1b"]);
    created.holds("<LoadBalancerAddresses/>").holds("<Type>application</Type>");
    created.holds("<Scheme>internet-facing</Scheme>").holds("<IpAddressType>ipv4</IpAddressType>");
    // The same again is the same; other settings are not.
    let again = client.elb("CreateLoadBalancer", &parameters).await;
    again.ok().holds("<State><Code>active</Code></State>");
    assert_eq!(again.text("LoadBalancerArn"), arn);
    let other = [&parameters[..3], &[("Scheme", "internal")]].concat();
    let other = client.elb("CreateLoadBalancer", &other).await;
    other.refused(400, "DuplicateLoadBalancerName").holds("with different settings");

    let described = client.elb("DescribeLoadBalancers", &[("Names.member.1", "web")]).await;
    described.ok().holds("<State><Code>active</Code></State>").lacks("NextMarker");
    let tags = client.elb("DescribeTags", &[("ResourceArns.member.1", &arn)]).await;
    tags.ok().holds("<Tags><member><Key>team</Key><Value>a b</Value></member></Tags>");

    let protect = [
        ("LoadBalancerArn", arn.as_str()),
        ("Attributes.member.1.Key", "deletion_protection.enabled"),
        ("Attributes.member.1.Value", "true"),
    ];
    let modified = client.elb("ModifyLoadBalancerAttributes", &protect).await;
    modified.ok().holds("<Key>deletion_protection.enabled</Key><Value>true</Value>");
    modified.holds("<Key>idle_timeout.timeout_seconds</Key><Value>60</Value>");
    let delete = [("LoadBalancerArn", arn.as_str())];
    client.elb("DeleteLoadBalancer", &delete).await.refused(400, "OperationNotPermitted");
    let relax = [protect[0], protect[1], ("Attributes.member.1.Value", "false")];
    client.elb("ModifyLoadBalancerAttributes", &relax).await.ok();
    client.elb("DeleteLoadBalancer", &delete).await.ok().holds("<DeleteLoadBalancerResult/>");
    // The waiter `load_balancers_deleted` waits for this error, and deletion repeats silently.
    let gone = client.elb("DescribeLoadBalancers", &[("Names.member.1", "web")]).await;
    gone.refused(400, "LoadBalancerNotFound").holds("One or more load balancers not found");
    client.elb("DeleteLoadBalancer", &delete).await.ok();
}

#[tokio::test]
async fn load_balancers_are_selected_and_paged() {
    let world = World::start().await;
    let client = world.client();
    let mut arns = Vec::new();
    for name in ["c", "a", "b"] {
        arns.push(client.load_balancer(&world, name).await);
    }
    let first = client.elb("DescribeLoadBalancers", &[("PageSize", "2")]).await;
    assert_eq!(first.ok().texts("LoadBalancerName"), ["a", "b"]);
    // moto's suite expects the marker to be the last name.
    assert_eq!(first.text("NextMarker"), "b");
    let second = client.elb("DescribeLoadBalancers", &[("PageSize", "2"), ("Marker", "b")]).await;
    assert_eq!(second.ok().texts("LoadBalancerName"), ["c"]);
    second.lacks("NextMarker");
    let by_arn = client
        .elb(
            "DescribeLoadBalancers",
            &[("LoadBalancerArns.member.1", &arns[0]), ("LoadBalancerArns.member.2", &arns[1])],
        )
        .await;
    assert_eq!(by_arn.ok().texts("LoadBalancerName"), ["a", "c"]);
    let both = [("LoadBalancerArns.member.1", arns[0].as_str()), ("Names.member.1", "a")];
    client.elb("DescribeLoadBalancers", &both).await.refused(400, "ValidationError");
    let empty = client.elb("DescribeLoadBalancers", &[("Names", "")]).await;
    assert_eq!(empty.ok().texts("LoadBalancerName").len(), 3, "an empty list selects nothing");
    // Another region does not see them, not even by ARN.
    let elsewhere = Client { region: "eu-west-1".into(), ..client.clone() };
    elsewhere.elb("DescribeLoadBalancers", &[]).await.ok().holds("<LoadBalancers/>");
    let foreign = [("LoadBalancerArns.member.1", arns[0].as_str())];
    elsewhere.elb("DescribeLoadBalancers", &foreign).await.refused(400, "LoadBalancerNotFound");
    let bad = client.elb("DescribeLoadBalancers", &[("LoadBalancerArns.member.1", "arn:x")]).await;
    bad.refused(400, "ValidationError").holds("&apos;arn:x&apos;".replace("&apos;", "'").as_str());
}

#[tokio::test]
async fn settings_of_a_load_balancer_change_one_by_one() {
    let world = World::start().await;
    let client = world.client();
    let arn = client.load_balancer(&world, "web").await;
    let lb = ("LoadBalancerArn", arn.as_str());
    let group = client
        .ec2("CreateSecurityGroup", &[("GroupName", "g"), ("GroupDescription", "d")])
        .await
        .ok()
        .text("groupId");
    let set = client.elb("SetSecurityGroups", &[lb, ("SecurityGroups.member.1", &group)]).await;
    assert_eq!(set.ok().texts("member"), [group.as_str()]);
    let subnets = world.subnets();
    let answer = client
        .elb(
            "SetSubnets",
            &[lb, ("Subnets.member.1", &subnets[1]), ("Subnets.member.2", &subnets[0])],
        )
        .await;
    assert_eq!(answer.ok().texts("SubnetId").len(), 2);
    let answer = client.elb("SetIpAddressType", &[lb, ("IpAddressType", "ipv4")]).await;
    answer.ok().holds("<IpAddressType>ipv4</IpAddressType>");
    let missing = client.elb("SetSecurityGroups", &[lb, ("SecurityGroups.member.1", "sg-0")]).await;
    missing.refused(400, "InvalidConfigurationRequest");
    let one = client.elb("SetSubnets", &[lb, ("Subnets.member.1", &subnets[0])]).await;
    one.refused(400, "ValidationError").holds("At least two subnets in two different");
}

// spec: control-plane §2.4 Validation / error messages (collect as data, one table in the server)
#[tokio::test]
async fn listeners_and_rules_are_normalised() {
    let world = World::start().await;
    let client = world.client();
    let lb = client.load_balancer(&world, "web").await;
    let group = client.target_group(&world, "one").await;
    let other = client.target_group(&world, "two").await;
    let listener = client.listener(&lb, "8081", &group).await;
    let described = client.elb("DescribeListeners", &[("LoadBalancerArn", &lb)]).await;
    described.ok().holds(&format!("<TargetGroupArn>{group}</TargetGroupArn>")).holds(&format!(
        "<ForwardConfig><TargetGroups><member><TargetGroupArn>{group}</TargetGroupArn>\
         <Weight>1</Weight></member></TargetGroups><TargetGroupStickinessConfig>\
         <Enabled>false</Enabled></TargetGroupStickinessConfig></ForwardConfig>"
    ));
    described.lacks("<Certificates").lacks("<SslPolicy");
    let rule = client
        .elb(
            "CreateRule",
            &[
                ("ListenerArn", &listener),
                ("Priority", "10"),
                ("Conditions.member.1.Field", "host-header"),
                ("Conditions.member.1.Values.member.1", "*.example.com"),
                ("Conditions.member.2.Field", "http-request-method"),
                ("Conditions.member.2.HttpRequestMethodConfig.Values.member.1", "GET"),
                ("Actions.member.1.Type", "forward"),
                ("Actions.member.1.ForwardConfig.TargetGroups.member.1.TargetGroupArn", &group),
                ("Actions.member.1.ForwardConfig.TargetGroups.member.1.Weight", "3"),
                ("Actions.member.1.ForwardConfig.TargetGroups.member.2.TargetGroupArn", &other),
                ("Actions.member.1.ForwardConfig.TargetGroups.member.2.Weight", "0"),
            ],
        )
        .await;
    rule.ok()
        .holds("<Field>host-header</Field><Values><member>*.example.com</member></Values>")
        .holds("<HostHeaderConfig><Values><member>*.example.com</member></Values>")
        .holds("<HttpRequestMethodConfig><Values><member>GET</member></Values>")
        .holds("<Weight>3</Weight>")
        .holds("<Priority>10</Priority>")
        .holds("<IsDefault>false</IsDefault>");
}

#[tokio::test]
async fn rules_are_told_in_order_and_change_places() {
    let world = World::start().await;
    let client = world.client();
    let lb = client.load_balancer(&world, "web").await;
    let group = client.target_group(&world, "one").await;
    let listener = client.listener(&lb, "8081", &group).await;
    let fixed = async |priority: &str| {
        let parameters = [
            ("ListenerArn", listener.as_str()),
            ("Priority", priority),
            ("Conditions.member.1.Field", "path-pattern"),
            ("Conditions.member.1.Values.member.1", "/x"),
            ("Actions.member.1.Type", "fixed-response"),
            ("Actions.member.1.FixedResponseConfig.StatusCode", "200"),
        ];
        client.elb("CreateRule", &parameters).await
    };
    fixed("10").await.ok();
    let redirect = client
        .elb(
            "CreateRule",
            &[
                ("ListenerArn", &listener),
                ("Priority", "5"),
                ("Conditions.member.1.Field", "path-pattern"),
                ("Conditions.member.1.PathPatternConfig.Values.member.1", "/old/*"),
                ("Actions.member.1.Type", "redirect"),
                ("Actions.member.1.Order", "1"),
                ("Actions.member.1.RedirectConfig.StatusCode", "HTTP_301"),
                ("Actions.member.1.RedirectConfig.Path", "/new/#{path}"),
            ],
        )
        .await;
    redirect
        .ok()
        .holds("<RedirectConfig><Protocol>#{protocol}</Protocol><Port>#{port}</Port>")
        .holds("<Path>/new/#{path}</Path><Query>#{query}</Query><StatusCode>HTTP_301</StatusCode>")
        .holds("<Order>1</Order>");
    let rules = client.elb("DescribeRules", &[("ListenerArn", &listener)]).await;
    assert_eq!(rules.ok().texts("Priority"), ["5", "10", "default"]);
    rules.holds("<Conditions/>").holds("<IsDefault>true</IsDefault>");
    let page = client.elb("DescribeRules", &[("ListenerArn", &listener), ("PageSize", "1")]).await;
    let marker = page.ok().text("NextMarker");
    let next = [("ListenerArn", listener.as_str()), ("PageSize", "1"), ("Marker", &marker)];
    assert_eq!(client.elb("DescribeRules", &next).await.ok().texts("Priority"), ["10"]);

    let arns = rules.texts("RuleArn");
    let swap = client
        .elb(
            "SetRulePriorities",
            &[
                ("RulePriorities.member.1.RuleArn", &arns[0]),
                ("RulePriorities.member.1.Priority", "10"),
                ("RulePriorities.member.2.RuleArn", &arns[1]),
                ("RulePriorities.member.2.Priority", "5"),
            ],
        )
        .await;
    assert_eq!(swap.ok().texts("RuleArn"), arns[..2]);
    assert_eq!(swap.texts("Priority"), ["10", "5"]);
    let busy = fixed("5").await;
    busy.refused(400, "PriorityInUse").holds("Priority '5' is currently in use");
    client.elb("DeleteRule", &[("RuleArn", &arns[2])]).await.refused(400, "OperationNotPermitted");
    client.elb("DeleteRule", &[("RuleArn", &arns[0])]).await.ok();
    client
        .elb("DescribeRules", &[("RuleArns.member.1", &arns[0])])
        .await
        .refused(400, "RuleNotFound");
    client.elb("DescribeRules", &[]).await.refused(400, "ValidationError");
}

#[tokio::test]
async fn deleting_in_the_wrong_order() {
    let world = World::start().await;
    let client = world.client();
    let lb = client.load_balancer(&world, "web").await;
    let group = client.target_group(&world, "one").await;
    let listener = client.listener(&lb, "8081", &group).await;
    let in_use = client.elb("DeleteTargetGroup", &[("TargetGroupArn", &group)]).await;
    in_use.refused(400, "ResourceInUse").holds("is currently in use by a listener or a rule");
    let parameters = [
        ("LoadBalancerArn", lb.as_str()),
        ("Protocol", "HTTP"),
        ("Port", "8081"),
        ("DefaultActions.member.1.Type", "fixed-response"),
        ("DefaultActions.member.1.FixedResponseConfig.StatusCode", "200"),
    ];
    client.elb("CreateListener", &parameters).await.refused(400, "DuplicateListener");
    let modified = client
        .elb(
            "ModifyListener",
            &[
                ("ListenerArn", &listener),
                ("DefaultActions.member.1.Type", "fixed-response"),
                ("DefaultActions.member.1.FixedResponseConfig.StatusCode", "418"),
                ("DefaultActions.member.1.FixedResponseConfig.ContentType", "text/plain"),
            ],
        )
        .await;
    modified.ok().holds("<StatusCode>418</StatusCode><ContentType>text/plain</ContentType>");
    client.elb("DeleteTargetGroup", &[("TargetGroupArn", &group)]).await.ok();
    client.elb("DeleteListener", &[("ListenerArn", &listener)]).await.ok();
    let gone = [("ListenerArns.member.1", listener.as_str())];
    client.elb("DescribeListeners", &gone).await.refused(400, "ListenerNotFound");
    let certificates =
        client.elb("DescribeListenerCertificates", &[("ListenerArn", &listener)]).await;
    certificates.refused(400, "ListenerNotFound");
}

#[tokio::test]
async fn a_target_group_is_told_with_its_defaults() {
    let world = World::start().await;
    let client = world.client();
    let arn = client.target_group(&world, "web").await;
    let described = client.elb("DescribeTargetGroups", &[("Names.member.1", "web")]).await;
    described
        .ok()
        .holds("<HealthCheckProtocol>HTTP</HealthCheckProtocol>")
        .holds("<HealthCheckPort>traffic-port</HealthCheckPort>")
        .holds("<HealthCheckIntervalSeconds>30</HealthCheckIntervalSeconds>")
        .holds("<Matcher><HttpCode>200</HttpCode></Matcher>")
        .holds("<ProtocolVersion>HTTP1</ProtocolVersion>")
        .holds("<LoadBalancerArns/>");
    let modified = client
        .elb(
            "ModifyTargetGroup",
            &[
                ("TargetGroupArn", &arn),
                ("HealthCheckPath", "/up"),
                ("Matcher.HttpCode", "200-299"),
            ],
        )
        .await;
    modified.ok().holds("<HealthCheckPath>/up</HealthCheckPath>");
    let attributes = client
        .elb(
            "ModifyTargetGroupAttributes",
            &[
                ("TargetGroupArn", &arn),
                ("Attributes.member.1.Key", "deregistration_delay.timeout_seconds"),
                ("Attributes.member.1.Value", "5"),
            ],
        )
        .await;
    assert_eq!(attributes.ok().texts("Key"), ["deregistration_delay.timeout_seconds"]);
    let all = client.elb("DescribeTargetGroupAttributes", &[("TargetGroupArn", &arn)]).await;
    all.ok().holds("<Key>deregistration_delay.timeout_seconds</Key><Value>5</Value>");
    all.holds("<Key>load_balancing.algorithm.type</Key><Value>round_robin</Value>");
    let unknown = client
        .elb(
            "ModifyTargetGroupAttributes",
            &[
                ("TargetGroupArn", &arn),
                ("Attributes.member.1.Key", "colour"),
                ("Attributes.member.1.Value", "red"),
            ],
        )
        .await;
    unknown
        .refused(400, "ValidationError")
        .holds("Target group attribute key 'colour' is not recognized");
    let gone = client.elb("DescribeTargetGroups", &[("Names.member.1", "x")]).await;
    gone.refused(400, "TargetGroupNotFound").holds("One or more target groups not found");
}

// spec: alb §6.3 States and reasons
#[tokio::test]
async fn target_health_in_all_its_forms() {
    let world = World::start().await;
    let client = world.client();
    let lb = client.load_balancer(&world, "web").await;
    let group = client.target_group(&world, "one").await;
    let by_group = ("TargetGroupArn", group.as_str());
    client.elb("DescribeTargetHealth", &[by_group]).await.ok().holds("<TargetHealthDescriptions/>");
    let target = [
        by_group,
        ("Targets.member.1.Id", "127.0.0.1"),
        ("Targets.member.1.Port", "9001"),
        ("Targets.member.1.AvailabilityZone", "us-east-1a"),
    ];
    let registered = client.elb("RegisterTargets", &target[..3]).await;
    registered.ok().holds("<RegisterTargetsResult/>");
    let unused = client.elb("DescribeTargetHealth", &[by_group]).await;
    unused
        .ok()
        .holds("<State>unused</State><Reason>Target.NotInUse</Reason>")
        .holds("Target group is not configured to receive traffic from the load balancer")
        .lacks("HealthCheckPort");
    client.listener(&lb, "8081", &group).await;
    let health = async || client.elb("DescribeTargetHealth", &[by_group]).await;
    health()
        .await
        .ok()
        .holds("<State>initial</State><Reason>Elb.RegistrationInProgress</Reason>")
        .holds("<HealthCheckPort>9001</HealthCheckPort>");
    let arn = TargetGroupArn::new(group.as_str());
    let judge = |verdict| {
        let snapshot = world.authority.snapshot();
        let plan = snapshot.group_by_arn(&arn).unwrap();
        plan.target("127.0.0.1", 9001).unwrap().cell.judge(verdict);
    };
    judge(Verdict::Healthy);
    let healthy = health().await;
    healthy.ok().holds("<TargetHealth><State>healthy</State></TargetHealth>");
    for (verdict, reason, description) in [
        (
            Failure::ResponseCodeMismatch(404),
            "Target.ResponseCodeMismatch",
            "Health checks failed with these codes: [404]",
        ),
        (Failure::Timeout, "Target.Timeout", "Request timed out"),
        (Failure::FailedHealthChecks, "Target.FailedHealthChecks", "Health checks failed"),
    ] {
        judge(Verdict::Unhealthy(verdict));
        health().await.ok().holds(&format!(
            "<TargetHealth><State>unhealthy</State><Reason>{reason}</Reason>\
             <Description>{description}</Description></TargetHealth>"
        ));
    }
    let stranger =
        client.elb("DescribeTargetHealth", &[by_group, ("Targets.member.1.Id", "127.0.0.9")]).await;
    stranger
        .ok()
        .holds("<Id>127.0.0.9</Id><Port>8080</Port>")
        .holds("<State>unused</State><Reason>Target.NotRegistered</Reason>");
    let include =
        client.elb("DescribeTargetHealth", &[by_group, ("Include.member.1", "All")]).await;
    include.ok().holds("<AnomalyDetection><Result>normal</Result>");
    client.elb("DeregisterTargets", &target[..3]).await.ok();
    health()
        .await
        .ok()
        .holds("<State>draining</State><Reason>Target.DeregistrationInProgress</Reason>");
    let missing = client.elb("DescribeTargetHealth", &[("TargetGroupArn", "arn:x")]).await;
    missing.refused(400, "ValidationError").holds("'arn:x' is not a valid target group ARN");
}

#[tokio::test]
async fn a_stopped_instance_is_an_unused_target() {
    let world = World::start().await;
    let client = world.client();
    let run = [("ImageId", "ami-1"), ("MinCount", "1"), ("MaxCount", "1")];
    let id = client.ec2("RunInstances", &run).await.ok().text("instanceId");
    let lb = client.load_balancer(&world, "web").await;
    let group = client
        .elb(
            "CreateTargetGroup",
            &[("Name", "i"), ("Protocol", "HTTP"), ("Port", "80"), ("VpcId", &world.vpc())],
        )
        .await
        .ok()
        .text("TargetGroupArn");
    client.listener(&lb, "8081", &group).await;
    let target = [("TargetGroupArn", group.as_str()), ("Targets.member.1.Id", id.as_str())];
    client.elb("RegisterTargets", &target).await.ok();
    client.ec2("StopInstances", &[("InstanceId.1", &id)]).await.ok();
    let health = client.elb("DescribeTargetHealth", &target[..1]).await;
    health
        .ok()
        .holds("<State>unused</State><Reason>Target.InvalidState</Reason>")
        .holds("Target is in the stopped state");
    health.lacks("<AvailabilityZone>");
}

#[tokio::test]
async fn tags_come_in_the_order_of_the_request() {
    let world = World::start().await;
    let client = world.client();
    let lb = client.load_balancer(&world, "web").await;
    let group = client.target_group(&world, "one").await;
    let listener = client.listener(&lb, "8081", &group).await;
    let rule = client.elb("DescribeRules", &[("ListenerArn", &listener)]).await.text("RuleArn");
    let add = [
        ("ResourceArns.member.1", lb.as_str()),
        ("ResourceArns.member.2", rule.as_str()),
        ("Tags.member.1.Key", "k"),
        ("Tags.member.1.Value", ""),
    ];
    client.elb("AddTags", &add).await.ok().holds("<AddTagsResult/>");
    let arns = [
        ("ResourceArns.member.1", group.as_str()),
        ("ResourceArns.member.2", rule.as_str()),
        ("ResourceArns.member.3", listener.as_str()),
        ("ResourceArns.member.4", lb.as_str()),
    ];
    let tags = client.elb("DescribeTags", &arns).await;
    assert_eq!(tags.ok().texts("ResourceArn"), arns.map(|(_, arn)| arn));
    tags.holds(&format!("<ResourceArn>{group}</ResourceArn><Tags/>"));
    tags.holds("<Tags><member><Key>k</Key><Value/></member></Tags>");
    let remove = [add[0], ("TagKeys.member.1", "k")];
    client.elb("RemoveTags", &remove).await.ok().holds("<RemoveTagsResult/>");
    let one = client.elb("DescribeTags", &[("ResourceArns.member.1", &lb)]).await;
    one.ok().holds("<Tags/>");
    let gone = format!("{}0", &lb[..lb.len() - 1]);
    let other = if gone == lb { format!("{}1", &lb[..lb.len() - 1]) } else { gone };
    let missing = client.elb("DescribeTags", &[("ResourceArns.member.1", &other)]).await;
    missing.refused(400, "LoadBalancerNotFound");
}

#[tokio::test]
async fn tables_of_the_service() {
    let world = World::start().await;
    let client = world.client();
    let limits = client.elb("DescribeAccountLimits", &[]).await;
    limits
        .ok()
        .holds("<Name>application-load-balancers</Name><Max>50</Max>")
        .holds("<Name>targets-per-target-group</Name><Max>1000</Max>")
        .lacks("NextMarker");
    let named = [("Names.member.1", "ELBSecurityPolicy-2016-08")];
    let policies = client.elb("DescribeSSLPolicies", &named).await;
    policies
        .ok()
        .holds("<SslProtocols><member>TLSv1</member><member>TLSv1.1</member>")
        .holds("<Name>ECDHE-ECDSA-AES128-GCM-SHA256</Name><Priority>1</Priority>");
    let unknown = client.elb("DescribeSSLPolicies", &[("Names.member.1", "x")]).await;
    unknown.refused(400, "SSLPolicyNotFound").holds("SSL policy 'x' not found");
    let page = client.elb("DescribeSSLPolicies", &[("PageSize", "3")]).await;
    assert!(!page.ok().text("NextMarker").is_empty());
    let lb = client.load_balancer(&world, "web").await;
    let group = client.target_group(&world, "one").await;
    let listener = client.listener(&lb, "8081", &group).await;
    let attributes = client.elb("DescribeListenerAttributes", &[("ListenerArn", &listener)]).await;
    attributes.ok().holds("<Key>routing.http.response.server.enabled</Key><Value>true</Value>");
    let certificates =
        client.elb("DescribeListenerCertificates", &[("ListenerArn", &listener)]).await;
    certificates.ok().holds("<Certificates/>");
}

#[tokio::test]
async fn mutations_are_audited_without_secrets() {
    use weir_store::{EventQuery, Store};
    let world = World::start().await;
    let client = world.client();
    let arn = client.target_group(&world, "web").await;
    client.ec2("DescribeVpcs", &[]).await.ok();
    let run =
        [("ImageId", "ami-1"), ("MinCount", "1"), ("MaxCount", "1"), ("UserData", "aHVudGVyMg==")];
    client.ec2("RunInstances", &run).await.ok();
    client.elb("DeleteTargetGroup", &[("TargetGroupArn", &arn)]).await.ok();
    let page = world.store.events(EventQuery { limit: 100, ..Default::default() }).await.unwrap();
    let mut records: Vec<_> = page.events.into_iter().map(|event| event.record).collect();
    records.retain(|record| record.source != "weir" && !record.read_only);
    // The newest came first.
    records.reverse();
    let actions: Vec<_> = records.iter().map(|record| record.action.as_str()).collect();
    assert_eq!(actions, ["CreateTargetGroup", "RunInstances", "DeleteTargetGroup"]);
    assert!(records.iter().all(|record| record.principal == fixture::KEY));
    assert_eq!(records[0].source, "elasticloadbalancing.amazonaws.com");
    assert!(records[0].document.contains("\"name\":\"web\""), "{}", records[0].document);
    assert!(!records[1].document.contains("aHVudGVyMg"), "{}", records[1].document);
}

#[tokio::test]
async fn every_action_of_the_model_is_answered() {
    use weir_wire::generated::elbv2::Operation;
    let world = World::start().await;
    let client = world.client();
    let mut not_built = Vec::new();
    for operation in Operation::ALL {
        let answer = client.elb(operation.name(), &[]).await;
        let code = answer.text("Code");
        match (answer.status, code.as_str()) {
            (200, _) | (400, "ValidationError") => {}
            (400, "InvalidAction") => not_built.push(operation.name()),
            _ => panic!("{}: {}", operation.name(), answer.body),
        }
    }
    assert_eq!(not_built, Vec::<&str>::new());
}

#[tokio::test]
async fn rules_and_listener_attributes_are_modified() {
    let world = World::start().await;
    let client = world.client();
    let lb = client.load_balancer(&world, "web").await;
    let group = client.target_group(&world, "one").await;
    let listener = client.listener(&lb, "8081", &group).await;
    let rule = client
        .elb(
            "CreateRule",
            &[
                ("ListenerArn", &listener),
                ("Priority", "1"),
                ("Conditions.member.1.Field", "path-pattern"),
                ("Conditions.member.1.Values.member.1", "/a"),
                ("Actions.member.1.Type", "forward"),
                ("Actions.member.1.TargetGroupArn", &group),
            ],
        )
        .await
        .ok()
        .text("RuleArn");
    let modified = client
        .elb(
            "ModifyRule",
            &[
                ("RuleArn", &rule),
                ("Conditions.member.1.Field", "path-pattern"),
                ("Conditions.member.1.Values.member.1", "/b"),
            ],
        )
        .await;
    modified.ok().holds("<Values><member>/b</member></Values>").holds(&group);
    client.elb("ModifyRule", &[("RuleArn", &rule)]).await.refused(400, "ValidationError");
    let attributes = client
        .elb(
            "ModifyListenerAttributes",
            &[
                ("ListenerArn", &listener),
                ("Attributes.member.1.Key", "routing.http.response.server.enabled"),
                ("Attributes.member.1.Value", "false"),
            ],
        )
        .await;
    attributes.ok().holds("<Key>routing.http.response.server.enabled</Key><Value>false</Value>");
    let described = client.elb("DescribeLoadBalancerAttributes", &[("LoadBalancerArn", &lb)]).await;
    described.ok().holds("<Key>routing.http2.enabled</Key><Value>true</Value>");
}
