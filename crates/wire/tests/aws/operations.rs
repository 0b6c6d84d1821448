//! Every operation of every service: an input with all members set survives the wire, and an
//! output with all members set can be written.
//!
//! The writer of forms here is a client's, made for this test from the rules of the protocols.
//!
//! Invariant: the samples satisfy no constraint on purpose; constraints are another pass.

use std::collections::BTreeMap;

use weir_wire::base64;
use weir_wire::document::{Document, cbor, json};
use weir_wire::generated::{
    acm, cloudtrail, ec2, elbv2, iam, resourcegroupstaggingapi as tagging, shield, sts,
};
use weir_wire::protocol::{Call, Protocol};
use weir_wire::request::Request;
use weir_wire::schema::{Kind, Member, OperationFacts, Schema, ShapeId};
use weir_wire::time::Time;
use weir_wire::validate::validate;
use weir_wire::value::{Fields, Sensitive, SensitiveBytes, Value};

use crate::xml;

const SERVICES: [&Schema; 4] = [&elbv2::SCHEMA, &ec2::SCHEMA, &sts::SCHEMA, &iam::SCHEMA];

const DOCUMENT_SERVICES: [&Schema; 4] =
    [&acm::SCHEMA, &cloudtrail::SCHEMA, &tagging::SCHEMA, &shield::SCHEMA];

#[test]
fn every_input_survives_the_wire() {
    let mut parameters = 0;
    for schema in SERVICES {
        for operation in schema.operations {
            let input = operation.input.unwrap();
            let sent = sample(schema, input);
            let mut form = Form { schema, pairs: Vec::new() };
            form.members(input, "", &sent);
            parameters += form.pairs.len();
            let body = format!("Action={}&{}", operation.name, form.pairs.join("&"));
            let request = Request {
                method: "POST",
                path: "/",
                query: "",
                headers: &[],
                body: body.as_bytes(),
            };
            let call = Call::open(schema, schema.protocol, &request).unwrap();
            let received = call.decode(schema, operation);
            assert_eq!(received.as_ref(), Ok(&sent), "{}", operation.name);
            // It must end; what it says is another test's matter.
            let _ = validate(schema, input, &sent);
        }
    }
    assert!(parameters > 1000, "the samples are thin: {parameters}");
}

#[test]
fn every_output_can_be_written() {
    for schema in SERVICES {
        for operation in schema.operations {
            let value = operation.output.map_or(Value::Null, |output| sample(schema, output));
            let reply = schema.protocol.encode(schema, operation, &value, "id").unwrap();
            let document = xml::parse(std::str::from_utf8(&reply.body).unwrap());
            assert_eq!(document.name, format!("{}Response", operation.name));
            if schema.protocol == Protocol::AwsQuery {
                let wrapper = format!("{}Result", operation.name);
                let names: Vec<_> = document.children.iter().map(|child| &child.name).collect();
                assert_eq!(names, [&wrapper, "ResponseMetadata"]);
            }
        }
    }
}

/// A reply's body is read as a request's, so inputs and outputs are both tried in both directions.
#[test]
fn every_document_survives_the_wire() {
    for schema in DOCUMENT_SERVICES {
        for operation in schema.operations {
            for shape in operation.input.into_iter().chain(operation.output) {
                let sent = sample(schema, shape);
                let both = OperationFacts { input: Some(shape), output: Some(shape), ..*operation };
                for protocol in [schema.protocol, Protocol::RpcV2Cbor] {
                    assert_eq!(pass(schema, protocol, &both, &sent), sent, "{}", operation.name);
                }
            }
        }
    }
}

fn pass(schema: &Schema, protocol: Protocol, operation: &OperationFacts, sent: &Value) -> Value {
    let reply = protocol.encode(schema, operation, sent, "id").unwrap();
    let parsed = match protocol {
        Protocol::RpcV2Cbor => cbor::parse(&reply.body),
        _ => json::parse(&reply.body),
    };
    assert!(matches!(parsed, Ok(Document::Map(_))), "{}", operation.name);
    let path = match protocol {
        Protocol::RpcV2Cbor => {
            format!("/service/{}/operation/{}", schema.target_prefix, operation.name)
        }
        _ => "/".to_owned(),
    };
    let target = format!("{}.{}", schema.target_prefix, operation.name);
    let headers: [(&str, &[u8]); 1] = [("X-Amz-Target", target.as_bytes())];
    let request =
        Request { method: "POST", path: &path, query: "", headers: &headers, body: &reply.body };
    assert_eq!(Protocol::of(schema, &request), protocol);
    let call = Call::open(schema, protocol, &request).unwrap();
    call.decode(schema, operation).unwrap()
}

fn sample(schema: &Schema, id: ShapeId) -> Value {
    let shape = schema.shape(id);
    match shape.kind {
        Kind::Boolean => Value::Bool(true),
        Kind::Integer(_) | Kind::Long(_) => Value::I64(-7),
        Kind::Double => Value::F64(0.5),
        Kind::String(_) if shape.sensitive => Value::Sensitive(Sensitive::new("s & t")),
        Kind::String(_) => Value::Str("a b+c=d&é%".into()),
        Kind::Blob if shape.sensitive => Value::SensitiveBytes(SensitiveBytes::new([0, 7])),
        Kind::Blob => Value::Bytes(vec![0, 255, 62]),
        Kind::Timestamp(_) => Value::Time(Time { epoch_us: 1_500_000 }),
        Kind::List(list) => Value::List(vec![sample(schema, list.member.shape); 2]),
        Kind::Map(map) => {
            Value::Map(BTreeMap::from([("k.1".to_owned(), sample(schema, map.value.shape))]))
        }
        Kind::Structure(members) => {
            let mut fields = Fields::default();
            for (index, member) in (0..).zip(members) {
                fields.set(index, sample(schema, member.shape));
            }
            Value::Struct(fields)
        }
    }
}

struct Form {
    schema: &'static Schema,
    pairs: Vec<String>,
}

// === impl Form ===

impl Form {
    fn members(&mut self, id: ShapeId, prefix: &str, value: &Value) {
        let Value::Struct(fields) = value else { panic!("{value:?}") };
        let members = self.schema.shape(id).members();
        for (index, item) in fields.iter() {
            let member = &members[usize::from(index)];
            self.value(member.shape, &format!("{prefix}{}", self.name(member)), item);
        }
    }

    fn name(&self, member: &Member) -> String {
        match (self.schema.protocol, member.query_name) {
            (Protocol::Ec2Query, Some(name)) => name.to_owned(),
            (Protocol::Ec2Query, None) => {
                let (first, rest) = member.wire_name().split_at(1);
                first.to_uppercase() + rest
            }
            _ => member.wire_name().to_owned(),
        }
    }

    fn value(&mut self, id: ShapeId, name: &str, value: &Value) {
        match (self.schema.shape(id).kind, value) {
            (Kind::Structure(_), _) => self.members(id, &format!("{name}."), value),
            (Kind::List(list), Value::List(items)) => {
                let layer = if self.schema.protocol == Protocol::Ec2Query { "" } else { "member." };
                for (position, item) in (1..).zip(items) {
                    self.value(list.member.shape, &format!("{name}.{layer}{position}"), item);
                }
            }
            (Kind::Map(map), Value::Map(entries)) => {
                for (position, (key, item)) in (1..).zip(entries) {
                    self.scalar(&format!("{name}.entry.{position}.key"), key);
                    self.value(map.value.shape, &format!("{name}.entry.{position}.value"), item);
                }
            }
            (_, Value::Bool(flag)) => self.scalar(name, &flag.to_string()),
            (_, Value::I64(number)) => self.scalar(name, &number.to_string()),
            (_, Value::F64(number)) => self.scalar(name, &number.to_string()),
            (_, Value::Bytes(bytes)) => self.scalar(name, &base64::encode(bytes)),
            (_, Value::SensitiveBytes(bytes)) => {
                self.scalar(name, &base64::encode(bytes.expose()));
            }
            (_, Value::Time(time)) => self.scalar(name, &time.iso8601()),
            (_, text) => self.scalar(name, text.text().unwrap()),
        }
    }

    fn scalar(&mut self, name: &str, text: &str) {
        let escaped: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
        self.pairs.push(format!("{name}={escaped}"));
    }
}
