//! Attribute keys of target groups.
//!
//! Invariant: as for the tables of `attribute`.
// spec: alb §13.2 Target group attributes
// spec: nlb-gwlb-clb §8.2 Target group attributes

use super::Serving::{DefaultOnly, Everywhere, Full, Immutable};
use super::Shape::{Bool, Choice, CookieName, Integer, OffOr, ZeroOr};
use super::{APPLICATION, Declaration, GATEWAY, NETWORK, Scope, Serving, Shape, on, row};
use crate::resource::LoadBalancerKind::{Application, Gateway, Network};

/// Targets that a health threshold may ask for; no group can have more.
const HEALTHY_COUNT_MAX: u32 = 1_000_000;

const MACHINES: &[&str] = &["instance", "ip"];
/// Not lambda.
const ADDRESSED: &[&str] = &["instance", "ip", "alb"];
const STREAMS: &[&str] = &["TCP", "TLS"];
const DATAGRAMS: &[&str] = &["UDP", "TCP_UDP"];
const PLAIN: &[&str] = &["TCP", "TLS", "UDP", "TCP_UDP"];
const QUIC: &[&str] = &["QUIC", "TCP_QUIC"];

const WEB: Scope = on(APPLICATION).reaching(MACHINES);
const LAMBDA: Scope = on(APPLICATION).reaching(&["lambda"]);
const NET: Scope = on(NETWORK);
const GENEVE: Scope = on(GATEWAY);
/// Groups of application and network load balancers whose targets have health.
const COUNTED: Scope = on(&[Application, Network]).reaching(ADDRESSED);

const fn web(
    key: &'static str,
    shape: Shape,
    default: &'static str,
    serving: Serving,
    doc: &'static str,
) -> Declaration {
    row(key, WEB, shape, default, serving, doc)
}

const fn net(
    key: &'static str,
    protocols: &'static [&'static str],
    shape: Shape,
    default: &'static str,
    serving: Serving,
    doc: &'static str,
) -> Declaration {
    row(key, NET.speaking(protocols), shape, default, serving, doc)
}

const fn geneve(
    key: &'static str,
    shape: Shape,
    default: &'static str,
    doc: &'static str,
) -> Declaration {
    row(key, GENEVE, shape, default, DefaultOnly, doc)
}

/// Every key, in the order in which Describe… returns them.
pub(super) const ROWS: &[Declaration] = &[
    web("stickiness.enabled", Bool, "false", DefaultOnly, "Sticky sessions."),
    net(
        "stickiness.enabled",
        &["TCP", "UDP", "TCP_UDP"],
        Bool,
        "false",
        DefaultOnly,
        "Keep a client's connections on one target.",
    ),
    net(
        "stickiness.enabled",
        &["TLS", "QUIC", "TCP_QUIC"],
        Bool,
        "false",
        Immutable,
        "Not with this protocol.",
    ),
    geneve("stickiness.enabled", Bool, "false", "Hash fewer parts of a flow than all five."),
    row(
        "deregistration_delay.timeout_seconds",
        WEB,
        Integer(0, 3_600),
        "300",
        Full,
        "How long a leaving target may finish its requests.",
    ),
    row(
        "deregistration_delay.timeout_seconds",
        NET.speaking(QUIC),
        Integer(0, 3_600),
        "300",
        Immutable,
        "How long a leaving target may keep its flows; fixed.",
    ),
    row(
        "deregistration_delay.timeout_seconds",
        on(&[Network, Gateway]).speaking(&["TCP", "TLS", "UDP", "TCP_UDP", "GENEVE"]),
        Integer(0, 3_600),
        "300",
        Everywhere,
        "How long a leaving target may keep its flows.",
    ),
    web(
        "stickiness.type",
        Choice(&["lb_cookie", "app_cookie"]),
        "lb_cookie",
        DefaultOnly,
        "Whose cookie makes a session.",
    ),
    row(
        "stickiness.type",
        NET,
        Choice(&["source_ip"]),
        "source_ip",
        DefaultOnly,
        "What a client is told by.",
    ),
    geneve(
        "stickiness.type",
        Choice(&["source_ip_dest_ip_proto", "source_ip_dest_ip"]),
        "source_ip_dest_ip_proto",
        "What a flow is told by.",
    ),
    web(
        "stickiness.lb_cookie.duration_seconds",
        Integer(1, 604_800),
        "86400",
        DefaultOnly,
        "Life of the load balancer's cookie.",
    ),
    web(
        "stickiness.app_cookie.duration_seconds",
        Integer(1, 604_800),
        "86400",
        DefaultOnly,
        "Life of a session that the application's cookie made.",
    ),
    web(
        "stickiness.app_cookie.cookie_name",
        CookieName,
        "",
        DefaultOnly,
        "The application's cookie.",
    ),
    web("slow_start.duration_seconds", ZeroOr(30, 900), "0", DefaultOnly, "Ramp of new targets."),
    web(
        "load_balancing.algorithm.type",
        Choice(&["round_robin", "least_outstanding_requests", "weighted_random"]),
        "round_robin",
        Full,
        "How a target is picked.",
    ),
    web(
        "load_balancing.algorithm.anomaly_mitigation",
        Choice(&["on", "off"]),
        "off",
        DefaultOnly,
        "Automatic target weights.",
    ),
    row(
        "load_balancing.cross_zone.enabled",
        on(&[Application, Network]).reaching(ADDRESSED),
        Choice(&["true", "false", "use_load_balancer_configuration"]),
        "use_load_balancer_configuration",
        Full,
        "Whether targets of other zones are used.",
    ),
    row(
        "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count",
        COUNTED,
        Integer(1, HEALTHY_COUNT_MAX),
        "1",
        Full,
        "Below it, requests go to all targets of the zone.",
    ),
    row(
        "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage",
        COUNTED,
        OffOr(1, 100),
        "off",
        Full,
        "Below it, requests go to all targets of the zone.",
    ),
    row(
        "target_group_health.dns_failover.minimum_healthy_targets.count",
        COUNTED,
        OffOr(1, HEALTHY_COUNT_MAX),
        "1",
        DefaultOnly,
        "Below it, the zone leaves DNS.",
    ),
    row(
        "target_group_health.dns_failover.minimum_healthy_targets.percentage",
        COUNTED,
        OffOr(1, 100),
        "off",
        DefaultOnly,
        "Below it, the zone leaves DNS.",
    ),
    row(
        "waf.http2.traffic_inspection_behavior",
        WEB,
        Choice(&["", "inspect_after_sufficient_data"]),
        "",
        DefaultOnly,
        "When a web application firewall looks at HTTP/2 streams.",
    )
    .hidden(),
    row(
        "lambda.multi_value_headers.enabled",
        LAMBDA,
        Bool,
        "false",
        DefaultOnly,
        "Headers and query of events as lists.",
    ),
    net(
        "deregistration_delay.connection_termination.enabled",
        STREAMS,
        Bool,
        "false",
        DefaultOnly,
        "Cut connections when the delay is over.",
    ),
    // Of groups that exist since the default changed; all of ours do.
    net(
        "deregistration_delay.connection_termination.enabled",
        DATAGRAMS,
        Bool,
        "true",
        DefaultOnly,
        "Cut flows when the delay is over.",
    ),
    row(
        "preserve_client_ip.enabled",
        NET.speaking(STREAMS).reaching(&["instance", "alb"]),
        Bool,
        "true",
        DefaultOnly,
        "Targets see the client's address.",
    ),
    row(
        "preserve_client_ip.enabled",
        NET.speaking(STREAMS).reaching(&["ip"]),
        Bool,
        "false",
        DefaultOnly,
        "Targets see the client's address.",
    ),
    net(
        "preserve_client_ip.enabled",
        &["UDP", "TCP_UDP", "QUIC", "TCP_QUIC"],
        Bool,
        "true",
        Immutable,
        "Targets see the client's address.",
    ),
    net(
        "proxy_protocol_v2.enabled",
        PLAIN,
        Bool,
        "false",
        DefaultOnly,
        "Tell targets the client's address in a PROXY header.",
    ),
    net(
        "proxy_protocol_v2.client_to_server.header_placement",
        PLAIN,
        Choice(&["on_first_ack_with_payload", "on_first_ack"]),
        "on_first_ack_with_payload",
        DefaultOnly,
        "When that header is sent.",
    )
    .hidden(),
    net(
        "target_health_state.unhealthy.connection_termination.enabled",
        STREAMS,
        Bool,
        "true",
        DefaultOnly,
        "Cut connections of targets that turn unhealthy.",
    ),
    net(
        "target_health_state.unhealthy.connection_termination.enabled",
        DATAGRAMS,
        Bool,
        "false",
        Immutable,
        "Cut flows of targets that turn unhealthy.",
    ),
    net(
        "target_health_state.unhealthy.draining_interval_seconds",
        STREAMS,
        Integer(0, 360_000),
        "0",
        DefaultOnly,
        "How long an unhealthy target keeps its connections.",
    ),
    geneve(
        "target_failover.on_deregistration",
        Choice(&["rebalance", "no_rebalance"]),
        "no_rebalance",
        "What happens to flows of a leaving target.",
    ),
    geneve(
        "target_failover.on_unhealthy",
        Choice(&["rebalance", "no_rebalance"]),
        "no_rebalance",
        "What happens to flows of an unhealthy target.",
    ),
    geneve(
        "send_tcp_reset.on_unhealthy.enabled",
        Bool,
        "false",
        "Reset flows of an unhealthy target.",
    ),
    geneve(
        "send_tcp_reset.on_deregistration.enabled",
        Bool,
        "false",
        "Reset flows of a leaving target.",
    ),
];
