//! The checks run on this very tree: a rule that is broken fails `cargo test`.
//!
//! Invariant: what fails here fails in the same words as `cargo xtask tidy` and `layers` do.

use std::process::Command;

fn clean(command: &str) {
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .arg(command)
        .output()
        .expect("the xtask binary starts");
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo xtask {command}:\n{said}{complained}");
}

#[test]
fn tidy_finds_nothing() {
    clean("tidy");
}

#[test]
fn layers_finds_nothing() {
    clean("layers");
}
