"""Load balancers of all types as boto3 sees them: creation, what may change, pages, tags, capacity.

One instance refuses what no plane carries, as delivered; another records it.
"""

import re

import botocore.exceptions
import pytest
from conftest import Weir, World


def refused(call, code, text=None):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call()
    error = caught.value.response["Error"]
    assert error["Code"] == code, error
    if text is not None:
        assert text in error["Message"], error
    return error["Message"]


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """An instance that records every feature."""
    home = tmp_path_factory.mktemp("recording")
    config = home / "weir.toml"
    config.write_text("threads = 1\nallow-unserved-types = true\nwaive = ['subnet-eight-free']\n")
    instance = Weir(home / "data", config=config).start()
    yield World(instance)
    assert instance.stop() == 0, instance.log()
    assert "panicked" not in instance.log(), instance.log()


def create(world, name, **options):
    return world.elb.create_load_balancer(Name=name, **({"Subnets": world.subnets[:2]} | options))[
        "LoadBalancers"][0]


def described(world, arn):
    return world.elb.describe_load_balancers(LoadBalancerArns=[arn])["LoadBalancers"][0]


# --- without the setting

def test_other_types_are_refused_after_their_own_validation(shared):
    lb = shared.elb.create_load_balancer
    for kind in ("network", "gateway"):
        name = shared.unique("refused")
        text = f"Load balancers of type '{kind}' are not available in this version of Weir"
        refused(lambda: lb(Name=name, Type=kind, Subnets=shared.subnets[:1]),
                "OperationNotPermitted", text)
    refused(lambda: lb(Name="x", Type="gateway", Scheme="internal", Subnets=shared.subnets[:1]),
            "InvalidScheme")
    refused(lambda: lb(Name="x", Type="network", Subnets=["subnet-0"]), "SubnetNotFound")
    refused(lambda: lb(Name="x", Type="network"), "ValidationError",
            "At least one subnet must be specified")
    refused(lambda: lb(Name="x", Type="network", Subnets=shared.subnets[:1],
                       IpAddressType="dualstack-without-public-ipv4"),
            "InvalidConfigurationRequest")
    refused(lambda: lb(Name="x", Type="turbo", Subnets=shared.subnets[:1]), "ValidationError",
            "Member must satisfy enum value set")


def test_creation_and_what_terraform_reads(shared):
    name = shared.unique("create")
    made = create(shared, name, Tags=[{"Key": "team", "Value": "a"}])
    assert made["State"] == {"Code": "provisioning"}
    lb = described(shared, made["LoadBalancerArn"])
    assert lb["State"] == {"Code": "active"}
    assert lb["Type"] == "application" and lb["Scheme"] == "internet-facing"
    assert lb["IpAddressType"] == "ipv4" and lb["VpcId"] == shared.vpc
    assert lb["CanonicalHostedZoneId"] == "Z35SXDOTRQ7X7K"
    assert re.fullmatch(rf"{name}-\d{{8,10}}\.us-east-1\.elb\.amazonaws\.com", lb["DNSName"])
    assert [z["SubnetId"] for z in lb["AvailabilityZones"]] == shared.subnets[:2]
    assert all(z["LoadBalancerAddresses"] == [] for z in lb["AvailabilityZones"])
    for absent in ("IpamPools", "CustomerOwnedIpv4Pool", "EnablePrefixForIpv6SourceNat",
                   "EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic"):
        assert absent not in lb
    # The same again, in other words, is the same load balancer.
    again = shared.elb.create_load_balancer(
        Name=name, Type="application", Scheme="internet-facing", IpAddressType="ipv4",
        SecurityGroups=lb["SecurityGroups"], Tags=[{"Key": "team", "Value": "a"}],
        SubnetMappings=[{"SubnetId": subnet} for subnet in reversed(shared.subnets[:2])],
    )["LoadBalancers"][0]
    assert again["LoadBalancerArn"] == lb["LoadBalancerArn"]
    assert again["State"]["Code"] == "active"
    refused(lambda: create(shared, name, Scheme="internal"), "DuplicateLoadBalancerName",
            f"A load balancer with the same name '{name}' exists, but with different settings")
    refused(lambda: create(shared, name), "DuplicateLoadBalancerName")


def test_creation_is_refused_as_on_aws(shared):
    name, subnets = shared.unique("bad"), shared.subnets
    cases = [
        (dict(Name="internal-x"), "ValidationError", "cannot begin with 'internal-'"),
        (dict(Name="-x"), "ValidationError", "cannot begin or end with '-'"),
        (dict(Name="a" * 33), "ValidationError", "cannot be longer than '32' characters"),
        (dict(Name="a_b"), "ValidationError", "can only contain"),
        (dict(Subnets=subnets[:1]), "ValidationError",
         "At least two subnets in two different Availability Zones must be specified"),
        (dict(Subnets=[subnets[0], subnets[0]]), "InvalidConfigurationRequest",
         "multiple subnets in the same Availability Zone"),
        (dict(Subnets=[subnets[0], "subnet-1"]), "SubnetNotFound", None),
        (dict(SecurityGroups=["sg-1"]), "InvalidConfigurationRequest",
         "One or more security groups are invalid"),
        (dict(Scheme="internal", IpAddressType="dualstack-without-public-ipv4"),
         "InvalidConfigurationRequest", None),
        (dict(IpAddressType="dualstack"), "InvalidConfigurationRequest",
         "You must specify subnets with an associated IPv6 CIDR block"),
        (dict(EnablePrefixForIpv6SourceNat="on"), "InvalidConfigurationRequest", None),
        (dict(Scheme="internal", IpamPools={"Ipv4IpamPoolId": "ipam-pool-0"}),
         "InvalidConfigurationRequest", "internet-facing"),
        (dict(Subnets=[], SubnetMappings=[
            {"SubnetId": subnets[0], "AllocationId": "eipalloc-1"}, {"SubnetId": subnets[1]}]),
         "InvalidConfigurationRequest", "Elastic IPs are not supported"),
        (dict(Tags=[{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]), "DuplicateTagKeys",
         None),
        (dict(Tags=[{"Key": "aws:a", "Value": "1"}]), "ValidationError", None),
        (dict(Tags=[{"Key": f"k{i}", "Value": ""} for i in range(51)]), "TooManyTags", None),
    ]
    for options, code, text in cases:
        values = {"Name": name, "Subnets": subnets[:2]} | options
        refused(lambda v=values: shared.elb.create_load_balancer(**v), code, text)
    refused(lambda: shared.elb.describe_load_balancers(Names=[name]), "LoadBalancerNotFound")


def test_pages_and_unknown_markers(shared):
    made = sorted(shared.unique("page") for _ in range(5))
    for name in made:
        create(shared, name)
    everything = shared.elb.get_paginator("describe_load_balancers").paginate(PageSize=2)
    names = [lb["LoadBalancerName"] for page in everything for lb in page["LoadBalancers"]]
    assert names == sorted(set(names)) and set(made) <= set(names)
    first = shared.elb.describe_load_balancers(PageSize=1)
    assert first["NextMarker"] == first["LoadBalancers"][-1]["LoadBalancerName"]
    elb, nonsense = shared.elb, "no such marker"
    group, lb = shared.group(shared.unique("page-tg")), shared.load_balancer(shared.unique("page"))
    listener = shared.listener(lb, [{"Type": "forward", "TargetGroupArn": group}])
    for call in (
        lambda: elb.describe_load_balancers(Marker=nonsense),
        lambda: elb.describe_target_groups(Marker=nonsense),
        lambda: elb.describe_listeners(LoadBalancerArn=lb, Marker=nonsense),
        lambda: elb.describe_rules(ListenerArn=listener, Marker=nonsense),
        lambda: elb.describe_account_limits(Marker=nonsense),
        lambda: elb.describe_ssl_policies(Marker=nonsense),
    ):
        refused(call, "ValidationError", f"The marker '{nonsense}' is not valid")
    # A marker outlives the load balancer that it names.
    page = elb.describe_load_balancers(PageSize=1)
    shared.elb.delete_load_balancer(LoadBalancerArn=page["LoadBalancers"][0]["LoadBalancerArn"])
    elb.describe_load_balancers(Marker=page["NextMarker"])
    refused(lambda: elb.describe_load_balancers(LoadBalancerArns=[lb] * 21), "ValidationError")


def test_limits_are_told_in_aws_order(shared):
    whole = shared.elb.describe_account_limits()["Limits"]
    names = [limit["Name"] for limit in whole]
    assert names[:2] == ["target-groups", "targets-per-application-load-balancer"]
    assert len(names) == 23 and "gateway-load-balancers-per-vpc" in names
    assert {"Name": "application-load-balancers", "Max": "500"} in whole
    assert {"Name": "network-load-balancers", "Max": "50"} in whole
    pages = shared.elb.get_paginator("describe_account_limits").paginate(PageSize=5)
    assert [limit["Name"] for page in pages for limit in page["Limits"]] == names


def test_ssl_policies(shared):
    elb = shared.elb
    policies = elb.describe_ssl_policies()["SslPolicies"]
    assert "ELBSecurityPolicy-2016-08" in [policy["Name"] for policy in policies]
    assert elb.describe_ssl_policies(LoadBalancerType="gateway")["SslPolicies"] == []
    assert len(elb.describe_ssl_policies(LoadBalancerType="network")["SslPolicies"]) == len(policies)
    refused(lambda: elb.describe_ssl_policies(Names=["none"]), "SSLPolicyNotFound",
            "SSL policy 'none' not found")


def test_tags_of_every_kind(shared):
    elb = shared.elb
    group, lb = shared.group(shared.unique("tag-tg")), shared.load_balancer(shared.unique("tag"))
    listener = shared.listener(lb, [{"Type": "forward", "TargetGroupArn": group}])
    rule = elb.describe_rules(ListenerArn=listener)["Rules"][0]["RuleArn"]
    arns = [rule, group, lb, listener]
    told = elb.describe_tags(ResourceArns=arns)["TagDescriptions"]
    assert [d["ResourceArn"] for d in told] == arns and all(d["Tags"] == [] for d in told)
    elb.add_tags(ResourceArns=arns, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": ""}])
    elb.remove_tags(ResourceArns=[lb], TagKeys=["a", "never"])
    told = elb.describe_tags(ResourceArns=[lb, group])["TagDescriptions"]
    assert told[0]["Tags"] == [{"Key": "b", "Value": ""}] and len(told[1]["Tags"]) == 2
    missing = [("loadbalancer/app/x", 1, "LoadBalancerNotFound"),
               ("targetgroup/x", 1, "TargetGroupNotFound"),
               ("listener/app/x", 2, "ListenerNotFound"),
               ("listener-rule/app/x", 3, "RuleNotFound"), ("truststore/x", 1, "TrustStoreNotFound")]
    for stem, ids, code in missing:
        arn = f"arn:aws:elasticloadbalancing:us-east-1:123456789012:{stem}" + "/0123456789abcdef" * ids
        refused(lambda: elb.describe_tags(ResourceArns=[arn]), code)
        refused(lambda: elb.add_tags(ResourceArns=[arn], Tags=[{"Key": "a"}]), code)
    refused(lambda: elb.describe_tags(ResourceArns=["arn:x"]), "ValidationError")
    refused(lambda: elb.describe_tags(ResourceArns=[lb] * 21), "ValidationError", "cannot exceed '20'")
    refused(lambda: elb.describe_tags(ResourceArns=[]), "ValidationError")
    refused(lambda: elb.add_tags(ResourceArns=[], Tags=[{"Key": "a"}]), "ValidationError")
    refused(lambda: elb.remove_tags(ResourceArns=[lb], TagKeys=[]), "ValidationError")
    many = [{"Key": f"k{i}", "Value": ""} for i in range(50)]
    refused(lambda: elb.add_tags(ResourceArns=[lb], Tags=many), "TooManyTags")
    twice = [{"Key": "k", "Value": "1"}, {"Key": "k", "Value": "2"}]
    refused(lambda: elb.add_tags(ResourceArns=[lb], Tags=twice), "DuplicateTagKeys")


def test_capacity_reservation(shared):
    elb, lb = shared.elb, shared.load_balancer(shared.unique("capacity"))
    none = elb.describe_capacity_reservation(LoadBalancerArn=lb)
    assert none["DecreaseRequestsRemaining"] == 2 and none["CapacityReservationState"] == []
    assert "MinimumLoadBalancerCapacity" not in none and "LastModifiedTime" not in none

    def reserve(units):
        return elb.modify_capacity_reservation(
            LoadBalancerArn=lb, MinimumLoadBalancerCapacity={"CapacityUnits": units})

    made = reserve(300)
    assert made["MinimumLoadBalancerCapacity"] == {"CapacityUnits": 300}
    states = made["CapacityReservationState"]
    assert [s["State"]["Code"] for s in states] == ["provisioned", "provisioned"]
    assert [s["EffectiveCapacityUnits"] for s in states] == [150.0, 150.0]
    told = elb.describe_capacity_reservation(LoadBalancerArn=lb)
    assert told["LastModifiedTime"] == made["LastModifiedTime"]
    reserve(200), reserve(100)
    assert elb.describe_capacity_reservation(LoadBalancerArn=lb)["DecreaseRequestsRemaining"] == 0
    reserve(200)
    refused(lambda: reserve(150), "CapacityDecreaseRequestLimitExceeded")
    refused(lambda: reserve(99), "InvalidConfigurationRequest")
    refused(lambda: reserve(15001), "CapacityUnitsLimitExceeded")
    modify = elb.modify_capacity_reservation
    refused(lambda: modify(LoadBalancerArn=lb), "ValidationError")
    both = dict(MinimumLoadBalancerCapacity={"CapacityUnits": 300}, ResetCapacityReservation=True)
    refused(lambda: modify(LoadBalancerArn=lb, **both), "ValidationError")
    refused(lambda: modify(LoadBalancerArn=lb[:-4] + "0000", ResetCapacityReservation=True),
            "LoadBalancerNotFound")
    reset = modify(LoadBalancerArn=lb, ResetCapacityReservation=True)
    assert reset["CapacityReservationState"] == []


def test_ip_pools(shared):
    elb, lb = shared.elb, shared.load_balancer(shared.unique("pools"))
    modify = elb.modify_ip_pools
    assert "IpamPools" not in modify(LoadBalancerArn=lb, RemoveIpamPools=["ipv4"])
    pool = {"Ipv4IpamPoolId": "ipam-pool-0123456789abcdef0"}
    refused(lambda: modify(LoadBalancerArn=lb), "ValidationError")
    refused(lambda: modify(LoadBalancerArn=lb, IpamPools=pool, RemoveIpamPools=["ipv4"]),
            "ValidationError")
    refused(lambda: modify(LoadBalancerArn=lb, IpamPools=pool), "OperationNotPermitted")


# --- with the setting

def test_recorded_types_are_whole_and_say_why_they_wait(recording):
    network = create(recording, "net", Type="network", Subnets=recording.subnets[:1])
    gateway = create(recording, "gwy", Type="gateway", Subnets=recording.subnets[:1])
    for made, kind in ((network, "network"), (gateway, "gateway")):
        lb = described(recording, made["LoadBalancerArn"])
        assert lb["State"]["Code"] == "provisioning"
        assert f"type '{kind}'" in lb["State"]["Reason"]
        assert lb["Type"] == kind and "SecurityGroups" not in lb
    arn = network["LoadBalancerArn"]
    assert ":loadbalancer/net/net/" in arn and "/gwy/gwy/" in gateway["LoadBalancerArn"]
    identity = arn.rsplit("/")[-1]
    assert network["DNSName"] == f"net-{identity}.elb.us-east-1.amazonaws.com"
    assert network["CanonicalHostedZoneId"] == "Z26RNL4JYFTOTI"
    assert network["EnablePrefixForIpv6SourceNat"] == "off"
    assert "Scheme" not in gateway and "DNSName" not in gateway
    interfaces = recording.ec2.describe_network_interfaces(
        Filters=[{"Name": "description", "Values": [f"ELB net/net/{identity}"]}])
    assert len(interfaces["NetworkInterfaces"]) == 1
    again = create(recording, "net", Type="network", Subnets=recording.subnets[:1])
    assert again["LoadBalancerArn"] == arn and again["State"]["Code"] == "provisioning"
    tree = recording.weir.weir("ls").stdout
    assert "provisioning" in tree and "recorded only" in tree


def test_network_load_balancers_show_chosen_addresses(recording):
    subnets = recording.ec2.describe_subnets(SubnetIds=recording.subnets[:2])["Subnets"]
    subnets.sort(key=lambda subnet: subnet["AvailabilityZone"])
    prefix = [subnet["CidrBlock"].rsplit(".", 1)[0] for subnet in subnets]
    mappings = [{"SubnetId": s["SubnetId"], "PrivateIPv4Address": f"{p}.77"}
                for s, p in zip(subnets, prefix)]
    options = dict(Type="network", Scheme="internal", SubnetMappings=mappings, Subnets=[])
    made = create(recording, "chosen", **options)
    told = [z["LoadBalancerAddresses"] for z in made["AvailabilityZones"]]
    assert told == [[{"PrivateIPv4Address": f"{p}.77"}] for p in prefix]
    assert create(recording, "chosen", **options)["LoadBalancerArn"] == made["LoadBalancerArn"]
    mappings[0]["PrivateIPv4Address"] = f"{prefix[0]}.78"
    refused(lambda: create(recording, "chosen", **options), "DuplicateLoadBalancerName")
    refused(lambda: create(recording, "chosen-2", Type="network", Subnets=[],
                           SubnetMappings=mappings), "InvalidConfigurationRequest")


def test_what_may_change_of_each_type(recording):
    elb, subnets = recording.elb, recording.subnets
    group = recording.ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]
    bare = create(recording, "bare", Type="network")["LoadBalancerArn"]
    refused(lambda: elb.set_security_groups(LoadBalancerArn=bare, SecurityGroups=[group]),
            "InvalidConfigurationRequest")
    closed = create(recording, "closed", Type="network", SecurityGroups=[group])
    assert closed["EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic"] == "on"
    arn = closed["LoadBalancerArn"]
    told = elb.set_security_groups(
        LoadBalancerArn=arn, SecurityGroups=[group],
        EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic="off")
    assert told["EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic"] == "off"
    assert described(recording, arn)["EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic"] == "off"
    zones = elb.set_subnets(LoadBalancerArn=arn, Subnets=subnets[1:3])["AvailabilityZones"]
    assert [z["SubnetId"] for z in zones] == subnets[1:3]
    gateway = create(recording, "gateway", Type="gateway")["LoadBalancerArn"]
    refused(lambda: elb.set_subnets(LoadBalancerArn=gateway, Subnets=subnets[:1]),
            "InvalidConfigurationRequest", "cannot be removed")
    assert len(elb.set_subnets(LoadBalancerArn=gateway, Subnets=subnets)["AvailabilityZones"]) == 3
    refused(lambda: elb.set_security_groups(LoadBalancerArn=gateway, SecurityGroups=[group]),
            "InvalidConfigurationRequest")
    refused(lambda: elb.modify_capacity_reservation(
        LoadBalancerArn=gateway, MinimumLoadBalancerCapacity={"CapacityUnits": 6000}),
        "OperationNotPermitted")
    refused(lambda: elb.modify_capacity_reservation(
        LoadBalancerArn=bare, MinimumLoadBalancerCapacity={"CapacityUnits": 5499}),
        "InvalidConfigurationRequest")


def test_deletion(recording):
    elb = recording.elb
    arn = create(recording, "gone", Type="network")["LoadBalancerArn"]
    protect = lambda value: elb.modify_load_balancer_attributes(  # noqa: E731
        LoadBalancerArn=arn, Attributes=[{"Key": "deletion_protection.enabled", "Value": value}])
    protect("true")
    refused(lambda: elb.delete_load_balancer(LoadBalancerArn=arn), "OperationNotPermitted",
            f"Load balancer '{arn}' cannot be deleted because deletion protection is enabled")
    protect("false")
    elb.delete_load_balancer(LoadBalancerArn=arn)
    elb.delete_load_balancer(LoadBalancerArn=arn)
    refused(lambda: described(recording, arn), "LoadBalancerNotFound",
            "One or more load balancers not found")


def test_recorded_features_are_told(recording):
    elb, lb = recording.elb, recording.load_balancer("reason")
    assert described(recording, lb)["State"] == {"Code": "active"}
    change = [{"Key": "routing.http2.enabled", "Value": "false"}]
    elb.modify_load_balancer_attributes(LoadBalancerArn=lb, Attributes=change)
    state = described(recording, lb)["State"]
    assert state["Code"] == "active" and "routing.http2.enabled" in state["Reason"]
    pool = {"Ipv4IpamPoolId": "ipam-pool-0123456789abcdef0"}
    assert elb.modify_ip_pools(LoadBalancerArn=lb, IpamPools=pool)["IpamPools"] == pool
    assert described(recording, lb)["IpamPools"] == pool


# --- waivers

def test_waivers_by_name(tmp_path):
    waived = {"WEIR_WAIVE": "alb-two-azs,subnet-eight-free"}
    instance = Weir(tmp_path / "data", extra_env=waived).start()
    try:
        world = World(instance)
        create(world, "single", Subnets=world.subnets[:1])
        refused(lambda: create(world, "none", Subnets=[]), "ValidationError")
    finally:
        instance.stop()
    assert "alb-two-azs" in instance.log()
    instance = Weir(tmp_path / "other", extra_env={"WEIR_WAIVE": "no-such-check"})
    with pytest.raises(RuntimeError, match="unknown waiver \"no-such-check\"; known: alb-two-azs"):
        instance.start()
