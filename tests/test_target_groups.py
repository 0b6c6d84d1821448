"""Target groups, targets and target health with boto3 against the real binary."""

import pytest

from conftest import Target, Weir, refused, wait_for


@pytest.fixture(scope="module", params=["served", "recorded"])
def weir(request, tmp_path_factory):
    env = {"WEIR_ALLOW_UNSERVED_TYPES": "true"} if request.param == "recorded" else {}
    running = Weir(tmp_path_factory.mktemp("groups") / "data", env).start()
    running.recorded = request.param == "recorded"
    yield running
    running.stop()


def only(response):
    [group] = response["TargetGroups"]
    return group


def test_an_http_group_has_every_default(elb, vpc):
    made = only(elb.create_target_group(Name="http", Protocol="HTTP", Port=80, VpcId=vpc))
    arn = made.pop("TargetGroupArn")
    assert made == {
        "TargetGroupName": "http", "Protocol": "HTTP", "Port": 80, "VpcId": vpc,
        "HealthCheckProtocol": "HTTP", "HealthCheckPort": "traffic-port",
        "HealthCheckEnabled": True, "HealthCheckIntervalSeconds": 30,
        "HealthCheckTimeoutSeconds": 5, "HealthyThresholdCount": 5,
        "UnhealthyThresholdCount": 2, "HealthCheckPath": "/", "Matcher": {"HttpCode": "200"},
        "TargetType": "instance", "ProtocolVersion": "HTTP1", "IpAddressType": "ipv4",
    }
    assert only(elb.describe_target_groups(TargetGroupArns=[arn]))["LoadBalancerArns"] == []
    again = only(elb.create_target_group(Name="http", Protocol="HTTP", Port=80, VpcId=vpc))
    assert again["TargetGroupArn"] == arn
    text = refused("DuplicateTargetGroupName", elb.create_target_group, Name="http",
                   Protocol="HTTP", Port=81, VpcId=vpc)
    assert text == "A target group with the same name 'http' exists, but with different settings"


OTHERS = [
    ("tcp", dict(Protocol="TCP", Port=80), dict(
        HealthCheckProtocol="TCP", HealthCheckTimeoutSeconds=10, HealthCheckIntervalSeconds=30),
     ["Matcher", "HealthCheckPath", "ProtocolVersion"]),
    ("quic", dict(Protocol="QUIC", Port=443), dict(HealthCheckProtocol="TCP"), ["Matcher"]),
    ("geneve", dict(Protocol="GENEVE", Port=6081), dict(
        HealthCheckPort="80", HealthCheckIntervalSeconds=10, HealthCheckTimeoutSeconds=5),
     ["IpAddressType", "ProtocolVersion", "Matcher"]),
    ("https", dict(Protocol="HTTPS", Port=443), dict(
        HealthCheckProtocol="HTTP", ProtocolVersion="HTTP1"), []),
    ("grpc", dict(Protocol="HTTP", Port=80, ProtocolVersion="GRPC"), dict(
        Matcher={"GrpcCode": "12"}, HealthCheckPath="/AWS.ALB/healthcheck"), []),
    ("alb", dict(Protocol="TCP", Port=80, TargetType="alb"), dict(
        HealthCheckProtocol="HTTP", HealthCheckPath="/", Matcher={"HttpCode": "200-399"}), []),
    ("lambda", dict(TargetType="lambda"), dict(
        HealthCheckEnabled=False, HealthCheckIntervalSeconds=35, HealthCheckTimeoutSeconds=30,
        Matcher={"HttpCode": "200"}),
     ["Protocol", "Port", "VpcId", "HealthCheckProtocol", "HealthCheckPort", "ProtocolVersion"]),
    ("optimizer", dict(Protocol="HTTP", Port=80, TargetControlPort=3000), dict(
        TargetControlPort=3000), []),
]


@pytest.mark.parametrize("name,given,told,absent", OTHERS, ids=[row[0] for row in OTHERS])
def test_other_groups_are_recorded_or_refused_by_name(weir, elb, vpc, name, given, told, absent):
    given = dict(given, Name=f"other-{name}")
    if name != "lambda":
        given["VpcId"] = vpc
    if not weir.recorded:
        text = refused("OperationNotPermitted", elb.create_target_group, **given)
        assert "not available in this version of Weir" in text
        return
    made = only(elb.create_target_group(**given))
    assert {key: made.get(key) for key in told} == told
    assert not [key for key in absent if key in made]
    again = only(elb.create_target_group(**given))
    assert again["TargetGroupArn"] == made["TargetGroupArn"]


def test_bad_input_gets_awss_error_whether_or_not_it_is_served(elb, vpc):
    create = elb.create_target_group
    base = dict(Name="bad", Protocol="TCP", Port=80, VpcId=vpc)
    assert refused("InvalidConfigurationRequest", create, **base, Matcher={"HttpCode": "200"}) == (
        "Custom health check matchers are not supported for health checks for target groups with "
        "the TCP protocol.")
    assert refused("ValidationError", create, **base, HealthCheckIntervalSeconds=5,
                   HealthCheckTimeoutSeconds=6) == (
        "Health check timeout '6' must be smaller than or equal to the interval '5'")
    http = dict(base, Protocol="HTTP")
    assert refused("ValidationError", create, **http, HealthCheckIntervalSeconds=5,
                   HealthCheckTimeoutSeconds=6) == (
        "Health check timeout '6' must be smaller than the interval '5'")
    assert refused("ValidationError", create, Name="bad", TargetType="lambda", Port=80) == (
        "Port cannot be specified for target groups with target type 'lambda'")
    assert refused("ValidationError", create, Name="bad", Port=80, VpcId=vpc) == (
        "A protocol must be specified")
    assert refused("ValidationError", create, **http, ProtocolVersion="GRPC",
                   Matcher={"GrpcCode": "200"}) == (
        "Health check matcher GRPC code '200' must be within '0-99' inclusive")
    refused("InvalidConfigurationRequest", create, **base, ProtocolVersion="HTTP1")
    refused("ValidationError", create, **dict(base, Protocol="GENEVE"))


def test_modify_changes_the_health_check_alone(elb, vpc):
    arn = only(elb.create_target_group(Name="modify", Protocol="HTTP", Port=80, VpcId=vpc))
    arn = arn["TargetGroupArn"]
    changed = only(elb.modify_target_group(
        TargetGroupArn=arn, HealthCheckPath="/h?x=1", HealthCheckPort="8080",
        Matcher={"HttpCode": "200,202-204"}, HealthyThresholdCount=2))
    assert changed["HealthCheckPath"] == "/h?x=1" and changed["HealthCheckPort"] == "8080"
    assert changed["Matcher"] == {"HttpCode": "200,202-204"}
    assert changed["HealthCheckIntervalSeconds"] == 30
    refused("InvalidConfigurationRequest", elb.modify_target_group, TargetGroupArn=arn,
            HealthCheckEnabled=False)
    refused("ValidationError", elb.modify_target_group, TargetGroupArn=arn,
            HealthCheckProtocol="TCP")


def test_paging_and_selection(elb, vpc):
    for n in range(5):
        elb.create_target_group(Name=f"page-{n}", Protocol="HTTP", Port=80, VpcId=vpc)
    pages = elb.get_paginator("describe_target_groups").paginate(PaginationConfig={"PageSize": 2})
    names = [g["TargetGroupName"] for page in pages for g in page["TargetGroups"]]
    assert len(names) == len(set(names)) and {f"page-{n}" for n in range(5)} <= set(names)
    refused("TargetGroupNotFound", elb.describe_target_groups, Names=["none"])
    refused("ValidationError", elb.describe_target_groups, Names=["page-1"],
            TargetGroupArns=["arn:x"])


def test_targets_health_and_use(elb, vpc, subnets):
    target = Target("one")
    lb = elb.create_load_balancer(Name="health", Subnets=subnets)["LoadBalancers"][0]
    group = only(elb.create_target_group(
        Name="health", Protocol="HTTP", Port=target.port, VpcId=vpc, TargetType="ip",
        HealthCheckIntervalSeconds=5, HealthCheckTimeoutSeconds=2))["TargetGroupArn"]
    health = lambda **kw: elb.describe_target_health(
        TargetGroupArn=group, **kw)["TargetHealthDescriptions"]
    assert health() == []
    elb.register_targets(TargetGroupArn=group, Targets=[{"Id": "127.0.0.1"}])
    [unused] = health()
    assert unused["TargetHealth"]["Reason"] == "Target.NotInUse"
    assert "HealthCheckPort" not in unused and "AnomalyDetection" not in unused
    listener = elb.create_listener(
        LoadBalancerArn=lb["LoadBalancerArn"], Protocol="HTTP", Port=8081,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": group}])["Listeners"][0]
    wait_for(lambda: health()[0]["TargetHealth"] == {"State": "healthy"}, "healthy")
    [found] = health(Include=["AnomalyDetection"])
    assert found["AnomalyDetection"] == {"Result": "normal", "MitigationInEffect": "no"}
    assert found["HealthCheckPort"] == str(target.port)
    assert "AdministrativeOverride" not in found
    [unknown] = health(Targets=[{"Id": "127.0.0.9", "Port": 1}])
    assert unknown["TargetHealth"] == {
        "State": "unused", "Reason": "Target.NotRegistered",
        "Description": "Target is not registered to the target group"}
    text = refused("ResourceInUse", elb.delete_target_group, TargetGroupArn=group)
    assert "is currently in use by a listener or a rule" in text
    # The address of a load balancer is no target.
    interfaces = elb.describe_load_balancers(Names=["health"])["LoadBalancers"][0]
    assert interfaces["VpcId"] == vpc
    elb.deregister_targets(TargetGroupArn=group, Targets=[{"Id": "127.0.0.1"}])
    [gone] = health(Targets=[{"Id": "127.0.0.1"}])
    assert gone["TargetHealth"]["Reason"] == "Target.DeregistrationInProgress"
    elb.delete_listener(ListenerArn=listener["ListenerArn"])
    elb.delete_target_group(TargetGroupArn=group)
    elb.delete_target_group(TargetGroupArn=group)  # A missing one is no error.
    target.close()


def test_registration_rules(elb, vpc):
    group = only(elb.create_target_group(
        Name="rules", Protocol="HTTP", Port=80, VpcId=vpc, TargetType="ip"))["TargetGroupArn"]
    register = lambda **target: dict(TargetGroupArn=group, Targets=[target])
    assert refused("ValidationError", elb.register_targets, **register(Id="10.4.40.87")) == (
        "The Availability Zone is required for IP address '10.4.40.87' because it is not in the "
        "VPC")
    elb.register_targets(**register(Id="10.4.40.87", AvailabilityZone="all"))
    refused("ValidationError", elb.register_targets, **register(Id="8.8.8.8"))
    refused("ValidationError", elb.register_targets,
            **register(Id="127.0.0.1", QuicServerId="0x0123456789abcdef"))
    refused("TargetGroupNotFound", elb.register_targets,
            **dict(register(Id="127.0.0.1"), TargetGroupArn=group[:-4] + "0000"))
    instances = only(elb.create_target_group(
        Name="rules-i", Protocol="HTTP", Port=80, VpcId=vpc))["TargetGroupArn"]
    assert refused("ValidationError", elb.register_targets, TargetGroupArn=instances,
                   Targets=[{"Id": "10.19.173.98"}]) == "Instance ID '10.19.173.98' is not valid"


def test_functions_and_load_balancers_as_targets(weir, elb, vpc, subnets):
    if not weir.recorded:
        text = refused(
            "OperationNotPermitted", elb.create_target_group, Name="fn", TargetType="lambda")
        assert "lambda" in text
        return
    group = only(elb.create_target_group(Name="fn", TargetType="lambda"))["TargetGroupArn"]
    region, account = group.split(":")[3:5]
    arn = f"arn:aws:lambda:{region}:{account}:function:hello"
    elb.register_targets(TargetGroupArn=group, Targets=[{"Id": arn}])
    [told] = elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    assert told["Target"] == {"Id": arn, "AvailabilityZone": "all"}
    refused("TooManyTargets", elb.register_targets, TargetGroupArn=group,
            Targets=[{"Id": arn + ":live"}])
    lb = elb.create_load_balancer(Name="fn", Subnets=subnets)["LoadBalancers"][0]
    elb.create_listener(LoadBalancerArn=lb["LoadBalancerArn"], Protocol="HTTP", Port=8090,
                        DefaultActions=[{"Type": "forward", "TargetGroupArn": group}])
    [told] = elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    assert told["TargetHealth"]["Reason"] == "Target.HealthCheckDisabled"
    [lb] = elb.describe_load_balancers(Names=["fn"])["LoadBalancers"]
    assert lb["State"]["Code"] == "active" and "target group fn" in lb["State"]["Reason"]
    alb = only(elb.create_target_group(
        Name="to-alb", Protocol="TCP", Port=80, VpcId=vpc, TargetType="alb"))["TargetGroupArn"]
    refused("ValidationError", elb.register_targets, TargetGroupArn=alb,
            Targets=[{"Id": lb["LoadBalancerArn"]}])
