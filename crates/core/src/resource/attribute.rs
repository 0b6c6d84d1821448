//! Declarations of attribute keys: one row gives type, bounds, default, scope, whether values
//! other than the default are served, and documentation.
//!
//! Records store only values that differ from the default, so a row's default is what everybody
//! reads who asks through [`effective`].
//!
//! Invariant: every key that a record holds is declared here for its family, and its value passed
//! [`Declaration::judge`].
// spec: alb §13 Attribute tables

use super::{AttributeValues, Scheme};

/// What carries attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// `ModifyLoadBalancerAttributes`.
    LoadBalancer,
    /// `ModifyTargetGroupAttributes`.
    TargetGroup,
    /// `ModifyListenerAttributes`.
    Listener,
}

/// Type and bounds of a value; values are text on the wire and in records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `true` or `false`.
    Bool,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A decimal number, both bounds included.
    Integer(u32, u32),
    /// 0, or a number within the bounds.
    ZeroOr(u32, u32),
    /// `off`, or a number within the bounds.
    OffOr(u32, u32),
    /// An S3 bucket name, which is also a folder below the log root; may be empty.
    Bucket,
    /// A key prefix, which is also a relative path below the bucket's folder; may be empty.
    Prefix,
    /// A response header's value; empty leaves the target's header alone.
    HeaderValue,
    /// Free text up to this many bytes.
    Text(usize),
}

/// Where a key means something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Application load balancers, their groups with instance or ip targets, HTTP listeners.
    Application,
    /// Network or gateway load balancers and their groups and listeners.
    OtherKinds,
    /// Groups with target type `lambda`.
    Lambda,
    /// HTTPS listeners.
    Https,
}

/// Whether a value changes what Weir does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serving {
    /// Every value within the shape has its effect.
    Full,
    /// Only the default may be set; anything else is refused until it has an effect.
    DefaultOnly,
    /// AWS itself allows only the default.
    Immutable,
}

/// One attribute key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Declaration {
    /// The key.
    pub key: &'static str,
    /// What carries it.
    pub family: Family,
    /// Type and bounds.
    pub shape: Shape,
    /// What is in force while nobody set it.
    pub default: &'static str,
    /// Where it means something.
    pub scope: Scope,
    /// Whether other values have their effect.
    pub serving: Serving,
    /// One sentence.
    pub doc: &'static str,
}

/// Why a value does not fit its declaration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Not one of these words.
    Choice(Vec<&'static str>),
    /// Not within `low-high`.
    Range(String),
    /// Not a bucket name.
    Bucket,
    /// Not a usable prefix.
    Prefix,
    /// Longer than this, or with characters that are not allowed.
    Text(usize),
}

const BOOLS: &[&str] = &["true", "false"];
/// Bytes of a response header's value.
const HEADER_VALUE_MAX: usize = 1_024;
/// Bytes of one folder name on common file systems.
const PATH_SEGMENT_MAX: usize = 255;
/// Targets that a health threshold may ask for; no group can have more.
const HEALTHY_COUNT_MAX: u32 = 1_000_000;

const fn row(
    family: Family,
    key: &'static str,
    shape: Shape,
    default: &'static str,
    serving: Serving,
    doc: &'static str,
) -> Declaration {
    Declaration { key, family, shape, default, scope: Scope::Application, serving, doc }
}

const fn foreign(family: Family, key: &'static str, scope: Scope) -> Declaration {
    let (shape, serving) = (Shape::Text(HEADER_VALUE_MAX), Serving::DefaultOnly);
    Declaration { key, family, shape, default: "", scope, serving, doc: "Not for this type." }
}

use Family::{Listener, LoadBalancer, TargetGroup};
use Serving::{DefaultOnly, Full, Immutable};
use Shape::{Bool, Bucket, Choice, HeaderValue, Integer, OffOr, Prefix, Text, ZeroOr};

/// Every key, in the order in which Describe… returns them.
pub const DECLARATIONS: &[Declaration] = &[
    // spec: alb §13.1 Load balancer attributes (ALB)
    row(LoadBalancer, "access_logs.s3.enabled", Bool, "false", Full, "Write access logs."),
    row(LoadBalancer, "access_logs.s3.bucket", Bucket, "", Full, "Folder below the log root."),
    row(LoadBalancer, "access_logs.s3.prefix", Prefix, "", Full, "Path below the bucket."),
    row(LoadBalancer, "health_check_logs.s3.enabled", Bool, "false", DefaultOnly, "Health logs."),
    row(LoadBalancer, "health_check_logs.s3.bucket", Bucket, "", DefaultOnly, "Health logs."),
    row(LoadBalancer, "health_check_logs.s3.prefix", Prefix, "", DefaultOnly, "Health logs."),
    row(
        LoadBalancer,
        "idle_timeout.timeout_seconds",
        Integer(1, 4_000),
        "60",
        Full,
        "Seconds without a byte after which a connection is closed.",
    ),
    row(LoadBalancer, "deletion_protection.enabled", Bool, "false", Full, "Refuse deletion."),
    row(LoadBalancer, "routing.http2.enabled", Bool, "true", DefaultOnly, "Offer HTTP/2 on TLS."),
    row(
        LoadBalancer,
        "routing.http.drop_invalid_header_fields.enabled",
        Bool,
        "false",
        Full,
        "Remove header fields with invalid names.",
    ),
    row(
        LoadBalancer,
        "routing.http.xff_client_port.enabled",
        Bool,
        "false",
        Full,
        "Add the client's port to X-Forwarded-For.",
    ),
    row(
        LoadBalancer,
        "routing.http.preserve_host_header.enabled",
        Bool,
        "false",
        Full,
        "Leave the Host header alone.",
    ),
    row(
        LoadBalancer,
        "routing.http.xff_header_processing.mode",
        Choice(&["append", "preserve", "remove"]),
        "append",
        Full,
        "What happens to X-Forwarded-For.",
    ),
    row(
        LoadBalancer,
        "load_balancing.cross_zone.enabled",
        Bool,
        "true",
        Immutable,
        "Always on for application load balancers.",
    ),
    row(
        LoadBalancer,
        "routing.http.desync_mitigation_mode",
        Choice(&["monitor", "defensive", "strictest"]),
        "defensive",
        Full,
        "What happens to ambiguous requests.",
    ),
    row(
        LoadBalancer,
        "client_keep_alive.seconds",
        Integer(60, 604_800),
        "3600",
        Full,
        "Longest life of a client connection.",
    ),
    row(LoadBalancer, "waf.fail_open.enabled", Bool, "false", DefaultOnly, "Needs a WAF."),
    row(
        LoadBalancer,
        "routing.http.x_amzn_tls_version_and_cipher_suite.enabled",
        Bool,
        "false",
        DefaultOnly,
        "Needs TLS.",
    ),
    row(LoadBalancer, "zonal_shift.config.enabled", Bool, "false", DefaultOnly, "Zonal shift."),
    row(LoadBalancer, "connection_logs.s3.enabled", Bool, "false", DefaultOnly, "Needs TLS."),
    row(LoadBalancer, "connection_logs.s3.bucket", Bucket, "", DefaultOnly, "Needs TLS."),
    row(LoadBalancer, "connection_logs.s3.prefix", Prefix, "", DefaultOnly, "Needs TLS."),
    row(
        LoadBalancer,
        IPV6_DENY,
        Bool,
        "false",
        DefaultOnly,
        "Default true on internal load balancers.",
    ),
    foreign(LoadBalancer, "dns_record.client_routing_policy", Scope::OtherKinds),
    foreign(LoadBalancer, "secondary_ips.auto_assigned.per_subnet", Scope::OtherKinds),
    // spec: alb §13.2 Target group attributes
    row(TargetGroup, "stickiness.enabled", Bool, "false", DefaultOnly, "Sticky sessions."),
    row(
        TargetGroup,
        "deregistration_delay.timeout_seconds",
        Integer(0, 3_600),
        "300",
        Full,
        "How long a leaving target may finish its requests.",
    ),
    row(
        TargetGroup,
        "stickiness.type",
        Choice(&["lb_cookie", "app_cookie"]),
        "lb_cookie",
        DefaultOnly,
        "Sticky sessions.",
    ),
    row(
        TargetGroup,
        "stickiness.lb_cookie.duration_seconds",
        Integer(1, 604_800),
        "86400",
        DefaultOnly,
        "Sticky sessions.",
    ),
    row(
        TargetGroup,
        "stickiness.app_cookie.duration_seconds",
        Integer(1, 604_800),
        "86400",
        DefaultOnly,
        "Sticky sessions.",
    ),
    row(
        TargetGroup,
        "stickiness.app_cookie.cookie_name",
        Text(256),
        "",
        DefaultOnly,
        "Sticky sessions.",
    ),
    row(
        TargetGroup,
        "slow_start.duration_seconds",
        ZeroOr(30, 900),
        "0",
        DefaultOnly,
        "Ramp of new targets.",
    ),
    row(
        TargetGroup,
        "load_balancing.algorithm.type",
        Choice(&["round_robin", "least_outstanding_requests", "weighted_random"]),
        "round_robin",
        Full,
        "How a target is picked.",
    ),
    row(
        TargetGroup,
        "load_balancing.algorithm.anomaly_mitigation",
        Choice(&["on", "off"]),
        "off",
        DefaultOnly,
        "Automatic target weights.",
    ),
    row(
        TargetGroup,
        "load_balancing.cross_zone.enabled",
        Choice(&["true", "false", "use_load_balancer_configuration"]),
        "use_load_balancer_configuration",
        Full,
        "Whether targets of other zones are used.",
    ),
    row(
        TargetGroup,
        "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count",
        Integer(1, HEALTHY_COUNT_MAX),
        "1",
        Full,
        "Below it, requests go to all targets of the zone.",
    ),
    row(
        TargetGroup,
        "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage",
        OffOr(1, 100),
        "off",
        Full,
        "Below it, requests go to all targets of the zone.",
    ),
    row(
        TargetGroup,
        "target_group_health.dns_failover.minimum_healthy_targets.count",
        OffOr(1, HEALTHY_COUNT_MAX),
        "1",
        DefaultOnly,
        "Needs DNS.",
    ),
    row(
        TargetGroup,
        "target_group_health.dns_failover.minimum_healthy_targets.percentage",
        OffOr(1, 100),
        "off",
        DefaultOnly,
        "Needs DNS.",
    ),
    foreign(TargetGroup, "lambda.multi_value_headers.enabled", Scope::Lambda),
    foreign(TargetGroup, "deregistration_delay.connection_termination.enabled", Scope::OtherKinds),
    foreign(TargetGroup, "preserve_client_ip.enabled", Scope::OtherKinds),
    foreign(TargetGroup, "proxy_protocol_v2.enabled", Scope::OtherKinds),
    foreign(
        TargetGroup,
        "target_health_state.unhealthy.connection_termination.enabled",
        Scope::OtherKinds,
    ),
    foreign(
        TargetGroup,
        "target_health_state.unhealthy.draining_interval_seconds",
        Scope::OtherKinds,
    ),
    foreign(TargetGroup, "target_failover.on_deregistration", Scope::OtherKinds),
    foreign(TargetGroup, "target_failover.on_unhealthy", Scope::OtherKinds),
    foreign(TargetGroup, "send_tcp_reset.on_unhealthy.enabled", Scope::OtherKinds),
    foreign(TargetGroup, "send_tcp_reset.on_deregistration.enabled", Scope::OtherKinds),
    // spec: alb §3.7 Listener attributes - response headers
    row(
        Listener,
        "routing.http.response.server.enabled",
        Bool,
        "true",
        Full,
        "Name ourselves in responses that we generate.",
    ),
    header("routing.http.response.strict_transport_security.header_value"),
    header("routing.http.response.access_control_allow_origin.header_value"),
    header("routing.http.response.access_control_allow_methods.header_value"),
    header("routing.http.response.access_control_allow_headers.header_value"),
    header("routing.http.response.access_control_allow_credentials.header_value"),
    header("routing.http.response.access_control_expose_headers.header_value"),
    header("routing.http.response.access_control_max_age.header_value"),
    header("routing.http.response.content_security_policy.header_value"),
    header("routing.http.response.x_content_type_options.header_value"),
    header("routing.http.response.x_frame_options.header_value"),
    // spec: alb §3.6 Listener attributes - header rename
    https("routing.http.request.x_amzn_mtls_clientcert_serial_number.header_name"),
    https("routing.http.request.x_amzn_mtls_clientcert_issuer.header_name"),
    https("routing.http.request.x_amzn_mtls_clientcert_subject.header_name"),
    https("routing.http.request.x_amzn_mtls_clientcert_validity.header_name"),
    https("routing.http.request.x_amzn_mtls_clientcert_leaf.header_name"),
    https("routing.http.request.x_amzn_mtls_clientcert.header_name"),
    https("routing.http.request.x_amzn_tls_version.header_name"),
    https("routing.http.request.x_amzn_tls_cipher_suite.header_name"),
    foreign(Listener, "tcp.idle_timeout.seconds", Scope::OtherKinds),
    foreign(Listener, "send_tcp_reset.on_idle_timeout.enabled", Scope::OtherKinds),
];

const IPV6_DENY: &str = "ipv6.deny_all_igw_traffic";

const fn header(key: &'static str) -> Declaration {
    row(Listener, key, HeaderValue, "", Full, "Sets or overrides this response header.")
}

const fn https(key: &'static str) -> Declaration {
    foreign(Listener, key, Scope::Https)
}

// === impl Family ===

impl Family {
    /// The word at the start of AWS's messages.
    pub fn title(self) -> &'static str {
        match self {
            LoadBalancer => "Load balancer",
            TargetGroup => "Target group",
            Listener => "Listener",
        }
    }
}

// === impl Declaration ===

impl Declaration {
    /// Whether `value` fits the shape.
    pub fn judge(&self, value: &str) -> Result<(), Fault> {
        let number = |low: u32, high: u32| within(value, low, high);
        match self.shape {
            Bool => choose(BOOLS, value),
            Choice(words) => choose(words, value),
            Integer(low, high) => fault_unless(number(low, high), || range(low, high)),
            ZeroOr(low, high) => {
                fault_unless(value == "0" || number(low, high), || range(low, high))
            }
            OffOr(low, high) => {
                fault_unless(value == "off" || number(low, high), || range(low, high))
            }
            Bucket => fault_unless(value.is_empty() || is_bucket(value), || Fault::Bucket),
            Prefix => fault_unless(value.is_empty() || is_prefix(value), || Fault::Prefix),
            HeaderValue => {
                let sound = value.len() <= HEADER_VALUE_MAX && value.bytes().all(is_header_byte);
                fault_unless(sound, || Fault::Text(HEADER_VALUE_MAX))
            }
            Text(limit) => fault_unless(value.len() <= limit, || Fault::Text(limit)),
        }
    }

    /// The default on a load balancer of this scheme.
    pub fn default_for(&self, scheme: Option<Scheme>) -> &'static str {
        match scheme {
            Some(Scheme::Internal) if self.key == IPV6_DENY => "true",
            _ => self.default,
        }
    }
}

// === readers ===

/// The declaration of a key.
pub fn find(family: Family, key: &str) -> Option<&'static Declaration> {
    DECLARATIONS.iter().find(|row| row.family == family && row.key == key)
}

/// The value in force: what was set, else the default.
///
/// Asking for a key that is not declared is a bug.
pub fn effective<'a>(family: Family, key: &str, values: &'a AttributeValues) -> &'a str {
    match values.get(key) {
        Some(value) => value,
        None => find(family, key).expect("bug: attribute key is not declared").default,
    }
}

/// [`effective`] for keys of shape `Bool`.
pub fn effective_bool(family: Family, key: &str, values: &AttributeValues) -> bool {
    effective(family, key, values) == "true"
}

/// [`effective`] for keys with numbers; `None` for `off`.
pub fn effective_u32(family: Family, key: &str, values: &AttributeValues) -> Option<u32> {
    effective(family, key, values).parse().ok()
}

/// All keys that apply, with their values in force, in the order of the Describe… calls. `scheme`
/// is that of a load balancer.
pub fn describe_all(
    family: Family,
    values: &AttributeValues,
    scheme: Option<Scheme>,
) -> Vec<(&'static str, String)> {
    let rows = DECLARATIONS.iter();
    let rows = rows.filter(|row| row.family == family && row.scope == Scope::Application);
    rows.map(|row| {
        let set = values.get(row.key).map(String::as_str);
        (row.key, set.unwrap_or(row.default_for(scheme)).to_owned())
    })
    .collect()
}

fn fault_unless(sound: bool, fault: impl FnOnce() -> Fault) -> Result<(), Fault> {
    if sound { Ok(()) } else { Err(fault()) }
}

fn choose(words: &[&'static str], value: &str) -> Result<(), Fault> {
    fault_unless(words.contains(&value), || Fault::Choice(words.to_vec()))
}

fn range(low: u32, high: u32) -> Fault {
    Fault::Range(format!("{low}-{high}"))
}

fn within(value: &str, low: u32, high: u32) -> bool {
    let digits = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
    digits && value.parse::<u32>().is_ok_and(|number| (low..=high).contains(&number))
}

/// S3's rules for bucket names; none of them can leave the log root as a folder name.
fn is_bucket(name: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
    let edge = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    (3..=63).contains(&name.len())
        && name.bytes().all(inner)
        && edge(name.bytes().next())
        && edge(name.bytes().last())
        && !name.contains("..")
        && name.parse::<std::net::Ipv4Addr>().is_err()
}

/// A relative path of plain folder names.
fn is_prefix(prefix: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"!-_.*'()+=@,:".contains(&b);
    let segment =
        |s: &str| !s.is_empty() && s != "." && s.len() <= PATH_SEGMENT_MAX && s.bytes().all(plain);
    // One trailing slash is a habit of many people and harmless.
    let path = prefix.strip_suffix('/').unwrap_or(prefix);
    prefix.len() <= 1_024
        && !prefix.contains("AWSLogs")
        && !prefix.contains("..")
        && path.split('/').all(segment)
}

fn is_header_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"_ :;.,\\/'?!(){}[]@<>=-+*#&`|~^%".contains(&b)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(family: Family, key: &str, value: &str) -> bool {
        find(family, key).unwrap().judge(value).is_ok()
    }

    #[test]
    fn rows_are_unique_and_defaults_fit() {
        for (i, row) in DECLARATIONS.iter().enumerate() {
            let twin =
                DECLARATIONS[..i].iter().find(|r| (r.family, r.key) == (row.family, row.key));
            assert!(twin.is_none(), "{} is declared twice", row.key);
            assert_eq!(row.judge(row.default), Ok(()), "{}", row.key);
            assert!(!row.key.starts_with("weir."), "undeclared family of keys");
        }
    }

    #[test]
    fn bounds_are_inclusive() {
        let key = "idle_timeout.timeout_seconds";
        for (value, fits) in
            [("0", false), ("1", true), ("4000", true), ("4001", false), ("+5", false), ("", false)]
        {
            assert_eq!(judge(LoadBalancer, key, value), fits, "{value}");
        }
        let key = "slow_start.duration_seconds";
        for (value, fits) in
            [("0", true), ("1", false), ("29", false), ("30", true), ("901", false)]
        {
            assert_eq!(judge(TargetGroup, key, value), fits, "{value}");
        }
    }

    #[test]
    fn folders_cannot_escape() {
        let bucket = |value| judge(LoadBalancer, "access_logs.s3.bucket", value);
        for bad in ["..", "a/..", "ab", "A-bucket", "a..b", "-ab", "ab-", "10.0.0.1", "a/b/c", "."]
        {
            assert!(!bucket(bad), "{bad}");
        }
        assert!(bucket("") && bucket("my-logs.example"));
        let prefix = |value| judge(LoadBalancer, "access_logs.s3.prefix", value);
        for bad in ["/a", "a//b", "../a", "a/../b", "x/AWSLogs", "a\\b", "a\0b", "a/./b", "//", "~"]
        {
            assert!(!prefix(bad), "{bad}");
        }
        assert!(prefix("") && prefix("team/prod") && prefix("team/"));
        assert!(!prefix(&"a".repeat(256)));
    }

    #[test]
    fn header_values_have_their_alphabet() {
        let key = "routing.http.response.content_security_policy.header_value";
        assert!(judge(Listener, key, "default-src 'self'; img-src *"));
        assert!(!judge(Listener, key, "a\r\nX: y"));
        assert!(!judge(Listener, key, "\"quoted\""));
        assert!(judge(Listener, key, &"a".repeat(1_024)));
        assert!(!judge(Listener, key, &"a".repeat(1_025)));
    }

    #[test]
    fn effective_reads_set_values_then_defaults() {
        let mut values = AttributeValues::new();
        let key = "client_keep_alive.seconds";
        assert_eq!(effective_u32(LoadBalancer, key, &values), Some(3_600));
        values.insert(key.to_owned(), "90".to_owned());
        assert_eq!(effective_u32(LoadBalancer, key, &values), Some(90));
        let off = "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage";
        assert_eq!(effective_u32(TargetGroup, off, &values), None);
        assert!(!effective_bool(LoadBalancer, "deletion_protection.enabled", &values));
    }

    #[test]
    fn internal_load_balancers_deny_igw_traffic() {
        let value = |scheme| {
            let all = describe_all(LoadBalancer, &AttributeValues::new(), Some(scheme));
            all.into_iter().find(|(key, _)| *key == IPV6_DENY).unwrap().1
        };
        assert_eq!(value(Scheme::Internal), "true");
        assert_eq!(value(Scheme::InternetFacing), "false");
    }

    #[test]
    fn describe_hides_what_does_not_apply() {
        let all = describe_all(TargetGroup, &AttributeValues::new(), None);
        assert!(all.iter().all(|(key, _)| *key != "proxy_protocol_v2.enabled"));
        assert_eq!(all[0], ("stickiness.enabled", "false".to_owned()));
    }
}
