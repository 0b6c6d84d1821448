//! Every mutation as one enum.
//!
//! Inputs mirror the API after its generic constraints (required members, lengths, enums) were
//! checked. What needs the catalog to be judged, or has an AWS text of its own (names, ARNs,
//! attribute values, condition fields), arrives as text and is judged by `Catalog::apply`.
//!
//! Invariant: every input names the region of the credential scope; a command reads and changes
//! records of that region only.
// spec: control-plane §1.2 ELBv2 actions (51) – input, result members, modelled errors

mod certificate;
mod ec2;
mod inventory;
mod listener;
mod load_balancer;
mod network;
mod tag;
mod target_group;
mod trust_store;

pub use certificate::*;
pub use ec2::*;
pub use inventory::*;
pub use listener::*;
pub use load_balancer::*;
pub use network::*;
pub use tag::*;
pub use target_group::*;
pub use trust_store::*;

use crate::resource::Region;

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
    /// `ModifyIpPools`. Subject: the load balancer.
    IpPoolsModify(IpPoolsModify),
    /// `ModifyCapacityReservation`. Subject: the load balancer.
    CapacityReservationModify(CapacityReservationModify),
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
    /// `AddListenerCertificates`. Subject: the listener.
    ListenerCertificatesAdd(ListenerCertificatesInput),
    /// `RemoveListenerCertificates`. Subject: the listener.
    ListenerCertificatesRemove(ListenerCertificatesInput),
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
    /// ACM `ImportCertificate`. Subject: the certificate.
    CertificateImport(CertificateImport),
    /// ACM `RequestCertificate`: what was issued here. Subject: the certificate, or the one that
    /// the same token got before.
    CertificateIssue(CertificateIssue),
    /// ACM `DeleteCertificate`.
    CertificateDelete(ArnInput),
    /// ACM `UpdateCertificateOptions`. Subject: the certificate.
    CertificateOptionsUpdate(CertificateOptionsUpdate),
    /// ACM `AddTagsToCertificate`. Subject: the certificate.
    CertificateTag(CertificateTag),
    /// ACM `RemoveTagsFromCertificate`. Subject: the certificate.
    CertificateUntag(CertificateUntag),
    /// IAM `UploadServerCertificate`. Subject: the certificate.
    ServerCertificateUpload(ServerCertificateUpload),
    /// IAM `UpdateServerCertificate`. Subject: the certificate.
    ServerCertificateUpdate(ServerCertificateUpdate),
    /// IAM `DeleteServerCertificate`.
    ServerCertificateDelete(ServerCertificateName),
    /// IAM `TagServerCertificate`. Subject: the certificate.
    ServerCertificateTag(ServerCertificateTag),
    /// IAM `UntagServerCertificate`. Subject: the certificate.
    ServerCertificateUntag(ServerCertificateUntag),
    /// IAM `CreateServiceLinkedRole`. Subject: the role.
    ServiceRoleCreate(ServiceRoleCreate),
    /// `CreateTrustStore`. Subject: the trust store.
    TrustStoreCreate(TrustStoreCreate),
    /// `ModifyTrustStore`. Subject: the trust store.
    TrustStoreModify(TrustStoreModify),
    /// `DeleteTrustStore`.
    TrustStoreDelete(ArnInput),
    /// `AddTrustStoreRevocations`. Subject: the trust store; the new lists are its last ones.
    RevocationsAdd(RevocationsAdd),
    /// `RemoveTrustStoreRevocations`. Subject: the trust store.
    RevocationsRemove(RevocationsRemove),
    /// `DeleteSharedTrustStoreAssociation`; always refused, nothing is shared.
    TrustStoreAssociationDelete(TrustStoreAssociationDelete),
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
    /// EC2 `ModifySecurityGroupRules`. Subject: the group.
    SecurityGroupRulesModify(SecurityGroupRulesModify),
    /// EC2 `UpdateSecurityGroupRuleDescriptionsIngress`. Subject: the group.
    IngressDescriptionsUpdate(RuleDescriptionsUpdate),
    /// EC2 `UpdateSecurityGroupRuleDescriptionsEgress`. Subject: the group.
    EgressDescriptionsUpdate(RuleDescriptionsUpdate),
    /// EC2 `CreateManagedPrefixList`. Subject: the list.
    PrefixListCreate(PrefixListCreate),
    /// EC2 `ModifyManagedPrefixList`. Subject: the list.
    PrefixListModify(PrefixListModify),
    /// EC2 `DeleteManagedPrefixList`.
    PrefixListDelete(IdInput),
    /// EC2 `AllocateAddress`. Subject: the elastic address.
    AddressAllocate(AddressAllocate),
    /// EC2 `ReleaseAddress`.
    AddressRelease(AddressName),
    /// EC2 `AssociateAddress`. Subject: the elastic address.
    AddressAssociate(AddressAssociate),
    /// EC2 `DisassociateAddress`. Subject: the elastic address.
    AddressDisassociate(AddressDisassociate),
    /// EC2 `CreateNetworkInterface`. Subject: the interface.
    InterfaceCreate(InterfaceCreate),
    /// EC2 `DeleteNetworkInterface`.
    InterfaceDelete(IdInput),
    /// EC2 `ModifyNetworkInterfaceAttribute`. Subject: the interface or its instance.
    InterfaceModify(InterfaceModify),
    /// EC2 `AttachNetworkInterface`. Subject: the interface.
    InterfaceAttach(InterfaceAttach),
    /// EC2 `DetachNetworkInterface`, by `AttachmentId`. Subject: the interface.
    InterfaceDetach(IdInput),
    /// EC2 `AssignPrivateIpAddresses`. Subject: the interface or its instance.
    PrivateAddressesAssign(PrivateAddresses),
    /// EC2 `UnassignPrivateIpAddresses`. Subject: the interface or its instance.
    PrivateAddressesUnassign(PrivateAddresses),
    /// EC2 `ModifyInstanceAttribute`. Subject: the instance.
    InstanceModify(InstanceModify),
    /// EC2 `RebootInstances`; checks the instances, changes nothing.
    InstancesReboot(InstancesInput),
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
    /// EC2 `CreateVpc`. Subject: the VPC.
    VpcCreate(VpcCreate),
    /// EC2 `DeleteVpc`, with its default group and its main route table.
    VpcDelete(Ec2Id),
    /// EC2 `ModifyVpcAttribute`. Subject: the VPC.
    VpcAttributeModify(VpcAttributeModify),
    /// EC2 `AssociateVpcCidrBlock`. Subject: the VPC; `Decision::associations`: the new one.
    VpcCidrAssociate(VpcCidrAssociate),
    /// EC2 `DisassociateVpcCidrBlock`. Subject: the VPC.
    VpcCidrDisassociate(Ec2Id),
    /// EC2 `CreateDefaultVpc`. Subject: the VPC.
    DefaultVpcCreate(RegionInit),
    /// EC2 `CreateSubnet`. Subject: the subnet.
    SubnetCreate(SubnetCreate),
    /// EC2 `DeleteSubnet`.
    SubnetDelete(Ec2Id),
    /// EC2 `ModifySubnetAttribute`. Subject: the subnet.
    SubnetAttributeModify(SubnetAttributeModify),
    /// EC2 `AssociateSubnetCidrBlock`. Subject: the subnet.
    SubnetCidrAssociate(SubnetCidrAssociate),
    /// EC2 `DisassociateSubnetCidrBlock`. Subject: the subnet.
    SubnetCidrDisassociate(Ec2Id),
    /// EC2 `CreateDefaultSubnet`. Subject: the subnet.
    DefaultSubnetCreate(DefaultSubnetCreate),
    /// EC2 `CreateInternetGateway`. Subject: the gateway.
    InternetGatewayCreate(InternetGatewayCreate),
    /// EC2 `DeleteInternetGateway`.
    InternetGatewayDelete(Ec2Id),
    /// EC2 `AttachInternetGateway`. Subject: the gateway.
    InternetGatewayAttach(InternetGatewayPlace),
    /// EC2 `DetachInternetGateway`. Subject: the gateway.
    InternetGatewayDetach(InternetGatewayPlace),
    /// EC2 `CreateRouteTable`. Subject: the table.
    RouteTableCreate(RouteTableCreate),
    /// EC2 `DeleteRouteTable`.
    RouteTableDelete(Ec2Id),
    /// EC2 `CreateRoute`. Subject: the table.
    RouteCreate(RouteInput),
    /// EC2 `ReplaceRoute`. Subject: the table.
    RouteReplace(RouteInput),
    /// EC2 `DeleteRoute`. Subject: the table.
    RouteDelete(RouteDelete),
    /// EC2 `AssociateRouteTable`. Subject: the table; `Decision::associations`: the new one.
    RouteTableAssociate(RouteTableAssociate),
    /// EC2 `DisassociateRouteTable`. Subject: the table.
    RouteTableDisassociate(Ec2Id),
    /// EC2 `ReplaceRouteTableAssociation`. Subject: the table that gets the association;
    /// `Decision::associations`: the new one.
    RouteTableReplace(RouteTableReplace),
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

/// A match over every command, by where its input keeps the region: itself, or a part of it.
/// Exhaustive, so that a new command does not compile before it has its place.
macro_rules! region_of {
    ($command:ident {
        own => $($own:ident)+;
        $($part:ident => $($name:ident)+;)+
    }) => {
        match $command {
            $(Self::$own(input) => Some(&input.region),)+
            $($(Self::$name(input) => Some(&input.$part.region),)+)+
            Self::TargetsReap => None,
        }
    };
}

// === impl Command ===

impl Command {
    /// The region whose records the command changes; `None` for upkeep of all regions.
    pub fn region(&self) -> Option<&Region> {
        region_of!(self {
            own =>
                LoadBalancerCreate LoadBalancerDelete TargetGroupDelete ListenerDelete RuleDelete
                LoadBalancerAttributesModify TargetGroupAttributesModify ListenerAttributesModify
                SecurityGroupsSet SubnetsSet IpAddressTypeSet IpPoolsModify
                CapacityReservationModify TargetGroupCreate TargetGroupModify TargetsRegister
                TargetsDeregister ListenerCreate ListenerModify ListenerCertificatesAdd
                ListenerCertificatesRemove RuleCreate RuleModify RulePrioritiesSet TagsAdd
                TagsRemove CertificateImport CertificateIssue CertificateDelete TrustStoreDelete
                CertificateOptionsUpdate CertificateTag CertificateUntag ServerCertificateUpload
                ServerCertificateUpdate ServerCertificateDelete ServerCertificateTag
                ServerCertificateUntag ServiceRoleCreate TrustStoreCreate TrustStoreModify
                RevocationsAdd RevocationsRemove TrustStoreAssociationDelete SecurityGroupCreate
                SecurityGroupDelete SecurityGroupRulesModify PrefixListCreate PrefixListModify
                PrefixListDelete InterfaceDelete InterfaceDetach AddressAllocate AddressRelease
                AddressDisassociate InterfaceCreate InterfaceModify InterfaceAttach
                PrivateAddressesAssign PrivateAddressesUnassign InstanceModify InstancesRun
                InstancesStart InstancesStop InstancesReboot InstancesTerminate Ec2TagsCreate
                Ec2TagsDelete VpcCreate VpcDelete VpcCidrDisassociate SubnetDelete
                SubnetCidrDisassociate InternetGatewayDelete RouteTableDelete
                RouteTableDisassociate VpcAttributeModify VpcCidrAssociate SubnetCreate
                SubnetAttributeModify SubnetCidrAssociate InternetGatewayCreate
                InternetGatewayAttach InternetGatewayDetach RouteTableCreate RouteCreate
                RouteReplace RouteDelete RouteTableAssociate RouteTableReplace RegionInit
                DefaultVpcCreate;
            group =>
                IngressAuthorize IngressRevoke EgressAuthorize EgressRevoke
                IngressDescriptionsUpdate EgressDescriptionsUpdate;
            address =>
                AddressAssociate;
            network =>
                DefaultSubnetCreate;
        })
    }
}
