//! Authenticated encryption of private keys.
//!
//! AES-256-GCM with a random nonce; the identity of the record is associated data, so that a
//! sealed key does not open in another record's place. The text is `v1.` and base64 of nonce,
//! ciphertext and tag.
//!
//! Invariant: what is unsealed is zeroed when it is dropped.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hmac;
use weir_core::resource::SealedKey;
use weir_wire::base64;
use zeroize::Zeroizing;

/// Bytes of a sealing key.
pub const KEY_LEN: usize = 32;
const VERSION: &str = "v1.";
/// What the key that signs links is derived for.
const LINKS: &[u8] = b"weir: links to blobs";
/// What the key that marks secrets is derived for.
const MARKS: &[u8] = b"weir: marks of secrets";

/// Opens and closes private keys.
pub struct SealingKey {
    key: RandomizedNonceKey,
    links: hmac::Key,
    marks: hmac::Key,
}

/// A private key in PKCS #8; zeroed when dropped.
pub struct Opened(pub Zeroizing<Vec<u8>>);

/// Sealing failed. There is nothing more to tell that would not help an attacker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Not what was sealed for this record with this key.
    #[error("the sealed key does not open")]
    NotOurs,
    /// No randomness, or a key that the cipher does not take.
    #[error("the key cannot be sealed")]
    Cipher,
}

// === impl SealingKey ===

impl SealingKey {
    /// From its bytes.
    ///
    /// # Errors
    /// When the cipher does not take them.
    pub fn new(bytes: &Zeroizing<[u8; KEY_LEN]>) -> Result<Self, SealError> {
        let derive = hmac::Key::new(hmac::HMAC_SHA256, bytes.as_slice());
        let derived =
            |purpose| hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&derive, purpose).as_ref());
        let (links, marks) = (derived(LINKS), derived(MARKS));
        let key = RandomizedNonceKey::new(&AES_256_GCM, bytes.as_slice());
        Ok(Self { key: key.map_err(|_| SealError::Cipher)?, links, marks })
    }

    /// Seals a private key for the record that this context names.
    ///
    /// # Errors
    /// Only without randomness.
    pub fn seal(&self, pkcs8: &[u8], context: &str) -> Result<SealedKey, SealError> {
        let mut bytes = pkcs8.to_vec();
        let aad = Aad::from(context.as_bytes());
        // In place: the clear bytes are overwritten.
        let nonce = self.key.seal_in_place_append_tag(aad, &mut bytes);
        let nonce = nonce.map_err(|_| SealError::Cipher)?;
        let whole = [nonce.as_ref().as_slice(), &bytes].concat();
        Ok(SealedKey { sealed: format!("{VERSION}{}", base64::encode(&whole)) })
    }

    /// Opens what was sealed for this context.
    ///
    /// # Errors
    /// Anything else.
    pub fn open(&self, sealed: &SealedKey, context: &str) -> Result<Opened, SealError> {
        let text = sealed.sealed.strip_prefix(VERSION).ok_or(SealError::NotOurs)?;
        let whole = base64::decode(text).ok_or(SealError::NotOurs)?;
        let (nonce, bytes) = whole.split_at_checked(NONCE_LEN).ok_or(SealError::NotOurs)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::NotOurs)?;
        let mut bytes = Zeroizing::new(bytes.to_vec());
        let aad = Aad::from(context.as_bytes());
        let opened = self.key.open_in_place(nonce, aad, &mut bytes);
        let len = opened.map_err(|_| SealError::NotOurs)?.len();
        bytes.truncate(len);
        Ok(Opened(bytes))
    }

    /// What tells whether two sealed secrets of one context are equal, and nothing else.
    pub fn mark(&self, secret: &[u8], context: &str) -> String {
        let mut signed = hmac::Context::with_key(&self.marks);
        signed.update(context.as_bytes());
        // No context holds a zero byte: its end is unambiguous.
        signed.update(&[0]);
        signed.update(secret);
        hexadecimal(&signed.sign())
    }

    /// Hexadecimal signature of a link.
    pub fn sign_link(&self, link: &str) -> String {
        hexadecimal(&hmac::sign(&self.links, link.as_bytes()))
    }

    /// Whether the signature is this link's, in constant time.
    pub fn verify_link(&self, link: &str, signature: &str) -> bool {
        let digits = signature.as_bytes();
        let pair = |pair: &[u8]| {
            let text = std::str::from_utf8(pair).ok()?;
            u8::from_str_radix(text, 16).ok()
        };
        let bytes: Option<Vec<u8>> = digits.chunks(2).map(pair).collect();
        bytes.is_some_and(|tag| hmac::verify(&self.links, link.as_bytes(), &tag).is_ok())
    }
}

impl std::fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealingKey(***)")
    }
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Opened(***)")
    }
}

fn hexadecimal(tag: &hmac::Tag) -> String {
    tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> SealingKey {
        SealingKey::new(&Zeroizing::new([byte; KEY_LEN])).unwrap()
    }

    #[test]
    fn what_is_sealed_opens_only_in_its_place() {
        let sealed = key(1).seal(b"a private key", "arn:one").unwrap();
        assert_eq!(key(1).open(&sealed, "arn:one").unwrap().0.as_slice(), b"a private key");
        assert_eq!(key(1).open(&sealed, "arn:two").unwrap_err(), SealError::NotOurs);
        assert_eq!(key(2).open(&sealed, "arn:one").unwrap_err(), SealError::NotOurs);
        let again = key(1).seal(b"a private key", "arn:one").unwrap();
        assert_ne!(again, sealed, "a nonce is never used twice");
        for at in [3, 10, sealed.sealed.len() - 3] {
            let mut changed = sealed.sealed.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = SealedKey { sealed: String::from_utf8(changed).unwrap() };
            assert!(key(1).open(&changed, "arn:one").is_err(), "changed at {at}");
        }
        for text in ["", "v1.", "v1.AAAA", "v2.AAAA", &sealed.sealed[3..]] {
            let bad = SealedKey { sealed: text.to_owned() };
            assert!(key(1).open(&bad, "arn:one").is_err());
        }
    }

    #[test]
    fn nothing_is_shown() {
        let sealed = key(7).seal(b"secret", "x").unwrap();
        let opened = key(7).open(&sealed, "x").unwrap();
        let shown = format!("{:?} {:?} {:?}", key(7), sealed, opened);
        assert_eq!(shown, "SealingKey(***) SealedKey(***) Opened(***)");
    }

    #[test]
    fn equal_secrets_have_equal_marks() {
        let mark = key(1).mark(b"secret", "x");
        assert_eq!(key(1).mark(b"secret", "x"), mark);
        for other in [key(1).mark(b"secrets", "x"), key(1).mark(b"secret", "y")] {
            assert_ne!(other, mark);
        }
        assert_ne!(key(2).mark(b"secret", "x"), mark);
        assert_ne!(key(1).sign_link("x\0secret"), mark, "links have a key of their own");
    }

    #[test]
    fn links_are_signed() {
        let signature = key(1).sign_link("a");
        assert!(key(1).verify_link("a", &signature));
        assert!(!key(1).verify_link("b", &signature));
        assert!(!key(2).verify_link("a", &signature));
        for bad in ["", "0", "zz", &signature[2..], &format!("{signature}00"), "é"] {
            assert!(!key(1).verify_link("a", bad), "{bad}");
        }
    }
}
