//! The DNS names that EC2 derives from addresses. They are told, nothing answers them.
//!
//! Invariant: a name is a function of the address and the region.

use std::net::{IpAddr, Ipv4Addr};

use weir_core::resource::Region;

/// The region whose names have no region in them.
const FIRST_REGION: &str = "us-east-1";

/// `ip-10-0-0-1.ec2.internal`; IPv6 addresses have none.
pub fn private_name(region: &Region, address: IpAddr) -> Option<String> {
    let IpAddr::V4(address) = address else { return None };
    let host = dashed(address);
    Some(match region.as_str() {
        FIRST_REGION => format!("ip-{host}.ec2.internal"),
        region => format!("ip-{host}.{region}.compute.internal"),
    })
}

/// `ec2-203-0-113-1.compute-1.amazonaws.com`.
pub fn public_name(region: &Region, domain: &str, address: Ipv4Addr) -> String {
    let host = dashed(address);
    match region.as_str() {
        FIRST_REGION => format!("ec2-{host}.compute-1.{domain}"),
        region => format!("ec2-{host}.{region}.compute.{domain}"),
    }
}

fn dashed(address: Ipv4Addr) -> String {
    address.to_string().replace('.', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_first_region_are_short() {
        let (first, other) = (Region::new("us-east-1"), Region::new("eu-west-1"));
        let address = Ipv4Addr::new(10, 0, 0, 1);
        assert_eq!(private_name(&first, address.into()).unwrap(), "ip-10-0-0-1.ec2.internal");
        let name = private_name(&other, address.into()).unwrap();
        assert_eq!(name, "ip-10-0-0-1.eu-west-1.compute.internal");
        let name = public_name(&first, "amazonaws.com", address);
        assert_eq!(name, "ec2-10-0-0-1.compute-1.amazonaws.com");
        let name = public_name(&other, "weir.test", address);
        assert_eq!(name, "ec2-10-0-0-1.eu-west-1.compute.weir.test");
        assert_eq!(private_name(&first, "::1".parse().unwrap()), None);
    }
}
