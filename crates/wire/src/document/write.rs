//! A value becomes the document of its shape.
//!
//! Invariant: absent members are absent, never `null`; members come in the order of the model.

use super::{Document, Encoding};
use crate::base64;
use crate::schema::{Kind, Member, Schema, Shape, ShapeId, TimestampFormat};
use crate::time::Time;
use crate::value::{Fields, Value};
use crate::xml_out::EncodeError;

struct Writer<'a> {
    schema: &'a Schema,
    encoding: Encoding,
}

/// The bytes of a document.
pub(crate) fn encode(document: &Document, encoding: Encoding) -> Vec<u8> {
    match encoding {
        Encoding::Json => super::json::write(document),
        Encoding::Cbor => super::cbor::write(document),
    }
}

/// The members of a structure, as the entries of its map.
pub(crate) fn members(
    schema: &Schema,
    id: ShapeId,
    value: &Value,
    encoding: Encoding,
) -> Result<Vec<(String, Document)>, EncodeError> {
    let shape = schema.shape(id);
    match (shape.kind, value) {
        (Kind::Structure(members), Value::Struct(fields)) => {
            Writer { schema, encoding }.fields(members, fields)
        }
        _ => Err(misfit(shape, value)),
    }
}

// === impl Writer ===

impl Writer<'_> {
    fn fields(
        &self,
        members: &[Member],
        fields: &Fields,
    ) -> Result<Vec<(String, Document)>, EncodeError> {
        let mut entries = Vec::new();
        for (index, value) in fields.iter() {
            if let Some(member) = members.get(usize::from(index))
                && *value != Value::Null
            {
                entries.push((member.wire_name().to_owned(), self.member(member, value)?));
            }
        }
        Ok(entries)
    }

    fn member(&self, member: &Member, value: &Value) -> Result<Document, EncodeError> {
        let shape = self.schema.shape(member.shape);
        match (shape.kind, value) {
            (Kind::Structure(members), Value::Struct(fields)) => {
                self.fields(members, fields).map(Document::Map)
            }
            (Kind::List(list), Value::List(items)) => {
                let items = items.iter().map(|item| self.member(&list.member, item));
                Ok(Document::List(items.collect::<Result<_, _>>()?))
            }
            (Kind::Map(map), Value::Map(entries)) => {
                let entries = entries
                    .iter()
                    .map(|(key, item)| Ok((key.clone(), self.member(&map.value, item)?)));
                Ok(Document::Map(entries.collect::<Result<_, _>>()?))
            }
            _ => self.scalar(member, shape, value).ok_or_else(|| misfit(shape, value)),
        }
    }

    fn scalar(&self, member: &Member, shape: &Shape, value: &Value) -> Option<Document> {
        Some(match (shape.kind, value) {
            (Kind::Boolean, Value::Bool(flag)) => Document::Bool(*flag),
            (Kind::Integer(_) | Kind::Long(_), Value::I64(number)) => Document::I64(*number),
            (Kind::Double, Value::F64(number)) => self.double(*number),
            (Kind::Blob, Value::Bytes(bytes)) => self.blob(bytes),
            (Kind::Blob, Value::SensitiveBytes(bytes)) => self.blob(bytes.expose()),
            (Kind::Timestamp(own), Value::Time(time)) => {
                self.instant(*time, member.timestamp.or(own))
            }
            (Kind::String(_), text) => Document::Text(text.text()?.to_owned()),
            _ => return None,
        })
    }

    fn double(&self, number: f64) -> Document {
        match (self.encoding, number) {
            (Encoding::Json, number) if number.is_nan() => Document::Text("NaN".into()),
            (Encoding::Json, f64::INFINITY) => Document::Text("Infinity".into()),
            (Encoding::Json, f64::NEG_INFINITY) => Document::Text("-Infinity".into()),
            _ => Document::F64(number),
        }
    }

    fn blob(&self, bytes: &[u8]) -> Document {
        match self.encoding {
            Encoding::Json => Document::Text(base64::encode(bytes)),
            Encoding::Cbor => Document::Bytes(bytes.to_vec()),
        }
    }

    fn instant(&self, time: Time, format: Option<TimestampFormat>) -> Document {
        match (self.encoding, format) {
            (Encoding::Cbor, _) => Document::Time(time),
            (Encoding::Json, None | Some(TimestampFormat::UnixTimestamp)) => {
                Document::F64(time.seconds())
            }
            (Encoding::Json, Some(format)) => Document::Text(time.format(format)),
        }
    }
}

// === helpers ===

fn misfit(shape: &Shape, value: &Value) -> EncodeError {
    EncodeError { shape: shape.name, found: value.kind() }
}
