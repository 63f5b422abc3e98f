//! A server that follows another: copied from it, streaming from it, answering reads.

use std::path::Path;

use anyhow::Result;

use super::{PASSWORD, Postgres, SUPERUSER, Settings, home};
use crate::{Launch, User};

impl Postgres {
    /// Copies this server to `directory/postgres` and starts the copy as its replica, with further parameters such as
    /// `recovery_min_apply_delay=5s`.
    ///
    /// # Errors
    /// Where it cannot be copied, or with its log where it does not start.
    pub async fn replica(&self, directory: &Path, parameters: &[&str]) -> Result<Self> {
        let user = User::unprivileged(SUPERUSER)?;
        let home = home(directory, user)?;
        let port = self.port.to_string();
        // `-R`: the address and the password it came in with become those it follows by.
        Launch::new("pg_basebackup", self.programs.join("pg_basebackup"), &home)
            .args(["-D".to_owned(), home.join("data").to_string_lossy().into_owned()])
            .args(["-h", "127.0.0.1", "-p", &port, "-U", SUPERUSER, "-R", "-X", "stream", "-c", "fast", "--no-sync"])
            .env("PGPASSWORD", PASSWORD)
            .user(user)
            .run()
            .await?;
        // A replica must have room for as many connections as the server it follows.
        let inherited = self.settings.parameters.iter().cloned();
        let parameters = inherited.chain(parameters.iter().map(|parameter| (*parameter).to_owned())).collect();
        let settings = Settings { fsync: self.settings.fsync, parameters, remove_after_exit: false };
        Self::start_in(self.programs.clone(), home, user, settings).await
    }

    /// Makes a replica a server of its own that takes writes; returns when it does.
    ///
    /// # Errors
    /// With what the server says.
    pub async fn promote(&self) -> Result<()> {
        self.sql("postgres", "SELECT pg_promote()").await.map(drop)
    }
}
