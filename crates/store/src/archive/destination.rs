//! Whose log it is and under which name S3 would have it.
//!
//! Invariant: the destination is kept beside its spool files, so what a crash leaves behind can be
//! shipped by a process that knows nothing else.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use weir_core::time::Civil;

/// Which of the three logs of a load balancer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LogKind {
    /// One line per request.
    Access,
    /// One line per TLS connection.
    Connection,
    /// One line per health check.
    HealthCheck,
}

/// Where the lines of one log of one load balancer go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogDestination {
    /// Which log.
    pub kind: LogKind,
    /// Bucket: the first directory below the root.
    pub bucket: String,
    /// Prefix inside the bucket, without slashes at its ends; may be empty.
    pub prefix: String,
    /// Twelve digits.
    pub account: String,
    /// Such as `us-east-1`.
    pub region: String,
    /// The load balancer's name.
    pub name: String,
    /// The sixteen hex digits at the end of its ARN.
    pub id: String,
    /// Address of the node that served.
    pub node_ip: IpAddr,
}

// === impl LogDestination ===

impl LogDestination {
    /// Name of its directory in the spool: distinct for distinct destinations.
    pub(super) fn key(&self) -> String {
        let kind = match self.kind {
            LogKind::Access => "access",
            LogKind::Connection => "connection",
            LogKind::HealthCheck => "health-check",
        };
        let Self { name, id, .. } = self;
        // Bucket and prefix may change; a stable hash of everything tells the old from the new.
        let digest = fnv1a(format!("{self:?}").as_bytes());
        safe(format!("{kind}.{name}.{id}.{digest:016x}"))
    }

    /// Path of an object below the root.
    // spec: alb §11 Logs
    pub(super) fn object(&self, end: &str, random: &str) -> PathBuf {
        let Self { bucket, prefix, account, region, name, id, node_ip, kind } = self;
        let kind = match kind {
            LogKind::Access => "",
            LogKind::Connection => "conn_log_",
            LogKind::HealthCheck => "health_check_log_",
        };
        let mut path = PathBuf::from(safe(bucket));
        path.extend(prefix.split('/').filter(|part| !part.is_empty()).map(safe));
        path.extend(["AWSLogs", account, "elasticloadbalancing", region].map(safe));
        let (year, month, day) = (&end[..4], &end[4..6], &end[6..8]);
        path.extend([year, month, day]);
        let lb = format!("app.{name}.{id}");
        let stem = format!("{kind}{account}_elasticloadbalancing_{region}_{lb}_{end}");
        path.join(safe(format!("{stem}_{node_ip}_{random}.log.gz")))
    }
}

/// The end of an interval as file names have it: `20140215T2340Z`.
// spec: alb §11 Logs
pub(super) fn end_time(end_us: u64) -> String {
    let seconds = i64::try_from(end_us / 1_000_000).unwrap_or(i64::MAX);
    let Civil { year, month, day, hour, minute, .. } = Civil::from_epoch(seconds);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}Z")
}

/// Whether a file name begins with what [`end_time`] makes.
pub(super) fn is_end_time(text: &str) -> bool {
    let digit = |index: usize| text.as_bytes()[index].is_ascii_digit();
    text.is_ascii()
        && text.len() == "20140215T2340Z".len()
        && (0..8).chain(9..13).all(digit)
        && text.as_bytes()[8] == b'T'
}

/// Eight characters such as `20sg8hgm`.
pub(super) fn random() -> String {
    const ALPHABET: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let mut bits = RandomState::new().hash_one(0u8);
    let mut next = || {
        let index = (bits % 36) as usize;
        bits /= 36;
        char::from(ALPHABET[index])
    };
    (0..8).map(|_| next()).collect()
}

/// One path component: no separators, no way up. Names come from validated resources; a spool
/// that is spoiled by hand must still not write elsewhere.
fn safe(part: impl AsRef<str>) -> String {
    let cleaned = part.as_ref().replace(['/', '\\', '\0'], "-");
    match cleaned.as_str() {
        "" | "." | ".." => "-".to_owned(),
        _ => cleaned,
    }
}

fn fnv1a(bytes: &[u8]) -> u64 {
    let step = |hash: u64, &byte: &u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

/// Reads a destination kept by [`super::segment`].
pub(super) fn read(path: &Path) -> std::io::Result<LogDestination> {
    Ok(serde_json::from_slice(&std::fs::read(path)?)?)
}
