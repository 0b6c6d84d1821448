//! JSON (RFC 8259), strictly: what other parsers would read differently is refused.
//!
//! Invariant: what [`write`] gives is JSON, and [`parse`] gives it back, but that JSON has no
//! bytes, no instants and no numbers beyond all bounds; the caller replaces those before.

use super::{Budget, Document, DocumentError};

/// Reads one JSON text.
///
/// # Errors
/// When the bytes are not one, or exceed the limits.
pub fn parse(bytes: &[u8]) -> Result<Document, DocumentError> {
    let mut parser = Parser { bytes, at: 0, budget: Budget::default() };
    parser.space();
    let document = parser.value()?;
    parser.space();
    if parser.at == bytes.len() { Ok(document) } else { Err(DocumentError::Syntax(parser.at)) }
}

/// Writes one JSON text.
pub fn write(document: &Document) -> Vec<u8> {
    let mut out = String::new();
    value(document, &mut out);
    out.into_bytes()
}

struct Parser<'a> {
    bytes: &'a [u8],
    at: usize,
    budget: Budget,
}

// === impl Parser ===

impl Parser<'_> {
    fn value(&mut self) -> Result<Document, DocumentError> {
        self.budget.node()?;
        match self.peek() {
            Some(b'{') => self.map(),
            Some(b'[') => self.list(),
            Some(b'"') => self.text().map(Document::Text),
            Some(b't') => self.word("true", Document::Bool(true)),
            Some(b'f') => self.word("false", Document::Bool(false)),
            Some(b'n') => self.word("null", Document::Null),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(self.syntax()),
        }
    }

    fn list(&mut self) -> Result<Document, DocumentError> {
        self.open()?;
        let mut items = Vec::new();
        while !self.closes(b']', items.is_empty())? {
            items.push(self.value()?);
        }
        Ok(Document::List(items))
    }

    fn map(&mut self) -> Result<Document, DocumentError> {
        self.open()?;
        let mut entries = Vec::new();
        while !self.closes(b'}', entries.is_empty())? {
            let key = self.text()?;
            self.space();
            self.expect(b':')?;
            self.space();
            entries.push((key, self.value()?));
        }
        Ok(Document::Map(entries))
    }

    fn open(&mut self) -> Result<(), DocumentError> {
        self.budget.enter()?;
        self.at += 1;
        Ok(())
    }

    /// Steps over the end, or over the comma before the next item.
    fn closes(&mut self, end: u8, first: bool) -> Result<bool, DocumentError> {
        self.space();
        if self.peek() == Some(end) {
            self.at += 1;
            self.budget.leave();
            return Ok(true);
        }
        if !first {
            self.expect(b',')?;
            self.space();
        }
        Ok(false)
    }

    fn text(&mut self) -> Result<String, DocumentError> {
        self.expect(b'"')?;
        let mut out = String::new();
        loop {
            let plain = self.at;
            while !matches!(self.peek(), None | Some(b'"' | b'\\' | 0..=0x1f)) {
                self.at += 1;
            }
            let part = std::str::from_utf8(&self.bytes[plain..self.at]);
            out.push_str(part.map_err(|_| DocumentError::Text(plain))?);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => out.push(self.escape()?),
                _ => return Err(self.syntax()),
            }
        }
    }

    fn escape(&mut self) -> Result<char, DocumentError> {
        let begin = self.at;
        self.at += 1;
        let letter = self.peek().ok_or_else(|| self.syntax())?;
        self.at += 1;
        Ok(match letter {
            b'"' | b'\\' | b'/' => char::from(letter),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let half = self.hex()?;
                let whole = match half {
                    0xd800..=0xdbff => {
                        self.expect(b'\\')?;
                        self.expect(b'u')?;
                        match self.hex()? {
                            low @ 0xdc00..=0xdfff => {
                                0x10000 + ((half - 0xd800) << 10) + (low - 0xdc00)
                            }
                            _ => return Err(DocumentError::Text(begin)),
                        }
                    }
                    whole => whole,
                };
                char::from_u32(whole).ok_or(DocumentError::Text(begin))?
            }
            _ => return Err(DocumentError::Syntax(begin)),
        })
    }

    fn hex(&mut self) -> Result<u32, DocumentError> {
        let mut number = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            number = number * 16 + digit.ok_or_else(|| self.syntax())?;
            self.at += 1;
        }
        Ok(number)
    }

    fn number(&mut self) -> Result<Document, DocumentError> {
        let begin = self.at;
        self.skip(b'-');
        match self.peek() {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        let mut whole = true;
        if self.skip(b'.') {
            whole = false;
            self.digits()?;
        }
        if self.skip(b'e') || self.skip(b'E') {
            whole = false;
            let _ = self.skip(b'+') || self.skip(b'-');
            self.digits()?;
        }
        let text = std::str::from_utf8(&self.bytes[begin..self.at]);
        let text = text.map_err(|_| DocumentError::Syntax(begin))?;
        if whole && let Ok(number) = text.parse() {
            return Ok(Document::I64(number));
        }
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Document::F64(number)),
            _ => Err(DocumentError::Syntax(begin)),
        }
    }

    fn digits(&mut self) -> Result<(), DocumentError> {
        let begin = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at > begin { Ok(()) } else { Err(self.syntax()) }
    }

    fn word(&mut self, word: &str, document: Document) -> Result<Document, DocumentError> {
        if !self.bytes[self.at..].starts_with(word.as_bytes()) {
            return Err(self.syntax());
        }
        self.at += word.len();
        Ok(document)
    }

    fn expect(&mut self, byte: u8) -> Result<(), DocumentError> {
        if self.skip(byte) { Ok(()) } else { Err(self.syntax()) }
    }

    fn skip(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn syntax(&self) -> DocumentError {
        DocumentError::Syntax(self.at)
    }
}

// === helpers ===

fn value(document: &Document, out: &mut String) {
    match document {
        Document::Null | Document::Bytes(_) | Document::Time(_) => out.push_str("null"),
        Document::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Document::I64(number) => out.push_str(&number.to_string()),
        // With a fraction or an exponent always, so that it is read as what it was.
        Document::F64(number) if number.is_finite() => out.push_str(&format!("{number:?}")),
        Document::F64(_) => out.push_str("null"),
        Document::Text(content) => text(content, out),
        Document::List(items) => {
            out.push('[');
            for (position, item) in items.iter().enumerate() {
                out.push_str(if position == 0 { "" } else { "," });
                value(item, out);
            }
            out.push(']');
        }
        Document::Map(entries) => {
            out.push('{');
            for (position, (key, item)) in entries.iter().enumerate() {
                out.push_str(if position == 0 { "" } else { "," });
                text(key, out);
                out.push(':');
                value(item, out);
            }
            out.push('}');
        }
    }
}

fn text(content: &str, out: &mut String) {
    out.push('"');
    for letter in content.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // Separators end lines in JavaScript; an escaped one harms nobody.
            control if control < ' ' || matches!(control, '\u{7f}' | '\u{2028}' | '\u{2029}') => {
                out.push_str(&format!("\\u{:04x}", u32::from(control)));
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_json() {
        let parsed = parse(br#" {"a":[1,-2.5e1,true,null,"\u00e9\ud83d\ude00\n"],"b":{}} "#);
        let list = vec![
            Document::I64(1),
            Document::F64(-25.0),
            Document::Bool(true),
            Document::Null,
            Document::Text("é😀\n".into()),
        ];
        let expected = Document::Map(vec![
            ("a".into(), Document::List(list)),
            ("b".into(), Document::Map(vec![])),
        ]);
        assert_eq!(parsed, Ok(expected));
        assert_eq!(parse(b"9223372036854775808"), Ok(Document::F64(9_223_372_036_854_775_808.0)));
    }

    #[test]
    fn what_is_not() {
        for text in [
            "",
            " ",
            "{",
            "[1,]",
            "{\"a\":1,}",
            "{a:1}",
            "01",
            "1.",
            ".5",
            "+1",
            "1e",
            "tru",
            "nul",
            "'a'",
            "\"\u{1}\"",
            "\"\\x\"",
            "\"\\u12\"",
            "1 2",
            "[1 2]",
            "{\"a\" 1}",
            "NaN",
            "\"a",
        ] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
        for text in [&b"\"\xff\""[..], br#""\ud800""#, br#""\ud800\u0041""#, br#""\udc00""#] {
            assert!(parse(text).is_err(), "{text:?}");
        }
        // Agrees with another parser on what is refused and what is read.
        for text in ["-0", "0.0", "1E400", "[[[]]]", "\"\\/\"", "  [ ] "] {
            let theirs = serde_json::from_str::<serde_json::Value>(text);
            assert_eq!(parse(text.as_bytes()).is_ok(), theirs.is_ok(), "{text}");
        }
    }
}
