//! The loopback block of an instance: which 127.B.0.0/16 is mine.
//!
//! The lock is an abstract Unix socket named after the block: it lives exactly as long as the
//! process, leaves no file behind and cannot be stale. The choice is kept in the data directory,
//! so the addresses of load balancers survive a restart.
//!
//! Invariant: two running instances in one network namespace never own the same block.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::net::Ipv4Addr;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};

use crate::limits;

const FILE: &str = "block";

/// A block owned by this process until it is dropped.
#[derive(Debug)]
pub struct Block {
    second_octet: u8,
    _lock: UnixListener,
}

/// Why no block could be owned.
#[derive(Debug, thiserror::Error)]
pub enum BlockError {
    /// The block kept in the data directory belongs to a running instance.
    #[error(
        "the address block 127.{second_octet}.0.0/16 of this data directory ({}) is in use by \
         another running instance; stop it, or start this one with another data directory",
        file.display()
    )]
    Taken {
        /// The B of 127.B.0.0/16.
        second_octet: u8,
        /// The file that keeps it.
        file: PathBuf,
    },
    /// Every block is owned by a running instance.
    #[error("all address blocks from 127.{first}.0.0/16 to 127.{last}.0.0/16 are in use",
            first = limits::BLOCK_FIRST, last = limits::BLOCK_LAST)]
    AllTaken,
    /// The file holds something else than a block.
    #[error("{} holds {content:?}, not a block such as \"127.64\"", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Its first characters.
        content: String,
    },
    /// The file or the lock failed.
    #[error("{what}: {source}")]
    Io {
        /// What was attempted.
        what: String,
        /// The kernel's answer.
        source: io::Error,
    },
}

// === impl Block ===

impl Block {
    /// Owns the block kept in `data_dir`; at the first start the first free one, which is kept.
    ///
    /// # Errors
    /// [`BlockError`]; nothing is owned or written then.
    pub fn claim(data_dir: &Path) -> Result<Self, BlockError> {
        let file = data_dir.join(FILE);
        match kept(&file)? {
            Some(second_octet) => {
                Self::lock(second_octet)?.ok_or(BlockError::Taken { second_octet, file })
            }
            None => {
                let block = Self::first_free()?;
                block.keep(&file)?;
                Ok(block)
            }
        }
    }

    /// The B of 127.B.0.0/16.
    pub fn second_octet(&self) -> u8 {
        self.second_octet
    }

    /// The first address of the block; the prefix length is 16.
    pub fn network(&self) -> Ipv4Addr {
        Ipv4Addr::new(127, self.second_octet, 0, 0)
    }

    fn first_free() -> Result<Self, BlockError> {
        for second_octet in limits::BLOCK_FIRST..=limits::BLOCK_LAST {
            if let Some(block) = Self::lock(second_octet)? {
                return Ok(block);
            }
        }
        Err(BlockError::AllTaken)
    }

    /// `None` if another process has it.
    fn lock(second_octet: u8) -> Result<Option<Self>, BlockError> {
        let name = format!("weir-block-127.{second_octet}");
        let lock =
            SocketAddr::from_abstract_name(&name).and_then(|at| UnixListener::bind_addr(&at));
        match lock {
            Ok(lock) => Ok(Some(Self { second_octet, _lock: lock })),
            Err(error) if error.kind() == ErrorKind::AddrInUse => Ok(None),
            Err(source) => Err(BlockError::Io { what: format!("locking {name}"), source }),
        }
    }

    fn keep(&self, file: &Path) -> Result<(), BlockError> {
        let write = || -> io::Result<()> {
            let staged = file.with_extension("new");
            let mut out = fs::File::create(&staged)?;
            writeln!(out, "127.{}", self.second_octet)?;
            out.sync_all()?;
            fs::rename(&staged, file)
        };
        write().map_err(|source| BlockError::Io {
            what: format!("writing {}", file.display()),
            source,
        })
    }
}

fn kept(file: &Path) -> Result<Option<u8>, BlockError> {
    let content = match fs::read_to_string(file) {
        Ok(content) => content,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(source) => {
            return Err(BlockError::Io { what: format!("reading {}", file.display()), source });
        }
    };
    let octet = content.trim().strip_prefix("127.").and_then(|octet| octet.parse().ok());
    match octet.filter(|octet| (limits::BLOCK_FIRST..=limits::BLOCK_LAST).contains(octet)) {
        Some(octet) => Ok(Some(octet)),
        None => Err(BlockError::Unreadable {
            file: file.to_owned(),
            content: content.chars().take(40).collect(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_instances_get_two_blocks_and_keep_them() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let first = Block::claim(one.path()).unwrap();
        let second = Block::claim(two.path()).unwrap();
        assert_ne!(first.second_octet(), second.second_octet());
        let kept = first.second_octet();
        drop(first);
        // A third instance may have taken it meanwhile (tests run in parallel): then it is said.
        match Block::claim(one.path()) {
            Ok(again) => assert_eq!(again.second_octet(), kept),
            Err(BlockError::Taken { second_octet, .. }) => assert_eq!(second_octet, kept),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn a_kept_block_in_use_is_refused_by_name() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let running = Block::claim(one.path()).unwrap();
        fs::copy(one.path().join(FILE), two.path().join(FILE)).unwrap();
        let error = Block::claim(two.path()).unwrap_err();
        let named = format!("127.{}.0.0/16", running.second_octet());
        assert!(error.to_string().contains(&named), "{error}");
        assert_eq!(running.network().octets()[1], running.second_octet());
    }

    #[test]
    fn a_spoiled_file_is_reported() {
        let dir = tempfile::tempdir().unwrap();
        for content in ["", "127.3\n", "10.64", "127.264"] {
            fs::write(dir.path().join(FILE), content).unwrap();
            let error = Block::claim(dir.path()).unwrap_err();
            assert!(matches!(error, BlockError::Unreadable { .. }), "{error}");
        }
    }
}
