//! Responses: the published result encodes to the published document.
//!
//! Documents are compared as trees: white space between elements, the way an instant is written,
//! and the order of a map's entries do not count; everything else does, namespaces included.
//!
//! Invariant: no case is ignored.

use serde_json::Value as Json;
use weir_wire::protocol::Protocol;
use weir_wire::schema::{ErrorFacts, Fault, Kind, Schema};
use weir_wire::time::Time;

use crate::xml::{self, Element};
use crate::{fixtures, model};

#[test]
fn aws_query() {
    assert_eq!(run("query", Protocol::AwsQuery), 38);
}

#[test]
fn ec2_query() {
    assert_eq!(run("ec2", Protocol::Ec2Query), 29);
}

fn run(name: &str, protocol: Protocol) -> usize {
    let mut passed = 0;
    let mut failures = Vec::new();
    let file = fixtures::json(&format!("tests/unit/protocols/output/{name}.json"));
    for suite in file.as_array().unwrap() {
        for case in suite["cases"].as_array().unwrap() {
            let outcome = match case.get("error") {
                Some(error) => check_error(suite, case, error, protocol),
                None => check_result(suite, case, protocol),
            };
            match outcome {
                Ok(()) => passed += 1,
                Err(reason) => failures.push(format!("{}: {reason}", case["id"])),
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    passed
}

fn check_result(suite: &Json, case: &Json, protocol: Protocol) -> Result<(), String> {
    let schema = model::schema(suite, protocol);
    let operation = model::operation(schema, &case["given"]);
    let output = match operation.output {
        Some(shape) => model::value(schema, shape, &case["result"]),
        None => weir_wire::value::Value::Null,
    };
    let reply = protocol.encode(schema, &operation, &output, "id").unwrap();
    assert_eq!(u64::from(reply.status), case["response"]["status_code"]);
    let mut ours = xml::parse(std::str::from_utf8(&reply.body).unwrap());
    assert_eq!(ours.name, format!("{}Response", operation.name));
    strip_request_id(&mut ours, protocol);

    let body = case["response"]["body"].as_str().unwrap_or_default();
    if body.is_empty() {
        // The file leaves out what an operation without output has.
        let result = &ours.children[0];
        assert_eq!(result.name, format!("{}Result", operation.name));
        return if result.children.is_empty() { Ok(()) } else { Err(format!("{result:?}")) };
    }
    let mut theirs = xml::parse(body);
    theirs.remove("requestId");
    if operation.output.is_none() {
        ours.remove("return");
    }
    compare(schema, ours, theirs)
}

/// Our documents always name the request, in the place where AWS does.
fn strip_request_id(ours: &mut Element, protocol: Protocol) {
    match protocol {
        Protocol::AwsQuery => {
            let metadata = ours.children.last().unwrap();
            assert_eq!(metadata.name, "ResponseMetadata");
            assert_eq!(metadata.child_text("RequestId"), Some("id"));
            ours.remove("ResponseMetadata");
        }
        _ => {
            assert_eq!(ours.child_text("requestId"), Some("id"));
            ours.remove("requestId");
        }
    }
}

fn check_error(suite: &Json, case: &Json, error: &Json, protocol: Protocol) -> Result<(), String> {
    let schema = model::schema(suite, protocol);
    let shape = model::id(schema, case["given"]["errors"][0]["shape"].as_str().unwrap());
    let facts = ErrorFacts {
        code: String::leak(case["errorCode"].as_str().unwrap().to_owned()),
        status: case["response"]["status_code"].as_u64().unwrap().try_into().unwrap(),
        fault: Fault::Sender,
    };
    let mut theirs = xml::parse(case["response"]["body"].as_str().unwrap());
    let message = error_element(&theirs).child_text("Message").unwrap_or_default().to_owned();
    let mut details = error.clone();
    details.as_object_mut().unwrap().remove("Message");
    let details = model::value(schema, shape, &details);
    let reply = protocol
        .encode_error_with(schema, &facts.because(message.clone()), (shape, &details), "foo-id")
        .unwrap();
    assert_eq!(reply.status, facts.status);
    let mut ours = xml::parse(std::str::from_utf8(&reply.body).unwrap());
    // The files leave the namespace out, and one of them the message.
    ours.attributes.clear();
    theirs.attributes.clear();
    if message.is_empty() {
        ours.children[0].remove("Message");
    }
    compare(schema, ours, theirs)
}

fn error_element(document: &Element) -> &Element {
    let first = &document.children[0];
    if first.name == "Errors" { &first.children[0] } else { first }
}

fn compare(schema: &Schema, mut ours: Element, mut theirs: Element) -> Result<(), String> {
    unify_instants(&mut ours);
    unify_instants(&mut theirs);
    if schema.shapes.iter().any(|shape| matches!(shape.kind, Kind::Map(_))) {
        ours.sort();
        theirs.sort();
    }
    // Members come in the order of the model, which the runtime schema does not keep.
    ours.sort_members();
    theirs.sort_members();
    if ours == theirs { Ok(()) } else { Err(format!("\n ours   {ours:?}\n theirs {theirs:?}")) }
}

fn unify_instants(element: &mut Element) {
    let is_date = element.text.len() > 10 && element.text.as_bytes()[4] == b'-';
    if is_date && let Some(time) = Time::parse(&element.text) {
        element.text = time.iso8601();
    }
    element.children.iter_mut().for_each(unify_instants);
}
