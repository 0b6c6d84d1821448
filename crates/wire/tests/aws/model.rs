//! Schemas built at run time from botocore's JSON, and JSON results as values of a schema.
//!
//! The tables are leaked, so that the codecs get the `'static` tables that they get in production.
//!
//! Invariant: a fact in the JSON that the builder does not know fails the test that needs it.

use std::collections::BTreeMap;

use serde_json::Value as Json;
use weir_wire::protocol::Protocol;
use weir_wire::schema::{
    Kind, List, Map, Member, Namespace, OperationFacts, Range, Schema, Shape, ShapeId, Text,
    TimestampFormat,
};
use weir_wire::time::Time;
use weir_wire::value::{Fields, Value};

/// Namespace of the published response documents.
pub const NAMESPACE: &str = "https://example.com/";

/// A suite of a protocol test file as a schema.
pub fn schema(suite: &Json, protocol: Protocol) -> &'static Schema {
    let shapes = suite["shapes"].as_object().unwrap();
    let ids: BTreeMap<&str, ShapeId> =
        shapes.keys().zip(0..).map(|(name, at)| (name.as_str(), ShapeId(at))).collect();
    let table: Vec<Shape> =
        shapes.iter().map(|(name, shape)| Shape::new(leak_str(name), kind(shape, &ids))).collect();
    Box::leak(Box::new(Schema {
        service: "test",
        signing_name: "test",
        api_version: leak_str(suite["metadata"]["apiVersion"].as_str().unwrap()),
        protocol,
        xml_namespace: NAMESPACE,
        target_prefix: leak_str(suite["metadata"]["targetPrefix"].as_str().unwrap_or_default()),
        message_member: "message",
        shapes: table.leak(),
        operations: &[],
        actions: &[],
        errors: &[],
    }))
}

/// The operation of a case.
pub fn operation(schema: &Schema, given: &Json) -> OperationFacts {
    let shape = |side: &str| given[side]["shape"].as_str().map(|name| id(schema, name));
    OperationFacts {
        name: leak_str(given["name"].as_str().unwrap()),
        input: shape("input"),
        output: shape("output"),
        result_wrapper: given["output"]["resultWrapper"].as_str().map(leak_str),
        errors: &[],
    }
}

/// A shape by name.
pub fn id(schema: &Schema, name: &str) -> ShapeId {
    let place = schema.shapes.iter().position(|shape| shape.name == name).unwrap();
    ShapeId(place.try_into().unwrap())
}

/// Parameters or results, as the test files write them, as a value.
pub fn value(schema: &Schema, shape: ShapeId, json: &Json) -> Value {
    let text = || json.as_str().unwrap().to_owned();
    match schema.shape(shape).kind {
        Kind::Boolean => Value::Bool(json.as_bool().unwrap()),
        Kind::Integer(_) | Kind::Long(_) => Value::I64(json.as_i64().unwrap()),
        Kind::Double => Value::F64(match json.as_str() {
            Some("NaN") => f64::NAN,
            Some("Infinity") => f64::INFINITY,
            Some("-Infinity") => f64::NEG_INFINITY,
            _ => json.as_f64().unwrap(),
        }),
        Kind::String(_) => Value::Str(text()),
        Kind::Blob => Value::Bytes(text().into_bytes()),
        Kind::Timestamp(_) => Value::Time(Time { epoch_us: micros(json.as_f64().unwrap()) }),
        Kind::List(list) => {
            let items = json.as_array().unwrap().iter();
            Value::List(items.map(|item| value(schema, list.member.shape, item)).collect())
        }
        Kind::Map(map) => {
            let entries = json.as_object().unwrap().iter();
            let typed =
                |(key, item): (&String, &Json)| (key.clone(), value(schema, map.value.shape, item));
            Value::Map(entries.map(typed).collect())
        }
        Kind::Structure(members) => {
            let mut fields = Fields::default();
            for (index, member) in (0..).zip(members) {
                if let Some(item) = json.get(member.name).filter(|item| !item.is_null()) {
                    fields.set(index, value(schema, member.shape, item));
                }
            }
            Value::Struct(fields)
        }
    }
}

fn micros(seconds: f64) -> i64 {
    // The files give milliseconds at most.
    (seconds * 1000.0).round() as i64 * 1000
}

fn kind(shape: &Json, ids: &BTreeMap<&str, ShapeId>) -> Kind {
    let flattened = shape["flattened"].as_bool().unwrap_or(false);
    match shape["type"].as_str().unwrap() {
        "boolean" => Kind::Boolean,
        "integer" => Kind::Integer(Range::ANY),
        "long" => Kind::Long(Range::ANY),
        "double" | "float" => Kind::Double,
        "string" => Kind::String(Text::ANY),
        "blob" => Kind::Blob,
        "timestamp" => Kind::Timestamp(format(shape)),
        "list" => Kind::List(List {
            member: member("member", &shape["member"], ids),
            flattened,
            length: Range::ANY,
        }),
        "map" => Kind::Map(Map {
            key: member("key", &shape["key"], ids),
            value: member("value", &shape["value"], ids),
            flattened,
        }),
        "structure" => {
            let members = shape["members"].as_object().unwrap().iter();
            let table: Vec<_> = members.map(|(name, to)| member(name, to, ids)).collect();
            Kind::Structure(table.leak())
        }
        other => panic!("type {other}"),
    }
}

fn member(name: &str, reference: &Json, ids: &BTreeMap<&str, ShapeId>) -> Member {
    let text = |key: &str| reference[key].as_str().map(leak_str);
    Member {
        location: text("locationName"),
        query_name: text("queryName"),
        flattened: reference["flattened"].as_bool().unwrap_or(false),
        timestamp: format(reference),
        namespace: namespace(&reference["xmlNamespace"]),
        ..Member::new(leak_str(name), ids[reference["shape"].as_str().unwrap()])
    }
}

fn format(json: &Json) -> Option<TimestampFormat> {
    Some(match json["timestampFormat"].as_str()? {
        "iso8601" => TimestampFormat::Iso8601,
        "unixTimestamp" => TimestampFormat::UnixTimestamp,
        "rfc822" => TimestampFormat::Rfc822,
        other => panic!("timestamp format {other}"),
    })
}

fn namespace(json: &Json) -> Option<Namespace> {
    match json {
        Json::String(uri) => Some(Namespace { prefix: None, uri: leak_str(uri) }),
        Json::Object(parts) => Some(Namespace {
            prefix: parts.get("prefix").and_then(Json::as_str).map(leak_str),
            uri: leak_str(parts["uri"].as_str().unwrap()),
        }),
        _ => None,
    }
}

fn leak_str(text: &str) -> &'static str {
    String::leak(text.to_owned())
}
