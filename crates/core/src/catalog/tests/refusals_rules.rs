//! Cases of refusals about listeners, actions, rules and conditions.
//!
//! Invariant: see `refusals`.

use super::world::*;
use crate::catalog::Command;
use crate::catalog::Resource;
use crate::catalog::command::*;
use crate::catalog::unserved::Feature;
use crate::resource::*;

pub(super) fn listeners(w: &mut World) {
    let (lb, group) = (w.lb("lb"), w.group("group"));
    let first = w.listen(&lb, 80, &group);
    w.listen(&lb, 81, &group);
    let base = listener_input(&lb, 90, vec![forward(&group)]);
    let create = Command::ListenerCreate;
    let input = ListenerCreate { port: None, ..base.clone() };
    w.refuse("ListenerPortMissing", &create(input), "A listener port must be specified");
    let input = ListenerCreate { protocol: None, ..base.clone() };
    w.refuse("ListenerProtocolMissing", &create(input), "A listener protocol must be specified");
    let input = ListenerCreate { protocol: Some("TCP".to_owned()), ..base.clone() };
    let text = "Listener protocol 'TCP' must be one of 'HTTP, HTTPS'";
    w.refuse("ListenerProtocolInvalid", &create(input), text);
    let input = listener_input(&lb, 80, vec![fixed("200")]);
    let text = format!("A listener already exists on this port for this load balancer '{lb}'");
    w.refuse("ListenerPortTaken", &create(input), &text);
    let input = ListenerModify { port: Some(81), ..listener_modify(&first) };
    let text = "Listener port '81' is already in use";
    w.refuse("ListenerPortInUse", &Command::ListenerModify(input), text);
    listener_tls(w, &base, &first);
    w.catalog.settings.quotas.listeners_per_load_balancer = 2;
    let text = "You have reached the maximum number of listeners for a load balancer of type \
                'application': [2]";
    w.refuse("ListenersTooMany", &create(base), text);
}

fn listener_tls(w: &mut World, base: &ListenerCreate, existing: &str) {
    let with = |protocol: &str, tls: TlsInput| {
        let protocol = Some(protocol.to_owned());
        Command::ListenerCreate(ListenerCreate { protocol, tls, ..base.clone() })
    };
    let none = TlsInput::default;
    super::refusals_routing::certificate(w, super::refusals_routing::CERTIFICATE);
    let certificates = Some(strings(&[super::refusals_routing::CERTIFICATE]));
    let policy = |name: &str| Some(name.to_owned());
    let text = "A certificate must be specified for HTTPS listeners";
    w.refuse("CertificateMissing", &with("HTTPS", none()), text);
    let https = TlsInput { certificates: certificates.clone(), ssl_policy: policy("x"), ..none() };
    w.refuse("SslPolicyNotFound", &with("HTTPS", https), "SSL policy 'x' not found");
    let https = TlsInput { certificates: certificates.clone(), ..none() };
    let other = ListenerCreate { port: Some(443), ..base.clone() };
    let free = |tls: TlsInput| {
        let protocol = Some("HTTPS".to_owned());
        Command::ListenerCreate(ListenerCreate { protocol, tls, ..other.clone() })
    };
    w.unserved(Feature::HttpsListener, "OperationNotPermitted", &free(https.clone()));
    let text = "Certificates cannot be specified for HTTP listeners";
    w.refuse("CertificateOnHttp", &with("HTTP", https), text);
    let tls = TlsInput { ssl_policy: policy("ELBSecurityPolicy-2016-08"), ..none() };
    let text = "An SSL policy cannot be specified for HTTP listeners";
    w.refuse("SslPolicyOnHttp", &with("HTTP", tls), text);
    let tls = TlsInput { alpn_policy: Some(strings(&["HTTP1Only"])), ..none() };
    let text = "An ALPN policy cannot be specified for HTTP listeners";
    w.refuse("AlpnOnHttp", &with("HTTP", tls), text);
    let verify = MutualInput { mode: Some("verify".to_owned()), ..MutualInput::default() };
    let tls = TlsInput { mutual_authentication: Some(verify), ..none() };
    let text = "Mutual authentication cannot be specified for HTTP listeners";
    w.refuse("MutualAuthenticationOnHttp", &with("HTTP", tls), text);
    let to_https =
        ListenerModify { protocol: Some("HTTPS".to_owned()), ..listener_modify(existing) };
    let text = "You must provide a list containing exactly one certificate if the listener \
                protocol is HTTPS.";
    w.refuse("CertificateListWrong", &Command::ListenerModify(to_https), text);
}

pub(super) fn actions(w: &mut World) {
    let (lb, group, other) = (w.lb("lb"), w.group("group"), w.group("other"));
    let create = |actions| Command::ListenerCreate(listener_input(&lb, 80, actions));
    w.refuse("ActionsEmpty", &create(vec![]), "At least one action must be specified");
    let kind = |kind: &str| ActionInput { kind: kind.to_owned(), ..ActionInput::default() };
    let text = "1 validation error detected: Value 'x' at 'actions.1.member.type' failed to \
                satisfy constraint: Member must satisfy enum value set: [redirect, \
                fixed-response, forward, authenticate-oidc, authenticate-cognito, jwt-validation]";
    w.refuse("ActionTypeUnknown", &create(vec![kind("x")]), text);
    let text = "Actions of type 'authenticate-cognito' are supported only on HTTPS listeners";
    w.refuse("ActionNeedsHttps", &create(vec![kind("authenticate-cognito")]), text);
    let text = "You have reached the maximum number of actions: [2]";
    w.refuse("ActionsTooMany", &create(vec![fixed("200"); 3]), text);
    let text = "You must specify an order for each action when there is more than one action";
    w.refuse("ActionOrderMissing", &create(vec![fixed("200"); 2]), text);
    let ordered = |order| ActionInput { order: Some(order), ..fixed("200") };
    let text = "You must specify exactly one of the following actions as the last one: forward, \
                redirect, fixed-response";
    w.refuse("ActionRoutingCount", &create(vec![ordered(1), ordered(2)]), text);
    let text = "A 'RedirectConfig' must be specified with actions of type 'redirect'";
    w.refuse("ActionConfigMissing", &create(vec![kind("redirect")]), text);
    let mixed = ActionInput { fixed_response: fixed("200").fixed_response, ..forward(&group) };
    let text = "A 'FixedResponseConfig' cannot be specified with actions of type 'forward'";
    w.refuse("ActionConfigForeign", &create(vec![mixed]), text);
    let text = "1 validation error detected: Value '100' at \
                'actions.1.member.fixedResponseConfig.statusCode' failed to satisfy constraint: \
                Member must satisfy regular expression pattern: ^(2|4|5)\\d\\d$";
    w.refuse("FixedResponseStatus", &create(vec![fixed("100")]), text);
    let config = FixedResponseInput {
        status_code: "200".to_owned(),
        content_type: Some("image/png".to_owned()),
        message_body: None,
    };
    let answer =
        |config| create(vec![ActionInput { fixed_response: Some(config), ..fixed("200") }]);
    let text = "The ContentType must be one of:'text/html', 'application/json', \
                'application/javascript', 'text/css', 'text/plain'";
    w.refuse("FixedResponseContentType", &answer(config.clone()), text);
    let long = Some("x".repeat(1_025));
    let config = FixedResponseInput { content_type: None, message_body: long, ..config };
    let text = "The MessageBody is too long; the limit is '1024'";
    w.refuse("FixedResponseBody", &answer(config), text);
    redirects(w, &lb);
    forwards(w, &lb, &group, &other);
    associations(w, &lb, &group, &other);
}

fn redirects(w: &mut World, lb: &str) {
    let create = |config| Command::ListenerCreate(listener_input(lb, 80, vec![redirect(config)]));
    let base = || RedirectInput { status_code: "HTTP_301".to_owned(), ..RedirectInput::default() };
    let text = "The redirect configuration is not valid because it creates a loop.";
    w.refuse("RedirectLoop", &create(base()), text);
    let same = RedirectInput {
        protocol: Some("HTTP".to_owned()),
        port: Some("80".to_owned()),
        query: Some("x=1".to_owned()),
        ..base()
    };
    w.refuse("RedirectLoop", &create(same), text);
    let status = RedirectInput { status_code: "HTTP_307".to_owned(), ..base() };
    let text = "1 validation error detected: Value 'HTTP_307' at \
                'actions.1.member.redirectConfig.statusCode' failed to satisfy constraint: Member \
                must satisfy enum value set: [HTTP_301, HTTP_302]";
    w.refuse("RedirectStatus", &create(status), text);
    let bad = [
        RedirectInput { port: Some("0".to_owned()), ..base() },
        RedirectInput { port: Some(String::new()), ..base() },
        RedirectInput { path: Some("x".to_owned()), ..base() },
        RedirectInput { path: Some("/#{query}".to_owned()), ..base() },
        RedirectInput { path: Some("/#{".to_owned()), ..base() },
        RedirectInput { host: Some("a\r\nb".to_owned()), ..base() },
        RedirectInput { query: Some("?a".to_owned()), ..base() },
        RedirectInput { protocol: Some("FTP".to_owned()), ..base() },
    ];
    for config in bad {
        let refusal = w.catalog.apply(&create(config), w.now, &mut w.rng).unwrap_err();
        assert_eq!(
            (refusal.kind(), refusal.code()),
            ("RedirectMember", "InvalidLoadBalancerAction")
        );
        let text = refusal.message();
        w.note("RedirectMember", &refusal, &text);
    }
}

fn forwards(w: &mut World, lb: &str, group: &str, other: &str) {
    let create = |target_group: Option<&str>, config: ForwardInput| {
        let target_group = target_group.map(str::to_owned);
        let forward = Some(config);
        let kind = "forward".to_owned();
        let action = ActionInput { kind, target_group, forward, ..ActionInput::default() };
        Command::ListenerCreate(listener_input(lb, 80, vec![action]))
    };
    let to = |groups: &[(&str, Option<i64>)]| ForwardInput {
        groups: groups.iter().map(|(arn, weight)| (arn.to_string(), *weight)).collect(),
        ..ForwardInput::default()
    };
    let text = "A target group must be specified with actions of type 'forward'";
    w.refuse("ForwardWithoutGroup", &create(None, to(&[])), text);
    let text = "The target group in TargetGroupArn must be the only target group in ForwardConfig";
    w.refuse("ForwardGroupsDiffer", &create(Some(group), to(&[(other, None)])), text);
    let many = vec![(group, Some(1)); 6];
    let text = "A forward action can have at most '5' target groups";
    w.refuse("ForwardGroupsTooMany", &create(None, to(&many)), text);
    let twice = to(&[(group, Some(1)), (group, Some(1))]);
    let text = format!("Target group '{group}' was specified more than once in a forward action");
    w.refuse("ForwardGroupRepeated", &create(None, twice), &text);
    let text = "A weight must be specified for each target group of a forward action with more \
                than one target group";
    let half = to(&[(group, Some(1)), (other, None)]);
    w.refuse("ForwardWeightMissing", &create(None, half), text);
    let text = "Target group weight '1000' must be between '0-999' inclusive";
    w.refuse("ForwardWeightRange", &create(None, to(&[(group, Some(1_000))])), text);
    let sticky = |enabled, seconds| {
        let one = to(&[(group, Some(1))]);
        let (stickiness_enabled, stickiness_seconds) = (Some(enabled), seconds);
        create(None, ForwardInput { stickiness_enabled, stickiness_seconds, ..one })
    };
    let text = "DurationSeconds must be specified when target group stickiness is enabled";
    w.refuse("ForwardStickinessDurationMissing", &sticky(true, None), text);
    let text = "Target group stickiness duration '604801' must be between '1-604800' inclusive";
    w.refuse("ForwardStickinessDurationRange", &sticky(false, Some(604_801)), text);
    w.unserved(Feature::GroupStickiness, "OperationNotPermitted", &sticky(true, Some(60)));
}

fn associations(w: &mut World, lb: &str, group: &str, other: &str) {
    let missing = format!("{}0123456789abcdef", &group[..group.len() - 16]);
    let create = |lb: &str, group: &str| {
        Command::ListenerCreate(listener_input(lb, 80, vec![forward(group)]))
    };
    let text = format!("Target groups '{missing}' not found");
    w.refuse("ActionTargetGroupNotFound", &create(lb, &missing), &text);
    let second = w.lb("second");
    w.listen(&second, 80, other);
    let text = format!(
        "The following target groups cannot be associated with more than one load balancer: {other}"
    );
    w.refuse("GroupOnOtherLoadBalancer", &create(lb, other), &text);
    let parsed = TargetGroupArn::parse(group).unwrap();
    let record = w.catalog.target_group(&parsed).unwrap().clone();
    let http2 = TargetGroup { protocol_version: Some("HTTP2".to_owned()), ..record.clone() };
    w.craft([Resource::TargetGroup(http2)]);
    let text = format!(
        "The listener and the following target groups have incompatible protocols: {group}"
    );
    w.refuse("GroupProtocolIncompatible", &create(lb, group), &text);
    w.craft([Resource::TargetGroup(record)]);
    let listener = w.listen(lb, 81, group);
    let fresh = w.group("fresh");
    w.catalog.settings.quotas.target_groups_per_load_balancer = 1;
    let text = "You have reached the maximum number of unique target groups that you can \
                associate with a load balancer of type 'application': [1]";
    let rule = Command::RuleCreate(rule_input(&listener, 1, forward(&fresh)));
    w.refuse("GroupsPerLoadBalancerTooMany", &rule, text);
    // Replacing the only use of a group by another group stays within the quota.
    let swap = Some(vec![forward(&fresh)]);
    let modify = ListenerModify { default_actions: swap, ..listener_modify(&listener) };
    w.run(&Command::ListenerModify(modify));
}

pub(super) fn rules(w: &mut World) {
    let (lb, group) = (w.lb("lb"), w.group("group"));
    let listener = w.listen(&lb, 80, &group);
    let create = |priority| Command::RuleCreate(rule_input(&listener, priority, fixed("200")));
    let (one, two) = (w.subject(&create(1)), w.subject(&create(2)));
    w.refuse("PriorityTaken", &create(1), "Priority '1' is currently in use");
    let text = "Priority '2' is currently in use";
    w.refuse("PriorityTaken", &priorities(&[(&one, 2)]), text);
    let text = "Priority '50001' must be between '1-50000' inclusive";
    w.refuse("PriorityRange", &create(50_001), text);
    let text = "Priority '9' was provided multiple times";
    w.refuse("PriorityRepeated", &priorities(&[(&one, 9), (&two, 9)]), text);
    let text = format!("Rule '{one}' was provided multiple times");
    w.refuse("PriorityRuleRepeated", &priorities(&[(&one, 8), (&one, 9)]), &text);
    let default = {
        let arn = ListenerArn::parse(&listener).unwrap();
        w.catalog.listener(&arn).unwrap().default_rule.to_string()
    };
    let text = format!("Default rule '{default}' cannot be deleted");
    w.refuse("DefaultRuleDelete", &Command::RuleDelete(arn(&default)), &text);
    let text = format!("Default rule '{default}' cannot be modified");
    w.refuse("DefaultRuleModify", &priorities(&[(&default, 5)]), &text);
    let modify = RuleModify { actions: Some(vec![fixed("200")]), ..rule_modify(&default) };
    w.refuse("DefaultRuleModify", &Command::RuleModify(modify), &text);
    let text = "Either conditions or actions must be specified";
    w.refuse("RuleModifyNothing", &Command::RuleModify(rule_modify(&one)), text);
    let rewrite = TransformInput { kind: "url-rewrite".to_owned(), ..TransformInput::default() };
    let both = RuleModify {
        transforms: Some(vec![rewrite]),
        reset_transforms: Some(true),
        ..rule_modify(&one)
    };
    let text = "Transforms and ResetTransforms cannot be specified at the same time";
    w.refuse("TransformsAndReset", &Command::RuleModify(both), text);
    w.catalog.settings.quotas.rules_per_load_balancer = 2;
    let text = "You have reached the maximum number of rules for a load balancer of type \
                'application': [2]";
    w.refuse("RulesTooMany", &create(3), text);
}

pub(super) fn conditions(w: &mut World) {
    let (lb, group) = (w.lb("lb"), w.group("group"));
    let listener = w.listen(&lb, 80, &group);
    let create = |conditions: Vec<ConditionInput>| {
        let base = rule_input(&listener, 1, fixed("200"));
        Command::RuleCreate(RuleCreate { conditions, ..base })
    };
    let field =
        |field: &str| ConditionInput { field: Some(field.to_owned()), ..ConditionInput::default() };
    let text = "A rule must have at least one condition";
    w.refuse("ConditionsEmpty", &create(vec![]), text);
    let text = "Condition field 'x' must be one of '[path-pattern,host-header,http-header,\
                http-request-method,query-string,source-ip]'";
    w.refuse("ConditionFieldUnknown", &create(vec![field("x")]), text);
    let hosts = |count: usize| ConditionInput {
        host_header: Some(PatternsInput {
            values: (0..count).map(|i| format!("h{i}.example.com")).collect(),
            regexes: Vec::new(),
        }),
        ..field("host-header")
    };
    let text = "A rule can only have one condition of type 'host-header'";
    w.refuse("ConditionRepeated", &create(vec![hosts(1), hosts(1)]), text);
    let text = "A rule can only have '5' condition values";
    w.refuse("ConditionValuesTooMany", &create(vec![hosts(5), path("/x")]), text);
    let text = "A rule can only have '6' condition wildcards";
    w.refuse("ConditionWildcardsTooMany", &create(vec![path("/*?*?*?*")]), text);
    let regex = |text: &str| PatternsInput { values: Vec::new(), regexes: strings(&[text]) };
    let path_regex =
        |text: &str| ConditionInput { path_pattern: Some(regex(text)), ..field("path-pattern") };
    let text = "The regular expression '(?=x)' is not valid or too complex";
    w.refuse("ConditionRegexInvalid", &create(vec![path_regex("(?=x)")]), text);
    // Our engine knows Unicode classes, AWS's does not; an escaped backslash is none.
    let text = r"The regular expression '[^\p{L}]' is not valid or too complex";
    w.refuse("ConditionRegexInvalid", &create(vec![path_regex(r"[^\p{L}]")]), text);
    w.run(&create(vec![path_regex(r"\\p{2}")]));
    let foreign = ConditionInput { regexes: strings(&["x"]), ..field("source-ip") };
    let text = "The 'RegexValues' field is not compatible with 'source-ip'";
    w.refuse("ConditionRegexForeign", &create(vec![foreign]), text);
    for (kind, condition, text) in condition_cases() {
        w.refuse(kind, &create(vec![condition]), text);
    }
    for (kind, condition, text) in config_cases() {
        w.refuse(kind, &create(vec![condition]), text);
    }
}

type Case = (&'static str, ConditionInput, &'static str);

fn field(field: &str) -> ConditionInput {
    ConditionInput { field: Some(field.to_owned()), ..ConditionInput::default() }
}

fn values(list: &[&str]) -> PatternsInput {
    PatternsInput { values: strings(list), regexes: Vec::new() }
}

fn condition_cases() -> Vec<Case> {
    let host =
        |list: &[&str]| ConditionInput { host_header: Some(values(list)), ..field("host-header") };
    let method = |text: &str| ConditionInput {
        http_request_method: Some(strings(&[text])),
        ..field("http-request-method")
    };
    let header = |name: Option<&str>| ConditionInput {
        http_header: Some((name.map(str::to_owned), values(&["x"]))),
        ..field("http-header")
    };
    let long = "a".repeat(129);
    vec![
        ("ConditionValueMissing", field("host-header"), "A condition value must be specified"),
        ("ConditionValueMissing", path(""), "A condition value must be specified"),
        (
            "ConditionValueTooLong",
            path(&long),
            "The 'path-pattern' value is too long; the limit is '128'",
        ),
        (
            "ConditionValueTooLong",
            header(Some(&long)),
            "The 'HttpHeaderName' value is too long; the limit is '40'",
        ),
        (
            "ConditionValueCharacters",
            path("/a b"),
            "Condition value '/a b' contains a character that is not valid",
        ),
        (
            "ConditionHostInvalid",
            host(&["localhost"]),
            "The host name 'localhost' must have at least one '.' and only letters after the last \
             '.'",
        ),
        (
            "ConditionMethodCharacters",
            method("get"),
            "The 'http-request-method' value is invalid; the allowed characters are A-Z, hyphen \
             and underscore",
        ),
        ("ConditionHeaderName", header(Some("Host")), "The HTTP header name 'Host' is not valid"),
        ("ConditionFieldValueMissing", header(None), "A 'HttpHeaderName' value must be specified"),
    ]
}

fn config_cases() -> Vec<Case> {
    let source_ip =
        |list: &[&str]| ConditionInput { source_ip: Some(strings(list)), ..field("source-ip") };
    let query = ConditionInput {
        query_string: Some(vec![(Some("k".to_owned()), None)]),
        ..field("query-string")
    };
    let both = ConditionInput { path_pattern: Some(values(&["/x"])), ..path("/y") };
    let legacy = ConditionInput { values: strings(&["/x", "/y"]), ..path("/") };
    let foreign = ConditionInput { source_ip: Some(strings(&["10.0.0.0/8"])), ..path("/y") };
    let header = ConditionInput { values: strings(&["x"]), ..field("http-header") };
    vec![
        ("ConditionFieldValueMissing", source_ip(&[]), "A 'source-ip' value must be specified"),
        (
            "ConditionCidrInvalid",
            source_ip(&["255.255.255.255/32"]),
            "The source IP '255.255.255.255/32' is not a valid CIDR block",
        ),
        (
            "ConditionCidrInvalid",
            source_ip(&["10.0.0.1"]),
            "The source IP '10.0.0.1' is not a valid CIDR block",
        ),
        (
            "ConditionQueryValueMissing",
            query,
            "A 'Value' must be specified in 'QueryStringKeyValuePair'",
        ),
        (
            "ConditionConfigMissing",
            field("http-request-method"),
            "A 'HttpRequestMethodConfig' must be specified with 'http-request-method'",
        ),
        (
            "ConditionValuesAndConfig",
            both,
            "You cannot provide both Values and 'PathPatternConfig' for a condition of type \
             'path-pattern'",
        ),
        (
            "ConditionLegacyValues",
            legacy,
            "The 'path-pattern' field contains too many values; the limit is '1'",
        ),
        (
            "ConditionConfigForeign",
            foreign,
            "The 'SourceIpConfig' field is not compatible with 'path-pattern'",
        ),
        (
            "ConditionValuesForeign",
            header,
            "The 'Values' field is not compatible with 'http-header'",
        ),
    ]
}
