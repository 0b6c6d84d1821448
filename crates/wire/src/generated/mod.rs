//! Structures, tables and operations of the services, written by `cargo xtask codegen` from
//! `models/`.
//!
//! Nothing here is edited by hand; a test of xtask regenerates it and compares.
//!
//! Invariant: a structure's members are bound to the schema by index, in the order of the model.

pub mod acm;
pub mod cloudtrail;
pub mod ec2;
pub mod elbv2;
pub mod iam;
pub mod resourcegroupstaggingapi;
pub mod shield;
pub mod sts;
