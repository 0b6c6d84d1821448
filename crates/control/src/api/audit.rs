//! A call in CloudTrail's form: what was asked, what was answered, by whom.
//!
//! Member names begin in lower case, lists are plain arrays, secrets are replaced by a constant
//! word, and what is too long is left out by name.
//!
//! Invariant: no text of a sensitive shape, nor of a member in [`SECRET_MEMBERS`], enters a record,
//! and every record is bounded.
// spec: nlb-gwlb-clb §5.1 Record fields

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json, json};
use weir_core::catalog::{AuditRecord, AuditedResource};
use weir_core::resource::AccountId;
use weir_wire::error::ApiError;
use weir_wire::schema::{Kind, OperationFacts, Schema, ShapeId};
use weir_wire::time::Time;
use weir_wire::value::Value;

use super::call::{Facts, is_mutation};
use super::limits;

/// Stands where a secret was.
const HIDDEN: &str = "HIDDEN_DUE_TO_SECURITY_REASONS";
/// Stands where something was too long.
const OMITTED: &str = "OMITTED_DUE_TO_SIZE";
/// The version of the record's format.
const EVENT_VERSION: &str = "1.11";
/// The name under which `LookupEvents` lists the account's root user.
const ROOT: &str = "root";
/// Members that are secrets whatever the models say of their shapes.
const SECRET_MEMBERS: &[&str] = &[
    "ClientSecret",
    "Passphrase",
    "Password",
    "PrivateKey",
    "SecretAccessKey",
    "SessionToken",
    "UserData",
];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// How a call ended, as far as it is known.
pub enum Ending<'a> {
    /// It is decided, and its answer is still being made.
    Open,
    /// With this answer, or none.
    Answered(Option<Json>),
    /// With this error.
    Refused(&'a ApiError),
}

/// The record of a call.
pub fn record(
    facts: &Facts,
    schema: &Schema,
    operation: &OperationFacts,
    parameters: Option<&Json>,
    ending: Ending<'_>,
) -> AuditRecord {
    let read_only = !is_mutation(operation.name);
    let source = source(schema);
    let mut document = json!({
        "eventVersion": EVENT_VERSION,
        "userIdentity": identity(&facts.account, &facts.principal),
        "eventTime": whole_second(facts.now.epoch_ms()),
        "eventSource": source,
        "eventName": operation.name,
        "awsRegion": facts.region.as_str(),
        "sourceIPAddress": facts.peer,
        "requestParameters": parameters.unwrap_or(&Json::Null),
        "responseElements": Json::Null,
        "requestID": facts.request_id,
        "eventID": facts.event_id,
        "readOnly": read_only,
        "eventType": "AwsApiCall",
        "apiVersion": schema.api_version,
        "managementEvent": true,
        "recipientAccountId": facts.account.as_str(),
        "eventCategory": "Management",
    });
    if !facts.user_agent.is_empty() {
        document["userAgent"] = Json::from(facts.user_agent.as_str());
    }
    let mut resources = BTreeSet::new();
    // A search for a resource is not about that resource.
    if schema.service != "cloudtrail" {
        mentioned(parameters.unwrap_or(&Json::Null), &mut resources);
    }
    match ending {
        Ending::Open | Ending::Answered(None) => {}
        // Reads answer with what anybody may ask for again.
        Ending::Answered(Some(_)) if read_only => {}
        Ending::Answered(Some(elements)) => {
            mentioned(&elements, &mut resources);
            document["responseElements"] = elements;
        }
        Ending::Refused(error) => {
            document["errorCode"] = Json::from(error.facts.code);
            document["errorMessage"] = Json::from(cut(&error.message, limits::AUDIT_TEXT_MAX));
        }
    }
    AuditRecord {
        event_id: facts.event_id.clone(),
        request_id: facts.request_id.clone(),
        time_ms: facts.now.epoch_ms(),
        source,
        action: operation.name.to_owned(),
        region: facts.region.as_str().to_owned(),
        principal: facts.principal.clone(),
        username: ROOT.to_owned(),
        read_only,
        resources: resources
            .into_iter()
            .map(|(kind, name)| AuditedResource { kind: kind.to_owned(), name })
            .collect(),
        document: document.to_string(),
    }
}

/// The record of upkeep that nobody asked for: an event of the service.
pub fn upkeep(
    event_id: String,
    account: &AccountId,
    action: &str,
    region: &str,
    time_ms: i64,
) -> AuditRecord {
    let document = json!({
        "eventVersion": EVENT_VERSION,
        "userIdentity": {"type": "AWSService", "invokedBy": "weir"},
        "eventTime": whole_second(time_ms),
        "eventSource": "weir",
        "eventName": action,
        "awsRegion": region,
        "sourceIPAddress": "weir",
        "requestParameters": Json::Null,
        "responseElements": Json::Null,
        "eventID": event_id,
        "readOnly": false,
        "eventType": "AwsServiceEvent",
        "managementEvent": true,
        "recipientAccountId": account.as_str(),
        "eventCategory": "Management",
    });
    AuditRecord {
        request_id: event_id.clone(),
        event_id,
        time_ms,
        source: "weir".to_owned(),
        action: action.to_owned(),
        region: region.to_owned(),
        principal: String::new(),
        username: String::new(),
        read_only: false,
        resources: Vec::new(),
        document: document.to_string(),
    }
}

/// The parameters of a request, secrets replaced.
pub fn parameters(schema: &Schema, shape: ShapeId, value: &Value) -> Json {
    bounded(Writer { schema, answer: false }.json(shape, value))
}

/// The answer to a call that changed something, secrets replaced; an empty one is no answer.
pub fn elements(schema: &Schema, shape: ShapeId, value: &Value) -> Option<Json> {
    let writer = Writer { schema, answer: true };
    match writer.json(shape, value) {
        Json::Object(members) if members.is_empty() => None,
        other => Some(bounded(other)),
    }
}

/// `elasticloadbalancing.amazonaws.com`.
fn source(schema: &Schema) -> String {
    format!("{}.amazonaws.com", schema.signing_name)
}

// spec: nlb-gwlb-clb §5.2 userIdentity
fn identity(account: &AccountId, principal: &str) -> Json {
    json!({
        "type": "Root",
        "principalId": account.as_str(),
        "arn": format!("arn:aws:iam::{account}:root"),
        "accountId": account.as_str(),
        "accessKeyId": principal,
    })
}

/// Cut JSON is not JSON; the names of the members still tell what it was about.
fn bounded(json: Json) -> Json {
    if json.to_string().len() <= limits::AUDIT_PARAMETERS_MAX {
        return json;
    }
    match json {
        Json::Object(members) => {
            Json::Object(members.into_iter().map(|(name, _)| (name, OMITTED.into())).collect())
        }
        _ => Json::from(OMITTED),
    }
}

struct Writer<'a> {
    schema: &'a Schema,
    answer: bool,
}

// === impl Writer ===

impl Writer<'_> {
    fn json(&self, id: ShapeId, value: &Value) -> Json {
        let shape = self.schema.shape(id);
        if shape.sensitive {
            return Json::from(HIDDEN);
        }
        match (shape.kind, value) {
            (Kind::Structure(members), Value::Struct(fields)) => {
                let known = fields.iter().filter_map(|(at, item)| {
                    let member = members.get(usize::from(at))?;
                    let shown = match SECRET_MEMBERS.contains(&member.name) {
                        true => Json::from(HIDDEN),
                        false => self.json(member.shape, item),
                    };
                    (shown != Json::Null).then(|| (lower_first(member.name), shown))
                });
                Json::Object(known.collect::<Map<_, _>>())
            }
            (Kind::List(list), Value::List(items)) => {
                items.iter().map(|item| self.json(list.member.shape, item)).collect()
            }
            (Kind::Map(map), Value::Map(items)) => {
                let known =
                    items.iter().map(|(key, item)| (key.clone(), self.json(map.value.shape, item)));
                Json::Object(known.collect())
            }
            (_, Value::Bool(flag)) => Json::from(*flag),
            (_, Value::I64(number)) => Json::from(*number),
            (_, Value::F64(number)) => Json::from(*number),
            (_, Value::Str(text)) => Json::from(text.as_str()),
            // spec: nlb-gwlb-clb §5.3 ELB-specific mapping [D][C]
            (_, Value::Time(time)) if self.answer => Json::from(spoken(*time)),
            (_, Value::Time(time)) => Json::from(time.iso8601()),
            (_, Value::Sensitive(_) | Value::SensitiveBytes(_) | Value::Bytes(_)) => {
                Json::from(HIDDEN)
            }
            _ => Json::Null,
        }
    }
}

// === resources ===

/// Types of what a call is about, by the beginning of an ARN's resource part.
// spec: nlb-gwlb-clb §5.5 LookupEvents [M][D]
const ARN_KINDS: &[(&str, &str, &str)] = &[
    ("elasticloadbalancing", "loadbalancer/", "AWS::ElasticLoadBalancingV2::LoadBalancer"),
    ("elasticloadbalancing", "targetgroup/", "AWS::ElasticLoadBalancingV2::TargetGroup"),
    ("elasticloadbalancing", "listener/", "AWS::ElasticLoadBalancingV2::Listener"),
    ("elasticloadbalancing", "listener-rule/", "AWS::ElasticLoadBalancingV2::ListenerRule"),
    ("elasticloadbalancing", "truststore/", "AWS::ElasticLoadBalancingV2::TrustStore"),
    ("acm", "certificate/", "AWS::CertificateManager::Certificate"),
    ("iam", "server-certificate/", "AWS::IAM::ServerCertificate"),
];

/// Types by the beginning of an id.
const ID_KINDS: &[(&str, &str)] = &[
    ("i", "AWS::EC2::Instance"),
    ("vpc", "AWS::EC2::VPC"),
    ("subnet", "AWS::EC2::Subnet"),
    ("sg", "AWS::EC2::SecurityGroup"),
    ("sgr", "AWS::EC2::SecurityGroupRule"),
    ("eni", "AWS::EC2::NetworkInterface"),
    ("eipalloc", "AWS::EC2::EIP"),
    ("igw", "AWS::EC2::InternetGateway"),
    ("rtb", "AWS::EC2::RouteTable"),
    ("pl", "AWS::EC2::PrefixList"),
];

/// Collects what a message names, up to a bound.
fn mentioned(json: &Json, found: &mut BTreeSet<(&'static str, String)>) {
    if found.len() >= limits::AUDIT_RESOURCES_MAX {
        return;
    }
    match json {
        Json::String(text) => {
            if let Some(kind) = resource_kind(text) {
                found.insert((kind, text.clone()));
            }
        }
        Json::Array(items) => items.iter().for_each(|item| mentioned(item, found)),
        Json::Object(members) => members.values().for_each(|item| mentioned(item, found)),
        _ => {}
    }
}

fn resource_kind(text: &str) -> Option<&'static str> {
    if let Some(arn) = text.strip_prefix("arn:") {
        let mut parts = arn.splitn(5, ':');
        let (service, tail) = (parts.nth(1)?, parts.nth(2)?);
        let is = |kind: &&(&str, &str, &str)| kind.0 == service && tail.starts_with(kind.1);
        return ARN_KINDS.iter().find(is).map(|kind| kind.2);
    }
    let (prefix, digits) = text.split_once('-')?;
    let is_id = matches!(digits.len(), 8 | 17) && digits.bytes().all(|b| b.is_ascii_hexdigit());
    let kind = ID_KINDS.iter().find(|(own, _)| is_id && *own == prefix)?;
    Some(kind.1)
}

// === helpers ===

/// `LoadBalancerArn` → `loadBalancerArn`, `DNSName` → `dNSName`.
// spec: nlb-gwlb-clb §5.3 ELB-specific mapping [D][C]
fn lower_first(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

/// `2015-01-25T08:00:00Z`.
fn whole_second(epoch_ms: i64) -> String {
    Time::from_epoch_s(epoch_ms.div_euclid(1_000)).iso8601()
}

/// `Apr 11, 2016 5:23:50 PM`.
fn spoken(time: Time) -> String {
    // `2016-04-11T17:23:50Z`, because the instant is whole.
    let iso = Time::from_epoch_s(time.epoch_s()).iso8601();
    let number = |from: usize, to: usize| iso.get(from..to).and_then(|text| text.parse().ok());
    let part = |from: usize, to: usize| number(from, to).unwrap_or(0usize);
    let (year, month, day, hour) = (part(0, 4), part(5, 7), part(8, 10), part(11, 13));
    let month = MONTHS.get(month.wrapping_sub(1)).copied().unwrap_or_default();
    let half = if hour < 12 { "AM" } else { "PM" };
    let hour = (hour + 11) % 12 + 1;
    format!("{month} {day}, {year} {hour}:{:02}:{:02} {half}", part(14, 16), part(17, 19))
}

/// The longest beginning of so many bytes.
pub fn cut(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_core::resource::Region;
    use weir_core::time::Now;
    use weir_wire::error::common;
    use weir_wire::generated::{acm, ec2, elbv2};
    use weir_wire::value::{Sensitive, SensitiveBytes, Shaped, ToValue};

    fn facts() -> Facts {
        Facts {
            origin: "http://127.0.0.1".to_owned(),
            region: Region::new("us-east-1"),
            account: AccountId::new("123456789012"),
            principal: "AKIA1".into(),
            peer: "192.0.2.1".into(),
            user_agent: "aws-cli/2".into(),
            request_id: "r-1".into(),
            event_id: "e-1".into(),
            now: Now { mono_ms: 0, wall_us: 1_772_355_911_999_999 },
        }
    }

    fn told<T: Shaped>(schema: &Schema, input: &T) -> Json {
        parameters(schema, T::SHAPE, &input.to_value())
    }

    #[test]
    fn secrets_are_replaced_wherever_they_are() {
        let action = elbv2::Action {
            r#type: Some("authenticate-oidc".into()),
            authenticate_oidc_config: Some(elbv2::AuthenticateOidcActionConfig {
                issuer: Some("https://issuer".into()),
                client_secret: Some(Sensitive::new("hunter2")),
                ..Default::default()
            }),
            ..Default::default()
        };
        let input = elbv2::CreateRuleInput {
            actions: Some(vec![action]),
            priority: Some(5),
            ..Default::default()
        };
        let json = told(&elbv2::SCHEMA, &input);
        assert!(!json.to_string().contains("hunter2"), "{json}");
        assert_eq!(json["priority"], 5);
        assert_eq!(json["actions"][0]["authenticateOidcConfig"]["clientSecret"], HIDDEN);
        assert_eq!(json["actions"][0]["authenticateOidcConfig"]["issuer"], "https://issuer");
        let run = ec2::RunInstancesRequest {
            user_data: Some(Sensitive::new("cGFzc3dvcmQ=")),
            ..Default::default()
        };
        assert_eq!(told(&ec2::SCHEMA, &run)["userData"], HIDDEN);
        let import = acm::ImportCertificateRequest {
            private_key: Some(SensitiveBytes::new(*b"hunter2")),
            ..Default::default()
        };
        assert_eq!(told(&acm::SCHEMA, &import), json!({"privateKey": HIDDEN}));
    }

    #[test]
    fn every_secret_member_of_the_models_is_hidden() {
        use weir_wire::generated::{cloudtrail, iam, resourcegroupstaggingapi, shield, sts};
        let mut seen = BTreeSet::new();
        for schema in [
            &elbv2::SCHEMA,
            &ec2::SCHEMA,
            &sts::SCHEMA,
            &acm::SCHEMA,
            &iam::SCHEMA,
            &cloudtrail::SCHEMA,
            &resourcegroupstaggingapi::SCHEMA,
            &shield::SCHEMA,
        ] {
            for member in schema.shapes.iter().flat_map(|shape| shape.members()) {
                let name = member.name.to_lowercase();
                // An ARN, a token for paging or a count names a secret, it is none.
                let suspicious = ["secret", "privatekey", "password", "passphrase", "credential"]
                    .iter()
                    .any(|word| name.contains(word));
                let kind = schema.shape(member.shape).kind;
                let is_text = matches!(kind, Kind::String(_) | Kind::Blob);
                if suspicious && is_text {
                    let hidden = schema.shape(member.shape).sensitive
                        || SECRET_MEMBERS.contains(&member.name);
                    seen.insert((member.name, hidden));
                }
            }
        }
        let open: Vec<_> = seen.iter().filter(|(_, hidden)| !hidden).map(|one| one.0).collect();
        // Where a secret is kept, and whether one is reused: not the secret.
        let known = ["CreditSpecification", "PasswordData", "SecretArn"];
        assert!(open.iter().all(|name| known.contains(name)), "{open:?}");
        assert!(seen.contains(&("ClientSecret", true)) && seen.contains(&("PrivateKey", true)));
    }

    #[test]
    fn long_parameters_are_left_out_by_name() {
        let arns = vec!["a".repeat(2_000); 100];
        let input = elbv2::RemoveTagsInput { resource_arns: Some(arns), tag_keys: None };
        assert_eq!(told(&elbv2::SCHEMA, &input), json!({"resourceArns": OMITTED}));
    }

    // spec: nlb-gwlb-clb §5.1 Record fields
    #[test]
    fn a_record_has_every_field() {
        let schema = &elbv2::SCHEMA;
        let operation = elbv2::Operation::CreateTargetGroup.facts();
        let arn =
            "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/a/0123456789abcdef";
        let output = elbv2::CreateTargetGroupOutput {
            target_groups: Some(vec![elbv2::TargetGroup {
                target_group_arn: Some(arn.into()),
                port: Some(80),
                ..Default::default()
            }]),
        };
        let shape = elbv2::CreateTargetGroupOutput::SHAPE;
        let answer = elements(schema, shape, &output.to_value());
        let parameters = json!({"name": "a", "vpcId": "vpc-0123456789abcdef0"});
        let made = record(&facts(), schema, operation, Some(&parameters), Ending::Answered(answer));
        let document: Json = serde_json::from_str(&made.document).unwrap();
        let expected = json!({
            "eventVersion": "1.11",
            "userIdentity": {
                "type": "Root",
                "principalId": "123456789012",
                "arn": "arn:aws:iam::123456789012:root",
                "accountId": "123456789012",
                "accessKeyId": "AKIA1",
            },
            "eventTime": "2026-03-01T09:05:11Z",
            "eventSource": "elasticloadbalancing.amazonaws.com",
            "eventName": "CreateTargetGroup",
            "awsRegion": "us-east-1",
            "sourceIPAddress": "192.0.2.1",
            "userAgent": "aws-cli/2",
            "requestParameters": {"name": "a", "vpcId": "vpc-0123456789abcdef0"},
            "responseElements": {"targetGroups": [{"targetGroupArn": arn, "port": 80}]},
            "requestID": "r-1",
            "eventID": "e-1",
            "readOnly": false,
            "eventType": "AwsApiCall",
            "apiVersion": "2015-12-01",
            "managementEvent": true,
            "recipientAccountId": "123456789012",
            "eventCategory": "Management",
        });
        assert_eq!(document, expected);
        let resource =
            |kind: &str, name: &str| AuditedResource { kind: kind.into(), name: name.into() };
        assert_eq!(
            made.resources,
            [
                resource("AWS::EC2::VPC", "vpc-0123456789abcdef0"),
                resource("AWS::ElasticLoadBalancingV2::TargetGroup", arn),
            ]
        );
    }

    #[test]
    fn refusals_reads_and_void_answers() {
        let schema = &elbv2::SCHEMA;
        let error = common::VALIDATION_ERROR.because("é".repeat(1_000));
        let operation = elbv2::Operation::DeleteRule.facts();
        let refused = record(&facts(), schema, operation, None, Ending::Refused(&error));
        let document: Json = serde_json::from_str(&refused.document).unwrap();
        assert_eq!(document["errorCode"], "ValidationError");
        assert!(document["errorMessage"].as_str().unwrap().len() <= limits::AUDIT_TEXT_MAX);
        assert!(document["responseElements"].is_null() && document["requestParameters"].is_null());

        let void = elbv2::DeleteRuleOutput::default().to_value();
        assert_eq!(elements(schema, elbv2::DeleteRuleOutput::SHAPE, &void), None);
        let operation = elbv2::Operation::DescribeRules.facts();
        let answer = Ending::Answered(Some(json!({"rules": []})));
        let read = record(&facts(), schema, operation, None, answer);
        let document: Json = serde_json::from_str(&read.document).unwrap();
        assert!(read.read_only && document["readOnly"] == true);
        assert!(document["responseElements"].is_null());
    }

    #[test]
    fn instants_of_answers_are_spoken() {
        for (seconds, text) in [
            (1_460_395_430, "Apr 11, 2016 5:23:50 PM"),
            (0, "Jan 1, 1970 12:00:00 AM"),
            (43_200, "Jan 1, 1970 12:00:00 PM"),
        ] {
            assert_eq!(spoken(Time::from_epoch_s(seconds)), text);
        }
    }

    #[test]
    fn what_a_call_is_about() {
        let kind = |text: &str| resource_kind(text);
        assert_eq!(kind("i-0123456789abcdef0"), Some("AWS::EC2::Instance"));
        assert_eq!(kind("i-12345678"), Some("AWS::EC2::Instance"));
        assert_eq!(
            kind("arn:aws:acm:us-east-1:1:certificate/x"),
            Some("AWS::CertificateManager::Certificate")
        );
        for text in ["i-xyz", "web-01234567", "arn:aws:s3:::bucket", "arn:", "-", ""] {
            assert_eq!(kind(text), None, "{text}");
        }
        let many: Vec<_> = (0..1_000).map(|i| format!("i-{i:017x}")).collect();
        let mut found = BTreeSet::new();
        mentioned(&json!(many), &mut found);
        assert_eq!(found.len(), limits::AUDIT_RESOURCES_MAX);
    }
}
