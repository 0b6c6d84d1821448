//! nginx, one worker.
//!
//! Its log is buffered, as a busy site would have it; its default of 1,000 requests per connection
//! is lifted, so that it is not charged for reconnecting. For streams buffering is off.
//!
//! Invariant: everything that it writes lies in the directory that it was given.

use std::fmt::Write;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;

use anyhow::Result;

use super::{Level, Proxy, Site, free_address};
use crate::limits;
use crate::process::Process;
use crate::scenario::Scenario;

/// Starts nginx.
pub fn start(site: &Site<'_>, program: &str, level: Level) -> Result<Proxy> {
    let front = free_address()?;
    let path = site.dir.join("nginx.conf");
    // The worker must be able to write where the bench, which may be root, does.
    let as_root = site.dir.metadata()?.uid() == 0;
    std::fs::write(&path, render(level, front, site, as_root)?)?;
    let (path, prefix) = (path.to_string_lossy(), site.dir.to_string_lossy());
    let words = [program, "-p", &prefix, "-e", "stderr", "-c", &path];
    let process = Process::start(site.dir, "nginx", site.cores.proxy, &words, false)?;
    Ok(Proxy { front, process: Some(process) })
}

fn render(level: Level, front: SocketAddr, site: &Site<'_>, as_root: bool) -> Result<String> {
    let equal = level == Level::Equal;
    let dir = site.dir.display();
    let mut text = String::from(if as_root { "user root;\n" } else { "" });
    write!(
        text,
        "daemon off;\nworker_processes 1;\nworker_rlimit_nofile 20000;\npid {dir}/nginx.pid;\n\
         error_log stderr warn;\nevents {{ worker_connections 16384; }}\nhttp {{\n"
    )?;
    for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
        writeln!(text, "    {kind}_temp_path {dir}/nginx-{kind};")?;
    }
    text.push_str(
        "    keepalive_timeout 75s;\n    keepalive_requests 1000000000;\n    \
         client_body_buffer_size 64k;\n    proxy_buffers 8 32k;\n    proxy_http_version 1.1;\n    \
         proxy_set_header Connection \"\";\n    proxy_set_header Host $http_host;\n",
    );
    if site.scenario == Scenario::Sse {
        text.push_str("    proxy_buffering off;\n");
    }
    if equal {
        writeln!(text, "    access_log {dir}/access.log combined buffer=64k flush=1s;")?;
        text.push_str(
            "    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\n    \
             proxy_set_header X-Forwarded-Proto $scheme;\n    \
             proxy_set_header X-Forwarded-Port $server_port;\n    \
             proxy_set_header X-Amzn-Trace-Id Root=1-$request_id;\n",
        );
    } else {
        text.push_str("    access_log off;\n");
    }
    write!(
        text,
        "    upstream targets {{ server {}; keepalive 2048; keepalive_requests 1000000000; }}\n    \
         server {{\n        listen {front} backlog=4096;\n        \
         location / {{ proxy_pass http://targets; }}\n",
        site.target
    )?;
    for rule in (1..=limits::RULES).filter(|_| equal) {
        writeln!(text, "        location /svc-{rule:02}/ {{ proxy_pass http://targets; }}")?;
    }
    text.push_str("    }\n}\n");
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::process::Cores;

    fn text(level: Level, scenario: Scenario) -> String {
        let site = Site {
            dir: Path::new("/d"),
            target: "127.0.0.3:1002".parse().unwrap(),
            scenario,
            cores: Cores::anywhere(),
            bin: Path::new("/b"),
        };
        render(level, "127.0.0.2:1001".parse().unwrap(), &site, false).unwrap()
    }

    #[test]
    fn equal_has_logs_rules_and_headers_and_bare_has_not() {
        let (equal, bare) =
            (text(Level::Equal, Scenario::Get64), text(Level::Bare, Scenario::Get64));
        assert_eq!(equal.matches("location /svc-").count(), 20);
        let headers = ["X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Amzn-Trace"];
        for part in headers {
            assert!(equal.contains(part) && !bare.contains(part), "{part}");
        }
        assert!(equal.contains("access_log /d/access.log") && bare.contains("access_log off"));
        for text in [equal, bare] {
            assert!(text.contains("listen 127.0.0.2:1001") && text.contains("worker_processes 1;"));
            assert!(text.contains("server 127.0.0.3:1002; keepalive"));
            assert_eq!(text.matches('{').count(), text.matches('}').count());
        }
    }

    #[test]
    fn streams_are_not_buffered() {
        assert!(text(Level::Bare, Scenario::Sse).contains("proxy_buffering off"));
        assert!(!text(Level::Bare, Scenario::Post).contains("proxy_buffering off"));
    }
}
