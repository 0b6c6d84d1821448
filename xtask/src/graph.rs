//! The dependency graph as `cargo metadata` tells it.
//!
//! Only what the layer and policy checks need is kept. The graph is resolved for one platform, so
//! that the check works with what an ordinary build has downloaded.
//!
//! Invariant: every id in `Package::edges` is a key of `Graph::packages`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

/// The platform whose graph is checked: the one that is shipped and tested.
const PLATFORM: &str = "x86_64-unknown-linux-gnu";

/// How one package depends on another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Linked into what is shipped.
    Normal,
    /// Linked into a build script.
    Build,
    /// Only for tests, examples and benches.
    Dev,
}

/// One package of the graph.
#[derive(Clone, Debug)]
pub struct Package {
    /// Name in the registry or of the workspace member.
    pub name: String,
    /// Exact version.
    pub version: String,
    /// SPDX expression of the manifest.
    pub license: Option<String>,
    /// Where it comes from; `None` for a path.
    pub source: Option<String>,
    /// Direct dependencies: id and kind; one entry per kind.
    pub edges: Vec<(String, Kind)>,
}

/// All packages that a build of the workspace, with its tests, uses.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// By package id.
    pub packages: BTreeMap<String, Package>,
    /// Ids of the workspace's own packages.
    pub members: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<RawPackage>,
    workspace_members: BTreeSet<String>,
    resolve: RawResolve,
}

#[derive(Deserialize)]
struct RawPackage {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    source: Option<String>,
}

#[derive(Deserialize)]
struct RawResolve {
    nodes: Vec<RawNode>,
}

#[derive(Deserialize)]
struct RawNode {
    id: String,
    deps: Vec<RawDep>,
}

#[derive(Deserialize)]
struct RawDep {
    pkg: String,
    dep_kinds: Vec<RawKind>,
}

#[derive(Deserialize)]
struct RawKind {
    kind: Option<String>,
}

// === impl Graph ===

impl Graph {
    /// Asks cargo for the graph of the workspace at `root`, without the network when possible.
    pub fn load(root: &Path) -> Result<Self> {
        let offline = cargo_metadata(root, &["--offline"]);
        let text = offline.or_else(|_| cargo_metadata(root, &[]))?;
        Self::parse(&text)
    }

    /// Reads the JSON of `cargo metadata --format-version 1`.
    pub fn parse(text: &str) -> Result<Self> {
        let raw: Metadata = serde_json::from_str(text).context("cargo metadata is not as known")?;
        let mut edges: BTreeMap<String, Vec<(String, Kind)>> = BTreeMap::new();
        for node in raw.resolve.nodes {
            let list = edges.entry(node.id).or_default();
            for dep in node.deps {
                for kind in dep.dep_kinds {
                    list.push((dep.pkg.clone(), Kind::parse(kind.kind.as_deref())?));
                }
            }
        }
        let packages = raw.packages.into_iter().filter_map(|package| {
            // A package outside the resolved set is for another platform.
            let edges = edges.remove(&package.id)?;
            let RawPackage { id, name, version, license, source } = package;
            Some((id, Package { name, version, license, source, edges }))
        });
        Ok(Self { packages: packages.collect(), members: raw.workspace_members })
    }

    /// The workspace's own packages.
    pub fn members(&self) -> impl Iterator<Item = (&String, &Package)> {
        self.packages.iter().filter(|(id, _)| self.members.contains(*id))
    }

    /// Packages that depend directly on `id`, whatever the kind.
    pub fn dependents<'g>(&'g self, id: &'g str) -> impl Iterator<Item = &'g Package> {
        self.packages.values().filter(move |p| p.edges.iter().any(|(dep, _)| dep == id))
    }

    /// Every package that `id` reaches: its own edges of any kind, further ones without `Dev`.
    pub fn closure(&self, id: &str) -> BTreeSet<&str> {
        let mut reached = BTreeSet::new();
        let mut open: Vec<&str> = Vec::new();
        if let Some(package) = self.packages.get(id) {
            open.extend(package.edges.iter().map(|(dep, _)| dep.as_str()));
        }
        while let Some(next) = open.pop() {
            if !reached.insert(next) {
                continue;
            }
            let Some(package) = self.packages.get(next) else {
                continue;
            };
            let deeper = package.edges.iter().filter(|(_, kind)| *kind != Kind::Dev);
            open.extend(deeper.map(|(dep, _)| dep.as_str()));
        }
        reached
    }
}

// === impl Kind ===

impl Kind {
    fn parse(text: Option<&str>) -> Result<Self> {
        match text {
            None | Some("normal") => Ok(Self::Normal),
            Some("build") => Ok(Self::Build),
            Some("dev") => Ok(Self::Dev),
            Some(other) => bail!("cargo names a dependency kind that is not known: {other}"),
        }
    }
}

fn cargo_metadata(root: &Path, extra: &[&str]) -> Result<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--filter-platform", PLATFORM])
        .args(extra)
        .current_dir(root)
        .output()
        .context("cargo could not be started")?;
    if !output.status.success() {
        bail!("cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    String::from_utf8(output.stdout).context("cargo metadata is not UTF-8")
}

#[cfg(test)]
pub mod sample {
    //! Small graphs for the tests of the checks.

    use super::*;

    /// A member, or a registry package under MIT.
    pub fn package(name: &str, member: bool, edges: &[(&str, Kind)]) -> Package {
        let registry = "registry+https://github.com/rust-lang/crates.io-index";
        Package {
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            license: Some(if member { "Apache-2.0" } else { "MIT" }.to_owned()),
            source: (!member).then(|| registry.to_owned()),
            edges: edges.iter().map(|(id, kind)| ((*id).to_owned(), *kind)).collect(),
        }
    }

    /// A graph whose ids are the package names.
    pub fn graph(members: Vec<Package>, others: Vec<Package>) -> Graph {
        let ids = members.iter().map(|p| p.name.clone()).collect();
        let all = members.into_iter().chain(others);
        Graph { packages: all.map(|p| (p.name.clone(), p)).collect(), members: ids }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = r#"{
        "packages": [
            {"id": "a", "name": "a", "version": "0.1.0", "license": "Apache-2.0", "source": null},
            {"id": "b", "name": "b", "version": "2.0.0", "license": "MIT", "source": "registry+x"},
            {"id": "w", "name": "windows", "version": "1.0.0", "license": "MIT", "source": "y"}
        ],
        "workspace_members": ["a"],
        "resolve": {"nodes": [
            {"id": "a", "deps": [{"pkg": "b", "dep_kinds": [{"kind": null}, {"kind": "dev"}]}]},
            {"id": "b", "deps": []}
        ]}
    }"#;

    #[test]
    fn reads_metadata_and_leaves_out_other_platforms() {
        let graph = Graph::parse(SMALL).unwrap();
        assert_eq!(graph.packages.len(), 2);
        let edges = &graph.packages["a"].edges;
        assert_eq!(edges, &[("b".to_owned(), Kind::Normal), ("b".to_owned(), Kind::Dev)]);
        assert_eq!(graph.members().count(), 1);
        assert_eq!(graph.dependents("b").map(|p| p.name.as_str()).collect::<Vec<_>>(), ["a"]);
    }

    #[test]
    fn closure_takes_own_dev_edges_and_no_further_ones() {
        let graph = sample::graph(
            vec![sample::package("a", true, &[("b", Kind::Dev)])],
            vec![
                sample::package("b", false, &[("c", Kind::Normal), ("d", Kind::Dev)]),
                sample::package("c", false, &[]),
                sample::package("d", false, &[]),
            ],
        );
        assert_eq!(graph.closure("a").into_iter().collect::<Vec<_>>(), ["b", "c"]);
    }

    #[test]
    fn unknown_kind_is_an_error() {
        assert!(Kind::parse(Some("odd")).is_err());
    }
}
