//! What the models state about shapes, as tables that codecs and the validator interpret.
//!
//! Every table is `'static`: the generated ones are constants, and tests that build a schema from
//! JSON at run time leak it. So a codec borrows names from the schema for as long as it likes.
//!
//! Invariant: every [`ShapeId`] in a schema indexes that schema's `shapes`.

use crate::protocol::Protocol;

/// A shape's place in its schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ShapeId(pub u16);

/// One service, as its model states it.
#[derive(Debug)]
pub struct Schema {
    /// Name of the service in botocore: `elbv2`, `ec2`, `sts`.
    pub service: &'static str,
    /// Service part of a credential scope.
    pub signing_name: &'static str,
    /// The `Version` parameter.
    pub api_version: &'static str,
    /// How messages are written.
    pub protocol: Protocol,
    /// Default namespace of response documents.
    pub xml_namespace: &'static str,
    /// What stands before the operation in `X-Amz-Target`; empty where nothing does.
    pub target_prefix: &'static str,
    /// What errors call their message in JSON and CBOR: `message` or `Message`.
    pub message_member: &'static str,
    /// All shapes.
    pub shapes: &'static [Shape],
    /// The operations whose shapes are in the schema, sorted by name.
    pub operations: &'static [OperationFacts],
    /// The names of all operations of the full model, sorted: an action that is not built here is
    /// told apart from one that does not exist.
    pub actions: &'static [&'static str],
    /// The modelled errors, sorted by code.
    pub errors: &'static [ErrorFacts],
}

/// A type of the model.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Name in the model.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// Its text is not to be shown.
    pub sensitive: bool,
}

/// What a shape is, with its constraints.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// `true` or `false`.
    Boolean,
    /// 32-bit integer.
    Integer(Range),
    /// 64-bit integer.
    Long(Range),
    /// 32- or 64-bit floating point.
    Double,
    /// Text.
    String(Text),
    /// Bytes.
    Blob,
    /// An instant, with its own format when the model gives one.
    Timestamp(Option<TimestampFormat>),
    /// A list.
    List(List),
    /// A map from text.
    Map(Map),
    /// A structure, with its members in the order of the model.
    Structure(&'static [Member]),
}

/// Inclusive bounds: of a value, of a number of characters, or of a number of items.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Range {
    /// Smallest.
    pub min: Option<i64>,
    /// Largest.
    pub max: Option<i64>,
}

/// Constraints on text.
#[derive(Clone, Copy, Debug, Default)]
pub struct Text {
    /// Number of characters.
    pub length: Range,
    /// Regular expression that the whole text must match.
    pub pattern: Option<&'static str>,
    /// The closed set of values; empty when open.
    pub values: &'static [&'static str],
}

/// A list shape.
#[derive(Clone, Copy, Debug)]
pub struct List {
    /// The items; `name` is `member`.
    pub member: Member,
    /// Items stand in for the list itself, without a wrapper.
    pub flattened: bool,
    /// Number of items.
    pub length: Range,
}

/// A map shape.
#[derive(Clone, Copy, Debug)]
pub struct Map {
    /// The keys; `name` is `key`.
    pub key: Member,
    /// The values; `name` is `value`.
    pub value: Member,
    /// Entries stand in for the map itself, without a wrapper.
    pub flattened: bool,
}

/// A reference to a shape from a structure, a list or a map.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// Name in the model.
    pub name: &'static str,
    /// The shape.
    pub shape: ShapeId,
    /// `locationName`: the name on the wire, when it is another.
    pub location: Option<&'static str>,
    /// `queryName`: the name in an ec2Query request, when it is another again.
    pub query_name: Option<&'static str>,
    /// The list or map is flattened here.
    pub flattened: bool,
    /// The model's `required`.
    pub required: bool,
    /// Format of the timestamp here, before that of the shape.
    pub timestamp: Option<TimestampFormat>,
    /// Namespace of the element. A shape's own namespace is not written: only a protocol's tests
    /// have any, and they expect it so.
    pub namespace: Option<Namespace>,
}

/// How an instant is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampFormat {
    /// `2015-01-25T08:00:00Z`.
    Iso8601,
    /// Seconds since 1970.
    UnixTimestamp,
    /// `Sun, 25 Jan 2015 08:00:00 GMT`.
    Rfc822,
}

/// An XML namespace declaration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Namespace {
    /// Prefix to declare; the default namespace when there is none.
    pub prefix: Option<&'static str>,
    /// The name itself.
    pub uri: &'static str,
}

/// An operation, as its model states it.
#[derive(Clone, Copy, Debug)]
pub struct OperationFacts {
    /// The `Action`.
    pub name: &'static str,
    /// Structure of the input.
    pub input: Option<ShapeId>,
    /// Structure of the output.
    pub output: Option<ShapeId>,
    /// Element around the output (awsQuery).
    pub result_wrapper: Option<&'static str>,
    /// Codes of the modelled errors.
    pub errors: &'static [&'static str],
}

/// A modelled or well-known error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorFacts {
    /// The code on the wire; not always the shape's name.
    // spec: alb §0.3 Error codes
    pub code: &'static str,
    /// HTTP status.
    pub status: u16,
    /// Whose fault.
    pub fault: Fault,
}

/// Whose fault an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The caller's.
    Sender,
    /// Ours.
    Receiver,
}

// === impl Schema ===

impl Schema {
    /// A shape of this schema.
    pub fn shape(&self, id: ShapeId) -> &'static Shape {
        &self.shapes[usize::from(id.0)]
    }

    /// An operation whose shapes are here.
    pub fn operation(&self, name: &str) -> Option<&'static OperationFacts> {
        let place = self.operations.binary_search_by_key(&name, |operation| operation.name).ok()?;
        Some(&self.operations[place])
    }

    /// Whether the full model has an operation of this name.
    pub fn knows_action(&self, name: &str) -> bool {
        self.actions.binary_search(&name).is_ok()
    }

    /// A modelled error by its wire code.
    pub fn error(&self, code: &str) -> Option<&'static ErrorFacts> {
        self.errors.iter().find(|error| error.code == code)
    }
}

// === impl Shape ===

impl Shape {
    /// A shape without oddities.
    pub const fn new(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, sensitive: false }
    }

    /// Marks the text as not to be shown.
    pub const fn sensitive(mut self) -> Self {
        self.sensitive = true;
        self
    }

    /// Members, when it is a structure.
    pub fn members(&self) -> &'static [Member] {
        match self.kind {
            Kind::Structure(members) => members,
            _ => &[],
        }
    }
}

// === impl Range ===

impl Range {
    /// No bounds.
    pub const ANY: Self = Self { min: None, max: None };

    /// Bounds as the model gives them.
    pub const fn new(min: Option<i64>, max: Option<i64>) -> Self {
        Self { min, max }
    }
}

// === impl Text ===

impl Text {
    /// Any text.
    pub const ANY: Self = Self { length: Range::ANY, pattern: None, values: &[] };

    /// One of a closed set.
    pub const fn one_of(values: &'static [&'static str]) -> Self {
        Self { length: Range::ANY, pattern: None, values }
    }
}

// === impl Member ===

impl Member {
    /// A reference without oddities.
    pub const fn new(name: &'static str, shape: ShapeId) -> Self {
        Self {
            name,
            shape,
            location: None,
            query_name: None,
            flattened: false,
            required: false,
            timestamp: None,
            namespace: None,
        }
    }

    /// Makes it required.
    pub const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// Gives it another name on the wire.
    pub const fn location(mut self, name: &'static str) -> Self {
        self.location = Some(name);
        self
    }

    /// Gives it another name in ec2Query requests.
    pub const fn query_name(mut self, name: &'static str) -> Self {
        self.query_name = Some(name);
        self
    }

    /// Name of the element, or of the parameter in awsQuery.
    pub fn wire_name(&self) -> &'static str {
        self.location.unwrap_or(self.name)
    }
}
