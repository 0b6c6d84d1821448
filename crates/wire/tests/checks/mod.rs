//! What must hold for every form and every signed request, as functions that panic when it does
//! not. The fuzz targets include this file by its path; `corpus.rs` replays their inputs.
//!
//! Invariant: decoding is total; nothing unsigned is ever verified.

use weir_wire::form::Form;
use weir_wire::generated::elbv2;
use weir_wire::http1::{RequestHead, Scan, Status, request};
use weir_wire::protocol::{Call, Protocol};
use weir_wire::request::Request;
use weir_wire::sigv4::{Claim, Expectation, Key, SecretKey};

/// A form body: pairs are sorted and found by their names, lists and structures decode or are
/// refused.
pub fn query(data: &[u8]) {
    let Ok(form) = Form::parse(b"", data) else { return };
    assert_eq!(form.pairs().count(), form.len());
    for (name, value) in form.pairs() {
        assert_eq!(form.value(name), Some(value));
    }
    let _ = form.numbered(form.root());
    for protocol in [Protocol::AwsQuery, Protocol::Ec2Query] {
        let request = Request { method: "POST", path: "/", query: "", headers: &[], body: data };
        let Ok(call) = Call::open(protocol, &request) else { continue };
        if let Some(operation) = elbv2::Operation::from_name(call.action()) {
            let _ = call.decode(&elbv2::SCHEMA, operation.facts());
        }
    }
}

/// An HTTP request as text: its claim is read and held against one key. A claim that holds names
/// the key that we know.
pub fn sigv4(data: &[u8]) {
    let (mut scan, mut head) = (Scan::default(), RequestHead::default());
    let Ok(Status::Complete { head_len }) = request::parse(data, &mut scan, &mut head) else {
        return;
    };
    let (Ok(method), Ok(target)) =
        (std::str::from_utf8(head.method.of(data)), std::str::from_utf8(head.target.of(data)))
    else {
        return;
    };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let fields = head.fields.as_slice().iter();
    let headers: Vec<_> = fields
        .filter_map(|field| {
            let name = std::str::from_utf8(field.name(data)).ok()?;
            Some((name, field.value(data)))
        })
        .collect();
    let request = Request { method, path, query, headers: &headers, body: &data[head_len..] };
    let Ok(claim) = Claim::parse(&request) else { return };
    let now = claim.signed_at;
    let expectation = Expectation {
        service: "elasticloadbalancing",
        serves_region: &|region| region == "us-east-1",
        now,
    };
    let keys = |id: &str| {
        (id == "AKIDEXAMPLE").then(|| Key::long_term(SecretKey::new("wJalrXUtnFEMI/K7MDENG")))
    };
    if let Ok(verified) = claim.verify(&request, &expectation, &keys) {
        assert_eq!(verified.access_key_id, "AKIDEXAMPLE");
        assert_eq!(verified.signed_at, now);
    }
}
