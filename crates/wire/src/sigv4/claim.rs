//! What a request claims about its sender, and whether the claim holds.
//!
//! Invariant: a [`Claim`] proves nothing; only [`Claim::verify`] makes a [`Verified`].

use super::key::{KeyRing, same, sha256};
use super::refusal::{AuthError, Incomplete, ScopeProblem};
use super::{ALGORITHM, Key, TERMINATOR, canonical};
use crate::limits;
use crate::request::Request;
use crate::time::Time;
use crate::value::Sensitive;

/// Header fields that must be covered by the signature when they are there: without the first a
/// request could be replayed elsewhere, without the second it could be made another call.
const ALWAYS_SIGNED: [&str; 2] = ["host", "x-amz-target"];

/// The credentials of a request, parsed and not yet believed.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The access key id.
    pub access_key_id: String,
    /// Date, region and service that the signature is for.
    pub scope: Scope,
    /// When it was signed.
    pub signed_at: Time,
    /// For how many seconds it holds, when it is presigned.
    pub expires_s: Option<i64>,
    terminator: String,
    signed_headers: String,
    signature: String,
    token: Option<Sensitive>,
}

/// A credential scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// `20150830`.
    pub date: String,
    /// `us-east-1`.
    pub region: String,
    /// `elasticloadbalancing`.
    pub service: String,
}

/// What the server holds a claim against.
#[derive(Clone, Copy)]
pub struct Expectation<'a> {
    /// The service's signing name.
    pub service: &'a str,
    /// Whether a region is served.
    pub serves_region: &'a dyn Fn(&str) -> bool,
    /// The time.
    pub now: Time,
}

/// A sender whose signature holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The access key id.
    pub access_key_id: String,
    /// The scope; its region is the region of the call.
    pub scope: Scope,
    /// When it was signed.
    pub signed_at: Time,
    /// Whether the signature came in the query.
    pub presigned: bool,
}

/// The parameters of either form, as text.
#[derive(Default)]
struct Parts {
    credential: Option<String>,
    signed_headers: Option<String>,
    signature: Option<String>,
    date: Option<String>,
    expires: Option<String>,
    token: Option<String>,
}

// === impl Claim ===

impl Claim {
    /// Reads the `Authorization` header or, without one, the query of a presigned request.
    ///
    /// # Errors
    /// [`AuthError::Missing`] or [`AuthError::Incomplete`].
    pub fn parse(request: &Request<'_>) -> Result<Self, AuthError> {
        let mut headers = request.header_values("authorization");
        let in_query = ["X-Amz-Algorithm=", "X-Amz-Signature=", "X-Amz-Credential="];
        let presigned =
            request.query.split('&').any(|part| in_query.iter().any(|key| part.starts_with(key)));
        match (headers.next(), headers.next(), presigned) {
            (None, _, false) => Err(AuthError::Missing),
            (None, _, true) => Self::from_query(request),
            (Some(header), None, false) => Self::from_header(request, header),
            _ => Err(Incomplete::new("Only one authentication mechanism is allowed.").into()),
        }
    }

    /// Checks the claim: key, session, scope, date, signature.
    ///
    /// # Errors
    /// The first check that fails, as AWS names it.
    pub fn verify(
        self,
        request: &Request<'_>,
        expectation: &Expectation<'_>,
        keys: &impl KeyRing,
    ) -> Result<Verified, AuthError> {
        let key = keys.find(&self.access_key_id).ok_or(AuthError::UnknownKey)?;
        self.check_session(&key, expectation.now)?;
        self.check_scope(expectation)?;
        self.check_date(expectation.now)?;
        self.check_signature(request, &key)?;
        Ok(Verified {
            presigned: self.expires_s.is_some(),
            access_key_id: self.access_key_id,
            scope: self.scope,
            signed_at: self.signed_at,
        })
    }

    fn from_header(request: &Request<'_>, header: &[u8]) -> Result<Self, AuthError> {
        let text = std::str::from_utf8(header).unwrap_or_default().trim();
        if header.len() > limits::CREDENTIAL_BYTES_MAX || text.is_empty() {
            return Err(Incomplete::new("Authorization header cannot be read.").into());
        }
        let (algorithm, rest) = text.split_once(' ').unwrap_or((text, ""));
        check_algorithm(algorithm)?;
        let mut parts = Parts::default();
        for pair in rest.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            let Some((name, value)) = pair.split_once('=') else {
                let mut error = Incomplete::new(
                    "a key=value pair lacks its equal-sign in Authorization header.",
                );
                error.add_header(header);
                return Err(error.into());
            };
            match name {
                "Credential" => parts.credential = Some(value.to_owned()),
                "SignedHeaders" => parts.signed_headers = Some(value.to_owned()),
                "Signature" => parts.signature = Some(value.to_owned()),
                _ => {}
            }
        }
        let date = request.header("x-amz-date").or_else(|| request.header("date"));
        parts.date = date.map(str::to_owned);
        parts.token = request.header("x-amz-security-token").map(str::to_owned);
        let mut error = Incomplete::default();
        let required = |name: &str| format!("Authorization header requires '{name}' parameter.");
        error.require(&parts.credential, || required("Credential"));
        error.require(&parts.signature, || required("Signature"));
        error.require(&parts.signed_headers, || required("SignedHeaders"));
        error.require(&parts.date, || {
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
                .to_owned()
        });
        if !error.is_empty() {
            error.add_header(header);
            return Err(error.into());
        }
        Self::from_parts(parts)
    }

    fn from_query(request: &Request<'_>) -> Result<Self, AuthError> {
        let mut parts = Parts::default();
        let mut algorithm = None;
        for pair in request.query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let place = match name {
                "X-Amz-Algorithm" => &mut algorithm,
                "X-Amz-Credential" => &mut parts.credential,
                "X-Amz-Date" => &mut parts.date,
                "X-Amz-Expires" => &mut parts.expires,
                "X-Amz-SignedHeaders" => &mut parts.signed_headers,
                "X-Amz-Security-Token" => &mut parts.token,
                "X-Amz-Signature" => &mut parts.signature,
                _ => continue,
            };
            let value = String::from_utf8(canonical::unescape(value)).unwrap_or_default();
            if place.replace(value).is_some() {
                return Err(Incomplete::new(format!("{name} is given twice.")).into());
            }
        }
        check_algorithm(algorithm.as_deref().unwrap_or_default())?;
        let mut error = Incomplete::default();
        for (name, part) in [
            ("X-Amz-Credential", &parts.credential),
            ("X-Amz-Signature", &parts.signature),
            ("X-Amz-SignedHeaders", &parts.signed_headers),
            ("X-Amz-Date", &parts.date),
            ("X-Amz-Expires", &parts.expires),
        ] {
            error.require(part, || format!("AWS query-string parameters must include '{name}'."));
        }
        if !error.is_empty() {
            return Err(error.into());
        }
        Self::from_parts(parts)
    }

    /// All parts but the token are there.
    fn from_parts(parts: Parts) -> Result<Self, AuthError> {
        let credential = parts.credential.unwrap_or_default();
        let elements: Vec<&str> = credential.split('/').collect();
        let [access_key_id, date, region, service, terminator] = elements[..] else {
            return Err(Incomplete::new(format!(
                "Credential must have exactly 5 slash-delimited elements, e.g. \
                 keyid/date/region/service/term, got {}.",
                elements.len()
            ))
            .into());
        };
        let date_text = parts.date.unwrap_or_default();
        let signed_at = Time::parse_basic(&date_text).or_else(|| Time::parse_rfc822(&date_text));
        let Some(signed_at) = signed_at else {
            return Err(Incomplete::new("Date must be in ISO-8601 'basic format'.").into());
        };
        let expires_s = match parts.expires {
            None => None,
            Some(text) => Some(expires(&text)?),
        };
        let signed_headers = parts.signed_headers.unwrap_or_default();
        if signed_headers.split(';').count() > limits::SIGNED_HEADERS_MAX {
            return Err(Incomplete::new("SignedHeaders has too many names.").into());
        }
        let token = parts.token.filter(|token| !token.is_empty()).map(Sensitive::new);
        let owned = str::to_owned;
        let scope = Scope { date: owned(date), region: owned(region), service: owned(service) };
        Ok(Self {
            access_key_id: owned(access_key_id),
            scope,
            signed_at,
            expires_s,
            terminator: owned(terminator),
            signed_headers,
            signature: parts.signature.unwrap_or_default(),
            token,
        })
    }

    /// A session's key comes with its token, and a long-term key with none.
    fn check_session(&self, key: &Key, now: Time) -> Result<(), AuthError> {
        match (&key.session, &self.token) {
            (None, None) => Ok(()),
            (Some(session), Some(token)) if same(session.token.expose(), token.expose()) => {
                if now < session.expires { Ok(()) } else { Err(AuthError::TokenExpired) }
            }
            _ => Err(AuthError::UnknownKey),
        }
    }

    fn check_scope(&self, expectation: &Expectation<'_>) -> Result<(), AuthError> {
        let mut problems = Vec::new();
        if !(expectation.serves_region)(&self.scope.region) {
            problems.push(ScopeProblem::Region);
        }
        if self.scope.service != expectation.service {
            problems.push(ScopeProblem::Service(expectation.service.to_owned()));
        }
        if self.terminator != TERMINATOR {
            problems.push(ScopeProblem::Terminator);
        }
        let stamp = self.signed_at.basic();
        if self.scope.date != stamp[..8] {
            problems.push(ScopeProblem::Date(stamp));
        }
        if problems.is_empty() { Ok(()) } else { Err(AuthError::Scope(problems)) }
    }

    /// Both directions allow the same fifteen minutes; ELB has been seen to allow five ahead, but
    /// a clock that is wrong is as often fast as slow.
    fn check_date(&self, now: Time) -> Result<(), AuthError> {
        let validity_s = self.expires_s.unwrap_or(limits::CLOCK_SKEW_MAX_S);
        let (signed, now_s) = (self.signed_at.epoch_s(), now.epoch_s());
        if signed < now_s - validity_s {
            return Err(AuthError::Expired { signed_at: self.signed_at, now, validity_s });
        }
        if signed > now_s + limits::CLOCK_SKEW_MAX_S {
            return Err(AuthError::NotYet { signed_at: self.signed_at, now });
        }
        Ok(())
    }

    fn check_signature(&self, request: &Request<'_>, key: &Key) -> Result<(), AuthError> {
        let names: Vec<&str> = self.signed_headers.split(';').collect();
        let is_signed = |name: &str| names.iter().any(|own| own.eq_ignore_ascii_case(name));
        for name in ALWAYS_SIGNED {
            if !is_signed(name) && request.header_values(name).next().is_some() {
                return Err(AuthError::Unsigned(name));
            }
        }
        let canonical = canonical::request(request, &names);
        let text = string_to_sign(self.signed_at, &self.scope, &canonical);
        let expected = key.secret.signature(&self.scope, text.as_bytes());
        if same(&expected, &self.signature) { Ok(()) } else { Err(AuthError::Mismatch) }
    }
}

// === helpers ===

/// What the signature is made of.
pub(super) fn string_to_sign(at: Time, scope: &Scope, canonical: &[u8]) -> String {
    let Scope { date, region, service } = scope;
    let hash = sha256(canonical);
    format!("{ALGORITHM}\n{}\n{date}/{region}/{service}/{TERMINATOR}\n{hash}", at.basic())
}

fn check_algorithm(name: &str) -> Result<(), AuthError> {
    if name == ALGORITHM {
        return Ok(());
    }
    let shown: String = name.chars().take(32).collect();
    Err(Incomplete::new(format!("Unsupported AWS 'algorithm': '{shown}'.")).into())
}

fn expires(text: &str) -> Result<i64, AuthError> {
    match text.parse::<i64>() {
        Ok(seconds) if (1..=limits::PRESIGNED_EXPIRES_MAX_S).contains(&seconds) => Ok(seconds),
        _ => Err(Incomplete::new(format!(
            "X-Amz-Expires must be between 1 and {} seconds.",
            limits::PRESIGNED_EXPIRES_MAX_S
        ))
        .into()),
    }
}
