//! Refusals about target groups, targets, listeners, rules and what hangs below them, that the
//! common table has no row for.
//!
//! Invariant: as for the table that this one is part of.
// spec: control-plane §2.4 Validation / error messages (collect as data, one table in the server)

use super::{Confidence, Row, refusals};

refusals! {
    /// Refusals about target groups, targets, listeners and rules.
    RoutingRefusal
    // --- target groups
    GroupProtocolUnknown { protocol } Recalled "ValidationError"
        "Target group protocol '{protocol}' must be one of 'HTTP, HTTPS, TCP, TLS, UDP, TCP_UDP, \
         QUIC, TCP_QUIC, GENEVE'";
    GroupTypeProtocol { kind, protocol } Recalled "InvalidConfigurationRequest"
        "Target type '{kind}' is not supported for target groups with the {protocol} protocol";
    GroupMemberProtocol { member, protocol } Recalled "InvalidConfigurationRequest"
        "{member} is not supported for target groups with the {protocol} protocol";
    GroupMemberType { member, kind } Recalled "InvalidConfigurationRequest"
        "{member} is not supported for target groups with target type '{kind}'";
    GroupPortGeneve {} Recalled "ValidationError"
        "The port must be '6081' for target groups with the GENEVE protocol";
    GroupsGeneveTooMany { limit } Recalled "TooManyTargetGroups"
        "You have reached the maximum number of target groups with the GENEVE protocol: [{limit}]";
    HealthMatcherForeign { protocol } Verified "InvalidConfigurationRequest"
        "Custom health check matchers are not supported for health checks for target groups with \
         the {protocol} protocol.";
    HealthPathForeign { protocol } Recalled "InvalidConfigurationRequest"
        "Health check paths are not supported for health checks with protocol {protocol}";
    HealthTimeoutAboveInterval { timeout, interval } TestDouble "ValidationError"
        "Health check timeout '{timeout}' must be smaller than or equal to the interval \
         '{interval}'";
    HealthMatcherGrpcRange { value } Verified "ValidationError"
        "Health check matcher GRPC code '{value}' must be within '0-99' inclusive";
    HealthMatcherHttpOnGrpc {} Recalled "InvalidConfigurationRequest"
        "An HTTP health check matcher cannot be specified for target groups with protocol version \
         GRPC";

    // --- targets
    TargetFunctionInvalid { id } Recalled "ValidationError"
        "'{id}' is not a valid Lambda function ARN";
    TargetFunctionForeign { id } Recalled "InvalidTarget"
        "The Lambda function '{id}' must be in the Region and account of the target group";
    TargetMemberForeign { member, kind } Recalled "ValidationError"
        "You cannot specify {member} for targets of type '{kind}'";
    TargetZoneLambda {} Recalled "ValidationError"
        "The only supported Availability Zone for targets of type 'lambda' is 'all'";
    TargetBalancerInvalid { id } Recalled "InvalidTarget"
        "The target '{id}' is not an Application Load Balancer in the VPC of the target group";
    TargetBalancerListener {} Verified "ValidationError"
        "If the target type is ALB, the target must have at least one listener that matches the \
         target group port or any specified port overrides";
    TargetBalancerPort { port } Recalled "ValidationError"
        "The port '{port}' must be the port of the target group if the target type is ALB";
    BalancerTargeted { arn } Verified "ResourceInUse"
        "Load balancer '{arn}' cannot be deleted because it is currently associated with another \
         service";
    TargetQuicMissing {} Recalled "ValidationError"
        "A QuicServerId must be specified for targets of target groups with the QUIC or TCP_QUIC \
         protocol";
    TargetQuicForeign { protocol } Recalled "ValidationError"
        "A QuicServerId cannot be specified for targets of target groups with the {protocol} \
         protocol";
    TargetQuicInvalid { value } Recalled "ValidationError"
        "QuicServerId '{value}' must satisfy regular expression pattern: ^0x[0-9a-f]{{16}}$";
    TargetQuicTaken { value } Recalled "InvalidTarget"
        "QuicServerId '{value}' is already in use by another target";
    TargetQuicImmutable { id } Recalled "InvalidTarget"
        "The QuicServerId of target '{id}' cannot be changed: deregister it first";
    TargetIpv6Invalid { ip } Recalled "ValidationError"
        "The IP address '{ip}' is not a valid IPv6 address";
    TargetsPerZoneTooMany { kind, zone, limit } Recalled "TooManyTargets"
        "You have reached the maximum number of targets per Availability Zone for a load balancer \
         of type '{kind}': [{limit}] in {zone}";

    // --- associations
    GroupInOtherVpc { arn } Recalled "InvalidConfigurationRequest"
        "The following target groups are not in the VPC of the load balancer: {arn}";
    GroupIpv6NeedsDualstack { arn } Recalled "InvalidConfigurationRequest"
        "The target group '{arn}' with IP address type 'ipv6' requires a dualstack load balancer";

    // --- listeners
    ListenerPortOnGateway {} TestDouble "ValidationError"
        "A port cannot be specified for gateway listeners";
    ListenerProtocolOnGateway {} TestDouble "ValidationError"
        "A protocol cannot be specified for gateway listeners";
    ListenerQuicConflict { reason } Recalled "InvalidConfigurationRequest"
        "Listeners with the QUIC or TCP_QUIC protocol are not supported {reason}";
    ListenerUdpDualstack {} Recalled "InvalidConfigurationRequest"
        "Listeners with the UDP or TCP_UDP protocol on dualstack load balancers require \
         EnablePrefixForIpv6SourceNat";
    ListenerQuicPort {} Recalled "InvalidConfigurationRequest"
        "The port of a listener with the QUIC or TCP_QUIC protocol cannot be changed";
    ListenerTargeted { arn } Recalled "ResourceInUse"
        "Listener '{arn}' is currently in use by a target group with target type 'alb'";
    AlpnPolicyNotFound { name } Recalled "ALPNPolicyNotFound"
        "ALPN policy '{name}' not found";
    AlpnPolicyCount {} Recalled "ValidationError"
        "You must specify exactly one ALPN policy";
    CertificatesEmpty {} Recalled "ValidationError"
        "At least one certificate must be specified";
    CertificatesTooMany { kind, limit } Recalled "TooManyCertificates"
        "You have reached the maximum number of certificates for a load balancer of type \
         '{kind}': [{limit}]";
    CertificateDefault {} Verified "OperationNotPermitted"
        "Default certificate cannot be removed";
    MutualModeInvalid { mode } Recalled "ValidationError"
        "Mutual authentication mode '{mode}' must be one of 'off, passthrough, verify'";
    MutualTrustStoreMissing {} Recalled "ValidationError"
        "A trust store ARN must be specified when mutual authentication mode is 'verify'";
    MutualMemberForeign { member } Recalled "ValidationError"
        "{member} can only be specified when mutual authentication mode is 'verify'";
    MutualListenersTooMany { limit } Recalled "InvalidConfigurationRequest"
        "You have reached the maximum number of listeners with mutual authentication mode \
         'verify' for a load balancer: [{limit}]";

    // --- actions
    ActionForeign { action, kind } Recalled "InvalidLoadBalancerAction"
        "Actions of type '{action}' are not supported on load balancers of type '{kind}'";
    ActionOrderRepeated { order } Recalled "ValidationError"
        "Action order '{order}' was provided multiple times";
    ActionOrderRange { order } Recalled "ValidationError"
        "Action order '{order}' must be between '1-50000' inclusive";
    ActionAuthenticationCount {} Recalled "InvalidLoadBalancerAction"
        "You can specify at most one authentication action";
    ForwardOnGateway {} Recalled "InvalidLoadBalancerAction"
        "Forward actions of gateway listeners must have exactly one target group";
    ForwardAppCookie {} Verified "InvalidLoadBalancerAction"
        "When configuring a rule with multiple target groups, none of them can have stickiness of \
         type 'app_cookie' enabled.";
    ForwardGroupStickiness {} Recalled "InvalidLoadBalancerAction"
        "You must enable group stickiness on a rule if you enabled target stickiness on one of \
         its target groups";
    FixedResponseBodyCharacters {} Recalled "InvalidLoadBalancerAction"
        "The MessageBody contains a character that is not valid";
    AuthUrl { member, value } Recalled "InvalidLoadBalancerAction"
        "The {member} '{value}' must be a full URL, including the HTTPS protocol, the domain, and \
         the path";
    AuthMember { member } Recalled "ValidationError"
        "A valid '{member}' must be specified";
    AuthSecretMissing {} Recalled "InvalidLoadBalancerAction"
        "A client secret must be specified for actions of type 'authenticate-oidc'";
    AuthSessionTimeout { value } Recalled "ValidationError"
        "Session timeout '{value}' must be between '1-604800' inclusive";
    AuthExtraTooMany { limit } Recalled "InvalidLoadBalancerAction"
        "You can specify at most '{limit}' authentication request extra parameters";
    AuthExtraReserved { name } Recalled "InvalidLoadBalancerAction"
        "The authentication request extra parameter '{name}' is reserved";
    JwtMember { member, limit } Recalled "InvalidLoadBalancerAction"
        "The {member} of a jwt-validation action must have between 1 and {limit} characters";
    JwtClaimsTooMany { limit } Recalled "InvalidLoadBalancerAction"
        "A jwt-validation action can have at most '{limit}' additional claims";
    JwtClaimReserved { name } Recalled "InvalidLoadBalancerAction"
        "The claim '{name}' cannot be an additional claim, or was specified more than once";
    JwtClaimValues { name, limit } Recalled "InvalidLoadBalancerAction"
        "The claim '{name}' must have between 1 and {limit} values";

    // --- rules
    RulesForeign { kind } Recalled "UnsupportedProtocol"
        "Listener rules are not supported on {kind}";
    RulesNeedDualstack {} Recalled "InvalidConfigurationRequest"
        "Listener rules of network load balancers require the IP address type 'dualstack'";
    PrioritiesEmpty {} Recalled "ValidationError"
        "At least one rule priority must be specified";
    ConditionNetwork {} Recalled "ValidationError"
        "A rule of a network load balancer must have exactly one condition, of type 'source-ip' \
         with an IpAddressType and no values";
    ConditionFamilyForeign {} Recalled "ValidationError"
        "An IpAddressType can only be specified for conditions of network load balancers";

    // --- transforms
    TransformTypeUnknown { index, value } Recalled "ValidationError"
        "1 validation error detected: Value '{value}' at 'transforms.{index}.member.type' failed \
         to satisfy constraint: Member must satisfy enum value set: [host-header-rewrite, \
         url-rewrite]";
    TransformRepeated { kind } Recalled "ValidationError"
        "A rule can only have one transform of type '{kind}'";
    TransformConfigMissing { config, kind } Recalled "ValidationError"
        "A '{config}' must be specified with transforms of type '{kind}'";
    TransformConfigForeign { config, kind } Recalled "ValidationError"
        "A '{config}' cannot be specified with transforms of type '{kind}'";
    TransformRewriteCount { kind } Recalled "ValidationError"
        "A transform of type '{kind}' must have exactly one rewrite";
    TransformRegexInvalid { value } Recalled "ValidationError"
        "The regular expression '{value}' of a transform is not valid or too complex";
    TransformTooLong { member, limit } Recalled "ValidationError"
        "The '{member}' of a transform must have at most '{limit}' characters";
    TransformReplaceInvalid { value } Recalled "ValidationError"
        "The replacement '{value}' of a transform contains a character that is not valid";
    TransformsForeign { kind } Recalled "InvalidConfigurationRequest"
        "Transforms are not supported on load balancers of type '{kind}'";
}
