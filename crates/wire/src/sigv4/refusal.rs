//! Why a signature is not accepted, in the words of each family of services.
//!
//! Invariant: codes and statuses are data in [`facts`]; nothing here repeats what was sent except
//! dates, so a credential sent by mistake is not echoed.
// spec: control-plane §1.6 SigV4 verification

use super::key::sha256;
use crate::error::ApiError;
use crate::limits;
use crate::protocol::Family;
use crate::schema::ErrorFacts;
use crate::time::Time;

/// Why a request is not authenticated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// No credentials at all.
    #[error("no credentials")]
    Missing,
    /// Credentials that cannot be read.
    #[error("incomplete signature: {}", .0.message)]
    Incomplete(Incomplete),
    /// The access key is not known, or the session token is not its own.
    #[error("unknown access key or token")]
    UnknownKey,
    /// The session has ended.
    #[error("session token expired")]
    TokenExpired,
    /// The scope is not of this service, region and day.
    #[error("wrong credential scope")]
    Scope(Vec<ScopeProblem>),
    /// Signed too long ago.
    #[error("signature expired")]
    Expired {
        /// When it was signed.
        signed_at: Time,
        /// When it came.
        now: Time,
        /// For how many seconds it would have held.
        validity_s: i64,
    },
    /// Signed too far ahead.
    #[error("signature not yet current")]
    NotYet {
        /// When it was signed.
        signed_at: Time,
        /// When it came.
        now: Time,
    },
    /// A header field that must be signed is not.
    #[error("header field {0} is not signed")]
    Unsigned(&'static str),
    /// The signature is another.
    #[error("signature does not match")]
    Mismatch,
}

/// What is wrong with credentials that cannot be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Incomplete {
    message: String,
}

/// What is wrong with a scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScopeProblem {
    /// The region is not served.
    Region,
    /// The service is not this one.
    Service(String),
    /// The last element is not `aws4_request`.
    Terminator,
    /// The day is not that of the date.
    Date(String),
}

// === impl AuthError ===

impl AuthError {
    /// What the caller is told.
    pub fn refusal(&self, family: Family) -> ApiError {
        facts(self, family).because(self.message(family))
    }

    fn message(&self, family: Family) -> String {
        const EC2_INVALID: &str = "AWS was not able to validate the provided access credentials";
        match (self, family) {
            (Self::Missing, Family::Query) => "Request is missing Authentication Token".into(),
            (Self::Missing, Family::Json) => "Missing Authentication Token".into(),
            (Self::Incomplete(incomplete), _) => incomplete.message.clone(),
            (Self::Scope(problems), _) => problems.iter().map(ScopeProblem::sentence).collect(),
            (
                Self::Missing | Self::UnknownKey | Self::Unsigned(_) | Self::Mismatch,
                Family::Ec2,
            ) => EC2_INVALID.into(),
            (Self::TokenExpired | Self::Expired { .. } | Self::NotYet { .. }, Family::Ec2) => {
                "Request has expired.".into()
            }
            (Self::UnknownKey, _) => {
                "The security token included in the request is invalid.".into()
            }
            (Self::TokenExpired, _) => {
                "The security token included in the request is expired".into()
            }
            (Self::Expired { signed_at, now, validity_s }, _) => format!(
                "Signature expired: {} is now earlier than {} ({} - {} min.)",
                signed_at.basic(),
                shifted(*now, -validity_s),
                now.basic(),
                validity_s / 60
            ),
            (Self::NotYet { signed_at, now }, _) => format!(
                "Signature not yet current: {} is still later than {} ({} + {} min.)",
                signed_at.basic(),
                shifted(*now, limits::CLOCK_SKEW_MAX_S),
                now.basic(),
                limits::CLOCK_SKEW_MAX_S / 60
            ),
            (Self::Unsigned("host"), _) => {
                "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.".into()
            }
            (Self::Unsigned(name), _) => {
                format!("'{name}' must be a 'SignedHeader' in the AWS Authorization.")
            }
            (Self::Mismatch, _) => "The request signature we calculated does not match the \
                signature you provided. Check your AWS Secret Access Key and signing method. \
                Consult the service documentation for details."
                .into(),
        }
    }
}

// === impl Incomplete ===

impl Incomplete {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }

    /// Adds a sentence when a part is not there.
    pub(super) fn require(&mut self, part: &Option<String>, sentence: impl Fn() -> String) {
        if part.as_ref().is_none_or(String::is_empty) {
            if !self.message.is_empty() {
                self.message.push(' ');
            }
            self.message.push_str(&sentence());
        }
    }

    /// Names the header by its hash, as AWS does now: it may hold a password sent by mistake.
    pub(super) fn add_header(&mut self, header: &[u8]) {
        let hash = sha256(header);
        self.message.push_str(&format!(" (Hashed with SHA-256) Authorization={hash}"));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.message.is_empty()
    }
}

impl From<Incomplete> for AuthError {
    fn from(incomplete: Incomplete) -> Self {
        Self::Incomplete(incomplete)
    }
}

// === impl ScopeProblem ===

impl ScopeProblem {
    /// AWS concatenates these, spaces included.
    fn sentence(&self) -> String {
        match self {
            Self::Region => "Credential should be scoped to a valid region. ".into(),
            Self::Service(name) => {
                format!("Credential should be scoped to correct service: '{name}'. ")
            }
            Self::Terminator => {
                "Credential should be scoped with a valid terminator: 'aws4_request'. ".into()
            }
            Self::Date(stamp) => format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date \
                 from HTTP: {stamp}. "
            ),
        }
    }
}

// === helpers ===

/// Code, status and fault of every condition in every family.
fn facts(error: &AuthError, family: Family) -> ErrorFacts {
    use AuthError as E;
    let (code, status) = match (error, family) {
        (E::Missing, Family::Query) => ("MissingAuthenticationToken", 403),
        (E::Missing, Family::Ec2) => ("AuthFailure", 401),
        (E::Missing, Family::Json) => ("MissingAuthenticationTokenException", 400),

        (E::Incomplete(_), Family::Query | Family::Ec2) => ("IncompleteSignature", 400),
        (E::Incomplete(_), Family::Json) => ("IncompleteSignatureException", 400),

        (E::UnknownKey, Family::Query) => ("InvalidClientTokenId", 403),
        (E::UnknownKey, Family::Ec2) => ("AuthFailure", 401),
        (E::UnknownKey, Family::Json) => ("UnrecognizedClientException", 400),

        (E::TokenExpired, Family::Query) => ("ExpiredToken", 403),
        (E::TokenExpired, Family::Ec2) => ("RequestExpired", 400),
        (E::TokenExpired, Family::Json) => ("ExpiredTokenException", 400),

        (E::Expired { .. } | E::NotYet { .. }, Family::Ec2) => ("RequestExpired", 400),
        (E::Scope(_) | E::Unsigned(_) | E::Mismatch, Family::Ec2) => ("AuthFailure", 401),
        (_, Family::Query) => ("SignatureDoesNotMatch", 403),
        (_, Family::Json) => ("InvalidSignatureException", 400),
    };
    ErrorFacts::sender(code, status)
}

fn shifted(time: Time, seconds: i64) -> String {
    Time::from_epoch_s(time.epoch_s() + seconds).basic()
}
