//! Replays the fuzz corpora of this crate on the stable toolchain, so that what fuzzing has found
//! stays found.
//!
//! Invariant: a corpus that is missing or empty fails; a replay of nothing proves nothing.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use weir_core::traffic::http::checks;

#[test]
fn cookies() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/cookies");
    let mut inputs = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let data = std::fs::read(&path).unwrap();
        let result = std::panic::catch_unwind(|| {
            checks::cookies(&data);
            checks::values(&data);
            checks::target(&data);
        });
        assert!(result.is_ok(), "{} breaks a reader", path.display());
        inputs += 1;
    }
    assert!(inputs >= 5, "{} has only {inputs} inputs", folder.display());
}
