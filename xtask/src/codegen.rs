//! `cargo xtask codegen` and `cargo xtask prune`: from service models to Rust.
//!
//! The generated files are committed and a test here regenerates them and compares, so what is
//! reviewed is what is built.
//!
//! Invariant: the output is a function of `models/` alone.

mod emit;
mod model;
mod names;
mod prune;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use model::Model;

/// Writes `crates/wire/src/generated/*.rs` from `models/*.json`.
pub fn run() -> Result<()> {
    for service in prune::SERVICES {
        fs::write(generated_path(service.name), generate(service.name)?)?;
    }
    Ok(())
}

/// Writes `models/*.json` from the directory `botocore/data` of an unpacked release.
pub fn prune(data: &Path) -> Result<()> {
    prune::run(data, &root().join("models"))
}

fn generate(service: &str) -> Result<String> {
    let path = root().join("models").join(service).with_extension("json");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let model: Model = serde_json::from_str(&text)?;
    format_rust(&emit::module(service, &model)?)
}

fn generated_path(service: &str) -> PathBuf {
    root().join("crates/wire/src/generated").join(service).with_extension("rs")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn format_rust(source: &str) -> Result<String> {
    let mut child = Command::new("rustfmt")
        .args(["--edition", "2024", "--emit", "stdout"])
        .current_dir(root())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("starting rustfmt")?;
    let mut stdin = child.stdin.take().context("rustfmt has no stdin")?;
    let source = source.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(source.as_bytes()));
    let output = child.wait_with_output()?;
    writer.join().map_err(|_| anyhow::anyhow!("the writer panicked"))??;
    ensure!(output.status.success(), "rustfmt refused the generated source");
    Ok(String::from_utf8(output.stdout)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_files_are_what_the_models_give() {
        for service in prune::SERVICES {
            let committed = fs::read_to_string(generated_path(service.name)).unwrap();
            let fresh = generate(service.name).unwrap();
            assert!(
                fresh == committed,
                "generated/{}.rs is stale: run `cargo xtask codegen`",
                service.name
            );
        }
    }
    #[test]
    fn the_models_are_as_pruning_writes_them() {
        for service in prune::SERVICES {
            let path = root().join("models").join(service.name).with_extension("json");
            let text = fs::read_to_string(path).unwrap();
            let model: Model = serde_json::from_str(&text).unwrap();
            assert!(prune::write(&model).unwrap() == text, "{}: edited by hand?", service.name);
        }
    }
}
