"""The EC2 and STS reads that tools make around load balancers, through aws-cli and boto3."""

import ipaddress
import re

import pytest
from conftest import fixed, get


def values(*filters):
    return ["--filters", *filters]


def test_who_am_i(shared_weir):
    me = shared_weir.aws("sts", "get-caller-identity")
    assert re.fullmatch(r"\d{12}", me["Account"])
    assert me["Arn"].startswith(f"arn:aws:iam::{me['Account']}:")
    assert me["UserId"]


def test_the_network_through_aws_cli(shared_weir):
    aws = shared_weir.aws
    vpc, = aws("ec2", "describe-vpcs", *values("Name=is-default,Values=true"))["Vpcs"]
    assert vpc["CidrBlock"] == "127.0.0.0/8" and vpc["State"] == "available" and vpc["IsDefault"]
    zones = aws("ec2", "describe-availability-zones")["AvailabilityZones"]
    assert [z["ZoneName"] for z in zones] == ["us-east-1a", "us-east-1b", "us-east-1c"]
    assert all(z["State"] == "available" and z["ZoneId"] for z in zones)
    subnets = aws("ec2", "describe-subnets", *values(
        f"Name=vpc-id,Values={vpc['VpcId']}", "Name=default-for-az,Values=true"))["Subnets"]
    blocks = [ipaddress.ip_network(s["CidrBlock"]) for s in subnets]
    assert len(blocks) == 3 and all(b.prefixlen == 20 for b in blocks)
    assert not any(a.overlaps(b) for a in blocks for b in blocks if a is not b)
    one = aws("ec2", "describe-subnets", *values("Name=availability-zone,Values=us-east-1b"))["Subnets"]
    assert [s["AvailabilityZone"] for s in one] == ["us-east-1b"]
    by_id = aws("ec2", "describe-subnets", "--subnet-ids", one[0]["SubnetId"])["Subnets"]
    assert by_id == one
    groups = aws("ec2", "describe-security-groups", *values("Name=group-name,Values=default"))
    default, = groups["SecurityGroups"]
    assert default["VpcId"] == vpc["VpcId"]
    regions = aws("ec2", "describe-regions")["Regions"]
    assert [r["RegionName"] for r in regions] == ["us-east-1"]


def test_errors_through_aws_cli(shared_weir):
    def error(*args):
        done = shared_weir.aws("ec2", *args, ok=False)
        assert done.returncode not in (0, 1)
        return done.stderr

    assert "InvalidSubnetID.NotFound" in error("describe-subnets", "--subnet-ids", "subnet-00000000000000000")
    assert "InvalidVpcID.NotFound" in error("describe-vpcs", "--vpc-ids", "vpc-00000000000000000")
    assert "InvalidGroup.NotFound" in error("describe-security-groups", "--group-ids", "sg-00000000000000000")
    assert "InvalidInstanceID" in error("describe-instances", "--instance-ids", "i-00000000000000000")
    assert "InvalidParameterValue" in error(
        "describe-vpcs", "--filters", "Name=no-such-filter,Values=x")


def test_interfaces_of_load_balancers(shared):
    site = shared.site()
    name = site.lb.split("loadbalancer/")[1]
    found = shared.weir.aws("ec2", "describe-network-interfaces", *values(
        f"Name=description,Values=ELB {name}"))["NetworkInterfaces"]
    assert len(found) == 2
    for interface in found:
        assert interface["RequesterManaged"] and interface["Status"] == "in-use"
        assert interface["InterfaceType"] and interface["Groups"]
        subnet, = shared.ec2.describe_subnets(SubnetIds=[interface["SubnetId"]])["Subnets"]
        address = ipaddress.ip_address(interface["PrivateIpAddress"])
        assert address in ipaddress.ip_network(subnet["CidrBlock"])
        assert interface["AvailabilityZone"] == subnet["AvailabilityZone"]
    wild = shared.ec2.describe_network_interfaces(Filters=[
        {"Name": "description", "Values": ["ELB app/*"]},
        {"Name": "subnet-id", "Values": [found[0]["SubnetId"]]}])["NetworkInterfaces"]
    assert found[0]["NetworkInterfaceId"] in [i["NetworkInterfaceId"] for i in wild]
    assert {i["SubnetId"] for i in wild} == {found[0]["SubnetId"]}
    again = shared.ec2.describe_network_interfaces(
        NetworkInterfaceIds=[i["NetworkInterfaceId"] for i in found])["NetworkInterfaces"]
    assert {i["PrivateIpAddress"] for i in again} == {i["PrivateIpAddress"] for i in found}
    shared.elb.delete_load_balancer(LoadBalancerArn=site.lb)
    gone = shared.ec2.describe_network_interfaces(Filters=[
        {"Name": "description", "Values": [f"ELB {name}"]}])["NetworkInterfaces"]
    assert gone == []


def test_subnets_of_a_load_balancer_can_change(shared):
    site = shared.site()
    site.answer(fixed("here"))
    assert len(shared.addresses(site.lb)) == 2
    shared.elb.set_subnets(LoadBalancerArn=site.lb, Subnets=shared.subnets)
    addresses = shared.addresses(site.lb)
    assert len(addresses) == 3 and site.address in addresses
    assert all(get(address)[2] == b"here" for address in addresses)
    shared.elb.set_subnets(LoadBalancerArn=site.lb, Subnets=shared.subnets[1:])
    assert len(shared.addresses(site.lb)) == 2
    assert all(get(address)[2] == b"here" for address in shared.addresses(site.lb))


def test_instances_through_aws_cli(shared):
    aws = shared.weir.aws
    made = aws("ec2", "run-instances", "--image-id", "ami-1", "--count", "2", "--instance-type",
               "c7g.large", "--tag-specifications",
               "ResourceType=instance,Tags=[{Key=Name,Value=web},{Key=team,Value=a}]")["Instances"]
    ids = sorted(i["InstanceId"] for i in made)
    assert len(ids) == 2 and all(re.fullmatch(r"i-[0-9a-f]{17}", i) for i in ids)
    found = aws("ec2", "describe-instances", *values(
        "Name=tag:Name,Values=we*", "Name=instance-state-name,Values=running"))
    listed = [i for r in found["Reservations"] for i in r["Instances"]]
    assert sorted(i["InstanceId"] for i in listed) == ids
    assert {t["Key"] for t in listed[0]["Tags"]} == {"Name", "team"}
    aws("ec2", "stop-instances", "--instance-ids", ids[0])
    stopped = aws("ec2", "describe-instances", *values("Name=instance-state-name,Values=stopped"))
    assert [i["InstanceId"] for r in stopped["Reservations"] for i in r["Instances"]] == ids[:1]
    status = aws("ec2", "describe-instance-status", "--instance-ids", ids[1])["InstanceStatuses"]
    assert status[0]["InstanceState"]["Name"] == "running"
    aws("ec2", "create-tags", "--resources", ids[1], "--tags", "Key=extra,Value=1")
    tags = aws("ec2", "describe-tags", *values(f"Name=resource-id,Values={ids[1]}"))["Tags"]
    assert {t["Key"] for t in tags} == {"Name", "team", "extra"}
    ended = aws("ec2", "terminate-instances", "--instance-ids", *ids)["TerminatingInstances"]
    assert {i["InstanceId"] for i in ended} == set(ids)


def test_security_groups_through_aws_cli(shared):
    aws, vpc = shared.weir.aws, shared.vpc
    group = aws("ec2", "create-security-group", "--group-name", "cli", "--description", "cli",
                "--vpc-id", vpc)["GroupId"]
    aws("ec2", "authorize-security-group-ingress", "--group-id", group, "--protocol", "tcp",
        "--port", "80", "--cidr", "127.0.0.0/8")
    again = aws("ec2", "authorize-security-group-ingress", "--group-id", group, "--protocol", "tcp",
                "--port", "80", "--cidr", "127.0.0.0/8", ok=False)
    assert "InvalidPermission.Duplicate" in again.stderr
    rules = aws("ec2", "describe-security-group-rules", *values(
        f"Name=group-id,Values={group}"))["SecurityGroupRules"]
    ingress, = [r for r in rules if not r["IsEgress"]]
    assert (ingress["FromPort"], ingress["CidrIpv4"]) == (80, "127.0.0.0/8")
    aws("ec2", "revoke-security-group-ingress", "--group-id", group, "--protocol", "tcp",
        "--port", "80", "--cidr", "127.0.0.0/8")
    aws("ec2", "delete-security-group", "--group-id", group)
    left = aws("ec2", "describe-security-groups", *values("Name=group-name,Values=cli"))
    assert left["SecurityGroups"] == []


@pytest.mark.parametrize("call", [
    "describe_route_tables", "describe_internet_gateways", "describe_addresses",
    "describe_account_attributes", "describe_instance_types", "describe_images", "describe_tags"])
def test_other_reads_answer(shared, call):
    assert getattr(shared.ec2, call)()["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_pages(shared):
    for _ in range(3):
        shared.site()
    pages = list(shared.ec2.get_paginator("describe_network_interfaces").paginate(
        PaginationConfig={"PageSize": 5}))
    assert len(pages) > 1 and all(len(p["NetworkInterfaces"]) <= 5 for p in pages)
    ids = [i["NetworkInterfaceId"] for p in pages for i in p["NetworkInterfaces"]]
    assert len(ids) == len(set(ids))
    lbs = list(shared.elb.get_paginator("describe_load_balancers").paginate(
        PaginationConfig={"PageSize": 2}))
    arns = [lb["LoadBalancerArn"] for p in lbs for lb in p["LoadBalancers"]]
    assert len(arns) == len(set(arns)) >= 3


def test_what_can_be_read_back_is_what_was_set(shared):
    """A tool that compares must find no difference."""
    elb = shared.elb
    group = elb.create_target_group(
        Name=shared.unique("all"), Protocol="HTTP", Port=8080, VpcId=shared.vpc, TargetType="ip",
        HealthCheckProtocol="HTTP", HealthCheckPort="9090", HealthCheckPath="/h",
        HealthCheckIntervalSeconds=77, HealthCheckTimeoutSeconds=7, HealthyThresholdCount=7,
        UnhealthyThresholdCount=3, Matcher={"HttpCode": "200-204,301"},
        Tags=[{"Key": "k", "Value": "v"}])["TargetGroups"][0]
    read = elb.describe_target_groups(TargetGroupArns=[group["TargetGroupArn"]])["TargetGroups"][0]
    assert read == group | {"LoadBalancerArns": []}
    assert (read["HealthCheckPort"], read["Matcher"]) == ("9090", {"HttpCode": "200-204,301"})
    assert elb.describe_tags(ResourceArns=[group["TargetGroupArn"]])["TagDescriptions"][0]["Tags"] == [
        {"Key": "k", "Value": "v"}]
    lb = elb.create_load_balancer(Name=shared.unique("all"), Subnets=shared.subnets[:2],
                                  Scheme="internal")["LoadBalancers"][0]
    read = elb.describe_load_balancers(LoadBalancerArns=[lb["LoadBalancerArn"]])["LoadBalancers"][0]
    assert read["State"] == {"Code": "active"}
    assert {k: v for k, v in read.items() if k != "State"} == {
        k: v for k, v in lb.items() if k != "State"}
    assert read["DNSName"].startswith("internal-") and read["Scheme"] == "internal"
    listener = elb.create_listener(
        LoadBalancerArn=lb["LoadBalancerArn"], Protocol="HTTP", Port=80,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": group["TargetGroupArn"]}])["Listeners"][0]
    action, = listener["DefaultActions"]
    assert action["ForwardConfig"]["TargetGroups"][0]["TargetGroupArn"] == action["TargetGroupArn"]
    read = elb.describe_listeners(ListenerArns=[listener["ListenerArn"]])["Listeners"][0]
    assert read == listener
    conditions = [{"Field": "host-header", "HostHeaderConfig": {"Values": ["a.example.com"]}},
                  {"Field": "path-pattern", "Values": ["/x"]}]
    rule = elb.create_rule(ListenerArn=listener["ListenerArn"], Priority=3, Conditions=conditions,
                           Actions=[fixed("x")])["Rules"][0]
    for condition in rule["Conditions"]:
        config = condition.get("HostHeaderConfig") or condition["PathPatternConfig"]
        assert condition["Values"] == config["Values"], "both forms are told"
    read = elb.describe_rules(RuleArns=[rule["RuleArn"]])["Rules"][0]
    assert read == rule
