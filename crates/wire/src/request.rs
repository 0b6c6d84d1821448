//! A request as it came over HTTP, borrowed: what codecs decode and what signatures cover.
//!
//! Invariant: nothing is decoded or normalised yet; a signature covers the bytes as received.

/// An HTTP request, whole.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// `POST`.
    pub method: &'a str,
    /// Path as received, without the query.
    pub path: &'a str,
    /// Query as received, without the question mark; empty when there is none.
    pub query: &'a str,
    /// Header fields in order; names in any case.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// The body.
    pub body: &'a [u8],
}

// === impl Request ===

impl<'a> Request<'a> {
    /// The values of a header field, in order.
    pub fn header_values(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        let matches = self.headers.iter().filter(move |(own, _)| own.eq_ignore_ascii_case(name));
        matches.map(|(_, value)| *value)
    }

    /// The value of a header field that appears once and is text.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        let mut values = self.header_values(name);
        let value = values.next()?;
        match values.next() {
            None => Some(std::str::from_utf8(value).ok()?.trim()),
            Some(_) => None,
        }
    }
}
