"""Every attribute key: changed and read back where it belongs, refused where it does not.

An instance that records every feature, so that what AWS allows is seen whole.
"""

import pytest
from conftest import Weir, World, certificate, fixed
from test_attributes import Attributes, of_group, of_lb, of_listener
from test_load_balancers import create, refused

HEALTH = {
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": "2",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": "20",
    "target_group_health.dns_failover.minimum_healthy_targets.count": "3",
    "target_group_health.dns_failover.minimum_healthy_targets.percentage": "30",
}
LOAD_BALANCERS = {
    "application": {
        "access_logs.s3.enabled": "true", "access_logs.s3.bucket": "access-bucket",
        "access_logs.s3.prefix": "access/prefix",
        "health_check_logs.s3.enabled": "true", "health_check_logs.s3.bucket": "health-bucket",
        "health_check_logs.s3.prefix": "health/prefix",
        "connection_logs.s3.enabled": "true", "connection_logs.s3.bucket": "connection-bucket",
        "connection_logs.s3.prefix": "connection/prefix",
        "idle_timeout.timeout_seconds": "61", "client_keep_alive.seconds": "3601",
        "deletion_protection.enabled": "true", "ipv6.deny_all_igw_traffic": "true",
        "routing.http2.enabled": "false", "routing.http.desync_mitigation_mode": "strictest",
        "routing.http.drop_invalid_header_fields.enabled": "true",
        "routing.http.preserve_host_header.enabled": "true",
        "routing.http.x_amzn_tls_version_and_cipher_suite.enabled": "true",
        "routing.http.xff_client_port.enabled": "true",
        "routing.http.xff_header_processing.mode": "preserve",
        "waf.fail_open.enabled": "true", "zonal_shift.config.enabled": "true",
    },
    "network": {
        "access_logs.s3.enabled": "true", "access_logs.s3.bucket": "network-bucket",
        "access_logs.s3.prefix": "network/prefix", "deletion_protection.enabled": "true",
        "load_balancing.cross_zone.enabled": "true", "zonal_shift.config.enabled": "true",
        "ipv6.deny_all_igw_traffic": "true", "secondary_ips.auto_assigned.per_subnet": "7",
        "dns_record.client_routing_policy": "partial_availability_zone_affinity",
    },
    "gateway": {"deletion_protection.enabled": "true", "load_balancing.cross_zone.enabled": "true"},
}
GROUPS = {
    "HTTP": HEALTH | {
        "stickiness.enabled": "true", "stickiness.type": "app_cookie",
        "stickiness.lb_cookie.duration_seconds": "1",
        "stickiness.app_cookie.duration_seconds": "604800",
        "stickiness.app_cookie.cookie_name": "SESSION", "slow_start.duration_seconds": "30",
        "deregistration_delay.timeout_seconds": "0",
        "load_balancing.cross_zone.enabled": "true",
        "waf.http2.traffic_inspection_behavior": "inspect_after_sufficient_data",
    },
    # Not together with sticky sessions.
    "HTTPS": {"load_balancing.algorithm.type": "weighted_random",
              "load_balancing.algorithm.anomaly_mitigation": "on",
              "waf.http2.traffic_inspection_behavior": "inspect_after_sufficient_data"},
    "lambda": {"lambda.multi_value_headers.enabled": "true"},
    "TCP": HEALTH | {
        "stickiness.enabled": "true", "deregistration_delay.timeout_seconds": "3600",
        "deregistration_delay.connection_termination.enabled": "true",
        "preserve_client_ip.enabled": "true", "proxy_protocol_v2.enabled": "true",
        "proxy_protocol_v2.client_to_server.header_placement": "on_first_ack",
        "load_balancing.cross_zone.enabled": "false",
        "target_health_state.unhealthy.connection_termination.enabled": "false",
        "target_health_state.unhealthy.draining_interval_seconds": "360000",
    },
    "UDP": {"stickiness.enabled": "true",
            "deregistration_delay.connection_termination.enabled": "false",
            "proxy_protocol_v2.client_to_server.header_placement": "on_first_ack"},
    "QUIC": {"load_balancing.cross_zone.enabled": "true"},
    "GENEVE": {
        "stickiness.enabled": "true", "stickiness.type": "source_ip_dest_ip",
        "deregistration_delay.timeout_seconds": "7",
        "target_failover.on_deregistration": "rebalance", "target_failover.on_unhealthy": "rebalance",
    },
}
# What only flows by all five parts may have.
RESETS = {"send_tcp_reset.on_unhealthy.enabled": "true",
          "send_tcp_reset.on_deregistration.enabled": "true"}
RESPONSES = {
    "routing.http.response.server.enabled": "false",
    "routing.http.response.strict_transport_security.header_value": "max-age=31536000",
    "routing.http.response.access_control_allow_origin.header_value": "https://a.example",
    "routing.http.response.access_control_allow_methods.header_value": "GET,POST",
    "routing.http.response.access_control_allow_headers.header_value": "X-A,X-B",
    "routing.http.response.access_control_allow_credentials.header_value": "true",
    "routing.http.response.access_control_expose_headers.header_value": "X-C",
    "routing.http.response.access_control_max_age.header_value": "600",
    "routing.http.response.content_security_policy.header_value": "default-src 'self'",
    "routing.http.response.x_content_type_options.header_value": "nosniff",
    "routing.http.response.x_frame_options.header_value": "DENY",
}
RENAMED = {
    "routing.http.request.x_amzn_mtls_clientcert_serial_number.header_name": "X-Serial",
    "routing.http.request.x_amzn_mtls_clientcert_issuer.header_name": "X-Issuer",
    "routing.http.request.x_amzn_mtls_clientcert_subject.header_name": "X-Subject",
    "routing.http.request.x_amzn_mtls_clientcert_validity.header_name": "X-Validity",
    "routing.http.request.x_amzn_mtls_clientcert_leaf.header_name": "X-Leaf",
    "routing.http.request.x_amzn_mtls_clientcert.header_name": "X-Chain",
    "routing.http.request.x_amzn_tls_version.header_name": "X-Version",
    "routing.http.request.x_amzn_tls_cipher_suite.header_name": "X-Cipher",
}
LISTENERS = {
    "HTTP": RESPONSES,
    "HTTPS": RESPONSES | RENAMED,
    "TCP": {"tcp.idle_timeout.seconds": "6000"},
    "GENEVE": {"tcp.idle_timeout.seconds": "60", "send_tcp_reset.on_idle_timeout.enabled": "true"},
}


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    home = tmp_path_factory.mktemp("attribute-keys")
    instance = Weir(home / "data", extra_env={"WEIR_ALLOW_UNSERVED_TYPES": "true"}).start()
    yield World(instance)
    assert instance.stop() == 0, instance.log()
    assert "panicked" not in instance.log(), instance.log()


def make_group(world, name, protocol, **options):
    if protocol == "lambda":
        made = world.elb.create_target_group(Name=name, TargetType="lambda")
        return made["TargetGroups"][0]["TargetGroupArn"]
    web = protocol.startswith("HTTP")
    health = {} if web else dict(HealthCheckIntervalSeconds=30, HealthCheckTimeoutSeconds=10)
    port = 6081 if protocol == "GENEVE" else 80
    return world.group(name, Protocol=protocol, Port=port, **health, **options)


def make_listener(world, protocol):
    kind = {"TCP": "network", "GENEVE": "gateway"}.get(protocol, "application")
    lb = create(world, world.unique("listens"), Type=kind)["LoadBalancerArn"]
    if kind == "application":
        actions = [fixed("hello")]
    else:
        group = make_group(world, world.unique("listens-tg"), protocol)
        actions = [{"Type": "forward", "TargetGroupArn": group}]
    options = {} if protocol == "GENEVE" else dict(Protocol=protocol, Port=8123)
    if protocol == "HTTPS":
        body, key = certificate("a.example.com")
        acm = world.weir.client("acm")
        arn = acm.import_certificate(Certificate=body, PrivateKey=key)["CertificateArn"]
        options["Certificates"] = [{"CertificateArn": arn}]
    made = world.elb.create_listener(LoadBalancerArn=lb, DefaultActions=actions, **options)
    return made["Listeners"][0]["ListenerArn"]


def changed_and_read_back(carrier, arn, values):
    """Sets values that are no defaults, in calls as large as AWS takes; gives what is told then."""
    before = carrier.describe(arn)
    same = {key for key, value in values.items() if before.get(key) == value}
    assert not same, f"these are defaults: {same}"
    items = list(values.items())
    for start in range(0, len(items), 20):
        told = carrier.modify(arn, **dict(items[start:start + 20]))
        assert told.items() >= dict(items[start:start + 20]).items()
    after = carrier.describe(arn)
    assert after == before | values
    return after


def foreign_keys_are_refused(carrier, arn, own, tables, text):
    """Each key of the family that does not exist here is refused by name, and changes nothing."""
    everywhere = {key: value for table in tables for key, value in table.items()}
    foreign = {key: value for key, value in everywhere.items() if key not in own}
    assert foreign, "some key belongs elsewhere"
    before = carrier.describe(arn)
    for key, value in foreign.items():
        message = refused(lambda: carrier.modify(arn, **{key: value}), "InvalidConfigurationRequest")
        # AWS has one text for what the type excludes and one for what the target type does.
        foreign_type = f"attribute key '{key}' is not supported" in message and text in message
        foreign_target = message.endswith(f"does not support the attribute {key}")
        assert foreign_type or foreign_target, message
    assert carrier.describe(arn) == before


def restored(carrier, arn, before):
    """Setting the defaults again takes everything back, also what is told only when it is set."""
    carrier.modify(arn, **dict(list(before.items())[:20]))
    if rest := dict(list(before.items())[20:]):
        carrier.modify(arn, **rest)
    told = carrier.describe(arn)
    assert {key: told[key] for key in before} == before


@pytest.mark.parametrize("kind", LOAD_BALANCERS)
def test_keys_of_load_balancers(recording, kind):
    carrier = of_lb(recording)
    arn = create(recording, recording.unique("keys"), Type=kind)["LoadBalancerArn"]
    before = carrier.describe(arn)
    own = changed_and_read_back(carrier, arn, LOAD_BALANCERS[kind])
    foreign_keys_are_refused(carrier, arn, own, LOAD_BALANCERS.values(), f"type '{kind}'")
    # Further addresses are never taken back.
    before.pop("secondary_ips.auto_assigned.per_subnet", None)
    restored(carrier, arn, before)


@pytest.mark.parametrize("protocol", GROUPS)
def test_keys_of_target_groups(recording, protocol):
    carrier = of_group(recording)
    arn = make_group(recording, recording.unique("keys"), protocol)
    before = carrier.describe(arn)
    own = changed_and_read_back(carrier, arn, GROUPS[protocol])
    foreign_keys_are_refused(carrier, arn, own, [*GROUPS.values(), RESETS], protocol)
    restored(carrier, arn, before)


def test_flows_of_gateways_are_reset_only_without_rebalancing(recording):
    carrier = of_group(recording)
    arn = make_group(recording, recording.unique("resets"), "GENEVE")
    changed_and_read_back(carrier, arn, RESETS)
    for key in RESETS:
        carrier.modify(arn, **{other: "false" for other in RESETS if other != key})
        refused(lambda: carrier.modify(arn, **{"stickiness.enabled": "true"}),
                "InvalidConfigurationRequest", key)
        carrier.modify(arn, **RESETS)
    refused(lambda: carrier.modify(arn, **{"target_failover.on_unhealthy": "rebalance"}),
            "InvalidConfigurationRequest", "must have the same value")


@pytest.mark.parametrize("protocol", LISTENERS)
def test_keys_of_listeners(recording, protocol):
    carrier: Attributes = of_listener(recording)
    arn = make_listener(recording, protocol)
    before = carrier.describe(arn)
    own = changed_and_read_back(carrier, arn, LISTENERS[protocol])
    foreign_keys_are_refused(carrier, arn, own, LISTENERS.values(), protocol)
    restored(carrier, arn, before)


def test_renamed_headers_are_names_and_differ(recording):
    carrier, arn = of_listener(recording), make_listener(recording, "HTTPS")
    defaults = carrier.describe(arn)
    for key in RENAMED:
        for bad in ("X A", "X:A", "ä", "x" * 41):
            refused(lambda: carrier.modify(arn, **{key: bad}), "ValidationError")
        carrier.modify(arn, **{key: "x" * 40})
        # An empty name is the usual name.
        carrier.modify(arn, **{key: ""})
    assert carrier.describe(arn) == defaults
    first, second = list(RENAMED)[:2]
    refused(lambda: carrier.modify(arn, **{first: "X-Same", second: "x-same"}),
            "InvalidConfigurationRequest")
