//! Processes of the bench: pinned, bounded, ended by their own id; and what the kernel says they
//! used.
//!
//! The wrappers (`setpriv`, `setsid`, `sh`, `nice`, `taskset`) replace themselves by the program,
//! so the id that was started is the program's.
//!
//! Invariant: a process ends with the bench, because the kernel signals it when its parent dies.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::limits;

/// Raises the priority where that is allowed, and goes on where not. Linux groups tasks by session
/// and shares cores between groups first, so the session's niceness counts more than the task's.
const PRIORITY: &str = "{ echo -10 > /proc/self/autogroup; } 2>/dev/null; exec nice -n -10 \"$@\"";

/// Where the two sides run; `None` leaves them to the scheduler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cores {
    /// The proxy's.
    pub proxy: Option<usize>,
    /// That of load and target.
    pub load: Option<usize>,
}

/// A process that is ended when this is dropped.
pub struct Process {
    name: String,
    child: Child,
    stderr: PathBuf,
}

/// CPU time of some processes at one moment, by process and task: the task's name, nanoseconds.
#[derive(Clone, Debug, Default)]
pub struct CpuReading(BTreeMap<(u32, u32), (String, u64)>);

// === impl Cores ===

impl Cores {
    /// The first two cores that this process may use.
    pub fn of_process() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
        let cores = parse_cores(list.unwrap_or_default().trim());
        match cores.as_slice() {
            [proxy, load, ..] => Self { proxy: Some(*proxy), load: Some(*load) },
            _ => Self::anywhere(),
        }
    }

    /// No pinning.
    pub fn anywhere() -> Self {
        Self { proxy: None, load: None }
    }
}

// === impl Process ===

impl Process {
    /// Starts `program` on `core`. Its output goes to `<dir>/<name>.out` and `.err`, unless `piped`
    /// asks for the output.
    pub fn start(
        dir: &Path,
        name: &str,
        core: Option<usize>,
        program: &[&str],
        piped: bool,
    ) -> Result<Self> {
        let (out, stderr) = (dir.join(format!("{name}.out")), dir.join(format!("{name}.err")));
        let mut command = wrapped(core, program);
        command.stdin(Stdio::null()).stderr(File::create(&stderr)?);
        if piped {
            command.stdout(Stdio::piped());
        } else {
            command.stdout(File::create(&out)?);
        }
        let child = command.spawn().with_context(|| format!("{name} cannot be started"))?;
        Ok(Self { name: name.to_owned(), child, stderr })
    }

    /// Its id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its id and those of its descendants.
    pub fn ids(&self) -> Vec<u32> {
        descendants(self.id())
    }

    /// Its standard output, once, if it was asked for.
    pub fn output(&mut self) -> Option<std::process::ChildStdout> {
        self.child.stdout.take()
    }

    /// Fails with what it said when it has ended.
    pub fn check(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("{} ended ({status}): {}", self.name, self.last_words()),
        }
    }

    /// Waits for its end, at most until `deadline`.
    pub fn wait_until(&mut self, deadline: Instant) -> Result<()> {
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                if status.success() {
                    return Ok(());
                }
                bail!("{} failed ({status}): {}", self.name, self.last_words());
            }
            sleep(limits::LOOK_EVERY);
        }
        bail!("{} did not end in time: {}", self.name, self.last_words())
    }

    /// The end of what it wrote to its error output.
    pub fn last_words(&self) -> String {
        let text = fs::read_to_string(&self.stderr).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(5)..].join(" | ")
    }

    /// Ends it without asking, as a power cut would.
    pub fn kill(&mut self) {
        // Both may fail only when it has ended meanwhile.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to end, then makes it.
    fn stop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        let id = self.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &id]).status();
        let deadline = Instant::now() + limits::STOP_WITHIN;
        while asked.is_ok() && Instant::now() < deadline {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            sleep(limits::LOOK_EVERY);
        }
        // Both may fail only when it has ended meanwhile.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
    }
}

// === impl CpuReading ===

impl CpuReading {
    /// Reads every task of these processes. One that has ended meanwhile is left out.
    pub fn take(ids: &[u32]) -> Self {
        let mut tasks = BTreeMap::new();
        for &id in ids {
            let Ok(list) = fs::read_dir(format!("/proc/{id}/task")) else { continue };
            for entry in list.flatten() {
                let text = fs::read_to_string(entry.path().join("schedstat"));
                let task = entry.file_name().to_string_lossy().parse();
                if let (Ok(text), Ok(task)) = (text, task)
                    && let Some(ns) = parse_schedstat(&text)
                {
                    let name = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
                    tasks.insert((id, task), (name.trim().to_owned(), ns));
                }
            }
        }
        Self(tasks)
    }

    /// Nanoseconds used since `earlier`, by name of task.
    pub fn since(&self, earlier: &Self) -> BTreeMap<String, u64> {
        let mut used = BTreeMap::new();
        for (task, (name, ns)) in &self.0 {
            let before = earlier.0.get(task).map_or(0, |(_, ns)| *ns);
            *used.entry(name.clone()).or_default() += ns.saturating_sub(before);
        }
        used
    }
}

/// Resident memory of these processes in KiB.
pub fn resident_kib(ids: &[u32]) -> u64 {
    let one = |id: &u32| {
        let text = fs::read_to_string(format!("/proc/{id}/smaps_rollup")).ok()?;
        parse_resident(&text)
    };
    ids.iter().filter_map(one).sum()
}

fn wrapped(core: Option<usize>, program: &[&str]) -> Command {
    let mut words: Vec<String> = ["setpriv", "--pdeathsig", "TERM"].map(str::to_owned).to_vec();
    if let Some(core) = core {
        words.extend(["setsid", "sh", "-c", PRIORITY, "sh"].map(str::to_owned));
        words.extend(["taskset", "-c"].map(str::to_owned));
        words.push(core.to_string());
    }
    words.extend(program.iter().map(|word| (*word).to_owned()));
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]);
    command
}

fn descendants(root: u32) -> Vec<u32> {
    let mut parents = BTreeMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Ok(id) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        if let Some(parent) = parse_parent(&stat) {
            parents.insert(id, parent);
        }
    }
    let mut found = vec![root];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        found.extend(parents.iter().filter(|(_, p)| **p == parent).map(|(id, _)| *id));
        next += 1;
    }
    found
}

/// The parent in `/proc/PID/stat`, which stands after a name that may hold anything.
fn parse_parent(stat: &str) -> Option<u32> {
    stat[stat.rfind(')')? + 1..].split_whitespace().nth(1)?.parse().ok()
}

fn parse_schedstat(text: &str) -> Option<u64> {
    text.split_whitespace().next()?.parse().ok()
}

fn parse_resident(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("Rss:"))?;
    line.split_whitespace().next()?.parse().ok()
}

fn parse_cores(list: &str) -> Vec<usize> {
    let range = |part: &str| -> Option<Vec<usize>> {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some((first.parse().ok()?..=last.parse().ok()?).collect())
    };
    list.split(',').filter_map(range).flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernel_texts_are_read() {
        assert_eq!(parse_schedstat("123456 789 10\n"), Some(123_456));
        assert_eq!(parse_parent("42 (a b) c) S 7 42 42 0"), Some(7));
        assert_eq!(parse_resident("00-11 rollup\nRss:      2048 kB\nPss: 1 kB\n"), Some(2_048));
        assert_eq!(parse_cores("0-1,4"), [0, 1, 4]);
        assert_eq!(parse_cores(""), Vec::<usize>::new());
    }

    #[test]
    fn cpu_time_is_what_each_task_used_meanwhile() {
        let task = |id, name: &str, ns| ((1, id), (name.to_owned(), ns));
        let before = CpuReading([task(1, "data", 100), task(2, "gone", 50)].into());
        let after =
            CpuReading([task(1, "data", 150), task(3, "data", 5), task(4, "log", 7)].into());
        let used = after.since(&before);
        assert_eq!(used, [("data".to_owned(), 55), ("log".to_owned(), 7)].into());
    }

    #[test]
    fn this_process_uses_time_and_memory() {
        let id = std::process::id();
        assert!(!CpuReading::take(&[id]).0.is_empty());
        assert!(resident_kib(&[id]) > 100);
    }

    #[test]
    fn a_process_is_ended_with_its_handle() {
        let dir = tempfile::tempdir().unwrap();
        let process = Process::start(dir.path(), "sleeper", None, &["sleep", "60"], false).unwrap();
        let id = process.id();
        assert_eq!(process.ids(), [id]);
        drop(process);
        assert!(!Path::new(&format!("/proc/{id}")).exists());
    }

    #[test]
    fn a_pinned_process_keeps_its_id_and_its_core() {
        let Some(core) = Cores::of_process().load else { return };
        let dir = tempfile::tempdir().unwrap();
        let words = ["sleep", "60"];
        let process = Process::start(dir.path(), "pinned", Some(core), &words, false).unwrap();
        let path = |name| format!("/proc/{}/{name}", process.id());
        let deadline = Instant::now() + limits::STOP_WITHIN;
        while fs::read_to_string(path("comm")).unwrap() != "sleep\n" {
            assert!(Instant::now() < deadline);
            sleep(limits::LOOK_EVERY);
        }
        let status = fs::read_to_string(path("status")).unwrap();
        assert!(status.contains(&format!("Cpus_allowed_list:\t{core}\n")), "{status}");
    }

    #[test]
    fn a_failed_process_says_why() {
        let dir = tempfile::tempdir().unwrap();
        let words = ["sh", "-c", "echo no such thing >&2; exit 3"];
        let mut process = Process::start(dir.path(), "failing", None, &words, false).unwrap();
        let deadline = Instant::now() + limits::STOP_WITHIN;
        let error = process.wait_until(deadline).unwrap_err().to_string();
        assert!(error.contains("no such thing"), "{error}");
    }
}
