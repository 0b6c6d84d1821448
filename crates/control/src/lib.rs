//! The control plane: the AWS API, the single writer, and the reconcilers.
//!
//! Invariant: nothing here carries traffic, and nothing here is needed for traffic to flow: the
//! data threads run the last publication whatever happens to this side.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod api;
pub mod authority;
mod carriage;
pub mod clock;
pub mod logs;
pub mod metrics;
pub mod plane;
pub mod probe;
pub mod reconcile;
pub mod settings;
mod trail;
pub mod vault;

pub use authority::{Authority, CallError};
pub use settings::{Credentials, Settings};
