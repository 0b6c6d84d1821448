//! Types and bounds of attribute values, which are text on the wire and in records.
//!
//! Invariant: a value that passes has one spelling: no leading zeros, no sign, no spaces, so that
//! equal values are equal text.

/// Type and bounds of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `true` or `false`.
    Bool,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A decimal number, both bounds included.
    Integer(u32, u32),
    /// 0, or a number within the bounds.
    ZeroOr(u32, u32),
    /// `off`, or a number within the bounds.
    OffOr(u32, u32),
    /// An S3 bucket name, which is also a folder below the log root; may be empty.
    Bucket,
    /// A key prefix, which is also a relative path below the bucket's folder; may be empty.
    Prefix,
    /// A response header's value; empty leaves the target's header alone.
    HeaderValue,
    /// The name under which a header is added; empty means its usual name.
    HeaderName,
    /// A cookie of the application, not one of the load balancer's own; may be empty.
    CookieName,
}

/// Why a value does not fit its shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Not one of these words.
    Choice(Vec<&'static str>),
    /// Not within `low-high`.
    Range(String),
    /// Not a bucket name.
    Bucket,
    /// Not a usable prefix.
    Prefix,
    /// Longer than this, or with characters that are not allowed.
    Text(usize),
    /// A cookie name that the load balancer uses itself.
    CookieReserved,
}

const BOOLS: &[&str] = &["true", "false"];
/// Bytes of a response header's value.
const HEADER_VALUE_MAX: usize = 1_024;
/// Bytes of a header's name.
// spec: alb §3.6 Listener attributes - header rename
const HEADER_NAME_MAX: usize = 40;
/// Bytes of a cookie's name.
const COOKIE_NAME_MAX: usize = 256;
/// Bytes of one folder name on common file systems.
const PATH_SEGMENT_MAX: usize = 255;
/// Bytes of a prefix.
const PREFIX_MAX: usize = 1_024;

// === impl Shape ===

impl Shape {
    /// Whether `value` fits.
    pub fn judge(&self, value: &str) -> Result<(), Fault> {
        let number = |low: u32, high: u32| within(value, low, high);
        match *self {
            Self::Bool => choose(BOOLS, value),
            Self::Choice(words) => choose(words, value),
            Self::Integer(low, high) => fault_unless(number(low, high), || range(low, high)),
            Self::ZeroOr(low, high) => {
                fault_unless(value == "0" || number(low, high), || range(low, high))
            }
            Self::OffOr(low, high) => {
                fault_unless(value == "off" || number(low, high), || range(low, high))
            }
            Self::Bucket => fault_unless(value.is_empty() || is_bucket(value), || Fault::Bucket),
            Self::Prefix => fault_unless(value.is_empty() || is_prefix(value), || Fault::Prefix),
            Self::HeaderValue => text(value, HEADER_VALUE_MAX, is_header_byte),
            Self::HeaderName => {
                let name = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
                text(value, HEADER_NAME_MAX, name)
            }
            Self::CookieName => {
                fault_unless(!value.starts_with("AWSALB"), || Fault::CookieReserved)?;
                text(value, COOKIE_NAME_MAX, is_cookie_byte)
            }
        }
    }
}

fn text(value: &str, limit: usize, admits: impl Fn(u8) -> bool) -> Result<(), Fault> {
    let sound = value.len() <= limit && value.bytes().all(admits);
    fault_unless(sound, || Fault::Text(limit))
}

fn fault_unless(sound: bool, fault: impl FnOnce() -> Fault) -> Result<(), Fault> {
    if sound { Ok(()) } else { Err(fault()) }
}

fn choose(words: &[&'static str], value: &str) -> Result<(), Fault> {
    fault_unless(words.contains(&value), || Fault::Choice(words.to_vec()))
}

fn range(low: u32, high: u32) -> Fault {
    Fault::Range(format!("{low}-{high}"))
}

fn within(value: &str, low: u32, high: u32) -> bool {
    let digits = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
    let plain = value == "0" || !value.starts_with('0');
    digits && plain && value.parse::<u32>().is_ok_and(|number| (low..=high).contains(&number))
}

/// S3's rules for bucket names; none of them can leave the log root as a folder name.
fn is_bucket(name: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
    let edge = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    (3..=63).contains(&name.len())
        && name.bytes().all(inner)
        && edge(name.bytes().next())
        && edge(name.bytes().last())
        && !name.contains("..")
        && name.parse::<std::net::Ipv4Addr>().is_err()
}

/// A relative path of plain folder names.
fn is_prefix(prefix: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"!-_.*'()+=@,:".contains(&b);
    let segment =
        |s: &str| !s.is_empty() && s != "." && s.len() <= PATH_SEGMENT_MAX && s.bytes().all(plain);
    // One trailing slash is a habit of many people and harmless.
    let path = prefix.strip_suffix('/').unwrap_or(prefix);
    prefix.len() <= PREFIX_MAX
        && !prefix.contains("AWSLogs")
        && !prefix.contains("..")
        && path.split('/').all(segment)
}

// spec: alb §3.7 Listener attributes - response headers
fn is_header_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"_ :;.,\\/'?!(){}[]@<>=-+*#&`|~^%".contains(&b)
}

/// A token of RFC 9110.
fn is_cookie_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b)
}
