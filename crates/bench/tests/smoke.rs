//! A tiny round against the relay only: the real binary, end to end.
//!
//! Invariant: wall-clock figures are never judged here, only that they exist and that every
//! exchange succeeded.

#![allow(clippy::unwrap_used)]

use std::process::Command;

fn bench(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_weir-bench")).args(arguments).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

#[test]
fn a_tiny_round_through_the_relay() {
    let dir = tempfile::tempdir().unwrap();
    let doc = dir.path().join("performance.md");
    let place = "# P\n<!-- make bench writes from here -->\n<!-- to here -->\n";
    std::fs::write(&doc, place).unwrap();
    let text = bench(&[
        "run",
        "--quick",
        "--no-pin",
        "--window-ms",
        "150",
        "--idle",
        "50",
        "--engines",
        "direct,relay",
        "--only",
        "get-64,churn,post,sse,idle",
        "--doc",
        doc.to_str().unwrap(),
    ]);
    for workload in ["get-64", "churn", "post", "sse", "idle"] {
        let row = text.lines().find(|line| {
            line.starts_with(&format!("round 1 {workload}")) && line.contains(" relay ")
        });
        let row = row.unwrap_or_else(|| panic!("no {workload}: {text}"));
        assert!(row.ends_with("errors 0") && !row.contains("no figure"), "{row}");
    }
    let written = std::fs::read_to_string(&doc).unwrap();
    assert!(written.contains("### GET 1 KiB, keep-alive, 64 connections"), "{written}");
    assert!(written.contains("| relay | 1 |"), "{written}");
}

#[test]
fn an_engine_that_cannot_start_is_a_row_with_a_reason() {
    let words = ["run", "--quick", "--no-pin", "--only", "get-64", "--engines", "weir"];
    let text = bench(&[&words[..], &["--bin", "/nonexistent"]].concat());
    assert!(text.contains("weir failed: its program is not here"), "{text}");
}
