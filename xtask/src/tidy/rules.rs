//! The rules for Rust files, one function each.
//!
//! A rule gets a scanned file and pushes findings; it knows nothing of the tree. What a rule would
//! find in its own name is built from pieces, so that this file passes its own check.
//!
//! Invariant: rules about style read the raw text, rules about meaning read the code layer.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result};

use super::scan::is_word;
use super::source::{Line, Source};
use super::text;
use crate::finding::Finding;

const FUNCTION_LINES_MAX: usize = 70;
const FILE_LINES_MAX: usize = 1_000;
const COLUMNS_MAX: usize = 100;
/// How far above `unsafe` its comment may start when something stands between.
const SAFETY_LINES_ABOVE: usize = 3;

/// The documents that a citation may name.
const SPEC_DOCS: [&str; 3] = ["alb", "control-plane", "nlb-gwlb-clb"];

/// Macros that must not survive a review.
const MACROS: &[&str] = &["todo!", "unimplemented!", "dbg!"];

/// What pure code must take as an argument instead, and why.
const IMPURE: &[(&str, &str)] = &[
    ("Instant::now", "time is an argument"),
    ("SystemTime::now", "time is an argument"),
    ("thread::sleep", "time is an argument"),
    ("std::thread", "threads belong to net"),
    ("std::fs", "files belong to store"),
    ("std::env", "settings are arguments"),
    ("std::process", "processes belong to the binary"),
    ("TcpListener", "sockets belong to net"),
    ("TcpStream", "sockets belong to net"),
    ("UdpSocket", "sockets belong to net"),
    ("UnixStream", "sockets belong to net"),
    ("ToSocketAddrs", "names are resolved by net"),
    ("HashMap::new", "its order is random: BTreeMap, or a fixed hasher"),
    ("HashSet::new", "its order is random: BTreeSet, or a fixed hasher"),
    ("RandomState", "randomness is an argument"),
];

/// Heading numbers of the specification, by document.
pub struct Headings(BTreeMap<String, BTreeSet<String>>);

// === impl Headings ===

impl Headings {
    /// Reads the three documents below `dir`.
    pub fn load(dir: &Path) -> Result<Self> {
        let mut all = BTreeMap::new();
        for doc in SPEC_DOCS {
            let path = dir.join(format!("{doc}.md"));
            let text = std::fs::read_to_string(&path)
                .with_context(|| format!("{} cannot be read", path.display()))?;
            all.insert(doc.to_owned(), Self::numbers(&text));
        }
        Ok(Self(all))
    }

    fn numbers(text: &str) -> BTreeSet<String> {
        let titles = text.lines().filter_map(|line| line.strip_prefix('#'));
        let numbers = titles.filter_map(|title| {
            let word = title.trim_start_matches('#').split_whitespace().next()?;
            let number = word.trim_end_matches('.');
            number.starts_with(|c: char| c.is_ascii_digit()).then(|| number.to_owned())
        });
        numbers.collect()
    }

    fn has(&self, doc: &str, number: &str) -> bool {
        self.0.get(doc).is_some_and(|numbers| numbers.contains(number))
    }
}

/// Runs every rule over one file.
pub fn check(source: &Source, headings: &Headings, out: &mut Vec<Finding>) {
    paths(source, out);
    if source.is_generated() {
        return;
    }
    opening(source, out);
    lengths(source, out);
    columns(source, out);
    whitespace(source, out);
    left_overs(source, out);
    unwraps(source, out);
    names(source, out);
    safety(source, out);
    ignored(source, out);
    citations(source, headings, out);
    if is_pure(source.path()) {
        purity(source, out);
    }
}

fn is_pure(path: &str) -> bool {
    let places = ["crates/core/src/", "crates/wire/src/", "crates/l7/src/machine"];
    places.iter().any(|place| path.starts_with(place))
}

fn push(out: &mut Vec<Finding>, source: &Source, line: usize, rule: &'static str, text: &str) {
    out.push(Finding::new(source.path(), line, rule, text));
}

fn opening(source: &Source, out: &mut Vec<Finding>) {
    let first = source.line(1).map_or("", |line| line.raw.as_str());
    if !first.starts_with("//!") {
        push(out, source, 1, "opening", "a file opens with //!: what, why, the invariant");
    }
}

fn lengths(source: &Source, out: &mut Vec<Finding>) {
    let count = source.line_count();
    if count > FILE_LINES_MAX {
        let text = format!("{count} lines, the limit is {FILE_LINES_MAX}");
        push(out, source, count, "length", &text);
    }
    for function in source.functions() {
        let lines = function.last - function.first + 1;
        if lines > FUNCTION_LINES_MAX {
            let text = format!("{} has {lines} lines, not {FUNCTION_LINES_MAX}", function.name);
            push(out, source, function.first, "length", &text);
        }
    }
}

fn columns(source: &Source, out: &mut Vec<Finding>) {
    for (number, line) in source.lines() {
        let width = line.raw.chars().count();
        // A wire sample in a test stays in one piece, so that it can be searched for.
        let sample = if source.is_test_line(number) { literal_width(line) } else { 0 };
        if width - sample > COLUMNS_MAX && !may_be_wide(line) {
            let text = format!("{width} columns, the limit is {COLUMNS_MAX}");
            push(out, source, number, "columns", &text);
        }
    }
}

/// Addresses and tables cannot be broken, and a line wholly inside a literal is data.
fn may_be_wide(line: &Line) -> bool {
    let comment = line.comment.trim_start().trim_start_matches(['/', '!', ' ']);
    let is_data = line.code.trim().is_empty() && line.comment.trim().is_empty();
    line.raw.contains("://") || comment.starts_with('|') || is_data
}

/// How many characters of the line are inside literals (blanks there do not count).
fn literal_width(line: &Line) -> usize {
    let layers = line.code.chars().zip(line.comment.chars());
    let inside = |&(raw, (code, comment)): &(char, (char, char))| {
        raw != ' ' && code == ' ' && comment == ' '
    };
    line.raw.chars().zip(layers).filter(inside).count()
}

fn whitespace(source: &Source, out: &mut Vec<Finding>) {
    for (number, line) in source.lines() {
        // Inside a literal a blank at the end of a line may be meant.
        let in_literal = line.code.trim().is_empty() && line.comment.trim().is_empty();
        if line.raw.ends_with([' ', '\t']) && (!in_literal || line.raw.trim().is_empty()) {
            push(out, source, number, "whitespace", "blank at the end of the line");
        }
    }
}

fn left_overs(source: &Source, out: &mut Vec<Finding>) {
    for (number, line) in source.lines() {
        for word in MACROS {
            if has_call(&line.code, word) {
                push(out, source, number, "left-over", &format!("{word} does not stay"));
            }
        }
        if let Some(word) = text::left_over(&line.raw) {
            push(out, source, number, "left-over", &format!("{word}: do it, or file an issue"));
        }
    }
}

fn unwraps(source: &Source, out: &mut Vec<Finding>) {
    for (number, line) in source.lines() {
        let found = line.code.contains(".unwrap()") || line.code.contains(".unwrap_err()");
        if found && !source.is_test_line(number) {
            let text = "no unwrap outside tests: return the error, or expect(\"invariant …\")";
            push(out, source, number, "unwrap", text);
        }
    }
}

fn names(source: &Source, out: &mut Vec<Finding>) {
    for function in source.functions() {
        if function.name.starts_with("get_") {
            let text = format!("{}: name the thing, not the getting", function.name);
            push(out, source, function.first, "names", &text);
        }
    }
}

fn safety(source: &Source, out: &mut Vec<Finding>) {
    for (number, line) in source.lines() {
        if has_word(&line.code, "unsafe") && !is_explained(source, number) {
            push(out, source, number, "safety", "unsafe needs a SAFETY comment right above");
        }
    }
}

/// The comment may be longer than the window: the block that touches it counts as a whole.
fn is_explained(source: &Source, number: usize) -> bool {
    let speaks = |line: &Line| line.comment.contains("SAFETY") || line.comment.contains("# Safety");
    let mut above = 0;
    for candidate in (1..=number).rev() {
        let Some(line) = source.line(candidate) else {
            return false;
        };
        if speaks(line) {
            return true;
        }
        let only_comment = line.code.trim().is_empty() && !line.comment.trim().is_empty();
        above += usize::from(!only_comment);
        if above > SAFETY_LINES_ABOVE + 1 {
            return false;
        }
    }
    false
}

fn ignored(source: &Source, out: &mut Vec<Finding>) {
    for (number, line) in source.lines() {
        let packed: String = line.code.chars().filter(|c| !c.is_whitespace()).collect();
        if packed.contains("#[ignore]") {
            push(out, source, number, "ignore", "#[ignore = \"why, and how to run it\"]");
        }
    }
}

fn purity(source: &Source, out: &mut Vec<Finding>) {
    for (number, line) in source.lines() {
        if source.is_test_line(number) {
            continue;
        }
        for (word, why) in IMPURE {
            if has_word(&line.code, word) {
                push(out, source, number, "purity", &format!("{word} in pure code: {why}"));
            }
        }
    }
}

fn paths(source: &Source, out: &mut Vec<Finding>) {
    for (number, line) in source.lines() {
        if let Some(path) = text::machine_path(&line.raw) {
            push(out, source, number, "paths", &format!("{path} exists on one machine only"));
        }
    }
}

fn citations(source: &Source, headings: &Headings, out: &mut Vec<Finding>) {
    for (number, line) in source.lines() {
        let body = line.comment.trim_start().trim_start_matches(['/', '!', '*', ' ']);
        let Some(rest) = body.strip_prefix("spec:").or_else(|| inner_citation(body)) else {
            continue;
        };
        if let Err(text) = cited(rest, headings) {
            push(out, source, number, "citation", &text);
        }
    }
}

/// A citation in the middle of a sentence counts only when it names a known document.
fn inner_citation(comment: &str) -> Option<&str> {
    let rest = comment.split_once("spec:")?.1;
    let first = rest.split_whitespace().next()?;
    SPEC_DOCS.contains(&first).then_some(rest)
}

/// Checks `alb §4.5 stickiness, control-plane §2.4`: every number exists in the document before it.
fn cited(rest: &str, headings: &Headings) -> Result<(), String> {
    let mut doc = None;
    let mut count = 0;
    let separated = rest.replace([',', ';', '(', ')'], " ");
    for word in separated.split_whitespace() {
        if let Some(known) = SPEC_DOCS.iter().find(|known| **known == word) {
            doc = Some(*known);
        }
        let Some(number) = word.strip_prefix('§') else {
            continue;
        };
        let number = number.trim_end_matches(['.', ':']);
        let Some(doc) = doc else {
            return Err(format!("§{number} of which document? one of {}", SPEC_DOCS.join(", ")));
        };
        // A range such as §1.3-1.4 names two headings of one document.
        for one in number.split(['-', '–']).map(|part| part.trim_start_matches('§')) {
            if !headings.has(doc, one) {
                return Err(format!("{doc} has no heading §{one}"));
            }
        }
        count += 1;
    }
    let missing = || format!("write `spec: <{}> §N.M`", SPEC_DOCS.join("|"));
    if count == 0 { Err(missing()) } else { Ok(()) }
}

/// Whether `code` holds `word` (which may contain `::`) with no word character around it.
fn has_word(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

/// Like `has_word` for a macro's name with its bang: what follows does not matter.
fn has_call(code: &str, call: &str) -> bool {
    code.match_indices(call).any(|(at, _)| !code[..at].chars().next_back().is_some_and(is_word))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CORE: &str = "crates/core/src/x.rs";

    /// Checks `body` below a proper opening line and gives `rule@line`, the opening being line 1.
    /// A `~` is removed, so that samples of words that must not stand here can stand here.
    fn found_in(path: &str, body: &str) -> Vec<String> {
        let text = format!("//! Sample.\n{}", body.replace('~', ""));
        let alb = Headings::numbers("## 1. A\n### 1.3 B [A]\n### 1.4 C\n## 4 D\n### 4.5 E");
        let control = Headings::numbers("### 2.4 F\n");
        let docs = [("alb", alb), ("control-plane", control), ("nlb-gwlb-clb", BTreeSet::new())];
        let headings = Headings(docs.into_iter().map(|(n, h)| (n.to_owned(), h)).collect());
        let mut out = Vec::new();
        check(&Source::new(path, &text), &headings, &mut out);
        out.iter().map(|f| format!("{}@{}", f.rule, f.line)).collect()
    }

    fn found(body: &str) -> Vec<String> {
        found_in("crates/net/src/x.rs", body)
    }

    #[test]
    fn a_file_opens_with_its_doc() {
        let headings = Headings(BTreeMap::new());
        let mut out = Vec::new();
        check(&Source::new("a.rs", "use x;\n//! Late.\n"), &headings, &mut out);
        assert_eq!((out[0].rule, out[0].line), ("opening", 1));
        assert_eq!(found(""), [""; 0]);
    }

    #[test]
    fn long_functions_and_files_are_found() {
        let long = |lines: usize| format!("fn f() {{\n{}}}\n", "x;\n".repeat(lines - 2));
        assert_eq!(found(&long(FUNCTION_LINES_MAX)), [""; 0]);
        assert_eq!(found(&long(FUNCTION_LINES_MAX + 1)), ["length@2"]);
        assert_eq!(found(&"x;\n".repeat(FILE_LINES_MAX - 1)), [""; 0]);
        assert_eq!(found(&"x;\n".repeat(FILE_LINES_MAX)), ["length@1001"]);
        let generated = "x;\n".repeat(FILE_LINES_MAX);
        assert_eq!(found_in("crates/a/src/generated/x.rs", &generated), [""; 0]);
    }

    #[test]
    fn wide_lines_are_found_except_addresses_tables_and_data() {
        let wide = "x".repeat(COLUMNS_MAX);
        assert_eq!(found(&format!("// {wide}\n")), ["columns@2"]);
        assert_eq!(found(&format!("{wide}\n")), [""; 0]);
        assert_eq!(found(&format!("// ä{}\n", "ä".repeat(COLUMNS_MAX - 4))), [""; 0]);
        assert_eq!(found(&format!("// https://{wide}\n")), [""; 0]);
        assert_eq!(found(&format!("/// | {wide} |\n")), [""; 0]);
        assert_eq!(found(&format!("const A: &str = \"\n{wide}{wide}\n\";\n")), [""; 0]);
        let sample = format!("const A: &str = \"{wide}\";\n");
        assert_eq!(found(&sample), ["columns@2"]);
        assert_eq!(found_in("crates/a/tests/x.rs", &sample), [""; 0]);
    }

    #[test]
    fn blanks_at_line_ends_are_found() {
        assert_eq!(found("fn a() {} \n"), ["whitespace@2"]);
        assert_eq!(found("    \n"), ["whitespace@2"]);
        assert_eq!(found("const A: &str = \"\nkept \n\";\n"), [""; 0]);
    }

    #[test]
    fn left_overs_are_found_in_code_and_comments() {
        assert_eq!(found("fn a() { to~do!() }\n"), ["left-over@2"]);
        assert_eq!(found("fn a() { db~g!(x) }\n"), ["left-over@2"]);
        assert_eq!(found("fn a() { unimplem~ented!(); }\n"), ["left-over@2"]);
        assert_eq!(found("// FIX~ME later\n// TO~DO\n// HA~CK\n").len(), 3);
        assert_eq!(found("// a todo list, XX~XX\nfn todo_list() {}\n"), [""; 0]);
    }

    #[test]
    fn unwrap_is_for_tests() {
        assert_eq!(found("fn a() { b.unwrap(); }\n"), ["unwrap@2"]);
        assert_eq!(found("fn a() { b.unwrap_or(c); } // .unwrap()\n"), [""; 0]);
        assert_eq!(found("#[cfg(test)]\nmod tests {\n fn a() { b.unwrap(); }\n}\n"), [""; 0]);
        assert_eq!(found_in("crates/a/tests/x.rs", "fn a() { b.unwrap(); }\n"), [""; 0]);
    }

    #[test]
    fn names_do_not_start_with_the_getting() {
        assert_eq!(found("fn get_port() {}\n"), ["names@2"]);
        assert_eq!(found("fn target_get() {}\nfn f() { get_port() }\n"), [""; 0]);
    }

    #[test]
    fn unsafe_is_explained() {
        assert_eq!(found("fn a() { unsafe { b() } }\n"), ["safety@2"]);
        assert_eq!(found("// SAFETY: b is fine.\nfn a() { unsafe { b() } }\n"), [""; 0]);
        let far = "// SAFETY: b.\nx;\nx;\nx;\nx;\nunsafe { b() }\n";
        assert_eq!(found(far), ["safety@7"]);
        let long = "// SAFETY: one\n// two\n// three\n// four\n// five\nunsafe { b() }\n";
        assert_eq!(found(long), [""; 0]);
        assert_eq!(found("#![deny(unsafe_code)] // unsafe\n"), [""; 0]);
    }

    #[test]
    fn an_ignored_test_says_why() {
        assert_eq!(found("#[ignore]\nfn a() {}\n"), ["ignore@2"]);
        assert_eq!(found("#[ignore = \"needs a day\"]\nfn a() {}\n"), [""; 0]);
    }

    #[test]
    fn pure_code_takes_the_world_as_arguments() {
        for (word, _) in IMPURE {
            let body = format!("fn a() {{ {word}(); }}\n");
            assert!(found_in(CORE, &body).contains(&"purity@2".to_owned()), "{word}");
            assert_eq!(found(&body), [""; 0], "{word} is fine elsewhere");
        }
        assert_eq!(found_in(CORE, "use std::net::IpAddr;\n// std::fs\n"), [""; 0]);
        assert_eq!(found_in(CORE, "#[cfg(test)]\nfn a() { std::fs::read(); }\n"), [""; 0]);
        assert_eq!(found_in("crates/l7/src/machine/a.rs", "use std::fs;\n"), ["purity@2"]);
    }

    #[test]
    fn paths_of_one_machine_are_found() {
        assert_eq!(found("const A: &str = \"/wo~rk/main\";\n"), ["paths@2"]);
        assert_eq!(found("const A: &str = \"/workers\"; // a/wo~rk/b\n"), [""; 0]);
    }

    #[test]
    fn citations_name_existing_headings() {
        for good in [
            "// spec: alb §4.5 stickiness\n",
            "/// Picks. spec: alb §4\n",
            "//! spec: alb §1.3-1.4, control-plane §2.4 (messages).\n",
            "// The specification: a word, no citation.\n",
            "// spec: alb §1.3, §1.4.\n",
        ] {
            assert_eq!(found(good), [""; 0], "{good}");
        }
        for bad in [
            "// spec: alb §4.6\n",
            "// spec: nlb §4.5\n",
            "// spec: alb 4.5\n",
            "// spec: §4.5\n",
            "// spec: alb §1.3, control-plane §1.4\n",
            "/// Picks (spec: alb §9).\n",
        ] {
            assert_eq!(found(bad), ["citation@2"], "{bad}");
        }
    }
}
