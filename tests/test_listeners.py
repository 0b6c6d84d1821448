"""Listeners of all three types with boto3 against the real binary."""

import pytest

from conftest import Weir, certificate, refused


@pytest.fixture(scope="module")
def weir(tmp_path_factory):
    env = {"WEIR_ALLOW_UNSERVED_TYPES": "true"}
    running = Weir(tmp_path_factory.mktemp("listeners") / "data", env).start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def arns(weir):
    """Three certificates."""
    acm = weir.client("acm")
    made = []
    for name in ["a.example.com", "b.example.com", "c.example.com"]:
        body, key = certificate(name)
        made.append(acm.import_certificate(Certificate=body, PrivateKey=key)["CertificateArn"])
    return made


def balancer(elb, subnets, name, kind="application", **more):
    made = elb.create_load_balancer(Name=name, Subnets=subnets, Type=kind, **more)
    return made["LoadBalancers"][0]["LoadBalancerArn"]


def group(elb, vpc, name, protocol, port=80, **more):
    made = elb.create_target_group(Name=name, Protocol=protocol, Port=port, VpcId=vpc, **more)
    return made["TargetGroups"][0]["TargetGroupArn"]


FIXED = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}]


def forward(arn):
    return [{"Type": "forward", "TargetGroupArn": arn}]


def test_https_is_refused_by_name_unless_it_is_recorded(tmp_path):
    plain = Weir(tmp_path / "data").start()
    try:
        elb, acm = plain.client("elbv2"), plain.client("acm")
        found = plain.client("ec2").describe_subnets()["Subnets"]
        lb = balancer(elb, [s["SubnetId"] for s in found][:2], "plain")
        base = dict(LoadBalancerArn=lb, Protocol="HTTPS", Port=443, DefaultActions=FIXED)
        assert refused("ValidationError", elb.create_listener, **base) == (
            "A certificate must be specified for HTTPS listeners")
        arn = f"arn:aws:acm:{plain.env['AWS_REGION']}:123456789012:certificate/x"
        refused("CertificateNotFound", elb.create_listener, **base,
                Certificates=[{"CertificateArn": arn}])
        body, key = certificate("a.example.com")
        arn = acm.import_certificate(Certificate=body, PrivateKey=key)["CertificateArn"]
        text = refused("OperationNotPermitted", elb.create_listener, **base,
                       Certificates=[{"CertificateArn": arn}])
        assert text == "HTTPS listeners are not available in this version of Weir"
        refused("ValidationError", elb.create_listener, **dict(base, Protocol="TCP"))
    finally:
        plain.stop()


def test_http_listener_shapes_and_repeats(elb, subnets):
    lb = balancer(elb, subnets, "http")
    base = dict(LoadBalancerArn=lb, Protocol="HTTP", Port=8100, DefaultActions=FIXED)
    [made] = elb.create_listener(**base, Tags=[{"Key": "a", "Value": "b"}])["Listeners"]
    assert set(made) == {"ListenerArn", "LoadBalancerArn", "Port", "Protocol", "DefaultActions"}
    [again] = elb.create_listener(**base, Tags=[{"Key": "a", "Value": "b"}])["Listeners"]
    assert again == made
    text = refused("DuplicateListener", elb.create_listener, **base)
    assert text == f"A listener already exists on this port for this load balancer '{lb}'"
    told = elb.describe_tags(ResourceArns=[made["ListenerArn"]])["TagDescriptions"][0]
    assert told["Tags"] == [{"Key": "a", "Value": "b"}]
    for member, value, text in [
        ("SslPolicy", "ELBSecurityPolicy-2016-08",
         "An SSL policy cannot be specified for HTTP listeners"),
        ("AlpnPolicy", ["HTTP1Only"], "An ALPN policy cannot be specified for HTTP listeners"),
        ("MutualAuthentication", {"Mode": "passthrough"},
         "Mutual authentication cannot be specified for HTTP listeners"),
    ]:
        more = dict(base, Port=8101, **{member: value})
        assert refused("ValidationError", elb.create_listener, **more) == text
    assert refused("ValidationError", elb.create_listener, LoadBalancerArn=lb,
                   DefaultActions=FIXED, Port=1) == "A listener protocol must be specified"
    refused("ListenerNotFound", elb.describe_listeners,
            ListenerArns=[made["ListenerArn"][:-4] + "0000"])
    assert elb.describe_listener_certificates(ListenerArn=made["ListenerArn"])["Certificates"] == []


def test_https_listener_and_its_certificates(elb, subnets, arns):
    lb = balancer(elb, subnets, "https")
    first, second, third = arns
    base = dict(LoadBalancerArn=lb, Protocol="HTTPS", Port=443, DefaultActions=FIXED,
                Certificates=[{"CertificateArn": first}])
    [made] = elb.create_listener(**base)["Listeners"]
    arn = made["ListenerArn"]
    assert made["Certificates"] == [{"CertificateArn": first}]
    assert made["SslPolicy"] == "ELBSecurityPolicy-2016-08"
    assert made["MutualAuthentication"] == {"Mode": "off"}
    assert elb.create_listener(**base)["Listeners"][0]["ListenerArn"] == arn
    [lb_told] = elb.describe_load_balancers(LoadBalancerArns=[lb])["LoadBalancers"]
    assert lb_told["State"]["Code"] == "active"
    assert "listener HTTPS 443" in lb_told["State"]["Reason"]

    extra = [{"CertificateArn": a} for a in (second, third, first)]
    added = elb.add_listener_certificates(ListenerArn=arn, Certificates=extra)["Certificates"]
    assert {c["CertificateArn"] for c in added} == set(arns)
    elb.add_listener_certificates(ListenerArn=arn, Certificates=extra[:1])
    pages = elb.get_paginator("describe_listener_certificates").paginate(
        ListenerArn=arn, PaginationConfig={"PageSize": 1})
    told = [(c["CertificateArn"], c["IsDefault"]) for p in pages for c in p["Certificates"]]
    assert told[0] == (first, True)
    assert sorted(told[1:]) == sorted((a, False) for a in arns)
    elb.remove_listener_certificates(ListenerArn=arn, Certificates=extra)
    assert refused("OperationNotPermitted", elb.remove_listener_certificates, ListenerArn=arn,
                   Certificates=[{"CertificateArn": first}]) == (
        "Default certificate cannot be removed")

    [changed] = elb.modify_listener(
        ListenerArn=arn, SslPolicy="ELBSecurityPolicy-TLS13-1-2-2021-06",
        Certificates=[{"CertificateArn": second}],
        MutualAuthentication={"Mode": "passthrough"})["Listeners"]
    assert changed["Certificates"] == [{"CertificateArn": second}]
    assert changed["MutualAuthentication"] == {"Mode": "passthrough"}
    refused("SSLPolicyNotFound", elb.modify_listener, ListenerArn=arn, SslPolicy="x")
    refused("ValidationError", elb.modify_listener, ListenerArn=arn,
            MutualAuthentication={"Mode": "verify"})
    [plain] = elb.modify_listener(ListenerArn=arn, Protocol="HTTP", Port=8102)["Listeners"]
    assert not {"Certificates", "SslPolicy", "MutualAuthentication"} & set(plain)
    assert refused("InvalidConfigurationRequest", elb.modify_listener, ListenerArn=arn,
                   Protocol="HTTPS") == (
        "You must provide a list containing exactly one certificate if the listener protocol is "
        "HTTPS.")


def test_network_listeners(elb, vpc, subnets, arns):
    lb = balancer(elb, subnets, "net", "network")
    tcp, udp = group(elb, vpc, "net-tcp", "TCP"), group(elb, vpc, "net-udp", "UDP")
    both = group(elb, vpc, "net-both", "TCP_UDP")
    create = lambda port, protocol, arn, **more: elb.create_listener(
        LoadBalancerArn=lb, Port=port, Protocol=protocol, DefaultActions=forward(arn),
        **more)["Listeners"][0]
    assert "Certificates" not in create(80, "TCP", tcp)
    create(53, "UDP", udp)
    create(54, "TCP_UDP", both)
    tls = create(443, "TLS", tcp, Certificates=[{"CertificateArn": arns[0]}],
                 AlpnPolicy=["HTTP2Preferred"])
    assert tls["AlpnPolicy"] == ["HTTP2Preferred"] and "MutualAuthentication" not in tls
    refused("ALPNPolicyNotFound", elb.modify_listener, ListenerArn=tls["ListenerArn"],
            AlpnPolicy=["x"])
    wrong = dict(LoadBalancerArn=lb, Port=99, DefaultActions=forward(tcp))
    assert refused("IncompatibleProtocols", elb.create_listener, **wrong, Protocol="UDP") == (
        f"The listener and the following target groups have incompatible protocols: {tcp}")
    assert refused("ValidationError", elb.create_listener, **wrong, Protocol="HTTP") == (
        "Listener protocol 'HTTP' must be one of 'UDP, TCP, TLS, TCP_UDP'")
    refused("InvalidLoadBalancerAction", elb.create_listener, LoadBalancerArn=lb, Port=99,
            Protocol="TCP", DefaultActions=FIXED)
    quic = group(elb, vpc, "net-quic", "QUIC", 443)
    refused("InvalidConfigurationRequest", elb.create_listener, LoadBalancerArn=lb, Port=444,
            Protocol="QUIC", DefaultActions=forward(quic))
    told = elb.describe_listeners(LoadBalancerArn=lb)["Listeners"]
    assert [listener["Port"] for listener in told] == [53, 54, 80, 443]


def test_gateway_listener(elb, vpc, subnets):
    lb = balancer(elb, subnets, "gwy", "gateway")
    geneve = group(elb, vpc, "gwy", "GENEVE", 6081)
    base = dict(LoadBalancerArn=lb, DefaultActions=forward(geneve))
    assert refused("ValidationError", elb.create_listener, **base, Port=1) == (
        "A port cannot be specified for gateway listeners")
    assert refused("ValidationError", elb.create_listener, **base, Protocol="GENEVE") == (
        "A protocol cannot be specified for gateway listeners")
    [made] = elb.create_listener(**base)["Listeners"]
    assert "Port" not in made and "Protocol" not in made
    assert elb.create_listener(**base)["Listeners"][0] == made
    refused("UnsupportedProtocol", elb.create_rule, ListenerArn=made["ListenerArn"], Priority=1,
            Conditions=[{"Field": "path-pattern", "Values": ["/x"]}], Actions=forward(geneve))


def test_one_group_is_told_both_ways(elb, vpc, subnets):
    lb = balancer(elb, subnets, "forms")
    one, two = group(elb, vpc, "forms-1", "HTTP"), group(elb, vpc, "forms-2", "HTTP")
    config = {"TargetGroups": [{"TargetGroupArn": one}]}
    [made] = elb.create_listener(
        LoadBalancerArn=lb, Protocol="HTTP", Port=8103,
        DefaultActions=[{"Type": "forward", "ForwardConfig": config, "Order": 1}])["Listeners"]
    assert made["DefaultActions"] == [{
        "Type": "forward", "Order": 1, "TargetGroupArn": one, "ForwardConfig": {
            "TargetGroups": [{"TargetGroupArn": one, "Weight": 1}],
            "TargetGroupStickinessConfig": {"Enabled": False}}}]
    config = {
        "TargetGroups": [{"TargetGroupArn": one, "Weight": 3}, {"TargetGroupArn": two, "Weight": 1}],
        "TargetGroupStickinessConfig": {"Enabled": True, "DurationSeconds": 60}}
    [made] = elb.modify_listener(
        ListenerArn=made["ListenerArn"],
        DefaultActions=[{"Type": "forward", "ForwardConfig": config}])["Listeners"]
    assert made["DefaultActions"] == [{"Type": "forward", "ForwardConfig": config}]


def test_a_redirect_does_not_become_a_loop_by_moving(elb, subnets):
    lb = balancer(elb, subnets, "loop")
    redirect = [{"Type": "redirect", "RedirectConfig": {"Port": "8105", "StatusCode": "HTTP_301"}}]
    [made] = elb.create_listener(LoadBalancerArn=lb, Protocol="HTTP", Port=8104,
                                 DefaultActions=redirect)["Listeners"]
    refused("InvalidLoadBalancerAction", elb.modify_listener, ListenerArn=made["ListenerArn"],
            Port=8105)
