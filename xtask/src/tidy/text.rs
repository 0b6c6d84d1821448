//! Rules for every text file, and the word searches that Rust files share.
//!
//! Invariant: the words that are searched do not stand in this file in one piece.

use super::SPEC_DIR;
use super::scan::is_word;
use crate::finding::Finding;

/// Marks of unfinished work.
const LEFT_OVERS: &[&str] =
    &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X"), concat!("HA", "CK")];

/// Directories of the machines on which this is developed.
const MACHINE_PATHS: &[&str] =
    &[concat!("/wo", "rk"), concat!("/fa", "rm"), concat!("/tmp/", "bash")];

/// Checks a text file that is not Rust.
pub fn check(path: &str, content: &str, out: &mut Vec<Finding>) {
    let is_document = path.ends_with(".md");
    let is_spec = path.starts_with(SPEC_DIR);
    for (number, line) in (1..).zip(content.lines()) {
        if let Some(found) = machine_path(line) {
            let text = format!("{found} exists on one machine only");
            out.push(Finding::new(path, number, "paths", text));
        }
        if is_spec {
            continue;
        }
        if line.ends_with([' ', '\t']) {
            out.push(Finding::new(path, number, "whitespace", "blank at the end of the line"));
        }
        // Documents may speak about the rule.
        if let Some(word) = left_over(line).filter(|_| !is_document) {
            let text = format!("{word}: do it, or file an issue");
            out.push(Finding::new(path, number, "left-over", text));
        }
        if path.ends_with(".py") && skips_without_reason(line) {
            let text = "a skipped test needs a reason";
            out.push(Finding::new(path, number, "ignore", text));
        }
    }
    if !content.is_empty() && !content.ends_with('\n') {
        let last = content.lines().count();
        out.push(Finding::new(path, last, "whitespace", "the last line has no end"));
    }
}

/// The first mark of unfinished work that stands as a word of its own.
pub fn left_over(line: &str) -> Option<&'static str> {
    LEFT_OVERS.iter().copied().find(|word| {
        line.match_indices(word).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            let after = line[at + word.len()..].chars().next();
            !before.is_some_and(is_word) && !after.is_some_and(is_word)
        })
    })
}

/// The first absolute path that only one machine has.
pub fn machine_path(line: &str) -> Option<&'static str> {
    let continues = |c: char| is_word(c) || matches!(c, '/' | '.' | '-');
    MACHINE_PATHS.iter().copied().find(|path| {
        line.match_indices(path).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            let after = line[at + path.len()..].chars().next();
            !before.is_some_and(continues) && !after.is_some_and(|c| is_word(c) || c == '-')
        })
    })
}

fn skips_without_reason(line: &str) -> bool {
    let marked = line.contains("pytest.mark.skip") || line.contains("pytest.mark.xfail");
    marked && !line.contains("reason=") && !line.trim_end().ends_with('(')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, content: &str) -> Vec<String> {
        let mut out = Vec::new();
        check(path, &content.replace('~', ""), &mut out);
        out.iter().map(|f| format!("{}@{}", f.rule, f.line)).collect()
    }

    #[test]
    fn text_files_are_clean_at_line_ends() {
        assert_eq!(found("a.md", "good\n"), [""; 0]);
        assert_eq!(
            found("a.md", "bad \nbad\t\nopen"),
            ["whitespace@1", "whitespace@2", "whitespace@3"]
        );
        assert_eq!(found("docs/spec/alb.md", "kept \n"), [""; 0]);
    }

    #[test]
    fn machine_paths_are_found_everywhere() {
        assert_eq!(found("docs/spec/alb.md", "see /wo~rk/x\n"), ["paths@1"]);
        assert_eq!(found("Makefile", "cd /fa~rm\n"), ["paths@1"]);
        assert_eq!(found("a.md", "`/tmp/ba~sh_jobs`, a/wo~rk, /wor~kflows\n"), [""; 0]);
        assert_eq!(found("a.md", "(/tmp/ba~sh/x)\n"), ["paths@1"]);
    }

    #[test]
    fn left_overs_are_found_in_scripts_and_not_in_documents() {
        assert_eq!(found("a.py", "# TO~DO\n"), ["left-over@1"]);
        assert_eq!(found("a.sh", "mktemp X~X~X~X~X~X\n"), [""; 0]);
        assert_eq!(found("a.md", "no TO~DO words\n"), [""; 0]);
    }

    #[test]
    fn a_skipped_python_test_says_why() {
        assert_eq!(found("a.py", "@pytest.mark.skip\n"), ["ignore@1"]);
        assert_eq!(found("a.py", "@pytest.mark.skip(reason=\"x\")\n"), [""; 0]);
    }
}
