//! Why a store could not do what was asked.
//!
//! Outages are the world's fault and speak to the operator: what is wrong, where, what to do. The
//! caller of the API gets a status from them, never this text.
//!
//! Invariant: an outage never names a record's content, only paths, kinds and ids.

use std::path::PathBuf;

use weir_core::catalog::Revision;

/// The world's fault. The next call tries again; nothing has to be reset.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Outage {
    /// No space (or quota) left. Nothing was written.
    #[error("the disk is full: {0}; free some space, the next call will try again")]
    DiskFull(String),
    /// The file system or the permissions forbid writing. Nothing was written.
    #[error("the data directory cannot be written: {0}; make it writable for this user")]
    ReadOnly(String),
    /// The file is damaged. It is left as it is.
    #[error(
        "the store is damaged: {0}; nothing was changed or deleted: stop Weir, copy the whole \
         data directory, then restore a backup or salvage the copy with `sqlite3 weir.db .recover`"
    )]
    Corrupt(String),
    /// Reading or writing failed. Whether a commit happened is unknown until the next load.
    #[error("reading or writing the store failed: {0}; check the disk and the kernel log")]
    Io(String),
    /// Too much is waiting already, or another program holds the file. Nothing was written.
    #[error("the store is busy: {0}")]
    Busy(String),
    /// No answer in time. Whether a commit happened is unknown until the next load.
    #[error("the store did not answer within {0} ms; the disk may be stuck")]
    TimedOut(u64),
    /// The store was shut down.
    #[error("the store is closed")]
    Closed,
}

/// Why nothing was committed (but see [`Outage`] for the two unknown fates).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// Somebody else committed since; read `since`, decide again.
    #[error("the store is at revision {}, not where the change was decided", actual.0)]
    Stale {
        /// Where the store is.
        actual: Revision,
    },
    /// A record or the batch exceeds its bound in `weir_core::limits`.
    #[error("{what} is too large: {size}, at most {max}")]
    TooLarge {
        /// Kind and id of the record, or `batch`.
        what: String,
        /// Bytes of the record, or changes of the batch.
        size: usize,
        /// The bound.
        max: usize,
    },
    /// The world's fault.
    #[error(transparent)]
    Outage(#[from] Outage),
}

/// Why changes could not be listed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SinceError {
    /// The log no longer reaches back so far: load everything.
    #[error("changes up to revision {} are no longer kept", oldest.0)]
    Compacted {
        /// The oldest revision that can still be asked for.
        oldest: Revision,
    },
    /// The store has not got there (an older copy was restored): load everything.
    #[error("the store is only at revision {}", actual.0)]
    Ahead {
        /// Where the store is.
        actual: Revision,
    },
    /// The world's fault.
    #[error(transparent)]
    Outage(#[from] Outage),
}

/// Why a lease was not given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LeaseError {
    /// Somebody has it.
    #[error("the lease is held by {by} until {until_mono_ms} ms")]
    Held {
        /// Who.
        by: crate::NodeId,
        /// On the clock of the `now` that was passed, in milliseconds.
        until_mono_ms: u64,
    },
    /// The world's fault.
    #[error(transparent)]
    Outage(#[from] Outage),
}

/// Why a store could not be opened. The text is one line for the person who started Weir.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Another process has the directory.
    #[error("the data directory {} is in use by {}", dir.display(), holder(*pid))]
    InUse {
        /// The directory.
        dir: PathBuf,
        /// The other process, when it left its number.
        pid: Option<u32>,
    },
    /// A newer Weir wrote the file.
    #[error(
        "{} has schema version {found}, this Weir knows up to {known}: use the newer Weir, or \
         another data directory", file.display()
    )]
    Newer {
        /// The file.
        file: PathBuf,
        /// Its version.
        found: u32,
        /// The newest one that this build understands.
        known: u32,
    },
    /// An SQLite file of another program.
    #[error("{} is not a store of Weir (application id {found:#010x})", file.display())]
    Foreign {
        /// The file.
        file: PathBuf,
        /// What its header says.
        found: i32,
    },
    /// The world's fault.
    #[error("cannot open the store in {}: {outage}", dir.display())]
    Outage {
        /// The directory.
        dir: PathBuf,
        /// What is wrong.
        outage: Outage,
    },
}

// === impl Outage ===

impl Outage {
    /// One word for metrics and log fields.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::DiskFull(_) => "disk_full",
            Self::ReadOnly(_) => "read_only",
            Self::Corrupt(_) => "corrupt",
            Self::Io(_) => "io",
            Self::Busy(_) => "busy",
            Self::TimedOut(_) => "timed_out",
            Self::Closed => "closed",
        }
    }

    /// Whether a commit that failed like this may have happened nevertheless.
    pub fn fate_is_unknown(&self) -> bool {
        matches!(self, Self::Io(_) | Self::TimedOut(_) | Self::Closed)
    }
}

fn holder(pid: Option<u32>) -> String {
    match pid {
        Some(pid) => format!("process {pid}"),
        None => String::from("another process"),
    }
}
