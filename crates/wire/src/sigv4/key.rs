//! Secrets, sessions, and the derivation of signing keys.
//!
//! Invariant: no `Debug` here shows a secret or a token.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::TERMINATOR;
use super::claim::Scope;
use crate::time::Time;
use crate::value::Sensitive;

/// A secret access key.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretKey(String);

/// What an access key id stands for.
#[derive(Clone, Debug)]
pub struct Key {
    /// Its secret.
    pub secret: SecretKey,
    /// The session it belongs to; a long-term key has none.
    pub session: Option<Session>,
}

/// A temporary credential's session.
#[derive(Clone, Debug)]
pub struct Session {
    /// The token that must come with the key.
    pub token: Sensitive,
    /// When it ends.
    pub expires: Time,
}

/// Where keys are found.
pub trait KeyRing {
    /// The key of an access key id, if it is known and active.
    fn find(&self, access_key_id: &str) -> Option<Key>;
}

// === impl KeyRing ===

impl<F: Fn(&str) -> Option<Key>> KeyRing for F {
    fn find(&self, access_key_id: &str) -> Option<Key> {
        self(access_key_id)
    }
}

// === impl SecretKey ===

impl SecretKey {
    /// Wraps a secret.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// The secret itself, for storing it and for showing it to its owner. Never log it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The hexadecimal signature of a string to sign.
    pub(super) fn signature(&self, scope: &Scope, string_to_sign: &[u8]) -> String {
        let date = hmac(format!("AWS4{}", self.0).as_bytes(), scope.date.as_bytes());
        let region = hmac(&date, scope.region.as_bytes());
        let service = hmac(&region, scope.service.as_bytes());
        let key = hmac(&service, TERMINATOR.as_bytes());
        hex(&hmac(&key, string_to_sign))
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("SecretKey(***)")
    }
}

// === impl Key ===

impl Key {
    /// A key without a session.
    pub fn long_term(secret: SecretKey) -> Self {
        Self { secret, session: None }
    }
}

// === helpers ===

/// Whether two texts are equal, in time that depends on their lengths only.
pub(super) fn same(a: &str, b: &str) -> bool {
    a.as_bytes().ct_eq(b.as_bytes()).into()
}

/// Hexadecimal SHA-256.
pub(super) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(key).expect("invariant: HMAC takes a key of any length");
    mac.update(message);
    mac.finalize().into_bytes().into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(digit).collect()
}

fn digit(value: u8) -> char {
    char::from(if value < 10 { b'0' + value } else { b'a' + value - 10 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        let key = Key {
            secret: SecretKey::new("hush"),
            session: Some(Session { token: Sensitive::new("hush"), expires: Time::default() }),
        };
        assert!(!format!("{key:?}").contains("hush"));
    }

    #[test]
    fn equality_needs_equal_lengths() {
        assert!(same("ab", "ab"));
        assert!(!same("ab", "ac"));
        assert!(!same("ab", "abc"));
    }
}
