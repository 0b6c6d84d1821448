//! The AWS half of the crate against the tests that botocore publishes.
//!
//! Invariant: the published files are read from the source package, never copied into the tree,
//! and a case that is not run is listed with its reason.

#![allow(clippy::unwrap_used)]

mod documents;
mod fixtures;
mod input;
mod model;
mod operations;
mod output;
mod vectors;
mod xml;
