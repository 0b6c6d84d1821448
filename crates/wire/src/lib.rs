//! Bytes to values and back, without I/O: AWS's protocols, SigV4, HTTP/1.
//!
//! The AWS half: a service model becomes tables ([`schema`]) and structures ([`generated`]);
//! interpreted codecs ([`protocol`]) turn a request into one [`value::Value`] and a value into a
//! response; [`validate`] states what the model forbids, in AWS's words; [`sigv4`] says who asks.
//!
//! Invariant: no clock, no randomness, no sockets, no default-hashed maps; every input is bounded
//! by [`limits`], and no input can panic.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod base64;
pub mod document;
pub mod error;
pub mod form;
pub mod generated;
pub mod http1;
pub mod limits;
pub mod protocol;
mod query_in;
pub mod request;
pub mod schema;
pub mod sigv4;
pub mod time;
pub mod validate;
pub mod value;
pub mod x509;
mod xml;
mod xml_out;
