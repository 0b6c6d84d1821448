//! Refusals about target groups, targets, listeners, actions, rules and transforms, row by row.
//!
//! Texts stand in the table alone; here it is shown what leads to which row and code.
//!
//! Invariant: see `refusals`.
// spec: control-plane §2.4 Validation / error messages (collect as data, one table in the server)

use super::world::*;
use super::{refusals, trust};
use crate::catalog::command::*;
use crate::catalog::unserved::Feature;
use crate::catalog::{Command, Resource};
use crate::resource::*;

pub(super) const AREAS: &[fn(&mut World)] = &[
    group_members,
    group_health,
    functions,
    balancers,
    quic,
    zonal_quotas,
    associations,
    listeners_by_type,
    listener_conflicts,
    tls,
    certificates,
    action_composition,
    forwards,
    oidc,
    cognito_and_sessions,
    jwt,
    rules,
    transforms,
];

/// The default group of certificates in these tests.
pub(super) const CERTIFICATE: &str =
    "arn:aws:acm:us-east-1:123456789012:certificate/00000000-0000-4000-8000-000000000001";

/// Expects a refusal of this kind and code.
fn no(w: &mut World, kind: &str, code: &str, command: &Command) {
    let refusal = match w.catalog.apply(command, w.now, &mut w.rng) {
        Err(refusal) => refusal,
        Ok(_) => panic!("{command:?} was not refused as {kind}"),
    };
    let text = refusal.message();
    assert_eq!(refusal.code(), code, "{refusal}");
    w.note(kind, &refusal, &text);
}

/// Lets everything be recorded.
pub(super) fn allow(w: &mut World) {
    w.catalog.settings.allow_unserved_types = true;
}

pub(super) fn balancer(w: &mut World, name: &str, kind: LoadBalancerKind) -> String {
    allow(w);
    let scheme = (kind != LoadBalancerKind::Gateway).then_some(Scheme::InternetFacing);
    let input = LoadBalancerCreate { kind, scheme, ..w.lb_input(name) };
    w.subject(&Command::LoadBalancerCreate(input))
}

pub(super) fn group_of(w: &World, name: &str, protocol: &str) -> TargetGroupCreate {
    let port = if protocol == "GENEVE" { 6_081 } else { 80 };
    let protocol = Some(protocol.to_owned());
    TargetGroupCreate { protocol, port: Some(port), ..w.group_input(name, TargetType::Ip) }
}

pub(super) fn grouped(w: &mut World, name: &str, protocol: &str) -> String {
    allow(w);
    let input = group_of(w, name, protocol);
    w.subject(&Command::TargetGroupCreate(input))
}

pub(super) fn lambda(w: &World, name: &str) -> TargetGroupCreate {
    let base = w.group_input(name, TargetType::Lambda);
    TargetGroupCreate { protocol: None, port: None, vpc: None, ..base }
}

pub(super) fn listen_on(
    lb: &str,
    port: u16,
    protocol: &str,
    action: ActionInput,
) -> ListenerCreate {
    let protocol = Some(protocol.to_owned());
    ListenerCreate { protocol, ..listener_input(lb, port, vec![action]) }
}

pub(super) fn secure(lb: &str, port: u16, protocol: &str, action: ActionInput) -> ListenerCreate {
    let tls = TlsInput { certificates: Some(strings(&[CERTIFICATE])), ..TlsInput::default() };
    ListenerCreate { tls, ..listen_on(lb, port, protocol, action) }
}

pub(super) fn certificate(w: &mut World, arn: &str) {
    let import = trust::import(arn, false, trust::draft("a.example.com"));
    w.run(&Command::CertificateImport(import));
}

fn group_members(w: &mut World) {
    let create = Command::TargetGroupCreate;
    let of = |w: &World, protocol: &str| group_of(w, "new", protocol);
    let bad = create(of(w, "SCTP"));
    no(w, "GroupProtocolUnknown", "ValidationError", &bad);
    let alb = TargetGroupCreate { target_type: TargetType::Alb, ..of(w, "TLS") };
    no(w, "GroupTypeProtocol", "InvalidConfigurationRequest", &create(alb));
    let port = TargetGroupCreate { port: Some(80), ..of(w, "GENEVE") };
    no(w, "GroupPortGeneve", "ValidationError", &create(port));
    let version = TargetGroupCreate { protocol_version: Some("HTTP1".into()), ..of(w, "TCP") };
    no(w, "GroupMemberProtocol", "InvalidConfigurationRequest", &create(version));
    for protocol in ["GENEVE", "QUIC", "TCP_QUIC"] {
        let ipv6 = TargetGroupCreate { ip_address_type: Some("ipv6".into()), ..of(w, protocol) };
        no(w, "GroupMemberProtocol", "InvalidConfigurationRequest", &create(ipv6));
    }
    let control = TargetGroupCreate { target_control_port: Some(1), ..lambda(w, "new") };
    no(w, "GroupMemberType", "InvalidConfigurationRequest", &create(control));
    allow(w);
    w.catalog.settings.quotas.geneve_target_groups = 0;
    let geneve = create(of(w, "GENEVE"));
    no(w, "GroupsGeneveTooMany", "TooManyTargetGroups", &geneve);
}

fn group_health(w: &mut World) {
    let create = |w: &World, protocol: &str, health_check: HealthCheckInput| {
        let base = group_of(w, "new", protocol);
        Command::TargetGroupCreate(TargetGroupCreate { health_check, ..base })
    };
    let none = HealthCheckInput::default;
    let codes = HealthCheckInput { http_code: Some("200".into()), ..none() };
    let on_tcp = create(w, "TCP", codes.clone());
    let text = "Custom health check matchers are not supported for health checks for target \
                groups with the TCP protocol.";
    w.refuse("HealthMatcherForeign", &on_tcp, text);
    let path = HealthCheckInput { path: Some("/x".into()), ..none() };
    let on_tcp = create(w, "TCP", path);
    no(w, "HealthPathForeign", "InvalidConfigurationRequest", &on_tcp);
    let slow = HealthCheckInput { timeout_s: Some(6), interval_s: Some(5), ..none() };
    let on_tcp = create(w, "TCP", slow);
    let text = "Health check timeout '6' must be smaller than or equal to the interval '5'";
    w.refuse("HealthTimeoutAboveInterval", &on_tcp, text);
    let grpc = |w: &World, health_check: HealthCheckInput| {
        let protocol_version = Some("GRPC".to_owned());
        let base = group_of(w, "new", "HTTP");
        Command::TargetGroupCreate(TargetGroupCreate { protocol_version, health_check, ..base })
    };
    let range = grpc(w, HealthCheckInput { grpc_code: Some("200".into()), ..none() });
    let text = "Health check matcher GRPC code '200' must be within '0-99' inclusive";
    w.refuse("HealthMatcherGrpcRange", &range, text);
    let http = grpc(w, codes);
    no(w, "HealthMatcherHttpOnGrpc", "InvalidConfigurationRequest", &http);
    let gateway =
        HealthCheckInput { protocol: Some("HTTP".into()), http_code: Some("200".into()), ..none() };
    let fixed = create(w, "GENEVE", gateway);
    no(w, "HealthMatcherInvalid", "ValidationError", &fixed);
}

fn functions(w: &mut World) {
    allow(w);
    let input = lambda(w, "group");
    let group = w.subject(&Command::TargetGroupCreate(input));
    let one = |id: &str, target: TargetInput| {
        let target = TargetInput { id: id.to_owned(), ..target };
        let (region, arn) = (region(), group.clone());
        Command::TargetsRegister(TargetsInput { region, arn, targets: vec![target] })
    };
    let arn = "arn:aws:lambda:us-east-1:123456789012:function:f";
    let none = TargetInput::default;
    no(w, "TargetFunctionInvalid", "ValidationError", &one("f", none()));
    let far = arn.replace("us-east-1", "us-west-2");
    no(w, "TargetFunctionForeign", "InvalidTarget", &one(&far, none()));
    let port = TargetInput { port: Some(80), ..none() };
    no(w, "TargetMemberForeign", "ValidationError", &one(arn, port));
    let zone = TargetInput { zone: Some("us-east-1a".into()), ..none() };
    no(w, "TargetZoneLambda", "ValidationError", &one(arn, zone));
    w.run(&one(arn, none()));
    let second = format!("{arn}:live");
    no(w, "TargetsPerGroupTooMany", "TooManyTargets", &one(&second, none()));
}

fn balancers(w: &mut World) {
    allow(w);
    let alb = |w: &World, name: &str| {
        let base = group_of(w, name, "TCP");
        Command::TargetGroupCreate(TargetGroupCreate { target_type: TargetType::Alb, ..base })
    };
    let group = alb(w, "group");
    let group = w.subject(&group);
    let register = |group: &str, id: &str| Command::TargetsRegister(targets(group, &[id]));
    no(w, "TargetBalancerInvalid", "InvalidTarget", &register(&group, "x"));
    let lb = w.lb("lb");
    let text = "If the target type is ALB, the target must have at least one listener that \
                matches the target group port or any specified port overrides";
    w.refuse("TargetBalancerListener", &register(&group, &lb), text);
    let http = w.group("http");
    let listener = w.listen(&lb, 80, &http);
    let mut port = targets(&group, &[&lb]);
    port.targets[0].port = Some(81);
    no(w, "TargetBalancerPort", "ValidationError", &Command::TargetsRegister(port));
    w.run(&register(&group, &lb));
    no(w, "ListenerTargeted", "ResourceInUse", &Command::ListenerDelete(arn(&listener)));
    no(w, "BalancerTargeted", "ResourceInUse", &Command::LoadBalancerDelete(arn(&lb)));
    let second = alb(w, "second");
    let second = w.subject(&second);
    w.run(&register(&second, &lb));
    let third = alb(w, "third");
    let third = w.subject(&third);
    let code = "TooManyRegistrationsForTargetId";
    no(w, "RegistrationsPerTargetTooMany", code, &register(&third, &lb));
}

fn quic(w: &mut World) {
    let group = grouped(w, "group", "QUIC");
    let register = |group: &str, id: &str, server: Option<&str>| {
        let mut input = targets(group, &[id]);
        input.targets[0].quic_server = server.map(str::to_owned);
        Command::TargetsRegister(input)
    };
    let server = "0x0123456789abcdef";
    no(w, "TargetQuicMissing", "ValidationError", &register(&group, "127.0.0.1", None));
    let bad = register(&group, "127.0.0.1", Some("0x1"));
    let text = "QuicServerId '0x1' must satisfy regular expression pattern: ^0x[0-9a-f]{16}$";
    w.refuse("TargetQuicInvalid", &bad, text);
    w.run(&register(&group, "127.0.0.1", Some(server)));
    no(w, "TargetQuicTaken", "InvalidTarget", &register(&group, "127.0.0.2", Some(server)));
    let other = Some("0x0123456789abcdee");
    no(w, "TargetQuicImmutable", "InvalidTarget", &register(&group, "127.0.0.1", other));
    let plain = w.group("plain");
    no(w, "TargetQuicForeign", "ValidationError", &register(&plain, "127.0.0.1", Some(server)));
}

fn zonal_quotas(w: &mut World) {
    let lb = balancer(w, "net", LoadBalancerKind::Network);
    let group = grouped(w, "group", "TCP");
    w.run(&Command::ListenerCreate(listen_on(&lb, 80, "TCP", forward(&group))));
    let in_subnets: Vec<String> = {
        let vpc = w.catalog.default_vpc(&region()).unwrap();
        let subnet = w.catalog.subnets_of(&vpc.id).next().unwrap();
        subnet.cidr.hosts().skip(100).take(2).map(|ip| ip.to_string()).collect()
    };
    let ids: Vec<&str> = in_subnets.iter().map(String::as_str).collect();
    let register = Command::TargetsRegister(targets(&group, &ids));
    w.catalog.settings.quotas.targets_per_network_zone = 1;
    no(w, "TargetsPerZoneTooMany", "TooManyTargets", &register);
    w.catalog.settings.quotas.targets_per_network_load_balancer = 1;
    let text = "You have reached the maximum number of targets for a load balancer of type \
                'network': [1]";
    w.refuse("TargetsPerLoadBalancerTooMany", &register, text);
    let ipv6 = {
        let ip_address_type = Some("ipv6".to_owned());
        TargetGroupCreate { ip_address_type, ..group_of(w, "six", "TCP") }
    };
    let ipv6 = w.subject(&Command::TargetGroupCreate(ipv6));
    let register = Command::TargetsRegister(targets(&ipv6, &["127.0.0.1"]));
    no(w, "TargetIpv6Invalid", "ValidationError", &register);
    let rule = Command::ListenerCreate(listen_on(&lb, 81, "TCP", forward(&ipv6)));
    no(w, "GroupIpv6NeedsDualstack", "InvalidConfigurationRequest", &rule);
}

fn associations(w: &mut World) {
    let lb = w.lb("lb");
    let (vpc, _) = refusals::second_vpc(w);
    let foreign = TargetGroupCreate { vpc: Some(vpc.id.to_string()), ..group_of(w, "far", "HTTP") };
    let foreign = w.subject(&Command::TargetGroupCreate(foreign));
    let listen = Command::ListenerCreate(listen_on(&lb, 80, "HTTP", forward(&foreign)));
    no(w, "GroupInOtherVpc", "InvalidConfigurationRequest", &listen);
    w.catalog.settings.waivers.insert(crate::catalog::Waiver::ForeignTargetGroup);
    w.run(&listen);
    // Which protocols fit is one table.
    let net = balancer(w, "net", LoadBalancerKind::Network);
    let udp = grouped(w, "udp", "UDP");
    let listen = Command::ListenerCreate(listen_on(&net, 80, "TCP", forward(&udp)));
    no(w, "GroupProtocolIncompatible", "IncompatibleProtocols", &listen);
}

fn listeners_by_type(w: &mut World) {
    let gateway = balancer(w, "gwy", LoadBalancerKind::Gateway);
    let net = balancer(w, "net", LoadBalancerKind::Network);
    let group = grouped(w, "group", "GENEVE");
    let base = listener_input(&gateway, 1, vec![forward(&group)]);
    let text = "A port cannot be specified for gateway listeners";
    w.refuse("ListenerPortOnGateway", &Command::ListenerCreate(base.clone()), text);
    let base = ListenerCreate { port: None, ..base };
    let text = "A protocol cannot be specified for gateway listeners";
    w.refuse("ListenerProtocolOnGateway", &Command::ListenerCreate(base.clone()), text);
    let base = ListenerCreate { protocol: None, ..base };
    let listener = w.subject(&Command::ListenerCreate(base.clone()));
    let again = ListenerCreate { tags: pairs(&[("a", "b")]), ..base };
    no(w, "ListenersTooMany", "TooManyListeners", &Command::ListenerCreate(again));
    let rule = Command::RuleCreate(rule_input(&listener, 1, forward(&group)));
    no(w, "RulesForeign", "UnsupportedProtocol", &rule);
    let (one, two) = (grouped(w, "g1", "GENEVE"), grouped(w, "g2", "GENEVE"));
    let both = forward_to(&[&one, &two]);
    let modify = ListenerModify { default_actions: Some(vec![both]), ..listener_modify(&listener) };
    no(w, "ForwardOnGateway", "InvalidLoadBalancerAction", &Command::ListenerModify(modify));
    let http = Command::ListenerCreate(listen_on(&net, 80, "HTTP", fixed("200")));
    let text = "Listener protocol 'HTTP' must be one of 'UDP, TCP, TLS, TCP_UDP'";
    w.refuse("ListenerProtocolInvalid", &http, text);
    let fixed = Command::ListenerCreate(listen_on(&net, 80, "TCP", fixed("200")));
    no(w, "ActionForeign", "InvalidLoadBalancerAction", &fixed);
    // What was recorded while it was allowed stays when it no longer is.
    w.catalog.settings.allow_unserved_types = false;
    let tcp = grouped(w, "tcp", "TCP");
    w.catalog.settings.allow_unserved_types = false;
    let listen = Command::ListenerCreate(listen_on(&net, 80, "TCP", forward(&tcp)));
    w.unserved(Feature::ListenerProtocol, "OperationNotPermitted", &listen);
}

fn listener_conflicts(w: &mut World) {
    let net = balancer(w, "net", LoadBalancerKind::Network);
    let (udp, quic) = (grouped(w, "udp", "UDP"), grouped(w, "quic", "QUIC"));
    let listen = |port, protocol: &str, group: &str| {
        Command::ListenerCreate(listen_on(&net, port, protocol, forward(group)))
    };
    let code = "InvalidConfigurationRequest";
    let first = w.subject(&listen(80, "QUIC", &quic));
    no(w, "ListenerQuicConflict", code, &listen(81, "QUIC", &quic));
    no(w, "ListenerQuicConflict", code, &listen(81, "UDP", &udp));
    let moved = ListenerModify { port: Some(82), ..listener_modify(&first) };
    no(w, "ListenerQuicPort", code, &Command::ListenerModify(moved));
    w.run(&Command::ListenerDelete(arn(&first)));
    let record = w.catalog.load_balancer(&LoadBalancerArn::parse(&net).unwrap()).unwrap().clone();
    let dual = LoadBalancer { ip_address_type: IpAddressType::Dualstack, ..record };
    w.craft([Resource::LoadBalancer(dual)]);
    no(w, "ListenerUdpDualstack", code, &listen(81, "UDP", &udp));
}

fn tls(w: &mut World) {
    allow(w);
    certificate(w, CERTIFICATE);
    let lb = w.lb("lb");
    let with = |tls: TlsInput| {
        let base = secure(&lb, 443, "HTTPS", fixed("200"));
        Command::ListenerCreate(ListenerCreate {
            tls: TlsInput { certificates: base.tls.certificates.clone(), ..tls },
            ..base
        })
    };
    let mutual = |mutual: MutualInput| {
        with(TlsInput { mutual_authentication: Some(mutual), ..TlsInput::default() })
    };
    let mode = |mode: &str| MutualInput { mode: Some(mode.into()), ..MutualInput::default() };
    no(w, "MutualModeInvalid", "ValidationError", &mutual(mode("strict")));
    no(w, "MutualTrustStoreMissing", "ValidationError", &mutual(mode("verify")));
    let ignore = MutualInput { ignore_expiry: Some(true), ..mode("passthrough") };
    no(w, "MutualMemberForeign", "ValidationError", &mutual(ignore));
    let store = "arn:aws:elasticloadbalancing:us-east-1:123456789012:truststore/s/0123456789abcdef";
    let verify = MutualInput { trust_store: Some(store.into()), ..mode("verify") };
    no(w, "NotFound", "TrustStoreNotFound", &mutual(verify));
    let alpn = TlsInput { alpn_policy: Some(strings(&["HTTP1Only"])), ..TlsInput::default() };
    no(w, "AlpnOnHttp", "ValidationError", &with(alpn));
    let store = w.subject(&Command::TrustStoreCreate(trust::create("store")));
    let verify = MutualInput { trust_store: Some(store), ..mode("verify") };
    for port in [1, 2] {
        let tls = TlsInput {
            certificates: Some(strings(&[CERTIFICATE])),
            mutual_authentication: Some(verify.clone()),
            ..TlsInput::default()
        };
        let base = listen_on(&lb, port, "HTTPS", fixed("200"));
        w.run(&Command::ListenerCreate(ListenerCreate { tls, ..base }));
    }
    let code = "InvalidConfigurationRequest";
    no(w, "MutualListenersTooMany", code, &mutual(verify));

    let net = balancer(w, "net", LoadBalancerKind::Network);
    let group = grouped(w, "group", "TLS");
    let alpn = |names: &[&str]| {
        let base = secure(&net, 443, "TLS", forward(&group));
        let tls = TlsInput { alpn_policy: Some(strings(names)), ..base.tls.clone() };
        Command::ListenerCreate(ListenerCreate { tls, ..base })
    };
    no(w, "AlpnPolicyNotFound", "ALPNPolicyNotFound", &alpn(&["x"]));
    no(w, "AlpnPolicyCount", "ValidationError", &alpn(&["None", "HTTP1Only"]));
}

fn certificates(w: &mut World) {
    allow(w);
    certificate(w, CERTIFICATE);
    let other = CERTIFICATE.replace("0001", "0002");
    certificate(w, &other);
    let lb = w.lb("lb");
    let listener = w.subject(&Command::ListenerCreate(secure(&lb, 443, "HTTPS", fixed("200"))));
    let input = |arns: &[&str]| ListenerCertificatesInput {
        region: region(),
        listener: listener.clone(),
        certificates: strings(arns),
    };
    let (add, remove) = (Command::ListenerCertificatesAdd, Command::ListenerCertificatesRemove);
    no(w, "CertificatesEmpty", "ValidationError", &add(input(&[])));
    no(w, "NotFound", "CertificateNotFound", &add(input(&["arn:x"])));
    let text = "Default certificate cannot be removed";
    w.refuse("CertificateDefault", &remove(input(&[CERTIFICATE])), text);
    w.catalog.settings.quotas.certificates_per_load_balancer = 0;
    no(w, "CertificatesTooMany", "TooManyCertificates", &add(input(&[&other])));
}

pub(super) fn forward_to(groups: &[&str]) -> ActionInput {
    let groups = groups.iter().map(|group| (group.to_string(), Some(1))).collect();
    let config = ForwardInput { groups, ..ForwardInput::default() };
    ActionInput { kind: "forward".into(), forward: Some(config), ..ActionInput::default() }
}

pub(super) fn oidc_action() -> ActionInput {
    let config = OidcInput {
        issuer: "https://idp.example.com".into(),
        authorization_endpoint: "https://idp.example.com/a".into(),
        token_endpoint: "https://idp.example.com/t".into(),
        user_info_endpoint: "https://idp.example.com/u".into(),
        client_id: "client".into(),
        client_secret: Some(ClientSecret::new("sealed", "mark")),
        use_existing_secret: None,
        session: SessionInput::default(),
    };
    let kind = "authenticate-oidc".to_owned();
    ActionInput { kind, order: Some(1), oidc: Some(config), ..ActionInput::default() }
}

/// An HTTPS listener, and how to try actions in a rule of it.
fn https(w: &mut World) -> String {
    allow(w);
    certificate(w, CERTIFICATE);
    let lb = w.lb("lb");
    w.subject(&Command::ListenerCreate(secure(&lb, 443, "HTTPS", fixed("200"))))
}

fn try_first(listener: &str, first: ActionInput) -> Command {
    let last = ActionInput { order: Some(2), ..fixed("200") };
    let base = rule_input(listener, 1, last.clone());
    Command::RuleCreate(RuleCreate { actions: vec![first, last], ..base })
}

fn action_composition(w: &mut World) {
    let listener = https(w);
    let order = |order| ActionInput { order: Some(order), ..oidc_action() };
    no(w, "ActionOrderRange", "ValidationError", &try_first(&listener, order(50_001)));
    no(w, "ActionOrderRepeated", "ValidationError", &try_first(&listener, order(2)));
    no(w, "ActionRoutingCount", "InvalidLoadBalancerAction", &try_first(&listener, order(3)));
    let twice = vec![oidc_action(), order(2)];
    let twice = RuleCreate { actions: twice, ..rule_input(&listener, 1, fixed("200")) };
    let code = "InvalidLoadBalancerAction";
    no(w, "ActionAuthenticationCount", code, &Command::RuleCreate(twice));
    let mut answer = fixed("200");
    answer.fixed_response.as_mut().unwrap().message_body = Some("a\0b".into());
    let odd = Command::RuleCreate(rule_input(&listener, 1, answer));
    no(w, "FixedResponseBodyCharacters", code, &odd);
    w.catalog.settings.allow_unserved_types = false;
    let signed_in = try_first(&listener, oidc_action());
    w.unserved(Feature::ActionType, "OperationNotPermitted", &signed_in);
}

fn forwards(w: &mut World) {
    allow(w);
    let (lb, one, two) = (w.lb("lb"), w.group("one"), w.group("two"));
    let sticky = |kind: &str| {
        let cookie = ("stickiness.app_cookie.cookie_name", "c");
        let all = [("stickiness.enabled", "true"), ("stickiness.type", kind), cookie];
        Command::TargetGroupAttributesModify(attributes(&one, &all))
    };
    let both = Command::ListenerCreate(listener_input(&lb, 80, vec![forward_to(&[&one, &two])]));
    w.run(&sticky("app_cookie"));
    let text = "When configuring a rule with multiple target groups, none of them can have \
                stickiness of type 'app_cookie' enabled.";
    w.refuse("ForwardAppCookie", &both, text);
    w.run(&sticky("lb_cookie"));
    no(w, "ForwardGroupStickiness", "InvalidLoadBalancerAction", &both);
    w.run(&Command::ListenerCreate(listener_input(&lb, 80, vec![forward(&one)])));
}

fn oidc(w: &mut World) {
    let listener = https(w);
    let try_with = |change: &dyn Fn(&mut OidcInput)| {
        let mut action = oidc_action();
        change(action.oidc.as_mut().unwrap());
        try_first(&listener, action)
    };
    let code = "InvalidLoadBalancerAction";
    no(w, "AuthSecretMissing", code, &try_with(&|c| c.client_secret = None));
    for url in ["http://idp.example.com", "idp.example.com", "https://", ""] {
        no(w, "AuthUrl", code, &try_with(&|c| c.issuer = url.to_owned()));
        no(w, "AuthUrl", code, &try_with(&|c| c.token_endpoint = url.to_owned()));
    }
    no(w, "AuthMember", "ValidationError", &try_with(&|c| c.client_id = String::new()));
}

fn cognito_and_sessions(w: &mut World) {
    let listener = https(w);
    let try_with = |change: &dyn Fn(&mut CognitoInput)| {
        let mut config = CognitoInput {
            user_pool_arn: "arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_a".into(),
            client_id: "client".into(),
            domain: "prefix".into(),
            session: SessionInput::default(),
        };
        change(&mut config);
        let kind = "authenticate-cognito".to_owned();
        let order = Some(1);
        let action = ActionInput { kind, order, cognito: Some(config), ..ActionInput::default() };
        try_first(&listener, action)
    };
    no(w, "AuthMember", "ValidationError", &try_with(&|c| c.user_pool_arn = "arn:x".into()));
    no(w, "AuthMember", "ValidationError", &try_with(&|c| c.domain = "a b".into()));
    for seconds in [0, -1, 604_801] {
        let long = try_with(&|c| c.session.timeout_s = Some(seconds));
        no(w, "AuthSessionTimeout", "ValidationError", &long);
    }
    let params = |names: Vec<String>| names.into_iter().map(|n| (n, "x".to_owned())).collect();
    let many: Vec<String> = (0..11).map(|n| format!("p{n}")).collect();
    let many = try_with(&|c| c.session.extra = params(many.clone()));
    no(w, "AuthExtraTooMany", "InvalidLoadBalancerAction", &many);
    let reserved = try_with(&|c| c.session.extra = params(vec!["state".to_owned()]));
    no(w, "AuthExtraReserved", "InvalidLoadBalancerAction", &reserved);
    w.run(&try_with(&|_| {}));
}

fn jwt(w: &mut World) {
    let listener = https(w);
    let claim = |name: &str, values: usize| JwtClaim {
        format: JwtClaimFormat::SingleString,
        name: name.to_owned(),
        values: vec!["v".to_owned(); values],
    };
    let try_with = |issuer: &str, claims: Vec<JwtClaim>| {
        let jwks_endpoint = "https://idp.example.com/jwks".to_owned();
        let config = JwtInput { jwks_endpoint, issuer: issuer.to_owned(), claims };
        let kind = "jwt-validation".to_owned();
        let order = Some(1);
        let action = ActionInput { kind, order, jwt: Some(config), ..ActionInput::default() };
        try_first(&listener, action)
    };
    let code = "InvalidLoadBalancerAction";
    no(w, "JwtMember", code, &try_with("", vec![]));
    no(w, "JwtMember", code, &try_with(&"i".repeat(257), vec![]));
    let many = (0..11).map(|n| claim(&format!("c{n}"), 1)).collect();
    no(w, "JwtClaimsTooMany", code, &try_with("i", many));
    no(w, "JwtClaimReserved", code, &try_with("i", vec![claim("exp", 1)]));
    no(w, "JwtClaimReserved", code, &try_with("i", vec![claim("a", 1), claim("a", 1)]));
    no(w, "JwtClaimValues", code, &try_with("i", vec![claim("a", 0)]));
    no(w, "JwtClaimValues", code, &try_with("i", vec![claim("a", 11)]));
    w.run(&try_with("i", vec![claim("a", 10)]));
}

fn rules(w: &mut World) {
    let net = balancer(w, "net", LoadBalancerKind::Network);
    let group = grouped(w, "group", "TCP");
    let listener = w.subject(&Command::ListenerCreate(listen_on(&net, 80, "TCP", forward(&group))));
    let rule = |conditions: Vec<ConditionInput>, transforms: Vec<TransformInput>| {
        let base = rule_input(&listener, 1, forward(&group));
        Command::RuleCreate(RuleCreate { conditions, transforms, ..base })
    };
    let code = "InvalidConfigurationRequest";
    no(w, "RulesNeedDualstack", code, &rule(vec![path("/x")], vec![]));
    let record = w.catalog.load_balancer(&LoadBalancerArn::parse(&net).unwrap()).unwrap().clone();
    let dual = LoadBalancer { ip_address_type: IpAddressType::Dualstack, ..record };
    w.craft([Resource::LoadBalancer(dual)]);
    no(w, "ConditionNetwork", "ValidationError", &rule(vec![path("/x")], vec![]));
    let family = ConditionInput {
        field: Some("source-ip".into()),
        source_ip: Some(vec![]),
        source_family: Some(IpFamily::Ipv6),
        ..ConditionInput::default()
    };
    let blocks = ConditionInput { source_ip: Some(strings(&["10.0.0.0/8"])), ..family.clone() };
    no(w, "ConditionNetwork", "ValidationError", &rule(vec![blocks.clone()], vec![]));
    let rewrite = TransformInput {
        kind: "url-rewrite".into(),
        url: Some(vec![("a".into(), "b".into())]),
        ..TransformInput::default()
    };
    no(w, "TransformsForeign", code, &rule(vec![family.clone()], vec![rewrite]));
    w.run(&rule(vec![family], vec![]));
    no(w, "PrioritiesEmpty", "ValidationError", &priorities(&[]));
    let (lb, http) = (w.lb("lb"), w.group("http"));
    let web = w.listen(&lb, 80, &http);
    let base = rule_input(&web, 1, forward(&http));
    let odd = Command::RuleCreate(RuleCreate { conditions: vec![blocks], ..base });
    no(w, "ConditionFamilyForeign", "ValidationError", &odd);
}

fn transforms(w: &mut World) {
    let (lb, group) = (w.lb("lb"), w.group("group"));
    let listener = w.listen(&lb, 80, &group);
    let create = |transforms: Vec<TransformInput>| {
        let base = rule_input(&listener, 1, forward(&group));
        Command::RuleCreate(RuleCreate { transforms, ..base })
    };
    let url = |regex: &str, replace: &str| TransformInput {
        kind: "url-rewrite".into(),
        url: Some(vec![(regex.to_owned(), replace.to_owned())]),
        ..TransformInput::default()
    };
    let host = |regex: &str, replace: &str| TransformInput {
        kind: "host-header-rewrite".into(),
        host_header: Some(vec![(regex.to_owned(), replace.to_owned())]),
        ..TransformInput::default()
    };
    let code = "ValidationError";
    let odd = TransformInput { kind: "x".into(), ..TransformInput::default() };
    no(w, "TransformTypeUnknown", code, &create(vec![odd]));
    no(w, "TransformRepeated", code, &create(vec![url("a", "/"), url("b", "/")]));
    let bare = TransformInput { url: None, ..url("a", "/") };
    no(w, "TransformConfigMissing", code, &create(vec![bare]));
    let both = TransformInput { host_header: Some(vec![]), ..url("a", "/") };
    no(w, "TransformConfigForeign", code, &create(vec![both]));
    let none = TransformInput { url: Some(vec![]), ..url("a", "/") };
    no(w, "TransformRewriteCount", code, &create(vec![none]));
    for regex in ["", "(", "(?=a)", r"\p{L}", "a{1000}{1000}"] {
        no(w, "TransformRegexInvalid", code, &create(vec![url(regex, "/")]));
    }
    no(w, "TransformTooLong", code, &create(vec![url(&"a".repeat(1_025), "/")]));
    no(w, "TransformTooLong", code, &create(vec![url("a", &"a".repeat(1_025))]));
    no(w, "TransformReplaceInvalid", code, &create(vec![url("a", "/ x")]));
    no(w, "TransformReplaceInvalid", code, &create(vec![host("a", "b/c")]));
    w.run(&create(vec![url("^/a", "/b"), host("^a", "b")]));
}

#[test]
fn every_row_about_routing_is_tested() {
    let mut seen = std::collections::BTreeSet::new();
    for area in AREAS {
        let mut world = World::new();
        area(&mut world);
        seen.extend(world.seen);
    }
    let rows = crate::catalog::RoutingRefusal::ROWS.iter();
    let missing: Vec<_> = rows.filter(|row| !seen.contains(row.kind)).collect();
    assert!(missing.is_empty(), "no test refuses with {missing:?}");
}
