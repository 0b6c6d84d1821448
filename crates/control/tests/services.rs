//! The services that speak JSON and CBOR, and the audit that one of them shows.
//!
//! Invariant: every answer is looked at as a client sees it.
#![allow(clippy::unwrap_used, missing_docs)]

mod fixture;

use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use weir_store::{EventQuery, Store};

use fixture::{ACCOUNT, Answer, Client, KEY, World, exchange};

const CLOUDTRAIL: &str = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101";
const TAGGING: &str = "ResourceGroupsTaggingAPI_20170126";
const SHIELD: &str = "AWSShield_20160616";

fn body(answer: &Answer) -> Json {
    serde_json::from_str(&answer.body).unwrap_or_else(|_| panic!("{}", answer.body))
}

#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str) -> String {
    assert_eq!(answer.status, status, "{}", answer.body);
    let json = body(answer);
    assert_eq!(json["__type"], code, "{json}");
    assert_eq!(answer.header("x-amzn-errortype"), Some(code));
    let message = json.get("message").or(json.get("Message")).unwrap();
    message.as_str().unwrap().to_owned()
}

async fn lookup(client: &Client, input: Json) -> Json {
    let target = format!("{CLOUDTRAIL}.LookupEvents");
    let answer = client.json("cloudtrail", &target, &input.to_string()).await;
    body(answer.ok())
}

async fn tagging(client: &Client, operation: &str, input: Json) -> Answer {
    client.json("tagging", &format!("{TAGGING}.{operation}"), &input.to_string()).await
}

// spec: control-plane §3.2 The rest, minimal action sets
#[tokio::test]
async fn shield_says_that_it_is_not_there() {
    let world = World::start().await;
    let client = world.client();
    let call = async |operation: &str, input: &str| {
        client.json("shield", &format!("{SHIELD}.{operation}"), input).await
    };
    let state = call("GetSubscriptionState", "{}").await;
    assert_eq!(body(state.ok()), json!({"SubscriptionState": "INACTIVE"}));
    assert_eq!(state.header("content-type"), Some("application/x-amz-json-1.1"));
    assert!(state.header("x-amzn-requestid").is_some());
    let arn = r#"{"ResourceArn": "arn:aws:elasticloadbalancing:x"}"#;
    let gone = "ResourceNotFoundException";
    refused(&call("DescribeProtection", arn).await, 400, gone);
    refused(&call("DescribeSubscription", "{}").await, 400, gone);
    let create = r#"{"Name": "a", "ResourceArn": "arn:aws:elasticloadbalancing:x"}"#;
    refused(&call("CreateProtection", create).await, 400, gone);
    let delete = json!({"ProtectionId": "a1b2c3d4-5678-90ab-cdef-111111111111"}).to_string();
    refused(&call("DeleteProtection", &delete).await, 400, gone);
    refused(&call("DescribeProtection", "{}").await, 400, "InvalidParameterException");
    let path = format!("/service/{SHIELD}/operation/GetSubscriptionState");
    let answer = client.cbor("shield", &path, b"\xa0").await;
    answer.ok().holds("SubscriptionState").holds("INACTIVE");
    assert_eq!(answer.header("smithy-protocol"), Some("rpc-v2-cbor"));
}

// spec: control-plane §1.6 SigV4 verification
#[tokio::test]
async fn json_services_refuse_in_their_manner() {
    let world = World::start().await;
    let client = world.client();
    let call = async |target: &str, input: &str| client.json("cloudtrail", target, input).await;
    let lookup = format!("{CLOUDTRAIL}.LookupEvents");
    let unknown = "UnknownOperationException";
    refused(&call(&format!("{CLOUDTRAIL}.Fly"), "{}").await, 400, unknown);
    refused(&call(&format!("{SHIELD}.GetSubscriptionState"), "{}").await, 400, unknown);
    refused(&call("", "{}").await, 400, unknown);
    refused(&call(&lookup, "{").await, 400, "SerializationException");
    refused(&call(&lookup, r#"{"MaxResults": "5"}"#).await, 400, "SerializationException");
    let message = refused(
        &call(&lookup, r#"{"LookupAttributes": [{"AttributeKey": "EventName"}]}"#).await,
        400,
        "InvalidLookupAttributesException",
    );
    assert!(message.contains("EventName"), "{message}");

    let anonymous = format!(
        "POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: {lookup}\r\nConnection: close\r\n\
         Content-Length: 2\r\n\r\n{{}}"
    );
    let answer = exchange(world.address, anonymous.as_bytes()).await;
    refused(&answer, 400, "MissingAuthenticationTokenException");
    let stranger = Client { key: "AKIDUNKNOWN".into(), ..client.clone() };
    let answer = stranger.json("cloudtrail", &lookup, "{}").await;
    refused(&answer, 400, "UnrecognizedClientException");
    let wrong = Client { secret: "wrong".into(), ..client.clone() };
    let answer = wrong.json("cloudtrail", &lookup, "{}").await;
    refused(&answer, 400, "InvalidSignatureException");
    let answer = client.json("wafv2", "AWSWAF_20190729.ListWebACLs", "{}").await;
    let message = refused(&answer, 400, unknown);
    assert!(message.contains("'wafv2' is not available"), "{message}");
    // What the model forbids, where no error of the operation says it better.
    let answer = tagging(&client, "TagResources", json!({"Tags": {}})).await;
    let message = refused(&answer, 400, "ValidationException");
    assert!(message.contains("'resourceARNList' failed to satisfy"), "{message}");
}

// spec: nlb-gwlb-clb §5.1 Record fields
#[tokio::test]
async fn every_call_is_looked_up() {
    let world = World::start().await;
    let client = world.client();
    let arn = client.target_group(&world, "web").await;
    client.elb("CreateTargetGroup", &[("Name", "-")]).await.refused(400, "ValidationError");
    client.elb("DescribeTargetGroups", &[]).await.ok();
    let found = lookup(&client, json!({})).await;
    let events = found["Events"].as_array().unwrap();
    let of_elb = |event: &&Json| event["EventSource"] == "elasticloadbalancing.amazonaws.com";
    let mut names: Vec<_> =
        events.iter().filter(of_elb).map(|event| event["EventName"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["CreateTargetGroup", "CreateTargetGroup", "DescribeTargetGroups"]);

    let attribute = |key: &str, value: &str| json!({"LookupAttributes": [{"AttributeKey": key, "AttributeValue": value}]});
    let by_name = lookup(&client, attribute("ResourceName", &arn)).await;
    let event = &by_name["Events"][0];
    assert_eq!(by_name["Events"].as_array().unwrap().len(), 1);
    assert_eq!(event["EventName"], "CreateTargetGroup");
    assert_eq!((&event["Username"], &event["ReadOnly"]), (&json!("root"), &json!("false")));
    assert_eq!(event["AccessKeyId"], KEY);
    let record: Json = serde_json::from_str(event["CloudTrailEvent"].as_str().unwrap()).unwrap();
    assert_eq!(record["requestParameters"]["name"], "web");
    assert_eq!(record["requestParameters"]["vpcId"], world.vpc());
    assert_eq!(record["responseElements"]["targetGroups"][0]["targetGroupArn"], arn);
    assert_eq!(record["userIdentity"]["type"], "Root");
    assert_eq!(record["recipientAccountId"], ACCOUNT);
    assert_eq!(record["eventID"], event["EventId"]);
    assert_eq!(record["eventTime"].as_str().unwrap().len(), "2026-03-01T09:05:11Z".len());
    assert_eq!(record["apiVersion"], "2015-12-01");
    assert_eq!(record["sourceIPAddress"], "127.0.0.1");
    let listed = json!({
        "ResourceType": "AWS::ElasticLoadBalancingV2::TargetGroup",
        "ResourceName": arn,
    });
    assert!(event["Resources"].as_array().unwrap().contains(&listed), "{event}");

    let one = |key: &'static str, value: String| {
        let client = client.clone();
        async move {
            let found = lookup(&client, attribute(key, &value)).await;
            found["Events"].as_array().unwrap().len()
        }
    };
    assert_eq!(one("ResourceName", "web".into()).await, 1);
    assert_eq!(one("EventId", event["EventId"].as_str().unwrap().into()).await, 1);
    assert_eq!(one("EventName", "CreateTargetGroup".into()).await, 2);
    assert_eq!(one("EventSource", "elasticloadbalancing.amazonaws.com".into()).await, 3);
    assert_eq!(one("ReadOnly", "true".into()).await, 1 + 6, "six searches and one description");
    assert_eq!(one("Username", "nobody".into()).await, 0);
    assert_eq!(one("AccessKeyId", "AKIDNOBODY".into()).await, 0);
    let kind = "AWS::ElasticLoadBalancingV2::TargetGroup";
    assert_eq!(one("ResourceType", kind.into()).await, 1);

    let refusals = lookup(&client, attribute("EventName", "CreateTargetGroup")).await;
    let records: Vec<Json> = refusals["Events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| serde_json::from_str(event["CloudTrailEvent"].as_str().unwrap()).unwrap())
        .collect();
    let failed = records.iter().find(|record| record.get("errorCode").is_some()).unwrap();
    assert_eq!(failed["errorCode"], "ValidationError");
    assert!(failed["errorMessage"].as_str().unwrap().contains('-'), "{failed}");
    assert_eq!(failed["requestParameters"], json!({"name": "-"}));
    assert!(failed["responseElements"].is_null());
}

#[tokio::test]
async fn searches_have_spans_pages_and_regions() {
    let world = World::start().await;
    let client = world.client();
    for number in 0..7 {
        client.target_group(&world, &format!("g{number}")).await;
    }
    let wanted = json!([{"AttributeKey": "EventName", "AttributeValue": "CreateTargetGroup"}]);
    let (mut token, mut seen, mut pages) = (None::<String>, Vec::new(), 0);
    loop {
        let mut input = json!({"LookupAttributes": wanted, "MaxResults": 3});
        if let Some(token) = &token {
            input["NextToken"] = json!(token);
        }
        let found = lookup(&client, input).await;
        let events = found["Events"].as_array().unwrap().clone();
        assert!(events.len() <= 3);
        seen.extend(events.iter().map(|event| {
            let record: Json =
                serde_json::from_str(event["CloudTrailEvent"].as_str().unwrap()).unwrap();
            record["requestParameters"]["name"].as_str().unwrap().to_owned()
        }));
        pages += 1;
        token = found["NextToken"].as_str().map(str::to_owned);
        if token.is_none() {
            break;
        }
        let other = json!({"NextToken": token, "MaxResults": 3});
        let target = format!("{CLOUDTRAIL}.LookupEvents");
        let answer = client.json("cloudtrail", &target, &other.to_string()).await;
        refused(&answer, 400, "InvalidNextTokenException");
    }
    assert_eq!((seen.len(), pages), (7, 3));
    assert_eq!(seen[0], "g6");
    assert_eq!(seen[6], "g0");

    let now = weir_control::clock::now().epoch_ms() / 1_000;
    let count = async |from: i64, until: i64| {
        let input = json!({"LookupAttributes": wanted, "StartTime": from, "EndTime": until});
        lookup(&client, input).await["Events"].as_array().unwrap().len()
    };
    assert_eq!(count(now - 600, now).await, 7);
    assert_eq!(count(now + 60, now + 120).await, 0);
    assert_eq!(count(now - 1_200, now - 600).await, 0);
    let elsewhere = Client { region: "eu-west-1".into(), ..client.clone() };
    let found = lookup(&elsewhere, json!({"LookupAttributes": wanted})).await;
    assert_eq!(found["Events"], json!([]));
    for (input, code) in [
        (json!({"MaxResults": 51}), "InvalidMaxResultsException"),
        (json!({"MaxResults": 0}), "InvalidMaxResultsException"),
        (json!({"StartTime": 2, "EndTime": 1}), "InvalidTimeRangeException"),
        (json!({"NextToken": "x"}), "InvalidNextTokenException"),
        (json!({"EventCategory": "data"}), "InvalidEventCategoryException"),
    ] {
        let target = format!("{CLOUDTRAIL}.LookupEvents");
        let answer = client.json("cloudtrail", &target, &input.to_string()).await;
        refused(&answer, 400, code);
    }
}

/// Without anybody who searches.
#[tokio::test]
async fn reads_are_written_within_a_second() {
    let world = World::start().await;
    let client = world.client();
    client.ec2("DescribeVpcs", &[]).await.ok();
    let begun = Instant::now();
    let query = || EventQuery { action: Some("DescribeVpcs".into()), ..Default::default() };
    while world.store.events(query()).await.unwrap().events.is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(5), "the read was not audited");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // A second, and some for a machine that is busy.
    assert!(begun.elapsed() < Duration::from_millis(2_500), "{:?}", begun.elapsed());
}

/// The record goes with the change; the answer joins it, and nothing is left twice.
#[tokio::test]
async fn a_change_has_one_record() {
    let world = World::start().await;
    let client = world.client();
    let arn = client.target_group(&world, "web").await;
    let query = || EventQuery { action: Some("CreateTargetGroup".into()), ..Default::default() };
    let at_once = world.store.events(query()).await.unwrap().events;
    assert_eq!(at_once.len(), 1, "it is there when the call is answered");
    world.authority.settle_records().await;
    let later = world.store.events(query()).await.unwrap().events;
    assert_eq!(later.len(), 1);
    assert_eq!(later[0].sequence, at_once[0].sequence);
    assert!(later[0].record.document.contains(&format!("\"targetGroupArn\":\"{arn}\"")));
    assert_eq!(world.authority.records_lost(), 0);
}

// spec: control-plane §3.2 The rest, minimal action sets
#[tokio::test]
async fn tags_of_all_services_are_read_and_written() {
    let world = World::start().await;
    let client = world.client();
    let group = client.target_group(&world, "api").await;
    let lb = client.load_balancer(&world, "web").await;
    let vpc = format!("arn:aws:ec2:us-east-1:{ACCOUNT}:vpc/{}", world.vpc());
    let input = json!({"ResourceARNList": [group, lb, vpc], "Tags": {"env": "prod", "a": "é"}});
    let answer = tagging(&client, "TagResources", input).await;
    assert_eq!(body(answer.ok()), json!({"FailedResourcesMap": {}}));
    client
        .elb("DescribeTags", &[("ResourceArns.member.1", &lb)])
        .await
        .ok()
        .holds("<Key>env</Key><Value>prod</Value>");
    client.ec2("DescribeVpcs", &[]).await.ok().holds("<key>env</key><value>prod</value>");

    let arns = async |input: Json| {
        let answer = tagging(&client, "GetResources", input).await;
        let json = body(answer.ok());
        assert_eq!(json["PaginationToken"], "");
        let list = json["ResourceTagMappingList"].as_array().unwrap().clone();
        list.iter().map(|one| one["ResourceARN"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let mut all = vec![group.clone(), lb.clone(), vpc.clone()];
    all.sort();
    assert_eq!(arns(json!({})).await, all);
    for (filter, expected) in [
        ("elasticloadbalancing", vec![&lb, &group]),
        ("elasticloadbalancing:loadbalancer", vec![&lb]),
        ("elasticloadbalancing:loadbalancer/app", vec![&lb]),
        ("elasticloadbalancing:loadbalancer/net", vec![]),
        ("elasticloadbalancing:targetgroup", vec![&group]),
        ("ec2:vpc", vec![&vpc]),
        ("s3", vec![]),
    ] {
        let found = arns(json!({"ResourceTypeFilters": [filter]})).await;
        let expected: Vec<String> = expected.into_iter().cloned().collect();
        assert_eq!(found, expected, "{filter}");
    }
    let tagged = json!({"TagFilters": [{"Key": "env", "Values": ["dev", "prod"]}, {"Key": "a"}]});
    assert_eq!(arns(tagged).await.len(), 3);
    let other = json!({"TagFilters": [{"Key": "env", "Values": ["dev"]}]});
    assert!(arns(other).await.is_empty());
    assert_eq!(arns(json!({"ResourceARNList": [lb]})).await, std::slice::from_ref(&lb));

    let first = tagging(&client, "GetResources", json!({"ResourcesPerPage": 2})).await;
    let first = body(first.ok());
    assert_eq!(first["ResourceTagMappingList"].as_array().unwrap().len(), 2);
    let token = json!({"ResourcesPerPage": 2, "PaginationToken": first["PaginationToken"]});
    assert_eq!(arns(token).await, all[2..]);

    let keys = tagging(&client, "GetTagKeys", json!({})).await;
    assert_eq!(body(keys.ok())["TagKeys"], json!(["a", "env"]));
    let values = tagging(&client, "GetTagValues", json!({"Key": "env"})).await;
    assert_eq!(body(values.ok())["TagValues"], json!(["prod"]));

    let input = json!({"ResourceARNList": all, "TagKeys": ["env"]});
    let answer = tagging(&client, "UntagResources", input).await;
    assert_eq!(body(answer.ok()), json!({"FailedResourcesMap": {}}));
    let keys = tagging(&client, "GetTagKeys", json!({})).await;
    assert_eq!(body(keys.ok())["TagKeys"], json!(["a"]));
}

#[tokio::test]
async fn each_resource_fails_for_itself() {
    let world = World::start().await;
    let client = world.client();
    let group = client.target_group(&world, "api").await;
    let gone = group.replace("/api/", "/gone/");
    let there = group.replace("us-east-1", "eu-west-1");
    let queue = format!("arn:aws:sqs:us-east-1:{ACCOUNT}:queue");
    let input = json!({"ResourceARNList": [group, gone, there, queue], "Tags": {"a": "b"}});
    let answer = tagging(&client, "TagResources", input).await;
    let failed = body(answer.ok())["FailedResourcesMap"].clone();
    let mut arns: Vec<_> = failed.as_object().unwrap().keys().cloned().collect();
    arns.sort();
    let mut expected = vec![gone.clone(), there, queue];
    expected.sort();
    assert_eq!(arns, expected);
    assert_eq!(failed[&gone]["StatusCode"], 400);
    assert_eq!(failed[&gone]["ErrorCode"], "InvalidParameterException");
    client
        .elb("DescribeTags", &[("ResourceArns.member.1", &group)])
        .await
        .ok()
        .holds("<Key>a</Key><Value>b</Value>");
    for input in [
        json!({"ResourceARNList": [group], "Tags": {"aws:a": "b"}}),
        json!({"ResourceARNList": ["group"], "Tags": {"a": "b"}}),
    ] {
        let answer = tagging(&client, "TagResources", input).await;
        refused(&answer, 400, "InvalidParameterException");
    }
    let input = json!({"ResourcesPerPage": 101});
    let answer = tagging(&client, "GetResources", input).await;
    refused(&answer, 400, "InvalidParameterException");
}
