//! Weir itself: `weir up` on a fresh data directory, set up through its API by signed calls.
//!
//! One load balancer with its access log on, one listener with twenty path rules, one target; one
//! data thread. The calls are curl's, which signs them (SigV4), so the bench knows nothing of
//! Weir's inside.
//!
//! Invariant: the key is made for this directory and dies with it.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

use super::{Proxy, Site};
use crate::limits;
use crate::process::Process;

/// The listener's port; the address is Weir's own.
const PORT: u16 = 8_080;
const REGION: &str = "us-east-1";

/// The API of the instance under test.
struct Api {
    address: SocketAddr,
    /// curl's settings, with the key.
    settings: PathBuf,
}

/// Starts Weir and sets it up.
pub fn start(site: &Site<'_>, program: &str) -> Result<Proxy> {
    let data = site.dir.join("data");
    std::fs::DirBuilder::new().mode(0o700).create(&data)?;
    let (id, secret) = ("AKIABENCHBENCHBENCHX", format!("bench-{}", std::process::id()));
    let config = site.dir.join("weir.toml");
    std::fs::write(&config, settings(id, &secret))?;
    let curl = site.dir.join("curl.conf");
    std::fs::write(&curl, format!("user = \"{id}:{secret}\"\n"))?;
    let (data_text, config) = (data.to_string_lossy(), config.to_string_lossy());
    let words =
        [program, "up", "--data-dir", &data_text, "--api", "127.0.0.1:0", "--config", &config];
    let mut process = Process::start(site.dir, "weir", site.cores.proxy, &words, false)?;
    let address = api_address(&data, &mut process)?;
    let api = Api { address, settings: curl };
    let front = api.set_up(site.target).with_context(|| process.last_words())?;
    Ok(Proxy { front, process: Some(process) })
}

fn settings(id: &str, secret: &str) -> String {
    format!("threads = 1\naccess_key_id = \"{id}\"\nsecret_access_key = \"{secret}\"\n")
}

/// The file that Weir writes once its API listens.
fn api_address(data: &Path, process: &mut Process) -> Result<SocketAddr> {
    let deadline = Instant::now() + limits::START_WITHIN;
    while Instant::now() < deadline {
        process.check()?;
        let text = std::fs::read_to_string(data.join("api-address")).unwrap_or_default();
        if let Ok(address) = text.trim().parse() {
            return Ok(address);
        }
        sleep(limits::LOOK_EVERY);
    }
    bail!("it did not say where its API is: {}", process.last_words())
}

// === impl Api ===

impl Api {
    fn set_up(&self, target: SocketAddr) -> Result<SocketAddr> {
        let group = self.target_group(target)?;
        let load_balancer = self.load_balancer()?;
        let forward = |key: &str| {
            [(format!("{key}.Type"), "forward"), (format!("{key}.TargetGroupArn"), &group)]
                .map(|(name, value)| (name, value.to_owned()))
        };
        let port = PORT.to_string();
        let mut listener =
            pairs(&[("LoadBalancerArn", &load_balancer), ("Protocol", "HTTP"), ("Port", &port)]);
        listener.extend(forward("DefaultActions.member.1"));
        let listener = value(&self.elbv2("CreateListener", &listener)?, "ListenerArn")?;
        for rule in 1..=limits::RULES {
            let (priority, path) = (rule.to_string(), format!("/svc-{rule:02}/*"));
            let condition = "Conditions.member.1";
            let mut words = pairs(&[("ListenerArn", &listener), ("Priority", &priority)]);
            words.push((format!("{condition}.Field"), "path-pattern".to_owned()));
            words.push((format!("{condition}.PathPatternConfig.Values.member.1"), path));
            words.extend(forward("Actions.member.1"));
            self.elbv2("CreateRule", &words)?;
        }
        self.front(&load_balancer)
    }

    fn target_group(&self, target: SocketAddr) -> Result<String> {
        let filter = pairs(&[("Filter.1.Name", "is-default"), ("Filter.1.Value.1", "true")]);
        let vpc = value(&self.ec2("DescribeVpcs", &filter)?, "vpcId")?;
        let words = pairs(&[
            ("Name", "bench"),
            ("Protocol", "HTTP"),
            ("Port", "80"),
            ("VpcId", &vpc),
            ("TargetType", "ip"),
        ]);
        let group = value(&self.elbv2("CreateTargetGroup", &words)?, "TargetGroupArn")?;
        let (address, port) = (target.ip().to_string(), target.port().to_string());
        let words = pairs(&[
            ("TargetGroupArn", &group),
            ("Targets.member.1.Id", &address),
            ("Targets.member.1.Port", &port),
        ]);
        self.elbv2("RegisterTargets", &words)?;
        Ok(group)
    }

    fn load_balancer(&self) -> Result<String> {
        let filter = pairs(&[("Filter.1.Name", "default-for-az"), ("Filter.1.Value.1", "true")]);
        let subnets = values(&self.ec2("DescribeSubnets", &filter)?, "subnetId");
        ensure!(subnets.len() >= 2, "a load balancer needs two subnets");
        let words = pairs(&[
            ("Name", "bench"),
            ("Subnets.member.1", &subnets[0]),
            ("Subnets.member.2", &subnets[1]),
        ]);
        let arn = value(&self.elbv2("CreateLoadBalancer", &words)?, "LoadBalancerArn")?;
        let words = pairs(&[
            ("LoadBalancerArn", &arn),
            ("Attributes.member.1.Key", "access_logs.s3.enabled"),
            ("Attributes.member.1.Value", "true"),
            ("Attributes.member.2.Key", "access_logs.s3.bucket"),
            ("Attributes.member.2.Value", "bench"),
        ]);
        self.elbv2("ModifyLoadBalancerAttributes", &words)?;
        Ok(arn)
    }

    fn front(&self, load_balancer: &str) -> Result<SocketAddr> {
        let name = load_balancer.split_once("loadbalancer/").map_or("", |(_, name)| name);
        let description = format!("ELB {name}");
        let filter = pairs(&[("Filter.1.Name", "description"), ("Filter.1.Value.1", &description)]);
        let answer = self.ec2("DescribeNetworkInterfaces", &filter)?;
        let address: Ipv4Addr = value(&answer, "privateIpAddress")?.parse()?;
        Ok((address, PORT).into())
    }

    fn elbv2(&self, action: &str, words: &[(String, String)]) -> Result<String> {
        self.call("elasticloadbalancing", "2015-12-01", action, words)
    }

    fn ec2(&self, action: &str, words: &[(String, String)]) -> Result<String> {
        self.call("ec2", "2016-11-15", action, words)
    }

    fn call(
        &self,
        service: &str,
        version: &str,
        action: &str,
        words: &[(String, String)],
    ) -> Result<String> {
        let mut command = Command::new("curl");
        command.args(["-sS", "--fail-with-body", "--max-time", "10", "--noproxy", "*", "-K"]);
        command.arg(&self.settings);
        command.arg("--aws-sigv4").arg(format!("aws:amz:{REGION}:{service}"));
        command.args(["-d", &format!("Action={action}"), "-d", &format!("Version={version}")]);
        for (name, value) in words {
            command.arg("--data-urlencode").arg(format!("{name}={value}"));
        }
        let output = command.arg(format!("http://{}/", self.address)).output().context("curl")?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            let error = String::from_utf8_lossy(&output.stderr);
            bail!("{action}: {} {}", error.trim(), text.trim());
        }
        Ok(text)
    }
}

fn pairs(words: &[(&str, &str)]) -> Vec<(String, String)> {
    words.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The texts of all elements of this name; the names that are asked for hold no elements.
fn values(xml: &str, name: &str) -> Vec<String> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let parts = xml.split(open.as_str()).skip(1);
    parts.filter_map(|part| Some(part.split_once(close.as_str())?.0.to_owned())).collect()
}

fn value(xml: &str, name: &str) -> Result<String> {
    values(xml, name).into_iter().next().with_context(|| format!("no {name} in the answer: {xml}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_ask_for_one_thread() {
        let text = settings("AKIAX", "secret");
        assert!(text.contains("threads = 1\n") && text.contains("access_key_id = \"AKIAX\""));
    }

    #[test]
    fn elements_are_found() {
        let xml = "<a><subnetId>s-1</subnetId><subnetId>s-2</subnetId></a>";
        assert_eq!(values(xml, "subnetId"), ["s-1", "s-2"]);
        assert_eq!(value(xml, "subnetId").unwrap(), "s-1");
        assert!(value(xml, "vpcId").is_err());
    }
}
