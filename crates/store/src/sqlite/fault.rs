//! Errors of SQLite and of the file system as outages.
//!
//! SQLite often says only "disk I/O error" or "unable to open"; then the file system is asked
//! directly, because "full" and "read-only" are what an operator can act on.
//!
//! Invariant: every error of SQLite becomes exactly one outage; none is swallowed.

use std::io::{self, ErrorKind};
use std::path::Path;

use rusqlite::ErrorCode;

use crate::error::Outage;

use super::dir::DataDir;

/// An error of the file system about `path`.
pub(super) fn of_io(path: &Path, error: &io::Error) -> Outage {
    let text = format!("{}: {error}", path.display());
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Outage::DiskFull(text),
        ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => Outage::ReadOnly(text),
        _ => Outage::Io(text),
    }
}

/// An error of SQLite about the store in `dir`.
pub(super) fn of_sqlite(dir: &DataDir, error: &rusqlite::Error) -> Outage {
    let text = format!("{}: {error}", dir.file().display());
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => Outage::DiskFull(text),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Outage::Corrupt(text),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            Outage::Busy(format!("another program holds a lock on it ({text})"))
        }
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            dir.probe().unwrap_or(Outage::ReadOnly(text))
        }
        // A missing table, row or column, or a value of the wrong type: not what we wrote.
        Some(ErrorCode::Unknown) | None => Outage::Corrupt(text),
        Some(_) => dir.probe().unwrap_or(Outage::Io(text)),
    }
}

/// Why a read failed; becomes an outage at the thread's boundary.
#[derive(Debug)]
pub(super) enum ReadFault {
    /// SQLite says so.
    Sqlite(rusqlite::Error),
    /// A record that this build cannot decode; the text names it, never its content.
    Unreadable(String),
}

// === impl ReadFault ===

impl From<rusqlite::Error> for ReadFault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl ReadFault {
    /// The outage that it is.
    pub(super) fn outage(&self, dir: &DataDir) -> Outage {
        match self {
            Self::Sqlite(error) => of_sqlite(dir, error),
            Self::Unreadable(what) => {
                Outage::Corrupt(format!("{}: cannot read {what}", dir.file().display()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errno_decides() {
        let kind = |errno| of_io(Path::new("/d"), &io::Error::from_raw_os_error(errno)).kind();
        // ENOSPC, EDQUOT, EROFS, EACCES, EPERM, EIO
        let kinds = [28, 122, 30, 13, 1, 5].map(kind);
        assert_eq!(kinds, ["disk_full", "disk_full", "read_only", "read_only", "read_only", "io"]);
    }
}
