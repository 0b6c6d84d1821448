//! What `weir ls` shows: load balancer, listener, rule, group, target, as one tree.
//!
//! Collected in the running process, sent as JSON over a socket that only the owner may open, and
//! drawn by the command.
//!
//! Invariant: drawing never prints a control character that came from outside.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};
use weir_control::Authority;
use weir_core::catalog::Catalog;
use weir_core::resource::{
    Action, ActionKind, Condition, LoadBalancer, LoadBalancerZone, TargetGroupArn,
};
use weir_core::snapshot::Snapshot;
use weir_core::traffic::health::TargetHealth;
use weir_net::address::Carrier;

/// A line of the tree with what hangs below it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// What it is.
    pub text: String,
    /// Where it is reached, or its state; drawn at the right.
    pub note: String,
    /// What it has.
    pub below: Vec<Node>,
}

/// The whole tree.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tree {
    /// Revision that the data threads run.
    pub revision: u64,
    /// Load balancers, then groups that nobody uses.
    pub roots: Vec<Node>,
}

// === impl Node ===

impl Node {
    fn new(text: impl Into<String>, note: impl Into<String>) -> Self {
        Self { text: text.into(), note: note.into(), below: Vec::new() }
    }
}

// === impl Tree ===

impl Tree {
    /// Collects the tree of a running process.
    pub fn collect(authority: &Authority) -> Self {
        let snapshot = authority.snapshot();
        let carrier = authority.plane().carrier();
        let impairment = |lb: &LoadBalancer| authority.impairment(&lb.arn);
        authority.read(|catalog| {
            let unused = |arn: &TargetGroupArn| catalog.load_balancers_using(arn).is_empty();
            let mut roots: Vec<Node> = catalog
                .all_load_balancers()
                .map(|lb| load_balancer(catalog, &snapshot, lb, impairment(lb), carrier))
                .collect();
            let groups = catalog.all_target_groups().filter(|group| unused(&group.arn));
            roots.extend(groups.map(|g| self::group(catalog, &snapshot, &g.arn, "not in use")));
            Self { revision: snapshot.revision.0, roots }
        })
    }

    /// Draws the tree in so many columns.
    pub fn draw(&self, columns: usize) -> String {
        if self.roots.is_empty() {
            return "No load balancers yet. Make one with aws elbv2 create-load-balancer, or run \
                    `weir demo`.\n"
                .to_owned();
        }
        let mut out = String::new();
        for root in &self.roots {
            draw(&mut out, root, "", "", columns);
        }
        out
    }
}

fn load_balancer(
    catalog: &Catalog,
    snapshot: &Snapshot,
    lb: &LoadBalancer,
    impairment: Option<String>,
    carrier: &Carrier,
) -> Node {
    let standing = catalog.standing(lb);
    let state = match (&impairment, standing.is_active) {
        (_, false) => "provisioning",
        (Some(_), true) => "active_impaired",
        (None, true) => "active",
    };
    let region = &lb.region;
    let title = format!("{} {} ({region}, {})", lb.kind.as_str(), lb.name, lb.scheme.as_str());
    let mut node = Node::new(title, state);
    for reason in impairment.into_iter().chain(standing.reason) {
        node.below.push(Node::new(format!("! {reason}"), ""));
    }
    for zone in &lb.zones {
        node.below.push(self::zone(zone, carrier));
    }
    for listener in catalog.listeners_of(&lb.arn) {
        let first = lb.zones.first().and_then(|zone| zone.listens().next());
        let address = first.map(|ip| SocketAddr::new(ip, listener.port).to_string());
        let url = address.filter(|_| listener.is_carried());
        let url = url.map(|a| format!("{}://{a}", listener.protocol.scheme()));
        let title = format!("listener {} {}", listener.protocol.as_str(), listener.port);
        let mut below = Node::new(title, url.unwrap_or_default());
        for rule in catalog.rules_of(&listener.arn) {
            let when: Vec<String> = rule.conditions.iter().map(condition).collect();
            let when =
                if when.is_empty() { String::new() } else { format!(" {}", when.join(" and ")) };
            let mut line = Node::new(format!("rule {}{when}", rule.priority), "");
            for action in &rule.actions {
                line.below.extend(self::action(catalog, snapshot, action));
            }
            below.below.push(line);
        }
        node.below.push(below);
    }
    node
}

/// Where a load balancer is in a zone: what its sockets bind, on which device, and for what that
/// stands in.
fn zone(zone: &LoadBalancerZone, carrier: &Carrier) -> Node {
    let place = |address: IpAddr| match carrier.device(address, zone.address) {
        Some(device) => format!("{address} on {device}"),
        None => address.to_string(),
    };
    let bound: Vec<String> = zone.listens().map(place).collect();
    let mut node = Node::new(format!("zone {}", zone.zone), bound.join(", "));
    if zone.stand_in.is_some() {
        let own = [Some(zone.address), zone.ipv6.map(IpAddr::V6)];
        let own: Vec<String> = own.into_iter().flatten().map(|ip| ip.to_string()).collect();
        node.below.push(Node::new(format!("stands in for {}", own.join(", ")), ""));
    }
    node
}

fn condition(condition: &Condition) -> String {
    let words = |values: &[String], regexes: &[String]| {
        let regexes = regexes.iter().map(|r| format!("/{r}/"));
        values.iter().cloned().chain(regexes).collect::<Vec<_>>().join(" or ")
    };
    let text = match condition {
        Condition::HostHeader { values, regexes } | Condition::PathPattern { values, regexes } => {
            words(values, regexes)
        }
        Condition::HttpHeader { name, values, regexes } => {
            format!("{name}: {}", words(values, regexes))
        }
        Condition::HttpRequestMethod { values } => words(values, &[]),
        Condition::QueryString { values } => {
            let pair = |p: &weir_core::resource::QueryPair| match &p.key {
                Some(key) => format!("{key}={}", p.value),
                None => p.value.clone(),
            };
            values.iter().map(pair).collect::<Vec<_>>().join(" or ")
        }
        Condition::SourceIp { values, family } => {
            let family = family.map(|family| family.as_str().to_owned());
            let blocks = values.iter().map(ToString::to_string);
            blocks.chain(family).collect::<Vec<_>>().join(" or ")
        }
    };
    format!("{} {text}", condition.field())
}

fn action(catalog: &Catalog, snapshot: &Snapshot, action: &Action) -> Vec<Node> {
    match &action.kind {
        ActionKind::Forward(forward) => {
            let several = forward.groups.len() > 1;
            let note =
                |weight: u32| if several { format!("weight {weight}") } else { String::new() };
            let node = |w: &weir_core::resource::WeightedGroup| {
                group(catalog, snapshot, &w.group, &note(w.weight))
            };
            forward.groups.iter().map(node).collect()
        }
        ActionKind::Redirect(to) => {
            let query = if to.query.is_empty() { String::new() } else { format!("?{}", to.query) };
            let url = format!("{}://{}:{}{}{query}", to.protocol, to.host, to.port, to.path);
            vec![Node::new(format!("redirect {url}"), to.status.to_string())]
        }
        ActionKind::FixedResponse(fixed) => {
            vec![Node::new("fixed-response", fixed.status.to_string())]
        }
        other => vec![Node::new(other.as_str(), "")],
    }
}

fn group(catalog: &Catalog, snapshot: &Snapshot, arn: &TargetGroupArn, note: &str) -> Node {
    let name = catalog.target_group(arn).map_or(arn.tail(), |group| &group.name);
    let mut node = Node::new(format!("group {name}"), note);
    let Some(plan) = snapshot.group_by_arn(arn) else { return node };
    for target in &plan.targets {
        let health = TargetHealth::of_target(plan, target);
        let address = target.address.map(|a| a.to_string()).unwrap_or_default();
        let own =
            if address.starts_with(&target.key.id) { String::new() } else { format!(" {address}") };
        let why = health.description.map(|d| format!(" ({d})")).unwrap_or_default();
        let title = format!("target {}:{}{own}", target.key.id, target.key.port);
        node.below.push(Node::new(title, format!("{}{why}", health.state)));
    }
    node
}

fn draw(out: &mut String, node: &Node, first: &str, rest: &str, columns: usize) {
    let left = format!("{first}{}", clean(&node.text));
    let note = clean(&node.note);
    let (width, note_width) = (left.chars().count(), note.chars().count());
    if note.is_empty() {
        out.push_str(&cut(&left, columns));
    } else if width + note_width + 2 <= columns {
        let gap = (columns / 2).saturating_sub(width).clamp(2, columns - width - note_width);
        out.push_str(&format!("{left}{}{note}", " ".repeat(gap)));
    } else {
        // The state matters more than the tail of a long name, but neither may hide the other.
        let room = columns.saturating_sub(note_width + 2).max(columns / 2);
        let left = cut(&left, room);
        let note = cut(&note, columns.saturating_sub(left.chars().count() + 2));
        out.push_str(&format!("{left}  {note}"));
    }
    out.push('\n');
    for (index, below) in node.below.iter().enumerate() {
        let last = index + 1 == node.below.len();
        let (branch, trunk) = if last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        draw(out, below, &format!("{rest}{branch}"), &format!("{rest}{trunk}"), columns);
    }
}

fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn cut(text: &str, columns: usize) -> String {
    if text.chars().count() <= columns {
        return text.to_owned();
    }
    let kept: String = text.chars().take(columns.saturating_sub(1)).collect();
    format!("{kept}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> Tree {
        let node = |text: &str, note: &str, below: Vec<Node>| Node {
            text: text.into(),
            note: note.into(),
            below,
        };
        let target = |n: u8, note: &str| node(&format!("target 127.0.0.1:800{n}"), note, vec![]);
        let long = "rule 10 host-header api.example.com or api.internal.example.org and \
                    path-pattern /v1/*/chat/completions";
        let group = |name: &str| {
            node(
                &format!("group {name}"),
                "",
                vec![target(1, "healthy"), target(2, "unhealthy (Request timed out)")],
            )
        };
        let rules = vec![
            node(long, "", vec![group("models-a")]),
            node("rule default", "", vec![node("fixed-response", "404", vec![])]),
        ];
        let lb = node(
            "application web (us-east-1, internet-facing)",
            "active",
            vec![
                node("zone us-east-1a", "127.64.0.4", vec![]),
                node("listener HTTP 80", "http://127.64.0.4:80", rules),
            ],
        );
        Tree { revision: 7, roots: vec![lb, group("spare\u{1b}[31m")] }
    }

    #[test]
    fn at_80_columns() {
        insta::assert_snapshot!(tree().draw(80));
    }

    #[test]
    fn at_120_columns() {
        insta::assert_snapshot!(tree().draw(120));
    }

    #[test]
    fn no_line_is_wider_than_asked_for() {
        for columns in [20, 40, 80, 120] {
            let drawn = tree().draw(columns);
            let widest = drawn.lines().map(|line| line.chars().count()).max().unwrap();
            assert!(widest <= columns, "{columns}:\n{drawn}");
            assert!(!drawn.contains('\u{1b}'));
        }
    }

    #[test]
    fn an_empty_tree_says_what_to_do() {
        assert!(Tree::default().draw(80).contains("weir demo"));
    }
}
