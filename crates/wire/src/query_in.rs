//! Input of awsQuery and ec2Query: a form becomes the value of an operation's input.
//!
//! The two dialects differ in names and lists only: awsQuery writes `Tags.member.1.Key`, ec2Query
//! `Tag.1.Key`. One interpreter reads both.
//!
//! Invariant: the depth of recursion is bounded by the dots in a name, hence by
//! [`limits::DEPTH_MAX`](crate::limits::DEPTH_MAX), because nothing descends into an empty scope.

use std::collections::BTreeMap;

use crate::base64;
use crate::form::{Form, FormError, Found, Scope};
use crate::schema::{Kind, List, Map, Member, Schema, Shape, ShapeId};
use crate::time::Time;
use crate::value::{Fields, Sensitive, SensitiveBytes, Value};

/// Which names and lists to expect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Aws,
    Ec2,
}

/// Why a message is not the input of its operation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes are not a form.
    #[error(transparent)]
    Form(#[from] FormError),
    /// There is no `Action`.
    #[error("there is no Action parameter")]
    MissingAction,
    /// A scalar does not have the type of its shape.
    #[error("parameter '{key}' is not {expected}")]
    Type {
        /// Full name of the parameter.
        key: String,
        /// What was sent; empty when it is not to be shown.
        value: String,
        /// What the model asks for, with its article.
        expected: &'static str,
    },
    /// A list, map or structure is given as a scalar, the reverse, or with a bad index.
    #[error("parameter '{key}' does not fit {expected}")]
    Structure {
        /// Full name of the parameter.
        key: String,
        /// What the model asks for, with its article.
        expected: &'static str,
    },
    /// A JSON or CBOR message cannot be read, or holds a value of another kind.
    #[error("{message}")]
    Document {
        /// What is wrong, in AWS's words where they are known.
        message: String,
    },
    /// The operation has no such parameter (ec2Query; awsQuery ignores it).
    #[error("the parameter {0} is not recognized")]
    Unknown(String),
}

struct Reader<'a> {
    schema: &'a Schema,
    form: &'a Form,
    dialect: Dialect,
    /// Which pairs some member has claimed.
    claimed: Vec<bool>,
}

/// Decodes the input of an operation; one without input shape takes nothing.
pub(crate) fn decode(
    schema: &Schema,
    input: Option<ShapeId>,
    form: &Form,
    dialect: Dialect,
) -> Result<Value, DecodeError> {
    let mut reader = Reader { schema, form, dialect, claimed: vec![false; form.len()] };
    let members = input.map(|id| schema.shape(id).members()).unwrap_or_default();
    let value = reader.structure(members, form.root())?;
    match dialect {
        Dialect::Aws => Ok(value),
        Dialect::Ec2 => reader.nothing_left().map(|()| value),
    }
}

// === impl Reader ===

impl<'a> Reader<'a> {
    fn structure(&mut self, members: &[Member], scope: Scope) -> Result<Value, DecodeError> {
        let mut fields = Fields::default();
        for (index, member) in (0u16..).zip(members) {
            let found = match self.dialect {
                Dialect::Aws => self.form.find(scope, member.wire_name()),
                Dialect::Ec2 => self.form.find(scope, &ec2_name(member)),
            };
            if !found.is_absent() {
                fields.set(index, self.member(member, found)?);
            }
        }
        Ok(Value::Struct(fields))
    }

    fn member(&mut self, member: &Member, found: Found) -> Result<Value, DecodeError> {
        let shape = self.schema.shape(member.shape);
        match shape.kind {
            Kind::List(list) => self.list(&list, list.flattened || member.flattened, found),
            Kind::Map(map) => self.map(&map, map.flattened || member.flattened, found),
            Kind::Structure(members) => {
                self.container(found, "a structure")?;
                self.structure(members, found.below)
            }
            _ => self.scalar(shape, found),
        }
    }

    fn list(&mut self, list: &List, flattened: bool, found: Found) -> Result<Value, DecodeError> {
        self.container(found, "a list")?;
        let flattened = flattened || self.dialect == Dialect::Ec2;
        let wrapper = self.form.find(found.below, list.member.location.unwrap_or("member"));
        // Old clients leave `.member` out; the numbers follow directly.
        let scope = if flattened || wrapper.is_absent() { found.below } else { wrapper.below };
        let items = self.numbered(scope, found, "a list")?;
        let values = items.into_iter().map(|item| self.member(&list.member, item));
        Ok(Value::List(values.collect::<Result<_, _>>()?))
    }

    fn map(&mut self, map: &Map, flattened: bool, found: Found) -> Result<Value, DecodeError> {
        self.container(found, "a map")?;
        let scope = match flattened {
            true => found.below,
            false => self.form.find(found.below, "entry").below,
        };
        let mut values = BTreeMap::new();
        for item in self.numbered(scope, found, "a map")? {
            let key = self.form.find(item.below, map.key.wire_name());
            let value = self.form.find(item.below, map.value.wire_name());
            if key.is_absent() || value.is_absent() {
                return Err(self.misfit(item, "an entry of a map"));
            }
            let key = self.own(key)?.to_owned();
            values.insert(key, self.member(&map.value, value)?);
        }
        Ok(Value::Map(values))
    }

    fn scalar(&mut self, shape: &Shape, found: Found) -> Result<Value, DecodeError> {
        let text = self.own(found)?;
        let (value, expected) = match shape.kind {
            Kind::Boolean => (boolean(text), "a boolean"),
            Kind::Integer(_) => {
                let number = unsigned(text).and_then(|text| text.parse::<i32>().ok());
                (number.map(|number| Value::I64(number.into())), "an integer")
            }
            Kind::Long(_) => {
                let number = unsigned(text).and_then(|text| text.parse().ok());
                (number.map(Value::I64), "a long integer")
            }
            Kind::Double => (double(text).map(Value::F64), "a number"),
            Kind::Blob if shape.sensitive => {
                let bytes = base64::decode(text).map(SensitiveBytes::new);
                (bytes.map(Value::SensitiveBytes), "base64")
            }
            Kind::Blob => (base64::decode(text).map(Value::Bytes), "base64"),
            Kind::Timestamp(_) => (Time::parse(text).map(Value::Time), "an ISO 8601 timestamp"),
            _ if shape.sensitive => (Some(Value::Sensitive(Sensitive::new(text))), "text"),
            _ => (Some(Value::Str(text.to_owned())), "text"),
        };
        value.ok_or_else(|| DecodeError::Type {
            key: self.key(found),
            value: match shape.kind {
                Kind::Blob => String::new(),
                _ => text.chars().take(crate::limits::ECHO_CHARS_MAX).collect(),
            },
            expected,
        })
    }

    /// A list, a map or a structure may be given as `Name=`, which means an empty one, or by what
    /// lies below it, but not both.
    fn container(&mut self, found: Found, expected: &'static str) -> Result<(), DecodeError> {
        let Some(own) = found.own else {
            return Ok(());
        };
        self.claimed[own] = true;
        let empty = self.form.pair(own).1.is_empty() && found.below.is_empty();
        if empty { Ok(()) } else { Err(self.misfit(found, expected)) }
    }

    fn numbered(
        &self,
        scope: Scope,
        found: Found,
        expected: &'static str,
    ) -> Result<Vec<Found>, DecodeError> {
        let items = self.form.numbered(scope).ok_or_else(|| self.misfit(found, expected))?;
        // Something lies below, yet no item: `Names.member=x`, `Names.entry=x`.
        if items.is_empty() && !found.below.is_empty() {
            return Err(self.misfit(found, expected));
        }
        Ok(items)
    }

    /// The text of a scalar.
    fn own(&mut self, found: Found) -> Result<&'a str, DecodeError> {
        let form = self.form;
        match found.own {
            Some(own) if found.below.is_empty() => {
                self.claimed[own] = true;
                Ok(form.pair(own).1)
            }
            _ => Err(self.misfit(found, "a single value")),
        }
    }

    fn misfit(&self, found: Found, expected: &'static str) -> DecodeError {
        DecodeError::Structure { key: self.key(found), expected }
    }

    fn key(&self, found: Found) -> String {
        self.form.pair(found.any()).0.to_owned()
    }

    fn nothing_left(&self) -> Result<(), DecodeError> {
        let unclaimed = self.form.pairs().zip(&self.claimed).filter(|(_, claimed)| !**claimed);
        let stranger = unclaimed.map(|((key, _), _)| key).find(|key| !is_common(key));
        stranger.map_or(Ok(()), |key| Err(DecodeError::Unknown(key.to_owned())))
    }
}

// === helpers ===

/// `queryName`, else the capitalised `locationName`, else the capitalised name.
// spec: control-plane §1.5 awsQuery wire format
fn ec2_name(member: &Member) -> String {
    if let Some(name) = member.query_name {
        return name.to_owned();
    }
    let mut letters = member.wire_name().chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// Text that may be a number: AWS writes and reads no plus sign.
fn unsigned(text: &str) -> Option<&str> {
    (!text.starts_with('+')).then_some(text)
}

fn boolean(text: &str) -> Option<Value> {
    let is = |word: &str| text.eq_ignore_ascii_case(word);
    (is("true") || is("false")).then(|| Value::Bool(is("true")))
}

fn double(text: &str) -> Option<f64> {
    match text {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        // Rust would also read words such as "inf".
        _ if text.bytes().all(|byte| b"0123456789+-.eE".contains(&byte)) => text.parse().ok(),
        _ => None,
    }
}

/// Parameters that belong to the envelope or to the signature, not to the operation.
fn is_common(key: &str) -> bool {
    let old = ["Action", "Version", "AWSAccessKeyId", "Expires", "SecurityToken", "Timestamp"];
    old.contains(&key) || key.starts_with("X-Amz-") || key.starts_with("Signature")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::generated::{ec2, elbv2};
    use crate::value::Shaped;

    fn read<T: Shaped>(schema: &Schema, dialect: Dialect, text: &str) -> Result<T, DecodeError> {
        let form = Form::parse(b"Action=A&Version=V", text.as_bytes())?;
        let value = decode(schema, Some(T::SHAPE), &form, dialect)?;
        Ok(T::from_value(value).unwrap())
    }

    fn elb<T: Shaped>(text: &str) -> Result<T, DecodeError> {
        read(&elbv2::SCHEMA, Dialect::Aws, text)
    }

    #[test]
    fn absent_empty_and_filled_lists_differ() {
        let names = |text| elb::<elbv2::DescribeLoadBalancersInput>(text).unwrap().names;
        assert_eq!(names(""), None);
        assert_eq!(names("Names="), Some(vec![]));
        let some = Some(vec!["a".to_owned(), "b".to_owned()]);
        assert_eq!(names("Names.member.7=b&Names.member.2=a"), some);
        assert_eq!(names("Names.2=b&Names.1=a"), some);
    }

    #[test]
    fn nested_structures_maps_and_empty_text() {
        let text = "DefaultActions.member.1.AuthenticateOidcConfig.AuthenticationRequestExtraParams\
                    .entry.1.key=p&DefaultActions.member.1.AuthenticateOidcConfig\
                    .AuthenticationRequestExtraParams.entry.1.value=q\
                    &DefaultActions.member.1.AuthenticateOidcConfig.ClientSecret=hush\
                    &Tags.member.1.Key=k&Tags.member.1.Value=&Port=80&Unheard=of";
        let input: elbv2::CreateListenerInput = elb(text).unwrap();
        assert!(!format!("{input:?}").contains("hush"));
        let action = input.default_actions.unwrap().remove(0);
        let oidc = action.authenticate_oidc_config.unwrap();
        assert_eq!(oidc.client_secret.unwrap().expose(), "hush");
        assert_eq!(oidc.authentication_request_extra_params.unwrap()["p"], "q");
        assert_eq!(input.tags.unwrap()[0].value.as_deref(), Some(""));
        assert_eq!(input.port, Some(80));
    }

    #[test]
    fn what_does_not_fit() {
        let error = |text| elb::<elbv2::CreateListenerInput>(text).unwrap_err().to_string();
        assert_eq!(error("Port=abc"), "parameter 'Port' is not an integer");
        assert_eq!(error("Port=4294967376"), "parameter 'Port' is not an integer");
        assert_eq!(error("Port.x=1"), "parameter 'Port.x' does not fit a single value");
        for text in [
            "Tags=x",
            "Tags.member=x",
            "Tags.member.x=1",
            "Tags=&Tags.member.1.Key=a",
            "Tags.member.1=x",
            "Tags.member.99999999999.Key=x",
        ] {
            assert!(error(text).contains("does not fit"), "{text}");
        }
    }

    #[test]
    fn ec2_names_lists_and_strangers() {
        let text = "Filter.1.Name=vpc-id&Filter.1.Value.1=a&Filter.1.Value.2=b&VpcId.1=v&\
                    X-Amz-Date=1&MaxResults=5";
        let input: ec2::DescribeVpcsRequest = read(&ec2::SCHEMA, Dialect::Ec2, text).unwrap();
        let filter = &input.filters.unwrap()[0];
        assert_eq!(filter.values, Some(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(input.vpc_ids, Some(vec!["v".to_owned()]));
        let stranger =
            read::<ec2::DescribeVpcsRequest>(&ec2::SCHEMA, Dialect::Ec2, "VpcIds.1=v").unwrap_err();
        assert_eq!(stranger, DecodeError::Unknown("VpcIds.1".into()));
    }

    proptest! {
        #[test]
        fn any_form_decodes_or_is_refused(
            text in "((Tags|DefaultActions|Port|Names)\
                     (\\.(member|entry|1|2|0|Key|Type|key)){0,4}=[a1]?&){0,6}"
        ) {
            let _ = elb::<elbv2::CreateListenerInput>(&text);
            let _ = read::<ec2::RunInstancesRequest>(&ec2::SCHEMA, Dialect::Ec2, &text);
        }

        #[test]
        fn any_bytes_decode_or_are_refused(
            bytes in proptest::collection::vec(any::<u8>(), 0..200)
        ) {
            if let Ok(form) = Form::parse(b"", &bytes) {
                let shape = Some(elbv2::CreateListenerInput::SHAPE);
                let _ = decode(&elbv2::SCHEMA, shape, &form, Dialect::Aws);
            }
        }
    }
}
