//! `weir-bench control`: the control plane at scale, through its API.
//!
//! ```text
//! start ─▶ build (load balancers, listeners, groups, rules) ─▶ register targets ─▶ use: reads
//!       ─▶ use: changes ─▶ list everything ─▶ knock at the doors ─▶ kill -9, start again
//! ```
//!
//! One `weir up` on a fresh directory; clients are threads of this process with one kept
//! connection each, every call signed. Latency is what a client sees: loopback, signature, answer.
//! A changing call returns when it is durable and every data thread runs it.
//!
//! Invariant: a call that fails fails the bench; nothing is left out of the figures.

mod client;
mod report;
mod world;

use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use crate::limits;
use crate::process::{Process, resident_kib};
use client::{Caller, Client, text, texts, took};
use report::{Figures, Part};
use world::{Built, Network, Size};

/// What is measured, and how large.
#[derive(Debug, Args)]
pub struct ControlArgs {
    /// Load balancers, each with a listener
    #[arg(long, default_value_t = 1_000)]
    load_balancers: usize,
    /// Target groups of each load balancer
    #[arg(long, default_value_t = 5)]
    groups: usize,
    /// Targets of each group
    #[arg(long, default_value_t = 10)]
    targets: usize,
    /// Rules of each load balancer, its default rule not counted
    #[arg(long, default_value_t = 20)]
    rules: usize,
    /// Clients at once
    #[arg(long, default_value_t = 8)]
    clients: usize,
    /// Calls of each kind once everything stands
    #[arg(long, default_value_t = 2_000)]
    calls: usize,
    /// Data threads [default: one per core]
    #[arg(long)]
    threads: Option<usize>,
    /// Where Weir's binary is [default: beside this one]
    #[arg(long, value_name = "DIR")]
    bin: Option<PathBuf>,
    /// Document whose results are replaced
    #[arg(long, value_name = "FILE")]
    pub doc: Option<PathBuf>,
}

/// The instance under test.
struct Server {
    process: Process,
    caller: Caller,
    program: String,
    dir: PathBuf,
}

/// Measures, prints, and returns the report.
pub fn run(args: &ControlArgs, dir: &Path) -> Result<String> {
    let size = Size {
        load_balancers: args.load_balancers,
        groups: args.groups,
        targets: args.targets,
        rules: args.rules,
        clients: args.clients,
    };
    ensure!(size.load_balancers > 0 && size.groups > 0 && size.clients > 0, "nothing to measure");
    let bin = match &args.bin {
        Some(bin) => bin.clone(),
        None => std::env::current_exe()?.parent().context("this program is nowhere")?.to_owned(),
    };
    let mut server = Server::start(dir, &bin.join("weir"), size, args.threads)?;
    let mut figures = Figures { size, resident_empty_kib: server.resident(), ..Figures::default() };
    let network = world::network(&mut Client::new(&server.caller))?;
    let built = build(&server, &network, size, &mut figures)?;
    reads(&server, &built, size, args.calls, &mut figures)?;
    changes(&server, &built, size, args.calls, &mut figures)?;
    lists(&server, size, &mut figures)?;
    figures.resident_used_kib = server.resident();
    doors(&server, &built, &mut figures)?;
    restart(&mut server, &built, &mut figures)?;
    figures.render()
}

fn build(
    server: &Server,
    network: &Network,
    size: Size,
    figures: &mut Figures,
) -> Result<Vec<Built>> {
    let (caller, clients) = (&server.caller, size.clients);
    let (stage, time) = took(|| {
        world::share(caller, clients, size.load_balancers, |client, index| {
            world::build(client, network, size, index)
        })
    })?;
    let built = stage.made;
    figures.part(Part::of("build", stage.calls, time, stage.times));
    let without = server.settled();
    let groups: Vec<&String> = built.iter().flat_map(|built| &built.groups).collect();
    let (stage, time) = took(|| {
        world::share(caller, clients, groups.len(), |client, index| {
            world::register(client, groups[index], size, index)
        })
    })?;
    figures.part(Part::of("register", stage.calls, time, stage.times));
    figures.resident_built_kib = server.settled();
    let grown = figures.resident_built_kib.saturating_sub(without) * 1_024;
    figures.bytes_per_target = grown / size.all_targets().max(1) as u64;
    Ok(built)
}

/// Reads of every kind, by all clients at once.
fn reads(
    server: &Server,
    built: &[Built],
    size: Size,
    calls: usize,
    figures: &mut Figures,
) -> Result<()> {
    let (stage, time) = took(|| {
        world::share(&server.caller, size.clients, calls, |client, piece| {
            let one = pick(built, piece);
            let group = pick(&one.groups, piece);
            let load_balancers = "DescribeLoadBalancers";
            client.timed(
                "DescribeLoadBalancers by name",
                load_balancers,
                &[("Names.member.1", &one.name)],
            )?;
            client.timed(
                "DescribeLoadBalancers by ARN",
                load_balancers,
                &[("LoadBalancerArns.member.1", &one.arn)],
            )?;
            client.timed(
                "DescribeTargetGroups by ARN",
                "DescribeTargetGroups",
                &[("TargetGroupArns.member.1", group)],
            )?;
            client.timed(
                "DescribeTargetGroups of one",
                "DescribeTargetGroups",
                &[("LoadBalancerArn", &one.arn)],
            )?;
            client.elbv2("DescribeListeners", &[("LoadBalancerArn", &one.arn)])?;
            client.timed(
                "DescribeRules of a listener",
                "DescribeRules",
                &[("ListenerArn", &one.listener)],
            )?;
            client.elbv2("DescribeTargetHealth", &[("TargetGroupArn", group)])?;
            let arns = [("ResourceArns.member.1", one.arn.as_str())];
            client.elbv2("DescribeTags", &arns).map(drop)
        })
    })?;
    figures.part(Part::of("reads", stage.calls, time, stage.times));
    Ok(())
}

/// Changes of every kind, by all clients at once. What is made is taken away again.
fn changes(
    server: &Server,
    built: &[Built],
    size: Size,
    calls: usize,
    figures: &mut Figures,
) -> Result<()> {
    let (stage, time) = took(|| {
        world::share(&server.caller, size.clients, calls / 8, |client, piece| {
            let one = pick(built, piece);
            let group = pick(&one.groups, piece);
            let rule = world::rule(client, &one.listener, 10_000 + piece, Some(group))?;
            client.elbv2("DeleteRule", &[("RuleArn", &rule)])?;
            let more = [world::address(size.all_targets() + piece)];
            world::targets_call(client, "RegisterTargets", group, &more)?;
            world::targets_call(client, "DeregisterTargets", group, &more)?;
            let interval = if piece.is_multiple_of(2) { "30" } else { "31" };
            client.elbv2(
                "ModifyTargetGroup",
                &[("TargetGroupArn", group), ("HealthCheckIntervalSeconds", interval)],
            )?;
            client.elbv2(
                "ModifyLoadBalancerAttributes",
                &[
                    ("LoadBalancerArn", &one.arn),
                    ("Attributes.member.1.Key", "idle_timeout.timeout_seconds"),
                    (
                        "Attributes.member.1.Value",
                        if piece.is_multiple_of(2) { "61" } else { "60" },
                    ),
                ],
            )?;
            let number = piece.to_string();
            client.elbv2(
                "AddTags",
                &[
                    ("ResourceArns.member.1", &one.arn),
                    ("Tags.member.1.Key", "piece"),
                    ("Tags.member.1.Value", &number),
                ],
            )?;
            client.elbv2(
                "RemoveTags",
                &[("ResourceArns.member.1", &one.arn), ("TagKeys.member.1", "piece")],
            )?;
            Ok(())
        })
    })?;
    figures.part(Part::of("changes", stage.calls, time, stage.times));
    Ok(())
}

/// Everything there is, page by page.
fn lists(server: &Server, size: Size, figures: &mut Figures) -> Result<()> {
    let mut client = Client::new(&server.caller);
    let begun = Instant::now();
    for (name, action, element, count) in [
        ("a page of load balancers", "DescribeLoadBalancers", "DNSName", size.load_balancers),
        ("a page of target groups", "DescribeTargetGroups", "TargetGroupName", size.all_groups()),
    ] {
        let (mut found, mut marker) = (0, None);
        loop {
            let words: Vec<(&str, &str)> =
                marker.iter().map(|marker: &String| ("Marker", marker.as_str())).collect();
            let answer = client.timed(name, action, &words)?;
            found += texts(&answer, element).len();
            if action == "DescribeLoadBalancers" {
                states(&answer, figures);
            }
            marker = text(&answer, "NextMarker").ok().map(str::to_owned);
            if marker.is_none() {
                break;
            }
        }
        ensure!(found == count, "{action} tells of {found}, not of {count}");
    }
    figures.part(Part::of("lists", client.calls, begun.elapsed(), client.times));
    Ok(())
}

/// Counts who carries sockets, and why the others do not.
fn states(answer: &str, figures: &mut Figures) {
    for state in texts(answer, "State") {
        match text(state, "Code") {
            Ok("active") => figures.carried += 1,
            _ => {
                figures.not_carried += 1;
                let reason = text(state, "Reason").unwrap_or("(no reason)");
                figures.reason.get_or_insert_with(|| reason.to_owned());
            }
        }
    }
}

/// Requests to load balancers spread over all, and what they answer.
fn doors(server: &Server, built: &[Built], figures: &mut Figures) -> Result<()> {
    let mut client = Client::new(&server.caller);
    for one in built.iter().step_by((built.len() / limits::DOORS).max(1)) {
        let address = front(&mut client, one)?;
        figures.doors_tried += 1;
        if knock(address).is_ok_and(|answer| answer == one.name) {
            figures.doors_answered += 1;
        }
    }
    Ok(())
}

/// `kill -9`, and everything again.
fn restart(server: &mut Server, built: &[Built], figures: &mut Figures) -> Result<()> {
    let last = built.last().context("something was built")?;
    let first = built.first().context("something was built")?;
    let address = front(&mut Client::new(&server.caller), first)?;
    server.process.kill();
    let begun = Instant::now();
    server.again()?;
    let mut client = Client::new(&server.caller);
    let answer = client.elbv2("DescribeLoadBalancers", &[("Names.member.1", &last.name)])?;
    ensure!(text(&answer, "LoadBalancerArn")? == last.arn, "another load balancer after a restart");
    figures.restart_api = begun.elapsed();
    ensure!(knock(address)? == first.name, "another answer after a restart");
    figures.restart_traffic = begun.elapsed();
    figures.resident_restarted_kib = server.settled();
    Ok(())
}

/// Where a load balancer listens.
fn front(client: &mut Client, one: &Built) -> Result<SocketAddr> {
    let name = one.arn.split_once("loadbalancer/").map_or("", |(_, name)| name);
    let description = format!("ELB {name}");
    let filter = [("Filter.1.Name", "description"), ("Filter.1.Value.1", description.as_str())];
    let answer = client.ec2("DescribeNetworkInterfaces", &filter)?;
    let address: std::net::Ipv4Addr = text(&answer, "privateIpAddress")?.parse()?;
    Ok((address, 80).into())
}

fn knock(address: SocketAddr) -> Result<String> {
    let mut stream = client::connect(address)?;
    std::io::Write::write_all(&mut stream, b"GET / HTTP/1.1\r\nHost: bench\r\n\r\n")?;
    let (status, body) = client::read_answer(&mut stream, &mut Vec::new())?;
    ensure!(status == 200, "status {status}");
    Ok(body)
}

/// Some of them, in an order that is not that of their making.
fn pick<T>(all: &[T], piece: usize) -> &T {
    &all[piece.wrapping_mul(7_919) % all.len()]
}

// === impl Server ===

impl Server {
    fn start(dir: &Path, program: &Path, size: Size, threads: Option<usize>) -> Result<Self> {
        let data = dir.join("data");
        std::fs::DirBuilder::new().mode(0o700).create(&data)?;
        let secret = format!("bench-{}", std::process::id());
        let threads = threads.map(|threads| format!("threads = {threads}\n")).unwrap_or_default();
        let key = "AKIABENCHBENCHBENCHX";
        let settings = format!(
            "{threads}access_key_id = \"{key}\"\nsecret_access_key = \"{secret}\"\n{}",
            size.quotas()
        );
        std::fs::write(dir.join("weir.toml"), settings)?;
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let caller = Caller { address: nowhere, key: key.to_owned(), secret };
        let program = program.to_string_lossy().into_owned();
        let process = spawn(dir, &program)?;
        let mut server = Self { process, caller, program, dir: dir.to_owned() };
        server.await_api()?;
        Ok(server)
    }

    fn again(&mut self) -> Result<()> {
        self.process = spawn(&self.dir, &self.program)?;
        self.await_api()
    }

    /// Until the API answers.
    fn await_api(&mut self) -> Result<()> {
        let deadline = Instant::now() + limits::START_WITHIN;
        while Instant::now() < deadline {
            self.process.check()?;
            let file = self.dir.join("data/api-address");
            let text = std::fs::read_to_string(file).unwrap_or_default();
            if let Ok(address) = text.trim().parse()
                && client::connect(address).is_ok()
            {
                self.caller.address = address;
                return Ok(());
            }
            sleep(limits::LOOK_EVERY);
        }
        bail!("its API does not answer: {}", self.process.last_words())
    }

    fn resident(&self) -> u64 {
        resident_kib(&[self.process.id()])
    }

    fn settled(&self) -> u64 {
        sleep(limits::SETTLE + Duration::from_millis(700));
        self.resident()
    }
}

fn spawn(dir: &Path, program: &str) -> Result<Process> {
    let (data, config) = (dir.join("data"), dir.join("weir.toml"));
    // Not of the run before: the file is removed at an orderly stop only.
    let _ = std::fs::remove_file(data.join("api-address"));
    let (data, config) = (data.to_string_lossy(), config.to_string_lossy());
    let words = [program, "up", "--data-dir", &data, "--api", "127.0.0.1:0", "--config", &config];
    Process::start(dir, "weir", None, &words, false)
}
