//! aws-sdk-elasticloadbalancingv2 drives Weir: everything a client of the first slice does, with
//! every response parsed and every error typed by the SDK.
//!
//! Invariant: no retry hides a failure; the SDK's retries are off.

use std::time::Duration;

use aws_sdk_elasticloadbalancingv2 as elbv2;
use elbv2::Client;
use elbv2::client::Waiters;
use elbv2::config::retry::RetryConfig;
use elbv2::config::{BehaviorVersion, Credentials, Region};
use elbv2::types::{
    Action, ActionTypeEnum, FixedResponseActionConfig, HostHeaderConditionConfig,
    LoadBalancerAttribute, LoadBalancerStateEnum, LoadBalancerTypeEnum, ProtocolEnum,
    RedirectActionConfig, RedirectActionStatusCodeEnum, RuleCondition, RulePriorityPair, Tag,
    TargetDescription, TargetGroupAttribute, TargetHealthReasonEnum, TargetHealthStateEnum,
    TargetTypeEnum,
};
use weir_sdk_acceptance::support::{Http, Options, Weir, target};

const PATIENCE: Duration = Duration::from_secs(40);

struct World {
    weir: Weir,
    client: Client,
    vpc: String,
    subnets: Vec<String>,
}

// === impl World ===

impl World {
    async fn new() -> Self {
        let weir = Weir::start(&weir_sdk_acceptance::binary(), &Options::default());
        let (vpc, subnets) = weir.api().network();
        let (key, secret, region) = weir.credentials();
        let client = client(&weir, key, secret, region).await;
        Self { weir, client, vpc, subnets }
    }

    async fn group(&self, name: &str) -> String {
        let made = self.client.create_target_group().name(name).protocol(ProtocolEnum::Http);
        let made = made.port(80).vpc_id(&self.vpc).target_type(TargetTypeEnum::Ip);
        let made = made.health_check_interval_seconds(5).health_check_timeout_seconds(2);
        let groups = made.send().await.unwrap().target_groups.unwrap();
        groups[0].target_group_arn().unwrap().to_owned()
    }

    async fn load_balancer(&self, name: &str) -> String {
        let made = self.client.create_load_balancer().name(name);
        let made = made.set_subnets(Some(self.subnets[..2].to_vec())).send().await.unwrap();
        let lb = &made.load_balancers()[0];
        assert_eq!(lb.r#type(), Some(&LoadBalancerTypeEnum::Application));
        assert_eq!(lb.availability_zones().len(), 2);
        assert!(lb.created_time().is_some() && lb.dns_name().unwrap().starts_with(name));
        let state = lb.state().unwrap().code().unwrap();
        assert_eq!(state, &LoadBalancerStateEnum::Provisioning);
        lb.load_balancer_arn().unwrap().to_owned()
    }

    async fn listener(&self, lb: &str, port: i32, action: Action) -> String {
        let made = self.client.create_listener().load_balancer_arn(lb).port(port);
        let made = made.protocol(ProtocolEnum::Http).default_actions(action).send().await.unwrap();
        made.listeners()[0].listener_arn().unwrap().to_owned()
    }

    fn get(&self, lb: &str, path: &str) -> (u16, String) {
        let address = self.weir.api().addresses(lb).remove(0);
        Http::connect(&address, 80).unwrap().get(path).unwrap()
    }

    fn end(mut self) {
        self.weir.check_log();
        assert!(self.weir.stop().success());
    }
}

async fn client(weir: &Weir, key: &str, secret: &str, region: &str) -> Client {
    let credentials = Credentials::new(key, secret, None, None, "test");
    let config = aws_config::defaults(BehaviorVersion::latest())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .region(Region::new(region.to_owned()))
        .credentials_provider(credentials)
        .endpoint_url(format!("http://{}", weir.endpoint))
        .retry_config(RetryConfig::disabled())
        .load()
        .await;
    Client::new(&config)
}

fn forward(group: &str) -> Action {
    Action::builder().r#type(ActionTypeEnum::Forward).target_group_arn(group).build()
}

fn fixed(body: &str) -> Action {
    let config = FixedResponseActionConfig::builder().status_code("200").message_body(body);
    let action = Action::builder().r#type(ActionTypeEnum::FixedResponse);
    action.fixed_response_config(config.build()).build()
}

fn redirect(host: &str) -> Action {
    let config = RedirectActionConfig::builder().host(host);
    let config = config.status_code(RedirectActionStatusCodeEnum::Http302).build();
    let action = Action::builder().r#type(ActionTypeEnum::Redirect).redirect_config(config);
    action.build()
}

fn host(name: &str) -> RuleCondition {
    let config = HostHeaderConditionConfig::builder().values(name).build();
    RuleCondition::builder().field("host-header").host_header_config(config).build()
}

fn path(pattern: &str) -> RuleCondition {
    RuleCondition::builder().field("path-pattern").values(pattern).build()
}

#[tokio::test]
async fn create_wait_describe_change_delete() {
    let world = World::new().await;
    let client = &world.client;
    let (group, lb) = (world.group("sdk").await, world.load_balancer("sdk").await);
    let waiter = client.wait_until_load_balancer_available().load_balancer_arns(&lb);
    let available = waiter.wait(PATIENCE).await.unwrap();
    let available = available.as_result().unwrap();
    let state = available.load_balancers()[0].state().unwrap();
    assert_eq!(state.code(), Some(&LoadBalancerStateEnum::Active));
    let listener = world.listener(&lb, 80, forward(&group)).await;
    targets(&world, &group, &lb).await;
    let rule = rules(&world, &listener, &lb).await;
    attributes_and_tags(&world, &lb, &group).await;
    delete(&world, &lb, &listener, &rule, &group).await;
    world.end();
}

async fn targets(world: &World, group: &str, lb: &str) {
    let client = &world.client;
    let port = i32::from(target("hello").port());
    let one = TargetDescription::builder().id("127.0.0.1").port(port).build();
    let register = client.register_targets().target_group_arn(group).targets(one.clone());
    register.send().await.unwrap();
    assert_eq!(world.get(lb, "/"), (200, "hello".to_owned()));
    let waiter = client.wait_until_target_in_service().target_group_arn(group);
    waiter.wait(PATIENCE).await.unwrap();
    let health = client.describe_target_health().target_group_arn(group).send().await.unwrap();
    let found = &health.target_health_descriptions()[0];
    assert_eq!(found.target().unwrap().port(), Some(port));
    let state = found.target_health().unwrap();
    assert_eq!(state.state(), Some(&TargetHealthStateEnum::Healthy));
    assert!(state.reason().is_none() && state.description().is_none());

    let delay = TargetGroupAttribute::builder().key("deregistration_delay.timeout_seconds");
    let change = client.modify_target_group_attributes().target_group_arn(group);
    change.attributes(delay.value("0").build()).send().await.unwrap();
    let deregister = client.deregister_targets().target_group_arn(group).targets(one.clone());
    deregister.send().await.unwrap();
    let waiter = client.wait_until_target_deregistered().target_group_arn(group);
    waiter.targets(one.clone()).wait(PATIENCE).await.unwrap();
    let health = client.describe_target_health().target_group_arn(group).targets(one);
    let health = health.send().await.unwrap();
    let state = health.target_health_descriptions()[0].target_health().unwrap().clone();
    assert_eq!(state.state(), Some(&TargetHealthStateEnum::Unused));
    assert_eq!(state.reason(), Some(&TargetHealthReasonEnum::NotRegistered));
    assert_eq!(world.get(lb, "/").0, 503);
}

async fn rules(world: &World, listener: &str, lb: &str) -> String {
    let client = &world.client;
    let create = client.create_rule().listener_arn(listener).priority(10);
    let made = create.conditions(host("*.example.com")).conditions(path("/sdk*"));
    let made = made.actions(fixed("from <the> & rule")).send().await.unwrap();
    let rule = made.rules()[0].clone();
    assert_eq!((rule.priority(), rule.is_default()), (Some("10"), Some(false)));
    assert_eq!(rule.conditions().len(), 2);
    let arn = rule.rule_arn().unwrap().to_owned();
    assert_eq!(world.get(lb, "/sdk/x"), (200, "from <the> & rule".to_owned()));

    let modified = client.modify_rule().rule_arn(&arn).actions(redirect("new.example.com"));
    let modified = modified.send().await.unwrap();
    let config = modified.rules()[0].actions()[0].redirect_config().unwrap();
    assert_eq!((config.host(), config.port()), (Some("new.example.com"), Some("#{port}")));
    assert_eq!(world.get(lb, "/sdk/x").0, 302);

    let pair = RulePriorityPair::builder().rule_arn(&arn).priority(77).build();
    let set = client.set_rule_priorities().rule_priorities(pair).send().await.unwrap();
    assert_eq!(set.rules()[0].priority(), Some("77"));
    let all = client.describe_rules().listener_arn(listener).send().await.unwrap();
    let priorities: Vec<_> = all.rules().iter().map(|rule| rule.priority().unwrap()).collect();
    assert_eq!(priorities, ["77", "default"]);
    arn
}

async fn attributes_and_tags(world: &World, lb: &str, group: &str) {
    let client = &world.client;
    let protect = LoadBalancerAttribute::builder().key("deletion_protection.enabled");
    let change = client.modify_load_balancer_attributes().load_balancer_arn(lb);
    let now = change.attributes(protect.clone().value("true").build()).send().await.unwrap();
    let of = |key: &str, list: &[LoadBalancerAttribute]| {
        let found = list.iter().find(|attribute| attribute.key() == Some(key)).unwrap();
        found.value().unwrap().to_owned()
    };
    assert_eq!(of("deletion_protection.enabled", now.attributes()), "true");
    let refused = client.delete_load_balancer().load_balancer_arn(lb).send().await.unwrap_err();
    assert!(refused.into_service_error().is_operation_not_permitted_exception());
    let change = client.modify_load_balancer_attributes().load_balancer_arn(lb);
    change.attributes(protect.value("false").build()).send().await.unwrap();
    let all = client.describe_load_balancer_attributes().load_balancer_arn(lb).send().await;
    assert_eq!(of("idle_timeout.timeout_seconds", all.unwrap().attributes()), "60");

    let tag = Tag::builder().key("team").value("edge + core = é").build();
    let add = client.add_tags().resource_arns(lb).resource_arns(group).tags(tag.clone());
    add.send().await.unwrap();
    let tags = client.describe_tags().resource_arns(lb).resource_arns(group).send().await.unwrap();
    assert_eq!(tags.tag_descriptions().len(), 2);
    assert!(tags.tag_descriptions().iter().all(|d| d.tags() == [tag.clone()]));
    client.remove_tags().resource_arns(lb).tag_keys("team").send().await.unwrap();
    let tags = client.describe_tags().resource_arns(lb).send().await.unwrap();
    assert!(tags.tag_descriptions()[0].tags().is_empty());
    let limits = client.describe_account_limits().send().await.unwrap();
    assert!(limits.limits().iter().any(|l| l.name() == Some("application-load-balancers")));
    let policies = client.describe_ssl_policies().send().await.unwrap();
    assert!(policies.ssl_policies().len() > 10);
}

/// In the wrong order typed errors, in the right one nothing is left.
async fn delete(world: &World, lb: &str, listener: &str, rule: &str, group: &str) {
    let client = &world.client;
    let in_use = client.delete_target_group().target_group_arn(group).send().await.unwrap_err();
    assert!(in_use.into_service_error().is_resource_in_use_exception());
    client.delete_rule().rule_arn(rule).send().await.unwrap();
    let again = client.delete_rule().rule_arn(rule).send().await.unwrap_err();
    assert!(again.into_service_error().is_rule_not_found_exception());
    client.delete_listener().listener_arn(listener).send().await.unwrap();
    client.delete_load_balancer().load_balancer_arn(lb).send().await.unwrap();
    let waiter = client.wait_until_load_balancers_deleted().load_balancer_arns(lb);
    waiter.wait(PATIENCE).await.unwrap();
    client.delete_target_group().target_group_arn(group).send().await.unwrap();
    let left = client.describe_target_groups().send().await.unwrap();
    assert!(left.target_groups().is_empty());
}

#[tokio::test]
async fn errors_are_typed() {
    let world = World::new().await;
    let client = &world.client;
    let lb = world.load_balancer("typed").await;
    let missing = format!("{}0", &lb[..lb.len() - 1]);
    if missing != lb {
        let error = client.describe_load_balancers().load_balancer_arns(missing).send().await;
        let error = error.unwrap_err().into_service_error();
        assert!(error.is_load_balancer_not_found_exception(), "{error:?}");
    }
    let other = client.create_load_balancer().name("typed");
    let other = other.set_subnets(Some(world.subnets[1..].to_vec())).send().await.unwrap_err();
    let other = other.into_service_error();
    assert!(other.is_duplicate_load_balancer_name_exception(), "{other:?}");
    let listener = world.listener(&lb, 80, fixed("x")).await;
    let second = client.create_listener().load_balancer_arn(&lb).port(80);
    let second = second.protocol(ProtocolEnum::Http).default_actions(fixed("y")).send().await;
    let second = second.unwrap_err().into_service_error();
    assert!(second.is_duplicate_listener_exception(), "{second:?}");
    for expected in [true, false] {
        let rule = client.create_rule().listener_arn(&listener).priority(1);
        let rule = rule.conditions(path("/x")).actions(fixed("x")).send().await;
        match rule {
            Ok(_) => assert!(expected),
            Err(error) => {
                assert!(!expected && error.into_service_error().is_priority_in_use_exception());
            }
        }
    }
    let group = client.describe_target_groups().names("nothing").send().await.unwrap_err();
    assert!(group.into_service_error().is_target_group_not_found_exception());
    let invalid = client.describe_load_balancers().page_size(0).send().await.unwrap_err();
    let invalid = invalid.into_service_error();
    assert_eq!(invalid.meta().code(), Some("ValidationError"));
    assert!(invalid.meta().message().unwrap().starts_with("1 validation error detected: "));
    let absent = client.create_trust_store().name("t").ca_certificates_bundle_s3_bucket("b");
    let absent = absent.ca_certificates_bundle_s3_key("k").send().await.unwrap_err();
    let absent = absent.into_service_error();
    assert!(absent.is_ca_certificates_bundle_not_found_exception(), "{absent:?}");
    strangers(&world).await;
    world.end();
}

/// Wrong secret, unknown key, region that is not served.
async fn strangers(world: &World) {
    let (key, secret, region) = world.weir.credentials();
    for (key, secret, region, code) in [
        (key, "not the secret", region, "SignatureDoesNotMatch"),
        ("AKIAUNKNOWN", secret, region, "InvalidClientTokenId"),
        (key, secret, "eu-west-1", "SignatureDoesNotMatch"),
    ] {
        let stranger = client(&world.weir, key, secret, region).await;
        let error = stranger.describe_load_balancers().send().await.unwrap_err();
        let status = error.raw_response().unwrap().status().as_u16();
        let error = error.into_service_error();
        assert_eq!((status, error.meta().code()), (403, Some(code)), "{error:?}");
    }
}

#[tokio::test]
async fn pages_are_walked_by_the_paginators() {
    let world = World::new().await;
    let client = &world.client;
    let mut names = Vec::new();
    for index in 0..7 {
        names.push(format!("page-{index}"));
        world.load_balancer(&names[index]).await;
        world.group(&names[index]).await;
    }
    let mut pages = client.describe_load_balancers().page_size(3).into_paginator().send();
    let (mut sizes, mut found) = (Vec::new(), Vec::new());
    while let Some(page) = pages.next().await {
        let page = page.unwrap();
        sizes.push(page.load_balancers().len());
        for lb in page.load_balancers() {
            found.push(lb.load_balancer_name().unwrap().to_owned());
        }
    }
    found.sort();
    assert_eq!((sizes, &found), (vec![3, 3, 1], &names));
    let groups = client.describe_target_groups().page_size(2).into_paginator().items().send();
    let groups = groups.collect::<Result<Vec<_>, _>>().await.unwrap();
    assert_eq!(groups.len(), names.len());
    world.end();
}
