//! Selecting records for the Describe… calls of the load-balancing API, with its refusals.
//!
//! Pages are resumed by position (name, port, priority), so a marker survives the deletion of the
//! item it was made from.
//!
//! Invariant: a record is found only from its own region.
// spec: control-plane §1.2 ELBv2 actions (51) – input, result members, modelled errors

use std::ops::Bound;

use super::{Catalog, LoadBalancerRefusal, Page, PageRequest, Refusal};
use crate::limits;
use crate::resource::{
    Listener, ListenerArn, LoadBalancer, LoadBalancerArn, Priority, Region, Rule, RuleArn, Tags,
    TargetGroup, TargetGroupArn, arn,
};

// === impl Catalog: one record ===

impl Catalog {
    /// The load balancer of this ARN; `Ok(None)` when there is none.
    pub fn load_balancer_find(
        &self,
        region: &Region,
        arn: &str,
    ) -> Result<Option<&LoadBalancer>, Refusal> {
        let parsed = LoadBalancerArn::parse(arn)
            .ok_or_else(|| Refusal::LoadBalancerArnInvalid { arn: arn.to_owned() })?;
        Ok(self.load_balancer(&parsed).filter(|lb| lb.region == *region))
    }

    /// The load balancer of this ARN, for calls that name one.
    pub fn load_balancer_named_by(
        &self,
        region: &Region,
        arn: &str,
    ) -> Result<&LoadBalancer, Refusal> {
        self.load_balancer_find(region, arn)?
            .ok_or_else(|| Refusal::LoadBalancerNotFound { arn: arn.to_owned() })
    }

    /// The target group of this ARN; `Ok(None)` when there is none.
    pub fn target_group_find(
        &self,
        region: &Region,
        arn: &str,
    ) -> Result<Option<&TargetGroup>, Refusal> {
        let parsed = TargetGroupArn::parse(arn)
            .ok_or_else(|| Refusal::TargetGroupArnInvalid { arn: arn.to_owned() })?;
        Ok(self.target_group(&parsed).filter(|group| group.region == *region))
    }

    /// The target group of this ARN, for calls that name one.
    pub fn target_group_named_by(
        &self,
        region: &Region,
        arn: &str,
    ) -> Result<&TargetGroup, Refusal> {
        self.target_group_find(region, arn)?.ok_or(Refusal::TargetGroupsNotFound {})
    }

    /// The listener of this ARN, for calls that name one.
    pub fn listener_named_by(&self, region: &Region, arn: &str) -> Result<&Listener, Refusal> {
        let parsed = ListenerArn::parse(arn)
            .ok_or_else(|| Refusal::ListenerArnInvalid { arn: arn.to_owned() })?;
        let found = self.listener(&parsed).filter(|_| parsed.region() == region.as_str());
        found.ok_or(Refusal::ListenersNotFound {})
    }

    /// The rule of this ARN, for calls that name one.
    pub fn rule_named_by(&self, region: &Region, arn: &str) -> Result<&Rule, Refusal> {
        let parsed =
            RuleArn::parse(arn).ok_or_else(|| Refusal::RuleArnInvalid { arn: arn.to_owned() })?;
        let found = self.rule(&parsed).filter(|_| parsed.region() == region.as_str());
        found.ok_or(Refusal::RulesNotFound {})
    }
}

// === impl Catalog: lists ===

impl Catalog {
    /// `DescribeLoadBalancers`: by name, or exactly what was asked for, in its order.
    pub fn load_balancers_describe(
        &self,
        region: &Region,
        arns: &[String],
        names: &[String],
        page: PageRequest<'_>,
    ) -> Result<Page<&LoadBalancer>, Refusal> {
        if !arns.is_empty() && !names.is_empty() {
            return Err(Refusal::DescribeLoadBalancersBoth {});
        }
        let missing = || Refusal::LoadBalancersNotFound {};
        let limit = limits::DESCRIBE_LOAD_BALANCERS_ARNS_MAX;
        if arns.len() > limit {
            return Err(LoadBalancerRefusal::DescribeTooMany { limit: limit.to_string() }.into());
        }
        if !arns.is_empty() {
            let find = |arn: &String| self.load_balancer_find(region, arn)?.ok_or_else(missing);
            return Ok(Page::whole(arns.iter().map(find).collect::<Result<_, _>>()?));
        }
        if !names.is_empty() {
            let find = |name: &String| self.load_balancer_named(region, name).ok_or_else(missing);
            return Ok(Page::whole(names.iter().map(find).collect::<Result<_, _>>()?));
        }
        let all = self.index.load_balancers.get(region);
        let rest = all.into_iter().flat_map(|all| all.range::<str, _>(after(page.marker)));
        let items = rest.filter_map(|(_, arn)| self.load_balancer(arn));
        Ok(Page::take(items, page.size, |lb| lb.name.clone()))
    }

    /// `DescribeTargetGroups`: by name, by load balancer, or exactly what was asked for.
    pub fn target_groups_describe(
        &self,
        region: &Region,
        load_balancer: Option<&str>,
        arns: &[String],
        names: &[String],
        page: PageRequest<'_>,
    ) -> Result<Page<&TargetGroup>, Refusal> {
        let given = [load_balancer.is_some(), !arns.is_empty(), !names.is_empty()];
        if given.into_iter().filter(|given| *given).count() > 1 {
            return Err(Refusal::DescribeTargetGroupsSeveral {});
        }
        let missing = || Refusal::TargetGroupsNotFound {};
        if let Some(arn) = load_balancer {
            let found = self.load_balancer_find(region, arn)?;
            let lb = found.ok_or(Refusal::LoadBalancersNotFound {})?;
            let mut groups: Vec<&TargetGroup> = self.groups_of(&lb.arn).collect();
            groups.sort_by(|a, b| a.name.cmp(&b.name));
            let marker = page.marker.unwrap_or_default();
            let rest = groups.into_iter().filter(|group| group.name.as_str() > marker);
            return Ok(Page::take(rest, page.size, |group| group.name.clone()));
        }
        if !arns.is_empty() {
            let find = |arn: &String| self.target_group_find(region, arn)?.ok_or_else(missing);
            return Ok(Page::whole(arns.iter().map(find).collect::<Result<_, _>>()?));
        }
        if !names.is_empty() {
            let find = |name: &String| self.target_group_named(region, name).ok_or_else(missing);
            return Ok(Page::whole(names.iter().map(find).collect::<Result<_, _>>()?));
        }
        let all = self.index.target_groups.get(region);
        let rest = all.into_iter().flat_map(|all| all.range::<str, _>(after(page.marker)));
        let items = rest.filter_map(|(_, arn)| self.target_group(arn));
        Ok(Page::take(items, page.size, |group| group.name.clone()))
    }

    /// `DescribeListeners`: of a load balancer by port, or exactly what was asked for.
    pub fn listeners_describe(
        &self,
        region: &Region,
        load_balancer: Option<&str>,
        arns: &[String],
        page: PageRequest<'_>,
    ) -> Result<Page<&Listener>, Refusal> {
        let Some(arn) = load_balancer else {
            if arns.is_empty() {
                return Err(Refusal::DescribeListenersNothing {});
            }
            let find = |arn: &String| self.listener_named_by(region, arn);
            return Ok(Page::whole(arns.iter().map(find).collect::<Result<_, _>>()?));
        };
        if !arns.is_empty() {
            return Err(Refusal::DescribeListenersBoth {});
        }
        let found = self.load_balancer_find(region, arn)?;
        let lb = found.ok_or(Refusal::LoadBalancersNotFound {})?;
        let last: u16 = page.marker.and_then(|marker| marker.parse().ok()).unwrap_or(0);
        let rest = self.listeners_of(&lb.arn).filter(|listener| listener.port > last);
        Ok(Page::take(rest, page.size, |listener| listener.port.to_string()))
    }

    /// `DescribeRules`: of a listener in the order of evaluation, or exactly what was asked for.
    pub fn rules_describe(
        &self,
        region: &Region,
        listener: Option<&str>,
        arns: &[String],
        page: PageRequest<'_>,
    ) -> Result<Page<&Rule>, Refusal> {
        let Some(arn) = listener else {
            if arns.is_empty() {
                return Err(Refusal::DescribeRulesNothing {});
            }
            let find = |arn: &String| self.rule_named_by(region, arn);
            return Ok(Page::whole(arns.iter().map(find).collect::<Result<_, _>>()?));
        };
        if !arns.is_empty() {
            return Err(Refusal::DescribeRulesBoth {});
        }
        let listener = self.listener_named_by(region, arn)?;
        let last: Option<u32> = page.marker.and_then(|marker| marker.parse().ok());
        let after_last = |rule: &&Rule| match (last, rule.priority) {
            (Some(last), Priority::Number(number)) => number > last,
            (_, Priority::Default) | (None, _) => true,
        };
        let rest = self.rules_of(&listener.arn).filter(after_last);
        Ok(Page::take(rest, page.size, |rule| rule.priority.to_string()))
    }

    /// `DescribeTags`: one entry per ARN, in request order.
    pub fn tags_describe<'a>(
        &self,
        region: &Region,
        arns: &'a [String],
    ) -> Result<Vec<(&'a str, &Tags)>, Refusal> {
        let limit = limits::DESCRIBE_TAGS_ARNS_MAX;
        if arns.is_empty() {
            return Err(LoadBalancerRefusal::ResourceArnsMissing {}.into());
        }
        if arns.len() > limit {
            return Err(Refusal::DescribeTagsTooMany { limit: limit.to_string() });
        }
        let find = |arn: &'a String| Ok((arn.as_str(), self.tags_of(region, arn)?));
        arns.iter().map(find).collect()
    }

    fn tags_of(&self, region: &Region, text: &str) -> Result<&Tags, Refusal> {
        let tail = arn::split(text).map(|parts| parts.tail).unwrap_or_default();
        match tail.split('/').next() {
            Some("loadbalancer") => {
                let found = self.load_balancer_find(region, text)?;
                Ok(&found.ok_or(Refusal::LoadBalancersNotFound {})?.tags)
            }
            Some("targetgroup") => Ok(&self.target_group_named_by(region, text)?.tags),
            Some("truststore") => Ok(&self.trust_store_named_by(region, text)?.tags),
            Some("listener") => Ok(&self.listener_named_by(region, text)?.tags),
            Some("listener-rule") => Ok(&self.rule_named_by(region, text)?.tags),
            _ => Err(Refusal::ResourceArnInvalid { arn: text.to_owned() }),
        }
    }
}

fn after(marker: Option<&str>) -> (Bound<&str>, Bound<&str>) {
    (marker.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded)
}
