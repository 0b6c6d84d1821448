//! Random histories applied to the reference and to SQLite: both must show the same after each.
//!
//! Invariant: the operations are chosen by the property test, so a failing history shrinks and
//! replays.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use proptest::prelude::*;
use weir_core::catalog::{ChangeSet, Revision};
use weir_store::{Commit, EventQuery, Retention, Store as _};

use support::{Bench, audit, vpc, vpc_key};

#[derive(Clone, Debug)]
enum Step {
    Batch { behind: u64, commits: Vec<Vec<(u8, Option<u16>)>>, audited: u8, time_ms: i64 },
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let change = (0..6u8, proptest::option::of(0..300u16));
    let commits = proptest::collection::vec(proptest::collection::vec(change, 0..5), 0..4);
    let behind = prop_oneof![6 => Just(0u64), 1 => Just(1u64)];
    let batch = (behind, commits, any::<u8>(), 0..1_000i64).prop_map(
        |(behind, commits, audited, time_ms)| Step::Batch { behind, commits, audited, time_ms },
    );
    let step = prop_oneof![9 => batch, 1 => Just(Step::Reopen)];
    proptest::collection::vec(step, 1..20)
}

fn batch(commits: &[Vec<(u8, Option<u16>)>], audited: u8, time_ms: i64) -> Vec<Commit> {
    let commit = |(i, records): (usize, &Vec<(u8, Option<u16>)>)| {
        let mut changes = ChangeSet::default();
        for (id, size) in records {
            let id = format!("vpc-{id}");
            match size {
                Some(size) => changes.put(vpc(&id, &"x".repeat(usize::from(*size)))),
                None => changes.delete(vpc_key(&id)),
            }
        }
        // Clocks step: a batch is not ordered by time.
        let time_ms = time_ms - 300 * i as i64;
        let call = (audited >> i & 1 == 1).then(|| audit(&format!("r-{i}"), "X", time_ms));
        Commit { changes, audit: call }
    };
    commits.iter().enumerate().map(commit).collect()
}

async fn assert_same(memory: &Bench, sqlite: &Bench) {
    let (memory, sqlite) = (memory.store(), sqlite.store());
    let loaded = memory.load().await.unwrap();
    let Revision(at) = loaded.0;
    assert_eq!(sqlite.load().await.unwrap(), loaded);
    for revision in 0..=at + 1 {
        let revision = Revision(revision);
        assert_eq!(sqlite.since(revision).await, memory.since(revision).await);
    }
    let query = EventQuery { limit: 3, ..EventQuery::default() };
    assert_eq!(sqlite.events(query.clone()).await, memory.events(query).await);
    let query = EventQuery { limit: 1_000, ..EventQuery::default() };
    assert_eq!(sqlite.events(query.clone()).await, memory.events(query).await);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn sqlite_is_the_reference(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let retention = Retention {
                log_changes: 12,
                log_bytes: 6_000,
                audit_age_ms: 400,
                audit_bytes: 3_000,
            };
            let (mut memory, mut sqlite) = (Bench::memory(retention), Bench::sqlite(retention));
            for step in steps {
                match step {
                    Step::Reopen => {
                        memory.reopen();
                        sqlite.reopen();
                    }
                    Step::Batch { behind, commits, audited, time_ms } => {
                        let batch = batch(&commits, audited, time_ms);
                        let at = Revision(memory.load().await.0.saturating_sub(behind));
                        let expected = memory.store().commit(at, batch.clone()).await;
                        assert_eq!(sqlite.store().commit(at, batch).await, expected);
                    }
                }
                assert_same(&memory, &sqlite).await;
            }
        });
    }
}
