//! Whole documents, byte for byte, and what a caller is told when a message is not understood.
//!
//! Invariant: the documents follow `docs/spec/control-plane.md` §1.5.

use super::*;
use crate::error::common;
use crate::generated::{ec2, elbv2, sts};
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
        let decoded = Call::open(protocol, &post(body)).and_then(|call| {
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
    let call = |protocol, body| Call::open(protocol, &post(body)).unwrap().invalid_action();
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
    assert_eq!(ec2::Operation::ALL.len(), 29);
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
