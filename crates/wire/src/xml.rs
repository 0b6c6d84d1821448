//! Writing XML: elements, namespaces, escaped text. Reading is not needed by any protocol here.
//!
//! Invariant: the output is well-formed XML 1.0 whatever the text is; characters that XML cannot
//! carry become U+FFFD, so that no value can make a client's parser fail.

use crate::schema::Namespace;

/// A document being written.
#[derive(Debug, Default)]
pub struct Writer {
    out: String,
    /// Names of the open elements.
    open: Vec<String>,
    /// The last start tag still lacks its `>`.
    pending: bool,
}

// === impl Writer ===

impl Writer {
    /// A document with the declaration that EC2 writes.
    pub fn declared() -> Self {
        Self { out: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".into(), ..Self::default() }
    }

    /// Opens an element.
    pub fn open(&mut self, name: &str, namespace: Option<Namespace>) {
        self.settle();
        self.out.push('<');
        self.out.push_str(name);
        if let Some(Namespace { prefix, uri }) = namespace {
            self.out.push_str(" xmlns");
            if let Some(prefix) = prefix {
                self.out.push(':');
                self.out.push_str(prefix);
            }
            self.out.push_str("=\"");
            escape(uri, &mut self.out);
            self.out.push('"');
        }
        self.open.push(name.to_owned());
        self.pending = true;
    }

    /// Writes text into the open element.
    pub fn text(&mut self, text: &str) {
        if !text.is_empty() {
            self.settle();
            escape(text, &mut self.out);
        }
    }

    /// Closes the innermost element.
    pub fn close(&mut self) {
        let name = self.open.pop().expect("invariant: every close has its open");
        if self.pending {
            self.pending = false;
            self.out.push_str("/>");
        } else {
            self.out.push_str("</");
            self.out.push_str(&name);
            self.out.push('>');
        }
    }

    /// An element that holds text only.
    pub fn element(&mut self, name: &str, text: &str) {
        self.open(name, None);
        self.text(text);
        self.close();
    }

    /// The document.
    pub fn finish(self) -> String {
        debug_assert!(self.open.is_empty(), "an element is still open");
        self.out
    }

    fn settle(&mut self) {
        if self.pending {
            self.pending = false;
            self.out.push('>');
        }
    }
}

// === helpers ===

fn escape(text: &str, out: &mut String) {
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // A parser would fold these to a newline.
            '\r' => out.push_str("&#xD;"),
            '\t' | '\n' => out.push(letter),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn elements_text_and_namespaces() {
        let mut xml = Writer::default();
        xml.open("a", Some(Namespace { prefix: None, uri: "http://x/?a&b" }));
        xml.element("b", "1 < 2 & \"3\"\r\u{1}");
        xml.element("c", "");
        xml.open("d", Some(Namespace { prefix: Some("p"), uri: "u" }));
        xml.close();
        xml.close();
        assert_eq!(
            xml.finish(),
            "<a xmlns=\"http://x/?a&amp;b\"><b>1 &lt; 2 &amp; &quot;3&quot;&#xD;\u{fffd}</b>\
             <c/><d xmlns:p=\"u\"/></a>"
        );
    }

    proptest! {
        #[test]
        fn text_cannot_leave_its_element(text in any::<String>()) {
            let mut xml = Writer::default();
            xml.element("t", &text);
            let out = xml.finish();
            let inner = out.trim_start_matches("<t>").trim_end_matches("</t>");
            if !text.is_empty() {
                prop_assert!(!inner.contains(['<', '>', '"', '\r', '\0']));
            }
        }
    }
}
