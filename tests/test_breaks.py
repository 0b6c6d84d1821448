"""What broke once, or nearly: calls that look like something else, and what must outlive a kill.

Each test is a scenario of a hostile tester, on an instance of its own that records every feature.
"""

import concurrent.futures
import json
import threading
import time

import botocore.exceptions
import pytest

import conftest
from conftest import Weir, World, certificate, fixed

SECRET = "s3cret-of-the-client-4711"


def error(call, **members):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(**members)
    return caught.value.response["Error"]


@pytest.fixture
def recording(tmp_path):
    """A fresh instance that records every feature."""
    env = {"WEIR_ALLOW_UNSERVED_TYPES": "true"}
    instance = Weir(tmp_path / "data", extra_env=env).start()
    yield World(instance)
    code = instance.stop()
    assert "panicked" not in instance.log() and code == 0, instance.log()


def sign_in(secret):
    """Actions that ask an OpenID Connect provider first."""
    config = {
        "Issuer": "https://idp.example", "AuthorizationEndpoint": "https://idp.example/a",
        "TokenEndpoint": "https://idp.example/t", "UserInfoEndpoint": "https://idp.example/u",
        "ClientId": "client", "ClientSecret": secret,
    }
    return [{"Type": "authenticate-oidc", "Order": 1, "AuthenticateOidcConfig": config},
            fixed("in") | {"Order": 2}]


def imported(world):
    cert, key = certificate("a.example")
    acm = world.weir.client("acm")
    return acm.import_certificate(Certificate=cert, PrivateKey=key)["CertificateArn"], key


def events(world):
    trail, found, token = world.weir.client("cloudtrail"), [], {}
    while True:
        page = trail.lookup_events(MaxResults=50, **token)
        found += page["Events"]
        if not page.get("NextToken"):
            return found
        token = {"NextToken": page["NextToken"]}


def test_another_client_secret_is_another_setting(recording):
    """A repeated CreateListener with a new secret was answered with the old listener."""
    arn, key = imported(recording)
    lb = recording.load_balancer("oidc")

    def create(secret):
        made = recording.elb.create_listener(
            LoadBalancerArn=lb, Protocol="HTTPS", Port=443, DefaultActions=sign_in(secret),
            Certificates=[{"CertificateArn": arn}],
        )
        made.pop("ResponseMetadata")
        return made

    first = create(SECRET)
    assert create(SECRET) == first
    again = error(lambda: create(SECRET + "-new"))
    assert again["Code"] == "DuplicateListener"
    recording.elb.modify_listener(
        ListenerArn=first["Listeners"][0]["ListenerArn"], DefaultActions=sign_in(SECRET + "-new"))
    assert create(SECRET + "-new") == first
    assert error(lambda: create(SECRET))["Code"] == "DuplicateListener"
    # After all this no secret is anywhere to be read.
    needles = [SECRET.encode(), *key.splitlines()[3:6]]
    time.sleep(1.2)
    told = json.dumps(events(recording), default=str).encode() + recording.weir.log().encode()
    files = [p.read_bytes() for p in recording.weir.data_dir.rglob("*") if p.is_file()]
    for needle in needles:
        assert needle not in told
        assert not any(needle in content for content in files)


def test_ec2_tokens_are_not_made_up(recording):
    """They were positions: any text gave an empty page, which reads as "there is nothing"."""
    for call in (recording.ec2.describe_subnets, recording.ec2.describe_network_interfaces,
                 recording.ec2.describe_instances, recording.ec2.describe_tags,
                 recording.ec2.describe_security_group_rules, recording.ec2.describe_vpcs):
        assert error(call, NextToken="zz")["Code"] == "InvalidNextToken", call
    made = [recording.ec2.create_security_group(GroupName=f"g{n}", Description="d", VpcId=recording.vpc)
            ["GroupId"] for n in range(11)]
    first = recording.ec2.describe_security_groups(MaxResults=6)
    gone = next(g["GroupId"] for g in reversed(first["SecurityGroups"]) if g["GroupId"] in made)
    recording.ec2.delete_security_group(GroupId=gone)
    second = recording.ec2.describe_security_groups(MaxResults=6, NextToken=first["NextToken"])
    assert "NextToken" not in second
    seen = [g["GroupId"] for g in first["SecurityGroups"] + second["SecurityGroups"]]
    assert len(seen) == len(set(seen)) == 12 and set(made) < set(seen)


def readings(world):
    """What the API tells of everything, as text."""
    elb, ec2, acm = (world.weir.client(name) for name in ("elbv2", "ec2", "acm"))
    told = {}

    def read(client, name, **members):
        answer = getattr(client, name)(**members)
        answer.pop("ResponseMetadata")
        told[name, str(members)] = json.dumps(answer, default=str)
        return answer

    for lb in read(elb, "describe_load_balancers")["LoadBalancers"]:
        arn = lb["LoadBalancerArn"]
        read(elb, "describe_load_balancer_attributes", LoadBalancerArn=arn)
        read(elb, "describe_tags", ResourceArns=[arn])
        for one in read(elb, "describe_listeners", LoadBalancerArn=arn)["Listeners"]:
            read(elb, "describe_listener_attributes", ListenerArn=one["ListenerArn"])
            read(elb, "describe_rules", ListenerArn=one["ListenerArn"])
    for group in read(elb, "describe_target_groups")["TargetGroups"]:
        read(elb, "describe_target_group_attributes", TargetGroupArn=group["TargetGroupArn"])
    for name in ("vpcs", "subnets", "security_groups", "security_group_rules", "instances", "addresses",
                 "network_interfaces", "route_tables", "internet_gateways", "tags", "managed_prefix_lists"):
        read(ec2, f"describe_{name}")
    read(acm, "list_certificates")
    return told


def test_everything_reads_back_alike_after_a_kill_and_without_the_setting(recording):
    elb, ec2 = recording.elb, recording.ec2
    arn, _ = imported(recording)
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16", AmazonProvidedIpv6CidrBlock=True)["Vpc"]["VpcId"]
    subnets = [ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=f"us-east-1{z}")
               ["Subnet"]["SubnetId"] for n, z in enumerate("ab")]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    listing = ec2.create_managed_prefix_list(
        PrefixListName="all", AddressFamily="IPv4", MaxEntries=3, Entries=[{"Cidr": "0.0.0.0/0"}])
    group = ec2.create_security_group(GroupName="web", Description="d", VpcId=vpc)["GroupId"]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[
        {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80,
         "PrefixListIds": [{"PrefixListId": listing["PrefixList"]["PrefixListId"]}]}])
    ec2.run_instances(ImageId="ami-12345678", MinCount=2, MaxCount=2, SubnetId=subnets[0])
    lb = elb.create_load_balancer(Name="app", Subnets=subnets, SecurityGroups=[group],
                                  Tags=[{"Key": "b", "Value": "ü"}, {"Key": "a", "Value": ""}])
    lb = lb["LoadBalancers"][0]["LoadBalancerArn"]
    elb.create_load_balancer(
        Name="net", Type="network", SubnetMappings=[{"SubnetId": subnets[0], "AllocationId": address}])
    elb.create_load_balancer(Name="gwy", Type="gateway", Subnets=subnets[:1])
    elb.create_listener(LoadBalancerArn=lb, Protocol="HTTPS", Port=443, DefaultActions=sign_in(SECRET),
                        Certificates=[{"CertificateArn": arn}])
    plain = recording.listener(lb, [fixed("here")])
    elb.create_rule(ListenerArn=plain, Priority=5, Actions=[fixed("a")], Conditions=[
        {"Field": "host-header", "HostHeaderConfig": {"RegexValues": ["^a.*$"]}}])
    time.sleep(1)  # Instances run and lists are complete by then.
    before = readings(recording)
    for env in ({"WEIR_ALLOW_UNSERVED_TYPES": "true"}, {}):
        recording.weir.kill()
        recording.weir.extra_env = env
        recording.weir.start()
        after = readings(recording)
        assert {key for key in before if before[key] != after.get(key)} == set()
    # The HTTP listener carries traffic at the address that stands in for the subnet.
    found = recording.weir.client("ec2").describe_network_interfaces(Filters=[
        {"Name": "description", "Values": ["ELB app/app/*"]}])["NetworkInterfaces"]
    for interface in found:
        public = interface["Association"]["PublicIp"]
        assert conftest.get(public)[2] == b"here"
        assert not conftest.can_connect(public, 443)


def test_traffic_flows_while_zones_and_priorities_move(recording, targets):
    site = recording.site(targets("one"))
    recording.healthy(site.group, 1)
    rules = [site.rule(n, [fixed(str(n))], path_pattern=[f"/{n}"]) for n in range(1, 6)]
    # The first zone stays all the time, and so does its address.
    described = recording.ec2.describe_network_interfaces(Filters=[
        {"Name": "subnet-id", "Values": recording.subnets[:1]},
        {"Name": "description", "Values": [f"ELB {site.lb.split('loadbalancer/')[1]}"]}])
    address = described["NetworkInterfaces"][0]["PrivateIpAddress"]
    done = threading.Event()

    def ask():
        answers = set()
        while not done.is_set():
            answers.add((conftest.get(address, "/3")[2], conftest.get(address, "/other")[2]))
        return answers

    a, b, c = recording.subnets[:3]
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        askers = [pool.submit(ask) for _ in range(3)]
        for turn in range(15):
            for zones in ([a, b, c], [a, c], [b, a]):
                recording.elb.set_subnets(LoadBalancerArn=site.lb, Subnets=zones)
            # A cycle: every rule takes the place of the next.
            recording.elb.set_rule_priorities(RulePriorities=[
                {"RuleArn": rule, "Priority": (n + turn) % 5 + 1} for n, rule in enumerate(rules)])
        done.set()
        for asker in askers:
            assert asker.result() == {(b"3", b"one")}
