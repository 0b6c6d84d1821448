//! Splits Rust text into code, comments and literals, character by character.
//!
//! The rules look at words and braces; a brace in a string or a word in a comment must not count.
//! This is a scanner, not a parser: it knows comments (nested), strings (plain, raw, byte, C),
//! character literals and lifetimes, and nothing else of the language.
//!
//! Invariant: `code` and `comments` have exactly the characters' positions and line breaks of the
//! input; whatever does not belong to them is a blank.

/// One text in two layers of the same shape.
pub struct Layers {
    /// Code; comments and the insides of literals are blank (quotes stay).
    pub code: Vec<char>,
    /// Comments with their slashes; everything else is blank.
    pub comments: Vec<char>,
}

/// Splits `text`.
pub fn split(text: &str) -> Layers {
    let input: Vec<char> = text.chars().collect();
    let blank: Vec<char> = input.iter().map(|&c| if c == '\n' { '\n' } else { ' ' }).collect();
    let mut scanner =
        Scanner { layers: Layers { code: blank.clone(), comments: blank }, input, at: 0 };
    scanner.run();
    scanner.layers
}

/// Whether a character can be part of an identifier.
pub fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

struct Scanner {
    input: Vec<char>,
    layers: Layers,
    at: usize,
}

// === impl Scanner ===

impl Scanner {
    fn run(&mut self) {
        while let Some(c) = self.peek(0) {
            match c {
                '/' if self.peek(1) == Some('/') => self.line_comment(),
                '/' if self.peek(1) == Some('*') => self.block_comment(),
                '"' => self.string(),
                '\'' => self.quote(),
                c if is_word(c) => self.word(),
                _ => self.keep(),
            }
        }
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.input.get(self.at + ahead).copied()
    }

    fn keep(&mut self) {
        self.layers.code[self.at] = self.input[self.at];
        self.at += 1;
    }

    fn comment(&mut self) {
        self.layers.comments[self.at] = self.input[self.at];
        self.at += 1;
    }

    fn line_comment(&mut self) {
        while self.peek(0).is_some_and(|c| c != '\n') {
            self.comment();
        }
    }

    fn block_comment(&mut self) {
        let mut depth = 0usize;
        while self.at < self.input.len() {
            match (self.peek(0), self.peek(1)) {
                (Some('/'), Some('*')) => depth += 1,
                (Some('*'), Some('/')) => depth -= 1,
                _ => {
                    self.comment();
                    continue;
                }
            }
            self.comment();
            self.comment();
            if depth == 0 {
                return;
            }
        }
    }

    /// A string with escapes; the scanner stands on its opening quote.
    fn string(&mut self) {
        self.keep();
        while let Some(c) = self.peek(0) {
            match c {
                '\\' => self.at = (self.at + 2).min(self.input.len()),
                '"' => return self.keep(),
                _ => self.at += 1,
            }
        }
    }

    /// A raw string; the scanner stands on the first `#` or on the quote.
    fn raw_string(&mut self) {
        let mut hashes = 0;
        while self.peek(0) == Some('#') {
            hashes += 1;
            self.keep();
        }
        self.keep();
        while let Some(c) = self.peek(0) {
            let closes = c == '"' && (1..=hashes).all(|n| self.peek(n) == Some('#'));
            if closes {
                return (0..=hashes).for_each(|_| self.keep());
            }
            self.at += 1;
        }
    }

    /// A character literal or a lifetime.
    fn quote(&mut self) {
        let escaped = self.peek(1) == Some('\\');
        if !escaped && self.peek(2) != Some('\'') {
            return self.keep();
        }
        self.keep();
        // The first character is taken unseen: it may be a quote or a backslash.
        self.at += if escaped { 2 } else { 1 };
        while self.peek(0).is_some_and(|c| c != '\'' && c != '\n') {
            self.at += 1;
        }
        if self.peek(0) == Some('\'') {
            self.keep();
        }
    }

    /// An identifier, a number, or the prefix of a literal.
    fn word(&mut self) {
        let start = self.at;
        while self.peek(0).is_some_and(is_word) {
            self.keep();
        }
        let word: String = self.input[start..self.at].iter().collect();
        let raw = matches!(word.as_str(), "r" | "br" | "cr");
        if raw && self.opens_raw() {
            self.raw_string();
        }
    }

    /// Whether hashes and then a quote follow, as in `r##"`; `r#name` does not.
    fn opens_raw(&self) -> bool {
        let hashes = self.input[self.at..].iter().take_while(|&&c| c == '#').count();
        self.peek(hashes) == Some('"')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> String {
        let layers = split(text);
        assert_eq!(layers.code.len(), text.chars().count());
        assert_eq!(layers.comments.len(), text.chars().count());
        layers.code.into_iter().collect()
    }

    #[test]
    fn comments_leave_the_code() {
        assert_eq!(code("a // b\nc"), "a     \nc");
        assert_eq!(code("a /* b /* c */ d */ e"), "a                   e");
        let comments: String = split("a // b\nc").comments.into_iter().collect();
        assert_eq!(comments, "  // b\n ");
    }

    #[test]
    fn strings_are_blank_inside() {
        assert_eq!(code(r#"f("{ // \" }") + g"#), r#"f("         ") + g"#);
        assert_eq!(code("x(r#\"a\"b{\"#, y)"), "x(r#\"    \"#, y)");
        assert_eq!(code(r#"b"{" c"{" br"{""#), r#"b" " c" " br" ""#);
    }

    #[test]
    fn characters_and_lifetimes_are_told_apart() {
        assert_eq!(code("m('{', b'\\'', '\\u{7f}')"), "m(' ', b'  ', '      ')");
        assert_eq!(code("fn f<'a>(x: &'a str, y: &'_ u8)"), "fn f<'a>(x: &'a str, y: &'_ u8)");
        assert_eq!(code("'outer: loop { '\"' }"), "'outer: loop { ' ' }");
    }

    #[test]
    fn raw_identifiers_are_code() {
        assert_eq!(code("r#type = for_r\"x\""), "r#type = for_r\" \"");
    }

    #[test]
    fn what_is_not_closed_ends_with_the_file() {
        for text in ["\"abc", "/* abc", "r#\"abc\"", "'\\", "\"\\"] {
            assert_eq!(code(text).chars().count(), text.chars().count());
        }
    }
}
