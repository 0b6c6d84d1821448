//! One running instance of the real binary.
//!
//! Invariant: the process and its directory go when the value goes.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::api::Api;

const START_MAX: Duration = Duration::from_secs(60);
const STOP_MAX: Duration = Duration::from_secs(30);
const ACCESS_KEY: &str = "AKIAACCEPTANCETESTS1";
const SECRET: &str = "acceptance-secret-that-no-log-may-hold";

static NEXT: AtomicU32 = AtomicU32::new(0);

/// How to start.
#[derive(Clone, Default)]
pub struct Options {
    /// Text of the settings file.
    pub config: String,
}

/// One instance.
pub struct Weir {
    binary: PathBuf,
    home: PathBuf,
    child: Option<Child>,
    /// `127.0.0.1:PORT` of the API.
    pub endpoint: String,
}

// === impl Weir ===

impl Weir {
    /// Starts an instance in a directory of its own.
    pub fn start(binary: &Path, options: &Options) -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("weir-test-{}-{number}", std::process::id());
        let home = std::env::temp_dir().join(name);
        std::fs::create_dir(&home).unwrap();
        std::fs::write(home.join("weir.toml"), &options.config).unwrap();
        let endpoint = String::new();
        let mut weir = Self { binary: binary.to_owned(), home, child: None, endpoint };
        weir.start_again();
        weir
    }

    /// Starts the process on the directory that it had before.
    pub fn start_again(&mut self) {
        assert!(self.child.is_none(), "it runs");
        let log = std::fs::File::options().create(true).append(true).open(self.log_file());
        let mut child = Command::new(&self.binary)
            .args(["up", "--api", "127.0.0.1:0", "--data-dir"])
            .arg(self.data_dir())
            .arg("--config")
            .arg(self.home.join("weir.toml"))
            .env("WEIR_ACCESS_KEY_ID", ACCESS_KEY)
            .env("WEIR_SECRET_ACCESS_KEY", SECRET)
            .stdout(Stdio::piped())
            .stderr(log.unwrap())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        self.child = Some(child);
        let (sender, receiver) = mpsc::channel();
        // Reads to the end, so that the process never blocks on its standard output.
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let deadline = Instant::now() + START_MAX;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match receiver.recv_timeout(left) {
                Ok(line) => {
                    if let Some((_, address)) = line.split_once("API on http://") {
                        self.endpoint = address.trim().to_owned();
                        return;
                    }
                }
                Err(RecvTimeoutError::Timeout) => panic!("no start in {START_MAX:?}"),
                Err(RecvTimeoutError::Disconnected) => panic!("no start:\n{}", self.log()),
            }
        }
    }

    /// A new connection to the API.
    pub fn api(&self) -> Api {
        Api::new(&self.endpoint, ACCESS_KEY, SECRET, "us-east-1")
    }

    /// Key, secret and region, for other clients.
    pub fn credentials(&self) -> (&'static str, &'static str, &'static str) {
        (ACCESS_KEY, SECRET, "us-east-1")
    }

    /// Where everything is kept.
    pub fn data_dir(&self) -> PathBuf {
        self.home.join("data")
    }

    /// Kilobytes of memory in use.
    pub fn rss_kib(&self) -> u64 {
        let id = self.child.as_ref().unwrap().id();
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// An orderly stop.
    pub fn stop(&mut self) -> ExitStatus {
        let mut child = self.child.take().unwrap();
        let id = child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        let deadline = Instant::now() + STOP_MAX;
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return status;
            }
            if Instant::now() > deadline {
                child.kill().unwrap();
                child.wait().unwrap();
                panic!("no stop in {STOP_MAX:?}:\n{}", self.log());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// Fails when the log holds the secret or a panic.
    pub fn check_log(&self) {
        let log = self.log();
        assert!(!log.contains(SECRET), "the secret is in the log");
        assert!(!log.contains("panicked"), "a panic:\n{log}");
    }

    fn log_file(&self) -> PathBuf {
        self.home.join("log")
    }
}

impl Drop for Weir {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            let log = self.log();
            let tail = log.len().saturating_sub(4_000);
            super::say(format_args!(
                "end of the log:\n{}",
                String::from_utf8_lossy(&log.as_bytes()[tail..])
            ));
        }
        let _ = std::fs::remove_dir_all(&self.home);
    }
}
