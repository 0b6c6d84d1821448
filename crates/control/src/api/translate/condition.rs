//! Conditions of rules in the API's words.
//!
//! Invariant: `host-header` and `path-pattern` are told both as `Values` and in their
//! configuration structure; Terraform dereferences the structure without looking.
// spec: control-plane §2.4 Validation / error messages (collect as data, one table in the server)

use weir_core::catalog::command::{ConditionInput, PatternsInput};
use weir_core::resource::{Condition, IpFamily, QueryPair};
use weir_wire::generated::elbv2 as api;

/// Conditions as the catalog judges them.
pub fn inputs(conditions: Vec<api::RuleCondition>) -> Vec<ConditionInput> {
    conditions.into_iter().map(input).collect()
}

/// Conditions as they are told.
pub fn shapes(conditions: &[Condition]) -> Vec<api::RuleCondition> {
    conditions.iter().map(shape).collect()
}

fn input(condition: api::RuleCondition) -> ConditionInput {
    let pair = |pair: api::QueryStringKeyValuePair| (pair.key, pair.value);
    let source = condition.source_ip_config.as_ref();
    let named = source.and_then(|c| c.ip_address_type.as_deref());
    // A closed set of the model, which the constraints have checked.
    let family = |word: &str| if word == "ipv6" { IpFamily::Ipv6 } else { IpFamily::Ipv4 };
    ConditionInput {
        source_family: named.map(family),
        field: condition.field,
        values: condition.values.unwrap_or_default(),
        regexes: condition.regex_values.unwrap_or_default(),
        host_header: condition.host_header_config.map(|c| patterns(c.values, c.regex_values)),
        path_pattern: condition.path_pattern_config.map(|c| patterns(c.values, c.regex_values)),
        http_header: condition
            .http_header_config
            .map(|c| (c.http_header_name, patterns(c.values, c.regex_values))),
        query_string: condition
            .query_string_config
            .map(|c| c.values.unwrap_or_default().into_iter().map(pair).collect()),
        http_request_method: condition
            .http_request_method_config
            .map(|c| c.values.unwrap_or_default()),
        source_ip: condition.source_ip_config.map(|c| c.values.unwrap_or_default()),
    }
}

fn patterns(values: Option<Vec<String>>, regexes: Option<Vec<String>>) -> PatternsInput {
    PatternsInput { values: values.unwrap_or_default(), regexes: regexes.unwrap_or_default() }
}

fn shape(condition: &Condition) -> api::RuleCondition {
    let mut shape =
        api::RuleCondition { field: Some(condition.field().to_owned()), ..Default::default() };
    match condition {
        Condition::HostHeader { values, regexes } => {
            shape.values = some(values);
            shape.host_header_config = Some(api::HostHeaderConditionConfig {
                values: some(values),
                regex_values: some(regexes),
            });
        }
        Condition::PathPattern { values, regexes } => {
            shape.values = some(values);
            shape.path_pattern_config = Some(api::PathPatternConditionConfig {
                values: some(values),
                regex_values: some(regexes),
            });
        }
        Condition::HttpHeader { name, values, regexes } => {
            shape.http_header_config = Some(api::HttpHeaderConditionConfig {
                http_header_name: Some(name.clone()),
                values: some(values),
                regex_values: some(regexes),
            });
        }
        Condition::HttpRequestMethod { values } => {
            let config = api::HttpRequestMethodConditionConfig { values: Some(values.clone()) };
            shape.http_request_method_config = Some(config);
        }
        Condition::QueryString { values } => {
            let values = Some(values.iter().map(query_pair).collect());
            shape.query_string_config = Some(api::QueryStringConditionConfig { values });
        }
        Condition::SourceIp { values, family } => {
            let blocks: Vec<String> = values.iter().map(ToString::to_string).collect();
            shape.source_ip_config = Some(api::SourceIpConditionConfig {
                values: some(&blocks),
                ip_address_type: family.map(|family| family.as_str().to_owned()),
            });
        }
    }
    shape
}

fn query_pair(pair: &QueryPair) -> api::QueryStringKeyValuePair {
    api::QueryStringKeyValuePair { key: pair.key.clone(), value: Some(pair.value.clone()) }
}

fn some(values: &[String]) -> Option<Vec<String>> {
    (!values.is_empty()).then(|| values.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn legacy_fields_are_told_both_ways() {
        let condition =
            Condition::HostHeader { values: vec!["a.example.com".into()], regexes: vec![] };
        let shape = shape(&condition);
        assert_eq!(shape.values, Some(vec!["a.example.com".to_owned()]));
        assert_eq!(shape.host_header_config.unwrap().values, shape.values);
    }

    #[test]
    fn other_fields_have_their_structure_only() {
        let method = shape(&Condition::HttpRequestMethod { values: vec!["GET".into()] });
        assert_eq!(method.values, None);
        assert_eq!(method.http_request_method_config.unwrap().values.unwrap(), ["GET"]);
        let block = "10.0.0.0/8".parse().unwrap();
        let source = shape(&Condition::SourceIp { values: vec![block], family: None });
        assert_eq!(source.source_ip_config.unwrap().values.unwrap(), ["10.0.0.0/8"]);
    }

    #[test]
    fn an_absent_structure_differs_from_an_empty_one() {
        let given = api::RuleCondition {
            source_ip_config: Some(api::SourceIpConditionConfig::default()),
            ..Default::default()
        };
        let read = input(given);
        assert_eq!((read.source_ip, read.http_request_method), (Some(vec![]), None));
    }
}
