//! Ends an engine with the process that started it, also where that process has no time left to say so.
//!
//! A test binary keeps its engine in a static, and statics are not dropped: without this every run would leave a server behind.

use std::{
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
};

use anyhow::{Context, Result};

/// Waits for the end of its standard input, which comes with the end of the process at the other side, then ends the engine.
const SCRIPT: &str = "cat >/dev/null; kill -s \"$1\" \"$2\" 2>/dev/null; \
     while kill -0 \"$2\" 2>/dev/null; do sleep 0.1; done; [ -z \"$3\" ] || rm -rf -- \"$3\"";

/// A shell beside an engine. Dropped, it goes without touching the engine.
#[derive(Debug)]
pub struct Watchdog {
    child: Child,
    /// Closed by the system when this process ends, however it ends.
    _line: Option<ChildStdin>,
}

impl Watchdog {
    /// Watches over process `pid`: sends it `signal` once this process is gone, then removes `directory` if there is one.
    ///
    /// # Errors
    /// Where there is no shell.
    pub fn over(pid: u32, signal: &str, directory: Option<&Path>) -> Result<Self> {
        use std::os::unix::process::CommandExt;
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT, "watchdog", signal, &pid.to_string()]).arg(directory.unwrap_or(Path::new("")));
        // A group of its own: an interrupt at the terminal ends the test, not the one who cleans up after it.
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().context("cannot start sh")?;
        let line = child.stdin.take();
        Ok(Self { child, _line: line })
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        // Before its line is closed, or it would do its work now.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
