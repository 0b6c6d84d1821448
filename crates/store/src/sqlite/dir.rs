//! The data directory: its lock, its file, and what its file system says when SQLite is vague.
//!
//! ```text
//! <data-dir>/lock          flock; holds the number of the owning process
//! <data-dir>/weir.db       the store (also -wal and -shm beside it), mode 0600
//! ```
//!
//! Invariant: nothing here deletes or truncates `weir.db` or its log, whatever state they are in.

use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::error::{OpenError, Outage};

use super::fault;

/// A directory that this process owns, and the identity of its store file.
#[derive(Debug)]
pub(super) struct DataDir {
    path: PathBuf,
    /// (device, inode) of the file that was opened.
    identity: (u64, u64),
    /// Held for its lock.
    _lock: File,
}

// === impl DataDir ===

impl DataDir {
    /// Creates the directory and the file where they are missing, and locks them.
    pub(super) fn take(path: &Path) -> Result<Self, OpenError> {
        let failed = |file: &Path, error: &io::Error| OpenError::Outage {
            dir: path.to_owned(),
            outage: fault::of_io(file, error),
        };
        create_dir(path).map_err(|error| failed(path, &error))?;
        let lock = take_lock(path, failed)?;
        let file = path.join("weir.db");
        orphaned_log(path, &file)?;
        damaged_log(path, failed)?;
        let identity = create_file(path, &file).map_err(|error| failed(&file, &error))?;
        Ok(Self { path: path.to_owned(), identity, _lock: lock })
    }

    /// The directory.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The store file.
    pub(super) fn file(&self) -> PathBuf {
        self.path.join("weir.db")
    }

    /// Fails when the file under our name is no longer the one that is open: a commit to a file
    /// that was moved or deleted would be acknowledged and lost.
    pub(super) fn check_identity(&self) -> Result<(), Outage> {
        let file = self.file();
        match std::fs::metadata(&file) {
            Ok(found) if (found.dev(), found.ino()) == self.identity => Ok(()),
            Ok(_) => Err(Outage::Io(format!("{} was replaced while in use", file.display()))),
            Err(error) => Err(Outage::Io(format!("{} is gone: {error}", file.display()))),
        }
    }

    /// Asks the file system itself: `None` when a small file can be written.
    pub(super) fn probe(&self) -> Option<Outage> {
        let probe = self.path.join(".probe");
        let written = OpenOptions::new().write(true).create(true).truncate(true).open(&probe);
        let written = written.and_then(|mut file| {
            file.write_all(&[0x57; 64 * 1024])?;
            file.sync_all()
        });
        let outage = written.err().map(|error| fault::of_io(&self.path, &error));
        let _ = std::fs::remove_file(&probe);
        outage
    }

    /// An error of SQLite while opening.
    pub(super) fn open_error(&self, error: &rusqlite::Error) -> OpenError {
        OpenError::Outage { dir: self.path.clone(), outage: fault::of_sqlite(self, error) }
    }
}

fn create_dir(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    match path.parent() {
        Some(parent) if parent != Path::new("") => File::open(parent)?.sync_all(),
        _ => Ok(()),
    }
}

fn take_lock(
    dir: &Path,
    failed: impl Fn(&Path, &io::Error) -> OpenError,
) -> Result<File, OpenError> {
    let path = dir.join("lock");
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let mut lock = options.open(&path).map_err(|error| failed(&path, &error))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            let _ = lock.read_to_string(&mut text);
            let pid = text.trim().parse().ok();
            return Err(OpenError::InUse { dir: dir.to_owned(), pid });
        }
        Err(TryLockError::Error(error)) => return Err(failed(&path, &error)),
    }
    // The number is for people; on a full disk the lock must still work.
    let noted = lock.set_len(0).and_then(|()| writeln!(lock, "{}", std::process::id()));
    if let Err(error) = noted {
        tracing::warn!(path = %path.display(), %error, "cannot note the process in the lock");
    }
    Ok(lock)
}

/// SQLite deletes a log whose database is missing or empty. It may hold all that is left of a
/// catalog whose file was moved away, so a person decides.
fn orphaned_log(dir: &Path, file: &Path) -> Result<(), OpenError> {
    let len = |path: &Path| std::fs::metadata(path).map_or(0, |found| found.len());
    let log = dir.join("weir.db-wal");
    if len(file) > 0 || len(&log) == 0 {
        return Ok(());
    }
    let text = format!("{} is missing or empty, but {} is not", file.display(), log.display());
    Err(OpenError::Outage { dir: dir.to_owned(), outage: Outage::Corrupt(text) })
}

/// SQLite would drop acknowledged commits behind a damaged place of the log without a word.
fn damaged_log(
    dir: &Path,
    failed: impl Fn(&Path, &io::Error) -> OpenError,
) -> Result<(), OpenError> {
    let path = dir.join("weir.db-wal");
    let log = match std::fs::read(&path) {
        Ok(log) => log,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(&path, &error)),
    };
    let Some(frame) = super::log::damaged_frame(&log) else { return Ok(()) };
    let text = format!("{}: frame {frame} is damaged, and commits follow it", path.display());
    Err(OpenError::Outage { dir: dir.to_owned(), outage: Outage::Corrupt(text) })
}

/// Creates the file before SQLite does: private from the start, its name synced. The log and the
/// shared index inherit the mode.
fn create_file(dir: &Path, file: &Path) -> io::Result<(u64, u64)> {
    let mut options = OpenOptions::new();
    let opened = options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let opened = opened.open(file)?;
    let found = opened.metadata()?;
    if found.mode() & 0o077 != 0 {
        opened.set_permissions(Permissions::from_mode(0o600))?;
    }
    if found.len() == 0 {
        opened.sync_all()?;
        File::open(dir)?.sync_all()?;
    }
    Ok((found.dev(), found.ino()))
}
