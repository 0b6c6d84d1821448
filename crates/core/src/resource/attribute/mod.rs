//! Attribute keys: what may be set on load balancers, target groups and listeners.
//!
//! One row of a table declares one key: type, bounds, default, which types, protocols and target
//! types it belongs to, what Weir does with it, and a sentence of documentation. Where AWS gives
//! a key another default or other values elsewhere, it has one row per place, and the places do
//! not overlap. The row of application load balancers comes first.
//!
//! Records store only values that differ from the default, so a row's default is what everybody
//! reads who asks through [`effective`].
//!
//! Invariant: every key that a record holds is declared here for what carries it, and its value
//! passed [`Declaration::judge`].
// spec: alb §13 Attribute tables
// spec: nlb-gwlb-clb §8 Attribute tables (keys are case-sensitive strings, values strings)

mod listener;
mod load_balancer;
mod shape;
mod target_group;
#[cfg(test)]
mod tests;

use super::{AttributeValues, Listener, LoadBalancer, LoadBalancerKind, Scheme, TargetGroup};

pub use shape::{Fault, Shape};

/// Keys that only Weir knows begin so.
pub const OWN_PREFIX: &str = "weir.";

/// What carries attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// `ModifyLoadBalancerAttributes`.
    LoadBalancer,
    /// `ModifyTargetGroupAttributes`.
    TargetGroup,
    /// `ModifyListenerAttributes`.
    Listener,
}

/// Where a key means something. An empty list of words does not restrict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Types of load balancers; of groups and listeners, those that their protocol belongs to.
    pub kinds: &'static [LoadBalancerKind],
    /// `Protocol` of the target group or listener.
    pub protocols: &'static [&'static str],
    /// `TargetType` of the target group.
    pub target_types: &'static [&'static str],
}

/// Whether a value changes what Weir does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serving {
    /// Every value within the shape has its effect on application load balancers.
    Full,
    /// The control side gives every value its effect, whatever the type.
    Everywhere,
    /// Only the default may be set; anything else is refused until it has an effect.
    DefaultOnly,
    /// AWS itself allows only the default.
    Immutable,
}

/// One attribute key in one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Declaration {
    /// The key.
    pub key: &'static str,
    /// Type and bounds.
    pub shape: Shape,
    /// What is in force while nobody set it.
    pub default: &'static str,
    /// Where it means something.
    pub scope: Scope,
    /// Whether other values have their effect.
    pub serving: Serving,
    /// Whether Describe… leaves it out while it has its default: AWS does not publish it there.
    pub hidden: bool,
    /// One sentence.
    pub doc: &'static str,
}

/// What carries attributes, as far as their declarations look at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Carrier<'a> {
    /// What it is.
    pub family: Family,
    /// Type of the load balancer, or the one that its protocol belongs to.
    pub kind: LoadBalancerKind,
    /// Of a load balancer.
    pub scheme: Option<Scheme>,
    /// Of a target group or listener; empty for lambda groups and load balancers.
    pub protocol: &'a str,
    /// Of a target group.
    pub target_type: &'a str,
}

const IPV6_DENY: &str = "ipv6.deny_all_igw_traffic";
const APPLICATION: &[LoadBalancerKind] = &[LoadBalancerKind::Application];
const NETWORK: &[LoadBalancerKind] = &[LoadBalancerKind::Network];
const GATEWAY: &[LoadBalancerKind] = &[LoadBalancerKind::Gateway];

const fn row(
    key: &'static str,
    scope: Scope,
    shape: Shape,
    default: &'static str,
    serving: Serving,
    doc: &'static str,
) -> Declaration {
    Declaration { key, shape, default, scope, serving, hidden: false, doc }
}

const fn on(kinds: &'static [LoadBalancerKind]) -> Scope {
    Scope { kinds, protocols: &[], target_types: &[] }
}

// === impl Family ===

impl Family {
    /// The word at the start of AWS's messages.
    pub fn title(self) -> &'static str {
        match self {
            Self::LoadBalancer => "Load balancer",
            Self::TargetGroup => "Target group",
            Self::Listener => "Listener",
        }
    }

    /// Every row, in the order in which Describe… returns them.
    pub fn rows(self) -> &'static [Declaration] {
        match self {
            Self::LoadBalancer => load_balancer::ROWS,
            Self::TargetGroup => target_group::ROWS,
            Self::Listener => listener::ROWS,
        }
    }
}

// === impl Scope ===

impl Scope {
    const fn speaking(self, protocols: &'static [&'static str]) -> Self {
        Self { protocols, ..self }
    }

    const fn reaching(self, target_types: &'static [&'static str]) -> Self {
        Self { target_types, ..self }
    }

    /// Whether the key exists for this carrier.
    pub fn covers(&self, carrier: &Carrier<'_>) -> bool {
        self.speaks_to(carrier) && admits(self.target_types, carrier.target_type)
    }

    /// [`Self::covers`], whatever the target type.
    pub fn speaks_to(&self, carrier: &Carrier<'_>) -> bool {
        self.kinds.contains(&carrier.kind) && admits(self.protocols, carrier.protocol)
    }
}

// === impl Declaration ===

impl Declaration {
    const fn hidden(self) -> Self {
        Self { hidden: true, ..self }
    }

    /// Whether `value` fits the shape.
    ///
    /// # Errors
    /// In what way it does not.
    pub fn judge(&self, value: &str) -> Result<(), Fault> {
        self.shape.judge(value)
    }

    /// The default on a load balancer of this scheme.
    pub fn default_for(&self, scheme: Option<Scheme>) -> &'static str {
        match scheme {
            Some(Scheme::Internal) if self.key == IPV6_DENY => "true",
            _ => self.default,
        }
    }

    /// Whether values other than the default have their effect on this carrier.
    pub fn is_served(&self, carrier: &Carrier<'_>) -> bool {
        match self.serving {
            Serving::Full => carrier.kind == LoadBalancerKind::Application,
            Serving::Everywhere => true,
            Serving::DefaultOnly | Serving::Immutable => false,
        }
    }
}

// === impl Carrier ===

impl<'a> Carrier<'a> {
    /// A load balancer.
    pub fn load_balancer(lb: &'a LoadBalancer) -> Self {
        let (kind, scheme) = (lb.kind, Some(lb.scheme));
        Self { family: Family::LoadBalancer, kind, scheme, protocol: "", target_type: "" }
    }

    /// A target group.
    pub fn target_group(group: &'a TargetGroup) -> Self {
        let protocol = group.protocol.map_or("", |protocol| protocol.as_str());
        let target_type = group.target_type.as_str();
        let (family, kind) = (Family::TargetGroup, kind_of(protocol));
        Self { family, kind, scheme: None, protocol, target_type }
    }

    /// A listener.
    pub fn listener(listener: &'a Listener) -> Self {
        let protocol = listener.protocol.as_str();
        let (family, kind) = (Family::Listener, kind_of(protocol));
        Self { family, kind, scheme: None, protocol, target_type: "" }
    }

    /// The declaration of a key for this carrier.
    pub fn find(&self, key: &str) -> Option<&'static Declaration> {
        let mut rows = self.family.rows().iter();
        rows.find(|row| row.key == key && row.scope.covers(self))
    }

    /// The value in force: what was set, else the default here; `None` when the key does not
    /// exist here.
    pub fn value<'v>(&self, key: &str, values: &'v AttributeValues) -> Option<&'v str> {
        let row = self.find(key)?;
        Some(values.get(key).map_or(row.default_for(self.scheme), String::as_str))
    }

    /// All keys that exist here, with their values in force, in the order of Describe….
    pub fn describe(&self, values: &AttributeValues) -> Vec<(&'static str, String)> {
        let rows = self.family.rows().iter().filter(|row| row.scope.covers(self));
        let shown = rows.filter(|row| !row.hidden || values.contains_key(row.key));
        shown
            .map(|row| {
                let set = values.get(row.key).map(String::as_str);
                (row.key, set.unwrap_or(row.default_for(self.scheme)).to_owned())
            })
            .collect()
    }

    /// The keys whose stored values are recorded only: no plane of this version looks at them.
    pub fn recorded_only<'v>(&self, values: &'v AttributeValues) -> Vec<&'v str> {
        let carried = |key: &str| self.find(key).is_some_and(|row| row.is_served(self));
        values.keys().map(String::as_str).filter(|key| !carried(key)).collect()
    }
}

// === readers ===

/// The declaration of a key; of several, that of application load balancers.
pub fn find(family: Family, key: &str) -> Option<&'static Declaration> {
    family.rows().iter().find(|row| row.key == key)
}

/// The value in force on an application load balancer, its groups and listeners: what was set,
/// else the default.
///
/// Asking for a key that is not declared is a bug.
pub fn effective<'a>(family: Family, key: &str, values: &'a AttributeValues) -> &'a str {
    match values.get(key) {
        Some(value) => value,
        None => find(family, key).expect("bug: attribute key is not declared").default,
    }
}

/// [`effective`] for keys of shape `Bool`.
pub fn effective_bool(family: Family, key: &str, values: &AttributeValues) -> bool {
    effective(family, key, values) == "true"
}

/// [`effective`] for keys with numbers; `None` for `off`.
pub fn effective_u32(family: Family, key: &str, values: &AttributeValues) -> Option<u32> {
    effective(family, key, values).parse().ok()
}

/// The type of load balancers that speak a protocol; groups without one have lambda targets.
pub fn kind_of(protocol: &str) -> LoadBalancerKind {
    match protocol {
        "" | "HTTP" | "HTTPS" => LoadBalancerKind::Application,
        "GENEVE" => LoadBalancerKind::Gateway,
        _ => LoadBalancerKind::Network,
    }
}

fn admits(words: &[&str], word: &str) -> bool {
    words.is_empty() || words.contains(&word)
}
