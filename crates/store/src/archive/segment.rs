//! One interval of one log: first an appended text file, then a shipment.
//!
//! Invariant: bytes are written in order and once; what the disk did not take stays in `pending`.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::destination::{self, LogDestination, end_time, is_end_time, random};

const DESTINATION_FILE: &str = "destination.json";
const SPOOL_SUFFIX: &str = ".log";

/// A segment that still takes records.
pub(super) struct Segment {
    /// End of its interval (microseconds since the epoch).
    pub end_us: u64,
    shipment: Shipment,
    file: Option<File>,
    pending: Vec<u8>,
    records: u64,
}

/// A closed spool file on its way to its object.
#[derive(Debug)]
pub(super) struct Shipment {
    destination: Arc<LogDestination>,
    spooled: PathBuf,
    end: String,
    random: String,
}

// === impl Segment ===

impl Segment {
    pub fn new(spool: &Path, destination: Arc<LogDestination>, end_us: u64) -> Self {
        let (end, random) = (end_time(end_us), random());
        let name = format!("{end}_{random}{SPOOL_SUFFIX}");
        let spooled = spool.join(destination.key()).join(name);
        let shipment = Shipment { destination, spooled, end, random };
        Self { end_us, shipment, file: None, pending: Vec::new(), records: 0 }
    }

    pub fn push(&mut self, record: &[u8]) {
        self.pending.extend_from_slice(record);
        self.records += 1;
    }

    pub fn path(&self) -> &Path {
        &self.shipment.spooled
    }

    pub fn pending_bytes(&self) -> usize {
        self.pending.len()
    }

    pub fn pending_records(&self) -> u64 {
        self.records
    }

    /// Writes what is pending; returns how many records that completed. What a failing disk did
    /// take is not written again.
    pub fn flush(&mut self) -> io::Result<u64> {
        if self.pending.is_empty() {
            return Ok(0);
        }
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(self.shipment.create()?),
        };
        while !self.pending.is_empty() {
            match file.write(&self.pending) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => drop(self.pending.drain(..count)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(std::mem::take(&mut self.records))
    }

    /// What is to be archived, if anything reached the disk.
    pub fn into_shipment(self) -> Option<Shipment> {
        self.file.map(|_closed| self.shipment)
    }
}

// === impl Shipment ===

impl Shipment {
    /// Path of the object below `root`.
    pub fn object(&self, root: &Path) -> PathBuf {
        root.join(self.destination.object(&self.end, &self.random))
    }

    /// Compresses the spool file to its object and removes it. May be repeated after a failure at
    /// any point: it writes the same object.
    pub fn ship(&self, root: &Path) -> io::Result<()> {
        let object = self.object(root);
        let folder = object.parent().unwrap_or(root);
        fs::create_dir_all(folder)?;
        let staged = object.with_extension("gz.part");
        if let Err(error) = self.compress(&staged) {
            // A full disk needs every byte back; what cannot be removed is overwritten later.
            let _kept = fs::remove_file(&staged);
            return Err(error);
        }
        fs::rename(&staged, &object)?;
        File::open(folder)?.sync_all()?;
        fs::remove_file(&self.spooled)
    }

    fn compress(&self, staged: &Path) -> io::Result<()> {
        let mut source = File::open(&self.spooled)?;
        let mut gzip = GzEncoder::new(File::create(staged)?, Compression::default());
        io::copy(&mut source, &mut gzip)?;
        gzip.finish()?.sync_all()
    }

    fn create(&self) -> io::Result<File> {
        let folder = self.spooled.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let kept = folder.join(DESTINATION_FILE);
        if !kept.exists() {
            let staged = kept.with_extension("part");
            fs::write(&staged, serde_json::to_vec(&*self.destination)?)?;
            fs::rename(&staged, &kept)?;
        }
        File::options().append(true).create(true).open(&self.spooled)
    }
}

/// Spool files of an earlier process. What cannot be read is logged and left alone.
pub(super) fn left_over(spool: &Path) -> Vec<Shipment> {
    let mut found = Vec::new();
    for folder in list(spool) {
        let destination = match destination::read(&folder.join(DESTINATION_FILE)) {
            Ok(destination) => Arc::new(destination),
            Err(error) => {
                tracing::error!(path = %folder.display(), %error, "an unknown spool is left alone");
                continue;
            }
        };
        for spooled in list(&folder) {
            let name = spooled.file_name().and_then(|name| name.to_str());
            let Some(stem) = name.and_then(|name| name.strip_suffix(SPOOL_SUFFIX)) else {
                continue;
            };
            if let Some((end, random)) = stem.split_once('_').filter(|(end, _)| is_end_time(end)) {
                let (end, random) = (end.to_owned(), random.to_owned());
                let destination = destination.clone();
                found.push(Shipment { destination, spooled, end, random });
            }
        }
    }
    found
}

fn list(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}
