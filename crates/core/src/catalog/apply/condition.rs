//! Conditions of rules.
//!
//! Invariant: what comes out satisfies the invariant of `resource::condition`, and all conditions
//! of one rule stay within the quotas on comparison strings and wildcards.
// spec: alb §2.2 Conditions

use ipnet::IpNet;

use crate::catalog::command::{ConditionInput, PatternsInput};
use crate::catalog::{Refusal, RoutingRefusal};
use crate::limits;
use crate::resource::{Condition, QueryPair};
use crate::traffic::{route, transform};

/// Characters of most comparison strings.
const VALUE_MAX: usize = 128;
/// Characters of header names and methods.
const NAME_MAX: usize = 40;

const HOST_HEADER: &str = "host-header";
const PATH_PATTERN: &str = "path-pattern";
const HTTP_HEADER: &str = "http-header";
const METHOD: &str = "http-request-method";
const QUERY_STRING: &str = "query-string";
const SOURCE_IP: &str = "source-ip";
/// Fields that a rule may have once.
const SINGLE_FIELDS: [&str; 4] = [HOST_HEADER, PATH_PATTERN, METHOD, SOURCE_IP];

/// Judges the conditions of a rule of a network load balancer.
// spec: nlb-gwlb-clb §1.2 Listener rules (added 2026) [D][M]
pub(super) fn conditions_network(inputs: &[ConditionInput]) -> Result<Vec<Condition>, Refusal> {
    let refusal = || Refusal::from(RoutingRefusal::ConditionNetwork {});
    let [input] = inputs else { return Err(refusal()) };
    if field(input)? != SOURCE_IP {
        return Err(refusal());
    }
    configs_fit(input, SOURCE_IP)?;
    let blocks = input.source_ip.as_deref().unwrap_or_default();
    let bare = blocks.is_empty() && input.values.is_empty() && input.regexes.is_empty();
    match input.source_family {
        Some(family) if bare => {
            Ok(vec![Condition::SourceIp { values: Vec::new(), family: Some(family) }])
        }
        _ => Err(refusal()),
    }
}

/// Judges the conditions of a rule of an application load balancer.
pub(super) fn conditions(inputs: &[ConditionInput]) -> Result<Vec<Condition>, Refusal> {
    if inputs.is_empty() {
        return Err(Refusal::ConditionsEmpty {});
    }
    let conditions: Vec<Condition> = inputs.iter().map(condition).collect::<Result<_, _>>()?;
    for (i, condition) in conditions.iter().enumerate() {
        let field = condition.field();
        let repeated = conditions[..i].iter().any(|earlier| earlier.field() == field);
        if repeated && SINGLE_FIELDS.contains(&field) {
            return Err(Refusal::ConditionRepeated { field: field.to_owned() });
        }
    }
    let values: usize = conditions.iter().map(value_count).sum();
    if values > limits::CONDITION_VALUES_PER_RULE_MAX {
        let limit = limits::CONDITION_VALUES_PER_RULE_MAX.to_string();
        return Err(Refusal::ConditionValuesTooMany { limit });
    }
    let wildcards: usize = conditions.iter().map(wildcard_count).sum();
    if wildcards > limits::CONDITION_WILDCARDS_PER_RULE_MAX {
        let limit = limits::CONDITION_WILDCARDS_PER_RULE_MAX.to_string();
        return Err(Refusal::ConditionWildcardsTooMany { limit });
    }
    Ok(conditions)
}

fn condition(input: &ConditionInput) -> Result<Condition, Refusal> {
    let field = field(input)?;
    configs_fit(input, field)?;
    if field != HOST_HEADER && field != PATH_PATTERN && !input.values.is_empty() {
        return Err(Refusal::ConditionValuesForeign { field: field.to_owned() });
    }
    match field {
        HOST_HEADER => {
            let config = input.host_header.as_ref();
            let (values, regexes) = patterns(input, config, "HostHeaderConfig", field)?;
            values.iter().try_for_each(|value| host(value))?;
            Ok(Condition::HostHeader { values, regexes })
        }
        PATH_PATTERN => {
            let config = input.path_pattern.as_ref();
            let (values, regexes) = patterns(input, config, "PathPatternConfig", field)?;
            values.iter().try_for_each(|value| path(value))?;
            Ok(Condition::PathPattern { values, regexes })
        }
        HTTP_HEADER => http_header(input),
        METHOD => method(input),
        QUERY_STRING => query_string(input),
        _ => source_ip(input),
    }
}

/// The configuration structures with the field that each belongs to, and whether it was given.
fn configs(input: &ConditionInput) -> [(&'static str, &'static str, bool); 6] {
    [
        ("PathPatternConfig", PATH_PATTERN, input.path_pattern.is_some()),
        ("HostHeaderConfig", HOST_HEADER, input.host_header.is_some()),
        ("HttpHeaderConfig", HTTP_HEADER, input.http_header.is_some()),
        ("HttpRequestMethodConfig", METHOD, input.http_request_method.is_some()),
        ("QueryStringConfig", QUERY_STRING, input.query_string.is_some()),
        ("SourceIpConfig", SOURCE_IP, input.source_ip.is_some()),
    ]
}

fn field(input: &ConditionInput) -> Result<&'static str, Refusal> {
    let rows = configs(input);
    let found = match &input.field {
        Some(text) => rows.iter().find(|(_, field, _)| field == text),
        None => {
            let mut given = rows.iter().filter(|(_, _, given)| *given);
            given.next().filter(|_| given.next().is_none())
        }
    };
    let unknown = || input.field.clone().unwrap_or_default();
    found
        .map(|(_, field, _)| *field)
        .ok_or_else(|| Refusal::ConditionFieldUnknown { field: unknown() })
}

fn configs_fit(input: &ConditionInput, field: &str) -> Result<(), Refusal> {
    match configs(input).iter().find(|(_, of, given)| *given && *of != field) {
        Some((config, _, _)) => {
            let (config, field) = ((*config).to_owned(), field.to_owned());
            Err(Refusal::ConditionConfigForeign { config, field })
        }
        None => Ok(()),
    }
}

/// The values and regular expressions of a field that may also have them at the top level.
fn patterns(
    input: &ConditionInput,
    config: Option<&PatternsInput>,
    name: &str,
    field: &'static str,
) -> Result<(Vec<String>, Vec<String>), Refusal> {
    let owned = || field.to_owned();
    if config.is_some_and(|config| !config.values.is_empty()) && !input.values.is_empty() {
        return Err(Refusal::ConditionValuesAndConfig { config: name.to_owned(), field: owned() });
    }
    if input.values.len() > 1 {
        return Err(Refusal::ConditionLegacyValues { field: owned() });
    }
    let values = config.map_or(&[][..], |config| &config.values);
    let values: Vec<String> = values.iter().chain(&input.values).cloned().collect();
    let regexes = regexes(field, input, config)?;
    alternatives(field, &values, &regexes)?;
    Ok((values, regexes))
}

/// The regular expressions of a condition, each of which compiles within its bound.
// spec: alb §2.3 Regex dialect (conditions and transforms)
fn regexes(
    field: &str,
    input: &ConditionInput,
    config: Option<&PatternsInput>,
) -> Result<Vec<String>, Refusal> {
    let configured = config.map_or(&[][..], |config| &config.regexes);
    let regexes: Vec<String> = configured.iter().chain(&input.regexes).cloned().collect();
    for text in &regexes {
        strings(field, std::slice::from_ref(text), VALUE_MAX)?;
        if transform::has_unicode_class(text) || route::regex(text).is_none() {
            return Err(Refusal::ConditionRegexInvalid { value: text.clone() });
        }
    }
    Ok(regexes)
}

fn no_regexes(field: &str, input: &ConditionInput) -> Result<(), Refusal> {
    match input.regexes.is_empty() {
        true => Ok(()),
        false => Err(Refusal::ConditionRegexForeign { field: field.to_owned() }),
    }
}

/// At least one comparison string of either kind; the values sound.
fn alternatives(field: &str, values: &[String], regexes: &[String]) -> Result<(), Refusal> {
    if values.is_empty() && !regexes.is_empty() {
        return Ok(());
    }
    strings(field, values, VALUE_MAX)
}

/// At least one string, none empty, none too long.
fn strings(field: &str, values: &[String], limit: usize) -> Result<(), Refusal> {
    if values.is_empty() || values.iter().any(String::is_empty) {
        return Err(Refusal::ConditionValueMissing {});
    }
    if values.iter().any(|value| value.chars().count() > limit) {
        let (field, limit) = (field.to_owned(), limit.to_string());
        return Err(Refusal::ConditionValueTooLong { field, limit });
    }
    Ok(())
}

fn characters(value: &str, allowed: impl Fn(u8) -> bool) -> Result<(), Refusal> {
    match value.bytes().all(allowed) {
        true => Ok(()),
        false => Err(Refusal::ConditionValueCharacters { value: value.to_owned() }),
    }
}

fn host(value: &str) -> Result<(), Refusal> {
    characters(value, |b| b.is_ascii_alphanumeric() || b"-._*?".contains(&b))?;
    if value.contains(['*', '?']) {
        return Ok(());
    }
    let last = value.rsplit_once('.').map(|(_, last)| last);
    match last {
        Some(last) if !last.is_empty() && last.bytes().all(|b| b.is_ascii_alphabetic()) => Ok(()),
        _ => Err(Refusal::ConditionHostInvalid { value: value.to_owned() }),
    }
}

fn path(value: &str) -> Result<(), Refusal> {
    characters(value, |b| b.is_ascii_alphanumeric() || b"_-.$/~\"'@:+&*?".contains(&b))
}

fn http_header(input: &ConditionInput) -> Result<Condition, Refusal> {
    let Some((name, patterns)) = &input.http_header else {
        return Err(config_missing("HttpHeaderConfig", HTTP_HEADER));
    };
    let name_field = "HttpHeaderName".to_owned();
    let Some(name) = name.as_ref().filter(|name| !name.is_empty()) else {
        return Err(Refusal::ConditionFieldValueMissing { field: name_field });
    };
    if name.chars().count() > NAME_MAX {
        let limit = NAME_MAX.to_string();
        return Err(Refusal::ConditionValueTooLong { field: name_field, limit });
    }
    let token = |b: u8| b.is_ascii_alphanumeric() || b"*?-!#$%&'+.^_`|~".contains(&b);
    if name.eq_ignore_ascii_case("host") || !name.bytes().all(token) {
        return Err(Refusal::ConditionHeaderName { name: name.clone() });
    }
    let regexes = regexes(HTTP_HEADER, input, Some(patterns))?;
    alternatives(HTTP_HEADER, &patterns.values, &regexes)?;
    for value in &patterns.values {
        characters(value, |b| b.is_ascii_graphic() || b == b' ')?;
    }
    let (name, values) = (name.clone(), patterns.values.clone());
    Ok(Condition::HttpHeader { name, values, regexes })
}

fn method(input: &ConditionInput) -> Result<Condition, Refusal> {
    no_regexes(METHOD, input)?;
    let Some(values) = &input.http_request_method else {
        return Err(config_missing("HttpRequestMethodConfig", METHOD));
    };
    strings(METHOD, values, NAME_MAX)?;
    let allowed = |b: u8| b.is_ascii_uppercase() || b == b'-' || b == b'_';
    if !values.iter().all(|value| value.bytes().all(allowed)) {
        return Err(Refusal::ConditionMethodCharacters {});
    }
    Ok(Condition::HttpRequestMethod { values: values.clone() })
}

fn query_string(input: &ConditionInput) -> Result<Condition, Refusal> {
    no_regexes(QUERY_STRING, input)?;
    let Some(pairs) = &input.query_string else {
        return Err(config_missing("QueryStringConfig", QUERY_STRING));
    };
    if pairs.is_empty() {
        return Err(Refusal::ConditionValueMissing {});
    }
    let mut values = Vec::with_capacity(pairs.len());
    for (key, value) in pairs {
        let Some(value) = value.as_ref().filter(|value| !value.is_empty()) else {
            return Err(Refusal::ConditionQueryValueMissing {});
        };
        let key = key.clone().filter(|key| !key.is_empty());
        for (field, text) in [("Key", key.as_ref()), ("Value", Some(value))] {
            let Some(text) = text else { continue };
            strings(field, std::slice::from_ref(text), VALUE_MAX)?;
            characters(text, |b| b.is_ascii_graphic())?;
        }
        values.push(QueryPair { key, value: value.clone() });
    }
    Ok(Condition::QueryString { values })
}

fn source_ip(input: &ConditionInput) -> Result<Condition, Refusal> {
    no_regexes(SOURCE_IP, input)?;
    let Some(blocks) = &input.source_ip else {
        return Err(config_missing("SourceIpConfig", SOURCE_IP));
    };
    if input.source_family.is_some() {
        return Err(RoutingRefusal::ConditionFamilyForeign {}.into());
    }
    if blocks.is_empty() {
        return Err(Refusal::ConditionFieldValueMissing { field: SOURCE_IP.to_owned() });
    }
    let block = |text: &String| match text.parse::<IpNet>() {
        Ok(block) if text != "255.255.255.255/32" => Ok(block),
        _ => Err(Refusal::ConditionCidrInvalid { value: text.clone() }),
    };
    let values = blocks.iter().map(block).collect::<Result<_, _>>()?;
    Ok(Condition::SourceIp { values, family: None })
}

fn config_missing(config: &str, field: &str) -> Refusal {
    Refusal::ConditionConfigMissing { config: config.to_owned(), field: field.to_owned() }
}

fn value_count(condition: &Condition) -> usize {
    match condition {
        Condition::HostHeader { values, regexes }
        | Condition::PathPattern { values, regexes }
        | Condition::HttpHeader { values, regexes, .. } => values.len() + regexes.len(),
        Condition::HttpRequestMethod { values } => values.len(),
        Condition::QueryString { values } => values.len(),
        Condition::SourceIp { values, .. } => values.len(),
    }
}

fn wildcard_count(condition: &Condition) -> usize {
    match condition {
        Condition::HostHeader { values, .. }
        | Condition::PathPattern { values, .. }
        | Condition::HttpHeader { values, .. } => values.iter().map(|value| wildcards(value)).sum(),
        Condition::HttpRequestMethod { .. } | Condition::SourceIp { .. } => 0,
        Condition::QueryString { values } => values
            .iter()
            .map(|pair| {
                escaped_wildcards(&pair.value) + pair.key.as_deref().map_or(0, escaped_wildcards)
            })
            .sum(),
    }
}

fn wildcards(text: &str) -> usize {
    text.bytes().filter(|b| matches!(b, b'*' | b'?')).count()
}

/// Wildcards of a text in which `\*` and `\?` are literal.
fn escaped_wildcards(text: &str) -> usize {
    wildcards(&text.replace("\\*", "").replace("\\?", ""))
}
