//! Refusals about load balancers that the common table has no row for: other types, pages,
//! capacity, pools.
//!
//! Invariant: as for the table that this one is part of.
// spec: control-plane §2.4 Validation / error messages (collect as data, one table in the server)

use super::{Confidence, Row, refusals};

refusals! {
    /// Refusals about load balancers of all types.
    LoadBalancerRefusal
    // --- what a type does not have
    SchemeForeign { kind } Recalled "InvalidScheme"
        "A scheme cannot be specified for load balancers with type '{kind}'";
    MemberForeign { member, kind } Recalled "InvalidConfigurationRequest"
        "{member} is not supported on load balancers with type '{kind}'";
    AddressTypeForeign { address_type, kind } Recalled "InvalidConfigurationRequest"
        "IP address type '{address_type}' is not supported on load balancers with type '{kind}'";
    SubnetsMissing {} Recalled "ValidationError"
        "At least one subnet must be specified";

    // --- security groups and zones of what exists
    SecurityGroupsLater {} Recalled "InvalidConfigurationRequest"
        "Security groups can be set on a load balancer with type 'network' only if it was created \
         with security groups";
    ZonesRemoved { kind } Recalled "InvalidConfigurationRequest"
        "Availability Zones cannot be removed from load balancers with type '{kind}'";
    ZoneSubnetChanged { zone } Recalled "InvalidConfigurationRequest"
        "The subnet of Availability Zone '{zone}' cannot be replaced: remove the zone, then add it \
         with the other subnet";
    AddressTypeInUse { reason } Recalled "InvalidConfigurationRequest"
        "The IP address type cannot be changed to 'ipv4' because of {reason}";
    DatagramsWithoutPrefix {} Recalled "InvalidConfigurationRequest"
        "Load balancers with UDP listeners can have the IP address type 'dualstack' only when \
         EnablePrefixForIpv6SourceNat is 'on'";

    // --- pools
    IpamPoolPlace {} Recalled "InvalidConfigurationRequest"
        "IPAM pools are supported only for internet-facing load balancers with public IPv4 \
         addresses";
    IpPoolsNothing {} Recalled "ValidationError"
        "You must specify either IpamPools or RemoveIpamPools";
    IpPoolsBoth {} Recalled "ValidationError"
        "IpamPools and RemoveIpamPools cannot be specified at the same time";

    // --- lists
    DescribeTooMany { limit } Recalled "ValidationError"
        "The number of load balancer ARNs cannot exceed '{limit}'";
    MarkerUnknown { marker } Recalled "ValidationError"
        "The marker '{marker}' is not valid";
    ResourceArnsMissing {} Recalled "ValidationError"
        "At least one resource ARN must be specified";
    TagKeysMissing {} Recalled "ValidationError"
        "At least one tag key must be specified";
    TagsMissing {} Recalled "ValidationError"
        "At least one tag must be specified";

    // --- quotas
    GatewaysPerVpcTooMany { limit } Recalled "TooManyLoadBalancers"
        "You have reached the maximum number of load balancers of type 'gateway' in a VPC: \
         [{limit}]";
    InterfacesPerVpcTooMany { kind, limit } Recalled "TooManyLoadBalancers"
        "You have reached the maximum number of network interfaces of load balancers of type \
         '{kind}' in a VPC: [{limit}]";

    // --- capacity reservation
    CapacityNothing {} Recalled "ValidationError"
        "You must specify either MinimumLoadBalancerCapacity or ResetCapacityReservation";
    CapacityBoth {} Recalled "ValidationError"
        "MinimumLoadBalancerCapacity and ResetCapacityReservation cannot be specified at the same \
         time";
    CapacityType { kind } Recalled "OperationNotPermitted"
        "Capacity reservations are not supported for load balancers with type '{kind}'";
    CapacityTooSmall { units, minimum } Recalled "InvalidConfigurationRequest"
        "The minimum load balancer capacity '{units}' must be at least '{minimum}' capacity units";
    CapacityTooLarge { limit } Recalled "CapacityUnitsLimitExceeded"
        "You have reached the maximum number of capacity units for a load balancer: [{limit}]";
    CapacityInRegion { limit } Recalled "CapacityUnitsLimitExceeded"
        "You have reached the maximum number of capacity units in a Region: [{limit}]";
    CapacityDecreases { limit } Recalled "CapacityDecreaseRequestLimitExceeded"
        "You have reached the maximum number of capacity decreases of a load balancer in a day: \
         [{limit}]";
}
