//! Tables for people: medians, spreads, ratios, and what became of the bars.
//!
//! A worse number is printed like a better one, and errors stand beside every figure.
//!
//! Invariant: nothing is left out. A run that failed is counted, and its reason is told.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::{Context, Result};

use crate::engine::{Engine, Level};
use crate::limits;
use crate::load::{Errors, Outcome};
use crate::rounds::{Run, Runs, figure};
use crate::scenario::{Against, Bar, Scenario};
use crate::stats::{Spread, quantile, ratios};

/// The part of the document between these lines is ours.
const BEGIN: &str = "<!-- make bench writes from here -->";
const END: &str = "<!-- to here -->";

/// The part that is the control plane's.
const CONTROL_BEGIN: &str = "<!-- make bench-control writes from here -->";

/// What the numbers were made with.
#[derive(Clone, Debug)]
pub struct Circumstances {
    /// What was typed.
    pub command: String,
    /// When it began, in UTC.
    pub date: String,
    /// Processor, cores, kernel.
    pub machine: String,
    /// Load average when it began.
    pub load_average: String,
    /// Engine and what it says about itself.
    pub versions: Vec<(String, String)>,
    /// Rounds.
    pub rounds: u32,
    /// Length of a window in milliseconds.
    pub window_ms: u128,
    /// Something that a reader must know.
    pub note: Option<String>,
}

/// Renders everything.
pub fn render(runs: &Runs, about: &Circumstances) -> Result<String> {
    let mut text = String::new();
    circumstances(&mut text, about)?;
    bars(&mut text, runs)?;
    for scenario in Scenario::ALL {
        if runs.keys().any(|(s, _)| *s == scenario) {
            table(&mut text, runs, scenario)?;
        }
    }
    Ok(text)
}

/// Puts a report in its place in a document.
pub fn insert(document: &str, report: &str) -> Result<String> {
    insert_at(document, BEGIN, report)
}

/// Puts a report about the control plane in its place in a document.
pub fn insert_control(document: &str, report: &str) -> Result<String> {
    insert_at(document, CONTROL_BEGIN, report)
}

fn insert_at(document: &str, begin: &str, report: &str) -> Result<String> {
    let (before, rest) = document.split_once(begin).context("the document has no place for it")?;
    let (_, after) = rest.split_once(END).context("the document's place has no end")?;
    Ok(format!("{before}{begin}\n\n{}\n\n{END}{after}", report.trim()))
}

fn circumstances(text: &mut String, about: &Circumstances) -> Result<()> {
    if let Some(note) = &about.note {
        writeln!(text, "**{note}**\n")?;
    }
    writeln!(text, "* Command: `{}`, {}", about.command, about.date)?;
    writeln!(text, "* Machine: {}; load average at the start {}", about.machine, {
        &about.load_average
    })?;
    let rounds = about.rounds;
    writeln!(text, "* {rounds} rounds, windows of {} ms, engines interleaved", about.window_ms)?;
    for (engine, version) in &about.versions {
        writeln!(text, "* {engine}: {version}")?;
    }
    writeln!(text)?;
    Ok(())
}

/// The engines of ours that were measured here.
fn ours(runs: &Runs, scenario: Scenario) -> Vec<Engine> {
    let here = |engine: &Engine| runs.contains_key(&(scenario, *engine));
    Engine::ALL.into_iter().filter(|e| e.level() == Level::Ours).filter(here).collect()
}

fn bars(text: &mut String, runs: &Runs) -> Result<()> {
    writeln!(text, "### Bars\n")?;
    writeln!(text, "| workload | bar | engine | median [quartiles] | verdict |")?;
    writeln!(text, "|---|---|---|---|---|")?;
    for scenario in Scenario::ALL {
        for bar in scenario.bars() {
            let engines = ours(runs, scenario);
            if engines.is_empty() {
                let name = scenario.name();
                writeln!(text, "| {name} | {} | – | – | not measured |", bar_text(bar, None))?;
            }
            for engine in engines {
                bar_row(text, runs, scenario, bar, engine)?;
            }
        }
    }
    writeln!(text)?;
    Ok(())
}

fn bar_row(
    text: &mut String,
    runs: &Runs,
    scenario: Scenario,
    bar: &Bar,
    engine: Engine,
) -> Result<()> {
    let other = match bar.against {
        Against::Peer => better_peer(runs, scenario),
        Against::Relay => Some(Engine::Relay),
        Against::Nothing => None,
    };
    let values = match (bar.against, other) {
        (Against::Nothing, _) => figures(runs, scenario, engine).into_iter().flatten().collect(),
        (_, Some(other)) => {
            ratios(&figures(runs, scenario, engine), &figures(runs, scenario, other))
        }
        (_, None) => Vec::new(),
    };
    let spread = Spread::of(&values);
    let verdict = spread.map_or("not measured", |spread| spread.verdict(bar.limit).text());
    let (workload, engine, bar) = (scenario.name(), engine.name(), bar_text(bar, other));
    writeln!(text, "| {workload} | {bar} | {engine} | {} | {verdict} |", spread_text(spread))?;
    Ok(())
}

fn bar_text(bar: &Bar, other: Option<Engine>) -> String {
    let limit = bar.limit;
    match bar.against {
        Against::Nothing => format!("at most {limit:.1} KiB"),
        Against::Relay => format!("at most {limit:.2} of the relay"),
        Against::Peer => {
            let name = other.map(|other| format!(" ({})", other.name())).unwrap_or_default();
            format!("at most {limit:.2} of the better equal peer{name}")
        }
    }
}

/// The equal peer with the lower median.
fn better_peer(runs: &Runs, scenario: Scenario) -> Option<Engine> {
    let peers = Engine::ALL.into_iter().filter(|engine| engine.level() == Level::Equal);
    let medians = peers.filter_map(|engine| {
        let values: Vec<f64> = figures(runs, scenario, engine).into_iter().flatten().collect();
        Some((engine, Spread::of(&values)?.median))
    });
    medians.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(engine, _)| engine)
}

/// One figure per round; a round without one is a hole.
fn figures(runs: &Runs, scenario: Scenario, engine: Engine) -> Vec<Option<f64>> {
    let list = runs.get(&(scenario, engine)).map(Vec::as_slice).unwrap_or_default();
    list.iter().map(|run| run.as_ref().ok().and_then(|o| figure(scenario, o))).collect()
}

fn table(text: &mut String, runs: &Runs, scenario: Scenario) -> Result<()> {
    let peer = better_peer(runs, scenario);
    let peer_name = peer.map_or("–", Engine::name);
    let streams = scenario == Scenario::Sse;
    writeln!(text, "### {}\n", scenario.title())?;
    write!(text, "| engine | n | {} median [quartiles] | to relay | ", scenario.unit())?;
    write!(text, "to {peer_name} | saturated rate/s | p50 / p99 µs | ")?;
    writeln!(text, "{}errors |", if streams { "added p50 / p99 µs | " } else { "" })?;
    writeln!(text, "|---|---|---|---|---|---|---|---|{}", if streams { "---|" } else { "" })?;
    let mut reasons = Vec::new();
    for engine in Engine::ALL {
        let Some(list) = runs.get(&(scenario, engine)) else { continue };
        row(text, runs, scenario, engine, peer)?;
        for run in list {
            if let Err(reason) = run {
                reasons.push(format!("{} failed: {reason}", engine.name()));
            }
        }
    }
    writeln!(text)?;
    for engine in ours(runs, scenario) {
        if let Some(shares) = shares(runs, scenario, engine) {
            writeln!(text, "{} by thread: {shares}.\n", engine.name())?;
        }
    }
    for reason in reasons {
        writeln!(text, "* {}", reason.replace(['\n', '|'], " "))?;
    }
    Ok(())
}

/// Which of its threads used how much of an engine's CPU time, over all rounds.
fn shares(runs: &Runs, scenario: Scenario, engine: Engine) -> Option<String> {
    let outcomes = runs.get(&(scenario, engine))?.iter().filter_map(|run| run.as_ref().ok());
    let mut total = 0;
    let mut threads: BTreeMap<&str, u64> = BTreeMap::new();
    for (name, ns) in outcomes.flat_map(|outcome| &outcome.cpu_ns_by_thread) {
        total += ns;
        *threads.entry(name).or_default() += ns;
    }
    let mut threads: Vec<(&str, u64)> = threads.into_iter().collect();
    threads.sort_by_key(|(_, ns)| std::cmp::Reverse(*ns));
    let share = |ns: u64| ns as f64 * 100.0 / total.max(1) as f64;
    let told = threads.iter().filter(|(_, ns)| share(*ns) >= 0.5);
    let words: Vec<String> = told.map(|(name, ns)| format!("{name} {:.0} %", share(*ns))).collect();
    (!words.is_empty()).then(|| words.join(", "))
}

fn row(
    text: &mut String,
    runs: &Runs,
    scenario: Scenario,
    engine: Engine,
    peer: Option<Engine>,
) -> Result<()> {
    let list = &runs[&(scenario, engine)];
    let outcomes: Vec<&Outcome> = list.iter().filter_map(|run: &Run| run.as_ref().ok()).collect();
    let own = figures(runs, scenario, engine);
    let values: Vec<f64> = own.iter().copied().flatten().collect();
    let ratio = |other: Option<Engine>| {
        let theirs = other.map(|other| figures(runs, scenario, other)).unwrap_or_default();
        spread_text(Spread::of(&ratios(&own, &theirs)))
    };
    let n = if outcomes.len() == list.len() {
        list.len().to_string()
    } else {
        format!("{} of {}", outcomes.len(), list.len())
    };
    let (name, figure) = (engine.name(), spread_text(Spread::of(&values)));
    write!(
        text,
        "| {name} | {n} | {figure} | {} | {} | ",
        ratio(Some(Engine::Relay)),
        ratio(peer)
    )?;
    write!(text, "{} | {} | ", saturated_rate(&outcomes), latency_text(&outcomes, None))?;
    if scenario == Scenario::Sse {
        let direct = runs.get(&(scenario, Engine::Direct));
        let floor: Vec<&Outcome> =
            direct.into_iter().flatten().filter_map(|run| run.as_ref().ok()).collect();
        write!(text, "{} | ", latency_text(&outcomes, Some(&floor)))?;
    }
    let mut errors = Errors::default();
    outcomes.iter().for_each(|outcome| errors.add(&outcome.errors));
    writeln!(text, "{} |", errors.text())?;
    Ok(())
}

/// Median rate of the runs in which the proxy used its whole core.
fn saturated_rate(outcomes: &[&Outcome]) -> String {
    let full = |o: &&&Outcome| o.cpu_ns as f64 >= limits::SATURATED * o.wall_ns as f64;
    let rates: Vec<f64> = outcomes
        .iter()
        .filter(full)
        .filter(|o| o.wall_ns > 0)
        .map(|o| o.done as f64 * 1e9 / o.wall_ns as f64)
        .collect();
    match Spread::of(&rates) {
        Some(spread) => format!("{:.0} (n={})", spread.median, rates.len()),
        None => "–".to_owned(),
    }
}

/// Median over the runs of the 50th and 99th percentile, less those of `floor`.
fn latency_text(outcomes: &[&Outcome], floor: Option<&[&Outcome]>) -> String {
    let median = |list: &[&Outcome], pick: fn(&Outcome) -> f64| {
        let mut values: Vec<f64> = list.iter().map(|outcome| pick(outcome)).collect();
        values.sort_by(f64::total_cmp);
        quantile(&values, 0.5)
    };
    let part = |pick: fn(&Outcome) -> f64| {
        let own = median(outcomes, pick)?;
        match floor {
            None => Some(own),
            Some(floor) => Some(own - median(floor, pick)?),
        }
    };
    match (part(|o| o.p50_us), part(|o| o.p99_us)) {
        (Some(p50), Some(p99)) => format!("{p50:.0} / {p99:.0}"),
        _ => "–".to_owned(),
    }
}

fn spread_text(spread: Option<Spread>) -> String {
    match spread {
        Some(Spread { low, median, high }) => format!("{median:.2} [{low:.2}–{high:.2}]"),
        None => "–".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(cpu_us: u64) -> Run {
        Ok(Outcome {
            done: 1_000,
            wall_ns: 10_000_000,
            cpu_ns: cpu_us * 1_000_000,
            p50_us: 100.0 + cpu_us as f64,
            p99_us: 200.0,
            ..Outcome::default()
        })
    }

    fn runs(list: &[(Scenario, Engine, &[u64])]) -> Runs {
        let runs = list.iter().map(|(scenario, engine, figures)| {
            ((*scenario, *engine), figures.iter().map(|f| outcome(*f)).collect())
        });
        runs.collect()
    }

    fn about() -> Circumstances {
        Circumstances {
            command: "make bench".to_owned(),
            date: "today".to_owned(),
            machine: "two cores".to_owned(),
            load_average: "0.1".to_owned(),
            versions: vec![("nginx-bare".to_owned(), "nginx/1".to_owned())],
            rounds: 3,
            window_ms: 2_000,
            note: None,
        }
    }

    #[test]
    fn bars_are_judged_against_the_better_equal_peer() {
        let runs = runs(&[
            (Scenario::Get64, Engine::Relay, &[6, 6, 6]),
            (Scenario::Get64, Engine::HaproxyEqual, &[20, 20, 20]),
            (Scenario::Get64, Engine::NginxBare, &[1, 1, 1]),
            (Scenario::Get64, Engine::NginxEqual, &[10, 10, 10]),
            (Scenario::Get64, Engine::Weir, &[7, 9, 7]),
        ]);
        let text = render(&runs, &about()).unwrap();
        let rows: Vec<&str> = text.lines().filter(|line| line.contains("| weir |")).collect();
        assert!(rows[0].contains("(nginx-equal) | weir | 0.70 [0.70–0.80] | kept"), "{text}");
        assert!(rows[1].contains("of the relay | weir | 1.17 [1.17–1.33] | kept"), "{text}");
        assert!(text.contains("| nginx-equal | 3 | 10.00 [10.00–10.00] | 1.67"), "{text}");
    }

    #[test]
    fn a_failed_bar_is_said_loudly() {
        let runs = runs(&[
            (Scenario::Get64, Engine::Relay, &[5, 5, 5]),
            (Scenario::Get64, Engine::NginxEqual, &[10, 10, 10]),
            (Scenario::Get64, Engine::Weir, &[9, 9, 9]),
        ]);
        let text = render(&runs, &about()).unwrap();
        assert_eq!(text.matches("FAILED").count(), 2, "{text}");
    }

    #[test]
    fn failed_runs_stay_in_the_table() {
        let mut runs = runs(&[(Scenario::Churn, Engine::Relay, &[5, 5])]);
        let list = runs.get_mut(&(Scenario::Churn, Engine::Relay)).unwrap();
        list.push(Err("it ended\nsuddenly".to_owned()));
        let text = render(&runs, &about()).unwrap();
        assert!(text.contains("| relay | 2 of 3 |"), "{text}");
        assert!(text.contains("* relay failed: it ended suddenly"), "{text}");
        assert!(text.contains("| get-64 | at most 0.80 of the better equal peer | – |"), "{text}");
    }

    #[test]
    fn threads_are_told_with_their_share() {
        let by_thread = [("data", 900), ("log", 99), ("idle", 1)];
        let cpu_ns_by_thread = by_thread.map(|(name, ns)| (name.to_owned(), ns)).into();
        let outcome = Outcome { cpu_ns_by_thread, ..Outcome::default() };
        let runs = Runs::from([((Scenario::Get64, Engine::Weir), vec![Ok(outcome)])]);
        let told = shares(&runs, Scenario::Get64, Engine::Weir).unwrap();
        assert_eq!(told, "data 90 %, log 10 %");
        assert_eq!(shares(&runs, Scenario::Get64, Engine::Relay), None);
    }

    #[test]
    fn rates_are_quoted_only_when_saturated() {
        let busy = Outcome { done: 10, wall_ns: 1_000, cpu_ns: 950, ..Outcome::default() };
        let idle = Outcome { cpu_ns: 500, ..busy.clone() };
        assert_eq!(saturated_rate(&[&busy, &idle]), "10000000 (n=1)");
        assert_eq!(saturated_rate(&[&idle]), "–");
    }

    #[test]
    fn added_latency_is_what_the_proxy_adds() {
        let runs =
            runs(&[(Scenario::Sse, Engine::Direct, &[0]), (Scenario::Sse, Engine::Relay, &[20])]);
        let text = render(&runs, &about()).unwrap();
        assert!(text.contains("| 120 / 200 | 20 / 0 | 0 |"), "{text}");
    }

    #[test]
    fn a_report_replaces_the_one_before() {
        let document = format!("# A\n{BEGIN}\nold\n{END}\nend\n");
        let once = insert(&document, "new\n").unwrap();
        assert_eq!(once, format!("# A\n{BEGIN}\n\nnew\n\n{END}\nend\n"));
        assert_eq!(insert(&once, "new").unwrap(), once);
        assert!(insert("# A\n", "new").is_err());
    }
}
