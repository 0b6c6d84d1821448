//! Responses of the JSON and CBOR protocols: what is published is what we would write.
//!
//! Both sides are compared as documents, so spaces, the order of members and the length forms of
//! CBOR do not count; kinds of values do.
//!
//! Invariant: [`IGNORED`] may only shrink; a test fails when a listed case is gone.

use serde_json::Value as Json;
use weir_wire::base64;
use weir_wire::document::{Document, cbor, json};
use weir_wire::error::ApiError;
use weir_wire::protocol::Protocol;
use weir_wire::schema::{ErrorFacts, Schema};

use crate::{fixtures, model};

/// Cases that say how a client reads, not how a server writes, each with its reason.
const IGNORED: &[(&str, &str)] = &[
    ("DateTimeWith", "offsets and fractions of text that we do not write"),
    ("handles_unexpected_json_output", "members that are not in the model"),
    ("HandlesUnexpectedJsonOutput", "the same"),
    ("DeserializeIgnoreType", "the same"),
    ("ExtraFieldsInTheBody", "the same"),
    ("FooErrorUsing", "other places of the code than ours"),
    ("FooErrorWithDunderTypeAnd", "a code with a namespace"),
    ("FooErrorWithDunderTypeUri", "the same"),
    ("DeserializeAllowNulls", "null members; ours are absent"),
    ("DeserializeNullValues", "the same"),
    ("DeserializeNullStructureValues", "the same"),
    ("MapAndSkipsNull", "the same"),
    ("PayloadWithUnsetUnion", "the same"),
    ("responds_with_no_payload", "no body at all; ours is an empty document"),
    ("RespondsWithNoPayload", "the same"),
    ("parses_operations_with_empty_json_bodies", "the same"),
    ("parses_the_request_id_from_the_response", "the same"),
    ("PutAndGetInlineDocumentsInput", "free-form documents: no service here has any"),
    ("NoOutputClientAllows", "a body where there is no output"),
    ("empty_output_no_body", "no body at all; ours is an empty document"),
    ("Float16", "short floating point numbers; ours are long"),
    ("UpcastingData", "the same"),
    ("_timestamps", "lists of formats that the published values lose"),
];

#[test]
fn aws_json_1_0() {
    assert!(run("json_1_0", Protocol::AwsJson10) >= 18);
}

#[test]
fn aws_json_1_1() {
    assert!(run("json", Protocol::AwsJson11) >= 38);
}

#[test]
fn rpc_v2_cbor() {
    assert!(run("smithy-rpc-v2-cbor", Protocol::RpcV2Cbor) >= 19);
}

#[test]
fn ignored_cases_still_exist() {
    let files = ["json_1_0", "json", "smithy-rpc-v2-cbor"];
    let text = files.map(|name| fixtures::json(&file(name)).to_string()).concat();
    for (case, _) in IGNORED {
        assert!(text.contains(case), "{case} is gone: take it off the list");
    }
}

fn file(name: &str) -> String {
    format!("tests/unit/protocols/output/{name}.json")
}

fn run(name: &str, protocol: Protocol) -> usize {
    let mut passed = 0;
    let mut failures = Vec::new();
    for suite in fixtures::json(&file(name)).as_array().unwrap() {
        for case in suite["cases"].as_array().unwrap() {
            let id = case["id"].as_str().unwrap();
            if IGNORED.iter().any(|(ignored, _)| id.contains(ignored)) {
                continue;
            }
            match check(suite, case, protocol) {
                Ok(()) => passed += 1,
                Err(reason) => failures.push(format!("{id}: {reason}")),
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    passed
}

fn check(suite: &Json, case: &Json, protocol: Protocol) -> Result<(), String> {
    let schema = model::schema(suite, protocol);
    let reply = match case.get("error") {
        Some(error) => refused(schema, case, error, protocol),
        None => {
            let operation = model::operation(schema, &case["given"]);
            let output = match operation.output {
                Some(shape) => model::value(schema, shape, &case["result"]),
                None => weir_wire::value::Value::Null,
            };
            protocol.encode(schema, &operation, &output, "id").unwrap()
        }
    };
    assert_eq!(u64::from(reply.status), case["response"]["status_code"]);
    let theirs = case["response"]["body"].as_str().unwrap_or_default();
    let theirs = match protocol {
        Protocol::RpcV2Cbor => base64::decode(theirs).unwrap(),
        _ => theirs.as_bytes().to_vec(),
    };
    let (ours, theirs) = (shown(&reply.body, protocol), shown(&theirs, protocol));
    if ours == theirs { Ok(()) } else { Err(format!("\n ours   {ours}\n theirs {theirs}")) }
}

fn refused(
    schema: &Schema,
    case: &Json,
    error: &Json,
    protocol: Protocol,
) -> weir_wire::protocol::Reply {
    let shape = model::id(schema, case["given"]["errors"][0]["shape"].as_str().unwrap());
    let status = case["response"]["status_code"].as_u64().unwrap().try_into().unwrap();
    let code = String::leak(case["errorCode"].as_str().unwrap().to_owned());
    let message = case["errorMessage"].as_str().unwrap_or_default();
    let mut details = error.clone();
    details.as_object_mut().unwrap().remove("Message");
    let details = model::value(schema, shape, &details);
    let error = ApiError::new(ErrorFacts::sender(code, status), message);
    protocol.encode_error_with(schema, &error, (shape, &details), "id").unwrap()
}

/// A document as text that does not depend on the order of members.
fn shown(bytes: &[u8], protocol: Protocol) -> String {
    if bytes.is_empty() {
        return String::new();
    }
    let document = match protocol {
        Protocol::RpcV2Cbor => cbor::parse(bytes).unwrap(),
        _ => json::parse(bytes).unwrap(),
    };
    let mut out = String::new();
    show(&document, &mut out);
    out
}

fn show(document: &Document, out: &mut String) {
    match document {
        Document::Null => out.push_str("null"),
        Document::Bool(flag) => out.push_str(&flag.to_string()),
        // A whole number may be written as either.
        Document::I64(number) => out.push_str(&(*number as f32).to_string()),
        // The reader of the published results rounds the last digit.
        Document::F64(number) => out.push_str(&(*number as f32).to_string()),
        Document::Text(text) => out.push_str(&format!("{text:?}")),
        Document::Bytes(bytes) => out.push_str(&format!("bytes {bytes:?}")),
        Document::Time(time) => out.push_str(&format!("time {}", time.epoch_us)),
        Document::List(items) => {
            out.push('[');
            items.iter().for_each(|item| {
                show(item, out);
                out.push(',');
            });
            out.push(']');
        }
        Document::Map(entries) => {
            let name = |key: &str| key.replace("Message", "message");
            let mut sorted: Vec<_> = entries.iter().map(|(key, one)| (name(key), one)).collect();
            sorted.sort_by(|a, b| a.0.cmp(&b.0));
            out.push('{');
            for (key, item) in sorted {
                // The message of an error has a name of its own, and may be missing.
                if key.eq_ignore_ascii_case("message") && *item == Document::Text(String::new()) {
                    continue;
                }
                out.push_str(&key);
                out.push(':');
                match item {
                    // A code may have a namespace, which clients cut off.
                    Document::Text(code) if key == "__type" => {
                        out.push_str(code.rsplit('#').next().unwrap_or_default());
                    }
                    _ => show(item, out),
                }
                out.push(',');
            }
            out.push('}');
        }
    }
}
