//! Whole documents, byte for byte, and what a caller is told when a message is not understood.
//!
//! Invariant: the documents follow `docs/spec/control-plane.md` §1.5.

use super::*;
use crate::error::common;
use crate::generated::{
    acm, cloudtrail, ec2, elbv2, resourcegroupstaggingapi as tagging, shield, sts,
};
use crate::schema::ErrorFacts;
use crate::time::Time;
use crate::value::{FromValue, ToValue};

fn post(body: &str) -> Request<'_> {
    Request { method: "POST", path: "/", query: "", headers: &[], body: body.as_bytes() }
}

fn document(reply: &Reply) -> &str {
    std::str::from_utf8(&reply.body).unwrap()
}

// spec: control-plane §1.5 awsQuery wire format
#[test]
fn a_query_answer() {
    let output = elbv2::DescribeLoadBalancersOutput {
        load_balancers: Some(vec![elbv2::LoadBalancer {
            load_balancer_name: Some("a<b".into()),
            created_time: Some(Time { epoch_us: 1_763_828_059_567_000 }),
            security_groups: Some(vec![]),
            ..Default::default()
        }]),
        next_marker: None,
    };
    let operation = elbv2::Operation::DescribeLoadBalancers.facts();
    let reply =
        Protocol::AwsQuery.encode(&elbv2::SCHEMA, operation, &output.to_value(), "id-1").unwrap();
    assert_eq!(
        document(&reply),
        "<DescribeLoadBalancersResponse \
         xmlns=\"http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/\">\
         <DescribeLoadBalancersResult><LoadBalancers><member>\
         <CreatedTime>2025-11-22T16:14:19.567Z</CreatedTime>\
         <LoadBalancerName>a&lt;b</LoadBalancerName><SecurityGroups/>\
         </member></LoadBalancers></DescribeLoadBalancersResult>\
         <ResponseMetadata><RequestId>id-1</RequestId></ResponseMetadata>\
         </DescribeLoadBalancersResponse>"
    );
    assert_eq!(
        reply.headers,
        [("Content-Type", "text/xml".to_owned()), ("x-amzn-RequestId", "id-1".to_owned())]
    );
}

#[test]
fn a_void_query_answer_has_its_wrapper() {
    let operation = elbv2::Operation::DeleteListener.facts();
    let output = elbv2::DeleteListenerOutput::default().to_value();
    let reply = Protocol::AwsQuery.encode(&elbv2::SCHEMA, operation, &output, "id").unwrap();
    assert!(document(&reply).contains("><DeleteListenerResult/><ResponseMetadata>"));
}

#[test]
fn ec2_answers() {
    let output = ec2::DescribeRegionsResult {
        regions: Some(vec![ec2::Region {
            region_name: Some("us-east-1".into()),
            ..Default::default()
        }]),
    };
    let protocol = Protocol::Ec2Query;
    let operation = ec2::Operation::DescribeRegions.facts();
    let reply = protocol.encode(&ec2::SCHEMA, operation, &output.to_value(), "id").unwrap();
    assert_eq!(
        document(&reply),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <DescribeRegionsResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\">\
         <requestId>id</requestId><regionInfo><item><regionName>us-east-1</regionName></item>\
         </regionInfo></DescribeRegionsResponse>"
    );
    let void = ec2::Operation::CreateTags.facts();
    let reply = protocol.encode(&ec2::SCHEMA, void, &Value::Null, "id").unwrap();
    assert!(document(&reply).ends_with("<return>true</return></CreateTagsResponse>"));
}

#[test]
fn errors_of_both_protocols() {
    let error = elbv2::error::LOAD_BALANCER_NOT_FOUND.because("no \"x\"");
    let reply = Protocol::AwsQuery.encode_error(&elbv2::SCHEMA, &error, "id");
    assert_eq!(reply.status, 400);
    assert_eq!(
        document(&reply),
        "<ErrorResponse xmlns=\"http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/\">\
         <Error><Type>Sender</Type><Code>LoadBalancerNotFound</Code>\
         <Message>no &quot;x&quot;</Message></Error><RequestId>id</RequestId></ErrorResponse>"
    );
    let error = common::SERVICE_UNAVAILABLE.because("busy");
    let reply = Protocol::Ec2Query.encode_error(&ec2::SCHEMA, &error, "id");
    assert_eq!(reply.status, 503);
    assert_eq!(
        document(&reply),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error>\
         <Code>ServiceUnavailable</Code><Message>busy</Message></Error></Errors>\
         <RequestID>id</RequestID></Response>"
    );
}

// spec: control-plane §1.7 Common (unmodelled) query errors
#[test]
fn what_cannot_be_understood() {
    let refused = |protocol: Protocol, schema: &Schema, action: &str, body: &str| {
        let decoded = Call::open(schema, protocol, &post(body)).and_then(|call| {
            let operation = schema.operation(action).unwrap();
            call.decode(schema, operation)
        });
        protocol.refuse_input(&decoded.unwrap_err()).to_string()
    };
    let elb = |body: &str| refused(Protocol::AwsQuery, &elbv2::SCHEMA, "CreateListener", body);
    let ec2 = |body: &str| refused(Protocol::Ec2Query, &ec2::SCHEMA, "DescribeVpcs", body);
    assert_eq!(elb("Action="), "MissingAction (400): No action was supplied with this request.");
    assert!(elb("Action=%").starts_with("MalformedQueryString (404): "));
    assert!(ec2("Action=A&Action=B").starts_with("MalformedQueryString (400): "));
    assert!(elb("Action=A&Port=x").starts_with("MalformedInput (400): "));
    assert!(elb(&"a".repeat(2 << 20)).starts_with("RequestEntityTooLarge (413): "));
    assert_eq!(
        ec2("Action=A&MaxResults=x"),
        "InvalidParameterValue (400): Value (x) for parameter MaxResults is invalid. Expecting an \
         integer."
    );
    assert_eq!(
        ec2("Action=A&Vpc=x"),
        "UnknownParameter (400): The parameter Vpc is not recognized"
    );
}

#[test]
fn actions_that_are_not_built() {
    let call = |protocol, body| {
        Call::open(&elbv2::SCHEMA, protocol, &post(body)).unwrap().invalid_action()
    };
    assert_eq!(
        call(Protocol::AwsQuery, "Action=Fly&Version=2015-12-01").to_string(),
        "InvalidAction (400): Could not find operation Fly for version 2015-12-01"
    );
    assert_eq!(
        call(Protocol::Ec2Query, "Action=CreateFleet").to_string(),
        "InvalidAction (400): The action CreateFleet is not valid for this web service."
    );
    assert!(ec2::SCHEMA.knows_action("CreateFleet") && !ec2::SCHEMA.knows_action("Fly"));
    assert!(ec2::Operation::from_name("CreateFleet").is_none());
}

#[test]
fn a_value_of_another_shape_is_an_error_not_a_document() {
    let operation = sts::Operation::GetCallerIdentity.facts();
    let wrong = Protocol::AwsQuery.encode(&sts::SCHEMA, operation, &Value::Bool(true), "id");
    assert_eq!(wrong.unwrap_err().found, "boolean");
}

// spec: alb §0.3 Error codes
#[test]
fn modelled_errors_have_their_wire_codes() {
    assert_eq!(elbv2::SCHEMA.errors.len(), 56);
    let facts = |code| elbv2::SCHEMA.error(code).copied().unwrap();
    assert_eq!(facts("ALPNPolicyNotFound"), ErrorFacts::sender("ALPNPolicyNotFound", 400));
    assert_eq!(facts("PriorRequestNotComplete").status, 429);
    for code in ["HealthUnavailable", "InsufficientCapacity"] {
        assert_eq!(facts(code).status, 500);
    }
    let others = elbv2::SCHEMA.errors.iter().filter(|error| error.status != 400);
    assert_eq!(others.count(), 3);
}

#[test]
fn operations_and_their_names() {
    assert_eq!(elbv2::Operation::ALL.len(), 51);
    assert_eq!(elbv2::SCHEMA.actions.len(), 51);
    assert_eq!(ec2::Operation::ALL.len(), 91);
    assert_eq!(ec2::SCHEMA.actions.len(), 830);
    for operation in elbv2::Operation::ALL {
        assert_eq!(elbv2::Operation::from_name(operation.name()), Some(*operation));
    }
    let schemas = [&elbv2::SCHEMA, &ec2::SCHEMA, &sts::SCHEMA];
    assert!(schemas.iter().all(|schema| schema.actions.is_sorted()));
}

#[test]
fn a_structure_survives_the_tree() {
    let input = elbv2::CreateRuleInput {
        priority: Some(7),
        conditions: Some(vec![elbv2::RuleCondition {
            field: Some("path-pattern".into()),
            values: Some(vec!["/a*".into()]),
            ..Default::default()
        }]),
        actions: Some(vec![]),
        ..Default::default()
    };
    assert_eq!(elbv2::CreateRuleInput::from_value(input.to_value()).unwrap(), input);
}

fn target<'a>(name: &'a [(&'a str, &'a [u8])], body: &'a str) -> Request<'a> {
    Request { headers: name, ..post(body) }
}

#[test]
fn a_json_answer_and_error() {
    let output = cloudtrail::LookupEventsResponse {
        events: Some(vec![cloudtrail::Event {
            event_id: Some("a\"b".into()),
            event_time: Some(Time { epoch_us: 1_763_828_059_567_000 }),
            ..Default::default()
        }]),
        next_token: None,
    };
    let schema = &cloudtrail::SCHEMA;
    let operation = cloudtrail::Operation::LookupEvents.facts();
    let reply = schema.protocol.encode(schema, operation, &output.to_value(), "id-1").unwrap();
    assert_eq!(document(&reply), r#"{"Events":[{"EventId":"a\"b","EventTime":1763828059.567}]}"#);
    let json = ("Content-Type", "application/x-amz-json-1.1".to_owned());
    let id = ("x-amzn-RequestId", "id-1".to_owned());
    assert_eq!(reply.headers, [json.clone(), id.clone()]);

    let error = acm::error::RESOURCE_NOT_FOUND_EXCEPTION.because("gone");
    let reply = acm::SCHEMA.protocol.encode_error(&acm::SCHEMA, &error, "id-1");
    assert_eq!(document(&reply), r#"{"__type":"ResourceNotFoundException","message":"gone"}"#);
    let kind = ("x-amzn-ErrorType", "ResourceNotFoundException".to_owned());
    assert_eq!((reply.status, reply.headers), (400, vec![json, id, kind]));
    // The tagging service capitalises it.
    let error = tagging::error::INVALID_PARAMETER_EXCEPTION.because("bad");
    let reply = tagging::SCHEMA.protocol.encode_error(&tagging::SCHEMA, &error, "id");
    assert_eq!(document(&reply), r#"{"__type":"InvalidParameterException","Message":"bad"}"#);
    assert_eq!(shield::SCHEMA.error("InternalErrorException").unwrap().status, 500);
}

#[test]
fn cbor_replies_say_what_they_are() {
    let schema = &shield::SCHEMA;
    let path = "/service/AWSShield_20160616/operation/GetSubscriptionState";
    let request = Request { path, ..post("") };
    let protocol = Protocol::of(schema, &request);
    assert_eq!(protocol, Protocol::RpcV2Cbor);
    let call = Call::open(schema, protocol, &request).unwrap();
    assert_eq!((call.action(), call.protocol()), ("GetSubscriptionState", protocol));
    let operation = schema.operation(call.action()).unwrap();
    assert_eq!(call.decode(schema, operation), Ok(Value::Struct(Default::default())));
    let state = Some("INACTIVE".to_owned());
    let output = shield::GetSubscriptionStateResponse { subscription_state: state }.to_value();
    let reply = protocol.encode(schema, operation, &output, "id").unwrap();
    assert_eq!(reply.body, b"\xa1\x71SubscriptionState\x68INACTIVE");
    assert!(reply.headers.contains(&("smithy-protocol", "rpc-v2-cbor".to_owned())));
    assert!(reply.headers.contains(&("Content-Type", "application/cbor".to_owned())));
    let other = Request { path: "/service/Other/operation/GetSubscriptionState", ..post("") };
    let refused = Call::open(schema, protocol, &other).unwrap_err();
    assert_eq!(refused, DecodeError::MissingAction);
    assert_eq!(protocol.refuse_input(&refused).facts.code, "UnknownOperationException");
}

#[test]
fn what_json_services_cannot_understand() {
    let header: [(&str, &[u8]); 1] =
        [("x-amz-target", b"CertificateManager.DescribeCertificate".as_slice())];
    let schema = &acm::SCHEMA;
    let refused = |action: &str, body: &str| {
        let call = Call::open(schema, schema.protocol, &target(&header, body)).unwrap();
        let error = call.decode(schema, schema.operation(action).unwrap()).unwrap_err();
        schema.protocol.refuse_input(&error).to_string()
    };
    let s = "SerializationException (400): ";
    for (body, message) in [
        ("{", "unexpected input at byte 1"),
        ("[]", "Start of structure or map is expected."),
        (r#"{"CertificateArn":5}"#, "NUMBER_VALUE cannot be converted to a String"),
        (r#"{"CertificateArn":true}"#, "TRUE_VALUE cannot be converted to a String"),
        (r#"{"CertificateArn":[]}"#, "Start of list found where not expected"),
        (r#"{"CertificateArn":{}}"#, "Start of structure or map found where not expected."),
    ] {
        assert_eq!(refused("DescribeCertificate", body), format!("{s}{message}"));
    }
    for (body, message) in [
        (r#"{"MaxItems":"5"}"#, "STRING_VALUE cannot be converted to an Integer"),
        (r#"{"MaxItems":5.5}"#, "DECIMAL_VALUE cannot be converted to an Integer"),
        (r#"{"CertificateStatuses":"ISSUED"}"#, "Expected list or null"),
        (r#"{"Includes":1}"#, "Expected structure or null"),
    ] {
        assert_eq!(refused("ListCertificates", body), format!("{s}{message}"));
    }
    // A private key is text in base64; what is none is not repeated to the caller.
    assert_eq!(
        refused("ImportCertificate", r#"{"PrivateKey":"hunter2!"}"#),
        format!("{s}STRING_VALUE cannot be converted to a Blob")
    );
}

#[test]
fn json_violations_and_targets() {
    let schema = &acm::SCHEMA;
    let open = |name: &str| {
        let header: [(&str, &[u8]); 1] = [("X-Amz-Target", name.as_bytes())];
        Call::open(schema, schema.protocol, &target(&header, r#"{"Unknown":[1,{}],"a":null}"#))
            .map(|call| (call.action().to_owned(), call.invalid_action().to_string()))
    };
    assert_eq!(
        open("CertificateManager.Fly"),
        Ok(("Fly".into(), "UnknownOperationException (400): Unknown operation: Fly".into()))
    );
    for wrong in ["", "Fly", "Other.Fly", "CertificateManager."] {
        assert_eq!(open(wrong), Err(DecodeError::MissingAction), "{wrong}");
    }
    let header: [(&str, &[u8]); 1] =
        [("X-Amz-Target", b"CertificateManager.DescribeCertificate".as_slice())];
    let request = target(&header, r#"{"Unknown":[1,{}],"CertificateArn":null}"#);
    let call = Call::open(schema, schema.protocol, &request).unwrap();
    let operation = schema.operation("DescribeCertificate").unwrap();
    let input = call.decode(schema, operation).unwrap();
    let violations = validate::validate(schema, operation.input.unwrap(), &input);
    assert_eq!(
        schema.protocol.refuse_violations(&violations).unwrap().to_string(),
        "ValidationException (400): 1 validation error detected: Value null at 'certificateArn' \
         failed to satisfy constraint: Member must not be null"
    );
}

#[test]
fn secret_bytes_are_not_shown() {
    let header: [(&str, &[u8]); 1] =
        [("X-Amz-Target", b"CertificateManager.ImportCertificate".as_slice())];
    let request = target(&header, r#"{"Certificate":"YQ==","PrivateKey":"c2VjcmV0"}"#);
    let call = Call::open(&acm::SCHEMA, acm::SCHEMA.protocol, &request).unwrap();
    let operation = acm::Operation::ImportCertificate.facts();
    let value = call.decode(&acm::SCHEMA, operation).unwrap();
    let shown = format!("{value:?} {call:?}");
    assert!(!shown.contains("c2VjcmV0") && !shown.contains("115, 101"), "{shown}");
    let input = acm::ImportCertificateRequest::from_value(value).unwrap();
    assert_eq!(input.private_key.as_ref().unwrap().expose(), b"secret");
    assert!(!format!("{input:?}").contains("115, 101"));
}
