//! The other side: signing a request. Used by our own tools and tests.
//!
//! Invariant: what a [`Signer`] signs, [`Claim::verify`](super::Claim::verify) accepts.

use super::canonical;
use super::claim::{Scope, string_to_sign};
use super::{ALGORITHM, SecretKey, TERMINATOR};
use crate::request::Request;
use crate::time::Time;

/// A sender.
#[derive(Clone, Copy, Debug)]
pub struct Signer<'a> {
    /// The access key id.
    pub access_key_id: &'a str,
    /// Its secret.
    pub secret: &'a SecretKey,
    /// The token of its session, if it has one.
    pub session_token: Option<&'a str>,
    /// `us-east-1`.
    pub region: &'a str,
    /// The service's signing name.
    pub service: &'a str,
    /// The time.
    pub now: Time,
}

// === impl Signer ===

impl Signer<'_> {
    /// The header fields to add to a request; all fields that it has, `Host` among them, are
    /// signed.
    pub fn sign(&self, request: &Request<'_>) -> Vec<(&'static str, String)> {
        let mut added = vec![("X-Amz-Date", self.now.basic())];
        if let Some(token) = self.session_token {
            added.push(("X-Amz-Security-Token", token.to_owned()));
        }
        let mut headers = request.headers.to_vec();
        headers.extend(added.iter().map(|(name, value)| (*name, value.as_bytes())));
        let mut names: Vec<_> = headers.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
        names.sort();
        names.dedup();
        let signature = self.signature(&Request { headers: &headers, ..*request }, &names);
        let credential = self.credential();
        let names = names.join(";");
        added.push((
            "Authorization",
            format!(
                "{ALGORITHM} Credential={credential}, SignedHeaders={names}, Signature={signature}"
            ),
        ));
        added
    }

    /// The query of a presigned request that holds for some seconds; only `Host` is signed.
    pub fn presign(&self, request: &Request<'_>, expires_s: u32) -> String {
        let mut query = request.query.to_owned();
        let mut add = |name: &str, value: &str| {
            if !query.is_empty() {
                query.push('&');
            }
            query.push_str(name);
            query.push('=');
            canonical::encode(value.as_bytes(), &mut query);
        };
        add("X-Amz-Algorithm", ALGORITHM);
        add("X-Amz-Credential", &self.credential());
        add("X-Amz-Date", &self.now.basic());
        add("X-Amz-Expires", &expires_s.to_string());
        add("X-Amz-SignedHeaders", "host");
        if let Some(token) = self.session_token {
            add("X-Amz-Security-Token", token);
        }
        let signature =
            self.signature(&Request { query: &query, ..*request }, &["host".to_owned()]);
        query + "&X-Amz-Signature=" + &signature
    }

    fn signature(&self, request: &Request<'_>, names: &[String]) -> String {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let scope = self.scope();
        let canonical = canonical::request(request, &names);
        let text = string_to_sign(self.now, &scope, &canonical);
        self.secret.signature(&scope, text.as_bytes())
    }

    fn credential(&self) -> String {
        let Scope { date, region, service } = self.scope();
        format!("{}/{date}/{region}/{service}/{TERMINATOR}", self.access_key_id)
    }

    fn scope(&self) -> Scope {
        Scope {
            date: self.now.basic()[..8].to_owned(),
            region: self.region.to_owned(),
            service: self.service.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests;
