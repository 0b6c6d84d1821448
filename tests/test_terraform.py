"""The call sequences of the Terraform AWS provider's load balancing resources.

Each class here stands for one resource of the provider and sends what the provider sends, in its
order (docs/spec/control-plane.md §3.3): look first, create, wait, set attributes, read everything
back; a second read must show no difference from what was asked for; then update, read, delete, and
look until it is gone. Where the provider branches on an error code, the sequence reaches it.

Everything runs in a network that the sequence makes itself, as Terraform's users do.
"""

import time

import botocore.exceptions
import pytest

import conftest

# What the provider sets on every application load balancer, changed or not.
APPLICATION_ATTRIBUTES = {
    "access_logs.s3.enabled": "false",
    "connection_logs.s3.enabled": "false",
    "health_check_logs.s3.enabled": "false",
    "client_keep_alive.seconds": "3600",
    "deletion_protection.enabled": "false",
    "idle_timeout.timeout_seconds": "60",
    "routing.http.desync_mitigation_mode": "defensive",
    "routing.http.drop_invalid_header_fields.enabled": "false",
    "routing.http.preserve_host_header.enabled": "false",
    "routing.http.x_amzn_tls_version_and_cipher_suite.enabled": "false",
    "routing.http.xff_client_port.enabled": "false",
    "routing.http.xff_header_processing.mode": "append",
    "routing.http2.enabled": "true",
    "waf.fail_open.enabled": "false",
    "zonal_shift.config.enabled": "false",
}
NETWORK_ATTRIBUTES = {
    "access_logs.s3.enabled": "false",
    "deletion_protection.enabled": "false",
    "dns_record.client_routing_policy": "any_availability_zone",
    "load_balancing.cross_zone.enabled": "false",
    "zonal_shift.config.enabled": "false",
}
GATEWAY_ATTRIBUTES = {
    "deletion_protection.enabled": "false",
    "load_balancing.cross_zone.enabled": "false",
}


@pytest.fixture(scope="module")
def weir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("terraform")
    env = {"WEIR_ALLOW_UNSERVED_TYPES": "true"}
    weir = conftest.Weir(folder / "data", extra_env=env).start()
    yield weir
    weir.stop()


@pytest.fixture(scope="module")
def elb(weir):
    return weir.client("elbv2")


@pytest.fixture(scope="module")
def ec2(weir):
    return weir.client("ec2")


@pytest.fixture(scope="module")
def network(weir, ec2):
    """aws_vpc, two aws_subnet, aws_internet_gateway, aws_route_table, aws_security_group."""
    vpc = ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
    assert ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["State"] == "available"
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.20.{n}.0/24", AvailabilityZone=f"us-east-1{z}")
        ["Subnet"]["SubnetId"]
        for n, z in ((1, "a"), (2, "b"), (3, "c"))
    ]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    for subnet in subnets:
        ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
    group = ec2.create_security_group(GroupName="web", Description="web", VpcId=vpc)["GroupId"]
    ec2.authorize_security_group_ingress(
        GroupId=group,
        IpPermissions=[{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}],
    )
    return {"vpc": vpc, "subnets": subnets, "group": group}


def code(call, **members):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(**members)
    return caught.value.response["Error"]["Code"]


def pairs(values):
    return [{"Key": key, "Value": value} for key, value in values.items()]


def unpaired(attributes):
    return {a["Key"]: a["Value"] for a in attributes}


def gone_interfaces(ec2, lb_arn, owner):
    """What the provider polls after a deletion, until nothing is left."""
    name = lb_arn.split(":loadbalancer/")[1]
    left = ec2.describe_network_interfaces(
        Filters=[
            {"Name": "attachment.instance-owner-id", "Values": [owner]},
            {"Name": "description", "Values": [f"ELB {name}"]},
        ]
    )
    return left["NetworkInterfaces"] == []


class LoadBalancer:
    """aws_lb."""

    def __init__(self, elb, ec2, **settings):
        self.elb, self.ec2, self.settings = elb, ec2, settings
        self.kind = settings.get("Type", "application")

    def create(self, attributes):
        name = self.settings["Name"]
        assert code(self.elb.describe_load_balancers, Names=[name]) == "LoadBalancerNotFound"
        made = self.elb.create_load_balancer(**self.settings)["LoadBalancers"][0]
        assert made["State"]["Code"] == "provisioning"
        self.arn = made["LoadBalancerArn"]
        self.wait()
        self.elb.modify_load_balancer_attributes(
            LoadBalancerArn=self.arn, Attributes=pairs(attributes)
        )
        self.wait()
        return self

    def wait(self):
        state = self.read()["State"]
        if self.kind == "application":
            assert state["Code"] == "active"
        else:
            # No plane carries it yet: the provider would wait on, and the reason says why.
            assert state["Code"] == "provisioning" and state["Reason"]

    def read(self):
        found = self.elb.describe_load_balancers(LoadBalancerArns=[self.arn])["LoadBalancers"]
        assert len(found) == 1
        return found[0]

    def read_all(self):
        lb = self.read()
        lb.pop("CreatedTime")
        attributes = self.elb.describe_load_balancer_attributes(LoadBalancerArn=self.arn)
        tags = self.elb.describe_tags(ResourceArns=[self.arn])["TagDescriptions"][0]["Tags"]
        capacity = {}
        if self.kind != "gateway":
            answer = self.elb.describe_capacity_reservation(LoadBalancerArn=self.arn)
            capacity = answer.get("MinimumLoadBalancerCapacity", {})
        return lb, unpaired(attributes["Attributes"]), unpaired(tags), capacity

    def delete(self, owner):
        self.elb.delete_load_balancer(LoadBalancerArn=self.arn)
        gone = code(self.elb.describe_load_balancers, LoadBalancerArns=[self.arn])
        assert gone == "LoadBalancerNotFound"
        for who in ("amazon-elb", "amazon-aws"):
            assert gone_interfaces(self.ec2, self.arn, who)
        # Deleting again is no error, as at AWS.
        self.elb.delete_load_balancer(LoadBalancerArn=self.arn)


def test_aws_lb_application(elb, ec2, network):
    settings = dict(
        Name="tf-app", Type="application", Scheme="internet-facing", IpAddressType="ipv4",
        Subnets=network["subnets"][:2], SecurityGroups=[network["group"]],
        Tags=[{"Key": "Name", "Value": "tf-app"}],
    )
    lb = LoadBalancer(elb, ec2, **settings).create(APPLICATION_ATTRIBUTES)
    shown, attributes, tags, capacity = lb.read_all()
    assert shown["Scheme"] == "internet-facing" and shown["IpAddressType"] == "ipv4"
    assert shown["VpcId"] == network["vpc"] and shown["Type"] == "application"
    assert {z["SubnetId"] for z in shown["AvailabilityZones"]} == set(network["subnets"][:2])
    assert shown["SecurityGroups"] == [network["group"]]
    assert shown["DNSName"] and shown["CanonicalHostedZoneId"].startswith("Z")
    assert "LoadBalancerAddresses" not in shown["AvailabilityZones"][0] or (
        shown["AvailabilityZones"][0]["LoadBalancerAddresses"] == []
    )
    # Every attribute that the provider sets comes back as it was set: no difference in a plan.
    assert {k: attributes.get(k) for k in APPLICATION_ATTRIBUTES} == APPLICATION_ATTRIBUTES
    assert tags == {"Name": "tf-app"}
    assert capacity.get("CapacityUnits", 0) == 0
    assert lb.read_all() == (shown, attributes, tags, capacity)
    interfaces = ec2.describe_network_interfaces(
        Filters=[{"Name": "description", "Values": ["ELB " + lb.arn.split(":loadbalancer/")[1]]}]
    )["NetworkInterfaces"]
    assert len(interfaces) == 2

    # update in place
    elb.modify_load_balancer_attributes(
        LoadBalancerArn=lb.arn, Attributes=pairs({"idle_timeout.timeout_seconds": "400"})
    )
    other = ec2.create_security_group(GroupName="other", Description="o", VpcId=network["vpc"])
    elb.set_security_groups(
        LoadBalancerArn=lb.arn, SecurityGroups=[network["group"], other["GroupId"]]
    )
    elb.set_subnets(LoadBalancerArn=lb.arn, Subnets=network["subnets"])
    lb.wait()
    elb.add_tags(ResourceArns=[lb.arn], Tags=pairs({"env": "test"}))
    elb.remove_tags(ResourceArns=[lb.arn], TagKeys=["Name"])
    shown, attributes, tags, _ = lb.read_all()
    assert attributes["idle_timeout.timeout_seconds"] == "400"
    assert set(shown["SecurityGroups"]) == {network["group"], other["GroupId"]}
    assert len(shown["AvailabilityZones"]) == 3 and tags == {"env": "test"}

    # the provider's reading of a key that this type has not
    with pytest.raises(botocore.exceptions.ClientError, match="attribute key .* is not (recognized|supported)"):
        elb.modify_load_balancer_attributes(
            LoadBalancerArn=lb.arn, Attributes=pairs({"dns_record.client_routing_policy": "x"})
        )
    assert code(ec2.delete_security_group, GroupId=other["GroupId"]) == "DependencyViolation"
    lb.delete("amazon-elb")
    ec2.delete_security_group(GroupId=other["GroupId"])


def test_aws_lb_name_conflicts(elb, ec2, network):
    settings = dict(Name="tf-same", Subnets=network["subnets"][:2])
    lb = LoadBalancer(elb, ec2, **settings).create(APPLICATION_ATTRIBUTES)
    again = elb.create_load_balancer(**settings)["LoadBalancers"][0]
    assert again["LoadBalancerArn"] == lb.arn
    differs = dict(settings, Scheme="internal")
    assert code(elb.create_load_balancer, **differs) == "DuplicateLoadBalancerName"
    elb.modify_load_balancer_attributes(
        LoadBalancerArn=lb.arn, Attributes=pairs({"deletion_protection.enabled": "true"})
    )
    assert code(elb.delete_load_balancer, LoadBalancerArn=lb.arn) == "OperationNotPermitted"
    elb.modify_load_balancer_attributes(
        LoadBalancerArn=lb.arn, Attributes=pairs({"deletion_protection.enabled": "false"})
    )
    lb.delete("amazon-elb")


def test_aws_lb_network_with_an_elastic_address(elb, ec2, network):
    address = ec2.allocate_address(Domain="vpc", TagSpecifications=[
        {"ResourceType": "elastic-ip", "Tags": pairs({"Name": "tf"})}
    ])
    mapping = {"SubnetId": network["subnets"][0], "AllocationId": address["AllocationId"]}
    settings = dict(Name="tf-net", Type="network", SubnetMappings=[mapping])
    lb = LoadBalancer(elb, ec2, **settings).create(NETWORK_ATTRIBUTES)
    shown, attributes, _, _ = lb.read_all()
    zone = shown["AvailabilityZones"][0]
    assert zone["LoadBalancerAddresses"] == [
        {"IpAddress": address["PublicIp"], "AllocationId": address["AllocationId"]}
    ]
    assert {k: attributes.get(k) for k in NETWORK_ATTRIBUTES} == NETWORK_ATTRIBUTES
    assert lb.read_all()[0] == shown
    described = ec2.describe_addresses(AllocationIds=[address["AllocationId"]])["Addresses"][0]
    assert described["AssociationId"] and described["NetworkInterfaceId"]
    elb.modify_load_balancer_attributes(
        LoadBalancerArn=lb.arn, Attributes=pairs({"load_balancing.cross_zone.enabled": "true"})
    )
    elb.set_subnets(
        LoadBalancerArn=lb.arn,
        SubnetMappings=[mapping, {"SubnetId": network["subnets"][1]}],
    )
    assert len(lb.read()["AvailabilityZones"]) == 2
    lb.delete("amazon-aws")
    ec2.release_address(AllocationId=address["AllocationId"])
    assert code(ec2.describe_addresses, AllocationIds=[address["AllocationId"]]) == (
        "InvalidAllocationID.NotFound"
    )


def test_aws_lb_gateway(elb, ec2, network):
    settings = dict(Name="tf-gwy", Type="gateway", Subnets=network["subnets"][:1])
    lb = LoadBalancer(elb, ec2, **settings).create(GATEWAY_ATTRIBUTES)
    shown, attributes, _, _ = lb.read_all()
    assert "/gwy/tf-gwy/" in lb.arn
    assert {k: attributes.get(k) for k in GATEWAY_ATTRIBUTES} == GATEWAY_ATTRIBUTES
    group = elb.create_target_group(
        Name="tf-geneve", Protocol="GENEVE", Port=6081, VpcId=network["vpc"]
    )["TargetGroups"][0]
    listener = elb.create_listener(
        LoadBalancerArn=lb.arn,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": group["TargetGroupArn"]}],
    )["Listeners"][0]
    assert "Port" not in listener and "Protocol" not in listener
    elb.delete_listener(ListenerArn=listener["ListenerArn"])
    elb.delete_target_group(TargetGroupArn=group["TargetGroupArn"])
    lb.delete("amazon-aws")


TARGET_GROUP_ATTRIBUTES = {
    "deregistration_delay.timeout_seconds": "300",
    "load_balancing.algorithm.type": "round_robin",
    "load_balancing.algorithm.anomaly_mitigation": "off",
    "load_balancing.cross_zone.enabled": "use_load_balancer_configuration",
    "slow_start.duration_seconds": "0",
    "stickiness.enabled": "false",
    "stickiness.type": "lb_cookie",
    "stickiness.lb_cookie.duration_seconds": "86400",
    "target_group_health.dns_failover.minimum_healthy_targets.count": "1",
    "target_group_health.dns_failover.minimum_healthy_targets.percentage": "off",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": "1",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": "off",
}


def target_group(elb, network, name, **more):
    """aws_lb_target_group."""
    assert code(elb.describe_target_groups, Names=[name]) == "TargetGroupNotFound"
    settings = dict(Name=name, Protocol="HTTP", Port=80, VpcId=network["vpc"], TargetType="instance")
    settings |= more
    arn = elb.create_target_group(**settings)["TargetGroups"][0]["TargetGroupArn"]
    found = elb.describe_target_groups(TargetGroupArns=[arn])["TargetGroups"]
    assert len(found) == 1
    return arn


def test_aws_lb_target_group(elb, network):
    health = dict(
        HealthCheckEnabled=True, HealthCheckPath="/health", HealthCheckPort="traffic-port",
        HealthCheckProtocol="HTTP", HealthCheckIntervalSeconds=15, HealthCheckTimeoutSeconds=5,
        HealthyThresholdCount=3, UnhealthyThresholdCount=3, Matcher={"HttpCode": "200-299"},
    )
    arn = target_group(elb, network, "tf-tg", ProtocolVersion="HTTP1", **health)
    elb.modify_target_group_attributes(
        TargetGroupArn=arn, Attributes=pairs({"deregistration_delay.timeout_seconds": "30"})
    )

    def read():
        group = elb.describe_target_groups(TargetGroupArns=[arn])["TargetGroups"][0]
        attributes = elb.describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]
        return group, unpaired(attributes), elb.describe_tags(ResourceArns=[arn])["TagDescriptions"]

    group, attributes, tags = read()
    assert {k: group[k] for k in health} == health
    assert (group["Protocol"], group["Port"], group["VpcId"]) == ("HTTP", 80, network["vpc"])
    assert (group["TargetType"], group["ProtocolVersion"]) == ("instance", "HTTP1")
    assert group["IpAddressType"] == "ipv4" and group.get("LoadBalancerArns", []) == []
    expected = TARGET_GROUP_ATTRIBUTES | {"deregistration_delay.timeout_seconds": "30"}
    assert {k: attributes.get(k) for k in expected} == expected
    # The provider indexes the first description of untagged things.
    assert tags == [{"ResourceArn": arn, "Tags": []}]
    assert read() == (group, attributes, tags)
    elb.modify_target_group(TargetGroupArn=arn, HealthCheckPath="/other", UnhealthyThresholdCount=4)
    elb.modify_target_group_attributes(
        TargetGroupArn=arn,
        Attributes=pairs({"stickiness.enabled": "true", "stickiness.lb_cookie.duration_seconds": "60"}),
    )
    group, attributes, _ = read()
    assert (group["HealthCheckPath"], group["UnhealthyThresholdCount"]) == ("/other", 4)
    assert attributes["stickiness.enabled"] == "true"
    elb.delete_target_group(TargetGroupArn=arn)
    assert code(elb.describe_target_groups, TargetGroupArns=[arn]) == "TargetGroupNotFound"


@pytest.mark.parametrize(
    "protocol,more",
    [("HTTPS", {}), ("TCP", {}), ("TLS", {}), ("UDP", {}), ("TCP_UDP", {}), ("HTTP", {"ProtocolVersion": "GRPC"}),
     ("HTTP", {"ProtocolVersion": "HTTP2"}), ("HTTP", {"TargetType": "ip", "IpAddressType": "ipv6"}),
     ("TCP", {"TargetType": "alb"})],
)
def test_aws_lb_target_group_of_every_protocol(elb, network, protocol, more):
    name = f"tf-{protocol}-{'-'.join(more.values())}".replace("_", "-").lower().rstrip("-")
    arn = target_group(elb, network, name, Protocol=protocol, **more)
    group = elb.describe_target_groups(TargetGroupArns=[arn])["TargetGroups"][0]
    assert group["Protocol"] == protocol
    assert {k: group[k] for k in more} == more
    assert elb.describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]
    elb.delete_target_group(TargetGroupArn=arn)


def test_aws_lb_target_group_lambda(elb):
    arn = elb.create_target_group(Name="tf-lambda", TargetType="lambda")["TargetGroups"][0]["TargetGroupArn"]
    group = elb.describe_target_groups(TargetGroupArns=[arn])["TargetGroups"][0]
    assert not {"Protocol", "Port", "VpcId", "ProtocolVersion"} & set(group)
    attributes = unpaired(elb.describe_target_group_attributes(TargetGroupArn=arn)["Attributes"])
    assert attributes["lambda.multi_value_headers.enabled"] == "false"
    elb.delete_target_group(TargetGroupArn=arn)


@pytest.fixture(scope="module")
def stack(elb, ec2, network):
    """A load balancer and two groups for the resources below."""
    lb = LoadBalancer(elb, ec2, Name="tf-stack", Subnets=network["subnets"][:2]).create(APPLICATION_ATTRIBUTES)
    groups = [target_group(elb, network, f"tf-stack-{n}") for n in (1, 2)]
    yield lb.arn, groups
    lb.delete("amazon-elb")
    for group in groups:
        elb.delete_target_group(TargetGroupArn=group)


def test_aws_lb_target_group_attachment(elb, ec2, network, stack):
    _, (group, _) = stack
    machine = ec2.run_instances(
        ImageId="ami-12c6146b", MinCount=1, MaxCount=1, SubnetId=network["subnets"][0],
        # aws_instance sends this member empty when it is not configured.
        Placement={"AvailabilityZone": ""},
    )["Instances"][0]["InstanceId"]
    target = {"Id": machine, "Port": 8080}
    elb.register_targets(TargetGroupArn=group, Targets=[target])
    health = elb.describe_target_health(TargetGroupArn=group, Targets=[target])
    (found,) = health["TargetHealthDescriptions"]
    assert found["Target"]["Id"] == machine
    assert found["TargetHealth"].get("Reason") not in (
        "Target.DeregistrationInProgress", "Target.NotRegistered",
    )
    elb.deregister_targets(TargetGroupArn=group, Targets=[target])
    (found,) = elb.describe_target_health(TargetGroupArn=group, Targets=[target])["TargetHealthDescriptions"]
    assert found["TargetHealth"]["Reason"] in (
        "Target.DeregistrationInProgress", "Target.NotRegistered",
    )
    ec2.stop_instances(InstanceIds=[machine])
    assert code(elb.register_targets, TargetGroupArn=group, Targets=[{"Id": machine}]) == "InvalidTarget"
    gone = group[:-1] + ("0" if group[-1] != "0" else "1")
    assert code(elb.describe_target_health, TargetGroupArn=gone) == "TargetGroupNotFound"


def test_aws_lb_listener_and_rules(elb, stack):
    lb, (first, second) = stack
    action = {"Type": "forward", "TargetGroupArn": first, "Order": 1}
    settings = dict(LoadBalancerArn=lb, Port=80, Protocol="HTTP", DefaultActions=[action], Tags=pairs({"a": "b"}))
    arn = elb.create_listener(**settings)["Listeners"][0]["ListenerArn"]

    def read():
        (listener,) = elb.describe_listeners(ListenerArns=[arn])["Listeners"]
        attributes = unpaired(elb.describe_listener_attributes(ListenerArn=arn)["Attributes"])
        return listener, attributes, unpaired(elb.describe_tags(ResourceArns=[arn])["TagDescriptions"][0]["Tags"])

    listener, attributes, tags = read()
    (shown,) = listener["DefaultActions"]
    # Both forms, whichever was sent.
    assert shown["TargetGroupArn"] == first and shown["Order"] == 1
    assert shown["ForwardConfig"]["TargetGroups"] == [{"TargetGroupArn": first, "Weight": 1}]
    assert shown["ForwardConfig"]["TargetGroupStickinessConfig"]["Enabled"] is False
    assert "Certificates" not in listener and "SslPolicy" not in listener
    assert attributes["routing.http.response.server.enabled"] == "true" and tags == {"a": "b"}
    assert read() == (listener, attributes, tags)
    elb.modify_listener_attributes(
        ListenerArn=arn, Attributes=pairs({"routing.http.response.server.enabled": "false"})
    )
    assert read()[1]["routing.http.response.server.enabled"] == "false"
    assert code(elb.create_listener, **dict(settings, Tags=pairs({"c": "d"}))) == "DuplicateListener"

    # aws_lb_listener_rule without a priority: one above the highest
    def highest():
        rules = elb.describe_rules(ListenerArn=arn)["Rules"]
        return max((int(r["Priority"]) for r in rules if r["Priority"] != "default"), default=0)

    rules = []
    for host in ("a.example.com", "b.example.com"):
        made = elb.create_rule(
            ListenerArn=arn, Priority=highest() + 1,
            Conditions=[{"Field": "host-header", "HostHeaderConfig": {"Values": [host]}}],
            Actions=[{"Type": "forward", "Order": 1, "ForwardConfig": {"TargetGroups": [
                {"TargetGroupArn": first, "Weight": 1}, {"TargetGroupArn": second, "Weight": 3},
            ], "TargetGroupStickinessConfig": {"Enabled": False, "DurationSeconds": 1}}}],
        )["Rules"][0]
        rules.append(made["RuleArn"])
    conflict = dict(
        ListenerArn=arn, Priority=1, Conditions=[{"Field": "path-pattern", "PathPatternConfig": {"Values": ["/x"]}}],
        Actions=[{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}],
    )
    assert code(elb.create_rule, **conflict) == "PriorityInUse"
    (rule,) = elb.describe_rules(RuleArns=[rules[0]])["Rules"]
    # The provider dereferences this without looking.
    assert rule["Conditions"][0]["HostHeaderConfig"]["Values"] == ["a.example.com"]
    assert rule["Conditions"][0]["Values"] == ["a.example.com"]
    assert "TargetGroupArn" not in rule["Actions"][0]
    assert [g["Weight"] for g in rule["Actions"][0]["ForwardConfig"]["TargetGroups"]] == [1, 3]
    assert elb.describe_rules(RuleArns=[rules[0]])["Rules"] == [rule]
    assert elb.describe_tags(ResourceArns=[rules[0]])["TagDescriptions"][0]["Tags"] == []

    elb.set_rule_priorities(RulePriorities=[{"RuleArn": rules[0], "Priority": 100}])
    elb.modify_rule(
        RuleArn=rules[0],
        Conditions=[{"Field": "path-pattern", "PathPatternConfig": {"Values": ["/api/*"]}}],
        Actions=[{"Type": "redirect", "RedirectConfig": {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}}],
    )
    (rule,) = elb.describe_rules(RuleArns=[rules[0]])["Rules"]
    assert rule["Priority"] == "100" and rule["Actions"][0]["RedirectConfig"]["Host"] == "#{host}"
    assert code(elb.delete_target_group, TargetGroupArn=second) == "ResourceInUse"
    with pytest.raises(botocore.exceptions.ClientError, match="is currently in use by a listener or a rule"):
        elb.delete_target_group(TargetGroupArn=first)
    for rule in rules:
        elb.delete_rule(RuleArn=rule)
        assert code(elb.describe_rules, RuleArns=[rule]) == "RuleNotFound"
        assert code(elb.delete_rule, RuleArn=rule) == "RuleNotFound"
    elb.delete_listener(ListenerArn=arn)
    assert code(elb.describe_listeners, ListenerArns=[arn]) == "ListenerNotFound"


def test_aws_lb_listener_certificate(weir, elb, stack):
    lb, (group, _) = stack
    acm = weir.client("acm")
    arns = []
    for name in ("tf-a.example.com", "tf-b.example.com"):
        cert, key = conftest.certificate(name)
        arns.append(acm.import_certificate(Certificate=cert, PrivateKey=key)["CertificateArn"])
    settings = dict(
        LoadBalancerArn=lb, Port=443, Protocol="HTTPS", SslPolicy="ELBSecurityPolicy-TLS13-1-2-2021-06",
        DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
    )
    assert code(elb.create_listener, **settings) == "ValidationError"
    missing = arns[0][:-1] + ("0" if arns[0][-1] != "0" else "1")
    absent = dict(settings, Certificates=[{"CertificateArn": missing}])
    assert code(elb.create_listener, **absent) == "CertificateNotFound"
    listener = elb.create_listener(**settings, Certificates=[{"CertificateArn": arns[0]}])["Listeners"][0]
    assert listener["Certificates"] == [{"CertificateArn": arns[0]}]
    assert listener["SslPolicy"] == "ELBSecurityPolicy-TLS13-1-2-2021-06"
    arn = listener["ListenerArn"]
    assert code(elb.add_listener_certificates, ListenerArn=arn, Certificates=[{"CertificateArn": missing}]) == (
        "CertificateNotFound"
    )
    elb.add_listener_certificates(ListenerArn=arn, Certificates=[{"CertificateArn": arns[1]}])
    shown = elb.describe_listener_certificates(ListenerArn=arn, PageSize=400)["Certificates"]
    assert {(c["CertificateArn"], c["IsDefault"]) for c in shown} == {(arns[0], True), (arns[1], False)}
    in_use = code(acm.delete_certificate, CertificateArn=arns[1])
    assert in_use == "ResourceInUseException"
    elb.remove_listener_certificates(ListenerArn=arn, Certificates=[{"CertificateArn": arns[1]}])
    with pytest.raises(botocore.exceptions.ClientError, match="Default certificate cannot be removed"):
        elb.remove_listener_certificates(ListenerArn=arn, Certificates=[{"CertificateArn": arns[0]}])
    elb.delete_listener(ListenerArn=arn)
    for certificate in arns:
        acm.delete_certificate(CertificateArn=certificate)
        gone = code(acm.describe_certificate, CertificateArn=certificate)
        assert gone == "ResourceNotFoundException"


def test_the_provider_starts(weir):
    who = weir.client("sts").get_caller_identity()
    assert who["Account"] == "123456789012"
    supported = weir.client("ec2").describe_account_attributes(AttributeNames=["supported-platforms"])
    assert supported["AccountAttributes"][0]["AttributeValues"]


def test_a_whole_stack_takes_no_time(elb, ec2, network):
    """What Terraform waits for is there at the first look: its own pauses are all that is left."""
    begin = time.monotonic()
    lb = LoadBalancer(elb, ec2, Name="tf-quick", Subnets=network["subnets"][:2]).create(APPLICATION_ATTRIBUTES)
    lb.read_all()
    lb.delete("amazon-elb")
    # A bound against waiting, not a measurement.
    assert time.monotonic() - begin < 10
