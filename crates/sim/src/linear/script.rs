//! Clients that make up calls about a few objects, and what the calls look like on the wire.
//!
//! The same script drives the simulated server and the real one: it gives the action with its
//! parameters and takes the XML or the error code.
//!
//! Invariant: an answer of a kind that the models do not know is a complaint, never ignored.

use std::collections::BTreeMap;
use std::sync::Mutex;

use weir_core::rng::Rng;

use super::{
    Call, Model, NameAnswer, NameOp, NamedGroup, RuleAnswer, RuleOp, Rules, TagAnswer, TagOp, Tags,
    check,
};

const PRIORITIES: u32 = 6;
const NAMES: usize = 2;
/// Newest rules that a call picks from.
const RECENT: usize = 8;

/// Action and parameters.
pub type Request = (&'static str, Vec<(String, String)>);
/// The XML of a success, or the error code.
pub type Reply = Result<String, String>;

/// What the calls are about.
pub struct Objects {
    /// A listener; its rules are one object.
    pub listener: String,
    /// Something with tags; they are one object.
    pub tagged: String,
    /// Where target groups are made; each name is one object.
    pub vpc: String,
}

/// One made-up call.
#[derive(Clone, Debug)]
pub enum Planned {
    /// About rules.
    Rules(RuleOp),
    /// About tags.
    Tags(TagOp),
    /// About the name of this number.
    Name(usize, NameOp),
}

type History<M> = Mutex<Vec<Call<<M as Model>::Op, <M as Model>::Answer>>>;

/// What was called and answered, and the ids that were seen.
pub struct Script {
    objects: Objects,
    rules: History<Rules>,
    tags: History<Tags>,
    names: [History<NamedGroup>; NAMES],
    rule_arns: Mutex<Vec<String>>,
    group_arns: [Mutex<Option<String>>; NAMES],
}

// === impl Script ===

impl Script {
    /// A script without history.
    pub fn new(objects: Objects) -> Self {
        Self {
            objects,
            rules: Mutex::default(),
            tags: Mutex::default(),
            names: Default::default(),
            rule_arns: Mutex::default(),
            group_arns: Default::default(),
        }
    }

    /// Makes up a call.
    pub fn plan(&self, rng: &mut Rng) -> Planned {
        match rng.below(4) {
            0 | 1 => Planned::Rules(self.rule_op(rng)),
            2 => Planned::Tags(tag_op(rng)),
            _ => {
                let which = rng.below(NAMES as u32) as usize;
                Planned::Name(which, self.name_op(which, rng))
            }
        }
    }

    /// The call on the wire.
    pub fn request(&self, planned: &Planned) -> Request {
        match planned {
            Planned::Rules(op) => rule_request(&self.objects.listener, op),
            Planned::Tags(op) => tag_request(&self.objects.tagged, op),
            Planned::Name(which, op) => name_request(&name(*which), &self.objects.vpc, op),
        }
    }

    /// Takes the answer into the history. Times are of one clock.
    ///
    /// # Errors
    /// An answer that no model knows.
    pub fn note(
        &self,
        client: usize,
        planned: Planned,
        reply: &Reply,
        (began, ended): (u64, u64),
    ) -> Result<(), String> {
        match planned {
            Planned::Rules(op) => {
                let answer = rule_answer(&op, reply)?;
                if let RuleAnswer::Made(arn) = &answer {
                    locked(&self.rule_arns).push(arn.clone());
                }
                locked(&self.rules).push(Call { client, op, answer, began, ended });
            }
            Planned::Tags(op) => {
                let answer = tag_answer(&op, reply)?;
                locked(&self.tags).push(Call { client, op, answer, began, ended });
            }
            Planned::Name(which, op) => {
                let answer = name_answer(&op, reply)?;
                if let NameAnswer::Is(arn, _) = &answer {
                    *locked(&self.group_arns[which]) = Some(arn.clone());
                }
                locked(&self.names[which]).push(Call { client, op, answer, began, ended });
            }
        }
        Ok(())
    }

    /// Checks every history; gives the number of calls.
    ///
    /// # Errors
    /// The history that has no sound order.
    pub fn judge(&self) -> Result<usize, String> {
        fn one<M: Model + Default>(what: &str, history: &History<M>) -> Result<usize, String> {
            let calls = locked(history);
            check(&M::default(), &calls).map_err(|found| format!("{what}: {found}"))?;
            Ok(calls.len())
        }
        let mut calls = one::<Rules>("rules", &self.rules)? + one::<Tags>("tags", &self.tags)?;
        for history in &self.names {
            calls += one::<NamedGroup>("a name", history)?;
        }
        Ok(calls)
    }

    fn rule_op(&self, rng: &mut Rng) -> RuleOp {
        let priority = |rng: &mut Rng| 1 + rng.below(PRIORITIES);
        let known = locked(&self.rule_arns);
        let recent = &known[known.len().saturating_sub(RECENT)..];
        let pick = |rng: &mut Rng| recent[rng.below(recent.len() as u32) as usize].clone();
        match rng.below(6) {
            _ if recent.is_empty() => RuleOp::Create(priority(rng), word(rng)),
            0 | 1 => RuleOp::Create(priority(rng), word(rng)),
            2 => RuleOp::Modify(pick(rng), word(rng)),
            3 => RuleOp::Delete(pick(rng)),
            4 => {
                let mut moves = vec![(pick(rng), priority(rng))];
                let (other, to) = (pick(rng), priority(rng));
                if other != moves[0].0 && to != moves[0].1 {
                    moves.push((other, to));
                }
                RuleOp::Move(moves)
            }
            _ => RuleOp::Read,
        }
    }

    fn name_op(&self, which: usize, rng: &mut Rng) -> NameOp {
        match (rng.below(4), locked(&self.group_arns[which]).clone()) {
            (0 | 1, _) | (_, None) => NameOp::Create(8_000 + rng.below(2) as u16),
            (2, Some(arn)) => NameOp::Delete(arn),
            _ => NameOp::Read,
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn word(rng: &mut Rng) -> String {
    format!("v{}", rng.below(1_000))
}

fn name(which: usize) -> String {
    format!("linear-{which}")
}

fn tag_op(rng: &mut Rng) -> TagOp {
    let key = |rng: &mut Rng| format!("k{}", rng.below(3));
    match rng.below(4) {
        0 => {
            let value = word(rng);
            TagOp::Add(vec![("k0".into(), value.clone()), ("k1".into(), value)])
        }
        1 => TagOp::Add(vec![(key(rng), word(rng))]),
        2 => TagOp::Remove(vec![key(rng)]),
        _ => TagOp::Read,
    }
}

// === requests ===

fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn rule_request(listener: &str, op: &RuleOp) -> Request {
    let answers = |word: &str| {
        owned(&[
            ("Actions.member.1.Type", "fixed-response"),
            ("Actions.member.1.FixedResponseConfig.StatusCode", "200"),
            ("Actions.member.1.FixedResponseConfig.MessageBody", word),
        ])
    };
    match op {
        RuleOp::Create(priority, word) => {
            let mut parameters = owned(&[
                ("ListenerArn", listener),
                ("Priority", &priority.to_string()),
                ("Conditions.member.1.Field", "path-pattern"),
                ("Conditions.member.1.Values.member.1", "/x"),
            ]);
            parameters.extend(answers(word));
            ("CreateRule", parameters)
        }
        RuleOp::Modify(arn, word) => {
            let mut parameters = owned(&[("RuleArn", arn)]);
            parameters.extend(answers(word));
            ("ModifyRule", parameters)
        }
        RuleOp::Delete(arn) => ("DeleteRule", owned(&[("RuleArn", arn)])),
        RuleOp::Move(moves) => {
            let mut parameters = Vec::new();
            for (index, (arn, priority)) in (1..).zip(moves) {
                let head = format!("RulePriorities.member.{index}");
                parameters.push((format!("{head}.RuleArn"), arn.clone()));
                parameters.push((format!("{head}.Priority"), priority.to_string()));
            }
            ("SetRulePriorities", parameters)
        }
        RuleOp::Read => ("DescribeRules", owned(&[("ListenerArn", listener)])),
    }
}

fn tag_request(arn: &str, op: &TagOp) -> Request {
    let mut parameters = owned(&[("ResourceArns.member.1", arn)]);
    let action = match op {
        TagOp::Add(tags) => {
            for (index, (key, value)) in (1..).zip(tags) {
                parameters.push((format!("Tags.member.{index}.Key"), key.clone()));
                parameters.push((format!("Tags.member.{index}.Value"), value.clone()));
            }
            "AddTags"
        }
        TagOp::Remove(keys) => {
            for (index, key) in (1..).zip(keys) {
                parameters.push((format!("TagKeys.member.{index}"), key.clone()));
            }
            "RemoveTags"
        }
        TagOp::Read => "DescribeTags",
    };
    (action, parameters)
}

fn name_request(name: &str, vpc: &str, op: &NameOp) -> Request {
    match op {
        NameOp::Create(port) => {
            let port = port.to_string();
            let parameters =
                [("Name", name), ("Protocol", "HTTP"), ("Port", &port), ("VpcId", vpc)];
            ("CreateTargetGroup", owned(&parameters))
        }
        NameOp::Delete(arn) => ("DeleteTargetGroup", owned(&[("TargetGroupArn", arn)])),
        NameOp::Read => ("DescribeTargetGroups", owned(&[("Names.member.1", name)])),
    }
}

// === answers ===

/// 503 in AWS's words: nothing may have happened.
const UNAVAILABLE: &str = "ServiceUnavailable";

fn rule_answer(op: &RuleOp, reply: &Reply) -> Result<RuleAnswer, String> {
    let xml = match reply {
        Ok(xml) => xml,
        Err(code) => {
            return match code.as_str() {
                "PriorityInUse" => Ok(RuleAnswer::Taken),
                "RuleNotFound" => Ok(RuleAnswer::NotFound),
                UNAVAILABLE => Ok(RuleAnswer::Failed),
                other => Err(format!("{op:?}: {other}")),
            };
        }
    };
    Ok(match op {
        RuleOp::Create(..) => RuleAnswer::Made(text(xml, "RuleArn")?),
        RuleOp::Read => {
            let mut rules = BTreeMap::new();
            for rule in xml.split("<RuleArn>").skip(1) {
                let (arn, rest) = rule.split_once("</RuleArn>").ok_or("a rule without its end")?;
                // Members come in the order of the model, so the priority follows the ARN.
                if let Ok(priority) = text(rest, "Priority")?.parse() {
                    rules.insert(priority, (arn.to_owned(), text(rest, "MessageBody")?));
                }
            }
            RuleAnswer::All(Rules(rules))
        }
        _ => RuleAnswer::Done,
    })
}

fn tag_answer(op: &TagOp, reply: &Reply) -> Result<TagAnswer, String> {
    match (op, reply) {
        (TagOp::Read, Ok(xml)) => {
            let pairs = texts(xml, "Key").into_iter().zip(texts(xml, "Value"));
            Ok(TagAnswer::All(Tags(pairs.collect())))
        }
        (_, Ok(_)) => Ok(TagAnswer::Done),
        (_, Err(code)) if code == UNAVAILABLE => Ok(TagAnswer::Failed),
        (_, Err(code)) => Err(format!("{op:?}: {code}")),
    }
}

fn name_answer(op: &NameOp, reply: &Reply) -> Result<NameAnswer, String> {
    match (op, reply) {
        (NameOp::Delete(_), Ok(_)) => Ok(NameAnswer::Done),
        (_, Ok(xml)) => {
            let port = text(xml, "Port")?.parse().map_err(|_| "the port is no number")?;
            Ok(NameAnswer::Is(text(xml, "TargetGroupArn")?, port))
        }
        (_, Err(code)) => match code.as_str() {
            "DuplicateTargetGroupName" => Ok(NameAnswer::Differs),
            "TargetGroupNotFound" => Ok(NameAnswer::NotFound),
            UNAVAILABLE => Ok(NameAnswer::Failed),
            other => Err(format!("{op:?}: {other}")),
        },
    }
}

fn text(xml: &str, name: &str) -> Result<String, String> {
    texts(xml, name).into_iter().next().ok_or_else(|| format!("no <{name}> in {xml}"))
}

fn texts(xml: &str, name: &str) -> Vec<String> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let parts = xml.split(&open).skip(1);
    parts.filter_map(|part| part.split_once(&close).map(|(text, _)| text.to_owned())).collect()
}
