"""Resource Groups Tagging against the real binary, with boto3 (which speaks CBOR) and aws-cli."""

import botocore.exceptions
import pytest

from conftest import certificate


def code(refused):
    return refused.value.response["Error"]["Code"]


@pytest.fixture
def tagging(weir):
    return weir.client("resourcegroupstaggingapi")


@pytest.fixture
def inventory(weir):
    """A load balancer, a target group and a network, with tags."""
    elb, ec2 = weir.client("elbv2"), weir.client("ec2")
    vpc = ec2.describe_vpcs()["Vpcs"][0]
    subnets = [one["SubnetId"] for one in ec2.describe_subnets()["Subnets"]][:2]
    tags = [{"Key": "env", "Value": "prod"}, {"Key": "team", "Value": "edge"}]
    lb = elb.create_load_balancer(Name="tagged", Subnets=subnets, Tags=tags)
    group = elb.create_target_group(
        Name="tagged", Protocol="HTTP", Port=80, VpcId=vpc["VpcId"], TargetType="ip", Tags=tags[:1]
    )
    ec2.create_tags(Resources=[vpc["VpcId"]], Tags=[{"Key": "env", "Value": "dev"}])
    region, account = weir.env["AWS_REGION"], vpc["OwnerId"]
    return {
        "lb": lb["LoadBalancers"][0]["LoadBalancerArn"],
        "group": group["TargetGroups"][0]["TargetGroupArn"],
        "vpc": f"arn:aws:ec2:{region}:{account}:vpc/{vpc['VpcId']}",
    }


def found(tagging, **arguments):
    pages = tagging.get_paginator("get_resources").paginate(**arguments)
    return [one["ResourceARN"] for page in pages for one in page["ResourceTagMappingList"]]


def test_resources_are_found_by_type_and_tag(tagging, inventory):
    lb, group, vpc = (inventory[name] for name in ("lb", "group", "vpc"))
    assert found(tagging) == sorted([lb, group, vpc])
    for types, expected in [
        (["elasticloadbalancing"], [lb, group]),
        (["elasticloadbalancing:loadbalancer"], [lb]),
        (["elasticloadbalancing:loadbalancer/app"], [lb]),
        (["elasticloadbalancing:loadbalancer/net"], []),
        (["elasticloadbalancing:targetgroup", "ec2:vpc"], [vpc, group]),
        (["ec2:subnet"], []),
    ]:
        assert found(tagging, ResourceTypeFilters=types) == expected, types
    for filters, expected in [
        ([{"Key": "env"}], sorted([lb, group, vpc])),
        ([{"Key": "env", "Values": ["prod"]}], [lb, group]),
        ([{"Key": "env", "Values": ["prod", "dev"]}], sorted([lb, group, vpc])),
        ([{"Key": "env", "Values": ["prod"]}, {"Key": "team", "Values": ["edge"]}], [lb]),
        ([{"Key": "nothing"}], []),
    ]:
        assert found(tagging, TagFilters=filters) == expected, filters
    assert found(tagging, ResourceARNList=[group]) == [group]
    assert found(tagging, ResourcesPerPage=1) == sorted([lb, group, vpc])
    page = tagging.get_resources(ResourceARNList=[lb])
    assert page["PaginationToken"] == ""
    tags = {tag["Key"]: tag["Value"] for tag in page["ResourceTagMappingList"][0]["Tags"]}
    assert tags == {"env": "prod", "team": "edge"}


def test_keys_and_values(tagging, inventory):
    assert tagging.get_tag_keys()["TagKeys"] == ["env", "team"]
    assert tagging.get_tag_values(Key="env")["TagValues"] == ["dev", "prod"]
    assert tagging.get_tag_values(Key="nothing")["TagValues"] == []


def test_tags_are_written_where_they_belong(weir, tagging, inventory):
    arns = list(inventory.values())
    assert tagging.tag_resources(ResourceARNList=arns, Tags={"new": "é"})["FailedResourcesMap"] == {}
    described = weir.client("elbv2").describe_tags(ResourceArns=[inventory["lb"]])
    assert {"Key": "new", "Value": "é"} in described["TagDescriptions"][0]["Tags"]
    vpc = weir.client("ec2").describe_vpcs()["Vpcs"][0]
    assert {"Key": "new", "Value": "é"} in vpc["Tags"]
    removed = tagging.untag_resources(ResourceARNList=arns, TagKeys=["new", "team"])
    assert removed["FailedResourcesMap"] == {}
    assert tagging.get_tag_keys()["TagKeys"] == ["env"]


def test_failures_are_told_by_arn(tagging, inventory):
    gone = inventory["group"].replace("/tagged/", "/gone/")
    failed = tagging.tag_resources(
        ResourceARNList=[inventory["lb"], gone], Tags={"a": "b"}
    )["FailedResourcesMap"]
    assert list(failed) == [gone]
    assert failed[gone]["StatusCode"] == 400
    assert failed[gone]["ErrorCode"] == "InvalidParameterException"
    assert found(tagging, TagFilters=[{"Key": "a"}]) == [inventory["lb"]]
    for arguments in [
        {"ResourceARNList": [gone], "Tags": {"aws:a": "b"}},
        {"ResourceARNList": ["not-an-arn"], "Tags": {"a": "b"}},
    ]:
        with pytest.raises(botocore.exceptions.ClientError) as refused:
            tagging.tag_resources(**arguments)
        assert code(refused) == "InvalidParameterException"
    for arguments in [
        {"ResourcesPerPage": 101},
        {"TagsPerPage": 10},
        {"PaginationToken": "!"},
        {"ResourceARNList": [gone], "ResourceTypeFilters": ["ec2"]},
    ]:
        with pytest.raises(botocore.exceptions.ClientError) as refused:
            tagging.get_resources(**arguments)
        assert code(refused) == "InvalidParameterException", arguments


def test_aws_cli(weir, inventory):
    listed = weir.aws(
        "resourcegroupstaggingapi", "get-resources",
        "--resource-type-filters", "elasticloadbalancing:loadbalancer",
    )
    arns = [one["ResourceARN"] for one in listed["ResourceTagMappingList"]]
    assert arns == [inventory["lb"]]


def test_certificates_and_addresses_are_tagged_too(weir, tagging):
    cert, key = certificate("tagged.test")
    arn = weir.client("acm").import_certificate(Certificate=cert, PrivateKey=key)["CertificateArn"]
    ec2 = weir.client("ec2")
    group = ec2.create_security_group(GroupName="tagged", Description="tagged")["GroupId"]
    account = weir.client("sts").get_caller_identity()["Account"]
    group = f"arn:aws:ec2:{weir.env['AWS_REGION']}:{account}:security-group/{group}"
    answer = tagging.tag_resources(ResourceARNList=[arn, group], Tags={"env": "prod"})
    assert answer["FailedResourcesMap"] == {}
    tags = weir.client("acm").list_tags_for_certificate(CertificateArn=arn)["Tags"]
    assert tags == [{"Key": "env", "Value": "prod"}]
    assert found(tagging, ResourceTypeFilters=["acm:certificate"]) == [arn]
    assert found(tagging, ResourceTypeFilters=["ec2:security-group"]) == [group]
    answer = tagging.untag_resources(ResourceARNList=[arn, group], TagKeys=["env"])
    assert answer["FailedResourcesMap"] == {}
    assert found(tagging) == []
    trail = weir.client("cloudtrail")
    by = [{"AttributeKey": "EventName", "AttributeValue": "ImportCertificate"}]
    event = trail.lookup_events(LookupAttributes=by)["Events"][0]
    assert arn in [one["ResourceName"] for one in event["Resources"]]
    assert "HIDDEN_DUE_TO_SECURITY_REASONS" in event["CloudTrailEvent"]
    assert key.decode().splitlines()[1] not in event["CloudTrailEvent"]
