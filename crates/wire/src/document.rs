//! Self-describing trees: what awsJson 1.0 and 1.1 and RPC v2 CBOR have in common.
//!
//! [`json`] and [`cbor`] turn bytes into a [`Document`] and back; [`read`] and [`write()`] join a
//! document to the value of a shape. So the rules of the model stand once for both encodings.
//!
//! Invariant: a parsed document is at most [`limits::DEPTH_MAX`] deep and has at most
//! [`limits::DOCUMENT_NODES_MAX`] nodes, so everything that walks one ends soon.
// spec: control-plane §1.6 SigV4 verification

pub mod cbor;
pub mod json;
mod read;
mod write;

use crate::limits;
use crate::time::Time;

pub(crate) use read::decode;
pub(crate) use write::{encode, members};

/// A message that is not yet held against a shape. It may hold secrets, so it has no `Debug`
/// outside tests.
#[derive(Clone, PartialEq)]
#[cfg_attr(test, derive(Debug))]
pub enum Document {
    /// `null`, or `undefined` in CBOR.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number without a fraction that fits.
    I64(i64),
    /// Any other number.
    F64(f64),
    /// Text.
    Text(String),
    /// Bytes; JSON has none.
    Bytes(Vec<u8>),
    /// An instant; JSON has none.
    Time(Time),
    /// A list.
    List(Vec<Document>),
    /// A map in the order of the message. Of equal keys the last one counts.
    Map(Vec<(String, Document)>),
}

/// How a document is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Blobs are base64, instants seconds, and numbers that are none are words.
    Json,
    /// All of these have their own form.
    Cbor,
}

/// Bytes that are not a document within the limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// The bytes do not follow the grammar, from this position.
    #[error("unexpected input at byte {0}")]
    Syntax(usize),
    /// Text is not UTF-8, or escapes half a character.
    #[error("text that is not Unicode at byte {0}")]
    Text(usize),
    /// Lists and maps are nested too deeply.
    #[error("the message is nested more than {max} levels deep", max = limits::DEPTH_MAX)]
    Deep,
    /// There are too many values.
    #[error("the message has more than {max} values", max = limits::DOCUMENT_NODES_MAX)]
    Large,
}

/// What both parsers count.
#[derive(Default)]
struct Budget {
    depth: usize,
    nodes: usize,
}

// === impl Document ===

impl Document {
    /// The entry of a map that counts.
    pub fn entry(&self, name: &str) -> Option<&Document> {
        match self {
            Self::Map(entries) => {
                entries.iter().rev().find(|(key, _)| key == name).map(|(_, item)| item)
            }
            _ => None,
        }
    }
}

// === impl Budget ===

impl Budget {
    fn node(&mut self) -> Result<(), DocumentError> {
        self.nodes += 1;
        if self.nodes > limits::DOCUMENT_NODES_MAX { Err(DocumentError::Large) } else { Ok(()) }
    }

    fn enter(&mut self) -> Result<(), DocumentError> {
        self.depth += 1;
        if self.depth > limits::DEPTH_MAX { Err(DocumentError::Deep) } else { Ok(()) }
    }

    fn leave(&mut self) {
        self.depth -= 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn documents(encoding: Encoding) -> impl Strategy<Value = Document> {
        let leaf = prop_oneof![
            Just(Document::Null),
            any::<bool>().prop_map(Document::Bool),
            any::<i64>().prop_map(Document::I64),
            any::<f64>()
                .prop_filter("JSON has finite numbers, and whole ones are integers", |number| {
                    number.is_finite() && number.fract() != 0.0
                })
                .prop_map(Document::F64),
            ".{0,12}".prop_map(Document::Text),
            any::<Vec<u8>>().prop_map(move |bytes| match encoding {
                Encoding::Json => Document::Null,
                Encoding::Cbor => Document::Bytes(bytes),
            }),
            (-1_000_000_000_000i64..1_000_000_000_000).prop_map(move |ms| match encoding {
                Encoding::Json => Document::I64(ms),
                Encoding::Cbor => Document::Time(Time { epoch_us: ms * 1000 }),
            }),
        ];
        leaf.prop_recursive(6, 64, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(Document::List),
                prop::collection::vec((".{0,6}", inner), 0..8).prop_map(Document::Map),
            ]
        })
    }

    proptest! {
        #[test]
        fn json_survives(document in documents(Encoding::Json)) {
            let text = json::write(&document);
            prop_assert_eq!(json::parse(&text).map_err(|error| error.to_string()), Ok(document));
        }

        #[test]
        fn cbor_survives(document in documents(Encoding::Cbor)) {
            let bytes = cbor::write(&document);
            prop_assert_eq!(cbor::parse(&bytes).map_err(|error| error.to_string()), Ok(document));
        }

        #[test]
        fn cut_messages_are_refused(document in documents(Encoding::Cbor), cut in 0usize..4096) {
            let bytes = cbor::write(&document);
            let cut = cut % bytes.len();
            prop_assert!(cbor::parse(&bytes[..cut]).is_err());
        }

        #[test]
        fn any_bytes_end(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
            let _ = json::parse(&bytes);
            let _ = cbor::parse(&bytes);
        }
    }

    #[test]
    fn depth_and_size_are_bounded() {
        let deep = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert!(json::parse(deep(limits::DEPTH_MAX).as_bytes()).is_ok());
        assert_eq!(json::parse(deep(limits::DEPTH_MAX + 1).as_bytes()), Err(DocumentError::Deep));
        assert_eq!(json::parse("[".repeat(1 << 20).as_bytes()), Err(DocumentError::Deep));
        assert_eq!(cbor::parse(&vec![0x9f; 1 << 20]), Err(DocumentError::Deep));
        assert_eq!(cbor::parse(&vec![0xc1; 1 << 20]), Err(DocumentError::Deep));
        let wide = format!("[{}0]", "0,".repeat(limits::DOCUMENT_NODES_MAX));
        assert_eq!(json::parse(wide.as_bytes()), Err(DocumentError::Large));
        let many = [&[0x9f][..], &vec![0; limits::DOCUMENT_NODES_MAX + 1]].concat();
        assert_eq!(cbor::parse(&many), Err(DocumentError::Large));
    }

    #[test]
    fn of_equal_keys_the_last_counts() {
        let document = json::parse(br#"{"a":1,"b":2,"a":3}"#).unwrap();
        assert_eq!(document.entry("a"), Some(&Document::I64(3)));
        assert_eq!(document.entry("c"), None);
        assert_eq!(Document::Null.entry("a"), None);
    }
}
