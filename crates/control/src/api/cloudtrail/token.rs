//! `NextToken`: where a search goes on, and which search that is.
//!
//! Invariant: a token is good for the search that gave it, and for no other.

use weir_wire::base64;

/// Where a search goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// Only events before this sequence.
    pub before: u64,
}

// === impl Token ===

impl Token {
    /// The token as callers see it; `search` describes the request that it belongs to.
    pub fn text(self, search: &str) -> String {
        base64::encode(format!("{}.{:016x}", self.before, fingerprint(search)).as_bytes())
    }

    /// Reads a token; `None` when it is none, or one of another search.
    pub fn parse(text: &str, search: &str) -> Option<Self> {
        let bytes = base64::decode(text)?;
        let (before, own) = std::str::from_utf8(&bytes).ok()?.split_once('.')?;
        let before = before.parse().ok()?;
        (own == format!("{:016x}", fingerprint(search))).then_some(Self { before })
    }
}

/// FNV-1a: a token protects nothing, it only must not be mistaken for another.
pub fn fingerprint(text: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    text.bytes().fold(0xcbf2_9ce4_8422_2325, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_for_its_search_only() {
        let token = Token { before: 41 };
        let text = token.text("a");
        assert_eq!(Token::parse(&text, "a"), Some(token));
        assert_eq!(Token::parse(&text, "b"), None);
        for text in ["", "x", "!!", "NDEuMDA=", "LjA="] {
            assert_eq!(Token::parse(text, "a"), None, "{text}");
        }
    }
}
