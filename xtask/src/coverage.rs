//! What of the load balancing API no test speaks of.
//!
//! Every action and modelled error code (from the service model), every attribute key (from the
//! declarations in core), every condition and action type must be named by a test: by its own
//! name, or as an SDK or the command line spells it. A suite that walks the model names nothing
//! and so does not count: each name stands in a test that somebody thought about.
//!
//! What cannot be reached is listed with its reason in `xtask/coverage.exceptions`. The list may
//! only shrink: a line whose name is covered, or is no name, is a finding, and so is a longer list.
//!
//! Invariant: nothing is covered by this file's own words, by documentation or by the code under
//! test.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::finding::Finding;

/// The list of what no test can reach.
const EXCEPTIONS: &str = "xtask/coverage.exceptions";
/// Lower it with every line that leaves the list; it never grows.
const EXCEPTIONS_MAX: usize = 4;
/// The model of the service.
const MODEL: &str = "models/elbv2.json";
/// Where attribute keys are declared: a file, or a directory of this name.
const DECLARATIONS: &str = "crates/core/src/resource/attribute";

/// Words of `Field` in a condition.
// spec: alb §2.2 Conditions
const CONDITIONS: &[&str] = &[
    "host-header",
    "path-pattern",
    "http-header",
    "http-request-method",
    "query-string",
    "source-ip",
];

#[derive(Deserialize)]
struct Model {
    operations: BTreeMap<String, serde_json::Value>,
    shapes: BTreeMap<String, Shape>,
}

#[derive(Deserialize)]
struct Shape {
    #[serde(default)]
    exception: bool,
    error: Option<ErrorFacts>,
    #[serde(default, rename = "enum")]
    words: Vec<String>,
}

#[derive(Deserialize)]
struct ErrorFacts {
    code: Option<String>,
}

/// Something that a test must name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    kind: &'static str,
    name: String,
}

/// Checks the tree at `root`; the second value is how many names there are of each kind.
pub fn check(root: &Path) -> Result<(Vec<Finding>, BTreeMap<&'static str, usize>)> {
    let names = names(root)?;
    let tests = test_text(root)?;
    let covered: BTreeSet<&Name> = names.iter().filter(|name| name.is_in(&tests)).collect();
    let exceptions = exceptions(root)?;
    let mut findings = judge(&names, &covered, &exceptions);
    if exceptions.len() > EXCEPTIONS_MAX {
        let text = format!("has {} lines, at most {EXCEPTIONS_MAX} may be", exceptions.len());
        findings.push(Finding::new(EXCEPTIONS, 0, "coverage", text));
    }
    let mut counts = BTreeMap::new();
    for name in &names {
        *counts.entry(name.kind).or_default() += 1;
    }
    Ok((findings, counts))
}

fn judge(
    names: &BTreeSet<Name>,
    covered: &BTreeSet<&Name>,
    exceptions: &[(usize, String)],
) -> Vec<Finding> {
    let excused: BTreeSet<&str> = exceptions.iter().map(|(_, name)| name.as_str()).collect();
    let mut findings: Vec<Finding> = names
        .iter()
        .filter(|name| !covered.contains(name) && !excused.contains(name.name.as_str()))
        .map(|name| {
            let text = format!("no test names the {} {}", name.kind, name.name);
            Finding::new("tests", 0, "coverage", text)
        })
        .collect();
    for (line, excuse) in exceptions {
        let known = names.iter().find(|name| name.name == *excuse);
        let text = match known {
            None => format!("{excuse} is no action, error code, attribute, condition or type"),
            Some(name) if covered.contains(name) => format!("{excuse} is covered: take it out"),
            Some(_) => continue,
        };
        findings.push(Finding::new(EXCEPTIONS, *line, "coverage", text));
    }
    findings
}

fn names(root: &Path) -> Result<BTreeSet<Name>> {
    let text = std::fs::read_to_string(root.join(MODEL)).context(MODEL)?;
    let model: Model = serde_json::from_str(&text).context(MODEL)?;
    let mut names = BTreeSet::new();
    let mut add = |kind, name: &str| names.insert(Name { kind, name: name.to_owned() });
    for action in model.operations.keys() {
        add("action", action);
    }
    for (name, shape) in model.shapes.iter().filter(|(_, shape)| shape.exception) {
        let code = shape.error.as_ref().and_then(|error| error.code.as_deref());
        add("error code", code.unwrap_or(name));
    }
    for kind in &model.shapes.get("ActionTypeEnum").context("the model has ActionTypeEnum")?.words {
        add("action type", kind);
    }
    for field in CONDITIONS {
        add("condition", field);
    }
    for key in attribute_keys(root)? {
        add("attribute", &key);
    }
    Ok(names)
}

/// The string literals of the declarations that look like keys: words joined by dots.
fn attribute_keys(root: &Path) -> Result<BTreeSet<String>> {
    let base = root.join(DECLARATIONS);
    let mut files = vec![base.with_extension("rs")];
    if base.is_dir() {
        files.extend(rust_files(&base)?);
    }
    let mut keys = BTreeSet::new();
    for file in files.iter().filter(|file| file.is_file()) {
        let text = std::fs::read_to_string(file)?;
        let shipped = text.split("#[cfg(test)]").next().unwrap_or_default();
        keys.extend(shipped.split('"').skip(1).step_by(2).filter(|s| is_key(s)).map(str::to_owned));
    }
    anyhow::ensure!(!keys.is_empty(), "no attribute key is declared below {DECLARATIONS}");
    Ok(keys)
}

fn is_key(text: &str) -> bool {
    let word = |w: &str| {
        !w.is_empty()
            && w.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    text.contains('.') && text.split('.').all(word)
}

/// The text of all tests: those in directories of their own, and the test modules beside code.
fn test_text(root: &Path) -> Result<String> {
    let mut text = String::new();
    for entry in std::fs::read_dir(root.join("tests"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "py") {
            text.push_str(&std::fs::read_to_string(path)?);
        }
    }
    let mut files = rust_files(&root.join("tests/sdk/tests"))?;
    files.extend(rust_files(&root.join("crates"))?);
    for file in files {
        let content = std::fs::read_to_string(&file)?;
        let whole = file.components().any(|part| part.as_os_str() == "tests")
            || file.file_name().is_some_and(|name| name == "tests.rs");
        match content.split_once("#[cfg(test)]\nmod tests {") {
            _ if whole => text.push_str(&content),
            Some((_, tests)) => text.push_str(tests),
            None => {}
        }
    }
    Ok(text)
}

fn rust_files(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![dir.to_path_buf()];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(&dir).with_context(|| dir.display().to_string())? {
            let path = entry?.path();
            if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    Ok(found)
}

/// `NAME: reason` per line; `#` starts a comment.
fn exceptions(root: &Path) -> Result<Vec<(usize, String)>> {
    let text = std::fs::read_to_string(root.join(EXCEPTIONS)).context(EXCEPTIONS)?;
    let mut found = Vec::new();
    for (line, content) in (1..).zip(text.lines()) {
        if content.trim().is_empty() || content.starts_with('#') {
            continue;
        }
        let (name, reason) = content.split_once(": ").unwrap_or((content, ""));
        anyhow::ensure!(!reason.trim().is_empty(), "{EXCEPTIONS}:{line}: a reason is missing");
        found.push((line, name.to_owned()));
    }
    Ok(found)
}

// === impl Name ===

impl Name {
    fn is_in(&self, tests: &str) -> bool {
        if self.kind != "action" {
            // Other names are whole words: `forward` is no part of `forwarded`.
            return has_word(tests, &self.name);
        }
        let snake = snake(&self.name);
        [self.name.clone(), snake.replace('_', "-"), snake].iter().any(|n| has_word(tests, n))
    }
}

fn has_word(text: &str, word: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        !before.is_some_and(inner) && !after.is_some_and(inner)
    })
}

/// `DescribeSSLPolicies` becomes `describe_ssl_policies`, as SDKs spell it.
fn snake(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut out = String::new();
    for (i, c) in chars.iter().enumerate() {
        let after_lower = i > 0 && chars[i - 1].is_ascii_lowercase();
        let before_lower = chars.get(i + 1).is_some_and(char::is_ascii_lowercase);
        let starts = c.is_ascii_uppercase() && i > 0 && (after_lower || before_lower);
        if starts {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(kind: &'static str, name: &str) -> Name {
        Name { kind, name: name.to_owned() }
    }

    #[test]
    fn an_action_is_named_in_three_ways() {
        let action = name("action", "DescribeSSLPolicies");
        for text in
            ["x.DescribeSSLPolicies(", "elb.describe_ssl_policies()", "aws describe-ssl-policies"]
        {
            assert!(action.is_in(text), "{text}");
        }
        assert!(!name("action", "DescribeTags").is_in("describe_tags_too()"));
        assert!(!name("action type", "forward").is_in("X-forwarded, forward-confirmed"));
    }

    #[test]
    fn only_dotted_words_are_keys() {
        assert!(is_key("idle_timeout.timeout_seconds"));
        for text in ["true", "A.b", "a..b", "a. b", "Needs DNS.", ""] {
            assert!(!is_key(text), "{text}");
        }
    }

    #[test]
    fn exceptions_may_only_shrink() {
        let names: BTreeSet<Name> = [name("action", "A"), name("action", "B")].into();
        let a = name("action", "A");
        let covered: BTreeSet<&Name> = [&a].into();
        let texts = |lines: &[(usize, String)]| -> Vec<String> {
            judge(&names, &covered, lines).iter().map(|f| f.text.clone()).collect()
        };
        assert_eq!(texts(&[]), ["no test names the action B"]);
        assert!(texts(&[(1, "B".into())]).is_empty());
        assert_eq!(texts(&[(1, "B".into()), (2, "A".into())]), ["A is covered: take it out"]);
        assert_eq!(texts(&[(1, "B".into()), (2, "C".into())]).len(), 1);
    }
}
