//! Every reason to say no, with AWS's code and wording, as one table.
//!
//! A row is: name, fields, confidence in the wording, code, message. The HTTP status is the API
//! model's business (400 unless it says otherwise).
//!
//! Invariant: a refusal is the caller's fault; it never stands for an outage or a bug.
// spec: control-plane §2.4 Validation / error messages (collect as data, one table in the server)

mod attribute;
mod certificate;
mod inventory;
mod load_balancer;
mod network;
mod routing;
mod trust_store;

use super::unserved::Feature;

pub use attribute::AttributeRefusal;
pub use certificate::CertificateRefusal;
pub use inventory::InventoryRefusal;
pub use load_balancer::LoadBalancerRefusal;
pub use network::NetworkRefusal;
pub use routing::RoutingRefusal;
pub use trust_store::TrustStoreRefusal;

/// How sure we are of a wording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confidence {
    /// Seen in public error logs or in clients that match it.
    Verified,
    /// Seen only in a test double of AWS.
    TestDouble,
    /// Recalled; replace when seen.
    Recalled,
    /// Our own text for something that AWS would accept.
    Own,
}

macro_rules! refusals {
    (
        $(#[$enum_doc:meta])*
        $enum:ident
        $([$($(#[$inner_doc:meta])* $inner:ident($inner_type:ident)),* $(,)?])?
        $($name:ident { $($field:ident),* } $confidence:ident $code:literal $message:literal;)*
    ) => {
        $(#[$enum_doc])*
        #[allow(missing_docs, reason = "every field is a placeholder of the message above it")]
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum $enum {
            $(
                #[doc = concat!("`", $code, "`: ", $message)]
                $name { $($field: String),* },
            )*
            $($($(#[$inner_doc])* $inner($inner_type),)*)?
        }

        impl $enum {
            /// Every row of this table, for the test that counts them.
            pub const ROWS: &[Row] = &[$(
                Row { kind: stringify!($name), code: $code, confidence: Confidence::$confidence },
            )*];

            /// The name of this variant.
            pub fn kind(&self) -> &'static str {
                match self {
                    $(Self::$name { .. } => stringify!($name),)*
                    $($(Self::$inner(inner) => inner.kind(),)*)?
                }
            }

            /// The wire code.
            pub fn code(&self) -> &'static str {
                match self {
                    $(Self::$name { .. } => $code,)*
                    $($(Self::$inner(inner) => inner.code(),)*)?
                }
            }

            /// The text for the caller.
            pub fn message(&self) -> String {
                match self {
                    $(Self::$name { $($field),* } => format!($message),)*
                    $($(Self::$inner(inner) => inner.message(),)*)?
                }
            }

            /// How sure we are of the wording.
            pub fn confidence(&self) -> Confidence {
                match self {
                    $(Self::$name { .. } => Confidence::$confidence,)*
                    $($(Self::$inner(inner) => inner.confidence(),)*)?
                }
            }
        }

        $($(impl From<$inner_type> for $enum {
            fn from(inner: $inner_type) -> Self {
                Self::$inner(inner)
            }
        })*)?
    };
}

pub(crate) use refusals;

/// One row of a table of refusals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The name of the variant.
    pub kind: &'static str,
    /// The wire code.
    pub code: &'static str,
    /// How sure we are of the wording.
    pub confidence: Confidence,
}

/// A feature of AWS that this version does not carry; see [`super::unserved`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unserved {
    /// What it is.
    pub feature: Feature,
    /// What was asked for.
    pub value: String,
}

refusals! {
    /// A refused command or query. The text of each variant is its documentation.
    Refusal
    [
        /// A row of the table of load balancers.
        LoadBalancer(LoadBalancerRefusal),
        /// A row of the table of attributes.
        Attribute(AttributeRefusal),
        /// A row of the table of networks and addresses.
        Network(NetworkRefusal),
        /// A row of the table of addresses, interfaces and prefix lists.
        Inventory(InventoryRefusal),
        /// A row of the table of target groups, listeners and rules.
        Routing(RoutingRefusal),
        /// A row of the table of certificates.
        Certificate(CertificateRefusal),
        /// A row of the table of trust stores.
        TrustStore(TrustStoreRefusal),
        /// A feature that this version does not carry.
        Unserved(Unserved),
    ]
    // --- names and ARNs
    LoadBalancerNameTooLong { name } Verified "ValidationError"
        "The load balancer name '{name}' cannot be longer than '32' characters";
    LoadBalancerNameEmpty {} Recalled "ValidationError"
        "A load balancer name must be specified";
    LoadBalancerNameCharacters { name } Recalled "ValidationError"
        "The load balancer name '{name}' can only contain characters that are alphanumeric \
         characters and hyphens(-)";
    LoadBalancerNameEdge { name } Recalled "ValidationError"
        "The load balancer name '{name}' cannot begin or end with '-'";
    LoadBalancerNameInternal { name } Recalled "ValidationError"
        "The load balancer name '{name}' cannot begin with 'internal-'";
    TargetGroupNameTooLong { name } Verified "ValidationError"
        "Target group name '{name}' cannot be longer than '32' characters";
    TargetGroupNameEmpty {} Recalled "ValidationError"
        "A target group name must be specified";
    TargetGroupNameCharacters { name } Verified "ValidationError"
        "Target group name '{name}' can only contain characters that are alphanumeric characters \
         or hyphens(-)";
    TargetGroupNameHyphens { name } TestDouble "ValidationError"
        "1 validation error detected: Value '{name}' at \
         'targetGroup.targetGroupArn.targetGroupName' failed to satisfy constraint: Member must \
         satisfy regular expression pattern: (?!.*--)(?!^-)(?!.*-$)^[A-Za-z0-9-]+$";
    LoadBalancerArnInvalid { arn } Recalled "ValidationError"
        "'{arn}' is not a valid load balancer ARN";
    ListenerArnInvalid { arn } Recalled "ValidationError"
        "'{arn}' is not a valid listener ARN";
    RuleArnInvalid { arn } Recalled "ValidationError"
        "'{arn}' is not a valid listener rule ARN";
    TargetGroupArnInvalid { arn } Verified "ValidationError"
        "'{arn}' is not a valid target group ARN";
    ResourceArnInvalid { arn } Recalled "ValidationError"
        "'{arn}' is not a valid resource ARN";

    // --- lookups
    LoadBalancersNotFound {} Verified "LoadBalancerNotFound"
        "One or more load balancers not found";
    LoadBalancerNotFound { arn } Recalled "LoadBalancerNotFound"
        "Load balancer '{arn}' not found";
    TargetGroupsNotFound {} Verified "TargetGroupNotFound"
        "One or more target groups not found";
    ActionTargetGroupNotFound { arn } Recalled "TargetGroupNotFound"
        "Target groups '{arn}' not found";
    ListenersNotFound {} Verified "ListenerNotFound"
        "One or more listeners not found";
    RulesNotFound {} Verified "RuleNotFound"
        "One or more rules not found";
    SslPolicyNotFound { name } Verified "SSLPolicyNotFound"
        "SSL policy '{name}' not found";
    DescribeRulesNothing {} TestDouble "ValidationError"
        "You must specify either listener rule ARNs or a listener ARN";
    DescribeRulesBoth {} TestDouble "ValidationError"
        "Listener rule ARNs and a listener ARN cannot be specified at the same time";
    DescribeListenersNothing {} TestDouble "ValidationError"
        "You must specify either listener ARNs or a load balancer ARN";
    DescribeListenersBoth {} Recalled "ValidationError"
        "Listener ARNs and a load balancer ARN cannot be specified at the same time";
    DescribeTargetGroupsSeveral {} TestDouble "ValidationError"
        "Target group names, target group ARNs, and a load balancer ARN cannot be specified at \
         the same time";
    DescribeLoadBalancersBoth {} Recalled "ValidationError"
        "Load balancer names and load balancer ARNs cannot be specified at the same time";

    DescribeTagsTooMany { limit } Recalled "ValidationError"
        "The number of resource ARNs cannot exceed '{limit}'";

    // --- load balancers
    ZonesTooFew {} Verified "ValidationError"
        "At least two subnets in two different Availability Zones must be specified";
    SubnetsSameZone {} Verified "InvalidConfigurationRequest"
        "A load balancer cannot be attached to multiple subnets in the same Availability Zone";
    SubnetsAndMappings {} Recalled "ValidationError"
        "You can specify only one of Subnets and SubnetMappings";
    SubnetNotFound { subnet } Recalled "SubnetNotFound"
        "The subnet ID '{subnet}' does not exist";
    SubnetsDifferentVpcs {} Recalled "InvalidConfigurationRequest"
        "All subnets must belong to the same VPC";
    SubnetsWrongVpc { subnet, vpc } Recalled "InvalidConfigurationRequest"
        "Subnet '{subnet}' is not in the VPC '{vpc}' of the load balancer";
    SubnetFull { subnet } Recalled "InvalidSubnet"
        "Not enough IP space available in {subnet}. ELB requires at least 8 free IP addresses in \
         each subnet.";
    NoInternetGateway { vpc } Verified "InvalidSubnet"
        "VPC {vpc} has no internet gateway";
    SecurityGroupsInvalid {} Verified "InvalidConfigurationRequest"
        "One or more security groups are invalid";
    SecurityGroupsEmpty {} Recalled "InvalidConfigurationRequest"
        "At least one security group must be specified";
    SecurityGroupsTooMany { limit } Recalled "InvalidConfigurationRequest"
        "A load balancer cannot have more than '{limit}' security groups";
    NoIpv6Cidr {} Recalled "InvalidConfigurationRequest"
        "You must specify subnets with an associated IPv6 CIDR block";
    InternalWithoutPublicIpv4 {} Recalled "InvalidConfigurationRequest"
        "Internal load balancers cannot have the IP address type 'dualstack-without-public-ipv4'";
    LoadBalancerNameTaken { name } Verified "DuplicateLoadBalancerName"
        "A load balancer with the same name '{name}' exists, but with different settings";
    LoadBalancersTooMany { kind, limit } Recalled "TooManyLoadBalancers"
        "You have reached the maximum number of load balancers of type '{kind}': [{limit}]";
    DeletionProtected { arn } Verified "OperationNotPermitted"
        "Load balancer '{arn}' cannot be deleted because deletion protection is enabled";

    // --- target groups
    TargetGroupNameTaken { name } Verified "DuplicateTargetGroupName"
        "A target group with the same name '{name}' exists, but with different settings";
    TargetGroupsTooMany { limit } Recalled "TooManyTargetGroups"
        "You have reached the maximum number of target groups: [{limit}]";
    TargetGroupInUse { arn } Verified "ResourceInUse"
        "Target group '{arn}' is currently in use by a listener or a rule";
    ProtocolMissing {} TestDouble "ValidationError"
        "A protocol must be specified";
    PortMissing {} TestDouble "ValidationError"
        "A port must be specified";
    VpcMissing {} TestDouble "ValidationError"
        "A VPC ID must be specified";
    VpcNotFound { vpc } TestDouble "ValidationError"
        "The VPC ID '{vpc}' is not found";
    LambdaWithMember { member } TestDouble "ValidationError"
        "{member} cannot be specified for target groups with target type 'lambda'";
    ProtocolVersionInvalid { version } Recalled "ValidationError"
        "Protocol version '{version}' must be one of 'HTTP1, HTTP2, GRPC'";
    HealthTimeoutNotBelowInterval { timeout, interval } TestDouble "ValidationError"
        "Health check timeout '{timeout}' must be smaller than the interval '{interval}'";
    HealthNumberRange { member, value, range } Recalled "ValidationError"
        "{member} '{value}' must be in the range '{range}'";
    HealthProtocolInvalid { protocol, allowed } Recalled "ValidationError"
        "Health check protocol '{protocol}' must be one of '{allowed}'";
    HealthPortInvalid { port } Recalled "ValidationError"
        "Health check port '{port}' must be in the range of 1-65535 or be 'traffic-port'";
    HealthPathInvalid { path } Recalled "ValidationError"
        "Health check path '{path}' must begin with a '/' character, and can only contain \
         printable ASCII characters, without spaces";
    HealthMatcherInvalid { value, range } Recalled "ValidationError"
        "Health check matcher HTTP code '{value}' must be within '{range}' inclusive";
    HealthMatcherGrpc {} Recalled "InvalidConfigurationRequest"
        "A gRPC health check matcher can be specified only for target groups with protocol \
         version GRPC";
    HealthCheckNotDisabled { kind } Recalled "InvalidConfigurationRequest"
        "Health checks cannot be disabled for target groups with target type '{kind}'";

    // --- targets
    TargetsEmpty {} Recalled "ValidationError"
        "At least one target must be specified";
    TargetsNotRunning { ids } Verified "InvalidTarget"
        "The following targets are not in a running state and cannot be registered: {ids}";
    TargetsNotInVpc { vpc, ids } Verified "InvalidTarget"
        "The following targets are not in the target group VPC '{vpc}': {ids}";
    TargetsNotFound { ids } Recalled "InvalidTarget"
        "The following targets do not exist: {ids}";
    TargetsDraining { ids } Recalled "InvalidTarget"
        "The following targets cannot be registered until their deregistration delay is over: \
         {ids}";
    TargetIpZoneRequired { ip } Verified "ValidationError"
        "The Availability Zone is required for IP address '{ip}' because it is not in the VPC";
    TargetIpInvalid { ip } Recalled "ValidationError"
        "The IP address '{ip}' is not a valid IPv4 address";
    TargetIpNotAllowed { ip } Recalled "ValidationError"
        "The IP address '{ip}' is not within the VPC or the permitted private address ranges";
    TargetZoneInvalid { zone } Recalled "ValidationError"
        "The Availability Zone '{zone}' is not valid";
    TargetZoneAllCrossZoneOff {} Recalled "ValidationError"
        "The Availability Zone 'all' is not supported when cross-zone load balancing is off";
    TargetZoneOnInstance {} Recalled "ValidationError"
        "You cannot specify an Availability Zone for targets of type 'instance'";
    TargetInstanceIdInvalid { id } Verified "ValidationError"
        "Instance ID '{id}' is not valid";
    TargetsPerGroupTooMany { limit } Recalled "TooManyTargets"
        "You have reached the maximum number of targets per target group: [{limit}]";
    TargetsPerLoadBalancerTooMany { kind, limit } Recalled "TooManyTargets"
        "You have reached the maximum number of targets for a load balancer of type \
         '{kind}': [{limit}]";
    RegistrationsPerTargetTooMany { id, limit } Recalled "TooManyRegistrationsForTargetId"
        "Target '{id}' has reached the maximum number of registrations with a load balancer: \
         [{limit}]";

    // --- listeners
    ListenerPortMissing {} TestDouble "ValidationError"
        "A listener port must be specified";
    ListenerProtocolMissing {} TestDouble "ValidationError"
        "A listener protocol must be specified";
    ListenerProtocolInvalid { protocol, allowed } TestDouble "ValidationError"
        "Listener protocol '{protocol}' must be one of '{allowed}'";
    ListenerPortTaken { arn } Verified "DuplicateListener"
        "A listener already exists on this port for this load balancer '{arn}'";
    ListenerPortInUse { port } Verified "ValidationError"
        "Listener port '{port}' is already in use";
    ListenersTooMany { kind, limit } Recalled "TooManyListeners"
        "You have reached the maximum number of listeners for a load balancer of type \
         '{kind}': [{limit}]";
    CertificateMissing { protocol } Verified "ValidationError"
        "A certificate must be specified for {protocol} listeners";
    CertificateListWrong { protocol } TestDouble "InvalidConfigurationRequest"
        "You must provide a list containing exactly one certificate if the listener protocol is \
         {protocol}.";
    CertificateOnHttp { protocol } Recalled "ValidationError"
        "Certificates cannot be specified for {protocol} listeners";
    SslPolicyOnHttp { protocol } Verified "ValidationError"
        "An SSL policy cannot be specified for {protocol} listeners";
    AlpnOnHttp { protocol } Recalled "ValidationError"
        "An ALPN policy cannot be specified for {protocol} listeners";
    MutualAuthenticationOnHttp { protocol } Recalled "ValidationError"
        "Mutual authentication cannot be specified for {protocol} listeners";

    // --- actions
    ActionsEmpty {} Recalled "ValidationError"
        "At least one action must be specified";
    ActionTypeUnknown { index, value } TestDouble "ValidationError"
        "1 validation error detected: Value '{value}' at 'actions.{index}.member.type' failed to \
         satisfy constraint: Member must satisfy enum value set: [redirect, fixed-response, \
         forward, authenticate-oidc, authenticate-cognito, jwt-validation]";
    ActionsTooMany { limit } Recalled "TooManyActions"
        "You have reached the maximum number of actions: [{limit}]";
    ActionOrderMissing {} Recalled "ValidationError"
        "You must specify an order for each action when there is more than one action";
    ActionRoutingCount {} Recalled "InvalidLoadBalancerAction"
        "You must specify exactly one of the following actions as the last one: forward, \
         redirect, fixed-response";
    ActionNeedsHttps { kind } Verified "InvalidLoadBalancerAction"
        "Actions of type '{kind}' are supported only on HTTPS listeners";
    ActionConfigMissing { config, kind } Recalled "ValidationError"
        "A '{config}' must be specified with actions of type '{kind}'";
    ActionConfigForeign { config, kind } Recalled "ValidationError"
        "A '{config}' cannot be specified with actions of type '{kind}'";
    ForwardWithoutGroup {} Recalled "ValidationError"
        "A target group must be specified with actions of type 'forward'";
    ForwardGroupsDiffer {} Recalled "ValidationError"
        "The target group in TargetGroupArn must be the only target group in ForwardConfig";
    ForwardGroupsTooMany { limit } Recalled "TooManyTargetGroups"
        "A forward action can have at most '{limit}' target groups";
    ForwardGroupRepeated { arn } Recalled "ValidationError"
        "Target group '{arn}' was specified more than once in a forward action";
    ForwardWeightMissing {} Recalled "ValidationError"
        "A weight must be specified for each target group of a forward action with more than one \
         target group";
    ForwardWeightRange { weight } Recalled "ValidationError"
        "Target group weight '{weight}' must be between '0-999' inclusive";
    ForwardStickinessDurationMissing {} Recalled "ValidationError"
        "DurationSeconds must be specified when target group stickiness is enabled";
    ForwardStickinessDurationRange { seconds } Recalled "ValidationError"
        "Target group stickiness duration '{seconds}' must be between '1-604800' inclusive";
    GroupProtocolIncompatible { arn } Verified "IncompatibleProtocols"
        "The listener and the following target groups have incompatible protocols: {arn}";
    GroupOnOtherLoadBalancer { arn } Verified "TargetGroupAssociationLimit"
        "The following target groups cannot be associated with more than one load balancer: {arn}";
    GroupsPerLoadBalancerTooMany { kind, limit } Verified "TooManyUniqueTargetGroupsPerLoadBalancer"
        "You have reached the maximum number of unique target groups that you can associate with \
         a load balancer of type '{kind}': [{limit}]";
    RedirectLoop {} Verified "InvalidLoadBalancerAction"
        "The redirect configuration is not valid because it creates a loop.";
    RedirectMember { member, value } Recalled "InvalidLoadBalancerAction"
        "The redirect {member} '{value}' is not valid";
    RedirectStatus { index, value } Recalled "ValidationError"
        "1 validation error detected: Value '{value}' at \
         'actions.{index}.member.redirectConfig.statusCode' failed to satisfy constraint: Member \
         must satisfy enum value set: [HTTP_301, HTTP_302]";
    FixedResponseStatus { index, value } TestDouble "ValidationError"
        "1 validation error detected: Value '{value}' at \
         'actions.{index}.member.fixedResponseConfig.statusCode' failed to satisfy constraint: \
         Member must satisfy regular expression pattern: ^(2|4|5)\\d\\d$";
    FixedResponseContentType {} TestDouble "InvalidLoadBalancerAction"
        "The ContentType must be one of:'text/html', 'application/json', \
         'application/javascript', 'text/css', 'text/plain'";
    FixedResponseBody {} Recalled "InvalidLoadBalancerAction"
        "The MessageBody is too long; the limit is '1024'";

    // --- rules
    PriorityTaken { priority } Verified "PriorityInUse"
        "Priority '{priority}' is currently in use";
    PriorityRange { priority } Recalled "ValidationError"
        "Priority '{priority}' must be between '1-50000' inclusive";
    PriorityRepeated { priority } TestDouble "ValidationError"
        "Priority '{priority}' was provided multiple times";
    PriorityRuleRepeated { arn } Recalled "ValidationError"
        "Rule '{arn}' was provided multiple times";
    DefaultRuleDelete { arn } Recalled "OperationNotPermitted"
        "Default rule '{arn}' cannot be deleted";
    DefaultRuleModify { arn } Recalled "OperationNotPermitted"
        "Default rule '{arn}' cannot be modified";
    RuleModifyNothing {} TestDouble "ValidationError"
        "Either conditions or actions must be specified";
    RulesTooMany { kind, limit } Recalled "TooManyRules"
        "You have reached the maximum number of rules for a load balancer of type \
         '{kind}': [{limit}]";
    TransformsAndReset {} Recalled "ValidationError"
        "Transforms and ResetTransforms cannot be specified at the same time";

    // --- conditions
    ConditionsEmpty {} Recalled "ValidationError"
        "A rule must have at least one condition";
    ConditionFieldUnknown { field } TestDouble "ValidationError"
        "Condition field '{field}' must be one of '[path-pattern,host-header,http-header,\
         http-request-method,query-string,source-ip]'";
    ConditionValuesForeign { field } TestDouble "ValidationError"
        "The 'Values' field is not compatible with '{field}'";
    ConditionRegexForeign { field } Recalled "ValidationError"
        "The 'RegexValues' field is not compatible with '{field}'";
    ConditionRegexInvalid { value } Recalled "ValidationError"
        "The regular expression '{value}' is not valid or too complex";
    ConditionConfigForeign { config, field } Recalled "ValidationError"
        "The '{config}' field is not compatible with '{field}'";
    ConditionValueMissing {} TestDouble "ValidationError"
        "A condition value must be specified";
    ConditionFieldValueMissing { field } TestDouble "ValidationError"
        "A '{field}' value must be specified";
    ConditionConfigMissing { config, field } TestDouble "ValidationError"
        "A '{config}' must be specified with '{field}'";
    ConditionQueryValueMissing {} TestDouble "ValidationError"
        "A 'Value' must be specified in 'QueryStringKeyValuePair'";
    ConditionValuesAndConfig { config, field } TestDouble "ValidationError"
        "You cannot provide both Values and '{config}' for a condition of type '{field}'";
    ConditionLegacyValues { field } TestDouble "ValidationError"
        "The '{field}' field contains too many values; the limit is '1'";
    ConditionValueTooLong { field, limit } TestDouble "ValidationError"
        "The '{field}' value is too long; the limit is '{limit}'";
    ConditionMethodCharacters {} TestDouble "ValidationError"
        "The 'http-request-method' value is invalid; the allowed characters are A-Z, hyphen and \
         underscore";
    ConditionValueCharacters { value } Recalled "ValidationError"
        "Condition value '{value}' contains a character that is not valid";
    ConditionHostInvalid { value } Recalled "ValidationError"
        "The host name '{value}' must have at least one '.' and only letters after the last '.'";
    ConditionHeaderName { name } Recalled "ValidationError"
        "The HTTP header name '{name}' is not valid";
    ConditionCidrInvalid { value } Recalled "ValidationError"
        "The source IP '{value}' is not a valid CIDR block";
    ConditionRepeated { field } Recalled "ValidationError"
        "A rule can only have one condition of type '{field}'";
    ConditionValuesTooMany { limit } Recalled "ValidationError"
        "A rule can only have '{limit}' condition values";
    ConditionWildcardsTooMany { limit } Recalled "ValidationError"
        "A rule can only have '{limit}' condition wildcards";

    // --- attributes
    AttributesEmpty {} Recalled "ValidationError"
        "At least one attribute must be specified";
    AttributesTooMany { limit } Recalled "ValidationError"
        "The number of attributes cannot exceed '{limit}'";
    AttributeRepeated { key } Recalled "ValidationError"
        "Attribute key '{key}' was specified more than once";
    AttributeUnknown { family, key } Verified "ValidationError"
        "{family} attribute key '{key}' is not recognized";
    AttributeForeignLoadBalancer { key, kind } Verified "InvalidConfigurationRequest"
        "Load balancer attribute key '{key}' is not supported on load balancers with type '{kind}'";
    AttributeForeignTargetGroup { key, protocol } Recalled "InvalidConfigurationRequest"
        "Target group attribute key '{key}' is not supported on target groups with the \
         {protocol} protocol";
    AttributeForeignTargetType { key, kind } TestDouble "InvalidConfigurationRequest"
        "A target group with target type '{kind}' does not support the attribute {key}";
    AttributeForeignListener { key, protocol } Recalled "InvalidConfigurationRequest"
        "Listener attribute key '{key}' is not supported on listeners with the {protocol} protocol";
    AttributeRange { key, value, range } TestDouble "ValidationError"
        "'{key}' value '{value}' must be between '{range}' inclusive";
    AttributeChoice { key, value, choices } Recalled "ValidationError"
        "'{key}' value '{value}' must be one of [{choices}]";
    StickinessTypeInvalid {} TestDouble "ValidationError"
        "'Stickiness type' must be one of [app_cookie, lb_cookie, source_ip]";
    StickinessTypeForeign { kind, protocol } TestDouble "InvalidConfigurationRequest"
        "Stickiness type '{kind}' is not supported for target groups with the {protocol} protocol";
    AttributeText { key, limit } Recalled "ValidationError"
        "'{key}' must have at most '{limit}' characters and no characters that are not valid";
    AttributeImmutable { key, value } Recalled "InvalidConfigurationRequest"
        "The attribute '{key}' must be '{value}' on load balancers with type 'application'";
    LogBucketInvalid { bucket } Recalled "InvalidConfigurationRequest"
        "Access log bucket name '{bucket}' is not a valid bucket name";
    LogPrefixInvalid { prefix } Recalled "InvalidConfigurationRequest"
        "Access log prefix '{prefix}' is not valid: it cannot contain 'AWSLogs' or '..', or begin \
         with '/'";

    // --- tags
    TagsTooMany { limit } Recalled "TooManyTags"
        "The number of tags on a resource cannot exceed '{limit}'";
    TagKeyRepeated { key } TestDouble "DuplicateTagKeys"
        "Tag key was specified more than once: {key}";
    TagKeyReserved { key } Recalled "ValidationError"
        "Tag key '{key}' is not valid: keys that begin with 'aws:' are reserved";
    TagLength { key } Recalled "ValidationError"
        "Tag '{key}' is not valid: a key has 1 to 128 characters, a value at most 256";

    // --- EC2
    VpcIdNotFound { id } Recalled "InvalidVpcID.NotFound"
        "The vpc ID '{id}' does not exist";
    DefaultVpcMissing {} Recalled "VPCIdNotSpecified"
        "No default VPC for this user";
    SubnetIdNotFound { id } Recalled "InvalidSubnetID.NotFound"
        "The subnet ID '{id}' does not exist";
    SubnetConflict { cidr } Recalled "InvalidSubnet.Conflict"
        "The CIDR '{cidr}' conflicts with another subnet";
    SubnetRange { cidr } Recalled "InvalidSubnet.Range"
        "The CIDR '{cidr}' is invalid.";
    Ec2GroupNotFound { id } Recalled "InvalidGroup.NotFound"
        "The security group '{id}' does not exist";
    Ec2GroupDuplicate { name, vpc } Recalled "InvalidGroup.Duplicate"
        "The security group '{name}' already exists for VPC '{vpc}'";
    Ec2GroupReserved { name } Recalled "InvalidGroup.Reserved"
        "The security group name '{name}' is reserved";
    Ec2GroupIdMalformed { id } Recalled "InvalidGroupId.Malformed"
        "Invalid id: \"{id}\" (expecting \"sg-...\")";
    Ec2GroupDefault { id, name } Recalled "CannotDelete"
        "the specified group: \"{id}\" name: \"{name}\" cannot be deleted by a user";
    Ec2Dependency { id } Recalled "DependencyViolation"
        "resource {id} has a dependent object";
    Ec2GroupLimit {} Recalled "SecurityGroupLimitExceeded"
        "The maximum number of security groups has been reached.";
    Ec2RuleLimit {} Recalled "RulesPerSecurityGroupLimitExceeded"
        "The maximum number of rules per security group has been reached.";
    Ec2RuleDuplicate { peer, protocol, ports } Recalled "InvalidPermission.Duplicate"
        "the specified rule \"peer: {peer}, {protocol}, {ports}, ALLOW\" already exists";
    Ec2RuleNotFound {} Recalled "InvalidPermission.NotFound"
        "The specified rule does not exist in this security group.";
    Ec2RuleIdNotFound { id } Recalled "InvalidSecurityGroupRuleId.NotFound"
        "The security group rule ID '{id}' does not exist";
    Ec2RuleMalformed { reason } Recalled "InvalidPermission.Malformed"
        "{reason}";
    Ec2InstanceNotFound { ids } Recalled "InvalidInstanceID.NotFound"
        "The instance ID '{ids}' does not exist";
    Ec2InstanceMalformed { id } Recalled "InvalidInstanceID.Malformed"
        "Invalid id: \"{id}\"";
    Ec2InstanceState { id, verb } Recalled "IncorrectInstanceState"
        "The instance '{id}' is not in a state from which it can be {verb}.";
    Ec2InstanceLimit { limit } Recalled "InstanceLimitExceeded"
        "You have requested more instances than your current instance limit of {limit} allows.";
    Ec2AddressInUse { ip } Recalled "InvalidIPAddress.InUse"
        "Address {ip} is in use.";
    Ec2SubnetFull { subnet } Recalled "InsufficientFreeAddressesInSubnet"
        "There are not enough free addresses in subnet '{subnet}' to satisfy the requested number \
         of instances.";
    Ec2ZoneInvalid { zone, region } Recalled "InvalidParameterValue"
        "Invalid availability zone: [{zone}] in region [{region}]";
    Ec2Parameter { reason } Recalled "InvalidParameterValue"
        "{reason}";
    Ec2Combination { reason } Recalled "InvalidParameterCombination"
        "{reason}";
    Ec2Missing { name } Recalled "MissingParameter"
        "The request must contain the parameter {name}";
    Ec2IdInvalid { id } Recalled "InvalidID"
        "The ID '{id}' is not valid";
    Ec2TagLimit { limit } Recalled "TagLimitExceeded"
        "The maximum number of tags for a resource is {limit}";
    Ec2TokenMismatch {} Recalled "IdempotentParameterMismatch"
        "Arguments on this idempotent request are inconsistent with arguments used in previous \
         request(s)";
}

// === impl Refusal ===

impl Refusal {
    /// Refuses a feature that this version does not serve; `value` is what was asked for.
    pub fn unserved(feature: Feature, value: impl Into<String>) -> Self {
        Self::Unserved(Unserved { feature, value: value.into() })
    }

    /// Every row of every table, for documentation and tests.
    pub fn rows() -> impl Iterator<Item = &'static Row> {
        let tables = [
            Self::ROWS,
            LoadBalancerRefusal::ROWS,
            AttributeRefusal::ROWS,
            NetworkRefusal::ROWS,
            CertificateRefusal::ROWS,
            TrustStoreRefusal::ROWS,
            InventoryRefusal::ROWS,
            RoutingRefusal::ROWS,
        ];
        tables.into_iter().flatten()
    }
}

// === impl Unserved ===

impl Unserved {
    /// The name of its variant.
    pub fn kind(&self) -> &'static str {
        "Unserved"
    }

    /// The wire code.
    pub fn code(&self) -> &'static str {
        self.feature.code()
    }

    /// The text for the caller.
    pub fn message(&self) -> String {
        self.feature.message(&self.value)
    }

    /// The text is our own.
    pub fn confidence(&self) -> Confidence {
        Confidence::Own
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code(), self.message())
    }
}

impl std::error::Error for Refusal {}
