//! Desync mitigation: how dangerous is it to forward this head, and what is done about it.
//!
//! The algorithm is the one AWS described with its classifier library, written anew: findings are
//! collected in a fixed order, and a finding changes the verdict only if its tier is strictly
//! higher, so the first reason of a tier wins.
//!
//! ```text
//! raw-parse findings ─► headers in order ─► TE and CL together ─► method ─► version ─► target
//! ```
//!
//! Invariant: on a head without anomalies whose framing is plain, the fast path gives the verdict
//! of the whole algorithm (a property test compares them).

use super::bytes::{self, is_fatal, is_token, trim};
use super::{Anomalies, FramingHint, HeaderView, Headers, Method, RequestFacts, Version};

/// How dangerous a request is. Ordered.
// spec: alb §3.9 Desync mitigation
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// By the book.
    #[default]
    Compliant,
    /// Not by the book, and harmless.
    Acceptable,
    /// Two readers may disagree about where it ends.
    Ambiguous,
    /// Likely an attack, or unreadable.
    Severe,
}

/// Why a request is not compliant. The names are the codes of the access log.
// spec: alb §3.9 Desync mitigation
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reason {
    /// There is no reason.
    #[default]
    Compliant,
    /// GET or HEAD with `Content-Length: 0`.
    GetHeadZeroContentLength,
    /// A header with a control character, or a name that is no token.
    NonCompliantHeader,
    /// HTTP/0.9, HTTP/1.2 to 1.9, or blanks around the version.
    NonCompliantVersion,
    /// A space in the target.
    SpaceInUri,
    /// A line that ends in LF only. Not in the published list.
    NonCrLfLineTermination,
    /// A control character in the target.
    AmbiguousUri,
    /// `Transfer-Encoding` and `Content-Length` together.
    BothTeClPresent,
    /// Several `Content-Length` with one value.
    DuplicateContentLength,
    /// An empty header name.
    EmptyHeader,
    /// A name that resembles `Transfer-Encoding` or `Content-Length`.
    SuspiciousHeader,
    /// A `Content-Length` where it has no meaning.
    UndefinedContentLengthSemantics,
    /// A `Transfer-Encoding` where it has no meaning.
    UndefinedTransferEncodingSemantics,
    /// A folded header line. Not in the published list.
    MultilineHeader,
    /// The head ended inside a line. Not in the published list.
    PartialHeaderLine,
    /// The head ended before its empty line. Not in the published list.
    MissingLastEmptyLine,
    /// A header line without a colon. Not in the published list.
    MissingHeaderColon,
    /// No target. Not in the published list.
    MissingUri,
    /// A `Content-Length` that is no number.
    BadContentLength,
    /// NUL, CR or LF in a header.
    BadHeader,
    /// A method that is no token.
    BadMethod,
    /// An unknown transfer coding.
    BadTransferEncoding,
    /// NUL, CR or LF in the target.
    BadUri,
    /// Not a version.
    BadVersion,
    /// Several `Content-Length` with different values.
    MultipleContentLength,
    /// Chunked twice.
    MultipleTransferEncodingChunked,
    /// `Transfer-Encoding` and `Content-Length` together, one of them only resembling its name.
    SuspiciousTeClPresent,
}

/// A tier and its reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// The highest tier that a finding had.
    pub tier: Tier,
    /// The first finding of that tier.
    pub reason: Reason,
}

/// The load balancer attribute `routing.http.desync_mitigation_mode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Count and log only.
    Monitor,
    /// Block what is severe, isolate what is ambiguous.
    #[default]
    Defensive,
    /// Block whatever is not compliant.
    Strictest,
}

/// What is done with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Forward.
    Allow,
    /// Forward, re-serialised, and close the client's and the target's connection afterwards.
    AllowCloseBoth,
    /// Answer 400 and close.
    Block,
}

/// How a header name relates to the two that delimit bodies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LengthHeader {
    /// It is `Transfer-Encoding`.
    TransferEncoding,
    /// It is `Content-Length`.
    ContentLength,
    /// Its letters spell `Transfer-Encoding`, but it is not that name.
    LikeTransferEncoding,
    /// Its letters spell `Content-Length`, but it is not that name.
    LikeContentLength,
}

/// The length headers seen while the header lines were walked.
#[derive(Default)]
struct Lengths {
    transfer_encodings: u32,
    content_lengths: u32,
    last_coding_chunked: bool,
    content_length: Option<u64>,
    suspicious: bool,
    /// The findings of these headers are reported after those of all header lines.
    transfer_verdict: Verdict,
    content_verdict: Verdict,
}

/// Classifies a request. On a clean head this reads no header line.
// spec: alb §3.9 Desync mitigation
#[inline]
pub fn classify<H: Headers>(facts: &RequestFacts<'_, H>) -> Verdict {
    if facts.anomalies.is_empty() {
        let by_the_book = match facts.framing {
            FramingHint::None => true,
            FramingHint::Length(_) => !facts.method().is_without_body(),
            FramingHint::Chunked => {
                !facts.method().is_without_body() && facts.version == b"HTTP/1.1"
            }
            FramingHint::Odd => false,
        };
        if by_the_book {
            return Verdict::default();
        }
    }
    classify_thoroughly(facts)
}

/// What a mode does with a tier.
// spec: alb §3.9 Desync mitigation
#[inline]
pub fn action(tier: Tier, mode: Mode) -> Action {
    match (mode, tier) {
        (_, Tier::Compliant) | (Mode::Monitor, _) => Action::Allow,
        (Mode::Strictest, _) => Action::Block,
        (Mode::Defensive, Tier::Acceptable) => Action::Allow,
        (Mode::Defensive, Tier::Ambiguous) => Action::AllowCloseBoth,
        (Mode::Defensive, Tier::Severe) => Action::Block,
    }
}

/// Relates a header name, as sent, to `Transfer-Encoding` and `Content-Length`.
///
/// Two names are alike when their letters and digits are equal; `ſ` (U+017F) counts as s and `ı`
/// (U+0131) as i. This is slightly wider than AWS's library, which allows foreign bytes only at
/// the hyphen and at the ends: `Tra_nsfer-Encoding` is distant there and suspicious here.
// spec: alb §3.9 Desync mitigation
pub fn length_header(name: &[u8]) -> Option<LengthHeader> {
    if name.eq_ignore_ascii_case(b"transfer-encoding") {
        return Some(LengthHeader::TransferEncoding);
    }
    if name.eq_ignore_ascii_case(b"content-length") {
        return Some(LengthHeader::ContentLength);
    }
    if name.len() < b"contentlength".len() {
        return None;
    }
    if has_letters(name, b"transferencoding") {
        return Some(LengthHeader::LikeTransferEncoding);
    }
    has_letters(name, b"contentlength").then_some(LengthHeader::LikeContentLength)
}

/// Whether a header line of an *odd* request may be forwarded as it is.
///
/// Dropped are: empty names, names with a colon in front, fatal bytes, and everything that
/// delimits the body or resembles it, because the proxy writes the one framing itself.
// spec: alb §3.9 Desync mitigation
pub fn may_forward(line: &HeaderView<'_>) -> bool {
    let name = trim(line.name);
    !matches!(name.first(), None | Some(b':'))
        && !line.name.iter().chain(line.value).any(|&byte| is_fatal(byte))
        && length_header(line.name).is_none()
}

// === impl Tier ===

impl Tier {
    /// The word of the access log's `classification` field.
    // spec: alb §11.1 Access log - fields in order (space separated)
    pub fn code(self) -> &'static str {
        match self {
            Tier::Compliant => "-",
            Tier::Acceptable => "Acceptable",
            Tier::Ambiguous => "Ambiguous",
            Tier::Severe => "Severe",
        }
    }
}

// === impl Reason ===

impl Reason {
    /// The word of the access log's `classification_reason` field.
    // spec: alb §3.9 Desync mitigation
    pub fn code(self) -> &'static str {
        match self {
            Reason::Compliant => "-",
            Reason::GetHeadZeroContentLength => "GetHeadZeroContentLength",
            Reason::NonCompliantHeader => "NonCompliantHeader",
            Reason::NonCompliantVersion => "NonCompliantVersion",
            Reason::SpaceInUri => "SpaceInUri",
            Reason::NonCrLfLineTermination => "NonCrLfLineTermination",
            Reason::AmbiguousUri => "AmbiguousUri",
            Reason::BothTeClPresent => "BothTeClPresent",
            Reason::DuplicateContentLength => "DuplicateContentLength",
            Reason::EmptyHeader => "EmptyHeader",
            Reason::SuspiciousHeader => "SuspiciousHeader",
            Reason::UndefinedContentLengthSemantics => "UndefinedContentLengthSemantics",
            Reason::UndefinedTransferEncodingSemantics => "UndefinedTransferEncodingSemantics",
            Reason::MultilineHeader => "MultilineHeader",
            Reason::PartialHeaderLine => "PartialHeaderLine",
            Reason::MissingLastEmptyLine => "MissingLastEmptyLine",
            Reason::MissingHeaderColon => "MissingHeaderColon",
            Reason::MissingUri => "MissingUri",
            Reason::BadContentLength => "BadContentLength",
            Reason::BadHeader => "BadHeader",
            Reason::BadMethod => "BadMethod",
            Reason::BadTransferEncoding => "BadTransferEncoding",
            Reason::BadUri => "BadUri",
            Reason::BadVersion => "BadVersion",
            Reason::MultipleContentLength => "MultipleContentLength",
            Reason::MultipleTransferEncodingChunked => "MultipleTransferEncodingChunked",
            Reason::SuspiciousTeClPresent => "SuspiciousTeClPresent",
        }
    }

    /// The tier to which this reason raises a request.
    // spec: alb §3.9 Desync mitigation
    pub fn tier(self) -> Tier {
        match self {
            Reason::Compliant => Tier::Compliant,
            Reason::GetHeadZeroContentLength
            | Reason::NonCompliantHeader
            | Reason::NonCompliantVersion
            | Reason::SpaceInUri
            | Reason::NonCrLfLineTermination => Tier::Acceptable,
            Reason::AmbiguousUri
            | Reason::BothTeClPresent
            | Reason::DuplicateContentLength
            | Reason::EmptyHeader
            | Reason::SuspiciousHeader
            | Reason::UndefinedContentLengthSemantics
            | Reason::UndefinedTransferEncodingSemantics
            | Reason::MultilineHeader
            | Reason::PartialHeaderLine
            | Reason::MissingLastEmptyLine
            | Reason::MissingHeaderColon
            | Reason::MissingUri => Tier::Ambiguous,
            Reason::BadContentLength
            | Reason::BadHeader
            | Reason::BadMethod
            | Reason::BadTransferEncoding
            | Reason::BadUri
            | Reason::BadVersion
            | Reason::MultipleContentLength
            | Reason::MultipleTransferEncodingChunked
            | Reason::SuspiciousTeClPresent => Tier::Severe,
        }
    }
}

// === impl Verdict ===

impl Verdict {
    /// A finding changes the verdict only if its tier is strictly higher.
    fn raise(&mut self, reason: Reason) {
        let tier = reason.tier();
        if tier > self.tier {
            *self = Self { tier, reason };
        }
    }
}

// === impl Lengths ===

impl Lengths {
    fn transfer_encoding(&mut self, value: &[u8]) {
        self.transfer_encodings += 1;
        for item in bytes::list(value) {
            let coding = trim(item.split(|&byte| byte == b';').next().unwrap_or(item));
            let known = [&b"chunked"[..], b"compress", b"deflate", b"gzip", b"identity"];
            if !known.iter().any(|known| known.eq_ignore_ascii_case(coding)) {
                self.transfer_verdict.raise(Reason::BadTransferEncoding);
            }
            let chunked = coding.eq_ignore_ascii_case(b"chunked");
            if chunked && self.last_coding_chunked {
                self.transfer_verdict.raise(Reason::MultipleTransferEncodingChunked);
            }
            self.last_coding_chunked = chunked;
        }
    }

    fn content_length(&mut self, value: &[u8]) {
        self.content_lengths += 1;
        match (lenient_length(value), self.content_length) {
            (None, _) => self.content_verdict.raise(Reason::BadContentLength),
            (Some(length), None) => self.content_length = Some(length),
            (Some(length), Some(first)) if length == first => {
                self.content_verdict.raise(Reason::DuplicateContentLength);
            }
            (Some(_), Some(_)) => self.content_verdict.raise(Reason::MultipleContentLength),
        }
    }
}

/// The whole algorithm, whatever the parser promised.
pub(super) fn classify_thoroughly<H: Headers>(facts: &RequestFacts<'_, H>) -> Verdict {
    let mut verdict = Verdict::default();
    let version = facts.version();
    if version == Version::Http2OrLater {
        // Refused for its version before it could be forwarded; nothing to mitigate.
        return verdict;
    }
    if let Some(reason) = raw_finding(facts) {
        verdict.raise(reason);
    }
    let mut lengths = Lengths::default();
    for line in facts.headers.lines() {
        check_line(&line, &mut lengths, &mut verdict);
    }
    check_lengths(facts.method(), version, &lengths, &mut verdict);
    if !facts.method.iter().all(|&byte| is_token(byte)) {
        verdict.raise(Reason::BadMethod);
    }
    check_version(facts.version, version, &mut verdict);
    check_target(facts.target, &mut verdict);
    verdict
}

fn raw_finding<H>(facts: &RequestFacts<'_, H>) -> Option<Reason> {
    let first =
        if facts.first_ambiguous.is_empty() { facts.anomalies } else { facts.first_ambiguous };
    let reasons = [
        (Anomalies::NO_TARGET, Reason::MissingUri),
        (Anomalies::NO_COLON, Reason::MissingHeaderColon),
        (Anomalies::FOLDED, Reason::MultilineHeader),
        (Anomalies::PARTIAL_LINE, Reason::PartialHeaderLine),
        (Anomalies::NO_EMPTY_LINE, Reason::MissingLastEmptyLine),
        (Anomalies::BARE_LF, Reason::NonCrLfLineTermination),
    ];
    reasons.iter().find(|(bit, _)| first.intersects(*bit)).map(|(_, reason)| *reason)
}

fn check_line(line: &HeaderView<'_>, lengths: &mut Lengths, verdict: &mut Verdict) {
    let fatal = line.name.iter().chain(line.value).any(|&byte| is_fatal(byte));
    let odd = !line.name.iter().all(|&byte| is_token(byte))
        || line.value.iter().any(|&byte| (byte < b' ' && byte != b'\t') || byte == 0x7f);
    if fatal {
        verdict.raise(Reason::BadHeader);
    } else if odd {
        verdict.raise(Reason::NonCompliantHeader);
    }
    if matches!(trim(line.name).first(), None | Some(b':')) {
        verdict.raise(Reason::EmptyHeader);
        return;
    }
    match length_header(line.name) {
        Some(LengthHeader::TransferEncoding) => lengths.transfer_encoding(line.value),
        Some(LengthHeader::ContentLength) => lengths.content_length(line.value),
        Some(_) if fatal => {}
        Some(like) => {
            lengths.suspicious = true;
            verdict.raise(Reason::SuspiciousHeader);
            if like == LengthHeader::LikeTransferEncoding {
                lengths.transfer_encoding(line.value);
            } else {
                lengths.content_length(line.value);
            }
        }
        None => {}
    }
}

fn check_lengths(method: Method, version: Version, lengths: &Lengths, verdict: &mut Verdict) {
    let coded = lengths.transfer_encodings > 0;
    if coded && version <= Version::Http10 {
        verdict.raise(Reason::UndefinedTransferEncodingSemantics);
        return;
    }
    if lengths.content_lengths > 0 && version < Version::Http10 {
        verdict.raise(Reason::UndefinedContentLengthSemantics);
        return;
    }
    verdict.raise(lengths.transfer_verdict.reason);
    verdict.raise(lengths.content_verdict.reason);
    if method.is_without_body() {
        if coded {
            verdict.raise(Reason::UndefinedTransferEncodingSemantics);
        }
        match lengths.content_length {
            Some(0) => verdict.raise(Reason::GetHeadZeroContentLength),
            Some(_) => verdict.raise(Reason::UndefinedContentLengthSemantics),
            None => {}
        }
    }
    if coded && lengths.content_length.is_some() {
        verdict.raise(if lengths.suspicious {
            Reason::SuspiciousTeClPresent
        } else {
            Reason::BothTeClPresent
        });
    }
}

fn check_version(word: &[u8], version: Version, verdict: &mut Verdict) {
    match version {
        Version::Http09 | Version::Http1x => verdict.raise(Reason::NonCompliantVersion),
        Version::Invalid => verdict.raise(Reason::BadVersion),
        _ if word.len() != b"HTTP/1.1".len() => verdict.raise(Reason::NonCompliantVersion),
        _ => {}
    }
}

fn check_target(target: &[u8], verdict: &mut Verdict) {
    for &byte in target {
        match byte {
            0 | b'\r' | b'\n' => {
                verdict.raise(Reason::BadUri);
                return;
            }
            b' ' => verdict.raise(Reason::SpaceInUri),
            0x01..=0x1f | 0x7f => verdict.raise(Reason::AmbiguousUri),
            _ => {}
        }
    }
}

/// Reads a `Content-Length` the way the published algorithm does: blanks around the digits are
/// ignored, and no digits at all are zero.
fn lenient_length(value: &[u8]) -> Option<u64> {
    let mut length = 0u64;
    for &byte in trim(value) {
        if !byte.is_ascii_digit() {
            return None;
        }
        length = length.checked_mul(10)?.checked_add(u64::from(byte - b'0'))?;
    }
    Some(length)
}

fn has_letters(name: &[u8], letters: &[u8]) -> bool {
    let mut wanted = letters.iter();
    let mut rest = name;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        let letter = match (byte, tail.first()) {
            (0xc5, Some(0xbf)) => b's',
            (0xc4, Some(0xb1)) => b'i',
            _ if byte.is_ascii_alphanumeric() => byte.to_ascii_lowercase(),
            _ => continue,
        };
        if wanted.next() != Some(&letter) {
            return false;
        }
    }
    wanted.next().is_none()
}
