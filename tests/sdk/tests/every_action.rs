//! Every one of the 51 actions through aws-sdk-elasticloadbalancingv2: the SDK is the strictest
//! reader of AWS's XML, so each answer that it parses has the right root, wrapper and members.
//!
//! Invariant: an action counts when the SDK gave its output; the list at the end is the model's.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use aws_sdk_elasticloadbalancingv2 as elbv2;
use elbv2::Client;
use elbv2::config::retry::RetryConfig;
use elbv2::config::{BehaviorVersion, Credentials, Region};
use elbv2::types::{
    Action, ActionTypeEnum, Certificate, FixedResponseActionConfig, ListenerAttribute,
    LoadBalancerAttribute, LoadBalancerTypeEnum, MinimumLoadBalancerCapacity,
    MutualAuthenticationAttributes, ProtocolEnum, RemoveIpamPoolEnum, RevocationContent,
    RevocationType, RewriteConfig, RuleCondition, RulePriorityPair, RuleTransform, Tag,
    TargetDescription, TargetGroupAttribute, TargetTypeEnum, TransformTypeEnum, UrlRewriteConfig,
};
use weir_sdk_acceptance::support::{Options, Weir, text};

/// Counts an action and gives its output.
macro_rules! call {
    ($world:ident, $name:literal, $call:expr) => {{
        let output = $call.send().await.unwrap_or_else(|error| panic!("{}: {error:?}", $name));
        $world.seen.insert($name);
        output
    }};
}

struct World {
    weir: Weir,
    client: Client,
    vpc: String,
    subnets: Vec<String>,
    seen: BTreeSet<&'static str>,
}

#[tokio::test]
async fn the_sdk_parses_every_answer() {
    let mut world = World::new().await;
    let lb = world.load_balancers().await;
    let group = world.target_groups().await;
    let listener = world.listeners(&lb, &group).await;
    world.rules(&listener, &group).await;
    let store = world.trust_stores().await;
    world.certificates(&lb, &group, &store).await;
    world.attributes(&lb, &group, &listener).await;
    world.tags_and_limits(&lb).await;
    world.ends(&lb, &group, &listener, &store).await;
    assert_eq!(world.seen.len(), 51, "{:?}", world.seen);
    world.weir.check_log();
    assert!(world.weir.stop().success());
}

// === impl World ===

impl World {
    async fn new() -> Self {
        let options = Options { config: "allow-unserved-types = true".to_owned() };
        let weir = Weir::start(&weir_sdk_acceptance::binary(), &options);
        let (vpc, subnets) = weir.api().network();
        let (key, secret, region) = weir.credentials();
        let config = aws_config::defaults(BehaviorVersion::latest())
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .region(Region::new(region.to_owned()))
            .credentials_provider(Credentials::new(key, secret, None, None, "test"))
            .endpoint_url(format!("http://{}", weir.endpoint))
            .retry_config(RetryConfig::disabled())
            .load()
            .await;
        Self { weir, client: Client::new(&config), vpc, subnets, seen: BTreeSet::new() }
    }

    async fn load_balancers(&mut self) -> String {
        let client = self.client.clone();
        let made = client.create_load_balancer().name("every");
        let made = made.set_subnets(Some(self.subnets[..2].to_vec()));
        let made = call!(self, "CreateLoadBalancer", made);
        let lb = &made.load_balancers()[0];
        let (arn, groups) = (lb.load_balancer_arn().unwrap(), lb.security_groups().to_vec());
        call!(self, "DescribeLoadBalancers", client.describe_load_balancers().names("every"));
        let set = client.set_security_groups().load_balancer_arn(arn);
        let set = call!(self, "SetSecurityGroups", set.set_security_groups(Some(groups)));
        assert_eq!(set.security_group_ids().len(), 1);
        let set = client.set_subnets().load_balancer_arn(arn);
        let set = call!(self, "SetSubnets", set.set_subnets(Some(self.subnets.clone())));
        assert_eq!(set.availability_zones().len(), self.subnets.len());
        let kind = elbv2::types::IpAddressType::Ipv4;
        let set = client.set_ip_address_type().load_balancer_arn(arn).ip_address_type(kind.clone());
        assert_eq!(call!(self, "SetIpAddressType", set).ip_address_type(), Some(&kind));
        let units = MinimumLoadBalancerCapacity::builder().capacity_units(500).build();
        let set = client.modify_capacity_reservation().load_balancer_arn(arn);
        let set = set.minimum_load_balancer_capacity(units);
        let set = call!(self, "ModifyCapacityReservation", set);
        assert!(set.last_modified_time().is_some());
        let shown = client.describe_capacity_reservation().load_balancer_arn(arn);
        let shown = call!(self, "DescribeCapacityReservation", shown);
        assert!(!shown.capacity_reservation_state().is_empty());
        let pools = client.modify_ip_pools().load_balancer_arn(arn);
        call!(self, "ModifyIpPools", pools.remove_ipam_pools(RemoveIpamPoolEnum::Ipv4));
        arn.to_owned()
    }

    async fn target_groups(&mut self) -> String {
        let client = self.client.clone();
        let made = client.create_target_group().name("every").protocol(ProtocolEnum::Http);
        let made = made.port(80).vpc_id(&self.vpc).target_type(TargetTypeEnum::Ip);
        let made = call!(self, "CreateTargetGroup", made);
        let arn = made.target_groups()[0].target_group_arn().unwrap().to_owned();
        call!(self, "DescribeTargetGroups", client.describe_target_groups().names("every"));
        let changed = client.modify_target_group().target_group_arn(&arn).health_check_path("/h");
        call!(self, "ModifyTargetGroup", changed);
        let target = TargetDescription::builder().id("127.0.0.1").port(9).build();
        let register = client.register_targets().target_group_arn(&arn).targets(target.clone());
        call!(self, "RegisterTargets", register);
        let health = client.describe_target_health().target_group_arn(&arn);
        let health = call!(self, "DescribeTargetHealth", health);
        assert_eq!(health.target_health_descriptions().len(), 1);
        let leave = client.deregister_targets().target_group_arn(&arn).targets(target);
        call!(self, "DeregisterTargets", leave);
        arn
    }

    async fn listeners(&mut self, lb: &str, group: &str) -> String {
        let client = self.client.clone();
        let made = client.create_listener().load_balancer_arn(lb).port(80);
        let made = made.protocol(ProtocolEnum::Http).default_actions(forward(group));
        let made = call!(self, "CreateListener", made);
        let arn = made.listeners()[0].listener_arn().unwrap().to_owned();
        let shown = client.describe_listeners().load_balancer_arn(lb);
        assert_eq!(call!(self, "DescribeListeners", shown).listeners().len(), 1);
        let changed = client.modify_listener().listener_arn(&arn).default_actions(fixed());
        call!(self, "ModifyListener", changed);
        arn
    }

    async fn rules(&mut self, listener: &str, group: &str) {
        let client = self.client.clone();
        let condition = RuleCondition::builder().field("path-pattern").values("/api/*").build();
        let rewrite = RewriteConfig::builder().regex("^/api/(.*)$").replace("/$1").build();
        let rewrite = UrlRewriteConfig::builder().rewrites(rewrite).build();
        let transform = RuleTransform::builder().r#type(TransformTypeEnum::UrlRewrite);
        let transform = transform.url_rewrite_config(rewrite).build();
        let made = client.create_rule().listener_arn(listener).priority(1).conditions(condition);
        let made = made.actions(forward(group)).transforms(transform);
        let made = call!(self, "CreateRule", made);
        let rule = &made.rules()[0];
        assert_eq!(rule.transforms().len(), 1);
        let arn = rule.rule_arn().unwrap();
        let shown = client.describe_rules().listener_arn(listener);
        assert_eq!(call!(self, "DescribeRules", shown).rules().len(), 2);
        call!(self, "ModifyRule", client.modify_rule().rule_arn(arn).actions(fixed()));
        let pair = RulePriorityPair::builder().rule_arn(arn).priority(7).build();
        let moved = client.set_rule_priorities().rule_priorities(pair);
        assert_eq!(call!(self, "SetRulePriorities", moved).rules()[0].priority(), Some("7"));
        call!(self, "DeleteRule", client.delete_rule().rule_arn(arn));
    }

    async fn trust_stores(&mut self) -> String {
        let client = self.client.clone();
        let bucket = self.weir.data_dir().join("s3").join("trust");
        std::fs::create_dir_all(&bucket).unwrap();
        authority(&bucket);
        let made = client.create_trust_store().name("every");
        let made = made.ca_certificates_bundle_s3_bucket("trust");
        let made = made.ca_certificates_bundle_s3_key("ca.pem");
        let made = call!(self, "CreateTrustStore", made);
        let store = &made.trust_stores()[0];
        assert_eq!(store.number_of_ca_certificates(), Some(1));
        let arn = store.trust_store_arn().unwrap().to_owned();
        call!(self, "DescribeTrustStores", client.describe_trust_stores().names("every"));
        let changed = client.modify_trust_store().trust_store_arn(&arn);
        let changed = changed.ca_certificates_bundle_s3_bucket("trust");
        let changed = changed.ca_certificates_bundle_s3_key("ca.pem");
        call!(self, "ModifyTrustStore", changed);
        let content = RevocationContent::builder().s3_bucket("trust").s3_key("crl.pem");
        let content = content.revocation_type(RevocationType::Crl).build();
        let added = client.add_trust_store_revocations().trust_store_arn(&arn);
        let added = added.revocation_contents(content);
        let added = call!(self, "AddTrustStoreRevocations", added);
        let id = added.trust_store_revocations()[0].revocation_id().unwrap();
        let shown = client.describe_trust_store_revocations().trust_store_arn(&arn);
        let shown = call!(self, "DescribeTrustStoreRevocations", shown);
        assert_eq!(shown.trust_store_revocations().len(), 1);
        let bundle = client.get_trust_store_ca_certificates_bundle().trust_store_arn(&arn);
        let bundle = call!(self, "GetTrustStoreCaCertificatesBundle", bundle);
        assert!(bundle.location().unwrap().starts_with("http"));
        let content = client.get_trust_store_revocation_content().trust_store_arn(&arn);
        let content = content.revocation_id(id);
        let content = call!(self, "GetTrustStoreRevocationContent", content);
        assert!(content.location().unwrap().starts_with("http"));
        let gone = client.remove_trust_store_revocations().trust_store_arn(&arn);
        call!(self, "RemoveTrustStoreRevocations", gone.revocation_ids(id));
        arn
    }

    async fn certificates(&mut self, lb: &str, group: &str, store: &str) {
        let client = self.client.clone();
        let (first, second) = (self.upload("every-one"), self.upload("every-two"));
        let certificate = |arn: &str| Certificate::builder().certificate_arn(arn).build();
        let verify = MutualAuthenticationAttributes::builder().mode("verify");
        let verify = verify.trust_store_arn(store).build();
        let made = client.create_listener().load_balancer_arn(lb).port(443);
        let made = made.protocol(ProtocolEnum::Https).certificates(certificate(&first));
        let made = made.mutual_authentication(verify).default_actions(forward(group));
        let made = made.send().await.unwrap();
        let listener = made.listeners()[0].listener_arn().unwrap();
        let added = client.add_listener_certificates().listener_arn(listener);
        let added = added.certificates(certificate(&second));
        call!(self, "AddListenerCertificates", added);
        let shown = client.describe_listener_certificates().listener_arn(listener);
        let shown = call!(self, "DescribeListenerCertificates", shown);
        assert_eq!(shown.certificates().len(), 2);
        let shown = client.describe_trust_store_associations().trust_store_arn(store);
        let shown = call!(self, "DescribeTrustStoreAssociations", shown);
        assert_eq!(shown.trust_store_associations().len(), 1);
        let gone = client.remove_listener_certificates().listener_arn(listener);
        let gone = gone.certificates(certificate(&second));
        call!(self, "RemoveListenerCertificates", gone);
        client.delete_listener().listener_arn(listener).send().await.unwrap();
        self.refused(lb, store).await;
    }

    /// Two actions whose only answers on one account are errors: the SDK types them.
    async fn refused(&mut self, lb: &str, store: &str) {
        let client = self.client.clone();
        let shared = client.delete_shared_trust_store_association();
        let shared = shared.trust_store_arn(store).resource_arn(lb).send().await;
        let error = shared.unwrap_err().into_service_error();
        let typed = error.is_trust_store_association_not_found_exception()
            || error.is_delete_association_same_account_exception();
        assert!(typed, "{error:?}");
        self.seen.insert("DeleteSharedTrustStoreAssociation");
        let policy = client.get_resource_policy().resource_arn(store).send().await;
        let error = policy.unwrap_err().into_service_error();
        assert!(error.is_resource_not_found_exception(), "{error:?}");
        self.seen.insert("GetResourcePolicy");
    }

    async fn attributes(&mut self, lb: &str, group: &str, listener: &str) {
        let client = self.client.clone();
        let shown = client.describe_load_balancer_attributes().load_balancer_arn(lb);
        call!(self, "DescribeLoadBalancerAttributes", shown);
        let value = LoadBalancerAttribute::builder().key("idle_timeout.timeout_seconds").value("9");
        let changed = client.modify_load_balancer_attributes().load_balancer_arn(lb);
        call!(self, "ModifyLoadBalancerAttributes", changed.attributes(value.build()));
        let shown = client.describe_target_group_attributes().target_group_arn(group);
        call!(self, "DescribeTargetGroupAttributes", shown);
        let value = TargetGroupAttribute::builder().key("deregistration_delay.timeout_seconds");
        let changed = client.modify_target_group_attributes().target_group_arn(group);
        let changed = changed.attributes(value.value("5").build());
        call!(self, "ModifyTargetGroupAttributes", changed);
        let shown = client.describe_listener_attributes().listener_arn(listener);
        call!(self, "DescribeListenerAttributes", shown);
        let value = ListenerAttribute::builder().key("routing.http.response.server.enabled");
        let changed = client.modify_listener_attributes().listener_arn(listener);
        call!(self, "ModifyListenerAttributes", changed.attributes(value.value("false").build()));
    }

    async fn tags_and_limits(&mut self, lb: &str) {
        let client = self.client.clone();
        let tag = Tag::builder().key("k").value("v").build();
        call!(self, "AddTags", client.add_tags().resource_arns(lb).tags(tag));
        let shown = call!(self, "DescribeTags", client.describe_tags().resource_arns(lb));
        assert_eq!(shown.tag_descriptions()[0].tags().len(), 1);
        call!(self, "RemoveTags", client.remove_tags().resource_arns(lb).tag_keys("k"));
        let limits = call!(self, "DescribeAccountLimits", client.describe_account_limits());
        assert!(limits.limits().len() > 20);
        let policies = client.describe_ssl_policies();
        let policies = policies.load_balancer_type(LoadBalancerTypeEnum::Application);
        assert!(!call!(self, "DescribeSSLPolicies", policies).ssl_policies().is_empty());
    }

    async fn ends(&mut self, lb: &str, group: &str, listener: &str, store: &str) {
        let client = self.client.clone();
        call!(self, "DeleteListener", client.delete_listener().listener_arn(listener));
        call!(self, "DeleteLoadBalancer", client.delete_load_balancer().load_balancer_arn(lb));
        call!(self, "DeleteTargetGroup", client.delete_target_group().target_group_arn(group));
        call!(self, "DeleteTrustStore", client.delete_trust_store().trust_store_arn(store));
    }

    /// A server certificate of IAM; gives its ARN.
    fn upload(&self, name: &str) -> String {
        let (cert, key) = self_signed(&self.weir.data_dir().join(name), name);
        let parameters = [
            ("ServerCertificateName", name),
            ("CertificateBody", cert.as_str()),
            ("PrivateKey", key.as_str()),
        ];
        text(&self.weir.api().iam("UploadServerCertificate", &parameters), "Arn").to_owned()
    }
}

fn forward(group: &str) -> Action {
    Action::builder().r#type(ActionTypeEnum::Forward).target_group_arn(group).build()
}

fn fixed() -> Action {
    let config = FixedResponseActionConfig::builder().status_code("204").build();
    let action = Action::builder().r#type(ActionTypeEnum::FixedResponse);
    action.fixed_response_config(config).build()
}

fn openssl(dir: &Path, arguments: &[&str]) {
    let done = Command::new("openssl").args(arguments).current_dir(dir).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// A self-signed certificate and its key, PEM.
fn self_signed(dir: &Path, name: &str) -> (String, String) {
    std::fs::create_dir_all(dir).unwrap();
    let subject = format!("/CN={name}.example.com");
    openssl(
        dir,
        &[
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "9", "-subj", &subject,
            "-keyout", "key.pem", "-out", "cert.pem",
        ],
    );
    let read = |file| std::fs::read_to_string(dir.join(file)).unwrap();
    let pair = (read("cert.pem"), read("key.pem"));
    std::fs::remove_dir_all(dir).unwrap();
    pair
}

/// `ca.pem`, and `crl.pem` of the same authority, which revokes nothing.
fn authority(dir: &Path) {
    let config = "[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\ndefault_md=sha256\n\
                  default_crl_days=9\ncrlnumber=number\n[req]\ndistinguished_name=n\n[n]\n\
                  [v3]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign,cRLSign\n\
                  subjectKeyIdentifier=hash\n";
    std::fs::write(dir.join("ca.conf"), config).unwrap();
    std::fs::write(dir.join("index.txt"), "").unwrap();
    std::fs::write(dir.join("number"), "01\n").unwrap();
    openssl(
        dir,
        &[
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "9",
            "-subj",
            "/CN=ca",
            "-config",
            "ca.conf",
            "-extensions",
            "v3",
            "-keyout",
            "ca.key",
            "-out",
            "ca.pem",
        ],
    );
    openssl(
        dir,
        &[
            "ca", "-gencrl", "-config", "ca.conf", "-keyfile", "ca.key", "-cert", "ca.pem", "-out",
            "crl.pem",
        ],
    );
}
