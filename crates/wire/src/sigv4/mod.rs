//! Signature Version 4: who asks, and is it so?
//!
//! ```text
//! Request ──Claim::parse──▶ Claim ──verify(expectation, keys)──▶ Verified
//!              │                        │
//!              └── AuthError ◀──────────┘      AuthError::refusal(family) ──▶ ApiError
//! ```
//!
//! A [`Claim`] is what the request says of itself; its scope also routes the request, so it is
//! parsed first. [`Claim::verify`] then checks, in AWS's order: key, session token, scope, date,
//! signature. Time is an argument and keys come from a [`KeyRing`].
//!
//! Invariant: the payload hash is always that of the body received, whatever a header says, and
//! signatures and tokens are compared in constant time.
// spec: control-plane §1.6 SigV4 verification

mod canonical;
mod claim;
mod key;
mod refusal;
mod sign;

pub use claim::{Claim, Expectation, Scope, Verified};
pub use key::{Key, KeyRing, SecretKey, Session};
pub use refusal::AuthError;
pub use sign::Signer;

/// The one algorithm.
pub const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// Last element of every scope.
const TERMINATOR: &str = "aws4_request";
