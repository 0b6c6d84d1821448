//! Requests: the published body decodes to the published parameters.
//!
//! Invariant: [`IGNORED`] may only shrink; a test fails when a listed case is gone.

use serde_json::Value as Json;
use weir_wire::base64;
use weir_wire::protocol::{Call, Protocol};
use weir_wire::request::Request;

use crate::{fixtures, model};

/// Cases that say nothing about a server's decoder, each with its reason.
const IGNORED: &[(&str, &str)] = &[
    ("SDKAppliedContentEncoding_awsQuery", "no body in the file; compressed requests are refused"),
    ("SDKAppendsGzipAndIgnoresHttpProvidedEncoding_awsQuery", "the same"),
    ("SDKAppliedContentEncoding_ec2Query", "the same"),
    ("SDKAppendsGzipAndIgnoresHttpProvidedEncoding_ec2Query", "the same"),
    ("QueryProtocolIdempotencyTokenAutoFill", "the client adds a token that params lack"),
    ("Ec2ProtocolIdempotencyTokenAutoFill", "the same"),
    ("SDKAppliedContentEncoding_awsJson1_0", "the same"),
    ("SDKAppendsGzipAndIgnoresHttpProvidedEncoding_awsJson1_0", "the same"),
    ("SDKAppliedContentEncoding_awsJson1_1", "the same"),
    ("SDKAppendsGzipAndIgnoresHttpProvidedEncoding_awsJson1_1", "the same"),
    ("PutAndGetInlineDocumentsInput", "free-form documents: no service here has any"),
    ("serializes_string_shapes_with_jsonvalue_trait", "JSON within text is text to us"),
    ("QueryEmptyQueryMaps", "an empty map is not on the wire, so it decodes as absent"),
    ("Ec2EmptyQueryLists", "an empty list is not on the wire in ec2Query"),
];

#[test]
fn aws_query() {
    assert_eq!(run("query", Protocol::AwsQuery), 38 - 4);
}

#[test]
fn ec2_query() {
    assert_eq!(run("ec2", Protocol::Ec2Query), 29 - 4);
}

#[test]
fn aws_json_1_0() {
    assert_eq!(run("json_1_0", Protocol::AwsJson10), 21 - 2);
}

#[test]
fn aws_json_1_1() {
    assert_eq!(run("json", Protocol::AwsJson11), 54 - 4);
}

#[test]
fn rpc_v2_cbor() {
    assert_eq!(run("smithy-rpc-v2-cbor", Protocol::RpcV2Cbor), 15);
}

#[test]
fn ignored_cases_still_exist() {
    let text = ["query", "ec2", "json_1_0", "json"]
        .map(|name| fixtures::json(&file(name)).to_string())
        .concat();
    for (case, _) in IGNORED {
        assert!(text.contains(&format!("\"{case}\"")), "{case} is gone: take it off the list");
    }
}

fn file(name: &str) -> String {
    format!("tests/unit/protocols/input/{name}.json")
}

/// Runs a file; gives how many cases passed.
fn run(name: &str, protocol: Protocol) -> usize {
    let mut passed = 0;
    let mut failures = Vec::new();
    for suite in fixtures::json(&file(name)).as_array().unwrap() {
        for case in suite["cases"].as_array().unwrap() {
            let name = case["id"].as_str().unwrap();
            if IGNORED.iter().any(|(ignored, _)| *ignored == name) {
                continue;
            }
            match check(suite, case, protocol) {
                Ok(()) => passed += 1,
                Err(reason) => failures.push(format!("{name}: {reason}")),
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    passed
}

fn check(suite: &Json, case: &Json, protocol: Protocol) -> Result<(), String> {
    let schema = model::schema(suite, protocol);
    let operation = model::operation(schema, &case["given"]);
    let body = case["serialized"]["body"].as_str().unwrap_or_default();
    let body = match protocol {
        Protocol::RpcV2Cbor => base64::decode(body).unwrap(),
        _ => body.as_bytes().to_vec(),
    };
    // Suites whose host prefix or path is what they test give no target.
    let target = format!("{}.{}", schema.target_prefix, operation.name);
    let headers: [(&str, &[u8]); 1] = [("x-amz-target", target.as_bytes())];
    if let Some(published) = case["serialized"]["headers"]["X-Amz-Target"].as_str() {
        assert_eq!(published, target);
    }
    let path = match protocol {
        Protocol::RpcV2Cbor => case["serialized"]["uri"].as_str().unwrap(),
        _ => "/",
    };
    let request = Request { method: "POST", path, query: "", headers: &headers, body: &body };
    let call = Call::open(schema, protocol, &request).map_err(|error| error.to_string())?;
    assert_eq!(call.action(), operation.name);
    if matches!(protocol, Protocol::AwsQuery | Protocol::Ec2Query) {
        assert_eq!(call.version(), Some(schema.api_version));
    }
    let decoded = call.decode(schema, &operation).map_err(|error| error.to_string())?;
    let Some(input) = operation.input else {
        return Ok(());
    };
    // As text, because NaN is not equal to itself.
    let expected = format!("{:?}", model::value(schema, input, &case["params"]));
    let decoded = format!("{decoded:?}");
    if decoded == expected { Ok(()) } else { Err(format!("{decoded} is not {expected}")) }
}
