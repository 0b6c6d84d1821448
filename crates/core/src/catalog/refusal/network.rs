//! Refusals about networks, addresses and what belongs to them.
//!
//! Invariant: as for the table that this one is part of.
// spec: control-plane §2.4 Validation / error messages (collect as data, one table in the server)

use super::{Confidence, Row, refusals};

refusals! {
    /// Refusals about networks, addresses and what belongs to them.
    NetworkRefusal
    // --- VPCs
    VpcIdMalformed { id } Recalled "InvalidVpcID.Malformed"
        "Invalid id: \"{id}\" (expecting \"vpc-...\")";
    VpcRange { cidr } TestDouble "InvalidVpc.Range"
        "The CIDR '{cidr}' is invalid.";
    VpcLimit {} Recalled "VpcLimitExceeded"
        "The maximum number of VPCs has been reached.";
    DefaultVpcExists {} TestDouble "DefaultVpcAlreadyExists"
        "A Default VPC already exists for this account in this region.";
    DefaultVpcAbsent {} Recalled "DefaultVpcDoesNotExist"
        "No default VPC exists for this account in this region.";
    TenancyUnsupported { tenancy } TestDouble "UnsupportedTenancy"
        "The tenancy value {tenancy} is not supported.";
    Dependents { kind, id } Verified "DependencyViolation"
        "The {kind} '{id}' has dependencies and cannot be deleted.";
    CidrLimit { vpc, limit } TestDouble "CidrLimitExceeded"
        "This network '{vpc}' has met its maximum number of allowed CIDRs: {limit}";
    CidrConflict { cidr } Recalled "CidrConflict"
        "The CIDR '{cidr}' conflicts with another CIDR block of the network.";
    CidrInUse { cidr } Recalled "DependencyViolation"
        "The CIDR block '{cidr}' is in use by a subnet and cannot be disassociated.";
    CidrPrimary { association } TestDouble "OperationNotPermitted"
        "The vpc CIDR block with association ID {association} may not be disassociated. It is \
         the primary IPv4 CIDR block of the VPC";
    VpcCidrAssociationNotFound { id } TestDouble "InvalidVpcCidrBlockAssociationID.NotFound"
        "The vpc CIDR block association ID '{id}' does not exist";

    // --- subnets
    SubnetIdMalformed { id } Recalled "InvalidSubnetID.Malformed"
        "Invalid id: \"{id}\" (expecting \"subnet-...\")";
    SubnetLimit {} Recalled "SubnetLimitExceeded"
        "The maximum number of subnets has been reached.";
    DefaultSubnetExists { subnet, zone } Recalled "DefaultSubnetAlreadyExistsInAvailabilityZone"
        "'{subnet}' is already the default subnet in {zone}.";
    SubnetCidrAssociationNotFound { id } TestDouble "InvalidSubnetCidrBlockAssociationID.NotFound"
        "The subnet CIDR block with association ID '{id}' does not exist";

    // --- internet gateways
    InternetGatewayIdMalformed { id } Recalled "InvalidInternetGatewayId.Malformed"
        "Invalid id: \"{id}\" (expecting \"igw-...\")";
    InternetGatewayNotFound { id } Recalled "InvalidInternetGatewayID.NotFound"
        "The internetGateway ID '{id}' does not exist";
    InternetGatewayLimit {} Recalled "InternetGatewayLimitExceeded"
        "The maximum number of internet gateways has been reached.";
    GatewayAttached { gateway, vpc } Recalled "Resource.AlreadyAssociated"
        "resource {gateway} is already attached to network {vpc}";
    GatewayNotAttached { gateway, vpc } Recalled "Gateway.NotAttached"
        "resource {gateway} is not attached to network {vpc}";
    PublicAddressesMapped { vpc } Verified "DependencyViolation"
        "Network {vpc} has some mapped public address(es). Please unmap those public address(es) \
         before detaching the gateway.";

    // --- route tables
    RouteTableIdMalformed { id } Recalled "InvalidRouteTableId.Malformed"
        "Invalid id: \"{id}\" (expecting \"rtb-...\")";
    RouteTableNotFound { id } TestDouble "InvalidRouteTableID.NotFound"
        "The routeTable ID '{id}' does not exist";
    RouteTableLimit {} Recalled "RouteTableLimitExceeded"
        "The maximum number of route tables has been reached.";
    RouteLimit { table } Recalled "RouteLimitExceeded"
        "The maximum number of routes of route table {table} has been reached.";
    RouteExists { destination } TestDouble "RouteAlreadyExists"
        "The route identified by {destination} already exists.";
    RouteNotFound { destination, table } TestDouble "InvalidRoute.NotFound"
        "no route with destination-cidr-block {destination} in route table {table}";
    RouteGatewayNotFound { id } Recalled "InvalidGatewayID.NotFound"
        "The gateway ID '{id}' does not exist";
    RouteInterfaceNotFound { id } TestDouble "InvalidNetworkInterfaceID.NotFound"
        "The networkInterface ID '{id}' does not exist";
    RouteTableAssociationNotFound { id } Recalled "InvalidAssociationID.NotFound"
        "The association ID '{id}' does not exist";
    RouteTableAssociationExists { table } Recalled "Resource.AlreadyAssociated"
        "the specified association for route table {table} conflicts with an existing association";

    // --- addresses
    AllocationIdUnknown { id } Recalled "AllocationIdNotFound"
        "The allocation IDs '{id}' do not exist";
    AllocationIdsUnavailable {} Verified "ResourceInUse"
        "The allocation IDs are not available for use";
    ElasticIpScheme {} Verified "InvalidConfigurationRequest"
        "Elastic IPs are not supported for load balancers with scheme 'internal'";
    ElasticIpType { kind } Recalled "InvalidConfigurationRequest"
        "Elastic IPs are not supported for load balancers with type '{kind}'";
    PrivateAddressType { kind } Recalled "InvalidConfigurationRequest"
        "Private IPv4 addresses are not supported for load balancers with type '{kind}'";
    PrivateAddressScheme {} Recalled "InvalidConfigurationRequest"
        "Private IPv4 addresses are not supported for load balancers with scheme \
         'internet-facing'";
    Ipv6AddressType { kind } Recalled "InvalidConfigurationRequest"
        "IPv6 addresses are not supported for load balancers with type '{kind}'";
    Ipv6AddressFamily {} Recalled "InvalidConfigurationRequest"
        "IPv6 addresses can be specified only for load balancers with IP address type 'dualstack'";
    SourceNatType { kind } Recalled "InvalidConfigurationRequest"
        "IPv6 prefixes for source NAT are not supported for load balancers with type '{kind}'";
    SourceNatFamily {} Recalled "InvalidConfigurationRequest"
        "IPv6 prefixes for source NAT can be enabled only for load balancers with IP address type \
         'dualstack'";
    SourceNatOff {} Recalled "InvalidConfigurationRequest"
        "A source NAT IPv6 prefix can be specified only when EnablePrefixForIpv6SourceNat is 'on'";
    SourceNatPrefixInvalid { prefix, subnet } Recalled "InvalidConfigurationRequest"
        "The source NAT IPv6 prefix '{prefix}' must be a free /80 block of the subnet '{subnet}'";
    AddressSyntax { address } Recalled "ValidationError"
        "The IP address '{address}' is not valid";
    AddressOutsideSubnet { address, subnet } Recalled "InvalidConfigurationRequest"
        "The IP address '{address}' is not in the range of the subnet '{subnet}'";
    AddressTaken { address, subnet } Recalled "InvalidConfigurationRequest"
        "The IP address '{address}' is not available in the subnet '{subnet}'";
    ZoneAddressesFixed { subnet } Recalled "InvalidConfigurationRequest"
        "The addresses of the subnet '{subnet}' cannot be changed while it is enabled for the load \
         balancer";
    PublicPoolEmpty {} Own "InvalidConfigurationRequest"
        "No public address is free in the configured pool";
    StandInsEmpty {} Own "InvalidConfigurationRequest"
        "No loopback address is free to carry the load balancer on this machine";
}
