//! A document becomes the value of a shape.
//!
//! Members that the shape does not have are ignored, `null` is absence, and a value of another
//! kind is refused in the words of AWS's own JSON front end.
//!
//! Invariant: recursion follows the document, whose depth is bounded, never the shape.

use std::collections::BTreeMap;

use super::{Document, Encoding};
use crate::base64;
use crate::query_in::DecodeError;
use crate::schema::{Kind, Member, Schema, Shape, ShapeId, TimestampFormat};
use crate::time::Time;
use crate::value::{Fields, Sensitive, SensitiveBytes, Value};

struct Reader<'a> {
    schema: &'a Schema,
    encoding: Encoding,
}

/// Decodes the input of an operation; one without input shape takes nothing.
pub(crate) fn decode(
    schema: &Schema,
    input: Option<ShapeId>,
    document: Document,
    encoding: Encoding,
) -> Result<Value, DecodeError> {
    let members = input.map(|id| schema.shape(id).members()).unwrap_or_default();
    match document {
        Document::Map(entries) => Reader { schema, encoding }.structure(members, entries),
        Document::Null => Ok(Value::Struct(Fields::default())),
        // Whatever an operation without input is sent says nothing.
        _ if input.is_none() => Ok(Value::Struct(Fields::default())),
        _ => Err(refuse("Start of structure or map is expected.")),
    }
}

// === impl Reader ===

impl Reader<'_> {
    fn structure(
        &self,
        members: &[Member],
        entries: Vec<(String, Document)>,
    ) -> Result<Value, DecodeError> {
        let mut fields = Fields::default();
        for (name, document) in entries {
            let known = (0u16..).zip(members).find(|(_, member)| member.wire_name() == name);
            if let Some((index, member)) = known {
                // A repeated name replaces, also by nothing.
                fields.set(index, self.member(member, document)?);
            }
        }
        Ok(Value::Struct(fields))
    }

    fn member(&self, member: &Member, document: Document) -> Result<Value, DecodeError> {
        let shape = self.schema.shape(member.shape);
        match (shape.kind, document) {
            (_, Document::Null) => Ok(Value::Null),
            (Kind::Structure(members), Document::Map(entries)) => self.structure(members, entries),
            (Kind::List(list), Document::List(items)) => {
                let present = items.into_iter().filter(|item| !matches!(item, Document::Null));
                let values = present.map(|item| self.member(&list.member, item));
                Ok(Value::List(values.collect::<Result<_, _>>()?))
            }
            (Kind::Map(map), Document::Map(entries)) => {
                let mut values = BTreeMap::new();
                for (key, item) in entries {
                    match self.member(&map.value, item)? {
                        Value::Null => values.remove(&key),
                        value => values.insert(key, value),
                    };
                }
                Ok(Value::Map(values))
            }
            (_, document) => self.scalar(member, shape, document),
        }
    }

    fn scalar(
        &self,
        member: &Member,
        shape: &Shape,
        document: Document,
    ) -> Result<Value, DecodeError> {
        let value = match (shape.kind, &document) {
            (Kind::Boolean, Document::Bool(flag)) => Some(Value::Bool(*flag)),
            (Kind::Integer(_), _) => {
                let number = whole(&document).and_then(|number| i32::try_from(number).ok());
                number.map(|number| Value::I64(number.into()))
            }
            (Kind::Long(_), _) => whole(&document).map(Value::I64),
            (Kind::Double, _) => double(&document).map(Value::F64),
            (Kind::Blob, _) => self.blob(&document).map(|bytes| match shape.sensitive {
                true => Value::SensitiveBytes(SensitiveBytes::new(bytes)),
                false => Value::Bytes(bytes),
            }),
            (Kind::Timestamp(own), _) => instant(&document, member.timestamp.or(own)),
            (Kind::String(_), Document::Text(text)) => Some(match shape.sensitive {
                true => Value::Sensitive(Sensitive::new(text.as_str())),
                false => Value::Str(text.clone()),
            }),
            _ => None,
        };
        value.ok_or_else(|| refuse(mismatch(&document, shape)))
    }

    fn blob(&self, document: &Document) -> Option<Vec<u8>> {
        match (self.encoding, document) {
            (Encoding::Json, Document::Text(text)) => base64::decode(text),
            (Encoding::Cbor, Document::Bytes(bytes)) => Some(bytes.clone()),
            _ => None,
        }
    }
}

// === helpers ===

fn whole(document: &Document) -> Option<i64> {
    match document {
        Document::I64(number) => Some(*number),
        // `5.0` is an integer to JavaScript, and 2^53 bounds what such a client means exactly.
        Document::F64(number)
            if number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0 =>
        {
            Some(*number as i64)
        }
        _ => None,
    }
}

fn double(document: &Document) -> Option<f64> {
    match document {
        Document::I64(number) => Some(*number as f64),
        Document::F64(number) => Some(*number),
        Document::Text(text) => match text.as_str() {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            _ => None,
        },
        _ => None,
    }
}

/// Seconds since 1970 unless the model says otherwise; text is read whatever it says, because
/// there is no doubt what it means.
fn instant(document: &Document, format: Option<TimestampFormat>) -> Option<Value> {
    let time = match (document, format) {
        (Document::Time(time), _) => *time,
        (Document::I64(seconds), _) => Time::from_epoch_s(*seconds),
        (Document::F64(seconds), _) if seconds.is_finite() => Time::from_seconds(*seconds),
        (Document::Text(text), Some(TimestampFormat::Rfc822)) => Time::parse_rfc822(text)?,
        (Document::Text(text), _) => Time::parse(text)?,
        _ => return None,
    };
    Some(Value::Time(time))
}

/// The sentence for a value of the wrong kind; it shows nothing of the value.
fn mismatch(document: &Document, shape: &Shape) -> String {
    let wanted = match shape.kind {
        Kind::Boolean => "Boolean",
        Kind::Integer(_) => "Integer",
        Kind::Long(_) => "Long",
        Kind::Double => "Double",
        Kind::String(_) => "String",
        Kind::Blob => "Blob",
        Kind::Timestamp(_) => "Timestamp",
        Kind::List(_) => "List",
        Kind::Map(_) => "Map",
        Kind::Structure(_) => "Structure",
    };
    let is_container = matches!(wanted, "List" | "Map" | "Structure");
    let token = match document {
        Document::List(_) => return "Start of list found where not expected".to_owned(),
        Document::Map(_) => {
            return "Start of structure or map found where not expected.".to_owned();
        }
        _ if is_container => return format!("Expected {} or null", wanted.to_lowercase()),
        Document::Bool(true) => "TRUE_VALUE",
        Document::Bool(false) => "FALSE_VALUE",
        Document::F64(number) if number.fract() != 0.0 => "DECIMAL_VALUE",
        Document::I64(_) | Document::F64(_) => "NUMBER_VALUE",
        _ => "STRING_VALUE",
    };
    let article = if wanted == "Integer" { "an" } else { "a" };
    format!("{token} cannot be converted to {article} {wanted}")
}

fn refuse(message: impl Into<String>) -> DecodeError {
    DecodeError::Document { message: message.into() }
}
