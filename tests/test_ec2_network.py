"""VPCs, subnets, gateways and route tables through boto3: the calls of the Terraform provider's
network resources (create, read back without a difference, update, delete) with the codes that it
branches on, and what the AWS Load Balancer Controller reads to sort subnets."""

import ipaddress
import re

import botocore.exceptions
import pytest

TAGS = [{"Key": "Name", "Value": "net"}, {"Key": "team", "Value": "a"}]


@pytest.fixture(scope="module")
def ec2(shared_weir):
    return shared_weir.client("ec2")


def tagged(kind):
    return [{"ResourceType": kind, "Tags": TAGS}]


def filters(**values):
    return [
        {"Name": name.replace("__", ".").replace("_", "-"), "Values": [value]}
        for name, value in values.items()
    ]


def by_tag(key, value):
    return [{"Name": f"tag:{key}", "Values": [value]}]


def refused(code, call, **arguments):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(**arguments)
    assert caught.value.response["Error"]["Code"] == code, caught.value
    return caught.value.response["Error"]["Message"]


def tags_of(record):
    return sorted(record["Tags"], key=lambda tag: tag["Key"])


def make_vpc(ec2, cidr="10.20.0.0/16", **arguments):
    return ec2.create_vpc(CidrBlock=cidr, **arguments)["Vpc"]["VpcId"]


def sweep(ec2, vpc):
    """Takes a network down in Terraform's order."""
    for gateway in ec2.describe_internet_gateways(
            Filters=filters(attachment__vpc_id=vpc))["InternetGateways"]:
        ec2.detach_internet_gateway(InternetGatewayId=gateway["InternetGatewayId"], VpcId=vpc)
        ec2.delete_internet_gateway(InternetGatewayId=gateway["InternetGatewayId"])
    for subnet in ec2.describe_subnets(Filters=filters(vpc_id=vpc))["Subnets"]:
        ec2.delete_subnet(SubnetId=subnet["SubnetId"])
    for table in ec2.describe_route_tables(Filters=filters(vpc_id=vpc))["RouteTables"]:
        if not any(association["Main"] for association in table["Associations"]):
            ec2.delete_route_table(RouteTableId=table["RouteTableId"])
    ec2.delete_vpc(VpcId=vpc)


@pytest.fixture
def vpc(ec2):
    made = make_vpc(ec2)
    yield made
    sweep(ec2, made)


def attribute(ec2, vpc, name):
    answer = ec2.describe_vpc_attribute(VpcId=vpc, Attribute=name)
    return answer[name[0].upper() + name[1:]]["Value"]


def test_aws_vpc(ec2):
    made = ec2.create_vpc(
        CidrBlock="10.20.0.0/16", InstanceTenancy="default",
        TagSpecifications=tagged("vpc"))["Vpc"]
    vpc = made["VpcId"]
    assert re.fullmatch(r"vpc-[0-9a-f]{17}", vpc) and made["State"] in ("pending", "available")
    read, = ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"]
    assert (read["State"], read["CidrBlock"], read["InstanceTenancy"], read["IsDefault"]) == (
        "available", "10.20.0.0/16", "default", False)
    assert tags_of(read) == TAGS and read["DhcpOptionsId"].startswith("dopt-")
    block, = read["CidrBlockAssociationSet"]
    assert block["CidrBlock"] == "10.20.0.0/16" and block["CidrBlockState"]["State"] == "associated"
    assert not read.get("Ipv6CidrBlockAssociationSet")
    assert attribute(ec2, vpc, "enableDnsSupport") is True
    assert attribute(ec2, vpc, "enableDnsHostnames") is False
    assert attribute(ec2, vpc, "enableNetworkAddressUsageMetrics") is False
    acl, = ec2.describe_network_acls(Filters=filters(vpc_id=vpc, default="true"))["NetworkAcls"]
    assert acl["IsDefault"] and acl["NetworkAclId"].startswith("acl-") and len(acl["Entries"]) == 4
    table, = ec2.describe_route_tables(
        Filters=filters(vpc_id=vpc, association__main="true"))["RouteTables"]
    assert [(r["DestinationCidrBlock"], r["GatewayId"], r["State"], r["Origin"])
            for r in table["Routes"]] == [("10.20.0.0/16", "local", "active", "CreateRouteTable")]
    group, = ec2.describe_security_groups(
        Filters=filters(vpc_id=vpc, group_name="default"))["SecurityGroups"]
    inside, = group["IpPermissions"]
    assert inside["IpProtocol"] == "-1"
    assert [pair["GroupId"] for pair in inside["UserIdGroupPairs"]] == [group["GroupId"]]
    assert not inside["IpRanges"], "the open rule is one of the default network only"
    # update
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    assert attribute(ec2, vpc, "enableDnsHostnames") is True
    ec2.modify_vpc_attribute(VpcId=vpc, EnableNetworkAddressUsageMetrics={"Value": True})
    assert attribute(ec2, vpc, "enableNetworkAddressUsageMetrics") is True
    refused("InvalidParameterCombination", ec2.modify_vpc_attribute, VpcId=vpc)
    ec2.create_tags(Resources=[vpc], Tags=[{"Key": "team", "Value": "b"}])
    assert [v["VpcId"] for v in ec2.describe_vpcs(Filters=by_tag("team", "b"))["Vpcs"]] == [vpc]
    # delete
    ec2.delete_vpc(VpcId=vpc)
    refused("InvalidVpcID.NotFound", ec2.describe_vpcs, VpcIds=[vpc])
    refused("InvalidVpcID.NotFound", ec2.delete_vpc, VpcId=vpc)
    refused("InvalidVpcID.NotFound", ec2.describe_vpc_attribute, VpcId=vpc,
            Attribute="enableDnsSupport")
    left = ec2.describe_security_groups(Filters=filters(vpc_id=vpc))["SecurityGroups"]
    assert left == [] and ec2.describe_route_tables(Filters=filters(vpc_id=vpc))["RouteTables"] == []


def test_vpcs_are_refused_as_aws_does(ec2, vpc):
    refused("InvalidVpc.Range", ec2.create_vpc, CidrBlock="10.0.0.0/8")
    refused("InvalidVpc.Range", ec2.create_vpc, CidrBlock="10.0.0.0/29")
    text = refused("InvalidParameterValue", ec2.create_vpc, CidrBlock="10.0.0.0")
    assert text == ("Value (10.0.0.0) for parameter cidrBlock is invalid. This is not a valid CIDR "
                    "block.")
    refused("MissingParameter", ec2.create_vpc)
    refused("InvalidVpcID.Malformed", ec2.describe_vpcs, VpcIds=["net-1"])
    refused("InvalidParameterValue", ec2.describe_vpcs, Filters=filters(colour="red"))
    refused("InvalidParameterValue", ec2.create_vpc, CidrBlock="10.0.0.0/16",
            TagSpecifications=tagged("subnet"))
    refused("DryRunOperation", ec2.create_vpc, CidrBlock="10.0.0.0/16", DryRun=True)
    refused("DefaultVpcAlreadyExists", ec2.create_default_vpc)
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.20.1.0/24")["Subnet"]["SubnetId"]
    text = refused("DependencyViolation", ec2.delete_vpc, VpcId=vpc)
    assert text == f"The vpc '{vpc}' has dependencies and cannot be deleted."
    ec2.delete_subnet(SubnetId=subnet)


def test_aws_vpc_ipv4_and_ipv6_cidr_block_association(ec2, vpc):
    second = ec2.associate_vpc_cidr_block(VpcId=vpc, CidrBlock="10.21.0.0/16")
    second = second["CidrBlockAssociation"]["AssociationId"]
    sixth = ec2.associate_vpc_cidr_block(VpcId=vpc, AmazonProvidedIpv6CidrBlock=True)
    sixth = sixth["Ipv6CidrBlockAssociation"]
    assert sixth["Ipv6CidrBlock"].endswith("/56")
    read, = ec2.describe_vpcs(Filters=[
        {"Name": "cidr-block-association.association-id", "Values": [second]}])["Vpcs"]
    assert [b["CidrBlock"] for b in read["CidrBlockAssociationSet"]] == [
        "10.20.0.0/16", "10.21.0.0/16"]
    assert read["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlockState"]["State"] == "associated"
    routes = ec2.describe_route_tables(Filters=filters(vpc_id=vpc))["RouteTables"][0]["Routes"]
    assert [r["GatewayId"] for r in routes] == ["local"] * 3
    refused("CidrConflict", ec2.associate_vpc_cidr_block, VpcId=vpc, CidrBlock="10.21.128.0/20")
    primary = read["CidrBlockAssociationSet"][0]["AssociationId"]
    refused("OperationNotPermitted", ec2.disassociate_vpc_cidr_block, AssociationId=primary)
    # a dual-stack subnet in the new blocks
    network = ipaddress.ip_network(sixth["Ipv6CidrBlock"])
    block = str(next(network.subnets(new_prefix=64)))
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.21.0.0/24", Ipv6CidrBlock=block)["Subnet"]
    association, = subnet["Ipv6CidrBlockAssociationSet"]
    assert association["Ipv6CidrBlock"] == block
    ec2.modify_subnet_attribute(SubnetId=subnet["SubnetId"],
                                AssignIpv6AddressOnCreation={"Value": True})
    read, = ec2.describe_subnets(Filters=[
        {"Name": "ipv6-cidr-block-association.ipv6-cidr-block", "Values": [block]}])["Subnets"]
    assert read["AssignIpv6AddressOnCreation"] is True
    refused("DependencyViolation", ec2.disassociate_vpc_cidr_block, AssociationId=second)
    refused("DependencyViolation", ec2.disassociate_vpc_cidr_block,
            AssociationId=sixth["AssociationId"])
    ec2.disassociate_subnet_cidr_block(AssociationId=association["AssociationId"])
    other = ec2.associate_subnet_cidr_block(SubnetId=subnet["SubnetId"], Ipv6CidrBlock=block)
    other = other["Ipv6CidrBlockAssociation"]
    assert other["AssociationId"] != association["AssociationId"]
    ec2.delete_subnet(SubnetId=subnet["SubnetId"])
    gone = ec2.disassociate_vpc_cidr_block(AssociationId=second)["CidrBlockAssociation"]
    assert gone["CidrBlockState"]["State"] == "disassociating"
    ec2.disassociate_vpc_cidr_block(AssociationId=sixth["AssociationId"])
    refused("InvalidVpcCidrBlockAssociationID.NotFound", ec2.disassociate_vpc_cidr_block,
            AssociationId=second)
    refused("InvalidSubnetCidrBlockAssociationID.NotFound", ec2.disassociate_subnet_cidr_block,
            AssociationId=other["AssociationId"])


def test_aws_subnet(ec2, vpc):
    made = ec2.create_subnet(
        VpcId=vpc, CidrBlock="10.20.1.0/24", AvailabilityZone="us-east-1b",
        TagSpecifications=tagged("subnet"))["Subnet"]
    subnet = made["SubnetId"]
    read, = ec2.describe_subnets(SubnetIds=[subnet])["Subnets"]
    assert read == made, "what is created is what is read"
    assert (read["State"], read["AvailabilityZone"], read["AvailabilityZoneId"]) == (
        "available", "us-east-1b", "use1-az2")
    assert read["AvailableIpAddressCount"] == 251 and read["DefaultForAz"] is False
    assert read["SubnetArn"].endswith(f":subnet/{subnet}") and tags_of(read) == TAGS
    assert read["MapPublicIpOnLaunch"] is False and read["AssignIpv6AddressOnCreation"] is False
    assert read["PrivateDnsNameOptionsOnLaunch"] == {
        "HostnameType": "ip-name", "EnableResourceNameDnsARecord": False,
        "EnableResourceNameDnsAAAARecord": False}
    # update: one attribute per call
    ec2.modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": True})
    ec2.modify_subnet_attribute(SubnetId=subnet, PrivateDnsHostnameTypeOnLaunch="resource-name")
    ec2.modify_subnet_attribute(SubnetId=subnet,
                                EnableResourceNameDnsARecordOnLaunch={"Value": True})
    refused("InvalidParameterCombination", ec2.modify_subnet_attribute, SubnetId=subnet,
            MapPublicIpOnLaunch={"Value": True}, EnableDns64={"Value": True})
    read, = ec2.describe_subnets(Filters=filters(
        map_public_ip_on_launch="true", vpc_id=vpc, availability_zone_id="use1-az2"))["Subnets"]
    assert read["PrivateDnsNameOptionsOnLaunch"]["HostnameType"] == "resource-name"
    assert read["PrivateDnsNameOptionsOnLaunch"]["EnableResourceNameDnsARecord"] is True
    # refusals
    refused("InvalidSubnet.Conflict", ec2.create_subnet, VpcId=vpc, CidrBlock="10.20.1.128/25")
    refused("InvalidSubnet.Range", ec2.create_subnet, VpcId=vpc, CidrBlock="10.99.0.0/24")
    refused("InvalidParameterValue", ec2.create_subnet, VpcId=vpc, CidrBlock="10.20.2.0/24",
            AvailabilityZone="us-east-1q")
    refused("InvalidVpcID.NotFound", ec2.create_subnet, VpcId="vpc-00000000000000000",
            CidrBlock="10.20.2.0/24")
    refused("InvalidSubnetID.Malformed", ec2.describe_subnets, SubnetIds=["sub-1"])
    # a machine keeps it
    machine = ec2.run_instances(ImageId="ami-1", MinCount=1, MaxCount=1, SubnetId=subnet)
    machine = machine["Instances"][0]["InstanceId"]
    read, = ec2.describe_subnets(SubnetIds=[subnet])["Subnets"]
    assert read["AvailableIpAddressCount"] == 250
    text = refused("DependencyViolation", ec2.delete_subnet, SubnetId=subnet)
    assert text == f"The subnet '{subnet}' has dependencies and cannot be deleted."
    ec2.terminate_instances(InstanceIds=[machine])
    ec2.delete_subnet(SubnetId=subnet)
    refused("InvalidSubnetID.NotFound", ec2.describe_subnets, SubnetIds=[subnet])
    refused("InvalidSubnetID.NotFound", ec2.delete_subnet, SubnetId=subnet)


def test_aws_internet_gateway(ec2, vpc):
    made = ec2.create_internet_gateway(TagSpecifications=tagged("internet-gateway"))
    made = made["InternetGateway"]
    gateway = made["InternetGatewayId"]
    assert made["Attachments"] == [] and tags_of(made) == TAGS
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    read, = ec2.describe_internet_gateways(InternetGatewayIds=[gateway])["InternetGateways"]
    assert read["Attachments"] == [{"State": "available", "VpcId": vpc}]
    found = ec2.describe_internet_gateways(Filters=filters(attachment__vpc_id=vpc))
    assert [g["InternetGatewayId"] for g in found["InternetGateways"]] == [gateway]
    refused("Resource.AlreadyAssociated", ec2.attach_internet_gateway,
            InternetGatewayId=gateway, VpcId=vpc)
    refused("DependencyViolation", ec2.delete_internet_gateway, InternetGatewayId=gateway)
    refused("DependencyViolation", ec2.delete_vpc, VpcId=vpc)
    ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    refused("Gateway.NotAttached", ec2.detach_internet_gateway,
            InternetGatewayId=gateway, VpcId=vpc)
    ec2.delete_internet_gateway(InternetGatewayId=gateway)
    for call in (ec2.delete_internet_gateway, ):
        refused("InvalidInternetGatewayID.NotFound", call, InternetGatewayId=gateway)
    refused("InvalidInternetGatewayID.NotFound", ec2.describe_internet_gateways,
            InternetGatewayIds=[gateway])
    refused("InvalidInternetGatewayId.Malformed", ec2.describe_internet_gateways,
            InternetGatewayIds=["gw-1"])


def route_of(ec2, table, destination):
    read, = ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"]
    return next((r for r in read["Routes"] if r.get("DestinationCidrBlock") == destination), None)


def test_aws_route_table_and_route(ec2, vpc):
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    made = ec2.create_route_table(VpcId=vpc, TagSpecifications=tagged("route-table"))["RouteTable"]
    table = made["RouteTableId"]
    read, = ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"]
    assert read == made and read["Associations"] == [] and tags_of(read) == TAGS
    assert [r["GatewayId"] for r in read["Routes"]] == ["local"]
    route = {"RouteTableId": table, "DestinationCidrBlock": "0.0.0.0/0"}
    refused("InvalidParameterValue", ec2.create_route, **route, GatewayId=gateway)
    refused("InvalidGatewayID.NotFound", ec2.create_route, **route,
            GatewayId="igw-00000000000000000")
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    assert ec2.create_route(**route, GatewayId=gateway)["Return"] is True
    read = route_of(ec2, table, "0.0.0.0/0")
    assert (read["GatewayId"], read["State"], read["Origin"]) == (gateway, "active", "CreateRoute")
    refused("RouteAlreadyExists", ec2.create_route, **route, GatewayId=gateway)
    ec2.create_route(RouteTableId=table, DestinationIpv6CidrBlock="::/0", GatewayId=gateway)
    found = ec2.describe_route_tables(Filters=filters(route__gateway_id=gateway, vpc_id=vpc))
    assert [t["RouteTableId"] for t in found["RouteTables"]] == [table]
    # update
    ec2.replace_route(**route, NatGatewayId="nat-0123456789abcdef0")
    assert route_of(ec2, table, "0.0.0.0/0")["NatGatewayId"] == "nat-0123456789abcdef0"
    refused("InvalidParameterValue", ec2.replace_route, RouteTableId=table,
            DestinationCidrBlock="9.0.0.0/8", GatewayId=gateway)
    # without its gateway a route leads nowhere
    ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    read, = ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"]
    assert [r["State"] for r in read["Routes"] if r.get("DestinationIpv6CidrBlock")] == ["blackhole"]
    # delete
    ec2.delete_route(**route)
    text = refused("InvalidRoute.NotFound", ec2.delete_route, **route)
    assert text == f"no route with destination-cidr-block 0.0.0.0/0 in route table {table}"
    refused("InvalidParameterValue", ec2.delete_route, RouteTableId=table,
            DestinationCidrBlock="10.20.0.0/16")
    ec2.delete_route_table(RouteTableId=table)
    refused("InvalidRouteTableID.NotFound", ec2.describe_route_tables, RouteTableIds=[table])
    refused("InvalidRouteTableID.NotFound", ec2.delete_route_table, RouteTableId=table)
    refused("InvalidRouteTableID.NotFound", ec2.create_route, **route, GatewayId=gateway)
    refused("InvalidRouteTableId.Malformed", ec2.describe_route_tables, RouteTableIds=["t-1"])
    ec2.delete_internet_gateway(InternetGatewayId=gateway)


def test_aws_route_table_association(ec2, vpc):
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.20.1.0/24")["Subnet"]["SubnetId"]
    first, second = (
        ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"] for _ in range(2))
    made = ec2.associate_route_table(RouteTableId=first, SubnetId=subnet)
    assert made["AssociationState"]["State"] == "associated"
    association = made["AssociationId"]
    read, = ec2.describe_route_tables(
        Filters=filters(association__route_table_association_id=association))["RouteTables"]
    assert [(a["Main"], a["SubnetId"]) for a in read["Associations"]] == [(False, subnet)]
    refused("Resource.AlreadyAssociated", ec2.associate_route_table,
            RouteTableId=second, SubnetId=subnet)
    refused("DependencyViolation", ec2.delete_route_table, RouteTableId=first)
    moved = ec2.replace_route_table_association(AssociationId=association, RouteTableId=second)
    moved = moved["NewAssociationId"]
    read, = ec2.describe_route_tables(Filters=filters(association__subnet_id=subnet))["RouteTables"]
    assert read["RouteTableId"] == second
    refused("InvalidAssociationID.NotFound", ec2.disassociate_route_table,
            AssociationId=association)
    ec2.disassociate_route_table(AssociationId=moved)
    refused("InvalidAssociationID.NotFound", ec2.disassociate_route_table, AssociationId=moved)
    refused("InvalidSubnetID.NotFound", ec2.associate_route_table, RouteTableId=first,
            SubnetId="subnet-00000000000000000")


def test_aws_main_route_table_association(ec2, vpc):
    def main():
        table, = ec2.describe_route_tables(
            Filters=filters(vpc_id=vpc, association__main="true"))["RouteTables"]
        association, = [a for a in table["Associations"] if a["Main"]]
        return table["RouteTableId"], association["RouteTableAssociationId"]

    original, association = main()
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    moved = ec2.replace_route_table_association(AssociationId=association, RouteTableId=table)
    assert main() == (table, moved["NewAssociationId"])
    refused("InvalidParameterValue", ec2.disassociate_route_table,
            AssociationId=moved["NewAssociationId"])
    ec2.replace_route_table_association(
        AssociationId=moved["NewAssociationId"], RouteTableId=original)
    assert main()[0] == original


def test_the_controller_tells_public_subnets_from_private_ones(ec2, vpc):
    zones = [z["ZoneName"] for z in ec2.describe_availability_zones()["AvailabilityZones"]]
    public, private = (
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.20.{n}.0/24", AvailabilityZone=zone,
                          TagSpecifications=[{"ResourceType": "subnet", "Tags": [
                              {"Key": "kubernetes.io/role/elb", "Value": "1"}]}])
        ["Subnet"]["SubnetId"] for n, zone in enumerate(zones[:2]))
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    ec2.associate_route_table(RouteTableId=table, SubnetId=public)
    found = ec2.describe_subnets(Filters=[
        {"Name": "vpc-id", "Values": [vpc]},
        {"Name": "tag-key", "Values": ["kubernetes.io/role/elb"]}])["Subnets"]
    assert {s["SubnetId"] for s in found} == {public, private}
    assert all(s["AvailableIpAddressCount"] >= 8 and s["AvailabilityZoneId"] for s in found)
    tables = ec2.describe_route_tables(Filters=filters(vpc_id=vpc))["RouteTables"]

    def is_public(subnet):
        own = [t for t in tables if any(a.get("SubnetId") == subnet for a in t["Associations"])]
        main = [t for t in tables if any(a["Main"] for a in t["Associations"])]
        routes = (own or main)[0]["Routes"]
        return any(r.get("GatewayId", "").startswith("igw-") for r in routes)

    assert is_public(public) and not is_public(private)


def test_a_load_balancer_in_a_network_of_its_own(shared_weir, ec2, vpc):
    elb = shared_weir.client("elbv2")
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.20.{n}.0/24", AvailabilityZone=zone)
        ["Subnet"]["SubnetId"] for n, zone in enumerate(["us-east-1a", "us-east-1b"])]
    group = ec2.create_security_group(GroupName="lb", Description="lb", VpcId=vpc)["GroupId"]
    arguments = {"Name": "own-network", "Subnets": subnets, "SecurityGroups": [group]}
    text = refused("InvalidSubnet", elb.create_load_balancer, **arguments)
    assert text == f"VPC {vpc} has no internet gateway"
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    lb = elb.create_load_balancer(**arguments)["LoadBalancers"][0]
    assert lb["VpcId"] == vpc
    # What it holds cannot be taken away.
    refused("DependencyViolation", ec2.delete_subnet, SubnetId=subnets[0])
    refused("DependencyViolation", ec2.delete_security_group, GroupId=group)
    text = refused("DependencyViolation", ec2.detach_internet_gateway,
                   InternetGatewayId=gateway, VpcId=vpc)
    assert text.startswith(f"Network {vpc} has some mapped public address(es).")
    elb.delete_load_balancer(LoadBalancerArn=lb["LoadBalancerArn"])
    left = ec2.describe_network_interfaces(Filters=filters(vpc_id=vpc))["NetworkInterfaces"]
    assert left == []
    ec2.delete_security_group(GroupId=group)


def test_probes(ec2, vpc):
    assert ec2.describe_nat_gateways(Filter=filters(vpc_id=vpc))["NatGateways"] == []
    assert ec2.describe_egress_only_internet_gateways()["EgressOnlyInternetGateways"] == []
    assert ec2.describe_vpc_peering_connections()["VpcPeeringConnections"] == []
    assert ec2.describe_vpc_endpoints(Filters=filters(vpc_id=vpc))["VpcEndpoints"] == []
    assert ec2.describe_prefix_lists()["PrefixLists"] == []
    assert ec2.describe_coip_pools()["CoipPools"] == []
    assert ec2.describe_ipam_pools()["IpamPools"] == []
    refused("NatGatewayNotFound", ec2.describe_nat_gateways, NatGatewayIds=["nat-1"])
    refused("InvalidVpcPeeringConnectionID.NotFound", ec2.describe_vpc_peering_connections,
            VpcPeeringConnectionIds=["pcx-1"])
    refused("InvalidVpcEndpointId.NotFound", ec2.describe_vpc_endpoints, VpcEndpointIds=["vpce-1"])
    refused("InvalidNetworkAclID.NotFound", ec2.describe_network_acls, NetworkAclIds=["acl-1"])
    refused("InvalidParameterValue", ec2.describe_nat_gateways, Filter=filters(colour="red"))
    options, = ec2.describe_dhcp_options()["DhcpOptions"]
    own, = ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"]
    assert own["DhcpOptionsId"] == options["DhcpOptionsId"]
    refused("InvalidDhcpOptionID.NotFound", ec2.describe_dhcp_options, DhcpOptionsIds=["dopt-1"])


def test_places(ec2):
    zones = ec2.describe_availability_zones(Filters=filters(
        zone_type="availability-zone", state="available",
        opt_in_status="opt-in-not-required"))["AvailabilityZones"]
    assert [(z["ZoneName"], z["ZoneId"]) for z in zones] == [
        ("us-east-1a", "use1-az1"), ("us-east-1b", "use1-az2"), ("us-east-1c", "use1-az3")]
    assert all(z["GroupName"] and z["NetworkBorderGroup"] == "us-east-1" for z in zones)
    one, = ec2.describe_availability_zones(ZoneIds=["use1-az3"])["AvailabilityZones"]
    assert one["ZoneName"] == "us-east-1c"
    refused("InvalidParameterValue", ec2.describe_availability_zones, ZoneNames=["us-east-1q"])
    region, = ec2.describe_regions(AllRegions=True, RegionNames=["us-east-1"])["Regions"]
    assert region["OptInStatus"] == "opt-in-not-required" and region["Endpoint"]
    refused("InvalidParameterValue", ec2.describe_regions, RegionNames=["mars-1"])
    platforms = ec2.describe_account_attributes(AttributeNames=["supported-platforms"])
    assert platforms["AccountAttributes"][0]["AttributeValues"] == [{"AttributeValue": "VPC"}]


def test_networks_come_in_pages(ec2, vpc):
    made = {ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.20.{n}.0/24")["Subnet"]["SubnetId"]
            for n in range(12)}
    pages = list(ec2.get_paginator("describe_subnets").paginate(
        Filters=filters(vpc_id=vpc), PaginationConfig={"PageSize": 5}))
    assert [len(page["Subnets"]) for page in pages] == [5, 5, 2]
    assert {s["SubnetId"] for page in pages for s in page["Subnets"]} == made


def test_the_default_network_can_be_made_again(weir):
    ec2 = weir.client("ec2")
    old, = ec2.describe_vpcs(Filters=filters(is_default="true"))["Vpcs"]
    subnets = ec2.describe_subnets(Filters=filters(default_for_az="true"))["Subnets"]
    assert len(subnets) == 3 and all(s["MapPublicIpOnLaunch"] for s in subnets)
    ec2.delete_subnet(SubnetId=subnets[0]["SubnetId"])
    zone = subnets[0]["AvailabilityZone"]
    again = ec2.create_default_subnet(AvailabilityZone=zone)["Subnet"]
    assert (again["CidrBlock"], again["DefaultForAz"]) == (subnets[0]["CidrBlock"], True)
    refused("DefaultSubnetAlreadyExistsInAvailabilityZone", ec2.create_default_subnet,
            AvailabilityZone=zone)
    sweep(ec2, old["VpcId"])
    assert ec2.describe_vpcs()["Vpcs"] == []
    refused("DefaultVpcDoesNotExist", ec2.create_default_subnet, AvailabilityZone=zone)
    made = ec2.create_default_vpc()["Vpc"]
    assert made["IsDefault"] and made["CidrBlock"] == old["CidrBlock"]
    assert len(ec2.describe_subnets(Filters=filters(vpc_id=made["VpcId"]))["Subnets"]) == 3
    gateway, = ec2.describe_internet_gateways()["InternetGateways"]
    table, = ec2.describe_route_tables()["RouteTables"]
    assert [r["GatewayId"] for r in table["Routes"]] == ["local", gateway["InternetGatewayId"]]
    # It survives a restart as it is.
    weir.stop()
    weir.start()
    after, = weir.client("ec2").describe_vpcs()["Vpcs"]
    assert after["VpcId"] == made["VpcId"]
