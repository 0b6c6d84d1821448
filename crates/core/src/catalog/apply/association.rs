//! What one load balancer may carry: groups that only it uses, and how many.
//!
//! Invariant: a target group serves one load balancer at most.
// spec: alb §14.1 Quotas

use std::collections::{BTreeMap, BTreeSet};

use super::Apply;
use crate::catalog::{Refusal, RoutingRefusal, Waiver};
use crate::resource::{
    Action, IpAddressType, ListenerProtocol, LoadBalancer, LoadBalancerKind, Region, RuleArn,
    Target, TargetGroup, TargetGroupArn, TargetGroupProtocol, TargetType,
};

// === impl Apply ===

impl Apply<'_> {
    /// Whether `actions` may stand in a rule of `lb`, in place of `replaced` if given.
    pub(super) fn groups_admit(
        &self,
        lb: &LoadBalancer,
        actions: &[Action],
        replaced: Option<&RuleArn>,
    ) -> Result<(), Refusal> {
        let wanted: BTreeSet<TargetGroupArn> =
            actions.iter().flat_map(|action| action.groups()).cloned().collect();
        for group in &wanted {
            self.group_fits(lb, group)?;
            if self.catalog.load_balancer_of(group).is_some_and(|other| other.arn != lb.arn) {
                return Err(Refusal::GroupOnOtherLoadBalancer { arn: group.to_string() });
            }
        }
        let present = self.catalog.index.groups_of.get(&lb.arn);
        // What only the replaced rule names does not count.
        let freed = replaced.and_then(|arn| self.catalog.rule(arn)).into_iter().flat_map(|rule| {
            let named: BTreeSet<_> = rule.actions.iter().flat_map(|a| a.groups()).collect();
            named.into_iter().filter(|group| present.and_then(|p| p.get(*group)) == Some(&1))
        });
        let freed: BTreeSet<&TargetGroupArn> = freed.collect();
        let remains = |group: &TargetGroupArn| {
            present.is_some_and(|present| present.contains_key(group)) && !freed.contains(group)
        };
        let fresh: BTreeSet<TargetGroupArn> =
            wanted.into_iter().filter(|group| !remains(group)).collect();
        let limit = self.catalog.settings.quotas.target_groups_per_load_balancer;
        let remaining = present.map_or(0, |present| present.len()) - freed.len();
        if !fresh.is_empty() && remaining + fresh.len() > limit {
            let (kind, limit) = (lb.kind.as_str().to_owned(), limit.to_string());
            return Err(Refusal::GroupsPerLoadBalancerTooMany { kind, limit });
        }
        match lb.kind {
            _ if fresh.is_empty() => Ok(()),
            LoadBalancerKind::Application => self.targets_admit(lb, &fresh, &[]),
            LoadBalancerKind::Network | LoadBalancerKind::Gateway => {
                self.zonal_admit(lb, &fresh, None)
            }
        }
    }

    /// Whether a group is where the load balancer can reach its targets.
    fn group_fits(&self, lb: &LoadBalancer, arn: &TargetGroupArn) -> Result<(), Refusal> {
        let Some(group) = self.catalog.target_group(arn) else { return Ok(()) };
        let waived = self.catalog.settings.waives(Waiver::ForeignTargetGroup);
        let arn = arn.to_string();
        if !waived && group.vpc.as_ref().is_some_and(|vpc| *vpc != lb.vpc) {
            return Err(RoutingRefusal::GroupInOtherVpc { arn }.into());
        }
        // spec: alb §4.1 Registration
        if group.ipv6 && lb.ip_address_type == IpAddressType::Ipv4 {
            return Err(RoutingRefusal::GroupIpv6NeedsDualstack { arn }.into());
        }
        Ok(())
    }

    /// Whether a load balancer may carry its groups' targets, those of `groups` and more targets
    /// with the ids `more`. Only what is new is looked at: a lowered quota keeps what exists.
    pub(super) fn targets_admit(
        &self,
        lb: &LoadBalancer,
        groups: &BTreeSet<TargetGroupArn>,
        more: &[String],
    ) -> Result<(), Refusal> {
        let quotas = &self.catalog.settings.quotas;
        let index = &self.catalog.index;
        let present = index.groups_of.get(&lb.arn);
        let is_present = |group: &TargetGroupArn| {
            present.is_some_and(|p| p.contains_key(group)) || groups.contains(group)
        };
        let serving = |target: &&Target| !target.is_draining();
        let joining = groups.iter().flat_map(|group| self.catalog.targets(group)).filter(serving);
        let mut added: BTreeMap<&str, usize> = BTreeMap::new();
        for id in more {
            *added.entry(id).or_default() += 1;
        }
        for id in joining.map(|target| &target.id).chain(more) {
            let registered = index.target_groups_of.get(id).into_iter().flatten();
            let registered = registered.filter(|(group, _)| is_present(group));
            let already: usize = registered.map(|(_, count)| count.serving as usize).sum();
            if already + added.get(id.as_str()).copied().unwrap_or(0)
                > quotas.registrations_per_target
            {
                let limit = quotas.registrations_per_target.to_string();
                return Err(Refusal::RegistrationsPerTargetTooMany { id: id.clone(), limit });
            }
        }
        let present = present.into_iter().flatten().map(|(group, _)| group);
        let both: BTreeSet<&TargetGroupArn> = present.chain(groups).collect();
        let serving: usize = both.into_iter().map(|group| self.catalog.serving(group)).sum();
        let limit = quotas.targets_per_load_balancer;
        if serving + more.len() > limit {
            let (kind, limit) = (lb.kind.as_str().to_owned(), limit.to_string());
            return Err(Refusal::TargetsPerLoadBalancerTooMany { kind, limit });
        }
        Ok(())
    }

    /// A target group that an action names, fit for the listener's protocol.
    pub(super) fn action_group(
        &self,
        region: &Region,
        protocol: ListenerProtocol,
        text: &str,
    ) -> Result<&TargetGroup, Refusal> {
        let arn = text.to_owned();
        let Some(group) = self.catalog.target_group_find(region, text)? else {
            return Err(Refusal::ActionTargetGroupNotFound { arn });
        };
        if protocols_fit(protocol, group) {
            return Ok(group);
        }
        Err(Refusal::GroupProtocolIncompatible { arn })
    }
}

/// Whether a listener of this protocol can forward to a group.
// spec: alb §2.6 `forward`
// spec: nlb-gwlb-clb §1.1 Listeners and protocol compatibility [D][M]
pub(super) fn protocols_fit(listener: ListenerProtocol, group: &TargetGroup) -> bool {
    use ListenerProtocol as L;
    use TargetGroupProtocol as G;
    let Some(protocol) = group.protocol else { return matches!(listener, L::Http | L::Https) };
    let old_web = group.protocol_version.as_deref() == Some("HTTP1");
    match (listener, protocol) {
        (L::Http, G::Http | G::Https) => old_web,
        (L::Https, G::Http | G::Https)
        | (L::Udp, G::Udp | G::TcpUdp)
        | (L::TcpUdp, G::TcpUdp)
        | (L::Quic, G::Quic | G::TcpQuic)
        | (L::TcpQuic, G::TcpQuic)
        | (L::Tls, G::Tls)
        | (L::Tcp, G::TcpUdp | G::TcpQuic)
        | (L::Geneve, G::Geneve)
        | (L::Tcp, G::Tcp) => true,
        (L::Tls, G::Tcp) => group.target_type != TargetType::Alb,
        _ => false,
    }
}
