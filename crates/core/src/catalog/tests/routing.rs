//! What commands about target groups, listeners and rules record, by type of load balancer.
//!
//! Invariant: see `world`.

use super::refusals_routing::*;
use super::world::*;
use crate::catalog::Command;
use crate::catalog::command::*;
use crate::resource::*;

fn group(w: &mut World, input: TargetGroupCreate) -> TargetGroup {
    let arn = w.subject(&Command::TargetGroupCreate(input));
    w.catalog.target_group(&TargetGroupArn::parse(&arn).unwrap()).unwrap().clone()
}

fn listener(w: &World, arn: &str) -> Listener {
    w.catalog.listener(&ListenerArn::parse(arn).unwrap()).unwrap().clone()
}

fn rule(w: &World, arn: &str) -> Rule {
    w.catalog.rule(&RuleArn::parse(arn).unwrap()).unwrap().clone()
}

/// Interval, timeout, path, matcher.
fn check_of(group: &TargetGroup) -> (u32, u32, &str, &str) {
    let check = &group.health_check;
    (check.interval_s, check.timeout_s, &check.path, &check.matcher)
}

// spec: control-plane §1.3 ELBv2 errors, pagination, waiters, limits, attributes
#[test]
fn health_checks_have_the_defaults_of_their_kind() {
    let mut w = World::new();
    allow(&mut w);
    let version = |w: &World, name: &str, version: &str| {
        let protocol_version = Some(version.to_owned());
        TargetGroupCreate { protocol_version, ..group_of(w, name, "HTTPS") }
    };
    let http = group_of(&w, "http", "HTTP");
    assert_eq!(check_of(&group(&mut w, http)), (30, 5, "/", "200"));
    let grpc = version(&w, "grpc", "grpc");
    let grpc = group(&mut w, grpc);
    assert_eq!(check_of(&grpc), (30, 5, "/AWS.ALB/healthcheck", "12"));
    assert_eq!(grpc.protocol_version.as_deref(), Some("GRPC"));
    let tcp = group_of(&w, "tcp", "TCP");
    let tcp = group(&mut w, tcp);
    assert_eq!(check_of(&tcp), (30, 10, "", ""));
    assert_eq!((tcp.protocol_version, tcp.health_check.protocol.as_str()), (None, "TCP"));
    let over_http = HealthCheckInput { protocol: Some("HTTP".into()), ..Default::default() };
    let udp = TargetGroupCreate { health_check: over_http, ..group_of(&w, "udp", "UDP") };
    assert_eq!(check_of(&group(&mut w, udp)), (30, 6, "/", "200-399"));
    let alb = TargetGroupCreate { target_type: TargetType::Alb, ..group_of(&w, "alb", "TCP") };
    assert_eq!(check_of(&group(&mut w, alb)), (30, 6, "/", "200-399"));
    let geneve = group_of(&w, "geneve", "GENEVE");
    let geneve = group(&mut w, geneve);
    assert_eq!(check_of(&geneve), (10, 5, "", ""));
    assert_eq!(geneve.health_check.port, HealthCheckPort::Port(80));
    let function = lambda(&w, "function");
    let function = group(&mut w, function);
    assert_eq!(check_of(&function), (35, 30, "/", "200"));
    assert!(!function.health_check.enabled);
    assert_eq!((function.protocol, function.port, function.vpc), (None, None, None));
}

#[test]
fn a_health_check_that_becomes_a_connection_loses_path_and_matcher() {
    let mut w = World::new();
    allow(&mut w);
    let tcp = group_of(&w, "tcp", "TCP");
    let tcp = group(&mut w, tcp);
    let modify = |protocol: &str, path: Option<&str>| {
        let health_check = HealthCheckInput {
            protocol: Some(protocol.into()),
            path: path.map(str::to_owned),
            ..Default::default()
        };
        let arn = tcp.arn.to_string();
        Command::TargetGroupModify(TargetGroupModify { region: region(), arn, health_check })
    };
    w.run(&modify("HTTP", Some("/h")));
    assert_eq!(check_of(w.catalog.target_group(&tcp.arn).unwrap()), (30, 10, "/h", "200-399"));
    w.run(&modify("TCP", None));
    assert_eq!(check_of(w.catalog.target_group(&tcp.arn).unwrap()), (30, 10, "", ""));
}

#[test]
fn repeated_calls_give_what_exists() {
    let mut w = World::new();
    allow(&mut w);
    certificate(&mut w, CERTIFICATE);
    for protocol in ["HTTP", "TCP", "GENEVE"] {
        let input = Command::TargetGroupCreate(group_of(&w, &protocol.to_lowercase(), protocol));
        let first = w.subject(&input);
        assert_eq!(w.subject(&input), first);
    }
    let lb = w.lb("lb");
    let tls = secure(&lb, 443, "HTTPS", fixed("200"));
    let last = ActionInput { order: Some(2), ..fixed("200") };
    let create = |sealed: &str, mark: &str| {
        let mut oidc = oidc_action();
        oidc.oidc.as_mut().unwrap().client_secret = Some(ClientSecret::new(sealed, mark));
        let default_actions = vec![last.clone(), oidc];
        Command::ListenerCreate(ListenerCreate { default_actions, ..tls.clone() })
    };
    let first = w.subject(&create("one", "mark"));
    let again = w.subject(&create("another seal", "mark"));
    assert_eq!(again, first, "seals differ from call to call");
    let other = w.try_run(&create("one", "other mark")).unwrap_err();
    assert_eq!(other.code(), "DuplicateListener", "another secret is another setting");
    let kinds: Vec<&str> = {
        let default = rule(&w, listener(&w, &first).default_rule.as_str());
        default.actions.iter().map(|action| action.kind.as_str()).collect()
    };
    assert_eq!(kinds, ["authenticate-oidc", "fixed-response"], "sorted by their order");
}

#[test]
fn tls_members_come_and_go_with_the_protocol() {
    let mut w = World::new();
    allow(&mut w);
    certificate(&mut w, CERTIFICATE);
    let other = CERTIFICATE.replace("0001", "0002");
    certificate(&mut w, &other);
    let lb = w.lb("lb");
    let arn = w.subject(&Command::ListenerCreate(secure(&lb, 443, "HTTPS", fixed("200"))));
    let made = listener(&w, &arn);
    assert_eq!(made.ssl_policy.as_deref(), Some("ELBSecurityPolicy-2016-08"));
    assert_eq!(made.certificates, [CertificateArn::new(CERTIFICATE)]);
    assert!(!made.is_carried());

    let change = |certificates: &[&str]| ListenerCertificatesInput {
        region: region(),
        listener: arn.clone(),
        certificates: strings(certificates),
    };
    for _ in 0..2 {
        w.run(&Command::ListenerCertificatesAdd(change(&[&other, CERTIFICATE])));
        assert_eq!(listener(&w, &arn).certificates.len(), 3, "once each, the default again");
    }
    w.run(&Command::ListenerCertificatesRemove(change(&[CERTIFICATE, "arn:unknown"])));
    let default = TlsInput { certificates: Some(strings(&[&other])), ..TlsInput::default() };
    let modify = ListenerModify { tls: default, ..listener_modify(&arn) };
    w.run(&Command::ListenerModify(modify));
    let arns = |l: &Listener| l.certificates.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(arns(&listener(&w, &arn)), [other.clone(), other.clone()]);

    let plain = ListenerModify { protocol: Some("HTTP".into()), ..listener_modify(&arn) };
    w.run(&Command::ListenerModify(plain));
    let plain = listener(&w, &arn);
    assert!(plain.certificates.is_empty() && plain.ssl_policy.is_none() && plain.is_carried());
}

#[test]
fn a_redirect_cannot_become_a_loop_by_moving_its_listener() {
    let mut w = World::new();
    let lb = w.lb("lb");
    let to_81 = RedirectInput {
        port: Some("81".into()),
        status_code: "HTTP_301".into(),
        ..RedirectInput::default()
    };
    let input = listener_input(&lb, 80, vec![redirect(to_81)]);
    let arn = w.subject(&Command::ListenerCreate(input));
    let moved = ListenerModify { port: Some(81), ..listener_modify(&arn) };
    let text = "The redirect configuration is not valid because it creates a loop.";
    w.refuse("RedirectLoop", &Command::ListenerModify(moved), text);
}

#[test]
fn a_kept_secret_survives_a_change() {
    let mut w = World::new();
    allow(&mut w);
    certificate(&mut w, CERTIFICATE);
    let lb = w.lb("lb");
    let web = w.subject(&Command::ListenerCreate(secure(&lb, 443, "HTTPS", fixed("200"))));
    let last = ActionInput { order: Some(2), ..fixed("200") };
    let actions = vec![oidc_action(), last.clone()];
    let create = RuleCreate { actions, ..rule_input(&web, 1, fixed("200")) };
    let arn = w.subject(&Command::RuleCreate(create));
    let mut changed = oidc_action();
    let config = changed.oidc.as_mut().unwrap();
    (config.client_secret, config.use_existing_secret) = (None, Some(true));
    config.client_id = "other".into();
    let modify = RuleModify { actions: Some(vec![changed, last]), ..rule_modify(&arn) };
    w.run(&Command::RuleModify(modify));
    match &rule(&w, &arn).actions[0].kind {
        ActionKind::AuthenticateOidc(oidc) => {
            assert_eq!((oidc.client_id.as_str(), oidc.client_secret.sealed()), ("other", "sealed"));
            assert_eq!((oidc.session.timeout_s, oidc.session.scope.as_str()), (604_800, "openid"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn transforms_are_replaced_reset_and_kept() {
    let mut w = World::new();
    let (lb, group) = (w.lb("lb"), w.group("group"));
    let web = w.listen(&lb, 80, &group);
    let url = |replace: &str| TransformInput {
        kind: "url-rewrite".into(),
        url: Some(vec![("^/a".into(), replace.into())]),
        ..TransformInput::default()
    };
    let create = RuleCreate { transforms: vec![url("/b")], ..rule_input(&web, 1, forward(&group)) };
    let arn = w.subject(&Command::RuleCreate(create));
    let mut modify = |change: RuleModify| {
        w.run(&Command::RuleModify(change));
        rule(&w, &arn).transforms.into_iter().map(|t| t.replace).collect::<Vec<_>>()
    };
    let base = rule_modify(&arn);
    let actions = Some(vec![fixed("404")]);
    assert_eq!(modify(RuleModify { actions, ..base.clone() }), ["/b"]);
    let transforms = Some(vec![url("/c")]);
    assert_eq!(modify(RuleModify { transforms, ..base.clone() }), ["/c"]);
    let reset_transforms = Some(true);
    assert!(modify(RuleModify { reset_transforms, ..base }).is_empty());
}

#[test]
fn targets_of_every_type_register_and_leave() {
    let mut w = World::new();
    allow(&mut w);
    let function = lambda(&w, "function");
    let function = group(&mut w, function).arn.to_string();
    let id = "arn:aws:lambda:us-east-1:123456789012:function:f:live";
    w.run(&Command::TargetsRegister(targets(&function, &[id])));
    assert_eq!(w.targets(&function)[0].port, 0);
    w.run(&Command::TargetsDeregister(targets(&function, &[id])));
    assert!(w.targets(&function).is_empty(), "functions do not drain");
    let six = {
        let ip_address_type = Some("ipv6".to_owned());
        TargetGroupCreate { ip_address_type, ..group_of(&w, "six", "HTTP") }
    };
    let six = group(&mut w, six);
    assert!(six.is_carried());
    w.run(&Command::TargetsRegister(targets(six.arn.as_str(), &["0:0::1"])));
    assert_eq!(w.targets(six.arn.as_str())[0].id, "::1", "one spelling per target");
}
