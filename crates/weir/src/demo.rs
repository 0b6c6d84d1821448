//! `weir demo`: two tiny targets and a load balancer in front of them, until Ctrl-C.
//!
//! Uses the instance that runs on the data directory; when none does, it starts one of its own in
//! a temporary directory. Everything it makes is removed at the end, also when a step fails.
//!
//! Invariant: nothing is removed that the demo did not make.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::cli::{DirArgs, UpArgs};
use crate::client::{Client, text, texts};
use crate::config::{self, Config};
use crate::credentials::Credentials;
use crate::node::Node;
use crate::{env, ls, up};

/// How long the targets may take to become healthy; the first probe leaves at registration.
const HEALTHY_WITHIN: Duration = Duration::from_secs(10);
/// A client of a demo target that says nothing is left after this.
const PATIENCE: Duration = Duration::from_secs(10);

/// What has to be removed, newest last.
#[derive(Default)]
struct Made {
    load_balancer: Option<String>,
    group: Option<String>,
}

/// Runs the demo.
pub fn run(args: &DirArgs) -> anyhow::Result<()> {
    let runtime = up::runtime()?;
    let stop = runtime.block_on(async { up::stop_signal() })?;
    let dir = config::data_dir(args)?;
    let _own;
    let client = match ls::ask(&dir) {
        Ok(_) => existing(&dir)?,
        Err(_) => {
            let (node, client, guard) = own(&runtime)?;
            runtime.spawn(node.serve(std::future::pending()));
            _own = guard;
            client
        }
    };
    let mut made = Made::default();
    let result = show(&client, &mut made);
    if result.is_ok() {
        runtime.block_on(stop);
        println!();
    }
    made.remove(&client);
    result
}

fn existing(dir: &std::path::Path) -> anyhow::Result<Client> {
    let urls = env::api_urls(dir)?;
    let plain = urls.iter().find_map(|url| url.strip_prefix("http://"));
    let plain = plain.context("the demo needs an address of the API without TLS")?;
    let address = plain.parse().context("the API's address")?;
    let region = env::kept(dir, env::REGION_FILE)?;
    Ok(Client::new(address, Credentials::read(dir)?, region))
}

/// An instance of the demo's own, with the directory that goes with it.
fn own(runtime: &tokio::runtime::Runtime) -> anyhow::Result<(Node, Client, TemporaryDir)> {
    let guard = TemporaryDir::make()?;
    let args = UpArgs {
        dir: DirArgs { data_dir: Some(guard.0.clone()) },
        api: vec!["127.0.0.1:0".to_owned()],
        config: None,
    };
    let node = runtime.block_on(Node::start(&Config::load(&args)?))?;
    let client = Client::new(node.api[0].addr, Credentials::read(&guard.0)?, node.region.clone());
    Ok((node, client, guard))
}

fn show(client: &Client, made: &mut Made) -> anyhow::Result<()> {
    let (red, blue) = (target("red")?, target("blue")?);
    let name = format!("demo-{}", std::process::id());
    let vpcs = client
        .ec2("DescribeVpcs", &[("Filter.1.Name", "is-default"), ("Filter.1.Value.1", "true")])?;
    let vpc = text(&vpcs, "vpcId").context("no default VPC")?;
    let group = client.elbv2(
        "CreateTargetGroup",
        &[
            ("Name", &name),
            ("Protocol", "HTTP"),
            ("Port", "80"),
            ("VpcId", vpc),
            ("TargetType", "ip"),
            ("HealthCheckIntervalSeconds", "5"),
            ("HealthCheckTimeoutSeconds", "2"),
        ],
    )?;
    let group = text(&group, "TargetGroupArn").context("no target group ARN")?;
    made.group = Some(group.to_owned());
    let ports = [red.port().to_string(), blue.port().to_string()];
    client.elbv2(
        "RegisterTargets",
        &[
            ("TargetGroupArn", group),
            ("Targets.member.1.Id", "127.0.0.1"),
            ("Targets.member.1.Port", &ports[0]),
            ("Targets.member.2.Id", "127.0.0.1"),
            ("Targets.member.2.Port", &ports[1]),
        ],
    )?;
    let subnets = client.ec2(
        "DescribeSubnets",
        &[("Filter.1.Name", "default-for-az"), ("Filter.1.Value.1", "true")],
    )?;
    let mut parameters = vec![("Name", name.clone())];
    for (key, subnet) in
        ["Subnets.member.1", "Subnets.member.2"].iter().zip(texts(&subnets, "subnetId"))
    {
        parameters.push((key, subnet.to_owned()));
    }
    let parameters: Vec<(&str, &str)> = parameters.iter().map(|(k, v)| (*k, v.as_str())).collect();
    let lb = client.elbv2("CreateLoadBalancer", &parameters)?;
    let lb = text(&lb, "LoadBalancerArn").context("no load balancer ARN")?;
    made.load_balancer = Some(lb.to_owned());
    client.elbv2(
        "CreateListener",
        &[
            ("LoadBalancerArn", lb),
            ("Protocol", "HTTP"),
            ("Port", "8080"),
            ("DefaultActions.member.1.Type", "forward"),
            ("DefaultActions.member.1.TargetGroupArn", group),
        ],
    )?;
    healthy(client, group)?;
    println!("A load balancer with two targets is up. Try it, several times:\n");
    println!("  curl http://{}:8080/\n", address(client, lb)?);
    println!("Ctrl-C removes it.");
    std::io::stdout().flush().context("standard output")
}

/// Where the load balancer listens in its first zone.
fn address(client: &Client, lb: &str) -> anyhow::Result<String> {
    let suffix = lb.split_once("loadbalancer/").map_or("", |(_, suffix)| suffix);
    let description = format!("ELB {suffix}");
    let filter = [("Filter.1.Name", "description"), ("Filter.1.Value.1", description.as_str())];
    let interfaces = client.ec2("DescribeNetworkInterfaces", &filter)?;
    Ok(text(&interfaces, "privateIpAddress")
        .context("the load balancer has no address")?
        .to_owned())
}

fn healthy(client: &Client, group: &str) -> anyhow::Result<()> {
    let deadline = Instant::now() + HEALTHY_WITHIN;
    loop {
        let health = client.elbv2("DescribeTargetHealth", &[("TargetGroupArn", group)])?;
        // Other parts of a description have states of their own.
        let states = texts(&health, "TargetHealth").filter_map(|part| text(part, "State"));
        let states: Vec<&str> = states.collect();
        if states.len() == 2 && states.iter().all(|state| *state == "healthy") {
            return Ok(());
        }
        anyhow::ensure!(Instant::now() < deadline, "the demo targets did not become healthy");
        // The API has no call that waits; this is what aws-cli's waiter does, faster.
        thread::sleep(Duration::from_millis(50));
    }
}

/// A web server that answers every request with its name; it lives as long as the process.
fn target(name: &'static str) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("a demo target")?;
    let address = listener.local_addr().context("a demo target")?;
    thread::Builder::new()
        .name(format!("demo-{name}"))
        .spawn(move || {
            for stream in listener.incoming().flatten() {
                let _ = stream.set_read_timeout(Some(PATIENCE));
                let _ = stream.set_write_timeout(Some(PATIENCE));
                // A client that misbehaves only loses its own answer.
                let _ = answer(&stream, name);
            }
        })
        .context("a demo target")?;
    Ok(address)
}

fn answer(stream: &std::net::TcpStream, name: &str) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream);
    let mut line = String::new();
    while lines.read_line(&mut line)? > 2 {
        line.clear();
    }
    let body = format!("Hello from the {name} target\n");
    let mut stream = stream;
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    )
}

// === impl Made ===

impl Made {
    /// Removes what was made; a step that fails is told and does not stop the next.
    fn remove(&self, client: &Client) {
        let steps = [
            ("DeleteLoadBalancer", "LoadBalancerArn", &self.load_balancer),
            ("DeleteTargetGroup", "TargetGroupArn", &self.group),
        ];
        for (action, parameter, arn) in steps {
            let Some(arn) = arn else { continue };
            if let Err(error) = client.elbv2(action, &[(parameter, arn)]) {
                eprintln!("weir: {error:#}");
            }
        }
    }
}

/// A directory that goes with the demo.
struct TemporaryDir(PathBuf);

// === impl TemporaryDir ===

impl TemporaryDir {
    fn make() -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("weir-demo-{}", std::process::id()));
        std::fs::create_dir(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for TemporaryDir {
    fn drop(&mut self) {
        // What cannot be removed lies in the system's temporary directory.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
