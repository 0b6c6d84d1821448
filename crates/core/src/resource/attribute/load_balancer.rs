//! Attribute keys of load balancers.
//!
//! Invariant: as for the tables of `attribute`.
// spec: alb §13.1 Load balancer attributes (ALB)
// spec: nlb-gwlb-clb §8.1 Load balancer attributes

use super::Serving::{DefaultOnly, Everywhere, Full, Immutable};
use super::Shape::{Bool, Bucket, Choice, Integer, Prefix};
use super::{APPLICATION, Declaration, IPV6_DENY, NETWORK, Scope, Serving, Shape, on, row};
use crate::resource::LoadBalancerKind::{Application, Gateway, Network};

const ALL: Scope = on(&[Application, Network, Gateway]);
const ADDRESSED: Scope = on(&[Application, Network]);
const OTHERS: Scope = on(&[Network, Gateway]);

const fn app(
    key: &'static str,
    shape: Shape,
    default: &'static str,
    serving: Serving,
    doc: &'static str,
) -> Declaration {
    row(key, on(APPLICATION), shape, default, serving, doc)
}

/// Every key, in the order in which Describe… returns them.
pub(super) const ROWS: &[Declaration] = &[
    row("access_logs.s3.enabled", ADDRESSED, Bool, "false", Full, "Write access logs."),
    row("access_logs.s3.bucket", ADDRESSED, Bucket, "", Full, "Folder below the log root."),
    row("access_logs.s3.prefix", ADDRESSED, Prefix, "", Full, "Path below the bucket."),
    app("health_check_logs.s3.enabled", Bool, "false", DefaultOnly, "Write health check logs."),
    app("health_check_logs.s3.bucket", Bucket, "", DefaultOnly, "Where health check logs go."),
    app("health_check_logs.s3.prefix", Prefix, "", DefaultOnly, "Path below that bucket."),
    app(
        "idle_timeout.timeout_seconds",
        Integer(1, 4_000),
        "60",
        Full,
        "Seconds without a byte after which a connection is closed.",
    ),
    row("deletion_protection.enabled", ALL, Bool, "false", Everywhere, "Refuse deletion."),
    app("routing.http2.enabled", Bool, "true", DefaultOnly, "Offer HTTP/2 on TLS."),
    app(
        "routing.http.drop_invalid_header_fields.enabled",
        Bool,
        "false",
        Full,
        "Remove header fields with invalid names.",
    ),
    app(
        "routing.http.xff_client_port.enabled",
        Bool,
        "false",
        Full,
        "Add the client's port to X-Forwarded-For.",
    ),
    app(
        "routing.http.preserve_host_header.enabled",
        Bool,
        "false",
        Full,
        "Leave the Host header alone.",
    ),
    app(
        "routing.http.xff_header_processing.mode",
        Choice(&["append", "preserve", "remove"]),
        "append",
        Full,
        "What happens to X-Forwarded-For.",
    ),
    app(
        "load_balancing.cross_zone.enabled",
        Bool,
        "true",
        Immutable,
        "Always on for application load balancers.",
    ),
    row(
        "load_balancing.cross_zone.enabled",
        OTHERS,
        Bool,
        "false",
        DefaultOnly,
        "Use targets of all zones.",
    ),
    app(
        "routing.http.desync_mitigation_mode",
        Choice(&["monitor", "defensive", "strictest"]),
        "defensive",
        Full,
        "What happens to ambiguous requests.",
    ),
    app(
        "client_keep_alive.seconds",
        Integer(60, 604_800),
        "3600",
        Full,
        "Longest life of a client connection.",
    ),
    app(
        "waf.fail_open.enabled",
        Bool,
        "false",
        DefaultOnly,
        "Forward requests when the web application firewall does not answer.",
    ),
    app(
        "routing.http.x_amzn_tls_version_and_cipher_suite.enabled",
        Bool,
        "false",
        DefaultOnly,
        "Tell targets the TLS version and cipher.",
    ),
    row(
        "zonal_shift.config.enabled",
        ADDRESSED,
        Bool,
        "false",
        DefaultOnly,
        "Allow traffic to be moved off one zone.",
    ),
    app("connection_logs.s3.enabled", Bool, "false", DefaultOnly, "Write connection logs."),
    app("connection_logs.s3.bucket", Bucket, "", DefaultOnly, "Where connection logs go."),
    app("connection_logs.s3.prefix", Prefix, "", DefaultOnly, "Path below that bucket."),
    row(
        IPV6_DENY,
        ADDRESSED,
        Bool,
        "false",
        DefaultOnly,
        "No IPv6 from the internet gateway; default true on internal load balancers.",
    ),
    row(
        "dns_record.client_routing_policy",
        on(NETWORK),
        Choice(&[
            "availability_zone_affinity",
            "partial_availability_zone_affinity",
            "any_availability_zone",
        ]),
        "any_availability_zone",
        DefaultOnly,
        "Which zones' addresses a client is told.",
    ),
    row(
        "secondary_ips.auto_assigned.per_subnet",
        on(NETWORK),
        Integer(0, 7),
        "0",
        DefaultOnly,
        "More private addresses per zone; may only grow.",
    ),
];
