//! What the tables promise.
//!
//! Invariant: none of these tests knows a record; carriers are made by hand.

use super::*;

const KINDS: [LoadBalancerKind; 3] =
    [LoadBalancerKind::Application, LoadBalancerKind::Network, LoadBalancerKind::Gateway];

fn group(protocol: &'static str, target_type: &'static str) -> Carrier<'static> {
    let (family, kind) = (Family::TargetGroup, kind_of(protocol));
    Carrier { family, kind, scheme: None, protocol, target_type }
}

fn lb(kind: LoadBalancerKind, scheme: Scheme) -> Carrier<'static> {
    let (family, scheme) = (Family::LoadBalancer, Some(scheme));
    Carrier { family, kind, scheme, protocol: "", target_type: "" }
}

fn listener(protocol: &'static str) -> Carrier<'static> {
    let (family, kind) = (Family::Listener, kind_of(protocol));
    Carrier { family, kind, scheme: None, protocol, target_type: "" }
}

fn carriers() -> Vec<Carrier<'static>> {
    let mut all = Vec::new();
    for kind in KINDS {
        all.extend([lb(kind, Scheme::Internal), lb(kind, Scheme::InternetFacing)]);
    }
    all.push(group("", "lambda"));
    for protocol in ["HTTP", "HTTPS", "TCP", "TLS", "UDP", "TCP_UDP", "QUIC", "TCP_QUIC", "GENEVE"]
    {
        all.extend([group(protocol, "instance"), group(protocol, "ip"), listener(protocol)]);
    }
    all.push(group("TCP", "alb"));
    all
}

fn keys(carrier: &Carrier<'_>) -> Vec<&'static str> {
    carrier.describe(&AttributeValues::new()).into_iter().map(|(key, _)| key).collect()
}

fn judge(family: Family, key: &str, value: &str) -> bool {
    find(family, key).unwrap().judge(value).is_ok()
}

#[test]
fn defaults_fit_and_places_do_not_overlap() {
    for family in [Family::LoadBalancer, Family::TargetGroup, Family::Listener] {
        for row in family.rows() {
            assert_eq!(row.judge(row.default), Ok(()), "{}", row.key);
            let first = find(family, row.key).unwrap();
            let app = row.scope.kinds.contains(&LoadBalancerKind::Application);
            let misplaced = app && !first.scope.kinds.contains(&LoadBalancerKind::Application);
            assert!(!misplaced, "the row of application load balancers comes first: {}", row.key);
        }
    }
    for carrier in carriers() {
        let mut all = keys(&carrier);
        let rows = carrier.family.rows().iter();
        let covering = rows.filter(|row| row.scope.covers(&carrier) && !row.hidden).count();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), covering, "{carrier:?}");
    }
}

#[test]
fn every_type_has_its_keys() {
    let count = |carrier| keys(&carrier).len();
    let lb = |kind| lb(kind, Scheme::InternetFacing);
    assert_eq!(count(lb(LoadBalancerKind::Application)), 23);
    assert_eq!(count(lb(LoadBalancerKind::Network)), 9);
    let gateway = keys(&lb(LoadBalancerKind::Gateway));
    assert_eq!(gateway, ["deletion_protection.enabled", "load_balancing.cross_zone.enabled"]);
    assert_eq!(count(listener("HTTP")), 11);
    assert_eq!(count(listener("HTTPS")), 19);
    assert_eq!(keys(&listener("TCP")), ["tcp.idle_timeout.seconds"]);
    assert_eq!(count(listener("TLS")), 0);
    let gateway = ["tcp.idle_timeout.seconds", "send_tcp_reset.on_idle_timeout.enabled"];
    assert_eq!(keys(&listener("GENEVE")), gateway);
    assert_eq!(keys(&group("", "lambda")), ["lambda.multi_value_headers.enabled"]);
    assert_eq!(keys(&group("HTTP", "ip")), keys(&group("HTTPS", "instance")));
    assert_eq!(count(group("HTTP", "ip")), 14);
    assert_eq!(count(group("TCP", "instance")), 13);
    assert_eq!(count(group("GENEVE", "ip")), 7);
}

#[test]
fn defaults_follow_the_place() {
    let unset = AttributeValues::new();
    let key = "load_balancing.cross_zone.enabled";
    let facing = |kind| lb(kind, Scheme::InternetFacing);
    assert_eq!(facing(LoadBalancerKind::Application).value(key, &unset), Some("true"));
    assert_eq!(facing(LoadBalancerKind::Network).value(key, &unset), Some("false"));
    let key = "preserve_client_ip.enabled";
    let all = [("TCP", "instance", "true"), ("TLS", "ip", "false"), ("UDP", "ip", "true")];
    for (protocol, kind, value) in all {
        assert_eq!(group(protocol, kind).value(key, &unset), Some(value), "{protocol} {kind}");
    }
    let key = "deregistration_delay.connection_termination.enabled";
    assert_eq!(group("UDP", "ip").value(key, &unset), Some("true"));
    assert_eq!(group("TCP", "ip").value(key, &unset), Some("false"));
    assert_eq!(group("QUIC", "ip").value(key, &unset), None);
    let key = "stickiness.type";
    assert_eq!(group("HTTP", "ip").value(key, &unset), Some("lb_cookie"));
    assert_eq!(group("TCP", "ip").value(key, &unset), Some("source_ip"));
    assert_eq!(group("GENEVE", "ip").value(key, &unset), Some("source_ip_dest_ip_proto"));
    let value = |scheme| lb(LoadBalancerKind::Network, scheme).value(IPV6_DENY, &unset);
    assert_eq!(value(Scheme::Internal), Some("true"));
    assert_eq!(value(Scheme::InternetFacing), Some("false"));
}

#[test]
fn bounds_are_inclusive_and_numbers_have_one_spelling() {
    let key = "idle_timeout.timeout_seconds";
    let cases = [
        ("0", false),
        ("1", true),
        ("4000", true),
        ("4001", false),
        ("+5", false),
        ("-5", false),
        ("060", false),
        (" 60", false),
        ("6e1", false),
        ("", false),
        ("99999999999", false),
    ];
    for (value, fits) in cases {
        assert_eq!(judge(Family::LoadBalancer, key, value), fits, "{value}");
    }
    let key = "slow_start.duration_seconds";
    for (value, fits) in
        [("0", true), ("00", false), ("1", false), ("29", false), ("30", true), ("901", false)]
    {
        assert_eq!(judge(Family::TargetGroup, key, value), fits, "{value}");
    }
}

#[test]
fn folders_cannot_escape() {
    let bucket = |value| judge(Family::LoadBalancer, "access_logs.s3.bucket", value);
    for bad in ["..", "a/..", "ab", "A-bucket", "a..b", "-ab", "ab-", "10.0.0.1", "a/b/c", "."] {
        assert!(!bucket(bad), "{bad}");
    }
    assert!(bucket("") && bucket("my-logs.example"));
    let prefix = |value| judge(Family::LoadBalancer, "access_logs.s3.prefix", value);
    for bad in ["/a", "a//b", "../a", "a/../b", "x/AWSLogs", "a\\b", "a\0b", "a/./b", "//", "~"] {
        assert!(!prefix(bad), "{bad}");
    }
    assert!(prefix("") && prefix("team/prod") && prefix("team/"));
    assert!(!prefix(&"a".repeat(256)));
}

#[test]
fn text_has_its_alphabet() {
    let key = "routing.http.response.content_security_policy.header_value";
    let value = |value: &str| judge(Family::Listener, key, value);
    assert!(value("default-src 'self'; img-src *") && value(&"a".repeat(1_024)));
    assert!(!value("a\r\nX: y") && !value("\"quoted\"") && !value(&"a".repeat(1_025)));
    let key = "routing.http.request.x_amzn_tls_version.header_name";
    let name = |value: &str| judge(Family::Listener, key, value);
    assert!(name("") && name("X-My_Version") && name(&"a".repeat(40)));
    assert!(!name("a b") && !name("a:b") && !name(&"a".repeat(41)));
    let key = "stickiness.app_cookie.cookie_name";
    let cookie = |value: &str| judge(Family::TargetGroup, key, value);
    assert!(cookie("JSESSIONID") && cookie("") && cookie("awsalb"));
    assert!(!cookie("AWSALB") && !cookie("AWSALBTG") && !cookie("AWSALBAPP-0") && !cookie("a b"));
}

#[test]
fn effective_reads_set_values_then_defaults() {
    let mut values = AttributeValues::new();
    let key = "client_keep_alive.seconds";
    assert_eq!(effective_u32(Family::LoadBalancer, key, &values), Some(3_600));
    values.insert(key.to_owned(), "90".to_owned());
    assert_eq!(effective_u32(Family::LoadBalancer, key, &values), Some(90));
    let off = "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage";
    assert_eq!(effective_u32(Family::TargetGroup, off, &values), None);
    assert!(!effective_bool(Family::LoadBalancer, "deletion_protection.enabled", &values));
}

#[test]
fn unpublished_keys_show_only_when_set() {
    let key = "proxy_protocol_v2.client_to_server.header_placement";
    let carrier = group("TCP", "ip");
    assert!(!keys(&carrier).contains(&key));
    let values = AttributeValues::from([(key.to_owned(), "on_first_ack".to_owned())]);
    assert!(carrier.describe(&values).iter().any(|(k, v)| *k == key && v == "on_first_ack"));
}
