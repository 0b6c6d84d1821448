//! The 34 published Signature Version 4 vectors: every signed request verifies, and the same
//! request with another body does not.
//!
//! Invariant: no vector is ignored.

use std::path::{Path, PathBuf};

use weir_wire::request::Request;
use weir_wire::sigv4::{AuthError, Claim, Expectation, Key, SecretKey, Session, Signer};
use weir_wire::time::Time;
use weir_wire::value::Sensitive;

use crate::fixtures;

const NOW: Time = Time::from_epoch_s(1_440_938_160);
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

/// A request file, taken apart.
struct Parsed {
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

/// The one signed request published with another vector's signature; its `.authz` is right.
const MISPRINT: &str = "get-vanilla-with-session-token";

#[test]
fn every_published_vector_verifies() {
    let vectors = vectors();
    assert_eq!(vectors.len(), 34);
    for path in vectors {
        let mut signed = read(&path);
        if path.file_stem().unwrap() == MISPRINT {
            assert_eq!(verify(&signed), Err(AuthError::Mismatch));
            correct(&mut signed, &path);
        }
        assert_eq!(verify(&signed), Ok(()), "{}", path.display());
        signed.body.push(b'!');
        assert_eq!(verify(&signed), Err(AuthError::Mismatch), "{}", path.display());
    }
}

/// The signer gives the published header for the vectors that sign all that they have.
#[test]
fn our_signatures_are_the_published_ones() {
    let secret = SecretKey::new(SECRET);
    let signer = Signer {
        access_key_id: "AKIDEXAMPLE",
        secret: &secret,
        session_token: None,
        region: "us-east-1",
        service: "service",
        now: NOW,
    };
    let mut compared = 0;
    for path in vectors() {
        let mut plain = read(&path);
        if token(&plain).is_some() {
            continue;
        }
        let is = |name: &str, header: &str| name.eq_ignore_ascii_case(header);
        plain.headers.retain(|(name, _)| !is(name, "authorization") && !is(name, "x-amz-date"));
        let headers = borrowed(&plain);
        let added = signer.sign(&request(&plain, &headers));
        let published = std::fs::read_to_string(path.with_extension("authz")).unwrap();
        assert_eq!(added.last().unwrap().1, published.trim(), "{}", path.display());
        compared += 1;
    }
    assert_eq!(compared, 31);
}

fn correct(signed: &mut Parsed, path: &Path) {
    let header = signed.headers.iter_mut().find(|(name, _)| name == "Authorization").unwrap();
    header.1 = std::fs::read(path.with_extension("authz")).unwrap();
}

fn verify(signed: &Parsed) -> Result<(), AuthError> {
    let session = token(signed).map(|token| Session {
        token: Sensitive::new(token),
        expires: Time::from_epoch_s(NOW.epoch_s() + 1),
    });
    let key = Key { secret: SecretKey::new(SECRET), session };
    let keys = |id: &str| (id == "AKIDEXAMPLE").then(|| key.clone());
    let serves_region = |region: &str| region == "us-east-1";
    let expectation = Expectation { service: "service", serves_region: &serves_region, now: NOW };
    let headers = borrowed(signed);
    let request = request(signed, &headers);
    Claim::parse(&request)?.verify(&request, &expectation, &keys).map(|_| ())
}

fn token(parsed: &Parsed) -> Option<String> {
    let is_token = |name: &str| name.eq_ignore_ascii_case("x-amz-security-token");
    let header = parsed.headers.iter().find(|(name, _)| is_token(name))?;
    Some(String::from_utf8(header.1.clone()).unwrap())
}

fn borrowed(parsed: &Parsed) -> Vec<(&str, &[u8])> {
    parsed.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect()
}

fn request<'a>(parsed: &'a Parsed, headers: &'a [(&'a str, &'a [u8])]) -> Request<'a> {
    Request {
        method: &parsed.method,
        path: &parsed.path,
        query: &parsed.query,
        headers,
        body: &parsed.body,
    }
}

fn vectors() -> Vec<PathBuf> {
    let mut found = Vec::new();
    collect(&fixtures::path("tests/unit/auth/aws4_testsuite"), &mut found);
    found.sort();
    found
}

fn collect(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "sreq") {
            found.push(path);
        }
    }
}

fn read(path: &Path) -> Parsed {
    let text = String::from_utf8(std::fs::read(path).unwrap()).unwrap().replace('\r', "");
    let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
    let mut lines = head.lines();
    // The target may hold spaces, so the method and the version are cut off its ends.
    let (method, rest) = lines.next().unwrap().split_once(' ').unwrap();
    let (target, _version) = rest.rsplit_once(' ').unwrap();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut headers: Vec<(String, Vec<u8>)> = Vec::new();
    for line in lines {
        if line.starts_with(' ') {
            headers.last_mut().unwrap().1.extend_from_slice(line.as_bytes());
            continue;
        }
        let (name, value) = line.split_once(':').unwrap();
        headers.push((name.to_owned(), value.as_bytes().to_vec()));
    }
    Parsed {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers,
        body: body.as_bytes().to_vec(),
    }
}
