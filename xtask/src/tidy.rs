//! The house rules of `STYLE.md` that a program can check.
//!
//! Style that is checked is not discussed in reviews. Each rule is a small function over a scanned
//! file; this module walks the tree, decides which rules a file obeys, and sorts what they find.
//!
//! Invariant: a file that cannot be read is a finding, so nothing is skipped silently.

mod manifest;
mod rules;
mod scan;
mod source;
mod text;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::finding::Finding;
use rules::Headings;
use source::Source;

/// Directories that hold no text of ours.
const SKIPPED_DIRS: &[&str] =
    &["target", ".git", ".venv", ".tools", "node_modules", "artifacts", "corpus", "__pycache__"];

/// What is read as text beside Rust.
const TEXT_EXTENSIONS: &[&str] =
    &["md", "toml", "py", "sh", "awk", "yml", "yaml", "json", "conf", "cfg", "html"];

/// Files without an extension that are text of ours.
const TEXT_NAMES: &[&str] = &["Makefile", "NOTICE", ".gitignore", "run"];

/// The specification is a copy of a document with its own ways; only paths are checked there.
const SPEC_DIR: &str = "docs/spec";

/// Checks the tree at `root`.
pub fn check(root: &Path) -> Result<Vec<Finding>> {
    let headings = Headings::load(&root.join(SPEC_DIR))?;
    let files = files_below(root)?;
    let mut findings = Vec::new();
    let mut sources = Vec::new();
    for path in &files {
        let name = relative(root, path);
        let bytes = std::fs::read(path).with_context(|| format!("{name} cannot be read"))?;
        let Ok(content) = String::from_utf8(bytes) else {
            // Test vectors may be bytes; a file of ours must be text.
            if is_rust(path) {
                findings.push(Finding::new(&name, 0, "text", "is not UTF-8"));
            }
            continue;
        };
        if is_rust(path) {
            sources.push(Source::new(&name, &content));
        } else {
            text::check(&name, &content, &mut findings);
        }
    }
    mark_test_modules(&mut sources);
    for source in &sources {
        rules::check(source, &headings, &mut findings);
    }
    manifest::check(root, &mut findings)?;
    findings.sort();
    findings.dedup();
    Ok(findings)
}

/// `#[cfg(test)] mod name;` makes a test of a file elsewhere: tells those files so.
fn mark_test_modules(sources: &mut [Source]) {
    let modules: BTreeSet<String> = sources.iter().flat_map(Source::test_module_files).collect();
    for source in sources {
        let path = source.path();
        // Everything below a test module is a test as well.
        let below = modules.iter().filter_map(|m| m.strip_suffix(".rs"));
        if modules.contains(path) || below.into_iter().any(|m| path.starts_with(&format!("{m}/"))) {
            source.mark_test();
        }
    }
}

fn files_below(root: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut open = vec![root.to_path_buf()];
    while let Some(dir) = open.pop() {
        let list = std::fs::read_dir(&dir)
            .with_context(|| format!("{} cannot be listed", dir.display()))?;
        for entry in list {
            let entry = entry?;
            let kind = entry.file_type()?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if kind.is_dir() && !SKIPPED_DIRS.contains(&name.as_str()) {
                open.push(entry.path());
            } else if kind.is_file() && is_ours(&entry.path(), &name) {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    Ok(files)
}

fn is_ours(path: &Path, name: &str) -> bool {
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
    is_rust(path) || TEXT_EXTENSIONS.contains(&extension) || TEXT_NAMES.contains(&name)
}

fn is_rust(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "rs")
}

fn relative(root: &Path, path: &Path) -> String {
    let inner = path.strip_prefix(root).unwrap_or(path);
    inner.to_string_lossy().replace('\\', "/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> PathBuf {
        let unique = format!("xtask-tidy-{}-{:p}", std::process::id(), files.as_ptr());
        let root = std::env::temp_dir().join(unique);
        for (name, content) in files {
            let path = root.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        root
    }

    #[test]
    fn walks_a_tree_and_reports_with_file_and_line() {
        let root = tree(&[
            ("Cargo.toml", "[workspace]\n[workspace.dependencies]\nmio = \"1\"\n"),
            ("docs/dependencies.md", "## What is in the tree\n\n| `mio` | x |\n"),
            ("docs/spec/alb.md", "## 1. One\n"),
            ("docs/spec/control-plane.md", ""),
            ("docs/spec/nlb-gwlb-clb.md", ""),
            ("crates/a/src/lib.rs", "//! A.\n\n// spec: alb §1\nfn get_a() {}\n"),
            ("crates/a/src/b.rs", "//! B.\n#[cfg(test)]\nmod checks;\n"),
            ("crates/a/src/b/checks.rs", "//! C.\nfn f() { a.unwrap() }\n"),
            ("target/debug/x.rs", "fn get_x() {}\n"),
            ("README.md", "trailing \n"),
        ]);
        let found: Vec<String> = check(&root).unwrap().iter().map(ToString::to_string).collect();
        std::fs::remove_dir_all(&root).unwrap();
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("README.md:1: whitespace"), "{found:?}");
        assert!(found[1].starts_with("crates/a/src/lib.rs:4: names"), "{found:?}");
    }
}
