//! Where VPCs send their traffic: gateways and route tables by what they serve.
//!
//! Invariant: as for the index that this is a part of; main tables and attached gateways are
//! removed only by the record that holds the place, because replacing passes through both.

use super::{insert_into, remove_from, remove_if};
use crate::persistent::{Map, Set};
use crate::resource::{
    InternetGateway, InternetGatewayId, RouteTable, RouteTableId, SubnetId, VpcId,
};

/// Indexes of gateways and route tables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::catalog) struct Routing {
    /// The gateway that is attached to a VPC.
    pub gateways: Map<VpcId, InternetGatewayId>,
    /// The tables of a VPC.
    pub tables: Map<VpcId, Set<RouteTableId>>,
    /// The main table of a VPC.
    pub main_tables: Map<VpcId, RouteTableId>,
    /// The table that a subnet is explicitly associated with.
    pub subnet_tables: Map<SubnetId, RouteTableId>,
    /// The table of an association, main associations included.
    pub associations: Map<String, RouteTableId>,
}

// === impl Routing ===

impl Routing {
    pub(super) fn gateway_insert(&mut self, gateway: &InternetGateway) {
        if let Some(vpc) = &gateway.vpc {
            self.gateways.insert(vpc.clone(), gateway.id.clone());
        }
    }

    pub(super) fn gateway_remove(&mut self, gateway: &InternetGateway) {
        if let Some(vpc) = &gateway.vpc {
            remove_if(&mut self.gateways, vpc, &gateway.id);
        }
    }

    pub(super) fn table_insert(&mut self, table: &RouteTable) {
        insert_into(&mut self.tables, &table.vpc, &table.id);
        if let Some(association) = &table.main {
            self.main_tables.insert(table.vpc.clone(), table.id.clone());
            self.associations.insert(association.clone(), table.id.clone());
        }
        for association in &table.associations {
            self.associations.insert(association.id.clone(), table.id.clone());
        }
        for subnet in table.subnets() {
            self.subnet_tables.insert(subnet.clone(), table.id.clone());
        }
    }

    pub(super) fn table_remove(&mut self, table: &RouteTable) {
        remove_from(&mut self.tables, &table.vpc, &table.id);
        remove_if(&mut self.main_tables, &table.vpc, &table.id);
        let explicit = table.associations.iter().map(|association| &association.id);
        for association in table.main.iter().chain(explicit) {
            remove_if(&mut self.associations, association, &table.id);
        }
        for subnet in table.subnets() {
            remove_if(&mut self.subnet_tables, subnet, &table.id);
        }
    }
}
