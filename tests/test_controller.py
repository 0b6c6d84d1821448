"""The call sequences of the AWS Load Balancer Controller (docs/spec/control-plane.md §3.4).

One reconciliation of an Ingress and one of a Service, call by call: find the network, make the
security groups, look for what exists by tags, create what is missing, bind pods as targets, look
again and find nothing to do, change, and take all of it down. Each error code that the controller
branches on is reached where it meets it.
"""

import botocore.exceptions
import pytest

import conftest

CLUSTER = "kubernetes.io/cluster/demo"
STACK = {"elbv2.k8s.aws/cluster": "demo", "ingress.k8s.aws/stack": "shop/web"}


@pytest.fixture(scope="module")
def weir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("controller")
    config = folder / "weir.toml"
    config.write_text("[quotas]\nrules_per_load_balancer = 12\nrules_per_security_group = 5\n")
    env = {"WEIR_ALLOW_UNSERVED_TYPES": "true"}
    weir = conftest.Weir(folder / "data", extra_env=env, config=config).start()
    yield weir
    weir.stop()


@pytest.fixture(scope="module")
def elb(weir):
    return weir.client("elbv2")


@pytest.fixture(scope="module")
def ec2(weir):
    return weir.client("ec2")


def tags(values):
    return [{"Key": key, "Value": value} for key, value in values.items()]


def code(call, **members):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(**members)
    return caught.value.response["Error"]["Code"]


@pytest.fixture(scope="module")
def network(ec2):
    """A cluster's network, as its administrator made it."""
    vpc = ec2.create_vpc(CidrBlock="10.30.0.0/16")["Vpc"]["VpcId"]
    ec2.create_tags(Resources=[vpc], Tags=tags({CLUSTER: "owned", "Name": "demo"}))
    subnets = []
    for n, z in ((1, "a"), (2, "b")):
        made = ec2.create_subnet(
            VpcId=vpc, CidrBlock=f"10.30.{n}.0/24", AvailabilityZone=f"us-east-1{z}",
            TagSpecifications=[{"ResourceType": "subnet", "Tags": tags(
                {CLUSTER: "shared", "kubernetes.io/role/elb": "1"})}],
        )
        subnets.append(made["Subnet"]["SubnetId"])
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    for subnet in subnets:
        ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
    return vpc, subnets


def test_it_finds_its_network(ec2, network):
    vpc, subnets = network
    (found,) = ec2.describe_vpcs(Filters=[{"Name": f"tag:{CLUSTER}", "Values": ["owned"]}])["Vpcs"]
    assert found["VpcId"] == vpc
    assert [a["CidrBlock"] for a in found["CidrBlockAssociationSet"]] == ["10.30.0.0/16"]
    found = ec2.describe_subnets(Filters=[
        {"Name": "vpc-id", "Values": [vpc]},
        {"Name": "tag:kubernetes.io/role/elb", "Values": ["", "1"]},
    ])["Subnets"]
    assert {s["SubnetId"] for s in found} == set(subnets)
    for subnet in found:
        assert subnet["AvailableIpAddressCount"] >= 8 and subnet["AvailabilityZoneId"]
    # Public or not is read off the routes.
    tables = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["RouteTables"]
    public = {
        a["SubnetId"] for t in tables for a in t["Associations"] if "SubnetId" in a
        if any(r.get("GatewayId", "").startswith("igw-") for r in t["Routes"])
    }
    assert public == set(subnets)
    zones = ec2.describe_availability_zones(ZoneNames=["us-east-1a", "us-east-1b"])["AvailabilityZones"]
    assert all(z["ZoneType"] == "availability-zone" and z["State"] == "available" for z in zones)
    assert code(ec2.describe_vpcs, VpcIds=["vpc-0123456789abcdef0"]) == "InvalidVpcID.NotFound"


@pytest.fixture(scope="module")
def security_group(ec2, network):
    """The frontend group: looked for by tags, made, filled, and reconciled."""
    vpc, _ = network
    wanted = STACK | {"ingress.k8s.aws/resource": "ManagedLBSecurityGroup"}
    filters = [{"Name": "vpc-id", "Values": [vpc]}]
    filters += [{"Name": f"tag:{k}", "Values": [v]} for k, v in wanted.items()]
    assert ec2.describe_security_groups(Filters=filters)["SecurityGroups"] == []
    group = ec2.create_security_group(
        GroupName="k8s-shop-web-1", Description="[k8s] Managed SecurityGroup for LoadBalancer",
        VpcId=vpc, TagSpecifications=[{"ResourceType": "security-group", "Tags": tags(wanted)}],
    )["GroupId"]
    assert ec2.describe_security_groups(Filters=filters)["SecurityGroups"][0]["GroupId"] == group
    permission = {
        "IpProtocol": "tcp", "FromPort": 80, "ToPort": 80,
        "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": ""}],
    }
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])
    twice = code(ec2.authorize_security_group_ingress, GroupId=group, IpPermissions=[permission])
    assert twice == "InvalidPermission.Duplicate"
    absent = [dict(permission, FromPort=81, ToPort=81)]
    assert code(ec2.revoke_security_group_ingress, GroupId=group, IpPermissions=absent) == (
        "InvalidPermission.NotFound"
    )
    many = [dict(permission, FromPort=p, ToPort=p) for p in range(100, 110)]
    assert code(ec2.authorize_security_group_ingress, GroupId=group, IpPermissions=many) == (
        "RulesPerSecurityGroupLimitExceeded"
    )
    assert code(ec2.describe_security_groups, GroupIds=["sg-0123456789abcdef0"]) == "InvalidGroup.NotFound"
    return group


def by_tags(elb, wanted):
    """What exists with these tags, as the controller finds it without the tagging API."""
    arns = []
    for page in elb.get_paginator("describe_load_balancers").paginate(PaginationConfig={"PageSize": 2}):
        arns += [lb["LoadBalancerArn"] for lb in page["LoadBalancers"]]
    found = []
    for i in range(0, len(arns), 20):
        for description in elb.describe_tags(ResourceArns=arns[i : i + 20])["TagDescriptions"]:
            have = {t["Key"]: t["Value"] for t in description["Tags"]}
            if wanted.items() <= have.items():
                found.append(description["ResourceArn"])
    return found


def test_an_ingress_comes_changes_and_goes(weir, elb, ec2, network, security_group):
    vpc, subnets = network
    tagging = weir.client("resourcegroupstaggingapi")
    assert by_tags(elb, STACK) == []
    filters = [{"Key": k, "Values": [v]} for k, v in STACK.items()]
    asked = dict(TagFilters=filters, ResourceTypeFilters=["elasticloadbalancing:loadbalancer"])
    assert tagging.get_resources(**asked)["ResourceTagMappingList"] == []

    made = elb.create_load_balancer(
        Name="k8s-shop-web-4f1e", Type="application", Scheme="internet-facing", IpAddressType="ipv4",
        SubnetMappings=[{"SubnetId": s} for s in subnets], SecurityGroups=[security_group],
        Tags=tags(STACK | {"ingress.k8s.aws/resource": "LoadBalancer"}),
    )["LoadBalancers"][0]
    lb = made["LoadBalancerArn"]
    elb.get_waiter("load_balancer_available").wait(
        LoadBalancerArns=[lb], WaiterConfig={"Delay": 1, "MaxAttempts": 1}
    )
    assert by_tags(elb, STACK) == [lb]
    (mapping,) = tagging.get_resources(**asked)["ResourceTagMappingList"]
    assert mapping["ResourceARN"] == lb

    # The attributes: read, compared, changed only where they differ.
    elb.modify_load_balancer_attributes(
        LoadBalancerArn=lb, Attributes=tags({"idle_timeout.timeout_seconds": "120"})
    )
    assert elb.describe_capacity_reservation(LoadBalancerArn=lb)

    groups = []
    for n in (1, 2):
        group = elb.create_target_group(
            Name=f"k8s-shop-web-{n}", Protocol="HTTP", ProtocolVersion="HTTP1", Port=8080, VpcId=vpc,
            TargetType="ip", IpAddressType="ipv4", HealthCheckEnabled=True, HealthCheckPort="traffic-port",
            HealthCheckProtocol="HTTP", HealthCheckPath="/", HealthCheckIntervalSeconds=15,
            HealthCheckTimeoutSeconds=5, HealthyThresholdCount=2, UnhealthyThresholdCount=2,
            Matcher={"HttpCode": "200"}, Tags=tags(STACK | {"ingress.k8s.aws/resource": f"web:{n}"}),
        )["TargetGroups"][0]["TargetGroupArn"]
        groups.append(group)
    listener = elb.create_listener(
        LoadBalancerArn=lb, Port=80, Protocol="HTTP",
        DefaultActions=[{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404", "ContentType": "text/plain"}}],
        Tags=tags(STACK | {"ingress.k8s.aws/resource": "80"}),
    )["Listeners"][0]["ListenerArn"]
    rule = elb.create_rule(
        ListenerArn=listener, Priority=1,
        Conditions=[
            {"Field": "host-header", "HostHeaderConfig": {"Values": ["shop.example.com"]}},
            {"Field": "path-pattern", "PathPatternConfig": {"Values": ["/*"]}},
        ],
        Actions=[{"Type": "forward", "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": groups[0]}]}}],
        Tags=tags(STACK | {"ingress.k8s.aws/resource": "80:1"}),
    )["Rules"][0]["RuleArn"]

    pods = bind_pods(elb, groups[0], vpc)
    reconcile_again(elb, lb, listener, rule, groups)
    change_rules(elb, listener, rule, groups)
    take_down(elb, ec2, lb, listener, groups, pods, security_group)


def bind_pods(elb, group, vpc):
    """A TargetGroupBinding: 250 pods in chunks of 200."""
    pods = [{"Id": f"10.30.{100 + n // 200}.{n % 200 + 10}", "Port": 8080} for n in range(250)]
    for i in range(0, len(pods), 200):
        elb.register_targets(TargetGroupArn=group, Targets=pods[i : i + 200])
    health = elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    assert {h["Target"]["Id"] for h in health} == {p["Id"] for p in pods}
    # A pod outside of the network needs a zone: the controller reads this text and adds it.
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        elb.register_targets(TargetGroupArn=group, Targets=[{"Id": "10.99.0.5", "Port": 8080}])
    error = caught.value.response["Error"]
    assert error["Code"] == "ValidationError" and "Availability Zone" in error["Message"]
    outside = {"Id": "10.99.0.5", "Port": 8080, "AvailabilityZone": "all"}
    elb.register_targets(TargetGroupArn=group, Targets=[outside])
    elb.deregister_targets(TargetGroupArn=group, Targets=[outside])
    assert code(elb.describe_target_health, TargetGroupArn="no-arn") == "ValidationError"
    gone = group[:-1] + ("0" if group[-1] != "0" else "1")
    assert code(elb.register_targets, TargetGroupArn=gone, Targets=pods[:1]) == "TargetGroupNotFound"
    return pods


def reconcile_again(elb, lb, listener, rule, groups):
    """The second look finds what was wanted, so nothing is called for."""
    (shown,) = elb.describe_load_balancers(LoadBalancerArns=[lb])["LoadBalancers"]
    assert shown["State"]["Code"] == "active"
    (found,) = elb.describe_listeners(LoadBalancerArn=lb)["Listeners"]
    assert found["ListenerArn"] == listener
    default = found["DefaultActions"][0]
    assert default["FixedResponseConfig"]["StatusCode"] == "404"
    rules = []
    for page in elb.get_paginator("describe_rules").paginate(ListenerArn=listener, PaginationConfig={"PageSize": 1}):
        rules += page["Rules"]
    assert [r["Priority"] for r in rules] == ["1", "default"]
    (forward,) = rules[0]["Actions"]
    assert forward["ForwardConfig"]["TargetGroups"] == [{"TargetGroupArn": groups[0], "Weight": 1}]
    (found,) = elb.describe_target_groups(TargetGroupArns=[groups[0]])["TargetGroups"]
    assert found["LoadBalancerArns"] == [lb]
    described = elb.describe_tags(ResourceArns=[listener, rule, *groups])["TagDescriptions"]
    assert [d["ResourceArn"] for d in described] == [listener, rule, *groups]


def change_rules(elb, listener, rule, groups):
    """More paths, another order, too many of them, and a listener that is not there."""
    made = []
    for n in range(2, 13):
        made += elb.create_rule(
            ListenerArn=listener, Priority=n,
            Conditions=[{"Field": "path-pattern", "PathPatternConfig": {"Values": [f"/{n}"]}}],
            Actions=[{"Type": "forward", "TargetGroupArn": groups[1]}],
        )["Rules"]
    one_more = dict(
        ListenerArn=listener, Priority=13,
        Conditions=[{"Field": "path-pattern", "PathPatternConfig": {"Values": ["/13"]}}],
        Actions=[{"Type": "forward", "TargetGroupArn": groups[1]}],
    )
    assert code(elb.create_rule, **one_more) == "TooManyRules"
    gone = listener[:-1] + ("0" if listener[-1] != "0" else "1")
    assert code(elb.create_rule, **dict(one_more, ListenerArn=gone)) == "ListenerNotFound"
    arns = [rule, *(r["RuleArn"] for r in made)]
    # The whole list turned round in one call.
    order = [{"RuleArn": a, "Priority": len(arns) - i} for i, a in enumerate(arns)]
    elb.set_rule_priorities(RulePriorities=order)
    rules = elb.describe_rules(ListenerArn=listener)["Rules"]
    assert [r["RuleArn"] for r in rules[:-1]] == arns[::-1]
    elb.modify_rule(RuleArn=rule, Actions=[{"Type": "forward", "TargetGroupArn": groups[1]}])
    for arn in arns:
        elb.delete_rule(RuleArn=arn)


def take_down(elb, ec2, lb, listener, groups, pods, security_group):
    """In the controller's order; it tries groups too early and comes back."""
    elb.modify_listener(
        ListenerArn=listener, DefaultActions=[{"Type": "forward", "TargetGroupArn": groups[0]}]
    )
    assert code(elb.delete_target_group, TargetGroupArn=groups[0]) == "ResourceInUse"
    elb.deregister_targets(TargetGroupArn=groups[0], Targets=pods[:200])
    assert code(ec2.delete_security_group, GroupId=security_group) == "DependencyViolation"
    elb.delete_load_balancer(LoadBalancerArn=lb)
    assert code(elb.describe_load_balancers, LoadBalancerArns=[lb]) == "LoadBalancerNotFound"
    assert code(elb.describe_listeners, LoadBalancerArn=lb) == "LoadBalancerNotFound"
    for group in groups:
        elb.delete_target_group(TargetGroupArn=group)
    ec2.delete_security_group(GroupId=security_group)
    assert by_tags(elb, STACK) == []


def test_a_service_gets_a_network_load_balancer(elb, ec2, network):
    vpc, subnets = network
    group = ec2.create_security_group(GroupName="k8s-svc", Description="svc", VpcId=vpc)["GroupId"]
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    lb = elb.create_load_balancer(
        Name="k8s-shop-tcp", Type="network", Scheme="internet-facing", IpAddressType="ipv4",
        SubnetMappings=[{"SubnetId": subnets[0], "AllocationId": address}], SecurityGroups=[group],
        Tags=tags({"service.k8s.aws/stack": "shop/tcp"}),
    )["LoadBalancers"][0]["LoadBalancerArn"]
    targets = elb.create_target_group(
        Name="k8s-shop-tcp", Protocol="TCP", Port=30080, VpcId=vpc, TargetType="instance",
        HealthCheckProtocol="TCP", HealthCheckPort="traffic-port", HealthCheckIntervalSeconds=10,
        HealthCheckTimeoutSeconds=10, HealthyThresholdCount=3, UnhealthyThresholdCount=3,
    )["TargetGroups"][0]["TargetGroupArn"]
    elb.modify_target_group_attributes(
        TargetGroupArn=targets,
        Attributes=tags({"proxy_protocol_v2.enabled": "false", "preserve_client_ip.enabled": "true"}),
    )
    listener = elb.create_listener(
        LoadBalancerArn=lb, Port=80, Protocol="TCP",
        DefaultActions=[{"Type": "forward", "TargetGroupArn": targets}],
    )["Listeners"][0]
    assert (listener["Port"], listener["Protocol"]) == (80, "TCP")
    shown = elb.describe_listener_attributes(ListenerArn=listener["ListenerArn"])["Attributes"]
    assert {"Key": "tcp.idle_timeout.seconds", "Value": "350"} in shown
    elb.modify_listener_attributes(
        ListenerArn=listener["ListenerArn"], Attributes=tags({"tcp.idle_timeout.seconds": "400"})
    )
    wrong = elb.create_target_group(Name="k8s-http", Protocol="HTTP", Port=80, VpcId=vpc)
    wrong = wrong["TargetGroups"][0]["TargetGroupArn"]
    mixed = dict(LoadBalancerArn=lb, Port=81, Protocol="TCP", DefaultActions=[{"Type": "forward", "TargetGroupArn": wrong}])
    assert code(elb.create_listener, **mixed) == "IncompatibleProtocols"
    elb.delete_load_balancer(LoadBalancerArn=lb)
    for arn in (targets, wrong):
        elb.delete_target_group(TargetGroupArn=arn)
    ec2.release_address(AllocationId=address)
    ec2.delete_security_group(GroupId=group)


def test_it_asks_what_is_not_here(weir):
    """Shield answers that there is no subscription; WAF is not here and says so in its manner."""
    assert weir.client("shield").get_subscription_state()["SubscriptionState"] == "INACTIVE"
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        weir.client("wafv2").get_web_acl_for_resource(
            ResourceArn="arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/a/0123456789abcdef"
        )
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
