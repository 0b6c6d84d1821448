//! The EC2 subset over real HTTP.
//!
//! Invariant: each test starts its own world.
#![allow(clippy::unwrap_used)]

mod fixture;

use fixture::{ACCOUNT, Client, World};

// spec: control-plane §3.1 EC2 subset (114 of 830 actions, 966 shapes, 256 KB of model)
#[tokio::test]
async fn the_given_network() {
    let world = World::start().await;
    let client = world.client();
    let vpcs = client.ec2("DescribeVpcs", &[]).await;
    vpcs.ok()
        .holds("<DescribeVpcsResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"")
        .holds("<cidrBlock>127.0.0.0/8</cidrBlock>")
        .holds("<isDefault>true</isDefault>");
    let vpc = world.vpc();
    let filter = [("Filter.1.Name", "vpc-id"), ("Filter.1.Value.1", vpc.as_str())];
    let subnets = client.ec2("DescribeSubnets", &filter).await;
    assert_eq!(subnets.ok().texts("subnetId").len(), 3);
    let zone = [("Filter.1.Name", "availability-zone"), ("Filter.1.Value.1", "us-east-1?")];
    let subnets = client.ec2("DescribeSubnets", &zone).await;
    assert_eq!(subnets.ok().texts("subnetId").len(), 3);
    let free: u32 = subnets.text("availableIpAddressCount").parse().unwrap();
    assert!(free > 4_000, "{free}");
    let unknown = [("Filter.1.Name", "colour"), ("Filter.1.Value.1", "red")];
    let answer = client.ec2("DescribeSubnets", &unknown).await;
    answer.refused(400, "InvalidParameterValue").holds("The filter 'colour' is invalid");
    let answer = client.ec2("DescribeSubnets", &[("SubnetId.1", "subnet-0")]).await;
    answer.refused(400, "InvalidSubnetID.NotFound");
    let answer = client.ec2("DescribeVpcs", &[("VpcId.1", "vpc-0")]).await;
    answer.refused(400, "InvalidVpcID.NotFound");
    let gateways = client.ec2("DescribeInternetGateways", &[]).await;
    let gateway = gateways.ok().text("internetGatewayId");
    let tables = client.ec2("DescribeRouteTables", &filter).await;
    tables
        .ok()
        .holds("<main>true</main>")
        .holds(&format!("<gatewayId>{gateway}</gatewayId>"))
        .holds("<destinationCidrBlock>0.0.0.0/0</destinationCidrBlock>");
    let attribute = [("VpcId", vpc.as_str()), ("Attribute", "enableDnsSupport")];
    let answer = client.ec2("DescribeVpcAttribute", &attribute).await;
    answer.ok().holds("<enableDnsSupport><value>true</value></enableDnsSupport>");
    client.ec2("DescribeAddresses", &[]).await.ok().holds("<addressesSet/>");
}

#[tokio::test]
async fn regions_zones_and_the_account() {
    let world = World::start().await;
    let client = world.client();
    let regions = client.ec2("DescribeRegions", &[]).await;
    assert_eq!(regions.ok().texts("regionName"), ["eu-west-1", "us-east-1"]);
    let zones = client.ec2("DescribeAvailabilityZones", &[]).await;
    assert_eq!(zones.ok().texts("zoneName"), ["us-east-1a", "us-east-1b", "us-east-1c"]);
    zones.holds("<zoneType>availability-zone</zoneType>").holds("<zoneState>available</zoneState>");
    let one = client.ec2("DescribeAvailabilityZones", &[("ZoneName.1", "us-east-1b")]).await;
    assert_eq!(one.ok().texts("zoneName"), ["us-east-1b"]);
    let none = client.ec2("DescribeAvailabilityZones", &[("ZoneName.1", "us-east-1z")]).await;
    none.refused(400, "InvalidParameterValue");
    let account = client.ec2("DescribeAccountAttributes", &[]).await;
    account.ok().holds("<attributeName>default-vpc</attributeName>").holds(&world.vpc());
    let dry = client.ec2("DescribeVpcs", &[("DryRun", "true")]).await;
    dry.refused(412, "DryRunOperation");
}

#[tokio::test]
async fn interfaces_follow_their_load_balancer() {
    let world = World::start().await;
    let client = world.client();
    let arn = client.load_balancer(&world, "web").await;
    let description = format!("ELB {}", arn.split("loadbalancer/").nth(1).unwrap());
    // What Terraform asks until nothing is left.
    let filter = [
        ("Filter.1.Name", "attachment.instance-owner-id"),
        ("Filter.1.Value.1", "amazon-elb"),
        ("Filter.2.Name", "description"),
        ("Filter.2.Value.1", description.as_str()),
    ];
    let interfaces = client.ec2("DescribeNetworkInterfaces", &filter).await;
    interfaces
        .ok()
        .holds(&format!("<description>{description}</description>"))
        .holds("<requesterId>amazon-elb</requesterId>")
        .holds("<requesterManaged>true</requesterManaged>")
        .lacks("<association>");
    let ids = interfaces.texts("networkInterfaceId");
    assert_eq!(ids.len(), 2);
    let addresses = interfaces.texts("privateIpAddress");
    assert!(addresses.iter().all(|address| address.starts_with("127.")), "{addresses:?}");
    let one = client.ec2("DescribeNetworkInterfaces", &[("NetworkInterfaceId.1", &ids[0])]).await;
    assert_eq!(one.ok().texts("networkInterfaceId"), ids[..1]);
    client.elb("DeleteLoadBalancer", &[("LoadBalancerArn", &arn)]).await.ok();
    let gone = client.ec2("DescribeNetworkInterfaces", &filter).await;
    gone.ok().holds("<networkInterfaceSet/>");
    let gone = client.ec2("DescribeNetworkInterfaces", &[("NetworkInterfaceId.1", &ids[0])]).await;
    gone.refused(400, "InvalidNetworkInterfaceID.NotFound");
}

#[tokio::test]
async fn instances_are_declared_and_change_state() {
    let world = World::start().await;
    let client = world.client();
    let run = [
        ("ImageId", "ami-12c6146b"),
        ("MinCount", "2"),
        ("MaxCount", "2"),
        ("TagSpecification.1.ResourceType", "instance"),
        ("TagSpecification.1.Tag.1.Key", "Name"),
        ("TagSpecification.1.Tag.1.Value", "worker"),
    ];
    let reservation = client.ec2("RunInstances", &run).await;
    reservation
        .ok()
        .holds("<RunInstancesResponse ")
        .holds("<name>pending</name>")
        .holds(&format!("<ownerId>{ACCOUNT}</ownerId>"));
    let ids = reservation.texts("instanceId");
    assert_eq!(ids.len(), 2);
    let filter = [("Filter.1.Name", "tag:Name"), ("Filter.1.Value.1", "work*")];
    let found = client.ec2("DescribeInstances", &filter).await;
    assert_eq!(found.ok().texts("instanceId").len(), 2);
    assert_eq!(found.texts("reservationId").len(), 1, "one reservation holds both");
    found.holds("<instanceState><code>16</code><name>running</name></instanceState>");
    let stopped = client.ec2("StopInstances", &[("InstanceId.1", &ids[0])]).await;
    stopped
        .ok()
        .holds("<currentState><code>64</code><name>stopping</name></currentState>")
        .holds("<previousState><code>16</code><name>running</name></previousState>");
    let running = [("Filter.1.Name", "instance-state-name"), ("Filter.1.Value.1", "running")];
    let found = client.ec2("DescribeInstances", &running).await;
    assert_eq!(found.ok().texts("instanceId"), [ids[1].as_str()]);
    let status = client.ec2("DescribeInstanceStatus", &[]).await;
    assert_eq!(status.ok().texts("instanceId"), [ids[1].as_str()]);
    client.ec2("StartInstances", &[("InstanceId.1", &ids[0])]).await.ok();
    let group = serving(&world, &client, &ids[0]).await;
    let ended = client.ec2("TerminateInstances", &[("InstanceId.1", &ids[0])]).await;
    ended.ok().holds("<name>shutting-down</name>");
    let one = client.ec2("DescribeInstances", &[("InstanceId.1", &ids[0])]).await;
    one.ok().holds("<name>terminated</name>").lacks("<privateIpAddress>");
    // It drains, but only who asks for it by name is told.
    let health = [("TargetGroupArn", group.as_str()), ("Targets.member.1.Id", ids[0].as_str())];
    let all = client.elb("DescribeTargetHealth", &health[..1]).await;
    all.ok().holds("<TargetHealthDescriptions/>");
    let asked = client.elb("DescribeTargetHealth", &health).await;
    asked.ok().holds("<Reason>Target.DeregistrationInProgress</Reason>");
    let none = client.ec2("DescribeInstances", &[("InstanceId.1", "i-0123456789abcdef0")]).await;
    none.refused(400, "InvalidInstanceID.NotFound");
    client
        .ec2("DescribeInstances", &[("InstanceId.1", "x")])
        .await
        .refused(400, "InvalidInstanceID.Malformed");
    let images = client.ec2("DescribeImages", &[("ImageId.1", "ami-12c6146b")]).await;
    images.ok().holds("<imageId>ami-12c6146b</imageId>");
    client
        .ec2("DescribeImages", &[("ImageId.1", "ami-0")])
        .await
        .refused(400, "InvalidAMIID.NotFound");
}

/// A target group in use that holds the instance.
async fn serving(world: &World, client: &Client, instance: &str) -> String {
    let vpc = world.vpc();
    let group = [("Name", "group"), ("Protocol", "HTTP"), ("Port", "80"), ("VpcId", vpc.as_str())];
    let group = client.elb("CreateTargetGroup", &group).await.ok().text("TargetGroupArn");
    let lb = client.load_balancer(world, "front").await;
    client.listener(&lb, "80", &group).await;
    let register = [("TargetGroupArn", group.as_str()), ("Targets.member.1.Id", instance)];
    client.elb("RegisterTargets", &register).await.ok();
    group
}

#[tokio::test]
async fn instances_come_in_pages() {
    let world = World::start().await;
    let client = world.client();
    let run = [("ImageId", "ami-1"), ("MinCount", "7"), ("MaxCount", "7")];
    client.ec2("RunInstances", &run).await.ok();
    let first = client.ec2("DescribeInstances", &[("MaxResults", "5")]).await;
    assert_eq!(first.ok().texts("instanceId").len(), 5);
    let token = first.text("nextToken");
    let next = [("MaxResults", "5"), ("NextToken", token.as_str())];
    let second = client.ec2("DescribeInstances", &next).await;
    assert_eq!(second.ok().texts("instanceId").len(), 2);
    second.lacks("nextToken");
    client
        .ec2("DescribeInstances", &[("MaxResults", "1")])
        .await
        .refused(400, "InvalidParameterValue");
}

#[tokio::test]
async fn security_groups_and_their_rules() {
    let world = World::start().await;
    let client = world.client();
    let vpc = world.vpc();
    let create =
        [("GroupName", "web"), ("GroupDescription", "for the web & more"), ("VpcId", vpc.as_str())];
    let created = client.ec2("CreateSecurityGroup", &create).await;
    let id = created.ok().text("groupId");
    let again = client.ec2("CreateSecurityGroup", &create).await;
    again.refused(400, "InvalidGroup.Duplicate");
    let authorize = [
        ("GroupId", id.as_str()),
        ("IpPermissions.1.IpProtocol", "tcp"),
        ("IpPermissions.1.FromPort", "80"),
        ("IpPermissions.1.ToPort", "80"),
        ("IpPermissions.1.IpRanges.1.CidrIp", "10.0.0.0/8"),
        ("IpPermissions.1.IpRanges.1.Description", "inside"),
        ("IpPermissions.1.Groups.1.GroupId", id.as_str()),
    ];
    let authorized = client.ec2("AuthorizeSecurityGroupIngress", &authorize).await;
    authorized
        .ok()
        .holds("<return>true</return>")
        .holds("<cidrIpv4>10.0.0.0/8</cidrIpv4>")
        .holds("<isEgress>false</isEgress>");
    let rules = authorized.texts("securityGroupRuleId");
    assert_eq!(rules.len(), 2);
    let again = client.ec2("AuthorizeSecurityGroupIngress", &authorize).await;
    again.refused(400, "InvalidPermission.Duplicate");
    let described = client.ec2("DescribeSecurityGroups", &[("GroupId.1", &id)]).await;
    described
        .ok()
        .holds("<fromPort>80</fromPort>")
        .holds("<cidrIp>10.0.0.0/8</cidrIp>")
        .holds("<groupDescription>for the web &amp; more</groupDescription>");
    let filter = [("Filter.1.Name", "ip-permission.cidr"), ("Filter.1.Value.1", "10.0.0.0/8")];
    let found = client.ec2("DescribeSecurityGroups", &filter).await;
    assert_eq!(found.ok().texts("groupName"), ["web"]);
    let filter = [("Filter.1.Name", "group-id"), ("Filter.1.Value.1", id.as_str())];
    let listed = client.ec2("DescribeSecurityGroupRules", &filter).await;
    assert_eq!(listed.ok().texts("securityGroupRuleId").len(), 3, "two in, one out");
    let flat = [
        ("GroupId", id.as_str()),
        ("IpProtocol", "tcp"),
        ("FromPort", "80"),
        ("ToPort", "80"),
        ("CidrIp", "10.0.0.0/8"),
    ];
    let revoked = client.ec2("RevokeSecurityGroupIngress", &flat).await;
    revoked.ok().holds("<return>true</return>").holds("<cidrIpv4>10.0.0.0/8</cidrIpv4>");
    client
        .ec2("RevokeSecurityGroupIngress", &flat)
        .await
        .refused(400, "InvalidPermission.NotFound");
    client
        .ec2("DeleteSecurityGroup", &[("GroupId", &id)])
        .await
        .ok()
        .holds("<return>true</return>");
    client
        .ec2("DescribeSecurityGroups", &[("GroupId.1", &id)])
        .await
        .refused(400, "InvalidGroup.NotFound");
}

#[tokio::test]
async fn tags_of_ec2() {
    let world = World::start().await;
    let client = world.client();
    let subnet = world.subnets().remove(0);
    let create =
        [("ResourceId.1", subnet.as_str()), ("Tag.1.Key", "Name"), ("Tag.1.Value", "left")];
    client.ec2("CreateTags", &create).await.ok().holds("<return>true</return>");
    let filter = [("Filter.1.Name", "resource-type"), ("Filter.1.Value.1", "subnet")];
    let tags = client.ec2("DescribeTags", &filter).await;
    tags.ok().holds(&format!("<resourceId>{subnet}</resourceId>")).holds("<value>left</value>");
    let found = client
        .ec2("DescribeSubnets", &[("Filter.1.Name", "tag:Name"), ("Filter.1.Value.1", "left")])
        .await;
    assert_eq!(found.ok().texts("subnetId"), [subnet.as_str()]);
    client.ec2("DeleteTags", &create).await.ok();
    client.ec2("DescribeTags", &filter).await.ok().holds("<tagSet/>");
}
