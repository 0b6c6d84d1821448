//! Refusals about attributes that the common table has no row for: combinations, and keys that
//! only some types have.
//!
//! Invariant: as for the table that this one is part of.
// spec: alb §13 Attribute tables

use super::{Confidence, Row, refusals};

refusals! {
    /// Refusals about attributes.
    AttributeRefusal
    // --- our own keys
    // Terraform drops a key that is "not recognized" and goes on; nobody shall do so with these.
    OwnKeyUnknown { key } Own "ValidationError"
        "The attribute '{key}' does not exist in this version of Weir";

    // --- fixed by what carries them
    FixedByProtocol { key, value, protocol } Recalled "InvalidConfigurationRequest"
        "The attribute '{key}' must be '{value}' on target groups with the {protocol} protocol";
    StickinessByProtocol { protocol } TestDouble "InvalidConfigurationRequest"
        "You cannot enable stickiness on target groups with the {protocol} protocol";
    StickinessTypeGeneve { value } TestDouble "ValidationError"
        "'{value}' must be one of [source_ip_dest_ip_proto, source_ip_dest_ip]";
    ListenerWithoutAttributes { protocol } Recalled "ValidationError"
        "Listeners with the {protocol} protocol have no attributes";

    // --- values
    CookieReserved { name } Recalled "InvalidConfigurationRequest"
        "The application cookie name '{name}' is not valid: names that begin with AWSALB are \
         reserved";
    LogBucketAbsent { log } Recalled "InvalidConfigurationRequest"
        "You must specify a value for '{log}.s3.bucket' when '{log}.s3.enabled' is 'true'";
    OnlyGrows { key, value } Recalled "InvalidConfigurationRequest"
        "The attribute '{key}' cannot be decreased; its value is '{value}'";

    // --- combinations
    CookieNameMissing {} TestDouble "InvalidConfigurationRequest"
        "You must set an application cookie name to enable stickiness of type 'app_cookie'";
    StickinessWithoutCrossZone {} Recalled "InvalidConfigurationRequest"
        "Stickiness is not supported when cross-zone load balancing is off";
    StickinessWithAlgorithm {} Recalled "InvalidConfigurationRequest"
        "Stickiness is not supported with the load balancing algorithm 'weighted_random'";
    SlowStartWithAlgorithm { algorithm } Recalled "InvalidConfigurationRequest"
        "Slow start is not supported with the load balancing algorithm '{algorithm}'";
    MitigationWithAlgorithm { algorithm } Recalled "InvalidConfigurationRequest"
        "Anomaly mitigation is not supported with the load balancing algorithm '{algorithm}'";
    HealthThresholdOrder { measure } Recalled "InvalidConfigurationRequest"
        "The minimum healthy target {measure} of DNS failover must be at least that of unhealthy \
         state routing";
    DrainingNeedsOpenConnections {} Recalled "InvalidConfigurationRequest"
        "'target_health_state.unhealthy.draining_interval_seconds' can be set only when \
         'target_health_state.unhealthy.connection_termination.enabled' is 'false'";
    FailoverDiffers {} Recalled "InvalidConfigurationRequest"
        "'target_failover.on_deregistration' and 'target_failover.on_unhealthy' must have the same \
         value";
    ResetNeedsFiveTuple { key } Recalled "InvalidConfigurationRequest"
        "The attribute '{key}' can be 'true' only without stickiness and without rebalancing";
    HeaderNamesClash { name } Recalled "InvalidConfigurationRequest"
        "The header name '{name}' was specified for more than one attribute";
}
