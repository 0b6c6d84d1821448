//! Desync mitigation against the specification's table and against AWS's own test tables.
//!
//! The tables are read from the published package of `http_desync_guardian` 0.1.3, which cargo
//! brings into the target directory; they are not part of this project. Without a network the
//! test fails and says so; `WEIR_TEST_OFFLINE=1` leaves it out.
//!
//! Invariant: every case of the published tables gets the published verdict, except where
//! [`is_newer_reason`] says that the load balancer's list has moved on.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::Command;

use proptest::prelude::*;
use weir_core::traffic::http::desync::{
    Action, LengthHeader, Mode, Reason, Tier, Verdict, action, classify, length_header, may_forward,
};
use weir_core::traffic::http::{Anomalies, FramingHint, HeaderView, RequestFacts, checks};

const PACKAGE: &str = "http_desync_guardian";
const PACKAGE_VERSION: &str = "0.1.3";

/// How many cases we classify otherwise, all for one reason: the load balancer's published list
/// has `SuspiciousTeClPresent` (Severe), both length headers with one of them only resembling its
/// name, and the library, which is older, calls these Ambiguous, `SuspiciousHeader`.
// spec: alb §3.9 Desync mitigation
const DIFFERENCES: usize = 5;

#[derive(Default, Debug)]
struct Case {
    name: String,
    method: String,
    uri: String,
    version: String,
    headers: Vec<[String; 3]>,
    tier: String,
    reason: String,
}

fn facts<'a>(
    line: [&'a str; 3],
    lines: &'a [HeaderView<'a>],
) -> RequestFacts<'a, &'a [HeaderView<'a>]> {
    RequestFacts {
        method: line[0].as_bytes(),
        target: line[1].as_bytes(),
        version: line[2].as_bytes(),
        anomalies: Anomalies::ODD_HEADER,
        first_ambiguous: Anomalies::NONE,
        framing: FramingHint::Odd,
        headers: lines,
    }
}

fn views<'a>(headers: &'a [(&'a str, &'a str)]) -> Vec<HeaderView<'a>> {
    let view = |header: &(&'a str, &'a str)| HeaderView {
        name: header.0.as_bytes(),
        value: header.1.as_bytes(),
    };
    headers.iter().map(view).collect()
}

fn verdict(line: [&str; 3], headers: &[(&str, &str)]) -> Verdict {
    let lines = views(headers);
    checks::classification(line[0].as_bytes(), line[1].as_bytes(), line[2].as_bytes(), &lines);
    classify(&facts(line, &lines))
}

// spec: alb §3.9 Desync mitigation
#[test]
fn every_published_reason_has_a_request() {
    use Reason::*;
    let te = ("Transfer-Encoding", "chunked");
    let cl = ("Content-Length", "5");
    let get = ["GET", "/", "HTTP/1.1"];
    let post = ["POST", "/", "HTTP/1.1"];
    type Row = ([&'static str; 3], Vec<(&'static str, &'static str)>, Reason);
    let cases: Vec<Row> = vec![
        (get, vec![("Host", "a")], Compliant),
        (post, vec![cl], Compliant),
        (post, vec![te], Compliant),
        (post, vec![("Transfer-Encoding", "gzip")], Compliant),
        (get, vec![("Content-Length", "0")], GetHeadZeroContentLength),
        (get, vec![("A", "\x01")], NonCompliantHeader),
        (get, vec![("A ", "x")], NonCompliantHeader),
        (["GET", "/", ""], vec![], NonCompliantVersion),
        (["GET", "/", "HTTP/0.9"], vec![], NonCompliantVersion),
        (["GET", "/", "HTTP/1.2"], vec![], NonCompliantVersion),
        (["GET", "/", "HTTP/1.1 "], vec![], NonCompliantVersion),
        (["GET", "/a b", "HTTP/1.1"], vec![], SpaceInUri),
        (["GET", "/a\tb", "HTTP/1.1"], vec![], AmbiguousUri),
        (post, vec![te, cl], BothTeClPresent),
        (post, vec![cl, cl], DuplicateContentLength),
        (get, vec![("", "x")], EmptyHeader),
        (get, vec![(" \t", "x")], EmptyHeader),
        (get, vec![(":a", "x")], EmptyHeader),
        (post, vec![("Transfer_Encoding", "chunked")], SuspiciousHeader),
        (post, vec![("Content-Length ", "5")], SuspiciousHeader),
        (["HEAD", "/", "HTTP/1.1"], vec![cl], UndefinedContentLengthSemantics),
        (["POST", "/", ""], vec![cl], UndefinedContentLengthSemantics),
        (get, vec![te], UndefinedTransferEncodingSemantics),
        (["POST", "/", "HTTP/1.0"], vec![te], UndefinedTransferEncodingSemantics),
        (post, vec![("Content-Length", "+1")], BadContentLength),
        (post, vec![("Content-Length", "1000,1000")], BadContentLength),
        (post, vec![("Content-Length", "18446744073709551616")], BadContentLength),
        (get, vec![("A", "b\0")], BadHeader),
        (get, vec![("A\r", "b")], BadHeader),
        (["GE(T", "/", "HTTP/1.1"], vec![], BadMethod),
        (post, vec![("Transfer-Encoding", "xchunked")], BadTransferEncoding),
        (["GET", "/\0", "HTTP/1.1"], vec![], BadUri),
        (["GET", "/", "HTTX/1.1"], vec![], BadVersion),
        (post, vec![cl, ("Content-Length", "6")], MultipleContentLength),
        (post, vec![te, te], MultipleTransferEncodingChunked),
        (post, vec![("Transfer-Encoding ", "chunked"), cl], SuspiciousTeClPresent),
    ];
    for (line, headers, reason) in cases {
        let found = verdict(line, &headers);
        let wanted = Verdict { tier: reason.tier(), reason };
        assert_eq!(found, wanted, "{line:?} {headers:?}");
        if reason != Compliant {
            assert_eq!(reason.code(), format!("{reason:?}"), "the log's code is the name");
        }
    }
}

// spec: alb §3.9 Desync mitigation
#[test]
fn raw_parse_findings_come_first() {
    for (bit, reason) in [
        (Anomalies::BARE_LF, Reason::NonCrLfLineTermination),
        (Anomalies::FOLDED, Reason::MultilineHeader),
        (Anomalies::PARTIAL_LINE, Reason::PartialHeaderLine),
        (Anomalies::NO_EMPTY_LINE, Reason::MissingLastEmptyLine),
        (Anomalies::NO_COLON, Reason::MissingHeaderColon),
        (Anomalies::NO_TARGET, Reason::MissingUri),
    ] {
        let lines = views(&[("A ", "b")]);
        let mut facts = facts(["GET", "/", "HTTP/1.1"], &lines);
        facts.anomalies = bit.union(Anomalies::ODD_HEADER);
        assert_eq!(classify(&facts), Verdict { tier: reason.tier(), reason });
    }
    let lines = views(&[]);
    let mut facts = facts(["GET", "/", "HTTP/1.1"], &lines);
    facts.anomalies = Anomalies::FOLDED.union(Anomalies::NO_COLON).union(Anomalies::BARE_LF);
    facts.first_ambiguous = Anomalies::FOLDED;
    assert_eq!(classify(&facts).reason, Reason::MultilineHeader);
}

// spec: alb §3.9 Desync mitigation
#[test]
fn actions_by_the_table() {
    use Action::{Allow, AllowCloseBoth, Block};
    for (tier, monitor, defensive, strictest) in [
        (Tier::Compliant, Allow, Allow, Allow),
        (Tier::Acceptable, Allow, Allow, Block),
        (Tier::Ambiguous, Allow, AllowCloseBoth, Block),
        (Tier::Severe, Allow, Block, Block),
    ] {
        assert_eq!(action(tier, Mode::Monitor), monitor);
        assert_eq!(action(tier, Mode::Defensive), defensive);
        assert_eq!(action(tier, Mode::Strictest), strictest);
    }
    assert_eq!(Mode::default(), Mode::Defensive);
    assert_eq!((Tier::Compliant.code(), Tier::Severe.code()), ("-", "Severe"));
}

#[test]
fn names_that_resemble_the_length_headers() {
    use LengthHeader::*;
    for (name, wanted) in [
        ("transfer-ENCODING", Some(TransferEncoding)),
        ("Content-length", Some(ContentLength)),
        (" Content-Length", Some(LikeContentLength)),
        ("Content---Length", Some(LikeContentLength)),
        ("TransferEncoding", Some(LikeTransferEncoding)),
        ("Tran\u{17f}fer-Encod\u{131}ng", Some(LikeTransferEncoding)),
        ("Transfer-Encoding2", None),
        ("Content-Type", None),
    ] {
        assert_eq!(length_header(name.as_bytes()), wanted, "{name}");
        let line = HeaderView { name: name.as_bytes(), value: b"" };
        assert_eq!(may_forward(&line), wanted.is_none(), "{name}");
    }
}

// spec: alb §3.9 Desync mitigation
#[test]
fn the_published_tables() {
    if std::env::var_os("WEIR_TEST_OFFLINE").is_some_and(|value| value == "1") {
        return;
    }
    let tables = published_tables();
    let (mut cases, mut differences) = (0, 0);
    for entry in std::fs::read_dir(&tables).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            for case in read_cases(&std::fs::read_to_string(&path).unwrap()) {
                differences += usize::from(check_case(&case, &path));
                cases += 1;
            }
        }
    }
    assert_eq!((cases, differences), (159, DIFFERENCES));
}

/// Checks one case; returns whether it is one of the known differences.
fn check_case(case: &Case, path: &Path) -> bool {
    let headers: Vec<_> = case.headers.iter().map(|h| (h[0].as_str(), h[1].as_str())).collect();
    let found = verdict([&case.method, &case.uri, &case.version], &headers);
    let differs = is_newer_reason(case);
    let text = format!("{} {}", found.tier.code(), found.reason.code());
    let wanted = if differs {
        "Severe SuspiciousTeClPresent".to_owned()
    } else if case.tier == "Compliant" {
        "- -".to_owned()
    } else {
        format!("{} {}", case.tier, case.reason)
    };
    assert_eq!(text, wanted, "{}: {}", path.display(), case.name);
    // What the library marks Bad must never reach a target.
    for header in case.headers.iter().filter(|header| header[2] == "Bad") {
        let line = HeaderView { name: header[0].as_bytes(), value: header[1].as_bytes() };
        assert!(!may_forward(&line), "{}: {}", case.name, header[0]);
    }
    differs
}

/// Whether the case has both length headers, and its verdict is that one is suspicious.
fn is_newer_reason(case: &Case) -> bool {
    let has = |letters: &str| {
        case.headers.iter().any(|header| {
            let name = header[0].chars().filter(char::is_ascii_alphanumeric).collect::<String>();
            name.eq_ignore_ascii_case(letters)
        })
    };
    case.reason == "SuspiciousHeader" && has("transferencoding") && has("contentlength")
}

/// The folder with the tables, vendored by cargo into the target directory.
fn published_tables() -> PathBuf {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fixtures").join("desync");
    let tables = root.join("vendor").join(PACKAGE).join("tests");
    if tables.join("severe.yaml").is_file() {
        return tables;
    }
    std::fs::create_dir_all(&root).unwrap();
    let manifest = format!(
        "[package]\nname = \"fixtures\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\
         [workspace]\n[lib]\npath = \"empty.rs\"\n\
         [dependencies]\n{PACKAGE} = \"={PACKAGE_VERSION}\"\n"
    );
    std::fs::write(root.join("Cargo.toml"), manifest).unwrap();
    std::fs::write(root.join("empty.rs"), "").unwrap();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output =
        Command::new(cargo).current_dir(&root).args(["vendor", "--quiet", "vendor"]).output();
    let output = output.expect("cargo runs");
    assert!(
        output.status.success(),
        "cargo could not bring {PACKAGE} (set WEIR_TEST_OFFLINE=1 to leave this test out): {}",
        String::from_utf8_lossy(&output.stderr)
    );
    tables
}

// === The little YAML that the tables use ===

fn read_cases(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        let body = line.trim_start();
        if body.starts_with('#') || body.is_empty() {
            continue;
        }
        if let (0, Some(first)) = (indent, body.strip_prefix("- ")) {
            let name = first.strip_prefix("name:").expect("a case begins with its name");
            cases.push(Case { name: scalar(name), ..Case::default() });
            continue;
        }
        let case = cases.last_mut().expect("a case has begun");
        let item = body.strip_prefix("- ");
        let Some((key, value)) = item.unwrap_or(body).split_once(':') else { continue };
        let value = scalar(value);
        match (indent, key, item.is_some()) {
            (4, "name", true) => case.headers.push([value, String::new(), String::new()]),
            (6, "value", false) => case.headers.last_mut().unwrap()[1] = value,
            (6, "tier", false) => case.headers.last_mut().unwrap()[2] = value,
            (2, "method", false) => case.method = value,
            (2, "uri", false) => case.uri = value,
            (2, "version", false) => case.version = value,
            (4, "tier", false) => case.tier = value,
            (4, "reason", false) => case.reason = value,
            _ => {}
        }
    }
    cases
}

fn scalar(text: &str) -> String {
    let text = text.trim();
    if let Some(inner) = text.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')) {
        return inner.replace("''", "'");
    }
    let Some(inner) = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) else {
        return text.to_owned();
    };
    let mut out = String::new();
    let mut chars = inner.chars();
    while let Some(char) = chars.next() {
        if char != '\\' {
            out.push(char);
            continue;
        }
        match chars.next().expect("an escape has a letter") {
            'n' => out.push('\n'),
            'r' => out.push('\r'),
            't' => out.push('\t'),
            '0' => out.push('\0'),
            'x' => {
                let digits: String = chars.by_ref().take(2).collect();
                out.push(char::from(u8::from_str_radix(&digits, 16).unwrap()));
            }
            other => out.push(other),
        }
    }
    out
}

fn word() -> impl Strategy<Value = Vec<u8>> {
    let words = [
        "GET",
        "POST",
        "/",
        "/a b",
        "HTTP/1.1",
        "HTTP/1.0",
        "HTTP/1.5",
        "",
        "HTTP/2.0",
        "chunked",
        "identity",
        "gzip, chunked",
        "0",
        "5",
        "5 ",
        "+5",
        "\0",
        "\x01",
        "Host",
    ];
    let known = proptest::sample::select(words.to_vec()).prop_map(|text| text.as_bytes().to_vec());
    prop_oneof![9 => known, 1 => proptest::collection::vec(any::<u8>(), 0..6)]
}

fn header() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
    let names = ["Transfer-Encoding", "Content-Length", "Content_Length", "Host", " a", "", "x:"];
    let known = proptest::sample::select(names.to_vec()).prop_map(|text| text.as_bytes().to_vec());
    (known, word())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    #[test]
    fn the_fast_path_is_the_algorithm(
        line in (word(), word(), word()),
        headers in proptest::collection::vec(header(), 0..4),
    ) {
        let lines: Vec<_> =
            headers.iter().map(|(name, value)| HeaderView { name, value }).collect();
        checks::classification(&line.0, &line.1, &line.2, &lines);
        checks::classification(b"POST", b"/", b"HTTP/1.1", &lines);
        checks::classification(b"GET", b"/", b"HTTP/1.1", &lines);
    }
}
