//! The Prometheus page: counters per listener and target, gauges of the control side.
//!
//! Hot counters live in per-thread lanes of the cells and are summed here, at scrape.
//!
//! Invariant: label values are escaped, so that no name can end a line or a label.

use std::fmt::Write;
use std::sync::atomic::Ordering;

use weir_core::snapshot::lane::{LISTENER_COLUMNS, ListenerTotals, TARGET_COLUMNS, TargetTotals};
use weir_core::traffic::health::Verdict;
use weir_net::telemetry::Telemetry;
use weir_store::archive::SpoolStats;

use crate::authority::Authority;

/// Renders everything in Prometheus' text format.
pub fn render(authority: &Authority, telemetry: &Telemetry, logs: &SpoolStats) -> String {
    let mut out = String::with_capacity(16 * 1024);
    telemetry.render(&mut out);
    control(&mut out, authority);
    archive(&mut out, logs);
    listeners(&mut out, authority);
    targets(&mut out, authority);
    out
}

fn control(out: &mut String, authority: &Authority) {
    let plane = authority.plane();
    let snapshot = authority.snapshot();
    for (name, help, kind, value) in [
        ("weir_catalog_revision", "Newest durable revision.", "gauge", authority.revision().0),
        ("weir_snapshot_revision", "Revision that is published.", "gauge", snapshot.revision.0),
        (
            "weir_publications_missed_total",
            "Publications that a data thread did not run in time.",
            "counter",
            plane.missed(),
        ),
        (
            "weir_store_outages_total",
            "Commits that failed for want of disk, rights or time.",
            "counter",
            authority.outages(),
        ),
        (
            "weir_audit_records_lost_total",
            "Audit records that did not reach the store.",
            "counter",
            authority.records_lost(),
        ),
        (
            "weir_addresses_impaired",
            "Addresses that cannot be bound.",
            "gauge",
            plane.impaired().len() as u64,
        ),
        ("weir_addresses", "Addresses that are served.", "gauge", snapshot.address_count() as u64),
        (
            "weir_addresses_carried",
            "Addresses on the devices of this machine.",
            "gauge",
            plane.carrier().carried().0 as u64,
        ),
        (
            "weir_addresses_uncarried",
            "Addresses that should be on a device and are not.",
            "gauge",
            plane.uncarried() as u64,
        ),
        (
            "weir_address_announcements_total",
            "Announcements of addresses by ARP or neighbour advertisement.",
            "counter",
            plane.carrier().announcements(),
        ),
        (
            "weir_address_failures_total",
            "Addresses that could not be added, renewed, announced or removed.",
            "counter",
            plane.carrier().failures(),
        ),
    ] {
        header(out, name, help, kind);
        let _ = writeln!(out, "{name} {value}");
    }
}

fn archive(out: &mut String, logs: &SpoolStats) {
    for (name, help, value) in [
        ("weir_log_records_total", "Access-log lines written.", &logs.records_written),
        ("weir_log_records_lost_total", "Access-log lines lost.", &logs.records_dropped),
        ("weir_log_objects_total", "Log objects completed.", &logs.objects_written),
        ("weir_log_errors_total", "Failed writes of logs.", &logs.errors),
    ] {
        header(out, name, help, "counter");
        let _ = writeln!(out, "{name} {}", value.load(Ordering::Relaxed));
    }
}

fn listeners(out: &mut String, authority: &Authority) {
    let snapshot = authority.snapshot();
    let rows: Vec<(String, Vec<u64>)> = snapshot
        .listeners()
        .map(|l| {
            let labels = format!(
                "load_balancer=\"{}\",port=\"{}\"",
                escaped(&l.load_balancer.log_name),
                l.port
            );
            (labels, ListenerTotals::sum(&l.cell.lanes).values())
        })
        .collect();
    table(out, LISTENER_COLUMNS, &rows);
}

fn targets(out: &mut String, authority: &Authority) {
    let snapshot = authority.snapshot();
    let (mut rows, mut gauges) = (Vec::new(), Vec::new());
    for group in snapshot.groups() {
        for target in &group.targets {
            let labels = format!(
                "target_group=\"{}\",target=\"{}\",port=\"{}\"",
                escaped(group.arn.tail()),
                escaped(&target.key.id),
                target.key.port
            );
            let healthy = u64::from(target.cell.verdict() == Verdict::Healthy);
            let ejected = u64::from(target.cell.is_ejected());
            gauges
                .push((labels.clone(), vec![healthy, ejected, u64::from(target.cell.in_flight())]));
            rows.push((labels, TargetTotals::sum(&target.cell.lanes).values()));
        }
    }
    table(out, TARGET_COLUMNS, &rows);
    let columns = [
        ("weir_target_healthy", "1 when the health checks say healthy."),
        ("weir_target_ejected", "1 while a passive failure keeps the target out of selection."),
        ("weir_target_in_flight", "Requests in flight."),
    ];
    table(out, &columns, &gauges);
}

fn table(out: &mut String, columns: &[(&str, &str)], rows: &[(String, Vec<u64>)]) {
    for (index, (name, help)) in columns.iter().enumerate() {
        let kind = if name.ends_with("_total") { "counter" } else { "gauge" };
        header(out, name, help, kind);
        for (labels, values) in rows {
            let _ = writeln!(out, "{name}{{{labels}}} {}", values[index]);
        }
    }
}

fn header(out: &mut String, name: &str, help: &str, kind: &str) {
    // Writing to a String does not fail.
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_cannot_break_a_line() {
        assert_eq!(escaped("a\"b\\c\nd"), "a\\\"b\\\\c\\nd");
    }

    #[test]
    fn a_table_has_one_header_per_metric() {
        let mut out = String::new();
        let rows = [("a=\"1\"".to_owned(), vec![1, 2]), ("a=\"2\"".to_owned(), vec![3, 4])];
        table(&mut out, &[("x_total", "X."), ("y", "Y.")], &rows);
        assert_eq!(out.matches("# TYPE").count(), 2);
        assert!(out.contains("# TYPE x_total counter\nx_total{a=\"1\"} 1\nx_total{a=\"2\"} 3\n"));
        assert!(out.contains("y{a=\"2\"} 4\n"));
    }
}
