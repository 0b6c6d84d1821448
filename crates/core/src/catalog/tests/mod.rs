//! Tests of the catalog as its callers see it: commands in, decisions or refusals out.
//!
//! Invariant: every test works on a `World`, which checks all relations after each command.

mod addresses;
mod inventory;
mod lifecycle;
mod load_balancers;
mod network;
mod paging;
mod property;
mod refusals;
mod refusals_attributes;
mod refusals_ec2;
mod refusals_inventory;
mod refusals_load_balancers;
mod refusals_network;
mod refusals_routing;
mod refusals_rules;
mod refusals_trust;
mod routing;
mod scale;
mod trust;
mod vpc;
mod world;
