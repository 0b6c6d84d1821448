//! The seam between the parser's facts and the decisions': two crates that cannot see each other
//! must mean the same by the same bits.
//!
//! Invariant: what the parser calls clean, the classifier finds compliant by its own reading.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use weir_core::traffic::http::desync::{self, LengthHeader, length_header};
use weir_core::traffic::http::{self as decisions, HeaderView, RequestFacts};
use weir_wire::http1::{self as parsed, RequestHead, Scan, Status};

type Facts<'a> = RequestFacts<'a, &'a [HeaderView<'a>]>;

#[test]
fn anomaly_bits_are_the_same_on_both_sides() {
    use decisions::Anomalies as There;
    use parsed::Anomalies as Here;
    for (here, there) in [
        (Here::NONE, There::NONE),
        (Here::BARE_LF, There::BARE_LF),
        (Here::FOLDED, There::FOLDED),
        (Here::PARTIAL_LINE, There::PARTIAL_LINE),
        (Here::NO_EMPTY_LINE, There::NO_EMPTY_LINE),
        (Here::NO_COLON, There::NO_COLON),
        (Here::NO_TARGET, There::NO_TARGET),
        (Here::ODD_HEADER, There::ODD_HEADER),
        (Here::ODD_METHOD, There::ODD_METHOD),
        (Here::ODD_VERSION, There::ODD_VERSION),
        (Here::ODD_TARGET, There::ODD_TARGET),
    ] {
        assert_eq!(here.bits(), there.bits());
    }
}

/// Classifies with the parser's promise and without it.
fn check(data: &[u8]) {
    let (mut scan, mut head) = (Scan::default(), RequestHead::default());
    let Ok(Status::Complete { .. }) = parsed::request::parse(data, &mut scan, &mut head) else {
        return;
    };
    let fields = head.fields.as_slice().iter();
    let lines: Vec<_> = fields
        .map(|field| HeaderView { name: field.raw_name(data), value: field.value(data) })
        .collect();
    let facts = Facts {
        method: head.method.of(data),
        target: head.target.of(data),
        version: head.version_text.of(data),
        anomalies: decisions::Anomalies::from_bits(head.anomalies.bits()),
        first_ambiguous: decisions::Anomalies::from_bits(head.first_ambiguous.bits()),
        framing: match head.fields.framing() {
            parsed::Framing::None => decisions::FramingHint::None,
            parsed::Framing::Length(length) => decisions::FramingHint::Length(length),
            parsed::Framing::Chunked => decisions::FramingHint::Chunked,
            parsed::Framing::Odd => decisions::FramingHint::Odd,
        },
        headers: &lines,
    };
    if !facts.anomalies.is_empty() {
        return;
    }
    // A bit without a meaning makes the classifier read everything.
    let unpromised = decisions::Anomalies::from_bits(1 << 15);
    let thorough = RequestFacts { anomalies: unpromised, ..facts };
    assert_eq!(desync::classify(&facts), desync::classify(&thorough), "{}", data.escape_ascii());
    for line in &lines {
        use LengthHeader::{ContentLength, TransferEncoding};
        let related = length_header(line.name);
        assert!(matches!(related, None | Some(ContentLength | TransferEncoding)));
    }
}

#[test]
fn the_fuzz_corpus_means_the_same_on_both_sides() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut inputs = 0;
    for entry in std::fs::read_dir(folder.join("../../fuzz/corpus/request_head")).unwrap() {
        check(&std::fs::read(entry.unwrap().path()).unwrap());
        inputs += 1;
    }
    assert!(inputs >= 5);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    #[test]
    fn generated_heads_mean_the_same_on_both_sides(
        line in proptest::sample::select(vec!["GET / HTTP/1.1", "POST /a HTTP/1.0", "HEAD * HTTP/1.1"]),
        names in proptest::collection::vec("[A-Za-z_-]{0,3}(Content|Transfer)[-_ ]{0,2}(Length|Encoding)?", 0..3),
        value in proptest::sample::select(vec!["chunked", "0", "5", "x", "", "5 "]),
    ) {
        let mut text = format!("{line}\r\n");
        for name in names {
            text += &format!("{name}: {value}\r\n");
        }
        check(format!("{text}\r\n").as_bytes());
    }
}
