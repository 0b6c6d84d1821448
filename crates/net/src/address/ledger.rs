//! Which addresses this instance has put on which devices: one line each, written before the
//! address is added.
//!
//! A line says "may be ours": together with the lifetime and the maker that the kernel shows, it
//! lets a new process take up, or remove, what a killed one has left. A line too many does no harm.
//!
//! Invariant: an address that this instance put on a device stands in the file. It is not synced:
//! a crash of the machine, which could lose a line, loses the addresses too.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// The file.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
}

// === impl Ledger ===

impl Ledger {
    /// The ledger at `path`, which need not exist.
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// Address and device of every line; a damaged line is passed over.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn read(&self) -> io::Result<BTreeMap<IpAddr, String>> {
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeMap::new()),
            Err(error) => return Err(error),
        };
        let line = |line: &str| {
            let (address, device) = line.split_once(' ')?;
            Some((address.parse().ok()?, device.to_owned()))
        };
        Ok(text.lines().filter_map(line).collect())
    }

    /// Replaces the whole content.
    ///
    /// # Errors
    /// Those of the file system; the old content stays then.
    pub fn write<'a>(
        &self,
        entries: impl Iterator<Item = (&'a IpAddr, &'a str)>,
    ) -> io::Result<()> {
        let text: String =
            entries.map(|(address, device)| format!("{address} {device}\n")).collect();
        let staged = self.path.with_extension("new");
        fs::write(&staged, text)?;
        fs::rename(&staged, &self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_damage_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = Ledger::new(&dir.path().join("addresses"));
        assert!(ledger.read().unwrap().is_empty());
        let four = IpAddr::from([10, 0, 0, 1]);
        let six: IpAddr = "fd00::1".parse().unwrap();
        ledger.write([(&four, "eth0"), (&six, "eth1")].into_iter()).unwrap();
        let both = BTreeMap::from([(four, "eth0".to_owned()), (six, "eth1".to_owned())]);
        assert_eq!(ledger.read().unwrap(), both);
        fs::write(dir.path().join("addresses"), "10.0.0.1 eth0\n\nnonsense\n10.0.0.").unwrap();
        assert_eq!(ledger.read().unwrap().len(), 1);
    }
}
