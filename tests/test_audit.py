"""The audit, as CloudTrail shows it: against the real binary, with boto3 and aws-cli."""

import datetime
import json
import time

import botocore.exceptions
import pytest


def events(client, **arguments):
    """All events of a search, whatever its pages."""
    found = client.get_paginator("lookup_events").paginate(**arguments)
    return [event for page in found for event in page["Events"]]


def by(key, value):
    return [{"AttributeKey": key, "AttributeValue": value}]


def record(event):
    return json.loads(event["CloudTrailEvent"])


def code(refused):
    return refused.value.response["Error"]["Code"]


@pytest.fixture
def trail(weir):
    return weir.client("cloudtrail")


def group(weir, name, **more):
    return weir.client("elbv2").create_target_group(
        Name=name, Protocol="HTTP", Port=80, TargetType="ip",
        VpcId=weir.client("ec2").describe_vpcs()["Vpcs"][0]["VpcId"], **more,
    )["TargetGroups"][0]["TargetGroupArn"]


# spec: nlb-gwlb-clb §5.1 Record fields
def test_a_change_is_recorded_with_its_answer(weir, trail):
    arn = group(weir, "audited")
    found = events(trail, LookupAttributes=by("ResourceName", arn))
    (event,) = [one for one in found if one["EventName"] == "CreateTargetGroup"]
    assert event["ReadOnly"] == "false"
    assert event["Username"] == "root"
    assert event["AccessKeyId"] == weir.env["AWS_ACCESS_KEY_ID"]
    assert event["EventSource"] == "elasticloadbalancing.amazonaws.com"
    wanted = {"ResourceType": "AWS::ElasticLoadBalancingV2::TargetGroup", "ResourceName": arn}
    assert wanted in event["Resources"]
    age = datetime.datetime.now(datetime.timezone.utc) - event["EventTime"]
    assert abs(age.total_seconds()) < 60
    whole = record(event)
    assert whole["eventVersion"] == "1.11"
    assert whole["eventID"] == event["EventId"]
    assert whole["requestParameters"]["name"] == "audited"
    assert whole["requestParameters"]["port"] == 80
    assert whole["responseElements"]["targetGroups"][0]["targetGroupArn"] == arn
    assert "Boto3" in whole["userAgent"]
    assert whole["sourceIPAddress"] == "127.0.0.1"
    assert whole["eventType"] == "AwsApiCall"
    assert whole["eventCategory"] == "Management"
    assert whole["managementEvent"] is True and whole["readOnly"] is False
    assert whole["awsRegion"] == weir.env["AWS_REGION"]
    assert whole["userIdentity"]["accountId"] == whole["recipientAccountId"]


def test_refusals_and_reads_are_recorded(weir, trail):
    elb = weir.client("elbv2")
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        elb.delete_target_group(TargetGroupArn="arn:nothing")
    with pytest.raises(botocore.exceptions.ClientError):
        elb.describe_load_balancers(Names=["no-such-balancer"])
    request_id = refused.value.response["ResponseMetadata"]["RequestId"]
    found = events(trail, LookupAttributes=by("EventName", "DeleteTargetGroup"))
    (whole,) = [one for one in map(record, found) if one["requestID"] == request_id]
    assert whole["errorCode"] == code(refused)
    assert whole["errorMessage"] == refused.value.response["Error"]["Message"]
    assert whole["responseElements"] is None
    assert whole["requestParameters"] == {"targetGroupArn": "arn:nothing"}
    reads = events(trail, LookupAttributes=by("ReadOnly", "true"))
    named = [record(one) for one in reads if one["EventName"] == "DescribeLoadBalancers"]
    assert named[0]["errorCode"] == "LoadBalancerNotFound"
    assert all(one["ReadOnly"] == "true" for one in reads)


def test_calls_without_a_valid_signature_are_not(weir, trail):
    stranger = weir.client("elbv2", aws_secret_access_key="wrong")
    with pytest.raises(botocore.exceptions.ClientError):
        stranger.create_target_group(Name="forged")
    found = events(trail, LookupAttributes=by("EventName", "CreateTargetGroup"))
    assert not [one for one in found if "forged" in one["CloudTrailEvent"]]


def test_secrets_are_not_recorded(weir, trail):
    ec2 = weir.client("ec2")
    ec2.run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1, UserData="hunter2 is secret")
    found = events(trail, LookupAttributes=by("EventName", "RunInstances"))
    assert record(found[0])["requestParameters"]["userData"] == "HIDDEN_DUE_TO_SECURITY_REASONS"
    elb = weir.client("elbv2")
    oidc = {
        "Issuer": "https://issuer.test", "AuthorizationEndpoint": "https://issuer.test/a",
        "TokenEndpoint": "https://issuer.test/t", "UserInfoEndpoint": "https://issuer.test/u",
        "ClientId": "weir", "ClientSecret": "hunter2",
    }
    with pytest.raises(botocore.exceptions.ClientError):
        elb.create_listener(
            LoadBalancerArn="arn:nothing", Protocol="HTTPS", Port=443,
            DefaultActions=[{"Type": "authenticate-oidc", "AuthenticateOidcConfig": oidc}],
        )
    found = events(trail, LookupAttributes=by("EventName", "CreateListener"))
    assert "issuer.test" in found[0]["CloudTrailEvent"]
    for path in weir.data_dir.rglob("*"):
        if path.is_file():
            assert b"hunter2" not in path.read_bytes(), path
    assert "hunter2" not in weir.log()


def test_pages_spans_and_order(weir, trail):
    begin = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    for number in range(5):
        group(weir, f"paged-{number}")
    wanted = by("EventName", "CreateTargetGroup")
    first = trail.lookup_events(LookupAttributes=wanted, MaxResults=2)
    assert len(first["Events"]) == 2
    second = trail.lookup_events(
        LookupAttributes=wanted, MaxResults=2, NextToken=first["NextToken"]
    )
    names = [record(one)["requestParameters"]["name"] for one in first["Events"] + second["Events"]]
    assert names == ["paged-4", "paged-3", "paged-2", "paged-1"]
    now = datetime.datetime.now(datetime.timezone.utc)
    found = events(trail, LookupAttributes=wanted, StartTime=begin, EndTime=now)
    assert len(found) == 5
    before = events(trail, EndTime=begin - datetime.timedelta(hours=1))
    assert before == []
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        trail.lookup_events(NextToken=first["NextToken"])
    assert code(refused) == "InvalidNextTokenException"
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        trail.lookup_events(StartTime=now, EndTime=begin - datetime.timedelta(hours=1))
    assert code(refused) == "InvalidTimeRangeException"
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        trail.lookup_events(LookupAttributes=wanted + by("ReadOnly", "true"))
    assert code(refused) == "InvalidLookupAttributesException"


def test_a_commited_record_survives_a_kill(weir):
    arn = group(weir, "survivor")
    weir.kill()
    weir.start()
    found = events(weir.client("cloudtrail"), LookupAttributes=by("EventName", "CreateTargetGroup"))
    assert record(found[0])["requestParameters"]["name"] == "survivor"
    groups = weir.client("elbv2").describe_target_groups()["TargetGroups"]
    assert [one["TargetGroupArn"] for one in groups] == [arn]


def test_reads_reach_the_disk_within_a_second(weir):
    weir.client("elbv2").describe_load_balancers()
    time.sleep(2)
    weir.kill()
    weir.start()
    found = events(
        weir.client("cloudtrail"), LookupAttributes=by("EventName", "DescribeLoadBalancers")
    )
    assert len(found) == 1


def test_aws_cli_searches(weir):
    group(weir, "cli")
    found = weir.aws(
        "cloudtrail", "lookup-events", "--max-results", "5",
        "--lookup-attributes", "AttributeKey=EventName,AttributeValue=CreateTargetGroup",
    )
    assert [one["EventName"] for one in found["Events"]] == ["CreateTargetGroup"]


def test_shield_and_others(weir):
    shield = weir.client("shield")
    assert shield.get_subscription_state()["SubscriptionState"] == "INACTIVE"
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        shield.describe_protection(ResourceArn="arn:aws:elasticloadbalancing:us-east-1:1:x")
    assert code(refused) == "ResourceNotFoundException"
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        weir.client("wafv2").list_web_acls(Scope="REGIONAL")
    assert code(refused) == "UnknownOperationException"
