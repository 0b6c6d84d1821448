"""Attributes of load balancers, target groups and listeners of every type, as boto3 sees them."""

import re

import pytest
from conftest import Weir, World
from test_load_balancers import create, refused

# What Terraform matches to drop a key that a region does not know.
TERRAFORM = re.compile(r"attribute key ('|\")?([^'\" ]+)('|\")? is not (recognized|supported)")

APPLICATION = {
    "access_logs.s3.enabled": "false", "access_logs.s3.bucket": "", "access_logs.s3.prefix": "",
    "health_check_logs.s3.enabled": "false", "health_check_logs.s3.bucket": "",
    "health_check_logs.s3.prefix": "", "connection_logs.s3.enabled": "false",
    "connection_logs.s3.bucket": "", "connection_logs.s3.prefix": "",
    "client_keep_alive.seconds": "3600", "deletion_protection.enabled": "false",
    "idle_timeout.timeout_seconds": "60", "ipv6.deny_all_igw_traffic": "false",
    "load_balancing.cross_zone.enabled": "true",
    "routing.http.desync_mitigation_mode": "defensive",
    "routing.http.drop_invalid_header_fields.enabled": "false",
    "routing.http.preserve_host_header.enabled": "false",
    "routing.http.x_amzn_tls_version_and_cipher_suite.enabled": "false",
    "routing.http.xff_client_port.enabled": "false",
    "routing.http.xff_header_processing.mode": "append", "routing.http2.enabled": "true",
    "waf.fail_open.enabled": "false", "zonal_shift.config.enabled": "false",
}
NETWORK = {
    "deletion_protection.enabled": "false", "load_balancing.cross_zone.enabled": "false",
    "access_logs.s3.enabled": "false", "access_logs.s3.bucket": "", "access_logs.s3.prefix": "",
    "ipv6.deny_all_igw_traffic": "false", "zonal_shift.config.enabled": "false",
    "dns_record.client_routing_policy": "any_availability_zone",
    "secondary_ips.auto_assigned.per_subnet": "0",
}
GATEWAY = {"deletion_protection.enabled": "false", "load_balancing.cross_zone.enabled": "false"}
WEB_GROUP = {
    "stickiness.enabled": "false", "deregistration_delay.timeout_seconds": "300",
    "stickiness.type": "lb_cookie", "stickiness.lb_cookie.duration_seconds": "86400",
    "stickiness.app_cookie.duration_seconds": "86400", "stickiness.app_cookie.cookie_name": "",
    "slow_start.duration_seconds": "0", "load_balancing.algorithm.type": "round_robin",
    "load_balancing.algorithm.anomaly_mitigation": "off",
    "load_balancing.cross_zone.enabled": "use_load_balancer_configuration",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": "1",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": "off",
    "target_group_health.dns_failover.minimum_healthy_targets.count": "1",
    "target_group_health.dns_failover.minimum_healthy_targets.percentage": "off",
}
HEADERS = [
    "strict_transport_security", "access_control_allow_origin", "access_control_allow_methods",
    "access_control_allow_headers", "access_control_allow_credentials",
    "access_control_expose_headers", "access_control_max_age", "content_security_policy",
    "x_content_type_options", "x_frame_options",
]
LISTENER = {"routing.http.response.server.enabled": "true"} | {
    f"routing.http.response.{header}.header_value": "" for header in HEADERS}


def pairs(values):
    return [{"Key": key, "Value": value} for key, value in values.items()]


def read(answer):
    return {pair["Key"]: pair["Value"] for pair in answer["Attributes"]}


class Attributes:
    """Describe and modify of one kind of carrier."""

    def __init__(self, elb, noun, member):
        self.describe_call = getattr(elb, f"describe_{noun}_attributes")
        self.modify_call = getattr(elb, f"modify_{noun}_attributes")
        self.member = member

    def describe(self, arn):
        return read(self.describe_call(**{self.member: arn}))

    def modify(self, arn, **values):
        return read(self.modify_call(**{self.member: arn}, Attributes=pairs(values)))


def of_lb(world):
    return Attributes(world.elb, "load_balancer", "LoadBalancerArn")


def of_group(world):
    return Attributes(world.elb, "target_group", "TargetGroupArn")


def of_listener(world):
    return Attributes(world.elb, "listener", "ListenerArn")


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    home = tmp_path_factory.mktemp("attributes")
    env = {"WEIR_ALLOW_UNSERVED_TYPES": "true"}
    instance = Weir(home / "data", extra_env=env).start()
    yield World(instance)
    assert instance.stop() == 0, instance.log()


def test_every_type_has_exactly_its_keys(recording):
    lb = of_lb(recording)
    assert lb.describe(recording.load_balancer("app")) == APPLICATION
    internal = create(recording, "internal", Scheme="internal")["LoadBalancerArn"]
    assert lb.describe(internal) == APPLICATION | {"ipv6.deny_all_igw_traffic": "true"}
    network = create(recording, "net", Type="network")["LoadBalancerArn"]
    assert lb.describe(network) == NETWORK
    gateway = create(recording, "gwy", Type="gateway")["LoadBalancerArn"]
    assert lb.describe(gateway) == GATEWAY


def test_groups_and_listeners_have_exactly_their_keys(shared):
    group, lb = shared.group(shared.unique("keys-tg")), shared.load_balancer(shared.unique("keys"))
    listener = shared.listener(lb, [{"Type": "forward", "TargetGroupArn": group}])
    assert of_group(shared).describe(group) == WEB_GROUP
    assert of_listener(shared).describe(listener) == LISTENER


def test_modify_returns_what_aws_returns(shared):
    lb, group = shared.load_balancer(shared.unique("mod")), shared.group(shared.unique("mod-tg"))
    told = of_lb(shared).modify(lb, **{"idle_timeout.timeout_seconds": "61"})
    assert told == APPLICATION | {"idle_timeout.timeout_seconds": "61"}
    change = {"deregistration_delay.timeout_seconds": "5", "stickiness.enabled": "false"}
    assert of_group(shared).modify(group, **change) == change
    assert of_group(shared).describe(group) == WEB_GROUP | change


def test_unknown_and_foreign_keys(shared):
    lb, group = shared.load_balancer(shared.unique("key")), shared.group(shared.unique("key-tg"))
    message = refused(lambda: of_lb(shared).modify(lb, **{"no.such": "1"}), "ValidationError",
                      "Load balancer attribute key 'no.such' is not recognized")
    assert TERRAFORM.search(message)
    message = refused(
        lambda: of_lb(shared).modify(lb, **{"dns_record.client_routing_policy": "x"}),
        "InvalidConfigurationRequest",
        "Load balancer attribute key 'dns_record.client_routing_policy' is not supported on load "
        "balancers with type 'application'")
    assert TERRAFORM.search(message)
    # Terraform would drop a key "not recognized" and go on; keys of our own are never dropped.
    message = refused(lambda: of_lb(shared).modify(lb, **{"weir.no.such": "1"}), "ValidationError")
    assert not TERRAFORM.search(message)
    refused(lambda: of_group(shared).modify(group, **{"proxy_protocol_v2.enabled": "true"}),
            "InvalidConfigurationRequest")
    # All or nothing.
    both = {"idle_timeout.timeout_seconds": "99", "no.such": "1"}
    refused(lambda: of_lb(shared).modify(lb, **both), "ValidationError")
    assert of_lb(shared).describe(lb) == APPLICATION
    twice = [{"Key": "idle_timeout.timeout_seconds", "Value": v} for v in ("1", "2")]
    modify = shared.elb.modify_load_balancer_attributes
    refused(lambda: modify(LoadBalancerArn=lb, Attributes=twice), "ValidationError")
    refused(lambda: modify(LoadBalancerArn=lb, Attributes=[]), "ValidationError")
    many = pairs({f"key.{i}": "1" for i in range(21)})
    refused(lambda: modify(LoadBalancerArn=lb, Attributes=many), "ValidationError")


def test_bounds(shared):
    lb, group = shared.load_balancer(shared.unique("num")), shared.group(shared.unique("num-tg"))
    numbers = [(of_lb(shared), lb, "idle_timeout.timeout_seconds", 1, 4000),
               (of_lb(shared), lb, "client_keep_alive.seconds", 60, 604800),
               (of_group(shared), group, "deregistration_delay.timeout_seconds", 0, 3600)]
    for carrier, arn, key, low, high in numbers:
        for value in (low, high):
            assert carrier.modify(arn, **{key: str(value)})[key] == str(value)
        for bad in (str(low - 1), str(high + 1), f"0{high}", f"+{high}", " 70", "x", "", "70.0"):
            refused(lambda b=bad: carrier.modify(arn, **{key: b}), "ValidationError",
                    f"'{key}' value '{bad}' must be between '{low}-{high}' inclusive")
    words = [(of_lb(shared), lb, "deletion_protection.enabled"),
             (of_lb(shared), lb, "routing.http.desync_mitigation_mode"),
             (of_group(shared), group, "load_balancing.algorithm.type")]
    for carrier, arn, key in words:
        refused(lambda: carrier.modify(arn, **{key: "TRUE"}), "ValidationError",
                f"'{key}' value 'TRUE' must be one of [")
    key = "load_balancing.cross_zone.enabled"
    refused(lambda: of_lb(shared).modify(lb, **{key: "false"}), "InvalidConfigurationRequest")
    of_lb(shared).modify(lb, **{key: "true"})


def test_logs_need_a_bucket(shared):
    lb = shared.load_balancer(shared.unique("logs"))
    for log in ("access_logs", "connection_logs", "health_check_logs"):
        refused(lambda: of_lb(shared).modify(lb, **{f"{log}.s3.enabled": "true"}),
                "InvalidConfigurationRequest", f"{log}.s3.bucket")
    of_lb(shared).modify(lb, **{"access_logs.s3.enabled": "true", "access_logs.s3.bucket": "logs"})
    refused(lambda: of_lb(shared).modify(lb, **{"access_logs.s3.bucket": ""}),
            "InvalidConfigurationRequest")


def test_what_no_plane_carries_is_refused_or_recorded(shared, recording):
    sticky = {"stickiness.enabled": "true", "stickiness.lb_cookie.duration_seconds": "60"}
    group = shared.group(shared.unique("sticky"))
    refused(lambda: of_group(shared).modify(group, **sticky), "OperationNotPermitted",
            "can only have its default value in this version of Weir")
    refused(lambda: of_group(shared).modify(group, **{"stickiness.type": "source_ip"}),
            "InvalidConfigurationRequest")
    group = recording.group("sticky")
    assert of_group(recording).modify(group, **sticky) == sticky
    assert of_group(recording).describe(group) == WEB_GROUP | sticky


def test_combinations(recording):
    group, attributes = recording.group("rules"), of_group(recording)
    both = "InvalidConfigurationRequest"
    app = {"stickiness.enabled": "true", "stickiness.type": "app_cookie"}
    refused(lambda: attributes.modify(group, **app), both,
            "You must set an application cookie name to enable stickiness of type 'app_cookie'")
    name = "stickiness.app_cookie.cookie_name"
    refused(lambda: attributes.modify(group, **{name: "AWSALBAPP-0"}), both)
    attributes.modify(group, **app, **{name: "SESSION"})
    refused(lambda: attributes.modify(group, **{"load_balancing.cross_zone.enabled": "false"}), both)
    attributes.modify(group, **{"stickiness.enabled": "false"})
    attributes.modify(group, **{"slow_start.duration_seconds": "30"})
    algorithm = "load_balancing.algorithm.type"
    refused(lambda: attributes.modify(group, **{algorithm: "least_outstanding_requests"}), both)
    mitigation = "load_balancing.algorithm.anomaly_mitigation"
    refused(lambda: attributes.modify(group, **{mitigation: "on"}), both)
    attributes.modify(group, **{"slow_start.duration_seconds": "0", algorithm: "weighted_random",
                                mitigation: "on"})
    health = "target_group_health.{}.minimum_healthy_targets.percentage"
    dns, routing = health.format("dns_failover"), health.format("unhealthy_state_routing")
    refused(lambda: attributes.modify(group, **{dns: "10", routing: "20"}), both)
    attributes.modify(group, **{dns: "20", routing: "10"})


def test_network_load_balancer_values(recording):
    attributes = of_lb(recording)
    lb = create(recording, "values", Type="network")["LoadBalancerArn"]
    key = "secondary_ips.auto_assigned.per_subnet"
    attributes.modify(lb, **{key: "3"})
    refused(lambda: attributes.modify(lb, **{key: "2"}), "InvalidConfigurationRequest")
    refused(lambda: attributes.modify(lb, **{key: "8"}), "ValidationError")
    refused(lambda: attributes.modify(lb, **{"idle_timeout.timeout_seconds": "60"}),
            "InvalidConfigurationRequest", "is not supported on load balancers with type 'network'")
    changed = {"load_balancing.cross_zone.enabled": "true",
               "dns_record.client_routing_policy": "availability_zone_affinity"}
    assert attributes.modify(lb, **changed) == NETWORK | changed | {key: "3"}


def test_response_headers(shared):
    group, lb = shared.group(shared.unique("head-tg")), shared.load_balancer(shared.unique("head"))
    listener = shared.listener(lb, [{"Type": "forward", "TargetGroupArn": group}])
    key = "routing.http.response.x_frame_options.header_value"
    told = of_listener(shared).modify(listener, **{key: "DENY"})
    assert told == LISTENER | {key: "DENY"}
    assert of_listener(shared).modify(listener, **{key: ""}) == LISTENER
    refused(lambda: of_listener(shared).modify(listener, **{key: "a\"b"}), "ValidationError")
    rename = "routing.http.request.x_amzn_tls_version.header_name"
    refused(lambda: of_listener(shared).modify(listener, **{rename: "X-Tls"}),
            "InvalidConfigurationRequest")
