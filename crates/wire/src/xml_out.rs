//! Output of awsQuery and ec2Query: a value becomes the XML of its shape.
//!
//! Elements are named by `locationName`, else by the member; lists are wrapped unless flattened;
//! an empty list is an empty element and an absent one is no element, because clients tell the two
//! apart.
//!
//! Invariant: elements appear in the order of the model.
// spec: control-plane §1.5 awsQuery wire format

use crate::base64;
use crate::schema::{Kind, List, Map, Member, Namespace, Schema, Shape, ShapeId, TimestampFormat};
use crate::value::{Fields, Value};
use crate::xml::Writer;

/// A value that is not of its shape: a bug of ours, because services hold generated structures.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a {found} cannot be written as shape {shape}")]
pub struct EncodeError {
    /// The shape in the model.
    pub shape: &'static str,
    /// What was to be written.
    pub found: &'static str,
}

/// Writes the members of a structure into the open element.
pub(crate) fn members(
    schema: &Schema,
    id: ShapeId,
    value: &Value,
    xml: &mut Writer,
) -> Result<(), EncodeError> {
    let shape = schema.shape(id);
    match (shape.kind, value) {
        (Kind::Structure(members), Value::Struct(fields)) => {
            Encoder { schema, xml }.fields(members, fields)
        }
        _ => Err(misfit(shape, value)),
    }
}

struct Encoder<'a> {
    schema: &'a Schema,
    xml: &'a mut Writer,
}

// === impl Encoder ===

impl Encoder<'_> {
    fn fields(&mut self, members: &[Member], fields: &Fields) -> Result<(), EncodeError> {
        for (index, value) in fields.iter() {
            if let Some(member) = members.get(usize::from(index)) {
                self.member(member.wire_name(), member, value)?;
            }
        }
        Ok(())
    }

    /// Writes a value as the element `name`, or as several of them when it is flattened.
    fn member(&mut self, name: &str, member: &Member, value: &Value) -> Result<(), EncodeError> {
        let shape = self.schema.shape(member.shape);
        let namespace = member.namespace;
        match (shape.kind, value) {
            (_, Value::Null) => Ok(()),
            (Kind::List(list), Value::List(items)) if list.flattened || member.flattened => {
                items.iter().try_for_each(|item| self.member(name, &list.member, item))
            }
            (Kind::Map(map), Value::Map(_)) if map.flattened || member.flattened => {
                self.entries(name, namespace, &map, value)
            }
            _ => {
                self.xml.open(name, namespace);
                self.content(member, shape, value)?;
                self.xml.close();
                Ok(())
            }
        }
    }

    fn content(
        &mut self,
        member: &Member,
        shape: &'static Shape,
        value: &Value,
    ) -> Result<(), EncodeError> {
        match (shape.kind, value) {
            (Kind::Structure(members), Value::Struct(fields)) => self.fields(members, fields),
            (Kind::List(list), Value::List(items)) => self.items(&list, items),
            (Kind::Map(map), Value::Map(_)) => self.entries("entry", None, &map, value),
            _ => {
                let text = scalar(member, shape, value).ok_or_else(|| misfit(shape, value))?;
                self.xml.text(&text);
                Ok(())
            }
        }
    }

    fn items(&mut self, list: &List, items: &[Value]) -> Result<(), EncodeError> {
        let name = list.member.location.unwrap_or("member");
        items.iter().try_for_each(|item| self.member(name, &list.member, item))
    }

    fn entries(
        &mut self,
        name: &str,
        namespace: Option<Namespace>,
        map: &Map,
        value: &Value,
    ) -> Result<(), EncodeError> {
        let Value::Map(entries) = value else {
            return Ok(());
        };
        for (key, item) in entries {
            self.xml.open(name, namespace);
            self.member(map.key.wire_name(), &map.key, &Value::Str(key.clone()))?;
            self.member(map.value.wire_name(), &map.value, item)?;
            self.xml.close();
        }
        Ok(())
    }
}

// === helpers ===

fn misfit(shape: &'static Shape, value: &Value) -> EncodeError {
    EncodeError { shape: shape.name, found: value.kind() }
}

fn scalar(member: &Member, shape: &Shape, value: &Value) -> Option<String> {
    Some(match (shape.kind, value) {
        (Kind::Boolean, Value::Bool(flag)) => flag.to_string(),
        (Kind::Integer(_) | Kind::Long(_), Value::I64(number)) => number.to_string(),
        (Kind::Double, Value::F64(number)) => double(*number),
        (Kind::String(_), text) => text.text()?.to_owned(),
        (Kind::Blob, Value::Bytes(bytes)) => base64::encode(bytes),
        (Kind::Blob, Value::SensitiveBytes(bytes)) => base64::encode(bytes.expose()),
        (Kind::Timestamp(own), Value::Time(time)) => {
            time.format(member.timestamp.or(own).unwrap_or(TimestampFormat::Iso8601))
        }
        _ => return None,
    })
}

fn double(number: f64) -> String {
    match number {
        _ if number.is_nan() => "NaN".into(),
        _ if number.is_infinite() && number > 0.0 => "Infinity".into(),
        _ if number.is_infinite() => "-Infinity".into(),
        // With a fraction always, as a double is written: 5.0.
        _ => format!("{number:?}"),
    }
}
