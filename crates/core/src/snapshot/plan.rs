//! The compiled form of each object: what a data thread reads while it serves.
//!
//! Invariant: a plan holds no raw attribute text that has to be parsed per request.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::cell::{GroupCell, ListenerCell, LoadBalancerCell, TargetCell};
use super::{GroupSlot, Ingress, ListenerSlot};
use crate::resource::{
    AccountId, HealthCheck, ListenerArn, ListenerProtocol, LoadBalancerArn, Region, TargetGroupArn,
    ZoneName,
};
use crate::traffic::route::RuleTable;

/// `routing.http.desync_mitigation_mode`.
// spec: alb §3.9 Desync mitigation
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DesyncMode {
    /// Count only.
    Monitor,
    /// Block Severe; close after Ambiguous.
    Defensive,
    /// Block everything that is not compliant.
    Strictest,
}

/// `routing.http.xff_header_processing.mode`.
// spec: alb §3.2 `X-Forwarded-For`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum XffMode {
    /// Add the peer.
    Append,
    /// Leave as is.
    Preserve,
    /// Take out.
    Remove,
}

/// `load_balancing.algorithm.type`.
// spec: alb §4.3 Algorithms - `load_balancing.algorithm.type`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// In turn.
    RoundRobin,
    /// Fewest in flight.
    LeastOutstandingRequests,
    /// Uniformly random.
    WeightedRandom,
}

/// Where a load balancer's access log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessLogPlan {
    /// A folder below the log root.
    pub bucket: String,
    /// Below the bucket; may be empty.
    pub prefix: String,
}

/// A load balancer, shared by the plans of its listeners.
#[derive(Debug)]
pub struct LoadBalancerPlan {
    /// Identity.
    pub arn: LoadBalancerArn,
    /// `app/<name>/<id>`.
    pub log_name: String,
    /// Owner, for log folders.
    pub account: AccountId,
    /// Region, for log folders.
    pub region: Region,
    /// Host of HTTP/1.0 requests that bring none.
    pub dns_name: String,
    /// Every address with its zone; `AddressEntry::zone` is an index into this.
    pub zones: Vec<(ZoneName, IpAddr)>,
    /// Asked at accept.
    pub ingress: Ingress,
    /// `idle_timeout.timeout_seconds`, in milliseconds.
    pub idle_timeout_ms: u64,
    /// `client_keep_alive.seconds`, in milliseconds.
    pub client_keep_alive_ms: u64,
    /// How strange requests are treated.
    pub desync_mode: DesyncMode,
    /// `routing.http.drop_invalid_header_fields.enabled`.
    pub drop_invalid_headers: bool,
    /// `routing.http.preserve_host_header.enabled`.
    pub preserve_host: bool,
    /// `routing.http.xff_header_processing.mode`.
    pub xff_mode: XffMode,
    /// `routing.http.xff_client_port.enabled`.
    pub xff_client_port: bool,
    /// Set when access logs are on.
    pub access_log: Option<AccessLogPlan>,
    /// Measured.
    pub cell: Arc<LoadBalancerCell>,
}

/// A response header that a listener sets or overrides.
// spec: alb §3.7 Listener attributes - response headers
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseHeader {
    /// Lower-case, for comparing.
    pub name_lower: &'static str,
    /// As it is sent.
    pub name: &'static str,
    /// Never empty.
    pub value: String,
}

/// A listener.
#[derive(Debug)]
pub struct ListenerPlan {
    /// Identity.
    pub arn: ListenerArn,
    /// Its place in the snapshot.
    pub slot: ListenerSlot,
    /// Its owner.
    pub load_balancer: Arc<LoadBalancerPlan>,
    /// Where it listens.
    pub port: u16,
    /// HTTP for now.
    pub protocol: ListenerProtocol,
    /// Rules in order of evaluation.
    pub rules: RuleTable,
    /// Set on every response.
    pub response_headers: Vec<ResponseHeader>,
    /// `routing.http.response.server.enabled`.
    pub server_header: bool,
    /// Measured.
    pub cell: Arc<ListenerCell>,
}

/// What makes a target the same target across snapshots (besides its group).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TargetKey {
    /// Instance id or address.
    pub id: String,
    /// Traffic port.
    pub port: u16,
}

/// One registered target.
#[derive(Debug)]
pub struct TargetPlan {
    /// Identity within its group.
    pub key: TargetKey,
    /// Where requests go; `None` when the id resolves to nothing usable.
    pub address: Option<SocketAddr>,
    /// Where probes go.
    pub health_address: Option<SocketAddr>,
    /// The zone it counts for; `None` serves every zone.
    pub zone: Option<ZoneName>,
    /// No new requests.
    pub draining: bool,
    /// Why it cannot be used at all, for example `Target is in the stopped state`.
    pub invalid: Option<String>,
    /// Measured.
    pub cell: Arc<TargetCell>,
}

/// A target group.
#[derive(Debug)]
pub struct GroupPlan {
    /// Identity.
    pub arn: TargetGroupArn,
    /// Its place in the snapshot.
    pub slot: GroupSlot,
    /// Differs from the version of every other plan ever built.
    pub version: u64,
    /// How a target is chosen.
    pub algorithm: Algorithm,
    /// Only targets of the request's own zone.
    pub zonal: bool,
    /// Fail open when fewer targets than this are healthy.
    pub min_healthy_count: u32,
    /// Fail open when a smaller share than this is healthy, in percent.
    pub min_healthy_percent: Option<u32>,
    /// Probing; shared with the prober.
    pub health_check: Arc<HealthCheck>,
    /// Load balancers whose listeners forward here; empty means unused, and not probed.
    pub used_by: Vec<LoadBalancerArn>,
    /// Zones that those load balancers have enabled.
    pub enabled_zones: Vec<ZoneName>,
    /// In order of registration.
    pub targets: Vec<Arc<TargetPlan>>,
    /// Measured.
    pub cell: Arc<GroupCell>,
}

// === impl GroupPlan ===

impl GroupPlan {
    /// The target of this key.
    pub fn target(&self, id: &str, port: u16) -> Option<&Arc<TargetPlan>> {
        self.targets.iter().find(|target| target.key.port == port && target.key.id == id)
    }

    /// Whether the target's zone is enabled at the load balancer; a target without a zone serves
    /// all.
    pub fn zone_is_enabled(&self, target: &TargetPlan) -> bool {
        target.zone.as_ref().is_none_or(|zone| self.enabled_zones.contains(zone))
    }
}
