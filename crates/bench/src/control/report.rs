//! What came out, beside what was promised.
//!
//! Invariant: every promise has a line, kept or not.

use std::fmt::Write;
use std::time::Duration;

use anyhow::Result;

use super::client::Times;
use super::world::Size;
use crate::stats::quantile;

/// Reads that name what they want.
const NAMED: [&str; 3] = [
    "DescribeLoadBalancers by name",
    "DescribeLoadBalancers by ARN",
    "DescribeTargetGroups by ARN",
];

/// One part of the run.
pub struct Part {
    name: &'static str,
    calls: usize,
    time: Duration,
    times: Times,
}

/// Everything that was measured.
#[derive(Default)]
pub struct Figures {
    /// How much was built.
    pub size: Size,
    /// The parts, in order.
    pub parts: Vec<Part>,
    /// Resident memory of the empty instance.
    pub resident_empty_kib: u64,
    /// Once everything was built.
    pub resident_built_kib: u64,
    /// Once everything was used.
    pub resident_used_kib: u64,
    /// After the restart.
    pub resident_restarted_kib: u64,
    /// Growth by the registrations.
    pub bytes_per_target: u64,
    /// Load balancers that carry sockets.
    pub carried: usize,
    /// Those that do not.
    pub not_carried: usize,
    /// What one of them says.
    pub reason: Option<String>,
    /// Load balancers that were asked for a page.
    pub doors_tried: usize,
    /// Those that gave theirs.
    pub doors_answered: usize,
    /// From the start to the first answer of the API.
    pub restart_api: Duration,
    /// From the start to the first answer of a load balancer.
    pub restart_traffic: Duration,
}

// === impl Part ===

impl Part {
    /// A part that took `time`.
    pub fn of(name: &'static str, calls: usize, time: Duration, times: Times) -> Self {
        Self { name, calls, time, times }
    }

    fn row(&self, text: &mut String, name: &str) -> Result<()> {
        let sorted = sorted(self.times.0.get(name).map_or(&[][..], Vec::as_slice));
        let ms = |share| quantile(&sorted, share).unwrap_or(0.0) / 1_000.0;
        writeln!(
            text,
            "| {} | {name} | {} | {:.2} | {:.2} | {:.2} |",
            self.name,
            sorted.len(),
            ms(0.5),
            ms(0.99),
            ms(1.0)
        )?;
        Ok(())
    }
}

// === impl Figures ===

impl Figures {
    /// Adds a part and says so.
    pub fn part(&mut self, part: Part) {
        self.parts.push(part);
    }

    /// The report.
    pub fn render(&self) -> Result<String> {
        let (mut text, size) = (String::new(), self.size);
        writeln!(
            text,
            "{} load balancers and listeners, {} target groups, {} targets, {} rules and {} \
             default rules; {} clients.\n",
            size.load_balancers,
            size.all_groups(),
            size.all_targets(),
            size.all_rules(),
            size.load_balancers,
            size.clients
        )?;
        self.promises(&mut text)?;
        self.rest(&mut text)?;
        writeln!(
            text,
            "\n| part | call | n | p50 ms | p99 ms | max ms |\n|---|---|---|---|---|---|"
        )?;
        for part in &self.parts {
            for name in part.times.0.keys() {
                part.row(&mut text, name)?;
            }
        }
        Ok(text)
    }

    fn promises(&self, text: &mut String) -> Result<()> {
        let mib = |kib: u64| kib as f64 / 1_024.0;
        let building =
            || self.parts.iter().filter(|part| ["build", "register"].contains(&part.name));
        let calls: usize = building().map(|part| part.calls).sum();
        let time: Duration = building().map(|part| part.time).sum();
        let named = self.p99_ms("reads", |name| NAMED.contains(&name));
        let changes = self.p99_ms("changes", |_| true);
        let memory = mib(self.resident_built_kib.max(self.resident_used_kib));
        writeln!(text, "| promise | bar | measured | kept |\n|---|---|---|---|")?;
        let mut row = |what: &str, bar: &str, measured: String, kept: bool| {
            let kept = if kept { "yes" } else { "**no**" };
            writeln!(text, "| {what} | {bar} | {measured} | {kept} |")
        };
        row("calls to build it all", "at most 32,000", calls.to_string(), calls <= 32_000)?;
        let seconds = time.as_secs_f64();
        row("time to build it all", "under 60 s", format!("{seconds:.1} s"), seconds < 60.0)?;
        row("Describe by name or ARN, p99", "under 5 ms", format!("{named:.2} ms"), named < 5.0)?;
        row("a changing call, p99", "under 50 ms", format!("{changes:.2} ms"), changes < 50.0)?;
        row("resident memory", "under 300 MiB", format!("{memory:.0} MiB"), memory < 300.0)?;
        let restart = self.restart_api.max(self.restart_traffic).as_secs_f64();
        row("kill -9 to serving", "under 3 s", format!("{restart:.2} s"), restart < 3.0)?;
        Ok(())
    }

    fn rest(&self, text: &mut String) -> Result<()> {
        let mib = |kib: u64| kib as f64 / 1_024.0;
        writeln!(
            text,
            "\n* Memory: {:.0} MiB empty, {:.0} MiB built, {:.0} MiB used, {:.0} MiB after the \
             restart; {} bytes per target.",
            mib(self.resident_empty_kib),
            mib(self.resident_built_kib),
            mib(self.resident_used_kib),
            mib(self.resident_restarted_kib),
            self.bytes_per_target
        )?;
        writeln!(
            text,
            "* Restart: API after {:.2} s, traffic after {:.2} s.",
            self.restart_api.as_secs_f64(),
            self.restart_traffic.as_secs_f64()
        )?;
        let (carried, rest) = (self.carried, self.not_carried);
        writeln!(
            text,
            "* {carried} load balancers carry sockets, {rest} do not; {} of {} asked \
                 answered with their own text.",
            self.doors_answered, self.doors_tried
        )?;
        if let Some(reason) = &self.reason {
            writeln!(text, "* One that carries none says: {reason}")?;
        }
        for part in &self.parts {
            let rate = part.calls as f64 / part.time.as_secs_f64().max(0.001);
            let seconds = part.time.as_secs_f64();
            writeln!(
                text,
                "* {}: {} calls in {seconds:.1} s, {rate:.0}/s.",
                part.name, part.calls
            )?;
        }
        Ok(())
    }

    fn p99_ms(&self, part: &str, named: impl Fn(&str) -> bool) -> f64 {
        let parts = self.parts.iter().filter(|p| p.name == part);
        let times = parts.flat_map(|p| &p.times.0).filter(|(name, _)| named(name));
        let all: Vec<u32> = times.flat_map(|(_, times)| times).copied().collect();
        quantile(&sorted(&all), 0.99).unwrap_or(f64::INFINITY) / 1_000.0
    }
}

fn sorted(times: &[u32]) -> Vec<f64> {
    let mut sorted: Vec<f64> = times.iter().map(|time| f64::from(*time)).collect();
    sorted.sort_by(f64::total_cmp);
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_promise_is_printed_like_a_kept_one() {
        let size = Size { load_balancers: 2, groups: 1, targets: 1, rules: 1, clients: 1 };
        let mut figures = Figures { size, ..Figures::default() };
        let times = |ms: u32| Times([("AddTags", vec![ms * 1_000; 3])].into());
        figures.part(Part::of("build", 40_000, Duration::from_secs(1), Times::default()));
        figures.part(Part::of("changes", 3, Duration::from_secs(1), times(70)));
        let text = figures.render().unwrap();
        assert!(text.contains("| at most 32,000 | 40000 | **no** |"), "{text}");
        assert!(text.contains("| under 50 ms | 70.00 ms | **no** |"), "{text}");
        assert!(text.contains("| under 60 s | 1.0 s | yes |"), "{text}");
        assert!(text.contains("| changes | AddTags | 3 | 70.00 | 70.00 | 70.00 |"), "{text}");
    }
}
