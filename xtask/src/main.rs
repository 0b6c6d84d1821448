//! The project's own tools: `cargo xtask <command>`.
//!
//! Rules that a person has to remember are rules that erode, so the layering, the dependency
//! policy and the house style are programs. They run offline, print `file:line: rule: what to do`
//! and are part of `cargo test` (see `tests/tree.rs`).
//!
//! Invariant: a command that checks never changes a file; only `codegen` and `prune` write.

#![cfg_attr(test, allow(clippy::unwrap_used))]
#![allow(clippy::print_stdout, reason = "a command line tool speaks on standard output")]

mod codegen;
mod coverage;
mod finding;
mod graph;
mod layers;
mod policy;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

use finding::Finding;

#[derive(Parser)]
#[command(name = "xtask", about = "The project's own tools")]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Write crates/wire/src/generated from models/.
    Codegen,
    /// Write models/ from the data directory of an unpacked botocore release.
    Prune {
        /// The directory `botocore/data`.
        data: PathBuf,
    },
    /// Check that a test names every action, error code, attribute, condition and action type.
    Coverage,
    /// Check the allowed arrows between crates and the dependency policy of deny.toml.
    Layers,
    /// Check the house rules of STYLE.md that a program can check.
    Tidy,
}

fn main() -> Result<ExitCode> {
    let args = Args::parse();
    let root = project_root()?;
    match args.command {
        Command::Codegen => codegen::run().map(|()| ExitCode::SUCCESS),
        Command::Prune { data } => codegen::prune(&data).map(|()| ExitCode::SUCCESS),
        Command::Coverage => {
            let (findings, counts) = coverage::check(&root)?;
            let counts: Vec<String> = counts.iter().map(|(k, n)| format!("{n} {k}s")).collect();
            println!("coverage: {}", counts.join(", "));
            Ok(report("coverage", &findings))
        }
        Command::Layers => Ok(report("layers", &layers::check(&root)?)),
        Command::Tidy => Ok(report("tidy", &tidy::check(&root)?)),
    }
}

/// The directory that holds the root manifest: this crate's parent, fixed at build time.
fn project_root() -> Result<PathBuf> {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .map(Path::to_path_buf)
        .context("the xtask crate has no parent directory")
}

/// Prints every finding, then one line of summary; any finding is a failure.
fn report(name: &str, findings: &[Finding]) -> ExitCode {
    for finding in findings {
        println!("{finding}");
    }
    if findings.is_empty() {
        println!("{name}: clean");
        return ExitCode::SUCCESS;
    }
    println!("{name}: {} finding(s)", findings.len());
    ExitCode::FAILURE
}
