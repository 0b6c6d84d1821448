//! What every backend must do, once, run for each of them.
//!
//! A new backend gets a constructor in `support` and a line in the macro below.
//!
//! Invariant: no case knows which backend it runs on.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use weir_core::catalog::{AuditRecord, Change, Revision};
use weir_core::limits;
use weir_core::time::Now;
use weir_store::{
    BlobName, Blobs as _, Commit, CommitError, EventQuery, LeaseError, LeaseName, NodeId,
};
use weir_store::{Retention, SinceError, Store as _};

use support::{
    Bench, audit, delete, many_refused, put, refused, registrations, security_group, vpc, vpc_key,
};

macro_rules! conformance {
    ($($case:ident),* $(,)?) => {
        mod memory {$(
            #[tokio::test]
            async fn $case() {
                super::$case(super::Bench::memory).await;
            }
        )*}
        mod sqlite {$(
            #[tokio::test]
            async fn $case() {
                super::$case(super::Bench::sqlite).await;
            }
        )*}
    };
}

conformance! {
    a_batch_is_all_or_nothing,
    a_stale_commit_changes_nothing,
    an_empty_store_is_at_zero,
    events_of_a_span_whatever_the_order,
    a_record_is_completed_in_its_place,
    audit_is_pruned_by_age_in_small_steps,
    blobs_are_kept_by_what_they_are,
    blobs_outlive_the_sweep_while_somebody_wants_them,
    audit_is_pruned_by_bytes,
    changed_wakes_up,
    concurrent_committers_have_one_winner_per_revision,
    deletes_stay_deleted,
    events_are_filtered,
    events_page_newest_first,
    leases_are_exclusive_until_they_expire,
    load_gives_back_what_was_committed,
    reopening_keeps_everything_but_leases,
    revisions_count_change_sets,
    selective_events_stay_bounded,
    since_is_bounded_by_count,
    since_is_compacted_by_bytes,
    since_is_compacted_by_count,
    since_lists_in_order,
}

type Open = fn(Retention) -> Bench;

async fn blobs_are_kept_by_what_they_are(open: Open) {
    let mut bench = open(Retention::default());
    let large: Arc<[u8]> = (0..3_000_000u32).map(|n| n as u8).collect();
    let name = bench.store().put_blob(Arc::clone(&large), 1).await.unwrap();
    assert_eq!(name, BlobName::of(&large));
    assert_eq!(bench.store().put_blob(Arc::clone(&large), 2).await.unwrap(), name);
    let empty = bench.store().put_blob(Arc::from([]), 2).await.unwrap();
    for _ in 0..2 {
        let read = bench.store().blob(name.clone()).await.unwrap();
        assert_eq!(read.as_deref(), Some(large.as_ref()));
        assert_eq!(bench.store().blob(empty.clone()).await.unwrap(), Some(vec![]));
        assert_eq!(bench.store().blob(BlobName::of(b"other")).await.unwrap(), None);
        bench.reopen();
    }
    assert_eq!(bench.load().await.0, 0, "blobs do not move the revision");
}

async fn blobs_outlive_the_sweep_while_somebody_wants_them(open: Open) {
    let mut bench = open(Retention::default());
    let put = async |bench: &Bench, text: &str, now_ms| {
        bench.store().put_blob(Arc::from(text.as_bytes()), now_ms).await.unwrap()
    };
    let named = put(&bench, "named", 10).await;
    let young = put(&bench, "young", 100).await;
    let again = put(&bench, "again", 10).await;
    assert_eq!(put(&bench, "again", 100).await, again);
    // A clock that was set back does not make a blob older.
    assert_eq!(put(&bench, "old", 10).await, put(&bench, "old", 5).await);
    let keep = [named.clone(), BlobName::of(b"never put")];
    bench.reopen();
    assert_eq!(bench.store().sweep_blobs(keep.into(), 100).await.unwrap(), 1);
    bench.reopen();
    for name in [&named, &young, &again] {
        assert!(bench.store().blob(name.clone()).await.unwrap().is_some(), "{name}");
    }
    assert_eq!(bench.store().blob(BlobName::of(b"old")).await.unwrap(), None);
    assert_eq!(bench.store().sweep_blobs([].into(), 1_000).await.unwrap(), 3);
    assert_eq!(bench.store().sweep_blobs([].into(), 1_000).await.unwrap(), 0);
}

async fn an_empty_store_is_at_zero(open: Open) {
    let bench = open(Retention::default());
    assert_eq!(bench.load().await, (0, vec![]));
    let page = bench.store().since(Revision(0)).await.unwrap();
    assert_eq!((page.changes.len(), page.upto, page.current), (0, Revision(0), Revision(0)));
    let page = bench.store().events(EventQuery::default()).await.unwrap();
    assert_eq!((page.events.len(), page.next), (0, None));
    assert_eq!(bench.commit(0, vec![]).await, 0);
}

async fn load_gives_back_what_was_committed(open: Open) {
    let mut bench = open(Retention::default());
    // In the order of their keys: by kind (networks, security groups, registrations), then id.
    let records = [vpc("vpc-1", "x"), vpc("vpc-2", ""), security_group("sg-1"), registrations(501)];
    let shuffled = [2, 0, 3, 1].map(|i: usize| records[i].clone());
    assert_eq!(bench.commit(0, vec![put(shuffled)]).await, 1);
    assert_eq!(bench.load().await, (1, records.to_vec()));

    let changed = vpc("vpc-1", "now different");
    let twice = put([vpc("vpc-1", "not kept"), changed.clone()]);
    assert_eq!(bench.commit(1, vec![twice]).await, 2);
    let [_, b, c, d] = records;
    for _ in 0..2 {
        let expected = vec![changed.clone(), b.clone(), c.clone(), d.clone()];
        assert_eq!(bench.load().await, (2, expected));
        bench.reopen();
    }
}

async fn revisions_count_change_sets(open: Open) {
    let bench = open(Retention::default());
    let batch = vec![
        put([vpc("vpc-1", "")]),
        refused("r-1", "CreateRule", 1),
        put([vpc("vpc-2", ""), vpc("vpc-3", "")]),
        Commit::default(),
        delete("vpc-1"),
    ];
    assert_eq!(bench.commit(0, batch).await, 3);
    assert_eq!(bench.commit(3, vec![refused("r-2", "CreateRule", 2)]).await, 3);
    let events = bench.store().events(EventQuery::default()).await.unwrap().events;
    let seen: Vec<_> = events.iter().map(|event| (event.sequence, event.revision.0)).collect();
    assert_eq!(seen, [(2, 3), (1, 1)]);
    assert_eq!(events[1].record, audit("r-1", "CreateRule", 1));
}

async fn a_stale_commit_changes_nothing(open: Open) {
    let bench = open(Retention::default());
    bench.commit(0, vec![put([vpc("vpc-1", "")])]).await;
    for expected in [0, 2, u64::MAX] {
        let mut commit = put([vpc("vpc-2", "")]);
        commit.audit = Some(audit("r", "CreateVpc", 1));
        let outcome = bench.store().commit(Revision(expected), vec![commit]).await;
        assert_eq!(outcome, Err(CommitError::Stale { actual: Revision(1) }));
    }
    assert_eq!(bench.load().await, (1, vec![vpc("vpc-1", "")]));
    assert!(bench.store().events(EventQuery::default()).await.unwrap().events.is_empty());
}

async fn a_batch_is_all_or_nothing(open: Open) {
    let mut bench = open(Retention::default());
    bench.commit(0, vec![put([vpc("vpc-1", "")])]).await;
    let huge = "x".repeat(limits::RECORD_BYTES_MAX);
    let batch = vec![
        Commit { audit: Some(audit("r-1", "CreateVpc", 1)), ..put([vpc("vpc-2", "")]) },
        delete("vpc-1"),
        put([vpc("vpc-3", ""), vpc("vpc-4", &huge)]),
    ];
    let outcome = bench.store().commit(Revision(1), batch).await.unwrap_err();
    assert!(
        matches!(&outcome, CommitError::TooLarge { what, .. } if what == "vpc vpc-4"),
        "{outcome}"
    );
    let many = vec![Commit::default(); limits::CHANGES_PER_BATCH_MAX + 1];
    let outcome = bench.store().commit(Revision(1), many).await.unwrap_err();
    assert!(matches!(outcome, CommitError::TooLarge { .. }));
    for _ in 0..2 {
        assert_eq!(bench.load().await, (1, vec![vpc("vpc-1", "")]));
        assert!(bench.store().events(EventQuery::default()).await.unwrap().events.is_empty());
        assert_eq!(bench.store().since(Revision(1)).await.unwrap().changes, vec![]);
        bench.reopen();
    }
    assert_eq!(bench.commit(1, vec![delete("vpc-1")]).await, 2);
}

async fn deletes_stay_deleted(open: Open) {
    let mut bench = open(Retention::default());
    bench.commit(0, vec![put([vpc("vpc-1", ""), vpc("vpc-2", "")])]).await;
    // Removing what is not there is a change like any other.
    bench.commit(1, vec![delete("vpc-1"), delete("vpc-1"), delete("vpc-9")]).await;
    for _ in 0..2 {
        assert_eq!(bench.load().await, (4, vec![vpc("vpc-2", "")]));
        bench.reopen();
    }
    let page = bench.store().since(Revision(3)).await.unwrap();
    assert_eq!(page.changes, [Change::Delete(vpc_key("vpc-9"))]);
}

async fn since_lists_in_order(open: Open) {
    let mut bench = open(Retention::default());
    let put_1 = Change::Put(Arc::new(vpc("vpc-1", "old")));
    let put_2 = Change::Put(Arc::new(vpc("vpc-2", "")));
    let put_3 = Change::Put(Arc::new(vpc("vpc-1", "new")));
    let delete_2 = Change::Delete(vpc_key("vpc-2"));
    bench.commit(0, vec![put([vpc("vpc-1", "old"), vpc("vpc-2", "")])]).await;
    bench.commit(1, vec![delete("vpc-2"), put([vpc("vpc-1", "new")])]).await;
    let all = [put_1, put_2, delete_2, put_3];
    for _ in 0..2 {
        for (revision, skip) in [(0, 0), (1, 2), (2, 3), (3, 4)] {
            let page = bench.store().since(Revision(revision)).await.unwrap();
            assert_eq!(page.changes, all[skip..]);
            assert_eq!((page.upto, page.current), (Revision(3), Revision(3)));
        }
        let ahead = bench.store().since(Revision(4)).await;
        assert_eq!(ahead, Err(SinceError::Ahead { actual: Revision(3) }));
        bench.reopen();
    }
}

async fn since_is_bounded_by_count(open: Open) {
    let bench = open(Retention::default());
    let per_commit = limits::CHANGES_PER_READ_MAX / 4 + 1;
    let commit = |_| put((0..per_commit).map(|i| vpc(&format!("vpc-{i}"), "")));
    bench.commit(0, (0..7).map(commit).collect()).await;
    let (mut at, mut sizes) = (Revision(0), vec![]);
    while at < Revision(7) {
        let page = bench.store().since(at).await.unwrap();
        assert_eq!(page.current, Revision(7));
        sizes.push((page.changes.len(), page.upto.0));
        at = page.upto;
    }
    assert_eq!(sizes, [(3 * per_commit, 3), (3 * per_commit, 6), (per_commit, 7)]);
}

async fn since_is_compacted_by_count(open: Open) {
    let mut bench = open(Retention { log_changes: 5, ..Retention::default() });
    for at in 0..4 {
        bench.commit(at, vec![put([vpc("vpc-1", ""), vpc("vpc-2", "")])]).await;
    }
    for _ in 0..2 {
        // Two whole revisions fit; the third would make six.
        for gone in [0, 1] {
            let outcome = bench.store().since(Revision(gone)).await;
            assert_eq!(outcome, Err(SinceError::Compacted { oldest: Revision(2) }));
        }
        let page = bench.store().since(Revision(2)).await.unwrap();
        assert_eq!((page.changes.len(), page.upto), (4, Revision(4)));
        bench.reopen();
    }
    assert_eq!(bench.load().await.1.len(), 2);
}

async fn since_is_compacted_by_bytes(open: Open) {
    let bench = open(Retention { log_bytes: 10_000, ..Retention::default() });
    let big = "x".repeat(4_000);
    for at in 0..5 {
        bench.commit(at, vec![put([vpc("vpc-1", &big)])]).await;
    }
    let outcome = bench.store().since(Revision(2)).await;
    assert_eq!(outcome, Err(SinceError::Compacted { oldest: Revision(3) }));
    assert_eq!(bench.store().since(Revision(3)).await.unwrap().changes.len(), 2);
    // One revision that alone exceeds the bound leaves an empty log, not a broken one.
    bench.commit(5, vec![put([vpc("vpc-1", &"x".repeat(20_000))])]).await;
    let outcome = bench.store().since(Revision(5)).await;
    assert_eq!(outcome, Err(SinceError::Compacted { oldest: Revision(6) }));
    assert_eq!(bench.store().since(Revision(6)).await.unwrap().changes, vec![]);
}

async fn reopening_keeps_everything_but_leases(open: Open) {
    let mut bench = open(Retention::default());
    let lease = (LeaseName::new("upkeep"), NodeId::new("a"), 60_000, Now::default());
    let (name, holder, ttl_ms, now) = lease.clone();
    bench.store().lease(name, holder, ttl_ms, now).await.unwrap();
    let mut commit = put([vpc("vpc-1", "")]);
    commit.audit = Some(audit("r-1", "CreateVpc", 7));
    bench.commit(0, vec![commit]).await;
    let load = bench.load().await;
    let events = bench.store().events(EventQuery::default()).await.unwrap();
    let since = bench.store().since(Revision(0)).await.unwrap();
    bench.reopen();
    assert_eq!(bench.load().await, load);
    assert_eq!(bench.store().events(EventQuery::default()).await.unwrap(), events);
    assert_eq!(bench.store().since(Revision(0)).await.unwrap(), since);
    let (name, _, ttl_ms, now) = lease;
    bench.store().lease(name, NodeId::new("b"), ttl_ms, now).await.unwrap();
    bench.commit(1, vec![refused("r-2", "CreateVpc", 8)]).await;
    let events = bench.store().events(EventQuery::default()).await.unwrap().events;
    assert_eq!(events[0].sequence, 2);
}

async fn concurrent_committers_have_one_winner_per_revision(open: Open) {
    const COMMITTERS: usize = 8;
    const ROUNDS: u64 = 20;
    let bench = Arc::new(open(Retention::default()));
    for round in 0..ROUNDS {
        let mut tasks = tokio::task::JoinSet::new();
        for i in 0..COMMITTERS {
            let bench = Arc::clone(&bench);
            tasks.spawn(async move {
                let commit = put([vpc("vpc-1", &i.to_string())]);
                let outcome = bench.store().commit(Revision(round), vec![commit]).await;
                (i, outcome)
            });
        }
        let outcomes = tasks.join_all().await;
        let (won, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(|(_, o)| o.is_ok());
        assert_eq!((won.len(), lost.len()), (1, COMMITTERS - 1));
        assert_eq!(won[0].1, Ok(Revision(round + 1)));
        let actual = Revision(round + 1);
        assert!(lost.iter().all(|(_, o)| *o == Err(CommitError::Stale { actual })));
        let (at, resources) = bench.load().await;
        assert_eq!((at, resources), (round + 1, vec![vpc("vpc-1", &won[0].0.to_string())]));
    }
}

async fn changed_wakes_up(open: Open) {
    let bench = Arc::new(open(Retention::default()));
    // A revision that is not the store's is news at once.
    bench.store().changed(Revision(9)).await;
    let waiting = tokio::spawn({
        let bench = Arc::clone(&bench);
        async move { bench.store().changed(Revision(0)).await }
    });
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(!waiting.is_finished());
    bench.commit(0, vec![put([vpc("vpc-1", "")])]).await;
    tokio::time::timeout(Duration::from_secs(5), waiting).await.unwrap().unwrap();
}

async fn events_page_newest_first(open: Open) {
    let bench = open(Retention::default());
    let calls = (1..=25).map(|i| refused(&format!("r-{i}"), "CreateRule", i)).collect();
    bench.commit(0, calls).await;
    let (mut query, mut pages) = (EventQuery { limit: 10, ..EventQuery::default() }, vec![]);
    loop {
        let page = bench.store().events(query.clone()).await.unwrap();
        pages.push(page.events.iter().map(|event| event.sequence).collect::<Vec<_>>());
        // New events do not shift the older pages.
        bench.commit(0, many_refused("late", "CreateRule", 99, 1)).await;
        query.before = page.next;
        if query.before.is_none() {
            break;
        }
    }
    let down = |from: u64, to: u64| (to..=from).rev().collect::<Vec<_>>();
    assert_eq!(pages, [down(25, 16), down(15, 6), down(5, 1)]);
    let exact = EventQuery { before: Some(11), limit: 10, ..EventQuery::default() };
    let page = bench.store().events(exact).await.unwrap();
    assert_eq!((page.events.len(), page.next), (10, None));
    let all = EventQuery { before: Some(u64::MAX), limit: usize::MAX, ..EventQuery::default() };
    assert_eq!(bench.store().events(all).await.unwrap().events.len(), 28);
}

async fn events_are_filtered(open: Open) {
    let bench = open(Retention::default());
    let action = |i: i64| if i % 3 == 0 { "DeleteRule" } else { "CreateRule" };
    let calls = (0..30).map(|i| refused(&format!("r-{i}"), action(i), i)).collect();
    bench.commit(0, calls).await;
    let count = async |query| bench.store().events(query).await.unwrap().events.len();
    let text = |text: &str| Some(text.to_owned());
    let all = EventQuery::default;
    assert_eq!(count(EventQuery { action: text("DeleteRule"), ..all() }).await, 10);
    assert_eq!(count(EventQuery { request_id: text("r-7"), ..all() }).await, 1);
    assert_eq!(count(EventQuery { principal: text("AKIDEXAMPLE"), ..all() }).await, 30);
    assert_eq!(count(EventQuery { principal: text("nobody"), ..all() }).await, 0);
    assert_eq!(count(EventQuery { event_id: text("event-r-7-7"), ..all() }).await, 1);
    assert_eq!(count(EventQuery { source: text("ec2.amazonaws.com"), ..all() }).await, 0);
    assert_eq!(count(EventQuery { region: text("us-east-1"), ..all() }).await, 30);
    assert_eq!(count(EventQuery { region: text("eu-west-1"), ..all() }).await, 0);
    assert_eq!(count(EventQuery { username: text("root"), ..all() }).await, 30);
    assert_eq!(count(EventQuery { read_only: Some(true), ..all() }).await, 0);
    assert_eq!(count(EventQuery { read_only: Some(false), ..all() }).await, 30);
    assert_eq!(count(EventQuery { resource_kind: text("AWS::EC2::VPC"), ..all() }).await, 30);
    assert_eq!(count(EventQuery { resource_kind: text("AWS::EC2::Subnet"), ..all() }).await, 0);
    assert_eq!(count(EventQuery { resource_name: text("vpc-r-3"), ..all() }).await, 1);
    let nothing = EventQuery { from_ms: Some(20), until_ms: Some(20), ..all() };
    assert_eq!(count(nothing).await, 0);
    let span = EventQuery { from_ms: Some(10), until_ms: Some(20), ..all() };
    assert_eq!(count(EventQuery { action: text("DeleteRule"), ..span }).await, 3);
    let limited = EventQuery { action: text("DeleteRule"), limit: 4, ..all() };
    let page = bench.store().events(limited).await.unwrap();
    let sequences: Vec<_> = page.events.iter().map(|event| event.sequence).collect();
    assert_eq!(sequences, [28, 25, 22, 19]);
    assert!(page.next.is_some_and(|next| (17..=19).contains(&next)));
}

/// Clocks are set: the order of the records is not that of their times.
async fn events_of_a_span_whatever_the_order(open: Open) {
    let bench = open(Retention::default());
    let times = [50, 90, 10, 20, 60, 15];
    let calls = times.iter().map(|ms| refused("r", "CreateRule", *ms)).collect();
    bench.commit(0, calls).await;
    let span = EventQuery { from_ms: Some(15), until_ms: Some(61), ..EventQuery::default() };
    let page = bench.store().events(span).await.unwrap();
    let seen: Vec<_> = page.events.iter().map(|event| event.record.time_ms).collect();
    assert_eq!((seen, page.next), (vec![15, 60, 20, 50], None));
}

async fn a_record_is_completed_in_its_place(open: Open) {
    let small = audit("r-1", "CreateVpc", 5);
    let mut bench = open(Retention { audit_bytes: 2_000, ..Retention::default() });
    let first = Commit { audit: Some(small.clone()), ..put([vpc("vpc-1", "")]) };
    bench.commit(0, vec![first, refused("r-2", "CreateVpc", 6)]).await;
    let mut whole = AuditRecord {
        time_ms: 9,
        document: format!("{{\"responseElements\":\"{}\"}}", "x".repeat(500)),
        ..small.clone()
    };
    whole.resources.clear();
    let completion = Commit { audit: Some(whole.clone()), ..Commit::default() };
    assert_eq!(bench.commit(1, vec![completion.clone(), completion.clone()]).await, 1);
    for _ in 0..2 {
        let events = bench.store().events(EventQuery::default()).await.unwrap().events;
        let seen: Vec<_> = events.iter().map(|event| (event.sequence, event.revision.0)).collect();
        assert_eq!(seen, [(2, 1), (1, 1)]);
        assert_eq!(events[1].record, AuditRecord { time_ms: 5, ..whole.clone() });
        bench.reopen();
    }
    // Its new size counts: two more of this size push it out, and then it is unknown.
    let more = ["r-3", "r-4"].map(|id| {
        let record = AuditRecord { document: whole.document.clone(), ..audit(id, "X", 7) };
        Commit { audit: Some(record), ..Commit::default() }
    });
    bench.commit(1, more.to_vec()).await;
    bench.commit(1, vec![refused("r-5", "X", 8), refused("r-6", "X", 8)]).await;
    bench
        .commit(
            1,
            more.map(|mut commit| {
                commit.audit.as_mut().unwrap().event_id += "-again";
                commit
            })
            .to_vec(),
        )
        .await;
    let gone = EventQuery { event_id: Some(small.event_id), ..EventQuery::default() };
    assert!(bench.store().events(gone).await.unwrap().events.is_empty());
    assert_eq!(bench.commit(1, vec![completion]).await, 1);
    let events = bench.store().events(EventQuery::default()).await.unwrap().events;
    assert_eq!(events[0].record, whole);
}

async fn selective_events_stay_bounded(open: Open) {
    let bench = open(Retention::default());
    let total = limits::EVENTS_SCANNED_PER_PAGE_MAX + 10;
    let action = |i| if i == 0 { "First" } else { "Other" };
    let calls = (0..total).flat_map(|i| many_refused("r", action(i), 1, 1)).collect();
    bench.commit(0, calls).await;
    let mut query = EventQuery { action: Some(String::from("First")), ..EventQuery::default() };
    let page = bench.store().events(query.clone()).await.unwrap();
    assert_eq!((page.events.len(), page.next), (0, Some(11)));
    query.before = page.next;
    let page = bench.store().events(query).await.unwrap();
    assert_eq!((page.events.len(), page.next), (1, None));
}

async fn audit_is_pruned_by_age_in_small_steps(open: Open) {
    const DAY: i64 = 1_000;
    let bench = open(Retention { audit_age_ms: 90 * DAY, ..Retention::default() });
    bench.commit(0, many_refused("old", "X", 0, 200)).await;
    // At exactly the age a call is still kept.
    bench.commit(0, vec![refused("new", "X", 90 * DAY)]).await;
    let left = async || {
        let query = EventQuery { limit: usize::MAX, ..EventQuery::default() };
        bench.store().events(query).await.unwrap().events
    };
    assert_eq!(left().await.len(), 201);
    let step = limits::AUDIT_PRUNE_STEP;
    bench.commit(0, many_refused("new", "X", 90 * DAY + 1, 1)).await;
    assert_eq!(left().await.len(), 202 - step - 1);
    for _ in 0..4 {
        bench.commit(0, many_refused("new", "X", 90 * DAY + 1, 1)).await;
    }
    let left = left().await;
    assert!(left.iter().all(|event| event.record.request_id == "new"), "{}", left.len());
    assert_eq!(left.len(), 6);
    assert_eq!(left[0].sequence, 206);
}

async fn audit_is_pruned_by_bytes(open: Open) {
    let record = audit("r", "X", 5);
    let resources = serde_json::to_string(&record.resources).unwrap();
    let one = ("event-00000000".len() + resources.len() + record.document.len()) as u64;
    let mut bench = open(Retention { audit_bytes: 10 * one + 1, ..Retention::default() });
    for _ in 0..3 {
        bench.commit(0, many_refused("r", "X", 5, 7)).await;
    }
    for _ in 0..2 {
        let events = bench.store().events(EventQuery::default()).await.unwrap().events;
        let sequences: Vec<_> = events.iter().map(|event| event.sequence).collect();
        assert_eq!(sequences, (12..=21).rev().collect::<Vec<_>>());
        bench.reopen();
    }
}

async fn leases_are_exclusive_until_they_expire(open: Open) {
    let bench = open(Retention::default());
    let take = async |name: &str, holder: &str, ttl_ms, mono_ms| {
        let now = Now { mono_ms, wall_us: -5 };
        bench.store().lease(LeaseName::new(name), NodeId::new(holder), ttl_ms, now).await
    };
    assert_eq!(take("probe", "a", 100, 1_000).await.unwrap().until_mono_ms, 1_100);
    let held = LeaseError::Held { by: NodeId::new("a"), until_mono_ms: 1_100 };
    assert_eq!(take("probe", "b", 100, 1_099).await, Err(held));
    take("other", "b", 100, 1_099).await.unwrap();
    // Renewed, it lasts; expired, it is anybody's; given back, too.
    assert_eq!(take("probe", "a", 100, 1_050).await.unwrap().until_mono_ms, 1_150);
    assert!(take("probe", "b", 100, 1_149).await.is_err());
    assert_eq!(take("probe", "b", 100, 1_150).await.unwrap().holder, NodeId::new("b"));
    assert!(take("probe", "a", 100, 1_160).await.is_err());
    take("probe", "b", 0, 1_170).await.unwrap();
    take("probe", "a", 100, 1_170).await.unwrap();
    // Somebody else's lease is not given back.
    assert!(take("probe", "b", 0, 1_171).await.is_err());
}
