//! Identifiers that are not ARNs.
//!
//! Cheap to clone (`Arc<str>`), ordered, and kept apart by type, so that a subnet never stands
//! where a VPC is meant.
//!
//! Invariant: an id is never empty.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

macro_rules! string_id {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Wraps text that the caller took from a validated or generated source.
            pub fn new(text: impl Into<Arc<str>>) -> Self {
                let text = text.into();
                assert!(!text.is_empty(), concat!(stringify!($name), " must not be empty"));
                Self(text)
            }

            /// The text as clients see it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    )*};
}

pub(crate) use string_id;

string_id! {
    /// Twelve digits.
    AccountId,
    /// For example `us-east-1`.
    Region,
    /// For example `us-east-1a`.
    ZoneName,
    /// `vpc-` and 17 hexadecimal digits.
    VpcId,
    /// `subnet-` and 17 hexadecimal digits.
    SubnetId,
    /// `sg-` and 17 hexadecimal digits.
    SecurityGroupId,
    /// `i-` and 17 hexadecimal digits.
    InstanceId,
    /// `eni-` and 17 hexadecimal digits.
    InterfaceId,
    /// `eipalloc-` and 17 hexadecimal digits.
    AllocationId,
    /// `igw-` and 17 hexadecimal digits.
    InternetGatewayId,
    /// `rtb-` and 17 hexadecimal digits.
    RouteTableId,
    /// `pl-` and 17 hexadecimal digits.
    PrefixListId,
    /// `arn:aws:acm:<region>:<account>:certificate/<uuid>`, or
    /// `arn:aws:iam::<account>:server-certificate/[path/]<name>`.
    CertificateArn,
    /// `arn:aws:iam::<account>:role/<path><name>`.
    RoleArn,
}
