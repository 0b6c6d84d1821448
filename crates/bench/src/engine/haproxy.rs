//! haproxy, one thread.
//!
//! It writes its log to its standard output, which is a file here: without a syslog server that is
//! its only way to one. For streams it is told not to hold bytes back (`http-no-delay`), which
//! costs it elsewhere, so it is told only there.
//!
//! Invariant: idle connections to targets are always reused.

use std::fmt::Write;
use std::net::SocketAddr;

use anyhow::Result;

use super::{Level, Proxy, Site, free_address};
use crate::limits;
use crate::process::Process;
use crate::scenario::Scenario;

/// Starts haproxy.
pub fn start(site: &Site<'_>, program: &str, level: Level) -> Result<Proxy> {
    let front = free_address()?;
    let path = site.dir.join("haproxy.cfg");
    std::fs::write(&path, render(level, front, site.target, site.scenario)?)?;
    let path = path.to_string_lossy();
    let words = [program, "-db", "-f", &path];
    let process = Process::start(site.dir, "haproxy", site.cores.proxy, &words, false)?;
    Ok(Proxy { front, process: Some(process) })
}

fn render(
    level: Level,
    front: SocketAddr,
    target: SocketAddr,
    scenario: Scenario,
) -> Result<String> {
    let equal = level == Level::Equal;
    let mut text = String::from("global\n    nbthread 1\n");
    // Two descriptors each, and some: the most that fits below 20,000.
    writeln!(text, "    maxconn {}", limits::IDLE_CONNECTIONS + 1_000)?;
    if equal {
        text.push_str("    log stdout format raw local0 info\n");
    }
    text.push_str(
        "defaults\n    mode http\n    timeout connect 5s\n    timeout client 60s\n    \
         timeout server 60s\n    timeout http-keep-alive 60s\n    http-reuse always\n",
    );
    if scenario == Scenario::Sse {
        text.push_str("    option http-no-delay\n");
    }
    if equal {
        text.push_str("    log global\n    option httplog\n    option forwardfor\n");
        text.push_str("    unique-id-format Root=1-%{+X}o%Ts-%ci%cp%rt%pid\n");
        text.push_str("    unique-id-header X-Amzn-Trace-Id\n");
    }
    writeln!(text, "frontend front\n    bind {front} backlog 4096")?;
    if equal {
        text.push_str("    http-request set-header X-Forwarded-Proto http\n");
        text.push_str("    http-request set-header X-Forwarded-Port %[dst_port]\n");
        for rule in 1..=limits::RULES {
            writeln!(text, "    use_backend targets if {{ path_beg /svc-{rule:02}/ }}")?;
        }
    }
    writeln!(text, "    default_backend targets")?;
    writeln!(text, "backend targets\n    server one {target}")?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(level: Level, scenario: Scenario) -> String {
        let front = "127.0.0.2:1001".parse().unwrap();
        render(level, front, "127.0.0.3:1002".parse().unwrap(), scenario).unwrap()
    }

    #[test]
    fn equal_has_logs_rules_and_headers_and_bare_has_not() {
        let (equal, bare) =
            (text(Level::Equal, Scenario::Get64), text(Level::Bare, Scenario::Get64));
        assert_eq!(equal.matches("use_backend").count(), 20);
        for part in ["option httplog", "forwardfor", "X-Forwarded-Proto", "X-Forwarded-Port"] {
            assert!(equal.contains(part) && !bare.contains(part), "{part}");
        }
        assert!(equal.contains("X-Amzn-Trace-Id") && !bare.contains("use_backend"));
        for text in [equal, bare] {
            assert!(text.contains("bind 127.0.0.2:1001") && text.contains("one 127.0.0.3:1002"));
            assert!(text.contains("nbthread 1") && text.contains("http-reuse always"));
        }
    }

    #[test]
    fn bytes_of_streams_are_not_held_back() {
        assert!(text(Level::Bare, Scenario::Sse).contains("http-no-delay"));
        assert!(!text(Level::Bare, Scenario::Post).contains("http-no-delay"));
    }
}
