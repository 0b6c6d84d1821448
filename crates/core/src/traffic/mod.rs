//! Decisions for one request or flow.
//!
//! Invariant: a decision reads the snapshot, the cells and its arguments, and nothing else.

pub mod balance;
pub mod health;
pub mod http;
pub mod pattern;
pub mod redirect;
pub mod report;
pub mod route;
pub mod text;
pub mod transform;
pub mod weighted;
