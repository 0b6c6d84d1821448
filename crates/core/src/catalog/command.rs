//! Every mutation as one enum.
//!
//! Inputs mirror the API after its generic constraints (required members, lengths, enums) were
//! checked. What needs the catalog to be judged, or has an AWS text of its own (names, ARNs,
//! attribute values, condition fields), arrives as text and is judged by `Catalog::apply`.
//!
//! Invariant: every input names the region of the credential scope; a command reads and changes
//! records of that region only.
// spec: control-plane §1.2 ELBv2 actions (51) – input, result members, modelled errors

use ipnet::IpNet;

use crate::resource::{IpAddressType, LoadBalancerKind, Region, Scheme, TargetType, ZoneName};

/// Tags or attributes in the order in which they were given; a repeated key is refused by `apply`.
pub type Pairs = Vec<(String, String)>;

/// Every mutation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// `CreateLoadBalancer`. Subject: the load balancer.
    LoadBalancerCreate(LoadBalancerCreate),
    /// `DeleteLoadBalancer`; a missing one is no error.
    LoadBalancerDelete(ArnInput),
    /// `ModifyLoadBalancerAttributes`. Subject: the load balancer.
    LoadBalancerAttributesModify(AttributesModify),
    /// `SetSecurityGroups`. Subject: the load balancer.
    SecurityGroupsSet(SecurityGroupsSet),
    /// `SetSubnets`. Subject: the load balancer.
    SubnetsSet(SubnetsSet),
    /// `SetIpAddressType`. Subject: the load balancer.
    IpAddressTypeSet(IpAddressTypeSet),
    /// `CreateTargetGroup`. Subject: the target group.
    TargetGroupCreate(TargetGroupCreate),
    /// `ModifyTargetGroup`. Subject: the target group.
    TargetGroupModify(TargetGroupModify),
    /// `DeleteTargetGroup`; a missing one is no error.
    TargetGroupDelete(ArnInput),
    /// `ModifyTargetGroupAttributes`. Subject: the target group.
    TargetGroupAttributesModify(AttributesModify),
    /// `RegisterTargets`. Subject: the registrations.
    TargetsRegister(TargetsInput),
    /// `DeregisterTargets`. Subject: the registrations.
    TargetsDeregister(TargetsInput),
    /// Upkeep: removes draining targets whose deadline has passed and instances that were
    /// terminated long ago, in all regions. Subjects: what was shortened.
    TargetsReap,
    /// `CreateListener`. Subject: the listener.
    ListenerCreate(ListenerCreate),
    /// `ModifyListener`. Subject: the listener.
    ListenerModify(ListenerModify),
    /// `DeleteListener`.
    ListenerDelete(ArnInput),
    /// `ModifyListenerAttributes`. Subject: the listener.
    ListenerAttributesModify(AttributesModify),
    /// `CreateRule`. Subject: the rule.
    RuleCreate(RuleCreate),
    /// `ModifyRule`. Subject: the rule.
    RuleModify(RuleModify),
    /// `DeleteRule`.
    RuleDelete(ArnInput),
    /// `SetRulePriorities`. Subjects: the rules, in request order.
    RulePrioritiesSet(RulePrioritiesSet),
    /// `AddTags`.
    TagsAdd(TagsAdd),
    /// `RemoveTags`.
    TagsRemove(TagsRemove),
    /// EC2 `CreateSecurityGroup`. Subject: the group.
    SecurityGroupCreate(SecurityGroupCreate),
    /// EC2 `DeleteSecurityGroup`.
    SecurityGroupDelete(SecurityGroupName),
    /// EC2 `AuthorizeSecurityGroupIngress`. Subject: the group; `Decision::rule_ids`: new rules.
    IngressAuthorize(PermissionsInput),
    /// EC2 `RevokeSecurityGroupIngress`. Subject: the group; `Decision::rule_ids`: gone rules.
    IngressRevoke(PermissionsInput),
    /// EC2 `AuthorizeSecurityGroupEgress`. Subject: the group; `Decision::rule_ids`: new rules.
    EgressAuthorize(PermissionsInput),
    /// EC2 `RevokeSecurityGroupEgress`. Subject: the group; `Decision::rule_ids`: gone rules.
    EgressRevoke(PermissionsInput),
    /// EC2 `RunInstances`. Subjects: the instances.
    InstancesRun(InstancesRun),
    /// EC2 `StartInstances`. Subjects: the instances; see `Decision::transitions`.
    InstancesStart(InstancesInput),
    /// EC2 `StopInstances`. Subjects: the instances; see `Decision::transitions`.
    InstancesStop(InstancesInput),
    /// EC2 `TerminateInstances`. Subjects: the instances; see `Decision::transitions`.
    InstancesTerminate(InstancesInput),
    /// EC2 `CreateTags`.
    Ec2TagsCreate(Ec2TagsCreate),
    /// EC2 `DeleteTags`.
    Ec2TagsDelete(Ec2TagsDelete),
    /// Upkeep: gives a region its default network, once. Subject: the default VPC.
    RegionInit(RegionInit),
}

/// A request that only names a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArnInput {
    /// Credential scope.
    pub region: Region,
    /// As given.
    pub arn: String,
}

/// `Modify…Attributes`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributesModify {
    /// Credential scope.
    pub region: Region,
    /// The load balancer, target group or listener.
    pub arn: String,
    /// Keys and values as given.
    pub attributes: Pairs,
}

// --- load balancers ---------------------------------------------------------------------------

/// See [`Command::LoadBalancerCreate`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadBalancerCreate {
    /// Credential scope.
    pub region: Region,
    /// `Name`.
    pub name: String,
    /// `Type`, default application.
    pub kind: LoadBalancerKind,
    /// `Scheme`, default internet-facing.
    pub scheme: Scheme,
    /// `IpAddressType`, default ipv4.
    pub ip_address_type: IpAddressType,
    /// `Subnets`.
    pub subnets: Vec<String>,
    /// `SubnetMappings`.
    pub subnet_mappings: Vec<SubnetMapping>,
    /// `SecurityGroups`; empty means the default group of the VPC.
    pub security_groups: Vec<String>,
    /// `CustomerOwnedIpv4Pool`.
    pub customer_owned_pool: Option<String>,
    /// `IpamPools.Ipv4IpamPoolId`.
    pub ipam_pool: Option<String>,
    /// `EnablePrefixForIpv6SourceNat` as given.
    pub source_nat_prefix: Option<String>,
    /// `Tags`.
    pub tags: Pairs,
}

/// One entry of `SubnetMappings`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubnetMapping {
    /// `SubnetId`.
    pub subnet: String,
    /// `AllocationId`.
    pub allocation: Option<String>,
    /// `PrivateIPv4Address`.
    pub private_ipv4: Option<String>,
    /// `IPv6Address`.
    pub ipv6: Option<String>,
    /// `SourceNatIpv6Prefix`.
    pub source_nat_prefix: Option<String>,
}

/// See [`Command::SecurityGroupsSet`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecurityGroupsSet {
    /// Credential scope.
    pub region: Region,
    /// The load balancer.
    pub arn: String,
    /// The new groups, all of them.
    pub security_groups: Vec<String>,
    /// `EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic` as given.
    pub enforce_private_link: Option<String>,
}

/// See [`Command::SubnetsSet`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubnetsSet {
    /// Credential scope.
    pub region: Region,
    /// The load balancer.
    pub arn: String,
    /// `Subnets`.
    pub subnets: Vec<String>,
    /// `SubnetMappings`.
    pub subnet_mappings: Vec<SubnetMapping>,
    /// `IpAddressType`.
    pub ip_address_type: Option<IpAddressType>,
    /// `EnablePrefixForIpv6SourceNat` as given.
    pub source_nat_prefix: Option<String>,
}

/// See [`Command::IpAddressTypeSet`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IpAddressTypeSet {
    /// Credential scope.
    pub region: Region,
    /// The load balancer.
    pub arn: String,
    /// The new type.
    pub ip_address_type: IpAddressType,
}

// --- target groups ----------------------------------------------------------------------------

/// Health check members of `CreateTargetGroup` and `ModifyTargetGroup`; absent ones keep their
/// value or default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HealthCheckInput {
    /// `HealthCheckEnabled`.
    pub enabled: Option<bool>,
    /// `HealthCheckProtocol`.
    pub protocol: Option<String>,
    /// `HealthCheckPort`.
    pub port: Option<String>,
    /// `HealthCheckPath`.
    pub path: Option<String>,
    /// `HealthCheckIntervalSeconds`.
    pub interval_s: Option<u32>,
    /// `HealthCheckTimeoutSeconds`.
    pub timeout_s: Option<u32>,
    /// `HealthyThresholdCount`.
    pub healthy_threshold: Option<u32>,
    /// `UnhealthyThresholdCount`.
    pub unhealthy_threshold: Option<u32>,
    /// `Matcher.HttpCode`.
    pub http_code: Option<String>,
    /// `Matcher.GrpcCode`.
    pub grpc_code: Option<String>,
}

/// See [`Command::TargetGroupCreate`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetGroupCreate {
    /// Credential scope.
    pub region: Region,
    /// `Name`.
    pub name: String,
    /// `Protocol`.
    pub protocol: Option<String>,
    /// `ProtocolVersion`.
    pub protocol_version: Option<String>,
    /// `Port`.
    pub port: Option<u16>,
    /// `VpcId`.
    pub vpc: Option<String>,
    /// `TargetType`, default instance.
    pub target_type: TargetTypeInput,
    /// `IpAddressType`.
    pub ip_address_type: Option<String>,
    /// `TargetControlPort`.
    pub target_control_port: Option<u16>,
    /// Probing.
    pub health_check: HealthCheckInput,
    /// `Tags`.
    pub tags: Pairs,
}

/// `TargetType` as the API knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetTypeInput {
    /// `instance` or `ip`.
    Served(TargetType),
    /// `lambda`.
    Lambda,
    /// `alb`.
    Alb,
}

/// See [`Command::TargetGroupModify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetGroupModify {
    /// Credential scope.
    pub region: Region,
    /// The target group.
    pub arn: String,
    /// Probing.
    pub health_check: HealthCheckInput,
}

/// `RegisterTargets`, `DeregisterTargets`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetsInput {
    /// Credential scope.
    pub region: Region,
    /// The target group.
    pub arn: String,
    /// `Targets`.
    pub targets: Vec<TargetInput>,
}

/// `TargetDescription`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetInput {
    /// `Id`.
    pub id: String,
    /// `Port`, default the group's.
    pub port: Option<u16>,
    /// `AvailabilityZone`.
    pub zone: Option<String>,
    /// `QuicServerId`.
    pub quic_server: Option<String>,
}

// --- listeners and rules ----------------------------------------------------------------------

/// TLS members of `CreateListener` and `ModifyListener`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsInput {
    /// `SslPolicy`.
    pub ssl_policy: Option<String>,
    /// `Certificates`: their ARNs; `None` when the member was absent.
    pub certificates: Option<Vec<String>>,
    /// `AlpnPolicy`.
    pub alpn_policy: Vec<String>,
    /// `MutualAuthentication.Mode`; `Some("")` when the structure came without a mode.
    pub mutual_authentication: Option<String>,
}

/// See [`Command::ListenerCreate`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerCreate {
    /// Credential scope.
    pub region: Region,
    /// `LoadBalancerArn`.
    pub load_balancer: String,
    /// `Protocol`.
    pub protocol: Option<String>,
    /// `Port`.
    pub port: Option<u16>,
    /// TLS members.
    pub tls: TlsInput,
    /// `DefaultActions`.
    pub default_actions: Vec<ActionInput>,
    /// `Tags`.
    pub tags: Pairs,
}

/// See [`Command::ListenerModify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerModify {
    /// Credential scope.
    pub region: Region,
    /// The listener.
    pub arn: String,
    /// `Protocol`.
    pub protocol: Option<String>,
    /// `Port`.
    pub port: Option<u16>,
    /// TLS members.
    pub tls: TlsInput,
    /// `DefaultActions`; `None` keeps them.
    pub default_actions: Option<Vec<ActionInput>>,
}

/// `Action`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActionInput {
    /// `Type`.
    pub kind: String,
    /// `Order`.
    pub order: Option<u32>,
    /// `TargetGroupArn`.
    pub target_group: Option<String>,
    /// `ForwardConfig`.
    pub forward: Option<ForwardInput>,
    /// `RedirectConfig`.
    pub redirect: Option<RedirectInput>,
    /// `FixedResponseConfig`.
    pub fixed_response: Option<FixedResponseInput>,
}

/// `ForwardActionConfig`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ForwardInput {
    /// `TargetGroups`: ARN and weight.
    pub groups: Vec<(String, Option<i64>)>,
    /// `TargetGroupStickinessConfig.Enabled`.
    pub stickiness_enabled: Option<bool>,
    /// `TargetGroupStickinessConfig.DurationSeconds`.
    pub stickiness_seconds: Option<i64>,
}

/// `RedirectActionConfig`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RedirectInput {
    /// `Protocol`.
    pub protocol: Option<String>,
    /// `Host`.
    pub host: Option<String>,
    /// `Port`.
    pub port: Option<String>,
    /// `Path`.
    pub path: Option<String>,
    /// `Query`.
    pub query: Option<String>,
    /// `StatusCode`, `HTTP_301` or `HTTP_302`.
    pub status_code: String,
}

/// `FixedResponseActionConfig`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FixedResponseInput {
    /// `StatusCode`.
    pub status_code: String,
    /// `ContentType`.
    pub content_type: Option<String>,
    /// `MessageBody`.
    pub message_body: Option<String>,
}

/// `RuleCondition`. Members that were absent are `None` (structures) or empty (lists).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConditionInput {
    /// `Field`; may be absent when exactly one configuration structure tells it.
    pub field: Option<String>,
    /// `Values`.
    pub values: Vec<String>,
    /// `RegexValues`.
    pub regexes: Vec<String>,
    /// `HostHeaderConfig`.
    pub host_header: Option<PatternsInput>,
    /// `PathPatternConfig`.
    pub path_pattern: Option<PatternsInput>,
    /// `HttpHeaderConfig`: name and patterns.
    pub http_header: Option<(Option<String>, PatternsInput)>,
    /// `QueryStringConfig.Values`: key and value.
    pub query_string: Option<Vec<(Option<String>, Option<String>)>>,
    /// `HttpRequestMethodConfig.Values`.
    pub http_request_method: Option<Vec<String>>,
    /// `SourceIpConfig.Values`.
    pub source_ip: Option<Vec<String>>,
}

/// `Values` and `RegexValues` of a configuration structure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PatternsInput {
    /// `Values`.
    pub values: Vec<String>,
    /// `RegexValues`.
    pub regexes: Vec<String>,
}

/// See [`Command::RuleCreate`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleCreate {
    /// Credential scope.
    pub region: Region,
    /// `ListenerArn`.
    pub listener: String,
    /// `Priority`.
    pub priority: i64,
    /// `Conditions`.
    pub conditions: Vec<ConditionInput>,
    /// `Actions`.
    pub actions: Vec<ActionInput>,
    /// `Transforms`: their types.
    pub transforms: Vec<String>,
    /// `Tags`.
    pub tags: Pairs,
}

/// See [`Command::RuleModify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleModify {
    /// Credential scope.
    pub region: Region,
    /// The rule.
    pub arn: String,
    /// `Conditions`; `None` keeps them.
    pub conditions: Option<Vec<ConditionInput>>,
    /// `Actions`; `None` keeps them.
    pub actions: Option<Vec<ActionInput>>,
    /// `Transforms`: their types.
    pub transforms: Vec<String>,
    /// `ResetTransforms`.
    pub reset_transforms: Option<bool>,
}

/// See [`Command::RulePrioritiesSet`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RulePrioritiesSet {
    /// Credential scope.
    pub region: Region,
    /// Rule ARN and new priority.
    pub priorities: Vec<(String, i64)>,
}

// --- tags -------------------------------------------------------------------------------------

/// See [`Command::TagsAdd`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagsAdd {
    /// Credential scope.
    pub region: Region,
    /// `ResourceArns`.
    pub arns: Vec<String>,
    /// `Tags`.
    pub tags: Pairs,
}

/// See [`Command::TagsRemove`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagsRemove {
    /// Credential scope.
    pub region: Region,
    /// `ResourceArns`.
    pub arns: Vec<String>,
    /// `TagKeys`.
    pub keys: Vec<String>,
}

/// See [`Command::Ec2TagsCreate`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ec2TagsCreate {
    /// Credential scope.
    pub region: Region,
    /// `ResourceId` list.
    pub ids: Vec<String>,
    /// `Tag` list.
    pub tags: Pairs,
}

/// See [`Command::Ec2TagsDelete`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ec2TagsDelete {
    /// Credential scope.
    pub region: Region,
    /// `ResourceId` list.
    pub ids: Vec<String>,
    /// Key, and the value that it must have to be deleted; empty deletes all user tags.
    pub tags: Vec<(String, Option<String>)>,
}

// --- EC2 --------------------------------------------------------------------------------------

/// See [`Command::SecurityGroupCreate`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecurityGroupCreate {
    /// Credential scope.
    pub region: Region,
    /// `GroupName`.
    pub name: String,
    /// `GroupDescription`.
    pub description: String,
    /// `VpcId`, default the default VPC.
    pub vpc: Option<String>,
    /// `TagSpecifications` for `security-group`.
    pub tags: Pairs,
}

/// Names a security group by `GroupId`, or by `GroupName` in the default VPC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecurityGroupName {
    /// Credential scope.
    pub region: Region,
    /// `GroupId`.
    pub id: Option<String>,
    /// `GroupName`.
    pub name: Option<String>,
}

/// Adds permissions to, or takes them from, one direction of a security group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PermissionsInput {
    /// The group, with the credential scope.
    pub group: SecurityGroupName,
    /// `IpPermissions`, and the flat form (`IpProtocol`, `CidrIp`, …) as one more entry.
    pub permissions: Vec<PermissionInput>,
    /// `SecurityGroupRuleIds` of a revocation.
    pub rule_ids: Vec<String>,
}

/// `IpPermission`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PermissionInput {
    /// `IpProtocol`.
    pub protocol: Option<String>,
    /// `FromPort`.
    pub from_port: Option<i32>,
    /// `ToPort`.
    pub to_port: Option<i32>,
    /// `IpRanges`, `Ipv6Ranges`, `UserIdGroupPairs`, `PrefixListIds`.
    pub peers: Vec<PeerInput>,
}

/// One peer of an `IpPermission`, with its `Description`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerInput {
    /// Who.
    pub peer: PeerName,
    /// `Description`.
    pub description: Option<String>,
}

/// Who a permission is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerName {
    /// `CidrIp` or `CidrIpv6` as given.
    Cidr(String),
    /// `GroupId`.
    GroupId(String),
    /// `GroupName`.
    GroupName(String),
    /// `PrefixListId`.
    PrefixList(String),
}

/// See [`Command::InstancesRun`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstancesRun {
    /// Credential scope.
    pub region: Region,
    /// `ImageId`.
    pub image: Option<String>,
    /// `InstanceType`.
    pub instance_type: Option<String>,
    /// `MinCount`.
    pub min_count: i64,
    /// `MaxCount`.
    pub max_count: i64,
    /// `SubnetId`, also from the first `NetworkInterface`.
    pub subnet: Option<String>,
    /// `Placement.AvailabilityZone`.
    pub zone: Option<String>,
    /// `PrivateIpAddress`.
    pub private_address: Option<String>,
    /// `SecurityGroupId` list, also from the first `NetworkInterface`.
    pub security_group_ids: Vec<String>,
    /// `SecurityGroup` list (names).
    pub security_group_names: Vec<String>,
    /// `ClientToken`: a repeated call with the same token returns the same instances.
    pub client_token: Option<String>,
    /// `TagSpecifications` for `instance`; `weir:address` says where the machine really is.
    pub tags: Pairs,
}

/// `StartInstances`, `StopInstances`, `TerminateInstances`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstancesInput {
    /// Credential scope.
    pub region: Region,
    /// `InstanceId` list.
    pub ids: Vec<String>,
}

/// See [`Command::RegionInit`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegionInit {
    /// The region.
    pub region: Region,
    /// 127.0.0.0/8.
    pub vpc_cidr: IpNet,
    /// Its zones, each with the block of its default subnet.
    pub zones: Vec<ZoneInit>,
}

/// One zone of a new region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneInit {
    /// For example `us-east-1a`.
    pub name: ZoneName,
    /// For example `use1-az1`.
    pub id: String,
    /// A /20 of the instance's block.
    pub cidr: IpNet,
}

// === impl Command ===

impl Command {
    /// The region whose records the command changes; `None` for upkeep of all regions.
    pub fn region(&self) -> Option<&Region> {
        Some(match self {
            Self::LoadBalancerCreate(c) => &c.region,
            Self::LoadBalancerDelete(c)
            | Self::TargetGroupDelete(c)
            | Self::ListenerDelete(c)
            | Self::RuleDelete(c) => &c.region,
            Self::LoadBalancerAttributesModify(c)
            | Self::TargetGroupAttributesModify(c)
            | Self::ListenerAttributesModify(c) => &c.region,
            Self::SecurityGroupsSet(c) => &c.region,
            Self::SubnetsSet(c) => &c.region,
            Self::IpAddressTypeSet(c) => &c.region,
            Self::TargetGroupCreate(c) => &c.region,
            Self::TargetGroupModify(c) => &c.region,
            Self::TargetsRegister(c) | Self::TargetsDeregister(c) => &c.region,
            Self::TargetsReap => return None,
            Self::ListenerCreate(c) => &c.region,
            Self::ListenerModify(c) => &c.region,
            Self::RuleCreate(c) => &c.region,
            Self::RuleModify(c) => &c.region,
            Self::RulePrioritiesSet(c) => &c.region,
            Self::TagsAdd(c) => &c.region,
            Self::TagsRemove(c) => &c.region,
            Self::SecurityGroupCreate(c) => &c.region,
            Self::SecurityGroupDelete(c) => &c.region,
            Self::IngressAuthorize(c)
            | Self::IngressRevoke(c)
            | Self::EgressAuthorize(c)
            | Self::EgressRevoke(c) => &c.group.region,
            Self::InstancesRun(c) => &c.region,
            Self::InstancesStart(c) | Self::InstancesStop(c) | Self::InstancesTerminate(c) => {
                &c.region
            }
            Self::Ec2TagsCreate(c) => &c.region,
            Self::Ec2TagsDelete(c) => &c.region,
            Self::RegionInit(c) => &c.region,
        })
    }
}
