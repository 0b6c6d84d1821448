//! One line per kind of record: from it come the enum of records, the enum of their identities,
//! the words that stores use, and the maps of the catalog.
//!
//! To add a kind: write its record in `resource`, add its line below, and tell `index` what else
//! it is found by (a match there does not compile until you do).
//!
//! Invariant: parents of references come before the kinds that refer to them; identities order by
//! kind first, so that sorting keys sorts parents first.

/// Calls `$callback!` with every kind:
/// `Kind(IdentityType, identity field) map "word in stores";`.
macro_rules! for_each_kind {
    ($callback:ident) => {
        $callback! {
            /// A network.
            Vpc(VpcId, id) vpcs "vpc";
            /// The way from a network to the Internet.
            InternetGateway(InternetGatewayId, id) internet_gateways "internet-gateway";
            /// A zone's share of a network.
            Subnet(SubnetId, id) subnets "subnet";
            /// Where a network sends what leaves it.
            RouteTable(RouteTableId, id) route_tables "route-table";
            /// Address blocks under one name.
            PrefixList(PrefixListId, id) prefix_lists "prefix-list";
            /// Who may connect.
            SecurityGroup(SecurityGroupId, id) security_groups "security-group";
            /// A machine.
            Instance(InstanceId, id) instances "instance";
            /// An interface that somebody made.
            NetworkInterface(InterfaceId, id) network_interfaces "network-interface";
            /// A public address that the account owns.
            ElasticAddress(AllocationId, id) elastic_addresses "elastic-address";
            /// A certificate that listeners may use, of ACM or IAM.
            Certificate(CertificateArn, arn) certificates "certificate";
            /// Authorities whose client certificates a listener believes.
            TrustStore(TrustStoreArn, arn) trust_stores "trust-store";
            /// A service's permission to act in the account.
            ServiceRole(RoleArn, arn) service_roles "service-role";
            /// A target group.
            TargetGroup(TargetGroupArn, arn) target_groups "target-group";
            /// The targets of a group.
            Registrations(TargetGroupArn, group) registrations "registrations";
            /// A load balancer.
            LoadBalancer(LoadBalancerArn, arn) load_balancers "load-balancer";
            /// A port of a load balancer.
            Listener(ListenerArn, arn) listeners "listener";
            /// A rule of a listener.
            Rule(RuleArn, arn) rules "rule";
        }
    };
}

pub(super) use for_each_kind;
