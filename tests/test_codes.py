"""Codes about too much of something, each at its quota: one less is taken, one more is refused."""

import contextlib

import pytest
from conftest import Weir, World, certificate, fixed
from test_certificates import Authority
from test_load_balancers import create, refused


@pytest.fixture
def limited(tmp_path):
    """Starts instances with small quotas that record every feature."""
    with contextlib.ExitStack() as running:
        def start(**quotas):
            home = tmp_path / f"instance-{len(list(tmp_path.iterdir()))}"
            home.mkdir()
            lines = [f"{name} = {value}" for name, value in quotas.items()]
            config = home / "weir.toml"
            config.write_text("threads = 1\nallow-unserved-types = true\n[quotas]\n"
                              + "\n".join(lines) + "\n")
            instance = Weir(home / "data", config=config).start()
            running.callback(ended, instance)
            return World(instance)
        yield start


def ended(instance):
    assert instance.stop() == 0, instance.log()
    assert "panicked" not in instance.log(), instance.log()


def forward(*groups):
    pairs = [{"TargetGroupArn": group, "Weight": 1} for group in groups]
    return {"Type": "forward", "ForwardConfig": {"TargetGroups": pairs}}


def path(value):
    return [{"Field": "path-pattern", "Values": [value]}]


def count(world, call, member, **arguments):
    return len(getattr(world.elb, call)(**arguments)[member])


def test_load_balancers(limited):
    world = limited(load_balancers=1, network_load_balancers=1, gateway_load_balancers=1)
    for kind in ("application", "network", "gateway"):
        made = create(world, f"{kind}-1", Type=kind)
        text = f"You have reached the maximum number of load balancers of type '{kind}': [1]"
        refused(lambda: create(world, f"{kind}-2", Type=kind), "TooManyLoadBalancers", text)
        # What exists is no new one, and a place that became free is free.
        assert create(world, f"{kind}-1", Type=kind)["LoadBalancerArn"] == made["LoadBalancerArn"]
        world.elb.delete_load_balancer(LoadBalancerArn=made["LoadBalancerArn"])
        create(world, f"{kind}-2", Type=kind)
    assert count(world, "describe_load_balancers", "LoadBalancers") == 3


def test_load_balancers_of_a_vpc(limited):
    world = limited(gateway_load_balancers_per_vpc=1, network_interfaces_per_vpc=3)
    create(world, "gateway-1", Type="gateway")
    refused(lambda: create(world, "gateway-2", Type="gateway"), "TooManyLoadBalancers", "[1]")
    # One interface per zone.
    create(world, "network-1", Type="network")
    refused(lambda: create(world, "network-2", Type="network"), "TooManyLoadBalancers", "[3]")
    create(world, "network-2", Type="network", Subnets=world.subnets[:1])


def test_unique_target_groups_of_a_load_balancer(limited):
    world = limited(target_groups_per_load_balancer=2)
    groups = [world.group(f"group-{n}") for n in range(3)]
    lb = world.load_balancer("lb")
    code = "TooManyUniqueTargetGroupsPerLoadBalancer"
    text = ("You have reached the maximum number of unique target groups that you can associate "
            "with a load balancer of type 'application': [2]")
    refused(lambda: world.listener(lb, [forward(*groups)]), code, text)
    assert count(world, "describe_listeners", "Listeners", LoadBalancerArn=lb) == 0
    listener = world.listener(lb, [forward(*groups[:2])])
    rule = dict(ListenerArn=listener, Priority=1, Conditions=path("/a"))
    refused(lambda: world.elb.create_rule(**rule, Actions=[forward(groups[2])]), code, text)
    # The same group again is not one more.
    made = world.elb.create_rule(**rule, Actions=[forward(groups[0])])["Rules"][0]["RuleArn"]
    modify = world.elb.modify_rule
    refused(lambda: modify(RuleArn=made, Actions=[forward(groups[2])]), code, text)
    change = world.elb.modify_listener
    refused(lambda: change(ListenerArn=listener, DefaultActions=[forward(*groups)]), code, text)
    refused(lambda: world.listener(lb, [forward(groups[2])], port=81), code, text)
    # Another load balancer counts for itself.
    world.listener(world.load_balancer("other"), [forward(groups[2])])


def test_actions(shared):
    lb = shared.load_balancer(shared.unique("actions"))
    code, three = "TooManyActions", [fixed("x") | {"Order": order} for order in (1, 2, 3)]
    refused(lambda: shared.listener(lb, three), code, "You have reached the maximum number of actions")
    listener = shared.listener(lb, [fixed("x")])
    elb = shared.elb
    refused(lambda: elb.modify_listener(ListenerArn=listener, DefaultActions=three), code)
    rule = dict(ListenerArn=listener, Priority=1, Conditions=path("/a"))
    refused(lambda: elb.create_rule(**rule, Actions=three), code)
    made = elb.create_rule(**rule, Actions=three[:1])["Rules"][0]["RuleArn"]
    refused(lambda: elb.modify_rule(RuleArn=made, Actions=three), code)
    # Two are not too many, but one of them has to be about who asks.
    refused(lambda: elb.modify_rule(RuleArn=made, Actions=three[:2]), "InvalidLoadBalancerAction")


def test_listeners_and_rules(limited):
    world = limited(listeners_per_load_balancer=1, listeners_per_network_load_balancer=1,
                    rules_per_load_balancer=1)
    elb, lb = world.elb, world.load_balancer("lb")
    listener = world.listener(lb, [fixed("x")])
    refused(lambda: world.listener(lb, [fixed("x")], port=81), "TooManyListeners", "[1]")
    rule = dict(ListenerArn=listener, Conditions=path("/a"), Actions=[fixed("x")])
    elb.create_rule(**rule, Priority=1)
    refused(lambda: elb.create_rule(**rule, Priority=2), "TooManyRules", "[1]")
    assert count(world, "describe_rules", "Rules", ListenerArn=listener) == 2, "one is the default"
    network = create(world, "network", Type="network")["LoadBalancerArn"]
    tcp = [world.group(f"tcp-{n}", Protocol="TCP") for n in range(2)]
    listen = dict(LoadBalancerArn=network, Protocol="TCP")
    elb.create_listener(**listen, Port=1, DefaultActions=[forward(tcp[0])])
    refused(lambda: elb.create_listener(**listen, Port=2, DefaultActions=[forward(tcp[1])]),
            "TooManyListeners", "[1]")


def test_target_groups_and_targets(limited):
    world = limited(target_groups=2, geneve_target_groups=1, targets_per_target_group=2,
                    targets_per_load_balancer=3, registrations_per_target=2)
    elb = world.elb
    # Those of gateways count among themselves too.
    world.group("geneve-1", Protocol="GENEVE", Port=6081)
    refused(lambda: world.group("geneve-2", Protocol="GENEVE", Port=6081), "TooManyTargetGroups")
    group = world.group("web")
    refused(lambda: world.group("more"), "TooManyTargetGroups",
            "You have reached the maximum number of target groups: [2]")
    register = lambda *ports: elb.register_targets(
        TargetGroupArn=group, Targets=[{"Id": "127.0.0.1", "Port": port} for port in ports])
    refused(lambda: register(1, 2, 3), "TooManyTargets", "[2]")
    register(1, 2)
    refused(lambda: register(3), "TooManyTargets", "[2]")
    register(2)


def test_targets_of_a_load_balancer(limited):
    world = limited(targets_per_load_balancer=3, registrations_per_target=2)
    one, two = world.group("one"), world.group("two")
    world.listener(world.load_balancer("lb"), [forward(one, two)])
    register = lambda group, *targets: world.elb.register_targets(
        TargetGroupArn=group, Targets=[{"Id": host, "Port": port} for host, port in targets])
    register(one, ("127.0.0.1", 1))
    register(two, ("127.0.0.1", 1))
    refused(lambda: register(two, ("127.0.0.1", 2)), "TooManyRegistrationsForTargetId", "127.0.0.1")
    register(two, ("127.0.0.2", 1))
    refused(lambda: register(one, ("127.0.0.3", 1)), "TooManyTargets", "'application': [3]")
    # Nor by way of a group that joins.
    third = world.group("three")
    register(third, ("127.0.0.1", 9))
    refused(lambda: world.listener(world.elb.describe_load_balancers()["LoadBalancers"][0][
        "LoadBalancerArn"], [forward(third)], port=81), "TooManyRegistrationsForTargetId")


def test_certificates_of_a_load_balancer(limited):
    world = limited(certificates_per_load_balancer=1)
    elb, acm = world.elb, world.weir.client("acm")
    arns = []
    for name in ("a.example.com", "b.example.com", "c.example.com"):
        body, key = certificate(name)
        arn = acm.import_certificate(Certificate=body, PrivateKey=key)["CertificateArn"]
        arns.append({"CertificateArn": arn})
    made = elb.create_listener(LoadBalancerArn=world.load_balancer("lb"), Protocol="HTTPS", Port=443,
                               Certificates=arns[:1], DefaultActions=[fixed("x")])
    listener = made["Listeners"][0]["ListenerArn"]
    add = elb.add_listener_certificates
    refused(lambda: add(ListenerArn=listener, Certificates=arns[1:]), "TooManyCertificates",
            "'application': [1]")
    add(ListenerArn=listener, Certificates=arns[1:2])
    refused(lambda: add(ListenerArn=listener, Certificates=arns[2:]), "TooManyCertificates")
    add(ListenerArn=listener, Certificates=arns[1:2])


def test_reserved_capacity(limited):
    world = limited(reserved_units_per_load_balancer=200, reserved_units_per_region=300)
    first, second = world.load_balancer("first"), world.load_balancer("second")
    reserve = lambda lb, units: world.elb.modify_capacity_reservation(
        LoadBalancerArn=lb, MinimumLoadBalancerCapacity={"CapacityUnits": units})
    refused(lambda: reserve(first, 201), "CapacityUnitsLimitExceeded", "200")
    reserve(first, 200)
    refused(lambda: reserve(second, 101), "CapacityUnitsLimitExceeded", "300")
    reserve(second, 100)
    for units in (190, 180):
        reserve(first, units)
    refused(lambda: reserve(first, 170), "CapacityDecreaseRequestLimitExceeded")


def test_what_acm_does_not_issue(shared):
    request = shared.weir.client("acm").request_certificate
    private = "arn:aws:acm-pca:us-east-1:123456789012:certificate-authority/" + "0" * 8
    refused(lambda: request(DomainName="a.example", CertificateAuthorityArn=private),
            "InvalidParameterException", "Private certificate authorities are not available")
    names = [f"n{n}.example" for n in range(100)]
    refused(lambda: request(DomainName="a.example", SubjectAlternativeNames=names),
            "LimitExceededException", "domain names")
    refused(lambda: request(DomainName="no dots"), "ValidationException")
    wrong = [{"DomainName": "b.example", "ValidationDomain": "b.example"}]
    refused(lambda: request(DomainName="a.example", DomainValidationOptions=wrong),
            "InvalidDomainValidationOptionsException", "b.example")


def test_what_acm_and_iam_do_not_take(shared, tmp_path):
    acm, iam = shared.weir.client("acm"), shared.weir.client("iam")
    authority = Authority(tmp_path)

    def both(pair, acm_text, iam_text):
        body, key = pair
        refused(lambda: acm.import_certificate(
            Certificate=body, PrivateKey=key, CertificateChain=authority.pem),
            "ValidationException", acm_text)
        upload = dict(CertificateBody=body.decode(), PrivateKey=key.decode())
        refused(lambda: iam.upload_server_certificate(
            ServerCertificateName=shared.unique("server"), **upload), "MalformedCertificate", iam_text)

    both(authority.sign("old.example", days="-1"), "The certificate has expired.",
         "not within its validity period")
    unsupported = "unsupported key algorithm or key length"
    both(authority.sign("short.example", key="rsa:512"), unsupported, unsupported)
    large = b"-----BEGIN CERTIFICATE-----\n" + b"A" * 64 * 1024
    refused(lambda: acm.import_certificate(Certificate=large, PrivateKey=b"x"),
            "ValidationException")


def test_elastic_addresses_of_a_load_balancer(limited):
    world = limited()
    allocated = [world.ec2.allocate_address(Domain="vpc")["AllocationId"] for _ in range(2)]

    def balancer(name, *ids, **options):
        pairs = zip(world.subnets, ids)
        mappings = [{"SubnetId": subnet, "AllocationId": one} for subnet, one in pairs]
        return world.elb.create_load_balancer(
            Name=name, Type="network", SubnetMappings=mappings, **options)["LoadBalancers"][0]

    missing = "eipalloc-0123456789abcdef0"
    refused(lambda: balancer("missing", allocated[0], missing), "AllocationIdNotFound", missing)
    refused(lambda: balancer("twice", allocated[0], allocated[0]), "ResourceInUse")
    refused(lambda: balancer("inside", allocated[0], Scheme="internal"),
            "InvalidConfigurationRequest", "scheme 'internal'")
    # What was refused took no address.
    made = balancer("one", *allocated)
    told = [zone["LoadBalancerAddresses"][0]["AllocationId"] for zone in made["AvailabilityZones"]]
    assert sorted(told) == sorted(allocated)
    refused(lambda: balancer("two", allocated[1]), "ResourceInUse",
            "The allocation IDs are not available for use")
    world.elb.delete_load_balancer(LoadBalancerArn=made["LoadBalancerArn"])
    balancer("two", allocated[1])
    with pytest.raises(world.ec2.exceptions.ClientError):
        world.ec2.release_address(AllocationId=allocated[1])
    world.ec2.release_address(AllocationId=allocated[0])
    refused(lambda: balancer("three", allocated[0]), "AllocationIdNotFound", allocated[0])


def test_the_address_type_changes_when_the_subnets_allow_it(limited):
    world = limited()
    lb = world.load_balancer("lb")
    set_type = lambda kind: world.elb.set_ip_address_type(LoadBalancerArn=lb, IpAddressType=kind)
    refused(lambda: set_type("dualstack"), "InvalidConfigurationRequest",
            "You must specify subnets with an associated IPv6 CIDR block")
    refused(lambda: set_type("ipv6"), "ValidationError", "Member must satisfy enum value set")
    world.ec2.associate_vpc_cidr_block(VpcId=world.vpc, AmazonProvidedIpv6CidrBlock=True)
    block = world.ec2.describe_vpcs()["Vpcs"][0]["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"]
    stem = block.removesuffix("00::/56")
    for number, subnet in enumerate(world.subnets[:2]):
        world.ec2.associate_subnet_cidr_block(
            SubnetId=subnet, Ipv6CidrBlock=f"{stem}{number:02x}::/64")
    for kind in ("dualstack", "dualstack-without-public-ipv4", "ipv4"):
        assert set_type(kind)["IpAddressType"] == kind
        [told] = world.elb.describe_load_balancers(LoadBalancerArns=[lb])["LoadBalancers"]
        assert told["IpAddressType"] == kind
        # The name and the subnets stay.
        assert [zone["SubnetId"] for zone in told["AvailabilityZones"]] == world.subnets[:2]
    gone = lb[:-16] + "0" * 16
    refused(lambda: world.elb.set_ip_address_type(LoadBalancerArn=gone, IpAddressType="ipv4"),
            "LoadBalancerNotFound")
