//! The allowed arrows between the workspace's crates, and the homes of big dependencies.
//!
//! The planes must not see the store, and core and wire must stay pure: then a dead control plane
//! cannot stop traffic, because the types do not allow the question. `ARCHITECTURE.md` draws the
//! picture, this file enforces it; which crates have a home is said once, in `deny.toml`.
//!
//! Invariant: a workspace crate that has no line in `ARROWS` is a finding, never a free pass.

use std::path::Path;

use anyhow::Result;

use crate::finding::Finding;
use crate::graph::{Graph, Kind, Package};
use crate::policy::Policy;

/// Crates with a home that a pure crate may reach through a friend: they are there to be replaced
/// by std, not because they do anything.
const HARMLESS: &[&str] = &["lazy_static"];

/// Crate, and the workspace crates that it may use outside its tests.
const ARROWS: &[(&str, &[&str])] = &[
    ("weir-core", &[]),
    ("weir-wire", &[]),
    ("weir-store", &["weir-core"]),
    ("weir-net", &["weir-core"]),
    ("weir-control", &["weir-core", "weir-wire", "weir-store", "weir-net"]),
    ("weir-l7", &["weir-core", "weir-wire", "weir-net"]),
    ("weir", PRODUCT),
    ("weir-sim", PRODUCT),
    ("weir-bench", &["weir-net", "weir-wire"]),
    ("xtask", &[]),
];

const PRODUCT: &[&str] =
    &["weir-core", "weir-wire", "weir-store", "weir-net", "weir-control", "weir-l7"];

/// The crates without I/O, clock and randomness, in their tests too.
const PURE: &[&str] = &["weir-core", "weir-wire"];

/// Checks the tree at `root`: arrows, purity, and the policy of `deny.toml`.
pub fn check(root: &Path) -> Result<Vec<Finding>> {
    let graph = Graph::load(root)?;
    let policy = Policy::load(&root.join("deny.toml"))?;
    let mut findings = arrows(&graph);
    findings.extend(purity(&graph, &policy));
    findings.extend(policy.check(&graph));
    findings.sort();
    Ok(findings)
}

/// Workspace crates that use a workspace crate they may not see.
fn arrows(graph: &Graph) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (_, package) in graph.members() {
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == package.name) else {
            let text = "has no line in ARROWS: say which crates it may use";
            findings.push(finding(package, text.to_owned()));
            continue;
        };
        for (id, kind) in &package.edges {
            let Some(target) = graph.packages.get(id) else {
                continue;
            };
            if !graph.members.contains(id) || allowed.contains(&target.name.as_str()) {
                continue;
            }
            // Tests of a crate that is not pure may borrow a neighbour: nothing of it is shipped.
            if *kind == Kind::Dev && !PURE.contains(&package.name.as_str()) {
                continue;
            }
            findings.push(finding(package, format!("must not depend on {}", target.name)));
        }
    }
    findings
}

/// Pure crates that reach, at any depth, a dependency that has a home elsewhere.
fn purity(graph: &Graph, policy: &Policy) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (id, package) in graph.members().filter(|(_, p)| PURE.contains(&p.name.as_str())) {
        for reached in graph.closure(id) {
            let Some(dependency) = graph.packages.get(reached) else {
                continue;
            };
            let harmless = HARMLESS.contains(&dependency.name.as_str());
            if policy.has_home(&dependency.name) && !harmless {
                let text = format!("is pure and must not reach {}", dependency.name);
                findings.push(finding(package, text));
            }
        }
    }
    findings
}

fn finding(package: &Package, text: String) -> Finding {
    let folder = package.name.strip_prefix("weir-").unwrap_or(&package.name);
    let folder = if folder == "xtask" { folder.to_owned() } else { format!("crates/{folder}") };
    Finding::new(&format!("{folder}/Cargo.toml"), 0, "layers", text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::sample::{graph, package};

    fn texts(findings: &[Finding]) -> Vec<String> {
        findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn allowed_arrows_pass() {
        let world = graph(
            vec![
                package("weir-core", true, &[]),
                package("weir-store", true, &[("weir-core", Kind::Normal)]),
                package("weir", true, &[("weir-store", Kind::Normal), ("weir-core", Kind::Dev)]),
            ],
            vec![],
        );
        assert_eq!(arrows(&world), []);
    }

    #[test]
    fn a_plane_that_sees_the_store_is_found() {
        let world = graph(
            vec![
                package("weir-store", true, &[]),
                package("weir-l7", true, &[("weir-store", Kind::Normal)]),
            ],
            vec![],
        );
        let found = texts(&arrows(&world));
        assert_eq!(found, ["crates/l7/Cargo.toml:0: layers: must not depend on weir-store"]);
    }

    #[test]
    fn tests_of_a_pure_crate_stay_pure_and_others_may_borrow() {
        let world = graph(
            vec![
                package("weir-net", true, &[("weir-wire", Kind::Dev)]),
                package("weir-wire", true, &[]),
                package("weir-core", true, &[("weir-wire", Kind::Dev)]),
            ],
            vec![],
        );
        let found = texts(&arrows(&world));
        assert_eq!(found, ["crates/core/Cargo.toml:0: layers: must not depend on weir-wire"]);
    }

    #[test]
    fn a_crate_without_a_line_is_found() {
        let world = graph(vec![package("weir-odd", true, &[])], vec![]);
        assert!(texts(&arrows(&world))[0].contains("has no line in ARROWS"));
    }

    #[test]
    fn a_pure_crate_that_reaches_a_runtime_through_a_friend_is_found() {
        let text = "[bans]\ndeny = [{ crate = \"tokio\", wrappers = [\"friend\"] }]\n\
                    [licenses]\nallow = [\"MIT\"]\n[sources]\nallow-registry = []\n";
        let policy = Policy::parse(text).unwrap();
        let world = graph(
            vec![package("weir-core", true, &[("friend", Kind::Normal)])],
            vec![
                package("friend", false, &[("tokio", Kind::Normal)]),
                package("tokio", false, &[]),
            ],
        );
        let found = texts(&purity(&world, &policy));
        assert_eq!(found, ["crates/core/Cargo.toml:0: layers: is pure and must not reach tokio"]);
        let clean = graph(vec![package("weir-core", true, &[])], vec![]);
        assert_eq!(purity(&clean, &policy), []);
    }
}
