//! What an HTTP request may be, and how it may end.
//!
//! Pure decisions over borrowed facts. Whoever has parsed a head (HTTP/1 views, HTTP/2 header
//! lists) shows it as [`RequestFacts`]; nothing here knows how bytes became headers, nothing
//! allocates on a clean request, and the answers are values that the plane carries out.
//!
//! The usual order for one request: [`screen::screen`] (limits that have a status of their own),
//! [`desync::classify`] and [`desync::action`], [`framing::request_framing`], then routing on
//! [`uri`] and [`host`], then the forwarded headers ([`xff`], [`trace_id`], [`host`],
//! [`connection`]), and [`page`] for whatever the load balancer answers itself.
//!
//! Invariant: an empty [`Anomalies`] set is a promise of the parser; every fast path rests on it
//! and on nothing else.

mod bytes;
#[doc(hidden)]
pub mod checks;
pub mod connection;
pub mod cookie;
pub mod desync;
pub mod facts;
pub mod framing;
pub mod host;
pub mod outcome;
pub mod page;
pub mod screen;
pub mod trace_id;
pub mod uri;
pub mod xff;

pub use facts::{Anomalies, FramingHint, HeaderView, Headers, Method, RequestFacts, Version};
