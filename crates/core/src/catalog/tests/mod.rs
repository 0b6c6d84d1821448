//! Tests of the catalog as its callers see it: commands in, decisions or refusals out.
//!
//! Invariant: every test works on a `World`, which checks all relations after each command.

mod lifecycle;
mod network;
mod paging;
mod property;
mod refusals;
mod refusals_ec2;
mod refusals_rules;
mod world;
