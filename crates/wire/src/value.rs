//! One tree for every message of every protocol, and the bridge from it to typed structures.
//!
//! Codecs read and write [`Value`]; services read and write generated structures; [`ToValue`] and
//! [`FromValue`] join the two. A codec therefore never sees a service, nor a service a codec.
//!
//! Invariant: the entries of [`Fields`] are strictly increasing in their member index, so an
//! encoder walks them in the order of the model and a lookup is one binary search.

use std::collections::BTreeMap;
use std::fmt;

use crate::schema::ShapeId;
use crate::time::Time;

/// A message, or a part of one.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// Explicitly nothing; a structure simply has no entry for an absent member.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// Every integer type of the model; the schema bounds it.
    I64(i64),
    /// Every floating point type of the model.
    F64(f64),
    /// Text.
    Str(String),
    /// Text that must not be shown: the model, or our overlay on it, calls the shape sensitive.
    Sensitive(Sensitive),
    /// A blob, already decoded from the protocol's encoding.
    Bytes(Vec<u8>),
    /// A blob that must not be shown.
    SensitiveBytes(SensitiveBytes),
    /// An instant.
    Time(Time),
    /// A list, in order.
    List(Vec<Value>),
    /// A map from text.
    Map(BTreeMap<String, Value>),
    /// A structure, by member index.
    Struct(Fields),
}

/// The present members of a structure, by their index in the schema.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fields {
    entries: Vec<(u16, Value)>,
}

/// Text that [`fmt::Debug`] does not show.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Sensitive(String);

/// Bytes that [`fmt::Debug`] does not show.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SensitiveBytes(Vec<u8>);

/// A value whose kind is not the one that the structure asks for.
///
/// After a codec has run this is a bug of ours, because codecs produce the schema's kinds; it is
/// typed because run-time schemas and hand-made values exist too.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at '{path}': expected {expected}, found {found}")]
pub struct Mismatch {
    /// Dotted path from the outermost structure, list positions from 1.
    pub path: String,
    /// What the structure asks for.
    pub expected: &'static str,
    /// What the tree holds.
    pub found: &'static str,
}

/// Into the tree.
pub trait ToValue {
    /// The tree that carries this.
    fn to_value(&self) -> Value;
}

/// Out of the tree.
pub trait FromValue: Sized {
    /// Takes the tree apart.
    ///
    /// # Errors
    /// When a part of the tree has another kind than the type asks for.
    fn from_value(value: Value) -> Result<Self, Mismatch>;
}

/// A generated structure: it knows its shape.
pub trait Shaped: ToValue + FromValue {
    /// The shape's place in the schema of its service.
    const SHAPE: ShapeId;
}

// === impl Value ===

impl Value {
    /// The kind, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::I64(_) => "integer",
            Self::F64(_) => "number",
            Self::Str(_) => "string",
            Self::Sensitive(_) => "sensitive string",
            Self::Bytes(_) => "blob",
            Self::SensitiveBytes(_) => "sensitive blob",
            Self::Time(_) => "timestamp",
            Self::List(_) => "list",
            Self::Map(_) => "map",
            Self::Struct(_) => "structure",
        }
    }

    /// Text, sensitive or not.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(text),
            Self::Sensitive(text) => Some(text.expose()),
            _ => None,
        }
    }

    fn mismatch(&self, expected: &'static str) -> Mismatch {
        Mismatch { path: String::new(), expected, found: self.kind() }
    }
}

// === impl Fields ===

impl Fields {
    /// Sets a member; a second setting replaces the first.
    pub fn set(&mut self, index: u16, value: Value) {
        match self.entries.binary_search_by_key(&index, |(at, _)| *at) {
            Ok(place) => self.entries[place].1 = value,
            Err(place) => self.entries.insert(place, (index, value)),
        }
    }

    /// Sets a member when it is there.
    pub fn put<T: ToValue>(&mut self, index: u16, member: &Option<T>) {
        if let Some(member) = member {
            self.set(index, member.to_value());
        }
    }

    /// A member that is there.
    pub fn value(&self, index: u16) -> Option<&Value> {
        let place = self.entries.binary_search_by_key(&index, |(at, _)| *at).ok()?;
        match &self.entries[place].1 {
            Value::Null => None,
            value => Some(value),
        }
    }

    /// Moves a member out, typed.
    ///
    /// # Errors
    /// When the member is there but of another kind.
    pub fn take<T: FromValue>(&mut self, index: u16, name: &str) -> Result<Option<T>, Mismatch> {
        let Ok(place) = self.entries.binary_search_by_key(&index, |(at, _)| *at) else {
            return Ok(None);
        };
        match std::mem::take(&mut self.entries[place].1) {
            Value::Null => Ok(None),
            value => T::from_value(value).map(Some).map_err(|error| error.under(name)),
        }
    }

    /// The members that are there, in the order of the model.
    pub fn iter(&self) -> impl Iterator<Item = (u16, &Value)> {
        self.entries.iter().map(|(index, value)| (*index, value))
    }

    /// Whether no member is there.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl FromValue for Fields {
    fn from_value(value: Value) -> Result<Self, Mismatch> {
        match value {
            Value::Struct(fields) => Ok(fields),
            other => Err(other.mismatch("structure")),
        }
    }
}

// === impl Sensitive ===

impl Sensitive {
    /// Wraps text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself. Never log it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Sensitive {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("***")
    }
}

// === impl SensitiveBytes ===

impl SensitiveBytes {
    /// Wraps bytes.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes themselves. Never log them.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SensitiveBytes {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("***")
    }
}

// === impl Mismatch ===

impl Mismatch {
    fn under(mut self, name: &str) -> Self {
        self.path = match self.path.is_empty() {
            true => name.to_owned(),
            false => format!("{name}.{}", self.path),
        };
        self
    }
}

// === impl ToValue, FromValue ===

/// Joins a type that one variant carries unchanged to that variant.
macro_rules! scalar {
    ($type:ty, $variant:ident, $name:literal) => {
        impl ToValue for $type {
            fn to_value(&self) -> Value {
                Value::$variant(self.clone())
            }
        }
        impl FromValue for $type {
            fn from_value(value: Value) -> Result<Self, Mismatch> {
                match value {
                    Value::$variant(inner) => Ok(inner),
                    other => Err(other.mismatch($name)),
                }
            }
        }
    };
}

scalar!(bool, Bool, "boolean");
scalar!(i64, I64, "integer");
scalar!(f64, F64, "number");
scalar!(String, Str, "string");
scalar!(Sensitive, Sensitive, "sensitive string");
scalar!(Vec<u8>, Bytes, "blob");
scalar!(SensitiveBytes, SensitiveBytes, "sensitive blob");
scalar!(Time, Time, "timestamp");

impl ToValue for i32 {
    fn to_value(&self) -> Value {
        Value::I64(i64::from(*self))
    }
}

impl FromValue for i32 {
    fn from_value(value: Value) -> Result<Self, Mismatch> {
        let wide = i64::from_value(value)?;
        i32::try_from(wide).map_err(|_| Value::I64(wide).mismatch("32-bit integer"))
    }
}

impl<T: ToValue> ToValue for Vec<T> {
    fn to_value(&self) -> Value {
        Value::List(self.iter().map(ToValue::to_value).collect())
    }
}

impl<T: FromValue> FromValue for Vec<T> {
    fn from_value(value: Value) -> Result<Self, Mismatch> {
        let Value::List(items) = value else {
            return Err(value.mismatch("list"));
        };
        let typed = items.into_iter().enumerate().map(|(position, item)| {
            T::from_value(item).map_err(|error| error.under(&(position + 1).to_string()))
        });
        typed.collect()
    }
}

impl<T: ToValue> ToValue for BTreeMap<String, T> {
    fn to_value(&self) -> Value {
        Value::Map(self.iter().map(|(key, item)| (key.clone(), item.to_value())).collect())
    }
}

impl<T: FromValue> FromValue for BTreeMap<String, T> {
    fn from_value(value: Value) -> Result<Self, Mismatch> {
        let Value::Map(items) = value else {
            return Err(value.mismatch("map"));
        };
        let typed = items.into_iter().map(|(key, item)| match T::from_value(item) {
            Ok(item) => Ok((key, item)),
            Err(error) => Err(error.under(&key)),
        });
        typed.collect()
    }
}

/// Joins a generated structure to the tree; used by `generated` only.
macro_rules! bind {
    ($type:ident, $shape:expr, { $($field:ident: $index:literal $name:literal),* $(,)? }) => {
        impl $crate::value::Shaped for $type {
            const SHAPE: $crate::schema::ShapeId = $shape;
        }
        impl $crate::value::ToValue for $type {
            fn to_value(&self) -> $crate::value::Value {
                #[allow(unused_mut)]
                let mut fields = $crate::value::Fields::default();
                $(fields.put($index, &self.$field);)*
                $crate::value::Value::Struct(fields)
            }
        }
        impl $crate::value::FromValue for $type {
            fn from_value(
                value: $crate::value::Value,
            ) -> Result<Self, $crate::value::Mismatch> {
                #[allow(unused_mut, unused_variables)]
                let mut fields = <$crate::value::Fields as $crate::value::FromValue>::from_value(
                    value,
                )?;
                Ok(Self { $($field: fields.take($index, $name)?,)* })
            }
        }
    };
}
pub(crate) use bind;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_kept_in_member_order_and_replaced() {
        let mut fields = Fields::default();
        for (index, text) in [(3, "c"), (1, "a"), (3, "d")] {
            fields.set(index, Value::Str(text.into()));
        }
        let seen: Vec<_> = fields.iter().map(|(at, value)| (at, value.text().unwrap())).collect();
        assert_eq!(seen, [(1, "a"), (3, "d")]);
    }

    #[test]
    fn a_mismatch_names_the_path() {
        let value = Value::List(vec![Value::Str("a".into()), Value::I64(1)]);
        let error = Vec::<String>::from_value(value).unwrap_err();
        assert_eq!(
            error.under("Names").to_string(),
            "at 'Names.2': expected string, found integer"
        );
        let wide = i32::from_value(Value::I64(1 << 40)).unwrap_err();
        assert_eq!(wide.expected, "32-bit integer");
    }

    #[test]
    fn sensitive_text_is_not_shown() {
        let value = Value::Sensitive(Sensitive::new("hunter2"));
        assert_eq!(format!("{value:?}"), "Sensitive(***)");
    }
}
