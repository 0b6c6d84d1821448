"""Rules, prefix lists, elastic addresses, interfaces, instances and tags, as tools use them.

The sequences are those of Terraform's resources and of the load balancer controller.
"""

import http.client
import ipaddress
import re

import botocore.exceptions
import pytest
from conftest import Weir, World, fixed

ANY = [{"CidrIp": "0.0.0.0/0"}]


@pytest.fixture
def ec2(shared):
    return shared.ec2


def code(call, **values):
    """The code that a call is refused with."""
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        call(**values)
    return refused.value.response["Error"]["Code"]


def named(name, *values):
    return {"Name": name, "Values": list(values)}


def tags(kind, **values):
    return [{"ResourceType": kind, "Tags": [{"Key": k, "Value": v} for k, v in values.items()]}]


def plain(found):
    return {tag["Key"]: tag["Value"] for tag in found}


def make_group(shared, **options):
    name = shared.unique("more")
    return shared.ec2.create_security_group(
        GroupName=name, Description="for tests", **options)["GroupId"]


def tcp(port, **peers):
    return [{"IpProtocol": "tcp", "FromPort": port, "ToPort": port, **peers}]


# --- security groups and rules

def test_terraform_security_group(shared, ec2):
    """aws_security_group: create, take the default egress away, rules, read back, delete."""
    made = ec2.create_security_group(
        GroupName=shared.unique("tf"), Description="Managed", VpcId=shared.vpc,
        TagSpecifications=tags("security-group", Name="tf"))
    group = made["GroupId"]
    assert plain(made["Tags"]) == {"Name": "tf"}
    assert made["SecurityGroupArn"].endswith(f":security-group/{group}")
    everything = {"IpProtocol": "-1", "IpRanges": ANY}
    ec2.revoke_security_group_egress(GroupId=group, IpPermissions=[everything])
    ipv6 = {"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}
    assert code(ec2.revoke_security_group_egress, GroupId=group, IpPermissions=[ipv6]) == (
        "InvalidPermission.NotFound")
    web = tcp(443, IpRanges=[{"CidrIp": "10.0.0.0/8", "Description": "inside"}],
              Ipv6Ranges=[{"CidrIpv6": "2001:db8::/32"}],
              UserIdGroupPairs=[{"GroupId": group}])
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=web)
    ec2.authorize_security_group_egress(GroupId=group, IpPermissions=[everything])
    read, = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"]
    permission, = read["IpPermissions"]
    assert permission["IpRanges"] == [{"CidrIp": "10.0.0.0/8", "Description": "inside"}]
    assert permission["Ipv6Ranges"] == [{"CidrIpv6": "2001:db8::/32"}]
    assert permission["UserIdGroupPairs"][0]["GroupId"] == group
    assert permission["PrefixListIds"] == []
    found, = ec2.describe_security_groups(Filters=[
        named("group-id", group), named("ip-permission.from-port", "443"),
        named("tag:Name", "t?"), named("vpc-id", shared.vpc)])["SecurityGroups"]
    assert found == read
    ec2.delete_security_group(GroupId=group)
    assert code(ec2.describe_security_groups, GroupIds=[group]) == "InvalidGroup.NotFound"
    assert code(ec2.delete_security_group, GroupId=group) == "InvalidGroup.NotFound"
    assert code(ec2.delete_security_group, GroupId="web") == "InvalidGroupId.Malformed"


def test_terraform_security_group_rule_resources(shared, ec2):
    """aws_vpc_security_group_ingress_rule: tags on create, modify, describe by id, revoke by id."""
    group = make_group(shared)
    rule, = ec2.authorize_security_group_ingress(
        GroupId=group, IpPermissions=tcp(80, IpRanges=[{"CidrIp": "10.0.0.0/8"}]),
        TagSpecifications=tags("security-group-rule", Name="web"))["SecurityGroupRules"]
    rule_id = rule["SecurityGroupRuleId"]
    assert re.fullmatch(r"sgr-[0-9a-f]{17}", rule_id) and plain(rule["Tags"]) == {"Name": "web"}
    assert rule["CidrIpv4"] == "10.0.0.0/8" and not rule["IsEgress"]
    ec2.modify_security_group_rules(GroupId=group, SecurityGroupRules=[{
        "SecurityGroupRuleId": rule_id,
        "SecurityGroupRule": {"IpProtocol": "tcp", "FromPort": 8080, "ToPort": 8081,
                              "CidrIpv4": "10.1.2.3/16", "Description": "moved"}}])
    again, = ec2.describe_security_group_rules(
        SecurityGroupRuleIds=[rule_id])["SecurityGroupRules"]
    assert (again["FromPort"], again["ToPort"]) == (8080, 8081)
    assert (again["CidrIpv4"], again["Description"]) == ("10.1.0.0/16", "moved")
    assert plain(again["Tags"]) == {"Name": "web"}
    assert code(ec2.modify_security_group_rules, GroupId=group, SecurityGroupRules=[{
        "SecurityGroupRuleId": "sgr-0123456789abcdef0",
        "SecurityGroupRule": {"IpProtocol": "-1", "CidrIpv4": "0.0.0.0/0"}}]) == (
            "InvalidSecurityGroupRuleId.NotFound")
    ec2.create_tags(Resources=[rule_id], Tags=[{"Key": "team", "Value": "a"}])
    by_tag, = ec2.describe_security_group_rules(Filters=[
        named("group-id", group), named("tag:team", "a")])["SecurityGroupRules"]
    assert by_tag["SecurityGroupRuleId"] == rule_id
    ec2.update_security_group_rule_descriptions_ingress(
        GroupId=group, SecurityGroupRuleDescriptions=[
            {"SecurityGroupRuleId": rule_id, "Description": "by id"}])
    ec2.update_security_group_rule_descriptions_egress(
        GroupId=group, IpPermissions=[
            {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "out"}]}])
    texts = {r.get("Description") for r in ec2.describe_security_group_rules(
        Filters=[named("group-id", group)])["SecurityGroupRules"]}
    assert texts == {"by id", "out"}
    gone = ec2.revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=[rule_id])
    assert gone["RevokedSecurityGroupRules"][0]["SecurityGroupRuleId"] == rule_id
    assert code(ec2.describe_security_group_rules, SecurityGroupRuleIds=[rule_id]) == (
        "InvalidSecurityGroupRuleId.NotFound")
    assert code(ec2.describe_security_group_rules, SecurityGroupRuleIds=["x"]) == (
        "InvalidSecurityGroupRuleId.Malformed")
    ec2.delete_security_group(GroupId=group)


def test_codes_that_the_controller_branches_on(shared, ec2):
    group, other = make_group(shared), make_group(shared)
    allow, deny = ec2.authorize_security_group_ingress, ec2.revoke_security_group_ingress
    web = tcp(80, IpRanges=ANY)
    allow(GroupId=group, IpPermissions=web)
    assert code(allow, GroupId=group, IpPermissions=web) == "InvalidPermission.Duplicate"
    assert code(allow, GroupId=group, IpPermissions=tcp(81, IpRanges=ANY) * 2) == (
        "InvalidParameterValue")
    assert code(deny, GroupId=group, IpPermissions=tcp(82, IpRanges=ANY)) == (
        "InvalidPermission.NotFound")
    many = [{"CidrIp": f"10.0.{i}.0/24"} for i in range(60)]
    assert code(allow, GroupId=group, IpPermissions=tcp(83, IpRanges=many)) == (
        "RulesPerSecurityGroupLimitExceeded")
    # The quota is one for each address family.
    six = [{"CidrIpv6": f"2001:db8:{i:x}::/48"} for i in range(60)]
    allow(GroupId=group, IpPermissions=tcp(83, Ipv6Ranges=six))
    allow(GroupId=other, IpPermissions=tcp(80, UserIdGroupPairs=[{"GroupId": group}]))
    assert code(ec2.delete_security_group, GroupId=group) == "DependencyViolation"
    missing = tcp(80, UserIdGroupPairs=[{"GroupId": "sg-0123456789abcdef0"}])
    assert code(allow, GroupId=group, IpPermissions=missing) == "InvalidGroup.NotFound"
    names = [g["GroupName"] for g in ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"]]
    assert code(ec2.create_security_group, GroupName=names[0], Description="x") == (
        "InvalidGroup.Duplicate")
    ec2.delete_security_group(GroupId=other)
    ec2.delete_security_group(GroupId=group)


def test_groups_of_a_vpc_page_by_page(shared, ec2):
    made = {make_group(shared) for _ in range(6)}
    seen, token, pages = set(), None, 0
    while True:
        more = {"NextToken": token} if token else {}
        page = ec2.get_security_groups_for_vpc(VpcId=shared.vpc, MaxResults=5, **more)
        seen |= {g["GroupId"] for g in page["SecurityGroupForVpcs"]}
        pages += 1
        token = page.get("NextToken")
        if not token:
            break
    assert made <= seen and pages >= 2
    one = ec2.get_security_groups_for_vpc(
        VpcId=shared.vpc, Filters=[named("group-id", min(made))])["SecurityGroupForVpcs"]
    assert [g["GroupId"] for g in one] == [min(made)] and one[0]["PrimaryVpcId"] == shared.vpc
    for group in made:
        ec2.delete_security_group(GroupId=group)


# --- prefix lists

def test_terraform_managed_prefix_list(shared, ec2):
    """aws_ec2_managed_prefix_list: create, wait, read entries, modify with the version, delete."""
    made = ec2.create_managed_prefix_list(
        PrefixListName="office", AddressFamily="IPv4", MaxEntries=5,
        Entries=[{"Cidr": "10.0.0.0/8", "Description": "first"}, {"Cidr": "192.168.0.0/16"}],
        TagSpecifications=tags("prefix-list", Name="office"))["PrefixList"]
    own = made["PrefixListId"]
    assert made["State"] == "create-in-progress" and made["Version"] == 1

    def read():
        return ec2.describe_managed_prefix_lists(PrefixListIds=[own])["PrefixLists"][0]

    def blocks(**more):
        entries = ec2.get_managed_prefix_list_entries(PrefixListId=own, **more)["Entries"]
        return [entry["Cidr"] for entry in entries]

    now = read()
    assert now["State"] == "create-complete" and now["MaxEntries"] == 5
    assert now["PrefixListArn"].endswith(f":prefix-list/{own}") and plain(now["Tags"]) == {"Name": "office"}
    assert blocks() == ["10.0.0.0/8", "192.168.0.0/16"]
    # The provider resizes in a call of its own, and waits for the same state.
    resized = ec2.modify_managed_prefix_list(PrefixListId=own, MaxEntries=6)["PrefixList"]
    assert resized["State"] == "modify-in-progress"
    now = read()
    assert (now["State"], now["MaxEntries"], now["Version"]) == ("modify-complete", 6, 1)
    changed = ec2.modify_managed_prefix_list(
        PrefixListId=own, CurrentVersion=1, AddEntries=[{"Cidr": "172.16.0.0/12"}],
        RemoveEntries=[{"Cidr": "10.0.0.0/8"}])["PrefixList"]
    assert changed["Version"] == 2 and changed["State"] == "modify-in-progress"
    assert read()["State"] == "modify-complete"
    assert blocks() == ["172.16.0.0/12", "192.168.0.0/16"]
    assert blocks(TargetVersion=1) == ["10.0.0.0/8", "192.168.0.0/16"]
    modify = ec2.modify_managed_prefix_list
    assert code(modify, PrefixListId=own, CurrentVersion=1, AddEntries=[{"Cidr": "10.0.0.0/8"}]) == (
        "PrefixListVersionMismatch")
    assert code(modify, PrefixListId=own, CurrentVersion=2, MaxEntries=9,
                AddEntries=[{"Cidr": "10.0.0.0/8"}]) == "InvalidParameterCombination"
    assert modify(PrefixListId=own, MaxEntries=9)["PrefixList"]["MaxEntries"] == 9
    by_name = ec2.describe_managed_prefix_lists(
        Filters=[named("prefix-list-name", "off*")])["PrefixLists"]
    assert own in [found["PrefixListId"] for found in by_name]
    group = make_group(shared)
    ec2.authorize_security_group_ingress(
        GroupId=group, IpPermissions=tcp(80, PrefixListIds=[{"PrefixListId": own}]))
    permission, = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"]
    assert permission["PrefixListIds"] == [{"PrefixListId": own}]
    assert code(ec2.delete_managed_prefix_list, PrefixListId=own) == "DependencyViolation"
    ec2.delete_security_group(GroupId=group)
    gone = ec2.delete_managed_prefix_list(PrefixListId=own)["PrefixList"]
    assert gone["State"] == "delete-in-progress"
    assert code(ec2.describe_managed_prefix_lists, PrefixListIds=[own]) == "InvalidPrefixListID.NotFound"
    assert code(ec2.get_managed_prefix_list_entries, PrefixListId=own) == "InvalidPrefixListID.NotFound"


def test_entries_page_by_page(ec2):
    blocks = [{"Cidr": f"10.0.{i}.0/24"} for i in range(12)]
    own = ec2.create_managed_prefix_list(
        PrefixListName="long", AddressFamily="IPv4", MaxEntries=20, Entries=blocks,
    )["PrefixList"]["PrefixListId"]
    pages = ec2.get_paginator("get_managed_prefix_list_entries").paginate(
        PrefixListId=own, PaginationConfig={"PageSize": 4})
    found = [[entry["Cidr"] for entry in page["Entries"]] for page in pages]
    assert [len(page) for page in found] == [4, 4, 4]
    assert sum(found, []) == [block["Cidr"] for block in blocks]
    ec2.delete_managed_prefix_list(PrefixListId=own)


def connects(address, source):
    connection = http.client.HTTPConnection(address, 80, timeout=10, source_address=(source, 0))
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def test_prefix_lists_are_enforced_at_accept(shared, ec2):
    own = ec2.create_managed_prefix_list(
        PrefixListName="friends", AddressFamily="IPv4", MaxEntries=2,
        Entries=[{"Cidr": "127.0.0.2/32"}])["PrefixList"]["PrefixListId"]
    group = make_group(shared)
    ec2.authorize_security_group_ingress(
        GroupId=group, IpPermissions=tcp(80, PrefixListIds=[{"PrefixListId": own}]))
    site = shared.site(SecurityGroups=[group])
    site.answer(fixed("hello"))
    assert connects(site.address, "127.0.0.2") and not connects(site.address, "127.0.0.3")
    ec2.modify_managed_prefix_list(
        PrefixListId=own, CurrentVersion=1, AddEntries=[{"Cidr": "127.0.0.3/32"}],
        RemoveEntries=[{"Cidr": "127.0.0.2/32"}])
    assert connects(site.address, "127.0.0.3") and not connects(site.address, "127.0.0.2")
    shared.elb.delete_load_balancer(LoadBalancerArn=site.lb)
    ec2.delete_security_group(GroupId=group)
    ec2.delete_managed_prefix_list(PrefixListId=own)


# --- elastic addresses

def test_terraform_eip(shared, ec2):
    """aws_eip: allocate, read by allocation, attributes, associate, disassociate, release."""
    made = ec2.allocate_address(Domain="vpc", TagSpecifications=tags("elastic-ip", Name="nat"))
    own, ip = made["AllocationId"], made["PublicIp"]
    assert re.fullmatch(r"eipalloc-[0-9a-f]{17}", own)
    assert (made["Domain"], made["PublicIpv4Pool"]) == ("vpc", "amazon")
    assert made["NetworkBorderGroup"] == "us-east-1" and ipaddress.ip_address(ip)

    def read():
        return ec2.describe_addresses(AllocationIds=[own])["Addresses"][0]

    assert plain(read()["Tags"]) == {"Name": "nat"} and "AssociationId" not in read()
    attribute, = ec2.describe_addresses_attribute(AllocationIds=[own])["Addresses"]
    assert (attribute["AllocationId"], attribute["PublicIp"]) == (own, ip)
    instance = ec2.run_instances(ImageId="ami-1", MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
    association = ec2.associate_address(AllocationId=own, InstanceId=instance)["AssociationId"]
    now = read()
    assert (now["AssociationId"], now["InstanceId"]) == (association, instance)
    told = ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
    assert told["PublicIpAddress"] == ip and now["PrivateIpAddress"] == told["PrivateIpAddress"]
    interface, = ec2.describe_network_interfaces(
        Filters=[named("association.allocation-id", own)])["NetworkInterfaces"]
    assert interface["Association"]["PublicIp"] == ip
    assert interface["NetworkInterfaceId"] == now["NetworkInterfaceId"]
    assert ec2.describe_addresses(Filters=[named("instance-id", instance)])["Addresses"] == [now]
    assert code(ec2.release_address, AllocationId=own) == "InvalidIPAddress.InUse"
    ec2.disassociate_address(AssociationId=association)
    assert code(ec2.disassociate_address, AssociationId=association) == "InvalidAssociationID.NotFound"
    ec2.release_address(AllocationId=own)
    assert code(ec2.describe_addresses, AllocationIds=[own]) == "InvalidAllocationID.NotFound"
    assert code(ec2.release_address, AllocationId=own) == "InvalidAllocationID.NotFound"
    assert code(ec2.describe_addresses, PublicIps=[ip]) == "InvalidAddress.NotFound"
    back = ec2.allocate_address(Domain="vpc", Address=ip)
    assert back["PublicIp"] == ip
    ec2.release_address(AllocationId=back["AllocationId"])
    ec2.terminate_instances(InstanceIds=[instance])


def test_the_quota_of_elastic_addresses(ec2):
    made = []
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        for _ in range(20):
            made.append(ec2.allocate_address(Domain="vpc")["AllocationId"])
    assert refused.value.response["Error"]["Code"] == "AddressLimitExceeded"
    for own in made:
        ec2.release_address(AllocationId=own)


def test_a_network_load_balancer_holds_its_elastic_addresses(tmp_path):
    """Who has an address is told from the load balancer, and only its deletion frees it."""
    weir = Weir(tmp_path / "data", extra_env={"WEIR_ALLOW_UNSERVED_TYPES": "true"}).start()
    try:
        world = World(weir)
        ec2, elb = world.ec2, world.elb
        own = [ec2.allocate_address(Domain="vpc")["AllocationId"] for _ in range(2)]
        mappings = [{"SubnetId": s, "AllocationId": a} for s, a in zip(world.subnets, own)]
        lb, = elb.create_load_balancer(
            Name="fixed", Type="network", SubnetMappings=mappings)["LoadBalancers"]
        name = lb["LoadBalancerArn"].split("loadbalancer/")[1]
        address, = ec2.describe_addresses(AllocationIds=own[:1])["Addresses"]
        assert address["NetworkInterfaceOwnerId"] == "amazon-aws" and "InstanceId" not in address
        interface, = ec2.describe_network_interfaces(
            NetworkInterfaceIds=[address["NetworkInterfaceId"]])["NetworkInterfaces"]
        assert interface["Description"] == f"ELB {name}" and name.startswith("net/")
        assert interface["InterfaceType"] == "network_load_balancer"
        assert interface["Attachment"]["InstanceOwnerId"] == "amazon-aws"
        assert interface["Association"]["AllocationId"] == own[0]
        assert interface["Association"]["PublicIp"] == address["PublicIp"]
        assert code(ec2.release_address, AllocationId=own[0]) == "AuthFailure"
        assert code(ec2.disassociate_address, AssociationId=address["AssociationId"]) == "AuthFailure"
        elb.delete_load_balancer(LoadBalancerArn=lb["LoadBalancerArn"])
        asked = [named("attachment.instance-owner-id", "amazon-aws"), named("description", f"ELB {name}")]
        assert ec2.describe_network_interfaces(Filters=asked)["NetworkInterfaces"] == []
        for one in own:
            ec2.release_address(AllocationId=one)
    finally:
        weir.stop()


# --- interfaces

def test_terraform_network_interface(shared, ec2):
    """aws_network_interface: create, attach, change, detach, delete."""
    group = make_group(shared)
    made = ec2.create_network_interface(
        SubnetId=shared.subnets[0], Description="own", Groups=[group],
        SecondaryPrivateIpAddressCount=1,
        TagSpecifications=tags("network-interface", Name="own"))["NetworkInterface"]
    own = made["NetworkInterfaceId"]
    assert made["Status"] == "pending" and len(made["PrivateIpAddresses"]) == 2

    def read():
        return ec2.describe_network_interfaces(NetworkInterfaceIds=[own])["NetworkInterfaces"][0]

    now = read()
    assert now["Status"] == "available" and plain(now["TagSet"]) == {"Name": "own"}
    assert not now["RequesterManaged"] and now["InterfaceType"] == "interface"
    assert code(ec2.delete_security_group, GroupId=group) == "DependencyViolation"
    zone = now["AvailabilityZone"]
    instance = ec2.run_instances(ImageId="ami-1", MinCount=1, MaxCount=1, Placement={
        "AvailabilityZone": zone})["Instances"][0]["InstanceId"]
    attachment = ec2.attach_network_interface(
        NetworkInterfaceId=own, InstanceId=instance, DeviceIndex=1)["AttachmentId"]
    assert read()["Attachment"]["InstanceId"] == instance and read()["Status"] == "in-use"
    told = ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
    assert own in [i["NetworkInterfaceId"] for i in told["NetworkInterfaces"]]
    assert code(ec2.delete_network_interface, NetworkInterfaceId=own) == "InvalidParameterValue"
    assert code(ec2.attach_network_interface, NetworkInterfaceId=own, InstanceId=instance,
                DeviceIndex=2) == "InvalidNetworkInterface.InUse"
    modify = ec2.modify_network_interface_attribute
    modify(NetworkInterfaceId=own, Description={"Value": "changed"})
    modify(NetworkInterfaceId=own, SourceDestCheck={"Value": False})
    modify(NetworkInterfaceId=own, Attachment={"AttachmentId": attachment, "DeleteOnTermination": True})
    now = read()
    assert now["Description"] == "changed" and not now["SourceDestCheck"]
    assert now["Attachment"]["DeleteOnTermination"]
    one = ec2.describe_network_interface_attribute(NetworkInterfaceId=own, Attribute="groupSet")
    assert [g["GroupId"] for g in one["Groups"]] == [group]
    assigned = ec2.assign_private_ip_addresses(NetworkInterfaceId=own, SecondaryPrivateIpAddressCount=1)
    extra = assigned["AssignedPrivateIpAddresses"][0]["PrivateIpAddress"]
    by_address, = ec2.describe_network_interfaces(Filters=[
        named("addresses.private-ip-address", extra), named("vpc-id", shared.vpc)])["NetworkInterfaces"]
    assert by_address["NetworkInterfaceId"] == own
    ec2.unassign_private_ip_addresses(NetworkInterfaceId=own, PrivateIpAddresses=[extra])
    ec2.detach_network_interface(AttachmentId=attachment)
    assert read()["Status"] == "available"
    ec2.delete_network_interface(NetworkInterfaceId=own)
    assert code(ec2.describe_network_interfaces, NetworkInterfaceIds=[own]) == (
        "InvalidNetworkInterfaceID.NotFound")
    ec2.terminate_instances(InstanceIds=[instance])
    ec2.delete_security_group(GroupId=group)


def test_interfaces_of_load_balancers_are_not_ours(shared, ec2):
    site = shared.site()
    name = site.lb.split("loadbalancer/")[1]
    asked = [named("attachment.instance-owner-id", "amazon-elb"), named("description", f"ELB {name}")]
    found = ec2.describe_network_interfaces(Filters=asked)["NetworkInterfaces"]
    assert len(found) == 2
    own = found[0]["NetworkInterfaceId"]
    assert found[0]["RequesterId"] == "amazon-elb" and found[0]["RequesterManaged"]
    assert found[0]["Attachment"]["AttachmentId"].startswith("ela-attach-")
    assert code(ec2.delete_network_interface, NetworkInterfaceId=own) == "InvalidParameterValue"
    assert code(ec2.detach_network_interface,
                AttachmentId=found[0]["Attachment"]["AttachmentId"]) == "OperationNotPermitted"
    assert code(ec2.modify_network_interface_attribute, NetworkInterfaceId=own,
                Description={"Value": "x"}) == "AuthFailure"
    ec2.create_tags(Resources=[own], Tags=[{"Key": "seen", "Value": "yes"}])
    tagged = ec2.describe_tags(Filters=[named("resource-id", own)])["Tags"]
    assert [(t["ResourceType"], t["Key"]) for t in tagged] == [("network-interface", "seen")]
    by_requester = ec2.describe_network_interfaces(Filters=[
        named("requester-id", "amazon-elb"), named("tag-key", "seen"),
        named("network-interface-id", own)])["NetworkInterfaces"]
    assert [i["NetworkInterfaceId"] for i in by_requester] == [own]
    shared.elb.delete_load_balancer(LoadBalancerArn=site.lb)
    assert ec2.describe_network_interfaces(Filters=asked)["NetworkInterfaces"] == []


# --- instances

def test_terraform_instance_reads(shared, ec2):
    """aws_instance: launch with everything, the reads of a refresh, protection, delete."""
    group = make_group(shared)
    made = ec2.run_instances(
        ImageId="ami-0123456789abcdef0", InstanceType="t3.micro", MinCount=1, MaxCount=1,
        SubnetId=shared.subnets[1], SecurityGroupIds=[group], KeyName="ops", UserData="#!/bin/sh",
        DisableApiTermination=True, IamInstanceProfile={"Name": "web"},
        MetadataOptions={"HttpTokens": "required"}, Monitoring={"Enabled": True},
        TagSpecifications=tags("instance", Name="web") + tags("volume", Name="disk")
        + tags("network-interface", Name="eth0"))["Instances"][0]
    own = made["InstanceId"]
    told = ec2.describe_instances(InstanceIds=[own])["Reservations"][0]["Instances"][0]
    assert told["State"]["Name"] == "running" and told["KeyName"] == "ops"
    assert told["MetadataOptions"]["HttpTokens"] == "required"
    assert told["Monitoring"]["State"] == "enabled"
    assert told["IamInstanceProfile"]["Arn"].endswith(":instance-profile/web")
    assert told["PrivateDnsName"].startswith("ip-127-")
    eth0 = told["NetworkInterfaces"][0]["NetworkInterfaceId"]
    tag_set = ec2.describe_network_interfaces(NetworkInterfaceIds=[eth0])["NetworkInterfaces"][0]["TagSet"]
    assert plain(tag_set) == {"Name": "eth0"}

    def attribute(name):
        return ec2.describe_instance_attribute(InstanceId=own, Attribute=name)

    assert attribute("disableApiTermination")["DisableApiTermination"]["Value"]
    assert not attribute("disableApiStop")["DisableApiStop"]["Value"]
    assert attribute("userData")["UserData"]["Value"] == "IyEvYmluL3No"
    assert attribute("instanceInitiatedShutdownBehavior")["InstanceInitiatedShutdownBehavior"]["Value"] == "stop"
    assert attribute("groupSet")["Groups"][0]["GroupId"] == group
    assert ec2.describe_volumes(Filters=[named("attachment.instance-id", own)])["Volumes"] == []
    credit, = ec2.describe_instance_credit_specifications(InstanceIds=[own])["InstanceCreditSpecifications"]
    assert credit["CpuCredits"] == "unlimited"
    kind, = ec2.describe_instance_types(InstanceTypes=["t3.micro"])["InstanceTypes"]
    assert kind["BurstablePerformanceSupported"]
    profile, = ec2.describe_iam_instance_profile_associations(
        Filters=[named("instance-id", own)])["IamInstanceProfileAssociations"]
    assert profile["State"] == "associated"
    assert ec2.describe_key_pairs(KeyNames=["ops"])["KeyPairs"][0]["KeyName"] == "ops"
    assert code(ec2.describe_key_pairs, KeyNames=["nobody"]) == "InvalidKeyPair.NotFound"
    assert code(ec2.describe_volumes, VolumeIds=["vol-0123456789abcdef0"]) == "InvalidVolume.NotFound"
    ec2.reboot_instances(InstanceIds=[own])
    modify = ec2.modify_instance_attribute
    assert code(ec2.terminate_instances, InstanceIds=[own]) == "OperationNotPermitted"
    assert code(modify, InstanceId=own, InstanceType={"Value": "t3.large"}) == "IncorrectInstanceState"
    modify(InstanceId=own, SourceDestCheck={"Value": False})
    assert not attribute("sourceDestCheck")["SourceDestCheck"]["Value"]
    ec2.stop_instances(InstanceIds=[own])
    modify(InstanceId=own, InstanceType={"Value": "t3.large"})
    modify(InstanceId=own, UserData={"Value": b"#!/bin/bash"})
    assert attribute("userData")["UserData"]["Value"] == "IyEvYmluL2Jhc2g="
    assert attribute("instanceType")["InstanceType"]["Value"] == "t3.large"
    modify(InstanceId=own, DisableApiTermination={"Value": False})
    modify(InstanceId=own, Groups=[shared.ec2.describe_security_groups(
        GroupNames=["default"])["SecurityGroups"][0]["GroupId"]])
    ec2.delete_security_group(GroupId=group)
    ec2.terminate_instances(InstanceIds=[own])
    assert code(ec2.describe_network_interfaces, NetworkInterfaceIds=[eth0]) == (
        "InvalidNetworkInterfaceID.NotFound")


def test_instances_in_a_network_of_ones_own(ec2, shared):
    """A VPC with IPv6: what is launched there has its groups, its addresses, its names."""
    vpc = ec2.create_vpc(CidrBlock="10.77.0.0/16", AmazonProvidedIpv6CidrBlock=True)["Vpc"]["VpcId"]
    block = ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"]
    six = next(ipaddress.ip_network(block).subnets(new_prefix=64))
    subnet = ec2.create_subnet(
        VpcId=vpc, CidrBlock="10.77.1.0/24", Ipv6CidrBlock=str(six))["Subnet"]["SubnetId"]
    group = make_group(shared, VpcId=vpc)
    egress = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissionsEgress"]
    assert [p["Ipv6Ranges"] for p in egress] == [[{"CidrIpv6": "::/0"}]]
    own = ec2.run_instances(
        ImageId="ami-1", MinCount=1, MaxCount=1, SubnetId=subnet, SecurityGroupIds=[group],
        Ipv6AddressCount=1)["Instances"][0]["InstanceId"]
    told = ec2.describe_instances(InstanceIds=[own])["Reservations"][0]["Instances"][0]
    assert ipaddress.ip_address(told["PrivateIpAddress"]) in ipaddress.ip_network("10.77.1.0/24")
    assert ipaddress.ip_address(told["Ipv6Address"]) in six and told["VpcId"] == vpc
    made = ec2.create_network_interface(
        SubnetId=subnet, Ipv6AddressCount=2)["NetworkInterface"]["NetworkInterfaceId"]
    by_six, = ec2.describe_network_interfaces(Filters=[
        named("ipv6-addresses.ipv6-address", told["Ipv6Address"])])["NetworkInterfaces"]
    assert by_six["Attachment"]["InstanceId"] == own
    foreign = ec2.describe_security_groups(GroupNames=["default"])["SecurityGroups"][0]["GroupId"]
    assert code(ec2.run_instances, ImageId="ami-1", MinCount=1, MaxCount=1, SubnetId=subnet,
                SecurityGroupIds=[foreign]) == "InvalidGroup.NotFound"
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    assert code(ec2.associate_address, AllocationId=address, InstanceId=own) == "Gateway.NotAttached"
    ec2.release_address(AllocationId=address)
    assert code(ec2.delete_subnet, SubnetId=subnet) == "DependencyViolation"
    ec2.terminate_instances(InstanceIds=[own])
    ec2.delete_network_interface(NetworkInterfaceId=made)
    ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_security_group(GroupId=group)
    ec2.delete_vpc(VpcId=vpc)


# --- tags and filters

def test_tags_on_everything(shared, ec2):
    list_id = ec2.create_managed_prefix_list(
        PrefixListName="t", AddressFamily="IPv4", MaxEntries=1)["PrefixList"]["PrefixListId"]
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    interface = ec2.create_network_interface(
        SubnetId=shared.subnets[0])["NetworkInterface"]["NetworkInterfaceId"]
    group = make_group(shared)
    rule = ec2.describe_security_group_rules(
        Filters=[named("group-id", group)])["SecurityGroupRules"][0]["SecurityGroupRuleId"]
    own = {list_id: "prefix-list", address: "elastic-ip", interface: "network-interface",
           group: "security-group", rule: "security-group-rule"}
    mark = shared.unique("mark")
    ec2.create_tags(Resources=list(own), Tags=[{"Key": "mark", "Value": mark}, {"Key": "x", "Value": "1"}])
    found = ec2.describe_tags(Filters=[named("key", "mark"), named("value", mark)])["Tags"]
    assert {t["ResourceId"]: t["ResourceType"] for t in found} == own
    some = ec2.describe_tags(Filters=[
        named("resource-type", "elastic-ip", "prefix-list"), named("tag:mark", mark)])["Tags"]
    assert {t["ResourceId"] for t in some} == {list_id, address}
    ec2.delete_tags(Resources=list(own), Tags=[{"Key": "mark"}, {"Key": "x", "Value": "other"}])
    left = ec2.describe_tags(Filters=[named("resource-id", *own)])["Tags"]
    assert {(t["ResourceId"], t["Key"]) for t in left} == {(one, "x") for one in own}
    ec2.release_address(AllocationId=address)
    ec2.delete_managed_prefix_list(PrefixListId=list_id)
    ec2.delete_network_interface(NetworkInterfaceId=interface)
    ec2.delete_security_group(GroupId=group)
    assert code(ec2.create_tags, Resources=["vol-0123456789abcdef0"],
                Tags=[{"Key": "a", "Value": "b"}]) == "InvalidVolume.NotFound"


def test_filters_are_checked(ec2):
    for call in (ec2.describe_addresses, ec2.describe_managed_prefix_lists,
                 ec2.describe_security_group_rules, ec2.describe_network_interfaces,
                 ec2.describe_volumes, ec2.describe_tags):
        assert code(call, Filters=[named("no-such-filter", "x")]) == "InvalidParameterValue"
    many = [str(i) for i in range(201)]
    assert code(ec2.describe_network_interfaces, Filters=[named("subnet-id", *many)]) == (
        "FilterLimitExceeded")
