//! Rules for manifests: dependencies are declared once and explained once.
//!
//! Invariant: the table "What is in the tree" of docs/dependencies.md and
//! `[workspace.dependencies]` name the same crates.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result};
use toml::{Table, Value};

use crate::finding::Finding;

const MANIFEST: &str = "Cargo.toml";
const SURVEY: &str = "docs/dependencies.md";
const SECTION: &str = "What is in the tree";

/// Checks the root manifest, the members' manifests, and the page about dependencies.
pub fn check(root: &Path, out: &mut Vec<Finding>) -> Result<()> {
    let manifest = read(root, MANIFEST)?;
    let page = read(root, SURVEY)?;
    explained(&manifest, &page, out)?;
    let table: Table = manifest.parse().context("the root manifest is not TOML")?;
    for member in members(&table) {
        let path = format!("{member}/{MANIFEST}");
        inherited(&path, &read(root, &path)?, out)?;
    }
    Ok(())
}

fn read(root: &Path, path: &str) -> Result<String> {
    std::fs::read_to_string(root.join(path)).with_context(|| format!("{path} cannot be read"))
}

fn members(manifest: &Table) -> Vec<String> {
    let list = manifest.get("workspace").and_then(|w| w.get("members")).and_then(Value::as_array);
    let names = list.into_iter().flatten().filter_map(Value::as_str);
    names.map(str::to_owned).collect()
}

/// Every dependency of the workspace has its row, and every row its dependency.
fn explained(manifest: &str, page: &str, out: &mut Vec<Finding>) -> Result<()> {
    let table: Table = manifest.parse().context("the root manifest is not TOML")?;
    let list = table.get("workspace").and_then(|w| w.get("dependencies")).and_then(Value::as_table);
    let foreign = list.into_iter().flatten().filter(|(_, spec)| spec.get("path").is_none());
    let declared: BTreeSet<&str> = foreign.map(|(name, _)| name.as_str()).collect();
    let rows = rows(page);
    for name in &declared {
        if !rows.iter().any(|(_, row)| row == name) {
            let line = 1 + manifest.lines().take_while(|l| !declares(l, name)).count();
            let text = format!("{name} has no row in \"{SECTION}\" of {SURVEY}");
            out.push(Finding::new(MANIFEST, line, "dependencies", text));
        }
    }
    for (line, row) in rows.iter().filter(|(_, row)| !declared.contains(row.as_str())) {
        let text = format!("{row} is not among the workspace's dependencies");
        out.push(Finding::new(SURVEY, *line, "dependencies", text));
    }
    Ok(())
}

fn declares(line: &str, name: &str) -> bool {
    line.strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with('='))
}

/// Names in the first column of the section's table, with their lines.
fn rows(page: &str) -> Vec<(usize, String)> {
    let mut inside = false;
    let mut rows = Vec::new();
    for (number, line) in (1..).zip(page.lines()) {
        if let Some(title) = line.strip_prefix("## ") {
            inside = title.contains(SECTION);
        }
        let name = line.strip_prefix("| `").and_then(|rest| rest.split_once('`'));
        if let Some((name, _)) = name.filter(|_| inside) {
            rows.push((number, name.to_owned()));
        }
    }
    rows
}

/// A member takes every dependency from the workspace, so that versions stand in one place.
fn inherited(path: &str, manifest: &str, out: &mut Vec<Finding>) -> Result<()> {
    let table: Table = manifest.parse().with_context(|| format!("{path} is not TOML"))?;
    for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
        let list = table.get(section).and_then(Value::as_table);
        for (name, spec) in list.into_iter().flatten() {
            if spec.get("workspace").and_then(Value::as_bool) != Some(true) {
                let line = 1 + manifest.lines().take_while(|l| !declares(l, name)).count();
                let text = format!("{name}: declare it in the workspace and inherit it");
                out.push(Finding::new(path, line, "dependencies", text));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST_TEXT: &str = "[workspace]\n[workspace.dependencies]\n\
        weir-core = { path = \"crates/core\" }\nmio = \"1\"\nmio-more = \"2\"\n";

    fn found(page: &str) -> Vec<String> {
        let mut out = Vec::new();
        explained(MANIFEST_TEXT, page, &mut out).unwrap();
        out.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn each_dependency_has_its_row() {
        let page = "# D\n## What is in the tree\n| `mio` | x |\n| `mio-more` | y |\n## Survey\n";
        assert_eq!(found(page), [""; 0]);
        let missing = found(&page.replace("| `mio-more` | y |\n", ""));
        assert_eq!(missing.len(), 1);
        assert!(missing[0].starts_with("Cargo.toml:5: dependencies: mio-more has no row"));
    }

    #[test]
    fn a_row_elsewhere_does_not_count_and_a_stale_row_is_found() {
        let page =
            "## What is in the tree\n| `mio` | x |\n| `old` | z |\n## S\n| `mio-more` | y |\n";
        let found = found(page);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[1].starts_with("docs/dependencies.md:3: dependencies: old is not"));
    }

    #[test]
    fn members_inherit() {
        let mut out = Vec::new();
        let text = "[dependencies]\na.workspace = true\nb = \"1\"\n[dev-dependencies]\n\
                    c = { workspace = true }\nd = { version = \"1\" }\n";
        inherited("crates/a/Cargo.toml", text, &mut out).unwrap();
        let lines: Vec<usize> = out.iter().map(|f| f.line).collect();
        assert_eq!(lines, [3, 6]);
    }
}
