//! The seeds of `make test`: 300 of them, 60 virtual seconds each, and the proof that a seed is a
//! history.
//!
//! Invariant: a failing seed is printed with the command that replays it.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use weir_sim::{Options, run};

const SECONDS: u32 = 60;

fn keeps_its_promises(seeds: std::ops::RangeInclusive<u64>) {
    let mut causes = BTreeSet::new();
    for seed in seeds {
        let report = run(&Options { seed, seconds: SECONDS, verbose: false, bug: None });
        assert!(
            report.broken.is_empty(),
            "seed {seed} breaks a promise: {:#?}\nreplay: cargo run --release --package weir-sim \
             -- --seed {seed} --seconds {SECONDS}",
            report.broken
        );
        causes.extend(report.causes.into_keys());
    }
    // A world in which nothing goes wrong would prove nothing.
    for cause in [
        "ClientGone",
        "ClientStalled",
        "DesyncBlocked",
        "ForwardedForTooLong",
        "MethodNotAllowed",
        "RequestBodyMalformed",
        "RequestBodyTruncated",
        "RequestHeadersTooLarge",
        "RequestLineTooLong",
        "RequestMalformed",
        "RequestTimeout",
        "ResponseMalformed",
        "ResponseHeadTooLarge",
        "TargetClosed",
        "TargetConnectFailed",
        "TargetConnectTimeout",
        "TargetDeregistered",
        "TargetReset",
        "TargetTimeout",
        "TargetsMissing",
        "TransferCodingUnsupported",
        "VersionUnsupported",
    ] {
        assert!(causes.contains(cause), "no seed met {cause}: {causes:?}");
    }
}

#[test]
fn seeds_1_to_100() {
    keeps_its_promises(1..=100);
}

#[test]
fn seeds_101_to_200() {
    keeps_its_promises(101..=200);
}

#[test]
fn seeds_201_to_300() {
    keeps_its_promises(201..=300);
}

#[test]
fn one_seed_has_one_history() {
    let of = |seed, verbose| run(&Options { seed, seconds: 20, verbose, bug: None });
    for seed in [1, 2, 3] {
        let (once, twice) = (of(seed, false), of(seed, true));
        assert_eq!(once.trace_hash, twice.trace_hash, "seed {seed}");
        assert_eq!(once.summary, twice.summary);
        assert!(twice.transcript.len() > 1_000 && once.transcript.is_empty());
    }
    assert_ne!(of(1, false).trace_hash, of(2, false).trace_hash);
}
