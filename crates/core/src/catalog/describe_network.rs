//! Finding networks, gateways and route tables by the ids that EC2's callers give.
//!
//! AWS tells an id that cannot be one of the kind (another prefix) from one that nobody has; the
//! rest of an id is not looked at.
//!
//! Invariant: a record is found only from its own region.
// spec: control-plane §3.1 EC2 subset (114 of 830 actions, 966 shapes, 256 KB of model)

use super::{Catalog, NetworkRefusal, Refusal};
use crate::resource::{InternetGateway, Region, RouteTable, Subnet, Vpc};

// === impl Catalog ===

impl Catalog {
    /// The VPC that a request names.
    pub fn vpc_named_by(&self, region: &Region, id: &str) -> Result<&Vpc, Refusal> {
        let named = id.to_owned();
        if !id.starts_with("vpc-") {
            return Err(NetworkRefusal::VpcIdMalformed { id: named }.into());
        }
        let found = self.vpc(id).filter(|vpc| vpc.region == *region);
        found.ok_or(Refusal::VpcIdNotFound { id: named })
    }

    /// The subnet that a request names.
    pub fn subnet_named_by(&self, region: &Region, id: &str) -> Result<&Subnet, Refusal> {
        let named = id.to_owned();
        if !id.starts_with("subnet-") {
            return Err(NetworkRefusal::SubnetIdMalformed { id: named }.into());
        }
        let found = self.subnet(id).filter(|subnet| subnet.region == *region);
        found.ok_or(Refusal::SubnetIdNotFound { id: named })
    }

    /// The internet gateway that a request names.
    pub fn internet_gateway_named_by(
        &self,
        region: &Region,
        id: &str,
    ) -> Result<&InternetGateway, Refusal> {
        let named = id.to_owned();
        if !id.starts_with("igw-") {
            return Err(NetworkRefusal::InternetGatewayIdMalformed { id: named }.into());
        }
        let found = self.internet_gateway(id).filter(|gateway| gateway.region == *region);
        found.ok_or(NetworkRefusal::InternetGatewayNotFound { id: named }.into())
    }

    /// The route table that a request names.
    pub fn route_table_named_by(&self, region: &Region, id: &str) -> Result<&RouteTable, Refusal> {
        let named = id.to_owned();
        if !id.starts_with("rtb-") {
            return Err(NetworkRefusal::RouteTableIdMalformed { id: named }.into());
        }
        let found = self.route_table(id).filter(|table| table.region == *region);
        found.ok_or(NetworkRefusal::RouteTableNotFound { id: named }.into())
    }
}
