//! The checkers can fail: every deliberate mistake is noticed, and for the right reason.
//!
//! Invariant: a mistake that no checker notices in a few seeds fails this test.
#![allow(clippy::unwrap_used)]

use weir_sim::{Bug, Options, run};

/// Seeds that a mistake may need until it shows.
const SEEDS: u64 = 12;

fn first_complaint(bug: Bug) -> String {
    let broken = |seed| {
        let report = run(&Options { seed, seconds: 30, verbose: false, bug: Some(bug) });
        report.broken.into_iter().next()
    };
    (1..=SEEDS).find_map(broken).unwrap_or_else(|| panic!("nobody notices {bug:?}"))
}

#[test]
fn every_deliberate_mistake_is_noticed() {
    for bug in Bug::ALL {
        let complaint = first_complaint(bug);
        let words: &[&str] = match bug {
            Bug::ByteFlipped => &["the body", "sent", "gets", "field", "line", "reached", "size"],
            Bug::WakeLost => {
                &["without a reason", "without a record", "nothing happens", "against every epoch"]
            }
            Bug::InFlightLeaked => &["still counts"],
            Bug::PublicationMissed => &["epoch"],
            Bug::BystanderHit => &["failed", "never sent", "has ended", "ended twice"],
            Bug::RecordTwice => &["two lines"],
        };
        assert!(words.iter().any(|word| complaint.contains(word)), "{bug:?}: {complaint}");
    }
}
