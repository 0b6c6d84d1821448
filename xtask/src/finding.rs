//! One thing that a check does not like, and where.
//!
//! Invariant: the printed form starts with `path:line:`, so that editors can jump to it.

use std::fmt;

/// A violation of a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Path relative to the project root.
    pub path: String,
    /// One-based line; 0 when the finding is about the file as a whole.
    pub line: usize,
    /// Short name of the rule, stable.
    pub rule: &'static str,
    /// What is wrong and, where it is not obvious, what to do.
    pub text: String,
}

// === impl Finding ===

impl Finding {
    /// Builds a finding.
    pub fn new(path: &str, line: usize, rule: &'static str, text: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, rule, text: text.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, rule, text } = self;
        write!(f, "{path}:{line}: {rule}: {text}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_like_a_compiler() {
        let finding = Finding::new("a/b.rs", 7, "columns", "too wide");
        assert_eq!(finding.to_string(), "a/b.rs:7: columns: too wide");
    }
}
