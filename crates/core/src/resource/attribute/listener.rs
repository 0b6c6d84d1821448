//! Attribute keys of listeners.
//!
//! Invariant: as for the tables of `attribute`.
// spec: alb §13.3 Listener attributes (ALB) - sections 3.6, 3.7
// spec: nlb-gwlb-clb §8.3 Listener attributes (Describe/ModifyListenerAttributes)

use super::Serving::{DefaultOnly, Full};
use super::Shape::{Bool, HeaderName, HeaderValue, Integer};
use super::{APPLICATION, Declaration, GATEWAY, NETWORK, Scope, on, row};

const WEB: Scope = on(APPLICATION);
const HTTPS: Scope = on(APPLICATION).speaking(&["HTTPS"]);
const IDLE: &str = "Seconds without a packet after which a flow is forgotten.";

const fn header(key: &'static str) -> Declaration {
    row(key, WEB, HeaderValue, "", Full, "Sets or overrides this response header.")
}

const fn renamed(key: &'static str, name: &'static str) -> Declaration {
    row(key, HTTPS, HeaderName, name, DefaultOnly, "The name of this request header.")
}

/// Every key, in the order in which Describe… returns them.
pub(super) const ROWS: &[Declaration] = &[
    // spec: alb §3.7 Listener attributes - response headers
    row(
        "routing.http.response.server.enabled",
        WEB,
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
    renamed(
        "routing.http.request.x_amzn_mtls_clientcert_serial_number.header_name",
        "X-Amzn-Mtls-Clientcert-Serial-Number",
    ),
    renamed(
        "routing.http.request.x_amzn_mtls_clientcert_issuer.header_name",
        "X-Amzn-Mtls-Clientcert-Issuer",
    ),
    renamed(
        "routing.http.request.x_amzn_mtls_clientcert_subject.header_name",
        "X-Amzn-Mtls-Clientcert-Subject",
    ),
    renamed(
        "routing.http.request.x_amzn_mtls_clientcert_validity.header_name",
        "X-Amzn-Mtls-Clientcert-Validity",
    ),
    renamed(
        "routing.http.request.x_amzn_mtls_clientcert_leaf.header_name",
        "X-Amzn-Mtls-Clientcert-Leaf",
    ),
    renamed("routing.http.request.x_amzn_mtls_clientcert.header_name", "X-Amzn-Mtls-Clientcert"),
    renamed("routing.http.request.x_amzn_tls_version.header_name", "X-Amzn-Tls-Version"),
    renamed("routing.http.request.x_amzn_tls_cipher_suite.header_name", "X-Amzn-Tls-Cipher-Suite"),
    row(
        "tcp.idle_timeout.seconds",
        on(NETWORK).speaking(&["TCP", "TCP_UDP", "TCP_QUIC"]),
        Integer(60, 6_000),
        "350",
        DefaultOnly,
        IDLE,
    ),
    row("tcp.idle_timeout.seconds", on(GATEWAY), Integer(60, 6_000), "350", DefaultOnly, IDLE),
    row(
        "send_tcp_reset.on_idle_timeout.enabled",
        on(GATEWAY),
        Bool,
        "false",
        DefaultOnly,
        "Reset both ends when a flow is forgotten.",
    ),
];
