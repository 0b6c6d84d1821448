//! The dependency policy of `deny.toml`, enforced without the network.
//!
//! `deny.toml` is cargo-deny's own file and the only place where the lists stand. cargo-deny is not
//! everywhere, so the parts that need no network (bans with their homes, duplicates, licences,
//! sources) are checked here as well; advisories are left to `make deny`.
//!
//! Invariant: what this file accepts, cargo-deny accepts; it may be stricter, never laxer.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::finding::Finding;
use crate::graph::{Graph, Package};

const FILE: &str = "deny.toml";

/// The part of `deny.toml` that is enforced here.
#[derive(Debug, Deserialize)]
pub struct Policy {
    bans: Bans,
    licenses: Licenses,
    sources: Sources,
}

#[derive(Debug, Deserialize)]
struct Bans {
    #[serde(default, rename = "multiple-versions")]
    multiple_versions: Level,
    #[serde(default)]
    deny: Vec<Ban>,
    #[serde(default)]
    skip: Vec<Skip>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    #[default]
    Warn,
    Allow,
    Deny,
}

#[derive(Debug, Deserialize)]
struct Ban {
    #[serde(rename = "crate")]
    name: String,
    /// The only packages that may depend on it directly: its home, and who brings it along.
    #[serde(default)]
    wrappers: Vec<String>,
    #[serde(default)]
    reason: String,
}

#[derive(Debug, Deserialize)]
struct Skip {
    #[serde(rename = "crate")]
    name: String,
}

#[derive(Debug, Deserialize)]
struct Licenses {
    allow: Vec<String>,
    #[serde(default)]
    exceptions: Vec<Exception>,
}

#[derive(Debug, Deserialize)]
struct Exception {
    #[serde(rename = "crate")]
    name: String,
    allow: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Sources {
    #[serde(rename = "allow-registry")]
    allow_registry: Vec<String>,
}

// === impl Policy ===

impl Policy {
    /// Reads the policy file.
    pub fn load(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("{} cannot be read", path.display()))?;
        Self::parse(&text)
    }

    /// Reads the policy from the text of a `deny.toml`.
    pub fn parse(text: &str) -> Result<Self> {
        toml::from_str(text).context("deny.toml is not as known")
    }

    /// Whether only named packages may use this dependency directly.
    pub fn has_home(&self, name: &str) -> bool {
        self.bans.deny.iter().any(|ban| ban.name == name && !ban.wrappers.is_empty())
    }

    /// Checks bans, duplicates, licences and sources.
    pub fn check(&self, graph: &Graph) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (id, package) in &graph.packages {
            self.check_ban(graph, id, package, &mut findings);
            self.check_licence(package, &mut findings);
            self.check_source(package, &mut findings);
        }
        self.check_duplicates(graph, &mut findings);
        findings
    }

    fn check_ban(&self, graph: &Graph, id: &str, package: &Package, out: &mut Vec<Finding>) {
        let Some(ban) = self.bans.deny.iter().find(|ban| ban.name == package.name) else {
            return;
        };
        for dependent in graph.dependents(id) {
            if !ban.wrappers.contains(&dependent.name) {
                let (name, user, reason) = (&package.name, &dependent.name, &ban.reason);
                let text = format!("{user} must not use {name}: {reason}");
                out.push(Finding::new(FILE, 0, "bans", text));
            }
        }
    }

    fn check_licence(&self, package: &Package, out: &mut Vec<Finding>) {
        let Package { name, version, .. } = package;
        let Some(expression) = &package.license else {
            out.push(Finding::new(FILE, 0, "licences", format!("{name} {version} names none")));
            return;
        };
        let special = self.licenses.exceptions.iter().filter(|e| e.name == *name);
        let mut allowed: Vec<&str> = special.flat_map(|e| &e.allow).map(String::as_str).collect();
        allowed.extend(self.licenses.allow.iter().map(String::as_str));
        if !licence_allowed(expression, &allowed) {
            let text = format!("{name} {version} is under {expression}");
            out.push(Finding::new(FILE, 0, "licences", text));
        }
    }

    fn check_source(&self, package: &Package, out: &mut Vec<Finding>) {
        // A package without a source is a path, that is: ours.
        let Some(source) = &package.source else {
            return;
        };
        let registry = source.strip_prefix("registry+").or(source.strip_prefix("sparse+"));
        if !registry.is_some_and(|url| self.sources.allow_registry.iter().any(|a| a == url)) {
            let text = format!("{} comes from {source}", package.name);
            out.push(Finding::new(FILE, 0, "sources", text));
        }
    }

    fn check_duplicates(&self, graph: &Graph, out: &mut Vec<Finding>) {
        if self.bans.multiple_versions != Level::Deny {
            return;
        }
        let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for package in graph.packages.values() {
            versions.entry(&package.name).or_default().push(&package.version);
        }
        for (name, list) in versions {
            if list.len() > 1 && !self.bans.skip.iter().any(|skip| skip.name == name) {
                let text = format!("{name} is here {} times: {}", list.len(), list.join(", "));
                out.push(Finding::new(FILE, 0, "duplicates", text));
            }
        }
    }
}

/// Whether an SPDX expression can be satisfied with the allowed licences.
///
/// `/` is the old way to write `OR`. What cannot be read is not allowed.
fn licence_allowed(expression: &str, allowed: &[&str]) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut reader = Reader { words: &words, at: 0, allowed };
    reader.either().is_some_and(|verdict| verdict && reader.at == words.len())
}

/// Reads `either := both (OR both)*`, `both := one (AND one)*`, `one := ( either ) | id [WITH x]`.
struct Reader<'a> {
    words: &'a [&'a str],
    at: usize,
    allowed: &'a [&'a str],
}

// === impl Reader ===

impl Reader<'_> {
    fn either(&mut self) -> Option<bool> {
        let mut verdict = self.both()?;
        while self.take("OR") {
            // Both sides are read whatever the first says: the text after must be checked too.
            let other = self.both()?;
            verdict = verdict || other;
        }
        Some(verdict)
    }

    fn both(&mut self) -> Option<bool> {
        let mut verdict = self.one()?;
        while self.take("AND") {
            let other = self.one()?;
            verdict = verdict && other;
        }
        Some(verdict)
    }

    fn one(&mut self) -> Option<bool> {
        if self.take("(") {
            let verdict = self.either()?;
            return self.take(")").then_some(verdict);
        }
        let id = *self.words.get(self.at)?;
        self.at += 1;
        if !self.take("WITH") {
            return Some(self.allowed.contains(&id));
        }
        let exception = *self.words.get(self.at)?;
        self.at += 1;
        Some(self.allowed.contains(&format!("{id} WITH {exception}").as_str()))
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.words.get(self.at) == Some(&word);
        self.at += usize::from(found);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Kind;
    use crate::graph::sample::{graph, package};

    const TEXT: &str = r#"
        [bans]
        multiple-versions = "deny"
        deny = [
            { crate = "ring", reason = "one cryptography library" },
            { crate = "rusqlite", wrappers = ["weir-store"], reason = "its home is the store" },
        ]
        skip = [{ crate = "syn", reason = "two generations of macros" }]
        [licenses]
        allow = ["Apache-2.0", "MIT"]
        exceptions = [{ crate = "odd", allow = ["Zlib"] }]
        [sources]
        allow-registry = ["https://github.com/rust-lang/crates.io-index"]
    "#;

    fn rules(world: &Graph) -> Vec<(&'static str, String)> {
        let policy = Policy::parse(TEXT).unwrap();
        policy.check(world).into_iter().map(|f| (f.rule, f.text)).collect()
    }

    #[test]
    fn a_clean_graph_passes() {
        let store = package("weir-store", true, &[("rusqlite", Kind::Normal)]);
        let world = graph(vec![store], vec![package("rusqlite", false, &[])]);
        assert_eq!(rules(&world), []);
    }

    #[test]
    fn a_banned_crate_is_found_with_its_user_and_reason() {
        let net = package("weir-net", true, &[("ring", Kind::Dev)]);
        let found = rules(&graph(vec![net], vec![package("ring", false, &[])]));
        let text = "weir-net must not use ring: one cryptography library";
        assert_eq!(found, [("bans", text.to_owned())]);
    }

    #[test]
    fn a_dependency_away_from_its_home_is_found() {
        let net = package("weir-net", true, &[("rusqlite", Kind::Normal)]);
        let found = rules(&graph(vec![net], vec![package("rusqlite", false, &[])]));
        assert_eq!(found[0].0, "bans");
        assert!(found[0].1.contains("its home is the store"));
    }

    #[test]
    fn licences_are_expressions() {
        let allowed = ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "Unicode-3.0"];
        for good in [
            "MIT",
            "MIT OR GPL-3.0",
            "GPL-3.0/MIT",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception OR GPL-2.0",
        ] {
            assert!(licence_allowed(good, &allowed), "{good}");
        }
        for bad in ["", "GPL-3.0", "MIT AND GPL-3.0", "(MIT", "MIT)", "MIT WITH odd", "MIT OR"] {
            assert!(!licence_allowed(bad, &allowed), "{bad}");
        }
    }

    #[test]
    fn a_licence_outside_the_list_is_found_unless_excepted() {
        let mut odd = package("odd", false, &[]);
        odd.license = Some("Zlib".to_owned());
        assert_eq!(rules(&graph(vec![], vec![odd.clone()])), []);
        odd.name = "other".to_owned();
        assert_eq!(rules(&graph(vec![], vec![odd]))[0].0, "licences");
    }

    #[test]
    fn a_package_without_licence_or_from_elsewhere_is_found() {
        let mut stray = package("stray", false, &[]);
        stray.license = None;
        stray.source = Some("git+https://example.com/stray".to_owned());
        let found = rules(&graph(vec![], vec![stray]));
        assert_eq!(found.iter().map(|f| f.0).collect::<Vec<_>>(), ["licences", "sources"]);
    }

    #[test]
    fn two_versions_are_found_unless_skipped() {
        for (name, expected) in [("syn", 0), ("base64", 1)] {
            let mut world = graph(vec![], vec![package(name, false, &[])]);
            let mut second = package(name, false, &[]);
            second.version = "2.0.0".to_owned();
            world.packages.insert("second".to_owned(), second);
            assert_eq!(rules(&world).len(), expected, "{name}");
        }
    }
}
