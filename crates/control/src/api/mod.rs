//! The API: HTTP in front, authentication, and the bridge between AWS's words and ours.
//!
//! `server` turns connections into whole requests, `front` into authenticated calls, and one
//! module per service (`translate` for load balancing, `ec2`, `sts`) into commands and queries.
//!
//! Invariant: this is the only place that knows both the wire's structures and the catalog's.

mod audit;
mod call;
mod ec2;
pub mod front;
pub mod limits;
mod route;
pub mod server;
mod sts;
mod translate;

pub use front::Front;
pub use server::serve;
