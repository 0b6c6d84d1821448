//! The source package of botocore: found where the test script put it, or downloaded once.
//!
//! Invariant: without the package the tests fail and say how to get it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const VERSION: &str = include_str!("../../../../models/VERSION");

/// A file or directory of the package, `tests/unit/…`.
pub fn path(relative: &str) -> PathBuf {
    static SOURCE: OnceLock<PathBuf> = OnceLock::new();
    let path = SOURCE.get_or_init(source).join(relative);
    assert!(path.exists(), "{} is not in the package", path.display());
    path
}

/// A JSON file of the package.
pub fn json(relative: &str) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(path(relative)).unwrap()).unwrap()
}

/// `WEIR_BOTOCORE_SOURCE`, else what `make test` leaves in `.tools`, else a download.
fn source() -> PathBuf {
    let name = VERSION.trim().replace(' ', "-");
    if let Some(given) = std::env::var_os("WEIR_BOTOCORE_SOURCE") {
        return given.into();
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let places = [root.join(".tools"), root.join("target/fixtures")];
    let is_whole = |path: &PathBuf| path.join("tests/unit/auth/aws4_testsuite").is_dir();
    if let Some(found) = places.iter().map(|place| place.join(&name)).find(is_whole) {
        return found;
    }
    download(&places[1], &name)
}

fn download(place: &Path, name: &str) -> PathBuf {
    let requirement = name.replace("botocore-", "botocore==");
    // Another process may do the same at the same time: work aside, then rename.
    let aside = place.join(format!("download-{}", std::process::id()));
    std::fs::create_dir_all(&aside).unwrap();
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "download", "-q", "--no-deps", "--no-binary", "botocore", "--dest"]);
    run(pip.arg(&aside).arg(&requirement), &requirement);
    let mut tar = Command::new("tar");
    tar.arg("-xzf").arg(aside.join(format!("{name}.tar.gz"))).arg("-C").arg(&aside);
    for part in ["LICENSE.txt", "tests/unit/protocols", "tests/unit/auth/aws4_testsuite"] {
        tar.arg(format!("{name}/{part}"));
    }
    run(&mut tar, &requirement);
    let target = place.join(name);
    let moved = std::fs::rename(aside.join(name), &target);
    assert!(moved.is_ok() || target.is_dir(), "cannot keep {}", target.display());
    std::fs::remove_dir_all(aside).unwrap();
    target
}

fn run(command: &mut Command, requirement: &str) {
    let output = command.output();
    let worked = output.as_ref().is_ok_and(|output| output.status.success());
    assert!(
        worked,
        "cannot get the source package {requirement}: {output:?}; `make test` fetches it, or set \
         WEIR_BOTOCORE_SOURCE to an unpacked one"
    );
}
