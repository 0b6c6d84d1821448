//! What AWS offers and this version refuses, in one table.
//!
//! A request that needs one of these is refused with `OperationNotPermitted` and a text that says
//! plainly that Weir does not serve it: nothing is accepted and then ignored. With the setting
//! `allow_unserved_types` it is recorded instead, and the load balancer's state says so.
//!
//! Invariant: a row leaves this table in the same change that starts to serve it.

/// One feature, its error code and its text (`{}` stands for the value that was asked for).
macro_rules! features {
    ($($(#[$doc:meta])* $name:ident $code:literal $text:literal;)*) => {
        /// A feature that is refused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Feature { $($(#[$doc])* $name,)* }

        impl Feature {
            /// All of them, for documentation and tests.
            pub const ALL: &[Feature] = &[$(Self::$name,)*];

            /// The wire code.
            pub fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

features! {
    /// `Type=network`.
    NetworkLoadBalancer "OperationNotPermitted"
        "Load balancers of type 'network' are not available in this version of Weir";
    /// `Type=gateway`.
    GatewayLoadBalancer "OperationNotPermitted"
        "Load balancers of type 'gateway' are not available in this version of Weir";
    /// `CustomerOwnedIpv4Pool`.
    CustomerOwnedPool "OperationNotPermitted"
        "Customer-owned address pools ('{}') are not available in this version of Weir";
    /// `IpamPools`.
    IpamPool "OperationNotPermitted"
        "IPAM pools ('{}') are not available in this version of Weir";
    /// HTTPS listeners.
    HttpsListener "OperationNotPermitted"
        "HTTPS listeners are not available in this version of Weir";
    /// HTTPS target groups.
    HttpsTargetGroup "OperationNotPermitted"
        "Target groups with protocol 'HTTPS' are not available in this version of Weir";
    /// Groups of other load balancer types.
    TargetGroupProtocol "OperationNotPermitted"
        "Target groups with protocol '{}' are not available in this version of Weir";
    /// `ProtocolVersion` HTTP2, GRPC.
    ProtocolVersion "OperationNotPermitted"
        "Target groups with protocol version '{}' are not available in this version of Weir";
    /// `TargetType` lambda, alb.
    TargetType "OperationNotPermitted"
        "Target groups with target type '{}' are not available in this version of Weir";
    /// IPv6 target groups with instances.
    Ipv6TargetGroup "OperationNotPermitted"
        "Target groups with IP address type '{}' are not available in this version of Weir";
    /// `TargetControlPort`.
    TargetControlPort "OperationNotPermitted"
        "Target control ports ('{}') are not available in this version of Weir";
    /// Health checks over TLS.
    HttpsHealthCheck "OperationNotPermitted"
        "Health checks with protocol 'HTTPS' are not available in this version of Weir";
    /// Sticky weighted groups.
    GroupStickiness "OperationNotPermitted"
        "Target group stickiness in forward actions is not available in this version of Weir";
    /// Listeners of network and gateway load balancers.
    ListenerProtocol "OperationNotPermitted"
        "Listeners with protocol '{}' are not available in this version of Weir";
    /// Actions before the routing one.
    ActionType "OperationNotPermitted"
        "Actions of type '{}' are not available in this version of Weir";
    /// A declared attribute whose non-default values change nothing yet.
    AttributeValue "OperationNotPermitted"
        "The attribute '{}' can only have its default value in this version of Weir";
    /// `Ipv6Native=true`.
    Ipv6NativeSubnet "UnsupportedOperation"
        "Subnets without IPv4 addresses are not available in this version of Weir";
    /// EC2 interfaces of an instance besides its own primary one, at launch.
    LaunchInterface "UnsupportedOperation"
        "Launching instances with other network interfaces ('{}') is not available in this \
         version of Weir; attach them afterwards";
}

// === impl Feature ===

impl Feature {
    /// The text for the caller.
    pub fn message(self, value: &str) -> String {
        self.text().replace("{}", value)
    }
}
