//! What processes took of the machine, by /proc.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result};

/// `USER_HZ`, the unit of times in /proc: the same on every machine that we run on.
const TICK: Duration = Duration::from_millis(10);

/// A process that runs in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// The first folder below the directory asked for.
    pub folder: String,
    /// Its id.
    pub pid: u32,
    /// Its program, where that can be seen.
    pub program: Option<PathBuf>,
}

/// Every process whose working directory is in a folder of `directory`, such as the members of a stack with their children.
///
/// # Errors
/// Where the directory is not there.
pub fn processes_below(directory: &Path) -> Result<Vec<Process>> {
    let directory = directory.canonicalize().with_context(|| format!("no {}", directory.display()))?;
    let entries = fs::read_dir("/proc")?.flatten();
    let found = entries.filter_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let works_in = fs::read_link(entry.path().join("cwd")).ok()?;
        let folder = works_in.strip_prefix(&directory).ok()?.iter().next()?.to_str()?.to_owned();
        Some(Process { folder, pid, program: fs::read_link(entry.path().join("exe")).ok() })
    });
    Ok(found.collect())
}

/// Processor time of a process so far, in the kernel and outside, with that of its children that have ended. None where it is gone.
pub fn cpu(pid: u32) -> Option<Duration> {
    let [user, system, ended_user, ended_system] = ticks(pid)?;
    Some(TICK * (user + system + ended_user + ended_system))
}

/// Processor time of this process's children that have ended and were waited for.
pub fn cpu_of_ended_children() -> Duration {
    ticks(std::process::id()).map_or(Duration::ZERO, |[_, _, user, system]| TICK * (user + system))
}

fn ticks(pid: u32) -> Option<[u32; 4]> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in brackets, may hold anything.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut next = || fields.next()?.parse().ok();
    Some([next()?, next()?, next()?, next()?])
}

/// A line of memory of /proc/PID/status, such as `VmRSS`, in MiB.
///
/// # Errors
/// Where the process is gone or has no such line.
pub fn resident(pid: u32, line: &str) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let value = status.lines().find_map(|text| text.strip_prefix(line)).context("no such line")?;
    let kib: f64 = value.trim_matches([':', ' ', '\t', 'k', 'B']).parse()?;
    Ok(kib / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_found_by_the_folder_it_works_in() {
        let directory = tempfile::tempdir().unwrap();
        let folder = directory.path().join("gateway-1");
        fs::create_dir(&folder).unwrap();
        let mut child = std::process::Command::new("sleep").arg("60").current_dir(&folder).spawn().unwrap();
        let found = processes_below(directory.path()).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        let [process] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((process.folder.as_str(), process.pid), ("gateway-1", child.id()));
    }

    #[test]
    fn work_of_a_child_is_counted_when_it_has_ended() {
        let before = cpu_of_ended_children();
        let burn = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
        assert!(std::process::Command::new("sh").args(["-c", burn]).status().unwrap().success());
        assert!(cpu_of_ended_children() > before);
        assert!(cpu(std::process::id()).unwrap() >= cpu_of_ended_children());
    }
}
