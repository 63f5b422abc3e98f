//! Who an engine runs as that refuses to be root.

use std::{os::unix::fs::chown, path::Path};

use anyhow::{Context, Result};

/// A user of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct User {
    /// Its number.
    pub uid: u32,
    /// Its first group.
    pub gid: u32,
}

impl User {
    /// The named user where we are root; none where we are somebody else already.
    ///
    /// # Errors
    /// Where we are root and there is no such user.
    pub fn unprivileged(name: &str) -> Result<Option<Self>> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let accounts = std::fs::read_to_string("/etc/passwd")?;
        let entry = accounts.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|entry| entry[0] == name);
        let entry = entry.with_context(|| format!("there is no user {name}; `make test` installs what makes it"))?;
        let number = |at: usize| entry.get(at).and_then(|text| text.parse().ok()).context("/etc/passwd cannot be read");
        Ok(Some(Self { uid: number(2)?, gid: number(3)? }))
    }

    /// Gives it a file or directory (not what is inside).
    ///
    /// # Errors
    /// Where that is not allowed.
    pub fn give(self, path: &Path) -> Result<()> {
        chown(path, Some(self.uid), Some(self.gid)).with_context(|| format!("cannot give {} away", path.display()))
    }
}
