//! Which rule a request meets: conditions compiled once, evaluated in order of priority.
//!
//! Conditions are ANDed, values within a condition ORed; the default rule has none and comes last,
//! so a match always exists.
//!
//! Invariant: `RuleTable::rules` is sorted by priority and ends with the default rule.
// spec: alb §2.1 Evaluation

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use regex::bytes::Regex;

use super::pattern::{Pattern, Text};
use super::redirect::RedirectPlan;
use super::transform::TransformPlan;
use super::weighted::Weighted;
use crate::limits;
use crate::resource::{Condition, IpFamily, Priority, QueryPair, Transform};

/// The parts of a request that conditions may look at.
#[derive(Clone, Copy)]
pub struct RouteFacts<'a> {
    /// Host without port, in any case.
    pub host: &'a [u8],
    /// Normalised path, without the query.
    pub path: &'a [u8],
    /// After the first `?`, as sent; empty when absent.
    pub query: &'a [u8],
    /// As sent.
    pub method: &'a [u8],
    /// The TCP peer.
    pub source: IpAddr,
    /// The header fields.
    pub headers: &'a dyn HeaderSource,
}

/// Access to header fields by name, in order.
pub trait HeaderSource {
    /// Whether any line named `name` (any case) has a value that `test` accepts.
    fn any_value(&self, name: &[u8], test: &mut dyn FnMut(&[u8]) -> bool) -> bool;
}

/// The rules of one listener.
#[derive(Clone, Debug, Default)]
pub struct RuleTable {
    rules: Vec<RulePlan>,
}

/// One rule. Cloning it shares what was compiled.
#[derive(Clone, Debug)]
pub struct RulePlan {
    /// Its position.
    pub priority: Priority,
    /// All must hold.
    conditions: Arc<[Matcher]>,
    /// What follows.
    pub action: Arc<RoutingPlan>,
    /// What is rewritten on the way to a target.
    pub transforms: Option<Arc<TransformPlan>>,
}

/// The routing action of a rule, ready to execute.
#[derive(Clone, Debug)]
pub enum RoutingPlan {
    /// To a target of one of the groups.
    Forward(Weighted),
    /// To another location.
    Redirect(RedirectPlan),
    /// An answer of our own.
    Fixed(FixedPlan),
}

/// A fixed response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FixedPlan {
    /// 2xx, 4xx or 5xx.
    pub status: u16,
    /// With charset, as sent.
    pub content_type: Option<String>,
    /// May be empty.
    pub body: Vec<u8>,
}

#[derive(Clone, Debug)]
enum Matcher {
    Host { patterns: Vec<Pattern>, regexes: Vec<Regex> },
    Path { patterns: Vec<Pattern>, regexes: Vec<Regex> },
    Header { name: Vec<u8>, patterns: Vec<Pattern>, regexes: Vec<Regex> },
    Method(Vec<Vec<u8>>),
    Query(Vec<(Option<Pattern>, Pattern)>),
    Source(Vec<IpNet>, Option<IpFamily>),
}

// === impl RuleTable ===

impl RuleTable {
    /// Sorts the rules. Panics when there is no default rule, which the catalog rules out.
    pub fn new(mut rules: Vec<RulePlan>) -> Self {
        rules.sort_by_key(|rule| rule.priority);
        let has_default = rules.last().is_some_and(|last| last.priority == Priority::Default);
        assert!(has_default, "a listener always has its default rule");
        Self { rules }
    }

    /// The first rule whose conditions all hold, and how many rules were evaluated before it.
    pub fn route(&self, facts: &RouteFacts<'_>) -> (&RulePlan, usize) {
        let texts = (Text::new(facts.host), Text::new(facts.path));
        let found = self.rules.iter().position(|rule| rule.holds(facts, texts));
        let index = found.unwrap_or(self.rules.len() - 1);
        (&self.rules[index], index)
    }

    /// The rule that stands here.
    pub fn at(&self, priority: Priority) -> Option<&RulePlan> {
        let found = self.rules.binary_search_by_key(&priority, |rule| rule.priority).ok()?;
        Some(&self.rules[found])
    }

    /// All rules, in order of evaluation.
    pub fn rules(&self) -> &[RulePlan] {
        &self.rules
    }
}

// === impl RulePlan ===

impl RulePlan {
    /// Compiles one rule.
    pub fn new(priority: Priority, conditions: &[Condition], action: RoutingPlan) -> Self {
        let conditions = conditions.iter().map(Matcher::new).collect();
        Self { priority, conditions, action: Arc::new(action), transforms: None }
    }

    /// With transforms.
    pub fn transformed(self, transforms: &[Transform]) -> Self {
        Self { transforms: TransformPlan::new(transforms).map(Arc::new), ..self }
    }

    #[inline]
    fn holds(&self, facts: &RouteFacts<'_>, texts: (Text<'_>, Text<'_>)) -> bool {
        self.conditions.iter().all(|condition| condition.holds(facts, texts))
    }
}

// === impl Matcher ===

impl Matcher {
    fn new(condition: &Condition) -> Self {
        let fold = |values: &[String]| values.iter().map(|v| Pattern::insensitive(v)).collect();
        match condition {
            Condition::HostHeader { values, regexes } => {
                Self::Host { patterns: fold(values), regexes: compiled(regexes) }
            }
            Condition::PathPattern { values, regexes } => Self::Path {
                patterns: values.iter().map(|v| Pattern::sensitive(v)).collect(),
                regexes: compiled(regexes),
            },
            Condition::HttpHeader { name, values, regexes } => Self::Header {
                name: name.clone().into_bytes(),
                patterns: fold(values),
                regexes: compiled(regexes),
            },
            Condition::HttpRequestMethod { values } => {
                Self::Method(values.iter().map(|v| v.clone().into_bytes()).collect())
            }
            Condition::QueryString { values } => Self::Query(values.iter().map(pair).collect()),
            Condition::SourceIp { values, family } => Self::Source(values.clone(), *family),
        }
    }

    #[inline]
    fn holds(&self, facts: &RouteFacts<'_>, (host, path): (Text<'_>, Text<'_>)) -> bool {
        match self {
            Self::Host { patterns, regexes } => {
                any(patterns, host) || any_regex(regexes, facts.host)
            }
            Self::Path { patterns, regexes } => {
                any(patterns, path) || any_regex(regexes, facts.path)
            }
            Self::Header { name, patterns, regexes } => {
                let mut test =
                    |value: &[u8]| any(patterns, Text::new(value)) || any_regex(regexes, value);
                facts.headers.any_value(name, &mut test)
            }
            Self::Method(methods) => methods.iter().any(|method| method == facts.method),
            Self::Query(pairs) => query_holds(pairs, facts.query),
            Self::Source(blocks, family) => {
                let source = facts.source.to_canonical();
                match family {
                    Some(family) => source.is_ipv6() == (*family == IpFamily::Ipv6),
                    None => blocks.iter().any(|block| block.contains(&source)),
                }
            }
        }
    }
}

#[inline]
fn any(patterns: &[Pattern], text: Text<'_>) -> bool {
    patterns.iter().any(|pattern| pattern.matches(text))
}

#[inline]
fn any_regex(regexes: &[Regex], text: &[u8]) -> bool {
    !regexes.is_empty() && regexes.iter().any(|regex| regex.is_match(text))
}

fn pair(pair: &QueryPair) -> (Option<Pattern>, Pattern) {
    (pair.key.as_deref().map(Pattern::query), Pattern::query(&pair.value))
}

/// Pairs are separated by `&`; a pair without `=` is a key with an empty value.
fn query_holds(pairs: &[(Option<Pattern>, Pattern)], query: &[u8]) -> bool {
    let query = query.split(|&b| b == b'#').next().unwrap_or_default();
    query.split(|&b| b == b'&').filter(|part| !part.is_empty()).any(|part| {
        let cut = part.iter().position(|&b| b == b'=').unwrap_or(part.len());
        let (key, value) = (&part[..cut], part.get(cut + 1..).unwrap_or_default());
        let (key, value) = (Text::new(key), Text::new(value));
        pairs.iter().any(|(want_key, want_value)| {
            want_key.as_ref().is_none_or(|want| want.matches(key)) && want_value.matches(value)
        })
    })
}

/// Compiles a condition's regular expression; the catalog refuses what this refuses.
///
/// Case handling of regular expressions is undocumented; they are taken as written.
// spec: alb §2.3 Regex dialect (conditions and transforms)
pub fn regex(text: &str) -> Option<Regex> {
    regex::bytes::RegexBuilder::new(text).size_limit(limits::REGEX_SIZE_MAX).build().ok()
}

fn compiled(texts: &[String]) -> Vec<Regex> {
    let compile = |text: &String| regex(text).expect("invariant: the catalog compiled it once");
    texts.iter().map(compile).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Headers(Vec<(&'static str, &'static str)>);

    impl HeaderSource for Headers {
        fn any_value(&self, name: &[u8], test: &mut dyn FnMut(&[u8]) -> bool) -> bool {
            let named = |(n, _): &&(&str, &str)| n.as_bytes().eq_ignore_ascii_case(name);
            self.0.iter().filter(named).any(|(_, v)| test(v.as_bytes()))
        }
    }

    fn strings(values: &[&str]) -> Vec<String> {
        values.iter().map(|v| (*v).to_owned()).collect()
    }

    fn fixed(status: u16) -> RoutingPlan {
        RoutingPlan::Fixed(FixedPlan { status, content_type: None, body: vec![] })
    }

    fn status_for(conditions: Vec<Vec<Condition>>, path: &str, query: &str) -> u16 {
        let headers = Headers(vec![("X-A", "one"), ("x-a", "Two"), ("Host", "h")]);
        let mut rules: Vec<RulePlan> = (1u32..)
            .zip(&conditions)
            .map(|(n, c)| RulePlan::new(Priority::Number(n), c, fixed(200 + n as u16)))
            .collect();
        rules.insert(0, RulePlan::new(Priority::Default, &[], fixed(404)));
        let table = RuleTable::new(rules);
        let facts = RouteFacts {
            host: b"API.example.com",
            path: path.as_bytes(),
            query: query.as_bytes(),
            method: b"GET",
            source: "10.1.2.3".parse().unwrap(),
            headers: &headers,
        };
        match &*table.route(&facts).0.action {
            RoutingPlan::Fixed(plan) => plan.status,
            other => panic!("{other:?}"),
        }
    }

    fn host(values: &[&str]) -> Condition {
        Condition::HostHeader { values: strings(values), regexes: vec![] }
    }

    fn path(values: &[&str]) -> Condition {
        Condition::PathPattern { values: strings(values), regexes: vec![] }
    }

    #[test]
    fn lowest_priority_wins_and_default_is_last() {
        let rules = vec![vec![path(&["/a/*"])], vec![host(&["*.example.com"])]];
        assert_eq!(status_for(rules.clone(), "/a/b", ""), 201);
        assert_eq!(status_for(rules.clone(), "/b", ""), 202);
        assert_eq!(status_for(vec![vec![host(&["other.com"])]], "/b", ""), 404);
    }

    #[test]
    fn conditions_are_anded_values_are_ored() {
        let both = vec![vec![host(&["nope", "api.*"]), path(&["/x", "/y"])]];
        assert_eq!(status_for(both.clone(), "/y", ""), 201);
        assert_eq!(status_for(both, "/z", ""), 404);
    }

    #[test]
    fn repeated_header_lines_are_tried_in_turn() {
        let header = |value: &str| {
            vec![vec![Condition::HttpHeader {
                name: "X-a".into(),
                values: strings(&[value]),
                regexes: vec![],
            }]]
        };
        assert_eq!(status_for(header("tw*"), "/", ""), 201);
        assert_eq!(status_for(header("three"), "/", ""), 404);
    }

    #[test]
    fn methods_sources_queries_regexes() {
        let method = |m: &str| vec![vec![Condition::HttpRequestMethod { values: strings(&[m]) }]];
        assert_eq!(status_for(method("GET"), "/", ""), 201);
        assert_eq!(status_for(method("get"), "/", ""), 404);
        let source = |b: &str| {
            let values = vec![b.parse().unwrap()];
            vec![vec![Condition::SourceIp { values, family: None }]]
        };
        assert_eq!(status_for(source("10.1.0.0/16"), "/", ""), 201);
        assert_eq!(status_for(source("10.2.0.0/16"), "/", ""), 404);
        let family =
            |family| vec![vec![Condition::SourceIp { values: vec![], family: Some(family) }]];
        assert_eq!(status_for(family(IpFamily::Ipv4), "/", ""), 201);
        assert_eq!(status_for(family(IpFamily::Ipv6), "/", ""), 404);
        let query = |key: Option<&str>, value: &str| {
            let values = vec![QueryPair { key: key.map(Into::into), value: value.into() }];
            vec![vec![Condition::QueryString { values }]]
        };
        assert_eq!(status_for(query(Some("v"), "2*"), "/", "a=1&V=2x"), 201);
        assert_eq!(status_for(query(Some("v"), "2*"), "/", "a=2&v=1"), 404);
        assert_eq!(status_for(query(None, "2"), "/", "a=2#v=3"), 201);
        assert_eq!(status_for(query(None, "3"), "/", "a=2#v=3"), 404);
        let regex = vec![vec![Condition::PathPattern {
            values: vec![],
            regexes: strings(&["^/v[0-9]+/"]),
        }]];
        assert_eq!(status_for(regex.clone(), "/v12/x", ""), 201);
        assert_eq!(status_for(regex, "/vx/x", ""), 404);
    }

    #[test]
    fn a_regex_that_compiles_too_big_is_refused() {
        assert!(regex("a{1000}{1000}").is_none());
        assert!(regex("(?=a)").is_none(), "no look-ahead in this dialect");
    }
}
