//! What is built, and how it is used once it stands.
//!
//! One load balancer is one piece of work: itself, one listener, its target groups, its rules; the
//! registrations come last, so that the memory of targets can be told apart. Clients take pieces
//! from one counter.
//!
//! Invariant: the numbers of objects and calls follow from [`Size`] alone.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::{Context, Result};

use super::client::{Caller, Client, Times, text, texts};

/// How much is built.
#[derive(Clone, Copy, Debug, Default)]
pub struct Size {
    /// Load balancers, each with one listener.
    pub load_balancers: usize,
    /// Target groups of each.
    pub groups: usize,
    /// Targets of each group, registered by one call.
    pub targets: usize,
    /// Rules of each load balancer, its default rule not counted.
    pub rules: usize,
    /// Clients at once.
    pub clients: usize,
}

/// One load balancer as the API named it.
#[derive(Clone, Debug)]
pub struct Built {
    /// Its name.
    pub name: String,
    /// Itself.
    pub arn: String,
    /// Its listener.
    pub listener: String,
    /// Its target groups.
    pub groups: Vec<String>,
}

/// The default network.
#[derive(Clone, Debug)]
pub struct Network {
    /// The VPC.
    pub vpc: String,
    /// Two of its subnets.
    pub subnets: Vec<String>,
}

/// What a stage came to.
pub struct Stage<T> {
    /// What each piece gave, in order.
    pub made: Vec<T>,
    /// What was measured.
    pub times: Times,
    /// Calls that were made.
    pub calls: usize,
}

// === impl Size ===

impl Size {
    /// All target groups.
    pub fn all_groups(self) -> usize {
        self.load_balancers * self.groups
    }

    /// All targets.
    pub fn all_targets(self) -> usize {
        self.all_groups() * self.targets
    }

    /// All rules.
    pub fn all_rules(self) -> usize {
        self.load_balancers * self.rules
    }

    /// Lines of the settings file that make room for it.
    pub fn quotas(self) -> String {
        let more = self.load_balancers + 100;
        format!(
            "[quotas]\nload_balancers = {more}\ntarget_groups = {}\n\
             rules_per_load_balancer = {}\ntarget_groups_per_load_balancer = {}\n",
            self.all_groups() + 100,
            self.rules + 100,
            self.groups + 100,
        )
    }
}

/// Splits `count` pieces of work among clients.
pub fn share<T: Send>(
    caller: &Caller,
    clients: usize,
    count: usize,
    work: impl Fn(&mut Client, usize) -> Result<T> + Sync,
) -> Result<Stage<T>> {
    let next = AtomicUsize::new(0);
    let one = || -> Result<(Vec<(usize, T)>, Client)> {
        let (mut client, mut made) = (Client::new(caller), Vec::new());
        loop {
            let piece = next.fetch_add(1, Ordering::Relaxed);
            if piece >= count {
                return Ok((made, client));
            }
            made.push((piece, work(&mut client, piece)?));
        }
    };
    let results: Vec<_> = thread::scope(|scope| {
        let clients: Vec<_> = (0..clients).map(|_| scope.spawn(one)).collect();
        clients.into_iter().map(thread::ScopedJoinHandle::join).collect()
    });
    let mut stage = Stage { made: Vec::new(), times: Times::default(), calls: 0 };
    let mut all = Vec::new();
    for result in results {
        let (made, client) = result.ok().context("a client panicked")??;
        all.extend(made);
        stage.calls += client.calls;
        stage.times.merge(client.times);
    }
    all.sort_by_key(|(piece, _)| *piece);
    stage.made = all.into_iter().map(|(_, made)| made).collect();
    Ok(stage)
}

/// The default network of the region.
pub fn network(client: &mut Client) -> Result<Network> {
    let vpc = text(&client.ec2("DescribeVpcs", &[])?, "vpcId")?.to_owned();
    let subnets = client.ec2("DescribeSubnets", &[])?;
    let subnets: Vec<String> = texts(&subnets, "subnetId").into_iter().map(str::to_owned).collect();
    anyhow::ensure!(subnets.len() >= 2, "a load balancer needs two subnets");
    Ok(Network { vpc, subnets })
}

/// Builds load balancer number `index` with everything but its targets.
pub fn build(client: &mut Client, network: &Network, size: Size, index: usize) -> Result<Built> {
    let name = format!("bench-{index:05}");
    let words = [
        ("Name", name.as_str()),
        ("Subnets.member.1", &network.subnets[0]),
        ("Subnets.member.2", &network.subnets[1]),
    ];
    let answer = client.elbv2("CreateLoadBalancer", &words)?;
    let arn = text(&answer, "LoadBalancerArn")?.to_owned();
    let words = [
        ("LoadBalancerArn", arn.as_str()),
        ("Protocol", "HTTP"),
        ("Port", "80"),
        ("DefaultActions.member.1.Type", "fixed-response"),
        ("DefaultActions.member.1.FixedResponseConfig.StatusCode", "200"),
        ("DefaultActions.member.1.FixedResponseConfig.MessageBody", &name),
    ];
    let answer = client.elbv2("CreateListener", &words)?;
    let listener = text(&answer, "ListenerArn")?.to_owned();
    let groups = (0..size.groups).map(|group| {
        let name = format!("{name}-{group:02}");
        let words = [
            ("Name", name.as_str()),
            ("Protocol", "HTTP"),
            ("Port", "80"),
            ("VpcId", &network.vpc),
            ("TargetType", "ip"),
        ];
        let answer = client.elbv2("CreateTargetGroup", &words)?;
        Ok(text(&answer, "TargetGroupArn")?.to_owned())
    });
    let groups: Vec<String> = groups.collect::<Result<_>>()?;
    for number in 0..size.rules {
        rule(client, &listener, number + 1, groups.get(number % groups.len().max(1)))?;
    }
    Ok(Built { name, arn, listener, groups })
}

/// Makes a rule that forwards to `group`.
pub fn rule(
    client: &mut Client,
    listener: &str,
    priority: usize,
    group: Option<&String>,
) -> Result<String> {
    let (path, priority) = (format!("/service-{priority:03}/*"), priority.to_string());
    let words = [
        ("ListenerArn", listener),
        ("Priority", priority.as_str()),
        ("Conditions.member.1.Field", "path-pattern"),
        ("Conditions.member.1.PathPatternConfig.Values.member.1", path.as_str()),
        ("Actions.member.1.Type", "forward"),
        ("Actions.member.1.TargetGroupArn", group.context("rules need groups")?),
    ];
    let answer = client.elbv2("CreateRule", &words)?;
    Ok(text(&answer, "RuleArn")?.to_owned())
}

/// Registers the targets of group number `index`.
pub fn register(client: &mut Client, group: &str, size: Size, index: usize) -> Result<()> {
    let targets = (0..size.targets).map(|target| address(index * size.targets + target));
    targets_call(client, "RegisterTargets", group, &targets.collect::<Vec<_>>())
}

/// Registers or deregisters these addresses.
pub fn targets_call(
    client: &mut Client,
    action: &'static str,
    group: &str,
    addresses: &[String],
) -> Result<()> {
    let names: Vec<(String, String)> = (1..=addresses.len())
        .map(|n| (format!("Targets.member.{n}.Id"), format!("Targets.member.{n}.Port")))
        .collect();
    let mut words = vec![("TargetGroupArn", group)];
    for ((id, port), address) in names.iter().zip(addresses) {
        words.push((id, address));
        // The discard port, where nobody listens: a probe costs both sides next to nothing.
        words.push((port, "9"));
    }
    client.elbv2(action, &words).map(drop)
}

/// The address of target number `number`, within 127.128.0.0/10: no instance of Weir binds there.
pub fn address(number: usize) -> String {
    let n = number as u32 + 1;
    format!("127.{}.{}.{}", 128 + (n >> 16), (n >> 8) & 0xff, n & 0xff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_differ_and_stay_in_their_range() {
        assert_eq!(address(0), "127.128.0.1");
        assert_eq!(address(65_535), "127.129.0.0");
        let size = Size { load_balancers: 2, groups: 3, targets: 4, rules: 5, clients: 1 };
        assert_eq!((size.all_groups(), size.all_targets(), size.all_rules()), (6, 24, 10));
        assert!(size.quotas().contains("target_groups = 106\n"));
    }
}
