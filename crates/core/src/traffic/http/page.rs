//! The pages that the load balancer answers itself, byte for byte.
//!
//! The phrases are those observed on AWS, or nginx's wording where none was observed. For the
//! codes whose phrase nobody has published (460, 463, 464, 507, 561, 562) the page carries the
//! bare number, as nginx does for codes it does not know: 98 bytes.
//!
//! Invariant: [`body_len`] is the length of what [`write_body`] writes.

use crate::traffic::text::decimal;

const BEFORE_TITLE: &[u8] = b"<html>\r\n<head><title>";
const BEFORE_HEADING: &[u8] = b"</title></head>\r\n<body>\r\n<center><h1>";
const AFTER_HEADING: &[u8] = b"</h1></center>\r\n</body>\r\n</html>\r\n";

/// What a generated response says besides its status.
#[derive(Clone, Copy, Debug)]
pub struct PageHead<'a> {
    /// The `Date` header's value.
    pub date: &'a [u8],
    /// Whether the connection closes after it; 400 always says so.
    pub close: bool,
    /// The `Location` of a redirect.
    pub location: Option<&'a [u8]>,
    /// Whether to name the server (`routing.http.response.server.enabled`).
    pub server: bool,
    /// Whether the request was HEAD: the head is the same, the body is left out.
    pub is_head: bool,
}

/// The words after the code on the status line of a response of our own; empty when unknown.
// spec: alb §10.2 Exact response format [O unless noted]
pub fn phrase(code: u16) -> &'static str {
    match code {
        301 => "Moved Permanently",
        302 => "Found",
        400 => "Bad Request",
        401 => "Authorization Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Not Allowed",
        408 => "Request Time-out",
        413 => "Request Entity Too Large",
        414 => "Request-URI Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Temporarily Unavailable",
        504 => "Gateway Time-out",
        505 => "HTTP Version Not Supported",
        _ => "",
    }
}

/// The reason phrase for a fixed response, whose status is the user's choice: the page's phrase
/// where there is one, else the registered one, else nothing.
// spec: alb §2.8 `fixed-response`
pub fn fixed_response_phrase(code: u16) -> &'static str {
    match code {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        203 => "Non-Authoritative Information",
        204 => "No Content",
        205 => "Reset Content",
        206 => "Partial Content",
        402 => "Payment Required",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        415 => "Unsupported Media Type",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        425 => "Too Early",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        451 => "Unavailable For Legal Reasons",
        507 => "Insufficient Storage",
        511 => "Network Authentication Required",
        _ => phrase(code),
    }
}

/// Appends `HTTP/1.1 CODE PHRASE` and the line end. Without a phrase the space stays, as the
/// grammar wants it.
pub fn write_status_line(code: u16, phrase: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"HTTP/1.1 ");
    decimal(out, u64::from(code));
    out.push(b' ');
    out.extend_from_slice(phrase.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Bytes of the page for a code.
// spec: alb §10.2 Exact response format [O unless noted]
pub fn body_len(code: u16) -> usize {
    let phrase = phrase(code);
    let status = if phrase.is_empty() { 3 } else { 4 + phrase.len() };
    BEFORE_TITLE.len() + BEFORE_HEADING.len() + AFTER_HEADING.len() + 2 * status
}

/// Appends the page for a code.
// spec: alb §10.2 Exact response format [O unless noted]
pub fn write_body(code: u16, out: &mut Vec<u8>) {
    out.extend_from_slice(BEFORE_TITLE);
    write_status(code, out);
    out.extend_from_slice(BEFORE_HEADING);
    write_status(code, out);
    out.extend_from_slice(AFTER_HEADING);
}

/// Appends a whole response of our own: head and page.
// spec: alb §10.2 Exact response format [O unless noted]
pub fn write_response(code: u16, head: &PageHead<'_>, out: &mut Vec<u8>) {
    write_status_line(code, phrase(code), out);
    if head.server {
        out.extend_from_slice(b"Server: awselb/2.0\r\n");
    }
    out.extend_from_slice(b"Date: ");
    out.extend_from_slice(head.date);
    out.extend_from_slice(b"\r\nContent-Type: text/html\r\nContent-Length: ");
    decimal(out, body_len(code) as u64);
    let close = head.close || code == 400;
    let connection: &[u8] = if close { b"close" } else { b"keep-alive" };
    out.extend_from_slice(b"\r\nConnection: ");
    out.extend_from_slice(connection);
    if let Some(location) = head.location {
        out.extend_from_slice(b"\r\nLocation: ");
        out.extend_from_slice(location);
    }
    out.extend_from_slice(b"\r\n\r\n");
    if !head.is_head {
        write_body(code, out);
    }
}

fn write_status(code: u16, out: &mut Vec<u8>) {
    decimal(out, u64::from(code));
    let phrase = phrase(code);
    if !phrase.is_empty() {
        out.push(b' ');
        out.extend_from_slice(phrase.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: &[u8] = b"Wed, 01 Jan 2025 00:00:00 GMT";

    fn response(code: u16, head: &PageHead<'_>) -> String {
        let mut out = Vec::new();
        write_response(code, head, &mut out);
        String::from_utf8(out).unwrap()
    }

    // spec: alb §10.2 Exact response format [O unless noted]
    #[test]
    fn a_503_byte_for_byte() {
        let head =
            PageHead { date: DATE, close: false, location: None, server: true, is_head: false };
        let wanted = "HTTP/1.1 503 Service Temporarily Unavailable\r\n\
            Server: awselb/2.0\r\n\
            Date: Wed, 01 Jan 2025 00:00:00 GMT\r\n\
            Content-Type: text/html\r\n\
            Content-Length: 162\r\n\
            Connection: keep-alive\r\n\
            \r\n\
            <html>\r\n\
            <head><title>503 Service Temporarily Unavailable</title></head>\r\n\
            <body>\r\n\
            <center><h1>503 Service Temporarily Unavailable</h1></center>\r\n\
            </body>\r\n\
            </html>\r\n";
        assert_eq!(response(503, &head), wanted);
        let without_body = PageHead { is_head: true, ..head };
        assert_eq!(response(503, &without_body), &wanted[..wanted.len() - 162]);
    }

    // spec: alb §10.2 Exact response format [O unless noted]
    #[test]
    fn lengths_by_the_table() {
        for (code, length) in [
            (301, 134),
            (302, 110),
            (400, 122),
            (401, 144),
            (403, 118),
            (404, 118),
            (405, 122),
            (408, 132),
            (413, 148),
            (414, 142),
            (500, 142),
            (501, 130),
            (502, 122),
            (503, 162),
            (504, 132),
            (505, 152),
            (460, 98),
            (463, 98),
            (464, 98),
            (507, 98),
            (561, 98),
            (562, 98),
        ] {
            let mut out = Vec::new();
            write_body(code, &mut out);
            assert_eq!((out.len(), body_len(code)), (length, length), "{code}");
        }
    }

    // spec: alb §10.2 Exact response format [O unless noted]
    #[test]
    fn a_400_closes_and_a_redirect_ends_with_its_location() {
        let head = PageHead {
            date: DATE,
            close: false,
            location: Some(b"https://a.example:443/"),
            server: false,
            is_head: true,
        };
        assert!(response(400, &head).contains("\r\nConnection: close\r\n"));
        let redirect = response(301, &head);
        assert!(redirect.starts_with("HTTP/1.1 301 Moved Permanently\r\nDate: "));
        assert!(redirect.ends_with("keep-alive\r\nLocation: https://a.example:443/\r\n\r\n"));
        assert!(response(463, &head).starts_with("HTTP/1.1 463 \r\n"));
    }

    // spec: alb §2.8 `fixed-response`
    #[test]
    fn fixed_responses_have_the_registered_phrases() {
        assert_eq!(fixed_response_phrase(200), "OK");
        assert_eq!(fixed_response_phrase(503), "Service Temporarily Unavailable");
        assert_eq!(fixed_response_phrase(299), "");
    }
}
