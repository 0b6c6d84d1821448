//! What must hold for every form and every signed request, as functions that panic when it does
//! not. The fuzz targets include this file by its path; `corpus.rs` replays their inputs.
//!
//! Invariant: decoding is total; nothing unsigned is ever verified.

use weir_wire::document::{cbor, json};
use weir_wire::form::Form;
use weir_wire::generated::{acm, elbv2, resourcegroupstaggingapi as tagging};
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
        let Ok(call) = Call::open(&elbv2::SCHEMA, protocol, &request) else { continue };
        if let Some(operation) = elbv2::Operation::from_name(call.action()) {
            let _ = call.decode(&elbv2::SCHEMA, operation.facts());
        }
    }
}

/// A JSON body, or a CBOR body: what is read is written and read again the same, and decodes as the
/// input of every operation or is refused.
pub fn document(data: &[u8]) {
    for (protocol, parse, write) in [
        (Protocol::AwsJson11, json::parse as fn(&[u8]) -> _, json::write as fn(&_) -> _),
        (Protocol::RpcV2Cbor, cbor::parse, cbor::write),
    ] {
        if let Ok(document) = parse(data) {
            let written = write(&document);
            let again = parse(&written).expect("what is written can be read");
            // Compared as bytes, because NaN is not equal to itself.
            assert_eq!(write(&again), written);
        }
        for schema in [&acm::SCHEMA, &tagging::SCHEMA] {
            for operation in schema.operations {
                let target = format!("{}.{}", schema.target_prefix, operation.name);
                let headers: [(&str, &[u8]); 1] = [("x-amz-target", target.as_bytes())];
                let path =
                    format!("/service/{}/operation/{}", schema.target_prefix, operation.name);
                let path = if protocol == Protocol::RpcV2Cbor { &path } else { "/" };
                let request =
                    Request { method: "POST", path, query: "", headers: &headers, body: data };
                let call = Call::open(schema, protocol, &request).expect("it names an operation");
                let _ = call.decode(schema, operation);
            }
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
