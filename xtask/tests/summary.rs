//! `scripts/summary.awk` reads what test runners really print.
//!
//! Invariant: a failure that a runner reports is never lost on the way to the last line of CI.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

fn summary(text: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut child = Command::new("awk")
        .args(["-f", "scripts/summary.awk"])
        .current_dir(root)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("awk starts");
    let mut input = child.stdin.take().expect("a pipe");
    input.write_all(text.as_bytes()).expect("awk reads");
    drop(input);
    let output = child.wait_with_output().expect("awk ends");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[test]
fn cargo_results_are_added_up() {
    let text = "running 2 tests\ntest a ... ok\n\
        test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0s\n\
        test result: FAILED. 40 passed; 3 failed; 1 ignored; 0 measured; 9 filtered out\n";
    assert_eq!(summary(text), "42 3");
}

#[test]
fn pytest_results_are_added_up() {
    assert_eq!(summary("===== 12 passed in 3.21s =====\n"), "12 0");
    let text = "==== 3 failed, 12 passed, 2 skipped, 1 error in 63.10s (0:01:03) ====\n";
    assert_eq!(summary(text), "12 4");
    assert_eq!(summary("5 passed, 1 warning in 0.50s\n"), "5 0");
    assert_eq!(summary("1 failed, 5 passed in 0.50s\n"), "5 1");
}

#[test]
fn other_text_counts_nothing() {
    assert_eq!(summary("error: could not compile `x`\n3 passed the bridge\n"), "0 0");
}
