//! Nouns, rules and decisions of Weir.
//!
//! Four floors on shared collections (`persistent`): `resource` (nouns that are valid because they
//! exist), `catalog` (what should exist, as one value and one enum of commands), `snapshot` (what a
//! plane executes) and `traffic` (decisions for one request).
//!
//! Invariant: nothing here performs I/O, reads a clock or draws randomness; all three are
//! arguments, so that simulation and production run the same code.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod catalog;
pub mod limits;
pub mod persistent;
pub mod resource;
pub mod rng;
pub mod snapshot;
pub mod time;
pub mod traffic;
