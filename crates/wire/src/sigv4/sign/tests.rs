//! Signing against verifying: what holds, and every way in which it does not.
//!
//! Invariant: each test changes one thing of a request that verifies.

use proptest::prelude::*;

use super::super::{AuthError, Claim, Expectation, Key, Session};
use super::*;
use crate::protocol::Family;
use crate::value::Sensitive;

const NOW: Time = Time::from_epoch_s(1_440_938_160);
const HOST: (&str, &[u8]) = ("Host", b"127.0.0.1:4566");
const SERVICE: &str = "elasticloadbalancing";

/// Almost an `Authorization` header.
const HOSTILE_HEADER: &str = "(AWS4-HMAC-SHA256 )?\
    ((Credential|SignedHeaders|Signature)=[a-z0-9/;=]{0,20},? ?){0,4}.{0,10}";

/// Almost the query of a presigned request.
const HOSTILE_QUERY: &str = "((X-Amz-(Algorithm|Credential|Date|Expires|SignedHeaders|Signature|\
    Security-Token))=[A-Z0-9a-z/%;-]{0,20}&){0,7}";

fn secret() -> SecretKey {
    SecretKey::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
}

fn signer(secret: &SecretKey) -> Signer<'_> {
    Signer {
        access_key_id: "AKID",
        secret,
        session_token: None,
        region: "us-east-1",
        service: SERVICE,
        now: NOW,
    }
}

fn post<'a>(headers: &'a [(&'a str, &'a [u8])], body: &'a [u8]) -> Request<'a> {
    Request { method: "POST", path: "/", query: "", headers, body }
}

fn keys(id: &str) -> Option<Key> {
    match id {
        "AKID" => Some(Key::long_term(secret())),
        "ASIA" => Some(Key {
            secret: secret(),
            session: Some(Session {
                token: Sensitive::new("token"),
                expires: Time::from_epoch_s(NOW.epoch_s() + 60),
            }),
        }),
        _ => None,
    }
}

fn verify_at(request: &Request<'_>, now: Time) -> Result<String, AuthError> {
    let serves_region = |region: &str| region == "us-east-1";
    let expectation = Expectation { service: SERVICE, serves_region: &serves_region, now };
    let verified = Claim::parse(request)?.verify(request, &expectation, &keys)?;
    Ok(verified.access_key_id)
}

/// Signs a POST, lets `change` spoil it, verifies it.
fn after(
    signer: &Signer<'_>,
    now: Time,
    change: impl Fn(&mut Vec<(&'static str, String)>, &mut Vec<u8>),
) -> Result<String, AuthError> {
    let mut body = b"Action=DescribeLoadBalancers".to_vec();
    let mut added = signer.sign(&post(&[HOST], &body));
    change(&mut added, &mut body);
    let mut headers = vec![HOST];
    headers.extend(added.iter().map(|(name, value)| (*name, value.as_bytes())));
    verify_at(&post(&headers, &body), now)
}

fn message(error: AuthError) -> String {
    error.refusal(Family::Query).to_string()
}

fn later(seconds: i64) -> Time {
    Time::from_epoch_s(NOW.epoch_s() + seconds)
}

#[test]
fn what_is_signed_verifies() {
    let secret = secret();
    let signer = signer(&secret);
    assert_eq!(after(&signer, NOW, |_, _| {}).unwrap(), "AKID");
    let session = Signer { access_key_id: "ASIA", session_token: Some("token"), ..signer };
    assert_eq!(after(&session, NOW, |_, _| {}).unwrap(), "ASIA");
}

#[test]
fn credentials_missing_or_incomplete() {
    let secret = secret();
    let signer = signer(&secret);
    let missing = after(&signer, NOW, |added, _| added.clear()).unwrap_err();
    assert_eq!(
        message(missing),
        "MissingAuthenticationToken (403): Request is missing Authentication Token"
    );
    let partial = |text: &'static str| {
        let change = move |added: &mut Vec<(&'static str, String)>, _: &mut Vec<u8>| {
            *added = vec![("Authorization", text.to_owned())];
        };
        message(after(&signer, NOW, change).unwrap_err())
    };
    let error = partial("AWS4-HMAC-SHA256 Credential=a/b/c/d/e");
    assert!(error.starts_with(
        "IncompleteSignature (400): Authorization header requires 'Signature' parameter. \
         Authorization header requires 'SignedHeaders' parameter. Authorization header requires \
         existence of either a 'X-Amz-Date' or a 'Date' header. "
    ));
    assert!(error.contains("Authorization="));
    let basic = partial("Basic dXNlcjpwYXNzd29yZA==");
    assert_eq!(basic, "IncompleteSignature (400): Unsupported AWS 'algorithm': 'Basic'.");
}

#[test]
fn keys_and_tokens() {
    let secret = secret();
    let signer = signer(&secret);
    let invalid =
        "InvalidClientTokenId (403): The security token included in the request is invalid.";
    let stranger = Signer { access_key_id: "NOBODY", ..signer };
    assert_eq!(message(after(&stranger, NOW, |_, _| {}).unwrap_err()), invalid);
    for (id, token) in [("AKID", Some("token")), ("ASIA", Some("other")), ("ASIA", None)] {
        let signer = Signer { access_key_id: id, session_token: token, ..signer };
        assert_eq!(message(after(&signer, NOW, |_, _| {}).unwrap_err()), invalid);
    }
    let ended = Signer { access_key_id: "ASIA", session_token: Some("token"), ..signer };
    assert_eq!(
        message(after(&ended, later(60), |_, _| {}).unwrap_err()),
        "ExpiredToken (403): The security token included in the request is expired"
    );
}

#[test]
fn scopes() {
    let secret = secret();
    let elsewhere = Signer { region: "moon-1", service: "ec2", ..signer(&secret) };
    let error = after(&elsewhere, NOW, |_, _| {}).unwrap_err();
    assert_eq!(
        message(error.clone()),
        "SignatureDoesNotMatch (403): Credential should be scoped to a valid region. Credential \
         should be scoped to correct service: 'elasticloadbalancing'. "
    );
    assert_eq!(error.refusal(Family::Ec2).facts.code, "AuthFailure");
    assert_eq!(error.refusal(Family::Json).facts.code, "InvalidSignatureException");
    let other_day = after(&signer(&secret), NOW, |added, _| {
        added[0].1 = later(86_400).basic();
    });
    assert!(message(other_day.unwrap_err()).contains("Date in Credential scope does not match"));
}

#[test]
fn skew_is_fifteen_minutes_either_way() {
    let secret = secret();
    let signer = signer(&secret);
    assert!(after(&signer, later(900), |_, _| {}).is_ok());
    assert!(after(&signer, later(-900), |_, _| {}).is_ok());
    let expired = after(&signer, later(901), |_, _| {}).unwrap_err();
    assert_eq!(
        message(expired.clone()),
        "SignatureDoesNotMatch (403): Signature expired: 20150830T123600Z is now earlier than \
         20150830T123601Z (20150830T125101Z - 15 min.)"
    );
    assert_eq!(
        expired.refusal(Family::Ec2).to_string(),
        "RequestExpired (400): Request has expired."
    );
    assert_eq!(
        message(after(&signer, later(-901), |_, _| {}).unwrap_err()),
        "SignatureDoesNotMatch (403): Signature not yet current: 20150830T123600Z is still later \
         than 20150830T123559Z (20150830T122059Z + 15 min.)"
    );
}

#[test]
fn anything_changed_is_a_mismatch() {
    let secret = secret();
    let signer = signer(&secret);
    let body = after(&signer, NOW, |_, body| body.push(b'x'));
    assert_eq!(body.unwrap_err(), AuthError::Mismatch);
    let digit = after(&signer, NOW, |added, _| {
        let flipped = if added[1].1.ends_with('0') { '1' } else { '0' };
        added[1].1.pop();
        added[1].1.push(flipped);
    });
    assert_eq!(digit.unwrap_err(), AuthError::Mismatch);
    let short = after(&signer, NOW, |added, _| {
        added[1].1.pop();
    });
    assert_eq!(short.unwrap_err(), AuthError::Mismatch);
    let other = SecretKey::new("other");
    let wrong = Signer { secret: &other, ..signer };
    assert_eq!(after(&wrong, NOW, |_, _| {}).unwrap_err(), AuthError::Mismatch);
    let unsigned = after(&signer, NOW, |added, _| {
        added[1].1 = added[1].1.replace("host;", "");
    });
    assert_eq!(unsigned.unwrap_err(), AuthError::Unsigned("host"));
}

#[test]
fn presigned_requests() {
    let secret = secret();
    let signer = signer(&secret);
    let headers = [HOST];
    let plain = Request {
        method: "GET",
        path: "/",
        query: "Action=DescribeLoadBalancers&Version=2015-12-01",
        headers: &headers,
        body: b"",
    };
    let query = signer.presign(&plain, 3600);
    let request = Request { query: &query, ..plain };
    assert_eq!(verify_at(&request, later(3600)).unwrap(), "AKID");
    let expired = verify_at(&request, later(3601)).unwrap_err();
    assert!(message(expired).contains("- 60 min.)"));
    let more = format!("{query}&LoadBalancerArns.member.1=x");
    assert_eq!(verify_at(&Request { query: &more, ..plain }, NOW), Err(AuthError::Mismatch));
    let twice = format!("{query}&X-Amz-Date=x");
    let error = verify_at(&Request { query: &twice, ..plain }, NOW).unwrap_err();
    assert_eq!(message(error), "IncompleteSignature (400): X-Amz-Date is given twice.");
    let long = signer.presign(&plain, 604_801);
    let error = verify_at(&Request { query: &long, ..plain }, NOW).unwrap_err();
    assert!(message(error).contains("X-Amz-Expires must be between"));
}

proptest! {
    #[test]
    fn any_request_round_trips(
        path in "/[ -~]{0,20}",
        query in "[ -%'-~&]{0,30}",
        value in "[ -~]{0,20}",
        body in proptest::collection::vec(any::<u8>(), 0..50),
    ) {
        let secret = secret();
        let mut headers = vec![HOST, ("X-Custom", value.as_bytes())];
        let unsigned = headers.clone();
        let request =
            Request { method: "PUT", path: &path, query: &query, headers: &unsigned, body: &body };
        let added = signer(&secret).sign(&request);
        headers.extend(added.iter().map(|(name, value)| (*name, value.as_bytes())));
        let request = Request { headers: &headers, ..request };
        prop_assume!(!query.contains("X-Amz-"));
        prop_assert_eq!(verify_at(&request, NOW), Ok("AKID".to_owned()));
    }

    #[test]
    fn hostile_credentials_never_panic(
        authorization in HOSTILE_HEADER,
        query in HOSTILE_QUERY,
        date in "[0-9TZ]{0,16}",
    ) {
        let authorization = ("Authorization", authorization.as_bytes());
        let headers = [HOST, authorization, ("X-Amz-Date", date.as_bytes())];
        let _ = verify_at(&post(&headers, b""), NOW);
        let presigned = Request { method: "GET", query: &query, ..post(&headers[..1], b"") };
        let _ = verify_at(&presigned, NOW);
    }
}
