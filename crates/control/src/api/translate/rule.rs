//! Listener rules in the API's words.
//!
//! Invariant: rules are told in the order in which they are evaluated; the default rule is last
//! and its priority reads `default`.

use std::collections::BTreeMap;

use weir_core::catalog::command::{
    ArnInput, RuleCreate, RuleModify, RulePrioritiesSet, TransformInput,
};
use weir_core::catalog::{Catalog, Command, Decision, Refusal, Resource};
use weir_core::resource::{Priority, Rule, RuleArn, Transform, TransformKind};
use weir_wire::error::ApiError;
use weir_wire::generated::elbv2 as api;

use super::super::call::Call;
use super::super::limits;
use super::page::Wanted;
use super::{action, condition, listener, pairs, required, selected};

/// `CreateRule`.
pub async fn create(
    call: &Call,
    input: api::CreateRuleInput,
) -> Result<api::CreateRuleOutput, ApiError> {
    let command = RuleCreate {
        region: call.facts.region.clone(),
        listener: required(input.listener_arn),
        priority: i64::from(input.priority.unwrap_or_default()),
        conditions: condition::inputs(input.conditions.unwrap_or_default()),
        actions: action::inputs(call, input.actions.unwrap_or_default())?,
        transforms: transforms(input.transforms.unwrap_or_default()),
        tags: pairs(input.tags),
    };
    let decision = call.submit(Command::RuleCreate(command)).await?;
    Ok(api::CreateRuleOutput { rules: Some(subject_shapes(&decision)) })
}

/// `ModifyRule`.
pub async fn modify(
    call: &Call,
    input: api::ModifyRuleInput,
) -> Result<api::ModifyRuleOutput, ApiError> {
    let command = RuleModify {
        region: call.facts.region.clone(),
        arn: required(input.rule_arn),
        conditions: input.conditions.map(condition::inputs),
        actions: input.actions.map(|actions| action::inputs(call, actions)).transpose()?,
        transforms: input.transforms.map(transforms),
        reset_transforms: input.reset_transforms,
    };
    let decision = call.submit(Command::RuleModify(command)).await?;
    Ok(api::ModifyRuleOutput { rules: Some(subject_shapes(&decision)) })
}

/// `DeleteRule`.
pub async fn delete(
    call: &Call,
    input: api::DeleteRuleInput,
) -> Result<api::DeleteRuleOutput, ApiError> {
    let (region, arn) = (call.facts.region.clone(), required(input.rule_arn));
    call.submit(Command::RuleDelete(ArnInput { region, arn })).await?;
    Ok(api::DeleteRuleOutput {})
}

/// `SetRulePriorities`.
pub async fn set_priorities(
    call: &Call,
    input: api::SetRulePrioritiesInput,
) -> Result<api::SetRulePrioritiesOutput, ApiError> {
    let given = input.rule_priorities.unwrap_or_default().into_iter();
    let pair = |pair: api::RulePriorityPair| {
        (required(pair.rule_arn), i64::from(pair.priority.unwrap_or_default()))
    };
    let (region, priorities) = (call.facts.region.clone(), given.map(pair).collect());
    let command = Command::RulePrioritiesSet(RulePrioritiesSet { region, priorities });
    let decision = call.submit(command).await?;
    Ok(api::SetRulePrioritiesOutput { rules: Some(subject_shapes(&decision)) })
}

/// `DescribeRules`.
pub fn describe(
    call: &Call,
    input: api::DescribeRulesInput,
) -> Result<api::DescribeRulesOutput, ApiError> {
    let wanted = Wanted::new(input.marker, input.page_size, limits::PAGE_SIZE_DEFAULT);
    let arns = selected(input.rule_arns);
    let (rules, next_marker) = call.read(|catalog| {
        let found = match (input.listener_arn, arns) {
            (Some(_), Some(_)) => return Err(Refusal::DescribeRulesBoth {}),
            (None, None) => return Err(Refusal::DescribeRulesNothing {}),
            (Some(arn), None) => {
                let listener = listener::by_arn(call, catalog, &arn)?;
                let listener = listener.ok_or(Refusal::ListenersNotFound {})?;
                catalog.rules_of(&listener.arn).collect()
            }
            (None, Some(arns)) => by_arns(call, catalog, arns)?,
        };
        let (page, next) = wanted.page(found, key)?;
        Ok((page.into_iter().map(shape).collect(), next))
    })?;
    Ok(api::DescribeRulesOutput { rules: Some(rules), next_marker })
}

// === helpers ===

fn by_arns<'a>(
    call: &Call,
    catalog: &'a Catalog,
    arns: Vec<String>,
) -> Result<Vec<&'a Rule>, Refusal> {
    let mut found = BTreeMap::new();
    for arn in arns {
        let rule = by_arn(call, catalog, &arn)?.ok_or(Refusal::RulesNotFound {})?;
        found.insert(key(&rule), rule);
    }
    Ok(found.into_values().collect())
}

/// A rule of the call's region.
pub fn by_arn<'a>(
    call: &Call,
    catalog: &'a Catalog,
    arn: &str,
) -> Result<Option<&'a Rule>, Refusal> {
    let malformed = || Refusal::RuleArnInvalid { arn: arn.to_owned() };
    let parsed = RuleArn::parse(arn).ok_or_else(malformed)?;
    let ours = parsed.region() == call.facts.region.as_str();
    Ok(if ours { catalog.rule(&parsed) } else { None })
}

/// Sorts by listener, then in order of evaluation; also the marker.
fn key(rule: &&Rule) -> String {
    let position = match rule.priority {
        Priority::Number(number) => format!("{number:05}"),
        Priority::Default => "default".to_owned(),
    };
    format!("{}:{position}", rule.listener.tail())
}

/// The rules of a decision, as they were when it was made.
fn subject_shapes(decision: &Decision) -> Vec<api::Rule> {
    let records = decision.records.iter();
    let rules = records.filter_map(|resource| match resource {
        Resource::Rule(rule) => Some(shape(rule)),
        _ => None,
    });
    rules.collect()
}

fn shape(rule: &Rule) -> api::Rule {
    api::Rule {
        rule_arn: Some(rule.arn.to_string()),
        priority: Some(rule.priority.to_string()),
        conditions: Some(condition::shapes(&rule.conditions)),
        actions: Some(action::shapes(&rule.actions)),
        is_default: Some(rule.priority == Priority::Default),
        transforms: Some(rule.transforms.iter().map(transform_shape).collect()),
    }
}

fn transforms(transforms: Vec<api::RuleTransform>) -> Vec<TransformInput> {
    let pair = |pair: api::RewriteConfig| (required(pair.regex), required(pair.replace));
    let pairs = |rewrites: Option<Vec<api::RewriteConfig>>| -> Vec<(String, String)> {
        rewrites.unwrap_or_default().into_iter().map(pair).collect()
    };
    let input = |transform: api::RuleTransform| TransformInput {
        kind: required(transform.r#type),
        host_header: transform.host_header_rewrite_config.map(|config| pairs(config.rewrites)),
        url: transform.url_rewrite_config.map(|config| pairs(config.rewrites)),
    };
    transforms.into_iter().map(input).collect()
}

fn transform_shape(transform: &Transform) -> api::RuleTransform {
    let rewrites = Some(vec![api::RewriteConfig {
        regex: Some(transform.regex.clone()),
        replace: Some(transform.replace.clone()),
    }]);
    let mut shape = api::RuleTransform {
        r#type: Some(transform.kind.as_str().to_owned()),
        ..Default::default()
    };
    match transform.kind {
        TransformKind::HostHeaderRewrite => {
            shape.host_header_rewrite_config = Some(api::HostHeaderRewriteConfig { rewrites });
        }
        TransformKind::UrlRewrite => {
            shape.url_rewrite_config = Some(api::UrlRewriteConfig { rewrites });
        }
    }
    shape
}
