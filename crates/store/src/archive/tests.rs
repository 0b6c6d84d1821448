//! The archive driven by hand: no threads, no sleeping, a real directory.
//!
//! Invariant under test: every accepted record is in exactly one object, whatever fails between.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;

use super::*;

/// 2014-02-15T23:36:40Z: in the interval that ends at 23:40.
const NOW_US: u64 = 1_392_507_400_000_000;
const NEXT_US: u64 = NOW_US + INTERVAL_US;

struct Fixture {
    dir: tempfile::TempDir,
    directory: Arc<LogDirectory>,
    stats: Arc<SpoolStats>,
}

fn fixture() -> Fixture {
    let directory = Arc::new(LogDirectory::default());
    directory.bind(1, destination("one", ""));
    directory.bind(2, destination("two", "team/x"));
    Fixture { dir: tempfile::tempdir().unwrap(), directory, stats: Arc::default() }
}

fn destination(name: &str, prefix: &str) -> LogDestination {
    LogDestination {
        kind: LogKind::Access,
        bucket: "my-logs".into(),
        prefix: prefix.into(),
        account: "123456789012".into(),
        region: "us-east-2".into(),
        name: name.into(),
        id: "0123456789abcdef".into(),
        node_ip: "127.64.0.4".parse().unwrap(),
    }
}

impl Fixture {
    fn root(&self) -> PathBuf {
        self.dir.path().join("s3")
    }

    fn spool_dir(&self) -> PathBuf {
        self.dir.path().join("logs/spool")
    }

    fn spool(&self) -> LogSpool {
        let (spool, root) = (self.spool_dir(), self.root());
        let config = SpoolConfig { spool, root, interval_us: INTERVAL_US };
        LogSpool::new(config, self.directory.clone(), self.stats.clone())
    }

    /// Every object: its path below the root and its text.
    fn objects(&self) -> Vec<(String, String)> {
        let files = files(&self.root());
        let text = |path: &PathBuf| {
            let mut text = String::new();
            let file = fs::File::open(path).unwrap();
            GzDecoder::new(file).read_to_string(&mut text).unwrap();
            (path.strip_prefix(self.root()).unwrap().to_str().unwrap().to_owned(), text)
        };
        files.iter().map(text).collect()
    }

    fn dropped(&self) -> u64 {
        self.stats.records_dropped.load(Ordering::Relaxed)
    }

    fn errors(&self) -> u64 {
        self.stats.errors.load(Ordering::Relaxed)
    }
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn chunk(records: &[(u32, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (slot, line) in records {
        bytes.extend_from_slice(&slot.to_le_bytes());
        bytes.extend_from_slice(&(line.len() as u32).to_le_bytes());
        bytes.extend_from_slice(line.as_bytes());
    }
    bytes
}

// spec: alb §11 Logs
#[test]
fn the_folder_layout_is_that_of_s3() {
    let fixture = fixture();
    let mut spool = fixture.spool();
    spool.append(&chunk(&[(1, "a\n"), (2, "b\n"), (1, "c\n")]), NOW_US);
    spool.rotate(NOW_US);
    assert!(fixture.objects().is_empty(), "the interval has not ended");
    spool.rotate(NEXT_US);
    let objects = fixture.objects();
    let shape = "my-logs/AWSLogs/123456789012/elasticloadbalancing/us-east-2/2014/02/15/\
                 123456789012_elasticloadbalancing_us-east-2_app.one.0123456789abcdef_\
                 20140215T2340Z_127.64.0.4_";
    let (path, text) = &objects[0];
    let random = path.strip_prefix(shape).unwrap().strip_suffix(".log.gz").unwrap();
    assert!(random.len() == 8 && random.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    assert_eq!(text, "a\nc\n");
    let (path, text) = &objects[1];
    assert!(path.starts_with("my-logs/team/x/AWSLogs/123456789012/"), "{path}");
    assert_eq!((text.as_str(), objects.len()), ("b\n", 2));
    assert!(files(&fixture.spool_dir()).iter().all(|path| path.extension().unwrap() == "json"));
}

#[test]
fn the_other_logs_have_their_own_names() {
    for (kind, prefix) in [
        (LogKind::Connection, "conn_log_123456789012_"),
        (LogKind::HealthCheck, "health_check_log_123456789012_"),
    ] {
        let log = LogDestination { kind, ..destination("one", "") };
        let object = log.object("20140215T2340Z", "20sg8hgm");
        assert!(object.file_name().unwrap().to_str().unwrap().starts_with(prefix));
        assert_ne!(log.key(), destination("one", "").key());
    }
}

#[test]
fn a_record_after_the_interval_opens_the_next_segment() {
    let fixture = fixture();
    let mut spool = fixture.spool();
    spool.append(&chunk(&[(1, "old\n")]), NOW_US);
    spool.append(&chunk(&[(1, "new\n")]), NEXT_US);
    spool.finish(NEXT_US);
    let objects = fixture.objects();
    assert!(objects[0].0.contains("_20140215T2340Z_") && objects[1].0.contains("_20140215T2345Z_"));
    assert_eq!((objects[0].1.as_str(), objects[1].1.as_str()), ("old\n", "new\n"));
    assert_eq!(fixture.stats.records_written.load(Ordering::Relaxed), 2);
}

#[test]
fn what_a_killed_process_left_is_shipped_by_the_next() {
    let fixture = fixture();
    let mut killed = fixture.spool();
    killed.append(&chunk(&[(1, "a\n"), (2, "b\n")]), NOW_US);
    // kill -9: nothing is finished; the next process knows no slot.
    drop(killed);
    fixture.directory.unbind(1);
    fixture.directory.unbind(2);
    let mut next = fixture.spool();
    assert_eq!(next.backlog(), 2);
    next.rotate(NOW_US);
    let texts: Vec<_> = fixture.objects().into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts, ["a\n", "b\n"]);
    assert_eq!(next.backlog(), 0);
    assert_eq!(fixture.spool().backlog(), 0);
}

#[test]
fn shipping_twice_writes_one_object() {
    let fixture = fixture();
    let mut first = fixture.spool();
    first.append(&chunk(&[(1, "a\n")]), NOW_US);
    let spooled = files(&fixture.spool_dir()).pop().unwrap();
    first.finish(NOW_US);
    // Killed after the rename and before the removal: the spool file is still there.
    fs::write(&spooled, "a\n").unwrap();
    fixture.spool().rotate(NOW_US);
    assert_eq!(fixture.objects().len(), 1);
}

#[test]
fn an_archive_that_cannot_be_written_is_retried_and_loses_nothing() {
    let fixture = fixture();
    fs::write(fixture.root(), "a file where the directory should be").unwrap();
    let mut spool = fixture.spool();
    spool.append(&chunk(&[(1, "a\n")]), NOW_US);
    spool.rotate(NEXT_US);
    assert_eq!((spool.backlog(), fixture.errors()), (1, 1));
    spool.rotate(NEXT_US + 1);
    assert_eq!(fixture.errors(), 1, "not tried again at once");
    fs::remove_file(fixture.root()).unwrap();
    spool.rotate(NEXT_US + RETRY_US);
    assert_eq!(fixture.objects()[0].1, "a\n");
    assert_eq!((spool.backlog(), fixture.dropped()), (0, 0));
}

#[test]
fn a_spool_that_cannot_be_written_bounds_memory_and_recovers() {
    let fixture = fixture();
    fs::create_dir_all(fixture.dir.path().join("logs")).unwrap();
    fs::write(fixture.spool_dir(), "in the way").unwrap();
    let mut spool = fixture.spool();
    let line = format!("{}\n", "x".repeat(63 * 1024));
    let records = PENDING_BYTES_MAX / line.len() + 5;
    for _ in 0..records {
        spool.append(&chunk(&[(1, &line)]), NOW_US);
    }
    assert_eq!(fixture.dropped(), 5);
    assert!(spool.open.values().map(Segment::pending_bytes).sum::<usize>() <= PENDING_BYTES_MAX);
    fs::remove_file(fixture.spool_dir()).unwrap();
    spool.rotate(NEXT_US);
    assert_eq!(fixture.objects()[0].1.len(), (records - 5) * line.len());
}

#[test]
fn unknown_slots_and_torn_chunks_are_counted() {
    let fixture = fixture();
    let mut spool = fixture.spool();
    spool.append(&chunk(&[(9, "nobody\n"), (1, "a\n")]), NOW_US);
    assert_eq!((fixture.dropped(), fixture.errors()), (1, 0));
    let mut torn = chunk(&[(1, "b\n"), (1, "c\n")]);
    torn.pop();
    spool.append(&torn, NOW_US);
    assert_eq!(fixture.errors(), 1);
    spool.finish(NOW_US);
    assert_eq!(fixture.objects()[0].1, "a\nb\n");
}

#[test]
fn names_from_a_spoiled_spool_cannot_leave_the_root() {
    let mut log = destination("..", "../../x");
    log.bucket = "..".into();
    log.account = "../1".into();
    let object = log.object("20140215T2340Z", "../../evil");
    assert!(object.components().all(|part| matches!(part, std::path::Component::Normal(_))));
}

#[test]
fn the_thread_ships_everything_when_the_senders_are_gone() {
    let fixture = fixture();
    let (sender, chunks) = std::sync::mpsc::sync_channel(4);
    let thread = fixture.spool().spawn(chunks).unwrap();
    sender.send(chunk(&[(1, "a\n")])).unwrap();
    sender.send(chunk(&[(1, "b\n")])).unwrap();
    drop(sender);
    thread.join().unwrap();
    let text: String = fixture.objects().into_iter().map(|(_, text)| text).collect();
    assert_eq!(text, "a\nb\n");
}
