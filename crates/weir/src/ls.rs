//! `weir ls`: asks the running process for its tree and draws it.
//!
//! Invariant: the socket lies in the data directory with mode 0600, so whoever may read the
//! directory's secrets may look, and nobody else.

use std::io::{IsTerminal, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;

use crate::cli::LsArgs;
use crate::config;
use crate::tree::Tree;

const SOCKET: &str = "admin.sock";
/// A caller that does not read is left after this.
const PATIENCE: Duration = Duration::from_secs(5);
/// The largest tree that is drawn.
const TREE_MAX: u64 = 256 * 1024 * 1024;

/// Prints the tree.
pub fn run(args: &LsArgs) -> anyhow::Result<()> {
    let tree = ask(&config::data_dir(&args.dir)?)?;
    let columns = args.columns.filter(|n| *n > 0).or_else(terminal_columns).unwrap_or(100);
    let mut out = std::io::stdout().lock();
    match out.write_all(tree.draw(columns.max(20)).as_bytes()) {
        // `weir ls | head` is no failure.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.context("standard output"),
    }
}

/// The tree of the process that runs on this data directory.
pub fn ask(data_dir: &Path) -> anyhow::Result<Tree> {
    let none = || format!("no weir runs on {} (start one with `weir up`)", data_dir.display());
    let dir = std::fs::File::open(data_dir).with_context(none)?;
    let mut stream = UnixStream::connect(short(&dir)).with_context(none)?;
    stream.set_read_timeout(Some(PATIENCE)).context("admin socket")?;
    let mut text = String::new();
    Read::by_ref(&mut stream).take(TREE_MAX).read_to_string(&mut text).context("admin socket")?;
    serde_json::from_str(&text).context("the running weir gave an answer that is no tree")
}

/// Answers `weir ls` until the process ends, one caller at a time.
pub fn serve(data_dir: &Path, collect: impl Fn() -> Tree + Send + 'static) -> anyhow::Result<()> {
    let path = data_dir.join(SOCKET);
    let dir = std::fs::File::open(data_dir).context("the data directory")?;
    // The data directory is locked by this process, so an existing socket is a leftover.
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("cannot replace {}", path.display()));
        }
        _ => {}
    }
    let listener = UnixListener::bind(short(&dir))
        .with_context(|| format!("cannot listen on {}", path.display()))?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))
        .with_context(|| format!("cannot protect {}", path.display()))?;
    std::thread::Builder::new()
        .name("weir-admin".to_owned())
        .spawn(move || answer(&listener, &collect))
        .context("admin thread")?;
    Ok(())
}

fn answer(listener: &UnixListener, collect: &impl Fn() -> Tree) {
    for stream in listener.incoming() {
        let answered = stream.and_then(|mut stream| {
            stream.set_write_timeout(Some(PATIENCE))?;
            let text = serde_json::to_string(&collect()).map_err(std::io::Error::other)?;
            stream.write_all(text.as_bytes())
        });
        if let Err(error) = answered {
            tracing::warn!(%error, "a caller of `weir ls` got no answer");
            // Also bounds the loop when accept itself fails, for want of descriptors.
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// The socket's path through the open directory: socket paths are limited to 107 bytes, data
/// directories are not.
fn short(dir: &std::fs::File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}/{SOCKET}", dir.as_raw_fd()))
}

fn terminal_columns() -> Option<usize> {
    if !std::io::stdout().is_terminal() {
        return None;
    }
    let output = std::process::Command::new("stty")
        .arg("size")
        .stdin(std::process::Stdio::inherit())
        .output()
        .ok()?;
    String::from_utf8(output.stdout).ok()?.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Node;

    #[test]
    fn ask_gets_what_serve_collects_even_on_long_paths() {
        let dir = tempfile::tempdir().unwrap();
        let long = dir.path().join("d".repeat(200));
        std::fs::create_dir(&long).unwrap();
        let roots = vec![Node { text: "lb".into(), note: "active".into(), below: vec![] }];
        let tree = Tree { revision: 3, roots };
        let copy = tree.clone();
        serve(&long, move || copy.clone()).unwrap();
        assert_eq!(ask(&long).unwrap(), tree);
        let mode = std::fs::metadata(long.join(SOCKET)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn nobody_home_is_said_plainly() {
        let dir = tempfile::tempdir().unwrap();
        let error = format!("{:#}", ask(dir.path()).unwrap_err());
        assert!(error.contains("no weir runs on"), "{error}");
    }
}
