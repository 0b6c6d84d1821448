//! What the store's scenarios share: records, calls, and a bench that opens either backend.
//!
//! Invariant: a bench owns its directory, so tests in parallel do not see each other.
#![allow(dead_code, reason = "each test binary uses a part")]

use std::sync::atomic::{AtomicU64, Ordering};

use tempfile::TempDir;
use weir_core::catalog::{
    AuditRecord, AuditedResource, ChangeSet, Resource, ResourceKey, Revision,
};
use weir_core::resource::{Region, Registrations, Target, TargetGroupArn, TargetState};
use weir_core::resource::{SecurityGroup, SecurityGroupId, SecurityGroupRule, TrafficPeer};
use weir_core::resource::{Vpc, VpcAttributes, VpcId};
use weir_store::sqlite::Options;
use weir_store::{AnyStore, Commit, Memory, Retention, Sqlite, Store as _};

/// The tag whose value tells records of [`vpc`] apart.
const TEXT: &str = "text";

/// A store and what it needs to be opened again.
pub struct Bench {
    home: Option<TempDir>,
    retention: Retention,
    store: Option<AnyStore>,
}

// === impl Bench ===

impl Bench {
    pub fn memory(retention: Retention) -> Self {
        Self { home: None, retention, store: Some(Memory::new(retention).into()) }
    }

    pub fn sqlite(retention: Retention) -> Self {
        let home = tempfile::tempdir().unwrap();
        let store = Sqlite::open(home.path(), options(retention)).unwrap();
        Self { home: Some(home), retention, store: Some(store.into()) }
    }

    pub fn store(&self) -> &AnyStore {
        self.store.as_ref().unwrap()
    }

    /// Ends the store and opens what it kept.
    pub fn reopen(&mut self) {
        let reopened = match self.store.take().unwrap() {
            AnyStore::Memory(store) => store.reopened().into(),
            AnyStore::Sqlite(store) => {
                drop(store);
                let home = self.home.as_ref().unwrap();
                Sqlite::open(home.path(), options(self.retention)).unwrap().into()
            }
        };
        self.store = Some(reopened);
    }

    pub async fn commit(&self, expected: u64, batch: Vec<Commit>) -> u64 {
        self.store().commit(Revision(expected), batch).await.unwrap().0
    }

    pub async fn load(&self) -> (u64, Vec<Resource>) {
        let (at, resources) = self.store().load().await.unwrap();
        (at.0, resources)
    }
}

pub fn options(retention: Retention) -> Options {
    Options { retention, pages_max: None }
}

/// A network that carries `text` in a tag.
pub fn vpc(id: &str, text: &str) -> Resource {
    Resource::Vpc(Vpc {
        id: VpcId::new(id),
        region: Region::new("us-east-1"),
        cidr: "127.0.0.0/8".parse().unwrap(),
        more_cidrs: Vec::new(),
        ipv6_cidr: None,
        ipv6_association: None,
        is_default: true,
        attributes: VpcAttributes::default(),
        tags: [
            (String::from("naïve \"key\""), String::from("välue\u{1F980}")),
            (String::from(TEXT), String::from(text)),
        ]
        .into(),
    })
}

pub fn vpc_key(id: &str) -> ResourceKey {
    ResourceKey::Vpc(VpcId::new(id))
}

/// The text of a record made by [`vpc`].
pub fn vpc_text(resource: &Resource) -> &str {
    match resource {
        Resource::Vpc(vpc) => &vpc.tags[TEXT],
        other => panic!("not a vpc: {other:?}"),
    }
}

pub fn security_group(id: &str) -> Resource {
    let rule = |peer| SecurityGroupRule {
        id: String::from("sgr-1"),
        protocol: String::from("tcp"),
        from_port: Some(0),
        to_port: None,
        peer,
        description: Some(String::new()),
        tags: Default::default(),
    };
    Resource::SecurityGroup(SecurityGroup {
        id: SecurityGroupId::new(id),
        region: Region::new("us-east-1"),
        vpc: VpcId::new("vpc-1"),
        name: String::from("web"),
        description: String::from("a\nb\u{0}c"),
        ingress: vec![rule(TrafficPeer::Cidr("2001:db8::/32".parse().unwrap()))],
        egress: vec![rule(TrafficPeer::Group(SecurityGroupId::new(id)))],
        tags: Default::default(),
    })
}

pub fn registrations(targets: usize) -> Resource {
    let target = |i: usize| Target {
        id: format!("10.0.{}.{}", i / 250, i % 250),
        port: 80,
        zone: None,
        quic_server: None,
        registered_ms: i64::MIN,
        state: if i.is_multiple_of(2) {
            TargetState::Registered
        } else {
            TargetState::Draining { until_ms: i64::MAX }
        },
    };
    let arn =
        "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web/0123456789abcdef";
    Resource::Registrations(Registrations {
        group: TargetGroupArn::new(arn),
        targets: (0..targets).map(target).collect(),
    })
}

pub fn puts(resources: impl IntoIterator<Item = Resource>) -> ChangeSet {
    let mut changes = ChangeSet::default();
    resources.into_iter().for_each(|resource| changes.put(resource));
    changes
}

/// A commit of these records, not audited.
pub fn put(resources: impl IntoIterator<Item = Resource>) -> Commit {
    Commit { changes: puts(resources), audit: None }
}

pub fn delete(id: &str) -> Commit {
    let mut changes = ChangeSet::default();
    changes.delete(vpc_key(id));
    Commit { changes, audit: None }
}

/// A record whose event id follows from the request id and the time.
pub fn audit(request_id: &str, action: &str, time_ms: i64) -> AuditRecord {
    AuditRecord {
        event_id: format!("event-{request_id}-{time_ms}"),
        request_id: request_id.to_owned(),
        time_ms,
        source: String::from("elasticloadbalancing.amazonaws.com"),
        action: action.to_owned(),
        region: String::from("us-east-1"),
        principal: String::from("AKIDEXAMPLE"),
        username: String::from("root"),
        read_only: action.starts_with("Describe"),
        resources: vec![AuditedResource {
            kind: String::from("AWS::EC2::VPC"),
            name: format!("vpc-{request_id}"),
        }],
        document: format!(
            "{{\"errorMessage\":\"no \\\"such\\\" thing\",\"eventName\":\"{action}\"}}"
        ),
    }
}

/// So many audited calls that changed nothing, each with an id of its own.
pub fn many_refused(request_id: &str, action: &str, time_ms: i64, count: usize) -> Vec<Commit> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let one = |_| {
        let mut commit = refused(request_id, action, time_ms);
        let record = commit.audit.as_mut().unwrap();
        record.event_id = format!("event-{:08}", NUMBER.fetch_add(1, Ordering::Relaxed));
        commit
    };
    (0..count).map(one).collect()
}

/// An audited call that changed nothing.
pub fn refused(request_id: &str, action: &str, time_ms: i64) -> Commit {
    Commit { changes: ChangeSet::default(), audit: Some(audit(request_id, action, time_ms)) }
}
