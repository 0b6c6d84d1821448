//! What the model forbids, said in AWS's words.
//!
//! One generic pass over a decoded input, before the service sees it: required members, lengths,
//! ranges, patterns and closed sets.
//!
//! Invariant: a violation never shows sensitive text, and shows at most
//! [`limits::ECHO_CHARS_MAX`] characters of any other.
// spec: control-plane §1.7 Common (unmodelled) query errors

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, OnceLock, PoisonError};

use regex::Regex;

use crate::limits;
use crate::schema::{Kind, List, Map, Member, Range, Schema, Shape, ShapeId, Text};
use crate::value::{Fields, Value};

/// What this engine cannot look ahead for, and the same said without: a label that does not begin
/// with a hyphen (ACM's domain names).
const LABELS: &[(&str, &str)] = &[
    ("(?!-)[A-Za-z0-9-]{0,62}", "(?:[A-Za-z0-9][A-Za-z0-9-]{0,61})?"),
    ("(?!-)[A-Za-z0-9-]{1,62}", "[A-Za-z0-9][A-Za-z0-9-]{0,61}"),
];

/// A constraint of the model that an input does not satisfy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Lower-camel names from the operation's input, list positions as `1.member`.
    pub path: String,
    /// What was sent.
    pub value: Shown,
    /// `Member must …`.
    pub constraint: String,
}

/// How an offending value appears in a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// Nothing was sent.
    Null,
    /// Text.
    Text(String),
    /// Something that must not be shown.
    Hidden,
}

/// All violations of an input, in the order of the model, at most [`limits::VIOLATIONS_MAX`].
pub fn validate(schema: &Schema, shape: ShapeId, value: &Value) -> Vec<Violation> {
    let mut check = Check { schema, path: Vec::new(), violations: Vec::new() };
    if let (Kind::Structure(members), Value::Struct(fields)) = (schema.shape(shape).kind, value) {
        check.structure(members, fields);
    }
    check.violations.truncate(limits::VIOLATIONS_MAX);
    check.violations
}

/// The message for one or more violations.
pub fn message(violations: &[Violation]) -> String {
    let plural = if violations.len() == 1 { "" } else { "s" };
    let list: Vec<_> = violations.iter().map(ToString::to_string).collect();
    format!("{} validation error{plural} detected: {}", violations.len(), list.join("; "))
}

struct Check<'a> {
    schema: &'a Schema,
    path: Vec<String>,
    violations: Vec<Violation>,
}

// === impl Violation ===

impl Violation {
    /// Whether a required member is missing.
    pub fn is_missing(&self) -> bool {
        self.value == Shown::Null
    }

    /// The value as a message may show it.
    pub fn shown(&self) -> &str {
        match &self.value {
            Shown::Text(text) => text,
            Shown::Null => "null",
            Shown::Hidden => "",
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Shown::Null => out.write_str("Value null at")?,
            Shown::Text(text) => write!(out, "Value '{text}' at")?,
            Shown::Hidden => out.write_str("Value at")?,
        }
        write!(out, " '{}' failed to satisfy constraint: {}", self.path, self.constraint)
    }
}

// === impl Check ===

impl Check<'_> {
    fn structure(&mut self, members: &[Member], fields: &Fields) {
        for (index, member) in (0u16..).zip(members) {
            if self.violations.len() >= limits::VIOLATIONS_MAX {
                return;
            }
            self.path.push(lower_camel(member.name));
            match fields.value(index) {
                Some(value) => self.value(self.schema.shape(member.shape), value),
                None if member.required => {
                    self.report(Shown::Null, "Member must not be null".to_owned());
                }
                None => {}
            }
            self.path.pop();
        }
    }

    fn value(&mut self, shape: &'static Shape, value: &Value) {
        for constraint in broken(shape, value) {
            self.report(self.show(shape, value), constraint);
        }
        match (shape.kind, value) {
            (Kind::Structure(members), Value::Struct(fields)) => self.structure(members, fields),
            (Kind::List(list), Value::List(items)) => self.list(shape, &list, items, value),
            (Kind::Map(map), Value::Map(_)) => self.map(shape, &map, value),
            _ => {}
        }
    }

    /// Items that are structures or lists are entered; scalar items are judged together, as AWS
    /// does: the list is shown whole with all constraints of its items.
    fn list(&mut self, shape: &'static Shape, list: &List, items: &[Value], whole: &Value) {
        let item_shape = self.schema.shape(list.member.shape);
        if is_scalar(item_shape) {
            if items.iter().any(|item| !broken(item_shape, item).is_empty()) {
                let all = constraints(item_shape).join(", ");
                let shown = self.show(shape, whole);
                self.report(shown, format!("Member must satisfy constraint: [{all}]"));
            }
            return;
        }
        for (position, item) in (1..).zip(items) {
            if self.violations.len() >= limits::VIOLATIONS_MAX {
                return;
            }
            self.path.push(format!("{position}.member"));
            self.value(item_shape, item);
            self.path.pop();
        }
    }

    fn map(&mut self, shape: &'static Shape, map: &Map, whole: &Value) {
        let Value::Map(entries) = whole else {
            return;
        };
        let (keys, values) = (self.schema.shape(map.key.shape), self.schema.shape(map.value.shape));
        let bad_key = |key: &String| !broken(keys, &Value::Str(key.clone())).is_empty();
        if entries.keys().any(bad_key) {
            let all = constraints(keys).join(", ");
            let shown = self.show(shape, whole);
            self.report(shown, format!("Map keys must satisfy constraint: [{all}]"));
        }
        if is_scalar(values) && entries.values().any(|value| !broken(values, value).is_empty()) {
            let all = constraints(values).join(", ");
            let shown = self.show(shape, whole);
            self.report(shown, format!("Map value must satisfy constraint: [{all}]"));
        }
        if is_scalar(values) {
            return;
        }
        for (key, value) in entries {
            self.path.push(format!("{key}.member"));
            self.value(values, value);
            self.path.pop();
        }
    }

    fn report(&mut self, value: Shown, constraint: String) {
        let path = self.path.join(".");
        self.violations.push(Violation { path, value, constraint });
    }

    fn show(&self, shape: &'static Shape, value: &Value) -> Shown {
        if shape.sensitive {
            return Shown::Hidden;
        }
        let mut text = String::new();
        self.render(shape, value, &mut text);
        Shown::Text(text.chars().take(limits::ECHO_CHARS_MAX).collect())
    }

    /// `[a, b]`, `Tag(key=k, value=v)`; stops soon after the length that is shown.
    fn render(&self, shape: &'static Shape, value: &Value, out: &mut String) {
        if out.len() > limits::ECHO_CHARS_MAX * 4 {
            return;
        }
        match (shape.kind, value) {
            (Kind::List(list), Value::List(items)) => {
                let item_shape = self.schema.shape(list.member.shape);
                out.push('[');
                for (position, item) in items.iter().enumerate() {
                    out.push_str(if position == 0 { "" } else { ", " });
                    self.render(item_shape, item, out);
                }
                out.push(']');
            }
            (Kind::Structure(members), Value::Struct(fields)) => {
                out.push_str(shape.name);
                out.push('(');
                for (position, (index, item)) in fields.iter().enumerate() {
                    let member = &members[usize::from(index)];
                    out.push_str(if position == 0 { "" } else { ", " });
                    out.push_str(&lower_camel(member.name));
                    out.push('=');
                    self.render(self.schema.shape(member.shape), item, out);
                }
                out.push(')');
            }
            (Kind::Map(map), Value::Map(entries)) => {
                out.push('{');
                for (position, (key, item)) in entries.iter().enumerate() {
                    out.push_str(if position == 0 { "" } else { ", " });
                    out.push_str(key);
                    out.push('=');
                    self.render(self.schema.shape(map.value.shape), item, out);
                }
                out.push('}');
            }
            _ if shape.sensitive => out.push_str("***"),
            (_, Value::Str(text)) => out.extend(text.chars().take(limits::ECHO_CHARS_MAX)),
            (_, Value::Bool(flag)) => out.push_str(&flag.to_string()),
            (_, Value::I64(number)) => out.push_str(&number.to_string()),
            (_, Value::F64(number)) => out.push_str(&number.to_string()),
            (_, Value::Time(time)) => out.push_str(&time.iso8601()),
            _ => {}
        }
    }
}

// === helpers ===

fn is_scalar(shape: &Shape) -> bool {
    !matches!(shape.kind, Kind::List(_) | Kind::Map(_) | Kind::Structure(_))
}

/// The constraints of a shape that a value does not satisfy.
fn broken(shape: &Shape, value: &Value) -> Vec<String> {
    match (shape.kind, value) {
        (Kind::Integer(range) | Kind::Long(range), Value::I64(number)) => {
            outside(range, *number, "value")
        }
        (Kind::List(list), Value::List(items)) => {
            outside(list.length, i64::try_from(items.len()).unwrap_or(i64::MAX), "length")
        }
        (Kind::String(text), value) => match value.text() {
            Some(content) => broken_text(&text, content),
            None => Vec::new(),
        },
        _ => Vec::new(),
    }
}

fn broken_text(text: &Text, content: &str) -> Vec<String> {
    let length = i64::try_from(content.chars().count()).unwrap_or(i64::MAX);
    let mut broken = outside(text.length, length, "length");
    if let Some(pattern) = text.pattern
        && !matches(pattern, content)
    {
        broken.push(pattern_constraint(pattern));
    }
    if !text.values.is_empty() && !text.values.contains(&content) {
        broken.push(enum_constraint(text.values));
    }
    broken
}

fn outside(range: Range, number: i64, what: &str) -> Vec<String> {
    match range {
        Range { max: Some(max), .. } if number > max => vec![at_most(max, what)],
        Range { min: Some(min), .. } if number < min => vec![at_least(min, what)],
        _ => Vec::new(),
    }
}

/// Every constraint of a scalar shape.
fn constraints(shape: &Shape) -> Vec<String> {
    let bounds = |range: Range, what: &str| {
        let max = range.max.map(|max| at_most(max, what));
        max.into_iter().chain(range.min.map(|min| at_least(min, what))).collect::<Vec<_>>()
    };
    match shape.kind {
        Kind::Integer(range) | Kind::Long(range) => bounds(range, "value"),
        Kind::String(text) => {
            let mut all = bounds(text.length, "length");
            all.extend(text.pattern.map(pattern_constraint));
            all.extend((!text.values.is_empty()).then(|| enum_constraint(text.values)));
            all
        }
        _ => Vec::new(),
    }
}

fn at_most(max: i64, what: &str) -> String {
    format!("Member must have {what} less than or equal to {max}")
}

fn at_least(min: i64, what: &str) -> String {
    format!("Member must have {what} greater than or equal to {min}")
}

fn pattern_constraint(pattern: &str) -> String {
    format!("Member must satisfy regular expression pattern: {pattern}")
}

fn enum_constraint(values: &[&str]) -> String {
    format!("Member must satisfy enum value set: [{}]", values.join(", "))
}

/// `LoadBalancerArn` → `loadBalancerArn`.
fn lower_camel(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

/// Whether the whole text matches a pattern of the model.
///
/// A pattern is compiled once per process; there are as many as the schemas hold. One that this
/// engine cannot express constrains nothing here (a test lists those: there are none).
fn matches(pattern: &'static str, text: &str) -> bool {
    static COMPILED: OnceLock<Mutex<BTreeMap<&'static str, Option<Regex>>>> = OnceLock::new();
    let compiled = COMPILED.get_or_init(Mutex::default);
    let regex = {
        let mut compiled = compiled.lock().unwrap_or_else(PoisonError::into_inner);
        compiled.entry(pattern).or_insert_with(|| compile(pattern)).clone()
    };
    regex.is_none_or(|regex| regex.is_match(text))
}

fn compile(pattern: &str) -> Option<Regex> {
    let plain = LABELS.iter().fold(pattern.to_owned(), |text, (from, to)| text.replace(from, to));
    Regex::new(&format!("^(?:{plain})$")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generated::{
        acm, cloudtrail, ec2, elbv2, iam, resourcegroupstaggingapi as tagging, shield, sts,
    };
    use crate::protocol::Protocol;
    use crate::value::{Sensitive, Shaped, ToValue};

    fn elb<T: Shaped>(input: &T) -> String {
        message(&validate(&elbv2::SCHEMA, T::SHAPE, &input.to_value()))
    }

    #[test]
    fn one_of_each() {
        let missing = elbv2::DeleteLoadBalancerInput::default();
        assert_eq!(
            elb(&missing),
            "1 validation error detected: Value null at 'loadBalancerArn' failed to satisfy \
             constraint: Member must not be null"
        );
        let port = elbv2::CreateTargetGroupInput {
            name: Some("a".into()),
            port: Some(70_000),
            target_type: Some("cat".into()),
            health_check_interval_seconds: Some(1),
            ..Default::default()
        };
        assert_eq!(
            elb(&port),
            "3 validation errors detected: Value '70000' at 'port' failed to satisfy constraint: \
             Member must have value less than or equal to 65535; Value '1' at \
             'healthCheckIntervalSeconds' failed to satisfy constraint: Member must have value \
             greater than or equal to 5; Value 'cat' at 'targetType' failed to satisfy \
             constraint: Member must satisfy enum value set: [instance, ip, lambda, alb]"
        );
    }

    #[test]
    fn paths_into_lists_and_structures() {
        let action = elbv2::Action {
            r#type: Some("redirect".into()),
            redirect_config: Some(elbv2::RedirectActionConfig {
                status_code: Some("HTTP_999".into()),
                ..Default::default()
            }),
            ..Default::default()
        };
        let input = elbv2::CreateListenerInput {
            load_balancer_arn: Some("arn".into()),
            default_actions: Some(vec![action, elbv2::Action::default()]),
            ..Default::default()
        };
        assert_eq!(
            elb(&input),
            "2 validation errors detected: Value 'HTTP_999' at \
             'defaultActions.1.member.redirectConfig.statusCode' failed to satisfy constraint: \
             Member must satisfy enum value set: [HTTP_301, HTTP_302]; Value null at \
             'defaultActions.2.member.type' failed to satisfy constraint: Member must not be null"
        );
    }

    #[test]
    fn scalar_items_are_judged_together() {
        let input = elbv2::RemoveTagsInput {
            resource_arns: Some(vec!["arn".into()]),
            tag_keys: Some(vec!["ok".into(), "<>".into()]),
        };
        assert_eq!(
            elb(&input),
            "1 validation error detected: Value '[ok, <>]' at 'tagKeys' failed to satisfy \
             constraint: Member must satisfy constraint: [Member must have length less than or \
             equal to 128, Member must have length greater than or equal to 1, Member must \
             satisfy regular expression pattern: ^([\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*)$]"
        );
    }

    #[test]
    fn sensitive_text_is_hidden() {
        let shape = Shape::new("S", Kind::String(Text::one_of(&["a"]))).sensitive();
        let shape: &'static Shape = Box::leak(Box::new(shape));
        let mut check =
            Check { schema: &sts::SCHEMA, path: vec!["s".into()], violations: Vec::new() };
        check.value(shape, &Value::Sensitive(Sensitive::new("hunter2")));
        assert!(check.violations[0].to_string().starts_with("Value at 's' failed"));
    }

    #[test]
    fn violations_are_bounded() {
        let tags = vec![elbv2::Tag { value: Some("<".repeat(5000)), ..Default::default() }; 500];
        let input = elbv2::AddTagsInput { resource_arns: Some(vec![]), tags: Some(tags) };
        let violations = validate(&elbv2::SCHEMA, elbv2::AddTagsInput::SHAPE, &input.to_value());
        assert_eq!(violations.len(), limits::VIOLATIONS_MAX);
        assert!(violations.iter().all(|one| one.shown().len() <= limits::ECHO_CHARS_MAX));
    }

    #[test]
    fn every_pattern_of_the_models_compiles() {
        let document = [&acm::SCHEMA, &cloudtrail::SCHEMA, &tagging::SCHEMA, &shield::SCHEMA];
        let query = [&elbv2::SCHEMA, &ec2::SCHEMA, &sts::SCHEMA, &iam::SCHEMA];
        for schema in query.into_iter().chain(document) {
            for shape in schema.shapes {
                if let Kind::String(Text { pattern: Some(pattern), .. }) = shape.kind {
                    assert!(compile(pattern).is_some(), "{}: {pattern}", shape.name);
                }
            }
        }
    }

    #[test]
    fn domain_names_are_judged_without_looking_ahead() {
        let judge = |name: &str| {
            let input = acm::RequestCertificateRequest {
                domain_name: Some(name.into()),
                ..Default::default()
            };
            let shape = acm::RequestCertificateRequest::SHAPE;
            validate(&acm::SCHEMA, shape, &input.to_value()).is_empty()
        };
        assert!(["example.com", "*.a-b.example.com", "x.yz"].into_iter().all(judge));
        assert!(["-a.com", "a.-com", "com", "a..com", "a-.com"].into_iter().all(|n| !judge(n)));
    }

    #[test]
    fn ec2_says_it_in_its_own_words() {
        let input = ec2::CreateSecurityGroupRequest::default().to_value();
        let violations = validate(&ec2::SCHEMA, ec2::CreateSecurityGroupRequest::SHAPE, &input);
        let error = Protocol::Ec2Query.refuse_violations(&violations).unwrap();
        assert_eq!(error.facts.code, "MissingParameter");
        assert_eq!(error.message, "The request must contain the parameter description");
    }
}
