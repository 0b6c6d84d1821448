//! Refusals about prefix lists, elastic addresses, interfaces and settings of instances.
//!
//! Invariant: as for the table that this one is part of.
// spec: control-plane §2.4 Validation / error messages (collect as data, one table in the server)

use super::{Confidence, Row, refusals};

refusals! {
    /// Refusals about prefix lists, elastic addresses, interfaces and settings of instances.
    InventoryRefusal
    // --- security groups
    GroupElsewhere {} Recalled "InvalidGroup.NotFound"
        "You have specified two resources that belong to different networks.";
    PermissionTwice {} Verified "InvalidParameterValue"
        "The same permission must not appear multiple times";
    RuleIdMalformed { id } Recalled "InvalidSecurityGroupRuleId.Malformed"
        "Invalid id: \"{id}\" (expecting \"sgr-...\")";
    RulePeers {} Recalled "InvalidParameterCombination"
        "Exactly one of CidrIpv4, CidrIpv6, PrefixListId and ReferencedGroupId must be specified \
         for a security group rule";
    InterfaceGroupLimit {} Recalled "SecurityGroupsPerInterfaceLimitExceeded"
        "The maximum number of security groups per interface has been reached.";

    // --- prefix lists
    PrefixListNotFound { id } Recalled "InvalidPrefixListID.NotFound"
        "The prefix list ID '{id}' does not exist";
    PrefixListMalformed { id } Recalled "InvalidPrefixListId.Malformed"
        "Invalid id: \"{id}\" (expecting \"pl-...\")";
    PrefixListVersion {} Verified "PrefixListVersionMismatch"
        "The prefix list has the incorrect version number.";
    PrefixListVersionMissing {} Recalled "MissingParameter"
        "The request must contain the parameter CurrentVersion";
    PrefixListVersionUnknown { version } Recalled "InvalidPrefixListVersion.NotFound"
        "The version '{version}' of the prefix list does not exist";
    PrefixListEntryExists {} Verified "InvalidRequest"
        "The request received was invalid.";
    PrefixListFull {} Recalled "PrefixListMaxEntriesExceeded"
        "You have reached the maximum number of entries for the prefix list.";
    PrefixListSizeAndEntries {} Verified "InvalidParameterCombination"
        "You cannot modify the entries and the maximum entries for the prefix list in the same \
         request.";
    PrefixListLimit {} Recalled "PrefixListLimitExceeded"
        "You have reached the maximum number of prefix lists.";
    PrefixListUsed { id } Recalled "DependencyViolation"
        "The prefix list '{id}' is referenced by a resource and cannot be deleted.";

    // --- elastic addresses
    AllocationNotFound { id } Verified "InvalidAllocationID.NotFound"
        "The allocation ID '{id}' does not exist";
    AddressNotFound { ip } Recalled "InvalidAddress.NotFound"
        "Address '{ip}' not found.";
    AddressLimit {} Verified "AddressLimitExceeded"
        "The maximum number of addresses has been reached.";
    AddressCapacity {} Recalled "InsufficientAddressCapacity"
        "Not enough addresses available";
    PublicPoolNotFound { pool } Recalled "InvalidPublicIpv4PoolID.NotFound"
        "The pool ID '{pool}' does not exist";
    IpamPoolNotFound { pool } Recalled "InvalidIpamPoolId.NotFound"
        "The IPAM pool ID '{pool}' does not exist";
    AddressManaged {} Verified "AuthFailure"
        "You do not have permission to access the specified resource.";
    AlreadyAssociated { resource, association } Verified "Resource.AlreadyAssociated"
        "resource {resource} is already associated with associate-id {association}";
    AssociationNotFound { id } Recalled "InvalidAssociationID.NotFound"
        "The association ID '{id}' does not exist";
    GatewayNotAttached { vpc } Recalled "Gateway.NotAttached"
        "Network {vpc} is not attached to any internet gateway";

    // --- interfaces
    InterfaceNotFound { id } Verified "InvalidNetworkInterfaceID.NotFound"
        "The networkInterface ID '{id}' does not exist";
    InterfaceMalformed { id } Recalled "InvalidNetworkInterfaceId.Malformed"
        "Invalid id: \"{id}\" (expecting \"eni-...\")";
    InterfaceUsed { id } Verified "InvalidParameterValue"
        "Network interface '{id}' is currently in use.";
    InterfaceAttached { id } Verified "InvalidNetworkInterface.InUse"
        "Interface: [{id}] in use.";
    InterfaceZone {} Recalled "InvalidParameterCombination"
        "You may not attach a network interface to an instance if they are not in the same \
         availability zone";
    InterfaceIndex { instance, index } Recalled "InvalidParameterValue"
        "Instance '{instance}' already has an interface attached at device index '{index}'.";
    InterfaceLimit {} Recalled "NetworkInterfaceLimitExceeded"
        "The maximum number of network interfaces has been reached.";
    AttachmentNotFound { id } Recalled "InvalidAttachmentID.NotFound"
        "The attachment '{id}' does not exist";
    AttachmentManaged {} Verified "OperationNotPermitted"
        "You are not allowed to manage 'ela-attach' attachments.";
    AttachmentPrimary {} Verified "OperationNotPermitted"
        "The network interface at device index 0 and networkCard index 0 cannot be detached.";
    PrivateAddressLimit {} Recalled "PrivateIpAddressLimitExceeded"
        "Number of private addresses will exceed limit.";
    PrivateAddressUnassigned { ip } Recalled "InvalidParameterValue"
        "Some of the specified addresses are not assigned to the interface: {ip}";
    Ipv6Missing { subnet } Recalled "InvalidParameterValue"
        "The subnet '{subnet}' has no IPv6 CIDR block";

    // --- instances
    TerminationProtected { id } Verified "OperationNotPermitted"
        "The instance '{id}' may not be terminated. Modify its 'disableApiTermination' instance \
         attribute and try again.";
    StopProtected { id } Verified "OperationNotPermitted"
        "The instance '{id}' may not be stopped. Modify its 'disableApiStop' instance attribute \
         and try again.";
    NotStopped { id } Verified "IncorrectInstanceState"
        "The instance '{id}' is not in the 'stopped' state.";
    ImageNotFound { id } Recalled "InvalidAMIID.NotFound"
        "The image id '[{id}]' does not exist";
    VolumeNotFound { id } Recalled "InvalidVolume.NotFound"
        "The volume '{id}' does not exist.";
}
