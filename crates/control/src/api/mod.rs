//! The API: HTTP in front, authentication, and the bridge between AWS's words and ours.
//!
//! `server` turns connections into whole requests, `front` into authenticated calls, and one
//! module per service (`translate` for load balancing, `ec2`, `acm`, …) into commands and queries.
//!
//! Invariant: this is the only place that knows both the wire's structures and the catalog's.

mod acm;
pub(crate) mod audit;
mod call;
mod cloudtrail;
mod ec2;
pub mod front;
mod iam;
pub mod limits;
mod route;
pub mod server;
mod shield;
mod sts;
mod tagging;
pub mod tls;
mod translate;

pub use front::{Front, Inbound};
pub use server::serve;
